/* proto/link/pause.h - how long an agent may stay away from a collector that it could not reach. Pure. */
#pragma once
#include <stdint.h>

enum { LINK_PAUSE_LEAST_MS = 1000, LINK_PAUSE_MOST_MS = 30000 };

/* The longest pause between two dials of who has had no connection for `away_ms`: a quarter of that,
 * LINK_PAUSE_LEAST_MS to LINK_PAUSE_MOST_MS. */
static inline int link_longest_pause_ms(uint64_t away_ms)
{
    uint64_t pause_ms = away_ms / 4;
    return pause_ms < LINK_PAUSE_LEAST_MS  ? LINK_PAUSE_LEAST_MS
           : pause_ms < LINK_PAUSE_MOST_MS ? (int)pause_ms
                                           : LINK_PAUSE_MOST_MS;
}
