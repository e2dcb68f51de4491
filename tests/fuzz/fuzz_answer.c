/* An answer that decodes must encode again and come back the same. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

static void check_same(const struct answer *a, const struct answer *b)
{
    check(a->kind == b->kind && a->received_us == b->received_us && a->sent_us == b->sent_us);
    check(a->first == b->first && a->last == b->last && a->retry_us == b->retry_us);
    check(a->refusal == b->refusal && strcmp(a->text, b->text) == 0);
    check(a->policy.revision == b->policy.revision && a->policy.interval_us == b->policy.interval_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[1024];
    struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    struct answer answer;
    struct answer again;
    struct err err;
    if (codec_decode_answer(data, size, &arena, &answer, &err) == 0) {
        size_t len;
        check(refusal_name(answer.refusal) != NULL);
        check(codec_encode_answer(&answer, bytes, sizeof bytes, &len, &err) == 0);
        check(codec_decode_answer(bytes, len, &arena, &again, &err) == 0);
        check_same(&answer, &again);
    }
    arena_done(&arena);
    return 0;
}
