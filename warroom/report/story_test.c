#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "warroom/report/story.h"

enum { HOURS = 33 * 24, AHEAD = 24 };

struct fixture {
    struct story story;
    char *printed;
    size_t len;
    FILE *out;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    story_init(&f->story, "en", "Acme · spring-sale");
    f->out = open_memstream(&f->printed, &f->len);
    *state = f;
    return f->out ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    story_done(&f->story);
    fclose(f->out);
    free(f->printed);
    free(f);
    return 0;
}

static const char *text_of(struct fixture *f)
{
    assert_int_equal(story_print_text(&f->story, f->out, 80, NULL), 0);
    fflush(f->out);
    return f->printed;
}

static const char *html_of(struct fixture *f)
{
    assert_int_equal(story_print_html(&f->story, f->out, NULL), 0);
    fflush(f->out);
    return f->printed;
}

/* As a reader of the PDF has it: by poppler's pdftotext, a page at a form feed. */
static char *pdf_text_of(struct fixture *f, size_t room, char *text)
{
    char name[] = "/tmp/warroom-story-XXXXXX";
    char command[128];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_int_equal(story_print_pdf(&f->story, file, NULL), 0);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "pdftotext -layout %s -", name);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    text[fread(text, 1, room - 1, pipe)] = '\0';
    assert_int_equal(pclose(pipe), 0);
    unlink(name);
    return text;
}

static void tell(struct story *story)
{
    static const struct story_column columns[] = { { "Resource", false, 3 }, { "Peak", true, 1 } };
    story_title(story, "Capacity report", "spring-sale, 2026-12-01 to 2026-12-03 (Asia/Shanghai)");
    story_banner(story, TONE_WARN, "At risk", "CPU of web-1 passes its target of 65 % at the peak.");
    story_fact(story, "Hosts", "12");
    story_fact(story, "History", "33 days");
    story_heading(story, "What binds first");
    story_table(story, columns, 2);
    story_row(story, TONE_BAD, (const char *const[]){ "web-1 CPU", "71.0 %" });
    story_row(story, TONE_GOOD, (const char *const[]){ "db-1 memory", "9.5 %" });
}

static struct chart some_chart(double *seen, double *low, double *mid, double *high)
{
    for (int i = 0; i < HOURS; i++)
        seen[i] = i % 100 == 7 ? NAN : 0.3 + 0.15 * sin(i * 2 * M_PI / 24);
    for (int i = 0; i < AHEAD; i++) {
        mid[i] = 0.5 + 0.2 * sin(i * 2 * M_PI / 24);
        low[i] = mid[i] - 0.08;
        high[i] = mid[i] + 0.1;
    }
    int64_t from_us = INT64_C(1793000000) * US_PER_S / (3600 * US_PER_S) * (3600 * US_PER_S);
    struct chart chart = { .seen = { from_us, 3600 * US_PER_S, HOURS, NULL, seen, NULL },
                           .ahead = { from_us + (HOURS + 72) * 3600 * US_PER_S, 3600 * US_PER_S, AHEAD, low, mid,
                                      high },
                           .limit = 1,
                           .target = 0.65,
                           .limit_label = "limit 100 %",
                           .target_label = "target 65 %",
                           .unit = "1",
                           .offset_s = 8 * 3600 };
    return chart;
}

static void add_chart(struct story *story)
{
    double seen[HOURS], low[AHEAD], mid[AHEAD], high[AHEAD];
    struct chart chart = some_chart(seen, low, mid, high);
    story_chart(story, &chart);
}

static void one_story_says_the_same_in_text_html_and_pdf(void **state)
{
    struct fixture *f = *state;
    static const char *const said[] = {
        "Capacity report", "At risk", "CPU of web-1 passes its target of 65 %", "33 days", "web-1 CPU",
        "71.0 %",          "9.5 %"
    };
    char pdf[8192];
    tell(&f->story);
    add_chart(&f->story);
    const char *text = text_of(f);
    pdf_text_of(f, sizeof pdf, pdf);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        assert_non_null(strstr(text, said[i]));
        assert_non_null(strstr(pdf, said[i]));
    }
    const char *html = html_of(f);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        assert_non_null(strstr(html, said[i]));
}

static void figures_stand_under_each_other_on_a_terminal(void **state)
{
    struct fixture *f = *state;
    tell(&f->story);
    const char *text = text_of(f);
    assert_non_null(strstr(text, "Resource       Peak\nweb-1 CPU    71.0 %\ndb-1 memory   9.5 %\n"));
    assert_non_null(strstr(text, "  Hosts                       12\n  History                     33 days\n"));
}

