/* Rows that hold ticks and what was made of them: each is read to its last value and compared with its own columns. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/auto.h"
#include "base/clock.h"
#include "collector/store/block/sketch.h"
#include "collector/store/db.h"
#include "collector/store/schema.h"
#include "collector/store/upkeep/fsck_parts.h"
#include "proto/codec/codec.h"

enum { ID_HOST_BITS = 39, ID_SECOND_BITS = 6, LEVEL_MAX = 2 };
#define DAY_US (INT64_C(86400) * US_PER_S)

int fsck_add_range(struct fsck *fsck, const struct fsck_range *range, struct err *err)
{
    if (fsck->n_ranges == fsck->ranges_room) {
        size_t room = fsck->ranges_room ? 2 * fsck->ranges_room : 1024;
        struct fsck_range *ranges = realloc(fsck->ranges, room * sizeof *ranges);
        if (!ranges)
            return err_set(err, -ENOMEM, "fsck: out of memory");
        fsck->ranges = ranges;
        fsck->ranges_room = room;
    }
    fsck->ranges[fsck->n_ranges++] = *range;
    fsck->report->ticks += (uint64_t)(range->last - range->first + 1);
    return 0;
}

static void find_in(struct fsck *fsck, const struct fsck_row *row, const char *what)
{
    char text[FSCK_ROW_TEXT];
    fsck_find(fsck, "%s: %s", fsck_row_text(fsck, row, text), what);
}

/* NULL: it is not there or not whole; said. */
static const struct fsck_table *table_of(struct fsck *fsck, const struct fsck_row *row, int64_t id)
{
    const struct fsck_table *table = id > 0 && (uint64_t)id < fsck->n_tables ? &fsck->tables[id] : NULL;
    if (table && table->whole)
        return table;
    char what[80];
    snprintf(what, sizeof what, "its series table %" PRId64 " is missing or damaged", id);
    find_in(fsck, row, what);
    return NULL;
}

/* ---- the inbox ---- */

enum {
    BATCH_ID,
    BATCH_RUN,
    BATCH_FIRST,
    BATCH_N,
    BATCH_FIRST_US,
    BATCH_LAST_US,
    BATCH_ANCHOR,
    BATCH_TABLE,
    BATCH_SLOT,
    BATCH_BYTES,
    BATCH_SUM
};
#define BATCH_SQL "SELECT id, run, first, n, first_us, last_us, anchor_us, series_table, slot, bytes, sum FROM batch"

static bool batch_agrees(const struct batch *batch, sqlite3_stmt *stmt, const struct fsck_run_row *run)
{
    int64_t anchor_us = sqlite3_column_int64(stmt, BATCH_ANCHOR);
    int64_t slot = sqlite3_column_int64(stmt, BATCH_SLOT);
    int64_t first_us, last_us;
    if (__builtin_add_overflow(anchor_us, batch->mono_us[0], &first_us) ||
        __builtin_add_overflow(anchor_us, batch->mono_us[batch->n_ticks - 1], &last_us))
        return false;
    return (int64_t)batch->first == sqlite3_column_int64(stmt, BATCH_FIRST) &&
           (int64_t)batch->n_ticks == sqlite3_column_int64(stmt, BATCH_N) &&
           first_us == sqlite3_column_int64(stmt, BATCH_FIRST_US) &&
           last_us == sqlite3_column_int64(stmt, BATCH_LAST_US) &&
           (slot < 0 ? -1 - slot : slot) == first_us / STORE_SLOT_US &&
           memcmp(batch->run.bytes, run->run.bytes, RUN_BYTES) == 0;
}

static const char *fault_of_batch(struct fsck *fsck, sqlite3_stmt *stmt, const struct fsck_run_row *run,
                                  const struct fsck_table *table, struct err *err)
{
    const void *bytes = sqlite3_column_blob(stmt, BATCH_BYTES);
    size_t len = (size_t)sqlite3_column_bytes(stmt, BATCH_BYTES);
    struct batch batch;
    if (sqlite3_column_type(stmt, BATCH_SUM) != SQLITE_NULL &&
        (uint64_t)sqlite3_column_int64(stmt, BATCH_SUM) != XXH3_64bits(bytes, len))
        return "its checksum is not that of its bytes";
    arena_reset(&fsck->arena);
    if (!len || codec_decode_batch(bytes, len, &fsck->arena, &batch, err) < 0)
        return len ? err->text : "it is empty";
    if (batch.n_columns != table->n || memcmp(batch.table.bytes, table->hash.bytes, TABLE_HASH_BYTES) != 0)
        return "it is of another series table";
    if (!batch_agrees(&batch, stmt, run))
        return "its columns and its bytes contradict each other";
    return sqlite3_column_int64(stmt, BATCH_SLOT) < 0 ? "it was set aside as unreadable" : NULL;
}

