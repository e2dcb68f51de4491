#include "collector/page/silence.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOUR_US (3600 * US_PER_S)

static struct silence_wish wish(void)
{
    return (struct silence_wish){
        .hosts = "web-*, db-1", .reason = "kernel update", .owner = "ada", .from_us = HOUR_US, .to_us = 3 * HOUR_US
    };
}

static void a_silence_means_the_rules_and_hosts_that_fit_it(void **state)
{
    struct silence silence;
    struct silence_wish asked = wish();
    (void)state;
    asked.rule = "cpu-*";
    assert_int_equal(silence_init(&silence, &asked, NULL), 0);
    assert_string_equal(silence.hosts, "web-*,db-1");
    assert_true(silence_means(&silence, "web-7", "cpu-high"));
    assert_true(silence_means(&silence, "db-1", "cpu-high"));
    assert_false(silence_means(&silence, "db-2", "cpu-high"));
    assert_false(silence_means(&silence, "web-7", "disk-full"));
}

static void without_a_rule_all_are_meant_but_that_the_host_is_silent(void **state)
{
    struct silence silence;
    struct silence_wish asked = wish();
    (void)state;
    assert_int_equal(silence_init(&silence, &asked, NULL), 0);
    assert_string_equal(silence.rule, "*");
    assert_true(silence_means(&silence, "web-7", "disk-full"));
    assert_false(silence_means(&silence, "web-7", WATCH_SILENCE_RULE));
    asked.rule = "sil*";
    assert_int_equal(silence_init(&silence, &asked, NULL), 0);
    assert_false(silence_means(&silence, "web-7", WATCH_SILENCE_RULE));
    asked.rule = WATCH_SILENCE_RULE;
    assert_int_equal(silence_init(&silence, &asked, NULL), 0);
    assert_true(silence_means(&silence, "web-7", WATCH_SILENCE_RULE));
}

static void refuses(struct silence_wish asked, const char *why)
{
    struct silence silence = { .id = 77 };
    struct err err;
    assert_int_equal(silence_init(&silence, &asked, &err), -EINVAL);
    if (!strstr(err.text, why))
        fail_msg("said %s", err.text);
    assert_int_equal(silence.id, 77);
}

static void one_without_reason_hosts_or_end_is_refused(void **state)
{
    static char long_reason[SILENCE_REASON_MAX + 2];
    struct silence_wish asked = wish();
    (void)state;
    asked.reason = NULL;
    refuses(asked, "needs a reason");
    asked.reason = "";
    refuses(asked, "needs a reason");
    memset(long_reason, 'a', SILENCE_REASON_MAX + 1);
    asked.reason = long_reason;
    refuses(asked, "needs a reason");
    asked = wish();
    asked.hosts = "";
    refuses(asked, "hosts");
    asked = wish();
    asked.rule = "";
    refuses(asked, "rule");
    asked = wish();
    asked.to_us = asked.from_us;
    refuses(asked, "ends after now");
    asked.to_us = asked.from_us + SILENCE_MAX_US + 1;
    refuses(asked, "7 days at most");
    asked.to_us = asked.from_us + SILENCE_MAX_US;
    struct silence silence;
    assert_int_equal(silence_init(&silence, &asked, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silence_means_the_rules_and_hosts_that_fit_it),
        cmocka_unit_test(without_a_rule_all_are_meant_but_that_the_host_is_silent),
        cmocka_unit_test(one_without_reason_hosts_or_end_is_refused),
    };
    return cmocka_run_group_tests_name("collector.page.silence", tests, NULL, NULL);
}
