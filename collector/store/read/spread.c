/* How values are spread over a range, host by host: the sketches of whole days, with what no sketch holds yet (inbox
 * and level 0). A part of a day is read from its samples as long as they are there; after that the whole day stands for
 * it. A day in which now lies is whole. */
#include "collector/store/read/spread.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/query.h"

enum { HOST_MEMORY = 64 << 20, VALUES_AT_ONCE = 512, COLUMN_TABLE = 0, COLUMN_BYTES };

struct spread_state {
    struct matches matches;
    struct store_host_spread *hosts;
    size_t n_rows;
};

/* ---- one host ---- */

static int too_large(struct err *err)
{
    return err_set(err, -ENOMEM, "store: too many series or too many kinds of values: narrow what is asked for");
}

/* The numbers of a table's series, with a sketch for each. */
static int prepare_table(struct spread *spread, int64_t table_id, const struct series_table *table,
                         const struct match **ret, const uint32_t **ret_numbers, struct err *err)
{
    int rc = match_table(spread->matches, table_id, table, ret, err);
    if (rc < 0)
        return rc;
    if (match_numbers(&spread->list, *ret, table, ret_numbers) < 0)
        return too_large(err);
    if (spread->list.n <= spread->room)
        return 0;
    struct sketch *sketches = arena_alloc(&spread->arena, spread->list.room, sizeof *sketches);
    if (!sketches)
        return too_large(err);
    if (spread->room)
        memcpy(sketches, spread->sketches, spread->room * sizeof *sketches);
    spread->sketches = sketches;
    spread->room = spread->list.room;
    return 0;
}

static int add_column(struct spread *spread, const struct scan_piece *piece, const struct column *from, int exponent,
                      struct sketch *sketch)
{
    double values[VALUES_AT_ONCE];
    int rc = 0;
    for (uint32_t at = piece->from; rc == 0 && at < piece->to; at += VALUES_AT_ONCE) {
        uint32_t to = piece->to - at < VALUES_AT_ONCE ? piece->to : at + VALUES_AT_ONCE;
        scan_values(from, exponent, at, to, values);
        for (uint32_t i = 0; rc == 0 && i < to - at; i++)
            rc = isfinite(values[i]) ? sketch_add(sketch, &spread->arena, values[i], 1) : 0;
    }
    spread->reading->left -= 3 * (int64_t)(piece->to - piece->from);
    return rc;
}

static int on_piece(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err)
{
    struct spread *spread = user;
    const struct match *match;
    const uint32_t *numbers;
    int rc = prepare_table(spread, piece->table_id, piece->table, &match, &numbers, err);
    for (uint32_t i = 0; rc == 0 && i < match->n; i++) {
        struct column values;
        uint32_t column = match->columns[i];
        rc = scan_column(scan, piece, column, &values, err);
        if (rc == 0 &&
            add_column(spread, piece, &values, piece->table->at[column].exponent, &spread->sketches[numbers[i]]) < 0)
            rc = too_large(err);
        if (rc == SCAN_DAMAGED)
            rc = 0;
    }
    return rc;
}

static int merge_row(struct spread *spread, sqlite3_stmt *row, struct err *err)
{
    const struct series_table *table;
    const struct match *match;
    const uint32_t *numbers;
    struct sketches_view view;
    int64_t table_id = sqlite3_column_int64(row, COLUMN_TABLE);
    int rc = decoder_table(&spread->scan.decoder, table_id, &table, err);
    if (rc < 0)
        return rc;
    arena_reset(&spread->row_arena);
    rc = table ? sketches_open(spread->reading->coder, sqlite3_column_blob(row, COLUMN_BYTES),
                               (size_t)sqlite3_column_bytes(row, COLUMN_BYTES), &spread->row_arena, &view, err)
               : -EBADMSG;
    if (rc == 0 && view.n != table->n)
        rc = -EBADMSG;
    if (rc == 0)
        rc = prepare_table(spread, table_id, table, &match, &numbers, err);
    for (uint32_t i = 0; rc == 0 && i < match->n; i++) {
        struct sketch sketch;
        rc = sketches_read(&view, match->columns[i], &spread->row_arena, &sketch, err);
        if (rc == 0 && sketch_merge(&spread->sketches[numbers[i]], &spread->arena, &sketch) < 0)
            rc = too_large(err);
    }
    if (rc == -EBADMSG || rc == -ENOTSUP) {
        spread->reading->unreadable++;
        rc = 0;
    }
    return rc;
}

/* Whole days. */
static int merge_days(struct spread *spread, uint64_t host, int64_t from_us, int64_t to_us, struct err *err)
{
    int64_t no;
    int rc = from_us < to_us ? scan_host_no(&spread->scan, host, &no, err) : 0;
    if (rc < 0 || from_us >= to_us)
        return rc;
    AUTO(db_auto_reset) sqlite3_stmt *stmt = spread->rows;
    sqlite3_bind_int64(stmt, 1, scan_first_id(no, from_us));
    sqlite3_bind_int64(stmt, 2, scan_last_id(no, to_us));
    sqlite3_bind_int64(stmt, 3, from_us);
    sqlite3_bind_int64(stmt, 4, to_us);
    while (no > 0 && (rc = db_step(stmt, err)) == DB_ROW) {
        spread->reading->left -= READING_ROW;
        rc = merge_row(spread, stmt, err);
        if (rc == 0)
            rc = reading_check(spread->reading, err);
        if (rc < 0)
            return rc;
    }
    struct scan_range range = { .host = host, .from_us = from_us, .to_us = to_us, .unrolled = true };
    return rc < 0 ? rc : scan_host(&spread->scan, &range, on_piece, spread, err);
}

