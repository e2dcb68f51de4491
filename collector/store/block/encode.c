#include "collector/store/block/fit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum { GROUP_VALUES = 16384 };
enum { HEAD_MAX = 80 + 15 * ((BLOCK_COLUMNS_MAX + BLOCK_GROUP_BEST - 1) / BLOCK_GROUP_BEST + ENTRIES_BUT_GROUPS) };

static int level_of(enum block_effort effort)
{
    static const int levels[] = { [BLOCK_QUICK] = 1, [BLOCK_GOOD] = 3, [BLOCK_BEST] = 19 };
    return levels[effort];
}

/* Small groups that are compressed would hardly shrink, and one column of few ticks is read fast among many, too. */
static uint32_t group_of(uint32_t n_ticks, bool fitted)
{
    uint32_t group = fitted ? BLOCK_GROUP_BEST : BLOCK_GROUP;
    while (group < BLOCK_GROUP_MAX && 2 * group * n_ticks <= GROUP_VALUES)
        group *= 2;
    return group;
}

struct packing {
    struct block_coder *coder;
    const struct block *block;
    int level;
    uint32_t group; /* columns */
    bool evened;
    size_t body_len;
    uint8_t head_bytes[HEAD_MAX];
    struct writer head;
};

static uint8_t *body_end(const struct packing *p)
{
    return (uint8_t *)p->coder->body.at + p->body_len;
}

/* What was put at the end of the body is an entry of the directory. */
static void add_entry(struct packing *p, size_t len)
{
    write_varint(&p->head, len);
    write_u32(&p->head, block_sum(body_end(p), len));
    p->body_len += len;
}

/* Compressed, `taken` bytes beyond the end of the body. */
static int pack(struct packing *p, const void *plain, size_t len, size_t taken, size_t *ret_len, struct err *err)
{
    size_t took = ZSTD_compressCCtx(p->coder->pack, body_end(p) + taken, p->coder->body.bytes - p->body_len - taken,
                                    plain, len, p->level);
    if (ZSTD_isError(took))
        return err_set(err, -ENOMEM, "block: cannot compress: %s", ZSTD_getErrorName(took));
    *ret_len = took;
    return 0;
}

static int add_packed(struct packing *p, const void *plain, size_t len, struct err *err)
{
    size_t took = 0;
    int rc = pack(p, plain, len, 0, &took, err);
    if (rc == 0)
        add_entry(p, took);
    return rc;
}

static int add_columns(struct packing *p, const struct column *columns, uint32_t n, struct err *err)
{
    struct block_coder *coder = p->coder;
    uint32_t n_ticks = p->block->n_ticks;
    size_t column_max = column_bytes_max(n_ticks);
    size_t lens_max = n * sizeof(uint32_t); /* lengths come first, so that one is found without reading the others */
    uint8_t *plain = room_for(&coder->plain, lens_max + n * column_max);
    uint64_t *ints = room_for(&coder->ints, n_ticks * sizeof *ints);
    if (!plain || !ints)
        return err_set(err, -ENOMEM, "block: out of memory");
    struct writer lens = { plain, plain + lens_max, false };
    struct writer writer = { plain + lens_max, plain + lens_max + n * column_max, false };
    for (uint32_t c = 0; c < n; c++) {
        uint8_t *start = writer.at;
        column_write(&columns[c], n_ticks, false, ints, &writer);
        write_u32(&lens, (uint32_t)(writer.at - start));
    }
    assert(!writer.full && !lens.full);
    return add_packed(p, plain, (size_t)(writer.at - plain), err);
}

static int add_parts(struct packing *p, struct err *err)
{
    const struct block *block = p->block;
    size_t max = (size_t)block->n_parts * (RUN_BYTES + 2 * VARINT_MAX);
    uint8_t *plain = room_for(&p->coder->plain, max + 1);
    if (!plain)
        return err_set(err, -ENOMEM, "block: out of memory");
    struct writer writer = { plain, plain + max, false };
    for (uint32_t i = 0; i < block->n_parts; i++) {
        write_bytes(&writer, &block->parts[i].run, sizeof block->parts[i].run);
        write_varint(&writer, block->parts[i].first);
        write_varint(&writer, block->parts[i].n);
    }
    return add_packed(p, plain, (size_t)(writer.at - plain), err);
}

/* Column `column` compressed by itself, `taken` bytes beyond the end of the body. */
static int pack_column(struct packing *p, uint32_t column, bool planes, size_t taken, size_t *ret_len, struct err *err)
{
    uint32_t n_ticks = p->block->n_ticks;
    uint8_t *plain = room_for(&p->coder->plain, column_bytes_max(n_ticks));
    uint64_t *ints = room_for(&p->coder->ints, n_ticks * sizeof *ints);
    if (!plain || !ints)
        return err_set(err, -ENOMEM, "block: out of memory");
    struct writer writer = { plain, plain + column_bytes_max(n_ticks), false };
    column_write(&p->block->columns[column], n_ticks, planes, ints, &writer);
    return pack(p, plain, (size_t)(writer.at - plain), taken, ret_len, err);
}

