/* The way from a host to people, rehearsed: agents, rule, pages, people, and what an event's gate makes of it. */
#include "collector/collector_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "collector/parts.h"

static char good[64], bad[64];
static struct channel_config channels[] = {
    { .name = "mail", .kind = CHANNEL_WEBHOOK, .url = good },
    { .name = "robot", .kind = CHANNEL_WEBHOOK, .url = good },
    { .name = "broken", .kind = CHANNEL_WEBHOOK, .url = bad },
};
static struct way_config two_ways[] = { { .channel = "mail" }, { .channel = "robot" } };
static struct way_config bad_way[] = { { .channel = "broken" } };
static struct contact_config contacts[] = {
    { .name = "alice", .ways = { .n = 2, .at = two_ways } },
    { .name = "lead", .ways = { .n = 1, .at = two_ways } },
};

/* lead has one good way, unless said otherwise. */
static void tell_people(struct fixture *f, struct way_config *leads)
{
    unsigned port = receiver_port(f->receiver);
    snprintf(good, sizeof good, "http://127.0.0.1:%u/ok", port);
    snprintf(bad, sizeof bad, "http://127.0.0.1:%u/no-such-path", port);
    channels[0].per_minute = 0;
    contacts[1].ways.at = leads ? leads : two_ways;
    f->config.people =
        (struct people_config){ .channels = { .n = 3, .at = channels }, .contacts = { .n = 2, .at = contacts } };
    f->config.webhooks = (struct config_list){ .n = 0 };
}

static uint64_t request_event(struct fixture *f)
{
    const struct event *row;
    uint64_t event = plan_event(
        f,
        &(struct event_plan){ .name = "sale", .zone = "UTC", .first_day = "2026-11-24", .days = 1, .hosts = "web-*" });
    assert_int_equal(collector_event_do(f->collector, event, EVENT_REQUEST, &fixture_commander, &row, &f->err), 0);
    return event;
}

/* Ticks of web-1 that say what its policy asked for last. */
struct saying {
    struct agent *agent;
    uint64_t next;
    unsigned exercise;
};

static void begin_to_say(struct fixture *f, struct saying *saying)
{
    *saying = (struct saying){ .agent = join_agent(f, f->host, 1), .next = 1 };
}

/* Another second, another tick. */
static void say(struct fixture *f, struct saying *saying)
{
    pass(f, 1);
    const struct reply *reply =
        REPORT(saying->agent, .first = saying->next++, .exercises = true, .exercise = saying->exercise,
               .policy_revision = (uint64_t)saying->exercise << 32 | 10000);
    if (reply->answer.policy.revision)
        saying->exercise = reply->answer.policy.exercise;
}

static uint64_t begin_with_people(struct fixture *f, struct saying *saying)
{
    restart_collector(f);
    uint64_t event = request_event(f);
    begin_to_say(f, saying);
    say(f, saying);
    return event;
}

static uint64_t prepare(struct fixture *f, struct saying *saying, struct way_config *leads)
{
    tell_people(f, leads);
    return begin_with_people(f, saying);
}

static int rehearse(struct fixture *f, uint64_t event)
{
    const struct rehearsal *row;
    return collector_rehearse(f->collector, event, 0, "lin", &row, &f->err);
}

/* Asked, and said by the agent with its next tick. */
static const struct rehearsal *cross(struct fixture *f, uint64_t event, struct saying *saying)
{
    if (rehearse(f, event) < 0)
        fail_msg("%s", f->err.text);
    say(f, saying); /* hears of it */
    say(f, saying); /* says so */
    const struct rehearsal *row = collector_rehearsal(f->collector, event);
    assert_int_equal(row->state, REHEARSAL_TOLD);
    return row;
}

static const struct gate *gate_of(const struct fixture *f, uint64_t event)
{
    return &collector_gates(f->collector, event)[GATE_REHEARSAL];
}

static void acknowledge(struct fixture *f, uint64_t id)
{
    assert_int_equal(collector_acknowledge(f->collector, id, "lin", &f->err), 0);
}

