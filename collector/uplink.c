/* Sessions and reports: the collector's side of the link (docs/protocol.md).
 *
 * A connection has no session until its hello was welcomed; until the secure channel comes the hello is taken at
 * its word, which is why the collector listens on loopback only. A session counts for its host from its first
 * report on. A report is answered when its ticks are on disk: until then a struct waiting holds its ticket, and
 * outlives the connection if it has to. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"
#include "proto/codec/codec.h"
#include "utlist.h"

#define BUSY_RETRY_US INT64_C(1000000)

static void send_answer(struct session *session, uint32_t ticket, enum envelope_kind kind, struct answer *answer,
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

static void refuse(struct session *session, uint32_t ticket, enum envelope_kind kind, enum refusal refusal,
                   struct answer *answer, int64_t received_us)
{
    struct collector *collector = session->collector;
    answer->kind = ANSWER_REFUSED;
    answer->refusal = refusal;
    collector->refused[refusal]++;
    log_event(&collector->log, LOG_WARN, "report_refused", KV_TEXT("peer", link_peer_address(session->peer)),
              KV_TEXT("host", session->host ? session->host->row->name : ""), KV_TEXT("reason", refusal_name(refusal)),
              KV_TEXT("error", answer->text));
    send_answer(session, ticket, kind, answer, received_us);
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
        refuse(session, ticket, ENVELOPE_HANDSHAKE, REFUSAL_UNKNOWN_HOST, &answer, received_us);
        return;
    }
    struct ingest_run *run;
    int rc = ingest_run(collector->ingest, hello->host, &hello->run, &run, &err);
    if (rc == -ENOMEM) {
        answer = (struct answer){ .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US };
        send_answer(session, ticket, ENVELOPE_HANDSHAKE, &answer, received_us);
        return;
    }
    if (rc < 0) {
        answer.text = err.text;
        refuse(session, ticket, ENVELOPE_HANDSHAKE, REFUSAL_LIMIT, &answer, received_us);
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
    snprintf(host->version, sizeof host->version, "%s", hello->version);
    log_event(&collector->log, LOG_INFO, "session_opened", KV_TEXT("host", host->row->name),
              KV_TEXT("peer", link_peer_address(session->peer)), KV_TEXT("agent", hello->version),
              KV_TEXT("system", hello->system));
    answer.policy = host->policy;
    send_answer(session, ticket, ENVELOPE_HANDSHAKE, &answer, received_us);
}

/* ---- reports ---- */

static void learn_time(struct session *session, const struct report *report, int64_t received_us)
{
    struct collector *collector = session->collector;
    struct ingest_run *run = session->run;
    /* A report that is asked again repeats the stamps of an exchange we have answered past; it teaches nothing. */
    if (report->answered_us == 0 || report->sent_us == session->learned_us)
        return;
    session->learned_us = report->sent_us;
    struct exchange exchange = session->exchange;
    exchange.sent_us = report->sent_us;
    exchange.got_us = report->answered_us;
    int64_t step_us;
    anchor_learn(&run->anchor, &exchange, received_us, &step_us);
    if (step_us != 0)
        log_event(&collector->log, LOG_WARN, "clock_step", KV_TEXT("host", session->host->row->name),
                  KV_REAL("seconds", (double)step_us / 1e6));
}

static void keep_latest(struct host_state *host, const struct ingest_table *table, const struct batch *batch,
                        int64_t last_us, int64_t received_us)
{
    if (last_us < host->last_tick_us && host->last_tick_us <= received_us)
        return; /* a late batch; unless our own clock went back: then what we hold lies in the future */
    host->last_tick_us = last_us;
    uint32_t tick = batch->n_ticks - 1;
    if (table->cpu >= 0)
        host->cpu = batch_value(batch, &table->table, (uint32_t)table->cpu, tick);
    if (table->memory >= 0)
        host->memory = batch_value(batch, &table->table, (uint32_t)table->memory, tick);
}

