/* From ticks to people: what is paged, when it may leave, and what is on record afterwards. */
#include "collector/collector_fixture.h"

#include <errno.h>

#define BAD  1.0 /* shares of the CPU */
#define GOOD 0.1

static void open_with_rule(struct fixture *f, int64_t hold_s)
{
    add_rule(f, "cpu-high", CPU, 0.9, hold_s);
    restart_collector(f);
}

/* An agent whose first tick fired the rule `cpu-high`, and was paged. */
static struct agent *fired(struct fixture *f)
{
    open_with_rule(f, 0);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .cpu = BAD), 1, 1);
    assert_int_equal(pages_out(f), 1);
    return agent;
}

static void a_page_goes_out_only_after_its_rows_are_on_disk(void **state)
{
    struct fixture *f = *state;
    open_with_rule(f, 0);
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 1, .cpu = BAD);
    RUN_UNTIL(f, status_of(f).reports == 1);
    run_until_failed(f);
    pass(f, 3);
    run_until_failed(f);
    assert_int_equal(receiver_requests(f->receiver), 0);
    assert_int_equal(status_of(f).pages_queued, 1);
    assert_int_equal(count_happened(f, HAPPENED_ALERT), 0);
    assert_int_equal(count_happened(f, HAPPENED_INCIDENT), 0);
    heal_disk();
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    assert_int_equal(status_of(f).store.ticks, 1);
    assert_stored(wait_reply(agent, sent), 1, 1);
    assert_true(page_says(f, "\"unrecorded\":\"false\""));
    assert_int_equal(pages_out(f), 1);
}

static void a_page_tells_what_happened_where_and_when(void **state)
{
    struct fixture *f = *state;
    open_with_rule(f, 0);
    uint64_t event = start_event(f, "sale");
    struct agent *agent = join_agent(f, f->host, 1);
    pass(f, 5);
    assert_stored(REPORT(agent, .first = 1, .cpu = 0.95, .age_us = 2 * US_PER_S), 1, 1);
    assert_int_equal(pages_out(f), 1);
    static const char *const says[] = {
        "\"status\":\"firing\"",
        "\"tenant\":\"acme\"",
        "\"event\":\"sale\"",
        "\"instance\":\"web-1\"",
        "\"alertname\":\"cpu-high\"",
        "\"crossed\":\"2026-11-23T02:13:23.000Z\"",
        "\"detected\":\"2026-11-23T02:13:25.000Z\"",
        "\"possible_copy\":\"false\"",
    };
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++)
        assert_true(page_says(f, says[i]));
    const struct incident *row = incident(f, 1);
    assert_int_equal(row->event, event);
    assert_int_equal(row->delivered_us, collector_now_us(f->collector));
    assert_int_equal(status_of(f).pages_delivered, 1);
}

static void a_rule_with_a_hold_fires_once_it_was_bad_for_as_long(void **state)
{
    struct fixture *f = *state;
    open_with_rule(f, 20);
    struct agent *agent = join_agent(f, f->host, 1);
    int64_t crossed_us = collector_now_us(f->collector);
    REPORT(agent, .first = 1, .cpu = BAD);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = BAD);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(status_of(f).pending, 1);
    pass(f, 10);
    REPORT(agent, .first = 3, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->crossed_us, crossed_us);
}

static void recovery_resolves_and_tells_whom_was_told(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = fired(f);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = GOOD);
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"status\":\"resolved\""));
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "recovery");
}

static void who_acknowledges_is_on_record_after_a_restart(void **state)
{
    struct fixture *f = *state;
    fired(f);
    pass(f, 30);
    int64_t at_us = collector_now_us(f->collector);
    assert_int_equal(collector_acknowledge(f->collector, 1, "alice", &f->err), 0);
    assert_int_equal(collector_acknowledge(f->collector, 7, "alice", &f->err), -ENOENT);
    commit(f, f->tenant);
    pass(f, 30);
    restart_collector(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
    assert_int_equal(incident(f, 1)->acknowledged_us, at_us);
    assert_string_equal(incident(f, 1)->acknowledged_by, "alice");
    assert_int_equal(collector_resolve(f->collector, 1, "bob", &f->err), 0);
    assert_int_equal(collector_resolve(f->collector, 1, "bob", &f->err), -EPERM);
}

static void what_happened_is_told_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = fired(f);
    REPORT(agent, .first = 1, .cpu = BAD); /* a duplicate tells nothing */
    commit(f, f->tenant);
    assert_int_equal(count_alerts(f, ALERT_FIRING), 1);
    bool told = false;
    for (size_t i = 0; i < f->n_happened; i++) {
        told = told || f->happened[i].kind == HAPPENED_ALERT;
        if (f->happened[i].kind == HAPPENED_INCIDENT || f->happened[i].kind == HAPPENED_PAGE)
            assert_true(told);
    }
}

