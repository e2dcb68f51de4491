#include "collector/page/page.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S    US_PER_S
#define T0   (INT64_C(1795400000) * S)
#define CPU  "system.cpu.utilization"
#define READ "system.disk.io.rate{direction=read}"
#define SHOP UINT64_C(1) /* tenant */
#define SALE UINT64_C(9) /* event */

struct fixture {
    struct pager *pager;
    struct page_effects out;
    int64_t now_us;
};

static void at(struct fixture *f, int64_t s)
{
    f->now_us = T0 + s * S;
}

/* What the last call made is stored, and so may be sent. */
static void store(struct fixture *f)
{
    for (size_t i = 0; i < f->out.n_pages; i++)
        assert_int_equal(pager_recorded(f->pager, f->out.pages[i].id, true), 0);
}

static void set_contacts(struct fixture *f, size_t n, const char *const *names)
{
    struct page_contact contacts[4] = { 0 };
    for (size_t i = 0; i < n; i++)
        snprintf(contacts[i].name, sizeof contacts[i].name, "%s", names[i]);
    assert_int_equal(pager_set_contacts(f->pager, contacts, n, f->now_us, &f->out), 0);
    store(f);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    at(f, 0);
    int rc = pager_new(&f->pager, NULL);
    if (rc == 0)
        set_contacts(f, 1, (const char *[]){ "ops" });
    return rc;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->pager = pager_free(f->pager);
    page_effects_done(&f->out);
    free(f);
    return 0;
}

static uint64_t own(struct fixture *f, const char *title, int64_t crossed_us)
{
    struct page_own own = { .group = "disk", .title = title, .severity = SEVERITY_WARNING, .crossed_us = crossed_us };
    uint64_t incident = 0;
    assert_int_equal(pager_own(f->pager, &own, f->now_us, &incident, &f->out), 0);
    return incident;
}

struct change { /* of the CPU alert of web-1, firing since now, unless said otherwise */
    enum alert_state from;
    enum alert_state to;
    int64_t crossed_s; /* 0: now */
    const char *rule;
    const char *instance;
    uint64_t host; /* web-N of the group "web" */
    uint64_t event;
    enum severity severity;
    bool no_page;
    bool opens; /* an incident, all the same */
    bool late;
    bool muted, unmuted;
};

static int change_rc(struct fixture *f, struct change c)
{
    char host_name[32];
    unsigned host = c.host ? (unsigned)c.host : 1;
    struct transition t = { .from = c.from, .detected_us = f->now_us, .late = c.late, .unmuted = c.unmuted };
    t.alert = (struct alert){ .host = host,
                              .metric = CPU,
                              .state = c.to,
                              .crossed_us = c.crossed_s ? T0 + c.crossed_s * S : f->now_us,
                              .changed_us = f->now_us,
                              .value = 0.95,
                              .threshold = 0.9,
                              .severity = c.severity ? c.severity : SEVERITY_CRITICAL,
                              .page = !c.no_page,
                              .muted = c.muted };
    if (c.to == ALERT_OK)
        t.alert.crossed_us = 0;
    snprintf(t.alert.rule, sizeof t.alert.rule, "%s", c.rule ? c.rule : "cpu");
    snprintf(t.alert.instance, sizeof t.alert.instance, "%s", c.instance ? c.instance : "");
    snprintf(host_name, sizeof host_name, "web-%u", host);
    const struct page_scope scope = { .tenant = SHOP,
                                      .event = c.event,
                                      .host_name = host_name,
                                      .host_group = "web",
                                      .summary = "CPU utilisation above {threshold}",
                                      .opens = c.opens };
    page_effects_clear(&f->out);
    int rc = pager_alert(f->pager, &t, &scope, f->now_us, &f->out);
    store(f);
    return rc;
}

#define CHANGE(f, ...)    assert_int_equal(change_rc((f), (struct change){ __VA_ARGS__ }), 0)
#define FIRES(f, ...)     CHANGE(f, .from = ALERT_PENDING, .to = ALERT_FIRING, __VA_ARGS__)
#define RECOVERS(f, ...)  CHANGE(f, .from = ALERT_FIRING, .to = ALERT_OK, __VA_ARGS__)
#define GETS_LOST(f, ...) CHANGE(f, .from = ALERT_FIRING, .to = ALERT_UNKNOWN, __VA_ARGS__)

static const struct incident *incident(const struct fixture *f, uint64_t id)
{
    const struct incident *row = pager_incident(f->pager, id);
    assert_non_null(row);
    return row;
}

static const struct page *take(struct fixture *f)
{
    const struct page *page = pager_take_due(f->pager, f->now_us);
    assert_non_null(page);
    return page;
}

/* Between the two stands when it was created. */
static void assert_key(const char *key, const char *start, const char *contact)
{
    size_t len = strlen(key);
    assert_true(len > strlen(start) + strlen(contact));
    assert_memory_equal(key, start, strlen(start));
    assert_string_equal(key + len - strlen(contact), contact);
}

static void assert_nothing_due(struct fixture *f)
{
    assert_null(pager_take_due(f->pager, f->now_us));
}