static int add_samples(struct spread *spread, uint64_t host, int64_t from_us, int64_t to_us, struct err *err)
{
    struct scan_range range = { .host = host, .from_us = from_us, .to_us = to_us };
    return from_us < to_us ? scan_host(&spread->scan, &range, on_piece, spread, err) : 0;
}

struct spread_days spread_days_of(const struct reading *reading, int64_t from_us, int64_t to_us)
{
    struct spread_days days = { .from_us = from_us, .to_us = to_us };
    if (from_us < reading->raw_from_us)
        days.from_us = reading_floor(from_us, READING_DAY_US);
    if (to_us < reading->raw_from_us || to_us >= reading->now_us) {
        days.whole_to_us = reading_ceil(to_us, READING_DAY_US);
        days.to_us = to_us < reading->raw_from_us ? days.whole_to_us : to_us;
    } else {
        days.whole_to_us = reading_floor(to_us, READING_DAY_US);
    }
    days.whole_from_us = reading_ceil(days.from_us, READING_DAY_US);
    return days;
}

int spread_host(struct spread *spread, uint64_t host, const struct spread_days *days, struct err *err)
{
    arena_reset(&spread->arena);
    match_forget(&spread->list);
    spread->room = 0;
    if (days->whole_from_us >= days->whole_to_us) /* within a day, or over one midnight */
        return add_samples(spread, host, days->from_us, days->to_us, err);
    int rc = add_samples(spread, host, days->from_us, days->whole_from_us, err);
    if (rc == 0)
        rc = merge_days(spread, host, days->whole_from_us, days->whole_to_us, err);
    if (rc == 0)
        rc = add_samples(spread, host, days->whole_to_us, days->to_us, err);
    return rc;
}

void spread_done(struct spread *spread)
{
    scan_done(&spread->scan);
    sqlite3_finalize(spread->rows);
    arena_done(&spread->arena);
    arena_done(&spread->row_arena);
}

int spread_init(struct spread *spread, struct reading *reading, struct matches *matches, struct err *err)
{
    spread->reading = reading;
    spread->matches = matches;
    spread->list.arena = &spread->arena;
    arena_init(&spread->arena, HOST_MEMORY);
    arena_init(&spread->row_arena, HOST_MEMORY);
    int rc = scan_init(&spread->scan, reading, err);
    if (rc == 0)
        rc = db_prepare(reading->db,
                        "SELECT series_table, bytes FROM sketch WHERE id BETWEEN ? AND ? AND last_us >= ? AND first_us"
                        " < ?",
                        &spread->rows, err);
    return rc;
}

/* ---- many ---- */

static int row_of(struct arena *arena, const struct match_series *series, const struct sketch *sketch,
                  struct store_spread_row *ret)
{
    *ret = (struct store_spread_row){
        .metric = arena_text(arena, series->metric, strlen(series->metric)),
        .instance = arena_text(arena, series->instance, strlen(series->instance)),
        .unit = arena_text(arena, series->unit, strlen(series->unit)),
        .count = sketch->count,
        .min = sketch->min,
        .max = sketch->max,
        .p50 = sketch_quantile(sketch, 0.5),
        .p90 = sketch_quantile(sketch, 0.9),
        .p95 = sketch_quantile(sketch, 0.95),
        .p99 = sketch_quantile(sketch, 0.99),
    };
    return ret->metric && ret->instance && ret->unit ? 0 : -ENOMEM;
}

static int keep_host(struct spread *spread, struct spread_state *state, uint64_t host, const struct spread_days *days,
                     struct store_spread *ret, struct err *err)
{
    struct arena *arena = spread->reading->arena;
    struct store_spread_row *rows = arena_alloc(arena, spread->list.n, sizeof *rows);
    size_t n = 0;
    int rc = rows ? 0 : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < spread->list.n; i++)
        if (spread->sketches[i].count > 0)
            rc = row_of(arena, &spread->list.at[i], &spread->sketches[i], &rows[n++]);
    if (rc < 0)
        return err_set(err, rc, "store: the answer is too large: ask for fewer hosts");
    state->hosts[ret->n++] = (struct store_host_spread){ host, days->from_us, days->to_us, n, rows };
    state->n_rows += n;
    return 0;
}

/* NULL: out of memory. */
static struct spread_state *begin(struct reading *reading, const struct store_spread_query *query,
                                  struct store_spread *result, struct err *err)
{
    struct spread_state *state = arena_alloc(reading->arena, 1, sizeof *state);
    struct store_host_spread *hosts = arena_alloc(reading->arena, query->hosts.n, sizeof *hosts);
    if (!state || !hosts) {
        err_set(err, -ENOMEM, "store: out of memory");
        return NULL;
    }
    state->matches = (struct matches){ .arena = reading->arena, .filter = &query->filter };
    state->hosts = hosts;
    *result = (struct store_spread){ .hosts = hosts };
    return state;
}

int query_spread(struct reading *reading, const struct store_spread_query *query, struct spread_state **state,
                 struct store_spread *ret, struct err *err)
{
    AUTO(spread_done) struct spread spread = { .reading = NULL };
    struct spread_days days = spread_days_of(reading, query->from_us, query->to_us);
    if (!*state && !(*state = begin(reading, query, ret, err)))
        return -ENOMEM;
    int rc = spread_init(&spread, reading, &(*state)->matches, err);
    while (rc == 0 && ret->n < query->hosts.n && (*state)->n_rows < query->hosts.rows) {
        uint64_t host = query->hosts.at[ret->n];
        rc = spread_host(&spread, host, &days, err);
        if (rc == 0)
            rc = keep_host(&spread, *state, host, &days, ret, err);
        if (rc == 0 && reading->left < 0 && ret->n < query->hosts.n)
            return READING_MORE;
    }
    return rc;
}
