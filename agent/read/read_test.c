/* The whole reader over captured folders, with a clock that moves when told. */
#include "agent/read/read.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/read/source.h"

#define FIXTURES "agent/read/fixtures"

struct fixture {
    char folder[64]; /* a copy of a captured host, to be changed at will */
    struct clock_fake time;
    struct clock clock;
    struct log log;
    struct reader *reader;
    struct readings readings;
};

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    *state = f;
    f->time = (struct clock_fake){ .mono_ns = 1000 * NS_PER_S, .wall_ns = 1795402527 * NS_PER_S };
    f->clock = clock_of_fake(&f->time);
    f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC), .least = LOG_INFO, .clock = &f->clock };
    snprintf(f->folder, sizeof f->folder, "/tmp/read_test.XXXXXX");
    return f->log.fd >= 0 && mkdtemp(f->folder) ? 0 : -1;
}

static int shell(const char *verb, const char *from, const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "%s '%s' %s", verb, from, to);
    return system(command); /* NOLINT: the words are this file's own */
}

static int drop(void **state)
{
    struct fixture *f = *state;
    reader_close(f->reader);
    readings_done(&f->readings);
    close(f->log.fd);
    int rc = shell("rm -rf", f->folder, "");
    free(f);
    return rc;
}

static void open_over(struct fixture *f, const char *procfs, const char *sysfs, const char *rootfs)
{
    struct err err;
    if (reader_open(&f->reader, &(struct roots){ procfs, sysfs, rootfs }, &f->clock, &f->log, &err) < 0)
        fail_msg("%s", err.text);
}

static void open_host(struct fixture *f, const char *host)
{
    char procfs[96], sysfs[96], rootfs[96], from[96];
    snprintf(from, sizeof from, FIXTURES "/%s/.", host);
    assert_int_equal(shell("cp -a", from, f->folder), 0);
    snprintf(procfs, sizeof procfs, "%s/proc", f->folder);
    snprintf(sysfs, sizeof sysfs, "%s/sys", f->folder);
    snprintf(rootfs, sizeof rootfs, "%s/rootfs/", f->folder);
    open_over(f, procfs, sysfs, rootfs);
}

/* In place, as the kernel's files change: the reader keeps them open. */
static void rewrite(struct fixture *f, const char *file, const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f->folder, file);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void replace(struct fixture *f, const char *file, const char *old, const char *fresh)
{
    char path[160];
    char text[8192];
    char changed[8192];
    snprintf(path, sizeof path, "%s/%s", f->folder, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(len > 0);
    text[len] = '\0';
    char *at = strstr(text, old);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, fresh, at + strlen(old));
    rewrite(f, file, changed);
}

static void take(struct fixture *f)
{
    readings_clear(&f->readings);
    reader_take(f->reader, &f->readings);
}

static void pass_and_take(struct fixture *f, int64_t ns)
{
    clock_fake_pass(&f->time, ns);
    take(f);
}

/* Index of a series, or -1. */
static int row_of(const struct fixture *f, enum metric_id metric, const char *instance)
{
    for (size_t i = 0; i < f->readings.n; i++)
        if (f->readings.at[i].metric == metric && strcmp(readings_instance(&f->readings, i), instance) == 0)
            return (int)i;
    return -1;
}

static double value_of(const struct fixture *f, enum metric_id metric, const char *instance)
{
    int row = row_of(f, metric, instance);
    if (row < 0)
        fail_msg("no %s of \"%s\"", metric_get(metric)->key, instance);
    return f->readings.at[row].value;
}

#define HAS(metric, instance)        assert_true(row_of(f, (metric), (instance)) >= 0)
#define HAS_NOT(metric, instance)    assert_true(row_of(f, (metric), (instance)) < 0)
#define IS(metric, instance, want)   assert_true(fabs(value_of(f, (metric), (instance)) - (want)) < 1e-6)
#define IS_UNKNOWN(metric, instance) assert_true(isnan(value_of(f, (metric), (instance))))

static size_t times_logged(const struct fixture *f, const char *words)
{
    static char text[65536];
    ssize_t len = pread(f->log.fd, text, sizeof text - 1, 0);
    assert_true(len >= 0);
    text[len] = '\0';
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, words)); at++)
        n++;
    return n;
}

