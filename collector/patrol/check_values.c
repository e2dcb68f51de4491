/* What the series of hosts say. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/patrol/parts.h"
#include "proto/metric/metric.h"

#define NEAR_SHARE 0.1 /* of the threshold */
#define LOSS_TOLD  0.05
#define FULL_SOON  (INT64_C(3600) * US_PER_S) /* then a full disk is no warning any more */

enum { SERIES_TEXT = METRIC_KEY_MAX + INSTANCE_MAX + 64 };

/* "system.disk.utilization{device=vda} on db-1" */
static void name_series(char *text, size_t size, const char *key, const char *instance, const char *host)
{
    const struct metric *metric = metric_find(key);
    char series[SERIES_TEXT];
    metric_series_text(series, sizeof series, key, metric ? metric->instance_label : NULL, instance);
    snprintf(text, size, "%s on %s", series, host);
}

static const char *unit_of(const char *key)
{
    const struct metric *metric = metric_find(key);
    return metric ? metric->unit : "";
}

/* ---- headroom ---- */

/* "0.71, 16 % below the limit of 0.85" */
static void say_headroom(char *text, size_t size, const struct patrol_limit *limit)
{
    char value[METRIC_QUANTITY_TEXT], threshold[METRIC_QUANTITY_TEXT];
    const char *unit = unit_of(limit->rule.metric);
    metric_quantity_text(value, limit->value, unit);
    metric_quantity_text(threshold, limit->threshold, unit);
    bool below = (limit->rule.comparison == COMPARE_ABOVE) == (limit->share >= 0);
    snprintf(text, size, "%s, %.3g %% %s the limit of %s", value, fabs(limit->share) * 100, below ? "below" : "above",
             threshold);
}

static void find_near(const struct patrol_limit *limit, struct patrol_result *ret)
{
    char subject[PATROL_SUBJECT_MAX + 1];
    char text[128];
    name_series(subject, sizeof subject, limit->rule.metric, limit->instance, limit->host->name);
    struct patrol_finding *finding = finding_add(ret, SEVERITY_WARNING, subject);
    if (!finding)
        return;
    say_headroom(text, sizeof text, limit);
    if (limit->past > 1)
        finding_text(finding, "%s (%s); %u series are past it", text, limit->rule.name, limit->past);
    else
        finding_text(finding, "%s (%s)", text, limit->rule.name);
    finding_number(finding, "value", limit->value);
    finding_number(finding, "limit", limit->threshold);
    finding_number(finding, "left", limit->share);
    finding_number(finding, "past", limit->past);
}

void check_headroom(const struct patrol_sight *sight, struct patrol_result *ret)
{
    const struct patrol_limit *nearest[PATROL_NEAREST];
    char where[PATROL_SUBJECT_MAX + 1];
    char text[128];
    size_t series = 0, met = 0;
    for (size_t i = 0; i < sight->n_limits; i++) {
        const struct patrol_limit *limit = &sight->limits[i];
        series += limit->n;
        met += limit->n > 0;
        if (limit->n > 0 && limit->share < NEAR_SHARE)
            find_near(limit, ret);
    }
    if (met == 0) {
        result_not_checked(ret, "%s", sight->no_values[0] ? sight->no_values : "no series meets a critical rule");
        return;
    }
    patrol_nearest(sight, nearest);
    name_series(where, sizeof where, nearest[0]->rule.metric, nearest[0]->instance, nearest[0]->host->name);
    say_headroom(text, sizeof text, nearest[0]);
    result_checked(ret, series, "%zu series under %zu limits of critical rules%s%s; nearest %.100s: %s", series, met,
                   sight->no_values[0] ? ", not all: " : "", sight->no_values, where, text);
}

/* ---- disks ---- */

struct disk_check {
    const struct patrol_sight *sight;
    struct patrol_result *ret;
    size_t n;
};

static void check_line(void *user, const struct patrol_line *line)
{
    struct disk_check *check = user;
    const struct patrol_sight *sight = check->sight;
    char subject[PATROL_SUBJECT_MAX + 1];
    char in[DURATION_TEXT], span[DURATION_TEXT];
    check->n++;
    if (line->full_us == 0 || line->full_us >= sight->end_us)
        return;
    bool soon = line->full_us - sight->now_us < FULL_SOON;
    snprintf(subject, sizeof subject, "%s on %s", line->mountpoint, line->host->name);
    struct patrol_finding *finding =
        finding_add(check->ret, soon ? in_window(sight, SEVERITY_CRITICAL) : SEVERITY_WARNING, subject);
    if (!finding)
        return;
    int64_t left_us = line->full_us > sight->now_us ? line->full_us - sight->now_us : 0;
    finding_text(
        finding,
        "%.4g %% full and full in %s, before the end, if it goes on at %.3g %% an hour: a straight line through"
        " %u points of %s",
        line->used * 100, duration_format_brief(in, left_us), line->per_hour * 100, line->n,
        duration_format_brief(span, line->span_us));
    finding_number(finding, "used", line->used);
    finding_number(finding, "per_hour", line->per_hour);
    finding_number(finding, "full_in_s", (double)left_us / (double)US_PER_S);
    finding_number(finding, "points", line->n);
}

void check_disk(const struct patrol_sight *sight, struct patrol_result *ret)
{
    struct disk_check check = { .sight = sight, .ret = ret };
    size_t too_few = disks_each(sight, check_line, &check);
    if (check.n == 0)
        result_not_checked(ret, "%s",
                           sight->no_values[0] ? sight->no_values
                           : too_few           ? "too few points yet: a line needs three, over a quarter of an hour"
                                               : "no filesystem was seen");
    else
        result_checked(ret, check.n,
                       "%zu filesystems, by a straight line through each one's latest points, %d at most; %zu have too"
                       " few yet",
                       check.n, PATROL_POINTS, too_few);
}

/* ---- services ---- */

void check_services(const struct patrol_sight *sight, struct patrol_result *ret)
{
    char subject[PATROL_SUBJECT_MAX + 1];
    char latency[METRIC_QUANTITY_TEXT] = "not known";
    size_t kept = sight->n_lossy < PATROL_FINDINGS_A_CHECK ? sight->n_lossy : PATROL_FINDINGS_A_CHECK;
    for (size_t i = 0; i < kept; i++) {
        const struct patrol_target *target = &sight->lossy[i];
        snprintf(subject, sizeof subject, "%s from %s", target->name, target->host->name);
        struct patrol_finding *finding =
            finding_add(ret, target->value >= LOSS_TOLD ? SEVERITY_WARNING : SEVERITY_INFO, subject);
        if (!finding)
            continue;
        finding_text(finding, "%.4g %% of the attempts of the latest burst failed", target->value * 100);
        finding_number(finding, "loss", target->value);
    }
    ret->found += sight->n_lossy - kept;
    if (sight->n_targets == 0) {
        result_not_checked(ret, "%s", sight->no_values[0] ? sight->no_values : "no host in scope measures a target");
        return;
    }
    if (sight->slowest.host)
        metric_quantity_text(latency, sight->slowest.value, "s");
    result_checked(ret, sight->n_targets, "%zu targets by their probes, slowest %s; processes are not looked at",
                   sight->n_targets, latency);
}
