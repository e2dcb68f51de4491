/* proto/codec/message.h - what agent and collector say to each other, as the rest of the program sees it.
 *
 * Shape    a tick is one reading of all series of a host; its identity is (host, run, n). A batch is 1..n consecutive
 *          ticks of one run under one series table, column by column. It may be cut, merged and sent in any order.
 * Units    microseconds; mono is the agent's monotonic clock, wall its wall clock, which nothing depends on
 * Values   a column holds whole multiples of 10^exponent of its series, or plain doubles where those do not fit
 * Owner    everything a decoded message points to lives in the arena it was decoded into
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RUN_BYTES = 16,
    TABLE_HASH_BYTES = 16,
    MESSAGE_MAX = 65535, /* one Noise message, design: sealed messages are no longer */
    BATCH_MAX = 60 << 10,
    SERIES_MAX = 1024,          /* columns of a table */
    TICKS_MAX = 3600,           /* of a batch */
    BATCH_VALUES_MAX = 1 << 16, /* columns times ticks of a batch, absent ones too */
    SERIES_KEY_MAX = 96,
    SERIES_UNIT_MAX = 24,
    SERIES_EXPONENT_MAX = 12,
    INSTANCE_MAX = 255,
    TEXT_MAX = 255, /* any other text in a message */
    TOKEN_BYTES = 32,
    TOKEN_HASH_BYTES = 32,
};

/* Times of a decoded message are within +-this (9,000 years), so that they can be added: monotonic ones and durations
 * from 0, anything else is refused; a wall time beyond is brought back to it, for it must never get a tick refused. */
#define TIME_US_MAX (INT64_C(1) << 58)

struct bytes { /* borrowed */
    const uint8_t *at;
    size_t len;
};

struct run_id { /* 128 random bits drawn at each agent start */
    uint8_t bytes[RUN_BYTES];
};

struct table_hash { /* BLAKE2b-128 of the encoded table */
    uint8_t bytes[TABLE_HASH_BYTES];
};

struct series {
    const char *metric;   /* catalogue key, 1..SERIES_KEY_MAX bytes; may be one this program does not know */
    const char *instance; /* "" where a metric has one series a host; UTF-8, 0..INSTANCE_MAX bytes */
    const char *unit;     /* 1..SERIES_UNIT_MAX bytes */
    int exponent;         /* within +-SERIES_EXPONENT_MAX */
};

struct series_table {
    struct table_hash hash;
    uint32_t n; /* 1..SERIES_MAX */
    const struct series *at;
};

#define FIXED_ABSENT INT64_MIN /* no value at this tick; among doubles it is NaN (and inf when encoded) */

struct column {
    bool real; /* which of the two it is */
    union {
        const int64_t *fixed; /* n_ticks of them */
        const double *values;
    };
};

struct batch {
    struct run_id run;
    uint64_t first; /* n of the first tick, from 1; that of the last is at most INT64_MAX */
    uint32_t n_ticks;
    uint32_t n_columns;
    struct table_hash table;
    const int64_t *mono_us; /* n_ticks, strictly rising */
    const int64_t *wall_us; /* n_ticks, in any order */
    const struct column *columns;
};

/* Ticks first..first+n-1 of a batch that has them, as a batch of its own: its columns lie in `arena` and point into
 * those of the whole. -ENOMEM. */
struct arena;
int batch_cut(const struct batch *batch, uint64_t first, uint32_t n, struct arena *arena, struct batch *ret);

/* The value of a column at a tick in the unit of its series; NaN: absent. */
double batch_value(const struct batch *batch, const struct series_table *table, uint32_t column, uint32_t tick);

/* ---- agent to collector ---- */

struct hello {     /* opens a session: the payload of the handshake's first message */
    uint64_t host; /* 0: not known yet */
    struct run_id run;
    int64_t mono_us; /* the agent's clocks when it was sent */
    int64_t wall_us;
    const char *version; /* of the agent */
    const char *hostname;
    const char *system; /* "Linux 6.1.0-18-amd64 x86_64" */
    struct bytes token; /* of an invitation, TOKEN_BYTES: to be enrolled; or none */
};

enum drop_cause {                  /* why ticks will never come */
                  DROP_OTHER,      /* also a cause this program does not know */
                  DROP_OVERFLOW,   /* the agent's spool was full: the oldest gave way */
                  DROP_EXPIRED,    /* older than the agent keeps them */
                  DROP_UNREADABLE, /* the agent's disk did not give them back */
                  DROP_REFUSED,    /* the collector would not have them */
                  DROP_COUNT
};

struct dropped {
    struct run_id run;
    uint64_t first, last; /* 1 <= first <= last <= INT64_MAX */
    enum drop_cause cause;
};

enum { DROPPED_MAX = 32 }; /* of a report */

