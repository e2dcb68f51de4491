/* Reads that take many turns of the reader. */
#include "collector/store/read/past_fixture.h"

#include "collector/store/db.h"
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/read/query.h"
#include "collector/store/read/reader.h"

struct turns { /* a read whose every turn ends as soon as it may, each with a view of the file of its own */
    struct fixture *f;
    struct block_coder *coder;
    struct arena arena, rows;
    atomic_bool stop;
};

static struct reading turn(struct turns *turns, struct sqlite3 **ret_db)
{
    assert_int_equal(reader_file(ret_db, path_in(turns->f, "tenant-0.db"), 0, NULL), 0);
    return (struct reading){ .db = *ret_db,
                             .coder = turns->coder,
                             .stop = &turns->stop,
                             .arena = &turns->arena,
                             .rows = &turns->rows,
                             .now_us = NOW_US,
                             .raw_from_us = RAW_US / MINUTE_US * MINUTE_US + 10 * MINUTE_US,
                             .left = -1 };
}

static void turns_begin(struct turns *turns, struct fixture *f)
{
    *turns = (struct turns){ .f = f };
    assert_int_equal(block_coder_new(&turns->coder, NULL), 0);
    arena_init(&turns->arena, READER_MEMORY);
    arena_init(&turns->rows, READER_ROW_MEMORY);
}

static void turns_end(struct turns *turns)
{
    block_coder_free(turns->coder);
    arena_done(&turns->arena);
    arena_done(&turns->rows);
}

static bool is_same_point(const struct store_point *a, const struct store_point *b)
{
    return a->at_us == b->at_us && a->min == b->min && a->mean == b->mean && a->max == b->max && a->count == b->count;
}

static void a_read_in_many_turns_is_the_same(void **state)
{
    struct fixture *f = *state;
    make_past(f, 11);
    struct store_query query = { .host = HOST,
                                 .from_us = TODAY_US - DAYS * DAY_US,
                                 .to_us = NOW_US,
                                 .points = 1000,
                                 .metric = "cpu",
                                 .instance = "" };
    const struct series_copy *want = ask(f, &query);
    struct turns turns;
    struct series_state *series = NULL;
    struct store_result result = { .n = 0 };
    int rc = READING_MORE;
    int n = 0;
    turns_begin(&turns, f);
    for (; rc == READING_MORE; n++) {
        struct sqlite3 *db;
        struct reading reading = turn(&turns, &db);
        rc = query_series(&reading, &query, &series, &result, NULL);
        db_close(db);
    }
    assert_int_equal(rc, 0);
    assert_true(n >= DAYS);
    assert_int_equal(result.series[0].n, want->n);
    for (size_t i = 0; i < want->n; i++)
        assert_true(is_same_point(&result.series[0].points[i], &want->points[i]));
    turns_end(&turns);
}

static void hosts_of_a_long_read_are_told_once(void **state)
{
    struct fixture *f = *state;
    static const uint64_t hosts[] = { 5, 6, 7 };
    for (uint64_t host = 5; host <= 7; host++)
        assert_int_equal(put_batch(f, 0, host, 1, 1, CHUNK), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct store_hosts all = { .n = 3, .at = hosts, .rows = 100 };
    struct store_filter any_series = { "*", "*" };
    struct store_latest_query latest_query = { all, any_series };
    struct store_spread_query spread_query = { all, any_series, NOW_US, NOW_US + DAY_US };
    struct store_coverage_query coverage_query = { all, NOW_US, NOW_US + DAY_US };
    struct latest_state *latest_state = NULL;
    struct spread_state *spread_state = NULL;
    struct coverage_state *coverage_state = NULL;
    struct store_latest last = { .n = 0 };
    struct store_spread spread_ = { .n = 0 };
    struct store_coverage covered = { .n = 0 };
    struct turns turns;
    turns_begin(&turns, f);
    for (size_t i = 1; i <= 3; i++) { /* a host a turn */
        struct sqlite3 *db;
        struct reading reading = turn(&turns, &db);
        int rc = i < 3 ? READING_MORE : 0;
        assert_int_equal(query_latest(&reading, &latest_query, &latest_state, &last, NULL), rc);
        assert_int_equal(query_spread(&reading, &spread_query, &spread_state, &spread_, NULL), rc);
        assert_true(last.n == i && last.hosts[i - 1].host == hosts[i - 1] && last.hosts[i - 1].n == 3);
        assert_true(spread_.n == i && spread_.hosts[i - 1].host == hosts[i - 1] && spread_.hosts[i - 1].n == 3);
        reading.left = 1;
        while (query_coverage(&reading, &coverage_query, &coverage_state, &covered, NULL) == READING_MORE)
            reading.left = 1;
        db_close(db);
    }
    assert_int_equal(covered.n, 3);
    turns_end(&turns);
}

struct waiting_read {
    struct read read;
    int turns;
    bool *done;
};

static int answer_in_turns(struct read *read, struct reading *reading, struct err *err)
{
    (void)reading;
    (void)err;
    struct waiting_read *of = (struct waiting_read *)read;
    return of->turns-- > 0 ? READING_MORE : 0;
}

static void tell_done(struct read *read, const struct err *err)
{
    struct waiting_read *of = (struct waiting_read *)read;
    *of->done = !err;
}

static void put_read(struct fixture *f, struct reader *reader, int turns, bool *done)
{
    struct waiting_read *of = calloc(1, sizeof *of);
    assert_non_null(of);
    *of = (struct waiting_read){ { .answer = answer_in_turns, .tell = tell_done }, turns, done };
    assert_int_equal(reader_take(reader, path_in(f, "tenant-0.db"), 0, &of->read, &f->err), 0);
}

static void a_short_read_does_not_wait_for_a_long_one(void **state)
{
    struct fixture *f = *state;
    struct reader *reader;
    bool long_done = false;
    bool short_done = false;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(reader_open(&reader, &f->loop, &f->clock, &f->log, &f->err), 0);
    put_read(f, reader, 5, &long_done);
    put_read(f, reader, 0, &short_done);
    run_until(f, &short_done);
    assert_false(long_done);
    run_until(f, &long_done);
    put_read(f, reader, 1000000, &long_done); /* closing cuts it short */
    long_done = true;
    reader_close(reader, 10000);
    assert_false(long_done);
    uv_run(&f->loop, UV_RUN_NOWAIT);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_read_in_many_turns_is_the_same),
        STORE_TEST(hosts_of_a_long_read_are_told_once),
        STORE_TEST(a_short_read_does_not_wait_for_a_long_one),
    };
    return cmocka_run_group_tests_name("collector.store.read.turns", tests, NULL, NULL);
}
