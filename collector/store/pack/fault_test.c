/* The packer when the disk fails or the process is killed: at each write and each flush in turn nothing is lost,
 * nothing is there twice, and rollups stay those of the ticks. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/pack/one_world_fixture.h"

/* ---- a life of six hours and a day ---- */

enum { STEPS = 9, STEP_TICKS = 240 };

static int64_t step_us(int step)
{
    int64_t begin_us = INT64_C(1795400000) * US_PER_S / PACK_DAY_US * PACK_DAY_US + 19 * PACK_HOUR_US;
    return begin_us + step * PACK_HOUR_US; /* over midnight */
}

static uint64_t first_of(int step)
{
    return 1 + (uint64_t)step * STEP_TICKS;
}

/* Late ones come three hours after their time. */
static void put_step(int step)
{
    int of = step == 4 ? 6 : step == 6 ? 4 : step;
    for (uint64_t host = 1; host <= 2; host++)
        world_put(world, host, 1, first_of(of), STEP_TICKS, 20, step_us(of), 5 * US_PER_S, step == 7);
}

static void live(int from, int to)
{
    for (int step = from; step < to; step++) {
        world_pass(world, step_us(step) + 21 * PACK_MINUTE_US - world_now_us(world));
        put_step(step);
        world_pack(world);
    }
    if (to < STEPS)
        return;
    world_pass(world, 2 * PACK_DAY_US);
    world_pack(world);
}

static void check_end(void)
{
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.good, 2 * STEPS * STEP_TICKS);
    assert_int_equal(counts.minute_parts + counts.sketch_parts, 0);
}

/* ---- disks ---- */

static void each_write_and_flush_that_fails_is_made_good(void **state)
{
    struct fixture *f = *state;
    live(0, 3);
    uint64_t first = 61;
    for (int n = 1; n <= 24; n++) {
        faulty_vfs_once(FAULTY_FAIL, "tenant-1.db-wal", n);
        for (int i = 0; i < 6; i++, first += 60) { /* a group that comes and one that is packed: two of each at least */
            world_put(world, 3, 1, first, 60, 1, world_now_us(world) - 60 * US_PER_S, US_PER_S, 0);
            world_pack(world);
        }
        faulty_vfs_set(FAULTY_NOTHING, NULL);
        world_pass(world, US_PER_S);
    }
    world_check(world);
    live(3, STEPS);
    assert_true(store_counts(f->store).failed >= 10);
}

