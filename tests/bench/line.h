/* tests/bench/line.h - what a simulated agent speaks over: one connection to the collector, one session on it, one
 * request at a time.
 *
 * Shape    line_start() connects and shakes hands (SP's), then on_open: say hello. Each request has one on_answer,
 *          unless the line goes: then on_gone, once, and the line may be started again from there
 * Owner    the line is zeros in its owner's memory but for `home` and `user`; it must stay where it is
 * Threads  the loop's
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <uv.h>

#include "base/arena.h"
#include "proto/codec/message.h"

struct line;

struct line_home { /* what all lines share */
    uv_loop_t *loop;
    struct sockaddr_in address;
    void (*on_open)(struct line *line);
    void (*on_answer)(struct line *line, const struct answer *answer); /* borrowed during the call */
    void (*on_gone)(struct line *line, const char *why);               /* NULL: it was line_stop() */
    uint64_t bytes_out, bytes_in;                                      /* of SP: what TCP carried */
    struct arena arena;                                                /* of the answer in hand */
    uint8_t inner[MESSAGE_MAX], outer[MESSAGE_MAX + 64];
};

enum line_phase { LINE_IDLE, LINE_CONNECTING, LINE_SHAKING, LINE_OPEN, LINE_CLOSING };

struct line {
    struct line_home *home;
    void *user;
    enum line_phase phase;
    bool waiting; /* for an answer */
    int64_t sent_ns;
    int64_t before_us, answered_us; /* of the exchange before the request in hand; 0: none */
    uv_tcp_t tcp;
    uv_connect_t connect;
    uint64_t counter;
    uint32_t request;
    const char *why;
    size_t have;
    uint8_t in[1024];
};

void line_start(struct line *line);
/* Fills in the clock's stamps of the exchange before. */
void line_report(struct line *line, struct report *report);
void line_hello(struct line *line, const struct hello *hello);
/* Does nothing to a line that is idle; the loop must run once more. */
void line_stop(struct line *line);
