#include "proto/codec/message.h"

#include <assert.h>
#include <errno.h>
#include <math.h>

#include "base/arena.h"

static const int64_t powers[SERIES_EXPONENT_MAX + 1] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
};

/* Beyond 2^53 a double no longer holds every integer, and scaling would round twice. So the quotient is taken in whole
 * numbers, 2^63 times too large (over 70 bits of it), its last bit telling of any remainder: rounding that once is
 * rounding the true value. */
static double divide_large(int64_t value, int64_t divisor)
{
    unsigned __int128 size = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    unsigned __int128 quotient = (size << 63) / (unsigned __int128)divisor;
    if (quotient * (unsigned __int128)divisor != size << 63)
        quotient |= 1;
    double result = ldexp((double)quotient, -63);
    return value < 0 ? -result : result;
}

/* The double nearest to value x 10^exponent. One tenth is no double, ten is: so 0.1 comes of dividing, never of
 * multiplying, and what is read back prints as it was. */
static double scale(int64_t value, int exponent)
{
    assert(exponent >= -SERIES_EXPONENT_MAX && exponent <= SERIES_EXPONENT_MAX);
    if (exponent >= 0)
        return (double)((__int128)value * powers[exponent]);
    bool exact = value >= -(INT64_C(1) << 53) && value <= INT64_C(1) << 53;
    return exact ? (double)value / (double)powers[-exponent] : divide_large(value, powers[-exponent]);
}

int batch_cut(const struct batch *batch, uint64_t first, uint32_t n, struct arena *arena, struct batch *ret)
{
    assert(n > 0 && first >= batch->first && first - batch->first + n <= batch->n_ticks);
    size_t from = (size_t)(first - batch->first);
    struct column *columns = arena_alloc(arena, batch->n_columns, sizeof *columns);
    if (!columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        columns[i] = batch->columns[i];
        if (columns[i].real)
            columns[i].values += from;
        else
            columns[i].fixed += from;
    }
    *ret = *batch;
    ret->first = first;
    ret->n_ticks = n;
    ret->mono_us += from;
    ret->wall_us += from;
    ret->columns = columns;
    return 0;
}

double batch_value(const struct batch *batch, const struct series_table *table, uint32_t column, uint32_t tick)
{
    assert(column < batch->n_columns && column < table->n && tick < batch->n_ticks);
    const struct column *from = &batch->columns[column];
    if (from->real)
        return from->values[tick];
    return from->fixed[tick] == FIXED_ABSENT ? NAN : scale(from->fixed[tick], table->at[column].exponent);
}

const char *refusal_name(enum refusal refusal)
{
    static const char *const names[REFUSAL_COUNT] = {
        [REFUSAL_NONE] = "other",          [REFUSAL_UNKNOWN_HOST] = "unknown-host",
        [REFUSAL_MALFORMED] = "malformed", [REFUSAL_TOO_LARGE] = "too-large",
        [REFUSAL_OVERLAP] = "overlap",     [REFUSAL_ABOVE_HIGHEST] = "above-highest",
        [REFUSAL_LIMIT] = "limit",         [REFUSAL_REVOKED] = "revoked",
        [REFUSAL_TOKEN] = "token",
    };
    assert((unsigned)refusal < REFUSAL_COUNT);
    return names[refusal];
}
