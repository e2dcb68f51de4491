/* collector/channel/multi.h - libcurl's multi interface on a uv loop: its sockets are polled, its timer is kept.
 *
 * Shape    easy handles go in, each comes out once through `done`; what they carry is the caller's story (channel.c,
 *          mail.c)
 * Owner    easy handles stay the caller's; one that was added must be removed before it is freed or the multi closed
 * Threads  the loop's thread
 */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "base/err.h"

struct multi; /* opaque */

/* The handle has ended and is out of the multi already, unless it keeps them. Called from the loop; may add, remove and
 * close. */
typedef void multi_done_fn(void *user, CURL *easy, CURLcode result);

struct multi_limits {
    long connections, host_connections; /* 0: none */
    /* Ended handles stay in until they are removed, and with one that only connects its connection. */
    bool keep;
};
int multi_open(struct multi **ret_multi, uv_loop_t *loop, const struct multi_limits *limits, multi_done_fn *done,
               void *user, struct err *err);

/* `done` comes later, never from within this call. -ENOMEM. */
int multi_add(struct multi *multi, CURL *easy, struct err *err);
void multi_remove(struct multi *multi, CURL *easy);

/* Closes idle connections; the loop must run until the handles are gone. NULL is fine. Always returns NULL. */
struct multi *multi_close(struct multi *multi);
