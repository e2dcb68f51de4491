/* What reports bring beside the ticks of their own session: earlier runs, and word of ticks that will never come. */
#include <string.h>
#include <unistd.h>

#include "collector/collector_fixture.h"
#include "collector/ingest/quota.h"

struct placed { /* ticks as they are stored */
    size_t n;
    struct {
        uint8_t run;
        uint64_t tick;
        int64_t at_us;
    } at[64];
};

static void place(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                  const int64_t *at_us)
{
    struct placed *placed = user;
    (void)host;
    (void)table;
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        assert_true(placed->n < 64);
        placed->at[placed->n].run = batch->run.bytes[0];
        placed->at[placed->n].tick = batch->first + i;
        placed->at[placed->n++].at_us = at_us[i];
    }
}

static struct placed stored(struct fixture *f)
{
    struct placed placed = { 0 };
    assert_int_equal(store_replay(collector_store(f->collector), f->tenant, 0, place, &placed, &f->err), 0);
    return placed;
}

static void an_earlier_run_is_stored_beside_the_sessions_own(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    agent = join_agent(f, f->host, 2);
    assert_stored(REPORT(agent, .first = 1), 1, 1);
    assert_stored(REPORT(agent, .run = 1, .first = 2, .n = 3, .same_boot = true), 1, 4);
    assert_stored(REPORT(agent, .run = 1, .first = 2, .n = 3, .same_boot = true), 1, 4);
    assert_int_equal(stored(f).n, 5);
    struct host_view view;
    collector_host_view(f->collector, f->host, &view);
    assert_true(view.connected);
}

static void a_run_never_heard_of_takes_the_sessions_clock_within_one_boot(void **state)
{
    struct fixture *f = *state;
    pass(f, 1000);
    struct agent *agent = join_agent(f, f->host, 2);
    /* The host's wall clock was wrong then, which decides nothing. */
    assert_stored(REPORT(agent, .run = 1, .first = 1, .age_us = 600 * US_PER_S, .same_boot = true,
                         .wall_off_us = 86400 * US_PER_S),
                  1, 1);
    struct placed placed = stored(f);
    assert_int_equal(placed.n, 1);
    assert_int_equal(placed.at[0].at_us, clock_wall_us(&f->clock) - 600 * US_PER_S);
}

static void a_run_of_an_earlier_boot_is_placed_by_its_hosts_wall_clock(void **state)
{
    struct fixture *f = *state;
    pass(f, 1000);
    struct agent *agent = join_agent(f, f->host, 2);
    assert_stored(REPORT(agent, .run = 1, .first = 1, .age_us = 600 * US_PER_S, .mono_off_us = 777 * US_PER_S), 1, 1);
    assert_int_equal(stored(f).at[0].at_us, clock_wall_us(&f->clock) - 600 * US_PER_S);
    /* Its next ticks follow at the beat of their own clock. */
    assert_stored(REPORT(agent, .run = 1, .first = 2, .age_us = 590 * US_PER_S, .mono_off_us = 777 * US_PER_S,
                         .wall_off_us = 86400 * US_PER_S),
                  1, 2);
    assert_int_equal(stored(f).at[1].at_us, clock_wall_us(&f->clock) - 590 * US_PER_S);
}

static void no_tick_of_an_earlier_boot_lies_after_its_receipt(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 2);
    assert_stored(REPORT(agent, .run = 1, .first = 1, .wall_off_us = 3600 * US_PER_S), 1, 1);
    assert_int_equal(stored(f).at[0].at_us, clock_wall_us(&f->clock));
    assert_stored(REPORT(agent, .run = 3, .first = 1, .wall_off_us = INT64_C(1) << 57), 1, 1);
    assert_int_equal(stored(f).n, 2);
}

