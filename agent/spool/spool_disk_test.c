/* A disk that says no, and a process that is killed. */
#include "agent/spool/spool_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Lets no file grow beyond so many bytes: a write that would is cut there, and the next one fails. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_disk_that_is_full_within_a_record_loses_nothing_that_was_written(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    uint64_t bytes = spool_figures(f->spool).bytes;
    limit_files(bytes + 100);
    for (uint64_t n = 6; n <= 9; n++)
        assert_int_equal(put_under(f, &f->table, n), 0);
    int rc = write_out(f);
    limit_files(RLIM_INFINITY);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(spool_figures(f->spool).written, 5);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    assert_int_equal(spool_figures(f->spool).bytes, bytes);
    put(f, 6, 9);
    assert_int_equal(spool_figures(f->spool).written, 9);
    start_again(f);
    assert_int_equal(spool_figures(f->spool).broken, 0);
    assert_int_equal(deliver_all(f), 9);
    assert_nothing_dropped(f);
}

static void a_disk_that_takes_nothing_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    limit_files(10);
    assert_int_equal(put_under(f, &f->table, 1), 0);
    int rc = write_out(f);
    limit_files(RLIM_INFINITY);
    assert_int_equal(rc, -EFBIG);
    assert_int_equal(count_segments(f), 0);
    assert_int_equal(spool_figures(f->spool).bytes, 0);
    put(f, 1, 3);
    assert_next(f, 1, 1, 3);
}

static void a_segment_removed_under_us_is_noticed(void **state)
{
    struct fixture *f = *state;
    char path[128];
    open_spool(f);
    put(f, 1, 3);
    segment_path(f, 0, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(put_under(f, &f->table, 4), 0);
    assert_int_equal(write_out(f), -ESTALE);
}

/* What a life of the agent does that is killed right after the first file it removes. */
static void die_removing(struct fixture *f, void (*life)(struct fixture *f))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        disk.die = true;
        life(f);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    f->config.run.bytes[0]++;
}

static void overflow(struct fixture *f)
{
    fill_small_spool(f, 20000);
}

static void grow_too_old(struct fixture *f)
{
    open_spool(f);
    pass(f, f->config.age_us + US_PER_S);
    write_out(f);
}

static void killed_in_giving_way_it_still_says_which_ticks_are_lost(void **state)
{
    struct fixture *f = *state;
    struct dropped dropped[SPOOL_DROPS_MAX];
    die_removing(f, overflow);
    open_spool(f);
    assert_int_equal(spool_take_dropped(f->spool, dropped), 1);
    assert_int_equal(dropped[0].first, 1);
    assert_int_equal(dropped[0].cause, DROP_OVERFLOW);
    assert_true(pick(f));
    assert_int_equal(f->parcel->first, dropped[0].last + 1);
}

static void killed_in_expiring_it_still_says_which_ticks_are_lost(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->spool = spool_close(f->spool);
    f->config.run.bytes[0]++;
    die_removing(f, grow_too_old);
    open_spool(f);
    assert_dropped(f, 1, 1, 5, DROP_EXPIRED);
}

/* Fills the spool to the brim: the next tick must make something give way. */
static uint64_t fill_to_the_brim(struct fixture *f)
{
    fill_small_spool(f, 20000);
    uint64_t n = 20001, gave_way = spool_figures(f->spool).gave_way;
    while (spool_figures(f->spool).gave_way == gave_way)
        put(f, n, n + 9), n += 10;
    uint64_t segment = spool_figures(f->spool).gave_way - gave_way;
    for (uint64_t end = n + segment * 9 / 10; n < end; n++)
        put(f, n, n);
    return n;
}

static void on_a_full_disk_a_full_spool_makes_its_own_room(void **state)
{
    struct fixture *f = *state;
    uint64_t n = fill_to_the_brim(f);
    uint64_t written = n - 1, gave_way = spool_figures(f->spool).gave_way;
    disk.write = ENOSPC;
    for (int tries = 0; tries < 1000 && spool_figures(f->spool).gave_way == gave_way; tries++) {
        int rc = 0;
        for (uint64_t at = n; rc == 0 && at < n + 1000; at++)
            rc = put_under(f, &f->table, at);
        assert_int_equal(rc, -ENOSPC);
    }
    assert_true(spool_figures(f->spool).gave_way > gave_way);
    assert_true(spool_figures(f->spool).bytes < SPOOL_SIZE_MIN - (32 << 10));
    assert_int_equal(spool_figures(f->spool).written, written);
    disk.write = 0;
    put(f, n, n + 9);
    uint64_t lost = spool_figures(f->spool).gave_way;
    start_again(f);
    assert_dropped(f, 1, 1, lost, DROP_OVERFLOW);
    assert_int_equal(deliver_all(f), n + 9 - lost);
}

static void a_disk_that_takes_no_mark_loses_no_segment(void **state)
{
    struct fixture *f = *state;
    uint64_t n = fill_to_the_brim(f);
    size_t segments = count_segments(f);
    disk.write = EIO;
    int rc = 0;
    for (uint64_t at = n; rc == 0 && at < n + 1000; at++)
        rc = put_under(f, &f->table, at);
    assert_int_equal(rc, -EIO);
    assert_int_equal(count_segments(f), segments);
    disk.write = 0;
    put(f, n, n + 9);
    uint64_t lost = spool_figures(f->spool).gave_way;
    start_again(f);
    assert_dropped(f, 1, 1, lost, DROP_OVERFLOW);
    assert_int_equal(deliver_all(f), n + 9 - lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_disk_that_is_full_within_a_record_loses_nothing_that_was_written),
        test(a_disk_that_takes_nothing_leaves_nothing_behind),
        test(a_segment_removed_under_us_is_noticed),
        test(killed_in_giving_way_it_still_says_which_ticks_are_lost),
        test(killed_in_expiring_it_still_says_which_ticks_are_lost),
        test(on_a_full_disk_a_full_spool_makes_its_own_room),
        test(a_disk_that_takes_no_mark_loses_no_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
