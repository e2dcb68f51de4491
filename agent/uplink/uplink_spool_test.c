/* The uplink with a disk: what it keeps there in an outage, over a restart, and without one. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/uplink/uplink_fixture.h"

/* ---- a disk that hangs when it is told to, cannot be read when it is told so, and counts its syncs: the linker puts
 * these in the place of libc's ---- */

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint syncs;
static atomic_bool unreadable;

ssize_t __real_pread(int fd, void *bytes, size_t len, off_t at);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t at);
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t at);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t at)
{
    bool segment = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY; /* not the log that is looked at */
    if (!atomic_load(&unreadable) || !segment)
        return __real_pread(fd, bytes, len, at);
    errno = EIO;
    return -1;
}

ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    pthread_mutex_lock(&disk);
    ssize_t n = __real_pwrite(fd, bytes, len, at);
    pthread_mutex_unlock(&disk);
    return n;
}

int __wrap_fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return __real_fdatasync(fd);
}

static void hold_disk(void)
{
    pthread_mutex_lock(&disk);
}

static void release_disk(void)
{
    pthread_mutex_unlock(&disk);
}

static bool has_synced_once_more(const struct fixture *f)
{
    (void)f;
    return atomic_load(&syncs) > 0;
}

/* ---- stage ---- */

static void use_spool(struct fixture *f)
{
    atomic_store(&unreadable, false);
    snprintf(f->spool, sizeof f->spool, "%s/spool", f->folder);
}

/* A disk that failed is tried again when a tick comes; and which tick that is hangs on when the last try began. */
static void run_ticking(struct fixture *f, bool (*reached)(const struct fixture *f))
{
    f->ticking = true;
    run_late(f, reached);
    f->ticking = false;
}

static bool is_all_on_disk(const struct fixture *f)
{
    struct uplink_counts counts = uplink_counts(f->uplink);
    return counts.queued > 0 && counts.queued == counts.spooled;
}

/* As many ticks as a second gives, each with the loop's rounds it would have. */
static void push_slowly(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++) {
        push(f, 1);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
}

static void kill_agent(struct fixture *f)
{
    f->uplink = uplink_close(f->uplink);
    f->interval_us = 0;
    for (int i = 0; i < 100; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
}

static void kill_collector(struct fixture *f)
{
    f->collector.server = link_server_close(f->collector.server);
}

static void a_tick_is_on_disk_before_it_is_stored_and_gone_when_it_is(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 3);
    run_late(f, is_all_on_disk);
    assert_int_equal(uplink_counts(f->uplink).queued, 3);
    open_collector(f);
    run_late(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 3);
    assert_int_equal(uplink_counts(f->uplink).spooled, 0);
}

static void what_an_earlier_life_left_is_delivered_as_its_own(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    open_collector(f);
    open_agent(f, 8 << 20);
    push(f, 2);
    run_late(f, has_two_reports);
    run_late(f, is_empty);
    assert_report(f, 0, 1, 2, true); /* live ticks first */
    assert_report(f, 1, 1, 5, true);
    const struct seen *live = &f->collector.reports[0], *late = &f->collector.reports[1];
    assert_memory_not_equal(&live->run, &late->run, sizeof live->run);
    assert_false(live->same_boot);
    assert_true(late->same_boot);
    assert_int_equal(late->highest, 5);
    assert_int_equal(uplink_counts(f->uplink).stored, 7);
}

static void of_another_boot_the_clocks_are_not_said_to_be_the_same(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    f->boot.bytes[0]++;
    open_collector(f);
    open_agent(f, 8 << 20);
    run_late(f, has_a_report);
    assert_report(f, 0, 1, 5, true);
    assert_false(f->collector.reports[0].same_boot);
}

static bool is_down(const struct fixture *f)
{
    return times_logged(f, "event=uplink_down") > 0;
}

static bool has_stored_two(const struct fixture *f)
{
    return uplink_counts(f->uplink).stored >= 2;
}

static void what_was_delivered_before_a_restart_is_not_delivered_again(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_both(f, 8 << 20);
    run_late(f, is_reporting);
    for (int i = 0; i < 5; i++) {
        push(f, 1);
        run_late(f, is_empty);
    }
    kill_collector(f);
    run_late(f, is_down);
    push(f, 1);
    run_late(f, is_all_on_disk); /* and with it what became of the others */
    kill_agent(f);
    unsigned before = f->collector.n;
    open_collector(f);
    open_agent(f, 8 << 20);
    push(f, 1);
    run_late(f, is_empty);
    run_late(f, has_stored_two);
    assert_int_equal(f->collector.n, before + 2); /* the live one, and the one that was not delivered */
    assert_report(f, before + 1, 6, 1, true);
}

