#include "agent/self.h"

#include <endian.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/scan.h"

void self_init(struct self *self)
{
    *self = (struct self){
        .statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC),
        .page_bytes = sysconf(_SC_PAGESIZE),
    };
}

void self_done(struct self *self)
{
    if (self->statm_fd >= 0)
        close(self->statm_fd);
    self->statm_fd = -1;
}

void self_names(struct self_names *ret)
{
    struct utsname names;
    uname(&names); /* fails only for a bad pointer */
    snprintf(ret->hostname, sizeof ret->hostname, "%s", names.nodename);
    snprintf(ret->system, sizeof ret->system, "%s %s %s", names.sysname, names.release, names.machine);
}

static int64_t cpu_now_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage); /* cannot fail for RUSAGE_SELF */
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* Of the CPU's time since the reading before, the part that was ours; the first reading has none before it. */
static double cpu_share(struct self *self, int64_t mono_us)
{
    int64_t cpu_us = cpu_now_us();
    double share = NAN;
    if (self->mono_us > 0 && mono_us > self->mono_us)
        share = fmin(1, (double)(cpu_us - self->cpu_us) / (double)(mono_us - self->mono_us));
    self->cpu_us = cpu_us;
    self->mono_us = mono_us;
    return share;
}

/* proc(5): the second number of statm is the resident set in pages. */
static double resident_bytes(const struct self *self)
{
    char text[128];
    ssize_t len = self->statm_fd < 0 ? -1 : pread(self->statm_fd, text, sizeof text, 0);
    if (len < 0)
        return NAN;
    struct scan scan = scan_over(text, (size_t)len);
    uint64_t size, resident;
    if (!scan_u64(&scan, &size) || !scan_char(&scan, ' ') || !scan_u64(&scan, &resident))
        return NAN;
    return (double)resident * (double)self->page_bytes;
}

/* random(4): 32 hexadecimal digits with dashes between them. */
struct boot_id self_boot(void)
{
    struct boot_id boot = { { 0 } };
    char text[64], digits[2 * SPOOL_BOOT_BYTES];
    AUTO(auto_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
    size_t n = 0;
    for (ssize_t i = 0; i < len && n < sizeof digits; i++)
        if (text[i] != '-')
            digits[n++] = text[i];
    struct scan high = scan_over(digits, n / 2), low = scan_over(digits + n / 2, n / 2);
    uint64_t halves[2];
    if (n < sizeof digits || !scan_hex64(&high, &halves[0]) || !scan_hex64(&low, &halves[1]) || !scan_done(&high) ||
        !scan_done(&low))
        return boot;
    for (int i = 0; i < 2; i++)
        halves[i] = htobe64(halves[i]);
    memcpy(boot.bytes, halves, sizeof halves);
    return boot;
}

void self_take(struct self *self, const struct uplink_counts *counts, unsigned exercise, int64_t mono_us,
               struct readings *readings)
{
    readings_add(readings, METRIC_AGENT_CPU, "", cpu_share(self, mono_us));
    readings_add(readings, METRIC_AGENT_MEMORY, "", resident_bytes(self));
    readings_add(readings, METRIC_AGENT_QUEUE, "", (double)counts->queued);
    readings_add(readings, METRIC_AGENT_DROPPED, "", (double)counts->dropped);
    readings_add(readings, METRIC_AGENT_EXERCISE, "", (double)exercise);
}
