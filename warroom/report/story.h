/* warroom/report/story.h - a report told once, and printed as text, HTML and PDF: so its figures are the same in all.
 *
 * Shape    blocks in the order they are read: title, headings, a banner with the verdict, paragraphs, facts, tables,
 *          charts, page breaks. Facts in a row become one block, so do rows of a table
 * Texts    UTF-8, copied; what is none, and control characters, become the replacement character
 * Owner    story_init() in the caller's memory, story_done() frees all
 * Errors   a story that ran out of memory (STORY_BYTES_MAX) says so when it is printed: -ENOMEM
 * Threads  one at a time
 */
#pragma once
#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "warroom/report/chart.h"

enum { STORY_BYTES_MAX = 64 << 20, STORY_COLUMNS_MAX = 10 };

enum story_tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_UNKNOWN, TONE_COUNT };

enum story_kind {
    STORY_TITLE,
    STORY_HEADING,
    STORY_BANNER,
    STORY_TEXT,
    STORY_FACTS,
    STORY_TABLE,
    STORY_CHART,
    STORY_PAGE
};

struct story_column {
    const char *name;
    bool number;  /* set to the right */
    double share; /* of the width, of all columns' together */
};

struct story_row { /* of facts: name and value; of a table: a cell a column */
    struct story_row *next;
    enum story_tone tone; /* of the first cell */
    const char **cells;
};

struct story_block {
    struct story_block *next;
    enum story_kind kind;
    enum story_tone tone;
    const char *text, *more; /* title and the line under it; the banner's word and sentence */
    size_t n_columns;
    struct story_column columns[STORY_COLUMNS_MAX];
    struct story_row *rows, **last_row;
    struct chart chart;
};

struct story {
    struct arena arena;
    const char *language; /* "en", "zh-CN": of HTML, and for hyphens and fonts */
    const char *foot;     /* of each page; %d is its number */
    struct story_block *blocks, *last; /* the newest is the last */
    bool failed;
};

void story_init(struct story *story, const char *language, const char *foot);
void story_done(struct story *story);

void story_title(struct story *story, const char *title, const char *under);
void story_heading(struct story *story, const char *text);
void story_banner(struct story *story, enum story_tone tone, const char *word, const char *sentence);
void story_text(struct story *story, const char *text);
void story_fact(struct story *story, const char *name, const char *value);
/* n columns, at most STORY_COLUMNS_MAX; rows follow. */
void story_table(struct story *story, const struct story_column *columns, size_t n);
void story_row(struct story *story, enum story_tone tone, const char *const *cells);
/* Its arrays are copied. */
void story_chart(struct story *story, const struct chart *chart);
void story_page(struct story *story);

/* For a terminal, `columns` wide; charts are left out, their figures stand in the text. */
int story_print_text(const struct story *story, FILE *out, unsigned columns, struct err *err);
/* One file that needs no other: charts are SVG within, there is no script. */
int story_print_html(const struct story *story, FILE *out, struct err *err);
/* A4. */
int story_print_pdf(const struct story *story, FILE *out, struct err *err);
