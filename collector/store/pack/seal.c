/* Inbox to sealed blocks. The index of the inbox tells all that is needed to see which runs are due; their rows are
 * listed with them, so that one look serves many turns. Runs are sealed in the order in which their rows lie in the
 * file: what is deleted together then leaves whole pages empty, instead of many pages with a hole. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include "uthash.h"
#include "xxhash.h"

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/pack/turn.h"
#include "collector/store/schema.h"

struct inbox_row {
    int64_t id;
    uint32_t n;
    uint32_t next; /* of the same run: 1 + its place; 0: none */
};

struct inbox_run {
    int64_t run;
    int64_t oldest; /* slot */
    uint64_t n_ticks;
    uint32_t first, last; /* rows */
    UT_hash_handle hh;
};

struct pack_inbox {
    struct arena arena;
    struct inbox_row *rows;
    size_t n_rows, room;
    struct inbox_run *runs;
    bool truncated;
    struct inbox_run **due;
    size_t n_due, done;
};

static void free_inbox(struct pack_inbox *inbox)
{
    if (!inbox)
        return;
    HASH_CLEAR(hh, inbox->runs);
    arena_done(&inbox->arena);
    free(inbox->rows);
    free(inbox->due);
    free(inbox);
}

static void auto_inbox(struct pack_inbox **inbox)
{
    free_inbox(*inbox);
}

void pack_state_done(struct pack_state *state)
{
    free_inbox(state->inbox);
    pack_list_clear(&state->young);
    pack_list_clear(&state->days);
    free(state->put_off);
    *state = (struct pack_state){ .inbox = NULL };
}

/* ---- looking ---- */

static int list_row(struct pack_inbox *inbox, struct inbox_run *run, int64_t id, uint32_t n)
{
    if (inbox->n_rows == inbox->room) {
        size_t room = inbox->room ? inbox->room * 2 : 1024;
        struct inbox_row *rows = realloc(inbox->rows, room * sizeof *rows);
        if (!rows)
            return -ENOMEM;
        inbox->rows = rows;
        inbox->room = room;
    }
    inbox->rows[inbox->n_rows++] = (struct inbox_row){ .id = id, .n = n };
    uint32_t place = (uint32_t)inbox->n_rows;
    if (run->last)
        inbox->rows[run->last - 1].next = place;
    else
        run->first = place;
    run->last = place;
    run->n_ticks += n;
    return 0;
}

static int list_entry(struct pack_inbox *inbox, sqlite3_stmt *stmt)
{
    int64_t id = sqlite3_column_int64(stmt, 1);
    struct inbox_run *run;
    HASH_FIND(hh, inbox->runs, &id, sizeof id, run);
    if (!run) {
        run = arena_alloc(&inbox->arena, 1, sizeof *run);
        if (!run)
            return -ENOMEM;
        run->run = id;
        run->oldest = sqlite3_column_int64(stmt, 0); /* they come by slot */
        HASH_ADD(hh, inbox->runs, run, sizeof run->run, run);
        if (!run->hh.tbl)
            return -ENOMEM;
    }
    int64_t n = sqlite3_column_int64(stmt, 2);
    return list_row(inbox, run, sqlite3_column_int64(stmt, 3), n >= 1 && n <= TICKS_MAX ? (uint32_t)n : 1);
}

static int list_inbox(struct pack_turn *turn, struct pack_inbox *inbox)
{
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT slot, run, n, id FROM batch WHERE slot >= 0 ORDER BY slot, run", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    while ((rc = pack_turn_step(turn, scan)) == DB_ROW) {
        if (inbox->n_rows == PACK_INBOX_MAX) {
            inbox->truncated = true;
            return 0;
        }
        rc = list_entry(inbox, scan);
        if (rc < 0)
            return err_set(&turn->err, rc, "store: out of memory");
    }
    turn->spent_ns += (int64_t)inbox->n_rows * PACK_SCAN_NS;
    return rc;
}

static int64_t due_us(const struct inbox_run *run)
{
    return run->oldest * STORE_SLOT_US + PACK_SEAL_AGE_US;
}

static int by_place(const void *a, const void *b, void *user)
{
    const struct pack_inbox *inbox = user;
    int64_t x = inbox->rows[(*(struct inbox_run *const *)a)->first - 1].id;
    int64_t y = inbox->rows[(*(struct inbox_run *const *)b)->first - 1].id;
    return (x > y) - (x < y);
}

