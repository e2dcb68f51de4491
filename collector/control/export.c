/* Samples to the console, as the codec packs them: the console makes text of them. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"
#include "proto/text/base64.h"

enum { SERIES_A_PAGE = 400 }; /* of at most 380 bytes, and some for JSON */

static json_t *base64_json(struct bytes bytes)
{
    AUTO(auto_free) char *text = malloc(BASE64_TEXT(bytes.len));
    return text ? json_stringn(text, base64_encode(text, bytes.at, bytes.len)) : NULL;
}

/* ---- ticks ---- */

static void on_page(void *user, const struct store_export_page *page, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    json_t *tables = json_array();
    json_t *batches = json_array();
    for (size_t i = 0; i < page->n_tables; i++)
        json_array_append_new(tables, base64_json(page->tables[i]));
    for (size_t i = 0; i < page->n_batches; i++)
        json_array_append_new(batches,
                              json_pack("[i, o]", (int)page->batches[i].table, base64_json(page->batches[i].bytes)));
    call->data =
        json_pack("{s:o, s:o, s:I}", "tables", tables, "batches", batches, "unreadable", (json_int_t)page->unreadable);
    if (page->more && asprintf(&call->more, "%" PRId64 " %" PRIu32, page->next_us, page->skip) < 0)
        call->more = NULL;
    call_finish(call, NULL);
}

/* ---- which series ---- */

/* The token is how many went before. */
static void on_series(void *user, const struct store_export_series *series, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    uint64_t at = 0;
    if (call->next) {
        struct scan scan = scan_over(call->next, strlen(call->next));
        scan_u64(&scan, &at);
    }
    json_t *rows = json_array();
    for (; at < series->n && json_array_size(rows) < SERIES_A_PAGE; at++)
        json_array_append_new(
            rows, json_pack("[s, s, s]", series->at[at].metric, series->at[at].instance, series->at[at].unit));
    call->data = json_pack("{s:o}", "series", rows);
    if (at < series->n && asprintf(&call->more, "%" PRIu64, at) < 0)
        call->more = NULL;
    call_finish(call, NULL);
}

/* ---- the verbs ---- */

static int glob_arg(const struct call *call, const char *name, char *ret, size_t size, struct err *err)
{
    const char *text = call_text(call, name);
    if (text && strlen(text) >= size)
        return err_set(err, -EINVAL, "%s is too long", name);
    snprintf(ret, size, "%s", text ? text : "*");
    return 0;
}

static int query_of(const struct call *call, struct store_export *ret, struct err *err)
{
    const struct host *host = NULL;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = fleet_find_host(collector_fleet(call->collector), tenant, call_text(call, "host"), &host, err);
    if (rc == 0)
        rc = glob_arg(call, "metric", ret->metric, sizeof ret->metric, err);
    if (rc == 0)
        rc = glob_arg(call, "instance", ret->instance, sizeof ret->instance, err);
    if (rc == 0)
        rc = call_range(call, &ret->from_us, &ret->to_us, err);
    if (rc < 0)
        return rc;
    assert(host);
    ret->tenant = host->tenant;
    ret->host = host->id;
    return 0;
}

/* The token is the time the page before ended at, and how many ticks of it went. */
static int go_on(const struct call *call, struct store_export *query, struct err *err)
{
    uint64_t at_us, skip;
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    if (!scan_u64(&scan, &at_us) || !scan_char(&scan, ' ') || !scan_u64(&scan, &skip) || !scan_done(&scan) ||
        at_us < (uint64_t)query->from_us || at_us >= (uint64_t)query->to_us || skip > UINT32_MAX)
        return err_set(err, -EINVAL, "\"next\" is not one that export has given");
    query->from_us = (int64_t)at_us;
    query->skip = (uint32_t)skip;
    return 0;
}

int verb_export(struct call *call, struct err *err)
{
    struct store_export query = { .skip = 0 };
    int rc = query_of(call, &query, err);
    if (rc == 0)
        rc = go_on(call, &query, err);
    if (rc == 0)
        rc = store_export(collector_store(call->collector), &query, on_page, call, err);
    return rc < 0 ? rc : CALL_LATER;
}

int verb_export_series(struct call *call, struct err *err)
{
    struct store_export query = { .skip = 0 };
    int rc = query_of(call, &query, err);
    if (rc == 0)
        rc = store_export_series(collector_store(call->collector), &query, on_series, call, err);
    return rc < 0 ? rc : CALL_LATER;
}
