#include "agent/uplink/queue.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/spool/spool.h"
#include "base/arena.h"
#include "proto/codec/codec.h"

enum { ROOMY = 8 << 20 };

struct fixture {
    struct tables tables;
    struct readings readings;
    struct arena arena;
    struct queue *queue;
    struct parcel parcel;
    struct run_id run;
    uint64_t n;
    int series;
    uint64_t lost_first, lost_last;
    int64_t slept_us;
};

static void on_lost(void *user, uint64_t first, uint64_t last)
{
    struct fixture *f = user;
    f->lost_first = f->lost_first ? f->lost_first : first;
    f->lost_last = last;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 64 << 20);
    memset(f->run.bytes, 0xA5, sizeof f->run.bytes);
    f->series = 3;
    *state = f;
    return queue_new(&f->queue, &f->tables, ROOMY, &f->run, on_lost, f, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    parcel_done(&f->tables, &f->parcel);
    queue_free(f->queue);
    tables_done(&f->tables); /* asserts that no table is held any more */
    readings_done(&f->readings);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static void use_queue_of(struct fixture *f, size_t bytes)
{
    f->queue = queue_free(f->queue);
    assert_int_equal(queue_new(&f->queue, &f->tables, bytes, &f->run, on_lost, f, NULL), 0);
}

static double value_of(uint64_t n, int series)
{
    return (double)(n * 7 % 1000) + 1000 * series;
}

static void push_shape(struct fixture *f, const char *instance)
{
    f->n++;
    readings_clear(&f->readings);
    for (int i = 0; i < f->series; i++)
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, instance, value_of(f->n, i));
    struct table *table;
    assert_int_equal(tables_take(&f->tables, &f->readings, &table, NULL), 0);
    int64_t mono_us = (int64_t)f->n * 1000000 + f->slept_us;
    int rc = queue_push(f->queue, table, &f->readings, f->n, mono_us, mono_us + 77, NULL);
    tables_drop(&f->tables, table);
    assert_int_equal(rc, 0);
}

static void push(struct fixture *f, int n)
{
    while (n-- > 0)
        push_shape(f, "vda");
}

/* The parcel holds exactly first..last, with the values those ticks had. */
static void assert_parcel(struct fixture *f, uint64_t first, uint64_t last)
{
    assert_int_equal(f->parcel.n_ticks, last - first + 1);
    assert_int_equal(f->parcel.first, first);
    struct batch batch;
    arena_reset(&f->arena);
    assert_int_equal(codec_decode_batch(f->parcel.bytes, f->parcel.len, &f->arena, &batch, NULL), 0);
    assert_int_equal(batch.first, first);
    assert_int_equal(batch.n_ticks, last - first + 1);
    assert_memory_equal(&batch.run, &f->run, sizeof f->run);
    assert_memory_equal(&batch.table, &f->parcel.table->series.hash, TABLE_HASH_BYTES);
    for (uint32_t tick = 0; tick < batch.n_ticks; tick++) {
        assert_int_equal(batch.mono_us[tick], (int64_t)(first + tick) * 1000000);
        assert_int_equal(batch.wall_us[tick], (int64_t)(first + tick) * 1000000 + 77);
        for (uint32_t i = 0; i < batch.n_columns; i++)
            assert_true(batch_value(&batch, &f->parcel.table->series, i, tick) == value_of(first + tick, (int)i));
    }
}

static void pick_live(struct fixture *f)
{
    assert_int_equal(queue_pick_live(f->queue, &f->parcel, NULL), 0);
}

static void pick_oldest(struct fixture *f)
{
    assert_int_equal(queue_pick_oldest(f->queue, &f->parcel, NULL), 0);
}

static void an_empty_queue_has_nothing_to_send(void **state)
{
    struct fixture *f = *state;
    assert_false(queue_has_any(f->queue));
    assert_false(queue_has_live(f->queue));
    pick_live(f);
    assert_int_equal(f->parcel.n_ticks, 0);
    pick_oldest(f);
    assert_int_equal(f->parcel.n_ticks, 0);
    assert_int_equal(queue_cut(f->queue, 1, UINT64_MAX), 0);
}

static void a_tick_is_live_until_a_parcel_carried_it(void **state)
{
    struct fixture *f = *state;
    push(f, 1);
    assert_true(queue_has_live(f->queue));
    pick_live(f);
    assert_parcel(f, 1, 1);
    assert_false(queue_has_live(f->queue));
    assert_true(queue_has_any(f->queue));
    assert_int_equal(queue_cut(f->queue, 1, 1), 1);
    assert_false(queue_has_any(f->queue));
    assert_int_equal(queue_counts(f->queue).bytes, 0);
}

static void consecutive_live_ticks_go_as_one_batch(void **state)
{
    struct fixture *f = *state;
    push(f, 5);
    pick_live(f);
    assert_parcel(f, 1, 5);
}

