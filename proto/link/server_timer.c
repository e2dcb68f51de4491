#include "proto/link/server_parts.h"

static uint64_t ms_of(int64_t us)
{
    return us > 0 ? ((uint64_t)us + 999) / 1000 : 0;
}

static uint64_t time_of(const struct link_server *server, enum timer_kind kind)
{
    switch (kind) {
    case TIMER_HANDSHAKE:
        return ms_of(server->limits.handshake_us);
    case TIMER_MESSAGE:
    case TIMER_UNREAD:
        return ms_of(server->limits.message_us);
    default:
        return 0;
    }
}

static void fall_due(struct link_peer *peer, enum timer_kind kind)
{
    if (kind == TIMER_RESUME)
        peer_resume(peer);
    else
        peer_end(peer, kind == TIMER_HANDSHAKE ? LINK_CLOSE_HANDSHAKE : LINK_CLOSE_SLOW);
}

static void on_timer(uv_timer_t *timer)
{
    struct link_server *server = timer->data;
    uint64_t now = uv_now(server->loop);
    uint64_t next = UINT64_MAX;
    for (int kind = 0; kind < TIMER_KINDS; kind++) {
        struct peer_timer *first;
        while ((first = TAILQ_FIRST(&server->timers[kind])) && first->due_ms <= now) {
            peer_timer_stop(server, first);
            fall_due(first->peer, (enum timer_kind)kind);
        }
    }
    if (server->resting && server->rest_due_ms <= now)
        server_stop_resting(server);
    /* A callback may have added to a list already passed: look at the heads only now. */
    for (int kind = 0; kind < TIMER_KINDS; kind++) {
        const struct peer_timer *first = TAILQ_FIRST(&server->timers[kind]);
        if (first && first->due_ms < next)
            next = first->due_ms;
    }
    if (server->resting && server->rest_due_ms < next)
        next = server->rest_due_ms;
    if (next != UINT64_MAX)
        peer_timers_by(server, next);
}

/* The timer is never put off, only brought forward: a message in time costs no heap operation, a timer that comes too
 * early finds nothing due and looks again. */
void peer_timers_by(struct link_server *server, uint64_t due_ms)
{
    if (server->closing || (uv_is_active((uv_handle_t *)&server->timer) && server->timer_due_ms <= due_ms))
        return;
    uint64_t now = uv_now(server->loop);
    server->timer_due_ms = due_ms;
    uv_timer_start(&server->timer, on_timer, due_ms > now ? due_ms - now : 0, 0);
}

void peer_timers_open(struct link_server *server)
{
    for (int kind = 0; kind < TIMER_KINDS; kind++)
        TAILQ_INIT(&server->timers[kind]);
    uv_timer_init(server->loop, &server->timer);
    server->timer.data = server;
}

void peer_timer_stop(struct link_server *server, struct peer_timer *timer)
{
    if (!timer->on)
        return;
    TAILQ_REMOVE(&server->timers[timer->kind], timer, entry);
    timer->on = false;
}

void peer_timer_start(struct link_server *server, struct peer_timer *timer, enum timer_kind kind)
{
    peer_timer_stop(server, timer);
    timer->kind = (uint8_t)kind;
    timer->on = true;
    timer->due_ms = uv_now(server->loop) + time_of(server, kind);
    TAILQ_INSERT_TAIL(&server->timers[kind], timer, entry);
    peer_timers_by(server, timer->due_ms);
}
