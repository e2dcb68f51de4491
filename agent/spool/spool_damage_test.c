/* Broken segments, and those that are not ours. */
#include "agent/spool/spool_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_fails(struct fixture *f, const char *words)
{
    struct err err;
    int rc = spool_open(&f->spool, &f->config, &err);
    assert_true(rc < 0);
    assert_null(f->spool);
    assert_non_null(strstr(err.text, words));
    return rc;
}

static size_t load(const char *path, uint8_t *bytes, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, bytes, size);
    close(fd);
    assert_true(len >= 0);
    return (size_t)len;
}

static void store(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

/* ---- broken ---- */

/* A spool that is closed and holds six ticks: the path and the bytes of its one segment. */
static size_t leave_six(struct fixture *f, char *path, size_t path_size, uint8_t *bytes, size_t size)
{
    open_spool(f);
    put(f, 1, 6);
    f->spool = spool_close(f->spool);
    segment_path(f, 0, path, path_size);
    return load(path, bytes, size);
}

static void a_file_cut_anywhere_gives_what_is_whole_in_it(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    size_t len = leave_six(f, path, sizeof path, bytes, sizeof bytes);
    uint64_t before = 0;
    for (size_t cut = 0; cut <= len; cut++) {
        store(path, bytes, cut);
        open_spool(f);
        uint64_t waiting = spool_figures(f->spool).waiting;
        assert_true(waiting >= before && waiting <= before + 1); /* each byte more is never a tick less */
        before = waiting;
        if (cut % 7 == 0)
            assert_int_equal(deliver_all(f), waiting);
        assert_nothing_dropped(f); /* what follows the last one nobody knows */
        f->spool = spool_close(f->spool);
        store(path, bytes, len);
    }
    assert_int_equal(before, 6);
}

static void a_flipped_byte_costs_its_record_only_and_that_is_declared(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    size_t len = leave_six(f, path, sizeof path, bytes, sizeof bytes);
    unsigned lost = 0;
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0x40;
        store(path, bytes, len);
        bytes[at] ^= 0x40;
        open_spool(f);
        uint64_t waiting = spool_figures(f->spool).waiting;
        assert_true(waiting == 5 || waiting == 6);
        assert_true(spool_figures(f->spool).broken > 0);
        struct dropped dropped[SPOOL_DROPS_MAX];
        size_t n = spool_take_dropped(f->spool, dropped);
        assert_true(n <= 6 - waiting);
        if (n > 0)
            assert_true(dropped[0].first == dropped[0].last && dropped[0].cause == DROP_UNREADABLE);
        lost += n > 0;
        assert_int_equal(deliver_all(f), waiting);
        f->spool = spool_close(f->spool);
    }
    assert_true(lost > 4 * 50); /* all bytes of ticks but of the first and the last, whose neighbours are not there */
}

static void a_segment_that_is_gone_is_declared(void **state)
{
    struct fixture *f = *state;
    char path[128];
    fill_small_spool(f, 4000);
    assert_nothing_dropped(f);
    uint64_t all = spool_figures(f->spool).waiting;
    f->spool = spool_close(f->spool);
    segment_path(f, 1, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    open_spool(f);
    uint64_t left = spool_figures(f->spool).waiting;
    assert_true(left < all);
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 1);
    assert_int_equal(dropped[0].last - dropped[0].first + 1, all - left);
    assert_int_equal(dropped[0].cause, DROP_UNREADABLE);
}

static void a_record_that_breaks_while_it_is_open_is_declared_when_it_is_wanted(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    open_spool(f);
    put(f, 1, 20);
    segment_path(f, 0, path, sizeof path);
    size_t len = load(path, bytes, sizeof bytes);
    bytes[len - 30] ^= 1; /* of the last tick */
    store(path, bytes, len);
    assert_next(f, 1, 1, 19);
    assert_false(pick(f));
    assert_dropped(f, 1, 20, 20, DROP_UNREADABLE);
}

