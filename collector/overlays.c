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

static bool holds_over(const struct event *event, const struct host *host)
{
    return (event->state == EVENT_ARMED || event->state == EVENT_LIVE) && scope_is_in(event, host);
}

static void add(struct overlay_where *where, const struct event *event, const struct overlays *overlays)
{
    if (where->n_events < OVERLAY_EVENTS_MAX)
        where->events[where->n_events++] = (struct overlay_event){ .name = event->name, .overlays = overlays };
}

void overlays_tune(const struct collector *collector, struct watch *watch, const struct host_state *state,
                   struct transitions *out)
{
    static struct tuning tunings[RULES_MAX]; /* one thread has the collector */
    struct overlay_where where = { .groups = collector->config->overlays,
                                   .group = state->row->group,
                                   .host = state->row->name };
    for (size_t i = 0; i < collector->n_events; i++)
        if (holds_over(collector->events[i], state->row))
            add(&where, collector->events[i], ((const struct assured *)collector->events[i])->overlays);
    size_t n = overlay_resolve_all(collector->config->rule_rows, collector->config->n_rules, &where, tunings);
    if (watch_tune_host(watch, state->id, tunings, n, now_us(collector), out) < 0)
        log_event(&collector->log, LOG_ERROR, "overlay_not_applied", KV_TEXT("host", state->row->name),
                  KV_TEXT("error", "out of memory"));
}

void collector_overlays_done(struct collector_overlays *over)
{
    for (size_t i = 0; i < over->where.n_events; i++)
        free((void *)over->where.events[i].overlays);
}

static bool has_rule(const struct collector_rules *rules, const char *name)
{
    for (size_t i = 0; i < rules->n; i++)
        if (strcmp(rules->rows[i].name, name) == 0)
            return true;
    return false;
}

static void leave_out_others(struct document *document, const struct collector_rules *rules)
{
    size_t kept = 0;
    for (size_t i = 0; i < document->n_rules; i++)
        if (has_rule(rules, document->rules[i].rule))
            document->rules[kept++] = document->rules[i];
    document->n_rules = kept;
}

/* Of the event's document. What does not fit of an event that is under way is left out, as it was when it was armed. */
static int add_event(const struct collector *collector, const struct collector_overlays_ask *ask,
                     const struct event *event, struct overlay_where *where, struct err *err)
{
    AUTO(auto_free) struct document *document = malloc(sizeof *document);
    AUTO(auto_free) struct overlays *read = calloc(1, sizeof *read);
    struct config_faults faults = { .n = 0 };
    if (!document || !read)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = collector_document(collector, event->id, document, err);
    if (rc < 0)
        return rc;
    if (ask->part)
        leave_out_others(document, &ask->rules);
    if (overlays_of_document(document, ask->rules.rows, ask->rules.n, read, &faults) < 0 && ask->event)
        return err_set(err, -EINVAL, "event %s: %s", event->name, faults.at[0].text);
    add(where, event, TAKE(read));
    return 0;
}

int collector_overlays(const struct collector *collector, const struct collector_overlays_ask *ask,
                       struct collector_overlays *ret, struct err *err)
{
    int rc = 0;
    ret->where =
        (struct overlay_where){ .groups = ask->rules.overlays, .group = ask->host->group, .host = ask->host->name };
    if (ask->groups_only)
        return 0;
    if (ask->event)
        return add_event(collector, ask, ask->event, &ret->where, err);
    for (size_t i = 0; rc == 0 && i < collector->n_events; i++)
        if (holds_over(collector->events[i], ask->host) && ret->where.n_events < OVERLAY_EVENTS_MAX)
            rc = add_event(collector, ask, collector->events[i], &ret->where, err);
    return rc;
}
