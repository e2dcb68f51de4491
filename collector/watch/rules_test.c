#include "collector/watch/rules_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_rule_says_metric_threshold_severity_and_what_it_means(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, "rules:\n  - name: cpu\n" CPU_RULE "    above: 0.9\n" PLAIN);
    assert_string_equal(rule->name, "cpu");
    assert_string_equal(rule->metric, "system.cpu.utilization");
    assert_string_equal(rule->summary, "bad");
    assert_int_equal(rule->comparison, COMPARE_ABOVE);
    assert_true(rule->threshold == 0.9);
    assert_int_equal(rule->severity, SEVERITY_WARNING);
}

static void what_a_rule_leaves_out_has_a_default(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, "rules:\n  - name: cpu\n" CPU_RULE "    above: 0.9\n" PLAIN);
    assert_string_equal(rule->instance, "*");
    assert_true(rule->clear == rule->threshold);
    assert_int_equal(rule->limit, -1);
    assert_int_equal(rule->hold_us, 0);
    assert_int_equal(rule->in_force, IN_FORCE_ALWAYS);
    assert_false(rule->page);
}

static void a_rule_can_say_everything(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule = parse_one(f, "rules:\n  - name: left\n    metric: system.filesystem.available\n"
                                           "    instance: /var*\n    below: 1e9\n    clear: 2e9\n    hold: 90s\n"
                                           "    severity: critical\n    in_force: [draft, no-event]\n"
                                           "    page: false\n    summary: \"Less than {threshold} left\"\n");
    assert_string_equal(rule->instance, "/var*");
    assert_int_equal(rule->comparison, COMPARE_BELOW);
    assert_true(rule->threshold == 1e9 && rule->clear == 2e9);
    assert_int_equal(rule->hold_us, 90 * S);
    assert_int_equal(rule->in_force, IN_FORCE(EVENT_DRAFT) | IN_FORCE_NO_EVENT);
    assert_false(rule->page);
}

static void critical_rules_page_and_others_do_unless_they_say_otherwise(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *lines;
        bool page;
    } rows[] = {
        { "    severity: critical\n", true },
        { "    severity: critical\n    page: false\n", false },
        { "    severity: warning\n", false },
        { "    severity: info\n    page: true\n", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "rules:\n  - name: r\n" CPU_RULE "    above: 0.9\n%s    summary: bad\n",
                 rows[i].lines);
        assert_int_equal(parse_one(f, text)->page, rows[i].page);
    }
}

static unsigned in_force_of(struct fixture *f, const char *states)
{
    char text[512];
    snprintf(text, sizeof text, "rules:\n  - name: r\n" CPU_RULE "    above: 0.9\n" PLAIN "    in_force: [%s]\n",
             states);
    return parse_one(f, text)->in_force;
}

static void window_and_normal_stand_for_the_states_they_mean(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(in_force_of(f, "window"), WINDOW_STATES);
    assert_int_equal(in_force_of(f, "normal"), IN_FORCE_ALWAYS & ~WINDOW_STATES);
    assert_int_equal(in_force_of(f, "window, closing"), WINDOW_STATES | IN_FORCE(EVENT_CLOSING));
    for (int i = 0; i < EVENT_STATE_COUNT; i++)
        assert_int_equal(in_force_of(f, event_state_name((enum event_state)i)), IN_FORCE(i));
}

static void a_limit_makes_the_threshold_a_share(void **state)
{
    struct fixture *f = *state;
    const struct rule *rule =
        parse_one(f, "rules:\n  - name: r\n" EGRESS_RULE "    above: 0.85\n    limit: egress\n" PLAIN);
    assert_int_equal(rule->limit, LIMIT_EGRESS);
}

static void thresholds_that_make_no_sense_are_told_with_their_line(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, CPU_RULE PLAIN, "rules.yaml:2", "`above` or `below`");
    assert_fault(f, CPU_RULE "    above: 0.9\n    below: 0.1\n" PLAIN, "rules.yaml:2", "`above` or `below`");
    assert_fault(f, CPU_RULE "    above: 0.9\n    clear: 0.95\n" PLAIN, "rules.yaml:2", "clear");
    assert_fault(f, CPU_RULE "    below: 0.1\n    clear: 0.05\n" PLAIN, "rules.yaml:2", "clear");
    assert_fault(f, CPU_RULE "    above: 90\n" PLAIN, "rules.yaml:2", "90 % is 0.9");
    assert_fault(f, CPU_RULE "    above: -0.1\n" PLAIN, "rules.yaml:2", "from 0 to 1");
    assert_fault(f, CPU_RULE "    above: high\n" PLAIN, "rules.yaml:4", "above");
    assert_fault(f, CPU_RULE "    above: nan\n" PLAIN, "rules.yaml:4", "above");
}

static void limits_that_do_not_fit_are_told(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, EGRESS_RULE "    above: 85\n    limit: egress\n" PLAIN, "rules.yaml:2", "share");
    assert_fault(f, EGRESS_RULE "    above: 0\n    limit: egress\n" PLAIN, "rules.yaml:2", "share");
    assert_fault(f, CPU_RULE "    above: 0.5\n    limit: egress\n" PLAIN, "rules.yaml:2", "By/s");
    assert_fault(f, EGRESS_RULE "    above: 0.5\n    limit: bandwidth\n" PLAIN, "rules.yaml:5", "limit");
}

