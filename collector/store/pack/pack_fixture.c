#include "collector/store/pack/pack_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "collector/store/block/block.h"
#include "collector/store/block/sketch.h"
#include "collector/store/db.h"
#include "collector/store/pack/pack.h"
#include "collector/store/read/decoder.h"
#include "collector/store/read/reader.h"
#include "proto/codec/codec.h"

static const struct series world_series[WORLD_SERIES] = {
    { "counter", "", "1", 0 }, { "constant", "", "1", -2 }, { "walk", "", "1", -3 }, { "sparse", "", "By", 3 },
    { "real", "", "1", -6 },   { "either", "", "1", -1 },   { "large", "", "1", 0 }, /* not in table 0 */
};

struct world *world_new(struct fixture *f)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->f = f;
    world->ticks = calloc((size_t)WORLD_HOSTS * WORLD_RUNS * WORLD_NUMBERS, sizeof *world->ticks);
    assert_non_null(world->ticks);
    return world;
}

void world_free(struct world *world)
{
    if (world)
        free(world->ticks);
    free(world);
}

struct world_tick *world_tick(struct world *world, uint64_t host, uint8_t run, uint64_t number)
{
    assert_true(host < WORLD_HOSTS && run < WORLD_RUNS && number < WORLD_NUMBERS);
    return &world->ticks[(host * WORLD_RUNS + run) * WORLD_NUMBERS + number];
}

int64_t world_now_us(const struct world *world)
{
    return world->f->fake.wall_ns / NS_PER_US;
}

void world_pass(struct world *world, int64_t us)
{
    clock_fake_pass(&world->f->fake, us * NS_PER_US);
}

/* ---- putting ---- */

static uint32_t n_series(uint8_t table)
{
    return table == 0 ? WORLD_SERIES - 1 : WORLD_SERIES;
}

static uint64_t noise(uint64_t host, uint64_t number, uint32_t series)
{
    uint64_t x = host * 0x9e3779b97f4a7c15 + number * 0xbf58476d1ce4e5b9 + series * 0x94d049bb133111eb;
    x ^= x >> 31;
    x *= 0xd6e8feb86659fd93;
    return x ^ x >> 29;
}

static bool comes_real(uint32_t series, uint64_t number)
{
    return series == 4 || (series == 5 && number / 97 % 3 == 1);
}

static int64_t fixed_of(uint64_t host, uint64_t number, uint32_t series)
{
    uint64_t some = noise(host, number, series);
    switch (series) {
    case 0:
        return (int64_t)(1000 * host + number);
    case 1:
        return 4200;
    case 3:
        return some % 5 == 0 ? (int64_t)(some % 100) : FIXED_ABSENT;
    case 6:
        return INT64_MAX - (int64_t)(some % 1000); /* two of them do not add up */
    default:
        return (int64_t)(some % 20001) - 10000;
    }
}

static double real_of(uint64_t host, uint64_t number, uint32_t series)
{
    uint64_t some = noise(host, number, series);
    return some % 11 == 0 ? NAN : (double)(int64_t)(some >> 20) / 3e7 - 1000;
}

struct made {
    int64_t mono_us[TICKS_MAX];
    int64_t cells[WORLD_SERIES][TICKS_MAX];
    struct column columns[WORLD_SERIES];
    struct batch batch;
    uint8_t table_bytes[4096];
    uint8_t batch_bytes[BATCH_MAX];
};

static void make_columns(struct made *made, uint64_t host, uint8_t table)
{
    for (uint32_t s = 0; s < n_series(table); s++) {
        bool real = comes_real(s, made->batch.first);
        for (uint32_t i = 0; i < made->batch.n_ticks; i++) {
            double value = real_of(host, made->batch.first + i, s);
            made->cells[s][i] = fixed_of(host, made->batch.first + i, s);
            if (real)
                memcpy(&made->cells[s][i], &value, sizeof value);
        }
        made->columns[s] = (struct column){ .real = real, .fixed = made->cells[s] };
    }
}

