/* What rows refer to: series tables, runs, hosts. They are kept by their numbers while the rows are read. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/upkeep/fsck_parts.h"
#include "proto/codec/codec.h"

enum { NUMBER_MAX = 1 << 24 }; /* ids count up from 1: one past this is damage */

/* Room for the numbers up to the highest one in use. */
static int make_room(struct fsck *fsck, const char *sql, size_t size, void **ret, size_t *ret_n, struct err *err)
{
    int64_t highest = 0;
    int rc = db_number(fsck->db, sql, &highest, err);
    if (rc < 0)
        return rc;
    if (highest < 0 || highest >= NUMBER_MAX) {
        fsck_find(fsck, "%s yields %" PRId64 ", which cannot be", sql, highest);
        highest = 0;
    }
    *ret = calloc((size_t)highest + 1, size);
    *ret_n = *ret ? (size_t)highest + 1 : 0;
    return *ret ? 0 : err_set(err, -ENOMEM, "fsck: out of memory");
}

static bool is_number(int64_t id, size_t n)
{
    return id > 0 && (uint64_t)id < n;
}

/* ---- series tables ---- */

static void check_table(struct fsck *fsck, sqlite3_stmt *stmt)
{
    int64_t id = sqlite3_column_int64(stmt, 0);
    const void *hash = sqlite3_column_blob(stmt, 1);
    const void *bytes = sqlite3_column_blob(stmt, 2);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 2);
    struct series_table table;
    struct err err;
    if (!is_number(id, fsck->n_tables) || sqlite3_column_bytes(stmt, 1) != TABLE_HASH_BYTES || !hash) {
        fsck_find(fsck, "series table %" PRId64 ": it has no hash, or no number that can be", id);
        return;
    }
    struct fsck_table *kept = &fsck->tables[id];
    memcpy(kept->hash.bytes, hash, TABLE_HASH_BYTES);
    if (len == 0)
        return; /* not known yet: a finding only where a row needs it */
    struct table_hash now = codec_table_hash(bytes, len);
    arena_reset(&fsck->arena);
    if (memcmp(now.bytes, hash, TABLE_HASH_BYTES) != 0) {
        fsck_find(fsck, "series table %" PRId64 ": its bytes are not those its hash is of", id);
    } else if (codec_decode_table(bytes, len, &fsck->arena, &table, &err) < 0) {
        fsck_find(fsck, "series table %" PRId64 ": %s", id, err.text);
    } else {
        kept->whole = true;
        kept->n = table.n;
    }
}

static int read_tables(struct fsck *fsck, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = make_room(fsck, "SELECT max(id) FROM series_table", sizeof *fsck->tables, (void **)&fsck->tables,
                       &fsck->n_tables, err);
    if (rc == 0)
        rc = db_prepare(fsck->db, "SELECT id, hash, bytes FROM series_table", &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW)
        check_table(fsck, stmt);
    return rc;
}

/* ---- hosts and runs ---- */

static bool is_enrolled(const struct fsck *fsck, uint64_t host)
{
    for (size_t low = 0, high = fsck->n_names; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (fsck->names[middle].id == host)
            return true;
        if (fsck->names[middle].id < host)
            low = middle + 1;
        else
            high = middle;
    }
    return !fsck->has_names;
}

static void check_host(struct fsck *fsck, const char *what, int64_t id, uint64_t host)
{
    if (!is_enrolled(fsck, host))
        fsck_find(fsck, "%s %" PRId64 ": host %016" PRIx64 " is not in the registry", what, id, host);
}

static void check_run(struct fsck *fsck, sqlite3_stmt *stmt)
{
    int64_t id = sqlite3_column_int64(stmt, 0);
    const void *run = sqlite3_column_blob(stmt, 2);
    if (!is_number(id, fsck->n_runs) || sqlite3_column_bytes(stmt, 2) != RUN_BYTES || !run) {
        fsck_find(fsck, "run %" PRId64 ": it is none", id);
        return;
    }
    struct fsck_run_row *kept = &fsck->runs[id];
    kept->host = (uint64_t)sqlite3_column_int64(stmt, 1);
    memcpy(kept->run.bytes, run, RUN_BYTES);
    check_host(fsck, "run", id, kept->host);
}

static int read_runs(struct fsck *fsck, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = make_room(fsck, "SELECT max(id) FROM run", sizeof *fsck->runs, (void **)&fsck->runs, &fsck->n_runs, err);
    if (rc == 0)
        rc = db_prepare(fsck->db, "SELECT id, host, run FROM run", &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW)
        check_run(fsck, stmt);
    return rc;
}

static int read_hosts(struct fsck *fsck, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc =
        make_room(fsck, "SELECT max(no) FROM host", sizeof *fsck->hosts, (void **)&fsck->hosts, &fsck->n_hosts, err);
    if (rc == 0)
        rc = db_prepare(fsck->db, "SELECT no, id FROM host", &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        int64_t no = sqlite3_column_int64(stmt, 0);
        uint64_t host = (uint64_t)sqlite3_column_int64(stmt, 1);
        check_host(fsck, "host number", no, host);
        if (is_number(no, fsck->n_hosts))
            fsck->hosts[no] = host;
    }
    return rc;
}

int fsck_tables(struct fsck *fsck, struct err *err)
{
    int rc = fsck_read_failed(fsck, "its series tables", read_tables(fsck, err), err);
    if (rc == 0)
        rc = fsck_read_failed(fsck, "its runs", read_runs(fsck, err), err);
    if (rc == 0)
        rc = fsck_read_failed(fsck, "its hosts", read_hosts(fsck, err), err);
    return rc;
}
