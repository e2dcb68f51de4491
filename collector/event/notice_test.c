#include "collector/event/notice.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct notice_wish wish(void)
{
    return (struct notice_wish){ .kind = "change",
                                 .hosts = "web-*, db-1",
                                 .title = "switch firmware",
                                 .impact = "30 s without network",
                                 .by = "ada",
                                 .from_us = 100,
                                 .to_us = 200 };
}

static void a_change_stands_against_what_it_overlaps_until_it_is_answered(void **state)
{
    struct notice notice;
    struct notice_wish asked = wish();
    (void)state;
    assert_int_equal(notice_init(&notice, &asked, NULL), 0);
    assert_string_equal(notice.hosts, "web-*,db-1");
    assert_true(notice_stands_against(&notice, 199, 300));
    assert_true(notice_stands_against(&notice, 0, 101));
    assert_true(notice_stands_against(&notice, 120, 130));
    assert_false(notice_stands_against(&notice, 200, 300)); /* ends where the other begins */
    assert_false(notice_stands_against(&notice, 0, 100));
    notice.answered_us = 50;
    assert_false(notice_stands_against(&notice, 120, 130));
}

static void an_advisory_stands_against_nothing(void **state)
{
    struct notice notice;
    struct notice_wish asked = wish();
    (void)state;
    asked.kind = "advisory";
    assert_int_equal(notice_init(&notice, &asked, NULL), 0);
    assert_false(notice_stands_against(&notice, 120, 130));
}

static void refuses(struct notice_wish asked, const char *why)
{
    struct notice notice = { .id = 77 };
    struct err err;
    assert_int_equal(notice_init(&notice, &asked, &err), -EINVAL);
    if (!strstr(err.text, why))
        fail_msg("said %s", err.text);
    assert_int_equal(notice.id, 77);
}

static void what_is_missing_or_wrong_is_said(void **state)
{
    static char long_text[NOTICE_TEXT_MAX + 2];
    (void)state;
    memset(long_text, 'a', NOTICE_TEXT_MAX + 1);
    struct notice_wish asked = wish();
    asked.kind = "party";
    refuses(asked, "want advisory or change");
    asked = wish();
    asked.title = "";
    refuses(asked, "title is to be a text of 1 to 127 bytes");
    asked = wish();
    asked.impact = long_text;
    refuses(asked, "impact is to be a text of 1 to 511 bytes");
    asked = wish();
    asked.hosts = " ";
    refuses(asked, "hosts");
    asked = wish();
    asked.to_us = asked.from_us;
    refuses(asked, "ends after it begins");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_stands_against_what_it_overlaps_until_it_is_answered),
        cmocka_unit_test(an_advisory_stands_against_nothing),
        cmocka_unit_test(what_is_missing_or_wrong_is_said),
    };
    return cmocka_run_group_tests_name("collector.event.notice", tests, NULL, NULL);
}
