#include "collector/event/entitlement.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "collector/event/calendar.h"
#include "collector/event/lead.h"

#define DAY_US  (86400 * US_PER_S)
#define NOW_US  (INT64_C(1795392000) * US_PER_S) /* 2026-11-23T00:00:00Z */
#define WEEKEND 0x60                             /* Saturday, Sunday */

static int64_t number(const char *day)
{
    int64_t number = 0;
    assert_int_equal(calendar_number(day, &number, NULL), 0);
    return number;
}

/* small: a day a year, two from 2028 on. large: three, and two of advice. poor: none. */
static struct plan shelf[4];
static const struct plans plans = { 4, shelf };

static int setup(void **state)
{
    static const struct {
        const char *name;
        int rank, assurance, advice;
        bool drill;
    } rows[] = {
        { "poor", 1, 0, 0, false }, { "small", 2, 1, 1, false }, { "large", 3, 3, 2, false }, { "drill", 0, 0, 0, true }
    };
    memset(shelf, 0, sizeof shelf);
    for (size_t i = 0; i < 4; i++) {
        struct plan *plan = &shelf[i];
        snprintf(plan->name, sizeof plan->name, "%s", rows[i].name);
        plan->rank = rows[i].rank;
        plan->drill = rows[i].drill;
        plan->n_versions = 1;
        plan->versions[0].from = number("2026-01-01");
        plan->versions[0].days[GRANT_ASSURANCE] = rows[i].assurance;
        plan->versions[0].days[GRANT_ADVICE] = rows[i].advice;
    }
    shelf[1].n_versions = 2;
    shelf[1].versions[1] = shelf[1].versions[0];
    shelf[1].versions[1].from = number("2028-01-01");
    shelf[1].versions[1].days[GRANT_ASSURANCE] = 2;
    *state = calloc(1, sizeof(struct book));
    if (*state)
        ((struct book *)*state)->tenant = 7;
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    book_done(*state);
    free(*state);
    return 0;
}

static struct contract a_contract(uint64_t id, const char *plan, const char *first_day, int years)
{
    struct contract row = { .id = id, .tenant = 7, .years = years, .set_us = NOW_US };
    snprintf(row.plan, sizeof row.plan, "%s", plan);
    snprintf(row.first_day, sizeof row.first_day, "%s", first_day);
    snprintf(row.zone, sizeof row.zone, "Asia/Shanghai");
    snprintf(row.calendar, sizeof row.calendar, "cn");
    return row;
}

static void have_contract(struct book *book, uint64_t id, const char *plan, const char *first_day, int years)
{
    struct contract row = a_contract(id, plan, first_day, years);
    struct err err = { 0 };
    if (book_check_contract(book, &plans, &row, &err) != 0 || book_put_contract(book, &row, &err) != 0)
        fail_msg("%s", err.text);
}

static void have_pack(struct book *book, uint64_t id, int days, const char *from, const char *to)
{
    struct pack row = { .id = id, .tenant = 7, .kind = GRANT_ASSURANCE, .days = days };
    struct err err = { 0 };
    snprintf(row.from_day, sizeof row.from_day, "%s", from);
    snprintf(row.to_day, sizeof row.to_day, "%s", to);
    if (book_check_pack(book, &row, &err) != 0 || book_put_pack(book, &row, &err) != 0)
        fail_msg("%s", err.text);
}

static void lock(struct book *book, uint64_t id)
{
    for (size_t i = 0; i < book->n_contracts; i++)
        if (book->contracts[i].id == id)
            book->contracts[i].locked_us = NOW_US;
}

struct took {
    int rc;
    size_t n;
    struct draw draws[TAKES_MAX];
    struct err err;
};

static struct took take(struct book *book, uint64_t event, const char *first_day, int days)
{
    struct want want = { .kind = GRANT_ASSURANCE,
                         .event = event,
                         .first_day = number(first_day),
                         .days = days,
                         .now_us = NOW_US,
                         .by = "li" };
    struct took took = { 0 };
    took.rc = book_take(book, &plans, &want, took.draws, &took.n, &took.err);
    return took;
}

