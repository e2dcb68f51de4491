/* base/work.h without threads: a job runs on the loop, some virtual time after it was submitted, and its `done` comes
 * some time later yet. Between the two the process can be killed: what the job wrote is on disk then, and nobody was
 * told. How long a job takes is the disk's to say. */
#include "base/work.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/disk.h"
#include "tests/sim/world.h"
#include "utlist.h"

enum { LOOK_AGAIN_MS = 50 };
enum stage { IDLE, STARTING, FINISHING };

struct worker {
    uv_timer_t timer;
    struct job *jobs; /* the first is the one in hand */
    enum stage stage;
    bool closed;
    char name[16];
};

static void on_timer(uv_timer_t *timer);

static void wait_for(struct worker *worker, enum stage stage)
{
    worker->stage = stage;
    int64_t wait_us = disk_wait_us(worker->name, stage == STARTING);
    uv_timer_start(&worker->timer, on_timer, (uint64_t)(wait_us / US_PER_MS), 0);
}

static void run_first(struct worker *worker)
{
    if (worker->stage != FINISHING)
        worker->jobs->run(worker->jobs);
}

/* `done` may submit, and may close the worker. */
static void finish_first(struct worker *worker)
{
    struct job *job = worker->jobs;
    LL_DELETE(worker->jobs, job);
    worker->stage = IDLE;
    job->done(job);
}

static void on_timer(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    if (worker->stage == STARTING && disk_hangs(worker->name)) {
        uv_timer_start(timer, on_timer, LOOK_AGAIN_MS, 0);
        return;
    }
    if (worker->stage == STARTING) {
        run_first(worker);
        wait_for(worker, FINISHING);
        return;
    }
    finish_first(worker);
    if (!worker->closed && worker->stage == IDLE && worker->jobs)
        wait_for(worker, STARTING);
}

int worker_open(struct worker **ret_worker, uv_loop_t *loop, const char *name, struct err *err)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return err_set(err, -ENOMEM, "work: out of memory");
    snprintf(worker->name, sizeof worker->name, "%s", name);
    uv_timer_init(loop, &worker->timer);
    worker->timer.data = worker;
    *ret_worker = worker;
    return 0;
}

void worker_submit(struct worker *worker, struct job *job)
{
    assert(!worker->closed);
    LL_APPEND(worker->jobs, job);
    if (worker->stage == IDLE && worker->jobs == job)
        wait_for(worker, STARTING);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct worker *worker_close(struct worker *worker)
{
    if (!worker)
        return NULL;
    while (worker->jobs) {
        run_first(worker);
        finish_first(worker);
    }
    if (!worker->closed) /* a `done` just now was quicker */
        uv_close((uv_handle_t *)&worker->timer, on_closed);
    worker->closed = true;
    return NULL;
}

/* A disk that hangs has let go when the process ends: there is nothing to wait for here. */
bool worker_close_within(struct worker *worker, uint64_t wait_ms)
{
    (void)wait_ms;
    worker_close(worker);
    return true;
}
