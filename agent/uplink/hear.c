/* What the collector says, and what it does to session, queue and policy. */
#include <string.h>

#include "agent/uplink/parts.h"
#include "base/arena.h"
#include "base/auto.h"
#include "proto/codec/codec.h"

enum { ANSWER_MEMORY = 16 << 10 };

/* What a collector may ask for; anything else is kept out of the tick timer. */
#define INTERVAL_LEAST_US (100 * US_PER_MS)
#define INTERVAL_MOST_US  (3600 * US_PER_S)

void uplink_hear_up(void *user)
{
    struct uplink *uplink = user;
    log_event(uplink->log, LOG_INFO, "uplink_up", KV_TEXT("collector", link_client_address(uplink->link)));
    session_up(&uplink->session, clock_mono_us(uplink->clock));
    uplink_pump(uplink);
}

void uplink_hear_down(void *user)
{
    struct uplink *uplink = user;
    log_event(uplink->log, LOG_WARN, "uplink_down", KV_TEXT("collector", link_client_address(uplink->link)),
              KV_COUNT("queued", uplink_counts(uplink).queued));
    /* What was sealed for that connection is of no use on another, and a hello has its back-off. */
    link_client_forget(uplink->link);
    bool hung_up = uplink->session.state == SESSION_GREETING && uplink->session.in_flight;
    session_down(&uplink->session, clock_mono_us(uplink->clock));
    uplink_take_back(uplink);
    if (hung_up) /* what a collector does that cannot read our hello: it is another one's */
        uplink_unwelcome(uplink);
    uplink_pump(uplink);
}

static void take_policy(struct uplink *uplink, const struct policy *policy)
{
    if (policy->revision == 0 || policy->revision == uplink->policy.revision)
        return;
    if (policy->interval_us < INTERVAL_LEAST_US || policy->interval_us > INTERVAL_MOST_US) {
        log_event(uplink->log, LOG_WARN, "policy_ignored", KV_COUNT("revision", policy->revision),
                  KV_INT("interval_us", policy->interval_us));
        return;
    }
    bool changed = policy->interval_us != uplink->policy.interval_us;
    log_event(uplink->log, changed ? LOG_INFO : LOG_DEBUG, "policy_taken", KV_COUNT("revision", policy->revision),
              KV_REAL("interval_s", (double)policy->interval_us / US_PER_S), KV_COUNT("exercise", policy->exercise));
    uplink->policy = *policy;
    if (changed)
        uplink->on_interval(uplink->user, policy->interval_us);
}

/* Over when a quarter is free again: a queue on the brim would otherwise say so every second. */
static void end_overflow(struct uplink *uplink)
{
    struct queue_counts queue = queue_counts(uplink->queue);
    if (!uplink->overflowing || queue.bytes > uplink->queue_bytes / 4 * 3)
        return;
    uplink->overflowing = false;
    log_event(uplink->log, LOG_WARN, "queue_overflow_over",
              KV_COUNT("ticks_dropped", queue.dropped - uplink->overflowed_from));
}

/* ---- what becomes of the ticks ---- */

static void on_told(void *user, const struct dropped *dropped)
{
    struct uplink *uplink = user;
    if (uplink->shelf)
        shelf_declared(uplink->shelf, dropped);
}

/* Ticks of our own run that are done. Returns how many of them the queue held. */
static uint64_t cut(struct uplink *uplink, uint64_t first, uint64_t last)
{
    if (uplink->shelf)
        shelf_done(uplink->shelf, &uplink->run, first, last);
    return queue_cut(uplink->queue, first, last);
}

static void refuse(struct uplink *uplink, uint64_t first, uint64_t last)
{
    uplink_drop(uplink, &uplink->run, first, last, DROP_REFUSED);
    uplink->counts.refused += queue_cut(uplink->queue, first, last);
}

static void take_stored(struct uplink *uplink, const struct answer *answer)
{
    uint64_t n = cut(uplink, answer->first, answer->last);
    uplink->counts.stored += n;
    uplink->last_refusal = REFUSAL_NONE;
    uplink->told_busy = false;
    end_overflow(uplink);
}

static void say_busy(struct uplink *uplink, const struct answer *answer)
{
    log_event(uplink->log, uplink->told_busy ? LOG_DEBUG : LOG_WARN, "collector_busy",
              KV_REAL("retry_s", (double)answer->retry_us / US_PER_S));
    uplink->told_busy = true;
}

static void say_refused(struct uplink *uplink, const struct answer *answer, uint64_t first, uint64_t last)
{
    enum log_level level = answer->refusal == uplink->last_refusal ? LOG_DEBUG : LOG_WARN;
    uplink->last_refusal = answer->refusal;
    log_event(uplink->log, level, "batch_refused", KV_TEXT("reason", refusal_name(answer->refusal)),
              KV_TEXT("error", answer->text), KV_COUNT("first", first), KV_COUNT("last", last));
}

