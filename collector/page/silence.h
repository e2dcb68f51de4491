/* collector/page/silence.h - maintenance silences: alerts that are expected open no incidents for a while.
 *
 * Pure.
 *
 * Shape    a silence has an owner, a reason and an end. While it lasts alerts of its hosts and rules are judged as
 *          ever; those that fire join an incident that is open, but open none and trigger none again. What still fires
 *          when it is over is raised then, with its true crossing; the budget runs from there
 * Silent   a host that sends nothing has an alert of its own, which only a silence that names it means: "*" does not
 * Limits   SILENCE_MAX_US long; a week of it is a decision, longer is forgetting
 * Units    microseconds of wall time
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "collector/event/scope.h"
#include "collector/watch/watch.h"

#define SILENCE_MAX_US (INT64_C(7 * 86400) * US_PER_S)
enum { SILENCE_REASON_MAX = 255, SILENCE_OWNER_MAX = 63 };

struct silence { /* row */
    uint64_t id; /* unique in the collector, from 1 */
    uint64_t tenant;
    char hosts[SCOPE_HOSTS_MAX + 1];
    char rule[RULE_NAME_MAX + 1]; /* glob */
    char reason[SILENCE_REASON_MAX + 1];
    char owner[SILENCE_OWNER_MAX + 1];
    bool commander;  /* its owner was one when it was added: it stands within a window */
    int64_t from_us; /* [from, to) */
    int64_t to_us;
    int64_t ended_us; /* 0: not yet */
};

struct silence_wish { /* texts borrowed */
    const char *hosts;
    const char *rule; /* NULL: "*" */
    const char *reason;
    const char *owner;
    int64_t from_us, to_us;
};

/* Checks all of it; id, tenant and commander are the caller's to set. -EINVAL: the text says which and what would be
 * right. */
int silence_init(struct silence *ret, const struct silence_wish *wish, struct err *err);

/* Whether it mutes this rule of this host; whether it is in force is the caller's to know. */
bool silence_means(const struct silence *silence, const char *host_name, const char *rule);
