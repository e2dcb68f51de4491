/* The socket is an nng REQ, one dialer, one aio that sends and then receives; its callback puts it into the inbox and
 * does nothing else. What is up is a number under a lock, not a queue of events: the id of the pipe in use. The loop
 * compares it with the one it told of last, so flaps fold and nothing is allocated on nng's threads.
 *
 * Three traps of nng 1.5.2 shape the rest:
 *
 * REM_POST may come before ADD_POST. A peer that hangs up at once gets its pipe reaped on one thread while the other
 * has not yet announced it. So the id last removed is remembered, and an announcement of it ignored. Likewise an answer
 * may arrive before its pipe's ADD_POST: the answer announces it.
 *
 * Redialling must not close anything of nng's. nng_pipe_close(), nng_dialer_close() and nng_close() on a pipe that is
 * in the middle of a message all stop the transport's aio while the protocol's waits for it; if the callback between
 * two partial reads falls into that moment, nobody completes the protocol's aio, and the one reaper thread of the
 * process waits for it for ever: no pipe is ever given back again, nng_close() never returns. What never did this is a
 * peer that hangs up: then the read fails first and the closing follows from it. So redialling makes it look like that:
 * the connection's descriptor, found by its local address, is shut down under nng, which sees the end of the stream,
 * reaps the pipe and dials again after its shortest pause. Closing and making a new dialer or socket instead would be
 * the unsafe path at the moment the network is at its worst.
 *
 * With an infinite resend time REQ forgets the request when the connection breaks, so it is a minute; the server takes
 * a request sent again while it has it in hand for one. */
#include "proto/link/client.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "proto/link/address.h"
#include "proto/link/inbox.h"
#include "proto/link/nng_error.h"

enum { REQUEST_ID_LEN = 4, RESEND_MS = 60000, DIAL_MIN_MS = 200, DIAL_MAX_MS = 30000 };
enum { URL_MAX = sizeof "tcp://[]:65535" + ADDRESS_HOST_MAX };

enum step { IDLE, SENDING, AWAITING };

struct link_client {
    struct link_client_handlers handlers;
    nng_socket socket;
    nng_aio *aio;
    struct inbox *inbox;
    struct inbox_item done; /* the aio's, when nng is done with it */
    enum step step;
    bool replaced;  /* what the aio is doing is for a request nobody waits for any more */
    nng_msg *next;  /* owned: to be sent when the aio is ours again */
    uint64_t asked; /* how often: an answer is for who asked last */
    uint32_t told;  /* the pipe on_up was last called for; 0: none */
    bool closing;
    uv_mutex_t lock;
    uint32_t pipe;    /* under lock: the pipe in use; 0: none */
    uint32_t removed; /* under lock: the one that went last */
};

/* On nng's threads. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
    struct link_client *client = arg;
    uint32_t id = (uint32_t)nng_pipe_id(pipe);
    uv_mutex_lock(&client->lock);
    if (event == NNG_PIPE_EV_REM_POST) {
        client->removed = id;
        if (client->pipe == id)
            client->pipe = 0;
    } else if (client->removed != id) {
        client->pipe = id;
    }
    uv_mutex_unlock(&client->lock);
    inbox_wake(client->inbox);
}

/* On nng's threads. */
static void on_aio(void *arg)
{
    struct link_client *client = arg;
    inbox_put(client->inbox, &client->done);
}

/* Tells of ups and downs since the last time. */
static void tell(struct link_client *client)
{
    uv_mutex_lock(&client->lock);
    uint32_t pipe = client->pipe;
    uv_mutex_unlock(&client->lock);
    if (pipe == client->told)
        return;
    bool was_up = client->told != 0;
    client->told = pipe;
    if (was_up && client->handlers.on_down)
        client->handlers.on_down(client->handlers.user);
    if (pipe != 0 && !client->closing && client->told == pipe && client->handlers.on_up)
        client->handlers.on_up(client->handlers.user);
}

static void send_next(struct link_client *client)
{
    if (!client->next)
        return;
    client->replaced = false;
    client->step = SENDING;
    nng_aio_set_msg(client->aio, TAKE(client->next));
    nng_send_aio(client->socket, client->aio);
}

