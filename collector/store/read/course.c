/* The course of a host: of each series the highest value and the mean on even steps, from minutes where they are. A
 * step is of whole minutes, so that each minute lies in one. Slices are as in series.c: a tick is in one of them only,
 * whatever becomes of it between two turns. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/read/query.h"
#include "collector/store/read/scan.h"

enum { VALUES_AT_ONCE = 512, CELLS_MAX = 2 << 20 /* of 16 bytes, and 8 in the answer */, NOT_WANTED = UINT32_MAX };

struct cells { /* of one series, each an array of a step */
    double *sum;
    uint32_t *count;
    float *max;
};

struct wanted { /* of one table, in `columns`: the number of the series, or NOT_WANTED */
    int64_t table_id;
    uint32_t *columns;
    struct wanted *next;
};

struct course_state {
    const struct store_course_query *query;
    struct wanted *wanted;
    struct cells cells[STORE_COURSE_SERIES_MAX];
    struct store_course_series series[STORE_COURSE_SERIES_MAX];
    size_t n;
    size_t n_steps;
    bool truncated;
    bool found; /* this slice had a piece */
    int64_t next_us;
    int64_t width_us;
};

static int no_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "store: out of memory");
}

/* ---- which columns ---- */

static bool is_asked_for(const struct store_course_query *query, const char *metric)
{
    for (size_t i = 0; i < query->n_metrics; i++)
        if (strcmp(query->metrics[i], metric) == 0)
            return true;
    return false;
}

static int make_cells(struct cells *cells, struct arena *arena, size_t n)
{
    cells->sum = arena_alloc(arena, n, sizeof *cells->sum);
    cells->count = arena_alloc(arena, n, sizeof *cells->count);
    cells->max = arena_alloc(arena, n, sizeof *cells->max);
    return cells->sum && cells->count && cells->max ? 0 : -ENOMEM;
}

static int add_series(struct course_state *state, struct arena *arena, const struct series *of, uint32_t *ret)
{
    struct store_course_series *series = &state->series[state->n];
    if (state->n == STORE_COURSE_SERIES_MAX || (state->n + 1) * state->n_steps > CELLS_MAX) {
        state->truncated = true;
        *ret = NOT_WANTED;
        return 0;
    }
    *series = (struct store_course_series){ .metric = arena_text(arena, of->metric, strlen(of->metric)),
                                            .instance = arena_text(arena, of->instance, strlen(of->instance)),
                                            .unit = arena_text(arena, of->unit, strlen(of->unit)) };
    if (!series->metric || !series->instance || !series->unit ||
        make_cells(&state->cells[state->n], arena, state->n_steps) < 0)
        return -ENOMEM;
    *ret = (uint32_t)state->n++;
    return 0;
}

static int number_of(struct course_state *state, struct arena *arena, const struct series *of, uint32_t *ret)
{
    *ret = NOT_WANTED;
    if (!is_asked_for(state->query, of->metric))
        return 0;
    for (uint32_t i = 0; i < state->n; i++) {
        if (strcmp(state->series[i].metric, of->metric) == 0 && strcmp(state->series[i].instance, of->instance) == 0) {
            *ret = i;
            return 0;
        }
    }
    return add_series(state, arena, of, ret);
}

/* Tables are few and come again with each row. */
static int wanted_of(struct course_state *state, struct arena *arena, const struct scan_piece *piece,
                     const uint32_t **ret)
{
    for (const struct wanted *at = state->wanted; at; at = at->next) {
        if (at->table_id == piece->table_id) {
            *ret = at->columns;
            return 0;
        }
    }
    struct wanted *wanted = arena_alloc(arena, 1, sizeof *wanted);
    uint32_t *columns = arena_alloc(arena, piece->table->n, sizeof *columns);
    int rc = wanted && columns ? 0 : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < piece->table->n; i++)
        rc = number_of(state, arena, &piece->table->at[i], &columns[i]);
    if (rc < 0)
        return rc;
    *wanted = (struct wanted){ piece->table_id, columns, state->wanted };
    state->wanted = wanted;
    *ret = columns;
    return 0;
}

/* ---- values ---- */

static void add(struct cells *cells, uint32_t step, double sum, double max, uint32_t count)
{
    if (cells->count[step] == 0 || (float)max > cells->max[step])
        cells->max[step] = (float)max;
    cells->sum[step] += sum;
    cells->count[step] += count;
}

static int add_samples(struct cells *cells, struct scan *scan, const struct scan_piece *piece, uint32_t column,
                       const uint32_t *steps, struct err *err)
{
    double values[VALUES_AT_ONCE];
    struct column from;
    int rc = scan_column(scan, piece, column, &from, err);
    for (uint32_t at = piece->from; rc == 0 && at < piece->to; at += VALUES_AT_ONCE) {
        uint32_t to = piece->to - at < VALUES_AT_ONCE ? piece->to : at + VALUES_AT_ONCE;
        scan_values(&from, piece->table->at[column].exponent, at, to, values);
        for (uint32_t i = 0; i < to - at; i++)
            if (isfinite(values[i]))
                add(cells, steps[at + i - piece->from], values[i], values[i], 1);
    }
    return rc;
}

/* A minute's lowest value is not asked for, and so not decoded. */
static int minute_columns(struct scan *scan, const struct scan_piece *piece, uint32_t series, struct scan_minutes *ret,
                          struct err *err)
{
    int rc = scan_column(scan, piece, 4 * series, &ret->count, err);
    if (rc == 0)
        rc = scan_column(scan, piece, 4 * series + 2, &ret->max, err);
    if (rc == 0)
        rc = scan_column(scan, piece, 4 * series + 3, &ret->sum, err);
    return rc;
}