static void wait_for_fault(struct fixture *f, bool fault)
{
    while (store_fault(f->store, STORE_TENANT, WORLD_TENANT) != fault)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void on_packed(void *user, int rc)
{
    *(int *)user = rc;
}

static void a_declared_fault_lets_the_work_fall_and_it_is_found_again(void **state)
{
    struct fixture *f = *state;
    live(0, 3);
    world_put(world, 3, 1, 1, 120, 1, world_now_us(world) - 120 * US_PER_S, US_PER_S, 0);
    uint64_t failed = store_counts(f->store).failed;
    int rc = 1;
    faulty_vfs_set(FAULTY_SYNC, "tenant-1");
    assert_int_equal(store_pack(f->store, on_packed, &rc), 0);
    while (store_counts(f->store).failed == failed)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(rc, 1);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    wait_for_fault(f, true);
    while (rc == 1)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_true(rc < 0);
    assert_true(world_try_pack(world) < 0); /* it is no use */
    assert_int_equal(world_check(world).inbox, 120);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    wait_for_fault(f, false);
    world_pack(world);
    assert_int_equal(world_check(world).inbox, 0);
    live(3, STEPS);
}

/* What was told to have failed may be made yet: looking anew finds it so. */
static void a_disk_that_hangs_over_it_and_comes_back_changes_nothing(void **state)
{
    struct fixture *f = *state;
    live(0, 3);
    world_put(world, 3, 1, 1, 120, 1, world_now_us(world) - 120 * US_PER_S, US_PER_S, 0);
    int rc = 1;
    faulty_vfs_set(FAULTY_HANG, "tenant-1");
    assert_int_equal(store_pack(f->store, on_packed, &rc), 0);
    while (!faulty_vfs_is_hanging())
        uv_run(&f->loop, UV_RUN_ONCE);
    clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
    while (rc == 1)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_true(rc < 0);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    wait_for_fault(f, false);
    world_pack(world);
    assert_int_equal(world_check(world).inbox, 0);
    live(3, STEPS);
}

/* ---- kill -9 ---- */

/* The child says how many writes and flushes it took, if it comes to that. */
static int be_child(const char *dir, int kill_at)
{
    static struct fixture f;
    snprintf(f.dir, sizeof f.dir, "%s", dir);
    uv_loop_init(&f.loop);
    f.fake = (struct clock_fake){ .mono_ns = NS_PER_S, .wall_ns = step_us(0) * NS_PER_US };
    f.clock = clock_of_fake(&f.fake);
    f.log = (struct log){ .fd = STDERR_FILENO, .least = LOG_ERROR, .clock = &f.clock };
    faulty_vfs_install();
    open_store(&f);
    if (load_store(&f) < 0)
        return 2;
    world = world_new(&f);
    if (kill_at)
        faulty_vfs_once(FAULTY_KILL, "tenant-1", kill_at);
    int before = faulty_vfs_changes();
    live(0, STEPS);
    int changes = faulty_vfs_changes() - before;
    close_store(&f);
    return write(STDOUT_FILENO, &changes, sizeof changes) == sizeof changes ? 0 : 3;
}

/* How many writes and flushes it took, which can be none when all was done; -1: it was killed. */
static int run_child(struct fixture *f, int kill_at)
{
    int ends[2];
    char text[24];
    assert_int_equal(pipe(ends), 0);
    snprintf(text, sizeof text, "%d", kill_at);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl("/proc/self/exe", "pack_fault_test", f->dir, text, (char *)NULL);
        _exit(5);
    }
    close(ends[1]);
    int changes = -1;
    int status;
    if (read(ends[0], &changes, sizeof changes) != sizeof changes)
        changes = -1;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!(changes >= 0 ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : killed && kill_at > 0))
        fail_msg("the child, to be killed at %d, ended with status %x after %d changes", kill_at, (unsigned)status,
                 changes);
    return changes;
}

static void remember_steps(int n)
{
    for (int step = 0; step < n; step++) {
        int of = step == 4 ? 6 : step == 6 ? 4 : step;
        for (uint64_t host = 1; host <= 2; host++)
            world_remember(world, host, 1, first_of(of), STEP_TICKS, 20, step_us(of), 5 * US_PER_S, step == 7);
    }
}

static void forget_what_is_not_stored(struct fixture *f)
{
    for (uint64_t host = 1; host <= 2; host++) {
        for (uint64_t number = 1; number < first_of(STEPS); number++) {
            bool stored = false;
            for (size_t i = 0; i < f->loaded.intervals; i++)
                stored = stored || (f->loaded.interval[i].host == host && number >= f->loaded.interval[i].first &&
                                    number <= f->loaded.interval[i].last);
            world_tick(world, host, 1, number)->put = stored;
        }
    }
}

static void whatever_moment_it_is_killed_at_all_is_there_once_and_the_work_goes_on(void **state)
{
    enum { ROUNDS = 24 };
    struct fixture *f = *state;
    close_store(f);
    int changes = run_child(f, 0);
    assert_true(changes > 4 * ROUNDS);
    int killed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(unlink(path_in(f, "tenant-1.db")), 0);
        killed += run_child(f, 1 + (changes - 1) * round / ROUNDS) < 0;
        open_store(f);
        if (load_store(f) < 0)
            fail_msg("%s", f->err.text);
        remember_steps(STEPS);
        forget_what_is_not_stored(f);
        if (f->loaded.intervals > 0)
            world_check(world);
        close_store(f);
        assert_true(run_child(f, 0) >= 0);
        remember_steps(STEPS);
        check_end();
    }
    assert_true(killed > ROUNDS / 2); /* how many changes there are varies a little: checkpoints are among them */
    open_store(f);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return be_child(argv[1], atoi(argv[2]));
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        PACK_TEST(each_write_and_flush_that_fails_is_made_good),
        PACK_TEST(a_declared_fault_lets_the_work_fall_and_it_is_found_again),
        PACK_TEST(a_disk_that_hangs_over_it_and_comes_back_changes_nothing),
        PACK_TEST(whatever_moment_it_is_killed_at_all_is_there_once_and_the_work_goes_on),
    };
    return cmocka_run_group_tests_name("collector.store.pack_fault", tests, NULL, NULL);
}
