#include <string.h>

#include "collector/control/call.h"

static json_t *refusals(const struct collector_status *status)
{
    json_t *refused = json_object();
    for (int i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++)
        if (status->refused[i] > 0)
            json_object_set_new(refused, refusal_name((enum refusal)i), json_integer((json_int_t)status->refused[i]));
    return refused;
}

/* Those that ever were. */
static json_t *limits(const struct collector_status *status)
{
    json_t *over = json_object();
    for (int i = 0; i < OVER_COUNT; i++)
        if (status->over[i] > 0)
            json_object_set_new(over, limit_name((enum limit)i), json_integer((json_int_t)status->over[i]));
    return over;
}

static json_t *faults(const struct collector *collector)
{
    json_t *texts = json_array();
    for (const char *text = NULL; (text = collector_next_trouble(collector, text));)
        json_array_append_new(texts, json_string(text));
    if (store_fault(collector_store(collector), STORE_REGISTRY, 0))
        json_array_append_new(texts, json_string("the registry cannot be written"));
    if (store_fault(collector_store(collector), STORE_TENANT, TENANT_RESERVED))
        json_array_append_new(texts, json_string("the file of the collector's own incidents cannot be written"));
    for (const struct tenant *tenant = NULL; (tenant = fleet_next_tenant(collector_fleet(collector), tenant));)
        if (store_fault(collector_store(collector), STORE_TENANT, tenant->id))
            json_array_append_new(texts, json_sprintf("the file of tenant %s cannot be written", tenant->name));
    return texts;
}

static json_t *commit_times(const struct collector *collector)
{
    struct store_commits commits = store_commits(collector_store(collector));
    return json_pack("{s:I, s:f, s:f, s:f}", "groups", (json_int_t)commits.n, "p50", (double)commits.p50_us / 1e3,
                     "p99", (double)commits.p99_us / 1e3, "max", (double)commits.max_us / 1e3);
}

static json_t *live_events(const struct collector *collector)
{
    json_t *events = json_array();
    for (const struct event *event = NULL; (event = collector_next_event(collector, event));)
        if (event->state == EVENT_LIVE)
            json_array_append_new(events, form_event(collector, event));
    return events;
}

/* How many hosts have which kind of key, and how many of them are cloned. */
static json_t *hosts(const struct collector *collector, const struct collector_status *status)
{
    int n[ADMISSION_COUNT] = { 0 };
    int cloned = 0;
    for (const struct host *host = NULL; (host = fleet_next_host(collector_fleet(collector), host));) {
        struct host_view view;
        collector_host_view(collector, host->id, &view);
        n[view.key]++;
        cloned += form_cloned_us(collector, &view) != 0;
    }
    json_t *keys = json_object();
    for (int i = 0; i < ADMISSION_COUNT; i++)
        json_object_set_new(keys, host_admission_name((enum host_admission)i), json_integer(n[i]));
    return json_pack("{s:i, s:i, s:i, s:o, s:i}", "total", (int)fleet_count_hosts(collector_fleet(collector)),
                     "reporting", (int)status->reporting, "silent", (int)status->silent, "keys", keys, "cloned",
                     cloned);
}

/* As configured, with the port it really got. */
static json_t *listen_text(const struct collector *collector, const struct collector_status *status)
{
    const char *listen = collector_configuration(collector)->listen;
    const char *colon = strrchr(listen, ':');
    return json_sprintf("%.*s:%u", colon ? (int)(colon - listen) : 0, listen, status->port);
}

static json_t *uplink(const struct collector_status *status)
{
    return json_pack("{s:I, s:i, s:i, s:I, s:o, s:o, s:I, s:I}", "accepted", (json_int_t)status->link.accepted,
                     "connections", (int)status->link.open, "strangers", (int)status->link.strangers, "reports",
                     (json_int_t)status->reports, "refused", refusals(status), "over", limits(status),
                     "unopened_handshakes", (json_int_t)status->unopened_handshakes, "unopened_messages",
                     (json_int_t)status->unopened_messages);
}

int verb_status(struct call *call, struct err *err)
{
    (void)err;
    struct collector_status status;
    const struct collector *collector = call->collector;
    size_t open, unacknowledged;
    collector_status(collector, &status);
    pager_count_open(collector_pager(collector), &open, &unacknowledged);
    call->data = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:{s:i, s:i}, s:{s:i, s:i, s:i, s:i}, s:{s:i, s:I, s:I}, "
        "s:{s:I, s:I, s:I, s:o, s:o}, s:o, s:{s:I}}",
        "version", WARROOM_VERSION, "now", form_instant(collector_now_us(collector)), "started",
        form_instant(status.started_us), "listen", listen_text(collector, &status), "hosts", hosts(collector, &status),
        "events", live_events(collector), "incidents", "open", (int)open, "unacknowledged", (int)unacknowledged,
        "alerts", "firing", (int)status.firing, "pending", (int)status.pending, "unknown", (int)status.unknown,
        "silenced", (int)status.silenced, "pages", "queued", (int)status.pages_queued, "delivered",
        (json_int_t)status.pages_delivered, "failed", (json_int_t)status.pages_failed, "store", "samples",
        (json_int_t)status.store.samples, "ticks", (json_int_t)status.store.ticks, "bytes",
        (json_int_t)status.store.bytes, "commit_ms", commit_times(collector), "faults", faults(collector), "uplink",
        uplink(&status), "console", "refused", (json_int_t)call->strangers);
    return CALL_ANSWER;
}
