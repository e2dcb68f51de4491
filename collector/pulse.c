/* Whether the way from hosts to people is there, walked once a minute for each live event, all of it but the last
 * step: one of its hosts, by turns, is asked by its policy to say so; its next tick crosses a rule of the watch's own;
 * that is a page in the event's tenant's outbox, in its group, through the pager's queue; and the desk takes it in the
 * place of a channel.
 *
 * A beat that does not come through within BEAT_US is followed by another host's at once; when that one is lost as well
 * it is an incident of the collector's own, opened here and not by what it is about, with what the beat got stuck at.
 * A host that has fallen silent, or whose ticks do not come, says nothing of the way: silence is an alert of its own.
 *
 * Nothing of it is kept: a page of a beat is deleted when it has ended, and what came through is counted in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scan.h"
#include "collector/parts.h"
#include "utlist.h"

#define BEAT_EVERY_US (60 * US_PER_S)
#define LOST_US       (60 * US_PER_S) /* as long is it waited for */
#define FRESH_US      (10 * US_PER_S) /* a host reports whose last tick is younger */
#define LOOK_US       (5 * US_PER_S)  /* between looking for a host that can be asked, when none can */
#define GROUP         "heartbeat-"

enum { LOST_TWICE = 2 };

enum stage { STAGE_ASKED, STAGE_CROSSED, STAGE_WRITTEN };

struct heart { /* of a live event; times are monotonic */
    uint64_t event;
    uint64_t host; /* whose beat is under way; 0: none's */
    uint64_t last; /* who was asked last */
    uint64_t page; /* 0: none yet */
    enum stage stage;
    int64_t asked_us, next_us;
    uint64_t incident; /* 0: none */
    struct heart_view seen;
    struct heart *next;
};

static struct heart *find(const struct collector *collector, uint64_t event)
{
    for (struct heart *heart = collector->hearts; heart; heart = heart->next)
        if (heart->event == event)
            return heart;
    return NULL;
}

static struct heart *find_page(const struct collector *collector, uint64_t page)
{
    for (struct heart *heart = collector->hearts; heart; heart = heart->next)
        if (heart->page == page && heart->host != 0)
            return heart;
    return NULL;
}

/* NULL: out of memory; the next second tries again. */
static struct heart *note(struct collector *collector, uint64_t event)
{
    struct heart *heart = find(collector, event);
    if (heart)
        return heart;
    heart = calloc(1, sizeof *heart);
    if (!heart)
        return NULL;
    heart->event = event;
    LL_APPEND(collector->hearts, heart);
    return heart;
}

/* What is under way is over, whatever became of it. */
static void let_go(struct collector *collector, struct heart *heart)
{
    struct host_state *host = heart->host ? scope_host(collector, heart->host) : NULL;
    if (host)
        exercise_set(host, EXERCISE_HEARTBEAT, false);
    if (heart->page != 0)
        pager_beat_ends(collector->pager, heart->page, now_us(collector), &collector->effects);
    heart->host = heart->page = 0;
}

/* ---- a beat ---- */

static bool is_fresh(const struct collector *collector, const struct host_state *host)
{
    return host->last_tick_us > now_us(collector) - FRESH_US;
}

static bool is_reporting(const struct collector *collector, const struct heart *heart, const struct host_state *host)
{
    return host->event == heart->event && host->session && !host->silent && host->row->standing != HOST_RETIRED &&
           is_fresh(collector, host);
}

static bool can_beat(const struct collector *collector, const struct heart *heart, const struct host_state *host)
{
    return is_reporting(collector, heart, host) && watch_can_exercise(collector->watch, host->id);
}

static bool any_can_beat(const struct collector *collector, const struct heart *heart)
{
    for (const struct host_state *host = collector->hosts; host; host = host->by_id.next)
        if (can_beat(collector, heart, host))
            return true;
    return false;
}

/* Whose rule fires still would not cross it again. */
static bool may_beat(const struct collector *collector, const struct heart *heart, const struct host_state *host)
{
    return can_beat(collector, heart, host) && !host->beats && !host->exercised[EXERCISE_REHEARSAL];
}

