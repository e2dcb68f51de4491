/* collector/watch/prometheus.h - a rule as a Prometheus rule file has it: docs/rules.md says what is kept.
 *
 * Shape    levels with their hold, and absences of one host's series, become an item of `rules:`; `clear` becomes a
 *          second comparison that holds while the alert is up. Any other rule becomes a comment with the reason.
 *          Series are named as OpenMetrics has them (proto/metric/family.h)
 * Threads  pure functions
 */
#pragma once
#include <stdio.h>

#include "collector/watch/watch.h"

struct prometheus_host {  /* whose series alone are meant */
    const char *name;     /* borrowed */
    const double *limits; /* likewise: LIMIT_COUNT of them */
};

/* `host` NULL: those of every host. False: it is a comment. */
bool prometheus_print(FILE *out, const struct rule *rule, const struct prometheus_host *host);

/* What stands before the first item. */
void prometheus_print_head(FILE *out, const char *state, const struct prometheus_host *host, int64_t interval_us);
