/* tests/bench/sample.h - a host that does not exist: its series table and how its values move.
 *
 * Shape    the catalogue's metrics in order, one instance each, then a second one of those that have instances, and so
 *          on until there are as many columns as asked for. Ratios, sizes, rates and latencies wander within ranges a
 *          healthy host shows; 40 % of the rates are 0, as they are on real hosts. No threshold of the shipped rules is
 *          crossed
 * Threads  the shape is constant once made; values are one host's
 */
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

struct sample_range {
    int64_t least, most; /* where values wander */
    int64_t step;        /* the longest way in one tick; 0: it stands still at `least` */
};

struct sample_shape {
    struct series_table table;
    struct bytes table_bytes;
    struct sample_range ranges[SERIES_MAX];
};

/* `n` is 1..SERIES_MAX. Everything lives in the arena. */
int sample_shape_make(struct sample_shape *ret, uint32_t n, struct arena *arena, struct err *err);

/* The first values, and the next; `seed` is the host's own, never 0, and moves on. */
void sample_begin(const struct sample_shape *shape, uint64_t *seed, int64_t *values);
void sample_move(const struct sample_shape *shape, uint64_t *seed, int64_t *values);
