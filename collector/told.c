/* Who is told of an incident: the people and machines of the configuration as the pager has them, what an incident is
 * escalated by, the routes of channels, and whether everybody whom an event would have told can be reached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "collector/parts.h"

enum { CHANNELS_WANTED = 2 };

/* ---- for the pager ---- */

static uint64_t tenant_of(const struct collector *collector, const char *name, const char *of)
{
    if (!name)
        return 0;
    const struct tenant *tenant = fleet_tenant_named(collector->fleet, name);
    if (!tenant)
        log_event(&collector->log, LOG_WARN, "contact_waits_for_tenant", KV_TEXT("contact", of),
                  KV_TEXT("tenant", name));
    return tenant ? tenant->id : NOBODY_TENANT;
}

static void fill_webhook(const struct collector *collector, const struct webhook_config *webhook,
                         struct page_contact *ret)
{
    snprintf(ret->name, sizeof ret->name, "%s", webhook->name);
    ret->everything = true;
    ret->n_ways = 1; /* a channel of its own */
    memcpy(ret->ways[0].channel, ret->name, sizeof ret->name);
    ret->tenant = tenant_of(collector, webhook->tenant, webhook->name);
}

static void fill_contact(const struct collector *collector, const struct contact_config *contact,
                         struct page_contact *ret)
{
    const struct way_config *ways = contact->ways.at;
    snprintf(ret->name, sizeof ret->name, "%s", contact->name);
    ret->tenant = tenant_of(collector, contact->tenant, contact->name);
    ret->hears = contact->hears;
    ret->language = (enum language)contact->language;
    for (; ret->n_ways < contact->ways.n; ret->n_ways++) {
        struct page_way *way = &ret->ways[ret->n_ways];
        snprintf(way->channel, sizeof way->channel, "%s", ways[ret->n_ways].channel);
        snprintf(way->address, sizeof way->address, "%s", ways[ret->n_ways].address ? ways[ret->n_ways].address : "");
    }
}
_Static_assert((int)PEOPLE_WAYS_MAX == (int)PAGE_WAYS_MAX, "as many ways as the pager takes");

bool told_contact(const struct collector *collector, const char *name, struct page_contact *ret)
{
    const struct contact_config *contact = people_contact(&collector->config->people, name);
    *ret = (struct page_contact){ .n_ways = 0 };
    if (contact)
        fill_contact(collector, contact, ret);
    return contact != NULL;
}

static void fill_channel(const struct channel_config *channel, struct page_channel *ret)
{
    size_t together = channel_items_max((enum channel_kind)channel->kind);
    int64_t kinds_own = channel_per_minute((enum channel_kind)channel->kind);
    snprintf(ret->name, sizeof ret->name, "%s", channel->name);
    ret->per_minute = (unsigned)(channel->per_minute ? channel->per_minute : kinds_own);
    ret->together = (unsigned)(together < PAGE_TOGETHER_MAX ? together : PAGE_TOGETHER_MAX);
}

static const char *on_duty(void *user, const char *rota, int64_t at_us)
{
    struct rota_duty duty;
    return collector_duty(user, rota, at_us, &duty, NULL) == 0 ? duty.contact : NULL;
}

static bool policy_of(void *user, uint64_t tenant, uint64_t event, struct page_policy *ret)
{
    return told_policy(user, tenant, event, ret, NULL) == TOLD_BY_POLICY;
}

static bool in_window(void *user, uint64_t event, int64_t at_us)
{
    const struct event *row = scope_event(user, event);
    return row && row->state <= EVENT_LIVE && row->start_us <= at_us && at_us < row->end_us;
}

