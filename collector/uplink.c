/* Connections and what goes over them: the collector's side of the link (docs/protocol.md). Handshakes are enrol.c's,
 * what a session's reports bring is report.c's.
 *
 * A connection is a stranger's until its handshake was welcomed, then a guest's until its first sealed message opens:
 * that one begins the session, for a recorded handshake could be played by anybody. What the connection had before goes
 * on until then. A session counts for its host from its first report on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"
#include "proto/codec/codec.h"
#include "utlist.h"

/* ---- out ---- */

void uplink_no_session(struct session *session, uint32_t ticket)
{
    uint8_t outer[64];
    size_t len;
    struct envelope envelope = { .kind = ENVELOPE_NO_SESSION };
    if (codec_encode_envelope(&envelope, outer, sizeof outer, &len, NULL) == 0)
        link_peer_answer(session->peer, ticket, outer, len);
}

void uplink_answer(struct session *session, uint32_t ticket, struct answer *answer, int64_t received_us)
{
    uint8_t inner[1024 + CHANNEL_TAG_BYTES];
    uint8_t outer[1100 + CHANNEL_TAG_BYTES];
    struct envelope envelope = { .kind = ENVELOPE_SEALED, .inner.at = inner };
    size_t len = 0;
    answer->received_us = received_us;
    answer->sent_us = now_us(session->collector);
    if (!answer->text)
        answer->text = "";
    int rc = codec_encode_answer(answer, inner, sizeof inner - CHANNEL_TAG_BYTES, &len, NULL);
    if (rc == 0)
        rc = channel_seal(&session->channels[session->current], inner, len, inner, sizeof inner, &envelope.inner.len,
                          &envelope.counter, NULL);
    if (rc == CHANNEL_OVER) {
        uplink_no_session(session, ticket);
        return;
    }
    if (rc == 0)
        rc = codec_encode_envelope(&envelope, outer, sizeof outer, &len, NULL);
    if (rc < 0) { /* out of memory: a request must not stay without an end */
        link_peer_close(session->peer);
        return;
    }
    session->exchange = (struct exchange){ .received_us = received_us, .answered_us = answer->sent_us };
    link_peer_answer(session->peer, ticket, outer, len);
}

void uplink_refuse(struct session *session, uint32_t ticket, enum refusal refusal, struct answer *answer,
                   int64_t received_us)
{
    answer->kind = ANSWER_REFUSED;
    answer->refusal = refusal;
    uplink_tell_refusal(session, session->host, refusal, answer->text, 1);
    uplink_answer(session, ticket, answer, received_us);
}

/* ---- limits ---- */

enum {
    RENEWAL_BYTES = 16 << 10, /* a handshake's work, as bytes of messages */
    HONEST_ASKS = 4,          /* hello, or a report, asked once or twice more */
    SESSIONS_OF_HOST = INGEST_RUNS_MAX
};

/* Whoever has no session yet pays for handshakes: they are what costs us. A few sealed messages go with each, and with
 * none, for REQ sends again what it sent over the connection before. A host with a session pays for a further handshake
 * as for messages of its own: strangers can spend nothing of that. */
static bool may_ask(struct session *session, enum envelope_kind kind)
{
    struct collector *collector = session->collector;
    int64_t now = clock_mono_us(collector->clock);
    enum limit limit = OVER_HANDSHAKES;
    bool may = true;
    if (session->host && kind == ENVELOPE_HANDSHAKE) {
        may = limits_take_message(&collector->limits, &session->host->meter, RENEWAL_BYTES, now, &limit) == 0;
    } else if (!session->host && kind == ENVELOPE_HANDSHAKE) {
        session->charged++;
        session->asked = 0;
        may = limits_take_handshake(&collector->limits, link_peer_source(session->peer), now);
    } else if (!session->host) {
        may = ++session->asked <= HONEST_ASKS;
    }
    if (!may)
        uplink_over(collector, limit, 1, session);
    return may;
}

