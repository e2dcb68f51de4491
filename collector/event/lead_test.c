/* How long ahead a request must come. */
#include "collector/event/book_fixture.h"

#include <stdio.h>
#include <string.h>

#include "collector/event/calendar.h"
#include "collector/event/lead.h"

enum { WEEKEND = 0x60 }; /* Saturday, Sunday */

static struct holidays weekends_of(int year)
{
    struct holidays holidays = { .name = "w", .n_years = 1, .years = { { .year = year } } };
    char day[CALENDAR_DAY_TEXT];
    snprintf(day, sizeof day, "%d-01-01", year);
    for (int64_t at = 0; at < 366; at++)
        if (WEEKEND >> calendar_weekday(number(day) + at) & 1)
            holidays.years[0].off[at / 8] |= (uint8_t)(1U << (at % 8));
    return holidays;
}

static void a_request_with_less_than_its_lead_is_late_and_hears_the_earliest_day(void **state)
{
    (void)state;
    struct holidays holidays = weekends_of(2026);
    struct lead lead;
    lead_check(&holidays, 10, number("2026-11-23"), number("2026-12-08"), &lead);
    assert_false(lead.late);
    lead_check(&holidays, 10, number("2026-11-23"), number("2026-12-07"), &lead);
    assert_true(lead.late);
    assert_int_equal(lead.earliest, number("2026-12-08"));
    assert_string_equal(lead.text,
                        "asked on 2026-11-23 for 2026-12-07: less than 10 working days ahead, the earliest day"
                        " would be 2026-12-08");
    lead_check(NULL, 0, number("2026-11-23"), number("2026-11-23"), &lead);
    assert_false(lead.late);
}

static void what_the_calendar_cannot_tell_is_late_and_says_so(void **state)
{
    (void)state;
    struct holidays holidays = weekends_of(2026);
    struct lead lead;
    lead_check(&holidays, 10, number("2026-12-28"), number("2027-06-01"), &lead);
    assert_true(lead.late);
    assert_int_equal(lead.earliest, 0);
    assert_non_null(strstr(lead.text, "cannot be told"));
    assert_non_null(strstr(lead.text, "does not cover 2027"));
    lead_check(NULL, 10, number("2026-11-23"), number("2027-06-01"), &lead);
    assert_true(lead.late);
    /* Ten working days fit into what it covers: a window beyond it is in time. */
    lead_check(&holidays, 10, number("2026-11-23"), number("2027-06-01"), &lead);
    assert_false(lead.late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_with_less_than_its_lead_is_late_and_hears_the_earliest_day),
        cmocka_unit_test(what_the_calendar_cannot_tell_is_late_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
