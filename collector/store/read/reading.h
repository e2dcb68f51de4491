/* collector/store/read/reading.h - what every read of a tenant's file is handed.
 *
 * Shape    a long read does its work in turns: a turn ends where the next one may go on with another view of the file,
 *          at the end of a day or of a host, once it has done READING_TURN. So no read holds back another for long,
 *          nor the WAL
 * Threads  the reader's
 */
#pragma once
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "collector/store/block/block.h"

/* In units of about 10 ns: a value read is one, finding a row READING_ROW. */
enum { READING_TURN = 20 * 1000 * 1000, READING_ROW = 300 };

#define READING_DAY_US    (86400 * US_PER_S)
#define READING_MINUTE_US (60 * US_PER_S)

struct reading {
    sqlite3 *db;               /* within a transaction */
    struct block_coder *coder; /* borrowed */
    const atomic_bool *stop;   /* a long read gives up with -ECANCELED once it is set */
    struct arena *arena;       /* what is answered lies here */
    struct arena *rows;        /* for the row in hand: emptied by each */
    int64_t now_us;            /* wall time as the read was asked for */
    int64_t raw_from_us;       /* samples older than this may be gone: their minutes stand for them; a full minute */
    int64_t left;              /* of this turn's work; may fall below 0 */
    uint64_t unreadable;       /* rows passed over: damaged, or of a table that never came */
};

enum reading_answer { READING_MORE = 1 }; /* positive: a turn's end, the read is to be called again */

static inline int reading_check(const struct reading *reading, struct err *err)
{
    if (atomic_load_explicit(reading->stop, memory_order_relaxed))
        return err_set(err, -ECANCELED, "store: closing");
    return 0;
}

static inline int64_t reading_floor(int64_t at_us, int64_t unit_us)
{
    return at_us - at_us % unit_us;
}

/* INT64_MAX stays within what can be told. */
static inline int64_t reading_ceil(int64_t at_us, int64_t unit_us)
{
    int64_t down = reading_floor(at_us, unit_us);
    return down == at_us || down > INT64_MAX - unit_us ? down : down + unit_us;
}

static inline int64_t reading_later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

static inline int64_t reading_earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}
