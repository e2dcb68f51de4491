/* A round as it stands in the ledger: docs/patrol.md describes the form. */
#include "collector/rounds.h"

#include <math.h>

#include "base/moment.h"
#include "proto/metric/metric.h"

static json_t *instant(int64_t at_us)
{
    char text[MOMENT_TEXT];
    return json_string(moment_format(text, at_us));
}

static json_t *form_head(const struct patrol_round *round, int64_t at_us)
{
    return json_pack("{s:i, s:s, s:s, s:o, s:o}", "k", (int)round->k, "phase", patrol_phase_name(round->phase), "state",
                     patrol_state_name(round->state), "due", instant(round->due_us), "at", instant(at_us));
}

static json_t *form_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *form_evidence(const struct patrol_finding *finding)
{
    json_t *evidence = json_object();
    for (size_t i = 0; i < finding->n_numbers; i++)
        json_object_set_new(evidence, finding->numbers[i].name, form_number(finding->numbers[i].value));
    return evidence;
}

/* Texts hold names from outside, cut to fit: what is no UTF-8 any more is left out. */
static json_t *form_text(const char *text)
{
    json_t *form = json_string(text);
    return form ? form : json_string("?");
}

static void add_findings(json_t *list, const struct patrol_result *result)
{
    for (size_t i = 0; i < result->kept; i++) {
        const struct patrol_finding *finding = &result->findings[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "check", patrol_check_name(finding->check),
                                              "severity", severity_name(finding->severity), "subject",
                                              form_text(finding->subject), "text", form_text(finding->text), "evidence",
                                              form_evidence(finding)));
    }
}

static json_t *form_check(enum patrol_check check, const struct patrol_result *result)
{
    return json_pack("{s:s, s:b, s:I, s:I, s:o}", "check", patrol_check_name(check), "checked", result->checked,
                     "looked", (json_int_t)result->looked, "found", (json_int_t)result->found, "note",
                     form_text(result->note));
}

static json_t *form_nearest(const struct patrol_sight *sight)
{
    const struct patrol_limit *nearest[PATROL_NEAREST];
    size_t n = patrol_nearest(sight, nearest);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct patrol_limit *limit = nearest[i];
        const struct metric *metric = metric_find(limit->rule.metric);
        char series[METRIC_KEY_MAX + INSTANCE_MAX + 64];
        metric_series_text(series, sizeof series, limit->rule.metric, metric ? metric->instance_label : NULL,
                           limit->instance);
        json_array_append_new(list, json_pack("{s:s, s:o, s:s, s:s, s:o, s:o, s:o}", "host", limit->host->name,
                                              "series", form_text(series), "unit", metric ? metric->unit : "", "rule",
                                              limit->rule.name, "value", form_number(limit->value), "limit",
                                              form_number(limit->threshold), "left", form_number(limit->share)));
    }
    return list;
}

json_t *form_round(const struct sweep *sweep, const struct patrol_report *report)
{
    json_t *body = form_head(&sweep->round, sweep->began_us);
    json_t *checks = json_array();
    json_t *findings = json_array();
    json_int_t left_out = 0;
    for (int i = 0; i < PATROL_CHECK_COUNT; i++) {
        const struct patrol_result *result = &report->results[i];
        json_array_append_new(checks, form_check((enum patrol_check)i, result));
        add_findings(findings, result);
        left_out += (json_int_t)(result->found - result->kept);
    }
    int rc = json_object_set_new(body, "checks", checks);
    rc |= json_object_set_new(body, "findings", findings);
    rc |= json_object_set_new(body, "left_out", json_integer(left_out));
    rc |= json_object_set_new(body, "nearest", form_nearest(&sweep->sight));
    if (rc == 0)
        return body;
    json_decref(body);
    return NULL;
}

json_t *form_missed(const struct patrol_round *round, int64_t at_us, const char *cause)
{
    json_t *body = form_head(round, at_us);
    if (json_object_set_new(body, "cause", json_string(cause)) == 0)
        return body;
    json_decref(body);
    return NULL;
}
