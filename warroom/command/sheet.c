/* A table holds its cells until all are known: columns are as wide as what stands in them, and when that is too much
 * for the sheet the widest of those that may be cut gives way, column by column. */
#include "warroom/command/sheet.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "warroom/command/text.h"

enum { GAP = 2 };

static const char *const tones[TONE_COUNT] = {
    [TONE_PLAIN] = "",        [TONE_STRONG] = "\x1b[1m", [TONE_DIM] = "\x1b[2m",
    [TONE_GOOD] = "\x1b[32m", [TONE_WARN] = "\x1b[33m",  [TONE_BAD] = "\x1b[1;31m",
};

struct cell {
    char *text; /* owned */
    enum tone tone;
};

struct table {
    const struct column *columns;
    size_t n_columns;
    size_t ends; /* the column whose texts are told by their ends; n_columns: none */
    int indent;
    size_t n, room;
    struct cell *cells;
};

static void *sure(void *memory)
{
    if (memory)
        return memory;
    fputs("warroom: out of memory\n", stderr);
    exit(1);
}

static char *format_clean(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static char *format_clean(const char *format, va_list args)
{
    AUTO(auto_free) char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    sure(text);
    return sure(text_clean(text));
}

static void put_toned(const struct sheet *sheet, enum tone tone, const char *text, size_t len)
{
    bool toned = sheet->colour && tone != TONE_PLAIN && len > 0;
    fprintf(sheet->out, "%s%.*s%s", toned ? tones[tone] : "", (int)len, text, toned ? "\x1b[0m" : "");
}

void sheet_put(const struct sheet *sheet, enum tone tone, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    AUTO(auto_free) char *text = format_clean(format, args);
    va_end(args);
    put_toned(sheet, tone, text, strlen(text));
}

struct table *table_new(const struct column *columns, size_t n, int indent)
{
    assert(n <= TABLE_COLUMNS_MAX);
    struct table *table = sure(calloc(1, sizeof *table));
    table->columns = columns;
    table->n_columns = n;
    table->ends = n;
    table->indent = indent;
    return table;
}

void table_keep_ends(struct table *table, size_t column)
{
    table->ends = column;
}

void table_cell(struct table *table, enum tone tone, const char *format, ...)
{
    if (table->n == table->room) {
        table->room = table->room ? table->room * 2 : 64;
        table->cells = sure(reallocarray(table->cells, table->room, sizeof *table->cells));
    }
    va_list args;
    va_start(args, format);
    table->cells[table->n++] = (struct cell){ format_clean(format, args), tone };
    va_end(args);
}

static void measure(const struct table *table, int widths[TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = text_width(table->columns[i].head);
    for (size_t i = 0; i < table->n; i++) {
        int width = text_width(table->cells[i].text);
        if (width > widths[i % table->n_columns])
            widths[i % table->n_columns] = width;
    }
}

static void squeeze(const struct table *table, int widths[TABLE_COLUMNS_MAX])
{
    int total = table->indent + GAP * ((int)table->n_columns - 1);
    for (size_t i = 0; i < table->n_columns; i++)
        total += widths[i];
    for (; total > SHEET_COLUMNS; total--) {
        size_t widest = table->n_columns;
        for (size_t i = 0; i < table->n_columns; i++) {
            int least = table->columns[i].least;
            if (least > 0 && widths[i] > least && (widest == table->n_columns || widths[i] > widths[widest]))
                widest = i;
        }
        if (widest == table->n_columns)
            return; /* nothing left to give: a wide table is better than a wrong one */
        widths[widest]--;
    }
}

static void put_blanks(FILE *out, int n)
{
    fprintf(out, "%*s", n, "");
}

/* The longest end of a text that is no wider than `width`. */
static const char *text_end(const char *text, int width)
{
    while (text_width(text) > width) {
        int used;
        size_t len = text_fit(text, 1, &used);
        text += len > 0 ? len : text_fit(text, 2, &used); /* a wide character */
    }
    return text;
}

static void put_cell(const struct sheet *sheet, const struct cell *cell, int width, bool right, bool ends, bool last)
{
    int used;
    const char *end = "";
    size_t len = text_fit(cell->text, width, &used);
    bool cut = cell->text[len] != '\0';
    if (cut) {
        end = ends ? text_end(cell->text, width / 2) : "";
        len = text_fit(cell->text, width - 1 - text_width(end), &used);
    }
    int blanks = width - used - (cut ? 1 : 0) - text_width(end);
    if (right)
        put_blanks(sheet->out, blanks);
    put_toned(sheet, cell->tone, cell->text, len);
    if (cut)
        fputs("…", sheet->out);
    put_toned(sheet, cell->tone, end, strlen(end));
    if (!right && !last) /* no blanks at the end of a line */
        put_blanks(sheet->out, blanks);
}

static void put_row(const struct table *table, const struct sheet *sheet, const struct cell *row, const int *widths)
{
    put_blanks(sheet->out, table->indent);
    for (size_t i = 0; i < table->n_columns; i++) {
        bool last = i + 1 == table->n_columns;
        put_cell(sheet, &row[i], widths[i], table->columns[i].right, i == table->ends, last);
        put_blanks(sheet->out, last ? 0 : GAP);
    }
    fputc('\n', sheet->out);
}

struct table *table_print(struct table *table, const struct sheet *sheet)
{
    struct cell heads[TABLE_COLUMNS_MAX];
    int widths[TABLE_COLUMNS_MAX];
    assert(table->n % table->n_columns == 0);
    measure(table, widths);
    squeeze(table, widths);
    for (size_t i = 0; i < table->n_columns; i++) /* heads are constant texts of ours */
        heads[i] = (struct cell){ (char *)(uintptr_t)table->columns[i].head, TONE_STRONG };
    put_row(table, sheet, heads, widths);
    for (size_t at = 0; at < table->n; at += table->n_columns)
        put_row(table, sheet, &table->cells[at], widths);
    for (size_t i = 0; i < table->n; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table);
    return NULL;
}
