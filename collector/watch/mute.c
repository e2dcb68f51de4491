/* Alerts that others explain. It is looked at when all rules have judged a tick, so that it does not matter which of
 * two alerts of the same tick was found first. */
#include <errno.h>
#include <string.h>

#include "collector/watch/parts.h"

struct firing { /* rules, by index, that fire */
    bool rules[RULES_ALL_MAX];
};

static void add_firing(const struct lane *lane, struct firing *ret)
{
    for (const struct spell *spell = lane->spells; spell; spell = spell->hh.next)
        if (spell->alert.state == ALERT_FIRING)
            ret->rules[spell->rule] = true;
}

static bool depends_on_firing(const struct rule_set *set, uint16_t rule, const struct firing *firing)
{
    for (unsigned d = 0; d < set->rules[rule].n_depends; d++) {
        int on = rule_set_find(set, set->rules[rule].depends_on[d]);
        if (on >= 0 && firing->rules[on])
            return true;
    }
    return false;
}

static bool is_explained(const struct judging *j, const struct spell *spell, const struct firing *firing)
{
    if (depends_on_firing(&j->watch->set, spell->rule, firing))
        return true;
    bool silenced = silence_explains(j, &spell->alert);
    j->host->hushed = j->host->hushed || silenced;
    return silenced;
}

/* What is told as firing from now on. */
static void mute_new(const struct judging *j, struct lane *lane, struct transition *t, const struct firing *firing)
{
    const struct alert *alert = &t->alert;
    bool begins = alert->state == ALERT_FIRING && t->from != ALERT_FIRING && t->late == lane->late;
    struct spell *spell = begins ? spell_find(lane, spell_key(alert->rule, alert->metric, alert->instance), alert->rule,
                                              alert->metric, alert->instance)
                                 : NULL;
    if (!spell || spell->alert.state != ALERT_FIRING)
        return;
    t->alert.muted = spell->alert.muted = is_explained(j, spell, firing);
}

static void unmute(struct judging *j, struct lane *lane, const struct firing *firing)
{
    for (struct spell *spell = lane->spells; spell; spell = spell->hh.next) {
        if (!spell->alert.muted || is_explained(j, spell, firing))
            continue;
        if (transitions_reserve(j->out, 1) < 0) {
            j->rc = -ENOMEM;
            j->host->unsettled = true;
            return;
        }
        spell->alert.muted = false;
        transitions_add(j->out, &spell->alert, ALERT_FIRING, j->now_us, lane->late);
        j->out->at[j->out->n - 1].unmuted = true;
    }
}

static void settle_lane(struct judging *j, struct lane *lane, size_t from, const struct firing *firing)
{
    size_t n = j->out->n;
    for (size_t i = from; i < n; i++)
        mute_new(j, lane, &j->out->at[i], firing);
    unmute(j, lane, firing);
}

void mute_settle(struct judging *j, size_t from)
{
    struct watched *host = j->host;
    if (j->out->n == from && !host->unsettled)
        return;
    struct firing firing = { { false } };
    host->unsettled = host->hushed = false;
    add_firing(&host->live, &firing);
    settle_lane(j, &host->live, from, &firing);
    if (!host->late)
        return;
    add_firing(host->late, &firing);
    settle_lane(j, host->late, from, &firing);
}
