#include "base/scan.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct scan over(const char *text)
{
    return scan_over(text, strlen(text));
}

/* How much of the text the number took; -1: it was refused, and neither cursor nor result moved. */
static int taken_by_u64(const char *text, uint64_t *ret)
{
    struct scan scan = over(text);
    *ret = 42;
    if (scan_u64(&scan, ret))
        return (int)(scan.at - text);
    assert_ptr_equal(scan.at, text);
    assert_int_equal(*ret, 42);
    return -1;
}

static int taken_by_i64(const char *text, int64_t *ret)
{
    struct scan scan = over(text);
    *ret = 42;
    if (scan_i64(&scan, ret))
        return (int)(scan.at - text);
    assert_ptr_equal(scan.at, text);
    assert_int_equal(*ret, 42);
    return -1;
}

static int taken_by_hex(const char *text, uint64_t *ret)
{
    struct scan scan = over(text);
    *ret = 42;
    if (scan_hex64(&scan, ret))
        return (int)(scan.at - text);
    assert_ptr_equal(scan.at, text);
    assert_int_equal(*ret, 42);
    return -1;
}

static int taken_by_real(const char *text, double *ret)
{
    struct scan scan = over(text);
    *ret = 42;
    if (scan_real(&scan, ret))
        return (int)(scan.at - text);
    assert_ptr_equal(scan.at, text);
    assert_true(*ret == 42);
    return -1;
}

static void unsigned_numbers_are_read_up_to_their_last_digit(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(taken_by_u64("0", &value), 1);
    assert_int_equal(value, 0);
    assert_int_equal(taken_by_u64("007 kB", &value), 3);
    assert_int_equal(value, 7);
    assert_int_equal(taken_by_u64("18446744073709551615", &value), 20);
    assert_true(value == UINT64_MAX);
}

static void unsigned_numbers_have_no_sign_and_must_fit(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "-1", "+1", " 1", "x", "18446744073709551616", "99999999999999999999" };
    uint64_t value;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(taken_by_u64(texts[i], &value), -1);
}

static void signed_numbers_reach_both_ends(void **state)
{
    (void)state;
    int64_t value;
    assert_int_equal(taken_by_i64("-9223372036854775808", &value), 20);
    assert_true(value == INT64_MIN);
    assert_int_equal(taken_by_i64("9223372036854775807", &value), 19);
    assert_true(value == INT64_MAX);
    assert_int_equal(taken_by_i64("-0", &value), 2);
    assert_int_equal(value, 0);
    static const char *const texts[] = { "", "-", "--1", "+1", "- 1", "9223372036854775808", "-9223372036854775809" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(taken_by_i64(texts[i], &value), -1);
}

static void hexadecimal_numbers_are_read_in_either_case(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(taken_by_hex("deadBEEFg", &value), 8);
    assert_int_equal(value, 0xdeadbeef);
    assert_int_equal(taken_by_hex("ffffffffffffffff", &value), 16);
    assert_true(value == UINT64_MAX);
    assert_int_equal(taken_by_hex("0x1", &value), 1);
    assert_int_equal(taken_by_hex("10000000000000000", &value), -1);
    assert_int_equal(taken_by_hex("g", &value), -1);
    assert_int_equal(taken_by_hex("", &value), -1);
}

static void real_numbers_are_read_up_to_their_last_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int taken;
        double value;
    } rows[] = {
        { "0", 1, 0 },       { "0.25", 4, 0.25 },      { "-0.5 ", 4, -0.5 }, { ".5", 2, 0.5 },
        { "5.", 1, 5 },      { "1.2.3", 3, 1.2 },      { "1e3", 3, 1000 },   { "1E-3", 4, 1e-3 },
        { "2e+2x", 4, 200 }, { "1e", 1, 1 },           { "1e+", 1, 1 },      { "1e5e5", 3, 1e5 },
        { "1-2", 1, 1 },     { "0x10", 1, 0 },         { "1,5", 1, 1 },      { "1.7976931348623157e308", 22, DBL_MAX },
        { "1e-400", 6, 0 },  { "00012.500", 9, 12.5 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double value;
        assert_int_equal(taken_by_real(rows[i].text, &value), rows[i].taken);
        assert_true(value == rows[i].value);
    }
}

static void what_is_no_real_number_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = { "",   "-",   ".",   "-.",   "e5",    ".e5",    "+1",
                                         " 1", "inf", "nan", "-inf", "1e309", "-1e309", "infinity" };
    double value;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(taken_by_real(texts[i], &value), -1);
}

/* Once it read the first 63 digits of a longer number and left the cursor among the rest. */
static void a_real_number_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    char text[80];
    double value;
    snprintf(text, sizeof text, "%063d", 7);
    assert_int_equal(taken_by_real(text, &value), 63);
    assert_true(value == 7);
    snprintf(text, sizeof text, "%064d", 7);
    assert_int_equal(taken_by_real(text, &value), -1);
}

static void every_double_survives_being_written_and_read(void **state)
{
    (void)state;
    static const double values[] = { 0.1, 1.0 / 3, DBL_MAX, DBL_MIN, 5e-324, 123456789.123456789 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[64];
        double value;
        snprintf(text, sizeof text, "%.17g", values[i]);
        assert_int_equal(taken_by_real(text, &value), (int)strlen(text));
        assert_true(value == values[i]);
    }
}

