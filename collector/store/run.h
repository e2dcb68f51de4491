/* collector/store/run.h - which ticks of each (host, run) are stored, as intervals kept in the transaction that stores
 * them.
 *
 * Shape    a run's row gives it a small number; its intervals neither overlap nor touch. The newest one, the tip, is
 *          held in memory and written once a group, however many batches made it longer: that is the common case.
 *          Everything else (a gap that closes, old ticks) goes through SQL at once
 * Threads  the writer's
 */
#pragma once
#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/store/store.h"

enum run_stmt {
    RUN_FIND,
    RUN_ADD,
    RUN_ANCHOR,
    INTERVAL_TIP,
    INTERVAL_BEFORE,
    INTERVAL_AFTER,
    INTERVAL_ADD,
    INTERVAL_EXTEND,
    INTERVAL_DELETE,
    DROPPED_BEFORE,
    DROPPED_COUNT,
    DROPPED_DELETE,
    DROPPED_PUT,
    STEP_PUT,
    RUN_STMT_COUNT
};

struct known_run; /* opaque */

struct runs { /* zeroed memory knows nothing */
    sqlite3 *db;
    sqlite3_stmt *stmts[RUN_STMT_COUNT];
    struct known_run *known; /* by (host, run) */
    struct known_run *last;  /* asked for last, which a batch does twice; NULL: none */
    struct known_run *dirty; /* those whose tip is longer in memory than in the file */
};

int runs_open(struct runs *runs, sqlite3 *db, struct err *err);
void runs_close(struct runs *runs);

struct tick_range {
    uint64_t first;
    uint64_t last;
};

enum run_answer {                 /* positive */
                  RUN_HAD_IT = 1, /* all of these ticks are stored already */
                  RUN_PASSED_OVER /* the run has as many rows of what it dropped as are kept */
};
/* The next part of the batch, from tick `from` on, that is not stored yet. RUN_HAD_IT: there is none. */
int runs_missing(struct runs *runs, const struct store_batch *batch, uint64_t from, struct tick_range *ret,
                 struct err *err);
/* Takes the ticks of a batch, none of which is stored, into the intervals of its run; *ret_run is the run's number. */
int runs_take(struct runs *runs, const struct store_batch *batch, int64_t *ret_run, struct err *err);

int runs_put_anchor(struct runs *runs, const struct store_anchor *anchor, struct err *err);
/* RUN_PASSED_OVER: see dropped.h. */
int runs_put_dropped(struct runs *runs, const struct store_dropped *dropped, struct err *err);
int runs_put_clock_step(struct runs *runs, const struct store_clock_step *step, struct err *err);

/* Writes the tips that grew; before each commit. */
int runs_flush(struct runs *runs, struct err *err);
/* Forgets everything that is not in the file; after a rollback. */
void runs_forget(struct runs *runs);
