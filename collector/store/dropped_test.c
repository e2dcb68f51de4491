#include "collector/store/dropped.h"

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "collector/store/db.h"
#include "collector/store/store_fixture.h"

enum { HOST = 5, TICKS = 200 };

static void declare(struct fixture *f, uint64_t first, uint64_t last, enum drop_cause cause)
{
    struct store_dropped dropped = { .host = HOST, .dropped = { run_of(1), first, last, cause }, .told_us = 1 };
    assert_int_equal(store_put_dropped(f->store, 0, &dropped), 0);
}

/* The rows as "1-9 overflow, 11-12 expired". */
static char *rows(struct fixture *f)
{
    static char text[8192];
    size_t len = 0;
    AUTO(db_auto_close) sqlite3 *db = NULL;
    AUTO(db_auto_finalize) sqlite3_stmt *stmt = NULL;
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(db_open(&db, path_in(f, "tenant-0.db"), DB_READ, &f->err), 0);
    assert_int_equal(db_prepare(db, "SELECT first, last, cause FROM dropped ORDER BY run, first", &stmt, &f->err), 0);
    text[0] = '\0';
    while (db_step(stmt, &f->err) == DB_ROW)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld-%lld %s", len ? ", " : "",
                                (long long)sqlite3_column_int64(stmt, 0), (long long)sqlite3_column_int64(stmt, 1),
                                (const char *)sqlite3_column_text(stmt, 2));
    return text;
}

static int64_t count(struct fixture *f)
{
    int64_t n = 0;
    AUTO(db_auto_close) sqlite3 *db = NULL;
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(db_open(&db, path_in(f, "tenant-0.db"), DB_READ, &f->err), 0);
    assert_int_equal(db_number(db, "SELECT count(*) FROM dropped", &n, &f->err), 0);
    return n;
}

static void what_touches_or_overlaps_is_one_row(void **state)
{
    struct fixture *f = *state;
    declare(f, 1, 9, DROP_OVERFLOW);
    declare(f, 20, 29, DROP_OVERFLOW);
    assert_string_equal(rows(f), "1-9 overflow, 20-29 overflow");
    declare(f, 10, 12, DROP_OVERFLOW);
    declare(f, 5, 11, DROP_OVERFLOW);
    assert_string_equal(rows(f), "1-12 overflow, 20-29 overflow");
    declare(f, 13, 19, DROP_OVERFLOW);
    assert_string_equal(rows(f), "1-29 overflow");
    declare(f, INT64_MAX, INT64_MAX, DROP_OVERFLOW);
    assert_string_equal(rows(f), "1-29 overflow, 9223372036854775807-9223372036854775807 overflow");
}

static void causes_stay_apart_and_the_later_word_counts(void **state)
{
    struct fixture *f = *state;
    declare(f, 1, 30, DROP_OVERFLOW);
    declare(f, 31, 40, DROP_EXPIRED);
    assert_string_equal(rows(f), "1-30 overflow, 31-40 expired");
    declare(f, 11, 20, DROP_REFUSED);
    assert_string_equal(rows(f), "1-10 overflow, 11-20 refused, 21-30 overflow, 31-40 expired");
    declare(f, 5, 35, DROP_EXPIRED);
    assert_string_equal(rows(f), "1-4 overflow, 5-40 expired");
}

static void any_order_leaves_each_tick_its_last_word(void **state)
{
    struct fixture *f = *state;
    char want[8192] = "";
    int causes[TICKS + 2];
    uint64_t seed = 99;
    for (int i = 0; i < TICKS + 2; i++)
        causes[i] = -1;
    for (int i = 0; i < 300; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t first = 1 + (seed >> 33) % (TICKS - 10);
        uint64_t last = first + (seed >> 50) % 10;
        enum drop_cause cause = (seed >> 60) % 2 ? DROP_OVERFLOW : DROP_EXPIRED;
        declare(f, first, last, cause);
        for (uint64_t n = first; n <= last; n++)
            causes[n] = (int)cause;
        if (i % 7 == 0)
            commit(f, STORE_TENANT, 0);
    }
    size_t len = 0;
    for (int n = 1, first = 1; n <= TICKS; n++) {
        if (causes[n] == causes[n + 1])
            continue;
        if (causes[n] >= 0)
            len += (size_t)snprintf(want + len, sizeof want - len, "%s%d-%d %s", len ? ", " : "", first, n,
                                    drop_cause_name((enum drop_cause)causes[n]));
        first = n + 1;
    }
    assert_string_equal(rows(f), want);
}

static void a_run_has_so_many_rows_and_no_more(void **state)
{
    struct fixture *f = *state;
    for (uint64_t n = 0; n < 2 * DROPPED_ROWS_MAX; n++)
        declare(f, 1 + 4 * n, 1 + 4 * n, DROP_OVERFLOW);
    int64_t full = count(f);
    assert_in_range(full, DROPPED_ROWS_MAX - 3, DROPPED_ROWS_MAX);
    assert_true(was_logged(f, "event=declarations_passed_over file=tenant-0.db"));
    reopen_store(f); /* it is the file that says how many there are */
    declare(f, 1000000, 1000001, DROP_OVERFLOW);
    for (uint64_t n = 0; n < 100; n++)
        declare(f, 2 + 4 * n, 2 + 4 * n, n % 2 ? DROP_OVERFLOW : DROP_EXPIRED); /* each other one makes a row longer */
    assert_int_equal(count(f), full);
    declare(f, 1, 400, DROP_OVERFLOW);
    assert_true(count(f) < full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_touches_or_overlaps_is_one_row),
        STORE_TEST(causes_stay_apart_and_the_later_word_counts),
        STORE_TEST(any_order_leaves_each_tick_its_last_word),
        STORE_TEST(a_run_has_so_many_rows_and_no_more),
    };
    return cmocka_run_group_tests_name("collector.store.dropped", tests, NULL, NULL);
}
