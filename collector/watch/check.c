/* What the values of a rule cannot show one by one: those that do not go together. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/watch/form.h"

/* What a rule with such a key is; a rule is one thing. */
static const char *const condition_keys[CONDITION_COUNT] = {
    [CONDITION_RATE] = "over",      [CONDITION_FRACTION] = "of",     [CONDITION_RATIO] = "per",
    [CONDITION_ABSENCE] = "absent", [CONDITION_FORECAST] = "within",
};

static const char *const limit_units[LIMIT_COUNT] = {
    [LIMIT_EGRESS] = "By/s",
    [LIMIT_INGRESS] = "By/s",
    [LIMIT_CONNECTIONS] = "{connection}",
    [LIMIT_NEW_CONNECTIONS] = "{connection}/s",
    [LIMIT_DISK_READ] = "By/s",
    [LIMIT_DISK_WRITE] = "By/s",
};

#define FAULT(c, item, ...) config_fault((c)->faults, (item)->file, (item)->line, __VA_ARGS__)

bool rule_name_is_good(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    return name[strspn(name, allowed)] == '\0';
}

static void tell_twice(const struct check *c, const struct item *item, const struct item *other)
{
    if (other->file == item->file)
        FAULT(c, item, "rule %s stands in line %d already", item->name, other->line);
    else
        FAULT(c, item, "rule %s stands in %s:%d already", item->name, other->file, other->line);
}

static void check_name(const struct check *c, const struct item *item)
{
    if (!rule_name_is_good(item->name))
        FAULT(c, item, "rule name \"%s\", want letters, digits, dots, dashes, underscores", item->name);
    if (watch_keeps_name(item->name))
        FAULT(c, item, "the name %s is kept for the collector's own rule", item->name);
    for (const struct item *other = c->items; other < item; other++) {
        if (strcmp(other->name, item->name) == 0) {
            tell_twice(c, item, other);
            return;
        }
    }
}

static bool has(const struct item *item, enum condition condition)
{
    switch (condition) {
    case CONDITION_RATE:
        return item->over_us != GIVEN_NOT && item->within_us == GIVEN_NOT;
    case CONDITION_FRACTION:
        return item->of_us != GIVEN_NOT || item->at_least_us != GIVEN_NOT || item->at_most_us != GIVEN_NOT;
    case CONDITION_RATIO:
        return item->per || item->per_instance;
    case CONDITION_ABSENCE:
        return item->absent;
    case CONDITION_FORECAST:
        return item->within_us != GIVEN_NOT;
    default:
        return false;
    }
}

enum condition rule_condition(const struct item *item)
{
    for (int i = CONDITION_LEVEL + 1; i < CONDITION_COUNT; i++)
        if (has(item, (enum condition)i))
            return (enum condition)i;
    return CONDITION_LEVEL;
}

bool rule_pages(const struct item *item)
{
    return item->page == PAGE_BY_SEVERITY ? item->severity == SEVERITY_CRITICAL : item->page == PAGE_YES;
}

static void check_fraction(const struct check *c, const struct item *item)
{
    if (item->of_us == GIVEN_NOT || item->at_least_us == GIVEN_NOT) {
        FAULT(c, item, "rule %s wants both `of` and `at_least`: bad for at least so long of the last so long",
              item->name);
        return;
    }
    if (item->at_least_us > item->of_us)
        FAULT(c, item, "rule %s: `at_least` is longer than `of`, want a part of it", item->name);
    if (item->at_most_us >= item->at_least_us)
        FAULT(c, item, "rule %s: `at_most` ends what `at_least` begins, want it shorter", item->name);
    if (item->hold_us > 0)
        FAULT(c, item, "rule %s: `at_least` is its hold, leave `hold` out", item->name);
    if (rule_pages(item) && item->of_us > RULE_PAGE_HOLD_MAX_US)
        FAULT(c, item, "rule %s pages, so `of` may be 300s at most: people must hear of it within ten minutes",
              item->name);
}

static void check_forecast(const struct check *c, const struct item *item)
{
    if (item->over_us == GIVEN_NOT) {
        FAULT(c, item, "rule %s: `within` wants `over`: how much of the past the forecast is drawn from", item->name);
        return;
    }
    if (item->over_us < RULE_PAST_MIN_US)
        FAULT(c, item, "rule %s: `over` is too short for a forecast, want 5m at least", item->name);
    if (item->within_us > RULE_AHEAD_TIMES * item->over_us)
        FAULT(c, item, "rule %s: `within` looks ahead more than %d times as far as `over` looks back", item->name,
              RULE_AHEAD_TIMES);
}

static void check_ratio(const struct check *c, const struct item *item, const struct metric *metric)
{
    if (!item->per) {
        FAULT(c, item, "rule %s: `per_instance` is of `per`, which is missing", item->name);
        return;
    }
    const struct metric *per = metric_find(item->per);
    if (!per) {
        FAULT(c, item, "rule %s: there is no metric %s; docs/metrics.md lists them", item->name, item->per);
        return;
    }
    if (item->per_instance && !per->instance_label)
        FAULT(c, item, "rule %s: %s is one series a host, leave `per_instance` out", item->name, item->per);
    if (!item->per_instance && per->instance_label && !metric->instance_label)
        FAULT(c, item, "rule %s: %s has a series for each %s, want `per_instance` to say which", item->name, item->per,
              per->instance_label);
}

