/* collector/store/pack/op.h - what the packer found to do, as changes to rows: worked out off the loop, made by the
 * writer, within a group.
 *
 * Shape    a list of changes that are made together or not at all. The rows they name are the packer's alone, so what
 *          it saw still holds when the writer comes to it; where it does not, none is made and `refused` says so
 * Cost     an estimate of the writer's time, so that a packer can stop before an op keeps ticks waiting for long
 * Owner    counted: the packer holds one until it is told, a group one as long as it may still write it
 * Threads  built by the packer's thread, kept and released on the loop, applied by the writer: one after the other
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "proto/codec/message.h"

enum pack_table {
    PACK_BATCH,
    PACK_BLOCK,
    PACK_MINUTE,
    PACK_SKETCH,
    PACK_INTERVAL,
    PACK_RUN,
    PACK_DROPPED,
    PACK_CLOCK_STEP,
    PACK_TABLE_COUNT
};

enum pack_verb {
    PACK_HOST,   /* a host gets its number: `id`, `host` */
    PACK_INSERT, /* `row` into block, minute or sketch */
    PACK_DELETE, /* a row of block, minute or sketch, that is there; those of batch are `sealed` */
    PACK_SETTLE, /* an unreadable row of block, minute or sketch: nobody works on it any more */
    PACK_ASIDE,  /* an unreadable row of batch, likewise */
    PACK_AWAIT,  /* the same, if its series table is still missing: it comes back with that */
    PACK_EXPIRE, /* a row of the other tables, unless it was in use since `before_us` */
    PACK_SHRINK  /* `id` free pages go back to the system */
};

struct pack_row {
    int64_t id;
    int64_t first_us, last_us;
    uint32_t n;  /* ticks or minutes; 0 for sketches */
    int level;   /* of a block; of the others whether it is whole */
    bool coarse; /* of a block */
    int64_t series_table;
    struct bytes bytes;
};

struct pack_change {
    enum pack_verb verb;
    enum pack_table table;
    int64_t id;
    union {
        uint64_t host;
        int64_t before_us;
        const struct pack_row *row;
    };
    struct pack_change *next;
};

enum {
    PACK_OP_NS = 7000000, /* of the writer's time, about: past it a packer begins another op */
    PACK_SHRINK_PAGES = 128
};

struct pack_op {
    int holders;
    struct arena arena;
    struct pack_change *first;
    struct pack_change **end;
    int64_t *sealed; /* rows of the inbox that go: found in any order, made in that of the file, neighbours at once */
    size_t n_sealed, sealed_room;
    size_t n_ordered;  /* of them, those in order already */
    int64_t cost_ns;   /* of the list */
    size_t bytes;      /* it holds */
    bool expires;      /* rows the writer may hold in memory */
    bool refused;      /* the writer's word, once the group is on disk: none of it was made */
    const char *which; /* refused: the statement that found something else; static */
};

/* NULL: out of memory. */
struct pack_op *pack_op_new(void);
struct pack_op *pack_op_hold(struct pack_op *op);
/* Always returns NULL; NULL is fine. */
struct pack_op *pack_op_release(struct pack_op *op);

/* All of these: -ENOMEM, and then what belongs to it may be missing: it is to be undone or released. */
int pack_op_host(struct pack_op *op, int64_t no, uint64_t host);
int pack_op_insert(struct pack_op *op, enum pack_table table, const struct pack_row *row); /* copies it and its bytes */
int pack_op_delete(struct pack_op *op, enum pack_table table, int64_t id, size_t bytes);
int pack_op_settle(struct pack_op *op, enum pack_table table, int64_t id);
int pack_op_aside(struct pack_op *op, int64_t id, bool table_missing);
int pack_op_expire(struct pack_op *op, enum pack_table table, int64_t id, int64_t before_us);
int pack_op_shrink(struct pack_op *op, int64_t pages);
int pack_op_sealed(struct pack_op *op, int64_t id);

/* The writer's time for it, about. Not within a unit that may yet be undone. */
int64_t pack_op_cost_ns(struct pack_op *op);

/* Where an op stands, so that what a unit has put into it since can be taken out again. */
struct pack_mark {
    struct pack_change **end;
    size_t n_sealed, bytes;
    int64_t cost_ns;
    bool expires;
};
struct pack_mark pack_op_mark(const struct pack_op *op);
void pack_op_undo(struct pack_op *op, const struct pack_mark *mark);

/* Before it is handed over. */
void pack_op_finish(struct pack_op *op);
bool pack_op_is_empty(const struct pack_op *op);
