/* warroom/carry/csv.h - history as a table of text: a row a tick, a column a series (docs/import.md).
 *
 * Head     "time_ms,system.cpu.utilization (1),system.disk.io.rate{direction=read}[vda] (By/s)": the clock, then each
 *          series: metric, instance in brackets if it has one, unit behind a blank in parentheses
 * Clock    time_ms, ts_ms: milliseconds since 1970; time_s: seconds; time: RFC 3339, or milliseconds. Fractions are
 *          kept to the microsecond
 * Cells    decimal numbers; empty, NaN and null are "no value"
 * Quotes   as RFC 4180 has them, but a cell ends on its line
 * Input    untrusted. -EINVAL: it is not this format, the text says where; -EMSGSIZE: over a limit
 * Threads  pure functions
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"
#include "warroom/carry/number.h"

enum csv_clock { CSV_TIME, CSV_TIME_S, CSV_TIME_MS };

struct csv_head {
    enum csv_clock clock;
    uint32_t n;                  /* 1..SERIES_MAX */
    const struct series *series; /* in the arena; exponents are 0 */
};

/* Reads a first line, without its end. *ret lies in `arena`. */
int csv_head_parse(const char *line, size_t len, struct arena *arena, struct csv_head *ret, struct err *err);

/* Reads a further line into its time and one number a column; on failure `values` are undefined. */
int csv_row_parse(const struct csv_head *head, const char *line, size_t len, int64_t *ret_us, struct number *values,
                  struct err *err);

/* ---- printing ---- */

/* The head line. What is read of it again is the same list, but for a metric with an instance and a '[' in its name. */
void csv_head_print(FILE *out, const struct series *series, uint32_t n);

/* "1795401660123", with what there is below a millisecond behind a point. */
void csv_time_print(FILE *out, int64_t at_us);
