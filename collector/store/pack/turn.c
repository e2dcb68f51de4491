#include "collector/store/pack/turn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/reader.h"
#include "proto/codec/codec.h"

enum {
    STMTS_MAX = 48,
    ID_SLOTS = 64,
    ID_TRIES = 128,
    BUSY_TRIES = 25,
    BUSY_MS = 5000 /* nobody waits for the packer */
};

struct pack_stmts {
    size_t n;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } at[STMTS_MAX];
};

/* ---- tools and state ---- */

int pack_tools_init(struct pack_tools *tools, struct err *err)
{
    *tools = (struct pack_tools){ .stmts = calloc(1, sizeof *tools->stmts) };
    arena_init(&tools->arena, PACK_ARENA_BYTES);
    if (!tools->stmts)
        return err_set(err, -ENOMEM, "store: out of memory");
    return block_coder_new(&tools->coder, err);
}

void pack_tools_leave(struct pack_tools *tools)
{
    if (!tools->db)
        return;
    for (size_t i = 0; i < tools->stmts->n; i++)
        sqlite3_finalize(tools->stmts->at[i].stmt);
    tools->stmts->n = 0;
    decoder_done(&tools->decoder);
    tools->db = db_close(tools->db);
    tools->path = NULL;
}

void pack_tools_done(struct pack_tools *tools)
{
    pack_tools_leave(tools);
    tools->coder = block_coder_free(tools->coder);
    arena_done(&tools->arena);
    free(tools->stmts);
    tools->stmts = NULL;
}

void pack_list_clear(struct pack_list *list)
{
    free(list->at);
    *list = (struct pack_list){ .at = NULL };
}

int pack_list_add(struct pack_list *list, const struct pack_due *due)
{
    if (list->n == PACK_DUE_MAX)
        return PACK_LIST_FULL;
    if (list->n == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        struct pack_due *at = realloc(list->at, room * sizeof *at);
        if (!at)
            return -ENOMEM;
        list->at = at;
        list->room = room;
    }
    list->at[list->n++] = *due;
    return 0;
}

/* ---- what the stages share ---- */

bool pack_turn_spent(const struct pack_turn *turn)
{
    return turn->spent_ns >= PACK_TURN_NS;
}

static int add_op(struct pack_turn *turn)
{
    if (turn->n_ops == turn->ops_room) {
        size_t room = turn->ops_room ? turn->ops_room * 2 : 16;
        struct pack_op **ops = realloc(turn->ops, room * sizeof(struct pack_op *));
        if (!ops)
            return -ENOMEM;
        turn->ops = ops;
        turn->ops_room = room;
    }
    turn->op = pack_op_new();
    if (!turn->op)
        return -ENOMEM;
    turn->ops[turn->n_ops++] = turn->op;
    return 0;
}

int pack_turn_unit(struct pack_turn *turn, struct pack_op **ret)
{
    turn->unit = NULL;
    if (!turn->op || pack_op_cost_ns(turn->op) > PACK_OP_NS) {
        int rc = add_op(turn);
        if (rc < 0)
            return err_set(&turn->err, rc, "store: out of memory");
    }
    *ret = turn->unit = turn->op;
    turn->mark = pack_op_mark(turn->op);
    turn->mark_numbered = turn->n_numbered;
    return 0;
}

int pack_turn_step(struct pack_turn *turn, sqlite3_stmt *stmt)
{
    int rc = db_step(stmt, &turn->err);
    turn->damaged = turn->damaged || rc == -EBADMSG;
    return rc;
}

int pack_turn_stmt(struct pack_turn *turn, const char *sql, sqlite3_stmt **ret)
{
    struct pack_stmts *stmts = turn->tools->stmts;
    for (size_t i = 0; i < stmts->n; i++) {
        if (stmts->at[i].sql == sql) {
            *ret = stmts->at[i].stmt;
            return 0;
        }
    }
    assert(stmts->n < STMTS_MAX);
    int rc = db_prepare(turn->tools->db, sql, ret, &turn->err);
    if (rc < 0)
        return rc;
    stmts->at[stmts->n].sql = sql;
    stmts->at[stmts->n++].stmt = *ret;
    return 0;
}

/* ---- ids ---- */

static int taken_on_disk(struct pack_turn *turn, enum pack_table table, int64_t base, uint64_t *taken)
{
    static const char *const texts[] = {
        [PACK_BLOCK] = "SELECT id FROM block WHERE id BETWEEN ?1 AND ?1 + 63",
        [PACK_MINUTE] = "SELECT id FROM minute WHERE id BETWEEN ?1 AND ?1 + 63",
        [PACK_SKETCH] = "SELECT id FROM sketch WHERE id BETWEEN ?1 AND ?1 + 63",
    };
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, texts[table], &stmt);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, base);
    while ((rc = pack_turn_step(turn, stmt)) == DB_ROW)
        *taken |= UINT64_C(1) << (sqlite3_column_int64(stmt, 0) - base);
    return rc;
}

