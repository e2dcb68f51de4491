#include "collector/event/calendar.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#include "base/moment.h"

#define HOUR_US (3600 * US_PER_S)
#define DAY_US  (24 * HOUR_US)

struct window {
    int64_t start_us;
    int64_t end_us;
};

static struct window window_of(const char *zone, const char *first_day, int64_t days)
{
    struct window window;
    struct err err = { 0 };
    if (calendar_days(zone, first_day, days, &window.start_us, &window.end_us, &err) != 0)
        fail_msg("%s %s: %s", zone, first_day, err.text);
    return window;
}

static void assert_instant(int64_t at_us, const char *expected)
{
    char text[MOMENT_TEXT];
    assert_string_equal(moment_format(text, at_us), expected);
}

static void assert_hours(const char *zone, const char *day, double hours)
{
    struct window window = window_of(zone, day, 1);
    assert_int_equal(window.end_us - window.start_us, (int64_t)(hours * (double)HOUR_US));
}

static void assert_local(const char *zone, int64_t at_us, const char *expected)
{
    char text[32];
    assert_int_equal(calendar_local_text(zone, at_us, text, NULL), 0);
    assert_string_equal(text, expected);
}

static void a_day_runs_from_midnight_to_midnight_of_the_zones_own_clock(void **state)
{
    (void)state;
    struct window window = window_of("Asia/Shanghai", "2026-11-11", 1);
    assert_instant(window.start_us, "2026-11-10T16:00:00.000Z");
    assert_instant(window.end_us, "2026-11-11T16:00:00.000Z");
    window = window_of("UTC", "2026-11-11", 1);
    assert_instant(window.start_us, "2026-11-11T00:00:00.000Z");
}

static void a_day_of_new_york_has_23_hours_in_spring_and_25_in_autumn(void **state)
{
    (void)state;
    assert_hours("America/New_York", "2026-03-07", 24);
    assert_hours("America/New_York", "2026-03-08", 23);
    assert_hours("America/New_York", "2026-11-01", 25);
    struct window window = window_of("America/New_York", "2026-11-01", 1);
    assert_instant(window.start_us, "2026-11-01T04:00:00.000Z");
    assert_instant(window.end_us, "2026-11-02T05:00:00.000Z");
}

static void lord_howe_changes_by_half_an_hour(void **state)
{
    (void)state;
    assert_hours("Australia/Lord_Howe", "2026-04-05", 24.5);
    assert_hours("Australia/Lord_Howe", "2026-10-04", 23.5);
}

static void a_day_whose_midnight_does_not_exist_begins_with_its_first_instant(void **state)
{
    (void)state;
    struct window window = window_of("America/Sao_Paulo", "2018-11-04", 1);
    assert_instant(window.start_us, "2018-11-04T03:00:00.000Z");
    assert_local("America/Sao_Paulo", window.start_us, "2018-11-04 01:00:00");
    assert_local("America/Sao_Paulo", window.start_us - 1, "2018-11-03 23:59:59");
    assert_hours("America/Sao_Paulo", "2018-11-04", 23);
    assert_hours("America/Sao_Paulo", "2018-11-03", 24);
    window = window_of("Asia/Beirut", "2024-03-31", 1);
    assert_local("Asia/Beirut", window.start_us, "2024-03-31 01:00:00");
    assert_hours("Asia/Beirut", "2024-03-31", 23);
}

static void a_clock_put_back_at_midnight_lengthens_the_day_before(void **state)
{
    (void)state;
    assert_hours("America/Sao_Paulo", "2018-02-17", 25);
    assert_hours("America/Sao_Paulo", "2018-02-18", 24);
    struct window window = window_of("America/Sao_Paulo", "2018-02-18", 1);
    assert_instant(window.start_us, "2018-02-18T03:00:00.000Z");
}

static void where_midnight_comes_twice_the_first_one_counts(void **state)
{
    (void)state;
    struct window window = window_of("America/Havana", "2026-11-01", 1);
    assert_instant(window.start_us, "2026-11-01T04:00:00.000Z");
    assert_hours("America/Havana", "2026-11-01", 25);
    assert_hours("America/St_Johns", "2006-10-29", 25); /* put back at 00:01, to the day before */
}

static void days_without_change_join_without_a_gap(void **state)
{
    (void)state;
    static const char *const zones[] = { "America/New_York",  "Asia/Shanghai",       "Australia/Lord_Howe",
                                         "America/Sao_Paulo", "America/St_Johns",    "Asia/Beirut",
                                         "Africa/Casablanca", "Atlantic/Azores",     "Pacific/Chatham",
                                         "Asia/Tehran",       "America/Scoresbysund" };
    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        struct window whole = window_of(zones[z], "2018-01-01", 365);
        int64_t expected_us = whole.start_us;
        for (int day = 0; day < 365; day++) {
            char text[32];
            assert_int_equal(calendar_local_text("UTC", INT64_C(1514764800000000) + day * DAY_US, text, NULL), 0);
            text[10] = '\0';
            struct window window = window_of(zones[z], text, 1);
            assert_int_equal(window.start_us, expected_us);
            assert_in_range(window.end_us - window.start_us, 22 * HOUR_US, 26 * HOUR_US);
            expected_us = window.end_us;
        }
        assert_int_equal(whole.end_us, expected_us);
    }
}