int told_feed(struct collector *collector, struct err *err)
{
    const struct collector_config *config = collector->config;
    const struct people_config *people = &config->people;
    size_t n = config->webhooks.n + people->contacts.n;
    AUTO(auto_free) struct page_contact *contacts = calloc(n + 1, sizeof *contacts);
    AUTO(auto_free) struct page_channel *channels = calloc(people->channels.n + 1, sizeof *channels);
    if (!contacts || !channels)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < config->webhooks.n; i++)
        fill_webhook(collector, (const struct webhook_config *)config->webhooks.at + i, &contacts[i]);
    for (size_t i = 0; i < people->contacts.n; i++)
        fill_contact(collector, (const struct contact_config *)people->contacts.at + i,
                     &contacts[config->webhooks.n + i]);
    for (size_t i = 0; i < people->channels.n; i++)
        fill_channel((const struct channel_config *)people->channels.at + i, &channels[i]);
    const struct page_ways ways = { .n_contacts = n,
                                    .contacts = contacts,
                                    .n_channels = people->channels.n,
                                    .channels = channels,
                                    .on_duty = on_duty,
                                    .policy_of = policy_of,
                                    .in_window = in_window,
                                    .user = collector };
    int rc = pager_set_ways(collector->pager, &ways, now_us(collector), &collector->effects);
    return rc < 0 ? err_sys(err, rc, "cannot take the contacts") : 0;
}

static const struct webhook_config *webhook_named(const struct collector *collector, const char *name)
{
    const struct webhook_config *webhooks = collector->config->webhooks.at;
    for (size_t i = 0; i < collector->config->webhooks.n; i++)
        if (strcmp(webhooks[i].name, name) == 0)
            return &webhooks[i];
    return NULL;
}

bool told_route(const struct collector *collector, const char *name, struct channel_route *ret)
{
    const struct channel_config *channel = people_channel(&collector->config->people, name);
    const struct webhook_config *webhook = webhook_named(collector, name);
    if (channel)
        *ret = people_route(channel);
    else if (webhook)
        *ret = (struct channel_route){ .kind = CHANNEL_WEBHOOK, .url = webhook->url };
    if (!channel && webhook)
        snprintf(ret->name, sizeof ret->name, "%s", name);
    return channel || webhook;
}

enum language told_language(const struct collector *collector, const char *name)
{
    const struct contact_config *contact = people_contact(&collector->config->people, name);
    return contact ? (enum language)contact->language : LANGUAGE_EN;
}

/* ---- what an incident is escalated by ---- */

/* "0s ops, lead; 3m manager" of what a document has; contacts alone are told at once. */
static int document_policy(const struct document *document, struct page_policy *ret, struct err *err)
{
    char text[DOCUMENT_CONTACTS_MAX * (DOCUMENT_WORD_MAX + 4) + 64] = "";
    char after[DURATION_TEXT];
    size_t used = 0;
    for (size_t i = 0; i < document->n_steps; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s", i ? "; " : "",
                                 duration_format(after, document->steps[i].after_us), document->steps[i].contacts);
    for (size_t i = 0; document->n_steps == 0 && i < document->n_contacts; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? ", " : "0s ", document->contacts[i]);
    return page_policy_parse(text, used, ret, err);
}

/* TOLD_BY_POLICY, TOLD_EVERYBODY: the document says nothing. */
static int policy_of_event(const struct collector *collector, uint64_t event, struct page_policy *ret, struct err *err)
{
    AUTO(auto_free) struct document *document = event ? malloc(sizeof *document) : NULL;
    if (!event)
        return TOLD_EVERYBODY;
    if (!document)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = collector_document(collector, event, document, err);
    if (rc == 0 && document->n_steps == 0 && document->n_contacts == 0)
        return TOLD_EVERYBODY;
    return rc < 0 ? rc : document_policy(document, ret, err);
}

int told_policy(const struct collector *collector, uint64_t tenant, uint64_t event, struct page_policy *ret,
                struct err *err)
{
    const struct tenant *row = fleet_tenant(collector->fleet, tenant);
    const struct escalation_config *escalation = people_escalation(&collector->config->people, row ? row->name : NULL);
    int rc = policy_of_event(collector, event, ret, err);
    if (rc != TOLD_EVERYBODY)
        return rc;
    if (!escalation)
        return TOLD_EVERYBODY;
    return people_policy(escalation, ret, err);
}

/* ---- everybody whom an event would have told ---- */

struct walk {
    const struct collector *collector;
    const struct people_config *people;
    const char *tenant; /* NULL: the collector's own */
    told_contact_fn *fn;
    void *user;
    size_t n;
    const char *seen[PEOPLE_CONTACTS_MAX + 1]; /* each is told of once */
};

static void walk_contact(struct walk *walk, const struct contact_config *contact)
{
    for (size_t i = 0; i < walk->n; i++)
        if (strcmp(walk->seen[i], contact->name) == 0)
            return;
    walk->seen[walk->n++] = contact->name;
    walk->fn(walk->user, contact->name, contact);
}

