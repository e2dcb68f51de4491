/* agent/uplink/uplink.h - getting ticks to the collector: queue, session, send, ack, back-off, policy.
 *
 * Shape    ticks are queued as they are taken; one report is in flight at a time; a tick leaves the queue when the
 *          collector says it is stored. Live ticks go first, the backlog behind them, oldest first, at a bounded rate
 *          (design: rule 3).
 * Session  hello, welcome, then reports; `no-session` makes it shake hands again, with back-off; an answer that does
 *          not come within UPLINK_ANSWER_US is asked again, after three such the connection is dialled anew
 * Full     the queue is bounded in bytes: the oldest ticks give way and are counted; in a war room fresh beats complete
 * Refused  a refused batch is logged with its reason and dropped; an overlapping one is cut by what is stored and
 *          sent again
 * Threads  all calls and callbacks on the loop's thread
 */
#pragma once
#include <uv.h>

#include "agent/read/readings.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum { UPLINK_ANSWER_US = 10000000 };

struct uplink; /* opaque */

struct uplink_config {
    const char *collector; /* "HOST:PORT" */
    uint64_t host;
    int64_t interval_us;  /* until the collector's first policy */
    size_t queue_bytes;   /* of encoded ticks held at most */
    const char *hostname; /* for the hello */
    const char *system;
};

struct uplink_counts {
    uint64_t stored;  /* ticks the collector confirmed */
    uint64_t dropped; /* ticks that gave way to newer ones, or that there was no memory for */
    uint64_t refused; /* ticks in refused batches */
    uint64_t queued;  /* ticks held now */
};

/* `on_interval` is called when a policy changes the tick interval. Texts are copied; clock and log are borrowed. */
int uplink_open(struct uplink **ret_uplink, uv_loop_t *loop, const struct uplink_config *config,
                void (*on_interval)(void *user, int64_t interval_us), void *user, const struct clock *clock,
                const struct log *log, struct err *err);

/* Queues one tick taken at (mono, wall); copies. Sends it at once if nothing is in flight. */
void uplink_push(struct uplink *uplink, const struct readings *readings, int64_t mono_us, int64_t wall_us);

/* Calls `done` on the loop when everything queued is stored, or after `within_us` at the latest. Once. */
void uplink_drain(struct uplink *uplink, int64_t within_us, void (*done)(void *user), void *user);

struct uplink_counts uplink_counts(const struct uplink *uplink);

/* The loop must run until its handles are gone. NULL is fine. Always returns NULL. */
struct uplink *uplink_close(struct uplink *uplink);
