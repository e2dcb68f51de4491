/* What an event waits for before it is armed: its gates and its hosts. */
#include "collector/event/life_fixture.h"

#include <errno.h>

/* ---- gates ---- */

static void a_step_waits_for_its_gates_and_says_which(void **state)
{
    (void)state;
    static const struct {
        enum event_state from;
        enum event_verb verb;
        unsigned gates;
    } rows[] = {
        { EVENT_REQUESTED, EVENT_ACCEPT, GATE_BIT(GATE_ENTITLEMENT) },
        { EVENT_ACCEPTED, EVENT_CHECK, GATE_BIT(GATE_ENTITLEMENT) | GATE_BIT(GATE_VERDICT) },
        { EVENT_CHECKED, EVENT_ARM, ALL_GATES & ~GATE_BIT(GATE_HOSTS) },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int gate = 0; gate < GATE_COUNT; gate++) {
            struct fixture f = in_state(rows[i].from, false);
            f.gates[gate].state = gate % 2 ? GATE_OPEN : GATE_FAILED;
            struct fixture before = f;
            assert_int_equal(event_wants_gates(&f.event, rows[i].verb), rows[i].gates);
            if (rows[i].gates & GATE_BIT(gate))
                assert_refused(&f, ask(&f, rows[i].verb, ""), -EBUSY, gate_name((enum gate_kind)gate), &before);
            else
                asked(&f, rows[i].verb);
        }
    }
}

static void a_step_tells_what_it_stood_on_and_what_was_overridden(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_CHECKED, false);
    f.gates[GATE_LINT].state = GATE_OVERRIDDEN;
    f.gates[GATE_HOSTS].state = GATE_OVERRIDDEN;
    asked(&f, EVENT_ARM);
    assert_int_equal(f.change.gates, ALL_GATES & ~GATE_BIT(GATE_HOSTS));
    assert_int_equal(f.change.overridden, GATE_BIT(GATE_LINT));
    assert_true(tick(&f, f.event.start_us - MINUTE_US));
    assert_int_equal(f.change.gates, ALL_GATES);
    assert_int_equal(f.change.overridden, GATE_BIT(GATE_LINT) | GATE_BIT(GATE_HOSTS));
}

static void a_drill_asks_for_no_gates(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_DRAFT, true);
    pass_gates(&f, 0);
    asked(&f, EVENT_REQUEST);
    asked(&f, EVENT_ACCEPT);
    asked(&f, EVENT_CHECK);
    asked(&f, EVENT_ARM);
    assert_int_equal(f.event.state, EVENT_ARMED);
    assert_int_equal(f.change.gates, 0);
}

/* ---- arming ---- */

static void arming_waits_for_the_hosts_and_is_then_armed_in_the_name_of_who_asked(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_CHECKED, false);
    pass_gates(&f, ALL_GATES & ~GATE_BIT(GATE_HOSTS));
    asked(&f, EVENT_ARM);
    assert_true(f.event.state == EVENT_CHECKED && event_wants_seconds(&f.event));
    assert_true(f.change.what == EVENT_ARMING && f.change.from == EVENT_CHECKED && f.change.to == EVENT_CHECKED);
    assert_false(tick(&f, f.event.start_us - MINUTE_US));
    pass_gates(&f, ALL_GATES);
    assert_true(tick(&f, f.event.start_us - MINUTE_US));
    assert_true(f.change.what == EVENT_STEPPED && f.change.to == EVENT_ARMED && f.change.verb == EVENT_ARM);
    assert_string_equal(f.change.by, "li");
    assert_string_equal(f.change.role, "commander");
    assert_string_equal(f.event.by, "li");
}

static void a_gate_that_opens_while_arming_is_waited_for(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_CHECKED, false);
    asked(&f, EVENT_ARM);
    f.gates[GATE_NOTICES].state = GATE_FAILED;
    assert_false(tick(&f, f.event.start_us - MINUTE_US));
    assert_int_equal(f.event.state, EVENT_CHECKED);
}

static void who_asks_for_arming_twice_is_told_since_when(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_CHECKED, false);
    asked(&f, EVENT_ARM);
    struct fixture before = f;
    assert_refused(&f, ask(&f, EVENT_ARM, ""), -EALREADY, "is arming already, since 2026-11-23 23:00:00", &before);
}

static void nothing_is_armed_once_the_window_is_over(void **state)
{
    (void)state;
    struct fixture f = in_state(EVENT_CHECKED, false), before = f;
    assert_refused(&f, do_as(&f, EVENT_ARM, ROLE_COMMANDER, f.event.end_us, ""), -ERANGE, "its window was over",
                   &before);
    asked(&f, EVENT_ARM);
    assert_true(tick(&f, f.event.end_us)); /* told of as unarmed... */
    assert_int_equal(f.change.what, EVENT_OPENED_UNARMED);
    assert_true(tick(&f, f.event.end_us)); /* ...and lapses, though every gate lets through now */
    assert_int_equal(f.event.state, EVENT_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_waits_for_its_gates_and_says_which),
        cmocka_unit_test(a_step_tells_what_it_stood_on_and_what_was_overridden),
        cmocka_unit_test(a_drill_asks_for_no_gates),
        cmocka_unit_test(arming_waits_for_the_hosts_and_is_then_armed_in_the_name_of_who_asked),
        cmocka_unit_test(a_gate_that_opens_while_arming_is_waited_for),
        cmocka_unit_test(who_asks_for_arming_twice_is_told_since_when),
        cmocka_unit_test(nothing_is_armed_once_the_window_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
