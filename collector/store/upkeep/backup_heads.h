/* collector/store/upkeep/backup_heads.h - the heads of a backup's registry: those of when the backup began.
 *
 * Why      registry.db is copied behind the tenants' files, and its heads have gone on meanwhile: beside files that are
 *          older they would say that tails were cut off. The files were copied later than the heads were read, so that
 *          they can only be ahead
 * Threads  one caller at a time; waits for the disk
 */
#pragma once
#include <sqlite3.h>
#include <stddef.h>

#include "base/err.h"
#include "collector/store/store.h"

struct backup_heads { /* zeroed: none */
    size_t n;
    struct store_head *at; /* owned */
};

/* Those of the registry at `path`; none, when there is no such file. */
int backup_heads_read(struct backup_heads *ret, const char *path, struct err *err);
void backup_heads_done(struct backup_heads *heads);

/* Puts them in the place of those in the copy. */
int backup_heads_write(const struct backup_heads *heads, sqlite3 *copy, struct err *err);
