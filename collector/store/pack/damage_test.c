/* What the packer cannot pack: it is left, and nothing else is. */
#include "collector/store/pack/one_world_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "collector/store/faulty_vfs_fixture.h"

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

int main(void)
{
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        PACK_TEST(a_damaged_row_of_the_inbox_is_set_aside_and_nothing_else),
        PACK_TEST(ticks_of_a_table_that_comes_late_wait_for_it),
        PACK_TEST(a_damaged_block_is_left_alone_and_the_others_go_on),
        PACK_TEST(a_row_changed_behind_its_back_fails_the_packer_and_no_group),
        PACK_TEST(a_unit_that_fails_by_itself_is_put_off_and_all_others_go_on),
        PACK_TEST(a_stage_that_fails_does_not_hold_up_the_others_for_good),
        PACK_TEST(a_damaged_file_is_told_to_its_writer),
    };
    return cmocka_run_group_tests_name("collector.store.pack.damage", tests, NULL, NULL);
}
