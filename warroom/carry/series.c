#include "warroom/carry/series.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/utf8.h"
#include "proto/metric/metric.h"

/* Control characters would be obeyed by terminals and break lines of text formats. */
static bool is_plain(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_len(text + i, len - i);
        if (n == 0 || (unsigned char)text[i] < ' ' || text[i] == 127)
            return false;
    }
    return true;
}

static int check_text(const char *what, const char *text, size_t least, size_t most, struct err *err)
{
    size_t len = strlen(text);
    if (len < least)
        return err_set(err, -EINVAL, "the %s is missing", what);
    if (len > most)
        return err_set(err, -EINVAL, "the %s is longer than %zu bytes: \"%.40s...\"", what, most, text);
    if (!is_plain(text))
        return err_set(err, -EINVAL, "the %s is not plain text in UTF-8", what);
    return 0;
}

int series_make(const char *metric, const char *instance, const char *unit, struct arena *arena, struct series *ret,
                struct err *err)
{
    const struct metric *known = metric_find(metric);
    if (!*unit)
        unit = known ? known->unit : "1";
    int rc = check_text("metric", metric, 1, SERIES_KEY_MAX, err);
    if (rc == 0)
        rc = check_text("instance", instance, 0, INSTANCE_MAX, err);
    if (rc == 0)
        rc = check_text("unit", unit, 1, SERIES_UNIT_MAX, err);
    if (rc < 0)
        return rc;
    if (known && strcmp(known->unit, unit) != 0)
        return err_set(err, -EINVAL, "%s is in %s (docs/metrics.md), not in %s", metric, known->unit, unit);
    struct series series = { .metric = arena_text(arena, metric, strlen(metric)),
                             .instance = arena_text(arena, instance, strlen(instance)),
                             .unit = arena_text(arena, unit, strlen(unit)) };
    if (!series.metric || !series.instance || !series.unit)
        return err_set(err, -ENOMEM, "out of memory");
    *ret = series;
    return 0;
}

/* Cuts " (unit)" off; "" when there is none. */
static const char *take_unit(char *text, size_t *len)
{
    if (*len == 0 || text[*len - 1] != ')')
        return "";
    for (size_t i = *len - 1; i-- > 1;) {
        if (text[i] != '(' || text[i - 1] != ' ')
            continue;
        text[*len - 1] = '\0';
        text[i - 1] = '\0';
        *len = i - 1;
        return text + i + 1;
    }
    return "";
}

static const char *take_instance(char *text, size_t len)
{
    char *open = memchr(text, '[', len);
    if (!open || text[len - 1] != ']')
        return "";
    text[len - 1] = '\0';
    *open = '\0';
    return open + 1;
}

int series_parse(const char *text, size_t len, struct arena *arena, struct series *ret, struct err *err)
{
    char *copy = memchr(text, '\0', len) ? NULL : arena_text(arena, text, len);
    if (!copy)
        return err_set(err, -EINVAL, "a name of a series that is no text");
    const char *unit = take_unit(copy, &len);
    const char *instance = take_instance(copy, len);
    return series_make(copy, instance, unit, arena, ret, err);
}

char *series_print(char text[SERIES_TEXT], const struct series *series)
{
    bool one = !series->instance[0];
    snprintf(text, SERIES_TEXT, "%s%s%s%s (%s)", series->metric, one ? "" : "[", series->instance, one ? "" : "]",
             series->unit);
    return text;
}

static int compare(const void *a, const void *b)
{
    const struct series *x = *(const struct series *const *)a;
    const struct series *y = *(const struct series *const *)b;
    int order = strcmp(x->metric, y->metric);
    return order ? order : strcmp(x->instance, y->instance);
}

int series_check_distinct(const struct series *series, uint32_t n, struct err *err)
{
    AUTO(auto_free) const struct series **sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted)
        return err_set(err, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = &series[i];
    qsort(sorted, n, sizeof *sorted, compare);
    for (uint32_t i = 1; i < n; i++)
        if (compare(&sorted[i - 1], &sorted[i]) == 0) {
            char text[SERIES_TEXT];
            return err_set(err, -EINVAL, "%.80s stands twice", series_print(text, sorted[i]));
        }
    return 0;
}
