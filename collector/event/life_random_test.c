/* Thousands of lives of events, each a random order of commands, findings, ticks, leaps of the clock and restarts, held
 * against what must be so whatever the order. Seeds are fixed: what fails once fails again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/event/event.h"

#define HOUR_US (3600 * US_PER_S)
enum { LIVES = 6000, MOVES = 60, CHANGES_MAX = 4 * MOVES, TICK_CHANGES_MAX = 4 };

static const struct scope_host hosts[] = { { "web-1", "" } };

struct life {
    uint64_t seed;
    struct event event;
    struct gate gates[GATE_COUNT];
    int64_t now_us;
    struct event_change ledger[CHANGES_MAX]; /* what came of it */
    size_t n;
};

static uint64_t dice(struct life *life)
{
    life->seed ^= life->seed << 13;
    life->seed ^= life->seed >> 7;
    life->seed ^= life->seed << 17;
    return life->seed;
}

static int64_t between(struct life *life, int64_t least, int64_t most)
{
    return least + (int64_t)(dice(life) % (uint64_t)(most - least + 1));
}

static bool one_in(struct life *life, unsigned n)
{
    return dice(life) % n == 0;
}

/* ---- what must be so ---- */

/* Where a life may go on from each state: a bit a state. */
static unsigned ways_from(enum event_state from, bool drill)
{
#define TO(state) (1U << EVENT_##state)
    const unsigned real[EVENT_STATE_COUNT] = {
        [EVENT_DRAFT] = TO(REQUESTED) | TO(CANCELLED),
        [EVENT_REQUESTED] = TO(ACCEPTED) | TO(CANCELLED),
        [EVENT_ACCEPTED] = TO(CHECKED) | TO(CANCELLED),
        [EVENT_CHECKED] = TO(ARMED) | TO(CANCELLED),
        [EVENT_ARMED] = TO(LIVE) | TO(CANCELLED),
        [EVENT_LIVE] = TO(CLOSING),
        [EVENT_CLOSING] = TO(REPORTED),
        [EVENT_REPORTED] = TO(CLOSED),
    };
    if (!drill)
        return real[from];
    return from == EVENT_LIVE ? TO(CLOSED) : from < EVENT_LIVE ? real[from] | TO(LIVE) : 0;
}

static void check_gates(const struct life *life, const struct event_change *change)
{
    static const unsigned wanted[EVENT_STATE_COUNT] = {
        [EVENT_ACCEPTED] = GATE_BIT(GATE_ENTITLEMENT),
        [EVENT_CHECKED] = GATE_BIT(GATE_ENTITLEMENT) | GATE_BIT(GATE_VERDICT),
        [EVENT_ARMED] = GATE_BIT(GATE_COUNT) - 1,
    };
    unsigned needs = life->event.drill ? 0 : wanted[change->to];
    if (change->what != EVENT_STEPPED)
        return;
    assert_int_equal(gates_closed(life->gates, needs), 0);
    assert_int_equal(change->gates, needs);
    assert_int_equal(change->overridden, gates_overridden(life->gates, needs));
}

static void check_time(const struct life *life, const struct event_change *change)
{
    const struct event *event = &life->event;
    assert_true(change->at_us == life->now_us);
    if (change->what == EVENT_STEPPED && change->to == EVENT_LIVE)
        assert_true(life->now_us >= event->start_us && event->started_us == life->now_us);
    if (change->what == EVENT_STEPPED && (change->to == EVENT_CLOSING || change->from == EVENT_LIVE))
        assert_true((event->closing_us ? event->closing_us : event->closed_us) >= event->started_us);
    if (change->what == EVENT_STEPPED && change->verb == EVENT_END && strcmp(change->role, "clock") == 0)
        assert_true(life->now_us >= event->end_us);
    assert_true(change->late_us == 0 || change->late_us > EVENT_LATE_US);
}

/* One entry for what has just been done, of the state before and the state now. */
static void keep(struct life *life, const struct event *before, const struct event_change *change)
{
    assert_true(life->n < CHANGES_MAX);
    assert_int_equal(change->from, before->state);
    assert_int_equal(change->to, life->event.state);
    if (change->what == EVENT_STEPPED)
        assert_true(ways_from(change->from, before->drill) & (1U << change->to));
    else
        assert_int_equal(change->from, change->to);
    assert_true(change->by[0] != '\0');
    check_gates(life, change);
    check_time(life, change);
    life->ledger[life->n++] = *change;
}

static size_t count(const struct life *life, enum event_state to)
{
    size_t n = 0;
    for (size_t i = 0; i < life->n; i++)
        n += life->ledger[i].what == EVENT_STEPPED && life->ledger[i].to == to;
    return n;
}

