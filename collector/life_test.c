/* The life of events in the collector: gates' evidence, arming, the clock, what is on record, and all of it over
 * restarts. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"

#define FIRST_DAY "2026-12-21" /* four weeks from the fixture's now */

static const struct decision operator= { .by = "bob", .role = ROLE_OPERATOR };

static uint64_t draft(struct fixture *f, const char *name, const char *first_day, bool drill)
{
    return plan_event(f, &(struct event_plan){ .name = name,
                                               .zone = "Asia/Shanghai",
                                               .first_day = first_day,
                                               .days = 1,
                                               .hosts = "web-*",
                                               .drill = drill });
}

static const struct event *event_of(const struct fixture *f, uint64_t id)
{
    const struct event *event = collector_event(f->collector, id);
    assert_non_null(event);
    return event;
}

static int try(struct fixture *f, uint64_t id, enum event_verb verb)
{
    const struct event *row;
    return collector_event_do(f->collector, id, verb, &fixture_commander, &row, &f->err);
}

static void take(struct fixture *f, uint64_t id, enum event_verb verb, enum event_state state)
{
    if (try(f, id, verb) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(event_of(f, id)->state, state);
}

static void override(struct fixture *f, uint64_t id, enum gate_kind gate)
{
    const struct event *row;
    assert_int_equal(collector_override_gate(f->collector, id, gate, &fixture_commander, &row, &f->err), 0);
}

static const struct gate *gate_of(const struct fixture *f, uint64_t id, enum gate_kind gate)
{
    return &collector_gates(f->collector, id)[gate];
}

/* Those whose part there is not yet. */
static void override_to_arm(struct fixture *f, uint64_t id)
{
    override(f, id, GATE_REHEARSAL);
    override(f, id, GATE_LINT);
    override(f, id, GATE_CONTACTS);
}

static uint64_t checked_event(struct fixture *f, const char *name)
{
    uint64_t id = draft(f, name, FIRST_DAY, false);
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    override(f, id, GATE_ENTITLEMENT);
    take(f, id, EVENT_ACCEPT, EVENT_ACCEPTED);
    override(f, id, GATE_VERDICT);
    take(f, id, EVENT_CHECK, EVENT_CHECKED);
    return id;
}

static uint64_t armed_event(struct fixture *f, const char *name)
{
    uint64_t id = checked_event(f, name);
    override_to_arm(f, id);
    override(f, id, GATE_HOSTS);
    take(f, id, EVENT_ARM, EVENT_CHECKED);
    pass(f, 1);
    assert_int_equal(event_of(f, id)->state, EVENT_ARMED);
    return id;
}

static void a_planned_change_keeps_an_event_from_being_armed_until_it_is_answered(void **state)
{
    struct fixture *f = *state;
    uint64_t id = checked_event(f, "sale");
    const struct event *event = event_of(f, id);
    struct notice wanted;
    const struct notice *notice;
    const struct event *row;
    struct notice_wish wish = { .kind = "change",
                                .hosts = "web-*",
                                .title = "switch firmware",
                                .impact = "none",
                                .by = "ada",
                                .from_us = event->start_us,
                                .to_us = event->start_us + 1 };
    struct decision answer = { .by = "bob", .role = ROLE_COMMANDER, .reason = "moved" };
    assert_int_equal(notice_init(&wanted, &wish, NULL), 0);
    wanted.tenant = f->tenant;
    assert_int_equal(collector_add_notice(f->collector, &wanted, &notice, &f->err), 0);
    override_to_arm(f, id);
    assert_int_equal(collector_event_do(f->collector, id, EVENT_ARM, &fixture_commander, &row, &f->err), -EBUSY);
    assert_int_equal(gate_of(f, id, GATE_NOTICES)->state, GATE_FAILED);
    assert_string_equal(gate_of(f, id, GATE_NOTICES)->evidence, "1 unanswered: 1 switch firmware");
    assert_int_equal(collector_answer_notice(f->collector, 0, notice->id, &answer, &notice, &f->err), 0);
    take(f, id, EVENT_ARM, EVENT_CHECKED);
    assert_int_equal(gate_of(f, id, GATE_NOTICES)->state, GATE_PASSED);
}

static void arming_ends_what_operators_have_silenced_of_its_hosts(void **state)
{
    struct fixture *f = *state;
    struct silence wanted;
    const struct silence *row;
    int64_t now = now_us(f->collector);
    struct silence_wish wish = {
        .hosts = "web-*", .reason = "kernel update", .owner = "ada", .from_us = now, .to_us = now + SILENCE_MAX_US
    };
    assert_int_equal(silence_init(&wanted, &wish, &f->err), 0);
    wanted.tenant = f->tenant;
    assert_int_equal(collector_add_silence(f->collector, &wanted, ROLE_OPERATOR, &row, &f->err), 0);
    assert_non_null(collector_next_silence(f->collector, NULL));
    armed_event(f, "sale");
    assert_null(collector_next_silence(f->collector, NULL));
}

static void leap_to(struct fixture *f, int64_t at_us)
{
    clock_fake_pass(&f->fake, (at_us - US_PER_S - collector_now_us(f->collector)) * NS_PER_US);
    pass(f, 1);
}

/* ---- what is on record ---- */

struct record {
    bool came;
    size_t n;
    char text[64][512]; /* "kind actor body", the oldest first */
};

static void on_record(void *user, const struct store_ledger *result, const struct err *err)
{
    struct record *record = user;
    assert_null(err);
    assert_false(result->more);
    for (size_t i = 0; i < result->n; i++) {
        const struct ledger_entry *entry = &result->at[i].entry;
        if (strcmp(entry->kind, "round") == 0)
            continue; /* of patrol, and many */
        assert_true(record->n < 64);
        snprintf(record->text[record->n++], sizeof record->text[0], "%s %s %s", entry->kind, entry->actor, entry->body);
    }
    record->came = true;
}

static const struct record *record_of(struct fixture *f, uint64_t event)
{
    static struct record record;
    const struct store_ledger_query query = {
        .tenant = f->tenant, .event = event, .oldest_first = true, .most = STORE_LEDGER_MOST
    };
    record = (struct record){ .n = 0 };
    commit(f, f->tenant);
    assert_int_equal(store_ledger(collector_store(f->collector), &query, on_record, &record, &f->err), 0);
    RUN_UNTIL(f, record.came);
    return &record;
}

static size_t times_on_record(struct fixture *f, uint64_t event, const char *text)
{
    size_t n = 0;
    const struct record *record = record_of(f, event);
    for (size_t i = 0; i < record->n; i++)
        n += strstr(record->text[i], text) != NULL;
    return n;
}

/* ---- the way ---- */

static void an_event_goes_its_way_by_people_and_by_the_clock(void **state)
{
    struct fixture *f = *state;
    uint64_t id = armed_event(f, "sale");
    leap_to(f, event_of(f, id)->start_us);
    assert_int_equal(event_of(f, id)->state, EVENT_LIVE);
    leap_to(f, event_of(f, id)->end_us);
    assert_int_equal(event_of(f, id)->state, EVENT_CLOSING);
    take(f, id, EVENT_REPORT, EVENT_REPORTED);
    take(f, id, EVENT_CLOSE, EVENT_CLOSED);
    assert_string_equal(event_of(f, id)->by, "alice");
}

static void every_step_and_every_override_is_on_record_once(void **state)
{
    struct fixture *f = *state;
    uint64_t id = armed_event(f, "sale");
    leap_to(f, event_of(f, id)->start_us);
    assert_int_equal(
        times_on_record(f, id, "event alice {\"reason\":\"the test says so\",\"role\":\"commander\",\"to\":\"draft\""),
        1);
    assert_int_equal(times_on_record(f, id, "\"verb\":\"request\""), 1);
    assert_int_equal(
        times_on_record(f, id, "\"reason\":\"the test says so\",\"role\":\"commander\",\"to\":\"accepted\""), 1);
    assert_int_equal(times_on_record(f, id, "\"what\":\"arming\""), 1);
    assert_int_equal(
        times_on_record(f, id, "event alice {\"from\":\"checked\",\"gates\":[\"entitlement\",\"verdict\","), 2);
    assert_int_equal(times_on_record(f, id, "event clock {\"from\":\"armed\""), 1);
    assert_int_equal(times_on_record(f, id, "\"state\":\"overridden\""), 6);
    assert_int_equal(
        times_on_record(f, id, "gate alice {\"evidence\":\"\",\"gate\":\"lint\",\"reason\":\"the test says so\""), 1);
}

static void a_refused_step_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    size_t before = record_of(f, id)->n;
    assert_int_equal(try(f, id, EVENT_ACCEPT), -EPERM);
    assert_int_equal(try(f, id, EVENT_START), -EPERM);
    assert_int_equal(try(f, id + 1, EVENT_REQUEST), -ENOENT);
    assert_int_equal(event_of(f, id)->state, EVENT_DRAFT);
    assert_int_equal(record_of(f, id)->n, before);
}

