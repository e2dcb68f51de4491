#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collector/channel/channel.h"
#include "collector/event/role.h"
#include "collector/parts.h"
#include "collector/watch/rules.h"
#include "proto/link/address.h"

#define DAY_US (86400.0 * US_PER_S)
#define TIB    (1024.0 * 1024 * 1024 * 1024)

static const struct config_field webhook_fields[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct webhook_config, name),
      .required = true,
      .least = 1,
      .most = CONTACT_NAME_MAX,
      .help = "what pages to it are called" },
    { .key = "url",
      .kind = CONFIG_SECRET,
      .at = offsetof(struct webhook_config, url),
      .required = true,
      .least = 1,
      .most = 2047,
      .help = "http:// or https://" },
    { .key = "tenant",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct webhook_config, tenant),
      .least = 1,
      .most = NAME_MAX_BYTES,
      .help = "only this tenant's incidents" },
    { .key = NULL },
};

static const struct config_field role_fields[] = {
    { .key = "user",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct role_config, user),
      .least = 1,
      .most = 63,
      .help = "the name of a user" },
    { .key = "group",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct role_config, group),
      .least = 1,
      .most = 63,
      .help = "the name of a group" },
    { .key = "role",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct role_config, role),
      .required = true,
      .choices = role_names },
    { .key = "tenant",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct role_config, tenant),
      .least = 1,
      .most = NAME_MAX_BYTES,
      .help = "a customer's tenant" },
    { .key = NULL },
};

static const struct config_field dead_man_fields[] = {
    { .key = "url",
      .kind = CONFIG_SECRET,
      .at = offsetof(struct dead_man_config, url),
      .required = true,
      .least = 1,
      .most = CHANNEL_URL_MAX,
      .help = "http:// or https://" },
    { .key = "every",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct dead_man_config, every_us),
      .least = 30.0 * US_PER_S,
      .most = 600.0 * US_PER_S },
    { .key = NULL },
};

