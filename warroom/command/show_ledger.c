/* The ledger in lines: who did what when. --json has all of what an entry says. */
#include <inttypes.h>
#include <stdio.h>

#include "warroom/command/field.h"
#include "warroom/command/said.h"
#include "warroom/command/show.h"

static void count_cell(struct table *table, const json_t *entry, const char *key)
{
    int64_t count;
    if (field_count(entry, key, &count))
        table_cell(table, TONE_PLAIN, "%" PRId64, count);
    else
        table_cell(table, TONE_DIM, FIELD_NONE);
}

static void entry_row(struct table *table, const json_t *entry, const struct sheet *sheet)
{
    char text[SAID_MAX];
    count_cell(table, entry, "n");
    show_time_cell(table, entry, "at", sheet);
    table_cell(table, TONE_PLAIN, "%s", field_text(entry, "kind"));
    table_cell(table, TONE_PLAIN, "%s", field_text(entry, "event"));
    count_cell(table, entry, "incident");
    table_cell(table, TONE_PLAIN, "%s", field_text(entry, "by"));
    table_cell(table, TONE_PLAIN, "%s",
               said_text(text, field_text(entry, "kind"), field_object(entry, "body"), sheet->now_us));
}

void show_ledger(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "N", true, 0 },      { "AT", false, 0 },      { "KIND", false, 0 },
                                             { "EVENT", false, 6 }, { "INCIDENT", true, 0 }, { "BY", false, 6 },
                                             { "SAYS", false, 20 } };
    static const struct listing listing = { "no entries", columns, sizeof columns / sizeof columns[0], entry_row };
    show_listing(field_list(data, "entries"), &listing, sheet);
}

static const char *sure(const json_t *data)
{
    return field_true(data, "compared") ? "" : " (the one it came with: compare it with the one you keep)";
}

void show_verdict(const json_t *data, const struct sheet *sheet)
{
    fprintf(sheet->out, "ledger %s: %s\n", field_text(data, "state"), field_text(data, "says"));
    fprintf(sheet->out, "  key   %s%s\n", field_text(data, "key"), sure(data));
    fprintf(sheet->out, "  head  %s\n", field_text(data, "head"));
}

void show_exported(const json_t *data, const struct sheet *sheet)
{
    fprintf(sheet->out, "%s: %s\n", field_text(data, "file"), field_text(data, "says"));
    fprintf(sheet->out, "  key   %s\n  head  %s\n", field_text(data, "key"), field_text(data, "head"));
}

void show_accepted(const json_t *data, const struct sheet *sheet)
{
    fprintf(sheet->out, "the ledger of %s is signed again, as it is now; its last entry says by whom and why\n",
            field_text(data, "tenant"));
    fprintf(sheet->out, "  key   %s\n  head  %s\n", field_text(data, "key"), field_text(data, "head"));
}