/* When more waits than the list holds, runs are not waited for any longer: there are too many of them. */
static int choose_due(struct pack_turn *turn, struct pack_inbox *inbox)
{
    turn->state->inbox_us = inbox->truncated ? turn->now_us : INT64_MAX;
    inbox->due = calloc(HASH_COUNT(inbox->runs) + 1, sizeof(struct inbox_run *));
    if (!inbox->due)
        return err_set(&turn->err, -ENOMEM, "store: out of memory");
    for (struct inbox_run *run = inbox->runs; run; run = run->hh.next) {
        int64_t until_us = pack_put_off_until(turn, PACK_SEAL, &(struct pack_due){ .series_table = run->run });
        if (until_us > 0)
            turn->state->inbox_us = pack_earlier(turn->state->inbox_us, until_us);
        else if (run->n_ticks >= PACK_SEAL_TICKS || due_us(run) <= turn->now_us || inbox->truncated)
            inbox->due[inbox->n_due++] = run;
        else
            turn->state->inbox_us = pack_earlier(turn->state->inbox_us, due_us(run));
    }
    qsort_r(inbox->due, inbox->n_due, sizeof *inbox->due, by_place, inbox);
    return 0;
}

static int look(struct pack_turn *turn)
{
    AUTO(auto_inbox) struct pack_inbox *inbox = calloc(1, sizeof *inbox);
    if (!inbox)
        return err_set(&turn->err, -ENOMEM, "store: out of memory");
    arena_init(&inbox->arena, SIZE_MAX);
    int rc = list_inbox(turn, inbox);
    if (rc == 0)
        rc = choose_due(turn, inbox);
    if (rc == 0 && inbox->n_due > 0)
        turn->state->inbox = TAKE(inbox);
    return rc;
}

/* ---- sealing ---- */

struct seal {
    struct pack_turn *turn;
    struct pack_op *op;
    struct run_id run;
    uint64_t host;
    int64_t host_no;
    uint64_t left; /* ticks of the unit still to come, as the index has it */
    /* The block that is filling; none while ticks.room is 0. */
    struct pack_ticks ticks;
    int64_t series_table;
    int64_t day;
};

static int no_memory(struct seal *seal)
{
    return err_set(&seal->turn->err, -ENOMEM, "store: out of memory");
}

static int flush(struct seal *seal)
{
    struct pack_turn *turn = seal->turn;
    if (seal->ticks.n == 0)
        return 0;
    struct block block;
    struct pack_row row = { .n = seal->ticks.n, .level = 0, .series_table = seal->series_table };
    row.first_us = seal->ticks.at_us[0];
    row.last_us = seal->ticks.at_us[row.n - 1];
    int rc = pack_ticks_block(&seal->ticks, 0, row.n, &block);
    if (rc < 0)
        return no_memory(seal);
    rc = block_encode(turn->tools->coder, &block, BLOCK_QUICK, &row.bytes, &turn->err);
    if (rc == 0)
        rc = pack_turn_id(turn, PACK_BLOCK, seal->host_no, row.first_us, &row.id);
    if (rc < 0)
        return rc;
    turn->spent_ns += (int64_t)row.n * block.n_columns * PACK_SEAL_NS + PACK_ROW_NS;
    pack_expires(turn, row.last_us + turn->retention.samples_us);
    if (pack_op_insert(seal->op, PACK_BLOCK, &row) < 0)
        return no_memory(seal);
    arena_reset(&turn->tools->arena);
    seal->ticks = (struct pack_ticks){ .room = 0 };
    return 0;
}

/* The decoder's table is gone with the next row: what is needed of it is copied. */
static const struct series_table *copy_table(struct arena *arena, const struct series_table *table)
{
    struct series_table *copy = arena_alloc(arena, 1, sizeof *copy);
    struct series *series = arena_alloc(arena, table->n, sizeof *series);
    if (!copy || !series)
        return NULL;
    for (uint32_t i = 0; i < table->n; i++)
        series[i] = (struct series){ "", "", "", table->at[i].exponent };
    *copy = (struct series_table){ .n = table->n, .at = series };
    return copy;
}

static int start_block(struct seal *seal, const struct decoded *from, int64_t series_table, uint32_t at_least)
{
    uint64_t room = seal->left > at_least ? seal->left : at_least;
    if (room > PACK_BLOCK_TICKS)
        room = PACK_BLOCK_TICKS;
    if (room > PACK_VALUES_MAX / from->table->n)
        room = PACK_VALUES_MAX / from->table->n;
    struct arena *arena = &seal->turn->tools->arena;
    const struct series_table *table = copy_table(arena, from->table);
    if (!table || pack_ticks_init(&seal->ticks, arena, table, (uint32_t)room) < 0)
        return no_memory(seal);
    seal->series_table = series_table;
    return 0;
}

