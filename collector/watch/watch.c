#include "collector/watch/watch.h"

#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/watch/parts.h"

#define WINDOW_STATES (IN_FORCE(EVENT_ARMED) | IN_FORCE(EVENT_LIVE))

const char *alert_state_name(enum alert_state state)
{
    static const char *const names[] = { "ok", "pending", "firing", "unknown" };
    return names[state];
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = { "info", "warning", "critical" };
    return names[severity];
}

unsigned watch_strictest(unsigned in_force)
{
    return in_force & WINDOW_STATES ? in_force & WINDOW_STATES : in_force;
}

/* ---- transitions ---- */

void transitions_clear(struct transitions *list)
{
    list->n = 0;
}

void transitions_done(struct transitions *list)
{
    free(list->at);
    *list = (struct transitions){ 0 };
}

int transitions_reserve(struct transitions *list, size_t n)
{
    if (list->room - list->n >= n)
        return 0;
    size_t room = list->room * 2 > list->n + n ? list->room * 2 : list->n + n;
    struct transition *at = reallocarray(list->at, room, sizeof *at);
    if (!at)
        return -ENOMEM;
    list->at = at;
    list->room = room;
    return 0;
}

void transitions_add(struct transitions *list, const struct alert *alert, enum alert_state from, int64_t now_us,
                     bool late)
{
    assert(list->n < list->room);
    list->at[list->n++] = (struct transition){ .alert = *alert, .from = from, .detected_us = now_us, .late = late };
}

/* ---- hosts ---- */

/* As one of which nothing is known; its memory stays, for others may hold on to it. */
static void reset_host(struct watched *host)
{
    *host = (struct watched){ .id = host->id, .name = host->name, .in_force = IN_FORCE_NO_EVENT, .hh = host->hh };
    for (int i = 0; i < LIMIT_COUNT; i++)
        host->limits[i] = NAN;
}

struct watched *watch_host(struct watch *watch, uint64_t host_id)
{
    struct watched *host;
    HASH_FIND(hh, watch->hosts, &host_id, sizeof host_id, host);
    if (host)
        return host;
    host = calloc(1, sizeof *host);
    if (!host)
        return NULL;
    host->id = host_id;
    reset_host(host);
    HASH_ADD(hh, watch->hosts, id, sizeof host->id, host);
    if (!host->hh.tbl) {
        free(host);
        return NULL;
    }
    return host;
}

int64_t host_interval_us(const struct watched *host)
{
    return host->interval_us > 0 ? host->interval_us : WATCH_INTERVAL_US;
}

