/* agent/spool/ranges.h - a set of tick numbers, as the ranges it is made of.
 *
 * Shape    ranges rise and never touch: 1..5 and 6..9 are 1..9. A run that is delivered oldest first is one range
 * Limit    RANGES_MAX ranges
 * Owner    zeroed memory is an empty set; ranges_done() frees
 * Threads  one caller
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RANGES_MAX = 4096 };

struct range {
    uint64_t first, last; /* both in it */
};

struct ranges {
    struct range *at;
    size_t n, room;
};

/* -ENOMEM, -ENOSPC: the set is as it was. */
int ranges_add(struct ranges *ranges, uint64_t first, uint64_t last);

/* The first stretch of first..last that is not in the set. False: all of it is. */
bool ranges_gap(const struct ranges *ranges, uint64_t first, uint64_t last, struct range *ret);

/* How many of first..last are not in the set. */
uint64_t ranges_missing(const struct ranges *ranges, uint64_t first, uint64_t last);

void ranges_done(struct ranges *ranges);
