#include "proto/link/server_fixture.h"

void on_open(void *user, struct link_peer *peer)
{
    struct fixture *f = user;
    f->opened++;
    f->peer = peer;
    link_peer_set_user(peer, f);
    if (f->close_on_open)
        link_peer_close(peer);
}

void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct fixture *f = user;
    assert_ptr_equal(link_peer_user(peer), f);
    assert_true(f->requested < REQUESTS_MAX);
    f->requests[f->requested].peer = peer;
    f->requests[f->requested].ticket = ticket;
    f->requests[f->requested].gone = false;
    f->requested++;
    f->text_len = len < sizeof f->text ? len : sizeof f->text;
    memcpy(f->text, bytes, f->text_len);
    if (f->echo)
        link_peer_answer(peer, ticket, bytes, len);
    if (f->close_on_request)
        link_peer_close(peer);
    if (f->shut_on_request)
        f->server = link_server_close(f->server);
}

void on_close(void *user, struct link_peer *peer, enum link_close why)
{
    struct fixture *f = user;
    assert_ptr_equal(link_peer_user(peer), f);
    f->closed++;
    f->why = why;
    f->peer = NULL;
    for (unsigned i = 0; i < f->requested; i++) {
        if (f->requests[i].peer == peer)
            f->requests[i].gone = true;
    }
}

void listen_with(struct fixture *f, struct link_limits limits)
{
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    f->server = link_server_close(f->server);
    assert_int_equal(link_server_open(&f->server, &f->t.loop, "127.0.0.1:0", limits, handlers, NULL), 0);
}

int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    test_loop_open(&f->t);
    f->limits = link_limits_default();
    listen_with(f, f->limits);
    *state = f;
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < f->n_sockets; i++) {
        if (f->sockets[i] >= 0)
            close(f->sockets[i]);
    }
    f->server = link_server_close(f->server);
    test_loop_close(&f->t);
    assert_int_equal(f->opened, f->closed); /* on_close once for each on_open */
    free(f);
    return 0;
}

struct link_counts counts(const struct fixture *f)
{
    return link_server_counts(f->server);
}

uint64_t closed_for(const struct fixture *f, enum link_close why)
{
    return counts(f).closed[why];
}

int dial_from(struct fixture *f, uint8_t last)
{
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | last) };
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)link_server_port(f->server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_true(f->n_sockets < PEERS_MAX);
    f->sockets[f->n_sockets++] = fd;
    return fd;
}

int dial(struct fixture *f)
{
    return dial_from(f, 1);
}

void hang_up(struct fixture *f, int fd)
{
    for (unsigned i = 0; i < f->n_sockets; i++) {
        if (f->sockets[i] == fd)
            f->sockets[i] = -1;
    }
    close(fd);
}

void say(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

void ask(int fd, uint32_t id, const void *text, size_t len)
{
    uint8_t message[12 + 4096] = { [7] = (uint8_t)((len + 4) & 0xff), [6] = (uint8_t)((len + 4) >> 8) };
    assert_true(len <= 4096);
    for (int i = 0; i < 4; i++)
        message[8 + i] = (uint8_t)(id >> (24 - 8 * i));
    memcpy(message + 12, text, len);
    say(fd, message, 12 + len);
}

int dial_and_shake(struct fixture *f)
{
    int fd = dial(f);
    unsigned before = f->opened;
    say(fd, HELLO, 8);
    run_until(&f->t, f->opened > before);
    uint8_t hello[8];
    assert_int_equal(recv(fd, hello, sizeof hello, MSG_WAITALL), 8);
    assert_memory_equal(hello, "\0SP\0\0\x31\0\0", 8);
    return fd;
}

/* What has come so far, without waiting. */
static ssize_t peek(int fd, void *bytes, size_t len)
{
    return recv(fd, bytes, len, MSG_DONTWAIT | MSG_PEEK);
}

bool has_ended(int fd)
{
    char byte;
    ssize_t n = peek(fd, &byte, 1);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

unsigned fill_until_waiting(struct fixture *f, int fd, uint8_t *answer)
{
    unsigned given = 0;
    while (counts(f).bytes_out == 8 + (uint64_t)given * (12 + ANSWER_LEN) && f->closed == 0) {
        ask(fd, UINT32_C(0x80000000) + given, "more", 4);
        run_until(&f->t, f->requested == given + 1);
        link_peer_answer(f->peer, f->requests[given++].ticket, answer, ANSWER_LEN);
    }
    return given;
}
