#include "collector/watch/watch_fixture.h"

#include <stdio.h>

#define USED "system.filesystem.used"
#define SIZE "system.filesystem.limit"

static struct rule absence_of(const char *instance, int64_t hold_s)
{
    struct rule rule = rule_of("gone", USED, 0, 0, hold_s);
    rule.condition = CONDITION_ABSENCE;
    snprintf(rule.instance, sizeof rule.instance, "%s", instance);
    return rule;
}

static const struct series two_series[] = { { USED, "/", "By", 0 }, { USED, "/data", "By", 0 } };
static const struct series_table two = { .hash = { { 3 } }, .n = 2, .at = two_series };
static const struct series_table one = { .hash = { { 4 } }, .n = 1, .at = two_series };

static int setup_gone(void **state)
{
    const struct rule rule = absence_of("*", 30);
    return setup_rule(state, &rule, &two);
}

static void feed_two(struct fixture *f, const struct series_table *table, double at_s, double now_s)
{
    f->table = table;
    assert_int_equal(feed_at(f, at_s, now_s, (double[]){ 1, 2 }), 0);
}

static void see(struct fixture *f, const struct series_table *table, int from_s, int to_s)
{
    for (int s = from_s; s <= to_s; s += 10)
        feed_two(f, table, s, s);
}

static void a_series_that_leaves_the_table_is_missed(void **state)
{
    struct fixture *f = *state;
    see(f, &two, 0, 20);
    see(f, &one, 30, 50);
    assert_int_equal(said(f), 1);
    assert_change(last(f), "gone", ALERT_OK, ALERT_PENDING);
    see(f, &one, 60, 90);
    assert_int_equal(said(f), 2);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 30);
    assert_string_equal(last(f)->alert.metric, USED);
    assert_string_equal(last(f)->alert.instance, "/data");
    assert_true(isnan(last(f)->alert.value));
    see(f, &two, 100, 100);
    assert_change(last(f), "gone", ALERT_FIRING, ALERT_OK);
    assert_true(last(f)->alert.value == 2);
}

static void a_series_without_values_is_missed_too(void **state)
{
    struct fixture *f = *state;
    see(f, &two, 0, 0);
    for (int s = 10; s <= 40; s += 10)
        assert_int_equal(feed_at(f, s, s, (double[]){ 1, ABSENT }), 0);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 10);
}

static void what_was_never_there_is_missed_by_its_name_alone(void **state)
{
    struct fixture *f = *state;
    see(f, &one, 0, 100);
    assert_int_equal(said(f), 0);
    const struct rule rule = absence_of("/data", 0);
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    see(f, &one, 110, 110);
    assert_change(last(f), "gone", ALERT_OK, ALERT_FIRING);
    assert_string_equal(last(f)->alert.instance, "/data");
}

static void a_metric_of_one_series_a_host_is_expected_everywhere(void **state)
{
    struct fixture *f = *state;
    struct rule rule = absence_of("*", 0);
    snprintf(rule.metric, sizeof rule.metric, "system.network.conntrack.count");
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    see(f, &one, 0, 0);
    assert_change(last(f), "gone", ALERT_OK, ALERT_FIRING);
    assert_string_equal(last(f)->alert.instance, "");
}

static void another_pattern_misses_nothing(void **state)
{
    struct fixture *f = *state;
    const struct rule rule = absence_of("/var*", 0);
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    see(f, &two, 0, 20);
    see(f, &one, 30, 50);
    assert_int_equal(said(f), 0);
}

static void a_host_that_says_nothing_is_not_missed_series_by_series(void **state)
{
    struct fixture *f = *state;
    set_host(f, IN_FORCE_NO_EVENT, 10);
    watch_listen(f->watch, T0, 0);
    see(f, &two, 0, 20);
    see(f, &one, 30, 60);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_FIRING);
    tick_through(f, 60, 100);
    assert_change(last(f), "gone", ALERT_FIRING, ALERT_UNKNOWN);
    see(f, &one, 110, 110);
    assert_change(last(f), "gone", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 30);
}

static void a_pending_one_begins_anew_behind_a_gap(void **state)
{
    struct fixture *f = *state;
    see(f, &two, 0, 0);
    see(f, &one, 10, 20);
    see(f, &one, 100, 120);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_PENDING);
    see(f, &one, 130, 130);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 100);
}

static void late_ticks_tell_when_it_went(void **state)
{
    struct fixture *f = *state;
    see(f, &two, 0, 10);
    see(f, &one, 300, 310); /* pending from there */
    for (int s = 20; s <= 290; s += 10)
        feed_two(f, s < 200 ? &two : &one, s, 311);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 200);
    assert_false(last(f)->late);
}

