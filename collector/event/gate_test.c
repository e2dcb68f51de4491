#include "collector/event/gate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct gate an_open_one(void)
{
    return (struct gate){ .event = 7, .gate = GATE_VERDICT };
}

static struct gate an_overridden_one(void)
{
    struct gate gate = an_open_one();
    assert_int_equal(gate_override(&gate, ROLE_COMMANDER, "li", "capacity is known from last year", 5, NULL), 0);
    return gate;
}

static void a_new_event_has_each_gate_and_all_are_open(void **state)
{
    (void)state;
    struct gate gates[GATE_COUNT];
    gates_init(gates, 7);
    for (int i = 0; i < GATE_COUNT; i++) {
        enum gate_kind found;
        assert_true(gates[i].event == 7 && (int)gates[i].gate == i && gates[i].state == GATE_OPEN);
        assert_false(gate_lets(&gates[i]));
        assert_true(gate_find(gate_name((enum gate_kind)i), &found));
        assert_int_equal(found, i);
    }
    enum gate_kind kept = GATE_LINT;
    assert_false(gate_find("verdicts", &kept));
    assert_int_equal(kept, GATE_LINT);
}

static void what_a_part_finds_turns_the_gate_and_is_its_evidence(void **state)
{
    (void)state;
    struct gate gate = an_open_one();
    assert_int_equal(gate_judge(&gate, false, "3 of 5 report", "arming", 10), GATE_TURNED);
    assert_true(gate.state == GATE_FAILED && gate.at_us == 10 && !gate_lets(&gate));
    assert_int_equal(gate_judge(&gate, false, "4 of 5 report", "arming", 11), GATE_RETOLD);
    assert_int_equal(gate.at_us, 10);
    assert_int_equal(gate_judge(&gate, false, "4 of 5 report", "arming", 12), GATE_SAME);
    assert_int_equal(gate_judge(&gate, true, "5 of 5 report", "arming", 13), GATE_TURNED);
    assert_true(gate.state == GATE_PASSED && gate.at_us == 13 && gate_lets(&gate));
    assert_string_equal(gate.evidence, "5 of 5 report");
    assert_string_equal(gate.by, "arming");
}

static void long_evidence_is_cut_to_its_room(void **state)
{
    (void)state;
    struct gate gate = an_open_one();
    char evidence[2 * GATE_TEXT_MAX];
    memset(evidence, 'x', sizeof evidence);
    evidence[sizeof evidence - 1] = '\0';
    assert_int_equal(gate_judge(&gate, true, evidence, "lint", 1), GATE_TURNED);
    assert_int_equal(strlen(gate.evidence), GATE_TEXT_MAX);
    assert_int_equal(gate_judge(&gate, true, evidence, "lint", 2), GATE_SAME);
}

static void a_commander_overrides_by_name_and_reason(void **state)
{
    (void)state;
    struct gate gate = an_overridden_one();
    assert_true(gate.state == GATE_OVERRIDDEN && gate_lets(&gate) && gate.at_us == 5);
    assert_string_equal(gate.by, "li");
    assert_string_equal(gate.reason, "capacity is known from last year");
}

static void an_override_stays_visible_whatever_is_found_later(void **state)
{
    (void)state;
    struct gate gate = an_overridden_one();
    assert_int_equal(gate_judge(&gate, false, "no-go", "capacity", 6), GATE_RETOLD);
    assert_int_equal(gate_judge(&gate, true, "go", "capacity", 7), GATE_RETOLD);
    assert_int_equal(gate.state, GATE_OVERRIDDEN);
    assert_string_equal(gate.evidence, "go");
    assert_string_equal(gate.by, "li");
}

static void who_is_no_commander_overrides_nothing(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct gate gate = an_open_one(), before = gate;
        struct err err = { 0 };
        if (role == ROLE_COMMANDER)
            continue;
        assert_int_equal(gate_override(&gate, (enum role)role, "li", "because", 5, &err), -EPERM);
        assert_non_null(strstr(err.text, "gate verdict: an override wants a commander"));
        assert_memory_equal(&gate, &before, sizeof gate);
    }
}