static bool continues(const struct seal *seal, int64_t series_table, int64_t at_us)
{
    const struct pack_ticks *ticks = &seal->ticks;
    return ticks->n > 0 && ticks->n < ticks->room && seal->series_table == series_table &&
           seal->day == at_us / PACK_DAY_US && at_us >= ticks->at_us[ticks->n - 1];
}

static uint32_t same_day(const struct decoded *from, uint32_t first, uint32_t end)
{
    uint32_t at = first + 1;
    while (at < end && from->at_us[at] / PACK_DAY_US == from->at_us[first] / PACK_DAY_US)
        at++;
    return at - first;
}

static void fill(struct seal *seal, const struct decoded *from, uint32_t first, uint32_t n)
{
    struct pack_ticks *ticks = &seal->ticks;
    if (n == 1)
        pack_ticks_fill_one(ticks, from->batch.columns, first, ticks->n);
    for (uint32_t i = 0; n > 1 && i < from->table->n; i++) {
        struct column column = from->batch.columns[i];
        column.fixed += first; /* or `values`: both have eight bytes */
        pack_ticks_fill(ticks, i, &column, n, ticks->n, NULL);
    }
    for (uint32_t i = 0; i < n; i++) {
        ticks->at_us[ticks->n + i] = from->at_us[first + i];
        ticks->ticks[ticks->n + i] = (struct pack_tick){ &seal->run, from->batch.first + first + i };
    }
    ticks->n += n;
    seal->left -= seal->left < n ? seal->left : n;
}

/* Its ticks first..end-1, to as many blocks as it takes. */
static int add_ticks(struct seal *seal, const struct decoded *from, int64_t series_table, uint32_t first, uint32_t end)
{
    while (first < end) {
        int rc = 0;
        uint32_t n = same_day(from, first, end);
        if (!continues(seal, series_table, from->at_us[first])) {
            rc = flush(seal);
            if (rc == 0)
                rc = start_block(seal, from, series_table, n);
            seal->day = from->at_us[first] / PACK_DAY_US;
        }
        if (rc < 0)
            return rc;
        if (n > seal->ticks.room - seal->ticks.n)
            n = seal->ticks.room - seal->ticks.n;
        fill(seal, from, first, n);
        first += n;
    }
    return 0;
}

enum { ROW_FIRST = DECODER_NEXT, ROW_N, ROW_SUM };

static bool sum_is_right(sqlite3_stmt *stmt)
{
    if (sqlite3_column_type(stmt, ROW_SUM) == SQLITE_NULL) /* written before there was one */
        return true;
    XXH64_hash_t sum =
        XXH3_64bits(sqlite3_column_blob(stmt, DECODER_BYTES), (size_t)sqlite3_column_bytes(stmt, DECODER_BYTES));
    return (int64_t)sum == sqlite3_column_int64(stmt, ROW_SUM);
}

/* A row stands for ticks first..first+n-1, and its bytes may hold more: those were stored before it. */
static bool find_range(sqlite3_stmt *stmt, const struct decoded *row, uint32_t *ret_first, uint32_t *ret_end)
{
    int64_t first = sqlite3_column_int64(stmt, ROW_FIRST);
    int64_t n = sqlite3_column_int64(stmt, ROW_N);
    int64_t skip = first - (int64_t)row->batch.first;
    if (!row->table || skip < 0 || n < 1 || n > row->batch.n_ticks || skip > row->batch.n_ticks - n)
        return false;
    *ret_first = (uint32_t)skip;
    *ret_end = (uint32_t)(skip + n);
    return row->at_us[*ret_first] >= 0 && row->at_us[*ret_end - 1] <= TIME_US_MAX;
}

static int pass_over(struct seal *seal, int64_t id, int64_t series_table)
{
    struct pack_turn *turn = seal->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT length(bytes) FROM series_table WHERE id = ?", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *find = stmt;
    sqlite3_bind_int64(find, 1, series_table);
    rc = pack_turn_step(turn, find);
    if (rc < 0)
        return rc;
    bool missing = rc != DB_ROW || sqlite3_column_int64(find, 0) == 0;
    turn->unreadable++;
    pack_expires(turn, turn->now_us);
    return pack_op_aside(seal->op, id, missing) < 0 ? no_memory(seal) : 0;
}

