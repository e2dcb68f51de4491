/* How long each tier is kept, and the room, threads and descriptors that are given back. */
#include "collector/store/pack/one_world_fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"

static void each_tier_is_kept_as_long_as_it_should_be(void **state)
{
    struct fixture *f = *state;
    go_to_hour(12);
    struct store_retention retention = { 2 * PACK_DAY_US, 5 * PACK_DAY_US, 9 * PACK_DAY_US };
    store_retain(f->store, &retention);
    world_put(world, 1, 1, 1, 600, 60, NOW - 700 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    world_pass(world, retention.samples_us - PACK_HOUR_US);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.good, 600);
    world_pass(world, 2 * PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM block"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM minute"), 1);
    assert_int_equal(world_number(world, "SELECT count(*) FROM interval"), 1);
    world_pass(world, 3 * PACK_DAY_US + PACK_HOUR_US);
    world_pack(world);
    world_pass(world, 2 * PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM minute"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM interval"), 1); /* or it would be counted twice */
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch"), 1);
    world_pass(world, 4 * PACK_DAY_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch"), 0);
    world_pass(world, PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM interval"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM run"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM host"), 1);
    for (uint64_t n = 1; n <= 600; n++)
        world_tick(world, 1, 1, n)->put = false;
    world_put(world, 1, 1, 601, 60, 60, NOW - 700 * US_PER_S, US_PER_S, 0); /* the run goes on, from nothing */
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 60);
}

static void ticks_that_come_too_late_to_be_kept_are_in_the_rollups_all_the_same(void **state)
{
    (void)state;
    go_to_hour(12);
    world_put(world, 1, 1, 1, 60, 60, NOW - 60 * US_PER_S, US_PER_S, 0); /* a pass of what expires is due in an hour */
    world_pack(world);
    world_pass(world, PACK_HOUR_US);
    world_put(world, 2, 1, 1, 600, 60, NOW - 10 * PACK_DAY_US, US_PER_S, 0);
    world_put(world, 3, 1, 1, 600, 60, NOW - 10 * PACK_DAY_US, PACK_MINUTE_US, 0);
    world_pack(world);
    for (int i = 0; i < 3; i++) {
        world_pass(world, PACK_HOUR_US);
        world_pack(world);
    }
    for (uint64_t n = 1; n <= 600; n++)
        world_tick(world, 2, 1, n)->gone = world_tick(world, 2, 1, n)->rolled = true;
    struct world_counts counts = world_check(world); /* the rollups hold what is gone, too */
    assert_int_equal(counts.rewritten + counts.good, 60 + 600);
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch WHERE id >> 39 = 2"), 1);
}

static void fill_and_empty(int64_t mib)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE TABLE fill (bytes BLOB); WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n"
             " WHERE i < %d) INSERT INTO fill SELECT zeroblob(1 << 20) FROM n; DROP TABLE fill",
             (int)mib);
    world_sql(world, sql);
    assert_true(world_number(world, "PRAGMA freelist_count") > mib * 250);
}

static void ticks_that_come_while_rows_expire_are_not_overlooked(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 60, 60, NOW - PACK_HOUR_US, US_PER_S, 0);
    for (uint64_t i = 1; i <= 40; i++) {
        world_sql(world, "INSERT INTO clock_step (run, at_us, step_us) VALUES (1, 1, 1)");
        store_retain(f->store, &STORE_RETENTION); /* has it look for what expires */
        world_put(world, 1, 1, 1 + 60 * i, 60, 60, NOW - PACK_HOUR_US + (int64_t)i * PACK_MINUTE_US, US_PER_S, 0);
        world_pack(world);
        assert_int_equal(world_number(world, "SELECT count(*) FROM batch"), 0);
        if (i % 3 == 0)
            world_pack(world);
    }
    assert_int_equal(world_number(world, "SELECT count(*) FROM clock_step"), 0);
}

static void what_is_deleted_gives_its_room_back(void **state)
{
    (void)state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 1, 1, NOW, US_PER_S, 0);
    fill_and_empty(60);
    world_pack(world);
    assert_true(world_number(world, "PRAGMA freelist_count") <= 15500 / 8);
    world_pass(world, PACK_DAY_US);
    world_put(world, 1, 1, 2, 60, 1, NOW, US_PER_S, 0);
    world_pass(world, STORE_RETENTION.samples_us + PACK_DAY_US); /* something has expired: room is looked at */
    world_pack(world);
    assert_true(world_number(world, "PRAGMA freelist_count") <= 512); /* of a small file too */
}

