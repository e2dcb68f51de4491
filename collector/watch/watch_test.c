#include "collector/watch/watch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S       US_PER_S
#define T0      (INT64_C(1795400000) * S) /* where the tests' time begins */
#define HOST    UINT64_C(0x51)
#define CPU     "system.cpu.utilization"
#define LOSS    "probe.loss"
#define READ    "system.disk.io.rate{direction=read}"
#define EGRESS  "system.network.io.rate{direction=transmit}"
#define FREE    "system.memory.linux.available"
#define ABSENT  NAN
#define IN_LIVE IN_FORCE(EVENT_LIVE)
enum { TICKS_ROOM = 512, COLUMNS_ROOM = 8 };

static const double no_limits[LIMIT_COUNT] = { NAN, NAN, NAN, NAN, NAN, NAN };

static struct rule rule_of(const char *name, const char *metric, double above, double clear, int64_t hold_s)
{
    struct rule rule = { .instance = "*",
                         .comparison = COMPARE_ABOVE,
                         .threshold = above,
                         .clear = clear,
                         .limit = -1,
                         .hold_us = hold_s * S,
                         .severity = SEVERITY_CRITICAL,
                         .in_force = IN_FORCE_ALWAYS,
                         .page = true };
    snprintf(rule.name, sizeof rule.name, "%s", name);
    snprintf(rule.metric, sizeof rule.metric, "%s", metric);
    snprintf(rule.summary, sizeof rule.summary, "%s is bad", metric);
    return rule;
}

struct fixture {
    struct watch *watch;
    struct transitions out;
    const struct series_table *table;
    int64_t now_us;
};

/* cpu holds for 30 s, loss fires at once */
static const struct series both_series[] = { { CPU, "", "1", -4 }, { LOSS, "db:3306", "1", -4 } };
static const struct series_table both = { .hash = { { 1 } }, .n = 2, .at = both_series };
static const struct series cpu_series[] = { { CPU, "", "1", -4 } };
static const struct series_table cpu_only = { .hash = { { 2 } }, .n = 1, .at = cpu_series };

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct rule rules[] = { rule_of("cpu", CPU, 0.9, 0.8, 30), rule_of("loss", LOSS, 0.5, 0.2, 0) };
    f->table = &both;
    f->now_us = T0;
    *state = f;
    return watch_new(&f->watch, rules, 2, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->watch = watch_free(f->watch);
    transitions_done(&f->out);
    free(f);
    return 0;
}

/* One tick of plain doubles, a value a column, judged as it is taken. */
static int feed_at(struct fixture *f, double at_s, double now_s, const double *values)
{
    struct column columns[COLUMNS_ROOM];
    int64_t at_us = T0 + (int64_t)(at_s * (double)S);
    for (uint32_t c = 0; c < f->table->n; c++)
        columns[c] = (struct column){ .real = true, .values = &values[c] };
    struct batch batch = { .n_ticks = 1, .n_columns = f->table->n, .table = f->table->hash, .columns = columns };
    f->now_us = T0 + (int64_t)(now_s * (double)S);
    return watch_judge(f->watch, watch_host(f->watch, HOST), f->table, &batch, &at_us, f->now_us, &f->out);
}

static void feed(struct fixture *f, double at_s, double cpu, double loss)
{
    assert_int_equal(feed_at(f, at_s, at_s, (double[]){ cpu, loss }), 0);
}

static void feed_late(struct fixture *f, double at_s, double now_s, double cpu, double loss)
{
    assert_int_equal(feed_at(f, at_s, now_s, (double[]){ cpu, loss }), 0);
}

static void tick(struct fixture *f, double now_s)
{
    f->now_us = T0 + (int64_t)(now_s * (double)S);
    watch_tick(f->watch, f->now_us, &f->out);
}

static void tick_through(struct fixture *f, int from_s, int to_s)
{
    for (int s = from_s; s <= to_s; s++)
        tick(f, s);
}

static void set_host(struct fixture *f, unsigned in_force, int64_t interval_s)
{
    assert_int_equal(watch_set_host(f->watch, HOST, in_force, no_limits, interval_s * S, f->now_us, &f->out), 0);
}

static const struct transition *last(const struct fixture *f)
{
    assert_true(f->out.n > 0);
    return &f->out.at[f->out.n - 1];
}