static void a_root_that_is_not_there_is_said_at_once(void **state)
{
    struct fixture *f = *state;
    struct reader *untouched = (struct reader *)f;
    struct reader *reader = untouched;
    const struct roots wrong[] = { { "/nowhere", "/sys", "/" },
                                   { "/proc", "/nowhere", "/" },
                                   { "/proc", "/sys", "/nowhere" } };
    for (size_t i = 0; i < 3; i++) {
        struct err err;
        assert_int_equal(reader_open(&reader, &wrong[i], &f->clock, &f->log, &err), -ENOENT);
        assert_non_null(strstr(err.text, "/nowhere"));
        assert_ptr_equal(reader, untouched);
    }
    assert_null(reader_close(NULL));
}

static void gauges_are_there_from_the_first_tick_and_rates_from_the_second(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    IS(METRIC_MEMORY_UTILIZATION, "", 0.4);
    IS(METRIC_TCP_ESTABLISHED, "", 42);
    IS_UNKNOWN(METRIC_CPU_UTILIZATION, "");
    IS_UNKNOWN(METRIC_NETWORK_RECEIVE, "eth0");
    size_t n = f->readings.n;
    replace(f, "proc/stat", "cpu  1000 200 500 8000", "cpu  1100 200 550 8050");
    replace(f, "proc/stat", "cpu0 500 100 250 4000", "cpu0 600 100 250 4000");
    replace(f, "proc/stat", "ctxt 294795", "ctxt 294995");
    replace(f, "proc/1/net/dev", "eth0: 1000000", "eth0: 1004000");
    replace(f, "proc/1/net/snmp", "-1 100 200", "-1 106 210");
    replace(f, "proc/1/net/snmp", "2000 20 0", "2090 30 0");
    replace(f, "proc/diskstats", "vda 1000 10 20000 4000", "vda 1010 10 20400 4050");
    replace(f, "proc/pressure/io", "total=1000000", "total=1500000");
    replace(f, "proc/vmstat", "pgmajfault 50", "pgmajfault 54");
    pass_and_take(f, 2 * NS_PER_S);
    IS(METRIC_CPU_UTILIZATION, "", 0.75);
    IS(METRIC_CPU_USER, "", 0.5);
    IS(METRIC_CPU_UTILIZATION_MAX, "", 1);
    IS(METRIC_CPU_COUNT, "", 2);
    IS(METRIC_CONTEXT_SWITCHES, "", 100);
    IS(METRIC_NETWORK_RECEIVE, "eth0", 2000);
    IS(METRIC_TCP_INBOUND, "", 5);
    IS(METRIC_TCP_OUTBOUND, "", 3);
    IS(METRIC_TCP_RETRANSMIT_RATIO, "", 0.1);
    IS(METRIC_DISK_READ_BYTES, "vda", 400 * 512 / 2.0);
    IS(METRIC_DISK_READ_AWAIT, "vda", 0.005);
    IS(METRIC_PRESSURE_IO_SOME, "", 0.25);
    IS(METRIC_FAULTS_MAJOR, "", 2);
    assert_int_equal(f->readings.n, n); /* the same host in the same shape */
}

static void the_plain_host_reads_as_it_was_captured(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    IS(METRIC_LOAD_5M, "", 0.25);
    IS(METRIC_THREADS, "", 95);
    IS(METRIC_UPTIME, "", 1466.84);
    IS(METRIC_FILES_UTILIZATION, "", 0.1);
    IS(METRIC_PROCESSES_RUNNING, "", 3);
    IS(METRIC_MEMORY_USED, "", 400000 * 1024.0);
    IS(METRIC_SWAP_UTILIZATION, "", 0.25);
    IS(METRIC_TCP_TIME_WAIT, "", 30);
    IS(METRIC_CONNTRACK_UTILIZATION, "", 0.25);
    assert_int_equal(times_logged(f, "event="), 0);
}

static void loopback_and_far_ends_of_bridges_are_left_out(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    HAS(METRIC_NETWORK_RECEIVE, "eth0");
    HAS_NOT(METRIC_NETWORK_RECEIVE, "lo");
    HAS_NOT(METRIC_NETWORK_RECEIVE, "veth1a2");
}

