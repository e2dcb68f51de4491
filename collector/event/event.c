#include "collector/event/event.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/event/calendar.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
enum { LOCAL_TEXT = 32 };

static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);
    if (len < 1 || len > EVENT_NAME_MAX || strspn(name, NAME_CHARS) != len)
        return err_set(err, -EINVAL, "event: name \"%.64s\", want 1..%d letters, digits, dots, dashes, underscores",
                       name, EVENT_NAME_MAX);
    return 0;
}

static int copy_scope(struct event *event, const struct event_plan *plan, struct err *err)
{
    int rc = scope_copy_hosts(event->hosts, plan->hosts ? plan->hosts : "", err);
    if (rc == 0)
        rc = scope_copy_labels(event->labels, plan->labels ? plan->labels : "", err);
    if (rc < 0)
        return err_within(err, rc, "event");
    if (!event->hosts[0] && !event->labels[0])
        return err_set(err, -EINVAL, "event: hosts: \"\" selects none; want such as web-*,db-1, or labels as role=web");
    return 0;
}

static int set_patrol(struct event *event, int64_t interval_us, struct err *err)
{
    if (interval_us != 0 && (interval_us < EVENT_PATROL_LEAST_US || interval_us > EVENT_PATROL_MOST_US))
        return err_set(err, -EINVAL, "event: rounds of patrol %lld s apart, want 60..3600",
                       (long long)(interval_us / US_PER_S));
    event->patrol.interval_us = interval_us;
    return 0;
}

static int set_window(struct event *event, const char *zone, const char *first_day, int64_t days, struct err *err)
{
    if (days < 1 || days > EVENT_DAYS_MAX)
        return err_set(err, -EINVAL, "event: %lld days, want 1..%d", (long long)days, EVENT_DAYS_MAX);
    event->days = (int)days;
    int rc = calendar_days(zone, first_day, days, &event->start_us, &event->end_us, err);
    if (rc == 0)
        snprintf(event->zone, sizeof event->zone, "%s", zone); /* a zone the calendar knows fits */
    return rc;
}

int event_init(struct event *ret, const struct event_plan *plan, struct err *err)
{
    struct event event = { .state = EVENT_DRAFT, .drill = plan->drill };
    int rc = check_name(plan->name ? plan->name : "", err);
    if (rc == 0)
        rc = copy_scope(&event, plan, err);
    if (rc == 0)
        rc = set_patrol(&event, plan->patrol_us, err);
    if (rc == 0)
        rc = set_window(&event, plan->zone ? plan->zone : "", plan->first_day ? plan->first_day : "", plan->days, err);
    if (rc < 0)
        return rc;
    snprintf(event.name, sizeof event.name, "%s", plan->name);
    *ret = event;
    return 0;
}

const char *event_first_day(const struct event *event, char day[EVENT_DAY_TEXT])
{
    char local[LOCAL_TEXT];
    if (calendar_local_text(event->zone, event->start_us, local, NULL) < 0)
        calendar_local_text("UTC", event->start_us, local, NULL); /* a zone tzdata has dropped since */
    memcpy(day, local, EVENT_DAY_TEXT - 1);
    day[EVENT_DAY_TEXT - 1] = '\0';
    return day;
}

bool event_selects(const struct event *event, const char *host_name, const char *labels)
{
    return scope_names(event->hosts, host_name) || scope_fits(event->labels, labels);
}

bool event_wants_seconds(const struct event *event)
{
    bool arming = event->state == EVENT_CHECKED && event->arming_us != 0;
    return arming || event->state == EVENT_ARMED || event->state == EVENT_LIVE;
}

bool event_may_change(const struct event *event)
{
    return event->state < EVENT_ARMED;
}

bool event_may_turn(const struct event *event)
{
    return !event->drill && event->state < EVENT_ARMED;
}
