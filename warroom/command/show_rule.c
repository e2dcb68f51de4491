/* Rules in lines, and as Prometheus takes them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/show.h"

static void metric_cell(struct table *table, const json_t *rule)
{
    const char *instance = field_text(rule, "instance");
    if (strcmp(instance, "*") == 0 || strcmp(instance, FIELD_NONE) == 0)
        table_cell(table, TONE_PLAIN, "%s", field_text(rule, "metric"));
    else
        table_cell(table, TONE_PLAIN, "%s[%s]", field_text(rule, "metric"), instance);
}

static void put_title(const json_t *data, size_t n, const struct sheet *sheet)
{
    const char *host = field_text(data, "host");
    const char *event = field_text(data, "event");
    sheet_put(sheet, TONE_STRONG, "%zu %s", n, n == 1 ? "rule" : "rules");
    if (strcmp(host, FIELD_NONE) != 0)
        sheet_put(sheet, TONE_STRONG, " for %s", host);
    if (strcmp(event, FIELD_NONE) != 0)
        sheet_put(sheet, TONE_STRONG, " in the window of %s", event);
    fputc('\n', sheet->out);
}

/* Something on this host, or in this event, is other than for all. */
static bool any_from(const json_t *rules)
{
    size_t i;
    json_t *rule;
    json_array_foreach(rules, i, rule) if (strcmp(field_text(rule, "from"), FIELD_NONE) != 0) return true;
    return false;
}

static const char *why_not(const json_t *rule)
{
    if (field_true(rule, "off"))
        return "off: ";
    return field_true(rule, "judged") ? "" : "not judged: ";
}

void show_rules(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "RULE", false, 12 },   { "PACK", false, 6 },
                                             { "METRIC", false, 12 }, { "BAD IS", false, 16 },
                                             { "HOLD", true, 0 },     { "SEVERITY", false, 0 },
                                             { "PAGES", false, 0 },   { "IN FORCE", false, 6 },
                                             { "FROM", false, 6 } };
    const json_t *rules = field_list(data, "rules");
    bool with_from = any_from(rules);
    size_t i;
    json_t *rule;
    put_title(data, json_array_size(rules), sheet);
    if (json_array_size(rules) == 0)
        return;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0] - !with_from, 0);
    json_array_foreach(rules, i, rule)
    {
        double hold_s = 0;
        const char *severity = field_text(rule, "severity");
        const char *why = why_not(rule);
        field_number(rule, "hold_s", &hold_s);
        table_cell(table, why[0] ? TONE_DIM : TONE_PLAIN, "%s", field_text(rule, "rule"));
        table_cell(table, TONE_PLAIN, "%s", field_text(rule, "pack"));
        metric_cell(table, rule);
        table_cell(table, TONE_PLAIN, "%s%s", why, field_text(rule, "condition"));
        table_cell(table, TONE_PLAIN, "%gs", hold_s);
        table_cell(table, show_state_tone(severity), "%s", severity);
        table_cell(table, TONE_PLAIN, "%s", field_true(rule, "page") ? "yes" : "no");
        table_cell(table, TONE_PLAIN, "%s", field_text(rule, "in_force"));
        if (with_from)
            table_cell(table, TONE_PLAIN, "%s", field_text(rule, "from"));
    }
    table_print(table, sheet);
}

/* As it came: it is for a file. */
void show_rule_file(const json_t *data, const struct sheet *sheet)
{
    size_t i;
    json_t *item;
    const char *head = json_string_value(json_object_get(data, "head"));
    fputs(head ? head : "", sheet->out);
    json_array_foreach(field_list(data, "items"), i, item) if (json_is_string(item))
        fputs(json_string_value(item), sheet->out);
}

static void firing_row(struct table *table, const json_t *row, const struct sheet *sheet)
{
    show_time_cell(table, row, "crossed", sheet);
    show_time_cell(table, row, "fired", sheet);
    show_time_cell(table, row, "cleared", sheet);
    table_cell(table, TONE_PLAIN, "%s", field_text(row, "rule"));
    table_cell(table, TONE_PLAIN, "%s", field_text(row, "series"));
    show_value_cell(table, row, "value", field_text(row, "unit"));
    table_cell(table, show_state_tone(field_text(row, "severity")), "%s", field_text(row, "severity"));
}

enum { NAMES_SHOWN = 8 };

/* Those of one reason, behind each other: "not judged, no series: a, b and 4 more". */
static void put_not_judged(const json_t *rows, const char *reason, const struct sheet *sheet)
{
    size_t n = 0;
    size_t i;
    json_t *row;
    fprintf(sheet->out, "not judged, %s:", reason);
    json_array_foreach(rows, i, row)
    {
        if (strcmp(field_text(row, "reason"), reason) != 0)
            continue;
        if (n < NAMES_SHOWN)
            fprintf(sheet->out, "%s %s", n ? "," : "", field_text(row, "rule"));
        n++;
    }
    if (n > NAMES_SHOWN)
        fprintf(sheet->out, " and %zu more", n - NAMES_SHOWN);
    fputc('\n', sheet->out);
}

static bool is_first_of_reason(const json_t *rows, size_t at)
{
    const char *reason = field_text(json_array_get(rows, at), "reason");
    for (size_t i = 0; i < at; i++)
        if (strcmp(field_text(json_array_get(rows, i), "reason"), reason) == 0)
            return false;
    return true;
}

static void put_all_not_judged(const json_t *rows, const struct sheet *sheet)
{
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (is_first_of_reason(rows, i))
            put_not_judged(rows, field_text(json_array_get(rows, i), "reason"), sheet);
}

static void put_test_title(const json_t *data, const struct sheet *sheet)
{
    const char *of = field_text(data, json_object_get(data, "data") ? "data" : "host");
    size_t fired = json_array_size(field_list(data, "firings"));
    size_t left_out = json_array_size(field_list(data, "not_judged"));
    int64_t rules = 0;
    int64_t ticks = 0;
    field_count(data, "rules", &rules);
    field_count(data, "ticks", &ticks);
    sheet_put(sheet, TONE_STRONG, "%s: ", of);
    if (left_out > 0)
        sheet_put(sheet, TONE_STRONG, "%" PRId64 " of ", rules - (int64_t)left_out);
    sheet_put(sheet, TONE_STRONG, "%" PRId64 " rules over %" PRId64 " ticks would have fired %zu %s", rules, ticks,
              fired, fired == 1 ? "time" : "times");
    fputc('\n', sheet->out);
}

void show_rule_test(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "CROSSED", false, 0 }, { "FIRED", false, 0 },   { "CLEARED", false, 0 },
                                             { "RULE", false, 12 },   { "SERIES", false, 12 }, { "VALUE", true, 0 },
                                             { "SEVERITY", false, 0 } };
    const json_t *firings = field_list(data, "firings");
    size_t i;
    json_t *row;
    put_test_title(data, sheet);
    if (json_array_size(firings) > 0) {
        struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
        json_array_foreach(firings, i, row) firing_row(table, row, sheet);
        table_print(table, sheet);
    }
    put_all_not_judged(field_list(data, "not_judged"), sheet);
    if (field_true(data, "truncated"))
        fprintf(sheet->out, "there is more: go on with --from %s\n", field_text(data, "to"));
}
