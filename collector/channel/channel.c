#include "collector/channel/channel.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "collector/channel/mail.h"
#include "collector/channel/multi.h"
#include "utlist.h"

enum { CONNECTIONS = 64, HOST_CONNECTIONS = 4 };

enum method { METHOD_POST, METHOD_GET, METHOD_KNOCK };

struct wanted { /* a request, as it was asked for */
    enum method method;
    const char *url;
    const char *const *headers;
    const char *body;
    size_t body_len;
};

struct channel_sender {
    struct multi *multi;
    struct multi *knocks; /* requests that only connect: no page waits for them, nor they for a page */
    struct mails *mails;
    struct request *requests; /* under way */
    int64_t timeout_us;
    const char *ca; /* NULL: the system's */
};

struct request {
    struct channel_sender *sender;
    struct multi *multi; /* it is in */
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    size_t body_len;
    char *answer; /* terminated once there is any */
    size_t answer_len;
    size_t answer_room;
    size_t header_bytes;
    bool cut;          /* the answer went on past CHANNEL_ANSWER_MAX */
    bool headers_long; /* its headers did */
    char error[CURL_ERROR_SIZE];
    channel_answer_fn *fn;
    void (*forget)(void *user);
    void *user;
    struct request *next, *prev;
};

static struct request *request_free(struct request *request)
{
    if (!request)
        return NULL;
    curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    free(request->body);
    free(request->answer);
    free(request);
    return NULL;
}

static void request_undo(struct request **request)
{
    request_free(*request);
}

static void url_undo(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void part_undo(char **part)
{
    curl_free(*part);
}

/* Grows by doubling: most answers are a few bytes. One byte is kept for the terminator. */
static bool answer_reserve(struct request *request, size_t len)
{
    size_t need = request->answer_len + len + 1;
    if (need <= request->answer_room)
        return true;
    size_t room = request->answer_room ? request->answer_room : 256;
    while (room < need)
        room *= 2;
    char *answer = realloc(request->answer, room);
    if (!answer)
        return false;
    request->answer = answer;
    request->answer_room = room;
    return true;
}

/* curl's write callback: taking less than came ends the transfer with CURLE_WRITE_ERROR. */
static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    struct request *request = user;
    size_t len = size * n;
    size_t room = CHANNEL_ANSWER_MAX - request->answer_len;
    size_t taken = len < room ? len : room;
    request->cut = taken < len;
    if (!answer_reserve(request, taken))
        return 0;
    memcpy(request->answer + request->answer_len, bytes, taken);
    request->answer_len += taken;
    request->answer[request->answer_len] = '\0';
    return taken;
}

/* libcurl bounds a header line but not (before 8.3) how many there are, and keeps them all. */
static size_t count_header(char *bytes, size_t size, size_t n, void *user)
{
    struct request *request = user;
    (void)bytes;
    request->header_bytes += size * n;
    request->headers_long = request->header_bytes > CHANNEL_ANSWER_MAX;
    return request->headers_long ? 0 : n * size;
}

/* libcurl's texts for a code are constant. Its buffer for one transfer says more but may quote the URL, so only what it
 * says of certificates is taken: names and dates. */
static const char *error_text(struct request *request, CURLcode result)
{
    if (request->headers_long)
        return "the answer's headers are too long";
    if (result == CURLE_PEER_FAILED_VERIFICATION && request->error[0])
        return request->error;
    long os_errno = 0;
    curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &os_errno);
    const char *reason = os_errno > 0 && result == CURLE_COULDNT_CONNECT ? strerrordesc_np((int)os_errno) : NULL;
    if (!reason)
        return curl_easy_strerror(result);
    snprintf(request->error, sizeof request->error, "%s: %s", curl_easy_strerror(result), reason);
    return request->error;
}

static int64_t retry_after_us(CURL *easy)
{
    curl_off_t seconds = 0; /* curl has turned a date into seconds from now; one in the past is negative */
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0)
        return 0;
    if (seconds > CHANNEL_RETRY_AFTER_MAX_US / US_PER_S)
        return CHANNEL_RETRY_AFTER_MAX_US;
    return (int64_t)seconds * US_PER_S;
}

static bool went_out(const struct request *request)
{
    curl_off_t sent = 0;
    curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    return request->body_len > 0 && sent >= (curl_off_t)request->body_len;
}

static void on_done(void *user, CURL *easy, CURLcode result)
{
    struct channel_sender *sender = user;
    char *private = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    AUTO(request_undo) struct request *request = (struct request *)(void *)private;
    DL_DELETE(sender->requests, request);
    struct channel_answer answer = { .body = "" };
    if (request->answer)
        answer.body = request->answer;
    if (result == CURLE_OK || (result == CURLE_WRITE_ERROR && request->cut)) {
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        answer.status = (int)status;
        answer.retry_after_us = retry_after_us(easy);
    } else {
        answer.error = error_text(request, result);
        answer.perhaps = went_out(request);
    }
    request->fn(request->user, &answer); /* may post again, or close the sender: nothing of it is touched after */
}

