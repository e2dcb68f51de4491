/* A mail goes through three hands. libcurl's multi makes the connection (CONNECT_ONLY: for SMTP that includes the
 * greeting, STARTTLS and AUTH) and keeps it as long as its handle stays in. Then a uv_poll of our own, on the same
 * socket, which curl has stopped looking at, carries the dialogue by curl_easy_send() and curl_easy_recv(), both of
 * which never wait. At the end the handle is removed, and the connection closes with it. */
#include "collector/channel/mail.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/channel/dialogue.h"
#include "collector/channel/multi.h"
#include "utlist.h"

struct mails {
    uv_loop_t *loop;
    struct multi *multi;
    struct mail *under_way;
};

struct mail {
    struct mails *mails;
    CURL *easy;
    char *url;
    char *from, *to, *letter; /* the dialogue's */
    struct dialogue dialogue;
    char *words; /* that go out */
    size_t said, len;
    uv_poll_t poll;
    uv_timer_t timer;
    unsigned handles; /* of the two, not yet closed */
    int64_t patience_us;
    char error[CURL_ERROR_SIZE];
    channel_answer_fn *fn;
    void (*forget)(void *user);
    void *user;
    struct mail *next, *prev;
};

static struct mail *mail_free(struct mail *mail)
{
    if (!mail)
        return NULL;
    curl_easy_cleanup(mail->easy);
    free(mail->url);
    free(mail->from);
    free(mail->to);
    free(mail->letter);
    free(mail->words);
    free(mail);
    return NULL;
}

static void mail_undo(struct mail **mail)
{
    mail_free(*mail);
}

static void on_closed(uv_handle_t *handle)
{
    struct mail *mail = handle->data;
    if (--mail->handles == 0)
        mail_free(mail);
}

/* Lets go of it; its memory goes when its handles are closed. */
static void end(struct mail *mail)
{
    struct mails *mails = mail->mails;
    DL_DELETE(mails->under_way, mail);
    if (mail->handles > 1) {
        uv_poll_stop(&mail->poll); /* now: curl closes the descriptor next */
        uv_close((uv_handle_t *)&mail->poll, on_closed);
    }
    uv_close((uv_handle_t *)&mail->timer, on_closed);
    multi_remove(mails->multi, mail->easy);
}

static void finish(struct mail *mail, int status, const char *error)
{
    struct channel_answer answer = { .status = status, .body = "" };
    channel_answer_fn *fn = mail->fn;
    void *user = mail->user;
    char text[CURL_ERROR_SIZE]; /* what is said may be the mail's own */
    if (error) {
        snprintf(text, sizeof text, "%s", error);
        answer.error = text;
        answer.perhaps = mail->dialogue.state == DIALOGUE_END && mail->said == mail->len;
    }
    end(mail);
    fn(user, &answer); /* may send again, or close the sender: nothing of it is touched after */
}

static void on_late(uv_timer_t *timer)
{
    static const char *const waited_for[] = {
        [DIALOGUE_MAIL] = "the relay does not answer to MAIL",
        [DIALOGUE_RCPT] = "the relay does not answer to RCPT",
        [DIALOGUE_DATA] = "the relay does not answer to DATA",
        [DIALOGUE_END] = "the relay does not say whether it has taken the mail",
        [DIALOGUE_NOOP] = "the relay does not answer to NOOP",
    };
    struct mail *mail = timer->data;
    finish(mail, 0, waited_for[mail->dialogue.state]);
}

static void on_socket(uv_poll_t *poll, int status, int events);

/* Says what is to be said as far as the socket takes it. */
static int speak(struct mail *mail)
{
    CURLcode code = CURLE_OK;
    while (mail->said < mail->len && code == CURLE_OK) {
        size_t n = 0;
        code = curl_easy_send(mail->easy, mail->words + mail->said, mail->len - mail->said, &n);
        mail->said += n;
    }
    if (code != CURLE_OK && code != CURLE_AGAIN)
        return -EIO;
    int events = UV_READABLE | (mail->said < mail->len ? UV_WRITABLE : 0);
    return uv_poll_start(&mail->poll, events, on_socket);
}

