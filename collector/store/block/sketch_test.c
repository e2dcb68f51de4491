#include "collector/store/block/sketch.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/store/block/block.h"

enum { VALUES = 5000 };

struct fixture {
    struct block_coder *coder;
    struct arena arena;
    double values[VALUES];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    arena_init(&f->arena, 64 << 20);
    assert_int_equal(block_coder_new(&f->coder, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    block_coder_free(f->coder);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 11;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Many sizes, both signs, some zeros. */
static void draw_values(struct fixture *f, uint64_t seed)
{
    for (int i = 0; i < VALUES; i++) {
        double size = exp((double)(draw(&seed) % 40000) / 1000 - 15);
        f->values[i] = draw(&seed) % 10 == 0 ? 0 : draw(&seed) % 3 == 0 ? -size : size;
    }
}

static void add_all(struct fixture *f, struct sketch *sketch, int from, int to)
{
    for (int i = from; i < to; i++)
        assert_int_equal(sketch_add(sketch, &f->arena, f->values[i], 1), 0);
}

static void check_quantiles(struct fixture *f, const struct sketch *sketch)
{
    qsort(f->values, VALUES, sizeof *f->values, by_value);
    assert_int_equal(sketch->count, VALUES);
    assert_true(sketch_quantile(sketch, 0) == f->values[0]);
    assert_true(sketch_quantile(sketch, 1) == f->values[VALUES - 1]);
    for (int q = 1; q < 1000; q++) {
        double want = f->values[(int)ceil(q / 1000.0 * VALUES) - 1];
        double got = sketch_quantile(sketch, q / 1000.0);
        assert_true(fabs(got - want) <= 0.01 * fabs(want));
    }
}

static void quantiles_are_within_a_hundredth(void **state)
{
    struct fixture *f = *state;
    struct sketch sketch = { 0 };
    draw_values(f, 1);
    add_all(f, &sketch, 0, VALUES);
    check_quantiles(f, &sketch);
}

static void an_empty_sketch_has_no_quantiles(void **state)
{
    (void)state;
    struct sketch sketch = { 0 };
    assert_true(isnan(sketch_quantile(&sketch, 0.5)));
    assert_true(isnan(sketch_quantile(&sketch, 0)));
}

static void one_value_is_every_quantile(void **state)
{
    struct fixture *f = *state;
    static const double values[] = { 0, -0.0, 7.25, -3e-300, 1.7e308, 5e-324 };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct sketch sketch = { 0 };
        assert_int_equal(sketch_add(&sketch, &f->arena, values[i], 3), 0);
        assert_int_equal(sketch.count, 3);
        for (int q = 0; q <= 10; q++)
            assert_true(sketch_quantile(&sketch, q / 10.0) == values[i]);
    }
}

static void of_few_values_the_outer_quantiles_are_the_values_themselves(void **state)
{
    struct fixture *f = *state;
    struct sketch sketch = { 0 };
    for (int i = 0; i < 5; i++) /* the mean of which is 0.2 % below the greatest: less than a bucket is wide */
        assert_int_equal(sketch_add(&sketch, &f->arena, 100.25 - 0.1 * i, 1), 0);
    assert_true(sketch_quantile(&sketch, 0.95) == 100.25);
    assert_true(sketch_quantile(&sketch, 0.81) == 100.25);
    assert_true(sketch_quantile(&sketch, 0.2) == sketch_quantile(&sketch, 0));
}

static void sketches_of_parts_add_up_to_that_of_the_whole(void **state)
{
    struct fixture *f = *state;
    struct sketch parts[3] = { 0 };
    struct sketch sum = { 0 };
    draw_values(f, 2);
    add_all(f, &parts[0], 0, 100);
    add_all(f, &parts[1], 100, 4000);
    add_all(f, &parts[2], 4000, VALUES);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sketch_merge(&sum, &f->arena, &parts[i]), 0);
    assert_int_equal(sketch_merge(&sum, &f->arena, &(struct sketch){ 0 }), 0);
    check_quantiles(f, &sum);
}

static void a_sketch_that_cannot_grow_stays_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct arena small;
    struct sketch sketch = { 0 };
    struct sketch other = { 0 };
    arena_init(&small, 4096);
    assert_int_equal(sketch_add(&sketch, &small, 2.5, 1), 0);
    assert_int_equal(sketch_add(&other, &f->arena, 3, 1), 0);
    assert_int_equal(sketch_add(&other, &f->arena, -1e-300, 1), 0);
    assert_int_equal(sketch_add(&other, &f->arena, -1e300, 1), 0);
    int added = sketch_add(&sketch, &small, 1e300, 1);
    int merged = sketch_merge(&sketch, &small, &other);
    double median = sketch_quantile(&sketch, 0.5);
    uint64_t count = sketch.count;
    arena_done(&small);
    assert_int_equal(added, -ENOMEM);
    assert_int_equal(merged, -ENOMEM);
    assert_int_equal(count, 1);
    assert_true(median == 2.5);
}

