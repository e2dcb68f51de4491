/* Sessions and reports: who is heard, and what an ack means. */
#include "collector/collector_fixture.h"

#include <string.h>

#include "collector/parts.h"

/* ---- sessions ---- */

static void a_hello_of_an_unknown_host_is_refused(void **state)
{
    struct fixture *f = *state;
    struct agent *stranger = connect_agent(f, f->host ^ 1, 1);
    const struct reply *reply = hello(stranger);
    assert_int_equal(reply->envelope.kind, ENVELOPE_HANDSHAKE);
    assert_refused(reply, REFUSAL_UNKNOWN_HOST);
    assert_non_null(strstr(reply->answer.text, "host enroll"));
    assert_int_equal(status_of(f).refused[REFUSAL_UNKNOWN_HOST], 1);
    assert_int_equal(REPORT(stranger, .first = 1)->envelope.kind, ENVELOPE_NO_SESSION);
}

static void a_report_without_a_session_gets_no_session(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = connect_agent(f, f->host, 1);
    assert_int_equal(REPORT(agent, .first = 1)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_int_equal(hello(agent)->answer.kind, ANSWER_WELCOME); /* on the same connection */
    assert_stored(REPORT(agent, .first = 1), 1, 1);
}

static void counters_that_go_back_get_no_session(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    const uint64_t zero = 0;
    const uint64_t five = 5;
    const uint64_t four = 4;
    assert_stored(REPORT(agent, .first = 1, .counter = &zero), 1, 1);
    assert_int_equal(REPORT(agent, .first = 2, .counter = &zero)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_stored(REPORT(agent, .first = 2, .counter = &five), 1, 2); /* what was lost between is no matter */
    assert_int_equal(REPORT(agent, .first = 3, .counter = &four)->envelope.kind, ENVELOPE_NO_SESSION);
    assert_int_equal(hello(agent)->answer.kind, ANSWER_WELCOME);
    assert_stored(REPORT(agent, .first = 3), 1, 3); /* a new session counts from 0 */
}

static void answers_of_a_session_are_counted_from_0(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint64_t n = 1; n <= 3; n++)
        assert_int_equal(REPORT(agent, .first = n)->envelope.counter, n - 1);
    hello(agent);
    assert_int_equal(REPORT(agent, .first = 4)->envelope.counter, 0);
}

static void another_connection_of_the_same_host_displaces_the_session_with_its_first_report(void **state)
{
    struct fixture *f = *state;
    struct agent *old = join_agent(f, f->host, 1);
    assert_stored(REPORT(old, .first = 1), 1, 1);
    const struct host_state *host = scope_host(f->collector, f->host);
    const struct session *of_old = host->session;
    assert_non_null(of_old);
    struct agent *young = join_agent(f, f->host, 2);
    assert_ptr_equal(host->session, of_old); /* a hello alone changes nothing */
    assert_stored(REPORT(young, .first = 1), 1, 1);
    const struct session *of_young = host->session;
    assert_ptr_not_equal(of_young, of_old);
    close_agent(old);
    RUN_UNTIL(f, status_of(f).link.open == 1);
    assert_ptr_equal(host->session, of_young);
    close_agent(young);
    RUN_UNTIL(f, status_of(f).link.open == 0);
    assert_null(host->session);
}

static void what_is_no_envelope_closes_the_connection(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = connect_agent(f, f->host, 1);
    send_raw(agent, "GET / HTTP/1.1", 14);
    RUN_UNTIL(f, agent_was_closed(agent));
    assert_int_equal(status_of(f).refused[REFUSAL_MALFORMED], 1);
    assert_true(was_logged(f, "event=peer_not_ours"));
}

/* ---- what a report may hold ---- */

static void a_batch_with_other_columns_than_its_table_is_refused(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_refused(REPORT(agent, .first = 1, .empty_column = true), REFUSAL_MALFORMED);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
}

static void ticks_above_the_declared_highest_are_refused(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_refused(REPORT(agent, .first = 4, .n = 3, .highest = 5), REFUSAL_ABOVE_HIGHEST);
    assert_stored(REPORT(agent, .first = 4, .n = 3, .highest = 6), 4, 6);
}

static void ticks_that_overlap_stored_ones_are_refused_with_what_is_stored(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 10), 1, 10);
    const struct reply *reply = REPORT(agent, .first = 8, .n = 5);
    assert_refused(reply, REFUSAL_OVERLAP);
    assert_int_equal(reply->answer.first, 1);
    assert_int_equal(reply->answer.last, 10);
    assert_stored(REPORT(agent, .first = 11, .n = 2), 1, 12);
}

static void a_table_is_asked_for_until_it_was_sent_once_after_each_start(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_int_equal(REPORT(agent, .first = 1, .without_table = true)->answer.kind, ANSWER_NO_TABLE);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    assert_stored(REPORT(agent, .first = 2, .without_table = true), 1, 2);
    restart_collector(f);
    agent = join_agent(f, f->host, 1);
    assert_int_equal(REPORT(agent, .first = 3, .without_table = true)->answer.kind, ANSWER_NO_TABLE);
    assert_stored(REPORT(agent, .first = 3), 1, 3);
}

