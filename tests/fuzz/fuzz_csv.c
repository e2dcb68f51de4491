/* Any bytes as a CSV file: refused with a reason, or a head that is printed and read again as the same series, and
 * rows. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "warroom/carry/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_and_read(const struct csv_head *head, struct arena *arena)
{
    char *text = NULL;
    size_t len;
    struct csv_head again;
    struct err err;
    FILE *out = open_memstream(&text, &len);
    csv_head_print(out, head->series, head->n);
    fclose(out);
    if (csv_head_parse(text, len - 1, arena, &again, &err) < 0 || again.n != head->n)
        abort();
    for (uint32_t i = 0; i < head->n; i++)
        if (strcmp(head->series[i].metric, again.series[i].metric) != 0 ||
            strcmp(head->series[i].instance, again.series[i].instance) != 0 ||
            strcmp(head->series[i].unit, again.series[i].unit) != 0)
            abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct number values[SERIES_MAX];
    struct arena arena;
    struct csv_head head;
    struct err err = { .text = "" };
    const char *at = (const char *)data;
    const char *end = at + size;
    const char *newline = size ? memchr(at, '\n', size) : NULL;
    arena_init(&arena, 16 << 20);
    if (csv_head_parse(at, newline ? (size_t)(newline - at) : size, &arena, &head, &err) < 0) {
        if (err.text[0] == '\0')
            abort();
        arena_done(&arena);
        return 0;
    }
    print_and_read(&head, &arena);
    while (newline) {
        int64_t at_us;
        at = newline + 1;
        newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        err.text[0] = '\0';
        if (csv_row_parse(&head, at, newline ? (size_t)(newline - at) : (size_t)(end - at), &at_us, values, &err) < 0 &&
            err.text[0] == '\0')
            abort();
    }
    arena_done(&arena);
    return 0;
}
