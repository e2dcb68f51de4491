/* The body has two layers. Labels say what a thing is and are the same at every attempt, so receivers may route and
 * deduplicate by them; annotations say how it stands now. What Alertmanager's readers expect keeps Alertmanager's
 * meaning: commonLabels are the labels all alerts share, `instance` is the machine, `fingerprint` is the hash of an
 * alert's labels, `endsAt` of a firing one is Go's zero time. */
#include "collector/channel/webhook.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "collector/channel/json.h"

#define GO_ZERO_TIME "0001-01-01T00:00:00Z"

/* In alphabetical order: the fingerprint is taken over them as they stand. */
enum label { ALERTNAME, EVENT, GROUP, INCIDENT, INSTANCE, METRIC, METRIC_INSTANCE, SEVERITY, TENANT, LABEL_COUNT };
static const char *const label_names[LABEL_COUNT] = {
    "alertname", "event", "group", "incident", "instance", "metric", "metric_instance", "severity", "tenant",
};
static const char *const severities[] = {
    [SEVERITY_INFO] = "info",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_CRITICAL] = "critical",
};
static const char *const alert_states[] = {
    [ALERT_OK] = "ok",
    [ALERT_PENDING] = "pending",
    [ALERT_FIRING] = "firing",
    [ALERT_UNKNOWN] = "unknown",
};

struct labels { /* borrowed texts; "" stands for absent, as in Prometheus */
    const char *at[LABEL_COUNT];
};

static int put_instant(json_t *object, const char *key, int64_t at_us)
{
    char text[MOMENT_TEXT];
    return at_us == 0 ? 0 : json_put_text(object, key, moment_format(text, at_us));
}

static int put_flag(json_t *object, const char *key, bool value)
{
    return json_put_text(object, key, value ? "true" : "false"); /* annotations are texts, all of them */
}

static int put_number(json_t *object, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.10g", value);
    return isfinite(value) ? json_put_text(object, key, text) : 0;
}

static struct labels incident_labels(const struct message_item *item, const char *incident_id)
{
    struct labels labels;
    for (int i = 0; i < LABEL_COUNT; i++)
        labels.at[i] = "";
    labels.at[EVENT] = item->event_name;
    labels.at[GROUP] = item->incident->group;
    labels.at[INCIDENT] = incident_id;
    labels.at[SEVERITY] = severities[item->incident->severity];
    labels.at[TENANT] = item->tenant_name;
    return labels;
}

static struct labels alert_labels(struct labels labels, const struct incident_alert *alert)
{
    labels.at[ALERTNAME] = alert->alert.rule;
    labels.at[INSTANCE] = alert->host_name;
    labels.at[METRIC] = alert->alert.metric;
    labels.at[METRIC_INSTANCE] = alert->alert.instance;
    labels.at[SEVERITY] = severities[alert->alert.severity];
    return labels;
}

/* What all alerts share, beside the incident's own; the severity is the incident's whatever its alerts have. */
static struct labels common_labels(const struct message_item *item, const struct labels *own)
{
    static const enum label shared[] = { ALERTNAME, INSTANCE, METRIC, METRIC_INSTANCE };
    struct labels common = *own;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        for (size_t k = 0; k < item->n_alerts; k++) {
            const char *value = alert_labels(*own, &item->alerts[k]).at[shared[i]];
            if (k > 0 && strcmp(common.at[shared[i]], value) != 0) {
                common.at[shared[i]] = "";
                break;
            }
            common.at[shared[i]] = value;
        }
    }
    return common;
}

static json_t *labels_json(const struct labels *labels)
{
    json_t *object = json_object();
    int rc = 0;
    for (int i = 0; i < LABEL_COUNT; i++)
        if (labels->at[i][0])
            rc |= json_put_text(object, label_names[i], labels->at[i]);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static uint64_t fnv1a(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3); /* Prometheus ends every name and value with this byte */
}

/* As Prometheus' LabelSet.Fingerprint(). */
static uint64_t fingerprint(const struct labels *labels)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < LABEL_COUNT; i++)
        if (labels->at[i][0])
            hash = fnv1a(fnv1a(hash, label_names[i]), labels->at[i]);
    return hash;
}

