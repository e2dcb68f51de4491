/* base/arena.h - memory that is given back all at once.
 *
 * Shape    a bump allocator over malloc'd chunks; blocks are aligned for any type and stay where they are
 * Limit    `limit_bytes` bounds what an outside message can make us hold; past it every request gets NULL
 * Owner    arena_init() in the caller's memory, arena_done() frees; blocks are borrowed until arena_reset() or
 * arena_done() Threads  one at a time
 */
#pragma once
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes taken of the newest chunk */
    size_t held_bytes;          /* of all chunks together */
    size_t limit_bytes;
};

/* Takes no memory yet. */
void arena_init(struct arena *arena, size_t limit_bytes);
/* Gives back all blocks; keeps the largest chunk for the next round. */
void arena_reset(struct arena *arena);
/* Gives back everything; the arena is as after arena_init(). */
void arena_done(struct arena *arena);

/* `count` times `size` bytes of zeros. NULL: over the limit, out of memory, or the product overflows. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* A terminated copy of `len` bytes. NULL as above. */
char *arena_text(struct arena *arena, const char *text, size_t len);
