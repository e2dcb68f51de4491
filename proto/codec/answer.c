#include <assert.h>
#include <errno.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "proto/codec/wire.h"

/* The numbers on the wire are those of message.h, and stay what they are when the enum there grows. */
#define SAME(domain, wire) _Static_assert((int)(domain) == (int)WARROOM__WIRE__REASON__##wire, "reasons differ")
SAME(REFUSAL_NONE, OTHER);
SAME(REFUSAL_UNKNOWN_HOST, UNKNOWN_HOST);
SAME(REFUSAL_MALFORMED, MALFORMED);
SAME(REFUSAL_TOO_LARGE, TOO_LARGE);
SAME(REFUSAL_OVERLAP, OVERLAP);
SAME(REFUSAL_ABOVE_HIGHEST, ABOVE_HIGHEST);
SAME(REFUSAL_LIMIT, LIMIT);
SAME(REFUSAL_REVOKED, REVOKED);
SAME(REFUSAL_TOKEN, TOKEN);
_Static_assert(REFUSAL_COUNT == 9, "a new refusal needs its number in warroom.proto");

/* One of each, so that any kind can be written without a search for memory. */
struct parts {
    Warroom__Wire__Policy policy;
    Warroom__Wire__Welcome welcome;
    Warroom__Wire__Stored stored;
    Warroom__Wire__Refused refused;
    Warroom__Wire__Busy busy;
    Warroom__Wire__NoTable no_table;
};

static int refused_write(const struct answer *answer, struct arena *arena, Warroom__Wire__Refused *ret, struct err *err)
{
    assert((unsigned)answer->refusal < REFUSAL_COUNT);
    ret->reason = (Warroom__Wire__Reason)answer->refusal;
    if (answer->refusal == REFUSAL_OVERLAP) {
        assert(answer->first > 0 && answer->first <= answer->last && answer->last <= INT64_MAX);
        ret->first = answer->first;
        ret->last = answer->last;
    }
    return wire_text_write("refusal", answer->text, 0, TEXT_MAX, arena, &ret->text, err);
}

static int welcome_write(const struct answer *answer, struct arena *arena, Warroom__Wire__Welcome *ret, struct err *err)
{
    ret->host = answer->host;
    int rc = wire_text_write("welcome: name", answer->name, 0, TEXT_MAX, arena, &ret->name, err);
    return rc < 0 ? rc : wire_text_write("welcome: tenant", answer->tenant, 0, TEXT_MAX, arena, &ret->tenant, err);
}

static int kind_write(const struct answer *answer, struct arena *arena, struct parts *parts, Warroom__Wire__Answer *ret,
                      struct err *err)
{
    switch (answer->kind) {
    case ANSWER_WELCOME:
        assert(answer->policy.revision > 0);
        ret->kind_case = WARROOM__WIRE__ANSWER__KIND_WELCOME;
        ret->welcome = &parts->welcome;
        return welcome_write(answer, arena, &parts->welcome, err);
    case ANSWER_STORED:
        assert(answer->first > 0 && answer->first <= answer->last && answer->last <= INT64_MAX);
        ret->kind_case = WARROOM__WIRE__ANSWER__KIND_STORED;
        ret->stored = &parts->stored;
        parts->stored.first = answer->first;
        parts->stored.last = answer->last;
        return 0;
    case ANSWER_REFUSED:
        ret->kind_case = WARROOM__WIRE__ANSWER__KIND_REFUSED;
        ret->refused = &parts->refused;
        return refused_write(answer, arena, &parts->refused, err);
    case ANSWER_BUSY:
        assert(answer->retry_us >= 0 && answer->retry_us <= TIME_US_MAX);
        ret->kind_case = WARROOM__WIRE__ANSWER__KIND_BUSY;
        ret->busy = &parts->busy;
        parts->busy.retry_us = (uint64_t)answer->retry_us;
        return 0;
    case ANSWER_NO_TABLE:
        ret->kind_case = WARROOM__WIRE__ANSWER__KIND_NO_TABLE;
        ret->no_table = &parts->no_table;
        return 0;
    }
    assert(!"an answer of a kind that message.h does not list");
    return -EMSGSIZE;
}

int codec_encode_answer(const struct answer *answer, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err)
{
    assert(answer && buffer && ret_len);
    struct parts parts = {
        .policy = WARROOM__WIRE__POLICY__INIT,
        .welcome = WARROOM__WIRE__WELCOME__INIT,
        .stored = WARROOM__WIRE__STORED__INIT,
        .refused = WARROOM__WIRE__REFUSED__INIT,
        .busy = WARROOM__WIRE__BUSY__INIT,
        .no_table = WARROOM__WIRE__NO_TABLE__INIT,
    };
    Warroom__Wire__Answer wire = WARROOM__WIRE__ANSWER__INIT;
    wire.received_us = answer->received_us;
    wire.held_us = (int64_t)((uint64_t)answer->sent_us - (uint64_t)answer->received_us); /* < 0: the clock was set */
    if (answer->policy.revision > 0) {
        assert(answer->policy.interval_us > 0 && answer->policy.interval_us <= TIME_US_MAX);
        assert(answer->policy.exercise <= EXERCISE_MAX);
        parts.policy.revision = answer->policy.revision;
        parts.policy.interval_us = (uint64_t)answer->policy.interval_us;
        parts.policy.exercise = answer->policy.exercise;
        wire.policy = &parts.policy;
    }
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, CODEC_ARENA_BYTES);
    int rc = kind_write(answer, &arena, &parts, &wire, err);
    return rc < 0 ? rc : wire_pack(&wire.base, MESSAGE_MAX, buffer, size, ret_len, err);
}

