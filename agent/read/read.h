/* agent/read/read.h - the host's own numbers, from /proc, /sys and statfs.
 *
 * Shape    a table of sources (cpu, memory, disk, filesystem, network, tcp, load, pressure); each opens its files
 *          once, keeps them open where the kernel allows re-reading from the start, and remembers what it needs for
 *          the next difference
 * Rates    are per second of monotonic time between two takes; the first take has none, so rates appear from the
 *          second on
 * Errors   a file that is missing, empty, cut or strange takes only its own series away; it is logged once, and once
 *          more when it reads well again
 * Roots    every path is relative to a root handed in, so a captured folder reads like a host
 * Source   proc(5) and the kernel's own documentation, named in each source's file
 * Threads  one caller; calls read files and may wait for the kernel
 */
#pragma once

#include "agent/read/readings.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

struct reader; /* opaque */

struct roots {
    const char *procfs; /* "/proc" */
    const char *sysfs;  /* "/sys" */
    const char *rootfs; /* "/": prefix of the mount points that statfs() is asked about */
};

/* Copies the roots; clock and log are borrowed. -ENOENT, -EACCES: a root cannot be opened. */
int reader_open(struct reader **ret_reader, const struct roots *roots, const struct clock *clock, const struct log *log,
                struct err *err);

/* Adds this moment's readings. Never fails as a whole. */
void reader_take(struct reader *reader, struct readings *readings);

/* One cumulative kernel reading under the name node_exporter gives it. */
struct raw_reading {
    const char *name;   /* "node_cpu_seconds_total" */
    const char *labels; /* "cpu=\"0\",mode=\"user\"", label values escaped as Prometheus text has it; "" for none */
    double value;
};
typedef void raw_reading_fn(void *user, const struct raw_reading *reading); /* reading: borrowed during the call */

/* Reads everything afresh and hands out the cumulative values, for comparison with node_exporter. */
void reader_raw(struct reader *reader, raw_reading_fn *fn, void *user);

/* Always returns NULL; NULL is fine. */
struct reader *reader_close(struct reader *reader);
