/* What a spool is for: what was written is there for the next life. */
#include "agent/spool/spool_fixture.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- what it is for ---- */

static void what_was_written_is_there_for_the_next_life(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    assert_int_equal(spool_figures(f->spool).written, 5);
    start_again(f);
    assert_int_equal(spool_figures(f->spool).waiting, 5);
    assert_int_equal(spool_figures(f->spool).written, 0);
    assert_next(f, 1, 1, 5);
    assert_false(pick(f));
    assert_nothing_dropped(f);
}

static void earlier_runs_come_first_and_tell_whether_they_are_of_this_boot(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 3);
    f->config.boot.bytes[0] = 8;
    start_again(f);
    put(f, 1, 4);
    start_again(f);
    put(f, 1, 2);
    assert_true(pick(f));
    assert_false(f->parcel->same_boot || f->parcel->own);
    assert_int_equal(f->parcel->highest, 3);
    assert_next(f, 1, 1, 3);
    assert_true(pick(f));
    assert_true(f->parcel->same_boot && !f->parcel->own);
    assert_int_equal(f->parcel->highest, 4);
    assert_next(f, 2, 1, 4);
    assert_true(pick(f));
    assert_true(f->parcel->own && !f->parcel->same_boot);
    assert_next(f, 3, 1, 2);
}

static void of_an_unknown_boot_nothing_is_of_this_one(void **state)
{
    struct fixture *f = *state;
    f->config.boot = (struct boot_id){ { 0 } };
    open_spool(f);
    put(f, 1, 3);
    start_again(f);
    assert_true(pick(f));
    assert_false(f->parcel->same_boot);
}

static void what_is_done_is_not_picked_and_a_restart_remembers(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 10);
    done(f, 1, 3, 4);
    put(f, 11, 12); /* carries the mark */
    start_again(f);
    assert_int_equal(spool_figures(f->spool).waiting, 10);
    assert_next(f, 1, 1, 2);
    assert_next(f, 1, 5, 12);
    assert_false(pick(f));
}

static void our_own_ticks_are_picked_only_below_a_bound(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 10);
    assert_int_equal(spool_waiting(f->spool, 5), 4);
    assert_int_equal(spool_pick(f->spool, &f->now, 5, NULL, 0, &f->parcel, NULL), 0);
    assert_parcel(f, 1, 1, 4);
    done(f, 1, 1, 4);
    f->parcel = spool_parcel_free(f->parcel);
    assert_int_equal(spool_pick(f->spool, &f->now, 5, NULL, 0, &f->parcel, NULL), SPOOL_EMPTY);
}

static void a_spool_that_is_delivered_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    done(f, 1, 1, 5);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(count_segments(f), 1); /* nothing is created or removed in a tick */
    f->spool = spool_close(f->spool);
    assert_int_equal(count_segments(f), 0);
}

static void what_earlier_lives_left_goes_when_it_is_done(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    start_again(f);
    put(f, 1, 5);
    assert_int_equal(count_segments(f), 2);
    done(f, 1, 1, 5);
    assert_int_equal(write_out(f), 0);
    assert_int_equal(count_segments(f), 1);
}

/* ---- full messages ---- */

static void single_ticks_become_full_messages(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 1500);
    assert_next(f, 1, 1, 600);
    assert_next(f, 1, 601, 1200);
    assert_next(f, 1, 1201, 1500);
}

static void wide_ticks_fill_a_message_and_no_more(void **state)
{
    struct fixture *f = *state;
    make_table(&f->table, 500, "");
    open_spool(f);
    put(f, 1, 200);
    assert_true(pick(f));
    assert_true(f->parcel->n_ticks > 10 && f->parcel->n_ticks * 500 <= BATCH_VALUES_MAX);
    assert_true(f->parcel->len + f->parcel->table.len <= MESSAGE_MAX - (2 << 10));
    assert_int_equal(deliver_all(f), 200);
}

static void a_table_that_is_known_needs_no_room(void **state)
{
    struct fixture *f = *state;
    make_table(&f->table, 1000, "a name that makes it a long table");
    open_spool(f);
    put(f, 1, 64);
    assert_int_equal(spool_pick(f->spool, &f->now, UINT64_MAX, NULL, 0, &f->parcel, NULL), 0);
    uint32_t beside_table = f->parcel->n_ticks;
    assert_true(f->parcel->len + f->table.len <= MESSAGE_MAX);
    f->parcel = spool_parcel_free(f->parcel);
    for (int i = 0; i < 8; i++) { /* it tries a little more each time */
        f->parcel = spool_parcel_free(f->parcel);
        assert_int_equal(spool_pick(f->spool, &f->now, UINT64_MAX, &f->table.series.hash, 1, &f->parcel, NULL), 0);
    }
    assert_true(f->parcel->n_ticks > beside_table);
}

