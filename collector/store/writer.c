#include "collector/store/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include "uthash.h"
#include "xxhash.h"

#include "base/arena.h"
#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/load.h"
#include "collector/store/schema.h"
#include "proto/codec/codec.h"

enum { TABLES_KNOWN_MAX = 16384 };

struct known_table {
    struct table_hash hash;
    int64_t id;
    uint32_t n_series;
    bool filled; /* its bytes are in the file */
    UT_hash_handle hh;
};

static const char insert_batch_sql[] =
    "INSERT INTO batch (run, first, n, first_us, last_us, anchor_us, series_table, slot, bytes, sum)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static const char *const texts[STMT_ROW_PUT] = {
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
    [STMT_BATCH] = insert_batch_sql,
    [STMT_TABLE_FIND] = "SELECT id, bytes FROM series_table WHERE hash = ?",
    [STMT_TABLE_ADD] = "INSERT INTO series_table (hash, bytes) VALUES (?, ?)",
    [STMT_TABLE_FILL] = "UPDATE series_table SET bytes = ?2 WHERE id = ?1",
    /* Those of its batches that were set aside as unreadable while it was missing. */
    [STMT_TABLE_NAMED] = "UPDATE batch SET slot = -1 - slot WHERE slot < 0 AND series_table = ?",
    [STMT_MARK] = "INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)",
};

/* Statements are prepared at their first use: a registry has no batches, a tenant no hosts. */
static int statement(struct writer *writer, enum writer_stmt which, sqlite3_stmt **ret, struct err *err)
{
    char sql[ROW_SQL_MAX];
    const char *text;
    if (which < STMT_ROW_PUT)
        text = texts[which];
    else if (which < STMT_ROW_DELETE)
        text = row_put_sql((enum row_kind)(which - STMT_ROW_PUT), sql);
    else
        text = row_delete_sql((enum row_kind)(which - STMT_ROW_DELETE), sql);
    int rc = writer->stmts[which] ? 0 : db_prepare(writer->db, text, &writer->stmts[which], err);
    *ret = writer->stmts[which];
    return rc;
}

static int run_plain(struct writer *writer, enum writer_stmt which, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = statement(writer, which, &stmt, err);
    return rc < 0 ? rc : db_run(stmt, err);
}

static void forget_tables(struct writer *writer)
{
    struct known_table *table = writer->tables;
    struct known_table *next;
    HASH_CLEAR(hh, writer->tables); /* the entries stay linked by hh.next */
    for (; table; table = next) {
        next = table->hh.next;
        free(table);
    }
}

/* ---- opening and closing ---- */

static int on_commit(void *user, sqlite3 *db, const char *name, int wal_pages)
{
    (void)db;
    (void)name;
    ((struct writer *)user)->wal_pages = wal_pages;
    return SQLITE_OK;
}

/* Without this a power cut may take a new file's name away after its first group was said to be stored. */
static int sync_folder(const char *path, struct err *err)
{
    AUTO(auto_free) char *folder = strdup(path);
    if (!folder)
        return err_set(err, -ENOMEM, "store: out of memory");
    *strrchr(folder, '/') = '\0';
    AUTO(auto_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return err_sys(err, -errno, "store: cannot flush %s", folder);
    return 0;
}

/* A new connection takes for committed what lies whole in the WAL, also what a failed flush left there, which is not
 * on the disk: a retry would find its ticks stored already and tell them so. Linux reports a failed flush once and
 * then takes the pages for clean, so another flush proves nothing: they are written anew, into the file. */
static int flush_anew(struct writer *writer, struct err *err)
{
    int pages = 0;
    int copied = 0;
    int code = sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (code != SQLITE_OK && code != SQLITE_BUSY)
        return db_error(writer->db, err);
    if (writer->unflushed && (code == SQLITE_BUSY || copied < pages))
        return err_set(err, -EBUSY, "store: %s: somebody reads it, so that its WAL cannot be flushed", writer->path);
    writer->unflushed = false;
    return 0;
}

static int set_up(struct writer *writer, struct err *err)
{
    int rc = db_open(&writer->db, writer->path, writer->unproven ? DB_WRITE_OLD : DB_WRITE, err);
    if (rc == 0)
        rc = schema_bring(writer->db, writer->kind, writer->tenant, err);
    if (rc == 0)
        rc = flush_anew(writer, err);
    if (rc == 0)
        rc = sync_folder(writer->path, err);
    if (rc == 0 && writer->unproven)
        rc = load_file(writer->db, writer->kind, writer->tenant, NULL, NULL, err);
    if (rc == 0 && writer->kind == STORE_TENANT)
        rc = runs_open(&writer->runs, writer->db, err);
    if (rc == 0 && writer->kind == STORE_TENANT)
        rc = chain_open(&writer->chain, writer->db, err);
    if (rc < 0)
        return rc;
    sqlite3_wal_hook(writer->db, on_commit, writer);
    writer->unproven = false;
    return 0;
}

int writer_open(struct writer *writer, struct err *err)
{
    if (writer->db)
        return 0;
    int rc = set_up(writer, err);
    if (rc < 0)
        writer_close(writer);
    return rc;
}

void writer_close(struct writer *writer)
{
    runs_close(&writer->runs);
    pack_apply_done(&writer->packs);
    chain_close(&writer->chain);
    forget_tables(writer);
    for (int i = 0; i < STMT_COUNT; i++) {
        sqlite3_finalize(writer->stmts[i]);
        writer->stmts[i] = NULL;
    }
    writer->db = db_close(writer->db);
}

/* ---- series tables ---- */

static uint32_t count_series(const void *bytes, size_t len)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    struct series_table table;
    return len && codec_decode_table(bytes, len, &arena, &table, NULL) == 0 ? table.n : 0;
}

