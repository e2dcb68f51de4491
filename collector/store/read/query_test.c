#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/store_fixture.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/schema.h"
#include "proto/codec/codec.h"

/* A deep copy of an answer: what the callback gets is borrowed. */
struct answer_copy {
    bool done;
    int rc;
    size_t n;
    bool truncated;
    struct {
        char instance[INSTANCE_MAX + 1];
        char unit[32];
        size_t n;
        struct store_point points[4096];
    } series[8]; /* the first of them */
};

static void on_result(void *user, const struct store_result *result, const struct err *err)
{
    struct answer_copy *copy = user;
    copy->done = true;
    copy->rc = err ? err->code : 0;
    copy->n = result ? result->n : 0;
    copy->truncated = result && result->truncated;
    for (size_t i = 0; i < copy->n && i < 8; i++) {
        snprintf(copy->series[i].instance, sizeof copy->series[i].instance, "%s", result->series[i].instance);
        snprintf(copy->series[i].unit, sizeof copy->series[i].unit, "%s", result->series[i].unit);
        copy->series[i].n = result->series[i].n;
        size_t kept = result->series[i].n < 4096 ? result->series[i].n : 4096;
        if (kept)
            memcpy(copy->series[i].points, result->series[i].points, kept * sizeof(struct store_point));
    }
}

static struct store_query ask_for(const char *metric, const char *instance, int64_t from_s, int64_t to_s, size_t points)
{
    struct store_query query = {
        .host = 5,
        .from_us = ANCHOR_US + from_s * US_PER_S,
        .to_us = ANCHOR_US + to_s * US_PER_S,
        .points = points,
    };
    snprintf(query.metric, sizeof query.metric, "%s", metric);
    snprintf(query.instance, sizeof query.instance, "%s", instance);
    return query;
}

static const struct answer_copy *answer(struct fixture *f, const struct store_query *query)
{
    static struct answer_copy copy;
    copy.done = false;
    if (store_query(f->store, query, on_result, &copy, &f->err) < 0)
        fail_msg("%s", f->err.text);
    assert_false(copy.done);
    run_until(f, &copy.done);
    return &copy;
}

static const struct answer_copy *ask(struct fixture *f, const char *metric, const char *instance, int64_t from_s,
                                     int64_t to_s, size_t points)
{
    struct store_query query = ask_for(metric, instance, from_s, to_s, points);
    return answer(f, &query);
}

static void few_samples_are_given_as_they_are(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 11, 10), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 10), 0); /* older, stored later */
    assert_int_equal(put_batch(f, 0, 6, 1, 1, 10), 0); /* another host */
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "cpu", "*", 5, 16, 100);
    assert_int_equal(got->rc, 0);
    assert_int_equal(got->n, 1);
    assert_string_equal(got->series[0].instance, "");
    assert_string_equal(got->series[0].unit, "1");
    assert_int_equal(got->series[0].n, 11); /* 5 is in, 16 is not */
    for (int64_t i = 0; i < 11; i++) {
        const struct store_point *point = &got->series[0].points[i];
        assert_int_equal(point->at_us, ANCHOR_US + (5 + i) * US_PER_S);
        assert_true(point->min == (double)(5 + i) && point->max == point->min && point->mean == point->min);
        assert_int_equal(point->count, 1);
    }
}

static void many_samples_are_averaged_into_even_steps(void **state)
{
    struct fixture *f = *state;
    for (uint64_t first = 1; first < 1000; first += 100)
        assert_int_equal(put_batch(f, 0, 5, 1, first, 100), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "disk.read", "vda", 0, 1000, 10);
    assert_int_equal(got->series[0].n, 10);
    for (int64_t i = 0; i < 10; i++) {
        const struct store_point *point = &got->series[0].points[i];
        int64_t first = i * 100 + (i == 0); /* there is no tick 0 */
        int64_t last = i * 100 + 99;
        assert_int_equal(point->at_us, ANCHOR_US + i * 100 * US_PER_S);
        assert_true(point->min == 2.0 * (double)first && point->max == 2.0 * (double)last);
        assert_true(point->mean == (double)(first + last));
        assert_int_equal(point->count, last - first + 1);
    }
}

