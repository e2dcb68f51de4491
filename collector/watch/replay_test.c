#include "collector/watch/replay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/watch/watch_fixture.h"

/* A batch of CPU values, `step_s` apart from `from_s` on. */
static int run(struct replay *replay, int from_s, int step_s, uint32_t n, const double *values)
{
    int64_t at_us[TICKS_ROOM];
    struct column column = { .real = true, .values = values };
    struct batch batch = { .n_ticks = n, .n_columns = 1, .table = cpu_only.hash, .columns = &column };
    for (uint32_t i = 0; i < n; i++)
        at_us[i] = T0 + (from_s + (int64_t)i * step_s) * S;
    return replay_feed(replay, &cpu_only, &batch, at_us);
}

static struct replay *replay_of(const struct rule *rules, size_t n, const struct tuning *tunings, size_t n_tunings)
{
    struct replay_host host = {
        .in_force = IN_FORCE_NO_EVENT, .limits = no_limits, .tunings = tunings, .n_tunings = n_tunings
    };
    struct replay *replay = NULL;
    assert_int_equal(replay_new(&replay, rules, n, &host, NULL), 0);
    return replay;
}

static int open_replay(void **state)
{
    const struct rule rule = rule_of("cpu", CPU, 0.9, 0.8, 30);
    *state = replay_of(&rule, 1, NULL, 0);
    return 0;
}

static int close_replay(void **state)
{
    replay_free(*state);
    return 0;
}

static void assert_row(const struct replay *replay, size_t i, int crossed_s, int fired_s, int cleared_s)
{
    size_t n;
    const struct firing *rows = replay_firings(replay, &n);
    assert_true(i < n);
    assert_int_equal(rows[i].alert.crossed_us, T0 + crossed_s * S);
    assert_int_equal(rows[i].fired_us, T0 + fired_s * S);
    assert_int_equal(rows[i].cleared_us, cleared_s < 0 ? 0 : T0 + cleared_s * S);
}

static size_t rows(const struct replay *replay)
{
    size_t n;
    replay_firings(replay, &n);
    return n;
}

static void each_firing_is_a_row_with_its_end(void **state)
{
    const double values[] = { 0.95, 0.95, 0.5, 0.95, 0.85, 0.85, 0.85, 0.8, 0.1, 0.95, 0.95, 0.95, 0.95 };
    assert_int_equal(run(*state, 0, 10, 13, values), 0);
    assert_int_equal(rows(*state), 2);
    assert_row(*state, 0, 30, 60, 70);
    assert_row(*state, 1, 90, 120, -1);
}

static void a_spell_over_two_batches_is_one(void **state)
{
    const double bad[] = { 0.95, 0.95 };
    const double good[] = { 0.1 };
    assert_int_equal(run(*state, 0, 10, 2, bad), 0);
    assert_int_equal(run(*state, 20, 10, 2, bad), 0);
    assert_int_equal(run(*state, 40, 10, 1, good), 0);
    assert_int_equal(rows(*state), 1);
    assert_row(*state, 0, 0, 30, 40);
}

static void ticks_a_minute_apart_are_no_gaps(void **state)
{
    const double bad[] = { 0.95, 0.95, 0.95 };
    assert_int_equal(run(*state, 0, 60, 3, bad), 0);
    assert_int_equal(rows(*state), 1);
    assert_row(*state, 0, 0, 60, -1);
}

static void more_rows_than_there_is_room_for_are_told(void **state)
{
    double values[TICKS_ROOM];
    for (int i = 0; i < TICKS_ROOM; i++)
        values[i] = i % 5 == 4 ? 0.1 : 0.95; /* four bad ones make 30 s */
    int rc = 0;
    for (int i = 0; rc == 0; i++)
        rc = run(*state, i * 5000, 10, 500, values);
    assert_int_equal(rc, -ENOBUFS);
    assert_int_equal(rows(*state), FIRINGS_MAX);
}

