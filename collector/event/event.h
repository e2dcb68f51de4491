/* collector/event/event.h - the assured event: its window, its hosts, its life. Pure.
 *
 * Shape    a row and functions over it. The states, who may leave which for where, and what that needs, are one table
 *          (life.c); whatever has no row there is refused. What an event is besides (tiers, contacts, notes...) is its
 *          document (document.h); what it needs are its gates (gate.h)
 * Life     draft -request-> requested -accept-> accepted -check-> checked -arm-> armed -start-> live -end-> closing
 *          -report-> reported -close-> closed; cancel from any before live. `arm` asks: the event is *arming* (still
 *          checked) until event_tick() finds the gate `hosts` to let through as well
 * Clock    an armed event starts and a live one ends by event_tick(); one that is late says by how much. One that was
 *          requested and is not armed when its window opens is told of once; at its window's end it lapses: cancelled
 * Drill    no gates, no lead time, no overlap, nothing drawn: from any state before live it starts by hand within its
 *          window, armed also by the clock, and by `end`, `close` or the clock it is closed at once
 * Units    microseconds of wall time; the window is [start, end): whole natural days of a named IANA zone
 * Jumps    the row alone says what has happened, so a clock that jumps, or a restart, repeats nothing: a start or an
 *          end that has been passed over happens with the next tick. Stamps never run back along a life; a change's
 *          at_us is the clock as it was
 * Ledger   each call that changes an event fills one struct event_change: one ledger entry (kind "event"), one log line
 * Errors   -EPERM: this state, or this role, does not allow that; -ERANGE: outside the window; -EBUSY: gates are
 *          closed; -EEXIST: it overlaps another; -ENOENT: it selects no host; -EINVAL: a value; the text says what to
 *          do
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "collector/event/gate.h"
#include "collector/event/role.h"
#include "collector/event/scope.h"

enum {
    EVENT_NAME_MAX = 63,
    EVENT_HOSTS_MAX = SCOPE_HOSTS_MAX,
    EVENT_LABELS_MAX = SCOPE_LABELS_MAX,
    EVENT_ZONE_MAX = 63,
    EVENT_DAYS_MAX = 31,
    EVENT_BY_MAX = 63,
    EVENT_REASON_MAX = 255,
    EVENT_DAY_TEXT = 11 /* "2026-11-23" */
};
#define EVENT_LATE_US         (60 * US_PER_S) /* behind its time a start or an end is late */
#define EVENT_CLOCK           "clock"         /* the name behind what happens by the clock */
#define EVENT_PATROL_LEAST_US (60 * US_PER_S) /* between two rounds of patrol */
#define EVENT_PATROL_MOST_US  (3600 * US_PER_S)

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

enum event_verb {
    EVENT_REQUEST,
    EVENT_ACCEPT,
    EVENT_CHECK,
    EVENT_ARM,
    EVENT_START,
    EVENT_END,
    EVENT_REPORT,
    EVENT_CLOSE,
    EVENT_CANCEL,
    EVENT_VERB_COUNT
};

struct event_patrol {     /* what is on record of its rounds: collector/patrol/schedule.h */
    int64_t interval_us;  /* between rounds while it is live; 0: as patrol has it */
    int64_t preparing_us; /* when the first one was due while it was prepared; 0: there was none... */
    unsigned preparing;   /* ...and how many of these are on record */
    int64_t from_us;      /* when round 0 was due while it was live; 0: not yet... */
    unsigned rounds;      /* ...and how many of these are on record */
    bool closed;          /* the closing one is on record as well */
    int64_t last_us;      /* when one was last made; 0: never... */
    int64_t saw_rules;    /* ...and then these, numbers that change with what they stand for */
    int64_t saw_config;
    int64_t saw_event;
    int64_t saw_hosts;
};

struct event {
    uint64_t id; /* unique in the collector */
    uint64_t tenant;
    char name[EVENT_NAME_MAX + 1];     /* unique within its tenant */
    char zone[EVENT_ZONE_MAX + 1];     /* "Asia/Shanghai" */
    char hosts[EVENT_HOSTS_MAX + 1];   /* scope.h: "web-*,db-1" */
    char labels[EVENT_LABELS_MAX + 1]; /* scope.h: "role=web" */
    bool drill;
    bool late_request; /* asked for less than the plan's lead time ahead: accepting it wants a reason */
    enum event_state state;
    int days;
    unsigned changes;   /* of its document, since it was made */
    unsigned handovers; /* from shift to shift */
    int64_t start_us;   /* window */
    int64_t end_us;
    int64_t created_us;
    int64_t requested_us; /* this and the rest: 0: not yet */
    int64_t accepted_us;
    int64_t arming_us; /* `arm` was asked for; stays when armed... */
    char arming_by[EVENT_BY_MAX + 1];
    int64_t armed_us;
    int64_t unarmed_us; /* its window was open and it was not armed: told */
    int64_t started_us;
    int64_t closing_us; /* it ended */
    int64_t reported_us;
    int64_t closed_us;         /* or cancelled */
    char by[EVENT_BY_MAX + 1]; /* who last changed its state: "clock" or a user's name */
    struct event_patrol patrol;
};

