/* Each target goes round: waiting for its time, looking up its name, bursting, and settling until libuv has given
 * every handle back, since the next burst reuses their memory. One timer wakes the prober for whichever target is due
 * first. */
#include "agent/probe/probe.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/burst.h"
#include "base/auto.h"
#include "proto/link/address.h"

enum phase { PHASE_IDLE, PHASE_LOOKUP, PHASE_BURST, PHASE_SETTLE };

struct target {
    struct prober *prober;
    enum phase phase;
    char *name;
    struct address address;
    bool literal; /* `to` is known without a look-up */
    struct sockaddr_storage to;
    int64_t every_us;
    int64_t next_us; /* the next burst's start */
    bool finished;   /* one burst at least */
    bool unresolved; /* said so already */
    struct burst_result result;
    struct burst burst;
    uv_getaddrinfo_t lookup;
};

struct prober {
    uv_loop_t *loop;
    uv_timer_t timer;
    bool timer_open;
    bool closing;
    const struct clock *clock;
    const struct log *log;
    size_t n;
    struct target *targets;
};

static void advance(struct prober *prober);

static void prober_free(struct prober *prober)
{
    if (!prober)
        return;
    for (size_t i = 0; i < prober->n; i++)
        free(prober->targets[i].name);
    free(prober->targets);
    free(prober);
}

static void auto_prober(struct prober **prober)
{
    prober_free(*prober);
}

/* ---- a target's round ---- */

static void finish(struct target *target, struct burst_result result)
{
    target->result = result;
    target->finished = true;
    target->phase = PHASE_SETTLE;
}

static void begin_burst(struct target *target)
{
    target->phase = PHASE_BURST;
    burst_start(&target->burst, &target->to);
}

/* Said once in a row: a name that is gone stays gone for many bursts. */
static void note_lookup(struct target *target, int status)
{
    if (status < 0 && !target->unresolved)
        log_event(target->prober->log, LOG_WARN, "probe_name_unknown", KV_TEXT("target", target->name),
                  KV_TEXT("name", target->address.host), KV_TEXT("error", uv_strerror(status)));
    else if (status == 0 && target->unresolved)
        log_event(target->prober->log, LOG_INFO, "probe_name_known", KV_TEXT("target", target->name),
                  KV_TEXT("name", target->address.host));
    target->unresolved = status < 0;
}

static void lose_burst(struct target *target)
{
    finish(target, (struct burst_result){ NAN, NAN, 1, target->burst.count });
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct target *target = lookup->data;
    struct prober *prober = target->prober;
    target->phase = PHASE_IDLE;
    if (!prober->closing) {
        note_lookup(target, status);
        if (status == 0) {
            memcpy(&target->to, found->ai_addr, found->ai_addrlen);
            begin_burst(target);
        } else {
            lose_burst(target);
        }
    }
    uv_freeaddrinfo(found);
    advance(prober);
}

static void look_up(struct target *target)
{
    char port[8];
    snprintf(port, sizeof port, "%u", target->address.port);
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };
    target->phase = PHASE_LOOKUP;
    int rc = uv_getaddrinfo(target->prober->loop, &target->lookup, on_lookup, target->address.host, port, &hints);
    if (rc < 0) {
        note_lookup(target, rc);
        lose_burst(target);
    }
}

/* Starts that passed while a burst was still going are left out: bursts do not overlap. */
static void begin_round(struct target *target, int64_t now_us)
{
    target->next_us += ((now_us - target->next_us) / target->every_us + 1) * target->every_us;
    if (target->literal)
        begin_burst(target);
    else
        look_up(target);
}

/* Does what is due; returns when the target wants to be looked at again. */
static int64_t advance_target(struct target *target, int64_t now_us)
{
    int64_t wake_us = INT64_MAX;
    if (target->phase == PHASE_SETTLE && burst_is_quiet(&target->burst))
        target->phase = PHASE_IDLE;
    if (target->phase == PHASE_IDLE && now_us >= target->next_us)
        begin_round(target, now_us);
    if (target->phase == PHASE_BURST && burst_advance(&target->burst, now_us, &wake_us))
        finish(target, burst_result(&target->burst));
    return target->phase == PHASE_IDLE ? target->next_us : wake_us;
}

/* ---- all targets ---- */

static void free_when_quiet(struct prober *prober)
{
    if (prober->timer_open)
        return;
    for (size_t i = 0; i < prober->n; i++)
        if (prober->targets[i].phase == PHASE_LOOKUP || !burst_is_quiet(&prober->targets[i].burst))
            return;
    prober_free(prober);
}

static void on_timer(uv_timer_t *timer)
{
    advance(timer->data);
}

static void on_change(void *user)
{
    advance(user);
}

static void advance(struct prober *prober)
{
    if (prober->closing) {
        free_when_quiet(prober);
        return;
    }
    int64_t now_us = clock_mono_us(prober->clock);
    int64_t wake_us = INT64_MAX;
    for (size_t i = 0; i < prober->n; i++) {
        int64_t at_us = advance_target(&prober->targets[i], now_us);
        if (at_us < wake_us)
            wake_us = at_us;
    }
    int64_t wait_us = wake_us > now_us ? wake_us - now_us : 0;
    uv_update_time(prober->loop); /* the timer counts from the loop's idea of now, which may be a long read old */
    if (wake_us == INT64_MAX)
        uv_timer_stop(&prober->timer);
    else
        uv_timer_start(&prober->timer, on_timer, (uint64_t)((wait_us + US_PER_MS - 1) / US_PER_MS), 0);
}

