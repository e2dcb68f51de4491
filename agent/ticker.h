/* agent/ticker.h - when to take the next tick.
 *
 * Shape    ticks fall on multiples of the interval on the wall clock, so that the ticks of many hosts line up, moved
 *          by a few milliseconds that differ from host to host, so that their reports do not. Each wait is counted
 *          from the clock, not from the tick before: lateness does not add up. A tick that comes too late is left out
 *          and counted
 * Units    microseconds
 * Threads  pure functions on the caller's struct
 */
#pragma once
#include <stdint.h>

enum { TICKER_JITTER_US = 20000 };

struct ticker {
    int64_t interval_us;
    int64_t offset_us;
    int64_t last_us; /* monotonic, of the tick before; 0: none */
};

/* `host` gives the jitter. Also for a change of the interval: what was before it is not counted as late. */
void ticker_init(struct ticker *ticker, int64_t interval_us, uint64_t host);

/* How long from now on to the next tick: more than half an interval after a tick that was in time. */
int64_t ticker_wait(const struct ticker *ticker, int64_t wall_us);

/* A tick is taken now. Returns how many were left out since the one before. */
uint64_t ticker_took(struct ticker *ticker, int64_t mono_us);