/* The ledger alone tells where the event stands. */
static void check_ledger(const struct life *life)
{
    enum event_state at = EVENT_DRAFT;
    size_t unarmed = 0;
    for (size_t i = 0; i < life->n; i++) {
        assert_int_equal(life->ledger[i].from, at);
        at = life->ledger[i].to;
        unarmed += life->ledger[i].what == EVENT_OPENED_UNARMED;
    }
    assert_int_equal(at, life->event.state);
    assert_in_range(unarmed, 0, 1);
    for (int to = 0; to < EVENT_STATE_COUNT; to++)
        assert_in_range(count(life, (enum event_state)to), 0, 1);
}

/* ---- moves ---- */

static void ask(struct life *life)
{
    static const char *const reasons[] = { NULL, "", "because" };
    struct event before = life->event;
    struct event_change change;
    const struct event_ask wanted = { .verb = (enum event_verb)(dice(life) % EVENT_VERB_COUNT),
                                      .role = one_in(life, 4) ? (enum role)(dice(life) % ROLE_COUNT) : ROLE_COMMANDER,
                                      .by = "li",
                                      .reason = reasons[dice(life) % 3],
                                      .now_us = life->now_us,
                                      .gates = life->gates,
                                      .late = one_in(life, 3),
                                      .hosts = hosts,
                                      .n_hosts = 1 };
    if (event_do(&life->event, &wanted, &change, NULL) == 0)
        keep(life, &before, &change);
    else
        assert_memory_equal(&life->event, &before, sizeof before);
}

/* Most asks of a random verb are refused; this one goes on. */
static void ask_for_the_next_step(struct life *life)
{
    static const enum event_verb next[EVENT_STATE_COUNT] = {
        [EVENT_DRAFT] = EVENT_REQUEST,  [EVENT_REQUESTED] = EVENT_ACCEPT, [EVENT_ACCEPTED] = EVENT_CHECK,
        [EVENT_CHECKED] = EVENT_ARM,    [EVENT_ARMED] = EVENT_START,      [EVENT_LIVE] = EVENT_REPORT,
        [EVENT_CLOSING] = EVENT_REPORT, [EVENT_REPORTED] = EVENT_CLOSE,
    };
    struct event before = life->event;
    struct event_change change;
    const struct event_ask wanted = { .verb = next[life->event.state],
                                      .role = ROLE_COMMANDER,
                                      .by = "wang",
                                      .reason = "because",
                                      .now_us = life->now_us,
                                      .gates = life->gates,
                                      .hosts = hosts,
                                      .n_hosts = 1 };
    if (event_do(&life->event, &wanted, &change, NULL) == 0)
        keep(life, &before, &change);
}

static void turn_a_gate(struct life *life)
{
    struct gate *gate = &life->gates[dice(life) % GATE_COUNT];
    if (!event_may_turn(&life->event))
        return;
    switch (dice(life) % 6) {
    case 0:
        gate_reopen(gate, "changed", "li", life->now_us);
        break;
    case 1:
        gate_judge(gate, false, "no", "part", life->now_us);
        break;
    case 2:
        gate_override(gate, ROLE_COMMANDER, "li", "because", life->now_us, NULL);
        break;
    default:
        gate_judge(gate, true, "yes", "part", life->now_us);
    }
}

static void pass_the_gates(struct life *life)
{
    for (int i = 0; event_may_turn(&life->event) && i < GATE_COUNT; i++)
        gate_judge(&life->gates[i], true, "yes", "part", life->now_us);
}

static void tick(struct life *life)
{
    struct event before = life->event;
    struct event_change change;
    int changes = 0;
    while (event_tick(&life->event, life->gates, life->now_us, &change)) {
        keep(life, &before, &change);
        assert_true(++changes <= TICK_CHANGES_MAX);
        before = life->event;
    }
    assert_memory_equal(&life->event, &before, sizeof before);
    const struct event *event = &life->event;
    bool waits = event->state >= EVENT_REQUESTED && event->state <= EVENT_CHECKED;
    assert_false(event->state == EVENT_ARMED && life->now_us >= event->start_us);
    assert_false(event->state == EVENT_LIVE && life->now_us >= event->end_us);
    assert_false(waits && life->now_us >= event->end_us);
    assert_false(waits && !event->drill && life->now_us >= event->start_us && event->unarmed_us == 0);
}

