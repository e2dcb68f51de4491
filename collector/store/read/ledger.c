/* Entries of the ledger, a page at a time, in either order. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/query.h"

enum { SQL_MAX = 256 };

/* An index of (event, kind, n) serves what names an event; anything else goes along the chain. */
static void select_sql(char sql[SQL_MAX], const struct store_ledger_query *query)
{
    bool all = query->raw && query->behind == 0;
    snprintf(sql, SQL_MAX,
             "SELECT bytes, hash, n, at_us, kind, event, incident, actor FROM ledger WHERE n %s ?1%s%s%s ORDER BY n %s "
             "LIMIT ?4",
             query->oldest_first ? all ? ">=" : ">" : "<", query->event ? " AND event = ?2" : "",
             query->kind[0] ? " AND kind = ?3" : "",
             query->steps ? " AND kind NOT IN ('round', 'incident', 'page')" : "",
             query->oldest_first ? "ASC" : "DESC");
}

static int prepare(sqlite3 *db, const struct store_ledger_query *query, sqlite3_stmt **ret, struct err *err)
{
    char sql[SQL_MAX];
    select_sql(sql, query);
    int rc = db_prepare(db, sql, ret, err);
    if (rc < 0)
        return rc;
    bool whole = query->behind == 0 && !query->oldest_first;
    if (query->raw && query->oldest_first && query->behind == 0) /* also what has a number that no entry has */
        sqlite3_bind_int64(*ret, 1, INT64_MIN);
    else
        sqlite3_bind_int64(*ret, 1, whole || query->behind > INT64_MAX ? INT64_MAX : (int64_t)query->behind);
    sqlite3_bind_int64(*ret, 2, (int64_t)query->event);
    sqlite3_bind_text(*ret, 3, query->kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(*ret, 4, (int64_t)query->most + 1); /* one more tells that there are more */
    return 0;
}

static int read_row(sqlite3_stmt *stmt, struct arena *arena, struct store_ledger_row *ret, struct err *err)
{
    const void *bytes = sqlite3_column_blob(stmt, 0);
    const void *hash = sqlite3_column_blob(stmt, 1);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    if (!bytes || len == 0 || !hash || sqlite3_column_bytes(stmt, 1) != LEDGER_HASH_BYTES)
        return err_set(err, -EBADMSG, "store: a row of ledger has no valid bytes or hash");
    uint8_t *copy = arena_alloc(arena, 1, len);
    if (!copy)
        return err_set(err, -ENOMEM, "store: the answer is too large");
    memcpy(copy, bytes, len);
    memcpy(ret->hash.bytes, hash, LEDGER_HASH_BYTES);
    return ledger_decode(copy, len, &ret->entry, err);
}

static bool says_the_same(sqlite3_stmt *stmt, const struct ledger_entry *entry)
{
    return db_is_number(stmt, 2, (int64_t)entry->n) && db_is_number(stmt, 3, entry->at_us) &&
           db_is_text(stmt, 4, entry->kind) && db_is_number(stmt, 5, (int64_t)entry->event) &&
           db_is_number(stmt, 6, (int64_t)entry->incident) && db_is_text(stmt, 7, entry->actor);
}

static int read_raw(sqlite3_stmt *stmt, struct arena *arena, struct store_ledger_row *ret, struct err *err)
{
    struct ledger_entry entry;
    const void *hash = sqlite3_column_blob(stmt, 1);
    size_t hash_len = (size_t)sqlite3_column_bytes(stmt, 1);
    const void *bytes = sqlite3_column_blob(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    size_t kept = len < LEDGER_BYTES_MAX ? len : LEDGER_BYTES_MAX; /* no entry is longer */
    uint8_t *copy = arena_alloc(arena, 1, kept + 1);
    if (!copy)
        return err_set(err, -ENOMEM, "store: the answer is too large");
    *ret = (struct store_ledger_row){ .bytes = { copy, kept } };
    if (bytes)
        memcpy(copy, bytes, kept);
    if (hash && hash_len == LEDGER_HASH_BYTES)
        memcpy(ret->hash.bytes, hash, LEDGER_HASH_BYTES);
    ret->entry.n = (uint64_t)sqlite3_column_int64(stmt, 2);
    ret->whole = len == kept && hash && hash_len == LEDGER_HASH_BYTES && ledger_decode(copy, len, &entry, NULL) == 0 &&
                 says_the_same(stmt, &entry);
    return 0;
}

int query_ledger(sqlite3 *db, const struct store_ledger_query *query, struct arena *arena, struct store_ledger *ret,
                 struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    struct store_ledger_row *rows = arena_alloc(arena, query->most, sizeof *rows);
    size_t n = 0;
    size_t bytes = 0;
    if (!rows)
        return err_set(err, -ENOMEM, "store: the answer is too large");
    int rc = prepare(db, query, &stmt, err);
    bool full = false;
    while (rc == 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        bytes += (size_t)sqlite3_column_bytes(stmt, 0);
        full = n == query->most || (n > 0 && bytes > STORE_LEDGER_PAGE_BYTES);
        if (full)
            break;
        rc = query->raw ? read_raw(stmt, arena, &rows[n++], err) : read_row(stmt, arena, &rows[n++], err);
    }
    if (rc < 0)
        return rc;
    *ret = (struct store_ledger){ n, rows, full };
    return 0;
}