static void an_earlier_runs_crossing_pages_as_a_late_one(void **state)
{
    struct fixture *f = *state;
    add_rule(f, "cpu", CPU, 0.9, 0);
    restart_collector(f);
    start_event(f, "sale");
    pass(f, 100);
    struct agent *agent = join_agent(f, f->host, 2);
    assert_stored(REPORT(agent, .first = 1, .cpu = 0.1), 1, 1);
    assert_stored(REPORT(agent, .run = 1, .first = 1, .cpu = 0.99, .age_us = 60 * US_PER_S, .same_boot = true), 1, 1);
    assert_int_equal(pages_out(f), 1);
    assert_int_equal(incident(f, 1)->crossed_us, clock_wall_us(&f->clock) - 60 * US_PER_S);
}

static void a_run_is_known_again_after_the_collector_restarts(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 2);
    assert_stored(REPORT(agent, .run = 1, .first = 1, .n = 5, .age_us = 60 * US_PER_S, .mono_off_us = US_PER_S), 1, 5);
    int64_t first_us = stored(f).at[0].at_us;
    restart_collector(f);
    agent = join_agent(f, f->host, 3);
    /* Its anchor is on disk: what a wall clock says now does not move it. */
    assert_stored(REPORT(agent, .run = 1, .first = 6, .age_us = 59 * US_PER_S, .mono_off_us = US_PER_S,
                         .wall_off_us = -500 * US_PER_S),
                  1, 6);
    struct placed placed = stored(f);
    assert_int_equal(placed.n, 6);
    assert_int_equal(placed.at[5].at_us, first_us + 5 * US_PER_S);
}

static void dropped_ticks_are_on_disk_before_their_report_is_answered(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 100), 100, 100);
    break_disk();
    unsigned told = SEND(agent, .first = 101, .dropped = 99);
    unsigned told_again = SEND(agent, .first = 100, .dropped = 99); /* its tick is stored; the word is not */
    RUN_UNTIL(f, status_of(f).reports == 3);
    run_until_failed(f);
    assert_false(has_reply(agent, told));
    assert_false(has_reply(agent, told_again));
    heal_disk();
    assert_stored(wait_reply(agent, told), 100, 101);
    assert_stored(wait_reply(agent, told_again), 100, 101);
    assert_true(was_logged(f, "event=ticks_dropped host=web-1 declarations=1 ticks=99 cause=overflow"));
}

static void in_a_declared_fault_dropped_ticks_are_told_again_later(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 100), 100, 100);
    break_disk();
    unsigned held = SEND(agent, .first = 101);
    run_until_declared(f);
    wait_reply(agent, held);
    assert_int_equal(REPORT(agent, .first = 100, .dropped = 99)->answer.kind, ANSWER_BUSY);
    heal_disk();
    run_until_recovered(f);
    assert_stored(REPORT(agent, .first = 100, .dropped = 99), 100, 100);
}

static unsigned count_logged(const struct fixture *f, const char *text)
{
    static char all[1 << 20];
    ssize_t len = pread(f->log.fd, all, sizeof all - 1, 0);
    unsigned n = 0;
    all[len > 0 ? len : 0] = '\0';
    for (const char *at = all; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void a_clock_that_steps_with_each_report_is_told_of_once_a_minute(void **state)
{
    struct fixture *f = *state;
    pass(f, 1000);
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint64_t n = 1; n <= 20; n++)
        assert_stored(REPORT(agent, .first = n, .sent_off_us = (n % 2 ? -300 : -600) * US_PER_S), 1, n);
    assert_int_equal(count_logged(f, "event=clock_step"), 1);
    pass(f, 60);
    assert_stored(REPORT(agent, .first = 21, .sent_off_us = -300 * US_PER_S), 1, 21);
    assert_int_equal(count_logged(f, "event=clock_step"), 2);
}

static void a_report_without_its_table_teaches_no_time(void **state)
{
    struct fixture *f = *state;
    pass(f, 1000);
    struct agent *agent = join_agent(f, f->host, 1);
    for (int i = 1; i <= 4; i++) {
        int64_t off_us = (i % 2 ? -300 : -600) * US_PER_S;
        assert_int_equal(REPORT(agent, .first = 1, .without_table = true, .sent_off_us = off_us)->answer.kind,
                         ANSWER_NO_TABLE);
    }
    assert_int_equal(count_logged(f, "event=clock_step"), 0);
}

static void a_host_brings_so_many_new_tables_a_day_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint32_t n = 1; n <= QUOTA_NAMES; n++)
        assert_stored(REPORT(agent, .first = n, .table = n), 1, n);
    const struct reply *refused = REPORT(agent, .first = QUOTA_NAMES + 1, .table = QUOTA_NAMES + 1);
    assert_refused(refused, REFUSAL_LIMIT);
    assert_non_null(strstr(refused->answer.text, "00:00 UTC"));
    assert_stored(REPORT(agent, .first = QUOTA_NAMES + 1, .table = QUOTA_NAMES), 1, QUOTA_NAMES + 1);
}

