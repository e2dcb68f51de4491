#include "agent/settings.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "agent/spool/spool.h"
#include "base/clock.h"
#include "base/log.h"
#include "proto/codec/message.h"

static const struct settings_probe probe_defaults = {
    .target = {
        .every_us = 10 * US_PER_S,
        .count = 5,
        .spacing_us = 200 * US_PER_MS,
        .timeout_us = US_PER_S,
    },
};

#define TARGET(field) (offsetof(struct settings_probe, target) + offsetof(struct probe_target, field))

static const struct config_field probe_fields[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .at = TARGET(name),
      .required = true,
      .least = 1,
      .most = INSTANCE_MAX,
      .help = "the name its series carry" },
    { .key = "address",
      .kind = CONFIG_TEXT,
      .at = TARGET(address),
      .required = true,
      .least = 1,
      .most = 300,
      .help = "HOST:PORT" },
    { .key = "every",
      .kind = CONFIG_DURATION,
      .at = TARGET(every_us),
      .least = 100.0 * US_PER_MS,
      .most = 3600.0 * US_PER_S },
    { .key = "count", .kind = CONFIG_INT, .at = TARGET(count), .least = 1, .most = PROBE_COUNT_MAX },
    { .key = "spacing", .kind = CONFIG_DURATION, .at = TARGET(spacing_us), .least = 1, .most = 60.0 * US_PER_S },
    { .key = "timeout",
      .kind = CONFIG_DURATION,
      .at = TARGET(timeout_us),
      .least = 1.0 * US_PER_MS,
      .most = 60.0 * US_PER_S },
    { .key = NULL },
};

#define JOINED "is learnt by `warroom-agent join` now: remove this line"

static const struct config_field fields[] = {
    { .key = "identity",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct settings, identity),
      .least = 1,
      .most = 4000,
      .line_at = 1 + offsetof(struct settings, identity_line),
      .help = "a file" },
    { .key = "interval",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct settings, interval_us),
      .least = 100.0 * US_PER_MS,
      .most = 3600.0 * US_PER_S },
    { .key = "queue",
      .kind = CONFIG_INT,
      .at = offsetof(struct settings, queue_bytes),
      .least = 256 << 10,
      .most = 1 << 30,
      .help = "bytes" },
    { .key = "spool",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct settings, spool),
      .least = 1,
      .most = 4000,
      .line_at = 1 + offsetof(struct settings, spool_line),
      .help = "a directory" },
    { .key = "spool_size",
      .kind = CONFIG_INT,
      .at = offsetof(struct settings, spool_bytes),
      .least = SPOOL_SIZE_MIN,
      .most = 1LL << 40,
      .help = "bytes" },
    { .key = "spool_age",
      .kind = CONFIG_DURATION,
      .at = offsetof(struct settings, spool_age_us),
      .least = 60.0 * US_PER_S,
      .most = 366.0 * 86400 * US_PER_S },
    { .key = "log_level",
      .kind = CONFIG_CHOICE,
      .at = offsetof(struct settings, log_level),
      .choices = log_level_names },
    { .key = "probes",
      .kind = CONFIG_LIST,
      .at = offsetof(struct settings, probes),
      .most = PROBE_TARGETS_MAX,
      .items = probe_fields,
      .item_size = sizeof(struct settings_probe),
      .item_defaults = &probe_defaults,
      .line_at = 1 + offsetof(struct settings_probe, line) },
    { .key = "procfs", .kind = CONFIG_TEXT, .at = offsetof(struct settings, procfs), .least = 1, .most = 4095 },
    { .key = "sysfs", .kind = CONFIG_TEXT, .at = offsetof(struct settings, sysfs), .least = 1, .most = 4095 },
    { .key = "rootfs", .kind = CONFIG_TEXT, .at = offsetof(struct settings, rootfs), .least = 1, .most = 4095 },
    { .key = "collector", .kind = CONFIG_GONE, .help = JOINED },
    { .key = "host", .kind = CONFIG_GONE, .help = JOINED },
    { .key = NULL },
};

struct settings settings_default(void)
{
    return (struct settings){
        .interval_us = 10 * US_PER_S,
        .queue_bytes = 8 << 20,
        .identity = "/var/lib/warroom-agent/identity",
        .spool = "/var/lib/warroom-agent/spool",
        .spool_bytes = 256 << 20,
        .spool_age_us = 7 * 86400 * US_PER_S,
        .log_level = LOG_INFO,
        .procfs = "/proc",
        .sysfs = "/sys",
        .rootfs = "/",
    };
}

static const struct settings_probe *probe_at(const struct settings *settings, size_t i)
{
    return (const struct settings_probe *)settings->probes.at + i;
}

static void check_probes(const struct settings *settings, const char *name, struct config_faults *faults)
{
    for (size_t i = 0; i < settings->probes.n; i++) {
        const struct settings_probe *probe = probe_at(settings, i);
        struct err err;
        if (probe_target_check(&probe->target, &err) < 0)
            config_fault(faults, name, probe->line, "%s", err.text);
        for (size_t j = 0; j < i; j++)
            if (strcmp(probe->target.name, probe_at(settings, j)->target.name) == 0)
                config_fault(faults, name, probe->line, "probe %s: the name is taken by the probe in line %d",
                             probe->target.name, probe_at(settings, j)->line);
    }
}

/* They are looked for at any time, whatever directory the agent was started in. */
static void check_path(const char *key, const char *path, int line, const char *name, struct config_faults *faults)
{
    if (path[0] != '/')
        config_fault(faults, name, line, "%s: `%s` is no absolute path", key, path);
}

static int check(const struct settings *settings, const char *name, struct config_faults *faults)
{
    check_path("identity", settings->identity, settings->identity_line, name, faults);
    check_path("spool", settings->spool, settings->spool_line, name, faults);
    check_probes(settings, name, faults);
    return faults->n > 0 ? -EINVAL : 0;
}

int settings_parse(const char *name, const char *text, size_t len, struct arena *arena, struct settings *ret,
                   struct config_faults *faults)
{
    assert(name && text && arena && ret && faults);
    struct settings settings = settings_default();
    int rc = config_parse(name, text, len, fields, &settings, sizeof settings, arena, faults);
    if (rc == 0)
        rc = check(&settings, name, faults);
    if (rc < 0)
        return rc;
    *ret = settings;
    return 0;
}

int settings_read(const char *path, struct arena *arena, struct settings *ret, struct config_faults *faults)
{
    assert(path && arena && ret && faults);
    struct settings settings = settings_default();
    int rc = config_read(path, fields, &settings, sizeof settings, arena, faults);
    if (rc == 0)
        rc = check(&settings, path, faults);
    if (rc < 0)
        return rc;
    *ret = settings;
    return 0;
}

size_t settings_targets(const struct settings *settings, struct probe_target *targets)
{
    for (size_t i = 0; i < settings->probes.n; i++)
        targets[i] = probe_at(settings, i)->target;
    return settings->probes.n;
}
