/* Each operation on the disk fails in turn, and the store comes through it: nothing crashes, whatever was told stored
 * is there exactly once, and what was not is told so.
 *
 * A run is two lives of a store, the second on what the first left, as an agent and a desk live with them: open, read
 * back, ticks and rows in groups, a query, checkpoints, ticks packed into a block, close. A batch is sent until it was
 * told stored, as agents do; a row is put once, for the store keeps rows through every fault. One run counts how often
 * SQLite opens, reads, writes, flushes, cuts, deletes, locks and maps; then there is a run for each of these
 * operations, which fails
 *
 *   once      this one only
 *   lasting   it and all behind it of its kind, until the store has tried again
 *   declared  the same, until the store has declared the fault, which drops the ticks it holds
 *
 * and afterwards the disk is well. The runs wait a lot, each for its retries, so they are shared out among processes;
 * one that crashes is seen by its parent. Where there are more than EACH_MAX operations of a kind, every so-manieth is
 * taken, others for each way of failing, so that in some way each of them does. */
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/parts.h"
#include "collector/store/store_fixture.h"
#include "collector/store/upkeep/fsck.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 40, EACH_MAX = 90, LIVES = 2, GROUPS = 3, TICKS = 20, TRIES = 50, RUN_MAX_S = 30 };

enum until { ONCE, LASTING, DECLARED, UNTIL_COUNT };
static const char *const until_names[] = { "once", "lasting", "declared" };

static const struct fault {
    const char *name;
    enum faulty_op op;
    int code;
    bool half;
} faults[] = {
    { "open", FAULTY_OP_OPEN, SQLITE_CANTOPEN, false },
    { "read", FAULTY_OP_READ, SQLITE_IOERR_READ, false },
    { "write", FAULTY_OP_WRITE, SQLITE_IOERR_WRITE, false },
    { "write-full", FAULTY_OP_WRITE, SQLITE_FULL, false },
    { "write-half", FAULTY_OP_WRITE, SQLITE_IOERR_WRITE, true },
    { "sync", FAULTY_OP_SYNC, SQLITE_IOERR_FSYNC, false },
    { "truncate", FAULTY_OP_TRUNCATE, SQLITE_IOERR_TRUNCATE, false },
    { "delete", FAULTY_OP_DELETE, SQLITE_IOERR_DELETE, false },
    { "lock", FAULTY_OP_LOCK, SQLITE_IOERR_LOCK, false },
    { "shm-map", FAULTY_OP_SHM_MAP, SQLITE_IOERR_SHMMAP, false },
    { "shm-lock", FAULTY_OP_SHM_LOCK, SQLITE_IOERR_SHMLOCK, false },
};
enum { FAULTS = sizeof faults / sizeof faults[0] };

/* ---- one run ---- */

struct run { /* what was asked of the store, and told by it */
    struct fixture *f;
    enum until until;
    uint64_t stored; /* ticks 1..stored were told so */
    unsigned clock;  /* of the incident, as it was put last */
};

static void heal(void)
{
    faulty_vfs_plan(&(struct faulty_plan){ .n = 0 });
}

/* Mends the disk when it has been broken for as long as this run wants it to be. */
static void mend_in_time(struct run *run)
{
    struct fixture *f = run->f;
    if (!faulty_vfs_has_failed())
        return;
    if (run->until == DECLARED && store_counts(f->store).failed > 0 && !store_fault(f->store, STORE_TENANT, 1) &&
        !store_fault(f->store, STORE_REGISTRY, 0)) {
        clock_fake_pass(&f->fake, STORE_FAULT_US * NS_PER_US);
        return;
    }
    if (run->until == DECLARED ? store_fault(f->store, STORE_TENANT, 1) || store_fault(f->store, STORE_REGISTRY, 0) ||
                                     store_counts(f->store).failed == 0
                               : store_counts(f->store).failed > 1)
        heal();
}

static int wait_for_group(struct run *run, enum store_file file)
{
    struct told told;
    expect(run->f, &told, file, 1);
    store_hurry(run->f->store, file, 1);
    while (!told.done) {
        uv_run(&run->f->loop, UV_RUN_ONCE);
        mend_in_time(run);
    }
    return told.rc;
}

/* Until it was told stored. A file that is at fault takes no ticks: then the agent comes again. */
static void send_ticks(struct run *run)
{
    uint64_t first = run->stored + 1;
    for (int i = 0; i < TRIES; i++) {
        int rc = put_batch(run->f, 1, 5, 1, first, TICKS);
        assert_true(rc == 0 || rc == -EIO);
        if (wait_for_group(run, STORE_TENANT) == 0 && rc == 0) {
            run->stored += TICKS;
            return;
        }
    }
    fail_msg("ticks from %d on were never stored", (int)first);
}

