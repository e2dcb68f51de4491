#include "collector/store/block/block.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/store/block/form.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

void *room_for(struct room *room, size_t bytes)
{
    if (bytes <= room->bytes)
        return room->at;
    free(room->at);
    room->at = malloc(bytes);
    room->bytes = room->at ? bytes : 0;
    return room->at;
}

static uint64_t hash_of(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

uint32_t block_sum(const void *bytes, size_t len)
{
    return (uint32_t)hash_of(bytes, len);
}

int block_coder_new(struct block_coder **ret_coder, struct err *err)
{
    struct block_coder *coder = calloc(1, sizeof *coder);
    if (coder) {
        coder->pack = ZSTD_createCCtx();
        coder->unpack = ZSTD_createDCtx();
    }
    if (!coder || !coder->pack || !coder->unpack) {
        block_coder_free(coder);
        return err_set(err, -ENOMEM, "block: out of memory");
    }
    *ret_coder = coder;
    return 0;
}

struct block_coder *block_coder_free(struct block_coder *coder)
{
    if (!coder)
        return NULL;
    ZSTD_freeCCtx(coder->pack);
    ZSTD_freeDCtx(coder->unpack);
    struct room *const rooms[] = { &coder->ints,  &coder->plain,       &coder->body,   &coder->out,
                                   &coder->group, &coder->heads_plain, &coder->heads,  &coder->sorted,
                                   &coder->fit,   &coder->numbers,     &coder->signal, &coder->model };
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        free(rooms[i]->at);
    free(coder);
    return NULL;
}

/* A number of at most `max`. */
static bool read_count(struct reader *reader, uint64_t max, uint64_t *ret)
{
    return read_varint(reader, ret) && *ret <= max;
}

/* ---- the head ---- */

static bool read_counts(struct reader *head, struct block_view *view)
{
    uint64_t n_ticks;
    uint64_t n_columns;
    uint64_t n_parts;
    uint64_t group;
    uint64_t first;
    uint64_t span;
    uint64_t evened;
    if (!read_count(head, BLOCK_TICKS_MAX, &n_ticks) || !read_count(head, BLOCK_COLUMNS_MAX, &n_columns) ||
        !read_count(head, n_ticks, &n_parts) || !read_count(head, BLOCK_GROUP_MAX, &group) ||
        !read_count(head, INT64_MAX, &first) || !read_count(head, INT64_MAX - first, &span) ||
        !read_count(head, 1, &evened) || n_ticks == 0 || group == 0)
        return false;
    view->n_ticks = (uint32_t)n_ticks;
    view->n_columns = (uint32_t)n_columns;
    view->n_parts = (uint32_t)n_parts;
    view->group = (uint32_t)group;
    view->n_groups = (view->n_columns + view->group - 1) / view->group;
    view->first_us = (int64_t)first;
    view->last_us = (int64_t)(first + span);
    view->evened = evened > 0;
    return true;
}

/* The directory must tell of exactly the bytes that are there. */
static bool directory_fits(struct reader *head, size_t body_len, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        uint64_t len;
        uint32_t sum;
        if (!read_count(head, body_len, &len) || !read_u32(head, &sum))
            return false;
        body_len -= len;
    }
    return body_len == 0 && reader_left(head) == 0;
}

struct entry entry_at(const struct block_view *view, uint32_t wanted)
{
    const uint8_t *bytes = view->bytes.at;
    struct reader directory = { bytes + view->directory_at, bytes + view->body_at };
    struct entry entry = { .at = bytes + view->body_at };
    for (uint32_t i = 0; i <= wanted; i++) {
        uint64_t len = 0;
        entry.at += entry.len;
        bool there = read_varint(&directory, &len) && read_u32(&directory, &entry.sum);
        assert(there); /* block_open() has been over it */
        (void)there;
        entry.len = len;
    }
    return entry;
}

int entry_damaged(const struct block_view *view, uint32_t wanted, struct err *err)
{
    if (wanted >= ENTRY_GROUPS && wanted < ENTRY_GROUPS + view->n_groups)
        return err_set(err, -EBADMSG, "block: group %u damaged", wanted - ENTRY_GROUPS);
    return err_set(err, -EBADMSG, "block: %s damaged",
                   wanted == ENTRY_TIMES   ? "times"
                   : wanted == ENTRY_PARTS ? "parts"
                                           : "heads");
}