/* The column is at `taken` bytes beyond the end of the body; where it is shorter when compressed, that takes its place:
 * compression finds values that come again, however far apart. */
static int pack_if_shorter(struct packing *p, uint32_t column, bool whole, size_t taken, struct coded_head *head,
                           struct err *err)
{
    uint8_t *start = body_end(p) + taken;
    for (int planes = 0; planes <= 1; planes++) {
        size_t packed = 0;
        int rc = pack_column(p, column, planes, taken + head->len, &packed, err);
        if (rc < 0)
            return rc;
        if (whole && packed >= head->len)
            continue;
        memmove(start, start + head->len, packed);
        *head = (struct coded_head){ .kind = CODED_PACKED, .guide = CODED_NONE, .len = (uint32_t)packed };
        whole = true;
    }
    return 0;
}

/* Column `column` told by itself, `taken` bytes beyond the end of the body; its head says in how many. */
static int add_fitted(struct packing *p, struct fit *fit, uint32_t column, size_t taken, struct err *err)
{
    const uint64_t *rest;
    const uint8_t *signal;
    fit_column(fit, column, &rest, &signal);
    struct coded_head *head = &fit->columns[column].head;
    if (head->kind == CODED_EVEN)
        return 0;
    uint8_t *start = body_end(p) + taken;
    struct writer writer = { start, start + column_bytes_max(p->block->n_ticks), false };
    model_write(fit->model, head->shape, rest, head->numbers.n, signal, &writer);
    head->len = (uint32_t)(writer.at - start);
    if (!head->numbers.bits && !writer.full)
        return 0;
    return pack_if_shorter(p, column, !writer.full, taken, head, err);
}

static int add_heads(struct packing *p, const struct fit *fit, struct err *err)
{
    const struct block *block = p->block;
    size_t max = 0;
    for (uint32_t c = 0; c < block->n_columns; c++)
        max += coded_head_bytes_max(fit->columns[c].head.numbers.n < block->n_ticks ? block->n_ticks : 0);
    uint8_t *plain = room_for(&p->coder->heads_plain, max);
    uint8_t *runs = room_for(&p->coder->plain, 2 * (size_t)block->n_ticks + VARINT_MAX);
    p->coder->heads_packed = 0;
    if (!plain || !runs)
        return err_set(err, -ENOMEM, "block: out of memory");
    struct writer writer = { plain, plain + max, false };
    for (uint32_t c = 0; c < block->n_columns; c++) {
        struct coded_head head = fit->columns[c].head;
        struct writer runs_writer = { runs, runs + 2 * (size_t)block->n_ticks + VARINT_MAX, false };
        if (head.kind != CODED_PACKED && head.numbers.n < block->n_ticks)
            runs_write(&block->columns[c], block->n_ticks, &runs_writer);
        head.runs = (struct reader){ runs, runs_writer.at };
        coded_head_write(&head, c, &writer);
    }
    assert(!writer.full);
    return add_packed(p, plain, (size_t)(writer.at - plain), err);
}

/* Each column by itself; the heads come last. */
static int add_all_fitted(struct packing *p, struct err *err)
{
    struct block_coder *coder = p->coder;
    const struct block *block = p->block;
    struct fit fit;
    void *memory = room_for(&coder->fit, fit_bytes(block));
    if (!memory)
        return err_set(err, -ENOMEM, "block: out of memory");
    fit_begin(&fit, block, memory, &coder->sorted);
    for (uint32_t c = 0; c < block->n_columns;) {
        size_t taken = 0;
        do {
            int rc = add_fitted(p, &fit, c, taken, err);
            if (rc < 0)
                return rc;
            taken += fit.columns[c].head.len;
        } while (++c < block->n_columns && c % p->group != 0);
        add_entry(p, taken);
    }
    return add_heads(p, &fit, err);
}

/* Groups of columns, each compressed as one; no heads. */
static int add_all_packed(struct packing *p, struct err *err)
{
    const struct block *block = p->block;
    for (uint32_t c = 0; c < block->n_columns; c += p->group) {
        uint32_t left = block->n_columns - c;
        int rc = add_columns(p, block->columns + c, left < p->group ? left : p->group, err);
        if (rc < 0)
            return rc;
    }
    add_entry(p, 0);
    return 0;
}

