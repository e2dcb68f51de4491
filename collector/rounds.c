/* Patrol rounds: when one is due (collector/patrol says so) it is swept, put into the tenant's ledger and counted in
 * the event's row, both in one group; what it found opens, joins or ends an incident. */
#include "collector/rounds.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"

#define RULE_NAME    "patrol"          /* the rule of the alerts that stand for findings... */
#define FOUND_GROUP  "patrol:findings" /* ...and their group: no host's has a colon */
#define MISSED_GROUP "patrol:missed"
#define MISSED       "rounds" /* in the place of a check */

/* ---- memory ---- */

static struct patrolled *patrolled_find(const struct collector *collector, uint64_t event)
{
    struct patrolled *of = NULL;
    if (collector->rounds)
        HASH_FIND(hh, collector->rounds->events, &event, sizeof event, of);
    return of;
}

static void patrolled_free(struct rounds *rounds, struct patrolled *of)
{
    HASH_DELETE(hh, rounds->events, of);
    patrol_disks_free(of->disks);
    free(of->hosts);
    free(of);
}

/* Found or made; NULL: out of memory. */
static struct patrolled *patrolled_of(struct collector *collector, uint64_t event)
{
    struct patrolled *of = patrolled_find(collector, event);
    if (!collector->rounds)
        collector->rounds = calloc(1, sizeof *collector->rounds);
    if (of || !collector->rounds)
        return of;
    of = calloc(1, sizeof *of);
    if (!of)
        return NULL;
    of->event = event;
    of->disks = patrol_disks_new();
    HASH_ADD(hh, collector->rounds->events, event, sizeof of->event, of);
    if (of->hh.tbl && of->disks)
        return of;
    if (of->hh.tbl)
        HASH_DELETE(hh, collector->rounds->events, of);
    patrol_disks_free(of->disks);
    free(of);
    return NULL;
}

static void sweep_free(struct sweep *sweep)
{
    patrol_sight_done(&sweep->sight);
    free(sweep->ids);
    free(sweep);
}

void rounds_free(struct collector *collector)
{
    struct patrolled *of, *next;
    if (!collector->rounds)
        return;
    HASH_ITER(hh, collector->rounds->events, of, next)
    patrolled_free(collector->rounds, of);
    free(collector->rounds);
}

/* ---- incidents ---- */

static struct alert alert_of(const struct event *event, const char *what)
{
    struct alert alert = { .host = event->id, .rule = RULE_NAME, .value = NAN, .threshold = NAN };
    snprintf(alert.metric, sizeof alert.metric, "%s", what);
    return alert;
}

/* What a check found stands as one alert of the event: it fires while rounds find it. Returns the incident. */
static uint64_t found_bad(struct collector *collector, const struct event *event, const char *what, const char *group,
                          enum severity severity, int64_t crossed_us, const char *summary)
{
    int64_t now = now_us(collector);
    struct transition found = { .alert = alert_of(event, what), .from = ALERT_OK, .detected_us = now };
    const struct page_scope scope = { .tenant = event->tenant,
                                      .event = event->id,
                                      .drill = event->drill,
                                      .host_name = event->name,
                                      .of_event = true,
                                      .host_group = group,
                                      .summary = summary,
                                      .opens = true };
    found.alert.state = ALERT_FIRING;
    found.alert.severity = severity;
    found.alert.page = severity == SEVERITY_CRITICAL;
    found.alert.crossed_us = crossed_us;
    found.alert.changed_us = now;
    if (pager_alert(collector->pager, &found, &scope, now, &collector->effects) < 0)
        log_event(&collector->log, LOG_ERROR, "incident_not_kept", KV_TEXT("host", event->name),
                  KV_TEXT("rule", RULE_NAME), KV_TEXT("error", "out of memory"));
    return pager_incident_of(collector->pager, &found.alert);
}

static void found_well(struct collector *collector, const struct event *event, const char *what, const char *group)
{
    struct transition over = { .alert = alert_of(event, what), .from = ALERT_FIRING };
    const struct page_scope scope = { .tenant = event->tenant,
                                      .event = event->id,
                                      .drill = event->drill,
                                      .host_name = event->name,
                                      .of_event = true,
                                      .host_group = group,
                                      .summary = "Patrol: found no more" };
    if (pager_incident_of(collector->pager, &over.alert) == 0)
        return;
    over.alert.state = ALERT_OK;
    over.alert.changed_us = over.detected_us = now_us(collector);
    pager_alert(collector->pager, &over, &scope, over.detected_us, &collector->effects);
}

