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

static struct arena_chunk *largest_of(struct arena_chunk *chunks)
{
    struct arena_chunk *largest = chunks;
    for (struct arena_chunk *chunk = chunks; chunk; chunk = chunk->next)
        if (chunk->size > largest->size)
            largest = chunk;
    return largest;
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *kept = largest_of(arena->chunks);
    for (struct arena_chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        if (chunk != kept)
            free(chunk);
    }
    if (kept)
        kept->next = NULL;
    arena->chunks = kept;
    arena->used = 0;
    arena->taken_bytes = 0;
}

void arena_done(struct arena *arena)
{
    arena_reset(arena);
    free(arena->chunks);
    arena_init(arena, arena->limit_bytes);
}

void arena_wipe(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks; chunk; chunk = chunk->next)
        explicit_bzero(chunk->bytes, chunk->size);
    arena_done(arena);
}

/* Chunks double, but the last one is cut to what may still be asked for: then nothing is left to allocate after it. */
static int grow(struct arena *arena, size_t need)
{
    size_t room = arena->limit_bytes - arena->taken_bytes;
    size_t size = arena->chunks ? arena->chunks->size * 2 : CHUNK_MIN;
    if (size < need)
        size = need;
    if (size > room)
        size = room;
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (!chunk)
        return -1;
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->used = 0;
    return 0;
}

static void *take(struct arena *arena, size_t count, size_t size, size_t *ret_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - alignof(max_align_t))
        return NULL;
    bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (bytes > arena->limit_bytes - arena->taken_bytes)
        return NULL;
    if (!arena->chunks || arena->chunks->size - arena->used < bytes)
        if (grow(arena, bytes) < 0)
            return NULL;
    void *block = arena->chunks->bytes + arena->used;
    arena->used += bytes;
    arena->taken_bytes += bytes;
    *ret_bytes = bytes;
    return block;
}

void *arena_room(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return take(arena, count, size, &bytes);
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    void *block = take(arena, count, size, &bytes);
    return block ? memset(block, 0, bytes) : NULL;
}

char *arena_text(struct arena *arena, const char *text, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, len + 1, 1);
    if (copy && len > 0) /* an empty text may be NULL, and memcpy() must not see that */
        memcpy(copy, text, len);
    return copy;
}
