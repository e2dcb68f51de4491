#include "collector/page/page_fixture.h"

static void an_alert_that_pages_opens_an_incident_and_queues_a_page_a_contact(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    at(f, 40);
    FIRES(f, .crossed_s = 10, .event = SALE);
    assert_int_equal(f->out.n_incidents, 1);
    assert_int_equal(f->out.n_alerts, 1);
    assert_int_equal(f->out.n_pages, 2);
    assert_true(f->out.urgent);
    const struct incident *row = &f->out.incidents[0];
    assert_true(row->id == 1 && row->tenant == SHOP && row->event == SALE && row->clock == 1 && row->n_alerts == 1);
    assert_int_equal(row->state, INCIDENT_TRIGGERED);
    assert_int_equal(row->severity, SEVERITY_CRITICAL);
    assert_string_equal(row->group, "web");
    assert_string_equal(row->title, "CPU utilisation above 90 % on web-1");
    assert_int_equal(row->crossed_us, T0 + 10 * S);
    assert_int_equal(row->detected_us, T0 + 40 * S);
    assert_true(row->delivered_us == 0 && row->acknowledged_us == 0 && row->resolved_us == 0);
    assert_false(row->late || row->breached);
    assert_string_equal(f->out.alerts[0].host_name, "web-1");
    assert_string_equal(f->out.alerts[0].summary, "CPU utilisation above 90 %");
    assert_int_equal(f->out.alerts[0].incident, 1);
    assert_key(f->out.pages[0].key, "1-trigger-1-", "-ops");
    assert_key(f->out.pages[1].key, "1-trigger-1-", "-boss");
    assert_true(f->out.pages[0].id == 1 && f->out.pages[1].id == 2);
    assert_int_equal(f->out.pages[0].next_us, f->now_us);
    assert_memory_equal(pager_incident(f->pager, 1), row, sizeof *row);
}

static void an_alert_that_does_not_page_opens_nothing(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .no_page = true, .severity = SEVERITY_WARNING);
    assert_true(f->out.n_incidents == 0 && f->out.n_alerts == 0 && f->out.n_pages == 0);
    assert_nothing_due(f);
}

