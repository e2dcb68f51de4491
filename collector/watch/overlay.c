#include "collector/watch/overlay.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/event/scope.h"
#include "collector/watch/form.h"

/* ---- one over another ---- */

static struct tuning tuning_of(const struct rule *rule)
{
    struct tuning tuning = { .threshold = rule->threshold,
                             .clear = rule->clear,
                             .hold_us = rule->hold_us,
                             .severity = rule->severity,
                             .page = rule->page };
    snprintf(tuning.rule, sizeof tuning.rule, "%s", rule->name);
    return tuning;
}

static void lay(struct tuning *tuning, const struct rule *rule, const struct overlay *over)
{
    double given = isnan(over->above) ? over->below : over->above;
    double threshold = isnan(given) ? rule->threshold : given;
    if (!isnan(given) || !isnan(over->clear)) {
        tuning->threshold = threshold;
        tuning->clear = !isnan(over->clear) ? over->clear : rule->clear == rule->threshold ? threshold : rule->clear;
    }
    if (over->hold_us != OVERLAY_GIVEN_NOT)
        tuning->hold_us = over->hold_us;
    if (over->severity != OVERLAY_GIVEN_NOT) {
        tuning->severity = (enum severity)over->severity;
        tuning->page = tuning->severity == SEVERITY_CRITICAL;
    }
    if (over->page != OVERLAY_GIVEN_NOT)
        tuning->page = over->page == PAGE_YES;
    tuning->off = over->off;
}

static void make_stricter(struct tuning *tuning, const struct rule *rule, const struct tuning *other)
{
    bool above = rule->comparison == COMPARE_ABOVE;
    if (other->off)
        return;
    if (tuning->off) {
        *tuning = *other;
        return;
    }
    tuning->threshold = (above ? fmin : fmax)(tuning->threshold, other->threshold);
    tuning->clear = (above ? fmin : fmax)(tuning->clear, other->clear);
    tuning->hold_us = tuning->hold_us < other->hold_us ? tuning->hold_us : other->hold_us;
    tuning->severity = tuning->severity > other->severity ? tuning->severity : other->severity;
    tuning->page = tuning->page || other->page;
}

