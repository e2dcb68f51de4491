#include "collector/watch/rules.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

enum { WORDS_BYTES_MAX = 4 << 20, IN_WINDOW = EVENT_STATE_COUNT + 1, IN_NORMAL };
enum { PAGE_NO, PAGE_YES, PAGE_BY_SEVERITY };

#define WINDOW_STATES (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))

/* ---- the form of the file ---- */

static const char *const severities[] = { "info", "warning", "critical", NULL };
static const char *const yes_or_no[] = { "false", "true", NULL };

static const char *const limit_names[] = {
    [LIMIT_EGRESS] = "egress",
    [LIMIT_INGRESS] = "ingress",
    [LIMIT_CONNECTIONS] = "connections",
    [LIMIT_NEW_CONNECTIONS] = "new_connections",
    [LIMIT_DISK_READ] = "disk_read",
    [LIMIT_DISK_WRITE] = "disk_write",
    [LIMIT_COUNT] = NULL,
};
static const char *const limit_units[LIMIT_COUNT] = {
    [LIMIT_EGRESS] = "By/s",
    [LIMIT_INGRESS] = "By/s",
    [LIMIT_CONNECTIONS] = "{connection}",
    [LIMIT_NEW_CONNECTIONS] = "{connection}/s",
    [LIMIT_DISK_READ] = "By/s",
    [LIMIT_DISK_WRITE] = "By/s",
};

/* Bits as of IN_FORCE(), then two words for what is meant nearly always. */
static const char *const in_force_names[] = {
    [EVENT_DRAFT] = "draft",         [EVENT_REQUESTED] = "requested",  [EVENT_ACCEPTED] = "accepted",
    [EVENT_CHECKED] = "checked",     [EVENT_ARMED] = "armed",          [EVENT_LIVE] = "live",
    [EVENT_CLOSING] = "closing",     [EVENT_REPORTED] = "reported",    [EVENT_CLOSED] = "closed",
    [EVENT_CANCELLED] = "cancelled", [EVENT_STATE_COUNT] = "no-event", [IN_WINDOW] = "window",
    [IN_NORMAL] = "normal",          [IN_NORMAL + 1] = NULL,
};

struct item { /* a rule as the file says it */
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
    const char *summary;
    int line;
};

static const struct item item_defaults = {
    .instance = "*",
    .above = NAN,
    .below = NAN,
    .clear = NAN,
    .limit = -1,
    .in_force = IN_FORCE_ALWAYS,
    .page = PAGE_BY_SEVERITY,
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
    { .key = "limit", .kind = CONFIG_CHOICE, .at = offsetof(struct item, limit), .choices = limit_names },
    { .key = "hold",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, hold_us),
      .most = RULE_HOLD_MAX_US,
      .help = "0s to 1h" },
    { .key = "severity",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct item, severity),
      .required = true,
      .choices = severities },
    { .key = "in_force", .kind = CONFIG_FLAGS, .at = offsetof(struct item, in_force), .choices = in_force_names },
    { .key = "page", .kind = CONFIG_CHOICE, .at = offsetof(struct item, page), .choices = yes_or_no },
    { .key = "summary",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct item, summary),
      .required = true,
      .least = 1,
      .most = sizeof((struct rule *)NULL)->summary - 1,
      .help = "what it means, 1 to 127 bytes" },
    { .key = NULL },
};

struct file {
    struct config_list rules;
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
    { .key = NULL },
};

/* ---- what single values cannot show ---- */

struct check {
    const char *file;
    struct config_faults *faults;
    const struct item *items;
};

#define FAULT(c, item, ...) config_fault((c)->faults, (c)->file, (item)->line, __VA_ARGS__)

