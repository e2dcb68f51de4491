#include "collector/watch/watch_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- put back at start ---- */

static void collect(void *user, const struct alert *alert)
{
    struct alert *rows = user;
    for (int i = 0; i < 8; i++) {
        if (rows[i].host == 0) {
            rows[i] = *alert;
            return;
        }
    }
}

static void alerts_outlive_the_process(void **state)
{
    struct fixture *f = *state;
    struct alert rows[8] = { 0 };
    const struct rule rules[] = { rule_of("loss", LOSS, 0.5, 0.2, 0), rule_of("cpu", CPU, 0.9, 0.8, 30) };
    feed(f, 0, 0.95, 1);
    feed(f, 10, 0.95, 1);
    watch_each(f->watch, collect, rows);
    assert_true(rows[0].host == HOST && rows[1].host == HOST && rows[2].host == 0);
    f->watch = watch_free(f->watch);
    transitions_clear(&f->out);
    assert_int_equal(watch_new(&f->watch, rules, 2, NULL), 0);
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 10 * S), 0);
    assert_int_equal(watch_restore(f->watch, &rows[0]), 0);
    assert_int_equal(watch_restore(f->watch, &rows[1]), 0);
    feed(f, 30, 0.95, 1);
    assert_int_equal(said(f), 1); /* what fires goes on firing, and tells nobody twice */
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
    feed(f, 40, 0.1, 0);
    assert_int_equal(said(f), 3);
}

static void what_silence_cut_short_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct alert pending = { .host = HOST, .rule = "cpu", .metric = CPU, .state = ALERT_PENDING, .crossed_us = T0 };
    struct alert unknown = pending;
    unknown.state = ALERT_UNKNOWN;
    unknown.crossed_us = 0;
    unknown.changed_us = T0 + 40 * S;
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 10 * S), 0);
    assert_int_equal(watch_restore(f->watch, &pending), 0); /* found in stored ticks... */
    assert_int_equal(watch_restore(f->watch, &unknown), 0); /* ...and the row that wins */
    feed_late(f, 20, 60, 0.95, 0);
    feed_late(f, 30, 60, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
}

static void the_row_of_what_silence_cut_short_knows_its_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0.95, 0);
    tick_through(f, 2, 10);
    const struct alert row = last(f)->alert;
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_UNKNOWN);
    assert_int_equal(row.crossed_us, 0);
    f->watch = watch_free(f->watch);
    const struct rule rules[] = { rule_of("cpu", CPU, 0.9, 0.8, 30) };
    assert_int_equal(watch_new(&f->watch, rules, 1, NULL), 0);
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 1 * S), 0);
    assert_int_equal(watch_restore(f->watch, &row), 0);
    feed_late(f, 20, 60, 0.95, 0);
    feed_late(f, 31, 60, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 1);
}

static void what_silence_cut_short_begins_anew_when_nobody_saw_it_go_on(void **state)
{
    struct fixture *f = *state;
    struct alert pending = { .host = HOST, .rule = "cpu", .metric = CPU, .state = ALERT_PENDING, .crossed_us = T0 };
    struct alert unknown = pending;
    unknown.state = ALERT_UNKNOWN;
    unknown.crossed_us = 0;
    unknown.changed_us = T0 + 40 * S;
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 10 * S), 0);
    assert_int_equal(watch_restore(f->watch, &pending), 0);
    assert_int_equal(watch_restore(f->watch, &unknown), 0);
    feed(f, 60, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 60);
}

static void a_restored_alert_of_a_rule_that_is_gone_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct alert alert = { .host = HOST, .rule = "gone", .metric = CPU, .state = ALERT_FIRING, .crossed_us = T0 };
    struct alert rows[8] = { 0 };
    assert_int_equal(watch_restore(f->watch, &alert), WATCH_GONE);
    watch_each(f->watch, collect, rows);
    assert_int_equal(rows[0].host, 0);
}

