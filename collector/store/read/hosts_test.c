/* What is asked of many hosts at once: quantiles, last values, the highest. */
#include "collector/store/read/past_fixture.h"

#include <stdio.h>
#include <string.h>

#include "collector/store/faulty_vfs_fixture.h"

/* ---- spread ---- */

static void check_spread(const struct store_spread_row *row, int64_t from_us, int64_t to_us)
{
    static double values[KNOWN_MAX];
    size_t n = values_within(from_us, to_us, values);
    assert_int_equal(row->count, n);
    assert_true(row->min == values[0] && row->max == values[n - 1]);
    assert_near(row->p50, nearest_rank(values, n, 0.5), 0.0101);
    assert_near(row->p90, nearest_rank(values, n, 0.9), 0.0101);
    assert_near(row->p95, nearest_rank(values, n, 0.95), 0.0101);
    assert_near(row->p99, nearest_rank(values, n, 0.99), 0.0101);
}

static void quantiles_of_whole_days_are_those_of_their_ticks(void **state)
{
    struct fixture *f = *state;
    make_past(f, 5);
    for (int i = 0; i < 40; i++) {
        int64_t from_us = TODAY_US - (int64_t)any(DAYS) * DAY_US;
        int64_t to_us = from_us + (1 + (int64_t)any(DAYS)) * DAY_US;
        struct spread_copy got = spread(f, "cpu", from_us, to_us);
        assert_int_equal(got.n_series, 1);
        assert_true(got.from_us == from_us && got.to_us == to_us);
        check_spread(&got.rows[0], from_us, to_us);
    }
    assert_int_equal(spread(f, "*", TODAY_US - DAY_US, NOW_US).n_series, 3);
}

static void a_part_of_a_day_is_read_from_its_samples_or_rounded_to_the_day_and_that_is_said(void **state)
{
    struct fixture *f = *state;
    make_past(f, 6);
    int64_t young_us = TODAY_US - 5 * DAY_US + 8000 * US_PER_S + 1;
    struct spread_copy got = spread(f, "cpu", young_us, NOW_US);
    assert_true(got.from_us == young_us && got.to_us == NOW_US);
    check_spread(&got.rows[0], young_us, NOW_US);
    int64_t old_us = TODAY_US - 10 * DAY_US + 9000 * US_PER_S;
    got = spread(f, "cpu", old_us, young_us);
    assert_true(got.from_us == TODAY_US - 10 * DAY_US && got.to_us == young_us);
    check_spread(&got.rows[0], got.from_us, got.to_us);
    got = spread(f, "cpu", old_us, old_us + 60 * US_PER_S);
    assert_int_equal(got.to_us - got.from_us, DAY_US);
}

/* ---- latest ---- */

struct latest_copy {
    bool done;
    int rc;
    size_t n;
    struct {
        uint64_t host;
        size_t n;
        int64_t at_us[8];
        double values[8];
        char metrics[8][32];
    } hosts[4];
};

static void on_latest(void *user, const struct store_latest *result, const struct err *err)
{
    struct latest_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    for (size_t i = 0; i < copy->n; i++) {
        copy->hosts[i].host = result->hosts[i].host;
        copy->hosts[i].n = result->hosts[i].n;
        for (size_t k = 0; k < result->hosts[i].n; k++) {
            const struct store_last *row = &result->hosts[i].series[k];
            copy->hosts[i].at_us[k] = row->at_us;
            copy->hosts[i].values[k] = row->value;
            snprintf(copy->hosts[i].metrics[k], sizeof copy->hosts[i].metrics[k], "%s/%s", row->metric, row->instance);
        }
    }
}

