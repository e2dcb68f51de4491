#include "proto/codec/codec_fixture.h"

#include <errno.h>

static const struct policy sample_policy = { .revision = 9, .interval_us = 10000000, .exercise = EXERCISE_REHEARSAL };

static void encode(struct fixture *f, const struct answer *answer)
{
    int rc = codec_encode_answer(answer, f->bytes, sizeof f->bytes, &f->len, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
}

static struct answer decode(struct fixture *f)
{
    struct answer answer;
    int rc = codec_decode_answer(f->bytes, f->len, &f->arena, &answer, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    return answer;
}

static void assert_refused(struct fixture *f, const uint8_t *bytes, size_t len, int code)
{
    struct answer answer;
    struct answer before;
    memset(&answer, 0x77, sizeof answer);
    memset(&before, 0x77, sizeof before);
    f->err = (struct err){ 0 };
    assert_int_equal(codec_decode_answer(bytes, len, &f->arena, &answer, &f->err), code);
    assert_int_equal(f->err.code, code);
    assert_true(strlen(f->err.text) > 0);
    assert_memory_equal(&answer, &before, sizeof answer);
}

static void assert_comes_back(struct fixture *f, struct answer want)
{
    want.received_us = 1795400000000000;
    want.sent_us = 1795400000023456;
    encode(f, &want);
    struct answer got = decode(f);
    assert_int_equal(got.kind, want.kind);
    assert_int_equal(got.received_us, want.received_us);
    assert_int_equal(got.sent_us, want.sent_us);
    assert_int_equal(got.first, want.first);
    assert_int_equal(got.last, want.last);
    assert_int_equal(got.refusal, want.refusal);
    assert_string_equal(got.text, want.text ? want.text : "");
    assert_int_equal(got.retry_us, want.retry_us);
    assert_int_equal(got.policy.revision, want.policy.revision);
    assert_int_equal(got.policy.interval_us, want.policy.interval_us);
    assert_int_equal(got.policy.exercise, want.policy.exercise);
}

static void each_kind_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    assert_comes_back(f, (struct answer){ .kind = ANSWER_WELCOME, .policy = sample_policy });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_STORED, .first = 1, .last = 86400 });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_STORED, .first = INT64_MAX, .last = INT64_MAX });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_BUSY, .retry_us = 2500000 });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_BUSY, .retry_us = 0 });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_NO_TABLE });
}

static void each_refusal_comes_back_with_its_text(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        struct answer answer = { .kind = ANSWER_REFUSED, .refusal = (enum refusal)i, .text = "h\xc3\xb4te" };
        if (i == REFUSAL_OVERLAP) {
            answer.first = 5;
            answer.last = 70;
        }
        assert_comes_back(f, answer);
    }
}

static void any_kind_may_carry_a_policy(void **state)
{
    struct fixture *f = *state;
    assert_comes_back(f, (struct answer){ .kind = ANSWER_STORED, .first = 1, .last = 1, .policy = sample_policy });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_BUSY, .policy = sample_policy });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_NO_TABLE, .policy = sample_policy });
    assert_comes_back(f, (struct answer){ .kind = ANSWER_REFUSED, .refusal = REFUSAL_LIMIT, .policy = sample_policy });
}

static void a_collectors_clock_that_was_set_back_meanwhile_survives(void **state)
{
    struct fixture *f = *state;
    struct answer answer = { .kind = ANSWER_NO_TABLE, .received_us = 1795400000000000, .sent_us = 1795399990000000 };
    encode(f, &answer);
    assert_int_equal(decode(f).received_us, answer.received_us);
    assert_int_equal(decode(f).sent_us, answer.sent_us);
}

static void times_out_of_reach_are_brought_back(void **state)
{
    struct fixture *f = *state;
    struct answer answer = { .kind = ANSWER_NO_TABLE, .received_us = INT64_MIN, .sent_us = INT64_MAX };
    encode(f, &answer);
    assert_int_equal(decode(f).received_us, -TIME_US_MAX);
    assert_int_equal(decode(f).sent_us, TIME_US_MAX);
}

