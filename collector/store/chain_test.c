/* The ledger as a file keeps it: one chain, whatever happens to the writes. */
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static void run_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path_in(f, "tenant-1.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

static void entries_are_chained_in_the_order_they_were_put_over_restarts_too(void **state)
{
    struct fixture *f = *state;
    struct ledger ledger;
    add_tenants(f);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(put_entry(f, 1, "{\"x\":1}"), 0);
        assert_int_equal(put_entry(f, 1, "{\"x\":2}"), 0);
        assert_int_equal(commit(f, STORE_TENANT, 1), 0);
        assert_int_equal(put_entry(f, 1, "{\"x\":3}"), 0);
        reopen_store(f);
    }
    read_ledger(f, 1, &ledger);
    assert_int_equal(ledger.n, 9);
    assert_string_equal(ledger.last_body, "{\"x\":3}");
}

static void each_tenant_has_a_chain_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct ledger ledger;
    add_tenants(f);
    assert_int_equal(put_entry(f, 1, "{\"x\":1}"), 0);
    assert_int_equal(put_entry(f, 2, "{\"x\":2}"), 0);
    assert_int_equal(put_entry(f, 2, "{\"x\":3}"), 0);
    reopen_store(f);
    read_ledger(f, 1, &ledger);
    assert_int_equal(ledger.n, 1);
    read_ledger(f, 2, &ledger);
    assert_int_equal(ledger.n, 2);
    read_ledger(f, 0, &ledger); /* the collector's own has no file yet */
    assert_int_equal(ledger.n, 0);
}

static void what_no_entry_can_have_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_entry(f, 1, "no object"), -EINVAL);
    assert_int_equal(put_entry(f, (uint64_t)INT64_MAX + 1, "{}"), -EINVAL);
}

static void run_until_failed(struct fixture *f, uint64_t times)
{
    while (store_counts(f->store).failed < times)
        uv_run(&f->loop, UV_RUN_ONCE);
}

/* A failed flush may leave the group whole in the WAL, where the next connection takes it for committed: the retry must
 * not append it again. */
static void a_group_that_is_written_again_appends_nothing_twice(void **state)
{
    struct fixture *f = *state;
    static const enum faulty faults[] = { FAULTY_FULL, FAULTY_WRITE, FAULTY_SYNC };
    struct ledger ledger;
    add_tenants(f);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct told told;
        uint64_t failed = store_counts(f->store).failed;
        assert_int_equal(put_entry(f, 1, "{\"x\":1}"), 0);
        assert_int_equal(commit(f, STORE_TENANT, 1), 0);
        faulty_vfs_set(faults[i], "tenant-1");
        assert_int_equal(put_entry(f, 1, "{\"x\":2}"), 0);
        expect(f, &told, STORE_TENANT, 1);
        run_until_failed(f, failed + 2);
        assert_int_equal(put_entry(f, 1, "{\"x\":3}"), 0);
        faulty_vfs_set(FAULTY_NOTHING, NULL);
        run_until(f, &told.done);
        assert_int_equal(commit(f, STORE_TENANT, 1), 0);
        read_ledger(f, 1, &ledger);
        assert_int_equal(ledger.n, 3 * (i + 1));
        assert_string_equal(ledger.last_body, "{\"x\":3}");
    }
}

static void in_a_declared_fault_entries_wait_in_their_order(void **state)
{
    struct fixture *f = *state;
    struct ledger ledger;
    add_tenants(f);
    assert_int_equal(put_entry(f, 1, "{\"x\":0}"), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    faulty_vfs_set(FAULTY_SYNC, "tenant-1");
    assert_int_equal(put_entry(f, 1, "{\"x\":1}"), 0);
    run_until_failed(f, 1);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    while (!store_fault(f->store, STORE_TENANT, 1))
        uv_run(&f->loop, UV_RUN_ONCE);
    for (int i = 2; i < 40; i++) {
        char body[24];
        snprintf(body, sizeof body, "{\"x\":%d}", i);
        assert_int_equal(put_entry(f, 1, body), 0);
        if (i % 10 == 0)
            run_until_failed(f, store_counts(f->store).failed + 1); /* what gathered joins the front */
    }
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    while (store_fault(f->store, STORE_TENANT, 1))
        uv_run(&f->loop, UV_RUN_ONCE);
    reopen_store(f);
    read_ledger(f, 1, &ledger);
    assert_int_equal(ledger.n, 40);
    assert_string_equal(ledger.last_body, "{\"x\":39}");
}

/* ---- reads ---- */

struct found {
    bool done, failed, more;
    size_t n;
    uint64_t at[8];
    struct ledger_entry last;
};

static void on_found(void *user, const struct store_ledger *result, const struct err *err)
{
    struct found *found = user;
    found->done = true;
    found->failed = err != NULL;
    if (err)
        return;
    found->more = result->more;
    for (found->n = 0; found->n < result->n; found->n++)
        found->at[found->n % 8] = result->at[found->n].entry.n;
}

static void find(struct fixture *f, struct store_ledger_query query, struct found *found)
{
    *found = (struct found){ 0 };
    assert_int_equal(store_ledger(f->store, &query, on_found, found, &f->err), 0);
    run_until(f, &found->done);
}

static void add_mixed(struct fixture *f)
{
    static const struct {
        const char *kind;
        uint64_t event;
    } kinds[] = { { "event", 7 }, { "round", 7 }, { "round", 8 }, { "page", 0 }, { "round", 7 } };
    add_tenants(f);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct ledger_entry entry = {
            .tenant = 1, .at_us = 1, .kind = kinds[i].kind, .event = kinds[i].event, .actor = "clock", .body = "{}"
        };
        assert_int_equal(store_put_ledger(f->store, &entry), 0);
    }
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
}