static void outcome(struct fixture *f, uint64_t page, struct page_outcome o)
{
    page_effects_clear(&f->out);
    pager_outcome(f->pager, page, &o, f->now_us, &f->out);
    store(f);
}

static uint64_t deliver(struct fixture *f)
{
    uint64_t id = take(f)->id;
    outcome(f, id, (struct page_outcome){ .delivered = true, .status = 200 });
    return id;
}

/* Lets the next attempt fail; returns the seconds until the one after it, -1: there is none. */
static int64_t fail_once(struct fixture *f, struct page_outcome o)
{
    uint64_t id = take(f)->id;
    outcome(f, id, o);
    assert_int_equal(f->out.n_pages, 1);
    return f->out.pages[0].state == PAGE_QUEUED ? (f->out.pages[0].next_us - f->now_us) / S : -1;
}

static void acknowledge(struct fixture *f, uint64_t id)
{
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, id, "li", f->now_us, &f->out, NULL), 0);
}

static void tick(struct fixture *f)
{
    page_effects_clear(&f->out);
    pager_tick(f->pager, f->now_us, &f->out);
}

static void add_id(void *user, const struct incident *row)
{
    *(uint64_t *)user += row->id;
}

/* ---- from alerts to incidents ---- */

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
    struct transition t = { .from = ALERT_OK, .detected_us = f->now_us };
    t.alert = (struct alert){ .host = 3,
                              .rule = "cpu",
                              .metric = CPU,
                              .state = ALERT_FIRING,
                              .crossed_us = f->now_us,
                              .severity = SEVERITY_CRITICAL,
                              .page = true };
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
    FIRES(f);
    assert_int_equal(f->out.incidents[0].id, 2);
    assert_int_equal(f->out.n_pages, 1);
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

/* ---- people ---- */

static void an_acknowledgement_stamps_and_ends_the_pages_still_queued(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 60);
    acknowledge(f, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_ACKNOWLEDGED);
    assert_int_equal(incident(f, 1)->acknowledged_us, f->now_us);
    assert_string_equal(incident(f, 1)->acknowledged_by, "li");
    assert_int_equal(f->out.n_pages, 1);
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    assert_nothing_due(f);
}

static void acknowledging_twice_keeps_the_first_stamp(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 60);
    acknowledge(f, 1);
    at(f, 70);
    assert_int_equal(pager_acknowledge(f->pager, 1, "wang", f->now_us, &f->out, NULL), 0);
    assert_int_equal(incident(f, 1)->acknowledged_us, T0 + 60 * S);
    assert_string_equal(incident(f, 1)->acknowledged_by, "li");
}

static void a_page_on_its_way_when_acknowledged_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    uint64_t id = take(f)->id;
    acknowledge(f, 1);
    assert_int_equal(f->out.n_pages, 0);
    outcome(f, id, (struct page_outcome){ .status = 503, .error = "later" });
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    at(f, 1000);
    assert_nothing_due(f);
}

static void an_acknowledged_incident_still_resolves_by_recovery(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    acknowledge(f, 1);
    RECOVERS(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_int_equal(f->out.n_pages, 1);
}

static void who_resolves_by_hand_has_acknowledged(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 5);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "li");
    assert_int_equal(incident(f, 1)->acknowledged_us, f->now_us);
    assert_nothing_due(f);
}

static void an_alert_still_firing_behind_a_resolution_by_hand_opens_nothing_until_it_fires_anew(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_FIRING, .crossed_s = -5);
    assert_int_equal(f->out.n_incidents, 0);
    GETS_LOST(f);
    RECOVERS(f);
    assert_int_equal(f->out.n_incidents, 0);
    FIRES(f);
    assert_int_equal(f->out.incidents[0].id, 2);
}

static void what_people_may_not_do_is_said_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, 7, "li", f->now_us, &f->out, &err), -ENOENT);
    assert_non_null(strstr(err.text, "7"));
    assert_int_equal(pager_resolve(f->pager, 7, "li", f->now_us, &f->out, &err), -ENOENT);
    FIRES(f);
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
    page_effects_clear(&f->out);
    assert_int_equal(pager_acknowledge(f->pager, 1, "wang", f->now_us, &f->out, &err), -EPERM);
    assert_int_equal(pager_resolve(f->pager, 1, "wang", f->now_us, &f->out, &err), -EPERM);
    assert_non_null(strstr(err.text, "li"));
    assert_true(f->out.n_incidents == 0 && f->out.n_pages == 0);
}

/* ---- pages ---- */

static void a_delivered_page_stamps_its_incident_once(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f);
    at(f, 2);
    deliver(f);
    assert_int_equal(f->out.pages[0].state, PAGE_DELIVERED);
    assert_int_equal(f->out.pages[0].delivered_us, f->now_us);
    assert_int_equal(f->out.pages[0].status, 200);
    assert_int_equal(f->out.pages[0].attempts, 1);
    assert_int_equal(f->out.incidents[0].delivered_us, T0 + 2 * S);
    at(f, 9);
    deliver(f);
    assert_int_equal(f->out.n_incidents, 0);
    assert_int_equal(incident(f, 1)->delivered_us, T0 + 2 * S);
    assert_nothing_due(f);
}

