/* Whether ten minutes are enough: the longest ways from a bad sample to an answer, stage by stage. */
#include <inttypes.h>
#include <stdio.h>

#include "warroom/command/field.h"
#include "warroom/command/show.h"

enum { WAYS_SHOWN = 20 };

static const char *const stages[] = { "hold", "sample", "link", "store", "step", "queue", "channel", "answer" };
enum { STAGES = sizeof stages / sizeof stages[0] };

static void way_row(struct table *table, const json_t *way, double budget_s)
{
    double total_s = 0;
    field_number(way, "total_s", &total_s);
    table_cell(table, TONE_PLAIN, "%s", field_text(way, "rule"));
    table_cell(table, TONE_PLAIN, "%s", field_text(way, "contact"));
    for (int i = 0; i < STAGES; i++) {
        double s = 0;
        field_number(field_object(way, "stages"), stages[i], &s);
        table_cell(table, TONE_PLAIN, "%.0f", s);
    }
    table_cell(table, total_s > budget_s ? TONE_BAD : TONE_PLAIN, "%.0f%s", total_s, total_s > budget_s ? " !" : "");
}

static void put_head(const json_t *data, double budget_s, int64_t total, int64_t over, const struct sheet *sheet)
{
    double worst_s = 0;
    field_number(json_array_get(field_list(data, "ways"), 0), "total_s", &worst_s);
    if (total == 0)
        sheet_put(sheet, TONE_BAD, "%s: nobody would be told of anything", field_text(data, "event"));
    else if (over > 0)
        sheet_put(sheet, TONE_BAD,
                  "%s: %.0f s at worst, and there are %.0f; %" PRId64 " of %" PRId64 " ways take longer",
                  field_text(data, "event"), worst_s, budget_s, over, total);
    else
        sheet_put(sheet, TONE_GOOD, "%s: %.0f of %.0f s at worst, from a bad sample to an answer",
                  field_text(data, "event"), worst_s, budget_s);
    fputc('\n', sheet->out);
}

void show_lint(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "RULE", false, 12 },  { "CONTACT", false, 8 }, { "HOLD", true, 0 },  { "SAMPLE", true, 0 },
        { "LINK", true, 0 },    { "STORE", true, 0 },    { "STEP", true, 0 },  { "QUEUE", true, 0 },
        { "CHANNEL", true, 0 }, { "ANSWER", true, 0 },   { "TOTAL", true, 0 },
    };
    const json_t *ways = field_list(data, "ways");
    double budget_s = 0;
    int64_t total = 0, over = 0;
    field_number(data, "budget_s", &budget_s);
    field_count(data, "total", &total);
    field_count(data, "over", &over);
    put_head(data, budget_s, total, over, sheet);
    if (total == 0)
        return;
    size_t n = json_array_size(ways) < WAYS_SHOWN ? json_array_size(ways) : WAYS_SHOWN;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    for (size_t i = 0; i < n; i++)
        way_row(table, json_array_get(ways, i), budget_s);
    table_print(table, sheet);
    if (total > (int64_t)n) {
        sheet_put(sheet, TONE_DIM, "  and %" PRId64 " that are no longer", total - (int64_t)n);
        fputc('\n', sheet->out);
    }
}