static int remember_id(struct pack_turn *turn, enum pack_table table, int64_t id)
{
    if (turn->n_taken == turn->taken_room) {
        size_t room = turn->taken_room ? turn->taken_room * 2 : 64;
        struct pack_taken *taken = realloc(turn->taken, room * sizeof *taken);
        if (!taken)
            return err_set(&turn->err, -ENOMEM, "store: out of memory");
        turn->taken = taken;
        turn->taken_room = room;
    }
    turn->taken[turn->n_taken++] = (struct pack_taken){ table, id };
    return 0;
}

static int find_free(struct pack_turn *turn, enum pack_table table, int64_t base, uint64_t *taken)
{
    int rc = taken_on_disk(turn, table, base, taken);
    for (size_t i = 0; i < turn->n_taken; i++)
        if (turn->taken[i].table == table && turn->taken[i].id >= base && turn->taken[i].id < base + ID_SLOTS)
            *taken |= UINT64_C(1) << (turn->taken[i].id - base);
    turn->spent_ns += PACK_ID_NS;
    return rc;
}

/* Where to look at the `nth` try: at the second itself, then somewhere within a reach behind it that doubles up to the
 * whole day, past whose end the day begins again. However many rows begin at one instant, a few tries find a gap. */
static int64_t second_to_try(int64_t first_us, uint32_t nth)
{
    int64_t day_s = PACK_DAY_US / US_PER_S;
    int64_t second = first_us / US_PER_S;
    uint64_t reach = nth < 17 ? UINT64_C(1) << nth : (uint64_t)day_s;
    if (reach > (uint64_t)day_s)
        reach = (uint64_t)day_s;
    uint64_t some = ((uint64_t)second + nth) * 0x9e3779b97f4a7c15;
    int64_t in_day = second % day_s + (nth == 0 ? 0 : (int64_t)((some >> 32) % reach));
    return second - second % day_s + in_day % day_s;
}

/* Whoever looks for ticks goes through the ids of their whole day. The ids of rows this turn deletes count as taken. */
int pack_turn_id(struct pack_turn *turn, enum pack_table table, int64_t host_no, int64_t first_us, int64_t *ret)
{
    for (uint32_t nth = 0; nth < ID_TRIES; nth++) {
        int64_t base = pack_id_of(host_no, second_to_try(first_us, nth));
        uint64_t taken = 0;
        int rc = find_free(turn, table, base, &taken);
        if (rc < 0)
            return rc;
        if (taken != UINT64_MAX) {
            *ret = base + __builtin_ctzll(~taken);
            return remember_id(turn, table, *ret);
        }
    }
    return err_set(&turn->err, -EMSGSIZE, "store: no id is free for a row of host number %lld", (long long)host_no);
}

/* ---- hosts and tables ---- */

static int highest_number(struct pack_turn *turn, int64_t *ret)
{
    *ret = 0;
    if (turn->n_numbered > 0) {
        *ret = turn->numbered[turn->n_numbered - 1].no;
        return 0;
    }
    return db_number(turn->tools->db, "SELECT max(no) FROM host", ret, &turn->err);
}

static int number_host(struct pack_turn *turn, struct pack_op *op, uint64_t host, int64_t *ret)
{
    for (size_t i = 0; i < turn->n_numbered; i++) {
        if (turn->numbered[i].host == host) {
            *ret = turn->numbered[i].no;
            return 0;
        }
    }
    int64_t highest;
    int rc = highest_number(turn, &highest);
    if (rc < 0)
        return rc;
    if (turn->n_numbered == turn->numbered_room) {
        size_t room = turn->numbered_room ? turn->numbered_room * 2 : 64;
        struct pack_numbered *numbered = realloc(turn->numbered, room * sizeof *numbered);
        if (!numbered)
            return err_set(&turn->err, -ENOMEM, "store: out of memory");
        turn->numbered = numbered;
        turn->numbered_room = room;
    }
    turn->numbered[turn->n_numbered++] = (struct pack_numbered){ host, highest + 1 };
    *ret = highest + 1;
    return pack_op_host(op, *ret, host) < 0 ? err_set(&turn->err, -ENOMEM, "store: out of memory") : 0;
}

int pack_turn_host(struct pack_turn *turn, struct pack_op *op, uint64_t host, int64_t *ret)
{
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT no FROM host WHERE id = ?", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *find = stmt;
    sqlite3_bind_int64(find, 1, (int64_t)host);
    rc = pack_turn_step(turn, find);
    if (rc == DB_ROW)
        *ret = sqlite3_column_int64(find, 0);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return number_host(turn, op, host, ret);
}

int pack_turn_table(struct pack_turn *turn, int64_t id, const struct series_table **ret)
{
    *ret = NULL;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT bytes FROM series_table WHERE id = ?", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *find = stmt;
    sqlite3_bind_int64(find, 1, id);
    rc = pack_turn_step(turn, find);
    if (rc != DB_ROW)
        return rc;
    struct series_table *table = arena_alloc(&turn->tools->arena, 1, sizeof *table);
    if (!table)
        return err_set(&turn->err, -ENOMEM, "store: out of memory");
    size_t len = (size_t)sqlite3_column_bytes(find, 0);
    rc = len ? codec_decode_table(sqlite3_column_blob(find, 0), len, &turn->tools->arena, table, &turn->err) : -EBADMSG;
    if (rc == 0)
        *ret = table;
    return rc == -ENOMEM ? rc : 0;
}

