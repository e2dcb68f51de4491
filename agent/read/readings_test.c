#include "agent/read/readings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int make(void **state)
{
    *state = calloc(1, sizeof(struct readings));
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    readings_done(*state);
    free(*state);
    return 0;
}

static void rows_come_back_in_the_order_they_were_added(void **state)
{
    struct readings *list = *state;
    readings_add(list, METRIC_CPU_UTILIZATION, "", 0.5);
    readings_add(list, METRIC_DISK_READ_BYTES, "vda", 10);
    readings_add(list, METRIC_DISK_WRITE_BYTES, "vda", 20);
    readings_add(list, METRIC_DISK_READ_BYTES, "vdab", 30);
    assert_int_equal(list->n, 4);
    assert_int_equal(list->at[1].metric, METRIC_DISK_READ_BYTES);
    assert_string_equal(readings_instance(list, 0), "");
    assert_string_equal(readings_instance(list, 1), "vda");
    assert_string_equal(readings_instance(list, 2), "vda");
    assert_string_equal(readings_instance(list, 3), "vdab");
    assert_true(list->at[3].value == 30);
}

static void an_instance_is_copied(void **state)
{
    struct readings *list = *state;
    char name[] = "vda";
    readings_add(list, METRIC_DISK_READ_BYTES, name, 1);
    name[0] = 'x';
    assert_string_equal(readings_instance(list, 0), "vda");
}

static void bytes_that_are_not_utf8_become_question_marks(void **state)
{
    struct readings *list = *state;
    static const struct {
        const char *from, *want;
    } rows[] = {
        { "/srv/caf\xc3\xa9", "/srv/caf\xc3\xa9" },
        { "/srv/caf\xe9", "/srv/caf?" }, /* Latin-1 */
        { "\xc3", "?" },                 /* cut */
        { "\xc0\xaf", "??" },            /* overlong '/' */
        { "\xed\xa0\x80", "???" },       /* surrogate */
        { "\xf4\x90\x80\x80", "????" },  /* beyond U+10FFFF */
        { "\xf0\x9f\x90\x8e!", "\xf0\x9f\x90\x8e!" },
        { "\xe4\xba\x91\xff", "\xe4\xba\x91?" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        readings_add(list, METRIC_FILESYSTEM_LIMIT, rows[i].from, 1);
        assert_string_equal(readings_instance(list, i), rows[i].want);
    }
}

static void a_long_instance_is_cut_between_characters(void **state)
{
    struct readings *list = *state;
    char name[INSTANCE_MAX + 8];
    memset(name, 'a', sizeof name);
    memcpy(name + INSTANCE_MAX - 2, "\xe4\xba\x91", 4); /* three bytes where there is room for two */
    readings_add(list, METRIC_FILESYSTEM_LIMIT, name, 1);
    assert_int_equal(strlen(readings_instance(list, 0)), INSTANCE_MAX - 2);
}

static void rows_beyond_the_limit_are_counted(void **state)
{
    struct readings *list = *state;
    for (int i = 0; i < SERIES_MAX + 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "disk%d", i);
        readings_add(list, METRIC_DISK_READ_BYTES, name, i);
    }
    assert_int_equal(list->n, SERIES_MAX);
    assert_int_equal(list->dropped, 3);
    assert_string_equal(readings_instance(list, SERIES_MAX - 1), "disk1023");
}

static void a_cleared_list_is_empty_and_keeps_its_memory(void **state)
{
    struct readings *list = *state;
    readings_add(list, METRIC_DISK_READ_BYTES, "vda", 1);
    const char *text = list->text;
    readings_clear(list);
    assert_int_equal(list->n, 0);
    readings_add(list, METRIC_DISK_READ_BYTES, "vdb", 1);
    assert_ptr_equal(list->text, text);
    assert_string_equal(readings_instance(list, 0), "vdb");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_back_in_the_order_they_were_added),
        TEST(an_instance_is_copied),
        TEST(bytes_that_are_not_utf8_become_question_marks),
        TEST(a_long_instance_is_cut_between_characters),
        TEST(rows_beyond_the_limit_are_counted),
        TEST(a_cleared_list_is_empty_and_keeps_its_memory),
    };
    return cmocka_run_group_tests_name("readings", tests, NULL, NULL);
}
