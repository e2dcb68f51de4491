/* What may be agreed: contracts and packs. */
#include "collector/event/book_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void a_contract_that_makes_no_sense_is_refused(void **state)
{
    struct book *book = *state;
    struct contract row = a_contract(0, "gold", "2026-01-01", 1);
    assert_refused(book, &row, -ENOENT, "there is no plan gold");
    row = a_contract(0, "drill", "2026-01-01", 1);
    assert_refused(book, &row, -EINVAL, "for exercises");
    row = a_contract(0, "small", "2025-12-31", 1);
    assert_refused(book, &row, -ENOENT, "plan small holds from 2026-01-01 on");
    row = a_contract(0, "small", "2026-02-30", 1);
    assert_refused(book, &row, -EINVAL, "2026-02-30");
    row = a_contract(0, "small", "2026-01-01", CONTRACT_YEARS_MAX + 1);
    assert_refused(book, &row, -EINVAL, "want 1..10");
    row = a_contract(0, "small", "2026-01-01", 1);
    snprintf(row.zone, sizeof row.zone, "Mars/Olympus");
    assert_refused(book, &row, -EINVAL, "Mars/Olympus");
}

static void contracts_do_not_overlap(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "small", "2026-03-01", 1);
    struct contract row = a_contract(0, "large", "2027-02-28", 1);
    assert_refused(book, &row, -EEXIST, "from 2026-03-01 to 2027-02-28");
    row = a_contract(0, "large", "2026-01-01", 1);
    assert_refused(book, &row, -EEXIST, "overlap");
    have_contract(book, 2, "large", "2027-03-01", 1);
    row = a_contract(1, "small", "2026-03-01", 2);
    assert_refused(book, &row, -EEXIST, "from 2027-03-01");
}

static void an_unlocked_contract_may_become_anything(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 3);
    have_contract(book, 1, "poor", "2026-01-01", 1);
    struct contract row = a_contract(1, "poor", "2026-01-01", 0);
    assert_int_equal(book_check_contract(book, &plans, &row, NULL), 0);
    assert_int_equal(book_put_contract(book, &row, NULL), 0);
    assert_int_equal(book->n_contracts, 0);
}

static void a_locked_contract_holds_for_its_term(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "small", "2026-01-01", 2);
    lock(book, 1);
    struct contract row = a_contract(1, "small", "2026-01-01", 0);
    assert_refused(book, &row, -EPERM,
                   "entitlement: the contract cannot be cancelled: days of it were requested on 2026-11-23, so it holds"
                   " for its term, to the end of 2027-12-31");
    row = a_contract(1, "poor", "2026-01-01", 2);
    assert_refused(book, &row, -EPERM, "cannot be downgraded");
    row = a_contract(1, "small", "2026-01-01", 1);
    assert_refused(book, &row, -EPERM, "cannot be shortened");
    row = a_contract(1, "small", "2026-01-01", 2);
    snprintf(row.zone, sizeof row.zone, "UTC");
    assert_refused(book, &row, -EPERM, "cannot be moved");
}

static void a_locked_contract_may_become_more(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "small", "2026-01-01", 1);
    lock(book, 1);
    assert_int_equal(take(book, 1, "2026-06-01", 1).rc, 0);
    have_contract(book, 1, "small", "2026-01-01", 2);
    have_contract(book, 1, "large", "2026-01-01", 2);
    assert_int_equal(left(book, "2026-06-01"), 2);
}

static void a_plan_nobody_knows_any_more_is_not_left_by_a_locked_contract(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "small", "2026-01-01", 1);
    lock(book, 1);
    snprintf(shelf[1].name, sizeof shelf[1].name, "gone");
    struct contract row = a_contract(1, "large", "2026-01-01", 1);
    assert_refused(book, &row, -EPERM, "cannot be downgraded");
    assert_int_equal(take(book, 1, "2026-06-01", 1).rc, -ENOENT);
}

/* As when the lock was lost with a file from before. */
static void what_is_drawn_stays_covered(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 1);
    assert_int_equal(take(book, 1, "2026-06-01", 3).rc, 0);
    struct contract row = a_contract(1, "small", "2026-01-01", 1);
    assert_refused(book, &row, -EPERM,
                   "days of assurance in the contract year to 2026-12-31: drawn 3, plan small"
                   " grants 1");
}

static void a_pack_that_makes_no_sense_is_refused(void **state)
{
    struct book *book = *state;
    struct pack row = { .id = 1, .days = 1, .from_day = "2026-01-01", .to_day = "2026-12-31" };
    assert_int_equal(book_check_pack(book, &row, NULL), -EPERM); /* no contract */
    have_contract(book, 1, "small", "2026-01-01", 1);
    assert_int_equal(book_check_pack(book, &row, NULL), 0);
    row.days = 0;
    assert_int_equal(book_check_pack(book, &row, NULL), -EINVAL);
    row.days = PACK_DAYS_MAX + 1;
    assert_int_equal(book_check_pack(book, &row, NULL), -EINVAL);
    row.days = 1;
    memcpy(row.to_day, "2025-12-31", sizeof row.to_day);
    assert_int_equal(book_check_pack(book, &row, NULL), -EINVAL);
    memcpy(row.to_day, "2026-02-30", sizeof row.to_day);
    assert_int_equal(book_check_pack(book, &row, NULL), -EINVAL);
}

static void rows_that_contradict_the_book_do_not_come_back(void **state)
{
    struct book *book = *state;
    have_contract(book, 5, "small", "2026-01-01", 1);
    struct contract contract = a_contract(6, "small", "2026-12-31", 1);
    assert_int_equal(book_put_contract(book, &contract, NULL), -EBADMSG);
    contract = a_contract(6, "small", "2027-13-01", 1);
    assert_int_equal(book_put_contract(book, &contract, NULL), -EBADMSG);
    struct draw draw = { .id = 1, .days = 1, .contract = 5, .pack = 1, .first_day = "2026-01-01" };
    assert_int_equal(book_put_draw(book, &draw, NULL), -EBADMSG);
    struct pack pack = { .id = 1, .days = 1, .from_day = "2026-01-01", .to_day = "x" };
    assert_int_equal(book_put_pack(book, &pack, NULL), -EBADMSG);
    contract = a_contract(3, "small", "2025-01-01", 1);
    assert_int_equal(book_put_contract(book, &contract, NULL), 0); /* rows may come in any order */
    assert_true(book->contracts[0].id == 3 && book->contracts[1].id == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOOK_TEST(a_contract_that_makes_no_sense_is_refused),
        BOOK_TEST(contracts_do_not_overlap),
        BOOK_TEST(an_unlocked_contract_may_become_anything),
        BOOK_TEST(a_locked_contract_holds_for_its_term),
        BOOK_TEST(a_locked_contract_may_become_more),
        BOOK_TEST(a_plan_nobody_knows_any_more_is_not_left_by_a_locked_contract),
        BOOK_TEST(what_is_drawn_stays_covered),
        BOOK_TEST(a_pack_that_makes_no_sense_is_refused),
        BOOK_TEST(rows_that_contradict_the_book_do_not_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
