/* What an export gives back, held against what was put in, wherever the ticks lie by then. */
#include "collector/store/pack/pack_fixture.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "collector/store/pack/pack.h"
#include "proto/codec/codec.h"

static struct world *world;

static int setup(void **state)
{
    int rc = fixture_setup(state);
    world = world_new(*state);
    struct tenant tenant = { .id = WORLD_TENANT, .name = "tenant" };
    assert_int_equal(store_put_tenant(world->f->store, &tenant), 0);
    assert_int_equal(commit(world->f, STORE_REGISTRY, 0), 0);
    return rc;
}

static int teardown(void **state)
{
    world_free(world);
    return fixture_teardown(state);
}

#define EXPORT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define NOW               world_now_us(world)

struct heard { /* an export, page by page */
    struct store_export query;
    bool done;
    int rc;
    uint64_t host; /* its ticks are expected, all of them between from and to */
    int64_t from_us, last_us;
    uint64_t pages, ticks, unreadable;
    size_t most_bytes;
    bool more;
    uint64_t behind[WORLD_RUNS];
};

/* The tick of that host and moment that was not seen yet. */
static struct world_tick *expected(struct heard *heard, int64_t at_us)
{
    for (uint64_t i = 0; i < WORLD_NUMBERS; i++) /* mostly the one behind its run's last */
        for (unsigned run = 0; run < WORLD_RUNS; run++) {
            uint64_t n = (heard->behind[run] + i) % WORLD_NUMBERS;
            struct world_tick *tick = world_tick(world, heard->host, (uint8_t)run, n);
            if (tick->put && tick->at_us == at_us && tick->seen == 0) {
                heard->behind[run] = n + 1;
                return tick;
            }
        }
    fail_msg("a tick of %lld was never put, or came twice", (long long)at_us);
    return NULL;
}

static const char *const names[WORLD_SERIES] = { "counter", "constant", "walk", "sparse", "real", "either", "large" };

static void compare(const struct batch *batch, const struct series_table *table, uint32_t at, struct world_tick *tick)
{
    for (uint32_t c = 0; c < table->n; c++) {
        int series = 0;
        while (strcmp(names[series], table->at[c].metric) != 0)
            series++;
        double value = batch_value(batch, table, c, at);
        if (value != tick->values[series] && !(isnan(value) && isnan(tick->values[series])))
            fail_msg("%s: %.17g is to be %.17g", names[series], value, tick->values[series]);
    }
    tick->seen++;
}

static void take_batch(struct heard *heard, const struct store_export_page *page, size_t i)
{
    struct arena arena;
    struct series_table table;
    struct batch batch;
    arena_init(&arena, 2 * CODEC_ARENA_BYTES);
    const struct bytes *bytes = &page->tables[page->batches[i].table];
    assert_int_equal(codec_decode_table(bytes->at, bytes->len, &arena, &table, NULL), 0);
    bytes = &page->batches[i].bytes;
    assert_int_equal(codec_decode_batch(bytes->at, bytes->len, &arena, &batch, NULL), 0);
    assert_int_equal(batch.n_columns, table.n);
    for (uint32_t t = 0; t < batch.n_ticks; t++) {
        assert_true(batch.wall_us[t] >= heard->last_us);
        heard->last_us = batch.wall_us[t];
        compare(&batch, &table, t, expected(heard, batch.wall_us[t]));
        heard->ticks++;
    }
    arena_done(&arena);
}

static void on_page(void *user, const struct store_export_page *page, const struct err *err)
{
    struct heard *heard = user;
    heard->done = true;
    heard->rc = err ? err->code : 0;
    heard->more = false;
    if (!page)
        return;
    size_t bytes = 0;
    heard->pages++;
    heard->unreadable += page->unreadable;
    for (size_t i = 0; i < page->n_tables; i++)
        bytes += page->tables[i].len;
    for (size_t i = 0; i < page->n_batches; i++) {
        bytes += page->batches[i].bytes.len;
        take_batch(heard, page, i);
    }
    heard->most_bytes = bytes > heard->most_bytes ? bytes : heard->most_bytes;
    heard->more = page->more;
    heard->query.from_us = page->next_us;
    heard->query.skip = page->skip;
}

