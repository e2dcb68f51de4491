#include "collector/watch/rules_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RULE     "rules:\n  - name: r\n"
#define DISK     "    metric: system.filesystem.used\n"
#define UTIL     "    metric: system.filesystem.utilization\n"
#define CRITICAL "    severity: critical\n    summary: bad\n"

static void a_plain_rule_is_of_the_value(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, RULE CPU_RULE "    above: 0.9\n    absent: false\n" PLAIN);
    assert_int_equal(rule->condition, CONDITION_LEVEL);
    assert_int_equal(rule->span_us, 0);
    assert_int_equal(rule->n_depends, 0);
    assert_string_equal(rule->per, "");
}

/* ---- change per second ---- */

static void over_makes_the_threshold_a_change_per_second(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, RULE DISK "    above: 1e6\n    clear: 5e5\n    over: 5m\n" PLAIN);
    assert_int_equal(rule->condition, CONDITION_RATE);
    assert_int_equal(rule->span_us, 300 * S);
    assert_true(rule->threshold == 1e6 && rule->clear == 5e5);
}

static void a_share_may_change_by_any_rate(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, RULE UTIL "    below: -0.001\n    over: 60s\n" PLAIN);
    assert_true(rule->threshold == -0.001);
    parse_one(f, RULE UTIL "    above: 2\n    over: 60s\n" PLAIN);
}

static void spans_out_of_bounds_are_told(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, DISK "    above: 1\n    over: 0s\n" PLAIN, "rules.yaml:5", "over");
    assert_fault(f, DISK "    above: 1\n    over: 2h\n" PLAIN, "rules.yaml:5", "over");
    assert_fault(f, DISK "    above: 1\n    over: fast\n" PLAIN, "rules.yaml:5", "over");
    assert_fault(f, DISK "    above: 1\n    of: 2h\n    at_least: 10s\n" PLAIN, "rules.yaml:5", "of");
}

/* ---- where it goes ---- */

static void within_makes_it_a_forecast_by_what_over_says(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule =
        parse_one(f, RULE UTIL "    above: 0.95\n    clear: 0.9\n    over: 1h\n    within: 4h\n" CRITICAL);
    assert_int_equal(rule->condition, CONDITION_FORECAST);
    assert_int_equal(rule->span_us, 3600 * S);
    assert_int_equal(rule->ahead_us, 4 * 3600 * S);
    assert_true(rule->page);
}

static void a_forecast_is_of_the_value_and_held_against_what_it_can_be(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, UTIL "    above: 95\n    over: 1h\n    within: 4h\n" PLAIN, "rules.yaml:2", "runs from 0 to 1");
    const struct rule *rule =
        parse_one(f, RULE "    metric: \"system.network.io.rate{direction=transmit}\"\n"
                          "    above: 0.9\n    limit: egress\n    over: 10m\n    within: 1h\n" PLAIN);
    assert_int_equal(rule->limit, LIMIT_EGRESS);
}

static void a_forecast_wants_a_past_and_looks_no_further_than_that_carries(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, DISK "    above: 1\n    within: 1h\n" PLAIN, "rules.yaml:2", "`within` wants `over`");
    assert_fault(f, DISK "    above: 1\n    over: 60s\n    within: 1h\n" PLAIN, "rules.yaml:2", "want 5m at least");
    assert_fault(f, DISK "    above: 1\n    over: 5m\n    within: 3h\n" PLAIN, "rules.yaml:2", "more than 24 times");
    assert_fault(f, DISK "    above: 1\n    over: 1h\n    within: 25h\n" PLAIN, "rules.yaml:6", "within");
    assert_fault(f, DISK "    above: 1\n    over: 1h\n    within: 1h\n    of: 60s\n    at_least: 50s\n" PLAIN,
                 "rules.yaml:2", "`of` and `within` are two conditions");
}

/* ---- a part of the time ---- */

static void of_and_at_least_make_it_a_part_of_the_time(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, RULE CPU_RULE "    above: 0.9\n    clear: 0.8\n    of: 60s\n"
                                                         "    at_least: 50s\n    at_most: 10s\n" CRITICAL);
    assert_int_equal(rule->condition, CONDITION_FRACTION);
    assert_int_equal(rule->span_us, 60 * S);
    assert_int_equal(rule->at_least_us, 50 * S);
    assert_int_equal(rule->at_most_us, 10 * S);
    rule = parse_one(f, RULE CPU_RULE "    above: 0.9\n    of: 60s\n    at_least: 60s\n" PLAIN);
    assert_int_equal(rule->at_most_us, -1);
}

