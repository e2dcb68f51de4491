/* collector/store/block/fit.h - finding for each column of a block how it is told in the fewest bytes.
 *
 * Shape    tries are made on a sample of the ticks, the few that promise most are then weighed in full
 * Limit    what reading one column may cost: it may lean on others only as far as the steps of all of them together
 *          stay under `steps_max` a tick
 */
#pragma once
#include "collector/store/block/coded.h"

enum {
    FIT_SAMPLES_MAX = 640,
    FIT_PART_BITS = 20, /* what a part takes in the head, about */
    FIT_PRICE_SHIFT = 16
};

struct fit_column {
    struct coded_head head;
    uint64_t *numbers;   /* n_ticks, until spread */
    int64_t *changes;    /* of the sampled ticks */
    int64_t *ahead;      /* of those after them */
    uint8_t *lengths;    /* of those, capped at SIGNAL_MAX */
    uint64_t loose_bits; /* about what the sample costs by itself */
    uint32_t steps;      /* of this column alone, a tick, in 1/16 */
    uint32_t n_needs;
    uint32_t needs[CODED_NEEDS_MAX]; /* columns, itself last */
};

struct fit {
    const struct block *block;
    struct fit_column *columns;
    uint32_t n_ticks;
    uint32_t n_samples;
    uint32_t steps_max;  /* in 1/16 */
    uint32_t step_price; /* in bits a tick, of 1/16 step, times 2^FIT_PRICE_SHIFT */
    struct model *model;
    uint64_t *rest[2];  /* n_ticks each */
    uint8_t *signal;    /* n_ticks */
    int64_t *left;      /* n_samples: changes not yet explained */
    int64_t *candidate; /* likewise */
    struct room *sorted;
};

/* Bytes of memory fit_begin() wants for a block; 0: it is too large to be fitted. */
size_t fit_bytes(const struct block *block);
void fit_begin(struct fit *fit, const struct block *block, void *memory, struct room *sorted);
/* In the order of the columns: finds `column`'s head but for its place. When it is told by the model, *ret_rest is what
 * the model tells, *ret_signal by what; else NULL. */
void fit_column(struct fit *fit, uint32_t column, const uint64_t **ret_rest, const uint8_t **ret_signal);
