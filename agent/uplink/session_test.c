#include "agent/uplink/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/uplink/uplink.h"

struct fixture {
    struct session session;
    int64_t now_us;
    int64_t wake_us;
    bool live, backlog, hurry;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->now_us = 1000 * US_PER_S;
    session_init(&f->session, 42);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static enum session_step next(struct fixture *f)
{
    return session_next(&f->session, f->now_us, f->live, f->backlog, f->hurry, &f->wake_us);
}

static void ask(struct fixture *f, enum session_step step)
{
    assert_int_equal(next(f), step);
    session_asked(&f->session, step, f->now_us);
}

static enum session_news hear(struct fixture *f, enum envelope_kind kind)
{
    struct envelope envelope = { .kind = kind };
    return session_envelope(&f->session, &envelope, f->now_us);
}

static enum session_news answer(struct fixture *f, struct answer said)
{
    return session_answer(&f->session, &said, false, f->now_us);
}

static void open_session(struct fixture *f)
{
    session_up(&f->session, f->now_us);
    ask(f, SESSION_HELLO);
    assert_int_equal(hear(f, ENVELOPE_HANDSHAKE), SESSION_ANSWER);
    assert_int_equal(answer(f, (struct answer){ .kind = ANSWER_WELCOME }), SESSION_OPENED);
}

/* Waits until it wants to be asked again. */
static void wait_for_wake(struct fixture *f)
{
    assert_int_equal(next(f), SESSION_WAIT);
    assert_true(f->wake_us != SESSION_NEVER && f->wake_us > f->now_us);
    f->now_us = f->wake_us;
}

static void a_line_that_is_down_waits_for_the_line(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    assert_int_equal(next(f), SESSION_WAIT);
    assert_true(f->wake_us == SESSION_NEVER);
}

static void a_line_that_comes_up_says_hello_at_once_and_then_reports(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    assert_int_equal(next(f), SESSION_LIVE);
}

static void one_request_is_in_flight_at_a_time(void **state)
{
    struct fixture *f = *state;
    f->live = f->backlog = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    assert_int_equal(next(f), SESSION_WAIT);
    assert_int_equal(f->wake_us, f->now_us + UPLINK_ANSWER_US);
}

static void live_ticks_go_at_once_and_the_backlog_once_a_second(void **state)
{
    struct fixture *f = *state;
    f->live = f->backlog = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    answer(f, (struct answer){ .kind = ANSWER_STORED });
    f->live = false;
    int64_t first_us = f->now_us;
    ask(f, SESSION_BACKLOG);
    hear(f, ENVELOPE_SEALED);
    answer(f, (struct answer){ .kind = ANSWER_STORED });
    wait_for_wake(f);
    assert_int_equal(f->now_us, first_us + SESSION_BACKLOG_US);
    assert_int_equal(next(f), SESSION_BACKLOG);
    f->now_us = first_us;
    f->live = true;
    assert_int_equal(next(f), SESSION_LIVE); /* the backlog's pace holds nothing else back */
}

static void in_a_hurry_the_backlog_has_no_pace(void **state)
{
    struct fixture *f = *state;
    f->backlog = f->hurry = true;
    open_session(f);
    for (int i = 0; i < 5; i++) {
        ask(f, SESSION_BACKLOG);
        hear(f, ENVELOPE_SEALED);
        answer(f, (struct answer){ .kind = ANSWER_STORED });
    }
}

static void without_an_answer_it_asks_again_and_then_redials(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    wait_for_wake(f);
    ask(f, SESSION_AGAIN);
    wait_for_wake(f);
    ask(f, SESSION_AGAIN);
    wait_for_wake(f);
    assert_int_equal(next(f), SESSION_REDIAL);
    assert_int_equal(f->session.state, SESSION_DOWN);
    assert_int_equal(next(f), SESSION_WAIT);
}

static void a_hello_without_an_answer_is_said_again_and_then_redialled(void **state)
{
    struct fixture *f = *state;
    session_up(&f->session, f->now_us);
    for (int i = 0; i < SESSION_MISSES; i++) {
        ask(f, SESSION_HELLO);
        wait_for_wake(f);
    }
    assert_int_equal(next(f), SESSION_REDIAL);
}

static void an_answer_ends_the_row_of_misses(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    for (int i = 0; i < 2; i++) {
        wait_for_wake(f);
        ask(f, SESSION_AGAIN);
    }
    hear(f, ENVELOPE_SEALED);
    answer(f, (struct answer){ .kind = ANSWER_STORED });
    ask(f, SESSION_LIVE);
    wait_for_wake(f);
    assert_int_equal(next(f), SESSION_AGAIN);
}

static void no_session_means_a_new_handshake_with_growing_back_off(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    int64_t most_us = SESSION_BACK_OFF_LEAST_US;
    for (int i = 0; i < 12; i++) {
        open_session(f);
        ask(f, SESSION_LIVE);
        assert_int_equal(hear(f, ENVELOPE_NO_SESSION), SESSION_LOST);
        int64_t lost_us = f->now_us;
        wait_for_wake(f);
        assert_true(f->now_us - lost_us >= most_us / 2 && f->now_us - lost_us <= most_us);
        assert_int_equal(next(f), SESSION_HELLO);
        most_us = most_us * 2 < SESSION_BACK_OFF_MOST_US ? most_us * 2 : SESSION_BACK_OFF_MOST_US;
    }
}

static void only_a_stored_batch_makes_the_back_off_short_again(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    for (int i = 0; i < 8; i++) {
        open_session(f);
        ask(f, SESSION_LIVE);
        hear(f, ENVELOPE_NO_SESSION);
        wait_for_wake(f);
    }
    open_session(f);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    answer(f, (struct answer){ .kind = ANSWER_STORED });
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_NO_SESSION);
    int64_t lost_us = f->now_us;
    wait_for_wake(f);
    assert_true(f->now_us - lost_us <= SESSION_BACK_OFF_LEAST_US);
}

