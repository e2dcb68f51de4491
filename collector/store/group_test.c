/* When a group closes, and what its callers are told. */
#include "collector/store/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"

static void a_group_is_one_transaction(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    int before = faulty_vfs_wal_syncs();
    struct incident incident = incident_of(1, 1);
    for (uint64_t i = 2; i < 200; i++)
        assert_int_equal(put_batch(f, 1, 5 + i % 7, 1, i, 1), 0);
    assert_int_equal(store_put_incident(f->store, &incident), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(faulty_vfs_wal_syncs() - before, 1);
    assert_int_equal(store_counts(f->store).groups, 2);
}

static void a_group_waits_for_company_unless_it_is_urgent(void **state)
{
    struct fixture *f = *state;
    uv_run(&f->loop, UV_RUN_NOWAIT); /* new handles make the loop's wait 0 once */
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    int wait_ms = uv_backend_timeout(&f->loop);
    assert_true(wait_ms > 0 && wait_ms <= STORE_GATHER_US / US_PER_MS);
    store_hurry(f->store, STORE_TENANT, 1);
    assert_int_equal(uv_backend_timeout(&f->loop), 0);
}

static void without_hurry_a_group_closes_by_itself(void **state)
{
    struct fixture *f = *state;
    struct told told;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until(f, &told.done);
    assert_int_equal(told.rc, 0);
    assert_int_equal(store_counts(f->store).ticks, 1);
}

static void what_is_said_after_hurry_still_belongs_to_the_group(void **state)
{
    struct fixture *f = *state;
    struct told told;
    assert_int_equal(put_batch(f, 1, 5, 1, 1, 1), 0);
    store_hurry(f->store, STORE_TENANT, 1);
    assert_int_equal(put_batch(f, 1, 5, 1, 2, 1), 0);
    expect(f, &told, STORE_TENANT, 1);
    run_until(f, &told.done);
    assert_int_equal(store_counts(f->store).groups, 1);
    assert_int_equal(store_counts(f->store).ticks, 2);
}

static void callbacks_come_in_the_order_of_calls(void **state)
{
    struct fixture *f = *state;
    struct told told[8];
    for (int i = 0; i < 8; i++) {
        if (i % 2 == 0)
            assert_int_equal(put_batch(f, 1, 5, 1, (uint64_t)i + 1, 1), 0);
        expect(f, &told[i], STORE_TENANT, 1);
        if (i % 3 == 0)
            store_hurry(f->store, STORE_TENANT, 1);
        uv_run(&f->loop, UV_RUN_NOWAIT);
    }
    run_until(f, &told[7].done);
    for (int i = 1; i < 8; i++)
        assert_int_equal(told[i].order, told[i - 1].order + 1);
}

static void a_callback_comes_even_when_there_is_nothing_to_write(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(commit(f, STORE_TENANT, 3), 0);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(store_counts(f->store).groups, 0);
    assert_int_equal(access(path_in(f, "tenant-3.db"), F_OK), -1);
}

struct chain {
    struct store *store;
    int left;
    bool within;
    bool nested;
    bool done;
};

static void on_link(void *user, int rc)
{
    struct chain *chain = user;
    chain->nested |= chain->within || rc != 0;
    chain->within = true;
    if (chain->left-- > 0)
        store_then(chain->store, STORE_TENANT, 1, on_link, chain);
    else
        chain->done = true;
    chain->within = false;
}

static void a_callback_may_ask_for_another_and_is_never_called_within_a_call(void **state)
{
    struct fixture *f = *state;
    struct chain chain = { .store = f->store, .left = 5 };
    assert_int_equal(store_then(f->store, STORE_TENANT, 1, on_link, &chain), 0);
    run_until(f, &chain.done);
    assert_false(chain.nested);
}

static void closing_writes_what_is_gathered(void **state)
{
    struct fixture *f = *state;
    struct told told[2];
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 3), 0);
    expect(f, &told[0], STORE_TENANT, 0);
    store_hurry(f->store, STORE_TENANT, 0);
    uv_run(&f->loop, UV_RUN_NOWAIT); /* this one is in flight */
    assert_int_equal(put_batch(f, 0, 5, 1, 4, 3), 0);
    expect(f, &told[1], STORE_TENANT, 0);
    reopen_store(f);
    assert_true(told[0].done && told[0].rc == 0 && told[1].done && told[1].rc == 0);
    assert_int_equal(f->loaded.interval[0].last, 6);
    assert_int_equal(access(path_in(f, "tenant-0.db-wal"), F_OK), -1); /* all of it is in the file itself */
}

