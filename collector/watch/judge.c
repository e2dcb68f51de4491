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

/* Both are false for NaN. */
static bool passes_threshold(const struct pair *pair, double value)
{
    return pair->below ? value < pair->threshold : value > pair->threshold;
}

static bool reaches_clear(const struct pair *pair, double value)
{
    return pair->below ? value >= pair->clear : value <= pair->clear;
}

static inline double sample(const struct column *column, const struct pair *pair, uint32_t tick)
{
    if (column->real)
        return column->values[tick];
    if (column->fixed[tick] == FIXED_ABSENT)
        return NAN;
    double raw = (double)column->fixed[tick];
    return pair->divide ? raw / pair->scale : raw * pair->scale;
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
    spell->alert.severity = rule->severity;
    spell->alert.page = rule->page;
    if (state != ALERT_UNKNOWN)
        spell->alert.was_us = 0;
    if (state == ALERT_OK)
        spell->alert.crossed_us = 0;
    if (spell->slot != SLOT_NONE && lane->binding)
        spell->alert.threshold = lane->binding->at[spell->slot].threshold;
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
static void begin(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us, double value)
{
    const struct rule *rule = &j->watch->set.rules[spell->rule];
    if (transitions_reserve(j->out, 1) < 0) {
        j->rc = -ENOMEM;
        return;
    }
    spell->alert.crossed_us = at_us;
    spell_enter(j, lane, spell, rule->hold_us > 0 ? ALERT_PENDING : ALERT_FIRING, at_us, value);
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

static struct spell *make_spell(struct judging *j, struct lane *lane, uint32_t slot)
{
    const struct pair *pair = &lane->binding->at[slot];
    const struct rule *rule = &j->watch->set.rules[pair->rule];
    const struct series *series = &j->table->at[pair->column];
    uint64_t key = spell_key(rule->name, series->metric, series->instance);
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
    spell->slot = (int)slot;
    spell->alert.host = j->host->id;
    snprintf(spell->alert.rule, sizeof spell->alert.rule, "%s", rule->name);
    snprintf(spell->alert.metric, sizeof spell->alert.metric, "%s", series->metric);
    snprintf(spell->alert.instance, sizeof spell->alert.instance, "%s", series->instance);
    HASH_ADD(hh, lane->spells, key, sizeof spell->key, spell);
    if (!spell->hh.tbl) {
        free(spell);
        j->rc = -ENOMEM;
        return NULL;
    }
    lane->slots[slot] = spell;
    return spell;
}

static void first_bad(struct judging *j, struct lane *lane, uint32_t slot, int64_t at_us, double value)
{
    struct spell *spell = make_spell(j, lane, slot);
    if (!spell)
        return;
    begin(j, lane, spell, at_us, value);
    if (spell->alert.state == ALERT_OK) /* it could not be told: the next bad sample tries again */
        free_spell(lane, spell);
    else
        spell->last_us = at_us;
}

/* The spell that may still be pending: it was seen bad at its last sample, not so long ago. */
static void judge_pending(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us, double value)
{
    const struct pair *pair = &lane->binding->at[spell->slot];
    bool broken = at_us - spell->last_us > gap_us(j->host);
    int64_t crossed_us = spell->alert.was_us ? spell->alert.was_us : spell->alert.crossed_us;
    if (broken ? !passes_threshold(pair, value) : reaches_clear(pair, value)) {
        spell_enter(j, lane, spell, ALERT_OK, at_us, value);
        return;
    }
    if (broken) {
        begin(j, lane, spell, at_us, value);
        spell->last_us = at_us;
        return;
    }
    spell->last_us = at_us;
    bool full = at_us - crossed_us >= j->watch->set.rules[spell->rule].hold_us;
    if (!full && spell->alert.state == ALERT_PENDING)
        return;
    if (transitions_reserve(j->out, 1) < 0) {
        j->rc = -ENOMEM;
        return;
    }
    spell->alert.crossed_us = crossed_us;
    spell_enter(j, lane, spell, full ? ALERT_FIRING : ALERT_PENDING, at_us, value);
}

static void judge_firing(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us, double value)
{
    spell->last_us = at_us;
    if (reaches_clear(&lane->binding->at[spell->slot], value))
        spell_enter(j, lane, spell, ALERT_OK, at_us, value);
    else if (spell->alert.state == ALERT_UNKNOWN)
        spell_enter(j, lane, spell, ALERT_FIRING, at_us, value);
}

static void judge_unknown(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us, double value)
{
    if (spell->alert.crossed_us) {
        judge_firing(j, lane, spell, at_us, value);
    } else if (spell->alert.was_us) {
        judge_pending(j, lane, spell, at_us, value);
    } else if (passes_threshold(&lane->binding->at[spell->slot], value)) {
        spell->last_us = at_us;
        begin(j, lane, spell, at_us, value);
    } else {
        spell_enter(j, lane, spell, ALERT_OK, at_us, value);
    }
}

static void judge_spell(struct judging *j, struct lane *lane, struct spell *spell, int64_t at_us, double value)
{
    if (isnan(value))
        return;
    if (spell->alert.state == ALERT_PENDING)
        judge_pending(j, lane, spell, at_us, value);
    else if (spell->alert.state == ALERT_FIRING)
        judge_firing(j, lane, spell, at_us, value);
    else
        judge_unknown(j, lane, spell, at_us, value);
}

void lane_judge(struct judging *j, struct lane *lane, uint32_t tick, int64_t at_us)
{
    const struct binding *binding = lane->binding;
    for (uint32_t i = 0; i < binding->n; i++) {
        const struct pair *pair = &binding->at[i];
        double value = sample(&j->batch->columns[pair->column], pair, tick);
        if (lane->slots[i])
            judge_spell(j, lane, lane->slots[i], at_us, value);
        else if (passes_threshold(pair, value))
            first_bad(j, lane, i, at_us, value);
    }
    lane->last_us = at_us;
}
