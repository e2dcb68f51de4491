/* What is wrong with the disk is told to people, once, and ends by itself. */
#include "collector/collector_fixture.h"

#include <string.h>

#define CALM_S (STORE_CALM_US / US_PER_S)

/* Something to write for each file there is. */
static void write_to_all(struct fixture *f)
{
    for (uint64_t tenant = 1; tenant <= 2; tenant++) {
        struct alert alert = { .host = 1, .state = ALERT_FIRING };
        struct store *store = collector_store(f->collector);
        assert_int_equal(store_put_alert(store, tenant, &alert), 0);
        store_hurry(store, STORE_TENANT, tenant);
    }
}

static void run_until_in_fault(struct fixture *f, uint64_t tenant)
{
    RUN_UNTIL(f, store_fault(collector_store(f->collector), STORE_TENANT, tenant));
}

static void break_tenant(struct fixture *f, enum faulty how, const char *part)
{
    faulty_vfs_set(how, part);
    write_to_all(f);
    if (how == FAULTY_HANG)
        RUN_UNTIL(f, faulty_vfs_is_hanging());
    else
        run_until_failed(f);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    run_until_in_fault(f, 1);
    pass(f, 1);
}

/* The disk of the collector's own file has to fail for a while as well before a page goes out without it. */
static void run_until_paged(struct fixture *f, unsigned times)
{
    while (receiver_requests(f->receiver) < times) {
        clock_fake_pass(&f->fake, NS_PER_S);
        step(f);
    }
}

static void mend(struct fixture *f)
{
    heal_disk();
    run_until_recovered(f);
    RUN_UNTIL(f, !store_fault(collector_store(f->collector), STORE_TENANT, TENANT_RESERVED));
}

/* Also of what a checkpoint met, which another one has to take back: they come each second of the loop's own. */
static void pass_until_well(struct fixture *f)
{
    pass(f, CALM_S);
    RUN_UNTIL(f, store_trouble(collector_store(f->collector), STORE_TENANT, f->tenant) == STORE_WELL);
    RUN_UNTIL(f, store_trouble(collector_store(f->collector), STORE_TENANT, TENANT_RESERVED) == STORE_WELL);
    pass(f, 1);
}

static void a_full_disk_pages_and_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    break_tenant(f, FAULTY_FULL, TENANT_FILE);
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    assert_true(page_says(f, "The store of tenant acme cannot be written: disk full; make room"));
    assert_true(page_says(f, "\"unrecorded\":\"false\"")); /* its own file is well */
    assert_true(page_says(f, "\"tenant\":\"warroom\""));
    assert_true(was_logged(f, "event=disk_trouble group=disk-full"));
    assert_non_null(collector_next_trouble(f->collector, NULL));
    pass(f, 300);
    assert_int_equal(receiver_requests(f->receiver), 1); /* once is enough */

    mend(f);
    pass(f, CALM_S - 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    pass_until_well(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "recovery");
    assert_null(collector_next_trouble(f->collector, NULL));
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"status\":\"resolved\""));
    assert_true(was_logged(f, "event=disk_trouble_over"));
}

static void the_title_says_what_is_wrong_and_what_to_do(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum faulty how;
        const char *says;
    } rows[] = {
        { FAULTY_READ_ONLY, "cannot be written: disk read-only; mount it for writing" },
        { FAULTY_SYNC, "cannot be written: disk errors; see the kernel's log" },
        { FAULTY_CORRUPT, "cannot be written: file damaged; restore it from a backup" },
        { FAULTY_HANG, "cannot be written: the disk does not answer; see the kernel's log" },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        break_tenant(f, rows[i].how, TENANT_FILE);
        RUN_UNTIL(f, receiver_requests(f->receiver) == 2 * i + 1);
        assert_true(page_says(f, rows[i].says));
        mend(f);
        pass_until_well(f);
        assert_int_equal(pages_out(f), 2 * i + 2);
    }
}

