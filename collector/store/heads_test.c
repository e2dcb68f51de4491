/* Heads of ledgers: signed behind each commit, kept in registry.db, and what the files are measured by. */
#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/store_fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/parts.h"
#include "collector/store/read/reader.h"

static struct ledger_key key;

static void use_key(struct fixture *f, uint8_t first)
{
    uint8_t seed[LEDGER_KEY_BYTES] = { first };
    assert_int_equal(ledger_key_of(&key, seed, NULL), 0);
    store_sign(f->store, &key, true);
}

static int setup(void **state)
{
    int rc = fixture_setup(state);
    struct fixture *f = *state;
    for (uint64_t id = 1; id <= 2; id++) {
        struct tenant tenant = { .id = id, .name = "tenant" };
        assert_int_equal(store_put_tenant(f->store, &tenant), 0);
    }
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    use_key(f, 1);
    return rc;
}

#define HEADS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

static int64_t number_in(struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open(path_in(f, file), &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    int64_t n = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return n;
}

static void run_sql(struct fixture *f, const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path_in(f, file), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
}

static int64_t signed_on_disk(struct fixture *f)
{
    return number_in(f, "registry.db", "SELECT n FROM ledger_head WHERE tenant = 1");
}

static void put_each(struct fixture *f, int n, const char *body)
{
    for (int i = 0; i < n; i++) {
        assert_int_equal(put_entry(f, 1, body), 0);
        assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    }
}

static void put(struct fixture *f, int n)
{
    put_each(f, n, "{\"x\":1}");
}

static uint64_t signed_now(struct fixture *f)
{
    struct store_head head;
    return store_ledger_head(f->store, 1, &head) == 0 ? head.head.n : 0;
}

static void start_signing(struct fixture *f, bool fresh)
{
    if (f->store)
        close_store(f);
    open_store(f);
    store_sign(f->store, &key, fresh);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
}

/* With files as they lie there, by the same key. */
static void start_anew(struct fixture *f)
{
    start_signing(f, false);
}

static void put_at(struct fixture *f, int64_t at_us)
{
    struct ledger_entry entry = { .tenant = 1, .at_us = at_us, .kind = "round", .actor = "clock", .body = "{}" };
    assert_int_equal(store_put_ledger(f->store, &entry), 0);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
}

static void a_head_vouches_for_all_that_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct ledger ledger;
    struct store_head head;
    put(f, 3);
    assert_int_equal(store_ledger_head(f->store, 1, &head), 0);
    read_ledger(f, 1, &ledger);
    assert_int_equal(head.head.n, ledger.n);
    assert_memory_equal(&head.key, &key.public_key, sizeof head.key);
    assert_true(ledger_head_holds(&head.head, &key.public_key));
    assert_int_equal(store_ledger_head(f->store, 2, &head), STORE_NO_HEAD);
}

static void what_is_not_on_disk_is_not_vouched_for(void **state)
{
    struct fixture *f = *state;
    put(f, 1);
    assert_int_equal(put_entry(f, 1, "{\"x\":2}"), 0);
    assert_int_equal(signed_now(f), 1);
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_int_equal(signed_now(f), 2);
}

static void heads_lie_in_the_registry_and_come_back_as_they_were_signed(void **state)
{
    struct fixture *f = *state;
    struct store_head before, after;
    put(f, 3);
    assert_int_equal(store_ledger_head(f->store, 1, &before), 0);
    clock_fake_pass(&f->fake, 3600 * NS_PER_S);
    start_anew(f);
    assert_int_equal(store_ledger_head(f->store, 1, &after), 0);
    assert_memory_equal(&after, &before, sizeof after);
    assert_int_equal(signed_on_disk(f), 3);
}

static void without_a_key_there_is_no_head_and_those_there_were_stay(void **state)
{
    struct fixture *f = *state;
    put(f, 2);
    reopen_store(f);
    put(f, 1);
    assert_int_equal(signed_now(f), 2);
    close_store(f);
    assert_int_equal(signed_on_disk(f), 2);
    open_store(f);
}

