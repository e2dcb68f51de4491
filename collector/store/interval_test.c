#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/store_fixture.h"

/* One batch a group, so that every case goes through the file; `within_one_group` puts them all into one. */
struct ticks {
    uint64_t first;
    uint32_t n;
};

static void store_all(struct fixture *f, const struct ticks *ticks, size_t n, bool within_one_group)
{
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(put_batch(f, 0, 5, 1, ticks[i].first, ticks[i].n), 0);
        if (!within_one_group)
            assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    }
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
}

static void assert_interval(const struct fixture *f, size_t i, uint64_t first, uint64_t last)
{
    assert_true(i < f->loaded.intervals);
    assert_int_equal(f->loaded.interval[i].first, first);
    assert_int_equal(f->loaded.interval[i].last, last);
}

#define STORED(f, together, ...)                                                                                       \
    do {                                                                                                               \
        const struct ticks list[] = { __VA_ARGS__ };                                                                   \
        store_all((f), list, sizeof list / sizeof *list, (together));                                                  \
        reopen_store(f);                                                                                               \
    } while (0)

static void ticks_that_follow_make_the_interval_longer(void **state)
{
    struct fixture *f = *state;
    STORED(f, false, { 1, 1 }, { 2, 1 }, { 3, 60 });
    assert_int_equal(f->loaded.intervals, 1);
    assert_interval(f, 0, 1, 62);
    STORED(f, true, { 63, 1 }, { 64, 1 }, { 65, 2 });
    assert_int_equal(f->loaded.intervals, 1);
    assert_interval(f, 0, 1, 66);
}

static void a_gap_begins_another_interval(void **state)
{
    struct fixture *f = *state;
    STORED(f, true, { 1, 2 }, { 3, 1 }, { 10, 5 }, { 15, 1 });
    assert_int_equal(f->loaded.intervals, 2);
    assert_interval(f, 0, 1, 3);
    assert_interval(f, 1, 10, 15);
}

static void older_ticks_are_put_before(void **state)
{
    struct fixture *f = *state;
    STORED(f, false, { 10, 5 }, { 5, 5 }, { 1, 2 });
    assert_int_equal(f->loaded.intervals, 2);
    assert_interval(f, 0, 1, 2);
    assert_interval(f, 1, 5, 14);
}

static void a_gap_that_closes_joins_its_neighbours(void **state)
{
    struct fixture *f = *state;
    STORED(f, false, { 1, 3 }, { 10, 3 }, { 20, 3 }, { 4, 6 });
    assert_int_equal(f->loaded.intervals, 2);
    assert_interval(f, 0, 1, 12);
    assert_interval(f, 1, 20, 22);
    STORED(f, true, { 23, 1 }, { 13, 7 }, { 24, 1 });
    assert_int_equal(f->loaded.intervals, 1);
    assert_interval(f, 0, 1, 24);
}

static void a_whole_duplicate_is_stored_once(void **state)
{
    struct fixture *f = *state;
    STORED(f, false, { 1, 3 }, { 10, 5 });
    uint64_t groups = store_counts(f->store).groups;
    const struct ticks again[] = { { 10, 5 }, { 11, 2 }, { 1, 3 }, { 2, 1 } };
    store_all(f, again, 4, true);
    assert_int_equal(store_counts(f->store).groups, groups + 1);
    assert_int_equal(store_counts(f->store).ticks, 0);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 2);
}

static void a_duplicate_within_the_group_is_stored_once(void **state)
{
    struct fixture *f = *state;
    const struct ticks twice[] = { { 1, 3 }, { 1, 3 }, { 4, 2 }, { 4, 2 } };
    store_all(f, twice, 4, true);
    assert_int_equal(store_counts(f->store).ticks, 5);
}

static void of_an_overlap_only_the_missing_ticks_are_stored(void **state)
{
    struct fixture *f = *state;
    const struct ticks overlapping[] = { { 1, 5 }, { 20, 5 }, { 3, 20 }, { 1, 30 }, { 1, 30 } };
    store_all(f, overlapping, 5, false);
    assert_int_equal(store_counts(f->store).ticks, 30);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 1);
    assert_interval(f, 0, 1, 30);
}

/* Each stored tick once, whatever pieces they came in, and with the value it had: tick t's cpu is t. */
struct seen {
    unsigned times[200];
};

