/* tests/sim/verdict.h - at the end of a run: has everybody been told what they had to be told, in time, and nothing
 * else?
 *
 * Spells   each spell of high CPU that was long enough and whole has one incident, crossed when it began, and one taken
 *          page by its time: hold and a little when all was well, or so long after the last fault that stood in its
 *          way. Outside an event one that came to light too late is on record without a page
 * Others   each alert of an incident belongs to a spell or is a silence (check.h looked at those as they were told);
 *          each incident of the collector's own to a downtime of it, or to a fault of its disk
 */
#pragma once
#include <stddef.h>

#include "tests/sim/hosts.h"

struct verdict {
    size_t spells, judged; /* planned and over; of those, whole and long enough */
    size_t incidents;
    double worst_s; /* from crossing to page of those nothing stood in the way of */
};
struct verdict verdict_of(struct sim_host *hosts, size_t n_hosts, uint64_t calm_tenant);