static void exactly_as_many_samples_as_points_are_given_as_they_are(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 60), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(ask(f, "cpu", "", 1, 61, 60)->series[0].n, 60);
    const struct answer_copy *got = ask(f, "cpu", "", 1, 61, 59);
    assert_int_equal(got->series[0].points[0].count, 2); /* steps of 60/59 s */
    got = ask(f, "cpu", "", 1, 61, 1);
    assert_int_equal(got->series[0].n, 1);
    assert_int_equal(got->series[0].points[0].count, 60);
    assert_true(got->series[0].points[0].mean == 30.5);
}

static void absent_values_are_no_samples(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 20), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "disk.read", "vdb", 0, 100, 100);
    assert_int_equal(got->series[0].n, 5);
    assert_int_equal(got->series[0].points[0].at_us, ANCHOR_US + 4 * US_PER_S);
    assert_int_equal(ask(f, "disk.read", "vdb", 1, 4, 100)->n, 0); /* a series without a sample is none */
    got = ask(f, "disk.read", "vdb", 0, 20, 4);
    assert_int_equal(got->series[0].n, 4); /* steps of 5 s: 4, 8, 12, 16 */
    assert_int_equal(got->series[0].points[3].count, 1);
    assert_true(got->series[0].points[3].mean == 7);
}

static void the_instance_is_a_glob_and_series_come_by_instance(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 20), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "disk.read", "vd[a-z]", 0, 100, 100);
    assert_int_equal(got->n, 2);
    assert_string_equal(got->series[0].instance, "vda");
    assert_string_equal(got->series[1].instance, "vdb");
    assert_int_equal(ask(f, "disk.read", "*b", 0, 100, 100)->n, 1);
    assert_int_equal(ask(f, "disk.read", "sd*", 0, 100, 100)->n, 0);
    assert_int_equal(ask(f, "disk", "*", 0, 100, 100)->n, 0);
}

/* Another table, of `n` disks in GiBy/s, with one tick each. */
static void put_disks(struct fixture *f, uint64_t first, uint32_t n)
{
    static char names[SERIES_MAX][16];
    static struct series series[SERIES_MAX];
    static struct column columns[SERIES_MAX];
    static uint8_t bytes[MESSAGE_MAX];
    static uint8_t batch_bytes[BATCH_MAX];
    int64_t mono_us = (int64_t)first * US_PER_S;
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "disk%04u", i);
        series[i] = (struct series){ "disk.read", names[i], "GiBy/s", -3 };
        columns[i] = (struct column){ .fixed = &mono_us };
    }
    struct series_table table = { .n = n, .at = series };
    struct batch batch = { .run = run_of(1),
                           .first = first,
                           .n_ticks = 1,
                           .n_columns = n,
                           .mono_us = &mono_us,
                           .wall_us = &mono_us,
                           .columns = columns };
    memset(batch.table.bytes, (int)n, TABLE_HASH_BYTES);
    size_t len;
    size_t batch_len;
    assert_int_equal(codec_encode_table(&table, bytes, sizeof bytes, &len, NULL), 0);
    assert_int_equal(codec_encode_batch(&batch, batch_bytes, sizeof batch_bytes, &batch_len, NULL), 0);
    struct store_batch row = {
        .host = 5,
        .run = batch.run,
        .first = first,
        .n_ticks = 1,
        .anchor_us = ANCHOR_US,
        .first_us = ANCHOR_US + mono_us,
        .last_us = ANCHOR_US + mono_us,
        .table = batch.table,
        .table_bytes = { bytes, len },
        .batch_bytes = { batch_bytes, batch_len },
    };
    assert_int_equal(store_batch(f->store, &row, &f->err), 0);
}

static void a_series_goes_on_under_another_table(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 20), 0);
    put_disks(f, 21, 3);
    put_disks(f, 22, 5);
    assert_int_equal(put_batch(f, 0, 5, 1, 23, 1), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "disk.read", "disk*", 0, 100, 100);
    assert_int_equal(got->n, 5);
    assert_int_equal(got->series[0].n, 2);
    assert_int_equal(got->series[4].n, 1);
    assert_string_equal(got->series[0].unit, "GiBy/s");
    assert_true(got->series[0].points[0].mean == 21000.0); /* in thousandths */
    assert_int_equal(ask(f, "disk.read", "vda", 0, 100, 100)->series[0].n, 21);
}

