/* proto/codec/codec_fixture.h - what the codec's tests share: an arena, small sample messages, and a way to write
 * protobuf by hand, wrong on purpose.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "proto/codec/codec.h"
#include "proto/codec/varint.h"

enum { FIXTURE_BYTES = 128 << 10 };

struct fixture {
    struct arena arena;
    struct err err;
    size_t len;
    uint8_t bytes[FIXTURE_BYTES];
    size_t more_len;
    uint8_t more[FIXTURE_BYTES];
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    arena_init(&f->arena, CODEC_ARENA_BYTES);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

#define CODEC_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* ---- samples ---- */

static inline struct run_id sample_run(void)
{
    struct run_id run;
    for (int i = 0; i < RUN_BYTES; i++)
        run.bytes[i] = (uint8_t)(0xa0 + i);
    return run;
}

static const struct series sample_series[] = {
    { "system.cpu.utilization", "", "1", -4 },
    { "system.disk.io.rate{direction=read}", "vda", "By/s", 0 },
    { "system.disk.io.rate{direction=read}", "vdb", "By/s", 0 },
    { "probe.latency", "h\xc3\xb6he:443", "s", -6 },
};

static inline struct series_table sample_table(void)
{
    return (struct series_table){ .n = 4, .at = sample_series };
}

/* Three ticks of the four series: one of them whole, one all zero, one with a gap, one of doubles. */
static inline struct batch sample_batch(void)
{
    static const int64_t mono_us[] = { 5000000, 6000010, 7000010 };
    static const int64_t wall_us[] = { 1795400000000000, 1795400001000010, 1795400002000010 };
    static const int64_t busy[] = { 1234, 1230, 9999 };
    static const int64_t idle[] = { 0, 0, 0 };
    static const int64_t gap[] = { INT64_C(1) << 34, FIXED_ABSENT, (INT64_C(1) << 34) + 4096 };
    static const double latency[] = { 0.25, 0.1, 1e-300 };
    static const struct column columns[] = {
        { .fixed = busy },
        { .fixed = idle },
        { .fixed = gap },
        { .real = true, .values = latency },
    };
    struct batch batch = {
        .run = sample_run(),
        .first = 300,
        .n_ticks = 3,
        .n_columns = 4,
        .mono_us = mono_us,
        .wall_us = wall_us,
        .columns = columns,
    };
    memset(batch.table.bytes, 0x5c, TABLE_HASH_BYTES);
    return batch;
}

static inline void assert_same_batch(const struct batch *got, const struct batch *want)
{
    assert_memory_equal(got->run.bytes, want->run.bytes, RUN_BYTES);
    assert_memory_equal(got->table.bytes, want->table.bytes, TABLE_HASH_BYTES);
    assert_int_equal(got->first, want->first);
    assert_int_equal(got->n_ticks, want->n_ticks);
    assert_int_equal(got->n_columns, want->n_columns);
    assert_memory_equal(got->mono_us, want->mono_us, want->n_ticks * sizeof *want->mono_us);
    assert_memory_equal(got->wall_us, want->wall_us, want->n_ticks * sizeof *want->wall_us);
    for (uint32_t c = 0; c < want->n_columns; c++) {
        assert_int_equal(got->columns[c].real, want->columns[c].real);
        for (uint32_t i = 0; i < want->n_ticks; i++) {
            if (!want->columns[c].real)
                assert_int_equal(got->columns[c].fixed[i], want->columns[c].fixed[i]);
            else if (want->columns[c].values[i] == want->columns[c].values[i])
                assert_memory_equal(&got->columns[c].values[i], &want->columns[c].values[i], sizeof(double));
            else
                assert_true(got->columns[c].values[i] != got->columns[c].values[i]);
        }
    }
}

static inline void assert_same_table(const struct series_table *got, const struct series_table *want)
{
    assert_int_equal(got->n, want->n);
    for (uint32_t i = 0; i < want->n; i++) {
        assert_string_equal(got->at[i].metric, want->at[i].metric);
        assert_string_equal(got->at[i].instance, want->at[i].instance);
        assert_string_equal(got->at[i].unit, want->at[i].unit);
        assert_int_equal(got->at[i].exponent, want->at[i].exponent);
    }
}

/* ---- protobuf by hand ---- */

struct hand {
    struct writer writer;
    uint8_t *start;
};

static inline struct hand hand_over(uint8_t *bytes, size_t size)
{
    return (struct hand){ .writer = { .at = bytes, .end = bytes + size }, .start = bytes };
}

static inline size_t hand_len(const struct hand *hand)
{
    assert_false(hand->writer.full);
    return (size_t)(hand->writer.at - hand->start);
}

static inline void put_number(struct hand *hand, unsigned field, uint64_t value)
{
    write_varint(&hand->writer, (uint64_t)field << 3);
    write_varint(&hand->writer, value);
}

static inline void put_bytes(struct hand *hand, unsigned field, const void *bytes, size_t len)
{
    write_varint(&hand->writer, (uint64_t)field << 3 | 2);
    write_varint(&hand->writer, len);
    write_bytes(&hand->writer, bytes, len);
}

static inline void put_text(struct hand *hand, unsigned field, const char *text)
{
    put_bytes(hand, field, text, strlen(text));
}
