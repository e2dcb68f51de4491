#include "warroom/carry/number.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct number parsed(const char *text)
{
    struct number number = { .real = -1 };
    assert_int_equal(number_parse(text, strlen(text), &number), 0);
    return number;
}

static void a_decimal_is_kept_digit_by_digit(void **state)
{
    static const struct {
        const char *text;
        int64_t digits;
        int exponent;
        double real;
    } cases[] = {
        { "0.061728", 61728, -6, 0.061728 },
        { "100", 100, 0, 100 },
        { "1.50", 15, -1, 1.5 },
        { "-7", -7, 0, -7 },
        { "+.5", 5, -1, 0.5 },
        { "5.", 5, 0, 5 },
        { "0", 0, 0, 0 },
        { "-0.000", 0, 0, 0 },
        { "1e3", 1000, 0, 1000 },
        { "1.25E-2", 125, -4, 0.0125 },
        { "12.5e1", 125, 0, 125 },
        { "1e+2", 100, 0, 100 },
        { "000000000000000000000012", 12, 0, 12 },
        { "123456789012345678", 123456789012345678, 0, 123456789012345678.0 },
        { "0.100000000000000000000000", 1, -1, 0.1 },
        { "84429889536", 84429889536, 0, 84429889536.0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct number number = parsed(cases[i].text);
        assert_true(number.exact);
        assert_int_equal(number.digits, cases[i].digits);
        assert_int_equal(number.exponent, cases[i].exponent);
        assert_true(number.real == cases[i].real);
    }
}

static void what_has_too_many_digits_is_the_double_next_to_it(void **state)
{
    static const char *const texts[] = {
        "0.1234567890123456789", "1e300", "1e-300", "3.14159265358979323846", "12345678901234567890",
        "9007199254740993.5",    "1e19"
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(parsed(texts[i]).real == strtod(texts[i], NULL));
    assert_false(parsed("1e300").exact);
    assert_false(parsed("0.1234567890123456789").exact);
}

static void absence_has_three_spellings(void **state)
{
    static const char *const texts[] = { "", "NaN", "nan", "null", "NULL" };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(isnan(parsed(texts[i]).real) && !parsed(texts[i]).exact);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {
        "x", "1x", "1 ", " 1", "1e", "1e1.5", "-", "+", ".", "e5", "0x10", "1,5", "--1"
    };
    static const char *const infinite[] = { "inf", "-Inf", "+infinity", "1e400", "-1e999999999999999999" };
    struct number number = { .real = 42 };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(number_parse(texts[i], strlen(texts[i]), &number), -EINVAL);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(number_parse(infinite[i], strlen(infinite[i]), &number), -ERANGE);
    assert_true(number.real == 42); /* untouched */
    char long_one[NUMBER_LEN_MAX + 2];
    memset(long_one, '1', sizeof long_one);
    assert_int_equal(number_parse(long_one, sizeof long_one, &number), -EINVAL);
}

static void a_number_fits_a_resolution_or_it_does_not(void **state)
{
    struct number number = parsed("0.0617");
    int64_t fixed;
    (void)state;
    assert_true(number_fixed(&number, -4, &fixed));
    assert_int_equal(fixed, 617);
    assert_true(number_fixed(&number, -6, &fixed));
    assert_int_equal(fixed, 61700);
    assert_false(number_fixed(&number, -3, &fixed));
    number = parsed("123456789012345678");
    assert_false(number_fixed(&number, -2, &fixed)); /* it would overflow */
    number = parsed("1e300");
    assert_false(number_fixed(&number, 0, &fixed));
}

static void instants_come_in_seconds_and_in_milliseconds(void **state)
{
    struct number number = parsed("1525401385000");
    int64_t at_us;
    (void)state;
    assert_true(number_instant(&number, 3, &at_us));
    assert_int_equal(at_us, 1525401385000000);
    number = parsed("1598578720.25");
    assert_true(number_instant(&number, 0, &at_us));
    assert_int_equal(at_us, 1598578720250000);
    number = parsed("1.00000099999"); /* cut at the microsecond */
    assert_true(number_instant(&number, 0, &at_us));
    assert_int_equal(at_us, 1000000);
    number = parsed("-1");
    assert_false(number_instant(&number, 0, &at_us));
    number = parsed("1525401385000000"); /* microseconds, taken for milliseconds */
    assert_false(number_instant(&number, 3, &at_us));
    number = parsed("1e300");
    assert_false(number_instant(&number, 0, &at_us));
}

static void fixed_point_is_printed_without_loss_or_needless_zeros(void **state)
{
    static const struct {
        int64_t fixed;
        int exponent;
        const char *text;
    } cases[] = { { 61728, -6, "0.061728" },
                  { 61700, -6, "0.0617" },
                  { 0, -4, "0" },
                  { -5, -3, "-0.005" },
                  { 1500, -2, "15" },
                  { 7, 2, "700" },
                  { 0, 3, "0" },
                  { 42, 0, "42" },
                  { INT64_MAX, 0, "9223372036854775807" },
                  { 1, -12, "0.000000000001" },
                  { -INT64_MAX, -12, "-9223372.036854775807" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[NUMBER_TEXT];
        assert_int_equal(number_print_fixed(text, cases[i].fixed, cases[i].exponent), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void every_double_reads_back_as_itself(void **state)
{
    static const double values[] = { 0.1, 1.0 / 3, 1e300, 5e-324, 0.30000000000000004, 123456789.123456789 };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[NUMBER_TEXT];
        number_print_real(text, values[i]);
        assert_true(parsed(text).real == values[i]);
    }
    char text[NUMBER_TEXT];
    number_print_real(text, 0.1);
    assert_string_equal(text, "0.1");
}

static void exact_numbers_come_back_from_their_digits(void **state)
{
    (void)state;
    assert_true(number_exact(61728, -6).real == 0.061728);
    assert_true(number_exact(123456789012345678, -12).real == 123456.789012345678);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decimal_is_kept_digit_by_digit),
        cmocka_unit_test(what_has_too_many_digits_is_the_double_next_to_it),
        cmocka_unit_test(absence_has_three_spellings),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(a_number_fits_a_resolution_or_it_does_not),
        cmocka_unit_test(instants_come_in_seconds_and_in_milliseconds),
        cmocka_unit_test(fixed_point_is_printed_without_loss_or_needless_zeros),
        cmocka_unit_test(every_double_reads_back_as_itself),
        cmocka_unit_test(exact_numbers_come_back_from_their_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
