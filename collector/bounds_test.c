/* What the collector does with those who ask too much of it. The buckets themselves are limits_test.c's. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "collector/parts.h"

enum { MESSAGES = 2, BURST = MESSAGES * LIMITS_BURST_S };

static void limit(struct fixture *f, struct limits_config limits)
{
    f->config.limits = limits;
    restart_collector(f);
}
#define LIMIT(f, ...) limit((f), (struct limits_config){ __VA_ARGS__ })

static uint64_t over(const struct fixture *f, enum limit limit)
{
    return status_of(f).over[limit];
}

/* ---- of a host ---- */

static void a_host_that_sends_too_much_is_told_to_wait_and_comes_through(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .messages = MESSAGES);
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint64_t n = 1; n <= BURST; n++)
        assert_stored(REPORT(agent, .first = n), 1, n);
    const struct reply *reply = REPORT(agent, .first = BURST + 1);
    assert_int_equal(reply->answer.kind, ANSWER_BUSY);
    assert_true(reply->answer.retry_us > 0);
    assert_int_equal(over(f, OVER_MESSAGES), 1);
    assert_true(was_logged(f, "event=limit_reached limit=messages times=1"));
    assert_true(was_logged(f, "host=web-1"));
    pass(f, (reply->answer.retry_us + US_PER_S - 1) / US_PER_S);
    assert_stored(REPORT(agent, .first = BURST + 1), 1, BURST + 1);
}

static void a_host_that_does_not_wait_is_cut_off(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .messages = MESSAGES);
    struct agent *agent = join_agent(f, f->host, 1);
    uint64_t n = 0;
    while (!agent_was_closed(agent)) {
        unsigned sent = SEND(agent, .first = ++n);
        RUN_UNTIL(f, has_reply(agent, sent) || agent_was_closed(agent));
    }
    assert_int_equal(n, 2 * BURST - 1); /* the next one would be told to wait for longer than a burst takes */
    agent = join_agent(f, f->host, 1);
    SEND(agent, .first = n); /* another connection is no way round it */
    RUN_UNTIL(f, agent_was_closed(agent));
    assert_int_equal(over(f, OVER_MESSAGES), BURST);
}

static void messages_that_do_not_open_are_messages_of_their_host(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .messages = MESSAGES);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    uint64_t n = 1;
    while (!agent_was_closed(agent)) {
        unsigned sent = SEND(agent, .first = ++n, .spoilt = true);
        RUN_UNTIL(f, has_reply(agent, sent) || agent_was_closed(agent));
    }
    assert_int_equal(n, 2 * BURST - 1);
    assert_int_equal(over(f, OVER_MESSAGES), BURST - 1);
    assert_true(was_logged(f, "event=limit_reached limit=messages times=1"));
}

static void a_host_with_too_many_series_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .series = 1);
    const struct reply *reply = REPORT(join_agent(f, f->host, 1), .first = 1);
    assert_refused(reply, REFUSAL_LIMIT);
    assert_non_null(strstr(reply->answer.text, "2 series"));
    assert_non_null(strstr(reply->answer.text, "limit_series"));
    assert_int_equal(over(f, OVER_SERIES), 1);
}

static void a_series_with_too_long_a_label_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .label_bytes = 3);
    const struct reply *reply = REPORT(join_agent(f, f->host, 1), .first = 1);
    assert_refused(reply, REFUSAL_LIMIT);
    assert_non_null(strstr(reply->answer.text, "eth0"));
    assert_int_equal(over(f, OVER_LABELS), 1);
    LIMIT(f, .label_bytes = 4);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
}

static void a_clock_that_is_off_is_said_and_nothing_is_refused_for_it(void **state)
{
    struct fixture *f = *state;
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    LIMIT(f, .skew_us = 60 * US_PER_S);
    struct agent *agent = connect_agent(f, f->host, 1);
    size_t len = write_hello(agent, NULL, message, sizeof message);
    f->fake.wall_ns += 61 * NS_PER_S;
    assert_int_equal(wait_reply(agent, send_handshake(agent, message, len))->answer.kind, ANSWER_WELCOME);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    assert_int_equal(over(f, OVER_SKEW), 1);
    assert_true(was_logged(f, "event=host_clock_off host=web-1 seconds=-61"));
}

/* ---- of a tenant ---- */

static void a_tenant_has_so_many_hosts_and_no_more(void **state)
{
    struct fixture *f = *state;
    const struct host *row;
    struct host_change change = { 0 };
    for (int i = 0; i < LIMIT_COUNT; i++)
        change.limits[i] = NAN;
    LIMIT(f, .hosts = 1);
    assert_int_equal(collector_enroll_host(f->collector, f->tenant, "web-2", &change, &row, &f->err), -ENOSPC);
    assert_non_null(strstr(f->err.text, "limit_hosts"));
    struct invite invite = invite_hosts(f, NULL, 2);
    const struct reply *reply = join(connect_stranger(f, 0), &invite);
    assert_refused(reply, REFUSAL_LIMIT);
    assert_non_null(strstr(reply->answer.text, "limit_hosts"));
    assert_int_equal(over(f, OVER_HOSTS), 2);
    assert_int_equal(collector_retire_host(f->collector, f->host, &row, &f->err), 0); /* whose place is free then */
    assert_int_equal(join(connect_stranger(f, 0), &invite)->answer.kind, ANSWER_WELCOME);
}

