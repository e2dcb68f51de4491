#include "collector/event/whom.h"

#include <string.h>

#include "base/utf8.h"

bool whom_is_name(const char *name, size_t len)
{
    char text[WHOM_NAME_MAX + 1];
    if (len == 0 || len > WHOM_NAME_MAX || memchr(name, '\0', len))
        return false;
    memcpy(text, name, len);
    text[len] = '\0';
    return utf8_is_shown(text, 1, WHOM_NAME_MAX, "") && strcspn(text, " ,;") == len;
}