/* It is no stranger, and neither was it then: not for what an honest one asks before its first report. */
static void give_back(struct session *session)
{
    for (unsigned n = session->charged < HONEST_ASKS ? session->charged : HONEST_ASKS; n > 0; n--)
        limits_give_back_handshake(&session->collector->limits, link_peer_source(session->peer));
    session->charged = 0;
    session->asked = 0;
}

/* ---- where a connection stands ---- */

static void put_in(struct session *session, struct session **list)
{
    if (session->list)
        DL_DELETE(*session->list, session);
    session->list = list;
    session->since_us = clock_mono_us(session->collector->clock);
    if (list)
        DL_APPEND(*list, session);
}

void uplink_welcomed(struct session *session)
{
    if (session->list == &session->collector->strangers)
        put_in(session, &session->collector->guests);
}

/* The session is over; the connection may have another one. */
static void leave_host(struct session *session)
{
    struct host_state *host = session->host;
    channel_done(&session->channels[session->current]);
    if (!host)
        return;
    if (host->session == session)
        host->session = NULL;
    if (host->newest == session)
        host->newest = NULL;
    ingest_let_go(session->run);
    put_in(session, NULL);
    session->host = NULL;
    session->run = NULL;
}

void uplink_leave_host(struct session *session)
{
    leave_host(session);
    put_in(session, &session->collector->strangers);
}

/* No more is heard of it; its on_close comes later. */
static void hang_up(struct session *session)
{
    enrol_drop(session);
    leave_host(session);
    put_in(session, NULL);
    link_peer_close(session->peer);
}

void uplink_dismiss(struct session *session)
{
    if (!session->host)
        put_in(session, NULL);
    link_peer_close(session->peer);
}

void uplink_send_away(struct collector *collector, struct host_state *host)
{
    if (!host->sessions)
        return;
    while (host->sessions)
        hang_up(host->sessions);
    desk_host_changed(collector, host->id);
}

/* ---- sessions ---- */

static void start_clock(struct ingest_run *run, const struct opening *opening)
{
    if (run->anchored)
        return;
    anchor_start(&run->anchor, opening->mono_us, opening->exchange.received_us);
    run->anchored = true;
}

/* Nothing is refused for it: our own clock is what counts. But people read the host's logs by it. */
static void mind_skew(struct session *session)
{
    struct collector *collector = session->collector;
    struct host_state *host = session->host;
    int64_t now = clock_mono_us(collector->clock), most = collector->limits.config.skew_us;
    if (session->ahead_us <= most && session->ahead_us >= -most)
        return;
    limits_over(&collector->limits, OVER_SKEW, 1, now);
    if (host->skew_told_us != 0 && now - host->skew_told_us < SKEW_TOLD_US)
        return;
    host->skew_told_us = now;
    log_event(&collector->log, LOG_WARN, "host_clock_off", KV_TEXT("host", host->row->name),
              KV_REAL("seconds", (double)session->ahead_us / 1e6));
}

static void enter_host(struct session *session, const struct opening *opening, struct ingest_run *run)
{
    struct host_state *host = opening->host;
    leave_host(session);
    session->current = !session->current;
    session->number++;
    session->host = host;
    session->run = run;
    session->exchange = opening->exchange;
    session->learned_us = 0;
    session->ahead_us = opening->wall_us - opening->exchange.received_us;
    session->displaced_us = 0;
    session->told_unopened = false;
    put_in(session, &host->sessions);
    int n;
    struct session *one;
    DL_COUNT(host->sessions, one, n);
    if (n > SESSIONS_OF_HOST) /* the oldest gives way: an agent has one, and one more while its connection changes */
        hang_up(host->sessions);
    snprintf(host->version, sizeof host->version, "%s", opening->version);
    log_event(&session->collector->log, LOG_INFO, "session_opened", KV_TEXT("host", host->row->name),
              KV_TEXT("peer", link_peer_address(session->peer)), KV_TEXT("agent", opening->version),
              KV_TEXT("system", opening->system));
    mind_skew(session);
}

/* The first sealed message of a handshake has opened. -EPERM: its key was revoked or replaced meanwhile. -ENOSPC,
 * -ENOMEM: the run cannot be kept; nothing has changed. */