/* Its threshold is one of the metric's own values. */
static bool is_of_value(enum condition condition)
{
    return condition == CONDITION_LEVEL || condition == CONDITION_FRACTION || condition == CONDITION_FORECAST;
}

static const char *key_of(enum condition condition)
{
    return condition > CONDITION_LEVEL && condition < CONDITION_COUNT ? condition_keys[condition] : "above";
}

static void check_conditions(const struct check *c, const struct item *item)
{
    enum condition first = rule_condition(item);
    for (int i = (int)first + 1; i < CONDITION_COUNT; i++)
        if (first != CONDITION_LEVEL && has(item, (enum condition)i))
            FAULT(c, item, "rule %s: `%s` and `%s` are two conditions, want one a rule", item->name, key_of(first),
                  key_of((enum condition)i));
    if (first == CONDITION_FRACTION)
        check_fraction(c, item);
    if (first == CONDITION_FORECAST)
        check_forecast(c, item);
    if (item->limit >= 0 && !is_of_value(first))
        FAULT(c, item, "rule %s: `limit` is a share of a value, it does not go with `%s`", item->name, key_of(first));
}

static void check_thresholds(const struct check *c, const struct item *item)
{
    if (item->absent) {
        if (!isnan(item->above) || !isnan(item->below) || !isnan(item->clear))
            FAULT(c, item, "rule %s: what is absent has no value, leave `above`, `below`, `clear` out", item->name);
        return;
    }
    if (isnan(item->above) == isnan(item->below)) {
        FAULT(c, item, "rule %s wants either `above` or `below`", item->name);
        return;
    }
    if (!isnan(item->above) && item->clear > item->above)
        FAULT(c, item, "rule %s: `clear` %g lies beyond `above` %g, want it there or below", item->name, item->clear,
              item->above);
    if (!isnan(item->below) && item->clear < item->below)
        FAULT(c, item, "rule %s: `clear` %g lies beyond `below` %g, want it there or above", item->name, item->clear,
              item->below);
}

static void check_limit(const struct check *c, const struct item *item, const struct metric *metric, double threshold)
{
    if (strcmp(limit_units[item->limit], metric->unit) != 0)
        FAULT(c, item, "rule %s: limit %s is in %s, but %s in %s", item->name, rule_limit_names[item->limit],
              limit_units[item->limit], metric->key, metric->unit);
    if (!(threshold > 0 && threshold <= 1))
        FAULT(c, item, "rule %s: %g is no share of a limit, want above 0, at most 1", item->name, threshold);
}

static void check_metric(const struct check *c, const struct item *item)
{
    const struct metric *metric = metric_find(item->metric);
    double threshold = isnan(item->above) ? item->below : item->above;
    if (!metric) {
        FAULT(c, item, "rule %s: there is no metric %s; docs/metrics.md lists them", item->name, item->metric);
        return;
    }
    if (!metric->instance_label && strcmp(item->instance, "*") != 0)
        FAULT(c, item, "rule %s: %s is one series a host, leave `instance` out", item->name, item->metric);
    enum condition condition = rule_condition(item);
    bool of_value = is_of_value(condition);
    if (condition == CONDITION_RATIO)
        check_ratio(c, item, metric);
    else if (item->limit >= 0)
        check_limit(c, item, metric, threshold);
    else if (of_value && strcmp(metric->unit, "1") == 0 && (threshold < 0 || threshold > 1))
        FAULT(c, item, "rule %s: %s runs from 0 to 1, not to %g: 90 %% is 0.9", item->name, item->metric, threshold);
}

static void check_rest(const struct check *c, const struct item *item)
{
    if (item->in_force == 0)
        FAULT(c, item, "rule %s is never in force: `in_force` is empty", item->name);
    if (rule_pages(item) && item->hold_us > RULE_PAGE_HOLD_MAX_US)
        FAULT(c, item, "rule %s pages, so it may hold for 300s at most: people must hear of it within ten minutes",
              item->name);
    for (const char *at = item->summary; (at = strchr(at, '{')); at++)
        if (strncmp(at, "{threshold}", strlen("{threshold}")) != 0)
            FAULT(c, item, "rule %s: `summary` knows {threshold}, nothing else in braces", item->name);
    for (size_t i = 0; i < item->depends_on.n; i++)
        if (strlen(item->depends_on.at[i]) > RULE_NAME_MAX)
            FAULT(c, item, "rule %s depends on %s, and no rule has so long a name", item->name, item->depends_on.at[i]);
    if (item->absent && strchr(item->summary, '{'))
        FAULT(c, item, "rule %s: what is absent has no threshold, leave it out of `summary`", item->name);
}

void check_values(const struct check *c, const struct item *item)
{
    check_conditions(c, item);
    check_thresholds(c, item);
    check_metric(c, item);
    check_rest(c, item);
}

void check_item(const struct check *c, const struct item *item)
{
    check_name(c, item);
    check_values(c, item);
}
