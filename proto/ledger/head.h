/* proto/ledger/head.h - a head: the signed statement that a tenant's chain had n entries, the last one with this hash,
 * at this time. Whoever keeps one can tell later that nothing up to n was altered, taken out, put in or cut off.
 *
 * Bytes    tenant, n, at_us as 8 bytes each, the highest first; the hash; the signature: LEDGER_HEAD_BYTES
 * Signed   Ed25519 (RFC 8032) over "warroom/ledger-head/1" and the bytes before the signature
 * Text     "warroom-ledger-head-1 " and the bytes in base64: one line to be kept by people
 * Secrets  whoever holds a struct ledger_key wipes it by ledger_key_done()
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/ledger/ledger.h"

enum {
    LEDGER_KEY_BYTES = 32,
    LEDGER_KEY_TEXT = 44, /* without the terminator, as below */
    LEDGER_SIGNATURE_BYTES = 64,
    LEDGER_HEAD_BYTES = 3 * 8 + LEDGER_HASH_BYTES + LEDGER_SIGNATURE_BYTES,
    LEDGER_HEAD_TEXT = 22 + 160
};

struct ledger_public { /* whose heads these are */
    uint8_t bytes[LEDGER_KEY_BYTES];
};

struct ledger_key {
    uint8_t secret[2 * LEDGER_KEY_BYTES];
    struct ledger_public public_key;
};

struct ledger_head {
    uint64_t tenant;
    uint64_t n; /* from 1: of a chain without entries there is none */
    int64_t at_us;
    struct ledger_hash hash;
    uint8_t signature[LEDGER_SIGNATURE_BYTES];
};

/* The key that belongs to a seed, LEDGER_KEY_BYTES of secret; copied. */
int ledger_key_of(struct ledger_key *ret, const uint8_t seed[LEDGER_KEY_BYTES], struct err *err);
/* Wipes it. For AUTO(). */
void ledger_key_done(struct ledger_key *key);

/* Fills in the signature of the rest. */
void ledger_head_sign(struct ledger_head *head, const struct ledger_key *key);
/* Whether the owner of `key` has signed it. */
bool ledger_head_holds(const struct ledger_head *head, const struct ledger_public *key);

void ledger_head_encode(const struct ledger_head *head, uint8_t bytes[LEDGER_HEAD_BYTES]);
/* Looks at no signature. -EBADMSG: numbers that no head has. */
int ledger_head_decode(const uint8_t bytes[LEDGER_HEAD_BYTES], struct ledger_head *ret, struct err *err);

/* Returns `ret`. */
char *ledger_head_print(char ret[LEDGER_HEAD_TEXT + 1], const struct ledger_head *head);
/* Looks at no signature. -EINVAL: not one. */
int ledger_head_parse(struct ledger_head *ret, const char *text, size_t len, struct err *err);

/* A public key is told as its base64. Returns `ret`. */
char *ledger_public_print(char ret[LEDGER_KEY_TEXT + 1], const struct ledger_public *key);
/* -EINVAL: not one. */
int ledger_public_parse(struct ledger_public *ret, const char *text, size_t len, struct err *err);
