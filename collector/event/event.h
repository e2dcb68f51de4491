/* collector/event/event.h - the assured event: its window, its hosts, its life. Pure.
 *
 * Shape    a struct and functions over it; the states and who may leave which for where are one table
 * Units    microseconds of wall time; the window is [start, end): whole natural days of a named IANA zone
 * Now      create, start, close (a draft that is closed is cancelled), and the end by the clock; request, accept,
 *          check, arm and report come with the full life
 * Errors   -EPERM: this state does not allow that; -ERANGE: outside the window; -EINVAL: a value; the text says what
 *          to do
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { EVENT_NAME_MAX = 63, EVENT_HOSTS_MAX = 1023, EVENT_ZONE_MAX = 63, EVENT_DAYS_MAX = 31 };

enum event_state {
    EVENT_DRAFT,
    EVENT_REQUESTED,
    EVENT_ACCEPTED,
    EVENT_CHECKED,
    EVENT_ARMED,
    EVENT_LIVE,
    EVENT_CLOSING,
    EVENT_REPORTED,
    EVENT_CLOSED,
    EVENT_CANCELLED,
    EVENT_STATE_COUNT
};

enum event_verb { EVENT_START, EVENT_CLOSE, EVENT_VERB_COUNT };

struct event_patrol {     /* what is on record of its rounds: collector/patrol/schedule.h */
    int64_t interval_us;  /* between rounds while it is live; 0: as patrol has it */
    int64_t preparing_us; /* when the first one was due while it was prepared; 0: there was none... */
    unsigned preparing;   /* ...and how many of these are on record */
    int64_t from_us;      /* when round 0 was due while it was live; 0: not yet... */
    unsigned rounds;      /* ...and how many of these are on record */
    bool closed;          /* the closing one is on record as well */
    int64_t last_us;      /* when one was last made; 0: never */
};

struct event {
    uint64_t id; /* unique in the collector */
    uint64_t tenant;
    char name[EVENT_NAME_MAX + 1];   /* unique within its tenant */
    char zone[EVENT_ZONE_MAX + 1];   /* "Asia/Shanghai" */
    char hosts[EVENT_HOSTS_MAX + 1]; /* selector: names or globs, comma-separated: "web-*,db-1" */
    enum event_state state;
    int64_t start_us; /* window */
    int64_t end_us;
    int64_t created_us;
    int64_t started_us; /* 0: not yet */
    int64_t closed_us;
    char by[64]; /* who last changed its state: "clock" or a user's name */
    struct event_patrol patrol;
};

/* "draft"...: as shown and stored. */
const char *event_state_name(enum event_state state);

/* Checks name, zone and selector, and fills a draft whose window is `days` natural days from `first_day` ("2026-11-23")
 * in `zone`. id, tenant and created_us are the caller's to set. */
int event_init(struct event *ret, const char *name, const char *zone, const char *first_day, int64_t days,
               const char *hosts, struct err *err);

/* Takes `verb` at `now_us` for `by`. On failure the event is as it was. */
int event_do(struct event *event, enum event_verb verb, int64_t now_us, const char *by, struct err *err);

/* What the clock alone brings about: a live event past its end closes. True: the event changed. */
bool event_tick(struct event *event, int64_t now_us);

/* Whether this host is in the event's scope. */
bool event_selects(const struct event *event, const char *host_name);

/* Whether ticks come each second for it: from armed to the end. */
bool event_wants_seconds(const struct event *event);
