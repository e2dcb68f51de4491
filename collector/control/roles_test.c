#include "collector/control/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct role_config rows[] = {
    { .user = "ada", .role = ROLE_VIEWER },
    { .group = "night-shift", .role = ROLE_OPERATOR },
    { .user = "li", .role = ROLE_COMMANDER },
    { .group = "acme", .role = ROLE_CUSTOMER, .tenant = "acme" },
    { .user = "eve", .role = ROLE_CUSTOMER, .tenant = "umbrella" },
};
static const struct config_list list = { .n = sizeof rows / sizeof *rows, .at = rows };
static const struct config_list none = { 0 };

static bool in_group(const void *user, const char *group)
{
    return user && strcmp(user, group) == 0;
}

static bool grant(const struct config_list *from, const char *name, const char *group, struct granted *ret)
{
    return roles_grant(from, &(struct roles_caller){ .name = name, .in_group = in_group, .user = group }, ret);
}

static void without_roles_everybody_is_a_commander(void **state)
{
    struct granted granted;
    (void)state;
    assert_true(grant(&none, "anybody", NULL, &granted));
    assert_int_equal(granted.role, ROLE_COMMANDER);
    assert_null(granted.tenant);
}

static void with_roles_who_is_in_none_has_none(void **state)
{
    struct granted granted;
    (void)state;
    assert_false(grant(&list, "anybody", "staff", &granted));
}

static void root_and_the_collectors_own_user_are_commanders_always(void **state)
{
    struct granted granted;
    struct roles_caller caller = { .always = true, .name = "warroom", .in_group = in_group };
    (void)state;
    assert_true(roles_grant(&list, &caller, &granted));
    assert_int_equal(granted.role, ROLE_COMMANDER);
}

static void a_role_is_found_by_name_and_by_group(void **state)
{
    struct granted granted;
    (void)state;
    assert_true(grant(&list, "ada", NULL, &granted));
    assert_int_equal(granted.role, ROLE_VIEWER);
    assert_true(grant(&list, "bob", "night-shift", &granted));
    assert_int_equal(granted.role, ROLE_OPERATOR);
}

static void the_highest_that_fits_wins(void **state)
{
    struct granted granted;
    (void)state;
    assert_true(grant(&list, "ada", "night-shift", &granted));
    assert_int_equal(granted.role, ROLE_OPERATOR);
    assert_true(grant(&list, "li", "night-shift", &granted));
    assert_int_equal(granted.role, ROLE_COMMANDER);
    assert_true(grant(&list, "ada", "acme", &granted)); /* of the house, so no customer */
    assert_int_equal(granted.role, ROLE_VIEWER);
    assert_null(granted.tenant);
}

static void a_customer_has_its_tenant_the_first_that_fits(void **state)
{
    struct granted granted;
    (void)state;
    assert_true(grant(&list, "eve", NULL, &granted));
    assert_int_equal(granted.role, ROLE_CUSTOMER);
    assert_string_equal(granted.tenant, "umbrella");
    assert_true(grant(&list, "eve", "acme", &granted));
    assert_string_equal(granted.tenant, "acme");
}

static void a_set_of_roles_allows_those_in_it(void **state)
{
    (void)state;
    assert_true(roles_allow(ROLES_COMMANDERS, ROLE_COMMANDER));
    assert_false(roles_allow(ROLES_COMMANDERS, ROLE_OPERATOR));
    assert_true(roles_allow(ROLES_OPERATORS, ROLE_OPERATOR));
    assert_false(roles_allow(ROLES_OPERATORS, ROLE_VIEWER));
    assert_true(roles_allow(ROLES_STAFF, ROLE_VIEWER));
    assert_false(roles_allow(ROLES_STAFF, ROLE_CUSTOMER));
    assert_true(roles_allow(ROLES_ALL, ROLE_CUSTOMER));
}

static void who_has_a_role_is_said(void **state)
{
    char text[ROLES_WHO_TEXT];
    (void)state;
    assert_string_equal(roles_who(text, &list, ROLES_COMMANDERS), "commander: li");
    assert_string_equal(roles_who(text, &list, ROLES_OPERATORS), "operator or commander: group night-shift, li");
    assert_string_equal(roles_who(text, &none, ROLES_OPERATORS), "operator or commander");
}

static void many_names_are_cut_to_fit(void **state)
{
    static struct role_config many[64];
    struct config_list long_list = { .n = 64, .at = many };
    char text[ROLES_WHO_TEXT];
    (void)state;
    for (size_t i = 0; i < 64; i++)
        many[i] = (struct role_config){ .user = "somebody", .role = ROLE_COMMANDER };
    assert_int_equal(strlen(roles_who(text, &long_list, ROLES_ALL)), ROLES_WHO_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_roles_everybody_is_a_commander),
        cmocka_unit_test(with_roles_who_is_in_none_has_none),
        cmocka_unit_test(root_and_the_collectors_own_user_are_commanders_always),
        cmocka_unit_test(a_role_is_found_by_name_and_by_group),
        cmocka_unit_test(the_highest_that_fits_wins),
        cmocka_unit_test(a_customer_has_its_tenant_the_first_that_fits),
        cmocka_unit_test(a_set_of_roles_allows_those_in_it),
        cmocka_unit_test(who_has_a_role_is_said),
        cmocka_unit_test(many_names_are_cut_to_fit),
    };
    return cmocka_run_group_tests_name("collector.control.roles", tests, NULL, NULL);
}
