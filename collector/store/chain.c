#include "collector/store/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/store.h"

static const char *const texts[] = {
    [CHAIN_HEAD] = "SELECT n, hash FROM ledger ORDER BY n DESC LIMIT 1",
    [CHAIN_ADD] = ("INSERT INTO ledger (n, at_us, kind, event, incident, actor, bytes, hash)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
    [CHAIN_MARK] = "INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)",
};
_Static_assert(sizeof texts / sizeof *texts == CHAIN_STMT_COUNT, "a text for each statement");

int chain_open(struct chain *chain, sqlite3 *db, struct err *err)
{
    chain->db = db;
    for (int i = 0; i < CHAIN_STMT_COUNT; i++) {
        int rc = db_prepare(db, texts[i], &chain->stmts[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void chain_forget(struct chain *chain)
{
    chain->known = chain->dirty = chain->accepting = false;
}

void chain_close(struct chain *chain)
{
    for (int i = 0; i < CHAIN_STMT_COUNT; i++)
        sqlite3_finalize(chain->stmts[i]);
    free(chain->bytes);
    *chain = (struct chain){ .vouched = chain->vouched, .misses = chain->misses, .broken = chain->broken };
}

static int read_head(struct chain *chain, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = chain->stmts[CHAIN_HEAD];
    chain->end = (struct chain_end){ .n = 0 };
    int rc = db_step(stmt, err);
    if (rc != DB_ROW)
        return rc;
    const void *hash = sqlite3_column_blob(stmt, 1);
    if (sqlite3_column_int64(stmt, 0) < 1 || !hash || sqlite3_column_bytes(stmt, 1) != LEDGER_HASH_BYTES)
        return err_set(err, -EBADMSG, "store: %s: the last row of ledger is none",
                       sqlite3_db_filename(chain->db, "main"));
    chain->end.n = (uint64_t)sqlite3_column_int64(stmt, 0);
    memcpy(chain->end.hash.bytes, hash, LEDGER_HASH_BYTES);
    return 0;
}

static bool is_same(sqlite3_stmt *stmt, int column, const struct ledger_hash *hash)
{
    const void *there = sqlite3_column_blob(stmt, column);
    return there && sqlite3_column_bytes(stmt, column) == LEDGER_HASH_BYTES &&
           memcmp(there, hash->bytes, LEDGER_HASH_BYTES) == 0;
}

/* The row is the next one of the chain: the entry that is vouched for itself, or one chained to the one before it. */
static bool goes_on(sqlite3_stmt *stmt, const struct chain_end *vouched, struct chain_end *at)
{
    uint64_t n = (uint64_t)sqlite3_column_int64(stmt, 0);
    struct ledger_hash hash = vouched->hash;
    if (n != vouched->n)
        hash = ledger_chain(&at->hash, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
    bool next = n == (at->n ? at->n + 1 : vouched->n ? vouched->n : 1) && is_same(stmt, 2, &hash);
    *at = (struct chain_end){ n, hash };
    return next;
}

/* Of a chain nobody vouches for: the first row's time is taken, all others are held against it. */
static bool is_of_the_beginning(sqlite3_stmt *stmt, int64_t *first_us)
{
    struct ledger_entry entry;
    const void *bytes = sqlite3_column_blob(stmt, 1);
    if (ledger_decode(bytes, (size_t)sqlite3_column_bytes(stmt, 1), &entry, NULL) < 0)
        return false;
    if (entry.n == 1)
        *first_us = entry.at_us;
    return store_just_begun(*first_us, entry.at_us);
}

/* From what is vouched for to the end, which is mostly the same. */
static int follow(struct chain *chain, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    struct chain_end at = { .n = 0 };
    int64_t first_us = 0;
    bool whole = true;
    int rc = db_prepare(chain->db, "SELECT n, bytes, hash FROM ledger WHERE n >= ? ORDER BY n", &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)chain->vouched.n);
    while (whole && (rc = db_step(stmt, err)) == DB_ROW)
        whole = goes_on(stmt, &chain->vouched, &at) && (!chain->misses || is_of_the_beginning(stmt, &first_us));
    if (rc < 0)
        return rc;
    if (!whole || at.n < chain->vouched.n)
        chain->broken = true;
    else
        chain->vouched = chain->end;
    chain->misses = false;
    return 0;
}

int chain_know(struct chain *chain, struct err *err)
{
    if (chain->known)
        return 0;
    int rc = read_head(chain, err);
    if (rc == 0)
        rc = db_number(chain->db, "SELECT value FROM mark WHERE name = 'ledger_life'", &chain->life, err);
    if (rc == 0)
        rc = db_number(chain->db, "SELECT value FROM mark WHERE name = 'ledger_seq'", &chain->seq, err);
    if (rc == 0 && !chain->broken)
        rc = follow(chain, err);
    chain->known = rc == 0;
    return rc;
}

static int add_row(struct chain *chain, const struct ledger_entry *entry, size_t len, const struct ledger_hash *hash,
                   struct err *err)
{
    sqlite3_stmt *stmt = chain->stmts[CHAIN_ADD];
    sqlite3_bind_int64(stmt, 1, (int64_t)entry->n);
    sqlite3_bind_int64(stmt, 2, entry->at_us);
    sqlite3_bind_text(stmt, 3, entry->kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 4, (int64_t)entry->event);
    sqlite3_bind_int64(stmt, 5, (int64_t)entry->incident);
    sqlite3_bind_text(stmt, 6, entry->actor, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 7, chain->bytes, (int)len, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 8, hash->bytes, LEDGER_HASH_BYTES, SQLITE_STATIC);
    return db_run(stmt, err);
}

static int append(struct chain *chain, struct ledger_entry entry, struct err *err)
{
    size_t len = 0;
    if (!chain->bytes && !(chain->bytes = malloc(LEDGER_BYTES_MAX)))
        return err_set(err, -ENOMEM, "store: out of memory");
    entry.n = chain->end.n + 1;
    int rc = ledger_encode(&entry, chain->bytes, &len, err); /* looked at when it was put: it can be */
    if (rc < 0)
        return rc;
    struct ledger_hash hash = ledger_chain(&chain->end.hash, chain->bytes, len);
    rc = add_row(chain, &entry, len, &hash, err);
    if (rc < 0)
        return rc;
    chain->end = (struct chain_end){ entry.n, hash };
    return 0;
}

int chain_append(struct chain *chain, const struct op_ledger *op, struct err *err)
{
    int rc = chain_know(chain, err);
    chain->accepting = chain->accepting || (rc == 0 && op->accepts);
    if (rc < 0 || (op->life == chain->life && op->seq <= chain->seq))
        return rc;
    rc = append(chain, op->entry, err);
    if (rc < 0)
        return rc;
    chain->life = op->life;
    chain->seq = op->seq;
    chain->dirty = true;
    return 0;
}

static int write_mark(struct chain *chain, const char *name, int64_t value, struct err *err)
{
    sqlite3_stmt *stmt = chain->stmts[CHAIN_MARK];
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, value);
    return db_run(stmt, err);
}

int chain_flush(struct chain *chain, struct err *err)
{
    int rc = chain->dirty ? write_mark(chain, "ledger_life", chain->life, err) : 0;
    if (rc == 0 && chain->dirty)
        rc = write_mark(chain, "ledger_seq", chain->seq, err);
    if (rc == 0)
        chain->dirty = false;
    return rc;
}

enum chain_state chain_committed(struct chain *chain)
{
    bool accepted = chain->accepting;
    chain->accepting = false;
    chain->broken = chain->broken && !accepted;
    if (chain->known && !chain->broken)
        chain->vouched = chain->end;
    return accepted ? CHAIN_ACCEPTED : chain->broken ? CHAIN_BROKEN : CHAIN_GOES_ON;
}
