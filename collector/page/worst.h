/* collector/page/worst.h - how long it takes, at worst, from the first bad sample to somebody who has answered.
 *
 * Pure.
 *
 * Shape    a sum of stages, each at its bound while one thing at a time is wrong: answers of the uplink lost until the
 *          agent dials anew, a disk that hangs until its fault is declared, the way a contact likes best down until the
 *          next one is taken. What each bound comes from stands beside its number
 * Beyond   two such troubles at once, a host that is cut off (that is silence, an alert of its own), and people: an
 *          answer is counted as WORST_ANSWER_US behind the page
 * Units    microseconds
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define WORST_LINK_US     (60 * US_PER_S) /* three answers of 10 s missed, then the longest back-off of 30 s */
#define WORST_STORE_US    (5 * US_PER_S)  /* a disk that hangs is a declared fault then: pages go out unrecorded */
#define WORST_TRY_US      (10 * US_PER_S) /* an attempt that hangs, over HTTP */
#define WORST_TRY_MAIL_US (30 * US_PER_S) /* likewise to a relay: 10 s until it lets us mail, 20 s to take one */
#define WORST_ANSWER_US   (60 * US_PER_S) /* for somebody to read, and to acknowledge */

enum worst_stage {
    WORST_HOLD,   /* of the rule, or its span */
    WORST_SAMPLE, /* the one that completes it */
    WORST_LINK,
    WORST_STORE,
    WORST_STEP,  /* of the escalation */
    WORST_QUEUE, /* for its turn at the channel's rate */
    WORST_CHANNEL,
    WORST_ANSWER,
    WORST_STAGE_COUNT
};

struct worst_path { /* of one rule to one contact */
    int64_t hold_us;
    int64_t interval_us; /* of the hosts' ticks */
    int64_t after_us;    /* of the step that tells the contact */
    unsigned
        ahead; /* messages that may go first at the slower of its ways' channels: what is due is coalesced by address */
    unsigned per_minute; /* that channel's; 0: no limit */
    unsigned n_ways;     /* 1 or more */
    int64_t try_us;      /* that an attempt takes which hangs, by the way it likes best... */
    int64_t next_try_us; /* ...and by the slowest of the others */
};

struct worst {
    int64_t stages[WORST_STAGE_COUNT];
    int64_t total_us;
};

struct worst worst_of(const struct worst_path *path);
const char *worst_stage_name(enum worst_stage stage);
