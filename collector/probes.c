/* Whether the ways out are there, asked before anybody has to go by them: while an event is live each channel that its
 * people and machines can be told by is connected to once a minute, spread over the minute. One that cannot be reached
 * twice in a row is down to the pager, so that pages go by other ways at once, and is an incident of the collector's
 * own, until it can be reached.
 *
 * Such an incident keeps its channel being asked when no event is live any more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "collector/channel/route.h"
#include "collector/parts.h"
#include "utlist.h"

#define MINUTE_US (60 * US_PER_S)
#define AGAIN_US  (15 * US_PER_S) /* behind a first failure: most are over by then */
#define GROUP     "channel-"

enum { DOWN_AFTER = 2 };

struct probe { /* of a channel */
    struct collector *collector;
    char name[CONTACT_NAME_MAX + 1];
    bool wanted;
    bool under_way;
    int64_t due_us; /* monotonic; 0: not in this minute any more */
    unsigned failures;
    uint64_t incident; /* 0: none */
    struct probe *next;
};

static struct probe *find(struct collector *collector, const char *name)
{
    for (struct probe *probe = collector->probes; probe; probe = probe->next)
        if (strcmp(probe->name, name) == 0)
            return probe;
    return NULL;
}

/* NULL: out of memory; the next minute tries again. */
static struct probe *note(struct collector *collector, const char *name)
{
    struct probe *probe = find(collector, name);
    if (probe)
        return probe;
    probe = calloc(1, sizeof *probe);
    if (!probe)
        return NULL;
    probe->collector = collector;
    snprintf(probe->name, sizeof probe->name, "%s", name);
    LL_APPEND(collector->probes, probe);
    return probe;
}

/* ---- what came of it ---- */

static void group_text(char text[NAME_MAX_BYTES + 1], const char *name)
{
    size_t len = sizeof GROUP - 1;
    memcpy(text, GROUP, len);
    len += utf8_clean(text + len, NAME_MAX_BYTES - len, name, strlen(name));
    text[len] = '\0';
}

static void raise_concern(struct probe *probe, const char *error)
{
    char group[NAME_MAX_BYTES + 1];
    char title[CONCERN_NAME_ROOM + PAGE_ERROR_MAX + 64], name[CONCERN_NAME_ROOM];
    group_text(group, probe->name);
    snprintf(title, sizeof title, "Channel %s cannot be reached: %s", concern_name(name, probe->name), error);
    concern_raise(probe->collector, &probe->incident, group, title);
}

static void on_outcome(void *user, const struct page_outcome *outcome)
{
    struct probe *probe = user;
    struct collector *collector = probe->collector;
    probe->under_way = false;
    probe->failures = outcome->delivered ? 0 : probe->failures + 1;
    if (!outcome->delivered)
        log_event(&collector->log, LOG_WARN, "channel_unreached", KV_TEXT("channel", probe->name),
                  KV_COUNT("times", probe->failures), KV_TEXT("error", outcome->error));
    pager_channel_probed(collector->pager, probe->name, outcome, now_us(collector), &collector->effects);
    if (probe->failures == 1)
        probe->due_us = clock_mono_us(collector->clock) + AGAIN_US;
    if (probe->failures >= DOWN_AFTER)
        raise_concern(probe, outcome->error);
    else if (outcome->delivered)
        concern_end(collector, &probe->incident);
    desk_settle(collector);
}

/* That nothing could be asked says nothing of the channel. */
static void ask(struct collector *collector, struct probe *probe)
{
    struct channel_route route;
    probe->due_us = 0;
    if (told_route(collector, probe->name, &route))
        probe->under_way = channel_probe(collector->sender, &route, on_outcome, probe, NULL) == 0;
}

/* ---- whom to ask ---- */

static void want(struct collector *collector, const char *channel)
{
    struct probe *probe = note(collector, channel);
    if (probe)
        probe->wanted = true;
}

static void want_ways(void *user, const char *name, const struct contact_config *contact)
{
    const struct way_config *ways = contact ? contact->ways.at : NULL;
    (void)name;
    for (size_t i = 0; contact && i < contact->ways.n; i++)
        want(user, ways[i].channel);
}

