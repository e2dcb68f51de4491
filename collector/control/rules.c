/* The rules for people and for Prometheus: all of them, or those that hold for one host, or in an event's window. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/call.h"
#include "collector/watch/prometheus.h"
#include "collector/watch/words.h"

enum { RULES_A_PAGE = 64 }; /* of some 2 KiB at most */

struct asked_rules {                /* zeroed memory asks for all */
    const struct host *host;        /* NULL: every host */
    const struct event *event;      /* NULL: none */
    unsigned in_force;              /* rules of these states; 0: all rules */
    double limits[LIMIT_COUNT];     /* of the host */
    struct collector_overlays over; /* likewise */
};

/* ---- pages: the token is how many went before ---- */

static int continue_from(const struct call *call, size_t *ret, struct err *err)
{
    uint64_t at = 0;
    if (call->next) {
        struct scan scan = scan_over(call->next, strlen(call->next));
        if (!scan_u64(&scan, &at) || !scan_done(&scan) || at > RULES_MAX)
            return err_set(err, -EINVAL, "\"next\" is not one that %s has given", call->verb->name);
    }
    *ret = (size_t)at;
    return 0;
}

typedef json_t *form_rule_fn(const struct asked_rules *asked, const struct rule *rule);

static json_t *form_page_of(struct call *call, const struct asked_rules *asked, form_rule_fn *form, size_t at)
{
    const struct collector_config *config = collector_configuration(call->collector);
    json_t *rows = json_array();
    for (; at < config->n_rules && json_array_size(rows) < RULES_A_PAGE; at++) {
        const struct rule *rule = &config->rule_rows[at];
        if (asked->in_force == 0 || rule->in_force & asked->in_force)
            json_array_append_new(rows, form(asked, rule));
    }
    if (at < config->n_rules && asprintf(&call->more, "%zu", at) < 0)
        call->more = NULL;
    return rows;
}

/* ---- rule list ---- */

/* What the event declares goes before the host's own, as it will be when it is armed. */
static int declared_limits(const struct call *call, struct asked_rules *asked, struct err *err)
{
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    if (!document)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = collector_document(call->collector, asked->event->id, document, err);
    if (rc == 0)
        document_limits(document, asked->host->name, asked->limits);
    return rc;
}

static int ask_host(const struct call *call, struct asked_rules *ret, struct err *err)
{
    struct host_view view;
    int rc = call_host(call, &ret->host, err);
    if (rc < 0)
        return rc;
    collector_host_view(call->collector, ret->host->id, &view);
    ret->in_force = view.in_force;
    memcpy(ret->limits, view.limits, sizeof ret->limits);
    return 0;
}

/* What holds for a host in an event is what its window brings; without one, what holds now. */
static int ask_rules(const struct call *call, struct asked_rules *ret, struct err *err)
{
    int rc = call_text(call, "event") ? call_event(call, &ret->event, err) : 0;
    if (rc == 0 && call_text(call, "host"))
        rc = ask_host(call, ret, err);
    if (rc < 0 || !ret->event)
        return rc;
    ret->in_force = IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE);
    if (!ret->host)
        return 0;
    if (!event_selects(ret->event, ret->host->name, ret->host->labels))
        return err_set(err, -EINVAL, "%s is not in the scope of %s", ret->host->name, ret->event->name);
    return declared_limits(call, ret, err);
}

static void asked_done(struct asked_rules *asked)
{
    collector_overlays_done(&asked->over);
}

static int ask_overlays(const struct call *call, struct asked_rules *ret, struct err *err)
{
    return ret->host ? collector_overlays(call->collector, ret->host, ret->event, &ret->over, err) : 0;
}

static json_t *form_depends(const struct rule *rule)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < rule->n_depends; i++)
        json_array_append_new(names, json_string(rule->depends_on[i]));
    return names;
}

