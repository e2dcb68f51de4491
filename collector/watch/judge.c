/* The states of one alert, sample by sample. A spell is an alert that is not ok; where there is none, all is well. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/watch/parts.h"

int64_t gap_us(const struct watched *host)
{
    int64_t interval_us = host->interval_us > WATCH_INTERVAL_US ? host->interval_us : WATCH_INTERVAL_US;
    return 3 * interval_us; /* never less: ticks taken before the host went to seconds come ten seconds apart */
}

static inline double sample(const struct column *columns, const struct pair *pair, uint32_t tick)
{
    const struct column *column = &columns[pair->column];
    if (column->real)
        return column->values[tick];
    if (column->fixed[tick] == FIXED_ABSENT)
        return NAN;
    double raw = (double)column->fixed[tick];
    return pair->divide ? raw / pair->scale : raw * pair->scale;
}

double pair_sample(const struct column *columns, const struct pair *pair, uint32_t tick)
{
    return sample(columns, pair, tick);
}

static void free_spell(struct lane *lane, struct spell *spell)
{
    if (spell->slot != SLOT_NONE && lane->binding)
        lane->slots[spell->slot] = NULL;
    if (spell->slot == SLOT_NONE && lane->n_lost > 0)
        lane->n_lost--;
    HASH_DELETE(hh, lane->spells, spell);
    free(spell);
}

void lane_done(struct lane *lane)
{
    struct spell *spell = lane->spells;
    HASH_CLEAR(hh, lane->spells); /* the spells stay chained */
    for (struct spell *next; spell; spell = next) {
        next = spell->hh.next;
        free(spell);
    }
    free(lane->slots);
    free(lane->memory);
    windows_free(lane->windows);
    *lane = (struct lane){ .late = lane->late };
}

int spell_enter(struct judging *j, struct lane *lane, struct spell *spell, enum alert_state state, int64_t at_us,
                double value)
{
    if (transitions_reserve(j->out, 1) < 0)
        return j->rc = -ENOMEM;
    const struct rule *rule = &j->watch->set.rules[spell->rule];
    enum alert_state from = spell->alert.state;
    spell->alert.state = state;
    spell->alert.changed_us = at_us;
    spell->alert.value = value;
    const struct tuning *tuning = host_tuning(j->host, rule);
    spell->alert.severity = tuning ? tuning->severity : rule->severity;
    spell->alert.page = tuning ? tuning->page : rule->page;
    spell->alert.muted = spell->alert.muted && state == ALERT_FIRING;
    rule_unit(rule, spell->alert.unit);
    if (state != ALERT_UNKNOWN)
        spell->alert.was_us = 0;
    if (state == ALERT_OK)
        spell->alert.crossed_us = 0;
    if (spell->slot != SLOT_NONE && lane->binding)
        spell->alert.threshold = binding_pair(lane->binding, spell->slot)->threshold;
    if (lane->late)
        late_tell(j, spell, from);
    else
        transitions_add(j->out, &spell->alert, from, j->now_us, false);
    if (state == ALERT_OK)
        free_spell(lane, spell);
    return 0;
}

int spell_lose(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us)
{
    if (spell->alert.state == ALERT_UNKNOWN)
        return 0;
    if (transitions_reserve(j->out, 1) < 0)
        return j->rc = -ENOMEM;
    if (spell->alert.state == ALERT_PENDING) {
        spell->alert.was_us = spell->alert.crossed_us;
        spell->alert.crossed_us = 0;
    }
    return spell_enter(j, lane, spell, ALERT_UNKNOWN, at_us, spell->alert.value);
}

/* The spell begins, or begins anew, with this sample. */
static void begin(struct judging *j, struct lane *lane, struct spell *spell, const struct sight *sight)
{
    const struct rule *rule = &j->watch->set.rules[spell->rule];
    if (transitions_reserve(j->out, 1) < 0) {
        j->rc = -ENOMEM;
        return;
    }
    spell->alert.crossed_us = sight->crossed_us;
    spell_enter(j, lane, spell, host_hold_us(j->host, rule) > 0 ? ALERT_PENDING : ALERT_FIRING, sight->at_us,
                sight->value);
}

/* A host whose instances come and go leaves spells behind that no data will ever end. When they fill the table the one
 * lost longest ago gives way: a series that is there and bad counts for more than one that is gone. 0, -ENOBUFS: all
 * are of series that are there, -ENOMEM. */
static int evict_lost(struct judging *j, struct lane *lane)
{
    struct spell *oldest = NULL;
    if (lane->n_lost == 0)
        return -ENOBUFS;
    for (struct spell *spell = lane->spells; spell; spell = spell->hh.next)
        if (spell->slot == SLOT_NONE && (!oldest || spell->alert.changed_us < oldest->alert.changed_us))
            oldest = spell;
    return oldest ? spell_enter(j, lane, oldest, ALERT_OK, j->now_us, oldest->alert.value) : -ENOBUFS;
}

