#include "base/notify.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/scan.h"

/* A service manager that takes nothing in holds the loop up for no longer. */
#define SEND_US (200 * US_PER_MS)

struct notifier {
    uv_timer_t timer;
    int fd;
    struct sockaddr_un to;
    socklen_t to_len;
    bool stopping;
};

static int64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    struct scan scan = scan_over(text, text ? strlen(text) : 0);
    int64_t number;
    return scan_i64(&scan, &number) && scan_done(&scan) && number > 0 ? number : 0;
}

struct notify_settings notify_settings_from_environment(void)
{
    bool ours = !getenv("WATCHDOG_PID") || number_of("WATCHDOG_PID") == getpid();
    return (struct notify_settings){ .socket = getenv("NOTIFY_SOCKET"),
                                     .watchdog_us = ours ? number_of("WATCHDOG_USEC") : 0 };
}

/* unix(7): an abstract name begins with a 0 and is as long as the address says. */
static int set_address(struct notifier *notifier, const char *name, struct err *err)
{
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof notifier->to.sun_path)
        return err_set(err, -EINVAL, "NOTIFY_SOCKET is no address of a socket: %s", name);
    notifier->to.sun_family = AF_UNIX;
    memcpy(notifier->to.sun_path, name, len + 1);
    notifier->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (name[0] == '@')
        notifier->to.sun_path[0] = '\0';
    else
        notifier->to_len++; /* with its terminator */
    return 0;
}

static void tell(struct notifier *notifier, const char *word)
{
    (void)!sendto(notifier->fd, word, strlen(word), MSG_NOSIGNAL, (struct sockaddr *)&notifier->to, notifier->to_len);
}

static void on_beat(uv_timer_t *timer)
{
    tell(timer->data, "WATCHDOG=1");
}

static void start_watchdog(struct notifier *notifier, int64_t watchdog_us)
{
    if (watchdog_us == 0)
        return;
    tell(notifier, "WATCHDOG=1");
    uint64_t every_ms = (uint64_t)(watchdog_us / 3 / US_PER_MS);
    uv_timer_start(&notifier->timer, on_beat, every_ms, every_ms > 0 ? every_ms : 1);
}

int notifier_open(struct notifier **ret_notifier, uv_loop_t *loop, const struct notify_settings *settings,
                  struct err *err)
{
    assert(ret_notifier && loop && settings);
    if (!settings->socket) {
        *ret_notifier = NULL;
        return 0;
    }
    AUTO(auto_free) struct notifier *notifier = calloc(1, sizeof *notifier);
    if (!notifier)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = set_address(notifier, settings->socket, err);
    if (rc < 0)
        return rc;
    notifier->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notifier->fd < 0)
        return err_sys(err, -errno, "cannot make a socket to the service manager");
    struct timeval patience = { .tv_usec = SEND_US };
    setsockopt(notifier->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience); /* cannot fail */
    uv_timer_init(loop, &notifier->timer);
    uv_unref((uv_handle_t *)&notifier->timer);
    notifier->timer.data = notifier;
    start_watchdog(notifier, settings->watchdog_us);
    *ret_notifier = TAKE(notifier);
    return 0;
}

void notifier_ready(struct notifier *notifier)
{
    if (notifier)
        tell(notifier, "READY=1");
}

void notifier_stopping(struct notifier *notifier)
{
    if (!notifier || notifier->stopping)
        return;
    notifier->stopping = true;
    tell(notifier, "STOPPING=1");
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct notifier *notifier_close(struct notifier *notifier)
{
    if (!notifier)
        return NULL;
    close(notifier->fd);
    notifier->fd = -1;
    uv_close((uv_handle_t *)&notifier->timer, on_closed);
    return NULL;
}
