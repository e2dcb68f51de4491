/* warroom/command/settings.h - /etc/warroom/console.yaml: where the collector's sockets are.
 *
 * Precedence   --control and --feed; with --control alone the feed is feed.sock beside it; the file; the defaults
 */
#pragma once
#include <stdio.h>

#include "base/arena.h"
#include "warroom/command/words.h"

#define SETTINGS_FILE    "/etc/warroom/console.yaml"
#define SETTINGS_CONTROL "/run/warroom/control.sock"
#define SETTINGS_FEED    "/run/warroom/feed.sock"

struct settings { /* texts live in the arena, or as long as argv */
    const char *control;
    const char *feed;
};

/* The file at `request`'s --config must be there, the default one need not. Faults are printed to `complaints`, each
 * with its line. -EINVAL: there were some; *ret is untouched. */
int settings_read(struct settings *ret, const struct request *request, const char *default_file, struct arena *arena,
                  FILE *complaints);
