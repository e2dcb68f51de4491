/* Events as docs/control.md has them. */
#include "collector/control/call.h"
#include "collector/event/calendar.h"

static int hosts_in_scope(const struct collector *collector, const struct event *row)
{
    int n = 0;
    for (const struct host *host = NULL; (host = fleet_next_host(collector_fleet(collector), host));)
        n += host->tenant == row->tenant && event_selects(row, host->name, host->labels);
    return n;
}

static json_t *form_local(const char *zone, int64_t at_us)
{
    char text[32];
    return calendar_local_text(zone, at_us, text, NULL) == 0 ? json_string(text) : json_null();
}

static json_t *form_window(const struct event *row)
{
    char first_day[EVENT_DAY_TEXT];
    return json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o}", "zone", row->zone, "first_day",
                     event_first_day(row, first_day), "days", row->days, "start", form_instant(row->start_us), "end",
                     form_instant(row->end_us), "start_local", form_local(row->zone, row->start_us), "end_local",
                     form_local(row->zone, row->end_us));
}

static json_t *form_stamps(const struct event *row)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "created",
                     form_instant(row->created_us), "requested", form_instant(row->requested_us), "accepted",
                     form_instant(row->accepted_us), "arming", form_instant(row->arming_us), "arming_by",
                     form_text(row->arming_by), "armed", form_instant(row->armed_us), "started",
                     form_instant(row->started_us), "ended", form_instant(row->closing_us), "reported",
                     form_instant(row->reported_us), "closed", form_instant(row->closed_us), "by", form_text(row->by));
}

json_t *form_event(const struct collector *collector, const struct event *row)
{
    json_t *form = json_pack("{s:I, s:s, s:s, s:b, s:s, s:b, s:s, s:s, s:i}", "id", (json_int_t)row->id, "name",
                             row->name, "tenant", form_tenant_name(collector, row->tenant), "drill", row->drill,
                             "state", event_state_name(row->state), "late_request", row->late_request, "hosts",
                             row->hosts, "labels", row->labels, "hosts_in_scope", hosts_in_scope(collector, row));
    json_t *window = form_window(row);
    json_t *stamps = form_stamps(row);
    json_object_update(form, window);
    json_object_update(form, stamps);
    json_decref(window);
    json_decref(stamps);
    return form;
}

json_t *form_gates(const struct collector *collector, const struct event *row)
{
    json_t *list = json_array();
    const struct gate *gates = collector_gates(collector, row->id);
    for (enum gate_kind kind = 0; gates && !row->drill && kind < GATE_COUNT; kind++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "gate", gate_name(kind), "state",
                                        gate_state_name(gates[kind].state), "evidence", form_text(gates[kind].evidence),
                                        "by", form_text(gates[kind].by), "reason", form_text(gates[kind].reason), "at",
                                        form_instant(gates[kind].at_us)));
    return list;
}

json_t *form_heartbeat(const struct collector *collector, const struct event *row)
{
    struct heart_view heart;
    if (!collector_heart(collector, row->id, &heart))
        return json_null();
    bool came = heart.came > 0;
    return json_pack("{s:b, s:I, s:I, s:i, s:o, s:o, s:o, s:o}", "able", heart.able, "came", (json_int_t)heart.came,
                     "lost", (json_int_t)heart.lost, "in_a_row", (int)heart.in_a_row, "stuck",
                     form_text(heart.stuck ? heart.stuck : ""), "last", form_instant(heart.last_us), "took_s",
                     came ? form_seconds(heart.took_us) : json_null(), "slowest_s",
                     came ? form_seconds(heart.slowest_us) : json_null());
}
