/* Patrol for people: that somebody went round and what they saw, and what one shift says to the next. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/said.h"
#include "warroom/command/show.h"

static int64_t count_of(const json_t *object, const char *key)
{
    int64_t n = 0;
    field_count(object, key, &n);
    return n;
}

static enum tone round_tone(const json_t *round)
{
    const char *state = field_text(round, "state");
    return strcmp(state, "missed") == 0 ? TONE_BAD : strcmp(state, "late") == 0 ? TONE_WARN : TONE_GOOD;
}

/* ---- the log ---- */

/* Before its window there are those of the preparation alone. */
static void put_counts(const json_t *patrol, const struct sheet *sheet)
{
    char interval[DURATION_TEXT];
    double interval_s = 0;
    int64_t total = count_of(patrol, "total"), preparing = count_of(patrol, "preparing");
    field_number(patrol, "interval_s", &interval_s);
    if (total > 0)
        sheet_put(sheet, TONE_PLAIN, "%" PRId64 " of %" PRId64 " rounds on record, one each %s",
                  count_of(patrol, "on_record"), total,
                  duration_format(interval, (int64_t)(interval_s * (double)US_PER_S)));
    else
        sheet_put(sheet, TONE_PLAIN, "no rounds of its window");
    if (preparing > 0)
        sheet_put(sheet, TONE_PLAIN, "; %" PRId64 " of its preparation", preparing);
}

static void put_head(const json_t *patrol, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t next_us;
    sheet_put(sheet, TONE_STRONG, "Patrol of %s", field_text(patrol, "event"));
    sheet_put(sheet, TONE_PLAIN, ", %s: ", field_text(patrol, "state"));
    put_counts(patrol, sheet);
    if (field_instant(patrol, "next_due", &next_us))
        sheet_put(sheet, TONE_PLAIN, "; the next at %s", human_time(text, next_us, sheet->now_us));
    fputc('\n', sheet->out);
}

static void found_cells(struct table *table, const json_t *round)
{
    int64_t incident;
    const char *worst = field_text(round, "worst");
    if (field_is(round, "state", "missed")) {
        for (int i = 0; i < 3; i++)
            table_cell(table, TONE_DIM, FIELD_NONE);
    } else {
        table_cell(table, TONE_PLAIN, "%" PRId64, count_of(round, "found"));
        table_cell(table, show_state_tone(worst), "%s", worst);
        table_cell(table, TONE_PLAIN, "%" PRId64, count_of(round, "not_checked"));
    }
    if (field_count(round, "incident", &incident))
        table_cell(table, TONE_PLAIN, "%" PRId64, incident);
    else
        table_cell(table, TONE_DIM, FIELD_NONE);
}

static void put_rounds(const json_t *rounds, const struct sheet *sheet)
{
    static const struct column columns[] = { { "ROUND", true, 0 },  { "PHASE", false, 0 },    { "STATE", false, 0 },
                                             { "DUE", false, 0 },   { "AT", false, 0 },       { "FOUND", true, 0 },
                                             { "WORST", false, 0 }, { "UNCHECKED", true, 0 }, { "INCIDENT", true, 0 },
                                             { "CAUSE", false, 8 } };
    size_t i;
    json_t *round;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 0);
    json_array_foreach(rounds, i, round)
    {
        table_cell(table, TONE_PLAIN, "%" PRId64, count_of(round, "k"));
        table_cell(table, TONE_PLAIN, "%s", field_text(round, "phase"));
        table_cell(table, round_tone(round), "%s", field_text(round, "state"));
        show_time_cell(table, round, "due", sheet);
        show_time_cell(table, round, "at", sheet);
        found_cells(table, round);
        table_cell(table, TONE_PLAIN, "%s", field_text(round, "cause"));
    }
    table_print(table, sheet);
}

static void put_finding(const json_t *finding, const struct sheet *sheet)
{
    const char *severity = field_text(finding, "severity");
    sheet_put(sheet, show_state_tone(severity), "    %s", severity);
    sheet_put(sheet, TONE_PLAIN, "  %s: %s", field_text(finding, "subject"), field_text(finding, "text"));
    fputc('\n', sheet->out);
}

static void put_check(const json_t *check, const json_t *findings, const struct sheet *sheet)
{
    const char *name = field_text(check, "check");
    size_t i;
    json_t *finding;
    sheet_put(sheet, TONE_PLAIN, "  %-14s%s%s", name,
              field_true(check, "checked") ? "" : "not checked: ", field_text(check, "note"));
    fputc('\n', sheet->out);
    json_array_foreach(findings, i, finding) if (field_is(finding, "check", name)) put_finding(finding, sheet);
}

/* All that a round looked at; of a missed one there is nothing. */
static void put_round(const json_t *round, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t due_us;
    size_t i;
    json_t *check;
    const json_t *checks = field_list(round, "checks");
    if (json_array_size(checks) == 0 || !field_instant(round, "due", &due_us))
        return;
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_STRONG, "Round %" PRId64, count_of(round, "k"));
    sheet_put(sheet, TONE_PLAIN, " (%s), due at %s: ", field_text(round, "phase"),
              human_time(text, due_us, sheet->now_us));
    sheet_put(sheet, round_tone(round), "%s", field_text(round, "state"));
    fputc('\n', sheet->out);
    json_array_foreach(checks, i, check) put_check(check, field_list(round, "findings"), sheet);
    if (count_of(round, "left_out") > 0)
        fprintf(sheet->out, "  and %" PRId64 " findings more that were only counted\n", count_of(round, "left_out"));
}

