#include "warroom/carry/csv.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct csv_head head;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 16 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

static int head(struct fixture *f, const char *line)
{
    return csv_head_parse(line, strlen(line), &f->arena, &f->head, &f->err);
}

static int row(struct fixture *f, const char *line, int64_t *at_us, struct number *values)
{
    return csv_row_parse(&f->head, line, strlen(line), at_us, values, &f->err);
}

static void a_head_names_metric_instance_and_unit(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(head(f, "time_ms,system.cpu.utilization,system.disk.io.rate{direction=read}[vda] (By/s),"
                             "\"odd, \"\"name\"\"\",queue[3],Temp (C),mem.Active(anon)"),
                     0);
    static const struct {
        const char *metric, *instance, *unit;
    } want[] = { { "system.cpu.utilization", "", "1" },
                 { "system.disk.io.rate{direction=read}", "vda", "By/s" },
                 { "odd, \"name\"", "", "1" },
                 { "queue", "3", "1" },
                 { "Temp", "", "C" },
                 { "mem.Active(anon)", "", "1" } };
    assert_int_equal(f->head.n, 6);
    assert_int_equal(f->head.clock, CSV_TIME_MS);
    for (uint32_t i = 0; i < f->head.n; i++) {
        assert_string_equal(f->head.series[i].metric, want[i].metric);
        assert_string_equal(f->head.series[i].instance, want[i].instance);
        assert_string_equal(f->head.series[i].unit, want[i].unit);
    }
}

static void what_is_printed_is_read_again(void **state)
{
    struct fixture *f = *state;
    const struct series series[] = { { "system.cpu.utilization", "", "1", 0 },
                                     { "system.disk.io.rate{direction=read}", "a [b], \"c\"", "By/s", 0 },
                                     { "x (y)", "", "1", 0 },
                                     { "a[b", "", "{packet}/s", 0 } };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    csv_head_print(out, series, 4);
    fclose(out);
    assert_int_equal(csv_head_parse(text, len - 1, &f->arena, &f->head, &f->err), 0);
    free(text);
    for (uint32_t i = 0; i < 4; i++) {
        assert_string_equal(f->head.series[i].metric, series[i].metric);
        assert_string_equal(f->head.series[i].instance, series[i].instance);
        assert_string_equal(f->head.series[i].unit, series[i].unit);
    }
}

static void a_name_cannot_forge_a_row(void **state)
{
    (void)state;
    const struct series series[] = { { "a", "i\n1795392000250,1", "1", 0 }, { "b\r\"\x7f", "", "x\ty", 0 } };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    csv_head_print(out, series, 2);
    fclose(out);
    assert_string_equal(text, "time_ms,\"a[i?1795392000250,1] (1)\",\"b?\"\"? (x?y)\"\n");
    free(text);
}

static void a_head_that_is_none_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *line, *why;
    } cases[] = {
        { "", "first column is to be time" },
        { "date,cpu", "not \"date\"" },
        { "time;cpu", "separated by commas" },
        { "time_s", "no column behind the time" },
        { "time,cpu,", "column 3: the metric is missing" },
        { "time,cpu,cpu", "cpu (1) stands twice" },
        { "time,\"cpu", "not closed" },
        { "time,\"cpu\"x", "text behind its quote" },
        { "time,system.cpu.utilization (%)", "is in 1 (docs/metrics.md), not in %" },
        { "time,a\xff", "not plain text" },
        { "time,a\x1b[2J", "not plain text" },
        { "time,[x]", "the metric is missing" },
        { "time,"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "longer than 96 bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(head(f, cases[i].line), -EINVAL);
        if (!strstr(f->err.text, cases[i].why))
            fail_msg("%s: %s", cases[i].line, f->err.text);
    }
}

static void more_columns_than_a_host_has_series_are_refused_with_what_to_do(void **state)
{
    struct fixture *f = *state;
    char *line = malloc(16 * (SERIES_MAX + 2));
    int len = sprintf(line, "time");
    for (int i = 0; i < SERIES_MAX + 1; i++)
        len += sprintf(line + len, ",c%d", i);
    assert_int_equal(csv_head_parse(line, (size_t)len, &f->arena, &f->head, &f->err), -EMSGSIZE);
    assert_non_null(strstr(f->err.text, "split the file"));
    line[strrchr(line, ',') - line] = '\0';
    assert_int_equal(head(f, line), 0);
    assert_int_equal(f->head.n, SERIES_MAX);
    free(line);
}

static void a_row_is_a_time_and_a_number_a_column(void **state)
{
    struct fixture *f = *state;
    struct number values[3];
    int64_t at_us;
    assert_int_equal(head(f, "time,a,b,c"), 0);
    assert_int_equal(row(f, "2026-11-23T08:00:00.25+08:00, 1.5 ,,NaN", &at_us, values), 0);
    assert_int_equal(at_us, 1795392000250000);
    assert_true(values[0].real == 1.5 && isnan(values[1].real) && isnan(values[2].real));
    assert_int_equal(row(f, "1795392000250,\"7\",1e-3,-2", &at_us, values), 0);
    assert_int_equal(at_us, 1795392000250000);
    assert_true(values[0].real == 7 && values[1].real == 0.001 && values[2].real == -2);
    assert_int_equal(head(f, "time_s,a"), 0);
    assert_int_equal(row(f, "1795392000.25,1", &at_us, values), 0);
    assert_int_equal(at_us, 1795392000250000);
}

static void a_row_that_is_none_is_refused_with_the_reason(void **state)
{
    struct fixture *f = *state;
    struct number values[2];
    int64_t at_us = 42;
    static const struct {
        const char *line, *why;
    } cases[] = {
        { "yesterday,1,2", "\"yesterday\" is not an instant" },
        { ",1,2", "is not an instant" },
        { "1795392000250,1", "2 columns, the first line has 3" },
        { "1795392000250,1,2,3", "4 columns, the first line has 3" },
        { "1795392000250,1,x", "column 3: \"x\" is not a number" },
        { "1795392000250,inf,1", "column 2: \"inf\" is infinite" },
        { "1795392000250,\"1,2", "not closed" },
    };
    assert_int_equal(head(f, "time,a,b"), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(row(f, cases[i].line, &at_us, values), -EINVAL);
        if (!strstr(f->err.text, cases[i].why))
            fail_msg("%s: %s", cases[i].line, f->err.text);
    }
    assert_int_equal(at_us, 42);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_names_metric_instance_and_unit),
        TEST(what_is_printed_is_read_again),
        TEST(a_name_cannot_forge_a_row),
        TEST(a_head_that_is_none_is_refused_with_the_reason),
        TEST(more_columns_than_a_host_has_series_are_refused_with_what_to_do),
        TEST(a_row_is_a_time_and_a_number_a_column),
        TEST(a_row_that_is_none_is_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