/* The registry's disk hangs in a flush: the tenant's entries are on disk and told all the same. */
static void no_commit_waits_for_a_head(void **state)
{
    struct fixture *f = *state;
    put(f, 1);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    int64_t before = signed_on_disk(f);
    faulty_vfs_set(FAULTY_HANG, "registry");
    clock_fake_pass(&f->fake, 2 * STORE_HEADS_US * NS_PER_US);
    put(f, 5);
    assert_int_equal(number_in(f, "tenant-1.db", "SELECT max(n) FROM ledger"), 6);
    assert_int_equal(signed_on_disk(f), before);
    faulty_vfs_set(FAULTY_NOTHING, NULL);
    start_anew(f);
    assert_int_equal(signed_on_disk(f), 6);
}

/* The clock stands: the first head goes at once, the others together with each tick of the store's. */
static void heads_of_a_storm_go_together(void **state)
{
    struct fixture *f = *state;
    uint64_t before = store_counts(f->store).groups;
    put(f, 60);
    uint64_t groups = store_counts(f->store).groups - before;
    assert_true(groups >= 60 && groups <= 90);
    close_store(f);
    assert_int_equal(signed_on_disk(f), 60);
    open_store(f);
}

static void a_head_follows_at_once_after_a_while_of_quiet(void **state)
{
    struct fixture *f = *state;
    put(f, 1);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(signed_on_disk(f), 1);
    clock_fake_pass(&f->fake, STORE_HEADS_US * NS_PER_US);
    put(f, 1);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(signed_on_disk(f), 2);
}

static void a_file_ahead_of_its_head_is_signed_at_the_next_start(void **state)
{
    struct fixture *f = *state;
    put(f, 2);
    close_store(f);
    run_sql(f, "registry.db", "CREATE TABLE kept AS SELECT * FROM ledger_head");
    start_anew(f);
    put(f, 3);
    close_store(f);
    run_sql(f, "registry.db", "DELETE FROM ledger_head; INSERT INTO ledger_head SELECT * FROM kept; DROP TABLE kept");
    start_anew(f);
    assert_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_now(f), 5);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(signed_on_disk(f), 5);
}

/* As it was before there were heads: ledgers that are there get one, without a write to them. */
static void a_registry_of_before_there_were_heads_gets_one_for_each_ledger(void **state)
{
    struct fixture *f = *state;
    put(f, 3);
    put_at(f, ANCHOR_US + 3600 * US_PER_S);
    close_store(f);
    run_sql(f, "registry.db", "DROP TABLE ledger_head; DROP TABLE rota_override; PRAGMA user_version = 3");
    start_signing(f, true);
    assert_int_equal(f->loaded.tenants, 2);
    assert_int_equal(signed_now(f), 4);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(signed_on_disk(f), 4);
    assert_int_equal(number_in(f, "registry.db", "SELECT count(*) FROM ledger_head"), 1);
    assert_false(was_logged(f, "ledger_broken"));
}

static void heads_of_a_key_that_was_lost_are_signed_anew_and_that_is_said(void **state)
{
    struct fixture *f = *state;
    struct store_head head;
    put(f, 3);
    close_store(f);
    open_store(f);
    use_key(f, 2);
    assert_int_equal(load_store(f), 0);
    assert_int_equal(store_ledger_head(f->store, 1, &head), 0);
    assert_int_equal(head.head.n, 3);
    assert_true(ledger_head_holds(&head.head, &key.public_key));
    assert_true(was_logged(f, "ledger_key_changed tenant=1 signed=3"));
    close_store(f);
    open_store(f);
    store_sign(f->store, &key, false);
    assert_int_equal(load_store(f), 0);
    assert_int_equal(signed_now(f), 3);
}

