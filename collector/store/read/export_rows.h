/* collector/store/read/export_rows.h - which rows of a file hold ticks of one host on one day, and what is in them.
 *
 * Shape    no row but one of the inbox reaches over midnight UTC, so a day is read by itself: its blocks by their ids,
 *          its inbox rows by the slots its runs have ticks in
 * Threads  one caller at a time
 */
#pragma once
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "collector/store/block/block.h"
#include "collector/store/store.h"

#define EXPORT_DAY_US (INT64_C(86400) * US_PER_S)

struct export_row {
    bool block; /* else a batch of the inbox */
    int64_t id;
    int64_t first_us, last_us;
    int64_t table;
};

struct export_rows { /* export_rows_open() sets it up */
    sqlite3 *db;
    const atomic_bool *stop;
    uint64_t host;
    int64_t host_no; /* 0: it has no blocks */
    sqlite3_stmt *blocks, *runs, *filled, *batches;
    size_t n, room;
    struct export_row *at; /* owned */
};

int export_rows_open(struct export_rows *rows, sqlite3 *db, uint64_t host, const atomic_bool *stop, struct err *err);
void export_rows_done(struct export_rows *rows);

/* Finds those that meet [from, to), which lie on one day; by the time of their first tick. */
int export_rows_find(struct export_rows *rows, int64_t from_us, int64_t to_us, struct err *err);

/* The columns `wanted` of a row, decoded into `arena`. -EBADMSG: it is damaged. */
struct export_ticks {
    uint32_t n;
    const int64_t *at_us;
    struct column *columns;
};
struct export_table { /* a series table and which columns of it are wanted */
    int64_t id;
    struct series_table table;
    uint32_t n_wanted;
    uint32_t *wanted;
};
int export_row_read(sqlite3 *db, struct block_coder *coder, const struct export_row *row,
                    const struct export_table *table, struct arena *arena, struct export_ticks *ret, struct err *err);

/* -EBADMSG: there is no such table, or it is damaged. */
int export_table_read(sqlite3 *db, int64_t id, const struct store_export *query, struct arena *arena,
                      struct export_table *ret, struct err *err);
