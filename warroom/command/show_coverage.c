/* Which seconds have data: a line a host, and below it why the others have none. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

enum { GAPS_SHOWN = 20 }; /* of a host */

static const char *duration_text(char text[DURATION_TEXT], const json_t *object, const char *key)
{
    double seconds;
    if (!field_number(object, key, &seconds) || !(seconds >= 0 && seconds < 1e12))
        return FIELD_NONE;
    return duration_format_brief(text, llround(seconds * (double)US_PER_S));
}

/* Never "100 %" of what has a gap. */
static void share_cell(struct table *table, const json_t *host)
{
    double share;
    if (!field_number(host, "share", &share)) {
        table_cell(table, TONE_PLAIN, "%s", FIELD_NONE);
        return;
    }
    double percent = floor(share * 1e5) / 1e3;
    table_cell(table, share >= 1 ? TONE_GOOD : share < 0.99 ? TONE_BAD : TONE_WARN, "%.3f %%", percent);
}

static void host_row(struct table *table, const json_t *host)
{
    char text[DURATION_TEXT];
    int64_t gaps = 0;
    field_count(host, "gaps_total", &gaps);
    table_cell(table, TONE_PLAIN, "%s", field_text(field_object(host, "host"), "name"));
    share_cell(table, host);
    table_cell(table, TONE_PLAIN, "%s", duration_text(text, host, "covered_s"));
    table_cell(table, TONE_PLAIN, "%lld", (long long)gaps);
    table_cell(table, TONE_PLAIN, "%s", gaps > 0 ? duration_text(text, host, "longest_gap_s") : FIELD_NONE);
    if (json_is_string(json_object_get(host, "error"))) /* of this host alone */
        table_cell(table, TONE_BAD, "%s", field_text(host, "error"));
    else
        table_cell(table, TONE_PLAIN, "%s", field_true(host, "minutes") ? "minute" : "second");
}

static void gap_row(struct table *table, const json_t *gap, const struct sheet *sheet)
{
    char text[DURATION_TEXT];
    show_time_cell(table, gap, "from", sheet);
    show_time_cell(table, gap, "to", sheet);
    table_cell(table, TONE_PLAIN, "%s", duration_text(text, gap, "gap_s"));
    table_cell(table, TONE_PLAIN, "%s", field_text(gap, "cause"));
}

static void put_gaps(const json_t *host, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "FROM", false, 0 }, { "TO", false, 0 }, { "MISSING", true, 0 }, { "CAUSE", false, 0 }
    };
    const json_t *gaps = field_list(host, "gaps");
    size_t i;
    json_t *gap;
    int64_t total = 0;
    if (json_array_size(gaps) == 0)
        return;
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_STRONG, "%s", field_text(field_object(host, "host"), "name"));
    fputc('\n', sheet->out);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(gaps, i, gap)
    {
        if (i < GAPS_SHOWN)
            gap_row(table, gap, sheet);
    }
    table_print(table, sheet);
    if (field_count(host, "gaps_total", &total) && total > GAPS_SHOWN)
        fprintf(sheet->out, "  and %lld more: --json has them\n", (long long)(total - GAPS_SHOWN));
}

void show_coverage(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "HOST", false, 20 }, { "COVERED", true, 0 },     { "FOR", true, 0 },
        { "GAPS", true, 0 },   { "LONGEST GAP", true, 0 }, { "RESOLUTION", false, 0 },
    };
    const json_t *hosts = field_list(data, "coverage");
    size_t i;
    json_t *host;
    show_window(data, sheet);
    fputc('\n', sheet->out);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
    json_array_foreach(hosts, i, host) host_row(table, host);
    table_print(table, sheet);
    json_array_foreach(hosts, i, host) put_gaps(host, sheet);
}