static void export_some(struct heard *heard, uint64_t host, const char *metric, int64_t from_us, int64_t to_us)
{
    *heard = (struct heard){ .host = host, .from_us = from_us };
    heard->query = (struct store_export){ .tenant = WORLD_TENANT, .host = host, .from_us = from_us, .to_us = to_us };
    snprintf(heard->query.metric, sizeof heard->query.metric, "%s", metric);
    snprintf(heard->query.instance, sizeof heard->query.instance, "*");
    for (size_t i = 0; i < (size_t)WORLD_HOSTS * WORLD_RUNS * WORLD_NUMBERS; i++)
        world->ticks[i].seen = 0;
    do {
        heard->done = false;
        assert_int_equal(store_export(world->f->store, &heard->query, on_page, heard, &world->f->err), 0);
        run_until(world->f, &heard->done);
        assert_int_equal(heard->rc, 0);
    } while (heard->more);
}

static uint64_t ticks_of(uint64_t host, int64_t from_us, int64_t to_us)
{
    uint64_t n = 0;
    for (unsigned run = 0; run < WORLD_RUNS; run++)
        for (uint64_t i = 0; i < WORLD_NUMBERS; i++) {
            const struct world_tick *tick = world_tick(world, host, (uint8_t)run, i);
            n += tick->put && tick->at_us >= from_us && tick->at_us < to_us;
        }
    return n;
}

static void all_of(struct heard *heard, uint64_t host)
{
    export_some(heard, host, "*", 0, NOW + PACK_DAY_US);
    assert_int_equal(heard->ticks, ticks_of(host, 0, INT64_MAX));
    assert_int_equal(heard->unreadable, 0);
}

static void ticks_come_in_order_whichever_stage_they_are_in(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 4000, 50, NOW - 30 * PACK_HOUR_US, US_PER_S, 0); /* to be for good */
    world_put(world, 1, 2, 1, 900, 60, NOW - 900 * US_PER_S, US_PER_S, 1);
    world_put(world, 2, 1, 1, 100, 60, NOW - 900 * US_PER_S, US_PER_S, 1);
    all_of(&heard, 1);
    world_pack(world);
    world_put(world, 1, 2, 901, 30, 1, NOW, US_PER_S, 1);
    all_of(&heard, 1);
    assert_true(heard.pages > 1);
    assert_true(heard.most_bytes <= STORE_EXPORT_PAGE_BYTES);
    all_of(&heard, 2);
    export_some(&heard, 3, "*", 0, NOW);
    assert_int_equal(heard.ticks, 0);
}

static void late_ticks_and_runs_beside_each_other_are_merged(void **state)
{
    struct heard heard;
    (void)state;
    int64_t at_us = NOW - 3000 * US_PER_S;
    world_put(world, 1, 1, 1, 1000, 60, at_us, 2 * US_PER_S, 0);
    world_put(world, 1, 2, 1, 700, 60, at_us + US_PER_S, 2 * US_PER_S, 1); /* between the others' */
    world_pack(world);
    world_put(world, 1, 1, 1001, 70, 10, at_us + US_PER_S / 2, US_PER_S, 0); /* late */
    all_of(&heard, 1);
    world_pack(world);
    all_of(&heard, 1);
}

static void ticks_of_the_very_same_moment_all_come_once(void **state)
{
    struct heard heard;
    (void)state;
    int64_t at_us = NOW - 20000 * US_PER_S;
    world_put(world, 1, 1, 1, 5000, 500, at_us, US_PER_S, 0);
    world_put(world, 1, 2, 1, 5000, 500, at_us, US_PER_S, 1); /* pages end between two of a moment */
    all_of(&heard, 1);
    assert_true(heard.pages > 1);
}

static void a_range_is_cut_at_its_ends(void **state)
{
    struct heard heard;
    (void)state;
    int64_t at_us = NOW - PACK_DAY_US;
    world_put(world, 1, 1, 1, 2000, 100, at_us, US_PER_S, 0);
    world_pack(world);
    export_some(&heard, 1, "*", at_us + 7 * US_PER_S, at_us + 1500 * US_PER_S);
    assert_int_equal(heard.ticks, 1493);
    assert_int_equal(heard.last_us, at_us + 1499 * US_PER_S);
}

