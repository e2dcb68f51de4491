/* Ticks on their way through the stages, each held against what was put in. */
#include "collector/store/pack/pack_fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"
#include "collector/store/pack/pack.h"

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

#define PACK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#define NOW             world_now_us(world)

/* 2026-11-23T02:13:20Z, the fixture's beginning, brought to a full hour of its day. */
static void go_to_hour(int64_t hour)
{
    int64_t at_us = NOW / PACK_DAY_US * PACK_DAY_US + hour * PACK_HOUR_US;
    world_pass(world, at_us - NOW);
}

static void a_run_is_sealed_at_sixty_ticks_or_ten_minutes(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 59, 1, NOW - 59 * US_PER_S, US_PER_S, 0);
    world_put(world, 2, 1, 1, 60, 7, NOW - 60 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.inbox, 59);
    assert_int_equal(counts.sealed, 60);
    assert_int_equal(counts.blocks, 1);
    assert_int_equal(counts.minutes, 0);
    world_put(world, 1, 1, 60, 1, 1, NOW, US_PER_S, 0);
    world_put(world, 3, 1, 1, 2, 1, NOW, US_PER_S, 0);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.inbox, 2);
    assert_int_equal(counts.blocks, 2);
    world_pass(world, PACK_SEAL_AGE_US - 1);
    world_pack(world);
    assert_int_equal(world_check(world).inbox, 2);
    world_pass(world, US_PER_S);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.inbox, 0);
    assert_int_equal(counts.sealed, 122);
}

static void sealed_ticks_are_rewritten_at_six_hundred_or_two_hours(void **state)
{
    (void)state;
    go_to_hour(6);
    world_put(world, 1, 1, 1, 599, 1, NOW - 599 * US_PER_S, US_PER_S, 0);
    world_put(world, 2, 1, 1, 100, 100, NOW, US_PER_S, 0);
    for (int i = 0; i < 10; i++) {
        world_pack(world);
        world_pass(world, US_PER_S);
    }
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.sealed, 699);
    assert_int_equal(counts.rewritten, 0);
    world_put(world, 1, 1, 600, 60, 1, NOW, US_PER_S, 0);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.sealed, 100);
    assert_int_equal(counts.rewritten, 659);
    assert_int_equal(counts.blocks, 2);
    assert_true(counts.minutes > 0);
    world_pass(world, PACK_STEP_AGE_US + US_PER_S);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.rewritten, 759);
    assert_int_equal(counts.good, 0);
}

static void an_old_hour_is_rewritten_for_good_and_a_day_becomes_one_row_of_each_rollup(void **state)
{
    (void)state;
    go_to_hour(20);
    int64_t start_us = NOW;
    for (int i = 0; i < 30; i++) { /* 5 hours, over midnight */
        world_put(world, 1, 1, 1 + 600 * (uint64_t)i, 600, 60, NOW, US_PER_S, 0);
        world_pass(world, 600 * US_PER_S);
        world_pack(world);
    }
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.inbox, 0);
    assert_true(counts.good >= 7200 && counts.rewritten > 0);
    assert_true(counts.minute_parts > 1);
    world_pass(world, start_us + 6 * PACK_HOUR_US - NOW);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.good, 4 * 3600);
    assert_int_equal(world_number(world, "SELECT count(*) FROM minute WHERE whole = 1"), 1);
    assert_int_equal(world_number(world, "SELECT n FROM minute WHERE whole = 1"), 240);
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch WHERE whole = 1"), 1);
    world_pass(world, PACK_DAY_US + PACK_HOUR_US);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.good, 18000);
    assert_int_equal(counts.blocks, 5);
    assert_int_equal(counts.minutes, 2);
    assert_int_equal(counts.minute_parts + counts.sketch_parts, 0);
}

