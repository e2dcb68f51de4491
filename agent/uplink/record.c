/* A span is encoded by decoding the records that hold it and laying their columns end to end. */
#include "agent/uplink/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "proto/codec/codec.h"

enum { JOIN_MEMORY = 16 << 20 };

struct record *record_new(struct table *table, uint64_t first, uint32_t n_ticks, const uint8_t *bytes, size_t len)
{
    struct record *record = malloc(sizeof *record + len);
    if (!record)
        return NULL;
    *record = (struct record){ .table = table, .first = first, .n_ticks = n_ticks, .len = (uint32_t)len };
    memcpy(record->bytes, bytes, len);
    return record;
}

struct joined {
    uint32_t n; /* records */
    struct batch *at;
    uint32_t n_ticks;
    int64_t *mono_us;
    int64_t *wall_us;
    struct column *columns;
};

static int decode_span(const struct span *span, struct arena *arena, struct joined *joined, struct err *err)
{
    uint64_t end = span->first + span->n_ticks;
    for (struct record *record = span->from; record && record->first < end; record = record->next)
        joined->n++;
    joined->at = arena_alloc(arena, joined->n, sizeof *joined->at);
    if (!joined->at)
        return err_set(err, -ENOMEM, "uplink: out of memory for %u records", joined->n);
    struct record *record = span->from;
    for (uint32_t i = 0; i < joined->n; i++, record = record->next) {
        int rc = codec_decode_batch(record->bytes, record->len, arena, &joined->at[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Calls for each tick of the span, in order. `user` is whatever fills one row of the joined batch. */
static void each_tick(const struct joined *joined, const struct span *span,
                      void (*fn)(void *user, const struct batch *batch, uint32_t from, uint32_t to), void *user)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < joined->n; i++)
        for (uint32_t tick = 0; tick < joined->at[i].n_ticks && to < span->n_ticks; tick++)
            if (joined->at[i].first + tick >= span->first)
                fn(user, &joined->at[i], tick, to++);
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
        if (joined->at[i].columns[column].real)
            return true;
    return false;
}

/* One record with doubles makes the joined column one of doubles: the value a fixed one stands for stays the same. */
static int join_columns(const struct span *span, struct arena *arena, struct joined *joined)
{
    const struct series_table *series = &span->from->table->series;
    joined->columns = arena_alloc(arena, series->n, sizeof *joined->columns);
    if (!joined->columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < series->n; i++) {
        struct column *column = &joined->columns[i];
        struct column_fill fill = { .series = series, .column = i };
        column->real = any_real(joined, i);
        void *cells = arena_alloc(arena, span->n_ticks, sizeof(int64_t));
        if (!cells)
            return -ENOMEM;
        if (column->real)
            column->values = fill.values = cells;
        else
            column->fixed = fill.fixed = cells;
        each_tick(joined, span, fill_column, &fill);
    }
    return 0;
}

static int join(const struct span *span, struct arena *arena, struct batch *ret, struct err *err)
{
    struct joined joined = { .n = 0 };
    int rc = decode_span(span, arena, &joined, err);
    if (rc < 0)
        return rc;
    joined.mono_us = arena_alloc(arena, span->n_ticks, sizeof *joined.mono_us);
    joined.wall_us = arena_alloc(arena, span->n_ticks, sizeof *joined.wall_us);
    if (!joined.mono_us || !joined.wall_us || join_columns(span, arena, &joined) < 0)
        return err_set(err, -ENOMEM, "uplink: out of memory for %u ticks", span->n_ticks);
    each_tick(&joined, span, fill_times, &joined);
    *ret = (struct batch){
        .run = joined.at[0].run,
        .first = span->first,
        .n_ticks = span->n_ticks,
        .n_columns = span->from->table->series.n,
        .table = span->from->table->series.hash,
        .mono_us = joined.mono_us,
        .wall_us = joined.wall_us,
        .columns = joined.columns,
    };
    return 0;
}

int span_encode(const struct span *span, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err)
{
    const struct record *record = span->from;
    if (record->first == span->first && record->n_ticks == span->n_ticks && record->len <= size) {
        memcpy(buffer, record->bytes, record->len);
        *ret_len = record->len;
        return 0;
    }
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, JOIN_MEMORY);
    struct batch batch;
    int rc = join(span, &arena, &batch, err);
    return rc < 0 ? rc : codec_encode_batch(&batch, buffer, size, ret_len, err);
}
