/* What an expert reads aloud on the phone: what it is, in which state, and how much of the ten minutes is left or was
 * taken. The budget of an incident counts from its first bad sample. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

enum { BUDGET_DEFAULT_S = 600, BUDGET_MOST_S = 1000000 };

static int64_t incident_id(const json_t *incident)
{
    int64_t id = 0;
    field_count(incident, "id", &id);
    return id;
}

static int64_t budget_us(const json_t *incident)
{
    double seconds;
    if (!field_number(incident, "budget_s", &seconds) || seconds < 0 || seconds > BUDGET_MOST_S)
        seconds = BUDGET_DEFAULT_S;
    return (int64_t)(seconds * (double)US_PER_S);
}

static bool after_silence(const json_t *incident)
{
    int64_t at_us;
    return field_instant(incident, "silenced", &at_us);
}

/* Behind a silence that held it back, else with its first bad sample. */
static bool budget_begins(const json_t *incident, int64_t *ret_us)
{
    return field_instant(incident, "silenced", ret_us) || field_instant(incident, "crossed", ret_us);
}

/* "kept", "BREACHED", or what is left of it while somebody has yet to acknowledge. */
static enum tone budget_text(char text[HUMAN_TEXT], const json_t *incident, int64_t now_us)
{
    int64_t at_us;
    char duration[DURATION_TEXT];
    if (field_true(incident, "breached")) {
        snprintf(text, HUMAN_TEXT, "BREACHED");
        return TONE_BAD;
    }
    if (field_instant(incident, "acknowledged", &at_us) || field_instant(incident, "resolved", &at_us)) {
        snprintf(text, HUMAN_TEXT, "kept");
        return TONE_GOOD;
    }
    if (!budget_begins(incident, &at_us)) {
        snprintf(text, HUMAN_TEXT, FIELD_NONE);
        return TONE_PLAIN;
    }
    int64_t left_us = at_us + budget_us(incident) - now_us;
    left_us = left_us > 0 ? left_us / US_PER_S * US_PER_S : 0;
    snprintf(text, HUMAN_TEXT, "%s left", duration_format_brief(duration, left_us));
    return TONE_WARN;
}

/* "30.83s": from crossing to the stamp `key`. */
static void since_crossed_cell(struct table *table, const json_t *incident, const char *key)
{
    char duration[DURATION_TEXT];
    int64_t crossed_us, at_us;
    bool both = field_instant(incident, "crossed", &crossed_us) && field_instant(incident, key, &at_us);
    table_cell(table, TONE_PLAIN, "%s", both ? duration_format_brief(duration, at_us - crossed_us) : FIELD_NONE);
}

void show_incident_table(const json_t *incidents, const struct sheet *sheet, int indent)
{
    static const struct column columns[] = {
        { "ID", true, 0 },         { "SEVERITY", false, 0 }, { "STATE", false, 0 },
        { "INCIDENT", false, 16 }, { "EVENT", false, 6 },    { "CROSSED", false, 0 },
        { "DELIVERED", true, 0 },  { "ACKED", true, 0 },     { "BUDGET", false, 0 },
    };
    size_t i;
    json_t *incident;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], indent);
    table_keep_ends(table, 3); /* of many that are alike the host tells one from the other */
    json_array_foreach(incidents, i, incident)
    {
        char budget[HUMAN_TEXT];
        const char *severity = field_text(incident, "severity");
        const char *state = field_text(incident, "state");
        table_cell(table, TONE_PLAIN, "%" PRId64, incident_id(incident));
        table_cell(table, show_state_tone(severity), "%s", severity);
        table_cell(table, show_state_tone(state), "%s", state);
        table_cell(table, TONE_PLAIN, "%s", field_text(incident, "title"));
        table_cell(table, TONE_PLAIN, "%s", field_text(incident, "event"));
        show_time_cell(table, incident, "crossed", sheet);
        since_crossed_cell(table, incident, "delivered");
        since_crossed_cell(table, incident, "acknowledged");
        enum tone tone = budget_text(budget, incident, sheet->now_us);
        table_cell(table, tone, "%s", budget);
    }
    table_print(table, sheet);
}

void show_incidents(const json_t *data, const struct sheet *sheet)
{
    const json_t *incidents = field_list(data, "incidents");
    if (json_array_size(incidents) == 0) {
        fputs("no incidents\n", sheet->out);
        return;
    }
    show_incident_table(incidents, sheet, 0);
}

