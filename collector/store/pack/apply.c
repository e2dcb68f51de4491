#include "collector/store/pack/apply.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "collector/store/db.h"

enum apply_answer { APPLY_MISMATCH = 1 }; /* positive: the row is not what the packer saw */

static const char await_sql[] =
    "UPDATE batch SET slot = -1 - slot WHERE id = ? AND slot >= 0"
    " AND coalesce((SELECT length(t.bytes) FROM series_table AS t WHERE t.id = batch.series_table), 0) = 0";

static const char block_sql[] = "INSERT INTO block (id, first_us, last_us, n, level, coarse, series_table, bytes)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
static const char minute_sql[] = "INSERT INTO minute (id, first_us, last_us, n, whole, series_table, bytes)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5, ?7, ?8)";
static const char sketch_sql[] = "INSERT INTO sketch (id, first_us, last_us, whole, series_table, bytes)"
                                 " VALUES (?1, ?2, ?3, ?5, ?7, ?8)";
static const char expire_run_sql[] = "DELETE FROM run WHERE id = ?1 AND coalesce(stored_us, 0) < ?2"
                                     " AND NOT EXISTS (SELECT 1 FROM interval WHERE interval.run = ?1)"
                                     " AND NOT EXISTS (SELECT 1 FROM dropped WHERE dropped.run = ?1)"
                                     " AND NOT EXISTS (SELECT 1 FROM clock_step WHERE clock_step.run = ?1)";

static const char *const texts[PACK_STMT_COUNT] = {
    [PACK_STMT_HOST] = "INSERT INTO host (no, id) VALUES (?, ?)",
    [PACK_STMT_SEALED] = "DELETE FROM batch WHERE id BETWEEN ? AND ?",
    [PACK_STMT_ASIDE] = "UPDATE batch SET slot = -1 - slot WHERE id = ? AND slot >= 0",
    [PACK_STMT_AWAIT] = await_sql,
    [PACK_STMT_INSERT + PACK_BLOCK] = block_sql,
    [PACK_STMT_INSERT + PACK_MINUTE] = minute_sql,
    [PACK_STMT_INSERT + PACK_SKETCH] = sketch_sql,
    [PACK_STMT_DELETE + PACK_BLOCK] = "DELETE FROM block WHERE id = ?",
    [PACK_STMT_DELETE + PACK_MINUTE] = "DELETE FROM minute WHERE id = ?",
    [PACK_STMT_DELETE + PACK_SKETCH] = "DELETE FROM sketch WHERE id = ?",
    [PACK_STMT_SETTLE + PACK_BLOCK] = "UPDATE block SET level = 2 WHERE id = ?",
    [PACK_STMT_SETTLE + PACK_MINUTE] = "UPDATE minute SET whole = 1 WHERE id = ?",
    [PACK_STMT_SETTLE + PACK_SKETCH] = "UPDATE sketch SET whole = 1 WHERE id = ?",
    [PACK_STMT_EXPIRE + PACK_INTERVAL] = "DELETE FROM interval WHERE id = ? AND last_us < ?",
    [PACK_STMT_EXPIRE + PACK_RUN] = expire_run_sql,
    [PACK_STMT_EXPIRE + PACK_DROPPED] = "DELETE FROM dropped WHERE id = ? AND told_us < ?",
    [PACK_STMT_EXPIRE + PACK_CLOCK_STEP] = "DELETE FROM clock_step WHERE id = ? AND at_us < ?",
};

static int statement_of(const struct pack_change *change)
{
    switch (change->verb) {
    case PACK_HOST:
        return PACK_STMT_HOST;
    case PACK_ASIDE:
        return PACK_STMT_ASIDE;
    case PACK_AWAIT:
        return PACK_STMT_AWAIT;
    case PACK_INSERT:
        return PACK_STMT_INSERT + (int)change->table;
    case PACK_DELETE:
        return PACK_STMT_DELETE + (int)change->table;
    case PACK_SETTLE:
        return PACK_STMT_SETTLE + (int)change->table;
    case PACK_EXPIRE:
        return PACK_STMT_EXPIRE + (int)change->table;
    case PACK_SHRINK:
        break;
    }
    return PACK_STMT_COUNT;
}

