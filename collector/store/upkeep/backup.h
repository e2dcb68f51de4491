/* collector/store/upkeep/backup.h - files copied while they are written, a slice at a time.
 *
 * Shape    one thread of its own, politer than the others. A source is read within one transaction: SQLite then copies
 *          the file as it was when that began, however long it takes, and never has to start again. The WAL is not
 *          restarted meanwhile and grows
 * Disk     what was copied is flushed every few MiB, so that no commit has to wait for a great heap of it
 * Threads  the loop's
 */
#pragma once
#include <uv.h>

#include "base/err.h"
#include "collector/store/store.h"

struct backup; /* opaque */

enum { BACKUP_FILES_MAX = STORE_TENANTS_MAX + 2 };

struct backup_order { /* all borrowed during the call */
    const char *dir;
    int64_t now_us;
    size_t n;
    const char *const *paths; /* those that do not exist are left out */
    bool registry;            /* the last of them is: its copy has the heads of ledgers as they were at the beginning */
    void (*fn)(void *user, const struct store_backup *state, const struct err *err);
    void *user;
    struct backup **owner; /* set to NULL before the last call of fn */
};

/* On 0 *order->owner is the backup. */
int backup_start(uv_loop_t *loop, const struct backup_order *order, struct err *err);

/* Gives up within `wait_ms`; fn hears -ECANCELED. The loop must run once more. NULL is fine. Always returns NULL. */
struct backup *backup_stop(struct backup *backup, uint64_t wait_ms);
