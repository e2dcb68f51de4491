/* collector/store/reader.h - reads, one after the other on a thread of their own, each with a connection of its own.
 *
 * Shape    nothing is held between reads: no read keeps the WAL long, and a file that was put right is seen at once
 * Limits   READER_WAITING_MAX reads at a time: past it -EAGAIN
 * Threads  the loop's; answers are given on the loop
 */
#pragma once
#include <uv.h>

#include "base/err.h"
#include "base/log.h"
#include "collector/store/store.h"

enum { READER_WAITING_MAX = 256, READER_INCIDENTS_MAX = 10000 };

struct reader; /* opaque */

int reader_open(struct reader **ret_reader, uv_loop_t *loop, const struct log *log, struct err *err);
/* Answers what waits, cutting long reads short. The loop must run once more. Always returns NULL; NULL is fine. A read
 * that has not come back from the disk within `wait_ms` is left behind, and answered with -ECANCELED like those behind
 * it. */
struct reader *reader_close(struct reader *reader, uint64_t wait_ms);

/* `path` is copied, so is the query. A file that does not exist yet has nothing in it. */
int reader_series(struct reader *reader, const char *path, const struct store_query *query,
                  void (*fn)(void *user, const struct store_result *result, const struct err *err), void *user,
                  struct err *err);
int reader_incidents(struct reader *reader, const char *path, uint64_t tenant, uint64_t below, size_t most,
                     void (*fn)(void *user, const struct store_incidents *result, const struct err *err), void *user,
                     struct err *err);
int reader_incident(struct reader *reader, const char *path, uint64_t tenant, uint64_t id,
                    void (*fn)(void *user, const struct store_incident_detail *result, const struct err *err),
                    void *user, struct err *err);

/* Opens a file for reading here and now. DB_EMPTY: there is nothing in it, and no *ret_db. */
enum reader_answer { DB_EMPTY = 1 };
struct sqlite3;
int reader_file(struct sqlite3 **ret_db, const char *path, uint64_t tenant, struct err *err);