static void only_whole_disks_are_read(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    HAS(METRIC_DISK_UTILIZATION, "vda");
    HAS(METRIC_DISK_UTILIZATION, "nvme0n1");
    HAS_NOT(METRIC_DISK_UTILIZATION, "vda1");
    HAS_NOT(METRIC_DISK_UTILIZATION, "loop0");
    HAS_NOT(METRIC_DISK_UTILIZATION, "zram0");
}

static void local_filesystems_are_read_once_under_the_root_handed_in(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    struct statvfs here;
    assert_int_equal(statvfs(f->folder, &here), 0);
    IS(METRIC_FILESYSTEM_LIMIT, "/", (double)here.f_blocks * (double)here.f_frsize);
    HAS(METRIC_FILESYSTEM_UTILIZATION, "/srv/with space");
    HAS_NOT(METRIC_FILESYSTEM_LIMIT, "/srv/bound");
    HAS_NOT(METRIC_FILESYSTEM_LIMIT, "/mnt/nfs");
}

static void a_mount_point_that_cannot_be_asked_is_said_once_and_once_when_it_can(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    char here[96], away[96];
    snprintf(here, sizeof here, "%s/rootfs/srv", f->folder);
    snprintf(away, sizeof away, "%s/rootfs/away", f->folder);
    assert_int_equal(rename(here, away), 0);
    for (int i = 0; i < 5; i++) {
        pass_and_take(f, 40 * NS_PER_S); /* the list is read again in between */
        HAS_NOT(METRIC_FILESYSTEM_LIMIT, "/srv/with space");
        HAS(METRIC_FILESYSTEM_LIMIT, "/");
    }
    assert_int_equal(times_logged(f, "event=reader_filesystem_failing"), 1);
    assert_int_equal(rename(away, here), 0);
    pass_and_take(f, NS_PER_S);
    HAS(METRIC_FILESYSTEM_LIMIT, "/srv/with space");
    assert_int_equal(times_logged(f, "event=reader_filesystem_well"), 1);
}

static void a_new_mount_is_seen_within_a_minute_even_when_nothing_tells(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    replace(f, "proc/1/mountinfo", "30 27 8:1 / /srv/with\\040space", "30 27 8:1 / /srv");
    pass_and_take(f, 60 * NS_PER_S);
    HAS(METRIC_FILESYSTEM_LIMIT, "/srv");
    HAS_NOT(METRIC_FILESYSTEM_LIMIT, "/srv/with space");
}

static void an_old_kernel_goes_without_what_it_does_not_have(void **state)
{
    struct fixture *f = *state;
    open_host(f, "old");
    take(f);
    pass_and_take(f, NS_PER_S);
    IS(METRIC_MEMORY_AVAILABLE, "", (100000 + 400000 + 70000 - 50000) * 1024.0);
    HAS_NOT(METRIC_PRESSURE_IO_SOME, "");
    HAS_NOT(METRIC_CONNTRACK_COUNT, "");
    HAS_NOT(METRIC_OOM_KILLS, "");
    HAS_NOT(METRIC_SWAP_UTILIZATION, "");
    HAS_NOT(METRIC_TCP_SYN_RETRANSMITS, "");
    IS(METRIC_TCP_LISTEN_DROPS, "", 0);
    HAS(METRIC_DISK_UTILIZATION, "sda");
    HAS_NOT(METRIC_DISK_UTILIZATION, "sda2"); /* no /sys/block here: known by its name */
    assert_int_equal(times_logged(f, "event=reader_memory_estimated"), 1);
    assert_int_equal(times_logged(f, "event="), 1);
}

static void strange_files_take_only_their_own_series_away_and_are_said_once(void **state)
{
    struct fixture *f = *state;
    open_host(f, "odd");
    for (int i = 0; i < 10; i++)
        pass_and_take(f, NS_PER_S);
    assert_int_equal(f->readings.n, 0);
    /* stat, loadavg, uptime, file-nr, meminfo, vmstat, three of pressure, snmp, netstat, sockstat, diskstats, net/dev,
     * mountinfo; conntrack is not there, which is no fault */
    assert_int_equal(times_logged(f, "event=reader_file_failing"), 15);
    assert_int_equal(times_logged(f, "event="), 15);
}

