/* What a round sees: hosts as the collector knows them, the war room's own means, and what has changed since. */
#include "collector/rounds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/read/coverage.h"

/* ---- numbers that change with what they stand for: FNV-1a ---- */

static void mix(int64_t *number, const void *bytes, size_t len)
{
    uint64_t hash = (uint64_t)*number;
    for (size_t i = 0; i < len; i++) {
        hash ^= ((const uint8_t *)bytes)[i];
        hash *= UINT64_C(1099511628211);
    }
    *number = (int64_t)hash;
}

static void mix_text(int64_t *number, const char *text)
{
    mix(number, text ? text : "", text ? strlen(text) + 1 : 1);
}

static void mix_int(int64_t *number, int64_t value)
{
    mix(number, &value, sizeof value);
}

static void mix_real(int64_t *number, double value)
{
    mix(number, &value, sizeof value);
}

static void mix_rule(int64_t *number, const struct rule *rule)
{
    const int64_t ints[] = { rule->page,        rule->comparison, rule->severity,  rule->limit,
                             rule->in_force,    rule->hold_us,    rule->condition, rule->span_us,
                             rule->at_least_us, rule->at_most_us, rule->ahead_us,  rule->n_depends };
    mix_text(number, rule->name);
    mix_text(number, rule->metric);
    mix_text(number, rule->instance);
    mix_text(number, rule->per);
    mix_text(number, rule->per_instance);
    mix_real(number, rule->threshold);
    mix_real(number, rule->clear);
    mix(number, ints, sizeof ints);
    for (unsigned i = 0; i < rule->n_depends; i++)
        mix_text(number, rule->depends_on[i]);
}

static void mix_overlay(int64_t *number, const struct overlay *over)
{
    mix_text(number, over->rule);
    mix_text(number, over->hosts);
    mix_real(number, over->above);
    mix_real(number, over->below);
    mix_real(number, over->clear);
    mix_int(number, over->hold_us);
    mix_int(number, over->severity);
    mix_int(number, over->page);
    mix_int(number, over->off);
}

static void mix_config(int64_t *number, const struct collector *collector)
{
    const struct collector_config *config = collector->config;
    const struct webhook_config *webhooks = config->webhooks.at;
    for (size_t i = 0; i < config->webhooks.n; i++) {
        mix_text(number, webhooks[i].name);
        mix_text(number, webhooks[i].url);
        mix_text(number, webhooks[i].tenant);
    }
    mix(number, &collector->limits.config, sizeof collector->limits.config); /* numbers of 64 bits, no padding */
    mix(number, &config->retention, sizeof config->retention);
}

static void mix_event(int64_t *number, const struct event *event, const char *document)
{
    mix_text(number, document);
    mix_text(number, event->name);
    mix_text(number, event->zone);
    mix_text(number, event->hosts);
    mix_text(number, event->labels);
    mix_int(number, event->start_us);
    mix_int(number, event->end_us);
    mix_int(number, event->patrol.interval_us);
}

static struct patrol_setup setup_of(const struct sweep *sweep, const struct event *event)
{
    const struct collector *collector = sweep->collector;
    struct patrol_setup setup = { 1, 1, 1, 1 };
    for (size_t i = 0; i < collector->config->n_rules; i++)
        mix_rule(&setup.rules, &collector->config->rule_rows[i]);
    for (size_t i = 0; collector->config->overlays && i < collector->config->overlays->n; i++)
        mix_overlay(&setup.rules, &collector->config->overlays->at[i]);
    mix_config(&setup.config, collector);
    mix_event(&setup.event, event, life_of(collector, event->id)->document);
    for (size_t i = 0; i < sweep->sight.n_hosts; i++) {
        const struct host *row = fleet_host(collector->fleet, sweep->ids[i]);
        mix_int(&setup.hosts, (int64_t)sweep->ids[i]);
        mix_text(&setup.hosts, row->group);
        mix_text(&setup.hosts, row->labels);
        mix(&setup.hosts, row->limits, sizeof row->limits);
    }
    return setup;
}

/* ---- hosts ---- */

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int list_hosts(struct sweep *sweep, const struct event *event, size_t *ret_n)
{
    const struct fleet *fleet = sweep->collector->fleet;
    size_t n = 0;
    sweep->ids = calloc(fleet_count_hosts(fleet) + 1, sizeof *sweep->ids);
    if (!sweep->ids)
        return -ENOMEM;
    for (const struct host *row = NULL; (row = fleet_next_host(fleet, row));)
        if (row->standing == HOST_ACTIVE && scope_is_in(event, row))
            sweep->ids[n++] = row->id;
    qsort(sweep->ids, n, sizeof *sweep->ids, by_id);
    *ret_n = n;
    return 0;
}