/* The room of a view that has a source is the caller's, and not constant. */
static int fetch(const struct block_view *view, const struct entry *entry, struct err *err)
{
    size_t at = (size_t)(entry->at - view->bytes.at);
    return view->source ? view->source->read(view->source->user, at, entry->len, (void *)(uintptr_t)entry->at, err) : 0;
}

int entry_check(const struct block_view *view, uint32_t wanted, struct entry *ret, uint64_t *ret_hash, struct err *err)
{
    *ret = entry_at(view, wanted);
    int rc = fetch(view, ret, err);
    if (rc < 0)
        return rc;
    *ret_hash = hash_of(ret->at, ret->len);
    return (uint32_t)*ret_hash == ret->sum ? 0 : entry_damaged(view, wanted, err);
}

int block_open(const void *bytes, size_t len, struct block_view *ret, struct err *err)
{
    struct reader reader = { bytes, (const uint8_t *)bytes + len };
    const uint8_t *magic;
    uint32_t sum;
    uint64_t head_len;
    const uint8_t *head_bytes;
    if (len > BLOCK_BYTES_MAX || !read_bytes(&reader, BLOCK_MAGIC_BYTES, &magic) ||
        memcmp(magic, BLOCK_MAGIC, BLOCK_MAGIC_BYTES) != 0 || !read_u32(&reader, &sum) ||
        !read_varint(&reader, &head_len) || !read_bytes(&reader, head_len, &head_bytes) ||
        block_sum(head_bytes, head_len) != sum)
        return err_set(err, -EBADMSG, "block: header damaged");
    struct reader head = { head_bytes, head_bytes + head_len };
    uint64_t version;
    if (!read_varint(&head, &version))
        return err_set(err, -EBADMSG, "block: header damaged");
    if (version != BLOCK_VERSION)
        return err_set(err, -ENOTSUP, "block: format %ju, this program knows %d", (uintmax_t)version, BLOCK_VERSION);
    struct block_view view = { .bytes = { bytes, len } };
    bool good = read_counts(&head, &view);
    view.directory_at = (uint32_t)(head.at - (const uint8_t *)bytes);
    view.body_at = (uint32_t)(reader.at - (const uint8_t *)bytes);
    if (!good || !directory_fits(&head, reader_left(&reader), view.n_groups + ENTRIES_BUT_GROUPS))
        return err_set(err, -EBADMSG, "block: header damaged");
    *ret = view;
    return 0;
}

int block_open_from(const struct block_source *source, void *room, size_t len, struct block_view *ret, struct err *err)
{
    enum { FIRST = 1024 }; /* holds most heads */
    if (len > BLOCK_BYTES_MAX)
        return err_set(err, -EBADMSG, "block: header damaged");
    size_t have = len < FIRST ? len : FIRST;
    int rc = source->read(source->user, 0, have, room, err);
    if (rc < 0)
        return rc;
    uint8_t *bytes = room;
    struct reader reader = { bytes, bytes + have };
    const uint8_t *mark;
    uint64_t head_len;
    if (!read_bytes(&reader, BLOCK_MAGIC_BYTES + sizeof(uint32_t), &mark) || !read_varint(&reader, &head_len) ||
        head_len > len - (size_t)(reader.at - bytes))
        return err_set(err, -EBADMSG, "block: header damaged");
    size_t wanted = (size_t)(reader.at - bytes) + (size_t)head_len;
    if (wanted > have)
        rc = source->read(source->user, have, wanted - have, bytes + have, err);
    if (rc == 0)
        rc = block_open(room, len, ret, err);
    if (rc == 0)
        ret->source = source;
    return rc;
}

/* ---- the pieces ---- */