static void nothing_is_read_past_the_end(void **state)
{
    (void)state;
    char *text = malloc(3); /* on the heap and full, so that a step too far is seen */
    assert_non_null(text);
    memcpy(text, "1e5", 3);
    struct scan scan = scan_over(text, 3);
    double real = 0;
    struct scan_text word = { 0 };
    uint64_t count = 0;
    bool ok = scan_real(&scan, &real) && scan_done(&scan);
    scan = scan_over(text, 2);
    ok = ok && scan_real(&scan, &real) && real == 1 && !scan_done(&scan);
    scan = scan_over(text, 3);
    ok = ok && !scan_literal(&scan, "1e55") && scan_word(&scan, &word) && word.len == 3;
    ok = ok && !scan_char(&scan, '\0') && !scan_u64(&scan, &count) && !scan_line(&scan, &word);
    free(text);
    assert_true(ok);
}

static void an_empty_text_may_be_null(void **state)
{
    (void)state;
    struct scan scan = scan_over(NULL, 0);
    struct scan_text piece = { .at = NULL, .len = 0 };
    double real;
    int64_t integer;
    scan_blanks(&scan);
    assert_true(scan_done(&scan));
    assert_false(scan_real(&scan, &real));
    assert_false(scan_i64(&scan, &integer));
    assert_false(scan_word(&scan, &piece));
    assert_false(scan_line(&scan, &piece));
    assert_false(scan_until(&scan, 'x', &piece));
    assert_false(scan_literal(&scan, "x"));
    assert_true(scan_literal(&scan, ""));
    assert_true(scan_text_is(piece, ""));
}

static void words_end_at_blanks_and_newlines(void **state)
{
    (void)state;
    struct scan scan = over("cpu0\t17\nrest");
    struct scan_text word;
    assert_true(scan_word(&scan, &word));
    assert_true(scan_text_is(word, "cpu0"));
    assert_false(scan_word(&scan, &word));
    assert_true(scan_text_is(word, "cpu0"));
    scan_blanks(&scan);
    scan_blanks(&scan);
    assert_true(scan_word(&scan, &word));
    assert_true(scan_text_is(word, "17"));
    assert_true(scan_char(&scan, '\n'));
    assert_true(scan_word(&scan, &word));
    assert_true(scan_text_is(word, "rest"));
    assert_true(scan_done(&scan));
}

static void lines_come_without_their_newline(void **state)
{
    (void)state;
    struct scan scan = over("one\n\nthree");
    struct scan_text line;
    assert_true(scan_line(&scan, &line));
    assert_true(scan_text_is(line, "one"));
    assert_true(scan_line(&scan, &line));
    assert_int_equal(line.len, 0);
    assert_true(scan_line(&scan, &line));
    assert_true(scan_text_is(line, "three"));
    assert_false(scan_line(&scan, &line));
    assert_true(scan_text_is(line, "three"));
}

static void until_passes_over_its_stop(void **state)
{
    (void)state;
    struct scan scan = over("eth0: 1");
    struct scan_text name = { 0 };
    assert_false(scan_until(&scan, '=', &name));
    assert_null(name.at);
    assert_true(scan_until(&scan, ':', &name));
    assert_true(scan_text_is(name, "eth0"));
    assert_int_equal(*scan.at, ' ');
}

static void literals_match_wholly_or_leave_the_cursor(void **state)
{
    (void)state;
    struct scan scan = over("some avg10=0.00");
    assert_false(scan_literal(&scan, "somewhat"));
    assert_true(scan_literal(&scan, "some"));
    assert_false(scan_char(&scan, 'a'));
    assert_true(scan_char(&scan, ' '));
    assert_true(scan_literal(&scan, "avg10="));
}

static void a_piece_is_a_text_only_as_a_whole(void **state)
{
    (void)state;
    struct scan_text piece = { "abcd", 3 };
    assert_true(scan_text_is(piece, "abc"));
    assert_false(scan_text_is(piece, "ab"));
    assert_false(scan_text_is(piece, "abcd"));
    assert_false(scan_text_is((struct scan_text){ "a\0b", 3 }, "a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers_are_read_up_to_their_last_digit),
        cmocka_unit_test(unsigned_numbers_have_no_sign_and_must_fit),
        cmocka_unit_test(signed_numbers_reach_both_ends),
        cmocka_unit_test(hexadecimal_numbers_are_read_in_either_case),
        cmocka_unit_test(real_numbers_are_read_up_to_their_last_character),
        cmocka_unit_test(what_is_no_real_number_is_refused),
        cmocka_unit_test(a_real_number_is_read_whole_or_not_at_all),
        cmocka_unit_test(every_double_survives_being_written_and_read),
        cmocka_unit_test(nothing_is_read_past_the_end),
        cmocka_unit_test(an_empty_text_may_be_null),
        cmocka_unit_test(words_end_at_blanks_and_newlines),
        cmocka_unit_test(lines_come_without_their_newline),
        cmocka_unit_test(until_passes_over_its_stop),
        cmocka_unit_test(literals_match_wholly_or_leave_the_cursor),
        cmocka_unit_test(a_piece_is_a_text_only_as_a_whole),
    };
    return cmocka_run_group_tests_name("base.scan", tests, NULL, NULL);
}
