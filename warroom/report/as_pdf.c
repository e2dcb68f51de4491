/* A4. A block that does not fit what is left of a page goes on the next; a table goes on there under its heads. */
#include <cairo-pdf.h>
#include <errno.h>
#include <math.h>

#include "warroom/report/story.h"

#define PAGE_WIDTH   595.28
#define PAGE_HEIGHT  841.89
#define MARGIN       51.0
#define TEXT_WIDTH   (PAGE_WIDTH - 2 * MARGIN)
#define FOOT_Y       (PAGE_HEIGHT - 36)
#define CHART_HEIGHT 190.0
#define CELL_PAD     4.0

struct pages {
    cairo_t *cairo;
    const struct story *story;
    double y;
    int number;
};

static const enum ink tones[TONE_COUNT] = { INK_TEXT, INK_GOOD, INK_WARN, INK_BAD, INK_UNKNOWN };

/* ---- pages ---- */

static void put_foot(const struct pages *pages)
{
    const struct ink_style left = { .size = 8, .ink = INK_FAINT };
    const struct ink_style right = { .size = 8, .ink = INK_FAINT, .align = INK_RIGHT };
    char number[16];
    snprintf(number, sizeof number, "%d", pages->number);
    ink_text(pages->cairo, &left, MARGIN, FOOT_Y, pages->story->foot);
    ink_text(pages->cairo, &right, PAGE_WIDTH - MARGIN, FOOT_Y, number);
}

static void next_page(struct pages *pages)
{
    put_foot(pages);
    cairo_show_page(pages->cairo);
    pages->number++;
    pages->y = MARGIN;
}

/* Whether it had to turn the page. */
static bool want(struct pages *pages, double height)
{
    bool turn = pages->y + height > FOOT_Y - 12 && pages->y > MARGIN;
    if (turn)
        next_page(pages);
    return turn;
}

/* ---- texts ---- */

static void put_text(struct pages *pages, const struct ink_style *style, const char *text, double before, double after)
{
    double height = ink_height(pages->cairo, style, text);
    pages->y += pages->y > MARGIN ? before : 0;
    want(pages, height);
    pages->y += ink_text(pages->cairo, style, MARGIN, pages->y, text) + after;
}

static void put_title(struct pages *pages, const struct story_block *block)
{
    const struct ink_style title = { .size = 20, .bold = true, .width = TEXT_WIDTH };
    const struct ink_style under = { .size = 9.5, .ink = INK_FAINT, .width = TEXT_WIDTH };
    put_text(pages, &title, block->text, 0, 2);
    put_text(pages, &under, block->more, 0, 8);
}

static void put_heading(struct pages *pages, const char *text)
{
    const struct ink_style style = { .size = 12.5, .bold = true, .width = TEXT_WIDTH };
    want(pages, 70); /* with some of what it stands over */
    put_text(pages, &style, text, 12, 4);
}

static void put_banner(struct pages *pages, const struct story_block *block)
{
    const struct ink_style word = { .size = 17, .bold = true, .ink = tones[block->tone], .width = TEXT_WIDTH - 28 };
    const struct ink_style sentence = { .size = 10.5, .width = TEXT_WIDTH - 28 };
    double first = ink_height(pages->cairo, &word, block->text);
    double height = first + ink_height(pages->cairo, &sentence, block->more) + 22;
    want(pages, height);
    cairo_set_source_rgb(pages->cairo, 0.965, 0.97, 0.976);
    cairo_rectangle(pages->cairo, MARGIN, pages->y, TEXT_WIDTH, height);
    cairo_fill(pages->cairo);
    ink_use(pages->cairo, tones[block->tone]);
    cairo_rectangle(pages->cairo, MARGIN, pages->y, 5, height);
    cairo_fill(pages->cairo);
    ink_text(pages->cairo, &word, MARGIN + 16, pages->y + 9, block->text);
    ink_text(pages->cairo, &sentence, MARGIN + 16, pages->y + 12 + first, block->more);
    pages->y += height + 10;
}

/* ---- tables ---- */

static double column_width(const struct story_block *block, size_t column)
{
    double all = 0;
    if (block->kind == STORY_FACTS)
        return TEXT_WIDTH * (column == 0 ? 0.32 : 0.68);
    for (size_t i = 0; i < block->n_columns; i++)
        all += block->columns[i].share;
    return all > 0 ? TEXT_WIDTH * block->columns[column].share / all : TEXT_WIDTH / (double)block->n_columns;
}

