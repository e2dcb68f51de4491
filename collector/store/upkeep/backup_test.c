/* Copies of files that are written meanwhile. */
#include "collector/store/pack/pack_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/pack/pack.h"
#include "collector/store/upkeep/backup_folder.h"
#include "collector/store/upkeep/backup_heads.h"
#include "collector/store/upkeep/fsck.h"

static struct world *world;
static char backups[96];

static int setup(void **state)
{
    int rc = fixture_setup(state);
    world = world_new(*state);
    struct tenant tenant = { .id = WORLD_TENANT, .name = "acme" };
    struct host host = { .id = 1, .tenant = WORLD_TENANT, .name = "web-1", .group = "web" };
    assert_int_equal(store_put_tenant(world->f->store, &tenant), 0);
    assert_int_equal(store_put_host(world->f->store, &host), 0);
    assert_int_equal(commit(world->f, STORE_REGISTRY, 0), 0);
    snprintf(backups, sizeof backups, "%s", path_in(world->f, "backups"));
    return rc;
}

static int teardown(void **state)
{
    faulty_vfs_set(FAULTY_NOTHING, "");
    world_free(world);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", backups);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of ours */
    return fixture_teardown(state);
}

#define BACKUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NOW               world_now_us(world)

struct heard {
    bool done;
    int rc;
    char text[ERR_TEXT_MAX];
    char path[160];
    size_t files;
    uint64_t bytes;
    int calls;
};

static void on_backup(void *user, const struct store_backup *state, const struct err *err)
{
    struct heard *heard = user;
    heard->calls++;
    heard->done = err || state->done;
    heard->rc = err ? err->code : 0;
    if (err) {
        snprintf(heard->text, sizeof heard->text, "%s", err->text);
        return;
    }
    snprintf(heard->path, sizeof heard->path, "%s", state->path);
    heard->files = state->files;
    heard->bytes = state->bytes;
    assert_true(state->files <= state->n_files);
}

static void start(struct heard *heard, uint64_t tenant)
{
    *heard = (struct heard){ .rc = 1 };
    assert_int_equal(store_backup(world->f->store, backups, tenant, on_backup, heard, &world->f->err), 0);
}

static void back_up(struct heard *heard, uint64_t tenant)
{
    start(heard, tenant);
    run_until(world->f, &heard->done);
}

static int entries_of(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    for (const struct dirent *entry; dir && (entry = readdir(dir));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return n;
}

static void on_finding(void *user, const char *line)
{
    (void)user;
    print_message("%s\n", line);
}

/* The ticks in it, once fsck has found nothing. */
static uint64_t ticks_of_sound(const char *dir, uint64_t want_files)
{
    struct fsck_order order = {
        .dir = dir, .tenant = "all", .now_us = NOW, .retention = STORE_RETENTION, .say = on_finding
    };
    struct fsck_report report;
    assert_int_equal(fsck_run(&order, &report, &world->f->err), 0);
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.files, want_files);
    return report.ticks;
}

static void a_copy_holds_what_is_stored_and_nobody_else_may_read_it(void **state)
{
    struct heard heard;
    struct stat info;
    char path[200];
    (void)state;
    world_put(world, 1, 1, 1, 1000, 60, NOW - PACK_HOUR_US, US_PER_S, 0);
    world_pack(world);
    world_put(world, 1, 1, 1001, 10, 1, NOW, US_PER_S, 0);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, 0);
    assert_int_equal(heard.files, 2);
    assert_int_equal(entries_of(backups), 1);
    assert_int_equal(entries_of(heard.path), 2);
    stat(backups, &info);
    assert_int_equal(info.st_mode & 0777, 0700);
    stat(heard.path, &info);
    assert_int_equal(info.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/tenant-1.db", heard.path);
    stat(path, &info);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(ticks_of_sound(heard.path, 2), 1010);
    assert_int_equal(entries_of(heard.path), 2); /* looking left nothing there */
}

static void one_tenants_copy_is_of_its_file_alone(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 10, 1, NOW, US_PER_S, 0);
    back_up(&heard, WORLD_TENANT);
    assert_int_equal(heard.rc, 0);
    assert_int_equal(heard.files, 1);
    assert_int_equal(entries_of(heard.path), 1);
    world_pass(world, US_PER_S);
    back_up(&heard, 99); /* nothing is known of it */
    assert_int_equal(heard.rc, 0);
    assert_int_equal(heard.files, 0);
}

static void commits_go_on_and_do_not_show_in_the_copy(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 10000, 500, NOW - 3 * PACK_HOUR_US, US_PER_S, 0);
    start(&heard, STORE_ALL_TENANTS);
    for (uint64_t n = 10001; !heard.done && n < 15000; n++)
        world_put(world, 1, 1, n, 1, 1, NOW - 3 * PACK_HOUR_US + (int64_t)(n - 1) * US_PER_S, US_PER_S, 0);
    run_until(world->f, &heard.done);
    assert_int_equal(heard.rc, 0);
    assert_true(ticks_of_sound(heard.path, 2) >= 10000); /* whole, as of some moment */
}

