#include "proto/ledger/head.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* By `openssl pkeyutl -sign -rawin` with a key of the seed 0, 1, 2 ... 31. */
static const char public_text[] = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=";
static const char head_text[] = "warroom-ledger-head-1 "
                                "AAAAAAAAAAMAAAAAAAAAAgAGYOgjUbNgIeQwmCeqAhV4oa61kyBxBYNnCglKjIpdRIZ8wbL7vqztqyDbOrFOI1"
                                "agQuNhytTxtwSA97FYxiqRlbxq47FP"
                                "53E1KC8EYK+xNvi1Z07ZmKtN9fzG96W5sUrAyo48bZwE";

static const struct ledger_head second = {
    .tenant = 3,
    .n = 2,
    .at_us = 1795400001500000,
    .hash = { { 0x21, 0xe4, 0x30, 0x98, 0x27, 0xaa, 0x02, 0x15, 0x78, 0xa1, 0xae, 0xb5, 0x93, 0x20, 0x71, 0x05,
                0x83, 0x67, 0x0a, 0x09, 0x4a, 0x8c, 0x8a, 0x5d, 0x44, 0x86, 0x7c, 0xc1, 0xb2, 0xfb, 0xbe, 0xac } },
};

static void draw_key(struct ledger_key *key, uint8_t first)
{
    uint8_t seed[LEDGER_KEY_BYTES];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(first + i);
    assert_int_equal(ledger_key_of(key, seed, NULL), 0);
}

static void a_head_is_signed_as_a_second_source_signs_it(void **state)
{
    struct ledger_key key;
    struct ledger_head head = second;
    char text[LEDGER_HEAD_TEXT + 1], public_key[LEDGER_KEY_TEXT + 1];
    (void)state;
    draw_key(&key, 0);
    ledger_head_sign(&head, &key);
    assert_string_equal(ledger_head_print(text, &head), head_text);
    assert_string_equal(ledger_public_print(public_key, &key.public_key), public_text);
    assert_true(ledger_head_holds(&head, &key.public_key));
}

static void a_line_that_was_kept_becomes_the_head_again(void **state)
{
    struct ledger_head head;
    struct ledger_public key;
    (void)state;
    assert_int_equal(ledger_head_parse(&head, head_text, strlen(head_text), NULL), 0);
    assert_int_equal(ledger_public_parse(&key, public_text, strlen(public_text), NULL), 0);
    assert_int_equal(head.tenant, 3);
    assert_int_equal(head.n, 2);
    assert_int_equal(head.at_us, second.at_us);
    assert_memory_equal(&head.hash, &second.hash, sizeof head.hash);
    assert_true(ledger_head_holds(&head, &key));
}

static void no_bit_of_a_head_can_be_changed(void **state)
{
    struct ledger_key key;
    struct ledger_head head = second;
    uint8_t bytes[LEDGER_HEAD_BYTES];
    (void)state;
    draw_key(&key, 0);
    ledger_head_sign(&head, &key);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        ledger_head_encode(&head, bytes);
        struct ledger_head changed = head;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (ledger_head_decode(bytes, &changed, NULL) == 0)
            assert_false(ledger_head_holds(&changed, &key.public_key));
        else
            assert_memory_equal(&changed, &head, sizeof head);
    }
}

static void nobody_signs_for_another_key(void **state)
{
    struct ledger_key key, other;
    struct ledger_head head = second;
    (void)state;
    draw_key(&key, 0);
    draw_key(&other, 1);
    ledger_head_sign(&head, &other);
    assert_false(ledger_head_holds(&head, &key.public_key));
    assert_true(ledger_head_holds(&head, &other.public_key));
}

static void numbers_that_no_head_has_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = { { 0, 0x80 }, { 15, 0 }, { 8, 0x80 }, { 16, 0x80 } }; /* tenant, n of none, n, time */
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t bytes[LEDGER_HEAD_BYTES];
        struct ledger_head head = { .n = 77 };
        ledger_head_encode(&second, bytes);
        bytes[wrong[i].at] = wrong[i].value;
        assert_int_equal(ledger_head_decode(bytes, &head, NULL), -EBADMSG);
        assert_int_equal(head.n, 77);
    }
}

static void text_that_is_no_head_is_refused_with_what_one_is(void **state)
{
    struct ledger_head head = { .n = 77 };
    struct ledger_public key;
    struct err err;
    char text[sizeof head_text + 1];
    (void)state;
    for (size_t len = 0; len < sizeof head_text - 1; len++)
        assert_int_equal(ledger_head_parse(&head, head_text, len, &err), -EINVAL);
    assert_non_null(strstr(err.text, "warroom-ledger-head-1 and 160 letters of base64"));
    memcpy(text, head_text, sizeof head_text);
    text[40] = '!';
    assert_int_equal(ledger_head_parse(&head, text, sizeof head_text - 1, NULL), -EINVAL);
    assert_int_equal(ledger_head_parse(&head, text, sizeof head_text, NULL), -EINVAL);
    assert_int_equal(head.n, 77);
    assert_int_equal(ledger_public_parse(&key, public_text, sizeof public_text - 2, &err), -EINVAL);
    assert_int_equal(ledger_public_parse(&key, "A6EH", 4, &err), -EINVAL);
    assert_non_null(strstr(err.text, "44 letters"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_signed_as_a_second_source_signs_it),
        cmocka_unit_test(a_line_that_was_kept_becomes_the_head_again),
        cmocka_unit_test(no_bit_of_a_head_can_be_changed),
        cmocka_unit_test(nobody_signs_for_another_key),
        cmocka_unit_test(numbers_that_no_head_has_are_refused),
        cmocka_unit_test(text_that_is_no_head_is_refused_with_what_one_is),
    };
    return cmocka_run_group_tests_name("proto.ledger.head", tests, NULL, NULL);
}
