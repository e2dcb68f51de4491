/* collector/store/block/sketch.h - quantiles of many values in few bytes, within 1 % of the value.
 *
 * Shape    a histogram of logarithmic buckets of ratio SKETCH_GAMMA, for values above 0 and below, and a count of
 *          zeros; min, max, count kept exactly. Sketches of parts add up to the sketch of the whole
 * Error    sketch_quantile() is within 1 % of the value whose rank it is (nearest rank), and exact where that
 *          is the first or the last: of few values the high quantiles are the greatest of them
 * Limit    SKETCH_BUCKETS_MAX buckets a side, the highest: a factor of 10^35. What lies closer to 0 than that is
 *          counted in the lowest of them and told as if it lay there, which is off by 10^-35 of the side's greatest
 *          value at most. In which order values came makes no difference
 * Source   Masson, Rim, Lee: DDSketch, VLDB 2019
 * Bytes    the counts from the lowest bucket to the highest as varints, runs of none told by their length; a row of the
 *          store holds those of all series of a host, compressed together, written and read one by one
 * Input    sketch rows come from a disk: -EBADMSG for what is none
 * Threads  pure; memory from the caller's arena
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

#define SKETCH_GAMMA 1.02
enum {
    SKETCH_BUCKETS_MAX = 4096,
    SKETCH_ARENA_BYTES = 256 << 10 /* what one sketch takes in an arena at most, however it grew */
};

struct sketch { /* zeroed memory is an empty one */
    uint64_t count;
    double min, max;
    uint64_t zeros;
    struct sketch_side { /* buckets low..low+n-1 */
        int32_t low;
        uint32_t n;
        uint32_t room;
        uint64_t *counts; /* in the arena */
    } above, below;
};

/* `value` is finite; n times. -ENOMEM. */
int sketch_add(struct sketch *sketch, struct arena *arena, double value, uint32_t n);
int sketch_merge(struct sketch *sketch, struct arena *arena, const struct sketch *from);
/* 0 <= q <= 1; NaN when it is empty. */
double sketch_quantile(const struct sketch *sketch, double q);

struct block_coder; /* lends its compression */

struct sketch_source { /* sketches that are there one after the other */
    /* Number i, i counting from 0: *ret is borrowed until the next is asked for. What it says is passed on. */
    int (*give)(const void *user, uint32_t i, const struct sketch **ret, struct err *err);
    const void *user;
};
/* `user` is an array of them. */
int sketch_of_array(const void *user, uint32_t i, const struct sketch **ret, struct err *err);

/* The sketches of a host's n series, in the order of its table, as one row: with version and checksum. *ret is borrowed
 * from the coder until its next call; the source may read other rows, but not open any. -EMSGSIZE: counts beyond all
 * measure (SERIES_MAX series with 2^14 values in every bucket fit). */
int sketches_encode(struct block_coder *coder, const struct sketch_source *source, uint32_t n, struct bytes *ret,
                    struct err *err);

struct sketches_view {
    uint32_t n;
    const uint32_t *at; /* n + 1 offsets into `bytes` */
    const uint8_t *bytes;
};
/* Decompresses into `arena`, decodes none yet. -EBADMSG. */
int sketches_open(struct block_coder *coder, const void *bytes, size_t len, struct arena *arena,
                  struct sketches_view *ret, struct err *err);
int sketches_read(const struct sketches_view *view, uint32_t i, struct arena *arena, struct sketch *ret,
                  struct err *err);
