/* base/utf8.h - where characters begin and end in text that came from outside.
 *
 * Source   RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. NUL is no character: texts of ours end
 *          there. What is no part of a character counts as single bytes.
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `at`, of which `len` bytes are there; 0: none begins there, or it is cut. */
size_t utf8_len(const char *at, size_t len);

/* How many of the `len` bytes fit in `room` without half a character at the end. */
size_t utf8_cut(const char *text, size_t len, size_t room);

/* Copies `len` bytes to `to`, those that are no part of a character as '?', at most `room` bytes and never half a
 * character; does not terminate. Returns the number written. `from` may be `to`. */
size_t utf8_clean(char *to, size_t room, const char *from, size_t len);

/* Whether a terminated text has `least`..`most` bytes, all of them part of characters that can be shown: no controls
 * (C0, DEL, C1), no separators of lines or paragraphs, no byte order mark. `also`: bytes that may come besides, "\n\t"
 * or "". */
bool utf8_is_shown(const char *text, size_t least, size_t most, const char *also);
