/* proto/link/noise_symmetric.h - the half of Noise that knows no handshake pattern: a chain of keys, a running hash, a
 * cipher. Names in brackets are the specification's. channel.c's own; nobody else includes it.
 *
 * Source   The Noise Protocol Framework, revision 34, sections 4 and 5; ChaChaPoly and BLAKE2b as section 12 has them
 * Secrets  everything in struct noise but `hash`; noise_done() wipes it. No function leaves a secret on its stack
 * Errors   false: the bytes are not what the peer sealed
 * Threads  pure but for its own struct; any
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NOISE_KEY_BYTES = 32, NOISE_HASH_BYTES = 64, NOISE_TAG_BYTES = 16 };

struct noise { /* SymmetricState with its CipherState */
    uint8_t chain[NOISE_HASH_BYTES];
    uint8_t hash[NOISE_HASH_BYTES]; /* of all that both have seen; after the last message the handshake hash */
    uint8_t key[NOISE_KEY_BYTES];
    uint64_t nonce; /* of the next message under `key` */
    bool keyed;
};

/* [InitializeSymmetric] */
void noise_init(struct noise *noise, const char *protocol);
/* [MixHash] */
void noise_mix_hash(struct noise *noise, const void *bytes, size_t len);
/* [MixKey] */
void noise_mix_key(struct noise *noise, const uint8_t secret[NOISE_KEY_BYTES]);

/* [EncryptAndHash] Writes `len` + NOISE_TAG_BYTES bytes. Only once there is a key. */
void noise_seal_and_hash(struct noise *noise, const uint8_t *plain, size_t len, uint8_t *ret_box);
/* [DecryptAndHash] Writes `len` - NOISE_TAG_BYTES bytes; nothing of `noise` moves on false. */
bool noise_open_and_hash(struct noise *noise, const uint8_t *box, size_t len, uint8_t *ret_plain);

/* [Split] The initiator seals with the first, the responder with the second. */
void noise_split(const struct noise *noise, uint8_t ret_first[NOISE_KEY_BYTES], uint8_t ret_second[NOISE_KEY_BYTES]);
void noise_done(struct noise *noise);

/* [ENCRYPT, DECRYPT] without associated data: what transport messages are. `box` and `plain` may be the same memory; on
 * false the bytes at `ret_plain` are zero. */
void noise_seal(const uint8_t key[NOISE_KEY_BYTES], uint64_t nonce, const uint8_t *plain, size_t len, uint8_t *ret_box);
bool noise_open(const uint8_t key[NOISE_KEY_BYTES], uint64_t nonce, const uint8_t *box, size_t len, uint8_t *ret_plain);
