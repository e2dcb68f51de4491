/* tests/bench/member.h - one simulated agent of a swarm: its connection, its session, one report at a time.
 *
 * Shape    connects, shakes hands, says hello, sends one report with the table: then it is *joined*. From then on each
 *          member_due() is one batch of one tick to be sent, at once or as soon as the answer before it is here
 * Words    stored, busy and refused are answers; a busy batch is sent again with the next one due. A member that
 *          *failed* (hung up on, no session, refused a hello) sends nothing any more; the first few say why on stderr
 * Threads  the loop's
 */
#pragma once
#include <netinet/in.h>
#include <uv.h>

#include "base/arena.h"
#include "tests/bench/latency.h"
#include "tests/bench/sample.h"

struct tally {
    uint64_t sent, stored, busy, refused, failed;
    uint64_t bytes_out, bytes_in; /* of SP: what TCP carried */
    struct latency from_sent;     /* request sent -> stored */
    struct latency from_due;      /* batch due -> stored: also counts what it waited for the one before it */
};

struct crew { /* what the members of a swarm share */
    uv_loop_t *loop;
    struct sockaddr_in address;
    const struct sample_shape *shape;
    int64_t period_ns; /* between the batches of one member */
    struct tally tally;
    unsigned joined;
    unsigned in_flight; /* members that wait for an answer */
    void (*on_joined)(struct crew *crew);
    struct arena arena; /* of the answer in hand */
    struct column columns[SERIES_MAX];
    uint8_t batch[BATCH_MAX], inner[MESSAGE_MAX], outer[MESSAGE_MAX + 64];
};

enum member_phase {
    MEMBER_IDLE,
    MEMBER_CONNECTING,
    MEMBER_SHAKING,
    MEMBER_GREETING,
    MEMBER_JOINING,
    MEMBER_JOINED,
    MEMBER_GONE
};

struct member {
    struct crew *crew;
    uint64_t host;
    enum member_phase phase;
    bool waiting; /* for an answer */
    bool again;   /* the tick in hand was not stored: send it once more */
    uv_tcp_t tcp;
    uv_connect_t connect;
    struct run_id run;
    uint64_t seed;
    uint64_t n; /* of the tick in hand */
    uint64_t counter;
    uint32_t request;
    struct policy policy;
    int64_t mono_us, wall_us;              /* of the tick in hand */
    int64_t sent_ns, sent_us, answered_us; /* of the request in hand; of the exchange before it */
    int64_t before_us;
    int64_t retry_ns;
    unsigned owed;  /* batches due and not stored */
    int64_t due_ns; /* of the oldest of them */
    size_t have;
    uint8_t in[1024];
    int64_t *values; /* owned */
};

/* `member` is zeros; it must stay where it is. */
void member_start(struct member *member, struct crew *crew, uint64_t host);
void member_due(struct member *member, int64_t due_ns);
/* The loop must run once more. */
void member_stop(struct member *member);