static void attempts_back_off_from_one_second_doubling_to_thirty(void **state)
{
    struct fixture *f = *state;
    static const int64_t waits[] = { 1, 2, 4, 8, 16, 30, 30, 30 };
    int64_t now_s = 0;
    FIRES(f);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        at(f, now_s);
        assert_int_equal(fail_once(f, (struct page_outcome){ .status = 503, .error = "busy" }), waits[i]);
        assert_int_equal(f->out.pages[0].attempts, i + 1);
        assert_string_equal(f->out.pages[0].error, "busy");
        now_s += waits[i];
        f->now_us = T0 + now_s * S - 1;
        assert_nothing_due(f);
    }
    at(f, now_s);
    deliver(f);
    assert_string_equal(f->out.pages[0].error, "");
}

static void past_the_budget_attempts_come_once_a_minute_for_an_hour_then_it_has_failed(void **state)
{
    struct fixture *f = *state;
    const struct page_outcome no = { .status = 0, .error = "timed out" };
    FIRES(f);
    int64_t now_s = 0, wait_s, in_budget = 0, late = 0;
    while ((wait_s = fail_once(f, no)) > 0) {
        in_budget += now_s < 600;
        late += now_s >= 600;
        if (now_s >= 600)
            assert_int_equal(wait_s, 60);
        now_s += wait_s;
        at(f, now_s);
    }
    assert_int_equal(f->out.pages[0].state, PAGE_FAILED);
    assert_in_range(now_s, 4200, 4260);
    assert_in_range(in_budget, 22, 26);
    assert_int_equal(late, 60);
    at(f, 100000);
    assert_nothing_due(f);
}

static void a_permanent_refusal_is_tried_again_in_a_minute(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    assert_int_equal(fail_once(f, (struct page_outcome){ .permanent = true, .status = 404 }), 60);
}

static void retry_after_is_honoured_but_not_past_the_last_chance_of_the_budget(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 45 * S }), 45);
    at(f, 45);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 3600 * S }), 525);
    at(f, 570);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 3600 * S }), 600);
    at(f, 1170);
    assert_int_equal(fail_once(f, (struct page_outcome){ .status = 429, .retry_after_us = 5 * S }), 60);
}

static void the_most_overdue_page_goes_first(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 50; i++) { /* 50 events: 50 incidents, the later ones due earlier */
        at(f, 100 - i);
        FIRES(f, .host = i, .event = i);
    }
    at(f, 200);
    for (unsigned i = 50; i >= 1; i--)
        assert_int_equal(take(f)->incident, i);
    assert_nothing_due(f); /* all are being sent */
}

static void a_page_being_sent_is_not_taken_twice(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    uint64_t id = take(f)->id;
    assert_nothing_due(f);
    outcome(f, id, (struct page_outcome){ .status = 500 });
    assert_nothing_due(f);
    at(f, 1);
    assert_int_equal(take(f)->id, id);
    outcome(f, 4711, (struct page_outcome){ .delivered = true }); /* no page of ours */
    outcome(f, id, (struct page_outcome){ .delivered = true });
    outcome(f, id, (struct page_outcome){ .delivered = true });
    assert_int_equal(f->out.n_pages, 0);
}

static void the_resolution_goes_only_to_those_the_trigger_reached(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f);
    deliver(f);
    uint64_t second = take(f)->id;
    RECOVERS(f);
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].contact, "ops");
    outcome(f, second, (struct page_outcome){ .delivered = true }); /* people must know: then that it is over, too */
    assert_int_equal(f->out.n_pages, 2);
    assert_key(f->out.pages[1].key, "1-resolve-1-", "-boss");
}

static void contacts_hear_of_their_own_tenant_only(void **state)
{
    struct fixture *f = *state;
    const struct page_contact contacts[] = { { "shop", SHOP }, { "bank", 2 }, { "all", 0 } };
    assert_int_equal(pager_set_contacts(f->pager, contacts, 3, f->now_us, &f->out), 0);
    FIRES(f);
    assert_int_equal(f->out.n_pages, 2);
    assert_string_equal(f->out.pages[0].contact, "shop");
    assert_string_equal(f->out.pages[1].contact, "all");
    page_effects_clear(&f->out);
    own(f, "The collector was down for 5 min", T0);
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].contact, "all");
}

static void pages_to_a_contact_that_is_gone_are_cancelled(void **state)
{
    struct fixture *f = *state;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    FIRES(f);
    page_effects_clear(&f->out);
    set_contacts(f, 1, (const char *[]){ "boss" });
    assert_int_equal(f->out.n_pages, 1);
    assert_string_equal(f->out.pages[0].contact, "ops");
    assert_int_equal(f->out.pages[0].state, PAGE_CANCELLED);
    assert_string_equal(take(f)->contact, "boss");
    assert_nothing_due(f);
}

static void a_new_contact_is_paged_for_what_nobody_acknowledged(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    FIRES(f, .event = SALE, .host = 2);
    deliver(f);
    acknowledge(f, 2);
    page_effects_clear(&f->out);
    at(f, 50);
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    assert_int_equal(f->out.n_pages, 1);
    assert_key(f->out.pages[0].key, "1-trigger-1-", "-boss");
    assert_int_equal(f->out.pages[0].created_us, f->now_us);
}

