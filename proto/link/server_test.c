/* The server against peers that speak SP by hand: the honest protocol step by step, and every way to misuse it. */
#include "proto/link/server.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "proto/link/address.h"
#include "proto/link/link_fixture.h"

#define HELLO "\0SP\0\0\x30\0\0"

enum { PEERS_MAX = 64, REQUESTS_MAX = 6000, ANSWER_LEN = 32 << 10 };

struct fixture {
    struct test_loop t;
    struct link_server *server;
    struct link_limits limits;
    unsigned opened;
    unsigned closed;
    enum link_close why;    /* of the last */
    struct link_peer *peer; /* the last opened */
    struct {
        struct link_peer *peer;
        uint32_t ticket;
        bool gone; /* its peer is */
    } requests[REQUESTS_MAX];
    unsigned requested;
    unsigned asking; /* how many of them are to come */
    char text[256];  /* of the last request */
    size_t text_len;
    bool echo; /* answer at once */
    bool close_on_open;
    bool close_on_request;
    bool shut_on_request;
    int sockets[PEERS_MAX];
    unsigned n_sockets;
};

static void on_open(void *user, struct link_peer *peer)
{
    struct fixture *f = user;
    f->opened++;
    f->peer = peer;
    link_peer_set_user(peer, f);
    if (f->close_on_open)
        link_peer_close(peer);
}

static void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
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

static void on_close(void *user, struct link_peer *peer, enum link_close why)
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

static void listen_with(struct fixture *f, struct link_limits limits)
{
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    f->server = link_server_close(f->server);
    assert_int_equal(link_server_open(&f->server, &f->t.loop, "127.0.0.1:0", limits, handlers, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    test_loop_open(&f->t);
    f->limits = link_limits_default();
    listen_with(f, f->limits);
    *state = f;
    return 0;
}

static int teardown(void **state)
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

static struct link_counts counts(const struct fixture *f)
{
    return link_server_counts(f->server);
}

static uint64_t closed_for(const struct fixture *f, enum link_close why)
{
    return counts(f).closed[why];
}

/* From 127.0.0.`last`. */
static int dial_from(struct fixture *f, uint8_t last)
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

static int dial(struct fixture *f)
{
    return dial_from(f, 1);
}

static void hang_up(struct fixture *f, int fd)
{
    for (unsigned i = 0; i < f->n_sockets; i++) {
        if (f->sockets[i] == fd)
            f->sockets[i] = -1;
    }
    close(fd);
}

static void reset(struct fixture *f, int fd)
{
    struct linger at_once = { .l_onoff = 1 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    hang_up(f, fd);
}

static void say(int fd, const void *bytes, size_t len)
{
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

/* A request of `len` bytes of text. */
static void ask(int fd, uint32_t id, const void *text, size_t len)
{
    uint8_t message[12 + 4096] = { [7] = (uint8_t)((len + 4) & 0xff), [6] = (uint8_t)((len + 4) >> 8) };
    assert_true(len <= 4096);
    for (int i = 0; i < 4; i++)
        message[8 + i] = (uint8_t)(id >> (24 - 8 * i));
    memcpy(message + 12, text, len);
    say(fd, message, 12 + len);
}

static int dial_and_shake(struct fixture *f)
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

static bool has_ended(int fd)
{
    char byte;
    ssize_t n = peek(fd, &byte, 1);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void a_request_is_answered_in_one_piece_by_its_ticket(void **state)
{
    struct fixture *f = *state;
    int fd = dial_and_shake(f);
    ask(fd, 0x80000005, "report", 6);
    run_until(&f->t, f->requested == 1);
    assert_int_equal(f->text_len, 6);
    assert_memory_equal(f->text, "report", 6);
    link_peer_answer(f->requests[0].peer, f->requests[0].ticket, (const uint8_t *)"stored", 6);
    char answer[18];
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), 18);
    assert_memory_equal(answer, "\0\0\0\0\0\0\0\x0a\x80\0\0\x05stored", 18);
    struct link_counts c = counts(f);
    assert_int_equal(c.accepted, 1);
    assert_int_equal(c.open, 1);
    assert_int_equal(c.requests, 1);
    assert_int_equal(c.answers, 1);
    assert_int_equal(c.bytes_in, 8 + 18);
    assert_int_equal(c.bytes_out, 8 + 18);
}

static void a_peer_knows_its_address_and_the_kernel_watches_it(void **state)
{
    struct fixture *f = *state;
    int fd = dial_and_shake(f);
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &len), 0);
    char text[ADDRESS_TEXT_MAX];
    address_write(&own, text);
    assert_string_equal(link_peer_address(f->peer), text);
    /* Accepted sockets inherit what was set on the listening one. */
    static const struct {
        int level;
        int name;
        int value;
    } wanted[] = { { SOL_SOCKET, SO_KEEPALIVE, 1 },
                   { IPPROTO_TCP, TCP_NODELAY, 1 },
                   { IPPROTO_TCP, TCP_KEEPIDLE, 60 },
                   { IPPROTO_TCP, TCP_USER_TIMEOUT, 30000 } };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int value = 0;
        len = sizeof value;
        /* struct link_peer begins with its handle, but that is not for us to know: find it by its address */
        for (int other = 3; other < 256; other++) {
            struct sockaddr_storage theirs = { 0 };
            socklen_t theirs_len = sizeof theirs;
            char name[ADDRESS_TEXT_MAX];
            if (other == fd || getpeername(other, (struct sockaddr *)&theirs, &theirs_len) < 0 ||
                theirs.ss_family != AF_INET)
                continue;
            address_write(&theirs, name);
            if (strcmp(name, text) == 0)
                assert_int_equal(getsockopt(other, wanted[i].level, wanted[i].name, &value, &len), 0);
        }
        assert_int_equal(value, wanted[i].value);
    }
}