/* Leaves the piece's plain bytes in coder->group. At most `max` of them. */
static int unpack(struct block_coder *coder, const struct block_view *view, uint32_t wanted, size_t max,
                  struct err *err)
{
    struct entry entry;
    uint64_t hash;
    int rc = entry_check(view, wanted, &entry, &hash, err);
    if (rc < 0)
        return rc;
    if (coder->group_packed > 0 && coder->group_packed == entry.len && coder->group_hash == hash)
        return 0;
    coder->group_packed = 0;
    unsigned long long len = ZSTD_getFrameContentSize(entry.at, entry.len);
    if (len > max) /* also its two values for "unknown" */
        return entry_damaged(view, wanted, err);
    if (!room_for(&coder->group, len + 1))
        return err_set(err, -ENOMEM, "block: out of memory");
    size_t got = ZSTD_decompressDCtx(coder->unpack, coder->group.at, len, entry.at, entry.len);
    if (got != len)
        return entry_damaged(view, wanted, err);
    coder->group_len = len;
    coder->group_hash = hash;
    coder->group_packed = entry.len;
    return 0;
}

/* The bytes of column `i` of the `n` of a group. */
static bool find_column(const struct block_coder *coder, uint32_t i, uint32_t n, struct reader *ret)
{
    const uint8_t *at = coder->group.at;
    struct reader reader = { at, at + coder->group_len };
    uint32_t len = 0;
    uint64_t before = 0;
    for (uint32_t c = 0; c < n; c++) {
        uint32_t next;
        if (!read_u32(&reader, &next))
            return false;
        if (c < i)
            before += next;
        if (c == i)
            len = next;
    }
    const uint8_t *skipped;
    const uint8_t *column;
    if (!read_bytes(&reader, before, &skipped) || !read_bytes(&reader, len, &column))
        return false;
    *ret = (struct reader){ column, column + len };
    return true;
}

static uint32_t columns_in(const struct block_view *view, uint32_t group)
{
    uint32_t left = view->n_columns - group * view->group;
    return left < view->group ? left : view->group;
}

/* Column `i` of the `n` of directory entry `wanted`. */
static int read_column(struct block_coder *coder, const struct block_view *view, uint32_t wanted, uint32_t i,
                       uint32_t n, struct arena *arena, struct column *ret, struct err *err)
{
    size_t max = n * (sizeof(uint32_t) + column_bytes_max(view->n_ticks));
    int rc = unpack(coder, view, wanted, max, err);
    if (rc < 0)
        return rc;
    int64_t *values = arena_alloc(arena, view->n_ticks, sizeof *values);
    if (!values)
        return err_set(err, -ENOMEM, "block: out of memory");
    struct reader reader;
    bool real;
    if (!find_column(coder, i, n, &reader) || !column_read(&reader, view->n_ticks, values, &real) ||
        reader_left(&reader) > 0)
        return entry_damaged(view, wanted, err);
    *ret = (struct column){ .real = real, .fixed = values };
    return 0;
}

/* even_us() of each tick, told by what the one before leaves over rather than by a division. */
static void add_even_us(int64_t *at_us, uint32_t n, int64_t span_us)
{
    int64_t gaps = n > 1 ? n - 1 : 1;
    int64_t over = 0;
    uint64_t even = 0;
    for (uint32_t i = 0; i < n; i++) {
        at_us[i] = (int64_t)((uint64_t)at_us[i] + even);
        over += span_us % gaps;
        even += (uint64_t)(span_us / gaps + (over >= gaps));
        over -= over >= gaps ? gaps : 0;
    }
}

int block_times(struct block_coder *coder, const struct block_view *view, struct arena *arena,
                const int64_t **ret_at_us, struct err *err)
{
    struct column times = { .real = false };
    int rc = read_column(coder, view, ENTRY_TIMES, 0, 1, arena, &times, err);
    if (rc < 0)
        return rc;
    int64_t *at_us = (int64_t *)times.fixed; /* our own, from the arena */
    if (view->evened)
        add_even_us(at_us, view->n_ticks, view->last_us - view->first_us);
    if (times.real || at_us[0] != view->first_us || at_us[view->n_ticks - 1] != view->last_us)
        return entry_damaged(view, ENTRY_TIMES, err);
    bool falling = false;
    for (uint32_t i = 1; i < view->n_ticks; i++)
        falling |= at_us[i] < at_us[i - 1];
    if (falling)
        return entry_damaged(view, ENTRY_TIMES, err);
    *ret_at_us = at_us;
    return 0;
}

