#include "collector/event/event.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static struct event a_draft(void)
{
    struct event event;
    struct err err = { 0 };
    if (event_init(&event, "spring-sale", "Asia/Shanghai", "2026-11-24", 2, "web-*,db-1", &err) != 0)
        fail_msg("%s", err.text);
    return event;
}

static struct event a_live_one(void)
{
    struct event event = a_draft();
    assert_int_equal(event_do(&event, EVENT_START, event.start_us, "li", NULL), 0);
    return event;
}

static void assert_refused(const char *name, const char *zone, const char *day, int64_t days, const char *hosts,
                           const char *says)
{
    struct event event, before;
    struct err err = { 0 };
    memset(&event, 0x5a, sizeof event);
    before = event;
    assert_int_equal(event_init(&event, name, zone, day, days, hosts, &err), -EINVAL);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
    assert_memory_equal(&event, &before, sizeof event);
}

static void a_new_event_is_a_draft_with_a_window_of_natural_days(void **state)
{
    (void)state;
    struct event event = a_draft();
    assert_int_equal(event.state, EVENT_DRAFT);
    assert_string_equal(event.name, "spring-sale");
    assert_string_equal(event.zone, "Asia/Shanghai");
    assert_int_equal(event.start_us, INT64_C(1795449600) * US_PER_S);
    assert_int_equal(event.end_us - event.start_us, 48 * 3600 * US_PER_S);
    assert_true(event.started_us == 0 && event.closed_us == 0 && event.by[0] == '\0');
}

static void a_name_is_1_to_63_letters_digits_dots_dashes_underscores(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "spring sale", "spring/sale", "sale\n", "düsseldorf", "a,b", "*" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i], "UTC", "2026-11-24", 1, "*", "name");
    char name[EVENT_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    name[EVENT_NAME_MAX + 1] = '\0';
    assert_refused(name, "UTC", "2026-11-24", 1, "*", "1..63");
    name[EVENT_NAME_MAX] = '\0';
    struct event event;
    assert_int_equal(event_init(&event, name, "UTC", "2026-11-24", 1, "*", NULL), 0);
    assert_int_equal(event_init(&event, "A.b_c-9", "UTC", "2026-11-24", 1, "*", NULL), 0);
}

static void an_unknown_zone_or_day_or_length_is_refused(void **state)
{
    (void)state;
    assert_refused("a", "Mars/Olympus", "2026-11-24", 1, "*", "Mars/Olympus");
    assert_refused("a", "UTC", "2026-02-30", 1, "*", "2026-02-30");
    assert_refused("a", "UTC", "2026-11-24", 0, "*", "1..31");
    assert_refused("a", "UTC", "2026-11-24", EVENT_DAYS_MAX + 1, "*", "1..31");
}

