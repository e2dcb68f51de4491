/* warroom/report/chart.h - what came and what is foreseen, over time: the one drawing all reports share.
 *
 * Shape    a row of even steps that were seen, and behind it one that is foreseen with its band; lines across for a
 *          limit and a target; the highest step marked. NaN: nothing there
 * Units    times in us since 1970, shown `offset_s` from UTC; values in the unit the labels are made of
 * Drawing  onto any Cairo surface, in points; text by Pango, so Latin and Chinese alike
 */
#pragma once
#include <cairo.h>
#include <stddef.h>
#include <stdint.h>

#include "warroom/report/ink.h"

enum { CHART_STEPS_MAX = 100 * 1000, CHART_LABEL_MAX = 31 };

struct chart_steps {
    int64_t from_us;
    int64_t step_us;
    size_t n;
    const double *low, *value, *high; /* n of each; low and high NULL: no band */
};

struct chart {
    struct chart_steps seen, ahead; /* n 0: none */
    double limit, target;           /* NaN: none */
    char limit_label[CHART_LABEL_MAX + 1], target_label[CHART_LABEL_MAX + 1];
    char unit[CHART_LABEL_MAX + 1]; /* of the catalogue */
    int32_t offset_s;
};

/* Within the box, all of it. */
void chart_draw(cairo_t *cairo, const struct chart *chart, double x, double y, double width, double height);
