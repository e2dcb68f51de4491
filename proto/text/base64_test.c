#include "proto/text/base64.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void the_examples_of_the_rfc_hold(void **state)
{
    static const char *const pairs[][2] = { { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" } };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[BASE64_TEXT(6)];
        uint8_t bytes[BASE64_BYTES(8)];
        size_t n = strlen(pairs[i][0]);
        assert_int_equal(base64_encode(text, (const uint8_t *)pairs[i][0], n), strlen(pairs[i][1]));
        assert_string_equal(text, pairs[i][1]);
        size_t back = 99;
        assert_int_equal(base64_decode(bytes, text, strlen(text), &back), 0);
        assert_int_equal(back, n);
        assert_memory_equal(bytes, pairs[i][0], n);
    }
}

static void every_byte_comes_back(void **state)
{
    uint8_t bytes[256], again[BASE64_BYTES(BASE64_TEXT(256))];
    char text[BASE64_TEXT(sizeof bytes)];
    size_t n;
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    size_t len = base64_encode(text, bytes, sizeof bytes);
    assert_int_equal(len + 1, sizeof text);
    assert_int_equal(base64_decode(again, text, len, &n), 0);
    assert_int_equal(n, sizeof bytes);
    assert_memory_equal(again, bytes, sizeof bytes);
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = { "Z",    "Zg",       "Zg=",  "Zm9v\n", "Zm 9", "====",
                                         "Z===", "Zg==Zg==", "Zm9_", "Zh==",   "Zm9=" };
    uint8_t bytes[16];
    size_t n;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(base64_decode(bytes, texts[i], strlen(texts[i]), &n), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_hold),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(what_is_no_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
