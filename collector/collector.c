/* The parts, their order of life, and the second's tick. */
#include "collector/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/auto.h"
#include "collector/parts.h"

enum { MESSAGE_ARENA_MAX = 8 << 20 };

/* The collector's own wall clock jumped: deadlines are wall time, so say it. */
static void tell_clock_step(struct collector *collector, int64_t now)
{
    int64_t mono_us = clock_mono_us(collector->clock);
    int64_t step_us = (now - collector->ticked_us) - (mono_us - collector->ticked_mono_us);
    if (collector->ticked_us != 0 && (step_us > US_PER_S || step_us < -US_PER_S)) {
        log_event(&collector->log, LOG_ERROR, "collector_clock_step", KV_REAL("seconds", (double)step_us / 1e6));
        collector->stepped_us = step_us;
        collector->stepped_mono_us = mono_us;
    }
    collector->ticked_us = now;
    collector->ticked_mono_us = mono_us;
}

static bool any_fault(const struct collector *collector)
{
    for (const struct tenant *tenant = NULL; (tenant = fleet_next_tenant(collector->fleet, tenant));)
        if (store_fault(collector->store, STORE_TENANT, tenant->id))
            return true;
    return false;
}

/* While a file is at fault its hosts hold their ticks back; that is no silence of theirs. */
static void listen_anew_after_fault(struct collector *collector, int64_t now)
{
    bool fault = any_fault(collector);
    if (collector->fault && !fault)
        watch_listen(collector->watch, now, RECONNECT_GRACE_US);
    collector->fault = fault;
}

static bool waits_for_disk(const struct host_state *host)
{
    for (const struct session *session = host->sessions; session; session = session->next)
        if (session->waiting)
            return true;
    return false;
}

/* A report that waits for the disk holds back those behind it: that is no silence either. A fault is declared only
 * after more time than a host needs to be silent. */
static void excuse_those_who_wait(struct collector *collector, int64_t now)
{
    for (const struct host_state *host = collector->hosts; host; host = host->by_id.next)
        if (waits_for_disk(host))
            watch_excuse_host(collector->watch, host->id, now);
}

void collector_tick(struct collector *collector)
{
    int64_t now = now_us(collector);
    tell_clock_step(collector, now);
    listen_anew_after_fault(collector, now);
    uplink_tick(collector);
    invite_tick(collector);
    life_tick(collector);
    notices_tick(collector);
    silences_tick(collector);
    oncall_tick(collector);
    rounds_tick(collector);
    excuse_those_who_wait(collector, now);
    watch_tick(collector->watch, now, &collector->transitions);
    trouble_tick(collector);
    ledger_tick(collector);
    probes_tick(collector);
    pulse_tick(collector);
    dead_man_tick(collector);
    pager_tick(collector->pager, now, &collector->effects);
    rehearse_tick(collector); /* behind the pager, whose stamps its verdict compares with its own */
    desk_settle(collector);
    desk_send_due(collector);
    if (now - collector->beat_us >= BEAT_US || now < collector->beat_us) {
        collector->beat_us = now;
        store_put_beat(collector->store, now);
        pager_forget(collector->pager, now - FORGET_US);
    }
}

static void on_second(uv_timer_t *timer)
{
    struct collector *collector = timer->data;
    collector_tick(collector);
    if (collector->listener.start_anew && store_wants_start(collector->store))
        collector->listener.start_anew(collector->listener.user); /* it may close us */
}

static int open_limits(struct collector *collector, struct err *err)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return err_sys(err, -errno, "no random numbers to be had");
    limits_init(&collector->limits, &collector->config->limits, seed);
    return 0;
}

static int open_parts(struct collector *collector, struct err *err)
{
    const struct collector_config *config = collector->config;
    int rc = open_limits(collector, err);
    if (rc == 0)
        rc = fleet_new(&collector->fleet, err);
    if (rc == 0)
        rc = keyring_new(&collector->keyring, err);
    if (rc == 0)
        rc = ingest_new(&collector->ingest, err);
    if (rc == 0)
        rc = watch_new(&collector->watch, config->rule_rows, config->n_rules, err);
    if (rc == 0)
        rc = pager_new(&collector->pager, err);
    if (rc == 0)
        rc = channel_sender_open(&collector->sender, collector->loop, err);
    if (rc == 0)
        rc = store_open(&collector->store, collector->loop, config->state, collector->clock, &collector->log, err);
    return rc;
}

static struct link_limits link_limits_of(const struct limits_config *config)
{
    struct link_limits limits = link_limits_default();
    limits.peers = (unsigned)config->connections;
    limits.strangers = (unsigned)config->strangers;
    limits.crowd = (unsigned)config->strangers_of_address;
    limits.held_bytes = (size_t)config->pending_bytes;
    return limits;
}

