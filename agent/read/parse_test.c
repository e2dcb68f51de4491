/* The parsers alone: text in, numbers out. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/read/cpu.h"
#include "agent/read/disk.h"
#include "agent/read/filesystem.h"
#include "agent/read/load.h"
#include "agent/read/memory.h"
#include "agent/read/network.h"
#include "agent/read/pressure.h"
#include "agent/read/tcp.h"

#define NEAR(have, want) assert_true(fabs((have) - (want)) < 1e-9)

/* Each of `texts` is refused with a reason and leaves `result`, `size` bytes, as it was. */
#define REFUSES(parse, result, want_rc, ...)                                                                           \
    do {                                                                                                               \
        const char *const texts_[] = { __VA_ARGS__ };                                                                  \
        for (size_t i_ = 0; i_ < sizeof texts_ / sizeof texts_[0]; i_++) {                                             \
            memset(&(result), 0x5A, sizeof(result));                                                                   \
            struct err err_ = { .code = 0 };                                                                           \
            int rc_ = parse(texts_[i_], strlen(texts_[i_]), &(result), &err_);                                         \
            if (rc_ != (want_rc) || err_.code != (want_rc) || err_.text[0] == '\0')                                    \
                fail_msg("\"%s\": %d", texts_[i_], rc_);                                                               \
            for (size_t b_ = 0; b_ < sizeof(result); b_++)                                                             \
                assert_int_equal(((const unsigned char *)&(result))[b_], 0x5A);                                        \
        }                                                                                                              \
    } while (0)

/* ---- /proc/stat ---- */

#define STAT_TAIL "ctxt 5\nbtime 6\nprocesses 7\nprocs_running 8\nprocs_blocked 9\n"

static int parse_stat(const char *text, struct stat_file *ret)
{
    return stat_parse(text, strlen(text), ret, NULL);
}

static void stat_reads_the_whole_and_each_cpu(void **state)
{
    (void)state;
    struct stat_file *stat = calloc(1, sizeof *stat);
    assert_non_null(stat);
    assert_int_equal(
        parse_stat("cpu  1 2 3 4 5 6 7 8 9 10 11\ncpu0 1 2 3 4\ncpu7 1 2 3 4 5 6 7\nnew 1\n" STAT_TAIL, stat), 0);
    assert_int_equal(stat->totals.cpu.at[CPU_FIELD_GUEST_NICE], 10);
    assert_int_equal(stat->totals.context_switches, 5);
    assert_int_equal(stat->totals.blocked, 9);
    assert_int_equal(stat->n_cpus, 2);
    assert_int_equal(stat->cpus[1].id, 7);
    assert_int_equal(stat->cpus[0].at[CPU_FIELD_IOWAIT], 0);
    free(stat);
}

static void stat_is_refused_when_something_is_missing_or_strange(void **state)
{
    (void)state;
    static struct {
        const char *text;
        int rc;
    } rows[] = {
        { "", -ENODATA },
        { "cpu  1 2 3 4\n" STAT_TAIL, -ENODATA },
        { "cpu0 1 2 3 4\n" STAT_TAIL, -ENODATA },
        { "cpu  1 2 3 4\ncpu0 1 2 3 4\nctxt 5\n", -ENODATA },
        { "cpu  1 2 3\ncpu0 1 2 3 4\n" STAT_TAIL, -EBADMSG },
        { "cpu  1 2 3 4\ncpu0 1 2 x 4\n" STAT_TAIL, -EBADMSG },
        { "cpu  1 2 3 4\ncpu0 1 2 3 99999999999999999999\n" STAT_TAIL, -EBADMSG },
        { "cpu  1 2 3 4\ncpu99999999999 1 2 3 4\n" STAT_TAIL, -EBADMSG },
        { "cpu  1 2 3 4\ncpu0 1 2 3 4\nctxt\n", -EBADMSG },
    };
    struct stat_file *stat = calloc(1, sizeof *stat);
    assert_non_null(stat);
    stat->n_cpus = 77;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse_stat(rows[i].text, stat), rows[i].rc);
        assert_int_equal(stat->n_cpus, 77);
        assert_int_equal(stat->totals.boot_s, 0);
    }
    free(stat);
}

