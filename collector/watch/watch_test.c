#include "collector/watch/watch_fixture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- marks ---- */

static void a_series_that_is_well_has_no_alert(void **state)
{
    struct fixture *f = *state;
    for (int s = 1; s < 100; s += 10)
        feed(f, s, 0.9, 0.5); /* at the threshold is not past it */
    assert_int_equal(said(f), 0);
}

static void an_alert_is_pending_from_the_first_bad_sample_and_firing_once_bad_for_the_hold(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.5, 0);
    feed(f, 10, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 10);
    feed(f, 20, 0.95, 0);
    feed(f, 39.999, 0.95, 0);
    assert_int_equal(said(f), 1);
    feed(f, 40, 0.97, 0);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    const struct alert *alert = &last(f)->alert;
    assert_int_equal(crossed_s(last(f)), 10);
    assert_int_equal(alert->changed_us, T0 + 40 * S);
    assert_int_equal(last(f)->detected_us, f->now_us);
    assert_true(alert->value == 0.97 && alert->threshold == 0.9);
    assert_true(alert->host == HOST && alert->severity == SEVERITY_CRITICAL && alert->page);
    assert_string_equal(alert->metric, CPU);
    assert_string_equal(alert->instance, "");
    assert_false(last(f)->late);
}

static void a_rule_without_hold_fires_at_the_first_bad_sample(void **state)
{
    struct fixture *f = *state;
    feed(f, 1, 0, 1);
    assert_int_equal(said(f), 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 1);
    assert_string_equal(last(f)->alert.instance, "db:3306");
}

static void it_stays_bad_until_it_reaches_clear(void **state)
{
    struct fixture *f = *state;
    feed(f, 1, 0, 0.6);
    feed(f, 2, 0, 0.4);
    feed(f, 3, 0, 0.21);
    assert_int_equal(said(f), 1);
    feed(f, 4, 0, 0.2);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_int_equal(last(f)->alert.crossed_us, 0);
    assert_int_equal(last(f)->alert.changed_us, T0 + 4 * S);
    assert_true(last(f)->alert.value == 0.2);
    feed(f, 5, 0, 0.4);
    assert_int_equal(said(f), 2); /* between the two an alert that is ok stays ok */
}

static void samples_between_clear_and_threshold_count_for_the_hold(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 0);
    feed(f, 10, 0.85, 0);
    feed(f, 20, 0.81, 0);
    feed(f, 30, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
}

static void a_pending_alert_that_clears_is_ok_and_the_next_one_begins_anew(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 0);
    feed(f, 20, 0.7, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_OK);
    feed(f, 30, 0.95, 0);
    feed(f, 50, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 30);
}

static void an_absent_value_changes_nothing(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, ABSENT, ABSENT);
    feed(f, 10, 0.95, 1);
    size_t before = said(f);
    for (int s = 20; s < 100; s += 10)
        feed(f, s, ABSENT, ABSENT);
    assert_int_equal(said(f), before);
}

static void below_works_the_other_way_round(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { FREE, "", "By", 0 } };
    const struct series_table table = { .hash = { { 9 } }, .n = 1, .at = series };
    struct rule rule = rule_of("free", FREE, 100, 200, 0);
    rule.comparison = COMPARE_BELOW;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    f->table = &table;
    feed_at(f, 1, 1, (double[]){ 100 });
    assert_int_equal(said(f), 0);
    feed_at(f, 2, 2, (double[]){ 99 });
    assert_change(last(f), "free", ALERT_OK, ALERT_FIRING);
    feed_at(f, 3, 3, (double[]){ 199 });
    assert_int_equal(said(f), 1);
    feed_at(f, 4, 4, (double[]){ 200 });
    assert_change(last(f), "free", ALERT_FIRING, ALERT_OK);
}

static void fixed_point_columns_are_compared_exactly(void **state)
{
    struct fixture *f = *state;
    const int64_t cpu[] = { 9000, FIXED_ABSENT, 9001, 8001, 8000 };
    const int64_t loss[] = { 5000, 5000, 5000, 5000, 5000 };
    const struct column columns[] = { { .real = false, .fixed = cpu }, { .real = false, .fixed = loss } };
    const struct batch batch = { .n_ticks = 5, .n_columns = 2, .table = both.hash, .columns = columns };
    const int64_t at_us[] = { T0, T0 + S, T0 + 2 * S, T0 + 3 * S, T0 + 4 * S };
    assert_int_equal(watch_judge(f->watch, watch_host(f->watch, HOST), &both, &batch, at_us, T0 + 5 * S, &f->out), 0);
    assert_int_equal(said(f), 2);
    assert_change(&f->out.at[0], "cpu", ALERT_OK, ALERT_PENDING);
    assert_int_equal(crossed_s(&f->out.at[0]), 2);
    assert_change(&f->out.at[1], "cpu", ALERT_PENDING, ALERT_OK);
    assert_int_equal(f->out.at[1].alert.changed_us, at_us[4]);
}

