#include "collector/store/read/steps.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 64, ROOM_GROWS = 8 };
#define ROOM_SPARE (1.0 / 64)

void steps_init(struct steps *steps, struct arena *arena, const struct steps_form *form)
{
    assert(form->from_us >= 0 && form->from_us < form->to_us && form->points > 0 && form->step_us > 0);
    memset(steps, 0, sizeof *steps);
    steps->arena = arena;
    steps->form = *form;
    steps->even = form->even;
}

static bool is_full(const struct steps *steps)
{
    size_t most = steps->form.quantiles ? STEPS_SKETCHES_MAX : STEPS_CELLS_MAX;
    return steps->n == STORE_SERIES_MAX || (steps->n + 1) * steps->form.points > most;
}

static int make_even(struct steps *steps, struct steps_series *series)
{
    series->n = series->room = steps->form.points;
    series->cells = arena_alloc(steps->arena, series->room, sizeof *series->cells);
    if (steps->form.quantiles) {
        series->sketches = arena_alloc(steps->arena, series->room, sizeof *series->sketches);
        series->rough = arena_alloc(steps->arena, series->room, sizeof *series->rough);
    }
    return series->cells && (!steps->form.quantiles || (series->sketches && series->rough)) ? 0 : -ENOMEM;
}

int steps_series(struct steps *steps, const char *instance, const char *unit, struct steps_series **ret)
{
    for (size_t i = 0; i < steps->n; i++) {
        if (strcmp(steps->series[i].instance, instance) == 0) {
            *ret = &steps->series[i];
            return 0;
        }
    }
    if (is_full(steps)) {
        steps->truncated = true;
        return STEPS_FULL;
    }
    struct steps_series series = {
        .instance = arena_text(steps->arena, instance, strlen(instance)),
        .unit = arena_text(steps->arena, unit, strlen(unit)),
    };
    if (!series.instance || !series.unit || (steps->even && make_even(steps, &series) < 0))
        return -ENOMEM;
    *ret = &steps->series[steps->n++];
    **ret = series;
    return 0;
}

static int put_in_step(const struct steps *steps, struct steps_series *series, const struct store_point *point)
{
    size_t i = (size_t)((point->at_us - steps->form.from_us) / steps->form.step_us);
    assert(i < series->n);
    struct store_point *cell = &series->cells[i];
    cell->at_us = steps->form.from_us + (int64_t)i * steps->form.step_us;
    if (cell->count == 0 || point->min < cell->min)
        cell->min = point->min;
    if (cell->count == 0 || point->max > cell->max)
        cell->max = point->max;
    cell->mean += point->mean;
    cell->count += point->count;
    if (!series->sketches)
        return 0;
    if (point->count == 1)
        return sketch_add(&series->sketches[i], steps->arena, point->mean, 1);
    series->rough[i] = true;
    return 0;
}

