/* What is taken for an invitation can be printed, and is the same when it is read again. */
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    struct invite invite, again;
    char text[INVITE_TEXT_MAX];
    if (codec_parse_invite((const char *)data, size, &arena, &invite, NULL) < 0)
        return 0;
    check(codec_print_invite(&invite, text, NULL) == 0);
    check(codec_parse_invite(text, strlen(text), &arena, &again, NULL) == 0);
    check(again.n_addresses == invite.n_addresses && again.expires_us == invite.expires_us);
    for (size_t i = 0; i < invite.n_addresses; i++)
        check(strcmp(again.addresses[i], invite.addresses[i]) == 0);
    check(memcmp(again.collector, invite.collector, sizeof again.collector) == 0);
    check(memcmp(again.token, invite.token, sizeof again.token) == 0);
    return 0;
}
