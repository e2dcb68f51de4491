/* warroom/carry/number.h - numbers as texts have them, without losing a digit where that can be helped.
 *
 * Shape    a decimal number of up to 18 digits is kept as it was written, `digits` times 10^exponent, and can become
 *          whole multiples of a series' resolution; any other is the double next to it
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NUMBER_TEXT = 40, NUMBER_LEN_MAX = 63 };

struct number {
    bool exact;
    int exponent;   /* exact: as small as the digits need, never above 0 */
    int64_t digits; /* exact */
    double real;    /* the double next to it; NaN: absent */
};

#define NUMBER_ABSENT ((struct number){ .real = __builtin_nan("") })

/* Reads the whole of `text`: sign, digits, fraction, exponent; empty, "NaN" and "null" in any case are absent.
 * -EINVAL: not a number; -ERANGE: infinite, or too large for a double. */
int number_parse(const char *text, size_t len, struct number *ret);

/* digits times 10^exponent, the exponent within -NUMBER_LEN_MAX..0. */
struct number number_exact(int64_t digits, int exponent);

/* The number as a whole multiple of 10^exponent, exactly. False: it is none, or too large. */
bool number_fixed(const struct number *number, int exponent, int64_t *ret);

/* An instant in units of 10^-decimals seconds (0 seconds, 3 milliseconds) as microseconds, cut. False: not within
 * 1970..9999, or no exact number. */
bool number_instant(const struct number *number, int decimals, int64_t *ret_us);

/* fixed times 10^exponent without loss, "0.0617"; no exponents. Returns the length. */
size_t number_print_fixed(char text[NUMBER_TEXT], int64_t fixed, int exponent);
/* The shortest text that reads back as the same double. Returns the length. */
size_t number_print_real(char text[NUMBER_TEXT], double value);