/* ---- of strangers ---- */

static void an_address_whose_handshakes_come_to_nothing_is_not_heard_for_a_while(void **state)
{
    struct fixture *f = *state;
    key_of(f, f->host); /* it has joined before */
    LIMIT(f, .handshakes_of_address = 1);
    for (int i = 0; i < LIMITS_BURST_S; i++) {
        struct agent *stranger = connect_stranger(f, 0);
        assert_refused(hello(stranger), REFUSAL_UNKNOWN_HOST);
        close_agent(stranger);
    }
    struct agent *agent = connect_agent(f, f->host, 1);
    send_hello(agent);
    RUN_UNTIL(f, agent_was_closed(agent));
    assert_int_equal(over(f, OVER_HANDSHAKES), 1);
    assert_true(was_logged(f, "event=limit_reached limit=handshakes times=1 peer=127.0.0.1:"));
    pass(f, 2);
    agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
}

static void who_sends_what_cannot_be_opened_uses_up_no_handshakes(void **state)
{
    struct fixture *f = *state;
    key_of(f, f->host); /* it has joined before */
    LIMIT(f, .handshakes_of_address = 1);
    for (int i = 0; i < 2 * LIMITS_BURST_S; i++) {
        struct agent *stranger = connect_stranger(f, 0);
        assert_int_equal(REPORT(stranger, .first = 1)->envelope.kind, ENVELOPE_NO_SESSION);
        close_agent(stranger);
    }
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    assert_int_equal(over(f, OVER_HANDSHAKES), 0);
}

static void who_sends_on_without_a_session_is_cut_off(void **state)
{
    struct fixture *f = *state;
    unsigned answered = 0;
    struct agent *stranger = connect_stranger(f, 0);
    while (!agent_was_closed(stranger)) {
        unsigned sent = SEND(stranger, .first = 1);
        RUN_UNTIL(f, has_reply(stranger, sent) || agent_was_closed(stranger));
        answered += has_reply(stranger, sent);
    }
    assert_int_equal(answered, 4);
    assert_int_equal(over(f, OVER_HANDSHAKES), 1);
}

static void a_host_with_a_session_shakes_hands_anew_whatever_strangers_do(void **state)
{
    struct fixture *f = *state;
    key_of(f, f->host); /* it has joined before */
    LIMIT(f, .handshakes_of_address = 1);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    for (int i = 0; i < LIMITS_BURST_S; i++) { /* what its address has is used up */
        struct agent *stranger = connect_stranger(f, 0);
        assert_refused(hello(stranger), REFUSAL_UNKNOWN_HOST);
        close_agent(stranger);
    }
    struct agent *stranger = connect_stranger(f, 0);
    send_hello(stranger);
    RUN_UNTIL(f, agent_was_closed(stranger));
    assert_int_equal(hello(agent)->answer.kind, ANSWER_WELCOME);
    assert_stored(REPORT(agent, .first = 2), 1, 2);
}

static void who_gets_a_session_has_not_used_up_its_addresss_handshakes(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .handshakes_of_address = 1);
    for (uint64_t n = 1; n <= 2 * LIMITS_BURST_S; n++) {
        struct agent *agent = join_agent(f, f->host, 1);
        assert_stored(REPORT(agent, .first = n), 1, n);
        close_agent(agent);
    }
    assert_int_equal(over(f, OVER_HANDSHAKES), 0);
}

static void of_too_many_strangers_the_oldest_goes_and_no_session_does(void **state)
{
    struct fixture *f = *state;
    LIMIT(f, .strangers_of_address = 2);
    struct agent *agents[3];
    uint64_t hosts[] = { f->host, add_host(f, f->tenant, "web-2"), add_host(f, f->tenant, "web-3") };
    for (int i = 0; i < 3; i++) {
        agents[i] = join_agent(f, hosts[i], 1);
        assert_stored(REPORT(agents[i], .first = 1), 1, 1);
    }
    assert_int_equal(status_of(f).link.strangers, 0);
    struct agent *first = connect_stranger(f, 0);
    connect_stranger(f, 0);
    assert_int_equal(status_of(f).link.strangers, 2);
    connect_stranger(f, 0);
    RUN_UNTIL(f, agent_was_closed(first));
    pass(f, 1);
    assert_int_equal(over(f, OVER_STRANGERS), 1);
    assert_true(was_logged(f, "event=limit_reached limit=strangers times=1"));
    for (int i = 0; i < 3; i++)
        assert_stored(REPORT(agents[i], .first = 2), 1, 2);
}

/* ---- the log ---- */

