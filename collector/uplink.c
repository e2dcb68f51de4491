/* Sessions: the collector's side of the link (docs/protocol.md). What a session's reports bring is report.c's.
 *
 * A connection has no session until its hello was welcomed; until the secure channel comes the hello is taken at
 * its word, which is why the collector listens on loopback only. A session counts for its host from its first
 * report on. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"
#include "proto/codec/codec.h"
#include "utlist.h"

void uplink_answer(struct session *session, uint32_t ticket, enum envelope_kind kind, struct answer *answer,
                   int64_t received_us)
{
    uint8_t inner[1024];
    uint8_t outer[1100];
    struct envelope envelope = { .kind = kind, .counter = session->counter_out };
    size_t len = 0;
    answer->received_us = received_us;
    answer->sent_us = now_us(session->collector);
    if (!answer->text)
        answer->text = "";
    int rc = codec_encode_answer(answer, inner, sizeof inner, &envelope.inner.len, NULL);
    envelope.inner.at = inner;
    if (rc == 0)
        rc = codec_encode_envelope(&envelope, outer, sizeof outer, &len, NULL);
    if (rc < 0) { /* out of memory: a request must not stay without an end */
        link_peer_close(session->peer);
        return;
    }
    if (kind == ENVELOPE_SEALED)
        session->counter_out++;
    session->exchange = (struct exchange){ .received_us = received_us, .answered_us = answer->sent_us };
    link_peer_answer(session->peer, ticket, outer, len);
}

static void send_no_session(struct session *session, uint32_t ticket)
{
    uint8_t outer[64];
    size_t len;
    struct envelope envelope = { .kind = ENVELOPE_NO_SESSION };
    if (codec_encode_envelope(&envelope, outer, sizeof outer, &len, NULL) == 0)
        link_peer_answer(session->peer, ticket, outer, len);
}

void uplink_refuse(struct session *session, uint32_t ticket, enum envelope_kind kind, enum refusal refusal,
                   struct answer *answer, int64_t received_us)
{
    struct collector *collector = session->collector;
    answer->kind = ANSWER_REFUSED;
    answer->refusal = refusal;
    collector->refused[refusal]++;
    log_event(&collector->log, LOG_WARN, "report_refused", KV_TEXT("peer", link_peer_address(session->peer)),
              KV_TEXT("host", session->host ? session->host->row->name : ""), KV_TEXT("reason", refusal_name(refusal)),
              KV_TEXT("error", answer->text));
    uplink_answer(session, ticket, kind, answer, received_us);
}

/* ---- hello ---- */

/* The session is no longer its host's: the connection went, or says hello anew. */
static void leave_host(struct session *session)
{
    if (session->host->session == session)
        session->host->session = NULL;
    ingest_let_go(session->run);
    session->host = NULL;
    session->run = NULL;
}

static void on_hello(struct session *session, uint32_t ticket, const struct hello *hello, int64_t received_us)
{
    struct collector *collector = session->collector;
    struct answer answer = { .kind = ANSWER_WELCOME };
    struct err err;
    struct host_state *host = scope_host(collector, hello->host);
    if (!host) {
        answer.text = "this host id is not enrolled here: warroom host enroll NAME --tenant TENANT gives one";
        uplink_refuse(session, ticket, ENVELOPE_HANDSHAKE, REFUSAL_UNKNOWN_HOST, &answer, received_us);
        return;
    }
    if (store_run_is_imported(&hello->run)) {
        answer.text = UPLINK_RUN_RESERVED;
        uplink_refuse(session, ticket, ENVELOPE_HANDSHAKE, REFUSAL_MALFORMED, &answer, received_us);
        return;
    }
    struct ingest_run *run;
    int rc = ingest_run(collector->ingest, hello->host, &hello->run, &run, &err);
    if (rc == -ENOMEM) {
        answer = (struct answer){ .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US };
        uplink_answer(session, ticket, ENVELOPE_HANDSHAKE, &answer, received_us);
        return;
    }
    if (rc < 0) {
        answer.text = err.text;
        uplink_refuse(session, ticket, ENVELOPE_HANDSHAKE, REFUSAL_LIMIT, &answer, received_us);
        return;
    }
    if (session->host)
        leave_host(session);
    else
        DL_DELETE(collector->strangers, session);
    ingest_hold(run);
    if (!run->anchored) {
        anchor_start(&run->anchor, hello->mono_us, received_us);
        run->anchored = true;
    }
    session->host = host;
    session->run = run;
    session->counter_in = 0;
    session->counter_out = 0;
    session->learned_us = 0;
    session->ahead_us = hello->wall_us - received_us;
    snprintf(host->version, sizeof host->version, "%s", hello->version);
    log_event(&collector->log, LOG_INFO, "session_opened", KV_TEXT("host", host->row->name),
              KV_TEXT("peer", link_peer_address(session->peer)), KV_TEXT("agent", hello->version),
              KV_TEXT("system", hello->system));
    answer.policy = host->policy;
    uplink_answer(session, ticket, ENVELOPE_HANDSHAKE, &answer, received_us);
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
    session->opened_us = clock_mono_us(collector->clock);
    DL_APPEND(collector->strangers, session);
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
    if (session->host) {
        log_event(&collector->log, LOG_INFO, "session_closed", KV_TEXT("host", session->host->row->name),
                  KV_TEXT("reason", link_close_name(why)));
        leave_host(session);
    } else {
        DL_DELETE(collector->strangers, session);
    }
    free(session);
}