static void late_ticks_of_before_a_series_came_miss_nothing(void **state)
{
    struct fixture *f = *state;
    see(f, &one, 0, 10);
    see(f, &two, 300, 310);
    for (int s = 20; s <= 290; s += 10)
        feed_two(f, &one, s, 311);
    assert_int_equal(said(f), 0);
}

static void tables_by_turns_are_all_right(void **state)
{
    struct fixture *f = *state;
    for (int s = 0; s < 1000; s += 20) {
        feed_two(f, &one, s, s);
        feed_two(f, &two, s + 10, s + 10);
    }
    see(f, &two, 1000, 1100);
    for (size_t i = 0; i < said(f); i++)
        assert_int_not_equal(f->out.at[i].alert.state, ALERT_FIRING); /* never absent for long */
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_OK);
}

static void what_is_missed_outlives_the_process(void **state)
{
    struct fixture *f = *state;
    see(f, &two, 0, 0);
    see(f, &one, 10, 60);
    assert_change(last(f), "gone", ALERT_PENDING, ALERT_FIRING);
    const struct alert row = last(f)->alert;
    const struct rule rule = absence_of("*", 30);
    watch_free(f->watch);
    assert_int_equal(watch_new(&f->watch, &rule, 1, NULL), 0);
    assert_int_equal(watch_seen(f->watch, HOST, T0 + 60 * S), 0);
    assert_int_equal(watch_restore(f->watch, &row), 0);
    size_t before = said(f);
    see(f, &one, 70, 100);
    assert_int_equal(said(f), before); /* still missed, told before */
    see(f, &two, 110, 110);
    assert_change(last(f), "gone", ALERT_FIRING, ALERT_OK);
}

static void a_rule_that_is_gone_misses_nothing(void **state)
{
    struct fixture *f = *state;
    const struct rule other = rule_of("cpu", CPU, 0.9, 0.9, 0);
    see(f, &two, 0, 0);
    see(f, &one, 10, 60);
    assert_int_equal(watch_set_rules(f->watch, &other, 1, f->now_us, &f->out, NULL), 0);
    assert_change(last(f), "gone", ALERT_FIRING, ALERT_OK);
    size_t before = said(f);
    see(f, &one, 70, 100);
    assert_int_equal(said(f), before);
}

static void what_went_before_the_rule_came_into_force_is_not_missed(void **state)
{
    struct fixture *f = *state;
    struct rule rule = absence_of("*", 0);
    rule.in_force = IN_LIVE;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    see(f, &two, 0, 10);
    see(f, &one, 20, 20);
    assert_int_equal(said(f), 0);
    set_host(f, IN_LIVE, 10);
    see(f, &one, 30, 30);
    assert_int_equal(said(f), 0);
    set_host(f, IN_FORCE_NO_EVENT, 10);
    see(f, &two, 40, 40);
    set_host(f, IN_LIVE, 10);
    see(f, &one, 50, 50); /* there until then */
    assert_change(last(f), "gone", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 50);
    set_host(f, IN_FORCE_NO_EVENT, 10);
    assert_change(last(f), "gone", ALERT_FIRING, ALERT_OK);
}

/* A host whose instances never come twice: what is expected of it is bounded. */
static void no_more_than_the_most_series_are_expected(void **state)
{
    struct fixture *f = *state;
    struct rule rule = absence_of("*", 0);
    rule.severity = SEVERITY_INFO;
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    for (int i = 0; i < 1500; i++) {
        char name[32];
        snprintf(name, sizeof name, "/mnt/%d", i);
        const struct series series[] = { { USED, name, "By", 0 } };
        const struct series_table table = { .hash = { { 5, (uint8_t)(i / 256), (uint8_t)i } }, .n = 1, .at = series };
        f->table = &table;
        feed_one(f, i * 10, 1);
    }
    assert_int_equal(said(f), 1024);
}

/* ---- two series ---- */

static const struct series ratio_series[] = {
    { USED, "/", "By", 0 },     { USED, "/data", "By", 0 }, { SIZE, "/", "By", 0 },
    { SIZE, "/data", "By", 0 }, { CPU, "", "1", -4 },
};
static const struct series_table ratio_table = { .hash = { { 6 } }, .n = 5, .at = ratio_series };
static const struct series_table ratio_less = { .hash = { { 7 } }, .n = 2, .at = ratio_series };

static int setup_ratio(void **state)
{
    struct rule rule = rule_of("full", USED, 0.9, 0.8, 0);
    rule.condition = CONDITION_RATIO;
    snprintf(rule.per, sizeof rule.per, SIZE);
    return setup_rule(state, &rule, &ratio_table);
}

