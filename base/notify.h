/* base/notify.h - what the service manager is told: that we are ready, that we go, and that the loop still turns.
 *
 * Shape    one datagram a word to the socket that NOTIFY_SOCKET names: sd_notify(3)'s protocol, without its library.
 *          Nobody who wants to hear: a NULL notifier, with which everything here does nothing.
 * Watchdog a third of WATCHDOG_USEC apart, from a timer of the loop: whatever holds the loop up stops it. The timer
 *          does not keep the loop going.
 * Threads  the loop's thread
 */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

struct notifier; /* opaque */

struct notify_settings {
    const char *socket;  /* a full path, or an abstract name behind '@'; NULL: nobody wants to hear. Borrowed */
    int64_t watchdog_us; /* 0: no watchdog */
};

/* What the service manager put into the environment: a watchdog of another process is not ours. */
struct notify_settings notify_settings_from_environment(void);

/* Tells the watchdog at once: this may be a second life of the process. On 0 *ret_notifier is the caller's, or NULL.
 * -EINVAL: no address of a socket. */
int notifier_open(struct notifier **ret_notifier, uv_loop_t *loop, const struct notify_settings *settings,
                  struct err *err);

/* What cannot be told is not told again: the service manager has its own patience. */
void notifier_ready(struct notifier *notifier);
void notifier_stopping(struct notifier *notifier); /* the second time nothing is said */

/* The loop must run once more. Always returns NULL. */
struct notifier *notifier_close(struct notifier *notifier);
