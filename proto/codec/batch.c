#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/codec/columns.h"
#include "proto/codec/wire.h"

/* Over a limit is -EMSGSIZE for both directions. */
static int check_counts(uint64_t n_columns, uint64_t n_ticks, struct err *err)
{
    if (n_columns > SERIES_MAX || n_ticks > TICKS_MAX || n_columns * n_ticks > BATCH_VALUES_MAX)
        return err_set(err, -EMSGSIZE, "codec: batch of %llu columns and %llu ticks, at most %d, %d and %d values",
                       (unsigned long long)n_columns, (unsigned long long)n_ticks, SERIES_MAX, TICKS_MAX,
                       BATCH_VALUES_MAX);
    return 0;
}

/* `scratch` has room for `room` bytes; the times and the values, one behind the other. */
static int body_write(const struct batch *batch, uint8_t *scratch, size_t room, struct column_list *ret_real,
                      struct column_list *ret_sparse, Warroom__Wire__Batch *ret, struct err *err)
{
    struct writer writer = { .at = scratch, .end = scratch + room };
    times_write(&writer, batch);
    const uint8_t *values = writer.at;
    columns_write(&writer, batch, ret_real, ret_sparse);
    if (writer.full)
        return err_set(err, -EMSGSIZE, "codec: batch of %u columns and %u ticks takes more than %zu bytes",
                       batch->n_columns, batch->n_ticks, room);
    ret->times = wire_bytes(scratch, (size_t)(values - scratch));
    ret->values = wire_bytes(values, (size_t)(writer.at - values));
    ret->real = ret_real->at;
    ret->n_real = ret_real->n;
    ret->sparse = ret_sparse->at;
    ret->n_sparse = ret_sparse->n;
    return 0;
}

int codec_encode_batch(const struct batch *batch, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err)
{
    assert(batch && buffer && ret_len);
    assert(batch->first > 0 && batch->n_ticks > 0 && batch->n_columns > 0);
    assert(batch->first <= (uint64_t)INT64_MAX - batch->n_ticks + 1);
    int rc = check_counts(batch->n_columns, batch->n_ticks, err);
    if (rc < 0)
        return rc;
    size_t room = size < BATCH_MAX ? size : BATCH_MAX;
    AUTO(auto_free) uint8_t *scratch = malloc(room + 1); /* never of nothing */
    if (!scratch)
        return err_set(err, -ENOMEM, "codec: no memory left for a batch");
    Warroom__Wire__Batch wire = WARROOM__WIRE__BATCH__INIT;
    struct column_list real;
    struct column_list sparse;
    rc = body_write(batch, scratch, room, &real, &sparse, &wire, err);
    if (rc < 0)
        return rc;
    wire.run = wire_bytes(batch->run.bytes, RUN_BYTES);
    wire.first = batch->first;
    wire.table = wire_bytes(batch->table.bytes, TABLE_HASH_BYTES);
    wire.columns = batch->n_columns;
    wire.further_ticks = batch->n_ticks - 1;
    return wire_pack(&wire.base, BATCH_MAX, buffer, size, ret_len, err);
}

static int head_read(const Warroom__Wire__Batch *wire, struct batch *ret, struct err *err)
{
    uint64_t n_ticks = (uint64_t)wire->further_ticks + 1;
    int rc = check_counts(wire->columns, n_ticks, err);
    if (rc == 0)
        rc = wire_id_read("batch: run", &wire->run, ret->run.bytes, RUN_BYTES, err);
    if (rc == 0)
        rc = wire_id_read("batch: table", &wire->table, ret->table.bytes, TABLE_HASH_BYTES, err);
    if (rc < 0)
        return rc;
    if (wire->columns == 0)
        return err_set(err, -EBADMSG, "codec: batch without columns");
    if (wire->first == 0 || wire->first > (uint64_t)INT64_MAX - n_ticks + 1)
        return err_set(err, -EBADMSG, "codec: batch: first tick number out of range");
    ret->first = wire->first;
    ret->n_ticks = (uint32_t)n_ticks;
    ret->n_columns = wire->columns;
    return 0;
}

static struct reader reader_of(const ProtobufCBinaryData *field)
{
    return (struct reader){ field->data, field->len > 0 ? field->data + field->len : field->data };
}

static int body_read(const Warroom__Wire__Batch *wire, struct arena *arena, struct batch *ret, struct err *err)
{
    struct columns_shape shape = {
        .n_ticks = ret->n_ticks,
        .n_columns = ret->n_columns,
        .real = wire->real,
        .n_real = wire->n_real,
        .sparse = wire->sparse,
        .n_sparse = wire->n_sparse,
    };
    int rc = columns_shape_check(&shape, err);
    if (rc < 0)
        return rc;
    if (wire->times.len < 2 * (size_t)shape.n_ticks || wire->values.len < columns_least(&shape))
        return err_set(err, -EBADMSG, "codec: batch: too few bytes for %u columns and %u ticks", shape.n_columns,
                       shape.n_ticks);
    int64_t *times = arena_alloc(arena, 2 * (size_t)shape.n_ticks, sizeof *times);
    uint64_t *cells = arena_alloc(arena, (size_t)shape.n_ticks * shape.n_columns, sizeof *cells);
    struct column *columns = arena_alloc(arena, shape.n_columns, sizeof *columns);
    if (!times || !cells || !columns)
        return err_set(err, -ENOMEM, "codec: no memory left for a batch");
    rc = times_read(reader_of(&wire->times), shape.n_ticks, times, times + shape.n_ticks, err);
    if (rc == 0)
        rc = columns_read(reader_of(&wire->values), &shape, cells, columns, err);
    if (rc < 0)
        return rc;
    ret->mono_us = times;
    ret->wall_us = times + shape.n_ticks;
    ret->columns = columns;
    return 0;
}

int codec_decode_batch(const uint8_t *bytes, size_t len, struct arena *arena, struct batch *ret, struct err *err)
{
    assert((bytes || len == 0) && arena && ret);
    if (len > BATCH_MAX)
        return err_set(err, -EMSGSIZE, "codec: batch of %zu bytes, at most %d are allowed", len, BATCH_MAX);
    ProtobufCMessage *message;
    int rc = wire_unpack(&warroom__wire__batch__descriptor, bytes, len, arena, &message, err);
    if (rc < 0)
        return rc;
    const Warroom__Wire__Batch *wire = (const Warroom__Wire__Batch *)message;
    struct batch batch = { 0 };
    rc = head_read(wire, &batch, err);
    if (rc == 0)
        rc = body_read(wire, arena, &batch, err);
    if (rc < 0)
        return rc;
    *ret = batch;
    return 0;
}