static void more_series_than_allowed_are_cut_and_that_is_said(void **state)
{
    struct fixture *f = *state;
    put_disks(f, 1, STORE_SERIES_MAX + 1);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "disk.read", "*", 0, 100, 10);
    assert_int_equal(got->n, STORE_SERIES_MAX);
    assert_true(got->truncated);
    got = ask(f, "disk.read", "*", 0, 100, 10000); /* fewer fit, the answer's size is bounded */
    assert_true(got->n > 100 && got->n < STORE_SERIES_MAX && got->truncated);
    got = ask(f, "disk.read", "disk00*", 0, 100, 10);
    assert_int_equal(got->n, 100);
    assert_false(got->truncated);
}

static void long_batches_are_found_by_any_part_of_them(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 3600), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 3601, 1), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 3603, 2), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(ask(f, "cpu", "", 1, 4000, 4000)->series[0].n, 3603);
    assert_int_equal(ask(f, "cpu", "", 1800, 1801, 10)->series[0].n, 1);
    assert_int_equal(ask(f, "cpu", "", 3599, 3603, 10)->series[0].n, 3);
    assert_int_equal(ask(f, "cpu", "", 3604, 4000, 10)->series[0].n, 1);
}

static void each_sample_is_counted_once_whatever_the_gaps(void **state)
{
    struct fixture *f = *state;
    for (uint64_t tick = 1; tick <= 101; tick += 2) /* 51 intervals */
        assert_int_equal(put_batch(f, 0, 5, 1, tick, 1), 0);
    assert_int_equal(put_batch(f, 0, 5, 2, 1, 100), 0); /* another run at the same time */
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(ask(f, "cpu", "", 0, 200, 4000)->series[0].n, 151);
}

static void ticks_that_lie_years_apart_are_found_without_a_look_at_each_second_between(void **state)
{
    struct fixture *f = *state;
    enum { YEARS_S = 100 * 365 * 86400LL };
    struct packed packed;
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 10), 0);
    pack(&packed, 0, 5, 1, 11, 10, ANCHOR_US + YEARS_S * US_PER_S); /* the next ticks of the run: one interval */
    assert_int_equal(store_batch(f->store, &packed.row, &f->err), 0);
    assert_int_equal(put_batch(f, 0, 6, 1, 500, 10), 0); /* another host's */
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    const struct answer_copy *got = ask(f, "cpu", "", 0, YEARS_S + 1000, 100);
    assert_int_equal(got->rc, 0);
    assert_int_equal(got->series[0].n, 20);
    assert_int_equal(got->series[0].points[19].at_us, ANCHOR_US + (YEARS_S + 20) * US_PER_S);
    assert_int_equal(ask(f, "cpu", "", 100, YEARS_S, 100)->n, 0);
}

static void what_was_never_stored_is_empty_and_no_error(void **state)
{
    struct fixture *f = *state;
    struct store_query query = ask_for("cpu", "*", 0, 100, 10);
    query.tenant = 77;
    assert_int_equal(answer(f, &query)->rc, 0);
    assert_int_equal(answer(f, &query)->n, 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 20), 0);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    assert_int_equal(ask(f, "cpu", "*", 21, 100, 10)->n, 0);
    query = ask_for("cpu", "*", 0, 100, 10);
    query.to_us = INT64_MAX;
    query.from_us = 0;
    assert_int_equal(answer(f, &query)->series[0].n, 1); /* one step holds them all */
}

static void impossible_questions_are_refused(void **state)
{
    struct fixture *f = *state;
    struct store_query query = ask_for("cpu", "*", 0, 100, 0);
    assert_int_equal(store_query(f->store, &query, on_result, NULL, &f->err), -EINVAL);
    query.points = STORE_POINTS_MAX + 1;
    assert_int_equal(store_query(f->store, &query, on_result, NULL, &f->err), -EINVAL);
    query = ask_for("cpu", "*", 100, 100, 10);
    assert_int_equal(store_query(f->store, &query, on_result, NULL, &f->err), -EINVAL);
}

