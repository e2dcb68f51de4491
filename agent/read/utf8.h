/* agent/read/utf8.h - names from outside made fit to be shown: interfaces and mount points may hold any bytes. */
#pragma once
#include <stddef.h>

/* Copies `len` bytes to `to`, those that are not UTF-8 as '?', at most `room` bytes and never half a character; does
 * not terminate. Returns the number written. `from` and `to` may be the same. */
size_t utf8_clean(char *to, size_t room, const char *from, size_t len);
