/* Bytes and nanoseconds a sample of blocks, minute rollups and sketches:
 * bench_block TICKS FILE.csv... prints a line a file and effort. The first column of a file is its time in time_s or
 * any other unit, which is taken for milliseconds; an empty field is an absent value. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "collector/store/block/block.h"
#include "collector/store/block/sketch.h"

enum { LINE_MAX_BYTES = 1 << 16, TICKS_A_MINUTE = 60 };

struct table { /* columns of doubles */
    uint32_t n_columns;
    uint32_t n_ticks;
    uint32_t room;
    int64_t *at_us;
    double **values;
    uint64_t samples;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_block: %s\n", what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (uint64_t)at.tv_sec * 1000000000U + (uint64_t)at.tv_nsec;
}

static void *grown(void *at, size_t n, size_t size)
{
    at = realloc(at, n * size);
    if (!at)
        fail("out of memory");
    return at;
}

static void add_tick(struct table *table, char *line, int64_t unit_us)
{
    if (table->n_ticks == table->room) {
        table->room = table->room ? 2 * table->room : 4096;
        table->at_us = grown(table->at_us, table->room, sizeof *table->at_us);
        for (uint32_t c = 0; c < table->n_columns; c++)
            table->values[c] = grown(table->values[c], table->room, sizeof(double));
    }
    const char *field = strsep(&line, ",");
    table->at_us[table->n_ticks] = strtoll(field, NULL, 10) * unit_us;
    for (uint32_t c = 0; c < table->n_columns; c++) {
        field = strsep(&line, ",");
        bool present = field && *field && *field != '\n';
        table->values[c][table->n_ticks] = present ? strtod(field, NULL) : NAN;
        table->samples += present;
    }
    table->n_ticks++;
}

static struct table read_csv(const char *path)
{
    AUTO(auto_free) char *line = grown(NULL, LINE_MAX_BYTES, 1);
    AUTO(auto_fclose) FILE *file = fopen(path, "r");
    if (!file || !fgets(line, LINE_MAX_BYTES, file))
        fail("cannot read");
    struct table table = { .n_columns = 0 };
    for (const char *at = line; (at = strchr(at, ',')); at++)
        table.n_columns++;
    if (table.n_columns == 0)
        fail("no columns");
    table.values = calloc(table.n_columns, sizeof *table.values);
    if (!table.values)
        fail("out of memory");
    int64_t unit_us = strncmp(line, "time_s,", 7) == 0 ? 1000000 : 1000;
    while (fgets(line, LINE_MAX_BYTES, file))
        add_tick(&table, line, unit_us);
    return table;
}

static void table_done(struct table *table)
{
    for (uint32_t c = 0; c < table->n_columns; c++)
        free(table->values[c]);
    free(table->values);
    free(table->at_us);
}

static bool same(const struct block *a, const struct block *b)
{
    if (memcmp(a->at_us, b->at_us, a->n_ticks * sizeof *a->at_us) != 0)
        return false;
    for (uint32_t c = 0; c < a->n_columns; c++)
        for (uint32_t i = 0; i < a->n_ticks; i++) {
            double x = a->columns[c].values[i];
            double y = b->columns[c].values[i];
            if (isnan(x) ? !isnan(y) : x == 0 ? !(y == 0 && !signbit(y)) : x != y)
                return false;
        }
    return true;
}

struct cost {
    size_t bytes;
    uint64_t encode_ns, decode_ns, read_ns, reads, slowest_ns;
};

/* Another block, read in between, so that the coder keeps nothing of the one that is measured. */
static void read_another(struct block_coder *coder, struct bytes another, struct arena *arena)
{
    struct block_view view;
    struct column column;
    if (block_open(another.at, another.len, &view, NULL) < 0 || block_column(coder, &view, 0, arena, &column, NULL) < 0)
        fail("cannot read a column");
}

static struct bytes encode_another(struct block_coder *coder, struct arena *arena)
{
    static const int64_t at_us[] = { 1, 2 };
    static const int64_t values[] = { 3, 4 };
    struct column column = { .fixed = values };
    struct block block = { .n_ticks = 2, .n_columns = 1, .at_us = at_us, .columns = &column };
    struct bytes bytes;
    if (block_encode(coder, &block, BLOCK_BEST, &bytes, NULL) < 0)
        fail("cannot encode");
    uint8_t *copy = arena_alloc(arena, bytes.len, 1);
    if (!copy)
        fail("out of memory");
    memcpy(copy, bytes.at, bytes.len);
    return (struct bytes){ copy, bytes.len };
}

