/* agent/read/source.h - what every source shares: the tick being taken, the arithmetic of counters, raw output.
 *
 * Shape    a source keeps a history (its last counters) in the reader and has a take and a raw function; read.c has the
 *          table of them
 * Threads  one caller
 */
#pragma once
#include <math.h>
#include <stdint.h>

#include "agent/read/files.h"
#include "agent/read/read.h"
#include "agent/read/readings.h"
#include "agent/read/stat.h"

/* How many of each are reported, so that the largest host's table still has room for the probes: see read_test.c. */
enum { DISKS_REPORTED = 32, INTERFACES_REPORTED = 32, MOUNTS_REPORTED = 20 };

struct take {
    struct files *files;
    const struct stat_file *stat; /* NULL: /proc/stat did not read well this time */
    struct readings *readings;
    const struct log *log;
    const char *rootfs; /* without its last slash: "" for "/" */
    int sys_fd;
    double seconds; /* since the take before; NaN: there was none, or no time has passed */
    int64_t now_ns;
};

/* The movement of a counter; NaN when it went back: then it was reset, and how far it came since is not known. */
static inline double counter_moved(uint64_t now, uint64_t last)
{
    return now >= last ? (double)(now - last) : NAN;
}

static inline double ratio_clamped(double ratio)
{
    return ratio < 0 ? 0 : ratio > 1 ? 1 : ratio; /* NaN stays NaN */
}

static inline void add(const struct take *take, enum metric_id metric, double value)
{
    readings_add(take->readings, metric, "", value);
}

struct raw {
    struct files *files;
    const struct stat_file *stat; /* as above */
    const char *rootfs;
    raw_reading_fn *fn;
    void *user;
};

struct raw_label {
    const char *name;
    const char *value;
};

/* Hands out one value; `name` is put behind "node_"; label values are escaped, bytes that are not UTF-8 become '?'. */
void raw_emit(const struct raw *raw, double value, const struct raw_label *labels, size_t n_labels, const char *name,
              ...) __attribute__((format(printf, 5, 6)));
