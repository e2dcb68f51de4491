/* The sketches of a host's series as one row. */
#include "collector/store/block/sketch.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "collector/store/block/form.h"

#define ROW_MAGIC "WS"
enum {
    ROW_MAGIC_BYTES = 2,
    ROW_VERSION = 1,
    ROW_LEVEL = 19,
    ROW_HEAD_BYTES = ROW_MAGIC_BYTES + sizeof(uint32_t) + 1,
    ROW_BYTES_MAX = 32 << 20, /* decompressed: a bucket takes two bytes, more only when it counts 2^14 values */
    SKETCH_HEAD_MAX = 1 + 7 * VARINT_MAX,
    BUCKET_REACH = 40000
};

/* Buckets from the lowest to the highest that has any: how many they are, the lowest's number, then the counts; a 0 is
 * followed by how many more there are. */
static void write_side(struct writer *writer, const struct sketch_side *side)
{
    uint32_t from = 0;
    uint32_t to = side->n;
    while (from < to && side->counts[from] == 0)
        from++;
    while (to > from && side->counts[to - 1] == 0)
        to--;
    write_varint(writer, to - from);
    if (from == to)
        return;
    write_varint(writer, zigzag((uint64_t)(side->low + (int64_t)from)));
    while (from < to) {
        write_varint(writer, side->counts[from]);
        if (side->counts[from++] > 0)
            continue;
        uint32_t start = from;
        while (side->counts[from] == 0)
            from++;
        write_varint(writer, from - start);
    }
}

/* An extreme as a whole number times a power of ten where that gives it back, else as it is. */
static void write_extremes(struct writer *writer, const struct sketch *sketch)
{
    uint64_t whole[2];
    uint8_t decimals;
    const double values[] = { sketch->min, sketch->max };
    bool short_ones = as_decimals(values, 2, whole, &decimals);
    if (!short_ones)
        decimals = UINT8_MAX;
    write_bytes(writer, &decimals, 1);
    for (int i = 0; i < 2; i++)
        if (short_ones)
            write_varint(writer, i == 0 ? zigzag(whole[0]) : whole[1] - whole[0]);
        else
            write_double(writer, values[i]);
}

static void write_sketch(struct writer *writer, const struct sketch *sketch)
{
    write_varint(writer, sketch->count);
    if (sketch->count == 0)
        return;
    write_extremes(writer, sketch);
    write_varint(writer, sketch->zeros);
    write_side(writer, &sketch->above);
    write_side(writer, &sketch->below);
}

static size_t sketch_bytes_max(const struct sketch *sketch)
{
    return SKETCH_HEAD_MAX + (size_t)VARINT_MAX * ((size_t)sketch->above.n + sketch->below.n);
}

/* At least `bytes` bytes, what was there stays. */
static uint8_t *room_kept(struct room *room, size_t bytes)
{
    if (bytes <= room->bytes)
        return room->at;
    void *at = realloc(room->at, 2 * bytes);
    if (!at)
        return NULL;
    room->at = at;
    room->bytes = 2 * bytes;
    return at;
}

/* Writes it behind the `len` bytes that are there, and how long it is to its place at their start. */
static int append_sketch(struct block_coder *coder, uint32_t i, const struct sketch *sketch, size_t *len,
                         struct err *err)
{
    size_t max = sketch_bytes_max(sketch);
    uint8_t *plain = room_kept(&coder->plain, *len + max);
    if (!plain)
        return err_set(err, -ENOMEM, "sketch: out of memory");
    struct writer writer = { plain + *len, plain + *len + max, false };
    write_sketch(&writer, sketch);
    uint8_t *place = plain + ((size_t)i + 1) * sizeof(uint32_t);
    struct writer lens = { place, place + sizeof(uint32_t), false };
    write_u32(&lens, (uint32_t)(writer.at - plain - *len));
    assert(!writer.full);
    *len = (size_t)(writer.at - plain);
    if (*len > ROW_BYTES_MAX)
        return err_set(err, -EMSGSIZE, "sketch: more than %d bytes of buckets", ROW_BYTES_MAX);
    return 0;
}