static bool same_value(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

bool tuning_is_same(const struct tuning *a, const struct tuning *b)
{
    return strcmp(a->rule, b->rule) == 0 && same_value(a->threshold, b->threshold) && same_value(a->clear, b->clear) &&
           a->hold_us == b->hold_us && a->severity == b->severity && a->page == b->page && a->off == b->off;
}

static const struct overlay *find_group(const struct overlay_where *where, const char *rule)
{
    for (size_t i = 0; where->groups && i < where->groups->n; i++) {
        const struct overlay *at = &where->groups->at[i];
        if (strcmp(at->rule, rule) == 0 && fnmatch(at->hosts, where->group, 0) == 0)
            return at;
    }
    return NULL;
}

static const struct overlay *find_event(const struct overlay_event *event, const char *host, const char *rule)
{
    for (size_t i = 0; event->overlays && i < event->overlays->n; i++) {
        const struct overlay *at = &event->overlays->at[i];
        if (strcmp(at->rule, rule) == 0 && (!at->hosts[0] || scope_names(at->hosts, host)))
            return at;
    }
    return NULL;
}

static void say(char *from, const char *what, const char *name)
{
    size_t used = from ? strlen(from) : 0;
    if (from)
        snprintf(from + used, OVERLAY_FROM_TEXT - used, "%s%s %s", used ? ", " : "", what, name);
}

bool overlay_resolve(const struct rule *rule, const struct overlay_where *where, struct tuning *ret,
                     char from[OVERLAY_FROM_TEXT])
{
    const struct tuning plain = tuning_of(rule);
    const struct overlay *group = find_group(where, rule->name);
    struct tuning base = plain;
    if (from)
        from[0] = '\0';
    if (group) {
        lay(&base, rule, group);
        say(from, "group", group->hosts);
    }
    *ret = base;
    for (size_t i = 0; i < where->n_events; i++) {
        const struct overlay *over = find_event(&where->events[i], where->host, rule->name);
        struct tuning one = base;
        if (over) {
            lay(&one, rule, over);
            say(from, "event", where->events[i].name);
        }
        if (i == 0)
            *ret = one;
        else
            make_stricter(ret, rule, &one);
    }
    if (ret->page && ret->hold_us > RULE_PAGE_HOLD_MAX_US)
        ret->hold_us = RULE_PAGE_HOLD_MAX_US;
    return !tuning_is_same(ret, &plain);
}

size_t overlay_resolve_all(const struct rule *rules, size_t n, const struct overlay_where *where, struct tuning *ret)
{
    bool any = where->groups && where->groups->n > 0;
    size_t found = 0;
    for (size_t i = 0; i < where->n_events; i++)
        any = any || where->events[i].overlays;
    for (size_t i = 0; any && i < n; i++)
        if (overlay_resolve(&rules[i], where, &ret[found], NULL))
            found++;
    return found;
}

void overlay_apply(struct rule *rule, const struct tuning *tuning)
{
    rule->threshold = tuning->threshold;
    rule->clear = tuning->clear;
    rule->hold_us = tuning->hold_us;
    rule->severity = tuning->severity;
    rule->page = tuning->page;
}

/* ---- what is wrong with one ---- */

static const struct rule *find_rule(const struct rule *rules, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

/* As a file would say the rule, so that one and the same check tells what is wrong with it. */
static struct item item_of(const struct rule *rule, const char *file, int line)
{
    bool absent = rule->condition == CONDITION_ABSENCE;
    bool fraction = rule->condition == CONDITION_FRACTION;
    bool forecast = rule->condition == CONDITION_FORECAST;
    return (struct item){ .name = rule->name,
                          .metric = rule->metric,
                          .instance = rule->instance,
                          .above = !absent && rule->comparison == COMPARE_ABOVE ? rule->threshold : NAN,
                          .below = !absent && rule->comparison == COMPARE_BELOW ? rule->threshold : NAN,
                          .clear = absent ? NAN : rule->clear,
                          .limit = rule->limit,
                          .hold_us = rule->hold_us,
                          .severity = (int)rule->severity,
                          .in_force = rule->in_force,
                          .page = rule->page ? PAGE_YES : PAGE_NO,
                          .over_us = forecast || rule->condition == CONDITION_RATE ? rule->span_us : GIVEN_NOT,
                          .within_us = forecast ? rule->ahead_us : GIVEN_NOT,
                          .of_us = fraction ? rule->span_us : GIVEN_NOT,
                          .at_least_us = fraction ? rule->at_least_us : GIVEN_NOT,
                          .at_most_us = fraction ? rule->at_most_us : GIVEN_NOT,
                          .per = rule->per[0] ? rule->per : NULL,
                          .per_instance = rule->per_instance[0] ? rule->per_instance : NULL,
                          .absent = absent,
                          .summary = rule->summary,
                          .file = file,
                          .line = line };
}

static bool says_values(const struct overlay *over)
{
    return !isnan(over->above) || !isnan(over->below) || !isnan(over->clear);
}

/* What an overlay may not say of this rule, before its values are looked at. NULL: nothing. */
static const char *misplaced(const struct overlay *over, const struct rule *rule)
{
    bool more = says_values(over) || over->hold_us != OVERLAY_GIVEN_NOT || over->severity != OVERLAY_GIVEN_NOT ||
                over->page != OVERLAY_GIVEN_NOT;
    if (over->off)
        return more ? "is off, leave all else out" : NULL;
    if (rule->condition == CONDITION_ABSENCE)
        return says_values(over) ? "is of what is absent, leave `above`, `below`, `clear` out" : NULL;
    if (rule->comparison == COMPARE_ABOVE && !isnan(over->below))
        return "says `below`, but the rule `above`";
    if (rule->comparison == COMPARE_BELOW && !isnan(over->above))
        return "says `above`, but the rule `below`";
    return NULL;
}

static void check_double(const struct overlays *overlays, size_t i, const char *name, int line,
                         struct config_faults *faults)
{
    const struct overlay *over = &overlays->at[i];
    for (size_t k = 0; k < i; k++) {
        const struct overlay *other = &overlays->at[k];
        if (strcmp(other->rule, over->rule) == 0 && strcmp(other->hosts, over->hosts) == 0) {
            config_fault(faults, name, line, "a second overlay of rule %s for %s, want one", over->rule,
                         over->hosts[0] ? over->hosts : "all hosts");
            return;
        }
    }
}

/* `plain` as the overlay makes it. */
static void check_laid(const struct overlay *over, const struct rule *plain, const char *name, int line,
                       struct config_faults *faults)
{
    struct rule rule = *plain;
    const struct tuning before = tuning_of(plain);
    struct tuning tuning = before;
    lay(&tuning, plain, over);
    if (tuning_is_same(&tuning, &before))
        config_fault(faults, name, line, "the overlay changes nothing of rule %s, want another value or `off: true`",
                     over->rule);
    overlay_apply(&rule, &tuning);
    struct item item = item_of(&rule, name, line);
    check_values(&(struct check){ .faults = faults, .items = &item }, &item);
}

int overlay_check(const struct overlays *overlays, size_t i, const struct rule *rules, size_t n, const char *name,
                  int line, struct config_faults *faults)
{
    const struct overlay *over = &overlays->at[i];
    const struct rule *rule = find_rule(rules, n, over->rule);
    size_t before = faults->n;
    if (!rule)
        return config_fault(faults, name, line, "an overlay of rule %s, and there is no such rule", over->rule);
    const char *wrong = misplaced(over, rule);
    check_double(overlays, i, name, line, faults);
    if (wrong)
        config_fault(faults, name, line, "the overlay of rule %s %s", over->rule, wrong);
    else if (rule->condition == CONDITION_FRACTION && over->hold_us != OVERLAY_GIVEN_NOT)
        config_fault(faults, name, line, "the overlay of rule %s: `at_least` is its hold, leave `hold` out",
                     over->rule);
    else
        check_laid(over, rule, name, line, faults);
    return faults->n > before ? -EINVAL : 0;
}
