#include "warroom/carry/bundle.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/codec/codec.h"

#define T0_US (INT64_C(1000000000) * US_PER_S)
static const struct run_id run = { "imported" };
static const struct series series[] = { { "a", "", "1", -2 }, { "b", "x", "By", 0 } };

struct fixture {
    struct bundle *bundle;
    struct arena arena;
    struct batch batch; /* the one taken last, decoded */
    struct series_table table;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 4 * CODEC_ARENA_BYTES);
    assert_int_equal(bundle_new(&f->bundle, series, 2, &f->err), 0);
    struct bytes table = bundle_table(f->bundle);
    assert_int_equal(codec_decode_table(table.at, table.len, &f->arena, &f->table, &f->err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    bundle_free(f->bundle);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static struct number number(const char *text)
{
    struct number ret;
    assert_int_equal(number_parse(text, strlen(text), &ret), 0);
    return ret;
}

static int add(struct fixture *f, int64_t at_us, const char *a, const char *b)
{
    struct number values[2] = { number(a), number(b) };
    return bundle_add(f->bundle, &(struct tick){ .at_us = at_us, .values = values });
}

static uint32_t take(struct fixture *f, uint64_t first)
{
    struct bytes bytes;
    uint32_t n;
    assert_int_equal(bundle_take(f->bundle, &run, first, T0_US, &bytes, &n, &f->err), 0);
    assert_int_equal(codec_decode_batch(bytes.at, bytes.len, &f->arena, &f->batch, &f->err), 0);
    assert_int_equal(f->batch.n_ticks, n);
    return n;
}

static void ticks_become_a_batch_with_their_times(void **state)
{
    struct fixture *f = *state;
    assert_true(bundle_is_empty(f->bundle));
    assert_int_equal(add(f, T0_US + 5 * US_PER_S, "0.25", "7"), 0);
    assert_int_equal(add(f, T0_US + 6 * US_PER_S, "", "8"), 0);
    assert_int_equal(take(f, 3), 2);
    assert_true(bundle_is_empty(f->bundle));
    assert_int_equal(f->batch.first, 3);
    assert_int_equal(f->batch.mono_us[0], 5 * US_PER_S);
    assert_int_equal(f->batch.wall_us[1], T0_US + 6 * US_PER_S);
    assert_memory_equal(&f->batch.run, &run, sizeof run);
    assert_memory_equal(&f->batch.table, &f->table.hash, sizeof f->table.hash);
    assert_false(f->batch.columns[0].real);
    assert_int_equal(f->batch.columns[0].fixed[0], 25);
    assert_int_equal(f->batch.columns[0].fixed[1], FIXED_ABSENT);
    assert_int_equal(f->batch.columns[1].fixed[1], 8);
}

static void a_column_that_does_not_fit_its_resolution_goes_as_doubles(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, T0_US, "0.25", "7"), 0);
    assert_int_equal(add(f, T0_US + 1, "0.125", "8"), 0);
    assert_int_equal(add(f, T0_US + 2, "", "9"), 0);
    assert_int_equal(take(f, 1), 3);
    assert_true(f->batch.columns[0].real);
    assert_true(f->batch.columns[0].values[1] == 0.125 && isnan(f->batch.columns[0].values[2]));
    assert_false(f->batch.columns[1].real);
    assert_int_equal(add(f, T0_US + 3, "0.5", "7"), 0);
    take(f, 4);
    assert_false(f->batch.columns[0].real); /* the next batch is its own */
}

static void a_batch_spans_a_day_at_most(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, T0_US, "1", "1"), 0);
    assert_int_equal(add(f, T0_US + INT64_C(86400) * US_PER_S, "1", "1"), 0);
    assert_int_equal(add(f, T0_US + INT64_C(86400) * US_PER_S + 1, "1", "1"), BUNDLE_FULL);
    assert_int_equal(take(f, 1), 2);
    assert_int_equal(add(f, T0_US + INT64_C(86400) * US_PER_S + 1, "1", "1"), 0);
}

static void what_does_not_fit_into_one_batch_stays_for_the_next(void **state)
{
    struct fixture *f = *state;
    uint32_t n = 0;
    char text[32];
    do { /* doubles without pattern: 16 bytes a tick */
        snprintf(text, sizeof text, "%.17g", sqrt(n + 2));
    } while (add(f, T0_US + n, text, text) == 0 && ++n);
    assert_int_equal(n, TICKS_MAX);
    uint32_t got = 0;
    for (int batches = 0; !bundle_is_empty(f->bundle); batches++) {
        uint32_t took = take(f, got + 1);
        for (uint32_t i = 0; i < took; i++)
            assert_true(f->batch.columns[1].values[i] == sqrt(got + i + 2));
        got += took;
        assert_true(batches < 3);
    }
    assert_int_equal(got, n);
}

static void names_that_are_too_long_together_are_refused(void **state)
{
    struct fixture *f = *state;
    struct series many[SERIES_MAX];
    char instance[INSTANCE_MAX + 1];
    memset(instance, 'x', INSTANCE_MAX);
    instance[INSTANCE_MAX] = '\0';
    for (int i = 0; i < SERIES_MAX; i++)
        many[i] = (struct series){ "a", instance, "1", 0 };
    struct bundle *bundle = NULL;
    assert_int_equal(bundle_new(&bundle, many, SERIES_MAX, &f->err), -EMSGSIZE);
    assert_non_null(strstr(f->err.text, "split the file"));
    assert_null(bundle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ticks_become_a_batch_with_their_times),
        TEST(a_column_that_does_not_fit_its_resolution_goes_as_doubles),
        TEST(a_batch_spans_a_day_at_most),
        TEST(what_does_not_fit_into_one_batch_stays_for_the_next),
        TEST(names_that_are_too_long_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
