#include "agent/uplink/secure.h"

#include <assert.h>
#include <string.h>

#include "proto/codec/codec.h"

void secure_init(struct secure *secure, const struct key_pair *own, const struct public_key *collector)
{
    *secure = (struct secure){ .own = own, .collector = *collector };
}

static int put_in_envelope(struct sent *sent, enum envelope_kind kind, uint64_t counter, size_t len, struct err *err)
{
    struct envelope envelope = { .kind = kind, .counter = counter, .inner = { sent->box, len } };
    return codec_encode_envelope(&envelope, sent->bytes, sizeof sent->bytes, &sent->len, err);
}

int secure_hello(struct secure *secure, const struct hello *hello, struct sent *ret, struct err *err)
{
    struct request request = { .kind = REQUEST_HELLO, .hello = *hello };
    uint8_t payload[HANDSHAKE_PAYLOAD_MAX]; /* with a token, maybe */
    size_t len;
    channel_done(&secure->channel);
    handshake_initiate(&secure->handshake, CHANNEL_PROLOGUE, secure->own, &secure->collector);
    int rc = codec_encode_request(&request, payload, sizeof payload, &len, err);
    if (rc == 0)
        rc = handshake_write(&secure->handshake, payload, len, ret->box, sizeof ret->box, &len, err);
    explicit_bzero(payload, sizeof payload);
    return rc < 0 ? rc : put_in_envelope(ret, ENVELOPE_HANDSHAKE, 0, len, err);
}

int secure_seal(struct secure *secure, const struct request *request, struct sent *ret, struct err *err)
{
    size_t len;
    uint64_t counter;
    int rc = codec_encode_request(request, ret->box, SECURE_PLAIN_MAX, &len, err);
    if (rc == 0)
        rc = channel_seal(&secure->channel, ret->box, len, ret->box, sizeof ret->box, &len, &counter, err);
    return rc != 0 ? rc : put_in_envelope(ret, ENVELOPE_SEALED, counter, len, err);
}

bool secure_is_over(const struct secure *secure)
{
    return !secure->channel.open || secure->channel.next_seal >= CHANNEL_MESSAGES_MAX;
}

int secure_open(struct secure *secure, const struct envelope *envelope, uint8_t *plain, size_t size, size_t *ret_len,
                struct err *err)
{
    assert(envelope->kind == ENVELOPE_HANDSHAKE || envelope->kind == ENVELOPE_SEALED);
    const struct bytes *inner = &envelope->inner;
    if (envelope->kind == ENVELOPE_HANDSHAKE)
        return handshake_read(&secure->handshake, inner->at, inner->len, plain, size, ret_len, err);
    return channel_open(&secure->channel, envelope->counter, inner->at, inner->len, plain, size, ret_len, err);
}

void secure_begin(struct secure *secure)
{
    handshake_finish(&secure->handshake, &secure->channel);
}

void secure_done(struct secure *secure)
{
    handshake_done(&secure->handshake);
    channel_done(&secure->channel);
}
