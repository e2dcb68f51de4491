#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

enum { SPARK_MAX = 96, COUNT_AT = 4 };

/* A point is [instant, min, mean, max, count, p95, p99], the last two where they were asked for; a value that is no
 * number is shown as absent. */
static double point_value(const json_t *point, size_t at)
{
    const json_t *value = json_array_get(point, at);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void point_row(struct table *table, const json_t *point, size_t n_values, const char *unit,
                      const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t at_us;
    const char *instant = json_string_value(json_array_get(point, 0));
    bool there = instant && moment_parse(instant, strlen(instant), &at_us) == 0;
    table_cell(table, TONE_PLAIN, "%s", there ? human_time(text, at_us, sheet->now_us) : FIELD_NONE);
    for (size_t i = 1; i <= n_values; i++) { /* the count, the fourth, is not shown */
        double value = point_value(point, i < COUNT_AT ? i : i + 1);
        table_cell(table, TONE_PLAIN, "%s", human_value(text, value, unit));
    }
}

/* The means, the newest SPARK_MAX of them. */
static void put_sparkline(const json_t *points, const struct sheet *sheet)
{
    double means[SPARK_MAX];
    char text[SPARK_MAX * 3 + 1];
    size_t n = json_array_size(points);
    size_t skipped = n > SPARK_MAX ? n - SPARK_MAX : 0;
    for (size_t i = skipped; i < n; i++)
        means[i - skipped] = point_value(json_array_get(points, i), 2);
    fprintf(sheet->out, "  %s\n", human_sparkline(text, sizeof text, means, n - skipped));
}

static void put_series(const json_t *data, const json_t *series, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "TIME", false, 0 }, { "MIN", true, 0 }, { "MEAN", true, 0 },
        { "MAX", true, 0 },   { "P95", true, 0 }, { "P99", true, 0 },
    };
    const char *unit = field_text(data, "unit");
    const char *instance = field_text(series, "instance");
    const json_t *points = field_list(series, "points");
    size_t i;
    json_t *point;
    bool named = strcmp(instance, FIELD_NONE) != 0;
    sheet_put(sheet, TONE_STRONG, "%s%s%s", field_text(data, "metric"), named ? "  " : "", named ? instance : "");
    fputc('\n', sheet->out);
    if (sheet->terminal && json_array_size(points) > 1)
        put_sparkline(points, sheet);
    bool quantiles = json_array_size(json_array_get(points, 0)) > COUNT_AT + 1;
    size_t n_columns = quantiles ? sizeof columns / sizeof columns[0] : COUNT_AT;
    struct table *table = table_new(columns, n_columns, 2);
    json_array_foreach(points, i, point)
        point_row(table, point, n_columns - 1, strcmp(unit, FIELD_NONE) == 0 ? "" : unit, sheet);
    table_print(table, sheet);
}

void show_query(const json_t *data, const struct sheet *sheet)
{
    const json_t *list = field_list(data, "series");
    size_t i;
    json_t *series;
    if (json_array_size(list) == 0) {
        sheet_put(sheet, TONE_PLAIN,
                  "no samples of %s there in that time; warroom coverage --host HOST shows when it has",
                  field_text(data, "metric"));
        fputc('\n', sheet->out);
        return;
    }
    json_array_foreach(list, i, series)
    {
        if (i > 0)
            fputc('\n', sheet->out);
        put_series(data, series, sheet);
    }
    if (field_true(data, "truncated"))
        fputs("\nThere is more: narrow it by --instance, --from and --to, or ask for fewer --points.\n", sheet->out);
}
