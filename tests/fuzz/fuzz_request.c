/* A request that decodes must encode again and decode to the same kind, numbers and bytes. */
#include <stdlib.h>
#include <string.h>

#include "proto/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
    if (!good)
        abort();
}

static void check_bytes(struct bytes a, struct bytes b)
{
    check(a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0));
}

static void check_hello(const struct hello *a, const struct hello *b)
{
    check(a->host == b->host && memcmp(&a->run, &b->run, sizeof a->run) == 0);
    check(a->mono_us == b->mono_us && a->wall_us == b->wall_us);
    check(strcmp(a->version, b->version) == 0 && strcmp(a->hostname, b->hostname) == 0);
    check(strcmp(a->system, b->system) == 0);
    check_bytes(a->token, b->token);
}

static void check_report(const struct report *a, const struct report *b)
{
    check(a->highest == b->highest && a->policy_revision == b->policy_revision && a->interval_us == b->interval_us);
    check(a->sent_us == b->sent_us && a->answered_us == b->answered_us && a->has_table == b->has_table);
    check(!a->has_table || a->table.n == a->batch.n_columns);
    check_bytes(a->batch_bytes, b->batch_bytes);
    check_bytes(a->table_bytes, b->table_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[MESSAGE_MAX];
    struct arena arena;
    arena_init(&arena, 2 * CODEC_ARENA_BYTES);
    struct request request;
    struct request again;
    struct err err;
    if (codec_decode_request(data, size, &arena, &request, &err) == 0) {
        size_t len;
        check(codec_encode_request(&request, bytes, sizeof bytes, &len, &err) == 0 && len <= size);
        check(codec_decode_request(bytes, len, &arena, &again, &err) == 0 && again.kind == request.kind);
        if (request.kind == REQUEST_HELLO)
            check_hello(&request.hello, &again.hello);
        else
            check_report(&request.report, &again.report);
    }
    arena_done(&arena);
    return 0;
}
