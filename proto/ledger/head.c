#include "proto/ledger/head.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/text/base64.h"

enum { SIGNED_BYTES = LEDGER_HEAD_BYTES - LEDGER_SIGNATURE_BYTES };
static const char domain[] = "warroom/ledger-head/1";
static const char prefix[] = "warroom-ledger-head-1 ";

_Static_assert(LEDGER_KEY_BYTES == crypto_sign_SEEDBYTES && LEDGER_KEY_BYTES == crypto_sign_PUBLICKEYBYTES &&
                   2 * LEDGER_KEY_BYTES == crypto_sign_SECRETKEYBYTES && LEDGER_SIGNATURE_BYTES == crypto_sign_BYTES,
               "sizes of Ed25519");
_Static_assert(LEDGER_HEAD_TEXT == sizeof prefix - 1 + BASE64_TEXT(LEDGER_HEAD_BYTES) - 1, "of a head as text");
_Static_assert(LEDGER_KEY_TEXT == BASE64_TEXT(LEDGER_KEY_BYTES) - 1, "of a key as text");

/* ---- keys ---- */

int ledger_key_of(struct ledger_key *ret, const uint8_t seed[LEDGER_KEY_BYTES], struct err *err)
{
    if (sodium_init() < 0)
        return err_set(err, -EIO, "ledger: libsodium finds no random numbers");
    crypto_sign_seed_keypair(ret->public_key.bytes, ret->secret, seed);
    return 0;
}

void ledger_key_done(struct ledger_key *key)
{
    sodium_memzero(key, sizeof *key);
}

char *ledger_public_print(char ret[LEDGER_KEY_TEXT + 1], const struct ledger_public *key)
{
    base64_encode(ret, key->bytes, sizeof key->bytes);
    return ret;
}

static bool decode_exactly(uint8_t *bytes, size_t n, const char *text, size_t len)
{
    size_t decoded = 0;
    return len == BASE64_TEXT(n) - 1 && base64_decode(bytes, text, len, &decoded) == 0 && decoded == n;
}

int ledger_public_parse(struct ledger_public *ret, const char *text, size_t len, struct err *err)
{
    uint8_t bytes[LEDGER_KEY_BYTES + 2];
    if (!decode_exactly(bytes, LEDGER_KEY_BYTES, text, len))
        return err_set(err, -EINVAL, "not a public key of ledgers: it has %d letters of base64", LEDGER_KEY_TEXT);
    memcpy(ret->bytes, bytes, sizeof ret->bytes);
    return 0;
}

/* ---- bytes ---- */

static uint8_t *put_number(uint8_t *at, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

static const uint8_t *take_number(const uint8_t *at, uint64_t *ret)
{
    *ret = 0;
    for (int i = 0; i < 8; i++)
        *ret = *ret << 8 | *at++;
    return at;
}

void ledger_head_encode(const struct ledger_head *head, uint8_t bytes[LEDGER_HEAD_BYTES])
{
    uint8_t *at = put_number(put_number(put_number(bytes, head->tenant), head->n), (uint64_t)head->at_us);
    memcpy(at, head->hash.bytes, LEDGER_HASH_BYTES);
    memcpy(at + LEDGER_HASH_BYTES, head->signature, LEDGER_SIGNATURE_BYTES);
}

int ledger_head_decode(const uint8_t bytes[LEDGER_HEAD_BYTES], struct ledger_head *ret, struct err *err)
{
    struct ledger_head head;
    uint64_t at_us = 0;
    const uint8_t *at = take_number(take_number(take_number(bytes, &head.tenant), &head.n), &at_us);
    if (head.tenant > INT64_MAX || head.n < 1 || head.n > INT64_MAX || at_us > INT64_MAX)
        return err_set(err, -EBADMSG, "ledger: numbers that no head has");
    head.at_us = (int64_t)at_us;
    memcpy(head.hash.bytes, at, LEDGER_HASH_BYTES);
    memcpy(head.signature, at + LEDGER_HASH_BYTES, LEDGER_SIGNATURE_BYTES);
    *ret = head;
    return 0;
}

/* ---- signatures ---- */

enum { MESSAGE_BYTES = sizeof domain - 1 + SIGNED_BYTES };

static void form_message(uint8_t message[MESSAGE_BYTES], const struct ledger_head *head)
{
    uint8_t bytes[LEDGER_HEAD_BYTES];
    ledger_head_encode(head, bytes);
    memcpy(message, domain, sizeof domain - 1);
    memcpy(message + sizeof domain - 1, bytes, SIGNED_BYTES);
}

void ledger_head_sign(struct ledger_head *head, const struct ledger_key *key)
{
    uint8_t message[MESSAGE_BYTES];
    form_message(message, head);
    crypto_sign_detached(head->signature, NULL, message, sizeof message, key->secret);
}

bool ledger_head_holds(const struct ledger_head *head, const struct ledger_public *key)
{
    uint8_t message[MESSAGE_BYTES];
    form_message(message, head);
    return crypto_sign_verify_detached(head->signature, message, sizeof message, key->bytes) == 0;
}

/* ---- text ---- */

char *ledger_head_print(char ret[LEDGER_HEAD_TEXT + 1], const struct ledger_head *head)
{
    uint8_t bytes[LEDGER_HEAD_BYTES];
    ledger_head_encode(head, bytes);
    memcpy(ret, prefix, sizeof prefix - 1);
    base64_encode(ret + sizeof prefix - 1, bytes, sizeof bytes);
    return ret;
}

int ledger_head_parse(struct ledger_head *ret, const char *text, size_t len, struct err *err)
{
    uint8_t bytes[LEDGER_HEAD_BYTES + 2];
    size_t before = sizeof prefix - 1;
    if (len < before || memcmp(text, prefix, before) != 0 ||
        !decode_exactly(bytes, LEDGER_HEAD_BYTES, text + before, len - before))
        return err_set(err, -EINVAL, "not a head of a ledger: it is one line, %.*s and %d letters of base64",
                       (int)before - 1, prefix, LEDGER_HEAD_TEXT - (int)before);
    return ledger_head_decode(bytes, ret, NULL) < 0 ? err_set(err, -EINVAL, "not a head of a ledger: its numbers") : 0;
}
