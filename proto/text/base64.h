/* proto/text/base64.h - bytes within JSON.
 *
 * Source   RFC 4648 section 4, with padding
 * Threads  pure functions
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define BASE64_TEXT(n)    (((size_t)(n) + 2) / 3 * 4 + 1) /* with the terminator */
#define BASE64_BYTES(len) ((size_t)(len) / 4 * 3)         /* at most */

/* Writes BASE64_TEXT(n) bytes. Returns the length of the text. */
size_t base64_encode(char *text, const uint8_t *bytes, size_t n);

/* Writes at most BASE64_BYTES(len). -EINVAL: not base64. */
int base64_decode(uint8_t *bytes, const char *text, size_t len, size_t *ret_n);
