#include "proto/codec/codec_fixture.h"

#include <errno.h>
#include <float.h>
#include <math.h>

static void encode(struct fixture *f, const struct batch *batch)
{
    int rc = codec_encode_batch(batch, f->bytes, sizeof f->bytes, &f->len, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
}

static struct batch decode(struct fixture *f)
{
    struct batch batch;
    int rc = codec_decode_batch(f->bytes, f->len, &f->arena, &batch, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    return batch;
}

static struct batch there_and_back(struct fixture *f, const struct batch *batch)
{
    encode(f, batch);
    return decode(f);
}

/* One column of `n` ticks, a second apart. */
static struct batch one_column(struct fixture *f, const struct column *column, uint32_t n)
{
    int64_t *times = arena_alloc(&f->arena, n, sizeof *times);
    assert_non_null(times);
    for (uint32_t i = 0; i < n; i++)
        times[i] = 1000000 * (int64_t)(i + 1);
    struct batch batch = sample_batch();
    batch.n_ticks = n;
    batch.n_columns = 1;
    batch.mono_us = times;
    batch.wall_us = times;
    batch.columns = column;
    return batch;
}

/* `n_columns` of the same values. */
static struct batch many_columns(struct fixture *f, uint32_t n_columns, uint32_t n_ticks, int64_t value)
{
    int64_t *values = arena_alloc(&f->arena, n_ticks, sizeof *values);
    struct column *columns = arena_alloc(&f->arena, n_columns, sizeof *columns);
    assert_true(values && columns);
    for (uint32_t i = 0; i < n_ticks; i++)
        values[i] = value;
    for (uint32_t c = 0; c < n_columns; c++)
        columns[c] = (struct column){ .fixed = values };
    struct batch batch = one_column(f, columns, n_ticks);
    batch.n_columns = n_columns;
    return batch;
}

/* ---- what goes comes back ---- */

static void a_batch_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    struct batch want = sample_batch();
    struct batch got = there_and_back(f, &want);
    assert_same_batch(&got, &want);
}

static void a_batch_of_one_tick_comes_back_as_it_went(void **state)
{
    struct fixture *f = *state;
    struct batch want = sample_batch();
    want.n_ticks = 1;
    struct batch got = there_and_back(f, &want);
    assert_same_batch(&got, &want);
}

static void the_same_batch_is_always_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct batch batch = sample_batch();
    encode(f, &batch);
    assert_int_equal(codec_encode_batch(&batch, f->more, sizeof f->more, &f->more_len, NULL), 0);
    assert_int_equal(f->more_len, f->len);
    assert_memory_equal(f->more, f->bytes, f->len);
}

static void values_at_the_ends_of_int64_survive(void **state)
{
    struct fixture *f = *state;
    static const int64_t values[] = {
        INT64_MAX, INT64_MIN + 1, INT64_MAX, 0, INT64_MIN + 1, -1, 1, INT64_MAX - 1, INT64_MIN + 1, INT64_MIN + 2,
    };
    struct column column = { .fixed = values };
    struct batch want = one_column(f, &column, 10);
    struct batch got = there_and_back(f, &want);
    assert_same_batch(&got, &want);
}

static void doubles_keep_every_bit(void **state)
{
    struct fixture *f = *state;
    static const double values[] = { 0.1, -0.0, 0.0, DBL_MAX, -DBL_MAX, DBL_MIN, 4.9e-324, M_PI, 1e300 };
    struct column column = { .real = true, .values = values };
    struct batch want = one_column(f, &column, 9);
    struct batch got = there_and_back(f, &want);
    assert_same_batch(&got, &want);
}

static void absent_values_come_back_absent_of_either_sort(void **state)
{
    struct fixture *f = *state;
    static const int64_t fixed[] = {
        FIXED_ABSENT, 7, FIXED_ABSENT, FIXED_ABSENT, 9, FIXED_ABSENT, 1, 2, FIXED_ABSENT,
    };
    static const double real[] = { NAN, 0.5, 0.25, NAN, NAN, NAN, NAN, NAN, 3 };
    struct column columns[] = { { .fixed = fixed }, { .real = true, .values = real } };
    for (uint32_t n = 1; n <= 9; n++) {
        struct batch want = one_column(f, columns, n);
        want.n_columns = 2;
        struct batch got = there_and_back(f, &want);
        assert_same_batch(&got, &want);
    }
}

