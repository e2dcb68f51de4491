/* tests/sim/files.h - the tenants' files as they lie on disk, past the collector and past all faults.
 *
 * Shape    files_have() keeps a connection a tenant; files_close() lets go of them, before the collector's own files
 *          are closed: its end must find nobody there
 * Audit    reads everything: each tick once, with the values and the time it was taken with; intervals in order and
 *          neither overlapping nor touching; just what the intervals say; all that was ever acked; in the rollups once
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/hosts.h"

/* Whether one interval of the run holds all of first..last. */
bool files_have(uint64_t tenant, uint64_t host, const struct run_id *run, uint64_t first, uint64_t last);
void files_close(void);
/* The one that is kept. NULL: there is no such file. */
sqlite3 *files_kept(uint64_t tenant);

struct files_counts {
    uint64_t ticks;    /* stored... */
    uint64_t packed;   /* ...of those, in blocks... */
    uint64_t minuted;  /* ...and in minutes */
    uint64_t declared; /* dropped, and not stored after all */
    int64_t worst_us;  /* that a stored time is off the true one */
};
/* What was taken before `all_before_us` (wall; 0: nothing) must be there too, acked or not, or be declared dropped, if
 * nothing can have lost it. */
struct files_counts files_audit(struct sim_host *hosts, size_t n_hosts, int64_t all_before_us);

struct files_incident {
    uint64_t id, tenant, event;
    char group[64];
    char title[64]; /* its beginning */
    unsigned clock;
    bool late;
    int64_t crossed_us, detected_us, resolved_us;
};
struct files_alert { /* of an incident */
    uint64_t incident, host;
    char rule[64];
    int64_t crossed_us;
};
void files_each_incident(uint64_t tenant, void (*fn)(void *user, const struct files_incident *row), void *user);
void files_each_alert(uint64_t tenant, void (*fn)(void *user, const struct files_alert *row), void *user);