static struct ink_style cell_style(const struct story_block *block, size_t column, bool head, enum story_tone tone)
{
    bool name = head || (block->kind == STORY_FACTS && column == 0);
    return (struct ink_style){ .size = block->kind == STORY_FACTS ? 9.5 : 8.5,
                               .bold = column == 0 && tone != TONE_PLAIN,
                               .ink = name          ? INK_FAINT
                                      : column == 0 ? tones[tone]
                                                    : INK_TEXT,
                               .align = block->columns[column].number ? INK_RIGHT : INK_LEFT,
                               .width = column_width(block, column) - 2 * CELL_PAD };
}

/* One of `cells` a column; NULL: the heads. Returns the height, and draws when it may. */
static double row_at(struct pages *pages, const struct story_block *block, const struct story_row *row, bool drawn)
{
    double x = MARGIN;
    double most = 0;
    for (size_t i = 0; i < block->n_columns; i++) {
        const char *cell = row ? row->cells[i] : block->columns[i].name;
        struct ink_style style = cell_style(block, i, !row, row ? row->tone : TONE_PLAIN);
        most = fmax(most, drawn ? ink_text(pages->cairo, &style, x + CELL_PAD, pages->y + 2, cell)
                                : ink_height(pages->cairo, &style, cell));
        x += column_width(block, i);
    }
    return most + 4;
}

static void put_row(struct pages *pages, const struct story_block *block, const struct story_row *row)
{
    pages->y += row_at(pages, block, row, true);
    ink_use(pages->cairo, INK_RULE);
    cairo_set_line_width(pages->cairo, 0.5);
    cairo_move_to(pages->cairo, MARGIN, pages->y);
    cairo_line_to(pages->cairo, MARGIN + TEXT_WIDTH, pages->y);
    cairo_stroke(pages->cairo);
}

static void put_table(struct pages *pages, const struct story_block *block)
{
    bool heads = block->kind == STORY_TABLE;
    if (heads) {
        want(pages, 40);
        put_row(pages, block, NULL);
    }
    for (const struct story_row *row = block->rows; row; row = row->next) {
        if (want(pages, row_at(pages, block, row, false)) && heads)
            put_row(pages, block, NULL);
        put_row(pages, block, row);
    }
    pages->y += 8;
}

static void put_block(struct pages *pages, const struct story_block *block)
{
    const struct ink_style body = { .size = 10, .width = TEXT_WIDTH };
    switch (block->kind) {
    case STORY_TITLE:
        put_title(pages, block);
        break;
    case STORY_HEADING:
        put_heading(pages, block->text);
        break;
    case STORY_BANNER:
        put_banner(pages, block);
        break;
    case STORY_TEXT:
        put_text(pages, &body, block->text, 0, 5);
        break;
    case STORY_FACTS:
    case STORY_TABLE:
        put_table(pages, block);
        break;
    case STORY_CHART:
        want(pages, CHART_HEIGHT);
        chart_draw(pages->cairo, &block->chart, MARGIN, pages->y, TEXT_WIDTH, CHART_HEIGHT);
        pages->y += CHART_HEIGHT + 6;
        break;
    case STORY_PAGE:
        next_page(pages);
        break;
    }
}

static cairo_status_t on_pdf(void *user, const unsigned char *bytes, unsigned len)
{
    return fwrite(bytes, 1, len, user) == len ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

int story_print_pdf(const struct story *story, FILE *out, struct err *err)
{
    if (story->failed)
        return err_set(err, -ENOMEM, "report: out of memory");
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(on_pdf, out, PAGE_WIDTH, PAGE_HEIGHT);
    struct pages pages = { .cairo = cairo_create(surface), .story = story, .y = MARGIN, .number = 1 };
    if (story->blocks && story->blocks->kind == STORY_TITLE)
        cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, story->blocks->text);
    for (const struct story_block *block = story->blocks; block; block = block->next)
        put_block(&pages, block);
    put_foot(&pages);
    cairo_show_page(pages.cairo);
    cairo_destroy(pages.cairo);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS)
        return err_set(err, -EIO, "report: cannot write the PDF: %s", cairo_status_to_string(status));
    return 0;
}
