#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collector/ingest/ingest.h"

#define HOST 0x11

struct fixture {
    struct ingest *ingest;
    struct ingest_run *run;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct run_id id = { { 1, 2, 3 } };
    if (ingest_new(&fixture.ingest, NULL) < 0)
        return -1;
    *state = &fixture;
    return ingest_run(fixture.ingest, HOST, &id, &fixture.run, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ingest_free(f->ingest);
    return 0;
}

static struct ingest_decision offer(struct fixture *f, uint64_t first, uint64_t last, uint64_t highest)
{
    struct ingest_decision decision;
    struct report report = { .highest = highest };
    report.batch.first = first;
    report.batch.n_ticks = (uint32_t)(last - first + 1);
    ingest_offer(f->run, &report, &decision);
    return decision;
}

static void store(struct fixture *f, uint64_t first, uint64_t last)
{
    struct span stored;
    assert_int_equal(ingest_admit(f->run, first, last), 0);
    assert_int_equal(ingest_stored(f->run, first, last, &stored), 0);
}

static void a_fresh_batch_is_new_then_pending_then_stored(void **state)
{
    struct fixture *f = *state;
    struct span stored;
    assert_int_equal(offer(f, 1, 3, 3).verdict, INGEST_NEW);
    assert_int_equal(ingest_admit(f->run, 1, 3), 0);
    assert_int_equal(offer(f, 1, 3, 3).verdict, INGEST_PENDING);
    assert_int_equal(ingest_stored(f->run, 1, 3, &stored), 0);
    assert_int_equal(stored.first, 1);
    assert_int_equal(stored.last, 3);
    assert_int_equal(offer(f, 1, 3, 3).verdict, INGEST_STORED);
    assert_int_equal(offer(f, 2, 2, 3).verdict, INGEST_STORED);
}

static void an_ack_names_the_whole_interval_on_disk(void **state)
{
    struct fixture *f = *state;
    struct span stored;
    store(f, 1, 10);
    assert_int_equal(ingest_admit(f->run, 11, 12), 0);
    assert_int_equal(ingest_stored(f->run, 11, 12, &stored), 0);
    assert_int_equal(stored.first, 1);
    assert_int_equal(stored.last, 12);
}

static void a_batch_above_the_declared_highest_is_refused(void **state)
{
    struct ingest_decision decision = offer(*state, 5, 9, 8);
    assert_int_equal(decision.verdict, INGEST_REFUSED);
    assert_int_equal(decision.refusal, REFUSAL_ABOVE_HIGHEST);
    assert_string_equal(decision.text, "ticks 5..9 are above 8, the highest this run has declared");
}

static void earlier_numbers_are_welcome_after_later_ones(void **state)
{
    struct fixture *f = *state;
    store(f, 100, 110);
    assert_int_equal(offer(f, 1, 99, 110).verdict, INGEST_NEW);
}

static void a_batch_that_overlaps_what_is_stored_is_refused_with_what_is(void **state)
{
    struct fixture *f = *state;
    store(f, 5, 10);
    struct ingest_decision decision = offer(f, 8, 12, 12);
    assert_int_equal(decision.verdict, INGEST_REFUSED);
    assert_int_equal(decision.refusal, REFUSAL_OVERLAP);
    assert_int_equal(decision.stored.first, 5);
    assert_int_equal(decision.stored.last, 10);
}

static void a_batch_that_overlaps_what_is_pending_comes_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ingest_admit(f->run, 5, 10), 0);
    assert_int_equal(offer(f, 8, 12, 12).verdict, INGEST_BUSY);
}

static void ticks_whose_samples_were_lost_are_stored_again_but_not_judged_again(void **state)
{
    struct fixture *f = *state;
    struct span part;
    assert_true(ingest_unjudged(f->run, 1, 3, &part));
    assert_int_equal(ingest_admit(f->run, 1, 3), 0);
    ingest_lost(f->run, 1, 3);
    assert_int_equal(offer(f, 1, 3, 3).verdict, INGEST_NEW);
    assert_false(ingest_unjudged(f->run, 1, 3, &part));
    assert_true(ingest_unjudged(f->run, 1, 5, &part)); /* merged with newer ones: only those are judged */
    assert_int_equal(part.first, 4);
    assert_int_equal(part.last, 5);
}

