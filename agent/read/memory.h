/* agent/read/memory.h - memory, swap, faults, processes killed for want of memory.
 *
 * Source   proc(5): /proc/meminfo ("kB" there means KiB; here everything is bytes), /proc/vmstat (pages and events)
 */
#pragma once
#include "agent/read/source.h"

struct meminfo {
    uint64_t total, free, buffers, cached, shared, dirty, writeback, anonymous, committed;
    uint64_t reclaimable, unreclaimable;
    uint64_t swap_total, swap_free;
    uint64_t available; /* never above `total` */
    bool estimated;     /* `available` is ours: the kernel is older than Linux 3.14 */
};

struct vmstat {
    uint64_t swap_in, swap_out, faults, major_faults;
    uint64_t oom_kills;
    bool has_oom_kills; /* Linux 4.13 */
};

/* -ENODATA: a field every kernel has is missing. -EBADMSG: a field is there but is not a number that fits. */
int meminfo_parse(const char *text, size_t len, struct meminfo *ret, struct err *err);
int vmstat_parse(const char *text, size_t len, struct vmstat *ret, struct err *err);

struct memory_history {
    bool known;
    struct vmstat last;
    bool estimate_said;
};

void memory_take(void *state, const struct take *take);
void memory_raw(void *state, const struct raw *raw);