static void when_its_own_file_lies_on_the_same_disk_the_page_goes_out_unrecorded(void **state)
{
    struct fixture *f = *state;
    break_tenant(f, FAULTY_FULL, "tenant-");
    assert_int_equal(receiver_requests(f->receiver), 0); /* the disk still has time to take the record */
    run_until_paged(f, 1);
    assert_true(page_says(f, "\"unrecorded\":\"true\""));
    mend(f);
    pass_until_well(f);
    assert_int_equal(pages_out(f), 2);
    restart_collector(f); /* on record after all */
    pass(f, CALM_S);
    assert_int_equal(pages_out(f), 2);
}

static void one_disk_is_one_incident_however_many_files_lie_on_it(void **state)
{
    struct fixture *f = *state;
    add_tenant(f, "globex");
    faulty_vfs_set(FAULTY_FULL, "tenant-");
    write_to_all(f);
    run_until_failed(f);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    run_until_in_fault(f, 1);
    run_until_in_fault(f, 2);
    pass(f, 1);
    run_until_paged(f, 1);
    assert_true(page_says(f, "The store of tenant acme (and 1 more) cannot be written: disk full"));
    pass(f, 60);
    assert_int_equal(receiver_requests(f->receiver), 1);
    mend(f);
}

static void a_trouble_that_outlives_the_collector_is_known_again(void **state)
{
    struct fixture *f = *state;
    break_tenant(f, FAULTY_FULL, TENANT_FILE);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    commit(f, TENANT_RESERVED);
    RUN_UNTIL(f, status_of(f).pages_queued == 0);
    restart_collector(f); /* what waited for the disk is lost, and on the log */
    pass(f, 10);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    break_tenant(f, FAULTY_FULL, TENANT_FILE); /* it took a while to show again */
    pass(f, 60);
    assert_int_equal(receiver_requests(f->receiver), 1);
    mend(f);
    pass_until_well(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_int_equal(pages_out(f), 2);
}

static void a_trouble_that_ended_with_the_collector_is_over_soon_after_the_start(void **state)
{
    struct fixture *f = *state;
    break_tenant(f, FAULTY_FULL, TENANT_FILE);
    commit(f, TENANT_RESERVED);
    RUN_UNTIL(f, status_of(f).pages_queued == 0);
    close_collector(f);
    heal_disk();
    open_collector(f);
    pass(f, CALM_S);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

/* A flush that takes its time, as the store sees it. */
static void write_slowly(struct fixture *f)
{
    uint64_t slow = status_of(f).store.slow;
    faulty_vfs_set(FAULTY_HANG, TENANT_FILE);
    write_to_all(f);
    while (status_of(f).store.slow == slow) {
        clock_fake_pass(&f->fake, NS_PER_S / 4);
        step(f);
    }
    heal_disk();
    commit(f, f->tenant);
}

static void a_slow_disk_is_a_warning_when_it_stays_slow(void **state)
{
    struct fixture *f = *state;
    write_slowly(f);
    pass(f, 10);
    assert_int_equal(pages_out(f), 0); /* once is life */
    write_slowly(f);
    pass(f, 1);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "The disk is slow: writes take over 1 s"));
    assert_true(page_says(f, "\"severity\":\"warning\""));
    pass(f, CALM_S);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_full_disk_pages_and_ends_by_itself),
        COLLECTOR_TEST(the_title_says_what_is_wrong_and_what_to_do),
        COLLECTOR_TEST(when_its_own_file_lies_on_the_same_disk_the_page_goes_out_unrecorded),
        COLLECTOR_TEST(one_disk_is_one_incident_however_many_files_lie_on_it),
        COLLECTOR_TEST(a_trouble_that_outlives_the_collector_is_known_again),
        COLLECTOR_TEST(a_trouble_that_ended_with_the_collector_is_over_soon_after_the_start),
        COLLECTOR_TEST(a_slow_disk_is_a_warning_when_it_stays_slow),
    };
    return cmocka_run_group_tests_name("collector.core.trouble", tests, NULL, NULL);
}