static void parts_of_time_that_make_no_sense_are_told(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *lines;
        const char *says;
    } rows[] = {
        { "    of: 60s\n", "both `of` and `at_least`" },
        { "    at_least: 50s\n", "both `of` and `at_least`" },
        { "    at_most: 50s\n", "both `of` and `at_least`" },
        { "    of: 60s\n    at_least: 61s\n", "longer than `of`" },
        { "    of: 60s\n    at_least: 50s\n    at_most: 50s\n", "`at_most`" },
        { "    of: 60s\n    at_least: 50s\n    hold: 10s\n", "`hold`" },
        { "    of: 301s\n    at_least: 50s\n    page: true\n", "ten minutes" },
        { "    of: 60s\n    at_least: 50s\n    clear: 0.95\n", "`clear`" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, CPU_RULE "    above: 0.9\n%s" PLAIN, rows[i].lines);
        assert_fault(f, text, "rules.yaml:2", rows[i].says);
    }
}

static void a_part_of_the_time_may_be_of_a_share_of_a_limit(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule =
        parse_one(f, RULE EGRESS_RULE "    above: 0.9\n    limit: egress\n    of: 60s\n    at_least: 50s\n" PLAIN);
    assert_int_equal(rule->limit, LIMIT_EGRESS);
    assert_fault(f, CPU_RULE "    above: 9\n    of: 60s\n    at_least: 50s\n" PLAIN, "rules.yaml:2", "90 % is 0.9");
}

/* ---- two series ---- */

#define USED "    metric: \"system.memory.usage{state=used}\"\n"

static void per_divides_by_another_series(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, RULE DISK "    above: 2\n    per: system.filesystem.available\n" PLAIN);
    assert_int_equal(rule->condition, CONDITION_RATIO);
    assert_string_equal(rule->per, "system.filesystem.available");
    assert_string_equal(rule->per_instance, "");
    rule = parse_one(f, RULE DISK "    above: 2\n    per: system.filesystem.limit\n    per_instance: /\n" PLAIN);
    assert_string_equal(rule->per_instance, "/");
    parse_one(f, RULE DISK "    above: 2\n    per: system.memory.limit\n" PLAIN);
}

static void a_second_series_that_cannot_be_is_told(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, DISK "    above: 2\n    per: memory\n" PLAIN, "rules.yaml:2", "docs/metrics.md");
    assert_fault(f, DISK "    above: 2\n    per_instance: /\n" PLAIN, "rules.yaml:2", "`per`");
    assert_fault(f, DISK "    above: 2\n    per: system.memory.limit\n    per_instance: /\n" PLAIN, "rules.yaml:2",
                 "one series a host");
    assert_fault(f, USED "    above: 2\n    per: system.filesystem.limit\n" PLAIN, "rules.yaml:2", "mountpoint");
    assert_fault(f, EGRESS_RULE "    above: 0.5\n    limit: egress\n    per: system.memory.limit\n" PLAIN,
                 "rules.yaml:2", "`limit`");
}

/* ---- absence ---- */

static void absent_needs_no_threshold(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, RULE UTIL "    instance: /data\n    absent: true\n    hold: 60s\n" PLAIN);
    assert_int_equal(rule->condition, CONDITION_ABSENCE);
    assert_string_equal(rule->instance, "/data");
    assert_int_equal(rule->hold_us, 60 * S);
    assert_fault(f, UTIL "    absent: true\n    above: 1\n" PLAIN, "rules.yaml:2", "no value");
    assert_fault(f, UTIL "    absent: true\n    clear: 1\n" PLAIN, "rules.yaml:2", "no value");
    assert_fault(f, UTIL "    absent: true\n    severity: info\n    summary: \"{threshold}\"\n", "rules.yaml:2",
                 "no threshold");
    assert_fault(f, UTIL "    absent: perhaps\n" PLAIN, "rules.yaml:4", "absent");
}

static void a_rule_is_one_condition(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, DISK "    above: 1\n    over: 60s\n    per: system.filesystem.limit\n" PLAIN, "rules.yaml:2",
                 "`over` and `per` are two conditions");
    assert_fault(f, DISK "    over: 60s\n    absent: true\n" PLAIN, "rules.yaml:2", "`over` and `absent`");
}

static void what_no_rule_can_be_yet_is_an_unknown_key(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, UTIL "    above: 0.9\n    forecast: 1h\n" PLAIN, "rules.yaml:5", "forecast");
    assert_fault(f, UTIL "    above: 0.9\n    deviation: 3\n" PLAIN, "rules.yaml:5", "deviation");
}

/* ---- dependencies ---- */

