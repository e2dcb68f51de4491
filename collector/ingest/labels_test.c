#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/ingest/labels.h"

static void become(const char *before, const char *changes, const char *after)
{
    char labels[LABELS_TEXT_MAX + 1] = "";
    struct err err;
    assert_int_equal(labels_change(labels, before, &err), 0);
    assert_int_equal(labels_change(labels, changes, &err), 0);
    assert_string_equal(labels, after);
}

static void labels_stand_in_the_order_of_their_keys(void **state)
{
    (void)state;
    become("", "site=sh,role=web", "role=web,site=sh");
    become("role=web,site=sh", "rack=r7", "rack=r7,role=web,site=sh");
}

static void a_key_stands_once_and_an_empty_value_takes_it_away(void **state)
{
    (void)state;
    become("role=web,site=sh", "role=db", "role=db,site=sh");
    become("role=web,site=sh", "role=", "site=sh");
    become("role=web", "site=", "role=web");
    become("role=web", "role=db,role=", "");
    become("role=web", "", "role=web");
}

static void what_is_no_label_is_refused_and_changes_nothing(void **state)
{
    static const char *const cases[] = { "role",     "=web", "role=web=x", "ro le=web",
                                         "role=w*b", ",",    "role=web,,", "a=b, c=d" };
    char labels[LABELS_TEXT_MAX + 1] = "role=web";
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(labels_change(labels, cases[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, "want KEY=VALUE"));
        assert_string_equal(labels, "role=web");
    }
}

static void there_is_an_end_to_how_many_and_how_long(void **state)
{
    char labels[LABELS_TEXT_MAX + 1] = "";
    char change[2 * LABEL_PART_MAX + 4];
    struct err err;
    (void)state;
    for (int i = 0; i < LABELS_MAX; i++) {
        snprintf(change, sizeof change, "k%02d=v", i);
        assert_int_equal(labels_change(labels, change, &err), 0);
    }
    assert_int_equal(labels_change(labels, "one-more=v", &err), -EINVAL);
    assert_non_null(strstr(err.text, "16 labels at most"));
    assert_int_equal(labels_change(labels, "k00=w", &err), 0);
    snprintf(change, sizeof change, "%064d=v", 0);
    assert_int_equal(labels_change(labels, change, &err), -EINVAL);
    for (int i = 0; i < LABELS_MAX - 1; i++) {
        snprintf(change, sizeof change, "k%02d=%063d", i, i);
        if (labels_change(labels, change, &err) < 0)
            break;
    }
    snprintf(change, sizeof change, "k15=%063d", 0);
    assert_int_equal(labels_change(labels, change, &err), -EINVAL);
    assert_non_null(strstr(err.text, "1023 bytes in all"));
}

static void labels_are_read_one_by_one(void **state)
{
    (void)state;
    struct host_label label;
    const char *at = "role=web,site=sh";
    assert_true(labels_next(&at, &label));
    assert_string_equal(label.key, "role");
    assert_string_equal(label.value, "web");
    assert_true(labels_next(&at, &label));
    assert_string_equal(label.value, "sh");
    assert_false(labels_next(&at, &label));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_stand_in_the_order_of_their_keys),
        cmocka_unit_test(a_key_stands_once_and_an_empty_value_takes_it_away),
        cmocka_unit_test(what_is_no_label_is_refused_and_changes_nothing),
        cmocka_unit_test(there_is_an_end_to_how_many_and_how_long),
        cmocka_unit_test(labels_are_read_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
