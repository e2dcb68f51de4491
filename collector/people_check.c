/* What only shows when all of the file is there: names that are used and are none, or taken; whom a tenant's incidents
 * would be told by mistake; what a channel lacks. */
#include <errno.h>
#include <string.h>

#include "collector/event/calendar.h"
#include "collector/event/whom.h"
#include "collector/people.h"

#define MINUTE_US (60 * US_PER_S)

struct checking {
    const char *path;
    struct people_config *people;
    const struct people_named *webhooks;
    size_t n_webhooks;
    struct config_faults *faults;
    int rc;
};

#define FAULT(c, line, ...) ((c)->rc = config_fault((c)->faults, (c)->path, (line), __VA_ARGS__))

/* ---- names ---- */

/* A list of any of our structs, whose names stand at one place. */
struct names {
    const struct config_list *list;
    size_t size, name_at, line_at;
};
#define NAMES(list_, struct_)                                                                                          \
    ((struct names){ (list_), sizeof(struct struct_), offsetof(struct struct_, name), offsetof(struct struct_, line) })

static struct people_named named(const struct names *names, size_t i)
{
    const char *item = (const char *)names->list->at + i * names->size;
    struct people_named ret;
    memcpy(&ret.name, item + names->name_at, sizeof ret.name);
    memcpy(&ret.line, item + names->line_at, sizeof ret.line);
    return ret;
}

/* The first `n` of them. */
static int line_of(const struct names *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        struct people_named other = named(names, i);
        if (strcmp(other.name, name) == 0)
            return other.line;
    }
    return 0;
}

static int line_of_webhook(const struct checking *c, const char *name)
{
    for (size_t i = 0; i < c->n_webhooks; i++)
        if (strcmp(c->webhooks[i].name, name) == 0)
            return c->webhooks[i].line;
    return 0;
}

/* Those of `names` among themselves, and beside `others` (may be NULL) and the webhooks. */
static void check_names(struct checking *c, const struct names *names, const struct names *others)
{
    for (size_t i = 0; i < names->list->n; i++) {
        struct people_named row = named(names, i);
        int taken = line_of(names, i, row.name);
        if (taken == 0 && others)
            taken = line_of(others, others->list->n, row.name);
        if (taken == 0)
            taken = line_of_webhook(c, row.name);
        if (!whom_is_name(row.name, strlen(row.name)))
            FAULT(c, row.line, "`name` is \"%.64s\", want no blanks, commas and semicolons in it", row.name);
        if (taken > 0)
            FAULT(c, row.line, "`name`: %s stands in line %d already", row.name, taken);
        if (strcmp(row.name, PAGE_LOOPBACK) == 0)
            FAULT(c, row.line, "`name`: %s is kept for the collector's own heartbeats", row.name);
    }
}

static void check_all_names(struct checking *c)
{
    const struct people_config *people = c->people;
    struct names channels = NAMES(&people->channels, channel_config);
    struct names contacts = NAMES(&people->contacts, contact_config);
    struct names rotas = NAMES(&people->rotas, rota_config);
    struct names escalations = NAMES(&people->escalations, escalation_config);
    check_names(c, &channels, NULL);
    check_names(c, &contacts, NULL);
    check_names(c, &rotas, &contacts);
    for (size_t i = 0; i < escalations.list->n; i++) {
        struct people_named row = named(&escalations, i);
        int taken = line_of(&escalations, i, row.name);
        if (taken > 0)
            FAULT(c, row.line, "`name`: %s stands in line %d already", row.name, taken);
    }
}

/* ---- channels and ways ---- */

static void check_channels(struct checking *c)
{
    const struct channel_config *rows = c->people->channels.at;
    for (size_t i = 0; i < c->people->channels.n; i++) {
        struct channel_route route = people_route(&rows[i]);
        struct err err;
        if (channel_route_check(&route, &err) < 0)
            FAULT(c, rows[i].line, "channel %s: %s", rows[i].name, err.text);
    }
}

static void check_address(struct checking *c, const struct channel_config *channel, const struct way_config *way)
{
    struct err err;
    if (channel_address_check((enum channel_kind)channel->kind, way->address ? way->address : "", &err) < 0)
        FAULT(c, way->line, "channel %s: `address`: %s", way->channel, err.text);
}

static bool same_way(const struct way_config *a, const struct way_config *b)
{
    const char *a_address = a->address ? a->address : "";
    return strcmp(a->channel, b->channel) == 0 && strcmp(a_address, b->address ? b->address : "") == 0;
}

static void check_contacts(struct checking *c)
{
    const struct contact_config *rows = c->people->contacts.at;
    for (size_t i = 0; i < c->people->contacts.n; i++) {
        const struct way_config *ways = rows[i].ways.at;
        for (size_t j = 0; j < rows[i].ways.n; j++) {
            const struct channel_config *channel = people_channel(c->people, ways[j].channel);
            if (!channel)
                FAULT(c, ways[j].line, "there is no channel %s under `channels`", ways[j].channel);
            else
                check_address(c, channel, &ways[j]);
            for (size_t k = 0; k < j; k++)
                if (same_way(&ways[k], &ways[j]))
                    FAULT(c, ways[j].line, "contact %s has this way in line %d already", rows[i].name, ways[k].line);
        }
    }
}

