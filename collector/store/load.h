/* collector/store/load.h - reading a file from end to end at start.
 *
 * Threads  one caller at a time; blocking
 */
#pragma once
#include <sqlite3.h>

#include "base/err.h"
#include "collector/store/store.h"

/* Calls `loader` with every row a start needs and raises `marks` to the ids it meets. Either may be NULL: then the
 * rows are only proven readable. -EBADMSG: the file is damaged or holds a value that is none. */
int load_file(sqlite3 *db, enum store_file kind, uint64_t tenant, const struct store_loader *loader,
              struct store_marks *marks, struct err *err);
