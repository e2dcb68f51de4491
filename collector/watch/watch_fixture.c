#include "collector/watch/watch_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double no_limits[LIMIT_COUNT] = { NAN, NAN, NAN, NAN, NAN, NAN };

struct rule rule_of(const char *name, const char *metric, double above, double clear, int64_t hold_s)
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

static const struct series both_series[] = { { CPU, "", "1", -4 }, { LOSS, "db:3306", "1", -4 } };
const struct series_table both = { .hash = { { 1 } }, .n = 2, .at = both_series };
static const struct series cpu_series[] = { { CPU, "", "1", -4 } };
const struct series_table cpu_only = { .hash = { { 2 } }, .n = 1, .at = cpu_series };

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const struct rule rules[] = { rule_of("cpu", CPU, 0.9, 0.8, 30), rule_of("loss", LOSS, 0.5, 0.2, 0) };
    f->table = &both;
    f->now_us = T0;
    *state = f;
    return watch_new(&f->watch, rules, 2, NULL);
}

int setup_rule(void **state, const struct rule *rule, const struct series_table *table)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->table = table;
    f->now_us = T0;
    *state = f;
    return watch_new(&f->watch, rule, 1, NULL);
}

int teardown(void **state)
{
    struct fixture *f = *state;
    f->watch = watch_free(f->watch);
    transitions_done(&f->out);
    free(f);
    return 0;
}

int feed_at(struct fixture *f, double at_s, double now_s, const double *values)
{
    struct column columns[COLUMNS_ROOM];
    int64_t at_us = T0 + (int64_t)(at_s * (double)S);
    for (uint32_t c = 0; c < f->table->n; c++)
        columns[c] = (struct column){ .real = true, .values = &values[c] };
    struct batch batch = { .n_ticks = 1, .n_columns = f->table->n, .table = f->table->hash, .columns = columns };
    f->now_us = T0 + (int64_t)(now_s * (double)S);
    return watch_judge(f->watch, watch_host(f->watch, HOST), f->table, &batch, &at_us, f->now_us, &f->out);
}

void feed_one(struct fixture *f, double at_s, double value)
{
    assert_int_equal(feed_at(f, at_s, at_s, &value), 0);
}

void feed(struct fixture *f, double at_s, double cpu, double loss)
{
    assert_int_equal(feed_at(f, at_s, at_s, (double[]){ cpu, loss }), 0);
}

void feed_late(struct fixture *f, double at_s, double now_s, double cpu, double loss)
{
    assert_int_equal(feed_at(f, at_s, now_s, (double[]){ cpu, loss }), 0);
}

void tick(struct fixture *f, double now_s)
{
    f->now_us = T0 + (int64_t)(now_s * (double)S);
    watch_tick(f->watch, f->now_us, &f->out);
}

void tick_through(struct fixture *f, int from_s, int to_s)
{
    for (int s = from_s; s <= to_s; s++)
        tick(f, s);
}

void set_host(struct fixture *f, unsigned in_force, int64_t interval_s)
{
    assert_int_equal(watch_set_host(f->watch, HOST, in_force, no_limits, interval_s * S, f->now_us, &f->out), 0);
}

const struct transition *last(const struct fixture *f)
{
    assert_true(f->out.n > 0);
    return &f->out.at[f->out.n - 1];
}

const struct transition *last_of(const struct fixture *f, const char *rule)
{
    const struct transition *found = NULL;
    for (size_t i = 0; i < f->out.n; i++)
        if (strcmp(f->out.at[i].alert.rule, rule) == 0)
            found = &f->out.at[i];
    assert_non_null(found);
    return found;
}

void assert_change(const struct transition *t, const char *rule, enum alert_state from, enum alert_state to)
{
    assert_string_equal(t->alert.rule, rule);
    assert_string_equal(alert_state_name(t->from), alert_state_name(from));
    assert_string_equal(alert_state_name(t->alert.state), alert_state_name(to));
}

int64_t crossed_s(const struct transition *t)
{
    return t->alert.crossed_us ? (t->alert.crossed_us - T0) / S : -1;
}

size_t said(const struct fixture *f)
{
    return f->out.n;
}