static const struct config_field fields[] = {
    { .key = "listen",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, listen),
      .line_at = 1 + offsetof(struct collector_config, listen_line),
      .least = 1,
      .most = 255,
      .help = "HOST:PORT" },
    { .key = "control",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, control),
      .least = 1,
      .most = 100 },
    { .key = "feed", .kind = CONFIG_TEXT, .at = offsetof(struct collector_config, feed), .least = 1, .most = 100 },
    { .key = "console_group",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, console_group),
      .least = 1,
      .most = 32,
      .help = "the name of a group" },
    { .key = "user",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, user),
      .least = 1,
      .most = 32,
      .help = "the name of a user" },
    { .key = "state", .kind = CONFIG_TEXT, .at = offsetof(struct collector_config, state), .least = 1, .most = 1000 },
    { .key = "key",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, key),
      .line_at = 1 + offsetof(struct collector_config, key_line),
      .least = 1,
      .most = 1000,
      .help = "a file; it is made when it is not there" },
    { .key = "public",
      .kind = CONFIG_TEXTS,
      .at = offsetof(struct collector_config, public),
      .line_at = 1 + offsetof(struct collector_config, public_line),
      .least = 1,
      .most = INVITE_ADDRESSES_MAX,
      .help = "the HOST:PORT agents dial, up to four" },
    { .key = "backup",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, backup),
      .line_at = 1 + offsetof(struct collector_config, backup_line),
      .least = 2,
      .most = 1000,
      .help = "a folder's full path, of its own: /var/backups/warroom" },
    { .key = "rules",
      .kind = CONFIG_TEXTS,
      .at = offsetof(struct collector_config, rules),
      .line_at = 1 + offsetof(struct collector_config, rules_line),
      .least = 1,
      .most = RULE_FILES_MAX,
      .one_will_do = true,
      .help = "paths of rule files" },
    { .key = "plans",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, plans_folder),
      .least = 1,
      .most = 1000,
      .help = "a folder of *.yaml" },
    { .key = "calendars",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct collector_config, calendars_folder),
      .least = 1,
      .most = 1000,
      .help = "a folder of *.yaml" },
    { .key = "log_level",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct collector_config, log_level),
      .choices = log_level_names },
    { .key = "calm_interval",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct collector_config, calm_us),
      .least = INTERVAL_WINDOW_US,
      .most = INTERVAL_CALM_US },
    { .key = "keep_samples",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct collector_config, retention.samples_us),
      .least = DAY_US,
      .most = 3650 * DAY_US },
    { .key = "keep_minutes",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct collector_config, retention.minutes_us),
      .least = DAY_US,
      .most = 3650 * DAY_US },
    { .key = "keep_sketches",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct collector_config, retention.sketches_us),
      .least = DAY_US,
      .most = 3650 * DAY_US },
    { .key = "limit_connections",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.connections),
      .least = 16,
      .most = 1000000 },
    { .key = "limit_strangers",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.strangers),
      .least = 16,
      .most = 1000000 },
    { .key = "limit_strangers_of_address",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.strangers_of_address),
      .least = 1,
      .most = 1000000 },
    { .key = "limit_handshakes",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.handshakes),
      .least = 1,
      .most = 1000000 },
    { .key = "limit_handshakes_of_address",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.handshakes_of_address),
      .least = 1,
      .most = 1000000 },
    { .key = "limit_pending_bytes",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.pending_bytes),
      .least = 1048576,
      .most = TIB },
    { .key = "limit_messages",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.messages),
      .least = 2,
      .most = 1000000 },
    { .key = "limit_bytes",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.bytes),
      .least = 65536,
      .most = TIB },
    { .key = "limit_series",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.series),
      .least = 1,
      .most = SERIES_MAX },
    { .key = "limit_label_bytes",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.label_bytes),
      .least = 1,
      .most = INSTANCE_MAX },
    { .key = "limit_hosts",
      .kind = CONFIG_INT,
      .at = offsetof(struct collector_config, limits.hosts),
      .least = 1,
      .most = 1000000 },
    { .key = "limit_clock",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct collector_config, limits.skew_us),
      .least = US_PER_S,
      .most = DAY_US },
    { .key = "webhooks",
      .kind = CONFIG_LIST,
      .at = offsetof(struct collector_config, webhooks),
      .most = COLLECTOR_WEBHOOKS_MAX,
      .items = webhook_fields,
      .item_size = sizeof(struct webhook_config),
      .line_at = 1 + offsetof(struct webhook_config, line) },
    { .key = "dead_man",
      .kind = CONFIG_MAPPING,
      .at = offsetof(struct collector_config, dead_man),
      .line_at = 1 + offsetof(struct collector_config, dead_man.line),
      .items = dead_man_fields,
      .help = "url, every" },
    { .key = "channels",
      .kind = CONFIG_LIST,
      .at = offsetof(struct collector_config, people.channels),
      .most = PEOPLE_CHANNELS_MAX,
      .items = people_channel_fields,
      .item_size = sizeof(struct channel_config),
      .line_at = 1 + offsetof(struct channel_config, line) },
    { .key = "contacts",
      .kind = CONFIG_LIST,
      .at = offsetof(struct collector_config, people.contacts),
      .most = PEOPLE_CONTACTS_MAX,
      .items = people_contact_fields,
      .item_size = sizeof(struct contact_config),
      .line_at = 1 + offsetof(struct contact_config, line) },
    { .key = "oncall",
      .kind = CONFIG_LIST,
      .at = offsetof(struct collector_config, people.rotas),
      .most = PEOPLE_ROTAS_MAX,
      .items = people_rota_fields,
      .item_size = sizeof(struct rota_config),
      .line_at = 1 + offsetof(struct rota_config, line) },
    { .key = "escalations",
      .kind = CONFIG_LIST,
      .at = offsetof(struct collector_config, people.escalations),
      .most = PEOPLE_ESCALATIONS_MAX,
      .items = people_escalation_fields,
      .item_size = sizeof(struct escalation_config),
      .line_at = 1 + offsetof(struct escalation_config, line) },
    { .key = "roles",
      .kind = CONFIG_LIST,
      .at = offsetof(struct collector_config, roles),
      .most = COLLECTOR_ROLES_MAX,
      .items = role_fields,
      .item_size = sizeof(struct role_config),
      .line_at = 1 + offsetof(struct role_config, line) },
    { .key = NULL },
};

