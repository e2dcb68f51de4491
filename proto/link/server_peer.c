/* A peer is read from as long as it has room: fewer than `in_flight` unanswered requests and no answer it leaves
 * unread. Bytes that came in the same read as the request that filled it wait in `tail` and are taken when there is
 * room again, from the timer, so that on_request never comes from within link_peer_answer().
 *
 * Closing has two ways. peer_end() drops the connection at once. link_peer_close() says good-bye: what was answered
 * goes out, then FIN, and what the peer still sends is read and forgotten until its own FIN, because a close() with
 * unread bytes makes the kernel send RST, which may overtake the last answer. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "proto/link/server_parts.h"
#include "proto/link/take_fd.h"

enum { SHORT_ANSWER = 512 };

struct answer {
    uv_write_t write;
    size_t len;
    uint8_t bytes[];
};

static void on_closed(uv_handle_t *handle)
{
    struct link_peer *peer = handle->data;
    struct link_server *server = peer->server;
    if (peer->opened && server->handlers.on_close)
        server->handlers.on_close(server->handlers.user, peer, (enum link_close)peer->why);
    sp_done(&peer->sp);
    free(peer->tail);
    free(peer);
    server_part_closed(server);
}

void peer_end(struct link_peer *peer, enum link_close why)
{
    struct link_server *server = peer->server;
    if (peer->stage == PEER_GONE)
        return;
    if (peer->stage != PEER_LEAVING)
        peer->why = (uint8_t)why;
    peer->stage = PEER_GONE;
    peer_timer_stop(server, &peer->reading);
    peer_timer_stop(server, &peer->writing);
    crowd_leave(peer);
    server->held -= peer->held;
    server->counts.open--;
    server->counts.closed[peer->why]++;
    uv_close((uv_handle_t *)&peer->tcp, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct link_peer *peer = handle->data;
    *ret = uv_buf_init((char *)peer->server->buffer, sizeof peer->server->buffer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void read_from(struct link_peer *peer, bool on)
{
    if (on == peer->reading_on)
        return;
    peer->reading_on = on;
    if (on)
        uv_read_start((uv_stream_t *)&peer->tcp, on_alloc, on_read); /* fails only for a handle that is closing */
    else
        uv_read_stop((uv_stream_t *)&peer->tcp);
}

static bool has_room(const struct link_peer *peer)
{
    return peer->unanswered < peer->server->limits.in_flight && peer->queued == 0;
}

/* Counts what the peer makes us hold against the limit of all peers together. Whom that costs the connection is not
 * said by who was the last to send. */
static void account(struct link_peer *peer)
{
    struct link_server *server = peer->server;
    if (peer->stage == PEER_GONE)
        return;
    size_t held = peer->sp.room + peer->tail_len + peer->queued;
    server->held = server->held - peer->held + held;
    peer->held = held;
    while (server->held > server->limits.held_bytes)
        peer_end(crowd_holder(server), LINK_CLOSE_FULL);
}

/* Brings reading and its timer in line with what the peer has just done or been given. */
static void settle(struct link_peer *peer)
{
    struct link_server *server = peer->server;
    account(peer);
    if (peer->taking || (peer->stage != PEER_SHAKING && peer->stage != PEER_OPEN))
        return;
    bool room = has_room(peer);
    read_from(peer, room && !peer->tail);
    if (peer->stage == PEER_SHAKING)
        return;
    if (room && peer->tail) {
        if (!peer->reading.on)
            peer_timer_start(server, &peer->reading, TIMER_RESUME);
    } else if (!room || !sp_midway(&peer->sp)) {
        peer_timer_stop(server, &peer->reading); /* while we do not read, the peer cannot be late */
    } else if (!peer->reading.on) {
        peer_timer_start(server, &peer->reading, TIMER_MESSAGE);
    }
}

static void open_peer(struct link_peer *peer)
{
    struct link_server *server = peer->server;
    uint8_t hello[SP_HELLO_LEN];
    sp_write_hello(hello);
    uv_buf_t buf = uv_buf_init((char *)hello, sizeof hello);
    peer_timer_stop(server, &peer->reading);
    /* The first bytes on a fresh connection always fit, or there is no connection any more. */
    if (uv_try_write((uv_stream_t *)&peer->tcp, &buf, 1) != SP_HELLO_LEN) {
        peer_end(peer, LINK_CLOSE_PEER);
        return;
    }
    server->counts.bytes_out += SP_HELLO_LEN;
    peer->stage = PEER_OPEN;
    peer->opened = true;
    if (server->handlers.on_open)
        server->handlers.on_open(server->handlers.user, peer);
}

/* REQ sends a request again when its patience ends: the same id, while the first is in our hands. One answer serves
 * both. */
static bool is_in_flight(const struct link_peer *peer, uint32_t id)
{
    for (unsigned i = 0; i < peer->unanswered; i++) {
        if (peer->tickets[i] == id)
            return true;
    }
    return false;
}

