/* collector/capacity/baseline.h - what is usual at each hour of the week. Pure.
 *
 * Shape    fit once over even steps, ask for any time. An hour's quantiles are those of its own values where it has
 *          BASELINE_WEEKS weeks of them, else those of the same hour of all days, else those of all hours: the
 *          narrowest that carries
 * Units    values as they are handed in; times in us since 1970
 * Threads  none of its own; any thread
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BASELINE_HOURS = 7 * 24, BASELINE_WEEKS = 3, BASELINE_DAYS = 3 };

struct baseline_cell {
    float low, mid, high; /* quantiles 0.05, 0.5, 0.95; NaN: no values at all */
    uint32_t count;       /* values of the hour of the week itself */
};

struct baseline {
    int32_t offset_s;                           /* of the zone whose hours these are, from UTC */
    struct baseline_cell cells[BASELINE_HOURS]; /* from Monday's first hour on */
};

/* Which hour of the week, 0..167 from Monday's first, it is at `at_us` where clocks are `offset_s` ahead of UTC. */
unsigned baseline_hour(int64_t at_us, int32_t offset_s);

/* Values are NaN where nothing was seen. -ENOMEM; *ret untouched then. */
int baseline_fit(const float *values, size_t n, int64_t from_us, int64_t step_us, int32_t offset_s,
                 struct baseline *ret);

/* What is usual at `at_us`; borrowed from `baseline`. */
const struct baseline_cell *baseline_at(const struct baseline *baseline, int64_t at_us);