static void closing_while_a_page_is_under_way_leaves_it_queued_for_the_next_start(void **state)
{
    struct fixture *f = *state;
    f->config.webhooks.n = 0;
    add_webhook(f, "duty", "/mute", NULL);
    open_with_rule(f, 0);
    REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = BAD);
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    restart_collector(f);
    assert_int_equal(status_of(f).pages_queued, 1);
    assert_int_equal(incident(f, 1)->delivered_us, 0);
}

/* ---- contacts ---- */

static void a_webhook_of_one_tenant_is_told_of_that_tenant_only(void **state)
{
    struct fixture *f = *state;
    uint64_t other = add_host(f, add_tenant(f, "globex"), "web-1");
    f->config.webhooks.n = 0;
    add_webhook(f, "acme-duty", "/ok", "acme");
    open_with_rule(f, 0);
    struct agent *theirs = join_agent(f, other, 1);
    struct agent *ours = join_agent(f, f->host, 1);
    REPORT(theirs, .first = 1, .cpu = BAD);
    commit(f, 2);
    assert_int_equal(pages_out(f), 0);
    REPORT(ours, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"receiver\":\"acme-duty\""));
}

static void a_reload_with_a_new_webhook_pages_it_for_what_is_triggered(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = fired(f);
    struct collector_config wider = f->config;
    add_webhook(f, "manager", "/ok", NULL);
    wider.webhooks.n = f->config.webhooks.n;
    f->config.webhooks.n = 1; /* the one in force stays as it is until the reload */
    assert_int_equal(collector_reload(f->collector, &wider, &f->err), 0);
    assert_int_equal(pages_out(f), 2);
    assert_true(page_says(f, "\"receiver\":\"manager\""));
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = GOOD);
    assert_int_equal(pages_out(f), 4); /* both hear of the end */
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    assert_int_equal(pages_out(f), 4);
}

static void a_reload_without_a_rule_ends_its_alert(void **state)
{
    struct fixture *f = *state;
    fired(f);
    struct collector_config without = f->config;
    without.n_rules = 0;
    assert_int_equal(collector_reload(f->collector, &without, &f->err), 0);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_int_equal(status_of(f).firing, 0);
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
}

static void a_reload_that_fails_leaves_all_as_it_was(void **state)
{
    struct fixture *f = *state;
    open_with_rule(f, 0);
    add_webhook(f, "manager", "/ok", NULL);
    struct collector_config bad = f->config;
    f->config.webhooks.n = 1;
    struct rule twice[] = { f->rules[0], f->rules[0] };
    bad.rule_rows = twice;
    bad.n_rules = 2;
    assert_int_equal(collector_reload(f->collector, &bad, &f->err), -EINVAL);
    assert_ptr_equal(collector_configuration(f->collector), &f->config);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"receiver\":\"duty\""));
}

/* ---- faults ---- */

/* What the collector has to say of its disk reaches those who look after all tenants: trouble_test.c. */
static void page_the_tenants_people_only(struct fixture *f)
{
    f->config.webhooks.n = 0;
    add_webhook(f, "duty", "/ok", "acme");
    restart_collector(f);
}

static void in_a_declared_fault_pages_go_out_unrecorded_and_are_on_record_after_it(void **state)
{
    struct fixture *f = *state;
    page_the_tenants_people_only(f);
    open_with_rule(f, 0);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .cpu = GOOD), 1, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 2, .cpu = GOOD);
    RUN_UNTIL(f, status_of(f).reports == 2);
    run_until_declared(f);
    assert_int_equal(wait_reply(agent, sent)->answer.kind, ANSWER_BUSY);
    assert_int_equal(REPORT(agent, .first = 3, .cpu = BAD)->answer.kind, ANSWER_BUSY); /* judged all the same */
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    assert_true(page_says(f, "\"unrecorded\":\"true\""));
    heal_disk();
    run_until_recovered(f);
    assert_int_equal(pages_out(f), 1);
    assert_stored(REPORT(agent, .first = 2, .n = 2, .cpu = GOOD, .last_cpu = BAD), 1, 3);
    assert_int_equal(pages_out(f), 1);
    restart_collector(f);
    /* 1 is the collector's own, that nobody here is told of */
    assert_int_equal(incident(f, 2)->state, INCIDENT_TRIGGERED);
    assert_int_not_equal(incident(f, 2)->delivered_us, 0);
    assert_int_equal(status_of(f).firing, 1);
    assert_int_equal(pages_out(f), 1);
}

