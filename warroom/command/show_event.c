/* An event as a page that can be read aloud: what it is and when, what it still needs and who let it through, whom it
 * is about and whom to call, what has been done for it and by whom. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"
#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

enum { PATROL_MOST_S = 86400 }; /* what is more was not said by a collector */

void show_event_table(const json_t *events, const struct sheet *sheet, int indent)
{
    static const struct column columns[] = { { "EVENT", false, 12 },  { "TENANT", false, 8 }, { "STATE", false, 0 },
                                             { "FROM", false, 16 },   { "TO", false, 16 },    { "HOSTS", true, 0 },
                                             { "SELECTOR", false, 8 } };
    size_t i;
    json_t *event;
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], indent);
    json_array_foreach(events, i, event)
    {
        int64_t hosts = 0;
        const char *state = field_text(event, "state");
        const char *labels = field_text(event, "labels");
        const char *names = field_text(event, "hosts");
        bool by_labels = strcmp(labels, FIELD_NONE) != 0;
        field_count(event, "hosts_in_scope", &hosts);
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "name"));
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "tenant"));
        table_cell(table, show_state_tone(state), "%s%s", field_true(event, "drill") ? "drill " : "", state);
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "start_local"));
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "end_local"));
        table_cell(table, hosts > 0 ? TONE_PLAIN : TONE_WARN, "%" PRId64, hosts);
        if (by_labels && strcmp(names, FIELD_NONE) != 0)
            table_cell(table, TONE_PLAIN, "%s %s", names, labels);
        else
            table_cell(table, TONE_PLAIN, "%s", by_labels ? labels : names);
    }
    table_print(table, sheet);
}

void show_events(const json_t *data, const struct sheet *sheet)
{
    const json_t *events = field_list(data, "events");
    if (json_array_size(events) == 0) {
        fputs("no events yet: warroom event create NAME --tenant TENANT --zone ZONE --from DAY --hosts GLOBS\n",
              sheet->out);
        return;
    }
    show_event_table(events, sheet, 0);
}

/* ---- what it is ---- */

static void put_stamp(const json_t *event, const char *key, const char *label, const struct sheet *sheet)
{
    char text[HUMAN_TEXT], age[HUMAN_TEXT];
    int64_t at_us;
    if (!field_instant(event, key, &at_us))
        return;
    sheet_put(sheet, TONE_PLAIN, "  %-9s %s, %s", label, human_instant(text, at_us),
              human_age(age, at_us, sheet->now_us));
    fputc('\n', sheet->out);
}

/* "opens in 3h 20m"; "opened 40m ago, ends in 23h 20m"; "ended 2h ago" */
static void put_until(const json_t *event, const struct sheet *sheet)
{
    char from[HUMAN_TEXT], to[HUMAN_TEXT];
    int64_t start_us, end_us;
    if (!field_instant(event, "start", &start_us) || !field_instant(event, "end", &end_us))
        return;
    human_age(from, start_us, sheet->now_us);
    human_age(to, end_us, sheet->now_us);
    if (sheet->now_us < start_us)
        sheet_put(sheet, TONE_PLAIN, ": opens %s", from);
    else if (sheet->now_us < end_us)
        sheet_put(sheet, TONE_PLAIN, ": opened %s, ends %s", from, to);
    else
        sheet_put(sheet, TONE_PLAIN, ": ended %s", to);
}

static void put_window(const json_t *event, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "  window    %s to %s (%s)", field_text(event, "start_local"),
              field_text(event, "end_local"), field_text(event, "zone"));
    put_until(event, sheet);
    fputc('\n', sheet->out);
}

static void put_scope(const json_t *event, const struct sheet *sheet)
{
    int64_t hosts = 0;
    const char *names = field_text(event, "hosts");
    const char *labels = field_text(event, "labels");
    bool named = strcmp(names, FIELD_NONE) != 0;
    field_count(event, "hosts_in_scope", &hosts);
    sheet_put(sheet, TONE_PLAIN, "  hosts     %" PRId64 " in scope of", hosts);
    if (named)
        sheet_put(sheet, TONE_PLAIN, " \"%s\"", names);
    if (strcmp(labels, FIELD_NONE) != 0)
        sheet_put(sheet, TONE_PLAIN, "%s label %s", named ? " or" : "", labels);
    fputc('\n', sheet->out);
    if (hosts == 0) {
        sheet_put(sheet, TONE_WARN, "  warning: no host is in scope; nothing will be watched for it");
        fputc('\n', sheet->out);
    }
}

