/* What a contract year grants, and what is drawn of it. */
#include "collector/event/book_fixture.h"

#include <errno.h>
#include <string.h>

/* ---- years and balances ---- */

static void a_contract_year_goes_to_the_day_before_the_anniversary(void **state)
{
    struct book *book = *state;
    struct balance balance;
    have_contract(book, 1, "large", "2026-03-15", 2);
    const struct contract *contract = book_contract(book, number("2026-03-15"));
    assert_non_null(contract);
    assert_null(book_contract(book, number("2026-03-14")));
    assert_ptr_equal(book_contract(book, number("2028-03-14")), contract);
    assert_null(book_contract(book, number("2028-03-15")));
    assert_int_equal(book_balance(book, &plans, contract, GRANT_ASSURANCE, number("2027-03-14"), &balance, NULL), 0);
    assert_int_equal(balance.year, 1);
    assert_int_equal(balance.last, number("2027-03-14"));
    assert_int_equal(book_balance(book, &plans, contract, GRANT_ASSURANCE, number("2027-03-15"), &balance, NULL), 0);
    assert_int_equal(balance.year, 2);
    assert_int_equal(balance.first, number("2027-03-15"));
    assert_int_equal(balance.granted, 3);
    assert_int_equal(book_balance(book, &plans, contract, GRANT_ASSURANCE, number("2028-03-15"), &balance, NULL),
                     -ENOENT);
}

static void a_contract_year_has_the_version_that_is_good_on_its_first_day(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "small", "2027-06-01", 2);
    assert_int_equal(left(book, "2027-12-31"), 1);
    assert_int_equal(left(book, "2028-05-31"), 1); /* the new version is good, but this year began without it */
    assert_int_equal(left(book, "2028-06-01"), 2);
}

static void what_a_year_leaves_is_gone_with_it(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 2);
    assert_int_equal(take(book, 1, "2026-06-01", 1).rc, 0);
    assert_int_equal(left(book, "2026-12-31"), 2);
    assert_int_equal(left(book, "2027-01-01"), 3);
}

static void an_event_over_the_years_end_draws_from_the_year_it_begins_in(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 2);
    assert_int_equal(take(book, 1, "2026-12-30", 3).rc, 0);
    assert_int_equal(left(book, "2026-12-31"), 0);
    assert_int_equal(left(book, "2027-01-01"), 3);
    assert_int_equal(take(book, 2, "2026-12-31", 1).rc, -EPERM);
}

static void the_tenants_zone_is_that_of_the_contract_then_or_of_the_nearest(void **state)
{
    struct book *book = *state;
    assert_null(book_contract_at(book, NOW_US));
    have_contract(book, 1, "large", "2026-01-01", 1);
    have_contract(book, 2, "large", "2027-01-01", 1);
    assert_int_equal(book_contract_at(book, NOW_US - 1000 * DAY_US)->id, 1);
    assert_int_equal(book_contract_at(book, NOW_US)->id, 1);
    /* 2026-12-31T16:00:00Z is midnight in Shanghai. */
    int64_t midnight_us = NOW_US + 38 * DAY_US + 16 * 3600 * US_PER_S;
    assert_int_equal(book_contract_at(book, midnight_us - 1)->id, 1);
    assert_int_equal(book_contract_at(book, midnight_us)->id, 2);
    assert_int_equal(book_contract_at(book, NOW_US + 5000 * DAY_US)->id, 2);
}

static void a_plan_that_came_to_grant_less_leaves_nothing_rather_than_less(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 1);
    assert_int_equal(take(book, 1, "2026-06-01", 3).rc, 0);
    shelf[2].versions[0].days[GRANT_ASSURANCE] = 1;
    assert_int_equal(left(book, "2026-06-01"), 0);
    assert_int_equal(take(book, 2, "2026-06-01", 1).rc, -EPERM);
}

/* ---- draws ---- */

