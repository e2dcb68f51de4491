/* tests/sim/fate.h - what goes wrong, and when: by the seed.
 *
 * Shape    faults of agents, lines, the collector, its disk and the receiver begin at random and last for a while;
 *          several may be at work at once, but not two of a kind on one thing. All end by the time given
 * Record   each is kept with whom it concerned: what must happen by when depends on it
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/hosts.h"

struct fate_plan { /* borrowed */
    uint64_t seed;
    struct sim_host *hosts;
    size_t n_hosts;
    int64_t from_us, until_us;
    int64_t least_s, most_s;     /* between two faults */
    const char *const *channels; /* NULL ends them; NULL: all of them have the same fault */
    size_t n_channels;
};
void fate_begin(const struct fate_plan *plan);
/* The collector has died on its own. */
void fate_room_died(void);
/* When, at or after `at_us` (wall), nothing has been wrong with what a host's ticks and pages pass for `span_us`. */
int64_t fate_calm(const struct sim_host *host, int64_t at_us, int64_t span_us);
/* Likewise, and no receiver that was ill has asked to be left alone until later. */
int64_t fate_free(const struct sim_host *host, int64_t at_us, int64_t span_us);
/* Whether the collector's disk had a fault about then (wall). */
bool fate_disk_was_ill(int64_t at_us);
/* Likewise those who are paged. */
bool fate_receiver_was_ill(int64_t at_us);
/* Whether anything was wrong with anything between these. */
bool fate_was_at_work(int64_t from_us, int64_t to_us);
size_t fate_count(void);
void fate_end(void);