static int interval_read(uint64_t first, uint64_t last, struct answer *ret, struct err *err)
{
    if (first == 0 || first > last || last > INT64_MAX)
        return err_set(err, -EBADMSG, "codec: answer: first and last tick number out of order or range");
    ret->first = first;
    ret->last = last;
    return 0;
}

static int refused_read(const Warroom__Wire__Refused *wire, struct answer *ret, struct err *err)
{
    /* A collector newer than its agents must be able to give new reasons. */
    ret->refusal = (unsigned)wire->reason < REFUSAL_COUNT ? (enum refusal)wire->reason : REFUSAL_NONE;
    int rc = wire_text_read("refusal", &wire->text, 0, TEXT_MAX, &ret->text, err);
    if (rc == 0 && ret->refusal == REFUSAL_OVERLAP)
        rc = interval_read(wire->first, wire->last, ret, err);
    return rc;
}

static int policy_read(const Warroom__Wire__Policy *wire, struct policy *ret, struct err *err)
{
    if (!wire)
        return 0;
    if (wire->revision == 0)
        return err_set(err, -EBADMSG, "codec: answer: policy without revision");
    if (wire->exercise > EXERCISE_MAX)
        return err_set(err, -EBADMSG, "codec: answer: policy: exercise above %d", EXERCISE_MAX);
    ret->revision = wire->revision;
    ret->exercise = wire->exercise;
    return wire_time_read("answer: policy interval", wire->interval_us, 1, &ret->interval_us, err);
}

static int welcome_read(const Warroom__Wire__Welcome *wire, struct answer *ret, struct err *err)
{
    if (ret->policy.revision == 0)
        return err_set(err, -EBADMSG, "codec: answer: welcome without policy");
    ret->host = wire->host;
    int rc = wire_text_read("welcome: name", &wire->name, 0, TEXT_MAX, &ret->name, err);
    return rc < 0 ? rc : wire_text_read("welcome: tenant", &wire->tenant, 0, TEXT_MAX, &ret->tenant, err);
}

static int kind_read(const Warroom__Wire__Answer *wire, struct answer *ret, struct err *err)
{
    switch (wire->kind_case) {
    case WARROOM__WIRE__ANSWER__KIND_WELCOME:
        ret->kind = ANSWER_WELCOME;
        return welcome_read(wire->welcome, ret, err);
    case WARROOM__WIRE__ANSWER__KIND_STORED:
        ret->kind = ANSWER_STORED;
        return interval_read(wire->stored->first, wire->stored->last, ret, err);
    case WARROOM__WIRE__ANSWER__KIND_REFUSED:
        ret->kind = ANSWER_REFUSED;
        return refused_read(wire->refused, ret, err);
    case WARROOM__WIRE__ANSWER__KIND_BUSY:
        ret->kind = ANSWER_BUSY;
        return wire_time_read("answer: retry", wire->busy->retry_us, 0, &ret->retry_us, err);
    case WARROOM__WIRE__ANSWER__KIND_NO_TABLE:
        ret->kind = ANSWER_NO_TABLE;
        return 0;
    default:
        return err_set(err, -EBADMSG, "codec: answer of a kind unknown here");
    }
}

int codec_decode_answer(const uint8_t *bytes, size_t len, struct arena *arena, struct answer *ret, struct err *err)
{
    assert((bytes || len == 0) && arena && ret);
    if (len > MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "codec: answer of %zu bytes, at most %d are allowed", len, MESSAGE_MAX);
    ProtobufCMessage *message;
    int rc = wire_unpack(&warroom__wire__answer__descriptor, bytes, len, arena, &message, err);
    if (rc < 0)
        return rc;
    const Warroom__Wire__Answer *wire = (const Warroom__Wire__Answer *)message;
    struct answer answer = { .text = "" };
    answer.received_us = wire_wall_read(wire->received_us);
    answer.sent_us = wire_wall_read((int64_t)((uint64_t)wire->received_us + (uint64_t)wire->held_us));
    rc = policy_read(wire->policy, &answer.policy, err);
    if (rc == 0)
        rc = kind_read(wire, &answer, err);
    if (rc < 0)
        return rc;
    *ret = answer;
    return 0;
}
