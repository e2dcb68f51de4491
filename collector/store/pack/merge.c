/* Blocks that were chosen, merged by time: their ticks are put in order first, then column after column of each part
 * goes to its ticks' places. */
#include "collector/store/pack/merge.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"

static int no_memory(struct pack_turn *turn)
{
    return err_set(&turn->err, -ENOMEM, "store: out of memory");
}

static int read_bytes(struct merge *merge, struct part *part, const void **ret)
{
    struct pack_turn *turn = merge->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT bytes FROM block WHERE id = ?", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *read = stmt;
    sqlite3_bind_int64(read, 1, part->id);
    rc = pack_turn_step(turn, read);
    if (rc < 0)
        return rc;
    part->len = rc == DB_ROW ? (size_t)sqlite3_column_bytes(read, 0) : 0;
    void *copy = arena_alloc(&turn->tools->arena, 1, part->len);
    if (!copy)
        return no_memory(turn);
    if (part->len > 0)
        memcpy(copy, sqlite3_column_blob(read, 0), part->len);
    *ret = part->bytes = copy;
    return 0;
}

/* -EBADMSG, -ENOTSUP: unreadable. */
static int open_part(struct merge *merge, struct part *part)
{
    struct pack_tools *tools = merge->turn->tools;
    struct err *err = &merge->turn->err;
    const void *bytes = NULL;
    int rc = read_bytes(merge, part, &bytes);
    if (rc == 0)
        rc = block_open(bytes, part->len, &part->view, err);
    if (rc == 0 && (part->view.n_columns != merge->table->n || part->view.n_ticks != part->n || !part->view.n_parts))
        rc = -EBADMSG;
    if (rc == 0)
        rc = block_times(tools->coder, &part->view, &tools->arena, &part->at_us, err);
    return rc < 0 ? rc : block_parts(tools->coder, &part->view, &tools->arena, &part->parts, err);
}

static void unchoose(struct merge *merge, struct part *part)
{
    part->chosen = false;
    merge->ticks = 0;
    for (uint32_t i = 0; i < merge->n_parts; i++)
        if (merge->parts[i].chosen)
            pack_choose(merge, &merge->parts[i]);
}

static int leave_out(struct merge *merge, struct part *part)
{
    unchoose(merge, part);
    if (part->level == 2)
        return 0;
    merge->turn->unreadable++;
    return pack_op_settle(merge->op, PACK_BLOCK, part->id) < 0 ? no_memory(merge->turn) : 0;
}

static int open_parts(struct merge *merge)
{
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        struct part *part = &merge->parts[i];
        int rc = part->chosen && !part->bytes ? open_part(merge, part) : 0;
        if ((rc == -EBADMSG && !merge->turn->damaged) || rc == -ENOTSUP)
            rc = leave_out(merge, part);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Whether the sealed ticks lie a minute apart, the one in the middle of their distances decides; of a single one its
 * neighbours do. */
static int are_coarse(struct merge *merge, bool *ret)
{
    uint32_t n = 0;
    int64_t *at_us = arena_alloc(&merge->turn->tools->arena, merge->ticks + 1, sizeof *at_us);
    if (!at_us)
        return no_memory(merge->turn);
    *ret = false;
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        const struct part *part = &merge->parts[i];
        if (part->chosen && part->level > 0)
            *ret = part->coarse;
        if (part->chosen && part->level == 0) {
            memcpy(at_us + n, part->at_us, part->n * sizeof *at_us);
            n += part->n;
        }
    }
    if (n < 2)
        return 0;
    qsort(at_us, n, sizeof *at_us, by_number);
    for (uint32_t i = 0; i + 1 < n; i++)
        at_us[i] = at_us[i + 1] - at_us[i];
    qsort(at_us, n - 1, sizeof *at_us, by_number);
    *ret = at_us[(n - 1) / 2] >= PACK_COARSE_US;
    return 0;
}

static void keep_apart(struct merge *merge)
{
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        struct part *part = &merge->parts[i];
        if (!part->chosen || part->level == 0 || part->coarse == merge->coarse)
            continue;
        unchoose(merge, part);
    }
}

/* ---- merging ---- */

struct place {
    int64_t at_us;
    uint32_t part, tick;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->part != y->part)
        return x->part < y->part ? -1 : 1;
    return (x->tick > y->tick) - (x->tick < y->tick);
}

static int find_places(struct merge *merge)
{
    struct arena *arena = &merge->turn->tools->arena;
    struct place *places = arena_alloc(arena, merge->ticks, sizeof *places);
    if (!places)
        return no_memory(merge->turn);
    uint32_t n = 0;
    bool sorted = true;
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        struct part *part = &merge->parts[i];
        if (!part->chosen)
            continue;
        sorted = sorted && (n == 0 || places[n - 1].at_us <= part->at_us[0]);
        for (uint32_t tick = 0; tick < part->n; tick++)
            places[n++] = (struct place){ part->at_us[tick], i, tick };
        part->places = arena_alloc(arena, part->n, sizeof *part->places);
        if (!part->places)
            return no_memory(merge->turn);
    }
    if (!sorted)
        qsort(places, n, sizeof *places, by_place);
    for (uint32_t i = 0; i < n; i++)
        merge->parts[places[i].part].places[places[i].tick] = i;
    return 0;
}

static void name_ticks(struct pack_ticks *ticks, const struct part *part)
{
    uint32_t tick = 0;
    for (uint32_t i = 0; i < part->view.n_parts; i++) {
        for (uint32_t k = 0; k < part->parts[i].n; k++, tick++) {
            uint32_t place = part->places[tick];
            ticks->at_us[place] = part->at_us[tick];
            ticks->fresh[place] = part->level == 0;
            ticks->ticks[place] = (struct pack_tick){ &part->parts[i].run, part->parts[i].first + k };
        }
    }
}

