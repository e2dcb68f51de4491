/* Ticks of a gap that closes. They come behind the live ones, oldest first, in one batch or many, so the lane that
 * judges them lives on between the batches. It begins with what was pending when the gap began. It is over when it has
 * met the first live tick behind the gap, when ticks of another place come, or when none come any more. Only then is
 * known whether a spell at its end went on into the live ticks: the live alert must have begun bad with the very first
 * of them. */
#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "collector/watch/parts.h"

static void forget_open(struct hole *hole)
{
    struct spell *spell = hole->open;
    HASH_CLEAR(hh, hole->open); /* the spells stay chained */
    for (struct spell *next; spell; spell = next) {
        next = spell->hh.next;
        free(spell);
    }
    windows_free(hole->windows);
    hole->windows = NULL;
}

void holes_forget(struct watched *host)
{
    for (int i = 0; i < HOLES_PER_HOST; i++)
        forget_open(&host->holes[i]);
}

/* What was pending goes on in the late ticks, if they come, from its true crossing; silence may have lost it meanwhile.
 * Without memory it begins there anew. */
static void keep_open(struct watched *host, struct hole *hole)
{
    for (const struct spell *live = host->live.spells; live; live = live->hh.next) {
        bool pending = live->alert.state == ALERT_PENDING || (live->alert.state == ALERT_UNKNOWN && live->alert.was_us);
        struct spell *spell = pending ? malloc(sizeof *spell) : NULL;
        if (!spell)
            continue;
        *spell = *live;
        spell->alert.state = ALERT_PENDING;
        spell->alert.crossed_us = live->alert.was_us ? live->alert.was_us : live->alert.crossed_us;
        spell->alert.was_us = 0;
        spell->slot = SLOT_NONE;
        HASH_ADD(hh, hole->open, key, sizeof spell->key, spell);
        if (!spell->hh.tbl)
            free(spell);
    }
}

/* What the live lane remembers ends where a gap begins; ticks that come to close it go on from there. */
void holes_note(const struct judging *j, int64_t at_us)
{
    struct watched *host = j->host;
    int64_t before_us = host->live.last_us;
    if (before_us > 0 && at_us - before_us <= host_interval_us(host) * 3 / 2)
        return;
    struct hole *hole = &host->holes[host->n_holes++ % HOLES_PER_HOST];
    forget_open(hole);
    *hole = (struct hole){ .from_us = before_us, .to_us = at_us };
    keep_open(host, hole);
    if (at_us - before_us > gap_us(host))
        hole->windows = windows_take(j, &host->live);
}

static struct hole *hole_at(struct watched *host, int64_t at_us)
{
    for (int i = 0; i < HOLES_PER_HOST; i++)
        if (at_us > host->holes[i].from_us && at_us < host->holes[i].to_us)
            return &host->holes[i];
    return NULL;
}

struct lane *late_lane(struct judging *j, int64_t at_us)
{
    struct hole *hole = hole_at(j->host, at_us);
    int64_t to_us = hole ? hole->to_us : 0;
    struct lane *lane = j->host->late;
    if (lane && (at_us <= lane->last_us || lane->to_us != to_us)) {
        late_close(j);
        lane = NULL;
    }
    if (!lane) {
        lane = j->host->late = calloc(1, sizeof *lane);
        if (!lane)
            return NULL;
        lane->late = true;
        lane->to_us = to_us;
        if (hole) {
            lane->spells = TAKE(hole->open);
            lane->windows = TAKE(hole->windows);
        }
    }
    lane->fed_us = j->now_us;
    return lane;
}

static struct spell *live_twin(const struct judging *j, const struct spell *spell)
{
    return spell_find(&j->host->live, spell->key, spell->alert.rule, spell->alert.metric, spell->alert.instance);
}