static void chinese_takes_two_columns_and_is_in_the_pdf_as_text(void **state)
{
    struct fixture *f = *state;
    char pdf[4096];
    static const struct story_column columns[] = { { "资源", false, 2 }, { "预计峰值", true, 1 } };
    story_title(&f->story, "容量评估报告", "spring-sale");
    story_table(&f->story, columns, 2);
    story_row(&f->story, TONE_PLAIN, (const char *const[]){ "处理器", "71.0 %" });
    assert_non_null(strstr(text_of(f), "资源    预计峰值\n处理器    71.0 %\n"));
    pdf_text_of(f, sizeof pdf, pdf);
    assert_non_null(strstr(pdf, "容量评估报告"));
    assert_non_null(strstr(pdf, "预计峰值"));
}

static void long_lines_are_broken_and_lose_nothing(void **state)
{
    struct fixture *f = *state;
    char text[60 * 5 + 1] = "";
    for (size_t i = 0; i + 1 < sizeof(text); i++)
        text[i] = "word "[i % 5];
    story_text(&f->story, text);
    size_t words = 0;
    for (const char *line = text_of(f); *line; line = strchr(line, '\n') + 1)
        assert_true(strchr(line, '\n') - line <= 80);
    for (const char *at = f->printed; (at = strstr(at, "word")); at++)
        words++;
    assert_int_equal(words, 60);
}

static void what_came_from_outside_is_text_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    char pdf[4096];
    story_text(&f->story, "<script>alert(1)</script> & \"\x1b[31m \xff\xc0 end");
    const char *html = html_of(f);
    assert_null(strstr(html, "<script"));
    assert_non_null(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;"));
    assert_null(strchr(html, '\x1b'));
    assert_non_null(strstr(html, "\xef\xbf\xbd\xef\xbf\xbd end"));
    pdf_text_of(f, sizeof pdf, pdf);
    assert_non_null(strstr(pdf, "<script>alert(1)</script>"));
}

static void charts_are_drawn_within_the_page_and_their_names_do_not_clash(void **state)
{
    struct fixture *f = *state;
    add_chart(&f->story);
    add_chart(&f->story);
    const char *html = html_of(f);
    const char *first = strstr(html, "<svg");
    assert_non_null(first);
    const char *second = strstr(first + 1, "<svg");
    assert_non_null(second);
    assert_non_null(strstr(html, "id=\"c0-"));
    assert_non_null(strstr(second, "id=\"c1-"));
    assert_null(strstr(second, "#c0-"));
    assert_null(strstr(html, "http-equiv"));
    assert_null(strstr(html, "src="));
}

static void a_chart_of_nothing_is_an_empty_one(void **state)
{
    struct fixture *f = *state;
    double none[3] = { NAN, NAN, NAN };
    struct chart chart = {
        .seen = { 0, 3600 * US_PER_S, 3, NULL, none, NULL }, .limit = NAN, .target = NAN, .unit = "1"
    };
    story_chart(&f->story, &chart);
    story_chart(&f->story, &(struct chart){ .limit = NAN, .target = NAN });
    assert_non_null(strstr(html_of(f), "<svg"));
}

static void a_table_goes_on_under_its_heads_on_the_next_page(void **state)
{
    struct fixture *f = *state;
    static char pdf[256 * 1024];
    static const struct story_column columns[] = { { "Resource", false, 3 }, { "Peak", true, 1 } };
    story_table(&f->story, columns, 2);
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "row-%03d", i);
        story_row(&f->story, TONE_PLAIN, (const char *const[]){ name, "1" });
    }
    pdf_text_of(f, sizeof pdf, pdf);
    size_t pages = 0, heads = 0, rows = 0;
    for (const char *at = pdf; (at = strchr(at, '\f')); at++)
        pages++;
    for (const char *at = pdf; (at = strstr(at, "Resource")); at++)
        heads++;
    for (const char *at = pdf; (at = strstr(at, "row-")); at++)
        rows++;
    assert_true(pages > 5);
    assert_int_equal(heads, pages);
    assert_int_equal(rows, 500);
}

static void more_than_a_report_can_be_is_told_and_not_printed(void **state)
{
    struct fixture *f = *state;
    static char text[1 << 20];
    struct err err;
    memset(text, 'a', sizeof text - 1);
    for (int i = 0; i < 80; i++)
        story_text(&f->story, text);
    assert_int_equal(story_print_text(&f->story, f->out, 80, &err), -ENOMEM);
    assert_int_equal(story_print_html(&f->story, f->out, &err), -ENOMEM);
    assert_int_equal(story_print_pdf(&f->story, f->out, &err), -ENOMEM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_story_says_the_same_in_text_html_and_pdf),
        TEST(figures_stand_under_each_other_on_a_terminal),
        TEST(chinese_takes_two_columns_and_is_in_the_pdf_as_text),
        TEST(long_lines_are_broken_and_lose_nothing),
        TEST(what_came_from_outside_is_text_and_nothing_else),
        TEST(charts_are_drawn_within_the_page_and_their_names_do_not_clash),
        TEST(a_chart_of_nothing_is_an_empty_one),
        TEST(a_table_goes_on_under_its_heads_on_the_next_page),
        TEST(more_than_a_report_can_be_is_told_and_not_printed),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