static int speak_next(struct mail *mail)
{
    free(mail->words);
    mail->words = dialogue_say(&mail->dialogue);
    mail->said = 0;
    mail->len = mail->words ? strlen(mail->words) : 0;
    return mail->words ? speak(mail) : -ENOMEM;
}

static void hang_up(struct mail *mail)
{
    static const char *const refused[] = {
        [DIALOGUE_MAIL] = "the sender", [DIALOGUE_RCPT] = "the recipient", [DIALOGUE_DATA] = "to take a mail",
        [DIALOGUE_END] = "the mail",    [DIALOGUE_NOOP] = "to do nothing",
    };
    const struct dialogue *dialogue = &mail->dialogue;
    speak_next(mail); /* QUIT, if the socket takes it */
    if (dialogue->state == DIALOGUE_TAKEN) {
        finish(mail, 250, NULL);
        return;
    }
    char text[64];
    snprintf(text, sizeof text, "SMTP %d: the relay refuses %s", dialogue->code, refused[dialogue->refused]);
    finish(mail, dialogue->code >= 400 ? dialogue->code : 0, text);
}

/* Until there is nothing left: what TLS has read already makes no socket readable. False: the mail has ended. */
static bool listen_on(struct mail *mail)
{
    for (;;) {
        char bytes[4096];
        size_t n = 0;
        struct err err;
        CURLcode code = curl_easy_recv(mail->easy, bytes, sizeof bytes, &n);
        if (code == CURLE_AGAIN)
            return true;
        int rc = code == CURLE_OK && n > 0 ? dialogue_hear(&mail->dialogue, bytes, n, &err)
                                           : err_set(&err, -EPIPE, "the relay has hung up");
        if (rc > 0 && mail->dialogue.state >= DIALOGUE_TAKEN) {
            hang_up(mail);
            return false;
        }
        if (rc > 0 && speak_next(mail) < 0)
            rc = err_set(&err, -EPIPE, "the relay has hung up");
        if (rc < 0) {
            finish(mail, 0, err.text);
            return false;
        }
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct mail *mail = poll->data;
    (void)events;
    if (status >= 0 && !listen_on(mail))
        return;                                                    /* it has ended */
    if (status < 0 || (mail->said < mail->len && speak(mail) < 0)) /* TLS may have had to read in order to write */
        finish(mail, 0, "the relay has hung up");
}

static int begin_dialogue(struct mail *mail)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(mail->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD || uv_poll_init_socket(mail->mails->loop, &mail->poll, fd) < 0)
        return -EIO;
    mail->poll.data = mail;
    mail->handles++;
    uv_timer_start(&mail->timer, on_late, (uint64_t)(mail->patience_us / US_PER_MS), 0);
    return speak_next(mail);
}

/* What curl says of a certificate is names and dates; its other texts for one transfer may quote more. */
static const char *error_text(const struct mail *mail, CURLcode result)
{
    switch (result) {
    case CURLE_USE_SSL_FAILED:
        return "the relay offers no STARTTLS, and without TLS nothing is sent unless the configuration says so";
    case CURLE_LOGIN_DENIED:
        return "the relay refuses the login";
    case CURLE_PEER_FAILED_VERIFICATION:
        return mail->error[0] ? mail->error : curl_easy_strerror(result);
    default:
        return curl_easy_strerror(result);
    }
}

static void on_connected(void *user, CURL *easy, CURLcode result)
{
    (void)user;
    char *private = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
    struct mail *mail = (struct mail *)(void *)private;
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    if (result != CURLE_OK)
        finish(mail, code >= 400 && code < 600 ? (int)code : 0, error_text(mail, result));
    else if (begin_dialogue(mail) < 0)
        finish(mail, 0, "the relay has hung up");
}

int mails_open(struct mails **ret_mails, uv_loop_t *loop, struct err *err)
{
    static const struct multi_limits limits = { .keep = true };
    AUTO(auto_free) struct mails *mails = calloc(1, sizeof *mails);
    if (!mails)
        return err_set(err, -ENOMEM, "channel: out of memory");
    mails->loop = loop;
    int rc = multi_open(&mails->multi, loop, &limits, on_connected, mails, err);
    if (rc == 0)
        *ret_mails = TAKE(mails);
    return rc;
}