static void strangers_get_nothing_and_are_counted(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *bytes;
        size_t len;
    } strangers[] = { { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 },
                      { "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11 },
                      { "\0SP\0\0\x31\0\0", 8 },
                      { "\0SP\0\0\x10\0\0", 8 },
                      { "\0SP\0\0\x30\0\x01", 8 },
                      { "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9 } };
    size_t n = sizeof strangers / sizeof strangers[0];
    for (size_t i = 0; i < n; i++) {
        int fd = dial(f);
        say(fd, strangers[i].bytes, strangers[i].len);
        run_until(&f->t, closed_for(f, LINK_CLOSE_HANDSHAKE) == i + 1);
        run_until(&f->t, has_ended(fd));
    }
    assert_int_equal(f->opened, 0);
    assert_int_equal(counts(f).bytes_out, 0);
    assert_int_equal(counts(f).open, 0);
}

static void bad_messages_end_the_connection(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "\0\0\x01\0\0\0\0\0----",               /* 2^40 bytes */
        "\xff\xff\xff\xff\xff\xff\xff\xff----", /* 2^64 - 1 */
        "\0\0\0\0\0\x01\0\x05----",             /* one byte over the limit */
        "\0\0\0\0\0\0\0\0----",                 /* no id */
        "\0\0\0\0\0\0\0\x03----",
        "\0\0\0\0\0\0\0\x05\x7f\xff\xff\xff", /* not an id */
    };
    size_t n = sizeof bad / sizeof bad[0];
    for (size_t i = 0; i < n; i++) {
        int fd = dial_and_shake(f);
        say(fd, bad[i], 12);
        run_until(&f->t, f->closed == i + 1);
        assert_int_equal(f->why, LINK_CLOSE_PROTOCOL);
        run_until(&f->t, has_ended(fd));
    }
    assert_int_equal(f->requested, 0);
    assert_int_equal(closed_for(f, LINK_CLOSE_PROTOCOL), n);
}

static void peers_may_hang_up_or_reset_at_every_stage(void **state)
{
    struct fixture *f = *state;
    static const char stream[] = HELLO "\0\0\0\0\0\0\0\x06\x80\0\0\x07hi";
    static void (*const leave[])(struct fixture *, int) = { hang_up, reset };
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof leave / sizeof leave[0]; i++) {
        for (size_t cut = 0; cut < sizeof stream; cut++, n++) {
            int fd = dial(f);
            f->n_sockets = 1;
            f->sockets[0] = fd;
            if (cut > 0)
                say(fd, stream, cut);
            leave[i](f, fd);
            run_until(&f->t, closed_for(f, LINK_CLOSE_PEER) == n + 1);
            f->n_sockets = 0;
        }
    }
    run_until(&f->t, f->closed == f->opened);
    assert_int_equal(counts(f).open, 0);
}

static void an_answer_to_a_peer_that_is_gone_goes_nowhere(void **state)
{
    struct fixture *f = *state;
    int fd = dial_and_shake(f);
    ask(fd, 0x80000001, "x", 1);
    run_until(&f->t, f->requested == 1);
    reset(f, fd);
    struct link_peer *peer = f->peer;
    while (closed_for(f, LINK_CLOSE_PEER) == 0 && !f->t.late) {
        /* Each answer but the first is to a ticket nobody has: ignored. The reset shows in one of these writes or in a
         * read, whichever the loop comes to first. */
        link_peer_answer(peer, 0x80000001, (const uint8_t *)"y", 1);
        if (closed_for(f, LINK_CLOSE_PEER) == 0)
            uv_run(&f->t.loop, UV_RUN_NOWAIT);
    }
    if (f->closed == 0)
        link_peer_answer(peer, 0x80000001, (const uint8_t *)"y", 1); /* after the end, before on_close */
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_PEER);
}

