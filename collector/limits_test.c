/* Rates, by a clock that only the tests move. */
#include "collector/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define START_US (INT64_C(5000) * US_PER_S)

struct fixture {
    struct limits limits;
    struct host_meter meter;
    int64_t now_us;
};

static int setup(void **state)
{
    static struct fixture f;
    const struct limits_config config = { .handshakes = 5, .handshakes_of_address = 2, .messages = 4, .bytes = 100000 };
    memset(&f, 0, sizeof f);
    limits_init(&f.limits, &config, 42);
    f.now_us = START_US;
    *state = &f;
    return 0;
}

static int64_t message(struct fixture *f, uint64_t bytes)
{
    enum limit limit;
    return limits_take_message(&f->limits, &f->meter, bytes, f->now_us, &limit);
}

/* How many are taken until one is not. */
static unsigned handshakes_from(struct fixture *f, uint64_t source)
{
    unsigned n = 0;
    while (limits_take_handshake(&f->limits, source, f->now_us))
        n++;
    return n;
}

static void what_is_not_set_is_as_by_default(void **state)
{
    struct fixture *f = *state;
    struct limits_config usual = limits_default();
    assert_int_equal(f->limits.config.connections, usual.connections);
    assert_int_equal(f->limits.config.skew_us, usual.skew_us);
    assert_int_equal(f->limits.config.messages, 4);
}

static void a_host_has_a_burst_and_then_its_rate(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4 * LIMITS_BURST_S; i++)
        assert_int_equal(message(f, 1), 0);
    for (int second = 0; second < 10; second++) {
        f->now_us += US_PER_S;
        for (int i = 0; i < 4; i++)
            assert_int_equal(message(f, 1), 0);
    }
    assert_true(message(f, 1) > 0);
}

static void who_waits_as_long_as_told_comes_through(void **state)
{
    struct fixture *f = *state;
    int64_t wait_us;
    while ((wait_us = message(f, 1)) == 0)
        ;
    assert_false(limits_is_deaf(wait_us));
    f->now_us += wait_us;
    assert_int_equal(message(f, 1), 0);
}

static void who_does_not_wait_is_told_longer_times_and_is_deaf_in_the_end(void **state)
{
    struct fixture *f = *state;
    int64_t before_us = 0;
    int64_t wait_us = 0;
    for (int i = 0; i < 2 * 4 * LIMITS_BURST_S; i++) {
        wait_us = message(f, 1);
        assert_true(wait_us >= before_us);
        before_us = wait_us;
    }
    assert_true(limits_is_deaf(wait_us));
    for (int i = 0; i < 10000; i++)
        wait_us = message(f, 1);
    assert_true(wait_us < 3 * LIMITS_BURST_S * US_PER_S); /* but its debt ends */
    f->now_us += 2 * LIMITS_BURST_S * US_PER_S;
    assert_int_equal(message(f, 1), 0);
}

static void bytes_are_a_limit_of_their_own(void **state)
{
    struct fixture *f = *state;
    enum limit limit;
    for (int i = 0; i < LIMITS_BURST_S; i++)
        assert_int_equal(message(f, 100000), 0);
    assert_true(limits_take_message(&f->limits, &f->meter, 1, f->now_us, &limit) > 0);
    assert_int_equal(limit, OVER_BYTES);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    struct fixture *f = *state;
    while (message(f, 1) == 0)
        ;
    f->now_us -= 100 * US_PER_S;
    assert_true(message(f, 1) > 0);
}

static void an_address_has_its_share_of_handshakes_and_takes_none_of_the_others(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(handshakes_from(f, 1), 2 * LIMITS_BURST_S);
    for (int i = 0; i < 1000; i++)
        assert_false(limits_take_handshake(&f->limits, 1, f->now_us));
    assert_int_equal(handshakes_from(f, 2), 2 * LIMITS_BURST_S);
    assert_int_equal(handshakes_from(f, 3), 1 * LIMITS_BURST_S + LIMITS_RESERVE); /* as many as all have left */
    f->now_us += US_PER_S;
    assert_int_equal(handshakes_from(f, 1), 0); /* it did not stop, so it is deeper in */
    assert_int_equal(handshakes_from(f, 2), 2 - 1);
}

