#include "tests/sim/tap.h"

#include <stdbool.h>
#include <string.h>

#include "proto/codec/codec.h"
#include "proto/link/channel.h"
#include "tests/sim/world.h"

static struct {
    struct tap to;
    bool giving;
    void *user;
    uint32_t ticket;
    size_t sealed_len; /* of what was sealed last, by whomever: an answer is sent as soon as it is sealed */
    uint8_t sealed[CHANNEL_MESSAGE_MAX];
} tap;

void tap_set(struct tap to)
{
    tap.to = to;
}

void tap_give(void *user, uint32_t ticket)
{
    tap.giving = true;
    tap.user = user;
    tap.ticket = ticket;
}

void tap_given(void)
{
    tap.giving = false;
}

void tap_answer(void *user, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct envelope envelope;
    if (codec_decode_envelope(bytes, len, &envelope, NULL) < 0)
        world_fail("an answer in no envelope");
    if (envelope.kind != ENVELOPE_SEALED)
        return;
    if (envelope.inner.len != tap.sealed_len + CHANNEL_TAG_BYTES)
        world_fail("an answer that is not what was sealed last");
    tap.to.answered(user, ticket, tap.sealed, tap.sealed_len);
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */

int __real_channel_open(struct channel *channel, uint64_t counter, const uint8_t *box, size_t len, uint8_t *plain,
                        size_t size, size_t *ret_len, struct err *err);
int __wrap_channel_open(struct channel *channel, uint64_t counter, const uint8_t *box, size_t len, uint8_t *plain,
                        size_t size, size_t *ret_len, struct err *err);
int __real_channel_seal(struct channel *channel, const uint8_t *plain, size_t len, uint8_t *box, size_t size,
                        size_t *ret_len, uint64_t *ret_counter, struct err *err);
int __wrap_channel_seal(struct channel *channel, const uint8_t *plain, size_t len, uint8_t *box, size_t size,
                        size_t *ret_len, uint64_t *ret_counter, struct err *err);

int __wrap_channel_open(struct channel *channel, uint64_t counter, const uint8_t *box, size_t len, uint8_t *plain,
                        size_t size, size_t *ret_len, struct err *err)
{
    int rc = __real_channel_open(channel, counter, box, len, plain, size, ret_len, err);
    if (rc == 0 && tap.giving)
        tap.to.asked(tap.user, tap.ticket, plain, *ret_len);
    return rc;
}

int __wrap_channel_seal(struct channel *channel, const uint8_t *plain, size_t len, uint8_t *box, size_t size,
                        size_t *ret_len, uint64_t *ret_counter, struct err *err)
{
    tap.sealed_len = len <= sizeof tap.sealed ? len : 0;
    memcpy(tap.sealed, plain, tap.sealed_len); /* `box` may be the same memory */
    return __real_channel_seal(channel, plain, len, box, size, ret_len, ret_counter, err);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
