/* The minutes of a day's pieces, merged: those of a row at a time, piece after piece. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/pack/days.h"

static int no_memory(struct pack_turn *turn)
{
    return err_set(&turn->err, -ENOMEM, "store: out of memory");
}

enum { DAY_MINUTES = PACK_DAY_US / PACK_MINUTE_US };

/* ---- opening ---- */

static int decode(const struct day *day, const struct piece *piece, struct block *ret)
{
    struct pack_turn *turn = day->turn;
    arena_reset(day->scratch);
    return block_decode(turn->tools->coder, piece->bytes.at, piece->bytes.len, day->scratch, ret, &turn->err);
}

/* Counts are whole numbers. */
static int check_columns(struct day *day, const struct block *minutes)
{
    for (uint32_t i = 0; i < minutes->n_columns; i++) {
        if (minutes->columns[i].real && i % ROLLED == COUNT)
            return -EBADMSG;
        day->real[i] = day->real[i] || minutes->columns[i].real;
    }
    return 0;
}

int pack_day_open_minutes(struct day *day, struct piece *piece)
{
    struct pack_turn *turn = day->turn;
    struct pack_tools *tools = turn->tools;
    uint32_t n_columns = day->series->n * ROLLED;
    if (!day->real)
        day->real = arena_alloc(&tools->arena, n_columns, sizeof *day->real);
    if (!day->real)
        return no_memory(turn);
    struct block minutes;
    int rc = block_open(piece->bytes.at, piece->bytes.len, &piece->minutes, &turn->err);
    if (rc == 0 && (piece->minutes.n_columns != n_columns || piece->minutes.n_ticks > DAY_MINUTES))
        rc = -EBADMSG;
    if (rc == 0)
        rc = block_times(tools->coder, &piece->minutes, &tools->arena, &piece->at_us, &turn->err);
    if (rc == 0)
        rc = decode(day, piece, &minutes);
    if (rc == 0)
        rc = check_columns(day, &minutes);
    if (rc < 0)
        return rc;
    turn->spent_ns += (int64_t)piece->minutes.n_ticks * n_columns * PACK_ROLL_NS;
    piece->places = arena_alloc(&tools->arena, piece->minutes.n_ticks, sizeof *piece->places);
    return piece->places ? 0 : no_memory(turn);
}

/* ---- merging ---- */

struct sum { /* of all pieces; of a row at a time */
    struct day *day;
    uint32_t n; /* of the day */
    int64_t *at_us;
    uint32_t first, n_row; /* minutes of the row */
    int64_t *cells;        /* n_row of one column after the other; doubles where it is real */
    struct column *columns;
};

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void find_places(const struct sum *sum)
{
    for (size_t i = 0; i < sum->day->n; i++) {
        const struct piece *piece = &sum->day->pieces[i];
        uint32_t place = 0;
        for (uint32_t k = 0; k < piece->minutes.n_ticks; k++) {
            while (sum->at_us[place] < piece->at_us[k])
                place++;
            piece->places[k] = place;
        }
    }
}

static int list_minutes(struct sum *sum, struct arena *arena)
{
    const struct day *day = sum->day;
    size_t all = 0;
    for (size_t i = 0; i < day->n; i++)
        all += day->pieces[i].minutes.n_ticks;
    sum->at_us = arena_alloc(arena, all, sizeof *sum->at_us);
    if (!sum->at_us)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < day->n; i++) {
        const struct piece *piece = &day->pieces[i];
        memcpy(sum->at_us + n, piece->at_us, piece->minutes.n_ticks * sizeof *sum->at_us);
        n += piece->minutes.n_ticks;
    }
    qsort(sum->at_us, n, sizeof *sum->at_us, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || sum->at_us[i] != sum->at_us[sum->n - 1])
            sum->at_us[sum->n++] = sum->at_us[i];
    find_places(sum);
    return 0;
}

static double real_of(const struct sum *sum, const struct column *from, uint32_t column, uint32_t tick)
{
    struct series_table table = { .n = 1, .at = &sum->day->series->at[column / ROLLED] };
    struct batch batch = { .n_ticks = tick + 1, .n_columns = 1, .columns = from };
    return batch_value(&batch, &table, 0, tick);
}

static void combine_real(double *to, double from, uint32_t how)
{
    if (isnan(from))
        return;
    if (isnan(*to) || (how == MIN && from < *to) || (how == MAX && from > *to))
        *to = from;
    else if (how == SUM)
        *to = block_decimal_add(*to, from);
}

/* False: a sum that overflows; *to is as it was. */
static bool combine_fixed(int64_t *to, int64_t from, uint32_t how)
{
    int64_t both;
    if (from == FIXED_ABSENT)
        return true;
    if (*to == FIXED_ABSENT || (how == MIN && from < *to) || (how == MAX && from > *to)) {
        *to = from;
    } else if (how == SUM) {
        if (__builtin_add_overflow(*to, from, &both) || both == FIXED_ABSENT)
            return false;
        *to = both;
    }
    return true;
}

