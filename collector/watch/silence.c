#include <errno.h>
#include <stdlib.h>

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
    free(silence);
    j->host->silence = NULL;
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
