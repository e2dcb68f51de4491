#include "proto/link/pause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void who_was_away_for_a_moment_is_back_within_a_second(void **state)
{
    (void)state;
    assert_int_equal(link_longest_pause_ms(0), 1000);
    assert_int_equal(link_longest_pause_ms(60), 1000);
    assert_int_equal(link_longest_pause_ms(4003), 1000);
}

static void then_it_is_a_quarter_of_the_absence(void **state)
{
    (void)state;
    assert_int_equal(link_longest_pause_ms(4004), 1001);
    assert_int_equal(link_longest_pause_ms(60000), 15000);
    assert_int_equal(link_longest_pause_ms(119996), 29999);
}

static void and_never_more_than_half_a_minute(void **state)
{
    (void)state;
    assert_int_equal(link_longest_pause_ms(120000), 30000);
    assert_int_equal(link_longest_pause_ms(7 * UINT64_C(86400000)), 30000);
    assert_int_equal(link_longest_pause_ms(UINT64_MAX), 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_was_away_for_a_moment_is_back_within_a_second),
        cmocka_unit_test(then_it_is_a_quarter_of_the_absence),
        cmocka_unit_test(and_never_more_than_half_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
