/* Whether the ways out are there is asked each minute of a live event, and told by another way when they are not. */
#include "collector/collector_fixture.h"

#include <string.h>

#include "collector/parts.h"

#define AWAY "http://127.0.0.1:1/hook?key=SECRET"

/* "duty" is away, "spare" takes pages. */
static void with_one_away(struct fixture *f)
{
    snprintf(f->urls[0], sizeof f->urls[0], "%s", AWAY);
    add_webhook(f, "spare", "/ok", NULL);
    restart_collector(f);
}

static void come_back(struct fixture *f)
{
    snprintf(f->urls[0], sizeof f->urls[0], "http://127.0.0.1:%u/ok", receiver_port(f->receiver));
}

static void until_unreached(struct fixture *f, size_t times)
{
    RUN_UNTIL(f, times_logged(f, "event=channel_unreached channel=duty") == times);
}

static void fail_twice(struct fixture *f)
{
    pass(f, 60);
    until_unreached(f, 1);
    assert_false(was_logged(f, "event=concern"));
    pass(f, 15);
    until_unreached(f, 2);
}

static void nobody_is_asked_before_an_event_is_live(void **state)
{
    struct fixture *f = *state;
    with_one_away(f);
    pass(f, 300);
    commit(f, f->tenant);
    assert_false(was_logged(f, "event=channel_unreached"));
}

static void a_channel_that_cannot_be_reached_is_told_by_another_until_it_can(void **state)
{
    struct fixture *f = *state;
    with_one_away(f);
    start_event(f, "launch");
    fail_twice(f);
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    assert_true(page_says(f, "Channel duty cannot be reached: "));
    assert_true(page_says(f, "\"tenant\":\"warroom\""));
    assert_true(was_logged(f, "event=concern group=channel-duty"));
    assert_false(was_logged(f, "SECRET"));
    pass(f, 60);
    until_unreached(f, 3);
    assert_int_equal(receiver_requests(f->receiver), 1); /* once is enough */
    come_back(f);
    pass(f, 60);
    RUN_UNTIL(f, incident(f, 1)->state == INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "recovery");
}

static void one_failure_is_nobodys_concern(void **state)
{
    struct fixture *f = *state;
    with_one_away(f);
    start_event(f, "launch");
    pass(f, 60);
    until_unreached(f, 1);
    come_back(f);
    pass(f, 300);
    assert_int_equal(times_logged(f, "event=channel_unreached"), 1);
    assert_false(was_logged(f, "event=concern"));
}

/* "alice" is told by a channel that is away, else by another one. */
static void with_a_person(struct fixture *f)
{
    static char spare[64];
    static struct channel_config channels[] = { { .name = "away", .kind = CHANNEL_WEBHOOK, .url = AWAY },
                                                { .name = "spare", .kind = CHANNEL_WEBHOOK, .url = spare } };
    static struct way_config ways[] = { { .channel = "away" }, { .channel = "spare" } };
    static struct contact_config contacts[] = { { .name = "alice", .ways = { .n = 2, .at = ways } } };
    snprintf(spare, sizeof spare, "http://127.0.0.1:%u/ok", receiver_port(f->receiver));
    f->config.people =
        (struct people_config){ .channels = { .n = 2, .at = channels }, .contacts = { .n = 1, .at = contacts } };
    add_rule(f, "cpu-high", CPU, 0.9, 0);
    restart_collector(f);
}

static void fail_once(struct fixture *f, size_t times)
{
    pass(f, 60);
    RUN_UNTIL(f, times_logged(f, "event=channel_unreached channel=away times=1") == times);
}

