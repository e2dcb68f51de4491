/* The life of an event is the table `steps`: a verb that has no row from a state is refused there. The states between
 * draft and live, and closing and reported after it, get their rows with the gates that guard them. */
#include "collector/event/event.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/event/calendar.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
enum { PATTERN_MAX = EVENT_NAME_MAX, LOCAL_TEXT = 32 };

static const char *const state_names[EVENT_STATE_COUNT] = {
    [EVENT_DRAFT] = "draft",         [EVENT_REQUESTED] = "requested", [EVENT_ACCEPTED] = "accepted",
    [EVENT_CHECKED] = "checked",     [EVENT_ARMED] = "armed",         [EVENT_LIVE] = "live",
    [EVENT_CLOSING] = "closing",     [EVENT_REPORTED] = "reported",   [EVENT_CLOSED] = "closed",
    [EVENT_CANCELLED] = "cancelled",
};
static const char *const verb_names[EVENT_VERB_COUNT] = { [EVENT_START] = "start", [EVENT_CLOSE] = "close" };

const char *event_state_name(enum event_state state)
{
    return state_names[state];
}

static int check_name(const char *name, struct err *err)
{
    size_t len = strlen(name);
    if (len < 1 || len > EVENT_NAME_MAX || strspn(name, NAME_CHARS) != len)
        return err_set(err, -EINVAL, "event: name \"%.64s\", want 1..%d letters, digits, dots, dashes, underscores",
                       name, EVENT_NAME_MAX);
    return 0;
}

/* fnmatch() takes an unclosed bracket for itself; nobody means that in a host name. */
static bool is_pattern(const char *text, size_t len)
{
    bool open = false;
    if (len < 1 || len > PATTERN_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!text[i] || !strchr(NAME_CHARS "*?[]!^", text[i]))
            return false;
        if (text[i] == '[' && open)
            return false;
        if (text[i] == ']' && (!open || text[i - 1] == '['))
            return false;
        open = text[i] == '[' || (open && text[i] != ']');
    }
    return !open;
}

/* The next of a comma-separated list, spaces around it cut. False: the list is over. */
static bool next_pattern(const char **at, const char **ret_text, size_t *ret_len)
{
    if (!*at)
        return false;
    const char *text = *at + strspn(*at, " ");
    size_t len = strcspn(text, ",");
    *at = text[len] == ',' ? text + len + 1 : NULL;
    while (len > 0 && text[len - 1] == ' ')
        len--;
    *ret_text = text;
    *ret_len = len;
    return true;
}

/* Checks a selector and writes it without its spaces. */
static int copy_hosts(char ret[EVENT_HOSTS_MAX + 1], const char *hosts, struct err *err)
{
    const char *text;
    size_t len;
    size_t used = 0;
    for (const char *at = hosts; next_pattern(&at, &text, &len);) {
        if (!is_pattern(text, len))
            return err_set(err, -EINVAL,
                           "event: hosts: \"%.*s\" is neither a host name nor a pattern; want such as web-*,db-1",
                           (int)(len < PATTERN_MAX ? len : PATTERN_MAX), text);
        if (used + len + 1 > EVENT_HOSTS_MAX)
            return err_set(err, -EINVAL, "event: hosts: more than %d bytes; use patterns", EVENT_HOSTS_MAX);
        if (used > 0)
            ret[used++] = ',';
        memcpy(ret + used, text, len);
        used += len;
    }
    ret[used] = '\0';
    return 0;
}

int event_init(struct event *ret, const char *name, const char *zone, const char *first_day, int64_t days,
               const char *hosts, struct err *err)
{
    struct event event = { .state = EVENT_DRAFT };
    int rc = check_name(name, err);
    if (rc < 0)
        return rc;
    rc = copy_hosts(event.hosts, hosts, err);
    if (rc < 0)
        return rc;
    if (days < 1 || days > EVENT_DAYS_MAX)
        return err_set(err, -EINVAL, "event: %lld days, want 1..%d", (long long)days, EVENT_DAYS_MAX);
    rc = calendar_days(zone, first_day, days, &event.start_us, &event.end_us, err);
    if (rc < 0)
        return rc;
    snprintf(event.name, sizeof event.name, "%s", name);
    snprintf(event.zone, sizeof event.zone, "%s", zone); /* a zone the calendar knows fits */
    *ret = event;
    return 0;
}

