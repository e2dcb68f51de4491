/* agent/read/disk.h - throughput, operations, waiting and use of whole disks.
 *
 * Source   Documentation/admin-guide/iostats.rst: /proc/diskstats; a sector there is 512 bytes whatever the disk says
 */
#pragma once
#include "agent/read/names.h"
#include "agent/read/source.h"

enum { DISKS_MAX = 512 }; /* lines with partitions among them */

struct disk {
    struct device_name name; /* first: see device_find() */
    uint64_t reads, reads_merged, sectors_read, writes, writes_merged, sectors_written;
    uint64_t read_ms, write_ms, busy_ms, weighted_ms;                  /* unsigned 32 bit in the kernel: they wrap */
    int64_t in_flight;                                                 /* negative on kernels that count it wrongly */
    uint64_t discards, discards_merged, sectors_discarded, discard_ms; /* Linux 4.18 */
    uint64_t flushes, flush_ms;                                        /* Linux 5.5 */
    unsigned n_fields;                                                 /* 11, 15 or 17 */
    bool whole;                                                        /* the taker's: a whole disk that is reported */
};

/* Lines of an old form (7 fields, partitions before Linux 2.6.25) are passed over. -EBADMSG: a line is not numbers.
 * -ENODATA: no line at all. At most `room`; *ret_n is untouched on failure, what `ret` holds is then unspecified. */
int disk_parse(const char *text, size_t len, struct disk *ret, size_t room, size_t *ret_n, struct err *err);

struct disk_rates {
    double read_bytes, write_bytes, reads, writes; /* a second */
    double read_await_s, write_await_s;            /* mean of those that completed, 0 when none did */
    double utilization;                            /* 0..1 */
    double queue;
};

/* The movement between two readings `seconds` apart; NaN where it can't be known. */
struct disk_rates disk_rates(const struct disk *last, const struct disk *now, double seconds);

/* Whether the name is that of a partition, by the names the kernel gives: for roots without /sys/block. */
bool disk_is_partition_name(const char *name);

struct disk_list {
    size_t n;
    struct disk at[DISKS_MAX];
};

struct disk_history {
    struct disk_list *last; /* owned by the reader, both; swapped each tick */
    struct disk_list *now;
    bool left_out_said;
};

void disk_take(void *state, const struct take *take);
void disk_raw(void *state, const struct raw *raw);