int channel_sender_open(struct channel_sender **ret_sender, uv_loop_t *loop, struct err *err)
{
    assert(ret_sender && loop);
    AUTO(auto_free) struct channel_sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return err_set(err, -ENOMEM, "channel: out of memory");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) /* counted by libcurl: once a sender */
        return err_set(err, -ENOMEM, "channel: libcurl cannot start");
    sender->timeout_us = CHANNEL_TIMEOUT_US;
    static const struct multi_limits limits = { CONNECTIONS, HOST_CONNECTIONS, false };
    static const struct multi_limits knocks_limits = { .keep = false };
    int rc = mails_open(&sender->mails, loop, err);
    if (rc == 0)
        rc = multi_open(&sender->knocks, loop, &knocks_limits, on_done, sender, err);
    if (rc == 0)
        rc = multi_open(&sender->multi, loop, &limits, on_done, sender, err);
    if (rc < 0) {
        multi_close(sender->knocks);
        mails_close(sender->mails);
        curl_global_cleanup();
        return rc;
    }
    *ret_sender = TAKE(sender);
    return 0;
}

struct channel_sender *channel_sender_close(struct channel_sender *sender)
{
    if (!sender)
        return NULL;
    struct request *request, *after;
    DL_FOREACH_SAFE(sender->requests, request, after)
    {
        DL_DELETE(sender->requests, request);
        multi_remove(request->multi, request->easy);
        if (request->forget)
            request->forget(request->user);
        request_free(request);
    }
    multi_close(sender->multi);
    multi_close(sender->knocks);
    mails_close(sender->mails);
    curl_global_cleanup();
    free(sender);
    return NULL;
}

void channel_sender_set_timeout(struct channel_sender *sender, int64_t timeout_us)
{
    assert(timeout_us >= US_PER_MS);
    sender->timeout_us = timeout_us;
}

void channel_sender_set_ca(struct channel_sender *sender, const char *ca)
{
    sender->ca = ca;
}

/* -EINVAL: too long, or none that libcurl can read. The scheme is freed by curl_free(). */
static int url_scheme(CURLU *parsed, const char *url, char **ret_scheme, struct err *err)
{
    if (!parsed)
        return err_set(err, -ENOMEM, "channel: out of memory");
    size_t len = strnlen(url, CHANNEL_URL_MAX + 1);
    if (len > CHANNEL_URL_MAX)
        return err_set(err, -EINVAL, "the URL is longer than %d bytes", CHANNEL_URL_MAX);
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(parsed, CURLUPART_SCHEME, ret_scheme, 0);
    return code == CURLUE_OK ? 0 : err_set(err, -EINVAL, "not a URL: %s", curl_url_strerror(code));
}

int channel_url_check(const char *url, struct err *err)
{
    AUTO(url_undo) CURLU *parsed = curl_url();
    AUTO(part_undo) char *scheme = NULL;
    int rc = url_scheme(parsed, url, &scheme, err);
    if (rc < 0)
        return rc;
    assert(scheme);
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return err_set(err, -EINVAL, "the URL must begin with http:// or https://");
    return 0;
}

static bool has_login(CURLU *url)
{
    AUTO(part_undo) char *user = NULL;
    AUTO(part_undo) char *password = NULL;
    return curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_NO_USER ||
           curl_url_get(url, CURLUPART_PASSWORD, &password, 0) != CURLUE_NO_PASSWORD;
}

int channel_mail_check(const char *url, enum channel_tls tls, struct err *err)
{
    AUTO(url_undo) CURLU *parsed = curl_url();
    AUTO(part_undo) char *scheme = NULL;
    int rc = url_scheme(parsed, url, &scheme, err);
    if (rc < 0)
        return rc;
    assert(scheme);
    bool implicit = strcmp(scheme, "smtps") == 0;
    if (!implicit && strcmp(scheme, "smtp") != 0)
        return err_set(err, -EINVAL, "the URL must begin with smtp:// or smtps://");
    if (!implicit && tls == CHANNEL_TLS_IMPLICIT)
        return err_set(err, -EINVAL, "TLS from the first byte on is smtps://");
    if (implicit && tls == CHANNEL_TLS_NONE)
        return err_set(err, -EINVAL, "smtps:// is not without TLS");
    if (tls == CHANNEL_TLS_NONE && has_login(parsed))
        return err_set(err, -EINVAL, "a password goes out over TLS alone");
    return 0;
}

int channel_mail(struct channel_sender *sender, const struct channel_mail *mail, channel_answer_fn *fn,
                 void (*forget)(void *user), void *user, struct err *err)
{
    assert(sender && mail && fn);
    int rc = channel_mail_check(mail->url, mail->tls, err);
    return rc < 0 ? rc : mails_send(sender->mails, mail, sender->timeout_us, sender->ca, fn, forget, user, err);
}

static int add_header(struct request *request, const char *line, struct err *err)
{
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) /* a line feed would begin a header of somebody else's choice */
            return err_set(err, -EINVAL, "channel: a control character in a header");
    struct curl_slist *headers = curl_slist_append(request->headers, line);
    if (!headers)
        return err_set(err, -ENOMEM, "channel: out of memory");
    request->headers = headers;
    return 0;
}

