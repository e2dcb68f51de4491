#include "agent/uplink/declare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct declare declare;
    struct report report;
    unsigned told;
    struct dropped last_told;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void add(struct fixture *f, uint8_t run, uint64_t first, uint64_t last, enum drop_cause cause)
{
    struct dropped dropped = { { { run } }, first, last, cause };
    declare_add(&f->declare, &dropped);
}

static void on_told(void *user, const struct dropped *dropped)
{
    struct fixture *f = user;
    f->told++;
    f->last_told = *dropped;
}

static void neighbours_of_one_run_and_cause_are_one(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 5, DROP_OVERFLOW);
    add(f, 1, 6, 9, DROP_OVERFLOW);
    add(f, 1, 10, 10, DROP_EXPIRED);
    add(f, 2, 11, 11, DROP_EXPIRED);
    add(f, 2, 13, 13, DROP_EXPIRED);
    declare_carry(&f->declare, &f->report);
    assert_int_equal(f->report.n_dropped, 4);
    assert_int_equal(f->report.dropped[0].first, 1);
    assert_int_equal(f->report.dropped[0].last, 9);
}

static void what_is_told_is_forgotten_and_what_is_not_goes_again(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 5, DROP_OVERFLOW);
    declare_carry(&f->declare, &f->report);
    declare_back(&f->declare);
    declare_told(&f->declare, on_told, f);
    assert_int_equal(f->told, 0);
    declare_carry(&f->declare, &f->report);
    assert_int_equal(f->report.n_dropped, 1);
    declare_told(&f->declare, on_told, f);
    assert_int_equal(f->told, 1);
    assert_int_equal(f->last_told.last, 5);
    declare_carry(&f->declare, &f->report);
    assert_int_equal(f->report.n_dropped, 0);
}

static void what_comes_while_a_report_is_on_its_way_is_of_the_next(void **state)
{
    struct fixture *f = *state;
    add(f, 1, 1, 5, DROP_OVERFLOW);
    declare_carry(&f->declare, &f->report);
    add(f, 1, 6, 9, DROP_OVERFLOW);
    declare_told(&f->declare, on_told, f);
    assert_int_equal(f->last_told.last, 5);
    declare_carry(&f->declare, &f->report);
    assert_int_equal(f->report.n_dropped, 1);
    assert_int_equal(f->report.dropped[0].first, 6);
}

static void a_report_carries_no_more_than_it_may_and_the_list_has_an_end(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= DECLARE_MAX + 10; i++)
        add(f, 1, 2 * i, 2 * i, DROP_OTHER);
    declare_carry(&f->declare, &f->report);
    assert_int_equal(f->report.n_dropped, DROPPED_MAX);
    assert_int_equal(f->report.dropped[0].first, 2 * 11); /* the oldest were forgotten */
    add(f, 1, 5000, 5000, DROP_OTHER);
    declare_told(&f->declare, on_told, f); /* none of those on their way */
    assert_int_equal(f->told, DROPPED_MAX);
    assert_int_equal(f->last_told.first, 2 * (10 + DROPPED_MAX));
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(neighbours_of_one_run_and_cause_are_one),
        test(what_is_told_is_forgotten_and_what_is_not_goes_again),
        test(what_comes_while_a_report_is_on_its_way_is_of_the_next),
        test(a_report_carries_no_more_than_it_may_and_the_list_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