/* What reading one column costs, of each column in turn. */
static void read_each(struct block_coder *coder, struct bytes borrowed, struct arena *arena, struct cost *cost)
{
    struct block_view view;
    AUTO(arena_done) struct arena kept;
    arena_init(&kept, 2 * BLOCK_BYTES_MAX);
    struct bytes bytes = { arena_alloc(&kept, borrowed.len, 1), borrowed.len };
    if (!bytes.at)
        fail("out of memory");
    memcpy((uint8_t *)bytes.at, borrowed.at, borrowed.len);
    struct bytes another = encode_another(coder, &kept);
    if (block_open(bytes.at, bytes.len, &view, NULL) < 0)
        fail("cannot open what was encoded");
    for (uint32_t i = 0; i < view.n_columns; i++) {
        uint32_t c = (uint32_t)((uint64_t)i * 37 % view.n_columns); /* none after one of its own group */
        struct column column;
        arena_reset(arena);
        read_another(coder, another, arena);
        uint64_t start = now_ns();
        if (block_column(coder, &view, c, arena, &column, NULL) < 0)
            fail("cannot read a column");
        uint64_t took = now_ns() - start;
        cost->read_ns += took;
        cost->reads += view.n_ticks;
        uint64_t each = took / view.n_ticks;
        cost->slowest_ns = each > cost->slowest_ns ? each : cost->slowest_ns;
    }
}

static void measure(struct block_coder *coder, const struct block *block, enum block_effort effort, struct cost *cost)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, (size_t)1 << 30);
    struct bytes bytes;
    struct block got;
    struct err err = { 0 };
    uint64_t start = now_ns();
    if (block_encode(coder, block, effort, &bytes, &err) < 0)
        fail(err.text);
    cost->encode_ns += now_ns() - start;
    cost->bytes += bytes.len;
    if (block_decode(coder, bytes.at, bytes.len, &arena, &got, &err) < 0) /* the first time memory is met */
        fail(err.text);
    if (!same(block, &got))
        fail("what came out is not what went in");
    arena_reset(&arena);
    start = now_ns();
    if (block_decode(coder, bytes.at, bytes.len, &arena, &got, &err) < 0)
        fail(err.text);
    cost->decode_ns += now_ns() - start;
    if (effort == BLOCK_BEST)
        read_each(coder, bytes, &arena, cost);
}

static void print_cost(const char *what, const struct cost *cost, uint64_t samples)
{
    printf("  %-14s %8.4f B/sample %7.1f ns encode %6.1f ns decode", what, (double)cost->bytes / (double)samples,
           (double)cost->encode_ns / (double)samples, (double)cost->decode_ns / (double)samples);
    if (cost->reads)
        printf(" %6.1f ns a tick of one column, slowest %ju", (double)cost->read_ns / (double)cost->reads,
               (uintmax_t)cost->slowest_ns);
    printf("\n");
}

static void bench_blocks(struct block_coder *coder, const struct table *table, uint32_t ticks, enum block_effort effort,
                         const char *what)
{
    struct cost cost = { 0 };
    AUTO(auto_free) struct column *columns = grown(NULL, table->n_columns, sizeof *columns);
    for (uint32_t from = 0; from < table->n_ticks; from += ticks) {
        uint32_t left = table->n_ticks - from;
        struct block_part part = { .run = { { 0x5b, 0x13, 0xe9, 0x02 } }, .first = from + 1 };
        struct block block = { .n_ticks = left < ticks ? left : ticks, .n_columns = table->n_columns };
        part.n = block.n_ticks;
        for (uint32_t c = 0; c < table->n_columns; c++)
            columns[c] = (struct column){ .real = true, .values = table->values[c] + from };
        block.at_us = table->at_us + from;
        block.n_parts = 1;
        block.parts = &part;
        block.columns = columns;
        measure(coder, &block, effort, &cost);
    }
    print_cost(what, &cost, table->samples);
}

