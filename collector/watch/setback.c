/* Our wall clock may be set back. What was noted by it then lies in the future, where it would blind the watch until
 * time has caught up: every tick would be late, no silence due, no hold full. So all of it is moved back by the same
 * step, and what remains in the future becomes the present. */
#include "collector/watch/parts.h"

#define SETBACK_US INT64_C(1000000) /* less is caught up with before anybody misses it */

struct setback {
    int64_t step_us;
    int64_t now_us;
};

static void move(const struct setback *by, int64_t *at_us)
{
    if (*at_us <= 0) /* 0: there is none */
        return;
    *at_us -= by->step_us;
    if (*at_us >= by->now_us)
        *at_us = by->now_us - 1; /* so that a tick of right now is newer */
    if (*at_us < 1)
        *at_us = 1;
}

static void move_spells(const struct setback *by, struct spell *spells)
{
    for (struct spell *spell = spells; spell; spell = spell->hh.next) {
        move(by, &spell->last_us);
        move(by, &spell->alert.was_us);
        move(by, &spell->alert.crossed_us);
        move(by, &spell->alert.changed_us);
    }
}

/* Not cell by cell: what is in the future then is no memory of anything. */
static void move_windows(const struct setback *by, struct window *windows)
{
    for (struct window *window = windows; window; window = window->hh.next)
        window_set_back(window, by->step_us, by->now_us);
}

static void move_lane(const struct setback *by, struct lane *lane)
{
    move(by, &lane->last_us);
    move(by, &lane->to_us);
    move(by, &lane->fed_us);
    move_spells(by, lane->spells);
    move_windows(by, lane->windows);
}

static void move_host(const struct setback *by, struct watched *host)
{
    move(by, &host->awake_us);
    move_lane(by, &host->live);
    if (host->late)
        move_lane(by, host->late);
    if (host->silence) {
        move(by, &host->silence->crossed_us);
        move(by, &host->silence->changed_us);
    }
    for (int i = 0; i < HOLES_PER_HOST; i++) {
        move(by, &host->holes[i].from_us);
        move(by, &host->holes[i].to_us);
        move_spells(by, host->holes[i].open);
        move_windows(by, host->holes[i].windows);
    }
    for (struct expected *expected = host->expected; expected; expected = expected->hh.next)
        move(by, &expected->since_us);
}

static void move_all(struct watch *watch, const struct setback *by)
{
    move(by, &watch->listen_us);
    move(by, &watch->deaf_us);
    for (struct watched *host = watch->hosts; host; host = host->hh.next)
        move_host(by, host);
}

void watch_follow_clock(struct watch *watch, int64_t now_us)
{
    if (now_us >= watch->ticked_us - SETBACK_US)
        return;
    const struct setback by = { .step_us = watch->ticked_us - now_us, .now_us = now_us };
    move_all(watch, &by);
    watch->ticked_us = now_us;
}

void watch_leave_future(struct watch *watch, int64_t now_us)
{
    const struct setback by = { .step_us = 0, .now_us = now_us };
    move_all(watch, &by);
}
