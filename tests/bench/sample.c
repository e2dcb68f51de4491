#include "tests/bench/sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/codec/codec.h"
#include "proto/metric/metric.h"

enum { TABLE_ROOM = 64 << 10 };

/* What healthy values of a unit are, in multiples of 10^exponent of the catalogue. */
static const struct {
    const char *unit;
    struct sample_range range;
    bool often_idle; /* 2 of 5 stand still at 0 */
} ranges[] = {
    { "1", { 500, 4500, 150 }, false },
    { "By", { INT64_C(1) << 33, INT64_C(1) << 34, 1 << 18 }, false },
    { "By/s", { 10000, 40000000, 400000 }, true },
    { "s", { 200, 4000, 120 }, false },
    { NULL, { 10, 3000, 90 }, true },
};

/* What is an alarm at values that are healthy for others of its unit. */
static const struct {
    const char *key;
    int64_t value;
} still[] = {
    { "probe.loss", 0 },
    { "probe.attempts", 5 },
    { "system.cpu.utilization{mode=steal}", 0 },
    { "system.filesystem.readonly", 0 },
    { "system.memory.oom_kill.rate", 0 },
    { "system.network.tcp.listen.overflow.rate", 0 },
    { "system.network.tcp.retransmit.ratio", 3 },
    { "system.pressure.stall.utilization{level=full,resource=io}", 12 },
    { "system.pressure.stall.utilization{level=full,resource=memory}", 0 },
};

static struct sample_range range_of(const struct metric *metric, unsigned column)
{
    for (size_t i = 0; i < sizeof still / sizeof still[0]; i++)
        if (strcmp(metric->key, still[i].key) == 0)
            return (struct sample_range){ .least = still[i].value, .most = still[i].value };
    size_t i = 0;
    while (ranges[i].unit && strcmp(ranges[i].unit, metric->unit) != 0)
        i++;
    if (ranges[i].often_idle && column % 5 < 2)
        return (struct sample_range){ .least = 0, .most = 0 };
    return ranges[i].range;
}

static const char *instance_of(const struct metric *metric, unsigned round, struct arena *arena)
{
    if (!metric->instance_label)
        return "";
    char text[64];
    int len = strcmp(metric->instance_label, "mountpoint") == 0
                  ? snprintf(text, sizeof text, "/srv/%u", round)
                  : snprintf(text, sizeof text, "%s%u", metric->instance_label, round);
    return arena_text(arena, text, (size_t)len);
}

static int encode(struct sample_shape *shape, struct arena *arena, struct err *err)
{
    size_t len;
    uint8_t *bytes = arena_alloc(arena, TABLE_ROOM, 1);
    if (!bytes)
        return err_set(err, -ENOMEM, "out of memory");
    int rc = codec_encode_table(&shape->table, bytes, TABLE_ROOM, &len, err);
    if (rc < 0)
        return rc;
    shape->table_bytes = (struct bytes){ bytes, len };
    shape->table.hash = codec_table_hash(bytes, len);
    return 0;
}

int sample_shape_make(struct sample_shape *ret, uint32_t n, struct arena *arena, struct err *err)
{
    struct series *series = arena_alloc(arena, n, sizeof *series);
    if (!series)
        return err_set(err, -ENOMEM, "out of memory");
    uint32_t made = 0;
    for (unsigned round = 0; made < n; round++)
        for (int id = 0; id < METRIC_COUNT && made < n; id++) {
            const struct metric *metric = metric_get((enum metric_id)id);
            if (round > 0 && !metric->instance_label)
                continue;
            const char *instance = instance_of(metric, round, arena);
            if (!instance)
                return err_set(err, -ENOMEM, "out of memory");
            ret->ranges[made] = range_of(metric, made);
            series[made++] = (struct series){ metric->key, instance, metric->unit, metric->exponent };
        }
    ret->table = (struct series_table){ .n = n, .at = series };
    return encode(ret, arena, err);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

static int64_t draw_below(uint64_t *seed, int64_t n)
{
    return (int64_t)(draw(seed) % (uint64_t)n);
}

void sample_begin(const struct sample_shape *shape, uint64_t *seed, int64_t *values)
{
    for (uint32_t i = 0; i < shape->table.n; i++) {
        const struct sample_range *range = &shape->ranges[i];
        values[i] = range->least + draw_below(seed, range->most - range->least + 1);
    }
}

void sample_move(const struct sample_shape *shape, uint64_t *seed, int64_t *values)
{
    for (uint32_t i = 0; i < shape->table.n; i++) {
        const struct sample_range *range = &shape->ranges[i];
        if (range->step == 0)
            continue;
        int64_t moved = values[i] + draw_below(seed, 2 * range->step + 1) - range->step;
        values[i] = moved < range->least ? range->least : moved > range->most ? range->most : moved;
    }
}