static int check_batch(struct fsck *fsck, sqlite3_stmt *stmt, struct err *err)
{
    int64_t run = sqlite3_column_int64(stmt, BATCH_RUN);
    bool known = run > 0 && (uint64_t)run < fsck->n_runs && fsck->runs[run].host != 0;
    struct fsck_row row = { .kind = FSCK_BATCH,
                            .id = sqlite3_column_int64(stmt, BATCH_ID),
                            .host = known ? fsck->runs[run].host : 0,
                            .first_us = sqlite3_column_int64(stmt, BATCH_FIRST_US),
                            .last_us = sqlite3_column_int64(stmt, BATCH_LAST_US),
                            .n = sqlite3_column_int64(stmt, BATCH_N) };
    fsck->report->rows++;
    if (!known) {
        find_in(fsck, &row, "it is of a run that is not there");
        return 0;
    }
    const struct fsck_table *table = table_of(fsck, &row, sqlite3_column_int64(stmt, BATCH_TABLE));
    const char *fault = table ? fault_of_batch(fsck, stmt, &fsck->runs[run], table, err) : NULL;
    if (fault)
        find_in(fsck, &row, fault);
    int64_t first = sqlite3_column_int64(stmt, BATCH_FIRST);
    if (row.n < 1 || row.n > TICKS_MAX || first < 1 || first > INT64_MAX - row.n)
        return 0; /* it says nothing about ticks */
    return fsck_add_range(fsck,
                          &(struct fsck_range){ .run = run,
                                                .first = first,
                                                .last = first + row.n - 1,
                                                .first_us = row.first_us,
                                                .last_us = row.last_us,
                                                .kind = FSCK_BATCH,
                                                .row = row.id },
                          err);
}

static int read_batches(struct fsck *fsck, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(fsck->db, BATCH_SQL, &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW)
        rc = check_batch(fsck, stmt, err);
    return rc;
}

/* ---- blocks, minutes, sketches ---- */

enum { PACKED_ID, PACKED_FIRST_US, PACKED_LAST_US, PACKED_N, PACKED_LEVEL, PACKED_COARSE, PACKED_TABLE, PACKED_BYTES };

/* The id has the host's number and the second of the first tick, or when that one's were all taken any other of the
 * same day: whoever looks for a row looks through the day. */
static const char *fault_of_id(const struct fsck_row *row)
{
    int64_t second = row->id >> ID_SECOND_BITS & ((INT64_C(1) << (ID_HOST_BITS - ID_SECOND_BITS)) - 1);
    if (row->host == 0)
        return "its host is not known to this file";
    if (second * US_PER_S / DAY_US != row->first_us / DAY_US)
        return "its number is not that of its time";
    if (row->first_us > row->last_us || row->first_us / DAY_US != row->last_us / DAY_US)
        return "it reaches over midnight";
    return NULL;
}

static int64_t run_number(const struct fsck *fsck, uint64_t host, const struct run_id *run)
{
    for (size_t i = 1; i < fsck->n_runs; i++)
        if (fsck->runs[i].host == host && memcmp(fsck->runs[i].run.bytes, run->bytes, RUN_BYTES) == 0)
            return (int64_t)i;
    return 0;
}

static int take_parts(struct fsck *fsck, const struct fsck_row *row, const struct block_view *view, bool coarse,
                      struct err *err)
{
    const struct block_part *parts;
    struct err fault;
    uint64_t n = 0;
    arena_reset(&fsck->arena);
    int rc = block_parts(fsck->coder, view, &fsck->arena, &parts, &fault);
    for (uint32_t i = 0; rc == 0 && i < view->n_parts; i++) {
        int64_t run = run_number(fsck, row->host, &parts[i].run);
        n += parts[i].n;
        if (run == 0)
            find_in(fsck, row, "it holds ticks of a run that is not there");
        else
            rc = fsck_add_range(fsck,
                                &(struct fsck_range){ .run = run,
                                                      .first = (int64_t)parts[i].first,
                                                      .last = (int64_t)(parts[i].first + parts[i].n) - 1,
                                                      .first_us = row->first_us,
                                                      .last_us = row->last_us,
                                                      .coarse = coarse,
                                                      .shared = view->n_parts > 1,
                                                      .kind = FSCK_BLOCK,
                                                      .row = row->id },
                                err);
    }
    if (rc == 0 && n != view->n_ticks)
        find_in(fsck, row, "its ticks and their identities are not as many");
    return rc == -ENOMEM ? rc : 0;
}

