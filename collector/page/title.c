#include <stdio.h>
#include <string.h>

#include "collector/page/parts.h"

enum { INSTANCE_SHOWN_MAX = 48 };

/* Writes `len` bytes of `text` behind what `to` holds, cut to fit, never within a character. */
static void append(char *to, size_t size, const char *text, size_t len)
{
    size_t used = strlen(to);
    if (len > size - 1 - used) {
        len = size - 1 - used;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(to + used, text, len);
    to[used + len] = '\0';
}

void cut_text(char *to, size_t size, const char *text)
{
    to[0] = '\0';
    append(to, size, text, strlen(text));
}

static const char *unit_of(const struct alert *alert)
{
    const struct metric *metric = metric_find(alert->metric);
    if (alert->unit[0])
        return alert->unit;
    if (strcmp(alert->rule, WATCH_SILENCE_RULE) == 0)
        return "s";
    return metric ? metric->unit : "";
}

char *summary_text(char *text, size_t size, const char *summary, const struct alert *alert)
{
    static const char word[] = "{threshold}";
    char threshold[METRIC_QUANTITY_TEXT];
    metric_quantity_text(threshold, alert->threshold, unit_of(alert));
    text[0] = '\0';
    for (const char *at = summary, *found; *at; at = found) {
        found = strstr(at, word);
        append(text, size, at, found ? (size_t)(found - at) : strlen(at));
        if (!found)
            break;
        append(text, size, threshold, strlen(threshold));
        found += sizeof word - 1;
    }
    return text;
}

const char *title_mark(bool drill)
{
    return drill ? "DRILL: " : "";
}

char *title_text(char *text, size_t size, const struct page_scope *scope, const struct alert *alert)
{
    int mark = snprintf(text, size, "%s", title_mark(scope->drill));
    summary_text(text + mark, size - (size_t)mark, scope->summary, alert);
    if (alert->instance[0]) {
        char instance[INSTANCE_SHOWN_MAX + 1] = "";
        append(instance, sizeof instance, alert->instance, strlen(alert->instance));
        append(text, size, " (", 2);
        append(text, size, instance, strlen(instance));
        append(text, size, ")", 1);
    }
    append(text, size, scope->of_event ? " (" : " on ", scope->of_event ? 2 : 4);
    append(text, size, scope->host_name, strlen(scope->host_name));
    append(text, size, ")", scope->of_event);
    return text;
}