struct report {
    struct batch batch;       /* of the session's run, or of an earlier one of this host */
    struct bytes batch_bytes; /* the batch as it was encoded: what the store keeps */
    uint64_t highest;         /* the largest n of the batch's run so far, 1..INT64_MAX: no batch may go above it */
    uint64_t policy_revision; /* in force at the agent */
    int64_t interval_us;      /* likewise: the tick interval it samples at */
    int64_t sent_us;          /* of the exchange before this one, agent's mono: request sent... */
    int64_t answered_us;      /* ...and its answer received; both 0: none yet */
    bool same_boot;           /* the batch is of an earlier run, and its monotonic clock is the session's own */
    uint32_t n_dropped;       /* declared with each report until one of them is answered `stored` */
    const struct dropped *dropped;
    bool has_table; /* carried until a batch with it is acked; decoded: it is the batch's own */
    struct series_table table;
    struct bytes table_bytes;
};

enum request_kind { REQUEST_HELLO, REQUEST_REPORT };

struct request {
    enum request_kind kind;
    union {
        struct hello hello;
        struct report report;
    };
};

/* ---- collector to agent ---- */

enum { EXERCISE_NONE, EXERCISE_HEARTBEAT, EXERCISE_REHEARSAL, EXERCISE_MAX = 255 /* of later versions */ };

struct policy {
    uint64_t revision;   /* 0: none sent */
    int64_t interval_us; /* from 1 when there is one */
    unsigned exercise;   /* of the way to people: what the agent says in a series of its own; up to EXERCISE_MAX */
};

enum answer_kind {
    ANSWER_WELCOME, /* the session counts from here on */
    ANSWER_STORED,  /* first..last is on disk */
    ANSWER_REFUSED, /* the batch will never be taken as it is; reason and text say why */
    ANSWER_BUSY,    /* come again after retry_us */
    ANSWER_NO_TABLE /* send it again with its series table */
};

enum refusal {
    REFUSAL_NONE, /* also a reason this program does not know: the text says it */
    REFUSAL_UNKNOWN_HOST,
    REFUSAL_MALFORMED,
    REFUSAL_TOO_LARGE,
    REFUSAL_OVERLAP,       /* part of it is stored: first..last says which; cut and send the rest */
    REFUSAL_ABOVE_HIGHEST, /* numbered above its run's declared highest */
    REFUSAL_LIMIT,
    REFUSAL_REVOKED, /* the key is not heard any more */
    REFUSAL_TOKEN,   /* unknown, used up, or expired */
    REFUSAL_COUNT
};

struct answer {
    enum answer_kind kind;
    int64_t received_us; /* collector's wall clock when the request came in... */
    int64_t sent_us;     /* ...and when this went out */
    uint64_t first;      /* STORED, REFUSED for overlap: the stored interval that holds or meets the batch */
    uint64_t last;
    enum refusal refusal;
    const char *text; /* REFUSED: one line a person can act on; else "" */
    int64_t retry_us; /* BUSY */
    uint64_t host;    /* WELCOME: who the agent is here; 0, NULL: not said */
    const char *name;
    const char *tenant;
    struct policy policy; /* WELCOME always, the others when the agent's revision is not the one in force */
};

/* "unknown-host", "overlap"...: stable, for logs and counters. */
const char *refusal_name(enum refusal refusal);
/* "overflow", "expired"...: stable, for logs, rows and what people read. */
const char *drop_cause_name(enum drop_cause cause);

/* ---- what carries them ---- */

enum envelope_kind {
    ENVELOPE_HANDSHAKE,  /* opens a session: a handshake message of proto/link/channel.h around a hello or its answer */
    ENVELOPE_SEALED,     /* within a session: counter and box, a request or an answer sealed by the channel */
    ENVELOPE_NO_SESSION, /* answer: this connection has none, shake hands again */
    ENVELOPE_LEAVE       /* answer: go away for retry_us */
};

struct envelope {
    enum envelope_kind kind;
    uint64_t counter;   /* SEALED: counts up by one in each direction of a session, from 0 */
    struct bytes inner; /* HANDSHAKE, SEALED */
    int64_t retry_us;   /* LEAVE */
};

/* ---- what sets an agent up ---- */

enum { INVITE_ADDRESSES_MAX = 4, INVITE_KEY_BYTES = 32, INVITE_TEXT_MAX = 2048 };

struct invite {
    const char *addresses[INVITE_ADDRESSES_MAX]; /* "HOST:PORT", 1..TEXT_MAX bytes: where the collector is reached */
    size_t n_addresses;                          /* from 1 */
    uint8_t collector[INVITE_KEY_BYTES];         /* its public key */
    uint8_t token[TOKEN_BYTES];                  /* a secret */
    int64_t expires_us;
};
