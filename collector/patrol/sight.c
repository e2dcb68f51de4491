/* Values are taken in as they come, so that a sight of ten thousand hosts is no larger than the hosts themselves. */
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/patrol/parts.h"

/* How far a change, a ratio or an absence is from its limit, the last value does not say. */
static bool holds_values(const struct rule *rule)
{
    return rule->condition == CONDITION_LEVEL || rule->condition == CONDITION_FRACTION;
}

int patrol_sight_make(struct patrol_sight *sight, size_t n_hosts)
{
    sight->hosts = calloc(n_hosts + 1, sizeof *sight->hosts);
    if (!sight->hosts)
        return -ENOMEM;
    sight->n_hosts = n_hosts;
    return 0;
}

/* How the rule is other on the host. NULL: it is as for all. */
static const struct tuning *tuning_of(const struct patrol_host *host, const struct rule *rule)
{
    for (size_t i = 0; i < host->n_tunings; i++)
        if (strcmp(host->tunings[i].rule, rule->name) == 0)
            return &host->tunings[i];
    return NULL;
}

static bool is_critical_somewhere(const struct patrol_sight *sight, const struct rule *rule)
{
    if (rule->severity == SEVERITY_CRITICAL)
        return true;
    for (size_t i = 0; i < sight->n_hosts; i++) {
        const struct tuning *tuning = tuning_of(&sight->hosts[i], rule);
        if (tuning && tuning->severity == SEVERITY_CRITICAL)
            return true;
    }
    return false;
}

int patrol_sight_limits(struct patrol_sight *sight, const struct rule *rules, size_t n_rules)
{
    sight->limits = calloc(n_rules + 1, sizeof *sight->limits);
    if (!sight->limits)
        return -ENOMEM;
    for (size_t i = 0; i < n_rules; i++)
        if (holds_values(&rules[i]) && is_critical_somewhere(sight, &rules[i]))
            sight->limits[sight->n_limits++].rule = rules[i];
    return 0;
}

void patrol_sight_done(struct patrol_sight *sight)
{
    for (size_t i = 0; i < sight->n_hosts; i++)
        free(sight->hosts[i].tunings);
    free(sight->hosts);
    free(sight->limits);
    *sight = (struct patrol_sight){ 0 };
}

struct patrol_host *patrol_sight_host(const struct patrol_sight *sight, uint64_t id)
{
    size_t low = 0;
    size_t high = sight->n_hosts;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sight->hosts[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sight->n_hosts && sight->hosts[low].id == id ? &sight->hosts[low] : NULL;
}

/* ---- limits ---- */

/* What is left of it, as a share; of a limit of 0 there is no share: all or nothing is. */
static double share_left(const struct rule *rule, double value, double threshold)
{
    double left = rule->comparison == COMPARE_ABOVE ? threshold - value : value - threshold;
    if (threshold == 0)
        return left < 0 ? -1 : 1;
    return left / fabs(threshold);
}

static void hold_against(struct patrol_limit *limit, const struct patrol_value *value)
{
    const struct rule *rule = &limit->rule;
    double unit = rule->limit >= 0 ? value->host->limits[rule->limit] : 1;
    const struct tuning *tuning = tuning_of(value->host, rule);
    double threshold = (tuning ? tuning->threshold : rule->threshold) * unit;
    if (isnan(threshold) ||
        (tuning ? tuning->off || tuning->severity != SEVERITY_CRITICAL : rule->severity != SEVERITY_CRITICAL))
        return; /* nothing is declared, or it is not critical there */
    double share = share_left(rule, value->value, threshold);
    limit->past += share < 0;
    if (limit->n++ > 0 && share >= limit->share)
        return;
    limit->share = share;
    limit->host = value->host;
    limit->value = value->value;
    limit->threshold = threshold;
    snprintf(limit->instance, sizeof limit->instance, "%s", value->instance);
}

static void see_limits(struct patrol_sight *sight, const struct patrol_value *value)
{
    for (size_t i = 0; i < sight->n_limits; i++) {
        const struct rule *rule = &sight->limits[i].rule;
        if ((rule->in_force & value->host->in_force) != 0 && strcmp(rule->metric, value->metric) == 0 &&
            fnmatch(rule->instance, value->instance, 0) == 0)
            hold_against(&sight->limits[i], value);
    }
}

size_t patrol_nearest(const struct patrol_sight *sight, const struct patrol_limit *ret[PATROL_NEAREST])
{
    size_t n = 0;
    for (size_t i = 0; i < sight->n_limits; i++) {
        const struct patrol_limit *limit = &sight->limits[i];
        size_t at = n;
        if (limit->n == 0)
            continue;
        while (at > 0 && ret[at - 1]->share > limit->share)
            at--;
        if (at == PATROL_NEAREST)
            continue;
        n += n < PATROL_NEAREST;
        memmove(&ret[at + 1], &ret[at], (n - 1 - at) * sizeof(const struct patrol_limit *));
        ret[at] = limit;
    }
    return n;
}

/* ---- probes ---- */

static void fill_target(struct patrol_target *target, const struct patrol_value *value)
{
    target->host = value->host;
    target->value = value->value;
    snprintf(target->name, sizeof target->name, "%s", value->instance);
}

static void see_loss(struct patrol_sight *sight, const struct patrol_value *value)
{
    size_t kept = sight->n_lossy < PATROL_FINDINGS_A_CHECK ? sight->n_lossy : PATROL_FINDINGS_A_CHECK;
    size_t at = kept;
    sight->n_targets++;
    if (!(value->value > 0))
        return;
    sight->n_lossy++;
    while (at > 0 && sight->lossy[at - 1].value < value->value)
        at--;
    if (at == PATROL_FINDINGS_A_CHECK)
        return;
    size_t behind = (kept < PATROL_FINDINGS_A_CHECK ? kept : PATROL_FINDINGS_A_CHECK - 1) - at;
    memmove(&sight->lossy[at + 1], &sight->lossy[at], behind * sizeof *sight->lossy);
    fill_target(&sight->lossy[at], value);
}

static void see_latency(struct patrol_sight *sight, const struct patrol_value *value)
{
    if (!sight->slowest.host || value->value > sight->slowest.value)
        fill_target(&sight->slowest, value);
}

int patrol_see(struct patrol_sight *sight, const struct patrol_value *value)
{
    int64_t interval_us = value->host->interval_us > WATCH_INTERVAL_US ? value->host->interval_us : WATCH_INTERVAL_US;
    sight->n_values++;
    if (isnan(value->value) || sight->now_us - value->at_us > WATCH_SILENCE_INTERVALS * interval_us) {
        sight->n_stale++;
        return 0;
    }
    see_limits(sight, value);
    if (strcmp(value->metric, "probe.loss") == 0)
        see_loss(sight, value);
    if (strcmp(value->metric, "probe.latency") == 0)
        see_latency(sight, value);
    if (strcmp(value->metric, "system.filesystem.utilization") == 0)
        return disks_see(sight, value);
    return 0;
}