static int left(const struct book *book, const char *day)
{
    return book_left(book, &plans, GRANT_ASSURANCE, number(day));
}

static void assert_refused(const struct book *book, const struct contract *row, int code, const char *says)
{
    struct err err = { 0 };
    assert_int_equal(book_check_contract(book, &plans, row, &err), code);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}

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

/* ---- what may be agreed ---- */

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

/* ---- lead times ---- */

static struct holidays weekends_of(int year)
{
    struct holidays holidays = { .name = "w", .n_years = 1, .years = { { .year = year } } };
    char day[CALENDAR_DAY_TEXT];
    snprintf(day, sizeof day, "%d-01-01", year);
    for (int64_t at = 0; at < 366; at++)
        if (WEEKEND >> calendar_weekday(number(day) + at) & 1)
            holidays.years[0].off[at / 8] |= (uint8_t)(1U << (at % 8));
    return holidays;
}

static void a_request_with_less_than_its_lead_is_late_and_hears_the_earliest_day(void **state)
{
    (void)state;
    struct holidays holidays = weekends_of(2026);
    struct lead lead;
    lead_check(&holidays, 10, number("2026-11-23"), number("2026-12-08"), &lead);
    assert_false(lead.late);
    lead_check(&holidays, 10, number("2026-11-23"), number("2026-12-07"), &lead);
    assert_true(lead.late);
    assert_int_equal(lead.earliest, number("2026-12-08"));
    assert_string_equal(lead.text,
                        "asked on 2026-11-23 for 2026-12-07: less than 10 working days ahead, the earliest day"
                        " would be 2026-12-08");
    lead_check(NULL, 0, number("2026-11-23"), number("2026-11-23"), &lead);
    assert_false(lead.late);
}

static void what_the_calendar_cannot_tell_is_late_and_says_so(void **state)
{
    (void)state;
    struct holidays holidays = weekends_of(2026);
    struct lead lead;
    lead_check(&holidays, 10, number("2026-12-28"), number("2027-06-01"), &lead);
    assert_true(lead.late);
    assert_int_equal(lead.earliest, 0);
    assert_non_null(strstr(lead.text, "cannot be told"));
    assert_non_null(strstr(lead.text, "does not cover 2027"));
    lead_check(NULL, 10, number("2026-11-23"), number("2027-06-01"), &lead);
    assert_true(lead.late);
    /* Ten working days fit into what it covers: a window beyond it is in time. */
    lead_check(&holidays, 10, number("2026-11-23"), number("2027-06-01"), &lead);
    assert_false(lead.late);
}

/* ---- any order of requests ---- */

enum { EVENTS = 40, STEPS = 1500 };

struct request {
    enum { NOT_ASKED, PENDING, ACCEPTED, CANCELLED, BEGUN } state;
    int64_t first;
    int days;
};

struct game {
    struct book *book;
    uint32_t dice;
    struct request requests[EVENTS];
    uint64_t last_contract, last_pack;
    unsigned accepted, refused, returned, locked;
};

static unsigned roll(struct game *game, unsigned sides)
{
    game->dice = game->dice * 1664525U + 1013904223U;
    return (game->dice >> 8) % sides;
}

static int64_t some_day(struct game *game)
{
    return number("2026-01-01") + roll(game, 3 * 365);
}

