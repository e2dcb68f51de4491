#include "warroom/command/human.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "warroom/command/sheet.h"
#include "warroom/command/text.h"

static void values_have_three_digits_and_a_unit_people_use(void **state)
{
    static const struct {
        double value;
        const char *unit, *text;
    } cases[] = {
        { 0.973, "1", "97.3 %" },
        { 0, "1", "0.0 %" },
        { 12500000, "By/s", "12.5 MB/s" },
        { 999600, "By/s", "1.00 MB/s" },
        { 999.4, "By/s", "999 B/s" },
        { 0, "By", "0 B" },
        { 1.5e12, "By", "1.50 TB" },
        { 0.00123, "s", "1.23 ms" },
        { 0.0000005, "s", "0.50 us" },
        { 0, "s", "0.00 s" },
        { 90, "s", "90.0 s" },
        { 1234, "{packet}/s", "1.23 kpacket/s" },
        { 12, "{connection}", "12 connection" },
        { 3, "", "3" },
        { -2500, "", "-2.50 k" },
        { NAN, "1", "-" },
        { INFINITY, "By", "-" },
        { 1e300, "a-unit-that-is-far-too-long-to-be-one", NULL }, /* cut, not overrun */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[HUMAN_TEXT];
        human_value(text, cases[i].value, cases[i].unit);
        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
        else
            assert_true(strlen(text) < HUMAN_TEXT);
    }
}

static void counts_are_grouped(void **state)
{
    char text[HUMAN_TEXT];
    (void)state;
    assert_string_equal(human_count(text, 0), "0");
    assert_string_equal(human_count(text, 999), "999");
    assert_string_equal(human_count(text, 1000), "1,000");
    assert_string_equal(human_count(text, 12345678), "12,345,678");
    assert_string_equal(human_count(text, -123456), "-123,456");
    assert_string_equal(human_count(text, INT64_MIN), "-9,223,372,036,854,775,808");
}

static void instants_are_local_and_ages_are_short(void **state)
{
    char text[HUMAN_TEXT];
    const int64_t now = INT64_C(1795401660) * US_PER_S;
    (void)state;
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    assert_string_equal(human_time(text, now, now), "10:41:00");
    assert_string_equal(human_time(text, now - 86400 * US_PER_S, now), "11-22 10:41");
    assert_string_equal(human_instant(text, now), "2026-11-23 10:41:00 CST");
    assert_string_equal(human_age(text, now, now), "now");
    assert_string_equal(human_age(text, now - 4 * US_PER_S - 1, now), "4s ago");
    assert_string_equal(human_age(text, now - 245 * US_PER_S, now), "4m 05s ago");
    assert_string_equal(human_age(text, now + 245 * US_PER_S, now), "in 4m 05s");
}

static void a_sparkline_spans_lowest_to_highest(void **state)
{
    char text[64];
    (void)state;
    assert_string_equal(human_sparkline(text, sizeof text, (double[]){ 0, 1, NAN, 7 }, 4), "▁▂ █");
    assert_string_equal(human_sparkline(text, sizeof text, (double[]){ 5, 5 }, 2), "▁▁");
    assert_string_equal(human_sparkline(text, sizeof text, (double[]){ NAN }, 1), " ");
    assert_string_equal(human_sparkline(text, sizeof text, NULL, 0), "");
    assert_string_equal(human_sparkline(text, 5, (double[]){ 1, 2, 3 }, 3), "▁"); /* no room: whole characters only */
}

static void rates_say_bits_or_bytes(void **state)
{
    static const struct {
        const char *text;
        double rate;
    } cases[] = { { "100Mbit", 12.5e6 }, { "1.5Gbit", 187.5e6 },   { "125MB", 125e6 },
                  { "8bit", 1 },         { "100 mbit/s", 12.5e6 }, { "1KiB", 1024 },
                  { "1kB/s", 1000 },     { "10GB", 10e9 },         { "1Tbit", 125e9 } };
    static const char *const bad[] = { "",       "100",   "Mbit",   "100Mb",   "100mb",    "100MBit/",
                                       "-1Mbit", "0Mbit", "1e99GB", "nanMbit", "1 Mbit x", "100M" };
    double rate = -7;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(human_rate_parse(cases[i].text, &rate, NULL), 0);
        assert_true(fabs(rate - cases[i].rate) < 1e-6);
    }
    rate = -7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err err = { 0 };
        if (human_rate_parse(bad[i], &rate, &err) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(err.text[0] != '\0');
    }
    assert_true(rate == -7); /* untouched */
}