static void assert_change(const struct transition *t, const char *rule, enum alert_state from, enum alert_state to)
{
    assert_string_equal(t->alert.rule, rule);
    assert_string_equal(alert_state_name(t->from), alert_state_name(from));
    assert_string_equal(alert_state_name(t->alert.state), alert_state_name(to));
}

static int64_t crossed_s(const struct transition *t)
{
    return t->alert.crossed_us ? (t->alert.crossed_us - T0) / S : -1;
}

static size_t said(const struct fixture *f)
{
    return f->out.n;
}

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

/* ---- gaps ---- */

static void a_pending_alert_begins_anew_behind_a_gap_of_more_than_three_intervals(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 0);
    feed(f, 30.001, 0.95, 0);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 30);
    feed(f, 100, 0.85, 0); /* not past the threshold: what was bad before the gap is no reason any more */
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_OK);
}

static void samples_three_intervals_apart_are_one_spell(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1); /* ticks from before it went to seconds come 10 s apart still */
    feed(f, 0, 0.95, 0);
    feed(f, 30, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
}

static void a_firing_alert_goes_on_over_a_gap(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, 1);
    feed(f, 5000, 0, 1);
    assert_int_equal(said(f), 1);
    feed(f, 6000, 0, 0);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
}

static void a_series_that_leaves_the_table_turns_unknown_and_comes_back_by_data(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0.95, 1);
    f->table = &cpu_only;
    feed(f, 1, 0.95, 0);
    assert_int_equal(said(f), 3);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_UNKNOWN);
    assert_int_equal(crossed_s(last(f)), 0);
    feed(f, 2, 0.95, 0);
    assert_int_equal(said(f), 3);
    f->table = &both;
    feed(f, 3, 0.95, 0.4); /* above clear: as bad as before */
    assert_change(last(f), "loss", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
    feed(f, 30, 0.95, 0);
    assert_change(&f->out.at[4], "cpu", ALERT_PENDING, ALERT_FIRING); /* untouched by the changes of table */
    assert_int_equal(crossed_s(&f->out.at[4]), 0);
}

static void a_pending_series_that_leaves_the_table_turns_unknown_without_a_crossing(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { LOSS, "db:3306", "1", -4 } };
    const struct series_table loss_only = { .hash = { { 9 } }, .n = 1, .at = series };
    feed(f, 0, 0.95, 0);
    f->table = &loss_only;
    feed_at(f, 1, 1, (double[]){ 0 });
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_UNKNOWN);
    assert_int_equal(last(f)->alert.crossed_us, 0);
    f->table = &both;
    feed(f, 100, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_OK);
}

static void many_tables_in_turn_are_all_judged(void **state)
{
    struct fixture *f = *state;
    struct series_table tables[7];
    for (int i = 0; i < 7; i++)
        tables[i] = (struct series_table){ .hash = { { 40, (uint8_t)i } }, .n = 2, .at = both_series };
    for (int s = 0; s < 100; s++) {
        f->table = &tables[s * 5 % 7];
        feed(f, s, 0.95, s % 10 == 9);
    }
    assert_change(&f->out.at[0], "cpu", ALERT_OK, ALERT_PENDING);
    size_t fired = 0;
    for (size_t i = 0; i < said(f); i++)
        fired += f->out.at[i].alert.state == ALERT_FIRING;
    assert_int_equal(fired, 11); /* ten of loss, one of cpu */
}

static void no_more_than_the_most_alerts_of_a_host_are_watched(void **state)
{
    struct fixture *f = *state;
    enum { N = 1024, RULES = 5 };
    struct series *series = calloc(N, sizeof *series);
    struct rule rules[RULES];
    char(*names)[16] = calloc(N, sizeof *names);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        series[i] = (struct series){ LOSS, names[i], "1", 0 };
    }
    for (int r = 0; r < RULES; r++)
        rules[r] = rule_of((const char *[]){ "a", "b", "c", "d", "e" }[r], LOSS, 0.5, 0.5, 0);
    assert_int_equal(watch_set_rules(f->watch, rules, RULES, T0, &f->out, NULL), 0);
    int64_t one = 1;
    struct column *columns = calloc(N, sizeof *columns);
    for (int i = 0; i < N; i++)
        columns[i] = (struct column){ .real = false, .fixed = &one };
    const struct series_table table = { .hash = { { 77 } }, .n = N, .at = series };
    struct batch batch = { .n_ticks = 1, .n_columns = N, .table = table.hash, .columns = columns };
    int first = watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, &(int64_t){ T0 }, T0, &f->out);
    size_t fired = said(f);
    one = 0;
    int second =
        watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, &(int64_t){ T0 + S }, T0 + S, &f->out);
    free(columns);
    free(names);
    free(series);
    assert_int_equal(first, -ENOBUFS);
    assert_int_equal(second, 0);
    assert_int_equal(fired, ALERTS_PER_HOST_MAX);
    assert_int_equal(said(f), 2 * ALERTS_PER_HOST_MAX);
}

