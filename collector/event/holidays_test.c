#include "collector/event/holidays.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/event/calendar.h"

/* 2026 as of mainland China: Saturday and Sunday off, October 1 to 7 off, September 20 (a Sunday) and October 10 (a
 * Saturday) worked on. */
static const char autumn[] = "title: Autumn\n"
                             "weekend: [saturday, sunday]\n"
                             "years:\n"
                             "  - year: 2026\n"
                             "    off:\n"
                             "      - { name: National Day, from: 2026-10-01, to: 2026-10-07 }\n"
                             "    working:\n"
                             "      - { day: 2026-09-20 }\n"
                             "      - { day: 2026-10-10 }\n";

static int parse(const char *text, struct holidays *ret, struct config_faults *faults)
{
    *faults = (struct config_faults){ 0 };
    return holidays_parse("x/autumn.yaml", text, strlen(text), ret, faults);
}

static struct holidays read_text(const char *text)
{
    struct holidays holidays;
    struct config_faults faults;
    if (parse(text, &holidays, &faults) != 0)
        fail_msg("%s", faults.at[0].text);
    return holidays;
}

static struct holidays shipped(const char *path)
{
    struct holidays holidays;
    struct config_faults faults = { 0 };
    if (holidays_read(path, &holidays, &faults) != 0)
        fail_msg("%s", faults.at[0].text);
    return holidays;
}

static int64_t number(const char *day)
{
    int64_t number = 0;
    assert_int_equal(calendar_number(day, &number, NULL), 0);
    return number;
}

static void assert_day(int64_t day, const char *expected)
{
    char text[CALENDAR_DAY_TEXT];
    assert_string_equal(calendar_text(text, day), expected);
}

static bool is_working(const struct holidays *holidays, const char *day)
{
    bool working = false;
    struct err err = { 0 };
    if (holidays_is_working(holidays, number(day), &working, &err) != 0)
        fail_msg("%s", err.text);
    return working;
}

