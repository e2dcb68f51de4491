/* collector/rounds.h - patrol rounds as the collector makes them; for rounds.c, rounds_sight.c and rounds_form.c alone.
 *
 * Shape    what is on record of an event's rounds stands in its row; what helps from one round to the next, and may be
 *          lost with the process, in a struct patrolled. A round in the making is a sweep: it reads from the store by
 *          parts, and comes to record when all have come, or after SWEEP_WITHIN_US with what had come by then
 */
#pragma once
#include "collector/parts.h"
#include "collector/patrol/patrol.h"
#include "collector/store/ask.h"

enum { SWEEPS_MAX = 8, SWEEP_HOSTS = 512 /* asked of the store at a time */, MISSED_A_TICK = 256 };
#define SWEEP_WITHIN_US (120 * US_PER_S) /* monotonic */

struct patrolled { /* of an event */
    uint64_t event;
    struct patrol_disks *disks;
    bool has_hosts;
    size_t n_hosts;
    uint64_t *hosts;      /* in scope at the last round, by id */
    uint64_t failed;      /* pages given up since the last round */
    int64_t made_mono_us; /* when the last round was made; 0: none since the start */
    struct sweep *sweep;  /* NULL: none is being made */
    unsigned lost;        /* sweeps given up that the store still has in hand */
    UT_hash_handle hh;
};

struct rounds {
    struct patrolled *events;
    size_t n_sweeps;
    size_t n_contacts;
    struct patrol_contact contacts[PATROL_CONTACTS_MAX]; /* how their last pages fared */
};

struct sweep {
    struct collector *collector;
    struct patrolled *of;
    bool given_up; /* it is on record; whatever the store still says is not heard */
    bool covering; /* the second part: coverage */
    struct patrol_round round;
    struct patrol_sight sight;
    uint64_t tenant;
    uint64_t *ids; /* of the sight's hosts */
    size_t next;   /* the first of them that was not answered for */
    int64_t began_us, began_mono_us;
};

/* rounds_sight.c: all that is known without reading; -ENOMEM. */
int sight_begin(struct sweep *sweep, const struct event *event);
/* Behind the reads: what is of the moment. */
void sight_end(struct sweep *sweep, const struct event *event);
void sight_value(struct sweep *sweep, uint64_t host, const struct store_last *last);
void sight_coverage(struct sweep *sweep, const struct store_host_coverage *row, int64_t width_us);

/* rounds_form.c: bodies of ledger entries; new references, NULL when out of memory. */
json_t *form_round(const struct sweep *sweep, const struct patrol_report *report);
json_t *form_missed(const struct patrol_round *round, int64_t at_us, const char *cause);
