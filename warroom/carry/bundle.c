#include "warroom/carry/bundle.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"

#define SPAN_MAX_US (INT64_C(86400) * US_PER_S) /* of a batch */

struct bundle {
    uint32_t n_series;
    int *exponents;
    uint8_t *table;
    size_t table_len;
    struct table_hash hash;
    uint32_t n_ticks, room;
    int64_t *at_us;
    struct number *values; /* tick by tick */
    int64_t *mono_us;      /* of the batch that is encoded, as what follows */
    union cell {
        int64_t fixed;
        double real;
    } * cells;
    struct column *columns;
    uint8_t batch[BATCH_MAX];
};

static int encode_table(struct bundle *bundle, const struct series *series, struct err *err)
{
    struct series_table table = { .n = bundle->n_series, .at = series };
    bundle->table = malloc(MESSAGE_MAX);
    if (!bundle->table)
        return err_set(err, -ENOMEM, "out of memory");
    /* A table and a batch must fit in one report, were they to come from an agent. */
    int rc = codec_encode_table(&table, bundle->table, MESSAGE_MAX, &bundle->table_len, err);
    if (rc == -EMSGSIZE)
        return err_set(err, rc, "the names of the series are too long together: split the file by columns");
    if (rc == 0)
        bundle->hash = codec_table_hash(bundle->table, bundle->table_len);
    return rc;
}

static bool get_memory(struct bundle *bundle)
{
    size_t values = (size_t)bundle->n_series * bundle->room;
    bundle->exponents = calloc(bundle->n_series, sizeof *bundle->exponents);
    bundle->columns = calloc(bundle->n_series, sizeof *bundle->columns);
    bundle->at_us = calloc(bundle->room, sizeof *bundle->at_us);
    bundle->mono_us = calloc(bundle->room, sizeof *bundle->mono_us);
    bundle->values = calloc(values, sizeof *bundle->values);
    bundle->cells = calloc(values, sizeof *bundle->cells);
    return bundle->exponents && bundle->columns && bundle->at_us && bundle->mono_us && bundle->values && bundle->cells;
}

static void auto_free_bundle(struct bundle **bundle)
{
    bundle_free(*bundle);
}

int bundle_new(struct bundle **ret_bundle, const struct series *series, uint32_t n, struct err *err)
{
    assert(n >= 1 && n <= SERIES_MAX);
    AUTO(auto_free_bundle) struct bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle)
        return err_set(err, -ENOMEM, "out of memory");
    bundle->n_series = n;
    bundle->room = BATCH_VALUES_MAX / n < TICKS_MAX ? BATCH_VALUES_MAX / n : TICKS_MAX;
    if (!get_memory(bundle))
        return err_set(err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        bundle->exponents[i] = series[i].exponent;
    int rc = encode_table(bundle, series, err);
    if (rc == 0)
        *ret_bundle = TAKE(bundle);
    return rc;
}

struct bundle *bundle_free(struct bundle *bundle)
{
    if (!bundle)
        return NULL;
    free(bundle->exponents);
    free(bundle->columns);
    free(bundle->at_us);
    free(bundle->mono_us);
    free(bundle->values);
    free(bundle->cells);
    free(bundle->table);
    free(bundle);
    return NULL;
}

struct bytes bundle_table(const struct bundle *bundle)
{
    return (struct bytes){ bundle->table, bundle->table_len };
}

bool bundle_is_empty(const struct bundle *bundle)
{
    return bundle->n_ticks == 0;
}

int bundle_add(struct bundle *bundle, const struct tick *tick)
{
    if (bundle->n_ticks == bundle->room || (bundle->n_ticks > 0 && tick->at_us - bundle->at_us[0] > SPAN_MAX_US))
        return BUNDLE_FULL;
    bundle->at_us[bundle->n_ticks] = tick->at_us;
    memcpy(bundle->values + (size_t)bundle->n_ticks * bundle->n_series, tick->values,
           bundle->n_series * sizeof *bundle->values);
    bundle->n_ticks++;
    return 0;
}

/* False: some value is no whole multiple of the resolution. */
static bool fill_fixed(const struct bundle *bundle, uint32_t series, uint32_t n_ticks, union cell *cells)
{
    for (uint32_t i = 0; i < n_ticks; i++) {
        const struct number *number = &bundle->values[(size_t)i * bundle->n_series + series];
        if (isnan(number->real))
            cells[i].fixed = FIXED_ABSENT;
        else if (!number_fixed(number, bundle->exponents[series], &cells[i].fixed))
            return false;
    }
    return true;
}

static void fill_columns(struct bundle *bundle, uint32_t n_ticks)
{
    for (uint32_t series = 0; series < bundle->n_series; series++) {
        union cell *cells = bundle->cells + (size_t)series * n_ticks;
        bool fixed = fill_fixed(bundle, series, n_ticks, cells);
        if (fixed)
            bundle->columns[series] = (struct column){ .real = false, .fixed = &cells->fixed };
        for (uint32_t i = 0; !fixed && i < n_ticks; i++)
            cells[i].real = bundle->values[(size_t)i * bundle->n_series + series].real;
        if (!fixed)
            bundle->columns[series] = (struct column){ .real = true, .values = &cells->real };
    }
}

static void drop(struct bundle *bundle, uint32_t n)
{
    bundle->n_ticks -= n;
    memmove(bundle->at_us, bundle->at_us + n, bundle->n_ticks * sizeof *bundle->at_us);
    memmove(bundle->values, bundle->values + (size_t)n * bundle->n_series,
            (size_t)bundle->n_ticks * bundle->n_series * sizeof *bundle->values);
}

int bundle_take(struct bundle *bundle, const struct run_id *run, uint64_t first, int64_t anchor_us,
                struct bytes *ret_batch, uint32_t *ret_n, struct err *err)
{
    assert(bundle->n_ticks > 0);
    for (uint32_t i = 0; i < bundle->n_ticks; i++)
        bundle->mono_us[i] = bundle->at_us[i] - anchor_us;
    size_t len = 0;
    uint32_t n = bundle->n_ticks;
    for (int rc = -EMSGSIZE; rc < 0;) { /* how many bytes they take shows when they are encoded */
        fill_columns(bundle, n);
        struct batch batch = { .run = *run,
                               .first = first,
                               .n_ticks = n,
                               .n_columns = bundle->n_series,
                               .table = bundle->hash,
                               .mono_us = bundle->mono_us,
                               .wall_us = bundle->at_us,
                               .columns = bundle->columns };
        rc = codec_encode_batch(&batch, bundle->batch, sizeof bundle->batch, &len, err);
        if (rc < 0 && (rc != -EMSGSIZE || n == 1))
            return rc;
        if (rc < 0)
            n = n / 2;
    }
    drop(bundle, n);
    *ret_batch = (struct bytes){ bundle->batch, len };
    *ret_n = n;
    return 0;
}
