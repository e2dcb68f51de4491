/* The life of events: what people and the clock bring about, carried into memory, the tenant's group and the log. What is
 * allowed, and where it leads, is collector/event's to say. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collector/parts.h"

static void tell(struct collector *collector, const struct event *event)
{
    log_event(&collector->log, LOG_INFO, "event_changed", KV_TEXT("name", event->name),
              KV_TEXT("state", event_state_name(event->state)), KV_TEXT("by", event->by));
    desk_event_changed(collector, event);
    scope_refresh(collector, event->tenant);
}

int collector_add_event(struct collector *collector, const struct event *event, const struct event **ret_row,
                        struct err *err)
{
    for (size_t i = 0; i < collector->n_events; i++)
        if (collector->events[i]->tenant == event->tenant && strcmp(collector->events[i]->name, event->name) == 0)
            return err_set(err, -EEXIST, "this tenant already has an event %s", event->name);
    struct event row = *event;
    struct event *kept;
    row.id = collector->last_event + 1;
    row.created_us = now_us(collector);
    int rc = scope_add_event(collector, &row, &kept);
    if (rc == -ENOSPC)
        return err_set(err, rc, "a collector keeps %d events at most", COLLECTOR_EVENTS_MAX);
    if (rc < 0)
        return err_set(err, rc, "out of memory");
    collector->last_event = row.id;
    *ret_row = kept;
    desk_event_changed(collector, kept);
    return 0;
}

int collector_event_do(struct collector *collector, uint64_t event, enum event_verb verb, const char *by,
                       const struct event **ret_row, struct err *err)
{
    struct event *row = scope_event(collector, event);
    if (!row)
        return err_set(err, -ENOENT, "there is no event %" PRIu64, event);
    struct event_change change;
    struct event_ask ask = { .verb = verb, .role = ROLE_COMMANDER, .by = by, .now_us = now_us(collector) };
    int rc = event_do(row, &ask, &change, err);
    if (rc < 0)
        return rc;
    tell(collector, row);
    *ret_row = row;
    return 0;
}

void life_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    for (size_t i = 0; i < collector->n_events; i++) {
        struct event *event = collector->events[i];
        struct event_change change;
        while (event_tick(event, NULL, now, &change))
            tell(collector, event);
    }
}