/* `n` instances of loss in a table of their own, named from `first` on, all with the value `raw`. */
static int feed_instances(struct fixture *f, int first, int n, int64_t raw, int64_t at_s)
{
    struct series *series = calloc((size_t)n, sizeof *series);
    struct column *columns = calloc((size_t)n, sizeof *columns);
    char(*names)[16] = calloc((size_t)n, sizeof *names);
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "t%d", first + i);
        series[i] = (struct series){ LOSS, names[i], "1", 0 };
        columns[i] = (struct column){ .real = false, .fixed = &raw };
    }
    struct series_table table = { .n = (uint32_t)n, .at = series };
    memcpy(table.hash.bytes, &first, sizeof first);
    struct batch batch = { .n_ticks = 1, .n_columns = (uint32_t)n, .table = table.hash, .columns = columns };
    f->now_us = T0 + at_s * S;
    int rc = watch_judge(f->watch, watch_host(f->watch, HOST), &table, &batch, &f->now_us, f->now_us, &f->out);
    free(names);
    free(columns);
    free(series);
    return rc;
}

static void alerts_of_series_that_are_gone_give_way_to_those_of_series_that_are_there(void **state)
{
    struct fixture *f = *state;
    enum { HALF = ALERTS_PER_HOST_MAX / 2 };
    assert_int_equal(feed_instances(f, 10000, HALF, 1, 0), 0);
    assert_int_equal(feed_instances(f, 20000, HALF, 1, 1), 0);
    assert_int_equal(said(f), 3 * HALF); /* the first ones are unknown, and the table is full */
    assert_int_equal(feed_instances(f, 30000, 2, 1, 2), 0);
    assert_int_equal(said(f), 4 * HALF + 4); /* the second ones are unknown, too */
    for (size_t i = 0; i < 2; i++) {
        const struct transition *given_up = &f->out.at[4 * HALF + 2 * i];
        assert_change(given_up, "loss", ALERT_UNKNOWN, ALERT_OK);
        assert_int_equal(given_up->alert.instance[1], '1'); /* lost first */
        assert_change(given_up + 1, "loss", ALERT_OK, ALERT_FIRING);
        assert_int_equal(given_up[1].alert.instance[1], '3');
    }
    assert_int_equal(feed_instances(f, 40000, ALERTS_PER_HOST_MAX, 1, 3), 0);
    transitions_clear(&f->out);
    assert_int_equal(feed_instances(f, 40000, ALERTS_PER_HOST_MAX, 0, 4), 0);
    assert_int_equal(said(f), ALERTS_PER_HOST_MAX); /* all of them were watched */
}

/* ---- silence ---- */

static void silence_fires_when_no_tick_came_for_three_intervals(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 10, 0, 0);
    tick_through(f, 1, 12);
    assert_int_equal(said(f), 0);
    tick(f, 13);
    assert_int_equal(said(f), 1);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 11); /* when the first tick was missing */
    assert_int_equal(last(f)->alert.changed_us, T0 + 13 * S);
    assert_true(last(f)->alert.severity == SEVERITY_CRITICAL && last(f)->alert.page);
    assert_true(last(f)->alert.value == 3 && last(f)->alert.threshold == 3);
    assert_string_equal(last(f)->alert.metric, "");
    tick_through(f, 14, 50);
    assert_int_equal(said(f), 1);
}

static void a_host_without_a_confirmed_interval_has_thirty_seconds(void **state)
{
    struct fixture *f = *state;
    watch_listen(f->watch, T0, 0);
    feed(f, 10, 0, 0);
    tick_through(f, 1, 39);
    assert_int_equal(said(f), 0);
    tick(f, 40);
    assert_int_equal(crossed_s(last(f)), 20);
}