static void a_page_is_not_due_before_its_row_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct transition t = { .from = ALERT_OK, .detected_us = f->now_us };
    t.alert = (struct alert){ .host = 1,
                              .rule = "cpu",
                              .metric = CPU,
                              .state = ALERT_FIRING,
                              .crossed_us = f->now_us,
                              .severity = SEVERITY_CRITICAL,
                              .page = true };
    const struct page_scope scope = { .tenant = SHOP, .host_name = "a", .host_group = "web", .summary = "x" };
    assert_int_equal(pager_alert(f->pager, &t, &scope, f->now_us, &f->out), 0);
    assert_nothing_due(f);
    assert_int_equal(pager_recorded(f->pager, f->out.pages[0].id, true), 0);
    assert_false(pager_is_unrecorded(f->pager, f->out.pages[0].id));
    assert_int_equal(pager_recorded(f->pager, f->out.pages[0].id, true), 0); /* once is enough */
    deliver(f);
    assert_nothing_due(f);
}

static void a_page_whose_row_the_disk_refuses_goes_out_marked(void **state)
{
    struct fixture *f = *state;
    page_effects_clear(&f->out);
    own(f, "x", T0);
    assert_int_equal(pager_recorded(f->pager, f->out.pages[0].id, false), 0);
    assert_true(pager_is_unrecorded(f->pager, f->out.pages[0].id));
    assert_int_equal(pager_recorded(f->pager, 4711, true), 0); /* no page of ours */
    assert_false(pager_is_unrecorded(f->pager, 4711));
    deliver(f);
}

static void a_page_cancelled_before_its_row_is_on_disk_is_never_due(void **state)
{
    struct fixture *f = *state;
    page_effects_clear(&f->out);
    own(f, "x", T0);
    uint64_t id = f->out.pages[0].id;
    acknowledge(f, 1);
    assert_int_equal(pager_recorded(f->pager, id, true), 0);
    assert_nothing_due(f);
}

static void what_is_open_and_queued_is_counted(void **state)
{
    struct fixture *f = *state;
    size_t open, unacknowledged;
    FIRES(f);
    FIRES(f, .host = 2, .event = SALE);
    FIRES(f, .host = 3, .event = SALE + 1);
    acknowledge(f, 1);
    RECOVERS(f, .host = 3);
    pager_count_open(f->pager, &open, &unacknowledged);
    assert_true(open == 2 && unacknowledged == 1);
    assert_int_equal(pager_count_queued(f->pager), 2);
    deliver(f);
    assert_int_equal(pager_count_queued(f->pager), 1);
    uint64_t seen = 0;
    pager_each(f->pager, add_id, &seen);
    assert_int_equal(seen, 1 + 2 + 3);
}

/* ---- the budget ---- */

static void a_budget_that_ran_out_is_marked_once(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 600);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
    f->now_us++;
    tick(f);
    assert_int_equal(f->out.n_incidents, 1);
    assert_true(f->out.incidents[0].breached);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
}

static void delivered_but_not_acknowledged_in_time_is_a_breach(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 601);
    tick(f);
    assert_true(incident(f, 1)->breached);
}

static void acknowledged_in_time_is_none_even_if_no_page_was_delivered(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 600);
    acknowledge(f, 1);
    at(f, 5000);
    tick(f);
    assert_false(incident(f, 1)->breached);
}

static void delivered_and_recovered_in_time_is_none(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 300);
    RECOVERS(f);
    at(f, 5000);
    tick(f);
    assert_false(incident(f, 1)->breached);
}

static void recovered_in_time_but_told_to_nobody_is_a_breach(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    at(f, 300);
    RECOVERS(f);
    at(f, 601);
    deliver(f);
    assert_true(f->out.incidents[0].breached);
    assert_true(incident(f, 1)->breached);
}

static void an_acknowledgement_that_comes_too_late_is_a_breach_without_a_tick(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 601);
    acknowledge(f, 1);
    assert_true(f->out.incidents[0].breached);
}

static void a_breach_stays_on_record_over_a_new_clock(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .severity = SEVERITY_WARNING);
    at(f, 700);
    FIRES(f, .rule = "loss");
    assert_true(incident(f, 1)->breached);
    assert_int_equal(incident(f, 1)->clock, 2);
}

static void what_does_not_page_may_open_an_incident_without_a_page_and_without_a_clock(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .no_page = true, .opens = true, .severity = SEVERITY_WARNING);
    const struct incident *row = incident(f, 1);
    assert_true(row->state == INCIDENT_TRIGGERED && row->clock == 0 && row->severity == SEVERITY_WARNING);
    assert_string_equal(row->title, "CPU utilisation above 90 % on web-1");
    assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_OPENED);
    assert_int_equal(pager_count_queued(f->pager), 0);
    set_contacts(f, 2, (const char *[]){ "ops", "lead" });
    assert_int_equal(pager_count_queued(f->pager), 0);
    at(f, 5000);
    tick(f);
    assert_false(incident(f, 1)->breached); /* nobody was to be told */
    CHANGE(f, .from = ALERT_FIRING, .to = ALERT_OK);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_true(f->out.n_steps == 1 && f->out.steps[0].step == STEP_RESOLVED);
    assert_int_equal(pager_count_queued(f->pager), 0);
}

