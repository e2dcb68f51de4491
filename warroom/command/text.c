#include "warroom/command/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"

/* The next character; `text` is not at its end. What is not UTF-8 counts as one byte of U+FFFD: it is never printed as
 * it is. */
static size_t next_character(const char *text, uint32_t *ret)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t len = utf8_len(text, strnlen(text, 4));
    if (len == 0) {
        *ret = 0xfffd;
        return 1;
    }
    uint32_t value = len == 1 ? at[0] : at[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++)
        value = value << 6 | (at[i] & 0x3fU);
    *ret = value;
    return len;
}

static bool printable(uint32_t character)
{
    static const struct {
        uint32_t first, last;
    } never[] = {
        { 0x00, 0x1f },     { 0x7f, 0x9f },     /* control characters */
        { 0x200e, 0x200f }, { 0x2028, 0x202e }, /* marks of direction, line and paragraph separators */
        { 0x2066, 0x2069 }, { 0xfffd, 0xfffd },
    };
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (character >= never[i].first && character <= never[i].last)
            return false;
    return true;
}

char *text_clean(const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    if (!copy)
        return NULL;
    char *to = copy;
    while (*text) {
        uint32_t character;
        size_t len = next_character(text, &character);
        if (printable(character)) {
            memcpy(to, text, len);
            to += len;
        } else {
            *to++ = '?';
        }
        text += len;
    }
    *to = '\0';
    return copy;
}

size_t text_fit(const char *text, int columns, int *ret_columns)
{
    size_t at = 0;
    int used = 0;
    while (text[at]) {
        uint32_t character;
        size_t len = next_character(text + at, &character);
        int width = wcwidth((wchar_t)character);
        if (width < 0)
            width = 1;
        if (used + width > columns)
            break;
        used += width;
        at += len;
    }
    *ret_columns = used;
    return at;
}

int text_width(const char *text)
{
    int columns;
    text_fit(text, 1 << 20, &columns);
    return columns;
}
