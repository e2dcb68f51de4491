/* A row of sketches that opens is read, and what it holds must encode and come back the same. As for blocks, half of
 * the inputs have their checksum mended. */
#include <stdlib.h>
#include <string.h>

#include "collector/store/block/form.h"
#include "collector/store/block/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 16 << 20, INPUT_MAX = 1 << 16, MARK_BYTES = 2 + sizeof(uint32_t) };

static void check(int good)
{
    if (!good)
        abort();
}

static uint64_t side_sum(const struct sketch_side *side)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < side->n; i++)
        sum += side->counts[i];
    return sum;
}

static void check_sketch(const struct sketch *sketch)
{
    check(side_sum(&sketch->above) + side_sum(&sketch->below) + sketch->zeros == sketch->count);
    if (sketch->count == 0)
        return;
    double last = sketch_quantile(sketch, 0);
    for (int q = 1; q <= 8; q++) {
        double value = sketch_quantile(sketch, q / 8.0);
        check(value >= last);
        last = value;
    }
}

static void check_comes_back(struct block_coder *coder, const struct sketch *sketches, uint32_t n, struct arena *arena)
{
    struct bytes bytes;
    struct sketches_view view;
    struct sketch_source source = { sketch_of_array, sketches };
    check(sketches_encode(coder, &source, n, &bytes, NULL) == 0);
    if (sketches_open(coder, bytes.at, bytes.len, arena, &view, NULL) < 0)
        return; /* no room */
    check(view.n == n);
    for (uint32_t i = 0; i < n; i++) {
        struct sketch again;
        if (sketches_read(&view, i, arena, &again, NULL) < 0)
            return;
        check(again.count == sketches[i].count && again.zeros == sketches[i].zeros);
        check(again.min == sketches[i].min && again.max == sketches[i].max);
        check(side_sum(&again.above) == side_sum(&sketches[i].above));
        check(side_sum(&again.below) == side_sum(&sketches[i].below));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[INPUT_MAX];
    static struct block_coder *coder;
    if (size < 1 + MARK_BYTES || size > sizeof bytes || (!coder && block_coder_new(&coder, NULL) < 0))
        return 0;
    size_t len = size - 1;
    memcpy(bytes, data + 1, len);
    uint32_t sum = htole32(block_sum(bytes + MARK_BYTES, len - MARK_BYTES));
    if (data[0] & 1)
        memcpy(bytes + 2, &sum, sizeof sum);
    struct arena arena;
    arena_init(&arena, MEMORY);
    struct sketches_view view;
    if (sketches_open(coder, bytes, len, &arena, &view, NULL) == 0) {
        struct sketch *sketches = arena_alloc(&arena, view.n + 1, sizeof *sketches);
        uint32_t n = 0;
        while (sketches && n < view.n && sketches_read(&view, n, &arena, &sketches[n], NULL) == 0)
            check_sketch(&sketches[n++]);
        check_comes_back(coder, sketches, sketches ? n : 0, &arena);
    }
    arena_done(&arena);
    return 0;
}