static void see(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                const int64_t *at_us)
{
    struct seen *seen = user;
    assert_int_equal(host, 5);
    for (uint32_t i = 0; i < batch->n_ticks; i++) {
        uint64_t n = batch->first + i;
        assert_in_range(n, 1, 199);
        assert_true(batch_value(batch, table, 0, i) == (double)n);
        assert_int_equal(at_us[i], ANCHOR_US + (int64_t)n * US_PER_S);
        seen->times[n]++;
    }
}

static void pieces_that_overlap_at_random_store_each_tick_once(void **state)
{
    struct fixture *f = *state;
    struct seen sent = { 0 }, seen = { 0 };
    uint64_t seed = 4711;
    for (int i = 0; i < 300; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t first = 1 + (seed >> 33) % 180;
        uint32_t n = 1 + (uint32_t)(seed >> 20) % 19;
        assert_int_equal(put_batch(f, 0, 5, 1, first, n), 0);
        for (uint32_t k = 0; k < n; k++)
            sent.times[first + k] = 1;
        if (i % 7 == 0)
            assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    }
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(store_replay(f->store, 0, 0, see, &seen, &f->err), 0);
    assert_memory_equal(&seen, &sent, sizeof seen);
}

static void runs_and_hosts_are_apart(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 3), 0);
    assert_int_equal(put_batch(f, 0, 5, 2, 4, 3), 0);
    assert_int_equal(put_batch(f, 0, 6, 1, 7, 3), 0);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_interval(f, i, 1 + 3 * i, 3 + 3 * i);
        assert_int_equal(f->loaded.interval[i].run.bytes[0], i == 1 ? 2 : 1);
        assert_int_equal(f->loaded.interval[i].host, i == 2 ? 6 : 5);
    }
}

/* Every order of eleven pieces that touch ends in one interval without its holes. */
static void any_order_ends_the_same(void **state)
{
    struct fixture *f = *state;
    enum { PIECES = 11 };
    uint64_t seed = 12345;
    for (uint8_t run = 1; run <= 40; run++) {
        uint64_t order[PIECES];
        for (uint64_t i = 0; i < PIECES; i++)
            order[i] = i;
        for (int i = PIECES - 1; i > 0; i--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            int j = (int)((seed >> 33) % (uint64_t)(i + 1));
            uint64_t swapped = order[i];
            order[i] = order[j];
            order[j] = swapped;
        }
        for (int i = 0; i < PIECES; i++)
            assert_int_equal(put_batch(f, 0, 5, run, 1 + 4 * order[i], 4), 0);
        if (run % 3 == 0)
            assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    }
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 40);
    for (size_t i = 0; i < 40; i++)
        assert_interval(f, i, 1, 4 * PIECES);
}

static void what_a_failed_group_knew_is_forgotten(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 3), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    faulty_vfs_set(FAULTY_WRITE, "tenant-0");
    struct told told;
    assert_int_equal(put_batch(f, 0, 5, 1, 4, 3), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 20, 3), 0);
    assert_int_equal(put_batch(f, 0, 9, 1, 1, 3), 0);
    expect(f, &told, STORE_TENANT, 0);
    while (store_counts(f->store).failed == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    run_until(f, &told.done);
    assert_int_equal(told.rc, 0);
    reopen_store(f);
    assert_int_equal(f->loaded.intervals, 3);
    assert_interval(f, 0, 1, 6);
    assert_interval(f, 1, 20, 22);
    assert_interval(f, 2, 1, 3);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(ticks_that_follow_make_the_interval_longer),
        STORE_TEST(a_gap_begins_another_interval),
        STORE_TEST(older_ticks_are_put_before),
        STORE_TEST(a_gap_that_closes_joins_its_neighbours),
        STORE_TEST(a_whole_duplicate_is_stored_once),
        STORE_TEST(a_duplicate_within_the_group_is_stored_once),
        STORE_TEST(of_an_overlap_only_the_missing_ticks_are_stored),
        STORE_TEST(pieces_that_overlap_at_random_store_each_tick_once),
        STORE_TEST(runs_and_hosts_are_apart),
        STORE_TEST(any_order_ends_the_same),
        STORE_TEST(what_a_failed_group_knew_is_forgotten),
    };
    return cmocka_run_group_tests_name("collector.store.interval", tests, NULL, NULL);
}