/* All that is left is the rows. */
static void restart(struct life *life)
{
    struct event row;
    struct gate gates[GATE_COUNT];
    memcpy(&row, &life->event, sizeof row);
    memcpy(gates, life->gates, sizeof gates);
    memset(&life->event, 0xa5, sizeof life->event);
    memset(life->gates, 0xa5, sizeof life->gates);
    memcpy(&life->event, &row, sizeof row);
    memcpy(life->gates, gates, sizeof gates);
}

static void pass_time(struct life *life)
{
    life->now_us += one_in(life, 2) ? between(life, 0, 120 * US_PER_S) : between(life, 0, 8 * HOUR_US);
}

static void leap(struct life *life)
{
    life->now_us += between(life, -HOUR_US - HOUR_US / 2, HOUR_US + HOUR_US / 2);
}

static void (*const moves[])(struct life *) = {
    ask,
    ask,
    ask_for_the_next_step,
    ask_for_the_next_step,
    turn_a_gate,
    pass_the_gates,
    tick,
    restart,
    leap,
    pass_time,
    pass_time,
    tick,
};

static void be_born(struct life *life, uint64_t seed)
{
    *life = (struct life){ .seed = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
    const struct event_plan plan = {
        .name = "sale", .zone = "UTC", .first_day = "2026-11-24", .days = 1, .hosts = "web-1", .drill = one_in(life, 4)
    };
    assert_int_equal(event_init(&life->event, &plan, NULL), 0);
    gates_init(life->gates, 7);
    life->now_us = life->event.start_us - between(life, 0, 48 * HOUR_US);
}

static void live(struct life *life, uint64_t seed)
{
    be_born(life, seed);
    const struct event born = life->event;
    for (int i = 0; i < MOVES; i++) {
        moves[dice(life) % (sizeof moves / sizeof moves[0])](life);
        assert_true(life->event.state < EVENT_STATE_COUNT);
        assert_true(life->event.start_us == born.start_us && life->event.end_us == born.end_us);
    }
    if (life->now_us < born.end_us)
        life->now_us = born.end_us;
    tick(life);
    check_ledger(life);
}

static void whatever_the_order_no_life_takes_a_way_that_is_none(void **state)
{
    (void)state;
    static struct life life;
    size_t ended = 0, cancelled = 0, closed = 0, unarmed = 0;
    for (uint64_t seed = 1; seed <= LIVES; seed++) {
        live(&life, seed);
        const struct event *event = &life.event;
        assert_false(event->state >= EVENT_REQUESTED && event->state <= EVENT_LIVE);
        /* What was armed and not taken back has had its start and its end, each once. */
        bool lived = count(&life, EVENT_ARMED) == 1 && count(&life, EVENT_CANCELLED) == 0;
        assert_true(!lived || count(&life, EVENT_LIVE) == 1);
        assert_true((event->started_us != 0) == (count(&life, EVENT_LIVE) == 1));
        ended += event->started_us != 0;
        cancelled += event->state == EVENT_CANCELLED;
        closed += event->state == EVENT_CLOSED;
        unarmed += event->unarmed_us != 0;
    }
    /* The dice has been everywhere. */
    assert_true(ended > LIVES / 20 && cancelled > LIVES / 20 && closed > LIVES / 100 && unarmed > LIVES / 100);
}

/* A clock that leaps an hour and comes back a minute later. */
static void leap_and_return(int64_t from_us, int64_t by_us)
{
    static struct life life;
    be_born(&life, 5);
    life.event.drill = false;
    life.event.state = EVENT_ARMED;
    for (life.now_us = life.event.start_us - 3 * HOUR_US; life.now_us < life.event.end_us + 3 * HOUR_US;
         life.now_us += 60 * US_PER_S) {
        bool leaps = life.now_us >= from_us && life.now_us < from_us + 60 * US_PER_S;
        life.now_us += leaps ? by_us : 0;
        tick(&life);
        life.now_us -= leaps ? by_us : 0;
        tick(&life);
    }
    assert_int_equal(count(&life, EVENT_LIVE), 1);
    assert_int_equal(count(&life, EVENT_CLOSING), 1);
    assert_int_equal(life.n, 2);
}

static void a_leap_of_an_hour_at_any_time_neither_skips_nor_repeats(void **state)
{
    (void)state;
    static struct life born;
    be_born(&born, 5);
    for (int64_t at_us = born.event.start_us - 2 * HOUR_US; at_us < born.event.end_us + 2 * HOUR_US;
         at_us += 10 * 60 * US_PER_S) {
        leap_and_return(at_us, HOUR_US);
        leap_and_return(at_us, -HOUR_US);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_order_no_life_takes_a_way_that_is_none),
        cmocka_unit_test(a_leap_of_an_hour_at_any_time_neither_skips_nor_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