static void a_text_over_its_limit_is_not_encoded(void **state)
{
    struct fixture *f = *state;
    char text[TEXT_MAX + 2] = { 0 };
    memset(text, 't', TEXT_MAX + 1);
    struct answer answer = { .kind = ANSWER_REFUSED, .refusal = REFUSAL_LIMIT, .text = text };
    f->len = 99;
    assert_int_equal(codec_encode_answer(&answer, f->bytes, sizeof f->bytes, &f->len, NULL), -EMSGSIZE);
    assert_int_equal(f->len, 99);
}

static void the_buffer_may_be_exactly_as_large_as_the_answer(void **state)
{
    struct fixture *f = *state;
    struct answer answer = { .kind = ANSWER_STORED, .first = 1, .last = 86400 };
    encode(f, &answer);
    uint8_t bytes[64];
    size_t len;
    assert_int_equal(codec_encode_answer(&answer, bytes, f->len, &len, NULL), 0);
    assert_int_equal(codec_encode_answer(&answer, bytes, f->len - 1, &len, NULL), -EMSGSIZE);
}

/* ---- malformed; `kind` numbers are warroom.proto's ---- */

struct wrong {
    unsigned kind;
    uint64_t numbers[4]; /* fields 1..4 of the kind; field 2 of a refusal is its text and stays out */
    struct policy policy;
    bool has_policy;
    int code;
};

static const struct wrong wrongs[] = {
    { 4, { 0 }, { 1, 1, 0 }, true, 0 },
    { 4, { 0 }, { 0, 0, 0 }, false, -EBADMSG }, /* a welcome without policy */
    { 4, { 0 }, { 0, 1, 0 }, true, -EBADMSG },
    { 4, { 0 }, { 1, 0, 0 }, true, -EBADMSG },
    { 4, { 0 }, { 1, TIME_US_MAX, 0 }, true, 0 },
    { 4, { 0 }, { 1, TIME_US_MAX + 1, 0 }, true, -EBADMSG },
    { 4, { 0 }, { 1, -1, 0 }, true, -EBADMSG },
    { 4, { 0 }, { 1, 1, EXERCISE_MAX }, true, 0 },
    { 4, { 0 }, { 1, 1, EXERCISE_MAX + 1 }, true, -EBADMSG },
    { 5, { 1, 1 }, { 0, 0, 0 }, false, 0 },
    { 5, { 0, 1 }, { 0, 0, 0 }, false, -EBADMSG },
    { 5, { 2, 1 }, { 0, 0, 0 }, false, -EBADMSG },
    { 5, { 1, UINT64_MAX }, { 0, 0, 0 }, false, -EBADMSG },
    { 5, { 1, 1 }, { 0, 5, 0 }, true, -EBADMSG },
    { 6, { REFUSAL_OVERLAP, 0, 1, 2 }, { 0, 0, 0 }, false, 0 },
    { 6, { REFUSAL_OVERLAP, 0, 0, 0 }, { 0, 0, 0 }, false, -EBADMSG },
    { 6, { REFUSAL_OVERLAP, 0, 3, 2 }, { 0, 0, 0 }, false, -EBADMSG },
    { 6, { REFUSAL_LIMIT, 0, 3, 2 }, { 0, 0, 0 }, false, 0 }, /* means nothing there */
    { 7, { 1 }, { 0, 0, 0 }, false, 0 },
    { 7, { UINT64_MAX }, { 0, 0, 0 }, false, -EBADMSG },
    { 9, { 0 }, { 0, 0, 0 }, false, -EBADMSG }, /* a kind of a later version */
};

