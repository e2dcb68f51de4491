/* What becomes of sessions: handshakes that are played again, hosts that are sent away, copies of a machine. */
#include "collector/collector_fixture.h"

#include <string.h>

#include "collector/parts.h"

#define REGISTRY_FILE "registry.db"

static void draw(struct key_pair *key)
{
    assert_int_equal(key_pair_draw(key, NULL), 0);
}

/* ---- played again ---- */

static void a_handshake_that_is_played_again_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    struct agent *agent = connect_agent(f, f->host, 1);
    size_t len = write_hello(agent, NULL, message, sizeof message);
    assert_int_equal(wait_reply(agent, send_handshake(agent, message, len))->answer.kind, ANSWER_WELCOME);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    const struct host_state *host = scope_host(f->collector, f->host);
    const struct session *session = host->session;
    struct agent *player = connect_stranger(f, 0);
    play_handshake(player, message, len); /* what it is answered nobody can open but the agent of then */
    RUN_UNTIL(f, f->collector->guests);
    assert_ptr_equal(host->session, session);
    assert_null(host->sessions->next);
    assert_stored(REPORT(agent, .first = 2), 1, 2);
    pass(f, REPORT_WITHIN_US / US_PER_S);
    RUN_UNTIL(f, agent_was_closed(player));
    assert_true(was_logged(f, "event=session_never_reported"));
    assert_ptr_equal(host->session, session);
}

static void a_handshake_played_into_a_live_connection_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    struct agent *agent = connect_agent(f, f->host, 1);
    size_t len = write_hello(agent, NULL, message, sizeof message);
    assert_int_equal(wait_reply(agent, send_handshake(agent, message, len))->answer.kind, ANSWER_WELCOME);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    uint64_t answers = status_of(f).link.answers;
    play_handshake(agent, message, len);
    RUN_UNTIL(f, status_of(f).link.answers == answers + 1);
    assert_stored(REPORT(agent, .first = 2), 1, 2);
    assert_stored(REPORT(agent, .first = 3), 1, 3);
    assert_int_equal(status_of(f).unopened_messages, 0);
}

static void an_enrolment_that_is_played_again_enrols_nothing(void **state)
{
    struct fixture *f = *state;
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    const struct host *row;
    struct invite invite = invite_hosts(f, NULL, 9);
    struct agent *agent = connect_stranger(f, 0);
    size_t len = write_hello(agent, invite.token, message, sizeof message);
    const struct reply *reply = wait_reply(agent, send_handshake(agent, message, len));
    assert_int_equal(reply->answer.kind, ANSWER_WELCOME);
    size_t hosts = fleet_count_hosts(collector_fleet(f->collector));
    assert_int_equal(collector_revoke_host(f->collector, reply->answer.host, &row, &f->err), 0);
    struct agent *player = connect_stranger(f, 0);
    play_handshake(player, message, len);
    RUN_UNTIL(f, status_of(f).refused[REFUSAL_REVOKED] == 1);
    assert_int_equal(fleet_count_hosts(collector_fleet(f->collector)), hosts);
    assert_int_equal(admission(f, row->id), ADMISSION_REVOKED);
}

static void a_handshake_for_another_collector_is_closed_and_counted(void **state)
{
    struct fixture *f = *state;
    uint8_t message[HANDSHAKE_MESSAGE_MAX];
    struct agent *agent = connect_agent(f, f->host, 1);
    struct public_key ours = f->collector->key.public_key;
    struct key_pair other;
    draw(&other);
    f->collector->key.public_key = other.public_key;
    size_t len = write_hello(agent, NULL, message, sizeof message);
    f->collector->key.public_key = ours;
    send_handshake(agent, message, len);
    RUN_UNTIL(f, agent_was_closed(agent));
    assert_int_equal(status_of(f).unopened_handshakes, 1);
    assert_true(was_logged(f, "event=handshake_not_opened"));
}

