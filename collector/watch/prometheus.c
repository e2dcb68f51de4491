/* How `clear` is kept: an alert of Prometheus is a series of its own, ALERTS, written at each evaluation while the
 * alert is pending or firing. So "bad beyond the threshold, until `clear` is reached" is
 *
 *     m > threshold or (m > clear and ignoring (...) ALERTS{alertname="rule"})
 *
 * where the second part finds what the evaluation before has written. What is ignored are the labels that an alert has
 * beyond its series.
 */
#include "collector/watch/prometheus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "collector/watch/words.h"
#include "proto/metric/family.h"
#include "proto/metric/metric.h"

/* ---- text ---- */

/* Within double quotes, of YAML and of PromQL alike. */
static void put_escaped(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\x%02x", c);
        else
            fputc(c, out);
    }
}

static void put_quoted(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    put_escaped(out, text, len);
    fputc('"', out);
}

/* The shortest that reads back as the same double. */
static void put_number(FILE *out, double value)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, out);
}

/* ---- series ---- */

/* Behind a bracket: its end, past the first member, which may be ']' itself. NULL: it is none. */
static const char *bracket_end(const char *at)
{
    at += *at == '!' || *at == '^';
    at += *at == ']';
    return strchr(at, ']');
}

static void put_bracket(FILE *out, const char *at, const char *end)
{
    fputc('[', out);
    if (*at == '!' || *at == '^') {
        fputc('^', out);
        at++;
    }
    for (; at < end; at++) {
        if (*at == '[' || *at == ']' || *at == '^')
            fputc('\\', out);
        fputc(*at, out);
    }
    fputc(']', out);
}

/* A glob as a regular expression, which Prometheus ties to both ends. */
static void put_regex(FILE *out, const char *glob)
{
    for (const char *at = glob; *at; at++) {
        const char *end = *at == '[' ? bracket_end(at + 1) : NULL;
        if (*at == '*' || *at == '?') {
            fputs(*at == '*' ? ".*" : ".", out);
        } else if (end) {
            put_bracket(out, at + 1, end);
            at = end;
        } else {
            at += *at == '\\' && at[1];
            if (strchr("\\.+*?()|[]{}^$", *at))
                fputc('\\', out);
            fputc(*at, out);
        }
    }
}

static bool is_pattern(const char *glob)
{
    return strpbrk(glob, "*?[\\") != NULL;
}

struct matchers {
    FILE *out;
    bool any;
};

static void put_matcher(struct matchers *m, const char *label, size_t len, const char *equals, const char *value,
                        size_t value_len)
{
    fprintf(m->out, "%s%.*s%s", m->any ? "," : "{", (int)len, label, equals);
    put_quoted(m->out, value, value_len);
    m->any = true;
}

static void put_instance(struct matchers *m, const struct rule *rule, const struct metric *metric)
{
    AUTO(auto_free) char *regex = NULL;
    size_t len = 0;
    if (!metric->instance_label || strcmp(rule->instance, "*") == 0)
        return;
    size_t label_len = strlen(metric->instance_label);
    if (!is_pattern(rule->instance)) {
        put_matcher(m, metric->instance_label, label_len, "=", rule->instance, strlen(rule->instance));
        return;
    }
    FILE *text = open_memstream(&regex, &len);
    if (!text)
        return;
    put_regex(text, rule->instance);
    if (fclose(text) == 0)
        put_matcher(m, metric->instance_label, label_len, "=~", regex, len);
}

static void put_series(FILE *out, const struct rule *rule, const struct metric *metric,
                       const struct prometheus_host *host)
{
    char family[METRIC_FAMILY_MAX];
    struct matchers m = { .out = out };
    struct metric_attribute attribute;
    fputs(metric_family(family, metric->key, metric->unit), out);
    if (host)
        put_matcher(&m, "host", strlen("host"), "=", host->name, strlen(host->name));
    for (const char *at = NULL; metric_next_attribute(metric->key, &at, &attribute);)
        put_matcher(&m, attribute.name, attribute.name_len, "=", attribute.value, attribute.value_len);
    put_instance(&m, rule, metric);
    if (m.any)
        fputc('}', out);
}

/* ---- expressions ---- */

static void put_comparison(FILE *out, const struct rule *rule, const struct metric *metric,
                           const struct prometheus_host *host, double value)
{
    put_series(out, rule, metric, host);
    fputs(rule->comparison == COMPARE_ABOVE ? " > " : " < ", out);
    put_number(out, value * rule_scale(rule, host ? host->limits : NULL));
}