static void take_request(struct link_peer *peer, const struct sp_request *request)
{
    struct link_server *server = peer->server;
    peer_timer_stop(server, &peer->reading);
    if (is_in_flight(peer, request->id))
        return;
    peer->tickets[peer->unanswered++] = request->id;
    server->counts.requests++;
    server->handlers.on_request(server->handlers.user, peer, request->id, request->bytes, request->len);
}

static enum link_close why_of(int rc)
{
    switch (rc) {
    case -EPROTO:
        return LINK_CLOSE_HANDSHAKE;
    case -ENOMEM:
        return LINK_CLOSE_FULL;
    default:
        return LINK_CLOSE_PROTOCOL;
    }
}

/* Returns how many of the bytes were taken: fewer than `len` if the peer ran out of room, or is no more. */
static size_t take(struct link_peer *peer, const uint8_t *bytes, size_t len)
{
    size_t taken = 0;
    peer->taking = true;
    while (peer->stage <= PEER_OPEN && has_room(peer)) {
        size_t used;
        struct sp_request request;
        int rc = sp_take(&peer->sp, bytes + taken, len - taken, &used, &request);
        taken += used;
        if (rc == SP_MORE)
            break;
        if (rc == SP_OPENED)
            open_peer(peer);
        else if (rc == SP_REQUEST)
            take_request(peer, &request);
        else
            peer_end(peer, why_of(rc));
    }
    peer->taking = false;
    sp_release(&peer->sp);
    return taken;
}

static void keep_tail(struct link_peer *peer, const uint8_t *bytes, size_t len)
{
    if (peer->stage > PEER_OPEN || len == 0)
        return;
    peer->tail = malloc(len);
    if (!peer->tail) {
        peer_end(peer, LINK_CLOSE_FULL);
        return;
    }
    memcpy(peer->tail, bytes, len);
    peer->tail_at = 0;
    peer->tail_len = len;
}

static void forget_tail(struct link_peer *peer)
{
    free(peer->tail);
    peer->tail = NULL;
    peer->tail_at = 0;
    peer->tail_len = 0;
}

void peer_resume(struct link_peer *peer)
{
    peer->tail_at += take(peer, peer->tail + peer->tail_at, peer->tail_len - peer->tail_at);
    if (peer->tail_at == peer->tail_len || peer->stage > PEER_OPEN)
        forget_tail(peer);
    settle(peer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct link_peer *peer = stream->data;
    if (n < 0) {
        peer_end(peer, LINK_CLOSE_PEER);
        return;
    }
    peer->server->counts.bytes_in += (uint64_t)n;
    if (peer->stage > PEER_OPEN)
        return;
    const uint8_t *bytes = (const uint8_t *)buf->base;
    size_t taken = take(peer, bytes, (size_t)n);
    keep_tail(peer, bytes + taken, (size_t)n - taken);
    settle(peer);
}

static struct link_peer *peer_new(struct link_server *server, const struct sockaddr_storage *from)
{
    struct link_peer *peer = calloc(1, sizeof *peer + server->limits.in_flight * sizeof peer->tickets[0]);
    if (!peer)
        return NULL;
    peer->server = server;
    peer->reading.peer = peer;
    peer->writing.peer = peer;
    sp_init(&peer->sp, server->limits.message_bytes);
    peer->source_key = address_source(from);
    address_write(from, peer->address);
    if (crowd_enter(peer) < 0) {
        free(peer);
        return NULL;
    }
    uv_tcp_init(server->loop, &peer->tcp);
    peer->tcp.data = peer;
    server->parts++;
    server->counts.open++;
    return peer;
}

void peer_admit(struct link_server *server, int fd, const struct sockaddr_storage *from)
{
    AUTO(auto_close) int socket = fd;
    struct link_peer *peer = server->counts.open < server->limits.peers ? peer_new(server, from) : NULL;
    if (!peer) {
        server->counts.closed[LINK_CLOSE_FULL]++;
        return;
    }
    if (uv_tcp_open(&peer->tcp, socket) < 0) {
        peer_end(peer, LINK_CLOSE_PEER);
        return;
    }
    take_fd(&socket); /* the handle's now */
    peer_timer_start(server, &peer->reading, TIMER_HANDSHAKE);
    settle(peer);
}

/* After the last answer of a peer that was told to go. */
static void say_good_bye(struct link_peer *peer)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&peer->tcp, &fd) < 0 || shutdown(fd, SHUT_WR) < 0) {
        peer_end(peer, LINK_CLOSE_OURS);
        return;
    }
    read_from(peer, true);
    peer_timer_start(peer->server, &peer->reading, TIMER_HANDSHAKE);
}

