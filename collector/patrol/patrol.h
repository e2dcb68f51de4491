/* collector/patrol/patrol.h - a round: the checklist run over what there was to see. Pure: the sight is handed in.
 *
 * Shape    a check is a row of a table with its function; it tells findings, or that there is nothing, of how many
 *          things it looked at; what it had nothing to look at by is said as not checked, never as well
 * Severity critical pages people, a warning opens an incident without a page, info is on record only. What an alert
 * tells
 *          already is a warning here at most: nobody is paged twice for it
 * Cost     values of series are taken one by one and kept only as far as the checks need them: the nearest to each
 *          limit, the worst probes, and points of filesystems; hosts once each. Findings are PATROL_FINDINGS_A_CHECK a
 *          check, the worst ones; the others are counted
 * Units    microseconds of wall time; shares 0..1; values in the unit of their metric
 * Owner    who fills the sight; patrol_sight_done() frees what it says is its own
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/patrol/schedule.h"
#include "collector/watch/watch.h"

enum patrol_check {
    PATROL_HOSTS,
    PATROL_COVERAGE,
    PATROL_HEADROOM,
    PATROL_DISK,
    PATROL_CERTIFICATES,
    PATROL_CLOCKS,
    PATROL_SERVICES,
    PATROL_AGENTS,
    PATROL_PAGING,
    PATROL_SPOOL,
    PATROL_CONFIGURATION,
    PATROL_NOTICES,
    PATROL_CHECK_COUNT
};

enum {
    PATROL_FINDINGS_A_CHECK = 8,
    PATROL_NEAREST = 5,
    PATROL_POINTS = 8,
    PATROL_DISKS_MAX = 32768,
    PATROL_NAMES_MAX = 8,
    PATROL_NUMBERS_MAX = 4,
    PATROL_SUBJECT_MAX = 159,
    PATROL_TEXT_MAX = 255,
    PATROL_CONTACTS_MAX = 288 /* people, and machines */
};

/* ---- what there was to see ---- */

enum patrol_presence { PATROL_NEVER, PATROL_REPORTING, PATROL_SILENT };

struct patrol_host {
    uint64_t id;
    const char *name; /* borrowed, as all texts here */
    enum patrol_presence presence;
    unsigned in_force;    /* rules': watch_strictest() */
    const double *limits; /* LIMIT_COUNT declared ones */
    size_t n_tunings;
    struct tuning *tunings; /* owned: which rules are other on it */
    int64_t last_tick_us;
    int64_t interval_us; /* confirmed by its agent; 0: not yet */
    int64_t wanted_us;   /* by the policy; 0: it is being told */
    const char *version; /* of its agent; "": not known */
    bool cloned;
    bool too_many_alerts;
    bool has_session;   /* of which the next two are */
    int64_t ahead_us;   /* its wall clock, of ours */
    uint64_t backlog;   /* ticks it has read and that are not stored */
    bool stepped;       /* its clock, since the last round */
    double covered;     /* share of the time since the last round; NaN: not judged */
    int64_t longest_us; /* gap */
    const char *cause;  /* of that; NULL: there is none */
    int64_t dropped_us; /* gaps its agent has said will stay */
};

struct patrol_limit { /* of a critical rule that holds values against a threshold, and the series nearest to it */
    struct rule rule;
    unsigned n;    /* series it was held against... */
    unsigned past; /* ...and of these the ones past it */
    const struct patrol_host *host;
    char instance[INSTANCE_MAX + 1];
    double value, threshold;
    double share; /* of the threshold, that is left; below 0: past it */
};

struct patrol_target { /* of a probe */
    const struct patrol_host *host;
    char name[INSTANCE_MAX + 1];
    double value;
};

struct patrol_contact {
    char name[64];
    int64_t at_us; /* of the last attempt at a page to it; 0: none since the start */
    bool delivered;
    char error[160];
};

struct patrol_paging {
    size_t n_contacts; /* for the event's incidents */
    struct patrol_contact contacts[PATROL_CONTACTS_MAX];
    unsigned queued;   /* pages neither delivered nor given up */
    int64_t oldest_us; /* when the oldest of them was made; 0: there is none */
    uint64_t failed;   /* given up since the last round */
};

struct patrol_setup { /* numbers that change with what they stand for */
    int64_t rules, config, event, hosts;
};