static struct cpu_times times(uint64_t user, uint64_t nice, uint64_t idle, uint64_t iowait, uint64_t guest,
                              uint64_t guest_nice)
{
    return (struct cpu_times){ .at = { [CPU_FIELD_USER] = user,
                                       [CPU_FIELD_NICE] = nice,
                                       [CPU_FIELD_IDLE] = idle,
                                       [CPU_FIELD_IOWAIT] = iowait,
                                       [CPU_FIELD_GUEST] = guest,
                                       [CPU_FIELD_GUEST_NICE] = guest_nice } };
}

static void guests_are_not_counted_twice(void **state)
{
    (void)state;
    struct cpu_times last = times(0, 0, 0, 0, 0, 0);
    struct cpu_times now = times(50, 30, 20, 0, 40, 10);
    struct cpu_shares shares;
    assert_true(cpu_shares(&last, &now, &shares));
    NEAR(shares.user, 0.10);
    NEAR(shares.nice, 0.20);
    NEAR(shares.guest, 0.50);
    NEAR(shares.idle, 0.20);
    NEAR(shares.busy, 0.80);
}

static void iowait_that_goes_back_counts_as_none_until_it_passes_where_it_was(void **state)
{
    (void)state;
    struct cpu_times last = times(0, 0, 0, 100, 0, 0);
    struct cpu_times back = times(50, 0, 50, 90, 0, 0);
    struct cpu_shares shares;
    assert_true(cpu_shares(&last, &back, &shares));
    NEAR(shares.iowait, 0);
    NEAR(shares.busy, 0.5);
    struct cpu_times on = times(50, 0, 140, 110, 0, 0);
    assert_true(cpu_shares(&last, &on, &shares));
    NEAR(shares.iowait, 0.1); /* 10 past the 100 it had reached, not 20 */
}

static void idle_that_falls_three_seconds_is_a_new_beginning(void **state)
{
    (void)state;
    uint64_t second = (uint64_t)sysconf(_SC_CLK_TCK);
    struct cpu_times last = times(1000, 0, 100 * second, 0, 0, 0);
    struct cpu_times anew = times(5, 0, 97 * second, 0, 0, 0);
    struct cpu_shares shares;
    assert_false(cpu_shares(&last, &anew, &shares));
    struct cpu_times next = times(15, 0, 97 * second + 10, 0, 0, 0);
    assert_true(cpu_shares(&last, &next, &shares));
    NEAR(shares.busy, 0.5);
}

static void idle_that_falls_a_little_is_not(void **state)
{
    (void)state;
    uint64_t second = (uint64_t)sysconf(_SC_CLK_TCK);
    struct cpu_times last = times(1000, 0, 100 * second, 0, 0, 0);
    struct cpu_times now = times(1010, 0, 98 * second, 0, 0, 0);
    struct cpu_shares shares;
    assert_true(cpu_shares(&last, &now, &shares));
    NEAR(shares.busy, 1);
}

static void no_time_between_two_readings_gives_no_shares(void **state)
{
    (void)state;
    struct cpu_times last = times(1, 2, 3, 4, 0, 0);
    struct cpu_times now = last;
    struct cpu_shares shares;
    assert_false(cpu_shares(&last, &now, &shares));
}

/* ---- load ---- */