static void the_leap_day_is_a_day_of_leap_years_only(void **state)
{
    (void)state;
    struct window window = window_of("Asia/Shanghai", "2028-02-28", 3);
    assert_local("Asia/Shanghai", window.end_us, "2028-03-02 00:00:00");
    window_of("Asia/Shanghai", "2028-02-29", 1);
    int64_t start = 7, end = 7;
    assert_int_equal(calendar_days("Asia/Shanghai", "2026-02-29", 1, &start, &end, NULL), -EINVAL);
    assert_int_equal(calendar_days("Asia/Shanghai", "2100-02-29", 1, &start, &end, NULL), -EINVAL);
    assert_true(start == 7 && end == 7);
}

static void rules_of_the_far_future_are_followed(void **state)
{
    (void)state;
    assert_hours("America/New_York", "2055-03-14", 23);
    assert_hours("Europe/Berlin", "2060-10-31", 25);
}

static void a_day_the_calendar_skipped_is_refused(void **state)
{
    (void)state;
    int64_t start = 7, end = 7;
    struct err err = { 0 };
    assert_int_equal(calendar_days("Pacific/Apia", "2011-12-30", 1, &start, &end, &err), -EINVAL);
    assert_non_null(strstr(err.text, "skipped"));
    assert_int_equal(start, 7);
    assert_hours("Pacific/Apia", "2011-12-29", 24);
    assert_hours("Pacific/Apia", "2011-12-31", 24);
}

static void what_is_no_day_is_refused_and_nothing_is_touched(void **state)
{
    (void)state;
    static const char *const days[] = { "",           "2026-11-3",   "2026-13-01", "2026-00-10",
                                        "2026-04-31", "20261123",    "2026/11/23", "1969-12-31",
                                        "today",      "2026-11-23 ", "-026-11-23" };
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        int64_t start = 7, end = 7;
        assert_int_equal(calendar_days("UTC", days[i], 1, &start, &end, NULL), -EINVAL);
        assert_true(start == 7 && end == 7);
    }
}

static void a_count_of_days_out_of_range_is_refused(void **state)
{
    (void)state;
    static const int64_t counts[] = { 0, -1, 3661, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        int64_t start = 7, end = 7;
        assert_int_equal(calendar_days("UTC", "2026-11-23", counts[i], &start, &end, NULL), -EINVAL);
    }
}

static void what_is_no_named_zone_is_refused(void **state)
{
    (void)state;
    static const char *const zones[] = { "",
                                         "Mars/Olympus",
                                         "asia/shanghai",
                                         "+08:00",
                                         "UTC+8",
                                         "EST5",
                                         "CST-8",
                                         "America",
                                         "America/",
                                         "../etc/passwd",
                                         "/etc/localtime",
                                         "Asia/../Asia/Shanghai",
                                         "right/Asia/Shanghai",
                                         "posix/Asia/Shanghai",
                                         "Asia/Shanghai\n" };
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        int64_t start = 7, end = 7;
        char text[32] = "kept";
        struct err err = { 0 };
        if (calendar_days(zones[i], "2026-11-23", 1, &start, &end, &err) != -EINVAL)
            fail_msg("%s was taken for a zone", zones[i]);
        assert_non_null(strstr(err.text, "Asia/Shanghai"));
        assert_true(start == 7 && end == 7);
        assert_int_equal(calendar_local_text(zones[i], 0, text, NULL), -EINVAL);
        assert_string_equal(text, "kept");
    }
}

static void an_instant_is_shown_by_the_zones_own_clock(void **state)
{
    (void)state;
    assert_local("Asia/Shanghai", INT64_C(1795401611999999), "2026-11-23 10:40:11");
    assert_local("Asia/Kathmandu", INT64_C(1795401611000000), "2026-11-23 08:25:11");
    assert_local("UTC", -1, "1969-12-31 23:59:59");
}

static int64_t number_of(const char *day)
{
    int64_t number = -1;
    struct err err = { 0 };
    if (calendar_number(day, &number, &err) != 0)
        fail_msg("%s", err.text);
    return number;
}