static void a_file_that_is_well_again_is_said_and_has_rates_one_tick_later(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    pass_and_take(f, NS_PER_S);
    IS(METRIC_TCP_INBOUND, "", 0);
    static const char title[] = "Tcp: RtoAlgorithm";
    replace(f, "proc/1/net/snmp", title, "Tcp: RtoAlgorithm Extra");
    pass_and_take(f, NS_PER_S);
    HAS_NOT(METRIC_TCP_INBOUND, "");
    IS(METRIC_CPU_COUNT, "", 2);
    replace(f, "proc/1/net/snmp", "Tcp: RtoAlgorithm Extra", title);
    pass_and_take(f, NS_PER_S);
    IS_UNKNOWN(METRIC_TCP_INBOUND, "");
    pass_and_take(f, NS_PER_S);
    IS(METRIC_TCP_INBOUND, "", 0);
    assert_int_equal(times_logged(f, "event=reader_file_failing file=net/snmp"), 1);
    assert_int_equal(times_logged(f, "event=reader_file_well file=net/snmp"), 1);
}

static void a_counter_that_goes_back_has_no_value_for_that_tick(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    replace(f, "proc/1/net/dev", "eth0: 1000000    1000", "eth0: 500    2000"); /* made anew, and already busy */
    replace(f, "proc/1/net/snmp", "-1 100 200", "-1 100 199");
    replace(f, "proc/stat", "ctxt 294795", "ctxt 5");
    replace(f, "proc/vmstat", "pswpin 100", "pswpin 1");
    pass_and_take(f, NS_PER_S);
    IS_UNKNOWN(METRIC_NETWORK_RECEIVE, "eth0");
    IS_UNKNOWN(METRIC_NETWORK_PACKETS_RECEIVE, "eth0");
    IS_UNKNOWN(METRIC_NETWORK_TRANSMIT, "eth0");
    IS_UNKNOWN(METRIC_TCP_INBOUND, "");
    IS(METRIC_TCP_OUTBOUND, "", 0);
    IS_UNKNOWN(METRIC_CONTEXT_SWITCHES, "");
    IS_UNKNOWN(METRIC_SWAP_IN, "");
    pass_and_take(f, NS_PER_S);
    IS(METRIC_NETWORK_RECEIVE, "eth0", 0);
    IS(METRIC_TCP_INBOUND, "", 0);
}

static void errors_that_go_back_alone_do_not_take_the_bytes_with_them(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    replace(f, "proc/1/net/dev", "1000    1    2", "1000    1    0");
    pass_and_take(f, NS_PER_S);
    IS_UNKNOWN(METRIC_NETWORK_DROPS_RECEIVE, "eth0");
    IS(METRIC_NETWORK_RECEIVE, "eth0", 0);
}

static void a_cpu_that_vanishes_and_returns_never_shows_nonsense(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    replace(f, "proc/stat", "cpu1 500 100 250 4000 150 5 20 25 50 10\n", "");
    replace(f, "proc/stat", "cpu  1000", "cpu  1010");
    pass_and_take(f, NS_PER_S);
    IS(METRIC_CPU_COUNT, "", 1);
    IS_UNKNOWN(METRIC_CPU_UTILIZATION_MAX, "");
    IS(METRIC_CPU_UTILIZATION, "", 1);
    replace(f, "proc/stat", "intr", "cpu1 1 1 1 1 1 1 1 1 1 1\nintr");
    pass_and_take(f, NS_PER_S);
    IS_UNKNOWN(METRIC_CPU_UTILIZATION_MAX, "");
    replace(f, "proc/stat", "cpu1 1 1 1 1", "cpu1 2 1 1 4");
    pass_and_take(f, NS_PER_S);
    IS(METRIC_CPU_UTILIZATION_MAX, "", 0.25);
}

