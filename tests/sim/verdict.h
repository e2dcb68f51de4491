/* tests/sim/verdict.h - at the end of a run: has everybody been told what they had to be told, in time, and nothing
 * else?
 *
 * Spells   each spell that was long enough and whole has a clock of an incident on record, crossed when it began, or
 *          joined one that was open, and a taken page by its time: hold and a little when all was well, or so long
 *          after the last fault that stood in its way. Outside an event one that came to light too late is on record
 *          without a page; one that comes and goes is told when it stays
 * Clocks   each that is on record was told to a person within its ten minutes, or its breach is on record with the
 *          cause; and no breach is on record of one that was told and answered in time
 * Others   each alert of an incident belongs to a spell or is a silence (check.h looked at those as they were told);
 *          each incident of the collector's own to a downtime of it, or to a fault of its disk; what recovered had
 *          recovered
 */
#pragma once
#include <stddef.h>

#include "tests/sim/hosts.h"

struct trial {
    struct sim_host *hosts;
    size_t n_hosts;
    /* How long its rule wants a spell to last; below 0: it is not judged. */
    int64_t (*hold_us)(const struct sim_host *host, enum ill ill, const struct spell *spell);
    int64_t prompt_us; /* how long a page may take when nothing is wrong */
};

struct verdict {
    size_t spells, judged; /* planned and over; of those, whole and long enough */
    size_t clocks, told;   /* on record, with a page to be made; told within ten minutes... */
    size_t breaches;       /* ...or so on record */
    double worst_s;        /* from crossing to page of those nothing stood in the way of */
};
struct verdict verdict_of(const struct trial *trial);
/* Of what may be said of a clock at any moment, now. */
void verdict_look(const struct trial *trial);
