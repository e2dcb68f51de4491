/* Who goes when there is too much of something. */
#include "proto/link/server_fixture.h"

#include <sys/resource.h>

enum { PART_LEN = 12 + 30000, PART_HEAD = 12, PARTS_HELD = 100000 };
static const uint8_t part[PART_LEN] = { [5] = 1, [8] = 0x80 }; /* claims 64 KiB less 4, sends less than half */

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(too_many_unread_answer_bytes_end_the_connection),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