static void the_first_that_pages_of_such_an_incident_starts_its_clock(void **state)
{
    struct fixture *f = *state;
    FIRES(f, .no_page = true, .opens = true, .severity = SEVERITY_CRITICAL);
    at(f, 700);
    FIRES(f, .rule = "steal", .opens = true);
    const struct incident *row = incident(f, 1);
    struct alert steal = { .host = 1, .rule = "steal", .metric = CPU };
    assert_int_equal(pager_incident_of(f->pager, &steal), 1);
    steal.host = 2;
    assert_int_equal(pager_incident_of(f->pager, &steal), 0);
    assert_int_equal(row->clock, 1);
    assert_int_equal(f->out.steps[0].step, STEP_TRIGGERED_AGAIN);
    assert_int_equal(row->crossed_us, T0 + 700 * S);
    assert_int_equal(row->n_alerts, 2);
    assert_int_equal(pager_count_queued(f->pager), 1);
}

static void the_oldest_page_of_a_tenant_that_still_waits_is_known(void **state)
{
    struct fixture *f = *state;
    unsigned queued;
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), 0);
    assert_int_equal(queued, 0);
    FIRES(f);
    at(f, 30);
    FIRES(f, .event = SALE, .host = 2);
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), T0);
    assert_int_equal(queued, 2);
    assert_int_equal(pager_oldest_queued_us(f->pager, TENANT_RESERVED, &queued), 0);
    deliver(f);
    assert_int_equal(pager_oldest_queued_us(f->pager, SHOP, &queued), T0 + 30 * S);
}

/* ---- the collector's own ---- */

static void the_collectors_own_incidents_are_each_told_by_themselves(void **state)
{
    struct fixture *f = *state;
    at(f, 100);
    page_effects_clear(&f->out);
    own(f, "The collector was down for 70 s", T0 + 20 * S);
    const struct incident *row = &f->out.incidents[0];
    assert_true(row->tenant == TENANT_RESERVED && row->n_alerts == 0 && row->clock == 1);
    assert_int_equal(row->crossed_us, T0 + 20 * S);
    assert_string_equal(row->title, "The collector was down for 70 s");
    assert_string_equal(row->group, "disk");
    assert_int_equal(row->severity, SEVERITY_WARNING); /* they page, whatever it is */
    assert_int_equal(f->out.n_pages, 1);
    own(f, "The collector was down for 80 s", T0 + 90 * S);
    assert_int_equal(incident(f, 2)->clock, 1);
    tick(f);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED); /* a person resolves them */
    assert_int_equal(pager_resolve(f->pager, 1, "li", f->now_us, &f->out, NULL), 0);
}

static void the_collectors_own_incident_ends_with_its_cause(void **state)
{
    struct fixture *f = *state;
    page_effects_clear(&f->out);
    uint64_t id = own(f, "The disk is full", T0);
    store(f);
    deliver(f);
    at(f, 60);
    page_effects_clear(&f->out);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0);
    assert_int_equal(incident(f, id)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, id)->resolved_by, "recovery");
    assert_int_equal(f->out.pages[0].kind, PAGE_RESOLVE);
    page_effects_clear(&f->out);
    assert_int_equal(pager_own_ends(f->pager, id, NULL, f->now_us, &f->out), 0); /* a person was quicker, say */
    assert_int_equal(pager_own_ends(f->pager, 4711, NULL, f->now_us, &f->out), 0);
    assert_int_equal(f->out.n_incidents, 0);
}

static void what_happens_in_a_drill_says_so(void **state)
{
    struct fixture *f = *state;
    struct transition t = { .from = ALERT_PENDING,
                            .detected_us = f->now_us,
                            .alert = { .host = 1, .state = ALERT_FIRING, .page = true, .crossed_us = f->now_us } };
    const struct page_scope scope = {
        .tenant = SHOP, .event = 7, .drill = true, .host_name = "web-1", .host_group = "web", .summary = "CPU high"
    };
    assert_int_equal(pager_alert(f->pager, &t, &scope, f->now_us, &f->out), 0);
    assert_string_equal(incident(f, 1)->title, "DRILL: CPU high on web-1");
    const struct page_own own = {
        .tenant = SHOP, .event = 7, .drill = true, .group = "window", .title = "Not armed", .crossed_us = f->now_us
    };
    uint64_t id;
    assert_int_equal(pager_own(f->pager, &own, f->now_us, &id, &f->out), 0);
    assert_string_equal(incident(f, id)->title, "DRILL: Not armed");
    assert_int_equal(incident(f, id)->event, 7);
    assert_int_equal(incident(f, id)->tenant, SHOP);
}

/* ---- at start ---- */

struct stored {
    struct incident incident;
    struct incident_alert alerts[2];
    struct page pages[2];
};

