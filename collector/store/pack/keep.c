/* What is kept for how long, and what becomes of the room: a pass over the file in steps, each taken up again in the
 * next turn where this one ended. Rows of a host lie by time, so the first of each kind that is kept tells when there
 * will be something to do. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/pack/turn.h"

enum keep_step { KEEP_HOSTS, KEEP_INBOX, KEEP_LISTS, KEEP_SHRINK, KEEP_SHRINKING };

enum {
    HOST_NS = 20000,       /* to look at one */
    SLACK_PAGES_MIN = 512, /* 2 MiB: not worth giving back */
    SLACK_SHARE = 4,       /* a quarter of the file may be free before any of it is given back... */
    SLACK_LEFT_SHARE = 8,  /* ...an eighth is left: the inbox fills and empties all the time */
    SHRINK_OPS_A_TURN = 16
};

static int no_memory(struct pack_turn *turn)
{
    return err_set(&turn->err, -ENOMEM, "store: out of memory");
}

/* Whether it has: else `at_us` is remembered. */
static bool has_expired(struct pack_turn *turn, int64_t at_us)
{
    if (at_us <= turn->now_us)
        return true;
    turn->state->keep_next_us = pack_earlier(turn->state->keep_next_us, at_us);
    return false;
}

static int delete_row(struct pack_turn *turn, enum pack_table table, int64_t id, int64_t bytes)
{
    struct pack_op *op;
    int rc = pack_turn_unit(turn, &op);
    if (rc == 0)
        rc = table == PACK_BATCH ? pack_op_sealed(op, id) : pack_op_delete(op, table, id, (size_t)bytes);
    if (rc == -ENOMEM)
        rc = no_memory(turn);
    turn->spent_ns += PACK_ROW_NS;
    return rc;
}

/* ---- by host ---- */

static int64_t end_of(const struct pack_turn *turn, enum pack_table table, int64_t last_us, bool coarse)
{
    if (table == PACK_SKETCH)
        return last_us + turn->retention.sketches_us;
    if (table == PACK_MINUTE)
        return last_us + PACK_MINUTE_US + turn->retention.minutes_us;
    return last_us + (coarse ? turn->retention.minutes_us : turn->retention.samples_us);
}

/* What is in no rollup yet never goes, however old it came: it is due to be rewritten, and that decides whether it is
 * coarse, too. */
