/* agent/uplink/table.h - readings as the wire has them: a series table, and one column a series.
 *
 * Shape    a host keeps its shape for hours, so a table is built, encoded and hashed once and found again by
 *          comparing the rows' ids and text; a host whose shape changes to and fro finds its earlier tables as long
 *          as somebody holds them
 * Values   whole multiples of the catalogue's resolution; what does not fit makes its column one of doubles; infinite
 *          values are absent
 * Limits   a table that would pass TABLE_BYTES_MAX encoded loses its last rows: a report must have room for both
 *          table and batch
 * Owner    a table is counted: tables_take() and table_keep() add one holder, tables_drop() takes one away
 * Threads  one caller
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/read/readings.h"
#include "base/err.h"
#include "proto/codec/message.h"

enum { TABLE_BYTES_MAX = 48 << 10 };

struct table_row {
    enum metric_id metric;
    uint32_t instance_at;
};

struct table {
    struct table *prev, *next; /* of the tables in use */
    unsigned holders;
    unsigned queued; /* records of the queue under it: the queue's own count */
    bool known;      /* a batch under it was stored, so its hash says it all */
    struct series_table series;
    size_t len;
    uint8_t *bytes; /* encoded */
    size_t n_rows;  /* of the readings; series.n is smaller when rows were cut */
    struct table_row *rows;
    size_t text_len;
    char *text;
};

struct tables {
    struct table *all;
    struct table *current; /* of the readings before; held */
};

/* Finds or builds the table of these readings. On 0 the caller holds *ret_table. -EINVAL: no readings; -ENOMEM. */
int tables_take(struct tables *tables, const struct readings *readings, struct table **ret_table, struct err *err);

struct table *table_keep(struct table *table);
void tables_drop(struct tables *tables, struct table *table);

/* Lets go of the current one. All holders must have dropped theirs. */
void tables_done(struct tables *tables);

/* What the table costs its holder in memory. */
size_t table_cost(const struct table *table);

struct cells { /* one tick's columns and what they point to */
    struct column columns[SERIES_MAX];
    union {
        int64_t fixed;
        double value;
    } at[SERIES_MAX];
};

/* Fills the columns of one tick: readings of this table's shape. */
void table_columns(const struct table *table, const struct readings *readings, struct cells *cells);

/* One value at 10^exponent resolution. False: it does not fit and goes as it is. NaN and infinities are absent. */
bool fixed_from_value(double value, int exponent, int64_t *ret);