static void load_uptime_and_open_files_are_read(void **state)
{
    (void)state;
    struct loadavg load;
    assert_int_equal(loadavg_parse("0.63 12.25 0.09 3/95 7482\n", 26, &load, NULL), 0);
    NEAR(load.load_5m, 12.25);
    assert_int_equal(load.threads, 95);
    double up_s;
    assert_int_equal(uptime_parse("1466.84 2856.91\n", 16, &up_s, NULL), 0);
    NEAR(up_s, 1466.84);
    struct file_nr files;
    assert_int_equal(file_nr_parse("592\t0\t9223372036854775807\n", 26, &files, NULL), 0);
    assert_int_equal(files.open, 592);
}

static void load_uptime_and_open_files_are_refused_when_strange(void **state)
{
    (void)state;
    struct loadavg load;
    REFUSES(loadavg_parse, load, -EBADMSG, "", "1", "1 2 3", "1 2 3 4", "-1 2 3 4/5 6", "nan 1 1 1/1 1", "a b c d");
    double up_s;
    REFUSES(uptime_parse, up_s, -EBADMSG, "", "5", "-5 1", "x 1");
    struct file_nr files;
    REFUSES(file_nr_parse, files, -EBADMSG, "", "592", "592 0", "592 0 -1");
}

/* ---- memory ---- */

#define MEM_LEAST                                                                                                      \
    "MemTotal: 1000 kB\nMemFree: 100 kB\nBuffers: 10 kB\nCached: 400 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"

static struct meminfo meminfo(const char *text)
{
    struct meminfo mem;
    assert_int_equal(meminfo_parse(text, strlen(text), &mem, NULL), 0);
    return mem;
}

static void meminfo_is_in_bytes(void **state)
{
    (void)state;
    struct meminfo mem = meminfo(MEM_LEAST "MemAvailable: 600 kB\nHugePages_Total: 2\n");
    assert_int_equal(mem.total, 1000 * 1024);
    assert_int_equal(mem.available, 600 * 1024);
    assert_false(mem.estimated);
}

static void an_old_kernel_has_its_available_memory_estimated(void **state)
{
    (void)state;
    struct meminfo mem = meminfo(MEM_LEAST "SReclaimable: 70 kB\nShmem: 50 kB\n");
    assert_true(mem.estimated);
    assert_int_equal(mem.available, (100 + 400 + 70 - 50) * 1024);
    assert_int_equal(meminfo(MEM_LEAST "Shmem: 5000 kB\n").available, 0);
}

static void available_memory_is_never_more_than_there_is(void **state)
{
    (void)state;
    assert_int_equal(meminfo(MEM_LEAST "MemAvailable: 5000 kB\n").available, 1000 * 1024);
    assert_int_equal(meminfo(MEM_LEAST "SReclaimable: 18014398509481983 kB\n").available, 1000 * 1024);
}

