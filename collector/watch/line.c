#include "collector/watch/line.h"

#include <math.h>

#include "collector/capacity/robust.h"

#define ALIKE_MAX 0.9 /* neighbours are never taken for more alike: a twentieth of the points counts then */
#define FREE_MIN  3.0 /* degrees of freedom, however few points count */

struct fit {
    double middle_s, level, slope; /* level + slope (t - middle) */
    double spread;                 /* sum of (t - middle)^2 */
    double noise;                  /* variance of what the line leaves */
    double alike;                  /* correlation of neighbouring residuals, 0..ALIKE_MAX */
};

bool line_add(struct line *line, double at_s, double value)
{
    if (line->n == LINE_POINTS_MAX)
        return false;
    line->at_s[line->n] = at_s;
    line->value[line->n++] = value;
    return true;
}

static double mean(const double *values, unsigned n)
{
    double sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += values[i];
    return sum / n;
}

static double left_over(const struct line *line, const struct fit *fit, unsigned i)
{
    return line->value[i] - fit->level - fit->slope * (line->at_s[i] - fit->middle_s);
}

static void look_at_rest(const struct line *line, struct fit *fit)
{
    double squares = 0;
    double products = 0;
    double before = 0;
    for (unsigned i = 0; i < line->n; i++) {
        double rest = left_over(line, fit, i);
        squares += rest * rest;
        products += rest * before;
        before = rest;
    }
    fit->noise = squares / (line->n - 2);
    fit->alike = squares > 0 ? fmin(fmax(products / squares, 0), ALIKE_MAX) : 0;
}

static bool fit_line(const struct line *line, struct fit *ret)
{
    struct fit fit = { .middle_s = mean(line->at_s, line->n), .level = mean(line->value, line->n) };
    double products = 0;
    for (unsigned i = 0; i < line->n; i++) {
        double from_middle_s = line->at_s[i] - fit.middle_s;
        fit.spread += from_middle_s * from_middle_s;
        products += from_middle_s * (line->value[i] - fit.level);
    }
    if (!(fit.spread > 0))
        return false;
    fit.slope = products / fit.spread;
    look_at_rest(line, &fit);
    *ret = fit;
    return true;
}

bool line_forecast(const struct line *line, double at_s, struct forecast *ret)
{
    struct fit fit;
    if (line->n < LINE_POINTS_MIN || !fit_line(line, &fit))
        return false;
    double times = (1 + fit.alike) / (1 - fit.alike); /* so many points count as one */
    double ahead_s = at_s - fit.middle_s;
    double variance = fit.noise * (1 + times * (1.0 / line->n + ahead_s * ahead_s / fit.spread));
    double half = robust_t_quantile(0.95, fmax(line->n / times - 2, FREE_MIN)) * sqrt(variance);
    double value = fit.level + fit.slope * ahead_s;
    *ret = (struct forecast){ .value = value, .low = value - half, .high = value + half };
    return true;
}
