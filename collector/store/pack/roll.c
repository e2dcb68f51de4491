/* Ticks to rollups: minutes of count, min, max and sum of each series, and a sketch of each. These are parts of a day;
 * days.c puts them together. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/block/sketch.h"
#include "collector/store/pack/days.h"
#include "collector/store/pack/turn.h"

union cell {
    int64_t fixed;
    double value;
};

struct minutes { /* of the fresh ticks */
    uint32_t n;
    int64_t *at_us;
    uint32_t *of_tick; /* which minute; of fresh ones only */
    union cell *cells; /* of one series after the other: n counts, n minima, n maxima, n sums */
    struct column *columns;
};

static int no_memory(struct pack_turn *turn)
{
    return err_set(&turn->err, -ENOMEM, "store: out of memory");
}

static int find_minutes(struct arena *arena, const struct pack_ticks *ticks, struct minutes *ret)
{
    ret->at_us = arena_alloc(arena, ticks->n, sizeof *ret->at_us);
    ret->of_tick = arena_alloc(arena, ticks->n, sizeof *ret->of_tick);
    if (!ret->at_us || !ret->of_tick)
        return -ENOMEM;
    for (uint32_t i = 0; i < ticks->n; i++) {
        if (!ticks->fresh[i])
            continue;
        int64_t at_us = ticks->at_us[i] / PACK_MINUTE_US * PACK_MINUTE_US;
        if (ret->n == 0 || ret->at_us[ret->n - 1] != at_us)
            ret->at_us[ret->n++] = at_us;
        ret->of_tick[i] = ret->n - 1;
    }
    ret->cells = arena_alloc(arena, (size_t)ret->n * ticks->table->n * ROLLED, sizeof *ret->cells);
    ret->columns = arena_alloc(arena, (size_t)ticks->table->n * ROLLED, sizeof *ret->columns);
    return ret->cells && ret->columns ? 0 : -ENOMEM;
}

static void set_columns(struct minutes *minutes, uint32_t series, bool real, bool sum_real)
{
    union cell *cells = minutes->cells + (size_t)series * ROLLED * minutes->n;
    for (int i = 0; i < ROLLED; i++) {
        struct column *column = &minutes->columns[series * ROLLED + (uint32_t)i];
        column->real = i != COUNT && (i == SUM ? sum_real : real);
        column->fixed = &cells[(size_t)i * minutes->n].fixed; /* or values, as `real` says */
    }
}

static void roll_real(struct minutes *minutes, const struct pack_ticks *ticks, uint32_t series)
{
    uint32_t n = minutes->n;
    union cell *cells = minutes->cells + (size_t)series * ROLLED * n;
    const double *values = (const double *)(ticks->cells + (size_t)series * ticks->room);
    for (uint32_t i = 0; i < n; i++)
        cells[MIN * n + i].value = cells[MAX * n + i].value = cells[SUM * n + i].value = NAN;
    for (uint32_t i = 0; i < ticks->n; i++) {
        if (!ticks->fresh[i] || !isfinite(values[i]))
            continue;
        union cell *at = cells + minutes->of_tick[i];
        bool first = at[COUNT].fixed++ == 0;
        at[MIN * n].value = first || values[i] < at[MIN * n].value ? values[i] : at[MIN * n].value;
        at[MAX * n].value = first || values[i] > at[MAX * n].value ? values[i] : at[MAX * n].value;
        at[SUM * n].value = first ? values[i] : block_decimal_add(at[SUM * n].value, values[i]);
    }
    set_columns(minutes, series, true, true);
}

/* The sum of all values of a series that overflows is told as doubles, in the unit of the series. */
static void sum_as_real(struct minutes *minutes, const struct pack_ticks *ticks, uint32_t series)
{
    union cell *sums = minutes->cells + ((size_t)series * ROLLED + SUM) * minutes->n;
    for (uint32_t i = 0; i < minutes->n; i++)
        sums[i].value = NAN;
    for (uint32_t i = 0; i < ticks->n; i++) {
        double value = ticks->fresh[i] ? pack_ticks_value(ticks, series, i) : NAN;
        union cell *sum = &sums[minutes->of_tick[i]];
        if (!isnan(value))
            sum->value = isnan(sum->value) ? value : block_decimal_add(sum->value, value);
    }
}

static void roll_fixed(struct minutes *minutes, const struct pack_ticks *ticks, uint32_t series)
{
    uint32_t n = minutes->n;
    union cell *cells = minutes->cells + (size_t)series * ROLLED * n;
    const int64_t *values = ticks->cells + (size_t)series * ticks->room;
    bool overflow = false;
    for (uint32_t i = 0; i < n; i++)
        cells[MIN * n + i].fixed = cells[MAX * n + i].fixed = cells[SUM * n + i].fixed = FIXED_ABSENT;
    for (uint32_t i = 0; i < ticks->n; i++) {
        if (!ticks->fresh[i] || values[i] == FIXED_ABSENT)
            continue;
        union cell *at = cells + minutes->of_tick[i];
        bool first = at[COUNT].fixed++ == 0;
        at[MIN * n].fixed = first || values[i] < at[MIN * n].fixed ? values[i] : at[MIN * n].fixed;
        at[MAX * n].fixed = first || values[i] > at[MAX * n].fixed ? values[i] : at[MAX * n].fixed;
        if (first)
            at[SUM * n].fixed = values[i];
        else if (__builtin_add_overflow(at[SUM * n].fixed, values[i], &at[SUM * n].fixed) ||
                 at[SUM * n].fixed == FIXED_ABSENT)
            overflow = true;
    }
    if (overflow)
        sum_as_real(minutes, ticks, series);
    set_columns(minutes, series, false, overflow);
}

