/* curl tells by two callbacks what it waits for: sockets (become uv_poll_t) and one time-out (becomes a uv_timer_t).
 * Whatever happens is handed to curl_multi_socket_action(), after which ended transfers are read from its message
 * queue. A uv handle is ours again only in its close callback, so the multi itself lives until the last one is closed,
 * though curl's part is gone at once. */
#include "collector/channel/multi.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "utlist.h"

struct socket_poll {
    uv_poll_t poll;
    struct multi *multi;
    struct socket_poll *next, *prev;
};

struct multi {
    CURLM *curl; /* NULL once closed */
    uv_loop_t *loop;
    uv_timer_t timer;
    struct socket_poll *polls;
    unsigned handles; /* uv handles not yet closed */
    bool keep;
    multi_done_fn *done;
    void *user;
};

static void let_go(struct multi *multi)
{
    if (--multi->handles == 0)
        free(multi);
}

static void read_ended(struct multi *multi)
{
    int left;
    /* `done` may close the multi: curl is looked at afresh each time round. */
    for (CURLMsg *msg; multi->curl && (msg = curl_multi_info_read(multi->curl, &left));) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        CURL *easy = msg->easy_handle;
        CURLcode result = msg->data.result; /* the message dies with the removal */
        if (!multi->keep)
            curl_multi_remove_handle(multi->curl, easy);
        multi->done(multi->user, easy, result);
    }
}

static void on_socket(uv_poll_t *handle, int status, int events)
{
    struct socket_poll *poll = handle->data;
    struct multi *multi = poll->multi;
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)handle, &fd) < 0)
        return;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    int running;
    curl_multi_socket_action(multi->curl, fd, flags, &running); /* may close this very poll */
    read_ended(multi);
}

static void on_timer(uv_timer_t *timer)
{
    struct multi *multi = timer->data;
    int running;
    curl_multi_socket_action(multi->curl, CURL_SOCKET_TIMEOUT, 0, &running);
    read_ended(multi);
}

static int want_timer(CURLM *curl, long timeout_ms, void *user)
{
    struct multi *multi = user;
    (void)curl;
    if (uv_is_closing((uv_handle_t *)&multi->timer))
        return 0;
    if (timeout_ms < 0)
        uv_timer_stop(&multi->timer);
    else /* 0 too goes by way of the loop: curl must not be called from its own callback */
        uv_timer_start(&multi->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct socket_poll *poll = handle->data;
    let_go(poll->multi);
    free(poll);
}

static void poll_close(struct socket_poll *poll)
{
    /* Stopped here and now: curl closes the descriptor next, and the number may come back as another socket's. */
    uv_poll_stop(&poll->poll);
    DL_DELETE(poll->multi->polls, poll);
    uv_close((uv_handle_t *)&poll->poll, on_poll_closed);
}

static struct socket_poll *poll_open(struct multi *multi, curl_socket_t fd)
{
    AUTO(auto_free) struct socket_poll *poll = calloc(1, sizeof *poll);
    if (!poll || uv_poll_init_socket(multi->loop, &poll->poll, fd) < 0)
        return NULL;
    poll->poll.data = poll;
    poll->multi = multi;
    multi->handles++;
    DL_APPEND(multi->polls, poll);
    return TAKE(poll);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct multi *multi = user;
    struct socket_poll *poll = socket_user;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (poll)
            poll_close(poll);
        return 0;
    }
    if (!poll) {
        poll = poll_open(multi, fd);
        if (!poll)
            return -1; /* curl gives the transfer up */
        curl_multi_assign(multi->curl, fd, poll);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&poll->poll, events, on_socket) < 0 ? -1 : 0;
}

int multi_open(struct multi **ret_multi, uv_loop_t *loop, const struct multi_limits *limits, multi_done_fn *done,
               void *user, struct err *err)
{
    assert(ret_multi && loop && done);
    AUTO(auto_free) struct multi *multi = calloc(1, sizeof *multi);
    if (!multi)
        return err_set(err, -ENOMEM, "channel: out of memory");
    multi->curl = curl_multi_init();
    if (!multi->curl)
        return err_set(err, -ENOMEM, "channel: libcurl cannot start");
    multi->loop = loop;
    multi->keep = limits->keep;
    multi->done = done;
    multi->user = user;
    multi->timer.data = multi;
    uv_timer_init(loop, &multi->timer); /* cannot fail */
    multi->handles = 1;
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_MAX_TOTAL_CONNECTIONS, limits->connections);
    curl_multi_setopt(multi->curl, CURLMOPT_MAX_HOST_CONNECTIONS, limits->host_connections);
    *ret_multi = TAKE(multi);
    return 0;
}

int multi_add(struct multi *multi, CURL *easy, struct err *err)
{
    CURLMcode code = curl_multi_add_handle(multi->curl, easy);
    if (code != CURLM_OK)
        return err_set(err, -ENOMEM, "channel: libcurl takes no further request: %s", curl_multi_strerror(code));
    return 0;
}

void multi_remove(struct multi *multi, CURL *easy)
{
    curl_multi_remove_handle(multi->curl, easy);
}

static void on_timer_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

struct multi *multi_close(struct multi *multi)
{
    if (!multi)
        return NULL;
    uv_close((uv_handle_t *)&multi->timer, on_timer_closed);
    CURLM *curl = TAKE(multi->curl);
    curl_multi_cleanup(curl); /* tells the sockets it still has through want_socket() */
    struct socket_poll *poll, *after;
    DL_FOREACH_SAFE(multi->polls, poll, after)
    poll_close(poll);
    return NULL;
}
