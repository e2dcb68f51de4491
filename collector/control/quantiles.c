/* Quantiles of series of many hosts over a range. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/control/rows.h"

struct quantiles_call {
    struct rows rows;
    int64_t from_us, to_us;
};

static json_t *form_spread(const char *host, const void *series, size_t i)
{
    const struct store_spread_row *row = (const struct store_spread_row *)series + i;
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "host", host, "metric", row->metric,
                     "instance", row->instance, "unit", row->unit, "count", (json_int_t)row->count, "min",
                     form_real(row->min), "p50", form_real(row->p50), "p90", form_real(row->p90), "p95",
                     form_real(row->p95), "p99", form_real(row->p99), "max", form_real(row->max));
}

static void on_spread(void *user, const struct store_spread *result, const struct err *err)
{
    AUTO(auto_free) struct quantiles_call *quantiles = user;
    struct rows *rows = &quantiles->rows;
    struct call *call = rows->call;
    if (err) {
        call_finish(call, err);
        return;
    }
    rows->list = json_array();
    for (size_t i = 0; i < result->n; i++)
        rows_add(rows, result->hosts[i].host, result->hosts[i].n, form_spread, result->hosts[i].series);
    rows_end(rows, result->n, result->n > 0 ? result->hosts[result->n - 1].host : 0);
    int64_t from_us = result->n ? result->hosts[0].from_us : quantiles->from_us;
    int64_t to_us = result->n ? result->hosts[0].to_us : quantiles->to_us;
    call->data =
        json_pack("{s:o, s:o, s:b, s:o}", "from", form_instant(from_us), "to", form_instant(to_us), "whole_days",
                  from_us != quantiles->from_us || to_us != quantiles->to_us, "quantiles", rows->list);
    call_finish(call, NULL);
}

static int ask(struct call *call, struct quantiles_call *quantiles, struct err *err)
{
    struct store_spread_query query = { .hosts.rows = ROWS_A_PAGE };
    AUTO(call_hosts_done) struct call_hosts hosts = { .at = NULL };
    int rc = rows_begin(&quantiles->rows, call, err);
    if (rc == 0)
        rc = rows_filter(call, &query.filter, err);
    if (rc == 0)
        rc = call_range(call, &query.from_us, &query.to_us, err);
    if (rc == 0)
        rc = rows_hosts(&quantiles->rows, &hosts, err);
    if (rc < 0)
        return rc;
    quantiles->from_us = query.from_us;
    quantiles->to_us = query.to_us;
    query.hosts.tenant = hosts.tenant;
    query.hosts.n = hosts.n;
    query.hosts.at = hosts.at;
    if (hosts.n == 0) { /* the page before was the last one after all */
        on_spread(quantiles, &(struct store_spread){ .n = 0 }, NULL);
        return 0;
    }
    return store_spread(collector_store(call->collector), &query, on_spread, quantiles, err);
}

int verb_query_quantiles(struct call *call, struct err *err)
{
    struct quantiles_call *quantiles = calloc(1, sizeof *quantiles);
    if (!quantiles)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = ask(call, quantiles, err);
    if (rc == 0)
        return CALL_LATER; /* the answer's */
    free(quantiles);
    return rc;
}
