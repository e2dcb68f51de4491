/* The last value of each series of hosts. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/control/rows.h"

static json_t *form_last(const char *host, const void *series, size_t i)
{
    const struct store_last *row = (const struct store_last *)series + i;
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "host", host, "metric", row->metric, "instance", row->instance,
                     "unit", row->unit, "at", form_instant(row->at_us), "value", form_real(row->value));
}

static void on_latest(void *user, const struct store_latest *result, const struct err *err)
{
    AUTO(auto_free) struct rows *rows = user;
    struct call *call = rows->call;
    if (err) {
        call_finish(call, err);
        return;
    }
    rows->list = json_array();
    for (size_t i = 0; i < result->n; i++)
        rows_add(rows, result->hosts[i].host, result->hosts[i].n, form_last, result->hosts[i].series);
    rows_end(rows, result->n, result->n > 0 ? result->hosts[result->n - 1].host : 0);
    call->data = json_pack("{s:o}", "values", rows->list);
    call_finish(call, NULL);
}

static int ask(struct call *call, struct rows *rows, struct err *err)
{
    struct store_latest_query query = { .hosts.rows = ROWS_A_PAGE };
    AUTO(call_hosts_done) struct call_hosts hosts = { .at = NULL };
    int rc = rows_begin(rows, call, err);
    if (rc == 0)
        rc = rows_filter(call, &query.filter, err);
    if (rc == 0)
        rc = rows_hosts(rows, &hosts, err);
    if (rc < 0)
        return rc;
    query.hosts.tenant = hosts.tenant;
    query.hosts.n = hosts.n;
    query.hosts.at = hosts.at;
    if (hosts.n == 0) { /* the page before was the last one after all */
        on_latest(rows, &(struct store_latest){ .n = 0 }, NULL);
        return 0;
    }
    return store_latest(collector_store(call->collector), &query, on_latest, rows, err);
}

int verb_query_latest(struct call *call, struct err *err)
{
    struct rows *rows = calloc(1, sizeof *rows);
    if (!rows)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = ask(call, rows, err);
    if (rc == 0)
        return CALL_LATER; /* the answer's */
    free(rows);
    return rc;
}