static int bind_bytes(sqlite3_stmt *stmt, int at, struct bytes bytes)
{
    return bytes.len ? sqlite3_bind_blob(stmt, at, bytes.at, (int)bytes.len, SQLITE_STATIC)
                     : sqlite3_bind_zeroblob(stmt, at, 0);
}

static int find_table(struct writer *writer, struct known_table *ret, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = statement(writer, STMT_TABLE_FIND, &stmt, err);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *find = stmt;
    sqlite3_bind_blob(find, 1, ret->hash.bytes, TABLE_HASH_BYTES, SQLITE_STATIC);
    rc = db_step(find, err);
    if (rc != DB_ROW)
        return rc;
    ret->id = sqlite3_column_int64(find, 0);
    size_t len = (size_t)sqlite3_column_bytes(find, 1);
    ret->filled = len > 0;
    ret->n_series = count_series(sqlite3_column_blob(find, 1), len);
    return 0;
}

static int add_table(struct writer *writer, struct known_table *table, struct bytes bytes, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = statement(writer, STMT_TABLE_ADD, &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_blob(stmt, 1, table->hash.bytes, TABLE_HASH_BYTES, SQLITE_STATIC);
    bind_bytes(stmt, 2, bytes);
    rc = db_run(stmt, err);
    if (rc == 0)
        table->id = sqlite3_last_insert_rowid(writer->db);
    return rc;
}

static int fill_table(struct writer *writer, struct known_table *table, struct bytes bytes, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = statement(writer, STMT_TABLE_FILL, &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, table->id);
    bind_bytes(stmt, 2, bytes);
    rc = db_run(stmt, err);
    if (rc == 0)
        rc = statement(writer, STMT_TABLE_NAMED, &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, table->id);
    return db_run(stmt, err);
}

/* The table of this hash, put into the file if it is not there; without bytes as a row to be filled later, so that a
 * batch whose table got lost on its way is kept all the same. */
static int need_table(struct writer *writer, const struct table_hash *hash, struct bytes bytes,
                      struct known_table **ret, struct err *err)
{
    struct known_table *known;
    HASH_FIND(hh, writer->tables, hash, sizeof *hash, known);
    int rc = 0;
    if (!known) {
        AUTO(auto_free) struct known_table *table = calloc(1, sizeof *table);
        if (!table)
            return err_set(err, -ENOMEM, "store: out of memory");
        table->hash = *hash;
        rc = find_table(writer, table, err);
        if (rc == 0 && !table->id)
            rc = add_table(writer, table, (struct bytes){ NULL, 0 }, err);
        if (rc < 0)
            return rc;
        HASH_ADD(hh, writer->tables, hash, sizeof table->hash, table);
        if (!table->hh.tbl)
            return err_set(err, -ENOMEM, "store: out of memory");
        known = TAKE(table);
    }
    if (!known->filled && bytes.len) {
        rc = fill_table(writer, known, bytes, err);
        known->filled = true;
        known->n_series = count_series(bytes.at, bytes.len);
    }
    *ret = known;
    return rc;
}

/* ---- operations ---- */

static int insert_batch(struct writer *writer, const struct store_batch *batch, int64_t run, int64_t table,
                        struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = statement(writer, STMT_BATCH, &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, (int64_t)batch->first);
    sqlite3_bind_int64(stmt, 3, batch->n_ticks);
    sqlite3_bind_int64(stmt, 4, batch->first_us);
    sqlite3_bind_int64(stmt, 5, batch->last_us);
    sqlite3_bind_int64(stmt, 6, batch->anchor_us);
    sqlite3_bind_int64(stmt, 7, table);
    sqlite3_bind_int64(stmt, 8, batch->first_us / STORE_SLOT_US);
    bind_bytes(stmt, 9, batch->batch_bytes);
    sqlite3_bind_int64(stmt, 10, (int64_t)XXH3_64bits(batch->batch_bytes.at, batch->batch_bytes.len));
    return db_run(stmt, err);
}

/* A part of a batch as one of its own: decoded, cut, encoded anew. Its bytes lie in `arena`. Encoding differently from
 * the sender may take more room than there is: then it is cut shorter, and *part says so. */
static int cut_batch(const struct store_batch *whole, struct tick_range *part, struct arena *arena,
                     struct store_batch *ret, struct err *err)
{
    struct batch batch;
    struct batch piece = { .n_ticks = 0 };
    uint8_t *bytes = arena_alloc(arena, 1, BATCH_MAX);
    int rc = codec_decode_batch(whole->batch_bytes.at, whole->batch_bytes.len, arena, &batch, err);
    assert(rc != -EBADMSG); /* whoever handed it over has decoded it */
    *ret = *whole;
    while (rc == 0) {
        uint32_t n = (uint32_t)(part->last - part->first + 1);
        rc = bytes ? batch_cut(&batch, part->first, n, arena, &piece) : -ENOMEM;
        if (rc == 0)
            rc = codec_encode_batch(&piece, bytes, BATCH_MAX, &ret->batch_bytes.len, err);
        if (rc != -EMSGSIZE || n == 1)
            break;
        part->last = part->first + n / 2 - 1;
        rc = 0;
    }
    if (rc != 0)
        return err_set(err, rc, "store: cannot cut a batch of %u ticks", whole->n_ticks);
    ret->first = piece.first;
    ret->n_ticks = piece.n_ticks;
    ret->first_us = whole->anchor_us + piece.mono_us[0];
    ret->last_us = whole->anchor_us + piece.mono_us[piece.n_ticks - 1];
    ret->batch_bytes.at = bytes;
    return 0;
}

static int store_piece(struct writer *writer, const struct store_batch *batch, const struct known_table *table,
                       struct written *sum, struct err *err)
{
    int64_t run;
    int rc = runs_take(&writer->runs, batch, &run, err);
    if (rc < 0)
        return rc;
    sum->ticks += batch->n_ticks;
    sum->samples += (uint64_t)batch->n_ticks * table->n_series;
    sum->bytes += batch->batch_bytes.len;
    return insert_batch(writer, batch, run, table->id, err);
}

/* Whoever sent a batch may have cut its ticks otherwise before: only what is not stored yet goes in. */
static int write_batch(struct writer *writer, const struct store_batch *batch, struct written *sum, struct err *err)
{
    struct known_table *table;
    int rc = need_table(writer, &batch->table, (struct bytes){ NULL, 0 }, &table, err);
    struct tick_range part = { .last = batch->first - 1 };
    while (rc == 0 && (rc = runs_missing(&writer->runs, batch, part.last + 1, &part, err)) == 0) {
        if (part.last - part.first + 1 == batch->n_ticks) {
            rc = store_piece(writer, batch, table, sum, err);
            continue;
        }
        AUTO(arena_done) struct arena arena;
        arena_init(&arena, CODEC_ARENA_BYTES + BATCH_MAX);
        struct store_batch piece;
        rc = cut_batch(batch, &part, &arena, &piece, err);
        if (rc == 0)
            rc = store_piece(writer, &piece, table, sum, err);
    }
    return rc == RUN_HAD_IT ? 0 : rc;
}

static int write_row(struct writer *writer, enum row_kind kind, const void *row, struct err *err)
{
    bool gone = row_is_gone(kind, row);
    sqlite3_stmt *stmt;
    int rc = statement(writer, (enum writer_stmt)((gone ? STMT_ROW_DELETE : STMT_ROW_PUT) + kind), &stmt, err);
    if (rc < 0)
        return rc;
    if (gone)
        row_bind_key(kind, stmt, row);
    else
        row_bind(kind, stmt, row);
    return db_run(stmt, err);
}

static int write_mark(struct writer *writer, const struct op_mark *mark, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = statement(writer, STMT_MARK, &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_text(stmt, 1, mark->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, mark->value);
    return db_run(stmt, err);
}

/* What expires may be known here: it is written before and read anew after. */
static int write_pack(struct writer *writer, struct pack_op *pack, struct err *err)
{
    int rc = pack->expires ? runs_flush(&writer->runs, err) : 0;
    if (rc == 0)
        rc = pack_apply(&writer->packs, writer->db, pack, err);
    if (pack->expires)
        runs_forget(&writer->runs);
    return rc;
}

static int write_dropped(struct writer *writer, const struct store_dropped *dropped, struct written *sum,
                         struct err *err)
{
    int rc = runs_put_dropped(&writer->runs, dropped, err);
    sum->passed_over += rc == RUN_PASSED_OVER;
    return rc < 0 ? rc : 0;
}

static int write_op(struct writer *writer, const struct op *op, struct written *sum, struct err *err)
{
    struct known_table *table;
    switch (op->kind) {
    case OP_ROW:
        return write_row(writer, op->row, op->content, err);
    case OP_BATCH:
        return write_batch(writer, op->batch, sum, err);
    case OP_TABLE:
        return need_table(writer, &op->table->hash, op->table->bytes, &table, err);
    case OP_ANCHOR:
        return runs_put_anchor(&writer->runs, op->anchor, err);
    case OP_MARK:
        return write_mark(writer, op->mark, err);
    case OP_DROPPED:
        return write_dropped(writer, op->dropped, sum, err);
    case OP_STEP:
        return runs_put_clock_step(&writer->runs, op->step, err);
    case OP_LEDGER:
        return chain_append(&writer->chain, op->ledger, err);
    case OP_PACK:
        return write_pack(writer, op->pack, err);
    }
    return 0;
}

static int write_all(struct writer *writer, const struct group *group, struct written *sum, struct err *err)
{
    for (const struct op *op = group_first(group); op; op = op->next) {
        int rc = write_op(writer, op, sum, err);
        if (rc != 0)
            return rc;
    }
    if (writer->kind != STORE_TENANT)
        return 0;
    int rc = runs_flush(&writer->runs, err);
    return rc < 0 ? rc : chain_flush(&writer->chain, err);
}

static void roll_back(struct writer *writer)
{
    run_plain(writer, STMT_ROLLBACK, NULL); /* fails when SQLite has rolled back by itself */
    runs_forget(&writer->runs);
    chain_forget(&writer->chain);
    forget_tables(writer);
}

/* PACK_REFUSED: nothing is written, and one op of the group will not be tried again. */
static int write_once(struct writer *writer, const struct group *group, struct written *ret, struct err *err)
{
    int rc = run_plain(writer, STMT_BEGIN, err);
    if (rc < 0)
        return rc;
    *ret = (struct written){ 0 };
    rc = write_all(writer, group, ret, err);
    if (rc == 0)
        rc = run_plain(writer, STMT_COMMIT, err);
    if (rc != 0)
        roll_back(writer);
    return rc;
}

/* Of a file that fails the connection goes, and the next attempt looks the path up anew: the file may be one
 * restored from a backup by then, which has to prove that it can be read, or its disk be mounted again. A disk that
 * is full or busy is the same one later. */
static void give_way(struct writer *writer, int rc)
{
    writer->unproven = writer->unproven || rc == -EBADMSG;
    writer->unflushed = true;
    if (rc != -ENOSPC && rc != -EDQUOT && rc != -EBUSY && rc != -ENOMEM)
        writer_close(writer);
}

static void say_ledger(struct writer *writer, struct written *ret)
{
    ret->ledger_state = chain_committed(&writer->chain);
    if (writer->chain.known && !writer->chain.broken)
        ret->ledger = writer->chain.end;
}

int writer_write(struct writer *writer, const struct group *group, struct written *ret, struct err *err)
{
    struct written sum;
    int rc = writer_open(writer, err);
    if (rc < 0)
        return rc;
    do
        rc = write_once(writer, group, &sum, err);
    while (rc == PACK_REFUSED);
    if (rc < 0) {
        give_way(writer, rc);
        return rc;
    }
    if (HASH_COUNT(writer->tables) > TABLES_KNOWN_MAX)
        forget_tables(writer);
    say_ledger(writer, &sum);
    *ret = sum;
    return 0;
}

int writer_know_ledger(struct writer *writer, struct written *ret, struct err *err)
{
    *ret = (struct written){ 0 };
    int rc = writer_open(writer, err);
    if (rc == 0)
        rc = chain_know(&writer->chain, err);
    if (rc == 0)
        say_ledger(writer, ret);
    return rc;
}

void writer_doubt(struct writer *writer)
{
    writer_close(writer);
    writer->unproven = true;
}

void writer_restart_wal(struct writer *writer)
{
    if (writer->db)
        sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}
