/* kill -9 at any moment: a child stores ticks and says which are acknowledged; the parent kills it in the middle
 * and looks at what is left. Each group carries its ticks and an incident that counts them, so that half a group
 * would show, and an entry of the ledger that says the same. The child is this program started anew: a fork of a
 * program with threads would be no honest collector.
 *
 * And killed at each write of the registry, where the head goes behind the entries it vouches for: the file may then be
 * ahead of its head, never behind it. */
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/store_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/load.h"
#include "proto/ledger/check.h"

enum { ROUNDS = 12, STEP = 3 };

/* ---- the child ---- */

struct child {
    struct store *store;
    uint64_t next; /* tick to store */
};

struct promise {
    struct child *child;
    uint64_t last;
};

static void store_more(struct child *child);

static void on_stored(void *user, int rc)
{
    struct promise *promise = user;
    if (rc < 0 || write(STDOUT_FILENO, &promise->last, sizeof promise->last) != sizeof promise->last)
        _exit(3);
    store_more(promise->child);
    free(promise);
}

/* Three groups of life at a time: one in flight, one gathering, one that joins it. */
static void store_more(struct child *child)
{
    static struct packed packed;
    struct promise *promise = malloc(sizeof *promise);
    pack(&packed, 0, 5, 1, child->next, STEP, ANCHOR_US);
    child->next += STEP;
    *promise = (struct promise){ child, child->next - 1 };
    struct incident incident = incident_of(1, 0);
    incident.n_alerts = (uint32_t)promise->last;
    char body[40];
    snprintf(body, sizeof body, "{\"last\":%llu}", (unsigned long long)promise->last);
    struct ledger_entry entry = { .at_us = ANCHOR_US, .kind = "round", .actor = "child", .body = body };
    if (store_put_ledger(child->store, &entry) < 0 || store_batch(child->store, &packed.row, NULL) < 0 ||
        store_put_incident(child->store, &incident) < 0 ||
        store_then(child->store, STORE_TENANT, 0, on_stored, promise) < 0)
        _exit(4);
    store_hurry(child->store, STORE_TENANT, 0);
}

static int be_child(const char *dir, uint64_t next)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct clock clock = clock_system();
    struct child child = { .next = next };
    struct err err;
    if (store_open(&child.store, &loop, dir, &clock, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    for (int i = 0; i < 3; i++)
        store_more(&child);
    return uv_run(&loop, UV_RUN_DEFAULT);
}

/* ---- a child that signs, and dies at the n-th write or flush of the registry ---- */

static struct ledger_key sign_with(struct store *store)
{
    static const uint8_t seed[LEDGER_KEY_BYTES] = { 7 };
    struct ledger_key key;
    if (ledger_key_of(&key, seed, NULL) < 0)
        _exit(6);
    store_sign(store, &key, false);
    return key;
}

static void on_told(void *user, int rc)
{
    if (rc < 0)
        _exit(3);
    *(bool *)user = true;
}

static void wait_for(struct store *store, uv_loop_t *loop, enum store_file file)
{
    bool told = false;
    if (store_then(store, file, 0, on_told, &told) < 0)
        _exit(4);
    store_hurry(store, file, 0);
    while (!told)
        uv_run(loop, UV_RUN_ONCE);
}

static int be_signing_child(const char *dir, int deadly)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct clock clock = clock_system();
    struct store *store;
    struct store_loader nobody = { 0 };
    struct store_marks marks;
    struct ledger_entry entry = { .at_us = ANCHOR_US, .kind = "round", .actor = "child", .body = "{\"x\":1}" };
    if (store_open(&store, &loop, dir, &clock, NULL, NULL) < 0)
        return 2;
    sign_with(store);
    if (store_load(store, &nobody, &marks, NULL) < 0)
        return 2;
    wait_for(store, &loop, STORE_REGISTRY); /* with the head of what was ahead of it */
    faulty_vfs_once(FAULTY_KILL, "registry", deadly);
    if (store_put_ledger(store, &entry) < 0)
        return 4;
    wait_for(store, &loop, STORE_TENANT);
    if (write(STDOUT_FILENO, &deadly, sizeof deadly) != sizeof deadly)
        return 5;
    store_close(store); /* the head goes now at the latest */
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

/* ---- the parent ---- */

static pid_t start(struct fixture *f, uint64_t next, int *ret_fd)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)next);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl("/proc/self/exe", "crash_test", f->dir, text, (char *)NULL);
        _exit(5);
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

static uint64_t kill_after(pid_t pid, int fd, int acknowledgements)
{
    uint64_t last = 0;
    uint64_t heard;
    while (acknowledgements-- > 0 && read(fd, &heard, sizeof heard) == sizeof heard)
        last = heard;
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(fd, &heard, sizeof heard) == sizeof heard)
        last = heard;
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(fd);
    return last;
}

static void count_ticks(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                        const int64_t *at_us)
{
    (void)host;
    (void)table;
    (void)at_us;
    *(uint64_t *)user += batch->n_ticks;
}

/* The whole chain as it was written, each hash worked out again; the last entry is of the last group. */
static void check_chain(struct fixture *f, uint64_t last)
{
    char body[40];
    struct ledger chain;
    snprintf(body, sizeof body, "{\"last\":%llu}", (unsigned long long)last);
    read_ledger(f, 0, &chain);
    assert_true(chain.n > 0);
    assert_string_equal(chain.last_body, body);
}

