/* Sealed blocks to rewritten ones, those to blocks for good. The index of young blocks tells which host's day under
 * which table has enough of them, or old ones; that day's rows are then read, and a unit of them is merged by time: the
 * oldest that together make a block, and what they overlap. A tick that was sealed only enters the rollups in the
 * same unit. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uthash.h"

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/pack/merge.h"

/* ---- looking ---- */

struct young { /* blocks of one host, day and table that are not for good yet */
    struct pack_due of;
    uint64_t sealed;   /* ticks */
    int64_t oldest_us; /* of those */
    uint64_t ticks;    /* of all */
    int64_t full_us;   /* the last tick of those that make a whole block, oldest first; INT64_MAX: not enough */
    int64_t last_us;
    UT_hash_handle hh; /* by series table */
};

struct day { /* whose rows are being gone through; all of it lies in the arena */
    int64_t host_no;
    int64_t day;
    struct young *tables;
};

static bool is_due(const struct pack_turn *turn, const struct young *young)
{
    int64_t old_us = turn->now_us - PACK_STEP_AGE_US;
    return pack_day_end_us(young->of.day) <= old_us || young->full_us < old_us || young->sealed >= PACK_REWRITE_TICKS ||
           (young->sealed > 0 && young->oldest_us < old_us);
}

static int64_t due_us(const struct young *young)
{
    int64_t at_us = pack_day_end_us(young->of.day);
    if (young->full_us < at_us)
        at_us = young->full_us + 1;
    if (young->sealed > 0)
        at_us = pack_earlier(at_us, young->oldest_us + 1);
    return at_us + PACK_STEP_AGE_US;
}

static int settle_one(struct pack_turn *turn, const struct young *young)
{
    struct pack_state *state = turn->state;
    if (!is_due(turn, young)) {
        state->young_us = pack_earlier(state->young_us, due_us(young));
        return 0;
    }
    int64_t until_us = pack_put_off_until(turn, PACK_REWRITE, &young->of);
    if (until_us > 0) {
        state->young_us = pack_earlier(state->young_us, until_us);
        return 0;
    }
    int rc = pack_list_add(&state->young, &young->of);
    if (rc < 0)
        return err_set(&turn->err, rc, "store: out of memory");
    if (rc == PACK_LIST_FULL)
        state->young_us = turn->now_us;
    return 0;
}

static int settle(struct pack_turn *turn, struct day *day)
{
    int rc = 0;
    for (const struct young *young = day->tables; rc == 0 && young; young = young->hh.next)
        rc = settle_one(turn, young);
    HASH_CLEAR(hh, day->tables);
    arena_reset(&turn->tools->arena);
    return rc;
}

static void add_row(struct young *young, sqlite3_stmt *stmt)
{
    int64_t first_us = sqlite3_column_int64(stmt, 2);
    int64_t last_us = sqlite3_column_int64(stmt, 3);
    uint64_t n = (uint64_t)sqlite3_column_int64(stmt, 4);
    if (sqlite3_column_int64(stmt, 1) == 0) {
        young->sealed += n;
        young->oldest_us = pack_earlier(young->oldest_us, first_us);
    }
    young->ticks += n;
    if (last_us > young->last_us)
        young->last_us = last_us;
    if (young->ticks >= PACK_BLOCK_TICKS && young->full_us == INT64_MAX)
        young->full_us = young->last_us;
}

static struct young *young_of(struct pack_turn *turn, struct day *day, const struct pack_due *of)
{
    struct young *young;
    HASH_FIND(hh, day->tables, &of->series_table, sizeof of->series_table, young);
    if (young)
        return young;
    young = arena_alloc(&turn->tools->arena, 1, sizeof *young);
    if (!young)
        return NULL;
    *young = (struct young){ .of = *of, .oldest_us = INT64_MAX, .full_us = INT64_MAX };
    HASH_ADD(hh, day->tables, of.series_table, sizeof young->of.series_table, young);
    return young->hh.tbl ? young : NULL;
}

static int look_at_row(struct pack_turn *turn, struct day *day, sqlite3_stmt *row)
{
    struct pack_due of = {
        .host_no = PACK_ID_HOST(sqlite3_column_int64(row, 0)),
        .day = sqlite3_column_int64(row, 2) / PACK_DAY_US,
        .series_table = sqlite3_column_int64(row, 5),
    };
    int rc = day->host_no != of.host_no || day->day != of.day ? settle(turn, day) : 0;
    if (rc < 0)
        return rc;
    day->host_no = of.host_no;
    day->day = of.day;
    struct young *young = young_of(turn, day, &of);
    if (!young)
        return err_set(&turn->err, -ENOMEM, "store: out of memory");
    add_row(young, row);
    turn->spent_ns += PACK_SCAN_NS;
    return 0;
}

