/* The form of a rule file, as tables for base/config. */
#include <math.h>

#include "collector/watch/form.h"
#include "collector/watch/overlay.h"

enum { IN_WINDOW = EVENT_STATE_COUNT + 1, IN_NORMAL };

#define WINDOW_STATES (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))

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
    .in_force = IN_FORCE_BY_FILE,
    .page = PAGE_BY_SEVERITY,
    .over_us = GIVEN_NOT,
    .within_us = GIVEN_NOT,
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
    { .key = "within",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct item, within_us),
      .least = RULE_AHEAD_MIN_US,
      .most = RULE_AHEAD_MAX_US,
      .help = "1m to 24h" },
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

const struct rules_file rules_file_defaults = { .in_force = IN_FORCE_ALWAYS };

const struct config_field rules_file_fields[] = {
    { .key = "pack",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct rules_file, pack),
      .line_at = 1 + offsetof(struct rules_file, pack_line),
      .least = 1,
      .most = RULE_PACK_MAX,
      .help = "1 to 31 letters, digits, dots, dashes, underscores" },
    { .key = "in_force",
      .kind = CONFIG_FLAGS,
      .at = offsetof(struct rules_file, in_force),
      .line_at = 1 + offsetof(struct rules_file, in_force_line),
      .choices = in_force_names },
    { .key = "rules",
      .kind = CONFIG_LIST,
      .at = offsetof(struct rules_file, rules),
      .least = 1,
      .most = RULES_MAX,
      .items = item_fields,
      .item_size = sizeof(struct item),
      .item_defaults = &item_defaults,
      .line_at = 1 + offsetof(struct item, line),
      .help = "1 to 256 rules" },
    { .key = "overlays",
      .kind = CONFIG_LIST,
      .at = offsetof(struct rules_file, overlays),
      .most = OVERLAYS_MAX,
      .items = overlay_fields,
      .item_size = sizeof(struct overlay_item),
      .item_defaults = &overlay_defaults,
      .line_at = 1 + offsetof(struct overlay_item, line),
      .help = "at most 256 overlays" },
    { .key = NULL },
};

unsigned rule_spell_out(unsigned flags)
{
    unsigned in_force = flags & IN_FORCE_ALWAYS;
    if (flags & (1U << IN_WINDOW))
        in_force |= WINDOW_STATES;
    if (flags & (1U << IN_NORMAL))
        in_force |= IN_FORCE_ALWAYS & ~WINDOW_STATES;
    return in_force;
}