static void an_alert_that_does_not_page_joins_an_open_incident(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .rule = "steal", .no_page = true, .severity = SEVERITY_CRITICAL);
    assert_true(f->out.n_incidents == 1 && f->out.n_alerts == 1 && f->out.n_pages == 0);
    assert_int_equal(incident(f, 1)->n_alerts, 2);
    RECOVERS(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    RECOVERS(f, .rule = "steal");
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void pending_alerts_tell_nobody(void **state)
{
    struct fixture *f = *state;
    CHANGE(f, .from = ALERT_OK, .to = ALERT_PENDING);
    CHANGE(f, .from = ALERT_PENDING, .to = ALERT_OK);
    assert_true(f->out.n_incidents == 0 && f->out.n_alerts == 0);
    FIRES(f);
    GETS_LOST(f);
    CHANGE(f, .from = ALERT_UNKNOWN, .to = ALERT_PENDING); /* it fired, and is not ok */
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
}

static void a_muted_alert_tells_nobody_and_its_clock_begins_when_it_is_unmuted(void **state)
{
    struct fixture *f = *state;
    at(f, 0);
    FIRES(f, .muted = true);
    assert_int_equal(f->out.n_incidents, 0);
    at(f, 1200);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .crossed_s = 1, .unmuted = true);
    assert_int_equal(f->out.incidents[0].id, 1);
    assert_int_equal(f->out.incidents[0].crossed_us, f->now_us);
    assert_false(f->out.incidents[0].breached || f->out.incidents[0].late);
    assert_true(f->out.n_pages > 0);
    RECOVERS(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void a_muted_alert_joins_nothing_and_holds_nothing_open(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .rule = "power", .severity = SEVERITY_WARNING, .opens = true);
    FIRES(f, .muted = true);
    assert_int_equal(f->out.n_alerts, 0);
    assert_int_equal(incident(f, 1)->severity, SEVERITY_WARNING);
    RECOVERS(f, .rule = "power");
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    RECOVERS(f);
    assert_int_equal(f->out.n_incidents, 0);
}

static void an_alert_told_before_it_was_muted_stays_in_its_incident(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    GETS_LOST(f);
    CHANGE(f, .from = ALERT_UNKNOWN, .to = ALERT_FIRING, .muted = true);
    assert_int_equal(f->out.n_incidents, 0);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .unmuted = true);
    assert_int_equal(f->out.n_pages, 0);
    RECOVERS(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void alerts_of_an_equal_severity_join_without_a_page(void **state)
{
    struct fixture *f = *state;
    at(f, 40);
    FIRES(f, .crossed_s = 30);
    deliver(f);
    at(f, 50);
    FIRES(f, .host = 2, .crossed_s = 5);
    assert_int_equal(f->out.n_pages, 0);
    assert_false(f->out.urgent);
    assert_int_equal(f->out.incidents[0].n_alerts, 2);
    assert_int_equal(f->out.incidents[0].crossed_us, T0 + 30 * S); /* an alert that joins moves no stamp */
    size_t n;
    const struct incident_alert *rows = pager_alerts(f->pager, 1, &n);
    assert_int_equal(n, 2);
    assert_string_equal(rows[1].host_name, "web-2");
}

static void other_groups_events_and_tenants_are_other_incidents(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .host = 2, .event = SALE);
    assert_int_equal(f->out.incidents[0].id, 2);
    assert_int_equal(f->out.n_pages, 1);
    struct transition t = cpu_fires(f, 3);
    const struct page_scope other = { .tenant = 2, .host_name = "a", .host_group = "web", .summary = "x" };
    const struct page_scope db = { .tenant = SHOP, .host_name = "a", .host_group = "db", .summary = "x" };
    assert_int_equal(pager_alert(f->pager, &t, &other, f->now_us, &f->out), 0);
    t.alert.host = 4;
    assert_int_equal(pager_alert(f->pager, &t, &db, f->now_us, &f->out), 0);
    assert_int_equal(incident(f, 4)->tenant, SHOP);
    assert_int_equal(incident(f, 3)->tenant, 2);
}

static void a_higher_severity_triggers_again_with_a_new_clock(void **state)
{
    struct fixture *f = *state;
    at(f, 10);
    FIRES(f, .severity = SEVERITY_WARNING);
    deliver(f);
    at(f, 20);
    acknowledge(f, 1);
    at(f, 100);
    FIRES(f, .rule = "loss", .crossed_s = 90, .severity = SEVERITY_CRITICAL);
    const struct incident *row = incident(f, 1);
    assert_int_equal(row->clock, 2);
    assert_int_equal(row->state, INCIDENT_TRIGGERED);
    assert_int_equal(row->severity, SEVERITY_CRITICAL);
    assert_int_equal(row->crossed_us, T0 + 90 * S);
    assert_int_equal(row->detected_us, T0 + 100 * S);
    assert_true(row->delivered_us == 0 && row->acknowledged_us == 0 && row->acknowledged_by[0] == '\0');
    assert_int_equal(f->out.n_pages, 1);
    assert_key(f->out.pages[0].key, "1-trigger-2-", "-ops");
    deliver(f);
    assert_int_equal(incident(f, 1)->delivered_us, f->now_us);
}

static void a_page_of_an_ended_clock_gives_way_and_does_not_stamp_the_new_one(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f, .severity = SEVERITY_WARNING);
    uint64_t sent = take(f)->id; /* of the two one is on its way, one waits */
    at(f, 1);
    FIRES(f, .rule = "loss", .severity = SEVERITY_CRITICAL);
    size_t cancelled = 0;
    for (size_t i = 0; i < f->out.n_pages; i++)
        cancelled += f->out.pages[i].state == PAGE_CANCELLED;
    assert_int_equal(cancelled, 1);
    outcome(f, sent, (struct page_outcome){ .delivered = true, .status = 200 });
    assert_int_equal(f->out.pages[0].state, PAGE_DELIVERED);
    assert_int_equal(incident(f, 1)->delivered_us, 0);
}

static void a_lower_severity_joins(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .rule = "disk", .severity = SEVERITY_WARNING);
    assert_int_equal(f->out.n_pages, 0);
    assert_int_equal(incident(f, 1)->severity, SEVERITY_CRITICAL);
    assert_int_equal(incident(f, 1)->clock, 1);
}