static int begin(struct session *session, struct err *err)
{
    const struct opening *opening = session->opening;
    struct collector *collector = session->collector;
    const struct host_key *key = keyring_key(collector->keyring, opening->key);
    if (!key || key->state != KEY_ACTIVE || key->host != opening->host->id)
        return err_set(err, -EPERM, "its key is heard no more");
    struct ingest_run *run;
    int rc = ingest_run(collector->ingest, opening->host->id, &opening->run, &run, err);
    if (rc < 0)
        return rc;
    ingest_hold(run);
    start_clock(run, opening);
    enter_host(session, opening, run);
    enrol_drop(session);
    link_peer_known(session->peer);
    return 0;
}

static bool is_too_old(const struct session *session)
{
    return session->host && clock_mono_us(session->collector->clock) - session->since_us > CHANNEL_LIFE_US;
}

/* CHANNEL_OLD, CHANNEL_OVER, -EBADMSG: as channel_open(); -EPERM, -ENOSPC, -ENOMEM: as begin(). */
static int open_box(struct session *session, const struct envelope *envelope, uint8_t *plain, size_t *ret_len,
                    struct err *err)
{
    const struct bytes *box = &envelope->inner;
    struct channel *current = &session->channels[session->current];
    struct channel *next = &session->channels[!session->current];
    if (is_too_old(session))
        uplink_leave_host(session);
    int rc = channel_open(current, envelope->counter, box->at, box->len, plain, box->len, ret_len, err);
    if (rc == 0 || !session->opening || !session->opening->answered)
        return rc;
    int next_rc = channel_open(next, envelope->counter, box->at, box->len, plain, box->len, ret_len, err);
    return next_rc == 0 ? begin(session, err) : next_rc < 0 ? next_rc : rc;
}

static void take_request(struct session *session, uint32_t ticket, const uint8_t *bytes, size_t len,
                         int64_t received_us)
{
    struct request request;
    struct err err;
    int rc = codec_decode_request(bytes, len, &session->collector->arena, &request, &err);
    if (rc == 0 && request.kind != REQUEST_REPORT)
        rc = err_set(&err, -EBADMSG, "a session carries reports");
    if (rc == 0) {
        report_take(session, ticket, &request.report, received_us);
        return;
    }
    struct answer answer = { .text = err.text };
    uplink_refuse(session, ticket, rc == -EMSGSIZE ? REFUSAL_TOO_LARGE : REFUSAL_MALFORMED, &answer, received_us);
}

/* A host over its limits is told how long to wait; one that does not listen is cut off. */
static void hold_off(struct session *session, uint32_t ticket, enum limit limit, int64_t wait_us, int64_t received_us)
{
    struct answer busy = { .kind = ANSWER_BUSY, .retry_us = wait_us };
    uplink_over(session->collector, limit, 1, session);
    if (limits_is_deaf(wait_us))
        hang_up(session);
    else
        uplink_answer(session, ticket, &busy, received_us);
}

/* 0: its host may send as much; else how long it is to wait. */
static int64_t charge(struct session *session, size_t sealed_len, enum limit *ret_limit)
{
    struct collector *collector = session->collector;
    return limits_take_message(&collector->limits, &session->host->meter, sealed_len, clock_mono_us(collector->clock),
                               ret_limit);
}

static void take_message(struct session *session, uint32_t ticket, const uint8_t *plain, size_t len, size_t sealed_len,
                         int64_t received_us)
{
    enum limit limit;
    int64_t wait_us = charge(session, sealed_len, &limit);
    if (wait_us > 0) {
        hold_off(session, ticket, limit, wait_us, received_us);
        return;
    }
    give_back(session);
    take_request(session, ticket, plain, len, received_us);
}

/* Why it did not open, or its session did not begin, is `rc`. It has cost us no less than one that does. */
static void pass_over(struct session *session, uint32_t ticket, int rc, size_t sealed_len, const struct err *err)
{
    enum limit limit;
    int64_t wait_us = session->host ? charge(session, sealed_len, &limit) : 0;
    /* REQ's own resend after a reconnect, or a counter gone astray: no attack, shake hands again. */
    if (rc == -EBADMSG)
        uplink_tell_unopened(session, err);
    else if (rc == -ENOSPC)
        uplink_tell_refusal(session, session->opening->host, REFUSAL_LIMIT, err->text, 1);
    if (wait_us > 0)
        uplink_over(session->collector, limit, 1, session);
    if (limits_is_deaf(wait_us))
        hang_up(session);
    else
        uplink_no_session(session, ticket);
}