/* ---- the contract ---- */

int probe_target_check(const struct probe_target *target, struct err *err)
{
    struct address address;
    if (address_split(target->address, &address) < 0)
        return err_set(err, -EINVAL,
                       "probe %s: `%s` is not HOST:PORT, as in 192.0.2.7:443, [2001:db8::7]:443 or db.example.com:5432",
                       target->name, target->address);
    struct sockaddr_storage numeric;
    if (address.bracketed && address_numeric(target->address, &numeric) < 0)
        return err_set(err, -EINVAL, "probe %s: there is no IPv6 address between the brackets of `%s`", target->name,
                       target->address);
    if (address.port == 0)
        return err_set(err, -EINVAL, "probe %s: the port of `%s` must be 1 to 65535", target->name, target->address);
    if (target->count < 1 || target->count > PROBE_COUNT_MAX)
        return err_set(err, -EINVAL, "probe %s: count must be 1 to %d", target->name, PROBE_COUNT_MAX);
    if (target->every_us <= 0 || target->timeout_us <= 0 || target->spacing_us < 0)
        return err_set(err, -EINVAL, "probe %s: times must be positive", target->name);
    if ((target->count - 1) * target->spacing_us + target->timeout_us > target->every_us)
        return err_set(err, -EINVAL, "probe %s: a burst, (count - 1) x spacing + timeout, is longer than `every`",
                       target->name);
    return 0;
}

static int init_target(struct target *target, struct prober *prober, const struct probe_target *from, struct err *err)
{
    int rc = probe_target_check(from, err);
    if (rc < 0)
        return rc;
    address_split(from->address, &target->address); /* cannot fail: it was just checked */
    target->name = strdup(from->name);
    if (!target->name)
        return err_set(err, -ENOMEM, "probe: out of memory");
    target->prober = prober;
    target->literal = address_numeric(from->address, &target->to) == 0;
    target->every_us = from->every_us;
    target->next_us = clock_mono_us(prober->clock);
    target->result = (struct burst_result){ NAN, NAN, NAN, NAN };
    target->lookup.data = target;
    target->burst = (struct burst){
        .loop = prober->loop,
        .clock = prober->clock,
        .on_change = on_change,
        .user = prober,
        .spacing_us = from->spacing_us,
        .timeout_us = from->timeout_us,
        .count = (unsigned)from->count,
    };
    return 0;
}

int prober_open(struct prober **ret_prober, uv_loop_t *loop, const struct probe_target *targets, size_t n,
                const struct clock *clock, const struct log *log, struct err *err)
{
    assert(ret_prober && loop && clock && (targets || n == 0));
    if (n > PROBE_TARGETS_MAX)
        return err_set(err, -EINVAL, "probe: %zu targets, at most %d", n, PROBE_TARGETS_MAX);
    AUTO(auto_prober) struct prober *prober = calloc(1, sizeof *prober);
    if (!prober || (n > 0 && !(prober->targets = calloc(n, sizeof *prober->targets))))
        return err_set(err, -ENOMEM, "probe: out of memory");
    prober->loop = loop;
    prober->clock = clock;
    prober->log = log;
    prober->n = n;
    for (size_t i = 0; i < n; i++) {
        int rc = init_target(&prober->targets[i], prober, &targets[i], err);
        if (rc < 0)
            return rc;
    }
    uv_timer_init(loop, &prober->timer); /* never fails */
    prober->timer.data = prober;
    prober->timer_open = true;
    advance(prober);
    *ret_prober = TAKE(prober);
    return 0;
}

void prober_take(struct prober *prober, struct readings *readings)
{
    for (size_t i = 0; i < prober->n; i++) {
        const struct target *target = &prober->targets[i];
        readings_add(readings, METRIC_PROBE_LATENCY, target->name, target->result.latency);
        readings_add(readings, METRIC_PROBE_LATENCY_MAX, target->name, target->result.latency_max);
        readings_add(readings, METRIC_PROBE_LOSS, target->name, target->result.loss);
        readings_add(readings, METRIC_PROBE_ATTEMPTS, target->name, target->result.attempts);
    }
}

bool prober_ready(const struct prober *prober)
{
    for (size_t i = 0; i < prober->n; i++)
        if (!prober->targets[i].finished)
            return false;
    return true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct prober *prober = handle->data;
    prober->timer_open = false;
    free_when_quiet(prober);
}

struct prober *prober_close(struct prober *prober)
{
    if (!prober)
        return NULL;
    prober->closing = true;
    for (size_t i = 0; i < prober->n; i++) {
        struct target *target = &prober->targets[i];
        burst_abort(&target->burst);
        if (target->phase == PHASE_LOOKUP)
            uv_cancel((uv_req_t *)&target->lookup); /* one that runs already cannot be: it comes back by itself */
    }
    uv_close((uv_handle_t *)&prober->timer, on_timer_closed);
    return NULL;
}
