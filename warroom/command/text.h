/* warroom/command/text.h - text on a terminal: how wide it is, and what of it may be printed at all.
 *
 * Shape    UTF-8 in and out. Names come from customers' hosts: control characters (a terminal would obey them) and
 *          marks that turn the direction of writing become '?'
 * Width    in columns, as wcwidth(3) says: main() sets LC_CTYPE to a UTF-8 locale
 * Threads  pure
 */
#pragma once
#include <stddef.h>

/* A printable copy, freed by free(). NULL: out of memory. */
char *text_clean(const char *text);

/* Columns that printable text takes. */
int text_width(const char *text);

/* Bytes of the longest beginning that fits in `columns`; *ret_columns: what it takes. */
size_t text_fit(const char *text, int columns, int *ret_columns);
