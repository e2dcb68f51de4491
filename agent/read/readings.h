/* agent/read/readings.h - what one tick read: a list of (metric, instance, value).
 *
 * Shape    readers and probes add rows in a stable order; the same host in the same shape gives the same rows, so
 *          that one series table serves many ticks. NaN stands for "this series is here but has no value now" and
 *          keeps the shape.
 * Owner    the list lives in the caller's memory and is reused from tick to tick; instances are copied into it
 * Limits   SERIES_MAX rows; further ones are counted in `dropped`
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "proto/codec/message.h"
#include "proto/metric/metric.h"

struct reading {
    enum metric_id metric;
    uint32_t instance_at; /* where its text begins in `text` */
    double value;
};

struct readings {
    size_t n;
    size_t dropped;
    size_t text_len;
    size_t text_size;
    char *text;
    struct reading at[SERIES_MAX];
};

/* Zeroed memory is an empty list. */
void readings_clear(struct readings *readings); /* for the next tick; keeps its memory */
void readings_done(struct readings *readings);

/* `instance` is copied; "" for none; cut at INSTANCE_MAX bytes on a UTF-8 border, bytes that are not UTF-8 become '?'.
 */
void readings_add(struct readings *readings, enum metric_id metric, const char *instance, double value);

const char *readings_instance(const struct readings *readings, size_t row);