static void what_cannot_be_is_refused_with_what_would_be_right(void **state)
{
    struct fixture *f = *state;
    uint64_t past = draft(f, "yesterday", "2026-11-22", false);
    assert_int_equal(try(f, past, EVENT_REQUEST), -ERANGE);
    assert_non_null(strstr(f->err.text, "first_day"));
    uint64_t first = draft(f, "sale", FIRST_DAY, false);
    take(f, first, EVENT_REQUEST, EVENT_REQUESTED);
    assert_int_equal(try(f, draft(f, "launch", FIRST_DAY, false), EVENT_REQUEST), -EEXIST);
    assert_non_null(strstr(f->err.text, "sale"));
    take(f, draft(f, "exercise", FIRST_DAY, true), EVENT_REQUEST, EVENT_REQUESTED);
}

static void a_gate_stands_until_somebody_lets_it_through_by_name(void **state)
{
    struct fixture *f = *state;
    const struct event *row;
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    override(f, id, GATE_ENTITLEMENT);
    take(f, id, EVENT_ACCEPT, EVENT_ACCEPTED);
    assert_int_equal(try(f, id, EVENT_CHECK), -EBUSY);
    assert_non_null(strstr(f->err.text, "verdict"));
    assert_int_equal(collector_override_gate(f->collector, id, GATE_VERDICT, &operator, & row, &f->err), -EPERM);
    override(f, id, GATE_VERDICT);
    take(f, id, EVENT_CHECK, EVENT_CHECKED);
    assert_string_equal(gate_of(f, id, GATE_VERDICT)->reason, "the test says so");
}