static void what_the_store_held_at_start_is_stored_and_judged(void **state)
{
    struct fixture *f = *state;
    struct span part;
    assert_int_equal(ingest_restore(f->run, 1, 50), 0);
    assert_int_equal(offer(f, 20, 50, 50).verdict, INGEST_STORED);
    assert_false(ingest_unjudged(f->run, 1, 50, &part));
    assert_int_equal(offer(f, 51, 52, 52).verdict, INGEST_NEW);
}

static void runs_of_one_host_are_apart(void **state)
{
    struct fixture *f = *state;
    struct ingest_run *other;
    struct run_id id = { { 9 } };
    store(f, 1, 10);
    assert_int_equal(ingest_run(f->ingest, HOST, &id, &other, NULL), 0);
    assert_ptr_not_equal(other, f->run);
    assert_int_equal(spans_hold(&other->stored, 1, 1), SPANS_NONE);
}

static int nth_run(struct fixture *f, uint64_t host, unsigned n, struct ingest_run **ret)
{
    struct run_id id = { { 0xee } };
    memcpy(id.bytes + 4, &n, sizeof n);
    return ingest_run(f->ingest, host, &id, ret, NULL);
}

static void of_a_host_that_keeps_restarting_the_oldest_run_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct ingest_run *run;
    struct span stored;
    assert_int_equal(nth_run(f, HOST, 0, &run), 0);
    assert_int_equal(ingest_admit(run, 1, 5), 0);
    assert_int_equal(ingest_stored(run, 1, 5, &stored), 0);
    for (unsigned n = 1; n <= 2 * INGEST_RUNS_MAX; n++)
        assert_int_equal(nth_run(f, HOST, n, &run), 0);
    assert_int_equal(nth_run(f, HOST, 0, &run), 0);
    assert_int_equal(spans_hold(&run->stored, 1, 5), SPANS_NONE);
}

static void a_run_that_is_held_or_pending_is_not_forgotten(void **state)
{
    struct fixture *f = *state;
    struct ingest_run *held, *pending, *run;
    assert_int_equal(nth_run(f, HOST, 0, &held), 0);
    ingest_hold(held);
    assert_int_equal(nth_run(f, HOST, 1, &pending), 0);
    assert_int_equal(ingest_admit(pending, 1, 5), 0);
    for (unsigned n = 2; n <= 2 * INGEST_RUNS_MAX; n++)
        assert_int_equal(nth_run(f, HOST, n, &run), 0);
    assert_int_equal(nth_run(f, HOST, 0, &run), 0);
    assert_ptr_equal(run, held);
    assert_int_equal(nth_run(f, HOST, 1, &run), 0);
    assert_ptr_equal(run, pending);
    ingest_let_go(held);
}

static void as_many_held_runs_as_there_may_be_are_an_answer(void **state)
{
    struct fixture *f = *state;
    struct ingest_run *run;
    ingest_hold(f->run);
    for (unsigned n = 1; n < INGEST_RUNS_MAX; n++) {
        assert_int_equal(nth_run(f, HOST, n, &run), 0);
        ingest_hold(run);
    }
    assert_int_equal(nth_run(f, HOST, INGEST_RUNS_MAX, &run), -ENOSPC);
    assert_int_equal(nth_run(f, HOST + 1, 1, &run), 0); /* others are not held back */
}

