/* A worker is one thread, two singly linked lists under one mutex, and one uv_async. Jobs move from `waiting` to
 * `finished`; the wake-up makes the loop take all of `finished`. libuv folds many wake-ups into one, so taking all is
 * the rule, not an option. */
#include "base/work.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"

struct list {
    struct job *first;
    struct job **end;
};

struct worker {
    uv_async_t wake;
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t changed;
    struct list waiting;  /* under lock */
    struct list finished; /* under lock */
    bool closing;         /* under lock */
    char name[16];
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_push(struct list *list, struct job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct job *list_pop(struct list *list)
{
    struct job *job = list->first;
    if (job) {
        list->first = job->next;
        if (!list->first)
            list->end = &list->first;
        job->next = NULL;
    }
    return job;
}

static struct job *wait_for_job(struct worker *worker)
{
    uv_mutex_lock(&worker->lock);
    while (!worker->waiting.first && !worker->closing)
        uv_cond_wait(&worker->changed, &worker->lock);
    struct job *job = list_pop(&worker->waiting);
    uv_mutex_unlock(&worker->lock);
    return job;
}

static void work(void *arg)
{
    struct worker *worker = arg;
    pthread_setname_np(pthread_self(), worker->name);
    for (struct job *job; (job = wait_for_job(worker));) {
        job->run(job);
        uv_mutex_lock(&worker->lock);
        list_push(&worker->finished, job);
        uv_mutex_unlock(&worker->lock);
        uv_async_send(&worker->wake);
    }
}

static void finish_jobs(struct worker *worker)
{
    for (;;) {
        uv_mutex_lock(&worker->lock);
        struct job *job = list_pop(&worker->finished);
        uv_mutex_unlock(&worker->lock);
        if (!job)
            return;
        job->done(job);
    }
}

static void on_wake(uv_async_t *wake)
{
    finish_jobs(wake->data);
}

int worker_open(struct worker **ret_worker, uv_loop_t *loop, const char *name, struct err *err)
{
    assert(ret_worker && loop && name);
    AUTO(auto_free) struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return err_set(err, -ENOMEM, "work: out of memory");
    snprintf(worker->name, sizeof worker->name, "%s", name);
    list_init(&worker->waiting);
    list_init(&worker->finished);
    uv_mutex_init(&worker->lock); /* these two abort on misuse and cannot fail otherwise on Linux */
    uv_cond_init(&worker->changed);
    /* The thread comes before the handle: a handle could not be freed here, it is ours again only in its close
     * callback. */
    int rc = uv_thread_create(&worker->thread, work, worker);
    if (rc < 0) {
        uv_cond_destroy(&worker->changed);
        uv_mutex_destroy(&worker->lock);
        return err_sys(err, rc, "work: cannot start the thread %s", name);
    }
    rc = uv_async_init(loop, &worker->wake, on_wake);
    assert(rc == 0); /* fails only when the loop has no descriptors left for its very first one */
    (void)rc;
    worker->wake.data = worker;
    *ret_worker = TAKE(worker);
    return 0;
}

void worker_submit(struct worker *worker, struct job *job)
{
    uv_mutex_lock(&worker->lock);
    assert(!worker->closing);
    list_push(&worker->waiting, job);
    uv_cond_signal(&worker->changed);
    uv_mutex_unlock(&worker->lock);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct worker *worker_close(struct worker *worker)
{
    if (!worker)
        return NULL;
    uv_mutex_lock(&worker->lock);
    worker->closing = true;
    uv_cond_signal(&worker->changed);
    uv_mutex_unlock(&worker->lock);
    uv_thread_join(&worker->thread);
    finish_jobs(worker);
    uv_cond_destroy(&worker->changed);
    uv_mutex_destroy(&worker->lock);
    uv_close((uv_handle_t *)&worker->wake, on_closed);
    return NULL;
}
