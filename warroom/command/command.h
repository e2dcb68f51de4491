/* warroom/command/command.h - the console's command line: words in, a request to the collector, its answer shown.
 *
 * Shape    everything the outside gives is in struct console: a test can be the terminal, the clock and the collector
 *          Exit 0 done, 1 it failed, 2 it was not understood; what went wrong stands on `err`, and what to do about
 *          it
 * Threads  one; getopt keeps its state in the process
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"

struct feed_reader; /* proto/link/feed.h */

/* The way to the collector: control_ask() and the reader of proto/link/feed.h, whose headers say what each does. */
struct collector_line {
    int (*ask)(const char *path, const char *text, size_t len, int64_t timeout_us, char **ret_text, size_t *ret_len,
               struct err *err);
    int (*feed_open)(struct feed_reader **ret_reader, const char *path, struct err *err);
    int (*feed_read)(struct feed_reader *reader, int64_t timeout_us, char **ret_text, size_t *ret_len, struct err *err);
    struct feed_reader *(*feed_close)(struct feed_reader *reader);
};

struct console { /* all borrowed */
    FILE *in;
    FILE *out;
    FILE *err;
    bool terminal; /* `out` is one */
    bool colour;
    struct clock clock;
    const char *config_file; /* read when it is there and --config names no other */
    struct collector_line line;
    void (*pause)(int64_t us); /* waits: the collector was busy */
};

enum command_exit { COMMAND_OK = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 };
/* Those of a verb that is a monitoring plugin; 0 as above. */
enum { PLUGIN_WARNING = 1, PLUGIN_CRITICAL = 2, PLUGIN_UNKNOWN = 3 };

enum command_exit command_run(const struct console *console, int argc, char *argv[]);
