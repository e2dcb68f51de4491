/* tests/bench/member.h - one simulated agent of a swarm.
 *
 * Shape    connects, joins by its tenant's invitation under a key of its own, sends one report with the table: then it
 *          is *joined*. From then on each member_due() is a tick; ticks go one a batch, live ones first, each when the
 *          answer before it is here
 * Returns  a crew that `returns` does what agents do when their line goes: dial again, after a random wait below a
 *          bound that doubles from 200 ms to a quarter of the time it was away, 1 s to 30 s. What fell due meanwhile
 *          is backlog: sent behind the live ticks, oldest first, in full messages, one each `backlog_ns` at most. In a
 *          crew that does not, a member whose line went has *failed*; the first few say why on stderr
 * Memory   what is unacknowledged is not kept but made anew: a host's values follow from its seed
 * Words    stored, busy and refused are answers; a busy batch is sent again with the next tick
 * Threads  the loop's
 */
#pragma once
#include <uv.h>

#include "tests/bench/latency.h"
#include "tests/bench/line.h"
#include "tests/bench/sample.h"

struct tally {
    uint64_t sent, stored, busy, refused, failed; /* batches; failed: members */
    uint64_t late;                                /* ticks stored from the backlog */
    struct latency from_sent;                     /* live: request sent -> stored */
    struct latency from_due; /* live: tick due -> stored: also what it waited for the one before it */
};

struct crew { /* what the members of a swarm share */
    struct line_home home;
    const struct sample_shape *shape;
    int64_t period_ns;  /* between the ticks of one member */
    int64_t backlog_ns; /* between its messages of backlog */
    bool returns;
    uint32_t crosses; /* the series that is beyond its threshold... */
    int64_t crossed;  /* ...at this value; 0: it is not */
    struct tally tally;
    unsigned joined;  /* for the first time */
    unsigned present; /* joined, and not away */
    unsigned behind;  /* with backlog */
    void (*on_joined)(struct crew *crew);
    struct column columns[SERIES_MAX];
    int64_t cells[BATCH_VALUES_MAX], mono_us[TICKS_MAX], wall_us[TICKS_MAX];
    uint8_t batch[BATCH_MAX];
};

struct walker { /* a host's values at tick `n` */
    uint64_t n, seed;
    int64_t *values; /* owned */
};

enum { GAPS_MAX = 16 };

struct gap { /* ticks first..last are not stored, later ones are or will be first */
    uint64_t first, last;
};

enum member_phase { MEMBER_IDLE, MEMBER_JOINING, MEMBER_JOINED, MEMBER_AWAY, MEMBER_GONE };

struct member {
    struct crew *crew;
    struct line line;
    uv_timer_t redial;
    enum member_phase phase;
    const struct invite *invite;
    unsigned number;
    struct key_pair key;
    struct public_key collector;
    uint64_t host; /* 0: not joined yet */
    struct run_id run;
    struct policy policy;
    uint64_t n;                   /* ticks due so far, the first one, sent on joining, too */
    int64_t first_us, due_ns;     /* mono of tick 1; when tick 2 was due */
    int64_t ahead_us;             /* of its wall clock before its monotonic one */
    bool with_table;              /* until a batch of this session is stored */
    bool welcomed;                /* this session: it may report */
    int64_t retry_ns, backlog_ns; /* not before: any batch, a batch of backlog */
    struct walker head, tail;     /* at the live tick sent last; before the oldest gap */
    uint64_t live;                /* the first tick that is neither stored nor of a gap */
    struct gap gaps[GAPS_MAX];    /* oldest first */
    unsigned n_gaps;
    struct gap hand; /* what the batch in hand holds */
    bool hand_is_late;
    uint32_t most;     /* ticks of the next batch of backlog */
    int64_t redial_ms; /* bound of the next wait */
    int64_t gone_ns;   /* since when it is away */
};

/* `member` is zeros; it must stay where it is. The invitation is borrowed. */
void member_start(struct member *member, struct crew *crew, const struct invite *invite, unsigned number);
void member_due(struct member *member, int64_t due_ns);
/* Whether everything that fell due is stored. */
bool member_is_done(const struct member *member);
/* The loop must run until its handles are closed. */
void member_stop(struct member *member);
void member_free(struct member *member);
/* The handlers of crew->home. */
void member_handlers(struct line_home *home);
