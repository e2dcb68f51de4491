#include "collector/store/read/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

#include "base/auto.h"
#include "collector/store/db.h"
#include "proto/codec/codec.h"

enum {
    TABLES_MEMORY = 64 << 20,
    BATCH_MEMORY = CODEC_ARENA_BYTES + (1 << 20) /* and room for times and for a trimmed batch's columns */
};

struct decoded_table {
    int64_t id;
    bool readable;
    struct series_table table;
    UT_hash_handle hh;
};

int decoder_init(struct decoder *decoder, sqlite3 *db, struct err *err)
{
    *decoder = (struct decoder){ .unreadable = 0 };
    arena_init(&decoder->table_arena, TABLES_MEMORY);
    arena_init(&decoder->batch_arena, BATCH_MEMORY);
    return db_prepare(db, "SELECT bytes FROM series_table WHERE id = ?", &decoder->find_table, err);
}

static void forget_tables(struct decoder *decoder)
{
    HASH_CLEAR(hh, decoder->tables);
    arena_reset(&decoder->table_arena);
}

void decoder_done(struct decoder *decoder)
{
    forget_tables(decoder);
    arena_done(&decoder->table_arena);
    arena_done(&decoder->batch_arena);
    sqlite3_finalize(decoder->find_table);
}

/* -ENOMEM also stands for "the kept tables take all the room there is". */
static int decode_table(struct decoder *decoder, sqlite3_stmt *stmt, struct decoded_table *table, struct err *err)
{
    const void *bytes = sqlite3_column_blob(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    int rc = len ? codec_decode_table(bytes, len, &decoder->table_arena, &table->table, err) : -EBADMSG;
    table->readable = rc == 0;
    return rc == -ENOMEM ? rc : 0;
}

static int read_table(struct decoder *decoder, int64_t id, struct decoded_table **ret, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = decoder->find_table;
    struct decoded_table *table = arena_alloc(&decoder->table_arena, 1, sizeof *table);
    if (!table)
        return err_set(err, -ENOMEM, "store: out of memory");
    table->id = id;
    sqlite3_bind_int64(stmt, 1, id);
    int rc = db_step(stmt, err);
    if (rc == DB_ROW)
        rc = decode_table(decoder, stmt, table, err);
    if (rc < 0)
        return rc;
    HASH_ADD(hh, decoder->tables, id, sizeof table->id, table);
    if (!table->hh.tbl)
        return err_set(err, -ENOMEM, "store: out of memory");
    *ret = table;
    return 0;
}

static int table_of(struct decoder *decoder, int64_t id, struct decoded_table **ret, struct err *err)
{
    HASH_FIND(hh, decoder->tables, &id, sizeof id, *ret);
    if (*ret)
        return 0;
    int rc = read_table(decoder, id, ret, err);
    if (rc == -ENOMEM && decoder->tables) { /* full: begin anew, this one will be needed again soonest */
        forget_tables(decoder);
        rc = read_table(decoder, id, ret, err);
    }
    return rc;
}

int decoder_table(struct decoder *decoder, int64_t id, const struct series_table **ret, struct err *err)
{
    struct decoded_table *table;
    int rc = table_of(decoder, id, &table, err);
    if (rc < 0)
        return rc;
    *ret = table->readable ? &table->table : NULL;
    return 0;
}

static int set_times(struct decoder *decoder, int64_t anchor_us, struct decoded *decoded, struct err *err)
{
    uint32_t n = decoded->batch.n_ticks;
    int64_t *at_us = arena_alloc(&decoder->batch_arena, n, sizeof *at_us);
    if (!at_us)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < n; i++)
        if (__builtin_add_overflow(anchor_us, decoded->batch.mono_us[i], &at_us[i]))
            return -EBADMSG;
    decoded->at_us = at_us;
    return 0;
}

int decoder_row(struct decoder *decoder, sqlite3_stmt *stmt, struct decoded *ret, struct err *err)
{
    *ret = (struct decoded){ .table = NULL };
    struct decoded_table *table;
    int rc = table_of(decoder, sqlite3_column_int64(stmt, DECODER_TABLE), &table, err);
    if (rc < 0)
        return rc;
    arena_reset(&decoder->batch_arena);
    const void *bytes = sqlite3_column_blob(stmt, DECODER_BYTES);
    size_t len = (size_t)sqlite3_column_bytes(stmt, DECODER_BYTES);
    rc = table->readable && len ? codec_decode_batch(bytes, len, &decoder->batch_arena, &ret->batch, err) : -EBADMSG;
    if (rc == 0 && ret->batch.n_columns != table->table.n)
        rc = -EBADMSG;
    if (rc == 0)
        rc = set_times(decoder, sqlite3_column_int64(stmt, DECODER_ANCHOR), ret, err);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0)
        decoder->unreadable++;
    else
        ret->table = &table->table;
    return 0;
}

int decoded_trim(struct decoder *decoder, struct decoded *decoded, int64_t from_us, struct err *err)
{
    struct batch *batch = &decoded->batch;
    uint32_t skip = 0;
    while (skip < batch->n_ticks && decoded->at_us[skip] < from_us)
        skip++;
    if (skip == 0)
        return 0;
    struct column *columns = arena_alloc(&decoder->batch_arena, batch->n_columns, sizeof *columns);
    if (!columns)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        columns[i] = batch->columns[i];
        if (columns[i].real)
            columns[i].values += skip;
        else
            columns[i].fixed += skip;
    }
    batch->columns = columns;
    batch->mono_us += skip;
    batch->wall_us += skip;
    batch->first += skip;
    batch->n_ticks -= skip;
    decoded->at_us += skip;
    return 0;
}