static int write_row(struct pack_turn *turn, struct pack_op *op, const struct minutes *minutes,
                     const struct pack_due *of, uint32_t first, const struct block *block)
{
    struct pack_row row = {
        .first_us = minutes->at_us[first],
        .last_us = minutes->at_us[first + block->n_ticks - 1],
        .n = block->n_ticks,
        .series_table = of->series_table,
    };
    int rc = block_encode(turn->tools->coder, block, BLOCK_GOOD, &row.bytes, &turn->err);
    if (rc == 0)
        rc = pack_turn_id(turn, PACK_MINUTE, of->host_no, row.first_us, &row.id);
    if (rc < 0)
        return rc;
    turn->spent_ns += (int64_t)block->n_ticks * block->n_columns * PACK_GOOD_NS + PACK_ROW_NS;
    return pack_op_insert(op, PACK_MINUTE, &row) < 0 ? no_memory(turn) : 0;
}

/* Of a host of many series whose ticks lie far apart these are several rows. The columns are used up. */
static int write_minutes(struct pack_turn *turn, struct pack_op *op, const struct minutes *minutes,
                         const struct pack_due *of, uint32_t n_columns)
{
    uint32_t most = pack_minutes_most(n_columns);
    int rc = 0;
    for (uint32_t first = 0; rc == 0 && first < minutes->n; first += most) {
        struct block block = {
            .n_ticks = minutes->n - first < most ? minutes->n - first : most,
            .n_columns = n_columns,
            .at_us = minutes->at_us + first,
            .columns = minutes->columns,
        };
        rc = write_row(turn, op, minutes, of, first, &block);
        for (uint32_t i = 0; i < n_columns; i++)
            minutes->columns[i].fixed += block.n_ticks; /* or values */
    }
    return rc;
}

static int roll_minutes(struct pack_turn *turn, struct pack_op *op, const struct pack_ticks *ticks,
                        const struct pack_due *of)
{
    struct minutes minutes = { .n = 0 };
    if (find_minutes(&turn->tools->arena, ticks, &minutes) < 0)
        return no_memory(turn);
    for (uint32_t i = 0; i < ticks->table->n; i++) {
        if (ticks->real[i])
            roll_real(&minutes, ticks, i);
        else
            roll_fixed(&minutes, ticks, i);
    }
    return write_minutes(turn, op, &minutes, of, ticks->table->n * ROLLED);
}

/* Values often stay what they are for a while: those are added together. */
static int sketch_series(struct arena *arena, const struct pack_ticks *ticks, uint32_t series, struct sketch *sketch)
{
    const int64_t *cells = ticks->cells + (size_t)series * ticks->room;
    int64_t last = 0;
    uint32_t times = 0;
    uint32_t last_tick = 0;
    for (uint32_t i = 0; i <= ticks->n; i++) {
        bool end = i == ticks->n;
        if (!end && !ticks->fresh[i])
            continue;
        if (!end && times > 0 && cells[i] == last) {
            times++;
            continue;
        }
        double value = times > 0 ? pack_ticks_value(ticks, series, last_tick) : NAN;
        if (isfinite(value) && sketch_add(sketch, arena, value, times) < 0)
            return -ENOMEM;
        last_tick = i;
        last = end ? 0 : cells[i];
        times = 1;
    }
    return 0;
}

struct sketching {
    const struct pack_ticks *ticks;
    struct arena *arena; /* of one sketch */
    struct sketch *sketch;
};

static int sketch_of_series(const void *user, uint32_t series, const struct sketch **ret, struct err *err)
{
    const struct sketching *of = user;
    arena_reset(of->arena);
    *of->sketch = (struct sketch){ .count = 0 };
    if (sketch_series(of->arena, of->ticks, series, of->sketch) < 0)
        return err_set(err, -ENOMEM, "store: out of memory");
    *ret = of->sketch;
    return 0;
}

static int roll_sketches(struct pack_turn *turn, struct pack_op *op, const struct pack_ticks *ticks,
                         const struct pack_due *of, int64_t first_us, int64_t last_us)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SKETCH_ARENA_BYTES);
    struct sketch sketch;
    struct sketching sketching = { ticks, &arena, &sketch };
    struct sketch_source source = { sketch_of_series, &sketching };
    struct pack_row row = { .first_us = first_us, .last_us = last_us, .series_table = of->series_table };
    int rc = sketches_encode(turn->tools->coder, &source, ticks->table->n, &row.bytes, &turn->err);
    if (rc == 0)
        rc = pack_turn_id(turn, PACK_SKETCH, of->host_no, first_us, &row.id);
    if (rc < 0)
        return rc;
    turn->spent_ns += (int64_t)ticks->n * ticks->table->n * PACK_ROLL_NS + PACK_ROW_NS;
    return pack_op_insert(op, PACK_SKETCH, &row) < 0 ? no_memory(turn) : 0;
}

int pack_roll(struct pack_turn *turn, struct pack_op *op, const struct pack_ticks *ticks, const struct pack_due *of,
              bool coarse)
{
    int64_t first_us = -1;
    int64_t last_us = -1;
    for (uint32_t i = 0; i < ticks->n; i++) {
        if (!ticks->fresh[i])
            continue;
        first_us = first_us < 0 ? ticks->at_us[i] : first_us;
        last_us = ticks->at_us[i];
    }
    if (first_us < 0)
        return 0;
    int64_t due_us = pack_day_end_us(of->day) + PACK_STEP_AGE_US;
    turn->state->days_us = pack_earlier(turn->state->days_us, due_us);
    pack_expires(turn, last_us + turn->retention.minutes_us);
    int rc = coarse ? 0 : roll_minutes(turn, op, ticks, of);
    return rc < 0 ? rc : roll_sketches(turn, op, ticks, of, first_us, last_us);
}
