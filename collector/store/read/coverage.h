/* collector/store/read/coverage.h - which time of a host has data, and why the rest has not. Pure.
 *
 * Shape    ticks come by time, whoever's; between two of them that lie too far apart there is a gap, and their numbers
 *          with what is known of missing ones say whose doing it is. A tick stands for the time until the next one
 *          should have come: its interval, judged by its neighbours of consecutive numbers (the agent samples each
 *          second in a window, each ten outside); what lies up to half an interval beyond is no gap yet
 * Units    microseconds of corrected time
 * Source   docs/control.md explains the causes to people
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec/message.h"

enum coverage_cause {
    COVERAGE_BEFORE_FIRST,  /* the host was not known to report yet */
    COVERAGE_AGENT_DOWN,    /* between two runs */
    COVERAGE_LINK_DOWN,     /* its ticks were read and have not come, nor were they given up */
    COVERAGE_AGENT_STALLED, /* nothing is missing, yet time passed: the host was suspended, or reading it hung */
    COVERAGE_CLOCK_STEP,    /* nothing is missing: its time was put right there */
    COVERAGE_NO_WORD,       /* the end of the data, up to the end of the window */
    COVERAGE_DECLARED       /* + enum drop_cause: the agent has said that they will never come, and why */
};
enum { COVERAGE_CAUSE_COUNT = COVERAGE_DECLARED + DROP_COUNT };

/* "agent-down"...: as shown. Declared ones as drop_cause_name() has them. */
const char *coverage_cause_name(enum coverage_cause cause);

#define COVERAGE_CALM_US INT64_C(10000000) /* the interval of a tick that has no neighbour to judge it by */

struct coverage_tick {
    int64_t at_us;
    int64_t run; /* any number that tells runs apart */
    uint64_t n;
};

struct coverage_numbers { /* of a run */
    int64_t run;
    uint64_t first;
    uint64_t last;
    enum drop_cause cause; /* of dropped ones */
};

struct coverage_step {
    int64_t run;
    int64_t at_us;
};

struct coverage_facts { /* borrowed; the first two by (run, first), overlapping nowhere, the steps by (run, at_us) */
    size_t n_stored, n_dropped, n_steps;
    const struct coverage_numbers *stored;
    const struct coverage_numbers *dropped;
    const struct coverage_step *steps;
};

struct coverage_gap {
    int64_t from_us;
    int64_t to_us;
    enum coverage_cause cause;
};

enum { COVERAGE_AHEAD = 4, COVERAGE_BEFORE = 3 };

struct coverage { /* coverage.c's own but for `missing_us` and `looked` */
    int64_t from_us;
    int64_t to_us;
    bool to_now;
    struct coverage_facts facts;
    void (*fn)(void *user, const struct coverage_gap *gap);
    void *user;
    int64_t missing_us; /* all gaps together */
    uint64_t looked;    /* how often the facts were looked up */
    struct coverage_gap gap;
    bool has_gap;
    struct coverage_end {
        struct coverage_tick tick;
        bool closed; /* its time is where its cover ends */
    } last;
    bool has_last;
    size_t n_ahead;
    struct coverage_tick ahead[COVERAGE_AHEAD];
    size_t n_before;
    int64_t before_us[COVERAGE_BEFORE];
};

/* [from, to) is judged; `to_now`: its end is the present, and what was read in the last moments is still on its way.
 * `fn` gets each gap, by time. */
void coverage_begin(struct coverage *coverage, int64_t from_us, int64_t to_us, bool to_now,
                    const struct coverage_facts *facts, void (*fn)(void *user, const struct coverage_gap *gap),
                    void *user);
/* Not falling in time. The ones next to the window are told too: they say what its edges belong to. */
void coverage_tick(struct coverage *coverage, const struct coverage_tick *tick);
/* Time of which it is only known that there were ticks, behind all so far: `first` and `last` are its edges. */
void coverage_span(struct coverage *coverage, const struct coverage_tick *first, const struct coverage_tick *last);
void coverage_end(struct coverage *coverage);
