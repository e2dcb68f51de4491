#include "collector/control/asked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/watch/rules.h"

/* Those of the request, or the collector's own. */
static int take_rules(const struct call *call, struct asked_rules *ret, struct err *err)
{
    const struct collector_config *config = collector_configuration(call->collector);
    const char *text = call_text(call, "document");
    const char *name = call_text(call, "file");
    struct config_faults faults = { .n = 0 };
    ret->rules = (struct collector_rules){ config->rule_rows, config->n_rules, config->overlays };
    if (!text)
        return 0;
    ret->given = calloc(RULES_MAX, sizeof *ret->given);
    ret->given_overlays = calloc(1, sizeof *ret->given_overlays);
    if (!ret->given || !ret->given_overlays)
        return err_set(err, -ENOMEM, "out of memory");
    ret->rules = (struct collector_rules){ ret->given, 0, ret->given_overlays };
    if (rules_parse(name ? name : "rules", text, strlen(text), ret->given, &ret->rules.n, ret->given_overlays,
                    &faults) < 0)
        return err_set(err, -EINVAL, "%s", faults.at[0].text);
    return 0;
}

static int take_host(const struct call *call, struct asked_rules *ret, struct err *err)
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

/* What the event declares goes before the host's own, as it will be when it is armed. */
static int take_window(const struct call *call, struct asked_rules *ret, struct err *err)
{
    const struct event *event = ret->event;
    ret->in_force = IN_WINDOW;
    if (!ret->host)
        return 0;
    if (event->tenant != ret->host->tenant || !event_selects(event, ret->host->name, ret->host->labels))
        return err_set(err, -EINVAL, "%s is not in the scope of %s", ret->host->name, event->name);
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    if (!document)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = collector_document(call->collector, event->id, document, err);
    if (rc == 0)
        document_limits(document, ret->host->name, ret->limits);
    return rc;
}

int asked_rules(const struct call *call, struct asked_rules *ret, struct err *err)
{
    int rc = call_text(call, "event") ? call_event(call, &ret->event, err) : 0;
    if (rc == 0 && call_text(call, "host"))
        rc = take_host(call, ret, err);
    if (rc == 0 && ret->event)
        rc = take_window(call, ret, err);
    return rc < 0 ? rc : take_rules(call, ret, err);
}

int asked_overlays(const struct call *call, struct asked_rules *asked, struct err *err)
{
    struct collector_overlays_ask ask = { .rules = asked->rules,
                                          .host = asked->host,
                                          .event = asked->event,
                                          .part = asked->given != NULL,
                                          .groups_only = (asked->in_force & IN_WINDOW) == 0 };
    return asked->host ? collector_overlays(call->collector, &ask, &asked->over, err) : 0;
}

bool asked_tuning(const struct asked_rules *asked, const struct rule *rule, struct tuning *ret,
                  char from[OVERLAY_FROM_TEXT])
{
    *ret = (struct tuning){ .off = false };
    from[0] = '\0';
    return asked->host && overlay_resolve(rule, &asked->over.where, ret, from);
}

void asked_done(struct asked_rules *asked)
{
    collector_overlays_done(&asked->over);
    free(asked->given);
    free(asked->given_overlays);
}
