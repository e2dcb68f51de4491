/* The uplink and its channel: who is listened to, what is sealed with what, and what those on the path get by meddling.
 */
#include "agent/uplink/uplink_fixture.h"

static bool has_three_strangers(const struct fixture *f)
{
    return f->collector.strangers == 3;
}

static bool has_stranger(const struct fixture *f)
{
    return times_logged(f, "event=answered_by_stranger") > 0;
}

static bool has_unopened(const struct fixture *f)
{
    return uplink_counts(f->uplink).unopened > 0;
}

static void turn_a_bit(struct collector *c)
{
    c->said.bytes[c->said.len - 1] ^= 1;
}

static void keep(struct collector *c)
{
    c->before = c->said;
}

static void play_again(struct collector *c)
{
    c->said = c->before;
}

static void a_collector_with_another_key_learns_nothing_and_gets_no_ticks(void **state)
{
    struct fixture *f = *state;
    struct key_pair other;
    assert_int_equal(key_pair_draw(&other, NULL), 0);
    f->pinned = other.public_key;
    open_both(f, 8 << 20);
    push(f, 3);
    run_until(f, has_three_strangers);
    assert_int_equal(f->collector.hellos, 0);
    assert_int_equal(f->collector.n, 0);
    assert_int_equal(uplink_counts(f->uplink).queued, 3);
    assert_int_equal(uplink_counts(f->uplink).stored, 0);
}

static void a_welcome_of_somebody_else_is_said_and_asked_again_with_back_off(void **state)
{
    struct fixture *f = *state;
    f->collector.spoil = turn_a_bit;
    open_both(f, 8 << 20);
    run_until(f, has_stranger);
    int64_t heard_us = clock_mono_us(&f->clock);
    assert_int_equal(f->interval_us, 0); /* its policy was not taken */
    assert_int_equal(f->uplink->session.state, SESSION_GREETING);
    assert_true(f->uplink->session.not_before_us > heard_us - 100 * US_PER_MS);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_int_equal(uplink_counts(f->uplink).stored, 1);
    assert_int_equal(times_logged(f, "event=answered_by_stranger"), 1);
}

static void a_welcome_played_again_is_somebody_elses(void **state)
{
    struct fixture *f = *state;
    f->collector.spoil = keep;
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    f->collector.kinds[0] = ENVELOPE_NO_SESSION;
    push(f, 1);
    run_until(f, has_a_report);
    f->collector.spoil = play_again;
    run_until(f, has_stranger);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 3);
}

static void every_hello_has_a_key_of_its_own(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++)
        f->collector.kinds[i] = ENVELOPE_NO_SESSION;
    open_both(f, 8 << 20);
    push(f, 1);
    run_late(f, is_empty);
    assert_int_equal(f->collector.hellos, 5);
    for (unsigned i = 0; i < f->collector.hellos; i++)
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(f->collector.ephemerals[i], f->collector.ephemerals[j], KEY_BYTES);
}

static void no_counter_is_used_twice_however_often_something_is_said_again(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 2;
    open_both(f, 8 << 20); /* open_request() looks at each counter */
    push(f, 1);
    run_until(f, has_a_report);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, has_two_reports);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_true(f->collector.n >= 3);
    for (unsigned i = 0; i < f->collector.n; i++)
        assert_int_equal(f->collector.reports[i].counter, i);
    assert_int_equal(f->collector.hellos, 1);
}

/* What is asked again, once the answer to the first report is spoilt so, is stored; until then nothing moves. */
static void spoil_first_answer(struct fixture *f, void (*spoil)(struct collector *collector))
{
    run_until(f, is_reporting);
    f->collector.spoil = spoil;
    push(f, 1);
    run_until(f, has_unopened);
    assert_int_equal(uplink_counts(f->uplink).queued, 1);
    assert_int_equal(uplink_counts(f->uplink).stored, 0);
    assert_int_equal(times_logged(f, "event=answer_not_opened"), 1);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
    assert_int_equal(f->collector.hellos, 1);
}

static void an_altered_answer_is_as_if_it_had_not_come(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    spoil_first_answer(f, turn_a_bit);
}

static void say_counter(struct collector *c, uint64_t counter)
{
    uint8_t box[64] = { 0 };
    struct envelope envelope = { .kind = ENVELOPE_SEALED, .counter = counter, .inner = { box, sizeof box } };
    assert_int_equal(codec_encode_envelope(&envelope, c->said.bytes, sizeof c->said.bytes, &c->said.len, NULL), 0);
}