static void check_name(const struct check *c, const struct item *item)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (item->name[strspn(item->name, allowed)] != '\0')
        FAULT(c, item, "rule name \"%s\", want letters, digits, dots, dashes, underscores", item->name);
    if (strcmp(item->name, WATCH_SILENCE_RULE) == 0)
        FAULT(c, item, "the name %s is kept for the collector's own rule", WATCH_SILENCE_RULE);
    for (const struct item *other = c->items; other < item; other++) {
        if (strcmp(other->name, item->name) == 0) {
            FAULT(c, item, "rule %s stands in line %d already", item->name, other->line);
            return;
        }
    }
}

static void check_thresholds(const struct check *c, const struct item *item)
{
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
        FAULT(c, item, "rule %s: limit %s is in %s, but %s in %s", item->name, limit_names[item->limit],
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
    if (item->limit >= 0)
        check_limit(c, item, metric, threshold);
    else if (strcmp(metric->unit, "1") == 0 && (threshold < 0 || threshold > 1))
        FAULT(c, item, "rule %s: %s runs from 0 to 1, not to %g: 90 %% is 0.9", item->name, item->metric, threshold);
}

static bool pages(const struct item *item)
{
    return item->page == PAGE_BY_SEVERITY ? item->severity == SEVERITY_CRITICAL : item->page == PAGE_YES;
}

static void check_rest(const struct check *c, const struct item *item)
{
    if (item->in_force == 0)
        FAULT(c, item, "rule %s is never in force: `in_force` is empty", item->name);
    if (pages(item) && item->hold_us > RULE_PAGE_HOLD_MAX_US)
        FAULT(c, item, "rule %s pages, so it may hold for 300s at most: people must hear of it within ten minutes",
              item->name);
    for (const char *at = item->summary; (at = strchr(at, '{')); at++)
        if (strncmp(at, "{threshold}", strlen("{threshold}")) != 0)
            FAULT(c, item, "rule %s: `summary` knows {threshold}, nothing else in braces", item->name);
}

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
    *ret = (struct rule){
        .comparison = isnan(item->above) ? COMPARE_BELOW : COMPARE_ABOVE,
        .threshold = threshold,
        .clear = isnan(item->clear) ? threshold : item->clear,
        .limit = item->limit,
        .hold_us = item->hold_us,
        .severity = (enum severity)item->severity,
        .in_force = spell_out(item->in_force),
        .page = pages(item),
    };
    snprintf(ret->name, sizeof ret->name, "%s", item->name);
    snprintf(ret->metric, sizeof ret->metric, "%s", item->metric);
    snprintf(ret->instance, sizeof ret->instance, "%s", item->instance);
    snprintf(ret->summary, sizeof ret->summary, "%s", item->summary);
}

static int take(const char *name, const struct file *file, struct rule *ret, size_t *ret_n,
                struct config_faults *faults)
{
    struct check c = { .file = name, .faults = faults, .items = file->rules.at };
    size_t before = faults->n;
    for (size_t i = 0; i < file->rules.n; i++) {
        check_name(&c, &c.items[i]);
        check_thresholds(&c, &c.items[i]);
        check_metric(&c, &c.items[i]);
        check_rest(&c, &c.items[i]);
    }
    if (faults->n > before)
        return -EINVAL;
    for (size_t i = 0; i < file->rules.n; i++)
        fill(&ret[i], &c.items[i]);
    *ret_n = file->rules.n;
    return 0;
}

int rules_read(const char *path, struct rule *ret, size_t *ret_n, struct config_faults *faults)
{
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    struct file file = { .rules = { 0 } };
    int rc = config_read(path, file_fields, &file, sizeof file, &arena, faults);
    return rc < 0 ? rc : take(path, &file, ret, ret_n, faults);
}

int rules_parse(const char *name, const char *text, size_t len, struct rule *ret, size_t *ret_n,
                struct config_faults *faults)
{
    AUTO(arena_done) struct arena arena = { .limit_bytes = WORDS_BYTES_MAX };
    struct file file = { .rules = { 0 } };
    int rc = config_parse(name, text, len, file_fields, &file, sizeof file, &arena, faults);
    return rc < 0 ? rc : take(name, &file, ret, ret_n, faults);
}