static int turn_into_steps(struct steps *steps)
{
    steps->even = true;
    for (size_t i = 0; i < steps->n; i++) {
        struct steps_series *series = &steps->series[i];
        struct steps_series raw = *series;
        int rc = make_even(steps, series);
        for (size_t j = 0; rc == 0 && j < raw.n; j++)
            rc = put_in_step(steps, series, &raw.cells[j]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Cells for samples that go on to the end of the range as these do, so that a long answer is not copied while it
 * grows. */
static size_t room_expected(const struct steps *steps, const struct steps_series *series, size_t n,
                            const int64_t *at_us)
{
    double span_us = (double)(at_us[n - 1] - at_us[0]);
    double left_us = (double)(steps->form.to_us - at_us[0]);
    double expected = (double)n * (span_us > 0 && left_us > span_us ? left_us / span_us * (1 + ROOM_SPARE) : 1);
    double most = (double)(steps->form.points - series->n);
    return series->n + (size_t)(expected < most ? expected : most);
}

/* At least `wanted` cells, as far as that is allowed. */
static int grow(struct steps *steps, struct steps_series *series, size_t wanted)
{
    size_t room = series->room ? series->room * ROOM_GROWS : ROOM_FIRST;
    if (room < wanted)
        room = wanted;
    if (room > steps->form.points)
        room = steps->form.points;
    struct store_point *cells = arena_room(steps->arena, room, sizeof *cells);
    if (!cells)
        return -ENOMEM;
    if (series->n)
        memcpy(cells, series->cells, series->n * sizeof *cells);
    series->cells = cells;
    series->room = room;
    return 0;
}

int steps_add_point(struct steps *steps, struct steps_series *series, const struct store_point *point)
{
    int rc = 0;
    if (!steps->even && series->n == steps->form.points)
        rc = turn_into_steps(steps);
    else if (!steps->even && series->n == series->room)
        rc = grow(steps, series, 0);
    if (rc < 0)
        return rc;
    if (steps->even)
        return put_in_step(steps, series, point);
    if (series->n > 0 && point->at_us < series->cells[series->n - 1].at_us)
        series->apart = true;
    series->sums = series->sums || point->count > 1;
    series->cells[series->n++] = *point;
    return 0;
}

/* Into a step that is begun: samples come by time mostly, so most of them go where the one before did. */
static bool put_in_same(struct steps_series *series, int64_t from_us, int64_t to_us, int64_t at_us, double value,
                        size_t step)
{
    if (at_us < from_us || at_us >= to_us || series->sketches)
        return false;
    struct store_point *cell = &series->cells[step];
    cell->min = value < cell->min ? value : cell->min;
    cell->max = value > cell->max ? value : cell->max;
    cell->mean += value;
    cell->count++;
    return true;
}

static int add_even(struct steps *steps, struct steps_series *series, size_t n, const int64_t *at_us,
                    const double *values)
{
    int64_t from_us = 0;
    int64_t to_us = 0; /* of the step before */
    size_t step = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (isnan(values[i]) || put_in_same(series, from_us, to_us, at_us[i], values[i], step))
            continue;
        struct store_point point = { at_us[i], values[i], values[i], values[i], 1 };
        rc = put_in_step(steps, series, &point);
        step = (size_t)((at_us[i] - steps->form.from_us) / steps->form.step_us);
        from_us = steps->form.from_us + (int64_t)step * steps->form.step_us;
        to_us = from_us + steps->form.step_us;
    }
    return rc;
}

/* As they are; there is room for all of them. */
static void add_as_they_are(struct steps_series *series, size_t n, const int64_t *at_us, const double *values)
{
    struct store_point *cell = series->cells + series->n;
    int64_t last_us = series->n > 0 ? cell[-1].at_us : INT64_MIN;
    bool apart = false;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            continue;
        apart |= at_us[i] < last_us;
        last_us = at_us[i];
        *cell++ = (struct store_point){ last_us, values[i], values[i], values[i], 1 };
    }
    series->n = (size_t)(cell - series->cells);
    series->apart |= apart;
}

int steps_add(struct steps *steps, struct steps_series *series, size_t n, const int64_t *at_us, const double *values)
{
    if (steps->even)
        return add_even(steps, series, n, at_us, values);
    if (n > series->room - series->n && series->room < steps->form.points &&
        grow(steps, series, room_expected(steps, series, n, at_us)) < 0)
        return -ENOMEM;
    if (n <= series->room - series->n) {
        add_as_they_are(series, n, at_us, values);
        return 0;
    }
    for (size_t i = 0; i < n; i++) { /* there may be too many */
        if (steps->even)
            return add_even(steps, series, n - i, at_us + i, values + i);
        struct store_point point = { at_us[i], values[i], values[i], values[i], 1 };
        int rc = isnan(values[i]) ? 0 : steps_add_point(steps, series, &point);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct store_point *left = a;
    const struct store_point *right = b;
    return (left->at_us > right->at_us) - (left->at_us < right->at_us);
}

static int by_instance(const void *a, const void *b)
{
    return strcmp(((const struct store_series *)a)->instance, ((const struct store_series *)b)->instance);
}

static void quantiles_of(const struct steps_series *series, size_t i, struct store_quantiles *ret)
{
    const struct store_point *cell = &series->cells[i];
    if (series->sketches && !series->rough[i])
        *ret = (struct store_quantiles){ sketch_quantile(&series->sketches[i], 0.95),
                                         sketch_quantile(&series->sketches[i], 0.99) };
    else if (cell->count == 1) /* a sample as it is */
        *ret = (struct store_quantiles){ cell->mean, cell->mean };
    else
        *ret = (struct store_quantiles){ NAN, NAN };
}

/* Sums become means, and steps without a sample are left out. Returns how many cells are left. */
static size_t settle(const struct steps_series *series, struct store_quantiles *quantiles)
{
    size_t n = 0;
    for (size_t i = 0; i < series->n; i++) {
        struct store_point point = series->cells[i];
        if (point.count == 0)
            continue;
        if (quantiles)
            quantiles_of(series, i, &quantiles[n]);
        if (point.count > 1)
            point.mean /= point.count;
        if (point.count > 1 || n < i) /* else it lies there already */
            series->cells[n] = point;
        n++;
    }
    return n;
}

/* The cells become the points, where they lie. */
static int finish_series(struct steps *steps, const struct steps_series *series, struct store_series *ret)
{
    struct store_quantiles *quantiles = NULL;
    if (steps->form.quantiles && !(quantiles = arena_alloc(steps->arena, series->n, sizeof *quantiles)))
        return -ENOMEM;
    if (series->apart && !steps->even)
        qsort(series->cells, series->n, sizeof *series->cells, by_time);
    bool settled = !steps->even && !series->sums && !quantiles; /* samples as they are */
    size_t n = settled ? series->n : settle(series, quantiles);
    *ret = (struct store_series){ series->instance, series->unit, n, series->cells, quantiles };
    return 0;
}

int steps_result(struct steps *steps, struct store_result *ret)
{
    struct store_series *series = arena_alloc(steps->arena, steps->n, sizeof *series);
    if (!series)
        return -ENOMEM;
    for (size_t i = 0; i < steps->n; i++) {
        int rc = finish_series(steps, &steps->series[i], &series[i]);
        if (rc < 0)
            return rc;
    }
    if (steps->n > 1)
        qsort(series, steps->n, sizeof *series, by_instance);
    ret->n = steps->n;
    ret->series = series;
    ret->truncated = steps->truncated;
    ret->step_us = steps->even ? steps->form.step_us : 0;
    return 0;
}
