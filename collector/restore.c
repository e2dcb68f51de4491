/* The start: memory is filled from the store, and what was under way goes on.
 *
 * Alert rows are written in the transaction of the ticks they came from, pending ones too, so they are the watch's
 * state at the last stored tick, and they win. Stored ticks of the longest hold are judged again beside them, by a
 * watch of its own, for what the rows cannot know: a rule that is new since, and what conditions over time remember.
 * What that finds bad becomes pending with its true crossing; only a new tick can make it fire, so nothing already
 * stored pages again. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/moment.h"
#include "collector/parts.h"

struct loading {
    struct collector *collector;
    int rc;
    size_t n_alerts, alerts_room;
    struct alert *alerts; /* persisted ones */
};

static void failed(struct loading *loading, int rc)
{
    if (loading->rc == 0 && rc < 0)
        loading->rc = rc;
}

static void on_tenant(void *user, const struct tenant *row)
{
    struct loading *loading = user;
    const struct tenant *kept;
    failed(loading, fleet_put_tenant(loading->collector->fleet, row, &kept, NULL));
}

static void on_host(void *user, const struct host *row)
{
    struct loading *loading = user;
    const struct host *kept;
    struct host_state *state;
    int rc = fleet_put_host(loading->collector->fleet, row, &kept, NULL);
    failed(loading, rc < 0 ? rc : scope_add_host(loading->collector, kept, &state));
}

static void on_host_key(void *user, const struct host_key *row)
{
    struct loading *loading = user;
    const struct collector *collector = loading->collector;
    failed(loading, fleet_host(collector->fleet, row->host) ? keyring_put_key(collector->keyring, row) : -EBADMSG);
}

static void on_token(void *user, const struct token *row)
{
    struct loading *loading = user;
    const struct collector *collector = loading->collector;
    bool known =
        fleet_tenant(collector->fleet, row->tenant) && (row->host == 0 || fleet_host(collector->fleet, row->host));
    failed(loading, known ? keyring_put_token(collector->keyring, row, NULL) : -EBADMSG);
}

static void on_interval(void *user, uint64_t tenant, const struct store_interval *row)
{
    (void)tenant;
    struct loading *loading = user;
    struct ingest_run *run;
    if (store_run_is_imported(&row->run))
        return; /* no agent asks for it, and it would push out runs that one may ask for */
    int rc = ingest_run(loading->collector->ingest, row->host, &row->run, &run, NULL);
    if (rc == 0)
        rc = ingest_restore(run, row->first, row->last);
    if (rc != -ENOSPC) /* a run of nothing but gaps: the store still knows what it has, and keeps nothing twice */
        failed(loading, rc);
}

static void on_anchor(void *user, uint64_t tenant, const struct store_anchor *row)
{
    (void)tenant;
    struct loading *loading = user;
    struct host_state *state = scope_host(loading->collector, row->host);
    if (state && row->stored_us > state->last_tick_us)
        state->last_tick_us = row->stored_us;
    /* Runs are put back by their intervals: those forgotten to make room must not push out others here. */
    struct ingest_run *run = ingest_find_run(loading->collector->ingest, row->host, &row->run);
    if (!run)
        return;
    run->anchor = (struct anchor){ .anchor_us = row->anchor_us,
                                   .target_us = row->anchor_us,
                                   .rtt_us = row->rtt_us,
                                   .chosen_us = row->stored_us,
                                   .slewed_us = now_us(loading->collector) };
    run->anchored = true;
    run->anchor_saved_us = row->stored_us;
}

static void keep_alert(struct loading *loading, const struct alert *row)
{
    if (loading->n_alerts == loading->alerts_room) {
        size_t room = loading->alerts_room ? loading->alerts_room * 2 : 64;
        struct alert *grown = realloc(loading->alerts, room * sizeof *grown);
        if (!grown) {
            failed(loading, -ENOMEM);
            return;
        }
        loading->alerts = grown;
        loading->alerts_room = room;
    }
    loading->alerts[loading->n_alerts++] = *row;
}

static void on_alert(void *user, uint64_t tenant, const struct alert *row)
{
    (void)tenant;
    keep_alert(user, row);
}

static void on_event(void *user, const struct event *row)
{
    struct loading *loading = user;
    struct event *kept;
    failed(loading, scope_add_event(loading->collector, row, &kept));
}

static void on_silence(void *user, const struct silence *row)
{
    struct loading *loading = user;
    failed(loading, silences_restore(loading->collector, row));
}

static void on_notice(void *user, const struct notice *row)
{
    struct loading *loading = user;
    failed(loading, notices_restore(loading->collector, row));
}

static void on_rehearsal(void *user, const struct rehearsal *row)
{
    struct loading *loading = user;
    failed(loading, rehearse_restore(loading->collector, row));
}