/* Ticks of the present run that its agent has read and that are not stored. */
static uint64_t backlog_of(const struct session *session)
{
    const struct ingest_run *run = session->run;
    uint64_t last = run->stored.n > 0 ? spans_items(&run->stored)[run->stored.n - 1].last : 0;
    return run->highest > last ? run->highest - last : 0;
}

/* Within its first minute hosts are still being told how often to sample. */
static bool is_settling(const struct sweep *sweep, const struct event *event)
{
    return event->started_us != 0 && sweep->began_us - event->started_us <= PATROL_ON_TIME_US;
}

/* Copied, for they may change before the last value comes. Without memory it is seen by the rules as they are for all.
 */
static void see_tunings(const struct collector *collector, struct patrol_host *host)
{
    size_t n;
    const struct tuning *tunings = watch_tunings(collector->watch, host->id, &n);
    host->tunings = n > 0 ? malloc(n * sizeof *tunings) : NULL;
    if (!host->tunings)
        return;
    memcpy(host->tunings, tunings, n * sizeof *tunings);
    host->n_tunings = n;
}

static void see_host(const struct sweep *sweep, const struct event *event, struct patrol_host *host,
                     const struct host_state *state)
{
    const struct collector *collector = sweep->collector;
    int64_t since_us = sweep->began_us - sweep->sight.since_us;
    *host = (struct patrol_host){
        .id = state->id,
        .name = state->row->name,
        .presence = state->last_tick_us == 0 ? PATROL_NEVER
                    : state->silent          ? PATROL_SILENT
                                             : PATROL_REPORTING,
        .in_force = watch_strictest(state->in_force),
        .limits = state->limits,
        .last_tick_us = state->last_tick_us,
        .interval_us = state->interval_us,
        .wanted_us = is_settling(sweep, event) ? 0 : state->policy.interval_us,
        .version = state->version,
        .cloned = state->cloned_us != 0 && sweep->began_us - state->cloned_us < since_us,
        .too_many_alerts = state->too_many_alerts,
        .stepped = state->has_stepped && clock_mono_us(collector->clock) - state->stepped_us < since_us,
        .covered = NAN,
    };
    see_tunings(collector, host);
    if (!state->session || !state->session->run)
        return;
    host->has_session = true;
    host->ahead_us = state->session->ahead_us;
    host->backlog = backlog_of(state->session);
}

/* Since the last round; before the first one, and when a clock has gone back, as if there had been one in time. */
static int64_t since_of(const struct sweep *sweep, const struct event *event)
{
    int64_t last_us = event->patrol.last_us;
    if (last_us != 0 && last_us < sweep->began_us)
        return last_us;
    return sweep->began_us - PATROL_INTERVAL_US;
}

int sight_begin(struct sweep *sweep, const struct event *event)
{
    const struct collector *collector = sweep->collector;
    struct patrol_sight *sight = &sweep->sight;
    size_t n;
    int rc = list_hosts(sweep, event, &n);
    if (rc == 0)
        rc = patrol_sight_make(sight, n);
    if (rc < 0)
        return rc;
    sight->phase = sweep->round.phase;
    sight->now_us = sweep->began_us;
    sight->since_us = since_of(sweep, event);
    sight->end_us = event->end_us;
    sight->disks = sweep->of->disks;
    for (size_t i = 0; i < n; i++)
        see_host(sweep, event, &sight->hosts[i], scope_host(collector, sweep->ids[i]));
    return patrol_sight_limits(sight, collector->config->rule_rows, collector->config->n_rules);
}

/* ---- what the store has told ---- */

void sight_value(struct sweep *sweep, uint64_t host, const struct store_last *last)
{
    const struct patrol_host *of = patrol_sight_host(&sweep->sight, host);
    if (of)
        patrol_see(&sweep->sight, &(struct patrol_value){ .host = of,
                                                          .metric = last->metric,
                                                          .instance = last->instance,
                                                          .at_us = last->at_us,
                                                          .value = last->value });
}

static bool is_declared(const char *cause)
{
    for (int i = 0; i < DROP_COUNT; i++)
        if (strcmp(cause, drop_cause_name((enum drop_cause)i)) == 0)
            return true;
    return false;
}