static void a_draw_takes_whole_days_until_there_are_none(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 1);
    struct took took = take(book, 11, "2026-06-01", 2);
    assert_int_equal(took.rc, 0);
    assert_int_equal(took.n, 1);
    assert_true(took.draws[0].id == 1 && took.draws[0].tenant == 7 && took.draws[0].event == 11);
    assert_true(took.draws[0].contract == 1 && took.draws[0].pack == 0 && took.draws[0].days == 2);
    assert_string_equal(took.draws[0].first_day, "2026-06-01");
    assert_string_equal(took.draws[0].by, "li");
    took = take(book, 12, "2026-07-01", 2);
    assert_int_equal(took.rc, -EPERM);
    assert_string_equal(
        took.err.text,
        "entitlement: days of assurance from 2026-07-01 on: wanted 2, left 1: plan large grants 3 in the contract"
        " year to 2026-12-31 (2 taken), packs have 0; warroom entitlement buy adds days");
    assert_int_equal(book->n_draws, 1);
    assert_int_equal(take(book, 12, "2026-07-01", 1).rc, 0);
}

static void an_event_draws_once(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 1);
    assert_int_equal(take(book, 11, "2026-06-01", 1).rc, 0);
    struct took took = take(book, 11, "2026-06-01", 1);
    assert_int_equal(took.rc, -EPERM);
    assert_non_null(strstr(took.err.text, "already"));
    assert_int_equal(left(book, "2026-06-01"), 2);
}

static void without_a_contract_there_is_nothing(void **state)
{
    struct book *book = *state;
    struct took took = take(book, 1, "2026-06-01", 1);
    assert_int_equal(took.rc, -EPERM);
    assert_non_null(strstr(took.err.text, "no contract covers 2026-06-01"));
    have_contract(book, 1, "large", "2027-01-01", 1);
    assert_int_equal(take(book, 1, "2026-12-31", 1).rc, -EPERM);
}

static void packs_give_what_the_plan_does_not_the_one_that_ends_first_before(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "small", "2026-01-01", 1);
    have_pack(book, 1, 5, "2026-01-01", "2027-06-30");
    have_pack(book, 2, 1, "2026-01-01", "2026-12-31");
    have_pack(book, 3, 5, "2026-08-01", "2026-12-31");
    assert_int_equal(left(book, "2026-06-01"), 7);
    struct took took = take(book, 11, "2026-06-01", 4);
    assert_int_equal(took.rc, 0);
    assert_int_equal(took.n, 3);
    assert_true(took.draws[0].contract == 1 && took.draws[0].days == 1);
    assert_true(took.draws[1].pack == 2 && took.draws[1].days == 1);
    assert_true(took.draws[2].pack == 1 && took.draws[2].days == 2);
    assert_int_equal(book_pack_left(book, &book->packs[0]), 3);
    assert_int_equal(book_pack_left(book, &book->packs[1]), 0);
}

static void a_pack_is_good_from_its_first_day_to_its_last(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "poor", "2026-01-01", 1);
    have_pack(book, 1, 9, "2026-06-01", "2026-06-02");
    assert_int_equal(take(book, 1, "2026-05-31", 1).rc, -EPERM);
    assert_int_equal(take(book, 2, "2026-06-03", 1).rc, -EPERM);
    assert_int_equal(take(book, 3, "2026-06-01", 1).rc, 0);
    assert_int_equal(take(book, 4, "2026-06-02", 8).rc, 0); /* its first day counts */
    struct want want = { .kind = GRANT_ADVICE, .first_day = number("2026-06-01"), .days = 1, .by = "li" };
    struct draw draws[TAKES_MAX];
    size_t n;
    assert_int_equal(book_take(book, &plans, &want, draws, &n, NULL), -EPERM); /* it is a pack of assurance */
}

