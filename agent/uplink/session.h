/* agent/uplink/session.h - when to say what to the collector: the state machine of the uplink, without I/O.
 *
 * Shape    down -> greeting (hello, welcome) -> reporting (reports, answers); one request is in flight at a time.
 *          session_next() says what to do now, the caller does it and tells session_asked(); what comes back goes
 *          through session_envelope(), is opened (secure.h), and goes through session_answer()
 * Trust    only an answer that opened moves anything; a clear one (no-session, leave) and one of somebody else can only
 *          cause a new handshake, with back-off
 * Age      a session of SESSION_AGE_US at most, a random half of it less, gives way to a new one, without back-off; so
 *          does one without counters left
 * Silence  no answer in UPLINK_ANSWER_US: the request is made again; after SESSION_MISSES of those in a row the
 *          connection is dialled anew
 * Pace     live ticks go as soon as nothing is in flight, the backlog one parcel a SESSION_BACKLOG_US
 * Time     monotonic microseconds, handed in
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "proto/codec/message.h"

enum {
    SESSION_MISSES = 3,
    SESSION_BACKLOG_US = 1000000,
    SESSION_BACK_OFF_LEAST_US = 200000,
    SESSION_BACK_OFF_MOST_US = 30000000,
    SESSION_WAIT_MOST_US = 300000000, /* of what a collector may ask us to wait */
};

#define SESSION_NEVER  INT64_MAX
#define SESSION_AGE_US (INT64_C(3600) * 1000000)

enum session_state { SESSION_DOWN, SESSION_GREETING, SESSION_REPORTING };

enum session_step {
    SESSION_WAIT,    /* until *ret_wake_us or the next event */
    SESSION_HELLO,   /* ask for a session */
    SESSION_LIVE,    /* report live ticks */
    SESSION_BACKLOG, /* report the oldest ticks */
    SESSION_AGAIN,   /* report once more what was reported last */
    SESSION_REDIAL   /* the connection is of no use */
};

enum session_news {
    SESSION_IGNORED, /* not for us, or no longer */
    SESSION_ANSWER,  /* open and decode the inner bytes and hand them to session_answer() */
    SESSION_OPENED,
    SESSION_RENEWED, /* the same, in place of one that had grown old */
    SESSION_LOST,    /* shake hands again, by and by */
    SESSION_TURNED,  /* the hello was refused: the answer says why; asked again later */
    SESSION_ANSWERED /* the report was: the answer says how */
};

struct session {
    enum session_state state;
    bool in_flight;
    int64_t asked_us;      /* the request in flight */
    int64_t not_before_us; /* back-off, or the collector is busy */
    int64_t backlog_us;    /* the next backlog parcel not before */
    unsigned misses;       /* requests in a row without an answer */
    int64_t back_off_us;   /* of the next lost session */
    bool renewing;         /* greeting because the session grew old */
    int64_t renew_us;      /* when it will have */
    int64_t sent_us;       /* the last finished exchange, 0: none, or it was not the one before */
    int64_t answered_us;
    uint64_t random;
};

/* `seed` scatters the back-offs of many hosts. */
void session_init(struct session *session, uint64_t seed);

void session_up(struct session *session, int64_t now_us);
/* A hello that was answered by hanging up is said again with back-off only. */
void session_down(struct session *session, int64_t now_us);

/* The session is to be replaced, now; a request in flight is forgotten. Only when it is reporting. */
void session_renew(struct session *session);

/* The hello was answered by somebody else: said again, with back-off. */
void session_stranger(struct session *session, int64_t now_us);

/* What to do now. On SESSION_WAIT *ret_wake_us is when to ask next, SESSION_NEVER: when something happens.
 * SESSION_REDIAL has already made it down. */
enum session_step session_next(struct session *session, int64_t now_us, bool live, bool backlog, bool hurry,
                               int64_t *ret_wake_us);

/* Holds the backlog back for a random part of `most_us`, so that the hosts of a collector that was away do not bring
 * theirs all at once. */
void session_scatter_backlog(struct session *session, int64_t now_us, int64_t most_us);

/* The step is about to be done. Call before encoding it. */
void session_asked(struct session *session, enum session_step step, int64_t now_us);

enum session_news session_envelope(struct session *session, const struct envelope *envelope, int64_t now_us);

/* `had_table`: whether the report it answers carried its table. */
enum session_news session_answer(struct session *session, const struct answer *answer, bool had_table, int64_t now_us);