static void what_was_acknowledged_survives_and_nothing_is_there_twice(void **state)
{
    struct fixture *f = *state;
    uint64_t stored = 0;
    for (int round = 0; round < ROUNDS; round++) {
        close_store(f);
        /* An agent sends again what it has no answer for, and more than that: the store knows them. */
        uint64_t next = stored > 2 * STEP ? stored - 2 * STEP + 1 : 1;
        int fd;
        pid_t pid = start(f, next, &fd);
        uint64_t acknowledged = kill_after(pid, fd, 3 + 7 * round);
        open_store(f);
        if (load_store(f) < 0)
            fail_msg("%s", f->err.text);
        assert_int_equal(f->loaded.intervals, 1);
        assert_int_equal(f->loaded.interval[0].first, 1);
        stored = f->loaded.interval[0].last;
        assert_true(stored >= acknowledged);
        assert_int_equal(f->loaded.incident[0].n_alerts, stored); /* of the same group */
        check_chain(f, stored);
        uint64_t ticks = 0;
        assert_int_equal(store_replay(f->store, 0, 0, count_ticks, &ticks, &f->err), 0);
        assert_int_equal(ticks, stored);
    }
}

static pid_t start_signing(struct fixture *f, int deadly, int *ret_fd)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char text[24];
    snprintf(text, sizeof text, "%d", deadly);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl("/proc/self/exe", "crash_test", f->dir, text, "signs", (char *)NULL);
        _exit(5);
    }
    close(ends[1]);
    *ret_fd = ends[0];
    return pid;
}

struct verdict {
    struct ledger_check check;
    uint64_t head; /* n of the one in registry.db */
    bool done;
};

static void on_rows(void *user, const struct store_ledger *result, const struct err *err)
{
    static uint8_t bytes[LEDGER_BYTES_MAX];
    struct verdict *verdict = user;
    assert_null(err);
    for (size_t i = 0; i < result->n; i++) {
        size_t len;
        assert_int_equal(ledger_encode(&result->at[i].entry, bytes, &len, NULL), 0);
        ledger_check_entry(&verdict->check, bytes, len, &result->at[i].hash);
    }
    ledger_check_end(&verdict->check);
    verdict->done = true;
}

static void on_head(void *user, const struct store_head *row)
{
    struct verdict *verdict = user;
    ledger_check_head(&verdict->check, &row->head, &row->key);
    verdict->head = row->head.n;
}

/* By the head that the killed one has left in the registry. */
static struct verdict verify(struct fixture *f)
{
    struct verdict verdict = { .done = false };
    AUTO(db_auto_close) sqlite3 *db = NULL;
    struct store_loader loader = { .ledger_head = on_head, .user = &verdict };
    struct store_marks marks = { 0 };
    ledger_check_begin(&verdict.check, 0);
    open_store(f); /* brings an empty registry to today's tables */
    assert_int_equal(db_open(&db, path_in(f, "registry.db"), DB_READ, &f->err), 0);
    assert_int_equal(load_file(db, STORE_REGISTRY, 0, &loader, &marks, &f->err), 0);
    struct store_ledger_query query = { .oldest_first = true, .most = STORE_LEDGER_MOST };
    assert_int_equal(store_ledger(f->store, &query, on_rows, &verdict, &f->err), 0);
    run_until(f, &verdict.done);
    close_store(f);
    return verdict;
}

static void killed_at_any_write_of_a_head_the_file_is_ahead_of_it_never_behind(void **state)
{
    struct fixture *f = *state;
    bool killed = true;
    int deaths = 0, ahead = 0;
    uint64_t entries = 0;
    close_store(f);
    for (int deadly = 1; killed; deadly++) {
        int fd, told, status;
        pid_t pid = start_signing(f, deadly, &fd);
        bool acknowledged = read(fd, &told, sizeof told) == sizeof told;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        close(fd);
        killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        assert_true(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        struct verdict verdict = verify(f);
        char text[LEDGER_FAULT_TEXT];
        if (verdict.check.fault != LEDGER_WHOLE)
            fail_msg("killed at write %d: %s", deadly, ledger_fault_print(text, &verdict.check));
        assert_true(verdict.check.n >= entries + acknowledged);
        assert_true(verdict.head <= verdict.check.n);
        entries = verdict.check.n;
        deaths += killed;
        ahead += verdict.head < verdict.check.n;
        if (!killed)
            assert_int_equal(verdict.head, verdict.check.n);
    }
    assert_true(deaths >= 2); /* at the write into the WAL, at its flush... */
    assert_true(ahead >= 1);
    open_store(f);
}

int main(int argc, char **argv)
{
    if (argc == 4) {
        faulty_vfs_install();
        return be_signing_child(argv[1], atoi(argv[2]));
    }
    if (argc == 3)
        return be_child(argv[1], strtoull(argv[2], NULL, 10));
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_was_acknowledged_survives_and_nothing_is_there_twice),
        STORE_TEST(killed_at_any_write_of_a_head_the_file_is_ahead_of_it_never_behind),
    };
    return cmocka_run_group_tests_name("collector.store.crash", tests, NULL, NULL);
}
