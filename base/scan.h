/* base/scan.h - reading text that came from outside, one checked step at a time.
 *
 * Shape    a cursor over (pointer, length); the text is borrowed and need not be terminated; NULL is an empty text
 * Errors   every step returns true and moves the cursor, or returns false and leaves cursor and result as they were
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan {
    const char *at;
    const char *end;
};

struct scan_text { /* borrowed: a piece of the scanned text, not terminated */
    const char *at;
    size_t len;
};

static inline struct scan scan_over(const char *text, size_t len)
{
    return (struct scan){ text, len > 0 ? text + len : text };
}

static inline bool scan_done(const struct scan *scan)
{
    return scan->at == scan->end;
}

/* Skips spaces and tabs, none included. Never fails. */
void scan_blanks(struct scan *scan);

/* One or more digits that fit; no sign for u64, an optional '-' for i64. */
bool scan_u64(struct scan *scan, uint64_t *ret);
bool scan_i64(struct scan *scan, int64_t *ret);
/* Hexadecimal digits without a prefix. */
bool scan_hex64(struct scan *scan, uint64_t *ret);
/* A decimal number of at most 63 characters: an optional '-', digits with an optional fraction (".5" too), an optional
 * exponent. Never inf, nan or hexadecimal; false when it is too large for a double. */
bool scan_real(struct scan *scan, double *ret);

/* Exactly these characters. */
bool scan_literal(struct scan *scan, const char *literal);
bool scan_char(struct scan *scan, char c);

/* One or more bytes up to a space, tab, newline or the end. */
bool scan_word(struct scan *scan, struct scan_text *ret);
/* The rest of this line, without its newline, which is passed over. False at the end of the text. */
bool scan_line(struct scan *scan, struct scan_text *ret);
/* Everything before `stop`, which is passed over. False when there is none before the end of the text. */
bool scan_until(struct scan *scan, char stop, struct scan_text *ret);

/* Whether the piece is exactly this text. */
bool scan_text_is(struct scan_text piece, const char *text);
