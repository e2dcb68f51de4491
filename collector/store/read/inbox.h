/* collector/store/read/inbox.h - the batches of a host in a time range, as they lie in the inbox.
 *
 * Shape    the intervals say in which slots a run has batches at all; each of those slots is looked up by (slot, run).
 *          A batch is indexed by its first tick's slot, so the search begins as much earlier as the longest batch of
 *          its interval lasts. Intervals of a run may share a slot: each slot is looked up once. Most of what the
 *          intervals tell of left the inbox long ago, and where a host's clock jumped its ticks lie years apart: so
 *          where a run has nothing for a while the search goes on at the next slot in which anybody has anything
 */
#pragma once
#include <stdint.h>

#include "collector/store/read/reading.h"

/* What a row has, see decoder.h. */
#define INBOX_COLUMNS DECODER_COLUMNS

struct inbox {
    struct reading *reading;
    sqlite3_stmt *intervals; /* of a host, that reach into a range */
    sqlite3_stmt *batches;   /* of a slot and a run */
    sqlite3_stmt *filled;    /* the first slot from one on that has any */
};

int inbox_init(struct inbox *inbox, struct reading *reading, struct err *err);
void inbox_done(struct inbox *inbox);

/* `fn` is called with a statement on each row that has ticks in [from, to), in any order. */
int inbox_host(struct inbox *inbox, uint64_t host, int64_t from_us, int64_t to_us,
               int (*fn)(void *user, sqlite3_stmt *row, struct err *err), void *user, struct err *err);