static void series_are_chosen_by_globs(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 200, 50, NOW - 400 * US_PER_S, US_PER_S, 0);
    world_put(world, 1, 1, 201, 100, 50, NOW - 200 * US_PER_S, US_PER_S, 1);
    world_pack(world);
    export_some(&heard, 1, "c*", 0, NOW);
    assert_int_equal(heard.ticks, 300);
    export_some(&heard, 1, "large", 0, NOW); /* the first table has none */
    assert_int_equal(heard.ticks, 100);
    export_some(&heard, 1, "nothing", 0, NOW);
    assert_int_equal(heard.ticks, 0);
}

struct listed {
    bool done;
    size_t n;
    char text[512];
};

static void on_series(void *user, const struct store_export_series *series, const struct err *err)
{
    struct listed *listed = user;
    assert_null(err);
    listed->done = true;
    listed->n = series->n;
    for (size_t i = 0; i < series->n; i++)
        snprintf(listed->text + strlen(listed->text), sizeof listed->text - strlen(listed->text), "%s ",
                 series->at[i].metric);
}

static void the_series_of_a_range_are_listed_once_each(void **state)
{
    struct listed listed = { .n = 0 };
    struct store_export query = { WORLD_TENANT, 1, "*", "*", 0, NOW, 0, NULL };
    (void)state;
    world_put(world, 1, 1, 1, 100, 50, NOW - PACK_DAY_US, US_PER_S, 0);
    world_put(world, 1, 2, 1, 100, 50, NOW - 100 * US_PER_S, US_PER_S, 1);
    world_pack(world);
    assert_int_equal(store_export_series(world->f->store, &query, on_series, &listed, &world->f->err), 0);
    run_until(world->f, &listed.done);
    assert_string_equal(listed.text, "constant counter either large real sparse walk ");
    listed = (struct listed){ .n = 0 };
    query.to_us = NOW - PACK_HOUR_US;
    assert_int_equal(store_export_series(world->f->store, &query, on_series, &listed, &world->f->err), 0);
    run_until(world->f, &listed.done);
    assert_int_equal(listed.n, 6);
}

static void a_damaged_block_is_passed_over_and_counted(void **state)
{
    struct heard heard;
    (void)state;
    world_put(world, 1, 1, 1, 120, 60, NOW - 2 * PACK_HOUR_US, US_PER_S, 0);
    world_pack(world);
    world_put(world, 1, 1, 121, 60, 60, NOW - 60 * US_PER_S, US_PER_S, 0);
    world_sql(world, "UPDATE block SET bytes = CAST('damage' AS BLOB) WHERE id = (SELECT min(id) FROM block)");
    export_some(&heard, 1, "*", 0, NOW + US_PER_S);
    assert_true(heard.unreadable >= 1);
    assert_true(heard.ticks >= 60 && heard.ticks < 180);
}

static void a_range_that_is_none_is_refused(void **state)
{
    struct heard heard = { .query = { WORLD_TENANT, 1, "*", "*", 10, 10, 0, NULL } };
    (void)state;
    assert_int_equal(store_export(world->f->store, &heard.query, on_page, &heard, &world->f->err), -EINVAL);
    assert_false(heard.done);
}

static void a_tenant_without_a_file_has_nothing(void **state)
{
    struct heard heard = { .query = { 77, 1, "*", "*", 0, NOW, 0, NULL } };
    (void)state;
    assert_int_equal(store_export(world->f->store, &heard.query, on_page, &heard, &world->f->err), 0);
    run_until(world->f, &heard.done);
    assert_int_equal(heard.rc, 0);
    assert_int_equal(heard.ticks, 0);
}

/* ---- off the loop ---- */

struct studied {
    struct heard heard; /* the first member: on_page() takes the same */
    pthread_t loop;
    uint64_t batches, at_batch;
    bool on_the_loop;
};

