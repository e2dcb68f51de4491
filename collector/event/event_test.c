#include "collector/event/event.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct event_plan usual = {
    .name = "spring-sale", .zone = "Asia/Shanghai", .first_day = "2026-11-24", .days = 2, .hosts = "web-*,db-1"
};

/* The usual plan, but: PLAN(name = "a"). */
#define PLAN(...)                                                                                                      \
    __extension__({                                                                                                    \
        static struct event_plan plan;                                                                                 \
        plan = usual;                                                                                                  \
        plan.__VA_ARGS__;                                                                                              \
        &plan;                                                                                                         \
    })

static struct event planned(const struct event_plan *plan)
{
    struct event event;
    struct err err = { 0 };
    if (event_init(&event, plan, &err) != 0)
        fail_msg("%s", err.text);
    return event;
}

static void assert_refused(const struct event_plan *plan, const char *says)
{
    struct event event, before;
    struct err err = { 0 };
    memset(&event, 0x5a, sizeof event);
    before = event;
    assert_int_equal(event_init(&event, plan, &err), -EINVAL);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
    assert_memory_equal(&event, &before, sizeof event);
}

static void a_new_event_is_a_draft_with_a_window_of_natural_days(void **state)
{
    (void)state;
    struct event event = planned(PLAN(labels = "role=web"));
    assert_int_equal(event.state, EVENT_DRAFT);
    assert_string_equal(event.name, "spring-sale");
    assert_string_equal(event.zone, "Asia/Shanghai");
    assert_string_equal(event.labels, "role=web");
    assert_int_equal(event.days, 2);
    assert_int_equal(event.start_us, INT64_C(1795449600) * US_PER_S);
    assert_int_equal(event.end_us - event.start_us, 48 * 3600 * US_PER_S);
    assert_true(event.started_us == 0 && event.closed_us == 0 && event.by[0] == '\0' && !event.drill);
    assert_true(planned(PLAN(drill = true)).drill);
}

static void its_first_day_is_that_of_its_own_zone(void **state)
{
    (void)state;
    char day[EVENT_DAY_TEXT];
    struct event event = planned(PLAN(first_day = "2028-02-29"));
    assert_string_equal(event_first_day(&event, day), "2028-02-29");
    snprintf(event.zone, sizeof event.zone, "Gone/Since");
    assert_string_equal(event_first_day(&event, day), "2028-02-28");
}

static void a_name_is_1_to_63_letters_digits_dots_dashes_underscores(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "spring sale", "spring/sale", "sale\n", "düsseldorf", "a,b", "*" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(PLAN(name = bad[i]), "name");
    char name[EVENT_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    name[EVENT_NAME_MAX + 1] = '\0';
    assert_refused(PLAN(name = name), "1..63");
    name[EVENT_NAME_MAX] = '\0';
    planned(PLAN(name = name));
    planned(PLAN(name = "A.b_c-9"));
}

static void an_unknown_zone_or_day_or_length_is_refused(void **state)
{
    (void)state;
    assert_refused(PLAN(zone = "Mars/Olympus"), "Mars/Olympus");
    assert_refused(PLAN(zone = NULL), "IANA");
    assert_refused(PLAN(first_day = "2026-02-30"), "2026-02-30");
    assert_refused(PLAN(first_day = NULL), "YYYY-MM-DD");
    assert_refused(PLAN(days = 0), "1..31");
    assert_refused(PLAN(days = EVENT_DAYS_MAX + 1), "1..31");
}

static void it_needs_hosts_or_labels_that_are_well_formed(void **state)
{
    (void)state;
    assert_refused(PLAN(hosts = ""), "selects none");
    assert_refused(PLAN(hosts = NULL), "selects none");
    assert_refused(PLAN(hosts = "web 1"), "event: hosts: \"web 1\"");
    assert_refused(PLAN(labels = "role"), "event: labels: \"role\"");
    planned(PLAN(hosts = "", plan.labels = "role=web"));
}

static void a_host_is_selected_when_it_is_named_or_its_labels_fit(void **state)
{
    (void)state;
    struct event event = planned(PLAN(labels = "role=web,site=sh*"));
    assert_true(event_selects(&event, "web-1", ""));
    assert_true(event_selects(&event, "db-1", "role=db"));
    assert_true(event_selects(&event, "x", "role=web,site=sh-2"));
    assert_false(event_selects(&event, "x", "role=web"));
    assert_false(event_selects(&event, "db-2", ""));
    event = planned(PLAN(hosts = "db-1"));
    assert_false(event_selects(&event, "x", "role=web"));
}

static void seconds_are_wanted_from_arming_to_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        struct event event = { .state = (enum event_state)i };
        bool window = i == EVENT_ARMED || i == EVENT_LIVE;
        assert_int_equal(event_wants_seconds(&event), window);
        event.arming_us = 1;
        assert_int_equal(event_wants_seconds(&event), window || i == EVENT_CHECKED);
    }
}

static void it_may_be_changed_until_it_is_armed_and_a_drill_has_no_gates_to_turn(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        struct event event = { .state = (enum event_state)i };
        assert_int_equal(event_may_change(&event), i < EVENT_ARMED);
        assert_int_equal(event_may_turn(&event), i < EVENT_ARMED);
        event.drill = true;
        assert_false(event_may_turn(&event));
    }
}

static void every_state_and_verb_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < EVENT_STATE_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(event_state_name((enum event_state)i), event_state_name((enum event_state)k));
    for (int i = 0; i < EVENT_VERB_COUNT; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(event_verb_name((enum event_verb)i), event_verb_name((enum event_verb)k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_event_is_a_draft_with_a_window_of_natural_days),
        cmocka_unit_test(its_first_day_is_that_of_its_own_zone),
        cmocka_unit_test(a_name_is_1_to_63_letters_digits_dots_dashes_underscores),
        cmocka_unit_test(an_unknown_zone_or_day_or_length_is_refused),
        cmocka_unit_test(it_needs_hosts_or_labels_that_are_well_formed),
        cmocka_unit_test(a_host_is_selected_when_it_is_named_or_its_labels_fit),
        cmocka_unit_test(seconds_are_wanted_from_arming_to_the_end),
        cmocka_unit_test(it_may_be_changed_until_it_is_armed_and_a_drill_has_no_gates_to_turn),
        cmocka_unit_test(every_state_and_verb_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
