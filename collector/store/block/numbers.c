/* Columns as integers. Of doubles: the smallest power of ten that makes all of them whole, when dividing gives back
 * each of them bit by bit; else their bits. */
#include "collector/store/block/form.h"

#include <math.h>
#include <stdlib.h>

#define EXACT_BELOW (INT64_C(1) << 53) /* integers from there on are not all doubles */

static const double tens[DECIMALS_MAX + 1] = { 1e0, 1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,
                                               1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17 };

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Does `value` times 10^decimals round to an integer that divides back to it? */
static inline bool is_whole(double value, unsigned decimals, int64_t *ret)
{
    double scaled = decimals > 0 ? value * tens[decimals] : value;
    if (!(fabs(scaled) < (double)EXACT_BELOW))
        return false;
    *ret = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    return decimals > 0 ? (double)*ret / tens[decimals] == value : (double)*ret == value;
}

bool as_decimals(const double *values, uint32_t n, uint64_t *ints, uint8_t *ret_decimals)
{
    unsigned decimals = 0;
    uint32_t present = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t whole;
        if (isnan(values[i]))
            continue;
        if (is_whole(values[i], decimals, &whole)) {
            ints[present++] = (uint64_t)whole;
            continue;
        }
        do
            if (++decimals > DECIMALS_MAX)
                return false;
        while (!is_whole(values[i], decimals, &whole));
        present = 0; /* and from the start: those before may even have become too large */
        i = UINT32_MAX;
    }
    *ret_decimals = (uint8_t)decimals;
    return true;
}

double of_decimals(uint64_t number, uint8_t decimals)
{
    return (double)(int64_t)number / tens[decimals];
}

static bool is_absent(const struct column *column, uint32_t i)
{
    return column->real ? isnan(column->values[i]) : column->fixed[i] == FIXED_ABSENT;
}

double block_decimal_add(double a, double b)
{
    int64_t wholes[2];
    for (unsigned decimals = 0; decimals <= DECIMALS_MAX; decimals++) {
        if (!is_whole(a, decimals, &wholes[0]) || !is_whole(b, decimals, &wholes[1]))
            continue;
        int64_t sum = wholes[0] + wholes[1]; /* each is below 2^53 */
        return sum > -EXACT_BELOW && sum < EXACT_BELOW ? of_decimals((uint64_t)sum, (uint8_t)decimals) : a + b;
    }
    return a + b;
}

static void take_bits(const double *values, uint32_t n_ticks, struct numbers *numbers)
{
    numbers->n = 0;
    for (uint32_t i = 0; i < n_ticks; i++)
        if (!isnan(values[i]))
            numbers->at[numbers->n++] = bits_of(values[i] + 0.0);
}

static void take_fixed(const int64_t *values, uint32_t n_ticks, struct numbers *numbers)
{
    for (uint32_t i = 0; i < n_ticks; i++)
        if (values[i] != FIXED_ABSENT)
            numbers->at[numbers->n++] = (uint64_t)values[i];
}

static uint32_t count_present(const double *values, uint32_t n_ticks)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_ticks; i++)
        n += !isnan(values[i]);
    return n;
}

