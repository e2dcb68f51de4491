#include "collector/store/read/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"

enum {
    COLUMN_ID = 0,
    COLUMN_FIRST_US,
    COLUMN_LAST_US,
    COLUMN_LEVEL,
    COLUMN_COARSE,
    COLUMN_TABLE,
    COLUMN_BYTES_LEN,
    ID_HOST_SHIFT = 39,
    ID_SECOND_SHIFT = 6
};
#define ID_SECOND_MAX ((INT64_C(1) << (ID_HOST_SHIFT - ID_SECOND_SHIFT)) - 1)

static const char block_sql[] = "SELECT id, first_us, last_us, level, coarse, series_table, length(bytes) FROM block"
                                " WHERE id BETWEEN ? AND ? AND last_us >= ? AND first_us < ?";
static const char minute_sql[] = "SELECT id, first_us, last_us, 2, 0, series_table, length(bytes) FROM minute"
                                 " WHERE id BETWEEN ? AND ? AND last_us >= ? AND first_us < ?";

static int64_t id_of(int64_t host_no, int64_t second, int64_t last)
{
    return host_no << ID_HOST_SHIFT | reading_earlier(second, ID_SECOND_MAX) << ID_SECOND_SHIFT | last;
}

int64_t scan_first_id(int64_t host_no, int64_t from_us)
{
    return id_of(host_no, reading_floor(from_us, READING_DAY_US) / US_PER_S, 0);
}

int64_t scan_last_id(int64_t host_no, int64_t to_us)
{
    return id_of(host_no, reading_ceil(to_us, READING_DAY_US) / US_PER_S, (1 << ID_SECOND_SHIFT) - 1);
}

struct scan_range scan_range_of(const struct reading *reading, uint64_t host, int64_t from_us, int64_t to_us,
                                bool coarse)
{
    int64_t until_us = coarse ? INT64_MAX : reading->raw_from_us;
    struct scan_range range = { .host = host, .from_us = from_us, .to_us = to_us };
    range.minutes_from_us = reading_ceil(from_us, READING_MINUTE_US);
    /* A last minute of which only a part is asked for is taken from its samples, as long as they are there. */
    int64_t to_minute_us =
        to_us > reading->raw_from_us ? reading_floor(to_us, READING_MINUTE_US) : reading_ceil(to_us, READING_MINUTE_US);
    range.minutes_to_us = reading_later(reading_earlier(until_us, to_minute_us), range.minutes_from_us);
    return range;
}

void scan_narrow(struct scan_range *range, int64_t from_us, int64_t to_us)
{
    range->from_us = reading_later(range->from_us, from_us);
    range->to_us = reading_earlier(range->to_us, to_us);
    range->minutes_from_us = reading_later(range->minutes_from_us, from_us);
    range->minutes_to_us = reading_earlier(range->minutes_to_us, to_us);
    if (range->minutes_to_us < range->minutes_from_us)
        range->minutes_to_us = range->minutes_from_us;
}

int scan_init(struct scan *scan, struct reading *reading, struct err *err)
{
    memset(scan, 0, sizeof *scan);
    scan->reading = reading;
    scan->block_rows.table = "block";
    scan->minute_rows.table = "minute";
    int rc = inbox_init(&scan->inbox, reading, err);
    if (rc == 0)
        rc = decoder_init(&scan->decoder, reading->db, err);
    if (rc == 0)
        rc = db_prepare(reading->db, "SELECT no FROM host WHERE id = ?", &scan->host_no, err);
    if (rc == 0)
        rc = db_prepare(reading->db, block_sql, &scan->blocks, err);
    if (rc == 0)
        rc = db_prepare(reading->db, minute_sql, &scan->minutes, err);
    return rc;
}

void scan_done(struct scan *scan)
{
    if (!scan->reading) /* never begun */
        return;
    inbox_done(&scan->inbox);
    decoder_done(&scan->decoder);
    sqlite3_finalize(scan->host_no);
    sqlite3_finalize(scan->blocks);
    sqlite3_finalize(scan->minutes);
    sqlite3_blob_close(scan->block_rows.blob);
    sqlite3_blob_close(scan->minute_rows.blob);
    free(scan->room);
}

