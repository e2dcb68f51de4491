/* tests/bench/recording.h - what a host once said, prepared by dataset.py to be said again.
 *
 * Shape    a line of JSON, {"rows": N, "series": [{"name", "exponent", "real"}]}, padded with blanks so that what comes
 *          behind its newline is aligned: N times in microseconds, then N values of each series, all of 8 bytes in the
 *          machine's own order: integers in multiples of 10^exponent, INT64_MIN for none, or doubles, NaN for none
 * Input    trusted: made by the same run
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

struct recording {
    void *map; /* owned, as the rest is by it and the arena */
    size_t len;
    uint32_t rows;
    const int64_t *at_us;
    const struct column *columns; /* of all rows */
    struct series_table table;
    struct bytes table_bytes;
};

int recording_open(struct recording *ret, const char *path, struct arena *arena, struct err *err);
void recording_close(struct recording *recording);
