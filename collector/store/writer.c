#include "collector/store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

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
    "INSERT INTO batch (run, first, n, first_us, last_us, anchor_us, series_table, slot, bytes)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

static const char *const texts[STMT_ROW_PUT] = {
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
    [STMT_BATCH] = insert_batch_sql,
    [STMT_TABLE_FIND] = "SELECT id, bytes FROM series_table WHERE hash = ?",
    [STMT_TABLE_ADD] = "INSERT INTO series_table (hash, bytes) VALUES (?, ?)",
    [STMT_TABLE_FILL] = "UPDATE series_table SET bytes = ?2 WHERE id = ?1",
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

static int set_up(struct writer *writer, struct err *err)
{
    int rc = db_open(&writer->db, writer->path, DB_WRITE, err);
    if (rc == 0)
        rc = schema_bring(writer->db, writer->kind, writer->tenant, err);
    if (rc == 0)
        rc = sync_folder(writer->path, err);
    if (rc == 0 && writer->unproven)
        rc = load_file(writer->db, writer->kind, writer->tenant, NULL, NULL, err);
    if (rc == 0 && writer->kind == STORE_TENANT)
        rc = runs_open(&writer->runs, writer->db, err);
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
    return db_run(stmt, err);
}

static int write_batch(struct writer *writer, const struct store_batch *batch, struct written *sum, struct err *err)
{
    struct known_table *table;
    int rc = need_table(writer, &batch->table, (struct bytes){ NULL, 0 }, &table, err);
    if (rc < 0)
        return rc;
    int64_t run;
    rc = runs_take(&writer->runs, batch, &run, err);
    if (rc != 0)
        return rc == RUN_HAD_IT ? 0 : rc;
    sum->ticks += batch->n_ticks;
    sum->samples += (uint64_t)batch->n_ticks * table->n_series;
    sum->bytes += batch->batch_bytes.len;
    return insert_batch(writer, batch, run, table->id, err);
}

static int write_row(struct writer *writer, enum row_kind kind, const void *row, struct err *err)
{
    bool gone = kind == ROW_ALERT && ((const struct alert *)row)->state == ALERT_OK;
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
    }
    return 0;
}

static int write_all(struct writer *writer, const struct group *group, struct written *sum, struct err *err)
{
    for (const struct op *op = group_first(group); op; op = op->next) {
        int rc = write_op(writer, op, sum, err);
        if (rc < 0)
            return rc;
    }
    return writer->kind == STORE_TENANT ? runs_flush(&writer->runs, err) : 0;
}

int writer_write(struct writer *writer, const struct group *group, struct written *ret, struct err *err)
{
    int rc = writer_open(writer, err);
    if (rc == 0)
        rc = run_plain(writer, STMT_BEGIN, err);
    if (rc < 0)
        return rc;
    struct written sum = { 0 };
    rc = write_all(writer, group, &sum, err);
    if (rc == 0)
        rc = run_plain(writer, STMT_COMMIT, err);
    if (rc < 0) {
        run_plain(writer, STMT_ROLLBACK, NULL); /* fails when SQLite has rolled back by itself */
        runs_forget(&writer->runs);
        forget_tables(writer);
        return rc;
    }
    if (HASH_COUNT(writer->tables) > TABLES_KNOWN_MAX)
        forget_tables(writer);
    *ret = sum;
    return 0;
}

void writer_restart_wal(struct writer *writer)
{
    if (writer->db)
        sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
}
