#include "collector/watch/watch_fixture.h"

#include <stdlib.h>
#include <string.h>

/* Above 0.9 until 0.8, for 50 s of the last 60 s; ends when less than that is bad. */
static struct rule often_rule(void)
{
    struct rule rule = rule_of("often", CPU, 0.9, 0.8, 0);
    rule.condition = CONDITION_FRACTION;
    rule.span_us = 60 * S;
    rule.at_least_us = 50 * S;
    rule.at_most_us = -1;
    return rule;
}

static int setup_often(void **state)
{
    const struct rule rule = often_rule();
    return setup_rule(state, &rule, &cpu_only);
}

/* A tick each `step_s` behind `from_s`: 'B' is bad, '.' is good, ' ' is absent. Returns the time of the last. */
static double feed_marks(struct fixture *f, double from_s, double step_s, const char *marks)
{
    for (; *marks; marks++)
        feed_one(f, from_s += step_s, *marks == 'B' ? 0.95 : *marks == '.' ? 0.5 : ABSENT);
    return from_s;
}

static void five_of_the_last_six_samples_fire(void **state)
{
    struct fixture *f = *state;
    double at_s = feed_marks(f, 0, 10, "......B.BBB");
    assert_int_equal(said(f), 0);
    at_s = feed_marks(f, at_s, 10, "B"); /* B.BBBB */
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 70);
    assert_int_equal(last(f)->alert.changed_us, T0 + 120 * S);
    assert_true(last(f)->alert.value == 0.95 && last(f)->alert.threshold == 0.9);
    feed_marks(f, at_s, 10, ".");
    assert_int_equal(said(f), 2); /* .BBBB. */
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
}

static void four_of_six_never_do(void **state)
{
    struct fixture *f = *state;
    feed_marks(f, 0, 10, "......BB.BB.BB..BBBB..BBBB..BBBB");
    assert_int_equal(said(f), 0);
}

/* The same minutes, sampled each second: each mark ten times. */
static void each_second_and_each_ten_seconds_mean_the_same(void **state)
{
    struct fixture *f = *state;
    static const char marks[] = "......B.BBBB..BBBB.BB.BBBBBB.......B.BBBB";
    int64_t crossed[2][8], changed[2][8];
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        double from_s = i * 100000;
        transitions_clear(&f->out);
        for (const char *mark = marks; *mark; mark++) {
            char each[11] = { 0 };
            memset(each, *mark, i ? 10 : 1);
            from_s = feed_marks(f, from_s, i ? 1 : 10, each);
        }
        n[i] = said(f);
        for (size_t k = 0; k < n[i] && k < 8; k++) {
            crossed[i][k] = crossed_s(&f->out.at[k]);
            changed[i][k] = (f->out.at[k].alert.changed_us - T0) / S;
        }
        feed_marks(f, from_s, 10, "......."); /* so that all is well when it is said again */
    }
    assert_int_equal(n[0], 7);
    assert_int_equal(n[1], 7);
    for (size_t k = 0; k < 7; k++) { /* within one of the longer intervals */
        assert_in_range(changed[0][k] - (changed[1][k] - 100000) + 10, 0, 20);
        assert_true(crossed[0][k] < 0 || llabs(crossed[0][k] - (crossed[1][k] - 100000)) < 10);
    }
}

static void a_spike_each_few_seconds_counts_for_its_time(void **state)
{
    struct fixture *f = *state;
    double at_s = 0;
    for (int i = 0; i < 60; i++)
        at_s = feed_marks(f, at_s, 1, "BB."); /* 40 s of 60 s */
    assert_int_equal(said(f), 0);
    for (int i = 0; i < 9; i++)
        at_s = feed_marks(f, at_s, 1, "BBBBBBB.");
    assert_int_equal(said(f), 1);
}

static void a_sample_stays_bad_until_it_reaches_clear(void **state)
{
    struct fixture *f = *state;
    feed_one(f, 0, 0.5);
    feed_one(f, 10, 0.95);
    for (int s = 20; s <= 50; s += 10)
        feed_one(f, s, 0.85);
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 10);
}

