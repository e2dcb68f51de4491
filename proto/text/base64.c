#include "proto/text/base64.h"

#include <errno.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encode(char *text, const uint8_t *bytes, size_t n)
{
    char *to = text;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        if (i + 1 < n)
            three |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < n)
            three |= bytes[i + 2];
        *to++ = letters[three >> 18];
        *to++ = letters[three >> 12 & 63];
        *to++ = i + 1 < n ? letters[three >> 6 & 63] : '=';
        *to++ = i + 2 < n ? letters[three & 63] : '=';
    }
    *to = '\0';
    return (size_t)(to - text);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(uint8_t *bytes, const char *text, size_t len, size_t *ret_n)
{
    size_t padding = 0;
    uint8_t *to = bytes;
    if (len % 4 != 0)
        return -EINVAL;
    while (padding < 2 && len > padding && text[len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < len; i += 4) {
        size_t missing = i + 4 == len ? padding : 0;
        uint32_t three = 0;
        for (size_t k = 0; k < 4; k++) {
            int value = k < 4 - missing ? value_of(text[i + k]) : 0;
            if (value < 0)
                return -EINVAL;
            three = three << 6 | (uint32_t)value;
        }
        if (three & ((1U << 8 * missing) - 1)) /* bits that stand for no byte: two texts would be the same bytes */
            return -EINVAL;
        for (size_t k = 0; k < 3 - missing; k++)
            *to++ = (uint8_t)(three >> (16 - 8 * k));
    }
    *ret_n = (size_t)(to - bytes);
    return 0;
}