static void a_spoilt_message_gets_no_session_and_the_session_goes_on(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    assert_int_equal(REPORT(agent, .first = 2, .spoilt = true)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_int_equal(REPORT(agent, .first = 2, .spoilt = true)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_int_equal(status_of(f).unopened_messages, 2);
    assert_true(was_logged(f, "event=message_not_opened"));
    assert_stored(REPORT(agent, .first = 2), 1, 2);
}

/* ---- one after the other ---- */

static void what_waited_is_not_answered_in_a_later_session(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned first = SEND(agent, .first = 1);
    RUN_UNTIL(f, status_of(f).reports == 1);
    assert_int_equal(hello(agent)->answer.kind, ANSWER_WELCOME);
    unsigned second = SEND(agent, .first = 1);
    RUN_UNTIL(f, status_of(f).reports == 2);
    heal_disk();
    assert_stored(wait_reply(agent, second), 1, 1);
    assert_int_equal(wait_reply(agent, second)->envelope.counter, 0);
    assert_int_equal(wait_reply(agent, first)->envelope.kind, ENVELOPE_NO_SESSION);
}

static void a_session_is_over_after_a_good_hour(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    clock_fake_pass(&f->fake, CHANNEL_LIFE_US * NS_PER_US);
    assert_stored(REPORT(agent, .first = 2), 1, 2);
    clock_fake_pass(&f->fake, NS_PER_S);
    assert_int_equal(REPORT(agent, .first = 3)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_int_equal(hello(agent)->answer.kind, ANSWER_WELCOME);
    assert_stored(REPORT(agent, .first = 3), 1, 3);
}

static void a_connection_that_is_refused_is_closed_in_the_end(void **state)
{
    struct fixture *f = *state;
    struct agent *stranger = connect_stranger(f, 0);
    assert_refused(hello(stranger), REFUSAL_UNKNOWN_HOST);
    pass(f, HELLO_WITHIN_US / US_PER_S);
    RUN_UNTIL(f, agent_was_closed(stranger));
    assert_true(was_logged(f, "event=session_never_said_hello"));
}

static void more_runs_of_a_host_at_once_than_are_kept_get_no_session(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = NULL;
    for (int run = 1; run <= INGEST_RUNS_MAX; run++) {
        agent = join_agent(f, f->host, (uint8_t)run);
        assert_stored(REPORT(agent, .first = 1), 1, 1);
    }
    struct agent *more = join_agent(f, f->host, INGEST_RUNS_MAX + 1);
    assert_int_equal(REPORT(more, .first = 1)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_int_equal(status_of(f).refused[REFUSAL_LIMIT], 1);
    close_agent(agent);
    RUN_UNTIL(f, status_of(f).link.open == INGEST_RUNS_MAX);
    assert_stored(REPORT(more, .first = 1), 1, 1); /* the handshake of before still is good */
}

/* ---- sent away ---- */

static void revoke_host(struct fixture *f, uint64_t host)
{
    const struct host *row;
    assert_int_equal(collector_revoke_host(f->collector, host, &row, &f->err), 0);
    assert_int_equal(row->id, host);
}

static void a_revoked_host_is_cut_off_at_once(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    struct agent *guest = join_agent(f, f->host, 2); /* has not sent anything sealed */
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    revoke_host(f, f->host);
    assert_null(scope_host(f->collector, f->host)->session);
    RUN_UNTIL(f, agent_was_closed(agent));
    SEND(guest, .first = 1);
    RUN_UNTIL(f, agent_was_closed(guest));
    assert_int_equal(status_of(f).reports, 1);
    assert_int_equal(admission(f, f->host), ADMISSION_REVOKED);
    const struct reply *reply = hello(connect_agent(f, f->host, 1));
    assert_refused(reply, REFUSAL_REVOKED);
    assert_non_null(strstr(reply->answer.text, "warroom host enroll"));
    assert_true(was_logged(f, " host=web-1 reason=revoked "));
}

static void a_revoked_host_stays_so_over_a_restart_until_it_is_invited_again(void **state)
{
    struct fixture *f = *state;
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    revoke_host(f, f->host);
    restart_collector(f);
    assert_refused(hello(connect_agent(f, f->host, 1)), REFUSAL_REVOKED);
    struct invite invite = invite_host(f, f->host);
    struct agent *agent = connect_stranger(f, 0);
    assert_int_equal(join(agent, &invite)->answer.host, f->host);
    assert_refused(hello(connect_agent(f, f->host, 1)), REFUSAL_REVOKED); /* the old key still is */
}

static void revoking_takes_the_invitation_back(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    revoke_host(f, f->host);
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
    assert_int_equal(admission(f, f->host), ADMISSION_NONE);
}

static void what_waits_for_the_disk_when_its_host_is_revoked_is_not_let_in(void **state)
{
    struct fixture *f = *state;
    struct invite invite = invite_host(f, f->host);
    restart_collector(f);
    struct agent *agent = connect_stranger(f, 0);
    faulty_vfs_set(FAULTY_FULL, REGISTRY_FILE);
    unsigned sent = send_join(agent, &invite);
    run_until_failed(f);
    revoke_host(f, f->host);
    heal_disk();
    assert_refused(wait_reply(agent, sent), REFUSAL_REVOKED);
}

static void a_rebuilt_machine_keeps_its_host_and_its_history(void **state)
{
    struct fixture *f = *state;
    struct agent *old = join_agent(f, f->host, 1);
    assert_stored(REPORT(old, .first = 1, .n = 10), 1, 10);
    struct invite invite = invite_host(f, f->host);
    assert_stored(REPORT(old, .first = 11), 1, 11); /* until the new one has joined */
    struct agent *young = connect_stranger(f, 0);
    assert_int_equal(join(young, &invite)->answer.host, f->host);
    RUN_UNTIL(f, agent_was_closed(old));
    assert_stored(REPORT(young, .first = 12), 1, 12); /* one run in this test: what was stored is known */
    const struct reply *reply = hello(connect_agent(f, f->host, 1));
    assert_refused(reply, REFUSAL_REVOKED);
    assert_non_null(strstr(reply->answer.text, "another agent has joined as this host"));
    assert_int_equal(admission(f, f->host), ADMISSION_JOINED);
}

static void a_host_may_join_anew_over_the_connection_it_has(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    struct invite invite = invite_host(f, f->host);
    change_key(agent);
    assert_int_equal(join(agent, &invite)->answer.host, f->host);
    assert_stored(REPORT(agent, .first = 2), 1, 2);
}

static void of_replaced_keys_a_few_are_remembered(void **state)
{
    struct fixture *f = *state;
    struct key_pair first;
    draw(&first);
    for (int n = 0; n <= KEYS_PER_HOST_MAX; n++) {
        struct invite invite = invite_host(f, f->host);
        struct agent *agent = n == 0 ? connect_with(f, &first, 0, 1) : connect_stranger(f, 0);
        assert_int_equal(join(agent, &invite)->answer.kind, ANSWER_WELCOME);
        close_agent(agent);
        clock_fake_pass(&f->fake, NS_PER_S);
    }
    assert_refused(hello(connect_with(f, &first, f->host, 1)), REFUSAL_UNKNOWN_HOST);
    restart_collector(f);
    size_t n = 0;
    for (const struct host_key *key = NULL; (key = keyring_next_key(f->collector->keyring, f->host, key));)
        n++;
    assert_int_equal(n, KEYS_PER_HOST_MAX);
}

/* ---- retired ---- */

static void retire_host(struct fixture *f, uint64_t host)
{
    const struct host *row;
    assert_int_equal(collector_retire_host(f->collector, host, &row, &f->err), 0);
    assert_int_equal(row->standing, HOST_RETIRED);
}

static enum host_presence presence(const struct fixture *f, uint64_t host)
{
    struct host_view view;
    collector_host_view(f->collector, host, &view);
    return view.presence;
}

static void a_retired_host_is_not_silent_and_nobody_is_paged_about_it(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    retire_host(f, f->host);
    RUN_UNTIL(f, agent_was_closed(agent));
    pass(f, 300);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(status_of(f).silent, 0);
    assert_int_equal(status_of(f).reporting, 0);
    assert_int_equal(presence(f, f->host), HOST_GONE);
    assert_int_equal(admission(f, f->host), ADMISSION_RETIRED);
    restart_collector(f);
    pass(f, 300);
    assert_int_equal(pages_out(f), 0);
    assert_int_equal(presence(f, f->host), HOST_GONE);
    assert_refused(hello(connect_agent(f, f->host, 1)), REFUSAL_REVOKED);
}

static void alerts_of_a_retired_host_end(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1, .cpu = 1.0), 1, 1);
    assert_int_equal(pages_out(f), 1);
    pass(f, 60);
    assert_int_equal(status_of(f).silent, 1);
    retire_host(f, f->host);
    pages_out(f);
    assert_true(page_says(f, "\"status\":\"resolved\""));
    assert_int_equal(status_of(f).silent, 0);
    assert_int_equal(status_of(f).firing + status_of(f).unknown, 0);
    unsigned pages = pages_out(f);
    add_rule(f, "cpu-warm", CPU, 0.5, 3600); /* that its stored ticks would meet */
    restart_collector(f);
    pass(f, 60);
    assert_int_equal(pages_out(f), pages);
    assert_int_equal(status_of(f).pending, 0);
}

static void an_invitation_brings_a_retired_host_back(void **state)
{
    struct fixture *f = *state;
    assert_stored(REPORT(join_agent(f, f->host, 1), .first = 1), 1, 1);
    retire_host(f, f->host);
    struct invite invite = invite_host(f, f->host);
    assert_int_equal(admission(f, f->host), ADMISSION_INVITED);
    struct agent *agent = connect_stranger(f, 0);
    assert_int_equal(join(agent, &invite)->answer.host, f->host);
    assert_stored(REPORT(agent, .first = 2), 1, 2);
    assert_int_equal(presence(f, f->host), HOST_REPORTING);
    pass(f, 60);
    assert_int_equal(pages_out(f), 1); /* silent like any other */
    restart_collector(f);
    assert_int_equal(admission(f, f->host), ADMISSION_JOINED);
    assert_int_equal(presence(f, f->host), HOST_SILENT);
}

/* ---- copies ---- */

static void two_machines_with_one_key_are_noticed(void **state)
{
    struct fixture *f = *state;
    struct host_view view;
    struct agent *one = join_agent(f, f->host, 1);
    struct agent *other = join_agent(f, f->host, 2);
    assert_stored(REPORT(one, .first = 1), 1, 1);
    pass(f, 5);
    assert_stored(REPORT(other, .first = 1), 1, 1);
    pass(f, 5);
    collector_host_view(f->collector, f->host, &view);
    assert_int_equal(view.cloned_us, 0); /* it may have been started anew */
    assert_stored(REPORT(one, .first = 2), 1, 2);
    collector_host_view(f->collector, f->host, &view);
    assert_int_equal(view.cloned_us, collector_now_us(f->collector));
    assert_true(was_logged(f, "level=error event=host_cloned host=web-1 "));
}

static void what_the_network_held_back_is_no_copy(void **state)
{
    struct fixture *f = *state;
    struct host_view view;
    struct agent *old = join_agent(f, f->host, 1);
    assert_stored(REPORT(old, .first = 1), 1, 1);
    struct agent *young = join_agent(f, f->host, 1);
    pass(f, 20);
    assert_stored(REPORT(young, .first = 4), 4, 4);
    assert_stored(REPORT(old, .first = 2, .age_us = 15 * US_PER_S, .highest = 4), 1, 2);
    pass(f, 10);
    assert_stored(REPORT(young, .first = 5), 4, 5);
    collector_host_view(f->collector, f->host, &view);
    assert_int_equal(view.cloned_us, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_handshake_that_is_played_again_changes_nothing),
        COLLECTOR_TEST(a_handshake_played_into_a_live_connection_changes_nothing),
        COLLECTOR_TEST(an_enrolment_that_is_played_again_enrols_nothing),
        COLLECTOR_TEST(a_handshake_for_another_collector_is_closed_and_counted),
        COLLECTOR_TEST(a_spoilt_message_gets_no_session_and_the_session_goes_on),
        COLLECTOR_TEST(what_waited_is_not_answered_in_a_later_session),
        COLLECTOR_TEST(a_session_is_over_after_a_good_hour),
        COLLECTOR_TEST(a_connection_that_is_refused_is_closed_in_the_end),
        COLLECTOR_TEST(more_runs_of_a_host_at_once_than_are_kept_get_no_session),
        COLLECTOR_TEST(a_revoked_host_is_cut_off_at_once),
        COLLECTOR_TEST(a_revoked_host_stays_so_over_a_restart_until_it_is_invited_again),
        COLLECTOR_TEST(revoking_takes_the_invitation_back),
        COLLECTOR_TEST(what_waits_for_the_disk_when_its_host_is_revoked_is_not_let_in),
        COLLECTOR_TEST(a_rebuilt_machine_keeps_its_host_and_its_history),
        COLLECTOR_TEST(a_host_may_join_anew_over_the_connection_it_has),
        COLLECTOR_TEST(of_replaced_keys_a_few_are_remembered),
        COLLECTOR_TEST(a_retired_host_is_not_silent_and_nobody_is_paged_about_it),
        COLLECTOR_TEST(alerts_of_a_retired_host_end),
        COLLECTOR_TEST(an_invitation_brings_a_retired_host_back),
        COLLECTOR_TEST(two_machines_with_one_key_are_noticed),
        COLLECTOR_TEST(what_the_network_held_back_is_no_copy),
    };
    return cmocka_run_group_tests_name("collector.core.session", tests, NULL, NULL);
}
