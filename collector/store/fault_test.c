/* Disks that fail. The clock stands still, so nothing is declared before a test lets five seconds pass; the retries
 * themselves come by the loop's own timer. */
#include "collector/store/db.h"
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/file.h"
#include "collector/store/read/export.h"
#include "collector/store/read/reader.h"
#include "collector/store/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void run_until_failed(struct fixture *f, uint64_t times)
{
    while (store_counts(f->store).failed < times)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void declare(struct fixture *f, uint64_t tenant)
{
    run_until_failed(f, store_counts(f->store).failed + 1);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    while (!store_fault(f->store, STORE_TENANT, tenant))
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void run_until_fault_ends(struct fixture *f, uint64_t tenant)
{
    while (store_fault(f->store, STORE_TENANT, tenant))
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void a_failed_group_is_tried_again_with_all_it_holds(void **state)
{
    struct fixture *f = *state;
    static const enum faulty faults[] = { FAULTY_FULL, FAULTY_WRITE, FAULTY_SYNC };
    add_tenants(f);
    for (int i = 0; i < 3; i++) {
        struct told first;
        struct told second;
        uint64_t failed = store_counts(f->store).failed;
        faulty_vfs_set(faults[i], "tenant-1");
        assert_int_equal(put_batch(f, 1, 5, 1, 1 + 2 * (uint64_t)i, 1), 0);
        expect(f, &first, STORE_TENANT, 1);
        run_until_failed(f, failed + 1);
        assert_int_equal(put_batch(f, 1, 5, 1, 2 + 2 * (uint64_t)i, 1), 0); /* gathers behind it */
        expect(f, &second, STORE_TENANT, 1);
        run_until_failed(f, failed + 2);
        assert_false(first.done || second.done);
        faulty_vfs_set(FAULTY_NOTHING, NULL);
        run_until(f, &second.done);
        assert_true(first.rc == 0 && second.rc == 0 && first.order < second.order);
    }
    assert_false(store_fault(f->store, STORE_TENANT, 1));
    assert_true(was_logged(f, "event=store_retry file=tenant-1.db"));
    assert_false(was_logged(f, "store_fault_declared"));
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 1);
    assert_int_equal(f->loaded.interval[0].last, 6);
}

static void a_declared_fault_drops_samples_and_keeps_the_rest(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told front;
    struct told behind;
    struct incident incident = incident_of(7, 1);
    faulty_vfs_set(FAULTY_FULL, "tenant-1");
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    expect(f, &front, STORE_TENANT, 1);
    run_until_failed(f, 1);
    incident.clock = 2;
    assert_int_equal(put_batch(f, 1, 5, 1, 11, 10), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    expect(f, &behind, STORE_TENANT, 1);
    declare(f, 1);
    assert_true(front.done && front.rc == -ENOSPC && behind.done && behind.rc == -ENOSPC);
    assert_true(front.order < behind.order);
    assert_true(was_logged(f, "event=store_fault_declared file=tenant-1.db dropped_ticks=20"));
    assert_int_equal(put_batch(f, 1, 5, 1, 21, 1), -EIO);

    struct page page = page_of(3, 7, 1);
    struct told during;
    assert_int_equal(store_put_page(f->store, &page), 0);
    expect(f, &during, STORE_TENANT, 1);
    run_until(f, &during.done); /* the page can go out, marked unrecorded */
    assert_int_equal(during.rc, -ENOSPC);
    assert_true(store_fault(f->store, STORE_TENANT, 1));

    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
    assert_true(was_logged(f, "event=store_fault_ended file=tenant-1.db seconds=5"));
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 4), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 1);
    assert_int_equal(f->loaded.interval[0].last, 4);
    assert_int_equal(f->loaded.incidents, 1);
    assert_int_equal(f->loaded.incident[0].clock, 2);
    assert_int_equal(f->loaded.pages, 1);
}

static void a_fault_without_anything_to_write_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    faulty_vfs_set(FAULTY_SYNC, "tenant-1");
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    declare(f, 1);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
}

static void a_faulty_file_holds_back_its_own_tenant_only(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    faulty_vfs_set(FAULTY_WRITE, "tenant-1");
    struct told stuck;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    expect(f, &stuck, STORE_TENANT, 1);
    run_until_failed(f, 1);
    assert_int_equal(put_batch(f, 2, 6, 1, 1, 10), 0);
    assert_int_equal(commit(f, STORE_TENANT, 2), 0);
    declare(f, 1);
    assert_int_equal(put_batch(f, 2, 6, 1, 11, 10), 0);
    assert_int_equal(commit(f, STORE_TENANT, 2), 0);
    assert_false(store_fault(f->store, STORE_TENANT, 2));
    assert_false(store_fault(f->store, STORE_REGISTRY, 0));
}