static void failures_of_two_events_are_none_in_a_row(void **state)
{
    struct fixture *f = *state;
    const struct event *row;
    with_a_person(f);
    uint64_t event = start_event(f, "launch");
    fail_once(f, 1);
    assert_int_equal(collector_event_do(f->collector, event, EVENT_CLOSE, &fixture_commander, &row, NULL), 0);
    pass(f, 60);
    start_event(f, "sale");
    fail_once(f, 2);
    struct agent *agent = join_agent(f, f->host, 1);
    assert_stored(REPORT(agent, .first = 1, .cpu = 1), 1, 1);
    RUN_UNTIL(f, was_logged(f, "event=page_refused") && was_logged(f, "event=page_delivered"));
    /* One to the machine, one by alice's first way: that is not given up. */
    assert_int_equal(pager_count_queued(f->collector->pager) + times_logged(f, "event=page_delivered"), 2);
}

static void a_restart_and_the_end_of_the_event_change_nothing_about_it(void **state)
{
    struct fixture *f = *state;
    with_one_away(f);
    uint64_t event = start_event(f, "launch");
    fail_twice(f);
    RUN_UNTIL(f, receiver_requests(f->receiver) == 1);
    restart_collector(f);
    const struct event *row;
    assert_int_equal(collector_event_do(f->collector, event, EVENT_CLOSE, &fixture_commander, &row, NULL), 0);
    pass(f, 1);
    until_unreached(f, 3);
    pass(f, 15);
    until_unreached(f, 4);
    assert_int_equal(times_logged(f, "event=concern group="), 1);
    come_back(f);
    pass(f, 60);
    RUN_UNTIL(f, incident(f, 1)->state == INCIDENT_RESOLVED);
    pass(f, 120);
    assert_int_equal(times_logged(f, "event=channel_unreached"), 4);
}

static void a_channel_of_a_long_name_is_known_again_by_its_beginning(void **state)
{
    struct fixture *f = *state;
    static const char name[] = "the-robot-of-the-people-who-are-on-duty-in-the-room-at-night";
    f->webhooks[0].name = name;
    with_one_away(f);
    start_event(f, "launch");
    pass(f, 60);
    RUN_UNTIL(f, times_logged(f, "event=channel_unreached channel=the-robot") == 1);
    pass(f, 15);
    RUN_UNTIL(f, times_logged(f, "event=channel_unreached channel=the-robot") == 2);
    assert_non_null(strstr(incident(f, 1)->title, "Channel the-robot-of-the-peop\xe2\x80\xa6 cannot be reached: "));
    restart_collector(f);
    pass(f, 60);
    RUN_UNTIL(f, times_logged(f, "event=channel_unreached channel=the-robot") == 3);
    pass(f, 15);
    RUN_UNTIL(f, times_logged(f, "event=channel_unreached channel=the-robot") == 4);
    assert_int_equal(times_logged(f, "event=concern group="), 1);
    assert_false(was_logged(f, "event=concern_over"));
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
}

static void a_channel_that_is_gone_from_the_configuration_is_nobodys_concern(void **state)
{
    struct fixture *f = *state;
    with_one_away(f);
    start_event(f, "launch");
    fail_twice(f);
    f->webhooks[0].name = "other";
    come_back(f);
    assert_int_equal(collector_reload(f->collector, &f->config, NULL), 0);
    pass(f, 60);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

static void a_collector_may_be_closed_while_one_is_asked(void **state)
{
    struct fixture *f = *state;
    start_event(f, "launch");
    pass(f, 60);
    restart_collector(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(nobody_is_asked_before_an_event_is_live),
        COLLECTOR_TEST(a_channel_that_cannot_be_reached_is_told_by_another_until_it_can),
        COLLECTOR_TEST(one_failure_is_nobodys_concern),
        COLLECTOR_TEST(failures_of_two_events_are_none_in_a_row),
        COLLECTOR_TEST(a_restart_and_the_end_of_the_event_change_nothing_about_it),
        COLLECTOR_TEST(a_channel_of_a_long_name_is_known_again_by_its_beginning),
        COLLECTOR_TEST(a_channel_that_is_gone_from_the_configuration_is_nobodys_concern),
        COLLECTOR_TEST(a_collector_may_be_closed_while_one_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