static void on_sealed(struct session *session, uint32_t ticket, const struct envelope *envelope, int64_t received_us)
{
    struct err err;
    size_t len;
    uint8_t *plain = arena_alloc(&session->collector->arena, envelope->inner.len + 1, 1);
    int rc = plain ? open_box(session, envelope, plain, &len, &err) : -ENOMEM;
    if (rc == 0) {
        take_message(session, ticket, plain, len, envelope->inner.len, received_us);
    } else if (rc == -EPERM) {
        hang_up(session);
    } else {
        pass_over(session, ticket, rc, envelope->inner.len, &err);
    }
}

/* ---- connections ---- */

static void on_open(void *user, struct link_peer *peer)
{
    struct collector *collector = user;
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        link_peer_close(peer);
        return;
    }
    session->collector = collector;
    session->peer = peer;
    put_in(session, &collector->strangers);
    link_peer_set_user(peer, session);
}

static void on_close(void *user, struct link_peer *peer, enum link_close why)
{
    struct collector *collector = user;
    struct session *session = link_peer_user(peer);
    if (!session)
        return;
    struct waiting *waiting;
    DL_FOREACH(session->waiting, waiting)
    {
        waiting->session = NULL;
    }
    if (session->host)
        log_event(&collector->log, LOG_INFO, "session_closed", KV_TEXT("host", session->host->row->name),
                  KV_TEXT("reason", link_close_name(why)));
    enrol_drop(session);
    leave_host(session);
    put_in(session, NULL);
    free(session);
}

static void on_request(void *user, struct link_peer *peer, uint32_t ticket, const uint8_t *bytes, size_t len)
{
    struct collector *collector = user;
    struct session *session = link_peer_user(peer);
    struct envelope envelope;
    struct err err;
    if (!session)
        return;
    int64_t received_us = now_us(collector);
    arena_reset(&collector->arena);
    int rc = codec_decode_envelope(bytes, len, &envelope, &err);
    if (rc == 0 && !may_ask(session, envelope.kind)) {
        hang_up(session);
    } else if (rc == 0 && envelope.kind == ENVELOPE_HANDSHAKE) {
        enrol_take(session, ticket, envelope.inner, received_us);
    } else if (rc == 0 && envelope.kind == ENVELOPE_SEALED) {
        on_sealed(session, ticket, &envelope, received_us);
    } else {
        uplink_tell_strange(session, STRANGE_NOT_OURS, rc < 0 ? err.text : "an answer where a request belongs");
        collector->refused[REFUSAL_MALFORMED]++;
        uplink_dismiss(session);
    }
}

/* The oldest stand in front. */
static void close_idle(struct collector *collector, struct session **list, int64_t within_us, enum strange strange)
{
    int64_t now = clock_mono_us(collector->clock);
    while (*list && now - (*list)->since_us >= within_us) {
        uplink_tell_strange(*list, strange, "");
        hang_up(*list);
    }
}

/* Of each host the oldest stands in front, too. */
static void close_old(struct collector *collector)
{
    for (struct host_state *host = collector->hosts; host; host = host->by_id.next)
        while (host->sessions && is_too_old(host->sessions))
            hang_up(host->sessions);
}

void uplink_tick(struct collector *collector)
{
    close_old(collector);
    uplink_tell_turned_away(collector);
    close_idle(collector, &collector->strangers, HELLO_WITHIN_US, STRANGE_NO_HELLO);
    close_idle(collector, &collector->guests, REPORT_WITHIN_US, STRANGE_NO_REPORT);
}

struct link_server_handlers uplink_handlers(struct collector *collector)
{
    return (struct link_server_handlers){
        .on_open = on_open, .on_request = on_request, .on_close = on_close, .user = collector
    };
}
