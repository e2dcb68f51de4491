/* What overlays make of rules, and what is refused of them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/watch/overlay.h"
#include "collector/watch/rules_fixture.h"

#define RULES                                                                                                          \
    "rules:\n"                                                                                                         \
    "  - { name: cpu, metric: system.cpu.utilization, above: 0.9, clear: 0.8, hold: 60s, severity: warning,"           \
    " summary: a }\n"                                                                                                  \
    "  - { name: free, metric: system.memory.linux.available, below: 1000, clear: 2000, severity: critical,"           \
    " summary: b }\n"                                                                                                  \
    "  - { name: often, metric: system.cpu.utilization, above: 0.9, of: 60s, at_least: 50s, severity: warning,"        \
    " summary: c }\n"                                                                                                  \
    "  - { name: gone, metric: system.filesystem.utilization, instance: /data, absent: true, severity: warning,"       \
    " summary: d }\n"
#define OVERLAYS RULES "overlays:\n"

static struct overlays *groups; /* of the file last taken */

static int take(struct fixture *f, const char *text)
{
    f->n = 0;
    f->faults = (struct config_faults){ .n = 0 };
    return rules_parse("rules.yaml", text, strlen(text), f->rules, &f->n, groups, &f->faults);
}

static void takes(struct fixture *f, const char *text)
{
    if (take(f, text) != 0)
        fail_msg("%s", f->faults.at[0].text);
}

static int setup_groups(void **state)
{
    groups = calloc(1, sizeof *groups);
    return groups ? setup(state) : -1;
}

static int teardown_groups(void **state)
{
    free(groups);
    return teardown(state);
}

static struct overlays *of_rows(struct fixture *f, const struct document_rule *rows, size_t n)
{
    struct document *document = calloc(1, sizeof *document);
    struct overlays *ret = calloc(1, sizeof *ret);
    assert_true(document && ret);
    document->n_rules = n;
    memcpy(document->rules, rows, n * sizeof *rows);
    f->faults = (struct config_faults){ .n = 0 };
    overlays_of_document(document, f->rules, f->n, ret, &f->faults);
    free(document);
    return ret;
}

static void a_group_has_its_own_values_and_the_others_keep_the_rules(void **state)
{
    struct fixture *f = *state;
    struct overlay_where web = { .groups = groups, .group = "web-eu", .host = "web-1" };
    struct overlay_where db = { .groups = groups, .group = "db", .host = "db-1" };
    struct tuning tuning;
    char from[OVERLAY_FROM_TEXT];
    takes(f, OVERLAYS "  - { rule: cpu, group: \"web-*\", above: 0.7, clear: 0.6, hold: 10s, severity: critical }\n");
    assert_true(overlay_resolve(&f->rules[0], &web, &tuning, from));
    assert_true(tuning.threshold == 0.7 && tuning.clear == 0.6 && tuning.hold_us == 10 * S);
    assert_true(tuning.severity == SEVERITY_CRITICAL && tuning.page && !tuning.off);
    assert_string_equal(from, "group web-*");
    assert_false(overlay_resolve(&f->rules[0], &db, &tuning, from));
    assert_string_equal(from, "");
    assert_true(tuning.threshold == 0.9);
    static struct tuning all[RULES_MAX];
    assert_int_equal(overlay_resolve_all(f->rules, f->n, &web, all), 1);
    assert_int_equal(overlay_resolve_all(f->rules, f->n, &db, all), 0);
}

static void the_first_that_fits_a_group_counts(void **state)
{
    struct fixture *f = *state;
    struct overlay_where where = { .groups = groups, .group = "web-eu", .host = "web-1" };
    struct tuning tuning;
    takes(f, OVERLAYS "  - { rule: cpu, group: web-eu, hold: 10s }\n  - { rule: cpu, group: \"*\", off: true }\n");
    assert_true(overlay_resolve(&f->rules[0], &where, &tuning, NULL));
    assert_true(tuning.hold_us == 10 * S && !tuning.off);
    where.group = "db";
    assert_true(overlay_resolve(&f->rules[0], &where, &tuning, NULL));
    assert_true(tuning.off);
}

