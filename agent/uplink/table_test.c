#include "agent/uplink/table.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "proto/codec/codec.h"

struct fixture {
    struct tables tables;
    struct readings readings;
    struct arena arena;
    struct cells cells;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, CODEC_ARENA_BYTES);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    tables_done(&f->tables);
    readings_done(&f->readings);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static void read_host(struct fixture *f, const char *disk)
{
    readings_clear(&f->readings);
    readings_add(&f->readings, METRIC_CPU_UTILIZATION, "", 0.25);
    readings_add(&f->readings, METRIC_DISK_READ_BYTES, disk, 4096);
    readings_add(&f->readings, METRIC_DISK_READ_AWAIT, disk, 0.000125);
}

/* Held by the current reading alone, once dropped here. */
static struct table *take(struct fixture *f)
{
    struct table *table;
    assert_int_equal(tables_take(&f->tables, &f->readings, &table, NULL), 0);
    return table;
}

static void a_table_says_what_its_columns_are(void **state)
{
    struct fixture *f = *state;
    read_host(f, "vda");
    struct table *table = take(f);
    struct series_table decoded;
    assert_int_equal(codec_decode_table(table->bytes, table->len, &f->arena, &decoded, NULL), 0);
    assert_int_equal(decoded.n, 3);
    assert_string_equal(decoded.at[0].metric, "system.cpu.utilization");
    assert_string_equal(decoded.at[0].instance, "");
    assert_string_equal(decoded.at[2].metric, "system.disk.operation.await{direction=read}");
    assert_string_equal(decoded.at[2].instance, "vda");
    assert_string_equal(decoded.at[2].unit, "s");
    assert_int_equal(decoded.at[2].exponent, -6);
    assert_memory_equal(&decoded.hash, &table->series.hash, TABLE_HASH_BYTES);
    tables_drop(&f->tables, table);
}

static void the_same_shape_is_the_same_table_whatever_its_values(void **state)
{
    struct fixture *f = *state;
    read_host(f, "vda");
    struct table *first = take(f);
    read_host(f, "vda");
    f->readings.at[0].value = NAN;
    struct table *second = take(f);
    assert_ptr_equal(first, second);
    tables_drop(&f->tables, first);
    tables_drop(&f->tables, second);
}

static void another_instance_another_metric_or_another_order_is_another_table(void **state)
{
    struct fixture *f = *state;
    struct table *tables[4];
    read_host(f, "vda");
    tables[0] = take(f);
    read_host(f, "vdb");
    tables[1] = take(f);
    read_host(f, "vda");
    f->readings.at[0].metric = METRIC_CPU_STEAL;
    tables[2] = take(f);
    read_host(f, "vda");
    struct reading swap = f->readings.at[1];
    f->readings.at[1] = f->readings.at[2];
    f->readings.at[2] = swap;
    tables[3] = take(f);
    for (int i = 0; i < 4; i++)
        for (int j = i + 1; j < 4; j++)
            assert_memory_not_equal(&tables[i]->series.hash, &tables[j]->series.hash, TABLE_HASH_BYTES);
    for (int i = 0; i < 4; i++)
        tables_drop(&f->tables, tables[i]);
}

static void a_shape_that_comes_back_finds_its_table_while_it_is_held(void **state)
{
    struct fixture *f = *state;
    read_host(f, "vda");
    struct table *first = take(f);
    first->known = true;
    read_host(f, "vdb");
    struct table *second = take(f);
    assert_ptr_not_equal(first, second);
    read_host(f, "vda");
    struct table *third = take(f);
    assert_ptr_equal(first, third);
    assert_true(third->known);
    tables_drop(&f->tables, first);
    tables_drop(&f->tables, second);
    tables_drop(&f->tables, third);
}

static void no_readings_make_no_table(void **state)
{
    struct fixture *f = *state;
    struct table *table = NULL;
    assert_int_equal(tables_take(&f->tables, &f->readings, &table, NULL), -EINVAL);
    assert_null(table);
}