static void meminfo_is_refused_when_something_is_missing_or_strange(void **state)
{
    (void)state;
    struct meminfo mem;
    REFUSES(meminfo_parse, mem, -ENODATA, "", "MemTotal: 1 kB\n", "\n\n\n", "no colon at all");
    REFUSES(meminfo_parse, mem, -EBADMSG, "MemTotal: x kB\n", "MemTotal: -1 kB\n", "MemTotal:\n", "MemTotal: 1 MB\n",
            "MemTotal: 18446744073709551615 kB\n",
            "MemTotal: 0 kB\nMemFree: 0 kB\nBuffers: 0 kB\nCached: 0 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
}

static void vmstat_finds_its_rows_among_many(void **state)
{
    (void)state;
    static const char text[] =
        "nr_free_pages 1\npgfault 10\npgmajfault 5\npgfault_x 3\npswpin 1\npswpout 2\noom_kill 4\n";
    struct vmstat vm;
    assert_int_equal(vmstat_parse(text, strlen(text), &vm, NULL), 0);
    assert_int_equal(vm.faults, 10);
    assert_int_equal(vm.major_faults, 5);
    assert_true(vm.has_oom_kills);
    assert_int_equal(vm.oom_kills, 4);
    assert_int_equal(vmstat_parse("pgfault 1\npgmajfault 1\n", 23, &vm, NULL), 0);
    assert_false(vm.has_oom_kills);
}

static void vmstat_is_refused_when_something_is_missing_or_strange(void **state)
{
    (void)state;
    struct vmstat vm;
    REFUSES(vmstat_parse, vm, -ENODATA, "", "pgfault 1\n");
    REFUSES(vmstat_parse, vm, -EBADMSG, "pgfault x\n", "pgfault 1 2\n", "pgfault\n");
}

/* ---- pressure ---- */

static void pressure_reads_the_totals(void **state)
{
    (void)state;
    static const char both[] = "some avg10=0.00 avg60=0.15 avg300=0.24 total=5762266\nfull avg10=0.00 total=7\n";
    struct pressure pressure;
    assert_int_equal(pressure_parse(both, strlen(both), &pressure, NULL), 0);
    assert_int_equal(pressure.some_us, 5762266);
    assert_int_equal(pressure.full_us, 7);
    assert_int_equal(pressure_parse("some total=3", 12, &pressure, NULL), 0);
    assert_int_equal(pressure.full_us, 0);
}

static void pressure_is_refused_when_something_is_missing_or_strange(void **state)
{
    (void)state;
    struct pressure pressure;
    REFUSES(pressure_parse, pressure, -ENODATA, "", "full total=1\n", "someone total=1\n");
    REFUSES(pressure_parse, pressure, -EBADMSG, "some avg10=0\n", "some total=\n", "some total=1x\n",
            "some total=-1\n");
}

/* ---- network counters ---- */

#define SNMP_NAMES                                                                                                     \
    "Tcp: MaxConn New ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs "         \
    "OutRsts\n"
#define SNMP_TCP SNMP_NAMES "Tcp: -1 99 1 2 3 4 5 6 7 8 9\n"
#define SNMP_UDP "Udp: InDatagrams OutDatagrams RcvbufErrors\nUdp: 10 11 12\n"

static void snmp_matches_columns_by_name_and_stands_a_negative_one(void **state)
{
    (void)state;
    struct snmp snmp;
    static const char text[] = "Ip: A\nIp: 1\n" SNMP_TCP SNMP_UDP;
    assert_int_equal(snmp_parse(text, strlen(text), &snmp, NULL), 0);
    assert_int_equal(snmp.active_opens, 1);
    assert_int_equal(snmp.established, 5);
    assert_int_equal(snmp.resets_sent, 9);
    assert_int_equal(snmp.udp_buffer_errors, 12);
}

static void snmp_is_refused_when_something_is_missing_or_strange(void **state)
{
    (void)state;
    struct snmp snmp;
    REFUSES(snmp_parse, snmp, -ENODATA, "", SNMP_TCP, SNMP_UDP);
    REFUSES(snmp_parse, snmp, -EBADMSG, SNMP_NAMES, SNMP_NAMES "Tcp: -1 99 1\n", SNMP_NAMES "Udp: 1\n", "Tcp\nTcp\n",
            "Tcp: A\nTcp: 1 2\n", "Tcp: CurrEstab\nTcp: -1\n", "Tcp: CurrEstab\nTcp: 1x\n");
}

static void netstat_goes_without_what_old_kernels_do_not_count(void **state)
{
    (void)state;
    struct netstat netstat;
    static const char old[] = "TcpExt: ListenOverflows ListenDrops TCPTimeouts\nTcpExt: 7 9 15\n";
    assert_int_equal(netstat_parse(old, strlen(old), &netstat, NULL), 0);
    assert_int_equal(netstat.listen_drops, 9);
    assert_true(netstat.syn_retransmits == COUNTER_ABSENT);
    REFUSES(netstat_parse, netstat, -ENODATA, "", "TcpExt: ListenDrops\nTcpExt: 1\n");
    REFUSES(netstat_parse, netstat, -EBADMSG, "TcpExt: ListenDrops\n", "TcpExt: ListenDrops\nIpExt: 1\n");
}

static void sockstat_reads_names_and_values_in_one_line(void **state)
{
    (void)state;
    struct sockstat sockets;
    static const char text[] = "sockets: used 17\nTCP: inuse 1 orphan 2 tw 3 alloc 4 mem 5\nFRAG: inuse 0 memory 0\n";
    assert_int_equal(sockstat_parse(text, strlen(text), &sockets, NULL), 0);
    assert_int_equal(sockets.used, 17);
    assert_int_equal(sockets.tcp_time_wait, 3);
    REFUSES(sockstat_parse, sockets, -ENODATA, "", "sockets: used 17\n");
    REFUSES(sockstat_parse, sockets, -EBADMSG, "sockets: used\n", "sockets used 1\n", "sockets: used x\n");
    uint64_t number;
    assert_int_equal(number_parse("12\n", 3, &number, NULL), 0);
    REFUSES(number_parse, number, -EBADMSG, "", "x", "12 13", "-1\n");
}

/* ---- disks ---- */

static struct disk disk(const char *text)
{
    struct disk one;
    size_t n;
    assert_int_equal(disk_parse(text, strlen(text), &one, 1, &n, NULL), 0);
    assert_int_equal(n, 1);
    return one;
}

static void diskstats_reads_lines_of_every_kernel(void **state)
{
    (void)state;
    struct disk old = disk("   8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
    assert_string_equal(old.name.text, "sda");
    assert_int_equal(old.weighted_ms, 11);
    struct disk now = disk("8 0 cciss/c0d0 1 2 3 4 5 6 7 8 -1 10 11 12 13 14 15 16 17 18\n");
    assert_int_equal(now.n_fields, 17);
    assert_int_equal(now.flush_ms, 17);
    assert_int_equal(now.in_flight, -1);
    struct disk two[1];
    size_t n;
    static const char with_partition[] =
        "8 1 sda1 1 2 3 4\n8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n8 16 sdb 1 2 3 4 5 6 7 8 9 10 11\n";
    assert_int_equal(disk_parse(with_partition, strlen(with_partition), two, 1, &n, NULL), 0);
    assert_int_equal(n, 1); /* no more than there is room for */
    assert_string_equal(two[0].name.text, "sda");
}

static void diskstats_is_refused_when_strange(void **state)
{
    (void)state;
    static const char *const texts[] = { "\n",
                                         "8\n",
                                         "8 0\n",
                                         "8 0 sda\n",
                                         "8 0 sda 1 2 3 4 5\n",
                                         "8 0 sda 1 2 3 4 x\n",
                                         "8 0 sda 1 2 3 4 5 6 7 8 9 10 99999999999999999999\n" };
    struct disk one;
    size_t n = 77;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(disk_parse(texts[i], strlen(texts[i]), &one, 1, &n, NULL), -EBADMSG);
    assert_int_equal(disk_parse("", 0, &one, 1, &n, NULL), -ENODATA);
    assert_int_equal(n, 77);
}

static void disk_rates_are_what_moved_in_between(void **state)
{
    (void)state;
    struct disk last = disk("8 0 sda 100 0 1000 400 50 0 500 100 0 300 500\n");
    struct disk now = disk("8 0 sda 110 0 1200 440 50 0 500 100 0 1300 2500\n");
    struct disk_rates rates = disk_rates(&last, &now, 2);
    NEAR(rates.read_bytes, 200 * 512 / 2.0);
    NEAR(rates.reads, 5);
    NEAR(rates.read_await_s, 0.004);
    NEAR(rates.write_await_s, 0);
    NEAR(rates.write_bytes, 0);
    NEAR(rates.utilization, 0.5);
    NEAR(rates.queue, 1);
}

static void milliseconds_that_wrap_at_32_bits_go_on(void **state)
{
    (void)state;
    struct disk last = disk("8 0 sda 100 0 0 4294967290 50 0 0 0 0 4294967000 4294967295\n");
    struct disk now = disk("8 0 sda 102 0 0 4 50 0 0 0 0 204 999\n");
    struct disk_rates rates = disk_rates(&last, &now, 1);
    NEAR(rates.read_await_s, 0.005);
    NEAR(rates.utilization, 0.5);
    NEAR(rates.queue, 1);
}

static void utilization_never_passes_one(void **state)
{
    (void)state;
    struct disk last = disk("8 0 sda 1 0 0 0 0 0 0 0 0 0 0\n");
    struct disk now = disk("8 0 sda 1 0 0 0 0 0 0 0 0 1004 0\n");
    NEAR(disk_rates(&last, &now, 1).utilization, 1);
}

static void a_disk_that_began_anew_has_no_rates_for_once(void **state)
{
    (void)state;
    struct disk last = disk("8 0 sda 100 0 1000 400 50 0 500 100 0 300 500\n");
    struct disk now = disk("8 0 sda 5 0 2000 500 60 0 600 200 0 310 600\n"); /* some counters are past the old ones */
    struct disk_rates rates = disk_rates(&last, &now, 1);
    assert_true(isnan(rates.reads) && isnan(rates.writes) && isnan(rates.read_bytes) && isnan(rates.write_bytes));
    assert_true(isnan(rates.read_await_s) && isnan(rates.write_await_s));
    assert_true(isnan(rates.utilization) && isnan(rates.queue));
    struct disk busy_back = disk("8 0 sda 100 0 1000 400 50 0 500 100 0 299 500\n");
    rates = disk_rates(&last, &busy_back, 1);
    assert_true(isnan(rates.utilization)); /* back by one is no wrap */
    NEAR(rates.reads, 0);
}

static void partitions_are_known_by_their_names(void **state)
{
    (void)state;
    static const char *const partitions[] = { "sda1", "vdb12", "xvda2", "hdc1", "nvme0n1p1", "mmcblk0p2", "md0p1" };
    static const char *const disks[] = { "sda", "vda", "xvdb", "nvme0n1", "mmcblk0", "md0", "dm-3", "sdaa", "p1" };
    for (size_t i = 0; i < sizeof partitions / sizeof partitions[0]; i++)
        assert_true(disk_is_partition_name(partitions[i]));
    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++)
        assert_false(disk_is_partition_name(disks[i]));
}

/* ---- mounts ---- */

static size_t mounts(const char *text, struct mount *ret, size_t room)
{
    size_t n = 0;
    assert_int_equal(mountinfo_parse(text, strlen(text), ret, room, &n, NULL), 0);
    return n;
}

static void a_device_mounted_often_is_listed_once_where_its_root_is(void **state)
{
    (void)state;
    struct mount list[4];
    assert_int_equal(mounts("1 1 8:1 /srv/a /a rw - ext4 /dev/sda1 rw\n"
                            "2 1 8:1 / /mnt/root rw - ext4 /dev/sda1 rw\n"
                            "3 1 8:1 / /root rw - ext4 /dev/sda1 rw\n"
                            "4 1 8:1 / /other/place rw - ext4 /dev/sda1 rw\n",
                            list, 4),
                     1);
    assert_string_equal(list[0].point, "/root");
}

static void what_is_mounted_over_is_gone(void **state)
{
    (void)state;
    struct mount list[4];
    assert_int_equal(mounts("1 1 8:1 / /data rw - ext4 /dev/sda1 rw\n2 1 8:2 / /data rw - xfs /dev/sda2 rw\n", list, 4),
                     1);
    assert_string_equal(list[0].source, "/dev/sda2");
    assert_int_equal(mounts("1 1 8:1 / /data rw - ext4 /dev/sda1 rw\n2 1 0:9 / /data rw - tmpfs none rw\n", list, 4),
                     0);
}

static void what_may_hang_is_never_listed(void **state)
{
    (void)state;
    static const char *const types[] = { "nfs",     "nfs4",     "cifs", "smb3",   "fuse.sshfs", "fuse.glusterfs",
                                         "fuseblk", "9p",       "ceph", "autofs", "gfs2",       "ocfs2",
                                         "lustre",  "afs",      "proc", "tmpfs",  "overlay",    "squashfs",
                                         "iso9660", "a-new-one" };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char line[128];
        struct mount one;
        snprintf(line, sizeof line, "1 1 0:44 / /mnt rw shared:7 master:1 - %s server:/x rw\n", types[i]);
        assert_int_equal(mounts(line, &one, 1), 0);
    }
}

