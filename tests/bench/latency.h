/* tests/bench/latency.h - how long things took, as a histogram.
 *
 * Shape    buckets of 1/64 of their power of two: a percentile is at most 1.6 % above the true one
 * Units    nanoseconds
 * Threads  one at a time
 */
#pragma once
#include <stdint.h>

enum { LATENCY_BUCKETS = 64 * 60 };

struct latency {
    uint64_t n;
    int64_t longest_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* Negative ones count as 0. */
void latency_add(struct latency *latency, int64_t ns);

/* The upper end of the bucket that holds the `percent`th of 100; 0: nothing was added. */
int64_t latency_percentile(const struct latency *latency, double percent);