static void a_rehearsal_goes_through_the_agent_to_everybody_and_opens_the_gate(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    struct recorded entries[4];
    uint64_t event = prepare(f, &saying, NULL);
    const struct rehearsal *row = cross(f, event, &saying);
    assert_int_equal(saying.exercise, EXERCISE_REHEARSAL);
    assert_true(incident(f, row->incident)->rehearsal);
    assert_string_equal(incident(f, row->incident)->title, "REHEARSAL: the way from web-1 to people, event sale");
    assert_int_equal(pages_out(f), 3); /* alice by two ways, lead by one */
    assert_true(page_says(f, "\"rehearsal\":\"true\""));
    pass(f, 61);
    assert_int_equal(row->state, REHEARSAL_TOLD);
    assert_int_equal(gate_of(f, event)->state, GATE_OPEN);
    acknowledge(f, row->incident);
    pass(f, 1);
    assert_int_equal(row->state, REHEARSAL_ENDED);
    assert_true(row->passed);
    assert_int_equal(gate_of(f, event)->state, GATE_PASSED);
    assert_string_equal(gate_of(f, event)->evidence,
                        "3 ways of 2 contacts told within 0.0 s on 2026-11-23, acknowledged by lin after 61 s");
    assert_int_equal(read_record(f, f->tenant, "rehearsal", entries, 4), 3);
    assert_string_equal(entries[0].what, "started");
    assert_string_equal(entries[0].actor, "lin");
    assert_string_equal(entries[1].what, "crossed");
    assert_string_equal(entries[2].what, "passed");
    assert_int_equal(entries[2].event, event);
    assert_non_null(strstr(entries[2].body, "\"acknowledged_by\":\"lin\""));
    assert_non_null(strstr(entries[2].body, "\"channel\":\"robot\""));
}

static void its_incident_recovers_by_the_agent_that_says_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    const struct rehearsal *row = cross(f, event, &saying);
    pages_out(f);
    acknowledge(f, row->incident);
    pass(f, 1);
    assert_int_equal(incident(f, row->incident)->state, INCIDENT_ACKNOWLEDGED);
    say(f, &saying);
    assert_int_equal(saying.exercise, EXERCISE_NONE);
    say(f, &saying);
    assert_int_equal(incident(f, row->incident)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, row->incident)->resolved_by, "recovery");
    assert_int_equal(pages_out(f), 6); /* and whom it was told are told that it is over */
    assert_true(page_says(f, "\"status\":\"resolved\""));
    assert_true(page_says(f, "\"rehearsal\":\"true\""));
}

static void it_is_over_all_the_same_when_its_agent_has_gone(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    const struct rehearsal *row = cross(f, event, &saying);
    pages_out(f);
    acknowledge(f, row->incident);
    close_agent(saying.agent);
    pass(f, 31);
    assert_int_equal(incident(f, row->incident)->state, INCIDENT_ACKNOWLEDGED);
    pass(f, 1);
    assert_int_equal(incident(f, row->incident)->state, INCIDENT_RESOLVED);
}

static void a_way_that_does_not_arrive_fails_the_gate_and_is_named(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, bad_way);
    const struct rehearsal *row = cross(f, event, &saying);
    commit(f, f->tenant);
    RUN_UNTIL(f, was_logged(f, "event=page_refused"));
    acknowledge(f, row->incident);
    for (int i = 0; i < 60; i++)
        say(f, &saying); /* so that it is not silent: that is another incident */
    RUN_UNTIL(f, status_of(f).pages_queued == 0);
    pass(f, 1);
    assert_int_equal(row->state, REHEARSAL_ENDED);
    assert_int_equal(gate_of(f, event)->state, GATE_FAILED);
    assert_ptr_equal(strstr(gate_of(f, event)->evidence,
                            "1 of 3 ways did not arrive on 2026-11-23, acknowledged by lin "
                            "after 0 s: broken to lead (HTTP 404"),
                     gate_of(f, event)->evidence);
}

static void it_fails_when_nobody_acknowledges_within_ten_minutes_and_breaches_nothing(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    const struct rehearsal *row = cross(f, event, &saying);
    pages_out(f);
    pass(f, 599);
    assert_int_equal(row->state, REHEARSAL_TOLD);
    pass(f, 2);
    assert_int_equal(row->state, REHEARSAL_ENDED);
    assert_non_null(strstr(gate_of(f, event)->evidence, "nobody acknowledged"));
    assert_int_equal(gate_of(f, event)->state, GATE_FAILED);
    assert_false(incident(f, row->incident)->breached);
}

