#include "collector/patrol/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define START_US  (INT64_C(1795392000) * US_PER_S) /* 2026-11-23T00:00:00Z */
#define DAY_US    (INT64_C(86400) * US_PER_S)
#define HOUR_US   (INT64_C(3600) * US_PER_S)
#define MINUTE_US (INT64_C(60) * US_PER_S)

/* ---- by hand ---- */

static struct event an_event(enum event_state state)
{
    return (struct event){
        .name = "sale", .zone = "UTC", .state = state, .start_us = START_US, .end_us = START_US + DAY_US
    };
}

static struct event a_live_one(void)
{
    struct event event = an_event(EVENT_LIVE);
    event.started_us = START_US;
    assert_true(patrol_begin(&event, START_US));
    assert_false(patrol_begin(&event, START_US));
    return event;
}

/* All that come to record at `now_us`; *ret_last is the last of them. */
static unsigned take(struct event *event, int64_t now_us, struct patrol_round *ret_last)
{
    unsigned n = 0;
    for (struct patrol_round round; patrol_due(event, now_us, &round); n++) {
        patrol_record(event, &round, now_us);
        *ret_last = round;
    }
    return n;
}

static void assert_round(const struct patrol_round *round, enum patrol_phase phase, unsigned k, enum patrol_state state)
{
    assert_string_equal(patrol_phase_name(round->phase), patrol_phase_name(phase));
    assert_int_equal(round->k, k);
    assert_string_equal(patrol_state_name(round->state), patrol_state_name(state));
}

static void a_day_at_ten_minutes_has_144_rounds_and_the_closing_one(void **state)
{
    (void)state;
    struct event event = a_live_one();
    struct patrol_round round = { 0 };
    assert_int_equal(patrol_total(&event), 145);
    for (unsigned k = 0; k < 144; k++) {
        int64_t due_us = START_US + k * 10 * MINUTE_US;
        assert_int_equal(patrol_next_us(&event), due_us);
        assert_false(patrol_due(&event, due_us - 1, &round));
        assert_int_equal(take(&event, due_us, &round), 1);
        assert_round(&round, PATROL_LIVE, k, PATROL_KEPT);
        assert_int_equal(event.patrol.last_us, due_us);
    }
    assert_false(patrol_due(&event, event.end_us - 1, &round));
    assert_int_equal(take(&event, event.end_us, &round), 1);
    assert_round(&round, PATROL_CLOSING, 144, PATROL_KEPT);
    assert_int_equal(patrol_next_us(&event), 0);
    assert_int_equal(take(&event, event.end_us + DAY_US, &round), 0);
    assert_int_equal(patrol_total(&event), 145);
}

static void a_window_that_is_no_whole_number_of_intervals_has_one_more_before_its_end(void **state)
{
    (void)state;
    struct event event = a_live_one();
    struct patrol_round round = { 0 };
    event.patrol.interval_us = 7 * MINUTE_US; /* 205.7 of them */
    assert_int_equal(patrol_total(&event), 207);
    event.patrol.rounds = 205;
    assert_int_equal(take(&event, START_US + 205 * 7 * MINUTE_US, &round), 1);
    assert_round(&round, PATROL_LIVE, 205, PATROL_KEPT);
    assert_int_equal(patrol_next_us(&event), event.end_us);
}

static void a_round_is_late_once_a_minute_has_passed(void **state)
{
    (void)state;
    struct event event = a_live_one();
    struct patrol_round round = { 0 };
    assert_true(patrol_due(&event, START_US + PATROL_ON_TIME_US, &round));
    assert_round(&round, PATROL_LIVE, 0, PATROL_KEPT);
    assert_true(patrol_due(&event, START_US + PATROL_ON_TIME_US + 1, &round));
    assert_round(&round, PATROL_LIVE, 0, PATROL_LATE);
    assert_true(patrol_due(&event, START_US + 10 * MINUTE_US - 1, &round));
    assert_round(&round, PATROL_LIVE, 0, PATROL_LATE);
}

