/* A span is encoded by decoding the records that hold it and laying their columns end to end. */
#include "agent/uplink/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/spool/join.h"
#include "base/arena.h"
#include "base/auto.h"
#include "proto/codec/codec.h"

enum { JOIN_MEMORY = 16 << 20 };

struct record *record_new(struct table *table, uint64_t first, uint32_t n_ticks, const uint8_t *bytes, size_t len)
{
    struct record *record = malloc(sizeof *record + len);
    if (!record)
        return NULL;
    *record = (struct record){ .table = table, .first = first, .n_ticks = n_ticks, .len = (uint32_t)len };
    memcpy(record->bytes, bytes, len);
    return record;
}

static int join(const struct span *span, struct arena *arena, struct batch *ret, struct err *err)
{
    uint64_t end = span->first + span->n_ticks;
    uint32_t n = 0;
    for (struct record *record = span->from; record && record->first < end; record = record->next)
        n++;
    struct batch *parts = arena_alloc(arena, n, sizeof *parts);
    if (!parts)
        return err_set(err, -ENOMEM, "uplink: out of memory for %u records", n);
    struct record *record = span->from;
    for (uint32_t i = 0; i < n; i++, record = record->next) {
        int rc = codec_decode_batch(record->bytes, record->len, arena, &parts[i], err);
        if (rc < 0)
            return rc;
    }
    return batch_join(parts, n, &span->from->table->series, span->first, span->n_ticks, arena, ret, err);
}

int span_encode(const struct span *span, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err)
{
    const struct record *record = span->from;
    if (record->first == span->first && record->n_ticks == span->n_ticks && record->len <= size) {
        memcpy(buffer, record->bytes, record->len);
        *ret_len = record->len;
        return 0;
    }
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, JOIN_MEMORY);
    struct batch batch;
    int rc = join(span, &arena, &batch, err);
    return rc < 0 ? rc : codec_encode_batch(&batch, buffer, size, ret_len, err);
}