static void late_ticks_join_what_they_overlap(void **state)
{
    (void)state;
    go_to_hour(4);
    int64_t from_us = NOW;
    world_put(world, 1, 1, 1, 1000, 100, from_us, US_PER_S, 0);
    world_put(world, 1, 1, 1301, 700, 100, from_us + 1300 * US_PER_S, US_PER_S, 0);
    world_pass(world, PACK_HOUR_US);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.rewritten, 1700);
    assert_int_equal(counts.blocks, 1);
    world_put(world, 1, 1, 1001, 300, 50, from_us + 1000 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 300);
    world_pass(world, PACK_STEP_AGE_US);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.rewritten, 2000);
    assert_int_equal(counts.blocks, 1);
    world_pass(world, 3 * PACK_DAY_US);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.good, 2000);
    assert_int_equal(counts.minutes, 1);
    world_put(world, 1, 1, 2001, 5, 1, from_us + 500 * US_PER_S + 1, US_PER_S, 0); /* of a day that is done with */
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.good, 2005);
    assert_int_equal(counts.blocks, 1);
    assert_int_equal(counts.minutes, 1);
    assert_int_equal(counts.minute_parts + counts.sketch_parts, 0);
}

static void two_runs_at_the_same_time_are_both_kept(void **state)
{
    (void)state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 700, 60, NOW, US_PER_S, 0);
    world_put(world, 1, 2, 1, 700, 60, NOW + 100 * US_PER_S, US_PER_S, 0);
    world_pass(world, PACK_HOUR_US);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.rewritten, 1400);
    assert_int_equal(counts.blocks, 1);
}

static void a_new_series_table_begins_a_block_of_its_own(void **state)
{
    (void)state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 700, 60, NOW, US_PER_S, 0);
    world_put(world, 1, 1, 701, 700, 60, NOW + 700 * US_PER_S, US_PER_S, 1);
    world_put(world, 1, 1, 1401, 10, 5, NOW + 1400 * US_PER_S, US_PER_S, 0);
    world_pass(world, 2 * PACK_DAY_US);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.good, 1410);
    assert_int_equal(counts.blocks, 2); /* the ten joined the others of their table */
    assert_int_equal(counts.minutes, 2);
    assert_int_equal(counts.sketches, 2);
}

static void no_block_reaches_over_midnight(void **state)
{
    (void)state;
    go_to_hour(24);
    world_put(world, 1, 1, 1, 120, 120, NOW - 60 * US_PER_S, US_PER_S, 0); /* one batch over it */
    world_pass(world, PACK_HOUR_US);
    world_pack(world);
    struct world_counts counts = world_check(world); /* looks at each */
    assert_int_equal(counts.sealed, 120);
    assert_int_equal(counts.blocks, 2);
}

/* Under one table and the other by turns, so that each is a row of its own. */
static void put_at_one_instant(uint64_t first, uint32_t n, int64_t at_us)
{
    for (uint32_t i = 0; i < n; i++)
        world_put(world, 1, 1, first + i, 1, 1, at_us, US_PER_S, i % 2);
}

static void more_rows_than_a_second_has_ids_find_room_in_their_day(void **state)
{
    (void)state;
    go_to_hour(24);
    put_at_one_instant(1, 300, NOW);
    put_at_one_instant(301, 300, NOW + PACK_DAY_US - US_PER_S);
    world_pass(world, PACK_DAY_US + PACK_HOUR_US);
    world_pack(world);
    struct world_counts counts = world_check(world); /* looks at each id */
    assert_int_equal(counts.inbox, 0);
    world_pass(world, PACK_DAY_US);
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.good, 600);
    assert_int_equal(counts.minute_parts, 0);
}

static void ticks_a_minute_apart_are_a_tier_of_their_own(void **state)
{
    (void)state;
    go_to_hour(0);
    world_put(world, 1, 1, 1, 1440, 60, NOW, PACK_MINUTE_US, 0);
    world_put(world, 2, 1, 1, 8640, 60, NOW, 10 * US_PER_S, 0);
    world_pass(world, 2 * PACK_DAY_US);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.good, 1440 + 8640);
    assert_int_equal(counts.minutes, 1);
    assert_int_equal(counts.sketches, 2);
    world_pass(world, 30 * PACK_DAY_US);
    for (uint64_t n = 1; n <= 8640; n++)
        world_tick(world, 2, 1, n)->gone = true;
    world_pack(world);
    counts = world_check(world);
    assert_int_equal(counts.good, 1440);
    assert_int_equal(counts.minutes, 1);
}