static void the_same_request_sent_again_is_one_request(void **state)
{
    struct fixture *f = *state;
    int fd = dial_and_shake(f);
    ask(fd, 0x80000001, "a", 1);
    ask(fd, 0x80000001, "a", 1);
    ask(fd, 0x80000002, "b", 1);
    run_until(&f->t, f->requested == 2);
    assert_int_equal(f->requests[1].ticket, 0x80000002);
    link_peer_answer(f->peer, 0x80000001, (const uint8_t *)"1", 1);
    link_peer_answer(f->peer, 0x80000001, (const uint8_t *)"1", 1); /* answered already: nothing goes out */
    link_peer_answer(f->peer, 0x80000002, (const uint8_t *)"2", 1);
    char answers[26];
    assert_int_equal(recv(fd, answers, sizeof answers, MSG_WAITALL), 26);
    assert_int_equal(answers[12], '1');
    assert_int_equal(answers[25], '2');
    ask(fd, 0x80000001, "a", 1); /* once answered, the id is free again */
    run_until(&f->t, f->requested == 3);
}

static void who_does_not_shake_hands_in_time_is_dropped(void **state)
{
    struct fixture *f = *state;
    f->limits.handshake_us = 20000;
    listen_with(f, f->limits);
    int silent = dial(f);
    int slow = dial(f);
    say(slow, "\0SP", 3);
    run_until(&f->t, closed_for(f, LINK_CLOSE_HANDSHAKE) == 2);
    run_until(&f->t, has_ended(silent) && has_ended(slow));
    assert_int_equal(f->opened, 0);
}

static void a_message_must_end_in_time_but_an_idle_peer_may_stay(void **state)
{
    struct fixture *f = *state;
    f->limits.message_us = 20000;
    f->limits.handshake_us = 20000;
    listen_with(f, f->limits);
    dial_and_shake(f); /* says nothing */
    int slow = dial_and_shake(f);
    say(slow, "\0\0\0\0\0\0\0\x06\x80\0", 10);
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_SLOW);
    run_until(&f->t, has_ended(slow));
    assert_int_equal(counts(f).open, 1);
}

static void a_slow_trickle_does_not_win_time(void **state)
{
    struct fixture *f = *state;
    f->limits.message_us = 30000;
    listen_with(f, f->limits);
    int slow = dial_and_shake(f);
    say(slow, "\0\0\0\0\0\0\xff\xff\x80\0\0\0", 12);
    while (f->closed == 0 && !f->t.late) {
        send(slow, "x", 1, MSG_NOSIGNAL); /* each turn of the loop one byte more */
        uv_run(&f->t.loop, UV_RUN_ONCE);
    }
    assert_int_equal(f->why, LINK_CLOSE_SLOW);
}

static void further_requests_wait_until_there_is_room(void **state)
{
    struct fixture *f = *state;
    int fd = dial_and_shake(f);
    uint8_t many[5000][12];
    for (unsigned i = 0; i < 5000; i++) {
        memcpy(many[i], "\0\0\0\0\0\0\0\x04\x80\0\0\0", 12);
        many[i][10] = (uint8_t)(i >> 8);
        many[i][11] = (uint8_t)i;
    }
    say(fd, many, sizeof many); /* all of them in one read */
    run_until(&f->t, f->requested == f->limits.in_flight);
    run_some(&f->t);
    assert_int_equal(f->requested, f->limits.in_flight);
    for (unsigned i = 0; i < 5000; i++) {
        unsigned before = f->requested;
        link_peer_answer(f->peer, f->requests[i].ticket, (const uint8_t *)"", 0);
        assert_int_equal(f->requested, before); /* never from within the answer */
        run_until(&f->t, f->requested > i + 1 || i + 1 == 5000);
    }
    for (unsigned i = 0; i < 5000; i++) /* each once and in order */
        assert_int_equal(f->requests[i].ticket, UINT32_C(0x80000000) + i);
    assert_int_equal(counts(f).answers, 5000);
}

static void answers_from_within_the_request_keep_the_stream_going(void **state)
{
    struct fixture *f = *state;
    f->echo = true;
    int fd = dial_and_shake(f);
    for (unsigned i = 0; i < 100; i++)
        ask(fd, UINT32_C(0x80000000) + i, "hello", 5);
    run_until(&f->t, counts(f).answers == 100);
    char all[100 * 17];
    assert_int_equal(recv(fd, all, sizeof all, MSG_WAITALL), sizeof all);
    assert_memory_equal(all + 99 * 17, "\0\0\0\0\0\0\0\x09\x80\0\0\x63hello", 17);
}

/* Fills what the kernel holds for the peer until answers have to wait; returns how many were given. */
static unsigned fill_until_waiting(struct fixture *f, int fd, uint8_t *answer)
{
    unsigned given = 0;
    while (counts(f).bytes_out == 8 + (uint64_t)given * (12 + ANSWER_LEN) && f->closed == 0) {
        ask(fd, UINT32_C(0x80000000) + given, "more", 4);
        run_until(&f->t, f->requested == given + 1);
        link_peer_answer(f->peer, f->requests[given++].ticket, answer, ANSWER_LEN);
    }
    return given;
}

static void who_does_not_read_answers_is_not_read_from_and_goes_in_time(void **state)
{
    struct fixture *f = *state;
    static uint8_t answer[ANSWER_LEN];
    f->limits.message_us = 50000;
    listen_with(f, f->limits);
    int fd = dial_and_shake(f);
    unsigned given = fill_until_waiting(f, fd, answer);
    assert_int_equal(f->closed, 0);
    ask(fd, 0x90000000, "and more", 8);
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_SLOW);
    assert_int_equal(f->requested, given); /* the last one was never read */
}

