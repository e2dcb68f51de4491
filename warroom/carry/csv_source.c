/* A CSV file is read once, in the order of its rows. What of it is in the buffer when it begins is looked at first, for
 * the decimals its columns need. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "proto/codec/codec.h"
#include "warroom/carry/csv.h"
#include "warroom/carry/source_parts.h"

struct csv_source {
    struct source source;
    struct csv_head head;
    struct number *values; /* of the row read last */
};

static void free_csv(struct source *source)
{
    struct csv_source *csv = (struct csv_source *)source; /* its first member */
    lines_done(&source->lines);
    arena_done(&source->arena);
    free(csv->values);
    free(csv);
}

static void auto_free_csv(struct csv_source **csv)
{
    if (*csv)
        free_csv(&(*csv)->source);
}

static int next_row(struct source *source, struct tick *ret, struct err *err)
{
    struct csv_source *csv = (struct csv_source *)source;
    const char *line;
    size_t len;
    int rc;
    do { /* an empty line is no row: many programs end a file with one */
        rc = lines_next(&source->lines, &line, &len, err);
    } while (rc == 0 && len == 0);
    if (rc != 0)
        return rc == LINES_END ? SOURCE_END : rc;
    rc = csv_row_parse(&csv->head, line, len, &ret->at_us, csv->values, err);
    ret->line = source->lines.number;
    ret->values = csv->values;
    return rc;
}

/* Rows that are none are complained of when their turn comes. */
static void look_ahead(struct csv_source *csv)
{
    struct lines *lines = &csv->source.lines;
    struct lines_mark mark = lines_mark(lines);
    const char *line;
    size_t len;
    int64_t at_us;
    while (lines_peek(lines, &line, &len)) {
        if (csv_row_parse(&csv->head, line, len, &at_us, csv->values, NULL) < 0)
            continue;
        for (uint32_t i = 0; i < csv->head.n; i++)
            source_note(&csv->source.series[i], &csv->values[i]);
    }
    lines_back(lines, mark);
}

static int identify(struct csv_source *csv, const char *head, size_t head_len, struct err *err)
{
    const char *row = "";
    size_t row_len = 0;
    struct lines_mark mark = lines_mark(&csv->source.lines);
    lines_peek(&csv->source.lines, &row, &row_len);
    lines_back(&csv->source.lines, mark);
    AUTO(auto_free) uint8_t *both = malloc(head_len + 1 + row_len);
    if (!both)
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(both, head, head_len);
    both[head_len] = '\n';
    memcpy(both + head_len + 1, row, row_len);
    csv->source.identity = codec_table_hash(both, head_len + 1 + row_len);
    return 0;
}

static int read_head(struct csv_source *csv, struct err *err)
{
    struct source *source = &csv->source;
    const char *line;
    size_t len;
    int rc = lines_next(&source->lines, &line, &len, err);
    if (rc == LINES_END)
        return err_set(err, -EINVAL, "the file is empty");
    if (rc == 0)
        rc = csv_head_parse(line, len, &source->arena, &csv->head, err);
    if (rc < 0)
        return rc;
    source->n = csv->head.n;
    source->series = arena_alloc(&source->arena, source->n, sizeof *source->series);
    csv->values = calloc(source->n, sizeof *csv->values);
    if (!source->series || !csv->values)
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(source->series, csv->head.series, source->n * sizeof *source->series);
    return identify(csv, line, len, err);
}

int csv_source_open(struct source **ret, FILE *file, struct err *err)
{
    AUTO(auto_free_csv) struct csv_source *csv = calloc(1, sizeof *csv);
    if (!csv)
        return err_set(err, -ENOMEM, "out of memory");
    csv->source.next = next_row;
    csv->source.free = free_csv;
    arena_init(&csv->source.arena, SOURCE_ARENA_BYTES);
    int rc = lines_open(&csv->source.lines, file, err);
    if (rc == 0)
        rc = read_head(csv, err);
    if (rc < 0)
        return source_failed(csv->source.lines.number, rc, err);
    look_ahead(csv);
    *ret = &TAKE(csv)->source;
    return 0;
}