static void too_many_reads_at_a_time_are_refused(void **state)
{
    struct fixture *f = *state;
    static struct answer_copy copy;
    struct store_query query = ask_for("cpu", "*", 0, 100, 10);
    int rc;
    int taken = 0;
    while ((rc = store_query(f->store, &query, on_result, &copy, &f->err)) == 0)
        taken++;
    assert_int_equal(rc, -EAGAIN);
    assert_int_equal(taken, 256);
    close_store(f); /* answers them all */
    assert_true(copy.done);
    open_store(f);
}

static void run_sql(struct fixture *f, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_in(f, "tenant-0.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_damaged_row_does_not_hide_the_others(void **state)
{
    struct fixture *f = *state;
    for (uint64_t first = 1; first <= 41; first += 10)
        assert_int_equal(put_batch(f, 0, 5, 1, first, 10), 0);
    put_disks(f, 51, 3);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    run_sql(f, "UPDATE batch SET bytes = x'ff00ff' WHERE first = 11; UPDATE batch SET bytes = x'' WHERE first = 21;"
               "UPDATE batch SET series_table = 99 WHERE first = 31;"
               "UPDATE series_table SET bytes = x'ff' WHERE id = 2;");
    assert_int_equal(ask(f, "cpu", "*", 0, 100, 100)->series[0].n, 20);
    assert_true(was_logged(f, "event=store_rows_unreadable tenant=0 rows=4"));
}

/* ---- replay ---- */

struct replayed {
    size_t batches;
    size_t ticks;
    int64_t last_us;
    bool in_order;
    uint64_t first_n;
};

static void on_replay(void *user, uint64_t host, const struct series_table *table, const struct batch *batch,
                      const int64_t *at_us)
{
    struct replayed *replayed = user;
    if (replayed->batches++ == 0)
        replayed->first_n = batch->first;
    replayed->ticks += batch->n_ticks;
    replayed->in_order &= at_us[0] >= replayed->last_us && (host == 5 || host == 6) && table->n == 3;
    replayed->in_order &= batch_value(batch, table, 0, 0) == (double)batch->first;
    replayed->last_us = at_us[0];
}

static void stored_ticks_are_replayed_oldest_first_from_an_instant_on(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_batch(f, 0, 5, 1, 101, 50), 0);
    assert_int_equal(put_batch(f, 0, 6, 1, 1, 120), 0);
    assert_int_equal(put_batch(f, 0, 5, 1, 1, 100), 0);
    assert_int_equal(put_batch(f, 0, 5, 2, 60, 1), 0);
    close_store(f);
    open_store(f);
    struct replayed all = { .in_order = true };
    assert_int_equal(store_replay(f->store, 0, 0, on_replay, &all, &f->err), 0);
    assert_int_equal(all.batches, 4);
    assert_int_equal(all.ticks, 271);
    assert_true(all.in_order);
    struct replayed some = { .in_order = true };
    assert_int_equal(store_replay(f->store, 0, ANCHOR_US + 91 * US_PER_S, on_replay, &some, &f->err), 0);
    assert_int_equal(some.ticks, 10 + 50 + 30); /* batches that began before are cut */
    assert_int_equal(some.first_n, 91);
    struct replayed none = { .in_order = true };
    assert_int_equal(store_replay(f->store, 0, ANCHOR_US + 151 * US_PER_S, on_replay, &none, &f->err), 0);
    assert_int_equal(store_replay(f->store, 9, 0, on_replay, &none, &f->err), 0); /* a tenant without a file */
    assert_int_equal(none.batches, 0);
}

/* ---- incidents ---- */

struct incidents_copy {
    bool done;
    size_t n;
    uint64_t ids[16];
    size_t n_alerts;
    size_t n_pages;
    bool found;
};

static void on_incidents(void *user, const struct store_incidents *result, const struct err *err)
{
    struct incidents_copy *copy = user;
    copy->done = true;
    copy->n = err ? 0 : result->n;
    for (size_t i = 0; i < copy->n && i < 16; i++)
        copy->ids[i] = result->at[i].id;
}

static void on_incident(void *user, const struct store_incident_detail *result, const struct err *err)
{
    struct incidents_copy *copy = user;
    copy->done = true;
    copy->found = !err && result->incident;
    copy->n_alerts = err ? 0 : result->n_alerts;
    copy->n_pages = err ? 0 : result->n_pages;
}

static void put_incidents(struct fixture *f, uint64_t n)
{
    for (uint64_t id = 1; id <= n; id++) {
        struct incident incident = incident_of(id, 0);
        if (id % 2)
            incident.state = INCIDENT_RESOLVED;
        assert_int_equal(store_put_incident(f->store, &incident), 0);
    }
}

static void incidents_are_listed_newest_first_page_by_page(void **state)
{
    struct fixture *f = *state;
    put_incidents(f, 12);
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct incidents_copy first = { 0 };
    assert_int_equal(store_list_incidents(f->store, 0, 0, 5, on_incidents, &first, &f->err), 0);
    run_until(f, &first.done);
    assert_int_equal(first.n, 5);
    assert_int_equal(first.ids[0], 12);
    assert_int_equal(first.ids[4], 8);
    struct incidents_copy rest = { 0 };
    assert_int_equal(store_list_incidents(f->store, 0, 8, 100, on_incidents, &rest, &f->err), 0);
    run_until(f, &rest.done);
    assert_int_equal(rest.n, 7);
    assert_int_equal(rest.ids[0], 7);
}

static void an_incident_is_shown_with_its_alerts_and_pages(void **state)
{
    struct fixture *f = *state;
    put_incidents(f, 3);
    for (unsigned i = 0; i < 9; i++) {
        struct incident_alert member = { .incident = 2, .host_name = "web-1", .summary = "CPU", .alert = alert_of(i) };
        struct page page = page_of(i + 1, i < 4 ? 2 : 3, 0);
        assert_int_equal(store_put_incident_alert(f->store, 0, &member), 0);
        assert_int_equal(store_put_page(f->store, &page), 0);
    }
    assert_int_equal(commit(f, STORE_TENANT, 0), 0);
    struct incidents_copy copy = { 0 };
    assert_int_equal(store_show_incident(f->store, 0, 2, on_incident, &copy, &f->err), 0);
    run_until(f, &copy.done);
    assert_true(copy.found);
    assert_int_equal(copy.n_alerts, 9);
    assert_int_equal(copy.n_pages, 4);
    struct incidents_copy none = { 0 };
    assert_int_equal(store_show_incident(f->store, 0, 99, on_incident, &none, &f->err), 0);
    run_until(f, &none.done);
    assert_false(none.found);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        STORE_TEST(few_samples_are_given_as_they_are),
        STORE_TEST(many_samples_are_averaged_into_even_steps),
        STORE_TEST(exactly_as_many_samples_as_points_are_given_as_they_are),
        STORE_TEST(absent_values_are_no_samples),
        STORE_TEST(the_instance_is_a_glob_and_series_come_by_instance),
        STORE_TEST(a_series_goes_on_under_another_table),
        STORE_TEST(more_series_than_allowed_are_cut_and_that_is_said),
        STORE_TEST(long_batches_are_found_by_any_part_of_them),
        STORE_TEST(each_sample_is_counted_once_whatever_the_gaps),
        STORE_TEST(ticks_that_lie_years_apart_are_found_without_a_look_at_each_second_between),
        STORE_TEST(what_was_never_stored_is_empty_and_no_error),
        STORE_TEST(impossible_questions_are_refused),
        STORE_TEST(too_many_reads_at_a_time_are_refused),
        STORE_TEST(a_damaged_row_does_not_hide_the_others),
        STORE_TEST(stored_ticks_are_replayed_oldest_first_from_an_instant_on),
        STORE_TEST(incidents_are_listed_newest_first_page_by_page),
        STORE_TEST(an_incident_is_shown_with_its_alerts_and_pages),
    };
    return cmocka_run_group_tests_name("collector.store.query", tests, NULL, NULL);
}