static void a_value_is_what_everybody_else_reads_in_the_batch(void **state)
{
    struct fixture *f = *state;
    for (int exponent = -12; exponent <= 12; exponent++) {
        const struct series series[] = { { FREE, "", "By", exponent } };
        const struct series_table table = { .hash = { { 9, (uint8_t)(exponent + 20) } }, .n = 1, .at = series };
        const int64_t raw[] = { 123456789, 123456790, 123456789 };
        const struct column columns[] = { { .real = false, .fixed = raw } };
        const struct batch batch = { .n_ticks = 3, .n_columns = 1, .table = table.hash, .columns = columns };
        double threshold = batch_value(&batch, &table, 0, 0);
        const struct rule rule = rule_of("free", FREE, threshold, threshold, 0);
        int64_t from_us = T0 + exponent * 10 * S;
        const int64_t at_us[] = { from_us, from_us + S, from_us + 2 * S };
        transitions_clear(&f->out);
        assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
        assert_int_equal(
            watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, at_us, T0 + 1000 * S, &f->out), 0);
        assert_int_equal(said(f), 2);
        assert_int_equal(f->out.at[0].alert.changed_us, at_us[1]);
        assert_true(f->out.at[0].alert.value == batch_value(&batch, &table, 0, 1));
        assert_int_equal(f->out.at[1].alert.changed_us, at_us[2]);
    }
}

static void values_of_positive_exponents_are_scaled_up(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { FREE, "", "By", 3 } };
    const struct series_table table = { .hash = { { 9 } }, .n = 1, .at = series };
    const struct rule rule = rule_of("free", FREE, 4999, 1, 0);
    const int64_t raw[] = { 4, 5 };
    const struct column columns[] = { { .real = false, .fixed = raw } };
    const struct batch batch = { .n_ticks = 2, .n_columns = 1, .table = table.hash, .columns = columns };
    const int64_t at_us[] = { T0, T0 + S };
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    assert_int_equal(watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, at_us, T0 + S, &f->out), 0);
    assert_int_equal(said(f), 1);
    assert_true(last(f)->alert.value == 5000);
}

static void transitions_come_in_the_order_of_the_samples(void **state)
{
    struct fixture *f = *state;
    const double cpu[] = { 0.1, 0.95, 0.1 };
    const double loss[] = { 1, 0, 1 };
    const struct column columns[] = { { .real = true, .values = cpu }, { .real = true, .values = loss } };
    const struct batch batch = { .n_ticks = 3, .n_columns = 2, .table = both.hash, .columns = columns };
    const int64_t at_us[] = { T0, T0 + S, T0 + 2 * S };
    assert_int_equal(watch_judge(f->watch, watch_host(f->watch, HOST), &both, &batch, at_us, T0 + 2 * S, &f->out), 0);
    assert_int_equal(said(f), 5);
    for (size_t i = 1; i < said(f); i++)
        assert_true(f->out.at[i - 1].alert.changed_us <= f->out.at[i].alert.changed_us);
}

static void crossed_is_never_after_now(void **state)
{
    struct fixture *f = *state;
    feed_at(f, 9, 5, (double[]){ 0, 1 });
    assert_int_equal(crossed_s(last(f)), 5);
}

static void two_rules_of_one_series_are_two_alerts(void **state)
{
    struct fixture *f = *state;
    const struct rule rules[] = { rule_of("warn", LOSS, 0.1, 0.1, 0), rule_of("crit", LOSS, 0.5, 0.5, 0) };
    assert_int_equal(watch_set_rules(f->watch, rules, 2, T0, &f->out, NULL), 0);
    feed(f, 1, 0, 0.3);
    assert_int_equal(said(f), 1);
    assert_change(last(f), "warn", ALERT_OK, ALERT_FIRING);
    feed(f, 2, 0, 0.6);
    assert_change(last(f), "crit", ALERT_OK, ALERT_FIRING);
    feed(f, 3, 0, 0);
    assert_change(&f->out.at[2], "warn", ALERT_FIRING, ALERT_OK);
    assert_change(&f->out.at[3], "crit", ALERT_FIRING, ALERT_OK);
}

static void a_rule_meets_the_instances_its_pattern_names(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { READ, "vda", "By/s", 0 }, { READ, "loop0", "By/s", 0 } };
    const struct series_table table = { .hash = { { 9 } }, .n = 2, .at = series };
    struct rule rule = rule_of("read", READ, 100, 100, 0);
    snprintf(rule.instance, sizeof rule.instance, "vd*");
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    f->table = &table;
    feed_at(f, 1, 1, (double[]){ 200, 200 });
    assert_int_equal(said(f), 1);
    assert_string_equal(last(f)->alert.instance, "vda");
}

