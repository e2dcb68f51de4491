#include "warroom/report/story.h"

#include <assert.h>
#include <string.h>

#include "base/utf8.h"

void story_init(struct story *story, const char *language, const char *foot)
{
    *story = (struct story){ .language = language, .foot = foot };
    arena_init(&story->arena, STORY_BYTES_MAX);
}

void story_done(struct story *story)
{
    arena_done(&story->arena);
    story->blocks = NULL;
}

/* Never NULL: what there is no room for is empty, and the story has failed. */
static const char *keep(struct story *story, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    char *kept = arena_alloc(&story->arena, 3 * len + 1, 1); /* a byte may become three */
    if (!kept) {
        story->failed = true;
        return "";
    }
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t took = utf8_len(text + i, len - i);
        bool good = took > 0 && (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
        const char *from = good ? text + i : "\xef\xbf\xbd";
        size_t size = good ? took : 3;
        memcpy(kept + n, from, size);
        n += size;
        i += took ? took : 1;
    }
    return kept;
}

static struct story_block *add(struct story *story, enum story_kind kind)
{
    struct story_block *block = arena_alloc(&story->arena, 1, sizeof *block);
    if (!block) {
        story->failed = true;
        return NULL;
    }
    block->kind = kind;
    block->last_row = &block->rows;
    if (story->last)
        story->last->next = block;
    else
        story->blocks = block;
    story->last = block;
    return block;
}

static void add_text(struct story *story, enum story_kind kind, enum story_tone tone, const char *text,
                     const char *more)
{
    struct story_block *block = add(story, kind);
    if (!block)
        return;
    block->tone = tone;
    block->text = keep(story, text);
    block->more = keep(story, more);
}

void story_title(struct story *story, const char *title, const char *under)
{
    add_text(story, STORY_TITLE, TONE_PLAIN, title, under);
}

void story_heading(struct story *story, const char *text)
{
    add_text(story, STORY_HEADING, TONE_PLAIN, text, NULL);
}

void story_banner(struct story *story, enum story_tone tone, const char *word, const char *sentence)
{
    add_text(story, STORY_BANNER, tone, word, sentence);
}

void story_text(struct story *story, const char *text)
{
    add_text(story, STORY_TEXT, TONE_PLAIN, text, NULL);
}

void story_page(struct story *story)
{
    add(story, STORY_PAGE);
}

/* ---- rows ---- */

static void add_row(struct story *story, struct story_block *block, enum story_tone tone, const char *const *cells)
{
    struct story_row *row = arena_alloc(&story->arena, 1, sizeof *row);
    const char **kept = arena_alloc(&story->arena, block->n_columns, sizeof *kept);
    if (!row || !kept) {
        story->failed = true;
        return;
    }
    for (size_t i = 0; i < block->n_columns; i++)
        kept[i] = keep(story, cells[i]);
    *row = (struct story_row){ .tone = tone, .cells = kept };
    *block->last_row = row;
    block->last_row = &row->next;
}

void story_fact(struct story *story, const char *name, const char *value)
{
    struct story_block *block = story->last;
    if (!block || block->kind != STORY_FACTS)
        block = add(story, STORY_FACTS);
    if (!block)
        return;
    block->n_columns = 2;
    add_row(story, block, TONE_PLAIN, (const char *const[]){ name, value });
}

void story_table(struct story *story, const struct story_column *columns, size_t n)
{
    assert(n > 0 && n <= STORY_COLUMNS_MAX);
    struct story_block *block = add(story, STORY_TABLE);
    if (!block)
        return;
    block->n_columns = n;
    for (size_t i = 0; i < n; i++) {
        block->columns[i] = columns[i];
        block->columns[i].name = keep(story, columns[i].name);
    }
}

void story_row(struct story *story, enum story_tone tone, const char *const *cells)
{
    struct story_block *block = story->last;
    if (story->failed)
        return;
    assert(block && block->kind == STORY_TABLE);
    add_row(story, block, tone, cells);
}

/* ---- charts ---- */

static const double *keep_values(struct story *story, const double *values, size_t n)
{
    double *kept = values && n > 0 ? arena_alloc(&story->arena, n, sizeof *kept) : NULL;
    if (kept)
        memcpy(kept, values, n * sizeof *kept);
    else if (values && n > 0)
        story->failed = true;
    return kept;
}

static void keep_steps(struct story *story, struct chart_steps *steps)
{
    steps->low = keep_values(story, steps->low, steps->n);
    steps->value = keep_values(story, steps->value, steps->n);
    steps->high = keep_values(story, steps->high, steps->n);
    if (!steps->value)
        steps->n = 0;
}

void story_chart(struct story *story, const struct chart *chart)
{
    struct story_block *block = add(story, STORY_CHART);
    if (!block)
        return;
    block->chart = *chart;
    keep_steps(story, &block->chart.seen);
    keep_steps(story, &block->chart.ahead);
}
