/* collector/store/read/decoder.h - batch rows back into ticks.
 *
 * Shape    decodes the batch a statement stands on together with its series table; tables are kept, for they repeat
 * Threads  one caller at a time
 */
#pragma once
#include <sqlite3.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

/* What a statement must select, in this order, for decoder_row() to read it. */
#define DECODER_COLUMNS "anchor_us, series_table, bytes, first_us, last_us"
enum { DECODER_ANCHOR, DECODER_TABLE, DECODER_BYTES, DECODER_FIRST_US, DECODER_LAST_US, DECODER_NEXT };

struct decoder {
    sqlite3_stmt *find_table;
    struct decoded_table *tables; /* by id */
    struct arena table_arena;
    struct arena batch_arena;
    uint64_t unreadable; /* rows passed over: damaged, or of a table that never came */
};

struct decoded {                      /* borrowed until the next row */
    const struct series_table *table; /* NULL: the row is unreadable */
    struct batch batch;
    const int64_t *at_us; /* corrected time of each tick */
};

int decoder_init(struct decoder *decoder, sqlite3 *db, struct err *err);
void decoder_done(struct decoder *decoder);

/* Decodes the row `stmt` stands on. An unreadable one is counted and no failure: it must not hide the others. */
int decoder_row(struct decoder *decoder, sqlite3_stmt *stmt, struct decoded *ret, struct err *err);

/* The series table of that number, borrowed until the next call; NULL: it is damaged, or never came. */
int decoder_table(struct decoder *decoder, int64_t id, const struct series_table **ret, struct err *err);

/* Cuts off the ticks before `from_us`; the batch may end up without any. */
int decoded_trim(struct decoder *decoder, struct decoded *decoded, int64_t from_us, struct err *err);
