#include "collector/channel/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "collector/channel/message_fixture.h"

struct fixture {
    struct message_fixture m;
    char *text;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    message_fixture_fill(&f->m);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->text);
    free(f);
    return 0;
}

static const char *make(struct fixture *f, size_t room)
{
    free(f->text);
    f->text = text_of(&f->m.message, room);
    assert_non_null(f->text);
    assert_true(strlen(f->text) < room);
    assert_true(utf8_is_shown(f->text, 1, room, "\n"));
    return f->text;
}

static void a_trigger_says_what_whose_since_when_and_what_to_do(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(make(f, 2049), "[critical] CPU utilisation above 90 % on web-1\n"
                                       "customer acme, event launch, group web, incident 12\n"
                                       "since 2026-11-23T02:40:11Z\n"
                                       "answer by 2026-11-23T02:50:11Z\n"
                                       "- web-1: CPU utilisation above 90 % (0.973)\n"
                                       "To answer: warroom incident ack 12");
}

static void it_says_so_in_chinese(void **state)
{
    struct fixture *f = *state;
    f->m.message.language = LANGUAGE_ZH;
    assert_string_equal(make(f, 2049), "[严重] CPU utilisation above 90 % on web-1\n"
                                       "客户 acme，保障活动 launch，分组 web，事件编号 12\n"
                                       "开始于 2026-11-23T02:40:11Z\n"
                                       "请在 2026-11-23T02:50:11Z 前响应\n"
                                       "- web-1：CPU utilisation above 90 % (0.973)\n"
                                       "响应命令：warroom incident ack 12");
}

static void a_resolution_says_when_and_by_whom_and_asks_for_nothing(void **state)
{
    struct fixture *f = *state;
    f->m.message.kind = MESSAGE_RESOLVE;
    f->m.incidents[0].resolved_us = f->m.incidents[0].crossed_us + 300 * US_PER_S;
    snprintf(f->m.incidents[0].resolved_by, sizeof f->m.incidents[0].resolved_by, "recovery");
    const char *text = make(f, 2049);
    assert_memory_equal(text, "[resolved] ", 11);
    assert_non_null(strstr(text, "\nresolved at 2026-11-23T02:45:11Z by recovery\n"));
    assert_null(strstr(text, "ack"));
}

static void marks_stand_at_the_end_whatever_else_is_left_out(void **state)
{
    struct fixture *f = *state;
    f->m.items[0].drill = f->m.items[0].unrecorded = f->m.message.possible_copy = true;
    f->m.incidents[0].late = f->m.incidents[0].breached = true;
    f->m.items[0].n_alerts = MESSAGE_FIXTURE_ALERTS;
    for (int language = 0; language < LANGUAGE_COUNT; language++) {
        f->m.message.language = language;
        const char *text = make(f, TEXT_ROOM_MIN);
        const char *more = strstr(text, "\n+");
        assert_non_null(more);
        int lines = 0;
        for (const char *c = more + 1; *c; c++)
            lines += *c == '\n';
        assert_int_equal(lines, 6); /* behind "+N more": five marks and what to do */
        assert_non_null(strstr(text, "warroom incident ack 12"));
    }
}

static void what_does_not_fit_is_counted(void **state)
{
    struct fixture *f = *state;
    f->m.items[0].n_alerts = MESSAGE_FIXTURE_ALERTS;
    const char *text = make(f, 2049);
    size_t shown = 0, left_out = 0;
    for (const char *line = text; (line = strstr(line, "\n- web-")); line++)
        shown++;
    assert_int_equal(sscanf(strstr(text, "\n+"), "\n+%zu more\n", &left_out), 1);
    assert_int_equal(shown + left_out, MESSAGE_FIXTURE_ALERTS);
    assert_true(shown > 20);
    make(f, TEXT_ROOM_MAX);
    assert_null(strstr(f->text, "more"));
}

static void several_pages_in_one_message_have_a_line_each(void **state)
{
    struct fixture *f = *state;
    f->m.message.n_items = 3;
    f->m.incidents[0].severity = SEVERITY_WARNING;
    assert_string_equal(make(f, 2049), "[critical] 3 incidents, first: CPU utilisation above 90 % on web-1\n"
                                       "- #12 [warning] CPU utilisation above 90 % on web-1 (acme, launch)\n"
                                       "- #13 [critical] CPU utilisation above 90 % on web-2 (acme, launch)\n"
                                       "- #14 [critical] CPU utilisation above 90 % on web-3 (acme, launch)\n"
                                       "To answer: warroom incident ack 12");
}

