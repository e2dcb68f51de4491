/* tests/bench/line.h - what a simulated agent speaks over: one connection to the collector, one session on it, one
 * request at a time.
 *
 * Shape    line_start() connects and shakes hands (SP's), then on_open: say hello, which shakes hands (the channel's);
 *          its welcome opens the channel that reports go through. Each request has one on_answer, unless the line
 *          goes: then on_gone, once, and the line may be started again from there
 * Owner    the line is zeros in its owner's memory but for `home`, `user`, `own` and `collector`; it must stay where it
 *          is. Its keys are gone when it is idle
 * Threads  the loop's
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <uv.h>

#include "base/arena.h"
#include "proto/codec/message.h"
#include "proto/link/channel.h"

struct line;

struct line_home { /* what all lines share */
    uv_loop_t *loop;
    struct sockaddr_in address;
    void (*on_open)(struct line *line);
    void (*on_answer)(struct line *line, const struct answer *answer); /* borrowed during the call */
    void (*on_gone)(struct line *line, const char *why);               /* NULL: it was line_stop() */
    uint64_t bytes_out, bytes_in;                                      /* of SP: what TCP carried */
    struct arena arena;                                                /* of the answer in hand */
    uint8_t plain[MESSAGE_MAX], inner[CHANNEL_MESSAGE_MAX], outer[CHANNEL_MESSAGE_MAX + 64];
};

enum line_phase { LINE_IDLE, LINE_CONNECTING, LINE_SHAKING, LINE_OPEN, LINE_CLOSING };

struct line {
    struct line_home *home;
    void *user;
    const struct key_pair *own;         /* borrowed, as long as the line is not idle */
    const struct public_key *collector; /* likewise */
    enum line_phase phase;
    bool waiting; /* for an answer */
    int64_t sent_ns;
    int64_t before_us, answered_us; /* of the exchange before the request in hand; 0: none */
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct handshake handshake;
    struct channel channel;
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
/* The same by a reset: what leaves by the thousand would keep the ports of this host waiting. */
void line_reset(struct line *line);
/* This process may have as many lines as the system lets it. */
void line_raise_limit(void);
