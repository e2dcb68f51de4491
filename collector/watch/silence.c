#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "collector/watch/parts.h"

static int64_t later_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t silence_span_us(const struct watched *host)
{
    return WATCH_SILENCE_INTERVALS * host_interval_us(host);
}

static bool is_due(const struct watch *watch, const struct watched *host, int64_t now_us)
{
    int64_t heard_us = later_of(host->live.last_us, host->awake_us);
    heard_us = later_of(heard_us, later_of(watch->deaf_us, watch->listen_us + watch->grace_us));
    return host->live.last_us > 0 && now_us - heard_us >= silence_span_us(host);
}

/* ---- who is silent, by name ---- */

/* False: out of memory. */
static bool enlist(struct watch *watch, struct watched *host)
{
    if (!host->silence || host->name.tenant == 0)
        return true;
    HASH_ADD(by_name, watch->silent, name, sizeof host->name, host);
    return host->by_name.tbl;
}

static void delist(struct watch *watch, struct watched *host)
{
    if (host->silence && host->name.tenant != 0)
        HASH_DELETE(by_name, watch->silent, host);
}

int watch_name_host(struct watch *watch, uint64_t host_id, uint64_t tenant, const char *name)
{
    struct watched *host = watch_host(watch, host_id);
    if (!host)
        return -ENOMEM;
    struct host_name called = { .tenant = tenant };
    memcpy(called.name, name, strnlen(name, NAME_MAX_BYTES));
    if (memcmp(&called, &host->name, sizeof called) == 0)
        return 0;
    delist(watch, host);
    host->name = called;
    if (enlist(watch, host))
        return 0;
    host->name = (struct host_name){ 0 };
    return -ENOMEM;
}

bool silence_explains(const struct judging *j, const struct alert *alert)
{
    static const char probes[] = "probe.";
    struct host_name called;
    struct watched *host;
    size_t len = strcspn(alert->instance, ":/ "); /* of which there is none in a host's name */
    if (!j->watch->silent || strncmp(alert->metric, probes, strlen(probes)) != 0 || len > NAME_MAX_BYTES)
        return false;
    memset(&called, 0, sizeof called); /* it is looked for as it lies in memory */
    called.tenant = j->host->name.tenant;
    memcpy(called.name, alert->instance, len);
    HASH_FIND(by_name, j->watch->silent, &called, sizeof called, host);
    return host;
}

/* ---- its alert ---- */

/* All or nothing: what cannot be told now is found again by the next tick. */
static void begin(struct judging *j)
{
    struct watched *host = j->host;
    struct spell *spell, *next;
    if (transitions_reserve(j->out, 1 + HASH_COUNT(host->live.spells)) < 0)
        return;
    host->silence = calloc(1, sizeof *host->silence);
    if (!host->silence)
        return;
    int64_t crossed_us = host->live.last_us + host_interval_us(host);
    *host->silence = (struct alert){
        .host = host->id,
        .rule = WATCH_SILENCE_RULE,
        .state = ALERT_FIRING,
        .crossed_us = crossed_us < j->now_us ? crossed_us : j->now_us,
        .changed_us = j->now_us,
        .value = (double)(j->now_us - host->live.last_us) / (double)US_PER_S,
        .threshold = (double)silence_span_us(host) / (double)US_PER_S,
        .severity = SEVERITY_CRITICAL,
        .page = true,
    };
    if (!enlist(j->watch, host)) {
        free(TAKE(host->silence));
        return;
    }
    transitions_add(j->out, host->silence, ALERT_OK, j->now_us, false);
    HASH_ITER(hh, host->live.spells, spell, next)
    spell_lose(j, &host->live, spell, j->now_us);
}

static void end(struct judging *j, int64_t at_us)
{
    struct alert *silence = j->host->silence;
    silence->state = ALERT_OK;
    silence->crossed_us = 0;
    silence->changed_us = at_us;
    silence->value = (double)(j->now_us - at_us) / (double)US_PER_S;
    transitions_add(j->out, silence, ALERT_FIRING, j->now_us, false);
    delist(j->watch, j->host);
    free(silence);
    j->host->silence = NULL;
}

int silence_restore(struct watch *watch, struct watched *host, const struct alert *alert)
{
    AUTO(auto_free) struct alert *silence = malloc(sizeof *silence);
    if (!silence)
        return -ENOMEM;
    *silence = *alert;
    delist(watch, host);
    free(host->silence);
    host->silence = TAKE(silence);
    if (enlist(watch, host))
        return 0;
    free(TAKE(host->silence));
    return -ENOMEM;
}

void silence_end(struct judging *j, int64_t at_us)
{
    if (!j->host->silence || j->now_us - at_us >= silence_span_us(j->host))
        return;
    if (transitions_reserve(j->out, 1) < 0) {
        j->rc = -ENOMEM;
        return;
    }
    end(j, at_us);
}

void silence_drop(struct judging *j)
{
    if (j->host->silence)
        end(j, j->now_us);
}

void watch_listen(struct watch *watch, int64_t now_us, int64_t grace_us)
{
    watch_follow_clock(watch, now_us);
    watch_leave_future(watch, now_us);
    watch->listen_us = now_us;
    watch->grace_us = grace_us;
    watch->ticked_us = now_us;
}

void watch_excuse_host(struct watch *watch, uint64_t host_id, int64_t from_us)
{
    struct watched *host = watch_host(watch, host_id);
    if (host)
        host->awake_us = later_of(host->awake_us, from_us);
}

void watch_tick(struct watch *watch, int64_t now_us, struct transitions *out)
{
    struct watched *host, *next;
    watch_follow_clock(watch, now_us);
    if (watch->ticked_us > 0 && now_us - watch->ticked_us > DEAF_US)
        watch->deaf_us = now_us;
    watch->ticked_us = now_us;
    HASH_ITER(hh, watch->hosts, host, next)
    {
        struct judging j = { .watch = watch, .host = host, .now_us = now_us, .out = out };
        size_t from = out->n;
        late_settle(&j);
        mute_settle(&j, from);
        if (watch->listen_us > 0 && !host->silence && is_due(watch, host, now_us))
            begin(&j);
    }
}