static void agree(struct game *game)
{
    static const char *const names[] = { "poor", "small", "large" };
    char day[CALENDAR_DAY_TEXT];
    struct book *book = game->book;
    struct contract row = a_contract(0, names[roll(game, 3)], "2026-01-01", (int)roll(game, 4));
    if (book->n_contracts > 0 && roll(game, 2)) {
        const struct contract *was = &book->contracts[roll(game, (unsigned)book->n_contracts)];
        row.id = was->id;
        memcpy(row.first_day, was->first_day, sizeof row.first_day);
        row.locked_us = was->locked_us;
    } else {
        row.id = game->last_contract + 1;
        memcpy(row.first_day, calendar_text(day, some_day(game)), sizeof row.first_day);
    }
    if (row.years == 0 && row.id > game->last_contract)
        return;
    if (book_check_contract(book, &plans, &row, NULL) == 0) {
        assert_int_equal(book_put_contract(book, &row, NULL), 0);
        if (row.id > game->last_contract)
            game->last_contract = row.id;
    }
}

static void buy(struct game *game)
{
    struct pack row = { .id = game->last_pack + 1, .days = (int)roll(game, 3) + 1 };
    row.kind = (enum grant)roll(game, GRANT_COUNT);
    int64_t from = some_day(game);
    calendar_text(row.from_day, from);
    calendar_text(row.to_day, from + roll(game, 200));
    if (game->last_pack < 30 && book_check_pack(game->book, &row, NULL) == 0) {
        assert_int_equal(book_put_pack(game->book, &row, NULL), 0);
        game->last_pack++;
    }
}

static void ask(struct game *game, struct request *request)
{
    if (request->state != NOT_ASKED && request->state != CANCELLED)
        return;
    *request = (struct request){ PENDING, some_day(game), (int)roll(game, 4) + 1 };
    const struct contract *contract = book_contract(game->book, request->first);
    if (contract) {
        lock(game->book, contract->id);
        game->locked++;
    }
}

static void accept(struct game *game, struct request *request)
{
    struct draw draws[TAKES_MAX];
    size_t n;
    uint64_t id = (uint64_t)(request - game->requests) + 1;
    struct want want = { GRANT_ASSURANCE, id, request->first, request->days, NOW_US, "li" };
    if (request->state == BEGUN || request->state == CANCELLED || request->state == NOT_ASKED)
        return;
    int before = book_left(game->book, &plans, GRANT_ASSURANCE, request->first);
    int rc = book_take(game->book, &plans, &want, draws, &n, NULL);
    if (request->state == ACCEPTED) {
        assert_int_equal(rc, -EPERM);
        return;
    }
    assert_int_equal(rc == 0, before >= request->days);
    request->state = rc == 0 ? ACCEPTED : PENDING;
    game->accepted += rc == 0;
    game->refused += rc != 0;
}

static void advise(struct game *game)
{
    struct draw draws[TAKES_MAX];
    size_t n;
    struct want want = { GRANT_ADVICE, 0, some_day(game), 1, NOW_US, "li" };
    const struct contract *contract = book_contract(game->book, want.first_day);
    if (contract)
        lock(game->book, contract->id);
    book_take(game->book, &plans, &want, draws, &n, NULL);
}

static void cancel(struct game *game, struct request *request)
{
    struct draw back[TAKES_MAX];
    size_t n = 0;
    int days = 0;
    if (request->state != PENDING && request->state != ACCEPTED)
        return;
    book_give_back(game->book, (uint64_t)(request - game->requests) + 1, 0, NOW_US, "li", back, &n);
    for (size_t i = 0; i < n; i++)
        days += back[i].days;
    assert_int_equal(days, request->state == ACCEPTED ? request->days : 0);
    request->state = CANCELLED;
    game->returned += days > 0;
}

