#include "warroom/carry/source.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "warroom/carry/lines.h"

#define NOW_US INT64_C(1795401660000000) /* 2026-11-23T02:41:00Z */

struct fixture {
    FILE *file;
    struct source *source;
    struct err err;
};

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fixture));
    return 0;
}

static void close_source(struct fixture *f)
{
    f->source = source_close(f->source);
    if (f->file)
        fclose(f->file);
    f->file = NULL;
}

static int teardown(void **state)
{
    close_source(*state);
    free(*state);
    return 0;
}

static int open_text(struct fixture *f, enum source_format format, const char *text, size_t len)
{
    close_source(f);
    f->file = tmpfile();
    assert_int_equal(fwrite(text, 1, len, f->file), len);
    rewind(f->file);
    return source_open(&f->source, f->file, format, NOW_US, &f->err);
}

static int open_csv(struct fixture *f, const char *text)
{
    return open_text(f, SOURCE_CSV, text, strlen(text));
}

static int open_openmetrics(struct fixture *f, const char *text)
{
    return open_text(f, SOURCE_OPENMETRICS, text, strlen(text));
}

static struct tick next(struct fixture *f)
{
    struct tick tick;
    assert_int_equal(source_next(f->source, &tick, &f->err), 0);
    return tick;
}

static void is_at_end(struct fixture *f)
{
    struct tick tick;
    assert_int_equal(source_next(f->source, &tick, &f->err), SOURCE_END);
}

/* ---- CSV ---- */

static void a_file_is_read_row_by_row_whatever_ends_its_lines(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = { "time_s,a,b\n1000000000,1,2\n1000000001,,4\n",
                                         "time_s,a,b\r\n1000000000,1,2\r\n1000000001,,4\r\n",
                                         "\xef\xbb\xbftime_s,a,b\n1000000000,1,2\n1000000001,,4",
                                         "time_s,a,b\n1000000000,1,2\n1000000001,,4\n\n\n" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(open_csv(f, texts[i]), 0);
        assert_true(next(f).values[1].real == 2);
        struct tick tick = next(f);
        assert_int_equal(tick.at_us, INT64_C(1000000001) * US_PER_S);
        assert_int_equal(tick.line, 3);
        assert_true(isnan(tick.values[0].real) && tick.values[1].real == 4);
        is_at_end(f);
    }
}

static void a_first_look_finds_the_decimals_of_each_column(void **state)
{
    struct fixture *f = *state;
    uint32_t n;
    assert_int_equal(open_csv(f, "time_s,a,b,c,d\n1000000000,1,0.5,,1e-30\n1000000001,2,0.1234,,0.5\n"), 0);
    const struct series *series = source_series(f->source, &n);
    assert_int_equal(n, 4);
    assert_int_equal(series[0].exponent, 0);
    assert_int_equal(series[1].exponent, -4);
    assert_int_equal(series[2].exponent, 0);
    assert_int_equal(series[3].exponent, -1); /* what has too many decimals will be a double */
}

static void faults_are_told_with_their_line(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "time_s,a\n1000000000,1\n1000000001,x\n", "line 3: column 2: \"x\" is not a number" },
        { "time_s,a\n1000000000,1\n1000000000,1\n", "line 3: 2001-09-09T01:46:40.000Z stands twice" },
        { "time_s,a\n1000000000,1\n\n999999999,1\n", "line 4: 2001-09-09T01:46:39.000Z is before the row above" },
        { "time_s,a\n1000000000,1\n1000000001\n", "line 3: 1 columns" },
        { "time_ms,a\n1000000000,1\n1000000001,1\n", "line 2: 1970-01-12T13:46:40.000Z is before the year 2000" },
        { "time_s,a\n1000000000,1\n1795405261,1\n", "line 3: 2026-11-23T03:41:01.000Z lies in the future" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tick tick;
        int rc = open_csv(f, cases[i].text);
        for (int k = 0; rc == 0 && k < 4; k++)
            rc = source_next(f->source, &tick, &f->err);
        assert_int_equal(rc, -EINVAL);
        if (!strstr(f->err.text, cases[i].why))
            fail_msg("%s", f->err.text);
    }
    assert_int_equal(open_csv(f, ""), -EINVAL);
    assert_string_equal(f->err.text, "the file is empty");
    assert_int_equal(open_csv(f, "a,b\n"), -EINVAL);
    assert_non_null(strstr(f->err.text, "line 1: "));
}