static void on_written(uv_write_t *write, int status)
{
    AUTO(auto_free) struct answer *answer = (struct answer *)write;
    struct link_peer *peer = write->handle->data;
    struct link_server *server = peer->server;
    peer->queued -= answer->len;
    if (peer->stage == PEER_GONE)
        return;
    if (status < 0) {
        peer_end(peer, LINK_CLOSE_PEER);
        return;
    }
    server->counts.bytes_out += answer->len;
    if (peer->queued > 0)
        peer_timer_start(server, &peer->writing, TIMER_UNREAD); /* it does read, slowly: time starts anew */
    else
        peer_timer_stop(server, &peer->writing);
    if (peer->stage == PEER_LEAVING && peer->queued == 0)
        say_good_bye(peer);
    settle(peer);
}

/* Queues what of the two buffers is left after their first `sent` bytes. */
static void queue_rest(struct link_peer *peer, const uv_buf_t bufs[2], size_t sent)
{
    struct link_server *server = peer->server;
    size_t head_sent = sent < bufs[0].len ? sent : bufs[0].len;
    size_t head_left = bufs[0].len - head_sent;
    size_t body_left = bufs[1].len - (sent - head_sent);
    size_t len = head_left + body_left;
    struct answer *answer = peer->queued + len <= server->limits.answer_bytes ? malloc(sizeof *answer + len) : NULL;
    if (!answer) {
        peer_end(peer, LINK_CLOSE_SLOW);
        return;
    }
    answer->len = len;
    memcpy(answer->bytes, bufs[0].base + head_sent, head_left);
    if (body_left > 0)
        memcpy(answer->bytes + head_left, bufs[1].base + (bufs[1].len - body_left), body_left);
    uv_buf_t rest = uv_buf_init((char *)answer->bytes, (unsigned)len);
    if (uv_write(&answer->write, (uv_stream_t *)&peer->tcp, &rest, 1, on_written) < 0) {
        free(answer);
        peer_end(peer, LINK_CLOSE_PEER);
        return;
    }
    peer->queued += len;
    if (!peer->writing.on)
        peer_timer_start(server, &peer->writing, TIMER_UNREAD);
}

static bool forget_ticket(struct link_peer *peer, uint32_t ticket)
{
    for (unsigned i = 0; i < peer->unanswered; i++) {
        if (peer->tickets[i] == ticket) {
            peer->tickets[i] = peer->tickets[--peer->unanswered];
            return true;
        }
    }
    return false;
}

/* What uv_try_write() says. Most answers are short: for them one piece costs less than two, and a call that goes
 * straight to the socket less than one by way of the file. */
static int try_write(struct link_peer *peer, const uv_buf_t bufs[2])
{
    uint8_t short_answer[SHORT_ANSWER];
    size_t len = bufs[0].len + bufs[1].len;
    if (len > sizeof short_answer)
        return uv_try_write((uv_stream_t *)&peer->tcp, bufs, 2);
    memcpy(short_answer, bufs[0].base, bufs[0].len);
    if (bufs[1].len > 0)
        memcpy(short_answer + bufs[0].len, bufs[1].base, bufs[1].len);
    uv_os_fd_t fd;
    int rc = uv_fileno((uv_handle_t *)&peer->tcp, &fd);
    if (rc < 0)
        return rc;
    ssize_t sent = send(fd, short_answer, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : (int)sent; /* EINTR cannot be: it does not wait */
}

void link_peer_answer(struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    assert(peer && (bytes || len == 0));
    if (peer->stage != PEER_OPEN || !forget_ticket(peer, ticket))
        return;
    struct link_server *server = peer->server;
    uint8_t head[SP_HEAD_LEN];
    sp_write_head(head, ticket, len);
    uv_buf_t bufs[] = { uv_buf_init((char *)head, sizeof head), uv_buf_init((char *)bytes, (unsigned)len) };
    int sent = peer->queued > 0 ? UV_EAGAIN : try_write(peer, bufs);
    if (sent < 0 && sent != UV_EAGAIN) {
        peer_end(peer, LINK_CLOSE_PEER);
        return;
    }
    size_t gone = sent > 0 ? (size_t)sent : 0;
    server->counts.answers++;
    server->counts.bytes_out += gone;
    if (gone < sizeof head + len)
        queue_rest(peer, bufs, gone);
    settle(peer);
}

void link_peer_close(struct link_peer *peer)
{
    assert(peer);
    if (peer->stage != PEER_OPEN)
        return;
    peer->stage = PEER_LEAVING;
    peer->why = LINK_CLOSE_OURS;
    peer_timer_stop(peer->server, &peer->reading);
    if (!peer->taking) { /* otherwise who takes does so */
        forget_tail(peer);
        sp_done(&peer->sp);
        account(peer);
    }
    if (peer->queued == 0)
        say_good_bye(peer);
    else
        read_from(peer, true);
}

void link_peer_set_user(struct link_peer *peer, void *user)
{
    peer->user = user;
}

void *link_peer_user(const struct link_peer *peer)
{
    return peer->user;
}

const char *link_peer_address(const struct link_peer *peer)
{
    return peer->address;
}
