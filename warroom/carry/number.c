#include "warroom/carry/number.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/scan.h"

enum {
    DIGITS_MAX = 18,        /* always fit an int64_t */
    POWER_EXACT = 22,       /* powers of ten up to this one are doubles themselves */
    EXPONENT_LEAST = -1000, /* past it a double is 0 anyway */
};
#define DOUBLE_EXACT (INT64_C(1) << 53)
#define END_US       (INT64_C(253402300800) * US_PER_S) /* the year 10000 */

static double power_of_ten(int n)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    return powers[n];
}

/* Multiplies without overflow. */
static bool shift(int64_t *digits, int by)
{
    for (; by > 0; by--)
        if (__builtin_mul_overflow(*digits, 10, digits))
            return false;
    return true;
}

struct decimal { /* while it is read */
    int64_t digits;
    int n;        /* significant ones in `digits` */
    int exponent; /* of the last of them */
    bool more;    /* further ones that are not 0 were left out */
    bool any;     /* there was a digit at all */
};

static void take_digit(struct decimal *decimal, char c, bool fraction)
{
    decimal->any = true;
    if (decimal->n >= DIGITS_MAX) {
        decimal->more = decimal->more || c != '0';
        decimal->exponent += !fraction;
        return;
    }
    decimal->digits = decimal->digits * 10 + (c - '0');
    decimal->n += decimal->digits != 0;
    decimal->exponent -= fraction;
}

static const char *take_digits(struct decimal *decimal, const char *at, const char *end, bool fraction)
{
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        take_digit(decimal, *at, fraction);
    return at;
}

static bool take_exponent(struct decimal *decimal, const char **at, const char *end)
{
    if (*at == end || (**at | 0x20) != 'e')
        return true;
    struct scan scan = scan_over(*at + 1, (size_t)(end - *at - 1));
    int64_t exponent;
    scan_char(&scan, '+');
    if (!scan_i64(&scan, &exponent))
        return false;
    *at = scan.at;
    decimal->exponent += (int)(exponent < EXPONENT_LEAST    ? EXPONENT_LEAST
                               : exponent > -EXPONENT_LEAST ? -EXPONENT_LEAST
                                                            : exponent);
    return true;
}

/* No zeros at the end of a fraction, nothing but digits of a whole number. False: it has too many. */
static bool tidy(struct decimal *decimal)
{
    while (decimal->exponent < 0 && decimal->digits % 10 == 0 && decimal->digits != 0) {
        decimal->digits /= 10;
        decimal->exponent++;
    }
    if (decimal->digits == 0)
        decimal->exponent = 0;
    if (decimal->exponent > 0) {
        if (decimal->exponent > DIGITS_MAX || !shift(&decimal->digits, decimal->exponent))
            return false;
        decimal->exponent = 0;
    }
    return true;
}

/* Both are doubles as they are, and so the quotient is the nearest one (Clinger 1990, the easy case). */
static bool easy_real(const struct number *number, double *ret)
{
    if (llabs(number->digits) > DOUBLE_EXACT || number->exponent < -POWER_EXACT)
        return false;
    *ret = (double)number->digits / power_of_ten(-number->exponent);
    return true;
}

static bool slow_real(const char *text, size_t len, double *ret)
{
    char copy[NUMBER_LEN_MAX + 1];
    memcpy(copy, text, len);
    copy[len] = '\0';
    *ret = strtod(copy, NULL); /* the locale is C's: main() sets but LC_CTYPE */
    return isfinite(*ret);
}

struct number number_exact(int64_t digits, int exponent)
{
    char text[NUMBER_LEN_MAX + 1];
    struct number number = { .exact = true, .exponent = exponent, .digits = digits };
    if (!easy_real(&number, &number.real))
        slow_real(text, (size_t)snprintf(text, sizeof text, "%" PRId64 "e%d", digits, exponent), &number.real);
    return number;
}

static bool is_word(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static int parse_word(const char *text, size_t len, struct number *ret)
{
    bool sign = len > 0 && (*text == '-' || *text == '+');
    if (is_word(text + sign, len - sign, "inf") || is_word(text + sign, len - sign, "infinity"))
        return -ERANGE;
    if (len > 0 && !is_word(text, len, "nan") && !is_word(text, len, "null"))
        return -EINVAL;
    *ret = NUMBER_ABSENT;
    return 0;
}

int number_parse(const char *text, size_t len, struct number *ret)
{
    const char *at = text;
    const char *end = len ? text + len : text;
    struct decimal decimal = { 0 };
    bool minus = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    at = take_digits(&decimal, at, end, false);
    if (at < end && *at == '.')
        at = take_digits(&decimal, at + 1, end, true);
    if (!decimal.any)
        return parse_word(text, len, ret);
    if (!take_exponent(&decimal, &at, end) || at != end || len > NUMBER_LEN_MAX)
        return -EINVAL;
    struct number number = { .exact = !decimal.more && tidy(&decimal) };
    if (number.exact) {
        number.digits = minus ? -decimal.digits : decimal.digits;
        number.exponent = decimal.exponent;
    }
    if (!(number.exact && easy_real(&number, &number.real)) && !slow_real(text, len, &number.real))
        return -ERANGE;
    *ret = number;
    return 0;
}

bool number_fixed(const struct number *number, int exponent, int64_t *ret)
{
    int64_t fixed = number->digits;
    if (!number->exact || number->exponent < exponent || !shift(&fixed, number->exponent - exponent))
        return false;
    *ret = fixed;
    return fixed != INT64_MIN;
}

bool number_instant(const struct number *number, int decimals, int64_t *ret_us)
{
    if (!number->exact || number->digits < 0)
        return false;
    int64_t us = number->digits;
    int by = number->exponent + 6 - decimals;
    for (; by < 0 && us > 0; by++)
        us /= 10;
    if (by > 0 && !shift(&us, by))
        return false;
    *ret_us = us;
    return us < END_US;
}

size_t number_print_fixed(char text[NUMBER_TEXT], int64_t fixed, int exponent)
{
    char reversed[NUMBER_TEXT];
    size_t n = 0;
    uint64_t rest = fixed < 0 ? 0 - (uint64_t)fixed : (uint64_t)fixed;
    int decimals = exponent < 0 ? -exponent : 0;
    for (; rest % 10 == 0 && decimals > 0 && rest > 0; decimals--)
        rest /= 10;
    for (int i = 0; exponent > i && rest > 0; i++)
        reversed[n++] = '0';
    if (rest == 0)
        decimals = 0;
    int digits = 0;
    do {
        if (digits == decimals && decimals > 0)
            reversed[n++] = '.';
        reversed[n++] = (char)('0' + rest % 10);
        rest /= 10;
        digits++;
    } while (rest > 0 || digits <= decimals);
    if (fixed < 0)
        reversed[n++] = '-';
    for (size_t i = 0; i < n; i++)
        text[i] = reversed[n - 1 - i];
    text[n] = '\0';
    return n;
}

size_t number_print_real(char text[NUMBER_TEXT], double value)
{
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)n;
}
