/* The parsers alone: text in, numbers out. Processors, memory, load and pressure. */
#include "agent/read/parse_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/read/cpu.h"
#include "agent/read/load.h"
#include "agent/read/memory.h"
#include "agent/read/pressure.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_reads_the_whole_and_each_cpu),
        cmocka_unit_test(stat_is_refused_when_something_is_missing_or_strange),
        cmocka_unit_test(guests_are_not_counted_twice),
        cmocka_unit_test(iowait_that_goes_back_counts_as_none_until_it_passes_where_it_was),
        cmocka_unit_test(idle_that_falls_three_seconds_is_a_new_beginning),
        cmocka_unit_test(idle_that_falls_a_little_is_not),
        cmocka_unit_test(no_time_between_two_readings_gives_no_shares),
        cmocka_unit_test(load_uptime_and_open_files_are_read),
        cmocka_unit_test(load_uptime_and_open_files_are_refused_when_strange),
        cmocka_unit_test(meminfo_is_in_bytes),
        cmocka_unit_test(an_old_kernel_has_its_available_memory_estimated),
        cmocka_unit_test(available_memory_is_never_more_than_there_is),
        cmocka_unit_test(meminfo_is_refused_when_something_is_missing_or_strange),
        cmocka_unit_test(vmstat_finds_its_rows_among_many),
        cmocka_unit_test(vmstat_is_refused_when_something_is_missing_or_strange),
        cmocka_unit_test(pressure_reads_the_totals),
        cmocka_unit_test(pressure_is_refused_when_something_is_missing_or_strange),
    };
    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