static bool same_limits(const double *a, const double *b)
{
    for (int i = 0; i < LIMIT_COUNT; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

/* Ends the alerts of the host that no rule of `set` would raise any more. `j->out` has room. */
static void end_ruleless(struct judging *j, const struct rule_set *set)
{
    struct spell *spell, *next;
    HASH_ITER(hh, j->host->live.spells, spell, next)
    {
        int r = rule_set_find(set, spell->alert.rule);
        const struct rule *rule = r < 0 ? NULL : &set->rules[r];
        if (!rule || !rule_applies(rule, j->host) || strcmp(rule->metric, spell->alert.metric) != 0 ||
            fnmatch(rule->instance, spell->alert.instance, 0) != 0)
            spell_enter(j, &j->host->live, spell, ALERT_OK, j->now_us, spell->alert.value);
    }
}

/* Room for all that end, and for what a late lane still tells, which may become live before it ends. */
static size_t count_endings(const struct watched *host)
{
    return HASH_COUNT(host->live.spells) + (host->late ? 2 * HASH_COUNT(host->late->spells) : 0);
}

int watch_set_host(struct watch *watch, uint64_t host_id, unsigned in_force, const double limits[LIMIT_COUNT],
                   int64_t interval_us, int64_t now_us, struct transitions *out)
{
    struct watched *host = watch_host(watch, host_id);
    if (!host)
        return -ENOMEM;
    struct judging j = { .watch = watch, .host = host, .now_us = now_us, .out = out };
    unsigned strictest = watch_strictest(in_force);
    bool same = strictest == host->in_force && same_limits(limits, host->limits);
    if (!same && transitions_reserve(out, count_endings(host)) < 0)
        return -ENOMEM;
    if (interval_us != host->interval_us)
        host->awake_us = now_us; /* ticks of the old interval must not look like silence of the new one */
    host->interval_us = interval_us;
    if (same)
        return 0;
    size_t from = out->n;
    late_close(&j);
    host->in_force = strictest;
    memcpy(host->limits, limits, sizeof host->limits);
    end_ruleless(&j, &watch->set);
    mute_settle(&j, from);
    host_unbind(host);
    return 0;
}

static bool same_tunings(const struct watched *host, const struct tuning *tunings, size_t n)
{
    for (size_t i = 0; host->n_tunings == n && i < n; i++)
        if (!tuning_is_same(&host->tunings[i], &tunings[i]))
            return false;
    return host->n_tunings == n;
}

int watch_tune_host(struct watch *watch, uint64_t host_id, const struct tuning *tunings, size_t n, int64_t now_us,
                    struct transitions *out)
{
    struct watched *host = watch_host(watch, host_id);
    if (!host)
        return -ENOMEM;
    if (same_tunings(host, tunings, n))
        return 0;
    struct judging j = { .watch = watch, .host = host, .now_us = now_us, .out = out };
    struct tuning *copy = calloc(n + 1, sizeof *copy);
    if (!copy || transitions_reserve(out, count_endings(host)) < 0) {
        free(copy);
        return -ENOMEM;
    }
    if (n > 0)
        memcpy(copy, tunings, n * sizeof *copy);
    size_t from = out->n;
    late_close(&j);
    free(host->tunings);
    host->tunings = copy;
    host->n_tunings = n;
    end_ruleless(&j, &watch->set);
    mute_settle(&j, from);
    host_unbind(host);
    return 0;
}

const struct tuning *watch_tunings(struct watch *watch, uint64_t host_id, size_t *ret_n)
{
    const struct watched *host = watch_host(watch, host_id);
    *ret_n = host ? host->n_tunings : 0;
    return host ? host->tunings : NULL;
}

/* Frees what hangs on it. */
static void empty_host(struct watched *host)
{
    host_unbind(host);
    lane_done(&host->live);
    if (host->late)
        lane_done(host->late);
    free(host->late);
    holes_forget(host);
    expected_prune(host, &(const struct rule_set){ .n = 0 });
    free(host->silence);
    free(host->tunings);
}

int watch_drop_host(struct watch *watch, uint64_t host_id, int64_t now_us, struct transitions *out)
{
    static const struct rule_set no_rules;
    struct watched *host;
    HASH_FIND(hh, watch->hosts, &host_id, sizeof host_id, host);
    if (!host)
        return 0;
    struct judging j = { .watch = watch, .host = host, .now_us = now_us, .out = out };
    if (transitions_reserve(out, 1 + count_endings(host)) < 0)
        return -ENOMEM;
    late_close(&j);
    end_ruleless(&j, &no_rules);
    silence_drop(&j);
    empty_host(host);
    reset_host(host);
    return 0;
}

int watch_seen(struct watch *watch, uint64_t host_id, int64_t at_us)
{
    struct watched *host = watch_host(watch, host_id);
    struct spell *spell, *next;
    if (!host)
        return -ENOMEM;
    if (at_us > host->live.last_us)
        host->live.last_us = at_us;
    HASH_ITER(hh, host->live.spells, spell, next)
    if (spell->last_us < at_us)
        spell->last_us = at_us; /* still bad at the newest tick, or its row would say otherwise */
    return 0;
}

/* ---- alerts put back ---- */

int watch_restore(struct watch *watch, const struct alert *alert)
{
    bool silence = strcmp(alert->rule, WATCH_SILENCE_RULE) == 0;
    int rule = rule_set_find(&watch->set, alert->rule);
    if (!silence && rule < 0)
        return WATCH_GONE;
    if (alert->state == ALERT_OK)
        return 0;
    struct watched *host = watch_host(watch, alert->host);
    if (!host)
        return -ENOMEM;
    if (silence)
        return silence_restore(watch, host, alert);
    if (watch->set.rules[rule].condition == CONDITION_ABSENCE)
        expect_one(host, alert->metric, alert->instance, alert->crossed_us);
    uint64_t key = spell_key(alert->rule, alert->metric, alert->instance);
    struct spell *spell = spell_find(&host->live, key, alert->rule, alert->metric, alert->instance);
    if (!spell) {
        spell = calloc(1, sizeof *spell);
        if (!spell)
            return -ENOMEM;
        spell->key = key;
        spell->slot = SLOT_NONE;
        HASH_ADD(hh, host->live.spells, key, sizeof spell->key, spell);
        if (!spell->hh.tbl) {
            free(spell);
            return -ENOMEM;
        }
        host->live.binding = NULL; /* so that it finds its pair */
    }
    /* The replay may have found it pending already: of a row that was written before rows knew `was_us` it knows
     * more. */
    bool cut_short = alert->state == ALERT_UNKNOWN && !alert->crossed_us;
    int64_t was_us = cut_short && !alert->was_us ? spell->alert.crossed_us : alert->was_us;
    spell->alert = *alert;
    spell->alert.was_us = was_us;
    host->unsettled = host->unsettled || alert->muted;
    spell->rule = (uint16_t)rule;
    spell->last_us = alert->changed_us > host->live.last_us && !cut_short ? alert->changed_us : host->live.last_us;
    return 0;
}

void watch_remember(struct watch *watch, struct watch *replay)
{
    for (struct watched *from = replay->hosts; from; from = from->hh.next) {
        struct watched *host = watch_host(watch, from->id);
        if (!host)
            continue;
        for (const struct expected *at = from->expected; at; at = at->hh.next)
            expect_one(host, at->metric, at->instance, at->since_us);
        if (!host->live.windows)
            host->live.windows = TAKE(from->live.windows);
        from->live.binding = host->live.binding = NULL; /* so that each finds its windows */
    }
}

/* ---- judging ---- */

/* A live lane under another table: what lost its series is unknown from its first tick on. */
static int bind_live(struct judging *j, int64_t at_us)
{
    struct lane *live = &j->host->live;
    struct spell *spell, *next;
    expect_series(j, at_us);
    int rc = lane_bind(j, live);
    if (rc < 0)
        return rc;
    exercise_note(j, live->binding);
    HASH_ITER(hh, live->spells, spell, next)
    {
        if (spell->slot != SLOT_NONE)
            continue;
        if (rule_applies(&j->watch->set.rules[spell->rule], j->host))
            spell_lose(j, live, spell, at_us);
        else /* put back at start under a rule that is not in force now */
            spell_enter(j, live, spell, ALERT_OK, at_us, spell->alert.value);
    }
    return 0;
}

static bool is_bound(const struct judging *j, const struct lane *lane)
{
    return lane->binding && lane->binding->expected == j->host->n_expected &&
           memcmp(&lane->binding->table, &j->table->hash, sizeof j->table->hash) == 0;
}

static void judge_tick(struct judging *j, uint32_t tick, int64_t at_us)
{
    struct watched *host = j->host;
    bool late = at_us <= host->live.last_us;
    struct lane *lane = late ? late_lane(j, at_us) : &host->live;
    int rc = lane ? 0 : -ENOMEM;
    if (lane && !is_bound(j, lane))
        rc = late ? lane_bind(j, lane) : bind_live(j, at_us);
    if (rc < 0) {
        j->rc = rc;
        return;
    }
    if (!late) {
        holes_note(j, at_us);
        silence_end(j, at_us);
    }
    if (lane->binding)
        lane_judge(j, lane, tick, at_us);
    else
        j->rc = -ENOMEM;
}

int watch_judge(struct watch *watch, struct watched *host, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us, int64_t now_us, struct transitions *out)
{
    if (table->n != batch->n_columns) /* two messages of the peer's: never trusted to agree */
        return -EINVAL;
    watch_follow_clock(watch, now_us);
    struct judging j = { .watch = watch, .host = host, .table = table, .batch = batch, .now_us = now_us, .out = out };
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        size_t from = out->n;
        judge_tick(&j, i, at_us[i] < now_us ? at_us[i] : now_us); /* nothing crosses after its receipt */
        if (watch->set.dependencies || watch->silent)
            mute_settle(&j, from);
    }
    size_t from = out->n;
    late_settle(&j);
    host->unsettled = host->unsettled || host->hushed;
    mute_settle(&j, from);
    return j.rc;
}

/* ---- the watch ---- */

int watch_new(struct watch **ret_watch, const struct rule *rules, size_t n, struct err *err)
{
    AUTO(auto_free) struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return err_set(err, -ENOMEM, "watch: out of memory");
    int rc = rule_set_init(&watch->set, rules, n, err);
    if (rc < 0)
        return rc;
    *ret_watch = TAKE(watch);
    return 0;
}

static size_t count_all_endings(const struct watch *watch)
{
    size_t n = 0;
    for (const struct watched *host = watch->hosts; host; host = host->hh.next)
        n += count_endings(host);
    return n;
}

int watch_set_rules(struct watch *watch, const struct rule *rules, size_t n, int64_t now_us, struct transitions *out,
                    struct err *err)
{
    struct watched *host, *next_host;
    struct spell *spell, *next;
    AUTO(rule_set_done) struct rule_set set = { 0 };
    int rc = rule_set_init(&set, rules, n, err);
    if (rc < 0)
        return rc;
    if (transitions_reserve(out, count_all_endings(watch)) < 0)
        return err_set(err, -ENOMEM, "watch: out of memory");
    HASH_ITER(hh, watch->hosts, host, next_host)
    {
        struct judging j = { .watch = watch, .host = host, .now_us = now_us, .out = out };
        late_close(&j);
        holes_forget(host);
        end_ruleless(&j, &set);
        host_unbind(host);
        expected_prune(host, &set);
        HASH_ITER(hh, host->live.spells, spell, next)
        spell->rule = (uint16_t)rule_set_find(&set, spell->alert.rule);
    }
    struct rule_set old = watch->set;
    watch->set = set;
    set = old;
    for (host = watch->hosts; host; host = host->hh.next) {
        struct judging j = { .watch = watch, .host = host, .now_us = now_us, .out = out };
        host->unsettled = true;
        mute_settle(&j, out->n);
    }
    return 0;
}

void watch_each(const struct watch *watch, void (*fn)(void *user, const struct alert *alert), void *user)
{
    for (const struct watched *host = watch->hosts; host; host = host->hh.next) {
        if (host->silence)
            fn(user, host->silence);
        for (const struct spell *spell = host->live.spells; spell; spell = spell->hh.next)
            if (!watch_is_exercise(spell->alert.rule))
                fn(user, &spell->alert);
    }
}

const char *watch_summary(const struct watch *watch, const char *rule)
{
    if (strcmp(rule, WATCH_SILENCE_RULE) == 0)
        return "No data for {threshold}";
    int found = rule_set_find(&watch->set, rule);
    return found < 0 ? NULL : watch->set.rules[found].summary;
}

struct watch *watch_free(struct watch *watch)
{
    if (!watch)
        return NULL;
    struct watched *host = watch->hosts;
    HASH_CLEAR(by_name, watch->silent);
    HASH_CLEAR(hh, watch->hosts); /* the hosts stay chained */
    for (struct watched *next; host; host = next) {
        next = host->hh.next;
        empty_host(host);
        free(host);
    }
    rule_set_done(&watch->set);
    free(watch);
    return NULL;
}
