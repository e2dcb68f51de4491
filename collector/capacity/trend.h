/* collector/capacity/trend.h - a straight line through values over time, and where the next ones will lie. Pure.
 *
 * Shape    fit once, ask for any time. The line is Theil-Sen's: the median of the slopes between all pairs, so nearly
 *          three in ten of the values may be wild without moving it. The interval is that of one more value (not of
 *          the line): Student's t
 *          over what is left beside the line, wider the further the time lies from those fitted
 * Units    time and value as they are handed in; a slope is value per unit of time
 * Limits   more than TREND_POINTS_MAX values are first put together, neighbours by their means
 * Source   Theil 1950; Sen, JASA 63 (1968): Estimates of the regression coefficient based on Kendall's tau
 * Threads  none of its own; any thread
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { TREND_POINTS_MIN = 4, TREND_POINTS_MAX = 64 };

struct trend {
    size_t n;      /* values that it rests on, put together where they were too many */
    double middle; /* the mean of their times */
    double level;  /* of the line at `middle` */
    double slope;
    double spread; /* of one value beside the line: the root of its mean square, n - 2 degrees of freedom */
    double across; /* sum of the squared distances of the times to `middle` */
};

struct trend_ahead {
    double mid, low, high;
};

/* Values that are NaN are passed over. False, *ret untouched: fewer than TREND_POINTS_MIN are left, or all of one
 * time. */
bool trend_fit(const double *at, const double *value, size_t n, struct trend *ret);

/* What a value at time `at` will be; `confidence` (0..1, without its ends) of such lie between low and high. */
struct trend_ahead trend_ahead(const struct trend *trend, double at, double confidence);

/* Whether the slope's own interval leaves 0 out: a trend that is more than chance. */
bool trend_is_sure(const struct trend *trend, double confidence);

/* The first time from `from` on at which the line is at `limit`: `from` itself when it is past it, INFINITY: it never
 * comes there. */
double trend_reaches(const struct trend *trend, double from, double limit);