/* "draft"...: as shown and stored. */
const char *event_state_name(enum event_state state);
/* "request"... */
const char *event_verb_name(enum event_verb verb);

/* ---- what it is (event.c) ---- */

struct event_plan { /* texts borrowed; NULL is "" */
    const char *name;
    const char *zone;
    const char *first_day; /* "2026-11-23" */
    int64_t days;
    const char *hosts;
    const char *labels;
    bool drill;
    int64_t patrol_us; /* 0: as patrol has it */
};

/* Checks all of it and fills a draft whose window is `days` natural days from `first_day` in `zone`. id, tenant,
 * created_us and by are the caller's to set. */
int event_init(struct event *ret, const struct event_plan *plan, struct err *err);

/* Its first day by its zone's calendar. Returns `day`. */
const char *event_first_day(const struct event *event, char day[EVENT_DAY_TEXT]);

/* Whether this host is in the event's scope; `labels` are its own (scope.h), "" none. */
bool event_selects(const struct event *event, const char *host_name, const char *labels);

/* Whether ticks come each second for it: from arming to the end. */
bool event_wants_seconds(const struct event *event);

/* The row and its document may still be changed: until it is armed; its name, days and kind as a draft only. */
bool event_may_change(const struct event *event);
/* Its gates may turn: until it is armed (the clock's finding of `hosts` too). A drill has none. */
bool event_may_turn(const struct event *event);

/* ---- its life (life.c) ---- */

/* One change of one event: what the ledger and the log say of it. */
struct event_change {
    enum event_happening {
        EVENT_STEPPED,       /* from -> to */
        EVENT_ARMING,        /* arm was asked for: from == to, checked */
        EVENT_OPENED_UNARMED /* its window is open and it is not armed: from == to; an incident, this once */
    } what;
    enum event_state from, to;
    enum event_verb verb; /* EVENT_OPENED_UNARMED: EVENT_START, which did not happen */
    char by[EVENT_BY_MAX + 1];
    const char *role; /* static: "commander"..., "clock" */
    char reason[EVENT_REASON_MAX + 1];
    int64_t at_us;
    int64_t late_us;     /* so much behind the window's start or end, when more than EVENT_LATE_US; else 0 */
    bool late_request;   /* as of the event */
    unsigned gates;      /* bits: that this step wanted and found to let through... */
    unsigned overridden; /* ...of these by override alone */
};

struct event_ask { /* borrowed */
    enum event_verb verb;
    enum role role;
    const char *by;     /* 1..EVENT_BY_MAX bytes */
    const char *reason; /* NULL or "": none */
    int64_t now_us;
    const struct gate *gates; /* the event's GATE_COUNT; may be NULL for a drill */

    /* Of `request` alone: */
    bool late;                   /* less than the plan's lead time ahead */
    struct event *const *others; /* the tenant's events, itself or not */
    size_t n_others;
    const struct scope_host *hosts; /* the tenant's */
    size_t n_hosts;
};

/* Takes the verb. On failure the event is as it was and *ret untouched. */
int event_do(struct event *event, const struct event_ask *ask, struct event_change *ret, struct err *err);

/* What the clock alone brings about, at most one change a call: call it until it says false (a start and an end that
 * were both missed come one after the other). `gates` as above. */
bool event_tick(struct event *event, const struct gate *gates, int64_t now_us, struct event_change *ret);

/* Whether this role may take the verb from the state the event is in, as far as the table goes; -EPERM: says who may,
 * or from where. event_do() asks it first. */
int event_may(const struct event *event, enum event_verb verb, enum role role, struct err *err);

/* The gates (bits) the verb wants from this state; 0: none, or there is no such step. */
unsigned event_wants_gates(const struct event *event, enum event_verb verb);

/* ---- checks of `request`, for who wants to know before ---- */

/* -ERANGE: the window has begun. */
int event_check_window(const struct event *event, int64_t now_us, struct err *err);

/* No two events of a tenant have windows that overlap, from requested on to closing; drills stand apart. -EEXIST: names
 * the other and its window. */
int event_check_overlap(const struct event *event, struct event *const *others, size_t n, struct err *err);