void show_rounds(const json_t *data, const struct sheet *sheet)
{
    const json_t *rounds = field_list(data, "rounds");
    size_t i;
    json_t *round;
    put_head(field_object(data, "patrol"), sheet);
    if (json_array_size(rounds) == 0) {
        fputs("no rounds yet: they begin once an event is accepted, or live\n", sheet->out);
        return;
    }
    put_rounds(rounds, sheet);
    json_array_foreach(rounds, i, round) put_round(round, sheet);
}

/* ---- handing over ---- */

static void put_section(const char *name, const json_t *list, int64_t left_out, const struct sheet *sheet)
{
    fprintf(sheet->out, "\n%s (%" PRId64 ")%s\n", name, (int64_t)json_array_size(list) + left_out,
            left_out > 0 ? ", the latest of them" : "");
}

static void put_happened(const json_t *list, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "AT", false, 0 }, { "KIND", false, 0 }, { "BY", false, 6 }, { "SAYS", false, 20 }
    };
    size_t i;
    json_t *line;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(list, i, line)
    {
        char text[SAID_MAX];
        show_time_cell(table, line, "at", sheet);
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "kind"));
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "by"));
        table_cell(table, TONE_PLAIN, "%s",
                   said_text(text, field_text(line, "kind"), field_object(line, "said"), sheet->now_us));
    }
    table_print(table, sheet);
}

static void put_found(const json_t *list, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "AT", false, 0 }, { "ROUND", true, 0 }, { "SEVERITY", false, 0 }, { "OF", false, 12 }, { "FOUND", false, 20 }
    };
    size_t i;
    json_t *line;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(list, i, line)
    {
        const char *severity = field_text(line, "severity");
        show_time_cell(table, line, "at", sheet);
        table_cell(table, TONE_PLAIN, "%" PRId64, count_of(line, "k"));
        table_cell(table, show_state_tone(severity), "%s", severity);
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "subject"));
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "text"));
    }
    table_print(table, sheet);
}

static void put_open(const json_t *list, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "ID", true, 0 }, { "SEVERITY", false, 0 }, { "STATE", false, 0 }, { "INCIDENT", false, 20 }
    };
    size_t i;
    json_t *line;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(list, i, line)
    {
        const char *severity = field_text(line, "severity");
        const char *state = field_text(line, "state");
        table_cell(table, TONE_PLAIN, "%" PRId64, count_of(line, "id"));
        table_cell(table, show_state_tone(severity), "%s", severity);
        table_cell(table, show_state_tone(state), "%s", state);
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "title"));
    }
    table_print(table, sheet);
}

static void value_cell(struct table *table, const json_t *object, const char *key, const char *unit)
{
    char text[HUMAN_TEXT];
    double value = NAN;
    field_number(object, key, &value);
    table_cell(table, TONE_PLAIN, "%s", human_value(text, value, unit));
}

static void put_watch(const json_t *list, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "HOST", false, 12 }, { "SERIES", false, 24 }, { "VALUE", true, 0 }, { "LIMIT", true, 0 }, { "LEFT", true, 0 }
    };
    size_t i;
    json_t *line;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(list, i, line)
    {
        const char *unit = field_text(line, "unit");
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "host"));
        table_cell(table, TONE_PLAIN, "%s", field_text(line, "series"));
        value_cell(table, line, "value", unit);
        value_cell(table, line, "limit", unit);
        value_cell(table, line, "left", "1");
    }
    table_print(table, sheet);
}

static void put_summary(const json_t *handover, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t at_us;
    const json_t *rounds = field_object(handover, "rounds");
    sheet_put(sheet, TONE_STRONG, "Hand-over of %s", field_text(handover, "event"));
    sheet_put(sheet, TONE_PLAIN, " by %s", field_text(handover, "by"));
    if (field_instant(handover, "at", &at_us))
        sheet_put(sheet, TONE_PLAIN, ", %s", human_instant(text, at_us));
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_PLAIN, "  since   %s",
              field_instant(handover, "since", &at_us) ? human_instant(text, at_us) : "the beginning");
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_PLAIN, "  note    %s", field_text(handover, "note"));
    if (*field_text(handover, "ledger_head") != *FIELD_NONE)
        sheet_put(sheet, TONE_PLAIN, "\n  ledger  %s", field_text(handover, "ledger_head"));
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_PLAIN,
              "  rounds  %" PRId64 " kept, %" PRId64 " late, %" PRId64 " missed; %" PRId64 " with findings",
              count_of(rounds, "kept"), count_of(rounds, "late"), count_of(rounds, "missed"),
              count_of(rounds, "with_findings"));
    fputc('\n', sheet->out);
}

void show_handover(const json_t *data, const struct sheet *sheet)
{
    static const struct {
        const char *key, *left_out, *name;
        void (*put)(const json_t *list, const struct sheet *sheet);
    } sections[] = { { "happened", "happened_left_out", "What happened", put_happened },
                     { "findings", "findings_left_out", "What rounds found", put_found },
                     { "open", "", "What is open", put_open },
                     { "watch", "", "What to watch: nearest to their limits", put_watch } };
    const json_t *handover = field_object(data, "handover");
    put_summary(handover, sheet);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const json_t *list = field_list(handover, sections[i].key);
        put_section(sections[i].name, list, count_of(handover, sections[i].left_out), sheet);
        if (json_array_size(list) > 0)
            sections[i].put(list, sheet);
    }
}
