/* The hosts a read is over. */
#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/call.h"

/* The one given, the event's, or the only one there is. */
int call_one_tenant(const struct call *call, const struct event *event, uint64_t *ret_id, struct err *err)
{
    const struct fleet *fleet = collector_fleet(call->collector);
    int rc = call_tenant(call, ret_id, err);
    if (rc < 0 || *ret_id != 0)
        return rc;
    if (event) {
        *ret_id = event->tenant;
        return 0;
    }
    const struct tenant *only = fleet_next_tenant(fleet, NULL);
    if (!only)
        return err_set(err, -ENOENT, "there is no tenant yet; warroom tenant add makes one");
    if (fleet_next_tenant(fleet, only))
        return err_set(err, -ENOTUNIQ, "there are several tenants: say which with --tenant");
    *ret_id = only->id;
    return 0;
}

/* Globs separated by commas, as in an event's selector. */
static bool selects(const char *globs, const char *name)
{
    return strlen(globs) <= SCOPE_HOSTS_MAX && scope_names(globs, name);
}

static bool is_meant(const struct call *call, const struct event *event, const struct host *row)
{
    const char *globs = call_text(call, "hosts");
    return (!event || event_selects(event, row->name, row->labels)) && (!globs || selects(globs, row->name));
}

static int add_hosts(const struct call *call, const struct event *event, uint64_t after, size_t most,
                     struct call_hosts *ret, struct err *err)
{
    const struct fleet *fleet = collector_fleet(call->collector);
    const struct host *row = after ? fleet_host(fleet, after) : NULL;
    if (after && !row)
        return err_set(err, -EINVAL, "\"next\" is not one that this verb has given");
    while ((row = fleet_next_host(fleet, row))) {
        if (row->tenant != ret->tenant || !is_meant(call, event, row))
            continue;
        if (ret->n == most)
            break;
        ret->at[ret->n++] = row->id;
    }
    return 0;
}

static int one_host(const struct call *call, uint64_t after, struct call_hosts *ret, struct err *err)
{
    const struct host *row = NULL;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = fleet_find_host(collector_fleet(call->collector), tenant, call_text(call, "host"), &row, err);
    if (rc < 0)
        return rc;
    assert(row);
    ret->tenant = row->tenant;
    if (row->id != after)
        ret->at[ret->n++] = row->id;
    return 0;
}

int call_hosts(const struct call *call, const struct event *event, uint64_t after, size_t most, struct call_hosts *ret,
               struct err *err)
{
    if (call_text(call, "host") && call_text(call, "hosts"))
        return err_set(err, -EINVAL, "give --host or --hosts, not both");
    AUTO(call_hosts_done) struct call_hosts hosts = { .at = malloc(most * sizeof *hosts.at) };
    if (!hosts.at)
        return err_set(err, -ENOMEM, "out of memory");
    int rc;
    if (call_text(call, "host")) {
        rc = one_host(call, after, &hosts, err);
    } else {
        rc = call_one_tenant(call, event, &hosts.tenant, err);
        if (rc == 0)
            rc = add_hosts(call, event, after, most, &hosts, err);
    }
    if (rc < 0)
        return rc;
    *ret = hosts;
    hosts.at = NULL;
    return 0;
}

void call_hosts_done(struct call_hosts *hosts)
{
    free(hosts->at);
    hosts->at = NULL;
}