static int listen_for_agents(struct collector *collector, struct err *err)
{
    struct link_limits limits = link_limits_of(&collector->limits.config);
    struct link_server_handlers handlers = uplink_handlers(collector);
    if (collector->listener.uplink_fd <= 0)
        return link_server_open(&collector->server, collector->loop, collector->config->listen, limits, handlers, err);
    int copy = fcntl(collector->listener.uplink_fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return err_sys(err, -errno, "cannot take the uplink's socket over");
    return link_server_adopt(&collector->server, collector->loop, copy, limits, handlers, err);
}

static int start(struct collector *collector, struct err *err)
{
    store_retain(collector->store, &collector->config->retention);
    int rc = ledger_open_key(collector, err);
    if (rc == 0)
        rc = restore_all(collector, err);
    if (rc == 0)
        rc = invite_open_key(collector, err);
    if (rc == 0)
        rc = listen_for_agents(collector, err);
    if (rc < 0)
        return rc;
    ledger_tick(collector);
    watch_listen(collector->watch, now_us(collector), RECONNECT_GRACE_US);
    uv_timer_start(&collector->second, on_second, 1000, 1000);
    return 0;
}

int collector_open(struct collector **ret_collector, uv_loop_t *loop, const struct collector_config *config,
                   const struct clock *clock, const struct log *log, struct collector_listener listener,
                   struct err *err)
{
    struct collector *collector = calloc(1, sizeof *collector);
    if (!collector)
        return err_set(err, -ENOMEM, "out of memory");
    collector->loop = loop;
    collector->config = config;
    collector->clock = clock;
    collector->log = *log;
    collector->listener = listener;
    collector->started_us = clock_wall_us(clock);
    arena_init(&collector->arena, MESSAGE_ARENA_MAX);
    uv_timer_init(loop, &collector->second);
    collector->second.data = collector;
    int rc = open_parts(collector, err);
    if (rc == 0)
        rc = start(collector, err);
    if (rc < 0) {
        collector_close(collector);
        return rc;
    }
    *ret_collector = collector;
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void reload_limits(struct collector *collector, const struct collector_config *config)
{
    const struct limits_config was = collector->limits.config;
    const struct limits_config is = limits_of(&config->limits);
    const struct {
        const char *key;
        int64_t was, is;
    } fixed[] = { { "limit_connections", was.connections, is.connections },
                  { "limit_strangers", was.strangers, is.strangers },
                  { "limit_strangers_of_address", was.strangers_of_address, is.strangers_of_address },
                  { "limit_pending_bytes", was.pending_bytes, is.pending_bytes } };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (fixed[i].was != fixed[i].is)
            log_event(&collector->log, LOG_WARN, "setting_waits_for_restart", KV_TEXT("key", fixed[i].key));
    collector->limits.config = is;
}

/* The pager asks at once who is on duty, by the new file. What may be refused is looked at first; the rest fails for
 * want of memory alone, and then people are those of before. */
static int take_people_and_rules(struct collector *collector, const struct collector_config *config, struct err *err)
{
    const struct collector_config *before = collector->config;
    int rc = watch_check_rules(config->rule_rows, config->n_rules, err);
    if (rc < 0)
        return rc;
    collector->config = config;
    rc = told_feed(collector, err);
    if (rc == 0)
        rc = watch_set_rules(collector->watch, config->rule_rows, config->n_rules, now_us(collector),
                             &collector->transitions, err);
    if (rc == 0)
        return 0;
    collector->config = before;
    told_feed(collector, NULL);
    return rc;
}

int collector_reload(struct collector *collector, const struct collector_config *config, struct err *err)
{
    const struct collector_config *before = collector->config;
    const struct {
        const char *key, *was, *is;
    } fixed[] = {
        { "listen", before->listen, config->listen }, { "state", before->state, config->state },
        { "key", before->key, config->key },          { "control", before->control, config->control },
        { "feed", before->feed, config->feed },       { "console_group", before->console_group, config->console_group },
        { "user", before->user, config->user }
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (!same_text(fixed[i].was, fixed[i].is))
            log_event(&collector->log, LOG_WARN, "setting_waits_for_restart", KV_TEXT("key", fixed[i].key));
    bool same_man = same_text(before->dead_man.url, config->dead_man.url);
    int rc = take_people_and_rules(collector, config, err);
    if (rc == 0) {
        if (!same_man)
            dead_man_is_another(collector);
        reload_limits(collector, config);
        collector->log.least = (enum log_level)config->log_level;
        store_retain(collector->store, &config->retention);
        for (size_t i = 0; i < collector->n_events; i++)
            describe_refresh(collector, (struct assured *)collector->events[i]);
        scope_refresh(collector, 0);
    }
    desk_settle(collector);
    return rc;
}

static void free_collector(uv_handle_t *handle)
{
    struct collector *collector = handle->data;
    struct host_state *state, *next;
    HASH_ITER(by_id, collector->hosts, state, next)
    {
        HASH_DELETE(by_id, collector->hosts, state);
        free(state);
    }
    desk_forget_sendings(collector);
    tryouts_forget(collector);
    trouble_free(collector);
    probes_free(collector);
    pulse_free(collector);
    contract_free(collector);
    rounds_free(collector);
    silences_free(collector);
    notices_free(collector);
    oncall_free(collector);
    for (size_t i = 0; i < collector->n_events; i++) {
        struct assured *assured = (struct assured *)collector->events[i];
        free(assured->document);
        free(assured->declared);
        free(assured->overlays);
        free(assured->rehearsal);
        free(collector->events[i]);
    }
    free(collector->events);
    ingest_free(collector->ingest);
    watch_free(collector->watch);
    pager_free(collector->pager);
    keyring_free(collector->keyring);
    key_pair_done(&collector->key);
    fleet_free(collector->fleet);
    transitions_done(&collector->transitions);
    page_effects_done(&collector->effects);
    arena_done(&collector->arena);
    free(collector);
}

/* libuv calls close callbacks last in, first out. Only a second round comes behind all of the first one's, when
 * nothing calls back into the collector any more. */
static void on_second_closed(uv_handle_t *handle)
{
    struct collector *collector = handle->data;
    uv_timer_init(collector->loop, &collector->second);
    uv_close(handle, free_collector);
}

struct collector *collector_close(struct collector *collector)
{
    if (!collector)
        return NULL;
    collector->closing = true;
    uv_timer_stop(&collector->second);
    if (collector->store)
        store_put_beat(collector->store, now_us(collector)); /* an orderly end is no downtime before now */
    collector->store = store_close(collector->store);        /* last groups, and with them the last acks */
    collector->server = link_server_close(collector->server);
    collector->sender = channel_sender_close(collector->sender);
    uv_close((uv_handle_t *)&collector->second, on_second_closed);
    return NULL;
}

/* ---- views ---- */

void collector_host_view(const struct collector *collector, uint64_t host, struct host_view *ret)
{
    *ret = (struct host_view){ .presence = HOST_NEVER };
    const struct host_state *state = scope_host(collector, host);
    if (!state)
        return;
    if (state->last_tick_us != 0)
        ret->presence = state->silent ? HOST_SILENT : HOST_REPORTING;
    if (state->row->standing == HOST_RETIRED)
        ret->presence = HOST_GONE;
    ret->key = invite_admission(collector, state->row);
    ret->cloned_us = state->cloned_us;
    ret->connected = state->session != NULL;
    ret->last_tick_us = state->last_tick_us;
    ret->interval_us = state->interval_us;
    ret->cpu = state->cpu;
    ret->memory = state->memory;
    ret->firing = state->firing;
    ret->in_force = watch_strictest(state->in_force);
    memcpy(ret->limits, state->limits, sizeof ret->limits);
    snprintf(ret->version, sizeof ret->version, "%s", state->version);
}

const struct event *collector_next_event(const struct collector *collector, const struct event *after)
{
    size_t index = after ? scope_event_index(collector, after->id + 1) : 0;
    return index < collector->n_events ? collector->events[index] : NULL;
}

const struct event *collector_event(const struct collector *collector, uint64_t id)
{
    return scope_event(collector, id);
}

struct counting {
    const struct collector *collector;
    struct collector_status *status;
};

static void count_alert(void *user, const struct alert *alert)
{
    const struct counting *counting = user;
    struct collector_status *status = counting->status;
    status->firing += alert->state == ALERT_FIRING;
    status->pending += alert->state == ALERT_PENDING;
    status->unknown += alert->state == ALERT_UNKNOWN;
    status->silenced += alert->state == ALERT_FIRING && collector_is_silenced(counting->collector, alert);
}

void collector_status(const struct collector *collector, struct collector_status *ret)
{
    *ret = (struct collector_status){
        .started_us = collector->started_us,
        .pages_delivered = collector->pages_delivered,
        .pages_failed = collector->pages_failed,
        .pages_queued = pager_count_queued(collector->pager),
        .reports = collector->reports,
        .link = link_server_counts(collector->server),
        .store = store_counts(collector->store),
        .port = link_server_port(collector->server),
    };
    ret->unopened_handshakes = collector->unopened_handshakes;
    ret->unopened_messages = collector->unopened_messages;
    memcpy(ret->refused, collector->refused, sizeof ret->refused);
    for (int i = 0; i < OVER_COUNT; i++)
        ret->over[i] = collector->limits.over[i].n;
    watch_each(collector->watch, count_alert, &(struct counting){ collector, ret });
    for (const struct host_state *state = collector->hosts; state; state = state->by_id.next) {
        struct host_view view;
        collector_host_view(collector, state->id, &view);
        ret->reporting += view.presence == HOST_REPORTING;
        ret->silent += view.presence == HOST_SILENT;
    }
}

const struct keyring *collector_keyring(const struct collector *collector)
{
    return collector->keyring;
}

struct fleet *collector_fleet(const struct collector *collector)
{
    return collector->fleet;
}

struct pager *collector_pager(const struct collector *collector)
{
    return collector->pager;
}

struct watch *collector_watch(const struct collector *collector)
{
    return collector->watch;
}

struct store *collector_store(const struct collector *collector)
{
    return collector->store;
}

const struct collector_config *collector_configuration(const struct collector *collector)
{
    return collector->config;
}

int64_t collector_now_us(const struct collector *collector)
{
    return now_us(collector);
}