static void hosts_do_not_come_back_as_one(void **state)
{
    struct fixture *f = *state;
    struct session other;
    session_init(&other, 43);
    struct envelope leave = { .kind = ENVELOPE_NO_SESSION };
    int64_t wake_us[2];
    struct session *sessions[] = { &f->session, &other };
    for (int i = 0; i < 2; i++) {
        session_up(sessions[i], f->now_us);
        session_asked(sessions[i], SESSION_HELLO, f->now_us);
        session_envelope(sessions[i], &leave, f->now_us);
        session_next(sessions[i], f->now_us, true, true, false, &wake_us[i]);
    }
    assert_true(wake_us[0] != wake_us[1]);
}

static void leave_is_obeyed_across_a_reconnection_but_not_for_ever(void **state)
{
    struct fixture *f = *state;
    session_up(&f->session, f->now_us);
    ask(f, SESSION_HELLO);
    struct envelope leave = { .kind = ENVELOPE_LEAVE, .retry_us = 60 * US_PER_S };
    int64_t left_us = f->now_us;
    session_envelope(&f->session, &leave, f->now_us);
    session_down(&f->session, f->now_us);
    session_up(&f->session, f->now_us);
    wait_for_wake(f);
    assert_int_equal(f->now_us, left_us + 60 * US_PER_S);
    ask(f, SESSION_HELLO);
    leave.retry_us = INT64_MAX;
    left_us = f->now_us;
    session_envelope(&f->session, &leave, f->now_us);
    wait_for_wake(f);
    assert_int_equal(f->now_us, left_us + SESSION_WAIT_MOST_US);
}

static void a_busy_collector_is_left_alone_for_as_long_as_it_asked(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    int64_t said_us = f->now_us;
    assert_int_equal(answer(f, (struct answer){ .kind = ANSWER_BUSY, .retry_us = 3 * US_PER_S }), SESSION_ANSWERED);
    wait_for_wake(f);
    assert_int_equal(f->now_us, said_us + 3 * US_PER_S);
    ask(f, SESSION_LIVE); /* the session goes on */
}

static void a_table_that_is_asked_for_goes_at_once_but_asking_twice_does_not_spin(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    struct answer no_table = { .kind = ANSWER_NO_TABLE };
    session_answer(&f->session, &no_table, false, f->now_us);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    session_answer(&f->session, &no_table, true, f->now_us);
    wait_for_wake(f);
    assert_int_equal(next(f), SESSION_LIVE);
}

static void a_refused_hello_is_said_again_later(void **state)
{
    struct fixture *f = *state;
    session_up(&f->session, f->now_us);
    ask(f, SESSION_HELLO);
    hear(f, ENVELOPE_HANDSHAKE);
    struct answer refused = { .kind = ANSWER_REFUSED, .refusal = REFUSAL_UNKNOWN_HOST };
    assert_int_equal(answer(f, refused), SESSION_TURNED);
    wait_for_wake(f);
    assert_int_equal(next(f), SESSION_HELLO);
}

static void a_host_the_collector_no_longer_knows_keeps_its_ticks_and_shakes_hands_again(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    struct answer refused = { .kind = ANSWER_REFUSED, .refusal = REFUSAL_UNKNOWN_HOST };
    assert_int_equal(answer(f, refused), SESSION_LOST);
    wait_for_wake(f);
    assert_int_equal(next(f), SESSION_HELLO);
}