/* A batch of some of its ticks; columns are views into the whole one's. */
static int cut(struct arena *arena, const struct batch *batch, struct span part, struct batch *ret)
{
    size_t from = (size_t)(part.first - batch->first);
    struct column *columns = arena_alloc(arena, batch->n_columns, sizeof *columns);
    if (!columns)
        return -ENOMEM;
    for (uint32_t i = 0; i < batch->n_columns; i++) {
        columns[i] = batch->columns[i];
        if (columns[i].real)
            columns[i].values += from;
        else
            columns[i].fixed += from;
    }
    *ret = *batch;
    ret->first = part.first;
    ret->n_ticks = (uint32_t)(part.last - part.first + 1);
    ret->mono_us += from;
    ret->wall_us += from;
    ret->columns = columns;
    return 0;
}

/* Each tick is judged once, whether or not the disk will take it. */
static int judge(struct collector *collector, struct host_state *host, struct ingest_run *run,
                 const struct ingest_table *table, const struct batch *batch, int64_t anchor_us, int64_t received_us)
{
    uint64_t last = batch->first + batch->n_ticks - 1;
    int64_t *at_us = arena_alloc(&collector->arena, batch->n_ticks, sizeof *at_us);
    if (!at_us)
        return -ENOMEM;
    for (uint32_t i = 0; i < batch->n_ticks; i++)
        at_us[i] = anchor_us + batch->mono_us[i];
    struct span part;
    for (uint64_t from = batch->first; ingest_unjudged(run, from, last, &part); from = part.last + 1) {
        struct batch piece = *batch;
        int rc = part.first == batch->first && part.last == last ? 0 : cut(&collector->arena, batch, part, &piece);
        if (rc == 0)
            rc = watch_judge(collector->watch, host->id, &table->table, &piece, at_us + (part.first - batch->first),
                             received_us, &collector->transitions);
        if (rc == -ENOBUFS && !host->too_many_alerts)
            log_event(&collector->log, LOG_ERROR, "alerts_not_watched", KV_TEXT("host", host->row->name),
                      KV_INT("most", ALERTS_PER_HOST_MAX));
        host->too_many_alerts = rc == -ENOBUFS;
        if (rc < 0 && rc != -ENOBUFS) /* all others were judged */
            return rc;
        if (part.last == last)
            break;
    }
    return 0;
}

static void save_anchor(struct collector *collector, const struct host_state *host, struct ingest_run *run,
                        int64_t last_us)
{
    if (last_us - run->anchor_saved_us < ANCHOR_SAVE_US && last_us >= run->anchor_saved_us)
        return;
    run->anchor_saved_us = last_us;
    store_put_anchor(collector->store, host->row->tenant,
                     &(struct store_anchor){ .host = run->host,
                                             .run = run->run,
                                             .anchor_us = run->anchor.anchor_us,
                                             .rtt_us = run->anchor.rtt_us,
                                             .stored_us = last_us });
}

static void waiting_done(void *user, int rc)
{
    struct waiting *waiting = user;
    struct collector *collector = waiting->collector;
    struct ingest_run *run = waiting->run;
    struct span stored;
    struct answer answer = { .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US };
    if (rc == 0)
        rc = ingest_stored(run, waiting->first, waiting->last, &stored);
    else if (waiting->owner)
        ingest_lost(run, waiting->first, waiting->last);
    if (rc == 0) {
        answer = (struct answer){ .kind = ANSWER_STORED, .first = stored.first, .last = stored.last };
        if (waiting->with_table)
            ingest_table_set_stored(collector->ingest, run->host, &waiting->table, true);
    }
    struct session *session = waiting->session;
    ingest_let_go(run);
    if (session) {
        if (waiting->host->policy.revision != waiting->policy_revision)
            answer.policy = waiting->host->policy;
        DL_DELETE(session->waiting, waiting);
        send_answer(session, waiting->ticket, ENVELOPE_SEALED, &answer, waiting->received_us);
    }
    free(waiting);
}

