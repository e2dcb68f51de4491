/* base/folder_fixture.h - where tests put what they make: a folder of their own in $TMPDIR, or /tmp. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

/* Writes "$TMPDIR/NAME-XXXXXX" for mkdtemp(). Returns `path`. */
static inline char *folder_template(char *path, size_t size, const char *name)
{
    const char *parent = getenv("TMPDIR");
    snprintf(path, size, "%s/%s-XXXXXX", parent && parent[0] ? parent : "/tmp", name);
    return path;
}
