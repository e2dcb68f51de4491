/* collector/watch/replay.h - what rules would have said of ticks of the past: a watch apart from the one that tells
 * people.
 *
 * Shape    one host's ticks, batch by batch in the order of time; each time an alert would have fired is a row, with
 *          its end where the ticks show it. Pending spells that never fire are no rows, and silence is not judged: what
 *          is stored does not show who listened
 * Interval the host's is what lies between the first ticks, if that is more than 10 s: by it a gap is told
 * Owner    the replay owns its rows
 * Threads  one caller
 */
#pragma once
#include "collector/watch/watch.h"

enum { FIRINGS_MAX = 300 };

struct firing {
    struct alert alert; /* as it fired */
    int64_t fired_us;
    int64_t cleared_us; /* 0: the ticks do not show it */
};

struct replay; /* opaque */

/* Copies the rules; those in force in `in_force` (IN_FORCE(...) bits) are judged, shares by `limits`. Errors as of
 * watch_new(). */
int replay_new(struct replay **ret_replay, const struct rule *rules, size_t n, unsigned in_force,
               const double limits[LIMIT_COUNT], struct err *err);

/* Judges the batch, `at_us` as with watch_judge(). -ENOBUFS: FIRINGS_MAX rows are full, further ones are left out;
 * others as of watch_judge(). */
int replay_feed(struct replay *replay, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us);

/* In the order they fired. Borrowed until the next call. */
const struct firing *replay_firings(const struct replay *replay, size_t *ret_n);

/* Always returns NULL; NULL is fine. */
struct replay *replay_free(struct replay *replay);