static void a_table_outlives_the_samples_it_came_with(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    static struct packed packed;
    faulty_vfs_set(FAULTY_WRITE, "tenant-1");
    pack(&packed, 1, 5, 1, 1, 10, ANCHOR_US);
    assert_int_equal(store_batch(f->store, &packed.row, NULL), 0);
    declare(f, 1);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
    packed.row.table_bytes.len = 0; /* whoever sent it was told once */
    assert_int_equal(store_batch(f->store, &packed.row, NULL), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(store_counts(f->store).samples, 30);
}

/* Until a flush hangs. The loop goes on by its own timers. */
static void run_until_writing(struct fixture *f)
{
    while (!faulty_vfs_is_hanging())
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* Nothing fails: time passes. */
static void declare_hanging(struct fixture *f, struct told *until)
{
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    run_until(f, &until->done);
    assert_true(store_fault(f->store, STORE_TENANT, 1));
}

static void a_disk_that_hangs_holds_back_no_page(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told front;
    struct told behind;
    struct told during;
    struct incident incident = incident_of(7, 1);
    struct page page = page_of(3, 7, 1);
    faulty_vfs_set(FAULTY_HANG, "tenant-1");
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    expect(f, &front, STORE_TENANT, 1);
    run_until_writing(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 11, 10), 0);
    assert_int_equal(store_put_page(f->store, &page), 0);
    expect(f, &behind, STORE_TENANT, 1);
    assert_false(front.done);
    declare_hanging(f, &behind);
    assert_true(front.done && front.rc == -ETIMEDOUT && behind.rc == -ETIMEDOUT && front.order < behind.order);
    assert_true(was_logged(f, "event=store_fault_declared file=tenant-1.db dropped_ticks=10"));
    assert_int_equal(put_batch(f, 1, 5, 1, 21, 1), -EIO); /* memory stays bounded */
    assert_int_equal(commit(f, STORE_TENANT, 2), 0);      /* and nobody else waits */
    page.attempts = 3;
    assert_int_equal(store_put_page(f->store, &page), 0);
    expect(f, &during, STORE_TENANT, 1);
    run_until(f, &during.done);
    assert_int_equal(during.rc, -ETIMEDOUT);

    struct told told[] = { front, behind, during };
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
    assert_true(was_logged(f, "event=store_fault_ended file=tenant-1.db seconds=5"));
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_true(told[0].order == front.order && told[1].order == behind.order && told[2].order == during.order);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0); /* it was never told as stored, and comes again */
    reopen_store(f);
    assert_int_equal(f->loaded.interval[0].last, 10); /* what hung has landed; what gathered behind was dropped */
    assert_int_equal(f->loaded.incidents, 1);
    assert_int_equal(f->loaded.page[0].attempts, 3);
    assert_int_equal(store_counts(f->store).failed, 0);
}

/* Stopped, or on a machine that slept: time passed, and the disk had none of it. */
static void a_collector_that_stood_still_does_not_blame_the_disk(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told told;
    faulty_vfs_set(FAULTY_HANG, "tenant-1");
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until_writing(f);
    for (int i = 0; i < 4; i++) {
        clock_fake_pass(&f->fake, 2 * STORE_FAULT_US * NS_PER_US);
        uv_run(&f->loop, UV_RUN_ONCE);
        assert_false(store_fault(f->store, STORE_TENANT, 1));
    }
    run_until(f, &told.done); /* now it had time to answer */
    assert_int_equal(told.rc, -ETIMEDOUT);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
}

static void what_follows_a_hang_is_written_though_what_gathered_was_dropped(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told front, after;
    struct packed behind;
    faulty_vfs_set(FAULTY_HANG, "tenant-1");
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    expect(f, &front, STORE_TENANT, 1);
    run_until_writing(f);
    pack(&behind, 1, 5, 1, 11, 10, ANCHOR_US);
    behind.row.table_bytes.len = 0; /* the file has it: the ticks are all that gathers */
    assert_int_equal(store_batch(f->store, &behind.row, NULL), 0);
    declare_hanging(f, &front);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
    assert_int_equal(put_batch(f, 1, 5, 1, 11, 10), 0);
    expect(f, &after, STORE_TENANT, 1); /* nobody hurries it */
    run_until(f, &after.done);
    assert_int_equal(after.rc, 0);
}

