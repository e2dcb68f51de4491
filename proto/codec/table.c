#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/codec/wire.h"

struct table_hash codec_table_hash(const uint8_t *bytes, size_t len)
{
    struct table_hash hash;
    crypto_generichash(hash.bytes, sizeof hash.bytes, bytes, len, NULL, 0);
    return hash;
}

static bool text_is(const ProtobufCBinaryData *field, const char *text)
{
    return text && strlen(text) == field->len && memcmp(text, field->data, field->len) == 0;
}

static int metric_write(const struct series *series, struct arena *arena, Warroom__Wire__Metric *ret, struct err *err)
{
    if (series->exponent < -SERIES_EXPONENT_MAX || series->exponent > SERIES_EXPONENT_MAX)
        return err_set(err, -EMSGSIZE, "codec: exponent %d of %s, want %d..%d", series->exponent, series->metric,
                       -SERIES_EXPONENT_MAX, SERIES_EXPONENT_MAX);
    warroom__wire__metric__init(ret);
    ret->exponent = series->exponent;
    int rc = wire_text_write("metric key", series->metric, 1, SERIES_KEY_MAX, arena, &ret->key, err);
    return rc < 0 ? rc : wire_text_write("metric unit", series->unit, 1, SERIES_UNIT_MAX, arena, &ret->unit, err);
}

static bool metric_is(const Warroom__Wire__Metric *metric, const struct series *series)
{
    return metric->exponent == series->exponent && text_is(&metric->key, series->metric) &&
           text_is(&metric->unit, series->unit);
}

/* The index of the series' metric, which is added if it is not there yet. Series of one metric mostly come in a row, so
 * the search begins at the newest. */
static int metric_index(const struct series *series, struct arena *arena, Warroom__Wire__Table *wire, uint32_t *ret,
                        struct err *err)
{
    for (size_t i = wire->n_metrics; i > 0; i--) {
        if (metric_is(wire->metrics[i - 1], series)) {
            *ret = (uint32_t)(i - 1);
            return 0;
        }
    }
    Warroom__Wire__Metric *metric = arena_alloc(arena, 1, sizeof *metric);
    if (!metric)
        return err_set(err, -ENOMEM, "codec: no memory left for a table");
    int rc = metric_write(series, arena, metric, err);
    if (rc < 0)
        return rc;
    wire->metrics[wire->n_metrics] = metric;
    *ret = (uint32_t)wire->n_metrics++;
    return 0;
}

static int series_write(const struct series *series, struct arena *arena, Warroom__Wire__Table *wire, struct err *err)
{
    Warroom__Wire__Series *row = arena_alloc(arena, 1, sizeof *row);
    if (!row)
        return err_set(err, -ENOMEM, "codec: no memory left for a table");
    warroom__wire__series__init(row);
    int rc = metric_index(series, arena, wire, &row->metric, err);
    if (rc == 0)
        rc = wire_text_write("instance", series->instance, 0, INSTANCE_MAX, arena, &row->instance, err);
    if (rc < 0)
        return rc;
    wire->series[wire->n_series++] = row;
    return 0;
}

int codec_encode_table(const struct series_table *table, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err)
{
    assert(table && buffer && ret_len);
    if (table->n == 0 || table->n > SERIES_MAX)
        return err_set(err, -EMSGSIZE, "codec: table of %u series, want 1..%d", table->n, SERIES_MAX);
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    Warroom__Wire__Table wire = WARROOM__WIRE__TABLE__INIT;
    wire.metrics = arena_alloc(&arena, table->n, sizeof(Warroom__Wire__Metric *));
    wire.series = arena_alloc(&arena, table->n, sizeof(Warroom__Wire__Series *));
    if (!wire.metrics || !wire.series)
        return err_set(err, -ENOMEM, "codec: no memory left for a table");
    for (uint32_t i = 0; i < table->n; i++) {
        int rc = series_write(&table->at[i], &arena, &wire, err);
        if (rc < 0)
            return rc;
    }
    return wire_pack(&wire.base, MESSAGE_MAX, buffer, size, ret_len, err);
}

static int metric_read(const Warroom__Wire__Metric *wire, struct series *ret, struct err *err)
{
    if (wire->exponent < -SERIES_EXPONENT_MAX || wire->exponent > SERIES_EXPONENT_MAX)
        return err_set(err, -EBADMSG, "codec: exponent %d, want %d..%d", wire->exponent, -SERIES_EXPONENT_MAX,
                       SERIES_EXPONENT_MAX);
    ret->exponent = wire->exponent;
    int rc = wire_text_read("metric key", &wire->key, 1, SERIES_KEY_MAX, &ret->metric, err);
    return rc < 0 ? rc : wire_text_read("metric unit", &wire->unit, 1, SERIES_UNIT_MAX, &ret->unit, err);
}

static int table_read(const Warroom__Wire__Table *wire, struct arena *arena, struct series_table *ret, struct err *err)
{
    if (wire->n_series > SERIES_MAX || wire->n_metrics > SERIES_MAX)
        return err_set(err, -EMSGSIZE, "codec: table of %zu series and %zu metrics, want at most %d", wire->n_series,
                       wire->n_metrics, SERIES_MAX);
    if (wire->n_series == 0)
        return err_set(err, -EBADMSG, "codec: table without series");
    struct series *metrics = arena_alloc(arena, wire->n_metrics, sizeof *metrics); /* series without instance yet */
    struct series *series = arena_alloc(arena, wire->n_series, sizeof *series);
    if (!metrics || !series)
        return err_set(err, -ENOMEM, "codec: no memory left for a table");
    int rc = 0;
    for (size_t i = 0; i < wire->n_metrics && rc == 0; i++)
        rc = metric_read(wire->metrics[i], &metrics[i], err);
    for (size_t i = 0; i < wire->n_series && rc == 0; i++) {
        const Warroom__Wire__Series *row = wire->series[i];
        if (row->metric >= wire->n_metrics)
            return err_set(err, -EBADMSG, "codec: series %zu names metric %u of %zu", i, row->metric, wire->n_metrics);
        series[i] = metrics[row->metric];
        rc = wire_text_read("instance", &row->instance, 0, INSTANCE_MAX, &series[i].instance, err);
    }
    if (rc < 0)
        return rc;
    ret->n = (uint32_t)wire->n_series;
    ret->at = series;
    return 0;
}

int codec_decode_table(const uint8_t *bytes, size_t len, struct arena *arena, struct series_table *ret, struct err *err)
{
    assert((bytes || len == 0) && arena && ret);
    if (len > MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "codec: table of %zu bytes, at most %d are allowed", len, MESSAGE_MAX);
    ProtobufCMessage *message;
    int rc = wire_unpack(&warroom__wire__table__descriptor, bytes, len, arena, &message, err);
    if (rc < 0)
        return rc;
    struct series_table table;
    rc = table_read((const Warroom__Wire__Table *)message, arena, &table, err);
    if (rc < 0)
        return rc;
    table.hash = codec_table_hash(bytes, len);
    *ret = table;
    return 0;
}
