/* agent/probe/burst.h - one burst of TCP connects to one address.
 *
 * Shape    burst_start(), then burst_advance() whenever the time it asked for has come, until it says it is done;
 *          connects are polled by libuv in between
 * Latency  the kernel's own round trip of SYN and SYN-ACK (tcp_info.tcpi_rtt), so that a busy agent does not inflate
 *          it; where a SYN had to be sent again, the time until the loop saw the connection
 * Owner    the burst lives in the caller's memory, which must stay until burst_is_quiet(): libuv gives its handles
 *          back later than we let go of them
 * Threads  the loop's thread
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "agent/probe/probe.h"

struct burst;

struct attempt {
    uv_poll_t poll;
    struct burst *burst;
    int fd;
    bool open; /* the handle is libuv's */
    bool waiting;
    int64_t begun_us;
};

struct burst_result {
    double latency; /* seconds, the mean of those that succeeded; NaN: none */
    double latency_max;
    double loss; /* 0..1 */
    double attempts;
};

struct burst {
    uv_loop_t *loop;
    const struct clock *clock;
    void (*on_change)(void *user); /* something is to be advanced, or the last handle is back */
    void *user;
    struct sockaddr_storage to;
    int64_t begun_us;
    int64_t spacing_us;
    int64_t timeout_us;
    unsigned count;
    unsigned started;
    unsigned ended;
    unsigned succeeded;
    double latency_sum;
    double latency_max;
    unsigned handles; /* still libuv's */
    struct attempt attempts[PROBE_COUNT_MAX];
};

/* The burst's loop, clock, on_change, user, spacing, timeout and count are set; it is quiet. */
void burst_start(struct burst *burst, const struct sockaddr_storage *to);

/* Starts and gives up what is due. True: all attempts are over. Else *ret_wake_us is when to advance next. */
bool burst_advance(struct burst *burst, int64_t now_us, int64_t *ret_wake_us);

struct burst_result burst_result(const struct burst *burst);

/* Gives up everything; handles come back from the loop, on_change is called for the last one. */
void burst_abort(struct burst *burst);

/* Whether no handle of it is libuv's. */
bool burst_is_quiet(const struct burst *burst);