/* ---- arming ---- */

static void arming_waits_until_every_host_reports_and_confirms_a_second(void **state)
{
    struct fixture *f = *state;
    uint64_t second = add_host(f, f->tenant, "web-2");
    add_host(f, f->tenant, "db-1"); /* not of this event */
    uint64_t id = checked_event(f, "sale");
    override_to_arm(f, id);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1);
    take(f, id, EVENT_ARM, EVENT_CHECKED);
    pass(f, 1);
    assert_string_equal(gate_of(f, id, GATE_HOSTS)->evidence, "0 of 2 report and confirm 1 s; not yet web-1, web-2");
    assert_int_equal(REPORT(agent, .first = 2)->answer.policy.interval_us, US_PER_S); /* it is told by this */
    REPORT(agent, .first = 3, .interval_us = US_PER_S);
    pass(f, 1);
    assert_string_equal(gate_of(f, id, GATE_HOSTS)->evidence, "1 of 2 report and confirm 1 s; not yet web-2");
    assert_int_equal(event_of(f, id)->state, EVENT_CHECKED);
    REPORT(join_agent(f, second, 1), .first = 1, .interval_us = US_PER_S);
    pass(f, 1);
    assert_int_equal(event_of(f, id)->state, EVENT_ARMED);
    assert_string_equal(event_of(f, id)->by, "alice");
    assert_int_equal(gate_of(f, id, GATE_HOSTS)->state, GATE_PASSED);
}

static void a_window_that_opens_unarmed_is_an_incident_once(void **state)
{
    struct fixture *f = *state;
    uint64_t id = checked_event(f, "sale");
    leap_to(f, event_of(f, id)->start_us);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "The window of sale is open and it is not armed"));
    assert_int_equal(incident(f, 1)->tenant, f->tenant);
    assert_int_equal(incident(f, 1)->event, id);
    restart_collector(f);
    pass(f, 3);
    assert_int_equal(status_of(f).pages_queued, 0);
    assert_int_equal(times_on_record(f, id, "opened-unarmed"), 1);
    leap_to(f, event_of(f, id)->end_us);
    assert_int_equal(event_of(f, id)->state, EVENT_CANCELLED);
    assert_string_equal(event_of(f, id)->by, "clock");
}

/* ---- what it is, written down ---- */