static void who_reads_late_gets_every_byte_of_its_answers(void **state)
{
    struct fixture *f = *state;
    static uint8_t answer[ANSWER_LEN];
    for (size_t i = 0; i < sizeof answer; i++)
        answer[i] = (uint8_t)(i * 7);
    int fd = dial_and_shake(f);
    unsigned given = fill_until_waiting(f, fd, answer);
    ask(fd, 0x90000000, "and more", 8);
    run_some(&f->t);
    assert_int_equal(f->requested, given);
    static uint8_t message[12 + ANSWER_LEN];
    size_t got = 0;
    for (unsigned i = 0; i < given;) {
        ssize_t n = recv(fd, message + got, sizeof message - got, MSG_DONTWAIT);
        if (n > 0)
            got += (size_t)n;
        else
            uv_run(&f->t.loop, UV_RUN_ONCE);
        assert_false(f->t.late);
        if (got == sizeof message) {
            assert_int_equal(message[11], i & 0xff);
            assert_memory_equal(message + 12, answer, sizeof answer);
            got = 0;
            i++;
        }
    }
    run_until(&f->t, f->requested == given + 1); /* and is read from again */
    assert_int_equal(f->closed, 0);
}

static void too_many_unread_answer_bytes_end_the_connection(void **state)
{
    struct fixture *f = *state;
    static uint8_t answer[ANSWER_LEN];
    f->limits.answer_bytes = 2 * (12 + ANSWER_LEN);
    f->limits.in_flight = 64;
    listen_with(f, f->limits);
    int fd = dial_and_shake(f);
    unsigned asked = 0;
    while (f->closed == 0 && !f->t.late) {
        for (unsigned i = 0; i < 8; i++)
            ask(fd, UINT32_C(0x80000000) + asked++, "x", 1);
        run_until(&f->t, f->requested == asked || f->closed == 1);
        for (unsigned i = asked - 8; i < asked && closed_for(f, LINK_CLOSE_SLOW) == 0; i++)
            link_peer_answer(f->requests[i].peer, f->requests[i].ticket, answer, sizeof answer);
        if (closed_for(f, LINK_CLOSE_SLOW) == 1)
            run_until(&f->t, f->closed == 1);
    }
    assert_int_equal(f->why, LINK_CLOSE_SLOW);
}

static void a_reset_in_the_middle_of_an_answer_is_survived(void **state)
{
    struct fixture *f = *state;
    static uint8_t answer[ANSWER_LEN];
    int fd = dial_and_shake(f);
    fill_until_waiting(f, fd, answer);
    reset(f, fd);
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_PEER);
}

static void connections_over_the_limit_are_closed_as_they_come(void **state)
{
    struct fixture *f = *state;
    f->limits.peers = 2;
    listen_with(f, f->limits);
    dial(f); /* one that has not shaken hands counts, too */
    int second = dial_and_shake(f);
    int third = dial(f);
    run_until(&f->t, closed_for(f, LINK_CLOSE_FULL) == 1);
    run_until(&f->t, has_ended(third));
    hang_up(f, second);
    run_until(&f->t, f->closed == 1);
    dial_and_shake(f); /* there is room again */
    assert_int_equal(counts(f).accepted, 4);
    assert_int_equal(counts(f).open, 2);
}

static void of_too_many_strangers_from_an_address_the_oldest_gives_way(void **state)
{
    struct fixture *f = *state;
    f->limits.crowd = 2;
    listen_with(f, f->limits);
    int elsewhere = dial_from(f, 2); /* older, but not of this crowd */
    int first = dial_and_shake(f);   /* to shake hands is not to be known */
    int second = dial(f);
    int third = dial(f);
    run_until(&f->t, closed_for(f, LINK_CLOSE_CROWDED) == 1);
    assert_int_equal(f->why, LINK_CLOSE_CROWDED);
    run_until(&f->t, has_ended(first));
    assert_false(has_ended(elsewhere) || has_ended(second) || has_ended(third));
    assert_int_equal(counts(f).strangers, 3);
    assert_int_equal(counts(f).open, 3);
}

static void of_too_many_strangers_in_all_the_oldest_gives_way(void **state)
{
    struct fixture *f = *state;
    f->limits.strangers = 3;
    listen_with(f, f->limits);
    int sockets[5];
    for (uint8_t i = 0; i < 5; i++)
        sockets[i] = dial_from(f, (uint8_t)(i + 1));
    run_until(&f->t, closed_for(f, LINK_CLOSE_CROWDED) == 2);
    run_until(&f->t, has_ended(sockets[0]) && has_ended(sockets[1]));
    for (int i = 2; i < 5; i++)
        assert_false(has_ended(sockets[i]));
    assert_int_equal(counts(f).strangers, 3);
}

