/* Whose folder and whose files a store opens. */
#include "collector/store/store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"

static void a_second_collector_is_kept_out(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    assert_int_equal(store_open(&second, &f->loop, f->dir, &f->clock, &f->log, &f->err), -EBUSY);
    assert_non_null(strstr(f->err.text, "another collector holds"));
    assert_null(second);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void a_folder_that_cannot_be_made_or_written_is_an_error(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    assert_int_equal(store_open(&store, &f->loop, path_in(f, "no/such"), &f->clock, &f->log, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "cannot make"));
    assert_int_equal(store_open(&store, &f->loop, path_in(f, "lock"), &f->clock, &f->log, &f->err), -ENOTDIR);
    assert_non_null(strstr(f->err.text, "cannot write in"));
    assert_null(store);
}

static void run_sql(struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_in(f, file), &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

static void a_registry_of_a_newer_warroom_is_left_alone(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    run_sql(f, "registry.db", "PRAGMA user_version = 99");
    assert_int_equal(store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err), -ENOTSUP);
    assert_non_null(strstr(f->err.text, "newer Warroom"));
    run_sql(f, "registry.db", "PRAGMA user_version = 5");
    uv_run(&f->loop, UV_RUN_DEFAULT);
    open_store(f);
}

/* As the first version made it. */
static void a_registry_of_before_there_were_keys_is_taken_over(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    assert_int_equal(unlink(path_in(f, "registry.db")), 0);
    run_sql(f, "registry.db",
            "CREATE TABLE tenant (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created_us INTEGER NOT NULL);"
            "CREATE TABLE host (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL,"
            "  host_group TEXT NOT NULL, limit_egress REAL, limit_ingress REAL, limit_connections REAL,"
            "  limit_new_connections REAL, limit_disk_read REAL, limit_disk_write REAL, enrolled_us INTEGER NOT NULL);"
            "CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "INSERT INTO tenant VALUES (1, 'acme', 77);"
            "INSERT INTO host VALUES (7, 1, 'web-1', 'web', NULL, NULL, NULL, NULL, NULL, NULL, 88);"
            "INSERT INTO mark VALUES ('beat_us', 12345);"
            "PRAGMA application_id = 0x57524d52; PRAGMA user_version = 1;");
    open_store(f);
    reopen_store(f);
    assert_int_equal(f->loaded.tenants, 1);
    assert_int_equal(f->loaded.hosts, 1);
    assert_string_equal(f->loaded.host[0].name, "web-1");
    assert_int_equal(f->loaded.host[0].standing, HOST_ACTIVE);
    assert_string_equal(f->loaded.host[0].labels, "");
    assert_int_equal(f->loaded.host_keys, 0);
    assert_int_equal(f->loaded.tokens, 0);
    assert_int_equal(f->loaded.rota_overrides, 0);
    assert_int_equal(f->loaded.marks.beat_us, 12345);
}

static void a_database_that_is_not_ours_is_refused(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    assert_int_equal(unlink(path_in(f, "registry.db")), 0);
    run_sql(f, "registry.db", "CREATE TABLE theirs (x)");
    assert_int_equal(store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "not a registry file of Warroom"));
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void a_copy_of_another_tenants_file_is_refused(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    close_store(f);
    char from[128];
    snprintf(from, sizeof from, "%s", path_in(f, "tenant-1.db"));
    assert_int_equal(rename(from, path_in(f, "tenant-2.db")), 0);
    open_store(f);
    assert_int_equal(load_store(f), 0);
    assert_int_equal(f->loaded.intervals, 0);
    assert_true(store_fault(f->store, STORE_TENANT, 2));
    assert_false(store_fault(f->store, STORE_TENANT, 1));
    assert_true(was_logged(f, "holds tenant 1, not 2"));
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_second_collector_is_kept_out),
        STORE_TEST(a_folder_that_cannot_be_made_or_written_is_an_error),
        STORE_TEST(a_registry_of_a_newer_warroom_is_left_alone),
        STORE_TEST(a_registry_of_before_there_were_keys_is_taken_over),
        STORE_TEST(a_database_that_is_not_ours_is_refused),
        STORE_TEST(a_copy_of_another_tenants_file_is_refused),
    };
    return cmocka_run_group_tests_name("collector.store.opening", tests, NULL, NULL);
}