static void ticks_of_two_tables_are_two_messages(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 3);
    assert_int_equal(put_under(f, &f->other, 4), 0);
    put(f, 5, 6);
    assert_next(f, 1, 1, 3);
    assert_next(f, 1, 4, 4);
    assert_next(f, 1, 5, 6);
}

static void ticks_a_day_apart_are_not_one_message(void **state)
{
    struct fixture *f = *state;
    f->tick_us = 4 * 3600 * US_PER_S;
    open_spool(f);
    put(f, 1, 6);
    assert_next(f, 1, 1, 4);
    assert_next(f, 1, 5, 6);
}

static void numbers_that_never_were_are_not_waited_for(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 3);
    put(f, 7, 9);
    assert_int_equal(spool_figures(f->spool).waiting, 6);
    assert_next(f, 1, 1, 3);
    assert_next(f, 1, 7, 9);
    assert_nothing_dropped(f);
    assert_int_equal(write_out(f), 0);
    f->spool = spool_close(f->spool);
    assert_int_equal(count_segments(f), 0);
}

static void a_batch_of_many_ticks_is_cut_where_part_of_it_is_done(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 100);
    assert_true(pick(f));
    struct spool_parcel *whole = f->parcel;
    f->parcel = NULL;
    struct spool_ticks ticks = { 101, 100, f->now.mono_us, f->now.wall_us, { whole->bytes, whole->len } };
    struct batch batch;
    uint8_t buffer[BATCH_MAX];
    assert_int_equal(codec_decode_batch(whole->bytes, whole->len, &f->arena, &batch, NULL), 0);
    batch.first = 101;
    int64_t mono_us[100];
    for (int i = 0; i < 100; i++)
        mono_us[i] = (101 + i) * US_PER_S;
    batch.mono_us = mono_us;
    assert_int_equal(codec_encode_batch(&batch, buffer, sizeof buffer, &ticks.batch.len, NULL), 0);
    ticks.batch.at = buffer;
    struct bytes table = { f->table.bytes, f->table.len };
    assert_int_equal(spool_put(f->spool, &ticks, &f->table.series.hash, &table, NULL), 0);
    assert_int_equal(write_out(f), 0);
    done(f, 1, 1, 150);
    assert_true(pick(f));
    assert_int_equal(f->parcel->first, 151);
    assert_int_equal(f->parcel->n_ticks, 50);
    spool_parcel_free(whole);
}

/* ---- a disk that says no ---- */

static void ticks_it_has_are_passed_over(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    uint64_t bytes = spool_figures(f->spool).bytes;
    put(f, 1, 5);
    assert_int_equal(spool_figures(f->spool).bytes, bytes);
}

static void what_the_collector_says_of_ticks_we_do_not_have_does_no_harm(void **state)
{
    struct fixture *f = *state;
    open_spool(f);
    put(f, 1, 5);
    done(f, 1, 1, UINT64_MAX);
    done(f, 77, 1, 5);
    done(f, 1, 9, 3);
    put(f, 6, 7);
    assert_next(f, 1, 6, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_was_written_is_there_for_the_next_life),
        test(earlier_runs_come_first_and_tell_whether_they_are_of_this_boot),
        test(of_an_unknown_boot_nothing_is_of_this_one),
        test(what_is_done_is_not_picked_and_a_restart_remembers),
        test(our_own_ticks_are_picked_only_below_a_bound),
        test(a_spool_that_is_delivered_leaves_nothing),
        test(what_earlier_lives_left_goes_when_it_is_done),
        test(single_ticks_become_full_messages),
        test(wide_ticks_fill_a_message_and_no_more),
        test(a_table_that_is_known_needs_no_room),
        test(ticks_of_two_tables_are_two_messages),
        test(ticks_a_day_apart_are_not_one_message),
        test(numbers_that_never_were_are_not_waited_for),
        test(a_batch_of_many_ticks_is_cut_where_part_of_it_is_done),
        test(ticks_it_has_are_passed_over),
        test(what_the_collector_says_of_ticks_we_do_not_have_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
