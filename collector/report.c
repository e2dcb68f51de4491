/* Reports: what a session brings (docs/protocol.md).
 *
 * A report is answered when its ticks are on disk: until then a struct waiting holds its ticket, and outlives the
 * connection if it has to. Its batch may be of an earlier run than the session's: what an agent kept over a restart.
 * Such a run may never have said hello here; then its clock is put right by what the session knows. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"
#include "utlist.h"

struct intake { /* one report in hand */
    struct session *session;
    uint32_t ticket;
    const struct report *report;
    int64_t received_us;
    struct ingest_run *run; /* of the batch */
    const struct ingest_table *table;
    struct answer answer;
};

static uint64_t last_of(const struct batch *batch)
{
    return batch->first + batch->n_ticks - 1;
}

static void answer(struct intake *in)
{
    uplink_answer(in->session, in->ticket, &in->answer, in->received_us);
}

static void refuse(struct intake *in, enum refusal refusal, const char *text)
{
    in->answer.text = text;
    uplink_refuse(in->session, in->ticket, refusal, &in->answer, in->received_us);
}

/* ---- time ---- */

/* Stamps are the agent's word: alternating ones would make a step of each report. */
static bool may_tell_step(struct host_state *host, const struct clock *clock)
{
    int64_t now = clock_mono_us(clock);
    if (host->has_stepped && now - host->stepped_us < STEP_TOLD_US)
        return false;
    host->has_stepped = true;
    host->stepped_us = now;
    return true;
}

static void tell_step(const struct intake *in, int64_t step_us)
{
    const struct session *session = in->session;
    struct collector *collector = session->collector;
    uint64_t tenant = session->host->row->tenant;
    if (!may_tell_step(session->host, collector->clock))
        return;
    log_event(&collector->log, LOG_WARN, "clock_step", KV_TEXT("host", session->host->row->name),
              KV_REAL("seconds", (double)step_us / 1e6));
    if (!store_fault(collector->store, STORE_TENANT, tenant))
        store_put_clock_step(
            collector->store, tenant,
            &(struct store_clock_step){
                .host = session->host->id, .run = session->run->run, .at_us = in->received_us, .step_us = step_us });
}

static void learn_time(const struct intake *in)
{
    struct session *session = in->session;
    const struct report *report = in->report;
    /* A report that is asked again repeats the stamps of an exchange we have answered past; it teaches nothing. */
    if (report->answered_us == 0 || report->sent_us == session->learned_us)
        return;
    session->learned_us = report->sent_us;
    struct exchange exchange = session->exchange;
    exchange.sent_us = report->sent_us;
    exchange.got_us = report->answered_us;
    int64_t step_us;
    anchor_learn(&session->run->anchor, &exchange, in->received_us, &step_us);
    if (step_us != 0)
        tell_step(in, step_us);
}

/* An earlier run of which no hello was heard. Under the same monotonic clock the session's anchor is its own; else its
 * ticks' wall time is all there is, put right by how far that clock is off now. */
static void anchor_earlier(struct intake *in)
{
    const struct session *session = in->session;
    const struct batch *batch = &in->report->batch;
    uint32_t last = batch->n_ticks - 1;
    int64_t at_us;
    if (in->report->same_boot) {
        in->run->anchor = session->run->anchor;
    } else {
        if (__builtin_sub_overflow(batch->wall_us[last], session->ahead_us, &at_us) || at_us > in->received_us)
            at_us = in->received_us;
        anchor_start(&in->run->anchor, batch->mono_us[last], at_us);
    }
    in->run->anchored = true;
}

static void save_anchor(struct intake *in, int64_t last_us)
{
    struct collector *collector = in->session->collector;
    struct ingest_run *run = in->run;
    if (last_us - run->anchor_saved_us < ANCHOR_SAVE_US && last_us >= run->anchor_saved_us)
        return;
    run->anchor_saved_us = last_us;
    store_put_anchor(collector->store, in->session->host->row->tenant,
                     &(struct store_anchor){ .host = run->host,
                                             .run = run->run,
                                             .anchor_us = run->anchor.anchor_us,
                                             .rtt_us = run->anchor.rtt_us,
                                             .stored_us = last_us });
}

