/* collector/channel/sign.h - HMAC-SHA256 in Base64, as robots' requests are signed.
 *
 * Source   RFC 2104, RFC 4648 (with padding)
 * Threads  pure
 */
#pragma once
#include <stddef.h>

enum { SIGN_TEXT = 45 };

/* Returns `ret`. */
char *sign_hmac(const char *key, size_t key_len, const char *text, size_t len, char ret[SIGN_TEXT]);