/* What a stranger can do; each is followed by the connection's end. */
static void talk_nonsense(struct fixture *f)
{
    struct agent *stranger = connect_stranger(f, 0);
    send_raw(stranger, "GET / HTTP/1.1", 14);
    RUN_UNTIL(f, agent_was_closed(stranger));
}

static void say_nothing(struct fixture *f)
{
    struct agent *stranger = connect_stranger(f, 0);
    pass(f, HELLO_WITHIN_US / US_PER_S);
    RUN_UNTIL(f, agent_was_closed(stranger));
}

static void shake_hands_with_nobody(struct fixture *f)
{
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    struct agent *stranger = connect_stranger(f, 0);
    size_t len = write_hello(stranger, NULL, message, sizeof message);
    message[0] ^= 1;
    send_handshake(stranger, message, len);
    RUN_UNTIL(f, agent_was_closed(stranger));
}

static void ask_by_a_key_that_nobody_has(struct fixture *f)
{
    struct agent *stranger = connect_stranger(f, 0);
    assert_refused(hello(stranger), REFUSAL_UNKNOWN_HOST);
    close_agent(stranger);
}

static void what_strangers_do_is_said_once_a_minute_with_how_often_it_was(void **state)
{
    struct fixture *f = *state;
    static const struct {
        void (*act)(struct fixture *f);
        const char *said;
    } rows[] = { { talk_nonsense, "event=peer_not_ours" },
                 { say_nothing, "event=session_never_said_hello" },
                 { shake_hands_with_nobody, "event=handshake_not_opened" },
                 { ask_by_a_key_that_nobody_has, "event=report_refused" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int n = 0; n < 5; n++)
            rows[i].act(f);
        assert_int_equal(times_logged(f, rows[i].said), 1);
        pass(f, 60);
        rows[i].act(f);
        assert_int_equal(times_logged(f, rows[i].said), 2);
    }
    assert_int_equal(times_logged(f, "times=5"), 4);
}

static void a_revoked_agent_is_named_once_a_minute_with_how_often_it_asked(void **state)
{
    struct fixture *f = *state;
    const struct host *row;
    uint64_t other = add_host(f, f->tenant, "web-2");
    const uint64_t hosts[] = { f->host, other };
    for (int i = 0; i < 2; i++) {
        close_agent(join_agent(f, hosts[i], 1));
        assert_int_equal(collector_revoke_host(f->collector, hosts[i], &row, NULL), 0);
    }
    for (int n = 0; n < 6; n++) {
        struct agent *agent = connect_agent(f, f->host, 1);
        assert_refused(hello(agent), REFUSAL_REVOKED);
        close_agent(agent);
        if (n == 4)
            pass(f, 60);
    }
    assert_int_equal(times_logged(f, "event=report_refused"), 2);
    assert_true(was_logged(f, "times=5"));
    assert_refused(hello(connect_agent(f, other, 1)), REFUSAL_REVOKED);
    assert_int_equal(times_logged(f, "host=web-2 reason=revoked"), 1); /* each host by itself */
}

/* ---- the file ---- */

static void limits_of_rates_change_with_the_file_those_of_connections_with_the_next_start(void **state)
{
    struct fixture *f = *state;
    struct collector_config config = f->config;
    config.limits = (struct limits_config){ .series = 1, .connections = 7000 };
    assert_int_equal(collector_reload(f->collector, &config, &f->err), 0);
    assert_refused(REPORT(join_agent(f, f->host, 1), .first = 1), REFUSAL_LIMIT);
    assert_true(was_logged(f, "event=setting_waits_for_restart key=limit_connections"));
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_host_that_sends_too_much_is_told_to_wait_and_comes_through),
        COLLECTOR_TEST(a_host_that_does_not_wait_is_cut_off),
        COLLECTOR_TEST(messages_that_do_not_open_are_messages_of_their_host),
        COLLECTOR_TEST(a_host_with_too_many_series_is_refused_with_the_reason),
        COLLECTOR_TEST(a_series_with_too_long_a_label_is_refused_with_the_reason),
        COLLECTOR_TEST(a_clock_that_is_off_is_said_and_nothing_is_refused_for_it),
        COLLECTOR_TEST(a_tenant_has_so_many_hosts_and_no_more),
        COLLECTOR_TEST(an_address_whose_handshakes_come_to_nothing_is_not_heard_for_a_while),
        COLLECTOR_TEST(who_sends_what_cannot_be_opened_uses_up_no_handshakes),
        COLLECTOR_TEST(who_sends_on_without_a_session_is_cut_off),
        COLLECTOR_TEST(a_host_with_a_session_shakes_hands_anew_whatever_strangers_do),
        COLLECTOR_TEST(who_gets_a_session_has_not_used_up_its_addresss_handshakes),
        COLLECTOR_TEST(of_too_many_strangers_the_oldest_goes_and_no_session_does),
        COLLECTOR_TEST(what_strangers_do_is_said_once_a_minute_with_how_often_it_was),
        COLLECTOR_TEST(a_revoked_agent_is_named_once_a_minute_with_how_often_it_asked),
        COLLECTOR_TEST(limits_of_rates_change_with_the_file_those_of_connections_with_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