static void on_malformed(struct session *session, uint32_t ticket, enum envelope_kind kind, const struct err *err,
                         int64_t received_us)
{
    struct answer answer = { .text = err->text };
    uplink_refuse(session, ticket, kind, err->code == -EMSGSIZE ? REFUSAL_TOO_LARGE : REFUSAL_MALFORMED, &answer,
                  received_us);
}

static void on_handshake(struct session *session, uint32_t ticket, struct bytes inner, int64_t received_us)
{
    struct request request;
    struct err err;
    int rc = codec_decode_request(inner.at, inner.len, &session->collector->arena, &request, &err);
    if (rc == 0 && request.kind != REQUEST_HELLO)
        rc = err_set(&err, -EBADMSG, "a handshake holds a hello");
    if (rc < 0)
        on_malformed(session, ticket, ENVELOPE_HANDSHAKE, &err, received_us);
    else
        on_hello(session, ticket, &request.hello, received_us);
}

static void on_sealed(struct session *session, uint32_t ticket, const struct envelope *envelope, int64_t received_us)
{
    struct request request;
    struct err err;
    /* REQ's own resend after a reconnect, or a counter gone astray: no attack, shake hands again. */
    if (!session->host || envelope->counter < session->counter_in) {
        send_no_session(session, ticket);
        return;
    }
    session->counter_in = envelope->counter + 1;
    int rc = codec_decode_request(envelope->inner.at, envelope->inner.len, &session->collector->arena, &request, &err);
    if (rc == 0 && request.kind != REQUEST_REPORT)
        rc = err_set(&err, -EBADMSG, "a session carries reports");
    if (rc < 0)
        on_malformed(session, ticket, ENVELOPE_SEALED, &err, received_us);
    else
        report_take(session, ticket, &request.report, received_us);
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
    if (rc == 0 && envelope.kind == ENVELOPE_HANDSHAKE) {
        on_handshake(session, ticket, envelope.inner, received_us);
    } else if (rc == 0 && envelope.kind == ENVELOPE_SEALED) {
        on_sealed(session, ticket, &envelope, received_us);
    } else {
        log_event(&collector->log, LOG_WARN, "peer_not_ours", KV_TEXT("peer", link_peer_address(peer)),
                  KV_TEXT("error", rc < 0 ? err.text : "an answer where a request belongs"));
        collector->refused[REFUSAL_MALFORMED]++;
        link_peer_close(peer);
    }
}

void uplink_tick(struct collector *collector)
{
    int64_t now = clock_mono_us(collector->clock);
    struct session *session, *next;
    DL_FOREACH_SAFE(collector->strangers, session, next)
    {
        if (now - session->opened_us < HELLO_WITHIN_US)
            return; /* so are all behind it */
        log_event(&collector->log, LOG_WARN, "session_never_said_hello",
                  KV_TEXT("peer", link_peer_address(session->peer)));
        session->opened_us = INT64_MAX; /* once: its on_close comes later */
        DL_DELETE(collector->strangers, session);
        DL_APPEND(collector->strangers, session);
        link_peer_close(session->peer);
    }
}

struct link_server_handlers uplink_handlers(struct collector *collector)
{
    return (struct link_server_handlers){
        .on_open = on_open, .on_request = on_request, .on_close = on_close, .user = collector
    };
}
