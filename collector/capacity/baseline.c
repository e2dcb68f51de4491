#include "collector/capacity/baseline.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "collector/capacity/robust.h"

enum { DAY_HOURS = 24, MONDAY = 4 * DAY_HOURS }; /* 1970 began on a Thursday: four days on is a Monday */
#define HOUR_US (INT64_C(3600) * US_PER_S)

struct values {
    const float *all;
    size_t n;
    int64_t from_us, step_us;
    int32_t offset_s;
};

unsigned baseline_hour(int64_t at_us, int32_t offset_s)
{
    int64_t local_us = at_us + offset_s * US_PER_S;
    int64_t hour = local_us / HOUR_US - (local_us % HOUR_US < 0);
    int64_t of_week = (hour - MONDAY) % BASELINE_HOURS;
    return (unsigned)(of_week < 0 ? of_week + BASELINE_HOURS : of_week);
}

/* Puts the values of the hours that are `hour` modulo `period` into `ret`. *ret_spells: in so many separate hours. */
static size_t gather(const struct values *v, unsigned hour, unsigned period, double *ret, unsigned *ret_spells)
{
    size_t n = 0;
    bool within = false;
    *ret_spells = 0;
    for (size_t i = 0; i < v->n; i++) {
        bool is_it = baseline_hour(v->from_us + (int64_t)i * v->step_us, v->offset_s) % period == hour;
        if (is_it && !isnan(v->all[i])) {
            ret[n++] = v->all[i];
            *ret_spells += !within;
            within = true;
        } else if (!is_it) {
            within = false;
        }
    }
    return n;
}

static struct baseline_cell cell_of(double *values, size_t n)
{
    robust_sort(values, n);
    return (struct baseline_cell){ (float)robust_quantile(values, n, 0.05), (float)robust_quantile(values, n, 0.5),
                                   (float)robust_quantile(values, n, 0.95), (uint32_t)n };
}

int baseline_fit(const float *values, size_t n, int64_t from_us, int64_t step_us, int32_t offset_s,
                 struct baseline *ret)
{
    assert(step_us > 0);
    AUTO(auto_free) double *room = calloc(n + 1, sizeof(*room));
    if (!room)
        return -ENOMEM;
    struct values v = { values, n, from_us, step_us, offset_s };
    unsigned spells;
    struct baseline_cell any = cell_of(room, gather(&v, 0, 1, room, &spells));
    struct baseline_cell of_day[DAY_HOURS];
    for (unsigned h = 0; h < DAY_HOURS; h++) {
        size_t held = gather(&v, h, DAY_HOURS, room, &spells);
        of_day[h] = spells >= BASELINE_DAYS ? cell_of(room, held) : any;
    }
    ret->offset_s = offset_s;
    for (unsigned h = 0; h < BASELINE_HOURS; h++) {
        size_t held = gather(&v, h, BASELINE_HOURS, room, &spells);
        ret->cells[h] = spells >= BASELINE_WEEKS ? cell_of(room, held) : of_day[h % DAY_HOURS];
        ret->cells[h].count = (uint32_t)held;
    }
    return 0;
}

const struct baseline_cell *baseline_at(const struct baseline *baseline, int64_t at_us)
{
    return &baseline->cells[baseline_hour(at_us, baseline->offset_s)];
}