static void after_an_outage_the_newest_go_first_and_then_the_backlog_oldest_first(void **state)
{
    struct fixture *f = *state;
    push(f, 300);
    pick_live(f);
    assert_parcel(f, 241, 300);
    queue_cut(f->queue, 241, 300);
    push(f, 1);
    pick_live(f);
    assert_parcel(f, 301, 301);
    queue_cut(f->queue, 301, 301);
    assert_false(queue_has_live(f->queue));
    for (uint64_t first = 1; first <= 181; first += QUEUE_TICKS) {
        pick_oldest(f);
        assert_parcel(f, first, first + QUEUE_TICKS - 1);
        queue_cut(f->queue, first, first + QUEUE_TICKS - 1);
    }
    assert_false(queue_has_any(f->queue));
}

static void what_was_not_carried_after_all_is_live_again(void **state)
{
    struct fixture *f = *state;
    push(f, 4);
    pick_live(f);
    push(f, 1);
    queue_rewind(f->queue, 1);
    pick_live(f);
    assert_parcel(f, 1, 5);
}

static void a_parcel_is_sent_again_as_it_was_even_when_more_came(void **state)
{
    struct fixture *f = *state;
    push(f, 59);
    pick_live(f);
    push(f, 70); /* merged with what is on its way */
    assert_int_equal(queue_pick_again(f->queue, &f->parcel, NULL), 0);
    assert_parcel(f, 1, 59);
}

static void of_a_parcel_only_what_is_still_held_is_sent_again(void **state)
{
    struct fixture *f = *state;
    push(f, 10);
    pick_live(f);
    queue_cut(f->queue, 1, 4);
    assert_int_equal(queue_pick_again(f->queue, &f->parcel, NULL), 0);
    assert_parcel(f, 5, 10);
    queue_cut(f->queue, 1, 10);
    assert_int_equal(queue_pick_again(f->queue, &f->parcel, NULL), 0);
    assert_int_equal(f->parcel.n_ticks, 0);
    push(f, 1);
    pick_live(f);
    queue_cut(f->queue, 11, 11);
    push(f, 1);
    assert_int_equal(queue_pick_again(f->queue, &f->parcel, NULL), 0);
    assert_int_equal(f->parcel.n_ticks, 0); /* tick 12 was not in it */
}

static void ticks_that_pile_up_are_merged_and_take_less(void **state)
{
    struct fixture *f = *state;
    f->series = 100;
    push(f, QUEUE_TICKS - 1);
    size_t before = queue_counts(f->queue).bytes;
    push(f, 1);
    assert_true(queue_counts(f->queue).bytes < before / 2);
    assert_int_equal(queue_counts(f->queue).ticks, QUEUE_TICKS);
    f->series = 100;
    pick_oldest(f);
    assert_parcel(f, 1, QUEUE_TICKS);
}

static void cutting_takes_out_exactly_what_was_stored(void **state)
{
    struct fixture *f = *state;
    push(f, 130);                                      /* two merged records and ten single ones */
    assert_int_equal(queue_cut(f->queue, 11, 20), 10); /* inside a record */
    assert_int_equal(queue_cut(f->queue, 15, 25), 5);  /* half of it gone already */
    assert_int_equal(queue_cut(f->queue, 55, 65), 11); /* across two records */
    assert_int_equal(queue_cut(f->queue, 125, UINT64_MAX), 6);
    assert_int_equal(queue_cut(f->queue, 0, 1), 1);
    assert_int_equal(queue_counts(f->queue).ticks, 130 - 10 - 5 - 11 - 6 - 1);
    static const uint64_t left[][2] = { { 2, 10 }, { 26, 54 }, { 66, 124 } };
    for (size_t i = 0; i < 3; i++) {
        pick_oldest(f);
        assert_parcel(f, left[i][0], left[i][1]);
        queue_cut(f->queue, left[i][0], left[i][1]);
    }
    assert_false(queue_has_any(f->queue));
    assert_int_equal(queue_counts(f->queue).bytes, 0);
}

static void a_stored_range_that_holds_nothing_cuts_nothing(void **state)
{
    struct fixture *f = *state;
    push(f, 3);
    assert_int_equal(queue_cut(f->queue, 4, 9), 0);
    assert_int_equal(queue_cut(f->queue, 3, 2), 0);
    assert_int_equal(queue_counts(f->queue).ticks, 3);
}

static void ticks_of_different_shape_never_share_a_batch(void **state)
{
    struct fixture *f = *state;
    push(f, 3);
    push_shape(f, "vdb");
    push_shape(f, "vdb");
    pick_live(f);
    assert_parcel(f, 1, 3);
    pick_live(f);
    assert_parcel(f, 4, 5);
    assert_false(queue_has_live(f->queue));
}

