#include "collector/event/scope.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void each_name_of_a_list_is_checked(void **state)
{
    (void)state;
    static const char *const bad[] = { ",",     "web-1,", ",web-1", "web-1,,db", "web 1",     "a/b*",
                                       "web-[", "web-]",  "web-[]", "web-[[a]]", "web-{1,2}", " " };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char hosts[SCOPE_HOSTS_MAX + 1] = "kept";
        struct err err = { 0 };
        if (scope_copy_hosts(hosts, bad[i], &err) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_non_null(strstr(err.text, "want such as web-*,db-1"));
        assert_string_equal(hosts, "kept");
    }
}

static void a_list_has_room_for_so_many_bytes(void **state)
{
    (void)state;
    char hosts[SCOPE_HOSTS_MAX + 2], ret[SCOPE_HOSTS_MAX + 1] = "kept";
    struct err err = { 0 };
    for (size_t i = 0; i < sizeof hosts - 1; i++)
        hosts[i] = i % 6 == 5 ? ',' : 'w';
    hosts[sizeof hosts - 1] = '\0';
    assert_int_equal(scope_copy_hosts(ret, hosts, &err), -EINVAL);
    assert_non_null(strstr(err.text, "use patterns"));
    assert_string_equal(ret, "kept");
    hosts[SCOPE_HOSTS_MAX] = '\0';
    assert_int_equal(scope_copy_hosts(ret, hosts, &err), 0);
    assert_string_equal(ret, hosts);
}

static void spaces_around_the_commas_are_dropped_and_nothing_is_nothing(void **state)
{
    (void)state;
    char hosts[SCOPE_HOSTS_MAX + 1];
    char labels[SCOPE_LABELS_MAX + 1];
    assert_int_equal(scope_copy_hosts(hosts, " web-* , db-1 ", NULL), 0);
    assert_string_equal(hosts, "web-*,db-1");
    assert_int_equal(scope_copy_hosts(hosts, "", NULL), 0);
    assert_string_equal(hosts, "");
    assert_int_equal(scope_copy_labels(labels, "", NULL), 0);
    assert_string_equal(labels, "");
}

static void a_list_takes_names_and_globs(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool selected;
    } rows[] = {
        { "web-1", true },   { "web-", true },     { "web", false }, { "db-1", true },   { "db-10", false },
        { "cache-2", true }, { "cache-4", false }, { "q1", true },   { "q", false },     { "", false },
        { "xweb-1", false }, { "WEB-1", false },   { "q1x", false }, { "db-1,", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (scope_names("web-*,db-1,cache-[0-3],q?", rows[i].host) != rows[i].selected)
            fail_msg("%s", rows[i].host);
    assert_false(scope_names("", ""));
}

static void labels_are_sorted_by_their_keys_each_key_once(void **state)
{
    (void)state;
    char labels[SCOPE_LABELS_MAX + 1] = "kept";
    struct err err = { 0 };
    assert_int_equal(scope_copy_labels(labels, "site=sh-1, role=web,a=B_2", &err), 0);
    assert_string_equal(labels, "a=B_2,role=web,site=sh-1");
    assert_int_equal(scope_copy_labels(labels, "role=web,site=x,role=db", &err), -EINVAL);
    assert_non_null(strstr(err.text, "the same key"));
    assert_string_equal(labels, "a=B_2,role=web,site=sh-1");
}

static void what_is_no_label_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "role",      "role=", "=web",  "ro le=web", "role=w b",
                                       "role=web,", ",",     "a=b=c", "r*=w" };
    char labels[SCOPE_LABELS_MAX + 1] = "kept";
    struct err err = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (scope_copy_labels(labels, bad[i], &err) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_non_null(strstr(err.text, "want such as role=web"));
    }
    assert_string_equal(labels, "kept");
    assert_int_equal(scope_copy_labels(labels, "Role=web-*", NULL), 0);
}

static void labels_have_room_for_so_many_bytes(void **state)
{
    (void)state;
    char given[4 * SCOPE_LABELS_MAX], labels[SCOPE_LABELS_MAX + 1];
    size_t used = 0;
    for (int first = 'a'; first <= 'z'; first++)
        for (int second = 'a'; second <= 'd'; second++)
            used += (size_t)snprintf(given + used, sizeof given - used, "%s%c%c=1", used ? "," : "", first, second);
    assert_int_equal(scope_copy_labels(labels, given, NULL), -EINVAL);
    given[SCOPE_LABELS_MAX - 1 - (SCOPE_LABELS_MAX % 5)] = '\0';
    assert_int_equal(scope_copy_labels(labels, given, NULL), 0);
    assert_string_equal(labels, given);
}

static void labels_fit_when_all_of_them_are_there(void **state)
{
    (void)state;
    static const char own[] = "role=web,site=sh-2";
    assert_true(scope_fits("role=web", own));
    assert_true(scope_fits("role=web,site=sh-*", own));
    assert_true(scope_fits("site=sh-[12]", own));
    assert_false(scope_fits("role=web,site=bj-*", own));
    assert_false(scope_fits("role=web,tier=core", own));
    assert_false(scope_fits("rol=web", own));
    assert_false(scope_fits("role=we", own));
    assert_false(scope_fits("", own));
    assert_false(scope_fits("role=*", ""));
}

static void each_name_and_the_labels_must_select_some_host(void **state)
{
    (void)state;
    static const struct scope_host hosts[] = { { "web-1", "role=web" }, { "db-1", "" } };
    struct err err = { 0 };
    assert_int_equal(scope_check("web-*,db-1", "role=w*", hosts, 2, &err), 0);
    assert_int_equal(scope_check("", "role=web", hosts, 2, &err), 0);
    assert_int_equal(scope_check("web-*,wbe-2", "", hosts, 2, &err), -ENOENT);
    assert_non_null(strstr(err.text, "hosts: \"wbe-2\" is none of the tenant's 2 hosts"));
    assert_int_equal(scope_check("web-1", "role=db", hosts, 2, &err), -ENOENT);
    assert_non_null(strstr(err.text, "labels: none of the tenant's 2 hosts has \"role=db\""));
    assert_int_equal(scope_check("web-1", "", NULL, 0, &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_of_a_list_is_checked),
        cmocka_unit_test(a_list_has_room_for_so_many_bytes),
        cmocka_unit_test(spaces_around_the_commas_are_dropped_and_nothing_is_nothing),
        cmocka_unit_test(a_list_takes_names_and_globs),
        cmocka_unit_test(labels_are_sorted_by_their_keys_each_key_once),
        cmocka_unit_test(what_is_no_label_is_refused),
        cmocka_unit_test(labels_have_room_for_so_many_bytes),
        cmocka_unit_test(labels_fit_when_all_of_them_are_there),
        cmocka_unit_test(each_name_and_the_labels_must_select_some_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
