#include "collector/watch/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/moment.h"
#include "collector/watch/form.h"
#include "collector/watch/parts.h"
#include "proto/metric/metric.h"

#define WINDOW_STATES (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))
#define NORMAL_STATES (IN_FORCE_ALWAYS & ~WINDOW_STATES)

static const char *metric_unit(const char *key)
{
    const struct metric *metric = metric_find(key);
    return metric ? metric->unit : "";
}

char *rule_unit_text(char unit[ALERT_UNIT_MAX + 1], const struct rule *rule)
{
    rule_unit(rule, unit);
    if (unit[0] == '\0')
        snprintf(unit, ALERT_UNIT_MAX + 1, "%s", metric_unit(rule->metric));
    return unit;
}

double rule_scale(const struct rule *rule, const double limits[LIMIT_COUNT])
{
    return rule->limit < 0 || !limits ? 1 : limits[rule->limit];
}

static void quantity(char text[METRIC_QUANTITY_TEXT], const struct rule *rule, const double *limits, double value)
{
    char unit[ALERT_UNIT_MAX + 1];
    bool share = rule->limit >= 0 && (!limits || isnan(limits[rule->limit]));
    metric_quantity_text(text, share ? value : value * rule_scale(rule, limits),
                         share ? "1" : rule_unit_text(unit, rule));
}

/* "above 85 %", and of what it is a share. */
static void put_threshold(FILE *out, const struct rule *rule, const double *limits)
{
    char threshold[METRIC_QUANTITY_TEXT];
    char share[METRIC_QUANTITY_TEXT];
    quantity(threshold, rule, limits, rule->threshold);
    fprintf(out, "%s %s", rule->comparison == COMPARE_ABOVE ? "above" : "below", threshold);
    if (rule->limit < 0)
        return;
    const char *limit = rule_limit_names[rule->limit];
    if (limits && !isnan(limits[rule->limit]))
        fprintf(out, " (%s of the declared %s)", metric_quantity_text(share, rule->threshold, "1"), limit);
    else
        fprintf(out, " of the declared %s", limit);
}

static void put_fraction(FILE *out, const struct rule *rule)
{
    char least[DURATION_TEXT];
    char span[DURATION_TEXT];
    fprintf(out, ", for %s of the last %s", duration_format(least, rule->at_least_us),
            duration_format(span, rule->span_us));
    if (rule->at_most_us >= 0)
        fprintf(out, ", until no more than %s", duration_format(least, rule->at_most_us));
}

static void put_condition(FILE *out, const struct rule *rule, const double *limits)
{
    char span[DURATION_TEXT];
    char ahead[DURATION_TEXT];
    char clear[METRIC_QUANTITY_TEXT];
    if (rule->condition == CONDITION_FORECAST)
        fprintf(out, "within %s, by the last %s, ", duration_format(ahead, rule->ahead_us),
                duration_format(span, rule->span_us));
    if (rule->condition == CONDITION_RATE)
        fprintf(out, "change over %s ", duration_format(span, rule->span_us));
    if (rule->condition == CONDITION_RATIO)
        fprintf(out, "per %s%s%s%s ", rule->per, rule->per_instance[0] ? "[" : "", rule->per_instance,
                rule->per_instance[0] ? "]" : "");
    put_threshold(out, rule, limits);
    quantity(clear, rule, limits, rule->clear);
    if (rule->clear != rule->threshold)
        fprintf(out, ", ends at %s", clear);
    if (rule->condition == CONDITION_FRACTION)
        put_fraction(out, rule);
}

char *rule_words(char text[RULE_WORDS], const struct rule *rule, const double limits[LIMIT_COUNT])
{
    FILE *out = fmemopen(text, RULE_WORDS, "w");
    text[0] = '\0';
    if (!out)
        return text;
    if (rule->condition == CONDITION_ABSENCE)
        fputs("no value", out);
    else
        put_condition(out, rule, limits);
    fclose(out);
    text[RULE_WORDS - 1] = '\0';
    return text;
}

char *rule_in_force_words(char text[RULE_WORDS], const struct rule *rule)
{
    size_t len = 0;
    text[0] = '\0';
    if (rule->in_force == IN_FORCE_ALWAYS || rule->in_force == WINDOW_STATES || rule->in_force == NORMAL_STATES) {
        snprintf(text, RULE_WORDS, "%s",
                 rule->in_force == IN_FORCE_ALWAYS ? "always"
                 : rule->in_force == WINDOW_STATES ? "window"
                                                   : "normal");
        return text;
    }
    for (int i = 0; i <= EVENT_STATE_COUNT; i++)
        if (rule->in_force & 1U << i)
            len += (size_t)snprintf(text + len, RULE_WORDS - len, "%s%s", len ? " " : "",
                                    i == EVENT_STATE_COUNT ? "no-event" : event_state_name((enum event_state)i));
    return text;
}
