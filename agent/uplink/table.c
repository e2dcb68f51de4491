/* A series table is as long as all the names in it, some kilobytes, and is the same tick after tick. What is compared
 * each tick is what the readers produced: the rows' (metric, place of the instance's text) and the text itself, two
 * passes over memory that is warm anyway. Building, encoding and hashing happen only when that differs. */
#include "agent/uplink/table.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/auto.h"
#include "proto/codec/codec.h"

static void table_free(struct table *table)
{
    if (!table)
        return;
    free((void *)table->series.at);
    free(table->bytes);
    free(table->rows);
    free(table->text);
    free(table);
}

static void auto_table(struct table **table)
{
    table_free(*table);
}

static bool has_shape(const struct table *table, const struct readings *readings)
{
    if (table->n_rows != readings->n || table->text_len != readings->text_len)
        return false;
    for (size_t i = 0; i < readings->n; i++)
        if (table->rows[i].metric != readings->at[i].metric ||
            table->rows[i].instance_at != readings->at[i].instance_at)
            return false;
    return table->text_len == 0 || memcmp(table->text, readings->text, table->text_len) == 0;
}

static int copy_shape(struct table *table, const struct readings *readings)
{
    table->n_rows = readings->n;
    table->text_len = readings->text_len;
    table->rows = calloc(readings->n, sizeof *table->rows);
    table->text = malloc(readings->text_len + 1);
    if (!table->rows || !table->text)
        return -ENOMEM;
    for (size_t i = 0; i < readings->n; i++)
        table->rows[i] = (struct table_row){ readings->at[i].metric, readings->at[i].instance_at };
    if (readings->text_len)
        memcpy(table->text, readings->text, readings->text_len);
    table->text[readings->text_len] = '\0';
    return 0;
}

/* The readings' texts are addressed through the readings, so that only they know how they are laid out. */
static int name_series(struct table *table, const struct readings *readings)
{
    struct series *series = calloc(readings->n, sizeof *series);
    if (!series)
        return -ENOMEM;
    table->series.at = series;
    table->series.n = (uint32_t)readings->n;
    for (size_t i = 0; i < readings->n; i++) {
        const struct metric *metric = metric_get(readings->at[i].metric);
        const char *instance = readings_instance(readings, i);
        bool inside = instance >= readings->text && instance < readings->text + readings->text_len;
        series[i] = (struct series){
            .metric = metric->key,
            .instance = inside ? table->text + (instance - readings->text) : "",
            .unit = metric->unit,
            .exponent = metric->exponent,
        };
    }
    return 0;
}

static int encode(struct table *table, struct err *err)
{
    AUTO(auto_free) uint8_t *buffer = malloc(TABLE_BYTES_MAX);
    if (!buffer)
        return err_set(err, -ENOMEM, "uplink: out of memory for a series table");
    int rc;
    while ((rc = codec_encode_table(&table->series, buffer, TABLE_BYTES_MAX, &table->len, err)) == -EMSGSIZE &&
           table->series.n > 1)
        table->series.n -= 1 + table->series.n / 8;
    if (rc < 0)
        return rc;
    table->series.hash = codec_table_hash(buffer, table->len);
    assert(table->len > 0);
    table->bytes = malloc(table->len);
    if (!table->bytes)
        return err_set(err, -ENOMEM, "uplink: out of memory for a series table");
    memcpy(table->bytes, buffer, table->len);
    return 0;
}

static int build(struct tables *tables, const struct readings *readings, struct table **ret_table, struct err *err)
{
    AUTO(auto_table) struct table *table = calloc(1, sizeof *table);
    if (!table || copy_shape(table, readings) < 0 || name_series(table, readings) < 0)
        return err_set(err, -ENOMEM, "uplink: out of memory for a series table");
    int rc = encode(table, err);
    if (rc < 0)
        return rc;
    DL_APPEND(tables->all, table);
    *ret_table = TAKE(table);
    return 0;
}

static struct table *find(struct tables *tables, const struct readings *readings)
{
    struct table *table;
    DL_FOREACH(tables->all, table)
    if (has_shape(table, readings))
        return table;
    return NULL;
}

static void make_current(struct tables *tables, struct table *table)
{
    table_keep(table);
    if (tables->current)
        tables_drop(tables, tables->current);
    tables->current = table;
}

int tables_take(struct tables *tables, const struct readings *readings, struct table **ret_table, struct err *err)
{
    assert(tables && readings && ret_table);
    if (readings->n == 0)
        return err_set(err, -EINVAL, "uplink: a tick without readings");
    if (!tables->current || !has_shape(tables->current, readings)) {
        struct table *table = find(tables, readings);
        if (!table) {
            int rc = build(tables, readings, &table, err);
            if (rc < 0)
                return rc;
        }
        make_current(tables, table);
    }
    *ret_table = table_keep(tables->current);
    return 0;
}

struct table *table_keep(struct table *table)
{
    table->holders++;
    return table;
}

void tables_drop(struct tables *tables, struct table *table)
{
    assert(table->holders > 0);
    if (--table->holders > 0)
        return;
    DL_DELETE(tables->all, table);
    table_free(table);
}

void tables_done(struct tables *tables)
{
    if (tables->current)
        tables_drop(tables, TAKE(tables->current));
    assert(!tables->all);
}

size_t table_cost(const struct table *table)
{
    return sizeof *table + table->len + table->text_len + table->n_rows * sizeof *table->rows +
           table->n_rows * sizeof *table->series.at;
}

bool fixed_from_value(double value, int exponent, int64_t *ret)
{
    static const double powers[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };
    if (!isfinite(value)) {
        *ret = FIXED_ABSENT;
        return true;
    }
    /* Multiplying by 10^n is exact where multiplying by 0.1^n is not. */
    double scaled = exponent < 0 ? value * powers[-exponent] : value / powers[exponent];
    if (!(fabs(scaled) < 0x1p61)) /* so that the difference of two values fits as well */
        return false;
    *ret = llround(scaled);
    return true;
}

void table_columns(const struct table *table, const struct readings *readings, struct cells *cells)
{
    assert(table->n_rows == readings->n);
    for (uint32_t i = 0; i < table->series.n; i++) {
        double value = readings->at[i].value;
        struct column *column = &cells->columns[i];
        column->real = !fixed_from_value(value, table->series.at[i].exponent, &cells->at[i].fixed);
        if (column->real) {
            cells->at[i].value = value;
            column->values = &cells->at[i].value;
        } else {
            column->fixed = &cells->at[i].fixed;
        }
    }
}