static void remember(struct world *world, const struct made *made, uint64_t host, uint8_t run, int64_t anchor_us,
                     uint8_t table)
{
    struct series_table series = { .n = n_series(table), .at = world_series };
    for (uint32_t i = 0; i < made->batch.n_ticks; i++) {
        struct world_tick *tick = world_tick(world, host, run, made->batch.first + i);
        world->n += !tick->put;
        *tick = (struct world_tick){ .put = true, .table = table, .at_us = anchor_us + made->mono_us[i] };
        for (uint32_t s = 0; s < series.n; s++)
            tick->values[s] = batch_value(&made->batch, &series, s, i);
    }
}

static void put_one(struct world *world, uint64_t host, uint8_t run, uint64_t first, uint32_t n, int64_t at_us,
                    int64_t interval_us, uint8_t table, bool store)
{
    static struct made made;
    made.batch = (struct batch){ .run = run_of(run),
                                 .first = first,
                                 .n_ticks = n,
                                 .n_columns = n_series(table),
                                 .mono_us = made.mono_us,
                                 .wall_us = made.mono_us,
                                 .columns = made.columns };
    for (uint32_t i = 0; i < n; i++)
        made.mono_us[i] = 5 * US_PER_S + i * interval_us;
    make_columns(&made, host, table);
    struct series_table series = { .n = n_series(table), .at = world_series };
    size_t table_len;
    size_t batch_len;
    assert_int_equal(codec_encode_table(&series, made.table_bytes, sizeof made.table_bytes, &table_len, NULL), 0);
    made.batch.table = codec_table_hash(made.table_bytes, table_len);
    assert_int_equal(codec_encode_batch(&made.batch, made.batch_bytes, sizeof made.batch_bytes, &batch_len, NULL), 0);
    struct store_batch row = {
        .tenant = WORLD_TENANT,
        .host = host,
        .run = made.batch.run,
        .first = first,
        .n_ticks = n,
        .anchor_us = at_us - 5 * US_PER_S,
        .first_us = at_us,
        .last_us = at_us + (n - 1) * interval_us,
        .table = made.batch.table,
        .table_bytes = { made.table_bytes, table_len },
        .batch_bytes = { made.batch_bytes, batch_len },
    };
    if (store && store_batch(world->f->store, &row, &world->f->err) < 0)
        fail_msg("%s", world->f->err.text);
    remember(world, &made, host, run, row.anchor_us, table);
}

void world_put(struct world *world, uint64_t host, uint8_t run, uint64_t first, uint32_t n, uint32_t cut, int64_t at_us,
               int64_t interval_us, uint8_t table)
{
    for (uint32_t i = 0; i < n; i += cut)
        put_one(world, host, run, first + i, n - i < cut ? n - i : cut, at_us + i * interval_us, interval_us, table,
                true);
    assert_int_equal(commit(world->f, STORE_TENANT, WORLD_TENANT), 0);
}

void world_remember(struct world *world, uint64_t host, uint8_t run, uint64_t first, uint32_t n, uint32_t cut,
                    int64_t at_us, int64_t interval_us, uint8_t table)
{
    for (uint32_t i = 0; i < n; i += cut)
        put_one(world, host, run, first + i, n - i < cut ? n - i : cut, at_us + i * interval_us, interval_us, table,
                false);
}

/* ---- packing ---- */

static void on_packed(void *user, int rc)
{
    struct told *told = user;
    told->done = true;
    told->rc = rc;
}

int world_try_pack(struct world *world)
{
    struct told told = { .done = false };
    assert_int_equal(store_pack(world->f->store, on_packed, &told), 0);
    run_until(world->f, &told.done);
    return told.rc;
}

void world_pack(struct world *world)
{
    assert_int_equal(world_try_pack(world), 0);
}

/* ---- looking ---- */

struct look {
    struct world *world;
    sqlite3 *db;
    struct block_coder *coder;
    struct arena arena;
    struct world_counts counts;
};

