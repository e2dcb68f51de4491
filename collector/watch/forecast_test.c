#include "collector/watch/line.h"
#include "collector/watch/watch_fixture.h"

#define USED "system.filesystem.used"

static const struct series used[] = { { USED, "/var", "By", 0 } };
static const struct series_table table = { .hash = { { 7 } }, .n = 1, .at = used };

static struct rule forecast_rule(enum comparison comparison, double threshold, double clear)
{
    struct rule rule = rule_of("fills", USED, threshold, clear, 0);
    rule.comparison = comparison;
    rule.condition = CONDITION_FORECAST;
    rule.span_us = 600 * S;
    rule.ahead_us = 7200 * S;
    return rule;
}

/* Above 100,000 two hours from now, by the last ten minutes; clear at 80,000. */
static int setup_forecast(void **state)
{
    struct rule rule = forecast_rule(COMPARE_ABOVE, 100000, 80000);
    return setup_rule(state, &rule, &table);
}

static void feed_line(struct fixture *f, int from_s, int to_s, double first, double slope, double noise)
{
    for (int s = from_s; s <= to_s; s += 10)
        feed_one(f, s, first + (s - from_s) * slope + (s % 20 ? noise : -noise));
}

/* ---- what the rule says ---- */

static void what_will_pass_the_threshold_fires_hours_before_it_does(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 590, 5000, 20, 0);
    assert_int_equal(said(f), 0); /* not before the span has passed */
    feed_one(f, 600, 17000);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 600);
    assert_true(fabs(last(f)->alert.value - 161000) < 1e-6); /* 17,000 and two hours of 20 a second */
}

static void it_is_sampled_each_second_and_says_the_same(void **state)
{
    struct fixture *f = *state;
    for (int s = 0; s <= 600; s++)
        feed_one(f, s, 5000 + s * 20);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 600);
    assert_true(fabs(last(f)->alert.value - 161000) < 1e-6);
}

static void a_line_that_noise_may_have_drawn_calls_nobody(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 600, 50000, 8, 20000); /* leads to 112,400, and may as well lead down */
    assert_int_equal(said(f), 0);
    feed_line(f, 1000, 1600, 50000, 8, 20); /* the same behind a gap, without the noise */
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
}

static void what_stays_below_calls_nobody_however_near_it_is(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 1200, 99000, 0, 500);
    assert_int_equal(said(f), 0);
}

static void it_ends_when_the_line_leads_to_the_clear_value(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 600, 5000, 20, 0);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    feed_line(f, 610, 1200, 17000, 0, 0);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK);
    assert_true(last(f)->alert.value <= 80000);
}

static void falling_is_below(void **state)
{
    struct fixture *f = *state;
    struct rule rule = forecast_rule(COMPARE_BELOW, 1000, 2000);
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, T0, &f->out, NULL), 0);
    feed_line(f, 0, 600, 50000, 1, 0);
    assert_int_equal(said(f), 0);
    feed_line(f, 1000, 1600, 50000, -10, 0);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
}

static void behind_a_gap_it_begins_anew_and_what_fires_goes_on(void **state)
{
    struct fixture *f = *state;
    feed_line(f, 0, 600, 5000, 20, 0);
    assert_change(last(f), "fills", ALERT_OK, ALERT_FIRING);
    size_t before = said(f);
    feed_line(f, 700, 1290, 17000, 0, 0);
    assert_int_equal(said(f), before);
    feed_one(f, 1300, 17000);
    assert_change(last(f), "fills", ALERT_FIRING, ALERT_OK);
}

/* ---- how sure it is ---- */

static double drawn(uint64_t *state) /* normal enough: twelve even ones (xorshift64*) */
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        sum += (double)((*state * UINT64_C(2685821657736338717)) >> 11) / 9007199254740992.0;
    }
    return sum;
}

/* So many of 4,000 values a quarter of the past ahead lie within their interval, in thousandths; neighbours are alike
 * by `r`. */
static int covered(double r)
{
    uint64_t chance = 42;
    int within = 0;
    for (int t = 0; t < 4000; t++) {
        struct line line = { .n = 0 };
        struct forecast forecast;
        double noise = drawn(&chance);
        for (int i = 0; i < 80; i++) {
            if (i < 64)
                line_add(&line, i - 63, 10 + 0.1 * i + noise);
            if (i < 79)
                noise = r * noise + sqrt(1 - r * r) * drawn(&chance);
        }
        assert_true(line_forecast(&line, 16, &forecast));
        double came = 10 + 0.1 * 79 + noise;
        within += came >= forecast.low && came <= forecast.high;
    }
    return within / 4;
}

static void nine_of_ten_lie_within_the_interval(void **state)
{
    (void)state;
    assert_in_range(covered(0), 880, 920);
}

static void so_they_do_where_neighbours_are_alike(void **state)
{
    (void)state;
    assert_in_range(covered(0.5), 860, 940);
    assert_in_range(covered(0.8), 850, 950);
}

static void too_few_points_or_all_at_once_say_nothing(void **state)
{
    (void)state;
    struct line line = { .n = 0 };
    struct forecast forecast = { .value = 7 };
    for (int i = 0; i < LINE_POINTS_MIN - 1; i++)
        assert_true(line_add(&line, i, 1));
    assert_false(line_forecast(&line, 20, &forecast));
    assert_true(line_add(&line, 10, 1));
    assert_true(line_forecast(&line, 20, &forecast));
    assert_true(forecast.low == 1 && forecast.value == 1 && forecast.high == 1);
    struct line once = { .n = 0 };
    for (int i = 0; i < LINE_POINTS_MAX; i++)
        assert_true(line_add(&once, 3, i));
    assert_false(line_add(&once, 3, 1));
    assert_false(line_forecast(&once, 20, &forecast));
}

int main(void)
{
#define FORECAST(name) cmocka_unit_test_setup_teardown(name, setup_forecast, teardown)
    const struct CMUnitTest tests[] = {
        FORECAST(what_will_pass_the_threshold_fires_hours_before_it_does),
        FORECAST(it_is_sampled_each_second_and_says_the_same),
        FORECAST(a_line_that_noise_may_have_drawn_calls_nobody),
        FORECAST(what_stays_below_calls_nobody_however_near_it_is),
        FORECAST(it_ends_when_the_line_leads_to_the_clear_value),
        FORECAST(falling_is_below),
        FORECAST(behind_a_gap_it_begins_anew_and_what_fires_goes_on),
        cmocka_unit_test(nine_of_ten_lie_within_the_interval),
        cmocka_unit_test(so_they_do_where_neighbours_are_alike),
        cmocka_unit_test(too_few_points_or_all_at_once_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