static void an_events_lies_over_a_groups_and_brings_both_threshold_and_clear(void **state)
{
    struct fixture *f = *state;
    static const struct document_rule row = { .rule = "cpu", .hosts = "web-*", .above = "0.85" };
    struct tuning tuning;
    char from[OVERLAY_FROM_TEXT];
    takes(f, OVERLAYS "  - { rule: cpu, group: web, above: 0.5, clear: 0.4, hold: 10s }\n");
    struct overlays *mine = of_rows(f, &row, 1);
    assert_int_equal(f->faults.n, 0);
    struct overlay_where where = {
        .groups = groups, .group = "web", .host = "web-1", .n_events = 1, .events = { { "sale", mine } }
    };
    assert_true(overlay_resolve(&f->rules[0], &where, &tuning, from));
    assert_true(tuning.threshold == 0.85 && tuning.clear == 0.8 && tuning.hold_us == 10 * S);
    assert_string_equal(from, "group web, event sale");
    where.host = "db-1";
    assert_true(overlay_resolve(&f->rules[0], &where, &tuning, from));
    assert_true(tuning.threshold == 0.5);
    assert_string_equal(from, "group web");
    free(mine);
}

static void of_two_events_the_stricter_of_each_value_counts(void **state)
{
    struct fixture *f = *state;
    static const struct document_rule one[] = { { .rule = "cpu", .above = "0.85", .hold = "120s" },
                                                { .rule = "free", .off = "true" } };
    static const struct document_rule two[] = {
        { .rule = "cpu", .above = "0.95", .clear = "0.7", .hold = "30s", .severity = "critical" },
        { .rule = "free", .below = "500", .hold = "5s" }
    };
    struct tuning tuning;
    takes(f, RULES);
    struct overlays *a = of_rows(f, one, 2);
    struct overlays *b = of_rows(f, two, 2);
    for (int turned = 0; turned < 2; turned++) {
        struct overlay_where where = { .host = "web-1",
                                       .group = "web",
                                       .n_events = 2,
                                       .events = { { "a", turned ? b : a }, { "b", turned ? a : b } } };
        assert_true(overlay_resolve(&f->rules[0], &where, &tuning, NULL));
        assert_true(tuning.threshold == 0.85 && tuning.clear == 0.7 && tuning.hold_us == 30 * S);
        assert_true(tuning.severity == SEVERITY_CRITICAL && tuning.page);
        assert_true(overlay_resolve(&f->rules[1], &where, &tuning, NULL));
        assert_true(!tuning.off && tuning.threshold == 500 && tuning.clear == 2000 && tuning.hold_us == 5 * S);
    }
    struct overlay_where plain = { .host = "web-1", .group = "web", .n_events = 2, .events = { { "a", b }, { "c" } } };
    assert_false(overlay_resolve(&f->rules[1], &plain, &tuning, NULL));
    assert_true(tuning.threshold == 1000 &&
                tuning.hold_us == 0); /* of the event that says nothing: as the rule has it */
    free(a);
    free(b);
}

static void who_comes_to_page_by_two_overlays_holds_for_five_minutes_at_most(void **state)
{
    struct fixture *f = *state;
    static const struct document_rule row = { .rule = "cpu", .severity = "critical" };
    struct tuning tuning;
    takes(f, OVERLAYS "  - { rule: cpu, group: web, hold: 10m }\n");
    struct overlays *mine = of_rows(f, &row, 1);
    struct overlay_where where = {
        .groups = groups, .group = "web", .host = "web-1", .n_events = 1, .events = { { "sale", mine } }
    };
    assert_true(overlay_resolve(&f->rules[0], &where, &tuning, NULL));
    assert_true(tuning.page && tuning.hold_us == RULE_PAGE_HOLD_MAX_US);
    free(mine);
}

