#include "collector/event/document_form.h"

#include <math.h>
#include <stddef.h>

#include "collector/event/document_parts.h"

#define REAL_MAX 1e18

static const char *const tiers[] = { "core", "supporting", NULL };
static const struct limits_item no_limits = { .limits = { NAN, NAN, NAN, NAN, NAN, NAN } };
_Static_assert(LIMIT_COUNT == 6, "each limit is a number that is none until it is given");
static const struct demand_item no_demand = { .times = NAN, .value = NAN, .tier = -1 };

#define TEXT(item, key_, member, most_, ...)                                                                           \
    {                                                                                                                  \
        .key = (key_), .kind = CONFIG_TEXT, .at = offsetof(struct item, member), .least = 1, .most = (most_),          \
        __VA_ARGS__                                                                                                    \
    }
#define HOSTS(item, ...)                                                                                               \
    TEXT(item, "hosts", hosts, DOCUMENT_HOSTS_MAX, .help = "names and patterns, such as web-*,db-1", __VA_ARGS__)
#define REAL(item, key_, member)                                                                                       \
    {                                                                                                                  \
        .key = (key_), .kind = CONFIG_REAL, .at = offsetof(struct item, member), .least = 1e-9, .most = REAL_MAX,      \
        .help = "above 0"                                                                                              \
    }
#define REQUIRED .required = true

static const struct config_field tier_fields[] = {
    HOSTS(tier_item, REQUIRED),
    { .key = "tier", .kind = CONFIG_CHOICE, .at = offsetof(struct tier_item, tier), REQUIRED, .choices = tiers },
    { .key = NULL },
};

static const struct config_field limits_fields[] = {
    HOSTS(limits_item, REQUIRED),
    REAL(limits_item, "egress", limits[LIMIT_EGRESS]),
    REAL(limits_item, "ingress", limits[LIMIT_INGRESS]),
    REAL(limits_item, "connections", limits[LIMIT_CONNECTIONS]),
    REAL(limits_item, "new_connections", limits[LIMIT_NEW_CONNECTIONS]),
    REAL(limits_item, "disk_read", limits[LIMIT_DISK_READ]),
    REAL(limits_item, "disk_write", limits[LIMIT_DISK_WRITE]),
    { .key = NULL },
};

static const struct config_field demand_fields[] = {
    HOSTS(demand_item, REQUIRED),
    TEXT(demand_item, "metric", metric, DOCUMENT_METRIC_MAX, REQUIRED, .help = "a key of docs/metrics.md"),
    REAL(demand_item, "times", times),
    REAL(demand_item, "value", value),
    { .key = "tier", .kind = CONFIG_CHOICE, .at = offsetof(struct demand_item, tier), .choices = tiers },
    { .key = "start",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct demand_item, start),
      .least = 5,
      .most = DOCUMENT_START_MAX,
      .help = "local time, 2026-12-01T20:00, or 20:00 of the first day" },
    { .key = "ramp",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct demand_item, ramp_us),
      .most = (double)DOCUMENT_DURATION_MAX_US },
    { .key = "duration",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct demand_item, duration_us),
      .most = (double)DOCUMENT_DURATION_MAX_US },
    { .key = NULL },
};

static const struct config_field step_fields[] = {
    { .key = "after",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct step_item, after_us),
      REQUIRED,
      .most = (double)DOCUMENT_AFTER_MAX_US },
    TEXT(step_item, "contacts", contacts, DOCUMENT_WORD_MAX, REQUIRED),
    { .key = NULL },
};

static const struct config_field runbook_fields[] = {
    TEXT(runbook_item, "title", title, DOCUMENT_TITLE_MAX, REQUIRED),
    TEXT(runbook_item, "url", url, DOCUMENT_URL_MAX, REQUIRED, .help = "http:// or https://"),
    { .key = NULL },
};

static const struct config_field rule_fields[] = {
    TEXT(rule_item, "rule", rule, DOCUMENT_WORD_MAX, REQUIRED),
    HOSTS(rule_item, .required = false),
    TEXT(rule_item, "above", above, DOCUMENT_WORD_MAX, .required = false),
    TEXT(rule_item, "below", below, DOCUMENT_WORD_MAX, .required = false),
    TEXT(rule_item, "clear", clear, DOCUMENT_WORD_MAX, .required = false),
    TEXT(rule_item, "hold", hold, DOCUMENT_WORD_MAX, .required = false),
    TEXT(rule_item, "severity", severity, DOCUMENT_WORD_MAX, .required = false),
    TEXT(rule_item, "page", page, DOCUMENT_WORD_MAX, .required = false),
    TEXT(rule_item, "off", off, DOCUMENT_WORD_MAX, .required = false),
    { .key = NULL },
};

