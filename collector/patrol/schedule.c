#include "collector/patrol/schedule.h"

#include <assert.h>

const char *patrol_phase_name(enum patrol_phase phase)
{
    static const char *const names[] = { "preparing", "live", "closing" };
    return names[phase];
}

const char *patrol_state_name(enum patrol_state state)
{
    static const char *const names[] = { "kept", "late", "missed" };
    return names[state];
}

static int64_t interval_of(const struct event *event)
{
    return event->patrol.interval_us ? event->patrol.interval_us : PATROL_INTERVAL_US;
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return b_us && b_us < a_us ? b_us : a_us;
}

/* Somebody may have ended it before its window does. */
static int64_t end_of(const struct event *event)
{
    return earlier(earlier(event->end_us, event->closing_us), event->closed_us);
}

/* Those before the closing one. */
static unsigned rounds_of(const struct event *event)
{
    int64_t span_us = end_of(event) - event->patrol.from_us;
    int64_t interval_us = interval_of(event);
    return span_us > 0 ? (unsigned)((span_us + interval_us - 1) / interval_us) : 0;
}

static bool is_preparing(const struct event *event)
{
    return event->state >= EVENT_ACCEPTED && event->state < EVENT_LIVE;
}

bool patrol_begin(struct event *event, int64_t now_us)
{
    struct event_patrol *patrol = &event->patrol;
    if (is_preparing(event) && patrol->preparing_us == 0) {
        patrol->preparing_us = now_us;
        return true;
    }
    if (event->started_us == 0 || patrol->from_us != 0 || patrol->closed)
        return false;
    bool was_armed = event->armed_us && event->armed_us <= event->start_us;
    patrol->from_us = was_armed ? event->start_us : event->started_us;
    return true;
}

/* ---- the next one of each kind, whether or not its time has come ---- */

static bool next_preparing(const struct event *event, struct patrol_round *ret, int64_t *ret_newer_us)
{
    const struct event_patrol *patrol = &event->patrol;
    int64_t due_us = patrol->preparing_us + patrol->preparing * PATROL_PREPARING_US;
    if (patrol->preparing_us == 0 || !(patrol->from_us ? due_us < patrol->from_us : is_preparing(event)))
        return false;
    *ret = (struct patrol_round){ .phase = PATROL_PREPARING, .k = patrol->preparing, .due_us = due_us };
    *ret_newer_us = patrol->from_us ? due_us : due_us + PATROL_PREPARING_US;
    return true;
}

static bool next_live(const struct event *event, struct patrol_round *ret, int64_t *ret_newer_us)
{
    const struct event_patrol *patrol = &event->patrol;
    unsigned n = rounds_of(event);
    if (patrol->from_us == 0 || patrol->closed)
        return false;
    *ret = (struct patrol_round){ .phase = PATROL_CLOSING, .k = patrol->rounds, .due_us = end_of(event) };
    *ret_newer_us = ret->due_us + interval_of(event);
    if (patrol->rounds >= n)
        return true;
    ret->phase = PATROL_LIVE;
    ret->due_us = patrol->from_us + patrol->rounds * interval_of(event);
    *ret_newer_us = patrol->rounds + 1 < n ? ret->due_us + interval_of(event) : end_of(event);
    return true;
}

/* `newer_us`: from then on it is another one's turn. */
static bool next(const struct event *event, struct patrol_round *ret, int64_t *ret_newer_us)
{
    return next_preparing(event, ret, ret_newer_us) || next_live(event, ret, ret_newer_us);
}

bool patrol_due(const struct event *event, int64_t now_us, struct patrol_round *ret)
{
    struct patrol_round round;
    int64_t newer_us;
    if (!next(event, &round, &newer_us) || now_us < round.due_us)
        return false;
    if (now_us >= newer_us)
        round.state = PATROL_MISSED;
    else
        round.state = now_us - round.due_us <= PATROL_ON_TIME_US ? PATROL_KEPT : PATROL_LATE;
    *ret = round;
    return true;
}

void patrol_record(struct event *event, const struct patrol_round *round, int64_t at_us)
{
    struct event_patrol *patrol = &event->patrol;
    if (round->phase == PATROL_PREPARING) {
        assert(round->k == patrol->preparing);
        patrol->preparing++;
    } else {
        assert(round->k == patrol->rounds && !patrol->closed);
        patrol->rounds += round->phase == PATROL_LIVE;
        patrol->closed = round->phase == PATROL_CLOSING;
    }
    if (round->state != PATROL_MISSED)
        patrol->last_us = at_us;
}

int64_t patrol_next_us(const struct event *event)
{
    struct patrol_round round;
    int64_t newer_us;
    return next(event, &round, &newer_us) ? round.due_us : 0;
}

unsigned patrol_total(const struct event *event)
{
    unsigned n = rounds_of(event);
    if (event->patrol.from_us == 0)
        return 0;
    return (n > event->patrol.rounds ? n : event->patrol.rounds) + 1;
}
