#include "collector/store/dropped.h"

#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"

struct row {
    int64_t id; /* 0: there is none */
    int64_t first, last;
    enum drop_cause cause;
};

struct placing { /* one declaration in hand */
    struct runs *runs;
    int64_t run;
    int64_t *count;
    int64_t told_us;
    struct row row;
};

static enum drop_cause cause_of(const char *name)
{
    for (int i = 0; name && i < DROP_COUNT; i++)
        if (strcmp(name, drop_cause_name((enum drop_cause)i)) == 0)
            return (enum drop_cause)i;
    return DROP_OTHER;
}

/* The last one that begins at `first` or before it. */
static int row_before(const struct placing *placing, int64_t first, struct row *ret, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = placing->runs->stmts[DROPPED_BEFORE];
    *ret = (struct row){ .id = 0 };
    sqlite3_bind_int64(stmt, 1, placing->run);
    sqlite3_bind_int64(stmt, 2, first);
    int rc = db_step(stmt, err);
    if (rc != DB_ROW)
        return rc;
    *ret = (struct row){ .id = sqlite3_column_int64(stmt, 0),
                         .first = sqlite3_column_int64(stmt, 1),
                         .last = sqlite3_column_int64(stmt, 2),
                         .cause = cause_of((const char *)sqlite3_column_text(stmt, 3)) };
    return 0;
}

static int count_rows(const struct placing *placing, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = placing->runs->stmts[DROPPED_COUNT];
    if (*placing->count != DROPPED_UNCOUNTED)
        return 0;
    sqlite3_bind_int64(stmt, 1, placing->run);
    int rc = db_step(stmt, err);
    if (rc == DB_ROW)
        *placing->count = sqlite3_column_int64(stmt, 0);
    return rc < 0 ? rc : 0;
}

static int add_row(const struct placing *placing, int64_t first, int64_t last, enum drop_cause cause, struct err *err)
{
    sqlite3_stmt *stmt = placing->runs->stmts[DROPPED_PUT];
    sqlite3_bind_int64(stmt, 1, placing->run);
    sqlite3_bind_int64(stmt, 2, first);
    sqlite3_bind_int64(stmt, 3, last);
    sqlite3_bind_text(stmt, 4, drop_cause_name(cause), -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 5, placing->told_us);
    int rc = db_run(stmt, err);
    *placing->count += rc == 0;
    return rc;
}

static int delete_row(const struct placing *placing, const struct row *row, struct err *err)
{
    sqlite3_bind_int64(placing->runs->stmts[DROPPED_DELETE], 1, row->id);
    int rc = db_run(placing->runs->stmts[DROPPED_DELETE], err);
    *placing->count -= rc == 0;
    return rc;
}

/* With this many rows a declaration may only make the one longer in which, or right behind which, it begins. */
static int has_room(const struct placing *placing, bool *ret, struct err *err)
{
    struct row met = { .id = 0 };
    const struct row *row = &placing->row;
    *ret = *placing->count + 3 <= DROPPED_ROWS_MAX; /* it may cut a row into two, and lie between them */
    int rc = *ret ? 0 : row_before(placing, row->first, &met, err);
    if (rc == 0 && met.id)
        *ret |= met.cause == row->cause && met.last >= row->first - 1;
    return rc;
}

/* What the declaration overlaps gives way to it, what it touches of the same cause becomes part of it. */
static int take_up(struct placing *placing, const struct row *met, struct err *err)
{
    struct row *row = &placing->row;
    bool overlaps = met->last >= row->first && met->first <= row->last;
    if (!overlaps && met->cause != row->cause)
        return 0;
    int rc = delete_row(placing, met, err);
    if (met->cause == row->cause) {
        row->first = met->first < row->first ? met->first : row->first;
        row->last = met->last > row->last ? met->last : row->last;
        return rc;
    }
    if (rc == 0 && met->first < row->first)
        rc = add_row(placing, met->first, row->first - 1, met->cause, err);
    if (rc == 0 && met->last > row->last)
        rc = add_row(placing, row->last + 1, met->last, met->cause, err);
    return rc;
}

int dropped_put(struct runs *runs, int64_t run, int64_t *count, const struct store_dropped *dropped, struct err *err)
{
    struct placing placing = { .runs = runs, .run = run, .count = count, .told_us = dropped->told_us };
    struct row *row = &placing.row;
    *row = (struct row){ .first = (int64_t)dropped->dropped.first,
                         .last = (int64_t)dropped->dropped.last,
                         .cause = dropped->dropped.cause };
    bool room = false;
    int rc = count_rows(&placing, err);
    if (rc == 0)
        rc = has_room(&placing, &room, err);
    if (rc < 0 || !room)
        return rc < 0 ? rc : RUN_PASSED_OVER;
    int64_t at = row->last < INT64_MAX ? row->last + 1 : row->last;
    while (rc == 0) {
        struct row met;
        rc = row_before(&placing, at, &met, err);
        if (rc < 0 || !met.id || met.last < row->first - 1)
            break;
        at = met.first - 1;
        rc = take_up(&placing, &met, err);
    }
    return rc < 0 ? rc : add_row(&placing, row->first, row->last, row->cause, err);
}
