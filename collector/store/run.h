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
    INTERVAL_ADD,
    INTERVAL_EXTEND,
    INTERVAL_DELETE,
    RUN_STMT_COUNT
};

struct known_run; /* opaque */

struct runs { /* zeroed memory knows nothing */
    sqlite3 *db;
    sqlite3_stmt *stmts[RUN_STMT_COUNT];
    struct known_run *known; /* by (host, run) */
    struct known_run *dirty; /* those whose tip is longer in memory than in the file */
};

int runs_open(struct runs *runs, sqlite3 *db, struct err *err);
void runs_close(struct runs *runs);

enum run_answer { RUN_HAD_IT = 1 }; /* positive: all of its ticks are stored already */
/* Takes the batch's ticks into the intervals of its run; *ret_run is the run's number. RUN_HAD_IT: nothing to do. */
int runs_take(struct runs *runs, const struct store_batch *batch, int64_t *ret_run, struct err *err);

int runs_put_anchor(struct runs *runs, const struct store_anchor *anchor, struct err *err);

/* Writes the tips that grew; before each commit. */
int runs_flush(struct runs *runs, struct err *err);
/* Forgets everything that is not in the file; after a rollback. */
void runs_forget(struct runs *runs);