static void walk_name(struct walk *walk, const char *name)
{
    const struct rota_config *rota = people_rota(walk->people, name);
    const struct contact_config *contact = people_contact(walk->people, name);
    for (size_t i = 0; rota && i < rota->members.n; i++)
        walk_contact(walk, people_contact(walk->people, rota->members.at[i]));
    if (contact)
        walk_contact(walk, contact);
    if (!rota && !contact)
        walk->fn(walk->user, name, NULL);
}

static void walk_everybody(struct walk *walk)
{
    const struct contact_config *contacts = walk->people->contacts.at;
    for (size_t i = 0; i < walk->people->contacts.n; i++)
        if (people_may_tell(&contacts[i], walk->tenant))
            walk_contact(walk, &contacts[i]);
}

/* Those who are put on duty for a while are told too. */
static void walk_overrides(struct walk *walk, const char *rota)
{
    for (const struct rota_override *row = NULL; (row = collector_next_override(walk->collector, row));) {
        const struct contact_config *contact = people_contact(walk->people, row->contact);
        if (contact && strcmp(row->rota, rota) == 0)
            walk_contact(walk, contact);
    }
}

static void walk_policy(struct walk *walk, const struct page_policy *policy)
{
    for (unsigned i = 0; i < policy->n_steps; i++) {
        for (unsigned j = 0; j < policy->steps[i].n; j++) {
            walk_name(walk, policy->steps[i].whom[j]);
            walk_overrides(walk, policy->steps[i].whom[j]);
        }
    }
}

static const char *tenant_name(const struct collector *collector, uint64_t tenant)
{
    const struct tenant *row = fleet_tenant(collector->fleet, tenant);
    return row ? row->name : NULL;
}

int told_each(const struct collector *collector, const struct event *event, told_contact_fn *fn, void *user,
              struct err *err)
{
    struct walk walk = { .collector = collector,
                         .people = &collector->config->people,
                         .tenant = tenant_name(collector, event->tenant),
                         .fn = fn,
                         .user = user };
    struct page_policy policy = { .n_steps = 0 };
    int rc = told_policy(collector, event->tenant, event->id, &policy, err);
    if (rc == TOLD_EVERYBODY)
        walk_everybody(&walk);
    else if (rc == TOLD_BY_POLICY)
        walk_policy(&walk, &policy);
    return rc < 0 ? rc : 0;
}

/* ---- whether they can be reached ---- */

struct reach {
    const struct collector *collector;
    const char *tenant;
    size_t n;
    size_t n_bad;
    char bad[GATE_TEXT_MAX - 64];
};

static void complain(struct reach *reach, const char *name, const char *why)
{
    size_t used = strlen(reach->bad);
    snprintf(reach->bad + used, sizeof reach->bad - used, "%s%s %s", reach->n_bad++ ? ", " : "", name, why);
}

static void reach_contact(void *user, const char *name, const struct contact_config *contact)
{
    struct reach *reach = user;
    reach->n += contact != NULL;
    if (!contact)
        complain(reach, name, webhook_named(reach->collector, name) ? "has one channel" : "is no contact and no rota");
    else if (!people_may_tell(contact, reach->tenant))
        complain(reach, name, "is another tenant's");
    else if (people_count_channels(contact) < CHANNELS_WANTED)
        complain(reach, name, "has one channel");
}

bool told_reached(const struct collector *collector, const struct event *event, char evidence[GATE_TEXT_MAX + 1])
{
    struct reach reach = { .collector = collector, .tenant = tenant_name(collector, event->tenant) };
    struct err err;
    int rc = told_each(collector, event, reach_contact, &reach, &err);
    if (rc < 0) {
        snprintf(evidence, GATE_TEXT_MAX + 1, "%.200s", err.text);
        return false;
    }
    if (reach.n_bad > 0)
        snprintf(evidence, GATE_TEXT_MAX + 1, "not by two channels: %s", reach.bad);
    else if (reach.n == 0)
        snprintf(evidence, GATE_TEXT_MAX + 1, "no contact is told, only machines");
    else
        snprintf(evidence, GATE_TEXT_MAX + 1, "%zu can be told by two channels", reach.n);
    return reach.n_bad == 0 && reach.n > 0;
}