/* Time before a host was known to report is none that it owes. */
void sight_coverage(struct sweep *sweep, const struct store_host_coverage *row, int64_t width_us)
{
    struct patrol_host *of = patrol_sight_host(&sweep->sight, row->host);
    if (!of || row->too_much)
        return;
    for (size_t i = 0; i < row->n; i++) {
        const struct store_gap *gap = &row->gaps[i];
        int64_t gap_us = gap->to_us - gap->from_us;
        if (strcmp(gap->cause, coverage_cause_name(COVERAGE_BEFORE_FIRST)) == 0) {
            width_us -= gap_us;
            continue;
        }
        if (gap_us > of->longest_us) {
            of->longest_us = gap_us;
            of->cause = gap->cause;
        }
        of->dropped_us += is_declared(gap->cause) ? gap_us : 0;
    }
    if (width_us > 0)
        of->covered = (double)row->covered_us / (double)width_us;
}

/* ---- the room ---- */

static const struct patrol_contact *last_of(const struct collector *collector, const char *name)
{
    for (size_t i = 0; i < collector->rounds->n_contacts; i++)
        if (strcmp(collector->rounds->contacts[i].name, name) == 0)
            return &collector->rounds->contacts[i];
    return NULL;
}

_Static_assert((int)PATROL_CONTACTS_MAX >= (int)COLLECTOR_WEBHOOKS_MAX + (int)PEOPLE_CONTACTS_MAX, "all are seen");

static void see_contact(struct sweep *sweep, const char *name)
{
    struct patrol_paging *paging = &sweep->sight.paging;
    struct patrol_contact *contact = &paging->contacts[paging->n_contacts++];
    const struct patrol_contact *last = last_of(sweep->collector, name);
    if (last)
        *contact = *last;
    else
        snprintf(contact->name, sizeof contact->name, "%s", name);
}

static void see_person(void *user, const char *name, const struct contact_config *contact)
{
    if (contact) /* one that is missing is the gate's to tell */
        see_contact(user, name);
}

static void see_machines(struct sweep *sweep, const struct tenant *tenant)
{
    const struct collector *collector = sweep->collector;
    const struct webhook_config *webhooks = collector->config->webhooks.at;
    for (size_t i = 0; i < collector->config->webhooks.n; i++)
        if (!webhooks[i].tenant || (tenant && strcmp(webhooks[i].tenant, tenant->name) == 0))
            see_contact(sweep, webhooks[i].name);
}

static void see_paging(struct sweep *sweep, const struct event *event)
{
    const struct collector *collector = sweep->collector;
    struct patrol_paging *paging = &sweep->sight.paging;
    paging->oldest_us = pager_oldest_queued_us(collector->pager, event->tenant, &paging->queued);
    paging->failed = sweep->of->failed;
    see_machines(sweep, fleet_tenant(collector->fleet, event->tenant));
    told_each(collector, event, see_person, sweep, NULL);
}

static void add_name(const struct collector *collector, struct patrol_names *names, uint64_t id)
{
    const struct host *row = fleet_host(collector->fleet, id);
    if (names->n < PATROL_NAMES_MAX)
        names->at[names->n] = row ? row->name : "?";
    names->n++;
}

/* Both lists rise. */
static void compare_hosts(struct sweep *sweep)
{
    const struct patrolled *of = sweep->of;
    struct patrol_sight *sight = &sweep->sight;
    size_t was = 0, is = 0;
    while (was < of->n_hosts || is < sight->n_hosts) {
        if (is == sight->n_hosts || (was < of->n_hosts && of->hosts[was] < sweep->ids[is]))
            add_name(sweep->collector, &sight->left, of->hosts[was++]);
        else if (was == of->n_hosts || sweep->ids[is] < of->hosts[was])
            add_name(sweep->collector, &sight->joined, sweep->ids[is++]);
        else
            was++, is++;
    }
}

void sight_end(struct sweep *sweep, const struct event *event)
{
    const struct collector *collector = sweep->collector;
    const struct event_patrol *patrol = &event->patrol;
    struct patrol_sight *sight = &sweep->sight;
    sight->skew_us = collector->limits.config.skew_us;
    if (collector->stepped_mono_us > sweep->of->made_mono_us)
        sight->own_step_us = collector->stepped_us;
    see_paging(sweep, event);
    sight->setup = setup_of(sweep, event);
    sight->has_before = patrol->saw_rules != 0;
    sight->before =
        (struct patrol_setup){ patrol->saw_rules, patrol->saw_config, patrol->saw_event, patrol->saw_hosts };
    sight->has_names = sweep->of->has_hosts;
    if (sight->has_names)
        compare_hosts(sweep);
    sight->n_unanswered = notices_conflict(collector, event, sight->unanswered, sizeof sight->unanswered);
}