static void of_those_whose_time_has_passed_the_newest_is_made_late_and_the_others_are_missed(void **state)
{
    (void)state;
    struct event event = a_live_one();
    struct patrol_round round = { 0 };
    int64_t now_us = START_US + 65 * MINUTE_US;
    for (unsigned k = 0; k < 6; k++) {
        assert_true(patrol_due(&event, now_us, &round));
        assert_round(&round, PATROL_LIVE, k, PATROL_MISSED);
        patrol_record(&event, &round, now_us);
    }
    assert_int_equal(event.patrol.last_us, 0);
    assert_true(patrol_due(&event, now_us, &round));
    assert_round(&round, PATROL_LIVE, 6, PATROL_LATE);
    patrol_record(&event, &round, now_us);
    assert_int_equal(event.patrol.last_us, now_us);
    assert_false(patrol_due(&event, now_us, &round));
}

static void a_closing_round_is_made_within_an_interval_of_the_end_or_missed(void **state)
{
    (void)state;
    struct event event = a_live_one();
    struct patrol_round round = { 0 };
    event.patrol.rounds = 144;
    assert_true(patrol_due(&event, event.end_us + 10 * MINUTE_US - 1, &round));
    assert_round(&round, PATROL_CLOSING, 144, PATROL_LATE);
    assert_true(patrol_due(&event, event.end_us + 10 * MINUTE_US, &round));
    assert_round(&round, PATROL_CLOSING, 144, PATROL_MISSED);
}

static void an_event_ended_early_has_its_closing_round_then(void **state)
{
    (void)state;
    struct event event = a_live_one();
    struct patrol_round round = { 0 };
    assert_int_equal(take(&event, START_US, &round), 1);
    event.closing_us = START_US + 5 * MINUTE_US;
    event.closed_us = START_US + HOUR_US;
    event.state = EVENT_CLOSED;
    assert_int_equal(patrol_total(&event), 2);
    assert_int_equal(take(&event, event.closing_us, &round), 1);
    assert_round(&round, PATROL_CLOSING, 1, PATROL_KEPT);
    assert_int_equal(take(&event, START_US + DAY_US, &round), 0);
}

static void rounds_of_what_was_started_by_hand_count_from_then(void **state)
{
    (void)state;
    struct event event = an_event(EVENT_LIVE);
    struct patrol_round round = { 0 };
    event.started_us = START_US + 23 * HOUR_US + 5 * MINUTE_US;
    assert_true(patrol_begin(&event, event.started_us));
    assert_int_equal(patrol_next_us(&event), event.started_us);
    assert_int_equal(patrol_total(&event), 7);
    assert_int_equal(take(&event, event.started_us, &round), 1);
    assert_round(&round, PATROL_LIVE, 0, PATROL_KEPT);
}

static void rounds_of_what_was_armed_in_time_count_from_the_beginning_of_its_window(void **state)
{
    (void)state;
    struct event event = an_event(EVENT_LIVE);
    struct patrol_round round = { 0 };
    event.armed_us = START_US;
    event.started_us = START_US + 25 * MINUTE_US; /* the collector was down */
    assert_true(patrol_begin(&event, event.started_us));
    assert_int_equal(patrol_total(&event), 145);
    assert_int_equal(take(&event, event.started_us, &round), 3);
    assert_round(&round, PATROL_LIVE, 2, PATROL_LATE);
    event = an_event(EVENT_LIVE);
    event.armed_us = START_US + 1;
    event.started_us = START_US + HOUR_US;
    assert_true(patrol_begin(&event, event.started_us));
    assert_int_equal(patrol_next_us(&event), event.started_us);
}

static void while_it_is_prepared_there_is_a_round_each_hour_and_what_is_left_when_it_starts_was_missed(void **state)
{
    (void)state;
    struct event event = an_event(EVENT_ACCEPTED);
    struct patrol_round round = { 0 };
    int64_t from_us = START_US - 150 * MINUTE_US;
    assert_true(patrol_begin(&event, from_us));
    assert_int_equal(take(&event, from_us, &round), 1);
    assert_round(&round, PATROL_PREPARING, 0, PATROL_KEPT);
    assert_false(patrol_due(&event, from_us + HOUR_US - 1, &round));
    event.state = EVENT_ARMED;
    assert_int_equal(take(&event, from_us + HOUR_US + 2 * MINUTE_US, &round), 1);
    assert_round(&round, PATROL_PREPARING, 1, PATROL_LATE);
    event.state = EVENT_LIVE; /* the third one was due half an hour before */
    event.started_us = START_US;
    assert_true(patrol_begin(&event, START_US));
    assert_true(patrol_due(&event, START_US, &round));
    assert_round(&round, PATROL_PREPARING, 2, PATROL_MISSED);
    patrol_record(&event, &round, START_US);
    assert_int_equal(take(&event, START_US, &round), 1);
    assert_round(&round, PATROL_LIVE, 0, PATROL_KEPT);
}