static void see(struct look *look, uint64_t host, const struct run_id *run, uint64_t number, int64_t at_us, int level,
                bool coarse, const struct column *columns, const struct series_table *series, uint32_t i)
{
    assert_memory_equal(run, &(struct run_id[]){ run_of(run->bytes[0]) }[0], sizeof *run);
    struct world_tick *tick = world_tick(look->world, host, run->bytes[0], number);
    assert_true(tick->put);
    assert_int_equal(tick->at_us, at_us);
    assert_int_equal(n_series(tick->table), series->n);
    struct batch batch = { .n_ticks = i + 1, .n_columns = series->n, .columns = columns };
    for (uint32_t s = 0; s < series->n; s++) {
        double value = batch_value(&batch, series, s, i);
        if (isnan(value) != isnan(tick->values[s]) || (!isnan(value) && value != tick->values[s]))
            fail_msg("host %d tick %d series %d: %.17g is not %.17g", (int)host, (int)number, (int)s, value,
                     tick->values[s]);
    }
    tick->seen++;
    tick->rolled = level > 0;
    tick->coarse = coarse;
    uint64_t *counts[] = { &look->counts.inbox, &look->counts.sealed, &look->counts.rewritten, &look->counts.good };
    ++*counts[level + 1];
}

static void look_at_inbox(struct look *look)
{
    struct decoder decoder;
    struct err err;
    sqlite3_stmt *stmt;
    assert_int_equal(decoder_init(&decoder, look->db, &err), 0);
    assert_int_equal(db_prepare(look->db,
                                "SELECT " DECODER_COLUMNS
                                ", (SELECT host FROM run WHERE run.id = batch.run) FROM batch WHERE slot >= 0",
                                &stmt, &err),
                     0);
    while (db_step(stmt, &err) == DB_ROW) {
        struct decoded row;
        assert_int_equal(decoder_row(&decoder, stmt, &row, &err), 0);
        assert_non_null(row.table);
        for (uint32_t i = 0; i < row.batch.n_ticks; i++)
            see(look, (uint64_t)sqlite3_column_int64(stmt, DECODER_NEXT), &row.batch.run, row.batch.first + i,
                row.at_us[i], -1, false, row.batch.columns, row.table, i);
    }
    sqlite3_finalize(stmt);
    decoder_done(&decoder);
}

/* Of a row: how the id is made up, and the day it keeps within. */
static void check_id(int64_t id, int64_t host_no, int64_t first_us, int64_t last_us)
{
    assert_int_equal(id >> 39, host_no);
    assert_int_equal((id >> 6 & 0x1ffffffff) / (PACK_DAY_US / US_PER_S), first_us / PACK_DAY_US);
    assert_int_equal(first_us / PACK_DAY_US, last_us / PACK_DAY_US);
}

