/* agent/probe/probe.h - latency and loss to configured targets, by bursts of TCP connects.
 *
 * Shape    each target is tried in bursts: `count` non-blocking connects, `spacing` apart, each given `timeout`; when
 *          the burst is over its result stands until the next one. A burst never overlaps itself.
 * Result   probe.latency (mean of the connects that succeeded, NaN when none did), probe.latency.max, probe.loss
 *          (share of connects that failed), probe.attempts (the count behind it); instance = the target's name
 * Limits   PROBE_TARGETS_MAX targets, PROBE_COUNT_MAX connects a burst. Targets are addresses or names; a name is
 *          looked up by libuv's thread pool before each burst, a failed look-up is a lost burst
 * Threads  all calls on the loop's thread
 */
#pragma once
#include <uv.h>

#include "agent/read/readings.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

enum { PROBE_TARGETS_MAX = 64, PROBE_COUNT_MAX = 20 };

struct probe_target {
    const char *name;    /* the series' instance */
    const char *address; /* "HOST:PORT" */
    int64_t every_us;    /* from one burst's start to the next one's */
    int64_t count;       /* connects of a burst */
    int64_t spacing_us;
    int64_t timeout_us;
};

struct prober; /* opaque */

/* -EINVAL: an address without a port, a count or time out of range, or a burst longer than `every`. Opens nothing. */
int probe_target_check(const struct probe_target *target, struct err *err);

/* Copies the targets; clock and log are borrowed. -EINVAL: too many targets, or one that probe_target_check() refuses.
 */
int prober_open(struct prober **ret_prober, uv_loop_t *loop, const struct probe_target *targets, size_t n,
                const struct clock *clock, const struct log *log, struct err *err);

/* Adds the latest finished burst of every target; NaN before the first. */
void prober_take(struct prober *prober, struct readings *readings);

/* Whether every target has finished a burst since prober_open(). */
bool prober_ready(const struct prober *prober);

/* Closes its handles; the loop must run until they are gone. NULL is fine. Always returns NULL. */
struct prober *prober_close(struct prober *prober);
