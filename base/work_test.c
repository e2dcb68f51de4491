#include "base/work.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { JOBS = 1000, AGAIN = 50 };

struct fixture {
    uv_loop_t loop;
    struct worker *worker;
    pthread_t loop_thread;
    int ran[JOBS];  /* ids in the order they ran; written by the worker, read when all are done */
    int done[JOBS]; /* ids in the order they were done */
    int n_ran, n_done;
    bool ran_on_loop, done_off_loop;
    char thread_name[16];
    int again; /* how often `done` is to submit the job again */
    bool close_in_done;
};

struct test_job {
    struct job job; /* first: a struct job * is one of these */
    struct fixture *f;
    int id;
};

static void run(struct job *job)
{
    struct test_job *t = (struct test_job *)job;
    struct fixture *f = t->f;
    f->ran_on_loop = f->ran_on_loop || pthread_equal(pthread_self(), f->loop_thread);
    pthread_getname_np(pthread_self(), f->thread_name, sizeof f->thread_name);
    f->ran[f->n_ran++ % JOBS] = t->id;
}

static void done(struct job *job)
{
    struct test_job *t = (struct test_job *)job;
    struct fixture *f = t->f;
    f->done_off_loop = f->done_off_loop || !pthread_equal(pthread_self(), f->loop_thread);
    f->done[f->n_done++ % JOBS] = t->id;
    if (f->again > 0) {
        f->again--;
        worker_submit(f->worker, job);
    } else if (f->close_in_done) {
        f->close_in_done = false;
        f->worker = worker_close(f->worker);
    }
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f || uv_loop_init(&f->loop) < 0)
        return -1;
    f->loop_thread = pthread_self();
    *state = f;
    return worker_open(&f->worker, &f->loop, "a-name-that-is-much-too-long", NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->worker = worker_close(f->worker);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop); /* UV_EBUSY when a handle was left */
    free(f);
    return rc;
}

static void submit(struct fixture *f, struct test_job *jobs, int n)
{
    for (int i = 0; i < n; i++) {
        jobs[i] = (struct test_job){ .job = { .run = run, .done = done }, .f = f, .id = i };
        worker_submit(f->worker, &jobs[i].job);
    }
}

static void run_until_done(struct fixture *f, int n)
{
    while (f->n_done < n)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void jobs_run_off_the_loop_in_order_and_are_done_on_it(void **state)
{
    struct fixture *f = *state;
    static struct test_job jobs[JOBS];
    submit(f, jobs, JOBS);
    run_until_done(f, JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(f->ran[i], i);
        assert_int_equal(f->done[i], i);
    }
    assert_false(f->ran_on_loop);
    assert_false(f->done_off_loop);
}

static void the_thread_has_the_first_15_bytes_of_the_name(void **state)
{
    struct fixture *f = *state;
    struct test_job job;
    submit(f, &job, 1);
    run_until_done(f, 1);
    assert_string_equal(f->thread_name, "a-name-that-is-");
}

static void done_may_submit_the_job_again(void **state)
{
    struct fixture *f = *state;
    struct test_job job;
    f->again = AGAIN;
    submit(f, &job, 1);
    run_until_done(f, AGAIN + 1);
    assert_int_equal(f->n_ran, AGAIN + 1);
}

static void close_waits_for_every_job_and_calls_its_done(void **state)
{
    struct fixture *f = *state;
    static struct test_job jobs[JOBS];
    submit(f, jobs, JOBS);
    f->worker = worker_close(f->worker);
    assert_null(f->worker);
    assert_int_equal(f->n_done, JOBS);
    assert_int_equal(f->done[JOBS - 1], JOBS - 1);
}

/* Once such a job was queued behind a thread that had ended, and was never heard of again. */
static void close_waits_for_jobs_that_done_submits_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct test_job jobs[3];
    f->again = AGAIN;
    submit(f, jobs, 3);
    f->worker = worker_close(f->worker);
    assert_int_equal(f->n_done, AGAIN + 3);
    assert_int_equal(f->n_ran, AGAIN + 3);
}

