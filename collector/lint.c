/* From configuration alone: can everybody who would be told of an event's trouble have answered within ten minutes? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/page/worst.h"
#include "collector/parts.h"

enum { LINT_HEARERS_MAX = PEOPLE_CONTACTS_MAX + COLLECTOR_WEBHOOKS_MAX };

struct hearer { /* somebody, at the first step that tells them */
    const char *name;
    unsigned step;
    int64_t after_us;
    const struct contact_config *contact; /* NULL: a webhook, which is its own channel */
    struct worst_path path;               /* by the slowest of its ways; the hold is the rule's */
};

struct linting {
    const struct collector *collector;
    const char *tenant;
    unsigned told_at[PEOPLE_CHANNELS_MAX]; /* hearers' ways by each channel, in the order of the configuration */
    size_t n;
    struct hearer hearers[LINT_HEARERS_MAX];
};

static void add_hearer(struct linting *linting, const struct hearer *hearer)
{
    for (size_t i = 0; i < linting->n; i++)
        if (strcmp(linting->hearers[i].name, hearer->name) == 0)
            return;
    if (linting->n < LINT_HEARERS_MAX)
        linting->hearers[linting->n++] = *hearer;
}

static void add_contact(struct linting *linting, const char *name, unsigned step, int64_t after_us)
{
    const struct contact_config *contact = people_contact(&linting->collector->config->people, name);
    if (contact && people_may_tell(contact, linting->tenant))
        add_hearer(linting,
                   &(struct hearer){ .name = contact->name, .step = step, .after_us = after_us, .contact = contact });
}

/* Those who are put on duty for a while are told too. */
static void add_overrides(struct linting *linting, const char *rota, unsigned step, int64_t after_us)
{
    const struct collector *collector = linting->collector;
    for (size_t i = 0; i < collector->n_overrides; i++)
        if (strcmp(collector->overrides[i]->rota, rota) == 0)
            add_contact(linting, collector->overrides[i]->contact, step, after_us);
}

/* Anybody of a rota may be on duty when it comes to it. */
static void add_named(struct linting *linting, const char *name, unsigned step, int64_t after_us)
{
    const struct rota_config *rota = people_rota(&linting->collector->config->people, name);
    if (!rota)
        add_contact(linting, name, step, after_us);
    for (size_t i = 0; rota && i < rota->members.n; i++)
        add_contact(linting, rota->members.at[i], step, after_us);
    if (rota)
        add_overrides(linting, name, step, after_us);
}

static void add_policy(struct linting *linting, const struct page_policy *policy)
{
    for (unsigned i = 0; i < policy->n_steps; i++)
        for (unsigned j = 0; j < policy->steps[i].n; j++)
            add_named(linting, policy->steps[i].whom[j], i, policy->steps[i].after_us);
}

static void add_everybody(struct linting *linting)
{
    const struct config_list *contacts = &linting->collector->config->people.contacts;
    for (size_t i = 0; i < contacts->n; i++)
        add_contact(linting, ((const struct contact_config *)contacts->at)[i].name, 0, 0);
}

/* Machines are told of everything at once, whatever the policy is. */
static void add_webhooks(struct linting *linting)
{
    const struct config_list *webhooks = &linting->collector->config->webhooks;
    for (size_t i = 0; i < webhooks->n; i++) {
        const struct webhook_config *webhook = (const struct webhook_config *)webhooks->at + i;
        if (!webhook->tenant || (linting->tenant && strcmp(webhook->tenant, linting->tenant) == 0))
            add_hearer(linting, &(struct hearer){ .name = webhook->name });
    }
}

/* ---- by which of their ways ---- */

static const struct channel_config *channel_of(const struct linting *linting, const struct way_config *way,
                                               size_t *ret_index)
{
    const struct people_config *people = &linting->collector->config->people;
    const struct channel_config *channel = people_channel(people, way->channel);
    *ret_index = channel ? (size_t)(channel - (const struct channel_config *)people->channels.at) : 0;
    return channel;
}

