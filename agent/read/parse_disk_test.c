/* The parsers alone: disks and mounts. */
#include "agent/read/parse_fixture.h"

#include <errno.h>
#include <stdio.h>

#include "agent/read/disk.h"
#include "agent/read/filesystem.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diskstats_reads_lines_of_every_kernel),
        cmocka_unit_test(diskstats_is_refused_when_strange),
        cmocka_unit_test(disk_rates_are_what_moved_in_between),
        cmocka_unit_test(milliseconds_that_wrap_at_32_bits_go_on),
        cmocka_unit_test(utilization_never_passes_one),
        cmocka_unit_test(a_disk_that_began_anew_has_no_rates_for_once),
        cmocka_unit_test(partitions_are_known_by_their_names),
        cmocka_unit_test(a_device_mounted_often_is_listed_once_where_its_root_is),
        cmocka_unit_test(what_is_mounted_over_is_gone),
        cmocka_unit_test(what_may_hang_is_never_listed),
        cmocka_unit_test(octal_escapes_are_undone),
        cmocka_unit_test(a_mount_point_that_is_too_long_or_has_a_nul_is_passed_over),
        cmocka_unit_test(mountinfo_is_refused_when_strange),
        cmocka_unit_test(space_is_counted_as_df_does),
    };
    return cmocka_run_group_tests_name("parse_disk", tests, NULL, NULL);
}