static void a_run_of_many_gaps_goes_on_and_its_oldest_ticks_are_forgotten_here(void **state)
{
    struct fixture *f = *state;
    struct span stored;
    uint64_t n = 1;
    for (int i = 0; i < 2 * SPANS_MAX; i++, n += 2) {
        assert_int_equal(ingest_admit(f->run, n, n), 0);
        assert_int_equal(ingest_stored(f->run, n, n, &stored), 0);
        assert_int_equal(stored.first, n);
    }
    assert_true(f->run->stored.n < SPANS_MAX && f->run->judged.n < SPANS_MAX);
    assert_int_equal(f->run->pending.n, 0);
    assert_int_equal(spans_hold(&f->run->stored, n - 2, n - 2), SPANS_ALL);
    assert_int_equal(spans_hold(&f->run->stored, 1, 1), SPANS_NONE); /* the store still knows it */
}

static void a_run_whose_groups_do_not_come_back_is_to_wait(void **state)
{
    struct fixture *f = *state;
    uint64_t n = 1;
    for (; offer(f, n, n, n).verdict == INGEST_NEW; n += 2)
        assert_int_equal(ingest_admit(f->run, n, n), 0);
    assert_int_equal(offer(f, n, n, n).verdict, INGEST_BUSY);
    assert_true(f->run->pending.n < SPANS_MAX);
}

/* ---- series tables ---- */

static struct ingest_run *run_of(struct fixture *f, uint64_t host)
{
    struct ingest_run *run = NULL;
    assert_int_equal(ingest_run(f->ingest, host, &(struct run_id){ { 7 } }, &run, NULL), 0);
    return run;
}

static const struct ingest_table *learn(struct fixture *f, uint64_t host, uint8_t mark)
{
    static const struct series rows[] = {
        { "system.memory.utilization", "", "1", -4 },
        { "system.cpu.utilization", "", "1", -4 },
    };
    const struct ingest_table *table = NULL;
    struct series_table content = { .hash = { { mark } }, .n = 2, .at = rows };
    uint8_t encoded[] = { mark, 7, 7 };
    assert_int_equal(ingest_learn_table(f->ingest, host, &content, (struct bytes){ encoded, 3 }, 0, &table, NULL), 0);
    return table;
}

static void hosts_of_one_kind_share_one_table(void **state)
{
    struct fixture *f = *state;
    const struct ingest_table *one = learn(f, 1, 0xaa);
    assert_ptr_equal(learn(f, 2, 0xaa), one);
    assert_int_equal(one->cpu, 1);
    assert_int_equal(one->memory, 0);
    assert_int_equal(one->encoded.at[0], 0xaa);
}

static void a_host_may_use_only_tables_it_has_sent(void **state)
{
    struct fixture *f = *state;
    struct table_hash hash = { { 0xaa } };
    learn(f, 1, 0xaa);
    assert_non_null(ingest_table(run_of(f, 1), &hash));
    assert_null(ingest_table(run_of(f, 2), &hash));
}

static void the_oldest_table_of_a_host_gives_way(void **state)
{
    struct fixture *f = *state;
    for (int mark = 1; mark <= TABLES_PER_HOST + 1; mark++)
        learn(f, 1, (uint8_t)mark);
    assert_null(ingest_table(run_of(f, 1), &(struct table_hash){ { 1 } }));
    for (int mark = 2; mark <= TABLES_PER_HOST + 1; mark++)
        assert_non_null(ingest_table(run_of(f, 1), &(struct table_hash){ { (uint8_t)mark } }));
}

