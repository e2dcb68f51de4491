/* Fonts come from fontconfig: the first of the families that has a character draws it. */
#include "warroom/report/ink.h"

#include <pango/pangocairo.h>

#include "base/auto.h"

#define FAMILIES "Noto Sans, Noto Sans CJK SC, DejaVu Sans, sans-serif"

/* Distinct in print without colour, too, and for who does not tell red from green: their lightness differs. */
const struct ink_colour ink_colours[INK_COUNT] = {
    [INK_TEXT] = { 0.13, 0.16, 0.20 },  [INK_FAINT] = { 0.42, 0.46, 0.51 }, [INK_RULE] = { 0.85, 0.87, 0.89 },
    [INK_LINE] = { 0.12, 0.37, 0.62 },  [INK_BAND] = { 0.74, 0.84, 0.93 },  [INK_GOOD] = { 0.11, 0.47, 0.31 },
    [INK_WARN] = { 0.72, 0.45, 0.03 },  [INK_BAD] = { 0.70, 0.12, 0.14 },   [INK_UNKNOWN] = { 0.38, 0.40, 0.44 },
    [INK_PAPER] = { 1.00, 1.00, 1.00 },
};

void ink_use(cairo_t *cairo, enum ink ink)
{
    const struct ink_colour *colour = &ink_colours[ink];
    cairo_set_source_rgb(cairo, colour->red, colour->green, colour->blue);
}

static void auto_unref(PangoLayout **layout)
{
    if (*layout)
        g_object_unref(*layout);
}

static PangoLayout *lay_out(cairo_t *cairo, const struct ink_style *style, const char *text)
{
    static const PangoAlignment aligns[] = {
        [INK_LEFT] = PANGO_ALIGN_LEFT, [INK_RIGHT] = PANGO_ALIGN_RIGHT, [INK_CENTRE] = PANGO_ALIGN_CENTER
    };
    PangoLayout *layout = pango_cairo_create_layout(cairo);
    PangoFontDescription *font = pango_font_description_from_string(FAMILIES);
    pango_font_description_set_absolute_size(font, style->size * PANGO_SCALE);
    pango_font_description_set_weight(font, style->bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_alignment(layout, aligns[style->align]);
    if (style->width > 0) {
        pango_layout_set_width(layout, (int)(style->width * PANGO_SCALE));
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    }
    pango_layout_set_text(layout, text, -1);
    return layout;
}

static void size_of(PangoLayout *layout, double *ret_width, double *ret_height)
{
    int width;
    int height;
    pango_layout_get_size(layout, &width, &height);
    *ret_width = (double)width / PANGO_SCALE;
    *ret_height = (double)height / PANGO_SCALE;
}

double ink_text(cairo_t *cairo, const struct ink_style *style, double x, double y, const char *text)
{
    AUTO(auto_unref) PangoLayout *layout = lay_out(cairo, style, text);
    double width;
    double height;
    size_of(layout, &width, &height);
    if (style->width <= 0 && style->align != INK_LEFT)
        x -= style->align == INK_RIGHT ? width : width / 2;
    ink_use(cairo, style->ink);
    cairo_move_to(cairo, x, y);
    pango_cairo_show_layout(cairo, layout);
    return height;
}

double ink_height(cairo_t *cairo, const struct ink_style *style, const char *text)
{
    AUTO(auto_unref) PangoLayout *layout = lay_out(cairo, style, text);
    double width;
    double height;
    size_of(layout, &width, &height);
    return height;
}