static void silence_turns_what_was_pending_or_firing_unknown(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 1, 3);
    assert_int_equal(said(f), 5);
    assert_change(&f->out.at[2], WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    for (int i = 3; i < 5; i++) {
        assert_int_equal(f->out.at[i].alert.state, ALERT_UNKNOWN);
        bool firing = strcmp(f->out.at[i].alert.rule, "loss") == 0;
        assert_int_equal(f->out.at[i].from, firing ? ALERT_FIRING : ALERT_PENDING);
        assert_int_equal(f->out.at[i].alert.crossed_us, firing ? T0 : 0);
    }
    tick_through(f, 4, 20);
    assert_int_equal(said(f), 5);
}

static void unknown_ends_by_data_only_as_what_the_data_says(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 1, 3);
    feed(f, 20, ABSENT, 0.4);
    assert_int_equal(said(f), 7);
    assert_change(&f->out.at[5], WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    assert_change(&f->out.at[6], "loss", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[6]), 0); /* the spell it was in */
    feed(f, 21, 0.5, 0);
    assert_change(&f->out.at[7], "cpu", ALERT_UNKNOWN, ALERT_OK);
    assert_change(&f->out.at[8], "loss", ALERT_FIRING, ALERT_OK);
}

static void a_pending_spell_goes_on_over_a_silence_shorter_than_a_gap(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 0);
    feed(f, 1, 0.95, 0);
    tick_through(f, 2, 10);
    feed(f, 11, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 0);
    tick_through(f, 12, 28);
    feed(f, 30, 0.85, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
}

static void a_pending_spell_begins_anew_behind_a_longer_silence(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 0);
    tick_through(f, 1, 39);
    feed(f, 40, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_UNKNOWN, ALERT_PENDING);
    assert_int_equal(crossed_s(last(f)), 40);
}

static void a_tick_too_old_does_not_end_silence(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0, 0);
    tick_through(f, 1, 60);
    assert_int_equal(said(f), 1);
    feed_late(f, 50, 60, 0, 0); /* newer than all before, but not of now */
    assert_int_equal(said(f), 1);
    feed_late(f, 58, 60, 0, 0);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    assert_int_equal(last(f)->alert.changed_us, T0 + 58 * S);
}

static void silence_is_judged_only_after_three_intervals_and_grace_of_listening(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 1, 0, 0);
    tick_through(f, 2, 100);
    assert_int_equal(said(f), 0); /* nobody listens yet */
    watch_listen(f->watch, T0 + 100 * S, 15 * S);
    tick_through(f, 101, 117);
    assert_int_equal(said(f), 0);
    tick(f, 118);
    assert_int_equal(said(f), 1);
    assert_int_equal(crossed_s(last(f)), 2);
}

static void a_watch_that_was_deaf_itself_calls_nobody_silent(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0, 0);
    tick(f, 2);
    tick(f, 20); /* the process stood still: what it did not hear is no silence */
    tick(f, 21);
    tick(f, 22);
    assert_int_equal(said(f), 0);
    tick(f, 23);
    assert_int_equal(said(f), 1);
}

static void a_clock_set_back_does_not_hide_silence(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 7200, 0, 0);
    tick_through(f, 7190, 7200);
    tick_through(f, 0, 2);
    assert_int_equal(said(f), 0);
    tick(f, 3);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(last(f)->alert.crossed_us, T0 + 1 * S - 1); /* its last tick lies just before the step */
    feed(f, 4, 0, 0);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
}

static void ticks_under_a_clock_set_back_are_not_late(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0 + 7100 * S, 0);
    feed(f, 7199, 0, 1);
    tick(f, 7199);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    feed_late(f, 7200, 0, 0, 0); /* by the clock of before, taken for now; and no watch_tick() came yet */
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_false(last(f)->late);
    feed(f, 1, 0, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 1);
}

static void a_hold_is_as_long_as_ever_when_the_clock_is_set_back(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    for (int s = 7180; s <= 7200; s += 10) {
        feed(f, s, 0.95, 0);
        tick(f, s);
    }
    tick(f, 0);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
    feed(f, 9, 0.95, 0);
    assert_int_equal(said(f), 1);
    feed(f, 10, 0.95, 0); /* bad for 20 s before, and for 10 s since */
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
}