static void fill_column(struct pack_ticks *ticks, const struct part *part, uint32_t i, const struct column *column)
{
    bool whole = part->places[part->n - 1] - part->places[0] == part->n - 1;
    pack_ticks_fill(ticks, i, column, part->n, part->places[0], whole ? NULL : part->places);
}

/* Column after column, so that each group of them is decompressed once. */
static int fill_columns(struct merge *merge, struct pack_ticks *ticks, const struct part *part, struct arena *scratch)
{
    struct pack_turn *turn = merge->turn;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < ticks->table->n; i++) {
        struct column column;
        arena_reset(scratch);
        rc = block_column(turn->tools->coder, &part->view, i, scratch, &column, &turn->err);
        if (rc == 0)
            fill_column(ticks, part, i, &column);
    }
    return rc;
}

/* Columns of one for good lean on each other: one by one they would be decoded over and over. */
static int fill_all(struct merge *merge, struct pack_ticks *ticks, const struct part *part, struct arena *scratch)
{
    struct pack_turn *turn = merge->turn;
    struct block block;
    int rc = block_decode(turn->tools->coder, part->bytes, part->len, scratch, &block, &turn->err);
    for (uint32_t i = 0; rc == 0 && i < ticks->table->n; i++)
        fill_column(ticks, part, i, &block.columns[i]);
    return rc;
}

static int fill_from(struct merge *merge, struct pack_ticks *ticks, const struct part *part)
{
    AUTO(arena_done) struct arena scratch;
    arena_init(&scratch, PACK_ARENA_BYTES);
    name_ticks(ticks, part);
    return part->level == 2 ? fill_all(merge, ticks, part, &scratch) : fill_columns(merge, ticks, part, &scratch);
}

static int write_block(struct merge *merge, const struct pack_ticks *ticks, uint32_t first, uint32_t n)
{
    assert(ticks->at_us && n > 0);
    struct pack_turn *turn = merge->turn;
    struct pack_row row = {
        .first_us = ticks->at_us[first],
        .last_us = ticks->at_us[first + n - 1],
        .n = n,
        .level = merge->for_good ? 2 : 1,
        .coarse = merge->coarse,
        .series_table = merge->of->series_table,
    };
    struct block block;
    if (pack_ticks_block(ticks, first, n, &block) < 0)
        return no_memory(turn);
    int rc = merge->for_good ? pack_encode_good(turn, &block, &row.bytes)
                             : block_encode(turn->tools->coder, &block, BLOCK_GOOD, &row.bytes, &turn->err);
    if (rc == 0)
        rc = pack_turn_id(turn, PACK_BLOCK, merge->of->host_no, row.first_us, &row.id);
    if (rc < 0)
        return rc;
    turn->spent_ns += (int64_t)n * block.n_columns * PACK_GOOD_NS + PACK_ROW_NS;
    return pack_op_insert(merge->op, PACK_BLOCK, &row) < 0 ? no_memory(turn) : 0;
}

static int delete_parts(struct merge *merge)
{
    for (uint32_t i = 0; i < merge->n_parts; i++) {
        const struct part *part = &merge->parts[i];
        if (part->chosen && pack_op_delete(merge->op, PACK_BLOCK, part->id, part->len) < 0)
            return no_memory(merge->turn);
    }
    return 0;
}

static int write_merged(struct merge *merge, struct pack_ticks *ticks)
{
    int rc = delete_parts(merge);
    uint32_t most = merge->most < PACK_BLOCK_TICKS ? merge->most : PACK_BLOCK_TICKS;
    for (uint32_t first = 0; rc == 0 && first < ticks->n; first += most)
        rc = write_block(merge, ticks, first, ticks->n - first < most ? ticks->n - first : most);
    return rc < 0 ? rc : pack_roll(merge->turn, merge->op, ticks, merge->of, merge->coarse);
}

enum merge_answer { MERGE_AGAIN = 1 }; /* positive: a part turned out unreadable, the others are as they were */

static int merge_chosen(struct merge *merge)
{
    struct pack_turn *turn = merge->turn;
    struct pack_ticks ticks = { .n = 0 };
    int rc = find_places(merge);
    if (rc == 0 && pack_ticks_init(&ticks, &turn->tools->arena, merge->table, merge->ticks) < 0)
        rc = no_memory(turn);
    for (uint32_t i = 0; rc == 0 && i < merge->n_parts; i++) {
        struct part *part = &merge->parts[i];
        rc = part->chosen ? fill_from(merge, &ticks, part) : 0;
        if (rc == -EBADMSG) {
            rc = leave_out(merge, part);
            return rc < 0 ? rc : MERGE_AGAIN;
        }
    }
    if (rc < 0)
        return rc;
    ticks.n = merge->ticks;
    return write_merged(merge, &ticks);
}

int pack_merge_settle(struct merge *merge)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < merge->n_parts; i++) {
        if (merge->parts[i].level == 2)
            continue;
        pack_choose(merge, &merge->parts[i]);
        rc = leave_out(merge, &merge->parts[i]);
    }
    return rc;
}

int pack_merge_open(struct merge *merge)
{
    int rc = open_parts(merge);
    if (rc == 0)
        rc = are_coarse(merge, &merge->coarse);
    if (rc == 0)
        keep_apart(merge);
    return rc;
}

int pack_merge_open_joined(struct merge *merge)
{
    return open_parts(merge);
}

int pack_merge(struct merge *merge)
{
    int rc = 0;
    do
        rc = merge->ticks > 0 ? merge_chosen(merge) : 0;
    while (rc == MERGE_AGAIN);
    return rc;
}
