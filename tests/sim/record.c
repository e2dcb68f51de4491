#include "tests/sim/record.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <string.h>

#include "base/auto.h"
#include "tests/sim/files.h"
#include "tests/sim/world.h"

enum ledger_column { N, AT_US, KIND, EVENT, INCIDENT, ACTOR, BYTES, HASH };

static const char read_sql[] =
    "SELECT n, at_us, kind, event, incident, actor, bytes, hash FROM ledger WHERE n >= ? ORDER BY n";

static void finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        world_fail("%s: %s", sql, sqlite3_errmsg(db));
    return stmt;
}

static bool step(sqlite3_stmt *stmt)
{
    int code = sqlite3_step(stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        world_fail("%s: %s", sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
    return code == SQLITE_ROW;
}

static bool has_hash(sqlite3_stmt *stmt, const struct ledger_hash *hash)
{
    return sqlite3_column_bytes(stmt, HASH) == LEDGER_HASH_BYTES &&
           memcmp(sqlite3_column_blob(stmt, HASH), hash->bytes, LEDGER_HASH_BYTES) == 0;
}

static bool is_text(sqlite3_stmt *stmt, enum ledger_column column, const char *text)
{
    return strcmp((const char *)sqlite3_column_text(stmt, (int)column), text) == 0;
}

/* The bytes of the row, which its columns must repeat. */
static struct ledger_entry entry_of(sqlite3_stmt *stmt, uint64_t tenant)
{
    struct ledger_entry entry;
    struct err err;
    int64_t n = sqlite3_column_int64(stmt, N);
    if (ledger_decode(sqlite3_column_blob(stmt, BYTES), (size_t)sqlite3_column_bytes(stmt, BYTES), &entry, &err) < 0)
        world_fail("ledger: entry %" PRId64 ": %s", n, err.text);
    if (entry.tenant != tenant || (int64_t)entry.n != n || entry.at_us != sqlite3_column_int64(stmt, AT_US) ||
        (int64_t)entry.event != sqlite3_column_int64(stmt, EVENT) ||
        (int64_t)entry.incident != sqlite3_column_int64(stmt, INCIDENT) || !is_text(stmt, KIND, entry.kind) ||
        !is_text(stmt, ACTOR, entry.actor))
        world_fail("ledger: the columns of entry %" PRId64 " say what its bytes do not", n);
    return entry;
}

static void drop_json(json_t **body)
{
    json_decref(*body);
}

void record_read(struct record *record, void (*fn)(void *user, const struct ledger_entry *entry, const json_t *body),
                 void *user)
{
    sqlite3 *db = files_kept(record->tenant);
    if (!db)
        world_fail("tenant %" PRIu64 " has no file", record->tenant);
    AUTO(finalize) sqlite3_stmt *stmt = prepare(db, read_sql);
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)record->n);
    if (record->n > 0 && (!step(stmt) || !has_hash(stmt, &record->hash)))
        world_fail("ledger: entry %" PRIu64 " is not what it was", record->n);
    while (step(stmt)) {
        struct ledger_entry entry = entry_of(stmt, record->tenant);
        AUTO(drop_json) json_t *body = json_loads(entry.body, 0, NULL);
        record->hash =
            ledger_chain(&record->hash, sqlite3_column_blob(stmt, BYTES), (size_t)sqlite3_column_bytes(stmt, BYTES));
        if (entry.n != ++record->n || !has_hash(stmt, &record->hash) || !body)
            world_fail("ledger: the chain breaks at entry %" PRIu64, entry.n);
        fn(user, &entry, body);
    }
}

const char *record_text(const json_t *body, const char *key)
{
    const char *text = json_string_value(json_object_get(body, key));
    return text ? text : "";
}

int64_t record_number(uint64_t tenant, const char *sql)
{
    sqlite3 *db = files_kept(tenant);
    if (!db)
        world_fail("tenant %" PRIu64 " has no file", tenant);
    AUTO(finalize) sqlite3_stmt *stmt = prepare(db, sql);
    return step(stmt) ? sqlite3_column_int64(stmt, 0) : 0;
}
