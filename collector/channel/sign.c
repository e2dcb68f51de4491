#include "collector/channel/sign.h"

#include <sodium.h>

char *sign_hmac(const char *key, size_t key_len, const char *text, size_t len, char ret[SIGN_TEXT])
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, key_len); /* of any length, unlike the short form */
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
    return sodium_bin2base64(ret, SIGN_TEXT, mac, sizeof mac, sodium_base64_VARIANT_ORIGINAL);
}