static void absent_values_take_no_bytes_but_their_bit(void **state)
{
    struct fixture *f = *state;
    static const double none[] = { NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN };
    struct column column = { .real = true, .values = none };
    struct batch batch = one_column(f, &column, 9);
    encode(f, &batch);
    size_t empty = f->len;
    double eight[9];
    memcpy(eight, none, sizeof eight);
    eight[8] = 1;
    column.values = eight;
    encode(f, &batch);
    assert_int_equal(f->len, empty + 8);
}

static void a_double_that_is_not_finite_goes_as_absent(void **state)
{
    struct fixture *f = *state;
    static const double values[] = { INFINITY, 1, -INFINITY };
    struct column column = { .real = true, .values = values };
    struct batch batch = one_column(f, &column, 3);
    struct batch got = there_and_back(f, &batch);
    assert_true(isnan(got.columns[0].values[0]));
    assert_true(got.columns[0].values[1] == 1);
    assert_true(isnan(got.columns[0].values[2]));
}

static void an_uneven_beat_and_a_wall_clock_that_jumps_both_ways_survive(void **state)
{
    struct fixture *f = *state;
    static const int64_t mono[] = { 0, 1, 1000000000, 1000000001, TIME_US_MAX };
    static const int64_t wall[] = { 0, TIME_US_MAX, -TIME_US_MAX, 1795400000000000, -1 };
    static const int64_t values[5] = { 0 };
    struct column column = { .fixed = values };
    struct batch want = one_column(f, &column, 5);
    want.mono_us = mono;
    want.wall_us = wall;
    struct batch got = there_and_back(f, &want);
    assert_same_batch(&got, &want);
}

static void a_wall_time_out_of_reach_is_brought_back_never_refused(void **state)
{
    struct fixture *f = *state;
    static const int64_t wall[] = { INT64_MIN, INT64_MAX, 42 };
    struct batch batch = sample_batch();
    batch.wall_us = wall;
    struct batch got = there_and_back(f, &batch);
    assert_int_equal(got.wall_us[0], -TIME_US_MAX);
    assert_int_equal(got.wall_us[1], TIME_US_MAX);
    assert_int_equal(got.wall_us[2], 42);
}

static void a_steady_tick_costs_two_bytes_of_time(void **state)
{
    struct fixture *f = *state;
    struct batch batch = many_columns(f, 1, 100, 0);
    encode(f, &batch);
    size_t of_100 = f->len;
    batch = many_columns(f, 1, 101, 0);
    encode(f, &batch);
    assert_int_equal(f->len, of_100 + 3); /* and its value */
}

static void the_last_tick_number_there_can_be_survives(void **state)
{
    struct fixture *f = *state;
    struct batch want = sample_batch();
    want.first = (uint64_t)INT64_MAX - 2;
    struct batch got = there_and_back(f, &want);
    assert_same_batch(&got, &want);
}

/* ---- limits ---- */

static void the_widest_and_the_longest_batch_fit_an_arena_of_the_named_size(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t columns, ticks;
        int64_t value;
    } sizes[] = {
        { SERIES_MAX, 1, INT64_MAX },
        { SERIES_MAX, 59, 0 },
        { 15, TICKS_MAX, 0 },
        { BATCH_VALUES_MAX / TICKS_MAX, TICKS_MAX, FIXED_ABSENT }, /* few bytes, all of the room */
        { SERIES_MAX, BATCH_VALUES_MAX / SERIES_MAX, FIXED_ABSENT },
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct batch want = many_columns(f, sizes[i].columns, sizes[i].ticks, sizes[i].value);
        encode(f, &want);
        struct arena fresh;
        arena_init(&fresh, CODEC_ARENA_BYTES);
        struct batch got;
        int rc = codec_decode_batch(f->bytes, f->len, &fresh, &got, &f->err);
        if (rc == 0)
            assert_same_batch(&got, &want);
        arena_done(&fresh);
        assert_int_equal(rc, 0);
    }
}

