/* collector/store/read/query.h - what can be asked of a tenant's file, as the reader thread answers it.
 *
 * Shape    each is handed a reading and fills a result that lies in its arena. Those that may be long take a state,
 *          NULL at first: READING_MORE means that they are to be called again with it
 */
#pragma once
#include <stdint.h>

#include "collector/store/ask.h"
#include "collector/store/read/reading.h"
#include "collector/store/store.h"

struct series_state; /* opaque, in the reading's arena, as the others */
int query_series(struct reading *reading, const struct store_query *query, struct series_state **state,
                 struct store_result *ret, struct err *err);

struct latest_state;
int query_latest(struct reading *reading, const struct store_latest_query *query, struct latest_state **state,
                 struct store_latest *ret, struct err *err);

struct spread_state;
int query_spread(struct reading *reading, const struct store_spread_query *query, struct spread_state **state,
                 struct store_spread *ret, struct err *err);

struct top_state;
int query_top(struct reading *reading, const struct store_top_query *query, struct top_state **state,
              struct store_top *ret, struct err *err);

struct coverage_state;
int query_coverage(struct reading *reading, const struct store_coverage_query *query, struct coverage_state **state,
                   struct store_coverage *ret, struct err *err);

struct course_state;
int query_course(struct reading *reading, const struct store_course_query *query, struct course_state **state,
                 struct store_course *ret, struct err *err);

/* Samples from `from_us` on, oldest first; see store_replay(). */
int query_replay(struct reading *reading, int64_t from_us,
                 void (*fn)(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                            const int64_t *at_us),
                 void *user, struct err *err);

int query_incidents(sqlite3 *db, uint64_t below, size_t most, struct arena *arena, struct store_incidents *ret,
                    struct err *err);

int query_capacity(sqlite3 *db, uint64_t event, int version, int64_t offset, struct arena *arena,
                   struct store_capacity *ret, struct err *err);

int query_ledger(sqlite3 *db, const struct store_ledger_query *query, struct arena *arena, struct store_ledger *ret,
                 struct err *err);

int query_incident(sqlite3 *db, uint64_t id, struct arena *arena, struct store_incident_detail *ret, struct err *err);