/* The answer's pipe is up, whether its announcement has come or not. on_up may ask something new, or close us. */
static void deliver(struct link_client *client, nng_msg *msg)
{
    uint64_t asked = client->asked;
    uint32_t id = (uint32_t)nng_pipe_id(nng_msg_get_pipe(msg));
    uv_mutex_lock(&client->lock);
    if (client->removed != id)
        client->pipe = id;
    uv_mutex_unlock(&client->lock);
    tell(client);
    if (!client->closing && client->asked == asked)
        client->handlers.on_answer(client->handlers.user, nng_msg_body(msg), nng_msg_len(msg));
}

/* The request is on its way. If nobody waits for it and nothing takes its place, REQ must be made to forget it, or it
 * would send it again on the next connection: a receive that is cancelled does that. */
static void await_answer(struct link_client *client)
{
    if (client->replaced && client->next) {
        send_next(client);
        return;
    }
    client->step = AWAITING;
    nng_recv_aio(client->socket, client->aio);
    if (client->replaced)
        nng_aio_cancel(client->aio);
}

/* The aio is ours again: looks at what became of its step and takes the next one. */
static void aio_done(struct link_client *client)
{
    enum step step = client->step;
    bool ok = nng_aio_result(client->aio) == 0;
    if (step == SENDING && ok) { /* the message went with it */
        await_answer(client);
        return;
    }
    /* A step that failed was cancelled by us, or nng had no memory: whoever asked has a patience of its own. */
    nng_msg *msg = nng_aio_get_msg(client->aio);
    nng_aio_set_msg(client->aio, NULL);
    client->step = IDLE;
    if (step == AWAITING && ok && !client->replaced)
        deliver(client, msg);
    if (msg)
        nng_msg_free(msg);
    if (!client->closing && client->step == IDLE)
        send_next(client);
}

static void on_inbox(void *user, struct inbox_item *item)
{
    struct link_client *client = user;
    tell(client);
    if (item && !client->closing)
        aio_done(client);
}

static void free_client(void *user)
{
    struct link_client *client = user;
    if (client->next)
        nng_msg_free(client->next);
    if (client->aio)
        nng_aio_free(client->aio);
    uv_mutex_destroy(&client->lock);
    free(client);
}

static void client_undo(struct link_client **client)
{
    if (*client)
        link_client_close(*client);
}

static int set_options(struct link_client *client, struct err *err)
{
    int rv;
    if ((rv = nng_socket_set_ms(client->socket, NNG_OPT_RECONNMINT, DIAL_MIN_MS)) != 0 ||
        (rv = nng_socket_set_ms(client->socket, NNG_OPT_RECONNMAXT, DIAL_MAX_MS)) != 0 ||
        (rv = nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME, RESEND_MS)) != 0 ||
        (rv = nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, LINK_MESSAGE_MAX + REQUEST_ID_LEN)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_ADD_POST, on_pipe, client)) != 0 ||
        (rv = nng_pipe_notify(client->socket, NNG_PIPE_EV_REM_POST, on_pipe, client)) != 0)
        return nng_error_set(err, rv, "link: cannot set the socket up");
    return 0;
}

static int dial(struct link_client *client, const char *address, struct err *err)
{
    char url[URL_MAX];
    snprintf(url, sizeof url, "tcp://%s", address);
    int rv = nng_dial(client->socket, url, NULL, NNG_FLAG_NONBLOCK);
    if (rv != 0)
        return nng_error_set(err, rv, "link: cannot dial");
    return 0;
}

