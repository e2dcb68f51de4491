/* Readers add their rows device by device; people and expositions want them metric by metric. Catalogues are short, so
 * each printer goes through the metrics and, for each, through the rows. */
#include "agent/print.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"
#include "proto/metric/family.h"

enum { NUMBER_TEXT = 40, NAME_COLUMNS = 63, VALUE_COLUMNS = 15 };

/* ---- numbers ---- */

/* As many decimals as the metric's resolution has; what is too large for that is shown as it is. */
static void value_text(char text[NUMBER_TEXT], double value, int exponent)
{
    if (isnan(value))
        snprintf(text, NUMBER_TEXT, "-");
    else if (fabs(value) < 1e15)
        snprintf(text, NUMBER_TEXT, "%.*f", exponent < 0 ? -exponent : 0, value);
    else
        snprintf(text, NUMBER_TEXT, "%.17g", value);
}

/* The shortest of the two that reads back as the same number. */
static void exact_text(char text[NUMBER_TEXT], double value)
{
    snprintf(text, NUMBER_TEXT, "%.15g", value);
    if (isfinite(value) && strtod(text, NULL) != value)
        snprintf(text, NUMBER_TEXT, "%.17g", value);
}

/* ---- text ---- */

/* UTF-8: bytes that continue a character take no column of their own. */
static int columns_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xC0) != 0x80;
    return n;
}

static void text_row(FILE *out, const char *indent, const char *name, const struct metric *metric, double value)
{
    char number[NUMBER_TEXT];
    value_text(number, value, metric->exponent);
    int used = columns_of(indent) + columns_of(name);
    fprintf(out, "%s%s", indent, name);
    if (used > NAME_COLUMNS) { /* a long name has its line to itself */
        fputc('\n', out);
        used = 0;
    }
    fprintf(out, "%*s %*s %s\n", NAME_COLUMNS - used, "", VALUE_COLUMNS, number, metric->unit);
}

static void text_metric(FILE *out, const struct readings *readings, enum metric_id id)
{
    const struct metric *metric = metric_get(id);
    bool headed = false;
    for (size_t i = 0; i < readings->n; i++) {
        if (readings->at[i].metric != id)
            continue;
        if (!metric->instance_label) {
            text_row(out, "", metric->key, metric, readings->at[i].value);
            continue;
        }
        if (!headed)
            fprintf(out, "%s by %s\n", metric->key, metric->instance_label);
        headed = true;
        text_row(out, "  ", readings_instance(readings, i), metric, readings->at[i].value);
    }
}

static void print_text(FILE *out, const struct readings *readings)
{
    for (int id = 0; id < METRIC_COUNT; id++)
        text_metric(out, readings, (enum metric_id)id);
}

/* ---- JSON ---- */

/* Instances are UTF-8 already; RFC 8259 wants no more escaped than this. */
static void json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < ' ' || c == 127)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void json_pair(FILE *out, const char *key, const char *text)
{
    fprintf(out, "\"%s\":", key);
    json_text(out, text);
}

static void json_row(FILE *out, const struct readings *readings, size_t row, const char *before)
{
    const struct metric *metric = metric_get(readings->at[row].metric);
    char number[NUMBER_TEXT];
    value_text(number, readings->at[row].value, metric->exponent);
    fprintf(out, "%s    {", before);
    json_pair(out, "metric", metric->key);
    if (metric->instance_label) {
        fputc(',', out);
        json_pair(out, "instance_label", metric->instance_label);
        fputc(',', out);
        json_pair(out, "instance", readings_instance(readings, row));
    }
    fputc(',', out);
    json_pair(out, "unit", metric->unit);
    fprintf(out, ",\"value\":%s}", isfinite(readings->at[row].value) ? number : "null");
}

static void print_json(FILE *out, const struct readings *readings, struct print_about about)
{
    char when[MOMENT_TEXT];
    fprintf(out, "{\n  \"taken_at\":\"%s\",\n  \"interval_s\":%.3f,\n  \"series\":[",
            moment_format(when, about.taken_us), (double)about.interval_us / US_PER_S);
    const char *before = "\n";
    for (size_t i = 0; i < readings->n; i++) {
        json_row(out, readings, i, before);
        before = ",\n";
    }
    fprintf(out, "\n  ]\n}\n");
}