static void fine_ticks_before_coarse_ones_for_good_are_merged_without_them(void **state)
{
    (void)state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 700, 60, NOW, US_PER_S, 0);
    world_pack(world);
    world_put(world, 1, 1, 701, 10, 10, NOW + PACK_HOUR_US, PACK_MINUTE_US, 0);
    world_pass(world, 4 * PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_check(world).rewritten, 710);
    world_sql(world, "UPDATE block SET level = 2 WHERE coarse = 1");
    assert_int_equal(world_check(world).good, 10);
    world_pass(world, PACK_DAY_US);
    world_pack(world); /* ends */
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.good, 710);
    assert_int_equal(counts.blocks, 2);
}

static void each_tier_is_kept_as_long_as_it_should_be(void **state)
{
    struct fixture *f = *state;
    go_to_hour(12);
    struct store_retention retention = { 2 * PACK_DAY_US, 5 * PACK_DAY_US, 9 * PACK_DAY_US };
    store_retain(f->store, &retention);
    world_put(world, 1, 1, 1, 600, 60, NOW - 700 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    world_pass(world, retention.samples_us - PACK_HOUR_US);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.good, 600);
    world_pass(world, 2 * PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM block"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM minute"), 1);
    assert_int_equal(world_number(world, "SELECT count(*) FROM interval"), 1);
    world_pass(world, 3 * PACK_DAY_US + PACK_HOUR_US);
    world_pack(world);
    world_pass(world, 2 * PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM minute"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM interval"), 1); /* or it would be counted twice */
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch"), 1);
    world_pass(world, 4 * PACK_DAY_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch"), 0);
    world_pass(world, PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM interval"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM run"), 0);
    assert_int_equal(world_number(world, "SELECT count(*) FROM host"), 1);
    for (uint64_t n = 1; n <= 600; n++)
        world_tick(world, 1, 1, n)->put = false;
    world_put(world, 1, 1, 601, 60, 60, NOW - 700 * US_PER_S, US_PER_S, 0); /* the run goes on, from nothing */
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 60);
}

static void ticks_that_come_too_late_to_be_kept_are_in_the_rollups_all_the_same(void **state)
{
    (void)state;
    go_to_hour(12);
    world_put(world, 1, 1, 1, 60, 60, NOW - 60 * US_PER_S, US_PER_S, 0); /* a pass of what expires is due in an hour */
    world_pack(world);
    world_pass(world, PACK_HOUR_US);
    world_put(world, 2, 1, 1, 600, 60, NOW - 10 * PACK_DAY_US, US_PER_S, 0);
    world_put(world, 3, 1, 1, 600, 60, NOW - 10 * PACK_DAY_US, PACK_MINUTE_US, 0);
    world_pack(world);
    for (int i = 0; i < 3; i++) {
        world_pass(world, PACK_HOUR_US);
        world_pack(world);
    }
    for (uint64_t n = 1; n <= 600; n++)
        world_tick(world, 2, 1, n)->gone = world_tick(world, 2, 1, n)->rolled = true;
    struct world_counts counts = world_check(world); /* the rollups hold what is gone, too */
    assert_int_equal(counts.rewritten + counts.good, 60 + 600);
    assert_int_equal(world_number(world, "SELECT count(*) FROM sketch WHERE id >> 39 = 2"), 1);
}

static void lists_longer_than_a_turn_are_gone_through_to_their_end(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 60, 60, NOW - 60 * US_PER_S, US_PER_S, 0);
    world_sql(world, "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2100000)"
                     " INSERT INTO clock_step (run, at_us, step_us) SELECT 1, 4000000000000000, 1 FROM n;"
                     "INSERT INTO clock_step (run, at_us, step_us) VALUES (1, 1, 1)");
    world_pass(world, PACK_DAY_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM clock_step"), 2100000);
}

