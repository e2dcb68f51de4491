/* collector/store/read/scan.h - the ticks of one host in a time range, wherever they lie, each exactly once.
 *
 * Shape    row by row, in any order; a row is handed over as a piece, whose columns are decoded when they are asked for
 * Sources  a tick lies in the inbox or in a block; once it has left level 0 it is counted in a minute as well, but for
 *          those of coarse blocks, which are minutes themselves. Samples are taken from inbox and blocks; within
 *          [minutes_from, minutes_to) the minutes stand for all samples that have left level 0, and nothing else does
 * Minutes  a minute counts where its beginning lies
 * Damage   an unreadable row is counted and passed over: it must not hide the others
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "collector/store/block/block.h"
#include "collector/store/read/decoder.h"
#include "collector/store/read/inbox.h"
#include "collector/store/read/reading.h"
#include "collector/store/store.h"

struct scan_range {
    uint64_t host;
    int64_t from_us; /* [from, to) */
    int64_t to_us;
    int64_t minutes_from_us; /* full minutes; none when they are equal */
    int64_t minutes_to_us;
    bool unrolled; /* only inbox and level 0: what no rollup holds */
};

struct scan_piece {
    int64_t table_id;
    const struct series_table *table;
    bool minutes;         /* columns 4 i .. 4 i + 3 are count, min, max and sum of series i */
    uint32_t from, to;    /* ticks from..to-1 are meant */
    const int64_t *at_us; /* not falling */
};

/* A range whose minutes stand for what is `coarse`: all full minutes; else those before reading->raw_from_us. */
struct scan_range scan_range_of(const struct reading *reading, uint64_t host, int64_t from_us, int64_t to_us,
                                bool coarse);

/* Cuts a range down to [from, to), each edge where it is or on a full minute. */
void scan_narrow(struct scan_range *range, int64_t from_us, int64_t to_us);

struct scan {
    struct reading *reading;
    struct inbox inbox;
    struct decoder decoder;
    sqlite3_stmt *host_no;
    sqlite3_stmt *blocks;
    sqlite3_stmt *minutes;
    struct scan_rows { /* of a table: the bytes of one row, read piece by piece */
        sqlite3_blob *blob;
        const char *table;
    } block_rows, minute_rows;
    struct block_source source; /* of the block in hand */
    void *room;
    size_t room_bytes;
    const struct decoded *decoded; /* the piece in hand, from the inbox... */
    struct block_view view;        /* ...or from a block */
    const struct scan_range *range;
    int (*fn)(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err);
    void *user;
};

int scan_init(struct scan *scan, struct reading *reading, struct err *err);
void scan_done(struct scan *scan);

int scan_host(struct scan *scan, const struct scan_range *range,
              int (*fn)(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err), void *user,
              struct err *err);

/* For `fn`, of the piece in hand: a column, borrowed until it returns. SCAN_DAMAGED: it is unreadable, counted. */
enum scan_answer { SCAN_DAMAGED = 1 };
int scan_column(struct scan *scan, const struct scan_piece *piece, uint32_t column, struct column *ret,
                struct err *err);
/* Likewise: whose its ticks are, none for minutes. */
int scan_parts(struct scan *scan, const struct scan_piece *piece, uint32_t *ret_n, const struct block_part **ret_parts,
               struct err *err);

/* `values` of a column as doubles in the unit of its series, NaN where there is none. */
void scan_values(const struct column *column, int exponent, uint32_t from, uint32_t to, double *values);

/* Of a piece of minutes: what is known of series i. */
struct scan_minutes {
    struct column count, min, max, sum;
};
int scan_minutes(struct scan *scan, const struct scan_piece *piece, uint32_t series, struct scan_minutes *ret,
                 struct err *err);
/* One of them, its sum in `mean`. False: it has no samples. */
bool scan_minute(const struct scan_minutes *minutes, const struct scan_piece *piece, int exponent, uint32_t i,
                 struct store_point *ret);

/* ids of block, minute and sketch rows of a host (its number) that may hold ticks of [from, to). */
int64_t scan_first_id(int64_t host_no, int64_t from_us);
int64_t scan_last_id(int64_t host_no, int64_t to_us);
/* The number of a host in ids; 0: it has no rows. */
int scan_host_no(struct scan *scan, uint64_t host, int64_t *ret, struct err *err);