static void on_rota_override(void *user, const struct rota_override *row)
{
    struct loading *loading = user;
    failed(loading, oncall_restore(loading->collector, row));
}

static void on_contract(void *user, const struct contract *row)
{
    struct loading *loading = user;
    failed(loading, contract_restore(loading->collector, row));
}

static void on_pack(void *user, const struct pack *row)
{
    struct loading *loading = user;
    failed(loading, contract_restore_pack(loading->collector, row));
}

static void on_draw(void *user, const struct draw *row)
{
    struct loading *loading = user;
    failed(loading, contract_restore_draw(loading->collector, row));
}

static void on_event_document(void *user, const struct event_document *row)
{
    struct loading *loading = user;
    struct assured *assured = life_of(loading->collector, row->event);
    char *text = assured ? strdup(row->text) : NULL;
    failed(loading, !assured ? -EBADMSG : text ? 0 : -ENOMEM);
    if (text) {
        assured->document = text;
        describe_refresh(loading->collector, assured);
    }
}

static void on_gate(void *user, const struct gate *row)
{
    struct loading *loading = user;
    struct assured *assured = life_of(loading->collector, row->event);
    failed(loading, assured ? 0 : -EBADMSG);
    if (assured)
        assured->gates[row->gate] = *row;
}

static void on_incident(void *user, const struct incident *row)
{
    struct loading *loading = user;
    failed(loading, pager_restore_incident(loading->collector->pager, row));
}

static void on_incident_alert(void *user, const struct incident_alert *row)
{
    struct loading *loading = user;
    failed(loading, pager_restore_alert(loading->collector->pager, row));
}

static void on_page(void *user, const struct page *row)
{
    struct loading *loading = user;
    failed(loading, pager_restore_page(loading->collector->pager, row));
}

/* ---- judging again ---- */

struct replay {
    struct watch *watch;
    struct transitions ignored;
    int64_t now_us;
};

static void on_replayed(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                        const int64_t *at_us)
{
    struct replay *replay = user;
    if (store_run_is_imported(&batch->run))
        return; /* it was not judged when it came */
    struct watched *watched = watch_host(replay->watch, host);
    if (watched)
        watch_judge(replay->watch, watched, table, batch, at_us, replay->now_us, &replay->ignored);
    transitions_clear(&replay->ignored);
}

static void on_found_bad(void *user, const struct alert *found)
{
    struct collector *collector = user;
    struct alert pending = *found;
    const struct host_state *state = scope_host(collector, found->host);
    if (strcmp(found->rule, WATCH_SILENCE_RULE) == 0 || !state || state->row->standing == HOST_RETIRED)
        return;
    pending.state = ALERT_PENDING;
    watch_restore(collector->watch, &pending);
}

/* A file that cannot be read holds back its own tenant only, as when its rows were read. */
static int replay_tenant(struct collector *collector, uint64_t tenant, int64_t from_us, struct replay *replay,
                         struct err *err)
{
    struct err why;
    if (store_fault(collector->store, STORE_TENANT, tenant))
        return 0;
    int rc = store_replay(collector->store, tenant, from_us, on_replayed, replay, &why);
    if (rc == -ENOMEM)
        return err_set(err, rc, "%s", why.text);
    if (rc < 0)
        log_event(&collector->log, LOG_ERROR, "not_judged_again", KV_COUNT("tenant", tenant),
                  KV_TEXT("error", why.text));
    return 0;
}

static int judge_again(struct collector *collector, struct err *err)
{
    struct replay replay = { .now_us = now_us(collector) };
    int rc = watch_new(&replay.watch, collector->config->rule_rows, collector->config->n_rules, err);
    if (rc < 0)
        return rc;
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next) {
        watch_set_host(replay.watch, state->id, state->in_force, state->limits, INTERVAL_CALM_US, replay.now_us,
                       &replay.ignored);
        overlays_tune(collector, replay.watch, state, &replay.ignored);
    }
    int64_t from_us = replay.now_us - watch_look_back_us(replay.watch);
    for (const struct tenant *tenant = NULL; rc == 0 && (tenant = fleet_next_tenant(collector->fleet, tenant));)
        rc = replay_tenant(collector, tenant->id, from_us, &replay, err);
    if (rc == 0)
        watch_each(replay.watch, on_found_bad, collector);
    if (rc == 0)
        watch_remember(collector->watch, replay.watch);
    transitions_done(&replay.ignored);
    watch_free(replay.watch);
    return rc;
}

/* ---- downtime ---- */

