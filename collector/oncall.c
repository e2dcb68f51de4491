/* Who is on duty: rotas of the configuration and the overrides of people, which are rows of the registry. Those that
 * are over stay there, and on record: in the chain of the tenant whose people the rota is of, or, where it serves all,
 * in the collector's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collector/parts.h"

static const struct people_config *people_of(const struct collector *collector)
{
    return &collector->config->people;
}

static int no_rota(const char *name, struct err *err)
{
    return err_set(err, -ENOENT, "there is no rota %.64s; warroom oncall list shows them", name);
}

int collector_duty(const struct collector *collector, const char *rota, int64_t at_us, struct rota_duty *ret,
                   struct err *err)
{
    const struct rota_override *held[COLLECTOR_OVERRIDES_MAX];
    const struct rota_config *config = people_rota(people_of(collector), rota);
    size_t n = 0;
    if (!config)
        return no_rota(rota, err);
    struct rota view = people_rota_view(config);
    for (size_t i = 0; i < collector->n_overrides; i++)
        if (people_contact(people_of(collector), collector->overrides[i]->contact))
            held[n++] = collector->overrides[i];
    return rota_duty(&view, held, n, at_us, ret, err);
}

const struct rota_override *collector_next_override(const struct collector *collector,
                                                    const struct rota_override *after)
{
    for (size_t i = 0; i < collector->n_overrides; i++)
        if (!after || collector->overrides[i]->id > after->id)
            return collector->overrides[i];
    return NULL;
}

/* ---- commands ---- */

/* Its members', when they have one: a rota of theirs is told of nobody else's incidents. */
static const char *tenant_of(const struct collector *collector, const struct rota_config *rota)
{
    for (size_t i = 0; i < rota->members.n; i++) {
        const struct contact_config *contact = people_contact(people_of(collector), rota->members.at[i]);
        if (contact && contact->tenant)
            return contact->tenant;
    }
    return NULL;
}

static int check(const struct collector *collector, const struct rota_override *row, struct err *err)
{
    const struct rota_config *rota = people_rota(people_of(collector), row->rota);
    const struct contact_config *contact = people_contact(people_of(collector), row->contact);
    if (!rota)
        return no_rota(row->rota, err);
    if (!contact)
        return err_set(err, -ENOENT, "there is no contact %.64s; warroom contact list shows them", row->contact);
    if (!people_may_tell(contact, tenant_of(collector, rota)))
        return err_set(err, -EPERM, "%s hears of the incidents of %s alone: the rota %s is told of others'",
                       contact->name, contact->tenant, rota->name);
    if (collector->n_overrides == COLLECTOR_OVERRIDES_MAX)
        return err_set(err, -ENOSPC, "%d overrides are not over yet, as many as there can be", COLLECTOR_OVERRIDES_MAX);
    return 0;
}

static struct rota_override *take_in(struct collector *collector, const struct rota_override *row)
{
    struct rota_override *kept = malloc(sizeof *kept);
    if (!kept)
        return NULL;
    *kept = *row;
    collector->overrides[collector->n_overrides++] = kept;
    return kept;
}

uint64_t collector_override_chain(const struct collector *collector, const struct rota_override *row)
{
    const struct rota_config *rota = people_rota(people_of(collector), row->rota);
    const struct contact_config *contact = people_contact(people_of(collector), row->contact);
    const char *name = rota ? tenant_of(collector, rota) : NULL;
    if (!name && contact)
        name = contact->tenant;
    const struct tenant *tenant = name ? fleet_tenant_named(collector->fleet, name) : NULL;
    return tenant ? tenant->id : TENANT_RESERVED;
}

static void keep(struct collector *collector, const struct rota_override *row)
{
    store_put_rota_override(collector->store, row);
    json_t *body = json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I}", "what", "override", "override", (json_int_t)row->id,
                             "rota", row->rota, "contact", row->contact, "reason", row->reason, "from_us",
                             (json_int_t)row->from_us, "to_us", (json_int_t)row->to_us);
    ledger_note(collector, collector_override_chain(collector, row),
                (struct ledger_note){ .kind = "oncall", .actor = row->by, .body = body });
    log_event(&collector->log, LOG_INFO, "rota_overridden", KV_TEXT("rota", row->rota),
              KV_TEXT("contact", row->contact), KV_TEXT("by", row->by), KV_TEXT("reason", row->reason));
}

int collector_override_rota(struct collector *collector, const struct rota_override *wanted,
                            const struct rota_override **ret_row, struct err *err)
{
    struct rota_override row = *wanted;
    int rc = check(collector, &row, err);
    if (rc < 0)
        return rc;
    row.id = collector->last_override + 1;
    const struct rota_override *kept = take_in(collector, &row);
    if (!kept)
        return err_set(err, -ENOMEM, "out of memory");
    collector->last_override = row.id;
    keep(collector, kept);
    *ret_row = kept;
    return 0;
}

/* ---- time, start and end ---- */

void oncall_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    size_t n = 0;
    for (size_t i = 0; i < collector->n_overrides; i++) {
        if (collector->overrides[i]->to_us <= now)
            free(collector->overrides[i]);
        else
            collector->overrides[n++] = collector->overrides[i];
    }
    collector->n_overrides = n;
}

int oncall_restore(struct collector *collector, const struct rota_override *row)
{
    if (row->id > collector->last_override)
        collector->last_override = row->id;
    if (row->to_us <= now_us(collector) || collector->n_overrides == COLLECTOR_OVERRIDES_MAX)
        return 0;
    return take_in(collector, row) ? 0 : -ENOMEM;
}

void oncall_free(struct collector *collector)
{
    for (size_t i = 0; i < collector->n_overrides; i++)
        free(collector->overrides[i]);
}
