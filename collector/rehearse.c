/* A rehearsal: the way from a host to people is walked before it counts. One host of the event is asked to say in its
 * ticks that it is one; that crosses a rule of the watch's own, through the agent, the link and the judging of every
 * other value; the crossing opens an incident that is marked, and everybody whom the event would have told is told by
 * all their ways. When each page has ended and somebody has acknowledged it has its verdict, which is what the event's
 * gate rests on, and the host is told to say nothing more: by that the incident recovers.
 *
 * Its row says how far it is, and is written in the groups of what it tells of: after a restart it goes on from there.
 * What is asked of the host is in its policy, which is empty after a start; so nothing is left behind by a collector
 * that does not come back. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "collector/event/calendar.h"
#include "collector/parts.h"

enum { WAYS_RECORDED = 200 /* in one entry of the ledger */, DAY_TEXT = 10 };

#define GROUP "rehearsal"

static bool is_under_way(const struct assured *assured)
{
    return assured->rehearsal && assured->rehearsal->state != REHEARSAL_ENDED;
}

const struct rehearsal *collector_rehearsal(const struct collector *collector, uint64_t event)
{
    const struct assured *assured = life_of(collector, event);
    return assured ? assured->rehearsal : NULL;
}

/* ---- on record ---- */

static void note(struct collector *collector, const struct assured *assured, const char *actor, json_t *body)
{
    const struct rehearsal *row = assured->rehearsal;
    store_put_rehearsal(collector->store, row);
    json_object_set_new(body, "host", json_string(row->host_name));
    int rc = ledger_note(
        collector, row->tenant,
        (struct ledger_note){
            .kind = "rehearsal", .event = row->event, .incident = row->incident, .actor = actor, .body = body });
    if (rc < 0)
        log_event(&collector->log, LOG_ERROR, "ledger_not_kept", KV_TEXT("kind", "rehearsal"),
                  KV_TEXT("event_name", assured->row.name), KV_TEXT("error", strerror(-rc)));
}

static void add_way(void *user, const struct page *page)
{
    json_t *ways = user;
    if (page->kind != PAGE_TRIGGER || json_array_size(ways) == WAYS_RECORDED)
        return;
    json_array_append_new(ways, json_pack("{s:I, s:s, s:s, s:s, s:i, s:I, s:s}", "page", (json_int_t)page->id,
                                          "contact", page->contact, "channel", page->channel, "what",
                                          page_state_name(page->state), "attempts", (int)page->attempts, "delivered_us",
                                          (json_int_t)page->delivered_us, "error", page->error));
}

static void note_end(struct collector *collector, const struct assured *assured, const char *actor)
{
    const struct rehearsal *row = assured->rehearsal;
    const struct incident *incident = pager_incident(collector->pager, row->incident);
    struct rehearsal_tally tally = { 0 };
    json_t *ways = json_array();
    pager_each_page(collector->pager, row->incident, add_way, ways);
    pager_each_page(collector->pager, row->incident, rehearsal_count, &tally);
    note(collector, assured, actor,
         json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:o, s:I}", "what", row->passed ? "passed" : "failed", "evidence",
                   row->evidence, "crossed_us", (json_int_t)row->crossed_us, "detected_us",
                   (json_int_t)row->detected_us, "acknowledged_us",
                   (json_int_t)(incident ? incident->acknowledged_us : 0), "acknowledged_by",
                   incident ? incident->acknowledged_by : "", "ways", ways, "ways_in_all", (json_int_t)tally.ways));
}

/* ---- its end ---- */

static void ask_host(struct collector *collector, const struct rehearsal *row, bool on)
{
    struct host_state *host = scope_host(collector, row->host);
    if (host)
        exercise_set(host, EXERCISE_REHEARSAL, on);
}

static void end(struct collector *collector, struct assured *assured, bool passed, const char *evidence,
                const char *actor)
{
    struct rehearsal *row = assured->rehearsal;
    row->state = REHEARSAL_ENDED;
    row->passed = passed;
    row->ended_us = now_us(collector);
    snprintf(row->evidence, sizeof row->evidence, "%s", evidence);
    ask_host(collector, row, false);
    note_end(collector, assured, actor);
    log_event(&collector->log, passed ? LOG_INFO : LOG_WARN, "rehearsal_ended",
              KV_TEXT("event_name", assured->row.name), KV_TEXT("result", passed ? "passed" : "failed"),
              KV_TEXT("evidence", row->evidence));
    if (!assured->row.drill)
        life_judge(collector, assured, GATE_REHEARSAL, passed, row->evidence);
    desk_event_changed(collector, &assured->row);
}