static void a_table_that_lists_a_series_twice_is_one_alert(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { LOSS, "a", "1", -4 }, { LOSS, "a", "1", -4 } };
    const struct series_table table = { .hash = { { 9 } }, .n = 2, .at = series };
    f->table = &table;
    feed_at(f, 1, 1, (double[]){ 1, 1 });
    assert_int_equal(said(f), 1);
    feed_at(f, 2, 2, (double[]){ 0, 1 });
    feed_at(f, 3, 3, (double[]){ 0, 0 });
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
}

static void a_batch_with_other_columns_than_its_table_is_refused(void **state)
{
    struct fixture *f = *state;
    const double value = 1;
    const struct column columns[] = { { .real = true, .values = &value } };
    const struct batch batch = { .n_ticks = 1, .n_columns = 1, .table = both.hash, .columns = columns };
    assert_int_equal(watch_judge(f->watch, watch_host(f->watch, HOST), &both, &batch, &(int64_t){ T0 }, T0, &f->out),
                     -EINVAL);
    assert_int_equal(said(f), 0);
}

/* ---- limits, events, rules ---- */

static void a_share_of_a_limit_is_of_what_the_host_declares(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { EGRESS, "eth0", "By/s", 0 } };
    const struct series_table table = { .hash = { { 9 } }, .n = 1, .at = series };
    struct rule rule = rule_of("egress", EGRESS, 0.85, 0.75, 0);
    double limits[LIMIT_COUNT] = { NAN, NAN, NAN, NAN, NAN, NAN };
    rule.limit = LIMIT_EGRESS;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    f->table = &table;
    feed_at(f, 1, 1, (double[]){ 1e12 });
    assert_int_equal(said(f), 0); /* no limit, no rule */
    limits[LIMIT_EGRESS] = 1000;
    assert_int_equal(watch_set_host(f->watch, HOST, IN_FORCE_NO_EVENT, limits, 0, T0, &f->out), 0);
    feed_at(f, 2, 2, (double[]){ 850 });
    assert_int_equal(said(f), 0);
    feed_at(f, 3, 3, (double[]){ 851 });
    assert_change(last(f), "egress", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.threshold == 850);
    limits[LIMIT_EGRESS] = 2000; /* more was bought: judged by it from the next sample on */
    assert_int_equal(watch_set_host(f->watch, HOST, IN_FORCE_NO_EVENT, limits, 0, T0, &f->out), 0);
    assert_int_equal(said(f), 1);
    feed_at(f, 4, 4, (double[]){ 851 });
    assert_change(last(f), "egress", ALERT_FIRING, ALERT_OK);
    feed_at(f, 5, 5, (double[]){ 1900 });
    limits[LIMIT_EGRESS] = NAN;
    assert_int_equal(watch_set_host(f->watch, HOST, IN_FORCE_NO_EVENT, limits, 0, T0, &f->out), 0);
    assert_change(last(f), "egress", ALERT_FIRING, ALERT_OK);
}

static void rules_are_in_force_by_the_state_of_the_hosts_event(void **state)
{
    struct fixture *f = *state;
    struct rule rules[] = { rule_of("normal", LOSS, 0.5, 0.5, 0), rule_of("window", LOSS, 0.1, 0.1, 0) };
    rules[0].in_force = IN_FORCE_ALWAYS & ~(IN_FORCE(EVENT_ARMED) | IN_LIVE);
    rules[1].in_force = IN_FORCE(EVENT_ARMED) | IN_LIVE;
    assert_int_equal(watch_set_rules(f->watch, rules, 2, T0, &f->out, NULL), 0);
    feed(f, 1, 0, 0.3);
    assert_int_equal(said(f), 0);
    set_host(f, IN_FORCE(EVENT_DRAFT), 10);
    feed(f, 2, 0, 0.3);
    assert_int_equal(said(f), 0);
    set_host(f, IN_LIVE | IN_FORCE(EVENT_DRAFT), 10); /* the live one alone counts */
    feed(f, 3, 0, 0.6);
    assert_int_equal(said(f), 1);
    assert_change(last(f), "window", ALERT_OK, ALERT_FIRING);
    set_host(f, IN_FORCE_NO_EVENT, 10);
    assert_change(last(f), "window", ALERT_FIRING, ALERT_OK);
    feed(f, 4, 0, 0.6);
    assert_change(last(f), "normal", ALERT_OK, ALERT_FIRING);
}