/* The best compares columns with each other, which costs by their square: of few ticks it is not worth it. */
int pack_encode_good(struct pack_turn *turn, const struct block *block, struct bytes *ret)
{
    enum { VALUE_NS = 180, PAIR_NS = 600 };
    bool best = block->n_ticks >= PACK_REWRITE_TICKS;
    int64_t columns = block->n_columns;
    int64_t value_ns = best ? VALUE_NS : PACK_GOOD_NS;
    turn->spent_ns += block->n_ticks * columns * value_ns + (best ? columns * columns * PAIR_NS : 0) + PACK_ROW_NS;
    return block_encode(turn->tools->coder, block, best ? BLOCK_BEST : BLOCK_GOOD, ret, &turn->err);
}

/* ---- the turn ---- */

enum enter_answer { ENTER_NOTHING = 1 }; /* positive: there is no file, or none of today's shape */

static int enter(struct pack_turn *turn)
{
    struct pack_tools *tools = turn->tools;
    if (tools->path != turn->path || turn->open_anew)
        pack_tools_leave(tools);
    if (tools->db)
        return 0;
    AUTO(db_auto_close) sqlite3 *db = NULL;
    int64_t has_blocks = 0;
    int rc = -EBUSY;
    for (int i = 0; i < BUSY_TRIES && rc == -EBUSY; i++) /* a file that is just being opened, or built anew */
        rc = reader_file(&db, turn->path, turn->tenant, &turn->err);
    if (rc == 0)
        rc = db_number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'block'", &has_blocks, &turn->err);
    if (rc != 0 || !has_blocks)
        return rc < 0 ? rc : ENTER_NOTHING;
    rc = decoder_init(&tools->decoder, db, &turn->err);
    if (rc < 0) {
        decoder_done(&tools->decoder);
        return rc;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    tools->db = TAKE(db);
    tools->path = turn->path;
    return 0;
}

static int take_stages(struct pack_turn *turn)
{
    static int (*const stages[PACK_STAGE_COUNT])(struct pack_turn * turn) = {
        [PACK_SEAL] = pack_seal,
        [PACK_REWRITE] = pack_rewrite,
        [PACK_DAYS] = pack_days,
        [PACK_KEEP] = pack_keep,
    };
    int rc = 0;
    for (int i = 0; rc == 0 && i < PACK_STAGE_COUNT; i++) {
        rc = stages[(turn->first + i) % PACK_STAGE_COUNT](turn);
        /* The next stage looks at what this one has made: when that is on disk, not before. */
        if (turn->n_ops > 0 || pack_turn_spent(turn))
            return rc;
    }
    return rc;
}

static int64_t next_of(const struct pack_turn *turn)
{
    const struct pack_state *state = turn->state;
    if (pack_turn_spent(turn) || state->inbox || state->young.n > 0 || state->days.n > 0)
        return turn->now_us;
    if (state->sealed && turn->at_once)
        return turn->now_us;
    return pack_earlier(pack_earlier(state->inbox_us, state->young_us), pack_earlier(state->days_us, state->keep_us));
}

/* One read transaction: all of it sees one picture, and the WAL is held no longer than the turn lasts. */
void pack_turn(struct pack_turn *turn)
{
    turn->next_us = INT64_MAX;
    if (turn->written) /* whichever turn it is that comes to the inbox */
        turn->state->inbox_us = pack_earlier(turn->state->inbox_us, turn->now_us);
    turn->rc = enter(turn);
    if (turn->rc != 0) {
        turn->rc = turn->rc == ENTER_NOTHING ? 0 : turn->rc;
        return;
    }
    turn->rc = db_exec(turn->tools->db, "BEGIN", &turn->err);
    if (turn->rc < 0)
        return;
    turn->rc = take_stages(turn);
    if (turn->op && pack_op_is_empty(turn->op)) {
        pack_op_release(turn->op);
        turn->n_ops--;
    }
    for (size_t i = 0; i < turn->n_ops; i++)
        pack_op_finish(turn->ops[i]);
    arena_reset(&turn->tools->arena);
    if (turn->rc == 0)
        turn->rc = db_exec(turn->tools->db, "COMMIT", &turn->err);
    turn->next_us = next_of(turn);
    /* A connection that has seen a failure is not used again, and a file that is done with is to rest. */
    if (turn->rc < 0 || (turn->n_ops == 0 && turn->next_us > turn->now_us))
        pack_tools_leave(turn->tools);
}

void pack_turn_done(struct pack_turn *turn)
{
    for (size_t i = 0; i < turn->n_ops; i++)
        pack_op_release(turn->ops[i]);
    free(turn->ops);
    free(turn->taken);
    free(turn->numbered);
}
