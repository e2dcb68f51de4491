/* agent/read/stat.h - /proc/stat, read once a tick for everyone: CPU times, context switches, processes.
 *
 * Source   proc(5), Documentation/filesystems/proc.rst; times in ticks of 1/sysconf(_SC_CLK_TCK) s
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { CPUS_MAX = 1024 };

/* In the order of the file. */
enum cpu_field {
    CPU_FIELD_USER,
    CPU_FIELD_NICE,
    CPU_FIELD_SYSTEM,
    CPU_FIELD_IDLE,
    CPU_FIELD_IOWAIT,
    CPU_FIELD_IRQ,
    CPU_FIELD_SOFTIRQ,
    CPU_FIELD_STEAL,
    CPU_FIELD_GUEST,      /* inside user */
    CPU_FIELD_GUEST_NICE, /* inside nice */
    CPU_FIELD_COUNT
};

struct cpu_times {
    uint32_t id;
    uint64_t at[CPU_FIELD_COUNT]; /* fields an old kernel lacks are 0 */
};

struct stat_totals {
    struct cpu_times cpu;
    uint64_t context_switches;
    uint64_t boot_s; /* since the epoch */
    uint64_t forks;
    uint64_t running;
    uint64_t blocked;
};

struct stat_file {
    struct stat_totals totals;
    size_t n_cpus;
    struct cpu_times cpus[CPUS_MAX]; /* online ones, in the order of the file; further ones are left out */
};

/* -ENODATA: a line is missing. -EBADMSG: a line is there but is not numbers. On failure n_cpus and
 * totals are untouched, what `cpus` holds is unspecified. */
int stat_parse(const char *text, size_t len, struct stat_file *ret, struct err *err);