static void who_is_known_is_in_no_crowd(void **state)
{
    struct fixture *f = *state;
    f->limits.crowd = f->limits.strangers = 1;
    listen_with(f, f->limits);
    int known[3];
    for (int i = 0; i < 3; i++) {
        known[i] = dial_and_shake(f);
        link_peer_known(f->peer);
        link_peer_known(f->peer); /* no matter how often it is said */
        assert_int_equal(counts(f).strangers, 0);
    }
    int stranger = dial_and_shake(f);
    dial(f);
    run_until(&f->t, closed_for(f, LINK_CLOSE_CROWDED) == 1);
    run_until(&f->t, has_ended(stranger));
    for (int i = 0; i < 3; i++)
        assert_false(has_ended(known[i]));
    assert_int_equal(counts(f).open, 4);
    hang_up(f, known[2]);
    run_until(&f->t, closed_for(f, LINK_CLOSE_PEER) == 1);
    assert_int_equal(counts(f).strangers, 1);
}

static void running_out_of_descriptors_turns_connections_away_and_passes(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int fd = dial(f); /* in the backlog: the loop has not run */
    int next = dup(fd);
    close(next);
    struct rlimit none = { .rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run_until(&f->t, closed_for(f, LINK_CLOSE_FULL) == 1);
    run_until(&f->t, has_ended(fd));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    dial_and_shake(f);
}

static void when_nothing_can_be_accepted_the_loop_does_not_spin(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int fd = dial(f);
    /* Below the spare descriptor's own number even that one cannot be used again. */
    struct rlimit none = { .rlim_cur = 3, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    uv_timer_stop(&f->t.tick);
    unsigned turns = 0;
    uint64_t until = uv_now(&f->t.loop) + 30;
    uv_timer_start(&f->t.tick, test_on_tick, 30, 0);
    while (uv_now(&f->t.loop) < until) {
        uv_run(&f->t.loop, UV_RUN_ONCE);
        turns++;
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    uv_timer_start(&f->t.tick, test_on_tick, TICK_MS, TICK_MS);
    assert_in_range(turns, 1, 20);
    assert_int_equal(f->opened, 0);
    say(fd, HELLO, 8);
    run_until(&f->t, f->opened == 1); /* by and by it tries again */
}

enum { PART_LEN = 12 + 30000, PART_HEAD = 12, PARTS_HELD = 100000 };
static const uint8_t part[PART_LEN] = { [5] = 1, [8] = 0x80 }; /* claims 64 KiB less 4, sends less than half */

/* A peer that has begun a message of which `len` bytes have come, head and all. */
static struct link_peer *hold_part(struct fixture *f, bool known, size_t len, int *ret_fd)
{
    uint64_t before = counts(f).bytes_in;
    *ret_fd = dial_and_shake(f);
    struct link_peer *peer = f->peer;
    if (known)
        link_peer_known(peer);
    say(*ret_fd, part, len);
    run_until(&f->t, counts(f).bytes_in == before + 8 + len);
    return peer;
}

static void of_all_who_hold_too_much_together_the_oldest_strangers_go(void **state)
{
    struct fixture *f = *state;
    int fds[4];
    f->limits.held_bytes = PARTS_HELD;
    listen_with(f, f->limits);
    int idle = dial_and_shake(f); /* the oldest of all, and holds nothing */
    for (int i = 0; i < 4; i++)
        hold_part(f, false, PART_LEN, &fds[i]);
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_FULL);
    run_until(&f->t, has_ended(fds[0]));
    for (int i = 1; i < 4; i++)
        assert_false(has_ended(fds[i]));
    assert_false(has_ended(idle));
    hang_up(f, fds[1]);
    run_until(&f->t, f->closed == 2);
    hold_part(f, false, PART_LEN, &fds[0]); /* what one held that went is free again */
    assert_int_equal(counts(f).open, 4);
}

static void nobody_who_is_known_goes_for_what_strangers_hold(void **state)
{
    struct fixture *f = *state;
    int known, stranger;
    f->limits.held_bytes = PARTS_HELD;
    listen_with(f, f->limits);
    hold_part(f, true, PART_LEN - 20000, &known);
    for (unsigned i = 0; i < 10; i++)
        hold_part(f, false, PART_LEN, &stranger);
    say(known, part + PART_HEAD, 20000); /* it is the last to send, and what is held was full */
    run_until(&f->t, f->closed == 8);
    assert_int_equal(closed_for(f, LINK_CLOSE_FULL), 8);
    assert_false(has_ended(known));
    assert_int_equal(counts(f).open, 3);
}

static void of_those_who_are_known_who_holds_most_goes(void **state)
{
    struct fixture *f = *state;
    int fds[3];
    static const size_t lens[] = { 20000, 30000, 25000 };
    f->limits.held_bytes = 70000;
    listen_with(f, f->limits);
    for (int i = 0; i < 3; i++)
        hold_part(f, true, PART_HEAD + lens[i], &fds[i]);
    run_until(&f->t, f->closed == 1);
    run_until(&f->t, has_ended(fds[1]));
    assert_false(has_ended(fds[0]));
    assert_false(has_ended(fds[2]));
}

static void a_peer_told_to_go_gives_back_at_once_what_it_held(void **state)
{
    struct fixture *f = *state;
    int fds[2];
    f->limits.held_bytes = 40000;
    listen_with(f, f->limits);
    link_peer_close(hold_part(f, true, PART_LEN, &fds[0]));
    hold_part(f, true, PART_LEN, &fds[1]);
    assert_int_equal(counts(f).open, 2); /* both: it has not answered our good-bye yet */
    assert_false(has_ended(fds[1]));
}

static void a_peer_told_to_go_gets_its_answers_first(void **state)
{
    struct fixture *f = *state;
    static uint8_t answer[ANSWER_LEN];
    int fd = dial_and_shake(f);
    unsigned given = fill_until_waiting(f, fd, answer);
    link_peer_close(f->peer);
    assert_int_equal(f->closed, 0); /* never from within the call */
    size_t got = 0;
    static uint8_t bytes[65536];
    send(fd, "what is still sent is forgotten", 31, MSG_NOSIGNAL);
    for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) != 0 && !f->t.late;) {
        if (n > 0)
            got += (size_t)n;
        else
            uv_run(&f->t.loop, UV_RUN_ONCE);
    }
    assert_int_equal(got, (size_t)given * (12 + ANSWER_LEN));
    hang_up(f, fd);
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_OURS);
}

