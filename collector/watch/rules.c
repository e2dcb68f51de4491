/* Files are read one by one, by form.c's tables, and gathered: from there on it is one list of rules and one of
 * overlays, whose items know file and line. */
#include "collector/watch/rules.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/watch/form.h"
#include "collector/watch/overlay.h"

enum { WORDS_BYTES_MAX = 4 << 20 /* of a file */ };

/* ---- all files as one ---- */

struct all {
    struct config_faults *faults;
    size_t faults_before;
    struct arena arena; /* texts and items of the files */
    size_t n_rules;
    size_t n_overlays;
    struct item rules[RULES_MAX];
    struct overlay_item overlays[OVERLAYS_MAX];
};

static struct all *all_new(size_t n_files, struct config_faults *faults)
{
    struct all *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->faults = faults;
    all->faults_before = faults->n;
    arena_init(&all->arena, n_files * WORDS_BYTES_MAX);
    return all;
}

static void all_undo(struct all **all)
{
    if (*all)
        arena_done(&(*all)->arena);
    free(*all);
}

static void check_file(const struct all *all, const char *name, const struct rules_file *file)
{
    if (file->rules.n == 0 && file->overlays.n == 0)
        config_fault(all->faults, name, 0, "there are neither `rules` nor `overlays` in it, want some");
    if (file->pack && !rule_name_is_good(file->pack))
        config_fault(all->faults, name, file->pack_line,
                     "`pack` is \"%s\", want letters, digits, dots, dashes, underscores", file->pack);
    if (file->in_force == 0)
        config_fault(all->faults, name, file->in_force_line, "`in_force` is empty: its rules would never be in force");
}

static bool has_room(const struct all *all, const char *name, const struct rules_file *file)
{
    size_t n_rules = all->n_rules + file->rules.n;
    size_t n_overlays = all->n_overlays + file->overlays.n;
    if (n_rules > RULES_MAX)
        config_fault(all->faults, name, 0, "with it there are %zu rules, want at most %d in all files", n_rules,
                     RULES_MAX);
    if (n_overlays > OVERLAYS_MAX)
        config_fault(all->faults, name, 0, "with it there are %zu overlays, want at most %d in all files", n_overlays,
                     OVERLAYS_MAX);
    return n_rules <= RULES_MAX && n_overlays <= OVERLAYS_MAX;
}

static void gather(struct all *all, const char *name, const struct rules_file *file)
{
    const struct item *rules = file->rules.at;
    const struct overlay_item *overlays = file->overlays.at;
    check_file(all, name, file);
    if (!has_room(all, name, file))
        return;
    for (size_t i = 0; i < file->rules.n; i++) {
        struct item *item = &all->rules[all->n_rules++];
        *item = rules[i];
        item->file = name;
        item->pack = file->pack;
        if (item->in_force == IN_FORCE_BY_FILE)
            item->in_force = file->in_force ? file->in_force : IN_FORCE_ALWAYS; /* empty: told already, once */
    }
    for (size_t i = 0; i < file->overlays.n; i++) {
        struct overlay_item *item = &all->overlays[all->n_overlays++];
        *item = overlays[i];
        item->file = name;
    }
}

/* ---- into rules ---- */

static int64_t span_of(enum condition condition, const struct item *item)
{
    if (condition == CONDITION_RATE || condition == CONDITION_FORECAST)
        return item->over_us;
    return condition == CONDITION_FRACTION ? item->of_us : 0;
}

static void fill(struct rule *ret, const struct item *item)
{
    double threshold = isnan(item->above) ? item->below : item->above;
    enum condition condition = rule_condition(item);
    *ret = (struct rule){
        .comparison = isnan(item->above) ? COMPARE_BELOW : COMPARE_ABOVE,
        .threshold = threshold,
        .clear = isnan(item->clear) ? threshold : item->clear,
        .limit = item->limit,
        .hold_us = item->hold_us,
        .severity = (enum severity)item->severity,
        .in_force = rule_spell_out(item->in_force),
        .page = rule_pages(item),
        .condition = condition,
        .span_us = span_of(condition, item),
        .ahead_us = condition == CONDITION_FORECAST ? item->within_us : 0,
        .at_least_us = condition == CONDITION_FRACTION ? item->at_least_us : 0,
        .at_most_us = item->at_most_us,
        .n_depends = (unsigned)item->depends_on.n,
    };
    snprintf(ret->name, sizeof ret->name, "%s", item->name);
    snprintf(ret->pack, sizeof ret->pack, "%s", item->pack ? item->pack : "");
    snprintf(ret->metric, sizeof ret->metric, "%s", item->metric);
    snprintf(ret->instance, sizeof ret->instance, "%s", item->instance);
    snprintf(ret->summary, sizeof ret->summary, "%s", item->summary);
    snprintf(ret->per, sizeof ret->per, "%s", item->per ? item->per : "");
    snprintf(ret->per_instance, sizeof ret->per_instance, "%s", item->per_instance ? item->per_instance : "");
    for (unsigned i = 0; i < ret->n_depends; i++)
        snprintf(ret->depends_on[i], sizeof ret->depends_on[i], "%s", item->depends_on.at[i]);
}