/* count, min, max, sum of one series' minute. */
static void roll(const double *values, uint32_t n, double rolled[4])
{
    rolled[0] = 0;
    rolled[3] = 0;
    rolled[1] = rolled[2] = NAN;
    for (uint32_t i = 0; i < n; i++) {
        if (isnan(values[i]))
            continue;
        rolled[0]++;
        rolled[3] = block_decimal_add(rolled[3], values[i]);
        rolled[1] = fmin(values[i], isnan(rolled[1]) ? values[i] : rolled[1]);
        rolled[2] = fmax(values[i], isnan(rolled[2]) ? values[i] : rolled[2]);
    }
}

static void bench_minutes(struct block_coder *coder, const struct table *table)
{
    struct cost cost = { 0 };
    uint32_t n = (table->n_ticks + TICKS_A_MINUTE - 1) / TICKS_A_MINUTE;
    if (n == 0 || n > BLOCK_TICKS_MAX)
        return;
    struct table minutes = { .n_columns = 4 * table->n_columns, .n_ticks = n };
    minutes.at_us = grown(NULL, n, sizeof *minutes.at_us);
    minutes.values = calloc(minutes.n_columns, sizeof *minutes.values);
    if (!minutes.values)
        fail("out of memory");
    AUTO(auto_free) struct column *columns = grown(NULL, minutes.n_columns, sizeof *columns);
    for (uint32_t c = 0; c < minutes.n_columns; c++) {
        minutes.values[c] = grown(NULL, n, sizeof(double));
        columns[c] = (struct column){ .real = true, .values = minutes.values[c] };
    }
    for (uint32_t m = 0; m < n; m++) {
        uint32_t from = m * TICKS_A_MINUTE;
        uint32_t left = table->n_ticks - from;
        minutes.at_us[m] = table->at_us[from] / 60000000 * 60000000;
        for (uint32_t c = 0; c < table->n_columns; c++) {
            double rolled[4];
            roll(table->values[c] + from, left < TICKS_A_MINUTE ? left : TICKS_A_MINUTE, rolled);
            for (size_t k = 0; k < 4 && minutes.values[4 * c + k]; k++)
                minutes.values[4 * c + k][m] = rolled[k];
        }
    }
    struct block block = { .n_ticks = n, .n_columns = minutes.n_columns, .at_us = minutes.at_us, .columns = columns };
    measure(coder, &block, BLOCK_BEST, &cost);
    print_cost("minutes", &cost, table->samples);
    table_done(&minutes);
}

static void bench_sketches(struct block_coder *coder, const struct table *table)
{
    struct cost cost = { 0 };
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, (size_t)1 << 30);
    for (uint32_t from = 0, to; from < table->n_ticks; from = to) {
        struct sketch *sketches = arena_alloc(&arena, table->n_columns, sizeof *sketches);
        uint64_t start = now_ns();
        for (to = from; to < table->n_ticks && table->at_us[to] / 86400000000 == table->at_us[from] / 86400000000; to++)
            for (uint32_t c = 0; c < table->n_columns; c++)
                if (!sketches ||
                    (!isnan(table->values[c][to]) && sketch_add(&sketches[c], &arena, table->values[c][to], 1) < 0))
                    fail("out of memory");
        struct bytes bytes;
        struct sketch_source source = { sketch_of_array, sketches };
        if (sketches_encode(coder, &source, table->n_columns, &bytes, NULL) < 0)
            fail("cannot encode sketches");
        cost.encode_ns += now_ns() - start;
        cost.bytes += bytes.len;
    }
    print_cost("sketches", &cost, table->samples);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        fail("usage: bench_block TICKS FILE.csv...");
    uint32_t ticks = (uint32_t)strtoul(argv[1], NULL, 10);
    struct block_coder *coder;
    if (ticks == 0 || ticks > BLOCK_TICKS_MAX || block_coder_new(&coder, NULL) < 0)
        fail("TICKS is out of range");
    for (int i = 2; i < argc; i++) {
        struct table table = read_csv(argv[i]);
        printf("%s: %u columns, %u ticks, %ju samples\n", argv[i], table.n_columns, table.n_ticks,
               (uintmax_t)table.samples);
        bench_blocks(coder, &table, 60, BLOCK_QUICK, "quick, 60");
        bench_blocks(coder, &table, 600, BLOCK_GOOD, "good, 600");
        bench_blocks(coder, &table, ticks, BLOCK_BEST, "best");
        if (table.n_ticks > 1 && table.at_us[1] - table.at_us[0] < 60000000)
            bench_minutes(coder, &table);
        bench_sketches(coder, &table);
        table_done(&table);
    }
    block_coder_free(coder);
    return 0;
}
