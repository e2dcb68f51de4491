/* collector/watch/form.h - a rule as the file says it, for rules.c, which reads it, and check.c. */
#pragma once
#include "base/config.h"
#include "collector/watch/rules.h"

enum { PAGE_NO, PAGE_YES, PAGE_BY_SEVERITY };
enum { GIVEN_NOT = -1 };

struct item {
    const char *name;
    const char *metric;
    const char *instance;
    double above; /* NaN: not given, as the next two */
    double below;
    double clear;
    int limit;
    int64_t hold_us;
    int severity;
    unsigned in_force;
    int page;
    int64_t over_us; /* GIVEN_NOT, as the next three */
    int64_t of_us;
    int64_t at_least_us;
    int64_t at_most_us;
    const char *per; /* NULL: not given, as the next */
    const char *per_instance;
    bool absent;
    struct config_texts depends_on;
    const char *summary;
    int line;
};

struct check { /* of one file */
    const char *file;
    struct config_faults *faults;
    const struct item *items;
};

extern const char *const rule_limit_names[LIMIT_COUNT + 1]; /* enum host_limit's; NULL ends them */

extern const char *const rule_severities[]; /* enum severity's; NULL ends them */
extern const char *const rule_yes_or_no[];  /* PAGE_NO, PAGE_YES; likewise */

/* The first it has; check_item() sees to it that there is no other. */
enum condition rule_condition(const struct item *item);
bool rule_pages(const struct item *item);
/* Tells every fault of the item, but those of what it depends on. */
void check_item(const struct check *c, const struct item *item);
/* The same but for its name. */
void check_values(const struct check *c, const struct item *item);