static int expire_rows(struct pack_turn *turn, enum pack_table table, int64_t host_no)
{
    static const char *const texts[] = {
        [PACK_BLOCK] = "SELECT id, last_us, length(bytes), coarse, level FROM block WHERE id >= ?1 AND id < ?2"
                       " ORDER BY id",
        [PACK_MINUTE] = "SELECT id, last_us, length(bytes), 0, 1 FROM minute WHERE id >= ?1 AND id < ?2 ORDER BY id",
        [PACK_SKETCH] = "SELECT id, last_us, length(bytes), 0, 1 FROM sketch WHERE id >= ?1 AND id < ?2 ORDER BY id",
    };
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, texts[table], &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    sqlite3_bind_int64(scan, 1, pack_id_of(host_no, 0));
    sqlite3_bind_int64(scan, 2, pack_id_of(host_no + 1, 0));
    while (!pack_turn_spent(turn) && (rc = pack_turn_step(turn, scan)) == DB_ROW) {
        bool coarse = sqlite3_column_int(scan, 3);
        if (sqlite3_column_int(scan, 4) == 0) {
            pack_expires(turn, turn->now_us + PACK_MINUTE_US);
            continue;
        }
        if (has_expired(turn, end_of(turn, table, sqlite3_column_int64(scan, 1), coarse)))
            rc = delete_row(turn, table, sqlite3_column_int64(scan, 0), sqlite3_column_int64(scan, 2));
        else if (!coarse)
            return 0;
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

static int keep_hosts(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT no FROM host WHERE no >= ? ORDER BY no", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *hosts = stmt;
    sqlite3_bind_int64(hosts, 1, state->keep_host);
    while ((rc = pack_turn_step(turn, hosts)) == DB_ROW) {
        state->keep_host = sqlite3_column_int64(hosts, 0);
        turn->spent_ns += HOST_NS;
        for (enum pack_table table = PACK_BLOCK; rc >= 0 && table <= PACK_SKETCH; table++)
            rc = expire_rows(turn, table, state->keep_host);
        if (rc < 0 || pack_turn_spent(turn)) /* what is left of this host comes first in the next turn */
            return rc;
    }
    state->keep_host = 0;
    return rc;
}

/* ---- what has no place by host ---- */

static int keep_inbox(struct pack_turn *turn)
{
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT id, slot FROM batch WHERE slot < 0 ORDER BY slot DESC", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    while (!pack_turn_spent(turn) && (rc = pack_turn_step(turn, scan)) == DB_ROW) {
        int64_t at_us = (-1 - sqlite3_column_int64(scan, 1)) * US_PER_S;
        if (!has_expired(turn, at_us + turn->retention.samples_us))
            return 0;
        rc = delete_row(turn, PACK_BATCH, sqlite3_column_int64(scan, 0), 0);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

/* That a tick is stored is remembered as long as anything may be made of it: sent or imported once more, it would be
 * counted twice. */
static int64_t longest_us(const struct store_retention *retention)
{
    int64_t longest = retention->samples_us > retention->minutes_us ? retention->samples_us : retention->minutes_us;
    return longest > retention->sketches_us ? longest : retention->sketches_us;
}

static const struct kept_list {
    enum pack_table table;
    bool longest; /* else as long as minutes */
    const char *sql;
} kept_lists[] = {
    /* A run goes when nothing names it any more. One that a session may be using has stored something lately. */
    { PACK_RUN, true,
      "SELECT id, coalesce(stored_us, 0) FROM run WHERE id > ?"
      " AND NOT EXISTS (SELECT 1 FROM interval WHERE interval.run = run.id)"
      " AND NOT EXISTS (SELECT 1 FROM dropped WHERE dropped.run = run.id)"
      " AND NOT EXISTS (SELECT 1 FROM clock_step WHERE clock_step.run = run.id) ORDER BY id" },
    { PACK_INTERVAL, true, "SELECT id, last_us FROM interval WHERE id > ? ORDER BY id" },
    { PACK_DROPPED, false, "SELECT id, told_us FROM dropped WHERE id > ? ORDER BY id" },
    { PACK_CLOCK_STEP, false, "SELECT id, at_us FROM clock_step WHERE id > ? ORDER BY id" },
};

static int expire_entry(struct pack_turn *turn, enum pack_table table, int64_t id, int64_t kept_us)
{
    struct pack_op *op;
    int rc = pack_turn_unit(turn, &op);
    if (rc == 0 && pack_op_expire(op, table, id, turn->now_us - kept_us) < 0)
        rc = no_memory(turn);
    pack_expires(turn, turn->now_us); /* without it a run may go as well */
    turn->spent_ns += PACK_ROW_NS;
    return rc;
}

static int keep_list(struct pack_turn *turn, const struct kept_list *list)
{
    int64_t kept_us = list->longest ? longest_us(&turn->retention) : turn->retention.minutes_us;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, list->sql, &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    sqlite3_bind_int64(scan, 1, turn->state->keep_id);
    while (!pack_turn_spent(turn) && (rc = pack_turn_step(turn, scan)) == DB_ROW) {
        turn->spent_ns += PACK_SCAN_NS;
        turn->state->keep_id = sqlite3_column_int64(scan, 0);
        if (has_expired(turn, sqlite3_column_int64(scan, 1) + kept_us + 1))
            rc = expire_entry(turn, list->table, turn->state->keep_id, kept_us);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

static int keep_lists(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    while (state->keep_list < sizeof kept_lists / sizeof *kept_lists) {
        int rc = keep_list(turn, &kept_lists[state->keep_list]);
        if (rc < 0 || pack_turn_spent(turn)) /* the next turn goes on behind the last one seen */
            return rc;
        state->keep_list++;
        state->keep_id = 0;
    }
    state->keep_list = 0;
    return 0;
}

/* ---- room ---- */

static int read_room(struct pack_turn *turn, int64_t *ret_pages, int64_t *ret_free)
{
    int64_t mode = 0;
    int rc = db_number(turn->tools->db, "PRAGMA auto_vacuum", &mode, &turn->err);
    if (rc == 0)
        rc = db_number(turn->tools->db, "PRAGMA page_count", ret_pages, &turn->err);
    if (rc == 0)
        rc = db_number(turn->tools->db, "PRAGMA freelist_count", ret_free, &turn->err);
    if (mode != 2) /* INCREMENTAL */
        *ret_free = 0;
    return rc;
}

static int64_t slack(int64_t pages, int64_t share)
{
    return pages / share > SLACK_PAGES_MIN ? pages / share : SLACK_PAGES_MIN;
}

/* How often is settled before: what does not come free then is left for another pass. */
static int plan_shrinking(struct pack_turn *turn)
{
    int64_t pages = 0;
    int64_t n_free = 0;
    int rc = read_room(turn, &pages, &n_free);
    if (rc == 0 && n_free > slack(pages, SLACK_SHARE))
        turn->state->shrinks = (n_free - slack(pages, SLACK_LEFT_SHARE)) / PACK_SHRINK_PAGES + 1;
    return rc;
}

static int shrink(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    for (int i = 0; i < SHRINK_OPS_A_TURN && state->shrinks > 0; i++, state->shrinks--) {
        struct pack_op *op;
        int rc = pack_turn_unit(turn, &op);
        if (rc == 0 && pack_op_shrink(op, PACK_SHRINK_PAGES) < 0)
            rc = no_memory(turn);
        if (rc < 0)
            return rc;
    }
    if (state->shrinks > 0)
        turn->spent_ns = PACK_TURN_NS;
    return 0;
}

/* ---- */

static int take_step(struct pack_turn *turn)
{
    switch ((enum keep_step)turn->state->keep_step) {
    case KEEP_HOSTS:
        return keep_hosts(turn);
    case KEEP_INBOX:
        return keep_inbox(turn);
    case KEEP_LISTS:
        return keep_lists(turn);
    case KEEP_SHRINK:
        return plan_shrinking(turn);
    case KEEP_SHRINKING:
        return shrink(turn);
    }
    return 0;
}

void pack_expires(struct pack_turn *turn, int64_t at_us)
{
    int64_t soonest_us = turn->at_once ? turn->now_us : turn->now_us + PACK_KEEP_LOOK_US;
    turn->state->keep_us = pack_earlier(turn->state->keep_us, at_us > soonest_us ? at_us : soonest_us);
    turn->state->keep_next_us = pack_earlier(turn->state->keep_next_us, at_us); /* a pass may be under way */
}

int pack_keep(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    if (state->keep_us > turn->now_us)
        return 0;
    if (state->keep_step == KEEP_HOSTS && state->keep_host == 0)
        state->keep_next_us = INT64_MAX;
    while (state->keep_step <= KEEP_SHRINKING) {
        int rc = take_step(turn);
        if (rc < 0 || pack_turn_spent(turn))
            return rc;
        state->keep_step++;
    }
    state->keep_step = KEEP_HOSTS;
    state->keep_us = INT64_MAX;
    if (state->keep_next_us < INT64_MAX)
        pack_expires(turn, state->keep_next_us);
    return 0;
}