static void a_host_with_many_young_tables_is_done_with(void **state)
{
    struct fixture *f = *state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 60, 60, NOW, US_PER_S, 0);
    world_pack(world);
    world_sql(world, "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 50) INSERT INTO block"
                     " SELECT id + i, first_us, last_us, n, level, coarse, 100 + i, bytes FROM block, n");
    world_put(world, 1, 1, 61, 60, 60, NOW + 60 * US_PER_S, US_PER_S, 1);
    world_pack(world); /* ends, though none of them is due */
    assert_int_equal(world_number(world, "SELECT count(*) FROM block WHERE level = 0"), 52);
    world_pass(world, PACK_STEP_AGE_US + PACK_HOUR_US);
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM block WHERE level = 0"), 0);
    assert_int_equal(world_check(world).rewritten, 120);
    assert_true(was_logged(f, "event=store_rows_unreadable tenant=1 rows=50"));
}

static void a_damaged_row_of_the_inbox_is_set_aside_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 60, 1, NOW - 60 * US_PER_S, US_PER_S, 0);
    world_sql(world, "UPDATE batch SET bytes = zeroblob(length(bytes)) WHERE first = 30;"
                     "UPDATE batch SET first = 9 WHERE first = 31;");
    world_tick(world, 1, 1, 30)->gone = world_tick(world, 1, 1, 31)->gone = true;
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.sealed, 58);
    assert_int_equal(counts.aside, 2);
    assert_true(was_logged(f, "event=store_rows_unreadable tenant=1 rows=2"));
    world_pass(world, STORE_RETENTION.samples_us);
    for (uint64_t n = 1; n <= 60; n++)
        world_tick(world, 1, 1, n)->gone = true;
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM batch"), 0);
}

static void ticks_of_a_table_that_comes_late_wait_for_it(void **state)
{
    (void)state;
    world_put(world, 1, 1, 1, 60, 1, NOW - 60 * US_PER_S, US_PER_S, 0);
    reopen_store(world->f); /* or else the writer remembers the table */
    world_sql(world, "UPDATE series_table SET bytes = zeroblob(0)");
    for (uint64_t n = 1; n <= 60; n++)
        world_tick(world, 1, 1, n)->gone = true;
    world_pack(world);
    assert_int_equal(world_number(world, "SELECT count(*) FROM batch WHERE slot < 0"), 60);
    for (uint64_t n = 1; n <= 60; n++)
        world_tick(world, 1, 1, n)->gone = false;
    world_put(world, 1, 1, 61, 1, 1, NOW, US_PER_S, 0);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.sealed, 61);
    assert_int_equal(counts.aside, 0);
}

static void a_damaged_block_is_left_alone_and_the_others_go_on(void **state)
{
    struct fixture *f = *state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 60, 60, NOW, US_PER_S, 0);
    world_pack(world);
    world_sql(world, "UPDATE block SET bytes = substr(bytes, 1, length(bytes) - 9) || zeroblob(9)");
    world_put(world, 1, 1, 61, 600, 60, NOW + 60 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    assert_true(was_logged(f, "event=store_rows_unreadable tenant=1 rows=1"));
    assert_int_equal(world_number(world, "SELECT count(*) FROM block WHERE level = 1 AND n = 600"), 1);
    assert_int_equal(world_number(world, "SELECT count(*) FROM block WHERE level = 2 AND n = 60"), 1);
}

static void a_row_changed_behind_its_back_fails_the_packer_and_no_group(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 60, 1, NOW - 60 * US_PER_S, US_PER_S, 0);
    world_sql(world, "CREATE TRIGGER keep BEFORE DELETE ON batch WHEN old.first = 60 BEGIN SELECT RAISE(IGNORE); END");
    assert_true(world_try_pack(world) < 0);
    assert_true(was_logged(f, "event=store_pack_failed tenant=1"));
    assert_int_equal(store_counts(f->store).failed, 0);
    assert_int_equal(world_check(world).inbox, 60);
    world_sql(world, "DROP TRIGGER keep");
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 60);
}

static void fill_and_empty(int64_t mib)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE TABLE fill (bytes BLOB); WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n"
             " WHERE i < %d) INSERT INTO fill SELECT zeroblob(1 << 20) FROM n; DROP TABLE fill",
             (int)mib);
    world_sql(world, sql);
    assert_true(world_number(world, "PRAGMA freelist_count") > mib * 250);
}

