#include "proto/codec/codec_fixture.h"

#include <errno.h>

static const uint8_t inner[] = { 1, 2, 3, 4, 5 };

static void assert_refused(const uint8_t *bytes, size_t len, int code)
{
    struct envelope envelope;
    struct envelope before;
    struct err err = { 0 };
    memset(&envelope, 0x77, sizeof envelope);
    memset(&before, 0x77, sizeof before);
    assert_int_equal(codec_decode_envelope(bytes, len, &envelope, &err), code);
    assert_int_equal(err.code, code);
    assert_true(strlen(err.text) > 0);
    assert_memory_equal(&envelope, &before, sizeof envelope);
}

static void encode(struct fixture *f, const struct envelope *envelope)
{
    assert_int_equal(codec_encode_envelope(envelope, f->bytes, sizeof f->bytes, &f->len, &f->err), 0);
}

static struct envelope decode(struct fixture *f)
{
    struct envelope envelope;
    int rc = codec_decode_envelope(f->bytes, f->len, &envelope, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    return envelope;
}

static void each_kind_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    static const struct envelope kinds[] = {
        { .kind = ENVELOPE_HANDSHAKE, .inner = { inner, sizeof inner } },
        { .kind = ENVELOPE_SEALED, .counter = 0, .inner = { inner, sizeof inner } },
        { .kind = ENVELOPE_SEALED, .counter = UINT64_MAX, .inner = { inner, 1 } },
        { .kind = ENVELOPE_NO_SESSION },
        { .kind = ENVELOPE_LEAVE, .retry_us = 0 },
        { .kind = ENVELOPE_LEAVE, .retry_us = TIME_US_MAX },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        encode(f, &kinds[i]);
        struct envelope got = decode(f);
        assert_int_equal(got.kind, kinds[i].kind);
        assert_int_equal(got.counter, kinds[i].counter);
        assert_int_equal(got.retry_us, kinds[i].retry_us);
        assert_int_equal(got.inner.len, kinds[i].inner.len);
        if (got.inner.len > 0)
            assert_memory_equal(got.inner.at, kinds[i].inner.at, got.inner.len);
    }
}

static void what_an_envelope_carries_is_borrowed_not_copied(void **state)
{
    struct fixture *f = *state;
    encode(f, &(struct envelope){ .kind = ENVELOPE_SEALED, .counter = 3, .inner = { inner, sizeof inner } });
    assert_ptr_equal(decode(f).inner.at, f->bytes + f->len - sizeof inner);
}

static void the_largest_message_fits_and_one_byte_more_does_not(void **state)
{
    struct fixture *f = *state;
    encode(f, &(struct envelope){ .kind = ENVELOPE_SEALED, .counter = 1, .inner = { f->more, MESSAGE_MAX } });
    assert_int_equal(decode(f).inner.len, MESSAGE_MAX);
    struct envelope large = { .kind = ENVELOPE_HANDSHAKE, .inner = { f->more, MESSAGE_MAX + 1 } };
    assert_int_equal(codec_encode_envelope(&large, f->bytes, sizeof f->bytes, &f->len, NULL), -EMSGSIZE);
    struct hand hand = hand_over(f->bytes, sizeof f->bytes);
    put_bytes(&hand, 1, f->more, MESSAGE_MAX + 1);
    assert_refused(f->bytes, hand_len(&hand), -EMSGSIZE);
}

static void the_buffer_may_be_exactly_as_large_as_the_envelope(void **state)
{
    struct fixture *f = *state;
    struct envelope envelope = { .kind = ENVELOPE_HANDSHAKE, .inner = { inner, sizeof inner } };
    size_t len = 99;
    assert_int_equal(codec_encode_envelope(&envelope, f->bytes, sizeof inner + 1, &len, NULL), -EMSGSIZE);
    assert_int_equal(len, 99);
    assert_int_equal(codec_encode_envelope(&envelope, f->bytes, sizeof inner + 2, &len, NULL), 0);
    assert_int_equal(len, sizeof inner + 2);
}

static void an_envelope_cut_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    encode(f, &(struct envelope){ .kind = ENVELOPE_SEALED, .counter = 300, .inner = { inner, sizeof inner } });
    for (size_t len = 0; len < f->len; len++) {
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, f->bytes, len);
        assert_refused(exact, len, -EBADMSG);
        free(exact);
    }
}

static void fields_of_a_later_version_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct hand hand = hand_over(f->bytes, sizeof f->bytes);
    put_number(&hand, 100, UINT64_MAX);
    put_bytes(&hand, 1, inner, sizeof inner);
    put_text(&hand, 5, "later");
    write_varint(&hand.writer, 6 << 3 | 1);
    write_bytes(&hand.writer, "12345678", 8);
    write_varint(&hand.writer, 7 << 3 | 5);
    write_bytes(&hand.writer, "1234", 4);
    f->len = hand_len(&hand);
    assert_int_equal(decode(f).kind, ENVELOPE_HANDSHAKE);

    static const uint8_t within[] = { 0x12, 0x08, 0x08, 0x07, 0x12, 0x01, 0xee, 0x1a, 0x01, 0x00 };
    assert_int_equal(codec_decode_envelope(within, sizeof within, &(struct envelope){ 0 }, &f->err), 0);
}

#define BYTES(text)                                                                                                    \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }

static void each_fault_of_an_envelope_is_found(void **state)
{
    (void)state;
    static const struct bytes wrong[] = {
        BYTES(""),                                                 /* nothing */
        BYTES("\x2a\x01\x00"),                                     /* a kind of a later version */
        BYTES("\x0a\x00"),                                         /* a handshake of nothing */
        BYTES("\x12\x02\x08\x01"),                                 /* sealed, without box */
        BYTES("\x12\x04\x08\x01\x12\x00"),                         /* sealed, an empty box */
        BYTES("\x0a\x01\x00\x0a\x01\x00"),                         /* a kind twice */
        BYTES("\x0a\x01\x00\x1a\x00"),                             /* two kinds */
        BYTES("\x08\x01"),                                         /* a handshake that is a number */
        BYTES("\x12\x03\x0a\x01\x00"),                             /* a counter that is bytes */
        BYTES("\x12\x02\x10\x00"),                                 /* a box that is a number */
        BYTES("\x1a\x01\xff"),                                     /* no-session with what is no field */
        BYTES("\x22\x02\x0a\x00"),                                 /* leave for bytes */
        BYTES("\x22\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), /* leave for too long */
        BYTES("\x02\x00"),                                         /* field 0 */
        BYTES("\x0b\x0c"),                                         /* a group */
        BYTES("\x0e\x00"),                                         /* a type there is not */
        BYTES("\x82\x80\x80\x80\x10\x00"),                         /* field 2^29 */
        BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), /* a length of 2^64-1 */
        BYTES("\x0a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x00"), /* a length of 65 bits */
        BYTES("\x12\x05\x08\x01\x12\x02\xee\x2a\x00"),             /* a box longer than what it is in */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_refused(wrong[i].at, wrong[i].len, -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(each_kind_comes_back_as_it_went),
        CODEC_TEST(what_an_envelope_carries_is_borrowed_not_copied),
        CODEC_TEST(the_largest_message_fits_and_one_byte_more_does_not),
        CODEC_TEST(the_buffer_may_be_exactly_as_large_as_the_envelope),
        CODEC_TEST(an_envelope_cut_anywhere_is_refused),
        CODEC_TEST(fields_of_a_later_version_are_passed_over),
        CODEC_TEST(each_fault_of_an_envelope_is_found),
    };
    return cmocka_run_group_tests_name("proto.codec.envelope", tests, NULL, NULL);
}
