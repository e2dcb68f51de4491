#include "warroom/report/chart.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "proto/metric/metric.h"

enum { LEFT = 58, RIGHT = 10, TOP = 12, BOTTOM = 20, ROWS = 4, DAY_LABELS_MAX = 9 };
static const double small = 7.5;

struct frame { /* where values lie on the paper */
    cairo_t *cairo;
    const struct chart *chart;
    double x, y, width, height;
    int64_t from_us, to_us;
    double top; /* value at the upper edge; the lower is 0 */
};

/* ---- what there is to show ---- */

static void widen(const struct chart_steps *steps, int64_t *from_us, int64_t *to_us)
{
    int64_t end_us = steps->from_us + (int64_t)steps->n * steps->step_us;
    if (steps->n == 0)
        return;
    *from_us = *from_us < steps->from_us ? *from_us : steps->from_us;
    *to_us = *to_us > end_us ? *to_us : end_us;
}

static double highest(const double *values, size_t n)
{
    double most = 0;
    for (size_t i = 0; values && i < n; i++)
        most = values[i] > most ? values[i] : most; /* NaN is never more */
    return most;
}

/* 1, 2 or 5 times a power of ten, not below: rows of the grid have round numbers. */
static double round_up(double value)
{
    double unit = pow(10, floor(log10(value)));
    double times = value / unit;
    return unit * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 2.5 ? 2.5 : times <= 5 ? 5 : 10);
}

static double top_of(const struct chart *chart)
{
    double most = fmax(highest(chart->seen.value, chart->seen.n), highest(chart->ahead.value, chart->ahead.n));
    most = fmax(most, highest(chart->ahead.high, chart->ahead.n));
    most = fmax(most, isfinite(chart->target) ? chart->target : 0);
    if (isfinite(chart->limit) && chart->limit < 2 * most) /* one far above would press all else to the floor */
        most = fmax(most, chart->limit);
    return most > 0 ? ROWS * round_up(most / ROWS) : 1;
}

static double x_at(const struct frame *f, int64_t at_us)
{
    return f->x + f->width * (double)(at_us - f->from_us) / (double)(f->to_us - f->from_us);
}

static double y_at(const struct frame *f, double value)
{
    return f->y + f->height * (1 - fmin(fmax(value, 0), f->top) / f->top);
}

/* ---- the paper ---- */

static void line_across(const struct frame *f, double y, enum ink ink, double width)
{
    ink_use(f->cairo, ink);
    cairo_set_line_width(f->cairo, width);
    cairo_move_to(f->cairo, f->x, y);
    cairo_line_to(f->cairo, f->x + f->width, y);
    cairo_stroke(f->cairo);
}

static void draw_rows(const struct frame *f)
{
    const struct ink_style style = { .size = small, .ink = INK_FAINT, .align = INK_RIGHT };
    char text[METRIC_QUANTITY_TEXT];
    for (int i = 0; i <= ROWS; i++) {
        double value = f->top * i / ROWS;
        line_across(f, y_at(f, value), INK_RULE, 0.5);
        metric_quantity_text(text, value, f->chart->unit);
        ink_text(f->cairo, &style, f->x - 4, y_at(f, value) - small * 0.7, text);
    }
}

static void draw_days(const struct frame *f)
{
    const struct ink_style style = { .size = small, .ink = INK_FAINT, .align = INK_CENTRE };
    const int64_t day_us = 86400 * US_PER_S;
    int64_t offset_us = f->chart->offset_s * US_PER_S;
    int64_t days = (f->to_us - f->from_us) / day_us + 1;
    int64_t each_us = day_us * (1 + days / DAY_LABELS_MAX);
    int64_t at_us = (f->from_us + offset_us + day_us - 1) / day_us * day_us - offset_us;
    for (; at_us <= f->to_us; at_us += each_us) {
        time_t local = (time_t)((at_us + offset_us) / US_PER_S);
        struct tm tm;
        char text[16];
        strftime(text, sizeof text, "%m-%d", gmtime_r(&local, &tm));
        ink_text(f->cairo, &style, x_at(f, at_us), f->y + f->height + 4, text);
    }
}

/* ---- what was seen and is foreseen ---- */

static void draw_band(const struct frame *f, const struct chart_steps *steps)
{
    if (!steps->low || !steps->high)
        return;
    for (size_t i = 0; i < steps->n; i++) {
        double from = x_at(f, steps->from_us + (int64_t)i * steps->step_us);
        double to = x_at(f, steps->from_us + (int64_t)(i + 1) * steps->step_us);
        if (!isfinite(steps->low[i]) || !isfinite(steps->high[i]))
            continue;
        double top = y_at(f, steps->high[i]);
        cairo_rectangle(f->cairo, from, top, to - from + 0.2, y_at(f, steps->low[i]) - top);
    }
    ink_use(f->cairo, INK_BAND);
    cairo_fill(f->cairo);
}

static void draw_line(const struct frame *f, const struct chart_steps *steps, double width)
{
    bool on = false;
    for (size_t i = 0; i < steps->n; i++) {
        double x = x_at(f, steps->from_us + (int64_t)i * steps->step_us + steps->step_us / 2);
        if (!isfinite(steps->value[i])) {
            on = false;
            continue;
        }
        if (on)
            cairo_line_to(f->cairo, x, y_at(f, steps->value[i]));
        else
            cairo_move_to(f->cairo, x, y_at(f, steps->value[i]));
        on = true;
    }
    ink_use(f->cairo, INK_LINE);
    cairo_set_line_width(f->cairo, width);
    cairo_stroke(f->cairo);
}

static void mark_peak(const struct frame *f, const struct chart_steps *steps)
{
    size_t peak = steps->n;
    for (size_t i = 0; i < steps->n; i++)
        if (isfinite(steps->value[i]) && (peak == steps->n || steps->value[i] > steps->value[peak]))
            peak = i;
    if (peak == steps->n)
        return;
    double x = x_at(f, steps->from_us + (int64_t)peak * steps->step_us + steps->step_us / 2);
    ink_use(f->cairo, INK_TEXT);
    cairo_arc(f->cairo, x, y_at(f, steps->value[peak]), 2, 0, 2 * M_PI);
    cairo_fill(f->cairo);
}

static void draw_bound(const struct frame *f, double value, const char *label, enum ink ink)
{
    const struct ink_style style = { .size = small, .ink = ink };
    if (!isfinite(value) || value > f->top)
        return;
    line_across(f, y_at(f, value), ink, 0.9);
    ink_text(f->cairo, &style, f->x + 3, y_at(f, value) - small * 1.4, label);
}

void chart_draw(cairo_t *cairo, const struct chart *chart, double x, double y, double width, double height)
{
    struct frame f = { .cairo = cairo,
                       .chart = chart,
                       .x = x + LEFT,
                       .y = y + TOP,
                       .width = width - LEFT - RIGHT,
                       .height = height - TOP - BOTTOM,
                       .from_us = INT64_MAX,
                       .to_us = INT64_MIN,
                       .top = top_of(chart) };
    widen(&chart->seen, &f.from_us, &f.to_us);
    widen(&chart->ahead, &f.from_us, &f.to_us);
    if (f.from_us >= f.to_us)
        return;
    draw_rows(&f);
    draw_days(&f);
    draw_band(&f, &chart->ahead);
    draw_line(&f, &chart->seen, 0.8);
    draw_line(&f, &chart->ahead, 1.2);
    mark_peak(&f, &chart->seen);
    draw_bound(&f, chart->target, chart->target_label, INK_WARN);
    draw_bound(&f, chart->limit, chart->limit_label, INK_BAD);
}
