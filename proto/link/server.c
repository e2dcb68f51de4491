/* One listening descriptor, one timer, one read buffer; the rest is peers. The descriptor is polled and accepted from
 * here, not by uv_listen(): libuv sheds connections silently when descriptors run out, and this way turning a peer away
 * costs two system calls and is counted. */
#include "proto/link/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/clock.h"
#include "proto/link/server_parts.h"
#include "proto/link/take_fd.h"

enum { BACKLOG = 4096, ACCEPT_AT_ONCE = 64, REST_MS = 100 };

struct link_limits link_limits_default(void)
{
    return (struct link_limits){
        .peers = 20000,
        .strangers = 4096,
        .crowd = 1024,
        .message_bytes = (64 << 10) + 64, /* the longest sealed message in its envelope */
        .in_flight = 4,
        .answer_bytes = 256 << 10,
        .held_bytes = 256 << 20,
        .handshake_us = 5 * US_PER_S,
        .message_us = 30 * US_PER_S,
    };
}

/* What nothing else would end: an error the system has no cure for now must not become a busy loop, and the listening
 * descriptor stays readable. */
static void rest(struct link_server *server)
{
    uv_poll_stop(&server->listening);
    server->resting = true;
    server->rest_due_ms = uv_now(server->loop) + REST_MS;
    peer_timers_by(server, server->rest_due_ms);
}

static int open_spare(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of descriptors: with the spare one the connection is taken and closed, so its peer learns at once and backs off
 * instead of waiting in the backlog. Returns whether one was. */
static bool turn_one_away(struct link_server *server)
{
    if (server->spare_fd < 0)
        return false;
    close(server->spare_fd);
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        server->counts.accepted++;
        server->counts.closed[LINK_CLOSE_FULL]++;
    }
    server->spare_fd = open_spare();
    return fd >= 0;
}

static bool accept_one(struct link_server *server)
{
    struct sockaddr_storage from = { 0 };
    socklen_t len = sizeof from;
    int fd = accept4(server->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        server->counts.accepted++;
        peer_admit(server, fd, &from);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
        if (turn_one_away(server))
            return true;
        rest(server);
        return false;
    case ENOMEM:
    case ENOBUFS:
        rest(server);
        return false;
    default: /* accept(2): the connection broke before we had it; its error is not ours */
        return true;
    }
}

static void on_connections(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct link_server *server = poll->data;
    if (status < 0) {
        rest(server);
        return;
    }
    /* Not until there are none: a flood of connections must not keep those who are connected waiting. */
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        if (!accept_one(server))
            return;
    }
}

void server_stop_resting(struct link_server *server)
{
    server->resting = false;
    if (server->closing)
        return;
    if (server->spare_fd < 0)
        server->spare_fd = open_spare();
    uv_poll_start(&server->listening, UV_READABLE, on_connections);
}

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* Accepted sockets inherit these on Linux: no system call a connection. An agent reports every few seconds, so a minute
 * of silence is worth a question; and a path that swallows an answer ends the connection long before TCP would. */
static int set_options(int fd)
{
    static const struct option {
        int level;
        int name;
        int value;
    } options[] = {
        { SOL_SOCKET, SO_REUSEADDR, 1 },    /* a restart must not wait for TIME_WAIT */
        { SOL_SOCKET, SO_KEEPALIVE, 1 },    /* else a host that vanished idle stays for ever */
        { IPPROTO_TCP, TCP_KEEPIDLE, 60 },  /* s */
        { IPPROTO_TCP, TCP_KEEPINTVL, 10 }, /* s */
        { IPPROTO_TCP, TCP_KEEPCNT, 3 },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, 30000 }, /* ms; for bytes not acknowledged */
        { IPPROTO_TCP, TCP_NODELAY, 1 },
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int rc = set(fd, options[i].level, options[i].name, options[i].value);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int link_bind(const char *address, int *ret_fd, struct err *err)
{
    assert(address && ret_fd);
    struct sockaddr_storage at;
    if (address_numeric(address, &at) < 0)
        return err_set(err, -EINVAL, "link: \"%s\" is not an address, want 192.0.2.1:9740 or [2001:db8::1]:9740",
                       address);
    AUTO(auto_close) int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_sys(err, -errno, "link: cannot make a socket");
    int rc = set_options(fd);
    if (rc < 0)
        return err_sys(err, rc, "link: cannot set the socket up");
    if (bind(fd, (struct sockaddr *)&at, address_len(&at)) < 0)
        return err_sys(err, -errno, "link: cannot listen on %s", address);
    *ret_fd = take_fd(&fd);
    return 0;
}

/* *ret_port is what the system gave. */
static int start_listening(int fd, unsigned *ret_port, struct err *err)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } at = { .any = { 0 } };
    socklen_t len = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        return err_sys(err, -errno, "link: cannot read the port back");
    char text[ADDRESS_TEXT_MAX];
    address_write(&at.any, text);
    if (listen(fd, BACKLOG) < 0)
        return err_sys(err, -errno, "link: cannot listen on %s", text);
    *ret_port = ntohs(at.any.ss_family == AF_INET6 ? at.six.sin6_port : at.four.sin_port);
    return 0;
}