static struct stored two_alerts_two_pages(struct fixture *f)
{
    struct stored rows;
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    at(f, 40);
    FIRES(f, .crossed_s = 10);
    rows.pages[1] = f->out.pages[1];
    rows.alerts[0] = f->out.alerts[0];
    deliver(f);
    rows.pages[0] = f->out.pages[0];
    FIRES(f, .host = 2);
    rows.alerts[1] = f->out.alerts[0];
    rows.incident = *incident(f, 1);
    return rows;
}

static void restart(struct fixture *f, const struct stored *rows, bool backwards)
{
    f->pager = pager_free(f->pager);
    page_effects_clear(&f->out);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    pager_start_ids(f->pager, 10, 20);
    if (!backwards)
        assert_int_equal(pager_restore_incident(f->pager, &rows->incident), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pager_restore_page(f->pager, &rows->pages[i]), 0);
        assert_int_equal(pager_restore_alert(f->pager, &rows->alerts[i]), 0);
    }
    if (backwards) {
        assert_null(pager_incident(f->pager, 1));
        assert_int_equal(pager_restore_incident(f->pager, &rows->incident), 0);
    }
    set_contacts(f, 2, (const char *[]){ "ops", "boss" });
    assert_int_equal(f->out.n_pages, 0); /* what is stored pages nobody again */
}

static void incidents_alerts_and_pages_outlive_the_process_in_any_order(void **state)
{
    struct fixture *f = *state;
    for (int backwards = 0; backwards < 2; backwards++) {
        f->pager = pager_free(f->pager);
        assert_int_equal(pager_new(&f->pager, NULL), 0);
        struct stored rows = two_alerts_two_pages(f);
        restart(f, &rows, backwards);
        assert_memory_equal(pager_incident(f->pager, 1), &rows.incident, sizeof rows.incident);
        tick(f);
        assert_int_equal(f->out.n_incidents, 0);
        const struct page *page = take(f);
        assert_key(page->key, "1-trigger-1-", "-boss");
        assert_true(page->possible_copy);
        outcome(f, page->id, (struct page_outcome){ .delivered = true });
        assert_nothing_due(f);
        FIRES(f, .host = 3);
        assert_int_equal(f->out.n_pages, 0); /* it joins: the group is open still */
        RECOVERS(f, .host = 3);
        RECOVERS(f);
        assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
        RECOVERS(f, .host = 2);
        assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
        assert_int_equal(f->out.n_pages, 2);
        assert_int_equal(f->out.pages[0].id, 21);
        FIRES(f);
        assert_int_equal(f->out.incidents[0].id, 11);
    }
}

static void an_incident_put_back_with_nothing_that_holds_it_open_resolves(void **state)
{
    struct fixture *f = *state;
    struct stored rows = two_alerts_two_pages(f);
    rows.alerts[0].alert.state = rows.alerts[1].alert.state = ALERT_OK;
    restart(f, &rows, true);
    tick(f);
    assert_int_equal(f->out.incidents[0].state, INCIDENT_RESOLVED);
}

static void an_incident_that_no_alert_opened_stays_open_over_a_restart(void **state)
{
    struct fixture *f = *state;
    struct incident row = { .id = 9, .tenant = SHOP, .event = 7, .group = "window", .clock = 1, .crossed_us = T0 };
    assert_int_equal(pager_restore_incident(f->pager, &row), 0);
    tick(f);
    assert_int_equal(incident(f, 9)->state, INCIDENT_TRIGGERED);
    assert_int_equal(pager_own_ends(f->pager, 9, NULL, f->now_us, &f->out), 0);
    assert_int_equal(incident(f, 9)->state, INCIDENT_RESOLVED);
}

static void deadlines_go_on_while_the_process_is_down(void **state)
{
    struct fixture *f = *state;
    struct stored rows = two_alerts_two_pages(f);
    restart(f, &rows, false);
    at(f, 5000);
    tick(f);
    assert_true(f->out.incidents[0].breached);
}

static void a_clock_set_back_holds_back_no_page(void **state)
{
    struct fixture *f = *state;
    at(f, 7200);
    FIRES(f);
    tick(f);
    const struct page *page = take(f);
    outcome(f, page->id, (struct page_outcome){ .status = 500, .error = "no" });
    assert_nothing_due(f);
    at(f, 0);
    tick(f);
    assert_nothing_due(f); /* its second of waiting is as long as ever */
    at(f, 1);
    deliver(f);
    assert_int_equal(incident(f, 1)->delivered_us, T0 + 1 * S);
}

static void a_clock_set_back_stops_no_budget(void **state)
{
    struct fixture *f = *state;
    at(f, 7200);
    FIRES(f, .crossed_s = 7170);
    tick(f);
    assert_int_equal(f->out.n_incidents, 0);
    at(f, 0);
    tick(f);
    assert_int_equal(f->out.n_incidents, 1); /* the record says so, too */
    assert_int_equal(f->out.incidents[0].crossed_us, T0 - 30 * S);
    assert_int_equal(f->out.incidents[0].detected_us, T0);
    assert_false(f->out.incidents[0].breached);
    at(f, (PAGE_BUDGET_US / S) - 29);
    tick(f);
    assert_true(f->out.incidents[0].breached);
}

