/* One tick at a time: the timer fills in what the loop knows (the agent's own numbers, the probes' results) and hands
 * the list to the worker, which adds what the kernel says; back on the loop it goes to the uplink. A tick that comes
 * while the one before is still being read is left out: a kernel that hangs must not pile up work. */
#include "agent/agent.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/read/read.h"
#include "agent/self.h"
#include "agent/ticker.h"
#include "base/auto.h"
#include "base/work.h"

#define LATE_SAID_EVERY_US (60 * US_PER_S)
#define AGENT_HURRY_US     (200 * US_PER_MS)

struct agent {
    struct job reading; /* first: its callbacks get the agent back from it */
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_timer_t hang_timer;
    const struct clock *clock;
    struct log *log;
    const struct settings *settings;
    const struct identity *identity;
    enum log_level wanted_level;
    struct reader *reader;
    struct worker *worker;
    struct prober *prober;
    struct uplink *uplink;
    struct ticker ticker;
    struct self self;
    struct readings readings; /* the worker's while `busy` */
    int64_t mono_us;          /* of the tick being read */
    int64_t wall_us;
    bool busy;
    bool leaving;
    bool closed;
    uint64_t left_out; /* ticks, not yet said */
    int64_t said_us;
};

static void close_parts(struct agent *agent);

/* ---- ticks ---- */

static void say_left_out(struct agent *agent, uint64_t n)
{
    agent->left_out += n;
    if (agent->left_out == 0 || (agent->said_us > 0 && agent->mono_us - agent->said_us < LATE_SAID_EVERY_US))
        return;
    log_event(agent->log, LOG_WARN, "ticks_left_out", KV_COUNT("ticks", agent->left_out));
    agent->left_out = 0;
    agent->said_us = agent->mono_us;
}

static void on_timer(uv_timer_t *timer);

static void arm(struct agent *agent)
{
    int64_t wait_us = ticker_wait(&agent->ticker, clock_wall_us(agent->clock));
    uv_update_time(agent->loop);
    uv_timer_start(&agent->timer, on_timer, (uint64_t)((wait_us + US_PER_MS - 1) / US_PER_MS), 0);
}

static void read_host(struct job *job) /* on the worker */
{
    struct agent *agent = (struct agent *)job;
    reader_take(agent->reader, &agent->readings);
}

static void start_tick(struct agent *agent)
{
    struct uplink_counts counts = uplink_counts(agent->uplink);
    agent->busy = true;
    readings_clear(&agent->readings);
    self_take(&agent->self, &counts, uplink_exercise(agent->uplink), agent->mono_us, &agent->readings);
    prober_take(agent->prober, &agent->readings);
    worker_submit(agent->worker, &agent->reading);
}

static void on_timer(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    agent->wall_us = clock_wall_us(agent->clock);
    if (agent->busy) { /* counted by the next tick that is taken: it finds the time passed */
        arm(agent);
        return;
    }
    agent->mono_us = clock_mono_us(agent->clock);
    say_left_out(agent, ticker_took(&agent->ticker, agent->mono_us));
    start_tick(agent);
    arm(agent);
}

static void drain(struct agent *agent);

static void on_read(struct job *job)
{
    struct agent *agent = (struct agent *)job;
    agent->busy = false;
    agent->log->least = agent->wanted_level;
    uplink_push(agent->uplink, &agent->readings, agent->mono_us, agent->wall_us);
    if (agent->leaving)
        drain(agent);
}

static void on_interval(void *user, int64_t interval_us)
{
    struct agent *agent = user;
    ticker_init(&agent->ticker, interval_us, agent->identity->host);
    if (!agent->leaving)
        arm(agent);
}

/* ---- leaving ---- */

static void on_drained(void *user)
{
    struct agent *agent = user;
    struct uplink_counts counts = uplink_counts(agent->uplink);
    log_event(agent->log, counts.queued ? LOG_WARN : LOG_INFO, "agent_left", KV_COUNT("stored", counts.stored),
              KV_COUNT("refused", counts.refused), KV_COUNT("dropped", counts.dropped),
              KV_COUNT("undelivered", counts.queued), KV_COUNT("spooled", counts.spooled),
              KV_COUNT("answers_unopened", counts.unopened));
    close_parts(agent);
}

