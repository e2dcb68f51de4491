#include <inttypes.h>

#include "warroom/command/field.h"
#include "warroom/command/human.h"
#include "warroom/command/show.h"

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
        field_count(event, "hosts_in_scope", &hosts);
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "name"));
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "tenant"));
        table_cell(table, show_state_tone(state), "%s", state);
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "start_local"));
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "end_local"));
        table_cell(table, hosts > 0 ? TONE_PLAIN : TONE_WARN, "%" PRId64, hosts);
        table_cell(table, TONE_PLAIN, "%s", field_text(event, "hosts"));
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

void show_event(const json_t *data, const struct sheet *sheet)
{
    const json_t *event = field_object(data, "event");
    const char *state = field_text(event, "state");
    int64_t hosts = 0;
    field_count(event, "hosts_in_scope", &hosts);
    sheet_put(sheet, TONE_STRONG, "Event %s", field_text(event, "name"));
    sheet_put(sheet, TONE_PLAIN, " of %s: ", field_text(event, "tenant"));
    sheet_put(sheet, show_state_tone(state), "%s", state);
    sheet_put(sheet, TONE_PLAIN, ", by %s", field_text(event, "by"));
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_PLAIN, "  window    %s to %s (%s)", field_text(event, "start_local"),
              field_text(event, "end_local"), field_text(event, "zone"));
    fputc('\n', sheet->out);
    sheet_put(sheet, TONE_PLAIN, "  hosts     %" PRId64 " in scope of \"%s\"", hosts, field_text(event, "hosts"));
    fputc('\n', sheet->out);
    put_stamp(event, "started", "started", sheet);
    put_stamp(event, "closed", "closed", sheet);
    if (hosts == 0) {
        sheet_put(sheet, TONE_WARN, "  warning: no host is in scope; nothing will be watched for it");
        fputc('\n', sheet->out);
    }
}

void show_event_page(const json_t *data, const struct sheet *sheet)
{
    const json_t *hosts = field_list(data, "hosts");
    const json_t *incidents = field_list(data, "incidents");
    show_event(data, sheet);
    fprintf(sheet->out, "\nHosts (%zu)\n", json_array_size(hosts));
    if (json_array_size(hosts) > 0)
        show_host_table(hosts, sheet, 2);
    fprintf(sheet->out, "\nIncidents (%zu)\n", json_array_size(incidents));
    if (json_array_size(incidents) > 0)
        show_incident_table(incidents, sheet, 2);
}