static struct spell *make_spell(struct judging *j, struct lane *lane, int slot)
{
    const struct pair *pair = binding_pair(lane->binding, slot);
    const struct rule *rule = &j->watch->set.rules[pair->rule];
    const struct series_name name = slot_name(j, lane->binding, slot);
    uint64_t key = spell_key(rule->name, name.metric, name.instance);
    struct spell *spell;
    HASH_FIND(hh, lane->spells, &key, sizeof key, spell);
    if (spell) /* a table that lists a series twice: the other column has it */
        return NULL;
    if (HASH_COUNT(lane->spells) >= ALERTS_PER_HOST_MAX) {
        int rc = evict_lost(j, lane);
        if (rc < 0) {
            j->rc = rc;
            return NULL;
        }
    }
    spell = calloc(1, sizeof *spell);
    if (!spell) {
        j->rc = -ENOMEM;
        return NULL;
    }
    spell->key = key;
    spell->rule = pair->rule;
    spell->slot = slot;
    spell->alert.host = j->host->id;
    snprintf(spell->alert.rule, sizeof spell->alert.rule, "%s", rule->name);
    snprintf(spell->alert.metric, sizeof spell->alert.metric, "%s", name.metric);
    snprintf(spell->alert.instance, sizeof spell->alert.instance, "%s", name.instance);
    HASH_ADD(hh, lane->spells, key, sizeof spell->key, spell);
    if (!spell->hh.tbl) {
        free(spell);
        j->rc = -ENOMEM;
        return NULL;
    }
    lane->slots[slot] = spell;
    return spell;
}

static void first_bad(struct judging *j, struct lane *lane, int slot, const struct sight *sight)
{
    struct spell *spell = make_spell(j, lane, slot);
    if (!spell)
        return;
    begin(j, lane, spell, sight);
    if (spell->alert.state == ALERT_OK) /* it could not be told: the next bad sample tries again */
        free_spell(lane, spell);
    else
        spell->last_us = sight->at_us;
}

/* The spell that may still be pending: it was seen bad at its last sample, not so long ago. */
static void judge_pending(struct judging *j, struct lane *lane, struct spell *spell, const struct sight *sight)
{
    bool broken = sight->at_us - spell->last_us > gap_us(j->host);
    int64_t crossed_us = spell->alert.was_us ? spell->alert.was_us : spell->alert.crossed_us;
    if (broken ? !sight->bad : sight->clear) {
        spell_enter(j, lane, spell, ALERT_OK, sight->at_us, sight->value);
        return;
    }
    if (broken) {
        begin(j, lane, spell, sight);
        spell->last_us = sight->at_us;
        return;
    }
    spell->last_us = sight->at_us;
    bool full = sight->at_us - crossed_us >= host_hold_us(j->host, &j->watch->set.rules[spell->rule]);
    if (!full && spell->alert.state == ALERT_PENDING)
        return;
    if (transitions_reserve(j->out, 1) < 0) {
        j->rc = -ENOMEM;
        return;
    }
    spell->alert.crossed_us = crossed_us;
    spell_enter(j, lane, spell, full ? ALERT_FIRING : ALERT_PENDING, sight->at_us, sight->value);
}

static void judge_firing(struct judging *j, struct lane *lane, struct spell *spell, const struct sight *sight)
{
    spell->last_us = sight->at_us;
    if (sight->clear)
        spell_enter(j, lane, spell, ALERT_OK, sight->at_us, sight->value);
    else if (spell->alert.state == ALERT_UNKNOWN)
        spell_enter(j, lane, spell, ALERT_FIRING, sight->at_us, sight->value);
}

static void judge_unknown(struct judging *j, struct lane *lane, struct spell *spell, const struct sight *sight)
{
    if (spell->alert.crossed_us) {
        judge_firing(j, lane, spell, sight);
    } else if (spell->alert.was_us) {
        judge_pending(j, lane, spell, sight);
    } else if (sight->bad) {
        spell->last_us = sight->at_us;
        begin(j, lane, spell, sight);
    } else {
        spell_enter(j, lane, spell, ALERT_OK, sight->at_us, sight->value);
    }
}

void slot_judge(struct judging *j, struct lane *lane, int slot, const struct sight *sight)
{
    struct spell *spell = lane->slots[slot];
    if (!spell && sight->bad)
        first_bad(j, lane, slot, sight);
    if (!spell)
        return;
    if (spell->alert.state == ALERT_PENDING)
        judge_pending(j, lane, spell, sight);
    else if (spell->alert.state == ALERT_FIRING)
        judge_firing(j, lane, spell, sight);
    else
        judge_unknown(j, lane, spell, sight);
}

static void judge_level(struct judging *j, struct lane *lane, uint32_t slot, int64_t at_us, double value)
{
    const struct pair *pair = &lane->binding->at[slot];
    const struct sight sight = { .at_us = at_us,
                                 .crossed_us = at_us,
                                 .value = value,
                                 .bad = passes_threshold(pair, value),
                                 .clear = reaches_clear(pair, value) };
    if (!isnan(value))
        slot_judge(j, lane, (int)slot, &sight);
}

void lane_judge(struct judging *j, struct lane *lane, uint32_t tick, int64_t at_us)
{
    const struct binding *binding = lane->binding;
    const struct column *columns = j->batch->columns;
    for (uint32_t i = 0; i < binding->n; i++) {
        const struct pair *pair = &binding->at[i];
        double value = sample(columns, pair, tick);
        if (lane->slots[i] || passes_threshold(pair, value))
            judge_level(j, lane, i, at_us, value);
    }
    if (binding->n_views > 0)
        lane_judge_views(j, lane, tick, at_us);
    lane->last_us = at_us;
}