static void a_restored_alert_of_a_rule_not_in_force_turns_ok(void **state)
{
    struct fixture *f = *state;
    struct rule rule = rule_of("loss", LOSS, 0.5, 0.2, 0);
    struct alert alert = {
        .host = HOST, .rule = "loss", .metric = LOSS, .instance = "db:3306", .state = ALERT_FIRING, .crossed_us = T0
    };
    rule.in_force = IN_LIVE;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    assert_int_equal(watch_restore(f->watch, &alert), 0);
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 1, 0, 1);
    assert_int_equal(said(f), 1);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
}

static void silence_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    struct alert alert = { .host = HOST, .rule = WATCH_SILENCE_RULE, .state = ALERT_FIRING, .crossed_us = T0 };
    assert_int_equal(watch_restore(f->watch, &alert), 0);
    assert_int_equal(watch_seen(f->watch, HOST, T0), 0);
    watch_listen(f->watch, T0 + 100 * S, 0);
    tick_through(f, 101, 200);
    assert_int_equal(said(f), 0);
    feed(f, 201, 0, 0);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
}

/* Rows say nothing of what a condition over time has seen: that comes from ticks judged again. */
static void what_conditions_over_time_remember_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    struct rule rules[] = { rule_of("often", CPU, 0.9, 0.8, 0), rule_of("gone", LOSS, 0, 0, 0) };
    struct watch *replay = f->watch;
    rules[0].condition = CONDITION_FRACTION;
    rules[0].span_us = 60 * S;
    rules[0].at_least_us = 50 * S;
    rules[0].at_most_us = -1;
    rules[1].condition = CONDITION_ABSENCE;
    assert_int_equal(watch_set_rules(f->watch, rules, 2, T0, &f->out, NULL), 0);
    for (int s = 10; s <= 50; s += 10)
        feed(f, s, 0.95, 0);
    assert_int_equal(said(f), 0);
    assert_int_equal(watch_new(&f->watch, rules, 2, NULL), 0);
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 50 * S), 0);
    watch_remember(f->watch, replay);
    watch_free(replay);
    f->table = &cpu_only;
    feed(f, 60, 0.95, 0);
    assert_int_equal(said(f), 2);
    assert_change(&f->out.at[0], "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[0]), 10);
    assert_change(last(f), "gone", ALERT_OK, ALERT_FIRING);
    assert_string_equal(last(f)->alert.instance, "db:3306");
}

/* ---- the same ticks, however they are cut ---- */

