#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Exactly as many bytes on the heap: a read past them is AddressSanitizer's. */
static size_t len_of(const char *bytes, size_t len)
{
    char *copy = test_malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    size_t got = utf8_len(copy, len);
    test_free(copy);
    return got;
}

static void the_first_and_last_character_of_each_length_is_one(void **state)
{
    (void)state;
    static const char *const characters[] = { "\x01",         "\x7f",         "\xc2\x80",         "\xdf\xbf",
                                              "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",     "\xef\xbf\xbf",
                                              "\xe7\xbd\x91", "\xc3\xb6",     "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++)
        assert_int_equal(len_of(characters[i], strlen(characters[i])), strlen(characters[i]));
    assert_int_equal(len_of("\xc3\xb6x", 3), 2);
}

static void what_is_no_character_has_no_length(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\x80",             /* a continuation alone */
        "\xc0\xaf",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xed\xbf\xbf",     /* a surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80", /* above U+10FFFF */
        "\xff",             /* never */
        "\xc3x",            /* no continuation */
        "\xe7\xbdx",        /* no continuation */
        "\xf0\x9f\x94x",    /* no continuation */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(len_of(wrong[i], strlen(wrong[i])), 0);
    assert_int_equal(len_of("", 1), 0); /* NUL */
    assert_int_equal(len_of("", 0), 0);
}

static void a_character_that_is_cut_has_no_length(void **state)
{
    (void)state;
    static const char whole[] = "\xf0\x9f\x94\xa5";
    for (size_t len = 0; len < 4; len++)
        assert_int_equal(len_of(whole, len), 0);
    assert_int_equal(len_of(whole, 4), 4);
}

static void a_cut_falls_between_characters(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xb6\xe7\xbd\x91\xf0\x9f\x94\xa5";
    static const size_t fits[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10 };
    for (size_t room = 0; room < sizeof fits / sizeof fits[0]; room++)
        assert_int_equal(utf8_cut(text, sizeof text - 1, room), fits[room]);
    assert_int_equal(utf8_cut(text, sizeof text - 1, SIZE_MAX), sizeof text - 1);
    assert_int_equal(utf8_cut("\x80\x80\x80", 3, 2), 2); /* single bytes, not half a character */
}

static void what_is_no_character_is_cleaned_to_question_marks(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
        size_t room;
    } cases[] = {
        { "", "", 20 },
        { "plain", "plain", 20 },
        { "\xc0\xaf", "??", 20 },
        { "\xed\xa0\x80", "???", 20 },
        { "\xf4\x90\x80\x80", "????", 20 },
        { "\xf0\x9f\x94\xa5!", "\xf0\x9f\x94\xa5!", 20 },
        { "\xf0\x9f\x94", "???", 20 },
        { "\xe7\xbd\x91\xe7\xbd", "\xe7\xbd\x91??", 20 },
        { "plain", "pla", 3 },
        { "a\xc3\xb6", "a", 2 },
        { "a\xff\xff", "a?", 2 },
        { "plain", "", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char apart[20], inside[20];
        size_t n = utf8_clean(apart, cases[i].room, cases[i].in, strlen(cases[i].in));
        assert_int_equal(n, strlen(cases[i].out));
        assert_memory_equal(apart, cases[i].out, n);
        memcpy(inside, cases[i].in, strlen(cases[i].in));
        assert_int_equal(utf8_clean(inside, cases[i].room, inside, strlen(cases[i].in)), n);
        assert_memory_equal(inside, cases[i].out, n);
    }
}

static void a_text_is_shown_when_nothing_in_it_controls(void **state)
{
    (void)state;
    static const struct {
        const char *text, *also;
        bool shown;
    } cases[] = {
        { "plain text", "", true },
        { "\xc3\xb6 \xe7\xbd\x91 \xf0\x9f\x94\xa5 \xc2\xa0", "", true },
        { "a\nb", "", false },
        { "a\nb\tc", "\n\t", true },
        { "a\rb", "\n\t", false },
        { "\x7f", "", false },
        { "\xc2\x85", "\n\t", false },     /* next line, C1 */
        { "\xe2\x80\xa8", "\n\t", false }, /* line separator */
        { "\xe2\x80\xa9", "", false },
        { "\xef\xbb\xbfx", "", false }, /* byte order mark */
        { "\xe2\x80\xaa", "", true },
        { "a\xff", "", false },
        { "\xe7\xbd", "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (utf8_is_shown(cases[i].text, 0, 99, cases[i].also) != cases[i].shown)
            fail_msg("case %zu", i);
    assert_true(utf8_is_shown("abc", 3, 3, ""));
    assert_false(utf8_is_shown("abc", 4, 9, ""));
    assert_false(utf8_is_shown("abc", 0, 2, ""));
    assert_true(utf8_is_shown("", 0, 2, ""));
    assert_false(utf8_is_shown("", 1, 2, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_and_last_character_of_each_length_is_one),
        cmocka_unit_test(what_is_no_character_has_no_length),
        cmocka_unit_test(a_character_that_is_cut_has_no_length),
        cmocka_unit_test(a_cut_falls_between_characters),
        cmocka_unit_test(what_is_no_character_is_cleaned_to_question_marks),
        cmocka_unit_test(a_text_is_shown_when_nothing_in_it_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
