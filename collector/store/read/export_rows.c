#include "collector/store/read/export_rows.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/schema.h"
#include "proto/codec/codec.h"

enum { ROWS_MAX = 1 << 20, ID_HOST_BITS = 39, ID_SECOND_BITS = 6 };

/* ---- finding ---- */

static int find_host(struct export_rows *rows, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(rows->db, "SELECT no FROM host WHERE id = ?", &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)rows->host);
    rc = db_step(stmt, err);
    if (rc == DB_ROW)
        rows->host_no = sqlite3_column_int64(stmt, 0);
    return rc < 0 ? rc : 0;
}

int export_rows_open(struct export_rows *rows, sqlite3 *db, uint64_t host, const atomic_bool *stop, struct err *err)
{
    *rows = (struct export_rows){ .db = db, .host = host, .stop = stop };
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } texts[] = {
        { &rows->blocks, "SELECT id, first_us, last_us, series_table FROM block WHERE id BETWEEN ? AND ?"
                         " AND last_us >= ? AND first_us < ?" },
        { &rows->runs,
          "SELECT interval.run, min(first_us), max(last_us), max(span_us) FROM run JOIN interval"
          " ON interval.run = run.id WHERE host = ? AND last_us >= ? AND first_us < ? GROUP BY interval.run" },
        { &rows->filled, "SELECT slot FROM batch WHERE slot BETWEEN ? AND ? ORDER BY slot LIMIT 1" },
        { &rows->batches, "SELECT id, first_us, last_us, series_table FROM batch WHERE slot = ? AND run = ?"
                          " AND last_us >= ? AND first_us < ?" },
    };
    int rc = find_host(rows, err);
    for (size_t i = 0; rc == 0 && i < sizeof texts / sizeof *texts; i++)
        rc = db_prepare(db, texts[i].sql, texts[i].stmt, err);
    if (rc < 0)
        export_rows_done(rows);
    return rc;
}

void export_rows_done(struct export_rows *rows)
{
    sqlite3_finalize(rows->blocks);
    sqlite3_finalize(rows->runs);
    sqlite3_finalize(rows->filled);
    sqlite3_finalize(rows->batches);
    free(rows->at);
    *rows = (struct export_rows){ .n = 0 };
}

static int add_row(struct export_rows *rows, sqlite3_stmt *stmt, bool block, struct err *err)
{
    if (rows->n == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 256;
        struct export_row *at = room > ROWS_MAX ? NULL : realloc(rows->at, room * sizeof *at);
        if (!at)
            return err_set(err, -ENOMEM, "store: there are too many rows of that day to read them at once");
        rows->at = at;
        rows->room = room;
    }
    rows->at[rows->n++] = (struct export_row){
        .block = block,
        .id = sqlite3_column_int64(stmt, 0),
        .first_us = sqlite3_column_int64(stmt, 1),
        .last_us = sqlite3_column_int64(stmt, 2),
        .table = sqlite3_column_int64(stmt, 3),
    };
    return 0;
}

static int add_rows(struct export_rows *rows, sqlite3_stmt *stmt, bool block, struct err *err)
{
    int rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        rc = add_row(rows, stmt, block, err);
        if (rc < 0) {
            sqlite3_reset(stmt);
            return rc;
        }
    }
    return rc;
}

static int64_t block_id(int64_t host_no, int64_t at_us, int64_t last)
{
    return host_no << ID_HOST_BITS | at_us / US_PER_S << ID_SECOND_BITS | last;
}

static int find_blocks(struct export_rows *rows, int64_t from_us, int64_t to_us, struct err *err)
{
    if (rows->host_no == 0)
        return 0;
    int64_t day_us = from_us - from_us % EXPORT_DAY_US;
    sqlite3_bind_int64(rows->blocks, 1, block_id(rows->host_no, day_us, 0));
    /* An id may be of another second than its first tick when that one's were all taken: the whole day. */
    sqlite3_bind_int64(rows->blocks, 2, block_id(rows->host_no, day_us + EXPORT_DAY_US - 1, 63));
    sqlite3_bind_int64(rows->blocks, 3, from_us);
    sqlite3_bind_int64(rows->blocks, 4, to_us);
    return add_rows(rows, rows->blocks, true, err);
}

/* LAST + 1 when no slot of FIRST..LAST holds anything of anybody. */
static int next_filled(struct export_rows *rows, int64_t first, int64_t last, int64_t *ret, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = rows->filled;
    sqlite3_bind_int64(stmt, 1, first);
    sqlite3_bind_int64(stmt, 2, last);
    int rc = db_step(stmt, err);
    if (rc >= 0)
        *ret = rc == DB_ROW ? sqlite3_column_int64(stmt, 0) : last + 1;
    return rc < 0 ? rc : 0;
}

