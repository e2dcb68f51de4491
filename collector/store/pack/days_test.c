/* Rollups of hosts that have much of everything: extremes, many series, many parts. What is asked is that the packer
 * comes to an end, that no value is lost, and that it takes no more memory than its arenas have. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <sqlite3.h>

#include "collector/store/block/block.h"
#include "collector/store/block/sketch.h"
#include "collector/store/db.h"
#include "collector/store/pack/pack.h"
#include "collector/store/pack/turn.h"
#include "collector/store/store_fixture.h"
#include "proto/codec/codec.h"

enum { TENANT = 1, HOST = 1 };

/* ---- a wide host ---- */

struct wide {
    uint32_t n_series;
    double (*value)(uint64_t tick, uint32_t series);
    struct series series[SERIES_MAX];
    char names[SERIES_MAX][16];
    double cells[BATCH_VALUES_MAX];
    struct column columns[SERIES_MAX];
    int64_t mono_us[TICKS_MAX];
    uint8_t table_bytes[64 << 10];
    uint8_t batch_bytes[BATCH_MAX];
};

static struct wide wide;

static void be_wide(uint32_t n_series, double (*value)(uint64_t tick, uint32_t series))
{
    wide.n_series = n_series;
    wide.value = value;
    for (uint32_t i = 0; i < n_series; i++) {
        snprintf(wide.names[i], sizeof wide.names[i], "series.%u", i);
        wide.series[i] = (struct series){ wide.names[i], "", "1", 0 };
    }
}

/* Ticks first..first+n-1 as one batch. */
static void put(struct fixture *f, uint64_t first, uint32_t n, int64_t at_us, int64_t apart_us)
{
    struct series_table table = { .n = wide.n_series, .at = wide.series };
    struct batch batch = { .run = run_of(1), .first = first, .n_ticks = n, .n_columns = wide.n_series };
    batch.mono_us = batch.wall_us = wide.mono_us;
    batch.columns = wide.columns;
    for (uint32_t i = 0; i < n; i++)
        wide.mono_us[i] = 5 * US_PER_S + i * apart_us;
    for (uint32_t s = 0; s < wide.n_series; s++) {
        double *cells = wide.cells + (size_t)s * n;
        for (uint32_t i = 0; i < n; i++)
            cells[i] = wide.value(first + i, s);
        wide.columns[s] = (struct column){ .real = true, .values = cells };
    }
    size_t table_len;
    size_t batch_len;
    assert_int_equal(codec_encode_table(&table, wide.table_bytes, sizeof wide.table_bytes, &table_len, NULL), 0);
    batch.table = codec_table_hash(wide.table_bytes, table_len);
    if (codec_encode_batch(&batch, wide.batch_bytes, sizeof wide.batch_bytes, &batch_len, &f->err) < 0)
        fail_msg("%s", f->err.text);
    struct store_batch row = {
        .tenant = TENANT,
        .host = HOST,
        .run = batch.run,
        .first = first,
        .n_ticks = n,
        .anchor_us = at_us - 5 * US_PER_S,
        .first_us = at_us,
        .last_us = at_us + (n - 1) * apart_us,
        .table = batch.table,
        .table_bytes = { wide.table_bytes, table_len },
        .batch_bytes = { wide.batch_bytes, batch_len },
    };
    assert_int_equal(store_batch(f->store, &row, &f->err), 0);
    assert_int_equal(commit(f, STORE_TENANT, TENANT), 0);
}

