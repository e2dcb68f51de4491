/* agent/read/cpu.h - CPU time by mode, as shares of the time since the last tick. */
#pragma once
#include "agent/read/source.h"

struct cpu_history {
    bool known; /* whether `all` and `each` hold the tick before */
    struct cpu_times all;
    struct cpu_times *each; /* CPUS_MAX, owned by the reader; the highest seen of each field, see cpu.c */
    size_t n;
    uint64_t context_switches;
};

/* Shares of the time between two readings of one CPU: what each mode took, guests apart. */
struct cpu_shares {
    double busy; /* neither idle nor waiting for I/O */
    double user, nice, system, idle, iowait, irq, softirq, steal, guest;
};

/* Moves `last` on to `now` and gives the shares in between. False: no time passed, or the counters began anew. */
bool cpu_shares(struct cpu_times *last, const struct cpu_times *now, struct cpu_shares *ret);

void cpu_take(void *state, const struct take *take);
void cpu_raw(void *state, const struct raw *raw);
