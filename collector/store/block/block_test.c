#include "collector/store/block/block.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MEMORY = 64 << 20, COLUMNS_MAX = 64, TICKS_LARGE = 3600 };

struct fixture {
    struct block_coder *coder;
    struct arena in, out;
    struct column columns[COLUMNS_MAX];
    struct block_part part;
    struct block block;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    arena_init(&f->in, MEMORY);
    arena_init(&f->out, MEMORY);
    assert_int_equal(block_coder_new(&f->coder, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    block_coder_free(f->coder);
    arena_done(&f->in);
    arena_done(&f->out);
    free(f);
    return 0;
}

static void *take(struct arena *arena, size_t n, size_t size)
{
    void *at = arena_alloc(arena, n, size);
    assert_non_null(at);
    return at;
}

/* A block of `n_ticks` a second apart, without columns yet. */
static void begin(struct fixture *f, uint32_t n_ticks)
{
    arena_reset(&f->in);
    int64_t *at_us = take(&f->in, n_ticks, sizeof *at_us);
    for (uint32_t i = 0; i < n_ticks; i++)
        at_us[i] = INT64_C(1700000000000000) + i * INT64_C(1000000);
    f->part = (struct block_part){ .run = { { 1, 2, 3 } }, .first = 77, .n = n_ticks };
    f->block = (struct block){ .n_ticks = n_ticks, .at_us = at_us, .n_parts = 1, .parts = &f->part };
    f->block.columns = f->columns;
}

static int64_t *add_fixed(struct fixture *f)
{
    int64_t *at = take(&f->in, f->block.n_ticks, sizeof *at);
    assert_true(f->block.n_columns < COLUMNS_MAX);
    f->columns[f->block.n_columns++] = (struct column){ .fixed = at };
    return at;
}

static double *add_real(struct fixture *f)
{
    double *at = take(&f->in, f->block.n_ticks, sizeof *at);
    assert_true(f->block.n_columns < COLUMNS_MAX);
    f->columns[f->block.n_columns++] = (struct column){ .real = true, .values = at };
    return at;
}

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 11;
}

/* What hosts have: constants, gauges, counters, copies, sums, rare values, absent ones, long fractions. */
static void fill(struct fixture *f, uint32_t n_ticks, uint32_t n_columns)
{
    uint64_t seed = n_ticks * 31 + n_columns;
    begin(f, n_ticks);
    while (f->block.n_columns < n_columns) {
        uint32_t c = f->block.n_columns;
        bool real = c % 2 == 1;
        double *values = real ? add_real(f) : NULL;
        int64_t *fixed = real ? NULL : add_fixed(f);
        int64_t walk = (int64_t)(draw(&seed) % 100000);
        for (uint32_t i = 0; i < n_ticks; i++) {
            uint64_t any = draw(&seed);
            if (c % 8 >= 2 && (c % 8 < 4 || any % 20 == 0))
                walk += (int64_t)(any % 101) - (c % 3 == 0 ? 0 : 50);
            bool absent = c % 16 >= 14 && any % 7 == 0;
            double step = c % 8 == 5 ? 1.0 / 3 : c % 8 == 3 ? 0.01 : 1;
            if (real)
                values[i] = absent         ? NAN
                            : step == 1    ? (double)walk
                            : step == 0.01 ? (double)walk / 100
                                           : (double)walk * step;
            else
                fixed[i] = absent ? FIXED_ABSENT : c >= 16 && c % 8 == 6 ? f->columns[c - 16].fixed[i] : walk * 4096;
        }
    }
}

static void check_column(const struct column *is, const struct column *want, uint32_t n_ticks)
{
    assert_int_equal(is->real, want->real);
    for (uint32_t i = 0; i < n_ticks; i++) {
        if (want->real && isnan(want->values[i])) {
            assert_true(isnan(is->values[i]));
        } else if (want->real && want->values[i] == 0) {
            assert_true(is->values[i] == 0 && !signbit(is->values[i]));
        } else {
            assert_true(is->fixed[i] == want->fixed[i]);
        }
    }
}

static void check_same(const struct block *is, const struct block *want)
{
    assert_int_equal(is->n_ticks, want->n_ticks);
    assert_int_equal(is->n_columns, want->n_columns);
    assert_int_equal(is->n_parts, want->n_parts);
    assert_memory_equal(is->at_us, want->at_us, want->n_ticks * sizeof *want->at_us);
    for (uint32_t i = 0; i < want->n_parts; i++) {
        assert_memory_equal(&is->parts[i].run, &want->parts[i].run, sizeof want->parts[i].run);
        assert_int_equal(is->parts[i].first, want->parts[i].first);
        assert_int_equal(is->parts[i].n, want->parts[i].n);
    }
    for (uint32_t c = 0; c < want->n_columns; c++)
        check_column(&is->columns[c], &want->columns[c], want->n_ticks);
}

/* The block as bytes of its own. */
static struct bytes encoded(struct fixture *f, enum block_effort effort)
{
    struct bytes bytes;
    assert_int_equal(block_encode(f->coder, &f->block, effort, &bytes, NULL), 0);
    uint8_t *copy = take(&f->in, bytes.len, 1);
    memcpy(copy, bytes.at, bytes.len);
    return (struct bytes){ copy, bytes.len };
}

static void check_comes_back(struct fixture *f)
{
    for (int effort = BLOCK_QUICK; effort <= BLOCK_BEST; effort++) {
        struct bytes bytes = encoded(f, (enum block_effort)effort);
        struct block got;
        struct err err = { 0 };
        arena_reset(&f->out);
        assert_int_equal(block_decode(f->coder, bytes.at, bytes.len, &f->out, &got, &err), 0);
        check_same(&got, &f->block);
        assert_int_equal(block_check(f->coder, bytes.at, bytes.len, &err), 0);
    }
}

static void what_goes_in_comes_out(void **state)
{
    struct fixture *f = *state;
    static const uint32_t ticks[] = { 1, 2, 3, 60, 600 };
    static const uint32_t columns[] = { 0, 1, 15, 16, 17, 60 };
    for (size_t t = 0; t < sizeof ticks / sizeof *ticks; t++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            fill(f, ticks[t], columns[c]);
            check_comes_back(f);
        }
}

static void values_at_the_ends_of_their_range_come_back(void **state)
{
    struct fixture *f = *state;
    static const int64_t extremes[] = { INT64_MAX, INT64_MIN + 1, 0, -1, INT64_MAX, FIXED_ABSENT, 1, INT64_MIN + 1 };
    static const double reals[] = { 1e308, -1e308, 5e-324, 0.1 + 0.2, -0.0, NAN, 9007199254740993.0, 1e-17 };
    begin(f, 64);
    int64_t *fixed = add_fixed(f);
    double *mixed = add_real(f);
    double *big = add_real(f);
    double *small = add_real(f);
    int64_t *none = add_fixed(f);
    double *nan = add_real(f);
    double *growing = add_real(f);
    for (int i = 0; i < 64; i++) {
        fixed[i] = extremes[i % 8];
        mixed[i] = reals[(i * 5) % 8];
        big[i] = ldexp(1, 50 + i % 4) + i;
        small[i] = i % 3 ? i / 1e17 : -0.0;
        none[i] = FIXED_ABSENT;
        nan[i] = NAN;
        growing[i] = i < 63 ? 4503599627370496.0 + i : 0.5; /* the first ones are too large for tenths */
    }
    check_comes_back(f);
}

static void times_come_back_even_or_jittering_or_with_gaps(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 7;
    fill(f, 500, 3);
    int64_t *at_us = take(&f->in, 500, sizeof *at_us);
    memcpy(at_us, f->block.at_us, 500 * sizeof *at_us);
    f->block.at_us = at_us;
    for (int i = 0; i < 500; i++)
        at_us[i] += (int64_t)(draw(&seed) % 300) + (i > 250 ? INT64_C(7200000000) : 0);
    check_comes_back(f);
    for (int i = 0; i < 500; i++)
        at_us[i] = i < 100 ? 0 : TIME_US_MAX;
    check_comes_back(f);
}

static void parts_come_back_and_a_rollup_has_none(void **state)
{
    struct fixture *f = *state;
    static struct block_part parts[3] = {
        { .run = { { 9 } }, .first = 1, .n = 10 },
        { .run = { { 8 } }, .first = INT64_MAX - 5, .n = 1 },
        { .run = { { 9 } }, .first = 11, .n = 49 },
    };
    fill(f, 60, 4);
    f->block.parts = parts;
    f->block.n_parts = 3;
    check_comes_back(f);
    f->block.n_parts = 0;
    check_comes_back(f);
}

static void one_column_is_read_without_the_others(void **state)
{
    struct fixture *f = *state;
    fill(f, 200, 40);
    struct bytes bytes = encoded(f, BLOCK_BEST);
    struct block_view view;
    assert_int_equal(block_open(bytes.at, bytes.len, &view, NULL), 0);
    assert_int_equal(view.first_us, f->block.at_us[0]);
    assert_int_equal(view.last_us, f->block.at_us[199]);
    static const uint32_t order[] = { 39, 0, 17, 16, 18, 1, 15, 31, 32 };
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        struct column column;
        arena_reset(&f->out);
        assert_int_equal(block_column(f->coder, &view, order[i], &f->out, &column, NULL), 0);
        check_column(&column, &f->columns[order[i]], 200);
    }
}