static int wait_for_disk(struct session *session, uint32_t ticket, const struct report *report, bool owner,
                         bool with_table, int64_t received_us)
{
    struct collector *collector = session->collector;
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (!waiting)
        return -ENOMEM;
    *waiting = (struct waiting){
        .collector = collector,
        .session = session,
        .ticket = ticket,
        .host = session->host,
        .run = session->run,
        .first = report->batch.first,
        .last = report->batch.first + report->batch.n_ticks - 1,
        .owner = owner,
        .with_table = with_table,
        .table = report->batch.table,
        .policy_revision = report->policy_revision,
        .received_us = received_us,
    };
    int rc = store_then(collector->store, STORE_TENANT, session->host->row->tenant, waiting_done, waiting);
    if (rc < 0) {
        free(waiting);
        return rc;
    }
    ingest_hold(session->run);
    DL_APPEND(session->waiting, waiting);
    return 0;
}

static int gather(struct session *session, const struct report *report, const struct ingest_table *table,
                  int64_t anchor_us, bool with_table, struct err *err)
{
    const struct batch *batch = &report->batch;
    return store_batch(session->collector->store,
                       &(struct store_batch){
                           .tenant = session->host->row->tenant,
                           .host = session->host->id,
                           .run = batch->run,
                           .first = batch->first,
                           .n_ticks = batch->n_ticks,
                           .anchor_us = anchor_us,
                           .first_us = anchor_us + batch->mono_us[0],
                           .last_us = anchor_us + batch->mono_us[batch->n_ticks - 1],
                           .table = batch->table,
                           .table_bytes = with_table ? table->encoded : (struct bytes){ NULL, 0 },
                           .batch_bytes = report->batch_bytes,
                       },
                       err);
}

/* Ticks must be storable before they are judged: nobody is paged for what there will be no record of. */
static const char *fault_of_times(const struct batch *batch, int64_t anchor_us)
{
    int64_t first_us = batch->mono_us[0];
    int64_t last_us = batch->mono_us[batch->n_ticks - 1];
    if (last_us - first_us > BATCH_SPAN_MAX_US)
        return "the ticks of this batch span more than a day";
    if (anchor_us + first_us < EPOCH_LEAST_US)
        return "the ticks of this batch lie decades back";
    return NULL;
}

static void take_new(struct session *session, uint32_t ticket, const struct report *report,
                     const struct ingest_table *table, struct answer *answer, int64_t received_us)
{
    struct collector *collector = session->collector;
    struct host_state *host = session->host;
    struct ingest_run *run = session->run;
    const struct batch *batch = &report->batch;
    uint64_t last = batch->first + batch->n_ticks - 1;
    int64_t anchor_us = anchor_for(&run->anchor, batch->mono_us[batch->n_ticks - 1], received_us);
    int64_t last_us = anchor_us + batch->mono_us[batch->n_ticks - 1];
    answer->text = fault_of_times(batch, anchor_us);
    if (answer->text) {
        refuse(session, ticket, ENVELOPE_SEALED, REFUSAL_MALFORMED, answer, received_us);
        return;
    }
    int rc = judge(collector, host, run, table, batch, anchor_us, received_us);
    if (rc == 0)
        rc = ingest_admit(run, batch->first, last);
    if (rc < 0) {
        desk_settle(collector);
        answer->text = "too many gaps between the ticks of this run";
        if (rc == -ENOSPC)
            refuse(session, ticket, ENVELOPE_SEALED, REFUSAL_LIMIT, answer, received_us);
        else
            send_answer(session, ticket, ENVELOPE_SEALED, answer, received_us); /* out of memory: busy */
        return;
    }
    keep_latest(host, table, batch, last_us, received_us);
    bool with_table = !ingest_table_is_stored(collector->ingest, host->id, &batch->table);
    rc = gather(session, report, table, anchor_us, with_table, NULL);
    if (rc == 0)
        save_anchor(collector, host, run, last_us);
    desk_settle(collector);
    if (rc == 0)
        rc = wait_for_disk(session, ticket, report, true, with_table, received_us);
    if (rc < 0) { /* the disk is full or at fault: judged all the same, the agent holds the samples */
        ingest_lost(run, batch->first, last);
        send_answer(session, ticket, ENVELOPE_SEALED, answer, received_us);
    }
}

