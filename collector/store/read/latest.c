/* The last value of each series of hosts: of all rows that reach into the minute before a host's newest tick. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/read/match.h"
#include "collector/store/read/query.h"
#include "collector/store/read/scan.h"

struct latest_state {
    struct arena *arena;
    struct matches matches;
    struct match_list list; /* of the host in hand, as the next three */
    size_t n, room;
    struct store_last *rows; /* by the list's numbers */
    struct store_host_latest *hosts;
    size_t n_rows; /* in all hosts so far */
};

/* A row for each series of the list; at_us -1: no value yet. */
static int make_rows(struct latest_state *state)
{
    const struct match_list *list = &state->list;
    if (list->n > state->room) {
        struct store_last *rows = arena_alloc(state->arena, list->room, sizeof *rows);
        if (!rows)
            return -ENOMEM;
        if (state->n)
            memcpy(rows, state->rows, state->n * sizeof *rows);
        state->rows = rows;
        state->room = list->room;
    }
    for (; state->n < list->n; state->n++) {
        const struct match_series *of = &list->at[state->n];
        state->rows[state->n] = (struct store_last){ of->metric, of->instance, of->unit, -1, NAN };
    }
    return 0;
}

static void keep(struct store_last *row, int64_t at_us, double value)
{
    if (isnan(value) || at_us <= row->at_us)
        return;
    row->at_us = at_us;
    row->value = value;
}

static int last_sample(struct scan *scan, const struct scan_piece *piece, uint32_t column, uint32_t *ret_tick,
                       double *ret, struct err *err)
{
    struct column values;
    int rc = scan_column(scan, piece, column, &values, err);
    *ret = NAN;
    for (uint32_t i = piece->to; rc == 0 && isnan(*ret) && i-- > piece->from;) {
        scan_values(&values, piece->table->at[column].exponent, i, i + 1, ret);
        *ret_tick = i;
    }
    return rc;
}

/* Of a minute its mean. */
static int last_minute(struct scan *scan, const struct scan_piece *piece, uint32_t column, uint32_t *ret_tick,
                       double *ret, struct err *err)
{
    struct scan_minutes minutes;
    struct store_point point;
    int rc = scan_minutes(scan, piece, column, &minutes, err);
    *ret = NAN;
    for (uint32_t i = piece->to; rc == 0 && isnan(*ret) && i-- > piece->from;) {
        if (scan_minute(&minutes, piece, piece->table->at[column].exponent, i, &point))
            *ret = point.mean / point.count;
        *ret_tick = i;
    }
    return rc;
}

static int on_piece(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err)
{
    struct latest_state *state = user;
    const struct match *match = NULL;
    const uint32_t *numbers = NULL;
    int rc = match_table(&state->matches, piece->table_id, piece->table, &match, err);
    if (rc == 0)
        rc = match_numbers(&state->list, match, piece->table, &numbers);
    if (rc == 0)
        rc = make_rows(state);
    for (uint32_t i = 0; rc == 0 && i < match->n; i++) {
        uint32_t tick = piece->from;
        double value;
        uint32_t column = match->columns[i];
        rc = piece->minutes ? last_minute(scan, piece, column, &tick, &value, err)
                            : last_sample(scan, piece, column, &tick, &value, err);
        keep(&state->rows[numbers[i]], piece->at_us[tick], value);
        if (rc == SCAN_DAMAGED)
            rc = 0;
    }
    return rc == -ENOMEM ? err_set(err, rc, "store: the answer is too large: ask for fewer hosts") : rc;
}

/* 0 when it never had one. */
static int newest_tick(struct reading *reading, uint64_t host, int64_t *ret_us, struct err *err)
{
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    int rc = db_prepare(
        reading->db, "SELECT max(last_us) FROM run JOIN interval ON interval.run = run.id WHERE host = ?", &stmt, err);
    if (rc < 0)
        return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)host);
    rc = db_step(stmt, err);
    if (rc < 0)
        return rc;
    *ret_us = rc == DB_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    return 0;
}

static int read_host(struct latest_state *state, struct scan *scan, uint64_t host, struct err *err)
{
    int64_t newest_us;
    state->n = state->room = 0;
    match_forget(&state->list);
    int rc = newest_tick(scan->reading, host, &newest_us, err);
    if (rc < 0 || newest_us == 0)
        return rc;
    int64_t from_us = newest_us < scan->reading->raw_from_us ? reading_floor(newest_us, READING_MINUTE_US)
                                                             : reading_later(newest_us - READING_MINUTE_US + 1, 0);
    struct scan_range range = scan_range_of(scan->reading, host, from_us, newest_us + 1, false);
    rc = scan_host(scan, &range, on_piece, state, err);
    size_t n = 0; /* those without a value go */
    for (size_t i = 0; i < state->n; i++)
        if (state->rows[i].at_us >= 0)
            state->rows[n++] = state->rows[i];
    state->n = n;
    return rc;
}

/* NULL: out of memory. */
static struct latest_state *begin(struct reading *reading, const struct store_latest_query *query,
                                  struct store_latest *result, struct err *err)
{
    struct latest_state *state = arena_alloc(reading->arena, 1, sizeof *state);
    struct store_host_latest *hosts = arena_alloc(reading->arena, query->hosts.n, sizeof *hosts);
    if (!state || !hosts) {
        err_set(err, -ENOMEM, "store: out of memory");
        return NULL;
    }
    state->matches = (struct matches){ .arena = reading->arena, .filter = &query->filter };
    state->arena = state->list.arena = reading->arena;
    state->hosts = hosts;
    *result = (struct store_latest){ .hosts = hosts };
    return state;
}

int query_latest(struct reading *reading, const struct store_latest_query *query, struct latest_state **state,
                 struct store_latest *ret, struct err *err)
{
    AUTO(scan_done) struct scan scan = { .reading = NULL };
    if (!*state && !(*state = begin(reading, query, ret, err)))
        return -ENOMEM;
    int rc = scan_init(&scan, reading, err);
    while (rc == 0 && ret->n < query->hosts.n && (*state)->n_rows < query->hosts.rows) {
        uint64_t host = query->hosts.at[ret->n];
        rc = read_host(*state, &scan, host, err);
        (*state)->hosts[ret->n++] = (struct store_host_latest){ host, (*state)->n, (*state)->rows };
        (*state)->n_rows += (*state)->n;
        if (rc == 0 && reading->left < 0 && ret->n < query->hosts.n)
            return READING_MORE;
    }
    return rc;
}
