/* collector/event/plan.h - support plans as data: what a customer is promised, by the day from which it holds.
 *
 * Shape    YAML to struct plan (share/plans/, docs/entitlement.md); a plan has versions, each good from a day on until
 *          the next one is. A contract year has the version that is good on its first day, to its end
 * Errors   every fault of a file with its line
 * Threads  reads a file, otherwise pure
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"

enum { PLAN_NAME_MAX = 31, PLAN_TITLE_MAX = 63, PLAN_VERSIONS_MAX = 16, PLANS_MAX = 32, PLAN_DAYS_MAX = 366 };

#define PLAN_NONE "none" /* a name that no plan has: to set it is to cancel */

/* What days are granted for and drawn by. */
enum grant { GRANT_ASSURANCE, GRANT_ADVICE, GRANT_COUNT };

/* Severities of a case, the gravest first. */
enum plan_class {
    CLASS_CORE_DOWN,           /* production of the core business down */
    CLASS_PRODUCTION_DOWN,     /* production down */
    CLASS_PRODUCTION_ABNORMAL, /* production impaired */
    CLASS_SYSTEM_ABNORMAL,     /* another system impaired */
    CLASS_GUIDANCE,            /* a question */
    CLASS_COUNT
};

enum plan_channel {
    CHANNEL_TICKETS, /* around the clock, as the next three */
    CHANNEL_HOTLINE,
    CHANNEL_LINE, /* a line of one's own */
    CHANNEL_IM_GROUP,
    CHANNEL_SERVICE_MANAGER, /* by name, on working days */
    CHANNEL_COUNT
};

struct plan_response { /* to a case of a class; both 0: the plan does not know that class */
    int64_t within_us;
    int working_days; /* taken up within as many */
};

struct plan_version {
    int64_t from;          /* day: calendar.h */
    int days[GRANT_COUNT]; /* a contract year */
    int lead[GRANT_COUNT]; /* working days ahead: holidays.h. Assurance: advised; advice: required */
    struct plan_response response[CLASS_COUNT];
    unsigned channels; /* bit: enum plan_channel */
    int report_day;    /* of the next month, the monthly report's; 0: none */
    bool care;         /* regular reviews, notices of what is coming */
};

struct plan {
    char name[PLAN_NAME_MAX + 1]; /* "business": the file's name without .yaml */
    char title[PLAN_TITLE_MAX + 1];
    int rank;   /* of two plans the higher is the greater one */
    bool drill; /* not for customers: events that are exercises have no lead, no quota, no gates */
    size_t n_versions;
    struct plan_version versions[PLAN_VERSIONS_MAX]; /* by `from`, ascending */
};

struct plans { /* borrowed from whoever read them */
    size_t n;
    const struct plan *at;
};

/* -EINVAL: `faults` says why, *ret is untouched. */
int plan_read(const char *path, struct plan *ret, struct config_faults *faults);
int plan_parse(const char *name, const char *text, size_t len, struct plan *ret, struct config_faults *faults);

/* NULL: there is none of that name. */
const struct plan *plans_find(const struct plans *plans, const char *name);

/* The version that is good on `day`. NULL: the first one comes later. */
const struct plan_version *plan_on(const struct plan *plan, int64_t day);

/* "assurance", "core-down", "tickets"...: as in the file. */
const char *grant_name(enum grant grant);
const char *plan_class_name(enum plan_class class);
const char *plan_channel_name(enum plan_channel channel);
