#include "proto/ledger/ledger.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[LEDGER_BYTES_MAX];

static const struct ledger_entry first = { .tenant = 3,
                                           .n = 1,
                                           .at_us = 1795400000000000,
                                           .kind = "incident",
                                           .incident = 41,
                                           .actor = "alice",
                                           .body = "{\"what\":\"opened\"}" };
static const struct ledger_entry second = { .tenant = 3,
                                            .n = 2,
                                            .at_us = 1795400001500000,
                                            .kind = "event",
                                            .event = 7,
                                            .actor = "clock",
                                            .body = "{\"from\":\"armed\",\"to\":\"live\",\"why\":\"Größe\"}" };

static void hex(char *text, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", at[i]);
}

/* Worked out by Python's hashlib.blake2b(b"warroom/ledger/1" + before + bytes, digest_size=32). */
static void the_chain_is_the_one_a_second_source_works_out(void **state)
{
    static const struct {
        const struct ledger_entry *entry;
        const char *bytes, *hash;
    } links[] = {
        { &first, "01030180a0eb99829d98030029696e636964656e7400616c696365007b2277686174223a226f70656e6564227d00",
          "67d0f3c0269784a907164ad3070a0fefa543ac701a003c24735f67948f1db722" },
        { &second,
          "010302e0e6c69a829d980307006576656e7400636c6f636b007b2266726f6d223a2261726d6564222c22746f223a226c697665222c22"
          "77"
          "6879223a224772c3b6c39f65227d00",
          "21e4309827aa021578a1aeb59320710583670a094a8c8a5d44867cc1b2fbbeac" },
    };
    struct ledger_hash hash = { { 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char text[512];
        size_t len;
        assert_int_equal(ledger_encode(links[i].entry, bytes, &len, NULL), 0);
        hex(text, bytes, len);
        assert_string_equal(text, links[i].bytes);
        hash = ledger_chain(&hash, bytes, len);
        hex(text, hash.bytes, sizeof hash.bytes);
        assert_string_equal(text, links[i].hash);
    }
}

static void an_entry_comes_back_as_it_went(void **state)
{
    struct ledger_entry entry;
    size_t len;
    (void)state;
    assert_int_equal(ledger_encode(&second, bytes, &len, NULL), 0);
    assert_int_equal(ledger_decode(bytes, len, &entry, NULL), 0);
    assert_int_equal(entry.tenant, 3);
    assert_int_equal(entry.n, 2);
    assert_int_equal(entry.at_us, second.at_us);
    assert_int_equal(entry.event, 7);
    assert_int_equal(entry.incident, 0);
    assert_string_equal(entry.kind, second.kind);
    assert_string_equal(entry.actor, second.actor);
    assert_string_equal(entry.body, second.body);
}

static void the_largest_entry_fits_and_a_larger_one_is_refused(void **state)
{
    struct ledger_entry entry = { .tenant = INT64_MAX,
                                  .n = INT64_MAX,
                                  .at_us = INT64_MAX,
                                  .kind = "abcdefghijklmno",
                                  .event = INT64_MAX,
                                  .incident = INT64_MAX };
    char *body = calloc(1, LEDGER_BODY_MAX + 2);
    char actor[LEDGER_ACTOR_MAX + 2] = "";
    size_t len;
    (void)state;
    memset(actor, 'a', LEDGER_ACTOR_MAX);
    memset(body, ' ', LEDGER_BODY_MAX);
    body[0] = '{';
    body[LEDGER_BODY_MAX - 1] = '}';
    entry.actor = actor;
    entry.body = body;
    assert_int_equal(ledger_encode(&entry, bytes, &len, NULL), 0);
    assert_int_equal(ledger_decode(bytes, len, &entry, NULL), 0);
    assert_int_equal(entry.n, INT64_MAX);
    entry.actor = actor;
    entry.body = body;
    body[LEDGER_BODY_MAX - 1] = ' ';
    body[LEDGER_BODY_MAX] = '}';
    assert_int_equal(ledger_encode(&entry, bytes, &len, NULL), -EINVAL);
    entry.body = "{}";
    actor[LEDGER_ACTOR_MAX] = 'a';
    assert_int_equal(ledger_encode(&entry, bytes, &len, NULL), -EINVAL);
    free(body);
}

static void what_no_entry_can_have_is_refused(void **state)
{
    static const struct ledger_entry wrong[] = {
        { .n = 0, .kind = "page", .actor = "a", .body = "{}" },
        { .n = (uint64_t)INT64_MAX + 1, .kind = "page", .actor = "a", .body = "{}" },
        { .n = 1, .at_us = -1, .kind = "page", .actor = "a", .body = "{}" },
        { .n = 1, .kind = "", .actor = "a", .body = "{}" },
        { .n = 1, .kind = "Page", .actor = "a", .body = "{}" },
        { .n = 1, .kind = "abcdefghijklmnop", .actor = "a", .body = "{}" },
        { .n = 1, .kind = "page", .actor = "", .body = "{}" },
        { .n = 1, .kind = "page", .actor = "a", .body = "" },
        { .n = 1, .kind = "page", .actor = "a", .body = "[]" },
        { .n = 1, .kind = "page", .actor = "a", .body = "{" },
    };
    struct err err;
    size_t len = 99;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(ledger_encode(&wrong[i], bytes, &len, &err), -EINVAL);
        assert_int_equal(len, 99);
        assert_non_null(strstr(err.text, "ledger: "));
    }
}

