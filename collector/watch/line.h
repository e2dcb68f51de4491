/* collector/watch/line.h - where a straight line through points leads to, and how sure that is. Pure.
 *
 * Shape    points are added in the order of their time, LINE_POINTS_MAX at most, then a moment ahead is asked for
 * Units    times in seconds on any scale whose 0 is now; values in any
 * Model    value = a + b t + noise, by least squares. The interval is that of a new observation (Student's t), nine of
 *          ten lie within. Readings of a machine that follow each other are alike, so points are fewer than they look:
 *          by the correlation r of neighbouring residuals, n (1 - r) / (1 + r) of them count (Bartlett 1946)
 */
#pragma once
#include <stdbool.h>

enum { LINE_POINTS_MIN = 8, LINE_POINTS_MAX = 96 };

struct line { /* zeros: no point yet */
    unsigned n;
    double at_s[LINE_POINTS_MAX];
    double value[LINE_POINTS_MAX];
};

struct forecast {
    double value, low, high;
};

/* False: there is no room for it. */
bool line_add(struct line *line, double at_s, double value);

/* False: fewer than LINE_POINTS_MIN points, or all at one time. */
bool line_forecast(const struct line *line, double at_s, struct forecast *ret);
