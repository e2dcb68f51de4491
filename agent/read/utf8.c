#include "agent/read/utf8.h"

#include <stdbool.h>
#include <string.h>

/* Length of the UTF-8 character `at` begins with; 0: it begins with none. RFC 3629: no overlong forms, no surrogates.
 */
static size_t utf8_len(const unsigned char *at, size_t left)
{
    if (at[0] < 0x80)
        return 1;
    size_t len = at[0] >= 0xC2 && at[0] < 0xE0 ? 2 : (at[0] & 0xF0) == 0xE0 ? 3 : at[0] >= 0xF0 && at[0] < 0xF5 ? 4 : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
    bool beyond = at[0] == 0xF4 && at[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : len;
}

size_t utf8_clean(char *to, size_t room, const char *from, size_t len)
{
    size_t n = 0;
    for (size_t at = 0; at < len;) {
        size_t take = utf8_len((const unsigned char *)from + at, len - at);
        size_t add = take ? take : 1;
        if (n + add > room)
            break;
        if (take)
            memmove(to + n, from + at, take);
        else
            to[n] = '?';
        n += add;
        at += add;
    }
    return n;
}