static void without_its_table_a_tick_is_lost_and_declared(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[64 << 10];
    char path[128];
    open_spool(f);
    put(f, 1, 3);
    segment_path(f, 0, path, sizeof path);
    size_t len = load(path, bytes, sizeof bytes);
    for (uint8_t *at = bytes; (at = memmem(at, len - (size_t)(at - bytes), f->table.bytes, f->table.len)); at++)
        *at ^= 1; /* both copies */
    store(path, bytes, len);
    assert_false(pick(f));
    assert_dropped(f, 1, 1, 3, DROP_UNREADABLE);
}

static void a_segment_that_vanished_is_declared_when_it_is_wanted(void **state)
{
    struct fixture *f = *state;
    char path[128];
    open_spool(f);
    put(f, 1, 5);
    start_again(f);
    put(f, 1, 5);
    segment_path(f, 0, path, sizeof path);
    unlink(path);
    assert_next(f, 2, 1, 5);
    assert_dropped(f, 1, 1, 5, DROP_UNREADABLE);
}

static int try_pick(struct fixture *f)
{
    f->parcel = spool_parcel_free(f->parcel);
    return spool_pick(f->spool, &f->now, UINT64_MAX, NULL, 0, &f->parcel, NULL);
}

static void what_cannot_be_read_for_a_moment_is_not_lost(void **state)
{
    static const int errors[] = { EIO, ESTALE, EACCES, ETIMEDOUT };
    struct fixture *f = *state;
    fill_small_spool(f, 4000);
    uint64_t waiting = spool_figures(f->spool).waiting;
    assert_true(count_segments(f) > 2);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        disk.read = errors[i];
        disk.bad = 5000;
        assert_int_equal(try_pick(f), -errors[i]);
        disk.read = 0;
        disk.open = errors[i];
        assert_int_equal(try_pick(f), -errors[i]);
        disk.open = 0;
        pass(f, SPOOL_PATIENCE_US);
    }
    assert_nothing_dropped(f);
    assert_int_equal(deliver_all(f), waiting);
}

static void a_block_that_cannot_be_read_for_minutes_costs_the_records_in_it(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 300);
    disk.read = EIO;
    disk.bad = 5000;
    for (int64_t us = 0; us < SPOOL_PATIENCE_US; us += 5 * US_PER_S) {
        assert_int_equal(try_pick(f), -EIO);
        pass(f, 5 * US_PER_S);
    }
    assert_nothing_dropped(f);
    uint64_t delivered = deliver_all(f);
    struct spool_figures figures = spool_figures(f->spool);
    assert_true(figures.unreadable > 0 && figures.unreadable < 50);
    assert_int_equal(delivered, 300 - figures.unreadable);
}

static void of_a_dead_disk_one_segment_is_lost_at_once(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 4000);
    uint64_t waiting = spool_figures(f->spool).waiting;
    disk.open = EIO;
    while (try_pick(f) == -EIO)
        pass(f, 5 * US_PER_S);
    uint64_t lost = spool_figures(f->spool).unreadable;
    assert_true(lost > 0 && lost < waiting / 2);
    assert_int_equal(try_pick(f), -EIO);
    assert_int_equal(spool_figures(f->spool).unreadable, lost);
    disk.open = 0;
    assert_dropped(f, 1, 1, lost, DROP_UNREADABLE);
    assert_int_equal(deliver_all(f), waiting - lost);
}

static void what_cannot_be_read_at_a_start_is_not_lost_unless_that_is_wanted(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 4000);
    uint64_t waiting = spool_figures(f->spool).waiting;
    f->spool = spool_close(f->spool);
    disk.read = EIO;
    disk.bad = 5000;
    assert_int_equal(open_fails(f, "cannot read"), -EIO);
    disk.read = 0;
    disk.open = ESTALE;
    assert_int_equal(open_fails(f, "cannot open"), -ESTALE);
    disk.open = 0;
    start_again(f);
    assert_nothing_dropped(f);
    assert_int_equal(spool_figures(f->spool).waiting, waiting);
    f->spool = spool_close(f->spool);
    disk.read = EIO;
    f->config.despite_errors = true;
    open_spool(f);
    uint64_t left = spool_figures(f->spool).waiting;
    assert_true(left < waiting && left > waiting / 2);
}

/* ---- not ours ---- */