static int setup(void **state)
{
    int rc = fixture_setup(state);
    struct fixture *f = *state;
    struct tenant tenant = { .id = TENANT, .name = "tenant" };
    assert_int_equal(store_put_tenant(f->store, &tenant), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    return rc;
}

static int64_t now_us(const struct fixture *f)
{
    return f->fake.wall_ns / NS_PER_US;
}

static void pass(struct fixture *f, int64_t us)
{
    clock_fake_pass(&f->fake, us * NS_PER_US);
}

static void on_packed(void *user, int rc)
{
    struct told *told = user;
    told->done = true;
    told->rc = rc;
}

static void pack_all(struct fixture *f)
{
    struct told told = { .done = false };
    assert_int_equal(store_pack(f->store, on_packed, &told), 0);
    run_until(f, &told.done);
    assert_int_equal(told.rc, 0);
}

/* ---- what is in the file ---- */

static sqlite3 *open_file(struct fixture *f)
{
    sqlite3 *db = NULL;
    if (db_open(&db, path_in(f, "tenant-1.db"), DB_WRITE, &f->err) < 0)
        fail_msg("%s", f->err.text);
    return db;
}

static int64_t number(struct fixture *f, const char *sql)
{
    int64_t ret = -1;
    sqlite3 *db = open_file(f);
    if (db_number(db, sql, &ret, &f->err) < 0)
        fail_msg("%s", f->err.text);
    db_close(db);
    return ret;
}

struct totals { /* over all rows, of the first series and the last */
    int64_t count[2];
    double sum[2];
    uint64_t sketched[2];
};

static void add_minutes(struct totals *totals, const void *bytes, size_t len, struct block_coder *coder,
                        struct arena *arena)
{
    struct block_view view;
    assert_int_equal(block_open(bytes, len, &view, NULL), 0);
    assert_int_equal(view.n_columns, 4 * wide.n_series);
    for (uint32_t which = 0; which < 2; which++) {
        uint32_t at = which * 4 * (wide.n_series - 1);
        struct column counts;
        struct column sums;
        assert_int_equal(block_column(coder, &view, at, arena, &counts, NULL), 0);
        assert_int_equal(block_column(coder, &view, at + 3, arena, &sums, NULL), 0);
        for (uint32_t i = 0; i < view.n_ticks; i++) {
            totals->count[which] += counts.fixed[i];
            totals->sum[which] += sums.real ? sums.values[i] : (double)sums.fixed[i];
        }
    }
}

static void add_sketches(struct totals *totals, const void *bytes, size_t len, struct block_coder *coder,
                         struct arena *arena)
{
    struct sketches_view view;
    assert_int_equal(sketches_open(coder, bytes, len, arena, &view, NULL), 0);
    assert_int_equal(view.n, wide.n_series);
    for (uint32_t which = 0; which < 2; which++) {
        struct sketch sketch;
        assert_int_equal(sketches_read(&view, which * (wide.n_series - 1), arena, &sketch, NULL), 0);
        totals->sketched[which] += sketch.count;
    }
}

static struct totals totals_of(struct fixture *f)
{
    static const char *const texts[] = { "SELECT bytes FROM minute", "SELECT bytes FROM sketch" };
    struct totals totals = { 0 };
    struct block_coder *coder;
    struct arena arena;
    sqlite3 *db = open_file(f);
    arena_init(&arena, SIZE_MAX);
    assert_int_equal(block_coder_new(&coder, NULL), 0);
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *stmt;
        assert_int_equal(db_prepare(db, texts[i], &stmt, &f->err), 0);
        while (db_step(stmt, &f->err) == DB_ROW) {
            arena_reset(&arena);
            (i == 0 ? add_minutes : add_sketches)(&totals, sqlite3_column_blob(stmt, 0),
                                                  (size_t)sqlite3_column_bytes(stmt, 0), coder, &arena);
        }
        sqlite3_finalize(stmt);
    }
    block_coder_free(coder);
    arena_done(&arena);
    db_close(db);
    return totals;
}

static void check_totals(struct fixture *f, uint64_t ticks, uint64_t times)
{
    struct totals totals = totals_of(f);
    for (uint32_t which = 0; which < 2; which++) {
        double sum = 0;
        for (uint64_t i = 0; i < ticks; i++)
            sum += wide.value(1 + i, which * (wide.n_series - 1));
        sum *= (double)times;
        assert_int_equal(totals.count[which], ticks * times);
        assert_int_equal(totals.sketched[which], ticks * times);
        assert_true(fabs(totals.sum[which] - sum) <= 1e-9 * (1 + fabs(sum)));
    }
    assert_int_equal(number(f, "SELECT (SELECT count(*) FROM minute WHERE whole = 0)"
                               " + (SELECT count(*) FROM sketch WHERE whole = 0)"),
                     0);
}

/* As if there had been `n` times as many parts more. */
static void copy_parts(struct fixture *f, const char *table, int n)
{
    char sql[512];
    sqlite3 *db = open_file(f);
    bool minutes = strcmp(table, "minute") == 0;
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < %d)"
             "INSERT INTO %s (id, first_us, last_us, %s whole, series_table, bytes)"
             " SELECT id + i, first_us, last_us, %s 0, series_table, bytes FROM %s, k",
             n, table, minutes ? "n," : "", minutes ? "n," : "", table);
    if (db_exec(db, sql, &f->err) < 0)
        fail_msg("%s", f->err.text);
    db_close(db);
}

/* ---- the tests ---- */

static double extreme(uint64_t tick, uint32_t series)
{
    static const double values[] = { 1e-300, 1e300, -1e-300, -1e300 };
    (void)series;
    return values[tick % 4];
}

static void the_widest_values_of_many_series_pass_through(void **state)
{
    struct fixture *f = *state;
    be_wide(200, extreme);
    put(f, 1, 4, now_us(f), US_PER_S);
    pass(f, 3 * PACK_HOUR_US);
    pack_all(f);
    assert_int_equal(number(f, "SELECT count(*) FROM sketch"), 1);
    pass(f, 2 * PACK_DAY_US);
    pack_all(f);
    struct totals totals = totals_of(f);
    assert_int_equal(totals.count[1], 4);
    assert_int_equal(totals.sketched[1], 4);
    assert_int_equal(number(f, "SELECT count(*) FROM sketch WHERE whole = 1"), 1);
}