/* Opens what could be checked. False: said what is wrong. */
static bool check_block_bytes(struct fsck *fsck, const struct fsck_row *row, sqlite3_stmt *stmt, uint32_t n_columns,
                              struct block_view *ret)
{
    const void *bytes = sqlite3_column_blob(stmt, PACKED_BYTES);
    size_t len = (size_t)sqlite3_column_bytes(stmt, PACKED_BYTES);
    struct err fault;
    if (!len || block_check(fsck->coder, bytes, len, &fault) < 0 || block_open(bytes, len, ret, &fault) < 0) {
        find_in(fsck, row, len ? fault.text : "it is empty");
        return false;
    }
    if (ret->n_ticks != row->n || ret->first_us != row->first_us || ret->last_us != row->last_us) {
        find_in(fsck, row, "its columns and its bytes contradict each other");
        return false;
    }
    if (ret->n_columns != n_columns)
        find_in(fsck, row, "it has not as many columns as its series table says");
    return true;
}

static int check_block(struct fsck *fsck, const struct fsck_row *row, sqlite3_stmt *stmt,
                       const struct fsck_table *table, struct err *err)
{
    struct block_view view;
    int64_t level = sqlite3_column_int64(stmt, PACKED_LEVEL);
    if (level < 0 || level > LEVEL_MAX)
        find_in(fsck, row, "its level is none");
    if (!check_block_bytes(fsck, row, stmt, table->n, &view))
        return 0;
    return take_parts(fsck, row, &view, sqlite3_column_int(stmt, PACKED_COARSE), err);
}

static int check_minute(struct fsck *fsck, const struct fsck_row *row, sqlite3_stmt *stmt,
                        const struct fsck_table *table, struct err *err)
{
    struct block_view view;
    (void)err;
    check_block_bytes(fsck, row, stmt, 4 * table->n, &view);
    return 0;
}

static int check_sketch(struct fsck *fsck, const struct fsck_row *row, sqlite3_stmt *stmt,
                        const struct fsck_table *table, struct err *err)
{
    struct sketches_view view;
    struct err fault;
    (void)err;
    arena_reset(&fsck->arena);
    int rc = sketches_open(fsck->coder, sqlite3_column_blob(stmt, PACKED_BYTES),
                           (size_t)sqlite3_column_bytes(stmt, PACKED_BYTES), &fsck->arena, &view, &fault);
    if (rc == 0 && view.n != table->n)
        rc = err_set(&fault, -EBADMSG, "it has not as many sketches as its series table says");
    for (uint32_t i = 0; rc == 0 && i < view.n; i++) {
        struct sketch sketch;
        rc = sketches_read(&view, i, &fsck->arena, &sketch, &fault);
    }
    if (rc < 0)
        find_in(fsck, row, fault.text);
    return 0;
}

static const struct packed {
    enum fsck_kind kind;
    const char *what;
    const char *sql;
    int (*check)(struct fsck *fsck, const struct fsck_row *row, sqlite3_stmt *stmt, const struct fsck_table *table,
                 struct err *err);
} packed[] = {
    { FSCK_BLOCK, "its blocks", "SELECT id, first_us, last_us, n, level, coarse, series_table, bytes FROM block",
      check_block },
    { FSCK_MINUTE, "its minutes", "SELECT id, first_us, last_us, n, whole, 0, series_table, bytes FROM minute",
      check_minute },
    { FSCK_SKETCH, "its sketches", "SELECT id, first_us, last_us, 0, whole, 0, series_table, bytes FROM sketch",
      check_sketch },
};

static int check_packed(struct fsck *fsck, const struct packed *kind, sqlite3_stmt *stmt, struct err *err)
{
    int64_t id = sqlite3_column_int64(stmt, PACKED_ID);
    int64_t no = id >> ID_HOST_BITS;
    struct fsck_row row = { .kind = kind->kind,
                            .id = id,
                            .host = no > 0 && (uint64_t)no < fsck->n_hosts ? fsck->hosts[no] : 0,
                            .first_us = sqlite3_column_int64(stmt, PACKED_FIRST_US),
                            .last_us = sqlite3_column_int64(stmt, PACKED_LAST_US),
                            .n = sqlite3_column_int64(stmt, PACKED_N) };
    const char *fault = fault_of_id(&row);
    fsck->report->rows++;
    if (fault)
        find_in(fsck, &row, fault);
    const struct fsck_table *table = table_of(fsck, &row, sqlite3_column_int64(stmt, PACKED_TABLE));
    return table ? kind->check(fsck, &row, stmt, table, err) : 0;
}

static int read_packed(struct fsck *fsck, const struct packed *kind, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(fsck->db, kind->sql, &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW)
        rc = check_packed(fsck, kind, stmt, err);
    return rc;
}

int fsck_rows(struct fsck *fsck, struct err *err)
{
    int rc = fsck_read_failed(fsck, "its inbox", read_batches(fsck, err), err);
    for (size_t i = 0; rc == 0 && i < sizeof packed / sizeof *packed; i++)
        rc = fsck_read_failed(fsck, packed[i].what, read_packed(fsck, &packed[i], err), err);
    return rc;
}
