/* Rollups of a day that has ended: the parts become one row of minutes and one of sketches for each host and table, or
 * several where one would be too large. What comes late to such a day is merged into them in the same way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/pack/days.h"

static int no_memory(struct pack_turn *turn)
{
    return err_set(&turn->err, -ENOMEM, "store: out of memory");
}

/* ---- looking ---- */

static int by_day(const void *a, const void *b)
{
    const struct pack_due *x = a;
    const struct pack_due *y = b;
    if (x->host_no != y->host_no)
        return x->host_no < y->host_no ? -1 : 1;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->series_table > y->series_table) - (x->series_table < y->series_table);
}

static int list_part(struct pack_turn *turn, int64_t id, int64_t series_table)
{
    struct pack_state *state = turn->state;
    struct pack_list *list = &state->days;
    struct pack_due of = {
        .host_no = PACK_ID_HOST(id),
        .day = PACK_ID_SECONDS(id) / (PACK_DAY_US / US_PER_S),
        .series_table = series_table,
    };
    int64_t due_us = pack_day_end_us(of.day) + PACK_STEP_AGE_US;
    if (due_us > turn->now_us) {
        state->days_us = pack_earlier(state->days_us, due_us);
        return 0;
    }
    if (list->n > 0 && by_day(&list->at[list->n - 1], &of) == 0)
        return 0;
    int rc = pack_list_add(list, &of);
    if (rc == PACK_LIST_FULL)
        state->days_us = turn->now_us;
    return rc < 0 ? no_memory(turn) : 0;
}

