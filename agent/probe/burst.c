#include "agent/probe/burst.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

void burst_start(struct burst *burst, const struct sockaddr_storage *to)
{
    assert(burst_is_quiet(burst) && burst->count <= PROBE_COUNT_MAX);
    burst->to = *to;
    burst->begun_us = clock_mono_us(burst->clock);
    burst->started = burst->ended = burst->succeeded = 0;
    burst->latency_sum = burst->latency_max = 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct attempt *attempt = handle->data;
    struct burst *burst = attempt->burst;
    attempt->open = false;
    if (--burst->handles == 0)
        burst->on_change(burst->user);
}

/* The descriptor may be closed right after uv_close() of its poll handle; libuv's manual says so of uv_poll_t alone. */
static void let_go(struct attempt *attempt)
{
    if (attempt->open)
        uv_close((uv_handle_t *)&attempt->poll, on_closed);
    if (attempt->fd >= 0)
        close(attempt->fd);
    attempt->fd = -1;
    attempt->waiting = false;
    attempt->burst->ended++;
}

static double latency_of(const struct attempt *attempt, int64_t now_us)
{
    double seen = (double)(now_us - attempt->begun_us) / US_PER_S;
    struct tcp_info info;
    socklen_t len = sizeof info;
    if (getsockopt(attempt->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || info.tcpi_rtt == 0 ||
        info.tcpi_total_retrans > 0)
        return seen;
    return (double)info.tcpi_rtt / US_PER_S;
}

static void succeed(struct attempt *attempt, int64_t now_us)
{
    struct burst *burst = attempt->burst;
    double latency = latency_of(attempt, now_us);
    burst->succeeded++;
    burst->latency_sum += latency;
    if (latency > burst->latency_max)
        burst->latency_max = latency;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status; /* libuv says UV_EBADF for any error on the descriptor; SO_ERROR says which, and whether */
    (void)events;
    struct attempt *attempt = poll->data;
    struct burst *burst = attempt->burst;
    int64_t now_us = clock_mono_us(burst->clock);
    int error = EIO;
    socklen_t len = sizeof error;
    if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0 &&
        now_us - attempt->begun_us <= burst->timeout_us)
        succeed(attempt, now_us);
    let_go(attempt);
    burst->on_change(burst->user);
}

static int watch(struct attempt *attempt)
{
    struct burst *burst = attempt->burst;
    int rc = uv_poll_init(burst->loop, &attempt->poll, attempt->fd);
    if (rc < 0)
        return rc;
    attempt->poll.data = attempt;
    attempt->open = true;
    burst->handles++;
    return uv_poll_start(&attempt->poll, UV_WRITABLE, on_poll);
}

/* A connect that succeeds at once is still seen through the poll, so that there is one way to succeed. */
static void begin(struct burst *burst, struct attempt *attempt, int64_t now_us)
{
    *attempt = (struct attempt){ .burst = burst, .waiting = true, .begun_us = now_us };
    attempt->fd = socket(burst->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = burst->to.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (attempt->fd < 0 ||
        (connect(attempt->fd, (const struct sockaddr *)&burst->to, len) < 0 && errno != EINPROGRESS) ||
        watch(attempt) < 0)
        let_go(attempt);
}

static void earlier(int64_t *wake_us, int64_t at_us)
{
    if (at_us < *wake_us)
        *wake_us = at_us;
}

bool burst_advance(struct burst *burst, int64_t now_us, int64_t *ret_wake_us)
{
    *ret_wake_us = INT64_MAX;
    while (burst->started < burst->count) {
        int64_t due_us = burst->begun_us + burst->started * burst->spacing_us;
        if (now_us < due_us) {
            earlier(ret_wake_us, due_us);
            break;
        }
        begin(burst, &burst->attempts[burst->started++], now_us);
    }
    for (unsigned i = 0; i < burst->started; i++) {
        struct attempt *attempt = &burst->attempts[i];
        if (!attempt->waiting)
            continue;
        if (now_us - attempt->begun_us >= burst->timeout_us)
            let_go(attempt);
        else
            earlier(ret_wake_us, attempt->begun_us + burst->timeout_us);
    }
    return burst->ended == burst->count;
}

struct burst_result burst_result(const struct burst *burst)
{
    return (struct burst_result){
        .latency = burst->succeeded ? burst->latency_sum / burst->succeeded : NAN,
        .latency_max = burst->succeeded ? burst->latency_max : NAN,
        .loss = 1 - (double)burst->succeeded / burst->count,
        .attempts = burst->count,
    };
}

void burst_abort(struct burst *burst)
{
    for (unsigned i = 0; i < burst->started; i++)
        if (burst->attempts[i].waiting)
            let_go(&burst->attempts[i]);
}

bool burst_is_quiet(const struct burst *burst)
{
    return burst->handles == 0;
}