static int take_row(struct seal *seal, int64_t id)
{
    struct pack_turn *turn = seal->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT " DECODER_COLUMNS ", first, n, sum FROM batch WHERE id = ?", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *read = stmt;
    sqlite3_bind_int64(read, 1, id);
    rc = pack_turn_step(turn, read);
    if (rc != DB_ROW)
        return rc; /* somebody's sqlite3(1) took it away */
    struct decoded row = { .table = NULL };
    uint32_t first = 0;
    uint32_t end = 0;
    rc = sum_is_right(read) ? decoder_row(&turn->tools->decoder, read, &row, &turn->err) : 0;
    turn->damaged = turn->damaged || rc == -EBADMSG; /* of a row that cannot be read it tells otherwise */
    if (rc < 0)
        return rc;
    int64_t series_table = sqlite3_column_int64(read, DECODER_TABLE);
    if (!find_range(read, &row, &first, &end))
        return pass_over(seal, id, series_table);
    rc = add_ticks(seal, &row, series_table, first, end);
    if (rc == 0 && pack_op_sealed(seal->op, id) < 0)
        rc = no_memory(seal);
    turn->spent_ns += PACK_ROW_NS;
    return rc;
}

enum seal_answer { RUN_UNKNOWN = 1 }; /* positive: no such run, though there are rows of it */

static int find_run(struct seal *seal, int64_t run)
{
    struct pack_turn *turn = seal->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, "SELECT host, run FROM run WHERE id = ?", &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *find = stmt;
    sqlite3_bind_int64(find, 1, run);
    rc = pack_turn_step(turn, find);
    if (rc < 0)
        return rc;
    if (rc != DB_ROW || sqlite3_column_bytes(find, 1) != RUN_BYTES)
        return RUN_UNKNOWN;
    seal->host = (uint64_t)sqlite3_column_int64(find, 0);
    memcpy(seal->run.bytes, sqlite3_column_blob(find, 1), RUN_BYTES);
    return pack_turn_host(turn, seal->op, seal->host, &seal->host_no);
}

/* Rows of a run, so many as become true together: all that a block takes, whole rows only. */
static int seal_unit(struct pack_turn *turn, struct inbox_run *run)
{
    const struct inbox_row *rows = turn->state->inbox->rows;
    struct seal seal = { .turn = turn };
    int rc = pack_turn_unit(turn, &seal.op);
    if (rc == 0)
        rc = find_run(&seal, run->run);
    uint32_t n = 0;
    for (uint32_t at = run->first; at && n < PACK_ROWS_MAX && seal.left < PACK_BLOCK_TICKS; at = rows[at - 1].next, n++)
        seal.left += rows[at - 1].n;
    bool known = rc != RUN_UNKNOWN;
    for (rc = known ? rc : 0; rc == 0 && n > 0; n--) {
        int64_t id = rows[run->first - 1].id;
        rc = known ? take_row(&seal, id) : pass_over(&seal, id, 0);
        run->first = rows[run->first - 1].next;
    }
    return rc < 0 ? rc : flush(&seal);
}

/* The rest of the run waits with it: its rows are to be sealed in their order. */
static int put_off(struct pack_turn *turn, int rc, struct inbox_run *run)
{
    arena_reset(&turn->tools->arena);
    rc = pack_turn_put_off(turn, rc, PACK_SEAL, &(struct pack_due){ .series_table = run->run });
    turn->state->inbox_us = pack_earlier(turn->state->inbox_us, turn->now_us + PACK_PUT_OFF_US);
    run->first = 0;
    return rc;
}

int pack_seal(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    if (!state->inbox && state->inbox_us <= turn->now_us) {
        int rc = look(turn);
        if (rc < 0)
            return rc;
    }
    if (!state->inbox)
        return 0;
    struct pack_inbox *inbox = state->inbox;
    state->young_us = pack_earlier(state->young_us, turn->now_us + PACK_MINUTE_US);
    state->sealed = true;
    while (inbox->done < inbox->n_due && !pack_turn_spent(turn)) {
        struct inbox_run *run = inbox->due[inbox->done];
        int rc = seal_unit(turn, run);
        if (rc < 0)
            rc = put_off(turn, rc, run);
        if (rc < 0)
            return rc;
        inbox->done += run->first == 0;
    }
    if (inbox->done == inbox->n_due) {
        free_inbox(inbox);
        state->inbox = NULL;
    }
    return 0;
}