static int set(struct fixture *f, uint64_t id, const char *key, const char *value)
{
    static struct document document;
    const struct event *row;
    assert_int_equal(collector_document(f->collector, id, &document, &f->err), 0);
    assert_int_equal(document_set(&document, key, value, &f->err), 0);
    return collector_set_event(f->collector, id, &document, &fixture_commander, &row, &f->err);
}

static void each_change_of_its_document_is_on_record(void **state)
{
    struct fixture *f = *state;
    static struct document document;
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    assert_int_equal(set(f, id, "notes", "call the shop first"), 0);
    assert_int_equal(set(f, id, "notes", "call the shop first"), 0); /* nothing changes */
    assert_int_equal(set(f, id, "tiers", "[{hosts: db-*, tier: core}, {hosts: web-*, tier: supporting}]"), 0);
    assert_int_equal(times_on_record(f, id, "document alice {\"changed\":{\"notes\":"), 1);
    assert_int_equal(times_on_record(f, id, "call the shop first"), 1);
    assert_int_equal(times_on_record(f, id, "document alice {\"changed\":{\"tiers\":\"tiers:\\n"), 1);
    assert_int_equal(set(f, id, "patrol", "5m"), 0);
    assert_int_equal(times_on_record(f, id, "document alice {\"changed\":{\"patrol\":\"patrol: 5m\"}"), 1);
    restart_collector(f);
    assert_int_equal(event_of(f, id)->patrol.interval_us, 300 * US_PER_S);
    assert_int_equal(collector_document(f->collector, id, &document, &f->err), 0);
    assert_string_equal(document.notes, "call the shop first");
    assert_int_equal(document_tier(&document, "db-7"), TIER_CORE);
}

static void an_event_is_changed_so_often_and_no_more_over_a_restart_too(void **state)
{
    struct fixture *f = *state;
    char notes[16];
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    for (int i = 0; i < EVENT_CHANGES_MAX; i++) {
        snprintf(notes, sizeof notes, "note %d", i);
        assert_int_equal(set(f, id, "notes", notes), 0);
    }
    commit(f, f->tenant);
    restart_collector(f);
    assert_int_equal(set(f, id, "notes", notes), 0); /* nothing changes */
    assert_int_equal(set(f, id, "notes", "one more"), -ENOSPC);
    assert_non_null(strstr(f->err.text, "event sale was changed 500 times"));
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED); /* its life goes on */
    assert_int_equal(set(f, draft(f, "fair", FIRST_DAY, false), "notes", "another"), 0);
}

static void what_was_asked_for_keeps_its_days_and_its_hosts_are_there(void **state)
{
    struct fixture *f = *state;
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    assert_int_equal(set(f, id, "hosts", "mail-*"), 0);
    assert_int_equal(try(f, id, EVENT_REQUEST), -ENOENT);
    assert_non_null(strstr(f->err.text, "mail-*"));
    assert_int_equal(set(f, id, "hosts", "web-*"), 0);
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    assert_int_equal(set(f, id, "first_day", "2026-12-22"), -EPERM);
    assert_int_equal(set(f, id, "hosts", "mail-*"), -ENOENT);
    assert_string_equal(event_of(f, id)->hosts, "web-*");
    assert_int_equal(set(f, id, "notes", "still open"), 0);
}

static void a_change_reopens_the_gates_that_rested_on_what_it_was(void **state)
{
    struct fixture *f = *state;
    add_host(f, f->tenant, "db-1");
    uint64_t id = checked_event(f, "sale");
    assert_int_equal(gate_of(f, id, GATE_VERDICT)->state, GATE_OVERRIDDEN);
    assert_int_equal(set(f, id, "hosts", "web-*,db-1"), 0);
    assert_int_equal(gate_of(f, id, GATE_VERDICT)->state, GATE_OPEN);
    assert_int_equal(gate_of(f, id, GATE_ENTITLEMENT)->state, GATE_OVERRIDDEN);
}

