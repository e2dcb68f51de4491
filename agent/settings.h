/* agent/settings.h - what /etc/warroom/agent.yaml says.
 *
 * Shape    one table of fields (settings.c) and the checks that need more than one value; packaging/agent.yaml
 *          explains each key
 * Owner    texts and probes live in the arena handed in
 * Threads  reads a file; one caller
 */
#pragma once
#include <stdint.h>

#include "agent/probe/probe.h"
#include "base/arena.h"
#include "base/config.h"

#define SETTINGS_PATH "/etc/warroom/agent.yaml"

enum { SETTINGS_ARENA_BYTES = 4 << 20 };

struct settings_probe {
    struct probe_target target;
    int line;
};

struct settings {
    const char *identity; /* the file of who this host is (agent/identity.h) */
    int identity_line;
    int64_t interval_us; /* until the collector says otherwise */
    int64_t queue_bytes;
    const char *spool; /* its directory */
    int spool_line;
    int64_t spool_bytes;
    int64_t spool_age_us;
    int log_level;             /* enum log_level */
    struct config_list probes; /* struct settings_probe */
    const char *procfs;
    const char *sysfs;
    const char *rootfs;
};

struct settings settings_default(void);

/* -EINVAL: `faults` says why; *ret is untouched. */
int settings_read(const char *path, struct arena *arena, struct settings *ret, struct config_faults *faults);

/* The same for text in memory. */
int settings_parse(const char *name, const char *text, size_t len, struct arena *arena, struct settings *ret,
                   struct config_faults *faults);

/* Copies the probes' targets to `targets`, PROBE_TARGETS_MAX of them at most. Returns their number. */
size_t settings_targets(const struct settings *settings, struct probe_target *targets);
