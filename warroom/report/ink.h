/* warroom/report/ink.h - text and colours on a Cairo surface. Sizes in points, y grows downwards. */
#pragma once
#include <cairo.h>
#include <stdbool.h>

enum ink {
    INK_TEXT,
    INK_FAINT,
    INK_RULE,
    INK_LINE,
    INK_BAND,
    INK_GOOD,
    INK_WARN,
    INK_BAD,
    INK_UNKNOWN,
    INK_PAPER,
    INK_COUNT
};
struct ink_colour {
    double red, green, blue;
};
extern const struct ink_colour ink_colours[INK_COUNT];
void ink_use(cairo_t *cairo, enum ink ink);

enum ink_align { INK_LEFT, INK_RIGHT, INK_CENTRE };
struct ink_style {
    double size;
    bool bold;
    enum ink ink;
    enum ink_align align;
    double width; /* wrapped to it; 0: one line, aligned about x */
};

/* Returns the height it takes. */
double ink_text(cairo_t *cairo, const struct ink_style *style, double x, double y, const char *text);
double ink_height(cairo_t *cairo, const struct ink_style *style, const char *text);
