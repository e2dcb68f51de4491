#include "agent/spool/ranges.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct ranges));
    return 0;
}

static int teardown(void **state)
{
    ranges_done(*state);
    free(*state);
    return 0;
}

static void add(struct ranges *r, uint64_t first, uint64_t last)
{
    assert_int_equal(ranges_add(r, first, last), 0);
}

static void assert_range(const struct ranges *r, size_t i, uint64_t first, uint64_t last)
{
    assert_true(r->n > i);
    assert_int_equal(r->at[i].first, first);
    assert_int_equal(r->at[i].last, last);
}

static void ranges_that_touch_or_overlap_become_one(void **state)
{
    struct ranges *r = *state;
    add(r, 10, 19);
    add(r, 30, 39);
    add(r, 20, 20);
    assert_int_equal(r->n, 2);
    assert_range(r, 0, 10, 20);
    add(r, 15, 29);
    assert_int_equal(r->n, 1);
    assert_range(r, 0, 10, 39);
    add(r, 1, 1);
    add(r, 5, 5);
    add(r, 1, 100);
    assert_int_equal(r->n, 1);
    assert_range(r, 0, 1, 100);
}

static void ranges_stay_in_order_whatever_order_they_come_in(void **state)
{
    struct ranges *r = *state;
    for (uint64_t i = 20; i > 0; i--)
        add(r, i * 10, i * 10 + 1);
    assert_int_equal(r->n, 20);
    for (size_t i = 0; i < 20; i++)
        assert_range(r, i, (i + 1) * 10, (i + 1) * 10 + 1);
}

static void a_gap_is_what_is_not_in_it(void **state)
{
    struct ranges *r = *state;
    struct range gap;
    assert_true(ranges_gap(r, 1, 5, &gap));
    assert_true(gap.first == 1 && gap.last == 5);
    add(r, 3, 4);
    add(r, 8, 9);
    assert_true(ranges_gap(r, 1, 9, &gap));
    assert_true(gap.first == 1 && gap.last == 2);
    assert_true(ranges_gap(r, 3, 9, &gap));
    assert_true(gap.first == 5 && gap.last == 7);
    assert_true(ranges_gap(r, 9, 12, &gap));
    assert_true(gap.first == 10 && gap.last == 12);
    assert_false(ranges_gap(r, 8, 9, &gap));
    assert_int_equal(ranges_missing(r, 1, 12), 2 + 3 + 3);
    assert_int_equal(ranges_missing(r, 3, 4), 0);
    assert_int_equal(ranges_missing(r, 5, 4), 0);
}

static void more_than_its_limit_is_refused_and_changes_nothing(void **state)
{
    struct ranges *r = *state;
    for (uint64_t i = 1; i <= RANGES_MAX; i++)
        add(r, i * 2, i * 2);
    assert_int_equal(ranges_add(r, 1000000, 1000000), -ENOSPC);
    assert_int_equal(r->n, RANGES_MAX);
    add(r, 3, 3); /* joins two */
    add(r, 1000000, 1000000);
    assert_int_equal(r->n, RANGES_MAX);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(ranges_that_touch_or_overlap_become_one),
        test(ranges_stay_in_order_whatever_order_they_come_in),
        test(a_gap_is_what_is_not_in_it),
        test(more_than_its_limit_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