/* ---- acks ---- */

static void an_ack_comes_only_after_the_group_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 1, .n = 5);
    RUN_UNTIL(f, status_of(f).reports == 1);
    run_until_failed(f);
    assert_false(has_reply(agent, sent));
    assert_int_equal(status_of(f).store.ticks, 0);
    heal_disk();
    assert_stored(wait_reply(agent, sent), 1, 5);
    assert_int_equal(status_of(f).store.ticks, 5);
}

static void a_duplicate_of_pending_ticks_is_acked_by_the_same_commit(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 1, .n = 5);
    RUN_UNTIL(f, status_of(f).reports == 1);
    unsigned again = SEND(agent, .first = 1, .n = 5);
    unsigned part = SEND(agent, .first = 2, .n = 2);
    RUN_UNTIL(f, status_of(f).reports == 3);
    run_until_failed(f);
    assert_false(has_reply(agent, sent) || has_reply(agent, again) || has_reply(agent, part));
    uint64_t groups = status_of(f).store.groups;
    heal_disk();
    assert_stored(wait_reply(agent, part), 1, 5);
    assert_stored(wait_reply(agent, again), 1, 5);
    assert_stored(wait_reply(agent, sent), 1, 5);
    assert_int_equal(status_of(f).store.ticks, 5);
    assert_int_equal(status_of(f).store.groups, groups + 1);
}

static void a_batch_of_which_a_part_is_pending_is_to_come_again(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 1, .n = 5);
    const struct reply *reply = REPORT(agent, .first = 4, .n = 5);
    assert_int_equal(reply->answer.kind, ANSWER_BUSY);
    assert_true(reply->answer.retry_us > 0);
    heal_disk();
    assert_stored(wait_reply(agent, sent), 1, 5);
    assert_stored(REPORT(agent, .first = 6, .n = 3), 1, 8);
}

static void a_duplicate_of_stored_ticks_is_acked_at_once(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 10), 1, 10);
    break_disk();
    unsigned waits = SEND(agent, .first = 11);
    assert_stored(REPORT(agent, .first = 1, .n = 10), 1, 10);
    assert_stored(REPORT(agent, .first = 3, .n = 2), 1, 10);
    assert_false(has_reply(agent, waits));
    heal_disk();
    assert_stored(wait_reply(agent, waits), 1, 11);
    assert_int_equal(status_of(f).store.ticks, 11);
}

static void stored_ticks_are_known_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 10), 1, 10);
    restart_collector(f);
    agent = join_agent(f, f->host, 1);
    break_disk(); /* at once, as ever */
    assert_stored(REPORT(agent, .first = 1, .n = 10), 1, 10);
    heal_disk();
    agent = join_agent(f, f->host, 2); /* another run counts for itself */
    assert_stored(REPORT(agent, .first = 1), 1, 1);
}

static void a_fault_of_one_tenants_file_holds_back_that_tenant_only(void **state)
{
    struct fixture *f = *state;
    uint64_t other = add_host(f, add_tenant(f, "globex"), "web-1");
    struct agent *ours = join_agent(f, f->host, 1);
    struct agent *theirs = join_agent(f, other, 1);
    break_disk();
    unsigned held = SEND(ours, .first = 1);
    assert_stored(REPORT(theirs, .first = 1), 1, 1);
    run_until_declared(f);
    assert_int_equal(wait_reply(ours, held)->answer.kind, ANSWER_BUSY);
    assert_stored(REPORT(theirs, .first = 2), 1, 2);
    assert_int_equal(REPORT(ours, .first = 1)->answer.kind, ANSWER_BUSY);
    heal_disk();
    run_until_recovered(f);
    assert_stored(REPORT(ours, .first = 1), 1, 1);
}

static void a_connection_that_closes_while_its_report_waits_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    SEND(agent, .first = 1, .n = 5);
    SEND(agent, .first = 1, .n = 5);
    RUN_UNTIL(f, status_of(f).reports == 2);
    close_agent(agent);
    RUN_UNTIL(f, status_of(f).link.open == 0);
    run_until_failed(f);
    heal_disk();
    RUN_UNTIL(f, status_of(f).store.ticks == 5);
    agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 5), 1, 5);
}

static void a_connection_that_closes_before_a_fault_gives_its_report_up_costs_nothing(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    SEND(agent, .first = 1, .n = 5);
    RUN_UNTIL(f, status_of(f).reports == 1);
    close_agent(agent);
    RUN_UNTIL(f, status_of(f).link.open == 0);
    run_until_declared(f);
    heal_disk();
    run_until_recovered(f);
    agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .n = 5), 1, 5);
}