static void a_peer_told_to_go_that_stays_is_dropped_in_time(void **state)
{
    struct fixture *f = *state;
    f->limits.handshake_us = 20000;
    listen_with(f, f->limits);
    int fd = dial_and_shake(f);
    link_peer_close(f->peer);
    link_peer_close(f->peer); /* twice is once */
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->why, LINK_CLOSE_OURS);
    assert_true(has_ended(fd));
}

static void closing_from_within_the_callbacks_is_allowed(void **state)
{
    struct fixture *f = *state;
    f->close_on_open = true;
    int fd = dial(f);
    say(fd, HELLO, 8);
    ask(fd, 0x80000000, "never heard", 11);
    run_until(&f->t, f->opened == 1);
    hang_up(f, fd);
    run_until(&f->t, f->closed == 1);
    assert_int_equal(f->requested, 0);

    f->close_on_open = false;
    f->close_on_request = true;
    f->echo = true;
    fd = dial_and_shake(f);
    ask(fd, 0x80000000, "first", 5);
    ask(fd, 0x80000001, "never heard", 11);
    run_until(&f->t, f->requested == 1);
    char answer[17];
    assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), 17);
    hang_up(f, fd);
    run_until(&f->t, f->closed == 2);
    assert_int_equal(f->requested, 1);
}

static void the_server_may_be_closed_from_within_a_request(void **state)
{
    struct fixture *f = *state;
    f->shut_on_request = true;
    f->echo = true;
    dial_and_shake(f);
    int fd = dial_and_shake(f);
    ask(fd, 0x80000000, "first", 5);
    ask(fd, 0x80000001, "never heard", 11);
    run_until(&f->t, f->closed == 2);
    assert_null(f->server);
    assert_int_equal(f->requested, 1);
    assert_int_equal(f->why, LINK_CLOSE_OURS);
}

static void forty_peers_that_pipeline_and_reset_do_not_hinder_an_honest_one(void **state)
{
    struct fixture *f = *state;
    f->limits.in_flight = 2;
    listen_with(f, f->limits);
    int honest = dial_and_shake(f);
    unsigned answered = 0;
    for (unsigned round = 0; round < 25; round++) {
        int abusers[40];
        for (int i = 0; i < 40; i++) {
            abusers[i] = dial(f);
            say(abusers[i], HELLO, 8);
            for (uint32_t id = 0; id < 5; id++)
                ask(abusers[i], UINT32_C(0x80000000) + id, "burden", 6);
        }
        f->requested = 0;
        ask(honest, UINT32_C(0x80000000) + round, "honest", 6);
        run_until(&f->t, f->requested == 81); /* two of each, and ours */
        for (int i = 0; i < 40; i += 2)
            reset(f, abusers[i]); /* before its answers */
        for (unsigned i = 0; i < 81; i++)
            link_peer_answer(f->requests[i].peer, f->requests[i].ticket, (const uint8_t *)"ok", 2);
        f->echo = true; /* a peer that fills its room is seen to be gone when an answer meets it */
        char answer[14];
        assert_int_equal(recv(honest, answer, sizeof answer, MSG_WAITALL), 14);
        answered++;
        for (int i = 1; i < 40; i += 2)
            reset(f, abusers[i]); /* with further requests and answers under way */
        run_until(&f->t, f->closed == (round + 1) * 40);
        f->echo = false;
        f->n_sockets = 1; /* the honest one's */
    }
    assert_int_equal(answered, 25);
    assert_int_equal(counts(f).open, 1);
    assert_int_equal(closed_for(f, LINK_CLOSE_PEER), 25 * 40);
}

/* Brings a peer into a state by itself, from the outside; where it takes an answer or a close of ours, that comes
 * later. */