struct patrol_names { /* of hosts; `n` may exceed what is kept */
    size_t n;
    const char *at[PATROL_NAMES_MAX];
};

struct patrol_disks;                         /* points of filesystems, from round to round; opaque */
struct patrol_disks *patrol_disks_new(void); /* NULL: out of memory */
struct patrol_disks *patrol_disks_free(struct patrol_disks *disks);

struct patrol_sight { /* zeroed memory has seen nothing */
    enum patrol_phase phase;
    int64_t now_us;
    int64_t since_us; /* the last round, or the time of one before the first */
    int64_t end_us;   /* of the window */
    size_t n_hosts;
    struct patrol_host *hosts; /* owned */
    size_t n_limits;
    struct patrol_limit *limits;                         /* owned */
    char no_values[ERR_TEXT_MAX];                        /* why series could not be read; "": they were */
    char no_coverage[ERR_TEXT_MAX];                      /* likewise */
    uint64_t n_values, n_stale;                          /* of series; stale: too old to say how it is now */
    struct patrol_disks *disks;                          /* borrowed */
    size_t n_targets;                                    /* with a loss */
    struct patrol_target lossy[PATROL_FINDINGS_A_CHECK]; /* those that lost most, the worst first */
    size_t n_lossy;                                      /* all that lost something */
    struct patrol_target slowest;                        /* host NULL: no latency was seen */
    int64_t skew_us;                                     /* a clock that is further off is told */
    int64_t own_step_us;                                 /* the collector's own clock, since the last round */
    struct patrol_paging paging;
    bool has_before;
    struct patrol_setup before, setup;
    bool has_names; /* it is known which hosts came and went */
    struct patrol_names joined, left;
    size_t n_unanswered;                      /* changes planned by others that fall into the window */
    char unanswered[PATROL_TEXT_MAX / 2 + 1]; /* their numbers and titles, cut to fit */
};

/* Makes room for `n_hosts`, zeroed. -ENOMEM. */
int patrol_sight_make(struct patrol_sight *sight, size_t n_hosts);
/* Once the hosts are there: takes the limits of those rules (copied) that are critical, for all or on one of them.
 * -ENOMEM. */
int patrol_sight_limits(struct patrol_sight *sight, const struct rule *rules, size_t n_rules);
void patrol_sight_done(struct patrol_sight *sight);

/* NULL: there is none of this id. The hosts are by id, rising. */
struct patrol_host *patrol_sight_host(const struct patrol_sight *sight, uint64_t id);

struct patrol_value { /* the last of a series */
    const struct patrol_host *host;
    const char *metric, *instance;
    int64_t at_us;
    double value;
};
/* Takes a value in. -ENOMEM: a filesystem's point is lost. */
int patrol_see(struct patrol_sight *sight, const struct patrol_value *value);

/* The limits some series are nearest to, the nearest first, PATROL_NEAREST at most. Returns how many. */
size_t patrol_nearest(const struct patrol_sight *sight, const struct patrol_limit *ret[PATROL_NEAREST]);

/* ---- what was found ---- */

struct patrol_number {
    const char *name; /* constant */
    double value;
};

struct patrol_finding {
    enum patrol_check check;
    enum severity severity;
    char subject[PATROL_SUBJECT_MAX + 1]; /* a host, a series... */
    char text[PATROL_TEXT_MAX + 1];
    size_t n_numbers;
    struct patrol_number numbers[PATROL_NUMBERS_MAX]; /* evidence */
};

struct patrol_result { /* of one check */
    bool checked;
    size_t looked;                  /* at so many things */
    size_t found;                   /* findings; more than are kept, maybe */
    enum severity worst;            /* of these */
    char note[PATROL_TEXT_MAX + 1]; /* what was looked at, or why nothing was */
    size_t kept;
    struct patrol_finding findings[PATROL_FINDINGS_A_CHECK]; /* the worst first */
};

struct patrol_report {
    struct patrol_result results[PATROL_CHECK_COUNT];
};

void patrol_run(const struct patrol_sight *sight, struct patrol_report *ret);

/* "web-1: silent: its last tick is 42s old", cut to fit; whole characters alone. Returns `text`. */
char *patrol_finding_line(char *text, size_t size, const struct patrol_finding *finding);

/* "hosts", "coverage"...: as stored and shown. */
const char *patrol_check_name(enum patrol_check check);