static void a_day_is_a_number_and_back(void **state)
{
    (void)state;
    char text[CALENDAR_DAY_TEXT];
    assert_int_equal(number_of("1970-01-01"), 0);
    assert_int_equal(number_of("1970-01-02"), 1);
    assert_int_equal(number_of("2024-02-29") + 1, number_of("2024-03-01"));
    assert_int_equal(number_of("2025-02-28") + 1, number_of("2025-03-01"));
    for (int64_t number = 0; number < 400 * 366; number++)
        assert_int_equal(number_of(calendar_text(text, number)), number);
    assert_string_equal(calendar_text(text, number_of("9999-12-31")), "9999-12-31");
    assert_string_equal(calendar_text(text, number_of("9999-12-31") + 1), "-");
    assert_string_equal(calendar_text(text, -1), "-");
}

static void what_is_no_date_is_no_number(void **state)
{
    (void)state;
    static const char *const bad[] = { "",           "2026-02-29", "2026-13-01", "2026-1-01",   "26-01-01",
                                       "2026/01/01", "2026-01-00", "2026-04-31", "2026-01-011", "1969-12-31",
                                       "2026-01-1x" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = { 0 };
        int64_t number = 7;
        assert_int_equal(calendar_number(bad[i], &number, &err), -EINVAL);
        assert_non_null(strstr(err.text, "YYYY-MM-DD"));
        assert_int_equal(number, 7);
    }
}

static void days_know_their_weekday_and_year(void **state)
{
    (void)state;
    assert_int_equal(calendar_weekday(number_of("1970-01-01")), THURSDAY);
    assert_int_equal(calendar_weekday(number_of("2026-11-23")), MONDAY);
    assert_int_equal(calendar_weekday(number_of("2026-11-29")), SUNDAY);
    assert_int_equal(calendar_year(number_of("2026-12-31")), 2026);
    assert_int_equal(calendar_year(number_of("2027-01-01")), 2027);
}

static void an_anniversary_has_the_same_date_and_march_1_where_february_29_is_missing(void **state)
{
    (void)state;
    assert_int_equal(calendar_years_on(number_of("2026-11-23"), 1), number_of("2027-11-23"));
    assert_int_equal(calendar_years_on(number_of("2026-11-23"), 0), number_of("2026-11-23"));
    assert_int_equal(calendar_years_on(number_of("2024-02-29"), 1), number_of("2025-03-01"));
    assert_int_equal(calendar_years_on(number_of("2024-02-29"), 4), number_of("2028-02-29"));
    assert_int_equal(calendar_years_on(number_of("2023-02-28"), 1), number_of("2024-02-28"));
}

static void an_instant_lies_in_the_day_its_zones_clock_shows(void **state)
{
    (void)state;
    char day[CALENDAR_DAY_TEXT];
    static const char *const zones[] = { "UTC", "Asia/Shanghai", "America/New_York", "Pacific/Apia", "Asia/Beirut" };
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        for (int64_t n = number_of("2024-03-01"); n < number_of("2024-04-10"); n++) {
            char text[CALENDAR_DAY_TEXT];
            struct window window = window_of(zones[i], calendar_text(text, n), 1);
            assert_int_equal(calendar_day_of(zones[i], window.start_us, day, NULL), 0);
            assert_string_equal(day, text);
            assert_int_equal(calendar_day_of(zones[i], window.end_us - 1, day, NULL), 0);
            assert_string_equal(day, text);
        }
    }
    assert_int_equal(calendar_day_of("Mars/Olympus", 0, day, NULL), -EINVAL);
    assert_int_equal(calendar_day_of("America/New_York", 0, day, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_runs_from_midnight_to_midnight_of_the_zones_own_clock),
        cmocka_unit_test(a_day_of_new_york_has_23_hours_in_spring_and_25_in_autumn),
        cmocka_unit_test(lord_howe_changes_by_half_an_hour),
        cmocka_unit_test(a_day_whose_midnight_does_not_exist_begins_with_its_first_instant),
        cmocka_unit_test(a_clock_put_back_at_midnight_lengthens_the_day_before),
        cmocka_unit_test(where_midnight_comes_twice_the_first_one_counts),
        cmocka_unit_test(days_without_change_join_without_a_gap),
        cmocka_unit_test(the_leap_day_is_a_day_of_leap_years_only),
        cmocka_unit_test(rules_of_the_far_future_are_followed),
        cmocka_unit_test(a_day_the_calendar_skipped_is_refused),
        cmocka_unit_test(what_is_no_day_is_refused_and_nothing_is_touched),
        cmocka_unit_test(a_count_of_days_out_of_range_is_refused),
        cmocka_unit_test(what_is_no_named_zone_is_refused),
        cmocka_unit_test(an_instant_is_shown_by_the_zones_own_clock),
        cmocka_unit_test(a_day_is_a_number_and_back),
        cmocka_unit_test(what_is_no_date_is_no_number),
        cmocka_unit_test(days_know_their_weekday_and_year),
        cmocka_unit_test(an_anniversary_has_the_same_date_and_march_1_where_february_29_is_missing),
        cmocka_unit_test(an_instant_lies_in_the_day_its_zones_clock_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