static void octal_escapes_are_undone(void **state)
{
    (void)state;
    struct mount list[2];
    assert_int_equal(mounts("1 1 8:1 / /a\\040b\\011c\\134d\\012e\\9\\04 rw - ext4 /dev/x\\040y rw\n"
                            "2 1 8:2 / /caf\xe9 rw - ext4 /dev/z rw\n",
                            list, 2),
                     2);
    assert_string_equal(list[0].point, "/a b\tc\\d\ne\\9\\04");
    assert_string_equal(list[0].source, "/dev/x y");
    assert_string_equal(list[1].point, "/caf\xe9");
}

static void a_mount_point_that_is_too_long_or_has_a_nul_is_passed_over(void **state)
{
    (void)state;
    char text[MOUNT_POINT_MAX + 200];
    struct mount list[2];
    char longest[MOUNT_POINT_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    snprintf(text, sizeof text, "1 1 8:1 / /%s rw - ext4 /dev/a rw\n2 1 8:2 / /b rw - ext4 /dev/b rw\n", longest);
    assert_int_equal(mounts(text, list, 2), 1);
    assert_string_equal(list[0].point, "/b");
    assert_int_equal(mounts("1 1 8:1 / /a\\000b rw - ext4 /dev/a rw\n", list, 2), 0);
}

static void mountinfo_is_refused_when_strange(void **state)
{
    (void)state;
    static const char *const texts[] = { "\n", "1 1 8:1 / /\n", "1 1 8 / / rw - ext4 a rw\n",
                                         "1 1 8:1 / / rw ext4 a rw\n", "1 1 8:1 / / rw - ext4\n" };
    struct mount one;
    size_t n = 77;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(mountinfo_parse(texts[i], strlen(texts[i]), &one, 1, &n, NULL), -EBADMSG);
    assert_int_equal(mountinfo_parse("", 0, &one, 1, &n, NULL), -ENODATA);
    assert_int_equal(n, 77);
}

static void space_is_counted_as_df_does(void **state)
{
    (void)state;
    struct statvfs stat = { .f_bsize = 65536,
                            .f_frsize = 4096,
                            .f_blocks = 1000,
                            .f_bfree = 300,
                            .f_bavail = 100,
                            .f_files = 200,
                            .f_ffree = 50,
                            .f_flag = ST_RDONLY };
    struct filesystem_figures figures;
    assert_true(filesystem_figures(&stat, &figures));
    NEAR(figures.limit_bytes, 4096000); /* f_frsize, not f_bsize */
    NEAR(figures.used_bytes, 700 * 4096);
    NEAR(figures.available_bytes, 100 * 4096);
    NEAR(figures.utilization, 700 / 800.0);
    NEAR(figures.inodes_utilization, 0.75);
    assert_true(figures.readonly);
    stat.f_files = 0;
    stat.f_bavail = (fsblkcnt_t)-5; /* root has eaten into its reserve */
    assert_true(filesystem_figures(&stat, &figures));
    assert_false(figures.has_inodes);
    NEAR(figures.available_bytes, 0);
    NEAR(figures.utilization, 1);
    stat.f_blocks = 0;
    assert_false(filesystem_figures(&stat, &figures));
}

/* ---- interfaces ---- */

#define DEV_TITLE "Inter-|   Receive  |  Transmit\n face |bytes\n"

static void net_dev_reads_lines_with_and_without_a_space_behind_the_colon(void **state)
{
    (void)state;
    struct interface list[2];
    size_t n;
    static const char text[] = DEV_TITLE "  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                                         "b\xff.7: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 18446744073709551615\n"
                                         "more: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
    assert_int_equal(network_parse(text, strlen(text), list, 2, &n, NULL), 0);
    assert_int_equal(n, 2);
    assert_int_equal(list[0].at[TX_BYTES], 9);
    assert_string_equal(list[1].name.text, "b\xff.7");
    assert_true(list[1].at[TX_COMPRESSED] == UINT64_MAX);
}

static void net_dev_is_refused_when_strange(void **state)
{
    (void)state;
    static const char *const bad[] = { DEV_TITLE "eth0 1 2\n", DEV_TITLE "eth0: 1 2 3\n", DEV_TITLE ": 1 2 3\n",
                                       DEV_TITLE "\n", DEV_TITLE "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -1\n" };
    struct interface one;
    size_t n = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(network_parse(bad[i], strlen(bad[i]), &one, 1, &n, NULL), -EBADMSG);
    assert_int_equal(network_parse("", 0, &one, 1, &n, NULL), -ENODATA);
    assert_int_equal(network_parse(DEV_TITLE, strlen(DEV_TITLE), &one, 1, &n, NULL), -ENODATA);
    assert_int_equal(n, 77);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stat_reads_the_whole_and_each_cpu),
        TEST(stat_is_refused_when_something_is_missing_or_strange),
        TEST(guests_are_not_counted_twice),
        TEST(iowait_that_goes_back_counts_as_none_until_it_passes_where_it_was),
        TEST(idle_that_falls_three_seconds_is_a_new_beginning),
        TEST(idle_that_falls_a_little_is_not),
        TEST(no_time_between_two_readings_gives_no_shares),
        TEST(load_uptime_and_open_files_are_read),
        TEST(load_uptime_and_open_files_are_refused_when_strange),
        TEST(meminfo_is_in_bytes),
        TEST(an_old_kernel_has_its_available_memory_estimated),
        TEST(available_memory_is_never_more_than_there_is),
        TEST(meminfo_is_refused_when_something_is_missing_or_strange),
        TEST(vmstat_finds_its_rows_among_many),
        TEST(vmstat_is_refused_when_something_is_missing_or_strange),
        TEST(pressure_reads_the_totals),
        TEST(pressure_is_refused_when_something_is_missing_or_strange),
        TEST(snmp_matches_columns_by_name_and_stands_a_negative_one),
        TEST(snmp_is_refused_when_something_is_missing_or_strange),
        TEST(netstat_goes_without_what_old_kernels_do_not_count),
        TEST(sockstat_reads_names_and_values_in_one_line),
        TEST(diskstats_reads_lines_of_every_kernel),
        TEST(diskstats_is_refused_when_strange),
        TEST(disk_rates_are_what_moved_in_between),
        TEST(milliseconds_that_wrap_at_32_bits_go_on),
        TEST(utilization_never_passes_one),
        TEST(a_disk_that_began_anew_has_no_rates_for_once),
        TEST(partitions_are_known_by_their_names),
        TEST(a_device_mounted_often_is_listed_once_where_its_root_is),
        TEST(what_is_mounted_over_is_gone),
        TEST(what_may_hang_is_never_listed),
        TEST(octal_escapes_are_undone),
        TEST(a_mount_point_that_is_too_long_or_has_a_nul_is_passed_over),
        TEST(mountinfo_is_refused_when_strange),
        TEST(space_is_counted_as_df_does),
        TEST(net_dev_reads_lines_with_and_without_a_space_behind_the_colon),
        TEST(net_dev_is_refused_when_strange),
    };
    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