static void make_real(struct sum *sum, uint32_t column)
{
    int64_t *cells = sum->cells + (size_t)column * sum->n_row;
    struct column fixed = { .real = false, .fixed = cells };
    for (uint32_t i = 0; i < sum->n_row; i++) {
        double value = real_of(sum, &fixed, column, i);
        memcpy(&cells[i], &value, sizeof value);
    }
    sum->day->real[column] = true;
}

static void add_column(struct sum *sum, const struct piece *piece, const struct column *from, uint32_t column)
{
    uint32_t how = column % ROLLED;
    int64_t *cells = sum->cells + (size_t)column * sum->n_row;
    for (uint32_t k = 0; k < piece->minutes.n_ticks; k++) {
        uint32_t place = piece->places[k] - sum->first; /* of an earlier row: beyond any */
        if (place >= sum->n_row)
            continue;
        if (how == COUNT) {
            cells[place] += from->fixed[k];
            continue;
        }
        if (!sum->day->real[column] && !combine_fixed(&cells[place], from->fixed[k], how))
            make_real(sum, column);
        else if (!sum->day->real[column])
            continue;
        combine_real((double *)&cells[place], real_of(sum, from, column, k), how);
    }
}

static int add_piece(struct sum *sum, const struct piece *piece)
{
    if (piece->places[0] >= sum->first + sum->n_row || piece->places[piece->minutes.n_ticks - 1] < sum->first)
        return 0;
    struct block minutes;
    int rc = decode(sum->day, piece, &minutes);
    for (uint32_t i = 0; rc == 0 && i < minutes.n_columns; i++)
        add_column(sum, piece, &minutes.columns[i], i);
    return rc;
}

static void clear_cells(struct sum *sum, uint32_t n_columns)
{
    double nan = NAN;
    for (uint32_t c = 0; c < n_columns; c++) {
        int64_t *cells = sum->cells + (size_t)c * sum->n_row;
        for (uint32_t i = 0; i < sum->n_row; i++) {
            cells[i] = c % ROLLED == COUNT ? 0 : FIXED_ABSENT;
            if (sum->day->real[c])
                memcpy(&cells[i], &nan, sizeof nan);
        }
    }
}

static int write_row(struct sum *sum, uint32_t n_columns)
{
    struct day *day = sum->day;
    struct pack_turn *turn = day->turn;
    for (uint32_t c = 0; c < n_columns; c++)
        sum->columns[c] = (struct column){ .real = day->real[c], .fixed = sum->cells + (size_t)c * sum->n_row };
    struct block block = {
        .n_ticks = sum->n_row,
        .n_columns = n_columns,
        .at_us = sum->at_us + sum->first,
        .columns = sum->columns,
    };
    struct pack_row row = {
        .first_us = block.at_us[0],
        .last_us = block.at_us[block.n_ticks - 1],
        .n = block.n_ticks,
        .level = 1,
        .series_table = day->of->series_table,
    };
    int rc = pack_encode_good(turn, &block, &row.bytes);
    if (rc == 0)
        rc = pack_turn_id(turn, PACK_MINUTE, day->of->host_no, row.first_us, &row.id);
    if (rc < 0)
        return rc;
    return pack_op_insert(day->op, PACK_MINUTE, &row) < 0 ? no_memory(turn) : 0;
}

static int merge_row(struct sum *sum, uint32_t n_columns)
{
    clear_cells(sum, n_columns);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sum->day->n; i++)
        rc = add_piece(sum, &sum->day->pieces[i]);
    return rc < 0 ? rc : write_row(sum, n_columns);
}

int pack_day_minutes(struct day *day)
{
    struct pack_turn *turn = day->turn;
    struct arena *arena = &turn->tools->arena;
    uint32_t n_columns = day->series->n * ROLLED;
    struct sum sum = { .day = day };
    if (list_minutes(&sum, arena) < 0)
        return no_memory(turn);
    uint32_t most = pack_minutes_most(n_columns);
    sum.cells = arena_alloc(arena, (size_t)(sum.n < most ? sum.n : most) * n_columns, sizeof *sum.cells);
    sum.columns = arena_alloc(arena, n_columns, sizeof *sum.columns);
    if (!sum.cells || !sum.columns)
        return no_memory(turn);
    int rc = 0;
    for (; rc == 0 && sum.first < sum.n; sum.first += most) {
        sum.n_row = sum.n - sum.first < most ? sum.n - sum.first : most;
        rc = merge_row(&sum, n_columns);
    }
    return rc;
}