static void the_limits_it_declares_hold_while_it_is_armed(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "egress-high", EGRESS, 0.8, 0)->limit = LIMIT_EGRESS;
    restart_collector(f);
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    assert_int_equal(set(f, id, "limits", "[{hosts: web-*, egress: 1000}]"), 0);
    struct agent *agent = join_agent(f, f->host, 1);
    REPORT(agent, .first = 1, .egress = 900);
    assert_int_equal(status_of(f).firing, 0);
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    override(f, id, GATE_ENTITLEMENT);
    take(f, id, EVENT_ACCEPT, EVENT_ACCEPTED);
    override(f, id, GATE_VERDICT);
    take(f, id, EVENT_CHECK, EVENT_CHECKED);
    override_to_arm(f, id);
    override(f, id, GATE_HOSTS);
    take(f, id, EVENT_ARM, EVENT_CHECKED);
    pass(f, 1);
    REPORT(agent, .first = 2, .egress = 900);
    assert_int_equal(status_of(f).firing, 1);
    take(f, id, EVENT_CANCEL, EVENT_CANCELLED);
    assert_int_equal(status_of(f).firing, 0);
}

/* ---- over restarts ---- */

static void check_same(const struct fixture *f, const struct event *before, const struct gate *gates)
{
    const struct event *after = event_of(f, before->id);
    assert_memory_equal(after, before, sizeof *before);
    for (enum gate_kind kind = 0; kind < GATE_COUNT; kind++) {
        const struct gate *gate = gate_of(f, before->id, kind);
        assert_int_equal(gate->state, gates[kind].state);
        assert_string_equal(gate->evidence, gates[kind].evidence);
        assert_string_equal(gate->by, gates[kind].by);
        assert_string_equal(gate->reason, gates[kind].reason);
        assert_int_equal(gate->at_us, gates[kind].at_us);
    }
}

static void restart_and_compare(struct fixture *f, uint64_t id)
{
    struct event before = *event_of(f, id);
    struct gate gates[GATE_COUNT];
    memcpy(gates, collector_gates(f->collector, id), sizeof gates);
    restart_collector(f);
    check_same(f, &before, gates);
}

static void in_every_state_all_is_as_before_after_a_restart(void **state)
{
    struct fixture *f = *state;
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    restart_and_compare(f, id);
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    restart_and_compare(f, id);
    override(f, id, GATE_ENTITLEMENT);
    take(f, id, EVENT_ACCEPT, EVENT_ACCEPTED);
    restart_and_compare(f, id);
    override(f, id, GATE_VERDICT);
    take(f, id, EVENT_CHECK, EVENT_CHECKED);
    restart_and_compare(f, id);
    override_to_arm(f, id);
    take(f, id, EVENT_ARM, EVENT_CHECKED);
    restart_and_compare(f, id);
    override(f, id, GATE_HOSTS);
    pass(f, 1);
    restart_and_compare(f, id);
    leap_to(f, event_of(f, id)->start_us);
    restart_and_compare(f, id);
    leap_to(f, event_of(f, id)->end_us);
    restart_and_compare(f, id);
    take(f, id, EVENT_REPORT, EVENT_REPORTED);
    restart_and_compare(f, id);
    take(f, id, EVENT_CLOSE, EVENT_CLOSED);
    restart_and_compare(f, id);
}

static void a_start_and_an_end_that_were_missed_are_caught_up_and_said(void **state)
{
    struct fixture *f = *state;
    uint64_t id = armed_event(f, "sale");
    int64_t start_us = event_of(f, id)->start_us;
    int64_t end_us = event_of(f, id)->end_us;
    close_collector(f);
    clock_fake_pass(&f->fake, (start_us + 300 * US_PER_S) * NS_PER_US - f->fake.wall_ns);
    open_collector(f);
    pass(f, 1);
    assert_int_equal(event_of(f, id)->state, EVENT_LIVE);
    assert_true(was_logged(f, "what=stepped state=live by=clock"));
    assert_int_equal(times_on_record(f, id, "\"late_s\":301"), 1);
    close_collector(f);
    clock_fake_pass(&f->fake, (end_us + 3600 * US_PER_S) * NS_PER_US - f->fake.wall_ns);
    open_collector(f);
    pass(f, 2);
    assert_int_equal(event_of(f, id)->state, EVENT_CLOSING);
    assert_int_equal(times_on_record(f, id, "\"to\":\"closing\""), 1);
}