static void drain(struct agent *agent)
{
    uplink_drain(agent->uplink, AGENT_DRAIN_US, on_drained, agent);
}

static void on_hang(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    log_event(agent->log, LOG_WARN, "agent_hangs", KV_TEXT("in", agent->busy ? "reading the host" : "a name look-up"));
    uv_stop(agent->loop);
}

/* It does not hold the loop: when all the rest is gone, so is the reason for it. */
static void watch_for_hang(struct agent *agent, int64_t within_us)
{
    uv_timer_start(&agent->hang_timer, on_hang, (uint64_t)(within_us / US_PER_MS), 0);
    uv_unref((uv_handle_t *)&agent->hang_timer);
}

void agent_leave(struct agent *agent)
{
    if (agent->closed)
        return;
    if (agent->leaving) { /* asked twice: somebody is in a hurry */
        watch_for_hang(agent, AGENT_HURRY_US);
        if (!agent->busy)
            close_parts(agent);
        return;
    }
    agent->leaving = true;
    log_event(agent->log, LOG_INFO, "agent_leaving", KV_COUNT("queued", uplink_counts(agent->uplink).queued));
    uv_timer_stop(&agent->timer);
    watch_for_hang(agent, AGENT_DRAIN_US + AGENT_HANG_US);
    if (!agent->busy)
        drain(agent);
}

/* Nothing is being read now, so the worker has nothing to wait for. */
static void close_parts(struct agent *agent)
{
    assert(!agent->busy);
    if (agent->closed)
        return;
    agent->closed = true;
    agent->uplink = uplink_close(agent->uplink);
    agent->prober = prober_close(agent->prober);
    agent->worker = worker_close(agent->worker);
    uv_close((uv_handle_t *)&agent->timer, NULL);
}

/* ---- reload ---- */

static bool same_probes(const struct settings *a, const struct settings *b)
{
    struct probe_target one[PROBE_TARGETS_MAX], other[PROBE_TARGETS_MAX];
    size_t n = settings_targets(a, one);
    if (settings_targets(b, other) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(one[i].name, other[i].name) != 0 || strcmp(one[i].address, other[i].address) != 0 ||
            one[i].every_us != other[i].every_us || one[i].count != other[i].count ||
            one[i].spacing_us != other[i].spacing_us || one[i].timeout_us != other[i].timeout_us)
            return false;
    return true;
}

static int open_prober(struct agent *agent, const struct settings *settings, struct prober **ret, struct err *err)
{
    struct probe_target targets[PROBE_TARGETS_MAX];
    size_t n = settings_targets(settings, targets);
    return prober_open(ret, agent->loop, targets, n, agent->clock, agent->log, err);
}

static void reload_probes(struct agent *agent, const struct settings *settings)
{
    if (same_probes(agent->settings, settings))
        return;
    struct prober *fresh;
    struct err err;
    if (open_prober(agent, settings, &fresh, &err) < 0) {
        log_event(agent->log, LOG_ERROR, "probes_kept", KV_TEXT("error", err.text));
        return;
    }
    prober_close(agent->prober);
    agent->prober = fresh;
}

static void say_waits(const struct agent *agent, const char *key, bool same)
{
    if (!same)
        log_event(agent->log, LOG_WARN, "setting_waits_for_restart", KV_TEXT("key", key));
}

static void say_what_waits(const struct agent *agent, const struct settings *now)
{
    const struct settings *was = agent->settings;
    say_waits(agent, "identity", strcmp(was->identity, now->identity) == 0);
    say_waits(agent, "interval", was->interval_us == now->interval_us);
    say_waits(agent, "queue", was->queue_bytes == now->queue_bytes);
    say_waits(agent, "user",
              (was->user == NULL) == (now->user == NULL) && (!was->user || strcmp(was->user, now->user) == 0));
    say_waits(agent, "spool", strcmp(was->spool, now->spool) == 0);
    say_waits(agent, "spool_size", was->spool_bytes == now->spool_bytes);
    say_waits(agent, "spool_age", was->spool_age_us == now->spool_age_us);
    say_waits(agent, "procfs", strcmp(was->procfs, now->procfs) == 0);
    say_waits(agent, "sysfs", strcmp(was->sysfs, now->sysfs) == 0);
    say_waits(agent, "rootfs", strcmp(was->rootfs, now->rootfs) == 0);
}

