#include "collector/store/steps.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 16 };

void steps_init(struct steps *steps, struct arena *arena, int64_t from_us, int64_t to_us, size_t points)
{
    assert(from_us >= 0 && from_us < to_us && points > 0);
    memset(steps, 0, sizeof *steps);
    steps->arena = arena;
    steps->from_us = from_us;
    steps->to_us = to_us;
    steps->points = points;
}

int steps_series(struct steps *steps, const char *instance, const char *unit, struct steps_series **ret)
{
    for (size_t i = 0; i < steps->n; i++) {
        if (strcmp(steps->series[i].instance, instance) == 0) {
            *ret = &steps->series[i];
            return 0;
        }
    }
    if (steps->n == STORE_SERIES_MAX || (steps->n + 1) * steps->points > STEPS_CELLS_MAX) {
        steps->truncated = true;
        return STEPS_FULL;
    }
    struct steps_series series = {
        .instance = arena_text(steps->arena, instance, strlen(instance)),
        .unit = arena_text(steps->arena, unit, strlen(unit)),
    };
    if (steps->step_us) {
        series.n = series.room = steps->points;
        series.cells = arena_alloc(steps->arena, series.room, sizeof *series.cells);
    }
    if (!series.instance || !series.unit || (steps->step_us && !series.cells))
        return -ENOMEM;
    *ret = &steps->series[steps->n++];
    **ret = series;
    return 0;
}

static void put(struct steps_cell *cell, const struct steps_cell *more)
{
    if (cell->count == 0 || more->min < cell->min)
        cell->min = more->min;
    if (cell->count == 0 || more->max > cell->max)
        cell->max = more->max;
    cell->sum += more->sum;
    cell->count += more->count;
}

static void put_in_step(const struct steps *steps, struct steps_series *series, const struct steps_cell *cell)
{
    size_t i = (size_t)((cell->at_us - steps->from_us) / steps->step_us);
    assert(i < series->n);
    series->cells[i].at_us = steps->from_us + (int64_t)i * steps->step_us;
    put(&series->cells[i], cell);
}

static int turn_into_steps(struct steps *steps)
{
    int64_t width = steps->to_us - steps->from_us;
    int64_t points = (int64_t)steps->points;
    steps->step_us = width / points + (width % points != 0);
    for (size_t i = 0; i < steps->n; i++) {
        struct steps_series *series = &steps->series[i];
        struct steps_series raw = *series;
        series->n = series->room = steps->points;
        series->cells = arena_alloc(steps->arena, series->room, sizeof *series->cells);
        if (!series->cells)
            return -ENOMEM;
        for (size_t j = 0; j < raw.n; j++)
            put_in_step(steps, series, &raw.cells[j]);
    }
    return 0;
}

static int grow(struct steps *steps, struct steps_series *series)
{
    size_t room = series->room ? series->room * 2 : ROOM_FIRST;
    if (room > steps->points)
        room = steps->points;
    struct steps_cell *cells = arena_alloc(steps->arena, room, sizeof *cells);
    if (!cells)
        return -ENOMEM;
    if (series->n)
        memcpy(cells, series->cells, series->n * sizeof *cells);
    series->cells = cells;
    series->room = room;
    return 0;
}

int steps_add(struct steps *steps, struct steps_series *series, int64_t at_us, double value)
{
    assert(at_us >= steps->from_us && at_us < steps->to_us);
    struct steps_cell cell = { .at_us = at_us, .min = value, .max = value, .sum = value, .count = 1 };
    int rc = 0;
    if (!steps->step_us && series->n == steps->points)
        rc = turn_into_steps(steps);
    else if (!steps->step_us && series->n == series->room)
        rc = grow(steps, series);
    if (rc < 0)
        return rc;
    if (steps->step_us)
        put_in_step(steps, series, &cell);
    else
        series->cells[series->n++] = cell;
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

static int finish_series(struct steps *steps, const struct steps_series *series, struct store_series *ret)
{
    struct store_point *points = arena_alloc(steps->arena, series->n, sizeof *points);
    if (!points)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < series->n; i++) {
        const struct steps_cell *cell = &series->cells[i];
        if (cell->count > 0)
            points[n++] =
                (struct store_point){ cell->at_us, cell->min, cell->sum / cell->count, cell->max, cell->count };
    }
    if (!steps->step_us && n > 1) /* batches come in any order */
        qsort(points, n, sizeof *points, by_time);
    *ret = (struct store_series){ series->instance, series->unit, n, points };
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
    *ret = (struct store_result){ steps->n, series, steps->truncated };
    return 0;
}