static void an_incident_resolves_when_all_its_alerts_are_ok(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .host = 2);
    deliver(f);
    at(f, 30);
    RECOVERS(f);
    assert_int_equal(f->out.n_alerts, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    at(f, 31);
    RECOVERS(f, .host = 2);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "recovery");
    assert_int_equal(incident(f, 1)->resolved_us, f->now_us);
    assert_int_equal(f->out.n_pages, 1);
    assert_key(f->out.pages[0].key, "1-resolve-1-", "-ops");
    assert_int_equal(f->out.pages[0].kind, PAGE_RESOLVE);
}

static void unknown_resolves_nothing(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .rule = "silence");
    GETS_LOST(f);
    assert_int_equal(f->out.alerts[0].alert.state, ALERT_UNKNOWN);
    RECOVERS(f, .rule = "silence");
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    CHANGE(f, .from = ALERT_UNKNOWN, .to = ALERT_FIRING);
    assert_int_equal(f->out.n_pages, 0);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_UNKNOWN);
    CHANGE(f, .from = ALERT_UNKNOWN, .to = ALERT_OK);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void an_alert_that_flaps_within_an_open_incident_pages_once(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .host = 2);
    deliver(f);
    for (int i = 0; i < 10; i++) {
        at(f, 10 + i);
        FIRES(f);
        assert_int_equal(f->out.n_pages, 0);
        RECOVERS(f);
        assert_int_equal(f->out.n_pages, 0);
    }
    assert_int_equal(incident(f, 1)->n_alerts, 2);
    size_t n;
    pager_alerts(f->pager, 1, &n);
    assert_int_equal(n, 2);
}

static void an_alert_that_fires_again_behind_a_resolution_is_another_incident(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    RECOVERS(f);
    at(f, 600);
    FIRES(f);
    assert_int_equal(f->out.incidents[0].id, 2);
    assert_int_equal(f->out.n_pages, 1);
}

static void deliver_all(struct fixture *f)
{
    while (pager_count_queued(f->pager) > 0)
        deliver(f);
}

static unsigned count_to(const struct fixture *f, const char *contact, enum page_kind kind)
{
    unsigned n = 0;
    for (size_t i = 0; i < f->out.n_pages; i++)
        n += f->out.pages[i].kind == kind && f->out.pages[i].state == PAGE_QUEUED &&
             strcmp(f->out.pages[i].contact, contact) == 0;
    return n;
}

/* The CPU of web-1 is high for half of each of two minutes: the next time people are told when it stays. */
static void come_and_go(struct fixture *f)
{
    set_people(f, "0s bob");
    for (int i = 0; i < 2; i++) {
        at(f, i * 60);
        FIRES(f, .severity = SEVERITY_WARNING);
        assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
        deliver_all(f);
        at(f, i * 60 + 30);
        RECOVERS(f, .severity = SEVERITY_WARNING);
        assert_int_equal(count_to(f, "bob", PAGE_RESOLVE), 1);
        deliver_all(f);
    }
    at(f, 120);
}

static void what_comes_and_goes_is_told_to_people_twice_and_to_machines_each_time(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    for (int i = 2; i < 20; i++) {
        at(f, i * 60);
        FIRES(f, .severity = SEVERITY_WARNING);
        assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_REOPENED);
        assert_true(f->out.n_pages == 1 && count_to(f, "hook", PAGE_TRIGGER) == 1);
        deliver_all(f);
        at(f, i * 60 + 30);
        tick(f);
        RECOVERS(f);
        assert_true(f->out.n_pages == 1 && count_to(f, "hook", PAGE_RESOLVE) == 1);
        deliver_all(f);
    }
    assert_true(incident(f, 1)->clock == 20 && incident(f, 1)->flaps == 19);
    at(f, 1900); /* what was told to nobody was not to be told */
    tick(f);
    assert_false(incident(f, 1)->breached);
}

static void what_comes_back_and_stays_is_told_within_its_budget(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .severity = SEVERITY_WARNING);
    deliver_all(f);
    at(f, 120 + 299);
    tick(f);
    assert_int_equal(f->out.n_pages, 0);
    at(f, 120 + 300);
    tick(f);
    assert_true(f->out.n_pages == 1 && count_to(f, "bob", PAGE_TRIGGER) == 1);
    deliver(f);
    assert_true(incident(f, 1)->delivered_us == f->now_us && !incident(f, 1)->breached);
}

