/* collector/limits.h - how much a host, an address or all together may ask of the collector, and what was over it.
 *
 * Shape    a limit is a number of the configuration; what is a rate is a bucket that empties with time and takes
 *          LIMITS_BURST_S seconds' worth at once
 * Hosts    a message over is answered with how long to wait. It is charged all the same: who waits comes through, who
 *          does not gets deeper in, until its connection is closed
 * Strangers are charged for handshakes, by their address and all together, and given back what led to a session: honest
 *          agents come by the thousand from one address after a restart, so only what came to nothing is counted. When
 *          all together are over, each address still has LIMITS_RESERVE of its own, and one more each LIMITS_RESERVE_S:
 *          a few addresses that ask too much keep nobody else waiting. The addresses share LIMITS_SOURCES buckets by a
 *          secret hash: no flood of addresses takes memory
 * Told     what may happen as often as somebody likes is counted each time and told once a minute, with how often it
 *          was
 * Memory   the caller's; zeroed buckets are empty
 * Threads  pure; any one
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { LIMITS_BURST_S = 30, LIMITS_SOURCES = 4096, LIMITS_RESERVE = 4, LIMITS_RESERVE_S = 10 };

struct limits_config { /* 0: as limits_default() has it */
    int64_t connections;
    int64_t strangers;            /* connections without a session, in all... */
    int64_t strangers_of_address; /* ...and of one address */
    int64_t handshakes;           /* a second, that came to nothing, in all... */
    int64_t handshakes_of_address;
    int64_t pending_bytes; /* unfinished messages and unread answers of all connections */
    int64_t messages;      /* of a host, a second... */
    int64_t bytes;         /* ...and of their envelopes */
    int64_t series;        /* of a host at a time */
    int64_t label_bytes;   /* the instance of a series */
    int64_t hosts;         /* of a tenant that are not retired */
    int64_t skew_us;       /* a host's wall clock off ours by more is told; nothing is refused for it */
};

/* 20,000; 4,096, 1,024; 1,000, 100; 256 MiB; 50, 1 MiB; 1,024; 255; 20,000; 60 s. */
struct limits_config limits_default(void);
/* What was left at 0 is as by default. */
struct limits_config limits_of(const struct limits_config *config);

enum limit {
    OVER_CONNECTIONS, /* or memory, descriptors, pending bytes: whatever made the link turn somebody away */
    OVER_STRANGERS,
    OVER_HANDSHAKES,
    OVER_MESSAGES,
    OVER_BYTES,
    OVER_SERIES,
    OVER_LABELS,
    OVER_HOSTS,
    OVER_SKEW,
    OVER_COUNT
};
/* "connections"...: as shown and logged. */
const char *limit_name(enum limit limit);

struct bucket {
    double taken; /* as of `at_us` */
    int64_t at_us;
};

/* Takes `n` from a bucket of `burst` that gets `rate` a second back. 0: there was as much; else how long it takes, in
 * us, until as much is there again; it is taken all the same, up to twice the burst. */
int64_t bucket_take(struct bucket *bucket, double n, double rate, double burst, int64_t now_us);

struct damper { /* how often something was, and of that when it was last told; zeroed: never */
    uint64_t n, told;
    int64_t told_us;
};

/* Counts `n` times more. How often it was since it was last told, which is now; or 0: that was within the last minute.
 */
uint64_t damper_count(struct damper *damper, uint64_t n, int64_t now_us);

struct host_meter { /* of one host */
    struct bucket messages, bytes;
};

struct limits {
    struct limits_config config; /* none of it 0 */
    uint64_t seed;               /* a secret */
    struct bucket handshakes;
    struct source_meter { /* of an address, or of several */
        struct bucket handshakes, reserve;
    } sources[LIMITS_SOURCES];
    struct damper over[OVER_COUNT];
};

void limits_init(struct limits *limits, const struct limits_config *config, uint64_t seed);

/* False: `source` has had too many, or all strangers together have and it has nothing left of its reserve. */
bool limits_take_handshake(struct limits *limits, uint64_t source, int64_t now_us);
/* One of them led to a session. */
void limits_give_back_handshake(struct limits *limits, uint64_t source);

/* 0: it may be taken. Else how long to wait, in us, and which limit says so. */
int64_t limits_take_message(struct limits *limits, struct host_meter *meter, uint64_t bytes, int64_t now_us,
                            enum limit *ret_limit);
/* So long a wait is only had by not waiting. */
bool limits_is_deaf(int64_t wait_us);

/* Counts `n` times over: as damper_count(). */
uint64_t limits_over(struct limits *limits, enum limit limit, uint64_t n, int64_t now_us);