static int room_for_body(struct packing *p, struct err *err)
{
    const struct block *block = p->block;
    uint32_t n_groups = (block->n_columns + p->group - 1) / p->group;
    size_t plain = ((size_t)block->n_columns + 3) * (column_bytes_max(block->n_ticks) + coded_head_bytes_max(0)) +
                   (size_t)block->n_parts * (RUN_BYTES + 2 * VARINT_MAX);
    size_t frames = (size_t)(n_groups + block->n_columns + ENTRIES_BUT_GROUPS) * 256;
    size_t bytes = plain + plain / 128 + frames;
    if (bytes > 16 * (size_t)BLOCK_BYTES_MAX) /* columns that hardly shrink are found by the result's size */
        return err_set(err, -EMSGSIZE, "block: %u ticks of %u columns", block->n_ticks, block->n_columns);
    if (!room_for(&p->coder->body, bytes))
        return err_set(err, -ENOMEM, "block: out of memory");
    return 0;
}

static int finish(struct packing *p, struct bytes *ret, struct err *err)
{
    size_t head_len = (size_t)(p->head.at - p->head_bytes);
    size_t max = BLOCK_MARK_MAX + head_len + p->body_len;
    if (max > BLOCK_BYTES_MAX)
        return err_set(err, -EMSGSIZE, "block: %zu bytes, limit %d", max, BLOCK_BYTES_MAX);
    uint8_t *out = room_for(&p->coder->out, max);
    if (!out)
        return err_set(err, -ENOMEM, "block: out of memory");
    struct writer writer = { out, out + max, false };
    write_bytes(&writer, BLOCK_MAGIC, BLOCK_MAGIC_BYTES);
    write_u32(&writer, block_sum(p->head_bytes, head_len));
    write_varint(&writer, head_len);
    write_bytes(&writer, p->head_bytes, head_len);
    write_bytes(&writer, p->coder->body.at, p->body_len);
    assert(!writer.full);
    *ret = (struct bytes){ out, (size_t)(writer.at - out) };
    return 0;
}

/* Are most ticks not exactly as far apart as one of them? Those of agents jitter around whole seconds. */
static bool jitter(const struct block *block)
{
    const int64_t *at_us = block->at_us;
    uint32_t n = block->n_ticks;
    uint32_t middle = n > 1 ? n / 2 : 1;
    uint32_t alike = 0;
    for (uint32_t i = 1; i < n; i++)
        alike += at_us[i] - at_us[i - 1] == at_us[middle] - at_us[middle - 1];
    return n > 2 && alike < n / 2;
}

static int add_times(struct packing *p, struct err *err)
{
    const struct block *block = p->block;
    struct column times = { .fixed = block->at_us };
    if (p->evened) { /* what is left is the jitter alone, without the step from each tick to the next */
        int64_t *apart = room_for(&p->coder->numbers, block->n_ticks * sizeof *apart);
        if (!apart)
            return err_set(err, -ENOMEM, "block: out of memory");
        int64_t span = block->at_us[block->n_ticks - 1] - block->at_us[0];
        for (uint32_t i = 0; i < block->n_ticks; i++)
            apart[i] = block->at_us[i] - even_us(span, i, block->n_ticks);
        times.fixed = apart;
    }
    return add_columns(p, &times, 1, err);
}

static void start_head(struct packing *p)
{
    const struct block *block = p->block;
    p->head = (struct writer){ p->head_bytes, p->head_bytes + sizeof p->head_bytes, false };
    write_varint(&p->head, BLOCK_VERSION);
    write_varint(&p->head, block->n_ticks);
    write_varint(&p->head, block->n_columns);
    write_varint(&p->head, block->n_parts);
    write_varint(&p->head, p->group);
    write_varint(&p->head, (uint64_t)block->at_us[0]);
    write_varint(&p->head, (uint64_t)(block->at_us[block->n_ticks - 1] - block->at_us[0]));
    write_varint(&p->head, p->evened);
}

int block_encode(struct block_coder *coder, const struct block *block, enum block_effort effort, struct bytes *ret,
                 struct err *err)
{
    assert(coder && block && ret);
    assert(block->n_ticks > 0 && block->n_ticks <= BLOCK_TICKS_MAX);
    assert(block->n_columns <= BLOCK_COLUMNS_MAX && block->n_parts <= block->n_ticks);
    struct packing p = { .coder = coder, .block = block, .level = level_of(effort) };
    bool fitted = effort == BLOCK_BEST && block->n_columns > 0 && fit_bytes(block) > 0;
    p.group = group_of(block->n_ticks, fitted);
    p.evened = jitter(block);
    start_head(&p);
    int rc = room_for_body(&p, err);
    if (rc == 0)
        rc = add_times(&p, err);
    if (rc == 0)
        rc = add_parts(&p, err);
    if (rc == 0)
        rc = fitted ? add_all_fitted(&p, err) : add_all_packed(&p, err);
    return rc < 0 ? rc : finish(&p, ret, err);
}
