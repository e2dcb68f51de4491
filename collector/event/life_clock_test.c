/* What the clock does to an event. */
#include "collector/event/life_fixture.h"

/* ---- the clock ---- */

static void an_armed_event_starts_by_the_clock_with_its_window(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_ARMED, false);
    assert_false(tick(&f, f.event.start_us - 1));
    assert_true(tick(&f, f.event.start_us));
    assert_true(f.event.state == EVENT_LIVE && f.event.started_us == f.event.start_us && f.change.late_us == 0);
    assert_string_equal(f.event.by, "clock");
    assert_string_equal(f.change.role, "clock");
    assert_false(tick(&f, f.event.start_us));
}

static void a_start_that_was_missed_is_caught_up_and_says_by_how_much(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_ARMED, false);
    assert_true(tick(&f, f.event.start_us + MINUTE_US));
    assert_int_equal(f.change.late_us, 0); /* a minute is no lateness yet */
    f = in_state(EVENT_ARMED, false);
    assert_true(tick(&f, f.event.start_us + 2 * HOUR_US));
    assert_int_equal(f.change.late_us, 2 * HOUR_US);
    assert_int_equal(f.event.started_us, f.event.start_us + 2 * HOUR_US);
    assert_false(tick(&f, f.event.start_us + 2 * HOUR_US));
}

static void a_window_that_was_missed_whole_starts_and_ends_late(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_ARMED, false);
    int64_t now_us = f.event.end_us + HOUR_US;
    assert_true(tick(&f, now_us));
    assert_true(f.event.state == EVENT_LIVE && f.change.late_us == 25 * HOUR_US);
    assert_true(tick(&f, now_us));
    assert_true(f.event.state == EVENT_CLOSING && f.change.late_us == HOUR_US);
    assert_false(tick(&f, now_us));
    assert_true(f.event.started_us == now_us && f.event.closing_us == now_us);
}

static void a_clock_that_is_put_back_repeats_neither_start_nor_end(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_ARMED, false);
    assert_true(tick(&f, f.event.start_us + MINUTE_US));
    assert_false(tick(&f, f.event.start_us - HOUR_US));
    assert_false(tick(&f, f.event.start_us));
    assert_int_equal(f.event.started_us, f.event.start_us + MINUTE_US);
    assert_true(tick(&f, f.event.end_us));
    assert_false(tick(&f, f.event.end_us - HOUR_US));
    assert_false(tick(&f, f.event.end_us));
    assert_int_equal(f.event.state, EVENT_CLOSING);
}

static void no_end_is_stamped_before_its_start(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_ARMED, false);
    assert_true(tick(&f, f.event.start_us + HOUR_US));
    assert_int_equal(do_as(&f, EVENT_END, ROLE_COMMANDER, f.event.start_us, "sold out"), 0);
    assert_int_equal(f.event.closing_us, f.event.started_us);
    assert_int_equal(f.change.at_us, f.event.start_us); /* the clock as it was */
}

static void a_window_that_opens_unarmed_is_told_once_and_lapses_at_its_end(void **state)
{
    (void)state;
    for (int from = EVENT_REQUESTED; from <= EVENT_CHECKED; from++) {
        struct fixture f = in_state((enum event_state)from, false);
        assert_false(tick(&f, f.event.start_us - 1));
        assert_true(tick(&f, f.event.start_us));
        assert_true(f.change.what == EVENT_OPENED_UNARMED && (int)f.event.state == from);
        assert_true((int)f.change.from == from && (int)f.change.to == from);
        assert_false(tick(&f, f.event.start_us + HOUR_US));
        assert_false(tick(&f, f.event.start_us - HOUR_US));
        assert_false(tick(&f, f.event.end_us - 1));
        assert_true(tick(&f, f.event.end_us));
        assert_true(f.event.state == EVENT_CANCELLED && f.change.verb == EVENT_CANCEL);
        assert_string_equal(f.event.by, "clock");
        assert_string_equal(f.change.reason, "its window passed and it was not armed");
        assert_false(tick(&f, f.event.end_us));
    }
}

static void what_is_armed_within_its_window_goes_live_at_once_and_says_it_is_late(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_CHECKED, false);
    int64_t now_us = f.event.start_us + 2 * MINUTE_US;
    assert_true(tick(&f, now_us));
    assert_int_equal(f.change.what, EVENT_OPENED_UNARMED);
    assert_int_equal(do_as(&f, EVENT_ARM, ROLE_COMMANDER, now_us, ""), 0);
    assert_true(tick(&f, now_us));
    assert_int_equal(f.event.state, EVENT_ARMED);
    assert_true(tick(&f, now_us));
    assert_true(f.event.state == EVENT_LIVE && f.change.late_us == 2 * MINUTE_US);
}

static void the_clock_leaves_a_draft_and_what_is_over_alone(void **state)
{
    (void)state;
    static const enum event_state at[] = { EVENT_DRAFT, EVENT_CLOSING, EVENT_REPORTED, EVENT_CLOSED, EVENT_CANCELLED };
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        struct fixture f = in_state(at[i], false);
        assert_false(tick(&f, f.event.start_us));
        assert_false(tick(&f, f.event.end_us + HOUR_US));
        assert_int_equal(f.event.state, at[i]);
    }
}

/* ---- drills ---- */

static void a_drill_starts_from_anywhere_before_and_is_closed_at_its_end(void **state)
{
    (void)state;
    for (int from = EVENT_DRAFT; from <= EVENT_ARMED; from++) {
        struct fixture f = in_state((enum event_state)from, true);
        assert_int_equal(do_as(&f, EVENT_START, ROLE_COMMANDER, f.event.start_us + HOUR_US, ""), 0);
        assert_true(f.event.state == EVENT_LIVE && (f.change.late_us == 0 || from == EVENT_ARMED));
        assert_false(tick(&f, f.event.end_us - 1));
        assert_true(tick(&f, f.event.end_us));
        assert_true(f.event.state == EVENT_CLOSED && f.event.closed_us == f.event.end_us);
    }
}

static void a_drill_that_is_not_started_is_nothing_to_be_told_of(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_REQUESTED, true);
    assert_false(tick(&f, f.event.start_us + HOUR_US));
    assert_true(tick(&f, f.event.end_us));
    assert_true(f.change.what == EVENT_STEPPED && f.event.state == EVENT_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_armed_event_starts_by_the_clock_with_its_window),
        cmocka_unit_test(a_start_that_was_missed_is_caught_up_and_says_by_how_much),
        cmocka_unit_test(a_window_that_was_missed_whole_starts_and_ends_late),
        cmocka_unit_test(a_clock_that_is_put_back_repeats_neither_start_nor_end),
        cmocka_unit_test(no_end_is_stamped_before_its_start),
        cmocka_unit_test(a_window_that_opens_unarmed_is_told_once_and_lapses_at_its_end),
        cmocka_unit_test(what_is_armed_within_its_window_goes_live_at_once_and_says_it_is_late),
        cmocka_unit_test(the_clock_leaves_a_draft_and_what_is_over_alone),
        cmocka_unit_test(a_drill_starts_from_anywhere_before_and_is_closed_at_its_end),
        cmocka_unit_test(a_drill_that_is_not_started_is_nothing_to_be_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