static void in_an_outage_ticks_pile_up_on_disk_and_come_in_full_messages(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 64 << 10); /* memory for a few hundred ticks */
    for (int i = 0; i < 20; i++) {
        push_slowly(f, 100);
        run_late(f, is_all_on_disk);
    }
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.queued, 2000);
    assert_int_equal(counts.dropped, 0);
    open_collector(f);
    run_late(f, is_empty);
    assert_report(f, 0, 1941, 60, true); /* the newest first */
    assert_report(f, 1, 1, 600, true);
    assert_report(f, 2, 601, 600, false);
    assert_int_equal(uplink_counts(f->uplink).queued, 0);
    uint64_t next = 1;
    for (unsigned i = 1; i < f->collector.n; i++) {
        assert_int_equal(f->collector.reports[i].first, next);
        next += f->collector.reports[i].n_ticks;
    }
    assert_true(next > 1940);
}

static void a_collector_without_the_table_of_late_ticks_gets_it_again(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 64 << 10);
    for (int i = 0; i < 14; i++) {
        push_slowly(f, 100);
        run_late(f, is_all_on_disk);
    }
    f->collector.script[2] = (struct answer){ .kind = ANSWER_NO_TABLE, .text = "" };
    open_collector(f);
    run_late(f, is_empty);
    assert_report(f, 1, 1, 600, true);
    assert_report(f, 2, 601, 600, false);
    assert_int_equal(f->collector.reports[3].first, 601);
    assert_true(f->collector.reports[3].has_table);
    assert_int_equal(uplink_counts(f->uplink).refused, 0);
}

static void late_ticks_the_collector_will_not_have_are_declared(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    f->collector.script[0] = (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_LIMIT, .text = "no" };
    open_collector(f);
    open_agent(f, 8 << 20);
    run_late(f, has_a_report);
    push(f, 1);
    run_late(f, is_empty);
    const struct seen *refused = &f->collector.reports[0], *next = &f->collector.reports[1];
    assert_int_equal(next->n_dropped, 1);
    assert_memory_equal(&next->dropped.run, &refused->run, sizeof refused->run);
    assert_int_equal(next->dropped.first, 1);
    assert_int_equal(next->dropped.last, 5);
    assert_int_equal(next->dropped.cause, DROP_REFUSED);
    assert_int_equal(uplink_counts(f->uplink).refused, 5);
}

static void late_ticks_stay_when_the_collector_is_busy_or_goes_away(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    f->collector.script[0] = (struct answer){ .kind = ANSWER_BUSY, .retry_us = 50 * US_PER_MS, .text = "" };
    f->collector.silent_from = 1;
    f->collector.silent_to = 2;
    open_collector(f);
    open_agent(f, 8 << 20);
    run_late(f, has_two_reports);
    assert_report(f, 1, 1, 5, true);
    link_peer_close(f->collector.peer);
    run_late(f, has_three_reports);
    assert_report(f, 2, 1, 5, true);
    run_late(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 5);
}

static void ticks_lost_for_want_of_memory_are_declared_until_that_is_stored(void **state)
{
    struct fixture *f = *state;
    f->collector.script[0] = (struct answer){ .kind = ANSWER_BUSY, .retry_us = 50 * US_PER_MS, .text = "" };
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 10);
    push(f, 3000);
    uint64_t dropped = uplink_counts(f->uplink).dropped;
    assert_true(dropped > 0);
    open_collector(f);
    uplink_drain(f->uplink, 3600 * US_PER_S, on_drained, f);
    run_late(f, is_empty);
    for (unsigned i = 0; i < 2; i++) { /* the first was not stored */
        const struct seen *report = &f->collector.reports[i];
        assert_int_equal(report->n_dropped, 1);
        assert_memory_equal(&report->dropped.run, &report->run, sizeof report->run);
        assert_int_equal(report->dropped.first, 1);
        assert_int_equal(report->dropped.last, dropped);
        assert_int_equal(report->dropped.cause, DROP_OVERFLOW);
    }
    assert_int_equal(f->collector.reports[2].n_dropped, 0);
}

