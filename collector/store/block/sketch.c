/* A sketch counts how many values lay in (gamma^(i-1), gamma^i]. Saying 2 gamma^i / (gamma + 1) for any of them is
 * wrong by (gamma - 1) / (gamma + 1) of the value at most: 0.99 %. */
#include "collector/store/block/sketch.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { BUCKET_MAX = 40000, ROOM_LEAST = 16 }; /* doubles reach from gamma^-37591 to gamma^35843 */

static int32_t bucket_of(double value)
{
    return (int32_t)ceil(log(value) / log(SKETCH_GAMMA));
}

static double middle_of(int32_t bucket)
{
    return exp(bucket * log(SKETCH_GAMMA)) * (2 / (SKETCH_GAMMA + 1));
}

/* Makes `low` the lowest bucket of the side: it counts what lies below too. */
static void collapse(struct sketch_side *side, int32_t low)
{
    uint32_t drop = (uint32_t)(low - side->low);
    uint32_t last = drop < side->n ? drop : side->n - 1; /* that takes the others in */
    for (uint32_t i = 0; i < last; i++)
        side->counts[last] += side->counts[i];
    side->n -= last;
    memmove(side->counts, side->counts + last, side->n * sizeof *side->counts);
    side->low = low;
}

static uint32_t room_of(uint32_t n)
{
    uint32_t room = n + n / 2 > ROOM_LEAST ? n + n / 2 : ROOM_LEAST;
    return room < SKETCH_BUCKETS_MAX ? room : SKETCH_BUCKETS_MAX;
}

/* Makes buckets low..high part of the side, of which there may be too many: then the highest. */
static int side_reach(struct sketch_side *side, struct arena *arena, int32_t low, int32_t high)
{
    assert(low <= high && low >= -BUCKET_MAX && high <= BUCKET_MAX);
    if (side->n > 0) {
        low = low < side->low ? low : side->low;
        int32_t top = side->low + (int32_t)side->n - 1;
        high = high > top ? high : top;
    }
    if (high - low >= SKETCH_BUCKETS_MAX)
        low = high - SKETCH_BUCKETS_MAX + 1;
    uint32_t n = (uint32_t)(high - low) + 1;
    uint32_t room = room_of(n);
    uint64_t *counts = n > side->room ? arena_alloc(arena, room, sizeof *counts) : side->counts;
    if (!counts)
        return -ENOMEM;
    if (side->n > 0 && side->low < low)
        collapse(side, low);
    uint32_t shift = side->n > 0 ? (uint32_t)(side->low - low) : 0;
    if (n > side->room) {
        if (side->n > 0)
            memcpy(counts + shift, side->counts, side->n * sizeof *counts);
        side->counts = counts;
        side->room = room;
    } else if (n > side->n) {
        memmove(side->counts + shift, side->counts, side->n * sizeof *side->counts);
        memset(side->counts, 0, shift * sizeof *side->counts);
        memset(side->counts + shift + side->n, 0, (n - shift - side->n) * sizeof *side->counts);
    }
    side->low = low;
    side->n = n;
    return 0;
}

static uint64_t *count_of(const struct sketch_side *side, int32_t bucket)
{
    return &side->counts[bucket > side->low ? bucket - side->low : 0];
}

static void include(struct sketch *sketch, double min, double max, uint64_t count)
{
    if (sketch->count == 0 || min < sketch->min)
        sketch->min = min;
    if (sketch->count == 0 || max > sketch->max)
        sketch->max = max;
    sketch->count += count;
}

int sketch_add(struct sketch *sketch, struct arena *arena, double value, uint32_t n)
{
    assert(isfinite(value));
    if (n == 0)
        return 0;
    if (value == 0) {
        sketch->zeros += n;
        value = 0; /* not -0 */
    } else {
        struct sketch_side *side = value > 0 ? &sketch->above : &sketch->below;
        int32_t bucket = bucket_of(fabs(value));
        if (side->n == 0 || bucket < side->low || bucket >= side->low + (int32_t)side->n) {
            int rc = side_reach(side, arena, bucket, bucket);
            if (rc < 0)
                return rc;
        }
        *count_of(side, bucket) += n;
    }
    include(sketch, value, value, n);
    return 0;
}

static int side_reach_over(struct sketch_side *side, struct arena *arena, const struct sketch_side *from)
{
    return from->n > 0 ? side_reach(side, arena, from->low, from->low + (int32_t)from->n - 1) : 0;
}

static void side_merge(struct sketch_side *side, const struct sketch_side *from)
{
    for (uint32_t i = 0; i < from->n; i++)
        *count_of(side, from->low + (int32_t)i) += from->counts[i];
}

int sketch_merge(struct sketch *sketch, struct arena *arena, const struct sketch *from)
{
    if (from->count == 0)
        return 0;
    int rc = side_reach_over(&sketch->above, arena, &from->above); /* loses no count */
    if (rc == 0)
        rc = side_reach_over(&sketch->below, arena, &from->below);
    if (rc < 0)
        return rc;
    side_merge(&sketch->above, &from->above);
    side_merge(&sketch->below, &from->below);
    sketch->zeros += from->zeros;
    include(sketch, from->min, from->max, from->count);
    return 0;
}

/* The magnitude of the value with `*rank` smaller ones on this side, walking up or down the buckets; NaN: it is not on
 * this side, and *ret_rank is that among the others. */
static double side_value(const struct sketch_side *side, bool downwards, uint64_t *rank)
{
    for (uint32_t i = 0; i < side->n; i++) {
        uint32_t at = downwards ? side->n - 1 - i : i;
        if (*rank < side->counts[at])
            return middle_of(side->low + (int32_t)at);
        *rank -= side->counts[at];
    }
    return NAN;
}

static double unbounded_quantile(const struct sketch *sketch, uint64_t rank)
{
    double value = -side_value(&sketch->below, true, &rank);
    if (!isnan(value))
        return value;
    if (rank < sketch->zeros)
        return 0;
    rank -= sketch->zeros;
    return side_value(&sketch->above, false, &rank);
}

double sketch_quantile(const struct sketch *sketch, double q)
{
    assert(q >= 0 && q <= 1);
    if (sketch->count == 0)
        return NAN;
    double rank = ceil(q * (double)sketch->count) - 1;
    if (rank <= 0)
        return sketch->min;
    if (rank >= (double)(sketch->count - 1))
        return sketch->max;
    double value = unbounded_quantile(sketch, (uint64_t)rank);
    return fmin(fmax(value, sketch->min), sketch->max);
}