/* ---- OpenMetrics ---- */

static void openmetrics_text(FILE *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' || text[i] == '"')
            fprintf(out, "\\%c", text[i]);
        else if (text[i] == '\n')
            fputs("\\n", out);
        else
            fputc(text[i], out);
    }
}

static void openmetrics_label(FILE *out, const char **before, const char *name, size_t name_len, const char *value,
                              size_t value_len)
{
    fputs(*before, out);
    fwrite(name, 1, name_len, out);
    fputs("=\"", out);
    openmetrics_text(out, value, value_len);
    fputc('"', out);
    *before = ",";
}

/* The key's own attributes, then what tells the series of one metric apart. */
static void openmetrics_labels(FILE *out, const struct metric *metric, const char *instance)
{
    const char *before = "{";
    struct metric_attribute attribute;
    for (const char *at = NULL; metric_next_attribute(metric->key, &at, &attribute);)
        openmetrics_label(out, &before, attribute.name, attribute.name_len, attribute.value, attribute.value_len);
    if (metric->instance_label)
        openmetrics_label(out, &before, metric->instance_label, strlen(metric->instance_label), instance,
                          strlen(instance));
    if (*before == ',')
        fputc('}', out);
}

static void openmetrics_head(FILE *out, const char *family, const struct metric *metric)
{
    const char *unit = metric_family_unit(metric->key, metric->unit);
    fprintf(out, "# TYPE %s gauge\n", family);
    if (*unit)
        fprintf(out, "# UNIT %s %s\n", family, unit);
    fprintf(out, "# HELP %s ", family);
    openmetrics_text(out, metric->description, strlen(metric->description));
    fputc('\n', out);
}

static void openmetrics_metric(FILE *out, const struct readings *readings, enum metric_id id, const char *family,
                               bool *headed)
{
    const struct metric *metric = metric_get(id);
    for (size_t i = 0; i < readings->n; i++) {
        char number[NUMBER_TEXT];
        if (readings->at[i].metric != id || !isfinite(readings->at[i].value))
            continue;
        if (!*headed)
            openmetrics_head(out, family, metric);
        *headed = true;
        value_text(number, readings->at[i].value, metric->exponent);
        fputs(family, out);
        openmetrics_labels(out, metric, readings_instance(readings, i));
        fprintf(out, " %s\n", number);
    }
}

static bool is_family(enum metric_id id, const char *family)
{
    char name[METRIC_FAMILY_MAX];
    return strcmp(metric_family(name, metric_get(id)->key, metric_get(id)->unit), family) == 0;
}

/* Metrics that differ in attributes alone are one family, and a family must not be interrupted. */
static void print_openmetrics(FILE *out, const struct readings *readings)
{
    bool done[METRIC_COUNT] = { false };
    for (int first = 0; first < METRIC_COUNT; first++) {
        if (done[first])
            continue;
        char family[METRIC_FAMILY_MAX];
        metric_family(family, metric_get((enum metric_id)first)->key, metric_get((enum metric_id)first)->unit);
        bool headed = false;
        for (int id = first; id < METRIC_COUNT; id++) {
            if (!is_family((enum metric_id)id, family))
                continue;
            done[id] = true;
            openmetrics_metric(out, readings, (enum metric_id)id, family, &headed);
        }
    }
    fputs("# EOF\n", out);
}

void print_readings(FILE *out, const struct readings *readings, enum print_format format, struct print_about about)
{
    switch (format) {
    case PRINT_TEXT:
        print_text(out, readings);
        break;
    case PRINT_JSON:
        print_json(out, readings, about);
        break;
    case PRINT_OPENMETRICS:
        print_openmetrics(out, readings);
        break;
    }
}

void print_raw(void *user, const struct raw_reading *reading)
{
    FILE *out = user;
    char number[NUMBER_TEXT];
    exact_text(number, reading->value);
    if (*reading->labels)
        fprintf(out, "%s{%s} %s\n", reading->name, reading->labels, number);
    else
        fprintf(out, "%s %s\n", reading->name, number);
}
