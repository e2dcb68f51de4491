/* base/arena.h - memory that is given back all at once.
 *
 * Shape    a bump allocator over malloc'd chunks; blocks are aligned for any type and stay where they are
 * Limit    `limit_bytes` bounds the blocks together (each rounded up to 16 bytes), so that an outside message cannot
 *          make us hold more; past it every request gets NULL. The same requests get the same answers whatever the
 *          arena served before a reset. The chunks behind the blocks stay under three times the limit.
 * Owner    arena_init() in the caller's memory, arena_done() frees; blocks are borrowed until arena_reset() or
 *          arena_done()
 * Threads  one at a time
 */
#pragma once
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes taken of the newest chunk */
    size_t taken_bytes;         /* by blocks since the last reset */
    size_t limit_bytes;
};

/* Takes no memory yet. */
void arena_init(struct arena *arena, size_t limit_bytes);
/* Gives back all blocks; keeps the largest chunk for the next round. */
void arena_reset(struct arena *arena);
/* Gives back everything; the arena is as after arena_init(). */
void arena_done(struct arena *arena);
/* The same for one that held a secret, which is gone from memory before that is given back. What was in it before a
 * reset may be there still. */
void arena_wipe(struct arena *arena);

/* `count` times `size` bytes of zeros. NULL: over the limit, out of memory, or the product overflows. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* The same with whatever lies there: for much that is written over at once. */
void *arena_room(struct arena *arena, size_t count, size_t size);
/* A terminated copy of `len` bytes. NULL as above. */
char *arena_text(struct arena *arena, const char *text, size_t len);
