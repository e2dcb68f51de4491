/* A worker is one thread, two singly linked lists under one mutex, and one uv_async. Jobs move from `waiting` to
 * `finished`; the wake-up makes the loop take what is in `finished`. libuv folds many wake-ups into one, so taking all
 * of it is the rule, not an option. `held` counts what the worker owes a `done`; only the loop's thread touches it. */
#include "base/work.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"

#define WAIT_NS UINT64_C(3600000000000) /* at a time: for ever in nanoseconds is too much for some clocks */

struct list {
    struct job *first;
    struct job **end;
    size_t n;
};

struct worker {
    uv_async_t wake;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t changed;    /* a job waits or has finished, or `stopping` */
    struct list waiting;  /* under lock */
    struct list finished; /* under lock */
    bool stopping;        /* under lock: the thread ends when nothing waits */
    int owners;           /* under lock; of a worker left behind: its thread and its handle, as they end; else 0 */
    size_t held;          /* submitted and not yet done */
    bool closed;          /* no more submits */
    char name[16];        /* what the kernel keeps of a thread's name, terminated */
};

static void list_init(struct list *list)
{
    *list = (struct list){ .first = NULL, .end = &list->first };
}

static void list_push(struct list *list, struct job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
    list->n++;
}

static struct job *list_pop(struct list *list)
{
    struct job *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->end = &list->first;
        list->n--;
        job->next = NULL;
    }
    return job;
}

static struct job *wait_for_job(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    while (!worker->waiting.first && !worker->stopping)
        uv_cond_wait(&worker->changed, &worker->lock);
    struct job *job = worker->owners > 0 ? NULL : list_pop(&worker->waiting);
    uv_mutex_unlock(&worker->lock);
    return job;
}

static struct worker *free_worker(struct worker *worker)
{
    uv_cond_destroy(&worker->changed);
    uv_mutex_destroy(&worker->lock);
    free(worker);
    return NULL;
}

/* Of a worker left behind: the thread's part, or the handle's. */
static void let_go(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    bool last = --worker->owners == 0;
    uv_mutex_unlock(&worker->lock);
    if (last)
        free_worker(worker);
}

/* False: the worker was left behind. Looked at and acted on under the lock: right behind it the handle may be gone. */
static bool hand_back(struct worker *worker, struct job *job)
{
    uv_mutex_lock(&worker->lock);
    bool left = worker->owners > 0;
    if (!left) {
        list_push(&worker->finished, job);
        uv_cond_broadcast(&worker->changed);
        uv_async_send(&worker->wake);
    }
    uv_mutex_unlock(&worker->lock);
    return !left;
}

static bool is_left(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    bool left = worker->owners > 0;
    uv_mutex_unlock(&worker->lock);
    return left;
}

static void work(void *arg)
{
    struct worker *worker = arg;
    pthread_setname_np(pthread_self(), worker->name);
    for (struct job *job; (job = wait_for_job(worker));) {
        job->run(job);
        if (!hand_back(worker, job))
            break;
    }
    if (is_left(worker))
        let_go(worker);
}

static void finish(struct worker *worker, struct job *job)
{
    worker->held--; /* before `done`, which may submit the job again or close the worker */
    job->done(job);
}

static struct job *take_finished(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    struct job *job = list_pop(&worker->finished);
    uv_mutex_unlock(&worker->lock);
    return job;
}

static void on_wake(uv_async_t *wake)
{
    struct worker *worker = wake->data;
    uv_mutex_lock(&worker->lock);
    size_t n = worker->finished.n;
    uv_mutex_unlock(&worker->lock);
    /* Jobs that finish meanwhile wake the loop again; taking them too could keep it from everything else. The jobs are
     * taken one by one because a `done` that closes the worker finishes the rest itself. */
    for (struct job *job; n > 0 && (job = take_finished(worker)); n--)
        finish(worker, job);
}

static void stop_thread(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    worker->stopping = true;
    uv_cond_broadcast(&worker->changed);
    uv_mutex_unlock(&worker->lock);
    uv_thread_join(&worker->thread);
}

static struct worker *new_worker(const char *name)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    snprintf(worker->name, sizeof worker->name, "%s", name);
    list_init(&worker->waiting);
    list_init(&worker->finished);
    uv_mutex_init(&worker->lock); /* these two cannot fail on Linux */
    uv_cond_init(&worker->changed);
    return worker;
}

/* The thread comes before the handle: a handle cannot be taken back here, it is ours again only in its close
 * callback. The thread touches the handle only after a job. */
int worker_open(struct worker **ret_worker, uv_loop_t *loop, const char *name, struct err *err)
{
    assert(ret_worker && loop && name);
    struct worker *worker = new_worker(name);
    if (!worker)
        return err_set(err, -ENOMEM, "work: out of memory");
    int rc = uv_thread_create(&worker->thread, work, worker);
    if (rc < 0) {
        free_worker(worker);
        return err_sys(err, rc, "work: cannot start the thread %s", name);
    }
    rc = uv_async_init(loop, &worker->wake, on_wake);
    if (rc < 0) {
        stop_thread(worker);
        free_worker(worker);
        return err_sys(err, rc, "work: cannot watch the thread %s", name);
    }
    worker->wake.data = worker;
    *ret_worker = worker;
    return 0;
}

void worker_submit(struct worker *worker, struct job *job)
{
    assert(!worker->closed);
    worker->held++;
    uv_mutex_lock(&worker->lock);
    list_push(&worker->waiting, job);
    uv_cond_broadcast(&worker->changed);
    uv_mutex_unlock(&worker->lock);
}

/* NULL: there is none until `until_ns` of uv_hrtime(). */
static struct job *wait_for_finished(struct worker *worker, uint64_t until_ns)
{
    uv_mutex_lock(&worker->lock);
    while (!worker->finished.first) {
        uint64_t now_ns = uv_hrtime();
        if (now_ns >= until_ns)
            break;
        uint64_t wait_ns = until_ns - now_ns < WAIT_NS ? until_ns - now_ns : WAIT_NS;
        uv_cond_timedwait(&worker->changed, &worker->lock, wait_ns);
    }
    struct job *job = list_pop(&worker->finished);
    uv_mutex_unlock(&worker->lock);
    return job;
}

static void on_closed(uv_handle_t *handle)
{
    free_worker(handle->data);
}

static void on_left(uv_handle_t *handle)
{
    let_go(handle->data);
}

/* False: a job came to its end just now. */
static bool leave(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    bool finished = worker->finished.first;
    if (!finished) {
        pthread_detach(worker->thread);
        worker->owners = 2;
    }
    uv_mutex_unlock(&worker->lock);
    if (finished)
        return false;
    worker->closed = true;
    uv_close((uv_handle_t *)&worker->wake, on_left);
    return true;
}

static bool close_until(struct worker *worker, uint64_t until_ns)
{
    while (worker->held > 0) {
        struct job *job = wait_for_finished(worker, until_ns);
        if (job)
            finish(worker, job);
        else if (leave(worker))
            return false;
    }
    if (worker->closed) /* a `done` just now was quicker */
        return true;
    worker->closed = true;
    stop_thread(worker);
    uv_close((uv_handle_t *)&worker->wake, on_closed);
    return true;
}

struct worker *worker_close(struct worker *worker)
{
    if (worker)
        close_until(worker, UINT64_MAX);
    return NULL;
}

bool worker_close_within(struct worker *worker, uint64_t wait_ms)
{
    return !worker || close_until(worker, uv_hrtime() + wait_ms * 1000000);
}