static void the_segments_of_another_host_are_left_alone(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->config.host++;
    start_again(f);
    struct spool_figures figures = spool_figures(f->spool);
    assert_int_equal(figures.strange, 1);
    assert_int_equal(figures.foreign, 1);
    assert_int_equal(figures.waiting, 0);
    assert_false(pick(f));
    put(f, 1, 5);
    done(f, 2, 1, 5);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(count_segments(f), 2);
    f->config.host--; /* the old identity finds them again */
    start_again(f);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
}

static void a_strange_segment_gives_way_first_and_grows_old(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->config.host++;
    f->spool = spool_close(f->spool);
    fill_small_spool(f, 20000);
    struct spool_figures figures = spool_figures(f->spool);
    assert_int_equal(figures.strange, 0);
    assert_int_equal(figures.gave_way + figures.waiting, 20000);
}

static void files_that_are_no_segments_are_not_touched(void **state)
{
    struct fixture *f = *state;
    char path[160], target[160];
    open_spool(f);
    put(f, 1, 5);
    f->spool = spool_close(f->spool);
    snprintf(target, sizeof target, "%s/target", f->folder);
    store(target, (const uint8_t *)"precious", 8);
    snprintf(path, sizeof path, "%s/00000000000000aa.spool", f->directory);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/00000000000000ab.spool", f->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/notes.txt", f->directory);
    store(path, (const uint8_t *)"mine", 4);
    snprintf(path, sizeof path, "%s/00000000000000ac.spool", f->directory);
    store(path, (const uint8_t *)"no segment at all", 17);
    start_again(f);
    struct spool_figures figures = spool_figures(f->spool);
    assert_int_equal(figures.unopened, 2);
    assert_int_equal(figures.strange, 1);
    assert_int_equal(deliver_all(f), 5);
    put(f, 1, 5);
    uint8_t bytes[16];
    assert_int_equal(load(target, bytes, sizeof bytes), 8);
}

static void another_process_that_holds_it_is_named(void **state)
{
    struct fixture *f = *state;
    char words[64];
    open_spool(f);
    struct spool *first = f->spool;
    f->spool = NULL;
    snprintf(words, sizeof words, "is held by process %d", getpid());
    assert_int_equal(open_fails(f, words), -EBUSY);
    f->spool = first;
}

static void a_directory_others_may_write_to_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->directory, 0700), 0);
    assert_int_equal(chmod(f->directory, 0770), 0);
    assert_int_equal(open_fails(f, "others may write"), -EPERM);
    assert_int_equal(chmod(f->directory, 0755), 0);
    open_spool(f);
    struct stat stat_;
    assert_int_equal(stat(f->directory, &stat_), 0);
    assert_int_equal(stat_.st_mode & 0777, 0700);
}

static void what_is_no_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    store(f->directory, (const uint8_t *)"x", 1);
    assert_int_equal(open_fails(f, "cannot open the directory"), -ENOTDIR);
    assert_int_equal(unlink(f->directory), 0);
    assert_int_equal(symlink(f->folder, f->directory), 0);
    assert_true(open_fails(f, "cannot open the directory") < 0);
    assert_int_equal(unlink(f->directory), 0);
    f->config.directory = "/proc/no/such/place";
    assert_int_equal(open_fails(f, "cannot make the directory"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_file_cut_anywhere_gives_what_is_whole_in_it),
        test(a_flipped_byte_costs_its_record_only_and_that_is_declared),
        test(a_segment_that_is_gone_is_declared),
        test(a_record_that_breaks_while_it_is_open_is_declared_when_it_is_wanted),
        test(without_its_table_a_tick_is_lost_and_declared),
        test(a_segment_that_vanished_is_declared_when_it_is_wanted),
        test(what_cannot_be_read_for_a_moment_is_not_lost),
        test(a_block_that_cannot_be_read_for_minutes_costs_the_records_in_it),
        test(of_a_dead_disk_one_segment_is_lost_at_once),
        test(what_cannot_be_read_at_a_start_is_not_lost_unless_that_is_wanted),
        test(the_segments_of_another_host_are_left_alone),
        test(a_strange_segment_gives_way_first_and_grows_old),
        test(files_that_are_no_segments_are_not_touched),
        test(another_process_that_holds_it_is_named),
        test(a_directory_others_may_write_to_is_refused),
        test(what_is_no_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
