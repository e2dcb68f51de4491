/* warroom/carry/bundle.h - ticks of a file gathered into batches as the collector takes them.
 *
 * Shape    ticks are added until the bundle is full; what fits of them goes out as one batch, the rest stays
 * Values   a column is fixed-point where all of it is exact in the series' resolution, else doubles
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/codec/message.h"
#include "warroom/carry/source.h"

struct bundle; /* opaque */

/* Copies what it needs of the series. -EMSGSIZE: their names are too long together. */
int bundle_new(struct bundle **ret_bundle, const struct series *series, uint32_t n, struct err *err);
/* Always returns NULL; NULL is fine. */
struct bundle *bundle_free(struct bundle *bundle);

/* The encoded table of its series. Borrowed. */
struct bytes bundle_table(const struct bundle *bundle);

enum bundle_answer { BUNDLE_FULL = 1 };
/* Copies the tick. BUNDLE_FULL: it did not; take a batch first. */
int bundle_add(struct bundle *bundle, const struct tick *tick);
bool bundle_is_empty(const struct bundle *bundle);

/* As many of the oldest ticks as one batch can hold, numbered from `first` on; they leave the bundle. `anchor_us` is
 * the time from which the run counts. *ret_batch is borrowed until the next call. */
int bundle_take(struct bundle *bundle, const struct run_id *run, uint64_t first, int64_t anchor_us,
                struct bytes *ret_batch, uint32_t *ret_n, struct err *err);
