/* One file: style within, charts as SVG within, no script. Prints as it is shown. */
#include <cairo-svg.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "warroom/report/story.h"

#define CHART_WIDTH  680.0
#define CHART_HEIGHT 220.0

static const char style[] =
    "body{font:15px/1.5 'Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif;color:#212933;"
    "max-width:760px;margin:2em auto;padding:0 1em}h1{font-size:1.6em;margin:0}h2{font-size:1.15em;margin:1.6em 0 .4em;"
    "border-bottom:1px solid #d9dde3;padding-bottom:.2em}.under{color:#6b7582;margin:.2em 0 1em}"
    ".banner{padding:.8em 1em;border-left:6px solid;background:#f6f7f9;margin:1em 0}.banner "
    "b{font-size:1.3em;display:block}"
    ".good{border-color:#1c784f;color:#1c784f}.warn{border-color:#b87308;color:#b87308}.bad{border-color:#b31f24;color:"
    "#b31f24}"
    ".unknown{border-color:#616670;color:#616670}.banner span{color:#212933}table{border-collapse:collapse;width:100%;"
    "font-size:.9em}th,td{text-align:left;padding:.25em .5em;border-bottom:1px solid #e6e8ec;vertical-align:top}"
    "th{color:#6b7582;font-weight:normal}.n{text-align:right;font-variant-numeric:tabular-nums}.facts "
    "td:first-child{color:#6b7582;"
    "width:34%}svg{width:100%;height:auto}@media "
    "print{body{margin:0;max-width:none}.page{break-before:page}tr,svg{break-inside:avoid}}";

static const char *const tones[TONE_COUNT] = { "", "good", "warn", "bad", "unknown" };

static void put(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static void put_in(FILE *out, const char *open, const char *text, const char *close)
{
    fputs(open, out);
    put(out, text);
    fputs(close, out);
}

static void put_rows(FILE *out, const struct story_block *block)
{
    for (const struct story_row *row = block->rows; row; row = row->next) {
        fputs("<tr>", out);
        for (size_t i = 0; i < block->n_columns; i++) {
            fprintf(out, "<td class=\"%s%s%s\">", block->columns[i].number ? "n" : "", i == 0 && row->tone ? " " : "",
                    i == 0 ? tones[row->tone] : "");
            put_in(out, "", row->cells[i], "</td>");
        }
        fputs("</tr>\n", out);
    }
    fputs("</table>\n", out);
}

static void put_table(FILE *out, const struct story_block *block)
{
    fputs("<table><tr>", out);
    for (size_t i = 0; i < block->n_columns; i++)
        put_in(out, block->columns[i].number ? "<th class=\"n\">" : "<th>", block->columns[i].name, "</th>");
    fputs("</tr>\n", out);
    put_rows(out, block);
}

/* ---- charts ---- */

static cairo_status_t on_svg(void *user, const unsigned char *bytes, unsigned len)
{
    return fwrite(bytes, 1, len, user) == len ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static int draw(FILE *out, const struct chart *chart)
{
    cairo_surface_t *surface = cairo_svg_surface_create_for_stream(on_svg, out, CHART_WIDTH, CHART_HEIGHT);
    cairo_t *cairo = cairo_create(surface);
    chart_draw(cairo, chart, 0, 0, CHART_WIDTH, CHART_HEIGHT);
    cairo_destroy(cairo);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return status == CAIRO_STATUS_SUCCESS ? 0 : -EIO;
}

/* Names of glyphs are Cairo's own and the same in each picture: those of this one get its number. */
static void put_svg(FILE *out, const char *svg, unsigned number)
{
    static const char *const names[] = { "id=\"", "href=\"#", "url(#" };
    const char *from = strstr(svg, "<svg");
    while (from && *from) {
        size_t len = 0;
        for (size_t i = 0; i < sizeof names / sizeof *names && !len; i++)
            len = strncmp(from, names[i], strlen(names[i])) == 0 ? strlen(names[i]) : 0;
        fwrite(from, 1, len ? len : 1, out);
        if (len)
            fprintf(out, "c%u-", number);
        from += len ? len : 1;
    }
}

static int put_chart(FILE *out, const struct chart *chart, unsigned number, struct err *err)
{
    AUTO(auto_free) char *svg = NULL;
    size_t len = 0;
    FILE *text = open_memstream(&svg, &len);
    int rc = text ? draw(text, chart) : -ENOMEM;
    if (text && fclose(text) != 0)
        rc = -ENOMEM;
    if (rc < 0)
        return err_set(err, rc, "report: cannot draw a chart");
    put_svg(out, svg, number);
    return 0;
}

static int put_block(FILE *out, const struct story_block *block, unsigned number, struct err *err)
{
    switch (block->kind) {
    case STORY_TITLE:
        put_in(out, "<h1>", block->text, "</h1>\n");
        put_in(out, "<p class=\"under\">", block->more, "</p>\n");
        return 0;
    case STORY_HEADING:
        put_in(out, "<h2>", block->text, "</h2>\n");
        return 0;
    case STORY_BANNER:
        fprintf(out, "<div class=\"banner %s\">", tones[block->tone]);
        put_in(out, "<b>", block->text, "</b>");
        put_in(out, "<span>", block->more, "</span></div>\n");
        return 0;
    case STORY_TEXT:
        put_in(out, "<p>", block->text, "</p>\n");
        return 0;
    case STORY_FACTS:
        fputs("<table class=\"facts\">", out);
        put_rows(out, block);
        return 0;
    case STORY_TABLE:
        put_table(out, block);
        return 0;
    case STORY_CHART:
        return put_chart(out, &block->chart, number, err);
    case STORY_PAGE:
        fputs("<div class=\"page\"></div>\n", out);
        return 0;
    }
    return 0;
}

int story_print_html(const struct story *story, FILE *out, struct err *err)
{
    if (story->failed)
        return err_set(err, -ENOMEM, "report: out of memory");
    const char *title = story->blocks && story->blocks->kind == STORY_TITLE ? story->blocks->text : "";
    fprintf(out, "<!DOCTYPE html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\">", story->language);
    put_in(out, "<title>", title, "</title>");
    fprintf(out, "<style>%s</style></head><body>\n", style);
    int rc = 0;
    unsigned number = 0;
    for (const struct story_block *block = story->blocks; block && rc == 0; block = block->next)
        rc = put_block(out, block, number++, err);
    fputs("</body></html>\n", out);
    if (rc == 0 && ferror(out))
        rc = err_set(err, -EIO, "report: cannot write it");
    return rc;
}
