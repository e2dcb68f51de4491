/* collector/store/upkeep/backup_folder.h - the folder a backup grows in: hidden under another name until it is whole.
 *
 * Crash    a folder that never became whole is removed by the next backup
 * Threads  one caller
 */
#pragma once
#include <stdint.h>

#include "base/err.h"

struct backup_folder { /* backup_folder_name() sets it up */
    char *path;        /* owned: DIR/20261123T024011Z */
    char *partial;     /* owned: DIR/.20261123T024011Z.partial; NULL: it is gone, or has its final name */
};

/* The names alone, no disk is touched. */
int backup_folder_name(struct backup_folder *folder, const char *dir, int64_t now_us, struct err *err);

/* Makes DIR if it is missing, takes away what earlier ones left, and makes the folder for `bytes`, under the next free
 * name if there is one of this second: "...Z-2". -EPERM: DIR is another user's, or others may write to it; -ENOSPC: its
 * disk has no room for that and 5 %. */
int backup_folder_make(struct backup_folder *folder, uint64_t bytes, struct err *err);

/* Flushes it and gives it its final name. */
int backup_folder_commit(struct backup_folder *folder, struct err *err);

/* Removes what is not committed. */
void backup_folder_done(struct backup_folder *folder);
