#include "collector/watch/watch_fixture.h"

#define USED "system.filesystem.used"

/* More than 100 a second over 60 s, clear at 50. */
static int setup_rate(void **state)
{
    static const struct series series[] = { { USED, "/var", "By", 0 } };
    static const struct series_table table = { .hash = { { 7 } }, .n = 1, .at = series };
    struct rule rule = rule_of("fills", USED, 100, 50, 0);
    rule.condition = CONDITION_RATE;
    rule.span_us = 60 * S;
    return setup_rule(state, &rule, &table);
}

/* A straight line through 0 at 0 s, a tick each `step_s`. */
static void feed_line(struct fixture *f, double from_s, double to_s, double step_s, double slope)
{
    int n = (int)((to_s - from_s) / step_s);
    for (int i = 0; i <= n; i++)
        feed_one(f, from_s + i * step_s, 5000 + (from_s + i * step_s) * slope);
}

static void nothing_is_said_before_the_span_has_passed(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 50, 10, 1000);
    assert_int_equal(said(f), 0);
    feed_one(f, 60, 65000);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.value == 1000);
    assert_string_equal(last(f)->alert.unit, "By/s");
    assert_int_equal(crossed_s(last(f)), 60);
}

static void a_second_and_ten_seconds_between_samples_mean_the_same(void **state)
{
    struct fixture *f = *state;
    double values[2];
    for (int i = 0; i < 2; i++) {
        int step_s = i ? 1 : 10;
        double from_s = i * 10000;
        for (int s = 0; s <= 120; s += step_s) /* a bend at 60 s: half the span is flat at 90 s */
            feed_one(f, from_s + s, s < 60 ? 0 : (s - 60) * 202);
        assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
        assert_int_equal(crossed_s(last(f)) - (int64_t)from_s, 90);
        values[i] = last(f)->alert.value;
        feed_one(f, from_s + 5000, 0);
        feed_line(f, from_s + 5060, from_s + 5130, step_s, 0);
        assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK);
    }
    assert_true(values[0] == 101 && values[1] == 101);
}

static void it_ends_when_the_change_reaches_clear(void **state)
{
    struct fixture *f = *state;
    double value = 0;
    feed_one(f, 0, value);
    for (int s = 10; s <= 60; s += 10)
        feed_one(f, s, value = s * 120);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    for (int s = 70; s <= 90; s += 10) /* 100, 80, 60 a second */
        feed_one(f, s, value);
    assert_int_equal(said(f), 1);
    feed_one(f, 100, value);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK);
    assert_true(last(f)->alert.value == 40);
}

static void ticks_a_little_early_count_to_the_nearest_sample(void **state)
{
    struct fixture *f = *state;
    feed_one(f, 0, 0);
    for (int s = 10; s < 60; s += 10)
        feed_one(f, s, s * 200);
    feed_one(f, 59.99, 59.99 * 200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.value > 199.99 && last(f)->alert.value < 200.01);
}

static void the_value_a_span_ago_lies_on_the_line_between_two_samples(void **state)
{
    struct fixture *f = *state;
    for (int s = 0; s <= 91; s += 7)
        feed_one(f, s, s * 90);
    assert_int_equal(said(f), 0); /* 63 s of change in 60 s would be 94 a second, 9 samples in 56 s 84 */
    feed_one(f, 98, 98 * 90 + 1200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.value > 109.99 && last(f)->alert.value < 110.01);
}

static void falling_is_below(void **state)
{
    struct fixture *f = *state;
    struct rule rule = rule_of("falls", USED, -10, -5, 0);
    rule.comparison = COMPARE_BELOW;
    rule.condition = CONDITION_RATE;
    rule.span_us = 60 * S;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    feed_line(f, 0, 60, 10, -10);
    assert_int_equal(said(f), 0);
    feed_one(f, 70, 5000 - 800);
    assert_change(last(f), "falls", ALERT_OK, ALERT_FIRING);
}

static void a_rate_holds_like_any_value(void **state)
{
    struct fixture *f = *state;
    struct rule rule = rule_of("fills", USED, 100, 50, 30);
    rule.condition = CONDITION_RATE;
    rule.span_us = 60 * S;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    feed_line(f, 0, 80, 10, 200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_PENDING);
    feed_one(f, 90, 5000 + 90 * 200);
    assert_change(last(f), "fills", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 60);
}

/* ---- gaps ---- */

static void behind_a_gap_the_span_begins_anew_and_what_fires_goes_on(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 60, 10, 200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    for (int s = 100; s < 160; s += 10) /* flat, but nobody knows before a span has passed */
        feed_one(f, s, 0);
    assert_int_equal(said(f), 1);
    feed_one(f, 160, 0);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK);
}

static void absent_values_leave_the_span_as_it_was_until_they_make_a_gap(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 30, 10, 200);
    feed_one(f, 40, ABSENT);
    feed_one(f, 50, ABSENT);
    feed_one(f, 60, 5000 + 60 * 200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    for (int s = 70; s <= 100; s += 10)
        feed_one(f, s, ABSENT);
    for (int s = 110; s < 170; s += 10)
        feed_one(f, s, 0);
    assert_int_equal(said(f), 1);
}

