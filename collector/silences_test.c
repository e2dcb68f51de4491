/* Maintenance silences and notices through the whole collector: what is not told, what is told when they are over, what
 * stands against a window. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"

#define BAD    1.0
#define GOOD   0.1
#define HOUR_S 3600
#define LONG_S (PAGE_BUDGET_US / US_PER_S + 120) /* than the budget */

static struct agent *open_with_agent(struct fixture *f)
{
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    return join_agent(f, f->host, 1);
}

static int try_silence(struct fixture *f, const char *rule, int64_t seconds, enum role role)
{
    struct silence wanted;
    const struct silence *row;
    struct silence_wish wish = { .hosts = "web-*",
                                 .rule = rule,
                                 .reason = "kernel update",
                                 .owner = "ada",
                                 .from_us = collector_now_us(f->collector) };
    wish.to_us = wish.from_us + seconds * US_PER_S;
    assert_int_equal(silence_init(&wanted, &wish, &f->err), 0);
    wanted.tenant = f->tenant;
    return collector_add_silence(f->collector, &wanted, role, &row, &f->err);
}

static void silence(struct fixture *f, int64_t seconds)
{
    if (try_silence(f, NULL, seconds, ROLE_OPERATOR) < 0)
        fail_msg("%s", f->err.text);
}

static size_t count_silences(const struct fixture *f)
{
    size_t n = 0;
    for (const struct silence *row = NULL; (row = collector_next_silence(f->collector, row));)
        n++;
    return n;
}

/* "added by ada expired by clock", as the ledger has it. */
static void assert_recorded(struct fixture *f, const char *kind, const char *want)
{
    struct recorded recorded[8];
    char text[256] = "";
    size_t n = read_record(f, f->tenant, kind, recorded, 8);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "%s%s by %s", i ? ", " : "", recorded[i].what, recorded[i].actor);
    }
    assert_string_equal(text, want);
}

static void an_alert_within_a_silence_opens_no_incident(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_with_agent(f);
    silence(f, HOUR_S);
    assert_stored(REPORT(agent, .first = 1, .cpu = BAD), 1, 1);
    assert_int_equal(pages_out(f), 0);
    assert_null(pager_incident(collector_pager(f->collector), 1));
    assert_int_equal(status_of(f).firing, 1); /* it is judged as ever */
    assert_int_equal(status_of(f).silenced, 1);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = GOOD);
    assert_int_equal(status_of(f).firing, 0);
    pass(f, 1);
    assert_int_equal(pages_out(f), 0);
}

static void what_still_fires_at_its_end_is_raised_with_its_true_crossing(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_with_agent(f);
    silence(f, LONG_S);
    pass(f, 10);
    int64_t crossed_us = collector_now_us(f->collector);
    REPORT(agent, .first = 1, .cpu = BAD);
    for (int64_t i = 2; i < LONG_S / 10; i++) {
        pass(f, 10);
        REPORT(agent, .first = (uint64_t)i, .cpu = BAD);
    }
    assert_int_equal(pages_out(f), 0);
    pass(f, 10);
    assert_int_equal(count_silences(f), 0);
    assert_int_equal(pages_out(f), 1);
    const struct incident *row = incident(f, 1);
    assert_int_equal(row->crossed_us, crossed_us);
    assert_true(row->silenced_us > crossed_us);
    assert_int_equal(incident_budget_from(row), row->silenced_us);
    assert_false(row->breached); /* its ten minutes begin where the silence ended */
    assert_false(row->late);
    assert_recorded(f, "silence", "added by ada, expired by clock");
}

static void a_silence_ended_by_hand_raises_at_once(void **state)
{
    struct fixture *f = *state;
    struct silence row;
    struct agent *agent = open_with_agent(f);
    silence(f, HOUR_S);
    REPORT(agent, .first = 1, .cpu = BAD);
    assert_int_equal(collector_end_silence(f->collector, 0, 7, "bob", &row, &f->err), -ENOENT);
    assert_int_equal(collector_end_silence(f->collector, f->tenant + 1, 1, "bob", &row, &f->err), -ENOENT);
    assert_int_equal(collector_end_silence(f->collector, f->tenant, 1, "bob", &row, &f->err), 0);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->silenced_us, row.ended_us);
    assert_recorded(f, "silence", "added by ada, ended by bob");
}

static void what_another_silence_still_mutes_is_not_raised(void **state)
{
    struct fixture *f = *state;
    struct silence row;
    struct agent *agent = open_with_agent(f);
    silence(f, HOUR_S);
    assert_int_equal(try_silence(f, "cpu-*", HOUR_S, ROLE_OPERATOR), 0);
    REPORT(agent, .first = 1, .cpu = BAD);
    assert_int_equal(collector_end_silence(f->collector, 0, 1, "bob", &row, &f->err), 0);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(collector_end_silence(f->collector, 0, 2, "bob", &row, &f->err), 0);
    assert_int_equal(pages_out(f), 1);
}

