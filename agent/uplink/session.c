/* Three states and one deadline. Everything else is about not hammering: a lost session waits 200 ms, doubling to 30 s,
 * until something is stored; half of each wait is random, so that ten thousand agents that lost the same collector do
 * not come back as one. */
#include "agent/uplink/session.h"

#include <assert.h>

#include "agent/uplink/uplink.h"

void session_init(struct session *session, uint64_t seed)
{
    *session = (struct session){ .back_off_us = SESSION_BACK_OFF_LEAST_US, .random = seed ? seed : 1 };
}

/* 0..us. xorshift64: scatter, not secrecy. */
static int64_t draw(struct session *session, int64_t us)
{
    session->random ^= session->random << 13;
    session->random ^= session->random >> 7;
    session->random ^= session->random << 17;
    return (int64_t)(session->random % (uint64_t)(us + 1));
}

static int64_t scattered(struct session *session, int64_t us)
{
    return us / 2 + draw(session, us / 2);
}

static int64_t back_off(struct session *session)
{
    int64_t wait_us = scattered(session, session->back_off_us);
    session->back_off_us *= 2;
    if (session->back_off_us > SESSION_BACK_OFF_MOST_US)
        session->back_off_us = SESSION_BACK_OFF_MOST_US;
    return wait_us;
}

static void forget_request(struct session *session)
{
    session->in_flight = false;
    session->sent_us = session->answered_us = 0;
}

