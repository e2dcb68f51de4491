/* Events over hosts, declared limits: which rules are in force for whom, and for how long. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/parts.h"

#define BAD  1.0 /* shares of the CPU */
#define GOOD 0.1

static int64_t seconds_until(const struct fixture *f, int64_t at_us)
{
    return (at_us - collector_now_us(f->collector)) / US_PER_S;
}

/* A second before the end of the event's window, none of the time between having been watched. */
static void leap_to_the_end_of(struct fixture *f, uint64_t event)
{
    int64_t end_us = collector_event(f->collector, event)->end_us;
    clock_fake_pass(&f->fake, (seconds_until(f, end_us) - 1) * NS_PER_S);
}

static void a_rule_of_the_window_is_in_force_while_the_event_is_live(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-in-window", CPU, 0.9, 0)->in_force = IN_FORCE(EVENT_LIVE);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 0);
    uint64_t event = start_event(f, "sale");
    pass(f, 1);
    REPORT(agent, .first = 2, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->event, event);
}

static void an_event_selects_its_hosts(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-in-window", CPU, 0.9, 0)->in_force = IN_FORCE(EVENT_LIVE);
    restart_collector(f);
    start_event(f, "sale"); /* of web-* */
    struct agent *other = join_agent(f, add_host(f, f->tenant, "db-1"), 1);
    struct agent *later = connect_agent(f, add_host(f, f->tenant, "web-2"), 1);
    REPORT(other, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(hello(later)->answer.policy.interval_us, US_PER_S); /* a host that came after the start too */
    REPORT(later, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
}

static void an_event_of_one_tenant_says_nothing_of_anothers_hosts(void **state)
{
    struct fixture *f = *state;
    uint64_t theirs = add_host(f, add_tenant(f, "globex"), "web-1");
    start_event(f, "sale");
    assert_int_equal(hello(connect_agent(f, theirs, 1))->answer.policy.interval_us, 10 * US_PER_S);
    assert_int_equal(hello(connect_agent(f, f->host, 1))->answer.policy.interval_us, US_PER_S);
}

static void how_often_a_host_in_no_window_samples_is_configured_and_no_window_is_slower(void **state)
{
    struct fixture *f = *state;
    uint64_t theirs = add_host(f, add_tenant(f, "globex"), "web-1");
    start_event(f, "sale");
    struct agent *calm = connect_agent(f, theirs, 1), *live = connect_agent(f, f->host, 1);
    assert_int_equal(hello(calm)->answer.policy.interval_us, 10 * US_PER_S);
    f->config.calm_us = 5 * US_PER_S;
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    assert_int_equal(hello(calm)->answer.policy.interval_us, 5 * US_PER_S);
    assert_int_equal(hello(live)->answer.policy.interval_us, US_PER_S);
}

static void an_event_past_its_end_closes_by_the_clock_and_its_alerts_end(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-in-window", CPU, 0.9, 0)->in_force = IN_FORCE(EVENT_LIVE);
    restart_collector(f);
    uint64_t id = start_event(f, "sale");
    const struct event *event = collector_event(f->collector, id);
    leap_to_the_end_of(f, id);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(event->state, EVENT_LIVE);
    pass(f, 1);
    assert_int_equal(event->state, EVENT_CLOSED);
    assert_string_equal(event->by, "clock");
    assert_int_equal(status_of(f).firing, 0);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(REPORT(agent, .first = 2, .cpu = BAD, .interval_us = US_PER_S)->answer.policy.interval_us,
                     10 * US_PER_S);
    assert_int_equal(pages_out(f), 2);
    restart_collector(f);
    assert_int_equal(collector_event(f->collector, id)->state, EVENT_CLOSED);
}

static void an_end_that_was_missed_is_caught_up_with_the_first_tick(void **state)
{
    struct fixture *f = *state;
    uint64_t id = start_event(f, "sale");
    commit(f, f->tenant);
    leap_to_the_end_of(f, id);
    close_collector(f);
    clock_fake_pass(&f->fake, 30 * NS_PER_S);
    open_collector(f);
    pass(f, 1);
    assert_int_equal(collector_event(f->collector, id)->state, EVENT_CLOSED);
    assert_string_equal(collector_event(f->collector, id)->by, "clock");
}

static void an_acknowledgement_expires_only_while_the_window_is_open(void **state)
{
    struct fixture *f = *state;
    const struct event *row;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    uint64_t event = start_event(f, "sale");
    REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = BAD);
    assert_int_equal(incident(f, 1)->event, event);
    assert_int_equal(collector_acknowledge(f->collector, 1, "alice", &f->err), 0);
    assert_int_equal(incident(f, 1)->expires_us, collector_now_us(f->collector) + ACKNOWLEDGED_FOR_US);
    assert_int_equal(collector_event_do(f->collector, event, EVENT_CLOSE, &fixture_commander, &row, &f->err), 0);
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
    assert_int_equal(collector_acknowledge(f->collector, 1, "alice", &f->err), 0);
    assert_int_equal(incident(f, 1)->expires_us, 0);
}

static void closing_an_event_by_hand_ends_its_alerts_too(void **state)
{
    struct fixture *f = *state;
    const struct event *row;
    add_rule(f, "cpu-in-window", CPU, 0.9, 0)->in_force = IN_FORCE(EVENT_LIVE);
    restart_collector(f);
    uint64_t event = start_event(f, "sale");
    REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(collector_event_do(f->collector, event, EVENT_CLOSE, &fixture_commander, &row, &f->err), 0);
    assert_int_equal(row->state, EVENT_CLOSED);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(collector_event_do(f->collector, event, EVENT_START, &fixture_commander, &row, &f->err), -EPERM);
    assert_int_equal(collector_event_do(f->collector, event + 1, EVENT_START, &fixture_commander, &row, &f->err),
                     -ENOENT);
}

static void an_event_keeps_its_name_to_itself_within_its_tenant(void **state)
{
    struct fixture *f = *state;
    const struct event *row;
    static struct document again;
    document_of(collector_event(f->collector, start_event(f, "sale")), &again);
    uint64_t other = add_tenant(f, "globex");
    assert_int_equal(collector_add_event(f->collector, f->tenant, &again, &fixture_commander, &row, &f->err), -EEXIST);
    assert_int_equal(collector_add_event(f->collector, other, &again, &fixture_commander, &row, &f->err), 0);
}

/* ---- limits ---- */

static void declare_egress(struct fixture *f, double egress)
{
    const struct host *row;
    struct host_change change = { .group = NULL };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    change.limits[LIMIT_EGRESS] = egress;
    assert_int_equal(collector_change_host(f->collector, f->host, &change, &row, &f->err), 0);
}

static void a_hosts_declared_limit_makes_its_rule_apply(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "egress-high", EGRESS, 0.8, 0)->limit = LIMIT_EGRESS;
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .egress = 900);
    assert_int_equal(pages_out(f), 0);
    declare_egress(f, 1000);
    pass(f, 1);
    REPORT(agent, .first = 2, .egress = 900);
    assert_int_equal(pages_out(f), 1);
    size_t n;
    const struct incident_alert *alerts = pager_alerts(collector_pager(f->collector), 1, &n);
    assert_int_equal(n, 1);
    assert_true(alerts[0].alert.threshold == 800);
    assert_string_equal(alerts[0].alert.instance, "eth0");
}

