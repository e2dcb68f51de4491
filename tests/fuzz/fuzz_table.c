/* A table that decodes must encode and come back the same. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

static void check_same(const struct series_table *a, const struct series_table *b)
{
    check(a->n == b->n);
    for (uint32_t i = 0; i < a->n; i++) {
        check(strcmp(a->at[i].metric, b->at[i].metric) == 0 && strcmp(a->at[i].unit, b->at[i].unit) == 0);
        check(strcmp(a->at[i].instance, b->at[i].instance) == 0 && a->at[i].exponent == b->at[i].exponent);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[MESSAGE_MAX];
    struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    struct series_table table;
    struct series_table again;
    struct err err;
    if (codec_decode_table(data, size, &arena, &table, &err) == 0) {
        size_t len;
        check(table.n > 0 && table.n <= SERIES_MAX);
        /* Near the limit a table may grow: writing puts a metric before it is named, once for each text of it. */
        int rc = codec_encode_table(&table, bytes, sizeof bytes, &len, &err);
        check(rc == 0 || size > MESSAGE_MAX / 2);
        if (rc == 0) {
            check(codec_decode_table(bytes, len, &arena, &again, &err) == 0);
            check_same(&table, &again);
        }
    }
    arena_done(&arena);
    return 0;
}
