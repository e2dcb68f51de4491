/* A frame is mark, checksum, length and kind: d7 57 52 53, u64, u24, u8, little endian. The checksum is XXH3 over
 * length, kind and content, so that a flipped length is as broken as a flipped value. */
#include "agent/spool/format.h"

#include <assert.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SUM_AT = 4, SIZE_AT = 12, HEAD_BYTES = 44, MARK_BYTES = RUN_BYTES + 17 };

static const uint8_t mark_bytes[SUM_AT] = { 0xd7, 'W', 'R', 'S' };

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return le64toh(value);
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return le32toh(value);
}

static void put_u64(struct writer *writer, uint64_t value)
{
    value = htole64(value);
    write_bytes(writer, &value, sizeof value);
}

static void put_u32(struct writer *writer, uint32_t value)
{
    value = htole32(value);
    write_bytes(writer, &value, sizeof value);
}

/* ---- reading ---- */

static bool read_head(struct bytes content, struct spool_head *ret)
{
    if (content.len != HEAD_BYTES)
        return false;
    *ret = (struct spool_head){ .version = get_u32(content.at), .host = get_u64(content.at + 4) };
    memcpy(ret->boot.bytes, content.at + 12, SPOOL_BOOT_BYTES);
    memcpy(ret->run.bytes, content.at + 28, RUN_BYTES);
    return true;
}

static bool read_ticks(struct bytes content, struct spool_ticks *ret)
{
    if (content.len <= SPOOL_TICKS_BYTES)
        return false;
    *ret = (struct spool_ticks){
        .first = get_u64(content.at),
        .mono_us = (int64_t)get_u64(content.at + 8),
        .wall_us = (int64_t)get_u64(content.at + 16),
        .n_ticks = get_u32(content.at + 24),
        .batch = { content.at + SPOOL_TICKS_BYTES, content.len - SPOOL_TICKS_BYTES },
    };
    if (ret->mono_us < 0 || ret->mono_us > TIME_US_MAX || ret->wall_us < -TIME_US_MAX || ret->wall_us > TIME_US_MAX)
        return false;
    return ret->first >= 1 && ret->n_ticks >= 1 && ret->n_ticks <= TICKS_MAX &&
           ret->first <= (uint64_t)INT64_MAX - ret->n_ticks + 1;
}

static bool read_mark(struct bytes content, struct dropped *ret)
{
    if (content.len != MARK_BYTES)
        return false;
    memcpy(ret->run.bytes, content.at, RUN_BYTES);
    ret->first = get_u64(content.at + RUN_BYTES);
    ret->last = get_u64(content.at + RUN_BYTES + 8);
    uint8_t cause = content.at[RUN_BYTES + 16];
    ret->cause = cause < DROP_COUNT ? (enum drop_cause)cause : DROP_OTHER;
    return ret->first >= 1 && ret->first <= ret->last && ret->last <= INT64_MAX;
}

static bool read_content(struct bytes content, struct spool_record *ret)
{
    switch (ret->kind) {
    case SPOOL_HEAD:
        return read_head(content, &ret->head);
    case SPOOL_TABLE:
        ret->table = content;
        return content.len > 0;
    case SPOOL_TICKS:
        return read_ticks(content, &ret->ticks);
    case SPOOL_DONE:
    case SPOOL_DROPPED:
    case SPOOL_DECLARED:
        return read_mark(content, &ret->mark);
    }
    return false;
}

/* `at` begins with the mark. */
static bool read_record(const uint8_t *at, size_t left, struct spool_record *ret)
{
    if (left < SPOOL_FRAME_BYTES)
        return false;
    uint32_t size = get_u32(at + SIZE_AT);
    size_t len = size & 0xffffff;
    if (len > SPOOL_CONTENT_MAX || len > left - SPOOL_FRAME_BYTES)
        return false;
    if (XXH3_64bits(at + SIZE_AT, SPOOL_FRAME_BYTES - SIZE_AT + len) != get_u64(at + SUM_AT))
        return false;
    *ret = (struct spool_record){ .kind = (enum spool_kind)(size >> 24), .len = SPOOL_FRAME_BYTES + len };
    return read_content((struct bytes){ at + SPOOL_FRAME_BYTES, len }, ret);
}

bool spool_next(struct reader *reader, struct spool_record *ret, size_t *ret_broken)
{
    const uint8_t *from = reader->at;
    while (reader_left(reader) > 0) {
        const uint8_t *at = memmem(reader->at, reader_left(reader), mark_bytes, sizeof mark_bytes);
        if (!at)
            break;
        struct spool_record record;
        if (read_record(at, (size_t)(reader->end - at), &record)) {
            *ret_broken = (size_t)(at - from);
            *ret = record;
            reader->at = at + record.len;
            return true;
        }
        reader->at = at + 1;
    }
    *ret_broken = (size_t)(reader->end - from);
    reader->at = reader->end;
    return false;
}

/* ---- writing ---- */

/* Leaves room for the frame and returns where it goes. */
static uint8_t *begin(struct writer *writer)
{
    static const uint8_t empty[SPOOL_FRAME_BYTES];
    uint8_t *at = writer->at;
    write_bytes(writer, empty, sizeof empty);
    return at;
}

static void end(struct writer *writer, uint8_t *at, enum spool_kind kind)
{
    if (writer->full)
        return;
    size_t len = (size_t)(writer->at - at) - SPOOL_FRAME_BYTES;
    assert(len <= SPOOL_CONTENT_MAX);
    uint32_t size = htole32((uint32_t)len | (uint32_t)kind << 24);
    memcpy(at, mark_bytes, sizeof mark_bytes);
    memcpy(at + SIZE_AT, &size, sizeof size);
    uint64_t sum = htole64(XXH3_64bits(at + SIZE_AT, SPOOL_FRAME_BYTES - SIZE_AT + len));
    memcpy(at + SUM_AT, &sum, sizeof sum);
}

void spool_write_head(struct writer *writer, const struct spool_head *head)
{
    uint8_t *at = begin(writer);
    put_u32(writer, head->version);
    put_u64(writer, head->host);
    write_bytes(writer, head->boot.bytes, SPOOL_BOOT_BYTES);
    write_bytes(writer, head->run.bytes, RUN_BYTES);
    end(writer, at, SPOOL_HEAD);
}

void spool_write_table(struct writer *writer, const struct bytes *table)
{
    uint8_t *at = begin(writer);
    write_bytes(writer, table->at, table->len);
    end(writer, at, SPOOL_TABLE);
}

void spool_write_ticks(struct writer *writer, const struct spool_ticks *ticks)
{
    uint8_t *at = begin(writer);
    put_u64(writer, ticks->first);
    put_u64(writer, (uint64_t)ticks->mono_us);
    put_u64(writer, (uint64_t)ticks->wall_us);
    put_u32(writer, ticks->n_ticks);
    write_bytes(writer, ticks->batch.at, ticks->batch.len);
    end(writer, at, SPOOL_TICKS);
}

void spool_write_mark(struct writer *writer, enum spool_kind kind, const struct dropped *mark)
{
    uint8_t cause = (uint8_t)mark->cause;
    uint8_t *at = begin(writer);
    write_bytes(writer, mark->run.bytes, RUN_BYTES);
    put_u64(writer, mark->first);
    put_u64(writer, mark->last);
    write_bytes(writer, &cause, sizeof cause);
    end(writer, at, kind);
}
