#include "collector/watch/replay.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/watch/form.h"
#include "collector/watch/parts.h"

enum { THE_HOST = 1 };

struct replay {
    struct watch *watch;
    struct watched *host;
    bool begun;
    bool met[RULES_ALL_MAX];
    struct transitions told; /* of the batch in hand */
    size_t n;
    struct firing firings[FIRINGS_MAX];
};

static int set_host(struct replay *replay, const struct replay_host *host)
{
    replay->host = watch_host(replay->watch, THE_HOST);
    if (!replay->host)
        return -ENOMEM;
    int rc = watch_set_host(replay->watch, THE_HOST, host->in_force, host->limits, 0, 0, &replay->told);
    return rc < 0 ? rc : watch_tune_host(replay->watch, THE_HOST, host->tunings, host->n_tunings, 0, &replay->told);
}

int replay_new(struct replay **ret_replay, const struct rule *rules, size_t n, const struct replay_host *host,
               struct err *err)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return err_set(err, -ENOMEM, "watch: out of memory");
    int rc = watch_new(&replay->watch, rules, n, err);
    if (rc == 0 && set_host(replay, host) < 0)
        rc = err_set(err, -ENOMEM, "watch: out of memory");
    if (rc < 0) {
        replay_free(replay);
        return rc;
    }
    *ret_replay = replay;
    return 0;
}

struct replay *replay_free(struct replay *replay)
{
    if (!replay)
        return NULL;
    watch_free(replay->watch);
    transitions_done(&replay->told);
    free(replay);
    return NULL;
}

/* ---- rows ---- */

static bool is_same(const struct alert *a, const struct alert *b)
{
    return strcmp(a->rule, b->rule) == 0 && strcmp(a->metric, b->metric) == 0 && strcmp(a->instance, b->instance) == 0;
}

/* The row of the alert that has no end yet. NULL: none. */
static struct firing *open_row(struct replay *replay, const struct alert *alert)
{
    for (size_t i = replay->n; i-- > 0;)
        if (replay->firings[i].cleared_us == 0 && is_same(&replay->firings[i].alert, alert))
            return &replay->firings[i];
    return NULL;
}

static int take(struct replay *replay, const struct transition *t)
{
    if (watch_is_exercise(t->alert.rule)) /* of a trial of the way to people, then: no rule of the files */
        return 0;
    struct firing *row = t->alert.state == ALERT_PENDING ? NULL : open_row(replay, &t->alert);
    if (t->alert.state == ALERT_OK && row)
        row->cleared_us = t->alert.changed_us;
    if (t->alert.state != ALERT_FIRING)
        return 0;
    if (row) { /* it is told again: unmuted, or with an earlier beginning */
        row->alert.crossed_us = t->alert.crossed_us;
        row->alert.muted = t->alert.muted;
        return 0;
    }
    if (replay->n == FIRINGS_MAX)
        return -ENOBUFS;
    replay->firings[replay->n++] = (struct firing){ .alert = t->alert, .fired_us = t->alert.changed_us };
    return 0;
}

/* ---- ticks ---- */

static int64_t spacing_us(const struct batch *batch, const int64_t *at_us)
{
    int64_t least_us = 0;
    for (uint32_t i = 1; i < batch->n_ticks; i++)
        if (least_us == 0 || at_us[i] - at_us[i - 1] < least_us)
            least_us = at_us[i] - at_us[i - 1];
    return least_us;
}

/* The host begins with its first ticks: they say how far apart they are. */
static int begin(struct replay *replay, const struct batch *batch, const int64_t *at_us)
{
    if (replay->begun)
        return 0;
    int64_t interval_us = spacing_us(batch, at_us);
    replay->begun = true;
    return watch_set_host(replay->watch, THE_HOST, replay->host->in_force, replay->host->limits,
                          interval_us > WATCH_INTERVAL_US ? interval_us : WATCH_INTERVAL_US, at_us[0], &replay->told);
}

static void note_met(struct replay *replay, const struct lane *lane)
{
    const struct binding *binding = lane ? lane->binding : NULL;
    for (int i = 0; binding && i < (int)(binding->n + binding->n_views); i++)
        replay->met[binding_pair(binding, i)->rule] = true;
}

int replay_feed(struct replay *replay, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us)
{
    assert(batch->n_ticks > 0);
    int rc = begin(replay, batch, at_us);
    if (rc == 0)
        rc = watch_judge(replay->watch, replay->host, table, batch, at_us, at_us[batch->n_ticks - 1], &replay->told);
    for (size_t i = 0; i < replay->told.n; i++) {
        int take_rc = take(replay, &replay->told.at[i]);
        rc = rc == 0 ? take_rc : rc;
    }
    transitions_clear(&replay->told);
    note_met(replay, &replay->host->live);
    note_met(replay, replay->host->late);
    return rc;
}

enum replay_word replay_word(const struct replay *replay, size_t i)
{
    const struct rule *rule = &replay->watch->set.rules[i];
    const struct tuning *tuning = host_tuning(replay->host, rule);
    if (replay->met[i])
        return REPLAY_JUDGED;
    if ((rule->in_force & replay->host->in_force) == 0)
        return REPLAY_OTHER_STATE;
    if (tuning && tuning->off)
        return REPLAY_OFF;
    return rule_applies(rule, replay->host) ? REPLAY_NO_SERIES : REPLAY_NO_LIMIT;
}

const char *replay_reason(const struct replay *replay, size_t i, char text[REPLAY_REASON])
{
    int limit = replay->watch->set.rules[i].limit;
    switch (replay_word(replay, i)) {
    case REPLAY_OFF:
        return "off";
    case REPLAY_NO_SERIES:
        return "no series";
    case REPLAY_NO_LIMIT:
        snprintf(text, REPLAY_REASON, "no %s declared", rule_limit_names[limit]);
        return text;
    case REPLAY_JUDGED:
    case REPLAY_OTHER_STATE:
        break;
    }
    return NULL;
}

const struct firing *replay_firings(const struct replay *replay, size_t *ret_n)
{
    *ret_n = replay->n;
    return replay->firings;
}
