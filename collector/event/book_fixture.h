/* A book of contracts, packs and draws, on a shelf of four plans. */
#pragma once
#include "collector/event/entitlement.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/clock.h"

#define DAY_US          (86400 * US_PER_S)
#define NOW_US          (INT64_C(1795392000) * US_PER_S) /* 2026-11-23T00:00:00Z */

#define BOOK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* small: a day a year, two from 2028 on. large: three, and two of advice. poor: none. */
extern struct plan shelf[4];
extern const struct plans plans;

struct took {
    int rc;
    size_t n;
    struct draw draws[TAKES_MAX];
    struct err err;
};

int64_t number(const char *day);
int setup(void **state);
int teardown(void **state);
struct contract a_contract(uint64_t id, const char *plan, const char *first_day, int years);
void have_contract(struct book *book, uint64_t id, const char *plan, const char *first_day, int years);
void have_pack(struct book *book, uint64_t id, int days, const char *from, const char *to);
void lock(struct book *book, uint64_t id);
struct took take(struct book *book, uint64_t event, const char *first_day, int days);
int left(const struct book *book, const char *day);
void assert_refused(const struct book *book, const struct contract *row, int code, const char *says);