struct mails *mails_close(struct mails *mails)
{
    if (!mails)
        return NULL;
    struct mail *mail, *after;
    DL_FOREACH_SAFE(mails->under_way, mail, after)
    {
        if (mail->forget)
            mail->forget(mail->user);
        end(mail);
    }
    multi_close(mails->multi);
    free(mails);
    return NULL;
}

/* Options that only fail for lack of memory; the first failure is kept. */
#define SET(option, value)                                                                                             \
    do {                                                                                                               \
        if (code == CURLE_OK)                                                                                          \
            code = curl_easy_setopt(mail->easy, (option), (value));                                                    \
    } while (0)

static int set_options(struct mail *mail, const struct channel_mail *what, int64_t timeout_us, const char *ca,
                       struct err *err)
{
    CURLcode code = CURLE_OK;
    SET(CURLOPT_URL, what->url);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_USE_SSL, (long)(what->tls == CHANNEL_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (ca)
        SET(CURLOPT_CAINFO, ca);
    if (what->user) {
        SET(CURLOPT_USERNAME, what->user);
        SET(CURLOPT_PASSWORD, what->password);
    }
    SET(CURLOPT_PROXY, ""); /* "": not even from the environment */
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)(timeout_us / US_PER_MS));
    SET(CURLOPT_ERRORBUFFER, mail->error);
    SET(CURLOPT_PRIVATE, mail);
    if (code != CURLE_OK)
        return err_set(err, -EIO, "channel: libcurl refuses an option: %s", curl_easy_strerror(code));
    return 0;
}

/* -ENOMEM. */
static int begin_words(struct mail *mail, const struct channel_mail *what)
{
    if (!what->letter) {
        mail->dialogue = (struct dialogue){ .state = DIALOGUE_NOOP };
        return 0;
    }
    mail->from = strdup(what->from);
    mail->to = strdup(what->to);
    mail->letter = strdup(what->letter);
    mail->dialogue = (struct dialogue){ .from = mail->from, .to = mail->to, .letter = mail->letter };
    return mail->from && mail->to && mail->letter ? 0 : -ENOMEM;
}

static struct mail *mail_new(struct mails *mails, const struct channel_mail *what)
{
    AUTO(mail_undo) struct mail *mail = calloc(1, sizeof *mail);
    if (!mail)
        return NULL;
    mail->mails = mails;
    mail->easy = curl_easy_init();
    mail->url = strdup(what->url);
    if (!mail->easy || !mail->url || begin_words(mail, what) < 0)
        return NULL;
    return TAKE(mail);
}

/* So that a relay that hangs leaves the others their room. */
static bool is_full(const struct mails *mails, const char *url)
{
    unsigned n = 0;
    const struct mail *mail;
    DL_FOREACH(mails->under_way, mail)
    n += strcmp(mail->url, url) == 0;
    return n >= MAILS_MAX;
}

int mails_send(struct mails *mails, const struct channel_mail *what, int64_t timeout_us, const char *ca,
               channel_answer_fn *fn, void (*forget)(void *user), void *user, struct err *err)
{
    if (is_full(mails, what->url))
        return err_set(err, -EBUSY, "%d mails are under way already", MAILS_MAX);
    AUTO(mail_undo) struct mail *mail = mail_new(mails, what);
    if (!mail)
        return err_set(err, -ENOMEM, "channel: out of memory");
    mail->patience_us = 2 * timeout_us;
    mail->fn = fn;
    mail->forget = forget;
    mail->user = user;
    int rc = set_options(mail, what, timeout_us, ca, err);
    if (rc == 0)
        rc = multi_add(mails->multi, mail->easy, err);
    if (rc < 0)
        return rc;
    uv_timer_init(mails->loop, &mail->timer); /* cannot fail */
    mail->timer.data = mail;
    mail->handles = 1;
    DL_APPEND(mails->under_way, mail);
    mail = NULL; /* the mails' now */
    return 0;
}