static void a_full_group_answers_eagain_until_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct packed *packed = malloc(sizeof *packed);
    assert_non_null(packed);
    pack(packed, 1, 5, 1, 1, 1, ANCHOR_US);
    packed->row.batch_bytes.len = BATCH_MAX;
    int rc;
    size_t taken = 0;
    while ((rc = store_batch(f->store, &packed->row, &f->err)) == 0) {
        packed->row.first++;
        taken++;
    }
    assert_int_equal(rc, -EAGAIN);
    assert_true(taken * BATCH_MAX <= STORE_GROUP_MAX && taken * BATCH_MAX > STORE_GROUP_MAX / 2);
    struct incident incident = incident_of(1, 1);
    assert_int_equal(store_put_incident(f->store, &incident), 0); /* bounded by what made it, never refused */
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(store_batch(f->store, &packed->row, &f->err), 0);
    assert_int_equal(store_counts(f->store).ticks, taken);
    free(packed);
}

static void batches_that_cannot_be_are_refused(void **state)
{
    struct fixture *f = *state;
    static struct packed packed;
    pack(&packed, 1, 5, 1, 1, 2, ANCHOR_US);
    struct store_batch bad[9];
    for (int i = 0; i < 9; i++)
        bad[i] = packed.row;
    bad[0].n_ticks = 0;
    bad[1].n_ticks = TICKS_MAX + 1;
    bad[2].first = 0;
    bad[3].first = INT64_MAX;
    bad[4].first_us = -1;
    bad[5].last_us = bad[5].first_us - 1;
    bad[6].batch_bytes.len = BATCH_MAX + 1;
    bad[7].batch_bytes.len = 0;
    bad[8].last_us = bad[8].first_us + STORE_SPAN_MAX_US + 1;
    for (int i = 0; i < 9; i++)
        assert_int_equal(store_batch(f->store, &bad[i], &f->err), -EINVAL);
}

static void counts_tell_what_was_stored(void **state)
{
    struct fixture *f = *state;
    static struct packed packed;
    pack(&packed, 1, 5, 1, 1, 10, ANCHOR_US);
    assert_int_equal(store_batch(f->store, &packed.row, NULL), 0);
    assert_int_equal(store_counts(f->store).ticks, 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    struct store_counts counts = store_counts(f->store);
    assert_int_equal(counts.ticks, 10);
    assert_int_equal(counts.samples, 30);
    assert_int_equal(store_commits(f->store).n, counts.groups);
    assert_int_equal(counts.bytes, packed.row.batch_bytes.len);
    assert_int_equal(counts.failed, 0);
}

/* Counts how often the WAL began anew; bytes 12..15 of its header, see fileformat2.html of SQLite. */
static uint32_t wal_generation(struct fixture *f)
{
    unsigned char bytes[4] = { 0 };
    int fd = open(path_in(f, "tenant-1.db-wal"), O_RDONLY);
    assert_int_equal(pread(fd, bytes, sizeof bytes, 12), sizeof bytes);
    close(fd);
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void the_wal_is_copied_into_the_file_and_begins_anew(void **state)
{
    struct fixture *f = *state;
    uint64_t tick = 1;
    assert_int_equal(put_batch(f, 1, 5, 1, tick++, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    uint32_t before = wal_generation(f);
    while (wal_generation(f) == before) {
        assert_int_equal(put_batch(f, 1, 5, 1, tick++, 1), 0);
        assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    }
    reopen_store(f);
    assert_int_equal(store_counts(f->store).failed, 0);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_group_is_one_transaction),
        STORE_TEST(a_group_waits_for_company_unless_it_is_urgent),
        STORE_TEST(without_hurry_a_group_closes_by_itself),
        STORE_TEST(what_is_said_after_hurry_still_belongs_to_the_group),
        STORE_TEST(callbacks_come_in_the_order_of_calls),
        STORE_TEST(a_callback_comes_even_when_there_is_nothing_to_write),
        STORE_TEST(a_callback_may_ask_for_another_and_is_never_called_within_a_call),
        STORE_TEST(closing_writes_what_is_gathered),
        STORE_TEST(a_full_group_answers_eagain_until_it_is_written),
        STORE_TEST(batches_that_cannot_be_are_refused),
        STORE_TEST(counts_tell_what_was_stored),
        STORE_TEST(the_wal_is_copied_into_the_file_and_begins_anew),
    };
    return cmocka_run_group_tests_name("collector.store.group", tests, NULL, NULL);
}