static void one_is_made_at_a_time(void **state)
{
    struct heard heard, other = { .rc = 1 };
    (void)state;
    start(&heard, STORE_ALL_TENANTS);
    assert_int_equal(store_backup(world->f->store, backups, STORE_ALL_TENANTS, on_backup, &other, &world->f->err),
                     -EBUSY);
    run_until(world->f, &heard.done);
    assert_int_equal(other.calls, 0);
    back_up(&other, STORE_ALL_TENANTS); /* of the same second */
    assert_int_equal(other.rc, 0);
    assert_string_equal(other.path + strlen(heard.path), "-2");
    back_up(&other, STORE_ALL_TENANTS);
    assert_string_equal(other.path + strlen(heard.path), "-3");
    world_pass(world, US_PER_S);
    back_up(&other, STORE_ALL_TENANTS);
    assert_int_equal(other.rc, 0);
    assert_int_equal(strlen(other.path), strlen(heard.path));
    assert_int_equal(entries_of(backups), 4);
}

static void a_full_disk_leaves_nothing_behind_and_the_store_alone(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 1000, 60, NOW - PACK_HOUR_US, US_PER_S, 0);
    faulty_vfs_set(FAULTY_FULL, "backups");
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, -ENOSPC);
    assert_int_equal(entries_of(backups), 0);
    assert_false(store_fault(world->f->store, STORE_TENANT, WORLD_TENANT));
    world_put(world, 1, 1, 1001, 10, 1, NOW, US_PER_S, 0);
    faulty_vfs_set(FAULTY_NOTHING, "");
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, 0);
    assert_int_equal(ticks_of_sound(heard.path, 2), 1010);
}

static void without_room_for_all_of_it_none_is_begun(void **state)
{
    AUTO(backup_folder_done) struct backup_folder folder;
    struct err err;
    (void)state;
    assert_int_equal(backup_folder_name(&folder, backups, NOW, &err), 0);
    assert_int_equal(backup_folder_make(&folder, UINT64_C(1) << 60, &err), -ENOSPC);
    assert_non_null(strstr(err.text, " MB free, the copy wants 1210567579837 MB"));
    assert_int_equal(entries_of(backups), 0);
    assert_int_equal(backup_folder_make(&folder, 1, &err), 0);
}

static void a_folder_that_others_may_write_to_is_refused(void **state)
{
    struct heard heard;
    (void)state;
    mkdir(backups, 0700);
    chmod(backups, 0720);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, -EPERM);
    assert_non_null(strstr(heard.text, "others may write"));
    assert_int_equal(entries_of(backups), 0);
    chmod(backups, 0750);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, 0);
}

static void a_link_in_the_folders_place_is_not_followed(void **state)
{
    struct heard heard;
    char other[128];
    (void)state;
    snprintf(other, sizeof other, "%s-elsewhere", backups);
    mkdir(other, 0700);
    assert_int_equal(symlink(other, backups), 0);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, -ENOTDIR);
    assert_int_equal(entries_of(other), 0);
    unlink(backups);
    rmdir(other);
}

static void a_folder_that_cannot_be_made_is_said(void **state)
{
    struct heard heard;
    (void)state;
    snprintf(backups, sizeof backups, "%s/registry.db/x", world->f->dir);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, -ENOTDIR);
    assert_non_null(strstr(heard.text, backups));
}

static void what_an_earlier_one_left_is_taken_away(void **state)
{
    struct heard heard;
    char path[160];
    (void)state;
    mkdir(backups, 0700);
    snprintf(path, sizeof path, "%s/.20200101T000000Z.partial", backups);
    mkdir(path, 0700);
    snprintf(path + strlen(path), sizeof path - strlen(path), "/tenant-1.db");
    FILE *file = fopen(path, "w");
    fclose(file);
    snprintf(path, sizeof path, "%s/20200101T000000Z", backups); /* a whole one stays */
    mkdir(path, 0700);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, 0);
    assert_int_equal(entries_of(backups), 2);
}

static void closing_the_store_ends_it(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 1000, 60, NOW - PACK_HOUR_US, US_PER_S, 0);
    start(&heard, STORE_ALL_TENANTS);
    close_store(world->f);
    assert_true(heard.done);
    assert_true(heard.rc == -ECANCELED || heard.rc == 0);
    assert_int_equal(entries_of(backups), heard.rc == 0 ? 1 : 0);
    open_store(world->f);
}