static int dial_into(struct fixture *f, unsigned peer_state)
{
    static const uint8_t claim[12 + 100] = { [6] = 1, [8] = 0x80 }; /* a message of 256 bytes, not half of it */
    int fd = dial(f);
    if (peer_state > 0) /* 0: connected and silent */
        say(fd, HELLO, peer_state == 1 ? 5 : 8);
    if (peer_state == 3)
        say(fd, claim, sizeof claim);
    unsigned asked = peer_state == 4 ? 1 : peer_state == 5 ? f->limits.in_flight : peer_state == 6 ? 9 : 0;
    for (uint32_t id = 0; id < asked; id++) /* 4: unanswered; 5: paused; 6: paused, with further ones in hand */
        ask(fd, UINT32_C(0x80000000) + id, "well?", 5);
    if (asked > 0)
        f->asking += asked < f->limits.in_flight ? asked : f->limits.in_flight;
    return fd;
}

enum { PEER_STATES = 7 };

/* Half of them shut down, half reset; those paused are noticed gone when they are answered. */
static void whatever_state_peers_leave_in_none_stays_counted_as_open(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 1; round <= 10; round++) {
        int sockets[PEER_STATES * 4];
        f->requested = f->asking = 0;
        for (unsigned i = 0; i < PEER_STATES * 4; i++)
            sockets[i] = dial_into(f, i % PEER_STATES);
        run_until(&f->t, counts(f).open == PEER_STATES * 4 && f->requested == f->asking &&
                             f->opened == round * (PEER_STATES - 2) * 4);
        for (unsigned i = 0; i < PEER_STATES * 4; i++) {
            if (i / PEER_STATES % 2)
                reset(f, sockets[i]);
            else
                hang_up(f, sockets[i]);
        }
        run_until(&f->t, counts(f).open == 8); /* 5 and 6 */
        unsigned n = f->requested;
        for (unsigned i = 0; i < n; i++) {
            /* of the states, 4 has gone: its tickets are forgotten, as on_close told */
            if (!f->requests[i].gone)
                link_peer_answer(f->requests[i].peer, f->requests[i].ticket, (const uint8_t *)"so", 2);
        }
        f->echo = true;
        run_until(&f->t, counts(f).open == 0 && f->closed == f->opened);
        f->echo = false;
        f->n_sockets = 0;
    }
    uint64_t closed = 0;
    for (int why = 0; why < LINK_CLOSE_COUNT; why++)
        closed += closed_for(f, (enum link_close)why);
    assert_int_equal(closed, counts(f).accepted);
}

static void who_leaves_with_answers_unread_or_when_told_to_is_not_counted_either(void **state)
{
    struct fixture *f = *state;
    static uint8_t answer[ANSWER_LEN];
    f->limits.message_us = 50000;
    listen_with(f, f->limits);
    for (unsigned i = 0; i < 4; i++) {
        f->requested = 0;
        f->closed = 0;
        f->opened = 0;
        f->n_sockets = 0;
        int fd = dial_and_shake(f);
        uint64_t before = counts(f).bytes_out;
        for (unsigned given = 0; counts(f).bytes_out == before + (uint64_t)given * (12 + ANSWER_LEN);) {
            ask(fd, UINT32_C(0x80000000) + given, "more", 4);
            run_until(&f->t, f->requested == given + 1);
            link_peer_answer(f->peer, f->requests[given++].ticket, answer, ANSWER_LEN);
        }
        if (i & 1)
            link_peer_close(f->peer);
        if (i & 2)
            reset(f, fd);
        else
            hang_up(f, fd);
        run_until(&f->t, counts(f).open == 0 && f->closed == 1);
    }
}

static void an_address_that_cannot_be_listened_on_is_said(void **state)
{
    struct fixture *f = *state;
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    struct link_server *other = NULL;
    struct err err;
    assert_int_equal(link_server_open(&other, &f->t.loop, "nonsense", f->limits, handlers, &err), -EINVAL);
    assert_non_null(strstr(err.text, "nonsense"));
    assert_int_equal(link_server_open(&other, &f->t.loop, "localhost:0", f->limits, handlers, NULL), -EINVAL);
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", link_server_port(f->server));
    assert_int_equal(link_server_open(&other, &f->t.loop, taken, f->limits, handlers, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, taken));
    assert_int_equal(link_server_open(&other, &f->t.loop, "192.0.2.1:0", f->limits, handlers, NULL), -EADDRNOTAVAIL);
    assert_null(other);
    assert_null(link_server_close(NULL));
}