static void the_hold_of_a_rule_is_time_that_it_has_stayed(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    at(f, 120 + 240);
    FIRES(f, .severity = SEVERITY_WARNING, .crossed_s = 120);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 0);
    deliver_all(f);
    at(f, 120 + 300);
    tick(f);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    deliver_all(f);
    RECOVERS(f);
    deliver_all(f);
    at(f, 500 + 300);
    FIRES(f, .severity = SEVERITY_WARNING, .crossed_s = 500);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    assert_int_equal(incident(f, 1)->damped_us, 0);
}

static void what_had_stayed_comes_back_as_for_the_first_time(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .severity = SEVERITY_WARNING);
    at(f, 120 + 600);
    tick(f);
    deliver_all(f);
    RECOVERS(f);
    deliver_all(f);
    at(f, 800);
    FIRES(f, .severity = SEVERITY_WARNING);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    assert_int_equal(incident(f, 1)->flaps, 1);
}

static void what_gets_worse_while_people_wait_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .severity = SEVERITY_WARNING);
    deliver_all(f);
    at(f, 130);
    FIRES(f, .rule = "critical", .severity = SEVERITY_CRITICAL);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    assert_int_equal(incident(f, 1)->damped_us, 0);
}

static void the_same_alert_at_a_higher_severity_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .severity = SEVERITY_WARNING);
    deliver_all(f);
    at(f, 130);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .severity = SEVERITY_CRITICAL);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
}

static void another_host_waits_for_none_that_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .severity = SEVERITY_WARNING);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 0);
    deliver_all(f);
    at(f, 130);
    FIRES(f, .host = 2, .severity = SEVERITY_WARNING);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    assert_int_equal(incident(f, 1)->crossed_us, T0 + 120 * S);
}

static void another_host_that_brings_an_incident_back_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .host = 2, .severity = SEVERITY_WARNING);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    assert_int_equal(incident(f, 1)->damped_us, 0);
}

static void of_an_end_that_was_not_told_yet_nobody_hears_when_it_is_back(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 30);
    RECOVERS(f);
    assert_true(f->out.n_pages == 1 && f->out.pages[0].kind == PAGE_RESOLVE);
    fail_once(f, (struct page_outcome){ .error = "no answer" });
    at(f, 60);
    FIRES(f);
    for (size_t i = 0; i < 2; i++)
        assert_true(f->out.pages[i].state == (f->out.pages[i].kind == PAGE_RESOLVE ? PAGE_CANCELLED : PAGE_QUEUED));
    deliver(f);
    assert_nothing_due(f);
    at(f, 90);
    RECOVERS(f);
    assert_int_equal(count_to(f, "ops", PAGE_RESOLVE), 1);
}

static void who_heard_of_a_short_return_by_no_page_still_hears_of_the_end(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    at(f, 680);
    FIRES(f, .severity = SEVERITY_WARNING, .crossed_s = 380);
    deliver_all(f);
    at(f, 690);
    RECOVERS(f);
    fail_once(f, (struct page_outcome){ .error = "no answer" });
    FIRES(f, .severity = SEVERITY_WARNING);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 0);
    RECOVERS(f);
    assert_int_equal(count_to(f, "bob", PAGE_RESOLVE), 1);
}

static void what_nobody_knows_of_yet_goes_on_by_its_clock_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) { /* the channel is down all the while */
        at(f, i * 60);
        FIRES(f);
        assert_true(f->out.n_steps == 1 && f->out.steps[0].step == (i ? STEP_REOPENED : STEP_OPENED));
        fail_once(f, (struct page_outcome){ .error = "no answer" });
        at(f, i * 60 + 30);
        RECOVERS(f);
    }
    assert_true(incident(f, 1)->clock == 1 && incident(f, 1)->crossed_us == T0);
    at(f, 601);
    tick(f);
    assert_true(incident(f, 1)->breached);
    deliver(f);
    assert_true(f->out.n_pages > 0);
}

static void what_goes_on_for_another_host_names_that(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    fail_once(f, (struct page_outcome){ .error = "no answer" });
    at(f, 30);
    RECOVERS(f);
    at(f, 60);
    FIRES(f, .host = 2);
    assert_string_equal(incident(f, 1)->title, "CPU utilisation above 90 % on web-2");
    assert_true(incident(f, 1)->crossed_us == T0 && incident(f, 1)->clock == 1);
}