/* What could not be checked neither raises nor ends anything. Behind an event that is over nobody would look again: its
 * closing round raises nothing, and what is open ends then. Returns the incident of what was found; 0: none. */
static uint64_t tell_findings(struct collector *collector, const struct event *event, const struct sweep *sweep,
                              const struct patrol_report *report)
{
    uint64_t incident = 0;
    for (int i = 0; i < PATROL_CHECK_COUNT && event->state < EVENT_CLOSED; i++) {
        const struct patrol_result *result = &report->results[i];
        const char *name = patrol_check_name((enum patrol_check)i);
        char line[sizeof((struct incident_alert *)NULL)->summary - sizeof "Patrol: "];
        char summary[sizeof((struct incident_alert *)NULL)->summary];
        if (result->found > 0 && result->worst >= SEVERITY_WARNING) {
            snprintf(summary, sizeof summary, "Patrol: %s",
                     patrol_finding_line(line, sizeof line, &result->findings[0]));
            uint64_t raised = found_bad(collector, event, name, FOUND_GROUP, result->worst, sweep->began_us, summary);
            incident = incident ? incident : raised;
        } else if (result->checked) {
            found_well(collector, event, name, FOUND_GROUP);
        }
    }
    return incident;
}

/* ---- incidents whose event is over ---- */

struct left_open {
    const struct collector *collector;
    uint64_t incident; /* 0: there is none */
};

/* Its closing round, if it has one, is on record: nobody looks again. */
static bool is_past(const struct event *event)
{
    return event && event->state >= EVENT_CLOSED && patrol_next_us(event) == 0;
}

static void find_left_open(void *user, const struct incident *row)
{
    struct left_open *left = user;
    if (row->state != INCIDENT_RESOLVED && row->event != 0 &&
        (strcmp(row->group, FOUND_GROUP) == 0 || strcmp(row->group, MISSED_GROUP) == 0) &&
        is_past(scope_event(left->collector, row->event)))
        left->incident = row->id;
}

/* What patrol left open ends with the event, by whom it ended; one that came to be so before a restart too. */
static void end_left_open(struct collector *collector)
{
    for (;;) {
        struct left_open left = { .collector = collector };
        pager_each(collector->pager, find_left_open, &left);
        if (left.incident == 0)
            return;
        const struct event *event = scope_event(collector, pager_incident(collector->pager, left.incident)->event);
        pager_own_ends(collector->pager, left.incident, event->by, now_us(collector), &collector->effects);
        desk_settle(collector);
    }
}

/* ---- missed ones ---- */

static const char *why_missed(const struct collector *collector, const struct patrol_round *round)
{
    if (round->due_us < collector->started_us)
        return "the collector was not running";
    if (collector->stepped_mono_us == collector->ticked_mono_us && collector->stepped_us > 0)
        return "the collector's clock jumped";
    return "the collector was held up";
}

static bool record_missed(struct collector *collector, struct event *event, const struct patrol_round *round,
                          uint64_t incident)
{
    int64_t now = now_us(collector);
    const char *cause = why_missed(collector, round);
    json_t *body = form_missed(round, now, cause);
    struct ledger_note note = {
        .kind = "round", .event = event->id, .incident = incident, .actor = "clock", .body = body
    };
    if (!body || ledger_note(collector, event->tenant, note) < 0)
        return false;
    patrol_record(event, round, now);
    log_event(&collector->log, LOG_ERROR, "round_missed", KV_TEXT("event_name", event->name),
              KV_TEXT("phase", patrol_phase_name(round->phase)), KV_COUNT("k", round->k), KV_TEXT("cause", cause));
    return true;
}

