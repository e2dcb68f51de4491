/* What groups and events lay over the rules of hosts, from the config and the document to the page. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"

static struct overlays groups;

static int set_rules(struct fixture *f, uint64_t id, const char *value)
{
    static struct document document;
    const struct event *row;
    assert_int_equal(collector_document(f->collector, id, &document, &f->err), 0);
    assert_int_equal(document_set(&document, "rules", value, &f->err), 0);
    return collector_set_event(f->collector, id, &document, &fixture_commander, &row, &f->err);
}

static int act(struct fixture *f, uint64_t id, enum event_verb verb)
{
    const struct event *row;
    return collector_event_do(f->collector, id, verb, &fixture_commander, &row, &f->err);
}

static uint64_t drill(struct fixture *f, const char *name, const char *rules)
{
    uint64_t id = plan_event(
        f, &(struct event_plan){
               .name = name, .zone = "UTC", .first_day = "2026-11-23", .days = 1, .hosts = "web-*", .drill = true });
    scope_event(f->collector, id)->patrol.closed = true; /* all its rounds are on record, so to speak */
    if (set_rules(f, id, rules) < 0)
        fail_msg("%s", f->err.text);
    return id;
}

static void started(struct fixture *f, uint64_t id)
{
    if (act(f, id, EVENT_START) < 0)
        fail_msg("%s", f->err.text);
}

static void one_rule(struct fixture *f)
{
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
}

/* Of the hosts of group web-1: a host's group is its own name unless another is given. */
static void lay_over_group(struct fixture *f, double above)
{
    groups = (struct overlays){ .n = 1,
                                .at[0] = { .rule = "cpu-high",
                                           .hosts = "web-1",
                                           .above = above,
                                           .below = NAN,
                                           .clear = above,
                                           .hold_us = OVERLAY_GIVEN_NOT,
                                           .severity = OVERLAY_GIVEN_NOT,
                                           .page = OVERLAY_GIVEN_NOT } };
    f->config.overlays = &groups;
}

static void a_groups_hosts_are_judged_by_its_own_values(void **state)
{
    struct fixture *f = *state;
    lay_over_group(f, 0.5);
    one_rule(f);
    struct agent *agent = join_agent(f, f->host, 1);
    struct agent *other = join_agent(f, add_host(f, f->tenant, "web-2"), 1);
    REPORT(other, .first = 1, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 0);
    REPORT(agent, .first = 1, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 1);
}

static void a_reload_brings_other_overlays(void **state)
{
    struct fixture *f = *state;
    one_rule(f);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 0);
    struct collector_config with = f->config;
    lay_over_group(f, 0.5);
    with.overlays = &groups;
    f->config.overlays = NULL;
    assert_int_equal(collector_reload(f->collector, &with, &f->err), 0);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 1);
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    pass(f, 10);
    REPORT(agent, .first = 3, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 0);
}

static void an_events_values_hold_while_it_is_live_and_over_a_restart(void **state)
{
    struct fixture *f = *state;
    one_rule(f);
    uint64_t id = drill(f, "sale", "[{rule: cpu-high, hosts: web-1, above: 0.5, clear: 0.4}]");
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 0); /* a draft says nothing yet */
    started(f, id);
    restart_collector(f);
    agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 2, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 1);
    assert_int_equal(act(f, id, EVENT_CLOSE), 0);
    pass(f, 1);
    REPORT(agent, .first = 3, .cpu = 0.6);
    assert_int_equal(status_of(f).firing, 0);
}

/* What the rules alone look back for, half a minute, would begin in the middle of it. */
static void a_hold_that_an_overlay_makes_longer_is_looked_back_for_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    int64_t crossed_us = collector_now_us(f->collector);
    for (uint64_t n = 1; n <= 9; n++) {
        REPORT(agent, .first = n, .cpu = 1);
        pass(f, 10);
    }
    add_rule(f, "cpu-high", CPU, 0.9, 30);
    lay_over_group(f, 0.8);
    groups.at[0].hold_us = 90 * US_PER_S;
    restart_collector(f);
    assert_int_equal(status_of(f).pending, 1);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 10, .cpu = 1), 1, 10);
    assert_int_equal(status_of(f).firing, 1);
    assert_int_equal(incident(f, 1)->crossed_us, crossed_us);
}

static void what_an_event_turns_off_is_not_judged_in_its_window(void **state)
{
    struct fixture *f = *state;
    one_rule(f);
    uint64_t id = drill(f, "sale", "[{rule: cpu-high, off: true}]");
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = 1);
    assert_int_equal(status_of(f).firing, 1);
    started(f, id);
    assert_int_equal(status_of(f).firing, 0);
    pass(f, 1);
    REPORT(agent, .first = 2, .cpu = 1);
    assert_int_equal(status_of(f).firing, 0);
}