/* Descriptors of the tenant's file that are open, and threads of its own. */
static int held(struct fixture *f)
{
    int n = 0;
    char path[512];
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    for (const struct dirent *entry; (entry = readdir(fds));) {
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, path, sizeof path - 1);
        path[len > 0 ? len : 0] = '\0';
        n += strncmp(path, path_in(f, "tenant-1.db"), strlen(path_in(f, "tenant-1.db"))) == 0;
    }
    closedir(fds);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *comm = fopen(path, "re");
        n += comm && fgets(path, sizeof path, comm) && strcmp(path, "tenant-1.db\n") == 0;
        if (comm)
            fclose(comm);
    }
    closedir(tasks);
    return n;
}

static void an_idle_file_holds_no_thread_and_no_descriptor_until_it_is_written_to(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 70, 7, NOW - 70 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    assert_true(held(f) >= 2);
    world_pass(world, PACK_REST_US);
    while (held(f) > 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    world_put(world, 1, 1, 71, 70, 7, NOW, US_PER_S, 0);
    assert_true(held(f) >= 2);
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 140);
    reopen_store(f);
    assert_int_equal(held(f), 0); /* reading it at start leaves nothing open either */
}

/* The tables as the first version made them, as far as these tests come by them. */
static const char first_version[] =
    "CREATE TABLE run (id INTEGER PRIMARY KEY, host INTEGER NOT NULL, run BLOB NOT NULL,"
    "  anchor_us INTEGER, rtt_us INTEGER, stored_us INTEGER);"
    "CREATE UNIQUE INDEX run_by_host ON run (host, run);"
    "CREATE TABLE series_table (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);"
    "CREATE TABLE interval (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, span_us INTEGER NOT NULL);"
    "CREATE INDEX interval_by_run ON interval (run, first);"
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, anchor_us INTEGER NOT NULL,"
    "  series_table INTEGER NOT NULL, slot INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX batch_by_slot ON batch (slot, run);"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL, zone TEXT NOT NULL,"
    "  hosts TEXT NOT NULL, state TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL, started_us INTEGER NOT NULL, closed_us INTEGER NOT NULL, changed_by TEXT NOT "
    "NULL);";

/* What is the same in both versions is taken from today's file. */
static void go_back_to_first_version(struct fixture *f)
{
    sqlite3 *db = NULL;
    char now[160];
    char sql[8192];
    snprintf(now, sizeof now, "%s", path_in(f, "now.db"));
    assert_int_equal(rename(path_in(f, "tenant-1.db"), now), 0);
    assert_int_equal(sqlite3_open(path_in(f, "tenant-1.db"), &db), SQLITE_OK);
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=WAL; PRAGMA application_id=%d; PRAGMA user_version=1; %s ATTACH '%s' AS now;"
             "INSERT INTO run SELECT * FROM now.run; INSERT INTO series_table SELECT * FROM now.series_table;"
             "INSERT INTO interval SELECT * FROM now.interval; INSERT INTO batch SELECT id, run, first, n, first_us,"
             " last_us, anchor_us, series_table, slot, bytes FROM now.batch",
             0x57524d54, first_version, now);
    static const char *const same[] = { "alert", "incident", "incident_alert", "page", "mark" };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        size_t len = strlen(sql);
        snprintf(sql + len, sizeof sql - len, "; CREATE TABLE %s AS SELECT * FROM now.%s", same[i], same[i]);
    }
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db,
                     "ALTER TABLE alert DROP COLUMN was_us; ALTER TABLE alert DROP COLUMN unit;"
                     "ALTER TABLE alert DROP COLUMN muted; ALTER TABLE incident_alert DROP COLUMN unit;"
                     "ALTER TABLE incident DROP COLUMN silenced_us",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, fixture_drop_ways, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void a_file_of_the_first_version_is_taken_on_and_can_shrink(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 90, 7, NOW - 90 * US_PER_S, US_PER_S, 0);
    close_store(f);
    go_back_to_first_version(f);
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(world_check(world).inbox, 90);
    assert_int_equal(world_number(world, "PRAGMA auto_vacuum"), 2);
    world_put(world, 1, 1, 91, 10, 10, NOW, US_PER_S, 0);
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 100);
    close_store(f);
    world_sql(world,
              "PRAGMA journal_mode=DELETE; PRAGMA auto_vacuum=NONE; VACUUM"); /* killed before it was built anew */
    assert_int_equal(world_number(world, "PRAGMA auto_vacuum"), 0);
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(world_number(world, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(world_check(world).sealed, 100);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        PACK_TEST(each_tier_is_kept_as_long_as_it_should_be),
        PACK_TEST(ticks_that_come_too_late_to_be_kept_are_in_the_rollups_all_the_same),
        PACK_TEST(ticks_that_come_while_rows_expire_are_not_overlooked),
        PACK_TEST(what_is_deleted_gives_its_room_back),
        PACK_TEST(an_idle_file_holds_no_thread_and_no_descriptor_until_it_is_written_to),
        PACK_TEST(a_file_of_the_first_version_is_taken_on_and_can_shrink),
    };
    return cmocka_run_group_tests_name("collector.store.pack.room", tests, NULL, NULL);
}
