/* collector/store/upkeep/space.h - how full the disk under the files is.
 *
 * Shape    asked now and then on a worker, because statvfs(3) waits for a disk that hangs; what is known is what the
 *          last answer said
 * Threads  the loop's
 */
#pragma once
#include "base/err.h"
#include "base/work.h"
#include "collector/store/store.h"

struct space; /* opaque */

/* Of the disk that `dir` (copied) lies on. -ENOMEM. */
int space_new(struct space **ret_space, const char *dir, struct err *err);
/* Asks on `worker`, unless a question is still under way. */
void space_look(struct space *space, struct worker *worker);
struct store_space space_found(const struct space *space);
/* When a question is under way its worker was left behind with it: then it stays. NULL is fine. Always returns NULL. */
struct space *space_free(struct space *space);