struct pieces { /* a block that is read piece by piece */
    struct bytes bytes;
    size_t read;
    int rc;
};

static int read_piece(void *user, size_t at, size_t len, void *to, struct err *err)
{
    struct pieces *pieces = user;
    assert_true(at <= pieces->bytes.len && len <= pieces->bytes.len - at);
    memcpy(to, pieces->bytes.at + at, len);
    pieces->read += len;
    return pieces->rc < 0 ? err_set(err, pieces->rc, "the disk said no") : 0;
}

static void of_a_block_read_by_pieces_only_what_is_asked_for_is_read(void **state)
{
    struct fixture *f = *state;
    for (enum block_effort effort = BLOCK_QUICK; effort <= BLOCK_BEST; effort++) {
        fill(f, TICKS_LARGE, COLUMNS_MAX);
        struct pieces pieces = { .bytes = encoded(f, effort) };
        uint8_t *copy = take(&f->out, pieces.bytes.len, 1);
        uint8_t *room = take(&f->out, pieces.bytes.len, 1);
        memcpy(copy, pieces.bytes.at, pieces.bytes.len); /* the coder's next call takes them away */
        pieces.bytes.at = copy;
        struct block_source source = { read_piece, &pieces };
        struct block_view view;
        struct column column;
        assert_int_equal(block_open_from(&source, room, pieces.bytes.len, &view, NULL), 0);
        assert_int_equal(block_column(f->coder, &view, 9, &f->out, &column, NULL), 0);
        check_column(&column, &f->columns[9], TICKS_LARGE);
        assert_true(pieces.read < pieces.bytes.len / 2);
        pieces.rc = -EIO;
        assert_int_equal(block_column(f->coder, &view, 40, &f->out, &column, NULL), -EIO);
        assert_int_equal(block_open_from(&source, room, pieces.bytes.len, &view, NULL), -EIO);
        arena_reset(&f->out);
    }
}

