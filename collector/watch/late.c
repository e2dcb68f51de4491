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

void holes_note(struct watched *host, int64_t at_us)
{
    int64_t before_us = host->live.last_us;
    if (before_us > 0 && at_us - before_us <= host_interval_us(host) * 3 / 2)
        return;
    struct hole *hole = &host->holes[host->n_holes++ % HOLES_PER_HOST];
    forget_open(hole);
    *hole = (struct hole){ .from_us = before_us, .to_us = at_us };
    keep_open(host, hole);
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
        if (hole)
            lane->spells = TAKE(hole->open);
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
    if (from == ALERT_PENDING && live->last_us - live->alert.crossed_us >= rule->hold_us) {
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

void late_close(struct judging *j)
{
    struct lane *lane = j->host->late;
    struct spell *spell, *next;
    if (!lane)
        return;
    HASH_ITER(hh, lane->spells, spell, next)
    {
        struct spell *live = live_twin(j, spell);
        if (live && is_one_spell(j, lane, spell, live))
            join(j, spell, live);
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