/* By an entry behind whatever is there: all of that is signed then, and goes on being so over starts. */
static void goes_on_once_it_is_accepted(struct fixture *f)
{
    struct ledger_entry entry = { .tenant = 1, .at_us = 1, .kind = "ledger", .actor = "lin", .body = "{}" };
    int64_t last = number_in(f, "tenant-1.db", "SELECT max(n) FROM ledger");
    assert_int_equal(store_accept_ledger(f->store, &entry), 0);
    assert_non_null(store_ledger_broken(f->store, 1)); /* until that is on disk */
    assert_int_equal(commit(f, STORE_TENANT, 1), 0);
    assert_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_now(f), last + 1);
    assert_int_equal(commit(f, STORE_REGISTRY, 0), 0);
    assert_int_equal(signed_on_disk(f), last + 1);
    start_anew(f);
    assert_null(store_ledger_broken(f->store, 1));
    put(f, 1);
    start_anew(f);
    assert_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_on_disk(f), last + 2);
}

/* Whatever was done to the files: what happens is still put on record, and the head stays what it was. */
static void is_broken_by(struct fixture *f, const char *file, const char *sql)
{
    put(f, 4);
    close_store(f);
    run_sql(f, file, sql);
    start_anew(f);
    assert_non_null(store_ledger_broken(f->store, 1));
    assert_true(was_logged(f, "ledger_broken tenant=1 signed="));
    int64_t before = number_in(f, "tenant-1.db", "SELECT count(*) FROM ledger");
    int64_t head = signed_on_disk(f);
    put_each(f, 2, "{\"x\":2}");
    assert_int_equal(number_in(f, "tenant-1.db", "SELECT count(*) FROM ledger"), before + 2);
    start_anew(f);
    assert_non_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_on_disk(f), head);
    goes_on_once_it_is_accepted(f);
}

static void a_tail_that_was_cut_off_breaks_the_ledger(void **state)
{
    is_broken_by(*state, "tenant-1.db", "DELETE FROM ledger WHERE n > 3");
}

static void a_ledger_that_was_emptied_is_broken(void **state)
{
    is_broken_by(*state, "tenant-1.db", "DELETE FROM ledger");
}

static void a_last_entry_with_another_hash_breaks_the_ledger(void **state)
{
    is_broken_by(*state, "tenant-1.db", "UPDATE ledger SET hash = randomblob(32) WHERE n = 4");
}

static void what_is_behind_the_head_must_go_on_from_it(void **state)
{
    is_broken_by(*state, "tenant-1.db",
                 "INSERT INTO ledger SELECT 5, at_us, kind, event, incident, actor, bytes, randomblob(32) FROM ledger"
                 " WHERE n = 4");
}

static void a_hole_behind_the_head_breaks_the_ledger(void **state)
{
    is_broken_by(*state, "tenant-1.db",
                 "INSERT INTO ledger SELECT 6, at_us, kind, event, incident, actor, bytes, hash FROM ledger"
                 " WHERE n = 4");
}

static void a_head_that_was_altered_breaks_the_ledger(void **state)
{
    is_broken_by(*state, "registry.db", "UPDATE ledger_head SET n = 3 WHERE tenant = 1");
}

/* A history that was made up, and a head of it that somebody has signed: the key at hand vouches for neither. */
static void a_head_of_another_key_than_the_one_there_is_breaks_the_ledger(void **state)
{
    struct fixture *f = *state;
    struct store_head head;
    put(f, 3);
    close_store(f);
    struct ledger_key ours = key;
    open_store(f);
    use_key(f, 2);
    assert_int_equal(load_store(f), 0);
    start_anew(f);
    assert_null(store_ledger_broken(f->store, 1));
    struct ledger_key theirs = key;
    key = ours;
    start_anew(f);
    assert_non_null(store_ledger_broken(f->store, 1));
    assert_true(was_logged(f, "signed by another key than the one in ledger.key"));
    put(f, 1);
    assert_int_equal(store_ledger_head(f->store, 1, &head), 0);
    assert_int_equal(head.head.n, 3);
    assert_memory_equal(&head.key, &theirs.public_key, sizeof head.key);
    start_anew(f);
    assert_non_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_on_disk(f), 3);
    goes_on_once_it_is_accepted(f);
}