static void an_incident_that_is_open_goes_on(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_with_agent(f);
    REPORT(agent, .first = 1, .cpu = BAD);
    assert_int_equal(pages_out(f), 1);
    silence(f, HOUR_S);
    pass(f, 10);
    REPORT(agent, .first = 2, .cpu = GOOD);
    assert_int_equal(pages_out(f), 2); /* that it is over is told */
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void a_host_that_falls_silent_is_told_unless_it_was_named(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_with_agent(f);
    silence(f, HOUR_S);
    REPORT(agent, .first = 1, .cpu = GOOD);
    pass(f, 120);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "\"alertname\":\"silence\""));
}

static void a_restart_leaves_a_silence_in_force_and_ends_one_that_is_over(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_with_agent(f);
    silence(f, HOUR_S);
    silence(f, 2 * HOUR_S);
    REPORT(agent, .first = 1, .cpu = BAD);
    commit(f, f->tenant);
    close_collector(f);
    clock_fake_pass(&f->fake, (int64_t)HOUR_S * NS_PER_S);
    open_collector(f);
    assert_int_equal(count_silences(f), 2);
    pass(f, 1);
    assert_int_equal(count_silences(f), 1);
    assert_int_equal(collector_next_silence(f->collector, NULL)->id, 2);
    assert_recorded(f, "silence", "added by ada, added by ada, expired by clock");
    restart_collector(f);
    silence(f, 60);
    assert_int_equal(count_silences(f), 2);
    struct silence row;
    assert_int_equal(collector_end_silence(f->collector, 0, 3, "bob", &row, &f->err), 0); /* no number is given twice */
}

static void within_a_window_a_silence_takes_a_commander(void **state)
{
    struct fixture *f = *state;
    open_with_agent(f);
    start_event(f, "sale");
    struct event *live = NULL;
    for (const struct event *event = NULL; (event = collector_next_event(f->collector, event));)
        live = scope_event(f->collector, event->id);
    assert_non_null(live);
    assert_int_equal(try_silence(f, NULL, 60, ROLE_OPERATOR), -EPERM);
    assert_non_null(strstr(f->err.text, "window of sale"));
    assert_int_equal(try_silence(f, NULL, 60, ROLE_COMMANDER), 0);
}

static void an_operators_silence_ends_when_an_event_over_its_hosts_begins_a_commanders_stays(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_with_agent(f);
    silence(f, HOUR_S);
    assert_int_equal(try_silence(f, "mem-*", HOUR_S, ROLE_COMMANDER), 0);
    REPORT(agent, .first = 1, .cpu = BAD);
    commit(f, f->tenant);
    restart_collector(f); /* who added which is kept */
    assert_int_equal(pages_out(f), 0);
    uint64_t event = start_event(f, "sale");
    assert_int_equal(count_silences(f), 1);
    assert_int_equal(collector_next_silence(f->collector, NULL)->id, 2);
    assert_int_equal(pages_out(f), 1); /* what it held back is told */
    assert_recorded(f, "silence", "added by ada, added by ada, overruled by alice");
    struct recorded recorded[3];
    assert_int_equal(read_record(f, f->tenant, "silence", recorded, 3), 3);
    assert_int_equal(recorded[2].event, event);
    assert_true(was_logged(f, "what=overruled"));
}

static uint64_t start_over(struct fixture *f, const char *hosts)
{
    const struct event *row;
    uint64_t id = plan_event(
        f, &(struct event_plan){
               .name = "sale", .zone = "UTC", .first_day = "2026-11-23", .days = 1, .hosts = hosts, .drill = true });
    assert_int_equal(collector_event_do(f->collector, id, EVENT_START, &fixture_commander, &row, &f->err), 0);
    return id;
}

static void an_operators_silence_ends_when_one_of_its_hosts_comes_into_a_window(void **state)
{
    struct fixture *f = *state;
    struct recorded recorded[3];
    uint64_t event = start_over(f, "web-9,db-*");
    silence(f, HOUR_S); /* over web-*: none of them is in the window */
    assert_int_equal(try_silence(f, "mem-*", HOUR_S, ROLE_COMMANDER), 0);
    add_host(f, f->tenant, "web-8");
    add_host(f, f->tenant, "db-1");
    assert_int_equal(count_silences(f), 2);
    add_host(f, f->tenant, "web-9");
    assert_int_equal(count_silences(f), 1);
    commit(f, f->tenant);
    assert_recorded(f, "silence", "added by ada, added by ada, overruled by collector");
    assert_int_equal(read_record(f, f->tenant, "silence", recorded, 3), 3);
    assert_int_equal(recorded[2].event, event);
}

static void hosts_that_are_not_there_are_said(void **state)
{
    struct fixture *f = *state;
    struct silence wanted;
    const struct silence *row;
    struct silence_wish wish = { .hosts = "db-*", .reason = "r", .owner = "ada", .from_us = 1, .to_us = 2 };
    assert_int_equal(silence_init(&wanted, &wish, NULL), 0);
    wanted.tenant = f->tenant;
    assert_int_equal(collector_add_silence(f->collector, &wanted, ROLE_COMMANDER, &row, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "db-*"));
}

