/* How much of a time is covered, and why the rest is not. */
#include "collector/store/read/past_fixture.h"

#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/faulty_vfs_fixture.h"

struct coverage_copy {
    bool done;
    int rc;
    int64_t to_us, covered_us, longest_us;
    bool minutes;
    size_t n, n_gaps;
    struct store_gap gaps[64];
};

static void on_coverage(void *user, const struct store_coverage *result, const struct err *err)
{
    struct coverage_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    if (!result)
        return;
    const struct store_host_coverage *host = &result->hosts[0];
    copy->to_us = result->to_us;
    copy->covered_us = host->covered_us;
    copy->longest_us = host->longest_us;
    copy->minutes = host->minutes;
    copy->n_gaps = host->n_gaps;
    copy->n = host->n < 64 ? host->n : 64;
    if (copy->n)
        memcpy(copy->gaps, host->gaps, copy->n * sizeof copy->gaps[0]);
}

static struct coverage_copy cover(struct fixture *f, int64_t from_us, int64_t to_us)
{
    static const uint64_t hosts[] = { HOST };
    struct store_coverage_query query = { .hosts = { .n = 1, .at = hosts, .rows = 100 },
                                          .from_us = from_us,
                                          .to_us = to_us };
    struct coverage_copy copy = { .done = false };
    assert_int_equal(store_coverage(f->store, &query, on_coverage, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static int by_time(const void *a, const void *b)
{
    int64_t left = ((const struct known *)a)->at_us;
    int64_t right = ((const struct known *)b)->at_us;
    return (left > right) - (left < right);
}

/* In a day of ticks each second everything but its holes is covered, wherever the ticks lie. */
static void coverage_finds_each_hole_of_a_day(void **state)
{
    struct fixture *f = *state;
    make_past(f, 7);
    qsort(past.at, past.n, sizeof past.at[0], by_time);
    for (int day = DAYS - 7; day < DAYS - 1; day++) {
        int64_t from_us = TODAY_US - (DAYS - 1 - day) * DAY_US;
        int64_t covered_us = 0;
        size_t holes = 1; /* behind the last tick */
        int64_t before_us = 0;
        for (size_t i = 0; i < past.n; i++) {
            if (past.at[i].at_us < from_us || past.at[i].at_us >= from_us + DAY_US)
                continue;
            covered_us += US_PER_S;
            holes += past.at[i].at_us != before_us + US_PER_S;
            before_us = past.at[i].at_us;
        }
        struct coverage_copy got = cover(f, from_us, from_us + DAY_US);
        assert_int_equal(got.covered_us, covered_us);
        assert_false(got.minutes);
        assert_int_equal(got.n_gaps, holes);
        assert_string_equal(got.gaps[0].cause, "agent-down");
        assert_string_equal(got.gaps[got.n - 1].cause, "agent-down");
        assert_int_equal(got.gaps[got.n - 1].to_us, from_us + DAY_US);
        for (size_t i = 1; i + 1 < got.n; i++)
            assert_string_equal(got.gaps[i].cause, "link-down");
    }
}

static void where_samples_are_gone_coverage_is_told_by_the_minute(void **state)
{
    struct fixture *f = *state;
    make_past(f, 8);
    int64_t from_us = TODAY_US - (DAYS - 1) * DAY_US; /* the first day of all */
    struct coverage_copy got = cover(f, from_us - DAY_US, from_us + DAY_US);
    int64_t first_us = INT64_MAX;
    bool seen[1440] = { false };
    int64_t minutes = 0;
    for (size_t i = 0; i < past.n; i++) {
        if (past.at[i].at_us >= from_us + DAY_US)
            continue;
        first_us = past.at[i].at_us < first_us ? past.at[i].at_us : first_us;
        bool *minute = &seen[(past.at[i].at_us - from_us) / MINUTE_US];
        minutes += !*minute;
        *minute = true;
    }
    assert_true(got.minutes);
    assert_string_equal(got.gaps[0].cause, "before-first");
    assert_int_equal(got.gaps[0].from_us, from_us - DAY_US);
    assert_true(got.gaps[0].to_us <= first_us && got.gaps[0].to_us > first_us - MINUTE_US);
    assert_true(got.covered_us <= minutes * MINUTE_US && got.covered_us > (minutes - 30) * MINUTE_US);
    assert_string_equal(got.gaps[got.n - 1].cause, "agent-down");
}

static void what_was_never_heard_of_is_not_covered_and_the_future_is_not_judged(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 9, 1, 1, 10), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct coverage_copy got = cover(f, NOW_US - DAY_US, NOW_US + DAY_US);
    assert_int_equal(got.to_us, NOW_US);
    assert_int_equal(got.covered_us, 0);
    assert_int_equal(got.n, 1);
    assert_string_equal(got.gaps[0].cause, "before-first");
}

static void what_an_agent_gave_up_is_told_with_its_cause(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, HOST, 1, 1, 60), 0);
    assert_int_equal(put_batch(f, 0, HOST, 1, 101, 60), 0);
    struct store_dropped dropped = { .host = HOST, .dropped = { run_of(1), 61, 80, DROP_OVERFLOW } };
    assert_int_equal(store_put_dropped(f->store, 0, &dropped), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    clock_fake_pass(&f->fake, 3600 * NS_PER_S);
    struct coverage_copy got = cover(f, ANCHOR_US + US_PER_S, ANCHOR_US + 161 * US_PER_S);
    assert_int_equal(got.n, 2);
    assert_string_equal(got.gaps[0].cause, "overflow");
    assert_int_equal(got.gaps[0].to_us - got.gaps[0].from_us, 20 * US_PER_S);
    assert_string_equal(got.gaps[1].cause, "link-down");
    assert_int_equal(got.longest_us, 20 * US_PER_S);
    assert_int_equal(got.covered_us, 120 * US_PER_S);
}

struct two_hosts {
    bool done;
    int rc;
    size_t n;
    bool too_much[2];
    int64_t covered_us[2];
};

static void on_two_hosts(void *user, const struct store_coverage *result, const struct err *err)
{
    struct two_hosts *two = user;
    two->done = true;
    two->rc = err ? err->code : 0;
    for (size_t i = 0; result && i < result->n && i < 2; i++) {
        two->n++;
        two->too_much[i] = result->hosts[i].too_much;
        two->covered_us[i] = result->hosts[i].covered_us;
    }
}

static void a_host_of_which_too_much_is_known_does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { HOST, HOST + 1 };
    struct store_coverage_query query = { .hosts = { .n = 2, .at = hosts, .rows = 100 },
                                          .from_us = ANCHOR_US + US_PER_S,
                                          .to_us = ANCHOR_US + 61 * US_PER_S };
    struct two_hosts two = { .done = false };
    assert_int_equal(put_batch(f, 0, HOST, 1, 1, 60), 0);
    assert_int_equal(put_batch(f, 0, HOST + 1, 2, 1, 60), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    clock_fake_pass(&f->fake, 3600 * NS_PER_S);
    {
        AUTO(db_auto_close) sqlite3 *db = NULL;
        assert_int_equal(db_open(&db, path_in(f, "tenant-0.db"), DB_WRITE, &f->err), 0);
        assert_int_equal(db_exec(db,
                                 "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500000)"
                                 " INSERT INTO clock_step (run, at_us, step_us) SELECT run.id, n, 1 FROM n, run"
                                 " WHERE host = 5",
                                 &f->err),
                         0);
    }
    assert_int_equal(store_coverage(f->store, &query, on_two_hosts, &two, &f->err), 0);
    run_until(f, &two.done);
    assert_int_equal(two.rc, 0);
    assert_int_equal(two.n, 2);
    assert_true(two.too_much[0] && !two.too_much[1]);
    assert_int_equal(two.covered_us[0], 0);
    assert_int_equal(two.covered_us[1], 60 * US_PER_S);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(coverage_finds_each_hole_of_a_day),
        STORE_TEST(where_samples_are_gone_coverage_is_told_by_the_minute),
        STORE_TEST(what_was_never_heard_of_is_not_covered_and_the_future_is_not_judged),
        STORE_TEST(what_an_agent_gave_up_is_told_with_its_cause),
        STORE_TEST(a_host_of_which_too_much_is_known_does_not_hide_the_others),
    };
    return cmocka_run_group_tests_name("collector.store.read.covered", tests, NULL, NULL);
}
