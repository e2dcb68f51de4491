#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4096 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){ .limit_bytes = limit_bytes };
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
}

void arena_reset(struct arena *arena)
{
    if (!arena->chunks)
        return;
    /* Chunks double, so the newest is the largest. */
    free_chunks(arena->chunks->next);
    arena->chunks->next = NULL;
    arena->held_bytes = arena->chunks->size;
    arena->used = 0;
}

void arena_done(struct arena *arena)
{
    free_chunks(arena->chunks);
    arena_init(arena, arena->limit_bytes);
}

static int grow(struct arena *arena, size_t need)
{
    size_t size = arena->chunks ? arena->chunks->size * 2 : CHUNK_MIN;
    size_t room = arena->limit_bytes > arena->held_bytes ? arena->limit_bytes - arena->held_bytes : 0;
    if (size > room)
        size = room;
    if (size < need)
        size = need;
    if (size > room)
        return -1;
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        return -1;
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->held_bytes += size;
    arena->used = 0;
    return 0;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - alignof(max_align_t))
        return NULL;
    bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!arena->chunks || arena->chunks->size - arena->used < bytes)
        if (grow(arena, bytes) < 0)
            return NULL;
    void *block = arena->chunks->bytes + arena->used;
    arena->used += bytes;
    return memset(block, 0, bytes);
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, len + 1, 1);
    if (copy)
        memcpy(copy, text, len);
    return copy;
}
