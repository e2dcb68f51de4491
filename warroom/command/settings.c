#include "warroom/command/settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/config.h"

/* A socket's path must fit struct sockaddr_un. */
#define PATH_HELP "the path of a local socket, at most 107 bytes"
enum { SOCKET_PATH_MAX = sizeof((struct sockaddr_un *)0)->sun_path - 1 };

static const struct config_field fields[] = {
    { .key = "control",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct settings, control),
      .least = 1,
      .most = SOCKET_PATH_MAX,
      .help = PATH_HELP },
    { .key = "feed",
      .kind = CONFIG_TEXT,
      .at = offsetof(struct settings, feed),
      .least = 1,
      .most = SOCKET_PATH_MAX,
      .help = PATH_HELP },
    { .key = NULL },
};

/* "/x/control.sock" -> "/x/feed.sock". */
static const char *feed_beside(const char *control, struct arena *arena)
{
    static const char name[] = "feed.sock";
    const char *slash = strrchr(control, '/');
    size_t len = slash ? (size_t)(slash + 1 - control) : 0;
    char *path = arena_alloc(arena, len + sizeof name, 1);
    if (!path)
        return SETTINGS_FEED;
    memcpy(path, control, len);
    memcpy(path + len, name, sizeof name);
    return path;
}

static int read_file(struct settings *settings, const char *path, struct arena *arena, FILE *complaints)
{
    struct config_faults faults = { 0 };
    if (config_read(path, fields, settings, sizeof *settings, arena, &faults) == 0)
        return 0;
    config_faults_print(&faults, complaints);
    return -EINVAL;
}

int settings_read(struct settings *ret, const struct request *request, const char *default_file, struct arena *arena,
                  FILE *complaints)
{
    struct settings settings = { SETTINGS_CONTROL, SETTINGS_FEED };
    const char *file = request->config ? request->config : default_file;
    if (request->config || access(file, F_OK) == 0) {
        int rc = read_file(&settings, file, arena, complaints);
        if (rc < 0)
            return rc;
    }
    if (request->control) {
        settings.control = request->control;
        settings.feed = feed_beside(request->control, arena);
    }
    if (request->feed)
        settings.feed = request->feed;
    *ret = settings;
    return 0;
}
