/* What became of a rehearsal: its verdict, and who was told by which way when. */
#include <inttypes.h>
#include <string.h>

#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

/* In lines of words; one that is longer than a line has a line of its own. */
static void put_wrapped(const char *text, const struct sheet *sheet)
{
    enum { ROOM = SHEET_COLUMNS - 2 };
    while (*text) {
        size_t len = strlen(text), cut = len;
        for (; cut > ROOM && memrchr(text, ' ', cut); cut = (size_t)((const char *)memrchr(text, ' ', cut) - text))
            ;
        sheet_put(sheet, TONE_PLAIN, "  %.*s", (int)cut, text);
        fputc('\n', sheet->out);
        text += cut + (text[cut] == ' ');
    }
}

static void put_head(const json_t *data, const struct sheet *sheet)
{
    const json_t *rehearsal = field_object(data, "rehearsal");
    const char *event = field_text(rehearsal, "event");
    bool ended = field_is(rehearsal, "state", "ended");
    if (ended && field_true(rehearsal, "passed"))
        sheet_put(sheet, TONE_GOOD, "%s: passed", event);
    else if (ended)
        sheet_put(sheet, TONE_BAD, "%s: FAILED", event);
    else
        sheet_put(sheet, TONE_WARN, "%s: under way, begun by %s", event, field_text(rehearsal, "started_by"));
    fputc('\n', sheet->out);
    if (ended)
        put_wrapped(field_text(rehearsal, "evidence"), sheet);
}

static void put_crossing(const json_t *data, const struct sheet *sheet)
{
    const json_t *rehearsal = field_object(data, "rehearsal");
    char at[HUMAN_TEXT], took[DURATION_TEXT];
    int64_t started_us, crossed_us, incident = 0;
    const char *host = field_text(rehearsal, "host");
    if (!field_instant(rehearsal, "crossed", &crossed_us) || !field_instant(rehearsal, "started", &started_us) ||
        !field_count(rehearsal, "incident", &incident)) {
        fprintf(sheet->out, "  %s was asked, and has not said so\n", host);
        return;
    }
    sheet_put(sheet, TONE_PLAIN, "  incident %" PRId64 ", from %s at %s, %s after it was asked for", incident, host,
              human_instant(at, crossed_us), duration_format_brief(took, crossed_us - started_us));
    fputc('\n', sheet->out);
}

static void put_answer(const json_t *data, const struct sheet *sheet)
{
    const json_t *incident = field_object(data, "incident");
    char took[DURATION_TEXT];
    int64_t crossed_us, at_us, id;
    if (!field_instant(incident, "crossed", &crossed_us) || !field_count(incident, "id", &id))
        return;
    if (field_instant(incident, "acknowledged", &at_us))
        sheet_put(sheet, TONE_PLAIN, "  acknowledged by %s, %s after it had crossed",
                  field_text(incident, "acknowledged_by"), duration_format_brief(took, at_us - crossed_us));
    else
        sheet_put(sheet, TONE_WARN, "  not acknowledged yet: warroom incident ack %" PRId64, id);
    fputc('\n', sheet->out);
}

/* Since the crossing; else what keeps it. */
static void way_row(struct table *table, const json_t *page, int64_t crossed_us)
{
    char took[DURATION_TEXT];
    int64_t at_us, tries = 0;
    bool arrived = field_instant(page, "delivered", &at_us);
    bool waits = field_is(page, "state", "queued");
    const char *error = field_text(page, "error");
    field_count(page, "attempts", &tries);
    table_cell(table, TONE_PLAIN, "%s", field_text(page, "contact"));
    table_cell(table, TONE_PLAIN, "%s", field_text(page, "channel"));
    table_cell(table, TONE_PLAIN, "%s", field_text(page, "address"));
    table_cell(table, TONE_PLAIN, "%" PRId64, tries);
    if (arrived)
        table_cell(table, TONE_GOOD, "%s", duration_format_brief(took, at_us - crossed_us));
    else
        table_cell(table, waits ? TONE_WARN : TONE_BAD, "%s%s%s", waits ? "not yet" : "no",
                   strcmp(error, FIELD_NONE) == 0 ? "" : ": ", strcmp(error, FIELD_NONE) == 0 ? "" : error);
}

void show_rehearsal(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "CONTACT", false, 8 }, { "CHANNEL", false, 8 },     { "ADDRESS", false, 12 },
        { "TRIES", true, 0 },    { "TOLD AFTER", false, 20 },
    };
    const json_t *pages = field_list(data, "pages");
    int64_t crossed_us = 0;
    size_t i;
    json_t *page;
    put_head(data, sheet);
    put_crossing(data, sheet);
    put_answer(data, sheet);
    if (json_array_size(pages) == 0)
        return;
    field_instant(field_object(data, "rehearsal"), "crossed", &crossed_us);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(pages, i, page) way_row(table, page, crossed_us);
    table_print(table, sheet);
}