/* Rules named by letters; `depends` is "a:bc d:a": a depends on b and c. */
static int parse_depends(struct fixture *f, const char *names, const char *depends)
{
    char text[4096] = "rules:\n";
    for (const char *name = names; *name; name++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "  - name: %c\n" CPU_RULE "    above: 0.9\n" PLAIN, *name);
        for (const char *of = depends; (of = strchr(of, ':')); of++) {
            if (of[-1] != *name)
                continue;
            used = strlen(text);
            used += (size_t)snprintf(text + used, sizeof text - used, "    depends_on: [%c", of[1]);
            for (const char *more = of + 2; *more && *more != ' '; more++)
                used += (size_t)snprintf(text + used, sizeof text - used, ", %c", *more);
            snprintf(text + used, sizeof text - used, "]\n");
        }
    }
    return parse(f, text);
}

static void a_rule_may_depend_on_others(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse_depends(f, "abcd", "a:bc b:d c:d"), 0); /* a diamond is no circle */
    assert_int_equal(f->rules[0].n_depends, 2);
    assert_string_equal(f->rules[0].depends_on[0], "b");
    assert_string_equal(f->rules[0].depends_on[1], "c");
    assert_int_equal(f->rules[3].n_depends, 0);
}

static void a_circle_is_told_once_with_all_its_rules(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *depends;
        const char *says;
    } rows[] = {
        { "a:a", "rules.yaml:2: rules depend on each other in a circle: a -> a" },
        { "a:b b:a", "rules.yaml:2: rules depend on each other in a circle: a -> b -> a" },
        { "a:b b:c c:d d:b", "rules.yaml:8: rules depend on each other in a circle: b -> c -> d -> b" },
        { "d:cb c:a a:d b:c", "rules.yaml:2: rules depend on each other in a circle: a -> d -> c -> a" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse_depends(f, "abcd", rows[i].depends), -EINVAL);
        assert_string_equal(f->faults.at[0].text, rows[i].says);
    }
}

static void what_no_rule_can_depend_on_is_told(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, CPU_RULE "    above: 0.9\n    depends_on: [power]\n" PLAIN, "rules.yaml:2", "no such rule");
    assert_fault(f, CPU_RULE "    above: 0.9\n    depends_on: [silence]\n" PLAIN, "rules.yaml:2", "silent host");
    assert_fault(f, CPU_RULE "    above: 0.9\n    depends_on: []\n" PLAIN, "rules.yaml:5", "depends_on");
    assert_fault(f, CPU_RULE "    above: 0.9\n    depends_on: [a, b, c, d, e, f, g, h, i]\n" PLAIN, "rules.yaml:5",
                 "depends_on");
    assert_int_equal(parse_depends(f, "ab", "a:bb"), -EINVAL);
    assert_non_null(strstr(f->faults.at[0].text, "twice"));
}

static void the_longest_circle_of_the_longest_names_is_cut_not_lost(void **state)
{
    struct fixture *f = *state;
    static struct rule rules[RULES_MAX];
    struct err err = { 0 };
    (void)f;
    memset(rules, 0, sizeof rules);
    for (int i = 0; i < RULES_MAX; i++) {
        snprintf(rules[i].name, sizeof rules[i].name, "rule-%055d", i);
        rules[i].n_depends = 1;
        snprintf(rules[i].depends_on[0], sizeof rules[i].depends_on[0], "rule-%055d", (i + 1) % RULES_MAX);
    }
    assert_int_equal(rules_check_depends(rules, RULES_MAX, 0, &err), -EINVAL);
    assert_non_null(strstr(err.text, "circle"));
    for (size_t i = 1; i < RULES_MAX; i++)
        assert_int_equal(rules_check_depends(rules, RULES_MAX, i, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_rule_is_of_the_value),
        TEST(over_makes_the_threshold_a_change_per_second),
        TEST(a_share_may_change_by_any_rate),
        TEST(spans_out_of_bounds_are_told),
        TEST(within_makes_it_a_forecast_by_what_over_says),
        TEST(a_forecast_is_of_the_value_and_held_against_what_it_can_be),
        TEST(a_forecast_wants_a_past_and_looks_no_further_than_that_carries),
        TEST(of_and_at_least_make_it_a_part_of_the_time),
        TEST(parts_of_time_that_make_no_sense_are_told),
        TEST(a_part_of_the_time_may_be_of_a_share_of_a_limit),
        TEST(per_divides_by_another_series),
        TEST(a_second_series_that_cannot_be_is_told),
        TEST(absent_needs_no_threshold),
        TEST(a_rule_is_one_condition),
        TEST(what_no_rule_can_be_yet_is_an_unknown_key),
        TEST(a_rule_may_depend_on_others),
        TEST(a_circle_is_told_once_with_all_its_rules),
        TEST(what_no_rule_can_depend_on_is_told),
        TEST(the_longest_circle_of_the_longest_names_is_cut_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
