#include "base/moment.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAST_US INT64_C(253402300799999999) /* 9999-12-31T23:59:59.999999Z */

static void instants_are_shown_in_utc_with_milliseconds(void **state)
{
    (void)state;
    char text[MOMENT_TEXT];
    assert_string_equal(moment_format(text, 0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(moment_format(text, INT64_C(1795401611123999)), "2026-11-23T02:40:11.123Z");
    assert_string_equal(moment_format(text, LAST_US), "9999-12-31T23:59:59.999Z");
}

static void instants_out_of_range_are_shown_as_a_dash(void **state)
{
    (void)state;
    char text[MOMENT_TEXT];
    assert_string_equal(moment_format(text, -1), "-");
    assert_string_equal(moment_format(text, LAST_US + 1), "-");
    assert_string_equal(moment_format(text, INT64_MAX), "-");
    assert_string_equal(moment_format(text, INT64_MIN), "-");
}

static void instants_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-23T02:40:11Z", INT64_C(1795401611000000) },
        { "2026-11-23 02:40:11.5z", INT64_C(1795401611500000) },
        { "2026-11-23t10:40:11.123456789+08:00", INT64_C(1795401611123456) },
        { "2026-11-22T21:10:11-05:30", INT64_C(1795401611000000) },
        { "2026-11-23T02:40:11-00:00", INT64_C(1795401611000000) },
        { "1970-01-01T08:00:00+08:00", 0 },
        { "2024-02-29T00:00:00Z", INT64_C(1709164800000000) },
        { "9999-12-31T23:59:59.999999Z", LAST_US },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t us = -1;
        assert_int_equal(moment_parse(rows[i].text, strlen(rows[i].text), &us), 0);
        assert_int_equal(us, rows[i].us);
    }
}

static void what_is_no_instant_is_refused_and_nothing_written(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "now",
        "2026-11-23",
        "2026-11-23T02:40:11",
        "2026-11-23T02:40Z",
        "2026-11-23T02:40:11Z ",
        " 2026-11-23T02:40:11Z",
        "2026-11-23T02:40:11.Z",
        "2026-11-23T02:40:11,5Z",
        "2026-11-23T02:40:11+0800",
        "2026-11-23T02:40:11+8:00",
        "2026-11-23T02:40:11+24:00",
        "2026-11-23T02:40:11+08:60",
        "2026-11-23T24:00:00Z",
        "2026-11-23T02:60:11Z",
        "2026-11-23T02:40:60Z",
        "2026-11-31T02:40:11Z",
        "2026-02-29T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "-026-01-01T00:00:00Z",
        "2026-1-01T00:00:00Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t us = 42;
        assert_int_equal(moment_parse(texts[i], strlen(texts[i]), &us), -EINVAL);
        assert_int_equal(us, 42);
    }
}

static void an_instant_ends_where_its_length_says(void **state)
{
    (void)state;
    int64_t us = 42;
    assert_int_equal(moment_parse("2026-11-23T02:40:11Zulu", 20, &us), 0);
    for (size_t len = 0; len < 20; len++)
        assert_int_equal(moment_parse("2026-11-23T02:40:11Z", len, &us), -EINVAL);
    assert_int_equal(moment_parse(NULL, 0, &us), -EINVAL);
}

static int in_a_far_zone(void **state)
{
    (void)state;
    return setenv("TZ", "Pacific/Kiritimati", 1);
}

static int in_no_zone(void **state)
{
    (void)state;
    return unsetenv("TZ");
}

static void the_hosts_time_zone_changes_nothing(void **state)
{
    instants_are_read(state);
    instants_are_shown_in_utc_with_milliseconds(state);
}

static void durations_use_the_largest_unit_that_loses_nothing(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        { 0, "0s" },
        { 1, "1us" },
        { 1500, "1500us" },
        { 250000, "250ms" },
        { 90000000, "90s" },
        { 600000000, "10m" },
        { INT64_C(7200000000), "2h" },
        { INT64_C(86400000000), "1d" },
        { -90000000, "-90s" },
        { INT64_MIN, "-9223372036854775808us" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[DURATION_TEXT];
        assert_string_equal(duration_format(text, rows[i].us), rows[i].text);
    }
}

static void brief_durations_have_two_units_and_are_cut(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        { 0, "0.00s" },
        { 812345, "0.81s" },
        { 9999999, "9.99s" },
        { 10000000, "10s" },
        { 59999999, "59s" },
        { 245000000, "4m 05s" },
        { 3599999999, "59m 59s" },
        { INT64_C(7800000000), "2h 10m" },
        { INT64_C(273600000000), "3d 4h" },
        { -245000000, "-4m 05s" },
        { -5, "0.00s" },
        { -20000, "-0.02s" },
        { INT64_MIN, "-106751991d 4h" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[DURATION_TEXT];
        assert_string_equal(duration_format_brief(text, rows[i].us), rows[i].text);
    }
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        { "0s", 0 },          { "1us", 1 },
        { "250ms", 250000 },  { "90s", 90000000 },
        { "10m", 600000000 }, { "2h", INT64_C(7200000000) },
        { "010s", 10000000 }, { "3660d", INT64_C(316224000000000) },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t us = -1;
        assert_int_equal(duration_parse(rows[i].text, strlen(rows[i].text), &us), 0);
        assert_int_equal(us, rows[i].us);
    }
}

static void what_is_no_duration_is_refused_and_nothing_written(void **state)
{
    (void)state;
    static const char *const texts[] = { "",    "s",   "10",   "10 s", "-1s",  "1.5s", "1h30m",
                                         "10S", "10w", "10ss", " 10s", "10s ", "+1s",  "10s x" };
    int64_t us = 42;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(duration_parse(texts[i], strlen(texts[i]), &us), -EINVAL);
    assert_int_equal(duration_parse("10s\0", 4, &us), -EINVAL);
    assert_int_equal(duration_parse(NULL, 0, &us), -EINVAL);
    static const char *const long_ones[] = { "3661d", "87841h", "18446744073709551615d", "99999999999999999999us" };
    for (size_t i = 0; i < sizeof long_ones / sizeof long_ones[0]; i++)
        assert_int_equal(duration_parse(long_ones[i], strlen(long_ones[i]), &us), -ERANGE);
    assert_int_equal(us, 42);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    for (int64_t us = 1; us < INT64_C(316224000000000); us = us * 7 + 1) {
        char text[DURATION_TEXT], when[MOMENT_TEXT];
        int64_t got = -1;
        duration_format(text, us);
        assert_int_equal(duration_parse(text, strlen(text), &got), 0);
        assert_int_equal(got, us);
        moment_format(when, us);
        assert_int_equal(moment_parse(when, strlen(when), &got), 0);
        assert_int_equal(got, us / 1000 * 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_are_shown_in_utc_with_milliseconds),
        cmocka_unit_test(instants_out_of_range_are_shown_as_a_dash),
        cmocka_unit_test(instants_are_read),
        cmocka_unit_test(what_is_no_instant_is_refused_and_nothing_written),
        cmocka_unit_test(an_instant_ends_where_its_length_says),
        cmocka_unit_test_setup_teardown(the_hosts_time_zone_changes_nothing, in_a_far_zone, in_no_zone),
        cmocka_unit_test(durations_use_the_largest_unit_that_loses_nothing),
        cmocka_unit_test(brief_durations_have_two_units_and_are_cut),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(what_is_no_duration_is_refused_and_nothing_written),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests_name("base.moment", tests, NULL, NULL);
}