static void saying_the_same_of_a_host_again_changes_nothing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_LIVE, 1);
    feed(f, 1, 0.95, 1);
    size_t before = said(f);
    set_host(f, IN_LIVE, 1);
    assert_int_equal(said(f), before);
    feed(f, 31, 0.95, 1);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
}

static void alerts_of_rules_that_are_gone_turn_ok(void **state)
{
    struct fixture *f = *state;
    const struct rule cpu = rule_of("cpu", CPU, 0.9, 0.8, 30);
    feed(f, 1, 0.95, 1);
    assert_int_equal(watch_set_rules(f->watch, &cpu, 1, f->now_us, &f->out, NULL), 0);
    assert_int_equal(said(f), 3);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    feed(f, 31, 0.95, 1);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING); /* the one that stayed went on */
    assert_int_equal(crossed_s(last(f)), 1);
}

static void a_rule_that_got_another_threshold_judges_by_it_from_the_next_sample(void **state)
{
    struct fixture *f = *state;
    const struct rule rules[] = { rule_of("other", CPU, 0.9, 0.8, 30), rule_of("loss", LOSS, 0.9, 0.8, 0) };
    feed(f, 1, 0, 0.6);
    assert_int_equal(watch_set_rules(f->watch, rules, 2, f->now_us, &f->out, NULL), 0);
    assert_int_equal(said(f), 1);
    feed(f, 2, 0, 0.6);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_true(last(f)->alert.threshold == 0.9);
}

static void bad_rule_sets_are_refused_and_the_old_one_stays(void **state)
{
    struct fixture *f = *state;
    const struct rule twice[] = { rule_of("a", CPU, 1, 1, 0), rule_of("a", LOSS, 1, 1, 0) };
    const struct rule silence = rule_of("silence", CPU, 1, 1, 0);
    struct rule *many = calloc(RULES_MAX + 1, sizeof *many);
    struct watch *watch = NULL;
    struct err err = { 0 };
    for (int i = 0; i <= RULES_MAX; i++) {
        many[i] = rule_of("", CPU, 1, 1, 0);
        snprintf(many[i].name, sizeof many[i].name, "r%d", i);
    }
    feed(f, 1, 0, 1);
    assert_int_equal(watch_set_rules(f->watch, twice, 2, T0, &f->out, &err), -EINVAL);
    assert_non_null(strstr(err.text, "a"));
    assert_int_equal(watch_set_rules(f->watch, &silence, 1, T0, &f->out, &err), -EINVAL);
    assert_int_equal(watch_set_rules(f->watch, many, RULES_MAX + 1, T0, &f->out, &err), -EINVAL);
    assert_int_equal(watch_new(&watch, twice, 2, &err), -EINVAL);
    assert_null(watch);
    assert_int_equal(said(f), 1);
    assert_int_equal(watch_set_rules(f->watch, many, RULES_MAX, T0, &f->out, &err), 0);
    free(many);
    assert_non_null(watch_summary(f->watch, "r255"));
    assert_null(watch_summary(f->watch, "loss"));
    assert_non_null(watch_summary(f->watch, WATCH_SILENCE_RULE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_series_that_is_well_has_no_alert),
        TEST(an_alert_is_pending_from_the_first_bad_sample_and_firing_once_bad_for_the_hold),
        TEST(a_rule_without_hold_fires_at_the_first_bad_sample),
        TEST(it_stays_bad_until_it_reaches_clear),
        TEST(samples_between_clear_and_threshold_count_for_the_hold),
        TEST(a_pending_alert_that_clears_is_ok_and_the_next_one_begins_anew),
        TEST(an_absent_value_changes_nothing),
        TEST(below_works_the_other_way_round),
        TEST(fixed_point_columns_are_compared_exactly),
        TEST(a_value_is_what_everybody_else_reads_in_the_batch),
        TEST(values_of_positive_exponents_are_scaled_up),
        TEST(transitions_come_in_the_order_of_the_samples),
        TEST(crossed_is_never_after_now),
        TEST(two_rules_of_one_series_are_two_alerts),
        TEST(a_rule_meets_the_instances_its_pattern_names),
        TEST(a_table_that_lists_a_series_twice_is_one_alert),
        TEST(a_batch_with_other_columns_than_its_table_is_refused),
        TEST(a_share_of_a_limit_is_of_what_the_host_declares),
        TEST(rules_are_in_force_by_the_state_of_the_hosts_event),
        TEST(saying_the_same_of_a_host_again_changes_nothing),
        TEST(alerts_of_rules_that_are_gone_turn_ok),
        TEST(a_rule_that_got_another_threshold_judges_by_it_from_the_next_sample),
        TEST(bad_rule_sets_are_refused_and_the_old_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