static void an_override_wants_a_reason_of_one_line_and_a_name(void **state)
{
    (void)state;
    char too_long[GATE_TEXT_MAX + 2];
    memset(too_long, 'x', sizeof too_long);
    too_long[sizeof too_long - 1] = '\0';
    const char *const bad[] = { NULL, "", "two\nlines", "\xff", too_long };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct gate gate = an_open_one(), before = gate;
        struct err err = { 0 };
        assert_int_equal(gate_override(&gate, ROLE_COMMANDER, "li", bad[i], 5, &err), -EINVAL);
        assert_non_null(strstr(err.text, "--reason"));
        assert_int_equal(gate_override(&gate, ROLE_COMMANDER, bad[i], "because", 5, &err), -EINVAL);
        assert_memory_equal(&gate, &before, sizeof gate);
    }
}

static void what_lets_through_already_is_not_overridden(void **state)
{
    (void)state;
    struct gate gate = an_overridden_one();
    assert_int_equal(gate_override(&gate, ROLE_COMMANDER, "wang", "again", 6, NULL), -EALREADY);
    assert_string_equal(gate.by, "li");
}

static void what_changes_under_a_gate_opens_it_again_overridden_or_not(void **state)
{
    (void)state;
    struct gate gate = an_overridden_one();
    assert_int_equal(gate_reopen(&gate, "hosts changed", "wang", 9), GATE_TURNED);
    assert_true(gate.state == GATE_OPEN && gate.at_us == 9 && gate.reason[0] == '\0');
    assert_string_equal(gate.evidence, "hosts changed");
    assert_int_equal(gate_reopen(&gate, "labels changed", "wang", 10), GATE_SAME);
    assert_int_equal(gate.at_us, 9);
}

static void a_set_of_gates_knows_which_are_closed_and_which_are_overridden(void **state)
{
    (void)state;
    unsigned all = (1U << GATE_COUNT) - 1;
    unsigned wanted = all & ~GATE_BIT(GATE_HOSTS);
    struct gate gates[GATE_COUNT];
    char text[96];
    gates_init(gates, 7);
    gates[GATE_LINT].state = GATE_PASSED;
    gates[GATE_VERDICT].state = GATE_OVERRIDDEN;
    gates[GATE_NOTICES].state = GATE_FAILED;
    unsigned closed = gates_closed(gates, wanted);
    assert_int_equal(closed, wanted & ~(GATE_BIT(GATE_LINT) | GATE_BIT(GATE_VERDICT)));
    assert_string_equal(gates_list(text, sizeof text, closed), "entitlement, rehearsal, contacts and notices");
    assert_int_equal(gates_overridden(gates, all), GATE_BIT(GATE_VERDICT));
    assert_int_equal(gates_overridden(gates, GATE_BIT(GATE_LINT)), 0);
    assert_int_equal(gates_closed(NULL, wanted), wanted);
    assert_int_equal(gates_overridden(NULL, wanted), 0);
    assert_string_equal(gates_list(text, 12, all), "entitlement");
    assert_string_equal(gates_list(text, sizeof text, 0), "");
}

static void roles_have_names_and_are_listed(void **state)
{
    (void)state;
    char text[ROLES_TEXT];
    for (int i = 0; i < ROLE_COUNT; i++) {
        enum role found = ROLE_COUNT;
        assert_true(role_find(role_name((enum role)i), &found));
        assert_int_equal(found, i);
    }
    enum role kept = ROLE_OPERATOR;
    assert_false(role_find("root", &kept));
    assert_int_equal(kept, ROLE_OPERATOR);
    assert_string_equal(role_list(text, ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_COMMANDER) | ROLE_BIT(ROLE_CUSTOMER)),
                        "operator, commander or customer");
    assert_string_equal(role_list(text, ROLE_BIT(ROLE_COMMANDER) | ROLE_CLOCK), "commander");
    assert_string_equal(role_list(text, ROLE_CLOCK - 1), "viewer, operator, commander or customer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_event_has_each_gate_and_all_are_open),
        cmocka_unit_test(what_a_part_finds_turns_the_gate_and_is_its_evidence),
        cmocka_unit_test(long_evidence_is_cut_to_its_room),
        cmocka_unit_test(a_commander_overrides_by_name_and_reason),
        cmocka_unit_test(an_override_stays_visible_whatever_is_found_later),
        cmocka_unit_test(who_is_no_commander_overrides_nothing),
        cmocka_unit_test(an_override_wants_a_reason_of_one_line_and_a_name),
        cmocka_unit_test(what_lets_through_already_is_not_overridden),
        cmocka_unit_test(what_changes_under_a_gate_opens_it_again_overridden_or_not),
        cmocka_unit_test(a_set_of_gates_knows_which_are_closed_and_which_are_overridden),
        cmocka_unit_test(roles_have_names_and_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