static void what_the_catalogue_does_not_know_is_told(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, "    metric: cpu\n    above: 0.9\n" PLAIN, "rules.yaml:2", "docs/metrics.md");
    assert_fault(f, CPU_RULE "    instance: cpu0\n    above: 0.9\n" PLAIN, "rules.yaml:2", "one series a host");
}

static void names_states_severities_and_summaries_are_checked(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, CPU_RULE "    above: 0.9\n    in_force: [alive]\n" PLAIN, "rules.yaml:5", "alive");
    assert_fault(f, CPU_RULE "    above: 0.9\n    in_force: []\n" PLAIN, "rules.yaml:2", "never in force");
    assert_fault(f, CPU_RULE "    above: 0.9\n    severity: fatal\n    summary: bad\n", "rules.yaml:5", "severity");
    assert_fault(f, CPU_RULE "    above: 0.9\n    severity: info\n    summary: \"{value}\"\n", "rules.yaml:2",
                 "{threshold}");
    assert_fault(f, CPU_RULE "    above: 0.9\n    severity: info\n", "rules.yaml:2", "summary");
    assert_fault(f, CPU_RULE "    above: 0.9\n    colour: red\n" PLAIN, "rules.yaml:5", "colour");
    assert_int_equal(parse(f, "rules:\n  - name: a b\n" CPU_RULE "    above: 0.9\n" PLAIN), -EINVAL);
    assert_int_equal(parse(f, "rules:\n  - name: silence\n" CPU_RULE "    above: 0.9\n" PLAIN), -EINVAL);
    assert_non_null(strstr(f->faults.at[0].text, "kept"));
}

static void a_hold_that_leaves_a_page_too_little_of_its_budget_is_told(void **state)
{
    struct fixture *f = *state;
    assert_fault(f, CPU_RULE "    above: 0.9\n    hold: 301s\n    severity: critical\n    summary: bad\n",
                 "rules.yaml:2", "ten minutes");
    assert_fault(f, CPU_RULE "    above: 0.9\n    hold: 2h\n" PLAIN, "rules.yaml:5", "hold");
    parse_one(f, "rules:\n  - name: r\n" CPU_RULE "    above: 0.9\n    hold: 1h\n" PLAIN);
    parse_one(f, "rules:\n  - name: r\n" CPU_RULE
                 "    above: 0.9\n    hold: 300s\n    severity: critical\n    summary: bad\n");
}

static void a_doubled_name_is_told_with_both_lines(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "rules:\n  - name: r\n" CPU_RULE "    above: 0.9\n" PLAIN "  - name: r\n" CPU_RULE
                              "    above: 0.8\n" PLAIN),
                     -EINVAL);
    assert_non_null(strstr(f->faults.at[0].text, "rules.yaml:7"));
    assert_non_null(strstr(f->faults.at[0].text, "line 2"));
}

static void all_faults_are_told_not_only_the_first(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "rules:\n  - name: a\n" CPU_RULE "    above: 9\n" PLAIN "  - name: b\n" CPU_RULE PLAIN
                              "  - name: c\n    metric: x\n    above: 1\n" PLAIN),
                     -EINVAL);
    assert_int_equal(f->faults.n, 3);
}

static void a_file_without_rules_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "rules: []\n"), -EINVAL);
    assert_int_equal(parse(f, ""), -EINVAL);
    assert_int_equal(parse(f, "rule: 1\n"), -EINVAL);
}

static void more_rules_than_there_may_be_are_refused(void **state)
{
    struct fixture *f = *state;
    size_t size = (size_t)(RULES_MAX + 1) * 128 + 16;
    char *text = malloc(size);
    size_t used = (size_t)snprintf(text, size, "rules:\n");
    for (int i = 0; i <= RULES_MAX; i++)
        used += (size_t)snprintf(text + used, size - used,
                                 "  - {name: r%d, metric: system.uptime, above: 1, severity: info, summary: x}\n", i);
    int rc = parse(f, text);
    free(text);
    assert_int_equal(rc, -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rule_says_metric_threshold_severity_and_what_it_means),
        TEST(what_a_rule_leaves_out_has_a_default),
        TEST(a_rule_can_say_everything),
        TEST(critical_rules_page_and_others_do_unless_they_say_otherwise),
        TEST(window_and_normal_stand_for_the_states_they_mean),
        TEST(a_limit_makes_the_threshold_a_share),
        TEST(thresholds_that_make_no_sense_are_told_with_their_line),
        TEST(limits_that_do_not_fit_are_told),
        TEST(what_the_catalogue_does_not_know_is_told),
        TEST(names_states_severities_and_summaries_are_checked),
        TEST(a_hold_that_leaves_a_page_too_little_of_its_budget_is_told),
        TEST(a_doubled_name_is_told_with_both_lines),
        TEST(all_faults_are_told_not_only_the_first),
        TEST(a_file_without_rules_is_refused),
        TEST(more_rules_than_there_may_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