/* One incident for all that are missed at once, whatever their number. */
static void miss(struct collector *collector, struct event *event, const struct patrol_round *first)
{
    char summary[128];
    char due[MOMENT_TEXT];
    struct patrol_round round = *first;
    bool live = first->phase != PATROL_PREPARING;
    unsigned n = 0;
    snprintf(summary, sizeof summary, "Patrol: rounds were missed from %s on: %s", moment_format(due, first->due_us),
             why_missed(collector, first));
    uint64_t incident = found_bad(collector, event, MISSED, MISSED_GROUP, live ? SEVERITY_CRITICAL : SEVERITY_WARNING,
                                  first->due_us, summary);
    for (; n < MISSED_A_TICK && record_missed(collector, event, &round, incident); n++)
        if (!patrol_due(event, now_us(collector), &round) || round.state != PATROL_MISSED)
            break;
    chatter_missed(collector, event, first, n, why_missed(collector, first));
    store_put_event(collector->store, event);
}

/* ---- those that are made ---- */

static void tell_log(const struct collector *collector, const struct event *event, const struct sweep *sweep,
                     const struct patrol_report *report)
{
    uint64_t found = 0, serious = 0, not_checked = 0;
    for (int i = 0; i < PATROL_CHECK_COUNT; i++) {
        const struct patrol_result *result = &report->results[i];
        found += result->found;
        serious += result->found > 0 && result->worst >= SEVERITY_WARNING;
        not_checked += !result->checked;
    }
    log_event(&collector->log, serious ? LOG_WARN : LOG_INFO, "round_made", KV_TEXT("event_name", event->name),
              KV_TEXT("phase", patrol_phase_name(sweep->round.phase)), KV_COUNT("k", sweep->round.k),
              KV_TEXT("state", patrol_state_name(sweep->round.state)), KV_COUNT("hosts", sweep->sight.n_hosts),
              KV_COUNT("findings", found), KV_COUNT("not_checked", not_checked));
}

static void keep_for_next(struct sweep *sweep)
{
    struct patrolled *of = sweep->of;
    free(of->hosts);
    of->hosts = sweep->ids;
    of->n_hosts = sweep->sight.n_hosts;
    of->has_hosts = true;
    of->failed = 0;
    of->made_mono_us = clock_mono_us(sweep->collector->clock);
    sweep->ids = NULL;
}

static void note_seen(struct event *event, const struct patrol_setup *setup)
{
    event->patrol.saw_rules = setup->rules;
    event->patrol.saw_config = setup->config;
    event->patrol.saw_event = setup->event;
    event->patrol.saw_hosts = setup->hosts;
}

/* When there is no memory for the entry the round is not on record, and is due again with the next second. */
static void put_on_record(struct sweep *sweep, struct event *event)
{
    struct collector *collector = sweep->collector;
    struct patrol_report *report = malloc(sizeof *report);
    if (!report)
        return;
    sight_end(sweep, event);
    patrol_run(&sweep->sight, report);
    uint64_t incident = tell_findings(collector, event, sweep, report);
    json_t *body = form_round(sweep, report);
    struct ledger_note note = {
        .kind = "round", .event = event->id, .incident = incident, .actor = "clock", .body = body
    };
    if (body && ledger_note(collector, event->tenant, note) == 0) {
        found_well(collector, event, MISSED, MISSED_GROUP);
        patrol_record(event, &sweep->round, sweep->began_us);
        note_seen(event, &sweep->sight.setup);
        store_put_event(collector->store, event);
        tell_log(collector, event, sweep, report);
        chatter_round(collector, event, &sweep->round, report);
        keep_for_next(sweep);
    }
    free(report);
    desk_settle(collector);
}

/* The sweep is over; `whole`: the store has answered all it was asked. */
static void end_sweep(struct sweep *sweep, bool whole)
{
    struct collector *collector = sweep->collector;
    struct patrolled *of = sweep->of;
    struct event *event = scope_event(collector, of->event);
    of->sweep = NULL;
    collector->rounds->n_sweeps--;
    if (event && !collector->closing)
        put_on_record(sweep, event);
    if (whole) {
        sweep_free(sweep);
        return;
    }
    sweep->given_up = true;
    of->lost++;
}

/* True: nobody waits for this answer any more. */
static bool is_over(struct sweep *sweep)
{
    if (!sweep->given_up && !sweep->collector->closing)
        return false;
    if (sweep->given_up)
        sweep->of->lost--;
    else
        sweep->of->sweep = NULL;
    sweep_free(sweep);
    return true;
}