static void an_event_whose_rules_do_not_fit_is_not_begun(void **state)
{
    struct fixture *f = *state;
    one_rule(f);
    uint64_t id = drill(f, "sale", "[{rule: cpu-high, above: 0.95}, {rule: gone, hold: 1s}]");
    assert_int_equal(act(f, id, EVENT_START), -EINVAL);
    assert_string_equal(f->err.text, "rules, row 2: an overlay of rule gone, and there is no such rule");
    assert_int_equal(collector_event(f->collector, id)->state, EVENT_DRAFT);
    assert_int_equal(set_rules(f, id, "[{rule: cpu-high, above: 0.5, clear: 0.6}]"), 0);
    assert_int_equal(act(f, id, EVENT_START), -EINVAL);
    assert_non_null(strstr(f->err.text, "rules, row 1: rule cpu-high: `clear` 0.6 lies beyond `above` 0.5"));
}

static void a_rule_that_goes_from_under_a_live_event_is_said(void **state)
{
    struct fixture *f = *state;
    one_rule(f);
    uint64_t id = drill(f, "sale", "[{rule: cpu-high, hold: 5s}]");
    started(f, id);
    assert_false(was_logged(f, "overlay_not_applied"));
    struct collector_config without = f->config;
    without.n_rules = 0;
    assert_int_equal(collector_reload(f->collector, &without, &f->err), 0);
    assert_true(was_logged(f, "overlay_not_applied"));
    assert_true(was_logged(f, "there is no such rule"));
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
}

static void what_lies_over_a_hosts_rules_can_be_asked_before_the_event(void **state)
{
    struct fixture *f = *state;
    struct collector_overlays over;
    struct tuning tuning;
    char from[OVERLAY_FROM_TEXT];
    lay_over_group(f, 0.8);
    one_rule(f);
    uint64_t id = drill(f, "sale", "[{rule: cpu-high, above: 0.5, clear: 0.4}]");
    const struct host *host = scope_host(f->collector, f->host)->row;
    struct collector_overlays_ask ask = { .rules = { f->rules, 1, &groups }, .host = host };
    assert_int_equal(collector_overlays(f->collector, &ask, &over, &f->err), 0);
    assert_true(overlay_resolve(&f->rules[0], &over.where, &tuning, from));
    assert_true(tuning.threshold == 0.8);
    assert_string_equal(from, "group web-1");
    collector_overlays_done(&over);
    ask.event = collector_event(f->collector, id);
    assert_int_equal(collector_overlays(f->collector, &ask, &over, &f->err), 0);
    assert_true(overlay_resolve(&f->rules[0], &over.where, &tuning, from));
    assert_true(tuning.threshold == 0.5);
    assert_string_equal(from, "group web-1, event sale");
    collector_overlays_done(&over);
    ask.groups_only = true;
    assert_int_equal(collector_overlays(f->collector, &ask, &over, &f->err), 0);
    assert_true(overlay_resolve(&f->rules[0], &over.where, &tuning, from));
    assert_string_equal(from, "group web-1");
    collector_overlays_done(&over);
}

static void an_event_that_could_not_be_armed_with_the_rules_is_told_as_when_it_is_armed(void **state)
{
    struct fixture *f = *state;
    struct collector_overlays over;
    one_rule(f);
    uint64_t id = drill(f, "sale", "[{rule: gone, hold: 1s}, {rule: cpu-high, above: 0.5, clear: 0.6}]");
    struct collector_overlays_ask ask = { .rules = { f->rules, 1, NULL },
                                          .host = scope_host(f->collector, f->host)->row,
                                          .event = collector_event(f->collector, id) };
    assert_int_equal(collector_overlays(f->collector, &ask, &over, &f->err), -EINVAL);
    assert_string_equal(f->err.text, "event sale: rules, row 1: an overlay of rule gone, and there is no such rule");
    collector_overlays_done(&over);
    ask.part = true; /* of a file of some rules: the others are not its business */
    assert_int_equal(collector_overlays(f->collector, &ask, &over, &f->err), -EINVAL);
    assert_non_null(strstr(f->err.text, "rule cpu-high: `clear` 0.6 lies beyond `above` 0.5"));
    collector_overlays_done(&over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_groups_hosts_are_judged_by_its_own_values),
        COLLECTOR_TEST(a_reload_brings_other_overlays),
        COLLECTOR_TEST(an_events_values_hold_while_it_is_live_and_over_a_restart),
        COLLECTOR_TEST(a_hold_that_an_overlay_makes_longer_is_looked_back_for_at_the_start),
        COLLECTOR_TEST(what_an_event_turns_off_is_not_judged_in_its_window),
        COLLECTOR_TEST(an_event_whose_rules_do_not_fit_is_not_begun),
        COLLECTOR_TEST(a_rule_that_goes_from_under_a_live_event_is_said),
        COLLECTOR_TEST(what_lies_over_a_hosts_rules_can_be_asked_before_the_event),
        COLLECTOR_TEST(an_event_that_could_not_be_armed_with_the_rules_is_told_as_when_it_is_armed),
    };
    return cmocka_run_group_tests_name("overlays", tests, NULL, NULL);
}
