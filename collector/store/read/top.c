/* The hosts on which a metric was highest, host by host; only the best so far are held. The mean and the highest value
 * come from minutes, p95 from sketches. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/read/query.h"
#include "collector/store/read/spread.h"

enum { HOST_MEMORY = 16 << 20, VALUES_AT_ONCE = 512 };

struct total {
    double sum, max;
    uint64_t count;
};

struct totals { /* of the host in hand */
    struct matches *matches;
    struct match_list list;
    uint32_t room;
    struct total *at; /* by the list's numbers */
    struct arena arena;
};

struct top_state {
    struct matches matches;
    struct store_top_row *rows; /* highest first */
    size_t next;                /* host */
};

/* ---- totals ---- */

static void add(struct total *total, double sum, double max, uint32_t count)
{
    total->max = total->count == 0 || max > total->max ? max : total->max;
    total->sum += sum;
    total->count += count;
}

static int add_samples(struct total *total, struct scan *scan, const struct scan_piece *piece, uint32_t column,
                       struct err *err)
{
    struct column from;
    double values[VALUES_AT_ONCE];
    int rc = scan_column(scan, piece, column, &from, err);
    for (uint32_t at = piece->from; rc == 0 && at < piece->to; at += VALUES_AT_ONCE) {
        uint32_t to = piece->to - at < VALUES_AT_ONCE ? piece->to : at + VALUES_AT_ONCE;
        scan_values(&from, piece->table->at[column].exponent, at, to, values);
        for (uint32_t i = 0; i < to - at; i++)
            if (isfinite(values[i]))
                add(total, values[i], values[i], 1);
    }
    return rc;
}

static int add_minutes(struct total *total, struct scan *scan, const struct scan_piece *piece, uint32_t column,
                       struct err *err)
{
    struct scan_minutes minutes;
    int rc = scan_minutes(scan, piece, column, &minutes, err);
    for (uint32_t i = piece->from; rc == 0 && i < piece->to; i++) {
        struct store_point point;
        if (scan_minute(&minutes, piece, piece->table->at[column].exponent, i, &point))
            add(total, point.mean, point.max, point.count);
    }
    return rc;
}

static int make_totals(struct totals *totals)
{
    if (totals->list.n <= totals->room)
        return 0;
    struct total *at = arena_alloc(&totals->arena, totals->list.room, sizeof *at);
    if (!at)
        return -ENOMEM;
    if (totals->room)
        memcpy(at, totals->at, totals->room * sizeof *at);
    totals->at = at;
    totals->room = totals->list.room;
    return 0;
}

static int on_piece(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err)
{
    struct totals *totals = user;
    const struct match *match;
    const uint32_t *numbers;
    int rc = match_table(totals->matches, piece->table_id, piece->table, &match, err);
    if (rc == 0 && (match_numbers(&totals->list, match, piece->table, &numbers) < 0 || make_totals(totals) < 0))
        rc = err_set(err, -ENOMEM, "store: too many series: narrow what is asked for");
    for (uint32_t i = 0; rc == 0 && i < match->n; i++) {
        struct total *total = &totals->at[numbers[i]];
        rc = piece->minutes ? add_minutes(total, scan, piece, match->columns[i], err)
                            : add_samples(total, scan, piece, match->columns[i], err);
        if (rc == SCAN_DAMAGED)
            rc = 0;
    }
    return rc;
}

/* ---- the best so far ---- */

/* Among equals the one that came first stays before. */
static void offer(struct top_state *state, const struct store_top_query *query, struct store_top *ret, uint64_t host,
                  const struct match_series *series, double value)
{
    size_t at = ret->n;
    while (at > 0 && state->rows[at - 1].value < value)
        at--;
    if (at == query->most)
        return;
    if (ret->n < query->most)
        ret->n++;
    memmove(&state->rows[at + 1], &state->rows[at], (ret->n - 1 - at) * sizeof state->rows[0]);
    struct store_top_row *row = &state->rows[at];
    *row = (struct store_top_row){ .host = host, .value = value };
    strncpy(row->instance, series->instance, sizeof row->instance - 1);
    strncpy(row->unit, series->unit, sizeof row->unit - 1);
}

/* The highest of its series. */
static void offer_host(struct top_state *state, const struct store_top_query *query, struct store_top *ret,
                       uint64_t host, const struct match_list *list, const double *values)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < list->n; i++)
        if (isnan(values[best]) || values[i] > values[best])
            best = i;
    if (list->n > 0 && !isnan(values[best]))
        offer(state, query, ret, host, &list->at[best], values[best]);
}

