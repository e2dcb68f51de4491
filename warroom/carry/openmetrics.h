/* warroom/carry/openmetrics.h - history as OpenMetrics text: a line a sample, with its time (docs/import.md).
 *
 * Shape    a metric of the catalogue is named as the agent names it (proto/metric/family.h), its instance as the label
 *          the catalogue says; another metric's instance as the label "instance"; all have the label "host"
 * Source   OpenMetrics 1.0: families and series are not interrupted, times in seconds rise within a series, "# EOF"
 *          ends
 * Input    untrusted. -EINVAL: it is not this format, the text says where; -EMSGSIZE: over a limit
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/scan.h"
#include "proto/codec/message.h"
#include "proto/metric/family.h"
#include "warroom/carry/number.h"

/* ---- reading ---- */

enum openmetrics_kind { OPENMETRICS_SAMPLE, OPENMETRICS_UNIT, OPENMETRICS_EOF, OPENMETRICS_OTHER };

struct openmetrics_line {
    enum openmetrics_kind kind;
    struct scan_text name;   /* SAMPLE, UNIT: borrowed from the line, as what follows */
    struct scan_text labels; /* SAMPLE: between the braces */
    struct scan_text unit;   /* UNIT */
    struct number value;     /* SAMPLE */
    int64_t at_us;           /* SAMPLE */
};

int openmetrics_line_parse(const char *line, size_t len, struct openmetrics_line *ret, struct err *err);

/* What series a sample is of, and its label "host" ("" when there is none). `unit` is the family's, "" when it has
 * none. *ret lies in `arena`. */
int openmetrics_series(const struct openmetrics_line *sample, const char *unit, struct arena *arena, struct series *ret,
                       const char **ret_host, struct err *err);

/* ---- printing ---- */

struct openmetrics_name {
    const struct series *series; /* borrowed */
    char family[METRIC_FAMILY_MAX];
    char *text; /* the family with its labels */
};

struct openmetrics_names { /* zeroed memory is empty */
    uint32_t n;
    struct openmetrics_name *at; /* those of a family behind each other */
};

/* -EEXIST: two series would have one name. */
int openmetrics_names(struct openmetrics_names *ret, const struct series *series, uint32_t n, const char *host,
                      struct err *err);
void openmetrics_names_done(struct openmetrics_names *names);

void openmetrics_print_head(FILE *out, const struct openmetrics_name *name);
void openmetrics_print_sample(FILE *out, const char *name, const char *value, size_t value_len, int64_t at_us);