/* ---- rotas ---- */

/* Members of two tenants could never be told of the same incidents. */
static void check_members(struct checking *c, const struct rota_config *row)
{
    const char *tenant = NULL;
    for (size_t i = 0; i < row->members.n; i++) {
        const struct contact_config *contact = people_contact(c->people, row->members.at[i]);
        if (!contact)
            FAULT(c, row->line, "rota %s: there is no contact %.64s", row->name, row->members.at[i]);
        else if (contact->tenant && tenant && strcmp(tenant, contact->tenant) != 0)
            FAULT(c, row->line, "rota %s: %s is of the tenant %s, others are of %s", row->name, contact->name,
                  contact->tenant, tenant);
        else if (contact->tenant)
            tenant = contact->tenant;
    }
}

static void check_rotas(struct checking *c)
{
    struct rota_config *rows = c->people->rotas.at;
    for (size_t i = 0; i < c->people->rotas.n; i++) {
        struct err err;
        int64_t ignored;
        if (calendar_clock(rows[i].zone, 0, &ignored, &err) < 0 ||
            rota_first(rows[i].from, rows[i].at, &rows[i].first_s, &err) < 0)
            FAULT(c, rows[i].line, "rota %s: %s", rows[i].name, err.text);
        if (rows[i].turn_us % MINUTE_US != 0)
            FAULT(c, rows[i].line, "rota %s: `turn` is not of whole minutes", rows[i].name);
        check_members(c, &rows[i]);
    }
}

/* ---- escalations ---- */

static void check_told(struct checking *c, const struct escalation_config *row, int line, const char *name)
{
    const struct contact_config *contact = people_contact(c->people, name);
    if (!contact || people_may_tell(contact, row->tenant))
        return;
    if (row->tenant)
        FAULT(c, line, "escalation %s is of the tenant %s: %s is of %s", row->name, row->tenant, name, contact->tenant);
    else
        FAULT(c, line, "escalation %s is of all tenants: %s is of %s alone", row->name, name, contact->tenant);
}

static void check_name_of_step(struct checking *c, const struct escalation_config *row, const struct step_config *step,
                               size_t i)
{
    const char *name = step->contacts.at[i];
    const struct rota_config *rota = people_rota(c->people, name);
    if (!rota && !people_contact(c->people, name))
        FAULT(c, step->line, "escalation %s: there is no contact and no rota %.64s", row->name, name);
    for (size_t j = 0; j < i; j++)
        if (strcmp(step->contacts.at[j], name) == 0)
            FAULT(c, step->line, "escalation %s: %s stands twice in a step", row->name, name);
    check_told(c, row, step->line, name);
    for (size_t j = 0; rota && j < rota->members.n; j++)
        check_told(c, row, step->line, rota->members.at[j]);
}

static void check_steps(struct checking *c, const struct escalation_config *row)
{
    const struct step_config *steps = row->steps.at;
    for (size_t i = 0; i < row->steps.n; i++) {
        if (i == 0 && steps[i].after_us != 0)
            FAULT(c, steps[i].line, "escalation %s: want its first step `after` 0s: nobody would be told until then",
                  row->name);
        if (i > 0 && steps[i].after_us <= steps[i - 1].after_us)
            FAULT(c, steps[i].line,
                  "escalation %s: `after` is not more than that of the step before, want the steps"
                  " by time",
                  row->name);
        for (size_t j = 0; j < steps[i].contacts.n; j++)
            check_name_of_step(c, row, &steps[i], j);
    }
}

static bool same_tenant(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_escalations(struct checking *c)
{
    const struct escalation_config *rows = c->people->escalations.at;
    for (size_t i = 0; i < c->people->escalations.n; i++) {
        struct page_policy ignored;
        struct err err;
        check_steps(c, &rows[i]);
        if (people_policy(&rows[i], &ignored, &err) < 0)
            FAULT(c, rows[i].line, "escalation %s: %s", rows[i].name, err.text);
        for (size_t j = 0; j < i; j++)
            if (same_tenant(rows[i].tenant, rows[j].tenant))
                FAULT(c, rows[i].line, "escalation %s: line %d has that of %s already", rows[i].name, rows[j].line,
                      rows[i].tenant ? rows[i].tenant : "all tenants");
    }
}

int people_check(const char *path, struct people_config *people, const struct people_named *webhooks, size_t n_webhooks,
                 struct config_faults *faults)
{
    struct checking c = { path, people, webhooks, n_webhooks, faults, 0 };
    check_all_names(&c);
    check_channels(&c);
    check_contacts(&c);
    check_rotas(&c);
    check_escalations(&c);
    return c.rc;
}