static void judge(struct collector *collector, struct assured *assured, const struct incident *incident,
                  const struct rehearsal_tally *tally)
{
    const struct rehearsal *row = assured->rehearsal;
    char local[32], utc[MOMENT_TEXT], evidence[REHEARSAL_TEXT_MAX + 1];
    moment_format(utc, row->crossed_us);
    if (calendar_local_text(assured->row.zone, row->crossed_us, local, NULL) < 0)
        snprintf(local, sizeof local, "%.*s", DAY_TEXT, utc); /* a zone tzdata has dropped since */
    local[DAY_TEXT] = '\0';
    bool passed = rehearsal_judge(row, incident, tally, local, evidence);
    end(collector, assured, passed, evidence, "collector");
}

/* Before its time: whom it had yet to tell is left alone. */
static void break_off(struct collector *collector, struct assured *assured, const char *evidence, const char *actor)
{
    pager_stop_rehearsal(collector->pager, assured->rehearsal->incident, now_us(collector), &collector->effects);
    end(collector, assured, false, evidence, actor);
}

int collector_stop_rehearsal(struct collector *collector, uint64_t event, const char *by,
                             const struct rehearsal **ret_row, struct err *err)
{
    struct assured *assured = life_of(collector, event);
    char evidence[REHEARSAL_TEXT_MAX + 1];
    if (!assured)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    if (!is_under_way(assured))
        return err_set(err, -EPERM, "no rehearsal of event %s is under way", assured->row.name);
    snprintf(evidence, sizeof evidence, "stopped by %s", by);
    break_off(collector, assured, evidence, by);
    desk_settle(collector);
    *ret_row = assured->rehearsal;
    return 0;
}

/* ---- its beginning ---- */

static bool reports(const struct host_state *host)
{
    return host->session && !host->silent && host->last_tick_us != 0;
}

/* One that is over and that its agent has yet to hear of counts too: its crossing stands. */
static bool is_rehearsed(const struct collector *collector, const struct host_state *host)
{
    for (size_t i = 0; i < collector->n_events; i++) {
        const struct assured *assured = (const struct assured *)collector->events[i];
        const struct rehearsal *row = assured->rehearsal;
        const struct incident *incident = row ? pager_incident(collector->pager, row->incident) : NULL;
        if (row && row->host == host->id &&
            (is_under_way(assured) || (incident && incident->state != INCIDENT_RESOLVED)))
            return true;
    }
    return host->rehearses; /* it may have been stopped before that crossing came: another would not come of it */
}

/* NULL: it can. */
static const char *why_not(const struct collector *collector, const struct host_state *host)
{
    if (!reports(host))
        return "does not report";
    if (!watch_can_exercise(collector->watch, host->id))
        return "has an agent that cannot be rehearsed with: want one of this version or later";
    return is_rehearsed(collector, host) ? "is in a rehearsal that is not over yet" : NULL;
}

/* NULL: it cannot, told. */
static struct host_state *take_host(const struct collector *collector, const struct event *event, uint64_t id,
                                    struct err *err)
{
    struct host_state *host = scope_host(collector, id);
    const char *why = !host                            ? "is not there"
                      : !scope_is_in(event, host->row) ? "is not of this event"
                                                       : why_not(collector, host);
    if (!why)
        return host;
    err_set(err, -EPERM, "event %s: host %s %s", event->name, host ? host->row->name : "", why);
    return NULL;
}

/* The first by name that can. NULL: none; told, with why the last one that was looked at cannot. */
static struct host_state *pick_host(const struct collector *collector, const struct event *event, struct err *err)
{
    struct host_state *best = NULL;
    const char *why = "there is none";
    const char *whose = "";
    for (struct host_state *host = collector->hosts; host; host = host->by_id.next) {
        if (!scope_is_in(event, host->row) || (best && strcmp(host->row->name, best->row->name) > 0))
            continue;
        const char *cannot = why_not(collector, host);
        best = cannot ? best : host;
        why = cannot ? cannot : why;
        whose = cannot ? host->row->name : whose;
    }
    if (!best)
        err_set(err, -EPERM, "event %s: no host can be rehearsed with: %s%s%s", event->name, whose, *whose ? " " : "",
                why);
    return best;
}

static bool may_be_rehearsed(const struct event *event)
{
    return event->state <= EVENT_LIVE && (event->drill || event->state >= EVENT_REQUESTED);
}

static int check(const struct collector *collector, const struct assured *assured, struct err *err)
{
    static char told[REHEARSAL_TOLD_MAX + 1]; /* one thread has the collector */
    struct rehearse_whom whom;
    if (!may_be_rehearsed(&assured->row))
        return err_set(err, -EPERM, "event %s is %s: it is rehearsed from its request on, until it is over",
                       assured->row.name, event_state_name(assured->row.state));
    if (is_under_way(assured))
        return err_set(err, -EEXIST, "a rehearsal of event %s is under way, with %s; --stop ends it", assured->row.name,
                       assured->rehearsal->host_name);
    return rehearse_find_whom(collector, &assured->row, &whom, told, err);
}