static void forget_day(struct day *day)
{
    HASH_CLEAR(hh, day->tables);
}

static int look(struct pack_turn *turn)
{
    turn->state->young_us = INT64_MAX;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(
        turn, "SELECT id, level, first_us, last_us, n, series_table FROM block WHERE level < 2 ORDER BY id", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    AUTO(forget_day) struct day day = { .tables = NULL };
    while ((rc = pack_turn_step(turn, scan)) == DB_ROW) {
        rc = look_at_row(turn, &day, scan);
        if (rc < 0)
            return rc;
    }
    return rc < 0 ? rc : settle(turn, &day);
}

/* ---- choosing what is merged ---- */

static int no_memory(struct pack_turn *turn)
{
    return err_set(&turn->err, -ENOMEM, "store: out of memory");
}

static int by_time(const void *a, const void *b)
{
    const struct part *x = a;
    const struct part *y = b;
    if (x->first_us != y->first_us)
        return x->first_us < y->first_us ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int list_parts(struct merge *merge)
{
    struct pack_turn *turn = merge->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn,
                            "SELECT id, first_us, last_us, n, level, coarse, length(bytes) FROM block"
                            " WHERE id BETWEEN ?1 AND ?2 AND series_table = ?3 ORDER BY level = 2, id LIMIT ?4",
                            &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    int64_t day_s = merge->of->day * (PACK_DAY_US / US_PER_S);
    merge->parts = arena_alloc(&turn->tools->arena, PACK_ROWS_MAX, sizeof *merge->parts);
    if (!merge->parts)
        return no_memory(turn);
    sqlite3_bind_int64(scan, 1, pack_id_of(merge->of->host_no, day_s));
    sqlite3_bind_int64(scan, 2, pack_id_of(merge->of->host_no, day_s + PACK_DAY_US / US_PER_S) - 1);
    sqlite3_bind_int64(scan, 3, merge->of->series_table);
    sqlite3_bind_int64(scan, 4, PACK_ROWS_MAX);
    while ((rc = pack_turn_step(turn, scan)) == DB_ROW) {
        int64_t n = sqlite3_column_int64(scan, 3);
        merge->parts[merge->n_parts++] = (struct part){
            .id = sqlite3_column_int64(scan, 0),
            .first_us = sqlite3_column_int64(scan, 1),
            .last_us = sqlite3_column_int64(scan, 2),
            .n = n >= 1 && n <= BLOCK_TICKS_MAX ? (uint32_t)n : 1,
            .level = sqlite3_column_int(scan, 4),
            .coarse = sqlite3_column_int(scan, 5),
            .len = (size_t)sqlite3_column_int64(scan, 6),
        };
    }
    qsort(merge->parts, merge->n_parts, sizeof *merge->parts, by_time);
    return rc;
}

static bool overlaps(const struct merge *merge, const struct part *part)
{
    return merge->ticks > 0 && part->first_us <= merge->last_us && part->last_us >= merge->first_us;
}

void pack_choose(struct merge *merge, struct part *part)
{
    if (merge->ticks == 0 || part->first_us < merge->first_us)
        merge->first_us = part->first_us;
    if (merge->ticks == 0 || part->last_us > merge->last_us)
        merge->last_us = part->last_us;
    merge->ticks += part->n;
    part->chosen = true;
}

static bool has_room(const struct merge *merge, const struct part *part)
{
    return merge->ticks == 0 || merge->ticks + part->n <= merge->most;
}

/* The oldest that wait for this step, as many as make a block. */
static void choose_due(struct merge *merge)
{
    int64_t old_us = merge->turn->now_us - PACK_STEP_AGE_US;
    bool over = pack_day_end_us(merge->of->day) <= old_us;
    uint64_t old = 0;
    for (uint32_t i = 0; i < merge->n_parts; i++)
        if (merge->parts[i].level < 2 && merge->parts[i].last_us < old_us)
            old += merge->parts[i].n;
    merge->for_good = over || old >= PACK_BLOCK_TICKS;
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        struct part *part = &merge->parts[i];
        bool due = merge->for_good ? part->level < 2 && (over || part->last_us < old_us) : part->level == 0;
        if (!due)
            continue;
        if (!has_room(merge, part))
            break;
        part->due = true;
        pack_choose(merge, part);
    }
}

/* Minutes were made of one kind and not of the other: they stay apart. */
static bool may_join(const struct merge *merge, const struct part *part)
{
    return !part->chosen && part->coarse == merge->coarse;
}

/* Other rows within the same time, until no more come to it: then the day lies in order again. */
static void choose_overlapping(struct merge *merge)
{
    bool more = merge->ticks > 0;
    while (more) {
        more = false;
        for (uint32_t i = 0; i < merge->n_parts; i++) {
            struct part *part = &merge->parts[i];
            if (!may_join(merge, part) || !overlaps(merge, part) || merge->ticks + part->n > 2 * merge->most)
                continue;
            pack_choose(merge, part);
            more = true;
        }
    }
}

/* A neighbour that is small: compared with what joins it when both are for good, so that a day that comes back piece
 * by piece is not rewritten with each piece. */
static bool joins(const struct merge *merge, const struct part *part)
{
    if (!may_join(merge, part) || !has_room(merge, part))
        return false;
    return merge->for_good ? part->n <= 2 * merge->ticks : part->level == 1 && part->n < PACK_SMALL_TICKS;
}

static void choose_neighbours(struct merge *merge)
{
    struct part *before = NULL;
    struct part *after = NULL;
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        struct part *part = &merge->parts[i];
        if (part->last_us < merge->first_us)
            before = part;
        if (part->first_us > merge->last_us && !after)
            after = part;
    }
    if (before && joins(merge, before))
        pack_choose(merge, before);
    if (after && joins(merge, after) && (!merge->for_good || after->level == 2))
        pack_choose(merge, after);
}

