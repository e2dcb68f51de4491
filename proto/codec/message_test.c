#include "proto/codec/codec_fixture.h"

#include <math.h>
#include <stdio.h>

static double value_of(int64_t fixed, int exponent)
{
    struct series series = { .metric = "m", .instance = "", .unit = "1", .exponent = exponent };
    struct series_table table = { .n = 1, .at = &series };
    struct column column = { .fixed = &fixed };
    struct batch batch = { .n_ticks = 1, .n_columns = 1, .columns = &column };
    return batch_value(&batch, &table, 0, 0);
}

/* strtod() rounds correctly: it says what the nearest double is. */
static void assert_nearest(int64_t fixed, int exponent)
{
    char text[64];
    snprintf(text, sizeof text, "%llde%d", (long long)fixed, exponent);
    double want = strtod(text, NULL);
    double got = value_of(fixed, exponent);
    if (got != want)
        fail_msg("%s: %.17g instead of %.17g", text, got, want);
}

static void a_value_is_the_double_nearest_to_its_decimal(void **state)
{
    (void)state;
    static const int64_t values[] = {
        0,
        1,
        -1,
        3,
        7,
        1234,
        -98765,
        123456789,
        (INT64_C(1) << 53) - 1,
        INT64_C(1) << 53,
        (INT64_C(1) << 53) + 1,
        -(INT64_C(1) << 53) - 1,
        INT64_C(1152921504606846975),
        INT64_C(9007199254740993000),
        INT64_MAX,
        INT64_MIN + 1,
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        for (int exponent = -12; exponent <= 12; exponent++)
            assert_nearest(values[i], exponent);
}

static void large_values_are_rounded_once_not_twice(void **state)
{
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t value = (int64_t)(seed ^ seed >> 32) >> (i % 12);
        assert_nearest(value == FIXED_ABSENT ? 1 : value, i % 25 - 12);
    }
}

static void an_absent_value_is_nan(void **state)
{
    (void)state;
    assert_true(isnan(value_of(FIXED_ABSENT, 0)));
    assert_true(isnan(value_of(FIXED_ABSENT, -12)));
}

static void a_double_is_taken_as_it_is_whatever_the_exponent(void **state)
{
    (void)state;
    const double values[] = { 0.1, NAN };
    struct column column = { .real = true, .values = values };
    struct batch batch = { .n_ticks = 2, .n_columns = 1, .columns = &column };
    struct series_table table = { .n = 1, .at = &sample_series[3] };
    assert_true(batch_value(&batch, &table, 0, 0) == 0.1);
    assert_true(isnan(batch_value(&batch, &table, 0, 1)));
}

static void each_value_is_found_by_column_and_tick(void **state)
{
    (void)state;
    struct batch batch = sample_batch();
    struct series_table table = sample_table();
    assert_true(batch_value(&batch, &table, 0, 0) == 0.1234);
    assert_true(batch_value(&batch, &table, 0, 2) == 0.9999);
    assert_true(batch_value(&batch, &table, 1, 1) == 0);
    assert_true(isnan(batch_value(&batch, &table, 2, 1)));
    assert_true(batch_value(&batch, &table, 2, 2) == 17179873280.0);
    assert_true(batch_value(&batch, &table, 3, 0) == 0.25);
}

static void each_refusal_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        assert_non_null(refusal_name((enum refusal)i));
        for (int other = 0; other < i; other++)
            assert_string_not_equal(refusal_name((enum refusal)i), refusal_name((enum refusal)other));
    }
    assert_string_equal(refusal_name(REFUSAL_UNKNOWN_HOST), "unknown-host");
    assert_string_equal(refusal_name(REFUSAL_OVERLAP), "overlap");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_the_double_nearest_to_its_decimal),
        cmocka_unit_test(large_values_are_rounded_once_not_twice),
        cmocka_unit_test(an_absent_value_is_nan),
        cmocka_unit_test(a_double_is_taken_as_it_is_whatever_the_exponent),
        cmocka_unit_test(each_value_is_found_by_column_and_tick),
        cmocka_unit_test(each_refusal_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("proto.codec.message", tests, NULL, NULL);
}
