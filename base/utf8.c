#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Lead bytes and the range of the second byte, RFC 3629 section 4; further ones are 80..BF. */
static const struct form {
    uint8_t lead_least, lead_most;
    uint8_t second_least, second_most;
    uint8_t len;
} forms[] = {
    { 0x01, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static const struct form *form_of(uint8_t lead)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (lead >= forms[i].lead_least && lead <= forms[i].lead_most)
            return &forms[i];
    return NULL;
}

size_t utf8_len(const char *at, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)at;
    const struct form *form = len > 0 ? form_of(bytes[0]) : NULL;
    if (!form || form->len > len)
        return 0;
    if (form->len > 1 && (bytes[1] < form->second_least || bytes[1] > form->second_most))
        return 0;
    for (size_t i = 2; i < form->len; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return form->len;
}

size_t utf8_cut(const char *text, size_t len, size_t room)
{
    size_t at = 0;
    while (at < len) {
        size_t take = utf8_len(text + at, len - at);
        size_t next = at + (take ? take : 1);
        if (next > room)
            break;
        at = next;
    }
    return at;
}

size_t utf8_clean(char *to, size_t room, const char *from, size_t len)
{
    size_t end = utf8_cut(from, len, room);
    for (size_t at = 0; at < end;) {
        size_t take = utf8_len(from + at, end - at);
        if (take > 0)
            memmove(to + at, from + at, take);
        else
            to[at] = '?';
        at += take ? take : 1;
    }
    return end;
}

/* By their bytes: they have no other form. */
static bool is_shown(const char *at, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)at;
    if (len == 1)
        return bytes[0] >= ' ' && bytes[0] != 0x7f;
    if (len == 2)
        return bytes[0] != 0xc2 || bytes[1] >= 0xa0; /* U+0080..U+009F */
    return len != 3 || (memcmp(at, "\u2028", 3) != 0 && memcmp(at, "\u2029", 3) != 0 && memcmp(at, "\ufeff", 3) != 0);
}

bool utf8_is_shown(const char *text, size_t least, size_t most, const char *also)
{
    size_t len = strnlen(text, most + 1);
    if (len < least || len > most)
        return false;
    for (size_t at = 0; at < len;) {
        size_t take = utf8_len(text + at, len - at);
        if (take == 0 || !(is_shown(text + at, take) || strchr(also, text[at])))
            return false;
        at += take;
    }
    return true;
}