static void see_block(struct look *look, sqlite3_stmt *stmt)
{
    struct block block;
    struct series_table series;
    struct err err;
    arena_reset(&look->arena);
    assert_int_equal(codec_decode_table(sqlite3_column_blob(stmt, 7), (size_t)sqlite3_column_bytes(stmt, 7),
                                        &look->arena, &series, &err),
                     0);
    if (block_decode(look->coder, sqlite3_column_blob(stmt, 6), (size_t)sqlite3_column_bytes(stmt, 6), &look->arena,
                     &block, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(block.n_columns, series.n);
    assert_int_equal(block.n_ticks, sqlite3_column_int64(stmt, 3));
    assert_true(block.n_ticks <= PACK_BLOCK_TICKS);
    assert_int_equal(block.at_us[0], sqlite3_column_int64(stmt, 1));
    assert_int_equal(block.at_us[block.n_ticks - 1], sqlite3_column_int64(stmt, 2));
    check_id(sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 9), block.at_us[0],
             block.at_us[block.n_ticks - 1]);
    uint32_t tick = 0;
    for (uint32_t p = 0; p < block.n_parts; p++)
        for (uint32_t i = 0; i < block.parts[p].n; i++, tick++)
            see(look, (uint64_t)sqlite3_column_int64(stmt, 8), &block.parts[p].run, block.parts[p].first + i,
                block.at_us[tick], sqlite3_column_int(stmt, 4), sqlite3_column_int(stmt, 5), block.columns, &series,
                tick);
    assert_int_equal(tick, block.n_ticks);
    look->counts.blocks++;
}

#define JOINED " JOIN series_table AS t ON t.id = series_table JOIN host ON host.no = b.id >> 39 ORDER BY b.id"

static void look_at_blocks(struct look *look)
{
    sqlite3_stmt *stmt;
    struct err err;
    assert_int_equal(db_prepare(look->db,
                                "SELECT b.id, first_us, last_us, n, level, coarse, b.bytes, t.bytes, host.id,"
                                " host.no FROM block AS b" JOINED,
                                &stmt, &err),
                     0);
    while (db_step(stmt, &err) == DB_ROW)
        see_block(look, stmt);
    sqlite3_finalize(stmt);
}

/* ---- rollups, tick by tick ---- */

struct rolled {
    uint64_t count;
    double min, max, sum;
};

static void roll(struct rolled *to, const struct rolled *from)
{
    if (from->count == 0)
        return;
    to->min = to->count == 0 || from->min < to->min ? from->min : to->min;
    to->max = to->count == 0 || from->max > to->max ? from->max : to->max;
    to->sum = to->count == 0 ? from->sum : to->sum + from->sum;
    to->count += from->count;
}

struct roll_key {
    uint64_t host;
    int64_t at; /* minute or day */
    uint8_t table;
};

static bool belongs(const struct world_tick *tick, const struct roll_key *key, int64_t unit_us)
{
    return tick->put && tick->rolled && tick->table == key->table && tick->at_us / unit_us == key->at;
}

enum { MINUTES_MAX = 1 << 16 };

struct minutes {
    size_t n;
    struct roll_key key[MINUTES_MAX];
    struct rolled found[MINUTES_MAX][WORLD_SERIES];
    struct rolled wanted[MINUTES_MAX][WORLD_SERIES];
};

static size_t minute_of(struct minutes *minutes, const struct roll_key *key)
{
    size_t at = (size_t)(key->at * 31 + (int64_t)key->host * 7 + key->table) % MINUTES_MAX;
    for (;; at = (at + 1) % MINUTES_MAX) {
        const struct roll_key *there = &minutes->key[at];
        if (there->at == 0) {
            assert_true(++minutes->n < MINUTES_MAX / 2);
            minutes->key[at] = *key;
            return at;
        }
        if (there->at == key->at && there->host == key->host && there->table == key->table)
            return at;
    }
}

static void want_minutes(struct look *look, struct minutes *minutes)
{
    for (uint64_t i = 0; i < (uint64_t)WORLD_HOSTS * WORLD_RUNS * WORLD_NUMBERS; i++) {
        const struct world_tick *tick = &look->world->ticks[i];
        if (!tick->put || !tick->rolled || tick->coarse)
            continue;
        struct roll_key key = { i / WORLD_NUMBERS / WORLD_RUNS, tick->at_us / PACK_MINUTE_US, tick->table };
        size_t at = minute_of(minutes, &key);
        for (uint32_t s = 0; s < n_series(tick->table); s++)
            if (!isnan(tick->values[s]))
                roll(&minutes->wanted[at][s], &(struct rolled){ 1, tick->values[s], tick->values[s], tick->values[s] });
    }
}

static double cell(const struct block *block, const struct series_table *series, uint32_t column, uint32_t tick)
{
    struct series_table one = { .n = 1, .at = &series->at[column / 4] };
    struct batch batch = { .n_ticks = tick + 1, .n_columns = 1, .columns = &block->columns[column] };
    return batch_value(&batch, &one, 0, tick);
}

static void find_minutes(struct look *look, struct minutes *minutes)
{
    sqlite3_stmt *stmt;
    struct err err;
    assert_int_equal(db_prepare(look->db,
                                "SELECT b.id, first_us, last_us, n, whole, b.bytes, t.bytes, host.id, host.no"
                                " FROM minute AS b" JOINED,
                                &stmt, &err),
                     0);
    while (db_step(stmt, &err) == DB_ROW) {
        struct block block;
        struct series_table series;
        arena_reset(&look->arena);
        codec_decode_table(sqlite3_column_blob(stmt, 6), (size_t)sqlite3_column_bytes(stmt, 6), &look->arena, &series,
                           NULL);
        assert_int_equal(block_decode(look->coder, sqlite3_column_blob(stmt, 5), (size_t)sqlite3_column_bytes(stmt, 5),
                                      &look->arena, &block, &err),
                         0);
        assert_int_equal(block.n_columns, series.n * 4);
        assert_int_equal(block.n_ticks, sqlite3_column_int64(stmt, 3));
        check_id(sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 8), block.at_us[0],
                 block.at_us[block.n_ticks - 1]);
        for (uint32_t i = 0; i < block.n_ticks; i++) {
            assert_int_equal(block.at_us[i] % PACK_MINUTE_US, 0);
            struct roll_key key = { (uint64_t)sqlite3_column_int64(stmt, 7), block.at_us[i] / PACK_MINUTE_US,
                                    series.n == WORLD_SERIES };
            size_t at = minute_of(minutes, &key);
            for (uint32_t s = 0; s < series.n; s++)
                roll(&minutes->found[at][s],
                     &(struct rolled){ (uint64_t)block.columns[s * 4].fixed[i], cell(&block, &series, s * 4 + 1, i),
                                       cell(&block, &series, s * 4 + 2, i), cell(&block, &series, s * 4 + 3, i) });
        }
        look->counts.minutes++;
        look->counts.minute_parts += sqlite3_column_int(stmt, 4) == 0;
    }
    sqlite3_finalize(stmt);
}