static void a_page_of_a_clock_that_goes_on_may_be_a_copy(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    fail_once(f, (struct page_outcome){ .error = "no answer", .perhaps = true });
    at(f, 30);
    RECOVERS(f);
    at(f, 60);
    FIRES(f);
    assert_true(take(f)->possible_copy);
}

static void what_comes_back_worse_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    come_and_go(f);
    FIRES(f, .severity = SEVERITY_CRITICAL);
    assert_int_equal(count_to(f, "bob", PAGE_TRIGGER), 1);
    assert_int_equal(incident(f, 1)->severity, SEVERITY_CRITICAL);
}

static void an_alert_stays_with_its_incident_when_its_event_ends(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .event = SALE);
    RECOVERS(f, .event = 0);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void an_earlier_crossing_of_the_triggering_alert_moves_the_incidents(void **state)
{
    struct fixture *f = *state;
    at(f, 700);
    FIRES(f, .crossed_s = 690);
    deliver(f);
    at(f, 705);
    acknowledge(f, 1);
    at(f, 710);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .crossed_s = 650);
    assert_int_equal(incident(f, 1)->crossed_us, T0 + 650 * S);
    assert_false(incident(f, 1)->breached);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .crossed_s = 50);
    assert_true(incident(f, 1)->breached && incident(f, 1)->late); /* as its stamps say */
    assert_int_equal(f->out.n_pages, 0);
}

static void an_earlier_crossing_of_an_alert_that_joined_moves_nothing(void **state)
{
    struct fixture *f = *state;
    at(f, 100);
    FIRES(f, .crossed_s = 90);
    FIRES(f, .host = 2, .crossed_s = 95);
    CHANGE(f, .host = 2, .from = ALERT_FIRING, .to = ALERT_FIRING, .crossed_s = 50);
    assert_int_equal(incident(f, 1)->crossed_us, T0 + 90 * S);
}

static void crossed_is_never_after_detected(void **state)
{
    struct fixture *f = *state;
    at(f, 10);
    FIRES(f, .crossed_s = 11);
    assert_int_equal(incident(f, 1)->crossed_us, f->now_us);
}

