/* Whole rows for people: a page of the list of incidents, one with all that belongs to it, the document of a capacity
 * check. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/query.h"
#include "collector/store/rows.h"

struct list { /* of rows of one kind */
    size_t n;
    size_t room;
    char *at;
};

static int push(struct list *list, size_t size, struct arena *arena, void **ret)
{
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 8;
        char *at = arena_alloc(arena, room, size);
        if (!at)
            return -ENOMEM;
        if (list->n)
            memcpy(at, list->at, list->n * size);
        list->at = at;
        list->room = room;
    }
    *ret = list->at + list->n++ * size;
    return 0;
}

/* All rows of `kind` that `where` selects; ?1 and ?2 are `a` and `b`. */
static int read_rows(sqlite3 *db, enum row_kind kind, const char *where, uint64_t a, uint64_t b, struct arena *arena,
                     struct list *ret, struct err *err)
{
    char sql[ROW_SQL_MAX];
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(db, row_select_sql(kind, where, sql), &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)a);
    sqlite3_bind_int64(stmt, 2, (int64_t)b); /* some have no ?2: then this says so and nothing else */
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        void *row;
        rc = push(ret, row_size(kind), arena, &row);
        if (rc < 0)
            return err_set(err, rc, "store: the answer is too large");
        rc = row_load(kind, stmt, row, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int query_incidents(sqlite3 *db, uint64_t below, size_t most, struct arena *arena, struct store_incidents *ret,
                    struct err *err)
{
    struct list list = { 0 };
    uint64_t limit = below > 0 && below < INT64_MAX ? below : INT64_MAX;
    int rc = read_rows(db, ROW_INCIDENT, "WHERE id < ?1 ORDER BY id DESC LIMIT ?2", limit, most, arena, &list, err);
    if (rc == 0)
        *ret = (struct store_incidents){ list.n, (const struct incident *)(const void *)list.at };
    return rc;
}

int query_incident(sqlite3 *db, uint64_t id, struct arena *arena, struct store_incident_detail *ret, struct err *err)
{
    struct list incident = { 0 };
    struct list alerts = { 0 };
    struct list pages = { 0 };
    int rc = read_rows(db, ROW_INCIDENT, "WHERE id = ?1", id, 0, arena, &incident, err);
    if (rc == 0)
        rc = read_rows(db, ROW_INCIDENT_ALERT, "WHERE incident = ?1 ORDER BY crossed_us, host, rule, metric, instance",
                       id, 0, arena, &alerts, err);
    if (rc == 0)
        rc = read_rows(db, ROW_PAGE, "WHERE incident = ?1 ORDER BY id", id, 0, arena, &pages, err);
    if (rc < 0)
        return rc;
    *ret = (struct store_incident_detail){
        .incident = incident.n ? (const void *)incident.at : NULL,
        .n_alerts = alerts.n,
        .n_pages = pages.n,
        .alerts = (const void *)alerts.at,
        .pages = (const void *)pages.at,
    };
    return 0;
}

int query_capacity(sqlite3 *db, uint64_t event, int version, int64_t offset, struct arena *arena,
                   struct store_capacity *ret, struct err *err)
{
    char where[96];
    struct list list = { 0 };
    snprintf(where, sizeof where, "WHERE event = ?1 AND version = ?2 AND at >= %" PRId64 " ORDER BY at LIMIT %d",
             offset, CAPACITY_PIECES_A_READ);
    int rc = read_rows(db, ROW_CAPACITY_PIECE, where, event, (uint64_t)version, arena, &list, err);
    if (rc == 0)
        *ret = (struct store_capacity){ list.n, (const struct capacity_piece *)(const void *)list.at };
    return rc;
}