/* By turns: the next one by its id. NULL: none can. */
static struct host_state *whose_turn(const struct collector *collector, const struct heart *heart)
{
    struct host_state *first = NULL, *next = NULL;
    for (struct host_state *host = collector->hosts; host; host = host->by_id.next) {
        if (!may_beat(collector, heart, host))
            continue;
        if (!first || host->id < first->id)
            first = host;
        if (host->id > heart->last && (!next || host->id < next->id))
            next = host;
    }
    return next ? next : first;
}

static void ask(struct collector *collector, struct heart *heart, int64_t mono_us)
{
    struct host_state *host = whose_turn(collector, heart);
    heart->next_us = mono_us + (host ? BEAT_EVERY_US : LOOK_US);
    if (!host)
        return;
    heart->host = heart->last = host->id;
    heart->stage = STAGE_ASKED;
    heart->asked_us = mono_us;
    exercise_set(host, EXERCISE_HEARTBEAT, true);
}

/* ---- one that is lost ---- */

static const char *where_stuck(const struct heart *heart, const struct host_state *host)
{
    if (heart->stage == STAGE_WRITTEN)
        return "nobody has taken its page from the queue";
    if (heart->stage == STAGE_CROSSED)
        return "its page is not on disk";
    if (host && host->confirmed_revision != host->policy.revision)
        return "its agent has not taken its policy";
    return "no tick of it has crossed its rule";
}

static void raise_concern(struct collector *collector, struct heart *heart, const char *host)
{
    const struct event *event = scope_event(collector, heart->event);
    char group[sizeof GROUP + 20];
    char title[3 * NAME_MAX_BYTES], name[CONCERN_NAME_ROOM], host_name[CONCERN_NAME_ROOM];
    snprintf(group, sizeof group, GROUP "%" PRIu64, heart->event);
    snprintf(title, sizeof title, "The way to people of event %s is broken: a heartbeat of %s got stuck: %s",
             concern_name(name, event ? event->name : "?"), concern_name(host_name, host), heart->seen.stuck);
    concern_raise(collector, &heart->incident, group, title);
}

static void lose(struct collector *collector, struct heart *heart, const struct host_state *host)
{
    const char *name = host ? host->row->name : "?";
    heart->seen.stuck = where_stuck(heart, host);
    heart->seen.lost++;
    heart->seen.in_a_row++;
    log_event(&collector->log, LOG_WARN, "heartbeat_lost", KV_COUNT("event_id", heart->event), KV_TEXT("host", name),
              KV_COUNT("times", heart->seen.in_a_row), KV_TEXT("stuck", heart->seen.stuck));
    let_go(collector, heart);
    heart->next_us = 0;
    if (heart->seen.in_a_row >= LOST_TWICE)
        raise_concern(collector, heart, name);
}

/* Until its crossing was seen it depends on the host. */
static void look_after(struct collector *collector, struct heart *heart, int64_t mono_us)
{
    const struct host_state *host = scope_host(collector, heart->host);
    bool waits = heart->stage == STAGE_ASKED;
    bool late = mono_us - heart->asked_us >= LOST_US;
    bool gone = !host || host->silent || host->event != heart->event || host->row->standing == HOST_RETIRED;
    if (waits && (gone || (late && !is_fresh(collector, host)))) {
        let_go(collector, heart);
        heart->next_us = 0;
    } else if (late) {
        lose(collector, heart, host);
    }
}

/* ---- what is heard of it ---- */

void pulse_heard(struct collector *collector, const struct transition *transition)
{
    struct host_state *host = scope_host(collector, transition->alert.host);
    if (!host || transition->late)
        return;
    host->beats = transition->alert.state == ALERT_FIRING;
    struct heart *heart = host->event ? find(collector, host->event) : NULL;
    if (!host->beats || transition->from == ALERT_FIRING || !heart || heart->host != host->id ||
        heart->stage != STAGE_ASKED)
        return;
    heart->stage = STAGE_CROSSED;
    pager_beat(collector->pager, host->row->tenant, now_us(collector), &heart->page, &collector->effects);
}

