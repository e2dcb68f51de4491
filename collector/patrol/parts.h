/* collector/patrol/parts.h - what the files of this folder share; nobody else includes it. */
#pragma once
#include "collector/patrol/patrol.h"

typedef void check_fn(const struct patrol_sight *sight, struct patrol_result *ret);

/* checks.c: what hosts and agents say of themselves. check_values.c: what their series say. check_room.c: the war
 * room's own means. */
check_fn check_hosts, check_coverage, check_clocks, check_agents, check_spool;
check_fn check_headroom, check_disk, check_services;
check_fn check_certificates, check_paging, check_configuration, check_notices;

/* Adds a finding, if it is among the worst; to be filled by finding_text() and finding_number(). NULL: it was only
 * counted. `subject` is copied. */
struct patrol_finding *finding_add(struct patrol_result *result, enum severity severity, const char *subject);
void finding_text(struct patrol_finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));
void finding_number(struct patrol_finding *finding, const char *name, double value);

/* The check was made, over `looked` things. */
void result_checked(struct patrol_result *result, size_t looked, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void result_not_checked(struct patrol_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline enum severity in_window(const struct patrol_sight *sight, enum severity severity)
{
    return sight->phase == PATROL_PREPARING && severity > SEVERITY_WARNING ? SEVERITY_WARNING : severity;
}

/* ---- disks.c ---- */

struct patrol_line { /* a straight line through a filesystem's points */
    const struct patrol_host *host;
    const char *mountpoint;
    unsigned n;
    int64_t span_us;
    double used;     /* at the last point */
    double per_hour; /* share of it that is filled up an hour */
    int64_t full_us; /* when it is full; 0: it does not fill up */
};

/* Calls `fn` with each filesystem seen in this round that has points enough. Returns how many have not. */
size_t disks_each(const struct patrol_sight *sight, void (*fn)(void *user, const struct patrol_line *line), void *user);
int disks_see(struct patrol_sight *sight, const struct patrol_value *value);