int link_server_open(struct link_server **ret_server, uv_loop_t *loop, const char *address, struct link_limits limits,
                     struct link_server_handlers handlers, struct err *err)
{
    int fd = -1;
    int rc = link_bind(address, &fd, err);
    return rc < 0 ? rc : link_server_adopt(ret_server, loop, fd, limits, handlers, err);
}

int link_server_adopt(struct link_server **ret_server, uv_loop_t *loop, int bound_fd, struct link_limits limits,
                      struct link_server_handlers handlers, struct err *err)
{
    assert(ret_server && loop && bound_fd >= 0 && handlers.on_request && limits.in_flight > 0);
    assert(limits.strangers > 0 && limits.crowd > 0);
    AUTO(auto_close) int fd = bound_fd;
    unsigned port = 0;
    int rc = start_listening(fd, &port, err);
    if (rc < 0)
        return rc;
    AUTO(auto_close) int spare = open_spare();
    AUTO(auto_free) struct link_server *server = calloc(1, sizeof *server);
    if (!server)
        return err_set(err, -ENOMEM, "link: out of memory");
    rc = crowd_open(server);
    if (rc < 0)
        return err_sys(err, rc, "link: no random bytes");
    /* The first handle comes last of what can fail: from here on only the loop can give the memory back. */
    rc = uv_poll_init(loop, &server->listening, fd);
    if (rc < 0)
        return err_sys(err, rc, "link: cannot watch the listening socket");
    server->listening.data = server;
    server->loop = loop;
    server->limits = limits;
    server->handlers = handlers;
    server->port = port;
    server->parts = 2; /* the two handles */
    peer_timers_open(server);
    server->fd = take_fd(&fd);
    server->spare_fd = take_fd(&spare);
    server_stop_resting(server);
    *ret_server = TAKE(server);
    return 0;
}

const char *link_close_name(enum link_close why)
{
    static const char *const names[LINK_CLOSE_COUNT] = {
        [LINK_CLOSE_PEER] = "peer", [LINK_CLOSE_HANDSHAKE] = "handshake", [LINK_CLOSE_PROTOCOL] = "protocol",
        [LINK_CLOSE_SLOW] = "slow", [LINK_CLOSE_FULL] = "full",           [LINK_CLOSE_CROWDED] = "crowded",
        [LINK_CLOSE_OURS] = "ours",
    };
    return names[why];
}

unsigned link_server_port(const struct link_server *server)
{
    return server->port;
}

struct link_counts link_server_counts(const struct link_server *server)
{
    return server->counts;
}

void server_part_closed(struct link_server *server)
{
    if (--server->parts == 0)
        free(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
    server_part_closed(handle->data);
}

struct link_server *link_server_close(struct link_server *server)
{
    if (!server)
        return NULL;
    server->closing = true;
    for (struct link_peer *peer; (peer = TAILQ_FIRST(&server->peers));)
        peer_end(peer, LINK_CLOSE_OURS); /* takes it off the list */
    for (struct link_peer *peer; (peer = TAILQ_FIRST(&server->strangers));)
        peer_end(peer, LINK_CLOSE_OURS);
    uv_close((uv_handle_t *)&server->listening, on_handle_closed);
    uv_close((uv_handle_t *)&server->timer, on_handle_closed);
    close(server->fd);
    if (server->spare_fd >= 0)
        close(server->spare_fd);
    return NULL;
}