static void a_line_that_is_too_long_is_refused(void **state)
{
    struct fixture *f = *state;
    size_t len = 3 * (size_t)LINES_LEN_MAX;
    char *text = malloc(len);
    memset(text, '1', len);
    memcpy(text, "time_s,a\n", 9);
    assert_int_equal(open_text(f, SOURCE_CSV, text, len), 0);
    struct tick tick;
    assert_int_equal(source_next(f->source, &tick, &f->err), -EMSGSIZE);
    assert_non_null(strstr(f->err.text, "line 2: "));
    free(text);
}

static void a_file_longer_than_any_buffer_comes_out_whole(void **state)
{
    struct fixture *f = *state;
    enum { ROWS = 200000 };
    f->file = tmpfile();
    fprintf(f->file, "time_s,a,b\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(f->file, "%d,%d,%d.25\n", 1000000000 + i, i, i);
    rewind(f->file);
    assert_int_equal(source_open(&f->source, f->file, SOURCE_CSV, NOW_US, &f->err), 0);
    for (int i = 0; i < ROWS; i++) {
        struct tick tick = next(f);
        assert_int_equal(tick.line, i + 2);
        assert_true(tick.values[0].real == i && tick.values[1].real == i + 0.25);
    }
    is_at_end(f);
}

static void a_file_that_has_grown_is_the_same_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_csv(f, "time_s,a\n1000000000,1\n"), 0);
    struct table_hash before = source_identity(f->source);
    assert_int_equal(open_csv(f, "time_s,a\n1000000000,1\n1000000001,1\n"), 0);
    struct table_hash grown = source_identity(f->source);
    assert_memory_equal(&before, &grown, sizeof before);
    assert_int_equal(open_csv(f, "time_s,a\n1000000001,1\n"), 0);
    struct table_hash other = source_identity(f->source);
    assert_memory_not_equal(&before, &other, sizeof before);
}

/* ---- OpenMetrics ---- */

static void samples_of_one_moment_become_one_tick(void **state)
{
    struct fixture *f = *state;
    uint32_t n;
    assert_int_equal(open_openmetrics(f, "# TYPE system_cpu_utilization_ratio gauge\n"
                                         "system_cpu_utilization_ratio{host=\"w\"} 0.5 1000000000\n"
                                         "system_cpu_utilization_ratio{host=\"w\"} 0.25 1000000001.5\n"
                                         "# TYPE system_disk_io_rate_bytes_per_second gauge\n"
                                         "# UNIT system_disk_io_rate_bytes_per_second bytes_per_second\n"
                                         "system_disk_io_rate_bytes_per_second{host=\"w\",direction=\"read\","
                                         "device=\"vda\"} 7 1000000000\n"
                                         "# TYPE x gauge\n# UNIT x_seconds seconds\n"
                                         "x_seconds{mode=\"b\",instance=\"i\\\"1\",a=\"\"} NaN 1000000001.5\n# EOF\n"),
                     0);
    const struct series *series = source_series(f->source, &n);
    assert_int_equal(n, 3);
    assert_string_equal(series[0].metric, "system.cpu.utilization");
    assert_int_equal(series[0].exponent, -2);
    assert_string_equal(series[1].metric, "system.disk.io.rate{direction=read}");
    assert_string_equal(series[1].instance, "vda");
    assert_string_equal(series[1].unit, "By/s");
    assert_string_equal(series[2].metric, "x_seconds{a=,mode=b}");
    assert_string_equal(series[2].instance, "i\"1");
    assert_string_equal(series[2].unit, "s");
    struct tick tick = next(f);
    assert_int_equal(tick.at_us, INT64_C(1000000000) * US_PER_S);
    assert_true(tick.values[0].real == 0.5 && tick.values[1].real == 7 && isnan(tick.values[2].real));
    tick = next(f);
    assert_int_equal(tick.at_us, INT64_C(1000000001500000));
    assert_true(tick.values[0].real == 0.25 && isnan(tick.values[1].real));
    is_at_end(f);
}