static void put_title(const json_t *incident, const struct sheet *sheet)
{
    const char *state = field_text(incident, "state");
    const char *severity = field_text(incident, "severity");
    sheet_put(sheet, TONE_STRONG, "Incident %" PRId64 ": %s", incident_id(incident), field_text(incident, "title"));
    fputc('\n', sheet->out);
    sheet_put(sheet, show_state_tone(severity), "%s", severity);
    sheet_put(sheet, TONE_PLAIN, ", ");
    sheet_put(sheet, show_state_tone(state), "%s", state);
    sheet_put(sheet, TONE_PLAIN, "; tenant %s, event %s, group %s", field_text(incident, "tenant"),
              field_text(incident, "event"), field_text(incident, "group"));
    if (field_true(incident, "late"))
        sheet_put(sheet, TONE_WARN, "; found late");
    if (after_silence(incident))
        sheet_put(sheet, TONE_PLAIN, "; after a silence");
    fputc('\n', sheet->out);
}

/* Why nobody has been told of what is open. */
static void put_returns(const json_t *incident, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    int64_t until_us, returns = 0;
    bool waits = field_instant(incident, "held_until", &until_us) && until_us > sheet->now_us &&
                 strcmp(field_text(incident, "state"), "triggered") == 0;
    if (!waits)
        return;
    field_count(incident, "returns", &returns);
    sheet_put(sheet, TONE_WARN,
              "it comes and goes, and has come back %" PRId64 " times: people are told at %s if it stays", returns,
              human_instant(text, until_us));
    fputc('\n', sheet->out);
}

/* In seconds, as the budget is: what is read aloud here is the proof. */
static void put_after(const json_t *incident, int64_t at_us, const struct sheet *sheet)
{
    int64_t from_us;
    int64_t budget = budget_us(incident);
    if (!budget_begins(incident, &from_us))
        return;
    int64_t took_us = at_us - from_us;
    sheet_put(sheet, TONE_PLAIN, "   %.2f s after %s", (double)took_us / (double)US_PER_S,
              after_silence(incident) ? "the silence" : "crossing");
    if (budget <= 0)
        return;
    enum tone tone = took_us > budget ? TONE_BAD : TONE_GOOD;
    sheet_put(sheet, TONE_PLAIN, ", ");
    sheet_put(sheet, tone, "%.1f %% of the %.0f s budget", (double)took_us * 100 / (double)budget,
              (double)budget / (double)US_PER_S);
    if (took_us > budget)
        sheet_put(sheet, tone, ": OVER BUDGET");
}

static void put_stamps(const json_t *incident, const struct sheet *sheet)
{
    static const struct {
        const char *key, *by;
        bool budgeted;
    } stamps[] = { { "crossed", NULL, false },
                   { "detected", NULL, true },
                   { "delivered", NULL, true },
                   { "acknowledged", "acknowledged_by", true },
                   { "resolved", "resolved_by", false } };
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        char text[HUMAN_TEXT];
        int64_t at_us;
        bool there = field_instant(incident, stamps[i].key, &at_us);
        sheet_put(sheet, TONE_PLAIN, "  %-13s %s", stamps[i].key, there ? human_instant(text, at_us) : "not yet");
        if (there && stamps[i].budgeted)
            put_after(incident, at_us, sheet);
        if (there && stamps[i].by)
            sheet_put(sheet, TONE_PLAIN, "%sby %s", stamps[i].budgeted ? ", " : "   ",
                      field_text(incident, stamps[i].by));
        fputc('\n', sheet->out);
    }
}

static void put_budget(const json_t *incident, const struct sheet *sheet)
{
    char text[HUMAN_TEXT];
    enum tone tone = budget_text(text, incident, sheet->now_us);
    sheet_put(sheet, TONE_PLAIN, "  %-13s ", "budget");
    sheet_put(sheet, tone, "%s", text);
    fputc('\n', sheet->out);
}

/* "firing, muted": nobody was told of it, for another alert explains it. */
static void alert_state_cell(struct table *table, const json_t *alert)
{
    const char *state = field_text(alert, "state");
    bool muted = field_true(alert, "muted"), silenced = field_true(alert, "silenced");
    enum tone tone = muted || silenced ? TONE_DIM : show_state_tone(state);
    table_cell(table, tone, "%s%s%s", state, muted ? ", muted" : "", silenced ? ", silenced" : "");
}

static void put_alerts(const json_t *alerts, const struct sheet *sheet)
{
    static const struct column columns[] = { { "HOST", false, 10 },  { "ALERT", false, 16 }, { "SERIES", false, 16 },
                                             { "STATE", false, 0 },  { "VALUE", true, 0 },   { "THRESHOLD", true, 0 },
                                             { "CROSSED", false, 0 } };
    size_t i;
    json_t *alert;
    fprintf(sheet->out, "\nAlerts (%zu)\n", json_array_size(alerts));
    if (json_array_size(alerts) == 0)
        return;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(alerts, i, alert)
    {
        const char *unit = field_text(alert, "unit");
        unit = strcmp(unit, FIELD_NONE) == 0 ? "" : unit;
        table_cell(table, TONE_PLAIN, "%s", field_text(alert, "host"));
        table_cell(table, TONE_PLAIN, "%s", field_text(alert, "summary"));
        table_cell(table, TONE_PLAIN, "%s", field_text(alert, "series"));
        alert_state_cell(table, alert);
        show_value_cell(table, alert, "value", unit);
        show_value_cell(table, alert, "threshold", unit);
        show_time_cell(table, alert, "crossed", sheet);
    }
    table_print(table, sheet);
}

