#include "collector/watch/watch_fixture.h"

#include <stdio.h>

/* loss depends on cpu; both fire at once */
static void make_rules(struct rule rules[2])
{
    rules[0] = rule_of("loss", LOSS, 0.5, 0.2, 0);
    rules[1] = rule_of("cpu", CPU, 0.9, 0.8, 0);
    rules[0].n_depends = 1;
    snprintf(rules[0].depends_on[0], sizeof rules[0].depends_on[0], "cpu");
}

static int setup_mute(void **state)
{
    struct rule rules[2];
    make_rules(rules);
    int rc = setup_rule(state, &rules[1], &both);
    struct fixture *f = *state;
    return rc < 0 ? rc : watch_set_rules(f->watch, rules, 2, T0, &f->out, NULL);
}

static void what_fires_while_its_dependency_fires_is_muted_until_that_ends(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 0);
    feed(f, 10, 0.95, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.muted);
    feed(f, 20, 0.95, 1);
    assert_int_equal(said(f), 2);
    feed(f, 30, 0.5, 1);
    assert_int_equal(said(f), 4);
    assert_change(&f->out.at[2], "cpu", ALERT_FIRING, ALERT_OK);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_false(last(f)->alert.muted);
    assert_true(last(f)->unmuted);
    assert_int_equal(crossed_s(last(f)), 10);
    feed(f, 40, 0.5, 1);
    assert_int_equal(said(f), 4);
}

static void within_a_tick_it_does_not_matter_which_was_found_first(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 1);
    assert_true(last_of(f, "loss")->alert.muted);
    assert_false(last_of(f, "cpu")->alert.muted);
    struct rule rules[2], turned[2];
    make_rules(rules);
    turned[0] = rules[1];
    turned[1] = rules[0];
    snprintf(turned[0].metric, sizeof turned[0].metric, LOSS);
    snprintf(turned[1].metric, sizeof turned[1].metric, CPU); /* the columns the other way round */
    watch_free(f->watch);
    transitions_clear(&f->out);
    assert_int_equal(watch_new(&f->watch, turned, 2, NULL), 0);
    feed(f, 10, 0.95, 1);
    assert_true(last_of(f, "loss")->alert.muted);
    feed(f, 20, 0.95, 0.1);
    assert_true(last_of(f, "loss")->unmuted);
}

static void what_ends_while_it_is_muted_is_told_to_nobody(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 1);
    feed(f, 10, 0.95, 0);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_false(last(f)->alert.muted);
    size_t before = said(f);
    feed(f, 20, 0.5, 0);
    assert_int_equal(said(f), before + 1);
    assert_change(last(f), "cpu", ALERT_FIRING, ALERT_OK);
}

static void both_ending_in_a_tick_tell_nothing_more(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 1);
    transitions_clear(&f->out);
    feed(f, 10, 0.5, 0);
    assert_int_equal(said(f), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(f->out.at[i].alert.state, ALERT_OK);
}

static void what_was_told_stays_told(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.5, 1);
    assert_false(last(f)->alert.muted);
    feed(f, 10, 0.95, 1);
    feed(f, 20, 0.5, 1);
    assert_int_equal(said(f), 3);
    for (size_t i = 0; i < 3; i++)
        assert_false(f->out.at[i].unmuted);
}

static void a_dependency_that_is_unknown_mutes_nobody(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { LOSS, "db:3306", "1", -4 } };
    const struct series_table loss_only = { .hash = { { 11 } }, .n = 1, .at = series };
    feed(f, 0, 0.95, 1);
    assert_true(last_of(f, "loss")->alert.muted);
    f->table = &loss_only;
    feed_one(f, 10, 1);
    assert_change(last_of(f, "cpu"), "cpu", ALERT_FIRING, ALERT_UNKNOWN);
    assert_true(last_of(f, "loss")->unmuted);
}

static void pending_mutes_nobody(void **state)
{
    struct fixture *f = *state;
    struct rule rules[2];
    make_rules(rules);
    rules[1].hold_us = 30 * S;
    assert_int_equal(watch_set_rules(f->watch, rules, 2, T0, &f->out, NULL), 0);
    feed(f, 0, 0.95, 1);
    assert_false(last_of(f, "loss")->alert.muted);
}

static void behind_a_silence_it_is_looked_at_anew(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 0, 30);
    assert_change(last_of(f, "loss"), "loss", ALERT_FIRING, ALERT_UNKNOWN);
    assert_false(last_of(f, "loss")->alert.muted);
    feed(f, 40, 0.95, 1);
    assert_change(last_of(f, "loss"), "loss", ALERT_UNKNOWN, ALERT_FIRING);
    assert_true(last_of(f, "loss")->alert.muted);
    tick_through(f, 41, 80);
    feed(f, 90, 0.5, 1);
    assert_change(last_of(f, "loss"), "loss", ALERT_UNKNOWN, ALERT_FIRING);
    assert_false(last_of(f, "loss")->alert.muted);
}

static void a_rule_that_goes_or_rests_mutes_no_longer(void **state)
{
    struct fixture *f = *state;
    struct rule rules[2];
    make_rules(rules);
    feed(f, 0, 0.95, 1);
    rules[0].n_depends = 0;
    assert_int_equal(watch_set_rules(f->watch, rules, 1, f->now_us, &f->out, NULL), 0);
    assert_true(last(f)->unmuted);
    make_rules(rules);
    rules[1].in_force = IN_LIVE;
    assert_int_equal(watch_set_rules(f->watch, rules, 2, f->now_us, &f->out, NULL), 0);
    set_host(f, IN_LIVE, 10);
    feed(f, 10, 0.95, 0);
    feed(f, 20, 0.95, 1);
    assert_true(last(f)->alert.muted);
    set_host(f, IN_FORCE_NO_EVENT, 10);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_true(last(f)->unmuted);
}

