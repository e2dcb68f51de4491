#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct clock_fake time;
    struct clock clock;
    struct log log;
    int read_fd;
    char got[2 * LOG_LINE_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int ends[2];
    if (!f || pipe(ends) < 0)
        return -1;
    f->time.wall_ns = INT64_C(1795401611123456789);
    f->clock = clock_of_fake(&f->time);
    f->log = (struct log){ .fd = ends[1], .least = LOG_INFO, .clock = &f->clock };
    f->read_fd = ends[0];
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->log.fd);
    close(f->read_fd);
    free(f);
    return 0;
}

#define HEAD "ts=2026-11-23T02:40:11.123Z level=warn "

/* What one log_event() wrote; it fits the pipe, so that the read does not wait. */
static const char *written(struct fixture *f)
{
    ssize_t n = read(f->read_fd, f->got, sizeof f->got - 1);
    assert_true(n > 0);
    f->got[n] = '\0';
    return f->got;
}

static void an_event_is_one_logfmt_line(void **state)
{
    struct fixture *f = *state;
    log_event(&f->log, LOG_WARN, "webhook_refused", KV_TEXT("webhook", "war-room"), KV_INT("status", -503),
              KV_COUNT("try", UINT64_MAX), KV_REAL("ratio", 0.25));
    assert_string_equal(written(f), HEAD
                        "event=webhook_refused webhook=war-room status=-503 try=18446744073709551615 ratio=0.25\n");
    log_event(&f->log, LOG_WARN, "started");
    assert_string_equal(written(f), HEAD "event=started\n");
}

static void events_below_the_least_level_are_not_written(void **state)
{
    struct fixture *f = *state;
    log_event(&f->log, LOG_DEBUG, "quiet");
    log_event(&f->log, LOG_INFO, "heard");
    assert_string_equal(written(f), "ts=2026-11-23T02:40:11.123Z level=info event=heard\n");
    f->log.least = LOG_ERROR;
    log_event(&f->log, LOG_WARN, "quiet");
    log_event(&f->log, LOG_ERROR, "heard");
    assert_string_equal(written(f), "ts=2026-11-23T02:40:11.123Z level=error event=heard\n");
}

static void texts_that_need_it_are_quoted(void **state)
{
    struct fixture *f = *state;
    log_event(&f->log, LOG_WARN, "e", KV_TEXT("a", ""), KV_TEXT("b", NULL), KV_TEXT("c", "two words"),
              KV_TEXT("d", "x=y"), KV_TEXT("e", "say \"hi\" \\o/"), KV_TEXT("f", "größe"));
    assert_string_equal(written(f),
                        HEAD "event=e a=\"\" b=\"\" c=\"two words\" d=\"x=y\" e=\"say \\\"hi\\\" \\\\o/\" f=größe\n");
}

static void a_text_from_outside_cannot_forge_a_line(void **state)
{
    struct fixture *f = *state;
    log_event(&f->log, LOG_WARN, "e", KV_TEXT("host", "a\nts=1 level=error event=forged\r\x1b[2J\x7f"));
    assert_string_equal(written(f), HEAD "event=e host=\"a\\nts=1 level=error event=forged\\x0d\\x1b[2J\\x7f\"\n");
}

static void a_long_line_is_cut_and_still_ends(void **state)
{
    struct fixture *f = *state;
    char text[2 * LOG_LINE_MAX];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    log_event(&f->log, LOG_WARN, "e", KV_TEXT("a", text), KV_TEXT("b", "\n"), KV_INT("c", 1));
    const char *line = written(f);
    assert_true(strlen(line) <= LOG_LINE_MAX);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void numbers_that_are_none_are_shown_as_such(void **state)
{
    struct fixture *f = *state;
    log_event(&f->log, LOG_WARN, "e", KV_REAL("a", (double)NAN), KV_REAL("b", (double)INFINITY));
    assert_string_equal(written(f), HEAD "event=e a=nan b=inf\n");
}

static void without_a_log_nothing_happens(void **state)
{
    (void)state;
    log_event(NULL, LOG_ERROR, "unheard", KV_INT("a", 1));
}

static void writing_does_not_disturb_errno(void **state)
{
    struct fixture *f = *state;
    struct log broken = f->log;
    broken.fd = -1;
    errno = ENOSPC;
    log_event(&broken, LOG_ERROR, "lost");
    assert_int_equal(errno, ENOSPC);
}

static void levels_have_names_in_their_order(void **state)
{
    (void)state;
    assert_string_equal(log_level_names[LOG_DEBUG], "debug");
    assert_string_equal(log_level_names[LOG_INFO], "info");
    assert_string_equal(log_level_names[LOG_WARN], "warn");
    assert_string_equal(log_level_names[LOG_ERROR], "error");
    assert_null(log_level_names[LOG_ERROR + 1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_one_logfmt_line),       TEST(events_below_the_least_level_are_not_written),
        TEST(texts_that_need_it_are_quoted),     TEST(a_text_from_outside_cannot_forge_a_line),
        TEST(a_long_line_is_cut_and_still_ends), TEST(numbers_that_are_none_are_shown_as_such),
        TEST(without_a_log_nothing_happens),     TEST(writing_does_not_disturb_errno),
        TEST(levels_have_names_in_their_order),
    };
    return cmocka_run_group_tests_name("base.log", tests, NULL, NULL);
}