static void a_unit_that_fails_by_itself_is_put_off_and_all_others_go_on(void **state)
{
    struct fixture *f = *state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 60, 60, NOW, US_PER_S, 0);
    world_pack(world);
    world_sql(world, "CREATE TABLE was AS SELECT bytes FROM block;"
                     "UPDATE block SET bytes = zeroblob(200 << 20)"); /* more than the packer takes into memory */
    world_put(world, 2, 1, 1, 60, 60, NOW, US_PER_S, 0);
    world_put(world, 3, 1, 1, 600, 60, NOW, US_PER_S, 0);
    world_pass(world, PACK_STEP_AGE_US + PACK_HOUR_US);
    world_pack(world);
    assert_true(was_logged(f, "event=store_pack_put_off tenant=1 units=1 error="));
    assert_int_equal(world_number(world, "SELECT sum(n) FROM block WHERE level = 1"), 660);
    assert_true(world_number(world, "SELECT count(*) FROM sketch") > 0);
    world_sql(world, "UPDATE block SET bytes = (SELECT bytes FROM was) WHERE level = 0; DROP TABLE was");
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 60); /* it is not tried all the time */
    world_pass(world, PACK_PUT_OFF_US);
    world_pack(world);
    assert_int_equal(world_check(world).rewritten, 720);
}

static void a_stage_that_fails_does_not_hold_up_the_others_for_good(void **state)
{
    (void)state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 60, 60, NOW, US_PER_S, 0);
    world_pack(world);
    world_pass(world, PACK_STEP_AGE_US + PACK_HOUR_US);
    world_put(world, 2, 1, 1, 60, 1, NOW, US_PER_S, 0);
    world_sql(world, "CREATE TRIGGER keep BEFORE DELETE ON batch BEGIN SELECT RAISE(IGNORE); END");
    assert_true(world_try_pack(world) < 0);
    assert_int_equal(world_check(world).sealed, 60);
    assert_true(world_try_pack(world) < 0);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.rewritten, 60);
    assert_int_equal(counts.inbox, 60);
}

static void ticks_that_come_while_rows_expire_are_not_overlooked(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 60, 60, NOW - PACK_HOUR_US, US_PER_S, 0);
    for (uint64_t i = 1; i <= 40; i++) {
        world_sql(world, "INSERT INTO clock_step (run, at_us, step_us) VALUES (1, 1, 1)");
        store_retain(f->store, &STORE_RETENTION); /* has it look for what expires */
        world_put(world, 1, 1, 1 + 60 * i, 60, 60, NOW - PACK_HOUR_US + (int64_t)i * PACK_MINUTE_US, US_PER_S, 0);
        world_pack(world);
        assert_int_equal(world_number(world, "SELECT count(*) FROM batch"), 0);
        if (i % 3 == 0)
            world_pack(world);
    }
    assert_int_equal(world_number(world, "SELECT count(*) FROM clock_step"), 0);
}

static void a_damaged_file_is_told_to_its_writer(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 600, 60, NOW, US_PER_S, 0);
    world_pack(world);
    int64_t page = world_number(world, "SELECT rootpage FROM sqlite_master WHERE name = 'block_young'");
    close_store(f);
    FILE *file = fopen(path_in(f, "tenant-1.db"), "r+be");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(page - 1) * 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        assert_int_equal(fputc(0xff, file), 0xff);
    assert_int_equal(fclose(file), 0);
    open_store(f);
    assert_int_equal(load_store(f), 0);
    assert_true(world_try_pack(world) < 0);
    assert_true(was_logged(f, "event=store_file_damaged file=tenant-1.db"));
}

static void what_is_deleted_gives_its_room_back(void **state)
{
    (void)state;
    go_to_hour(4);
    world_put(world, 1, 1, 1, 1, 1, NOW, US_PER_S, 0);
    fill_and_empty(60);
    world_pack(world);
    assert_true(world_number(world, "PRAGMA freelist_count") <= 15500 / 8);
    world_pass(world, PACK_DAY_US);
    world_put(world, 1, 1, 2, 60, 1, NOW, US_PER_S, 0);
    world_pass(world, STORE_RETENTION.samples_us + PACK_DAY_US); /* something has expired: room is looked at */
    world_pack(world);
    assert_true(world_number(world, "PRAGMA freelist_count") <= 512); /* of a small file too */
}