static void a_batch_over_a_count_limit_is_not_encoded(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t columns, ticks;
    } sizes[] = { { SERIES_MAX + 1, 1 }, { 1, TICKS_MAX + 1 }, { 1000, 66 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct batch batch = many_columns(f, sizes[i].columns, sizes[i].ticks, 0);
        size_t len = 99;
        assert_int_equal(codec_encode_batch(&batch, f->bytes, sizeof f->bytes, &len, &f->err), -EMSGSIZE);
        assert_int_equal(len, 99);
    }
}

static void a_batch_over_60_kib_is_not_encoded(void **state)
{
    struct fixture *f = *state;
    struct batch batch = many_columns(f, 1000, 8, INT64_C(1) << 60);
    encode(f, &batch);
    assert_true(f->len < BATCH_MAX);
    batch = many_columns(f, 1000, 60, INT64_C(1) << 60);
    assert_int_equal(codec_encode_batch(&batch, f->bytes, sizeof f->bytes, &f->len, &f->err), -EMSGSIZE);
}

static void the_buffer_may_be_exactly_as_large_as_the_batch_and_no_smaller(void **state)
{
    struct fixture *f = *state;
    struct batch batch = sample_batch();
    encode(f, &batch);
    size_t need = f->len;
    assert_int_equal(codec_encode_batch(&batch, f->more, need, &f->more_len, NULL), 0);
    assert_memory_equal(f->more, f->bytes, need);
    for (size_t size = 0; size < need; size++) {
        uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a byte too many is seen */
        size_t len = 99;
        int rc = codec_encode_batch(&batch, exact, size, &len, &f->err);
        free(exact);
        assert_int_equal(rc, -EMSGSIZE);
        assert_int_equal(len, 99);
    }
}

static void an_arena_too_small_is_enomem_whatever_it_lacks(void **state)
{
    struct fixture *f = *state;
    struct batch batch = sample_batch();
    encode(f, &batch);
    unsigned failures = 0;
    for (size_t limit = 0; limit < 4096; limit += 16) {
        struct arena small;
        arena_init(&small, limit);
        struct batch got;
        int rc = codec_decode_batch(f->bytes, f->len, &small, &got, &f->err);
        arena_done(&small);
        assert_true(rc == 0 || rc == -ENOMEM);
        failures += rc == -ENOMEM;
    }
    assert_in_range(failures, 10, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(a_batch_comes_back_as_it_went),
        CODEC_TEST(a_batch_of_one_tick_comes_back_as_it_went),
        CODEC_TEST(the_same_batch_is_always_the_same_bytes),
        CODEC_TEST(values_at_the_ends_of_int64_survive),
        CODEC_TEST(doubles_keep_every_bit),
        CODEC_TEST(absent_values_come_back_absent_of_either_sort),
        CODEC_TEST(absent_values_take_no_bytes_but_their_bit),
        CODEC_TEST(a_double_that_is_not_finite_goes_as_absent),
        CODEC_TEST(an_uneven_beat_and_a_wall_clock_that_jumps_both_ways_survive),
        CODEC_TEST(a_wall_time_out_of_reach_is_brought_back_never_refused),
        CODEC_TEST(a_steady_tick_costs_two_bytes_of_time),
        CODEC_TEST(the_last_tick_number_there_can_be_survives),
        CODEC_TEST(the_widest_and_the_longest_batch_fit_an_arena_of_the_named_size),
        CODEC_TEST(a_batch_over_a_count_limit_is_not_encoded),
        CODEC_TEST(a_batch_over_60_kib_is_not_encoded),
        CODEC_TEST(the_buffer_may_be_exactly_as_large_as_the_batch_and_no_smaller),
        CODEC_TEST(an_arena_too_small_is_enomem_whatever_it_lacks),
    };
    return cmocka_run_group_tests_name("proto.codec.batch", tests, NULL, NULL);
}