static void take_refused(struct uplink *uplink, const struct answer *answer)
{
    const struct parcel *parcel = &uplink->parcel;
    uint64_t last = parcel->first + parcel->n_ticks - 1;
    say_refused(uplink, answer, parcel->first, last);
    if (answer->refusal == REFUSAL_OVERLAP) {
        uint64_t n = cut(uplink, answer->first, answer->last);
        uplink->counts.stored += n;
        if (n > 0) {
            queue_rewind(uplink->queue, parcel->first); /* what is left of it is as live as it was */
            return;
        }
    }
    refuse(uplink, parcel->first, last);
}

/* ---- what came out of the spool ---- */

static void forget_known(struct uplink *uplink, const struct table_hash *hash)
{
    for (size_t i = uplink->n_known; i-- > 0;)
        if (memcmp(&uplink->known[i], hash, sizeof *hash) == 0) {
            memmove(uplink->known + i, uplink->known + i + 1, (uplink->n_known - i - 1) * sizeof *uplink->known);
            uplink->n_known--;
        }
}

static void note_known(struct uplink *uplink, const struct table_hash *hash)
{
    forget_known(uplink, hash);
    if (uplink->n_known == SHELF_KNOWN_MAX) {
        struct table_hash oldest = uplink->known[0];
        forget_known(uplink, &oldest);
    }
    uplink->known[uplink->n_known++] = *hash;
}

static bool meets(const struct answer *answer, const struct spool_parcel *late)
{
    return answer->first <= late->first + late->n_ticks - 1 && answer->last >= late->first;
}

static void take_late_stored(struct uplink *uplink, const struct answer *answer)
{
    const struct spool_parcel *late = uplink->late;
    note_known(uplink, &late->hash);
    if (late->own)
        queue_cut(uplink->queue, answer->first, answer->last);
    shelf_done(uplink->shelf, &late->run, answer->first, answer->last);
    uplink->counts.stored += late->n_ticks;
    uplink->last_refusal = REFUSAL_NONE;
    uplink->told_busy = false;
}

static void take_late_refused(struct uplink *uplink, const struct answer *answer)
{
    const struct spool_parcel *late = uplink->late;
    uint64_t last = late->first + late->n_ticks - 1;
    say_refused(uplink, answer, late->first, last);
    if (answer->refusal == REFUSAL_OVERLAP && meets(answer, late)) {
        shelf_done(uplink->shelf, &late->run, answer->first, answer->last);
        return;
    }
    uplink->counts.refused += late->n_ticks;
    uplink_drop(uplink, &late->run, late->first, last, DROP_REFUSED);
}

/* What is left of it is picked anew. */
static void take_late(struct uplink *uplink, const struct answer *answer)
{
    switch (answer->kind) {
    case ANSWER_STORED:
        take_late_stored(uplink, answer);
        break;
    case ANSWER_REFUSED:
        take_late_refused(uplink, answer);
        break;
    case ANSWER_NO_TABLE:
        forget_known(uplink, &uplink->late->hash);
        break;
    case ANSWER_BUSY:
        say_busy(uplink, answer);
        shelf_give_back(uplink->shelf, TAKE(uplink->late));
        break;
    case ANSWER_WELCOME:
        break;
    }
    uplink->late = spool_parcel_free(uplink->late);
}

/* ---- answers ---- */

static void take_answered(struct uplink *uplink, const struct answer *answer)
{
    if (answer->kind == ANSWER_STORED)
        declare_told(&uplink->declare, on_told, uplink);
    declare_back(&uplink->declare);
    if (uplink->late) {
        take_late(uplink, answer);
        return;
    }
    struct parcel *parcel = &uplink->parcel;
    switch (answer->kind) {
    case ANSWER_STORED:
        if (uplink->had_table && answer->first <= parcel->first && answer->last >= parcel->first)
            parcel->table->known = true;
        take_stored(uplink, answer);
        break;
    case ANSWER_REFUSED:
        take_refused(uplink, answer);
        break;
    case ANSWER_NO_TABLE:
        parcel->table->known = false;
        queue_rewind(uplink->queue, parcel->first);
        break;
    case ANSWER_BUSY:
        say_busy(uplink, answer);
        queue_rewind(uplink->queue, parcel->first);
        break;
    case ANSWER_WELCOME:
        break;
    }
    parcel_done(&uplink->tables, parcel);
}