static void check_minutes(struct look *look)
{
    struct minutes *minutes = calloc(1, sizeof *minutes);
    assert_non_null(minutes);
    want_minutes(look, minutes);
    find_minutes(look, minutes);
    for (size_t i = 0; i < MINUTES_MAX; i++) {
        for (uint32_t s = 0; s < WORLD_SERIES; s++) {
            const struct rolled *found = &minutes->found[i][s];
            const struct rolled *wanted = &minutes->wanted[i][s];
            if (found->count != wanted->count || found->min != wanted->min || found->max != wanted->max ||
                fabs(found->sum - wanted->sum) > 1e-9 * (1 + fabs(wanted->sum)))
                fail_msg("host %d minute %d series %d: %d %g %g %.17g, not %d %g %g %.17g", (int)minutes->key[i].host,
                         (int)minutes->key[i].at, (int)s, (int)found->count, found->min, found->max, found->sum,
                         (int)wanted->count, wanted->min, wanted->max, wanted->sum);
        }
    }
    free(minutes);
}

static void want_sketch(struct look *look, const struct roll_key *key, uint32_t series, struct sketch *ret)
{
    const struct world_tick *ticks = &look->world->ticks[key->host * WORLD_RUNS * WORLD_NUMBERS];
    for (uint64_t i = 0; i < (uint64_t)WORLD_RUNS * WORLD_NUMBERS; i++)
        if (belongs(&ticks[i], key, PACK_DAY_US) && !isnan(ticks[i].values[series]))
            assert_int_equal(sketch_add(ret, &look->arena, ticks[i].values[series], 1), 0);
}

static void find_sketches(struct look *look, sqlite3_stmt *stmt, const struct roll_key *key, struct sketch *ret)
{
    struct err err;
    sqlite3_bind_int64(stmt, 1, (int64_t)key->host);
    sqlite3_bind_int64(stmt, 2, key->at);
    sqlite3_bind_int64(stmt, 3, PACK_DAY_US);
    while (db_step(stmt, &err) == DB_ROW) {
        struct sketches_view view;
        assert_int_equal(sketches_open(look->coder, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0),
                                       &look->arena, &view, &err),
                         0);
        if (view.n != n_series(key->table))
            continue;
        for (uint32_t s = 0; s < view.n; s++) {
            struct sketch sketch = { 0 };
            assert_int_equal(sketches_read(&view, s, &look->arena, &sketch, &err), 0);
            assert_int_equal(sketch_merge(&ret[s], &look->arena, &sketch), 0);
        }
    }
}

