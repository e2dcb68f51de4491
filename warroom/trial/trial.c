#include "warroom/trial/trial.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/moment.h"
#include "collector/watch/overlay.h"
#include "collector/watch/replay.h"
#include "proto/codec/codec.h"
#include "warroom/carry/bundle.h"

struct trial {
    const struct trial_ask *ask;
    struct rule *rules; /* owned, as all that follows */
    size_t n_rules;
    struct overlays *overlays;
    struct tuning *tunings;
    unsigned in_force;
    double limits[LIMIT_COUNT];
    struct replay *replay;
    struct source *source;
    struct bundle *bundle;
    struct arena table_arena, batch_arena;
    struct series_table table;
    uint64_t ticks;
    int64_t first_us, last_us; /* of the ticks that were judged */
    bool full;
};

static void trial_done(struct trial *trial)
{
    replay_free(trial->replay);
    bundle_free(trial->bundle);
    source_close(trial->source);
    arena_done(&trial->table_arena);
    arena_done(&trial->batch_arena);
    free(trial->rules);
    free(trial->overlays);
    free(trial->tunings);
}

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "out of memory");
}

/* ---- the rules, as they are there ---- */

static int read_state(struct trial *trial, struct err *err)
{
    const char *state = trial->ask->state;
    trial->in_force = IN_FORCE_NO_EVENT;
    if (!state || strcmp(state, "no-event") == 0)
        return 0;
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        if (strcmp(state, event_state_name((enum event_state)i)) == 0) {
            trial->in_force = IN_FORCE(i);
            return 0;
        }
    }
    return err_set(err, -EINVAL, "state: there is no %.40s; want no-event, live or another state of events", state);
}

static void read_limits(struct trial *trial)
{
    for (int i = 0; i < LIMIT_COUNT; i++) {
        const json_t *given = json_object_get(trial->ask->limits, host_limit_name((enum host_limit)i));
        trial->limits[i] = json_is_number(given) ? json_number_value(given) : NAN;
    }
}

static int read_rules(struct trial *trial, struct err *err)
{
    struct config_faults faults = { .n = 0 };
    const char *path = trial->ask->rules;
    const struct config_texts files = { .n = 1, .at = &path };
    trial->rules = calloc(RULES_MAX, sizeof *trial->rules);
    trial->overlays = calloc(1, sizeof *trial->overlays);
    trial->tunings = calloc(RULES_MAX, sizeof *trial->tunings);
    if (!trial->rules || !trial->overlays || !trial->tunings)
        return out_of_memory(err);
    if (rules_read(&files, trial->rules, &trial->n_rules, trial->overlays, &faults) < 0)
        return err_set(err, -EINVAL, "%s", faults.at[0].text);
    return 0;
}

static int make_replay(struct trial *trial, struct err *err)
{
    int rc = read_state(trial, err);
    if (rc == 0)
        rc = read_rules(trial, err);
    if (rc < 0)
        return rc;
    read_limits(trial);
    const struct overlay_where where = { .groups = trial->ask->group ? trial->overlays : NULL,
                                         .group = trial->ask->group,
                                         .host = "" };
    const struct replay_host host = { .in_force = trial->in_force,
                                      .limits = trial->limits,
                                      .tunings = trial->tunings,
                                      .n_tunings =
                                          overlay_resolve_all(trial->rules, trial->n_rules, &where, trial->tunings) };
    return replay_new(&trial->replay, trial->rules, trial->n_rules, &host, err);
}

/* ---- the ticks ---- */

static int open_source(struct trial *trial, FILE *data, enum source_format format, int64_t now_us, struct err *err)
{
    uint32_t n = 0;
    int rc = source_open(&trial->source, data, format, now_us, err);
    const struct series *series = rc == 0 ? source_series(trial->source, &n) : NULL;
    if (rc == 0)
        rc = bundle_new(&trial->bundle, series, n, err);
    if (rc < 0)
        return rc;
    struct bytes bytes = bundle_table(trial->bundle);
    return codec_decode_table(bytes.at, bytes.len, &trial->table_arena, &trial->table, err);
}

static int judge(struct trial *trial, struct err *err)
{
    static const struct run_id any_run;
    struct bytes bytes = { NULL, 0 };
    struct batch batch = { .n_ticks = 0 };
    uint32_t n = 0;
    arena_reset(&trial->batch_arena);
    int rc = bundle_take(trial->bundle, &any_run, trial->ticks + 1, trial->first_us, &bytes, &n, err);
    if (rc == 0)
        rc = codec_decode_batch(bytes.at, bytes.len, &trial->batch_arena, &batch, err);
    if (rc < 0)
        return rc;
    assert(n > 0 && batch.n_ticks == n && batch.wall_us); /* the bundle was not empty */
    rc = replay_feed(trial->replay, &trial->table, &batch, batch.wall_us);
    trial->ticks += n;
    trial->last_us = batch.wall_us[n - 1];
    trial->full = rc == -ENOBUFS;
    return rc < 0 && !trial->full ? err_sys(err, rc, "cannot judge the ticks") : 0;
}

