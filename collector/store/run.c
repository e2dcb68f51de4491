#include "collector/store/run.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/dropped.h"

/* Each batch asks for its run, and each step along a chain is a cache miss: they are kept shorter than uthash would. */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 3U

enum { KNOWN_MAX = 65536 };

struct interval {
    int64_t id; /* its row; 0: there is none */
    int64_t first;
    int64_t last;
    int64_t first_us;
    int64_t last_us;
    int64_t span_us; /* of the longest batch in it */
};

struct run_key {
    uint64_t host;
    struct run_id run;
};

struct known_run {
    struct run_key key;
    int64_t id;
    struct interval tip; /* with the highest numbers */
    int64_t n_dropped;   /* rows, or DROPPED_UNCOUNTED */
    bool dirty;
    struct known_run *next_dirty;
    UT_hash_handle hh;
};

#define INTERVAL_COLUMNS "id, first, last, first_us, last_us, span_us"

static const char *const texts[] = {
    [RUN_FIND] = "SELECT id FROM run WHERE host = ? AND run = ?",
    [RUN_ADD] = "INSERT INTO run (host, run) VALUES (?, ?)",
    [RUN_ANCHOR] = "UPDATE run SET anchor_us = ?2, rtt_us = ?3, stored_us = ?4 WHERE id = ?1",
    [INTERVAL_TIP] = "SELECT " INTERVAL_COLUMNS " FROM interval WHERE run = ? ORDER BY first DESC LIMIT 1",
    [INTERVAL_BEFORE] =
        "SELECT " INTERVAL_COLUMNS " FROM interval WHERE run = ? AND first <= ? ORDER BY first DESC LIMIT 1",
    [INTERVAL_AFTER] = "SELECT " INTERVAL_COLUMNS " FROM interval WHERE run = ? AND first > ? ORDER BY first LIMIT 1",
    [INTERVAL_ADD] = "INSERT INTO interval (run, first, last, first_us, last_us, span_us) VALUES (?, ?, ?, ?, ?, ?)",
    [INTERVAL_EXTEND] = "UPDATE interval SET last = ?2, first_us = ?3, last_us = ?4, span_us = ?5 WHERE id = ?1",
    [INTERVAL_DELETE] = "DELETE FROM interval WHERE id = ?",
    [DROPPED_BEFORE] =
        "SELECT id, first, last, cause FROM dropped WHERE run = ? AND first <= ? ORDER BY first DESC LIMIT 1",
    [DROPPED_COUNT] = "SELECT count(*) FROM dropped WHERE run = ?",
    [DROPPED_DELETE] = "DELETE FROM dropped WHERE id = ?",
    [DROPPED_PUT] = "INSERT INTO dropped (run, first, last, cause, told_us) VALUES (?, ?, ?, ?, ?)",
    [STEP_PUT] = "INSERT INTO clock_step (run, at_us, step_us) VALUES (?, ?, ?)",
};
_Static_assert(sizeof texts / sizeof *texts == RUN_STMT_COUNT, "a text for each statement");

