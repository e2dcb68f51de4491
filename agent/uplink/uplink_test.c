#include "agent/uplink/uplink_fixture.h"

static void what_is_stored_leaves_the_queue_and_the_table_goes_but_once(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    push(f, 1);
    run_until(f, is_empty);
    assert_true(f->collector.host == 0xc0ffee);
    assert_int_equal(f->collector.hellos, 1);
    assert_report(f, 0, 1, 1, true);
    assert_report(f, 1, 2, 1, false);
    assert_int_equal(f->collector.reports[0].counter, 0);
    assert_int_equal(f->collector.reports[1].counter, 1);
    assert_int_equal(f->collector.reports[1].highest, 2);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.stored, 2);
    assert_int_equal(counts.dropped + counts.refused, 0);
}

static void the_policy_of_the_welcome_changes_the_interval_and_is_confirmed(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->interval_us, US_PER_S);
    assert_int_equal(f->collector.reports[0].revision, 7);
    assert_int_equal(f->collector.reports[0].interval_us, US_PER_S);
}

static void the_exercise_of_a_policy_is_told_and_stands_beside_the_interval(void **state)
{
    struct fixture *f = *state;
    f->collector.welcome.policy.exercise = EXERCISE_REHEARSAL;
    open_both(f, 8 << 20);
    assert_int_equal(uplink_exercise(f->uplink), EXERCISE_NONE);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_exercise(f->uplink), EXERCISE_REHEARSAL);
    assert_int_equal(f->interval_us, US_PER_S);
}

static void an_interval_no_timer_should_have_is_not_taken(void **state)
{
    struct fixture *f = *state;
    f->collector.welcome.policy.interval_us = 1;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->interval_us, 0);
    assert_int_equal(f->collector.reports[0].revision, 0);
    assert_int_equal(f->collector.reports[0].interval_us, 10 * US_PER_S);
}

static void a_report_carries_the_stamps_of_the_exchange_before_it(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    push(f, 1);
    run_until(f, is_empty);
    const struct seen *report = &f->collector.reports[0];
    assert_true(report->sent_us > 0);
    assert_true(report->answered_us >= report->sent_us);
}

static void a_refused_batch_is_dropped_and_the_next_one_goes(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_LIMIT, .text = "no" };
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    push(f, 3);
    run_until(f, is_empty);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.refused, f->collector.reports[0].n_ticks);
    assert_int_equal(counts.refused + counts.stored, 3);
}

static void an_overlap_is_cut_out_and_the_rest_sent(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] =
        (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_OVERLAP, .first = 1, .last = 3, .text = "" };
    open_both(f, 8 << 20);
    push(f, 5);
    run_until(f, is_empty);
    assert_report(f, 0, 1, 5, true);
    assert_report(f, 1, 4, 2, true);
    assert_int_equal(uplink_counts(f->uplink).stored, 5);
    assert_int_equal(uplink_counts(f->uplink).refused, 0);
}

static void an_overlap_with_nothing_we_hold_does_not_go_round_for_ever(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] =
        (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_OVERLAP, .first = 90, .last = 99, .text = "" };
    open_both(f, 8 << 20);
    push(f, 2);
    run_until(f, is_empty);
    assert_int_equal(f->collector.n, 1);
    assert_int_equal(uplink_counts(f->uplink).refused, 2);
}

static void a_collector_without_the_table_gets_it_again(void **state)
{
    struct fixture *f = *state;
    f->collector.script[1] = (struct answer){ .kind = ANSWER_NO_TABLE, .text = "" };
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    push(f, 1);
    run_until(f, is_empty);
    assert_report(f, 1, 2, 1, false);
    assert_report(f, 2, 2, 1, true);
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static void a_lost_session_is_opened_again_and_nothing_is_lost_with_it(void **state)
{
    struct fixture *f = *state;
    f->collector.kinds[0] = ENVELOPE_NO_SESSION;
    open_both(f, 8 << 20);
    push(f, 2);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_report(f, 1, 1, 2, true);
    assert_int_equal(f->collector.reports[1].counter, 0); /* counters begin anew */
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static void a_host_the_collector_does_not_know_keeps_its_ticks_and_asks_again(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_UNKNOWN_HOST, .text = "" };
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 1);
    assert_int_equal(f->collector.hellos, 2);
}

static void a_busy_collector_gets_the_same_ticks_later(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_BUSY, .retry_us = 50 * US_PER_MS, .text = "" };
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.n, 2);
    assert_report(f, 1, 1, 1, true);
}

static void without_an_answer_the_same_ticks_go_again_under_the_next_counter(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 1;
    open_both(f, 8 << 20);
    push(f, 2);
    run_until(f, has_a_report);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1); /* what happens makes it look at the clock */
    run_until(f, has_two_reports);
    assert_report(f, 1, 1, 2, true);
    assert_int_equal(f->collector.reports[1].counter, 1);
    assert_int_equal(f->collector.reports[1].sent_us, 0); /* the exchange before had no answer */
    run_until(f, is_empty);
    assert_report(f, 2, 3, 1, false);
}

static void after_three_silences_it_dials_anew(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 3;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, has_a_report);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, has_two_reports);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, has_three_reports);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(f->collector.hellos, 2);
    assert_int_equal(uplink_counts(f->uplink).stored, 4);
}

