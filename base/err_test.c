#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_code_and_text(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(err_set(&err, -EMSGSIZE, "spool: record of %d bytes", 7), -EMSGSIZE);
    assert_int_equal(err.code, -EMSGSIZE);
    assert_string_equal(err.text, "spool: record of 7 bytes");
}

static void sys_adds_what_the_system_says(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(err_sys(&err, -ENOSPC, "spool: cannot create %s", "x"), -ENOSPC);
    assert_string_equal(err.text, "spool: cannot create x: No space left on device");
}

static void sys_shows_a_code_the_system_does_not_know(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(err_sys(&err, -4095, "link: cannot read"), -4095);
    assert_string_equal(err.text, "link: cannot read: error -4095");
}

static void within_puts_context_before_the_text(void **state)
{
    (void)state;
    struct err err = { 0 };
    int rc = err_set(&err, -EIO, "disk gone");
    assert_int_equal(err_within(&err, rc, "tenant %s", "acme"), -EIO);
    assert_int_equal(err.code, -EIO);
    assert_string_equal(err.text, "tenant acme: disk gone");
}

static void without_a_carrier_the_code_is_still_returned(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
    assert_int_equal(err_sys(NULL, -ENOENT, "x"), -ENOENT);
    assert_int_equal(err_within(NULL, -EBADMSG, "x"), -EBADMSG);
}

static void a_long_text_is_cut_and_terminated(void **state)
{
    (void)state;
    struct err err;
    char text[2 * ERR_TEXT_MAX];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    err_set(&err, -EIO, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_sys(&err, -EIO, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_set(&err, -EIO, "inner");
    err_within(&err, -EIO, "%s", text);
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    err_set(&err, -EIO, "%s", text);
    err_within(&err, -EIO, "outer");
    assert_int_equal(strlen(err.text), ERR_TEXT_MAX - 1);
    assert_memory_equal(err.text, "outer: aaa", 10);
}

static void an_argument_may_be_the_text_it_replaces(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, -EIO, "first");
    err_set(&err, -EIO, "%s, %s again", err.text, err.text);
    assert_string_equal(err.text, "first, first again");
    err_within(&err, -EIO, "[%s]", err.text);
    assert_string_equal(err.text, "[first, first again]: first, first again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_code_and_text),
        cmocka_unit_test(sys_adds_what_the_system_says),
        cmocka_unit_test(sys_shows_a_code_the_system_does_not_know),
        cmocka_unit_test(within_puts_context_before_the_text),
        cmocka_unit_test(without_a_carrier_the_code_is_still_returned),
        cmocka_unit_test(a_long_text_is_cut_and_terminated),
        cmocka_unit_test(an_argument_may_be_the_text_it_replaces),
    };
    return cmocka_run_group_tests_name("base.err", tests, NULL, NULL);
}
