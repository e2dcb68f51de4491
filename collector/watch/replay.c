#include "collector/watch/replay.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"

enum { THE_HOST = 1 };

struct replay {
    struct watch *watch;
    struct watched *host;
    unsigned in_force;
    double limits[LIMIT_COUNT];
    bool begun;
    struct transitions told; /* of the batch in hand */
    size_t n;
    struct firing firings[FIRINGS_MAX];
};

int replay_new(struct replay **ret_replay, const struct rule *rules, size_t n, unsigned in_force,
               const double limits[LIMIT_COUNT], struct err *err)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return err_set(err, -ENOMEM, "watch: out of memory");
    int rc = watch_new(&replay->watch, rules, n, err);
    replay->host = rc == 0 ? watch_host(replay->watch, THE_HOST) : NULL;
    if (rc == 0 && !replay->host)
        rc = err_set(err, -ENOMEM, "watch: out of memory");
    if (rc < 0) {
        replay_free(replay);
        return rc;
    }
    replay->in_force = in_force;
    memcpy(replay->limits, limits, sizeof replay->limits);
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
    struct firing *row = open_row(replay, &t->alert);
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
    return watch_set_host(replay->watch, THE_HOST, replay->in_force, replay->limits,
                          interval_us > WATCH_INTERVAL_US ? interval_us : WATCH_INTERVAL_US, at_us[0], &replay->told);
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
    return rc;
}

const struct firing *replay_firings(const struct replay *replay, size_t *ret_n)
{
    *ret_n = replay->n;
    return replay->firings;
}
