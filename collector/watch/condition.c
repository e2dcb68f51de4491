/* What is held against a threshold where it is not the value itself. What comes of it is bad, clear, neither, or
 * nothing at all, which changes nothing; from there on judge.c goes the same way for all. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/watch/parts.h"

void rule_unit(const struct rule *rule, char ret[ALERT_UNIT_MAX + 1])
{
    const struct metric *metric = metric_find(rule->metric);
    const struct metric *per = metric_find(rule->per);
    ret[0] = '\0';
    if (metric && rule->condition == CONDITION_RATE)
        snprintf(ret, ALERT_UNIT_MAX + 1, "%s/s", metric->unit);
    if (metric && per && rule->condition == CONDITION_RATIO) {
        bool same = strcmp(metric->unit, per->unit) == 0;
        snprintf(ret, ALERT_UNIT_MAX + 1, "%s%s%s", same ? "1" : metric->unit, same ? "" : "/", same ? "" : per->unit);
    }
}

struct looking { /* at one tick */
    struct judging *j;
    struct lane *lane;
    uint32_t tick;
    int64_t at_us;
};

static double value_at(const struct looking *l, const struct pair *pair)
{
    return pair->column == COLUMN_NONE ? NAN : pair_sample(l->j->batch->columns, pair, l->tick);
}

/* False: it is no number. */
static bool see_value(const struct looking *l, const struct pair *pair, double value, struct sight *ret)
{
    *ret = (struct sight){ .at_us = l->at_us,
                           .crossed_us = l->at_us,
                           .value = value,
                           .bad = passes_threshold(pair, value),
                           .clear = reaches_clear(pair, value) };
    return isfinite(value);
}

static bool see_rate(const struct looking *l, const struct view *view, struct window *window, struct sight *ret)
{
    double value = value_at(l, &view->pair);
    double rate;
    if (isnan(value))
        return false;
    window_reach(window, gap_us(l->j->host), l->at_us);
    return window_rate(window, l->at_us, value, &rate) && see_value(l, &view->pair, rate, ret);
}

/* Bad when even the near end of the interval is beyond the threshold: nobody is called for what may well not come.
 * Clear when the line itself stays on the good side. */
static bool see_forecast(const struct looking *l, const struct view *view, struct window *window, struct sight *ret)
{
    const struct rule *rule = &l->j->watch->set.rules[view->pair.rule];
    double value = value_at(l, &view->pair);
    struct forecast forecast;
    if (isnan(value))
        return false;
    window_reach(window, gap_us(l->j->host), l->at_us);
    if (!window_forecast(window, l->at_us, value, rule->ahead_us, &forecast) ||
        !see_value(l, &view->pair, forecast.value, ret))
        return false;
    ret->bad = passes_threshold(&view->pair, view->pair.below ? forecast.high : forecast.low);
    return true;
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Bad when what is known to be bad is enough, clear when what is not known to be good is little enough: what nobody
 * knows counts for neither. To the nearest sample, for ticks are never ten seconds apart to the microsecond. */
static bool see_fraction(const struct looking *l, const struct view *view, struct window *window, bool begun,
                         struct sight *ret)
{
    const struct rule *rule = &l->j->watch->set.rules[view->pair.rule];
    double value = value_at(l, &view->pair);
    if (!see_value(l, &view->pair, value, ret))
        return false;
    window_reach(window, gap_us(l->j->host), l->at_us);
    struct share share = window_share(window, l->at_us, window->bad ? !ret->clear : ret->bad);
    int64_t half_us = least_of(share.half_us, rule->at_least_us / 2);
    int64_t rest_us = rule->span_us - share.good_us;
    ret->bad = share.bad_us > 0 && share.bad_us + half_us >= rule->at_least_us;
    ret->clear = rule->at_most_us < 0 ? rest_us + half_us < rule->at_least_us : rest_us - half_us <= rule->at_most_us;
    if (ret->bad && !begun)
        ret->crossed_us = window_bad_since(window);
    window->spoke = window->spoke || ret->bad || ret->clear;
    return true;
}

static bool see_ratio(const struct looking *l, const struct view *view, struct sight *ret)
{
    double per = value_at(l, &view->per);
    return per != 0 && see_value(l, &view->pair, value_at(l, &view->pair) / per, ret);
}

static bool see_absence(const struct looking *l, const struct view *view, struct sight *ret)
{
    double value = value_at(l, &view->pair);
    if (view->expected && l->at_us < view->expected->since_us) /* late ticks of before it came */
        return false;
    *ret = (struct sight){
        .at_us = l->at_us, .crossed_us = l->at_us, .value = value, .bad = isnan(value), .clear = !isnan(value)
    };
    return true;
}

/* `begun`: there is a spell of it. */
static bool see(const struct looking *l, const struct view *view, struct window *window, bool begun, struct sight *ret)
{
    switch (view->condition) {
    case CONDITION_RATE:
        return window && see_rate(l, view, window, ret);
    case CONDITION_FRACTION:
        return window && see_fraction(l, view, window, begun, ret);
    case CONDITION_FORECAST:
        return window && see_forecast(l, view, window, ret);
    case CONDITION_RATIO:
        return see_ratio(l, view, ret);
    default:
        return see_absence(l, view, ret);
    }
}

void lane_judge_views(struct judging *j, struct lane *lane, uint32_t tick, int64_t at_us)
{
    const struct binding *binding = lane->binding;
    const struct looking l = { .j = j, .lane = lane, .tick = tick, .at_us = at_us };
    for (uint32_t i = 0; i < binding->n_views; i++) {
        struct window *window = lane->memory[i];
        uint32_t slot = binding->n + i;
        struct sight sight;
        bool begun = lane->slots[slot] != NULL;
        if (!see(&l, &binding->views[i], window, begun, &sight) || (!begun && !sight.bad))
            continue;
        slot_judge(j, lane, (int)slot, &sight);
        if (window && begun && !lane->slots[slot])
            window->ended_us = at_us;
    }
}