int link_client_open(struct link_client **ret_client, uv_loop_t *loop, const char *address,
                     struct link_client_handlers handlers, struct err *err)
{
    assert(ret_client && loop && address && handlers.on_answer);
    struct address parts;
    if (address_split(address, &parts) < 0 || parts.port == 0)
        return err_set(err, -EINVAL, "link: \"%s\" is not an address, want collector.example.org:9740", address);
    struct link_client *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return err_set(err, -ENOMEM, "link: out of memory");
    uv_mutex_init(&fresh->lock); /* aborts on misuse and cannot fail otherwise on Linux */
    AUTO(client_undo) struct link_client *client = fresh;
    client->handlers = handlers;
    int rc = inbox_open(&client->inbox, loop, on_inbox, client, err);
    if (rc < 0)
        return rc;
    int rv;
    if ((rv = nng_aio_alloc(&client->aio, on_aio, client)) != 0 || (rv = nng_req0_open(&client->socket)) != 0)
        return nng_error_set(err, rv, "link: cannot make a socket");
    if ((rc = set_options(client, err)) < 0 || (rc = dial(client, address, err)) < 0)
        return rc;
    *ret_client = TAKE(client);
    return 0;
}

/* Stops what the aio is doing; the inbox brings it back. */
static void replace(struct link_client *client)
{
    if (client->next)
        nng_msg_free(TAKE(client->next));
    if (client->step == IDLE)
        return;
    client->replaced = true;
    nng_aio_cancel(client->aio);
}

int link_client_ask(struct link_client *client, const uint8_t *bytes, size_t len, struct err *err)
{
    assert(client && (bytes || len == 0));
    if (len > LINK_MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "link: request of %zu bytes, want at most %d", len, LINK_MESSAGE_MAX);
    nng_msg *msg;
    if (nng_msg_alloc(&msg, 0) != 0)
        return err_set(err, -ENOMEM, "link: out of memory");
    if (len > 0 && nng_msg_append(msg, bytes, len) != 0) {
        nng_msg_free(msg);
        return err_set(err, -ENOMEM, "link: out of memory");
    }
    replace(client);
    client->asked++;
    client->next = msg;
    if (client->step == IDLE)
        send_next(client);
    return 0;
}

/* Whether `fd` is a TCP socket bound to `local`. */
static bool is_bound_to(int fd, const nng_sockaddr *local)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &len) < 0)
        return false;
    if (own.ss_family == AF_INET && local->s_family == NNG_AF_INET) {
        const struct sockaddr_in *ip4 = (const struct sockaddr_in *)&own;
        return ip4->sin_port == local->s_in.sa_port && ip4->sin_addr.s_addr == local->s_in.sa_addr;
    }
    if (own.ss_family == AF_INET6 && local->s_family == NNG_AF_INET6) {
        const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *)&own;
        return ip6->sin6_port == local->s_in6.sa_port &&
               memcmp(&ip6->sin6_addr, local->s_in6.sa_addr, sizeof ip6->sin6_addr) == 0;
    }
    return false;
}

static void auto_closedir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

/* Between finding and shutting down nng may have closed the descriptor, and another of its connections may have got the
 * number: then that one is dialled anew. Nothing else in the process is a socket bound to this address. */
static void shut_down(const nng_sockaddr *local)
{
    AUTO(auto_closedir) DIR *own = opendir("/proc/self/fd");
    if (!own)
        return;
    for (struct dirent *entry; (entry = readdir(own));) {
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && is_bound_to((int)fd, local))
            shutdown((int)fd, SHUT_RDWR);
    }
}

void link_client_redial(struct link_client *client)
{
    assert(client);
    replace(client);
    uv_mutex_lock(&client->lock);
    nng_pipe pipe = { .id = client->pipe };
    uv_mutex_unlock(&client->lock);
    nng_sockaddr local;
    if (pipe.id != 0 && nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &local) == 0)
        shut_down(&local);
}

struct link_client *link_client_close(struct link_client *client)
{
    if (!client)
        return NULL;
    client->closing = true;
    if (client->aio)
        nng_aio_stop(client->aio); /* waits for its callback */
    nng_close(client->socket);     /* waits for those of its pipes */
    nng_msg *left = client->aio ? nng_aio_get_msg(client->aio) : NULL;
    if (left) { /* a request not sent, or an answer not looked at */
        nng_msg_free(left);
        nng_aio_set_msg(client->aio, NULL);
    }
    if (client->inbox)
        client->inbox = inbox_close(client->inbox, free_client);
    else
        free_client(client);
    return NULL;
}
