/* What was asked about many hosts: latest values, quantiles, the highest. What tells one row from another is never cut:
 * two series would look the same. */
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

static const char *unit_of(const json_t *object)
{
    const char *unit = field_text(object, "unit");
    return strcmp(unit, FIELD_NONE) == 0 ? "" : unit;
}

static void instance_cell(struct table *table, const json_t *row)
{
    table_cell(table, TONE_PLAIN, "%s", field_text(row, "instance"));
}

static void nothing(const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "no samples there in that time; warroom coverage --host HOST shows when it has");
    fputc('\n', sheet->out);
}

void show_latest(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "HOST", false, 0 },
                                             { "METRIC", false, 48 },
                                             { "INSTANCE", false, 8 },
                                             { "VALUE", true, 0 },
                                             { "AGE", true, 0 } };
    const json_t *list = field_list(data, "values");
    size_t i;
    json_t *row;
    if (json_array_size(list) == 0) {
        nothing(sheet);
        return;
    }
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
    table_keep_ends(table, 1); /* the labels are there */
    json_array_foreach(list, i, row)
    {
        table_cell(table, TONE_PLAIN, "%s", field_text(row, "host"));
        table_cell(table, TONE_PLAIN, "%s", field_text(row, "metric"));
        instance_cell(table, row);
        show_value_cell(table, row, "value", unit_of(row));
        show_age_cell(table, row, "at", sheet);
    }
    table_print(table, sheet);
}

static void put_spread(const char *metric, const json_t *list, const struct sheet *sheet)
{
    static const struct column columns[] = { { "HOST", false, 0 }, { "INSTANCE", false, 0 }, { "P50", true, 0 },
                                             { "P95", true, 0 },   { "P99", true, 0 },       { "MAX", true, 0 } };
    static const char *const keys[] = { "p50", "p95", "p99", "max" };
    size_t i;
    json_t *row;
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_STRONG, "%s", metric);
    fputc('\n', sheet->out);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(list, i, row)
    {
        table_cell(table, TONE_PLAIN, "%s", field_text(row, "host"));
        instance_cell(table, row);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            show_value_cell(table, row, keys[k], unit_of(row));
    }
    table_print(table, sheet);
}

/* The rows of each metric, in the order in which the metrics come first. */
static json_t *by_metric(const json_t *list)
{
    json_t *metrics = json_object();
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row)
    {
        const char *metric = field_text(row, "metric");
        if (!json_object_get(metrics, metric))
            json_object_set_new(metrics, metric, json_array());
        json_array_append(json_object_get(metrics, metric), row);
    }
    return metrics;
}

/* P90 is in --json: the width of a line is needed for figures with long units. */
void show_quantiles(const json_t *data, const struct sheet *sheet)
{
    const json_t *list = field_list(data, "quantiles");
    const char *metric;
    json_t *rows;
    if (json_array_size(list) == 0) {
        nothing(sheet);
        return;
    }
    show_window(data, sheet);
    json_t *metrics = by_metric(list);
    json_object_foreach(metrics, metric, rows) put_spread(metric, rows, sheet);
    json_decref(metrics);
    if (field_true(data, "whole_days"))
        fputs("\nSamples of the first or last day are gone: whole days (UTC) stand for them.\n", sheet->out);
}

/* Of the order, which is the collector's word, only what is known becomes a head. */
static const char *head_of(const char *order)
{
    static const char *const heads[] = { "MEAN", "MAX", "P95" };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (strcasecmp(heads[i], order) == 0)
            return heads[i];
    return "VALUE";
}

void show_top(const json_t *data, const struct sheet *sheet)
{
    const struct column columns[] = { { "HOST", false, 0 },
                                      { "TENANT", false, 10 },
                                      { "INSTANCE", false, 0 },
                                      { head_of(field_text(data, "by")), true, 0 } };
    const json_t *list = field_list(data, "top");
    size_t i;
    json_t *row;
    if (json_array_size(list) == 0) {
        nothing(sheet);
        return;
    }
    show_window(data, sheet);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
    json_array_foreach(list, i, row)
    {
        const json_t *host = field_object(row, "host");
        table_cell(table, TONE_PLAIN, "%s", field_text(host, "name"));
        table_cell(table, TONE_PLAIN, "%s", field_text(host, "tenant"));
        instance_cell(table, row);
        show_value_cell(table, row, "value", unit_of(data));
    }
    table_print(table, sheet);
}
