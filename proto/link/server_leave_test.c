/* Peers that leave, or are told to, in whatever state they are. */
#include "proto/link/server_fixture.h"

#include <fcntl.h>

enum { PEER_STATES = 7 };

static void reset(struct fixture *f, int fd)
{
    struct linger at_once = { .l_onoff = 1 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    hang_up(f, fd);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(peers_may_hang_up_or_reset_at_every_stage),
        TEST(an_answer_to_a_peer_that_is_gone_goes_nowhere),
        TEST(a_reset_in_the_middle_of_an_answer_is_survived),
        TEST(a_peer_told_to_go_gets_its_answers_first),
        TEST(a_peer_told_to_go_that_stays_is_dropped_in_time),
        TEST(closing_from_within_the_callbacks_is_allowed),
        TEST(the_server_may_be_closed_from_within_a_request),
        TEST(forty_peers_that_pipeline_and_reset_do_not_hinder_an_honest_one),
        TEST(whatever_state_peers_leave_in_none_stays_counted_as_open),
        TEST(who_leaves_with_answers_unread_or_when_told_to_is_not_counted_either),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
