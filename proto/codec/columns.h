/* proto/codec/columns.h - the inside of a batch: its times and its values, as bytes.
 *
 * Shape    docs/protocol.md; the batch's counts were checked by the caller
 * Errors   -EBADMSG; what the results point to may be half filled then, the results themselves are untouched
 */
#pragma once
#include "base/err.h"
#include "proto/codec/message.h"
#include "proto/codec/varint.h"

struct column_list { /* numbers of columns */
    uint32_t n;
    uint32_t at[SERIES_MAX];
};

void times_write(struct writer *writer, const struct batch *batch);
/* Also lists the columns that are not plain. */
void columns_write(struct writer *writer, const struct batch *batch, struct column_list *ret_real,
                   struct column_list *ret_sparse);

int times_read(struct reader reader, uint32_t n_ticks, int64_t *mono_us, int64_t *wall_us, struct err *err);

struct columns_shape {
    uint32_t n_ticks;
    uint32_t n_columns;
    const uint32_t *real;
    size_t n_real;
    const uint32_t *sparse;
    size_t n_sparse;
};

/* The least bytes that `values` of this shape can have: what is shorter need not be made room for. */
size_t columns_least(const struct columns_shape *shape);

/* Both lists must rise and stay below n_columns. */
int columns_shape_check(const struct columns_shape *shape, struct err *err);

/* `cells` has room for n_ticks x n_columns; `columns` will point into it. */
int columns_read(struct reader reader, const struct columns_shape *shape, uint64_t *cells, struct column *columns,
                 struct err *err);