static void write_group(struct run *run)
{
    struct fixture *f = run->f;
    struct alert alert = alert_of(1);
    struct incident incident = incident_of(7, 1);
    struct page page = page_of(3, 7, 1);
    incident.clock = page.attempts = ++run->clock;
    alert.value = run->clock;
    assert_int_equal(store_put_alert(f->store, 1, &alert), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(store_put_page(f->store, &page), 0);
    send_ticks(run);
}

static void on_read(void *user, const struct store_incidents *result, const struct err *err)
{
    (void)result;
    (void)err; /* may well have failed: it is told */
    *(bool *)user = true;
}

static void read_something(struct fixture *f)
{
    bool done = false;
    assert_int_equal(store_list_incidents(f->store, 1, 0, 10, on_read, &done, NULL), 0);
    run_until(f, &done);
}

static void on_copied(struct job *job)
{
    (void)job;
}

static bool copied;

static void copies_done(struct job *job)
{
    (void)job;
    copied = true;
}

/* As the store does each second. */
static void make_checkpoints(struct fixture *f)
{
    struct job last = { .run = on_copied, .done = copies_done };
    file_checkpoint(f->store->registry, f->store->copier);
    for (struct tenant_file *at = f->store->tenants; at; at = at->hh.next)
        file_checkpoint(at->file, f->store->copier);
    copied = false;
    worker_submit(f->store->copier, &last); /* jobs of a worker end in order */
    run_until(f, &copied);
}

static void on_packed(void *user, int rc)
{
    (void)rc; /* may well have failed: it is tried again by itself */
    *(bool *)user = true;
}

static void pack_ticks(struct run *run)
{
    bool done = false;
    assert_int_equal(store_pack(run->f->store, on_packed, &done), 0);
    while (!done) {
        uv_run(&run->f->loop, UV_RUN_ONCE);
        mend_in_time(run);
    }
}

/* An operator whose disk fails at the start looks at it and starts again. */
static void open_and_load(struct run *run)
{
    struct fixture *f = run->f;
    bool open = store_open(&f->store, &f->loop, f->dir, &f->clock, &f->log, &f->err) == 0;
    if (open && load_store(f) == 0)
        return;
    assert_true(faulty_vfs_has_failed());
    if (open)
        f->store = store_close(f->store);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    heal();
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
}

static void live(struct run *run)
{
    struct fixture *f = run->f;
    struct tenant tenant = { .id = 1, .name = "acme" };
    struct host host = { .id = 5, .tenant = 1, .name = "web-1", .group = "web-1" };
    open_and_load(run);
    assert_int_equal(store_put_tenant(f->store, &tenant), 0);
    assert_int_equal(store_put_host(f->store, &host), 0);
    wait_for_group(run, STORE_REGISTRY);
    for (int i = 0; i < GROUPS; i++) {
        write_group(run);
        if (i == 1)
            read_something(f);
        if (i > 0)
            make_checkpoints(f);
    }
    pack_ticks(run);
    /* What is declared to be at fault holds rows in memory alone: an end there would lose them, and say so. */
    while (store_fault(f->store, STORE_TENANT, 1) || store_fault(f->store, STORE_REGISTRY, 0)) {
        uv_run(&f->loop, UV_RUN_ONCE);
        mend_in_time(run);
    }
    close_store(f);
}

/* ---- what is left ---- */

static void on_finding(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "%s\n", line);
}

/* What intervals say is stored is in exactly one row, and nothing else is. */
static void check_rows(const struct run *run)
{
    struct fsck_report report;
    struct fsck_order order = { .dir = run->f->dir,
                                .tenant = "all",
                                .now_us = clock_wall_us(&run->f->clock),
                                .retention = STORE_RETENTION,
                                .say = on_finding };
    if (fsck_run(&order, &report, &run->f->err) < 0)
        fail_msg("%s", run->f->err.text);
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.ticks, run->stored);
}

static void check(struct run *run)
{
    struct fixture *f = run->f;
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(f->loaded.tenants, 1);
    assert_int_equal(f->loaded.intervals, 1);
    assert_int_equal(f->loaded.interval[0].first, 1);
    assert_int_equal(f->loaded.interval[0].last, run->stored);
    assert_int_equal(f->loaded.alerts, 1);
    assert_true(f->loaded.alert[0].value == run->clock);
    assert_int_equal(f->loaded.incidents, 1);
    assert_int_equal(f->loaded.incident[0].clock, run->clock);
    assert_int_equal(f->loaded.pages, 1);
    assert_int_equal(f->loaded.page[0].attempts, run->clock);
    close_store(f);
    check_rows(run);
}

static void live_with(struct fixture *f, const struct faulty_plan *plan, enum until until)
{
    struct run run = { .f = f, .until = until };
    faulty_vfs_plan(plan);
    for (int i = 0; i < LIVES; i++)
        live(&run);
    heal();
    check(&run);
}

/* ---- all runs ---- */

