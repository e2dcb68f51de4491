#include "warroom/carry/openmetrics.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/metric/metric.h"

static void series_get_names_family_by_family(void **state)
{
    const struct series series[] = { { "system.disk.io.rate{direction=write}", "vda", "By/s", 0 },
                                     { "cpu0.user", "", "1", 0 },
                                     { "system.disk.io.rate{direction=read}", "v\"d\\b", "By/s", 0 },
                                     { "x{host=a,b-c=d}", "i", "s", 0 } };
    struct openmetrics_names names = { .n = 0 };
    struct err err;
    (void)state;
    assert_int_equal(openmetrics_names(&names, series, 4, "web-1", &err), 0);
    assert_string_equal(names.at[0].text, "cpu0_user{host=\"web-1\"}");
    assert_string_equal(names.at[1].text, "system_disk_io_rate_bytes_per_second{host=\"web-1\",direction=\"read\","
                                          "device=\"v\\\"d\\\\b\"}");
    assert_string_equal(names.at[2].family, names.at[1].family);
    assert_ptr_equal(names.at[2].series, &series[0]);
    assert_string_equal(names.at[3].text, "x_seconds{host=\"web-1\",metric_host=\"a\",b_c=\"d\",instance=\"i\"}");
    openmetrics_names_done(&names);
}

static void names_that_would_clash_are_refused(void **state)
{
    const struct series same[] = { { "a.b", "", "1", 0 }, { "a_b", "", "1", 0 } };
    const struct series units[] = { { "a_seconds", "", "1", 0 }, { "a", "", "s", 0 } };
    struct openmetrics_names names = { .n = 0 };
    struct err err;
    (void)state;
    assert_int_equal(openmetrics_names(&names, same, 2, "h", &err), -EEXIST);
    assert_non_null(strstr(err.text, "would both be a_b"));
    openmetrics_names_done(&names);
    assert_int_equal(openmetrics_names(&names, units, 2, "h", &err), -EEXIST);
    openmetrics_names_done(&names);
}

/* What a sample of every series of the catalogue is printed as names that series again. */
static void every_metric_of_the_catalogue_comes_back(void **state)
{
    struct arena arena;
    struct err err;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric *metric = metric_get((enum metric_id)id);
        const struct series series = { metric->key, metric->instance_label ? "/srv/a \"b\"" : "", metric->unit, 0 };
        struct openmetrics_names names = { .n = 0 };
        assert_int_equal(openmetrics_names(&names, &series, 1, "web-1", &err), 0);
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        openmetrics_print_sample(out, names.at[0].text, "0.25", 4, 1795401660123456);
        fclose(out);
        struct openmetrics_line line;
        struct series again;
        const char *host;
        assert_int_equal(openmetrics_line_parse(text, len - 1, &line, &err), 0);
        assert_int_equal(line.kind, OPENMETRICS_SAMPLE);
        assert_int_equal(line.at_us, 1795401660123456);
        assert_true(line.value.real == 0.25);
        assert_int_equal(openmetrics_series(&line, "", &arena, &again, &host, &err), 0);
        assert_string_equal(again.metric, series.metric);
        assert_string_equal(again.instance, series.instance);
        assert_string_equal(again.unit, series.unit);
        assert_string_equal(host, "web-1");
        openmetrics_names_done(&names);
        free(text);
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void comments_blank_lines_and_exemplars_are_passed_over(void **state)
{
    static const char *const texts[] = { "", "# HELP a b c", "# TYPE a gauge", "# anything" };
    struct openmetrics_line line;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(openmetrics_line_parse(texts[i], strlen(texts[i]), &line, NULL), 0);
        assert_int_equal(line.kind, OPENMETRICS_OTHER);
    }
    static const char exemplar[] = "a_bucket{le=\"+Inf\"} 3 1000000000.5 # {trace=\"x\"} 0.7";
    assert_int_equal(openmetrics_line_parse(exemplar, strlen(exemplar), &line, NULL), 0);
    assert_int_equal(line.at_us, 1000000000500000);
    assert_int_equal(openmetrics_line_parse("# EOF", 5, &line, NULL), 0);
    assert_int_equal(line.kind, OPENMETRICS_EOF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_get_names_family_by_family),
        cmocka_unit_test(names_that_would_clash_are_refused),
        cmocka_unit_test(every_metric_of_the_catalogue_comes_back),
        cmocka_unit_test(comments_blank_lines_and_exemplars_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
