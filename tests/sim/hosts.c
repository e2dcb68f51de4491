#include "tests/sim/hosts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/parts.h"
#include "tests/sim/check.h"
#include "tests/sim/folder.h"

enum { FIRST_ROOM = 4096, CALM_LEAST = 1000, CALM_MOST = 6000 };
#define INTERVAL_FIRST_US (10 * US_PER_S)

static int64_t mono_ns(void *user)
{
    const struct sim_host *host = user;
    int64_t us = world_now_us() - host->booted_us;
    return (us + us / US_PER_S * host->drift_ppm) * NS_PER_US;
}

static int64_t wall_ns(void *user)
{
    const struct sim_host *host = user;
    return (world_wall_us() + host->wall_off_us) * NS_PER_US;
}

static void draw_boot(struct sim_host *host)
{
    for (size_t i = 0; i < sizeof host->boot.bytes; i++)
        host->boot.bytes[i] = (uint8_t)(dice_bits(&host->dice) >> 32);
}

static void make_keys(struct key_pair *ret, uint8_t kind, unsigned number)
{
    uint8_t secret[KEY_BYTES] = { kind };
    memcpy(secret + 1, &number, sizeof number);
    if (key_pair_of(ret, secret, NULL) < 0)
        world_fail("no keys");
}

void host_collector_keys(struct key_pair *ret)
{
    make_keys(ret, 1, 0);
}

void host_init(struct sim_host *host, unsigned number, uint64_t seed, int log_fd)
{
    memset(host, 0, sizeof *host);
    host->dice = dice_of(seed, 0x1000 + number);
    snprintf(host->name, sizeof host->name, "host-%u", number);
    host->line = (struct line){ .least_us = dice_between(&host->dice, 0, 2 * US_PER_MS), .user = host };
    host->line.most_us = host->line.least_us + dice_between(&host->dice, 1, 40) * US_PER_MS;
    host->process.line = &host->line;
    make_keys(&host->keys, 2, number); /* the same in each life */
    snprintf(host->spool, sizeof host->spool, "%s", host->name);
    host->queue_bytes = (size_t)dice_between(&host->dice, 16, 256) << 10;
    host->spool_bytes = (uint64_t)dice_between(&host->dice, 1, 16) << 20;
    host->spool_age_us = (dice_chance(&host->dice, 25) ? dice_between(&host->dice, 300, 1200) : 7 * 86400) * US_PER_S;
    draw_boot(host);
    host->booted_us = -dice_between(&host->dice, 100, 1000000) * US_PER_S;
    host->drift_ppm = dice_between(&host->dice, -200, 200);
    host->wall_off_us = dice_between(&host->dice, -5, 5) * US_PER_S;
    host->clock = (struct clock){ .mono_ns = mono_ns, .wall_ns = wall_ns, .user = host };
    host->log = (struct log){ .fd = log_fd, .least = LOG_INFO, .clock = world_clock() };
}

/* ---- what is bad ---- */

const char *ill_title(enum ill ill)
{
    static const char *const titles[] = { "CPU", "Memory", "Filesystem" };
    return titles[ill];
}

const char *ill_rule(enum ill ill)
{
    static const char *const rules[] = { "cpu_", "memory_", "filesystem_" };
    return rules[ill];
}

void host_add_spell(struct sim_host *host, enum ill ill, int64_t from_us, int64_t span_us)
{
    struct spells *spells = &host->ills[ill];
    struct spell *grown = reallocarray(spells->at, spells->n + 1, sizeof *grown);
    if (!grown)
        world_fail("out of memory");
    spells->at = grown;
    spells->at[spells->n++] = (struct spell){ .from_us = from_us, .to_us = from_us + span_us };
}

/* Far enough from each other that each is an incident of its own. */
void host_plan(struct sim_host *host, int64_t until_wall_us, int64_t hold_us)
{
    int64_t at_us = world_wall_us();
    for (;;) {
        at_us += dice_between(&host->dice, 600, 3000) * US_PER_S;
        bool brief = dice_chance(&host->dice, 20);
        int64_t span_us = brief ? dice_between(&host->dice, 1, 10) * US_PER_S
                                : hold_us + dice_between(&host->dice, 45, 240) * US_PER_S;
        if (at_us + span_us > until_wall_us)
            return;
        host_add_spell(host, ILL_CPU, at_us, span_us);
        at_us += span_us;
    }
}

/* NULL: all is well. */
static struct spell *spell_now(struct spells *spells)
{
    int64_t now_us = world_wall_us();
    while (spells->now < spells->n && spells->at[spells->now].to_us <= now_us)
        spells->now++;
    struct spell *spell = spells->now < spells->n ? &spells->at[spells->now] : NULL;
    return spell && spell->from_us <= now_us ? spell : NULL;
}

static double value_now(struct sim_host *host, enum ill ill)
{
    struct spell *spell = spell_now(&host->ills[ill]);
    if (!spell && ill == ILL_FILESYSTEM) /* what jumps about looks like filling up */
        return 0.3;
    if (!spell)
        return (double)dice_between(&host->dice, CALM_LEAST, CALM_MOST) / 1e4;
    spell->last_us = world_wall_us();
    if (spell->first_us == 0)
        spell->first_us = spell->last_us;
    return HOST_BAD;
}

/* ---- ticks ---- */

static void note_tick(struct sim_host *host)
{
    if (host->n_ticks + 1 >= host->room) {
        host->room = host->room ? host->room * 2 : FIRST_ROOM;
        host->ticks = reallocarray(host->ticks, host->room, sizeof *host->ticks);
        if (!host->ticks)
            world_fail("out of memory");
    }
    host->ticks[++host->n_ticks] = (struct tick){
        .at_us = world_wall_us(), .life = host->life, .wall_off_us = host->wall_off_us, .booted_us = host->booted_us
    };
}