static int check_webhooks(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    int rc = 0;
    const struct webhook_config *webhooks = config->webhooks.at;
    for (size_t i = 0; i < config->webhooks.n; i++) {
        struct err err;
        if (channel_url_check(webhooks[i].url, &err) < 0)
            rc = config_fault(faults, path, webhooks[i].line, "`url`: %s", err.text);
        if (strcmp(webhooks[i].name, PAGE_LOOPBACK) == 0)
            rc = config_fault(faults, path, webhooks[i].line, "`name`: %s is kept for the collector's own heartbeats",
                              webhooks[i].name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(webhooks[i].name, webhooks[j].name) == 0)
                rc = config_fault(faults, path, webhooks[i].line, "`name`: %s stands twice", webhooks[i].name);
    }
    return rc;
}

static int check_dead_man(const char *path, const struct dead_man_config *config, struct config_faults *faults)
{
    struct err err;
    if (!config->url || channel_url_check(config->url, &err) == 0)
        return 0;
    return config_fault(faults, path, config->line, "`dead_man`: `url`: %s", err.text);
}

static int check_people(const char *path, struct collector_config *config, struct config_faults *faults)
{
    struct people_named names[COLLECTOR_WEBHOOKS_MAX];
    const struct webhook_config *webhooks = config->webhooks.at;
    for (size_t i = 0; i < config->webhooks.n; i++)
        names[i] = (struct people_named){ webhooks[i].name, webhooks[i].line };
    return people_check(path, &config->people, names, config->webhooks.n, faults);
}

static int check_roles(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    int rc = 0;
    for (size_t i = 0; i < config->roles.n; i++) {
        const struct role_config *row = (const struct role_config *)config->roles.at + i;
        if (!row->user == !row->group)
            rc = config_fault(faults, path, row->line, "a role is of a `user` or of a `group`: one of them");
        if ((row->role == ROLE_CUSTOMER) != (row->tenant != NULL))
            rc = config_fault(faults, path, row->line, "`tenant`: a customer has one, nobody else has");
    }
    return rc;
}

static int check_listen(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    struct sockaddr_storage address;
    if (address_numeric(config->listen, &address) < 0)
        return config_fault(faults, path, config->listen_line,
                            "listen: `%s` is not ADDRESS:PORT; an IPv6 address stands in brackets", config->listen);
    if (config->public.n == 0 && address_is_any(config->listen))
        return config_fault(faults, path, config->listen_line,
                            "listen: `%s` is every address of this machine: say under `public` which of them agents"
                            " dial",
                            config->listen);
    return 0;
}

static int check_public(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    int rc = 0;
    for (size_t i = 0; i < config->public.n; i++) {
        struct address address;
        const char *text = config->public.at[i];
        if (strlen(text) > TEXT_MAX || address_split(text, &address) < 0 || address.port == 0)
            rc = config_fault(faults, path, config->public_line, "public: `%s` is not HOST:PORT", text);
    }
    return rc;
}

static int read_rules(const char *path, struct collector_config *config, struct config_faults *faults)
{
    int rc = 0;
    for (size_t i = 0; i < config->rules.n; i++) {
        const char *file = config->rules.at[i];
        size_t len = strlen(file);
        if (len == 0 || len > 1000)
            rc = config_fault(faults, path, config->rules_line, "rules: a path of %zu bytes, want 1 to 1000", len);
        for (size_t j = 0; j < i; j++)
            if (strcmp(file, config->rules.at[j]) == 0)
                rc = config_fault(faults, path, config->rules_line, "rules: %s stands twice", file);
    }
    return rc < 0 ? rc : rules_read(&config->rules, config->rule_rows, &config->n_rules, config->overlays, faults);
}

