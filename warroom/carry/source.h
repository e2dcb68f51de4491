/* warroom/carry/source.h - a file of history as ticks in the order of time, whatever its format.
 *
 * Shape    the list of series first, then tick by tick; times rise strictly, lie behind SOURCE_LEAST_US and not in the
 *          future. A series' exponent is what a first look at the file found to be enough for its decimals
 * Memory   bounded, however long the file: CSV is read once; OpenMetrics has its samples series by series, so the file
 *          is read once for what there is and then once for each window of time that fits in memory
 * Errors   -EINVAL: the file is not of the format: the text begins with the line. Others: it cannot be read
 */
#pragma once
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "proto/codec/message.h"
#include "warroom/carry/number.h"

#define SOURCE_LEAST_US  (INT64_C(946684800) * US_PER_S) /* 2000-01-01: the collector takes no older tick */
#define SOURCE_FUTURE_US (INT64_C(3600) * US_PER_S)      /* clocks may differ by as much */

enum source_format { SOURCE_CSV, SOURCE_OPENMETRICS };

struct source; /* opaque */

/* `file` is borrowed. On 0 the caller owns *ret_source. */
int source_open(struct source **ret_source, FILE *file, enum source_format format, int64_t now_us, struct err *err);
/* Always returns NULL; NULL is fine. */
struct source *source_close(struct source *source);

const struct series *source_series(const struct source *source, uint32_t *ret_n);

/* What tells this file from others: of a CSV its head and its first row, so that a file that has grown since goes on
 * where it ended; of an OpenMetrics file all of it. */
struct table_hash source_identity(const struct source *source);

struct tick {
    int64_t at_us;
    uint64_t line;               /* it begins there */
    const struct number *values; /* one a series; borrowed until the next call */
};

enum source_answer { SOURCE_END = 1 };
int source_next(struct source *source, struct tick *ret, struct err *err);
