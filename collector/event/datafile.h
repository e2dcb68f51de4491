/* collector/event/datafile.h - what the data files of this folder have in common: how they are read, a name by their
 * path, days with faults told by line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

struct datafile_kind {
    const struct config_field *fields;
    size_t size; /* of what they fill */
    /* From what was filled (borrowed until it returns) to `ret`. Negative: faults, and `ret` is untouched. */
    int (*take)(const char *path, const void *file, void *ret, struct config_faults *faults);
};

/* The file at `path` or, unless it is NULL, `text` of that name. -EINVAL: faults, and `ret` is untouched. */
int datafile_read(const struct datafile_kind *kind, const char *path, const char *text, size_t len, void *ret,
                  struct config_faults *faults);

/* "business" of "/usr/share/warroom/plans/business.yaml": lower-case letters, digits, dashes. False: a fault. */
bool datafile_name(const char *path, char *ret, size_t size, struct config_faults *faults);

/* A day as a number. False: a fault of `key` in that line. */
bool datafile_day(const char *path, int line, const char *key, const char *text, int64_t *ret,
                  struct config_faults *faults);