/* ---- reading ---- */

static void read_on(struct sweep *sweep);

static void cannot_read(struct sweep *sweep, const char *why)
{
    char *to = sweep->covering ? sweep->sight.no_coverage : sweep->sight.no_values;
    snprintf(to, ERR_TEXT_MAX, "%s", why);
    sweep->next = sweep->sight.n_hosts;
}

static void on_latest(void *user, const struct store_latest *result, const struct err *err)
{
    struct sweep *sweep = user;
    if (is_over(sweep))
        return;
    for (size_t i = 0; !err && i < result->n; i++)
        for (size_t s = 0; s < result->hosts[i].n; s++)
            sight_value(sweep, result->hosts[i].host, &result->hosts[i].series[s]);
    sweep->next += err ? 0 : result->n;
    if (err || result->n == 0)
        cannot_read(sweep, err ? err->text : "the store answered for no host");
    read_on(sweep);
}

static void on_coverage(void *user, const struct store_coverage *result, const struct err *err)
{
    struct sweep *sweep = user;
    if (is_over(sweep))
        return;
    for (size_t i = 0; !err && i < result->n; i++)
        sight_coverage(sweep, &result->hosts[i], result->to_us - result->from_us);
    sweep->next += err ? 0 : result->n;
    if (err || result->n == 0)
        cannot_read(sweep, err ? err->text : "the store answered for no host");
    read_on(sweep);
}

static int ask(struct sweep *sweep, struct err *err)
{
    struct store *store = sweep->collector->store;
    size_t left = sweep->sight.n_hosts - sweep->next;
    struct store_hosts hosts = { .tenant = sweep->tenant,
                                 .n = left < SWEEP_HOSTS ? left : SWEEP_HOSTS,
                                 .at = sweep->ids + sweep->next,
                                 .rows = STORE_ROWS_MAX };
    if (sweep->covering)
        return store_coverage(store,
                              &(struct store_coverage_query){
                                  .hosts = hosts, .from_us = sweep->sight.since_us, .to_us = sweep->began_us },
                              on_coverage, sweep, err);
    return store_latest(store,
                        &(struct store_latest_query){ .hosts = hosts, .filter = { .metric = "*", .instance = "*" } },
                        on_latest, sweep, err);
}

/* Asks for what is next; when there is nothing more the round comes to record. */
static void read_on(struct sweep *sweep)
{
    struct err err;
    for (;;) {
        if (sweep->next < sweep->sight.n_hosts) {
            if (ask(sweep, &err) == 0)
                return; /* the answer goes on */
            cannot_read(sweep, err.text);
        }
        if (sweep->covering)
            break;
        sweep->covering = true;
        sweep->next = 0;
    }
    end_sweep(sweep, true);
}

/* ---- each second ---- */

static void begin_sweep(struct collector *collector, const struct event *event, const struct patrol_round *round)
{
    struct patrolled *of = patrolled_of(collector, event->id);
    struct sweep *sweep = of ? calloc(1, sizeof *sweep) : NULL;
    if (!sweep)
        return; /* the next second tries again */
    *sweep = (struct sweep){ .collector = collector,
                             .of = of,
                             .round = *round,
                             .tenant = event->tenant,
                             .began_us = now_us(collector),
                             .began_mono_us = clock_mono_us(collector->clock) };
    if (sight_begin(sweep, event) < 0) {
        sweep_free(sweep);
        return;
    }
    of->sweep = sweep;
    collector->rounds->n_sweeps++;
    if (of->lost > 0) {
        cannot_read(sweep, "the store has not answered an earlier round yet");
        sweep->covering = true;
        cannot_read(sweep, "the store has not answered an earlier round yet");
    }
    read_on(sweep);
}

static void give_up_long_ones(struct collector *collector)
{
    struct patrolled *of, *next;
    HASH_ITER(hh, collector->rounds->events, of, next)
    {
        struct sweep *sweep = of->sweep;
        if (!sweep || clock_mono_us(collector->clock) - sweep->began_mono_us <= SWEEP_WITHIN_US)
            continue;
        cannot_read(sweep, "the store did not answer in time");
        if (!sweep->covering)
            snprintf(sweep->sight.no_coverage, sizeof sweep->sight.no_coverage, "%s", sweep->sight.no_values);
        end_sweep(sweep, false);
    }
}

