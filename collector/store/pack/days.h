/* collector/store/pack/days.h - a day of rollups being put together, shared by those that do it.
 *
 * Memory   DAYS_OPEN_BYTES of opened pieces, and a last one that passes it; the minutes of one row, bounded by
 *          PACK_VALUES_MAX, and of one piece; of sketches one series at a time. A day of more is put together in
 *          several turns, into several rows
 */
#pragma once
#include <assert.h>

#include "collector/store/block/sketch.h"
#include "collector/store/pack/turn.h"

enum { COUNT, MIN, MAX, SUM, ROLLED }; /* the columns of a series, in a row of minutes */

enum { DAYS_OPEN_BYTES = 64 << 20 };

struct piece { /* a row of minute or sketch */
    int64_t id;
    int64_t first_us, last_us;
    bool whole;
    struct bytes bytes;
    /* of minutes */
    struct block_view minutes;
    const int64_t *at_us;
    uint32_t *places; /* of its minutes among those of the day */
    /* of sketches */
    struct sketches_view sketches;
};

struct day {
    struct pack_turn *turn;
    struct pack_op *op;
    const struct pack_due *of;
    const struct series_table *series;
    enum pack_table table;
    struct piece *pieces; /* those that can be read */
    size_t n;
    bool *real;            /* of each column of minutes: some piece has it as doubles */
    struct arena *scratch; /* of a piece's minutes or a sketch at a time */
};

/* Opens a piece and reads all of it once: what is damaged is known before anything is written. -EBADMSG, -ENOTSUP. */
int pack_day_open_minutes(struct day *day, struct piece *piece);
/* The rows of all pieces' minutes go into the op. */
int pack_day_minutes(struct day *day);

/* As many minutes make one row at most: no more than PACK_VALUES_MAX values, which cannot pass BLOCK_BYTES_MAX. */
static inline uint32_t pack_minutes_most(uint32_t n_columns)
{
    assert(n_columns > 0);
    uint32_t most = PACK_VALUES_MAX / n_columns;
    return most < BLOCK_TICKS_MAX ? most : BLOCK_TICKS_MAX;
}