static void a_block_read_by_pieces_is_checked_as_one_that_is_there(void **state)
{
    struct fixture *f = *state;
    fill(f, 5, 3);
    struct bytes bytes = encoded(f, BLOCK_GOOD);
    uint8_t *room = take(&f->out, bytes.len, 1);
    for (size_t len = 0; len < bytes.len; len++) {
        struct pieces pieces = { .bytes = { bytes.at, len } };
        struct block_source source = { read_piece, &pieces };
        struct block_view view;
        assert_int_equal(block_open_from(&source, room, len, &view, NULL), -EBADMSG);
    }
}

static void the_same_block_is_always_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct block_coder *other;
    assert_int_equal(block_coder_new(&other, NULL), 0);
    struct bytes first[3];
    fill(f, 300, 40);
    for (int effort = BLOCK_QUICK; effort <= BLOCK_BEST; effort++)
        first[effort] = encoded(f, (enum block_effort)effort);
    bool same = true;
    for (int effort = BLOCK_BEST; effort >= BLOCK_QUICK; effort--) {
        struct bytes again;
        same = same && block_encode(other, &f->block, (enum block_effort)effort, &again, NULL) == 0 &&
               again.len == first[effort].len && memcmp(again.at, first[effort].at, again.len) == 0;
    }
    block_coder_free(other);
    assert_true(same);
}

static void check_flips(struct fixture *f, struct bytes bytes, size_t step)
{
    uint8_t *copy = malloc(bytes.len); /* its own, so that a sanitizer sees a read beyond it */
    assert_non_null(copy);
    memcpy(copy, bytes.at, bytes.len);
    size_t missed = 0;
    for (size_t i = 0; i < bytes.len; i += step) {
        struct err err = { 0 };
        copy[i] ^= (uint8_t)(1 << i % 8);
        missed += block_check(f->coder, copy, bytes.len, &err) != -EBADMSG || err.code != -EBADMSG;
        copy[i] = bytes.at[i];
    }
    free(copy);
    assert_int_equal(missed, 0);
}

