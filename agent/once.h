/* agent/once.h - `warroom-agent --once`: one look at this host, on stdout.
 *
 * Shape    reads twice, ONCE_INTERVAL_US apart, since rates need two readings; the configured probes run one burst
 *          each meanwhile
 * Threads  runs a loop of its own until it is done
 */
#pragma once
#include <stdio.h>

#include "agent/print.h"
#include "agent/settings.h"

enum { ONCE_INTERVAL_US = 1000000 };

/* Writes the readings. -ENOENT, -EACCES...: a root cannot be read; -EIO: `out` cannot be written. */
int once_readings(FILE *out, const struct settings *settings, enum print_format format, const struct clock *clock,
                  const struct log *log, struct err *err);

/* Writes the kernel's cumulative readings as Prometheus text. Fails as once_readings() does. */
int once_raw(FILE *out, const struct settings *settings, const struct clock *clock, const struct log *log,
             struct err *err);