static void a_day_brings_so_many_new_tables_and_no_more(void **state)
{
    struct fixture *f = *state;
    const int64_t tomorrow_us = INT64_C(86400) * 1000000;
    uint8_t encoded[3] = { 1 };
    const struct ingest_table *table;
    struct series row = { .metric = "m", .instance = "", .unit = "1" };
    struct series_table content = { .hash = { { 0 } }, .n = 1, .at = &row };
    struct bytes bytes = { encoded, sizeof encoded };
    for (unsigned i = 0; i < QUOTA_NAMES; i++) {
        content.hash.bytes[0] = (uint8_t)i;
        assert_int_equal(ingest_learn_table(f->ingest, 1, &content, bytes, 0, &table, NULL), 0);
    }
    content.hash.bytes[0] = QUOTA_NAMES;
    assert_int_equal(ingest_learn_table(f->ingest, 1, &content, bytes, 0, &table, NULL), -EDQUOT);
    assert_int_equal(ingest_learn_table(f->ingest, 2, &content, bytes, 0, &table, NULL), 0); /* another host */
    assert_int_equal(ingest_learn_table(f->ingest, 1, &content, bytes, tomorrow_us, &table, NULL), 0);
    for (unsigned i = 0; i < QUOTA_NAMES - 1; i++) {
        content.hash.bytes[0] = (uint8_t)i;
        assert_int_equal(ingest_learn_table(f->ingest, 1, &content, bytes, tomorrow_us, &table, NULL), 0);
    }
    content.hash.bytes[0] = QUOTA_NAMES - 1;
    assert_int_equal(ingest_learn_table(f->ingest, 1, &content, bytes, tomorrow_us, &table, NULL), -EDQUOT);
    content.hash.bytes[0] = QUOTA_NAMES - 2; /* it came already */
    assert_int_equal(ingest_learn_table(f->ingest, 1, &content, bytes, tomorrow_us, &table, NULL), 0);
}

static void runs_nobody_has_heard_of_may_declare_losses_within_a_days_limit(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < QUOTA_NAMES; i++)
        assert_true(ingest_may_declare(f->ingest, HOST, &(struct run_id){ { 0xee, (uint8_t)i } }, 0));
    struct run_id another = { { 0xee, QUOTA_NAMES } };
    assert_false(ingest_may_declare(f->ingest, HOST, &another, 0));
    assert_true(ingest_may_declare(f->ingest, HOST, &f->run->run, 0));
    struct ingest_run *run;
    assert_int_equal(ingest_run(f->ingest, HOST, &another, &run, NULL), 0); /* it is known from now on */
    assert_true(ingest_may_declare(f->ingest, HOST, &another, 0));
}

static void whether_a_table_is_on_disk_is_known_per_host(void **state)
{
    struct fixture *f = *state;
    struct table_hash hash = { { 0xaa } };
    learn(f, 1, 0xaa);
    learn(f, 2, 0xaa);
    assert_false(ingest_table_is_stored(run_of(f, 1), &hash));
    ingest_table_set_stored(run_of(f, 1), &hash, true);
    assert_true(ingest_table_is_stored(run_of(f, 1), &hash));
    assert_false(ingest_table_is_stored(run_of(f, 2), &hash)); /* it may be of another tenant */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_batch_is_new_then_pending_then_stored),
        TEST(an_ack_names_the_whole_interval_on_disk),
        TEST(a_batch_above_the_declared_highest_is_refused),
        TEST(earlier_numbers_are_welcome_after_later_ones),
        TEST(a_batch_that_overlaps_what_is_stored_is_refused_with_what_is),
        TEST(a_batch_that_overlaps_what_is_pending_comes_again),
        TEST(ticks_whose_samples_were_lost_are_stored_again_but_not_judged_again),
        TEST(what_the_store_held_at_start_is_stored_and_judged),
        TEST(runs_of_one_host_are_apart),
        TEST(of_a_host_that_keeps_restarting_the_oldest_run_is_forgotten),
        TEST(a_run_that_is_held_or_pending_is_not_forgotten),
        TEST(as_many_held_runs_as_there_may_be_are_an_answer),
        TEST(a_run_of_many_gaps_goes_on_and_its_oldest_ticks_are_forgotten_here),
        TEST(a_run_whose_groups_do_not_come_back_is_to_wait),
        TEST(hosts_of_one_kind_share_one_table),
        TEST(a_host_may_use_only_tables_it_has_sent),
        TEST(the_oldest_table_of_a_host_gives_way),
        TEST(a_day_brings_so_many_new_tables_and_no_more),
        TEST(runs_nobody_has_heard_of_may_declare_losses_within_a_days_limit),
        TEST(whether_a_table_is_on_disk_is_known_per_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