int runs_open(struct runs *runs, sqlite3 *db, struct err *err)
{
    runs->db = db;
    for (int i = 0; i < RUN_STMT_COUNT; i++) {
        int rc = db_prepare(db, texts[i], &runs->stmts[i], err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void runs_forget(struct runs *runs)
{
    struct known_run *run = runs->known;
    struct known_run *next;
    HASH_CLEAR(hh, runs->known); /* frees the table; the entries stay linked by hh.next */
    for (; run; run = next) {
        next = run->hh.next;
        free(run);
    }
    runs->dirty = NULL;
    runs->last = NULL;
}

void runs_close(struct runs *runs)
{
    runs_forget(runs);
    for (int i = 0; i < RUN_STMT_COUNT; i++)
        sqlite3_finalize(runs->stmts[i]);
    *runs = (struct runs){ .db = NULL };
}

static int bind_run(sqlite3_stmt *stmt, const struct run_key *key)
{
    sqlite3_bind_int64(stmt, 1, (int64_t)key->host);
    return sqlite3_bind_blob(stmt, 2, key->run.bytes, RUN_BYTES, SQLITE_STATIC);
}

static int find_or_add(struct runs *runs, const struct run_key *key, int64_t *ret_id, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *find = runs->stmts[RUN_FIND];
    bind_run(find, key);
    int rc = db_step(find, err);
    if (rc == DB_ROW)
        *ret_id = sqlite3_column_int64(find, 0);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    bind_run(runs->stmts[RUN_ADD], key);
    rc = db_run(runs->stmts[RUN_ADD], err);
    if (rc == 0)
        *ret_id = sqlite3_last_insert_rowid(runs->db);
    return rc;
}

/* Reads the interval `stmt` yields; none is an interval without id. */
static int read_interval(sqlite3_stmt *stmt, struct interval *ret, struct err *err)
{
    *ret = (struct interval){ .id = 0 };
    int rc = db_step(stmt, err);
    if (rc != DB_ROW)
        return rc;
    *ret = (struct interval){
        .id = sqlite3_column_int64(stmt, 0),
        .first = sqlite3_column_int64(stmt, 1),
        .last = sqlite3_column_int64(stmt, 2),
        .first_us = sqlite3_column_int64(stmt, 3),
        .last_us = sqlite3_column_int64(stmt, 4),
        .span_us = sqlite3_column_int64(stmt, 5),
    };
    sqlite3_reset(stmt);
    return 0;
}

static int read_tip(struct runs *runs, struct known_run *run, struct err *err)
{
    sqlite3_bind_int64(runs->stmts[INTERVAL_TIP], 1, run->id);
    return read_interval(runs->stmts[INTERVAL_TIP], &run->tip, err);
}

static int know(struct runs *runs, uint64_t host, const struct run_id *id, struct known_run **ret, struct err *err)
{
    struct run_key key;
    memset(&key, 0, sizeof key);
    key.host = host;
    key.run = *id;
    *ret = runs->last;
    if (*ret && memcmp(&(*ret)->key, &key, sizeof key) == 0)
        return 0;
    HASH_FIND(hh, runs->known, &key, sizeof key, *ret);
    if (*ret) {
        runs->last = *ret;
        return 0;
    }
    AUTO(auto_free) struct known_run *run = calloc(1, sizeof *run);
    if (!run)
        return err_set(err, -ENOMEM, "store: out of memory");
    run->key = key;
    run->n_dropped = DROPPED_UNCOUNTED;
    int rc = find_or_add(runs, &key, &run->id, err);
    if (rc == 0)
        rc = read_tip(runs, run, err);
    if (rc < 0)
        return rc;
    HASH_ADD(hh, runs->known, key, sizeof run->key, run);
    if (!run->hh.tbl)
        return err_set(err, -ENOMEM, "store: out of memory");
    *ret = TAKE(run);
    return 0;
}

static void widen(struct interval *interval, const struct interval *by)
{
    if (by->first < interval->first)
        interval->first = by->first;
    if (by->last > interval->last)
        interval->last = by->last;
    if (by->first_us < interval->first_us)
        interval->first_us = by->first_us;
    if (by->last_us > interval->last_us)
        interval->last_us = by->last_us;
    if (by->span_us > interval->span_us)
        interval->span_us = by->span_us;
}

static int add_interval(struct runs *runs, int64_t run, struct interval *interval, struct err *err)
{
    sqlite3_stmt *stmt = runs->stmts[INTERVAL_ADD];
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, interval->first);
    sqlite3_bind_int64(stmt, 3, interval->last);
    sqlite3_bind_int64(stmt, 4, interval->first_us);
    sqlite3_bind_int64(stmt, 5, interval->last_us);
    sqlite3_bind_int64(stmt, 6, interval->span_us);
    int rc = db_run(stmt, err);
    if (rc == 0)
        interval->id = sqlite3_last_insert_rowid(runs->db);
    return rc;
}

static int write_tip(struct runs *runs, const struct interval *tip, struct err *err)
{
    sqlite3_stmt *stmt = runs->stmts[INTERVAL_EXTEND];
    sqlite3_bind_int64(stmt, 1, tip->id);
    sqlite3_bind_int64(stmt, 2, tip->last);
    sqlite3_bind_int64(stmt, 3, tip->first_us);
    sqlite3_bind_int64(stmt, 4, tip->last_us);
    sqlite3_bind_int64(stmt, 5, tip->span_us);
    return db_run(stmt, err);
}

static void extend_tip(struct runs *runs, struct known_run *run, const struct interval *ticks)
{
    widen(&run->tip, ticks);
    if (run->dirty)
        return;
    run->dirty = true;
    run->next_dirty = runs->dirty;
    runs->dirty = run;
}

int runs_flush(struct runs *runs, struct err *err)
{
    for (; runs->dirty; runs->dirty = runs->dirty->next_dirty) {
        int rc = write_tip(runs, &runs->dirty->tip, err);
        if (rc < 0)
            return rc; /* the transaction fails, and with it all that is known */
        runs->dirty->dirty = false;
    }
    if (HASH_COUNT(runs->known) > KNOWN_MAX)
        runs_forget(runs);
    return 0;
}

/* INTERVAL_BEFORE: the last one that begins at `first` or before it; INTERVAL_AFTER: the first one behind that. */
static int interval_beside(struct runs *runs, enum run_stmt which, int64_t run, int64_t first, struct interval *ret,
                           struct err *err)
{
    sqlite3_stmt *stmt = runs->stmts[which];
    sqlite3_bind_int64(stmt, 1, run);
    sqlite3_bind_int64(stmt, 2, first);
    return read_interval(stmt, ret, err);
}

/* The file must know the tip before it is asked; that it is written again by the flush does no harm. */
static int show_tip(struct runs *runs, const struct known_run *run, struct err *err)
{
    return run->dirty ? write_tip(runs, &run->tip, err) : 0;
}

int runs_missing(struct runs *runs, const struct store_batch *batch, uint64_t from, struct tick_range *ret,
                 struct err *err)
{
    struct known_run *run;
    uint64_t last = batch->first + batch->n_ticks - 1;
    if (from > last)
        return RUN_HAD_IT;
    int rc = know(runs, batch->host, &batch->run, &run, err);
    if (rc < 0)
        return rc;
    *ret = (struct tick_range){ from, last };
    if (!run->tip.id || from > (uint64_t)run->tip.last)
        return 0; /* the common case: new ticks */
    struct interval beside = { .id = 0 };
    rc = show_tip(runs, run, err);
    if (rc == 0)
        rc = interval_beside(runs, INTERVAL_BEFORE, run->id, (int64_t)from, &beside, err);
    if (rc < 0)
        return rc;
    if (beside.id && (uint64_t)beside.last >= from)
        ret->first = (uint64_t)beside.last + 1;
    if (ret->first > last)
        return RUN_HAD_IT;
    rc = interval_beside(runs, INTERVAL_AFTER, run->id, (int64_t)ret->first, &beside, err);
    if (rc == 0 && beside.id && (uint64_t)beside.first <= last)
        ret->last = (uint64_t)beside.first - 1;
    return rc;
}

/* Ticks before the tip: swallows the intervals they touch on either side, and stands for all of them. */
static int merge(struct runs *runs, struct known_run *run, struct interval ticks, struct err *err)
{
    int rc = show_tip(runs, run, err);
    while (rc == 0) {
        struct interval met;
        rc = interval_beside(runs, INTERVAL_BEFORE, run->id, ticks.last + 1, &met, err);
        if (rc < 0)
            return rc;
        if (!met.id || met.last < ticks.first - 1)
            break;
        widen(&ticks, &met);
        sqlite3_bind_int64(runs->stmts[INTERVAL_DELETE], 1, met.id);
        rc = db_run(runs->stmts[INTERVAL_DELETE], err);
    }
    if (rc == 0)
        rc = add_interval(runs, run->id, &ticks, err);
    return rc < 0 ? rc : read_tip(runs, run, err);
}

int runs_take(struct runs *runs, const struct store_batch *batch, int64_t *ret_run, struct err *err)
{
    struct known_run *run;
    int rc = know(runs, batch->host, &batch->run, &run, err);
    if (rc < 0)
        return rc;
    *ret_run = run->id;
    struct interval ticks = {
        .first = (int64_t)batch->first,
        .last = (int64_t)batch->first + batch->n_ticks - 1,
        .first_us = batch->first_us,
        .last_us = batch->last_us,
        .span_us = batch->last_us - batch->first_us,
    };
    if (run->tip.id && ticks.first == run->tip.last + 1) {
        extend_tip(runs, run, &ticks);
        return 0;
    }
    if (run->tip.id && ticks.first <= run->tip.last)
        return merge(runs, run, ticks, err);
    rc = show_tip(runs, run, err); /* a gap: the tip of so far will not grow by itself any more */
    if (rc < 0)
        return rc;
    rc = add_interval(runs, run->id, &ticks, err);
    if (rc == 0)
        run->tip = ticks;
    return rc;
}

int runs_put_anchor(struct runs *runs, const struct store_anchor *anchor, struct err *err)
{
    struct known_run *run;
    int rc = know(runs, anchor->host, &anchor->run, &run, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *stmt = runs->stmts[RUN_ANCHOR];
    sqlite3_bind_int64(stmt, 1, run->id);
    sqlite3_bind_int64(stmt, 2, anchor->anchor_us);
    sqlite3_bind_int64(stmt, 3, anchor->rtt_us);
    sqlite3_bind_int64(stmt, 4, anchor->stored_us);
    return db_run(stmt, err);
}

int runs_put_dropped(struct runs *runs, const struct store_dropped *dropped, struct err *err)
{
    struct known_run *run;
    int rc = know(runs, dropped->host, &dropped->dropped.run, &run, err);
    return rc < 0 ? rc : dropped_put(runs, run->id, &run->n_dropped, dropped, err);
}

int runs_put_clock_step(struct runs *runs, const struct store_clock_step *step, struct err *err)
{
    struct known_run *run;
    int rc = know(runs, step->host, &step->run, &run, err);
    if (rc < 0)
        return rc;
    sqlite3_stmt *stmt = runs->stmts[STEP_PUT];
    sqlite3_bind_int64(stmt, 1, run->id);
    sqlite3_bind_int64(stmt, 2, step->at_us);
    sqlite3_bind_int64(stmt, 3, step->step_us);
    return db_run(stmt, err);
}