/* ---- judging ---- */

static void keep_latest(const struct intake *in, int64_t last_us)
{
    struct host_state *host = in->session->host;
    const struct ingest_table *table = in->table;
    const struct batch *batch = &in->report->batch;
    if (last_us < host->last_tick_us && host->last_tick_us <= in->received_us)
        return; /* a late batch; unless our own clock went back: then what we hold lies in the future */
    host->last_tick_us = last_us;
    uint32_t tick = batch->n_ticks - 1;
    if (table->cpu >= 0)
        host->cpu = batch_value(batch, &table->table, (uint32_t)table->cpu, tick);
    if (table->memory >= 0)
        host->memory = batch_value(batch, &table->table, (uint32_t)table->memory, tick);
}

/* Each tick is judged once, whether or not the disk will take it. */
static int judge(const struct intake *in, int64_t anchor_us)
{
    struct collector *collector = in->session->collector;
    struct host_state *host = in->session->host;
    const struct batch *batch = &in->report->batch;
    uint64_t last = last_of(batch);
    int64_t *at_us = arena_alloc(&collector->arena, batch->n_ticks, sizeof *at_us);
    if (!host->watched)
        host->watched = watch_host(collector->watch, host->id);
    if (!at_us || !host->watched)
        return -ENOMEM;
    for (uint32_t i = 0; i < batch->n_ticks; i++)
        at_us[i] = anchor_us + batch->mono_us[i];
    struct span part;
    for (uint64_t from = batch->first; ingest_unjudged(in->run, from, last, &part); from = part.last + 1) {
        struct batch piece = *batch;
        uint32_t n = (uint32_t)(part.last - part.first + 1);
        int rc = n == batch->n_ticks ? 0 : batch_cut(batch, part.first, n, &collector->arena, &piece);
        if (rc == 0)
            rc = watch_judge(collector->watch, host->watched, &in->table->table, &piece,
                             at_us + (part.first - batch->first), in->received_us, &collector->transitions);
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

/* ---- waiting for the disk ---- */

/* After a fault another file may stand in the place of the one that had the table: it is written again. */
static void doubt_table(struct ingest_run *run, const struct table_hash *table)
{
    ingest_table_set_stored(run, table, false);
}

/* With the answer. Its next tick is an interval of it away, and it confirms none before. */
static struct policy tell_policy(struct collector *collector, const struct host_state *host)
{
    if (host->policy.interval_us > host->interval_us)
        watch_excuse_host(collector->watch, host->id, now_us(collector) + host->policy.interval_us);
    return host->policy;
}

static void waiting_done(void *user, int rc)
{
    struct waiting *waiting = user;
    struct ingest_run *run = waiting->run;
    struct span stored;
    struct answer answer = { .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US };
    if (rc == 0)
        rc = ingest_stored(run, waiting->first, waiting->last, &stored);
    else if (waiting->owner)
        ingest_lost(run, waiting->first, waiting->last);
    if (rc < 0)
        doubt_table(run, &waiting->table);
    if (rc == 0) {
        answer = (struct answer){ .kind = ANSWER_STORED, .first = stored.first, .last = stored.last };
        if (waiting->with_table)
            ingest_table_set_stored(run, &waiting->table, true);
    }
    struct session *session = waiting->session;
    ingest_let_go(run);
    if (session) {
        if (waiting->host->policy.revision != waiting->policy_revision)
            answer.policy = tell_policy(session->collector, waiting->host);
        DL_DELETE(session->waiting, waiting);
        if (session->number == waiting->number)
            uplink_answer(session, waiting->ticket, &answer, waiting->received_us);
        else /* the agent has shaken hands since: it could not read what this session seals as an answer to that one */
            uplink_no_session(session, waiting->ticket);
    }
    free(waiting);
}

/* `owner`: this report brought the ticks. */
static int wait_for_disk(struct intake *in, bool owner, bool with_table)
{
    struct session *session = in->session;
    struct collector *collector = session->collector;
    const struct batch *batch = &in->report->batch;
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (!waiting)
        return -ENOMEM;
    *waiting = (struct waiting){
        .session = session,
        .number = session->number,
        .ticket = in->ticket,
        .host = session->host,
        .run = in->run,
        .first = batch->first,
        .last = last_of(batch),
        .owner = owner,
        .with_table = with_table,
        .table = batch->table,
        .policy_revision = in->report->policy_revision,
        .received_us = in->received_us,
    };
    int rc = store_then(collector->store, STORE_TENANT, session->host->row->tenant, waiting_done, waiting);
    if (rc < 0) {
        free(waiting);
        return rc;
    }
    ingest_hold(in->run);
    DL_APPEND(session->waiting, waiting);
    return 0;
}

/* ---- what goes into the group ---- */

static int gather(const struct intake *in, int64_t anchor_us, bool with_table)
{
    const struct batch *batch = &in->report->batch;
    return store_batch(in->session->collector->store,
                       &(struct store_batch){
                           .tenant = in->session->host->row->tenant,
                           .host = in->session->host->id,
                           .run = batch->run,
                           .first = batch->first,
                           .n_ticks = batch->n_ticks,
                           .anchor_us = anchor_us,
                           .first_us = anchor_us + batch->mono_us[0],
                           .last_us = anchor_us + batch->mono_us[batch->n_ticks - 1],
                           .table = batch->table,
                           .table_bytes = with_table ? in->table->encoded : (struct bytes){ NULL, 0 },
                           .batch_bytes = in->report->batch_bytes,
                       },
                       NULL);
}

/* Said once a host and hour: whoever declares so much goes on declaring. */
static void tell_passed_over(struct collector *collector, struct host_state *host)
{
    int64_t now = clock_mono_us(collector->clock);
    if (host->has_passed_over && now - host->passed_over_us < PASSED_OVER_TOLD_US)
        return;
    host->has_passed_over = true;
    host->passed_over_us = now;
    log_event(&collector->log, LOG_WARN, "declarations_passed_over", KV_TEXT("host", host->row->name));
}

struct declared { /* of a report, together */
    uint64_t n;
    uint64_t ticks;
    enum drop_cause cause; /* the first one's */
};

static void count_declared(struct declared *declared, const struct dropped *dropped)
{
    if (declared->n++ == 0)
        declared->cause = dropped->cause;
    if (__builtin_add_overflow(declared->ticks, dropped->last - dropped->first + 1, &declared->ticks))
        declared->ticks = UINT64_MAX;
}

/* Declarations are acknowledged with the report that carries them, so they go into the group it waits for. Those that
 * are passed over are acknowledged too: the agent has nothing better to say. */
static int gather_dropped(const struct intake *in)
{
    struct collector *collector = in->session->collector;
    struct host_state *host = in->session->host;
    uint64_t tenant = host->row->tenant;
    struct declared declared = { .n = 0 };
    if (in->report->n_dropped > 0 && store_fault(collector->store, STORE_TENANT, tenant))
        return -EIO;
    for (uint32_t i = 0; i < in->report->n_dropped; i++) {
        const struct dropped *dropped = &in->report->dropped[i];
        if (!ingest_may_declare(collector->ingest, host->id, &dropped->run, in->received_us)) {
            tell_passed_over(collector, host);
            continue;
        }
        int rc = store_put_dropped(
            collector->store, tenant,
            &(struct store_dropped){ .host = host->id, .dropped = *dropped, .told_us = in->received_us });
        if (rc < 0)
            return rc;
        count_declared(&declared, dropped);
    }
    if (declared.n > 0)
        log_event(&collector->log, LOG_WARN, "ticks_dropped", KV_TEXT("host", host->row->name),
                  KV_COUNT("declarations", declared.n), KV_COUNT("ticks", declared.ticks),
                  KV_TEXT("cause", drop_cause_name(declared.cause)));
    return 0;
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

/* Whoever reconnects leaves the old connection for good. Ticks on it that are newer than the first of the connection
 * that took its place are of a second agent with the same key: a machine was copied. What the network held back is
 * older. */
static void mind_clone(const struct intake *in, int64_t last_us)
{
    struct session *session = in->session;
    struct host_state *host = session->host;
    if (last_us <= host->last_tick_us)
        return;
    if (host->newest && host->newest != session && host->newest->displaced_us == 0)
        host->newest->displaced_us = last_us;
    host->newest = session;
    if (session->displaced_us == 0 || last_us - session->displaced_us <= CLONE_SLACK_US)
        return;
    if (host->cloned_us == 0 || in->received_us - host->clone_told_us >= CLONE_TOLD_US) {
        host->clone_told_us = in->received_us;
        log_event(&session->collector->log, LOG_ERROR, "host_cloned", KV_TEXT("host", host->row->name),
                  KV_TEXT("peer", link_peer_address(session->peer)));
    }
    host->cloned_us = in->received_us;
}

/* ---- the report ---- */

static void take_new(struct intake *in)
{
    struct collector *collector = in->session->collector;
    const struct batch *batch = &in->report->batch;
    uint64_t last = last_of(batch);
    int64_t anchor_us = anchor_for(&in->run->anchor, batch->mono_us[batch->n_ticks - 1], in->received_us);
    int64_t last_us = anchor_us + batch->mono_us[batch->n_ticks - 1];
    const char *fault = fault_of_times(batch, anchor_us);
    if (in->received_us < EPOCH_LEAST_US) { /* our own clock is what is wrong */
        answer(in);
        return;
    }
    if (fault) {
        refuse(in, REFUSAL_MALFORMED, fault);
        return;
    }
    int rc = judge(in, anchor_us);
    if (rc == 0)
        rc = ingest_admit(in->run, batch->first, last);
    if (rc < 0) {
        desk_settle(collector);
        answer(in); /* out of memory: busy */
        return;
    }
    mind_clone(in, last_us);
    keep_latest(in, last_us);
    bool with_table = !ingest_table_is_stored(in->run, &batch->table);
    rc = gather(in, anchor_us, with_table);
    if (rc == 0)
        rc = gather_dropped(in);
    if (rc == 0)
        save_anchor(in, last_us);
    desk_settle(collector);
    if (rc == 0)
        rc = wait_for_disk(in, true, with_table);
    if (rc < 0) { /* the disk is full or at fault: judged all the same, the agent holds the samples */
        ingest_lost(in->run, batch->first, last);
        doubt_table(in->run, &batch->table);
        answer(in);
    }
}

/* What is stored already is answered at once, unless something else of this report must get to the disk first. */
static void take_stored(struct intake *in, const struct span *stored)
{
    if (in->report->n_dropped > 0) {
        if (gather_dropped(in) < 0 || wait_for_disk(in, false, false) < 0)
            answer(in);
        return;
    }
    in->answer.kind = ANSWER_STORED;
    in->answer.first = stored->first;
    in->answer.last = stored->last;
    answer(in);
}

static void take(struct intake *in)
{
    struct ingest_decision decision;
    ingest_offer(in->run, in->report, &decision);
    if (decision.verdict == INGEST_NEW || decision.verdict == INGEST_STORED || decision.verdict == INGEST_PENDING)
        learn_time(in); /* from nothing else: an answer that costs the sender nothing must not cost us a row */
    if (!in->run->anchored)
        anchor_earlier(in);
    switch (decision.verdict) {
    case INGEST_NEW:
        take_new(in);
        break;
    case INGEST_STORED:
        take_stored(in, &decision.stored);
        break;
    case INGEST_PENDING:
        if (gather_dropped(in) < 0 || wait_for_disk(in, false, false) < 0)
            answer(in);
        break;
    case INGEST_BUSY: /* told to ask again: that is no silence */
        watch_excuse_host(in->session->collector->watch, in->session->host->id, in->received_us);
        answer(in);
        break;
    case INGEST_REFUSED:
        in->answer.first = decision.stored.first;
        in->answer.last = decision.stored.last;
        refuse(in, decision.refusal, decision.text);
        break;
    }
}

/* The run of the batch; mostly the session's. */
static int run_of(struct intake *in, struct err *err)
{
    struct session *session = in->session;
    const struct run_id *run = &in->report->batch.run;
    in->run = session->run;
    if (memcmp(run, &session->run->run, sizeof *run) == 0)
        return 0;
    return ingest_run(session->collector->ingest, session->host->id, run, &in->run, err);
}

/* Ticks under such an id would be taken for imported ones, which nobody judges. */
static bool claims_to_be_imported(const struct report *report)
{
    bool does = store_run_is_imported(&report->batch.run);
    for (uint32_t i = 0; i < report->n_dropped; i++)
        does |= store_run_is_imported(&report->dropped[i].run);
    return does;
}

/* What the store would keep of it for months. */
static int check_table(const struct intake *in, struct err *err)
{
    struct collector *collector = in->session->collector;
    const struct limits_config *most = &collector->limits.config;
    const struct series_table *table = &in->report->table;
    if (table->n > most->series) {
        uplink_over(collector, OVER_SERIES, 1, in->session);
        return err_set(err, -EDQUOT, "this host has %u series, limit_series of its collector lets it have %" PRId64,
                       (unsigned)table->n, most->series);
    }
    for (uint32_t i = 0; i < table->n; i++) {
        if (strlen(table->at[i].instance) <= (size_t)most->label_bytes)
            continue;
        uplink_over(collector, OVER_LABELS, 1, in->session);
        return err_set(err, -EDQUOT,
                       "the instance of a series is longer than limit_label_bytes of the collector: %.100s",
                       table->at[i].instance);
    }
    return 0;
}

/* NULL with a 0: it is not known. */
static int table_of(const struct intake *in, const struct ingest_table **ret, struct err *err)
{
    const struct session *session = in->session;
    const struct report *report = in->report;
    *ret = ingest_table(session->run, &report->batch.table);
    if (*ret || !report->has_table)
        return 0;
    int rc = check_table(in, err);
    return rc < 0 ? rc
                  : ingest_learn_table(session->collector->ingest, session->host->id, &report->table,
                                       report->table_bytes, in->received_us, ret, err);
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
    host->confirmed_revision = report->policy_revision;
    if (changed)
        scope_tell_watch(session->collector, host);
    if (arrived)
        desk_host_changed(session->collector, host->id);
}

void report_take(struct session *session, uint32_t ticket, const struct report *report, int64_t received_us)
{
    struct collector *collector = session->collector;
    struct intake in = {
        .session = session,
        .ticket = ticket,
        .report = report,
        .received_us = received_us,
        .answer = { .kind = ANSWER_BUSY, .retry_us = BUSY_RETRY_US },
    };
    struct err err;
    collector->reports++;
    if (report->policy_revision != session->host->policy.revision)
        in.answer.policy = tell_policy(collector, session->host);
    if (collector->closing) {
        answer(&in);
        return;
    }
    if (claims_to_be_imported(report)) {
        refuse(&in, REFUSAL_MALFORMED, UPLINK_RUN_RESERVED);
        return;
    }
    confirm_interval(session, report);
    int rc = table_of(&in, &in.table, &err);
    if (rc == -EDQUOT) {
        refuse(&in, REFUSAL_LIMIT, err.text);
    } else if (!in.table) {
        in.answer.kind = ANSWER_NO_TABLE;
        answer(&in);
    } else if (in.table->table.n != report->batch.n_columns) {
        refuse(&in, REFUSAL_MALFORMED, "the batch has not as many columns as its series table");
    } else if (run_of(&in, &err) < 0) {
        answer(&in); /* busy: out of memory, or too many of its runs wait for the disk */
    } else {
        take(&in);
    }
}