static void rules_of_other_states_say_nothing(void **state)
{
    struct rule rule = rule_of("cpu", CPU, 0.9, 0.8, 0);
    const double bad[] = { 0.95, 0.95 };
    (void)state;
    rule.in_force = IN_LIVE;
    struct replay *replay = replay_of(&rule, 1, NULL, 0);
    assert_int_equal(run(replay, 0, 10, 2, bad), 0);
    assert_int_equal(rows(replay), 0);
    replay_free(replay);
}

static void a_rule_is_judged_as_it_is_on_the_host(void **state)
{
    const struct rule rule = rule_of("cpu", CPU, 0.9, 0.8, 30);
    const struct tuning tuning = { .rule = "cpu", .threshold = 0.5, .clear = 0.4, .severity = SEVERITY_INFO };
    const double values[] = { 0.6, 0.45, 0.4 };
    size_t n;
    (void)state;
    struct replay *replay = replay_of(&rule, 1, &tuning, 1);
    assert_int_equal(run(replay, 0, 10, 3, values), 0);
    assert_row(replay, 0, 0, 0, 20);
    assert_int_equal(replay_firings(replay, &n)->alert.severity, SEVERITY_INFO);
    replay_free(replay);
}

static void what_was_not_judged_is_said_with_the_reason(void **state)
{
    struct rule rules[] = { rule_of("cpu", CPU, 0.9, 0.8, 0),   rule_of("live", CPU, 0.9, 0.8, 0),
                            rule_of("off", CPU, 0.9, 0.8, 0),   rule_of("share", CPU, 0.9, 0.8, 0),
                            rule_of("loss", LOSS, 0.5, 0.2, 0), rule_of("gone", LOSS, 0, 0, 60),
                            rule_of("ratio", CPU, 0.9, 0.8, 0), rule_of("shares", EGRESS, 0.9, 0.8, 0) };
    const struct tuning off = { .rule = "off", .threshold = 0.9, .clear = 0.8, .off = true };
    const enum replay_word words[] = { REPLAY_JUDGED,    REPLAY_OTHER_STATE, REPLAY_OFF,       REPLAY_NO_LIMIT,
                                       REPLAY_NO_SERIES, REPLAY_JUDGED,      REPLAY_NO_SERIES, REPLAY_NO_LIMIT };
    const double good[] = { 0.1 };
    (void)state;
    rules[1].in_force = IN_LIVE;
    rules[3].limit = LIMIT_CONNECTIONS;
    rules[5].condition = CONDITION_ABSENCE; /* of the one instance it names: that there is none is what it looks for */
    strcpy(rules[5].instance, "db-1");
    rules[6].condition = CONDITION_RATIO;
    strcpy(rules[6].per, LOSS);
    rules[7].limit = LIMIT_EGRESS;
    struct replay *replay = replay_of(rules, 8, &off, 1);
    assert_int_equal(run(replay, 0, 10, 1, good), 0);
    for (size_t i = 0; i < 8; i++)
        if (replay_word(replay, i) != words[i])
            fail_msg("%s: %d is to be %d", rules[i].name, (int)replay_word(replay, i), (int)words[i]);
    char text[REPLAY_REASON];
    assert_null(replay_reason(replay, 0, text));
    assert_null(replay_reason(replay, 1, text));
    assert_string_equal(replay_reason(replay, 3, text), "no connections declared");
    replay_free(replay);
}

#define REPLAY(name) cmocka_unit_test_setup_teardown(name, open_replay, close_replay)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLAY(each_firing_is_a_row_with_its_end),
        REPLAY(a_spell_over_two_batches_is_one),
        REPLAY(ticks_a_minute_apart_are_no_gaps),
        REPLAY(more_rows_than_there_is_room_for_are_told),
        cmocka_unit_test(rules_of_other_states_say_nothing),
        cmocka_unit_test(a_rule_is_judged_as_it_is_on_the_host),
        cmocka_unit_test(what_was_not_judged_is_said_with_the_reason),
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
