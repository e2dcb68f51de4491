/* agent/read/names.h - names of devices, and what the tick before knew under them.
 *
 * Shape    two lists in the order of the kernel's file, this tick's and the last one's; a name that is gone from one
 *          tick to the next is forgotten, so one that returns begins anew
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/scan.h"

enum { DEVICE_NAME_MAX = 63 }; /* the kernel's own limits are 31 for disks (DISK_NAME_LEN), 15 for interfaces */

struct device_name {
    char text[DEVICE_NAME_MAX + 1];
};

/* False: longer than DEVICE_NAME_MAX, empty, or with a NUL inside. */
bool device_name_set(struct device_name *ret, struct scan_text text);

/* Index of `name` among `n` structs of `size` bytes that begin with a struct device_name; `n` when it is not there.
 * Files keep their order, so the search begins at `guess`. */
size_t device_find(const void *list, size_t n, size_t size, const struct device_name *name, size_t guess);

/* "vda" matches "vda", "loop0" matches "loop*". */
bool device_matches(const char *name, const char *const *patterns, size_t n);
