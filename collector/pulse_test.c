/* Heartbeats of the way to people: by turns, through all of it, and told when one is lost. */
#include "collector/collector_fixture.h"
#include "collector/parts.h"

#include <string.h>

enum { HOSTS_MAX = 2 };

struct beating { /* an agent that reports each second what it is asked to */
    struct agent *agent;
    uint64_t next, revision;
    unsigned exercise, asked;
    bool gone;    /* it does not report */
    bool old;     /* it knows of no exercise */
    bool deaf;    /* it takes no policy */
    bool refuses; /* it takes it, and says nothing of it */
};

struct war_room {
    struct fixture *f;
    uint64_t event;
    size_t n;
    struct beating hosts[HOSTS_MAX];
};

static void join_all(struct war_room *room)
{
    uint64_t hosts[HOSTS_MAX] = { room->f->host, room->f->host };
    for (const struct host *row = NULL; (row = fleet_next_host(collector_fleet(room->f->collector), row));)
        if (row->id != room->f->host)
            hosts[1] = row->id;
    for (size_t i = 0; i < room->n && i < HOSTS_MAX; i++) {
        room->hosts[i].agent = join_agent(room->f, hosts[i], (uint8_t)(room->hosts[i].next + i + 1));
        room->hosts[i].next = 1;
        room->hosts[i].revision = 0;
    }
}

static struct war_room live_as(struct fixture *f, size_t n, const char *name)
{
    struct war_room room = { .f = f, .n = n };
    if (n > 1)
        add_host(f, f->tenant, "web-2");
    room.event = start_event(f, name);
    join_all(&room);
    return room;
}

static struct war_room live(struct fixture *f, size_t n)
{
    return live_as(f, n, "launch");
}

static void report_one(struct beating *host)
{
    const struct reply *got = REPORT(host->agent, .first = host->next++, .exercises = !host->old,
                                     .exercise = host->refuses ? 0 : host->exercise, .policy_revision = host->revision,
                                     .interval_us = US_PER_S);
    const struct policy *policy = &got->answer.policy;
    if (policy->revision == 0 || host->deaf)
        return;
    host->revision = policy->revision;
    host->exercise = policy->exercise;
    host->asked += policy->exercise == EXERCISE_HEARTBEAT;
}

static void seconds(struct war_room *room, unsigned n)
{
    for (unsigned s = 0; s < n; s++) {
        pass(room->f, 1);
        for (size_t i = 0; i < room->n; i++)
            if (!room->hosts[i].gone)
                report_one(&room->hosts[i]);
        commit(room->f, room->f->tenant);
    }
}

static struct heart_view heart_of(const struct war_room *room)
{
    struct heart_view view;
    assert_true(collector_heart(room->f->collector, room->event, &view));
    return view;
}

static void a_beat_a_minute_comes_through_by_turns_and_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 2);
    struct recorded record[4];
    seconds(&room, 245);
    struct heart_view view = heart_of(&room);
    assert_true(view.able);
    assert_int_equal(view.came, 4);
    assert_int_equal(view.lost, 0);
    assert_true(view.took_us > 0 && view.slowest_us >= view.took_us && view.slowest_us < 10 * US_PER_S);
    assert_true(view.last_us > clock_wall_us(&f->clock) - 60 * US_PER_S);
    assert_int_equal(room.hosts[0].asked, 2);
    assert_int_equal(room.hosts[1].asked, 2);
    assert_int_equal(room.hosts[0].exercise, EXERCISE_NONE); /* it was told that it is over */
    assert_int_equal(receiver_requests(f->receiver), 0);
    assert_int_equal(count_happened(f, HAPPENED_PAGE), 0);
    assert_int_equal(read_record(f, f->tenant, "page", record, 4), 0);
    struct collector_status status = status_of(f);
    assert_true(status.pages_delivered == 0 && status.pages_queued == 0 && status.firing == 0);
}

static void two_that_are_lost_are_told_with_what_they_got_stuck_at(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 2);
    room.hosts[0].refuses = room.hosts[1].refuses = true;
    seconds(&room, 70);
    assert_int_equal(heart_of(&room).lost, 1);
    assert_false(pulse_is_well(f->collector));
    assert_false(was_logged(f, "event=concern"));
    seconds(&room, 60);
    assert_int_equal(heart_of(&room).in_a_row, 2);
    assert_true(room.hosts[0].asked > 0 && room.hosts[1].asked > 0); /* another one was asked at once */
    assert_int_equal(pages_out(f), 1);
    assert_true(page_says(f, "The way to people of event launch is broken: a heartbeat of web-"));
    assert_true(page_says(f, "got stuck: no tick of it has crossed its rule"));
    assert_true(page_says(f, "\"tenant\":\"warroom\""));
    room.hosts[0].refuses = room.hosts[1].refuses = false;
    seconds(&room, 125);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_string_equal(incident(f, 1)->resolved_by, "recovery");
    assert_int_equal(heart_of(&room).in_a_row, 0);
    assert_null(heart_of(&room).stuck);
    assert_true(pulse_is_well(f->collector));
}

static void an_events_long_name_does_not_hide_what_one_got_stuck_at(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live_as(f, 1, "the-sale-of-the-year-in-all-regions-and-all-shops-at-midnight");
    room.hosts[0].refuses = true;
    seconds(&room, 130);
    assert_int_equal(pages_out(f), 1);
    assert_true(
        page_says(f, "The way to people of event the-sale-of-the-year-\xe2\x80\xa6 is broken: a heartbeat of web-1 "
                     "got stuck: no tick of it has crossed its rule\""));
}

