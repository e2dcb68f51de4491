/* collector/store/pack/ticks.h - ticks gathered column by column, to become a block.
 *
 * Shape    room for so many ticks of so many columns, filled from batches or from other blocks, in any order. A column
 *          is fixed-point until the first doubles come; then what it holds becomes doubles, as batch_value() reads it
 * Owner    everything lies in the arena
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "collector/store/block/block.h"
#include "proto/codec/message.h"

struct pack_tick { /* what it is */
    const struct run_id *run;
    uint64_t number;
};

struct pack_ticks {
    struct arena *arena;
    const struct series_table *table; /* borrowed: the exponents */
    uint32_t room;
    uint32_t n;
    int64_t *at_us;
    struct pack_tick *ticks;
    bool *fresh;    /* not yet in any rollup */
    bool *real;     /* a column each */
    int64_t *cells; /* room of each column, one column after the other; doubles where it is real */
};

/* -ENOMEM. */
int pack_ticks_init(struct pack_ticks *ticks, struct arena *arena, const struct series_table *table, uint32_t room);

/* Puts `n` values from `from` into `column` at places at[0..n), or from place `first` on when `at` is NULL. The places
 * nobody fills hold 0. */
void pack_ticks_fill(struct pack_ticks *ticks, uint32_t column, const struct column *from, uint32_t n, uint32_t first,
                     const uint32_t *at);

/* One tick of each column, from place `tick` of each of `from`, which are as many as the table has, into place `at`. */
void pack_ticks_fill_one(struct pack_ticks *ticks, const struct column *from, uint32_t tick, uint32_t at);

/* Ticks first..first+n-1 as a block, which borrows from `ticks`. -ENOMEM. */
int pack_ticks_block(const struct pack_ticks *ticks, uint32_t first, uint32_t n, struct block *ret);

/* The value in the unit of its series, NaN where there is none. */
double pack_ticks_value(const struct pack_ticks *ticks, uint32_t column, uint32_t tick);