static void a_head_that_was_taken_away_breaks_the_ledger(void **state)
{
    struct fixture *f = *state;
    put(f, 2);
    put_at(f, ANCHOR_US + 60 * US_PER_S);
    close_store(f);
    run_sql(f, "registry.db", "DELETE FROM ledger_head");
    for (int start = 1; start <= 2; start++) {
        start_anew(f);
        assert_non_null(store_ledger_broken(f->store, 1));
        assert_true(was_logged(f, "ledger_broken tenant=1 signed=0"));
        assert_int_equal(signed_now(f), 0);
        put(f, 1);
        assert_int_equal(number_in(f, "tenant-1.db", "SELECT count(*) FROM ledger"), 3 + start);
    }
    close_store(f);
    assert_int_equal(signed_on_disk(f), 0);
    start_anew(f);
    goes_on_once_it_is_accepted(f);
}

static void a_ledger_that_stopped_before_its_first_head_is_signed_at_the_next_start(void **state)
{
    struct fixture *f = *state;
    put(f, 2);
    put_at(f, ANCHOR_US + US_PER_S);
    close_store(f);
    run_sql(f, "registry.db", "DELETE FROM ledger_head");
    start_anew(f);
    assert_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_now(f), 3);
}

struct raw { /* the first row of a ledger as it lies there */
    bool done, whole;
    int rc;
    size_t n, len;
    int64_t number;
};

static void on_raw(void *user, const struct store_ledger *result, const struct err *err)
{
    struct raw *raw = user;
    *raw = (struct raw){ .done = true, .rc = err ? err->code : 0, .n = err ? 0 : result->n };
    if (raw->n > 0) {
        raw->whole = result->at[0].whole;
        raw->len = result->at[0].bytes.len;
        raw->number = (int64_t)result->at[0].entry.n;
    }
}

static struct raw read_raw(struct fixture *f)
{
    struct store_ledger_query query = { .tenant = 1, .oldest_first = true, .raw = true, .most = STORE_LEDGER_MOST };
    struct raw raw = { .done = false };
    assert_int_equal(store_ledger(f->store, &query, on_raw, &raw, &f->err), 0);
    run_until(f, &raw.done);
    assert_int_equal(raw.rc, 0);
    return raw;
}

/* What a list shows must be looked at by whoever verifies, also with a number that no entry has. */
static void rows_below_the_first_entry_are_handed_over(void **state)
{
    struct fixture *f = *state;
    put(f, 2);
    run_sql(f, "tenant-1.db",
            "INSERT INTO ledger SELECT -n, at_us, kind, event, incident, 'mallory', bytes, hash FROM ledger");
    struct raw raw = read_raw(f);
    assert_int_equal(raw.n, 4);
    assert_int_equal(raw.number, -2);
    assert_false(raw.whole);
}

static void a_row_larger_than_an_answer_may_be_is_handed_over_as_far_as_an_entry_goes(void **state)
{
    struct fixture *f = *state;
    char sql[128];
    put(f, 1);
    snprintf(sql, sizeof sql, "UPDATE ledger SET bytes = zeroblob(%d)", READER_MEMORY + 1);
    run_sql(f, "tenant-1.db", sql);
    struct raw raw = read_raw(f);
    assert_int_equal(raw.n, 1);
    assert_int_equal(raw.len, LEDGER_BYTES_MAX);
    assert_false(raw.whole);
}

static void columns_that_only_read_like_the_entry_are_not_it(void **state)
{
    static const char *const edits[] = { "UPDATE ledger SET actor = actor || char(0) || 'x'",
                                         "UPDATE ledger SET event = event + 0.5" };
    struct fixture *f = *state;
    put(f, 1);
    assert_true(read_raw(f).whole);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        run_sql(f, "tenant-1.db", "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM ledger");
        run_sql(f, "tenant-1.db", edits[i]);
        assert_false(read_raw(f).whole);
        run_sql(f, "tenant-1.db", "DELETE FROM ledger; INSERT INTO ledger SELECT * FROM kept");
    }
}

