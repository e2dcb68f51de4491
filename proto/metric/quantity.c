#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/metric/metric.h"

static void scaled(char text[METRIC_QUANTITY_TEXT], double value, const char *unit)
{
    static const char *const prefixes[] = { "", "k", "M", "G", "T", "P" };
    int i = 0;
    for (; i < 5 && fabs(value) >= 1000; i++)
        value /= 1000;
    snprintf(text, METRIC_QUANTITY_TEXT, "%.3g %s%s", value, prefixes[i], unit);
}

/* UCUM's annotations in braces say what is counted; the summary says it better. */
static void counted(char text[METRIC_QUANTITY_TEXT], double value, const char *unit)
{
    const char *close = strchr(unit, '}');
    if (fabs(value) < 10000)
        snprintf(text, METRIC_QUANTITY_TEXT, "%.4g%s", value, close ? close + 1 : "");
    else
        snprintf(text, METRIC_QUANTITY_TEXT, "%.0f%s", value, close ? close + 1 : "");
}

char *metric_quantity_text(char text[METRIC_QUANTITY_TEXT], double value, const char *unit)
{
    if (strcmp(unit, "1") == 0)
        snprintf(text, METRIC_QUANTITY_TEXT, "%.4g %%", value * 100);
    else if (strcmp(unit, "s") == 0 && fabs(value) < 1)
        snprintf(text, METRIC_QUANTITY_TEXT, "%.4g ms", value * 1000);
    else if (strcmp(unit, "By") == 0)
        scaled(text, value, "B");
    else if (strcmp(unit, "By/s") == 0)
        scaled(text, value, "B/s");
    else if (strcmp(unit, "1/s") == 0)
        snprintf(text, METRIC_QUANTITY_TEXT, "%.4g %%/s", value * 100);
    else if (unit[0] == '{')
        counted(text, value, unit);
    else
        snprintf(text, METRIC_QUANTITY_TEXT, "%.4g %s", value, unit);
    return text;
}