static void further_alerts_than_there_are_rows_for_are_counted_and_hold_it_open(void **state)
{
    struct fixture *f = *state;
    enum { N = INCIDENT_ALERTS_MAX + 3 };
    for (unsigned host = 1; host <= N; host++)
        FIRES(f, .host = host);
    size_t n;
    pager_alerts(f->pager, 1, &n);
    assert_int_equal(n, INCIDENT_ALERTS_MAX);
    assert_int_equal(incident(f, 1)->n_alerts, N);
    for (unsigned host = 1; host < N; host++)
        RECOVERS(f, .host = host);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    FIRES(f, .host = N + 1); /* rows of alerts that are ok give way */
    assert_int_equal(f->out.n_alerts, 1);
    RECOVERS(f, .host = N + 1);
    RECOVERS(f, .host = N);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

/* ---- late ---- */

static void a_late_crossing_within_its_budget_pages_normally(void **state)
{
    struct fixture *f = *state;
    at(f, 700);
    FIRES(f, .late = true, .crossed_s = 150);
    assert_true(incident(f, 1)->late);
    assert_false(incident(f, 1)->breached);
    assert_int_equal(f->out.n_pages, 1);
    RECOVERS(f, .late = true);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    deliver(f); /* recovery does not stop it */
    assert_int_equal(f->out.n_pages, 2);
    assert_key(f->out.pages[1].key, "1-resolve-1-", "-ops");
}

static void an_older_one_inside_an_event_pages_with_its_breach_on_record(void **state)
{
    struct fixture *f = *state;
    at(f, 2000);
    FIRES(f, .late = true, .crossed_s = 100, .event = SALE);
    assert_true(incident(f, 1)->late && incident(f, 1)->breached);
    assert_int_equal(f->out.n_pages, 1);
}

static void an_older_one_outside_an_event_is_only_recorded(void **state)
{
    struct fixture *f = *state;
    at(f, 2000);
    FIRES(f, .late = true, .crossed_s = 100);
    const struct incident *row = incident(f, 1);
    assert_int_equal(row->state, INCIDENT_RESOLVED);
    assert_string_equal(row->resolved_by, "record");
    assert_true(row->late && !row->breached && row->clock == 0 && row->n_alerts == 1);
    assert_int_equal(row->crossed_us, T0 + 100 * S);
    assert_int_equal(f->out.n_alerts, 1);
    assert_int_equal(f->out.n_pages, 0);
    RECOVERS(f, .late = true);
    assert_int_equal(f->out.n_incidents, 0);
    FIRES(f); /* and hides nothing that comes after it */
    assert_int_equal(f->out.n_pages, 1);
}

static void a_live_alert_detected_past_its_budget_is_late_and_pages(void **state)
{
    struct fixture *f = *state;
    at(f, 2000);
    FIRES(f, .rule = "silence", .crossed_s = 100);
    assert_true(incident(f, 1)->late && incident(f, 1)->breached);
    assert_int_equal(f->out.n_pages, 1);
}

static void a_late_spell_of_an_alert_that_fires_now_changes_nothing(void **state)
{
    struct fixture *f = *state;
    at(f, 100);
    FIRES(f, .crossed_s = 90);
    FIRES(f, .late = true, .crossed_s = 20);
    assert_true(f->out.n_incidents == 0 && f->out.n_alerts == 0 && f->out.n_pages == 0);
    size_t n;
    assert_int_equal(pager_alerts(f->pager, 1, &n)[0].alert.crossed_us, T0 + 90 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_alert_that_pages_opens_an_incident_and_queues_a_page_a_contact),
        TEST(an_alert_that_does_not_page_opens_nothing),
        TEST(an_alert_that_does_not_page_joins_an_open_incident),
        TEST(pending_alerts_tell_nobody),
        TEST(a_muted_alert_tells_nobody_and_its_clock_begins_when_it_is_unmuted),
        TEST(a_muted_alert_joins_nothing_and_holds_nothing_open),
        TEST(an_alert_told_before_it_was_muted_stays_in_its_incident),
        TEST(alerts_of_an_equal_severity_join_without_a_page),
        TEST(other_groups_events_and_tenants_are_other_incidents),
        TEST(a_higher_severity_triggers_again_with_a_new_clock),
        TEST(a_page_of_an_ended_clock_gives_way_and_does_not_stamp_the_new_one),
        TEST(a_lower_severity_joins),
        TEST(an_incident_resolves_when_all_its_alerts_are_ok),
        TEST(unknown_resolves_nothing),
        TEST(an_alert_that_flaps_within_an_open_incident_pages_once),
        TEST(an_alert_that_fires_again_behind_a_resolution_is_another_incident),
        TEST(what_comes_and_goes_is_told_to_people_twice_and_to_machines_each_time),
        TEST(what_comes_back_and_stays_is_told_within_its_budget),
        TEST(the_hold_of_a_rule_is_time_that_it_has_stayed),
        TEST(what_had_stayed_comes_back_as_for_the_first_time),
        TEST(what_gets_worse_while_people_wait_is_told_at_once),
        TEST(the_same_alert_at_a_higher_severity_is_told_at_once),
        TEST(another_host_waits_for_none_that_comes_and_goes),
        TEST(another_host_that_brings_an_incident_back_is_told_at_once),
        TEST(of_an_end_that_was_not_told_yet_nobody_hears_when_it_is_back),
        TEST(who_heard_of_a_short_return_by_no_page_still_hears_of_the_end),
        TEST(what_goes_on_for_another_host_names_that),
        TEST(a_page_of_a_clock_that_goes_on_may_be_a_copy),
        TEST(what_nobody_knows_of_yet_goes_on_by_its_clock_when_it_comes_back),
        TEST(what_comes_back_worse_is_told_at_once),
        TEST(an_alert_stays_with_its_incident_when_its_event_ends),
        TEST(an_earlier_crossing_of_the_triggering_alert_moves_the_incidents),
        TEST(an_earlier_crossing_of_an_alert_that_joined_moves_nothing),
        TEST(crossed_is_never_after_detected),
        TEST(further_alerts_than_there_are_rows_for_are_counted_and_hold_it_open),
        TEST(a_late_crossing_within_its_budget_pages_normally),
        TEST(an_older_one_inside_an_event_pages_with_its_breach_on_record),
        TEST(an_older_one_outside_an_event_is_only_recorded),
        TEST(a_live_alert_detected_past_its_budget_is_late_and_pages),
        TEST(a_late_spell_of_an_alert_that_fires_now_changes_nothing),
    };
    return cmocka_run_group_tests_name("collector.page.incident", tests, NULL, NULL);
}
