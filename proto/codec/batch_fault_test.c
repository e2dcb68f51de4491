/* What comes for a batch from somebody who got it wrong, or means harm. */
#include "proto/codec/codec_fixture.h"

#include <errno.h>

static void encode(struct fixture *f, const struct batch *batch)
{
    int rc = codec_encode_batch(batch, f->bytes, sizeof f->bytes, &f->len, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
}

static struct batch decode(struct fixture *f)
{
    struct batch batch;
    int rc = codec_decode_batch(f->bytes, f->len, &f->arena, &batch, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    return batch;
}

/* A refusal has its code and a text, and nothing came out. */
static void assert_refused(struct fixture *f, const uint8_t *bytes, size_t len, int code)
{
    struct batch batch;
    struct batch before;
    memset(&batch, 0x77, sizeof batch);
    memset(&before, 0x77, sizeof before);
    f->err = (struct err){ 0 };
    arena_reset(&f->arena);
    assert_int_equal(codec_decode_batch(bytes, len, &f->arena, &batch, &f->err), code);
    assert_int_equal(f->err.code, code);
    assert_true(strlen(f->err.text) > 0);
    assert_memory_equal(&batch, &before, sizeof batch);
}

static void bytes_over_the_limit_are_refused_unread(void **state)
{
    struct fixture *f = *state;
    memset(f->bytes, 0xff, sizeof f->bytes);
    assert_refused(f, f->bytes, BATCH_MAX + 1, -EMSGSIZE);
}

static void a_batch_cut_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    struct batch batch = sample_batch();
    encode(f, &batch);
    for (size_t len = 0; len < f->len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, f->bytes, len);
        assert_refused(f, exact, len, -EBADMSG);
        free(exact);
    }
}

static void fields_of_a_later_version_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct batch want = sample_batch();
    encode(f, &want);
    struct hand hand = hand_over(f->bytes + f->len, sizeof f->bytes - f->len);
    put_number(&hand, 14, 77);
    put_text(&hand, 1000, "later");
    f->len += hand_len(&hand);
    struct batch got = decode(f);
    assert_same_batch(&got, &want);
}

static void bytes_that_are_no_field_are_refused_behind_a_batch(void **state)
{
    struct fixture *f = *state;
    struct batch batch = sample_batch();
    encode(f, &batch);
    f->bytes[f->len] = 0;
    assert_refused(f, f->bytes, f->len + 1, -EBADMSG);
}

static void a_flood_of_small_fields_takes_no_more_than_the_arena(void **state)
{
    struct fixture *f = *state;
    struct hand hand = hand_over(f->bytes, sizeof f->bytes);
    for (int i = 0; i < BATCH_MAX / 2; i++)
        put_number(&hand, 14, 1);
    struct arena small;
    arena_init(&small, 256 << 10);
    struct batch got;
    int rc = codec_decode_batch(f->bytes, hand_len(&hand), &small, &got, &f->err);
    size_t held = small.taken_bytes;
    arena_done(&small);
    assert_int_equal(rc, -ENOMEM);
    assert_true(held <= 256 << 10);
    assert_refused(f, f->bytes, hand_len(&hand), -EBADMSG);
}

/* A batch written by hand: two columns, two ticks, unless a row below says otherwise. */
struct wrong {
    const char *name;
    int code; /* 0: this one is right */
    size_t run_len, table_len;
    uint64_t first, columns, further_ticks;
    struct bytes times, real, sparse, values;
};

#define BYTES(text)                                                                                                    \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }
#define RIGHT                                                                                                          \
    .run_len = RUN_BYTES, .table_len = TABLE_HASH_BYTES, .first = 1, .columns = 2, .further_ticks = 1,                 \
    .times = BYTES("\x02\x02\x00\x00"), .values = BYTES("\x02\x02\x02\x02")
#define EIGHT(last_two) "\0\0\0\0\0\0" last_two

