/* collector/channel/channel.h - the way out: HTTP by libcurl's multi interface on the program's own loop.
 *
 * Shape    a sender has many requests under way at once; each ends in exactly one call of its callback, from the loop
 * Limits   a request takes CHANNEL_TIMEOUT_US at most, an answer is read up to CHANNEL_ANSWER_MAX bytes, redirects are
 * not followed (a page must not be sent where nobody configured it), at most 64 connections, 4 a host Secrets  URLs are
 * never logged whole: channel_url_shown() Threads  all calls and callbacks on the loop's thread; names are resolved off
 * it by libcurl
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "collector/page/page.h"

#define CHANNEL_TIMEOUT_US (INT64_C(10) * 1000000)
enum { CHANNEL_ANSWER_MAX = 64 << 10, CHANNEL_URL_MAX = 2047 };

struct channel_sender; /* opaque */

int channel_sender_open(struct channel_sender **ret_sender, uv_loop_t *loop, struct err *err);
/* Requests under way end without their callback. The loop must run until its handles are gone. Always returns NULL. */
struct channel_sender *channel_sender_close(struct channel_sender *sender);

struct channel_answer {
    int status;             /* HTTP status; 0: none came */
    int64_t retry_after_us; /* from Retry-After (seconds or a date); 0: none */
    const char *body;       /* terminated; borrowed during the callback */
    size_t body_len;
    const char *error; /* what libcurl says when no answer came, without the URL; NULL otherwise */
};
typedef void channel_answer_fn(void *user, const struct channel_answer *answer);

/* POSTs; everything is copied. `headers`: NULL-terminated "Name: value" lines. -EINVAL: a URL libcurl cannot read. */
int channel_post(struct channel_sender *sender, const char *url, const char *const *headers, const char *body,
                 size_t body_len, channel_answer_fn *fn, void *user, struct err *err);

/* "https://host:port/..." for logs: scheme, host and port only. Returns `text`. */
char *channel_url_shown(char *text, size_t size, const char *url);
