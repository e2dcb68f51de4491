/* The chain of the ledger from its first entry to its last: numbers without a hole, each hash worked out again from the
 * one before it, and columns that say what the bytes say; and what of it was signed. */
#include <inttypes.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/upkeep/fsck_parts.h"
#include "proto/ledger/ledger.h"

enum { COLUMN_N, COLUMN_AT, COLUMN_KIND, COLUMN_EVENT, COLUMN_INCIDENT, COLUMN_ACTOR, COLUMN_BYTES, COLUMN_HASH };

/* NULL: they agree. */
static const char *fault_of_columns(sqlite3_stmt *stmt, uint64_t tenant)
{
    struct ledger_entry entry;
    if (ledger_decode(sqlite3_column_blob(stmt, COLUMN_BYTES), (size_t)sqlite3_column_bytes(stmt, COLUMN_BYTES), &entry,
                      NULL) < 0)
        return "its bytes are no entry";
    if (entry.tenant != tenant)
        return "it is of another tenant";
    if (!db_is_number(stmt, COLUMN_N, (int64_t)entry.n) || !db_is_number(stmt, COLUMN_AT, entry.at_us) ||
        !db_is_number(stmt, COLUMN_EVENT, (int64_t)entry.event) ||
        !db_is_number(stmt, COLUMN_INCIDENT, (int64_t)entry.incident) || !db_is_text(stmt, COLUMN_KIND, entry.kind) ||
        !db_is_text(stmt, COLUMN_ACTOR, entry.actor))
        return "its columns and its bytes contradict each other";
    return NULL;
}

/* A broken link is said once: what follows is measured by the hash that is there. */
static void check_entry(struct fsck *fsck, sqlite3_stmt *stmt, uint64_t tenant, int64_t *last, struct ledger_hash *hash)
{
    int64_t n = sqlite3_column_int64(stmt, COLUMN_N);
    const void *there = sqlite3_column_blob(stmt, COLUMN_HASH);
    const char *fault = fault_of_columns(stmt, tenant);
    if (fault)
        fsck_find(fsck, "ledger entry %" PRId64 ": %s", n, fault);
    if (n != *last + 1)
        fsck_find(fsck, "ledger entry %" PRId64 ": it is the next one behind %" PRId64, n, *last);
    *hash =
        ledger_chain(hash, sqlite3_column_blob(stmt, COLUMN_BYTES), (size_t)sqlite3_column_bytes(stmt, COLUMN_BYTES));
    *last = n;
    if (there && sqlite3_column_bytes(stmt, COLUMN_HASH) == LEDGER_HASH_BYTES &&
        memcmp(there, hash->bytes, LEDGER_HASH_BYTES) == 0)
        return;
    fsck_find(fsck, "ledger entry %" PRId64 ": its hash is not that of its bytes behind the entry before it", n);
    if (there && sqlite3_column_bytes(stmt, COLUMN_HASH) == LEDGER_HASH_BYTES)
        memcpy(hash->bytes, there, LEDGER_HASH_BYTES);
}

const struct store_head *fsck_head_of(const struct fsck *fsck, uint64_t tenant)
{
    for (size_t i = 0; i < fsck->n_heads; i++)
        if (fsck->heads[i].head.tenant == tenant)
            return &fsck->heads[i];
    return NULL;
}

void fsck_head(struct fsck *fsck, const struct store_head *row)
{
    const struct ledger_public *signer = fsck->order->signer;
    if (!ledger_head_holds(&row->head, &row->key))
        fsck_find(fsck, "ledger head of tenant %" PRIu64 ": it is not what was signed", row->head.tenant);
    else if (signer && memcmp(signer, &row->key, sizeof *signer) != 0)
        fsck_find(fsck, "ledger head of tenant %" PRIu64 ": it is signed by another key than the one in ledger.key",
                  row->head.tenant);
}

/* Of a ledger whose entries are of more than a moment there is a head, wherever there is somebody who signs. */
static void check_unsigned(struct fsck *fsck, int64_t n, bool just_begun)
{
    if (n > 0 && !just_begun && fsck->order->signer && fsck->has_names)
        fsck_find(fsck, "ledger: there is no head of its %" PRId64 " entries: nobody has signed them", n);
}

/* `hash` is that of entry `n`. */
static void check_signed(struct fsck *fsck, const struct store_head *row, int64_t n, const struct ledger_hash *hash)
{
    if (row && (uint64_t)n == row->head.n && memcmp(hash, &row->head.hash, sizeof *hash) != 0)
        fsck_find(fsck, "ledger entries 1 to %" PRId64 ": they are not those that were signed", n);
}

int fsck_ledger(struct fsck *fsck, uint64_t tenant, struct err *err)
{
    const struct store_head *head = fsck_head_of(fsck, tenant);
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    struct ledger_hash hash = { { 0 } };
    int64_t last = 0, first_us = 0;
    bool just_begun = true;
    int rc = db_prepare(fsck->db, "SELECT n, at_us, kind, event, incident, actor, bytes, hash FROM ledger ORDER BY n",
                        &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        int64_t at_us = sqlite3_column_int64(stmt, COLUMN_AT);
        first_us = last == 0 ? at_us : first_us;
        just_begun = just_begun && store_just_begun(first_us, at_us);
        check_entry(fsck, stmt, tenant, &last, &hash);
        check_signed(fsck, head, last, &hash);
    }
    if (rc >= 0 && !head)
        check_unsigned(fsck, last, just_begun);
    if (rc >= 0 && head && (uint64_t)last < head->head.n)
        fsck_find(fsck, "ledger: it ends at entry %" PRId64 ", and entries up to %" PRIu64 " were signed", last,
                  head->head.n);
    return fsck_read_failed(fsck, "its ledger", rc, err);
}
