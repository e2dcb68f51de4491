/* The rules for people and for Prometheus: all of them, or those that hold for one host, or in an event's window. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/scan.h"
#include "collector/control/asked.h"
#include "collector/watch/prometheus.h"
#include "collector/watch/words.h"

enum { RULES_A_PAGE = 64 }; /* of some 2 KiB at most */

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
    json_t *rows = json_array();
    for (; at < asked->rules.n && json_array_size(rows) < RULES_A_PAGE; at++) {
        const struct rule *rule = &asked->rules.rows[at];
        if (asked->in_force == 0 || rule->in_force & asked->in_force)
            json_array_append_new(rows, form(asked, rule));
    }
    if (at < asked->rules.n && asprintf(&call->more, "%zu", at) < 0)
        call->more = NULL;
    return rows;
}

/* ---- rule list ---- */

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
        "{s:s, s:o, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:b, s:s, s:b, s:o, s:s}", "rule", rule->name, "pack",
        form_text(rule->pack), "metric", rule->metric, "instance", rule->instance, "condition",
        rule_words(words, rule, limits), "threshold", form_real(absence ? NAN : rule->threshold * scale), "clear",
        form_real(absence ? NAN : rule->clear * scale), "unit", share ? "1" : rule_unit_text(unit, rule), "limit",
        rule->limit < 0 ? json_null() : json_string(host_limit_name((enum host_limit)rule->limit)), "hold_s",
        form_seconds(rule->condition == CONDITION_FRACTION ? rule->at_least_us : rule->hold_us), "severity",
        severity_name(rule->severity), "page", rule->page, "in_force", rule_in_force_words(in_force, rule), "judged",
        !isnan(scale), "depends_on", form_depends(rule), "summary", rule->summary);
}

/* As it is on the host that is asked for, and what makes it so. */
static json_t *form_rule(const struct asked_rules *asked, const struct rule *rule)
{
    struct rule as_is = *rule;
    struct tuning tuning;
    char from[OVERLAY_FROM_TEXT];
    if (asked_tuning(asked, rule, &tuning, from))
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
        rc = asked_rules(call, &asked, err);
    if (rc == 0)
        rc = asked_overlays(call, &asked, err);
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

/* Prometheus knows a host by its name, and nothing of groups. */
static void print_groups(FILE *out, const struct collector_rules *rules, const struct rule *rule)
{
    for (size_t i = 0; rules->overlays && i < rules->overlays->n; i++)
        if (strcmp(rules->overlays->at[i].rule, rule->name) == 0)
            fprintf(out, "      # %s is %s for the group %s: export its hosts, by --host\n", rule->name,
                    rules->overlays->at[i].off ? "off" : "other", rules->overlays->at[i].hosts);
}

static void print_on_host(FILE *out, const struct asked_rules *asked, const struct rule *rule)
{
    const struct prometheus_host host = { .name = asked->host->name, .limits = asked->limits };
    struct rule as_is = *rule;
    struct tuning tuning;
    char from[OVERLAY_FROM_TEXT];
    if (!asked_tuning(asked, rule, &tuning, from)) {
        prometheus_print(out, rule, &host);
        return;
    }
    fprintf(out, tuning.off ? "      # %s: off there, by %s\n" : "      # %s: as it is there, by %s\n", rule->name,
            from);
    overlay_apply(&as_is, &tuning);
    if (!tuning.off)
        prometheus_print(out, &as_is, &host);
}

static json_t *form_item(const struct asked_rules *asked, const struct rule *rule)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    if (asked->host) {
        print_on_host(out, asked, rule);
    } else {
        print_groups(out, &asked->rules, rule);
        prometheus_print(out, rule, NULL);
    }
    return fclose(out) == 0 ? text_json(text, len) : NULL;
}

static json_t *form_head(const struct call *call, const struct asked_rules *asked)
{
    static const int64_t calm_us = 10 * US_PER_S;
    struct prometheus_host host = { .name = asked->host ? asked->host->name : "" };
    const char *state = call_text(call, "state");
    const char *in_state = state ? state : asked->event ? event_state_name(EVENT_LIVE) : "no-event";
    bool seconds = asked->in_force & IN_WINDOW;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return NULL;
    prometheus_print_head(out, in_state, asked->host ? &host : NULL, seconds ? US_PER_S : calm_us);
    return fclose(out) == 0 ? text_json(text, len) : NULL;
}

/* A file stays when what holds now does not: without an event it is of the state that is said. */
static int ask_export(const struct call *call, struct asked_rules *ret, struct err *err)
{
    if (call_text(call, "event") && !call_text(call, "host"))
        return err_set(err, -EINVAL, "event: a window is exported host by host: say which with host");
    int rc = asked_rules(call, ret, err);
    if (rc == 0)
        rc = call_in_force(call, ret->event ? ret->in_force : IN_FORCE_NO_EVENT, &ret->in_force, err);
    return rc < 0 ? rc : asked_overlays(call, ret, err);
}

int verb_rule_export(struct call *call, struct err *err)
{
    AUTO(asked_done) struct asked_rules asked = { .in_force = 0 };
    size_t at = 0;
    int rc = continue_from(call, &at, err);
    if (rc == 0)
        rc = ask_export(call, &asked, err);
    if (rc < 0)
        return rc;
    call->data =
        json_pack("{s:o, s:o}", "head", form_head(call, &asked), "items", form_page_of(call, &asked, form_item, at));
    return CALL_ANSWER;
}
