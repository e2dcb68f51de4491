/* warroom/command/sheet.h - what is printed on: lines and tables of at most SHEET_COLUMNS columns.
 *
 * Colour   only when the sheet has it, and never as the only sign: the word stands there too
 * Memory   printing that runs out of it stops the program: there is nothing better to say
 * Threads  one at a time
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { SHEET_COLUMNS = 100, TABLE_COLUMNS_MAX = 12 };
enum tone { TONE_PLAIN, TONE_STRONG, TONE_DIM, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_COUNT };

struct sheet {
    FILE *out;      /* borrowed */
    bool terminal;  /* pictures of block characters make sense */
    bool colour;    /* a terminal, and NO_COLOR is not set */
    int64_t now_us; /* for ages */
};

/* Text in a tone, cleaned (text_clean). */
void sheet_put(const struct sheet *sheet, enum tone tone, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct column {
    const char *head;
    bool right; /* aligned: numbers */
    int least;  /* it may be cut to this many columns, with an ellipsis; 0: never */
};

struct table; /* opaque */

/* `columns` is borrowed until the table is freed. `indent` blanks begin each line. */
struct table *table_new(const struct column *columns, size_t n, int indent);

/* The texts of this column differ by their ends: what is cut of them is the middle. */
void table_keep_ends(struct table *table, size_t column);

/* The next cell, row by row; copied and cleaned. */
void table_cell(struct table *table, enum tone tone, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints head and rows; then it is freed. Always returns NULL. */
struct table *table_print(struct table *table, const struct sheet *sheet);
