/* agent/spool/join.h - ticks of several batches laid end to end as one.
 *
 * Shape    everything that reshapes encoded ticks decodes, joins and encodes again: the memory queue when it merges and
 *          cuts, the spool when it makes full messages of single ticks
 * Owner    what *ret points to lives in the arena, or is the parts' own
 * Threads  pure functions
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

/* Takes the ticks first..first + n_ticks - 1 out of `parts`: `n` batches of one run and table with consecutive ticks,
 * the first of which holds `first` and the last the last tick. -ENOMEM. */
int batch_join(const struct batch *parts, uint32_t n, const struct series_table *series, uint64_t first,
               uint32_t n_ticks, struct arena *arena, struct batch *ret, struct err *err);