static void a_page_stored_by_a_clock_ahead_is_due_at_once(void **state)
{
    struct fixture *f = *state;
    at(f, 7200);
    struct stored rows = two_alerts_two_pages(f);
    at(f, -7200);
    restart(f, &rows, false);
    tick(f);
    assert_true(incident(f, 1)->crossed_us == f->now_us && incident(f, 1)->detected_us == f->now_us);
    assert_key(take(f)->key, "1-trigger-1-", "-boss");
}

static void numbers_given_again_make_no_page_look_like_another(void **state)
{
    struct fixture *f = *state;
    char before[PAGE_KEY_MAX + 1];
    FIRES(f);
    snprintf(before, sizeof before, "%s", take(f)->key);
    f->pager = pager_free(f->pager); /* killed, before a row of it was on disk */
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    page_effects_clear(&f->out);
    set_contacts(f, 2, (const char *const[]){ "ops", "boss" });
    at(f, 10);
    FIRES(f);
    const struct page *page = take(f);
    assert_int_equal(page->incident, 1);
    assert_string_not_equal(page->key, before);
}

static void the_clock_of_a_restored_page_is_known_from_its_key(void **state)
{
    struct fixture *f = *state;
    struct stored rows = two_alerts_two_pages(f);
    rows.incident.clock = 2; /* triggered again, and the pages are of the clock before */
    rows.incident.delivered_us = 0;
    f->pager = pager_free(f->pager);
    assert_int_equal(pager_new(&f->pager, NULL), 0);
    assert_int_equal(pager_restore_incident(f->pager, &rows.incident), 0);
    assert_int_equal(pager_restore_page(f->pager, &rows.pages[1]), 0);
    deliver(f);
    assert_int_equal(incident(f, 1)->delivered_us, 0);
}

static void resolved_incidents_are_kept_until_forgotten_and_their_pages_settled(void **state)
{
    struct fixture *f = *state;
    FIRES(f);
    deliver(f);
    at(f, 10);
    RECOVERS(f);
    pager_forget(f->pager, T0 + 100 * S);
    assert_non_null(pager_incident(f->pager, 1)); /* the resolve page waits still */
    deliver(f);
    pager_forget(f->pager, T0 + 10 * S);
    assert_non_null(pager_incident(f->pager, 1));
    pager_forget(f->pager, T0 + 11 * S);
    assert_null(pager_incident(f->pager, 1));
}

static void ten_thousand_open_alerts_are_held_and_let_go(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 1; i <= 10000; i++)
        FIRES(f, .host = i, .event = 1 + i / 100);
    for (unsigned i = 1; i <= 101; i++)
        deliver(f);
    assert_nothing_due(f);
    for (unsigned i = 1; i <= 10000; i++)
        RECOVERS(f, .host = i);
    for (unsigned i = 1; i <= 101; i++) {
        assert_int_equal(incident(f, i)->state, INCIDENT_RESOLVED);
        deliver(f);
    }
    assert_nothing_due(f);
}

/* ---- titles ---- */

static const char *title_of(struct fixture *f, const char *metric, const char *instance, const char *summary,
                            double threshold)
{
    static uint64_t event = 1000;
    struct transition t = { .from = ALERT_OK, .detected_us = f->now_us };
    t.alert = (struct alert){ .host = 1,
                              .rule = "r",
                              .state = ALERT_FIRING,
                              .crossed_us = f->now_us,
                              .threshold = threshold,
                              .severity = SEVERITY_CRITICAL,
                              .page = true };
    snprintf(t.alert.rule, sizeof t.alert.rule, "%s", metric[0] ? "r" : WATCH_SILENCE_RULE);
    snprintf(t.alert.metric, sizeof t.alert.metric, "%s", metric);
    snprintf(t.alert.instance, sizeof t.alert.instance, "%s", instance);
    t.alert.host = ++event;
    const struct page_scope scope = {
        .tenant = SHOP, .event = event, .host_name = "web-1", .host_group = "web", .summary = summary
    };
    page_effects_clear(&f->out);
    assert_int_equal(pager_alert(f->pager, &t, &scope, f->now_us, &f->out), 0);
    return f->out.incidents[0].title;
}

static void a_title_says_what_is_past_which_threshold_where(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(title_of(f, CPU, "", "CPU utilisation above {threshold}", 0.9),
                        "CPU utilisation above 90 % on web-1");
    assert_string_equal(title_of(f, READ, "vda", "Disk reads above {threshold}", 131072000),
                        "Disk reads above 131 MB/s (vda) on web-1");
    assert_string_equal(title_of(f, "probe.latency", "db:3306", "Latency above {threshold}", 0.15),
                        "Latency above 150 ms (db:3306) on web-1");
    assert_string_equal(title_of(f, "probe.latency", "db:3306", "Latency above {threshold}", 1.5),
                        "Latency above 1.5 s (db:3306) on web-1");
    assert_string_equal(
        title_of(f, "system.network.connection.rate{direction=inbound}", "", "New connections above {threshold}", 1200),
        "New connections above 1200/s on web-1");
    assert_string_equal(
        title_of(f, "system.network.connection.count{state=established}", "", "Connections above {threshold}", 85000),
        "Connections above 85000 on web-1");
    assert_string_equal(title_of(f, "system.memory.linux.available", "", "Memory left below {threshold}", 5e8),
                        "Memory left below 500 MB on web-1");
    assert_string_equal(title_of(f, "", "", "No data for {threshold}", 3), "No data for 3 s on web-1");
    assert_string_equal(title_of(f, CPU, "", "Bad, {threshold}, {threshold}", 0.125), "Bad, 12.5 %, 12.5 % on web-1");
}