static int find_slots(struct export_rows *rows, int64_t run, int64_t first, int64_t last, struct err *err)
{
    int rc = next_filled(rows, first, last, &first, err);
    while (rc == 0 && first <= last) {
        if (atomic_load_explicit(rows->stop, memory_order_relaxed))
            return err_set(err, -ECANCELED, "store: closing");
        sqlite3_bind_int64(rows->batches, 1, first);
        sqlite3_bind_int64(rows->batches, 2, run);
        rc = add_rows(rows, rows->batches, false, err);
        if (rc == 0)
            rc = next_filled(rows, first + 1, last, &first, err);
    }
    return rc;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A batch stands in the slot of its first tick, so the search begins as much earlier as the run's longest lasts. */
static int find_batches(struct export_rows *rows, int64_t from_us, int64_t to_us, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = rows->runs;
    sqlite3_bind_int64(stmt, 1, (int64_t)rows->host);
    sqlite3_bind_int64(stmt, 2, from_us);
    sqlite3_bind_int64(stmt, 3, to_us);
    sqlite3_bind_int64(rows->batches, 3, from_us);
    sqlite3_bind_int64(rows->batches, 4, to_us);
    int rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        int64_t span_us = smaller(sqlite3_column_int64(stmt, 3), STORE_SPAN_MAX_US);
        int64_t first_us = larger(sqlite3_column_int64(stmt, 1), from_us - span_us);
        int64_t last_us = smaller(sqlite3_column_int64(stmt, 2), to_us - 1);
        rc = find_slots(rows, sqlite3_column_int64(stmt, 0), first_us / STORE_SLOT_US, last_us / STORE_SLOT_US, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int by_time(const void *a, const void *b)
{
    const struct export_row *x = a;
    const struct export_row *y = b;
    if (x->first_us != y->first_us)
        return x->first_us < y->first_us ? -1 : 1;
    if (x->block != y->block)
        return x->block ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

int export_rows_find(struct export_rows *rows, int64_t from_us, int64_t to_us, struct err *err)
{
    rows->n = 0;
    int rc = find_blocks(rows, from_us, to_us, err);
    if (rc == 0)
        rc = find_batches(rows, from_us, to_us, err);
    if (rc == 0 && rows->n > 0)
        qsort(rows->at, rows->n, sizeof *rows->at, by_time);
    return rc;
}

/* ---- reading ---- */

static int keep_columns(const struct export_table *table, struct arena *arena, struct export_ticks *ret,
                        struct err *err)
{
    ret->columns = arena_alloc(arena, table->n_wanted, sizeof *ret->columns);
    return ret->columns ? 0 : err_set(err, -ENOMEM, "store: out of memory");
}

static int read_block(struct block_coder *coder, const void *bytes, size_t len, const struct export_table *table,
                      struct arena *arena, struct export_ticks *ret, struct err *err)
{
    struct block_view view;
    int rc = block_open(bytes, len, &view, err);
    if (rc == 0 && view.n_columns != table->table.n)
        rc = err_set(err, -EBADMSG, "store: a block of another table");
    if (rc == 0)
        rc = block_times(coder, &view, arena, &ret->at_us, err);
    ret->n = view.n_ticks;
    for (uint32_t i = 0; rc == 0 && i < table->n_wanted; i++)
        rc = block_column(coder, &view, table->wanted[i], arena, &ret->columns[i], err);
    return rc;
}

static int read_batch(const void *bytes, size_t len, int64_t anchor_us, const struct export_table *table,
                      struct arena *arena, struct export_ticks *ret, struct err *err)
{
    struct batch batch;
    int rc = codec_decode_batch(bytes, len, arena, &batch, err);
    if (rc < 0)
        return rc == -ENOMEM ? rc : -EBADMSG;
    int64_t *at_us = arena_alloc(arena, batch.n_ticks, sizeof *at_us);
    if (!at_us)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < batch.n_ticks; i++)
        if (__builtin_add_overflow(anchor_us, batch.mono_us[i], &at_us[i]))
            return err_set(err, -EBADMSG, "store: a tick out of all time");
    if (batch.n_columns != table->table.n)
        return err_set(err, -EBADMSG, "store: a batch of another table");
    for (uint32_t i = 0; i < table->n_wanted; i++)
        ret->columns[i] = batch.columns[table->wanted[i]];
    ret->n = batch.n_ticks;
    ret->at_us = at_us;
    return 0;
}

int export_row_read(sqlite3 *db, struct block_coder *coder, const struct export_row *row,
                    const struct export_table *table, struct arena *arena, struct export_ticks *ret, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    struct export_ticks ticks = { .n = 0 };
    int rc = db_prepare(
        db, row->block ? "SELECT bytes FROM block WHERE id = ?" : "SELECT bytes, anchor_us FROM batch WHERE id = ?",
        &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, row->id);
    rc = db_step(stmt, err);
    if (rc != DB_ROW)
        return rc < 0 ? rc : err_set(err, -EBADMSG, "store: a row went while it was read");
    const void *bytes = sqlite3_column_blob(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    rc = keep_columns(table, arena, &ticks, err);
    if (rc == 0)
        rc = row->block ? read_block(coder, bytes, len, table, arena, &ticks, err)
                        : read_batch(bytes, len, sqlite3_column_int64(stmt, 1), table, arena, &ticks, err);
    if (rc == 0)
        *ret = ticks;
    return rc;
}

int export_table_read(sqlite3 *db, int64_t id, const struct store_export *query, struct arena *arena,
                      struct export_table *ret, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    struct export_table table = { .id = id };
    int rc = db_prepare(db, "SELECT bytes FROM series_table WHERE id = ?", &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, id);
    rc = db_step(stmt, err);
    size_t len = rc == DB_ROW ? (size_t)sqlite3_column_bytes(stmt, 0) : 0;
    if (rc < 0)
        return rc;
    if (len == 0)
        return err_set(err, -EBADMSG, "store: a series table is missing");
    rc = codec_decode_table(sqlite3_column_blob(stmt, 0), len, arena, &table.table, err);
    if (rc < 0)
        return rc == -ENOMEM ? rc : -EBADMSG;
    table.wanted = arena_alloc(arena, table.table.n, sizeof *table.wanted);
    if (!table.wanted)
        return err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < table.table.n; i++)
        if (fnmatch(query->metric, table.table.at[i].metric, 0) == 0 &&
            fnmatch(query->instance, table.table.at[i].instance, 0) == 0)
            table.wanted[table.n_wanted++] = i;
    *ret = table;
    return 0;
}