static void entries_are_found_by_event_and_kind_in_either_order(void **state)
{
    struct fixture *f = *state;
    struct found found;
    add_mixed(f);
    find(f, (struct store_ledger_query){ .tenant = 1, .most = 10 }, &found);
    assert_int_equal(found.n, 5);
    assert_int_equal(found.at[0], 5);
    assert_int_equal(found.at[4], 1);
    find(f, (struct store_ledger_query){ .tenant = 1, .event = 7, .most = 10, .oldest_first = true }, &found);
    assert_int_equal(found.n, 3);
    assert_int_equal(found.at[0], 1);
    assert_int_equal(found.at[2], 5);
    find(f, (struct store_ledger_query){ .tenant = 1, .event = 7, .kind = "round", .most = 10 }, &found);
    assert_int_equal(found.n, 2);
    assert_int_equal(found.at[0], 5);
    assert_int_equal(found.at[1], 2);
    find(f, (struct store_ledger_query){ .tenant = 1, .kind = "page", .most = 10 }, &found);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.at[0], 4);
    find(f, (struct store_ledger_query){ .tenant = 1, .event = 7, .steps = true, .most = 10 }, &found);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.at[0], 1);
    assert_false(found.more);
}

static void a_page_says_whether_there_is_more_behind_it(void **state)
{
    struct fixture *f = *state;
    struct found found;
    add_mixed(f);
    find(f, (struct store_ledger_query){ .tenant = 1, .most = 4 }, &found);
    assert_int_equal(found.n, 4);
    assert_true(found.more);
    find(f, (struct store_ledger_query){ .tenant = 1, .most = 4, .behind = 2 }, &found);
    assert_int_equal(found.n, 1);
    assert_false(found.more);
    find(f, (struct store_ledger_query){ .tenant = 1, .most = 4, .behind = 1, .oldest_first = true }, &found);
    assert_int_equal(found.n, 4);
    assert_int_equal(found.at[0], 2);
    assert_false(found.more);
    struct store_ledger_query none = { .tenant = 1, .most = 0 };
    assert_int_equal(store_ledger(f->store, &none, on_found, &found, &f->err), -EINVAL);
}

