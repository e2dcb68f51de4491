#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/ingest/fleet.h"

static int setup(void **state)
{
    return fleet_new((struct fleet **)state, NULL);
}

static int teardown(void **state)
{
    fleet_free(*state);
    return 0;
}

static int add_tenant(struct fleet *fleet, uint64_t id, const char *name)
{
    struct tenant row = { .id = id };
    const struct tenant *kept;
    snprintf(row.name, sizeof row.name, "%s", name);
    return fleet_put_tenant(fleet, &row, &kept, NULL);
}

static int add_host(struct fleet *fleet, uint64_t id, uint64_t tenant, const char *name)
{
    struct host row = { .id = id, .tenant = tenant };
    const struct host *kept;
    snprintf(row.name, sizeof row.name, "%s", name);
    return fleet_put_host(fleet, &row, &kept, NULL);
}

static void names_are_unique_within_a_tenant_only(void **state)
{
    struct fleet *fleet = *state;
    assert_int_equal(add_tenant(fleet, 1, "acme"), 0);
    assert_int_equal(add_tenant(fleet, 2, "acme"), -EEXIST);
    assert_int_equal(add_tenant(fleet, 2, "bell"), 0);
    assert_int_equal(add_host(fleet, 0xa1, 1, "web-1"), 0);
    assert_int_equal(add_host(fleet, 0xa2, 1, "web-1"), -EEXIST);
    assert_int_equal(add_host(fleet, 0xa2, 2, "web-1"), 0);
    assert_int_equal(fleet_count_hosts(fleet), 2);
}

static void hosts_that_are_not_retired_are_counted_by_tenant(void **state)
{
    struct fleet *fleet = *state;
    static const char *const names[] = { "web-1", "web-2", "web-3" };
    const struct host *row;
    add_tenant(fleet, 1, "acme");
    add_tenant(fleet, 2, "bell");
    for (uint64_t id = 1; id <= 3; id++)
        add_host(fleet, id, 1, names[id - 1]);
    assert_int_equal(add_host(fleet, 9, 1, "web-1"), -EEXIST);
    assert_int_equal(fleet_count_active(fleet, 1), 3);
    struct host retired = *fleet_host(fleet, 2);
    retired.standing = HOST_RETIRED;
    for (int i = 0; i < 2; i++) { /* twice is once */
        assert_int_equal(fleet_put_host(fleet, &retired, &row, NULL), 0);
        assert_int_equal(fleet_count_active(fleet, 1), 2);
    }
    retired.standing = HOST_ACTIVE;
    assert_int_equal(fleet_put_host(fleet, &retired, &row, NULL), 0);
    assert_int_equal(fleet_count_active(fleet, 1), 3);
    assert_int_equal(fleet_count_active(fleet, 2), 0);
    assert_int_equal(fleet_count_active(fleet, 3), 0); /* there is no such tenant */
}

static void a_host_is_found_by_name_and_by_id(void **state)
{
    struct fleet *fleet = *state;
    const struct host *found = NULL;
    add_tenant(fleet, 1, "acme");
    add_tenant(fleet, 2, "bell");
    add_host(fleet, 0xa1, 1, "web-1");
    add_host(fleet, 0xa2, 2, "web-1");
    assert_int_equal(fleet_find_host(fleet, 2, "web-1", &found, NULL), 0);
    assert_int_equal(found->id, 0xa2);
    assert_int_equal(fleet_find_host(fleet, 0, "00000000000000a1", &found, NULL), 0);
    assert_int_equal(found->id, 0xa1);
}

static void a_name_in_two_tenants_asks_which(void **state)
{
    struct fleet *fleet = *state;
    const struct host *found = NULL;
    struct err err;
    add_tenant(fleet, 1, "acme");
    add_tenant(fleet, 2, "bell");
    add_host(fleet, 0xa1, 1, "web-1");
    add_host(fleet, 0xa2, 2, "web-1");
    assert_int_equal(fleet_find_host(fleet, 0, "web-1", &found, &err), -ENOTUNIQ);
    assert_non_null(strstr(err.text, "--tenant"));
    assert_null(found);
}

static void an_unknown_host_is_said_with_what_to_do(void **state)
{
    const struct host *found = NULL;
    struct err err;
    assert_int_equal(fleet_find_host(*state, 0, "nobody", &found, &err), -ENOENT);
    assert_string_equal(err.text, "there is no host nobody; warroom hosts shows them");
    char longer[200];
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(fleet_find_host(*state, 1, longer, &found, &err), -ENOENT);
}

static void no_host_is_found_by_another_tenants_id(void **state)
{
    struct fleet *fleet = *state;
    const struct host *found = NULL;
    add_tenant(fleet, 1, "acme");
    add_tenant(fleet, 2, "bell");
    add_host(fleet, 0xa1, 1, "web-1");
    assert_int_equal(fleet_find_host(fleet, 2, "00000000000000a1", &found, NULL), -ENOENT);
}

static void a_changed_row_stays_where_it_was(void **state)
{
    struct fleet *fleet = *state;
    const struct host *kept;
    add_tenant(fleet, 1, "acme");
    add_host(fleet, 0xa1, 1, "web-1");
    const struct host *before = fleet_host(fleet, 0xa1);
    struct host row = *before;
    snprintf(row.name, sizeof row.name, "web-9");
    row.limits[LIMIT_EGRESS] = 125e6;
    assert_int_equal(fleet_put_host(fleet, &row, &kept, NULL), 0);
    assert_ptr_equal(kept, before);
    assert_true(before->limits[LIMIT_EGRESS] == 125e6);
    const struct host *found;
    assert_int_equal(fleet_find_host(fleet, 1, "web-9", &found, NULL), 0);
    assert_int_equal(fleet_find_host(fleet, 1, "web-1", &found, NULL), -ENOENT);
}

static void rows_come_in_the_order_they_were_enrolled(void **state)
{
    struct fleet *fleet = *state;
    const uint64_t ids[] = { 0xf9, 0x01, 0x77 };
    char name[8];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "h%zu", i);
        add_host(fleet, ids[i], 1, name);
    }
    const struct host *row = NULL;
    for (size_t i = 0; i < 3; i++) {
        row = fleet_next_host(fleet, row);
        assert_non_null(row);
        assert_int_equal(row->id, ids[i]);
    }
    assert_null(fleet_next_host(fleet, row));
}

static void names_that_could_confuse_people_or_files_are_refused(void **state)
{
    (void)state;
    const char *const bad[] = { "", "-web", ".web", "web 1", "web/1", "web\n", "wéb", "..", "*" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(fleet_check_name("host", bad[i], NULL), -EINVAL);
    const char *const good[] = { "a", "web-1.example_x", "9" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(fleet_check_name("host", good[i], NULL), 0);
    char name[NAME_MAX_BYTES + 2];
    memset(name, 'a', sizeof name);
    name[NAME_MAX_BYTES + 1] = '\0';
    assert_int_equal(fleet_check_name("host", name, NULL), -EINVAL);
    name[NAME_MAX_BYTES] = '\0';
    assert_int_equal(fleet_check_name("host", name, NULL), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(names_are_unique_within_a_tenant_only),
        TEST(a_host_is_found_by_name_and_by_id),
        TEST(hosts_that_are_not_retired_are_counted_by_tenant),
        TEST(a_name_in_two_tenants_asks_which),
        TEST(an_unknown_host_is_said_with_what_to_do),
        TEST(no_host_is_found_by_another_tenants_id),
        TEST(a_changed_row_stays_where_it_was),
        TEST(rows_come_in_the_order_they_were_enrolled),
        TEST(names_that_could_confuse_people_or_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
