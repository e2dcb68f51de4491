/* Events over hosts: which event a host is in, which rules are in force for it, how often it samples. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"

struct host_state *scope_host(const struct collector *collector, uint64_t host)
{
    struct host_state *state;
    HASH_FIND(by_id, collector->hosts, &host, sizeof host, state);
    return state;
}

int scope_add_host(struct collector *collector, const struct host *row, struct host_state **ret_state)
{
    struct host_state *state = scope_host(collector, row->id);
    if (!state) {
        state = calloc(1, sizeof *state);
        if (!state)
            return -ENOMEM;
        state->id = row->id;
        state->cpu = NAN;
        state->memory = NAN;
        HASH_ADD(by_id, collector->hosts, id, sizeof state->id, state);
        if (!state->by_id.tbl) { /* uthash had no memory */
            free(state);
            return -ENOMEM;
        }
    }
    state->row = row;
    *ret_state = state;
    return watch_name_host(collector->watch, row->id, row->tenant, row->name);
}

size_t scope_event_index(const struct collector *collector, uint64_t id)
{
    size_t low = 0;
    size_t high = collector->n_events;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (collector->events[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct event *scope_event(const struct collector *collector, uint64_t id)
{
    size_t index = scope_event_index(collector, id);
    return index < collector->n_events && collector->events[index]->id == id ? collector->events[index] : NULL;
}

int scope_add_event(struct collector *collector, const struct event *event, struct event **ret_event)
{
    if (collector->n_events >= COLLECTOR_EVENTS_MAX)
        return -ENOSPC;
    struct event **grown = realloc(collector->events, (collector->n_events + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    collector->events = grown;
    struct assured *assured = calloc(1, sizeof *assured);
    if (!assured)
        return -ENOMEM;
    assured->row = *event;
    gates_init(assured->gates, event->id);
    size_t index = scope_event_index(collector, event->id); /* the last, but at start, tenant by tenant */
    memmove(&grown[index + 1], &grown[index], (collector->n_events - index) * sizeof *grown);
    grown[index] = &assured->row;
    collector->n_events++;
    *ret_event = &assured->row;
    return 0;
}

bool scope_is_in(const struct event *event, const struct host *host)
{
    return event->tenant == host->tenant && event_selects(event, host->name, host->labels);
}

/* Ended and cancelled events hold nothing over their hosts, and neither do mere plans. */
static bool holds(const struct event *event)
{
    return event->state >= EVENT_REQUESTED && event->state < EVENT_REPORTED;
}

void scope_tell_watch(struct collector *collector, struct host_state *state)
{
    if (state->row->standing == HOST_RETIRED) {
        if (watch_drop_host(collector->watch, state->id, now_us(collector), &collector->transitions) == 0)
            state->watched = NULL;
        return;
    }
    overlays_tune(collector, collector->watch, state, &collector->transitions);
    watch_set_host(collector->watch, state->id, state->in_force, state->limits, state->interval_us, now_us(collector),
                   &collector->transitions);
}

/* Both numbers of a policy are its revision: small while nothing is exercised, and the same after a restart. */
static void set_policy(struct host_state *state, int64_t interval_us)
{
    unsigned exercise = EXERCISE_REHEARSAL;
    while (exercise > EXERCISE_NONE && !state->exercised[exercise])
        exercise--;
    state->policy = (struct policy){ .revision = (uint64_t)exercise << 32 | (uint64_t)(interval_us / US_PER_MS),
                                     .interval_us = interval_us,
                                     .exercise = exercise };
}

void exercise_set(struct host_state *state, unsigned exercise, bool on)
{
    assert(exercise > EXERCISE_NONE && exercise <= EXERCISE_REHEARSAL);
    state->exercised[exercise] = on;
    set_policy(state, state->policy.interval_us);
}

static void refresh_host(struct collector *collector, struct host_state *state, struct event *const *events, size_t n)
{
    unsigned in_force = 0;
    bool seconds = false;
    state->event = 0;
    memcpy(state->limits, state->row->limits, sizeof state->limits);
    for (size_t i = 0; i < n; i++) {
        const struct event *event = events[i];
        if (!holds(event) || !scope_is_in(event, state->row))
            continue;
        const struct document *declared = ((const struct assured *)event)->declared;
        if (declared)
            document_limits(declared, state->row->name, state->limits);
        in_force |= IN_FORCE(event->state);
        seconds = seconds || event_wants_seconds(event);
        if (event->state == EVENT_LIVE && state->event == 0)
            state->event = event->id;
    }
    state->in_force = in_force ? in_force : IN_FORCE_NO_EVENT;
    int64_t calm_us = collector->config->calm_us ? collector->config->calm_us : INTERVAL_CALM_US;
    set_policy(state, seconds ? INTERVAL_WINDOW_US : calm_us);
    scope_tell_watch(collector, state);
}

void scope_refresh_host(struct collector *collector, struct host_state *state)
{
    refresh_host(collector, state, collector->events, collector->n_events);
    desk_settle(collector);
}

/* Hosts are many, and most events are over or another tenant's: those that may hold are picked out once. */
void scope_refresh(struct collector *collector, uint64_t tenant)
{
    size_t n = 0;
    AUTO(auto_free) struct event **held = malloc((collector->n_events + 1) * sizeof *held);
    for (size_t i = 0; held && i < collector->n_events; i++)
        if (holds(collector->events[i]) && (tenant == 0 || collector->events[i]->tenant == tenant))
            held[n++] = collector->events[i];
    for (struct host_state *state = collector->hosts; state; state = state->by_id.next)
        if (tenant == 0 || state->row->tenant == tenant)
            refresh_host(collector, state, held ? held : collector->events, held ? n : collector->n_events);
    desk_settle(collector);
}