static void what_does_not_go_with_the_rule_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *overlays, *says;
    } rows[] = {
        { "  - { rule: none, group: web, hold: 1s }\n", "an overlay of rule none, and there is no such rule" },
        { "  - { rule: cpu, group: web, above: 0.7 }\n", "rule cpu: `clear` 0.8 lies beyond `above` 0.7" },
        { "  - { rule: free, group: web, below: 3000 }\n", "rule free: `clear` 2000 lies beyond `below` 3000" },
        { "  - { rule: cpu, group: web, below: 0.7 }\n", "says `below`, but the rule `above`" },
        { "  - { rule: free, group: web, above: 7 }\n", "says `above`, but the rule `below`" },
        { "  - { rule: cpu, group: web, above: 90 }\n", "runs from 0 to 1" },
        { "  - { rule: free, group: web, hold: 301s }\n", "may hold for 300s at most" },
        { "  - { rule: cpu, group: web, hold: 301s, severity: critical }\n", "may hold for 300s at most" },
        { "  - { rule: cpu, group: web, above: 0.9, hold: 60s }\n", "changes nothing of rule cpu" },
        { "  - { rule: cpu, group: web }\n", "changes nothing of rule cpu" },
        { "  - { rule: cpu, group: web, off: true, hold: 1s }\n", "is off, leave all else out" },
        { "  - { rule: gone, group: web, above: 1 }\n", "is of what is absent" },
        { "  - { rule: often, group: web, hold: 1s }\n", "`at_least` is its hold" },
        { "  - { rule: cpu, hold: 1s }\n", "group" },
        { "  - { rule: cpu, group: db, hold: 1s }\n  - { rule: cpu, group: db, hold: 2s }\n",
          "a second overlay of rule cpu for db, want one" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[2048];
        bool found = false;
        snprintf(text, sizeof text, "%s%s", OVERLAYS, rows[i].overlays);
        assert_int_equal(take(f, text), -EINVAL);
        for (size_t k = 0; k < config_faults_kept(&f->faults); k++)
            found =
                found || (strstr(f->faults.at[k].text, rows[i].says) && strstr(f->faults.at[k].text, "rules.yaml:"));
        if (!found)
            fail_msg("\"%s\" does not say %s", f->faults.at[0].text, rows[i].says);
        assert_int_equal(f->n, 0);
        assert_int_equal(groups->n, 0);
    }
}

static void a_documents_rows_are_refused_with_their_number_and_the_others_kept(void **state)
{
    static const struct document_rule rows[] = { { .rule = "cpu", .above = "much" },
                                                 { .rule = "cpu", .hold = "2h" },
                                                 { .rule = "cpu", .severity = "worse" },
                                                 { .rule = "cpu", .off = "perhaps" },
                                                 { .rule = "none", .hold = "1s" },
                                                 { .rule = "cpu", .hosts = "web-*", .hold = "5s" },
                                                 { .rule = "cpu", .hosts = "web-*", .hold = "6s" } };
    static const char *const says[] = { "rules, row 1: above: \"much\", want a number",
                                        "rules, row 2: hold: \"2h\", want 0s to 1h",
                                        "rules, row 3: severity: \"worse\", want info, warning or critical",
                                        "rules, row 4: off: \"perhaps\", want true or false",
                                        "rules, row 5: an overlay of rule none, and there is no such rule",
                                        "rules, row 7: a second overlay of rule cpu for web-*, want one" };
    struct fixture *f = *state;
    takes(f, RULES);
    struct overlays *mine = of_rows(f, rows, sizeof rows / sizeof rows[0]);
    assert_int_equal(f->faults.n, sizeof says / sizeof says[0]);
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        assert_string_equal(f->faults.at[i].text, says[i]);
    assert_int_equal(mine->n, 1);
    assert_true(mine->at[0].hold_us == 5 * S);
    free(mine);
}

#define OVER(name) cmocka_unit_test_setup_teardown(name, setup_groups, teardown_groups)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER(a_group_has_its_own_values_and_the_others_keep_the_rules),
        OVER(the_first_that_fits_a_group_counts),
        OVER(an_events_lies_over_a_groups_and_brings_both_threshold_and_clear),
        OVER(of_two_events_the_stricter_of_each_value_counts),
        OVER(who_comes_to_page_by_two_overlays_holds_for_five_minutes_at_most),
        OVER(what_does_not_go_with_the_rule_is_refused_with_its_line),
        OVER(a_documents_rows_are_refused_with_their_number_and_the_others_kept),
    };
    return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
