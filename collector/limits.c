#include "collector/limits.h"

#include "base/clock.h"
#include "proto/codec/message.h"

#define TOLD_US (60 * US_PER_S)

struct limits_config limits_default(void)
{
    return (struct limits_config){
        .connections = 20000,
        .strangers = 4096,
        .strangers_of_address = 1024,
        .handshakes = 1000, /* a fifth of a second's CPU */
        .handshakes_of_address = 100,
        .pending_bytes = 256 << 20,
        .messages = 50, /* an agent sends one a second, and one of its backlog */
        .bytes = 1 << 20,
        .series = SERIES_MAX,
        .label_bytes = INSTANCE_MAX,
        .hosts = 20000,
        .skew_us = 60 * US_PER_S,
    };
}

struct limits_config limits_of(const struct limits_config *config)
{
    struct limits_config all = limits_default();
    const struct {
        int64_t *to, from;
    } rows[] = {
        { &all.connections, config->connections },
        { &all.strangers, config->strangers },
        { &all.strangers_of_address, config->strangers_of_address },
        { &all.handshakes, config->handshakes },
        { &all.handshakes_of_address, config->handshakes_of_address },
        { &all.pending_bytes, config->pending_bytes },
        { &all.messages, config->messages },
        { &all.bytes, config->bytes },
        { &all.series, config->series },
        { &all.label_bytes, config->label_bytes },
        { &all.hosts, config->hosts },
        { &all.skew_us, config->skew_us },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].from != 0)
            *rows[i].to = rows[i].from;
    return all;
}

const char *limit_name(enum limit limit)
{
    static const char *const names[OVER_COUNT] = {
        [OVER_CONNECTIONS] = "connections", [OVER_STRANGERS] = "strangers", [OVER_HANDSHAKES] = "handshakes",
        [OVER_MESSAGES] = "messages",       [OVER_BYTES] = "bytes",         [OVER_SERIES] = "series",
        [OVER_LABELS] = "labels",           [OVER_HOSTS] = "hosts",         [OVER_SKEW] = "clock",
    };
    return names[limit];
}

void limits_init(struct limits *limits, const struct limits_config *config, uint64_t seed)
{
    *limits = (struct limits){ .config = limits_of(config), .seed = seed };
}

/* ---- buckets ---- */

static void leak(struct bucket *bucket, double rate, int64_t now_us)
{
    if (now_us > bucket->at_us)
        bucket->taken -= rate * (double)(now_us - bucket->at_us) / US_PER_S;
    if (bucket->taken < 0)
        bucket->taken = 0;
    bucket->at_us = now_us;
}

int64_t bucket_take(struct bucket *bucket, double n, double rate, double burst, int64_t now_us)
{
    leak(bucket, rate, now_us);
    bucket->taken += n;
    if (bucket->taken <= burst)
        return 0;
    if (bucket->taken > 2 * burst)
        bucket->taken = 2 * burst;
    /* as much must have leaked that `n` fits once more */
    return 1 + (int64_t)((bucket->taken + n - burst) / rate * US_PER_S);
}

/* ---- strangers ---- */

static struct source_meter *meter_of(struct limits *limits, uint64_t source)
{
    uint64_t mixed = (source ^ limits->seed) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return &limits->sources[(mixed >> 32) % LIMITS_SOURCES];
}

static bool take_reserve(struct bucket *reserve, int64_t now_us)
{
    leak(reserve, 1.0 / LIMITS_RESERVE_S, now_us);
    if (reserve->taken + 1 > LIMITS_RESERVE)
        return false; /* no debt: who asks on meanwhile gets its next one all the same */
    reserve->taken++;
    return true;
}

bool limits_take_handshake(struct limits *limits, uint64_t source, int64_t now_us)
{
    const struct limits_config *config = &limits->config;
    struct source_meter *meter = meter_of(limits, source);
    double of_address = (double)config->handshakes_of_address, of_all = (double)config->handshakes;
    /* An address that is over its own share takes none of the others'. */
    if (bucket_take(&meter->handshakes, 1, of_address, of_address * LIMITS_BURST_S, now_us) > 0)
        return false;
    return bucket_take(&limits->handshakes, 1, of_all, of_all * LIMITS_BURST_S, now_us) == 0 ||
           take_reserve(&meter->reserve, now_us);
}

static void give_back(struct bucket *bucket)
{
    bucket->taken = bucket->taken > 1 ? bucket->taken - 1 : 0;
}

void limits_give_back_handshake(struct limits *limits, uint64_t source)
{
    struct source_meter *meter = meter_of(limits, source);
    give_back(&meter->handshakes);
    give_back(&meter->reserve);
    give_back(&limits->handshakes);
}

/* ---- hosts ---- */

int64_t limits_take_message(struct limits *limits, struct host_meter *meter, uint64_t bytes, int64_t now_us,
                            enum limit *ret_limit)
{
    const struct limits_config *config = &limits->config;
    double messages = (double)config->messages, rate = (double)config->bytes;
    int64_t for_messages = bucket_take(&meter->messages, 1, messages, messages * LIMITS_BURST_S, now_us);
    int64_t for_bytes = bucket_take(&meter->bytes, (double)bytes, rate, rate * LIMITS_BURST_S, now_us);
    *ret_limit = for_bytes > for_messages ? OVER_BYTES : OVER_MESSAGES;
    return for_bytes > for_messages ? for_bytes : for_messages;
}

bool limits_is_deaf(int64_t wait_us)
{
    return wait_us > LIMITS_BURST_S * US_PER_S;
}

/* ---- what was over ---- */

uint64_t damper_count(struct damper *damper, uint64_t n, int64_t now_us)
{
    damper->n += n;
    if (damper->n == damper->told || (damper->told > 0 && now_us - damper->told_us < TOLD_US))
        return 0;
    uint64_t since = damper->n - damper->told;
    damper->told = damper->n;
    damper->told_us = now_us;
    return since;
}

uint64_t limits_over(struct limits *limits, enum limit limit, uint64_t n, int64_t now_us)
{
    return damper_count(&limits->over[limit], n, now_us);
}