static int add_minutes(struct cells *cells, struct scan *scan, const struct scan_piece *piece, uint32_t column,
                       const uint32_t *steps, struct err *err)
{
    double count[VALUES_AT_ONCE], max[VALUES_AT_ONCE], sum[VALUES_AT_ONCE];
    int exponent = piece->table->at[column].exponent;
    struct scan_minutes minutes;
    int rc = minute_columns(scan, piece, column, &minutes, err);
    for (uint32_t at = piece->from; rc == 0 && at < piece->to; at += VALUES_AT_ONCE) {
        uint32_t to = piece->to - at < VALUES_AT_ONCE ? piece->to : at + VALUES_AT_ONCE;
        scan_values(&minutes.count, 0, at, to, count);
        scan_values(&minutes.max, exponent, at, to, max);
        scan_values(&minutes.sum, exponent, at, to, sum);
        for (uint32_t i = 0; i < to - at; i++)
            if (count[i] >= 1 && count[i] <= UINT16_MAX && isfinite(max[i]) && isfinite(sum[i]))
                add(cells, steps[at + i - piece->from], sum[i], max[i], (uint32_t)count[i]);
    }
    return rc;
}

/* In which step each tick of the piece lies: the same for all its columns. */
static const uint32_t *steps_of(const struct course_state *state, struct arena *rows, const struct scan_piece *piece)
{
    uint32_t *steps = arena_alloc(rows, piece->to - piece->from, sizeof *steps);
    for (uint32_t i = piece->from; steps && i < piece->to; i++)
        steps[i - piece->from] = (uint32_t)((piece->at_us[i] - state->query->from_us) / state->query->step_us);
    return steps;
}

static int on_piece(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err)
{
    struct course_state *state = user;
    const uint32_t *columns;
    state->found = true;
    const uint32_t *steps = steps_of(state, scan->reading->rows, piece);
    int rc = steps ? wanted_of(state, scan->reading->arena, piece, &columns) : -ENOMEM;
    if (rc < 0)
        return no_memory(err);
    for (uint32_t i = 0; rc >= 0 && i < piece->table->n; i++) {
        if (columns[i] == NOT_WANTED)
            continue;
        struct cells *cells = &state->cells[columns[i]];
        rc = piece->minutes ? add_minutes(cells, scan, piece, i, steps, err)
                            : add_samples(cells, scan, piece, i, steps, err);
    }
    return rc < 0 ? rc : 0; /* damaged: counted */
}

/* ---- the whole ---- */

static struct course_state *begin(struct reading *reading, const struct store_course_query *query)
{
    struct course_state *state = arena_alloc(reading->arena, 1, sizeof *state);
    if (state) {
        state->query = query;
        state->n_steps = (size_t)((query->to_us - query->from_us) / query->step_us);
        state->next_us = query->from_us;
        state->width_us = READING_DAY_US;
    }
    return state;
}

static int read_slice(struct course_state *state, struct scan *scan, struct err *err)
{
    const struct store_course_query *query = state->query;
    int64_t day_us = reading_floor(state->next_us, READING_DAY_US);
    int64_t to_us = reading_earlier(query->to_us, day_us + state->width_us);
    struct scan_range range = scan_range_of(scan->reading, query->host, query->from_us, query->to_us, true);
    scan_narrow(&range, state->next_us, to_us);
    state->found = false;
    int rc = scan_host(scan, &range, on_piece, state, err);
    state->next_us = to_us;
    state->width_us = state->found ? READING_DAY_US : state->width_us * 2;
    return rc;
}

static bool finish_series(struct course_state *state, size_t i, float *mean)
{
    const struct cells *cells = &state->cells[i];
    bool any = false;
    for (size_t at = 0; at < state->n_steps; at++) {
        bool seen = cells->count[at] > 0;
        mean[at] = seen ? (float)(cells->sum[at] / cells->count[at]) : NAN;
        if (!seen)
            cells->max[at] = NAN;
        any = any || seen;
    }
    state->series[i].max = cells->max;
    state->series[i].mean = mean;
    return any;
}

/* A series without a value is none. */
static int finish(struct course_state *state, struct arena *arena, struct store_course *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < state->n; i++) {
        float *mean = arena_alloc(arena, state->n_steps, sizeof *mean);
        if (!mean)
            return -ENOMEM;
        if (finish_series(state, i, mean))
            state->series[n++] = state->series[i];
    }
    *ret = (struct store_course){
        .n_steps = state->n_steps, .n = n, .series = state->series, .truncated = state->truncated
    };
    return 0;
}

int query_course(struct reading *reading, const struct store_course_query *query, struct course_state **state,
                 struct store_course *ret, struct err *err)
{
    AUTO(scan_done) struct scan scan = { .reading = NULL };
    if (!*state && !(*state = begin(reading, query)))
        return no_memory(err);
    int rc = scan_init(&scan, reading, err);
    while (rc == 0 && (*state)->next_us < query->to_us) {
        rc = read_slice(*state, &scan, err);
        if (rc == 0 && reading->left < 0 && (*state)->next_us < query->to_us)
            return READING_MORE;
    }
    if (rc == 0 && finish(*state, reading->arena, ret) < 0)
        rc = no_memory(err);
    return rc;
}