/* From the least to the greatest, and as a hostile host has them. */
static const double extremes[] = { 1e-300, 1e300, -1e-300, -1e300, 5e-324, 1.7e308, 1, -1, 0, 1e280, 1e290, -1e279 };
enum { EXTREMES = sizeof extremes / sizeof *extremes };

static void the_widest_values_keep_a_sketch_within_its_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SKETCH_ARENA_BYTES);
    struct sketch sketch = { 0 };
    for (int side = -1; side <= 1; side += 2) /* growing bucket by bucket takes most */
        for (int i = -30000; i <= 30000; i++)
            assert_int_equal(sketch_add(&sketch, &arena, side * exp(i * 0.015), 1), 0);
    for (int i = 0; i < EXTREMES; i++)
        assert_int_equal(sketch_add(&sketch, &arena, extremes[i], 1), 0);
    assert_int_equal(sketch.above.n, SKETCH_BUCKETS_MAX);
    assert_int_equal(sketch.below.n, SKETCH_BUCKETS_MAX);
    arena_done(&arena);
}

static void values_are_close_within_35_powers_of_ten_and_none_is_lost(void **state)
{
    struct fixture *f = *state;
    struct sketch up = { 0 };
    struct sketch down = { 0 };
    struct sketch parts[2] = { 0 };
    for (int i = 0; i < EXTREMES; i++) {
        assert_int_equal(sketch_add(&up, &f->arena, extremes[i], 1), 0);
        assert_int_equal(sketch_add(&down, &f->arena, extremes[EXTREMES - 1 - i], 1), 0);
        assert_int_equal(sketch_add(&parts[i % 2], &f->arena, extremes[i], 1), 0);
    }
    assert_int_equal(sketch_merge(&parts[0], &f->arena, &parts[1]), 0);
    double sorted[EXTREMES];
    memcpy(sorted, extremes, sizeof sorted);
    qsort(sorted, EXTREMES, sizeof *sorted, by_value);
    assert_int_equal(up.count, EXTREMES);
    for (int i = 0; i < EXTREMES; i++) {
        double q = (i + 0.5) / EXTREMES;
        double value = sketch_quantile(&up, q);
        double greatest = sorted[i] < 0 ? 1e300 : 1.7e308;
        assert_true(sketch_quantile(&down, q) == value && sketch_quantile(&parts[0], q) == value);
        assert_true(fabs(value - sorted[i]) <= 0.01 * fabs(sorted[i]) + 1e-35 * greatest);
    }
}

static void check_side(const struct sketch_side *is, const struct sketch_side *want)
{
    uint64_t is_sum = 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < is->n; i++)
        is_sum += is->counts[i];
    for (uint32_t i = 0; i < want->n; i++) {
        int32_t bucket = want->low + (int32_t)i;
        sum += want->counts[i];
        if (want->counts[i] > 0)
            assert_int_equal(is->counts[bucket - is->low], want->counts[i]);
    }
    assert_int_equal(is_sum, sum);
}

