/* What lies over the rules of a host: of the rule file for its group, and of the documents of events that are armed or
 * live for it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"

struct overlays *overlays_of_event(const struct collector *collector, const struct event *event,
                                   const struct document *document)
{
    const struct collector_config *config = collector->config;
    struct config_faults faults = { .n = 0 };
    struct overlays *read = calloc(1, sizeof *read);
    if (!read || overlays_of_document(document, config->rule_rows, config->n_rules, read, &faults) == 0)
        return read;
    for (size_t i = 0; i < config_faults_kept(&faults); i++)
        log_event(&collector->log, LOG_ERROR, "overlay_not_applied", KV_TEXT("event_name", event->name),
                  KV_TEXT("error", faults.at[i].text));
    return read;
}

int overlays_check(const struct collector *collector, const struct document *document, struct err *err)
{
    const struct collector_config *config = collector->config;
    struct config_faults faults = { .n = 0 };
    AUTO(auto_free) struct overlays *read = calloc(1, sizeof *read);
    if (!read)
        return err_set(err, -ENOMEM, "out of memory");
    if (overlays_of_document(document, config->rule_rows, config->n_rules, read, &faults) == 0)
        return 0;
    return err_set(err, -EINVAL, "%s", faults.at[0].text);
}

static void begin(const struct collector *collector, const struct host *host, struct overlay_where *ret)
{
    *ret = (struct overlay_where){ .groups = collector->config->overlays, .group = host->group, .host = host->name };
}

static void add(struct overlay_where *where, const struct event *event, const struct overlays *overlays)
{
    if (where->n_events < OVERLAY_EVENTS_MAX)
        where->events[where->n_events++] = (struct overlay_event){ .name = event->name, .overlays = overlays };
}

static void where_now(const struct collector *collector, const struct host *host, struct overlay_where *ret)
{
    begin(collector, host, ret);
    for (size_t i = 0; i < collector->n_events; i++) {
        const struct event *event = collector->events[i];
        if ((event->state == EVENT_ARMED || event->state == EVENT_LIVE) && scope_is_in(event, host))
            add(ret, event, ((const struct assured *)event)->overlays);
    }
}

void overlays_tune(const struct collector *collector, struct watch *watch, const struct host_state *state,
                   struct transitions *out)
{
    static struct tuning tunings[RULES_MAX]; /* one thread has the collector */
    struct overlay_where where;
    where_now(collector, state->row, &where);
    size_t n = overlay_resolve_all(collector->config->rule_rows, collector->config->n_rules, &where, tunings);
    if (watch_tune_host(watch, state->id, tunings, n, now_us(collector), out) < 0)
        log_event(&collector->log, LOG_ERROR, "overlay_not_applied", KV_TEXT("host", state->row->name),
                  KV_TEXT("error", "out of memory"));
}

void collector_overlays_done(struct collector_overlays *over)
{
    free(over->owned);
}

int collector_overlays(const struct collector *collector, const struct host *host, const struct event *event,
                       struct collector_overlays *ret, struct err *err)
{
    ret->owned = NULL;
    if (!event) {
        where_now(collector, host, &ret->where);
        return 0;
    }
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    struct config_faults faults = { .n = 0 };
    ret->owned = calloc(1, sizeof *ret->owned);
    if (!document || !ret->owned)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = collector_document(collector, event->id, document, err);
    if (rc < 0)
        return rc;
    overlays_of_document(document, collector->config->rule_rows, collector->config->n_rules, ret->owned, &faults);
    begin(collector, host, &ret->where);
    add(&ret->where, event, ret->owned);
    return 0;
}
