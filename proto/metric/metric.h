/* proto/metric/metric.h - the catalogue: every quantity the agent can report, described once.
 *
 * Shape    a constant table; a row's key is its name with its fixed attributes,
 *          `system.network.io.rate{direction=transmit}`; what tells series of one metric apart (a disk, a mount
 *          point, a target) is the series' instance, whose label the row names
 * Units    UCUM as OpenTelemetry writes them: "1", "s", "By", "By/s", "{packet}/s"; ratios run 0..1
 * Source   OpenTelemetry semantic conventions (system.*) for names; each row names its kernel file
 * Threads  constant data, any thread
 *
 * docs/metrics.md is printed from this table (build target metric_docs); a test holds the two together.
 */
#pragma once
#include <stddef.h>

enum { METRIC_KEY_MAX = 96, METRIC_UNIT_MAX = 24 };

/* metric_id: one METRIC_* enumerator a row, in the order of the table; METRIC_COUNT is their number. */
#include "proto/metric/metric_id.h"

struct metric {
    const char *key;            /* name, or name{attribute=value,...} with attributes in alphabetical order */
    const char *unit;           /* UCUM */
    int exponent;               /* values are whole multiples of 10^exponent: the resolution that is kept */
    const char *instance_label; /* "device", "mountpoint", "target"...; NULL: one series a host */
    const char *description;    /* one sentence, ends with a full stop */
    const char *source;         /* "/proc/net/dev, field 9" */
};

/* `id` is below METRIC_COUNT. The row is constant and never freed. */
const struct metric *metric_get(enum metric_id id);

/* NULL: the catalogue has no such key. */
const struct metric *metric_find(const char *key);

/* Writes a series as people read it, `system.disk.io.rate{device=vda,direction=read}`; a NULL label stands for
 * "instance". Cut at `size`. Returns `text`. */
char *metric_series_text(char *text, size_t size, const char *key, const char *instance_label, const char *instance);

/* A value with its unit as people read it: "90 %", "12.5 MB/s", "340 ms"; what a unit in braces counts is left to the
 * words around it. Returns `text`. */
enum { METRIC_QUANTITY_TEXT = 48 };
char *metric_quantity_text(char text[METRIC_QUANTITY_TEXT], double value, const char *unit);