static void it_fails_when_no_crossing_comes_of_it(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    close_agent(saying.agent);
    pass(f, 61);
    assert_string_equal(gate_of(f, event)->evidence, "web-1 does not report: no crossing came of it within 60 s");
    assert_int_equal(collector_rehearsal(f->collector, event)->incident, 0);
}

static void it_fails_when_whom_it_would_tell_have_gone_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    f->config.people = (struct people_config){ .contacts.n = 0 };
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    say(f, &saying);
    say(f, &saying);
    pass(f, 1);
    assert_int_equal(gate_of(f, event)->state, GATE_FAILED);
    assert_string_equal(gate_of(f, event)->evidence, "not everybody could be told: nobody would be told of anything of "
                                                     "event sale: there are no contacts");
}

static void it_is_stopped_by_name(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    const struct rehearsal *row;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    assert_int_equal(collector_stop_rehearsal(f->collector, event, "li", &row, &f->err), 0);
    assert_string_equal(row->evidence, "stopped by li");
    say(f, &saying);
    assert_int_equal(saying.exercise, EXERCISE_NONE);
    assert_int_equal(collector_stop_rehearsal(f->collector, event, "li", &row, &f->err), -EPERM);
}

static void who_had_yet_to_be_told_hears_nothing_of_one_that_is_stopped(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    const struct rehearsal *row;
    tell_people(f, NULL);
    channels[0].per_minute = 1; /* alice is told by it, and lead waits */
    uint64_t event = begin_with_people(f, &saying);
    cross(f, event, &saying);
    commit(f, f->tenant);
    RUN_UNTIL(f, status_of(f).pages_delivered == 2);
    assert_int_equal(status_of(f).pages_queued, 1);
    assert_int_equal(collector_stop_rehearsal(f->collector, event, "li", &row, &f->err), 0);
    assert_int_equal(status_of(f).pages_queued, 0);
    for (int i = 0; i < 70; i++)
        say(f, &saying);
    RUN_UNTIL(f, status_of(f).pages_delivered == 4); /* alice hears that it is over */
    assert_int_equal(receiver_requests(f->receiver), 4);
    assert_int_equal(status_of(f).pages_queued, 0);
}

static void a_host_whose_crossing_came_behind_the_stop_is_not_asked_until_it_is_over(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    const struct rehearsal *row;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    say(f, &saying); /* hears of it */
    assert_int_equal(collector_stop_rehearsal(f->collector, event, "li", &row, &f->err), 0);
    say(f, &saying); /* says so, too late */
    assert_int_equal(rehearse(f, event), -EPERM);
    assert_non_null(strstr(f->err.text, "web-1 is in a rehearsal that is not over yet"));
    say(f, &saying);
    assert_int_equal(cross(f, event, &saying)->host, f->host);
}

/* ---- a collector that does not come back at once ---- */

static void come_back(struct fixture *f, struct saying *saying)
{
    restart_collector(f);
    saying->agent = join_agent(f, f->host, 1);
    saying->exercise = EXERCISE_NONE; /* until it has heard */
}

static void one_that_was_asked_for_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    commit(f, f->tenant);
    come_back(f, &saying);
    say(f, &saying);
    assert_int_equal(saying.exercise, EXERCISE_REHEARSAL);
    say(f, &saying);
    assert_int_equal(collector_rehearsal(f->collector, event)->state, REHEARSAL_TOLD);
    assert_int_equal(pages_out(f), 3);
}

/* It still waits for its crossing, and no more when so much has passed. */
static void assert_ends_within(struct fixture *f, uint64_t event, int64_t seconds)
{
    assert_int_equal(collector_rehearsal(f->collector, event)->state, REHEARSAL_ASKED);
    pass(f, seconds);
    assert_int_equal(collector_rehearsal(f->collector, event)->state, REHEARSAL_ENDED);
}

static void a_collector_that_was_away_waits_for_its_crossing_anew(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    pass(f, 50);
    commit(f, f->tenant);
    come_back(f, &saying);
    pass(f, 50);
    assert_ends_within(f, event, 12);
}

static void one_that_was_told_goes_on_after_a_restart_and_tells_nobody_anew(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    cross(f, event, &saying);
    pages_out(f);
    commit(f, f->tenant);
    come_back(f, &saying);
    say(f, &saying);
    say(f, &saying); /* it crosses anew, for the watch knows of no alert */
    const struct rehearsal *row = collector_rehearsal(f->collector, event);
    assert_int_equal(row->state, REHEARSAL_TOLD);
    acknowledge(f, row->incident);
    pass(f, 1);
    assert_int_equal(gate_of(f, event)->state, GATE_PASSED);
    say(f, &saying);
    say(f, &saying);
    assert_int_equal(incident(f, row->incident)->state, INCIDENT_RESOLVED);
    assert_int_equal(pages_out(f), 6);
}