static void a_long_backlog_becomes_whole_blocks(void **state)
{
    (void)state;
    go_to_hour(2);
    world_put(world, 1, 1, 1, 15000, 1800, NOW - 30 * PACK_HOUR_US, US_PER_S, 0);
    world_pack(world);
    struct world_counts counts = world_check(world);
    assert_int_equal(counts.inbox + counts.sealed + counts.rewritten, 0);
    assert_int_equal(counts.good, 15000);
    assert_true(counts.blocks <= 6);
}

/* Descriptors of the tenant's file that are open, and threads of its own. */
static int held(struct fixture *f)
{
    int n = 0;
    char path[512];
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    for (const struct dirent *entry; (entry = readdir(fds));) {
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, path, sizeof path - 1);
        path[len > 0 ? len : 0] = '\0';
        n += strncmp(path, path_in(f, "tenant-1.db"), strlen(path_in(f, "tenant-1.db"))) == 0;
    }
    closedir(fds);
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *entry; (entry = readdir(tasks));) {
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *comm = fopen(path, "re");
        n += comm && fgets(path, sizeof path, comm) && strcmp(path, "tenant-1.db\n") == 0;
        if (comm)
            fclose(comm);
    }
    closedir(tasks);
    return n;
}

static void an_idle_file_holds_no_thread_and_no_descriptor_until_it_is_written_to(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 70, 7, NOW - 70 * US_PER_S, US_PER_S, 0);
    world_pack(world);
    assert_true(held(f) >= 2);
    world_pass(world, PACK_REST_US);
    while (held(f) > 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    world_put(world, 1, 1, 71, 70, 7, NOW, US_PER_S, 0);
    assert_true(held(f) >= 2);
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 140);
    reopen_store(f);
    assert_int_equal(held(f), 0); /* reading it at start leaves nothing open either */
}

/* The tables as the first version made them, as far as these tests come by them. */
static const char first_version[] =
    "CREATE TABLE run (id INTEGER PRIMARY KEY, host INTEGER NOT NULL, run BLOB NOT NULL,"
    "  anchor_us INTEGER, rtt_us INTEGER, stored_us INTEGER);"
    "CREATE UNIQUE INDEX run_by_host ON run (host, run);"
    "CREATE TABLE series_table (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL);"
    "CREATE TABLE interval (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL,"
    "  last INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, span_us INTEGER NOT NULL);"
    "CREATE INDEX interval_by_run ON interval (run, first);"
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL,"
    "  first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, anchor_us INTEGER NOT NULL,"
    "  series_table INTEGER NOT NULL, slot INTEGER NOT NULL, bytes BLOB NOT NULL);"
    "CREATE INDEX batch_by_slot ON batch (slot, run);"
    "CREATE TABLE event (id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, name TEXT NOT NULL, zone TEXT NOT NULL,"
    "  hosts TEXT NOT NULL, state TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,"
    "  created_us INTEGER NOT NULL, started_us INTEGER NOT NULL, closed_us INTEGER NOT NULL, changed_by TEXT NOT "
    "NULL);";