/* ---- notices ---- */

static int try_notice(struct fixture *f, const char *kind, const char *hosts, int64_t from_s, int64_t to_s)
{
    struct notice wanted;
    const struct notice *row;
    int64_t now = collector_now_us(f->collector);
    struct notice_wish wish = { .kind = kind,
                                .hosts = hosts,
                                .title = "switch firmware",
                                .impact = "30 s without network",
                                .by = "ada",
                                .from_us = now + from_s * US_PER_S,
                                .to_us = now + to_s * US_PER_S };
    assert_int_equal(notice_init(&wanted, &wish, &f->err), 0);
    wanted.tenant = f->tenant;
    return collector_add_notice(f->collector, &wanted, &row, &f->err);
}

static size_t conflicts(struct fixture *f, char text[200])
{
    const struct event *event = collector_next_event(f->collector, NULL);
    return notices_conflict(f->collector, event, text, 200);
}

static void a_change_within_a_window_stands_against_it_until_it_is_answered(void **state)
{
    struct fixture *f = *state;
    char text[200];
    const struct notice *row;
    start_event(f, "sale");
    assert_int_equal(conflicts(f, text), 0);
    assert_int_equal(try_notice(f, "change", "web-1", HOUR_S, 2 * HOUR_S), 0);
    assert_int_equal(try_notice(f, "advisory", "web-1", HOUR_S, 2 * HOUR_S), 0);
    assert_int_equal(try_notice(f, "change", "web-1", 48 * HOUR_S, 49 * HOUR_S), 0); /* after it */
    assert_int_equal(conflicts(f, text), 1);
    assert_string_equal(text, "1 switch firmware");
    struct decision decision = { .by = "bob", .role = ROLE_COMMANDER };
    assert_int_equal(collector_answer_notice(f->collector, 0, 1, &decision, &row, &f->err), -EINVAL);
    decision.reason = "moved to the second switch";
    assert_int_equal(collector_answer_notice(f->collector, 0, 9, &decision, &row, &f->err), -ENOENT);
    assert_int_equal(collector_answer_notice(f->collector, 0, 1, &decision, &row, &f->err), 0);
    assert_int_equal(conflicts(f, text), 0);
    assert_int_equal(collector_answer_notice(f->collector, 0, 1, &decision, &row, &f->err), -EPERM);
    assert_recorded(f, "notice", "added by ada, added by ada, added by ada, answered by bob");
}

static void notices_outlive_a_restart_and_go_when_they_are_over(void **state)
{
    struct fixture *f = *state;
    char text[200];
    start_event(f, "sale");
    assert_int_equal(try_notice(f, "change", "web-1", 0, HOUR_S), 0);
    restart_collector(f);
    assert_int_equal(conflicts(f, text), 1);
    close_collector(f);
    clock_fake_pass(&f->fake, (int64_t)HOUR_S * NS_PER_S);
    open_collector(f);
    assert_null(collector_next_notice(f->collector, NULL));
    assert_int_equal(try_notice(f, "change", "web-1", 0, HOUR_S), 0);
    assert_int_equal(collector_next_notice(f->collector, NULL)->id, 2);
}

static void a_notice_of_the_past_or_of_no_host_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(try_notice(f, "change", "web-1", -2, -1), -ERANGE);
    assert_int_equal(try_notice(f, "change", "db-1", 0, 1), -ENOENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(an_alert_within_a_silence_opens_no_incident),
        COLLECTOR_TEST(what_still_fires_at_its_end_is_raised_with_its_true_crossing),
        COLLECTOR_TEST(a_silence_ended_by_hand_raises_at_once),
        COLLECTOR_TEST(what_another_silence_still_mutes_is_not_raised),
        COLLECTOR_TEST(an_incident_that_is_open_goes_on),
        COLLECTOR_TEST(a_host_that_falls_silent_is_told_unless_it_was_named),
        COLLECTOR_TEST(a_restart_leaves_a_silence_in_force_and_ends_one_that_is_over),
        COLLECTOR_TEST(within_a_window_a_silence_takes_a_commander),
        COLLECTOR_TEST(an_operators_silence_ends_when_an_event_over_its_hosts_begins_a_commanders_stays),
        COLLECTOR_TEST(an_operators_silence_ends_when_one_of_its_hosts_comes_into_a_window),
        COLLECTOR_TEST(hosts_that_are_not_there_are_said),
        COLLECTOR_TEST(a_change_within_a_window_stands_against_it_until_it_is_answered),
        COLLECTOR_TEST(notices_outlive_a_restart_and_go_when_they_are_over),
        COLLECTOR_TEST(a_notice_of_the_past_or_of_no_host_is_refused),
    };
    return cmocka_run_group_tests_name("collector.core.silences", tests, NULL, NULL);
}
