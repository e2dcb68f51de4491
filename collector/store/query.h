/* collector/store/query.h - what can be asked of a tenant's file, as the reader thread answers it.
 *
 * Shape    each takes an open file and fills a result that lies in `arena` Stop a long read gives up with -ECANCELED
 *          once *stop is set
 */
#pragma once
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "collector/store/store.h"

/* `unreadable` rows were passed over. */
int query_series(sqlite3 *db, const struct store_query *query, const atomic_bool *stop, struct arena *arena,
                 struct store_result *ret, uint64_t *ret_unreadable, struct err *err);

int query_replay(sqlite3 *db, int64_t from_us,
                 void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                            const int64_t *at_us),
                 void *user, uint64_t *ret_unreadable, struct err *err);

int query_incidents(sqlite3 *db, uint64_t below, size_t most, struct arena *arena, struct store_incidents *ret,
                    struct err *err);

int query_incident(sqlite3 *db, uint64_t id, struct arena *arena, struct store_incident_detail *ret, struct err *err);
