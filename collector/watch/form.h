/* collector/watch/form.h - rules and overlays as a file says them: form.c has its tables, rules.c reads by them,
 * check.c tells what is wrong with a rule. */
#pragma once
#include "base/config.h"
#include "collector/watch/rules.h"

enum { PAGE_NO, PAGE_YES, PAGE_BY_SEVERITY };
enum { GIVEN_NOT = -1 };
#define IN_FORCE_BY_FILE (~0u) /* a rule says nothing of its states: those of its file */

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
    int64_t over_us; /* GIVEN_NOT, as the next four */
    int64_t within_us;
    int64_t of_us;
    int64_t at_least_us;
    int64_t at_most_us;
    const char *per; /* NULL: not given, as the next */
    const char *per_instance;
    bool absent;
    struct config_texts depends_on;
    const char *summary;
    const char *file;
    const char *pack; /* NULL: none */
    int line;
};

struct overlay_item {
    const char *rule;
    const char *group;
    double above; /* NaN: not given, as the next two */
    double below;
    double clear;
    int64_t hold_us; /* OVERLAY_GIVEN_NOT, as the next two */
    int severity;
    int page;
    bool off;
    const char *file;
    int line;
};

struct rules_file {
    const char *pack; /* NULL: none */
    int pack_line;
    unsigned in_force; /* of its rules that say nothing of it */
    int in_force_line;
    struct config_list rules;    /* of struct item */
    struct config_list overlays; /* of struct overlay_item */
};

extern const struct rules_file rules_file_defaults;
extern const struct config_field rules_file_fields[];

struct check {
    struct config_faults *faults;
    const struct item *items; /* of all files; none stands twice */
};

extern const char *const rule_limit_names[LIMIT_COUNT + 1]; /* enum host_limit's; NULL ends them */

extern const char *const rule_severities[]; /* enum severity's; NULL ends them */
extern const char *const rule_yes_or_no[];  /* PAGE_NO, PAGE_YES; likewise */

/* IN_FORCE() bits of what is listed, `window` and `normal` spelled out. */
unsigned rule_spell_out(unsigned flags);
/* Whether a rule, or a pack, may be called so. */
bool rule_name_is_good(const char *name);

/* The first it has; check_item() sees to it that there is no other. */
enum condition rule_condition(const struct item *item);
bool rule_pages(const struct item *item);
/* Tells every fault of the item, but those of what it depends on. */
void check_item(const struct check *c, const struct item *item);
/* The same but for its name. */
void check_values(const struct check *c, const struct item *item);