void pulse_recorded(struct collector *collector, uint64_t page)
{
    struct heart *heart = find_page(collector, page);
    if (heart)
        heart->stage = STAGE_WRITTEN;
}

void pulse_came(struct collector *collector, uint64_t page)
{
    struct heart *heart = find_page(collector, page);
    if (!heart)
        return;
    struct heart_view *seen = &heart->seen;
    seen->came++;
    seen->in_a_row = 0;
    seen->stuck = NULL;
    seen->last_us = now_us(collector);
    seen->took_us = clock_mono_us(collector->clock) - heart->asked_us;
    if (seen->took_us > seen->slowest_us)
        seen->slowest_us = seen->took_us;
    heart->page = 0; /* its outcome ends it */
    let_go(collector, heart);
    concern_end(collector, &heart->incident);
}

/* ---- each second ---- */

static bool is_live(const struct collector *collector, uint64_t id)
{
    const struct event *event = scope_event(collector, id);
    return event && event->state == EVENT_LIVE;
}

static void end_those_over(struct collector *collector)
{
    struct heart *heart, *next;
    LL_FOREACH_SAFE(collector->hearts, heart, next)
    {
        if (is_live(collector, heart->event))
            continue;
        let_go(collector, heart);
        concern_end(collector, &heart->incident);
        LL_DELETE(collector->hearts, heart);
        free(heart);
    }
}

void pulse_tick(struct collector *collector)
{
    int64_t mono_us = clock_mono_us(collector->clock);
    struct heart *heart;
    end_those_over(collector);
    for (size_t i = 0; i < collector->n_events; i++)
        if (collector->events[i]->state == EVENT_LIVE)
            note(collector, collector->events[i]->id);
    LL_FOREACH(collector->hearts, heart)
    {
        if (heart->host != 0)
            look_after(collector, heart, mono_us);
        if (heart->host == 0 && mono_us >= heart->next_us)
            ask(collector, heart, mono_us);
    }
}

/* Somebody has heard of what is lost, by the very way or by asking. One that is not in memory any more was ended by a
 * person: beats that come through end it otherwise. */
static bool is_told(const struct collector *collector, const struct heart *heart)
{
    const struct incident *row = heart->incident ? pager_incident(collector->pager, heart->incident) : NULL;
    return heart->incident && (!row || row->delivered_us != 0 || row->acknowledged_us != 0);
}

/* What is known to people need not be told by the dead man's silence as well: he could tell of nothing worse. So an
 * agent that says it can be exercised, and then ignores what it is asked, does not keep him hungry for ever. */
bool pulse_is_well(const struct collector *collector)
{
    for (const struct heart *heart = collector->hearts; heart; heart = heart->next)
        if (heart->seen.in_a_row > 0 && any_can_beat(collector, heart) && !is_told(collector, heart))
            return false;
    return true;
}

bool collector_heart(const struct collector *collector, uint64_t event, struct heart_view *ret)
{
    const struct heart none = { .event = event }; /* in its first second */
    const struct heart *heart = find(collector, event);
    if (!is_live(collector, event))
        return false;
    if (!heart)
        heart = &none;
    *ret = heart->seen;
    ret->able = any_can_beat(collector, heart);
    return true;
}

/* ---- at start and end ---- */

static void take_up(void *user, const struct incident *incident)
{
    size_t len = sizeof GROUP - 1;
    uint64_t event;
    if (incident->tenant != TENANT_RESERVED || incident->state == INCIDENT_RESOLVED ||
        strncmp(incident->group, GROUP, len) != 0)
        return;
    struct scan scan = scan_over(incident->group + len, strlen(incident->group + len));
    if (!scan_u64(&scan, &event) || !scan_done(&scan))
        return;
    struct heart *heart = note(user, event);
    if (heart)
        heart->incident = incident->id;
}

void pulse_restore(struct collector *collector)
{
    pager_each(collector->pager, take_up, collector);
}

void pulse_free(struct collector *collector)
{
    struct heart *heart, *next;
    LL_FOREACH_SAFE(collector->hearts, heart, next)
    free(heart);
}