/* A store started on nothing but the copy has what was in it. */
static void the_heads_of_the_beginning_take_the_place_of_those_that_came_since(void **state)
{
    static const uint8_t seed[LEDGER_KEY_BYTES] = { 3 };
    struct fixture *f = *state;
    struct ledger_key key;
    struct backup_heads heads = { .n = 0 };
    sqlite3 *db = NULL;
    int64_t n = 0, rows = 0;
    assert_int_equal(ledger_key_of(&key, seed, NULL), 0);
    store_sign(f->store, &key, false);
    assert_int_equal(put_entry(f, WORLD_TENANT, "{}"), 0);
    assert_int_equal(commit(f, STORE_TENANT, WORLD_TENANT), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(backup_heads_read(&heads, path_in(f, "registry.db"), &f->err), 0);
    assert_int_equal(heads.n, 1);
    assert_int_equal(put_entry(f, WORLD_TENANT, "{}"), 0);
    assert_int_equal(put_entry(f, 0, "{}"), 0); /* a ledger that began meanwhile */
    close_store(f);
    assert_int_equal(db_open(&db, path_in(f, "registry.db"), DB_WRITE, &f->err), 0);
    assert_int_equal(db_number(db, "SELECT sum(n) FROM ledger_head", &n, &f->err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(backup_heads_write(&heads, db, &f->err), 0);
    assert_int_equal(db_number(db, "SELECT n FROM ledger_head WHERE tenant = 1", &n, &f->err), 0);
    assert_int_equal(db_number(db, "SELECT count(*) FROM ledger_head", &rows, &f->err), 0);
    db_close(db);
    backup_heads_done(&heads);
    assert_true(n == 1 && rows == 1);
    open_store(f);
}

/* registry.db is copied last, and heads go on meanwhile. */
static void the_heads_in_a_copy_are_no_newer_than_the_ledgers_in_it(void **state)
{
    static const uint8_t seed[LEDGER_KEY_BYTES] = { 3 };
    struct fixture *f = *state;
    struct heard heard;
    struct ledger_key key;
    assert_int_equal(ledger_key_of(&key, seed, NULL), 0);
    store_sign(f->store, &key, false);
    world_put(world, 1, 1, 1, 4000, 50, NOW - 30 * PACK_HOUR_US, US_PER_S, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(put_entry(f, WORLD_TENANT, "{}"), 0);
    assert_int_equal(commit(f, STORE_TENANT, WORLD_TENANT), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    start(&heard, STORE_ALL_TENANTS);
    int meanwhile = 0;
    while (!heard.done) {
        clock_fake_pass(&f->fake, STORE_HEADS_US * NS_PER_US); /* a head at once for each */
        assert_int_equal(put_entry(f, WORLD_TENANT, "{}"), 0);
        assert_int_equal(commit(f, STORE_TENANT, WORLD_TENANT), 0);
        meanwhile++;
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(heard.rc, 0);
    assert_true(meanwhile >= 1);
    ticks_of_sound(heard.path, 2);
    struct store *copy;
    struct store_loader nobody = { .user = NULL };
    struct store_marks marks;
    struct store_head head;
    assert_int_equal(store_open(&copy, &f->loop, heard.path, &f->clock, &f->log, &f->err), 0);
    store_sign(copy, &key, false);
    assert_int_equal(store_load(copy, &nobody, &marks, &f->err), 0);
    bool broken = store_ledger_broken(copy, WORLD_TENANT) != NULL;
    int rc = store_ledger_head(copy, WORLD_TENANT, &head);
    store_close(copy);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_false(broken);
    assert_int_equal(rc, 0);
    assert_true(head.head.n >= 3);
}

static void a_copy_restored_into_an_empty_folder_starts(void **state)
{
    struct heard heard;
    char command[600];
    (void)state;
    world_put(world, 1, 1, 1, 700, 60, NOW - PACK_HOUR_US, US_PER_S, 0);
    world_pack(world);
    back_up(&heard, STORE_ALL_TENANTS);
    assert_int_equal(heard.rc, 0);
    close_store(world->f);
    snprintf(command, sizeof command, "rm %s/*.db* && cp %s/*.db %s/", world->f->dir, heard.path, world->f->dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): paths of ours */
    reopen_store(world->f);
    assert_int_equal(world->f->loaded.hosts, 1);
    assert_int_equal(world->f->loaded.intervals, 1);
    world_check(world); /* every tick once, bit by bit */
    world_put(world, 1, 1, 701, 10, 1, NOW, US_PER_S, 0);
    world_check(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BACKUP_TEST(a_copy_holds_what_is_stored_and_nobody_else_may_read_it),
        BACKUP_TEST(one_tenants_copy_is_of_its_file_alone),
        BACKUP_TEST(commits_go_on_and_do_not_show_in_the_copy),
        BACKUP_TEST(one_is_made_at_a_time),
        BACKUP_TEST(a_full_disk_leaves_nothing_behind_and_the_store_alone),
        BACKUP_TEST(without_room_for_all_of_it_none_is_begun),
        BACKUP_TEST(a_folder_that_others_may_write_to_is_refused),
        BACKUP_TEST(a_link_in_the_folders_place_is_not_followed),
        BACKUP_TEST(a_folder_that_cannot_be_made_is_said),
        BACKUP_TEST(what_an_earlier_one_left_is_taken_away),
        BACKUP_TEST(closing_the_store_ends_it),
        BACKUP_TEST(the_heads_of_the_beginning_take_the_place_of_those_that_came_since),
        BACKUP_TEST(the_heads_in_a_copy_are_no_newer_than_the_ledgers_in_it),
        BACKUP_TEST(a_copy_restored_into_an_empty_folder_starts),
    };
    faulty_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
