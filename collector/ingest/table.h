/* collector/ingest/table.h - series tables kept once for all hosts that share them. Used by ingest.c alone.
 *
 * Shape    a pool of tables by hash, counted by the hosts that hold them; a host holds TABLES_PER_HOST slots
 * Why      ten thousand hosts of one kind have one table; a decoded table is some 10 KB
 * Owner    the pool owns tables; a table lives while a slot holds it
 */
#pragma once
#include <stdbool.h>

#include "collector/ingest/ingest.h"

struct table_pool; /* opaque */

struct table_slot {
    const struct ingest_table *table; /* NULL: free */
    bool stored;
};

struct table_slots { /* zeroed memory is empty */
    unsigned next;   /* the slot that gives way */
    struct table_slot at[TABLES_PER_HOST];
};

struct table_pool *table_pool_new(void);
void table_pool_free(struct table_pool *pool);

/* The pooled table of this content, copied if it is new, and counted. NULL: out of memory. */
const struct ingest_table *table_pool_take(struct table_pool *pool, const struct series_table *table,
                                           struct bytes encoded);

struct table_slot *table_slots_find(struct table_slots *slots, const struct table_hash *hash);
/* Hands `table` over, as counted by table_pool_take(). */
struct table_slot *table_slots_put(struct table_pool *pool, struct table_slots *slots,
                                   const struct ingest_table *table);
void table_slots_clear(struct table_pool *pool, struct table_slots *slots);
