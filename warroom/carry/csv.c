#include "warroom/carry/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/moment.h"
#include "warroom/carry/series.h"

enum { CELL_SHOWN = 40 }; /* bytes of a cell that a complaint quotes */

struct cells { /* of a line, one after the other */
    const char *at;
    const char *end;
    uint32_t column; /* of the next one, from 1 */
    bool over;
};

struct cell {
    const char *at;
    size_t len;
    bool quoted;
};

static struct cells cells_of(const char *line, size_t len)
{
    return (struct cells){ line, len ? line + len : line, 1, false };
}

static int quoted_cell(struct cells *cells, struct cell *ret, struct err *err)
{
    const char *from = cells->at + 1;
    for (const char *at = from;; at += 2) { /* over a doubled quote */
        at = at < cells->end ? memchr(at, '"', (size_t)(cells->end - at)) : NULL;
        if (!at)
            return err_set(err, -EINVAL, "column %" PRIu32 ": its quote is not closed on this line", cells->column);
        if (at + 1 < cells->end && at[1] == '"')
            continue;
        if (at + 1 < cells->end && at[1] != ',')
            return err_set(err, -EINVAL, "column %" PRIu32 ": there is text behind its quote", cells->column);
        *ret = (struct cell){ from, (size_t)(at - from), true };
        cells->at = at + 1;
        return 0;
    }
}

enum { CELLS_END = 1 };

static int next_cell(struct cells *cells, struct cell *ret, struct err *err)
{
    if (cells->over)
        return CELLS_END;
    if (cells->at < cells->end && *cells->at == '"') {
        int rc = quoted_cell(cells, ret, err);
        if (rc < 0)
            return rc;
    } else {
        const char *comma = cells->at < cells->end ? memchr(cells->at, ',', (size_t)(cells->end - cells->at)) : NULL;
        const char *end = comma ? comma : cells->end;
        *ret = (struct cell){ cells->at, (size_t)(end - cells->at), false };
        cells->at = end;
    }
    cells->over = cells->at == cells->end;
    cells->at += !cells->over;
    cells->column++;
    return 0;
}

static void trim(struct cell *cell)
{
    while (cell->len > 0 && (*cell->at == ' ' || *cell->at == '\t')) {
        cell->at++;
        cell->len--;
    }
    while (cell->len > 0 && (cell->at[cell->len - 1] == ' ' || cell->at[cell->len - 1] == '\t'))
        cell->len--;
}

static int shown(const struct cell *cell)
{
    return cell->len < CELL_SHOWN ? (int)cell->len : CELL_SHOWN;
}

/* ---- the head ---- */

static bool clock_named(const struct cell *cell, enum csv_clock *ret)
{
    static const struct {
        const char *name;
        enum csv_clock clock;
    } clocks[] = {
        { "time", CSV_TIME }, { "time_s", CSV_TIME_S }, { "time_ms", CSV_TIME_MS }, { "ts_ms", CSV_TIME_MS }
    };
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
        if (strlen(clocks[i].name) == cell->len && memcmp(clocks[i].name, cell->at, cell->len) == 0) {
            *ret = clocks[i].clock;
            return true;
        }
    return false;
}

/* Without the second quote of each pair. */
static char *unquoted(const struct cell *cell, struct arena *arena, size_t *ret_len)
{
    char *text = arena_text(arena, cell->at, cell->len);
    size_t n = 0;
    for (size_t i = 0; text && i < cell->len; i++) {
        text[n++] = text[i];
        i += cell->quoted && text[i] == '"';
    }
    if (text)
        text[n] = '\0';
    *ret_len = n;
    return text;
}

static int head_series(const struct cell *cell, struct arena *arena, struct series *ret, struct err *err)
{
    size_t len;
    char *text = unquoted(cell, arena, &len);
    return text ? series_parse(text, len, arena, ret, err) : err_set(err, -ENOMEM, "out of memory");
}

static int count_columns(const char *line, size_t len, uint32_t *ret, struct err *err)
{
    struct cells cells = cells_of(line, len);
    struct cell cell;
    uint32_t n = 0;
    int rc;
    while ((rc = next_cell(&cells, &cell, err)) == 0)
        n++;
    *ret = n;
    return rc < 0 ? rc : 0;
}

static int head_clock(struct cells *cells, const char *line, size_t len, enum csv_clock *ret, struct err *err)
{
    struct cell cell = { .len = 0 };
    int rc = next_cell(cells, &cell, err);
    if (rc < 0)
        return rc;
    trim(&cell);
    if (clock_named(&cell, ret))
        return 0;
    if (!memchr(line, ',', len) && (memchr(line, ';', len) || memchr(line, '\t', len)))
        return err_set(err, -EINVAL, "columns are separated by commas here, not by semicolons or tabs");
    return err_set(err, -EINVAL, "the first column is to be time, time_s, time_ms or ts_ms, not \"%.*s\"", shown(&cell),
                   cell.at);
}