static void openmetrics_faults_are_told_with_their_line(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "a 1 1000000000\n", "ends without # EOF" },
        { "# EOF\n", "no sample" },
        { "a 1 1000000000\n# EOF\na 2 1000000001\n", "line 3: there is more behind # EOF" },
        { "a 1\n# EOF\n", "line 1: the sample has no time" },
        { "a\n# EOF\n", "line 1: there is no value" },
        { "a x 1000000000\n# EOF\n", "\"x\" is not a number" },
        { "a +Inf 1000000000\n# EOF\n", "\"+Inf\" is infinite" },
        { "a 1 x\n# EOF\n", "the time \"x\"" },
        { "a 1 1000000000 7\n# EOF\n", "text behind the time" },
        { "a{b 1 1000000000\n# EOF\n", "labels are not closed" },
        { "a{b} 1 1000000000\n# EOF\n", "labels are not of the form" },
        { "a{b=\"1\",b=\"2\"} 1 1000000000\n# EOF\n", "the label b stands twice" },
        { "0a 1 1000000000\n# EOF\n", "no metric's name" },
        { "a{host=\"x\"} 1 1000000000\na{host=\"y\"} 1 1000000000\n# EOF\n",
          "line 2: the file holds samples of several" },
        { "a 1 1000000000000\n# EOF\n", "line 1: the time" },
        { "a 1 1000000000\na 2 1000000000\n# EOF\n", "line 2: this series has a sample of this moment" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tick tick;
        int rc = open_openmetrics(f, cases[i].text);
        for (int k = 0; rc == 0 && k < 3; k++)
            rc = source_next(f->source, &tick, &f->err);
        assert_int_equal(rc, -EINVAL);
        if (!strstr(f->err.text, cases[i].why))
            fail_msg("%s: %s", cases[i].text, f->err.text);
    }
}

/* More samples than one window holds, series by series: every tick has all of its series all the same. */
static void a_long_file_is_read_window_by_window(void **state)
{
    struct fixture *f = *state;
    enum { TICKS = 640000, SERIES = 5 };
    f->file = tmpfile();
    for (int s = 0; s < SERIES; s++)
        for (int i = 0; i < TICKS; i++)
            fprintf(f->file, "m%d %d %d\n", s, i * 10 + s, 1000000000 + i);
    fprintf(f->file, "# EOF\n");
    rewind(f->file);
    assert_int_equal(source_open(&f->source, f->file, SOURCE_OPENMETRICS, NOW_US, &f->err), 0);
    for (int i = 0; i < TICKS; i++) {
        struct tick tick = next(f);
        if (tick.at_us != (1000000000 + (int64_t)i) * US_PER_S)
            fail_msg("tick %d is of %" PRId64, i, tick.at_us);
        for (int s = 0; s < SERIES; s++)
            if (tick.values[s].real != i * 10 + s)
                fail_msg("tick %d lacks series %d", i, s);
    }
    is_at_end(f);
}

static void a_pipe_cannot_be_read_several_times(void **state)
{
    struct fixture *f = *state;
    f->file = popen("echo '# EOF'", "r");
    assert_int_equal(source_open(&f->source, f->file, SOURCE_OPENMETRICS, NOW_US, &f->err), -ESPIPE);
    assert_string_equal(f->err.text, "OpenMetrics cannot come from a pipe: save it to a file first");
    pclose(f->file);
    f->file = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_read_row_by_row_whatever_ends_its_lines),
        TEST(a_first_look_finds_the_decimals_of_each_column),
        TEST(faults_are_told_with_their_line),
        TEST(a_line_that_is_too_long_is_refused),
        TEST(a_file_longer_than_any_buffer_comes_out_whole),
        TEST(a_file_that_has_grown_is_the_same_file),
        TEST(samples_of_one_moment_become_one_tick),
        TEST(openmetrics_faults_are_told_with_their_line),
        TEST(a_long_file_is_read_window_by_window),
        TEST(a_pipe_cannot_be_read_several_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
