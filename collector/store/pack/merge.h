/* collector/store/pack/merge.h - blocks of a host's day to new blocks: what rewrite.c chooses, merge.c does.
 *
 * Owner    everything lies in the unit's arena
 * Threads  the packer's
 */
#pragma once
#include "collector/store/pack/turn.h"

struct part { /* a row of block */
    int64_t id;
    int64_t first_us, last_us;
    uint32_t n;
    int level;
    bool coarse;
    bool due; /* what it is all about; others only join them */
    bool chosen;
    size_t len;
    /* Once read: */
    const void *bytes; /* NULL: not yet */
    const int64_t *at_us;
    const struct block_part *parts;
    struct block_view view;
    uint32_t *places; /* of its ticks among those merged */
};

struct merge {
    struct pack_turn *turn;
    struct pack_op *op;
    const struct pack_due *of;
    const struct series_table *table;
    struct part *parts; /* all of the day, by first tick */
    uint32_t n_parts;
    uint32_t most;             /* ticks that are merged at a time */
    uint32_t ticks;            /* chosen */
    int64_t first_us, last_us; /* of those */
    bool for_good;
    bool coarse;
};

void pack_choose(struct merge *merge, struct part *part);

/* Opens what is chosen, what is due by then, and sees of what kind the sealed ticks are; unreadable parts, and those of
 * the other kind, are chosen no longer. */
int pack_merge_open(struct merge *merge);
/* Opens what was chosen since. */
int pack_merge_open_joined(struct merge *merge);
/* Makes one of them. */
int pack_merge(struct merge *merge);
/* Rows whose table cannot be read can only wait for their end. */
int pack_merge_settle(struct merge *merge);