static void a_disk_that_comes_has_rates_from_its_second_tick_and_one_that_goes_is_gone(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    replace(f, "proc/diskstats", "nvme0n1", "sdb");
    char folder[96];
    snprintf(folder, sizeof folder, "%s/sys/block/sdb", f->folder);
    assert_int_equal(shell("mkdir", folder, ""), 0);
    pass_and_take(f, NS_PER_S);
    HAS_NOT(METRIC_DISK_READS, "nvme0n1");
    IS_UNKNOWN(METRIC_DISK_READS, "sdb");
    pass_and_take(f, NS_PER_S);
    IS(METRIC_DISK_READS, "sdb", 0);
}

static void no_time_between_two_takes_gives_no_rates(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    take(f);
    IS_UNKNOWN(METRIC_NETWORK_RECEIVE, "eth0");
    IS_UNKNOWN(METRIC_CONTEXT_SWITCHES, "");
    pass_and_take(f, NS_PER_S);
    IS(METRIC_NETWORK_RECEIVE, "eth0", 0);
}

static void interfaces_beyond_the_limit_are_left_out_and_said_once(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    char text[16384] = "a\nb\n";
    for (int i = 0; i < INTERFACES_REPORTED + 5; i++) {
        size_t len = strlen(text);
        snprintf(text + len, sizeof text - len, "eth%d: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", i);
    }
    rewrite(f, "proc/1/net/dev", text);
    take(f);
    pass_and_take(f, NS_PER_S);
    HAS(METRIC_NETWORK_RECEIVE, "eth31");
    HAS_NOT(METRIC_NETWORK_RECEIVE, "eth32");
    assert_int_equal(times_logged(f, "event=reader_interfaces_left_out"), 1);
}

static void the_largest_host_still_leaves_room_for_probes(void **state)
{
    (void)state;
    size_t n = 0;
    for (int i = 0; i < METRIC_COUNT; i++) {
        const char *label = metric_get((enum metric_id)i)->instance_label;
        if (!label)
            n += 1;
        else if (strcmp(label, "mountpoint") == 0)
            n += MOUNTS_REPORTED;
        else if (strcmp(label, "target") == 0)
            n += 64; /* PROBE_TARGETS_MAX */
        else if (strncmp(metric_get((enum metric_id)i)->key, "system.disk.", 12) == 0)
            n += DISKS_REPORTED;
        else
            n += INTERFACES_REPORTED;
    }
    assert_in_range(n, 1, SERIES_MAX);
}

struct raw_seen {
    size_t n;
    size_t found;
    const char *name, *labels;
    double value;
};

static void look(void *user, const struct raw_reading *reading)
{
    struct raw_seen *seen = user;
    seen->n++;
    if (strcmp(reading->name, seen->name) == 0 && strcmp(reading->labels, seen->labels) == 0) {
        seen->found++;
        seen->value = reading->value;
    }
}

static double raw_value(struct fixture *f, const char *name, const char *labels)
{
    struct raw_seen seen = { .name = name, .labels = labels };
    reader_raw(f->reader, look, &seen);
    if (seen.found != 1)
        fail_msg("%s{%s}: %zu times", name, labels, seen.found);
    return seen.value;
}

static void raw_readings_are_named_as_node_exporter_names_them(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *labels;
        double value;
    } rows[] = {
        { "node_context_switches_total", "", 294795 },
        { "node_boot_time_seconds", "", 1795401527 },
        { "node_load15", "", 0.09 },
        { "node_filefd_maximum", "", 5920 },
        { "node_memory_MemTotal_bytes", "", 1024000000 },
        { "node_memory_Active_anon_bytes", "", 92160000 },
        { "node_memory_HugePages_Total", "", 2 },
        { "node_vmstat_pgfault", "", 10000 },
        { "node_pressure_io_stalled_seconds_total", "", 0.5 },
        { "node_disk_written_bytes_total", "device=\"vda\"", 8000 * 512 },
        { "node_disk_io_time_weighted_seconds_total", "device=\"zram0\"", 0 },
        { "node_disk_flush_requests_time_seconds_total", "device=\"vda\"", 0.003 },
        { "node_network_receive_drop_total", "device=\"veth1a2\"", 0 },
        { "node_network_transmit_errs_total", "device=\"eth0\"", 3 },
        { "node_netstat_Tcp_CurrEstab", "", 42 },
        { "node_netstat_TcpExt_ListenDrops", "", 9 },
        { "node_sockstat_TCP_tw", "", 30 },
        { "node_sockstat_TCP6_inuse", "", 5 },
        { "node_nf_conntrack_entries_limit", "", 48 },
        { "node_filesystem_readonly", "device=\"/dev/vda1\",fstype=\"ext4\",mountpoint=\"/\"", 0 },
    };
    open_host(f, "plain");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(fabs(raw_value(f, rows[i].name, rows[i].labels) - rows[i].value) < 1e-6);
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    assert_true(fabs(raw_value(f, "node_cpu_seconds_total", "cpu=\"1\",mode=\"user\"") - 500 * tick) < 1e-6);
    assert_true(fabs(raw_value(f, "node_cpu_guest_seconds_total", "cpu=\"0\",mode=\"nice\"") - 10 * tick) < 1e-6);
}