static void put_state(const json_t *event, const struct sheet *sheet)
{
    char age[HUMAN_TEXT];
    int64_t arming_us, armed_us;
    const char *state = field_text(event, "state");
    if (field_true(event, "drill"))
        sheet_put(sheet, TONE_WARN, "DRILL ");
    sheet_put(sheet, TONE_STRONG, "Event %s", field_text(event, "name"));
    sheet_put(sheet, TONE_PLAIN, " of %s: ", field_text(event, "tenant"));
    sheet_put(sheet, show_state_tone(state), "%s", state);
    sheet_put(sheet, TONE_PLAIN, ", by %s", field_text(event, "by"));
    if (field_true(event, "late_request"))
        sheet_put(sheet, TONE_WARN, ", requested late");
    if (field_is(event, "state", "checked") && field_instant(event, "arming", &arming_us) &&
        !field_instant(event, "armed", &armed_us))
        sheet_put(sheet, TONE_WARN, "; arming for %s since %s", field_text(event, "arming_by"),
                  human_age(age, arming_us, sheet->now_us));
    fputc('\n', sheet->out);
}

void show_event(const json_t *data, const struct sheet *sheet)
{
    const json_t *event = field_object(data, "event");
    put_state(event, sheet);
    put_window(event, sheet);
    put_scope(event, sheet);
    put_stamp(event, "started", "started", sheet);
    put_stamp(event, "ended", "ended", sheet);
    put_stamp(event, "closed", field_is(event, "state", "cancelled") ? "cancelled" : "closed", sheet);
}

/* ---- whether the way to people is there ---- */

static void put_beats(const json_t *heart, int64_t came, const struct sheet *sheet)
{
    char age[HUMAN_TEXT];
    int64_t last_us;
    double took_s, slowest_s;
    sheet_put(sheet, TONE_PLAIN, "%" PRId64 " came through", came);
    if (field_instant(heart, "last", &last_us) && field_number(heart, "took_s", &took_s) &&
        field_number(heart, "slowest_s", &slowest_s))
        sheet_put(sheet, TONE_PLAIN, ", the last %s within %.1f s, the slowest within %.1f s",
                  human_age(age, last_us, sheet->now_us), took_s, slowest_s);
}

static void show_heartbeat(const json_t *heart, const struct sheet *sheet)
{
    int64_t came = 0, lost = 0, in_a_row = 0;
    if (!field_count(heart, "came", &came) || !field_count(heart, "lost", &lost) ||
        !field_count(heart, "in_a_row", &in_a_row))
        return; /* it is not live */
    fputs("  heartbeat ", sheet->out);
    put_beats(heart, came, sheet);
    if (lost > 0)
        sheet_put(sheet, in_a_row > 0 ? TONE_BAD : TONE_WARN, ", %" PRId64 " lost", lost);
    if (in_a_row > 0)
        sheet_put(sheet, TONE_BAD, ": %s", field_text(heart, "stuck"));
    if (!field_true(heart, "able"))
        sheet_put(sheet, TONE_WARN, "; no host can be asked for one");
    fputc('\n', sheet->out);
}

/* ---- what it needs ---- */

static void show_gates(const json_t *gates, const struct sheet *sheet)
{
    static const struct column columns[] = {
        { "GATE", false, 0 }, { "STATE", false, 0 }, { "BY", false, 8 }, { "EVIDENCE", false, 24 }
    };
    size_t i;
    json_t *gate;
    if (json_array_size(gates) == 0)
        return;
    fputs("\nGates\n", sheet->out);
    struct table *table = table_new(columns, sizeof columns / sizeof columns[0], 2);
    json_array_foreach(gates, i, gate)
    {
        bool overridden = field_is(gate, "state", "overridden");
        enum tone tone = field_is(gate, "state", "passed") ? TONE_GOOD
                         : field_is(gate, "state", "open") ? TONE_PLAIN
                                                           : TONE_WARN;
        table_cell(table, TONE_PLAIN, "%s", field_text(gate, "gate"));
        table_cell(table, tone, "%s", field_text(gate, "state"));
        table_cell(table, TONE_PLAIN, "%s", field_text(gate, "by"));
        table_cell(table, TONE_PLAIN, "%s%s", overridden ? "because: " : "",
                   field_text(gate, overridden ? "reason" : "evidence"));
    }
    table_print(table, sheet);
}

