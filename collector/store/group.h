/* collector/store/group.h - the writes that will be one transaction, gathered in memory.
 *
 * Shape    a list of operations in the order of their first call. A row, anchor or mark written twice is one operation
 *          with the later content: within one transaction only the last counts, and a group that waits out a disk
 *          fault grows with what there is, not with how often it changed
 * Owner    a group copies what it is given
 * Threads  one caller at a time: the loop while it gathers, the writer while it is in flight; but its callbacks are
 *          always the loop's: the writer looks at operations only
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/store/pack/op.h"
#include "collector/store/rows.h"
#include "collector/store/store.h"

struct group; /* opaque */

enum op_kind { OP_ROW, OP_BATCH, OP_TABLE, OP_ANCHOR, OP_MARK, OP_DROPPED, OP_STEP, OP_LEDGER, OP_PACK };

struct op_table { /* a series table that must be in the file from now on */
    struct table_hash hash;
    struct bytes bytes;
};

struct op_mark {
    char name[16];
    int64_t value;
};

struct op_ledger { /* an entry, and what tells it from all others: see chain.h */
    int64_t life;
    int64_t seq;
    bool accepts; /* all of the chain, whatever was vouched for */
    struct ledger_entry entry;
};

struct op {
    enum op_kind kind;
    enum row_kind row; /* OP_ROW */
    union {            /* borrowed from the group */
        const void *content;
        const struct store_batch *batch; /* its table_bytes are in an OP_TABLE before it */
        const struct op_table *table;
        const struct store_anchor *anchor;
        const struct op_mark *mark;
        const struct store_dropped *dropped;
        const struct store_clock_step *step;
        const struct op_ledger *ledger;
        struct pack_op *pack; /* held by the group */
    };
    struct op *next;
};

/* NULL: out of memory. */
struct group *group_new(void);
/* Always returns NULL; NULL is fine. Its callbacks must have been called. */
struct group *group_free(struct group *group);

/* All of these: -ENOMEM, and then the group is as it was. */
int group_put_row(struct group *group, enum row_kind kind, const void *row);
int group_put_anchor(struct group *group, const struct store_anchor *anchor);
int group_put_mark(struct group *group, const char *name, int64_t value);
int group_put_dropped(struct group *group, const struct store_dropped *dropped);
int group_put_clock_step(struct group *group, const struct store_clock_step *step);
int group_add_ledger(struct group *group, const struct op_ledger *ledger);
int group_add_batch(struct group *group, const struct store_batch *batch);
int group_add_pack(struct group *group, struct pack_op *pack); /* holds it until the group is cleared */
int group_then(struct group *group, void (*fn)(void *user, int rc), void *user);

/* Appends what `from` holds, callbacks too, which is then empty. On -ENOMEM `from` keeps everything. */
int group_absorb(struct group *group, struct group *from);

/* Takes the batches out, and what the packer wanted of rows it can look at again, and keeps the rest; the tables of
 * batches stay, others will name them. Returns how many ticks. */
uint64_t group_drop_batches(struct group *group);

/* Calls every callback with `rc`, in order, and forgets them. A callback may write to the store, not to this group. */
void group_settle(struct group *group, int rc);

/* Forgets the operations. */
void group_clear(struct group *group);

const struct op *group_first(const struct group *group);
size_t group_bytes(const struct group *group);
/* Whether it holds neither operations nor callbacks. */
bool group_is_empty(const struct group *group);