void numbers_take(const struct column *column, uint32_t n_ticks, uint64_t *ints, struct numbers *ret)
{
    *ret = (struct numbers){ .real = column->real, .unit = 1, .at = ints };
    if (!column->real) {
        take_fixed(column->fixed, n_ticks, ret);
    } else if (as_decimals(column->values, n_ticks, ints, &ret->decimals)) {
        ret->n = count_present(column->values, n_ticks);
    } else {
        ret->bits = true;
        take_bits(column->values, n_ticks, ret);
    }
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t magnitude(uint64_t difference)
{
    return difference >> 63 ? 0 - difference : difference;
}

void numbers_from(struct numbers *numbers, uint64_t base)
{
    uint64_t unit = 0;
    numbers->base = base;
    for (uint32_t i = 0; i < numbers->n; i++) {
        numbers->at[i] -= base;
        if (unit != 1)
            unit = common_divisor(magnitude(numbers->at[i]), unit);
    }
    numbers->unit = unit;
    if (unit > 1)
        for (uint32_t i = 0; i < numbers->n; i++)
            numbers->at[i] = (uint64_t)((int64_t)numbers->at[i] / (int64_t)unit);
}

/* ---- shares ---- */

enum {
    SHARES_LEAST = 32,     /* values; fewer say too little */
    SHARES_STEP = 8,       /* least distance of two shares that is worth it */
    SHARES_APART = 4,      /* how many shares the two nearest values may lie apart */
    SHARES_TRIES = 1 << 16 /* totals looked at: large values close to each other leave billions */
};
#define SCALE_MAX UINT64_C(1000000000000)

static inline uint64_t share_value(uint64_t share, uint64_t total, uint64_t scale)
{
    return (2 * share * scale + total) / (2 * total);
}

bool share_is_sane(const struct numbers *numbers)
{
    return numbers->total > 0 && numbers->total <= UINT32_MAX && numbers->scale > 0 && numbers->scale <= SCALE_MAX;
}

static bool all_shares(const struct numbers *numbers, uint64_t total, uint64_t scale)
{
    for (uint32_t i = 0; i < numbers->n; i++) {
        uint64_t share = (numbers->at[i] * total + scale / 2) / scale;
        if (share_value(share, total, scale) != numbers->at[i])
            return false;
    }
    return true;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The least distance of two values, 0 being one of them. 0: they are all one. */
static uint64_t least_distance(const struct numbers *numbers, uint64_t *sorted)
{
    memcpy(sorted, numbers->at, numbers->n * sizeof *sorted);
    qsort(sorted, numbers->n, sizeof *sorted, by_size);
    uint64_t least = sorted[0];
    for (uint32_t i = 1; i < numbers->n; i++) {
        uint64_t distance = sorted[i] - sorted[i - 1];
        if (distance > 0 && (least == 0 || distance < least))
            least = distance;
    }
    return least;
}

/* Two values `distance` apart are 1..SHARES_APART shares apart, each rounded: that leaves few totals. 0: none fits. */
static uint64_t find_total(const struct numbers *numbers, uint64_t distance, uint64_t scale)
{
    unsigned tries = 0;
    for (uint64_t apart = 1; apart <= SHARES_APART; apart++) {
        uint64_t to = apart * scale / (distance - 1);
        for (uint64_t total = apart * scale / (distance + 1); total <= to; total++) {
            if (tries++ == SHARES_TRIES)
                return 0;
            if (total > 1 && all_shares(numbers, total, scale))
                return total;
        }
    }
    return 0;
}

void numbers_as_shares(struct numbers *numbers, struct room *sorted_room)
{
    uint64_t max = 0;
    for (uint32_t i = 0; i < numbers->n; i++)
        max = numbers->at[i] > max ? numbers->at[i] : max;
    uint64_t *sorted = room_for(sorted_room, numbers->n * sizeof *sorted);
    if (!sorted || numbers->n < SHARES_LEAST || max > SCALE_MAX) /* negative ones too are greater */
        return;
    uint64_t distance = least_distance(numbers, sorted);
    if (distance < SHARES_STEP || distance == max)
        return;
    uint64_t scale = 1;
    for (unsigned i = 0; numbers->real && i < numbers->decimals; i++)
        scale *= 10;
    while (!numbers->real && scale < max)
        scale *= 10;
    if (scale > SCALE_MAX / 100)
        return;
    for (int tries = numbers->real ? 1 : 3; tries > 0 && numbers->total == 0; tries--, scale *= 10) {
        numbers->total = find_total(numbers, distance, scale);
        numbers->scale = scale;
    }
    if (numbers->total > 0)
        for (uint32_t i = 0; i < numbers->n; i++)
            numbers->at[i] = (numbers->at[i] * numbers->total + numbers->scale / 2) / numbers->scale;
}

/* ---- presence ---- */

void runs_write(const struct column *column, uint32_t n_ticks, struct writer *writer)
{
    bool absent = false;
    for (uint32_t i = 0, start = 0; i <= n_ticks; i++) {
        if (i < n_ticks && is_absent(column, i) == absent)
            continue;
        write_varint(writer, i - start);
        start = i;
        absent = !absent;
    }
}

bool runs_read(struct reader *reader, uint32_t n_ticks, struct reader *ret_runs, uint32_t *ret_present)
{
    const uint8_t *start = reader->at;
    uint32_t present = 0;
    bool absent = false;
    for (uint64_t told = 0, run = 0; told < n_ticks; told += run, absent = !absent) {
        if (!read_varint(reader, &run) || run > n_ticks - told || (run == 0 && told > 0))
            return false;
        if (!absent)
            present += (uint32_t)run;
    }
    *ret_runs = (struct reader){ start, reader->at };
    *ret_present = present;
    return true;
}

/* The last varint before *end, which moves to its start. */
static uint64_t run_before(const uint8_t *start, const uint8_t **end)
{
    const uint8_t *at = *end - 1;
    while (at > start && (at[-1] & 0x80))
        at--;
    struct reader one = { at, *end };
    uint64_t run = 0;
    read_varint(&one, &run); /* runs_read() has been over it */
    *end = at;
    return run;
}

/* Moves the values at the start of the array to their ticks, run by run from the end. */
static void spread(const struct reader *runs, uint32_t present, uint32_t n_ticks, uint64_t none, uint64_t *values)
{
    bool absent = true; /* the last run's, once all are counted: the first is a present one */
    uint64_t run;
    struct reader count = *runs;
    while (reader_left(&count) > 0 && read_varint(&count, &run))
        absent = !absent;
    const uint8_t *end = runs->end;
    for (uint32_t at = n_ticks; end > runs->at; absent = !absent) {
        run = run_before(runs->at, &end);
        at -= (uint32_t)run;
        if (!absent) {
            present -= (uint32_t)run;
            memmove(values + at, values + present, run * sizeof *values);
        } else {
            for (uint64_t i = 0; i < run; i++)
                values[at + i] = none;
        }
    }
}

void numbers_give(const struct numbers *numbers, const struct reader *runs, uint32_t n_ticks)
{
    uint64_t *at = numbers->at;
    uint32_t n = numbers->n;
    if (numbers->unit == 0)
        memset(at, 0, n * sizeof *at);
    if (numbers->total > 0)
        for (uint32_t i = 0; i < n; i++)
            at[i] = share_value(numbers->base + numbers->unit * at[i], numbers->total, numbers->scale);
    else
        for (uint32_t i = 0; i < n; i++)
            at[i] = numbers->base + numbers->unit * at[i];
    if (numbers->real && !numbers->bits)
        for (uint32_t i = 0; i < n; i++)
            at[i] = bits_of(of_decimals(at[i], numbers->decimals));
    if (reader_left(runs) > 0)
        spread(runs, n, n_ticks, numbers->real ? bits_of(NAN) : (uint64_t)FIXED_ABSENT, at);
}
