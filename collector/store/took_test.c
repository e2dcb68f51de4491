#include "collector/store/took.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void without_groups_all_is_zero(void **state)
{
    (void)state;
    struct took took = { 0 };
    struct store_commits commits = took_sum_up(&took);
    assert_int_equal(commits.n, 0);
    assert_int_equal(commits.max_us, 0);
}

static void of_a_single_group_every_percentile_is_its_time(void **state)
{
    (void)state;
    struct took took = { 0 };
    took_add(&took, 700);
    struct store_commits commits = took_sum_up(&took);
    assert_int_equal(commits.n, 1);
    assert_int_equal(commits.p50_us, 700);
    assert_int_equal(commits.p99_us, 700);
    assert_int_equal(commits.max_us, 700);
}

static void percentiles_are_of_the_nearest_rank_in_any_order(void **state)
{
    (void)state;
    struct took took = { 0 };
    for (int i = 100; i >= 1; i--)
        took_add(&took, i);
    struct store_commits commits = took_sum_up(&took);
    assert_int_equal(commits.p50_us, 50);
    assert_int_equal(commits.p99_us, 99);
    assert_int_equal(commits.max_us, 100);
}

static void only_the_latest_count(void **state)
{
    (void)state;
    struct took took = { 0 };
    took_add(&took, 1000000);
    for (int i = 0; i < TOOK_KEPT; i++)
        took_add(&took, 5);
    struct store_commits commits = took_sum_up(&took);
    assert_int_equal(commits.n, TOOK_KEPT);
    assert_int_equal(commits.max_us, 5);
}

static void times_that_fit_no_row_are_brought_to_its_ends(void **state)
{
    (void)state;
    struct took took = { 0 };
    took_add(&took, -1);
    took_add(&took, INT64_MAX);
    struct store_commits commits = took_sum_up(&took);
    assert_int_equal(commits.p50_us, 0);
    assert_int_equal(commits.max_us, UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_groups_all_is_zero),
        cmocka_unit_test(of_a_single_group_every_percentile_is_its_time),
        cmocka_unit_test(percentiles_are_of_the_nearest_rank_in_any_order),
        cmocka_unit_test(only_the_latest_count),
        cmocka_unit_test(times_that_fit_no_row_are_brought_to_its_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
