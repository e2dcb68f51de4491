#include "collector/store/pack/ticks.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

_Static_assert(sizeof(double) == sizeof(int64_t), "a cell holds either");

int pack_ticks_init(struct pack_ticks *ticks, struct arena *arena, const struct series_table *table, uint32_t room)
{
    *ticks = (struct pack_ticks){ .arena = arena, .table = table, .room = room };
    ticks->at_us = arena_alloc(arena, room, sizeof *ticks->at_us);
    ticks->ticks = arena_alloc(arena, room, sizeof *ticks->ticks);
    ticks->fresh = arena_alloc(arena, room, sizeof *ticks->fresh);
    ticks->real = arena_alloc(arena, table->n, sizeof *ticks->real);
    ticks->cells = arena_alloc(arena, (size_t)room * table->n, sizeof *ticks->cells);
    return ticks->at_us && ticks->ticks && ticks->fresh && ticks->real && ticks->cells ? 0 : -ENOMEM;
}

static double value_of(const struct pack_ticks *ticks, uint32_t column, const struct column *from, uint32_t tick)
{
    struct series_table table = { .n = 1, .at = &ticks->table->at[column] };
    struct batch batch = { .n_ticks = tick + 1, .n_columns = 1, .columns = from };
    return batch_value(&batch, &table, 0, tick);
}

static struct column column_of(const struct pack_ticks *ticks, uint32_t column, uint32_t first)
{
    const int64_t *cells = ticks->cells + (size_t)column * ticks->room + first;
    if (ticks->real[column])
        return (struct column){ .real = true, .values = (const double *)cells };
    return (struct column){ .real = false, .fixed = cells };
}

double pack_ticks_value(const struct pack_ticks *ticks, uint32_t column, uint32_t tick)
{
    struct column from = column_of(ticks, column, 0);
    return value_of(ticks, column, &from, tick);
}

static void make_real(struct pack_ticks *ticks, uint32_t column)
{
    struct column fixed = column_of(ticks, column, 0);
    int64_t *cells = ticks->cells + (size_t)column * ticks->room;
    for (uint32_t i = 0; i < ticks->room; i++) {
        double value = value_of(ticks, column, &fixed, i);
        memcpy(&cells[i], &value, sizeof value);
    }
    ticks->real[column] = true;
}

void pack_ticks_fill(struct pack_ticks *ticks, uint32_t column, const struct column *from, uint32_t n, uint32_t first,
                     const uint32_t *at)
{
    if (from->real && !ticks->real[column])
        make_real(ticks, column);
    bool convert = ticks->real[column] && !from->real;
    int64_t *cells = ticks->cells + (size_t)column * ticks->room;
    if (!convert && !at) {
        memcpy(cells + first, from->fixed, n * sizeof *cells); /* either kind of eight bytes */
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t place = at ? at[i] : first + i;
        assert(place < ticks->room);
        if (convert) {
            double value = value_of(ticks, column, from, i);
            memcpy(&cells[place], &value, sizeof value);
        } else {
            cells[place] = from->fixed[i];
        }
    }
}

/* What live ticks come to: a loop of its own, for there are as many of these as samples. */
void pack_ticks_fill_one(struct pack_ticks *ticks, const struct column *from, uint32_t tick, uint32_t at)
{
    assert(at < ticks->room);
    int64_t *cell = ticks->cells + at;
    for (uint32_t i = 0; i < ticks->table->n; i++, cell += ticks->room) {
        if (from[i].real == ticks->real[i]) {
            *cell = from[i].fixed[tick]; /* either kind of eight bytes */
            continue;
        }
        struct column column = from[i];
        column.fixed += tick;
        pack_ticks_fill(ticks, i, &column, 1, at, NULL);
    }
}

static bool follows(const struct pack_tick *before, const struct pack_tick *after)
{
    return after->number == before->number + 1 &&
           (after->run == before->run || memcmp(after->run, before->run, sizeof *after->run) == 0);
}

static uint32_t count_parts(const struct pack_tick *ticks, uint32_t n)
{
    uint32_t parts = 1;
    for (uint32_t i = 1; i < n; i++)
        parts += !follows(&ticks[i - 1], &ticks[i]);
    return parts;
}

static void list_parts(const struct pack_tick *ticks, uint32_t n, struct block_part *part)
{
    *part = (struct block_part){ .run = *ticks[0].run, .first = ticks[0].number, .n = 1 };
    for (uint32_t i = 1; i < n; i++) {
        if (follows(&ticks[i - 1], &ticks[i]))
            part->n++;
        else
            *++part = (struct block_part){ .run = *ticks[i].run, .first = ticks[i].number, .n = 1 };
    }
}

int pack_ticks_block(const struct pack_ticks *ticks, uint32_t first, uint32_t n, struct block *ret)
{
    assert(n > 0 && first + n <= ticks->n);
    uint32_t n_columns = ticks->table->n;
    uint32_t n_parts = count_parts(ticks->ticks + first, n);
    struct block_part *parts = arena_alloc(ticks->arena, n_parts, sizeof *parts);
    struct column *columns = arena_alloc(ticks->arena, n_columns, sizeof *columns);
    if (!parts || !columns)
        return -ENOMEM;
    list_parts(ticks->ticks + first, n, parts);
    for (uint32_t i = 0; i < n_columns; i++)
        columns[i] = column_of(ticks, i, first);
    *ret = (struct block){
        .n_ticks = n,
        .n_columns = n_columns,
        .at_us = ticks->at_us + first,
        .n_parts = n_parts,
        .parts = parts,
        .columns = columns,
    };
    return 0;
}