static int take_tick(struct trial *trial, const struct tick *tick, struct err *err)
{
    if (tick->at_us < trial->ask->from_us || tick->at_us >= trial->ask->to_us)
        return 0;
    if (trial->ticks == 0 && bundle_is_empty(trial->bundle))
        trial->first_us = tick->at_us;
    int rc = 0;
    while (rc == 0 && !trial->full && bundle_add(trial->bundle, tick) == BUNDLE_FULL)
        rc = judge(trial, err);
    return rc;
}

static int judge_all(struct trial *trial, struct err *err)
{
    struct tick tick;
    int rc = 0;
    while (rc == 0 && !trial->full && (rc = source_next(trial->source, &tick, err)) == 0)
        rc = take_tick(trial, &tick, err);
    while (rc >= 0 && !trial->full && !bundle_is_empty(trial->bundle))
        rc = judge(trial, err);
    return rc < 0 ? rc : 0;
}

/* ---- what is told: the keys of docs/control.md ---- */

static json_t *form_instant(int64_t at_us)
{
    char text[MOMENT_TEXT];
    return at_us == 0 ? json_null() : json_string(moment_format(text, at_us));
}

static json_t *form_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static const char *summary_of(const struct trial *trial, const char *rule)
{
    for (size_t i = 0; i < trial->n_rules; i++)
        if (strcmp(trial->rules[i].name, rule) == 0)
            return trial->rules[i].summary;
    return "";
}

static json_t *form_firing(const struct trial *trial, const struct firing *firing)
{
    const struct alert *row = &firing->alert;
    const struct metric *metric = metric_find(row->metric);
    const char *unit = row->unit[0] || !metric ? row->unit : metric->unit;
    char series[METRIC_KEY_MAX + INSTANCE_MAX + 64];
    metric_series_text(series, sizeof series, row->metric, metric ? metric->instance_label : NULL, row->instance);
    return json_pack("{s:n, s:s, s:s, s:s, s:s, s:s?, s:s, s:s, s:o, s:o, s:o, s:b, s:o, s:o}", "host", "rule",
                     row->rule, "summary", summary_of(trial, row->rule), "severity", severity_name(row->severity),
                     "metric", row->metric, "instance", row->instance[0] ? row->instance : NULL, "series", series,
                     "unit", unit, "crossed", form_instant(row->crossed_us), "value", form_real(row->value),
                     "threshold", form_real(row->threshold), "muted", row->muted, "fired",
                     form_instant(firing->fired_us), "cleared", form_instant(firing->cleared_us));
}

static json_t *form_firings(const struct trial *trial)
{
    size_t n;
    const struct firing *firings = replay_firings(trial->replay, &n);
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, form_firing(trial, &firings[i]));
    return rows;
}

static json_t *form_not_judged(const struct trial *trial, size_t *ret_in_force)
{
    json_t *rows = json_array();
    char text[REPLAY_REASON];
    *ret_in_force = 0;
    for (size_t i = 0; i < trial->n_rules; i++) {
        const char *reason = replay_reason(trial->replay, i, text);
        *ret_in_force += (trial->rules[i].in_force & trial->in_force) != 0;
        if (reason)
            json_array_append_new(rows, json_pack("{s:s, s:s}", "rule", trial->rules[i].name, "reason", reason));
    }
    return rows;
}

static json_t *form_answer(const struct trial *trial)
{
    size_t in_force;
    json_t *not_judged = form_not_judged(trial, &in_force);
    return json_pack("{s:n, s:o, s:o, s:b, s:I, s:o, s:I, s:o}", "host", "from", form_instant(trial->first_us), "to",
                     form_instant(trial->last_us), "truncated", trial->full, "rules", (json_int_t)in_force,
                     "not_judged", not_judged, "ticks", (json_int_t)trial->ticks, "firings", form_firings(trial));
}

int trial_run(const struct trial_ask *ask, FILE *data, enum source_format format, int64_t now_us, json_t **ret_data,
              struct err *err)
{
    AUTO(trial_done) struct trial trial = { .ask = ask };
    arena_init(&trial.table_arena, CODEC_ARENA_BYTES);
    arena_init(&trial.batch_arena, 2 * CODEC_ARENA_BYTES);
    int rc = make_replay(&trial, err);
    if (rc < 0)
        return rc;
    rc = open_source(&trial, data, format, now_us, err);
    if (rc == 0)
        rc = judge_all(&trial, err);
    if (rc < 0)
        return rc == -EINVAL ? -EBADMSG : rc;
    *ret_data = form_answer(&trial);
    return *ret_data ? 0 : out_of_memory(err);
}