static void a_revoked_host_keeps_its_ticks_and_asks_again_with_back_off(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    hear(f, ENVELOPE_SEALED);
    struct answer refused = { .kind = ANSWER_REFUSED, .refusal = REFUSAL_REVOKED };
    assert_int_equal(answer(f, refused), SESSION_LOST);
    wait_for_wake(f);
    ask(f, SESSION_HELLO);
    hear(f, ENVELOPE_HANDSHAKE);
    assert_int_equal(answer(f, refused), SESSION_TURNED);
    wait_for_wake(f);
    assert_int_equal(next(f), SESSION_HELLO);
}

static void an_old_session_gives_way_to_a_new_one_without_back_off(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    f->now_us += SESSION_AGE_US / 2 - 1;
    ask(f, SESSION_LIVE); /* not before half of it */
    hear(f, ENVELOPE_SEALED);
    answer(f, (struct answer){ .kind = ANSWER_STORED });
    f->now_us += SESSION_AGE_US / 2 + 1;
    ask(f, SESSION_HELLO);
    hear(f, ENVELOPE_HANDSHAKE);
    assert_int_equal(answer(f, (struct answer){ .kind = ANSWER_WELCOME }), SESSION_RENEWED);
    assert_int_equal(next(f), SESSION_LIVE);
}

static void an_old_session_with_nothing_to_say_is_left_alone(void **state)
{
    struct fixture *f = *state;
    open_session(f);
    f->now_us += 2 * SESSION_AGE_US;
    assert_int_equal(next(f), SESSION_WAIT);
    assert_true(f->wake_us == SESSION_NEVER);
    f->live = true;
    assert_int_equal(next(f), SESSION_HELLO);
}

static void a_report_in_flight_is_not_cut_short_by_age(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    f->now_us += SESSION_AGE_US / 2 - 1;
    ask(f, SESSION_LIVE);
    f->now_us += SESSION_AGE_US;
    assert_int_equal(next(f), SESSION_AGAIN);
    session_asked(&f->session, SESSION_AGAIN, f->now_us);
    assert_int_equal(hear(f, ENVELOPE_SEALED), SESSION_ANSWER);
    answer(f, (struct answer){ .kind = ANSWER_STORED });
    assert_int_equal(next(f), SESSION_HELLO);
}

static void hosts_do_not_renew_their_sessions_as_one(void **state)
{
    struct fixture *f = *state;
    open_session(f);
    int64_t renew_us = f->session.renew_us;
    session_init(&f->session, 43);
    open_session(f);
    assert_true(f->session.renew_us != renew_us);
}

static void a_renewal_that_is_refused_is_asked_for_again_with_back_off(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    f->now_us += SESSION_AGE_US;
    ask(f, SESSION_HELLO);
    hear(f, ENVELOPE_HANDSHAKE);
    assert_int_equal(answer(f, (struct answer){ .kind = ANSWER_REFUSED }), SESSION_TURNED);
    wait_for_wake(f);
    ask(f, SESSION_HELLO);
    hear(f, ENVELOPE_HANDSHAKE);
    assert_int_equal(answer(f, (struct answer){ .kind = ANSWER_WELCOME }), SESSION_OPENED);
}

static void strangers_and_those_who_hang_up_on_a_hello_are_asked_again_with_growing_back_off(void **state)
{
    struct fixture *f = *state;
    int64_t most_us = SESSION_BACK_OFF_LEAST_US;
    session_up(&f->session, f->now_us);
    for (int i = 0; i < 12; i++) {
        ask(f, SESSION_HELLO);
        int64_t lost_us = f->now_us;
        if (i % 2 == 0) {
            session_stranger(&f->session, f->now_us);
        } else {
            session_down(&f->session, f->now_us);
            session_up(&f->session, f->now_us);
        }
        wait_for_wake(f);
        assert_true(f->now_us - lost_us >= most_us / 2 && f->now_us - lost_us <= most_us);
        most_us = most_us * 2 < SESSION_BACK_OFF_MOST_US ? most_us * 2 : SESSION_BACK_OFF_MOST_US;
    }
}