static void a_limit_that_is_taken_back_ends_the_alert(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "egress-high", EGRESS, 0.8, 0)->limit = LIMIT_EGRESS;
    restart_collector(f);
    declare_egress(f, 1000);
    REPORT(join_agent(f, f->host, 1), .first = 1, .egress = 900);
    assert_int_equal(pages_out(f), 1);
    declare_egress(f, 0);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(status_of(f).firing, 0);
}

static void a_declared_limit_holds_after_a_restart(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "egress-high", EGRESS, 0.8, 0)->limit = LIMIT_EGRESS;
    restart_collector(f);
    declare_egress(f, 1000);
    restart_collector(f);
    REPORT(join_agent(f, f->host, 1), .first = 1, .egress = 900);
    assert_int_equal(pages_out(f), 1);
}

static void a_change_that_is_refused_changes_nothing(void **state)
{
    struct fixture *f = *state;
    const struct host *row;
    struct host_change change = { .group = "blue team" };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    assert_int_equal(collector_change_host(f->collector, f->host, &change, &row, &f->err), -EINVAL);
    change.group = "blue";
    change.limits[LIMIT_EGRESS] = -1;
    assert_int_equal(collector_change_host(f->collector, f->host, &change, &row, &f->err), -EINVAL);
    assert_int_equal(collector_change_host(f->collector, f->host ^ 1, &change, &row, &f->err), -ENOENT);
    assert_string_equal(fleet_host(collector_fleet(f->collector), f->host)->group, "web-1");
}