static void put_wrong(struct hand *hand, const struct wrong *wrong)
{
    static const uint8_t id[64] = { 1 };
    put_bytes(hand, 1, id, wrong->run_len);
    put_number(hand, 2, wrong->first);
    put_bytes(hand, 3, id, wrong->table_len);
    put_number(hand, 4, wrong->columns);
    put_number(hand, 5, wrong->further_ticks);
    put_bytes(hand, 6, wrong->times.at, wrong->times.len);
    put_bytes(hand, 7, wrong->real.at, wrong->real.len);
    put_bytes(hand, 8, wrong->sparse.at, wrong->sparse.len);
    put_bytes(hand, 9, wrong->values.at, wrong->values.len);
}

/* Later initialisers override those of RIGHT, on purpose. */
#pragma GCC diagnostic ignored "-Woverride-init"
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif
static const struct wrong wrongs[] = {
    { "right as it stands", 0, RIGHT },
    { "no run", -EBADMSG, RIGHT, .run_len = 0 },
    { "run cut", -EBADMSG, RIGHT, .run_len = 15 },
    { "run long", -EBADMSG, RIGHT, .run_len = 17 },
    { "no table", -EBADMSG, RIGHT, .table_len = 0 },
    { "table long", -EBADMSG, RIGHT, .table_len = 32 },
    { "first is 0", -EBADMSG, RIGHT, .first = 0 },
    { "last passes INT64_MAX", -EBADMSG, RIGHT, .first = INT64_MAX },
    { "last reaches INT64_MAX", 0, RIGHT, .first = INT64_MAX - 1 },
    { "first is UINT64_MAX", -EBADMSG, RIGHT, .first = UINT64_MAX },
    { "no columns", -EBADMSG, RIGHT, .columns = 0 },
    { "too many columns", -EMSGSIZE, RIGHT, .columns = SERIES_MAX + 1 },
    { "as many columns as 32 bits hold", -EMSGSIZE, RIGHT, .columns = UINT32_MAX },
    { "too many ticks", -EMSGSIZE, RIGHT, .further_ticks = TICKS_MAX },
    { "as many ticks as 32 bits hold", -EMSGSIZE, RIGHT, .further_ticks = UINT32_MAX },
    { "too many values", -EMSGSIZE, RIGHT, .columns = SERIES_MAX, .further_ticks = 64 },
    { "more ticks than bytes", -EBADMSG, RIGHT, .columns = 18, .further_ticks = TICKS_MAX - 1 },
    { "no times", -EBADMSG, RIGHT, .times = BYTES("") },
    { "wall times missing", -EBADMSG, RIGHT, .times = BYTES("\x02\x80\x01\x00") },
    { "a time cut", -EBADMSG, RIGHT, .times = BYTES("\x80\x80\x80\x80") },
    { "a byte after the times", -EBADMSG, RIGHT, .times = BYTES("\x02\x02\x00\x00\x00") },
    { "time stands still", -EBADMSG, RIGHT, .times = BYTES("\x02\x00\x00\x00") },
    { "time runs back", -EBADMSG, RIGHT, .times = BYTES("\x04\x01\x00\x00") },
    { "time before 0", -EBADMSG, RIGHT, .times = BYTES("\x01\x04\x00\x00") },
    { "time out of reach", -EBADMSG, RIGHT, .times = BYTES("\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00") },
    { "time wraps around", -EBADMSG, RIGHT, .times = BYTES("\x04\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00") },
    { "no values", -EBADMSG, RIGHT, .values = BYTES("") },
    { "a value missing", -EBADMSG, RIGHT, .values = BYTES("\x02\x02\x02") },
    { "a value cut", -EBADMSG, RIGHT, .values = BYTES("\x02\x02\x02\x82") },
    { "a byte after the values", -EBADMSG, RIGHT, .values = BYTES("\x02\x02\x02\x02\x02") },
    { "the value that means absent", -EBADMSG, RIGHT,
      .values = BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02\x02") },
    { "a sum that means absent", -EBADMSG, RIGHT,
      .values = BYTES("\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x02\x02") },
    { "the value next to it", 0, RIGHT, .values = BYTES("\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02\x02") },
    { "a number of 65 bits", -EBADMSG, RIGHT, .values = BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x02\x02\x02") },
    { "a number of eleven bytes", -EBADMSG, RIGHT,
      .values = BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x02\x02\x02") },
    { "a number longer than it need be", 0, RIGHT, .values = BYTES("\x82\x80\x00\x02\x02\x02") },
    { "gaps of both columns", 0, RIGHT, .sparse = BYTES("\x00\x01"), .values = BYTES("\x02\x02\x00") },
    { "gaps out of order", -EBADMSG, RIGHT, .sparse = BYTES("\x01\x00"), .values = BYTES("\x02\x02\x00") },
    { "gaps of a column twice", -EBADMSG, RIGHT, .sparse = BYTES("\x01\x01"), .values = BYTES("\x02\x02\x00\x00") },
    { "gaps of no column", -EBADMSG, RIGHT, .sparse = BYTES("\x02"), .values = BYTES("\x02\x02\x02\x02") },
    { "a bit past the last tick", -EBADMSG, RIGHT, .sparse = BYTES("\x00"), .values = BYTES("\x04\x02\x02") },
    { "a bitmap missing", -EBADMSG, RIGHT, .sparse = BYTES("\x01"), .values = BYTES("\x80\x01\x02") },
    { "doubles", 0, RIGHT, .real = BYTES("\x01"), .values = BYTES("\x02\x02" EIGHT("\xf0\x3f") EIGHT("\xf0\xbf")) },
    { "doubles with a gap", 0, RIGHT, .real = BYTES("\x01"), .sparse = BYTES("\x01"),
      .values = BYTES("\x02\x02\x02" EIGHT("\xf0\x3f")) },
    { "doubles of no column", -EBADMSG, RIGHT, .real = BYTES("\x02") },
    { "doubles of a column twice", -EBADMSG, RIGHT, .real = BYTES("\x01\x01") },
    { "a double cut", -EBADMSG, RIGHT, .real = BYTES("\x01"), .values = BYTES("\x02\x02" EIGHT("\xf0\x3f") "\x00") },
    { "an infinite double", -EBADMSG, RIGHT, .real = BYTES("\x01"),
      .values = BYTES("\x02\x02" EIGHT("\xf0\x7f") EIGHT("\xf0\xbf")) },
    { "a double that is no number", -EBADMSG, RIGHT, .real = BYTES("\x01"),
      .values = BYTES("\x02\x02" EIGHT("\xf8\x7f") EIGHT("\xf0\xbf")) },
};

static void each_fault_within_a_batch_is_found(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct hand hand = hand_over(f->bytes, sizeof f->bytes);
        put_wrong(&hand, &wrongs[i]);
        struct batch got;
        int rc = codec_decode_batch(f->bytes, hand_len(&hand), &f->arena, &got, &f->err);
        if (rc != wrongs[i].code)
            fail_msg("%s: %d instead of %d", wrongs[i].name, rc, wrongs[i].code);
        if (rc < 0)
            assert_refused(f, f->bytes, hand_len(&hand), rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(bytes_over_the_limit_are_refused_unread),
        CODEC_TEST(a_batch_cut_anywhere_is_refused),
        CODEC_TEST(fields_of_a_later_version_are_passed_over),
        CODEC_TEST(bytes_that_are_no_field_are_refused_behind_a_batch),
        CODEC_TEST(a_flood_of_small_fields_takes_no_more_than_the_arena),
        CODEC_TEST(each_fault_within_a_batch_is_found),
    };
    return cmocka_run_group_tests_name("proto.codec.batch_fault", tests, NULL, NULL);
}