static void add_the_rest(struct sim_host *host)
{
    static const enum metric_id calm[] = { METRIC_LOAD_1M, METRIC_DISK_UTILIZATION, METRIC_NETWORK_TRANSMIT,
                                           METRIC_NETWORK_RECEIVE, METRIC_DISK_WRITE_BYTES };
    readings_add(&host->readings, METRIC_FILESYSTEM_UTILIZATION, "/", value_now(host, ILL_FILESYSTEM));
    for (size_t i = 0; i < sizeof calm / sizeof calm[0]; i++)
        readings_add(&host->readings, calm[i], metric_get(calm[i])->instance_label ? "a" : "",
                     (double)dice_between(&host->dice, 0, 1000) / 1e4);
}

static void wait_for_tick(struct sim_host *host);

static void on_tick(uv_timer_t *timer)
{
    struct sim_host *host = timer->data;
    struct readings *readings = &host->readings;
    note_tick(host);
    readings_clear(readings);
    readings_add(readings, METRIC_CPU_UTILIZATION, "", value_now(host, ILL_CPU));
    readings_add(readings, METRIC_MEMORY_UTILIZATION, "", value_now(host, ILL_MEMORY));
    readings_add(readings, HOST_SERIAL, "", (double)host->n_ticks);
    readings_add(readings, METRIC_AGENT_EXERCISE, "", (double)uplink_exercise(host->uplink));
    readings_add(readings, METRIC_DISK_READ_BYTES, "vda", (double)dice_between(&host->dice, 0, 1000000));
    if (host->wide)
        add_the_rest(host);
    ticker_took(&host->ticker, clock_mono_us(&host->clock));
    uplink_push(host->uplink, readings, clock_mono_us(&host->clock), clock_wall_us(&host->clock));
    wait_for_tick(host);
}

static void wait_for_tick(struct sim_host *host)
{
    int64_t wait_us = ticker_wait(&host->ticker, clock_wall_us(&host->clock));
    uv_timer_start(&host->timer, on_tick, (uint64_t)((wait_us + US_PER_MS - 1) / US_PER_MS), 0);
}

static void on_interval(void *user, int64_t interval_us)
{
    struct sim_host *host = user;
    bool together = host->together && interval_us > US_PER_S;
    ticker_init(&host->ticker, interval_us, together ? 0 : host->id);
    wait_for_tick(host);
}

/* ---- life ---- */

/* A spell that goes on while nobody reads is not to be had whole. */
static void break_spell(struct sim_host *host)
{
    for (int ill = 0; ill < ILL_COUNT; ill++) {
        struct spell *spell = spell_now(&host->ills[ill]);
        if (spell)
            spell->broken = true;
    }
}

void host_open(struct sim_host *host)
{
    struct err err;
    static const char *const addresses[] = { "collector:9740" };
    struct key_pair collector;
    host_collector_keys(&collector);
    const struct uplink_config config = { .addresses = addresses,
                                          .n_addresses = 1,
                                          .collector = collector.public_key,
                                          .own = &host->keys,
                                          .host = host->id,
                                          .interval_us = INTERVAL_FIRST_US,
                                          .queue_bytes = host->queue_bytes,
                                          .spool = host->spool,
                                          .spool_bytes = host->spool_bytes,
                                          .spool_age_us = host->spool_age_us,
                                          .boot = host->boot,
                                          .hostname = host->name,
                                          .system = "Linux" };
    break_spell(host);
    process_start(&host->process);
    host->life++;
    host->up = true;
    if (uplink_open(&host->uplink, &host->process.loop, &config, on_interval, host, &host->clock, &host->log, &err) < 0)
        world_fail("%s: %s", host->name, err.text);
    check_runs(host, &host->uplink->run);
    uv_timer_init(&host->process.loop, &host->timer);
    host->timer.data = host;
    on_interval(host, INTERVAL_FIRST_US);
}

/* What no round of the spool has written yet is gone with the agent: the newest ones. */
static void mark_losable(struct sim_host *host)
{
    struct uplink_counts counts = uplink_counts(host->uplink);
    uint64_t left = counts.queued > counts.spooled ? counts.queued - counts.spooled + 1 : 1;
    for (size_t serial = host->n_ticks; serial > 0 && left > 0; serial--, left--)
        if (!host->ticks[serial].acked && host->ticks[serial].life == host->life)
            host->ticks[serial].losable = true;
}

void host_kill(struct sim_host *host)
{
    mark_losable(host);
    break_spell(host);
    host->up = false;
    host->process.dead = true;
    host->process.stopped = false;
    uv_update_time(&host->process.loop);
    folder_keep(host->spool);
    host->uplink = uplink_close(host->uplink);
    uv_close((uv_handle_t *)&host->timer, NULL);
    process_end(&host->process);
    folder_put_back(host->spool);
}

void host_reboot(struct sim_host *host)
{
    host->booted_us = world_now_us();
    draw_boot(host);
}

void host_stop(struct sim_host *host)
{
    break_spell(host);
    host->process.stopped = true;
}

void host_continue(struct sim_host *host)
{
    break_spell(host);
    host->process.stopped = false;
}

void host_done(struct sim_host *host)
{
    if (host->up)
        host_kill(host);
    readings_done(&host->readings);
    free(host->ticks);
    for (int ill = 0; ill < ILL_COUNT; ill++)
        free(host->ills[ill].at);
}

void hosts_must_be_drained(const struct sim_host *hosts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t queued = uplink_counts(hosts[i].uplink).queued;
        if (queued > 60)
            world_fail("%s still holds %" PRIu64 " ticks, long after the last fault", hosts[i].name, queued);
    }
}
