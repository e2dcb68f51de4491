/* The stable forms of docs/control.md: what `--json` prints, what the feed carries, and later what the HTTP API
 * serves. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/control/call.h"

static const char *const presences[] = { "never", "reporting", "silent", "retired" };

json_t *form_instant(int64_t at_us)
{
    char text[MOMENT_TEXT];
    return at_us == 0 ? json_null() : json_string(moment_format(text, at_us));
}

json_t *form_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *form_seconds(int64_t us)
{
    return json_real((double)us / (double)US_PER_S);
}

json_t *form_text(const char *text)
{
    return *text ? json_string(text) : json_null();
}

const char *form_tenant_name(const struct collector *collector, uint64_t tenant)
{
    const struct tenant *row = fleet_tenant(collector_fleet(collector), tenant);
    return row ? row->name : TENANT_RESERVED_NAME;
}

json_t *form_tenant(const struct tenant *row)
{
    return json_pack("{s:I, s:s, s:o}", "id", (json_int_t)row->id, "name", row->name, "created",
                     form_instant(row->created_us));
}

json_t *form_host_id(uint64_t id)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, id);
    return json_string(text);
}

static json_t *host_limits(const struct host *row)
{
    json_t *limits = json_object();
    for (int i = 0; i < LIMIT_COUNT; i++)
        json_object_set_new(limits, host_limit_name((enum host_limit)i), form_real(row->limits[i]));
    return limits;
}

static json_t *host_labels(const struct host *row)
{
    json_t *labels = json_object();
    struct host_label label;
    for (const char *at = row->labels; labels_next(&at, &label);)
        json_object_set_new(labels, label.key, json_string(label.value));
    return labels;
}

static json_t *live_events_of(const struct collector *collector, const struct host *row)
{
    json_t *names = json_array();
    for (const struct event *event = NULL; (event = collector_next_event(collector, event));)
        if (event->tenant == row->tenant && event->state == EVENT_LIVE && event_selects(event, row->name, row->labels))
            json_array_append_new(names, json_string(event->name));
    return names;
}

int64_t form_cloned_us(const struct collector *collector, const struct host_view *view)
{
    const int64_t hour_us = INT64_C(3600) * US_PER_S;
    return collector_now_us(collector) - view->cloned_us < hour_us ? view->cloned_us : 0;
}

json_t *form_host(const struct collector *collector, const struct host *row)
{
    struct host_view view;
    collector_host_view(collector, row->id, &view);
    return json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:o}", "id",
                     form_host_id(row->id), "name", row->name, "tenant", form_tenant_name(collector, row->tenant),
                     "group", row->group, "labels", host_labels(row), "enrolled", form_instant(row->enrolled_us),
                     "state", presences[view.presence], "key", host_admission_name(view.key), "cloned",
                     form_instant(form_cloned_us(collector, &view)), "connected", view.connected, "last_tick",
                     form_instant(view.last_tick_us), "interval_s",
                     view.interval_us ? form_seconds(view.interval_us) : json_null(), "agent", form_text(view.version),
                     "limits", host_limits(row), "cpu", form_real(view.cpu), "memory", form_real(view.memory), "alerts",
                     (int)view.firing, "events", live_events_of(collector, row));
}

json_t *form_host_brief(const struct collector *collector, uint64_t host)
{
    const struct host *row = fleet_host(collector_fleet(collector), host);
    return json_pack("{s:o, s:s, s:s}", "id", form_host_id(host), "name", row ? row->name : "", "tenant",
                     row ? form_tenant_name(collector, row->tenant) : "");
}

static json_t *form_took(const struct incident *row, int64_t stamp_us)
{
    return stamp_us == 0 ? json_null() : form_seconds(stamp_us - incident_budget_from(row));
}

json_t *form_incident(const struct collector *collector, const struct incident *row)
{
    const struct event *event = row->event ? collector_event(collector, row->event) : NULL;
    json_t *form = json_pack("{s:I, s:s, s:o, s:s, s:s, s:s, s:s}", "id", (json_int_t)row->id, "tenant",
                             form_tenant_name(collector, row->tenant), "event", form_text(event ? event->name : ""),
                             "group", row->group, "title", row->title, "state", incident_state_name(row->state),
                             "severity", severity_name(row->severity));
    json_t *stamps =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "crossed", form_instant(row->crossed_us), "detected",
                  form_instant(row->detected_us), "delivered", form_instant(row->delivered_us), "acknowledged",
                  form_instant(row->acknowledged_us), "acknowledged_by", form_text(row->acknowledged_by), "resolved",
                  form_instant(row->resolved_us), "resolved_by", form_text(row->resolved_by));
    json_t *budget =
        json_pack("{s:b, s:b, s:o, s:o, s:o, s:i}", "late", row->late, "breached", row->breached, "budget_s",
                  form_seconds(PAGE_BUDGET_US), "to_delivered_s", form_took(row, row->delivered_us),
                  "to_acknowledged_s", form_took(row, row->acknowledged_us), "alerts", (int)row->n_alerts);
    json_object_set_new(stamps, "silenced", form_instant(row->silenced_us));
    json_object_set_new(stamps, "acknowledged_until", form_instant(row->expires_us));
    json_object_set_new(stamps, "assigned_to", form_text(row->assigned_to));
    json_object_set_new(stamps, "escalation", form_text(row->policy));
    json_object_set_new(stamps, "steps", json_integer(row->step));
    json_object_set_new(stamps, "returns", json_integer(row->flaps));
    json_object_set_new(stamps, "held_until", form_instant(row->damped_us));
    json_object_set_new(stamps, "rehearsal", json_boolean(row->rehearsal));
    json_object_update(form, stamps);
    json_object_update(form, budget);
    json_decref(stamps);
    json_decref(budget);
    return form;
}

json_t *form_alert(const struct alert *row, const char *host_name, const char *summary)
{
    const struct metric *metric = metric_find(row->metric);
    char series[METRIC_KEY_MAX + INSTANCE_MAX + 64];
    metric_series_text(series, sizeof series, row->metric, metric ? metric->instance_label : NULL, row->instance);
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b}", "host", host_name,
                     "rule", row->rule, "summary", form_text(summary), "severity", severity_name(row->severity),
                     "metric", row->metric, "instance", form_text(row->instance), "series", series, "unit",
                     row->unit[0] ? row->unit
                     : metric     ? metric->unit
                                  : "",
                     "state", alert_state_name(row->state), "crossed", form_instant(row->crossed_us), "changed",
                     form_instant(row->changed_us), "value", form_real(row->value), "threshold",
                     form_real(row->threshold), "muted", row->muted);
}

json_t *form_page(const struct page *row)
{
    return json_pack("{s:I, s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:b, s:o}", "id",
                     (json_int_t)row->id, "kind", page_kind_name(row->kind), "contact", row->contact, "channel",
                     row->channel, "address", row->address, "step", (int)row->step, "class",
                     page_class_name(row->class), "text", form_text(row->text), "key", row->key, "state",
                     page_state_name(row->state), "attempts", (int)row->attempts, "created",
                     form_instant(row->created_us), "next",
                     row->state == PAGE_QUEUED ? form_instant(row->next_us) : json_null(), "delivered",
                     form_instant(row->delivered_us), "status", row->status ? json_integer(row->status) : json_null(),
                     "possible_copy", row->possible_copy, "error", form_text(row->error));
}

json_t *form_happening(const struct collector *collector, const struct happening *happening, uint64_t id)
{
    static const char *const kinds[] = { "incident", "page", "event", "alert", "host" };
    json_t *item = json_pack("{s:I, s:o, s:s}", "id", (json_int_t)id, "at", form_instant(happening->at_us), "kind",
                             kinds[happening->kind]);
    switch (happening->kind) {
    case HAPPENED_INCIDENT:
        json_object_set_new(item, "incident", form_incident(collector, &happening->incident));
        break;
    case HAPPENED_PAGE:
        json_object_set_new(item, "page", form_page(&happening->page));
        json_object_set_new(item, "incident", json_integer((json_int_t)happening->page.incident));
        break;
    case HAPPENED_EVENT:
        json_object_set_new(item, "event", form_event(collector, &happening->event));
        break;
    case HAPPENED_ALERT: {
        const struct alert *alert = &happening->alert.alert;
        const struct host *host = fleet_host(collector_fleet(collector), alert->host);
        json_object_set_new(
            item, "alert",
            form_alert(alert, host ? host->name : "", watch_summary(collector_watch(collector), alert->rule)));
        json_object_set_new(item, "from", json_string(alert_state_name(happening->alert.from)));
        json_object_set_new(item, "silenced", json_boolean(collector_is_silenced(collector, alert)));
        break;
    }
    case HAPPENED_HOST: {
        struct host_view view;
        collector_host_view(collector, happening->host, &view);
        json_object_set_new(item, "host", form_host_brief(collector, happening->host));
        json_object_set_new(item, "state", json_string(presences[view.presence]));
        break;
    }
    }
    return item;
}