static bool has_failed(const struct fixture *f)
{
    return times_logged(f, "event=spool_failing") > 0;
}

static bool is_well(const struct fixture *f)
{
    return is_logged_since(f, "event=spool_failing", "event=spool_well");
}

static void without_a_disk_ticks_wait_in_memory_and_when_it_is_back_go_there(void **state)
{
    struct fixture *f = *state;
    snprintf(f->spool, sizeof f->spool, "%s/not/there", f->folder);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push_slowly(f, 300);
    run_late(f, has_failed);
    push_slowly(f, 300);
    assert_int_equal(times_logged(f, "event=spool_failing"), 1);
    assert_int_equal(uplink_counts(f->uplink).queued, 600);
    assert_int_equal(uplink_counts(f->uplink).spooled, 0);
    char parent[80];
    snprintf(parent, sizeof parent, "%s/not", f->folder);
    assert_int_equal(mkdir(parent, 0700), 0);
    clock_fake_pass(&f->fake, SHELF_RETRY_US * NS_PER_US);
    run_ticking(f, is_well);
    run_late(f, is_all_on_disk);
    assert_int_equal(uplink_counts(f->uplink).queued, f->pushed);
    open_collector(f);
    run_late(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).dropped, 0);
}

static bool could_not_read(const struct fixture *f)
{
    return times_logged(f, "event=spool_not_read") > 0;
}

static void a_backlog_that_cannot_be_read_for_a_moment_is_delivered_when_it_can(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    open_agent(f, 8 << 20);
    push(f, 2);
    run_late(f, is_all_on_disk);
    atomic_store(&unreadable, true);
    open_collector(f);
    run_late(f, could_not_read);
    atomic_store(&unreadable, false);
    run_late(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, 7);
    assert_int_equal(times_logged(f, "event=spool_unreadable"), 0);
}

static bool has_opened_again(const struct fixture *f)
{
    return times_logged(f, "event=spool_opened") == 2;
}

/* Leaves five ticks of an earlier life that cannot be read, and two of this one in memory. */
static void start_unreadable(struct fixture *f)
{
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    atomic_store(&unreadable, true);
    open_agent(f, 8 << 20);
    push(f, 2);
    run_late(f, has_failed);
    assert_int_equal(uplink_counts(f->uplink).spooled, 0);
}

static void what_cannot_be_read_at_a_start_is_waited_for(void **state)
{
    struct fixture *f = *state;
    start_unreadable(f);
    clock_fake_pass(&f->fake, SPOOL_PATIENCE_US / 2 * NS_PER_US);
    push(f, 1);
    atomic_store(&unreadable, false);
    clock_fake_pass(&f->fake, SHELF_RETRY_US * NS_PER_US);
    run_ticking(f, has_opened_again);
    open_collector(f);
    run_late(f, is_empty);
    assert_int_equal(uplink_counts(f->uplink).stored, f->pushed);
}

static void what_cannot_be_read_for_minutes_is_not_waited_for_any_longer(void **state)
{
    struct fixture *f = *state;
    int64_t from_us = clock_mono_us(&f->clock);
    start_unreadable(f);
    while (!has_opened_again(f)) {
        clock_fake_pass(&f->fake, SHELF_RETRY_US * NS_PER_US);
        push(f, 1);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    assert_true(clock_mono_us(&f->clock) - from_us >= SPOOL_PATIENCE_US);
    run_late(f, is_all_on_disk);
    assert_true(uplink_counts(f->uplink).queued > 2);
}

static void a_spool_that_was_removed_is_made_again(void **state)
{
    struct fixture *f = *state;
    char command[128];
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    snprintf(command, sizeof command, "rm -r %s", f->spool);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
    run_ticking(f, has_failed);
    clock_fake_pass(&f->fake, SHELF_RETRY_US * NS_PER_US);
    run_ticking(f, is_well);
    run_late(f, is_all_on_disk);
    assert_int_equal(uplink_counts(f->uplink).queued, f->pushed);
    kill_agent(f);
    open_collector(f);
    open_agent(f, 8 << 20);
    run_late(f, has_a_report);
    assert_report(f, 0, 1, (uint32_t)f->pushed, true);
}

static bool has_found_strangers(const struct fixture *f)
{
    return times_logged(f, "event=spool_strange") > 0;
}

static void the_spool_of_another_host_is_said_and_not_sent(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    run_late(f, is_all_on_disk);
    kill_agent(f);
    f->host++;
    open_collector(f);
    open_agent(f, 8 << 20);
    push(f, 1);
    run_late(f, is_empty);
    run_late(f, has_found_strangers);
    assert_int_equal(times_logged(f, "of_another_host=1"), 1);
    assert_int_equal(f->collector.n, 1);
    assert_report(f, 0, 1, 1, true);
}

static void leaving_with_ticks_undelivered_leaves_them_on_disk(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 5);
    uplink_drain(f->uplink, 20 * US_PER_MS, on_drained, f);
    run_late(f, is_drained);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.queued, 5);
    assert_int_equal(counts.spooled, 5);
}

