#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/scan.h"
#include "collector/control/call.h"

/* An answer holds 256 KiB: a point takes some 80 bytes of JSON, with its quantiles 120. */
enum { POINTS_DEFAULT = 300, POINTS_A_PAGE = 2500, POINTS_A_PAGE_QUANTILES = 1700, STEP_LEAST_MS = 1 };

int call_instant(const struct call *call, const char *name, int64_t *ret_us, struct err *err)
{
    const char *text = call_text(call, name);
    if (text && moment_parse(text, strlen(text), ret_us) < 0)
        return err_set(err, -EINVAL, "%s: %.40s is not an instant like 2026-11-23T08:00:00Z", name, text);
    return 0;
}

int call_range(const struct call *call, int64_t *ret_from_us, int64_t *ret_to_us, struct err *err)
{
    int rc = call_instant(call, "from", ret_from_us, err);
    if (rc == 0)
        rc = call_instant(call, "to", ret_to_us, err);
    if (rc == 0 && *ret_from_us >= *ret_to_us)
        rc = err_set(err, -EINVAL, "from is not before to");
    return rc;
}

/* ---- pages ---- */

/* A page goes on behind a point of a series, as both are named: what came in between moves nothing. */
struct place {
    int64_t at_us; /* -1: at its beginning */
    const char *instance;
};

static int place_of(const struct call *call, struct place *ret, struct err *err)
{
    uint64_t at_us;
    *ret = (struct place){ -1, "" };
    if (!call->next)
        return 0;
    struct scan scan = scan_over(call->next, strlen(call->next));
    const char *blank = strchr(call->next, ' ');
    if (!blank || !scan_u64(&scan, &at_us) || at_us > INT64_MAX || scan.at != blank)
        return err_set(err, -EINVAL, "\"next\" is not one that query has given");
    *ret = (struct place){ (int64_t)at_us, blank + 1 };
    return 0;
}

static json_t *form_point(const struct store_point *point, const struct store_quantiles *quantiles)
{
    json_t *row = json_pack("[o, o, o, o, I]", form_instant(point->at_us), form_real(point->min),
                            form_real(point->mean), form_real(point->max), (json_int_t)point->count);
    if (quantiles) {
        json_array_append_new(row, form_real(quantiles->p95));
        json_array_append_new(row, form_real(quantiles->p99));
    }
    return row;
}

/* False: the page is full, call->more says where the next one begins. */
static bool add_series(struct call *call, const struct store_series *series, int64_t after_us, size_t *left,
                       json_t *rows)
{
    json_t *points = json_array();
    json_array_append_new(rows, json_pack("{s:s, s:o}", "instance", series->instance, "points", points));
    for (size_t i = 0; i < series->n; i++) {
        if (series->points[i].at_us <= after_us)
            continue;
        if (*left == 0) {
            int64_t last_us = i > 0 ? series->points[i - 1].at_us : 0;
            if (asprintf(&call->more, "%" PRId64 " %s", last_us, series->instance) < 0)
                call->more = NULL;
            return false;
        }
        --*left;
        json_array_append_new(points, form_point(&series->points[i], series->quantiles ? &series->quantiles[i] : NULL));
    }
    return true;
}

static json_t *form_series(struct call *call, const struct store_result *result)
{
    struct place place;
    json_t *rows = json_array();
    bool quantiles = result->n > 0 && result->series[0].quantiles;
    size_t left = quantiles ? POINTS_A_PAGE_QUANTILES : POINTS_A_PAGE;
    place_of(call, &place, NULL); /* it was read before */
    for (size_t i = 0; i < result->n; i++) {
        const struct store_series *series = &result->series[i];
        int order = strcmp(series->instance, place.instance);
        if (order < 0)
            continue;
        if (!add_series(call, series, order == 0 ? place.at_us : -1, &left, rows))
            break;
    }
    return rows;
}

static void on_result(void *user, const struct store_result *result, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    const struct metric *metric = metric_find(call_text(call, "metric"));
    const char *unit = result->n > 0 ? result->series[0].unit : metric ? metric->unit : "";
    call->data = json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:o}", "metric", call_text(call, "metric"), "unit",
                           unit, "from", call_text(call, "from"), "to", call_text(call, "to"), "step_s",
                           result->step_us ? form_seconds(result->step_us) : json_null(), "minutes", result->minutes,
                           "truncated", result->truncated, "series", form_series(call, result));
    call_finish(call, NULL);
}

/* ---- what is asked ---- */

static int find_host(const struct call *call, struct store_query *query, struct err *err)
{
    const struct host *host = NULL;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = fleet_find_host(collector_fleet(call->collector), tenant, call_text(call, "host"), &host, err);
    if (rc < 0)
        return rc;
    assert(host);
    query->tenant = host->tenant;
    query->host = host->id;
    return 0;
}

static int read_step(const struct call *call, struct store_query *query, struct err *err)
{
    int64_t points = call_int(call, "points", POINTS_DEFAULT);
    double step_s = call_real(call, "step_s");
    query->quantiles = json_is_true(json_object_get(call->args, "quantiles"));
    if (points < 1 || points > STORE_POINTS_MAX)
        return err_set(err, -EINVAL, "points: want 1 to %d", STORE_POINTS_MAX);
    query->points = (size_t)points;
    if (isnan(step_s))
        return 0;
    if (json_object_get(call->args, "points"))
        return err_set(err, -EINVAL, "give --points or --step, not both");
    if (!(step_s >= 0.001 && step_s <= 366 * 86400.0))
        return err_set(err, -EINVAL, "step_s: want 0.001 to %d", 366 * 86400);
    query->step_us = llround(step_s * 1e6);
    if ((query->to_us - query->from_us) / query->step_us > STORE_POINTS_MAX - 2)
        return err_set(err, -EINVAL, "that makes more than %d steps: take a longer step or a shorter range",
                       STORE_POINTS_MAX);
    return 0;
}

int verb_query(struct call *call, struct err *err)
{
    struct store_query query = { .points = POINTS_DEFAULT };
    struct place place;
    const char *metric = call_text(call, "metric");
    const char *instance = call_text(call, "instance");
    int rc = find_host(call, &query, err);
    if (rc == 0)
        rc = call_range(call, &query.from_us, &query.to_us, err);
    if (rc == 0)
        rc = place_of(call, &place, err);
    if (rc < 0)
        return rc;
    if (strlen(metric) > METRIC_KEY_MAX || (instance && strlen(instance) > INSTANCE_MAX))
        return err_set(err, -EINVAL, "metric or instance is too long");
    if (!metric_find(metric))
        return err_set(err, -ENOENT, "there is no metric %s; docs/metrics.md lists them", metric);
    rc = read_step(call, &query, err);
    if (rc < 0)
        return rc;
    snprintf(query.metric, sizeof query.metric, "%s", metric);
    snprintf(query.instance, sizeof query.instance, "%s", instance ? instance : "*");
    rc = store_query(collector_store(call->collector), &query, on_result, call, err);
    return rc < 0 ? rc : CALL_LATER;
}
