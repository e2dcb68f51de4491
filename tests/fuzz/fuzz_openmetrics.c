/* Any bytes as lines of OpenMetrics: refused with a reason, or a sample of a series whose names are within their
 * limits, and whose printed name reads back as a series. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "warroom/carry/openmetrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_series(const struct openmetrics_line *line, struct arena *arena)
{
    struct series series, again;
    const char *host;
    struct err err = { .text = "" };
    if (openmetrics_series(line, "seconds", arena, &series, &host, &err) < 0) {
        if (err.text[0] == '\0')
            abort();
        return;
    }
    if (strlen(series.metric) > SERIES_KEY_MAX || strlen(series.instance) > INSTANCE_MAX)
        abort();
    struct openmetrics_names names = { .n = 0 };
    if (openmetrics_names(&names, &series, 1, host, &err) < 0)
        abort();
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    openmetrics_print_sample(out, names.at[0].text, "1", 1, 1000000);
    fclose(out);
    struct openmetrics_line parsed;
    if (openmetrics_line_parse(text, len - 1, &parsed, &err) < 0 || parsed.kind != OPENMETRICS_SAMPLE)
        abort();
    openmetrics_series(&parsed, "", arena, &again, &host, NULL); /* may be too long by now */
    free(text);
    openmetrics_names_done(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    const char *end = (const char *)data + size;
    arena_init(&arena, 16 << 20);
    for (const char *at = (const char *)data; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
        struct openmetrics_line line;
        struct err err = { .text = "" };
        if (openmetrics_line_parse(at, len, &line, &err) < 0) {
            if (err.text[0] == '\0')
                abort();
        } else if (line.kind == OPENMETRICS_SAMPLE) {
            check_series(&line, &arena);
        }
        at += len + 1;
    }
    arena_done(&arena);
    return 0;
}