static int list_parts(struct pack_turn *turn, const char *sql)
{
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, sql, &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *scan = stmt;
    while ((rc = pack_turn_step(turn, scan)) == DB_ROW) {
        turn->spent_ns += PACK_SCAN_NS;
        rc = list_part(turn, sqlite3_column_int64(scan, 0), sqlite3_column_int64(scan, 1));
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* Each once: what a turn has merged is not on disk yet when it comes by it again. */
static void sort_out(struct pack_list *list)
{
    size_t n = 0;
    if (list->n > 0)
        qsort(list->at, list->n, sizeof *list->at, by_day);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || by_day(&list->at[n - 1], &list->at[i]) != 0)
            list->at[n++] = list->at[i];
    list->n = n;
}

static int look(struct pack_turn *turn)
{
    turn->state->days_us = INT64_MAX;
    int rc = list_parts(turn, "SELECT id, series_table FROM minute WHERE whole = 0 ORDER BY id");
    if (rc == 0)
        rc = list_parts(turn, "SELECT id, series_table FROM sketch WHERE whole = 0 ORDER BY id");
    sort_out(&turn->state->days);
    return rc;
}

/* ---- reading a day ---- */

/* Parts first: whole rows join them as far as there is room. */
static int list_pieces(struct day *day)
{
    static const char *const texts[] = {
        [PACK_MINUTE] = "SELECT id, first_us, last_us, whole FROM minute WHERE id BETWEEN ?1 AND ?2"
                        " AND series_table = ?3 ORDER BY whole, id LIMIT ?4",
        [PACK_SKETCH] = "SELECT id, first_us, last_us, whole FROM sketch WHERE id BETWEEN ?1 AND ?2"
                        " AND series_table = ?3 ORDER BY whole, id LIMIT ?4",
    };
    struct pack_turn *turn = day->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, texts[day->table], &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *list = stmt;
    int64_t day_s = day->of->day * (PACK_DAY_US / US_PER_S);
    day->pieces = arena_alloc(&turn->tools->arena, PACK_ROWS_MAX, sizeof *day->pieces);
    if (!day->pieces)
        return no_memory(turn);
    sqlite3_bind_int64(list, 1, pack_id_of(day->of->host_no, day_s));
    sqlite3_bind_int64(list, 2, pack_id_of(day->of->host_no, day_s + PACK_DAY_US / US_PER_S) - 1);
    sqlite3_bind_int64(list, 3, day->of->series_table);
    sqlite3_bind_int64(list, 4, PACK_ROWS_MAX);
    while ((rc = pack_turn_step(turn, list)) == DB_ROW)
        day->pieces[day->n++] = (struct piece){
            .id = sqlite3_column_int64(list, 0),
            .first_us = sqlite3_column_int64(list, 1),
            .last_us = sqlite3_column_int64(list, 2),
            .whole = sqlite3_column_int(list, 3),
        };
    return rc;
}

static int read_piece(struct day *day, struct piece *piece)
{
    static const char *const texts[] = {
        [PACK_MINUTE] = "SELECT bytes FROM minute WHERE id = ?",
        [PACK_SKETCH] = "SELECT bytes FROM sketch WHERE id = ?",
    };
    struct pack_turn *turn = day->turn;
    sqlite3_stmt *stmt;
    int rc = pack_turn_stmt(turn, texts[day->table], &stmt);
    if (rc < 0)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *read = stmt;
    sqlite3_bind_int64(read, 1, piece->id);
    rc = pack_turn_step(turn, read);
    if (rc < 0)
        return rc;
    size_t len = rc == DB_ROW ? (size_t)sqlite3_column_bytes(read, 0) : 0;
    uint8_t *bytes = arena_alloc(&turn->tools->arena, 1, len);
    if (!bytes)
        return no_memory(turn);
    if (len > 0)
        memcpy(bytes, sqlite3_column_blob(read, 0), len);
    piece->bytes = (struct bytes){ bytes, len };
    return 0;
}

/* As pack_day_open_minutes(). */
static int open_sketches(struct day *day, struct piece *piece)
{
    struct pack_tools *tools = day->turn->tools;
    struct err *err = &day->turn->err;
    int rc = sketches_open(tools->coder, piece->bytes.at, piece->bytes.len, &tools->arena, &piece->sketches, err);
    if (rc == 0 && piece->sketches.n != day->series->n)
        rc = -EBADMSG;
    for (uint32_t i = 0; rc == 0 && i < day->series->n; i++) {
        struct sketch sketch;
        arena_reset(day->scratch);
        rc = sketches_read(&piece->sketches, i, day->scratch, &sketch, err);
    }
    day->turn->spent_ns += day->series->n * PACK_ROW_NS;
    return rc;
}

static int open_piece(struct day *day, struct piece *piece)
{
    int rc = read_piece(day, piece);
    if (rc < 0)
        return rc;
    if (!day->series)
        return -EBADMSG;
    return day->table == PACK_MINUTE ? pack_day_open_minutes(day, piece) : open_sketches(day, piece);
}

static int pass_over(struct day *day, const struct piece *piece)
{
    if (piece->whole)
        return 0;
    day->turn->unreadable++;
    return pack_op_settle(day->op, day->table, piece->id) < 0 ? no_memory(day->turn) : 0;
}

/* Leaves what can be read and is to be merged: nothing when there is no part. What is too much for now is for another
 * turn, when these are on disk: each finishes the first part at least. */
static int open_pieces(struct day *day)
{
    const struct arena *arena = &day->turn->tools->arena;
    size_t listed = day->n;
    bool parts = false;
    size_t i = 0;
    day->n = 0;
    for (; i < listed && (i == 0 || arena->taken_bytes < DAYS_OPEN_BYTES); i++) {
        struct piece *piece = &day->pieces[i];
        if (piece->whole && !parts)
            return 0;
        int rc = open_piece(day, piece);
        if ((rc == -EBADMSG && !day->turn->damaged) || rc == -ENOTSUP) {
            rc = pass_over(day, piece);
        } else if (rc == 0) {
            parts = parts || !piece->whole;
            day->pieces[day->n++] = *piece;
        }
        if (rc < 0)
            return rc;
    }
    if (i < listed ? !day->pieces[i].whole : listed == PACK_ROWS_MAX && !day->pieces[listed - 1].whole)
        day->turn->state->days_us = day->turn->now_us;
    return 0;
}

static int delete_pieces(struct day *day)
{
    for (size_t i = 0; i < day->n; i++)
        if (pack_op_delete(day->op, day->table, day->pieces[i].id, day->pieces[i].bytes.len) < 0)
            return no_memory(day->turn);
    return 0;
}

/* ---- sketches ---- */

struct summing {
    struct day *day;
    struct arena *arena; /* of the sum */
    struct sketch *sum;
};

static int sum_of_series(const void *user, uint32_t series, const struct sketch **ret, struct err *err)
{
    const struct summing *of = user;
    int rc = 0;
    arena_reset(of->arena);
    *of->sum = (struct sketch){ .count = 0 };
    for (size_t i = 0; rc == 0 && i < of->day->n; i++) {
        struct sketch sketch = { .count = 0 };
        arena_reset(of->day->scratch);
        rc = sketches_read(&of->day->pieces[i].sketches, series, of->day->scratch, &sketch, err);
        if (rc == 0 && sketch_merge(of->sum, of->arena, &sketch) < 0)
            rc = err_set(err, -ENOMEM, "store: out of memory");
    }
    *ret = of->sum;
    return rc;
}

static int write_sketches(struct day *day, const struct bytes *bytes)
{
    struct pack_turn *turn = day->turn;
    struct pack_row row = { .first_us = INT64_MAX, .level = 1, .series_table = day->of->series_table, .bytes = *bytes };
    for (size_t i = 0; i < day->n; i++) {
        const struct piece *piece = &day->pieces[i];
        row.first_us = pack_earlier(row.first_us, piece->first_us);
        row.last_us = piece->last_us > row.last_us ? piece->last_us : row.last_us;
    }
    int rc = pack_turn_id(turn, PACK_SKETCH, day->of->host_no, row.first_us, &row.id);
    if (rc < 0)
        return rc;
    return pack_op_insert(day->op, PACK_SKETCH, &row) < 0 ? no_memory(turn) : delete_pieces(day);
}

/* What is too large as one row stays as it is. */
static int leave_parts(struct day *day)
{
    for (size_t i = 0; i < day->n; i++)
        if (!day->pieces[i].whole && pack_op_settle(day->op, day->table, day->pieces[i].id) < 0)
            return no_memory(day->turn);
    return 0;
}

static int merge_sketches(struct day *day)
{
    struct pack_turn *turn = day->turn;
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, SKETCH_ARENA_BYTES);
    struct sketch sum;
    struct summing summing = { day, &arena, &sum };
    struct sketch_source source = { sum_of_series, &summing };
    struct bytes bytes;
    int rc = sketches_encode(turn->tools->coder, &source, day->series->n, &bytes, &turn->err);
    turn->spent_ns += (int64_t)day->n * day->series->n * PACK_ROW_NS;
    if (rc == -EMSGSIZE)
        return leave_parts(day);
    return rc < 0 ? rc : write_sketches(day, &bytes);
}