static void a_file_put_in_its_place_while_it_rests_breaks_the_ledger(void **state)
{
    struct fixture *f = *state;
    struct file *file;
    put(f, 4);
    assert_int_equal(store_file_of(f->store, 1, &file, NULL), 0);
    run_sql(f, "tenant-1.db", "DELETE FROM ledger WHERE n > 2");
    struct err why = { 0 };
    file_doubt(file, &why); /* the next write opens it anew */
    put(f, 1);
    assert_non_null(store_ledger_broken(f->store, 1));
    assert_int_equal(signed_now(f), 4);
}

/* A group that fails and is written again must not be taken for somebody else's work. */
static void a_retry_breaks_nothing(void **state)
{
    static const enum faulty faults[] = { FAULTY_FULL, FAULTY_WRITE, FAULTY_SYNC };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct told told;
        uint64_t failed = store_counts(f->store).failed;
        put(f, 1);
        faulty_vfs_set(faults[i], "tenant-1");
        assert_int_equal(put_entry(f, 1, "{\"x\":2}"), 0);
        expect(f, &told, STORE_TENANT, 1);
        while (store_counts(f->store).failed < failed + 2)
            uv_run(&f->loop, UV_RUN_ONCE);
        assert_int_equal(signed_now(f), 2 * i + 1);
        faulty_vfs_set(FAULTY_NOTHING, NULL);
        run_until(f, &told.done);
        assert_int_equal(signed_now(f), 2 * (i + 1));
        assert_null(store_ledger_broken(f->store, 1));
    }
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        HEADS_TEST(a_head_vouches_for_all_that_is_on_disk),
        HEADS_TEST(what_is_not_on_disk_is_not_vouched_for),
        HEADS_TEST(heads_lie_in_the_registry_and_come_back_as_they_were_signed),
        HEADS_TEST(without_a_key_there_is_no_head_and_those_there_were_stay),
        HEADS_TEST(no_commit_waits_for_a_head),
        HEADS_TEST(heads_of_a_storm_go_together),
        HEADS_TEST(a_head_follows_at_once_after_a_while_of_quiet),
        HEADS_TEST(a_file_ahead_of_its_head_is_signed_at_the_next_start),
        HEADS_TEST(a_registry_of_before_there_were_heads_gets_one_for_each_ledger),
        HEADS_TEST(heads_of_a_key_that_was_lost_are_signed_anew_and_that_is_said),
        HEADS_TEST(a_head_of_another_key_than_the_one_there_is_breaks_the_ledger),
        HEADS_TEST(a_head_that_was_taken_away_breaks_the_ledger),
        HEADS_TEST(a_ledger_that_stopped_before_its_first_head_is_signed_at_the_next_start),
        HEADS_TEST(a_tail_that_was_cut_off_breaks_the_ledger),
        HEADS_TEST(a_ledger_that_was_emptied_is_broken),
        HEADS_TEST(a_last_entry_with_another_hash_breaks_the_ledger),
        HEADS_TEST(what_is_behind_the_head_must_go_on_from_it),
        HEADS_TEST(a_hole_behind_the_head_breaks_the_ledger),
        HEADS_TEST(a_head_that_was_altered_breaks_the_ledger),
        HEADS_TEST(rows_below_the_first_entry_are_handed_over),
        HEADS_TEST(a_row_larger_than_an_answer_may_be_is_handed_over_as_far_as_an_entry_goes),
        HEADS_TEST(columns_that_only_read_like_the_entry_are_not_it),
        HEADS_TEST(a_file_put_in_its_place_while_it_rests_breaks_the_ledger),
        HEADS_TEST(a_retry_breaks_nothing),
    };
    return cmocka_run_group_tests_name("collector.store.heads", tests, NULL, NULL);
}