static void what_an_event_drew_is_given_back_whole_and_once(void **state)
{
    struct book *book = *state;
    struct draw back[TAKES_MAX];
    size_t n = 99;
    have_contract(book, 1, "small", "2026-01-01", 1);
    have_pack(book, 1, 5, "2026-01-01", "2026-12-31");
    assert_int_equal(take(book, 11, "2026-06-01", 3).rc, 0);
    assert_int_equal(take(book, 12, "2026-06-01", 1).rc, 0);
    book_give_back(book, 11, 0, NOW_US + 5, "wang", back, &n);
    assert_int_equal(n, 2);
    assert_true(back[0].state == DRAW_RETURNED && back[0].at_us == NOW_US + 5 && back[0].days + back[1].days == 3);
    assert_string_equal(back[1].by, "wang");
    assert_int_equal(left(book, "2026-06-01"), 5);
    book_give_back(book, 11, 0, NOW_US + 6, "wang", back, &n);
    assert_int_equal(n, 0);
    book_give_back(book, 13, 0, NOW_US + 6, "wang", back, &n);
    assert_int_equal(n, 0);
    assert_int_equal(take(book, 11, "2026-06-02", 5).rc, 0); /* it may draw again */
}

static void advice_is_given_back_by_its_draw(void **state)
{
    struct book *book = *state;
    struct draw draws[TAKES_MAX], back[TAKES_MAX];
    size_t n = 0;
    have_contract(book, 1, "large", "2026-01-01", 1);
    struct want want = { .kind = GRANT_ADVICE, .first_day = number("2026-06-01"), .days = 1, .by = "li" };
    assert_int_equal(book_take(book, &plans, &want, draws, &n, NULL), 0);
    assert_int_equal(book_take(book, &plans, &want, draws, &n, NULL), 0); /* no event: as often as there are days */
    assert_int_equal(book_take(book, &plans, &want, draws, &n, NULL), -EPERM);
    book_give_back(book, 0, 2, NOW_US, "li", back, &n);
    assert_int_equal(n, 1);
    assert_int_equal(back[0].id, 2);
    assert_int_equal(book_left(book, &plans, GRANT_ADVICE, number("2026-06-01")), 1);
}

static void days_of_a_draw_are_1_to_31(void **state)
{
    struct book *book = *state;
    have_contract(book, 1, "large", "2026-01-01", 1);
    assert_int_equal(take(book, 1, "2026-06-01", 0).rc, -EINVAL);
    assert_int_equal(take(book, 1, "2026-06-01", -1).rc, -EINVAL);
    assert_int_equal(take(book, 1, "2026-06-01", EVENT_DAYS_MAX + 1).rc, -EINVAL);
    have_pack(book, 1, EVENT_DAYS_MAX, "2026-01-01", "2026-12-31");
    assert_int_equal(take(book, 1, "2026-06-01", EVENT_DAYS_MAX).rc, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOOK_TEST(a_contract_year_goes_to_the_day_before_the_anniversary),
        BOOK_TEST(a_contract_year_has_the_version_that_is_good_on_its_first_day),
        BOOK_TEST(what_a_year_leaves_is_gone_with_it),
        BOOK_TEST(an_event_over_the_years_end_draws_from_the_year_it_begins_in),
        BOOK_TEST(the_tenants_zone_is_that_of_the_contract_then_or_of_the_nearest),
        BOOK_TEST(a_plan_that_came_to_grant_less_leaves_nothing_rather_than_less),
        BOOK_TEST(a_draw_takes_whole_days_until_there_are_none),
        BOOK_TEST(an_event_draws_once),
        BOOK_TEST(without_a_contract_there_is_nothing),
        BOOK_TEST(packs_give_what_the_plan_does_not_the_one_that_ends_first_before),
        BOOK_TEST(a_pack_is_good_from_its_first_day_to_its_last),
        BOOK_TEST(what_an_event_drew_is_given_back_whole_and_once),
        BOOK_TEST(advice_is_given_back_by_its_draw),
        BOOK_TEST(days_of_a_draw_are_1_to_31),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