int scan_host_no(struct scan *scan, uint64_t host, int64_t *ret, struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = scan->host_no;
    sqlite3_bind_int64(stmt, 1, (int64_t)host);
    int rc = db_step(stmt, err);
    if (rc < 0)
        return rc;
    *ret = rc == DB_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    return 0;
}

/* ---- pieces ---- */

static uint32_t first_from(const int64_t *at_us, uint32_t n, int64_t from_us)
{
    uint32_t low = 0;
    uint32_t high = n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (at_us[middle] < from_us)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The part of a row that lies within [from, to). */
static int hand_over(struct scan *scan, struct scan_piece *piece, uint32_t n, int64_t from_us, int64_t to_us,
                     struct err *err)
{
    piece->from = first_from(piece->at_us, n, from_us);
    piece->to = first_from(piece->at_us, n, to_us);
    return piece->from < piece->to ? scan->fn(scan->user, scan, piece, err) : 0;
}

static int on_batch(void *user, sqlite3_stmt *row, struct err *err)
{
    struct scan *scan = user;
    struct decoded decoded;
    scan->reading->left -= READING_ROW;
    int rc = decoder_row(&scan->decoder, row, &decoded, err);
    if (rc < 0 || !decoded.table)
        return rc;
    struct scan_piece piece = { .table_id = sqlite3_column_int64(row, DECODER_TABLE),
                                .table = decoded.table,
                                .at_us = decoded.at_us };
    scan->decoded = &decoded;
    rc = hand_over(scan, &piece, decoded.batch.n_ticks, scan->range->from_us, scan->range->to_us, err);
    scan->decoded = NULL;
    return rc;
}

/* Damage is no failure; anything else is. */
static int pass_over(struct scan *scan, int rc)
{
    if (rc != -EBADMSG && rc != -ENOTSUP)
        return rc;
    scan->reading->unreadable++;
    return SCAN_DAMAGED;
}

static int read_piece(void *user, size_t at, size_t len, void *to, struct err *err)
{
    const struct scan_rows *rows = user;
    if (sqlite3_blob_read(rows->blob, to, (int)len, (int)at) != SQLITE_OK)
        return err_set(err, -EIO, "store: cannot read a row of %s", rows->table);
    return 0;
}

/* A block's row is many pages, of which one series needs few. */
static int open_row(struct scan *scan, struct scan_rows *rows, int64_t id, size_t len, struct err *err)
{
    sqlite3 *db = scan->reading->db;
    if (len > scan->room_bytes) {
        free(scan->room);
        scan->room = malloc(len);
        scan->room_bytes = scan->room ? len : 0;
        if (!scan->room)
            return err_set(err, -ENOMEM, "store: out of memory");
    }
    int code = rows->blob ? sqlite3_blob_reopen(rows->blob, id)
                          : sqlite3_blob_open(db, "main", rows->table, "bytes", id, 0, &rows->blob);
    if (code != SQLITE_OK) {
        int rc = db_error(db, err);
        sqlite3_blob_close(rows->blob); /* of no use any more */
        rows->blob = NULL;
        return rc;
    }
    scan->source = (struct block_source){ .read = read_piece, .user = rows };
    return block_open_from(&scan->source, scan->room, len, &scan->view, err);
}

static int open_block(struct scan *scan, sqlite3_stmt *row, bool minutes, struct scan_piece *ret, struct err *err)
{
    *ret = (struct scan_piece){ .table_id = sqlite3_column_int64(row, COLUMN_TABLE), .minutes = minutes };
    arena_reset(scan->reading->rows);
    int rc = decoder_table(&scan->decoder, ret->table_id, &ret->table, err);
    if (rc < 0)
        return rc;
    rc = ret->table
             ? open_row(scan, minutes ? &scan->minute_rows : &scan->block_rows, sqlite3_column_int64(row, COLUMN_ID),
                        (size_t)sqlite3_column_int64(row, COLUMN_BYTES_LEN), err)
             : -EBADMSG;
    if (rc == 0 && scan->view.n_columns != ret->table->n * (minutes ? 4 : 1))
        rc = -EBADMSG;
    if (rc == 0)
        rc = block_times(scan->reading->coder, &scan->view, scan->reading->rows, &ret->at_us, err);
    return pass_over(scan, rc);
}

/* No minute stands for what has not left level 0, nor for blocks that are minutes themselves. */
static bool is_counted_in_minutes(sqlite3_stmt *row)
{
    return sqlite3_column_int64(row, COLUMN_LEVEL) > 0 && !sqlite3_column_int64(row, COLUMN_COARSE);
}

static bool is_wanted(const struct scan_range *range, sqlite3_stmt *row)
{
    if (range->unrolled)
        return sqlite3_column_int64(row, COLUMN_LEVEL) == 0;
    bool within_minutes = sqlite3_column_int64(row, COLUMN_FIRST_US) >= range->minutes_from_us &&
                          sqlite3_column_int64(row, COLUMN_LAST_US) < range->minutes_to_us;
    return !within_minutes || !is_counted_in_minutes(row);
}

static int hand_over_block(struct scan *scan, sqlite3_stmt *row, struct err *err)
{
    const struct scan_range *range = scan->range;
    struct scan_piece piece;
    int rc = open_block(scan, row, false, &piece, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    uint32_t n = scan->view.n_ticks;
    if (range->minutes_from_us == range->minutes_to_us || !is_counted_in_minutes(row))
        return hand_over(scan, &piece, n, range->from_us, range->to_us, err);
    rc = hand_over(scan, &piece, n, range->from_us, reading_earlier(range->minutes_from_us, range->to_us), err);
    if (rc == 0)
        rc = hand_over(scan, &piece, n, range->minutes_to_us, range->to_us, err);
    return rc;
}

static int hand_over_minutes(struct scan *scan, sqlite3_stmt *row, struct err *err)
{
    struct scan_piece piece;
    int rc = open_block(scan, row, true, &piece, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    return hand_over(scan, &piece, scan->view.n_ticks, scan->range->minutes_from_us, scan->range->minutes_to_us, err);
}

static int each_row(struct scan *scan, sqlite3_stmt *rows, int64_t host_no, int64_t from_us, int64_t to_us,
                    struct err *err)
{
    AUTO(db_auto_reset) sqlite3_stmt *stmt = rows;
    bool minutes = rows == scan->minutes;
    sqlite3_bind_int64(stmt, 1, scan_first_id(host_no, from_us));
    sqlite3_bind_int64(stmt, 2, scan_last_id(host_no, to_us));
    sqlite3_bind_int64(stmt, 3, from_us);
    sqlite3_bind_int64(stmt, 4, to_us);
    int rc;
    while ((rc = db_step(stmt, err)) == DB_ROW) {
        scan->reading->left -= READING_ROW;
        if (minutes)
            rc = hand_over_minutes(scan, stmt, err);
        else
            rc = is_wanted(scan->range, stmt) ? hand_over_block(scan, stmt, err) : 0;
        if (rc == 0)
            rc = reading_check(scan->reading, err);
        if (rc < 0)
            return rc;
    }
    return rc;
}

int scan_host(struct scan *scan, const struct scan_range *range,
              int (*fn)(void *user, struct scan *scan, const struct scan_piece *piece, struct err *err), void *user,
              struct err *err)
{
    uint64_t unreadable = scan->decoder.unreadable;
    scan->range = range;
    scan->fn = fn;
    scan->user = user;
    int64_t host_no = 0;
    int rc = scan_host_no(scan, range->host, &host_no, err);
    if (rc == 0 && host_no > 0 && !range->unrolled && range->minutes_from_us < range->minutes_to_us)
        rc = each_row(scan, scan->minutes, host_no, range->minutes_from_us, range->minutes_to_us, err);
    if (rc == 0 && host_no > 0)
        rc = each_row(scan, scan->blocks, host_no, range->from_us, range->to_us, err);
    if (rc == 0) /* the newest last: what is asked for by time is mostly in its order then */
        rc = inbox_host(&scan->inbox, range->host, range->from_us, range->to_us, on_batch, scan, err);
    scan->reading->unreadable += scan->decoder.unreadable - unreadable;
    return rc;
}

/* ---- of the piece in hand ---- */

int scan_column(struct scan *scan, const struct scan_piece *piece, uint32_t column, struct column *ret, struct err *err)
{
    scan->reading->left -= piece->to - piece->from;
    if (scan->decoded) {
        *ret = scan->decoded->batch.columns[column];
        return 0;
    }
    return pass_over(scan, block_column(scan->reading->coder, &scan->view, column, scan->reading->rows, ret, err));
}

int scan_parts(struct scan *scan, const struct scan_piece *piece, uint32_t *ret_n, const struct block_part **ret_parts,
               struct err *err)
{
    if (!scan->decoded) {
        *ret_n = piece->minutes ? 0 : scan->view.n_parts;
        return pass_over(scan, block_parts(scan->reading->coder, &scan->view, scan->reading->rows, ret_parts, err));
    }
    arena_reset(scan->reading->rows);
    struct block_part *part = arena_alloc(scan->reading->rows, 1, sizeof *part);
    if (!part)
        return err_set(err, -ENOMEM, "store: out of memory");
    *part = (struct block_part){ scan->decoded->batch.run, scan->decoded->batch.first, scan->decoded->batch.n_ticks };
    *ret_n = 1;
    *ret_parts = part;
    return 0;
}

#define EXACT_MOST (INT64_C(1) << 53) /* integers up to it are doubles */

static inline bool is_exact(int64_t value)
{
    return value >= -EXACT_MOST && value <= EXACT_MOST;
}

static bool all_exact(const int64_t *fixed, uint32_t n)
{
    bool exact = true;
    for (uint32_t i = 0; i < n; i++)
        exact &= is_exact(fixed[i]);
    return exact;
}

/* As batch_value() has them; nearly all are small enough to be divided here. */
void scan_values(const struct column *column, int exponent, uint32_t from, uint32_t to, double *values)
{
    static const double powers[SERIES_EXPONENT_MAX + 1] = { 1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                                            1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };
    struct series series = { .exponent = exponent };
    struct series_table table = { .n = 1, .at = &series };
    struct batch batch = { .n_ticks = to, .n_columns = 1, .columns = column };
    uint32_t n = to - from;
    if (column->real) {
        memcpy(values, column->values + from, n * sizeof *values);
        return;
    }
    const int64_t *fixed = column->fixed + from;
    double divisor = exponent <= 0 ? powers[-exponent] : 0;
    if (divisor > 0 && all_exact(fixed, n)) {
        for (uint32_t i = 0; i < n; i++)
            values[i] = (double)fixed[i] / divisor;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        values[i] =
            divisor > 0 && is_exact(fixed[i]) ? (double)fixed[i] / divisor : batch_value(&batch, &table, 0, from + i);
}

int scan_minutes(struct scan *scan, const struct scan_piece *piece, uint32_t series, struct scan_minutes *ret,
                 struct err *err)
{
    struct column *const columns[] = { &ret->count, &ret->min, &ret->max, &ret->sum };
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < 4; i++)
        rc = scan_column(scan, piece, 4 * series + i, columns[i], err);
    return rc;
}

bool scan_minute(const struct scan_minutes *minutes, const struct scan_piece *piece, int exponent, uint32_t i,
                 struct store_point *ret)
{
    double count = 0;
    scan_values(&minutes->count, 0, i, i + 1, &count);
    if (!(count >= 1 && count <= UINT32_MAX))
        return false;
    ret->at_us = piece->at_us[i];
    ret->count = (uint32_t)count;
    scan_values(&minutes->min, exponent, i, i + 1, &ret->min);
    scan_values(&minutes->max, exponent, i, i + 1, &ret->max);
    scan_values(&minutes->sum, exponent, i, i + 1, &ret->mean);
    return isfinite(ret->min) && isfinite(ret->max) && isfinite(ret->mean);
}