static const struct ingest_table *table_of(struct session *session, const struct report *report)
{
    struct collector *collector = session->collector;
    const struct ingest_table *table = NULL;
    if (report->has_table)
        ingest_learn_table(collector->ingest, session->host->id, &report->table, report->table_bytes, &table, NULL);
    else
        table = ingest_table(collector->ingest, session->host->id, &report->batch.table);
    return table;
}

static void confirm_interval(struct session *session, const struct report *report)
{
    struct host_state *host = session->host;
    /* The policy's own interval once it is confirmed, and never more than anybody is told to wait: a host that
     * claims a long one would only mute its own silence. */
    int64_t interval_us =
        report->policy_revision == host->policy.revision ? host->policy.interval_us : report->interval_us;
    if (interval_us > INTERVAL_CALM_US)
        interval_us = INTERVAL_CALM_US;
    bool changed = host->interval_us != interval_us;
    bool arrived = host->session != session;
    host->session = session;
    host->interval_us = interval_us;
    if (changed)
        scope_tell_watch(session->collector, host);
    if (arrived)
        desk_host_changed(session->collector, host->id);
}

static void take(struct session *session, uint32_t ticket, const struct report *report,
                 const struct ingest_table *table, struct answer *answer, int64_t received_us)
{
    struct ingest_decision decision;
    ingest_offer(session->run, report, &decision);
    switch (decision.verdict) {
    case INGEST_NEW:
        take_new(session, ticket, report, table, answer, received_us);
        return;
    case INGEST_STORED:
        answer->kind = ANSWER_STORED;
        answer->first = decision.stored.first;
        answer->last = decision.stored.last;
        break;
    case INGEST_PENDING:
        if (wait_for_disk(session, ticket, report, false, false, received_us) == 0)
            return;
        break;
    case INGEST_BUSY:
        break;
    case INGEST_REFUSED:
        answer->text = decision.text;
        answer->first = decision.stored.first;
        answer->last = decision.stored.last;
        refuse(session, ticket, ENVELOPE_SEALED, decision.refusal, answer, received_us);
        return;
    }
    send_answer(session, ticket, ENVELOPE_SEALED, answer, received_us);
}

static void on_report(struct session *session, uint32_t ticket, const struct report *report, int64_t received_us)
{
    struct collector *collector = session->collector;
    struct host_state *host = session->host;
    struct answer answer = { .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US };
    collector->reports++;
    if (report->policy_revision != host->policy.revision)
        answer.policy = host->policy;
    if (memcmp(&report->batch.run, &session->run->run, sizeof report->batch.run) != 0) {
        answer.text = "this batch is of another run than the session's hello";
        refuse(session, ticket, ENVELOPE_SEALED, REFUSAL_MALFORMED, &answer, received_us);
        return;
    }
    if (collector->closing) {
        send_answer(session, ticket, ENVELOPE_SEALED, &answer, received_us);
        return;
    }
    learn_time(session, report, received_us);
    confirm_interval(session, report);
    const struct ingest_table *table = table_of(session, report);
    if (!table) {
        answer.kind = ANSWER_NO_TABLE;
        send_answer(session, ticket, ENVELOPE_SEALED, &answer, received_us);
    } else if (table->table.n != report->batch.n_columns) {
        answer.text = "the batch has not as many columns as its series table";
        refuse(session, ticket, ENVELOPE_SEALED, REFUSAL_MALFORMED, &answer, received_us);
    } else {
        take(session, ticket, report, table, &answer, received_us);
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
    refuse(session, ticket, kind, err->code == -EMSGSIZE ? REFUSAL_TOO_LARGE : REFUSAL_MALFORMED, &answer, received_us);
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
        on_report(session, ticket, &request.report, received_us);
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