static void a_gap_in_the_numbers_ends_a_batch(void **state)
{
    struct fixture *f = *state;
    push(f, 2);
    f->n++; /* a tick that was lost */
    push(f, 2);
    pick_live(f);
    assert_parcel(f, 1, 2);
    pick_live(f);
    assert_parcel(f, 4, 5);
}

static void the_oldest_give_way_when_it_is_full_and_are_counted(void **state)
{
    struct fixture *f = *state;
    use_queue_of(f, 16 << 10);
    push(f, 5000);
    struct queue_counts counts = queue_counts(f->queue);
    assert_true(counts.bytes <= 16 << 10);
    assert_true(counts.dropped > 0);
    assert_int_equal(counts.ticks + counts.dropped, 5000);
    pick_live(f);
    assert_parcel(f, 4941, 5000);
    pick_oldest(f);
    assert_int_equal(f->parcel.first, counts.dropped + 1);
}

static void the_newest_tick_stays_even_when_it_alone_is_too_large(void **state)
{
    struct fixture *f = *state;
    use_queue_of(f, 64);
    push(f, 3);
    assert_int_equal(queue_counts(f->queue).ticks, 1);
    pick_live(f);
    assert_parcel(f, 3, 3);
}

static void a_host_that_changes_shape_each_tick_stays_within_the_bound(void **state)
{
    struct fixture *f = *state;
    use_queue_of(f, 64 << 10);
    for (int i = 0; i < 1000; i++) {
        char instance[32];
        snprintf(instance, sizeof instance, "veth%d", i);
        push_shape(f, instance);
        assert_true(queue_counts(f->queue).bytes <= 64 << 10);
    }
    unsigned held = 0;
    for (struct table *table = f->tables.all; table; table = table->next)
        held++;
    assert_int_equal(held, queue_counts(f->queue).ticks); /* their tables went with the ticks */
}

static void a_parcel_leaves_room_for_the_table_until_that_is_known(void **state)
{
    struct fixture *f = *state;
    f->series = SERIES_MAX;
    push(f, QUEUE_TICKS);
    pick_oldest(f);
    size_t with_table = f->parcel.len + f->parcel.table->len;
    assert_true(f->parcel.n_ticks >= 1);
    assert_true(with_table + QUEUE_REPORT_ROOM <= MESSAGE_MAX);
    assert_parcel(f, 1, f->parcel.n_ticks);
    uint32_t before = f->parcel.n_ticks;
    f->parcel.table->known = true;
    pick_oldest(f);
    assert_true(f->parcel.n_ticks >= before);
    assert_true(f->parcel.len <= BATCH_MAX);
}

static void doubles_and_absent_values_survive_merging(void **state)
{
    struct fixture *f = *state;
    static const double values[] = { 1, NAN, 1e300, 4, 5 };
    for (uint64_t n = 1; n <= 5; n++) {
        readings_clear(&f->readings);
        readings_add(&f->readings, METRIC_DISK_READ_AWAIT, "vda", values[n - 1]);
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, "vda", n == 2 ? NAN : (double)n);
        struct table *table;
        assert_int_equal(tables_take(&f->tables, &f->readings, &table, NULL), 0);
        assert_int_equal(queue_push(f->queue, table, &f->readings, n, (int64_t)n, 0, NULL), 0);
        tables_drop(&f->tables, table);
    }
    pick_live(f);
    struct batch batch;
    assert_int_equal(codec_decode_batch(f->parcel.bytes, f->parcel.len, &f->arena, &batch, NULL), 0);
    assert_int_equal(batch.n_ticks, 5);
    assert_true(batch.columns[0].real);
    assert_false(batch.columns[1].real);
    for (uint32_t i = 0; i < 5; i++) {
        double value = batch_value(&batch, &f->parcel.table->series, 0, i);
        assert_true(isnan(values[i]) ? isnan(value) : value == values[i]);
    }
    assert_true(isnan(batch_value(&batch, &f->parcel.table->series, 1, 1)));
    assert_true(batch_value(&batch, &f->parcel.table->series, 1, 4) == 5);
}

static void a_parcel_on_its_way_keeps_its_table_when_its_ticks_give_way(void **state)
{
    struct fixture *f = *state;
    use_queue_of(f, 4 << 10);
    push(f, 1);
    pick_live(f);
    for (int i = 0; i < 200; i++)
        push_shape(f, "vdb");
    f->parcel.table->known = true; /* would be a use after free */
    assert_int_equal(f->parcel.table->series.n, 3);
}

static void ticks_before_and_after_a_long_sleep_never_share_a_batch(void **state)
{
    struct fixture *f = *state;
    push(f, 30);
    f->slept_us = SPOOL_PARCEL_SPAN_US;
    push(f, 70);
    pick_oldest(f);
    assert_int_equal(f->parcel.first, 1);
    assert_int_equal(f->parcel.n_ticks, 30);
    queue_cut(f->queue, 1, 30);
    pick_oldest(f);
    assert_int_equal(f->parcel.first, 31);
    assert_int_equal(f->parcel.n_ticks, 60);
}