static void losses_of_runs_nobody_knows_are_kept_of_so_many_a_day_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = join_agent(f, f->host, 1);
    for (uint64_t n = 1; n <= QUOTA_NAMES; n++)
        assert_stored(REPORT(agent, .first = n, .dropped = 5, .dropped_run = (uint8_t)(100 + n)), 1, n);
    assert_int_equal(count_logged(f, "event=ticks_dropped"), QUOTA_NAMES);
    for (uint64_t n = QUOTA_NAMES + 1; n <= QUOTA_NAMES + 6; n++)
        assert_stored(REPORT(agent, .first = n, .dropped = 5, .dropped_run = (uint8_t)(100 + n)), 1, n);
    assert_int_equal(count_logged(f, "event=ticks_dropped"), QUOTA_NAMES);
    assert_int_equal(count_logged(f, "event=declarations_passed_over host=web-1"), 1);
    assert_stored(REPORT(agent, .first = 199, .dropped = 198, .dropped_first = 171), 199,
                  199); /* a run that is known */
    assert_int_equal(count_logged(f, "event=ticks_dropped"), QUOTA_NAMES + 1);
    assert_true(was_logged(f, "declarations=1 ticks=28"));
}

static void no_agent_may_use_the_ids_of_imported_runs(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = connect_agent(f, f->host, IMPORTED_RUN);
    assert_refused(hello(agent), REFUSAL_MALFORMED);
    agent = join_agent(f, f->host, 1);
    assert_refused(REPORT(agent, .run = IMPORTED_RUN, .first = 1), REFUSAL_MALFORMED);
    assert_refused(REPORT(agent, .first = 2, .dropped = 1, .dropped_run = IMPORTED_RUN), REFUSAL_MALFORMED);
    assert_int_equal(stored(f).n, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(an_earlier_run_is_stored_beside_the_sessions_own),
        COLLECTOR_TEST(a_run_never_heard_of_takes_the_sessions_clock_within_one_boot),
        COLLECTOR_TEST(a_run_of_an_earlier_boot_is_placed_by_its_hosts_wall_clock),
        COLLECTOR_TEST(no_tick_of_an_earlier_boot_lies_after_its_receipt),
        COLLECTOR_TEST(an_earlier_runs_crossing_pages_as_a_late_one),
        COLLECTOR_TEST(a_run_is_known_again_after_the_collector_restarts),
        COLLECTOR_TEST(dropped_ticks_are_on_disk_before_their_report_is_answered),
        COLLECTOR_TEST(in_a_declared_fault_dropped_ticks_are_told_again_later),
        COLLECTOR_TEST(a_clock_that_steps_with_each_report_is_told_of_once_a_minute),
        COLLECTOR_TEST(a_report_without_its_table_teaches_no_time),
        COLLECTOR_TEST(a_host_brings_so_many_new_tables_a_day_and_no_more),
        COLLECTOR_TEST(losses_of_runs_nobody_knows_are_kept_of_so_many_a_day_and_no_more),
        COLLECTOR_TEST(no_agent_may_use_the_ids_of_imported_runs),
    };
    return cmocka_run_group_tests_name("collector.core.report", tests, NULL, NULL);
}
