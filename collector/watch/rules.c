#include "collector/watch/rules.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/watch/form.h"
#include "collector/watch/overlay.h"

enum { WORDS_BYTES_MAX = 4 << 20, IN_WINDOW = EVENT_STATE_COUNT + 1, IN_NORMAL };

#define WINDOW_STATES (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))

/* ---- the form of the file ---- */

const char *const rule_severities[] = { "info", "warning", "critical", NULL };
const char *const rule_yes_or_no[] = { "false", "true", NULL };

const char *const rule_limit_names[LIMIT_COUNT + 1] = {
    [LIMIT_EGRESS] = "egress",
    [LIMIT_INGRESS] = "ingress",
    [LIMIT_CONNECTIONS] = "connections",
    [LIMIT_NEW_CONNECTIONS] = "new_connections",
    [LIMIT_DISK_READ] = "disk_read",
    [LIMIT_DISK_WRITE] = "disk_write",
    [LIMIT_COUNT] = NULL,
};

/* Bits as of IN_FORCE(), then two words for what is meant nearly always. */
static const char *const in_force_names[] = {
    [EVENT_DRAFT] = "draft",         [EVENT_REQUESTED] = "requested",  [EVENT_ACCEPTED] = "accepted",
    [EVENT_CHECKED] = "checked",     [EVENT_ARMED] = "armed",          [EVENT_LIVE] = "live",
    [EVENT_CLOSING] = "closing",     [EVENT_REPORTED] = "reported",    [EVENT_CLOSED] = "closed",
    [EVENT_CANCELLED] = "cancelled", [EVENT_STATE_COUNT] = "no-event", [IN_WINDOW] = "window",
    [IN_NORMAL] = "normal",          [IN_NORMAL + 1] = NULL,
};

static const struct item item_defaults = {
    .instance = "*",
    .above = NAN,
    .below = NAN,
    .clear = NAN,
    .limit = -1,
    .in_force = IN_FORCE_ALWAYS,
    .page = PAGE_BY_SEVERITY,
    .over_us = GIVEN_NOT,
    .of_us = GIVEN_NOT,
    .at_least_us = GIVEN_NOT,
    .at_most_us = GIVEN_NOT,
};

static const struct config_field item_fields[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, name),
      .required = true,
      .least = 1,
      .most = RULE_NAME_MAX,
      .help = "1 to 63 letters, digits, dots, dashes, underscores" },
    { .key = "metric",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, metric),
      .required = true,
      .least = 1,
      .most = METRIC_KEY_MAX,
      .help = "a key of docs/metrics.md" },
    { .key = "instance",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, instance),
      .least = 1,
      .most = INSTANCE_MAX,
      .help = "a pattern of devices, mount points, targets" },
    { .key = "above", .kind = CONFIG_REAL, .at = offsetof(struct item, above) },
    { .key = "below", .kind = CONFIG_REAL, .at = offsetof(struct item, below) },
    { .key = "clear", .kind = CONFIG_REAL, .at = offsetof(struct item, clear) },
    { .key = "limit", .kind = CONFIG_CHOICE, .at = offsetof(struct item, limit), .choices = rule_limit_names },
    { .key = "hold",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, hold_us),
      .most = RULE_HOLD_MAX_US,
      .help = "0s to 1h" },
    { .key = "over",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, over_us),
      .least = RULE_SPAN_MIN_US,
      .most = RULE_SPAN_MAX_US,
      .help = "1s to 1h" },
    { .key = "of",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, of_us),
      .least = RULE_SPAN_MIN_US,
      .most = RULE_SPAN_MAX_US,
      .help = "1s to 1h" },
    { .key = "at_least",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, at_least_us),
      .least = RULE_SPAN_MIN_US,
      .most = RULE_SPAN_MAX_US,
      .help = "1s to 1h" },
    { .key = "at_most",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, at_most_us),
      .most = RULE_SPAN_MAX_US,
      .help = "0s to 1h" },
    { .key = "per",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, per),
      .least = 1,
      .most = METRIC_KEY_MAX,
      .help = "a key of docs/metrics.md" },
    { .key = "per_instance",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, per_instance),
      .least = 1,
      .most = INSTANCE_MAX,
      .help = "a device, mount point, target" },
    { .key = "absent", .kind = CONFIG_BOOL, .at = offsetof(struct item, absent) },
    { .key = "depends_on",
      .kind = CONFIG_TEXTS,
      .at = offsetof(struct item, depends_on),
      .least = 1,
      .most = RULE_DEPENDS_MAX,
      .help = "1 to 8 names of rules" },
    { .key = "severity",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct item, severity),
      .required = true,
      .choices = rule_severities },
    { .key = "in_force", .kind = CONFIG_FLAGS, .at = offsetof(struct item, in_force), .choices = in_force_names },
    { .key = "page", .kind = CONFIG_CHOICE, .at = offsetof(struct item, page), .choices = rule_yes_or_no },
    { .key = "summary",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, summary),
      .required = true,
      .least = 1,
      .most = sizeof((struct rule *)NULL)->summary - 1,
      .help = "what it means, 1 to 127 bytes" },
    { .key = NULL },
};