static void what_gives_way_is_told_as_lost(void **state)
{
    struct fixture *f = *state;
    use_queue_of(f, 16 << 10);
    push(f, 3000);
    struct queue_counts counts = queue_counts(f->queue);
    assert_true(counts.dropped > 0);
    assert_int_equal(f->lost_first, 1);
    assert_int_equal(f->lost_last, counts.dropped);
    assert_int_equal(queue_oldest(f->queue), counts.dropped + 1);
}

static void of_what_is_spooled_only_a_window_stays_and_nothing_is_lost(void **state)
{
    struct fixture *f = *state;
    push(f, 1000);
    assert_int_equal(queue_counts(f->queue).ticks, 1000);
    queue_spooled(f->queue, 990);
    struct queue_counts counts = queue_counts(f->queue);
    assert_true(counts.ticks >= QUEUE_WINDOW && counts.ticks < QUEUE_WINDOW + QUEUE_TICKS);
    assert_int_equal(counts.spooled, counts.ticks - 10);
    assert_int_equal(counts.dropped, 0);
    assert_int_equal(f->lost_first, 0);
    push(f, 1000); /* these are not */
    assert_int_equal(queue_counts(f->queue).ticks, 1000 + 10 + (counts.ticks - 10) % QUEUE_TICKS);
}

static void of_what_gives_way_only_what_is_not_spooled_is_lost(void **state)
{
    struct fixture *f = *state;
    use_queue_of(f, 16 << 10);
    push(f, 60);
    queue_spooled(f->queue, 50); /* a record of sixty, and its last ten are nowhere else */
    push(f, 3000);
    assert_int_equal(f->lost_first, 51);
    assert_int_equal(queue_counts(f->queue).dropped, f->lost_last - 50);
}

/* What is behind tick `after` for the spool is first..last. */
static void assert_next(struct fixture *f, uint64_t after, uint64_t first, uint64_t last)
{
    size_t size = queue_next_size(f->queue, after);
    const struct table *table;
    assert_true(size > 0 && size <= sizeof f->parcel.bytes);
    assert_int_equal(queue_next(f->queue, after, f->parcel.bytes, size, &f->parcel.len, &f->parcel.first,
                                &f->parcel.n_ticks, &table),
                     0);
    f->parcel.table = table_keep((struct table *)table);
    assert_parcel(f, first, last);
    parcel_done(&f->tables, &f->parcel);
}

static void the_spool_gets_records_as_they_are_and_a_part_where_it_has_the_rest(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(queue_next_size(f->queue, 0), 0);
    push(f, 62); /* sixty became one */
    assert_next(f, 0, 1, 60);
    assert_next(f, 58, 59, 60);
    assert_next(f, 60, 61, 61);
    assert_next(f, 61, 62, 62);
    assert_int_equal(queue_next_size(f->queue, 62), 0);
    queue_cut(f->queue, 61, 61); /* stored before it was written */
    assert_next(f, 60, 62, 62);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_empty_queue_has_nothing_to_send),
        test(a_tick_is_live_until_a_parcel_carried_it),
        test(consecutive_live_ticks_go_as_one_batch),
        test(after_an_outage_the_newest_go_first_and_then_the_backlog_oldest_first),
        test(what_was_not_carried_after_all_is_live_again),
        test(a_parcel_is_sent_again_as_it_was_even_when_more_came),
        test(of_a_parcel_only_what_is_still_held_is_sent_again),
        test(ticks_that_pile_up_are_merged_and_take_less),
        test(cutting_takes_out_exactly_what_was_stored),
        test(a_stored_range_that_holds_nothing_cuts_nothing),
        test(ticks_of_different_shape_never_share_a_batch),
        test(a_gap_in_the_numbers_ends_a_batch),
        test(the_oldest_give_way_when_it_is_full_and_are_counted),
        test(the_newest_tick_stays_even_when_it_alone_is_too_large),
        test(a_host_that_changes_shape_each_tick_stays_within_the_bound),
        test(a_parcel_leaves_room_for_the_table_until_that_is_known),
        test(doubles_and_absent_values_survive_merging),
        test(a_parcel_on_its_way_keeps_its_table_when_its_ticks_give_way),
        test(ticks_before_and_after_a_long_sleep_never_share_a_batch),
        test(what_gives_way_is_told_as_lost),
        test(of_what_is_spooled_only_a_window_stays_and_nothing_is_lost),
        test(of_what_gives_way_only_what_is_not_spooled_is_lost),
        test(the_spool_gets_records_as_they_are_and_a_part_where_it_has_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