static void say_the_last_counter(struct collector *c)
{
    say_counter(c, CHANNEL_MESSAGES_MAX - 1);
}

static void say_a_counter_beyond_the_last(struct collector *c)
{
    say_counter(c, CHANNEL_MESSAGES_MAX);
}

static void a_made_up_answer_uses_up_no_counter(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    spoil_first_answer(f, say_the_last_counter);
}

static void a_made_up_counter_ends_no_session(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    spoil_first_answer(f, say_a_counter_beyond_the_last);
}

static void an_answer_played_again_moves_nothing_and_the_log_says_so_once(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    f->collector.spoil = keep;
    push(f, 1);
    run_until(f, is_empty);
    for (unsigned i = 1; i <= 2; i++) {
        f->collector.spoil = play_again;
        push(f, 1);
        while (uplink_counts(f->uplink).unopened < i)
            uv_run(&f->loop, UV_RUN_ONCE);
        assert_int_equal(uplink_counts(f->uplink).queued, 1);
        clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
        uplink_pump(f->uplink);
        run_until(f, is_empty);
    }
    assert_int_equal(uplink_counts(f->uplink).stored, 3);
    assert_int_equal(times_logged(f, "event=answer_not_opened"), 1);
}

static void after_an_hour_hands_are_shaken_anew_and_nothing_waits_for_it(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    clock_fake_pass(&f->fake, SESSION_AGE_US * NS_PER_US);
    push(f, 1);
    assert_int_equal(f->uplink->session.state, SESSION_GREETING);
    assert_true(f->uplink->session.in_flight); /* already */
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_report(f, 1, 2, 1, false); /* the session is another, what the collector knows is the same */
    assert_int_equal(f->collector.reports[1].counter, 0);
    assert_int_equal(times_logged(f, "event=session_opened"), 1);
}

static void when_the_counters_are_used_up_hands_are_shaken_anew(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    f->uplink->secure.channel.next_seal = CHANNEL_MESSAGES_MAX - 1;
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.reports[1].counter, CHANNEL_MESSAGES_MAX - 1);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_report(f, 2, 3, 1, false);
    assert_int_equal(f->collector.reports[2].counter, 0);
}

static void counters_that_end_amid_asking_again_lose_nothing(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 1;
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    f->uplink->secure.channel.next_seal = CHANNEL_MESSAGES_MAX - 1;
    push(f, 1);
    run_until(f, has_a_report);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static bool has_four_hellos(const struct fixture *f)
{
    return f->collector.hellos >= 4;
}

static void a_revoked_host_says_so_once_and_keeps_its_ticks(void **state)
{
    struct fixture *f = *state;
    struct answer welcome = f->collector.welcome;
    f->collector.welcome = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_REVOKED, .text = "revoked" };
    open_both(f, 8 << 20);
    push(f, 5);
    run_late(f, has_four_hellos);
    assert_int_equal(uplink_counts(f->uplink).queued, 5);
    assert_int_equal(uplink_counts(f->uplink).dropped, 0);
    assert_int_equal(times_logged(f, "event=session_refused reason=revoked"), 1);
    f->collector.welcome = welcome;
    run_late(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 5);
}

static bool has_come_to_the_other(const struct fixture *f)
{
    return link_server_counts(f->other).accepted > 0;
}

static void an_address_where_it_is_refused_three_times_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct answer welcome = f->collector.welcome;
    f->collector.welcome = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_UNKNOWN_HOST, .text = "" };
    open_collector(f);
    open_other(f);
    open_agent(f, 8 << 20);
    push(f, 1);
    run_until(f, has_come_to_the_other);
    assert_true(f->collector.hellos >= SESSION_MISSES);
    f->collector.welcome = welcome;
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 1);
}

static void an_address_where_somebody_else_answers_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;
    struct key_pair other;
    assert_int_equal(key_pair_draw(&other, NULL), 0);
    f->pinned = other.public_key;
    open_collector(f);
    open_other(f);
    open_agent(f, 8 << 20);
    run_until(f, has_come_to_the_other);
    assert_true(f->collector.strangers >= SESSION_MISSES);
    f->collector.keys = other;
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 1);
}

