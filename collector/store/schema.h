/* collector/store/schema.h - the tables of the two kinds of file, and how an older file becomes one of today.
 *
 * Shape    user_version counts the steps a file has taken; each step is one transaction. application_id says that it
 *          is ours and of which kind; a tenant's file also knows its tenant, so that a copy under another's name is
 *          refused: it would hand one customer's data to another
 */
#pragma once
#include <sqlite3.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "collector/store/store.h"

/* A batch row is indexed by the slot of its first tick, then by its run. Keyed by (host, time) each row of a group
 * would dirty an index page of its own; keyed by slot first, all rows of the last second share a few pages: with 10,000
 * hosts in one file, slots of 4 s already cost a quarter more CPU a row. A read looks up each slot of its range, which
 * takes about a microsecond. */
#define STORE_SLOT_US US_PER_S

/* Brings a file opened for writing to this program's version, an empty one from nothing.
 * -ENOTSUP: a newer Warroom wrote it; -EBADMSG: not ours, not of this kind, or another tenant's. */
int schema_bring(sqlite3 *db, enum store_file kind, uint64_t tenant, struct err *err);

/* A file of before there was `auto_vacuum` would never shrink: it is built anew, once. When that cannot be done, say
 * for want of room, it is as good as it was. It takes as long as copying the file: at start, not under way. */
int schema_let_shrink(sqlite3 *db, struct err *err);

enum schema_answer { SCHEMA_EMPTY = 1 }; /* positive: nothing was ever written to it */
/* How many steps a file has taken, and how many there are by now. */
int schema_age(sqlite3 *db, enum store_file kind, int64_t *ret_taken, int64_t *ret_all, struct err *err);
/* Whether a file opened for reading can be read: 0, SCHEMA_EMPTY, or a failure as above. */
int schema_check(sqlite3 *db, enum store_file kind, uint64_t tenant, struct err *err);