/* What became of a page, in words. */
static void fate_cell(struct table *table, const json_t *page, const struct sheet *sheet)
{
    char when[HUMAN_TEXT];
    char fate[128] = "";
    int64_t at_us;
    int64_t status = 0;
    field_count(page, "status", &status);
    const char *copy = field_true(page, "possible_copy") ? "; possibly a second copy" : "";
    const char *error = field_text(page, "error");
    const char *why = field_is(page, "class", "spill") ? field_text(page, "text") : NULL;
    bool failed = strcmp(error, FIELD_NONE) != 0;
    if (field_instant(page, "delivered", &at_us))
        snprintf(fate, sizeof fate, "taken at %s with status %" PRId64, human_time(when, at_us, sheet->now_us), status);
    else if (field_is(page, "state", "queued") && field_instant(page, "next", &at_us) && at_us <= sheet->now_us)
        snprintf(fate, sizeof fate, "waits for its turn");
    else if (field_is(page, "state", "queued") && field_instant(page, "next", &at_us))
        snprintf(fate, sizeof fate, "next try %s", human_age(when, at_us, sheet->now_us));
    table_cell(table, TONE_PLAIN, "%s%s%s%s%s%s", fate, fate[0] && failed ? "; " : "", failed ? error : "",
               why ? "; because " : "", why ? why : "", copy);
}

static void put_pages(const json_t *pages, const struct sheet *sheet)
{
    static const struct column columns[] = { { "KIND", false, 0 },  { "CONTACT", false, 10 }, { "CHANNEL", false, 8 },
                                             { "STATE", false, 0 }, { "TRIES", true, 0 },     { "FATE", false, 20 } };
    size_t i;
    json_t *page;
    fprintf(sheet->out, "\nPages (%zu)\n", json_array_size(pages));
    if (json_array_size(pages) == 0)
        return;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(pages, i, page)
    {
        int64_t attempts = 0;
        const char *state = field_text(page, "state");
        field_count(page, "attempts", &attempts);
        table_cell(table, TONE_PLAIN, "%s", field_text(page, "kind"));
        table_cell(table, TONE_PLAIN, "%s", field_text(page, "contact"));
        table_cell(table, TONE_PLAIN, "%s", field_text(page, "channel"));
        table_cell(table, show_state_tone(state), "%s", state);
        table_cell(table, TONE_PLAIN, "%" PRId64, attempts);
        fate_cell(table, page, sheet);
    }
    table_print(table, sheet);
}

void show_incident_page(const json_t *data, const struct sheet *sheet)
{
    const json_t *incident = field_object(data, "incident");
    put_title(incident, sheet);
    put_returns(incident, sheet);
    fputc('\n', sheet->out);
    put_stamps(incident, sheet);
    put_budget(incident, sheet);
    put_alerts(field_list(data, "alerts"), sheet);
    put_pages(field_list(data, "pages"), sheet);
}

void show_incident_line(const json_t *data, const struct sheet *sheet)
{
    const json_t *incident = field_object(data, "incident");
    const char *state = field_text(incident, "state");
    sheet_put(sheet, TONE_PLAIN, "incident %" PRId64 " is ", incident_id(incident));
    sheet_put(sheet, show_state_tone(state), "%s", state);
    sheet_put(sheet, TONE_PLAIN, ": %s", field_text(incident, "title"));
    fputc('\n', sheet->out);
}

void show_incident_change(const json_t *item, const struct sheet *sheet)
{
    char time[HUMAN_TEXT] = FIELD_NONE;
    char budget[HUMAN_TEXT];
    int64_t at_us;
    const json_t *incident = field_object(item, "incident");
    const char *state = field_text(incident, "state");
    const char *severity = field_text(incident, "severity");
    if (field_instant(item, "at", &at_us))
        human_time(time, at_us, sheet->now_us);
    enum tone tone = budget_text(budget, incident, sheet->now_us);
    sheet_put(sheet, TONE_DIM, "%s", time);
    sheet_put(sheet, TONE_PLAIN, "  %" PRId64 "  ", incident_id(incident));
    sheet_put(sheet, show_state_tone(severity), "%s", severity);
    sheet_put(sheet, TONE_PLAIN, "  ");
    sheet_put(sheet, show_state_tone(state), "%s", state);
    sheet_put(sheet, TONE_PLAIN, "  %s  ", field_text(incident, "title"));
    sheet_put(sheet, tone, "%s", budget);
    fputc('\n', sheet->out);
    fflush(sheet->out); /* somebody watches */
}