static void one_that_had_ended_asks_nothing_of_its_host_after_a_restart(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    uint64_t id = cross(f, event, &saying)->incident;
    pages_out(f);
    acknowledge(f, id);
    pass(f, 1);
    commit(f, f->tenant);
    come_back(f, &saying);
    say(f, &saying);
    say(f, &saying);
    assert_int_equal(saying.exercise, EXERCISE_NONE);
    assert_true(collector_rehearsal(f->collector, event)->passed);
    pass(f, 31); /* the watch did not see it recover */
    assert_int_equal(incident(f, id)->state, INCIDENT_RESOLVED);
}

static void its_waiting_follows_a_clock_that_is_put_back(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    assert_int_equal(rehearse(f, event), 0);
    pass(f, 30);
    f->fake.wall_ns -= 3600 * NS_PER_S;
    pass(f, 29);
    assert_ends_within(f, event, 3);
}

static void its_verdict_is_not_mistaken_in_the_second_of_a_step_back(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    const struct rehearsal *row = cross(f, event, &saying);
    pages_out(f);
    pass(f, 1);
    acknowledge(f, row->incident);
    f->fake.wall_ns -= 3600 * NS_PER_S;
    pass(f, 1);
    assert_true(row->passed);
}

/* ---- who may be rehearsed ---- */

static void assert_not_rehearsed(struct fixture *f, uint64_t event, int rc, const char *why)
{
    assert_int_equal(rehearse(f, event), rc);
    assert_non_null(strstr(f->err.text, why));
}

static void what_cannot_be_rehearsed_is_refused_and_says_why(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    restart_collector(f);
    uint64_t event = request_event(f);
    f->config.webhooks = (struct config_list){ .n = 0 };
    assert_not_rehearsed(f, event, -EPERM, "nobody would be told");
    tell_people(f, NULL);
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    assert_not_rehearsed(f, event, -EPERM, "web-1 does not report");
    begin_to_say(f, &saying);
    REPORT(saying.agent, .first = saying.next++, .cpu = 0.1); /* of an agent that has no such series */
    assert_not_rehearsed(f, event, -EPERM, "has an agent that cannot be rehearsed with");
    say(f, &saying);
    assert_int_equal(rehearse(f, event), 0);
    assert_not_rehearsed(f, event, -EEXIST, "under way, with web-1");
    uint64_t draft = plan_event(
        f,
        &(struct event_plan){ .name = "later", .zone = "UTC", .first_day = "2026-12-24", .days = 1, .hosts = "web-*" });
    assert_not_rehearsed(f, draft, -EPERM, "event later is draft");
    uint64_t other = add_host(f, f->tenant, "db-1");
    const struct rehearsal *row;
    assert_int_equal(collector_stop_rehearsal(f->collector, event, "li", &row, &f->err), 0);
    assert_int_equal(collector_rehearse(f->collector, event, other, "lin", &row, &f->err), -EPERM);
    assert_non_null(strstr(f->err.text, "db-1 is not of this event"));
}

static void a_drill_is_rehearsed_too_and_has_no_gate(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    tell_people(f, NULL);
    restart_collector(f);
    uint64_t event = start_event(f, "practice");
    begin_to_say(f, &saying);
    say(f, &saying);
    const struct rehearsal *row = cross(f, event, &saying);
    pages_out(f);
    acknowledge(f, row->incident);
    pass(f, 1);
    assert_true(row->passed);
    assert_int_equal(gate_of(f, event)->state, GATE_OPEN);
    assert_int_equal(incident(f, row->incident)->expires_us, 0);
}

/* ---- whether it still says anything ---- */