struct overlay_item {
    const char *rule;
    const char *group;
    double above;
    double below;
    double clear;
    int64_t hold_us;
    int severity;
    int page;
    bool off;
    int line;
};

static const struct overlay_item overlay_defaults = {
    .above = NAN,
    .below = NAN,
    .clear = NAN,
    .hold_us = OVERLAY_GIVEN_NOT,
    .severity = OVERLAY_GIVEN_NOT,
    .page = OVERLAY_GIVEN_NOT,
};

static const struct config_field overlay_fields[] = {
    { .key = "rule",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct overlay_item, rule),
      .required = true,
      .least = 1,
      .most = RULE_NAME_MAX,
      .help = "name of a rule" },
    { .key = "group",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct overlay_item, group),
      .required = true,
      .least = 1,
      .most = DOCUMENT_HOSTS_MAX,
      .help = "a pattern of groups of hosts" },
    { .key = "above", .kind = CONFIG_REAL, .at = offsetof(struct overlay_item, above) },
    { .key = "below", .kind = CONFIG_REAL, .at = offsetof(struct overlay_item, below) },
    { .key = "clear", .kind = CONFIG_REAL, .at = offsetof(struct overlay_item, clear) },
    { .key = "hold",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct overlay_item, hold_us),
      .most = RULE_HOLD_MAX_US,
      .help = "0s to 1h" },
    { .key = "severity",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct overlay_item, severity),
      .choices = rule_severities },
    { .key = "page", .kind = CONFIG_CHOICE, .at = offsetof(struct overlay_item, page), .choices = rule_yes_or_no },
    { .key = "off", .kind = CONFIG_BOOL, .at = offsetof(struct overlay_item, off) },
    { .key = NULL },
};

struct file {
    struct config_list rules;
    struct config_list overlays;
};

static const struct config_field file_fields[] = {
    { .key = "rules",
      .kind = CONFIG_LIST,
      .at = offsetof(struct file, rules),
      .required = true,
      .least = 1,
      .most = RULES_MAX,
      .items = item_fields,
      .item_size = sizeof(struct item),
      .item_defaults = &item_defaults,
      .line_at = 1 + offsetof(struct item, line),
      .help = "1 to 256 rules" },
    { .key = "overlays",
      .kind = CONFIG_LIST,
      .at = offsetof(struct file, overlays),
      .most = OVERLAYS_MAX,
      .items = overlay_fields,
      .item_size = sizeof(struct overlay_item),
      .item_defaults = &overlay_defaults,
      .line_at = 1 + offsetof(struct overlay_item, line),
      .help = "at most 256 overlays" },
    { .key = NULL },
};

/* ---- into rules ---- */