static void raw_labels_are_escaped(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    replace(f, "proc/1/net/dev", "veth1a2", "a\"b\\c\xff");
    assert_true(raw_value(f, "node_network_receive_bytes_total", "device=\"a\\\"b\\\\c?\"") == 10);
}

static void this_very_host_reads_without_a_word(void **state)
{
    struct fixture *f = *state;
    open_over(f, "/proc", "/sys", "/");
    take(f);
    pass_and_take(f, NS_PER_S);
    assert_true(f->readings.n > 60);
    assert_int_equal(times_logged(f, "event=reader_file_failing"), 0);
    for (size_t i = 0; i < f->readings.n; i++) {
        const struct metric *metric = metric_get(f->readings.at[i].metric);
        double value = f->readings.at[i].value;
        if (value < 0 || (strcmp(metric->unit, "1") == 0 && value > 1))
            fail_msg("%s is %g", metric->key, value);
    }
    assert_true(value_of(f, METRIC_MEMORY_LIMIT, "") > 0);
}

static void the_same_host_gives_the_same_rows_and_takes_no_more_memory(void **state)
{
    struct fixture *f = *state;
    open_host(f, "plain");
    take(f);
    struct readings *first = malloc(sizeof *first);
    assert_non_null(first);
    memcpy(first, &f->readings, sizeof *first);
    pass_and_take(f, NS_PER_S);
    bool same = first->n == f->readings.n && first->text == f->readings.text && first->text_len == f->readings.text_len;
    for (size_t i = 0; same && i < first->n; i++)
        same = first->at[i].metric == f->readings.at[i].metric &&
               first->at[i].instance_at == f->readings.at[i].instance_at;
    free(first);
    assert_true(same);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_root_that_is_not_there_is_said_at_once),
        TEST(gauges_are_there_from_the_first_tick_and_rates_from_the_second),
        TEST(the_plain_host_reads_as_it_was_captured),
        TEST(loopback_and_far_ends_of_bridges_are_left_out),
        TEST(only_whole_disks_are_read),
        TEST(local_filesystems_are_read_once_under_the_root_handed_in),
        TEST(a_mount_point_that_cannot_be_asked_is_said_once_and_once_when_it_can),
        TEST(a_new_mount_is_seen_within_a_minute_even_when_nothing_tells),
        TEST(an_old_kernel_goes_without_what_it_does_not_have),
        TEST(strange_files_take_only_their_own_series_away_and_are_said_once),
        TEST(a_file_that_is_well_again_is_said_and_has_rates_one_tick_later),
        TEST(a_counter_that_goes_back_has_no_value_for_that_tick),
        TEST(errors_that_go_back_alone_do_not_take_the_bytes_with_them),
        TEST(a_cpu_that_vanishes_and_returns_never_shows_nonsense),
        TEST(a_disk_that_comes_has_rates_from_its_second_tick_and_one_that_goes_is_gone),
        TEST(no_time_between_two_takes_gives_no_rates),
        TEST(interfaces_beyond_the_limit_are_left_out_and_said_once),
        TEST(the_largest_host_still_leaves_room_for_probes),
        TEST(raw_readings_are_named_as_node_exporter_names_them),
        TEST(raw_labels_are_escaped),
        TEST(this_very_host_reads_without_a_word),
        TEST(the_same_host_gives_the_same_rows_and_takes_no_more_memory),
    };
    return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