static void check_sketches(struct look *look)
{
    sqlite3_stmt *stmt;
    struct err err;
    int64_t from = INT64_MAX;
    int64_t to = 0;
    for (uint64_t i = 0; i < (uint64_t)WORLD_HOSTS * WORLD_RUNS * WORLD_NUMBERS; i++) {
        if (!look->world->ticks[i].put)
            continue;
        int64_t day = look->world->ticks[i].at_us / PACK_DAY_US;
        from = day < from ? day : from;
        to = day > to ? day : to;
    }
    assert_int_equal(db_prepare(look->db,
                                "SELECT bytes FROM sketch JOIN host ON host.no = sketch.id >> 39 WHERE host.id = ?1"
                                " AND first_us / ?3 = ?2 AND last_us / ?3 = ?2",
                                &stmt, &err),
                     0);
    for (struct roll_key key = { .host = 0 }; key.host < WORLD_HOSTS; key.host++) {
        for (key.at = from; key.at <= to; key.at++) {
            for (key.table = 0; key.table < 2; key.table++) {
                struct sketch found[WORLD_SERIES] = { 0 };
                arena_reset(&look->arena);
                find_sketches(look, stmt, &key, found);
                for (uint32_t s = 0; s < n_series(key.table); s++) {
                    struct sketch wanted = { 0 };
                    want_sketch(look, &key, s, &wanted);
                    assert_int_equal(found[s].count, wanted.count);
                    assert_int_equal(found[s].zeros, wanted.zeros);
                    for (double q = 0; wanted.count && q <= 1; q += 0.125)
                        assert_true(sketch_quantile(&found[s], q) == sketch_quantile(&wanted, q));
                }
            }
        }
    }
    sqlite3_finalize(stmt);
}

struct world_counts world_check(struct world *world)
{
    struct look look = { .world = world };
    struct err err;
    for (uint64_t i = 0; i < (uint64_t)WORLD_HOSTS * WORLD_RUNS * WORLD_NUMBERS; i++)
        world->ticks[i].seen = 0;
    arena_init(&look.arena, SIZE_MAX);
    assert_int_equal(block_coder_new(&look.coder, &err), 0);
    if (reader_file(&look.db, path_in(world->f, "tenant-1.db"), WORLD_TENANT, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(db_exec(look.db, "BEGIN", &err), 0);
    look_at_inbox(&look);
    look_at_blocks(&look);
    for (uint64_t i = 0; i < (uint64_t)WORLD_HOSTS * WORLD_RUNS * WORLD_NUMBERS; i++) {
        const struct world_tick *tick = &world->ticks[i];
        if (tick->put && tick->seen != !tick->gone)
            fail_msg("host %d run %d tick %d: seen %u times", (int)(i / WORLD_NUMBERS / WORLD_RUNS),
                     (int)(i / WORLD_NUMBERS % WORLD_RUNS), (int)(i % WORLD_NUMBERS), tick->seen);
    }
    check_minutes(&look);
    check_sketches(&look);
    assert_int_equal(db_exec(look.db, "COMMIT", &err), 0);
    look.db = db_close(look.db);
    block_coder_free(look.coder);
    arena_done(&look.arena);
    look.counts.aside = (uint64_t)world_number(world, "SELECT count(*) FROM batch WHERE slot < 0");
    look.counts.sketches = (uint64_t)world_number(world, "SELECT count(*) FROM sketch");
    look.counts.sketch_parts = (uint64_t)world_number(world, "SELECT count(*) FROM sketch WHERE whole = 0");
    return look.counts;
}

int64_t world_number(struct world *world, const char *sql)
{
    sqlite3 *db = NULL;
    struct err err;
    int64_t number = -1;
    if (db_open(&db, path_in(world->f, "tenant-1.db"), DB_READ, &err) < 0 || db_number(db, sql, &number, &err) < 0)
        fail_msg("%s", err.text);
    db_close(db);
    return number;
}

void world_sql(struct world *world, const char *sql)
{
    sqlite3 *db = NULL;
    struct err err;
    if (db_open(&db, path_in(world->f, "tenant-1.db"), DB_WRITE, &err) < 0 || db_exec(db, sql, &err) < 0)
        fail_msg("%s", err.text);
    db_close(db);
}