static void put_wrong(struct hand *hand, const struct wrong *wrong)
{
    uint8_t bytes[128];
    struct hand inner = hand_over(bytes, sizeof bytes);
    if (wrong->has_policy) {
        put_number(&inner, 1, wrong->policy.revision);
        put_number(&inner, 2, (uint64_t)wrong->policy.interval_us);
        put_number(&inner, 3, wrong->policy.exercise);
        put_bytes(hand, 3, bytes, hand_len(&inner));
    }
    inner = hand_over(bytes, sizeof bytes);
    for (unsigned i = 0; i < 4; i++)
        if (wrong->numbers[i] > 0)
            put_number(&inner, i + 1, wrong->numbers[i]);
    put_bytes(hand, wrong->kind, bytes, hand_len(&inner));
}

static void each_fault_within_an_answer_is_found(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_wrong(&hand, &wrongs[i]);
        struct answer got;
        int rc = codec_decode_answer(f->bytes, hand_len(&hand), &f->arena, &got, &f->err);
        if (rc != wrongs[i].code)
            fail_msg("row %zu: %d instead of %d", i, rc, wrongs[i].code);
        if (rc < 0)
            assert_refused(f, f->bytes, hand_len(&hand), rc);
    }
}

static void a_reason_of_a_later_version_is_taken_for_another_one(void **state)
{
    struct fixture *f = *state;
    static const uint64_t reasons[] = { REFUSAL_COUNT, 1000, UINT64_MAX };
    for (size_t i = 0; i < 3; i++) {
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_wrong(&hand, &(struct wrong){ .kind = 6, .numbers = { reasons[i] } });
        f->len = hand_len(&hand);
        struct answer got = decode(f);
        assert_int_equal(got.kind, ANSWER_REFUSED);
        assert_int_equal(got.refusal, REFUSAL_NONE);
    }
}

static void a_text_that_is_not_utf8_is_refused(void **state)
{
    struct fixture *f = *state;
    const uint8_t refused[] = { 0x32, 0x03, 0x12, 0x01, 0xff };
    assert_refused(f, refused, sizeof refused, -EBADMSG);
}

static void an_answer_cut_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    struct answer answer = { .kind = ANSWER_STORED, .first = 1, .last = 86400, .policy = sample_policy };
    encode(f, &answer);
    for (size_t len = 0; len < f->len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, f->bytes, len);
        assert_refused(f, exact, len, -EBADMSG);
        free(exact);
    }
    assert_refused(f, f->bytes, MESSAGE_MAX + 1, -EMSGSIZE);
}

static void an_arena_too_small_is_enomem(void **state)
{
    struct fixture *f = *state;
    struct answer answer = { .kind = ANSWER_REFUSED, .text = "no", .policy = sample_policy };
    encode(f, &answer);
    struct arena small;
    arena_init(&small, 64);
    struct answer got;
    int rc = codec_decode_answer(f->bytes, f->len, &small, &got, &f->err);
    arena_done(&small);
    assert_int_equal(rc, -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(each_kind_comes_back_as_it_went),
        CODEC_TEST(each_refusal_comes_back_with_its_text),
        CODEC_TEST(any_kind_may_carry_a_policy),
        CODEC_TEST(a_collectors_clock_that_was_set_back_meanwhile_survives),
        CODEC_TEST(times_out_of_reach_are_brought_back),
        CODEC_TEST(a_text_over_its_limit_is_not_encoded),
        CODEC_TEST(the_buffer_may_be_exactly_as_large_as_the_answer),
        CODEC_TEST(each_fault_within_an_answer_is_found),
        CODEC_TEST(a_reason_of_a_later_version_is_taken_for_another_one),
        CODEC_TEST(a_text_that_is_not_utf8_is_refused),
        CODEC_TEST(an_answer_cut_anywhere_is_refused),
        CODEC_TEST(an_arena_too_small_is_enomem),
    };
    return cmocka_run_group_tests_name("proto.codec.answer", tests, NULL, NULL);
}