static void done_may_close_the_worker(void **state)
{
    struct fixture *f = *state;
    static struct test_job jobs[JOBS];
    f->close_in_done = true;
    submit(f, jobs, JOBS);
    run_until_done(f, JOBS);
    assert_null(f->worker);
    assert_int_equal(f->n_done, JOBS);
}

static void done_may_close_the_worker_that_is_being_closed(void **state)
{
    struct fixture *f = *state;
    struct test_job jobs[5];
    f->close_in_done = true;
    submit(f, jobs, 5);
    worker_close(f->worker);
    assert_null(f->worker);
    assert_int_equal(f->n_done, 5);
}

struct stuck_job {
    struct job job; /* first */
    uv_sem_t started;
    uv_sem_t go_on;
    uv_sem_t over;
    bool done;
};

static void run_stuck(struct job *job)
{
    struct stuck_job *stuck = (struct stuck_job *)job;
    uv_sem_post(&stuck->started);
    uv_sem_wait(&stuck->go_on);
    uv_sem_post(&stuck->over);
}

static void done_stuck(struct job *job)
{
    ((struct stuck_job *)job)->done = true;
}

static void a_worker_whose_job_hangs_is_left_behind(void **state)
{
    struct fixture *f = *state;
    for (int closed_first = 0; closed_first < 2; closed_first++) {
        static struct stuck_job jobs[2]; /* outlive their threads */
        struct stuck_job *stuck = &jobs[closed_first];
        struct test_job behind = { .f = f };
        *stuck = (struct stuck_job){ .job = { .run = run_stuck, .done = done_stuck } };
        uv_sem_init(&stuck->started, 0);
        uv_sem_init(&stuck->go_on, 0);
        uv_sem_init(&stuck->over, 0);
        struct worker *worker;
        assert_int_equal(worker_open(&worker, &f->loop, "stuck", NULL), 0);
        worker_submit(worker, &stuck->job);
        behind.job = (struct job){ .run = run, .done = done };
        worker_submit(worker, &behind.job);
        uv_sem_wait(&stuck->started);
        assert_false(worker_close_within(worker, 0));
        if (closed_first) /* the handle before the thread, and the other way round */
            uv_run(&f->loop, UV_RUN_NOWAIT);
        uv_sem_post(&stuck->go_on);
        uv_sem_wait(&stuck->over);
        assert_false(stuck->done);
        assert_int_equal(f->n_ran + f->n_done, 0);
    }
}

static void close_within_its_time_is_a_close(void **state)
{
    struct fixture *f = *state;
    static struct test_job jobs[JOBS];
    submit(f, jobs, JOBS);
    assert_true(worker_close_within(f->worker, 60000));
    f->worker = NULL;
    assert_int_equal(f->n_done, JOBS);
    assert_true(worker_close_within(NULL, 0));
}

static void an_unused_worker_closes(void **state)
{
    struct fixture *f = *state;
    f->worker = worker_close(f->worker);
    assert_null(f->worker);
    assert_null(worker_close(NULL));
}

static void several_workers_share_a_loop(void **state)
{
    struct fixture *f = *state;
    struct fixture other = { .loop_thread = f->loop_thread };
    static struct test_job jobs[JOBS], others[JOBS];
    assert_int_equal(worker_open(&other.worker, &f->loop, "other", NULL), 0);
    submit(f, jobs, JOBS);
    submit(&other, others, JOBS);
    while (f->n_done < JOBS || other.n_done < JOBS)
        uv_run(&f->loop, UV_RUN_ONCE);
    worker_close(other.worker);
    assert_string_equal(other.thread_name, "other");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_run_off_the_loop_in_order_and_are_done_on_it),
        TEST(the_thread_has_the_first_15_bytes_of_the_name),
        TEST(done_may_submit_the_job_again),
        TEST(close_waits_for_every_job_and_calls_its_done),
        TEST(close_waits_for_jobs_that_done_submits_meanwhile),
        TEST(done_may_close_the_worker),
        TEST(done_may_close_the_worker_that_is_being_closed),
        TEST(a_worker_whose_job_hangs_is_left_behind),
        TEST(close_within_its_time_is_a_close),
        TEST(an_unused_worker_closes),
        TEST(several_workers_share_a_loop),
    };
    return cmocka_run_group_tests_name("base.work", tests, NULL, NULL);
}