static void another_host_explains_nothing(void **state)
{
    struct fixture *f = *state;
    const double values[] = { 0.95, 0 };
    const struct column columns[] = { { .real = true, .values = &values[0] }, { .real = true, .values = &values[1] } };
    const struct batch batch = { .n_ticks = 1, .n_columns = 2, .table = both.hash, .columns = columns };
    const int64_t at_us = T0;
    assert_int_equal(watch_judge(f->watch, watch_host(f->watch, HOST + 1), &both, &batch, &at_us, T0, &f->out), 0);
    feed(f, 10, 0.5, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_false(last(f)->alert.muted);
}

static void late_spells_are_muted_by_what_fired_then(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0.1, 0);
    feed(f, 100, 0.1, 0);
    feed_late(f, 40, 101, 0.95, 0);
    feed_late(f, 50, 101, 0.95, 1);
    assert_true(last(f)->late && last(f)->alert.muted);
    feed_late(f, 60, 101, 0.1, 1);
    assert_true(last(f)->late && last(f)->unmuted);
    feed_late(f, 70, 101, 0.1, 0);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
}

static void muted_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    struct rule rules[2];
    make_rules(rules);
    feed(f, 0, 0.95, 1);
    const struct alert loss = last_of(f, "loss")->alert;
    const struct alert cpu = last_of(f, "cpu")->alert;
    for (int gone = 0; gone < 2; gone++) { /* the dependency may not have come back */
        watch_free(f->watch);
        transitions_clear(&f->out);
        assert_int_equal(watch_new(&f->watch, rules, 2, NULL), 0);
        assert_int_equal(watch_restore(f->watch, &loss), 0);
        if (!gone)
            assert_int_equal(watch_restore(f->watch, &cpu), 0);
        tick(f, 1);
        assert_int_equal(said(f), gone);
        feed(f, 10, gone ? 0.5 : 0.95, 1);
        assert_int_equal(said(f), gone);
        if (!gone)
            feed(f, 20, 0.5, 1);
        assert_true(last_of(f, "loss")->unmuted);
    }
}

static void a_chain_mutes_link_by_link(void **state)
{
    struct fixture *f = *state;
    struct rule rules[3];
    make_rules(rules);
    rules[2] = rule_of("busy", CPU, 0.7, 0.6, 0);
    rules[1].n_depends = 1;
    snprintf(rules[1].depends_on[0], sizeof rules[1].depends_on[0], "busy");
    assert_int_equal(watch_set_rules(f->watch, rules, 3, T0, &f->out, NULL), 0);
    feed(f, 0, 0.95, 1);
    assert_true(last_of(f, "loss")->alert.muted && last_of(f, "cpu")->alert.muted);
    assert_false(last_of(f, "busy")->alert.muted);
    feed(f, 10, 0.75, 1); /* cpu ends */
    assert_true(last_of(f, "loss")->unmuted);
}

static void the_unit_of_what_is_said_is_that_of_the_condition(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum condition condition;
        const char *per;
        const char *unit;
    } rows[] = {
        { CONDITION_LEVEL, "", "" },
        { CONDITION_RATIO, "probe.loss", "1" },
        { CONDITION_RATIO, "system.network.connection.rate{direction=inbound}", "1/{connection}/s" },
    };
    static const struct series series[] = { { CPU, "", "1", -4 },
                                            { LOSS, "", "1", -4 },
                                            { "system.network.connection.rate{direction=inbound}", "", "{connection}/s",
                                              -1 } };
    static const struct series_table table = { .hash = { { 12 } }, .n = 3, .at = series };
    f->table = &table;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rule rule = rule_of("r", CPU, 0.5, 0.5, 0);
        rule.condition = rows[i].condition;
        snprintf(rule.per, sizeof rule.per, "%s", rows[i].per);
        snprintf(rule.name, sizeof rule.name, "r%zu", i);
        assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
        assert_int_equal(feed_at(f, (double)i, (double)i, (double[]){ 1, 1, 1 }), 0);
        assert_change(last(f), rule.name, ALERT_OK, ALERT_FIRING);
        assert_string_equal(last(f)->alert.unit, rows[i].unit);
    }
}

int main(void)
{
#define MUTE(name) cmocka_unit_test_setup_teardown(name, setup_mute, teardown)
    const struct CMUnitTest tests[] = {
        MUTE(what_fires_while_its_dependency_fires_is_muted_until_that_ends),
        MUTE(within_a_tick_it_does_not_matter_which_was_found_first),
        MUTE(what_ends_while_it_is_muted_is_told_to_nobody),
        MUTE(both_ending_in_a_tick_tell_nothing_more),
        MUTE(what_was_told_stays_told),
        MUTE(a_dependency_that_is_unknown_mutes_nobody),
        MUTE(pending_mutes_nobody),
        MUTE(behind_a_silence_it_is_looked_at_anew),
        MUTE(a_rule_that_goes_or_rests_mutes_no_longer),
        MUTE(another_host_explains_nothing),
        MUTE(late_spells_are_muted_by_what_fired_then),
        MUTE(muted_outlives_the_process),
        MUTE(a_chain_mutes_link_by_link),
        MUTE(the_unit_of_what_is_said_is_that_of_the_condition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