/* Each sketch's length, then each sketch. */
static int write_plain(struct block_coder *coder, const struct sketch_source *source, uint32_t n, struct bytes *ret,
                       struct err *err)
{
    size_t len = ((size_t)n + 1) * sizeof(uint32_t);
    uint8_t *plain = room_kept(&coder->plain, len);
    if (!plain)
        return err_set(err, -ENOMEM, "sketch: out of memory");
    struct writer head = { plain, plain + sizeof(uint32_t), false };
    write_u32(&head, n);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        const struct sketch *sketch = NULL;
        rc = source->give(source->user, i, &sketch, err);
        if (rc == 0)
            rc = append_sketch(coder, i, sketch, &len, err);
    }
    *ret = (struct bytes){ coder->plain.at, len };
    return rc;
}

int sketch_of_array(const void *user, uint32_t i, const struct sketch **ret, struct err *err)
{
    (void)err;
    *ret = (const struct sketch *)user + i;
    return 0;
}

int sketches_encode(struct block_coder *coder, const struct sketch_source *source, uint32_t n, struct bytes *ret,
                    struct err *err)
{
    assert(n <= SERIES_MAX);
    struct bytes plain = { 0 };
    int rc = write_plain(coder, source, n, &plain, err);
    if (rc < 0)
        return rc;
    size_t max = ROW_HEAD_BYTES + ZSTD_compressBound(plain.len);
    uint8_t *out = room_for(&coder->out, max);
    if (!out)
        return err_set(err, -ENOMEM, "sketch: out of memory");
    uint8_t *frame = out + ROW_HEAD_BYTES;
    size_t took = ZSTD_compressCCtx(coder->pack, frame, max - ROW_HEAD_BYTES, plain.at, plain.len, ROW_LEVEL);
    if (ZSTD_isError(took))
        return err_set(err, -ENOMEM, "sketch: cannot compress: %s", ZSTD_getErrorName(took));
    frame[-1] = ROW_VERSION;
    struct writer head = { out, out + ROW_HEAD_BYTES, false };
    write_bytes(&head, ROW_MAGIC, ROW_MAGIC_BYTES);
    write_u32(&head, block_sum(frame - 1, took + 1));
    *ret = (struct bytes){ out, ROW_HEAD_BYTES + took };
    return 0;
}

static int damaged(struct err *err)
{
    return err_set(err, -EBADMSG, "sketch: damaged");
}

/* The lengths at the start of `plain` become offsets. */
static int read_offsets(const uint8_t *plain, size_t len, struct arena *arena, struct sketches_view *ret,
                        struct err *err)
{
    struct reader reader = { plain, plain + len };
    uint32_t n;
    if (!read_u32(&reader, &n) || n > SERIES_MAX)
        return damaged(err);
    uint32_t *at = arena_alloc(arena, (size_t)n + 1, sizeof *at);
    if (!at)
        return err_set(err, -ENOMEM, "sketch: out of memory");
    uint64_t end = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t one;
        at[i] = (uint32_t)end;
        if (!read_u32(&reader, &one) || (end += one) > len)
            return damaged(err);
    }
    at[n] = (uint32_t)end;
    if (reader_left(&reader) != end)
        return damaged(err);
    *ret = (struct sketches_view){ .n = n, .at = at, .bytes = reader.at };
    return 0;
}

int sketches_open(struct block_coder *coder, const void *bytes, size_t len, struct arena *arena,
                  struct sketches_view *ret, struct err *err)
{
    struct reader reader = { bytes, (const uint8_t *)bytes + len };
    const uint8_t *magic;
    const uint8_t *version;
    uint32_t sum;
    if (!read_bytes(&reader, ROW_MAGIC_BYTES, &magic) || memcmp(magic, ROW_MAGIC, ROW_MAGIC_BYTES) != 0 ||
        !read_u32(&reader, &sum) || block_sum(reader.at, reader_left(&reader)) != sum ||
        !read_bytes(&reader, 1, &version))
        return damaged(err);
    if (*version != ROW_VERSION)
        return err_set(err, -ENOTSUP, "sketch: format %d, this program knows %d", *version, ROW_VERSION);
    unsigned long long plain_len = ZSTD_getFrameContentSize(reader.at, reader_left(&reader));
    if (plain_len > ROW_BYTES_MAX) /* also its two values for "unknown" */
        return damaged(err);
    uint8_t *plain = arena_alloc(arena, plain_len + 1, 1);
    if (!plain)
        return err_set(err, -ENOMEM, "sketch: out of memory");
    if (ZSTD_decompressDCtx(coder->unpack, plain, plain_len, reader.at, reader_left(&reader)) != plain_len)
        return damaged(err);
    return read_offsets(plain, plain_len, arena, ret, err);
}

