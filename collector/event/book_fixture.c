#include "collector/event/book_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/event/calendar.h"

struct plan shelf[4];
const struct plans plans = { 4, shelf };

int64_t number(const char *day)
{
    int64_t number = 0;
    assert_int_equal(calendar_number(day, &number, NULL), 0);
    return number;
}

int setup(void **state)
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

int teardown(void **state)
{
    book_done(*state);
    free(*state);
    return 0;
}

struct contract a_contract(uint64_t id, const char *plan, const char *first_day, int years)
{
    struct contract row = { .id = id, .tenant = 7, .years = years, .set_us = NOW_US };
    snprintf(row.plan, sizeof row.plan, "%s", plan);
    snprintf(row.first_day, sizeof row.first_day, "%s", first_day);
    snprintf(row.zone, sizeof row.zone, "Asia/Shanghai");
    snprintf(row.calendar, sizeof row.calendar, "cn");
    return row;
}

void have_contract(struct book *book, uint64_t id, const char *plan, const char *first_day, int years)
{
    struct contract row = a_contract(id, plan, first_day, years);
    struct err err = { 0 };
    if (book_check_contract(book, &plans, &row, &err) != 0 || book_put_contract(book, &row, &err) != 0)
        fail_msg("%s", err.text);
}

void have_pack(struct book *book, uint64_t id, int days, const char *from, const char *to)
{
    struct pack row = { .id = id, .tenant = 7, .kind = GRANT_ASSURANCE, .days = days };
    struct err err = { 0 };
    snprintf(row.from_day, sizeof row.from_day, "%s", from);
    snprintf(row.to_day, sizeof row.to_day, "%s", to);
    if (book_check_pack(book, &row, &err) != 0 || book_put_pack(book, &row, &err) != 0)
        fail_msg("%s", err.text);
}

void lock(struct book *book, uint64_t id)
{
    for (size_t i = 0; i < book->n_contracts; i++)
        if (book->contracts[i].id == id)
            book->contracts[i].locked_us = NOW_US;
}

struct took take(struct book *book, uint64_t event, const char *first_day, int days)
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

int left(const struct book *book, const char *day)
{
    return book_left(book, &plans, GRANT_ASSURANCE, number(day));
}

void assert_refused(const struct book *book, const struct contract *row, int code, const char *says)
{
    struct err err = { 0 };
    assert_int_equal(book_check_contract(book, &plans, row, &err), code);
    if (!strstr(err.text, says))
        fail_msg("\"%s\" does not say \"%s\"", err.text, says);
}
