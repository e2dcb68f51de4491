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

static int open_replay(void **state)
{
    const struct rule rule = rule_of("cpu", CPU, 0.9, 0.8, 30);
    return replay_new((struct replay **)state, &rule, 1, IN_FORCE_NO_EVENT, no_limits, NULL);
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
    struct replay *replay = NULL;
    (void)state;
    rule.in_force = IN_LIVE;
    assert_int_equal(replay_new(&replay, &rule, 1, IN_FORCE_NO_EVENT, no_limits, NULL), 0);
    assert_int_equal(run(replay, 0, 10, 2, bad), 0);
    assert_int_equal(rows(replay), 0);
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
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
