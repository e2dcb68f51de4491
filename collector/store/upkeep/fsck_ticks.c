/* What is said to be stored against what is there: each tick of an interval in exactly one row, no tick outside of all.
 *
 * Rows whose time to be kept is over are deleted, and the intervals stay. So ticks that are missing are a finding only
 * when they are surely younger than that. How old they are at most is told by what is before them: the row there, or
 * the beginning of their interval. The row behind tells nothing: a host may have stood still for any time between. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/moment.h"
#include "collector/store/db.h"
#include "collector/store/pack/pack.h"
#include "collector/store/upkeep/fsck_parts.h"

struct stored { /* a row of interval */
    int64_t run, first, last, first_us, last_us;
};

struct walk { /* over the intervals and the ranges of a run, both in order */
    struct fsck *fsck;
    const struct fsck_range *range, *end;
};

static int by_tick(const void *a, const void *b)
{
    const struct fsck_range *x = a;
    const struct fsck_range *y = b;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->last > y->last) - (x->last < y->last);
}

static const char *kind_text(enum fsck_kind kind)
{
    return kind == FSCK_BATCH ? "batch" : "block";
}

static void find_ticks(struct walk *walk, int64_t run, int64_t first, int64_t last, const char *what)
{
    char host[FSCK_HOST_TEXT];
    uint64_t id = run > 0 && (uint64_t)run < walk->fsck->n_runs ? walk->fsck->runs[run].host : 0;
    fsck_find(walk->fsck, "ticks %" PRId64 "..%" PRId64 " of run %" PRId64 " (%s) %s", first, last, run,
              fsck_host_text(walk->fsck, id, host), what);
}

static void find_outside(struct walk *walk, const struct fsck_range *range)
{
    char what[120];
    snprintf(what, sizeof what, "are in %s %" PRId64 ", but nothing says that they are stored", kind_text(range->kind),
             range->row);
    find_ticks(walk, range->run, range->first, range->last, what);
}

static void find_twice(struct walk *walk, const struct fsck_range *range, const struct fsck_range *before)
{
    char what[160];
    snprintf(what, sizeof what, "are stored twice: in %s %" PRId64 " and in %s %" PRId64, kind_text(before->kind),
             before->row, kind_text(range->kind), range->row);
    find_ticks(walk, range->run, range->first, range->last < before->last ? range->last : before->last, what);
}

/* What was between rows that are kept longer was kept as long; of what was beside another nobody knows. */
static bool were_coarse(const struct fsck_range *before, const struct fsck_range *behind)
{
    return (before || behind) && (!before || before->coarse) && (!behind || behind->coarse);
}

/* No tick behind this one is older. Of a row of several parts it is not known which of its time is whose. */
static int64_t surely_after_us(const struct fsck_range *before)
{
    return before->shared ? before->first_us : before->last_us;
}

/* `before`, `behind`: the rows beside the gap, NULL where the interval begins or ends. */
static void check_gap(struct walk *walk, const struct stored *stored, int64_t first, int64_t last,
                      const struct fsck_range *before, const struct fsck_range *behind)
{
    const struct store_retention *kept = &walk->fsck->order->retention;
    int64_t kept_us = were_coarse(before, behind) ? kept->minutes_us : kept->samples_us;
    int64_t from_us = before ? surely_after_us(before) : stored->first_us;
    char what[160], a[MOMENT_TEXT], b[MOMENT_TEXT];
    if (from_us < walk->fsck->order->now_us - kept_us)
        return;
    snprintf(what, sizeof what, "are in no row, but should be: between %s and %s", moment_format(a, from_us),
             moment_format(b, behind ? behind->first_us : stored->last_us));
    find_ticks(walk, stored->run, first, last, what);
}

static void check_times(struct walk *walk, const struct stored *stored, const struct fsck_range *range)
{
    if (range->first_us < stored->first_us || range->last_us > stored->last_us) {
        /* A block's times are those of all its ticks, of which some may be of other runs. */
        if (range->kind == FSCK_BATCH)
            find_ticks(walk, range->run, range->first, range->last, "lie outside the time of their interval");
    }
}

static void check_interval(struct walk *walk, const struct stored *stored)
{
    const struct fsck_range *before = NULL;
    int64_t next = stored->first;
    for (; walk->range < walk->end && walk->range->run == stored->run && walk->range->first <= stored->last;
         walk->range++) {
        const struct fsck_range *range = walk->range;
        if (range->first < stored->first || range->last > stored->last) {
            find_outside(walk, range);
            if (range->last < stored->first)
                continue;
        }
        if (before && range->first <= before->last)
            find_twice(walk, range, before);
        else if (range->first > next)
            check_gap(walk, stored, next, range->first - 1, before, range);
        check_times(walk, stored, range);
        if (range->last >= next) {
            next = range->last + 1;
            before = range;
        }
    }
    if (next <= stored->last)
        check_gap(walk, stored, next, stored->last, before, NULL);
}

/* Ranges of runs before this one, or of this one below its interval, belong to no interval. */
static void pass_over(struct walk *walk, const struct stored *stored)
{
    for (; walk->range < walk->end &&
           (walk->range->run < stored->run || (walk->range->run == stored->run && walk->range->last < stored->first));
         walk->range++)
        find_outside(walk, walk->range);
}

static bool is_whole(struct walk *walk, const struct stored *stored, const struct stored *before)
{
    struct fsck *fsck = walk->fsck;
    bool known = stored->run > 0 && (uint64_t)stored->run < fsck->n_runs && fsck->runs[stored->run].host != 0;
    if (!known || stored->first < 1 || stored->first > stored->last || stored->first_us > stored->last_us) {
        find_ticks(walk, stored->run, stored->first, stored->last, "are an interval that cannot be");
        return false;
    }
    if (before->run == stored->run && before->last >= stored->first - 1)
        find_ticks(walk, stored->run, stored->first, stored->last, "are an interval that meets the one before it");
    return true;
}

static int read_intervals(struct walk *walk, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    struct stored before = { .run = 0 };
    int rc = db_prepare(walk->fsck->db, "SELECT run, first, last, first_us, last_us FROM interval ORDER BY run, first",
                        &stmt, err);
    while (rc >= 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        struct stored stored = { sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 1),
                                 sqlite3_column_int64(stmt, 2), sqlite3_column_int64(stmt, 3),
                                 sqlite3_column_int64(stmt, 4) };
        if (is_whole(walk, &stored, &before)) {
            pass_over(walk, &stored);
            check_interval(walk, &stored);
        }
        before = stored;
    }
    for (; rc == 0 && walk->range < walk->end; walk->range++)
        find_outside(walk, walk->range);
    return rc;
}

int fsck_ticks(struct fsck *fsck, struct err *err)
{
    if (fsck->n_ranges > 0)
        qsort(fsck->ranges, fsck->n_ranges, sizeof *fsck->ranges, by_tick);
    struct walk walk = { fsck, fsck->ranges, fsck->ranges + fsck->n_ranges };
    return fsck_read_failed(fsck, "its intervals", read_intervals(&walk, err), err);
}