static bool read_extremes(struct reader *reader, struct sketch *sketch)
{
    const uint8_t *decimals;
    if (!read_bytes(reader, 1, &decimals))
        return false;
    if (*decimals == UINT8_MAX) {
        if (!read_double(reader, &sketch->min) || !read_double(reader, &sketch->max))
            return false;
    } else {
        uint64_t min;
        uint64_t reach;
        if (*decimals > DECIMALS_MAX || !read_varint(reader, &min) || !read_varint(reader, &reach))
            return false;
        sketch->min = of_decimals(unzigzag(min), *decimals);
        sketch->max = of_decimals(unzigzag(min) + reach, *decimals);
    }
    return isfinite(sketch->min) && isfinite(sketch->max) && sketch->min <= sketch->max;
}

/* Fills side->counts. False: these are not so many counts, or they add up to too much. */
static bool read_counts(struct reader *reader, struct sketch_side *side, uint64_t *sum)
{
    struct reader at = *reader; /* locals stay in registers: this is most of what reading a sketch takes */
    uint64_t *counts = side->counts;
    uint64_t total = *sum;
    for (uint32_t i = 0, n = side->n; i < n; i++) {
        uint64_t count;
        uint64_t more;
        if (!read_varint(&at, &count) || __builtin_add_overflow(total, count, &total))
            return false;
        counts[i] = count;
        if (count > 0)
            continue;
        if (!read_varint(&at, &more) || more >= n - i)
            return false;
        i += (uint32_t)more; /* the arena gives zeros */
    }
    *reader = at;
    *sum = total;
    return true;
}

/* Adds what the side counts to *sum. 0, -EBADMSG or -ENOMEM. */
static int read_side(struct reader *reader, struct arena *arena, struct sketch_side *side, uint64_t *sum)
{
    uint64_t n;
    uint64_t low;
    if (!read_varint(reader, &n) || n > SKETCH_BUCKETS_MAX)
        return -EBADMSG;
    if (n == 0)
        return 0;
    if (!read_varint(reader, &low))
        return -EBADMSG;
    int64_t lowest = (int64_t)unzigzag(low);
    if (lowest < -BUCKET_REACH || lowest > BUCKET_REACH + 1 - (int64_t)n)
        return -EBADMSG;
    side->low = (int32_t)lowest;
    side->n = side->room = (uint32_t)n;
    side->counts = arena_alloc(arena, side->room, sizeof *side->counts);
    if (!side->counts)
        return -ENOMEM;
    return read_counts(reader, side, sum) ? 0 : -EBADMSG;
}

int sketches_read(const struct sketches_view *view, uint32_t i, struct arena *arena, struct sketch *ret,
                  struct err *err)
{
    assert(i < view->n);
    struct reader reader = { view->bytes + view->at[i], view->bytes + view->at[i + 1] };
    struct sketch sketch = { 0 };
    if (!read_varint(&reader, &sketch.count))
        return damaged(err);
    if (sketch.count > 0) {
        if (!read_extremes(&reader, &sketch) || !read_varint(&reader, &sketch.zeros))
            return damaged(err);
        uint64_t sum = sketch.zeros;
        int rc = read_side(&reader, arena, &sketch.above, &sum);
        if (rc == 0)
            rc = read_side(&reader, arena, &sketch.below, &sum);
        if (rc == -ENOMEM)
            return err_set(err, rc, "sketch: out of memory");
        if (rc < 0 || sum != sketch.count)
            return damaged(err);
    }
    if (reader_left(&reader) > 0)
        return damaged(err);
    *ret = sketch;
    return 0;
}