static void bind_row(sqlite3_stmt *stmt, const struct pack_row *row)
{
    sqlite3_bind_int64(stmt, 2, row->first_us);
    sqlite3_bind_int64(stmt, 3, row->last_us);
    sqlite3_bind_int64(stmt, 4, row->n); /* some have no use for ?4 and ?6 */
    sqlite3_bind_int64(stmt, 5, row->level);
    sqlite3_bind_int64(stmt, 6, row->coarse);
    sqlite3_bind_int64(stmt, 7, row->series_table);
    sqlite3_bind_blob(stmt, 8, row->bytes.at, (int)row->bytes.len, SQLITE_STATIC);
}

static int shrink(sqlite3 *db, int64_t pages, struct err *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%lld)", (long long)pages);
    return db_exec(db, sql, err);
}

static int make_change(struct pack_apply *apply, sqlite3 *db, const struct pack_change *change, struct err *err)
{
    if (change->verb == PACK_SHRINK)
        return shrink(db, change->id, err);
    int which = statement_of(change);
    assert(which < PACK_STMT_COUNT && texts[which]);
    int rc = apply->stmts[which] ? 0 : db_prepare(db, texts[which], &apply->stmts[which], err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *stmt = apply->stmts[which];
    sqlite3_bind_int64(stmt, 1, change->id);
    if (change->verb == PACK_INSERT)
        bind_row(stmt, change->row);
    else if (change->verb == PACK_HOST)
        sqlite3_bind_int64(stmt, 2, (int64_t)change->host);
    else if (change->verb == PACK_EXPIRE)
        sqlite3_bind_int64(stmt, 2, change->before_us);
    rc = db_run(stmt, err);
    bool may_be_gone = change->verb == PACK_EXPIRE || change->verb == PACK_AWAIT;
    return rc == 0 && !may_be_gone && sqlite3_changes(db) != 1 ? APPLY_MISMATCH : rc;
}

static int run(struct pack_apply *apply, sqlite3 *db, int which, int64_t from, int64_t to, struct err *err)
{
    int rc = apply->stmts[which] ? 0 : db_prepare(db, texts[which], &apply->stmts[which], err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(apply->stmts[which], 1, from);
    sqlite3_bind_int64(apply->stmts[which], 2, to);
    return db_run(apply->stmts[which], err);
}

static int delete_sealed(struct pack_apply *apply, sqlite3 *db, const struct pack_op *op, struct err *err)
{
    for (size_t i = 0, n; i < op->n_sealed; i += n) {
        n = 1;
        while (i + n < op->n_sealed && op->sealed[i + n] == op->sealed[i] + (int64_t)n)
            n++;
        int rc = run(apply, db, PACK_STMT_SEALED, op->sealed[i], op->sealed[i + n - 1], err);
        if (rc < 0)
            return rc;
        if (sqlite3_changes64(db) != (sqlite3_int64)n)
            return APPLY_MISMATCH;
    }
    return 0;
}

static int make_all(struct pack_apply *apply, sqlite3 *db, struct pack_op *op, struct err *err)
{
    op->which = texts[PACK_STMT_SEALED];
    int rc = delete_sealed(apply, db, op, err);
    for (const struct pack_change *change = op->first; rc == 0 && change; change = change->next) {
        op->which = change->verb == PACK_SHRINK ? "incremental_vacuum" : texts[statement_of(change)];
        rc = make_change(apply, db, change, err);
    }
    return rc;
}

/* Of these the disk is innocent: trying again would find the same. */
static bool is_refusal(sqlite3 *db, int rc)
{
    return rc == APPLY_MISMATCH || rc == -EBADMSG || (rc < 0 && (sqlite3_errcode(db) & 0xff) == SQLITE_CONSTRAINT);
}

int pack_apply(struct pack_apply *apply, sqlite3 *db, struct pack_op *op, struct err *err)
{
    if (op->refused)
        return 0;
    int rc = make_all(apply, db, op, err);
    op->refused = is_refusal(db, rc);
    return op->refused ? PACK_REFUSED : rc;
}

void pack_apply_done(struct pack_apply *apply)
{
    for (int i = 0; i < PACK_STMT_COUNT; i++) {
        sqlite3_finalize(apply->stmts[i]);
        apply->stmts[i] = NULL;
    }
}
