/* collector/channel/channel.h - the way out: HTTP, and mail, over libcurl on the program's own loop.
 *
 * Shape    a sender has many requests under way at once; each ends in exactly one call of its callback, from the loop
 * Limits   a request takes CHANNEL_TIMEOUT_US at most (CHANNEL_CONNECT_US of it to connect), an answer is read up to
 *          CHANNEL_ANSWER_MAX bytes and so are its headers, redirects are not followed (a page must not be sent where
 *          nobody configured it), http and https alone, at most 64 connections, 4 a host
 * Proxy    none: http_proxy and its kin are not looked at, a page goes where the configuration says and nowhere else
 * Secrets  a URL may be one: no error text holds its path or query
 * Signals  the program ignores SIGPIPE: a TLS library may write to a socket its peer has closed
 * Threads  all calls and callbacks on the loop's thread; names are resolved off it by libcurl, and a name server that
 *          does not answer holds up neither the loop nor a close
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"

#define CHANNEL_TIMEOUT_US         (10 * US_PER_S)
#define CHANNEL_CONNECT_US         (3 * US_PER_S)
#define CHANNEL_RETRY_AFTER_MAX_US (86400 * US_PER_S) /* a receiver may ask for more: it is cut to a day */
enum { CHANNEL_ANSWER_MAX = 64 << 10, CHANNEL_URL_MAX = 2047 };

struct channel_sender; /* opaque */

int channel_sender_open(struct channel_sender **ret_sender, uv_loop_t *loop, struct err *err);
/* Requests under way end without their callback. The loop must run until its handles are gone. Always returns NULL. */
struct channel_sender *channel_sender_close(struct channel_sender *sender);

/* How long requests posted from now on may take: CHANNEL_TIMEOUT_US unless said otherwise. At least 1 ms. */
void channel_sender_set_timeout(struct channel_sender *sender, int64_t timeout_us);

/* A file of the authorities that certificates are checked against; NULL: the system's. Borrowed. */
void channel_sender_set_ca(struct channel_sender *sender, const char *ca);

struct channel_answer {
    int status;             /* HTTP status of a whole answer, or of one cut at CHANNEL_ANSWER_MAX; 0: none came */
    int64_t retry_after_us; /* from Retry-After (seconds or a date); 0: none */
    const char *body;       /* terminated; borrowed during the callback */
    const char *error;      /* what libcurl says when no answer came, without the URL; NULL otherwise */
    bool perhaps;           /* no answer came, but all that was to be sent had gone out: it may have been taken */
};
typedef void channel_answer_fn(void *user, const struct channel_answer *answer);

/* POSTs; everything is copied. `headers`: NULL-terminated "Name: value" lines. `forget` (may be NULL) is called instead
 * of `fn` when the sender closes first: what `user` owns can be released there.
 * -EINVAL: a URL that is not http(s) or that libcurl cannot read, or a header line with control characters; neither
 * function is called then. */
int channel_post(struct channel_sender *sender, const char *url, const char *const *headers, const char *body,
                 size_t body_len, channel_answer_fn *fn, void (*forget)(void *user), void *user, struct err *err);

/* GETs; the rest as channel_post(). */
int channel_get(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                void *user, struct err *err);

/* Connects to the URL's host, with TLS where the URL has it, and hangs up without a word: no error when that worked.
 * Always over a connection of its own, beside the limits. The rest as channel_post(). */
int channel_knock(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                  void *user, struct err *err);

/* -EINVAL: not a URL that channel_post() would take. For checking a configuration. */
int channel_url_check(const char *url, struct err *err);

enum channel_tls {
    CHANNEL_TLS_STARTTLS, /* for smtp:// when nothing is said; smtps:// is implicit whatever stands here */
    CHANNEL_TLS_IMPLICIT,
    CHANNEL_TLS_NONE
};

struct channel_mail { /* borrowed during the call */
    const char *url;  /* smtp:// or smtps:// */
    const char *user; /* NULL: no login */
    const char *password;
    enum channel_tls tls;
    const char *from, *to; /* bare addresses */
    const char *letter;    /* headers and text: whole lines that end in CR LF; NULL: no mail, the relay is only asked */
};

/* Hands a mail to a relay, all of it copied; without a letter it connects, logs in, says NOOP and leaves. The answer:
 * status 250 and no error when the relay has taken it; else an error, and as status the relay's refusal (400..599) or
 * 0. Takes up to three times what the sender gives a request.
 * -EINVAL: as channel_mail_check(); -EBUSY: 64 mails are under way to this relay. Otherwise as channel_post(). */
int channel_mail(struct channel_sender *sender, const struct channel_mail *mail, channel_answer_fn *fn,
                 void (*forget)(void *user), void *user, struct err *err);

/* -EINVAL: not a URL that channel_mail() would take, or not one for this kind of TLS: one with a login wants some. */
int channel_mail_check(const char *url, enum channel_tls tls, struct err *err);