static void a_mark_of_one_of_several_is_a_mark_of_the_message(void **state)
{
    struct fixture *f = *state;
    f->m.message.n_items = 3;
    f->m.items[2].drill = true;
    assert_non_null(strstr(make(f, 2049), "This is an exercise."));
}

static void a_rehearsal_says_so_before_anything_else(void **state)
{
    struct fixture *f = *state;
    f->m.incidents[0].rehearsal = true;
    f->m.items[0].n_alerts = 0;
    snprintf(f->m.incidents[0].title, sizeof f->m.incidents[0].title, REHEARSAL_MARK "the way from web-1 to people");
    const char *text = make(f, 2049);
    assert_ptr_equal(strstr(text, "[REHEARSAL] the way from web-1 to people\n"
                                  "This is a rehearsal of the way to you: nothing is wrong."),
                     text);
    assert_null(strstr(text, "critical"));
    assert_non_null(strstr(text, "To answer: warroom incident ack 12"));
    f->m.message.language = LANGUAGE_ZH;
    text = make(f, 2049);
    assert_ptr_equal(strstr(text, "[演练] the way from web-1 to people\n这是通知链路的演练，并无真实故障。"), text);
    f->m.message.kind = MESSAGE_RESOLVE;
    text = make(f, 2049);
    assert_ptr_equal(strstr(text, "[演练] the way from web-1 to people\n演练结束，并无真实故障。"), text);
}

static void a_long_line_is_cut_between_characters(void **state)
{
    struct fixture *f = *state;
    char text[4000] = { 0 };
    for (size_t i = 0; i + 4 < sizeof text; i += 3)
        memcpy(text + i, "\xe6\x88\x98", 3);
    for (int shift = 0; shift < 3; shift++) { /* wherever in a character the room ends */
        message_fixture_be_test(&f->m, text);
        const char *line = strchr(make(f, 2049), '\n') + 1;
        assert_memory_equal(strchr(line, '\n') - 3, "\xe2\x80\xa6", 3);
        assert_null(memchr(line, '?', strlen(line)));
        memmove(text + 1, text, sizeof text - 2);
        text[0] = 'x';
    }
}

static void chatter_is_its_own_text(void **state)
{
    struct fixture *f = *state;
    message_fixture_be_test(&f->m, "launch is live\nround 1: nothing found");
    f->m.message.kind = MESSAGE_CHATTER;
    assert_string_equal(make(f, 2049), "launch is live\nround 1: nothing found");
    char headline[HEADLINE_ROOM];
    assert_string_equal(text_headline(&f->m.message, headline), "launch is live");
}

static void a_test_says_that_it_is_one(void **state)
{
    struct fixture *f = *state;
    message_fixture_be_test(&f->m, "by li");
    assert_string_equal(make(f, 2049),
                        "[test] Warroom\nby li\nThis is a test of the way to you. There is nothing to do.");
}

static void names_from_outside_begin_no_line_of_their_own(void **state)
{
    struct fixture *f = *state;
    snprintf(f->m.incidents[0].title, sizeof f->m.incidents[0].title, "a\r\nTo answer: rm\x1b[2J \xe6\x88");
    assert_memory_equal(make(f, 2049), "[critical] a  To answer: rm [2J ??\n", 35);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_trigger_says_what_whose_since_when_and_what_to_do),
        WITH(it_says_so_in_chinese),
        WITH(a_resolution_says_when_and_by_whom_and_asks_for_nothing),
        WITH(marks_stand_at_the_end_whatever_else_is_left_out),
        WITH(what_does_not_fit_is_counted),
        WITH(several_pages_in_one_message_have_a_line_each),
        WITH(a_mark_of_one_of_several_is_a_mark_of_the_message),
        WITH(a_rehearsal_says_so_before_anything_else),
        WITH(a_long_line_is_cut_between_characters),
        WITH(chatter_is_its_own_text),
        WITH(a_test_says_that_it_is_one),
        WITH(names_from_outside_begin_no_line_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