static void take_turned(struct uplink *uplink, const struct answer *answer)
{
    enum log_level level = answer->refusal == uplink->last_refusal ? LOG_DEBUG : LOG_ERROR;
    if (answer->kind != ANSWER_REFUSED)
        return;
    uplink_unwelcome(uplink);
    uplink->last_refusal = answer->refusal;
    log_event(uplink->log, level, "session_refused", KV_TEXT("reason", refusal_name(answer->refusal)),
              KV_TEXT("error", answer->text));
}

static void take_opened(struct uplink *uplink)
{
    uplink->last_refusal = REFUSAL_NONE;
    uplink->told_stranger = uplink->told_unopened = false;
    uplink->unwelcome = 0;
    log_event(uplink->log, LOG_INFO, "session_opened", KV_TEXT("collector", link_client_address(uplink->link)),
              KV_COUNT("queued", uplink_counts(uplink).queued));
    uplink_scatter(uplink);
}

static void take_answer(struct uplink *uplink, const struct answer *answer)
{
    enum session_news news = session_answer(&uplink->session, answer, uplink->had_table, clock_mono_us(uplink->clock));
    if (news == SESSION_OPENED || news == SESSION_RENEWED)
        secure_begin(&uplink->secure);
    else if (news == SESSION_TURNED)
        handshake_done(&uplink->secure.handshake);
    switch (news) {
    case SESSION_OPENED:
        take_opened(uplink);
        break;
    case SESSION_RENEWED:
        log_event(uplink->log, LOG_DEBUG, "session_renewed", KV_TEXT("collector", link_client_address(uplink->link)));
        break;
    case SESSION_TURNED:
        take_turned(uplink, answer);
        break;
    case SESSION_ANSWERED:
        take_answered(uplink, answer);
        break;
    case SESSION_LOST:
        take_turned(uplink, answer);
        uplink_take_back(uplink);
        break;
    default:
        return;
    }
    take_policy(uplink, &answer->policy);
}

/* Nobody but the collector can answer a hello: this is another's answer, or altered on the way. */
static void take_stranger(struct uplink *uplink)
{
    log_event(uplink->log, uplink->told_stranger ? LOG_DEBUG : LOG_ERROR, "answered_by_stranger",
              KV_TEXT("collector", link_client_address(uplink->link)),
              KV_TEXT("error", "answered by somebody else than the collector this host joined"));
    uplink->told_stranger = true;
    session_stranger(&uplink->session, clock_mono_us(uplink->clock));
    uplink_unwelcome(uplink);
}

/* Played again, altered, made up, or late: whoever is on the path can do that, and must get nowhere by it. */
static void take_unopened(struct uplink *uplink, const char *why)
{
    log_event(uplink->log, uplink->told_unopened ? LOG_DEBUG : LOG_WARN, "answer_not_opened",
              KV_TEXT("collector", link_client_address(uplink->link)), KV_TEXT("error", why));
    uplink->told_unopened = true;
}

/* What it holds, in `heard`, or false: it is not the collector's answer. */
static bool open_envelope(struct uplink *uplink, const struct envelope *envelope, size_t *ret_len)
{
    struct err err;
    int rc = secure_open(&uplink->secure, envelope, uplink->heard, sizeof uplink->heard, ret_len, &err);
    if (rc == 0)
        return true;
    uplink->counts.unopened++;
    if (envelope->kind == ENVELOPE_HANDSHAKE)
        take_stranger(uplink);
    else
        take_unopened(uplink, rc < 0 ? err.text : "a counter that was used already, or never will be");
    return false;
}

static void take_envelope(struct uplink *uplink, const struct envelope *envelope)
{
    enum session_news news = session_envelope(&uplink->session, envelope, clock_mono_us(uplink->clock));
    if (news == SESSION_LOST) {
        log_event(uplink->log, LOG_INFO, "session_lost", KV_TEXT("collector", link_client_address(uplink->link)));
        uplink_take_back(uplink);
    }
    size_t len;
    if (news != SESSION_ANSWER || !open_envelope(uplink, envelope, &len))
        return;
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, ANSWER_MEMORY);
    struct answer answer;
    struct err err;
    if (codec_decode_answer(uplink->heard, len, &arena, &answer, &err) < 0)
        log_event(uplink->log, LOG_WARN, "answer_malformed", KV_TEXT("error", err.text));
    else
        take_answer(uplink, &answer);
}

void uplink_hear_answer(void *user, const uint8_t *bytes, size_t len)
{
    struct uplink *uplink = user;
    struct envelope envelope;
    struct err err;
    if (codec_decode_envelope(bytes, len, &envelope, &err) < 0)
        log_event(uplink->log, LOG_WARN, "answer_malformed", KV_TEXT("error", err.text));
    else
        take_envelope(uplink, &envelope);
    uplink_pump(uplink);
}