void agent_reload(struct agent *agent, const struct settings *settings)
{
    if (!agent->leaving) {
        say_what_waits(agent, settings);
        reload_probes(agent, settings);
        agent->wanted_level = (enum log_level)settings->log_level;
        if (!agent->busy) /* the readers log as well */
            agent->log->least = agent->wanted_level;
        log_event(agent->log, LOG_INFO, "settings_reloaded");
    }
    agent->settings = settings;
}

/* ---- opening ---- */

static int open_uplink(struct agent *agent, struct err *err)
{
    const struct settings *settings = agent->settings;
    const char *addresses[INVITE_ADDRESSES_MAX];
    identity_addresses(agent->identity, addresses);
    struct self_names names;
    self_names(&names);
    struct uplink_config config = {
        .addresses = addresses,
        .n_addresses = agent->identity->n_addresses,
        .collector = agent->identity->collector,
        .own = &agent->identity->keys,
        .host = agent->identity->host,
        .interval_us = settings->interval_us,
        .queue_bytes = (size_t)settings->queue_bytes,
        .spool = settings->spool,
        .spool_bytes = (uint64_t)settings->spool_bytes,
        .spool_age_us = settings->spool_age_us,
        .boot = self_boot(),
        .hostname = names.hostname,
        .system = names.system,
    };
    return uplink_open(&agent->uplink, agent->loop, &config, on_interval, agent, agent->clock, agent->log, err);
}

static int open_parts(struct agent *agent, struct err *err)
{
    const struct settings *settings = agent->settings;
    const struct roots roots = { settings->procfs, settings->sysfs, settings->rootfs };
    int rc = reader_open(&agent->reader, &roots, agent->clock, agent->log, err);
    if (rc == 0)
        rc = worker_open(&agent->worker, agent->loop, "read", err);
    if (rc == 0)
        rc = open_prober(agent, settings, &agent->prober, err);
    if (rc == 0)
        rc = open_uplink(agent, err);
    return rc;
}

static void begin(struct agent *agent)
{
    char host[17];
    snprintf(host, sizeof host, "%016" PRIx64, agent->identity->host);
    log_event(agent->log, LOG_INFO, "agent_started", KV_TEXT("version", WARROOM_VERSION), KV_TEXT("host", host),
              KV_TEXT("collector", agent->identity->addresses[0]),
              KV_REAL("interval_s", (double)agent->settings->interval_us / US_PER_S));
    ticker_init(&agent->ticker, agent->settings->interval_us, agent->identity->host);
    arm(agent);
}

int agent_open(struct agent **ret_agent, uv_loop_t *loop, const struct settings *settings,
               const struct identity *identity, const struct clock *clock, struct log *log, struct err *err)
{
    assert(ret_agent && loop && settings && identity && clock && log);
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent)
        return err_set(err, -ENOMEM, "agent: out of memory");
    agent->reading = (struct job){ .run = read_host, .done = on_read };
    agent->loop = loop;
    agent->clock = clock;
    agent->log = log;
    agent->settings = settings;
    agent->identity = identity;
    agent->wanted_level = log->least;
    self_init(&agent->self);
    uv_timer_init(loop, &agent->timer); /* never fails */
    uv_timer_init(loop, &agent->hang_timer);
    agent->timer.data = agent->hang_timer.data = agent;
    int rc = open_parts(agent, err);
    if (rc < 0) {
        close_parts(agent);
        agent_free(agent);
        return rc;
    }
    begin(agent);
    *ret_agent = agent;
    return 0;
}

static void on_last_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct agent *agent_free(struct agent *agent)
{
    if (!agent)
        return NULL;
    assert(agent->closed);
    agent->reader = reader_close(agent->reader);
    self_done(&agent->self);
    readings_done(&agent->readings);
    uv_close((uv_handle_t *)&agent->hang_timer, on_last_closed);
    return NULL;
}
