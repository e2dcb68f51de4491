#include "agent/ticker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000)
#define NOON   (INT64_C(1790000000) * SECOND)

static void ticks_fall_on_multiples_of_the_interval(void **state)
{
    (void)state;
    struct ticker ticker;
    ticker_init(&ticker, 10 * SECOND, 0);
    assert_int_equal(ticker_wait(&ticker, NOON + 3 * SECOND), 7 * SECOND);
    assert_int_equal(ticker_wait(&ticker, NOON), 10 * SECOND);
}

static void lateness_does_not_add_up(void **state)
{
    (void)state;
    struct ticker ticker;
    ticker_init(&ticker, SECOND, 0);
    int64_t wall_us = NOON;
    for (int i = 0; i < 1000; i++)
        wall_us += ticker_wait(&ticker, wall_us) + 900; /* each timer fires 0.9 ms late */
    assert_int_equal(wall_us, NOON + 1000 * SECOND + 900);
}

static void a_timer_that_fires_early_does_not_tick_twice(void **state)
{
    (void)state;
    struct ticker ticker;
    ticker_init(&ticker, SECOND, 0);
    assert_int_equal(ticker_wait(&ticker, NOON + SECOND - 700), SECOND + 700);
}

static void a_tick_that_is_too_late_is_left_out_and_counted(void **state)
{
    (void)state;
    struct ticker ticker;
    ticker_init(&ticker, SECOND, 0);
    assert_int_equal(ticker_took(&ticker, 5 * SECOND), 0); /* the first has none before it */
    assert_int_equal(ticker_took(&ticker, 6 * SECOND), 0);
    assert_int_equal(ticker_took(&ticker, 7 * SECOND + 400000), 0);
    assert_int_equal(ticker_took(&ticker, 11 * SECOND), 3);
    assert_int_equal(ticker_took(&ticker, 12 * SECOND), 0);
}

static void a_wall_clock_that_jumps_costs_at_most_a_moved_tick(void **state)
{
    (void)state;
    struct ticker ticker;
    ticker_init(&ticker, SECOND, 0);
    for (int64_t jump_us = -7200 * SECOND; jump_us <= 7200 * SECOND; jump_us += 1234567) {
        int64_t wait_us = ticker_wait(&ticker, NOON + jump_us);
        assert_true(wait_us > SECOND / 2 - SECOND / 4 && wait_us <= SECOND + SECOND / 4);
    }
}

static void hosts_are_moved_apart_by_a_few_milliseconds_at_most(void **state)
{
    (void)state;
    struct ticker one, other;
    ticker_init(&one, SECOND, 0x1234567890abcdef);
    ticker_init(&other, SECOND, 0x0fedcba987654321);
    assert_int_not_equal(ticker_wait(&one, NOON), ticker_wait(&other, NOON));
    assert_in_range(one.offset_us, 0, TICKER_JITTER_US - 1);
    ticker_init(&one, 100000, UINT64_MAX);
    assert_in_range(one.offset_us, 0, 9999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_fall_on_multiples_of_the_interval),
        cmocka_unit_test(lateness_does_not_add_up),
        cmocka_unit_test(a_timer_that_fires_early_does_not_tick_twice),
        cmocka_unit_test(a_tick_that_is_too_late_is_left_out_and_counted),
        cmocka_unit_test(a_wall_clock_that_jumps_costs_at_most_a_moved_tick),
        cmocka_unit_test(hosts_are_moved_apart_by_a_few_milliseconds_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
