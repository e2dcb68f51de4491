#include "collector/store/read/stages_fixture.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/block/block.h"
#include "collector/store/block/sketch.h"

enum { SERIES = 3, ROLLED = 4, MEMORY = 64 << 20 };
#define MINUTE_US (60 * US_PER_S)

static int64_t number_of(const struct stages *stages, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(stages->db, sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t number = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    return number;
}

void stages_sql(const struct stages *stages, const char *format, ...)
{
    char sql[512];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    char *why = NULL;
    if (sqlite3_exec(stages->db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
}

void stages_open(struct stages *stages, struct fixture *f)
{
    *stages = (struct stages){ .f = f };
    assert_int_equal(sqlite3_open(path_in(f, "tenant-0.db"), &stages->db), SQLITE_OK);
    assert_int_equal(block_coder_new(&stages->coder, NULL), 0);
    stages->table = number_of(stages, "SELECT id FROM series_table");
    stages_sql(stages, "BEGIN");
}

void stages_close(struct stages *stages)
{
    stages_sql(stages, "COMMIT");
    assert_int_equal(sqlite3_close(stages->db), SQLITE_OK);
    block_coder_free(stages->coder);
}

static int64_t at_us(const struct staged *ticks, uint32_t i)
{
    return ticks->anchor_us + (int64_t)ticks->numbers[i] * ticks->apart_us;
}

/* As pack() has them; absent: FIXED_ABSENT. */
static int64_t value_of(uint64_t number, uint32_t series)
{
    int64_t t = (int64_t)number;
    return series == 0 ? t : series == 1 ? 2 * t : t % 4 == 0 ? 7 : FIXED_ABSENT;
}

void stages_take(const struct stages *stages, const struct staged *ticks)
{
    uint8_t run = ticks->run;
    stages_sql(stages,
               "DELETE FROM batch WHERE first BETWEEN %llu AND %llu AND run IN"
               " (SELECT id FROM run WHERE host = %llu AND hex(run) LIKE '%02X%%')",
               (unsigned long long)ticks->numbers[0], (unsigned long long)ticks->numbers[ticks->n - 1],
               (unsigned long long)ticks->host, run);
}

static void insert(const struct stages *stages, const char *sql, uint64_t host, int64_t first_us, int64_t last_us,
                   uint32_t n, int level, struct bytes bytes)
{
    stages_sql(stages, "INSERT OR IGNORE INTO host (id) VALUES (%llu)", (unsigned long long)host);
    char find[64];
    snprintf(find, sizeof find, "SELECT no FROM host WHERE id = %llu", (unsigned long long)host);
    int64_t id = number_of(stages, find) << 39 | first_us / US_PER_S << 6;
    sqlite3_stmt *stmt = NULL;
    int rc = SQLITE_CONSTRAINT;
    for (int i = 0; i < 64 && rc != SQLITE_DONE; i++) { /* the next free one */
        assert_int_equal(sqlite3_prepare_v2(stages->db, sql, -1, &stmt, NULL), SQLITE_OK);
        sqlite3_bind_int64(stmt, 1, id + i);
        sqlite3_bind_int64(stmt, 2, first_us);
        sqlite3_bind_int64(stmt, 3, last_us);
        sqlite3_bind_int64(stmt, 4, n);
        sqlite3_bind_int(stmt, 5, level);
        sqlite3_bind_int64(stmt, 6, stages->table);
        sqlite3_bind_blob(stmt, 7, bytes.at, (int)bytes.len, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
        sqlite3_finalize(stmt);
    }
    assert_int_equal(rc, SQLITE_DONE);
}

static void insert_block(const struct stages *stages, const struct staged *ticks, int level, struct arena *arena)
{
    int64_t *times = arena_alloc(arena, ticks->n, sizeof *times);
    struct block_part *parts = arena_alloc(arena, ticks->n, sizeof *parts);
    struct column columns[SERIES];
    uint32_t n_parts = 0;
    for (uint32_t i = 0; i < ticks->n; i++) {
        times[i] = at_us(ticks, i);
        if (i == 0 || ticks->numbers[i] != ticks->numbers[i - 1] + 1)
            parts[n_parts++] = (struct block_part){ run_of(ticks->run), ticks->numbers[i], 0 };
        parts[n_parts - 1].n++;
    }
    for (uint32_t s = 0; s < SERIES; s++) {
        int64_t *values = arena_alloc(arena, ticks->n, sizeof *values);
        for (uint32_t i = 0; i < ticks->n; i++)
            values[i] = value_of(ticks->numbers[i], s);
        columns[s] = (struct column){ .fixed = values };
    }
    struct block block = { ticks->n, SERIES, times, n_parts, parts, columns };
    struct bytes bytes;
    assert_int_equal(block_encode(stages->coder, &block, BLOCK_QUICK, &bytes, NULL), 0);
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT INTO block (id, first_us, last_us, n, level, series_table, bytes, coarse)"
             " VALUES (?, ?, ?, ?, ?, ?, ?, %d)",
             ticks->apart_us >= MINUTE_US);
    insert(stages, sql, ticks->host, times[0], times[ticks->n - 1], ticks->n, level, bytes);
}

/* One minute's. */
static void roll_minute(const struct staged *ticks, uint32_t from, uint32_t to, uint32_t series, int64_t ret[ROLLED])
{
    ret[0] = 0;
    ret[1] = ret[2] = ret[3] = FIXED_ABSENT;
    for (uint32_t i = from; i < to; i++) {
        int64_t value = value_of(ticks->numbers[i], series);
        if (value == FIXED_ABSENT)
            continue;
        bool first = ret[0]++ == 0;
        ret[1] = first || value < ret[1] ? value : ret[1];
        ret[2] = first || value > ret[2] ? value : ret[2];
        ret[3] = first ? value : ret[3] + value;
    }
}

static void insert_minutes(const struct stages *stages, const struct staged *ticks, struct arena *arena)
{
    int64_t *times = arena_alloc(arena, ticks->n, sizeof *times);
    int64_t *cells = arena_alloc(arena, (size_t)ticks->n * SERIES * ROLLED, sizeof *cells);
    struct column columns[SERIES * ROLLED];
    uint32_t n = 0;
    for (uint32_t i = 0; i < SERIES * ROLLED; i++)
        columns[i] = (struct column){ .fixed = cells + (size_t)i * ticks->n };
    for (uint32_t from = 0, to; from < ticks->n; from = to) {
        times[n] = at_us(ticks, from) / MINUTE_US * MINUTE_US;
        for (to = from; to < ticks->n && at_us(ticks, to) < times[n] + MINUTE_US;)
            to++;
        for (uint32_t s = 0; s < SERIES; s++) {
            int64_t rolled[ROLLED];
            roll_minute(ticks, from, to, s, rolled);
            for (uint32_t k = 0; k < ROLLED; k++)
                cells[(size_t)(s * ROLLED + k) * ticks->n + n] = rolled[k];
        }
        n++;
    }
    struct block block = { .n_ticks = n, .n_columns = SERIES * ROLLED, .at_us = times, .columns = columns };
    struct bytes bytes;
    assert_int_equal(block_encode(stages->coder, &block, BLOCK_QUICK, &bytes, NULL), 0);
    insert(stages,
           "INSERT INTO minute (id, first_us, last_us, n, whole, series_table, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)",
           ticks->host, times[0], times[n - 1], n, 0, bytes);
}

static void insert_sketches(const struct stages *stages, const struct staged *ticks, struct arena *arena)
{
    struct sketch sketches[SERIES];
    memset(sketches, 0, sizeof sketches);
    for (uint32_t s = 0; s < SERIES; s++)
        for (uint32_t i = 0; i < ticks->n; i++)
            if (value_of(ticks->numbers[i], s) != FIXED_ABSENT)
                assert_int_equal(sketch_add(&sketches[s], arena, (double)value_of(ticks->numbers[i], s), 1), 0);
    struct bytes bytes;
    struct sketch_source source = { sketch_of_array, sketches };
    assert_int_equal(sketches_encode(stages->coder, &source, SERIES, &bytes, NULL), 0);
    insert(stages, /* its rows have no count of ticks */
           "INSERT INTO sketch (id, first_us, last_us, whole, series_table, bytes) VALUES (?1, ?2, ?3, ?5, ?6, ?7)",
           ticks->host, at_us(ticks, 0), at_us(ticks, ticks->n - 1), 0, 0, bytes);
}

void stages_roll(const struct stages *stages, const struct staged *ticks)
{
    struct arena arena;
    arena_init(&arena, MEMORY);
    if (ticks->apart_us < MINUTE_US)
        insert_minutes(stages, ticks, &arena);
    insert_sketches(stages, ticks, &arena);
    arena_done(&arena);
}

void stages_block(const struct stages *stages, const struct staged *ticks, int level)
{
    struct arena arena;
    arena_init(&arena, MEMORY);
    insert_block(stages, ticks, level, &arena);
    arena_done(&arena);
    if (level > 0)
        stages_roll(stages, ticks);
}
