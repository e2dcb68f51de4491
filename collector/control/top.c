/* The hosts on which a metric was highest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/control/rows.h"

enum { MOST_DEFAULT = 10, MOST = 200 };

static const char *const orders[] = {
    [STORE_TOP_MEAN] = "mean", [STORE_TOP_MAX_VALUE] = "max", [STORE_TOP_P95] = "p95"
};

static const char *order_of(const struct call *call)
{
    const char *by = call_text(call, "by");
    return by ? by : orders[STORE_TOP_MEAN];
}

static void on_top(void *user, const struct store_top *result, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *rows = json_array();
    for (size_t i = 0; i < result->n; i++) {
        const struct store_top_row *row = &result->rows[i];
        json_array_append_new(rows, json_pack("{s:o, s:s, s:o}", "host", form_host_brief(call->collector, row->host),
                                              "instance", row->instance, "value", form_real(row->value)));
    }
    const struct metric *metric = metric_find(call_text(call, "metric"));
    const char *unit = result->n > 0 ? result->rows[0].unit : metric ? metric->unit : "";
    call->data =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "metric", call_text(call, "metric"), "by", order_of(call), "unit",
                  unit, "from", form_instant(result->from_us), "to", form_instant(result->to_us), "top", rows);
    call_finish(call, NULL);
}

static int read_order(const struct call *call, struct store_top_query *query, struct err *err)
{
    int64_t most = call_int(call, "most", MOST_DEFAULT);
    if (most < 1 || most > MOST)
        return err_set(err, -EINVAL, "most: want 1 to %d", MOST);
    query->most = (size_t)most;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (strcmp(orders[i], order_of(call)) == 0) {
            query->by = (enum store_top_by)i;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "by: want mean, max or p95");
}

int verb_query_top(struct call *call, struct err *err)
{
    struct store_top_query query = { .most = MOST_DEFAULT };
    AUTO(call_hosts_done) struct call_hosts hosts = { .at = NULL };
    int rc = rows_filter(call, &query.filter, err);
    if (rc == 0 && !metric_find(query.filter.metric))
        rc = err_set(err, -ENOENT, "there is no metric %s; docs/metrics.md lists them", query.filter.metric);
    if (rc == 0)
        rc = read_order(call, &query, err);
    if (rc == 0)
        rc = call_range(call, &query.from_us, &query.to_us, err);
    if (rc == 0)
        rc = call_hosts(call, NULL, 0, STORE_HOSTS_MAX, &hosts, err);
    if (rc == 0 && hosts.n == 0)
        rc = err_set(err, -ENOENT, "there is no such host; warroom hosts shows them");
    if (rc < 0)
        return rc;
    query.hosts = (struct store_hosts){ .tenant = hosts.tenant, .n = hosts.n, .at = hosts.at, .rows = STORE_ROWS_MAX };
    rc = store_top(collector_store(call->collector), &query, on_top, call, err);
    return rc < 0 ? rc : CALL_LATER;
}