static void a_plan_and_what_was_cancelled_have_none(void **state)
{
    (void)state;
    static const enum event_state none[] = { EVENT_DRAFT, EVENT_REQUESTED, EVENT_CANCELLED };
    struct patrol_round round = { 0 };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        struct event event = an_event(none[i]);
        assert_false(patrol_begin(&event, START_US));
        assert_false(patrol_due(&event, START_US + DAY_US, &round));
        assert_int_equal(patrol_total(&event), 0);
    }
    struct event event = an_event(EVENT_ACCEPTED);
    assert_true(patrol_begin(&event, START_US - HOUR_US));
    event.state = EVENT_CANCELLED;
    assert_false(patrol_due(&event, START_US, &round));
    assert_int_equal(patrol_next_us(&event), 0);
}

/* ---- by dice: whatever the clock and the collector do, each round is on record once ---- */

enum { RECORDS_MAX = 4096, RUNS = 400 };

struct world {
    uint64_t dice;
    int64_t now_us;
    struct event event;  /* as in memory... */
    struct event stored; /* ...and as on disk: what a restart goes on from */
    bool sweeping;       /* a round is being made; a restart loses it */
    struct patrol_round sweep;
    bool early; /* a person ends it */
    int64_t early_us;
    size_t n;
    struct {
        struct patrol_round round;
        int64_t at_us;
    } records[RECORDS_MAX];
};

/* xorshift64* */
static uint64_t roll(struct world *w, uint64_t sides)
{
    w->dice ^= w->dice >> 12;
    w->dice ^= w->dice << 25;
    w->dice ^= w->dice >> 27;
    return (w->dice * UINT64_C(2685821657736338717) >> 33) % sides;
}

/* Into the ledger, and the counters with it: one transaction. */
static void put_on_record(struct world *w, const struct patrol_round *round)
{
    assert_true(w->n < RECORDS_MAX);
    w->records[w->n].round = *round;
    w->records[w->n++].at_us = w->now_us;
    patrol_record(&w->event, round, w->now_us);
    w->stored = w->event;
}

static void live_on(struct world *w)
{
    struct event *event = &w->event;
    if (event->state >= EVENT_ACCEPTED && event->state < EVENT_LIVE && w->now_us >= event->start_us) {
        event->state = EVENT_LIVE;
        event->started_us = w->now_us;
        event->armed_us = roll(w, 2) ? event->start_us - HOUR_US : 0;
    }
    bool over = w->now_us >= event->end_us || (w->early && w->now_us >= w->early_us);
    if (event->state == EVENT_LIVE && over && event->started_us < w->now_us) {
        event->state = EVENT_CLOSED;
        event->closed_us = w->now_us;
    }
    patrol_begin(event, w->now_us);
    w->stored = *event;
}

static void tick(struct world *w)
{
    struct patrol_round round = { 0 };
    live_on(w);
    if (w->sweeping) {
        if (roll(w, 3) == 0)
            return;
        w->sweeping = false;
        put_on_record(w, &w->sweep);
    }
    while (patrol_due(&w->event, w->now_us, &round)) {
        if (round.state == PATROL_MISSED) {
            put_on_record(w, &round);
            continue;
        }
        w->sweeping = true;
        w->sweep = round;
        return;
    }
}

static void restart(struct world *w)
{
    w->event = w->stored;
    w->sweeping = false;
}

static void something_happens(struct world *w)
{
    switch (roll(w, 60)) {
    case 0: /* the clock is set forward, or back */
        w->now_us += HOUR_US;
        break;
    case 1:
        w->now_us -= HOUR_US;
        break;
    case 2: /* a crash, and its downtime */
        w->now_us += (int64_t)roll(w, 3 * 3600) * US_PER_S;
        restart(w);
        break;
    case 3:
        restart(w);
        break;
    default: /* time passes, now and then with a stall */
        w->now_us += (int64_t)(1 + roll(w, roll(w, 10) ? 90 : 900)) * US_PER_S;
    }
    tick(w);
}