static void a_broken_connection_is_made_again_and_the_ticks_sent_in_order(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = 1;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, has_a_report);
    link_peer_close(f->collector.peer);
    push(f, 3);
    run_until(f, has_two_hellos);
    run_until(f, is_empty);
    const struct seen *last = &f->collector.reports[f->collector.n - 1];
    assert_int_equal(last->first + last->n_ticks - 1, 4);
    assert_memory_equal(&last->run, &f->collector.reports[0].run, sizeof last->run);
    assert_int_equal(uplink_counts(f->uplink).stored, 4);
}

/* A tick of as many series, with names so long that not all of a full one fit in a table. */
static void push_wide(struct fixture *f, int n_series)
{
    clock_fake_pass(&f->fake, NS_PER_S);
    readings_clear(&f->readings);
    for (int i = 0; i < n_series; i++) {
        char name[128];
        snprintf(name, sizeof name, "disk-%0100d", i);
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, name, i);
    }
    uplink_push(f->uplink, &f->readings, clock_mono_us(&f->clock), clock_wall_us(&f->clock));
}

static void series_that_do_not_fit_are_said_once_until_they_fit_again(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push_wide(f, 10);
    assert_int_equal(times_logged(f, "event=series_left_out"), 0);
    push_wide(f, SERIES_MAX); /* the table is cut */
    push_wide(f, SERIES_MAX + 7);
    assert_int_equal(times_logged(f, "event=series_left_out"), 1);
    push_wide(f, 10);
    assert_int_equal(times_logged(f, "event=series_left_out_over kept=10"), 1);
    push_wide(f, SERIES_MAX + 7);
    assert_int_equal(times_logged(f, "event=series_left_out series="), 2);
    assert_int_equal(times_logged(f, "event=series_left_out_over"), 1);
}

static void nonsense_for_an_answer_moves_nothing(void **state)
{
    struct fixture *f = *state;
    f->collector.garbage = true;
    open_both(f, 8 << 20);
    push(f, 1);
    run_until(f, has_a_report);
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(uplink_counts(f->uplink).queued, 1);
    clock_fake_pass(&f->fake, UPLINK_ANSWER_US * NS_PER_US);
    push(f, 1);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 2);
}

static void after_an_outage_the_newest_come_first_and_all_arrive(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 200);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f); /* the same order, without the backlog's pace */
    run_until(f, is_empty);
    assert_report(f, 0, 141, 60, true);
    assert_report(f, 1, 1, 60, false);
    assert_report(f, 2, 61, 60, false);
    assert_report(f, 3, 121, 20, false);
    assert_int_equal(uplink_counts(f->uplink).stored, 200);
}

static void a_full_queue_lets_the_oldest_go_and_counts_them(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 10);
    push(f, 3000);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_true(counts.dropped > 0);
    assert_int_equal(counts.dropped + counts.queued, 3000);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f);
    run_until(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored + counts.dropped, 3000);
}

static void draining_ends_when_all_is_stored(void **state)
{
    struct fixture *f = *state;
    open_both(f, 8 << 20);
    push(f, 130);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f);
    assert_int_equal(f->drained, 0);
    run_until(f, is_drained);
    assert_int_equal(uplink_counts(f->uplink).queued, 0);
    for (int i = 0; i < 10; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->drained, 1);
}

static void draining_ends_in_time_when_nobody_stores(void **state)
{
    struct fixture *f = *state;
    f->collector.silent_to = REPORTS_MAX;
    open_both(f, 8 << 20);
    push(f, 1);
    uplink_drain(f->uplink, 20 * US_PER_MS, on_drained, f);
    run_until(f, is_drained);
    assert_int_equal(uplink_counts(f->uplink).queued, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_is_stored_leaves_the_queue_and_the_table_goes_but_once),
        test(the_policy_of_the_welcome_changes_the_interval_and_is_confirmed),
        test(the_exercise_of_a_policy_is_told_and_stands_beside_the_interval),
        test(an_interval_no_timer_should_have_is_not_taken),
        test(a_report_carries_the_stamps_of_the_exchange_before_it),
        test(a_refused_batch_is_dropped_and_the_next_one_goes),
        test(an_overlap_is_cut_out_and_the_rest_sent),
        test(an_overlap_with_nothing_we_hold_does_not_go_round_for_ever),
        test(a_collector_without_the_table_gets_it_again),
        test(a_lost_session_is_opened_again_and_nothing_is_lost_with_it),
        test(a_host_the_collector_does_not_know_keeps_its_ticks_and_asks_again),
        test(a_busy_collector_gets_the_same_ticks_later),
        test(without_an_answer_the_same_ticks_go_again_under_the_next_counter),
        test(after_three_silences_it_dials_anew),
        test(a_broken_connection_is_made_again_and_the_ticks_sent_in_order),
        test(series_that_do_not_fit_are_said_once_until_they_fit_again),
        test(nonsense_for_an_answer_moves_nothing),
        test(after_an_outage_the_newest_come_first_and_all_arrive),
        test(a_full_queue_lets_the_oldest_go_and_counts_them),
        test(draining_ends_when_all_is_stored),
        test(draining_ends_in_time_when_nobody_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
