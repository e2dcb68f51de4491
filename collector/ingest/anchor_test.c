#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "collector/ingest/anchor.h"

#define S    INT64_C(1000000)
#define WALL (INT64_C(1800000000) * S) /* some collector's time */

/* An exchange as it would be seen if the host's mono 0 was at wall time `truth`, with these one-way delays. */
static struct exchange exchange_of(int64_t truth, int64_t at_us, int64_t there_us, int64_t back_us)
{
    return (struct exchange){
        .sent_us = at_us - truth,
        .received_us = at_us + there_us,
        .answered_us = at_us + there_us + 20000,
        .got_us = at_us + there_us + 20000 + back_us - truth,
    };
}

static int64_t learn(struct anchor *anchor, int64_t truth, int64_t at_us, int64_t there_us, int64_t back_us)
{
    int64_t step_us;
    struct exchange exchange = exchange_of(truth, at_us, there_us, back_us);
    anchor_learn(anchor, &exchange, at_us + there_us + back_us + 20000, &step_us);
    return step_us;
}

static void a_hello_places_the_clock_late_by_its_own_way(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 50 * S, WALL + 50 * S + 3000); /* three milliseconds on the way */
    assert_int_equal(anchor.anchor_us, WALL + 3000);
}

static void the_first_exchange_is_taken_at_once(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL + 40000);
    assert_int_equal(learn(&anchor, WALL, WALL + S, 5000, 5000), 0);
    assert_int_equal(anchor.anchor_us, WALL);
}

static void an_uneven_path_errs_by_half_its_round_trip_at_most(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL);
    learn(&anchor, WALL, WALL + S, 9000, 1000);
    assert_in_range(anchor.anchor_us, WALL - 5000, WALL + 5000);
}

static void a_slower_exchange_teaches_nothing_while_a_better_one_is_fresh(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL);
    learn(&anchor, WALL, WALL + S, 1000, 1000);
    learn(&anchor, WALL, WALL + 2 * S, 90000, 1000);
    assert_int_equal(anchor.target_us, WALL);
    learn(&anchor, WALL, WALL + 2 * S + ANCHOR_KEEP_US + S, 90000, 1000);
    assert_int_not_equal(anchor.target_us, WALL); /* the better one has grown old: the path may have changed */
}

static void a_small_change_is_slewed_so_that_ticks_keep_their_order(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL);
    learn(&anchor, WALL, WALL + S, 5000, 5000);
    int64_t before = anchor.anchor_us;
    learn(&anchor, WALL - 4000, WALL + 2 * S, 1000, 1000);
    assert_true(before - anchor.anchor_us <= 500);
    for (int i = 3; i < 30; i++)
        learn(&anchor, WALL - 4000, WALL + i * S, 1000, 1000);
    assert_int_equal(anchor.anchor_us, WALL - 4000);
}

static void a_jump_of_over_a_second_is_a_step_that_is_told(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL);
    learn(&anchor, WALL, WALL + S, 1000, 1000);
    int64_t step = learn(&anchor, WALL + 3 * S, WALL + 5 * S, 1000, 1000);
    assert_int_equal(step, 3 * S);
    assert_int_equal(anchor.anchor_us, WALL + 3 * S);
}

static void a_long_round_trip_is_not_mistaken_for_a_step(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL);
    learn(&anchor, WALL, WALL + S, 1000, 1000);
    assert_int_equal(learn(&anchor, WALL, WALL + 9 * S, 3 * S, 1000), 0);
    assert_int_equal(anchor.anchor_us, WALL);
}

static void impossible_stamps_are_passed_over(void **state)
{
    (void)state;
    struct anchor anchor;
    int64_t step_us;
    anchor_start(&anchor, 0, WALL);
    struct anchor before = anchor;
    struct exchange backwards = { .sent_us = 10 * S, .got_us = 9 * S, .received_us = WALL, .answered_us = WALL };
    struct exchange absurd = { .sent_us = 0, .got_us = INT64_MAX, .received_us = WALL, .answered_us = WALL };
    struct exchange negative = { .sent_us = INT64_MIN, .got_us = 0, .received_us = WALL, .answered_us = WALL };
    anchor_learn(&anchor, &backwards, WALL, &step_us);
    anchor_learn(&anchor, &absurd, WALL, &step_us);
    anchor_learn(&anchor, &negative, WALL, &step_us);
    assert_memory_equal(&anchor, &before, sizeof anchor);
}

static void no_tick_is_later_than_its_receipt(void **state)
{
    (void)state;
    struct anchor anchor;
    anchor_start(&anchor, 0, WALL + 9000);
    assert_int_equal(anchor_for(&anchor, 10 * S, WALL + 10 * S + 5000) + 10 * S, WALL + 10 * S + 5000);
    assert_int_equal(anchor_for(&anchor, 10 * S, WALL + 11 * S), WALL + 9000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_places_the_clock_late_by_its_own_way),
        cmocka_unit_test(the_first_exchange_is_taken_at_once),
        cmocka_unit_test(an_uneven_path_errs_by_half_its_round_trip_at_most),
        cmocka_unit_test(a_slower_exchange_teaches_nothing_while_a_better_one_is_fresh),
        cmocka_unit_test(a_small_change_is_slewed_so_that_ticks_keep_their_order),
        cmocka_unit_test(a_jump_of_over_a_second_is_a_step_that_is_told),
        cmocka_unit_test(a_long_round_trip_is_not_mistaken_for_a_step),
        cmocka_unit_test(impossible_stamps_are_passed_over),
        cmocka_unit_test(no_tick_is_later_than_its_receipt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
