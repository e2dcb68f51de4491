#include "collector/event/datafile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/err.h"
#include "collector/event/calendar.h"

enum { WORDS_BYTES_MAX = 1 << 20 };

int datafile_read(const struct datafile_kind *kind, const char *path, const char *text, size_t len, void *ret,
                  struct config_faults *faults)
{
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    void *file = arena_alloc(&arena, 1, kind->size);
    if (!file)
        return -ENOMEM;
    int rc = text ? config_parse(path, text, len, kind->fields, file, kind->size, &arena, faults)
                  : config_read(path, kind->fields, file, kind->size, &arena, faults);
    return rc < 0 ? rc : kind->take(path, file, ret, faults);
}

bool datafile_name(const char *path, char *ret, size_t size, struct config_faults *faults)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    if (len == 0 || len >= size || strcmp(name + len, ".yaml") != 0) {
        config_fault(faults, path, 0,
                     "its name is that of what it holds: 1 to %zu small letters, digits, dashes and .yaml", size - 1);
        return false;
    }
    snprintf(ret, size, "%.*s", (int)len, name);
    return true;
}

bool datafile_day(const char *path, int line, const char *key, const char *text, int64_t *ret,
                  struct config_faults *faults)
{
    if (calendar_number(text, ret, NULL) == 0)
        return true;
    config_fault(faults, path, line, "`%s`: \"%.32s\" is not a day, want YYYY-MM-DD", key, text);
    return false;
}
