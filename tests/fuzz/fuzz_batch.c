/* A batch that decodes must encode and come back the same. A wall time that was brought back within reach may take more
 * bytes than what it came from, so near the limit encoding may fail. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

static void check_same(const struct batch *a, const struct batch *b)
{
    check(a->first == b->first && a->n_ticks == b->n_ticks && a->n_columns == b->n_columns);
    check(memcmp(&a->run, &b->run, sizeof a->run) == 0 && memcmp(&a->table, &b->table, sizeof a->table) == 0);
    check(memcmp(a->mono_us, b->mono_us, a->n_ticks * sizeof *a->mono_us) == 0);
    check(memcmp(a->wall_us, b->wall_us, a->n_ticks * sizeof *a->wall_us) == 0);
    for (uint32_t c = 0; c < a->n_columns; c++) {
        check(a->columns[c].real == b->columns[c].real);
        check(memcmp(a->columns[c].fixed, b->columns[c].fixed, a->n_ticks * sizeof(int64_t)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[BATCH_MAX];
    struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    struct batch batch;
    struct batch again;
    struct err err;
    if (codec_decode_batch(data, size, &arena, &batch, &err) == 0) {
        size_t len;
        check(batch.n_ticks > 0 && batch.n_columns > 0 && batch.n_columns * batch.n_ticks <= BATCH_VALUES_MAX);
        for (uint32_t i = 1; i < batch.n_ticks; i++)
            check(batch.mono_us[i] > batch.mono_us[i - 1]);
        int rc = codec_encode_batch(&batch, bytes, sizeof bytes, &len, &err);
        check(rc == 0 || size + 10 * (size_t)batch.n_ticks > BATCH_MAX);
        if (rc == 0) {
            check(codec_decode_batch(bytes, len, &arena, &again, &err) == 0);
            check_same(&batch, &again);
        }
    }
    arena_done(&arena);
    return 0;
}