/* What is due to one of them goes as one message. */
static void count_ways(struct linting *linting, const struct contact_config *contact)
{
    const struct way_config *ways = contact->ways.at;
    size_t index;
    for (size_t i = 0; i < contact->ways.n; i++)
        if (channel_of(linting, &ways[i], &index))
            linting->told_at[index]++;
}

static unsigned rate_of(const struct channel_config *channel)
{
    return channel->per_minute > 0 ? (unsigned)channel->per_minute
                                   : channel_per_minute((enum channel_kind)channel->kind);
}

static int64_t try_of(const struct channel_config *channel)
{
    return channel->kind == CHANNEL_SMTP ? WORST_TRY_MAIL_US : WORST_TRY_US;
}

/* How long an attempt may hang: by the first way, and by any that its pages may spill to. */
static void find_tries(const struct linting *linting, struct hearer *hearer)
{
    const struct way_config *ways = hearer->contact->ways.at;
    hearer->path.next_try_us = 0;
    for (size_t i = 0; i < hearer->contact->ways.n; i++) {
        size_t index;
        const struct channel_config *channel = channel_of(linting, &ways[i], &index);
        if (!channel)
            continue;
        if (i == 0)
            hearer->path.try_us = try_of(channel);
        else if (strcmp(ways[i].channel, ways[0].channel) != 0 && try_of(channel) > hearer->path.next_try_us)
            hearer->path.next_try_us = try_of(channel);
    }
}

/* Whichever of the contact's ways is the slowest: that is so whatever the rule. */
static void find_slowest(const struct linting *linting, struct hearer *hearer)
{
    const struct way_config *ways = hearer->contact->ways.at;
    hearer->path.n_ways = (unsigned)people_count_channels(hearer->contact);
    find_tries(linting, hearer);
    for (size_t i = 0; i < hearer->contact->ways.n; i++) {
        struct worst_path path = hearer->path;
        size_t index;
        const struct channel_config *channel = channel_of(linting, &ways[i], &index);
        if (!channel)
            continue;
        path.per_minute = rate_of(channel);
        path.ahead = linting->told_at[index];
        if (worst_of(&path).total_us > worst_of(&hearer->path).total_us)
            hearer->path = path;
    }
}

static void find_paths(struct linting *linting)
{
    for (size_t i = 0; i < linting->n; i++)
        if (linting->hearers[i].contact)
            count_ways(linting, linting->hearers[i].contact);
    for (size_t i = 0; i < linting->n; i++) {
        struct hearer *hearer = &linting->hearers[i];
        hearer->path = (struct worst_path){
            .interval_us = INTERVAL_WINDOW_US, .after_us = hearer->after_us, .n_ways = 1, .try_us = WORST_TRY_US
        };
        if (hearer->contact)
            find_slowest(linting, hearer);
    }
}

static int gather(struct linting *linting, const struct event *event, struct err *err)
{
    AUTO(auto_free) struct page_policy *policy = malloc(sizeof *policy);
    const struct tenant *tenant = fleet_tenant(linting->collector->fleet, event->tenant);
    linting->tenant = tenant ? tenant->name : NULL;
    if (!policy)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = told_policy(linting->collector, event->tenant, event->id, policy, err);
    if (rc < 0)
        return rc;
    if (rc == TOLD_EVERYBODY)
        add_everybody(linting);
    else
        add_policy(linting, policy);
    add_webhooks(linting);
    find_paths(linting);
    return 0;
}

/* ---- rules ---- */

/* What is laid over it for some hosts may make it page, and hold longer: the most that any of it says. */
static void lay_over(const struct overlays *overlays, struct rule *rule)
{
    for (size_t i = 0; overlays && i < overlays->n; i++) {
        const struct overlay *overlay = &overlays->at[i];
        if (overlay->off || strcmp(overlay->rule, rule->name) != 0)
            continue;
        if (overlay->hold_us > rule->hold_us)
            rule->hold_us = overlay->hold_us;
        if (overlay->page > 0 || (overlay->page == OVERLAY_GIVEN_NOT && overlay->severity == SEVERITY_CRITICAL))
            rule->page = true;
    }
}

/* From the first bad sample on: a part of the time has its first bad sample at the beginning of its span. */
static int64_t takes_us(const struct rule *rule)
{
    int64_t us = rule->condition == CONDITION_FRACTION ? rule->span_us : rule->hold_us;
    return us < RULE_PAGE_HOLD_MAX_US ? us : RULE_PAGE_HOLD_MAX_US;
}

