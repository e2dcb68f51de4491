/* base/work.h - the only way off the loop: jobs run on a worker's own thread, their results come back on the loop.
 *
 * Shape    a worker is one thread and a queue; jobs run one at a time, in the order they were submitted
 * Owner    a job lives in the caller's memory and is the worker's from submit until `done` is called
 * Limit    the queue has none: whoever submits bounds what it has in flight
 * Threads  every call is made on the loop's thread; `run` is called on the worker's thread and touches only its job and
 *          what nobody else touches until `done`; `done` is called on the loop's thread
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

struct worker; /* opaque */

struct job {
    void (*run)(struct job *job);
    void (*done)(struct job *job); /* the job is the caller's again from here on; may submit */
    struct job *next;              /* the worker's */
};

/* Starts a worker; `name` (copied, 15 bytes at most) is what ps and gdb show. On 0 the caller owns *ret_worker.
 * -EAGAIN, -ENOMEM: the system has no thread to give. -EMFILE, -ENFILE: the loop has no descriptor to wake it by. */
int worker_open(struct worker **ret_worker, uv_loop_t *loop, const char *name, struct err *err);

/* Hands over `job`; its `run` and `done` are set. Not after worker_close(). */
void worker_submit(struct worker *worker, struct job *job);

/* Waits for all jobs and calls their `done`; a job that a `done` submits meanwhile is run and waited for as well, so
 * whoever submits without end stops before. Then lets go: the loop must run once more for the handle's close. A `done`
 * may call it. NULL is fine. Always returns NULL. */
struct worker *worker_close(struct worker *worker);

/* The same, but waits no longer than `wait_ms` in all: true. false: a job is still running, say on a disk that hangs.
 * Its thread is left behind then, and the worker with it; that job may run to its end, those behind it never run, and
 * no `done` is called any more: what they touch must stay as it is until the process ends. */
bool worker_close_within(struct worker *worker, uint64_t wait_ms);
