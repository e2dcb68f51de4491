/* collector/patrol/schedule.h - when the rounds of an event are due, and which are on record. Pure.
 *
 * Shape    while an event is prepared (accepted to armed) a round each PATROL_PREPARING_US from the first look on;
 *          while it is live round k at from + k x interval, for each k with that before the end, and a closing one at
 *          the end: a day at ten minutes has 144 and the closing one. What is on record are counters in the event's row
 * Once     each round comes to record exactly once, in order: kept (begun within PATROL_ON_TIME_US of its time), late,
 *          or missed. Of rounds whose time has passed the newest is made late, those before it are missed; so is a
 *          closing one that nobody could make within an interval, and what was due of the preparation when the event
 *          goes live. A clock that goes back waits for the next round's time, one that goes forward leaves missed
 *          rounds on record
 * Begin    an event armed before its window begins has its first round when the window begins, however late it was
 *          started; any other when it was started
 * Units    microseconds of wall time
 * Threads  pure functions over the caller's memory
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "collector/event/event.h"

#define PATROL_INTERVAL_US  (600 * US_PER_S) /* of an event that says nothing else */
#define PATROL_PREPARING_US (3600 * US_PER_S)
#define PATROL_ON_TIME_US   (60 * US_PER_S)

enum patrol_phase { PATROL_PREPARING, PATROL_LIVE, PATROL_CLOSING };
enum patrol_state { PATROL_KEPT, PATROL_LATE, PATROL_MISSED };

struct patrol_round {
    enum patrol_phase phase;
    unsigned k; /* counts from 0 within the preparation and within the window; the closing one goes on from there */
    int64_t due_us;
    enum patrol_state state; /* as of now */
};

/* Rounds begin when the event has come to where they do. True: the row changed. */
bool patrol_begin(struct event *event, int64_t now_us);

/* The round that comes to record next, if its time has come. */
bool patrol_due(const struct event *event, int64_t now_us, struct patrol_round *ret);

/* It is on record now; made at `at_us` unless missed. It must be the one patrol_due() told last. */
void patrol_record(struct event *event, const struct patrol_round *round, int64_t at_us);

/* When the next one is due; 0: there is none. */
int64_t patrol_next_us(const struct event *event);

/* How many there are of the window, the closing one included; 0: rounds of it have not begun. */
unsigned patrol_total(const struct event *event);

/* "preparing", "live", "closing"; "kept", "late", "missed": as stored and shown. */
const char *patrol_phase_name(enum patrol_phase phase);
const char *patrol_state_name(enum patrol_state state);