static void weekends_and_holidays_are_off_and_days_that_make_up_for_them_are_not(void **state)
{
    (void)state;
    struct holidays h = read_text(autumn);
    assert_string_equal(h.name, "autumn");
    assert_string_equal(h.title, "Autumn");
    static const struct {
        const char *day;
        bool working;
    } rows[] = {
        { "2026-09-18", true },  { "2026-09-19", false }, { "2026-09-20", true }, { "2026-09-30", true },
        { "2026-10-01", false }, { "2026-10-07", false }, { "2026-10-08", true }, { "2026-10-10", true },
        { "2026-10-11", false }, { "2026-01-01", true },  { "2026-12-31", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (is_working(&h, rows[i].day) != rows[i].working)
            fail_msg("%s", rows[i].day);
}

static void working_days_are_counted_from_the_first_to_before_the_last(void **state)
{
    (void)state;
    struct holidays h = read_text(autumn);
    int64_t n = -1;
    assert_int_equal(holidays_count(&h, number("2026-09-30"), number("2026-10-11"), &n, NULL), 0);
    assert_int_equal(n, 4); /* 09-30, 10-08, 10-09, 10-10 */
    assert_int_equal(holidays_count(&h, number("2026-10-01"), number("2026-10-01"), &n, NULL), 0);
    assert_int_equal(n, 0);
}

static void neither_the_day_of_asking_nor_the_day_asked_for_counts_as_ahead(void **state)
{
    (void)state;
    struct holidays h = read_text(autumn);
    static const struct {
        const char *asked;
        int lead;
        const char *earliest;
    } rows[] = {
        { "2026-11-23", 1, "2026-11-25" }, /* Monday: Tuesday lies between */
        { "2026-11-20", 1, "2026-11-24" }, /* Friday: Monday lies between, so not for Monday */
        { "2026-11-21", 1, "2026-11-24" }, /* Saturday */
        { "2026-11-22", 1, "2026-11-24" }, /* Sunday */
        { "2026-11-20", 0, "2026-11-20" }, /* no lead: at once */
        { "2026-09-30", 1, "2026-10-09" }, /* over the holidays */
        { "2026-10-07", 3, "2026-10-11" }, /* 8, 9 and the 10th, that makes up */
        { "2026-09-18", 1, "2026-09-21" }, /* the Sunday that is worked on is the day ahead */
        { "2026-11-23", 10, "2026-12-08" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t earliest = 0;
        assert_int_equal(holidays_earliest(&h, number(rows[i].asked), rows[i].lead, &earliest, NULL), 0);
        assert_day(earliest, rows[i].earliest);
    }
}

static void the_latest_day_to_ask_is_the_one_whose_earliest_day_still_fits(void **state)
{
    (void)state;
    struct holidays h = read_text(autumn);
    for (int lead = 0; lead <= 10; lead++) {
        for (int64_t day = number("2026-03-01"); day < number("2026-11-30"); day++) {
            int64_t latest = 0, earliest = 0, next = 0;
            assert_int_equal(holidays_latest(&h, day, lead, &latest, NULL), 0);
            assert_int_equal(holidays_earliest(&h, latest, lead, &earliest, NULL), 0);
            assert_int_equal(holidays_earliest(&h, latest + 1, lead, &next, NULL), 0);
            assert_true(earliest <= day && next > day);
        }
    }
}

static void the_next_working_day_may_be_the_day_itself(void **state)
{
    (void)state;
    struct holidays h = read_text(autumn);
    int64_t day = 0;
    assert_int_equal(holidays_next_working(&h, number("2026-10-08"), &day, NULL), 0);
    assert_day(day, "2026-10-08");
    assert_int_equal(holidays_next_working(&h, number("2026-10-01"), &day, NULL), 0);
    assert_day(day, "2026-10-08");
}

static void a_year_that_is_not_covered_is_an_answer_with_what_to_do(void **state)
{
    (void)state;
    struct holidays h = read_text(autumn);
    struct err err = { 0 };
    int64_t day = 7;
    bool working;
    assert_int_equal(holidays_is_working(&h, number("2027-01-04"), &working, &err), -ERANGE);
    assert_string_equal(err.text, "calendar autumn does not cover 2027, so its working days are not known: add that "
                                  "year to autumn.yaml");
    assert_int_equal(holidays_earliest(&h, number("2026-12-28"), 10, &day, NULL), -ERANGE);
    assert_int_equal(holidays_latest(&h, number("2026-01-10"), 20, &day, NULL), -ERANGE);
    assert_int_equal(day, 7);
    /* A walk that ends within the year needs no other. */
    assert_int_equal(holidays_earliest(&h, number("2026-11-23"), 10, &day, NULL), 0);
}

static void a_leap_year_has_its_day_and_december_31(void **state)
{
    (void)state;
    struct holidays h = read_text("title: T\nweekend: [saturday, sunday]\nyears:\n  - year: 2028\n    off:\n"
                                  "      - { name: Leap, from: 2028-02-29 }\n"
                                  "      - { name: Last, from: 2028-12-29, to: 2028-12-31 }\n");
    assert_false(is_working(&h, "2028-02-29"));
    assert_true(is_working(&h, "2028-03-01"));
    assert_false(is_working(&h, "2028-12-31"));
    assert_true(is_working(&h, "2028-12-28"));
}

static void each_fault_is_told_with_its_line(void **state)
{
    (void)state;
#define HEAD "title: T\nweekend: [saturday, sunday]\nyears:\n  - year: 2026\n    off:\n"
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "", "title" },
        { HEAD "      - { name: N, from: 2026-02-30 }\n", "autumn.yaml:6: `from`: \"2026-02-30\" is not a day" },
        { HEAD "      - { name: N, from: 2027-01-01 }\n", "autumn.yaml:6: `from`: 2027-01-01 is no day of 2026" },
        { HEAD "      - { name: N, from: 2026-05-02, to: 2026-05-01 }\n", "before it begins" },
        { HEAD "      - { name: N, from: 2026-05-01 }\n      - { name: M, from: 2026-05-01 }\n",
          "autumn.yaml:7: M: 2026-05-01 is a holiday already" },
        { HEAD "      - { from: 2026-05-01 }\n", "`name` is missing" },
        { HEAD "      - { name: N, from: 2026-05-02 }\n    working:\n      - { day: 2026-05-02 }\n",
          "autumn.yaml:8: 2026-05-02 is a holiday and worked on" },
        { HEAD "      - { name: N, from: 2026-05-01 }\n    working:\n      - { day: 2026-05-08 }\n",
          "2026-05-08 is worked on already" },
        { HEAD "      - { name: N, from: 2026-05-01 }\n  - year: 2026\n    off: []\n",
          "autumn.yaml:7: year 2026 stands behind 2026" },
        { HEAD "      - { name: N, from: 2026-05-01 }\n  - year: 12026\n    off: []\n", "year" },
        { "title: T\nweekend: [samstag]\nyears:\n  - year: 2026\n    off: []\n", "samstag" },
        { "title: T\nweekend: []\nyears: []\n", "years" },
        { "title: T\nweekend: []\nyears:\n  - year: 2026\n", "`off` is missing" },
    };
#undef HEAD
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct holidays h, before;
        struct config_faults faults;
        memset(&h, 0x5a, sizeof h);
        before = h;
        assert_int_equal(parse(rows[i].text, &h, &faults), -EINVAL);
        if (!strstr(faults.at[0].text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", faults.at[0].text, rows[i].says);
        assert_memory_equal(&h, &before, sizeof h);
    }
}

static void a_files_name_is_the_calendars(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "China.yaml", "cn.yml", ".yaml", "x/", "a b.yaml", "cn.yaml.old", "a-name-that-is-longer-than-31-byte.yaml"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct holidays h;
        struct config_faults faults = { 0 };
        assert_int_equal(holidays_parse(bad[i], autumn, sizeof autumn - 1, &h, &faults), -EINVAL);
        assert_non_null(strstr(faults.at[0].text, "its name"));
    }
}

/* Facts of the calendars shipped; tests/calendar/ compares every day of theirs with another reader. */
static void the_calendars_shipped_are_whole(void **state)
{
    (void)state;
    struct holidays cn = shipped("share/calendars/cn.yaml");
    struct holidays england = shipped("share/calendars/gb-eng.yaml");
    struct holidays de = shipped("share/calendars/de.yaml");
    int64_t n = 0;
    assert_int_equal(holidays_count(&cn, number("2026-01-01"), number("2026-12-31") + 1, &n, NULL), 0);
    assert_int_equal(n, 248); /* 365 - 104 days of weekends - 13 days of holidays: what is moved does not count */
    assert_false(is_working(&cn, "2026-02-16"));
    assert_true(is_working(&cn, "2026-02-14"));
    assert_int_equal(holidays_count(&england, number("2026-01-01"), number("2028-01-01"), &n, NULL), 0);
    assert_int_equal(n, 261 + 261 - 16);
    assert_false(is_working(&england, "2027-12-28"));
    assert_false(is_working(&de, "2027-05-06"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weekends_and_holidays_are_off_and_days_that_make_up_for_them_are_not),
        cmocka_unit_test(working_days_are_counted_from_the_first_to_before_the_last),
        cmocka_unit_test(neither_the_day_of_asking_nor_the_day_asked_for_counts_as_ahead),
        cmocka_unit_test(the_latest_day_to_ask_is_the_one_whose_earliest_day_still_fits),
        cmocka_unit_test(the_next_working_day_may_be_the_day_itself),
        cmocka_unit_test(a_year_that_is_not_covered_is_an_answer_with_what_to_do),
        cmocka_unit_test(a_leap_year_has_its_day_and_december_31),
        cmocka_unit_test(each_fault_is_told_with_its_line),
        cmocka_unit_test(a_files_name_is_the_calendars),
        cmocka_unit_test(the_calendars_shipped_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
