/* Which series absence rules miss: those a rule names, and those that were there when a rule with a pattern came into
 * force, or came since. What went before is nobody's concern: a filesystem unmounted last month is no news of a window.
 * */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fnmatch.h>

#include "collector/watch/parts.h"

static uint64_t key_of(const char *metric, const char *instance)
{
    return spell_key("", metric, instance);
}

struct expected *expected_find(const struct watched *host, const char *metric, const char *instance)
{
    uint64_t key = key_of(metric, instance);
    struct expected *expected;
    HASH_FIND(hh, host->expected, &key, sizeof key, expected);
    if (!expected || strcmp(expected->metric, metric) != 0 || strcmp(expected->instance, instance) != 0)
        return NULL;
    return expected;
}

void expect_one(struct watched *host, const char *metric, const char *instance, int64_t since_us)
{
    struct expected *expected = expected_find(host, metric, instance);
    if (expected)
        expected->met = host->stamp;
    if (expected || HASH_COUNT(host->expected) >= EXPECTED_MAX)
        return;
    expected = calloc(1, sizeof *expected);
    if (!expected)
        return;
    expected->met = host->stamp;
    expected->key = key_of(metric, instance);
    expected->since_us = since_us;
    snprintf(expected->metric, sizeof expected->metric, "%s", metric);
    snprintf(expected->instance, sizeof expected->instance, "%s", instance);
    HASH_ADD(hh, host->expected, key, sizeof expected->key, expected);
    if (!expected->hh.tbl) {
        free(expected);
        return;
    }
    host->n_expected++;
}

/* The one instance a rule names: "" where its metric is one series a host. NULL: it has a pattern. */
static const char *named_instance(const struct rule *rule)
{
    const struct metric *metric = metric_find(rule->metric);
    if (metric && !metric->instance_label)
        return "";
    return strpbrk(rule->instance, "*?[\\") ? NULL : rule->instance;
}

static void expect_of(const struct judging *j, const struct rule *rule, int64_t at_us)
{
    const char *instance = named_instance(rule);
    if (instance) {
        expect_one(j->host, rule->metric, instance, 0);
        return;
    }
    for (uint32_t c = 0; c < j->table->n; c++)
        if (strcmp(j->table->at[c].metric, rule->metric) == 0 &&
            fnmatch(rule->instance, j->table->at[c].instance, 0) == 0)
            expect_one(j->host, rule->metric, j->table->at[c].instance, at_us);
}

/* By a rule that is in force for `host`; NULL: by any. */
static bool is_missed(const struct expected *expected, const struct rule_set *set, const struct watched *host)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->rules[i].condition == CONDITION_ABSENCE && strcmp(set->rules[i].metric, expected->metric) == 0 &&
            fnmatch(set->rules[i].instance, expected->instance, 0) == 0 &&
            (!host || rule_applies(&set->rules[i], host)))
            return true;
    return false;
}

static void forget(struct watched *host, struct expected *expected)
{
    HASH_DELETE(hh, host->expected, expected);
    free(expected);
    host->n_expected++; /* no binding made before is used any more */
}

void expect_series(const struct judging *j, int64_t at_us)
{
    const struct rule_set *set = &j->watch->set;
    struct expected *expected, *next;
    j->host->stamp++;
    for (size_t i = 0; set->absences && i < set->n; i++)
        if (set->rules[i].condition == CONDITION_ABSENCE)
            expect_of(j, &set->rules[i], at_us);
    HASH_ITER(hh, j->host->expected, expected, next)
    {
        if (expected->met != j->host->stamp && !is_missed(expected, set, j->host))
            forget(j->host, expected);
    }
}

void expected_prune(struct watched *host, const struct rule_set *set)
{
    struct expected *expected, *next;
    HASH_ITER(hh, host->expected, expected, next)
    {
        if (!is_missed(expected, set, NULL))
            forget(host, expected);
    }
}