static void what_a_clock_ahead_has_stored_does_not_blind_the_next_run(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 7200 * S), 0);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
    assert_false(last(f)->late);
    tick_through(f, 1, 4);
    assert_change(&f->out.at[1], WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
}

static void a_shorter_interval_counts_from_when_it_was_confirmed(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    watch_listen(f->watch, T0, 0);
    feed(f, 1, 0, 0);
    tick_through(f, 2, 10);
    set_host(f, IN_FORCE_NO_EVENT, 1);
    tick_through(f, 11, 12);
    assert_int_equal(said(f), 0);
    tick(f, 13);
    assert_int_equal(said(f), 1);
}

static void a_host_that_never_sent_a_tick_is_not_silent(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_LIVE, 1);
    watch_listen(f->watch, T0, 0);
    tick_through(f, 1, 1000);
    assert_int_equal(said(f), 0);
}

static void a_host_that_fell_silent_while_nobody_listened_is_found(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(watch_seen(f->watch, HOST, T0), 0);
    watch_listen(f->watch, T0 + 500 * S, 10 * S);
    tick_through(f, 500, 539);
    assert_int_equal(said(f), 0);
    tick(f, 540);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 10);
}

static void a_host_that_is_dropped_has_no_alerts_and_is_not_silent(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0.95, 1);
    tick_through(f, 1, 3);
    assert_int_equal(said(f), 5);
    const struct watched *held = watch_host(f->watch, HOST);
    assert_int_equal(watch_drop_host(f->watch, HOST, T0 + 4 * S, &f->out), 0);
    assert_int_equal(said(f), 8); /* cpu, loss, silence */
    for (size_t i = 5; i < 8; i++)
        assert_int_equal(f->out.at[i].alert.state, ALERT_OK);
    assert_change(last(f), WATCH_SILENCE_RULE, ALERT_FIRING, ALERT_OK);
    tick_through(f, 5, 100);
    assert_int_equal(watch_drop_host(f->watch, HOST, T0 + 100 * S, &f->out), 0); /* it is gone already */
    assert_int_equal(said(f), 8);
    set_host(f, IN_FORCE_NO_EVENT, 1);
    tick_through(f, 101, 200);
    assert_int_equal(said(f), 8);
    assert_ptr_equal(watch_host(f->watch, HOST), held); /* borrowed as long as the watch lives */
    feed(f, 200, 0, 1);
    assert_change(last(f), "loss", ALERT_OK, ALERT_FIRING);
}

/* ---- late ticks ---- */

static void a_spell_within_late_ticks_is_told_with_its_true_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 1; s < 100; s++)
        feed_late(f, s, 110, 0, s >= 20 && s < 60);
    assert_int_equal(said(f), 2);
    assert_change(&f->out.at[0], "loss", ALERT_OK, ALERT_FIRING);
    assert_change(&f->out.at[1], "loss", ALERT_FIRING, ALERT_OK);
    assert_true(f->out.at[0].late && f->out.at[1].late);
    assert_int_equal(crossed_s(&f->out.at[0]), 20);
    assert_int_equal(f->out.at[0].detected_us, T0 + 110 * S);
    assert_int_equal(f->out.at[1].alert.changed_us, T0 + 60 * S);
}

static void late_pending_tells_nobody(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 10; s < 100; s += 10)
        feed_late(f, s, 110, s < 40 ? 0.95 : 0.1, 0);
    assert_int_equal(said(f), 0);
}

static void late_ticks_begin_from_ok_and_leave_the_live_alert_alone(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    feed(f, 101, 0, 1);
    for (int s = 1; s < 100; s++)
        feed_late(f, s, 110, 0, s < 60);
    assert_int_equal(said(f), 2); /* its end is not told: the live alert fires, and tells its own */
    assert_true(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 1);
    feed(f, 111, 0, 0);
    assert_int_equal(said(f), 3);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_false(last(f)->late);
}

static void a_spell_that_reaches_the_live_ticks_gives_the_live_alert_its_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 1);
    assert_int_equal(crossed_s(last(f)), 100);
    for (int s = 1; s < 100; s++)
        feed_late(f, s, 110, 0, s >= 70);
    assert_int_equal(said(f), 3);
    assert_true(f->out.at[1].late);
    assert_int_equal(crossed_s(&f->out.at[1]), 70);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_false(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 70);
}

