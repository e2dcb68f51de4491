/* What people ask for. Each command changes memory and gathers the rows; collector_then() says when they are on
 * disk. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "collector/parts.h"

void collector_then(struct collector *collector, enum store_file file, uint64_t tenant, void (*fn)(void *user, int rc),
                    void *user)
{
    int rc = store_then(collector->store, file, tenant, fn, user);
    if (rc < 0)
        fn(user, rc);
    else
        store_hurry(collector->store, file, tenant); /* somebody waits at a terminal */
}

int collector_add_tenant(struct collector *collector, const char *name, const struct tenant **ret_row, struct err *err)
{
    struct tenant row = { .id = collector->last_tenant + 1, .created_us = now_us(collector) };
    int rc = fleet_check_name("tenant", name, err);
    if (rc < 0)
        return rc;
    if (strcmp(name, TENANT_RESERVED_NAME) == 0)
        return err_set(err, -EEXIST, "tenant: " TENANT_RESERVED_NAME " is the collector's own name");
    if (row.id > STORE_TENANTS_MAX)
        return err_set(err, -ENOSPC, "a collector keeps %d tenants at most", STORE_TENANTS_MAX);
    snprintf(row.name, sizeof row.name, "%s", name);
    rc = fleet_put_tenant(collector->fleet, &row, ret_row, err);
    if (rc < 0)
        return rc;
    collector->last_tenant = row.id;
    rc = told_feed(collector, err); /* a webhook may have waited for it */
    desk_settle(collector);
    return rc < 0 ? rc : store_put_tenant(collector->store, &row);
}

static int apply_change(struct host *row, const struct host_change *change, struct err *err)
{
    if (change->group) {
        int rc = fleet_check_name("group", change->group, err);
        if (rc < 0)
            return rc;
        snprintf(row->group, sizeof row->group, "%s", change->group);
    }
    if (change->labels) {
        int rc = labels_change(row->labels, change->labels, err);
        if (rc < 0)
            return rc;
    }
    for (int i = 0; i < LIMIT_COUNT; i++) {
        if (isnan(change->limits[i]))
            continue;
        if (!(change->limits[i] >= 0) || isinf(change->limits[i]))
            return err_set(err, -EINVAL, "a declared limit is a number, 0 to take it back");
        row->limits[i] = change->limits[i] == 0 ? NAN : change->limits[i];
    }
    return 0;
}

int command_random_host_id(const struct collector *collector, uint64_t *ret, struct err *err)
{
    do {
        if (getrandom(ret, sizeof *ret, 0) != (ssize_t)sizeof *ret)
            return err_sys(err, -errno, "no random numbers to be had");
        *ret &= INT64_MAX; /* SQLite's integers are signed */
    } while (*ret == 0 || fleet_host(collector->fleet, *ret));
    return 0;
}

int command_keep_host(struct collector *collector, const struct host *row, const struct host **ret_row, struct err *err)
{
    struct host_state *state;
    int rc = fleet_put_host(collector->fleet, row, ret_row, err);
    if (rc < 0)
        return rc;
    if (scope_add_host(collector, *ret_row, &state) < 0 || store_put_host(collector->store, row) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    scope_refresh_host(collector, state);
    silences_yield_host(collector, *ret_row);
    return 0;
}

/* A retired host keeps its history, not its place. */
static int check_room(struct collector *collector, uint64_t tenant, struct err *err)
{
    int64_t n = (int64_t)fleet_count_active(collector->fleet, tenant), most = collector->limits.config.hosts;
    if (n < most)
        return 0;
    uplink_over(collector, OVER_HOSTS, 1, NULL);
    return err_set(err, -ENOSPC,
                   "this tenant has %" PRId64 " hosts, as many as limit_hosts lets it have: `warroom host retire` those"
                   " that are gone",
                   n);
}

int collector_enroll_host(struct collector *collector, uint64_t tenant, const char *name,
                          const struct host_change *change, const struct host **ret_row, struct err *err)
{
    struct host row = { .tenant = tenant, .enrolled_us = now_us(collector) };
    for (int i = 0; i < LIMIT_COUNT; i++)
        row.limits[i] = NAN;
    int rc = fleet_check_name("host", name, err);
    if (rc == 0)
        rc = check_room(collector, tenant, err);
    if (rc < 0)
        return rc;
    snprintf(row.name, sizeof row.name, "%s", name);
    snprintf(row.group, sizeof row.group, "%s", name);
    rc = apply_change(&row, change, err);
    if (rc == 0)
        rc = command_random_host_id(collector, &row.id, err);
    return rc < 0 ? rc : command_keep_host(collector, &row, ret_row, err);
}

int collector_change_host(struct collector *collector, uint64_t host, const struct host_change *change,
                          const struct host **ret_row, struct err *err)
{
    const struct host *before = fleet_host(collector->fleet, host);
    if (!before)
        return err_set(err, -ENOENT, "there is no host %016" PRIx64, host);
    struct host row = *before;
    int rc = apply_change(&row, change, err);
    return rc < 0 ? rc : command_keep_host(collector, &row, ret_row, err);
}

int collector_acknowledge(struct collector *collector, uint64_t incident, const char *by, struct err *err)
{
    int rc = pager_acknowledge(collector->pager, incident, by, now_us(collector), &collector->effects, err);
    desk_settle(collector);
    return rc;
}

int collector_assign(struct collector *collector, uint64_t incident, const char *to, const char *by, struct err *err)
{
    int rc = pager_assign(collector->pager, incident, to, by, now_us(collector), &collector->effects, err);
    desk_settle(collector);
    return rc;
}

int collector_note(struct collector *collector, uint64_t incident, const char *text, const char *by, struct err *err)
{
    int rc = pager_note(collector->pager, incident, text, by, now_us(collector), &collector->effects, err);
    desk_settle(collector);
    return rc;
}

int collector_reopen(struct collector *collector, uint64_t incident, const char *by, struct err *err)
{
    int rc = pager_reopen(collector->pager, incident, by, now_us(collector), &collector->effects, err);
    desk_settle(collector);
    return rc;
}

int collector_resolve(struct collector *collector, uint64_t incident, const char *by, struct err *err)
{
    int rc = pager_resolve(collector->pager, incident, by, now_us(collector), &collector->effects, err);
    desk_settle(collector);
    return rc;
}