static void each_name_of_a_selector_is_checked(void **state)
{
    (void)state;
    static const char *const bad[] = { "",     ",",     "web-1,", ",web-1", "web-1,,db", "web 1",
                                       "a/b*", "web-[", "web-]",  "web-[]", "web-[[a]]", "web-{1,2}" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused("a", "UTC", "2026-11-24", 1, bad[i], "hosts");
    char hosts[EVENT_HOSTS_MAX + 2];
    for (size_t i = 0; i < sizeof hosts - 1; i++)
        hosts[i] = i % 6 == 5 ? ',' : 'w';
    hosts[sizeof hosts - 1] = '\0';
    assert_refused("a", "UTC", "2026-11-24", 1, hosts, "use patterns");
}

static void spaces_around_the_commas_of_a_selector_are_dropped(void **state)
{
    (void)state;
    struct event event;
    assert_int_equal(event_init(&event, "a", "UTC", "2026-11-24", 1, " web-* , db-1 ", NULL), 0);
    assert_string_equal(event.hosts, "web-*,db-1");
}

static void a_selector_takes_names_and_globs(void **state)
{
    (void)state;
    struct event event;
    assert_int_equal(event_init(&event, "a", "UTC", "2026-11-24", 1, "web-*,db-1,cache-[0-3],q?", NULL), 0);
    static const struct {
        const char *host;
        bool selected;
    } rows[] = {
        { "web-1", true },   { "web-", true },     { "web", false }, { "db-1", true },   { "db-10", false },
        { "cache-2", true }, { "cache-4", false }, { "q1", true },   { "q", false },     { "", false },
        { "xweb-1", false }, { "WEB-1", false },   { "q1x", false }, { "db-1,", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (event_selects(&event, rows[i].host) != rows[i].selected)
            fail_msg("%s", rows[i].host);
}

static void an_event_starts_inside_its_window_from_its_first_instant(void **state)
{
    (void)state;
    struct event event = a_draft();
    assert_int_equal(event_do(&event, EVENT_START, event.start_us, "li", NULL), 0);
    assert_int_equal(event.state, EVENT_LIVE);
    assert_int_equal(event.started_us, event.start_us);
    assert_string_equal(event.by, "li");
}

static void a_start_too_early_says_when_the_window_opens_by_both_clocks(void **state)
{
    (void)state;
    struct event event = a_draft();
    struct event before = event;
    struct err err = { 0 };
    assert_int_equal(event_do(&event, EVENT_START, event.start_us - 1, "li", &err), -ERANGE);
    assert_string_equal(err.text, "event spring-sale: its window opens at 2026-11-24 00:00:00 Asia/Shanghai "
                                  "(2026-11-23T16:00:00.000Z); start it then");
    assert_memory_equal(&event, &before, sizeof event);
}

static void a_start_too_late_says_that_the_window_is_over(void **state)
{
    (void)state;
    struct event event = a_draft();
    struct event before = event;
    struct err err = { 0 };
    assert_int_equal(event_do(&event, EVENT_START, event.end_us, "li", &err), -ERANGE);
    assert_non_null(strstr(err.text, "was over at 2026-11-26 00:00:00 Asia/Shanghai (2026-11-25T16:00:00.000Z)"));
    assert_memory_equal(&event, &before, sizeof event);
    assert_int_equal(event_do(&event, EVENT_START, event.end_us - 1, "li", NULL), 0);
}

static void a_live_event_closes_by_hand(void **state)
{
    (void)state;
    struct event event = a_live_one();
    assert_int_equal(event_do(&event, EVENT_CLOSE, event.start_us + US_PER_S, "wang", NULL), 0);
    assert_int_equal(event.state, EVENT_CLOSED);
    assert_int_equal(event.closed_us, event.start_us + US_PER_S);
    assert_string_equal(event.by, "wang");
}

static void a_draft_that_is_closed_is_cancelled(void **state)
{
    (void)state;
    struct event event = a_draft();
    assert_int_equal(event_do(&event, EVENT_CLOSE, 5, "li", NULL), 0);
    assert_int_equal(event.state, EVENT_CANCELLED);
    assert_int_equal(event.closed_us, 5);
}

static void the_clock_closes_a_live_event_at_its_end(void **state)
{
    (void)state;
    struct event event = a_live_one();
    assert_false(event_tick(&event, event.end_us - 1));
    assert_int_equal(event.state, EVENT_LIVE);
    assert_true(event_tick(&event, event.end_us));
    assert_int_equal(event.state, EVENT_CLOSED);
    assert_string_equal(event.by, "clock");
    assert_int_equal(event.closed_us, event.end_us);
    assert_false(event_tick(&event, event.end_us + 1));
}

static void the_clock_leaves_a_draft_alone(void **state)
{
    (void)state;
    struct event event = a_draft();
    assert_false(event_tick(&event, event.end_us + US_PER_S));
    assert_int_equal(event.state, EVENT_DRAFT);
}

static void every_other_step_is_refused_and_says_what_it_wants(void **state)
{
    (void)state;
    for (int from = 0; from < EVENT_STATE_COUNT; from++) {
        for (int verb = 0; verb < EVENT_VERB_COUNT; verb++) {
            struct event event = a_draft();
            struct err err = { 0 };
            event.state = (enum event_state)from;
            if (from == EVENT_DRAFT || (from == EVENT_LIVE && verb == EVENT_CLOSE))
                continue;
            assert_int_equal(event_do(&event, (enum event_verb)verb, event.start_us, "li", &err), -EPERM);
            assert_int_equal(event.state, from);
            assert_non_null(strstr(err.text, event_state_name((enum event_state)from)));
            assert_non_null(strstr(err.text, "draft"));
        }
    }
}

static void seconds_are_wanted_from_armed_to_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        struct event event = { .state = (enum event_state)i };
        assert_int_equal(event_wants_seconds(&event), i == EVENT_ARMED || i == EVENT_LIVE);
    }
}

static void every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        assert_non_null(event_state_name((enum event_state)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(event_state_name((enum event_state)i), event_state_name((enum event_state)k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_event_is_a_draft_with_a_window_of_natural_days),
        cmocka_unit_test(a_name_is_1_to_63_letters_digits_dots_dashes_underscores),
        cmocka_unit_test(an_unknown_zone_or_day_or_length_is_refused),
        cmocka_unit_test(each_name_of_a_selector_is_checked),
        cmocka_unit_test(spaces_around_the_commas_of_a_selector_are_dropped),
        cmocka_unit_test(a_selector_takes_names_and_globs),
        cmocka_unit_test(an_event_starts_inside_its_window_from_its_first_instant),
        cmocka_unit_test(a_start_too_early_says_when_the_window_opens_by_both_clocks),
        cmocka_unit_test(a_start_too_late_says_that_the_window_is_over),
        cmocka_unit_test(a_live_event_closes_by_hand),
        cmocka_unit_test(a_draft_that_is_closed_is_cancelled),
        cmocka_unit_test(the_clock_closes_a_live_event_at_its_end),
        cmocka_unit_test(the_clock_leaves_a_draft_alone),
        cmocka_unit_test(every_other_step_is_refused_and_says_what_it_wants),
        cmocka_unit_test(seconds_are_wanted_from_armed_to_the_end),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
