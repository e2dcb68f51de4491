#include "base/scan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void scan_blanks(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t'))
        scan->at++;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

static bool scan_digits(struct scan *scan, unsigned base, uint64_t *ret)
{
    const char *at = scan->at;
    uint64_t value = 0;
    while (at < scan->end && (unsigned)digit_of(*at) < base) {
        uint64_t digit = (unsigned)digit_of(*at);
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
        at++;
    }
    if (at == scan->at)
        return false;
    scan->at = at;
    *ret = value;
    return true;
}

bool scan_u64(struct scan *scan, uint64_t *ret)
{
    return scan_digits(scan, 10, ret);
}

bool scan_hex64(struct scan *scan, uint64_t *ret)
{
    return scan_digits(scan, 16, ret);
}

bool scan_i64(struct scan *scan, int64_t *ret)
{
    struct scan ahead = *scan;
    bool negative = scan_char(&ahead, '-');
    uint64_t size;
    if (!scan_digits(&ahead, 10, &size) || size > (uint64_t)INT64_MAX + negative)
        return false;
    *scan = ahead;
    *ret = negative ? (int64_t)-size : (int64_t)size;
    return true;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Where the decimal number at the start ends; at the start itself when there is none. */
static const char *end_of_real(const struct scan *scan)
{
    const char *whole = scan->at + (scan->at < scan->end && *scan->at == '-');
    const char *at = skip_digits(whole, scan->end);
    bool has_digits = at > whole;
    if (at < scan->end && *at == '.') {
        const char *fraction = skip_digits(at + 1, scan->end);
        if (fraction > at + 1) {
            has_digits = true;
            at = fraction;
        }
    }
    if (!has_digits)
        return scan->at;
    if (at < scan->end && (*at == 'e' || *at == 'E')) {
        const char *power = at + 1;
        power += power < scan->end && (*power == '-' || *power == '+');
        const char *stop = skip_digits(power, scan->end);
        if (stop > power)
            at = stop;
    }
    return at;
}

bool scan_real(struct scan *scan, double *ret)
{
    /* strtod() wants a terminator and takes inf, nan, hexadecimal and blanks; only what is decimal is handed to it.
     * It follows LC_NUMERIC, which our programs leave at "C". */
    char copy[64];
    size_t len = (size_t)(end_of_real(scan) - scan->at);
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, scan->at, len);
    copy[len] = '\0';
    double value = strtod(copy, NULL);
    if (isinf(value)) /* too large; too small is 0, or as near to it as a double gets */
        return false;
    scan->at += len;
    *ret = value;
    return true;
}

bool scan_literal(struct scan *scan, const char *literal)
{
    size_t len = strlen(literal);
    if ((size_t)(scan->end - scan->at) < len || (len > 0 && memcmp(scan->at, literal, len) != 0))
        return false;
    scan->at += len;
    return true;
}

bool scan_char(struct scan *scan, char c)
{
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

bool scan_word(struct scan *scan, struct scan_text *ret)
{
    const char *at = scan->at;
    while (at < scan->end && *at != ' ' && *at != '\t' && *at != '\n')
        at++;
    if (at == scan->at)
        return false;
    *ret = (struct scan_text){ scan->at, (size_t)(at - scan->at) };
    scan->at = at;
    return true;
}

bool scan_line(struct scan *scan, struct scan_text *ret)
{
    if (scan_done(scan))
        return false;
    const char *newline = memchr(scan->at, '\n', (size_t)(scan->end - scan->at));
    const char *stop = newline ? newline : scan->end;
    *ret = (struct scan_text){ scan->at, (size_t)(stop - scan->at) };
    scan->at = newline ? newline + 1 : stop;
    return true;
}

bool scan_until(struct scan *scan, char stop, struct scan_text *ret)
{
    if (scan_done(scan)) /* may be over NULL, which memchr() must not see */
        return false;
    const char *found = memchr(scan->at, stop, (size_t)(scan->end - scan->at));
    if (!found)
        return false;
    *ret = (struct scan_text){ scan->at, (size_t)(found - scan->at) };
    scan->at = found + 1;
    return true;
}

bool scan_text_is(struct scan_text piece, const char *text)
{
    return strlen(text) == piece.len && (piece.len == 0 || memcmp(piece.at, text, piece.len) == 0);
}
