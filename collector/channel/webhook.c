/* The body has two layers. Labels say what a thing is and are the same at every attempt, so receivers may route and
 * deduplicate by them; annotations say how it stands now. What Alertmanager's readers expect keeps Alertmanager's
 * meaning: commonLabels are the labels all alerts share, `instance` is the machine, `fingerprint` is the hash of an
 * alert's labels, `endsAt` of a firing one is Go's zero time. */
#include "collector/channel/webhook.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/moment.h"
#include "base/utf8.h"

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

static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    size_t len = strlen(text);
    AUTO(auto_free) char *repaired = malloc(len + 1); /* a title cut within a character, say */
    return repaired ? json_stringn(repaired, utf8_clean(repaired, len, text, len)) : NULL;
}

/* The json calls refuse NULL and say so: failures are gathered and looked at once, at the end. */
static int put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value);
}

static int put_text(json_t *object, const char *key, const char *value)
{
    return put(object, key, text_json(value));
}

static int put_instant(json_t *object, const char *key, int64_t at_us)
{
    char text[MOMENT_TEXT];
    return at_us == 0 ? 0 : put_text(object, key, moment_format(text, at_us));
}

static int put_flag(json_t *object, const char *key, bool value)
{
    return put_text(object, key, value ? "true" : "false"); /* annotations are texts, all of them */
}

static int put_number(json_t *object, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.10g", value);
    return isfinite(value) ? put_text(object, key, text) : 0;
}

