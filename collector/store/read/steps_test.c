#include "collector/store/read/steps.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DAY_S = 86400, AT_ONCE = 512 };

static struct arena arena;
static struct steps *steps;
static struct steps_series *series;

static void begin(size_t points)
{
    const struct steps_form form = {
        .from_us = 0, .to_us = DAY_S * US_PER_S, .step_us = US_PER_S * DAY_S / (int64_t)points + 1, .points = points
    };
    steps = arena_alloc(&arena, 1, sizeof *steps);
    assert_non_null(steps);
    steps_init(steps, &arena, &form);
    assert_int_equal(steps_series(steps, "eth0", "By", &series), 0);
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

/* `n` samples from second `from_s` on, so far apart, each the number of its second. */
static void add(int64_t from_s, uint32_t n, int64_t apart_s)
{
    int64_t at_us[AT_ONCE];
    double values[AT_ONCE];
    for (uint32_t done = 0; done < n;) {
        uint32_t some = n - done < AT_ONCE ? n - done : AT_ONCE;
        for (uint32_t i = 0; i < some; i++) {
            int64_t at_s = from_s + (int64_t)(done + i) * apart_s;
            at_us[i] = at_s * US_PER_S;
            values[i] = (double)at_s;
        }
        assert_int_equal(steps_add(steps, series, some, at_us, values), 0);
        done += some;
    }
}

static struct store_series result_of_one(void)
{
    struct store_result result = { .n = 0 };
    assert_int_equal(steps_result(steps, &result), 0);
    assert_int_equal(result.n, 1);
    return result.series[0];
}

static void assert_sample(const struct store_point *point, int64_t at_s)
{
    assert_int_equal(point->at_us, at_s * US_PER_S);
    assert_int_equal(point->count, 1);
    assert_true(point->min == (double)at_s && point->mean == (double)at_s && point->max == (double)at_s);
}

static void a_day_of_samples_comes_back_as_it_is(void **state)
{
    (void)state;
    begin(STORE_POINTS_MAX);
    add(0, DAY_S, 1);
    struct store_series got = result_of_one();
    assert_int_equal(got.n, DAY_S);
    for (int64_t i = 0; i < DAY_S; i++)
        assert_sample(&got.points[i], i);
}

static void samples_that_come_closer_than_the_first_ones_are_all_there(void **state)
{
    (void)state;
    begin(STORE_POINTS_MAX);
    add(0, 600, 60);
    add(36000, DAY_S - 36000, 1);
    struct store_series got = result_of_one();
    assert_int_equal(got.n, 600 + DAY_S - 36000);
    assert_sample(&got.points[599], 599 * 60);
    for (int64_t i = 0; i < DAY_S - 36000; i++)
        assert_sample(&got.points[600 + i], 36000 + i);
}

static void samples_of_one_moment_are_all_there(void **state)
{
    (void)state;
    begin(STORE_POINTS_MAX);
    add(7, 5000, 0);
    struct store_series got = result_of_one();
    assert_int_equal(got.n, 5000);
    for (size_t i = 0; i < got.n; i++)
        assert_sample(&got.points[i], 7);
}

static void samples_that_come_in_any_order_are_told_by_time(void **state)
{
    (void)state;
    begin(STORE_POINTS_MAX);
    add(2000, 1000, 1);
    add(0, 2000, 1);
    add(3000, 1000, 1);
    struct store_series got = result_of_one();
    assert_int_equal(got.n, 4000);
    for (int64_t i = 0; i < 4000; i++)
        assert_sample(&got.points[i], i);
}

static void what_is_absent_takes_no_point(void **state)
{
    (void)state;
    begin(STORE_POINTS_MAX);
    const int64_t at_us[] = { 0, US_PER_S, 2 * US_PER_S };
    const double values[] = { NAN, 1, NAN };
    assert_int_equal(steps_add(steps, series, 3, at_us, values), 0);
    struct store_series got = result_of_one();
    assert_int_equal(got.n, 1);
    assert_sample(&got.points[0], 1);
}

static void what_stands_for_several_samples_is_told_by_its_mean(void **state)
{
    (void)state;
    begin(STORE_POINTS_MAX);
    const struct store_point minute = { .at_us = 0, .min = 1, .mean = 90, .max = 2, .count = 60 };
    assert_int_equal(steps_add_point(steps, series, &minute), 0);
    add(60, 10, 1);
    struct store_series got = result_of_one();
    assert_int_equal(got.n, 11);
    assert_true(got.points[0].mean == 1.5);
    assert_int_equal(got.points[0].count, 60);
    assert_sample(&got.points[10], 69);
}

static void as_many_samples_as_points_are_kept_and_one_more_makes_steps(void **state)
{
    (void)state;
    begin(1000);
    add(0, 1000, 1);
    assert_false(steps->even);
    assert_int_equal(series->n, 1000);
    add(1000, 1, 1);
    assert_true(steps->even);
    struct store_series got = result_of_one();
    uint32_t samples = 0;
    for (size_t i = 0; i < got.n; i++)
        samples += got.points[i].count;
    assert_int_equal(samples, 1001);
    assert_true(got.n < 1000);
    assert_true(got.points[0].min == 0 && got.points[got.n - 1].max == 1000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_day_of_samples_comes_back_as_it_is),
        TEST(samples_that_come_closer_than_the_first_ones_are_all_there),
        TEST(samples_of_one_moment_are_all_there),
        TEST(samples_that_come_in_any_order_are_told_by_time),
        TEST(what_is_absent_takes_no_point),
        TEST(what_stands_for_several_samples_is_told_by_its_mean),
        TEST(as_many_samples_as_points_are_kept_and_one_more_makes_steps),
    };
    return cmocka_run_group_tests_name("collector.store.read.steps", tests, NULL, NULL);
}
