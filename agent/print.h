/* agent/print.h - readings for people and for other programs.
 *
 * Shape    text: grouped by metric, at most PRINT_COLUMNS columns where names allow it; json: one object;
 *          openmetrics: an exposition that ends with # EOF; series without a value are "-", null, and left out
 * Source   OpenMetrics 1.0; names and units are made of ours as OpenTelemetry's Prometheus compatibility has it
 * Threads  writes to `out`
 */
#pragma once
#include <stdio.h>

#include "agent/read/read.h"
#include "agent/read/readings.h"

enum { PRINT_COLUMNS = 100 };

enum print_format { PRINT_TEXT, PRINT_JSON, PRINT_OPENMETRICS };

struct print_about {
    int64_t taken_us;    /* wall */
    int64_t interval_us; /* that rates were taken over */
};

void print_readings(FILE *out, const struct readings *readings, enum print_format format, struct print_about about);

/* One line of Prometheus text: name{labels} value. `user` is the FILE *. */
void print_raw(void *user, const struct raw_reading *reading);