static void other_ways_since_then_open_the_gate_again(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    char why[128];
    uint64_t event = prepare(f, &saying, NULL);
    const struct assured *assured = life_of(f->collector, event);
    const struct rehearsal *row = cross(f, event, &saying);
    pages_out(f);
    acknowledge(f, row->incident);
    pass(f, 1);
    assert_false(rehearse_is_stale(f->collector, assured, why, sizeof why));
    tell_people(f, bad_way);
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    assert_true(rehearse_is_stale(f->collector, assured, why, sizeof why));
    assert_string_equal(why, "since then lead has another way");
    tell_people(f, NULL);
    snprintf(good, sizeof good, "http://127.0.0.1:%u/other", receiver_port(f->receiver));
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    assert_true(rehearse_is_stale(f->collector, assured, why, sizeof why));
    assert_string_equal(why, "since then alice has another way"); /* her robot is another one */
}

/* A rehearsal that has passed, and whose host says nothing more. */
static const struct rehearsal *walk(struct fixture *f, uint64_t event, struct saying *saying)
{
    const struct rehearsal *row = cross(f, event, saying);
    pages_out(f);
    acknowledge(f, row->incident);
    say(f, saying);
    say(f, saying);
    say(f, saying);
    assert_true(row->passed);
    assert_int_equal(incident(f, row->incident)->state, INCIDENT_RESOLVED);
    return row;
}

static void another_rehearsal_leaves_the_gate_as_it_is_until_it_has_its_verdict(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    struct assured *assured = life_of(f->collector, event);
    const struct rehearsal *row = walk(f, event, &saying);
    assert_int_equal(rehearse(f, event), 0);
    life_judge_rehearsal(f->collector, assured);
    assert_int_equal(gate_of(f, event)->state, GATE_PASSED);
    say(f, &saying);
    say(f, &saying);
    assert_int_equal(row->state, REHEARSAL_TOLD);
    life_judge_rehearsal(f->collector, assured);
    assert_int_equal(gate_of(f, event)->state, GATE_PASSED);
}

static void to_begin_another_rehearsal_hides_no_change(void **state)
{
    struct fixture *f = *state;
    struct saying saying;
    uint64_t event = prepare(f, &saying, NULL);
    walk(f, event, &saying);
    tell_people(f, bad_way);
    assert_int_equal(collector_reload(f->collector, &f->config, &f->err), 0);
    cross(f, event, &saying);
    assert_int_equal(gate_of(f, event)->state, GATE_OPEN);
    assert_string_equal(gate_of(f, event)->evidence, "since then lead has another way");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_rehearsal_goes_through_the_agent_to_everybody_and_opens_the_gate),
        COLLECTOR_TEST(its_incident_recovers_by_the_agent_that_says_nothing_more),
        COLLECTOR_TEST(it_is_over_all_the_same_when_its_agent_has_gone),
        COLLECTOR_TEST(a_way_that_does_not_arrive_fails_the_gate_and_is_named),
        COLLECTOR_TEST(it_fails_when_nobody_acknowledges_within_ten_minutes_and_breaches_nothing),
        COLLECTOR_TEST(it_fails_when_no_crossing_comes_of_it),
        COLLECTOR_TEST(it_fails_when_whom_it_would_tell_have_gone_meanwhile),
        COLLECTOR_TEST(it_is_stopped_by_name),
        COLLECTOR_TEST(who_had_yet_to_be_told_hears_nothing_of_one_that_is_stopped),
        COLLECTOR_TEST(a_host_whose_crossing_came_behind_the_stop_is_not_asked_until_it_is_over),
        COLLECTOR_TEST(one_that_was_asked_for_goes_on_after_a_restart),
        COLLECTOR_TEST(a_collector_that_was_away_waits_for_its_crossing_anew),
        COLLECTOR_TEST(one_that_was_told_goes_on_after_a_restart_and_tells_nobody_anew),
        COLLECTOR_TEST(one_that_had_ended_asks_nothing_of_its_host_after_a_restart),
        COLLECTOR_TEST(its_waiting_follows_a_clock_that_is_put_back),
        COLLECTOR_TEST(its_verdict_is_not_mistaken_in_the_second_of_a_step_back),
        COLLECTOR_TEST(what_cannot_be_rehearsed_is_refused_and_says_why),
        COLLECTOR_TEST(a_drill_is_rehearsed_too_and_has_no_gate),
        COLLECTOR_TEST(other_ways_since_then_open_the_gate_again),
        COLLECTOR_TEST(another_rehearsal_leaves_the_gate_as_it_is_until_it_has_its_verdict),
        COLLECTOR_TEST(to_begin_another_rehearsal_hides_no_change),
    };
    return cmocka_run_group_tests_name("collector.core.rehearse", tests, NULL, NULL);
}
