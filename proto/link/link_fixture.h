/* proto/link/link_fixture.h - what the tests of this folder share: a loop that runs until something holds.
 *
 * No test waits for time to pass: each runs the loop until the event it is about. The guard only turns an event that
 * never comes into a failure instead of a hang. */
#pragma once
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

enum { GUARD_MS = 60000, TICK_MS = 2 };

struct test_loop {
    uv_loop_t loop;
    uv_timer_t guard;
    uv_timer_t tick; /* so that what other threads and the kernel do is looked at, too */
    bool late;
};

static inline void test_on_guard(uv_timer_t *guard)
{
    ((struct test_loop *)guard->data)->late = true;
}

static inline void test_on_tick(uv_timer_t *tick)
{
    (void)tick;
}

static inline void test_loop_open(struct test_loop *t)
{
    uv_loop_init(&t->loop);
    uv_timer_init(&t->loop, &t->guard);
    uv_timer_init(&t->loop, &t->tick);
    t->guard.data = t;
    t->late = false;
    uv_timer_start(&t->guard, test_on_guard, GUARD_MS, 0);
    uv_timer_start(&t->tick, test_on_tick, TICK_MS, TICK_MS);
}

/* Everything else must have been closed: what is left open is a leak and fails here. */
static inline void test_loop_close(struct test_loop *t)
{
    uv_close((uv_handle_t *)&t->guard, NULL);
    uv_close((uv_handle_t *)&t->tick, NULL);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t->loop), 0);
}

/* Each wait has all of GUARD_MS: how many there are, and how long a peer backs off between them, is the test's. */
static inline void test_wait_begins(struct test_loop *t)
{
    uv_update_time(&t->loop);
    uv_timer_start(&t->guard, test_on_guard, GUARD_MS, 0);
}

#define run_until(t, condition)                                                                                        \
    do {                                                                                                               \
        bool holds_;                                                                                                   \
        test_wait_begins(t);                                                                                           \
        while (!(holds_ = (condition)) && !(t)->late)                                                                  \
            uv_run(&(t)->loop, UV_RUN_ONCE);                                                                           \
        assert_true(holds_ &&#condition);                                                                              \
    } while (0)

/* Runs the loop a few times: for what must not happen. */
static inline void run_some(struct test_loop *t)
{
    for (int i = 0; i < 5; i++)
        uv_run(&t->loop, UV_RUN_ONCE);
}

static inline unsigned count_sockets(void)
{
    unsigned n = 0;
    for (int fd = 3; fd < 1024; fd++) {
        int type;
        socklen_t len = sizeof type;
        n += getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
    }
    return n;
}

/* nng gives connections back on a thread of its own, some time after their peers left. What is done to one between the
 * two, an answer or a close, nng 1.5.2 may lose together with its memory, and a leak would be reported: so tests that
 * would do that wait until there are no more sockets than before. The test's own time limit is the guard. */
static inline void wait_for_sockets(unsigned before)
{
    while (count_sockets() > before)
        sched_yield();
}
