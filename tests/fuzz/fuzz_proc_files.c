/* Every parser of the kernel's files: the first byte says which, the rest is the file. Texts that are refused must
 * leave the result untouched; the lists must stay within their room. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/read/cpu.h"
#include "agent/read/disk.h"
#include "agent/read/filesystem.h"
#include "agent/read/load.h"
#include "agent/read/memory.h"
#include "agent/read/network.h"
#include "agent/read/pressure.h"
#include "agent/read/tcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { ROOM = 4 };

static void must(bool fact)
{
    if (!fact)
        abort();
}

static bool same(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

#define WHOLE_OR_UNTOUCHED(parse, type)                                                                                \
    do {                                                                                                               \
        type result_, before_;                                                                                         \
        memset(&result_, 0x5A, sizeof result_);                                                                        \
        memcpy(&before_, &result_, sizeof result_);                                                                    \
        if (parse(text, len, &result_, &err) < 0)                                                                      \
            must(same(&result_, &before_, sizeof result_));                                                            \
    } while (0)

#define WITHIN_ROOM(parse, type)                                                                                       \
    do {                                                                                                               \
        type list_[ROOM];                                                                                              \
        size_t n_ = 0;                                                                                                 \
        if (parse(text, len, list_, ROOM, &n_, &err) < 0)                                                              \
            must(n_ == 0);                                                                                             \
        must(n_ <= ROOM);                                                                                              \
    } while (0)

static void fuzz_stat(const char *text, size_t len)
{
    struct stat_file *stat = calloc(1, sizeof *stat);
    must(stat);
    struct err err;
    struct cpu_shares shares;
    if (stat_parse(text, len, stat, &err) == 0) {
        must(stat->n_cpus <= CPUS_MAX);
        struct cpu_times last = stat->cpus[0];
        if (cpu_shares(&last, &stat->totals.cpu, &shares))
            must(shares.busy >= 0 && shares.busy <= 1 && shares.guest >= 0 && shares.guest <= 1);
    }
    free(stat);
}

static void fuzz_disks(const char *text, size_t len)
{
    struct disk disks[2];
    size_t n = 0;
    struct err err;
    if (disk_parse(text, len, disks, 2, &n, &err) < 0 || n < 2)
        return;
    struct disk_rates rates = disk_rates(&disks[0], &disks[1], 1);
    must(!(rates.read_bytes < 0) && !(rates.read_await_s < 0) && !(rates.queue < 0));
    must(!(rates.utilization < 0) && !(rates.utilization > 1));
    disk_is_partition_name(disks[0].name.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    /* A copy of its own size, so that reading past the end is seen. */
    size_t len = size - 1;
    char *text = malloc(len ? len : 1);
    must(text);
    memcpy(text, bytes + 1, len);
    struct err err;
    switch (bytes[0] % 15) {
    case 0:
        fuzz_stat(text, len);
        break;
    case 1:
        WHOLE_OR_UNTOUCHED(loadavg_parse, struct loadavg);
        break;
    case 2:
        WHOLE_OR_UNTOUCHED(uptime_parse, double);
        break;
    case 3:
        WHOLE_OR_UNTOUCHED(file_nr_parse, struct file_nr);
        break;
    case 4:
        WHOLE_OR_UNTOUCHED(meminfo_parse, struct meminfo);
        break;
    case 5:
        WHOLE_OR_UNTOUCHED(vmstat_parse, struct vmstat);
        break;
    case 6:
        WHOLE_OR_UNTOUCHED(pressure_parse, struct pressure);
        break;
    case 7:
        WHOLE_OR_UNTOUCHED(snmp_parse, struct snmp);
        break;
    case 8:
        WHOLE_OR_UNTOUCHED(netstat_parse, struct netstat);
        break;
    case 9:
        WHOLE_OR_UNTOUCHED(sockstat_parse, struct sockstat);
        break;
    case 10:
        WHOLE_OR_UNTOUCHED(number_parse, uint64_t);
        break;
    case 11:
        WITHIN_ROOM(mountinfo_parse, struct mount);
        break;
    case 12:
        WITHIN_ROOM(network_parse, struct interface);
        break;
    case 13:
        WITHIN_ROOM(disk_parse, struct disk);
        break;
    case 14:
        fuzz_disks(text, len);
        break;
    }
    free(text);
    return 0;
}
