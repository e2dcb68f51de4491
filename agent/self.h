/* agent/self.h - what the agent says of itself: warroom.agent.*.
 *
 * Source   getrusage(2); /proc/self/statm and /proc/sys/kernel/random/boot_id of the real /proc, whatever root the
 *          readers were given
 * Threads  one caller
 */
#pragma once
#include "agent/read/readings.h"
#include "agent/uplink/uplink.h"

struct self {
    int statm_fd; /* -1: cannot be read, its series is absent */
    int64_t page_bytes;
    int64_t cpu_us;  /* at the reading before */
    int64_t mono_us; /* 0: none */
};

void self_init(struct self *self);
void self_done(struct self *self);

/* Zeros: the kernel does not say. */
struct boot_id self_boot(void);

void self_take(struct self *self, const struct uplink_counts *counts, int64_t mono_us, struct readings *readings);