static void a_socket_bound_before_is_listened_on_when_it_is_adopted(void **state)
{
    struct fixture *f = *state;
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    struct sockaddr_in at = { 0 };
    socklen_t len = sizeof at;
    int bound = -1;
    assert_int_equal(link_bind("127.0.0.1:0", &bound, NULL), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&at, &len), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    f->sockets[f->n_sockets++] = fd;
    assert_int_equal(connect(fd, (struct sockaddr *)&at, len), -1); /* nobody waits in vain meanwhile */
    assert_int_equal(errno, ECONNREFUSED);

    struct link_server *other = NULL;
    assert_int_equal(link_server_adopt(&other, &f->t.loop, bound, f->limits, handlers, NULL), 0);
    assert_int_equal(link_server_port(other), ntohs(at.sin_port));
    assert_int_equal(connect(fd, (struct sockaddr *)&at, len), 0);
    say(fd, HELLO, 8);
    run_until(&f->t, f->opened == 1);
    other = link_server_close(other);
    run_until(&f->t, f->closed == 1);
}

static void of_two_that_were_bound_to_one_port_one_listens(void **state)
{
    struct fixture *f = *state;
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    struct sockaddr_in at = { 0 };
    socklen_t len = sizeof at;
    int bound[2] = { -1, -1 };
    assert_int_equal(link_bind("127.0.0.1:0", &bound[0], NULL), 0);
    assert_int_equal(getsockname(bound[0], (struct sockaddr *)&at, &len), 0);
    char text[ADDRESS_TEXT_MAX];
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(at.sin_port));
    assert_int_equal(link_bind(text, &bound[1], NULL), 0); /* Linux lets both, until one listens */
    struct link_server *first = NULL, *second = NULL;
    struct err err;
    assert_int_equal(link_server_adopt(&first, &f->t.loop, bound[0], f->limits, handlers, NULL), 0);
    assert_int_equal(link_server_adopt(&second, &f->t.loop, bound[1], f->limits, handlers, &err), -EADDRINUSE);
    assert_non_null(strstr(err.text, text));
    assert_null(second);
    link_server_close(first);
}

static void it_listens_on_ipv6_too(void **state)
{
    struct fixture *f = *state;
    struct link_server_handlers handlers = { on_open, on_request, on_close, f };
    struct link_server *six = NULL;
    assert_int_equal(link_server_open(&six, &f->t.loop, "[::1]:0", f->limits, handlers, NULL), 0);
    struct sockaddr_in6 at = { .sin6_family = AF_INET6,
                               .sin6_port = htons((uint16_t)link_server_port(six)),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    f->sockets[f->n_sockets++] = fd;
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    say(fd, HELLO, 8);
    run_until(&f->t, f->opened == 1);
    assert_memory_equal(link_peer_address(f->peer), "[::1]:", 6);
    six = link_server_close(six);
    run_until(&f->t, f->closed == 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_answered_in_one_piece_by_its_ticket),
        TEST(a_peer_knows_its_address_and_the_kernel_watches_it),
        TEST(strangers_get_nothing_and_are_counted),
        TEST(bad_messages_end_the_connection),
        TEST(peers_may_hang_up_or_reset_at_every_stage),
        TEST(an_answer_to_a_peer_that_is_gone_goes_nowhere),
        TEST(the_same_request_sent_again_is_one_request),
        TEST(who_does_not_shake_hands_in_time_is_dropped),
        TEST(a_message_must_end_in_time_but_an_idle_peer_may_stay),
        TEST(a_slow_trickle_does_not_win_time),
        TEST(further_requests_wait_until_there_is_room),
        TEST(answers_from_within_the_request_keep_the_stream_going),
        TEST(who_does_not_read_answers_is_not_read_from_and_goes_in_time),
        TEST(who_reads_late_gets_every_byte_of_its_answers),
        TEST(too_many_unread_answer_bytes_end_the_connection),
        TEST(a_reset_in_the_middle_of_an_answer_is_survived),
        TEST(connections_over_the_limit_are_closed_as_they_come),
        TEST(of_too_many_strangers_from_an_address_the_oldest_gives_way),
        TEST(of_too_many_strangers_in_all_the_oldest_gives_way),
        TEST(who_is_known_is_in_no_crowd),
        TEST(running_out_of_descriptors_turns_connections_away_and_passes),
        TEST(when_nothing_can_be_accepted_the_loop_does_not_spin),
        TEST(of_all_who_hold_too_much_together_the_oldest_strangers_go),
        TEST(nobody_who_is_known_goes_for_what_strangers_hold),
        TEST(of_those_who_are_known_who_holds_most_goes),
        TEST(a_peer_told_to_go_gives_back_at_once_what_it_held),
        TEST(a_peer_told_to_go_gets_its_answers_first),
        TEST(a_peer_told_to_go_that_stays_is_dropped_in_time),
        TEST(closing_from_within_the_callbacks_is_allowed),
        TEST(the_server_may_be_closed_from_within_a_request),
        TEST(forty_peers_that_pipeline_and_reset_do_not_hinder_an_honest_one),
        TEST(whatever_state_peers_leave_in_none_stays_counted_as_open),
        TEST(who_leaves_with_answers_unread_or_when_told_to_is_not_counted_either),
        TEST(an_address_that_cannot_be_listened_on_is_said),
        TEST(a_socket_bound_before_is_listened_on_when_it_is_adopted),
        TEST(of_two_that_were_bound_to_one_port_one_listens),
        TEST(it_listens_on_ipv6_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