static void a_hanging_attempt_that_fails_at_last_drops_its_samples(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told told;
    struct incident incident = incident_of(7, 1);
    faulty_vfs_set(FAULTY_HANG, "tenant-1");
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until_writing(f);
    declare_hanging(f, &told);
    faulty_vfs_set(FAULTY_SYNC, "tenant-1");
    run_until_failed(f, 2);
    assert_true(store_fault(f->store, STORE_TENANT, 1));
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until_fault_ends(f, 1);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 0);
    assert_int_equal(f->loaded.incidents, 1);
}

static void closing_in_a_fault_says_what_is_lost(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told told;
    struct incident incident = incident_of(7, 1);
    faulty_vfs_set(FAULTY_WRITE, "tenant-1");
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until_failed(f, 1);
    close_store(f);
    assert_true(told.done && told.rc == -EIO);
    assert_true(was_logged(f, "event=store_lost file=tenant-1.db"));
}

static void on_told(void *user, int rc)
{
    *(int *)user = rc;
}

static void a_file_whose_disk_hangs_is_left_behind(void **state)
{
    struct fixture *f = *state;
    static struct file *file; /* so that it stays reachable: nobody frees it */
    static char dir[sizeof f->dir];
    memcpy(dir, f->dir, sizeof dir);
    struct store_counts counts = { 0 };
    struct took took = { 0 };
    struct file_home home = {
        .loop = &f->loop, .clock = &f->clock, .log = &f->log, .dir = dir, .counts = &counts, .took = &took
    };
    int front = 0;
    int behind = 0;
    assert_int_equal(file_open(&file, &home, STORE_TENANT, 9, NULL), 0);
    faulty_vfs_set(FAULTY_HANG, "tenant-9");
    assert_int_equal(group_put_mark(file_gathering(file), "beat_us", 1), 0);
    file_touched(file);
    assert_int_equal(file_then(file, on_told, &front), 0);
    run_until_writing(f);
    assert_int_equal(group_put_mark(file_gathering(file), "beat_us", 2), 0);
    assert_int_equal(file_then(file, on_told, &behind), 0);
    assert_false(file_close(file, 0));
    assert_true(front == -ETIMEDOUT && behind == -ETIMEDOUT);
    assert_true(was_logged(f, "event=store_lost file=tenant-9.db"));
    uv_run(&f->loop, UV_RUN_NOWAIT);
    faulty_vfs_set(FAULTY_NOTHING, NULL); /* its thread may go on to its end */
}

struct any_read {
    struct read read;
    int *answer;
};

static int answer_any(struct read *read, struct reading *reading, struct err *err)
{
    (void)read;
    int64_t n;
    return db_number(reading->db, "SELECT count(*) FROM batch", &n, err);
}

static void tell_any(struct read *read, const struct err *err)
{
    *((struct any_read *)read)->answer = err ? err->code : 1;
}

