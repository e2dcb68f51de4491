#include "collector/watch/watch_fixture.h"

#include <errno.h>
#include <string.h>

#define EXERCISE "warroom.agent.exercise"

static const struct series of_exercise[] = { { EXERCISE, "", "1", 0 } };
static const struct series_table exercised = { .n = 1, .at = of_exercise, .hash = { { 7 } } };

static int setup_exercise(void **state)
{
    struct rule rule = rule_of("cpu", CPU, 0.9, 0.8, 0);
    return setup_rule(state, &rule, &exercised);
}

static size_t count_of(const struct fixture *f, const char *rule)
{
    size_t n = 0;
    for (size_t i = 0; i < f->out.n; i++)
        n += strcmp(f->out.at[i].alert.rule, rule) == 0;
    return n;
}

static void a_heartbeat_crosses_its_rule_alone_and_ends_with_it(void **state)
{
    struct fixture *f = *state;
    feed_one(f, 0, 0);
    assert_int_equal(said(f), 0);
    feed_one(f, 1, 1);
    assert_int_equal(said(f), 1);
    assert_change(last(f), WATCH_HEARTBEAT_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 1);
    feed_one(f, 2, 0);
    assert_int_equal(said(f), 2);
    assert_change(last(f), WATCH_HEARTBEAT_RULE, ALERT_FIRING, ALERT_OK);
}

static void a_rehearsal_crosses_its_rule_in_whatever_state_the_event_is(void **state)
{
    static const unsigned states[] = { IN_FORCE_NO_EVENT, IN_FORCE(EVENT_REQUESTED), IN_LIVE };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        set_host(f, states[i], 1);
        feed_one(f, 2 * (double)i, 2);
        assert_change(last_of(f, WATCH_REHEARSAL_RULE), WATCH_REHEARSAL_RULE, ALERT_OK, ALERT_FIRING);
        feed_one(f, 2 * (double)i + 1, 0);
        assert_change(last_of(f, WATCH_REHEARSAL_RULE), WATCH_REHEARSAL_RULE, ALERT_FIRING, ALERT_OK);
    }
    assert_int_equal(count_of(f, WATCH_REHEARSAL_RULE), 6);
}

static void other_rules_do_not_take_the_watchs_own_away(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(watch_set_rules(f->watch, NULL, 0, T0, &f->out, NULL), 0);
    feed_one(f, 0, 2);
    assert_change(last_of(f, WATCH_REHEARSAL_RULE), WATCH_REHEARSAL_RULE, ALERT_OK, ALERT_FIRING);
}

static void nobody_may_use_their_names(void **state)
{
    struct fixture *f = *state;
    struct rule rule = rule_of(WATCH_REHEARSAL_RULE, CPU, 0.9, 0.8, 0);
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), -EINVAL);
    assert_true(watch_keeps_name(WATCH_HEARTBEAT_RULE));
    assert_true(watch_keeps_name(WATCH_SILENCE_RULE));
    assert_false(watch_keeps_name("cpu"));
}

static void found(void *user, const struct alert *alert)
{
    (void)alert;
    ++*(size_t *)user;
}

static void they_are_not_among_the_alerts_that_are_listed(void **state)
{
    struct fixture *f = *state;
    size_t n = 0;
    feed_one(f, 0, 2);
    watch_each(f->watch, found, &n);
    assert_int_equal(n, 0);
}

static void a_host_can_be_exercised_once_its_ticks_say_by_what(void **state)
{
    struct fixture *f = *state;
    assert_false(watch_can_exercise(f->watch, HOST));
    feed_one(f, 0, 0);
    assert_true(watch_can_exercise(f->watch, HOST));
    f->table = &cpu_only; /* an older agent was put back */
    feed_one(f, 1, 0.1);
    assert_false(watch_can_exercise(f->watch, HOST));
}

#define TEST_EXERCISE(name) cmocka_unit_test_setup_teardown(name, setup_exercise, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EXERCISE(a_heartbeat_crosses_its_rule_alone_and_ends_with_it),
        TEST_EXERCISE(a_rehearsal_crosses_its_rule_in_whatever_state_the_event_is),
        TEST_EXERCISE(other_rules_do_not_take_the_watchs_own_away),
        TEST_EXERCISE(nobody_may_use_their_names),
        TEST_EXERCISE(they_are_not_among_the_alerts_that_are_listed),
        TEST_EXERCISE(a_host_can_be_exercised_once_its_ticks_say_by_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
