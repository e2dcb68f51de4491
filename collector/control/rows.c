#include "collector/control/rows.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/scan.h"

int rows_begin(struct rows *rows, struct call *call, struct err *err)
{
    *rows = (struct rows){ .call = call };
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    uint64_t host, skip;
    if (!scan_hex64(&scan, &host) || !scan_char(&scan, ' ') || !scan_u64(&scan, &skip) || !scan_done(&scan) || !host)
        return err_set(err, -EINVAL, "\"next\" is not one that this verb has given");
    rows->after = skip == 0 ? host : 0;
    rows->host = skip == 0 ? 0 : host;
    rows->skip = skip;
    return 0;
}

/* The host before this one among all, so that the list begins with it; 0: it is the first. */
static uint64_t host_before(const struct call *call, uint64_t id)
{
    uint64_t before = 0;
    const struct fleet *fleet = collector_fleet(call->collector);
    for (const struct host *row = NULL; (row = fleet_next_host(fleet, row)) && row->id != id;)
        before = row->id;
    return before;
}

int rows_hosts(struct rows *rows, struct call_hosts *ret, struct err *err)
{
    uint64_t after = rows->host ? host_before(rows->call, rows->host) : rows->after;
    int rc = call_hosts(rows->call, NULL, after, ROWS_HOSTS, ret, err);
    if (rc == 0 && ret->n == 0 && rows->call->next == NULL)
        rc = err_set(err, -ENOENT, "there is no such host; warroom hosts shows them");
    if (rc == 0)
        rows->asked = ret->n;
    return rc;
}

static void set_token(struct rows *rows, uint64_t host, uint64_t skip)
{
    free(rows->call->more);
    if (asprintf(&rows->call->more, "%016" PRIx64 " %" PRIu64, host, skip) < 0)
        rows->call->more = NULL;
}

static bool was_told(const struct rows *rows, uint64_t host, size_t i)
{
    return host == rows->host && i < rows->skip;
}

/* `row` is handed over. */
static void add_row(struct rows *rows, uint64_t host, size_t i, json_t *row)
{
    size_t bytes = json_dumpb(row, NULL, 0, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (rows->bytes > 0 && rows->bytes + bytes > ROWS_BYTES) {
        json_decref(row);
        set_token(rows, host, i);
        rows->full = true;
        return;
    }
    rows->bytes += bytes;
    json_array_append_new(rows->list, row);
}

void rows_add(struct rows *rows, uint64_t host, size_t n, rows_form_fn *form, const void *series)
{
    const struct host *row = fleet_host(collector_fleet(rows->call->collector), host);
    for (size_t i = 0; i < n && !rows->full; i++)
        if (!was_told(rows, host, i))
            add_row(rows, host, i, form(row ? row->name : "", series, i));
}

void rows_end(struct rows *rows, size_t n, uint64_t last)
{
    if (!rows->full && n > 0 && (n < rows->asked || rows->asked == ROWS_HOSTS))
        set_token(rows, last, 0);
}

int rows_filter(const struct call *call, struct store_filter *ret, struct err *err)
{
    const char *metric = call_text(call, "metric");
    const char *instance = call_text(call, "instance");
    if ((metric && strlen(metric) > METRIC_KEY_MAX) || (instance && strlen(instance) > INSTANCE_MAX))
        return err_set(err, -EINVAL, "metric or instance is too long");
    snprintf(ret->metric, sizeof ret->metric, "%s", metric ? metric : "*");
    snprintf(ret->instance, sizeof ret->instance, "%s", instance ? instance : "*");
    for (int i = 0; i < METRIC_COUNT; i++)
        if (fnmatch(ret->metric, metric_get((enum metric_id)i)->key, 0) == 0)
            return 0;
    return err_set(err, -ENOENT, "there is no metric %s; docs/metrics.md lists them", ret->metric);
}