/* Options that only fail for lack of memory; the first failure is kept. */
#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        if (code == CURLE_OK)                                                                                          \
            code = curl_easy_setopt(request->easy, (option), (value));                                                 \
    } while (0)

static int set_policy(struct request *request, struct err *err)
{
    CURLcode code = CURLE_OK;
    int64_t timeout_us = request->sender->timeout_us;
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* "": not even from the environment */
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (request->sender->ca)
        SET(CURLOPT_CAINFO, request->sender->ca);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* Without it a time-out while a name is resolved waits for the resolver's thread, on our loop. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)(timeout_us / US_PER_MS));
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)((timeout_us < CHANNEL_CONNECT_US ? timeout_us : CHANNEL_CONNECT_US) / US_PER_MS));
    if (code != CURLE_OK)
        return err_set(err, -EIO, "channel: libcurl refuses an option: %s", curl_easy_strerror(code));
    return 0;
}

/* What it sends, if anything. */
static CURLcode set_method(struct request *request, enum method method, size_t body_len)
{
    CURLcode code = CURLE_OK;
    switch (method) {
    case METHOD_POST:
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, request->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_len);
        break;
    case METHOD_GET:
        SET(CURLOPT_HTTPGET, 1L);
        break;
    case METHOD_KNOCK:
        SET(CURLOPT_CONNECT_ONLY, 1L); /* never over a connection that is there already */
        break;
    }
    return code;
}

static int set_content(struct request *request, const char *url, struct err *err)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_URL, url);
    SET(CURLOPT_USERAGENT, "warroom/" WARROOM_VERSION);
    SET(CURLOPT_HTTPHEADER, request->headers);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, request);
    SET(CURLOPT_HEADERFUNCTION, count_header);
    SET(CURLOPT_HEADERDATA, request);
    SET(CURLOPT_ERRORBUFFER, request->error);
    SET(CURLOPT_PRIVATE, request);
    if (code != CURLE_OK)
        return err_set(err, -ENOMEM, "channel: libcurl refuses a request: %s", curl_easy_strerror(code));
    return 0;
}

static int add_headers(struct request *request, const char *const *lines, struct err *err)
{
    int rc = add_header(request, "Expect:", err); /* no "100 Continue" to wait for */
    for (const char *const *line = lines; rc == 0 && *line; line++)
        rc = add_header(request, *line, err);
    return rc;
}

/* NULL: out of memory. */
static struct request *request_new(struct channel_sender *sender, const struct wanted *wanted)
{
    AUTO(request_undo) struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->sender = sender;
    request->multi = wanted->method == METHOD_KNOCK ? sender->knocks : sender->multi;
    request->easy = curl_easy_init();
    request->body = malloc(wanted->body_len + 1);
    if (!request->easy || !request->body)
        return NULL;
    memcpy(request->body, wanted->body, wanted->body_len);
    request->body_len = wanted->body_len;
    return TAKE(request);
}

static int begin(struct channel_sender *sender, const struct wanted *wanted, channel_answer_fn *fn,
                 void (*forget)(void *user), void *user, struct err *err)
{
    assert(sender && wanted->url && fn);
    int rc = channel_url_check(wanted->url, err);
    if (rc < 0)
        return rc;
    AUTO(request_undo) struct request *request = request_new(sender, wanted);
    if (!request)
        return err_set(err, -ENOMEM, "channel: out of memory");
    request->fn = fn;
    request->forget = forget;
    request->user = user;
    rc = add_headers(request, wanted->headers, err);
    if (rc == 0)
        rc = set_policy(request, err);
    if (rc == 0 && set_method(request, wanted->method, wanted->body_len) != CURLE_OK)
        rc = err_set(err, -ENOMEM, "channel: libcurl refuses a method");
    if (rc == 0)
        rc = set_content(request, wanted->url, err);
    if (rc == 0)
        rc = multi_add(request->multi, request->easy, err);
    if (rc < 0)
        return rc;
    DL_APPEND(sender->requests, request);
    request = NULL; /* the sender's now: on_done() or a close frees it */
    return 0;
}

int channel_post(struct channel_sender *sender, const char *url, const char *const *headers, const char *body,
                 size_t body_len, channel_answer_fn *fn, void (*forget)(void *user), void *user, struct err *err)
{
    const struct wanted wanted = { METHOD_POST, url, headers, body, body_len };
    return begin(sender, &wanted, fn, forget, user, err);
}

static const char *const no_headers[] = { NULL };

int channel_get(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                void *user, struct err *err)
{
    const struct wanted wanted = { METHOD_GET, url, no_headers, "", 0 };
    return begin(sender, &wanted, fn, forget, user, err);
}

int channel_knock(struct channel_sender *sender, const char *url, channel_answer_fn *fn, void (*forget)(void *user),
                  void *user, struct err *err)
{
    const struct wanted wanted = { METHOD_KNOCK, url, no_headers, "", 0 };
    return begin(sender, &wanted, fn, forget, user, err);
}
