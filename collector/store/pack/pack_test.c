/* Ticks on their way through the stages, each held against what was put in. */
#include "collector/store/pack/one_world_fixture.h"

#include "collector/store/faulty_vfs_fixture.h"

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
        PACK_TEST(lists_longer_than_a_turn_are_gone_through_to_their_end),
        PACK_TEST(a_host_with_many_young_tables_is_done_with),
        PACK_TEST(a_long_backlog_becomes_whole_blocks),
    };
    return cmocka_run_group_tests_name("collector.store.pack", tests, NULL, NULL);
}