#define FIELD(field, key_, kind_, member, ...)                                                                         \
    [field] = { .key = (key_),                                                                                         \
                .kind = (kind_),                                                                                       \
                .at = offsetof(struct form, member),                                                                   \
                .line_at = 1 + offsetof(struct form, line) + (field) * sizeof(int),                                    \
                __VA_ARGS__ }
#define LIST(field, key_, member, item, most_, ...)                                                                    \
    [field] = { .key = (key_),                                                                                         \
                .kind = CONFIG_LIST,                                                                                   \
                .at = offsetof(struct form, member),                                                                   \
                .most = (most_),                                                                                       \
                .items = item##_fields,                                                                                \
                .item_size = sizeof(struct item##_item),                                                               \
                .line_at = 1 + offsetof(struct item##_item, line),                                                     \
                __VA_ARGS__ }

const struct config_field document_fields[DOCUMENT_FIELD_COUNT + 1] = {
    FIELD(DOCUMENT_NAME, "name", CONFIG_TEXT, name, REQUIRED, .least = 1, .most = EVENT_NAME_MAX,
          .help = "letters, digits, dots, dashes, underscores"),
    FIELD(DOCUMENT_ZONE, "zone", CONFIG_TEXT, zone, REQUIRED, .least = 1, .most = EVENT_ZONE_MAX,
          .help = "an IANA name such as Asia/Shanghai or UTC"),
    FIELD(DOCUMENT_FIRST_DAY, "first_day", CONFIG_TEXT, first_day, REQUIRED, .least = EVENT_DAY_TEXT - 1,
          .most = EVENT_DAY_TEXT - 1, .help = "YYYY-MM-DD"),
    FIELD(DOCUMENT_DAYS, "days", CONFIG_INT, days, .least = 1, .most = EVENT_DAYS_MAX),
    FIELD(DOCUMENT_DRILL, "drill", CONFIG_BOOL, drill, .required = false),
    FIELD(DOCUMENT_PATROL, "patrol", CONFIG_DURATION, patrol_us, .least = EVENT_PATROL_LEAST_US,
          .most = EVENT_PATROL_MOST_US),
    FIELD(DOCUMENT_HOSTS, "hosts", CONFIG_TEXTS, hosts, .most = SCOPE_HOSTS_MAX,
          .help = "names and patterns, such as web-*"),
    FIELD(DOCUMENT_LABELS, "labels", CONFIG_TEXTS, labels, .most = SCOPE_LABELS_MAX, .help = "such as role=web"),
    LIST(DOCUMENT_TIERS, "tiers", tiers, tier, DOCUMENT_TIERS_MAX, .help = "hosts and tier each"),
    LIST(DOCUMENT_LIMITS, "limits", limits, limits, DOCUMENT_LIMITS_MAX, .item_defaults = &no_limits,
         .help = "hosts and their limits each"),
    LIST(DOCUMENT_DEMAND, "demand", demand, demand, DOCUMENT_DEMAND_MAX, .item_defaults = &no_demand,
         .help = "hosts, metric, and times or value each"),
    FIELD(DOCUMENT_CONTACTS, "contacts", CONFIG_TEXTS, contacts, .most = DOCUMENT_CONTACTS_MAX,
          .help = "names of contacts"),
    LIST(DOCUMENT_ESCALATION, "escalation", escalation, step, DOCUMENT_STEPS_MAX, .help = "after and contacts each"),
    FIELD(DOCUMENT_NOTES, "notes", CONFIG_TEXT, notes, .most = DOCUMENT_NOTES_MAX),
    LIST(DOCUMENT_RUNBOOKS, "runbooks", runbooks, runbook, DOCUMENT_RUNBOOKS_MAX, .help = "title and url each"),
    LIST(DOCUMENT_RULES, "rules", rules, rule, DOCUMENT_RULES_MAX, .help = "a rule and what is other about it each"),
    { .key = NULL },
};

const char *document_key(enum document_field field)
{
    return document_fields[field].key;
}

const char *document_limit_key(enum host_limit limit)
{
    return limits_fields[1 + limit].key; /* behind `hosts`, in the enum's order */
}

enum config_kind document_kind(enum document_field field)
{
    return document_fields[field].kind;
}
