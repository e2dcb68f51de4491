#include "base/scan.h"

#include <errno.h>
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

bool scan_real(struct scan *scan, double *ret)
{
    /* strtod() wants a terminator and takes inf, nan and hexadecimal; only what is decimal is handed to it. */
    char copy[64];
    size_t len = 0;
    bool digits = false;
    for (const char *at = scan->at; at < scan->end && len < sizeof copy - 1; at++) {
        bool digit = *at >= '0' && *at <= '9';
        bool after_e = len > 0 && (copy[len - 1] == 'e' || copy[len - 1] == 'E');
        bool sign = (*at == '-' || *at == '+') && (len == 0 || after_e);
        bool mark = *at == '.' || (digits && (*at == 'e' || *at == 'E'));
        if (!digit && !sign && !mark)
            break;
        digits = digits || digit;
        copy[len++] = *at;
    }
    copy[len] = '\0';
    if (!digits)
        return false;
    char *stop;
    errno = 0;
    double value = strtod(copy, &stop);
    if (stop == copy || (errno == ERANGE && (value > 1 || value < -1)))
        return false;
    scan->at += stop - copy;
    *ret = value;
    return true;
}

bool scan_literal(struct scan *scan, const char *literal)
{
    size_t len = strlen(literal);
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, literal, len) != 0)
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
    const char *found = memchr(scan->at, stop, (size_t)(scan->end - scan->at));
    if (!found)
        return false;
    *ret = (struct scan_text){ scan->at, (size_t)(found - scan->at) };
    scan->at = found + 1;
    return true;
}

bool scan_text_is(struct scan_text piece, const char *text)
{
    return strlen(text) == piece.len && memcmp(piece.at, text, piece.len) == 0;
}