static void a_flipped_byte_is_found(void **state)
{
    struct fixture *f = *state;
    for (int effort = BLOCK_QUICK; effort <= BLOCK_BEST; effort++) {
        fill(f, 30, 20);
        check_flips(f, encoded(f, (enum block_effort)effort), 1);
        fill(f, TICKS_LARGE, 40);
        check_flips(f, encoded(f, (enum block_effort)effort), 97);
    }
}

static void a_block_cut_short_is_found(void **state)
{
    struct fixture *f = *state;
    fill(f, 30, 20);
    struct bytes bytes = encoded(f, BLOCK_GOOD);
    for (size_t len = 0; len < bytes.len; len++) {
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, bytes.at, len);
        int rc = block_check(f->coder, copy, len, NULL);
        free(copy);
        assert_int_equal(rc, -EBADMSG);
    }
}

static void damage_is_named(void **state)
{
    struct fixture *f = *state;
    fill(f, TICKS_LARGE, 40);
    struct bytes bytes = encoded(f, BLOCK_GOOD);
    uint8_t *copy = take(&f->in, bytes.len, 1);
    struct err err;
    memcpy(copy, bytes.at, bytes.len);
    copy[7] ^= 1;
    assert_int_equal(block_check(f->coder, copy, bytes.len, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "header"));
    memcpy(copy, bytes.at, bytes.len);
    copy[bytes.len - 1] ^= 1;
    assert_int_equal(block_check(f->coder, copy, bytes.len, &err), -EBADMSG);
    assert_non_null(strstr(err.text, "group 2"));

    struct block_view view;
    struct column column;
    assert_int_equal(block_open(copy, bytes.len, &view, &err), 0);
    assert_int_equal(block_column(f->coder, &view, 0, &f->out, &column, &err), 0);
    check_column(&column, &f->columns[0], TICKS_LARGE);
    assert_int_equal(block_column(f->coder, &view, 39, &f->out, &column, &err), -EBADMSG);
}

static void a_coder_serves_blocks_in_turn(void **state)
{
    struct fixture *f = *state;
    fill(f, 100, 20);
    struct bytes one = encoded(f, BLOCK_GOOD);
    uint8_t *kept = malloc(one.len);
    assert_non_null(kept);
    memcpy(kept, one.at, one.len);
    fill(f, 50, 33); /* other bytes under the same group numbers, encoded in between */
    struct bytes two = encoded(f, BLOCK_BEST);
    struct block_view first;
    struct block_view second;
    struct column column;
    assert_int_equal(block_open(kept, one.len, &first, NULL), 0);
    assert_int_equal(block_open(two.at, two.len, &second, NULL), 0);
    assert_int_equal(block_column(f->coder, &first, 3, &f->out, &column, NULL), 0);
    assert_int_equal(block_column(f->coder, &second, 3, &f->out, &column, NULL), 0);
    check_column(&column, &f->columns[3], 50);
    assert_int_equal(block_column(f->coder, &first, 4, &f->out, &column, NULL), 0);
    fill(f, 100, 20);
    check_column(&column, &f->columns[4], 100);
    free(kept);
}

static void blocks_that_differ_in_length_alone_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct bytes blocks[2];
    struct arena kept;
    arena_init(&kept, 1 << 16);
    for (uint32_t k = 0; k < 2; k++) {
        begin(f, 100 + 50 * k);
        int64_t *same = add_fixed(f);
        for (uint32_t i = 0; i < f->block.n_ticks; i++)
            same[i] = 42;
        struct bytes bytes = encoded(f, BLOCK_BEST);
        blocks[k] = (struct bytes){ memcpy(take(&kept, bytes.len, 1), bytes.at, bytes.len), bytes.len };
    }
    for (uint32_t k = 0; k < 2; k++) {
        struct block_view view;
        struct column column;
        assert_int_equal(block_open(blocks[k].at, blocks[k].len, &view, NULL), 0);
        assert_int_equal(block_column(f->coder, &view, 0, &f->out, &column, NULL), 0);
        for (uint32_t i = 0; i < 100 + 50 * k; i++)
            assert_int_equal(column.fixed[i], 42);
    }
    arena_done(&kept);
}

static void sums_have_no_more_decimals_than_their_terms(void **state)
{
    (void)state;
    assert_true(block_decimal_add(0.1, 0.2) == 0.3);
    assert_true(block_decimal_add(-1.1, 1.1) == 0);
    assert_true(block_decimal_add(1e6, 0.000001) == 1000000.000001);
    assert_true(block_decimal_add(1.0 / 3, 2.0 / 3) == 1.0 / 3 + 2.0 / 3);
    assert_true(block_decimal_add(9007199254740991.0, 9007199254740991.0) == 2 * 9007199254740991.0);
    assert_true(block_decimal_add(1e300, 0.5) == 1e300);
}