int csv_head_parse(const char *line, size_t len, struct arena *arena, struct csv_head *ret, struct err *err)
{
    struct csv_head head = { .n = 0 };
    struct cells cells = cells_of(line, len);
    uint32_t n = 0;
    int rc = count_columns(line, len, &n, err);
    if (rc == 0)
        rc = head_clock(&cells, line, len, &head.clock, err);
    if (rc < 0)
        return rc;
    if (n < 2)
        return err_set(err, -EINVAL, "there is no column behind the time");
    if (n - 1 > SERIES_MAX)
        return err_set(err, -EMSGSIZE,
                       "%" PRIu32 " columns, a host has %d series at most: split the file by columns into several and "
                       "import each",
                       n - 1, SERIES_MAX);
    struct series *series = arena_alloc(arena, n - 1, sizeof *series);
    if (!series)
        return err_set(err, -ENOMEM, "out of memory");
    for (struct cell cell = { .len = 0 }; head.n < n - 1; head.n++) {
        rc = next_cell(&cells, &cell, err);
        trim(&cell);
        if (rc == 0)
            rc = head_series(&cell, arena, &series[head.n], err);
        if (rc < 0)
            return err_within(err, rc, "column %" PRIu32, head.n + 2);
    }
    rc = series_check_distinct(series, head.n, err);
    if (rc < 0)
        return rc;
    head.series = series;
    *ret = head;
    return 0;
}

/* ---- rows ---- */

static int parse_time(enum csv_clock clock, const struct cell *cell, int64_t *ret_us, struct err *err)
{
    struct number number;
    if (clock == CSV_TIME && moment_parse(cell->at, cell->len, ret_us) == 0)
        return 0;
    if (number_parse(cell->at, cell->len, &number) == 0 && number_instant(&number, clock == CSV_TIME_S ? 0 : 3, ret_us))
        return 0;
    static const char *const wanted[] = {
        [CSV_TIME] = "an instant like 2026-11-23T08:00:00Z, or milliseconds since 1970",
        [CSV_TIME_S] = "seconds since 1970",
        [CSV_TIME_MS] = "milliseconds since 1970",
    };
    return err_set(err, -EINVAL, "the time \"%.*s\" is not %s", shown(cell), cell->at, wanted[clock]);
}

static int parse_value(const struct cell *cell, uint32_t column, struct number *ret, struct err *err)
{
    int rc = number_parse(cell->at, cell->len, ret);
    if (rc == 0)
        return 0;
    return err_set(err, -EINVAL, "column %" PRIu32 ": \"%.*s\" is %s", column, shown(cell), cell->at,
                   rc == -ERANGE ? "infinite" : "not a number");
}

int csv_row_parse(const struct csv_head *head, const char *line, size_t len, int64_t *ret_us, struct number *values,
                  struct err *err)
{
    struct cells cells = cells_of(line, len);
    struct cell cell = { .len = 0 };
    int64_t at_us = 0;
    int rc = next_cell(&cells, &cell, err);
    if (rc == 0) {
        trim(&cell);
        rc = parse_time(head->clock, &cell, &at_us, err);
    }
    if (rc < 0)
        return rc;
    uint32_t n = 0;
    while ((rc = next_cell(&cells, &cell, err)) == 0) {
        trim(&cell);
        if (n < head->n)
            rc = parse_value(&cell, n + 2, &values[n], err);
        if (rc < 0)
            return rc;
        n++;
    }
    if (rc < 0)
        return rc;
    if (n != head->n)
        return err_set(err, -EINVAL, "%" PRIu32 " columns, the first line has %" PRIu32, n + 1, head->n + 1);
    *ret_us = at_us;
    return 0;
}

/* ---- printing ---- */

/* A cell ends on its line, whatever a store may hold: a line break in a name would be a row of its own. */
static void print_quoted(FILE *out, const char *text)
{
    bool quoted = strpbrk(text, "\",") != NULL;
    if (quoted)
        fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
    }
    if (quoted)
        fputc('"', out);
}

void csv_head_print(FILE *out, const struct series *series, uint32_t n)
{
    char text[SERIES_TEXT];
    fputs("time_ms", out);
    for (uint32_t i = 0; i < n; i++) {
        fputc(',', out);
        print_quoted(out, series_print(text, &series[i]));
    }
    fputc('\n', out);
}

void csv_time_print(FILE *out, int64_t at_us)
{
    char text[NUMBER_TEXT];
    fwrite(text, 1, number_print_fixed(text, at_us, -3), out);
}