int late_tell(struct judging *j, struct spell *spell, enum alert_state from)
{
    const struct spell *live = live_twin(j, spell);
    bool tell = false;
    if (spell->alert.state == ALERT_FIRING) { /* unless the live alert has been firing since before it */
        tell = !live || !live->alert.crossed_us || live->alert.state == ALERT_PENDING ||
               live->alert.crossed_us > spell->alert.crossed_us;
        spell->told = tell;
    } else if (spell->alert.state == ALERT_OK) { /* unless the live alert is bad, and says itself when that ends */
        tell = spell->told && !live;
    }
    if (tell)
        transitions_add(j->out, &spell->alert, from, j->now_us, true);
    return 0;
}

/* It was bad all the time: the live alert gets the crossing of the late one. */
static void join(struct judging *j, const struct spell *spell, struct spell *live)
{
    const struct rule *rule = &j->watch->set.rules[live->rule];
    if (transitions_reserve(j->out, 1) < 0) {
        j->rc = -ENOMEM;
        return;
    }
    enum alert_state from = live->alert.state;
    live->alert.crossed_us = spell->alert.crossed_us;
    if (from == ALERT_PENDING && live->last_us - live->alert.crossed_us >= host_hold_us(j->host, rule)) {
        live->alert.state = ALERT_FIRING;
        live->alert.changed_us = live->last_us;
    }
    transitions_add(j->out, &live->alert, from, j->now_us, false);
}

static bool is_one_spell(const struct judging *j, const struct lane *lane, const struct spell *spell,
                         const struct spell *live)
{
    return lane->to_us > 0 && live->alert.crossed_us == lane->to_us && lane->to_us - spell->last_us <= gap_us(j->host);
}

/* A condition over time has said nothing in the live ticks yet, when it began with the first of them: from here on it
 * does. */
static void join_windows(const struct judging *j, struct lane *lane)
{
    for (struct window *window = lane->to_us > 0 ? lane->windows : NULL; window; window = window->hh.next) {
        struct window *live = window_of(&j->host->live, window->key);
        window->joined = live && !live->spoke && window_join(live, window, gap_us(j->host));
    }
}

/* Whether only the next live tick will say how it is now. */
static bool is_open(const struct lane *lane, const struct spell *spell)
{
    const struct window *window = window_of(lane, spell->key);
    return window && window->joined;
}

/* It becomes a live alert; without memory it ends here. */
static void adopt(struct judging *j, struct lane *lane, struct spell *spell)
{
    struct lane *live = &j->host->live;
    HASH_DELETE(hh, lane->spells, spell);
    spell->slot = SLOT_NONE;
    spell->last_us = window_of(live, spell->key)->last_us;
    HASH_ADD(hh, live->spells, key, sizeof spell->key, spell);
    if (!spell->hh.tbl) {
        free(spell);
        j->rc = -ENOMEM;
        return;
    }
    live->binding = NULL; /* so that it finds its view */
    transitions_add(j->out, &spell->alert, ALERT_OK, j->now_us, false);
}

static bool may_adopt(const struct judging *j)
{
    return HASH_COUNT(j->host->live.spells) < ALERTS_PER_HOST_MAX && transitions_reserve(j->out, 1) == 0;
}

void late_close(struct judging *j)
{
    struct lane *lane = j->host->late;
    struct spell *spell, *next;
    if (!lane)
        return;
    join_windows(j, lane);
    HASH_ITER(hh, lane->spells, spell, next)
    {
        struct spell *live = live_twin(j, spell);
        if (live && is_one_spell(j, lane, spell, live))
            join(j, spell, live);
        else if (!live && is_open(lane, spell) && may_adopt(j))
            adopt(j, lane, spell);
        else if (!live && spell->told) /* its end was not among the late ticks, but now all is well */
            spell_enter(j, lane, spell, ALERT_OK, lane->to_us > 0 ? lane->to_us : lane->last_us, spell->alert.value);
    }
    lane_done(lane);
    free(lane);
    j->host->late = NULL;
}

void late_settle(struct judging *j)
{
    const struct lane *lane = j->host->late;
    if (!lane)
        return;
    bool met = lane->to_us > 0 && lane->to_us - lane->last_us <= host_interval_us(j->host) * 3 / 2;
    if (met || j->now_us - lane->fed_us >= IDLE_US)
        late_close(j);
}