static struct labels incident_labels(const struct webhook_page *page, const char *incident_id)
{
    struct labels labels;
    for (int i = 0; i < LABEL_COUNT; i++)
        labels.at[i] = "";
    labels.at[EVENT] = page->event_name;
    labels.at[GROUP] = page->incident->group;
    labels.at[INCIDENT] = incident_id;
    labels.at[SEVERITY] = severities[page->incident->severity];
    labels.at[TENANT] = page->tenant_name;
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
static struct labels common_labels(const struct webhook_page *page, const struct labels *own)
{
    static const enum label shared[] = { ALERTNAME, INSTANCE, METRIC, METRIC_INSTANCE };
    struct labels common = *own;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        for (size_t k = 0; k < page->n_alerts; k++) {
            const char *value = alert_labels(*own, &page->alerts[k]).at[shared[i]];
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
            rc |= put_text(object, label_names[i], labels->at[i]);
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
    int rc = put_text(object, "summary", alert->summary);
    rc |= put_text(object, "state", alert_states[alert->alert.state]);
    rc |= put_text(object, "host_id", host_id);
    rc |= put_number(object, "value", alert->alert.value);
    rc |= put_number(object, "threshold", alert->alert.threshold);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *alert_json(const struct webhook_page *page, const struct labels *own, const struct incident_alert *alert)
{
    const struct incident *incident = page->incident;
    struct labels labels = alert_labels(*own, alert);
    /* A page of the resolution says resolved throughout, as Alertmanager does; the annotation `state` has the truth. */
    bool ok = alert->alert.state == ALERT_OK;
    bool resolved = ok || page->page->kind == PAGE_RESOLVE;
    char starts[MOMENT_TEXT], ends[MOMENT_TEXT], print[24];
    moment_format(starts, alert->alert.crossed_us ? alert->alert.crossed_us : incident->crossed_us);
    moment_format(ends, ok ? alert->alert.changed_us : incident->resolved_us);
    snprintf(print, sizeof print, "%016" PRIx64, fingerprint(&labels));
    json_t *object = json_object();
    int rc = put_text(object, "status", resolved ? "resolved" : "firing");
    rc |= put(object, "labels", labels_json(&labels));
    rc |= put(object, "annotations", alert_annotations(alert));
    rc |= put_text(object, "startsAt", starts);
    rc |= put_text(object, "endsAt", resolved ? ends : GO_ZERO_TIME);
    rc |= put_text(object, "generatorURL", "");
    rc |= put_text(object, "fingerprint", print);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int append_alerts(json_t *list, const struct webhook_page *page, const struct labels *own, bool firing)
{
    int rc = 0;
    for (size_t i = 0; i < page->n_alerts && json_array_size(list) < WEBHOOK_ALERTS_MAX; i++)
        if ((page->alerts[i].alert.state == ALERT_FIRING) == firing)
            rc |= json_array_append_new(list, alert_json(page, own, &page->alerts[i]));
    return rc;
}

static json_t *alerts_json(const struct webhook_page *page, const struct labels *own)
{
    json_t *list = json_array();
    int rc = append_alerts(list, page, own, true);
    rc |= append_alerts(list, page, own, false);
    if (rc == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *common_annotations(const struct webhook_page *page)
{
    const struct incident *incident = page->incident;
    json_t *object = json_object();
    int rc = put_text(object, "summary", incident->title);
    rc |= put_text(object, "kind", page->page->kind == PAGE_RESOLVE ? "resolve" : "trigger");
    rc |= put_instant(object, "crossed", incident->crossed_us);
    rc |= put_instant(object, "detected", incident->detected_us);
    rc |= put_instant(object, "delivered", incident->delivered_us);
    rc |= put_instant(object, "acknowledged", incident->acknowledged_us);
    rc |= put_instant(object, "resolved", incident->resolved_us);
    if (incident->acknowledged_by[0])
        rc |= put_text(object, "acknowledged_by", incident->acknowledged_by);
    if (incident->resolved_by[0])
        rc |= put_text(object, "resolved_by", incident->resolved_by);
    rc |= put_instant(object, "budget_deadline", incident->crossed_us + PAGE_BUDGET_US);
    rc |= put_flag(object, "drill", page->drill);
    rc |= put_flag(object, "late", incident->late);
    rc |= put_flag(object, "breached", incident->breached);
    rc |= put_flag(object, "possible_copy", page->page->possible_copy);
    rc |= put_flag(object, "unrecorded", page->unrecorded);
    rc |= put_text(object, "idempotency_key", page->page->key);
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

static void json_undo(json_t **json)
{
    json_decref(*json);
}

char *webhook_body(const struct webhook_page *page)
{
    assert(page && page->page && page->incident && page->tenant_name && page->event_name);
    char id[24], group_key[48];
    snprintf(id, sizeof id, "%" PRIu64, page->incident->id);
    snprintf(group_key, sizeof group_key, "{}:{incident=\"%s\"}", id); /* route:{labels}: the number says it all */
    struct labels own = incident_labels(page, id);
    struct labels common = common_labels(page, &own);
    size_t truncated = page->n_alerts > WEBHOOK_ALERTS_MAX ? page->n_alerts - WEBHOOK_ALERTS_MAX : 0;
    AUTO(json_undo) json_t *body = json_object();
    int rc = put_text(body, "version", "4");
    rc |= put_text(body, "groupKey", group_key);
    rc |= put(body, "truncatedAlerts", json_integer((json_int_t)truncated));
    rc |= put_text(body, "status", page->page->kind == PAGE_RESOLVE ? "resolved" : "firing");
    rc |= put_text(body, "receiver", page->page->contact);
    rc |= put(body, "groupLabels", group_labels(&own));
    rc |= put(body, "commonLabels", labels_json(&common));
    rc |= put(body, "commonAnnotations", common_annotations(page));
    rc |= put_text(body, "externalURL", "");
    rc |= put(body, "alerts", alerts_json(page, &own));
    return rc == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
}

static bool worth_retrying(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

void webhook_judge(const struct channel_answer *answer, struct page_outcome *ret)
{
    struct page_outcome outcome = { .status = answer->status };
    if (answer->status == 0) {
        snprintf(outcome.error, sizeof outcome.error, "%s", answer->error ? answer->error : "no answer");
    } else if (answer->status >= 200 && answer->status < 300) {
        outcome.delivered = true;
    } else {
        outcome.permanent = !worth_retrying(answer->status);
        outcome.retry_after_us = outcome.permanent ? 0 : answer->retry_after_us;
        /* The body stays out of it: many a 404 repeats the path it was asked for, and the path may be the secret. */
        bool redirect = answer->status >= 300 && answer->status < 400;
        snprintf(outcome.error, sizeof outcome.error, "HTTP %d%s", answer->status,
                 redirect ? ": redirects are not followed; configure the URL it leads to" : "");
    }
    *ret = outcome;
}

struct post { /* one webhook_send() under way */
    void (*fn)(void *user, const struct page_outcome *outcome);
    void *user;
};

static void on_answer(void *user, const struct channel_answer *answer)
{
    struct post post = *(struct post *)user;
    free(user);
    struct page_outcome outcome;
    webhook_judge(answer, &outcome);
    post.fn(post.user, &outcome);
}

int webhook_send(struct channel_sender *sender, const char *url, const struct webhook_page *page,
                 void (*fn)(void *user, const struct page_outcome *outcome), void *user, struct err *err)
{
    assert(sender && url && page && fn);
    AUTO(auto_free) char *body = webhook_body(page);
    AUTO(auto_free) struct post *post = malloc(sizeof *post);
    if (!body || !post)
        return err_set(err, -ENOMEM, "webhook: out of memory");
    *post = (struct post){ fn, user };
    char key[sizeof "Idempotency-Key: " + PAGE_KEY_MAX];
    snprintf(key, sizeof key, "Idempotency-Key: %s", page->page->key);
    const char *const headers[] = { "Content-Type: application/json", key, NULL };
    int rc = channel_post(sender, url, headers, body, strlen(body), on_answer, free, post, err);
    if (rc == 0)
        post = NULL; /* the request's now */
    return rc;
}