static void at_most_says_when_it_ends(void **state)
{
    struct fixture *f = *state;
    struct rule rule = often_rule();
    rule.at_most_us = 20 * S;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    double at_s = feed_marks(f, 0, 10, ".BBBBB");
    assert_int_equal(said(f), 1);
    at_s = feed_marks(f, at_s, 10, "...");
    assert_int_equal(said(f), 1);
    feed_marks(f, at_s, 10, ".");
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
}

static void ticks_a_little_early_or_late_count_to_the_nearest_sample(void **state)
{
    struct fixture *f = *state;
    static const double at_s[] = { 0.01, 10.02, 19.99, 30.01, 39.98, 49.99 };
    feed_one(f, at_s[0], 0.5);
    for (int i = 1; i < 5; i++)
        feed_one(f, at_s[i], 0.95);
    assert_int_equal(said(f), 0);
    feed_one(f, at_s[5], 0.95);
    assert_int_equal(said(f), 1);
}

static void what_was_bad_before_an_end_does_not_begin_the_next_alert(void **state)
{
    struct fixture *f = *state;
    double at_s = feed_marks(f, 0, 10, ".BBBBB"); /* fires */
    at_s = feed_marks(f, at_s, 10, "..");         /* ends: four of six */
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
    feed_marks(f, at_s, 10, "BBBBB");
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 90);
}

static void a_span_shorter_than_the_interval_is_one_sample(void **state)
{
    struct fixture *f = *state;
    struct rule rule = often_rule();
    rule.span_us = 6 * S;
    rule.at_least_us = 5 * S;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    double at_s = feed_marks(f, 0, 10, "..");
    at_s = feed_marks(f, at_s, 10, "B");
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    feed_marks(f, at_s, 10, ".");
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
}

static void a_part_shorter_than_a_sample_needs_a_bad_one_and_ends_without(void **state)
{
    struct fixture *f = *state;
    struct rule rule = often_rule();
    rule.at_least_us = 2 * S;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    double at_s = feed_marks(f, 0, 10, ".........");
    assert_int_equal(said(f), 0);
    at_s = feed_marks(f, at_s, 10, "B");
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    at_s = feed_marks(f, at_s, 10, ".....");
    assert_int_equal(said(f), 1);
    feed_marks(f, at_s, 10, "..");
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
}

/* ---- what nobody knows ---- */

static void what_nobody_saw_is_neither_bad_nor_good(void **state)
{
    struct fixture *f = *state;
    double at_s = feed_marks(f, 0, 10, ".BBBBB");
    assert_int_equal(said(f), 1);
    at_s += 40; /* a gap: the span begins anew */
    at_s = feed_marks(f, at_s, 10, "..");
    assert_int_equal(said(f), 1); /* 10 s are good, 50 s could be bad */
    feed_marks(f, at_s, 10, ".");
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
    transitions_clear(&f->out);
    feed_marks(f, 1000, 10, "BBBBB"); /* the first of them stands for no time */
    assert_int_equal(said(f), 0);
    feed_marks(f, 1050, 10, "B");
    assert_int_equal(crossed_s(last(f)), 1010);
}

static void absent_values_do_not_end_it(void **state)
{
    struct fixture *f = *state;
    double at_s = feed_marks(f, 0, 10, ".BBBBB");
    feed_marks(f, at_s, 10, "          ");
    assert_int_equal(said(f), 1);
}