static bool takes_in_good_ones(const struct merge *merge)
{
    for (uint32_t i = 0; i < merge->n_parts; i++)
        if (merge->parts[i].chosen && merge->parts[i].level == 2)
            return true;
    return false;
}

static bool is_any_due(const struct merge *merge)
{
    for (uint32_t i = 0; i < merge->n_parts; i++)
        if (merge->parts[i].chosen && merge->parts[i].due)
            return true;
    return false;
}

/* What is due decides of which kind the merged ones are, before others join it: else an old block of the other kind
 * would, and be rewritten again and again for nothing. */
static int choose_parts(struct merge *merge)
{
    merge->most = PACK_VALUES_MAX / merge->table->n;
    if (merge->most > PACK_BLOCK_TICKS)
        merge->most = PACK_BLOCK_TICKS;
    choose_due(merge);
    int rc = pack_merge_open(merge);
    if (rc < 0 || !is_any_due(merge))
        return rc;
    choose_overlapping(merge);
    choose_neighbours(merge);
    rc = pack_merge_open_joined(merge);
    merge->for_good = merge->for_good || takes_in_good_ones(merge);
    return rc;
}

static int rewrite_unit(struct pack_turn *turn, const struct pack_due *of, bool *ret_changed)
{
    struct merge merge = { .turn = turn, .of = of };
    int rc = pack_turn_unit(turn, &merge.op);
    if (rc < 0)
        return rc;
    int64_t cost_ns = merge.op->cost_ns;
    rc = pack_turn_table(turn, of->series_table, &merge.table);
    if (rc == 0)
        rc = list_parts(&merge);
    if (rc == 0)
        rc = merge.table ? choose_parts(&merge) : pack_merge_settle(&merge);
    if (rc == 0)
        rc = pack_merge(&merge);
    *ret_changed = rc == 0 && merge.op->cost_ns > cost_ns;
    return rc;
}

int pack_rewrite(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    struct pack_list *list = &state->young;
    if (!list->n && (state->young_us <= turn->now_us || (state->sealed && turn->at_once))) {
        state->sealed = false;
        int rc = look(turn);
        if (rc < 0)
            return rc;
    }
    while (list->done < list->n && !pack_turn_spent(turn)) {
        bool changed = false;
        int rc = rewrite_unit(turn, &list->at[list->done], &changed);
        arena_reset(&turn->tools->arena);
        if (rc < 0) {
            rc = pack_turn_put_off(turn, rc, PACK_REWRITE, &list->at[list->done]);
            state->young_us = pack_earlier(state->young_us, turn->now_us + PACK_PUT_OFF_US);
        }
        if (rc < 0)
            return rc;
        list->done++;
        if (changed) /* there may be more of it: another look tells, when this is on disk */
            state->young_us = turn->now_us;
    }
    if (list->done == list->n)
        pack_list_clear(list);
    return 0;
}