/* Counted here by other ways than the book's own: by rows, not by years. */
static void check(const struct game *game)
{
    const struct book *book = game->book;
    for (size_t i = 0; i < book->n_contracts; i++) {
        const struct contract *contract = &book->contracts[i];
        for (int year = 1; year <= contract->years; year++) {
            for (int kind = 0; kind < GRANT_COUNT; kind++) {
                struct balance b;
                int taken = 0;
                assert_int_equal(book_balance_of_year(book, &plans, contract, (enum grant)kind, year, &b, NULL), 0);
                for (size_t k = 0; k < book->n_draws; k++) {
                    const struct draw *draw = &book->draws[k];
                    int64_t day = number(draw->first_day);
                    bool of_it =
                        draw->contract == contract->id && (int)draw->kind == kind && day >= b.first && day <= b.last;
                    taken += of_it && draw->state == DRAW_TAKEN ? draw->days : 0;
                }
                assert_true(taken <= b.granted && b.left >= 0 && b.taken == taken && b.left == b.granted - taken);
            }
        }
    }
    int drawn[EVENTS + 1] = { 0 };
    for (size_t i = 0; i < book->n_packs; i++) {
        int taken = 0;
        for (size_t k = 0; k < book->n_draws; k++)
            if (book->draws[k].pack == book->packs[i].id && book->draws[k].state == DRAW_TAKEN)
                taken += book->draws[k].days;
        assert_true(taken <= book->packs[i].days &&
                    book_pack_left(book, &book->packs[i]) == book->packs[i].days - taken);
    }
    for (size_t k = 0; k < book->n_draws; k++)
        if (book->draws[k].state == DRAW_TAKEN)
            drawn[book->draws[k].event] += book->draws[k].days;
    for (size_t i = 0; i < EVENTS; i++) {
        const struct request *request = &game->requests[i];
        bool holds = request->state == ACCEPTED || request->state == BEGUN;
        assert_int_equal(drawn[i + 1], holds ? request->days : 0);
    }
    /* A contract that days were drawn of is still there. */
    for (size_t k = 0; k < book->n_draws; k++) {
        bool there = book->draws[k].contract == 0;
        for (size_t i = 0; i < book->n_contracts; i++)
            there = there || book->contracts[i].id == book->draws[k].contract;
        assert_true(there);
    }
}

static void whatever_comes_in_whichever_order_nothing_is_drawn_twice_or_without_cover(void **state)
{
    struct book *book = *state;
    unsigned accepted = 0, refused = 0, returned = 0;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        struct game game = { .book = book, .dice = seed };
        for (int step = 0; step < STEPS; step++) {
            struct request *request = &game.requests[roll(&game, EVENTS)];
            switch (roll(&game, 9)) {
            case 0:
                agree(&game);
                break;
            case 1:
                buy(&game);
                break;
            case 2:
                advise(&game);
                break;
            case 3:
                cancel(&game, request);
                break;
            case 4:
                if (request->state == ACCEPTED && roll(&game, 8) == 0)
                    request->state = BEGUN; /* its days are used: nothing gives them back */
                break;
            case 5:
            case 6:
                ask(&game, request);
                break;
            default:
                accept(&game, request);
            }
            check(&game);
        }
        accepted += game.accepted;
        refused += game.refused;
        returned += game.returned;
        book_done(book);
        book->tenant = 7;
    }
    assert_true(accepted > 100 && refused > 100 && returned > 50);
}

int main(void)
{
#define BOOK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        BOOK_TEST(a_contract_that_makes_no_sense_is_refused),
        BOOK_TEST(contracts_do_not_overlap),
        BOOK_TEST(an_unlocked_contract_may_become_anything),
        BOOK_TEST(a_locked_contract_holds_for_its_term),
        BOOK_TEST(a_locked_contract_may_become_more),
        BOOK_TEST(a_plan_nobody_knows_any_more_is_not_left_by_a_locked_contract),
        BOOK_TEST(what_is_drawn_stays_covered),
        BOOK_TEST(a_pack_that_makes_no_sense_is_refused),
        BOOK_TEST(rows_that_contradict_the_book_do_not_come_back),
        BOOK_TEST(a_request_with_less_than_its_lead_is_late_and_hears_the_earliest_day),
        BOOK_TEST(what_the_calendar_cannot_tell_is_late_and_says_so),
        BOOK_TEST(whatever_comes_in_whichever_order_nothing_is_drawn_twice_or_without_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