int block_parts(struct block_coder *coder, const struct block_view *view, struct arena *arena,
                const struct block_part **ret_parts, struct err *err)
{
    int rc = unpack(coder, view, ENTRY_PARTS, (size_t)view->n_parts * (RUN_BYTES + 2 * VARINT_MAX), err);
    if (rc < 0)
        return rc;
    struct block_part *parts = arena_alloc(arena, (size_t)view->n_parts + 1, sizeof *parts);
    if (!parts)
        return err_set(err, -ENOMEM, "block: out of memory");
    const uint8_t *at = coder->group.at;
    struct reader reader = { at, at + coder->group_len };
    uint64_t ticks = 0;
    for (uint32_t i = 0; i < view->n_parts; i++) {
        const uint8_t *run;
        uint64_t n;
        if (!read_bytes(&reader, RUN_BYTES, &run) || !read_varint(&reader, &parts[i].first) ||
            !read_count(&reader, view->n_ticks, &n))
            return entry_damaged(view, ENTRY_PARTS, err);
        memcpy(parts[i].run.bytes, run, RUN_BYTES);
        parts[i].n = (uint32_t)n;
        ticks += n;
    }
    if (reader_left(&reader) > 0 || (view->n_parts > 0 && ticks != view->n_ticks))
        return entry_damaged(view, ENTRY_PARTS, err);
    *ret_parts = parts;
    return 0;
}

static bool has_heads(const struct block_view *view)
{
    return entry_at(view, ENTRY_GROUPS + view->n_groups).len > 0;
}

int block_column(struct block_coder *coder, const struct block_view *view, uint32_t column, struct arena *arena,
                 struct column *ret, struct err *err)
{
    assert(column < view->n_columns);
    if (has_heads(view))
        return coded_column(coder, view, column, arena, ret, err);
    uint32_t group = column / view->group;
    return read_column(coder, view, group + ENTRY_GROUPS, column % view->group, columns_in(view, group), arena, ret,
                       err);
}

int block_decode(struct block_coder *coder, const void *bytes, size_t len, struct arena *arena, struct block *ret,
                 struct err *err)
{
    struct block_view view = { .n_ticks = 0 };
    int rc = block_open(bytes, len, &view, err);
    if (rc < 0)
        return rc;
    struct block block = { .n_ticks = view.n_ticks, .n_columns = view.n_columns, .n_parts = view.n_parts };
    struct column *columns = arena_alloc(arena, (size_t)view.n_columns + 1, sizeof *columns);
    if (!columns)
        return err_set(err, -ENOMEM, "block: out of memory");
    rc = block_times(coder, &view, arena, &block.at_us, err);
    if (rc == 0)
        rc = block_parts(coder, &view, arena, &block.parts, err);
    if (rc == 0 && has_heads(&view))
        rc = coded_columns(coder, &view, arena, columns, err);
    for (uint32_t c = 0; rc == 0 && c < view.n_columns && !has_heads(&view); c++)
        rc = block_column(coder, &view, c, arena, &columns[c], err);
    if (rc < 0)
        return rc;
    block.columns = columns;
    *ret = block;
    return 0;
}

int block_check(struct block_coder *coder, const void *bytes, size_t len, struct err *err)
{
    struct block_view view = { .n_ticks = 0 };
    int rc = block_open(bytes, len, &view, err);
    if (rc < 0)
        return rc;
    AUTO(arena_done) struct arena arena;
    size_t columns = has_heads(&view) ? view.n_columns : 1; /* with heads they are read together */
    arena_init(&arena, (columns + 3) * (view.n_ticks * sizeof(struct block_part) + 2 * sizeof(struct column)));
    const int64_t *times;
    const struct block_part *parts;
    rc = block_times(coder, &view, &arena, &times, err);
    arena_reset(&arena);
    if (rc == 0)
        rc = block_parts(coder, &view, &arena, &parts, err);
    arena_reset(&arena);
    if (rc == 0 && has_heads(&view)) {
        struct column *all = arena_alloc(&arena, view.n_columns, sizeof *all);
        return all ? coded_columns(coder, &view, &arena, all, err) : err_set(err, -ENOMEM, "block: out of memory");
    }
    for (uint32_t c = 0; rc == 0 && c < view.n_columns; c++) {
        struct column column;
        arena_reset(&arena);
        rc = block_column(coder, &view, c, &arena, &column, err);
    }
    return rc;
}
