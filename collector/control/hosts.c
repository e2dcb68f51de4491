#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scan.h"
#include "collector/control/call.h"

enum { HOSTS_A_PAGE = 100, TENANTS_A_PAGE = 1000 };

int verb_tenant_add(struct call *call, struct err *err)
{
    const struct tenant *row;
    int rc = collector_add_tenant(call->collector, call_text(call, "name"), &row, err);
    if (rc < 0)
        return rc;
    call->data = json_pack("{s:o}", "tenant", form_tenant(row));
    call->file = STORE_REGISTRY;
    return CALL_WHEN_STORED;
}

/* The token is the number of the last tenant of the page before. */
static int continue_tenants(const struct call *call, const struct tenant **ret_after, struct err *err)
{
    uint64_t id;
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_u64(&scan, &id) || !scan_done(&scan) ||
        !(*ret_after = fleet_tenant(collector_fleet(call->collector), id)))
        return err_set(err, -EINVAL, "\"next\" is not one that tenant list has given");
    return 0;
}

int verb_tenant_list(struct call *call, struct err *err)
{
    const struct fleet *fleet = collector_fleet(call->collector);
    const struct tenant *row = NULL;
    int rc = continue_tenants(call, &row, err);
    if (rc < 0)
        return rc;
    json_t *rows = json_array();
    while (json_array_size(rows) < TENANTS_A_PAGE && (row = fleet_next_tenant(fleet, row)))
        json_array_append_new(rows, form_tenant(row));
    if (row && fleet_next_tenant(fleet, row) && asprintf(&call->more, "%" PRIu64, row->id) < 0)
        call->more = NULL;
    call->data = json_pack("{s:o}", "tenants", rows);
    return CALL_ANSWER;
}

struct host_change call_change(const struct call *call)
{
    struct host_change change = { .group = call_text(call, "group"), .labels = call_text(call, "labels") };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = call_real(call, host_limit_name((enum host_limit)i));
    return change;
}

int call_host(const struct call *call, const struct host **ret, struct err *err)
{
    uint64_t tenant = 0;
    int rc = call_tenant(call, &tenant, err);
    return rc < 0 ? rc : fleet_find_host(collector_fleet(call->collector), tenant, call_text(call, "host"), ret, err);
}

int verb_host_set(struct call *call, struct err *err)
{
    struct host_change change = call_change(call);
    const struct host *row = NULL;
    int rc = call_host(call, &row, err);
    if (rc == 0)
        rc = collector_change_host(call->collector, row->id, &change, &row, err);
    if (rc < 0)
        return rc;
    call->data = json_pack("{s:o}", "host", form_host(call->collector, row));
    call->file = STORE_REGISTRY;
    return CALL_WHEN_STORED;
}

/* The token is the id of the last host of the page before. */
static int continue_hosts(const struct call *call, const struct host **ret_after, struct err *err)
{
    uint64_t id;
    *ret_after = NULL;
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_hex64(&scan, &id) || !scan_done(&scan) ||
        !(*ret_after = fleet_host(collector_fleet(call->collector), id)))
        return err_set(err, -EINVAL, "\"next\" is not one that hosts has given");
    return 0;
}

int verb_hosts(struct call *call, struct err *err)
{
    const struct host *row = NULL;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = continue_hosts(call, &row, err);
    if (rc < 0)
        return rc;
    json_t *rows = json_array();
    while ((row = fleet_next_host(collector_fleet(call->collector), row))) {
        if (tenant != 0 && row->tenant != tenant)
            continue;
        json_array_append_new(rows, form_host(call->collector, row));
        if (json_array_size(rows) == HOSTS_A_PAGE) {
            const json_t *last = json_array_get(rows, HOSTS_A_PAGE - 1);
            call->more = strdup(json_string_value(json_object_get(last, "id")));
            break;
        }
    }
    call->data = json_pack("{s:o}", "hosts", rows);
    return CALL_ANSWER;
}