/* Behind all else, for it wants names that are right. */
static void check_depends(const struct all *all, const struct rule *rules)
{
    struct err err;
    for (size_t i = 0; i < all->n_rules; i++)
        if (rules_check_depends(rules, all->n_rules, i, &err) < 0)
            config_fault(all->faults, all->rules[i].file, all->rules[i].line, "%s", err.text);
}

static void fill_overlay(struct overlay *ret, const struct overlay_item *item)
{
    *ret = (struct overlay){ .above = item->above,
                             .below = item->below,
                             .clear = item->clear,
                             .hold_us = item->hold_us,
                             .severity = item->severity,
                             .page = item->page,
                             .off = item->off };
    snprintf(ret->rule, sizeof ret->rule, "%s", item->rule);
    snprintf(ret->hosts, sizeof ret->hosts, "%s", item->group);
}

static void take_overlays(const struct all *all, const struct rule *rules, struct overlays *ret)
{
    for (size_t i = 0; i < all->n_overlays; i++) {
        const struct overlay_item *item = &all->overlays[i];
        fill_overlay(&ret->at[i], item);
        ret->n = i + 1;
        overlay_check(ret, i, rules, all->n_rules, item->file, item->line, all->faults);
    }
}

static int take(const struct all *all, struct rule *ret, size_t *ret_n, struct overlays *ret_overlays)
{
    struct check c = { .faults = all->faults, .items = all->rules };
    for (size_t i = 0; i < all->n_rules; i++)
        check_item(&c, &all->rules[i]);
    if (all->faults->n > all->faults_before)
        return -EINVAL;
    AUTO(auto_free) struct rule *rules = calloc(RULES_MAX, sizeof *rules);
    AUTO(auto_free) struct overlays *overlays = calloc(1, sizeof *overlays);
    if (!rules || !overlays)
        return config_fault(all->faults, "rules", 0, "out of memory");
    for (size_t i = 0; i < all->n_rules; i++)
        fill(&rules[i], &all->rules[i]);
    check_depends(all, rules);
    take_overlays(all, rules, overlays);
    if (all->faults->n > all->faults_before)
        return -EINVAL;
    memcpy(ret, rules, all->n_rules * sizeof *rules);
    *ret_n = all->n_rules;
    if (ret_overlays)
        *ret_overlays = *overlays;
    return 0;
}

int rules_read(const struct config_texts *paths, struct rule *ret, size_t *ret_n, struct overlays *ret_overlays,
               struct config_faults *faults)
{
    AUTO(all_undo) struct all *all = all_new(paths->n, faults);
    if (!all)
        return config_fault(faults, "rules", 0, "out of memory");
    for (size_t i = 0; i < paths->n; i++) {
        struct rules_file file = rules_file_defaults;
        const char *path = paths->at[i];
        if (config_read(path, rules_file_fields, &file, sizeof file, &all->arena, faults) == 0)
            gather(all, path, &file);
    }
    return take(all, ret, ret_n, ret_overlays);
}

int rules_parse(const char *name, const char *text, size_t len, struct rule *ret, size_t *ret_n,
                struct overlays *ret_overlays, struct config_faults *faults)
{
    AUTO(all_undo) struct all *all = all_new(1, faults);
    struct rules_file file = rules_file_defaults;
    if (!all)
        return config_fault(faults, name, 0, "out of memory");
    int rc = config_parse(name, text, len, rules_file_fields, &file, sizeof file, &all->arena, faults);
    if (rc < 0)
        return rc;
    gather(all, name, &file);
    return take(all, ret, ret_n, ret_overlays);
}
