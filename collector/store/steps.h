/* collector/store/steps.h - samples of many series brought down to so many points each.
 *
 * Shape    samples are kept as they are while every series fits its points; the first one too many turns all series
 *          into even steps over [from, to), so that they stay comparable
 * Limits   STORE_SERIES_MAX series, and STEPS_CELLS_MAX points in all; series beyond are left out and that is said
 * Owner    everything lies in the caller's arena
 */
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "collector/store/store.h"

enum { STEPS_CELLS_MAX = 1 << 20 };

struct steps_cell { /* at_us, count 0: nothing in this step */
    int64_t at_us;
    double min, max, sum;
    uint32_t count;
};

struct steps_series {
    const char *instance;
    const char *unit;
    size_t n; /* cells in use; in steps: all of them */
    size_t room;
    struct steps_cell *cells;
};

struct steps {
    struct arena *arena; /* borrowed */
    int64_t from_us;
    int64_t step_us; /* 0: samples as they are */
    int64_t to_us;
    size_t points;
    size_t n;
    bool truncated;
    struct steps_series series[STORE_SERIES_MAX];
};

void steps_init(struct steps *steps, struct arena *arena, int64_t from_us, int64_t to_us, size_t points);

enum steps_answer { STEPS_FULL = 1 }; /* positive: there is no room for one more series */
/* The series of this instance, a new one if need be; texts are copied. -ENOMEM. */
int steps_series(struct steps *steps, const char *instance, const char *unit, struct steps_series **ret);

/* Adds a sample within [from, to). -ENOMEM. */
int steps_add(struct steps *steps, struct steps_series *series, int64_t at_us, double value);

/* Series by instance, points by time. -ENOMEM. */
int steps_result(struct steps *steps, struct store_result *ret);