static int overlays_of(const struct collector *collector, const struct event *event, struct overlays **ret,
                       struct err *err)
{
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    if (!document)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = collector_document(collector, event->id, document, err);
    if (rc < 0)
        return rc;
    *ret = overlays_of_event(collector, event, document);
    return *ret ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static void each_hearer(const struct linting *linting, const char *rule, int64_t hold_us, collector_lint_fn *fn,
                        void *user)
{
    for (size_t i = 0; i < linting->n; i++) {
        const struct hearer *hearer = &linting->hearers[i];
        struct worst_path path = hearer->path;
        path.hold_us = hold_us;
        const struct lint_row row = {
            .rule = rule, .contact = hearer->name, .step = hearer->step, .worst = worst_of(&path)
        };
        fn(user, &row);
    }
}

static void each_rule(const struct linting *linting, const struct overlays *of_event, collector_lint_fn *fn, void *user)
{
    const struct collector_config *config = linting->collector->config;
    for (size_t i = 0; i < config->n_rules; i++) {
        struct rule rule = config->rule_rows[i];
        if (!(rule.in_force & (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))))
            continue;
        lay_over(config->overlays, &rule);
        lay_over(of_event, &rule);
        if (rule.page)
            each_hearer(linting, config->rule_rows[i].name, takes_us(&rule), fn, user);
    }
    each_hearer(linting, WATCH_SILENCE_RULE, (int64_t)WATCH_SILENCE_INTERVALS * INTERVAL_WINDOW_US, fn, user);
}

int collector_lint(const struct collector *collector, const struct event *event, collector_lint_fn *fn, void *user,
                   struct err *err)
{
    AUTO(auto_free) struct linting *linting = calloc(1, sizeof *linting);
    AUTO(auto_free) struct overlays *of_event = NULL;
    if (!linting)
        return err_set(err, -ENOMEM, "out of memory");
    linting->collector = collector;
    int rc = overlays_of(collector, event, &of_event, err);
    if (rc == 0)
        rc = gather(linting, event, err);
    if (rc == 0)
        each_rule(linting, of_event, fn, user);
    return rc;
}

/* ---- the gate ---- */

struct lint_sum {
    size_t n, over;
    char rule[RULE_NAME_MAX + 1];
    char contact[CONTACT_NAME_MAX + 1];
    int64_t worst_us;
};

static void sum_up(void *user, const struct lint_row *row)
{
    struct lint_sum *sum = user;
    sum->n++;
    sum->over += row->worst.total_us > PAGE_BUDGET_US;
    if (row->worst.total_us <= sum->worst_us)
        return;
    sum->worst_us = row->worst.total_us;
    snprintf(sum->rule, sizeof sum->rule, "%s", row->rule);
    snprintf(sum->contact, sizeof sum->contact, "%s", row->contact);
}

bool lint_holds(const struct collector *collector, const struct event *event, char evidence[GATE_TEXT_MAX + 1])
{
    struct lint_sum sum = { .n = 0 };
    struct err err;
    int budget_s = (int)(PAGE_BUDGET_US / US_PER_S);
    if (collector_lint(collector, event, sum_up, &sum, &err) < 0)
        snprintf(evidence, GATE_TEXT_MAX + 1, "%s", err.text);
    else if (sum.n == 0)
        snprintf(evidence, GATE_TEXT_MAX + 1, "nobody would be told of anything");
    else if (sum.over > 0)
        snprintf(evidence, GATE_TEXT_MAX + 1,
                 "%d s at worst, more than %d s: %s to %s (%zu of %zu ways); warroom lint %s",
                 (int)(sum.worst_us / US_PER_S), budget_s, sum.rule, sum.contact, sum.over, sum.n, event->name);
    else
        snprintf(evidence, GATE_TEXT_MAX + 1, "%d s of %d s at worst: %s to %s", (int)(sum.worst_us / US_PER_S),
                 budget_s, sum.rule, sum.contact);
    return sum.n > 0 && sum.over == 0;
}
