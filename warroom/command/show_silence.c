/* Silences and notices: who has muted what until when, and what others have announced. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

static int64_t id_of(const json_t *object)
{
    int64_t id = 0;
    field_count(object, "id", &id);
    return id;
}

static void silence_row(struct table *table, const json_t *silence, const struct sheet *sheet)
{
    table_cell(table, TONE_PLAIN, "%" PRId64, id_of(silence));
    table_cell(table, TONE_PLAIN, "%s", field_text(silence, "tenant"));
    table_cell(table, TONE_PLAIN, "%s", field_text(silence, "hosts"));
    table_cell(table, TONE_PLAIN, "%s", field_text(silence, "rule"));
    show_time_cell(table, silence, "to", sheet);
    table_cell(table, TONE_PLAIN, "%s", field_text(silence, "owner"));
    table_cell(table, TONE_PLAIN, "%s", field_text(silence, "reason"));
}

void show_silences(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "ID", true, 0 },      { "TENANT", false, 8 }, { "HOSTS", false, 10 },
                                             { "RULE", false, 8 },   { "UNTIL", false, 0 },  { "OWNER", false, 6 },
                                             { "REASON", false, 16 } };
    static const struct listing listing = { "no silences", columns, sizeof columns / sizeof columns[0], silence_row };
    show_listing(field_list(data, "silences"), &listing, sheet);
}

void show_silence_line(const json_t *data, const struct sheet *sheet)
{
    char until[HUMAN_TEXT] = FIELD_NONE;
    int64_t at_us;
    const json_t *silence = field_object(data, "silence");
    bool over = field_instant(silence, "ended", &at_us);
    if (over || field_instant(silence, "to", &at_us))
        human_time(until, at_us, sheet->now_us);
    sheet_put(sheet, TONE_PLAIN, "silence %" PRId64 " over %s, rule %s: %s %s", id_of(silence),
              field_text(silence, "hosts"), field_text(silence, "rule"), over ? "ended at" : "until", until);
    fputc('\n', sheet->out);
}

static void answer_cell(struct table *table, const json_t *notice)
{
    const char *answer = field_text(notice, "answer");
    if (strcmp(answer, FIELD_NONE) != 0)
        table_cell(table, TONE_PLAIN, "%s: %s", field_text(notice, "answered_by"), answer);
    else
        table_cell(table, field_is(notice, "kind", "change") ? TONE_WARN : TONE_DIM, FIELD_NONE);
}

static void notice_row(struct table *table, const json_t *notice, const struct sheet *sheet)
{
    table_cell(table, TONE_PLAIN, "%" PRId64, id_of(notice));
    table_cell(table, TONE_PLAIN, "%s", field_text(notice, "tenant"));
    table_cell(table, TONE_PLAIN, "%s", field_text(notice, "kind"));
    table_cell(table, TONE_PLAIN, "%s", field_text(notice, "hosts"));
    show_time_cell(table, notice, "from", sheet);
    show_time_cell(table, notice, "to", sheet);
    table_cell(table, TONE_PLAIN, "%s: %s", field_text(notice, "title"), field_text(notice, "impact"));
    answer_cell(table, notice);
}

void show_notices(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "ID", true, 0 },       { "TENANT", false, 8 }, { "KIND", false, 0 },
                                             { "HOSTS", false, 8 },   { "FROM", false, 0 },   { "TO", false, 0 },
                                             { "NOTICE", false, 16 }, { "ANSWER", false, 12 } };
    static const struct listing listing = { "no notices", columns, sizeof columns / sizeof columns[0], notice_row };
    show_listing(field_list(data, "notices"), &listing, sheet);
}

static void put_against(const json_t *names, const struct sheet *sheet)
{
    size_t i;
    json_t *name;
    json_array_foreach(names, i, name)
        sheet_put(sheet, TONE_WARN, "%s%s", i ? ", " : "; to be answered, it stands against ",
                  json_is_string(name) ? json_string_value(name) : FIELD_NONE);
}

void show_notice_line(const json_t *data, const struct sheet *sheet)
{
    const json_t *notice = field_object(data, "notice");
    const char *by = field_text(notice, "answered_by");
    bool answered = strcmp(by, FIELD_NONE) != 0;
    sheet_put(sheet, TONE_PLAIN, "notice %" PRId64 ", %s over %s: %s%s%s", id_of(notice), field_text(notice, "kind"),
              field_text(notice, "hosts"), field_text(notice, "title"), answered ? "; answered by " : "",
              answered ? by : "");
    put_against(field_list(data, "against"), sheet);
    fputc('\n', sheet->out);
}
