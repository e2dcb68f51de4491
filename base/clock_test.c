#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void the_system_clock_never_goes_back(void **state)
{
    (void)state;
    struct clock clock = clock_system();
    int64_t before = clock_mono_ns(&clock);
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_ns(&clock);
        assert_true(now >= before);
        before = now;
    }
}

static void wall_time_counts_from_1970(void **state)
{
    (void)state;
    struct clock clock = clock_system();
    assert_true(clock_wall_ns(&clock) > INT64_C(1600000000) * NS_PER_S);
    assert_true(clock_wall_us(&clock) < INT64_C(32503680000) * US_PER_S); /* the year 3000: the unit is right */
}

static void a_fake_stands_still_until_it_is_moved(void **state)
{
    (void)state;
    struct clock_fake fake = { .mono_ns = 5 * NS_PER_S, .wall_ns = 1700000000 * NS_PER_S };
    struct clock clock = clock_of_fake(&fake);
    assert_int_equal(clock_mono_ns(&clock), 5 * NS_PER_S);
    assert_int_equal(clock_mono_ns(&clock), 5 * NS_PER_S);
    assert_int_equal(clock_wall_us(&clock), 1700000000 * US_PER_S);
    clock_fake_pass(&fake, 1500 * NS_PER_US);
    assert_int_equal(clock_mono_us(&clock), 5 * US_PER_S + 1500);
    assert_int_equal(clock_wall_us(&clock), 1700000000 * US_PER_S + 1500);
}

static void a_wall_clock_set_back_leaves_the_other_alone(void **state)
{
    (void)state;
    struct clock_fake fake = { .mono_ns = NS_PER_S, .wall_ns = 1700000000 * NS_PER_S };
    struct clock clock = clock_of_fake(&fake);
    fake.wall_ns -= 3600 * NS_PER_S;
    assert_int_equal(clock_mono_ns(&clock), NS_PER_S);
    assert_int_equal(clock_wall_ns(&clock), 1699996400 * NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_system_clock_never_goes_back),
        cmocka_unit_test(wall_time_counts_from_1970),
        cmocka_unit_test(a_fake_stands_still_until_it_is_moved),
        cmocka_unit_test(a_wall_clock_set_back_leaves_the_other_alone),
    };
    return cmocka_run_group_tests_name("base.clock", tests, NULL, NULL);
}
