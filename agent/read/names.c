#include "agent/read/names.h"

#include <string.h>

bool device_name_set(struct device_name *ret, struct scan_text text)
{
    if (text.len == 0 || text.len > DEVICE_NAME_MAX || memchr(text.at, '\0', text.len))
        return false;
    memcpy(ret->text, text.at, text.len);
    ret->text[text.len] = '\0';
    return true;
}

size_t device_find(const void *list, size_t n, size_t size, const struct device_name *name, size_t guess)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = (guess + i) % n;
        const struct device_name *here = (const void *)((const char *)list + at * size);
        if (strcmp(here->text, name->text) == 0)
            return at;
    }
    return n;
}

bool device_matches(const char *name, const char *const *patterns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strcspn(patterns[i], "*");
        if (strncmp(name, patterns[i], len) == 0 && (patterns[i][len] == '*' || name[len] == '\0'))
            return true;
    }
    return false;
}
