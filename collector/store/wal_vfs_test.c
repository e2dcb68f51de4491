#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/folder_fixture.h"
#include "collector/store/db.h"
#include "collector/store/faulty_vfs_fixture.h"

enum { ROWS = 400 }; /* of a page each */

struct fixture {
    char folder[64];
    char path[64];
    sqlite3 *db;
    struct err err;
};

static void run(struct fixture *f, const char *sql)
{
    if (db_exec(f->db, sql, &f->err) < 0)
        fail_msg("%s: %s", sql, f->err.text);
}

static int64_t number(struct fixture *f, const char *sql)
{
    int64_t n = -1;
    if (db_number(f->db, sql, &n, &f->err) < 0)
        fail_msg("%s: %s", sql, f->err.text);
    return n;
}

/* `value` tells rows of one transaction from those of another. */
static void put_rows(struct fixture *f, int value)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT OR REPLACE INTO t SELECT i, %d, randomblob(3500) FROM n",
             ROWS, value);
    run(f, sql);
}

static int64_t count(struct fixture *f, int value)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM t WHERE v = %d", value);
    return number(f, sql);
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ .path = "" };
    folder_template(fixture.folder, sizeof fixture.folder, "warroom-wal");
    *state = &fixture;
    faulty_vfs_plan(&(struct faulty_plan){ .n = 0 });
    if (!mkdtemp(fixture.folder))
        return -1;
    snprintf(fixture.path, sizeof fixture.path, "%s/t.db", fixture.folder);
    int rc = db_open(&fixture.db, fixture.path, DB_WRITE, &fixture.err);
    return rc < 0 ? rc : db_exec(fixture.db, "CREATE TABLE t (i INTEGER PRIMARY KEY, v, b)", &fixture.err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    faulty_vfs_plan(&(struct faulty_plan){ .n = 0 });
    if (f->db)
        f->db = db_close(f->db);
    unlink(f->path);
    return rmdir(f->folder);
}

static void a_transaction_goes_to_the_system_in_large_pieces(void **state)
{
    struct fixture *f = *state;
    faulty_vfs_plan(&(struct faulty_plan){ .n = 0 }); /* counts from here on */
    put_rows(f, 1);
    assert_in_range(faulty_vfs_count(FAULTY_OP_WRITE), ROWS * 4096 / 65536, ROWS / 4);
    assert_int_equal(faulty_vfs_count(FAULTY_OP_SYNC), 1);
}

static void whoever_opens_the_file_sees_what_was_committed(void **state)
{
    struct fixture *f = *state;
    put_rows(f, 1);
    run(f, "BEGIN");
    put_rows(f, 2);
    sqlite3 *db = NULL;
    int64_t n = 0;
    assert_int_equal(db_open(&db, f->path, DB_READ, &f->err), 0);
    int rc = db_number(db, "SELECT count(*) FROM t WHERE v = 1", &n, &f->err);
    db_close(db);
    assert_int_equal(rc, 0);
    assert_int_equal(n, ROWS);
    run(f, "COMMIT");
    assert_int_equal(count(f, 2), ROWS);
}

static void pages_that_left_memory_within_a_transaction_are_read_back(void **state)
{
    struct fixture *f = *state;
    run(f, "PRAGMA cache_size = 10; PRAGMA cache_spill = 10");
    put_rows(f, 1);
    run(f, "BEGIN");
    put_rows(f, 2);
    assert_int_equal(count(f, 2), ROWS);
    put_rows(f, 3);
    assert_int_equal(count(f, 3), ROWS);
    assert_int_equal(number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    run(f, "ROLLBACK");
    assert_int_equal(count(f, 1), ROWS);
    run(f, "PRAGMA wal_checkpoint(TRUNCATE)");
    assert_int_equal(number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert_int_equal(count(f, 1), ROWS);
}

static void a_connection_for_checkpoints_flushes_the_wal_and_the_file(void **state)
{
    struct fixture *f = *state;
    put_rows(f, 1);
    sqlite3 *db = NULL;
    int64_t version;
    int pages = 0, copied = -1;
    assert_int_equal(db_open(&db, f->path, DB_COPY, &f->err), 0);
    assert_int_equal(db_number(db, "PRAGMA schema_version", &version, &f->err), 0);
    faulty_vfs_plan(&(struct faulty_plan){ .n = 0 }); /* counts from here on */
    int code = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    unsigned flushes = (unsigned)faulty_vfs_count(FAULTY_OP_SYNC);
    db_close(db);
    assert_int_equal(code, SQLITE_OK);
    assert_true(pages >= ROWS && copied == pages);
    assert_int_equal(flushes, 2);
    assert_int_equal(db_open(&db, "/nonexistent/t.db", DB_COPY, &f->err), -ENOENT);
}

/* Whichever of its writes it is. */
static void a_write_that_fails_fails_the_transaction_alone(void **state)
{
    struct fixture *f = *state;
    put_rows(f, 1);
    for (int n = 1; n <= ROWS * 4096 / 65536; n++) {
        faulty_vfs_plan(&(struct faulty_plan){ .op = FAULTY_OP_WRITE, .n = n, .code = SQLITE_FULL, .half = n % 2 });
        char sql[64];
        snprintf(sql, sizeof sql, "UPDATE t SET v = v + 1, b = randomblob(3500)");
        assert_int_equal(db_exec(f->db, sql, &f->err), -ENOSPC);
        assert_true(faulty_vfs_has_failed());
        faulty_vfs_plan(&(struct faulty_plan){ .n = 0 });
        assert_int_equal(count(f, n), ROWS);
        run(f, sql);
        assert_int_equal(count(f, n + 1), ROWS);
    }
    f->db = db_close(f->db);
    assert_int_equal(db_open(&f->db, f->path, DB_WRITE, &f->err), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        TEST(a_transaction_goes_to_the_system_in_large_pieces),
        TEST(whoever_opens_the_file_sees_what_was_committed),
        TEST(pages_that_left_memory_within_a_transaction_are_read_back),
        TEST(a_connection_for_checkpoints_flushes_the_wal_and_the_file),
        TEST(a_write_that_fails_fails_the_transaction_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