static void put_level(FILE *out, const struct rule *rule, const struct metric *metric,
                      const struct prometheus_host *host)
{
    put_comparison(out, rule, metric, host, rule->threshold);
    if (rule->clear == rule->threshold)
        return;
    fputs(" or (", out);
    put_comparison(out, rule, metric, host, rule->clear);
    fputs(" and ignoring (alertname, alertstate, page, severity) ALERTS{alertname=", out);
    put_quoted(out, rule->name, strlen(rule->name));
    fputs("})", out);
}

static void put_expression(FILE *out, const struct rule *rule, const struct prometheus_host *host)
{
    const struct metric *metric = metric_find(rule->metric);
    if (rule->condition == CONDITION_LEVEL) {
        put_level(out, rule, metric, host);
        return;
    }
    fputs("absent(", out);
    put_series(out, rule, metric, host);
    fputc(')', out);
}

/* NULL: it can be said. */
static const char *unsayable(const struct rule *rule, const struct prometheus_host *host)
{
    if (!metric_find(rule->metric))
        return "its metric is not in the catalogue";
    if (rule->limit >= 0 && !host)
        return "its threshold is a share of what each host declares: export it for one, by --host";
    if (rule->limit >= 0 && isnan(host->limits[rule->limit]))
        return "its threshold is a share of a limit that the host does not declare";
    switch (rule->condition) {
    case CONDITION_LEVEL:
        return NULL;
    case CONDITION_ABSENCE:
        if (!host)
            return "Prometheus has no list of hosts that should have the series: export it for one, by --host";
        return is_pattern(rule->instance) && metric_find(rule->metric)->instance_label
                   ? "it misses what was met before, which Prometheus does not remember"
                   : NULL;
    case CONDITION_RATE:
        return "a change over a span that begins anew behind a gap has no like in PromQL";
    case CONDITION_FORECAST:
        return "a forecast with its interval has no like in PromQL: predict_linear() does not say how sure it is";
    case CONDITION_FRACTION:
        return "a part of the time has no like in PromQL that clears as this does";
    case CONDITION_RATIO:
        return "a ratio whose divisor may be another instance has no like in PromQL";
    default:
        return "PromQL has no like of it";
    }
}

/* ---- items ---- */

/* `{threshold}` as people read it. */
static void put_summary(FILE *out, const struct rule *rule, const struct prometheus_host *host)
{
    static const char word[] = "{threshold}";
    char threshold[METRIC_QUANTITY_TEXT];
    char unit[ALERT_UNIT_MAX + 1];
    metric_quantity_text(threshold, rule->threshold * rule_scale(rule, host ? host->limits : NULL),
                         rule_unit_text(unit, rule));
    fputc('"', out);
    for (const char *at = rule->summary, *found; *at; at = found + sizeof word - 1) {
        found = strstr(at, word);
        put_escaped(out, at, found ? (size_t)(found - at) : strlen(at));
        if (!found)
            break;
        put_escaped(out, threshold, strlen(threshold));
    }
    fputc('"', out);
}

static void put_expression_quoted(FILE *out, const struct rule *rule, const struct prometheus_host *host)
{
    AUTO(auto_free) char *expression = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&expression, &len);
    if (!text)
        return;
    put_expression(text, rule, host);
    if (fclose(text) == 0)
        put_quoted(out, expression, len);
}

bool prometheus_print(FILE *out, const struct rule *rule, const struct prometheus_host *host)
{
    char hold[DURATION_TEXT];
    const char *why = unsayable(rule, host);
    if (why) {
        fprintf(out, "      # %s: %s\n", rule->name, why);
        return false;
    }
    if (rule->n_depends > 0)
        fputs("      # what it depends on mutes it here alone: in Alertmanager, that is an inhibition\n", out);
    fprintf(out, "      - alert: \"%s\"\n        expr: ", rule->name);
    put_expression_quoted(out, rule, host);
    if (rule->hold_us > 0)
        fprintf(out, "\n        for: %s", duration_format(hold, rule->hold_us));
    fprintf(out, "\n        labels: { severity: %s, page: \"%s\" }\n        annotations: { summary: ",
            severity_name(rule->severity), rule->page ? "true" : "false");
    put_summary(out, rule, host);
    fputs(" }\n", out);
    return true;
}

void prometheus_print_head(FILE *out, const char *state, const struct prometheus_host *host, int64_t interval_us)
{
    char interval[DURATION_TEXT];
    fprintf(out, "# Rules of warroom that are in force in the state %s%s%s, for Prometheus.\n", state,
            host ? ", for the host " : "", host ? host->name : "");
    fprintf(out, "groups:\n  - name: warroom\n    interval: %s\n    rules:\n", duration_format(interval, interval_us));
}