static void a_disk_that_hangs_holds_up_no_report_and_no_tick(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    push(f, 1);
    run_late(f, is_empty);
    hold_disk();
    for (int i = 0; i < 3; i++) {
        push(f, 1);
        run_until(f, is_empty);
    }
    assert_int_equal(uplink_counts(f->uplink).stored, 4);
    kill_collector(f);
    run_until(f, is_down);
    clock_fake_pass(&f->fake, SHELF_HANGS_US * NS_PER_US);
    push(f, 300); /* far more than stay in memory when the disk has them */
    assert_int_equal(times_logged(f, "event=spool_hangs"), 1);
    assert_int_equal(uplink_counts(f->uplink).queued, 300);
    assert_int_equal(uplink_counts(f->uplink).spooled, 0);
    release_disk();
    run_late(f, is_all_on_disk);
    assert_int_equal(times_logged(f, "event=spool_well"), 1);
    assert_int_equal(uplink_counts(f->uplink).queued, 300);
    assert_int_equal(uplink_counts(f->uplink).dropped, 0);
}

static void leaving_does_not_wait_for_a_disk_that_hangs(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_collector(f);
    kill_collector(f);
    open_agent(f, 8 << 20);
    push(f, 1);
    run_late(f, is_all_on_disk);
    hold_disk();
    push(f, 1);
    uplink_drain(f->uplink, 20 * US_PER_MS, on_drained, f);
    run_late(f, is_drained);
    struct uplink_counts counts = uplink_counts(f->uplink);
    assert_int_equal(counts.queued, 2);
    assert_int_equal(counts.spooled, 1);
    release_disk();
}

static void a_healthy_disk_is_never_synced_and_one_with_waiting_ticks_is(void **state)
{
    struct fixture *f = *state;
    use_spool(f);
    open_both(f, 8 << 20);
    run_until(f, is_reporting);
    unsigned before = atomic_load(&syncs);
    for (int i = 0; i < 20; i++) {
        push(f, 1);
        run_late(f, is_empty);
    }
    assert_int_equal(atomic_load(&syncs), before);
    kill_collector(f);
    push(f, 1);
    run_late(f, has_synced_once_more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_healthy_disk_is_never_synced_and_one_with_waiting_ticks_is),
        test(a_tick_is_on_disk_before_it_is_stored_and_gone_when_it_is),
        test(what_an_earlier_life_left_is_delivered_as_its_own),
        test(of_another_boot_the_clocks_are_not_said_to_be_the_same),
        test(what_was_delivered_before_a_restart_is_not_delivered_again),
        test(in_an_outage_ticks_pile_up_on_disk_and_come_in_full_messages),
        test(a_collector_without_the_table_of_late_ticks_gets_it_again),
        test(late_ticks_the_collector_will_not_have_are_declared),
        test(late_ticks_stay_when_the_collector_is_busy_or_goes_away),
        test(ticks_lost_for_want_of_memory_are_declared_until_that_is_stored),
        test(without_a_disk_ticks_wait_in_memory_and_when_it_is_back_go_there),
        test(a_backlog_that_cannot_be_read_for_a_moment_is_delivered_when_it_can),
        test(what_cannot_be_read_at_a_start_is_waited_for),
        test(what_cannot_be_read_for_minutes_is_not_waited_for_any_longer),
        test(a_spool_that_was_removed_is_made_again),
        test(the_spool_of_another_host_is_said_and_not_sent),
        test(leaving_with_ticks_undelivered_leaves_them_on_disk),
        test(a_disk_that_hangs_holds_up_no_report_and_no_tick),
        test(leaving_does_not_wait_for_a_disk_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