static void a_table_too_large_for_a_report_loses_its_last_rows(void **state)
{
    struct fixture *f = *state;
    char instance[INSTANCE_MAX + 1];
    memset(instance, 'x', INSTANCE_MAX);
    instance[INSTANCE_MAX] = '\0';
    for (int i = 0; i < SERIES_MAX; i++) {
        instance[0] = (char)('a' + i % 26);
        readings_add(&f->readings, METRIC_FILESYSTEM_UTILIZATION, instance, i);
    }
    struct table *table = take(f);
    assert_true(table->len <= TABLE_BYTES_MAX);
    assert_true(table->series.n < SERIES_MAX);
    assert_true(table->series.n > 100);
    table_columns(table, &f->readings, &f->cells);
    assert_int_equal(f->cells.columns[table->series.n - 1].fixed[0], (table->series.n - 1) * 10000);
    struct table *again = take(f);
    assert_ptr_equal(table, again);
    tables_drop(&f->tables, table);
    tables_drop(&f->tables, again);
}

static void values_become_whole_multiples_of_their_resolution(void **state)
{
    struct fixture *f = *state;
    read_host(f, "vda");
    f->readings.at[1].value = 4096.5;
    struct table *table = take(f);
    table_columns(table, &f->readings, &f->cells);
    assert_false(f->cells.columns[0].real);
    assert_int_equal(f->cells.columns[0].fixed[0], 2500);
    assert_int_equal(f->cells.columns[1].fixed[0], 4097);
    assert_int_equal(f->cells.columns[2].fixed[0], 125);
    tables_drop(&f->tables, table);
}

static void a_value_that_does_not_fit_makes_its_column_one_of_doubles(void **state)
{
    struct fixture *f = *state;
    read_host(f, "vda");
    f->readings.at[1].value = 1e300;
    struct table *table = take(f);
    table_columns(table, &f->readings, &f->cells);
    assert_false(f->cells.columns[0].real);
    assert_true(f->cells.columns[1].real);
    assert_true(f->cells.columns[1].values[0] == 1e300);
    tables_drop(&f->tables, table);
}

static void what_is_no_number_is_absent(void **state)
{
    (void)state;
    static const double odd[] = { NAN, INFINITY, -INFINITY };
    for (size_t i = 0; i < 3; i++) {
        int64_t fixed = 0;
        assert_true(fixed_from_value(odd[i], -3, &fixed));
        assert_int_equal(fixed, FIXED_ABSENT);
    }
}

static void rounding_is_to_the_nearest_at_every_exponent(void **state)
{
    (void)state;
    static const struct {
        double value;
        int exponent;
        int64_t fixed;
    } cases[] = {
        { 0.1, -1, 1 },       { 0.29, -2, 29 }, { 1.005, -4, 10050 }, { 0.000001, -6, 1 },       { -0.5, 0, -1 },
        { 1234567, 3, 1235 }, { 0, -12, 0 },    { 5e11, 12, 1 },      { 0.1234567, -6, 123457 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t fixed;
        assert_true(fixed_from_value(cases[i].value, cases[i].exponent, &fixed));
        assert_int_equal(fixed, cases[i].fixed);
    }
    int64_t fixed = 7;
    assert_false(fixed_from_value(1e19, 0, &fixed));
    assert_false(fixed_from_value(-1e13, -6, &fixed));
    assert_int_equal(fixed, 7);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_table_says_what_its_columns_are),
        test(the_same_shape_is_the_same_table_whatever_its_values),
        test(another_instance_another_metric_or_another_order_is_another_table),
        test(a_shape_that_comes_back_finds_its_table_while_it_is_held),
        test(no_readings_make_no_table),
        test(a_table_too_large_for_a_report_loses_its_last_rows),
        test(values_become_whole_multiples_of_their_resolution),
        test(a_value_that_does_not_fit_makes_its_column_one_of_doubles),
        test(what_is_no_number_is_absent),
        test(rounding_is_to_the_nearest_at_every_exponent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