static void a_pending_alert_fires_when_late_ticks_make_its_hold_full(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    for (int s = 100; s <= 110; s++)
        feed(f, s, 0.95, 0);
    assert_int_equal(said(f), 1);
    for (int s = 75; s < 100; s++)
        feed_late(f, s, 111, 0.95, 0);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 75);
    assert_false(last(f)->late);
}

static void a_live_alert_that_began_later_keeps_its_crossing(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0); /* well, so the spells on both sides are two */
    feed(f, 101, 0, 1);
    for (int s = 90; s < 100; s++)
        feed_late(f, s, 110, 0, 1);
    assert_int_equal(crossed_s(&f->out.at[0]), 101);
    assert_int_equal(said(f), 2);
    assert_true(last(f)->late);
    feed(f, 120, 0, 1);
    assert_int_equal(said(f), 2);
}

static void a_late_spell_under_an_alert_firing_since_before_is_not_told(void **state)
{
    struct fixture *f = *state;
    feed(f, 0, 0, 1);
    feed(f, 100, 0, 1);
    for (int s = 10; s < 100; s += 10)
        feed_late(f, s, 110, 0, 1);
    assert_int_equal(said(f), 1);
}

static void a_late_spell_without_an_end_ends_when_its_lane_does(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 40; s < 50; s++)
        feed_late(f, s, 101, 0, 1); /* the rest was dropped and never comes */
    assert_int_equal(said(f), 1);
    for (int s = 102; s < 161; s++)
        tick(f, s);
    assert_int_equal(said(f), 1);
    tick(f, 161);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_OK);
    assert_true(last(f)->late);
    assert_int_equal(last(f)->alert.changed_us, T0 + 100 * S);
}

static void ticks_before_the_first_live_one_are_late_too(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 100, 0, 1);
    for (int s = 90; s < 100; s++)
        feed_late(f, s, 101, 0, 1);
    assert_change(last(f), "loss", ALERT_FIRING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 90);
}

static void a_spell_pending_when_the_gap_began_goes_on_in_late_ticks(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    watch_listen(f->watch, T0, 0);
    feed(f, 0, 0, 0);
    for (int s = 1; s <= 20; s++)
        feed(f, s, 0.95, 0); /* of 30 s */
    tick_through(f, 21, 99); /* silence: what was pending is unknown */
    feed(f, 100, 0, 0);
    size_t before = said(f);
    for (int s = 21; s < 100; s++)
        feed_late(f, s, 101, s < 35 ? 0.95 : 0, 0);
    assert_int_equal(said(f), before + 2);
    assert_true(last(f)->late);
    assert_change(&f->out.at[before], "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[before]), 1);
    assert_change(last(f), "cpu", ALERT_FIRING, ALERT_OK);
}

static void a_spell_over_both_ends_of_a_gap_is_one(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    for (int s = 1; s <= 5; s++)
        feed(f, s, 0.95, 0);
    for (int s = 100; s <= 105; s++)
        feed(f, s, 0.95, 0);
    for (int s = 6; s < 100; s++)
        feed_late(f, s, 106, 0.95, 0);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_false(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 1);
}

static void what_was_pending_long_before_the_late_ticks_begins_anew(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    for (int s = 1; s <= 20; s++)
        feed(f, s, 0.95, 0);
    feed(f, 200, 0, 0);
    size_t before = said(f);
    for (int s = 60; s < 80; s++) /* the ticks between were dropped: nobody saw it bad all the time */
        feed_late(f, s, 201, 0.95, 0);
    assert_int_equal(said(f), before);
}

static void two_gaps_are_closed_apart(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 1);
    feed(f, 0, 0, 0);
    feed(f, 50, 0, 0);
    feed(f, 100, 0, 0);
    for (int s = 60; s < 70; s++)
        feed_late(f, s, 101, 0, 1);
    for (int s = 10; s < 20; s++) /* an older gap: the other lane is over */
        feed_late(f, s, 102, 0, 1);
    assert_int_equal(said(f), 3);
    assert_int_equal(crossed_s(&f->out.at[0]), 60);
    assert_change(&f->out.at[1], "loss", ALERT_FIRING, ALERT_OK);
    assert_int_equal(crossed_s(&f->out.at[2]), 10);
}

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
    const struct rule rules[] = { rule_of("cpu", CPU, 0.9, 0.8, 30), rule_of("loss", LOSS, 0.5, 0.2, 0) };
    struct watch *watch = NULL;
    assert_int_equal(watch_new(&watch, rules, 2, NULL), 0);
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
    assert_true(a->alert.value == b->alert.value && a->alert.threshold == b->alert.threshold);
}

