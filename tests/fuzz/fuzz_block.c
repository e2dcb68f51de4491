/* Bytes that open as a block are read column by column and whole, and what they hold must encode and come back the
 * same. Checksums would stop nearly every input at the door, so half of the inputs are told with theirs mended: the
 * first byte says which. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/block/block.h"
#include "collector/store/block/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 16 << 20, VALUES_MAX = 1 << 16, INPUT_MAX = 1 << 16 };

static void check(int good)
{
    if (!good)
        abort();
}

/* Makes the checksums those of what is there, as far as there is a directory to find them by. */
static void mend(uint8_t *bytes, size_t len)
{
    struct reader reader = { bytes, bytes + len };
    const uint8_t *mark;
    uint64_t head_len;
    const uint8_t *head_bytes;
    if (!read_bytes(&reader, BLOCK_MAGIC_BYTES + sizeof(uint32_t), &mark) || !read_varint(&reader, &head_len) ||
        !read_bytes(&reader, head_len, &head_bytes))
        return;
    struct reader head = { head_bytes, head_bytes + head_len };
    uint64_t number;
    for (int i = 0; i < BLOCK_HEAD_NUMBERS; i++)
        if (!read_varint(&head, &number))
            return;
    while (read_varint(&head, &number)) {
        const uint8_t *sum_at;
        const uint8_t *piece;
        if (!read_bytes(&head, sizeof(uint32_t), &sum_at) || !read_bytes(&reader, number, &piece))
            break;
        uint32_t sum = htole32(block_sum(piece, number));
        memcpy(bytes + (sum_at - bytes), &sum, sizeof sum);
    }
    uint32_t sum = htole32(block_sum(head_bytes, head_len));
    memcpy(bytes + BLOCK_MAGIC_BYTES, &sum, sizeof sum);
}

static void check_same(const struct block *a, const struct block *b)
{
    check(a->n_ticks == b->n_ticks && a->n_columns == b->n_columns && a->n_parts == b->n_parts);
    check(memcmp(a->at_us, b->at_us, a->n_ticks * sizeof *a->at_us) == 0);
    for (uint32_t i = 0; i < a->n_parts; i++)
        check(memcmp(&a->parts[i].run, &b->parts[i].run, RUN_BYTES) == 0 && a->parts[i].first == b->parts[i].first &&
              a->parts[i].n == b->parts[i].n);
    for (uint32_t c = 0; c < a->n_columns; c++) {
        const struct column *x = &a->columns[c];
        const struct column *y = &b->columns[c];
        check(x->real == y->real);
        for (uint32_t i = 0; i < a->n_ticks; i++)
            check(x->real && isnan(x->values[i]) ? isnan(y->values[i])
                                                 : x->fixed[i] == y->fixed[i] || (x->real && x->values[i] == 0));
    }
}

static void check_comes_back(struct block_coder *coder, const struct block *block, struct arena *arena)
{
    if ((uint64_t)block->n_ticks * block->n_columns > VALUES_MAX)
        return;
    for (int effort = BLOCK_QUICK; effort <= BLOCK_BEST; effort++) {
        struct bytes bytes;
        struct block again;
        check(block_encode(coder, block, (enum block_effort)effort, &bytes, NULL) == 0);
        if (block_decode(coder, bytes.at, bytes.len, arena, &again, NULL) == 0)
            check_same(block, &again);
        else
            check(arena->taken_bytes > MEMORY / 4); /* no room, not no block */
    }
}

static void read_columns(struct block_coder *coder, const struct block_view *view, struct arena *arena)
{
    for (uint32_t c = 0; c < view->n_columns; c += 1 + view->n_columns / 5) {
        struct column column;
        block_column(coder, view, c, arena, &column, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[INPUT_MAX];
    static struct block_coder *coder;
    if (size < 1 || size > sizeof bytes || (!coder && block_coder_new(&coder, NULL) < 0))
        return 0;
    size_t len = size - 1;
    memcpy(bytes, data + 1, len);
    if (data[0] & 1)
        mend(bytes, len);
    struct arena arena;
    struct block_view view;
    struct block block;
    arena_init(&arena, MEMORY);
    if (block_open(bytes, len, &view, NULL) == 0)
        read_columns(coder, &view, &arena);
    arena_reset(&arena);
    if (block_decode(coder, bytes, len, &arena, &block, NULL) == 0)
        check_comes_back(coder, &block, &arena);
    arena_done(&arena);
    return 0;
}
