/* The series of a host over a range, slice by slice: a slice is a day, or many where nothing lies, and is read within
 * one turn. A tick is in one slice only, so it is counted once, whatever becomes of it between two turns. */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/read/query.h"
#include "collector/store/read/scan.h"
#include "collector/store/read/steps.h"

enum { VALUES_AT_ONCE = 512, SLICES_SAMPLES_DAYS = 1 /* a wider range is told by its minutes, if its steps are */ };

struct series_state {
    const struct store_query *query;
    struct steps steps;
    bool coarse;
    bool minutes;    /* some piece was of minutes */
    bool found;      /* this slice had a piece */
    int64_t next_us; /* where the next slice begins */
    int64_t width_us;
};

static int add_values(struct series_state *state, struct steps_series *series, const struct scan_piece *piece,
                      uint32_t column, const struct column *from)
{
    double values[VALUES_AT_ONCE];
    int rc = 0;
    for (uint32_t at = piece->from; rc == 0 && at < piece->to; at += VALUES_AT_ONCE) {
        uint32_t to = piece->to - at < VALUES_AT_ONCE ? piece->to : at + VALUES_AT_ONCE;
        scan_values(from, piece->table->at[column].exponent, at, to, values);
        rc = steps_add(&state->steps, series, to - at, piece->at_us + at, values);
    }
    return rc;
}

static bool has_values(const struct column *column, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        if (column->real ? isfinite(column->values[i]) : column->fixed[i] != FIXED_ABSENT)
            return true;
    return false;
}

static int add_samples(struct series_state *state, struct scan *scan, const struct scan_piece *piece, uint32_t column,
                       struct err *err)
{
    struct column values;
    struct steps_series *series;
    const struct series *of = &piece->table->at[column];
    int rc = scan_column(scan, piece, column, &values, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    if (!has_values(&values, piece->from, piece->to)) /* a series without a sample is none */
        return 0;
    rc = steps_series(&state->steps, of->instance, of->unit, &series);
    if (rc == 0)
        rc = add_values(state, series, piece, column, &values);
    return rc == STEPS_FULL ? 0 : rc;
}

static int add_minutes(struct series_state *state, struct scan *scan, const struct scan_piece *piece, uint32_t column,
                       struct err *err)
{
    const struct series *of = &piece->table->at[column];
    struct steps_series *series = NULL;
    struct scan_minutes minutes;
    int rc = scan_minutes(scan, piece, column, &minutes, err);
    for (uint32_t i = piece->from; rc == 0 && i < piece->to; i++) {
        struct store_point point;
        if (!scan_minute(&minutes, piece, of->exponent, i, &point))
            continue;
        rc = series ? 0 : steps_series(&state->steps, of->instance, of->unit, &series);
        if (rc == 0)
            rc = steps_add_point(&state->steps, series, &point);
    }
    return rc > 0 ? 0 : rc; /* damaged, or full */
}

static int on_piece(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err)
{
    struct series_state *state = user;
    const struct store_query *query = state->query;
    int rc = 0;
    state->found = true;
    for (uint32_t i = 0; rc == 0 && i < piece->table->n; i++) {
        const struct series *series = &piece->table->at[i];
        if (strcmp(series->metric, query->metric) != 0 || fnmatch(query->instance, series->instance, 0) != 0)
            continue;
        state->minutes |= piece->minutes;
        rc = piece->minutes ? add_minutes(state, scan, piece, i, err) : add_samples(state, scan, piece, i, err);
    }
    return rc == -ENOMEM ? err_set(err, rc, "store: the answer is too large: ask for fewer points or a narrower glob")
                         : rc;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* Steps of whole minutes in a range that goes beyond a day, or begins before the oldest sample, are read from minutes;
 * they begin on a minute then. */
static bool is_coarse(const struct reading *reading, const struct store_query *query, int64_t step_us)
{
    bool wide = query->to_us - query->from_us > SLICES_SAMPLES_DAYS * READING_DAY_US;
    bool old = query->from_us < reading->raw_from_us;
    bool whole = query->step_us == 0 || query->step_us % READING_MINUTE_US == 0;
    return !query->quantiles && step_us >= READING_MINUTE_US && whole && (wide || old);
}

static void form_of(const struct reading *reading, const struct store_query *query, struct steps_form *ret,
                    bool *ret_coarse)
{
    int64_t width_us = query->to_us - query->from_us;
    *ret = (struct steps_form){ .from_us = query->from_us,
                                .to_us = query->to_us,
                                .step_us = query->step_us,
                                .points = query->points,
                                .even = query->step_us > 0,
                                .quantiles = query->quantiles };
    if (query->step_us > 0) {
        ret->from_us = reading_floor(query->from_us, query->step_us);
        ret->points = (size_t)divide_up(query->to_us - ret->from_us, query->step_us);
    } else {
        ret->step_us = divide_up(width_us, (int64_t)query->points);
    }
    *ret_coarse = is_coarse(reading, query, ret->step_us);
    if (*ret_coarse && query->step_us == 0) {
        ret->from_us = reading_floor(query->from_us, READING_MINUTE_US);
        ret->step_us = reading_ceil(divide_up(query->to_us - ret->from_us, (int64_t)query->points), READING_MINUTE_US);
    }
}

/* NULL: out of memory. */
static struct series_state *begin(struct reading *reading, const struct store_query *query, struct err *err)
{
    struct series_state *state = arena_alloc(reading->arena, 1, sizeof *state);
    if (!state) {
        err_set(err, -ENOMEM, "store: out of memory");
        return NULL;
    }
    struct steps_form form;
    state->query = query;
    form_of(reading, query, &form, &state->coarse);
    steps_init(&state->steps, reading->arena, &form);
    state->next_us = query->from_us;
    state->width_us = READING_DAY_US;
    return state;
}

/* The next slice becomes twice as wide where there was nothing: ticks may lie years apart. */
static int read_slice(struct series_state *state, struct scan *scan, struct err *err)
{
    const struct store_query *query = state->query;
    int64_t day_us = reading_floor(state->next_us, READING_DAY_US);
    int64_t to_us = query->to_us - day_us > state->width_us ? day_us + state->width_us : query->to_us;
    struct scan_range range = scan_range_of(scan->reading, query->host, query->from_us, query->to_us, state->coarse);
    scan_narrow(&range, state->next_us, to_us);
    state->found = false;
    int rc = scan_host(scan, &range, on_piece, state, err);
    state->next_us = to_us;
    if (state->found)
        state->width_us = READING_DAY_US;
    else if (state->width_us < INT64_MAX / 2)
        state->width_us *= 2;
    return rc;
}

int query_series(struct reading *reading, const struct store_query *query, struct series_state **state,
                 struct store_result *ret, struct err *err)
{
    AUTO(scan_done) struct scan scan = { .reading = NULL };
    if (!*state && !(*state = begin(reading, query, err)))
        return -ENOMEM;
    int rc = scan_init(&scan, reading, err);
    while (rc == 0 && (*state)->next_us < query->to_us) {
        rc = read_slice(*state, &scan, err);
        if (rc == 0 && reading->left < 0 && (*state)->next_us < query->to_us)
            return READING_MORE;
    }
    if (rc < 0)
        return rc;
    rc = steps_result(&(*state)->steps, ret);
    ret->minutes = (*state)->minutes;
    return rc < 0 ? err_set(err, rc, "store: the answer is too large: ask for fewer points") : 0;
}