static int merge_minutes(struct day *day)
{
    int rc = pack_day_minutes(day);
    return rc < 0 ? rc : delete_pieces(day);
}

/* ---- */

static int table_unit(struct pack_turn *turn, const struct pack_due *of, enum pack_table table)
{
    AUTO(arena_done) struct arena scratch;
    arena_init(&scratch, PACK_ARENA_BYTES);
    arena_reset(&turn->tools->arena);
    struct day day = { .turn = turn, .of = of, .table = table, .scratch = &scratch };
    int rc = pack_turn_unit(turn, &day.op);
    if (rc == 0)
        rc = pack_turn_table(turn, of->series_table, &day.series);
    if (rc == 0)
        rc = list_pieces(&day);
    if (rc == 0)
        rc = open_pieces(&day);
    if (rc < 0 || day.n == 0)
        return rc;
    return table == PACK_MINUTE ? merge_minutes(&day) : merge_sketches(&day);
}

static int day_unit(struct pack_turn *turn, const struct pack_due *of)
{
    int rc = table_unit(turn, of, PACK_MINUTE);
    return rc < 0 ? rc : table_unit(turn, of, PACK_SKETCH);
}

int pack_days(struct pack_turn *turn)
{
    struct pack_state *state = turn->state;
    struct pack_list *list = &state->days;
    if (!list->n && state->days_us <= turn->now_us) {
        int rc = look(turn);
        if (rc < 0)
            return rc;
    }
    while (list->done < list->n && !pack_turn_spent(turn)) {
        const struct pack_due *of = &list->at[list->done];
        int rc = pack_put_off_until(turn, PACK_DAYS, of) > 0 ? 0 : day_unit(turn, of);
        arena_reset(&turn->tools->arena);
        rc = pack_turn_put_off(turn, rc, PACK_DAYS, of);
        if (rc < 0)
            return rc;
        list->done++;
    }
    if (list->done == list->n)
        pack_list_clear(list);
    return 0;
}
