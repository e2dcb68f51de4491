/* A spool that is full or old, and when it reaches the disk. */
#include "agent/spool/spool_fixture.h"

#include <unistd.h>

/* ---- full and old ---- */

static void a_full_spool_lets_its_oldest_segment_go_and_says_which_ticks(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 20000);
    struct spool_figures figures = spool_figures(f->spool);
    assert_true(figures.bytes <= SPOOL_SIZE_MIN);
    assert_true(figures.gave_way > 0);
    assert_int_equal(figures.gave_way + figures.waiting, 20000);
    assert_dropped(f, 1, 1, figures.gave_way, DROP_OVERFLOW);
    assert_nothing_dropped(f);
    assert_int_equal(deliver_all(f), figures.waiting);
}

static void what_was_delivered_is_not_dropped(void **state)
{
    struct fixture *f = *state;
    f->config.size_bytes = SPOOL_SIZE_MIN;
    open_spool(f);
    put(f, 1, 100);
    done(f, 1, 41, 60);
    for (uint64_t n = 101; n <= 20000; n += 100)
        put(f, n, n + 99);
    struct dropped dropped[SPOOL_DROPS_MAX];
    assert_int_equal(spool_take_dropped(f->spool, dropped), 2);
    assert_int_equal(dropped[0].first, 1);
    assert_int_equal(dropped[0].last, 40);
    assert_int_equal(dropped[1].first, 61);
}

static void declarations_are_kept_until_they_are_declared(void **state)
{
    struct fixture *f = *state;
    fill_small_spool(f, 20000);
    uint64_t gave_way = spool_figures(f->spool).gave_way;
    start_again(f);
    assert_dropped(f, 1, 1, gave_way, DROP_OVERFLOW);
    deliver_all(f); /* so that there is room */
    put(f, 1, 5);
    start_again(f);
    assert_dropped(f, 1, 1, gave_way, DROP_OVERFLOW);
    spool_declared(f->spool, &(struct dropped){ .run = { { 1 } }, .first = 1, .last = gave_way });
    put(f, 1, 5); /* carries the mark */
    start_again(f);
    assert_nothing_dropped(f);
}

static void a_declaration_outlives_the_segment_it_was_made_in(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    struct dropped refused = { .run = { { 9 } }, .first = 4, .last = 6, .cause = DROP_REFUSED };
    put(f, 1, 1);
    spool_dropped(f->spool, &refused);
    assert_nothing_dropped(f); /* whoever said it knows */
    for (uint64_t n = 2; n <= 20000; n += 100) {
        put(f, n, n + 99);
        done(f, 1, 1, n + 99);
    }
    start_again(f);
    assert_dropped(f, 9, 4, 6, DROP_REFUSED);
}

static void a_part_that_was_declared_leaves_the_rest(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    struct dropped lost = { .run = { { 9 } }, .first = 1, .last = 10, .cause = DROP_OVERFLOW };
    put(f, 1, 1);
    spool_dropped(f->spool, &lost);
    lost.last = 7;
    spool_declared(f->spool, &lost);
    put(f, 2, 2);
    start_again(f);
    assert_dropped(f, 9, 8, 10, DROP_OVERFLOW);
}

static void ticks_too_old_give_way_by_the_monotonic_clock_of_this_boot(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    start_again(f);
    f->now.wall_us -= 400 * DAY_S * US_PER_S; /* whatever the wall clock says */
    f->now.mono_us += 7 * DAY_S * US_PER_S;
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    f->now.mono_us++;
    assert_int_equal(write_out(f), 0);
    assert_dropped(f, 1, 1, 5, DROP_EXPIRED);
    assert_int_equal(count_segments(f), 1); /* with the declaration, until it is declared */
    spool_declared(f->spool, &(struct dropped){ .run = { { 1 } }, .first = 1, .last = 5 });
    f->spool = spool_close(f->spool);
    assert_int_equal(count_segments(f), 0);
}

static void ticks_of_another_boot_grow_old_by_the_wall_clock(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    f->config.boot.bytes[0]++;
    start_again(f);
    f->now.mono_us = 1;
    f->now.wall_us -= DAY_S * US_PER_S; /* it jumped back: they are from the future, and stay */
    assert_int_equal(write_out(f), 0);
    f->now.wall_us += 8 * DAY_S * US_PER_S;
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    f->now.wall_us++;
    assert_int_equal(write_out(f), 0);
    assert_dropped(f, 1, 1, 5, DROP_EXPIRED);
}

/* ---- syncing ---- */

static void only_ticks_that_wait_for_long_are_synced(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    int64_t began_us = f->now.mono_us;
    put(f, 1, 1);
    pass(f, SPOOL_SYNC_US - 1);
    put(f, 2, 2);
    assert_int_equal(spool_figures(f->spool).unsynced_us, began_us);
    done(f, 1, 1, 1);
    pass(f, 1);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).unsynced_us, began_us + SPOOL_SYNC_US - 1); /* of tick 2 */
    pass(f, SPOOL_SYNC_US);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).unsynced_us, 0);
}

static void what_is_done_in_time_is_never_synced(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    for (uint64_t n = 1; n <= 20; n++) {
        put(f, n, n);
        assert_int_equal(spool_figures(f->spool).unsynced_us, f->now.mono_us);
        done(f, 1, n, n);
        pass(f, US_PER_S);
    }
    assert_int_equal(write_out(f), 0);
    assert_int_equal(spool_figures(f->spool).unsynced_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_full_spool_lets_its_oldest_segment_go_and_says_which_ticks),
        test(what_was_delivered_is_not_dropped),
        test(declarations_are_kept_until_they_are_declared),
        test(a_declaration_outlives_the_segment_it_was_made_in),
        test(a_part_that_was_declared_leaves_the_rest),
        test(ticks_too_old_give_way_by_the_monotonic_clock_of_this_boot),
        test(ticks_of_another_boot_grow_old_by_the_wall_clock),
        test(only_ticks_that_wait_for_long_are_synced),
        test(what_is_done_in_time_is_never_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