static void reads_that_hang_are_answered_when_the_reader_closes(void **state)
{
    struct fixture *f = *state;
    static struct reader *reader; /* so that it stays reachable: nobody frees it */
    int answers[2] = { 0, 0 };
    add_tenants(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(reader_open(&reader, &f->loop, &f->clock, &f->log, NULL), 0);
    faulty_vfs_set(FAULTY_HANG_READ, "tenant-1");
    for (int i = 0; i < 2; i++) {
        struct any_read *any = calloc(1, sizeof *any);
        assert_non_null(any);
        *any = (struct any_read){ { .answer = answer_any, .tell = tell_any }, &answers[i] };
        assert_int_equal(reader_take(reader, path_in(f, "tenant-1.db"), 1, &any->read, NULL), 0);
    }
    while (!faulty_vfs_is_hanging())
        sched_yield();
    reader_close(reader, 0);
    assert_true(answers[0] == -ECANCELED && answers[1] == -ECANCELED);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

struct long_study {
    atomic_bool begun, closing, over;
    bool told_before;
    int rc;
};

static int study_long(void *user, const struct store_export_page *page, struct err *err)
{
    struct long_study *study = user;
    (void)page;
    (void)err;
    atomic_store(&study->begun, true);
    while (!atomic_load(&study->closing))
        sched_yield();
    for (int i = 0; i < 20000; i++) /* long enough for whoever does not wait for it */
        sched_yield();
    atomic_store(&study->over, true);
    return 0;
}

static void on_studied(void *user, const struct store_export_page *page, const struct err *err)
{
    struct long_study *study = user;
    (void)page;
    study->told_before = !atomic_load(&study->over);
    study->rc = err ? err->code : 1;
}

/* What is told so may go away: so nobody may study it any more by then. */
static void nobody_is_told_of_the_end_while_a_page_of_his_is_studied(void **state)
{
    struct fixture *f = *state;
    static struct reader *reader; /* so that it stays reachable: nobody frees it */
    static struct long_study study;
    add_tenants(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(reader_open(&reader, &f->loop, &f->clock, &f->log, NULL), 0);
    struct store_export query = { 1, 5, "*", "*", 0, ANCHOR_US + 86400 * US_PER_S, 0, study_long };
    assert_int_equal(export_page(reader, path_in(f, "tenant-1.db"), &query, on_studied, &study, NULL), 0);
    while (!atomic_load(&study.begun))
        sched_yield();
    atomic_store(&study.closing, true);
    reader_close(reader, 0);
    assert_int_equal(study.rc, -ECANCELED);
    assert_false(study.told_before);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void on_incidents(void *user, const struct store_incidents *result, const struct err *err)
{
    *(int *)user = err ? err->code : (int)result->n;
}

static void closing_tries_once_more(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    struct told told;
    struct incident incident = incident_of(7, 1);
    faulty_vfs_set(FAULTY_WRITE, "tenant-1");
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    expect(f, &told, STORE_TENANT, 1);
    declare(f, 1);
    assert_int_equal(told.rc, -EIO);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    reopen_store(f);
    assert_int_equal(f->loaded.incidents, 1);
}

static void spoil(struct fixture *f, const char *file)
{
    int fd = open(path_in(f, file), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "this is no database, as everyone can see", 40), 40);
    close(fd);
}

static void a_file_that_cannot_be_read_is_left_out(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    assert_int_equal(put_batch(f, 2, 6, 1, 1, 10), 0);
    close_store(f);
    spoil(f, "tenant-1.db");
    open_store(f);
    assert_int_equal(load_store(f), 0);
    assert_int_equal(f->loaded.tenants, 2);
    assert_int_equal(f->loaded.intervals, 1);
    assert_int_equal(f->loaded.interval[0].host, 6);
    assert_true(was_logged(f, "event=store_fault_declared file=tenant-1.db"));
    assert_true(store_fault(f->store, STORE_TENANT, 1));
    assert_int_equal(put_batch(f, 1, 5, 1, 11, 1), -EIO);
    assert_int_equal(put_batch(f, 2, 6, 1, 11, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 2), 0);
    struct incident incident = incident_of(7, 1);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), -EBADMSG);

    int answer = 0;
    assert_int_equal(store_list_incidents(f->store, 1, 0, 10, on_incidents, &answer, &f->err), 0);
    while (answer == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(answer, -EBADMSG);
}

static void a_file_put_right_is_taken_back_with_what_waited_for_it(void **state)
{
    struct fixture *f = *state;
    add_tenants(f);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 10), 0);
    close_store(f);
    char good[128];
    snprintf(good, sizeof good, "%s", path_in(f, "good"));
    assert_int_equal(rename(path_in(f, "tenant-1.db"), good), 0);
    spoil(f, "tenant-1.db");
    open_store(f);
    assert_int_equal(load_store(f), 0);
    struct incident incident = incident_of(7, 1);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    run_until_failed(f, 1);
    assert_int_equal(rename(good, path_in(f, "tenant-1.db")), 0);
    run_until_fault_ends(f, 1);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 1);
    assert_int_equal(f->loaded.incidents, 1);
}

static void a_registry_that_cannot_be_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    spoil(f, "registry.db");
    assert_int_equal(store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "registry.db"));
    uv_run(&f->loop, UV_RUN_DEFAULT);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_failed_group_is_tried_again_with_all_it_holds),
        STORE_TEST(a_declared_fault_drops_samples_and_keeps_the_rest),
        STORE_TEST(a_fault_without_anything_to_write_ends_by_itself),
        STORE_TEST(a_faulty_file_holds_back_its_own_tenant_only),
        STORE_TEST(a_table_outlives_the_samples_it_came_with),
        STORE_TEST(a_disk_that_hangs_holds_back_no_page),
        STORE_TEST(a_collector_that_stood_still_does_not_blame_the_disk),
        STORE_TEST(what_follows_a_hang_is_written_though_what_gathered_was_dropped),
        STORE_TEST(a_hanging_attempt_that_fails_at_last_drops_its_samples),
        STORE_TEST(closing_in_a_fault_says_what_is_lost),
        STORE_TEST(a_file_whose_disk_hangs_is_left_behind),
        STORE_TEST(reads_that_hang_are_answered_when_the_reader_closes),
        STORE_TEST(nobody_is_told_of_the_end_while_a_page_of_his_is_studied),
        STORE_TEST(closing_tries_once_more),
        STORE_TEST(a_file_that_cannot_be_read_is_left_out),
        STORE_TEST(a_file_put_right_is_taken_back_with_what_waited_for_it),
        STORE_TEST(a_registry_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests_name("collector.store.fault", tests, NULL, NULL);
}
