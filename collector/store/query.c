/* Ticks of one host in a time range. The intervals say in which slots a run has batches at all; each of those slots is
 * looked up by (slot, run). A batch is indexed by its first tick's slot, so the search begins as much earlier as the
 * longest batch of its interval lasts. Intervals of a run may share a slot: each slot is looked up once. An interval
 * says little where a host's clock jumped: its ticks follow each other and lie years apart. So where a run has nothing
 * for a while the search goes on at the next slot in which anybody has anything. */
#include "collector/store/query.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/decoder.h"
#include "collector/store/schema.h"
#include "collector/store/steps.h"

enum { EMPTY_SLOTS_MAX = 64 }; /* looked at one by one */

struct scan_slots {
    const struct store_query *query;
    const atomic_bool *stop;
    sqlite3_stmt *batches; /* of a slot and a run */
    sqlite3_stmt *filled;  /* the first slot from one on that has any */
    struct decoder decoder;
    struct steps steps;
};

static void auto_slots(struct scan_slots *scan)
{
    sqlite3_finalize(scan->batches);
    sqlite3_finalize(scan->filled);
    decoder_done(&scan->decoder);
}

static int add_column(struct scan_slots *scan, const struct decoded *row, uint32_t column)
{
    const struct series *of = &row->table->at[column];
    struct steps_series *series = NULL;
    for (uint32_t tick = 0; tick < row->batch.n_ticks; tick++) {
        if (row->at_us[tick] < scan->query->from_us || row->at_us[tick] >= scan->query->to_us)
            continue;
        double value = batch_value(&row->batch, row->table, column, tick);
        if (isnan(value))
            continue;
        int rc = series ? 0 : steps_series(&scan->steps, of->instance, of->unit, &series);
        if (rc == STEPS_FULL)
            return 0;
        if (rc == 0)
            rc = steps_add(&scan->steps, series, row->at_us[tick], value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_row(struct scan_slots *scan, struct err *err)
{
    struct decoded row;
    int rc = decoder_row(&scan->decoder, scan->batches, &row, err);
    for (uint32_t i = 0; rc == 0 && row.table && i < row.table->n; i++) {
        const struct series *series = &row.table->at[i];
        if (strcmp(series->metric, scan->query->metric) == 0 &&
            fnmatch(scan->query->instance, series->instance, 0) == 0)
            rc = add_column(scan, &row, i);
    }
    return rc == -ENOMEM ? err_set(err, rc, "store: the answer is too large: ask for fewer points or a narrower glob")
                         : rc;
}

static int check_stop(const struct scan_slots *scan, struct err *err)
{
    if (atomic_load_explicit(scan->stop, memory_order_relaxed))
        return err_set(err, -ECANCELED, "store: closing");
    return 0;
}

static int read_slot(struct scan_slots *scan, int64_t run, int64_t slot, bool *ret_empty, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = scan->batches;
    sqlite3_bind_int64(stmt, 1, slot);
    sqlite3_bind_int64(stmt, 2, run);
    int rc;
    *ret_empty = true;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        *ret_empty = false;
        bool apart = sqlite3_column_int64(stmt, DECODER_LAST_US) < scan->query->from_us ||
                     sqlite3_column_int64(stmt, DECODER_FIRST_US) >= scan->query->to_us;
        rc = apart ? 0 : add_row(scan, err);
        if (rc == 0)
            rc = check_stop(scan, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* `last` + 1 when there is none before. */
static int next_filled(struct scan_slots *scan, int64_t slot, int64_t last, int64_t *ret, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = scan->filled;
    sqlite3_bind_int64(stmt, 1, slot);
    sqlite3_bind_int64(stmt, 2, last);
    int rc = db_step(stmt, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? sqlite3_column_int64(stmt, 0) : last + 1;
    return 0;
}

/* *slot becomes the first one behind them. */
static int read_slots(struct scan_slots *scan, int64_t run, int64_t *slot, int64_t last, struct err *err)
{
    int empty = 0;
    int rc = 0;
    while (rc == 0 && *slot <= last) {
        bool is_empty;
        rc = read_slot(scan, run, *slot, &is_empty, err);
        ++*slot;
        empty = is_empty ? empty + 1 : 0;
        if (rc == 0 && empty == EMPTY_SLOTS_MAX) {
            empty = 0;
            rc = next_filled(scan, *slot, last, slot, err);
        }
        if (rc == 0)
            rc = check_stop(scan, err);
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

static int read_intervals(struct scan_slots *scan, sqlite3 *db, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(db,
                        "SELECT interval.run, first_us, last_us, span_us FROM run JOIN interval ON interval.run ="
                        " run.id WHERE host = ?1 AND last_us >= ?2 AND first_us < ?3 ORDER BY interval.run, first_us",
                        &stmt, err);
    if (rc < 0)
        return rc;
    const struct store_query *query = scan->query;
    sqlite3_bind_int64(stmt, 1, (int64_t)query->host);
    sqlite3_bind_int64(stmt, 2, query->from_us);
    sqlite3_bind_int64(stmt, 3, query->to_us);
    int64_t run_before = 0;
    int64_t next = 0; /* slots of this run below it are done */
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        int64_t run = sqlite3_column_int64(stmt, 0);
        int64_t span_us = smaller(sqlite3_column_int64(stmt, 3), STORE_SPAN_MAX_US);
        int64_t from_us = larger(sqlite3_column_int64(stmt, 1), query->from_us - span_us);
        int64_t last = smaller(sqlite3_column_int64(stmt, 2), query->to_us - 1) / STORE_SLOT_US;
        if (run != run_before)
            next = 0;
        run_before = run;
        next = larger(next, from_us / STORE_SLOT_US);
        rc = read_slots(scan, run, &next, last, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int query_series(sqlite3 *db, const struct store_query *query, const atomic_bool *stop, struct arena *arena,
                 struct store_result *ret, uint64_t *ret_unreadable, struct err *err)
{
    AUTO(auto_slots) struct scan_slots scan = { .query = query, .stop = stop };
    steps_init(&scan.steps, arena, query->from_us, query->to_us, query->points);
    int rc = decoder_init(&scan.decoder, db, err);
    if (rc == 0)
        rc = db_prepare(db, "SELECT " DECODER_COLUMNS " FROM batch WHERE slot = ? AND run = ?", &scan.batches, err);
    if (rc == 0)
        rc = db_prepare(db, "SELECT slot FROM batch WHERE slot BETWEEN ? AND ? ORDER BY slot LIMIT 1", &scan.filled,
                        err);
    if (rc == 0)
        rc = read_intervals(&scan, db, err);
    if (rc < 0)
        return rc;
    *ret_unreadable = scan.decoder.unreadable;
    rc = steps_result(&scan.steps, ret);
    return rc < 0 ? err_set(err, rc, "store: the answer is too large: ask for fewer points") : 0;
}

/* ---- replay ---- */

int query_replay(sqlite3 *db, int64_t from_us,
                 void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                            const int64_t *at_us),
                 void *user, uint64_t *ret_unreadable, struct err *err)
{
    int64_t span_us = 0;
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    AUTO(decoder_done) struct decoder decoder;
    int rc = decoder_init(&decoder, db, err);
    if (rc == 0)
        rc = db_number(db, "SELECT max(span_us) FROM interval", &span_us, err);
    /* Sorted slot by slot along the index: no more than a slot's worth is ever held for it. */
    if (rc == 0)
        rc = db_prepare(db,
                        "SELECT " DECODER_COLUMNS ", (SELECT host FROM run WHERE run.id = batch.run) FROM batch"
                        " WHERE slot >= ? AND last_us >= ? ORDER BY slot, first_us, batch.run, first",
                        &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (from_us - smaller(span_us, STORE_SPAN_MAX_US)) / STORE_SLOT_US);
    sqlite3_bind_int64(stmt, 2, from_us);
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        struct decoded row;
        rc = decoder_row(&decoder, stmt, &row, err);
        if (rc == 0 && row.table)
            rc = decoded_trim(&decoder, &row, from_us, err);
        if (rc < 0)
            return rc;
        if (row.table && row.batch.n_ticks > 0)
            fn(user, (uint64_t)sqlite3_column_int64(stmt, DECODER_NEXT), row.table, &row.batch, row.at_us);
    }
    *ret_unreadable = decoder.unreadable;
    return rc;
}