static void a_few_handshakes_are_an_addresss_own_however_many_others_ask(void **state)
{
    struct fixture *f = *state;
    for (uint64_t source = 1; source <= 11; source++)
        handshakes_from(f, source);
    assert_false(limits_take_handshake(&f->limits, 3, f->now_us));
    assert_int_equal(handshakes_from(f, 1000), LIMITS_RESERVE);
    for (int second = 0; second < LIMITS_RESERVE_S; second++) {
        f->now_us += US_PER_S;
        for (uint64_t source = 1; source <= 11; source++)
            handshakes_from(f, source);
    }
    assert_int_equal(handshakes_from(f, 1000), 1);
    limits_give_back_handshake(&f->limits, 1000); /* which led to a session */
    assert_int_equal(handshakes_from(f, 1000), 1);
}

static void a_handshake_that_led_to_a_session_costs_nothing(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100 * LIMITS_BURST_S; i++) {
        assert_true(limits_take_handshake(&f->limits, 7, f->now_us));
        limits_give_back_handshake(&f->limits, 7);
    }
    limits_give_back_handshake(&f->limits, 7); /* there is nothing to have beyond it */
    assert_int_equal(handshakes_from(f, 7), 2 * LIMITS_BURST_S);
}

static void many_addresses_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    unsigned alone = 0;
    f->limits.config.handshakes = 1000000;
    for (uint64_t source = 0; source < 100; source++)
        alone += handshakes_from(f, source << 32) == 2 * LIMITS_BURST_S;
    assert_true(alone > 80); /* a hundred of 4,096 buckets: two in one are the exception */
}

static void what_is_over_is_counted_and_told_once_a_minute(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(limits_over(&f->limits, OVER_SERIES, 0, f->now_us), 0);
    assert_int_equal(limits_over(&f->limits, OVER_SERIES, 1, f->now_us), 1);
    for (int i = 0; i < 500; i++)
        assert_int_equal(limits_over(&f->limits, OVER_SERIES, 2, f->now_us), 0);
    assert_int_equal(limits_over(&f->limits, OVER_LABELS, 3, f->now_us), 3); /* each by itself */
    f->now_us += 60 * US_PER_S;
    assert_int_equal(limits_over(&f->limits, OVER_SERIES, 0, f->now_us), 1000);
    assert_int_equal(limits_over(&f->limits, OVER_SERIES, 0, f->now_us), 0);
    assert_int_equal(f->limits.over[OVER_SERIES].n, 1001);
    for (int i = 0; i < OVER_COUNT; i++)
        assert_true(strlen(limit_name((enum limit)i)) > 0);
}

static void what_happens_again_and_again_is_told_once_a_minute_with_how_often(void **state)
{
    struct fixture *f = *state;
    struct damper damper = { 0 };
    assert_int_equal(damper_count(&damper, 0, f->now_us), 0);
    assert_int_equal(damper_count(&damper, 1, f->now_us), 1);
    assert_int_equal(damper_count(&damper, 1, f->now_us + 59 * US_PER_S), 0);
    assert_int_equal(damper_count(&damper, 1, f->now_us + 60 * US_PER_S), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_set_is_as_by_default),
        TEST(a_host_has_a_burst_and_then_its_rate),
        TEST(who_waits_as_long_as_told_comes_through),
        TEST(who_does_not_wait_is_told_longer_times_and_is_deaf_in_the_end),
        TEST(bytes_are_a_limit_of_their_own),
        TEST(a_clock_that_goes_back_gives_nothing),
        TEST(an_address_has_its_share_of_handshakes_and_takes_none_of_the_others),
        TEST(a_few_handshakes_are_an_addresss_own_however_many_others_ask),
        TEST(a_handshake_that_led_to_a_session_costs_nothing),
        TEST(many_addresses_are_kept_apart),
        TEST(what_is_over_is_counted_and_told_once_a_minute),
        TEST(what_happens_again_and_again_is_told_once_a_minute_with_how_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