static double step(uint64_t tick, uint32_t series)
{
    uint64_t tens = tick / 10;
    return (double)(tens + series % 7);
}

static void a_day_of_1024_series_becomes_rows_that_follow_each_other(void **state)
{
    enum { MINUTES = 600, TICKS = MINUTES * 60 / 40, BATCH = 6 };
    struct fixture *f = *state;
    be_wide(SERIES_MAX, step);
    int64_t from_us = (now_us(f) / PACK_DAY_US + 1) * PACK_DAY_US;
    pass(f, from_us - now_us(f));
    for (uint32_t i = 0; i < TICKS; i += BATCH)
        put(f, 1 + i, BATCH, from_us + i * 40 * US_PER_S, 40 * US_PER_S);
    pass(f, PACK_DAY_US + 3 * PACK_HOUR_US);
    pack_all(f);
    check_totals(f, TICKS, 1);
    assert_int_equal(number(f, "SELECT count(*) FROM minute"), 2);
    assert_int_equal(number(f, "SELECT sum(n) FROM minute"), MINUTES);
    assert_int_equal(number(f, "SELECT max(first_us) > min(last_us) FROM minute"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM sketch"), 1);
}

/* Ticks of a few batches, rolled up, `copies` times over; then their day ends. */
static void pack_copies(struct fixture *f, uint32_t batches, uint32_t n, int64_t apart_us, int copies)
{
    int64_t from_us = now_us(f);
    for (uint32_t i = 0; i < batches; i++)
        put(f, 1 + i * n, n, from_us + i * n * apart_us, apart_us);
    pass(f, 4 * PACK_HOUR_US);
    pack_all(f);
    assert_int_equal(number(f, "SELECT count(*) FROM minute WHERE whole = 0"), 1);
    copy_parts(f, "minute", copies - 1);
    copy_parts(f, "sketch", copies - 1);
    pass(f, PACK_DAY_US);
    pack_all(f);
    check_totals(f, (uint64_t)batches * n, (uint64_t)copies);
}

static void more_parts_than_are_read_at_a_time_are_put_together_by_and_by(void **state)
{
    struct fixture *f = *state;
    be_wide(3, step);
    pack_copies(f, 1, 200, US_PER_S, PACK_ROWS_MAX + 500);
    assert_int_equal(number(f, "SELECT count(*) FROM minute"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM sketch"), 1);
}

static double noise(uint64_t tick, uint32_t series)
{
    uint64_t x = (tick * SERIES_MAX + series + 1) * 0x9e3779b97f4a7c15;
    x = (x ^ x >> 31) * 0xd6e8feb86659fd93;
    return (double)(int64_t)(x >> 11) / 3e9;
}

static void more_bytes_of_parts_than_are_read_at_a_time_are_put_together_by_and_by(void **state)
{
    struct fixture *f = *state;
    be_wide(SERIES_MAX, noise);
    pack_copies(f, 3, 6, 30 * US_PER_S, 300);
}

static void a_part_that_is_damaged_inside_is_left_out(void **state)
{
    struct fixture *f = *state;
    be_wide(20, step);
    put(f, 1, 200, now_us(f), US_PER_S);
    pass(f, 4 * PACK_HOUR_US);
    pack_all(f);
    copy_parts(f, "minute", 2);
    copy_parts(f, "sketch", 2);
    sqlite3 *db = open_file(f); /* the last byte is of the last group of columns */
    if (db_exec(db,
                "UPDATE minute SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'a5' AS BLOB)"
                " WHERE id = (SELECT max(id) FROM minute);"
                "UPDATE sketch SET bytes = x'575300' WHERE id = (SELECT max(id) FROM sketch)",
                &f->err) < 0)
        fail_msg("%s", f->err.text);
    db_close(db);
    pass(f, PACK_DAY_US);
    pack_all(f);
    assert_int_equal(number(f, "SELECT count(*) FROM minute WHERE whole = 1"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM sketch WHERE whole = 1"), 2);
    db = open_file(f);
    assert_int_equal(db_exec(db,
                             "DELETE FROM minute WHERE id = (SELECT min(id) FROM minute);"
                             "DELETE FROM sketch WHERE id = (SELECT min(id) FROM sketch)",
                             &f->err),
                     0);
    db_close(db);
    check_totals(f, 200, 2);
}

#define DAYS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DAYS_TEST(the_widest_values_of_many_series_pass_through),
        DAYS_TEST(a_day_of_1024_series_becomes_rows_that_follow_each_other),
        DAYS_TEST(more_parts_than_are_read_at_a_time_are_put_together_by_and_by),
        DAYS_TEST(more_bytes_of_parts_than_are_read_at_a_time_are_put_together_by_and_by),
        DAYS_TEST(a_part_that_is_damaged_inside_is_left_out),
    };
    return cmocka_run_group_tests_name("collector.store.days", tests, NULL, NULL);
}
