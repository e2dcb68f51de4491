#include "proto/link/feed.h"

#include <assert.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/auto.h"
#include "proto/link/inbox.h"
#include "proto/link/ipc.h"
#include "proto/link/nng_error.h"

/* Items kept for a reader that is behind, beside what its socket holds; then its oldest give way. */
enum { BEHIND_MAX = 64, CONNECT_US = 5000000 };

struct feed {
    nng_socket socket;
    struct inbox *inbox; /* says that somebody was refused */
    struct ipc_gate gate;
    feed_refused_fn *refused;
    void *user;
    atomic_uint n_refused; /* not yet told */
    atomic_uint last_refused;
};

struct feed_reader {
    int fd;
};

static void feed_undo(struct feed **feed)
{
    feed_close(*feed);
}

/* On nng's threads, before the pipe is the socket's: one closed here never is, and gets no item. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    (void)event;
    struct feed *feed = arg;
    struct ipc_caller caller;
    if (ipc_caller_of(pipe, &caller) == 0) {
        if (ipc_gate_admits(&feed->gate, caller))
            return;
        atomic_store(&feed->last_refused, caller.uid);
        atomic_fetch_add(&feed->n_refused, 1);
        inbox_wake(feed->inbox);
    }
    nng_pipe_close(pipe);
}

static void on_inbox(void *user, struct inbox_item *item)
{
    (void)item;
    struct feed *feed = user;
    unsigned n = atomic_exchange(&feed->n_refused, 0);
    if (n > 0)
        feed->refused(feed->user, (uid_t)atomic_load(&feed->last_refused), n);
}

int feed_open(struct feed **ret_feed, uv_loop_t *loop, const char *path, const struct ipc_gate *gate,
              feed_refused_fn *refused, void *user, struct err *err)
{
    assert(ret_feed && loop && path && gate && refused);
    AUTO(feed_undo) struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return err_set(err, -ENOMEM, "feed: out of memory");
    feed->gate = *gate;
    feed->refused = refused;
    feed->user = user;
    int rc = inbox_open(&feed->inbox, loop, on_inbox, feed, err);
    if (rc < 0)
        return rc;
    int rv = nng_pub0_open(&feed->socket);
    if (rv == 0)
        rv = nng_socket_set_int(feed->socket, NNG_OPT_SENDBUF, BEHIND_MAX);
    if (rv == 0)
        rv = nng_pipe_notify(feed->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, feed);
    if (rv != 0)
        return nng_error_set(err, rv, "feed: cannot make a socket");
    rc = ipc_listen(feed->socket, path, IPC_PUB, IPC_SUB, gate, "feed", err);
    if (rc < 0)
        return rc;
    *ret_feed = TAKE(feed);
    return 0;
}

void feed_publish(struct feed *feed, const char *text, size_t len)
{
    assert(feed && text && len <= FEED_ITEM_MAX);
    nng_msg *msg;
    if (len > FEED_ITEM_MAX || nng_msg_alloc(&msg, 0) != 0)
        return; /* its id is missing then, and readers ask for a snapshot */
    if (nng_msg_append(msg, text, len) != 0 || nng_sendmsg(feed->socket, msg, NNG_FLAG_NONBLOCK) != 0)
        nng_msg_free(msg);
}

struct feed *feed_close(struct feed *feed)
{
    if (!feed)
        return NULL;
    nng_close(feed->socket); /* waits for its pipes' callbacks */
    if (feed->inbox)
        inbox_close(feed->inbox, free);
    else
        free(feed);
    return NULL;
}

int feed_reader_open(struct feed_reader **ret_reader, const char *path, struct err *err)
{
    assert(ret_reader && path);
    AUTO(auto_free) struct feed_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, -ENOMEM, "feed: out of memory");
    int rc = ipc_connect(&reader->fd, path, IPC_SUB, IPC_PUB, ipc_now_us() + CONNECT_US, err);
    if (rc < 0)
        return rc;
    *ret_reader = TAKE(reader);
    return 0;
}

int feed_read(struct feed_reader *reader, int64_t timeout_us, char **ret_text, size_t *ret_len, struct err *err)
{
    assert(reader && ret_text && ret_len);
    int rc = ipc_receive(reader->fd, FEED_ITEM_MAX, ipc_now_us() + timeout_us, ret_text, ret_len, err);
    if (rc == -EPIPE)
        return err_set(err, rc,
                       "the feed ended: the collector left, or this user may not follow it: a customer, or not in the "
                       "socket's group");
    return rc;
}

struct feed_reader *feed_reader_close(struct feed_reader *reader)
{
    if (!reader)
        return NULL;
    close(reader->fd);
    free(reader);
    return NULL;
}