/* ---- what was written of it ---- */

typedef void item_fn(const json_t *item, const struct sheet *sheet);

static void put_tier(const json_t *item, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "%s: %s", field_text(item, "hosts"), field_text(item, "tier"));
}

static void put_demand(const json_t *item, const struct sheet *sheet)
{
    double times, value;
    sheet_put(sheet, TONE_PLAIN, "%s: %s", field_text(item, "hosts"), field_text(item, "metric"));
    if (field_number(item, "times", &times))
        sheet_put(sheet, TONE_PLAIN, " %.6g times what it is", times);
    if (field_number(item, "value", &value))
        sheet_put(sheet, TONE_PLAIN, " up to %.10g", value);
}

static void put_limit(const json_t *item, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "%s: ", field_text(item, "hosts"));
    show_limits(item, sheet);
}

static void put_escalation(const json_t *item, const struct sheet *sheet)
{
    char text[DURATION_TEXT];
    double after_s = 0;
    field_number(item, "after_s", &after_s);
    duration_format(text, (int64_t)(after_s * 1e6));
    sheet_put(sheet, TONE_PLAIN, "after %s: %s", text, field_text(item, "contacts"));
}

static void put_runbook(const json_t *item, const struct sheet *sheet)
{
    sheet_put(sheet, TONE_PLAIN, "%s: %s", field_text(item, "title"), field_text(item, "url"));
}

static void put_items(const json_t *document, const char *key, const char *title, item_fn *put,
                      const struct sheet *sheet)
{
    size_t i;
    json_t *item;
    const json_t *items = field_list(document, key);
    if (json_array_size(items) == 0)
        return;
    fprintf(sheet->out, "\n%s\n", title);
    json_array_foreach(items, i, item)
    {
        fputs("  ", sheet->out);
        put(item, sheet);
        fputc('\n', sheet->out);
    }
}

static void put_names(const json_t *document, const char *key, const char *title, const struct sheet *sheet)
{
    size_t i;
    json_t *name;
    const json_t *names = field_list(document, key);
    if (json_array_size(names) == 0)
        return;
    fprintf(sheet->out, "\n%s\n  ", title);
    json_array_foreach(names, i, name) sheet_put(sheet, TONE_PLAIN, "%s%s", i ? ", " : "",
                                                 json_is_string(name) ? json_string_value(name) : FIELD_NONE);
    fputc('\n', sheet->out);
}

static void put_notes(const json_t *document, const struct sheet *sheet)
{
    const char *at = field_text(document, "notes");
    if (strcmp(at, FIELD_NONE) == 0)
        return;
    fputs("\nNotes\n", sheet->out);
    while (*at) {
        int len = (int)strcspn(at, "\n");
        sheet_put(sheet, TONE_PLAIN, "  %.*s", len, at);
        fputc('\n', sheet->out);
        at += len + (at[len] == '\n');
    }
}

static void put_patrol(const json_t *document, const struct sheet *sheet)
{
    double apart_s;
    char text[DURATION_TEXT];
    if (!field_number(document, "patrol_s", &apart_s) || !(apart_s > 0 && apart_s < PATROL_MOST_S))
        return;
    fputs("\nPatrol\n", sheet->out);
    sheet_put(sheet, TONE_PLAIN, "  a round each %s while it is live",
              duration_format(text, (int64_t)(apart_s * (double)US_PER_S)));
    fputc('\n', sheet->out);
}