static void late_ticks_tell_it_with_its_true_crossing(void **state)
{
    struct fixture *f = *state;
    feed_marks(f, 0, 10, ".BB");
    feed_marks(f, 290, 10, "...");
    assert_int_equal(said(f), 0);
    for (int s = 40; s <= 290; s += 10)
        assert_int_equal(feed_at(f, s, 321, (double[]){ s <= 60 ? 0.95 : 0.5 }), 0);
    assert_int_equal(said(f), 2);
    assert_true(f->out.at[0].late && f->out.at[1].late);
    assert_change(&f->out.at[0], "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(&f->out.at[0]), 20); /* before the gap */
    assert_change(&f->out.at[1], "often", ALERT_FIRING, ALERT_OK);
}

static void late_ticks_in_front_of_few_live_ones_make_one_alert(void **state)
{
    struct fixture *f = *state;
    feed_marks(f, 0, 10, "...");
    feed_marks(f, 290, 10, "BB");
    for (int s = 40; s <= 290; s += 10)
        assert_int_equal(feed_at(f, s, 311, (double[]){ s >= 240 ? 0.95 : 0.5 }), 0);
    assert_int_equal(said(f), 2);
    assert_true(f->out.at[0].late);
    assert_false(last(f)->late);
    assert_int_equal(crossed_s(last(f)), 240);
    feed_one(f, 320, 0.5);
    assert_int_equal(said(f), 2);
    feed_one(f, 330, 0.5);
    assert_change(last(f), "often", ALERT_FIRING, ALERT_OK);
}

static void a_late_end_that_only_live_ticks_can_show_waits_for_them(void **state)
{
    struct fixture *f = *state;
    feed_marks(f, 0, 10, "...");
    feed_marks(f, 290, 10, "B");
    for (int s = 40; s <= 290; s += 10) /* bad for 40 s, with the live one for 50 */
        assert_int_equal(feed_at(f, s, 301, (double[]){ s >= 260 ? 0.95 : 0.5 }), 0);
    assert_int_equal(said(f), 0);
    feed_one(f, 310, 0.95);
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 260);
}

static void the_first_bad_sample_under_a_clock_set_back_goes_back_with_it(void **state)
{
    struct fixture *f = *state;
    feed_marks(f, 990, 10, ".BBBB");
    tick(f, 1041);
    tick(f, 541);
    feed_one(f, 550, 0.95);
    assert_change(last(f), "often", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 510);
}

/* Any way to sample an hour in up to 100,000 ticks; the memory of it is bounded, and it is right to a 64th. */
static void however_often_it_is_sampled_it_is_the_same_to_a_64th(void **state)
{
    struct fixture *f = *state;
    struct rule rule = often_rule();
    uint32_t seed = 11;
    rule.span_us = 600 * S;
    rule.at_least_us = 300 * S;
    rule.at_most_us = 100 * S;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    for (double s = 0; s < 3600;) { /* bad from 1000 s to 2000 s */
        feed_one(f, s, s >= 1000 && s < 2000 ? 0.95 : 0.5);
        seed = seed * 1664525 + 1013904223;
        s += (seed >> 8) % 3 == 0 ? 5.0 : 0.001 * (1 + (seed >> 12) % 200);
    }
    assert_int_equal(said(f), 2);
    assert_change(&f->out.at[0], "often", ALERT_OK, ALERT_FIRING);
    assert_in_range(crossed_s(&f->out.at[0]), 1000, 1005);
    assert_in_range((f->out.at[0].alert.changed_us - T0) / S, 1290, 1310);
    assert_in_range((f->out.at[1].alert.changed_us - T0) / S, 2485, 2515);
}

int main(void)
{
#define OFTEN(name) cmocka_unit_test_setup_teardown(name, setup_often, teardown)
    const struct CMUnitTest tests[] = {
        OFTEN(five_of_the_last_six_samples_fire),
        OFTEN(four_of_six_never_do),
        OFTEN(each_second_and_each_ten_seconds_mean_the_same),
        OFTEN(a_spike_each_few_seconds_counts_for_its_time),
        OFTEN(a_sample_stays_bad_until_it_reaches_clear),
        OFTEN(at_most_says_when_it_ends),
        OFTEN(ticks_a_little_early_or_late_count_to_the_nearest_sample),
        OFTEN(what_was_bad_before_an_end_does_not_begin_the_next_alert),
        OFTEN(a_span_shorter_than_the_interval_is_one_sample),
        OFTEN(a_part_shorter_than_a_sample_needs_a_bad_one_and_ends_without),
        OFTEN(what_nobody_saw_is_neither_bad_nor_good),
        OFTEN(absent_values_do_not_end_it),
        OFTEN(late_ticks_tell_it_with_its_true_crossing),
        OFTEN(late_ticks_in_front_of_few_live_ones_make_one_alert),
        OFTEN(a_late_end_that_only_live_ticks_can_show_waits_for_them),
        OFTEN(the_first_bad_sample_under_a_clock_set_back_goes_back_with_it),
        OFTEN(however_often_it_is_sampled_it_is_the_same_to_a_64th),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
