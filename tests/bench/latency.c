#include "tests/bench/latency.h"

enum { FINE_BITS = 6, FINE = 1 << FINE_BITS };

/* Below 64 a bucket each; from there on 64 for each power of two. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < FINE)
        return (unsigned)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - FINE_BITS;
    unsigned bucket = (shift + 1) * FINE + (unsigned)(ns >> shift) - FINE;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static int64_t bucket_end(unsigned bucket)
{
    if (bucket < FINE)
        return bucket;
    unsigned shift = bucket / FINE - 1;
    return (int64_t)(((uint64_t)(FINE + bucket % FINE + 1) << shift) - 1);
}

void latency_add(struct latency *latency, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    latency->n++;
    latency->buckets[bucket_of((uint64_t)ns)]++;
    if (ns > latency->longest_ns)
        latency->longest_ns = ns;
}

int64_t latency_percentile(const struct latency *latency, double percent)
{
    double wanted = (double)latency->n * percent / 100;
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && (double)seen >= wanted)
            return bucket_end(i) < latency->longest_ns ? bucket_end(i) : latency->longest_ns;
    }
    return 0;
}