static void bytes_that_were_changed_are_no_entry_or_another_one(void **state)
{
    struct ledger_entry entry = { .n = 77 };
    struct ledger_hash none = { { 0 } };
    size_t len;
    (void)state;
    assert_int_equal(ledger_encode(&first, bytes, &len, NULL), 0);
    struct ledger_hash whole = ledger_chain(&none, bytes, len);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(ledger_decode(bytes, cut, &entry, NULL), -EBADMSG);
    assert_int_equal(entry.n, 77);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 1;
        struct ledger_hash other = ledger_chain(&none, bytes, len);
        assert_memory_not_equal(&other, &whole, sizeof whole);
        bytes[i] ^= 1;
    }
    bytes[len] = 0;
    assert_int_equal(ledger_decode(bytes, len + 1, &entry, NULL), -EBADMSG);
    bytes[0] = 2; /* another format */
    assert_int_equal(ledger_decode(bytes, len, &entry, NULL), -EBADMSG);
}

static void a_number_has_one_encoding_only(void **state)
{
    static const uint8_t long_zero[] = "\1\3\1\0\x80\0\0page\0a\0{}"; /* event 0 in two bytes */
    static const uint8_t short_zero[] = "\1\3\1\0\0\0page\0a\0{}";
    struct ledger_entry entry;
    (void)state;
    assert_int_equal(ledger_decode(short_zero, sizeof short_zero, &entry, NULL), 0);
    assert_int_equal(ledger_decode(long_zero, sizeof long_zero, &entry, NULL), -EBADMSG);
}

static void the_hash_takes_in_the_one_before(void **state)
{
    struct ledger_hash none = { { 0 } };
    size_t len;
    (void)state;
    assert_int_equal(ledger_encode(&first, bytes, &len, NULL), 0);
    struct ledger_hash one = ledger_chain(&none, bytes, len);
    struct ledger_hash two = ledger_chain(&one, bytes, len);
    assert_memory_not_equal(&one, &two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_is_the_one_a_second_source_works_out),
        cmocka_unit_test(an_entry_comes_back_as_it_went),
        cmocka_unit_test(the_largest_entry_fits_and_a_larger_one_is_refused),
        cmocka_unit_test(what_no_entry_can_have_is_refused),
        cmocka_unit_test(bytes_that_were_changed_are_no_entry_or_another_one),
        cmocka_unit_test(a_number_has_one_encoding_only),
        cmocka_unit_test(the_hash_takes_in_the_one_before),
    };
    return cmocka_run_group_tests_name("proto.ledger", tests, NULL, NULL);
}