static void check_same(const struct sketch *is, const struct sketch *want)
{
    assert_int_equal(is->count, want->count);
    assert_int_equal(is->zeros, want->zeros);
    assert_true(is->min == want->min && is->max == want->max);
    check_side(&is->above, &want->above);
    check_side(&is->below, &want->below);
}

enum { ROW = 40 };

static struct bytes row_of(struct fixture *f, struct sketch *sketches)
{
    draw_values(f, 3);
    for (int i = 0; i < VALUES; i++) {
        int at = i % ROW;
        double value = at < 10 ? 4 : at < 20 ? floor(f->values[i]) : at < 30 ? at * 0.25 : f->values[i];
        if (at != 35)
            assert_int_equal(sketch_add(&sketches[at], &f->arena, value, 1), 0);
    }
    struct bytes bytes;
    struct sketch_source source = { sketch_of_array, sketches };
    assert_int_equal(sketches_encode(f->coder, &source, ROW, &bytes, NULL), 0);
    uint8_t *copy = arena_alloc(&f->arena, bytes.len, 1);
    assert_non_null(copy);
    memcpy(copy, bytes.at, bytes.len);
    return (struct bytes){ copy, bytes.len };
}

static void a_row_of_sketches_comes_back(void **state)
{
    struct fixture *f = *state;
    struct sketch sketches[ROW] = { 0 };
    struct bytes bytes = row_of(f, sketches);
    struct sketches_view view;
    assert_int_equal(sketches_open(f->coder, bytes.at, bytes.len, &f->arena, &view, NULL), 0);
    assert_int_equal(view.n, ROW);
    for (uint32_t i = 0; i < ROW; i++) {
        struct sketch sketch;
        assert_int_equal(sketches_read(&view, i, &f->arena, &sketch, NULL), 0);
        check_same(&sketch, &sketches[i]);
        struct sketch twice = sketch; /* what was read goes on as any other */
        assert_int_equal(sketch_merge(&twice, &f->arena, &sketches[i]), 0);
        assert_int_equal(twice.count, 2 * sketches[i].count);
    }
}

static void a_row_of_none_comes_back(void **state)
{
    struct fixture *f = *state;
    struct bytes bytes;
    struct sketches_view view;
    struct sketch_source source = { sketch_of_array, NULL };
    assert_int_equal(sketches_encode(f->coder, &source, 0, &bytes, NULL), 0);
    assert_int_equal(sketches_open(f->coder, bytes.at, bytes.len, &f->arena, &view, NULL), 0);
    assert_int_equal(view.n, 0);
}

static void a_flipped_byte_of_a_row_is_found(void **state)
{
    struct fixture *f = *state;
    struct sketch sketches[ROW] = { 0 };
    struct bytes bytes = row_of(f, sketches);
    uint8_t *copy = malloc(bytes.len);
    assert_non_null(copy);
    memcpy(copy, bytes.at, bytes.len);
    size_t missed = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        struct sketches_view view;
        copy[i] ^= (uint8_t)(1 << i % 8);
        missed += sketches_open(f->coder, copy, bytes.len, &f->arena, &view, NULL) != -EBADMSG;
        copy[i] = bytes.at[i];
    }
    for (size_t len = 0; len < bytes.len; len += 13) {
        struct sketches_view view;
        missed += sketches_open(f->coder, copy, len, &f->arena, &view, NULL) != -EBADMSG;
    }
    free(copy);
    assert_int_equal(missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quantiles_are_within_a_hundredth, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_sketch_has_no_quantiles, setup, teardown),
        cmocka_unit_test_setup_teardown(one_value_is_every_quantile, setup, teardown),
        cmocka_unit_test_setup_teardown(of_few_values_the_outer_quantiles_are_the_values_themselves, setup, teardown),
        cmocka_unit_test_setup_teardown(sketches_of_parts_add_up_to_that_of_the_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sketch_that_cannot_grow_stays_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(the_widest_values_keep_a_sketch_within_its_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_close_within_35_powers_of_ten_and_none_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_of_sketches_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_of_none_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_byte_of_a_row_is_found, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
