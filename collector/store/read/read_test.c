/* Series over every stage a tick goes through, held against the ticks themselves. */
#include "collector/store/read/past_fixture.h"

#include <math.h>

#include "collector/store/faulty_vfs_fixture.h"

/* ---- series ---- */

/* Where something may go wrong. */
static int64_t near_a_tick(void)
{
    return past.at[any((uint32_t)past.n)].at_us + any(3000000) - 1500000;
}

static void check_point(const struct store_point *point, const struct store_quantiles *spread, int64_t from_us,
                        int64_t to_us)
{
    static double values[KNOWN_MAX];
    size_t n = values_within(from_us, to_us, values);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    assert_int_equal(point->count, n);
    assert_true(point->min == values[0] && point->max == values[n - 1]);
    assert_near(point->mean, sum / (double)n, 1e-12);
    if (spread) {
        assert_near(spread->p95, nearest_rank(values, n, 0.95), 0.0101);
        assert_near(spread->p99, nearest_rank(values, n, 0.99), 0.0101);
    }
}

/* Every step that has ticks is a point, and no other is. */
static void check_steps(struct fixture *f, int64_t from_us, int64_t to_us, int64_t step_us, bool quantiles)
{
    struct store_query query = { .host = HOST,
                                 .from_us = from_us,
                                 .to_us = to_us,
                                 .step_us = step_us,
                                 .quantiles = quantiles,
                                 .metric = "cpu",
                                 .instance = "*" };
    const struct series_copy *got = ask(f, &query);
    assert_int_equal(got->quantiles, quantiles && got->n > 0);
    size_t seen = 0;
    for (size_t i = 0; i < got->n; i++) {
        int64_t begin_us = got->points[i].at_us;
        assert_true(begin_us % step_us == 0 && (i == 0 || begin_us > got->points[i - 1].at_us));
        int64_t end_us = begin_us + step_us < to_us ? begin_us + step_us : to_us;
        check_point(&got->points[i], quantiles ? &got->spread[i] : NULL, begin_us > from_us ? begin_us : from_us,
                    end_us);
        seen += got->points[i].count;
    }
    static double values[KNOWN_MAX];
    assert_int_equal(seen, values_within(from_us, to_us, values));
}

static void each_tick_is_counted_once_wherever_it_lies(void **state)
{
    struct fixture *f = *state;
    static const int64_t steps_s[] = { 60, 300, 3600, 86400, 7 * 86400 };
    make_past(f, 1);
    for (int i = 0; i < 60; i++) {
        int64_t step_us = steps_s[any(5)] * US_PER_S;
        int64_t from_us = near_a_tick() / MINUTE_US * MINUTE_US;
        int64_t to_us = from_us + (1 + (int64_t)any(DAYS * 1440)) * MINUTE_US;
        if ((to_us - from_us) / step_us < POINTS_KEPT - 2)
            check_steps(f, from_us, to_us, step_us, false);
    }
}

/* Each id to the second as far from its day's end as it was from the day's start. */
static void turn_ids_round(struct fixture *f)
{
    static const char *const tables[] = { "block", "minute", "sketch" };
    struct stages stages;
    close_store(f);
    stages_open(&stages, f);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        stages_sql(&stages,
                   "UPDATE %s SET id = -((id >> 39 << 39) + (id & 63) + (((first_us / 86400000000 + 1) * 86400 - 1"
                   " - first_us / 1000000 %% 86400) << 6)); UPDATE %s SET id = -id",
                   tables[i], tables[i]);
    stages_close(&stages);
    open_store(f);
}

static void rows_whose_second_was_full_are_found_anywhere_in_their_day(void **state)
{
    struct fixture *f = *state;
    make_past(f, 1);
    turn_ids_round(f);
    for (int i = 0; i < 60; i++) {
        int64_t from_us = near_a_tick() / MINUTE_US * MINUTE_US;
        check_steps(f, from_us, from_us + (1 + (int64_t)any(200)) * MINUTE_US, MINUTE_US, false);
    }
}

static void samples_that_are_there_are_cut_to_the_microsecond(void **state)
{
    struct fixture *f = *state;
    make_past(f, 2);
    for (int i = 0; i < 120; i++) {
        int64_t from_us = near_a_tick();
        if (from_us < RAW_US + 20 * MINUTE_US)
            continue;
        int64_t to_us = near_a_tick();
        if (to_us <= from_us)
            to_us = from_us + 1 + (int64_t)any(2 * 86400) * US_PER_S + any(1000000);
        int64_t step_us = (1 + (int64_t)any(600)) * US_PER_S;
        if ((to_us - from_us) / step_us < POINTS_KEPT - 2)
            check_steps(f, from_us, to_us, step_us, i % 2);
        check_steps(f, from_us, to_us, 6 * 3600 * US_PER_S,
                    i % 2); /* wide ones come from minutes but for their edges */
    }
}

