/* For a terminal. Chinese characters take two columns. */
#include <errno.h>
#include <string.h>
#include <wchar.h>

#include "base/auto.h"
#include "warroom/report/story.h"

enum { FACT_COLUMNS = 28, GAP = 2 };

/* Of the character at `text`, and its bytes; of the locale's character set, UTF-8 wherever reports are made. */
static unsigned columns_of(const char *text, size_t *ret_bytes)
{
    wchar_t wide;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t took = mbrtowc(&wide, text, strlen(text), &state);
    *ret_bytes = took == (size_t)-1 || took == (size_t)-2 || took == 0 ? 1 : took;
    int width = *ret_bytes == took ? wcwidth(wide) : 1;
    return width < 0 ? 1 : (unsigned)width;
}

static unsigned width_of(const char *text)
{
    unsigned width = 0;
    size_t bytes;
    for (; *text; text += bytes)
        width += columns_of(text, &bytes);
    return width;
}

/* So many bytes of the text fit the columns: to the last blank, where there is one and more comes behind. */
static size_t fit(const char *text, unsigned columns)
{
    size_t at = 0;
    size_t blank = 0;
    size_t bytes;
    for (unsigned width = 0; text[at]; at += bytes) {
        width += columns_of(text + at, &bytes);
        if (width > columns)
            return blank ? blank : at ? at : bytes;
        if (text[at] == ' ')
            blank = at + 1;
    }
    return at;
}

static void put_wrapped(FILE *out, const char *text, unsigned indent, unsigned columns)
{
    do {
        size_t n = fit(text, columns - indent);
        fprintf(out, "%.*s\n", (int)n, text);
        text += n;
        if (*text)
            fprintf(out, "%*s", (int)indent, "");
    } while (*text);
}

static void put_padded(FILE *out, const char *text, unsigned columns, bool right)
{
    unsigned width = width_of(text);
    int pad = width < columns ? (int)(columns - width) : 0;
    if (right)
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, pad, "");
}

static void put_facts(FILE *out, const struct story_block *block, unsigned columns)
{
    for (const struct story_row *row = block->rows; row; row = row->next) {
        fputs("  ", out);
        put_padded(out, row->cells[0], FACT_COLUMNS, false);
        put_wrapped(out, row->cells[1], FACT_COLUMNS + 2, columns);
    }
}

static void put_cells(FILE *out, const struct story_block *block, const unsigned *widths, const char *const *cells)
{
    for (size_t i = 0; i < block->n_columns; i++) {
        bool last = i + 1 == block->n_columns;
        const char *cell = cells ? cells[i] : block->columns[i].name;
        put_padded(out, cell, last && !block->columns[i].number ? 0 : widths[i], block->columns[i].number);
        fprintf(out, "%*s", last ? 0 : GAP, "");
    }
    fputc('\n', out);
}

static void put_table(FILE *out, const struct story_block *block)
{
    unsigned widths[STORY_COLUMNS_MAX];
    for (size_t i = 0; i < block->n_columns; i++) {
        widths[i] = width_of(block->columns[i].name);
        for (const struct story_row *row = block->rows; row; row = row->next) {
            unsigned width = width_of(row->cells[i]);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    put_cells(out, block, widths, NULL);
    for (const struct story_row *row = block->rows; row; row = row->next)
        put_cells(out, block, widths, row->cells);
}

static void put_block(FILE *out, const struct story_block *block, unsigned columns)
{
    switch (block->kind) {
    case STORY_TITLE:
        fprintf(out, "%s\n", block->text);
        put_wrapped(out, block->more, 0, columns);
        break;
    case STORY_HEADING:
        fprintf(out, "\n%s\n", block->text);
        break;
    case STORY_BANNER:
        fprintf(out, "\n%s: ", block->text);
        put_wrapped(out, block->more, 2, columns - 2);
        break;
    case STORY_TEXT:
        put_wrapped(out, block->text, 0, columns);
        break;
    case STORY_FACTS:
        put_facts(out, block, columns);
        break;
    case STORY_TABLE:
        put_table(out, block);
        break;
    case STORY_CHART:
    case STORY_PAGE:
        break;
    }
}

int story_print_text(const struct story *story, FILE *out, unsigned columns, struct err *err)
{
    if (story->failed)
        return err_set(err, -ENOMEM, "report: out of memory");
    for (const struct story_block *block = story->blocks; block; block = block->next)
        put_block(out, block, columns);
    return ferror(out) ? err_set(err, -EIO, "report: cannot write it") : 0;
}