static void a_page_is_bounded_in_bytes_but_holds_one_entry(void **state)
{
    static char body[LEDGER_BODY_MAX + 1];
    struct fixture *f = *state;
    struct found found;
    add_tenants(f);
    memset(body, ' ', LEDGER_BODY_MAX);
    body[0] = '{';
    body[LEDGER_BODY_MAX - 1] = '}';
    assert_int_equal(put_entry(f, 1, body), 0);
    assert_int_equal(put_entry(f, 1, body), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    find(f, (struct store_ledger_query){ .tenant = 1, .most = 10 }, &found);
    assert_int_equal(found.n, 1);
    assert_true(found.more);
}

static void a_row_that_is_no_entry_is_a_failure_said(void **state)
{
    struct fixture *f = *state;
    struct found found;
    add_mixed(f);
    close_store(f);
    run_sql(f, "UPDATE ledger SET bytes = x'01' WHERE n = 3");
    open_store(f);
    assert_int_equal(load_store(f), 0);
    find(f, (struct store_ledger_query){ .tenant = 1, .most = 10 }, &found);
    assert_true(found.failed);
}

/* ---- files of before ---- */

/* Its tables as the second version had them, with what lies in today's file. */
static void go_back_to_second_version(struct fixture *f)
{
    static const char *const same[] = { "run",      "series_table",   "interval", "batch",   "alert",
                                        "incident", "incident_alert", "page",     "mark",    "host",
                                        "block",    "minute",         "sketch",   "dropped", "clock_step" };
    char sql[4096];
    char now[160];
    snprintf(now, sizeof now, "%s", path_in(f, "now.db"));
    assert_int_equal(rename(path_in(f, "tenant-1.db"), now), 0);
    int len =
        snprintf(sql, sizeof sql,
                 "PRAGMA journal_mode=WAL; PRAGMA application_id=%d; PRAGMA user_version=2; ATTACH '%s' AS now;"
                 "CREATE TABLE event AS SELECT id, tenant, name, zone, hosts, state, start_us, end_us, created_us,"
                 " started_us, closed_us, changed_by FROM now.event",
                 0x57524d54, now);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        len += snprintf(sql + len, sizeof sql - (size_t)len, "; CREATE TABLE %s AS SELECT * FROM now.%s", same[i],
                        same[i]);
    run_sql(f, sql);
    run_sql(f, "ALTER TABLE alert DROP COLUMN unit; ALTER TABLE alert DROP COLUMN muted;"
               "ALTER TABLE incident_alert DROP COLUMN unit");
    run_sql(f, "ALTER TABLE incident DROP COLUMN silenced_us");
    run_sql(f, fixture_drop_ways);
}

static void a_file_of_before_there_was_a_ledger_gets_one_and_its_events_are_real(void **state)
{
    struct fixture *f = *state;
    struct event event = event_of(3, 1);
    event.end_us = event.start_us + 71 * 3600 * US_PER_S; /* three days, one of 23 h */
    struct ledger ledger;
    add_tenants(f);
    assert_int_equal(store_put_event(f->store, &event), 0);
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 4), 0);
    close_store(f);
    go_back_to_second_version(f);
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_false(store_fault(f->store, STORE_TENANT, 1));
    assert_int_equal(f->loaded.interval[0].last, 4);
    assert_int_equal(f->loaded.event[0].id, 3);
    assert_true(f->loaded.event[0].days == 3 && !f->loaded.event[0].drill && f->loaded.event[0].requested_us == 0);
    assert_int_equal(f->loaded.event[0].started_us, event.started_us);
    assert_int_equal(f->loaded.event[0].state, EVENT_LIVE);
    assert_true(f->loaded.event[0].patrol.from_us > event.started_us); /* no round was missed before there were any */
    read_ledger(f, 1, &ledger);
    assert_int_equal(ledger.n, 0);
    assert_int_equal(put_entry(f, 1, "{}"), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    read_ledger(f, 1, &ledger);
    assert_int_equal(ledger.n, 1);
}

static void pages_of_before_there_were_ways_go_by_the_channel_of_their_contacts_name(void **state)
{
    struct fixture *f = *state;
    struct incident incident = { .id = 4, .tenant = 1, .clock = 1, .crossed_us = 5, .detected_us = 7, .title = "x" };
    struct page page = { .id = 6, .tenant = 1, .incident = 4, .contact = "ops", .key = "4-trigger-1-5f-ops" };
    add_tenants(f);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(store_put_page(f->store, &page), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    close_store(f);
    run_sql(f, "ALTER TABLE event DROP COLUMN handovers; DROP TABLE rehearsal");
    run_sql(f, fixture_drop_ways);
    run_sql(f, "PRAGMA user_version = 3");
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(f->loaded.pages, 1);
    assert_string_equal(f->loaded.page[0].channel, "ops");
    assert_string_equal(f->loaded.page[0].key, page.key); /* the same page, whatever keys look like now */
    assert_true(f->loaded.page[0].class == PAGE_FIRST && f->loaded.page[0].turn == 0);
    assert_int_equal(f->loaded.incidents, 1);
    assert_true(f->loaded.incident[0].step == 1 && f->loaded.incident[0].steps_us == 7);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(entries_are_chained_in_the_order_they_were_put_over_restarts_too),
        STORE_TEST(each_tenant_has_a_chain_of_its_own),
        STORE_TEST(what_no_entry_can_have_is_refused),
        STORE_TEST(a_group_that_is_written_again_appends_nothing_twice),
        STORE_TEST(in_a_declared_fault_entries_wait_in_their_order),
        STORE_TEST(entries_are_found_by_event_and_kind_in_either_order),
        STORE_TEST(a_page_says_whether_there_is_more_behind_it),
        STORE_TEST(a_page_is_bounded_in_bytes_but_holds_one_entry),
        STORE_TEST(a_row_that_is_no_entry_is_a_failure_said),
        STORE_TEST(a_file_of_before_there_was_a_ledger_gets_one_and_its_events_are_real),
        STORE_TEST(pages_of_before_there_were_ways_go_by_the_channel_of_their_contacts_name),
    };
    return cmocka_run_group_tests_name("collector.store.chain", tests, NULL, NULL);
}
