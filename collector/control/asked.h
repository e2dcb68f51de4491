/* collector/control/asked.h - which rules are meant, and as they are where: of a host, of an event's window, of a file
 * that was given.
 *
 * Owner    asked_done() frees what is its own; the collector's rows are borrowed for the call in hand
 */
#pragma once
#include "collector/control/call.h"

#define IN_WINDOW (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))

struct asked_rules {                /* zeroed memory asks for nothing */
    const struct host *host;        /* NULL: every host */
    const struct event *event;      /* NULL: none */
    struct collector_rules rules;   /* the collector's own, or those given */
    unsigned in_force;              /* states; 0: all */
    double limits[LIMIT_COUNT];     /* of the host: the event's before its own */
    struct collector_overlays over; /* likewise */
    struct rule *given;             /* owned: rules of the request; NULL: it has none */
    struct overlays *given_overlays;
};

/* Reads `host`, `event`, `document`, those of them that the verb takes. `in_force` is of the event's window, else of
 * what holds for the host now, else 0. -EINVAL: also of a host that is not in the event's scope. */
int asked_rules(const struct call *call, struct asked_rules *ret, struct err *err);

/* Then, once `in_force` is what it is to be: what lies over the rules of the host; of events in a window alone. */
int asked_overlays(const struct call *call, struct asked_rules *asked, struct err *err);

/* A rule as it is on the host. False: it is as for all. */
bool asked_tuning(const struct asked_rules *asked, const struct rule *rule, struct tuning *ret,
                  char from[OVERLAY_FROM_TEXT]);

void asked_done(struct asked_rules *asked);