static void more_points_than_asked_for_become_steps_of_whole_minutes_in_a_wide_range(void **state)
{
    struct fixture *f = *state;
    make_past(f, 3);
    struct store_query query = { .host = HOST,
                                 .from_us = TODAY_US - DAYS * DAY_US,
                                 .to_us = NOW_US,
                                 .points = 100,
                                 .metric = "cpu",
                                 .instance = "" };
    const struct series_copy *got = ask(f, &query);
    assert_true(got->result.minutes);
    assert_int_equal(got->result.step_us % MINUTE_US, 0);
    assert_true(got->n <= 100);
    for (size_t i = 0; i < got->n; i++) {
        int64_t begin_us = got->points[i].at_us;
        check_point(&got->points[i], NULL, begin_us, begin_us + got->result.step_us);
    }
}

/* Their quantiles are not known any more, nor made up. */
static void quantiles_of_steps_whose_samples_are_gone_are_none(void **state)
{
    struct fixture *f = *state;
    make_past(f, 4);
    struct store_query query = { .host = HOST,
                                 .from_us = TODAY_US - DAYS * DAY_US,
                                 .to_us = NOW_US,
                                 .step_us = 3600 * US_PER_S,
                                 .quantiles = true,
                                 .metric = "cpu",
                                 .instance = "" };
    const struct series_copy *got = ask(f, &query);
    size_t none = 0;
    for (size_t i = 0; i < got->n; i++) {
        bool gone = isnan(got->spread[i].p95);
        none += gone;
        check_point(&got->points[i], gone ? NULL : &got->spread[i], got->points[i].at_us,
                    got->points[i].at_us + query.step_us);
        assert_true(!gone || got->points[i].at_us < RAW_US + 3600 * US_PER_S);
    }
    assert_true(none > 0 && none < got->n);
}

/* ---- replay ---- */

struct replayed {
    size_t n;
    int64_t last_us;
    uint64_t sum;
};

static void on_replayed(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                        const int64_t *at_us_)
{
    struct replayed *replayed = user;
    assert_int_equal(host, HOST);
    assert_true(at_us_[0] >= replayed->last_us); /* oldest first */
    replayed->last_us = at_us_[0];
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        replayed->n++;
        replayed->sum += (uint64_t)batch_value(batch, table, 0, i);
    }
}

static void ticks_in_blocks_are_replayed_with_those_in_the_inbox(void **state)
{
    struct fixture *f = *state;
    make_past(f, 9);
    for (int i = 0; i < 20; i++) {
        int64_t from_us = near_a_tick();
        size_t n = 0;
        uint64_t sum = 0;
        if (from_us < RAW_US)
            continue;
        for (size_t k = 0; k < past.n; k++) {
            bool in = past.at[k].at_us >= from_us;
            n += in;
            sum += in ? past.at[k].number : 0;
        }
        struct replayed got = { .n = 0 };
        assert_int_equal(store_replay(f->store, 0, from_us, on_replayed, &got, &f->err), 0);
        assert_int_equal(got.n, n);
        assert_int_equal(got.sum, sum);
    }
}

/* ---- damage ---- */

static void a_damaged_block_does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    make_past(f, 10);
    struct stages stages;
    close_store(f);
    stages_open(&stages, f);
    stages_sql(&stages, "UPDATE block SET bytes = substr(bytes, 1, length(bytes) - 9) || zeroblob(9)"
                        " WHERE id = (SELECT max(id) FROM block WHERE coarse = 0)");
    stages_sql(&stages, "UPDATE sketch SET bytes = x'ff' WHERE id = (SELECT max(id) FROM sketch)");
    stages_sql(&stages, "UPDATE minute SET series_table = 77 WHERE id = (SELECT max(id) FROM minute)");
    stages_close(&stages);
    open_store(f);
    static double values[KNOWN_MAX];
    struct store_query query = { .host = HOST,
                                 .from_us = RAW_US + DAY_US,
                                 .to_us = NOW_US,
                                 .points = 1,
                                 .quantiles = true,
                                 .metric = "cpu",
                                 .instance = "" };
    size_t n = values_within(query.from_us, query.to_us, values);
    const struct series_copy *got = ask(f, &query);
    assert_true(got->points[0].count < n && got->points[0].count > n / 2);
    assert_true(was_logged(f, "event=store_rows_unreadable tenant=0"));
    assert_true(spread(f, "cpu", TODAY_US - 3 * DAY_US, TODAY_US + DAY_US).rows[0].count > 0);
    query.quantiles = false;
    assert_true(ask(f, &query)->points[0].count > 0);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(each_tick_is_counted_once_wherever_it_lies),
        STORE_TEST(rows_whose_second_was_full_are_found_anywhere_in_their_day),
        STORE_TEST(samples_that_are_there_are_cut_to_the_microsecond),
        STORE_TEST(more_points_than_asked_for_become_steps_of_whole_minutes_in_a_wide_range),
        STORE_TEST(quantiles_of_steps_whose_samples_are_gone_are_none),
        STORE_TEST(ticks_in_blocks_are_replayed_with_those_in_the_inbox),
        STORE_TEST(a_damaged_block_does_not_hide_the_others),
    };
    return cmocka_run_group_tests_name("collector.store.read", tests, NULL, NULL);
}
