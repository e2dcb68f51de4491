/* warroom - the experts' console. */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/link/control.h"
#include "proto/link/feed.h"
#include "warroom/command/command.h"
#include "warroom/command/settings.h"

static void pause_for(int64_t us)
{
    const struct timespec span = { .tv_sec = us / US_PER_S, .tv_nsec = us % US_PER_S * NS_PER_US };
    nanosleep(&span, NULL);
}

int main(int argc, char *argv[])
{
    /* Widths of characters only: figures and messages are the same everywhere. Part of glibc, so always there. */
    setlocale(LC_CTYPE, "C.UTF-8");
    bool terminal = isatty(STDOUT_FILENO);
    const char *no_colour = getenv("NO_COLOR"); /* no-color.org: any value but the empty one */
    const char *term = getenv("TERM");
    const struct console console = {
        .in = stdin,
        .out = stdout,
        .err = stderr,
        .terminal = terminal,
        .colour = terminal && !(no_colour && no_colour[0]) && !(term && strcmp(term, "dumb") == 0),
        .clock = clock_system(),
        .config_file = SETTINGS_FILE,
        .line = { control_ask, feed_reader_open, feed_read, feed_reader_close },
        .pause = pause_for,
    };
    return argc > 0 ? (int)command_run(&console, argc, argv) : COMMAND_USAGE;
}