/* "2026-11-24 00:00:00 Asia/Shanghai (2026-11-23T16:00:00.000Z)" */
static const char *moment_both(char *text, size_t size, const struct event *event, int64_t at_us)
{
    char local[LOCAL_TEXT];
    char utc[MOMENT_TEXT];
    moment_format(utc, at_us);
    if (calendar_local_text(event->zone, at_us, local, NULL) == 0)
        snprintf(text, size, "%s %s (%s)", local, event->zone, utc);
    else
        snprintf(text, size, "%s", utc); /* a zone tzdata has dropped since */
    return text;
}

static int check_window(const struct event *event, int64_t now_us, struct err *err)
{
    char when[LOCAL_TEXT + EVENT_ZONE_MAX + MOMENT_TEXT + 8];
    if (now_us < event->start_us)
        return err_set(err, -ERANGE, "event %s: its window opens at %s; start it then", event->name,
                       moment_both(when, sizeof when, event, event->start_us));
    if (now_us >= event->end_us)
        return err_set(err, -ERANGE, "event %s: its window was over at %s; create a new event", event->name,
                       moment_both(when, sizeof when, event, event->end_us));
    return 0;
}

static const struct step {
    enum event_state from;
    enum event_verb verb;
    enum event_state to;
    int (*check)(const struct event *event, int64_t now_us, struct err *err); /* NULL: nothing to check */
} steps[] = {
    { EVENT_DRAFT, EVENT_START, EVENT_LIVE, check_window },
    { EVENT_DRAFT, EVENT_CLOSE, EVENT_CANCELLED, NULL }, /* it never began */
    { EVENT_LIVE, EVENT_CLOSE, EVENT_CLOSED, NULL },
};
enum { N_STEPS = sizeof steps / sizeof steps[0] };

static int refuse(const struct event *event, enum event_verb verb, struct err *err)
{
    char wanted[64] = "";
    for (int i = 0; i < N_STEPS; i++) {
        size_t used = strlen(wanted);
        if (steps[i].verb == verb)
            snprintf(wanted + used, sizeof wanted - used, "%s%s", used ? " or " : "", state_names[steps[i].from]);
    }
    return err_set(err, -EPERM, "event %s is %s; %s wants one that is %s", event->name, state_names[event->state],
                   verb_names[verb], wanted);
}

static void enter(struct event *event, enum event_state state, int64_t now_us, const char *by)
{
    event->state = state;
    if (state == EVENT_LIVE)
        event->started_us = now_us;
    if (state == EVENT_CLOSED || state == EVENT_CANCELLED)
        event->closed_us = now_us;
    snprintf(event->by, sizeof event->by, "%s", by);
}

int event_do(struct event *event, enum event_verb verb, int64_t now_us, const char *by, struct err *err)
{
    for (int i = 0; i < N_STEPS; i++) {
        if (steps[i].from != event->state || steps[i].verb != verb)
            continue;
        int rc = steps[i].check ? steps[i].check(event, now_us, err) : 0;
        if (rc < 0)
            return rc;
        enter(event, steps[i].to, now_us, by);
        return 0;
    }
    return refuse(event, verb, err);
}

bool event_tick(struct event *event, int64_t now_us)
{
    if (event->state != EVENT_LIVE || now_us < event->end_us)
        return false;
    enter(event, EVENT_CLOSED, now_us, "clock");
    return true;
}

bool event_selects(const struct event *event, const char *host_name)
{
    const char *text;
    size_t len;
    for (const char *at = event->hosts; next_pattern(&at, &text, &len);) {
        char pattern[PATTERN_MAX + 1];
        if (len > PATTERN_MAX)
            continue; /* event_init() lets none through */
        memcpy(pattern, text, len);
        pattern[len] = '\0';
        if (fnmatch(pattern, host_name, 0) == 0)
            return true;
    }
    return false;
}

bool event_wants_seconds(const struct event *event)
{
    return event->state == EVENT_ARMED || event->state == EVENT_LIVE;
}
