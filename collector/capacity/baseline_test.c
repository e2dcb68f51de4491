#include "collector/capacity/baseline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"

#define MONDAY_US (INT64_C(1795392000) * US_PER_S) /* 2026-11-23T00:00:00Z */
#define HOUR_US   (INT64_C(3600) * US_PER_S)
enum { FOUR_WEEKS = 4 * BASELINE_HOURS };

static void hours_of_the_week_begin_on_monday_where_the_people_are(void **state)
{
    (void)state;
    assert_int_equal(baseline_hour(MONDAY_US, 0), 0);
    assert_int_equal(baseline_hour(MONDAY_US - 1, 0), 167);
    assert_int_equal(baseline_hour(MONDAY_US, 8 * 3600), 8);
    assert_int_equal(baseline_hour(-1, 0), 3 * 24 - 1);
}

static void each_hour_has_what_is_usual_then(void **state)
{
    (void)state;
    float values[FOUR_WEEKS];
    for (int i = 0; i < FOUR_WEEKS; i++)
        values[i] = (float)(i % BASELINE_HOURS);
    values[5] = 1000; /* one wild value in four */
    struct baseline baseline;
    assert_int_equal(baseline_fit(values, FOUR_WEEKS, MONDAY_US, HOUR_US, 0, &baseline), 0);
    assert_float_equal(baseline_at(&baseline, MONDAY_US + 30 * HOUR_US)->mid, 30, 1e-6);
    assert_float_equal(baseline_at(&baseline, MONDAY_US + 5 * HOUR_US)->mid, 5, 1e-6);
    assert_int_equal(baseline_at(&baseline, MONDAY_US)->count, 4);
}

static void a_week_alone_tells_by_the_hour_of_the_day(void **state)
{
    (void)state;
    float values[BASELINE_HOURS];
    for (int i = 0; i < BASELINE_HOURS; i++)
        values[i] = (float)(i % 24);
    values[30] = NAN;
    struct baseline baseline;
    assert_int_equal(baseline_fit(values, BASELINE_HOURS, MONDAY_US, HOUR_US, 0, &baseline), 0);
    assert_float_equal(baseline_at(&baseline, MONDAY_US + 30 * HOUR_US)->mid, 6, 1e-6);
    assert_int_equal(baseline_at(&baseline, MONDAY_US + 30 * HOUR_US)->count, 0);
}

static void nothing_seen_is_nothing_usual(void **state)
{
    (void)state;
    struct baseline baseline;
    assert_int_equal(baseline_fit(NULL, 0, MONDAY_US, HOUR_US, 0, &baseline), 0);
    assert_true(isnan(baseline_at(&baseline, MONDAY_US)->mid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_of_the_week_begin_on_monday_where_the_people_are),
        cmocka_unit_test(each_hour_has_what_is_usual_then),
        cmocka_unit_test(a_week_alone_tells_by_the_hour_of_the_day),
        cmocka_unit_test(nothing_seen_is_nothing_usual),
    };
    return cmocka_run_group_tests_name("collector/capacity baseline", tests, NULL, NULL);
}