struct history {
    int n;
    int64_t at_us[TICKS_ROOM];
    double cpu[TICKS_ROOM];
    double loss[TICKS_ROOM];
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void make_history(struct history *h, uint32_t seed)
{
    double cpu = 0.8;
    int64_t at_us = T0;
    h->n = TICKS_ROOM;
    for (int i = 0; i < h->n; i++) {
        at_us += next_random(&seed) % 40 == 0 ? next_random(&seed) % 90 * S + S : S;
        cpu += ((double)(next_random(&seed) % 100) - 49.5) / 500;
        cpu = cpu < 0.6 ? 0.6 : cpu > 1 ? 1 : cpu;
        h->at_us[i] = at_us;
        h->cpu[i] = next_random(&seed) % 20 == 0 ? ABSENT : cpu;
        h->loss[i] = (double)(next_random(&seed) % 6) / 5;
    }
}

static void judge_part(struct watch *watch, const struct history *h, int from, int n, struct transitions *out)
{
    const struct column columns[] = { { .real = true, .values = h->cpu + from },
                                      { .real = true, .values = h->loss + from } };
    const struct batch batch = { .n_ticks = (uint32_t)n, .n_columns = 2, .table = both.hash, .columns = columns };
    assert_int_equal(watch_judge(watch, watch_host(watch, HOST), &both, &batch, h->at_us + from, T0 + 100000 * S, out),
                     0);
}

/* Judges the history live, or (with a gap in the middle) the middle late, cut by `seed`; 0: uncut. */
static void judge_cut(const struct history *h, bool late, uint32_t seed, struct transitions *out)
{
    struct rule rules[6] = { rule_of("cpu", CPU, 0.9, 0.8, 30),    rule_of("loss", LOSS, 0.5, 0.2, 0),
                             rule_of("rate", CPU, 0.002, 0, 0),    rule_of("often", CPU, 0.8, 0.75, 0),
                             rule_of("ratio", LOSS, 0.9, 0.5, 20), rule_of("gone", CPU, 0, 0, 0) };
    struct watch *watch = NULL;
    rules[2].condition = CONDITION_RATE;
    rules[3].condition = CONDITION_FRACTION;
    rules[4].condition = CONDITION_RATIO;
    rules[5].condition = CONDITION_ABSENCE;
    rules[2].span_us = rules[3].span_us = 60 * S;
    rules[3].at_least_us = 40 * S;
    rules[3].at_most_us = 10 * S;
    snprintf(rules[4].per, sizeof rules[4].per, CPU);
    assert_int_equal(watch_new(&watch, rules, 6, NULL), 0);
    watch_set_host(watch, HOST, IN_FORCE_NO_EVENT, no_limits, S, T0, out);
    int from = late ? 100 : 0;
    int to = late ? 400 : h->n;
    if (late) {
        judge_part(watch, h, 0, from, out);
        judge_part(watch, h, to, h->n - to, out);
    }
    while (from < to) {
        int n = seed ? 1 + (int)(next_random(&seed) % 9) : to - from;
        n = n > to - from ? to - from : n;
        judge_part(watch, h, from, n, out);
        from += n;
    }
    watch_free(watch);
}

static void assert_same(const struct transition *a, const struct transition *b)
{
    assert_change(a, b->alert.rule, b->from, b->alert.state);
    assert_true(a->late == b->late && a->detected_us == b->detected_us);
    assert_int_equal(a->alert.crossed_us, b->alert.crossed_us);
    assert_int_equal(a->alert.changed_us, b->alert.changed_us);
    assert_true(a->alert.value == b->alert.value || (isnan(a->alert.value) && isnan(b->alert.value)));
    assert_string_equal(a->alert.metric, b->alert.metric);
}

static void count_told(unsigned told[6], const char *rule)
{
    static const char *const names[6] = { "cpu", "loss", "rate", "often", "ratio", "gone" };
    for (size_t i = 0; i < 6; i++)
        told[i] += strcmp(names[i], rule) == 0;
}

static void cutting_and_merging_batches_changes_no_transition(void **state)
{
    unsigned told[6] = { 0 };
    (void)state;
    struct history *h = malloc(sizeof *h);
    for (uint32_t seed = 1; seed <= 40; seed++) {
        make_history(h, seed);
        for (int late = 0; late < 2; late++) {
            struct transitions whole = { 0 };
            struct transitions cut = { 0 };
            judge_cut(h, late, 0, &whole);
            judge_cut(h, late, seed * 7919, &cut);
            assert_true(whole.n > 4);
            assert_int_equal(whole.n, cut.n);
            for (size_t i = 0; i < whole.n; i++) {
                assert_same(&whole.at[i], &cut.at[i]);
                count_told(told, whole.at[i].alert.rule);
            }
            transitions_done(&whole);
            transitions_done(&cut);
        }
    }
    for (size_t i = 0; i < 6; i++)
        assert_true(told[i] > 0); /* each condition had its say */
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alerts_outlive_the_process),
        TEST(what_silence_cut_short_goes_on_after_a_restart),
        TEST(the_row_of_what_silence_cut_short_knows_its_crossing),
        TEST(what_silence_cut_short_begins_anew_when_nobody_saw_it_go_on),
        TEST(a_restored_alert_of_a_rule_that_is_gone_is_left_out),
        TEST(a_restored_alert_of_a_rule_not_in_force_turns_ok),
        TEST(silence_outlives_the_process),
        TEST(what_conditions_over_time_remember_outlives_the_process),
        cmocka_unit_test(cutting_and_merging_batches_changes_no_transition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