/* What the one before has left behind is over, but for whom it told: that says whether the gate holds, until this one
 * has crossed. NULL: out of memory. */
static struct rehearsal *clear_row(struct collector *collector, struct assured *assured)
{
    struct rehearsal *row = assured->rehearsal ? assured->rehearsal : calloc(1, sizeof *row);
    if (!row)
        return NULL;
    if (row->incident) /* its host has yet to recover */
        pager_own_ends(collector->pager, row->incident, NULL, now_us(collector), &collector->effects);
    memset(row, 0, offsetof(struct rehearsal, told));
    assured->rehearsal = row;
    return row;
}

static void begin(struct collector *collector, struct assured *assured, const struct host *host, const char *by)
{
    struct rehearsal *row = assured->rehearsal;
    row->event = assured->row.id;
    row->tenant = assured->row.tenant;
    row->host = host->id;
    row->started_us = now_us(collector);
    snprintf(row->host_name, sizeof row->host_name, "%s", host->name);
    snprintf(row->started_by, sizeof row->started_by, "%s", by);
    assured->rehearse_asked_us = clock_mono_us(collector->clock);
    ask_host(collector, row, true);
    note(collector, assured, by, json_pack("{s:s}", "what", "started"));
    log_event(&collector->log, LOG_INFO, "rehearsal_started", KV_TEXT("event_name", assured->row.name),
              KV_TEXT("host", row->host_name), KV_TEXT("by", by));
}

int collector_rehearse(struct collector *collector, uint64_t event, uint64_t host, const char *by,
                       const struct rehearsal **ret_row, struct err *err)
{
    struct assured *assured = life_of(collector, event);
    if (!assured)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    int rc = check(collector, assured, err);
    if (rc < 0)
        return rc;
    const struct host_state *state =
        host ? take_host(collector, &assured->row, host, err) : pick_host(collector, &assured->row, err);
    if (!state)
        return -EPERM;
    if (!clear_row(collector, assured))
        return err_set(err, -ENOMEM, "out of memory");
    begin(collector, assured, state->row, by);
    desk_settle(collector);
    *ret_row = assured->rehearsal;
    return 0;
}

/* ---- its crossing, and its recovery ---- */

static void tell_everybody(struct collector *collector, struct assured *assured, const struct transition *transition)
{
    struct rehearsal *row = assured->rehearsal;
    char title[NAME_MAX_BYTES + 64 + EVENT_NAME_MAX];
    struct rehearse_whom whom;
    struct err err = { .text = "out of memory" };
    struct page_own own = { .tenant = row->tenant,
                            .event = row->event,
                            .group = GROUP,
                            .title = title,
                            .severity = SEVERITY_CRITICAL,
                            .crossed_us = transition->alert.crossed_us };
    snprintf(title, sizeof title, "the way from %s to people, event %s", row->host_name, assured->row.name);
    int rc = rehearse_find_whom(collector, &assured->row, &whom, row->told, &err);
    if (rc == 0)
        rc = pager_rehearse(collector->pager, &own, whom.names, whom.n, now_us(collector), &row->incident,
                            &collector->effects);
    if (rc == 0)
        return;
    snprintf(row->evidence, sizeof row->evidence, "not everybody could be told: %.200s", err.text);
    log_event(&collector->log, LOG_ERROR, "rehearsal_not_told", KV_TEXT("event_name", assured->row.name),
              KV_TEXT("error", err.text));
}

static void cross(struct collector *collector, struct assured *assured, const struct transition *transition)
{
    struct rehearsal *row = assured->rehearsal;
    row->state = REHEARSAL_TOLD;
    row->crossed_us = transition->alert.crossed_us;
    row->detected_us = transition->detected_us;
    life_judge_rehearsal(collector, assured); /* by the one before: from here on it is this one that told somebody */
    tell_everybody(collector, assured, transition);
    note(collector, assured, "collector",
         json_pack("{s:s, s:I, s:I, s:I}", "what", "crossed", "crossed_us", (json_int_t)row->crossed_us, "detected_us",
                   (json_int_t)row->detected_us, "started_us", (json_int_t)row->started_us));
}

