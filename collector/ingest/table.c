#include "collector/ingest/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "uthash.h"

enum { TABLE_BYTES_MAX = 1 << 20 }; /* far above what a message can carry */

struct pooled {
    struct ingest_table table; /* first: a table pointer is a pooled pointer */
    unsigned holders;
    struct arena arena;
    UT_hash_handle by_hash;
};

struct table_pool {
    struct pooled *tables;
};

struct table_pool *table_pool_new(void)
{
    return calloc(1, sizeof(struct table_pool));
}

static void drop(struct table_pool *pool, struct pooled *pooled)
{
    assert(pool->tables);
    HASH_DELETE(by_hash, pool->tables, pooled);
    arena_done(&pooled->arena);
    free(pooled);
}

void table_pool_free(struct table_pool *pool)
{
    if (!pool)
        return;
    struct pooled *pooled, *next;
    HASH_ITER(by_hash, pool->tables, pooled, next)
    {
        drop(pool, pooled);
    }
    free(pool);
}

static int32_t column_of(const struct series_table *table, const char *metric)
{
    for (uint32_t i = 0; i < table->n; i++)
        if (strcmp(table->at[i].metric, metric) == 0)
            return (int32_t)i;
    return -1;
}

static int copy_table(struct pooled *pooled, const struct series_table *table, struct bytes encoded)
{
    struct arena *arena = &pooled->arena;
    struct series *series = arena_alloc(arena, table->n, sizeof *series);
    uint8_t *bytes = arena_alloc(arena, encoded.len ? encoded.len : 1, 1);
    if (!series || !bytes)
        return -1;
    for (uint32_t i = 0; i < table->n; i++) {
        series[i] = table->at[i];
        series[i].metric = arena_text(arena, table->at[i].metric, strlen(table->at[i].metric));
        series[i].instance = arena_text(arena, table->at[i].instance, strlen(table->at[i].instance));
        series[i].unit = arena_text(arena, table->at[i].unit, strlen(table->at[i].unit));
        if (!series[i].metric || !series[i].instance || !series[i].unit)
            return -1;
    }
    memcpy(bytes, encoded.at, encoded.len);
    pooled->table = (struct ingest_table){
        .table = { .hash = table->hash, .n = table->n, .at = series },
        .encoded = { bytes, encoded.len },
        .cpu = column_of(table, "system.cpu.utilization"),
        .memory = column_of(table, "system.memory.utilization"),
    };
    return 0;
}

const struct ingest_table *table_pool_take(struct table_pool *pool, const struct series_table *table,
                                           struct bytes encoded)
{
    struct pooled *pooled;
    HASH_FIND(by_hash, pool->tables, &table->hash, sizeof table->hash, pooled);
    if (!pooled) {
        pooled = calloc(1, sizeof *pooled);
        if (!pooled)
            return NULL;
        arena_init(&pooled->arena, TABLE_BYTES_MAX);
        if (copy_table(pooled, table, encoded) < 0) {
            arena_done(&pooled->arena);
            free(pooled);
            return NULL;
        }
        HASH_ADD(by_hash, pool->tables, table.table.hash, sizeof pooled->table.table.hash, pooled);
        if (!pooled->by_hash.tbl) { /* uthash had no memory */
            arena_done(&pooled->arena);
            free(pooled);
            return NULL;
        }
    }
    pooled->holders++;
    return &pooled->table;
}

static void let_go(struct table_pool *pool, struct table_slot *slot)
{
    struct pooled *pooled = (struct pooled *)slot->table; /* the pool's own, handed out as const */
    *slot = (struct table_slot){ .table = NULL };
    if (pooled && --pooled->holders == 0)
        drop(pool, pooled);
}

struct table_slot *table_slots_find(struct table_slots *slots, const struct table_hash *hash)
{
    for (unsigned i = 0; i < TABLES_PER_HOST; i++)
        if (slots->at[i].table && memcmp(&slots->at[i].table->table.hash, hash, sizeof *hash) == 0)
            return &slots->at[i];
    return NULL;
}

struct table_slot *table_slots_put(struct table_pool *pool, struct table_slots *slots, const struct ingest_table *table)
{
    struct table_slot *slot = &slots->at[slots->next];
    slots->next = (slots->next + 1) % TABLES_PER_HOST;
    let_go(pool, slot);
    slot->table = table;
    return slot;
}

void table_slots_clear(struct table_pool *pool, struct table_slots *slots)
{
    for (unsigned i = 0; i < TABLES_PER_HOST; i++)
        let_go(pool, &slots->at[i]);
}