/* What is kept of events that have no rounds to come. */
static void forget_ended(struct collector *collector)
{
    struct patrolled *of, *next;
    HASH_ITER(hh, collector->rounds->events, of, next)
    {
        const struct event *event = scope_event(collector, of->event);
        if (!of->sweep && of->lost == 0 && (!event || patrol_next_us(event) == 0))
            patrolled_free(collector->rounds, of);
    }
}

static void patrol_event(struct collector *collector, struct event *event, int64_t now)
{
    struct patrol_round round;
    if (patrol_begin(event, now))
        store_put_event(collector->store, event);
    if (!patrol_due(event, now, &round))
        return;
    const struct patrolled *of = patrolled_find(collector, event->id);
    if (of && of->sweep)
        return;
    if (round.state == PATROL_MISSED) {
        miss(collector, event, &round);
        if (!patrol_due(event, now, &round) || round.state == PATROL_MISSED)
            return;
    }
    if (!collector->rounds || collector->rounds->n_sweeps < SWEEPS_MAX)
        begin_sweep(collector, event, &round);
}

void rounds_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    if (collector->rounds)
        give_up_long_ones(collector);
    for (size_t i = 0; i < collector->n_events; i++)
        patrol_event(collector, collector->events[i], now);
    end_left_open(collector);
    if (collector->rounds)
        forget_ended(collector);
}

/* ---- shifts ---- */

int collector_hand_over(struct collector *collector, uint64_t event, const char *by, const char *body, struct err *err)
{
    struct event *row = scope_event(collector, event);
    if (!row)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    if (row->handovers >= EVENT_HANDOVERS_MAX)
        return err_set(err, -ENOSPC,
                       "event %s was handed over %u times, as often as an event may be, and each is on record for good",
                       row->name, row->handovers);
    json_t *form = json_loads(body, 0, NULL);
    if (!form)
        return err_set(err, -ENOMEM, "the hand-over cannot be kept: out of memory");
    char note[PAGE_TEXT_MAX + 1] = "";
    if (json_is_string(json_object_get(form, "note")))
        snprintf(note, sizeof note, "%s", json_string_value(json_object_get(form, "note")));
    int rc = ledger_note(collector, row->tenant,
                         (struct ledger_note){ .kind = "handover", .event = event, .actor = by, .body = form });
    if (rc < 0)
        return err_set(err, rc, "the hand-over cannot be kept: out of memory");
    chatter_handover(collector, row, by, note);
    desk_settle(collector);
    row->handovers++;
    store_put_event(collector->store, row);
    log_event(&collector->log, LOG_INFO, "shift_handed_over", KV_TEXT("event_name", row->name), KV_TEXT("by", by));
    return 0;
}

/* ---- how pages fare ---- */

static void keep_attempt(struct rounds *rounds, const struct page *page, const struct page_outcome *outcome,
                         int64_t at_us)
{
    size_t i = 0;
    while (i < rounds->n_contacts && strcmp(rounds->contacts[i].name, page->contact) != 0)
        i++;
    if (i == PATROL_CONTACTS_MAX)
        i = 0; /* names of earlier configurations: any may give way */
    if (i == rounds->n_contacts)
        rounds->n_contacts++;
    struct patrol_contact *of = &rounds->contacts[i];
    *of = (struct patrol_contact){ .at_us = at_us, .delivered = outcome->delivered };
    snprintf(of->name, sizeof of->name, "%s", page->contact);
    snprintf(of->error, sizeof of->error, "%s", outcome->error);
}

void rounds_note_attempt(struct collector *collector, const struct page *page, const struct page_outcome *outcome)
{
    struct rounds *rounds = collector->rounds;
    if (!rounds)
        rounds = collector->rounds = calloc(1, sizeof *rounds);
    if (!rounds)
        return;
    keep_attempt(rounds, page, outcome, now_us(collector));
    for (struct patrolled *of = rounds->events; of && page->state == PAGE_FAILED; of = of->hh.next) {
        const struct event *event = scope_event(collector, of->event);
        of->failed += event && event->tenant == page->tenant;
    }
}