static void closing_acks_what_it_wrote(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    unsigned sent = SEND(agent, .first = 1, .n = 5);
    RUN_UNTIL(f, status_of(f).reports == 1);
    close_collector(f);
    assert_stored(wait_reply(agent, sent), 1, 5);
    RUN_UNTIL(f, agent_was_closed(agent));
    open_collector(f);
    agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 3, .n = 3), 1, 5);
}

static void closing_does_not_ack_what_it_could_not_write(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 2, .n = 5);
    RUN_UNTIL(f, status_of(f).reports == 2);
    close_collector(f);
    RUN_UNTIL(f, agent_was_closed(agent));
    if (has_reply(agent, sent))
        assert_int_equal(wait_reply(agent, sent)->answer.kind, ANSWER_BUSY);
    heal_disk();
    open_collector(f);
    agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 2, .n = 5), 1, 6);
}

/* ---- down ---- */

static void a_changed_policy_reaches_the_agent_in_the_next_answer(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = connect_agent(f, f->host, 1);
    const struct policy calm = hello(agent)->answer.policy;
    assert_int_equal(calm.interval_us, 10 * US_PER_S);
    assert_int_equal(REPORT(agent, .first = 1, .policy_revision = calm.revision)->answer.policy.revision, 0);
    start_event(f, "sale");
    const struct policy window =
        REPORT(agent, .first = 1, .policy_revision = calm.revision)->answer.policy; /* of a duplicate too */
    assert_int_equal(window.interval_us, US_PER_S);
    assert_int_not_equal(window.revision, calm.revision);
    assert_int_equal(REPORT(agent, .first = 2, .policy_revision = calm.revision)->answer.policy.revision,
                     window.revision);
    assert_int_equal(
        REPORT(agent, .first = 3, .policy_revision = window.revision, .interval_us = US_PER_S)->answer.policy.revision,
        0);
    struct host_view view;
    collector_host_view(f->collector, f->host, &view);
    assert_int_equal(view.interval_us, US_PER_S);
}

static void a_policy_that_changes_while_a_report_waits_goes_with_its_ack(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    unsigned sent = SEND(agent, .first = 1);
    RUN_UNTIL(f, status_of(f).reports == 1);
    start_event(f, "sale");
    heal_disk();
    assert_int_equal(wait_reply(agent, sent)->answer.policy.interval_us, US_PER_S);
}

static void answers_carry_the_collectors_stamps(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    break_disk();
    int64_t received_us = clock_wall_us(&f->clock);
    unsigned sent = SEND(agent, .first = 1);
    RUN_UNTIL(f, status_of(f).reports == 1);
    pass(f, 2);
    heal_disk();
    const struct answer *answer = &wait_reply(agent, sent)->answer;
    assert_int_equal(answer->received_us, received_us);
    assert_int_equal(answer->sent_us, received_us + 2 * US_PER_S);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_hello_of_an_unknown_host_is_refused),
        COLLECTOR_TEST(a_report_without_a_session_gets_no_session),
        COLLECTOR_TEST(counters_that_go_back_get_no_session),
        COLLECTOR_TEST(answers_of_a_session_are_counted_from_0),
        COLLECTOR_TEST(another_connection_of_the_same_host_displaces_the_session_with_its_first_report),
        COLLECTOR_TEST(what_is_no_envelope_closes_the_connection),
        COLLECTOR_TEST(a_batch_with_other_columns_than_its_table_is_refused),
        COLLECTOR_TEST(ticks_above_the_declared_highest_are_refused),
        COLLECTOR_TEST(ticks_that_overlap_stored_ones_are_refused_with_what_is_stored),
        COLLECTOR_TEST(a_table_is_asked_for_until_it_was_sent_once_after_each_start),
        COLLECTOR_TEST(an_ack_comes_only_after_the_group_is_on_disk),
        COLLECTOR_TEST(a_duplicate_of_pending_ticks_is_acked_by_the_same_commit),
        COLLECTOR_TEST(a_batch_of_which_a_part_is_pending_is_to_come_again),
        COLLECTOR_TEST(a_duplicate_of_stored_ticks_is_acked_at_once),
        COLLECTOR_TEST(stored_ticks_are_known_after_a_restart),
        COLLECTOR_TEST(a_fault_of_one_tenants_file_holds_back_that_tenant_only),
        COLLECTOR_TEST(a_connection_that_closes_while_its_report_waits_loses_nothing),
        COLLECTOR_TEST(a_connection_that_closes_before_a_fault_gives_its_report_up_costs_nothing),
        COLLECTOR_TEST(closing_acks_what_it_wrote),
        COLLECTOR_TEST(closing_does_not_ack_what_it_could_not_write),
        COLLECTOR_TEST(a_changed_policy_reaches_the_agent_in_the_next_answer),
        COLLECTOR_TEST(a_policy_that_changes_while_a_report_waits_goes_with_its_ack),
        COLLECTOR_TEST(answers_carry_the_collectors_stamps),
    };
    return cmocka_run_group_tests_name("collector.core.uplink", tests, NULL, NULL);
}