static void instants_are_now_or_before_or_exact(void **state)
{
    const int64_t now = INT64_C(1795401660) * US_PER_S;
    static const char *const bad[] = { "", "-", "-1", "1h", "+1h", "yesterday", "2026-11-23", "-1h ", "10:40" };
    int64_t at = -7;
    (void)state;
    assert_int_equal(human_instant_parse("now", now, &at, NULL), 0);
    assert_int_equal(at, now);
    assert_int_equal(human_instant_parse("-1h", now, &at, NULL), 0);
    assert_int_equal(at, now - 3600 * US_PER_S);
    assert_int_equal(human_instant_parse("2026-11-23T10:41:00+08:00", 0, &at, NULL), 0);
    assert_int_equal(at, now);
    assert_int_equal(human_instant_parse("-3650d", 1, &at, NULL), 0);
    assert_int_equal(at, 0); /* not before time began */
    at = -7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(human_instant_parse(bad[i], now, &at, NULL), -EINVAL);
    assert_int_equal(at, -7);
}

static void text_is_cleaned_of_what_a_terminal_would_obey(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = { { "plain", "plain" },   { "a\x1b[31mb\n", "a?[31mb?" }, { "\xc2\x9b", "?" },  { "\xe2\x80\xae", "?" },
                  { "数据库", "数据库" }, { "\xff\xfe", "??" },           { "\xe6\x95", "??" }, { "", "" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *clean = text_clean(cases[i].in);
        assert_string_equal(clean, cases[i].out);
        free(clean);
    }
}

static void width_is_counted_in_columns(void **state)
{
    int columns;
    (void)state;
    assert_int_equal(text_width("web-1"), 5);
    assert_int_equal(text_width("数据库"), 6);
    assert_int_equal(text_width("e\xcc\x81"), 1);         /* a letter and its accent */
    assert_int_equal(text_fit("数据库", 5, &columns), 6); /* half a character is none */
    assert_int_equal(columns, 4);
}

/* Not inlined: gcc 12 would take the stream's pointer to `text` for one that outlives it (-Wdangling-pointer). */
__attribute__((noinline)) static char *printed(const struct column *columns, size_t n, const char *const *cells,
                                               size_t n_cells)
{
    char *text = NULL;
    size_t len;
    struct sheet sheet = { .out = open_memstream(&text, &len) };
    struct table *table = table_new(columns, n, 0);
    for (size_t i = 0; i < n_cells; i++)
        table_cell(table, TONE_BAD, "%s", cells[i]);
    table_print(table, &sheet);
    fclose(sheet.out);
    return text;
}

static void a_table_is_as_wide_as_what_stands_in_it(void **state)
{
    static const struct column columns[] = { { "NAME", false, 4 }, { "N", true, 0 }, { "LAST", false, 4 } };
    static const char *const cells[] = { "数据", "5", "x", "web-1", "12345", "y" };
    (void)state;
    char *text = printed(columns, 3, cells, 6);
    assert_string_equal(text, "NAME       N  LAST\n"
                              "数据       5  x\n"
                              "web-1  12345  y\n");
    free(text);
}

static void the_widest_cell_that_may_be_cut_gives_way(void **state)
{
    static const struct column columns[] = { { "A", false, 10 }, { "B", false, 0 }, { "C", true, 10 } };
    const char *const cells[] = {
        "数据库数据库数据库数据库数据库数据库数据库数据库",                                     /* 48 columns */
        "never cut: 40 columns of it, to the last", "0123456789012345678901234567890123456789", /* 40 columns */
    };
    (void)state;
    char *text = printed(columns, 3, cells, 3);
    char *second = strchr(text, '\n') + 1;
    *strchr(second, '\n') = '\0';
    assert_int_equal(text_width(second), SHEET_COLUMNS);
    assert_non_null(strstr(second, "never cut: 40 columns of it, to the last"));
    assert_non_null(strstr(second, "…"));
    free(text);
}

static int utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_three_digits_and_a_unit_people_use),
        cmocka_unit_test(counts_are_grouped),
        cmocka_unit_test(instants_are_local_and_ages_are_short),
        cmocka_unit_test(a_sparkline_spans_lowest_to_highest),
        cmocka_unit_test(rates_say_bits_or_bytes),
        cmocka_unit_test(instants_are_now_or_before_or_exact),
        cmocka_unit_test(text_is_cleaned_of_what_a_terminal_would_obey),
        cmocka_unit_test(width_is_counted_in_columns),
        cmocka_unit_test(a_table_is_as_wide_as_what_stands_in_it),
        cmocka_unit_test(the_widest_cell_that_may_be_cut_gives_way),
    };
    return cmocka_run_group_tests(tests, utf8, NULL);
}
