/* collector/capacity/robust.h - small statistics that a few wild values do not move. Pure.
 *
 * Source   t quantile: Abramowitz & Stegun 26.7.5 (three terms), exact for 1 and 2 degrees of freedom; normal quantile:
 *          26.2.23 and one step of Newton's, good to 1e-6
 * Threads  none of its own; any thread
 */
#pragma once
#include <stddef.h>

/* Puts `values` into ascending order. None is NaN. */
void robust_sort(double *values, size_t n);

/* The `share` quantile (0..1) of values in ascending order, between the two nearest; NaN of none. */
double robust_quantile(const double *sorted, size_t n, double share);

/* The middle value; `values` are put into order. NaN of none. */
double robust_median(double *values, size_t n);

double robust_normal_quantile(double share); /* 0 < share < 1 */

/* Of Student's t with `freedom` degrees of freedom; infinite below 1. */
double robust_t_quantile(double share, double freedom);
