#include "collector/namesake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fleet_of { /* those that are called NAME, NAME-2... NAME-`n`, but NAME-`gap` */
    const char *name;
    unsigned n, gap;
    unsigned asked;
};

static bool is_taken(void *user, const char *name)
{
    struct fleet_of *fleet = user;
    size_t len = strlen(fleet->name);
    fleet->asked++;
    if (strncmp(name, fleet->name, len) != 0 || (name[len] != '\0' && name[len] != '-'))
        return false;
    unsigned n = name[len] ? (unsigned)strtoul(name + len + 1, NULL, 10) : 1;
    return n <= fleet->n && n != fleet->gap;
}

static const char *name_beside(struct fleet_of *fleet, const char *hostname)
{
    static char name[NAME_MAX_BYTES + 1];
    assert_int_equal(namesake_find(hostname, is_taken, fleet, name), 0);
    return name;
}

static void a_host_is_called_what_it_calls_itself(void **state)
{
    (void)state;
    struct fleet_of none = { .name = "?" };
    assert_string_equal(name_beside(&none, "web-1.example.com"), "web-1.example.com");
    assert_string_equal(name_beside(&none, "-web 1\xc3\xa4/"), "web-1---");
    assert_string_equal(name_beside(&none, "..."), "host");
    assert_string_equal(name_beside(&none, ""), "host");
}

static void namesakes_are_numbered_in_the_order_they_come(void **state)
{
    (void)state;
    struct fleet_of fleet = { .name = "localhost" };
    char want[32] = "localhost";
    for (unsigned n = 1; n <= 2000; n++) {
        if (n > 1)
            snprintf(want, sizeof want, "localhost-%u", n);
        assert_string_equal(name_beside(&fleet, "localhost"), want);
        fleet.n = n;
    }
}

static void it_takes_no_more_questions_when_there_are_thousands(void **state)
{
    (void)state;
    struct fleet_of fleet = { .name = "localhost", .n = NAMESAKES_MAX - 1 };
    assert_string_equal(name_beside(&fleet, "localhost"), "localhost-10000");
    assert_true(fleet.asked < 40);
}

static void what_is_given_is_free_also_where_names_between_are(void **state)
{
    (void)state;
    for (unsigned gap = 1; gap <= 100; gap++) {
        struct fleet_of fleet = { .name = "localhost", .n = 100, .gap = gap };
        assert_false(is_taken(&fleet, name_beside(&fleet, "localhost")));
    }
}

static void too_many_of_a_name_are_refused(void **state)
{
    (void)state;
    char name[NAME_MAX_BYTES + 1];
    struct fleet_of fleet = { .name = "localhost", .n = NAMESAKES_MAX };
    assert_int_equal(namesake_find("localhost", is_taken, &fleet, name), -EEXIST);
}

static void a_long_name_is_cut_so_that_its_number_fits(void **state)
{
    (void)state;
    char longest[NAME_MAX_BYTES + 1];
    memset(longest, 'a', NAME_MAX_BYTES);
    longest[NAME_MAX_BYTES] = '\0';
    struct fleet_of fleet = { .name = longest, .n = 1 };
    const char *name = name_beside(&fleet, longest);
    assert_int_equal(strlen(name), NAME_MAX_BYTES);
    assert_string_equal(name + NAME_MAX_BYTES - 3, "a-2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_called_what_it_calls_itself),
        cmocka_unit_test(namesakes_are_numbered_in_the_order_they_come),
        cmocka_unit_test(it_takes_no_more_questions_when_there_are_thousands),
        cmocka_unit_test(what_is_given_is_free_also_where_names_between_are),
        cmocka_unit_test(too_many_of_a_name_are_refused),
        cmocka_unit_test(a_long_name_is_cut_so_that_its_number_fits),
    };
    return cmocka_run_group_tests_name("collector.namesake", tests, NULL, NULL);
}