static void want_those_of(struct collector *collector, const struct event *event)
{
    const struct tenant *tenant = fleet_tenant(collector->fleet, event->tenant);
    const struct webhook_config *webhooks = collector->config->webhooks.at;
    told_each(collector, event, want_ways, collector, NULL);
    for (size_t i = 0; i < collector->config->webhooks.n; i++)
        if (!webhooks[i].tenant || (tenant && strcmp(webhooks[i].tenant, tenant->name) == 0))
            want(collector, webhooks[i].name);
}

/* Also of one that the configuration has no more: what was wrong with it is nobody's concern. */
static void drop_unwanted(struct collector *collector)
{
    struct probe *probe, *next;
    LL_FOREACH_SAFE(collector->probes, probe, next)
    {
        struct channel_route route;
        if (!told_route(collector, probe->name, &route))
            concern_end(collector, &probe->incident);
        if (probe->wanted || probe->incident || probe->under_way)
            continue;
        pager_channel_unasked(collector->pager, probe->name);
        LL_DELETE(collector->probes, probe);
        free(probe);
    }
}

static size_t count_live(const struct collector *collector)
{
    size_t n = 0;
    for (size_t i = 0; i < collector->n_events; i++)
        n += collector->events[i]->state == EVENT_LIVE;
    return n;
}

static void plan_minute(struct collector *collector, int64_t mono_us)
{
    struct probe *probe;
    LL_FOREACH(collector->probes, probe)
    probe->wanted = false;
    for (size_t i = 0; i < collector->n_events; i++)
        if (collector->events[i]->state == EVENT_LIVE)
            want_those_of(collector, collector->events[i]);
    drop_unwanted(collector);
    int n = 0;
    LL_COUNT(collector->probes, probe, n);
    int64_t i = 0;
    LL_FOREACH(collector->probes, probe)
    probe->due_us = mono_us + i++ * MINUTE_US / n;
}

void probes_tick(struct collector *collector)
{
    int64_t mono_us = clock_mono_us(collector->clock);
    size_t live = count_live(collector);
    struct probe *probe;
    if (mono_us >= collector->probes_us || live > collector->probes_live) { /* one that is new waits for no minute */
        collector->probes_us = mono_us + MINUTE_US;
        plan_minute(collector, mono_us);
    }
    collector->probes_live = live;
    LL_FOREACH(collector->probes, probe)
    if (probe->due_us != 0 && probe->due_us <= mono_us && !probe->under_way)
        ask(collector, probe);
}

/* ---- at start and end ---- */

static bool is_group_of(const char *group, const char *name)
{
    char text[NAME_MAX_BYTES + 1];
    group_text(text, name);
    return strcmp(text, group) == 0;
}

/* A group holds no more than the beginning of a long name. One that the configuration has no more is what is left. */
static const char *name_of_group(const struct collector_config *config, const char *group)
{
    const struct channel_config *channels = config->people.channels.at;
    const struct webhook_config *webhooks = config->webhooks.at;
    for (size_t i = 0; i < config->people.channels.n; i++)
        if (is_group_of(group, channels[i].name))
            return channels[i].name;
    for (size_t i = 0; i < config->webhooks.n; i++)
        if (is_group_of(group, webhooks[i].name))
            return webhooks[i].name;
    return group + sizeof GROUP - 1;
}

static void take_up(void *user, const struct incident *incident)
{
    struct collector *collector = user;
    size_t len = sizeof GROUP - 1;
    if (incident->tenant != TENANT_RESERVED || incident->state == INCIDENT_RESOLVED ||
        strncmp(incident->group, GROUP, len) != 0)
        return;
    struct probe *probe = note(collector, name_of_group(collector->config, incident->group));
    if (probe)
        probe->incident = incident->id;
}

void probes_restore(struct collector *collector)
{
    pager_each(collector->pager, take_up, collector);
}

void probes_free(struct collector *collector)
{
    struct probe *probe, *next;
    LL_FOREACH_SAFE(collector->probes, probe, next)
    free(probe);
}
