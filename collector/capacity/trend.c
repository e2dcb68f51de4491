#include "collector/capacity/trend.h"

#include <math.h>

#include "collector/capacity/robust.h"

struct points {
    size_t n;
    double at[TREND_POINTS_MAX], value[TREND_POINTS_MAX];
};

static struct points put_together(const double *at, const double *value, size_t n)
{
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        known += !isnan(value[i]);
    size_t each = (known + TREND_POINTS_MAX - 1) / TREND_POINTS_MAX;
    struct points points = { 0 };
    size_t held = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(value[i]))
            continue;
        points.at[points.n] += at[i];
        points.value[points.n] += value[i];
        if (++held < each)
            continue;
        points.at[points.n] /= (double)held;
        points.value[points.n++] /= (double)held;
        held = 0;
    }
    if (held > 0) {
        points.at[points.n] /= (double)held;
        points.value[points.n++] /= (double)held;
    }
    return points;
}

/* NaN: all of one time. */
static double median_slope(const struct points *p)
{
    double slopes[TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2];
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = i + 1; j < p->n; j++)
            if (p->at[j] != p->at[i])
                slopes[n++] = (p->value[j] - p->value[i]) / (p->at[j] - p->at[i]);
    return robust_median(slopes, n);
}

bool trend_fit(const double *at, const double *value, size_t n, struct trend *ret)
{
    struct points p = put_together(at, value, n);
    if (p.n < TREND_POINTS_MIN)
        return false;
    struct trend trend = { .n = p.n, .slope = median_slope(&p) };
    if (isnan(trend.slope))
        return false;
    for (size_t i = 0; i < p.n; i++)
        trend.middle += p.at[i] / (double)p.n;
    double rest[TREND_POINTS_MAX];
    for (size_t i = 0; i < p.n; i++) {
        rest[i] = p.value[i] - trend.slope * (p.at[i] - trend.middle);
        trend.across += (p.at[i] - trend.middle) * (p.at[i] - trend.middle);
    }
    trend.level = robust_median(rest, p.n);
    double squares = 0;
    for (size_t i = 0; i < p.n; i++)
        squares += (rest[i] - trend.level) * (rest[i] - trend.level);
    trend.spread = sqrt(squares / (double)(p.n - 2));
    *ret = trend;
    return true;
}

struct trend_ahead trend_ahead(const struct trend *trend, double at, double confidence)
{
    double away = at - trend->middle;
    double mid = trend->level + trend->slope * away;
    double t = robust_t_quantile(0.5 + confidence / 2, (double)trend->n - 2);
    double half = t * trend->spread * sqrt(1 + 1 / (double)trend->n + away * away / trend->across);
    return (struct trend_ahead){ mid, mid - half, mid + half };
}

bool trend_is_sure(const struct trend *trend, double confidence)
{
    double t = robust_t_quantile(0.5 + confidence / 2, (double)trend->n - 2);
    return fabs(trend->slope) > t * trend->spread / sqrt(trend->across);
}

double trend_reaches(const struct trend *trend, double from, double limit)
{
    double now = trend->level + trend->slope * (from - trend->middle);
    if (now >= limit)
        return from;
    return trend->slope > 0 ? from + (limit - now) / trend->slope : INFINITY;
}