static void tell_downtime(struct collector *collector, int64_t beat_us)
{
    int64_t now = now_us(collector);
    if (beat_us == 0 || now - beat_us <= DOWNTIME_MAX_US)
        return;
    for (size_t i = 0; i < collector->n_events; i++) {
        const struct event *event = collector->events[i];
        if (event->state != EVENT_LIVE || event->end_us <= beat_us)
            continue;
        char title[160];
        char took[DURATION_TEXT];
        snprintf(title, sizeof title, "The collector was down for %s within the window of %s",
                 duration_format_brief(took, now - beat_us), event->name);
        log_event(&collector->log, LOG_ERROR, "downtime_in_window", KV_TEXT("event_name", event->name),
                  KV_INT("seconds", (now - beat_us) / US_PER_S));
        struct page_own own = {
            .group = "collector", .title = title, .severity = SEVERITY_CRITICAL, .crossed_us = beat_us
        };
        uint64_t incident;
        pager_own(collector->pager, &own, now, &incident, &collector->effects);
        break;
    }
    desk_settle(collector);
}

/* Its rule is gone since: it holds no incident open any more. */
static int end_alert(struct collector *collector, const struct alert *alert)
{
    struct transition ended = { .alert = *alert, .from = alert->state, .detected_us = now_us(collector) };
    const struct host_state *state = scope_host(collector, alert->host);
    if (!state)
        return 0;
    struct page_scope scope = { .tenant = state->row->tenant,
                                .event = state->event,
                                .host_name = state->row->name,
                                .host_group = state->row->group,
                                .summary = alert->rule };
    ended.alert.state = ALERT_OK;
    ended.alert.crossed_us = 0;
    ended.alert.changed_us = ended.detected_us;
    store_put_alert(collector->store, scope.tenant, &ended.alert);
    return pager_alert(collector->pager, &ended, &scope, ended.detected_us, &collector->effects);
}

/* Our own clock may have gone back since. */
static int64_t least(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static int put_back_alert(struct collector *collector, const struct alert *alert)
{
    struct host_state *state = scope_host(collector, alert->host);
    int rc = watch_restore(collector->watch, alert);
    if (rc == WATCH_GONE)
        return end_alert(collector, alert);
    if (rc == 0 && state && alert->state == ALERT_FIRING) {
        state->firing++;
        state->silent = state->silent || strcmp(alert->rule, WATCH_SILENCE_RULE) == 0;
    }
    return rc;
}

/* Events over hosts first, then what was judged when, then the states: rows win over what is judged again. */
static int put_back_watch(struct collector *collector, const struct loading *loading, struct err *err)
{
    scope_refresh(collector, 0);
    int rc = 0;
    for (const struct host_state *state = collector->hosts; rc == 0 && state; state = state->by_id.next)
        if (state->last_tick_us != 0 && state->row->standing != HOST_RETIRED)
            rc = watch_seen(collector->watch, state->id, least(state->last_tick_us, now_us(collector)));
    if (rc == 0)
        rc = judge_again(collector, err);
    for (size_t i = 0; rc == 0 && i < loading->n_alerts; i++)
        rc = put_back_alert(collector, &loading->alerts[i]);
    return rc < 0 ? err_sys(err, rc, "cannot put back the alerts") : 0;
}

int restore_all(struct collector *collector, struct err *err)
{
    struct loading loading = { .collector = collector };
    struct store_loader loader = {
        .tenant = on_tenant,
        .host = on_host,
        .host_key = on_host_key,
        .token = on_token,
        .interval = on_interval,
        .anchor = on_anchor,
        .alert = on_alert,
        .event = on_event,
        .event_document = on_event_document,
        .gate = on_gate,
        .incident = on_incident,
        .incident_alert = on_incident_alert,
        .page = on_page,
        .contract = on_contract,
        .silence = on_silence,
        .notice = on_notice,
        .rehearsal = on_rehearsal,
        .rota_override = on_rota_override,
        .pack = on_pack,
        .draw = on_draw,
        .user = &loading,
    };
    struct store_marks marks;
    int rc = store_load(collector->store, &loader, &marks, err);
    if (rc == 0 && loading.rc < 0)
        rc = err_sys(err, loading.rc, "cannot put back what the store holds");
    if (rc == 0) {
        collector->last_tenant = marks.tenant;
        collector->last_event = marks.event;
        pager_start_ids(collector->pager, marks.incident, marks.page);
        rc = told_feed(collector, err); /* behind the rows, see pager_set_ways() */
    }
    if (rc == 0)
        rc = put_back_watch(collector, &loading, err);
    free(loading.alerts);
    trouble_restore(collector);
    probes_restore(collector);
    pulse_restore(collector);
    dead_man_restore(collector);
    rehearse_go_on(collector);
    desk_settle(collector);
    if (rc == 0)
        tell_downtime(collector, marks.beat_us);
    return rc;
}
