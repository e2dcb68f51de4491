#include "collector/capacity/trend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "collector/capacity/robust.h"

enum { DAYS = 30 };

static void a_line_is_found_and_goes_on(void **state)
{
    (void)state;
    double at[DAYS], value[DAYS];
    for (int i = 0; i < DAYS; i++) {
        at[i] = i;
        value[i] = 0.4 + 0.01 * i;
    }
    struct trend trend;
    assert_true(trend_fit(at, value, DAYS, &trend));
    assert_float_equal(trend.slope, 0.01, 1e-9);
    assert_float_equal(trend_ahead(&trend, 50, 0.9).mid, 0.9, 1e-9);
    assert_float_equal(trend_reaches(&trend, 29, 0.8), 40, 1e-6);
    assert_float_equal(trend_reaches(&trend, 29, 0.5), 29, 1e-9);
    assert_true(trend_is_sure(&trend, 0.9));
}

static void a_few_wild_values_do_not_move_it(void **state)
{
    (void)state;
    double at[DAYS], value[DAYS];
    for (int i = 0; i < DAYS; i++) {
        at[i] = i;
        value[i] = i % 6 == 5 ? 100 : 1 + 0.1 * i;
    }
    struct trend trend;
    assert_true(trend_fit(at, value, DAYS, &trend));
    assert_float_equal(trend.slope, 0.1, 0.02);
}

static void what_falls_never_reaches_a_limit_above_it(void **state)
{
    (void)state;
    double at[] = { 0, 1, 2, 3, 4 }, value[] = { 5, 4, 3, 2, 1 };
    struct trend trend;
    assert_true(trend_fit(at, value, 5, &trend));
    assert_true(isinf(trend_reaches(&trend, 5, 6)));
}

static void gaps_are_passed_over_and_too_few_or_one_time_are_no_trend(void **state)
{
    (void)state;
    double at[] = { 0, 1, 2, 3, 4 }, value[] = { 1, NAN, 3, 4, 5 }, same[] = { 2, 2, 2, 2, 2 };
    struct trend trend = { .n = 77 };
    assert_false(trend_fit(at, value, 3, &trend));
    assert_false(trend_fit(same, value, 5, &trend));
    assert_int_equal(trend.n, 77);
    assert_true(trend_fit(at, value, 5, &trend));
    assert_int_equal(trend.n, 4);
    assert_float_equal(trend.slope, 1, 1e-9);
}

static void more_values_than_it_holds_are_put_together(void **state)
{
    (void)state;
    double at[1000], value[1000];
    for (int i = 0; i < 1000; i++) {
        at[i] = i;
        value[i] = 3 + 2 * i;
    }
    struct trend trend;
    assert_true(trend_fit(at, value, 1000, &trend));
    assert_float_equal(trend_ahead(&trend, 2000, 0.9).mid, 4003, 1e-6);
}

static double noise(uint64_t *seed) /* the sum of twelve, by the central limit near enough normal */
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *seed = *seed * 6364136223846793005U + 1442695040888963407U;
        sum += (double)(*seed >> 11) / 9007199254740992.0;
    }
    return sum;
}

static void nine_in_ten_of_the_values_to_come_lie_within_its_interval(void **state)
{
    (void)state;
    uint64_t seed = 7;
    int within = 0, tries = 500;
    for (int k = 0; k < tries; k++) {
        double at[DAYS], value[DAYS];
        for (int i = 0; i < DAYS; i++) {
            at[i] = i;
            value[i] = 10 + 0.3 * i + noise(&seed);
        }
        struct trend trend;
        assert_true(trend_fit(at, value, DAYS, &trend));
        struct trend_ahead ahead = trend_ahead(&trend, DAYS + 5, 0.9);
        double truth = 10 + 0.3 * (DAYS + 5) + noise(&seed);
        within += truth >= ahead.low && truth <= ahead.high;
    }
    assert_in_range(within, tries * 86 / 100, tries * 94 / 100);
}

static void quantiles_are_those_of_the_tables(void **state)
{
    (void)state;
    assert_float_equal(robust_normal_quantile(0.95), 1.644854, 1e-5);
    assert_float_equal(robust_normal_quantile(0.001), -3.090232, 1e-5);
    assert_float_equal(robust_t_quantile(0.95, 1), 6.313752, 1e-5);
    assert_float_equal(robust_t_quantile(0.95, 2), 2.919986, 1e-5);
    assert_float_equal(robust_t_quantile(0.95, 5), 2.015048, 1e-2);
    assert_float_equal(robust_t_quantile(0.95, 28), 1.701131, 1e-4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_and_goes_on),
        cmocka_unit_test(a_few_wild_values_do_not_move_it),
        cmocka_unit_test(what_falls_never_reaches_a_limit_above_it),
        cmocka_unit_test(gaps_are_passed_over_and_too_few_or_one_time_are_no_trend),
        cmocka_unit_test(more_values_than_it_holds_are_put_together),
        cmocka_unit_test(nine_in_ten_of_the_values_to_come_lie_within_its_interval),
        cmocka_unit_test(quantiles_are_those_of_the_tables),
    };
    return cmocka_run_group_tests_name("collector/capacity trend", tests, NULL, NULL);
}
