#include "collector/channel/utf8.h"

#include <stdint.h>
#include <string.h>

/* Lead bytes and the range of the second byte, RFC 3629 section 4; further ones are 80..BF. */
static const struct form {
    uint8_t lead_least, lead_most;
    uint8_t second_least, second_most;
    size_t len;
} forms[] = {
    { 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
    { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
    { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/* Bytes of the character at `at`, 0 if there is none. The terminator is no continuation byte: it stops every form. */
static size_t character_len(const uint8_t *at)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        const struct form *form = &forms[i];
        if (at[0] < form->lead_least || at[0] > form->lead_most)
            continue;
        if (form->len > 1 && (at[1] < form->second_least || at[1] > form->second_most))
            return 0;
        for (size_t k = 2; k < form->len; k++)
            if ((at[k] & 0xc0) != 0x80)
                return 0;
        return form->len;
    }
    return 0;
}

char *utf8_repair(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *at = copy; *at;) {
        size_t len = character_len((const uint8_t *)at);
        if (len == 0)
            *at = '?';
        at += len ? len : 1;
    }
    return copy;
}