static json_t *form_plain(const struct asked_rules *asked, const struct rule *rule)
{
    char words[RULE_WORDS];
    char in_force[RULE_WORDS];
    char unit[ALERT_UNIT_MAX + 1];
    const double *limits = asked->host ? asked->limits : NULL;
    bool absence = rule->condition == CONDITION_ABSENCE;
    bool share = rule->limit >= 0 && !limits;
    double scale = rule_scale(rule, limits);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:b, s:s, s:b, s:o, s:s}", "rule", rule->name, "metric",
        rule->metric, "instance", rule->instance, "condition", rule_words(words, rule, limits), "threshold",
        form_real(absence ? NAN : rule->threshold * scale), "clear", form_real(absence ? NAN : rule->clear * scale),
        "unit", share ? "1" : rule_unit_text(unit, rule), "limit",
        rule->limit < 0 ? json_null() : json_string(host_limit_name((enum host_limit)rule->limit)), "hold_s",
        form_seconds(rule->condition == CONDITION_FRACTION ? rule->at_least_us : rule->hold_us), "severity",
        severity_name(rule->severity), "page", rule->page, "in_force", rule_in_force_words(in_force, rule), "judged",
        !isnan(scale), "depends_on", form_depends(rule), "summary", rule->summary);
}

/* As it is on the host that is asked for, and what makes it so. */
static json_t *form_rule(const struct asked_rules *asked, const struct rule *rule)
{
    struct rule as_is = *rule;
    struct tuning tuning = { .off = false };
    char from[OVERLAY_FROM_TEXT] = "";
    if (asked->host && overlay_resolve(rule, &asked->over.where, &tuning, from))
        overlay_apply(&as_is, &tuning);
    json_t *row = form_plain(asked, &as_is);
    json_object_set_new(row, "from", form_text(from));
    json_object_set_new(row, "off", json_boolean(tuning.off));
    return row;
}

int verb_rule_list(struct call *call, struct err *err)
{
    AUTO(asked_done) struct asked_rules asked = { .in_force = 0 };
    size_t at = 0;
    int rc = continue_from(call, &at, err);
    if (rc == 0)
        rc = ask_rules(call, &asked, err);
    if (rc == 0)
        rc = ask_overlays(call, &asked, err);
    if (rc < 0)
        return rc;
    call->data =
        json_pack("{s:o, s:o, s:o}", "host", form_text(asked.host ? asked.host->name : ""), "event",
                  form_text(asked.event ? asked.event->name : ""), "rules", form_page_of(call, &asked, form_rule, at));
    return CALL_ANSWER;
}

/* ---- rule export ---- */

int call_in_force(const struct call *call, unsigned otherwise, unsigned *ret, struct err *err)
{
    const char *name = call_text(call, "state");
    *ret = otherwise;
    if (!name)
        return 0;
    if (strcmp(name, "no-event") == 0) {
        *ret = IN_FORCE_NO_EVENT;
        return 0;
    }
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        if (strcmp(name, event_state_name((enum event_state)i)) == 0) {
            *ret = IN_FORCE(i);
            return 0;
        }
    }
    return err_set(err, -EINVAL, "state: there is no %.40s; want no-event, live or another state of events", name);
}

static json_t *text_json(char *text, size_t len)
{
    AUTO(auto_free) char *owned = text;
    return owned ? json_stringn(owned, len) : NULL;
}

static json_t *form_item(const struct asked_rules *asked, const struct rule *rule)
{
    struct prometheus_host host = { .name = asked->host ? asked->host->name : "",
                                    .limits = asked->host ? asked->limits : NULL };
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    prometheus_print(out, rule, asked->host ? &host : NULL);
    return fclose(out) == 0 ? text_json(text, len) : NULL;
}

static json_t *form_head(const struct call *call, const struct asked_rules *asked)
{
    static const int64_t calm_us = 10 * US_PER_S;
    struct prometheus_host host = { .name = asked->host ? asked->host->name : "" };
    const char *state = call_text(call, "state");
    bool seconds = asked->in_force & (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE));
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    prometheus_print_head(out, state ? state : "no-event", asked->host ? &host : NULL, seconds ? US_PER_S : calm_us);
    return fclose(out) == 0 ? text_json(text, len) : NULL;
}

int verb_rule_export(struct call *call, struct err *err)
{
    struct asked_rules asked = { .in_force = 0 };
    size_t at = 0;
    int rc = continue_from(call, &at, err);
    if (rc == 0 && call_text(call, "host"))
        rc = ask_host(call, &asked, err);
    if (rc == 0)
        rc = call_in_force(call, IN_FORCE_NO_EVENT, &asked.in_force, err);
    if (rc < 0)
        return rc;
    call->data =
        json_pack("{s:o, s:o}", "head", form_head(call, &asked), "items", form_page_of(call, &asked, form_item, at));
    return CALL_ANSWER;
}