static void show_document(const json_t *document, const struct sheet *sheet)
{
    put_patrol(document, sheet);
    put_items(document, "tiers", "Tiers", put_tier, sheet);
    put_items(document, "demand", "Expected demand", put_demand, sheet);
    put_items(document, "limits", "Declared limits while it is armed and live", put_limit, sheet);
    put_names(document, "contacts", "Contacts", sheet);
    put_items(document, "escalation", "Escalation", put_escalation, sheet);
    put_items(document, "runbooks", "Run-books", put_runbook, sheet);
    put_notes(document, sheet);
}

/* ---- what was done ---- */

static void put_step(const json_t *entry, const json_t *body, const struct sheet *sheet)
{
    double late_s = 0;
    const char *actor = field_text(entry, "actor");
    if (field_is(body, "what", "arming"))
        sheet_put(sheet, TONE_PLAIN, "%s asked for it to be armed", actor);
    else if (field_is(body, "what", "opened-unarmed"))
        sheet_put(sheet, TONE_BAD, "its window opened and it was not armed");
    else
        sheet_put(sheet, TONE_PLAIN, "%s, by %s", field_text(body, "to"), actor);
    if (field_is(body, "verb", "request") && field_true(body, "late_request"))
        sheet_put(sheet, TONE_WARN, ", late: %s", field_text(body, "lead"));
    if (field_number(body, "late_s", &late_s) && late_s > 0)
        sheet_put(sheet, TONE_WARN, ", %.0f s late", late_s);
}

/* Which keys of a document; all of them when it was made. */
static void put_changed(const json_t *keys, const struct sheet *sheet)
{
    size_t i;
    json_t *key;
    json_array_foreach(keys, i, key) sheet_put(sheet, TONE_PLAIN, "%s%s", i ? ", " : ": ",
                                               json_is_string(key) ? json_string_value(key) : FIELD_NONE);
}

static void put_entry(const json_t *entry, const struct sheet *sheet)
{
    const json_t *body = field_object(entry, "body");
    const char *reason = field_text(body, "reason");
    if (field_is(entry, "kind", "event"))
        put_step(entry, body, sheet);
    else if (field_is(entry, "kind", "gate"))
        sheet_put(sheet, TONE_PLAIN, "gate %s %s, by %s", field_text(body, "gate"), field_text(body, "state"),
                  field_text(entry, "actor"));
    else if (field_is(entry, "kind", "rehearsal"))
        sheet_put(sheet, TONE_PLAIN, "rehearsal %s, by %s", field_text(body, "what"), field_text(entry, "actor"));
    else
        sheet_put(sheet, TONE_PLAIN, "%s, by %s", field_text(entry, "kind"), field_text(entry, "actor"));
    if (field_is(entry, "kind", "handover"))
        sheet_put(sheet, TONE_PLAIN, ": %s", field_text(body, "note"));
    put_changed(field_list(body, "changed"), sheet);
    if (strcmp(reason, FIELD_NONE) != 0)
        sheet_put(sheet, TONE_PLAIN, ": %s", reason);
}

static void show_history(const json_t *history, const struct sheet *sheet)
{
    size_t i;
    json_t *entry;
    if (json_array_size(history) == 0)
        return;
    fputs("\nOn record\n", sheet->out);
    json_array_foreach(history, i, entry)
    {
        char text[HUMAN_TEXT];
        int64_t at_us;
        sheet_put(sheet, TONE_PLAIN, "  %s  ",
                  field_instant(entry, "at", &at_us) ? human_instant(text, at_us) : FIELD_NONE);
        put_entry(entry, sheet);
        fputc('\n', sheet->out);
    }
}

void show_event_page(const json_t *data, const struct sheet *sheet)
{
    const json_t *hosts = field_list(data, "hosts");
    const json_t *incidents = field_list(data, "incidents");
    show_event(data, sheet);
    show_heartbeat(field_object(data, "heartbeat"), sheet);
    show_gates(field_list(data, "gates"), sheet);
    show_document(field_object(data, "document"), sheet);
    show_history(field_list(data, "history"), sheet);
    fprintf(sheet->out, "\nHosts (%zu)\n", json_array_size(hosts));
    if (json_array_size(hosts) > 0)
        show_host_table(hosts, sheet, 2);
    fprintf(sheet->out, "\nIncidents (%zu)\n", json_array_size(incidents));
    if (json_array_size(incidents) > 0)
        show_incident_table(incidents, sheet, 2);
}