static void feed_ratio(struct fixture *f, double at_s, double used, double used_data, double size, double size_data)
{
    assert_int_equal(feed_at(f, at_s, at_s, (double[]){ used, used_data, size, size_data, 10 }), 0);
}

static void a_ratio_is_of_the_same_instance(void **state)
{
    struct fixture *f = *state;
    feed_ratio(f, 0, 90, 80, 100, 200);
    assert_int_equal(said(f), 0);
    feed_ratio(f, 10, 91, 95, 100, 200);
    assert_int_equal(said(f), 1);
    assert_string_equal(last(f)->alert.instance, "/");
    assert_string_equal(last(f)->alert.metric, USED);
    assert_true(last(f)->alert.value == 0.91 && last(f)->alert.threshold == 0.9);
    feed_ratio(f, 20, 81, 0, 100, 200);
    assert_int_equal(said(f), 1);
    feed_ratio(f, 30, 80, 0, 100, 200);
    assert_change(last(f), "full", ALERT_FIRING, ALERT_OK);
}

static void a_ratio_may_be_of_a_named_instance_or_of_the_host(void **state)
{
    struct fixture *f = *state;
    struct rule rule = rule_of("full", USED, 0.9, 0.8, 0);
    rule.condition = CONDITION_RATIO;
    snprintf(rule.per, sizeof rule.per, SIZE);
    snprintf(rule.per_instance, sizeof rule.per_instance, "/data");
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    feed_ratio(f, 0, 100, 100, 1, 50);
    assert_int_equal(said(f), 2);
    assert_true(f->out.at[0].alert.value == 2);
    rule.per_instance[0] = '\0';
    snprintf(rule.per, sizeof rule.per, CPU);
    assert_int_equal(watch_set_rules(f->watch, &rule, 1, f->now_us, &f->out, NULL), 0);
    feed_ratio(f, 10, 8, 10, 1, 1);
    assert_int_equal(said(f), 3);
    assert_string_equal(last(f)->alert.instance, "/");
    assert_change(last(f), "full", ALERT_FIRING, ALERT_OK);
}

static void by_nothing_nothing_is_divided(void **state)
{
    struct fixture *f = *state;
    feed_ratio(f, 0, 95, 0, 0, 0);
    feed_ratio(f, 10, 95, 0, ABSENT, 0);
    feed_ratio(f, 20, ABSENT, 0, 100, 0);
    assert_int_equal(said(f), 0);
    feed_ratio(f, 30, 95, 0, 100, 0);
    assert_int_equal(said(f), 1);
    feed_ratio(f, 40, 0, 0, 0, 0);
    assert_int_equal(said(f), 1); /* and nothing is ok by it */
}

static void a_ratio_that_lost_one_of_its_series_is_unknown(void **state)
{
    struct fixture *f = *state;
    feed_ratio(f, 0, 95, 0, 100, 100);
    f->table = &ratio_less;
    assert_int_equal(feed_at(f, 10, 10, (double[]){ 95, 0 }), 0);
    assert_change(last(f), "full", ALERT_FIRING, ALERT_UNKNOWN);
    f->table = &ratio_table;
    feed_ratio(f, 20, 95, 0, 100, 100);
    assert_change(last(f), "full", ALERT_UNKNOWN, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
}

int main(void)
{
#define GONE(name)  cmocka_unit_test_setup_teardown(name, setup_gone, teardown)
#define RATIO(name) cmocka_unit_test_setup_teardown(name, setup_ratio, teardown)
    const struct CMUnitTest tests[] = {
        GONE(a_series_that_leaves_the_table_is_missed),
        GONE(a_series_without_values_is_missed_too),
        GONE(what_was_never_there_is_missed_by_its_name_alone),
        GONE(a_metric_of_one_series_a_host_is_expected_everywhere),
        GONE(another_pattern_misses_nothing),
        GONE(a_host_that_says_nothing_is_not_missed_series_by_series),
        GONE(a_pending_one_begins_anew_behind_a_gap),
        GONE(late_ticks_tell_when_it_went),
        GONE(late_ticks_of_before_a_series_came_miss_nothing),
        GONE(tables_by_turns_are_all_right),
        GONE(what_is_missed_outlives_the_process),
        GONE(a_rule_that_is_gone_misses_nothing),
        GONE(what_went_before_the_rule_came_into_force_is_not_missed),
        GONE(no_more_than_the_most_series_are_expected),
        RATIO(a_ratio_is_of_the_same_instance),
        RATIO(a_ratio_may_be_of_a_named_instance_or_of_the_host),
        RATIO(by_nothing_nothing_is_divided),
        RATIO(a_ratio_that_lost_one_of_its_series_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
