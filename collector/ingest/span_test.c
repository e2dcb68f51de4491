#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ingest/span.h"

static int setup(void **state)
{
    static struct spans set;
    set = (struct spans){ .n = 0 };
    *state = &set;
    return 0;
}

static int teardown(void **state)
{
    spans_done(*state);
    return 0;
}

static void assert_is(const struct spans *set, size_t n, const struct span *wanted)
{
    assert_int_equal(set->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(spans_items(set)[i].first, wanted[i].first);
        assert_int_equal(spans_items(set)[i].last, wanted[i].last);
    }
}

static void a_run_without_losses_is_one_interval(void **state)
{
    struct spans *set = *state;
    for (uint64_t n = 1; n <= 1000; n++)
        assert_int_equal(spans_add(set, n, n), 0);
    assert_is(set, 1, (struct span[]){ { 1, 1000 } });
}

static void what_touches_joins(void **state)
{
    struct spans *set = *state;
    spans_add(set, 10, 19);
    spans_add(set, 30, 39);
    assert_is(set, 2, (struct span[]){ { 10, 19 }, { 30, 39 } });
    spans_add(set, 20, 29);
    assert_is(set, 1, (struct span[]){ { 10, 39 } });
}

static void an_interval_swallows_those_it_covers(void **state)
{
    struct spans *set = *state;
    for (uint64_t n = 10; n < 100; n += 10)
        spans_add(set, n, n + 1);
    spans_add(set, 5, 85);
    assert_is(set, 2, (struct span[]){ { 5, 85 }, { 90, 91 } });
}

static void the_ends_of_the_numbers_are_numbers(void **state)
{
    struct spans *set = *state;
    assert_int_equal(spans_add(set, UINT64_MAX, UINT64_MAX), 0);
    assert_int_equal(spans_add(set, 0, 0), 0);
    assert_int_equal(spans_hold(set, UINT64_MAX, UINT64_MAX), SPANS_ALL);
    assert_int_equal(spans_add(set, 1, UINT64_MAX - 1), 0);
    assert_is(set, 1, (struct span[]){ { 0, UINT64_MAX } });
}

static void taking_out_can_shorten_split_and_empty(void **state)
{
    struct spans *set = *state;
    spans_add(set, 10, 50);
    assert_int_equal(spans_remove(set, 20, 29), 0);
    assert_is(set, 2, (struct span[]){ { 10, 19 }, { 30, 50 } });
    assert_int_equal(spans_remove(set, 15, 35), 0);
    assert_is(set, 2, (struct span[]){ { 10, 14 }, { 36, 50 } });
    assert_int_equal(spans_remove(set, 0, 100), 0);
    assert_int_equal(set->n, 0);
    assert_int_equal(spans_remove(set, 0, 100), 0);
}

static void it_tells_none_some_and_all(void **state)
{
    struct spans *set = *state;
    assert_int_equal(spans_hold(set, 1, 5), SPANS_NONE);
    spans_add(set, 10, 19);
    assert_int_equal(spans_hold(set, 10, 19), SPANS_ALL);
    assert_int_equal(spans_hold(set, 12, 13), SPANS_ALL);
    assert_int_equal(spans_hold(set, 9, 10), SPANS_SOME);
    assert_int_equal(spans_hold(set, 19, 20), SPANS_SOME);
    assert_int_equal(spans_hold(set, 20, 29), SPANS_NONE);
    assert_null(spans_meeting(set, 1, 9));
    assert_int_equal(spans_meeting(set, 1, 10)->last, 19);
}

static void the_missing_parts_come_in_order(void **state)
{
    struct spans *set = *state;
    struct span part;
    spans_add(set, 10, 19);
    spans_add(set, 30, 39);
    assert_true(spans_missing(set, 5, 45, &part));
    assert_int_equal(part.first, 5);
    assert_int_equal(part.last, 9);
    assert_true(spans_missing(set, 10, 45, &part));
    assert_int_equal(part.first, 20);
    assert_int_equal(part.last, 29);
    assert_true(spans_missing(set, 30, 45, &part));
    assert_int_equal(part.first, 40);
    assert_int_equal(part.last, 45);
    assert_false(spans_missing(set, 31, 38, &part));
}

static void a_set_with_too_many_holes_is_refused_and_stays_as_it_was(void **state)
{
    struct spans *set = *state;
    for (uint64_t n = 0; n < SPANS_MAX; n++)
        assert_int_equal(spans_add(set, n * 2, n * 2), 0);
    assert_int_equal(spans_add(set, SPANS_MAX * 2, SPANS_MAX * 2), -ENOSPC);
    assert_int_equal(set->n, SPANS_MAX);
    assert_int_equal(spans_add(set, 1, 1), 0); /* closing a hole needs no room */
    assert_int_equal(set->n, SPANS_MAX - 1);
}

/* Against a plain bitmap, over a fixed sequence of pseudo-random steps. */
static void it_agrees_with_a_bitmap(void **state)
{
    struct spans *set = *state;
    bool map[64] = { false };
    uint32_t seed = 7;
    for (int step = 0; step < 5000; step++) {
        seed = seed * 1664525 + 1013904223;
        uint64_t first = seed >> 8 & 63;
        uint64_t last = first + (seed >> 16 & 7);
        bool add = seed >> 30 & 1;
        last = last > 63 ? 63 : last;
        assert_int_equal(add ? spans_add(set, first, last) : spans_remove(set, first, last), 0);
        for (uint64_t n = first; n <= last; n++)
            map[n] = add;
        for (uint64_t n = 0; n < 64; n++)
            assert_int_equal(spans_hold(set, n, n), map[n] ? SPANS_ALL : SPANS_NONE);
        for (size_t i = 1; i < set->n; i++)
            assert_true(spans_items(set)[i].first > spans_items(set)[i - 1].last + 1);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_run_without_losses_is_one_interval),
        TEST(what_touches_joins),
        TEST(an_interval_swallows_those_it_covers),
        TEST(the_ends_of_the_numbers_are_numbers),
        TEST(taking_out_can_shorten_split_and_empty),
        TEST(it_tells_none_some_and_all),
        TEST(the_missing_parts_come_in_order),
        TEST(a_set_with_too_many_holes_is_refused_and_stays_as_it_was),
        TEST(it_agrees_with_a_bitmap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