static unsigned spell_out(unsigned flags)
{
    unsigned in_force = flags & IN_FORCE_ALWAYS;
    if (flags & (1U << IN_WINDOW))
        in_force |= WINDOW_STATES;
    if (flags & (1U << IN_NORMAL))
        in_force |= IN_FORCE_ALWAYS & ~WINDOW_STATES;
    return in_force;
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
        .in_force = spell_out(item->in_force),
        .page = rule_pages(item),
        .condition = condition,
        .span_us = condition == CONDITION_RATE       ? item->over_us
                   : condition == CONDITION_FRACTION ? item->of_us
                                                     : 0,
        .at_least_us = condition == CONDITION_FRACTION ? item->at_least_us : 0,
        .at_most_us = item->at_most_us,
        .n_depends = (unsigned)item->depends_on.n,
    };
    snprintf(ret->name, sizeof ret->name, "%s", item->name);
    snprintf(ret->metric, sizeof ret->metric, "%s", item->metric);
    snprintf(ret->instance, sizeof ret->instance, "%s", item->instance);
    snprintf(ret->summary, sizeof ret->summary, "%s", item->summary);
    snprintf(ret->per, sizeof ret->per, "%s", item->per ? item->per : "");
    snprintf(ret->per_instance, sizeof ret->per_instance, "%s", item->per_instance ? item->per_instance : "");
    for (unsigned i = 0; i < ret->n_depends; i++)
        snprintf(ret->depends_on[i], sizeof ret->depends_on[i], "%s", item->depends_on.at[i]);
}

/* Behind all else, for it wants names that are right. */
static void check_depends(const struct check *c, const struct file *file, const struct rule *rules)
{
    struct err err;
    for (size_t i = 0; i < file->rules.n; i++)
        if (rules_check_depends(rules, file->rules.n, i, &err) < 0)
            config_fault(c->faults, c->file, c->items[i].line, "%s", err.text);
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

static void take_overlays(const struct check *c, const struct file *file, const struct rule *rules,
                          struct overlays *ret)
{
    const struct overlay_item *items = file->overlays.at;
    for (size_t i = 0; i < file->overlays.n; i++) {
        fill_overlay(&ret->at[i], &items[i]);
        ret->n = i + 1;
        overlay_check(ret, i, rules, file->rules.n, c->file, items[i].line, c->faults);
    }
}

static int take(const char *name, const struct file *file, struct rule *ret, size_t *ret_n,
                struct overlays *ret_overlays, struct config_faults *faults)
{
    struct check c = { .file = name, .faults = faults, .items = file->rules.at };
    size_t before = faults->n;
    for (size_t i = 0; i < file->rules.n; i++)
        check_item(&c, &c.items[i]);
    if (faults->n > before)
        return -EINVAL;
    AUTO(auto_free) struct rule *rules = calloc(file->rules.n + 1, sizeof *rules); /* never of 0 bytes */
    AUTO(auto_free) struct overlays *overlays = calloc(1, sizeof *overlays);
    if (!rules || !overlays)
        return config_fault(faults, name, 0, "out of memory");
    for (size_t i = 0; i < file->rules.n; i++)
        fill(&rules[i], &c.items[i]);
    check_depends(&c, file, rules);
    take_overlays(&c, file, rules, overlays);
    if (faults->n > before)
        return -EINVAL;
    memcpy(ret, rules, file->rules.n * sizeof *rules);
    *ret_n = file->rules.n;
    if (ret_overlays)
        *ret_overlays = *overlays;
    return 0;
}

int rules_read(const char *path, struct rule *ret, size_t *ret_n, struct overlays *ret_overlays,
               struct config_faults *faults)
{
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    struct file file = { .rules = { 0 } };
    int rc = config_read(path, file_fields, &file, sizeof file, &arena, faults);
    return rc < 0 ? rc : take(path, &file, ret, ret_n, ret_overlays, faults);
}

int rules_parse(const char *name, const char *text, size_t len, struct rule *ret, size_t *ret_n,
                struct overlays *ret_overlays, struct config_faults *faults)
{
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    struct file file = { .rules = { 0 } };
    int rc = config_parse(name, text, len, file_fields, &file, sizeof file, &arena, faults);
    return rc < 0 ? rc : take(name, &file, ret, ret_n, ret_overlays, faults);
}
