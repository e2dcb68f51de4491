#include "warroom/command/show.h"

#include <math.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"

enum tone show_state_tone(const char *state)
{
    static const struct {
        const char *state;
        enum tone tone;
    } words[] = {
        { "critical", TONE_BAD },   { "triggered", TONE_BAD },     { "firing", TONE_BAD },
        { "silent", TONE_BAD },     { "failed", TONE_BAD },        { "warning", TONE_WARN },
        { "pending", TONE_WARN },   { "unknown", TONE_WARN },      { "queued", TONE_WARN },
        { "never", TONE_WARN },     { "acknowledged", TONE_WARN }, { "ok", TONE_GOOD },
        { "reporting", TONE_GOOD }, { "live", TONE_GOOD },         { "resolved", TONE_GOOD },
        { "delivered", TONE_GOOD }, { "invited", TONE_WARN },      { "no key", TONE_WARN },
        { "revoked", TONE_BAD },    { "retired", TONE_DIM },       { "cloned", TONE_BAD },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].state, state) == 0)
            return words[i].tone;
    return TONE_PLAIN;
}

void show_listing(const json_t *rows, const struct listing *listing, const struct sheet *sheet)
{
    size_t i;
    json_t *row;
    if (json_array_size(rows) == 0) {
        fprintf(sheet->out, "%s\n", listing->none);
        return;
    }
    struct table *table = table_new(listing->columns, listing->n_columns, 0);
    json_array_foreach(rows, i, row) listing->row(table, row, sheet);
    table_print(table, sheet);
}

void show_window(const json_t *data, const struct sheet *sheet)
{
    char from[HUMAN_TEXT], to[HUMAN_TEXT];
    int64_t from_us, to_us;
    const char *event = field_text(data, "event");
    if (!field_instant(data, "from", &from_us) || !field_instant(data, "to", &to_us))
        return;
    if (strcmp(event, FIELD_NONE) != 0)
        sheet_put(sheet, TONE_STRONG, "%s  ", event);
    fprintf(sheet->out, "%s to %s\n", human_instant(from, from_us), human_instant(to, to_us));
}

void show_time_cell(struct table *table, const json_t *object, const char *key, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t at_us;
    bool there = field_instant(object, key, &at_us);
    table_cell(table, TONE_PLAIN, "%s", there ? human_time(text, at_us, sheet->now_us) : FIELD_NONE);
}

void show_age_cell(struct table *table, const json_t *object, const char *key, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t at_us;
    bool there = field_instant(object, key, &at_us);
    table_cell(table, TONE_PLAIN, "%s", there ? human_age(text, at_us, sheet->now_us) : FIELD_NONE);
}

void show_value_cell(struct table *table, const json_t *object, const char *key, const char *unit)
{
    char text[HUMAN_TEXT];
    double value = NAN;
    field_number(object, key, &value);
    table_cell(table, TONE_PLAIN, "%s", human_value(text, value, unit));
}