static json_t *alert_annotations(const struct incident_alert *alert)
{
    json_t *object = json_object();
    char host_id[24];
    snprintf(host_id, sizeof host_id, "%016" PRIx64, alert->alert.host);
    int rc = json_put_text(object, "summary", alert->summary);
    rc |= json_put_text(object, "state", alert_states[alert->alert.state]);
    rc |= json_put_text(object, "host_id", host_id);
    rc |= put_number(object, "value", alert->alert.value);
    rc |= put_number(object, "threshold", alert->alert.threshold);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *alert_json(const struct message *message, const struct labels *own, const struct incident_alert *alert)
{
    const struct incident *incident = message->items->incident;
    struct labels labels = alert_labels(*own, alert);
    /* A page of the resolution says resolved throughout, as Alertmanager does; the annotation `state` has the truth. */
    bool ok = alert->alert.state == ALERT_OK;
    bool resolved = ok || message->kind == MESSAGE_RESOLVE;
    char starts[MOMENT_TEXT], ends[MOMENT_TEXT], print[24];
    moment_format(starts, alert->alert.crossed_us ? alert->alert.crossed_us : incident->crossed_us);
    moment_format(ends, ok ? alert->alert.changed_us : incident->resolved_us);
    snprintf(print, sizeof print, "%016" PRIx64, fingerprint(&labels));
    json_t *object = json_object();
    int rc = json_put_text(object, "status", resolved ? "resolved" : "firing");
    rc |= json_put(object, "labels", labels_json(&labels));
    rc |= json_put(object, "annotations", alert_annotations(alert));
    rc |= json_put_text(object, "startsAt", starts);
    rc |= json_put_text(object, "endsAt", resolved ? ends : GO_ZERO_TIME);
    rc |= json_put_text(object, "generatorURL", "");
    rc |= json_put_text(object, "fingerprint", print);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int append_alerts(json_t *list, const struct message *message, const struct labels *own, bool firing)
{
    const struct message_item *item = message->items;
    int rc = 0;
    for (size_t i = 0; i < item->n_alerts && json_array_size(list) < WEBHOOK_ALERTS_MAX; i++)
        if ((item->alerts[i].alert.state == ALERT_FIRING) == firing)
            rc |= json_array_append_new(list, alert_json(message, own, &item->alerts[i]));
    return rc;
}

static json_t *alerts_json(const struct message *message, const struct labels *own)
{
    json_t *list = json_array();
    int rc = append_alerts(list, message, own, true);
    rc |= append_alerts(list, message, own, false);
    if (rc == 0)
        return list;
    json_decref(list);
    return NULL;
}

static int put_stamps(json_t *object, const struct incident *incident)
{
    int rc = put_instant(object, "crossed", incident->crossed_us);
    rc |= put_instant(object, "detected", incident->detected_us);
    rc |= put_instant(object, "delivered", incident->delivered_us);
    rc |= put_instant(object, "acknowledged", incident->acknowledged_us);
    rc |= put_instant(object, "resolved", incident->resolved_us);
    if (incident->acknowledged_by[0])
        rc |= json_put_text(object, "acknowledged_by", incident->acknowledged_by);
    if (incident->resolved_by[0])
        rc |= json_put_text(object, "resolved_by", incident->resolved_by);
    return rc | put_instant(object, "budget_deadline", incident->crossed_us + PAGE_BUDGET_US);
}

static int put_item(json_t *object, const struct message_item *item)
{
    int rc = put_stamps(object, item->incident);
    rc |= put_flag(object, "drill", item->drill);
    rc |= put_flag(object, "rehearsal", item->incident->rehearsal);
    rc |= put_flag(object, "late", item->incident->late);
    rc |= put_flag(object, "breached", item->incident->breached);
    return rc | put_flag(object, "unrecorded", item->unrecorded);
}

static json_t *common_annotations(const struct message *message)
{
    json_t *object = json_object();
    int rc = json_put_text(object, "summary", message->n_items ? message->items->incident->title : message->text);
    rc |= json_put_text(object, "kind", message_kind_name(message->kind));
    if (message->n_items)
        rc |= put_item(object, message->items);
    rc |= put_flag(object, "possible_copy", message->possible_copy);
    rc |= json_put_text(object, "idempotency_key", message->key);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *group_labels(const struct labels *own)
{
    struct labels group = *own;
    group.at[SEVERITY] = ""; /* may rise while the group stays what it is */
    return labels_json(&group);
}

static int put_incident(json_t *body, const struct message *message)
{
    const struct message_item *item = message->items;
    char id[24], group_key[48];
    snprintf(id, sizeof id, "%" PRIu64, item->incident->id);
    snprintf(group_key, sizeof group_key, "{}:{incident=\"%s\"}", id); /* route:{labels}: the number says it all */
    struct labels own = incident_labels(item, id);
    struct labels common = common_labels(item, &own);
    size_t truncated = item->n_alerts > WEBHOOK_ALERTS_MAX ? item->n_alerts - WEBHOOK_ALERTS_MAX : 0;
    int rc = json_put_text(body, "groupKey", group_key);
    rc |= json_put(body, "truncatedAlerts", json_integer((json_int_t)truncated));
    rc |= json_put_text(body, "status", message->kind == MESSAGE_RESOLVE ? "resolved" : "firing");
    rc |= json_put(body, "groupLabels", group_labels(&own));
    rc |= json_put(body, "commonLabels", labels_json(&common));
    return rc | json_put(body, "alerts", alerts_json(message, &own));
}

/* A test and chatter: resolved and without alerts, so that a receiver that knows Alertmanager alone opens nothing. */
static int put_nothing(json_t *body, const struct message *message)
{
    int rc = json_put_text(body, "groupKey", message->kind == MESSAGE_TEST ? "{}:{test}" : "{}:{chatter}");
    rc |= json_put(body, "truncatedAlerts", json_integer(0));
    rc |= json_put_text(body, "status", "resolved");
    rc |= json_put(body, "groupLabels", json_object());
    rc |= json_put(body, "commonLabels", json_object());
    return rc | json_put(body, "alerts", json_array());
}

char *webhook_body(const struct channel_route *route, const struct message *message)
{
    (void)route;
    assert(message->n_items <= 1 && (message->n_items == 1 || message->text));
    AUTO(json_undo) json_t *body = json_object();
    int rc = json_put_text(body, "version", "4");
    rc |= json_put_text(body, "receiver", message->contact);
    rc |= message->n_items ? put_incident(body, message) : put_nothing(body, message);
    rc |= json_put(body, "commonAnnotations", common_annotations(message));
    rc |= json_put_text(body, "externalURL", "");
    return rc == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
}