void rehearse_heard(struct collector *collector, const struct transition *transition)
{
    struct host_state *host = scope_host(collector, transition->alert.host);
    if (!host || transition->late)
        return; /* of one that was asked for before a gap */
    host->rehearses = transition->alert.state == ALERT_FIRING;
    for (size_t i = 0; i < collector->n_events; i++) {
        struct assured *assured = (struct assured *)collector->events[i];
        const struct rehearsal *row = assured->rehearsal;
        if (!row || row->host != transition->alert.host)
            continue;
        if (transition->alert.state == ALERT_FIRING && row->state == REHEARSAL_ASKED)
            cross(collector, assured, transition);
        if (transition->alert.state == ALERT_OK && row->state == REHEARSAL_ENDED)
            pager_own_ends(collector->pager, row->incident, NULL, now_us(collector), &collector->effects);
    }
}

/* ---- each second ---- */

static void wait_for_crossing(struct collector *collector, struct assured *assured)
{
    const struct rehearsal *row = assured->rehearsal;
    const struct host_state *host = scope_host(collector, row->host);
    char evidence[REHEARSAL_TEXT_MAX + 1];
    if (clock_mono_us(collector->clock) - assured->rehearse_asked_us <= REHEARSAL_CROSS_US)
        return;
    snprintf(evidence, sizeof evidence, "%s %s: no crossing came of it within %" PRId64 " s", row->host_name,
             host && reports(host) ? "reports" : "does not report", REHEARSAL_CROSS_US / US_PER_S);
    end(collector, assured, false, evidence, "collector");
}

static void wait_for_people(struct collector *collector, struct assured *assured, int64_t now)
{
    const struct rehearsal *row = assured->rehearsal;
    const struct incident *incident = pager_incident(collector->pager, row->incident);
    struct rehearsal_tally tally = { 0 };
    char evidence[REHEARSAL_TEXT_MAX + 1];
    if (!incident || row->evidence[0]) { /* whatever became of the others */
        snprintf(evidence, sizeof evidence, "%s", row->evidence[0] ? row->evidence : "its incident is gone");
        end(collector, assured, false, evidence, "collector");
        return;
    }
    pager_each_page(collector->pager, row->incident, rehearsal_count, &tally);
    if (rehearsal_is_over(row, incident, &tally, now))
        judge(collector, assured, incident, &tally);
}

/* The agent says so by its next tick. If it does not, it is over all the same. */
static void wait_for_recovery(struct collector *collector, const struct rehearsal *row, int64_t now)
{
    const struct incident *incident = row->incident ? pager_incident(collector->pager, row->incident) : NULL;
    if (incident && incident->state != INCIDENT_RESOLVED && now - row->ended_us > REHEARSAL_RECOVER_US)
        pager_own_ends(collector->pager, row->incident, NULL, now, &collector->effects);
}

static void look(struct collector *collector, struct assured *assured, int64_t now)
{
    char evidence[REHEARSAL_TEXT_MAX + 1];
    if (is_under_way(assured) && !may_be_rehearsed(&assured->row)) {
        snprintf(evidence, sizeof evidence, "the event is %s", event_state_name(assured->row.state));
        break_off(collector, assured, evidence, "collector");
    }
    if (assured->rehearsal->state == REHEARSAL_ASKED)
        wait_for_crossing(collector, assured);
    else if (assured->rehearsal->state == REHEARSAL_TOLD)
        wait_for_people(collector, assured, now);
    else
        wait_for_recovery(collector, assured->rehearsal, now);
}

/* Our clock was put back: what was stamped by it goes with it, as the pager's stamps do. */
static void follow_clock(struct rehearsal *row, int64_t step_us)
{
    int64_t *const stamps[] = { &row->started_us, &row->crossed_us, &row->detected_us, &row->ended_us };
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++)
        *stamps[i] -= *stamps[i] ? step_us : 0;
}

void rehearse_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    int64_t step_us = collector->rehearsed_us > now ? collector->rehearsed_us - now : 0;
    collector->rehearsed_us = now;
    for (size_t i = 0; i < collector->n_events; i++) {
        struct assured *assured = (struct assured *)collector->events[i];
        if (!assured->rehearsal)
            continue;
        if (step_us > 0 && is_under_way(assured))
            follow_clock(assured->rehearsal, step_us);
        look(collector, assured, now);
    }
}

/* ---- at start ---- */

int rehearse_restore(struct collector *collector, const struct rehearsal *row)
{
    struct assured *assured = life_of(collector, row->event);
    if (!assured)
        return -EBADMSG;
    assured->rehearsal = malloc(sizeof *row);
    if (!assured->rehearsal)
        return -ENOMEM;
    *assured->rehearsal = *row;
    return 0;
}

/* What was asked for is asked anew: agents may take a while to be back. */
void rehearse_go_on(struct collector *collector)
{
    for (size_t i = 0; i < collector->n_events; i++) {
        struct assured *assured = (struct assured *)collector->events[i];
        if (!is_under_way(assured))
            continue;
        assured->rehearse_asked_us = clock_mono_us(collector->clock);
        ask_host(collector, assured->rehearsal, true);
    }
}
