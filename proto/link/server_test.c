/* The honest protocol step by step, and every way to misuse it. */
#include "proto/link/server_fixture.h"

#include <fcntl.h>
#include <netinet/tcp.h>

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
        TEST(the_same_request_sent_again_is_one_request),
        TEST(who_does_not_shake_hands_in_time_is_dropped),
        TEST(a_message_must_end_in_time_but_an_idle_peer_may_stay),
        TEST(a_slow_trickle_does_not_win_time),
        TEST(further_requests_wait_until_there_is_room),
        TEST(answers_from_within_the_request_keep_the_stream_going),
        TEST(who_does_not_read_answers_is_not_read_from_and_goes_in_time),
        TEST(who_reads_late_gets_every_byte_of_its_answers),
        TEST(an_address_that_cannot_be_listened_on_is_said),
        TEST(a_socket_bound_before_is_listened_on_when_it_is_adopted),
        TEST(of_two_that_were_bound_to_one_port_one_listens),
        TEST(it_listens_on_ipv6_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