static int by_total(struct top_state *state, const struct store_top_query *query, struct scan *scan,
                    struct totals *totals, struct store_top *ret, struct err *err)
{
    uint64_t host = query->hosts.at[state->next];
    arena_reset(&totals->arena);
    match_forget(&totals->list);
    totals->room = 0;
    struct scan_range range = scan_range_of(scan->reading, host, query->from_us, query->to_us, true);
    int rc = scan_host(scan, &range, on_piece, totals, err);
    double *values = rc == 0 ? arena_alloc(&totals->arena, totals->list.n + 1, sizeof *values) : NULL;
    if (!values)
        return rc < 0 ? rc : err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < totals->list.n; i++) {
        const struct total *total = &totals->at[i];
        double value = query->by == STORE_TOP_MEAN ? total->sum / (double)total->count : total->max;
        values[i] = total->count ? value : NAN;
    }
    offer_host(state, query, ret, host, &totals->list, values);
    return 0;
}

static int by_quantile(struct top_state *state, const struct store_top_query *query, struct spread *spread,
                       const struct spread_days *days, struct store_top *ret, struct err *err)
{
    uint64_t host = query->hosts.at[state->next];
    int rc = spread_host(spread, host, days, err);
    double *values = rc == 0 ? arena_alloc(&spread->arena, spread->list.n + 1, sizeof *values) : NULL;
    if (!values)
        return rc < 0 ? rc : err_set(err, -ENOMEM, "store: out of memory");
    for (uint32_t i = 0; i < spread->list.n; i++)
        values[i] = sketch_quantile(&spread->sketches[i], 0.95); /* NaN when it is empty */
    offer_host(state, query, ret, host, &spread->list, values);
    return 0;
}

/* ---- all of them ---- */

/* NULL: out of memory. */
static struct top_state *begin(struct reading *reading, const struct store_top_query *query, struct store_top *result,
                               struct err *err)
{
    struct top_state *state = arena_alloc(reading->arena, 1, sizeof *state);
    struct store_top_row *rows = arena_alloc(reading->arena, query->most + 1, sizeof *rows);
    if (!state || !rows) {
        err_set(err, -ENOMEM, "store: out of memory");
        return NULL;
    }
    state->matches = (struct matches){ .arena = reading->arena, .filter = &query->filter };
    state->rows = rows;
    *result = (struct store_top){ .rows = rows, .from_us = query->from_us, .to_us = query->to_us };
    return state;
}

static void totals_done(struct totals *totals)
{
    arena_done(&totals->arena);
}

static int top_by_totals(struct reading *reading, const struct store_top_query *query, struct top_state *state,
                         struct store_top *ret, struct err *err)
{
    AUTO(scan_done) struct scan scan = { .reading = NULL };
    AUTO(totals_done) struct totals totals = { .matches = &state->matches };
    arena_init(&totals.arena, HOST_MEMORY);
    totals.list.arena = &totals.arena;
    int rc = scan_init(&scan, reading, err);
    while (rc == 0 && state->next < query->hosts.n) {
        if (reading->left < 0)
            return READING_MORE;
        rc = by_total(state, query, &scan, &totals, ret, err);
        state->next++;
    }
    return rc;
}

static int top_by_quantiles(struct reading *reading, const struct store_top_query *query, struct top_state *state,
                            struct store_top *ret, struct err *err)
{
    AUTO(spread_done) struct spread spread = { .reading = NULL };
    struct spread_days days = spread_days_of(reading, query->from_us, query->to_us);
    int rc = spread_init(&spread, reading, &state->matches, err);
    ret->from_us = days.from_us;
    ret->to_us = days.to_us;
    while (rc == 0 && state->next < query->hosts.n) {
        if (reading->left < 0)
            return READING_MORE;
        rc = by_quantile(state, query, &spread, &days, ret, err);
        state->next++;
    }
    return rc;
}

int query_top(struct reading *reading, const struct store_top_query *query, struct top_state **state,
              struct store_top *ret, struct err *err)
{
    if (!*state && !(*state = begin(reading, query, ret, err)))
        return -ENOMEM;
    return query->by == STORE_TOP_P95 ? top_by_quantiles(reading, query, *state, ret, err)
                                      : top_by_totals(reading, query, *state, ret, err);
}
