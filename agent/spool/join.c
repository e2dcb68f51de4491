#include "agent/spool/join.h"

#include <assert.h>
#include <errno.h>

struct joined {
    const struct batch *parts;
    uint32_t n;
    const struct series_table *series;
    uint64_t first;
    uint32_t n_ticks;
    int64_t *mono_us;
    int64_t *wall_us;
};

/* Calls for each tick, in order. `user` is whatever fills one row of the joined batch. */
static void each_tick(const struct joined *joined,
                      void (*fn)(void *user, const struct batch *batch, uint32_t from, uint32_t to), void *user)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < joined->n; i++)
        for (uint32_t tick = 0; tick < joined->parts[i].n_ticks && to < joined->n_ticks; tick++)
            if (joined->parts[i].first + tick >= joined->first)
                fn(user, &joined->parts[i], tick, to++);
    assert(to == joined->n_ticks);
}

static void fill_times(void *user, const struct batch *batch, uint32_t from, uint32_t to)
{
    struct joined *joined = user;
    joined->mono_us[to] = batch->mono_us[from];
    joined->wall_us[to] = batch->wall_us[from];
}

struct column_fill {
    const struct series_table *series;
    uint32_t column;
    int64_t *fixed; /* one of the two */
    double *values;
};

static void fill_column(void *user, const struct batch *batch, uint32_t from, uint32_t to)
{
    struct column_fill *fill = user;
    if (fill->fixed)
        fill->fixed[to] = batch->columns[fill->column].fixed[from];
    else
        fill->values[to] = batch_value(batch, fill->series, fill->column, from);
}

static bool any_real(const struct joined *joined, uint32_t column)
{
    for (uint32_t i = 0; i < joined->n; i++)
        if (joined->parts[i].columns[column].real)
            return true;
    return false;
}

/* One part with doubles makes the joined column one of doubles: the value a fixed one stands for stays the same. */
static int join_columns(const struct joined *joined, struct arena *arena, struct column *columns)
{
    for (uint32_t i = 0; i < joined->series->n; i++) {
        struct column *column = &columns[i];
        struct column_fill fill = { .series = joined->series, .column = i };
        column->real = any_real(joined, i);
        void *cells = arena_alloc(arena, joined->n_ticks, sizeof(int64_t));
        if (!cells)
            return -ENOMEM;
        if (column->real)
            column->values = fill.values = cells;
        else
            column->fixed = fill.fixed = cells;
        each_tick(joined, fill_column, &fill);
    }
    return 0;
}

int batch_join(const struct batch *parts, uint32_t n, const struct series_table *series, uint64_t first,
               uint32_t n_ticks, struct arena *arena, struct batch *ret, struct err *err)
{
    assert(n > 0 && n_ticks > 0 && parts[0].first <= first);
    struct joined joined = {
        .parts = parts,
        .n = n,
        .series = series,
        .first = first,
        .n_ticks = n_ticks,
        .mono_us = arena_alloc(arena, n_ticks, sizeof *joined.mono_us),
        .wall_us = arena_alloc(arena, n_ticks, sizeof *joined.wall_us),
    };
    struct column *columns = arena_alloc(arena, series->n, sizeof *columns);
    if (!joined.mono_us || !joined.wall_us || !columns || join_columns(&joined, arena, columns) < 0)
        return err_set(err, -ENOMEM, "spool: out of memory for %u ticks", n_ticks);
    each_tick(&joined, fill_times, &joined);
    *ret = (struct batch){
        .run = parts[0].run,
        .first = first,
        .n_ticks = n_ticks,
        .n_columns = series->n,
        .table = parts[0].table,
        .mono_us = joined.mono_us,
        .wall_us = joined.wall_us,
        .columns = columns,
    };
    return 0;
}
