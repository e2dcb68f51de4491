#include "collector/capacity/robust.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

enum { SHORT = 32 }; /* up to here insertion is faster than qsort's calls */

void robust_sort(double *values, size_t n)
{
    if (n > SHORT) {
        qsort(values, n, sizeof(*values), compare);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        double value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

double robust_quantile(const double *sorted, size_t n, double share)
{
    if (n == 0)
        return NAN;
    double at = share * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n)
        return sorted[n - 1];
    double part = at - (double)below;
    return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

double robust_median(double *values, size_t n)
{
    robust_sort(values, n);
    return robust_quantile(values, n, 0.5);
}

double robust_normal_quantile(double share)
{
    assert(share > 0 && share < 1);
    double tail = share < 0.5 ? share : 1 - share;
    double t = sqrt(-2 * log(tail));
    double z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    double density = exp(-z * z / 2) / sqrt(2 * M_PI);
    z += (erfc(z / M_SQRT2) / 2 - tail) / density;
    return share < 0.5 ? -z : z;
}

double robust_t_quantile(double share, double freedom)
{
    if (freedom < 1)
        return share < 0.5 ? -INFINITY : INFINITY;
    if (freedom < 2)
        return tan(M_PI * (share - 0.5));
    if (freedom < 3) {
        double a = 2 * share - 1;
        return a * sqrt(2 / (1 - a * a));
    }
    double z = robust_normal_quantile(share);
    double z2 = z * z;
    double first = z * (z2 + 1) / 4;
    double second = z * (3 + z2 * (16 + z2 * 5)) / 96;
    double third = z * (-15 + z2 * (17 + z2 * (19 + z2 * 3))) / 384;
    return z + (first + (second + third / freedom) / freedom) / freedom;
}