static void a_tick_lost_in_a_fault_is_judged_once_when_it_comes_again(void **state)
{
    struct fixture *f = *state;
    page_the_tenants_people_only(f);
    open_with_rule(f, 0);
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned bad = SEND(agent, .first = 1, .cpu = BAD);
    RUN_UNTIL(f, status_of(f).reports == 1);
    pass(f, 1);
    unsigned good = SEND(agent, .first = 2, .cpu = GOOD);
    RUN_UNTIL(f, status_of(f).reports == 2);
    run_until_declared(f);
    assert_int_equal(wait_reply(agent, bad)->answer.kind, ANSWER_BUSY);
    assert_int_equal(wait_reply(agent, good)->answer.kind, ANSWER_BUSY);
    assert_int_equal(pages_out(f), 2); /* fired and resolved */
    heal_disk();
    run_until_recovered(f);
    /* With a new tick behind them: that one alone is judged. */
    assert_stored(REPORT(agent, .first = 1, .n = 3, .cpu = BAD, .last_cpu = GOOD), 1, 3);
    assert_int_equal(pages_out(f), 2);
    assert_int_equal(count_alerts(f, ALERT_FIRING), 1);
    assert_int_equal(count_alerts(f, ALERT_OK), 1);
    assert_int_equal(status_of(f).store.ticks, 3);
}

static void a_fault_of_the_disk_is_no_silence_of_the_hosts(void **state)
{
    struct fixture *f = *state;
    page_the_tenants_people_only(f);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    pass(f, 50); /* the grace after the start is over */
    assert_stored(REPORT(agent, .first = 2), 1, 2);
    pass(f, 25); /* nearly silent */
    break_disk();
    SEND(agent, .first = 3);
    RUN_UNTIL(f, status_of(f).reports == 3);
    run_until_declared(f);
    heal_disk();
    run_until_recovered(f);
    pass(f, 59); /* agents have their back-off, then three intervals */
    assert_int_equal(pages_out(f), 0);
    pass(f, 1);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"alertname\":\"silence\""));
}

static void a_host_whose_report_waits_for_the_disk_is_not_silent(void **state)
{
    struct fixture *f = *state;
    page_the_tenants_people_only(f);
    start_event(f, "sale");
    struct agent *agent = join_agent(f, f->host, 1);
    pass(f, 50); /* the grace after the start is over */
    assert_stored(REPORT(agent, .first = 1, .interval_us = US_PER_S), 1, 1);
    break_disk();
    unsigned held = SEND(agent, .first = 2, .interval_us = US_PER_S);
    RUN_UNTIL(f, status_of(f).reports == 2);
    pass(f, 4); /* no fault yet, but longer than three intervals */
    heal_disk();
    assert_int_equal(wait_reply(agent, held)->answer.kind, ANSWER_STORED);
    pass(f, 2);
    assert_int_equal(pages_out(f), 0);
    pass(f, 1); /* three intervals after it waited */
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"alertname\":\"silence\""));
}

static void a_host_that_is_told_to_ask_again_is_not_silent(void **state)
{
    struct fixture *f = *state;
    page_the_tenants_people_only(f);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    pass(f, 60); /* the grace after the start is over */
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    /* It is back: what it sent before its line was cut comes once more, with what it has read since. */
    struct agent *anew = join_agent(f, f->host, 1);
    break_disk();
    unsigned old = SEND(agent, .first = 2, .age_us = 29 * US_PER_S);
    RUN_UNTIL(f, status_of(f).reports == 2);
    assert_int_equal(REPORT(anew, .first = 2, .n = 3, .age_us = 9 * US_PER_S)->answer.kind, ANSWER_BUSY);
    heal_disk();
    assert_stored(wait_reply(agent, old), 1, 2);
    assert_int_equal(status_of(f).silent, 0);
    pass(f, 2);
    assert_int_equal(status_of(f).silent, 0);
}

