/* libsodium has the ciphers and the hash; HMAC over BLAKE2b is put together here, because that is what Noise asks for:
 * BLAKE2b's own keyed mode is another function. */
#include "proto/link/noise_symmetric.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { BLOCK_BYTES = 128, NONCE_BYTES = 12 };

_Static_assert((int)NOISE_KEY_BYTES == (int)crypto_aead_chacha20poly1305_ietf_KEYBYTES, "ChaChaPoly's keys");
_Static_assert((int)NOISE_TAG_BYTES == (int)crypto_aead_chacha20poly1305_ietf_ABYTES, "ChaChaPoly's tags");
_Static_assert((int)NONCE_BYTES == (int)crypto_aead_chacha20poly1305_ietf_NPUBBYTES, "ChaChaPoly's nonces");
_Static_assert((int)NOISE_HASH_BYTES == (int)crypto_generichash_blake2b_BYTES_MAX, "BLAKE2b in full");

struct part {
    const void *at;
    size_t len;
};

static void hash_parts(uint8_t ret[NOISE_HASH_BYTES], const struct part *parts, size_t n)
{
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init(&state, NULL, 0, NOISE_HASH_BYTES);
    for (size_t i = 0; i < n; i++)
        if (parts[i].len > 0)
            crypto_generichash_blake2b_update(&state, parts[i].at, parts[i].len);
    crypto_generichash_blake2b_final(&state, ret, NOISE_HASH_BYTES);
    sodium_memzero(&state, sizeof state);
}

/* RFC 2104. Keys are always one hash long here, never longer than a block. */
static void hmac(uint8_t ret[NOISE_HASH_BYTES], const uint8_t key[NOISE_HASH_BYTES], struct part first,
                 struct part second)
{
    uint8_t pad[BLOCK_BYTES] = { 0 };
    uint8_t inner[NOISE_HASH_BYTES];
    memcpy(pad, key, NOISE_HASH_BYTES);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36;
    hash_parts(inner, (const struct part[]){ { pad, sizeof pad }, first, second }, 3);
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    hash_parts(ret, (const struct part[]){ { pad, sizeof pad }, { inner, sizeof inner } }, 2);
    sodium_memzero(pad, sizeof pad);
    sodium_memzero(inner, sizeof inner);
}

/* [HKDF] with two outputs. `ret_first` may be `chain`. */
static void derive(const uint8_t chain[NOISE_HASH_BYTES], struct part secret, uint8_t ret_first[NOISE_HASH_BYTES],
                   uint8_t ret_second[NOISE_HASH_BYTES])
{
    static const uint8_t one = 1;
    static const uint8_t two = 2;
    static const struct part none = { NULL, 0 };
    uint8_t temporary[NOISE_HASH_BYTES];
    hmac(temporary, chain, secret, none);
    hmac(ret_first, temporary, (struct part){ &one, 1 }, none);
    hmac(ret_second, temporary, (struct part){ ret_first, NOISE_HASH_BYTES }, (struct part){ &two, 1 });
    sodium_memzero(temporary, sizeof temporary);
}

/* Section 12.3: four zero bytes, then the counter little endian. */
static void write_nonce(uint8_t ret[NONCE_BYTES], uint64_t nonce)
{
    memset(ret, 0, NONCE_BYTES);
    for (size_t i = 4; i < NONCE_BYTES; i++, nonce >>= 8)
        ret[i] = (uint8_t)nonce;
}

static void encrypt(const uint8_t *key, uint64_t nonce, struct part with, const uint8_t *plain, size_t len,
                    uint8_t *ret_box)
{
    assert(nonce != UINT64_MAX); /* Noise keeps it for rekeying */
    uint8_t bytes[NONCE_BYTES];
    write_nonce(bytes, nonce);
    crypto_aead_chacha20poly1305_ietf_encrypt(ret_box, NULL, plain, len, with.at, with.len, NULL, bytes, key);
}

static bool decrypt(const uint8_t *key, uint64_t nonce, struct part with, const uint8_t *box, size_t len,
                    uint8_t *ret_plain)
{
    assert(nonce != UINT64_MAX);
    uint8_t bytes[NONCE_BYTES];
    write_nonce(bytes, nonce);
    return len >= NOISE_TAG_BYTES && crypto_aead_chacha20poly1305_ietf_decrypt(ret_plain, NULL, NULL, box, len, with.at,
                                                                               with.len, bytes, key) == 0;
}

void noise_init(struct noise *noise, const char *protocol)
{
    size_t len = strlen(protocol);
    assert(len <= NOISE_HASH_BYTES); /* a longer name would be hashed */
    memset(noise, 0, sizeof *noise);
    memcpy(noise->hash, protocol, len);
    memcpy(noise->chain, noise->hash, sizeof noise->chain);
}

void noise_mix_hash(struct noise *noise, const void *bytes, size_t len)
{
    hash_parts(noise->hash, (const struct part[]){ { noise->hash, sizeof noise->hash }, { bytes, len } }, 2);
}

void noise_mix_key(struct noise *noise, const uint8_t secret[NOISE_KEY_BYTES])
{
    uint8_t key[NOISE_HASH_BYTES];
    derive(noise->chain, (struct part){ secret, NOISE_KEY_BYTES }, noise->chain, key);
    memcpy(noise->key, key, sizeof noise->key); /* the first 32 bytes of a longer output */
    noise->nonce = 0;
    noise->keyed = true;
    sodium_memzero(key, sizeof key);
}

void noise_seal_and_hash(struct noise *noise, const uint8_t *plain, size_t len, uint8_t *ret_box)
{
    assert(noise->keyed);
    encrypt(noise->key, noise->nonce++, (struct part){ noise->hash, sizeof noise->hash }, plain, len, ret_box);
    noise_mix_hash(noise, ret_box, len + NOISE_TAG_BYTES);
}

bool noise_open_and_hash(struct noise *noise, const uint8_t *box, size_t len, uint8_t *ret_plain)
{
    assert(noise->keyed);
    if (!decrypt(noise->key, noise->nonce, (struct part){ noise->hash, sizeof noise->hash }, box, len, ret_plain))
        return false;
    noise->nonce++;
    noise_mix_hash(noise, box, len);
    return true;
}

void noise_split(const struct noise *noise, uint8_t ret_first[NOISE_KEY_BYTES], uint8_t ret_second[NOISE_KEY_BYTES])
{
    uint8_t first[NOISE_HASH_BYTES];
    uint8_t second[NOISE_HASH_BYTES];
    derive(noise->chain, (struct part){ NULL, 0 }, first, second);
    memcpy(ret_first, first, NOISE_KEY_BYTES);
    memcpy(ret_second, second, NOISE_KEY_BYTES);
    sodium_memzero(first, sizeof first);
    sodium_memzero(second, sizeof second);
}

void noise_done(struct noise *noise)
{
    sodium_memzero(noise, sizeof *noise);
}

void noise_seal(const uint8_t key[NOISE_KEY_BYTES], uint64_t nonce, const uint8_t *plain, size_t len, uint8_t *ret_box)
{
    encrypt(key, nonce, (struct part){ NULL, 0 }, plain, len, ret_box);
}

bool noise_open(const uint8_t key[NOISE_KEY_BYTES], uint64_t nonce, const uint8_t *box, size_t len, uint8_t *ret_plain)
{
    return decrypt(key, nonce, (struct part){ NULL, 0 }, box, len, ret_plain);
}
