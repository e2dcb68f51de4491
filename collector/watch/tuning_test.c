/* A host on which rules are other than for all. */
#include <errno.h>
#include <string.h>

#include "collector/watch/watch_fixture.h"

/* Of the fixture's rule about the CPU: above 0.9, clear 0.8, 30 s. */
static struct tuning of_cpu(double threshold, double clear, int64_t hold_s)
{
    struct tuning tuning = {
        .threshold = threshold, .clear = clear, .hold_us = hold_s * S, .severity = SEVERITY_CRITICAL, .page = true
    };
    strcpy(tuning.rule, "cpu");
    return tuning;
}

static void tune(struct fixture *f, const struct tuning *tunings, size_t n)
{
    assert_int_equal(watch_tune_host(f->watch, HOST, tunings, n, f->now_us, &f->out), 0);
}

static int setup_cpu(void **state)
{
    struct rule rule = rule_of("cpu", CPU, 0.9, 0.8, 30);
    return setup_rule(state, &rule, &cpu_only);
}

static void the_hosts_own_threshold_and_clear_count(void **state)
{
    struct fixture *f = *state;
    struct tuning tuning = of_cpu(0.5, 0.4, 0);
    feed_one(f, 0, 0.6);
    assert_int_equal(said(f), 0);
    tune(f, &tuning, 1);
    feed_one(f, 1, 0.6);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_FIRING);
    assert_true(last(f)->alert.threshold == 0.5);
    feed_one(f, 2, 0.45);
    assert_int_equal(said(f), 1);
    feed_one(f, 3, 0.4);
    assert_change(last(f), "cpu", ALERT_FIRING, ALERT_OK);
}

static void its_hold_is_the_hosts_own(void **state)
{
    struct fixture *f = *state;
    struct tuning tuning = of_cpu(0.9, 0.8, 5);
    tune(f, &tuning, 1);
    feed_one(f, 0, 0.95);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
    feed_one(f, 4, 0.95);
    assert_int_equal(said(f), 1);
    feed_one(f, 5, 0.95);
    assert_change(last(f), "cpu", ALERT_PENDING, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 0);
}

static void its_severity_and_whether_it_pages_are_the_hosts_own(void **state)
{
    struct fixture *f = *state;
    struct tuning tuning = of_cpu(0.9, 0.8, 0);
    tuning.severity = SEVERITY_INFO;
    tuning.page = false;
    tune(f, &tuning, 1);
    feed_one(f, 0, 0.95);
    assert_int_equal(last(f)->alert.severity, SEVERITY_INFO);
    assert_false(last(f)->alert.page);
    tune(f, NULL, 0);
    feed_one(f, 1, 0.1);
    feed_one(f, 2, 0.95);
    assert_int_equal(last(f)->alert.severity, SEVERITY_CRITICAL);
    assert_true(last(f)->alert.page);
}

static void what_is_off_ends_its_alert_and_fires_again_when_it_is_on(void **state)
{
    struct fixture *f = *state;
    struct tuning on = of_cpu(0.9, 0.8, 0);
    struct tuning off = on;
    off.off = true;
    tune(f, &on, 1);
    feed_one(f, 0, 0.95);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_FIRING);
    tune(f, &off, 1);
    assert_change(last(f), "cpu", ALERT_FIRING, ALERT_OK);
    feed_one(f, 1, 0.95);
    assert_int_equal(said(f), 2);
    tune(f, &on, 1);
    feed_one(f, 2, 0.95);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_FIRING);
    assert_int_equal(crossed_s(last(f)), 2);
}

static void an_alert_goes_on_under_other_values(void **state)
{
    struct fixture *f = *state;
    struct tuning loose = of_cpu(0.99, 0.97, 0);
    struct tuning tight = of_cpu(0.9, 0.3, 0);
    tune(f, &tight, 1);
    feed_one(f, 0, 0.95);
    tune(f, &tight, 1);
    assert_int_equal(said(f), 1);
    tune(f, &loose, 1);
    assert_int_equal(said(f), 1);
    feed_one(f, 1, 0.95);
    assert_change(last(f), "cpu", ALERT_FIRING, ALERT_OK);
}

static void another_host_keeps_the_rule(void **state)
{
    struct fixture *f = *state;
    struct tuning off = of_cpu(0.9, 0.8, 0);
    off.off = true;
    assert_int_equal(watch_tune_host(f->watch, HOST + 1, &off, 1, f->now_us, &f->out), 0);
    feed_one(f, 0, 0.95);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
}

static void a_host_that_is_dropped_begins_as_all_others(void **state)
{
    struct fixture *f = *state;
    struct tuning off = of_cpu(0.9, 0.8, 0);
    off.off = true;
    tune(f, &off, 1);
    assert_int_equal(watch_drop_host(f->watch, HOST, f->now_us, &f->out), 0);
    feed_one(f, 0, 0.95);
    assert_change(last(f), "cpu", ALERT_OK, ALERT_PENDING);
}

static void who_looks_back_does_so_as_far_as_the_longest_hold_of_any_host(void **state)
{
    struct fixture *f = *state;
    struct tuning shorter = of_cpu(0.9, 0.8, 5);
    struct tuning longer = of_cpu(0.9, 0.8, 90);
    assert_int_equal(watch_look_back_us(f->watch), 30 * S);
    tune(f, &shorter, 1);
    assert_int_equal(watch_look_back_us(f->watch), 30 * S); /* of other hosts */
    assert_int_equal(watch_tune_host(f->watch, HOST + 1, &longer, 1, f->now_us, &f->out), 0);
    assert_int_equal(watch_look_back_us(f->watch), 90 * S);
    struct rule over = rule_of("cpu", CPU, 0.9, 0.8, 30);
    over.condition = CONDITION_RATE;
    over.span_us = 300 * S;
    assert_int_equal(watch_set_rules(f->watch, &over, 1, f->now_us, &f->out, NULL), 0);
    assert_int_equal(watch_look_back_us(f->watch), 390 * S);
}

#define CPU_TEST(name) cmocka_unit_test_setup_teardown(name, setup_cpu, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CPU_TEST(the_hosts_own_threshold_and_clear_count),
        CPU_TEST(its_hold_is_the_hosts_own),
        CPU_TEST(its_severity_and_whether_it_pages_are_the_hosts_own),
        CPU_TEST(what_is_off_ends_its_alert_and_fires_again_when_it_is_on),
        CPU_TEST(an_alert_goes_on_under_other_values),
        CPU_TEST(another_host_keeps_the_rule),
        CPU_TEST(a_host_that_is_dropped_begins_as_all_others),
        CPU_TEST(who_looks_back_does_so_as_far_as_the_longest_hold_of_any_host),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