static void a_host_that_is_told_a_longer_interval_is_not_silent_before_its_next_tick(void **state)
{
    struct fixture *f = *state;
    page_the_tenants_people_only(f);
    uint64_t id = start_event(f, "sale");
    struct agent *agent = join_agent(f, f->host, 1);
    pass(f, 50); /* the grace after the start is over */
    assert_stored(REPORT(agent, .first = 1, .interval_us = US_PER_S), 1, 1);
    const struct event *row;
    assert_int_equal(collector_event_do(f->collector, id, EVENT_CLOSE, &fixture_commander, &row, &f->err), 0);
    assert_stored(REPORT(agent, .first = 2, .interval_us = US_PER_S), 1, 2); /* the answer says ten */
    pass(f, 12);
    assert_int_equal(pages_out(f), 0);
    pass(f, 1);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"alertname\":\"silence\""));
}

/* ---- gaps ---- */

static void a_gap_that_closes_pages_with_the_true_crossing(void **state)
{
    struct fixture *f = *state;
    open_with_rule(f, 0);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .cpu = GOOD);
    pass(f, 50);
    REPORT(agent, .first = 7, .cpu = GOOD); /* live ticks go first */
    assert_int_equal(pages_out(f), 0);
    int64_t crossed_us = collector_now_us(f->collector) - 30 * US_PER_S;
    assert_stored(REPORT(agent, .first = 4, .cpu = BAD, .age_us = 30 * US_PER_S, .highest = 7), 4, 4);
    assert_stored(REPORT(agent, .first = 5, .n = 2, .cpu = GOOD, .age_us = 10 * US_PER_S, .highest = 7), 4, 7);
    pass(f, 20); /* what lies behind the gap settles */
    assert_true(pages_out(f) >= 1);
    assert_int_equal(incident(f, 1)->crossed_us, crossed_us);
    assert_true(incident(f, 1)->late);
}

static void a_crossing_of_an_exercise_is_nobodys_alert(void **state)
{
    struct fixture *f = *state;
    add_webhook(f, "all", "/ok", NULL);
    restart_collector(f);
    struct agent *agent = join_agent(f, f->host, 1);
    size_t told = count_happened(f, HAPPENED_ALERT);
    for (unsigned exercise = 0; exercise < 4; exercise++) {
        REPORT(agent, .first = exercise + 1, .exercises = true, .exercise = exercise);
        assert_int_equal(count_happened(f, HAPPENED_ALERT), told);
        assert_int_equal(status_of(f).firing, 0);
        assert_int_equal(pages_out(f), 0);
    }
    assert_true(watch_can_exercise(collector_watch(f->collector), f->host));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_page_goes_out_only_after_its_rows_are_on_disk),
        COLLECTOR_TEST(a_page_tells_what_happened_where_and_when),
        COLLECTOR_TEST(a_rule_with_a_hold_fires_once_it_was_bad_for_as_long),
        COLLECTOR_TEST(recovery_resolves_and_tells_whom_was_told),
        COLLECTOR_TEST(who_acknowledges_is_on_record_after_a_restart),
        COLLECTOR_TEST(what_happened_is_told_once_and_in_order),
        COLLECTOR_TEST(closing_while_a_page_is_under_way_leaves_it_queued_for_the_next_start),
        COLLECTOR_TEST(a_webhook_of_one_tenant_is_told_of_that_tenant_only),
        COLLECTOR_TEST(a_reload_with_a_new_webhook_pages_it_for_what_is_triggered),
        COLLECTOR_TEST(a_reload_without_a_rule_ends_its_alert),
        COLLECTOR_TEST(a_reload_that_fails_leaves_all_as_it_was),
        COLLECTOR_TEST(in_a_declared_fault_pages_go_out_unrecorded_and_are_on_record_after_it),
        COLLECTOR_TEST(a_tick_lost_in_a_fault_is_judged_once_when_it_comes_again),
        COLLECTOR_TEST(a_fault_of_the_disk_is_no_silence_of_the_hosts),
        COLLECTOR_TEST(a_host_whose_report_waits_for_the_disk_is_not_silent),
        COLLECTOR_TEST(a_host_that_is_told_to_ask_again_is_not_silent),
        COLLECTOR_TEST(a_host_that_is_told_a_longer_interval_is_not_silent_before_its_next_tick),
        COLLECTOR_TEST(a_gap_that_closes_pages_with_the_true_crossing),
        COLLECTOR_TEST(a_crossing_of_an_exercise_is_nobodys_alert),
    };
    return cmocka_run_group_tests_name("collector.core.desk", tests, NULL, NULL);
}