/* A folder in which nothing has ever been. */
static struct fixture *make_fixture(void)
{
    void *state;
    assert_int_equal(fixture_setup(&state), 0);
    struct fixture *f = state;
    close_store(f);
    assert_int_equal(unlink(path_in(f, "registry.db")), 0);
    return f;
}

static void end_fixture(struct fixture *f)
{
    void *state = f;
    assert_int_equal(fixture_teardown(&state), 0);
}

/* How many operations of each kind a run has in which nothing fails. */
static void count(long counts[FAULTY_OP_COUNT])
{
    struct fixture *f = make_fixture();
    struct run run = { .f = f };
    heal();
    for (int i = 0; i < LIVES; i++)
        live(&run);
    for (int op = 0; op < FAULTY_OP_COUNT; op++)
        counts[op] = faulty_vfs_count((enum faulty_op)op);
    check(&run);
    end_fixture(f);
}

static long step_of(long count)
{
    return (count + EACH_MAX - 1) / EACH_MAX;
}

/* A run that does not end is ended, and named. */
static void on_alarm(int number)
{
    (void)number;
    abort();
}

static long first_of(const long counts[FAULTY_OP_COUNT], int fault, int until)
{
    return 1 + (fault + until) % step_of(counts[faults[fault].op]);
}

struct slice { /* of all runs, one process's */
    int mine;
    long counts[FAULTY_OP_COUNT];
    char now[80]; /* the run under way; "" none */
};

static void run_one(struct slice *slice, const struct fault *fault, enum until until, long n)
{
    struct faulty_plan plan = {
        .op = fault->op, .n = n, .lasting = until != ONCE, .code = fault->code, .half = fault->half
    };
    snprintf(slice->now, sizeof slice->now, "%s %ld of %ld, %s", fault->name, n, slice->counts[fault->op],
             until_names[until]);
    alarm(RUN_MAX_S);
    struct fixture *f = make_fixture();
    live_with(f, &plan, until);
    end_fixture(f);
    slice->now[0] = '\0';
}

static void each_operation_of_this_slice_fails(void **state)
{
    struct slice *slice = *state;
    long i = 0;
    for (int f = 0; f < FAULTS; f++)
        for (int until = 0; until < UNTIL_COUNT; until++)
            for (long n = first_of(slice->counts, f, until); n <= slice->counts[faults[f].op];
                 n += step_of(slice->counts[faults[f].op]))
                if (i++ % PROCESSES == slice->mine)
                    run_one(slice, &faults[f], (enum until)until, n);
}

static int name_the_run(void **state)
{
    const struct slice *slice = *state;
    if (slice->now[0])
        fprintf(stderr, "it was this run: %s\n", slice->now);
    return 0;
}

static int be_child(char **args)
{
    static struct slice slice;
    signal(SIGALRM, on_alarm);
    slice.mine = atoi(args[0]);
    for (int op = 0; op < FAULTY_OP_COUNT; op++)
        slice.counts[op] = atol(args[1 + op]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(each_operation_of_this_slice_fails, NULL, name_the_run, &slice),
    };
    return cmocka_run_group_tests_name("a slice", tests, NULL, NULL);
}

static pid_t start_child(int mine, const long counts[FAULTY_OP_COUNT])
{
    char texts[1 + FAULTY_OP_COUNT][24];
    char name[] = "each_fault_test";
    char *args[3 + FAULTY_OP_COUNT] = { name };
    snprintf(texts[0], sizeof texts[0], "%d", mine);
    for (int op = 0; op < FAULTY_OP_COUNT; op++)
        snprintf(texts[1 + op], sizeof texts[1 + op], "%ld", counts[op]);
    for (int i = 0; i < 1 + FAULTY_OP_COUNT; i++)
        args[1 + i] = texts[i];
    pid_t pid = fork();
    if (pid == 0) {
        execv("/proc/self/exe", args);
        _exit(5);
    }
    return pid;
}

static void say(const long counts[FAULTY_OP_COUNT])
{
    for (int f = 0; f < FAULTS; f++) {
        long n = counts[faults[f].op];
        print_message("%-10s %4ld operations, each %s%ld fails\n", faults[f].name, n, step_of(n) > 1 ? "one in " : "",
                      step_of(n));
    }
}

static void each_operation_on_the_disk_fails_and_nothing_told_stored_is_lost(void **state)
{
    (void)state;
    long counts[FAULTY_OP_COUNT];
    pid_t children[PROCESSES];
    int failed = 0;
    count(counts);
    say(counts);
    for (int op = 0; op < FAULTY_OP_COUNT; op++)
        assert_true(counts[op] > 0); /* else nothing of that kind would be tried */
    for (int i = 0; i < PROCESSES; i++)
        children[i] = start_child(i, counts);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
    faulty_vfs_install();
    if (argc == 2 + FAULTY_OP_COUNT)
        return be_child(&argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operation_on_the_disk_fails_and_nothing_told_stored_is_lost),
    };
    return cmocka_run_group_tests_name("collector.store.each_fault", tests, NULL, NULL);
}
