#include "collector/page/policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct page_policy *ret, struct err *err)
{
    return page_policy_parse(text, strlen(text), ret, err);
}

static void assert_canonical(const char *text, const char *want)
{
    struct page_policy policy;
    char got[PAGE_POLICY_TEXT_MAX + 1];
    assert_int_equal(parse(text, &policy, NULL), 0);
    assert_int_equal(page_policy_text(&policy, got, NULL), 0);
    assert_string_equal(got, want);
}

static void assert_refused(const char *text, const char *why)
{
    struct page_policy policy = { .n_steps = 77 };
    struct err err = { .text = "" };
    assert_true(parse(text, &policy, &err) < 0);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\", want \"%s\"", text, err.text, why);
    assert_int_equal(policy.n_steps, 77);
}

static void a_policy_is_read_from_its_text(void **state)
{
    (void)state;
    struct page_policy policy;
    assert_int_equal(parse("0s night-desk; 3m lead; 6m manager, war-room", &policy, NULL), 0);
    assert_int_equal(policy.n_steps, 3);
    assert_true(policy.steps[0].after_us == 0 && policy.steps[0].n == 1);
    assert_string_equal(policy.steps[0].whom[0], "night-desk");
    assert_true(policy.steps[2].after_us == 360 * US_PER_S && policy.steps[2].n == 2);
    assert_string_equal(policy.steps[2].whom[1], "war-room");
}

static void it_has_one_canonical_text(void **state)
{
    (void)state;
    assert_canonical("0s night-desk; 3m lead; 6m manager, war-room", "0s night-desk; 3m lead; 6m manager, war-room");
    assert_canonical("  0m   a;180s b,c ,d;", "0s a; 3m b, c, d");
    assert_canonical("90s \xe5\x80\xbc\xe7\x8f\xad", "90s \xe5\x80\xbc\xe7\x8f\xad");
    assert_canonical("", "");
}

static void what_is_no_policy_is_refused_with_why(void **state)
{
    (void)state;
    assert_refused("lead", "begins with its delay");
    assert_refused("0s a;;3m b", "begins with its delay");
    assert_refused("25h lead", "begins with its delay");
    assert_refused("0s", "a name is");
    assert_refused("0s a,,b", "a name is");
    assert_refused("0s a b", "a name is");
    assert_refused("0s a, b, a", "a stands twice");
    assert_refused("3m a; 3m b", "later than the one before");
    assert_refused("3m a; 0s b", "later than the one before");
    assert_refused("0s a\tb", "a name is");
    assert_refused("0s a\xff", "a name is");
    assert_refused("0s 1,2,3,4,5,6,7,8,9", "8 contacts or rotas at most");
    assert_refused("0s a;1s a;2s a;3s a;4s a;5s a;6s a;7s a;8s a", "8 steps at most");
    assert_refused("0s a234567890123456789012345678901234567890123456789012345678901234", "a name is");
}

static void one_too_long_for_a_row_is_refused(void **state)
{
    (void)state;
    char text[1024] = "0s ";
    for (int i = 0; i < 8; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d%063d", i ? "," : "", i % 10, 0);
    assert_refused(text, "a name is");
    strcpy(text, "0s ");
    for (int i = 0; i < 8; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d%062d", i ? "," : "", i, 0);
    assert_refused(text, "511 bytes at most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_is_read_from_its_text),
        cmocka_unit_test(it_has_one_canonical_text),
        cmocka_unit_test(what_is_no_policy_is_refused_with_why),
        cmocka_unit_test(one_too_long_for_a_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