static void what_comes_unasked_or_out_of_its_state_moves_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(hear(f, ENVELOPE_HANDSHAKE), SESSION_IGNORED);
    session_up(&f->session, f->now_us);
    assert_int_equal(hear(f, ENVELOPE_NO_SESSION), SESSION_IGNORED);
    ask(f, SESSION_HELLO);
    assert_int_equal(hear(f, ENVELOPE_SEALED), SESSION_IGNORED);
    hear(f, ENVELOPE_HANDSHAKE);
    answer(f, (struct answer){ .kind = ANSWER_WELCOME });
    assert_int_equal(hear(f, ENVELOPE_SEALED), SESSION_IGNORED); /* nothing was asked */
    f->live = true;
    ask(f, SESSION_LIVE);
    assert_int_equal(hear(f, ENVELOPE_HANDSHAKE), SESSION_IGNORED);
    hear(f, ENVELOPE_SEALED);
    assert_int_equal(answer(f, (struct answer){ .kind = ANSWER_WELCOME }), SESSION_IGNORED);
    assert_int_equal(f->session.state, SESSION_REPORTING);
}

static void a_report_tells_the_stamps_of_the_exchange_before_it(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    session_up(&f->session, f->now_us);
    int64_t hello_us = f->now_us;
    ask(f, SESSION_HELLO);
    f->now_us += 700;
    hear(f, ENVELOPE_HANDSHAKE);
    answer(f, (struct answer){ .kind = ANSWER_WELCOME });
    f->now_us += 50;
    ask(f, SESSION_LIVE);
    assert_int_equal(f->session.sent_us, hello_us);
    assert_int_equal(f->session.answered_us, hello_us + 700);
}

static void stamps_are_not_told_when_the_exchange_before_had_no_answer(void **state)
{
    struct fixture *f = *state;
    f->live = true;
    open_session(f);
    ask(f, SESSION_LIVE);
    wait_for_wake(f);
    ask(f, SESSION_AGAIN);
    assert_int_equal(f->session.sent_us, 0);
    assert_int_equal(f->session.answered_us, 0);
    session_down(&f->session, f->now_us);
    session_up(&f->session, f->now_us);
    assert_int_equal(f->session.answered_us, 0);
}

static void a_scattered_backlog_begins_within_its_time_and_live_ticks_do_not_wait_for_it(void **state)
{
    struct fixture *f = *state;
    struct session other;
    session_init(&other, 43);
    f->backlog = true;
    open_session(f);
    session_scatter_backlog(&f->session, f->now_us, UPLINK_SCATTER_US);
    session_scatter_backlog(&other, f->now_us, UPLINK_SCATTER_US);
    assert_true(f->session.backlog_us != other.backlog_us);
    f->live = true;
    assert_int_equal(next(f), SESSION_LIVE);
    f->live = false;
    int64_t opened_us = f->now_us;
    wait_for_wake(f);
    assert_true(f->now_us <= opened_us + UPLINK_SCATTER_US);
    assert_int_equal(next(f), SESSION_BACKLOG);
    f->now_us = opened_us;
    f->hurry = true;
    assert_int_equal(next(f), SESSION_BACKLOG);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_line_that_is_down_waits_for_the_line),
        test(a_line_that_comes_up_says_hello_at_once_and_then_reports),
        test(one_request_is_in_flight_at_a_time),
        test(live_ticks_go_at_once_and_the_backlog_once_a_second),
        test(in_a_hurry_the_backlog_has_no_pace),
        test(without_an_answer_it_asks_again_and_then_redials),
        test(a_hello_without_an_answer_is_said_again_and_then_redialled),
        test(an_answer_ends_the_row_of_misses),
        test(no_session_means_a_new_handshake_with_growing_back_off),
        test(only_a_stored_batch_makes_the_back_off_short_again),
        test(hosts_do_not_come_back_as_one),
        test(leave_is_obeyed_across_a_reconnection_but_not_for_ever),
        test(a_busy_collector_is_left_alone_for_as_long_as_it_asked),
        test(a_table_that_is_asked_for_goes_at_once_but_asking_twice_does_not_spin),
        test(a_refused_hello_is_said_again_later),
        test(a_host_the_collector_no_longer_knows_keeps_its_ticks_and_shakes_hands_again),
        test(a_revoked_host_keeps_its_ticks_and_asks_again_with_back_off),
        test(an_old_session_gives_way_to_a_new_one_without_back_off),
        test(an_old_session_with_nothing_to_say_is_left_alone),
        test(a_report_in_flight_is_not_cut_short_by_age),
        test(hosts_do_not_renew_their_sessions_as_one),
        test(a_renewal_that_is_refused_is_asked_for_again_with_back_off),
        test(strangers_and_those_who_hang_up_on_a_hello_are_asked_again_with_growing_back_off),
        test(what_comes_unasked_or_out_of_its_state_moves_nothing),
        test(a_report_tells_the_stamps_of_the_exchange_before_it),
        test(a_scattered_backlog_begins_within_its_time_and_live_ticks_do_not_wait_for_it),
        test(stamps_are_not_told_when_the_exchange_before_had_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
