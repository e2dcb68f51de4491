#include <errno.h>
#include <string.h>

#include "base/moment.h"
#include "collector/control/call.h"

/* An answer holds 256 KiB: a point takes some 80 bytes of JSON. */
enum { POINTS_DEFAULT = 300, POINTS_MOST = 2000, SERIES_POINTS_MOST = 2500 };

static void on_result(void *user, const struct store_result *result, const struct err *err)
{
    struct call *call = user;
    if (err) {
        call_finish(call, err);
        return;
    }
    const char *unit = NULL;
    bool truncated = result->truncated;
    size_t points_left = SERIES_POINTS_MOST;
    json_t *rows = json_array();
    for (size_t i = 0; i < result->n; i++) {
        const struct store_series *series = &result->series[i];
        if (series->n > points_left) {
            truncated = true;
            break;
        }
        points_left -= series->n;
        unit = series->unit;
        json_t *points = json_array();
        for (size_t k = 0; k < series->n; k++) {
            const struct store_point *point = &series->points[k];
            json_array_append_new(points,
                                  json_pack("[o, o, o, o, i]", form_instant(point->at_us), form_real(point->min),
                                            form_real(point->mean), form_real(point->max), (int)point->count));
        }
        json_array_append_new(rows, json_pack("{s:s, s:o}", "instance", series->instance, "points", points));
    }
    const struct metric *metric = metric_find(call_text(call, "metric"));
    if (!unit)
        unit = metric ? metric->unit : "";
    call->data =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "metric", call_text(call, "metric"), "unit", unit, "from",
                  call_text(call, "from"), "to", call_text(call, "to"), "truncated", truncated, "series", rows);
    call_finish(call, NULL);
}

static int instant_arg(const struct call *call, const char *name, int64_t *ret_us, struct err *err)
{
    const char *text = call_text(call, name);
    if (moment_parse(text, strlen(text), ret_us) < 0)
        return err_set(err, -EINVAL, "%s: %.40s is not an instant like 2026-11-23T08:00:00Z", name, text);
    return 0;
}

int verb_query(struct call *call, struct err *err)
{
    struct store_query query = { .points = POINTS_DEFAULT };
    const char *metric = call_text(call, "metric");
    const char *instance = call_text(call, "instance");
    const struct host *host;
    uint64_t tenant;
    int rc = call_tenant(call, &tenant, err);
    if (rc == 0)
        rc = fleet_find_host(collector_fleet(call->collector), tenant, call_text(call, "host"), &host, err);
    if (rc == 0)
        rc = instant_arg(call, "from", &query.from_us, err);
    if (rc == 0)
        rc = instant_arg(call, "to", &query.to_us, err);
    if (rc < 0)
        return rc;
    int64_t points = call_int(call, "points", POINTS_DEFAULT);
    if (points < 1 || points > POINTS_MOST)
        return err_set(err, -EINVAL, "points: want 1 to %d", POINTS_MOST);
    if (query.from_us >= query.to_us)
        return err_set(err, -EINVAL, "from is not before to");
    if (strlen(metric) > METRIC_KEY_MAX || (instance && strlen(instance) > INSTANCE_MAX))
        return err_set(err, -EINVAL, "metric or instance is too long");
    if (!metric_find(metric))
        return err_set(err, -ENOENT, "there is no metric %s; docs/metrics.md lists them", metric);
    query.tenant = host->tenant;
    query.host = host->id;
    query.points = (size_t)points;
    snprintf(query.metric, sizeof query.metric, "%s", metric);
    snprintf(query.instance, sizeof query.instance, "%s", instance ? instance : "*");
    rc = store_query(collector_store(call->collector), &query, on_result, call, err);
    return rc < 0 ? rc : CALL_LATER;
}