/* Where it lies unless the file says so. */
static int place_key(struct collector_config *config, struct arena *arena)
{
    static const char name[] = "/collector.key";
    if (config->key)
        return 0;
    size_t len = strlen(config->state);
    char *path = arena_alloc(arena, len + sizeof name, 1);
    if (!path)
        return -ENOMEM;
    memcpy(path, config->state, len);
    memcpy(path + len, name, sizeof name);
    config->key = path;
    return 0;
}

/* A relative path would depend on where the collector was started. */
static int check_backup(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    if (!config->backup || config->backup[0] == '/')
        return 0;
    return config_fault(faults, path, config->backup_line, "backup: `%s` is not a full path", config->backup);
}

/* Who is known must find a place beside those who are not. */
static int check_limits(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    struct limits_config limits = limits_of(&config->limits);
    if (limits.strangers < limits.connections)
        return 0;
    return config_fault(faults, path, 0,
                        "limit_strangers: %" PRId64 " is not less than limit_connections (%" PRId64
                        "): strangers could take all places",
                        limits.strangers, limits.connections);
}

static double days(int64_t us)
{
    return (double)us / DAY_US;
}

/* A tier that went before what it is made of would be made once more of what is sent again. What was not set is kept as
 * long as the store has it. */
static int check_retention(const char *path, const struct collector_config *config, struct config_faults *faults)
{
    struct store_retention kept = store_retention_of(&config->retention);
    int rc = 0;
    if (kept.minutes_us < kept.samples_us)
        rc = config_fault(
            faults, path, 0,
            "keep_minutes: %gd is shorter than keep_samples (%gd): what is stored would be forgotten before"
            " its samples",
            days(kept.minutes_us), days(kept.samples_us));
    if (kept.sketches_us < kept.minutes_us)
        rc = config_fault(faults, path, 0,
                          "keep_sketches: %gd is shorter than keep_minutes (%gd): what is stored would be forgotten"
                          " before its minutes",
                          days(kept.sketches_us), days(kept.minutes_us));
    return rc;
}

int collector_config_read(const char *path, struct collector_config *ret, struct arena *arena,
                          struct config_faults *faults)
{
    static const char *shipped[] = { RULES_FOLDER "/normal.yaml", RULES_FOLDER "/assurance.yaml" };
    struct collector_config config = {
        .listen = "127.0.0.1:9740",
        .control = "/run/warroom/control.sock",
        .feed = "/run/warroom/feed.sock",
        .state = "/var/lib/warroom",
        .rules = { .n = sizeof shipped / sizeof shipped[0], .at = shipped },
        .log_level = LOG_INFO,
        .dead_man = { .every_us = 60 * US_PER_S },
    };
    int rc = config_read(path, fields, &config, sizeof config, arena, faults);
    if (rc < 0)
        return rc;
    rc = check_listen(path, &config, faults);
    if (check_public(path, &config, faults) < 0)
        rc = -EINVAL;
    if (check_roles(path, &config, faults) < 0 || check_people(path, &config, faults) < 0)
        rc = -EINVAL;
    if (check_webhooks(path, &config, faults) < 0 || check_backup(path, &config, faults) < 0)
        rc = -EINVAL;
    if (check_dead_man(path, &config.dead_man, faults) < 0)
        rc = -EINVAL;
    if (check_retention(path, &config, faults) < 0 || check_limits(path, &config, faults) < 0)
        rc = -EINVAL;
    config.rule_rows = arena_alloc(arena, RULES_MAX, sizeof *config.rule_rows);
    config.overlays = arena_alloc(arena, 1, sizeof *config.overlays);
    if (!config.rule_rows || !config.overlays || place_key(&config, arena) < 0)
        return config_fault(faults, path, 0, "out of memory");
    int rules_rc = read_rules(path, &config, faults);
    int shelf_rc = shelf_read(&config, arena, faults);
    if (rc < 0 || rules_rc < 0 || shelf_rc < 0)
        return -EINVAL;
    *ret = config;
    return 0;
}