static void a_title_too_long_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char summary[128] = "";
    for (int i = 0; i < 126; i++)
        summary[i] = "\xe4\xb8\xad"[i % 3];
    const char *title =
        title_of(f, CPU, "\xe4\xb8\xad-a-mount-point-with-a-very-long-name-that-goes-on-and-on-and-on", summary, 0.9);
    assert_in_range(strlen(title), 150, 159);
    assert_int_equal(strncmp(title, summary, 126), 0);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(incident_state_name(INCIDENT_TRIGGERED), "triggered");
    assert_string_equal(incident_state_name(INCIDENT_RESOLVED), "resolved");
    assert_string_equal(page_state_name(PAGE_QUEUED), "queued");
    assert_string_equal(page_state_name(PAGE_CANCELLED), "cancelled");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
        TEST(an_acknowledgement_stamps_and_ends_the_pages_still_queued),
        TEST(acknowledging_twice_keeps_the_first_stamp),
        TEST(a_page_on_its_way_when_acknowledged_is_not_tried_again),
        TEST(an_acknowledged_incident_still_resolves_by_recovery),
        TEST(who_resolves_by_hand_has_acknowledged),
        TEST(an_alert_still_firing_behind_a_resolution_by_hand_opens_nothing_until_it_fires_anew),
        TEST(what_people_may_not_do_is_said_and_changes_nothing),
        TEST(a_delivered_page_stamps_its_incident_once),
        TEST(attempts_back_off_from_one_second_doubling_to_thirty),
        TEST(past_the_budget_attempts_come_once_a_minute_for_an_hour_then_it_has_failed),
        TEST(a_permanent_refusal_is_tried_again_in_a_minute),
        TEST(retry_after_is_honoured_but_not_past_the_last_chance_of_the_budget),
        TEST(the_most_overdue_page_goes_first),
        TEST(a_page_being_sent_is_not_taken_twice),
        TEST(the_resolution_goes_only_to_those_the_trigger_reached),
        TEST(contacts_hear_of_their_own_tenant_only),
        TEST(pages_to_a_contact_that_is_gone_are_cancelled),
        TEST(a_new_contact_is_paged_for_what_nobody_acknowledged),
        TEST(a_page_is_not_due_before_its_row_is_on_disk),
        TEST(a_page_whose_row_the_disk_refuses_goes_out_marked),
        TEST(a_page_cancelled_before_its_row_is_on_disk_is_never_due),
        TEST(what_is_open_and_queued_is_counted),
        TEST(a_budget_that_ran_out_is_marked_once),
        TEST(delivered_but_not_acknowledged_in_time_is_a_breach),
        TEST(acknowledged_in_time_is_none_even_if_no_page_was_delivered),
        TEST(delivered_and_recovered_in_time_is_none),
        TEST(recovered_in_time_but_told_to_nobody_is_a_breach),
        TEST(an_acknowledgement_that_comes_too_late_is_a_breach_without_a_tick),
        TEST(a_breach_stays_on_record_over_a_new_clock),
        TEST(the_collectors_own_incidents_are_each_told_by_themselves),
        TEST(the_collectors_own_incident_ends_with_its_cause),
        TEST(what_happens_in_a_drill_says_so),
        TEST(incidents_alerts_and_pages_outlive_the_process_in_any_order),
        TEST(an_incident_put_back_with_nothing_that_holds_it_open_resolves),
        TEST(the_oldest_page_of_a_tenant_that_still_waits_is_known),
        TEST(an_incident_that_no_alert_opened_stays_open_over_a_restart),
        TEST(what_does_not_page_may_open_an_incident_without_a_page_and_without_a_clock),
        TEST(the_first_that_pages_of_such_an_incident_starts_its_clock),
        TEST(deadlines_go_on_while_the_process_is_down),
        TEST(a_clock_set_back_holds_back_no_page),
        TEST(a_clock_set_back_stops_no_budget),
        TEST(a_page_stored_by_a_clock_ahead_is_due_at_once),
        TEST(numbers_given_again_make_no_page_look_like_another),
        TEST(the_clock_of_a_restored_page_is_known_from_its_key),
        TEST(resolved_incidents_are_kept_until_forgotten_and_their_pages_settled),
        TEST(ten_thousand_open_alerts_are_held_and_let_go),
        TEST(a_title_says_what_is_past_which_threshold_where),
        TEST(a_title_too_long_is_cut_between_characters),
        TEST(states_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