/* Rounds of `phase` on record are 0..n-1, in order, each once. Returns n. */
static unsigned in_order(const struct world *w, enum patrol_phase phase)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->n; i++)
        if (w->records[i].round.phase == phase)
            assert_int_equal(w->records[i].round.k, phase == PATROL_CLOSING ? w->event.patrol.rounds : n++);
    return n;
}

static void check_records(const struct world *w)
{
    const struct event *event = &w->event;
    int64_t interval_us = event->patrol.interval_us;
    int64_t end_us = event->closed_us < event->end_us ? event->closed_us : event->end_us;
    unsigned n = in_order(w, PATROL_LIVE);
    unsigned want = 0;
    size_t closing = 0;
    while (event->patrol.from_us + want * interval_us < end_us)
        want++;
    /* Ended early by a clock that was set back, there may be more: they were due by the clock before. */
    assert_true(w->early ? n >= want : n == want);
    for (size_t i = 0; i < w->n; i++)
        closing += w->records[i].round.phase == PATROL_CLOSING;
    assert_int_equal(closing, 1);
    assert_int_equal(w->records[w->n - 1].round.phase, PATROL_CLOSING);
    unsigned preparing = in_order(w, PATROL_PREPARING);
    unsigned least = 0;
    if (event->patrol.preparing_us)
        while (event->patrol.preparing_us + least * PATROL_PREPARING_US < event->patrol.from_us)
            least++;
    assert_true(preparing >= least);
}

static void check_states(const struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct patrol_round *round = &w->records[i].round;
        if (round->state != PATROL_MISSED || round->phase == PATROL_CLOSING || i + 1 == w->n)
            continue;
        /* Nothing is missed but for one whose time had come as well, or the end of the preparation. */
        const struct patrol_round *after = &w->records[i + 1].round;
        assert_true(after->due_us <= w->records[i].at_us || round->phase == PATROL_PREPARING);
    }
}

static void run_world(uint64_t seed)
{
    struct world *w = test_calloc(1, sizeof *w);
    *w = (struct world){ .dice = seed, .event = an_event(EVENT_ACCEPTED) };
    for (int i = 0; i < 8; i++)
        roll(w, 2);
    w->event.end_us = START_US + (int64_t)(1 + roll(w, 8)) * HOUR_US;
    w->event.patrol.interval_us = (int64_t)(1 + roll(w, 60)) * MINUTE_US;
    w->now_us = START_US - (int64_t)roll(w, 6 * 3600) * US_PER_S;
    w->early = roll(w, 4) == 0;
    w->early_us = START_US + (int64_t)roll(w, 4 * 3600) * US_PER_S;
    w->stored = w->event;
    while (!w->event.patrol.closed)
        something_happens(w);
    for (int i = 0; i < 200; i++) /* and nothing comes behind it */
        something_happens(w);
    check_records(w);
    check_states(w);
    test_free(w);
}

static void whatever_the_clock_does_and_however_often_it_restarts_each_round_is_on_record_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        run_world(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_at_ten_minutes_has_144_rounds_and_the_closing_one),
        cmocka_unit_test(a_window_that_is_no_whole_number_of_intervals_has_one_more_before_its_end),
        cmocka_unit_test(a_round_is_late_once_a_minute_has_passed),
        cmocka_unit_test(of_those_whose_time_has_passed_the_newest_is_made_late_and_the_others_are_missed),
        cmocka_unit_test(a_closing_round_is_made_within_an_interval_of_the_end_or_missed),
        cmocka_unit_test(an_event_ended_early_has_its_closing_round_then),
        cmocka_unit_test(rounds_of_what_was_started_by_hand_count_from_then),
        cmocka_unit_test(rounds_of_what_was_armed_in_time_count_from_the_beginning_of_its_window),
        cmocka_unit_test(while_it_is_prepared_there_is_a_round_each_hour_and_what_is_left_when_it_starts_was_missed),
        cmocka_unit_test(a_plan_and_what_was_cancelled_have_none),
        cmocka_unit_test(whatever_the_clock_does_and_however_often_it_restarts_each_round_is_on_record_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
