#include "proto/link/feed.h"

#include <assert.h>
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <stdlib.h>

#include "base/auto.h"
#include "proto/link/ipc.h"
#include "proto/link/nng_error.h"

/* Items kept for a reader that is behind, beside what its socket holds; then its oldest give way. */
enum { BEHIND_MAX = 64, CONNECT_US = 5000000 };

struct feed {
    nng_socket socket;
};

struct feed_reader {
    int fd;
};

static void feed_undo(struct feed **feed)
{
    feed_close(*feed);
}

int feed_open(struct feed **ret_feed, const char *path, struct err *err)
{
    assert(ret_feed && path);
    AUTO(feed_undo) struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return err_set(err, -ENOMEM, "feed: out of memory");
    int rv = nng_pub0_open(&feed->socket);
    if (rv == 0)
        rv = nng_socket_set_int(feed->socket, NNG_OPT_SENDBUF, BEHIND_MAX);
    if (rv != 0)
        return nng_error_set(err, rv, "feed: cannot make a socket");
    int rc = ipc_listen(feed->socket, path, IPC_PUB, IPC_SUB, "feed", err);
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
    nng_close(feed->socket);
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
    return ipc_receive(reader->fd, FEED_ITEM_MAX, ipc_now_us() + timeout_us, ret_text, ret_len, err);
}

struct feed_reader *feed_reader_close(struct feed_reader *reader)
{
    if (!reader)
        return NULL;
    close(reader->fd);
    free(reader);
    return NULL;
}