/* What is the same in both versions is taken from today's file. */
static void go_back_to_first_version(struct fixture *f)
{
    sqlite3 *db = NULL;
    char now[160];
    char sql[8192];
    snprintf(now, sizeof now, "%s", path_in(f, "now.db"));
    assert_int_equal(rename(path_in(f, "tenant-1.db"), now), 0);
    assert_int_equal(sqlite3_open(path_in(f, "tenant-1.db"), &db), SQLITE_OK);
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode=WAL; PRAGMA application_id=%d; PRAGMA user_version=1; %s ATTACH '%s' AS now;"
             "INSERT INTO run SELECT * FROM now.run; INSERT INTO series_table SELECT * FROM now.series_table;"
             "INSERT INTO interval SELECT * FROM now.interval; INSERT INTO batch SELECT id, run, first, n, first_us,"
             " last_us, anchor_us, series_table, slot, bytes FROM now.batch",
             0x57524d54, first_version, now);
    static const char *const same[] = { "alert", "incident", "incident_alert", "page", "mark" };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        size_t len = strlen(sql);
        snprintf(sql + len, sizeof sql - len, "; CREATE TABLE %s AS SELECT * FROM now.%s", same[i], same[i]);
    }
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db,
                     "ALTER TABLE alert DROP COLUMN was_us; ALTER TABLE alert DROP COLUMN unit;"
                     "ALTER TABLE alert DROP COLUMN muted; ALTER TABLE incident_alert DROP COLUMN unit;"
                     "ALTER TABLE incident DROP COLUMN silenced_us",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, fixture_drop_ways, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void a_file_of_the_first_version_is_taken_on_and_can_shrink(void **state)
{
    struct fixture *f = *state;
    world_put(world, 1, 1, 1, 90, 7, NOW - 90 * US_PER_S, US_PER_S, 0);
    close_store(f);
    go_back_to_first_version(f);
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(world_check(world).inbox, 90);
    assert_int_equal(world_number(world, "PRAGMA auto_vacuum"), 2);
    world_put(world, 1, 1, 91, 10, 10, NOW, US_PER_S, 0);
    world_pack(world);
    assert_int_equal(world_check(world).sealed, 100);
    close_store(f);
    world_sql(world,
              "PRAGMA journal_mode=DELETE; PRAGMA auto_vacuum=NONE; VACUUM"); /* killed before it was built anew */
    assert_int_equal(world_number(world, "PRAGMA auto_vacuum"), 0);
    open_store(f);
    if (load_store(f) < 0)
        fail_msg("%s", f->err.text);
    assert_int_equal(world_number(world, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(world_check(world).sealed, 100);
}

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        PACK_TEST(a_run_is_sealed_at_sixty_ticks_or_ten_minutes),
        PACK_TEST(sealed_ticks_are_rewritten_at_six_hundred_or_two_hours),
        PACK_TEST(an_old_hour_is_rewritten_for_good_and_a_day_becomes_one_row_of_each_rollup),
        PACK_TEST(late_ticks_join_what_they_overlap),
        PACK_TEST(two_runs_at_the_same_time_are_both_kept),
        PACK_TEST(a_new_series_table_begins_a_block_of_its_own),
        PACK_TEST(no_block_reaches_over_midnight),
        PACK_TEST(more_rows_than_a_second_has_ids_find_room_in_their_day),
        PACK_TEST(ticks_a_minute_apart_are_a_tier_of_their_own),
        PACK_TEST(fine_ticks_before_coarse_ones_for_good_are_merged_without_them),
        PACK_TEST(each_tier_is_kept_as_long_as_it_should_be),
        PACK_TEST(ticks_that_come_too_late_to_be_kept_are_in_the_rollups_all_the_same),
        PACK_TEST(lists_longer_than_a_turn_are_gone_through_to_their_end),
        PACK_TEST(a_host_with_many_young_tables_is_done_with),
        PACK_TEST(a_damaged_row_of_the_inbox_is_set_aside_and_nothing_else),
        PACK_TEST(ticks_of_a_table_that_comes_late_wait_for_it),
        PACK_TEST(a_damaged_block_is_left_alone_and_the_others_go_on),
        PACK_TEST(a_row_changed_behind_its_back_fails_the_packer_and_no_group),
        PACK_TEST(a_unit_that_fails_by_itself_is_put_off_and_all_others_go_on),
        PACK_TEST(a_stage_that_fails_does_not_hold_up_the_others_for_good),
        PACK_TEST(ticks_that_come_while_rows_expire_are_not_overlooked),
        PACK_TEST(a_damaged_file_is_told_to_its_writer),
        PACK_TEST(what_is_deleted_gives_its_room_back),
        PACK_TEST(a_long_backlog_becomes_whole_blocks),
        PACK_TEST(an_idle_file_holds_no_thread_and_no_descriptor_until_it_is_written_to),
        PACK_TEST(a_file_of_the_first_version_is_taken_on_and_can_shrink),
    };
    return cmocka_run_group_tests_name("collector.store.pack", tests, NULL, NULL);
}
