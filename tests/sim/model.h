/* tests/sim/model.h - what must be true of a tenant's events, days and rounds at any moment, by what is on disk alone.
 *
 * Steps    each step of an event is one entry of its ledger, from where the one before led, and one that may be: the
 *          table of them is written down here once more. A start and an end by the clock lie in or behind the window
 * Days     no contract year and no pack is drawn by more than it has; an event has drawn its days from when it is
 *          accepted, a cancelled one has them back if its window had not begun
 * Rounds   of the preparation and of the window come in order, each once; the event's counters say the same
 */
#pragma once
#include <stdint.h>

struct model_counts {
    unsigned events, steps, starts, rounds, late, missed, draws;
};

void model_begin(uint64_t tenant);
/* The collector is up. */
void model_look(void);
/* What the collector knows of its events is what is on disk: nothing is on its way. */
void model_compare(void);
/* All windows are over, and what was due: each event that was live has all its rounds, and none is live. */
void model_end(void);
struct model_counts model_counts(void);