static struct latest_copy latest(struct fixture *f, const uint64_t *hosts, size_t n, const char *metric, size_t rows)
{
    struct store_latest_query query = { .hosts = { .n = n, .at = hosts, .rows = rows } };
    snprintf(query.filter.metric, sizeof query.filter.metric, "%s", metric);
    strcpy(query.filter.instance, "*");
    struct latest_copy copy = { .done = false };
    assert_int_equal(store_latest(f->store, &query, on_latest, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static void the_last_value_of_each_series_is_found_in_every_stage(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { 5, 6, 7, 8 };
    uint64_t numbers[CHUNK];
    for (uint64_t host = 5; host <= 7; host++)
        assert_int_equal(put_batch(f, 0, host, 1, 1, CHUNK), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    close_store(f);
    struct stages stages;
    stages_open(&stages, f);
    for (uint64_t i = 0; i < CHUNK; i++)
        numbers[i] = i + 1;
    struct staged ticks = {
        .host = 6, .run = 1, .n = CHUNK, .numbers = numbers, .anchor_us = ANCHOR_US, .apart_us = US_PER_S
    };
    stages_take(&stages, &ticks);
    stages_block(&stages, &ticks, 0);
    ticks.host = 7;
    stages_take(&stages, &ticks);
    stages_block(&stages, &ticks, 2);
    stages_close(&stages);
    open_store(f);
    struct latest_copy got = latest(f, hosts, 4, "*", 100);
    assert_int_equal(got.n, 4);
    assert_int_equal(got.hosts[3].n, 0); /* nobody has ever heard of it */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(got.hosts[i].host, 5 + i);
        assert_int_equal(got.hosts[i].n, 3);
        assert_string_equal(got.hosts[i].metrics[2], "disk.read/vdb");
        assert_true(got.hosts[i].values[0] == 60 && got.hosts[i].values[1] == 120 && got.hosts[i].values[2] == 7);
        assert_int_equal(got.hosts[i].at_us[2], ANCHOR_US + 60 * US_PER_S);
    }
    assert_int_equal(latest(f, hosts, 3, "disk.*", 100).hosts[0].n, 2);
    got = latest(f, hosts, 4, "*", 4); /* the second host makes it full */
    assert_int_equal(got.n, 2);
}

static void a_series_without_a_value_in_the_last_tick_has_its_last_one(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { 5 };
    for (uint64_t tick = 1; tick <= 11; tick++)
        assert_int_equal(put_batch(f, 0, 5, 1, tick, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct latest_copy got = latest(f, hosts, 1, "*", 100);
    assert_int_equal(got.hosts[0].n, 3);
    assert_int_equal(got.hosts[0].at_us[0], ANCHOR_US + 11 * US_PER_S);
    assert_int_equal(got.hosts[0].at_us[2], ANCHOR_US + 8 * US_PER_S);
}

/* ---- top ---- */

struct top_copy {
    bool done;
    int rc;
    size_t n;
    struct store_top_row rows[4];
};

static void on_top(void *user, const struct store_top *result, const struct err *err)
{
    struct top_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    for (size_t i = 0; i < copy->n; i++)
        copy->rows[i] = result->rows[i];
}

static struct top_copy top(struct fixture *f, const char *metric, enum store_top_by by, size_t most)
{
    static const uint64_t hosts[] = { 4, 5, 6, 7 };
    struct store_top_query query = {
        .hosts = { .n = 4, .at = hosts, .rows = 1 }, .from_us = NOW_US, .to_us = NOW_US + DAY_US, .by = by, .most = most
    };
    snprintf(query.filter.metric, sizeof query.filter.metric, "%s", metric);
    strcpy(query.filter.instance, "*");
    struct top_copy copy = { .done = false };
    assert_int_equal(store_top(f->store, &query, on_top, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_int_equal(copy.rc, 0);
    return copy;
}

static void the_highest_hosts_come_first(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 101, 100), 0); /* 101..200 */
    assert_int_equal(put_batch(f, 0, 6, 1, 1, 250), 0);   /* 1..250: its mean is lower, its highest higher */
    assert_int_equal(put_batch(f, 0, 7, 1, 1, 50), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct top_copy got = top(f, "cpu", STORE_TOP_MEAN, 4);
    assert_int_equal(got.n, 3); /* the fourth has no samples */
    assert_true(got.rows[0].host == 5 && got.rows[0].value == 150.5);
    assert_true(got.rows[1].host == 6 && got.rows[1].value == 125.5);
    got = top(f, "cpu", STORE_TOP_MAX_VALUE, 2);
    assert_int_equal(got.n, 2);
    assert_true(got.rows[0].host == 6 && got.rows[0].value == 250 && got.rows[1].value == 200);
    got = top(f, "cpu", STORE_TOP_P95, 1);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.rows[0].host, 6);
    assert_near(got.rows[0].value, 238, 0.0101);
    got = top(f, "disk.read", STORE_TOP_MAX_VALUE, 1);
    assert_string_equal(got.rows[0].instance, "vda"); /* of its series the highest */
    assert_true(got.rows[0].value == 500);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(quantiles_of_whole_days_are_those_of_their_ticks),
        STORE_TEST(the_last_value_of_each_series_is_found_in_every_stage),
        STORE_TEST(a_series_without_a_value_in_the_last_tick_has_its_last_one),
        STORE_TEST(the_highest_hosts_come_first),
        STORE_TEST(a_part_of_a_day_is_read_from_its_samples_or_rounded_to_the_day_and_that_is_said),
    };
    return cmocka_run_group_tests_name("collector.store.read.hosts", tests, NULL, NULL);
}
