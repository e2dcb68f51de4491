#include "collector/ingest/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"

#define NOON_US INT64_C(1795435200000000) /* 2026-11-23T12:00:00Z */
#define HOUR_US INT64_C(3600000000)

static bool take(struct quota *quota, unsigned name, int64_t now_us)
{
    uint8_t bytes[QUOTA_NAME_BYTES] = { 0 };
    memcpy(bytes, &name, sizeof name);
    return quota_take(quota, bytes, now_us);
}

static void a_day_has_so_many_names_and_no_more(void **state)
{
    (void)state;
    AUTO(quota_done) struct quota quota = { .n = 0 };
    for (unsigned i = 0; i < QUOTA_NAMES; i++)
        assert_true(take(&quota, i, NOON_US));
    assert_false(take(&quota, QUOTA_NAMES, NOON_US));
    assert_false(take(&quota, QUOTA_NAMES, NOON_US + 12 * HOUR_US - 1));
}

static void a_name_that_came_already_costs_nothing(void **state)
{
    (void)state;
    AUTO(quota_done) struct quota quota = { .n = 0 };
    for (unsigned i = 0; i < 3 * QUOTA_NAMES; i++)
        assert_true(take(&quota, i % 7, NOON_US));
    for (unsigned i = 7; i < QUOTA_NAMES; i++)
        assert_true(take(&quota, i, NOON_US));
    assert_false(take(&quota, 1000, NOON_US));
    assert_true(take(&quota, 3, NOON_US));
}

static void each_utc_day_begins_anew(void **state)
{
    (void)state;
    AUTO(quota_done) struct quota quota = { .n = 0 };
    for (unsigned i = 0; i < QUOTA_NAMES; i++)
        take(&quota, i, NOON_US);
    assert_true(take(&quota, 1000, NOON_US + 12 * HOUR_US));
    for (unsigned i = 1; i < QUOTA_NAMES; i++)
        assert_true(take(&quota, i, NOON_US + 13 * HOUR_US));
    assert_false(take(&quota, 1001, NOON_US + 13 * HOUR_US));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_has_so_many_names_and_no_more),
        cmocka_unit_test(a_name_that_came_already_costs_nothing),
        cmocka_unit_test(each_utc_day_begins_anew),
    };
    return cmocka_run_group_tests_name("collector.ingest.quota", tests, NULL, NULL);
}