static int study(void *user, const struct store_export_page *page, struct err *err)
{
    struct studied *studied = user;
    assert_false(studied->heard.done); /* the page has not gone to fn yet */
    studied->on_the_loop = studied->on_the_loop || pthread_equal(pthread_self(), studied->loop);
    studied->batches += page->n_batches;
    return studied->batches >= studied->at_batch ? err_set(err, -EPROTO, "enough") : 0;
}

static void a_page_is_studied_off_the_loop_before_it_goes_on(void **state)
{
    struct studied studied = { .loop = pthread_self(), .at_batch = UINT64_MAX };
    (void)state;
    world_put(world, 1, 1, 1, 100, 50, NOW - 1000 * US_PER_S, US_PER_S, 0);
    studied.heard = (struct heard){ .host = 1, .query = { WORLD_TENANT, 1, "*", "*", 0, NOW, 0, study } };
    assert_int_equal(store_export(world->f->store, &studied.heard.query, on_page, &studied, &world->f->err), 0);
    run_until(world->f, &studied.heard.done);
    assert_int_equal(studied.heard.ticks, 100);
    assert_true(studied.batches > 0);
    assert_false(studied.on_the_loop);
}

static void what_fails_over_a_page_is_told_in_its_place(void **state)
{
    struct studied studied = { .loop = pthread_self(), .at_batch = 1 };
    (void)state;
    world_put(world, 1, 1, 1, 100, 50, NOW - 1000 * US_PER_S, US_PER_S, 0);
    studied.heard = (struct heard){ .host = 1, .query = { WORLD_TENANT, 1, "*", "*", 0, NOW, 0, study } };
    assert_int_equal(store_export(world->f->store, &studied.heard.query, on_page, &studied, &world->f->err), 0);
    run_until(world->f, &studied.heard.done);
    assert_int_equal(studied.heard.rc, -EPROTO);
    assert_int_equal(studied.heard.ticks, 0);
}

/* ---- where an import goes on ---- */

struct found {
    bool done;
    struct store_run run;
};

static void on_run(void *user, const struct store_run *run, const struct err *err)
{
    struct found *found = user;
    assert_null(err);
    found->done = true;
    found->run = *run;
}

static struct store_run find_run(uint8_t n)
{
    struct found found = { .done = false };
    struct run_id run = run_of(n);
    assert_int_equal(store_find_run(world->f->store, WORLD_TENANT, 1, &run, on_run, &found, &world->f->err), 0);
    run_until(world->f, &found.done);
    return found.run;
}

static void what_is_stored_of_a_run_from_its_first_tick_on_is_known(void **state)
{
    (void)state;
    assert_int_equal(find_run(1).last, 0);
    world_put(world, 1, 1, 1, 100, 50, NOW - 1000 * US_PER_S, US_PER_S, 0);
    world_put(world, 1, 1, 111, 10, 10, NOW - 500 * US_PER_S, US_PER_S, 0);
    world_put(world, 1, 2, 5, 10, 10, NOW - 500 * US_PER_S, US_PER_S, 0); /* not from its first */
    assert_int_equal(find_run(1).last, 100);
    assert_int_equal(find_run(1).last_us, NOW - 901 * US_PER_S);
    assert_int_equal(find_run(2).last, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXPORT_TEST(ticks_come_in_order_whichever_stage_they_are_in),
        EXPORT_TEST(late_ticks_and_runs_beside_each_other_are_merged),
        EXPORT_TEST(ticks_of_the_very_same_moment_all_come_once),
        EXPORT_TEST(a_range_is_cut_at_its_ends),
        EXPORT_TEST(series_are_chosen_by_globs),
        EXPORT_TEST(the_series_of_a_range_are_listed_once_each),
        EXPORT_TEST(a_damaged_block_is_passed_over_and_counted),
        EXPORT_TEST(a_range_that_is_none_is_refused),
        EXPORT_TEST(a_tenant_without_a_file_has_nothing),
        EXPORT_TEST(a_page_is_studied_off_the_loop_before_it_goes_on),
        EXPORT_TEST(what_fails_over_a_page_is_told_in_its_place),
        EXPORT_TEST(what_is_stored_of_a_run_from_its_first_tick_on_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