static void the_dead_man_is_not_fed_while_one_is_lost(void **state)
{
    struct fixture *f = *state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/ok", receiver_port(f->receiver));
    struct war_room room = live(f, 1);
    room.hosts[0].refuses = true;
    seconds(&room, 70); /* lost, and the next one is under way */
    f->config.dead_man = (struct dead_man_config){ .url = url, .every_us = 30 * US_PER_S };
    seconds(&room, 2);
    assert_true(was_logged(f, "event=dead_man_not_fed reason=\"a heartbeat did not come through\""));
    assert_int_equal(f->collector->dead_man.fed_us, 0);
    room.hosts[0].refuses = false;
    seconds(&room, 65);
    assert_true(pulse_is_well(f->collector));
    seconds(&room, 30);
    RUN_UNTIL(f, f->collector->dead_man.fed_us != 0);
    f->config.dead_man.url = NULL;
}

static void what_somebody_was_told_of_keeps_the_dead_man_from_nothing(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 1);
    room.hosts[0].refuses = true;
    seconds(&room, 130);
    assert_int_equal(heart_of(&room).in_a_row, 2);
    RUN_UNTIL(f, incident(f, 1)->delivered_us != 0);
    assert_true(pulse_is_well(f->collector));
    seconds(&room, 65);
    assert_int_equal(heart_of(&room).in_a_row, 3); /* it ignores what it is asked, and may go on to */
    assert_true(pulse_is_well(f->collector));
}

static void an_agent_that_takes_no_policy_is_said_to_be_one(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 1);
    seconds(&room, 2);
    room.hosts[0].deaf = true;
    seconds(&room, 130);
    assert_string_equal(heart_of(&room).stuck, "its agent has not taken its policy");
}

static void a_host_that_falls_silent_says_nothing_of_the_way(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 2);
    seconds(&room, 1);
    room.hosts[0].gone = true;
    seconds(&room, 200);
    assert_int_equal(heart_of(&room).lost, 0);
    assert_true(heart_of(&room).came >= 3);
    room.hosts[1].gone = true; /* nobody is left to be asked */
    seconds(&room, 200);
    assert_int_equal(heart_of(&room).lost, 0);
    assert_false(heart_of(&room).able);
    assert_true(pulse_is_well(f->collector));
}

static void a_lost_beat_says_nothing_more_once_no_host_can_be_asked_for_another(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 1);
    room.hosts[0].refuses = true;
    seconds(&room, 70);
    assert_int_equal(heart_of(&room).in_a_row, 1);
    assert_false(pulse_is_well(f->collector));
    room.hosts[0].gone = true;
    seconds(&room, 20);
    assert_int_equal(heart_of(&room).in_a_row, 1);
    assert_true(pulse_is_well(f->collector));
    room.hosts[0].gone = false; /* it is back, and no better */
    seconds(&room, 2);
    assert_false(pulse_is_well(f->collector));
}

static void hosts_whose_agents_know_of_no_exercise_are_not_asked(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 1);
    room.hosts[0].old = true;
    seconds(&room, 130);
    assert_false(heart_of(&room).able);
    assert_int_equal(heart_of(&room).came + heart_of(&room).lost, 0);
    assert_int_equal(room.hosts[0].asked, 0);
}

static void an_event_that_is_over_has_no_heart(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 1);
    struct heart_view view;
    const struct event *row;
    room.hosts[0].refuses = true;
    seconds(&room, 130);
    assert_int_equal(incident(f, 1)->state, INCIDENT_TRIGGERED);
    assert_int_equal(collector_event_do(f->collector, room.event, EVENT_CLOSE, &fixture_commander, &row, NULL), 0);
    seconds(&room, 2);
    assert_false(collector_heart(f->collector, room.event, &view));
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
    assert_int_equal(scope_host(f->collector, f->host)->policy.exercise, EXERCISE_NONE);
}

static void what_is_lost_before_a_restart_ends_behind_it(void **state)
{
    struct fixture *f = *state;
    struct war_room room = live(f, 1);
    room.hosts[0].refuses = true;
    seconds(&room, 130);
    assert_int_equal(pages_out(f), 1);
    restart_collector(f);
    join_all(&room);
    room.hosts[0].refuses = false;
    room.hosts[0].exercise = EXERCISE_NONE;
    seconds(&room, 20);
    assert_int_equal(heart_of(&room).came, 1);
    assert_int_equal(incident(f, 1)->state, INCIDENT_RESOLVED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_beat_a_minute_comes_through_by_turns_and_leaves_nothing_behind),
        COLLECTOR_TEST(two_that_are_lost_are_told_with_what_they_got_stuck_at),
        COLLECTOR_TEST(an_events_long_name_does_not_hide_what_one_got_stuck_at),
        COLLECTOR_TEST(the_dead_man_is_not_fed_while_one_is_lost),
        COLLECTOR_TEST(what_somebody_was_told_of_keeps_the_dead_man_from_nothing),
        COLLECTOR_TEST(an_agent_that_takes_no_policy_is_said_to_be_one),
        COLLECTOR_TEST(a_host_that_falls_silent_says_nothing_of_the_way),
        COLLECTOR_TEST(a_lost_beat_says_nothing_more_once_no_host_can_be_asked_for_another),
        COLLECTOR_TEST(hosts_whose_agents_know_of_no_exercise_are_not_asked),
        COLLECTOR_TEST(an_event_that_is_over_has_no_heart),
        COLLECTOR_TEST(what_is_lost_before_a_restart_ends_behind_it),
    };
    return cmocka_run_group_tests_name("collector.core.pulse", tests, NULL, NULL);
}