static void an_address_that_is_silent_three_times_gives_way_to_the_next(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = SESSION_MISSES;
    open_collector(f);
    open_other(f);
    open_agent(f, 8 << 20);
    run_until(f, is_reporting);
    push(f, 1);
    for (unsigned i = 1; i <= SESSION_MISSES; i++) {
        while (f->collector.n < i)
            uv_run(&f->loop, UV_RUN_ONCE);
        clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
        uplink_pump(f->uplink);
    }
    run_until(f, has_come_to_the_other);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 1);
}

static bool is_zero(const void *at, size_t len)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static void what_is_closed_is_wiped_at_once(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    struct uplink *uplink = f->uplink; /* it lives until the loop has run */
    assert_true(uplink->secure.channel.open);
    assert_true(is_zero(&uplink->secure.handshake, sizeof uplink->secure.handshake)); /* done with */
    f->uplink = uplink_close(f->uplink);
    assert_true(is_zero(&uplink->secure.channel, sizeof uplink->secure.channel));
}

static void an_unfinished_handshake_is_wiped_at_once(void **state)
{
    struct fixture *f = *state;
    open_collector(f);
    open_agent(f, 8 << 20);
    while (!f->uplink->session.in_flight)
        uv_run(&f->loop, UV_RUN_ONCE);
    struct uplink *uplink = f->uplink;
    assert_false(is_zero(&uplink->secure.handshake, sizeof uplink->secure.handshake));
    f->uplink = uplink_close(f->uplink);
    assert_true(is_zero(&uplink->secure.handshake, sizeof uplink->secure.handshake));
}

/* The bytes of batch and table are not looked at where they are encoded. */
static void the_largest_report_fits_one_sealed_message(void **state)
{
    struct fixture *f = *state;
    static const uint8_t bytes[MESSAGE_MAX];
    static struct sent sent;
    struct dropped dropped[DROPPED_MAX];
    for (size_t i = 0; i < DROPPED_MAX; i++)
        dropped[i] = (struct dropped){ .first = INT64_MAX, .last = INT64_MAX, .cause = DROP_COUNT - 1 };
    struct request request = {
        .kind = REQUEST_REPORT,
        .report = {
            .batch_bytes = { bytes, BATCH_MAX },
            .highest = INT64_MAX,
            .policy_revision = UINT64_MAX,
            .interval_us = TIME_US_MAX,
            .sent_us = 1,
            .answered_us = TIME_US_MAX,
            .same_boot = true,
            .n_dropped = DROPPED_MAX,
            .dropped = dropped,
            .has_table = true,
            .table_bytes = { bytes, MESSAGE_MAX - QUEUE_REPORT_ROOM - BATCH_MAX },
        },
    };
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    struct err err;
    assert_int_equal(secure_seal(&f->uplink->secure, &request, &sent, &err), 0);
    assert_true(sent.len <= LINK_MESSAGE_MAX);
    request.report.table_bytes.len += QUEUE_REPORT_ROOM; /* and one that does not is told, before a counter is used */
    uint64_t next = f->uplink->secure.channel.next_seal;
    assert_int_equal(secure_seal(&f->uplink->secure, &request, &sent, &err), -EMSGSIZE);
    assert_int_equal(f->uplink->secure.channel.next_seal, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_collector_with_another_key_learns_nothing_and_gets_no_ticks),
        test(a_welcome_of_somebody_else_is_said_and_asked_again_with_back_off),
        test(a_welcome_played_again_is_somebody_elses),
        test(every_hello_has_a_key_of_its_own),
        test(no_counter_is_used_twice_however_often_something_is_said_again),
        test(an_altered_answer_is_as_if_it_had_not_come),
        test(a_made_up_answer_uses_up_no_counter),
        test(a_made_up_counter_ends_no_session),
        test(an_answer_played_again_moves_nothing_and_the_log_says_so_once),
        test(after_an_hour_hands_are_shaken_anew_and_nothing_waits_for_it),
        test(when_the_counters_are_used_up_hands_are_shaken_anew),
        test(counters_that_end_amid_asking_again_lose_nothing),
        test(a_revoked_host_says_so_once_and_keeps_its_ticks),
        test(an_address_where_it_is_refused_three_times_gives_way_to_the_next),
        test(an_address_where_somebody_else_answers_gives_way_to_the_next),
        test(an_address_that_is_silent_three_times_gives_way_to_the_next),
        test(what_is_closed_is_wiped_at_once),
        test(an_unfinished_handshake_is_wiped_at_once),
        test(the_largest_report_fits_one_sealed_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
