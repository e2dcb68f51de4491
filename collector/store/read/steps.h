/* collector/store/read/steps.h - samples of many series brought down to so many points each.
 *
 * Shape    samples are kept as they are while every series fits its points; the first one too many turns all series
 *          into even steps, so that they stay comparable. With a step asked for they are steps from the beginning
 * Limits   STORE_SERIES_MAX series, and STEPS_CELLS_MAX points in all; series beyond are left out and that is said
 * Owner    everything lies in the caller's arena
 */
#pragma once
#include <stdbool.h>

#include "base/arena.h"
#include "collector/store/block/sketch.h"
#include "collector/store/store.h"

enum { STEPS_CELLS_MAX = 1 << 20, STEPS_SKETCHES_MAX = 1 << 17 };

struct steps_form {
    int64_t from_us; /* of the first step */
    int64_t to_us;
    int64_t step_us; /* of steps, when there are any */
    size_t points;   /* at most */
    bool even;       /* steps from the beginning */
    bool quantiles;
};

struct steps_series {
    const char *instance;
    const char *unit;
    size_t n; /* cells in use; in steps: all of them */
    size_t room;
    bool apart;                /* some cell came after a later one */
    bool sums;                 /* some cell stands for several samples */
    struct store_point *cells; /* whose mean is the sum yet; count 0: nothing in this step */
    struct sketch *sketches;   /* of each step; NULL: none wanted */
    bool *rough;               /* a step that holds minutes: what its quantiles were nobody knows any more */
};

struct steps {
    struct arena *arena; /* borrowed */
    struct steps_form form;
    bool even;
    size_t n;
    bool truncated;
    struct steps_series series[STORE_SERIES_MAX];
};

void steps_init(struct steps *steps, struct arena *arena, const struct steps_form *form);

enum steps_answer { STEPS_FULL = 1 }; /* positive: there is no room for one more series */
/* The series of this instance, a new one if need be; texts are copied. -ENOMEM. */
int steps_series(struct steps *steps, const char *instance, const char *unit, struct steps_series **ret);

/* Adds samples at_us..., within the range. NaN is none. Fastest when they come by time. -ENOMEM. */
int steps_add(struct steps *steps, struct steps_series *series, size_t n, const int64_t *at_us, const double *values);
/* Adds what is known of several samples: their sum stands in `mean`. -ENOMEM. */
int steps_add_point(struct steps *steps, struct steps_series *series, const struct store_point *point);

/* Series by instance, points by time. -ENOMEM. */
int steps_result(struct steps *steps, struct store_result *ret);
