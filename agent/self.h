/* agent/self.h - what the agent says of itself: warroom.agent.*.
 *
 * Source   getrusage(2); /proc/self/statm and /proc/sys/kernel/random/boot_id of the real /proc, whatever root the
 *          readers were given
 * Threads  one caller
 */
#pragma once
#include <limits.h>

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

struct self_names { /* for the hello */
    char hostname[HOST_NAME_MAX + 1];
    char system[3 * HOST_NAME_MAX]; /* "Linux 6.1.0-18-amd64 x86_64" */
};

void self_names(struct self_names *ret);

/* Zeros: the kernel does not say. */
struct boot_id self_boot(void);

/* `exercise`: as the policy in force has it. */
void self_take(struct self *self, const struct uplink_counts *counts, unsigned exercise, int64_t mono_us,
               struct readings *readings);