static void a_clock_that_is_put_back_starts_nothing_twice(void **state)
{
    struct fixture *f = *state;
    uint64_t id = armed_event(f, "sale");
    leap_to(f, event_of(f, id)->start_us);
    f->fake.wall_ns -= 3600 * NS_PER_S;
    pass(f, 2);
    assert_int_equal(event_of(f, id)->state, EVENT_LIVE);
    f->fake.wall_ns += 3600 * NS_PER_S;
    pass(f, 2);
    assert_int_equal(times_on_record(f, id, "\"to\":\"live\""), 1);
}

static void a_late_request_says_on_record_what_it_was_measured_by(void **state)
{
    struct fixture *f = *state;
    uint64_t id = draft(f, "sale", FIRST_DAY, false);
    take(f, id, EVENT_REQUEST, EVENT_REQUESTED);
    assert_true(event_of(f, id)->late_request);
    assert_int_equal(times_on_record(f, id, "\"lead\":\"its lead time cannot be told: no contract covers"), 1);
}

static void a_tenants_plans_leave_room_for_those_of_others(void **state)
{
    struct fixture *f = *state;
    char name[16];
    static struct document document;
    const struct event *row;
    uint64_t first = draft(f, "first", FIRST_DAY, false);
    for (int i = 1; i < TENANT_EVENTS_MAX; i++) {
        snprintf(name, sizeof name, "plan-%d", i);
        draft(f, name, FIRST_DAY, false);
    }
    assert_int_equal(collector_document(f->collector, first, &document, &f->err), 0);
    assert_int_equal(document_set(&document, "name", "one-more", &f->err), 0);
    assert_int_equal(collector_add_event(f->collector, f->tenant, &document, &fixture_commander, &row, &f->err),
                     -ENOSPC);
    assert_int_equal(
        collector_add_event(f->collector, add_tenant(f, "globex"), &document, &fixture_commander, &row, &f->err), 0);
    take(f, first, EVENT_CANCEL, EVENT_CANCELLED);
    assert_int_equal(collector_add_event(f->collector, f->tenant, &document, &fixture_commander, &row, &f->err), 0);
}

/* ---- drills ---- */

static void a_drill_needs_no_gate_and_says_what_it_is(void **state)
{
    struct fixture *f = *state;
    const struct event *row;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    uint64_t id = draft(f, "exercise", "2026-11-23", true);
    take(f, id, EVENT_START, EVENT_LIVE);
    assert_int_equal(collector_override_gate(f->collector, id, GATE_LINT, &fixture_commander, &row, &f->err), -EPERM);
    REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = 1);
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "DRILL: cpu-high"));
    assert_true(page_says(f, "\"drill\":\"true\""));
    take(f, id, EVENT_CLOSE, EVENT_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(arming_ends_what_operators_have_silenced_of_its_hosts),
        COLLECTOR_TEST(a_planned_change_keeps_an_event_from_being_armed_until_it_is_answered),
        COLLECTOR_TEST(an_event_goes_its_way_by_people_and_by_the_clock),
        COLLECTOR_TEST(every_step_and_every_override_is_on_record_once),
        COLLECTOR_TEST(a_refused_step_leaves_no_trace),
        COLLECTOR_TEST(what_cannot_be_is_refused_with_what_would_be_right),
        COLLECTOR_TEST(a_gate_stands_until_somebody_lets_it_through_by_name),
        COLLECTOR_TEST(arming_waits_until_every_host_reports_and_confirms_a_second),
        COLLECTOR_TEST(a_window_that_opens_unarmed_is_an_incident_once),
        COLLECTOR_TEST(each_change_of_its_document_is_on_record),
        COLLECTOR_TEST(an_event_is_changed_so_often_and_no_more_over_a_restart_too),
        COLLECTOR_TEST(what_was_asked_for_keeps_its_days_and_its_hosts_are_there),
        COLLECTOR_TEST(a_change_reopens_the_gates_that_rested_on_what_it_was),
        COLLECTOR_TEST(the_limits_it_declares_hold_while_it_is_armed),
        COLLECTOR_TEST(in_every_state_all_is_as_before_after_a_restart),
        COLLECTOR_TEST(a_start_and_an_end_that_were_missed_are_caught_up_and_said),
        COLLECTOR_TEST(a_clock_that_is_put_back_starts_nothing_twice),
        COLLECTOR_TEST(a_late_request_says_on_record_what_it_was_measured_by),
        COLLECTOR_TEST(a_tenants_plans_leave_room_for_those_of_others),
        COLLECTOR_TEST(a_drill_needs_no_gate_and_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
