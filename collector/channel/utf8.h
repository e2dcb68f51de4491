/* collector/channel/utf8.h - text that may have been cut within a character, made fit for JSON.
 *
 * Source   RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF
 * Threads  pure
 */
#pragma once
#include <stddef.h>

/* A copy in which every byte that is no part of a character is a '?'; freed by free(). NULL: out of memory. */
char *utf8_repair(const char *text);
