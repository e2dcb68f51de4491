/* collector/store/dropped.h - what agents declare never to come, as rows that neither overlap nor, of one cause, touch.
 *
 * Shape    a later word replaces an earlier one where they overlap
 * Limit    DROPPED_ROWS_MAX rows a run: what would be one more is passed over, as what reads coverage looks at them all
 * Threads  the writer's
 */
#pragma once
#include "collector/store/run.h"

enum { DROPPED_ROWS_MAX = 1024 };
enum { DROPPED_UNCOUNTED = -1 };

/* Of run number `run`, whose rows *count says: DROPPED_UNCOUNTED at first. RUN_PASSED_OVER: it has too many. */
int dropped_put(struct runs *runs, int64_t run, int64_t *count, const struct store_dropped *dropped, struct err *err);