static void labels_hold_after_a_restart(void **state)
{
    struct fixture *f = *state;
    const struct host *row;
    struct host_change change = { .labels = "site=sh,role=web" };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    assert_int_equal(collector_change_host(f->collector, f->host, &change, &row, &f->err), 0);
    restart_collector(f);
    assert_string_equal(fleet_host(collector_fleet(f->collector), f->host)->labels, "role=web,site=sh");
}

/* ---- groups ---- */

static void hosts_of_one_group_share_an_incident(void **state)
{
    struct fixture *f = *state;
    const struct host *row;
    struct host_change change = { .group = "web" };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    uint64_t second = add_host(f, f->tenant, "web-2");
    assert_int_equal(collector_change_host(f->collector, f->host, &change, &row, &f->err), 0);
    assert_int_equal(collector_change_host(f->collector, second, &change, &row, &f->err), 0);
    struct agent *first = join_agent(f, f->host, 1);
    REPORT(first, .first = 1, .cpu = BAD);
    REPORT(join_agent(f, second, 1), .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->n_alerts, 2);
    pass(f, 1);
    REPORT(first, .first = 2, .cpu = GOOD);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
}

static void an_exercise_is_a_policy_of_its_own_and_a_rehearsal_goes_before_a_heartbeat(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    struct host_state *host = scope_host(f->collector, f->host);
    const uint64_t calm = 10000;
    const struct {
        unsigned exercise;
        bool on;
        unsigned said;
    } steps[] = { { EXERCISE_HEARTBEAT, true, 1 }, { EXERCISE_REHEARSAL, true, 2 },  { EXERCISE_HEARTBEAT, false, 2 },
                  { EXERCISE_HEARTBEAT, true, 2 }, { EXERCISE_REHEARSAL, false, 1 }, { EXERCISE_HEARTBEAT, false, 0 } };
    for (uint64_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        exercise_set(host, steps[i].exercise, steps[i].on);
        const struct reply *reply = REPORT(agent, .first = i + 1, .policy_revision = 1);
        assert_int_equal(reply->answer.policy.exercise, steps[i].said);
        assert_int_equal(reply->answer.policy.revision, (uint64_t)steps[i].said << 32 | calm);
        assert_int_equal(reply->answer.policy.interval_us, 10 * US_PER_S);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_rule_of_the_window_is_in_force_while_the_event_is_live),
        COLLECTOR_TEST(an_event_selects_its_hosts),
        COLLECTOR_TEST(an_event_of_one_tenant_says_nothing_of_anothers_hosts),
        COLLECTOR_TEST(how_often_a_host_in_no_window_samples_is_configured_and_no_window_is_slower),
        COLLECTOR_TEST(an_event_past_its_end_closes_by_the_clock_and_its_alerts_end),
        COLLECTOR_TEST(an_end_that_was_missed_is_caught_up_with_the_first_tick),
        COLLECTOR_TEST(an_acknowledgement_expires_only_while_the_window_is_open),
        COLLECTOR_TEST(closing_an_event_by_hand_ends_its_alerts_too),
        COLLECTOR_TEST(an_event_keeps_its_name_to_itself_within_its_tenant),
        COLLECTOR_TEST(a_hosts_declared_limit_makes_its_rule_apply),
        COLLECTOR_TEST(a_limit_that_is_taken_back_ends_the_alert),
        COLLECTOR_TEST(a_declared_limit_holds_after_a_restart),
        COLLECTOR_TEST(a_change_that_is_refused_changes_nothing),
        COLLECTOR_TEST(labels_hold_after_a_restart),
        COLLECTOR_TEST(hosts_of_one_group_share_an_incident),
        COLLECTOR_TEST(an_exercise_is_a_policy_of_its_own_and_a_rehearsal_goes_before_a_heartbeat),
    };
    return cmocka_run_group_tests_name("collector.core.scope", tests, NULL, NULL);
}
