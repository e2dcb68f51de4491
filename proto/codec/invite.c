/* Base64 is libsodium's: its way with a text does not depend on what the text says, and a token is a secret. */
#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/codec/wire.h"

#define WORD "wr1:"

enum {
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING, /* a line that is pasted, whole by a double click */
    WORD_LEN = sizeof WORD - 1,
    BYTES_MAX = (INVITE_TEXT_MAX - 1 - WORD_LEN) / 4 * 3,
};

_Static_assert(WORD_LEN + sodium_base64_ENCODED_LEN(BYTES_MAX, BASE64) <= INVITE_TEXT_MAX, "an invitation's text");

void codec_token_hash(const uint8_t token[TOKEN_BYTES], uint8_t ret[TOKEN_HASH_BYTES])
{
    crypto_generichash(ret, TOKEN_HASH_BYTES, token, TOKEN_BYTES, NULL, 0);
}

static int pack(const struct invite *invite, struct arena *arena, uint8_t bytes[BYTES_MAX], size_t *ret_len,
                struct err *err)
{
    Warroom__Wire__Invite wire = WARROOM__WIRE__INVITE__INIT;
    ProtobufCBinaryData addresses[INVITE_ADDRESSES_MAX];
    wire.addresses = addresses;
    wire.n_addresses = invite->n_addresses;
    for (size_t i = 0; i < invite->n_addresses; i++) {
        int rc = wire_text_write("invitation: address", invite->addresses[i], 1, TEXT_MAX, arena, &addresses[i], err);
        if (rc < 0)
            return rc;
    }
    wire.collector = wire_bytes(invite->collector, sizeof invite->collector);
    wire.token = wire_bytes(invite->token, sizeof invite->token);
    wire.expires_us = invite->expires_us;
    return wire_pack(&wire.base, BYTES_MAX, bytes, BYTES_MAX, ret_len, err);
}

int codec_print_invite(const struct invite *invite, char text[INVITE_TEXT_MAX], struct err *err)
{
    assert(invite->n_addresses > 0 && invite->n_addresses <= INVITE_ADDRESSES_MAX);
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    uint8_t bytes[BYTES_MAX];
    size_t len;
    int rc = pack(invite, &arena, bytes, &len, err);
    if (rc == 0) {
        memcpy(text, WORD, WORD_LEN);
        sodium_bin2base64(text + WORD_LEN, INVITE_TEXT_MAX - WORD_LEN, bytes, len, BASE64);
    }
    sodium_memzero(bytes, sizeof bytes);
    return rc;
}

static int addresses_read(const Warroom__Wire__Invite *wire, struct invite *ret, struct err *err)
{
    if (wire->n_addresses == 0 || wire->n_addresses > INVITE_ADDRESSES_MAX)
        return err_set(err, -EBADMSG, "the invitation names %zu collector addresses, not 1 to %d", wire->n_addresses,
                       INVITE_ADDRESSES_MAX);
    ret->n_addresses = wire->n_addresses;
    for (size_t i = 0; i < wire->n_addresses; i++) {
        int rc = wire_text_read("invitation: address", &wire->addresses[i], 1, TEXT_MAX, &ret->addresses[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int unpack(const uint8_t *bytes, size_t len, struct arena *arena, struct invite *ret, struct err *err)
{
    ProtobufCMessage *message;
    int rc = wire_unpack(&warroom__wire__invite__descriptor, bytes, len, arena, &message, err);
    if (rc == -EBADMSG)
        return err_set(err, rc, "the invitation is not whole: paste all of the line");
    if (rc < 0)
        return rc;
    const Warroom__Wire__Invite *wire = (const Warroom__Wire__Invite *)message;
    struct invite invite = { .expires_us = wire_wall_read(wire->expires_us) };
    if (invite.expires_us <= 0) /* the last field */
        return err_set(err, -EBADMSG, "the invitation is not whole: paste all of the line");
    rc = addresses_read(wire, &invite, err);
    if (rc == 0)
        rc =
            wire_id_read("invitation: collector key", &wire->collector, invite.collector, sizeof invite.collector, err);
    if (rc == 0)
        rc = wire_id_read("invitation: token", &wire->token, invite.token, sizeof invite.token, err);
    if (rc == 0)
        *ret = invite;
    sodium_memzero(&invite, sizeof invite);
    return rc;
}

int codec_parse_invite(const char *text, size_t len, struct arena *arena, struct invite *ret, struct err *err)
{
    uint8_t bytes[BYTES_MAX];
    size_t n;
    if (len < WORD_LEN || memcmp(text, WORD, WORD_LEN) != 0)
        return err_set(err, -EBADMSG, "not an invitation: one begins with " WORD);
    if (sodium_base642bin(bytes, sizeof bytes, text + WORD_LEN, len - WORD_LEN, NULL, &n, NULL, BASE64) < 0)
        return err_set(err, -EBADMSG, "the invitation is not whole: paste all of the line");
    int rc = unpack(bytes, n, arena, ret, err);
    sodium_memzero(bytes, sizeof bytes);
    return rc;
}