void session_up(struct session *session, int64_t now_us)
{
    forget_request(session);
    session->state = SESSION_GREETING;
    session->renewing = false;
    session->misses = 0;
    /* A wait that was asked for outlives the connection: reconnecting is no way round it. */
    if (session->not_before_us < now_us)
        session->not_before_us = now_us;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

void session_down(struct session *session, int64_t now_us)
{
    if (session->state == SESSION_GREETING && session->in_flight)
        session->not_before_us = later(session->not_before_us, now_us + back_off(session));
    forget_request(session);
    session->state = SESSION_DOWN;
}

void session_renew(struct session *session)
{
    assert(session->state == SESSION_REPORTING);
    forget_request(session);
    session->state = SESSION_GREETING;
    session->renewing = true;
    session->misses = 0;
}

static enum session_step wait_for_answer(struct session *session, int64_t now_us, int64_t *ret_wake_us)
{
    int64_t deadline_us = session->asked_us + UPLINK_ANSWER_US;
    if (now_us < deadline_us) {
        *ret_wake_us = deadline_us;
        return SESSION_WAIT;
    }
    if (++session->misses < SESSION_MISSES)
        return session->state == SESSION_GREETING ? SESSION_HELLO : SESSION_AGAIN;
    session_down(session, now_us);
    return SESSION_REDIAL;
}

enum session_step session_next(struct session *session, int64_t now_us, bool live, bool backlog, bool hurry,
                               int64_t *ret_wake_us)
{
    *ret_wake_us = SESSION_NEVER;
    if (session->state == SESSION_DOWN)
        return SESSION_WAIT;
    if (session->in_flight)
        return wait_for_answer(session, now_us, ret_wake_us);
    bool greeting = session->state == SESSION_GREETING;
    if (!greeting && !live && !backlog)
        return SESSION_WAIT;
    int64_t from_us = session->not_before_us;
    if (!greeting && !live && !hurry)
        from_us = later(from_us, session->backlog_us);
    if (now_us < from_us) {
        *ret_wake_us = from_us;
        return SESSION_WAIT;
    }
    if (!greeting && now_us >= session->renew_us) {
        session_renew(session);
        greeting = true;
    }
    if (greeting)
        return SESSION_HELLO;
    return live ? SESSION_LIVE : SESSION_BACKLOG;
}

void session_scatter_backlog(struct session *session, int64_t now_us, int64_t most_us)
{
    session->backlog_us = now_us + draw(session, most_us);
}

void session_asked(struct session *session, enum session_step step, int64_t now_us)
{
    assert(session->state != SESSION_DOWN && step != SESSION_WAIT && step != SESSION_REDIAL);
    if (session->in_flight) /* the collector's stamps of an answer we missed must not be paired with older ones */
        session->sent_us = session->answered_us = 0;
    session->in_flight = true;
    session->asked_us = now_us;
    if (step == SESSION_BACKLOG)
        session->backlog_us = now_us + SESSION_BACKLOG_US;
}

static enum session_news lose(struct session *session, int64_t now_us, int64_t wait_us)
{
    bool reporting = session->state == SESSION_REPORTING;
    forget_request(session);
    session->state = SESSION_GREETING;
    session->renewing = false;
    session->misses = 0;
    session->not_before_us = later(session->not_before_us, now_us + wait_us);
    return reporting ? SESSION_LOST : SESSION_IGNORED;
}

static int64_t bounded_wait(int64_t us)
{
    if (us < SESSION_BACK_OFF_LEAST_US / 10)
        return SESSION_BACK_OFF_LEAST_US / 10;
    return us < SESSION_WAIT_MOST_US ? us : SESSION_WAIT_MOST_US;
}

void session_stranger(struct session *session, int64_t now_us)
{
    lose(session, now_us, back_off(session));
}

enum session_news session_envelope(struct session *session, const struct envelope *envelope, int64_t now_us)
{
    if (session->state == SESSION_DOWN || !session->in_flight)
        return SESSION_IGNORED;
    switch (envelope->kind) {
    case ENVELOPE_HANDSHAKE:
        return session->state == SESSION_GREETING ? SESSION_ANSWER : SESSION_IGNORED;
    case ENVELOPE_SEALED:
        return session->state == SESSION_REPORTING ? SESSION_ANSWER : SESSION_IGNORED;
    case ENVELOPE_NO_SESSION:
        return lose(session, now_us, back_off(session));
    case ENVELOPE_LEAVE:
        return lose(session, now_us, later(bounded_wait(envelope->retry_us), back_off(session)));
    }
    return SESSION_IGNORED;
}

static void finish_exchange(struct session *session, int64_t now_us)
{
    session->in_flight = false;
    session->misses = 0;
    session->sent_us = session->asked_us;
    session->answered_us = now_us;
}

static enum session_news greeted(struct session *session, const struct answer *answer, int64_t now_us)
{
    if (answer->kind == ANSWER_WELCOME) {
        bool renewed = session->renewing;
        finish_exchange(session, now_us);
        session->state = SESSION_REPORTING;
        session->renewing = false;
        session->renew_us = now_us + scattered(session, SESSION_AGE_US);
        if (!renewed)
            session->backlog_us = now_us;
        return renewed ? SESSION_RENEWED : SESSION_OPENED;
    }
    int64_t wait_us = back_off(session);
    if (answer->kind == ANSWER_BUSY)
        wait_us = later(wait_us, bounded_wait(answer->retry_us));
    lose(session, now_us, wait_us);
    return SESSION_TURNED;
}

enum session_news session_answer(struct session *session, const struct answer *answer, bool had_table, int64_t now_us)
{
    assert(session->in_flight);
    if (session->state == SESSION_GREETING)
        return greeted(session, answer, now_us);
    switch (answer->kind) {
    case ANSWER_WELCOME: /* not an answer to a report */
        return SESSION_IGNORED;
    case ANSWER_STORED:
        session->back_off_us = SESSION_BACK_OFF_LEAST_US;
        break;
    case ANSWER_REFUSED:
        /* may be enrolled again: the ticks are kept for then */
        if (answer->refusal == REFUSAL_UNKNOWN_HOST || answer->refusal == REFUSAL_REVOKED)
            return lose(session, now_us, back_off(session));
        break;
    case ANSWER_BUSY:
        session->not_before_us = now_us + bounded_wait(answer->retry_us);
        break;
    case ANSWER_NO_TABLE:
        if (had_table) /* it just got it: something is wrong there, and asking at once would spin */
            session->not_before_us = now_us + back_off(session);
        break;
    }
    finish_exchange(session, now_us);
    return SESSION_ANSWERED;
}