/* The same a minute apart: then any column may lean on any other, however long it takes to read. */
static void spread_out(struct fixture *f)
{
    int64_t *at_us = take(&f->in, f->block.n_ticks, sizeof *at_us);
    for (uint32_t i = 0; i < f->block.n_ticks; i++)
        at_us[i] = INT64_C(1700000000000000) + i * INT64_C(60000000);
    f->block.at_us = at_us;
}

static size_t size_for_good(struct fixture *f)
{
    check_comes_back(f);
    return encoded(f, BLOCK_BEST).len;
}

static void a_sum_of_columns_takes_hardly_any_room(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 5;
    begin(f, 1000);
    spread_out(f);
    int64_t *a = add_fixed(f);
    int64_t *b = add_fixed(f);
    for (int i = 0; i < 1000; i++) {
        a[i] = (i > 0 ? a[i - 1] : 0) + (int64_t)(draw(&seed) % 1000);
        b[i] = (int64_t)(draw(&seed) % 5000);
    }
    size_t without = size_for_good(f);
    int64_t *sum = add_fixed(f);
    int64_t *copy = add_fixed(f);
    double *pages = add_real(f); /* another unit of the same */
    for (int i = 0; i < 1000; i++) {
        sum[i] = a[i] + b[i];
        copy[i] = sum[i];
        pages[i] = (double)a[i] * 4096 + 0.5;
    }
    assert_true(size_for_good(f) < without + 64);
}

static void shares_of_a_total_take_the_room_of_the_whole_numbers_they_are_of(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 6;
    begin(f, 1440);
    int64_t *whole = add_fixed(f);
    for (int i = 0; i < 1440; i++)
        whole[i] = (int64_t)(draw(&seed) % 2172);
    size_t of_whole = size_for_good(f);
    begin(f, 1440);
    double *shares = add_real(f);
    seed = 6;
    for (int i = 0; i < 1440; i++)
        shares[i] = round((double)(draw(&seed) % 2172) / 2172 * 1e6) / 1e6;
    assert_true(size_for_good(f) < of_whole + 64);
    begin(f, 1440);
    int64_t *fixed = add_fixed(f);
    seed = 6;
    for (int i = 0; i < 1440; i++)
        fixed[i] = (int64_t)round((double)(draw(&seed) % 2172) / 2172 * 1e6);
    assert_true(size_for_good(f) < of_whole + 64);
}

static void doubles_of_many_digits_take_no_more_room_than_they_have(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 8;
    begin(f, 2000);
    double *values = add_real(f);
    for (int i = 0; i < 2000; i++)
        values[i] = (double)draw(&seed) / 3e9;
    assert_true(size_for_good(f) < 2000 * sizeof(double) + 200);
    for (int i = 20; i < 2000; i++)
        values[i] = values[draw(&seed) % 20];
    assert_true(size_for_good(f) < 2000 * 3);
}

static void too_little_memory_is_said(void **state)
{
    struct fixture *f = *state;
    fill(f, 600, 20);
    struct bytes bytes = encoded(f, BLOCK_GOOD);
    struct arena small;
    struct block got;
    arena_init(&small, 4096);
    int rc = block_decode(f->coder, bytes.at, bytes.len, &small, &got, NULL);
    arena_done(&small);
    assert_int_equal(rc, -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_goes_in_comes_out, setup, teardown),
        cmocka_unit_test_setup_teardown(values_at_the_ends_of_their_range_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(times_come_back_even_or_jittering_or_with_gaps, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_come_back_and_a_rollup_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(one_column_is_read_without_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_block_read_by_pieces_only_what_is_asked_for_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_read_by_pieces_is_checked_as_one_that_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_block_is_always_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_byte_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_block_cut_short_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_coder_serves_blocks_in_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_that_differ_in_length_alone_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sum_of_columns_takes_hardly_any_room, setup, teardown),
        cmocka_unit_test_setup_teardown(shares_of_a_total_take_the_room_of_the_whole_numbers_they_are_of, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(doubles_of_many_digits_take_no_more_room_than_they_have, setup, teardown),
        cmocka_unit_test(sums_have_no_more_decimals_than_their_terms),
        cmocka_unit_test_setup_teardown(too_little_memory_is_said, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