static void cutting_and_merging_batches_changes_no_transition(void **state)
{
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
            for (size_t i = 0; i < whole.n; i++)
                assert_same(&whole.at[i], &cut.at[i]);
            transitions_done(&whole);
            transitions_done(&cut);
        }
    }
    free(h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(a_pending_alert_begins_anew_behind_a_gap_of_more_than_three_intervals),
        TEST(samples_three_intervals_apart_are_one_spell),
        TEST(a_firing_alert_goes_on_over_a_gap),
        TEST(a_series_that_leaves_the_table_turns_unknown_and_comes_back_by_data),
        TEST(a_pending_series_that_leaves_the_table_turns_unknown_without_a_crossing),
        TEST(many_tables_in_turn_are_all_judged),
        TEST(no_more_than_the_most_alerts_of_a_host_are_watched),
        TEST(alerts_of_series_that_are_gone_give_way_to_those_of_series_that_are_there),
        TEST(silence_fires_when_no_tick_came_for_three_intervals),
        TEST(a_host_without_a_confirmed_interval_has_thirty_seconds),
        TEST(silence_turns_what_was_pending_or_firing_unknown),
        TEST(unknown_ends_by_data_only_as_what_the_data_says),
        TEST(a_pending_spell_goes_on_over_a_silence_shorter_than_a_gap),
        TEST(a_pending_spell_begins_anew_behind_a_longer_silence),
        TEST(a_tick_too_old_does_not_end_silence),
        TEST(silence_is_judged_only_after_three_intervals_and_grace_of_listening),
        TEST(a_watch_that_was_deaf_itself_calls_nobody_silent),
        TEST(a_clock_set_back_does_not_hide_silence),
        TEST(ticks_under_a_clock_set_back_are_not_late),
        TEST(a_hold_is_as_long_as_ever_when_the_clock_is_set_back),
        TEST(what_a_clock_ahead_has_stored_does_not_blind_the_next_run),
        TEST(a_shorter_interval_counts_from_when_it_was_confirmed),
        TEST(a_host_that_never_sent_a_tick_is_not_silent),
        TEST(a_host_that_fell_silent_while_nobody_listened_is_found),
        TEST(a_host_that_is_dropped_has_no_alerts_and_is_not_silent),
        TEST(a_spell_within_late_ticks_is_told_with_its_true_crossing),
        TEST(late_pending_tells_nobody),
        TEST(late_ticks_begin_from_ok_and_leave_the_live_alert_alone),
        TEST(a_spell_that_reaches_the_live_ticks_gives_the_live_alert_its_crossing),
        TEST(a_pending_alert_fires_when_late_ticks_make_its_hold_full),
        TEST(a_live_alert_that_began_later_keeps_its_crossing),
        TEST(a_late_spell_under_an_alert_firing_since_before_is_not_told),
        TEST(a_late_spell_without_an_end_ends_when_its_lane_does),
        TEST(ticks_before_the_first_live_one_are_late_too),
        TEST(a_spell_pending_when_the_gap_began_goes_on_in_late_ticks),
        TEST(a_spell_over_both_ends_of_a_gap_is_one),
        TEST(what_was_pending_long_before_the_late_ticks_begins_anew),
        TEST(two_gaps_are_closed_apart),
        TEST(alerts_outlive_the_process),
        TEST(what_silence_cut_short_goes_on_after_a_restart),
        TEST(the_row_of_what_silence_cut_short_knows_its_crossing),
        TEST(what_silence_cut_short_begins_anew_when_nobody_saw_it_go_on),
        TEST(a_restored_alert_of_a_rule_that_is_gone_is_left_out),
        TEST(a_restored_alert_of_a_rule_not_in_force_turns_ok),
        TEST(silence_outlives_the_process),
        cmocka_unit_test(cutting_and_merging_batches_changes_no_transition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