static void a_late_rate_is_told_with_its_true_crossing(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 30, 10, 0);
    feed_one(f, 300, 0);
    for (int s = 40; s <= 290; s += 10) { /* from 40 s to 150 s it grows; the span goes back before the gap */
        double value = 5000 + (s < 150 ? (s - 30) * 150 : 120 * 150);
        assert_int_equal(feed_at(f, s, 301, &value), 0);
    }
    assert_int_equal(said(f), 2);
    assert_true(f->out.at[0].late && f->out.at[1].late);
    assert_change(&f->out.at[0], "fills", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[0]), 80); /* (80 - 30) * 150 in 60 s is 125; at 70 s it was 100 */
    assert_change(&f->out.at[1], "fills", ALERT_FIRING, ALERT_OK);
}

static void a_late_rate_that_goes_on_becomes_the_live_alert(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 30, 10, 200);
    feed_line(f, 300, 320, 10, 200); /* too short to say anything */
    assert_int_equal(said(f), 0);
    for (int s = 40; s <= 290; s += 10) {
        double value = 5000 + s * 200;
        assert_int_equal(feed_at(f, s, 321, &value), 0);
    }
    assert_int_equal(said(f), 2);
    assert_true(f->out.at[0].late);
    assert_int_equal(crossed_s(&f->out.at[0]), 60);
    assert_false(last(f)->late);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 60);
    feed_one(f, 330, 5000 + 330 * 200);
    assert_int_equal(said(f), 2);
    for (int s = 340; s <= 380; s += 10)
        feed_one(f, s, 5000 + 330 * 200);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK); /* the span reaches back into the late ticks */
}

/* ---- silence, tables, clock, rules ---- */

static void silence_makes_it_unknown_until_a_span_has_passed_again(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    watch_listen(f->watch, T0, 0);
    feed_line(f, 0, 60, 10, 200);
    tick_through(f, 60, 100);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_UNKNOWN);
    size_t before = said(f);
    for (int s = 110; s < 170; s += 10)
        feed_one(f, s, 0);
    assert_int_equal(said(f), before + 1); /* silence ended */
    feed_one(f, 170, 0);
    assert_change(last(f), "fills", ALERT_UNKNOWN, ALERT_OK);
}

static void a_series_that_leaves_the_table_begins_anew_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    const struct series_table *table = f->table;
    feed_line(f, 0, 50, 10, 200);
    f->table = &cpu_only;
    feed_one(f, 55, 0);
    f->table = table;
    feed_line(f, 60, 110, 10, 200);
    assert_int_equal(said(f), 0);
    feed_one(f, 120, 5000 + 120 * 200);
    assert_int_equal(said(f), 1);
}

static void the_span_follows_a_clock_set_back(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 960, 1000, 10, 200);
    tick(f, 1000);
    tick(f, 501); /* by 499 s */
    for (int s = 511; s <= 521; s += 10)
        feed_one(f, s, 5000 + (s + 499) * 200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.value > 199 && last(f)->alert.value < 201);
}

static void a_rule_left_as_it_was_remembers_and_one_of_another_span_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct rule rules[2] = { rule_of("fills", USED, 100, 50, 0), rule_of("other", CPU, 0.9, 0.9, 0) };
    rules[0].condition = CONDITION_RATE;
    rules[0].span_us = 60 * S;
    feed_line(f, 0, 50, 10, 200);
    assert_int_equal(watch_set_rules(f->watch, rules, 2, f->now_us, &f->out, NULL), 0);
    feed_one(f, 60, 5000 + 60 * 200);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    rules[0].span_us = 20 * S;
    assert_int_equal(watch_set_rules(f->watch, rules, 2, f->now_us, &f->out, NULL), 0);
    feed_one(f, 70, 0);
    feed_one(f, 80, 0);
    assert_int_equal(said(f), 1);
    feed_one(f, 90, 0);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK);
}

int main(void)
{
#define RATE(name) cmocka_unit_test_setup_teardown(name, setup_rate, teardown)
    const struct CMUnitTest tests[] = {
        RATE(nothing_is_said_before_the_span_has_passed),
        RATE(a_second_and_ten_seconds_between_samples_mean_the_same),
        RATE(it_ends_when_the_change_reaches_clear),
        RATE(ticks_a_little_early_count_to_the_nearest_sample),
        RATE(the_value_a_span_ago_lies_on_the_line_between_two_samples),
        RATE(falling_is_below),
        RATE(a_rate_holds_like_any_value),
        RATE(behind_a_gap_the_span_begins_anew_and_what_fires_goes_on),
        RATE(absent_values_leave_the_span_as_it_was_until_they_make_a_gap),
        RATE(a_late_rate_is_told_with_its_true_crossing),
        RATE(a_late_rate_that_goes_on_becomes_the_live_alert),
        RATE(silence_makes_it_unknown_until_a_span_has_passed_again),
        RATE(a_series_that_leaves_the_table_begins_anew_when_it_comes_back),
        RATE(the_span_follows_a_clock_set_back),
        RATE(a_rule_left_as_it_was_remembers_and_one_of_another_span_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
