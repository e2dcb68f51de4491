/* agent/uplink/uplink.h - getting ticks to the collector: queue, session, send, ack, back-off, policy.
 *
 * Shape    ticks are queued as they are taken; one report is in flight at a time; a tick leaves the queue when the
 *          collector says it is stored. Live ticks go first, the backlog behind them, oldest first, at a bounded rate
 *          (design: rule 3).
 * Session  hello, welcome, then reports, all by the secure channel; `no-session` makes it shake hands again, with
 *          back-off; an answer that does not come within UPLINK_ANSWER_US is asked again, after three such the
 *          connection is dialled anew, at the collector's next address
 * Trust    only what the collector of the pinned key said in this session moves anything; else it is as if it had not
 *          come, counted and logged
 * Spool    each tick is written to disk as well, so that it outlives a kill, a restart, and an outage longer than the
 *          queue is. What earlier runs left there is backlog like any other. Without a disk the queue has to do
 * Full     queue and spool are bounded: the oldest ticks give way, are counted, and declared to the collector; in a war
 *          room fresh beats complete
 * Refused  a refused batch is logged with its reason and dropped; an overlapping one is cut by what is stored and
 *          sent again. A host that is not known, or revoked, keeps its ticks and goes on asking
 * Threads  all calls and callbacks on the loop's thread
 */
#pragma once
#include <uv.h>

#include "agent/read/readings.h"
#include "agent/spool/spool.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/link/keys.h"

enum {
    UPLINK_ANSWER_US = 10000000,
    UPLINK_SCATTER_US = 10000000, /* within which the backlogs of many hosts begin */
    UPLINK_LEAVE_US = 1000000,
};

struct uplink; /* opaque */

struct uplink_config {
    const char *const *addresses; /* "HOST:PORT", of the collector; 1..LINK_ADDRESSES_MAX of them */
    size_t n_addresses;
    struct public_key collector; /* pinned */
    const struct key_pair *own;  /* borrowed until uplink_close() */
    uint64_t host;
    int64_t interval_us;  /* until the collector's first policy */
    size_t queue_bytes;   /* of encoded ticks held at most */
    const char *spool;    /* its directory; NULL: no spool */
    uint64_t spool_bytes; /* as spool_open() wants them */
    int64_t spool_age_us;
    struct boot_id boot;
    const char *hostname; /* for the hello */
    const char *system;
};

struct uplink_counts {
    uint64_t stored;   /* ticks the collector confirmed */
    uint64_t dropped;  /* ticks that gave way to newer ones, or that there was no memory for */
    uint64_t refused;  /* ticks in refused batches */
    uint64_t queued;   /* ticks held now, in memory or on disk */
    uint64_t spooled;  /* of those: on disk */
    uint64_t unopened; /* answers that the collector did not give, not in this session */
};

/* `on_interval` is called when a policy changes the tick interval. Texts are copied; clock and log are borrowed. */
int uplink_open(struct uplink **ret_uplink, uv_loop_t *loop, const struct uplink_config *config,
                void (*on_interval)(void *user, int64_t interval_us), void *user, const struct clock *clock,
                const struct log *log, struct err *err);

/* Queues one tick taken at (mono, wall); copies. Sends it at once if nothing is in flight. */
void uplink_push(struct uplink *uplink, const struct readings *readings, int64_t mono_us, int64_t wall_us);

/* Calls `done` on the loop when everything in the queue is stored, or after `within_us`; when there is a spool, once
 * what is left is safe in it, UPLINK_LEAVE_US later at the latest. Once. */
void uplink_drain(struct uplink *uplink, int64_t within_us, void (*done)(void *user), void *user);

struct uplink_counts uplink_counts(const struct uplink *uplink);
/* Of the policy in force. */
unsigned uplink_exercise(const struct uplink *uplink);

/* The loop must run until its handles are gone. NULL is fine. Always returns NULL. */
struct uplink *uplink_close(struct uplink *uplink);
