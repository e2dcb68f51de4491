/* The ledger in lines: who did what when. What an entry says stands in its last column, word by word; --json has all of
 * it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

static void append(char text[SHOW_SAID_MAX], const char *key, const char *value)
{
    size_t len = strlen(text);
    snprintf(text + len, SHOW_SAID_MAX - len, "%s%s%s%s", len ? " " : "", key, *key ? "=" : "", value);
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text);
    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* Stamps are for those who count; who reads wants the words. */
void show_said(char text[SHOW_SAID_MAX], const json_t *body)
{
    const char *key;
    json_t *value;
    text[0] = '\0';
    if (json_is_string(json_object_get(body, "what")))
        append(text, "", field_text(body, "what"));
    json_object_foreach((json_t *)body, key, value)
    {
        char number[32];
        if (strcmp(key, "what") == 0 || ends_in(key, "_us"))
            continue;
        if (json_is_string(value) && json_string_length(value) > 0)
            append(text, key, json_string_value(value));
        if (json_is_true(value))
            append(text, "", key);
        if (json_is_integer(value)) {
            snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
            append(text, key, number);
        }
        if (json_is_array(value)) {
            snprintf(number, sizeof number, "%zu", json_array_size(value));
            append(text, key, number);
        }
    }
}

static void count_cell(struct table *table, const json_t *entry, const char *key)
{
    int64_t count;
    if (field_count(entry, key, &count))
        table_cell(table, TONE_PLAIN, "%" PRId64, count);
    else
        table_cell(table, TONE_DIM, FIELD_NONE);
}

void show_ledger(const json_t *data, const struct sheet *sheet)
{
    static const struct column columns[] = { { "N", true, 0 },      { "AT", false, 0 },      { "KIND", false, 0 },
                                             { "EVENT", false, 6 }, { "INCIDENT", true, 0 }, { "BY", false, 6 },
                                             { "SAYS", false, 20 } };
    const json_t *entries = field_list(data, "entries");
    size_t i;
    json_t *entry;
    if (json_array_size(entries) == 0) {
        fputs("no entries\n", sheet->out);
        return;
    }
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
    json_array_foreach(entries, i, entry)
    {
        char text[SHOW_SAID_MAX];
        show_said(text, field_object(entry, "body"));
        count_cell(table, entry, "n");
        show_time_cell(table, entry, "at", sheet);
        table_cell(table, TONE_PLAIN, "%s", field_text(entry, "kind"));
        table_cell(table, TONE_PLAIN, "%s", field_text(entry, "event"));
        count_cell(table, entry, "incident");
        table_cell(table, TONE_PLAIN, "%s", field_text(entry, "by"));
        table_cell(table, TONE_PLAIN, "%s", text);
    }
    table_print(table, sheet);
}
