#include "agent/print.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

struct fixture {
    struct readings readings;
    FILE *out;
    char *text;
    size_t len;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->out = open_memstream(&f->text, &f->len);
    *state = f;
    readings_add(&f->readings, METRIC_CPU_UTILIZATION, "", 0.25);
    readings_add(&f->readings, METRIC_CPU_STEAL, "", NAN);
    readings_add(&f->readings, METRIC_CPU_USER, "", 0.125);
    for (int i = 0; i < 2; i++) {
        const char *disk = i ? "vdb \"spare\\\n" : "vda";
        readings_add(&f->readings, METRIC_DISK_READ_BYTES, disk, 4096 + i);
        readings_add(&f->readings, METRIC_DISK_READ_AWAIT, disk, 0.000125);
        readings_add(&f->readings, METRIC_DISK_WRITE_BYTES, disk, 1e18);
    }
    readings_add(&f->readings, METRIC_DISK_READS, "vda", 12.34);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    readings_done(&f->readings);
    fclose(f->out);
    free(f->text);
    free(f);
    return 0;
}

static const char *printed(struct fixture *f, enum print_format format)
{
    print_readings(f->out, &f->readings, format, (struct print_about){ 1790000000 * US_PER_S, US_PER_S });
    fflush(f->out);
    return f->text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no `%s` in:\n%s", part, text);
}

static void text_is_grouped_by_metric_and_fits_the_screen(void **state)
{
    struct fixture *f = *state;
    const char *text = printed(f, PRINT_TEXT);
    assert_has(text, "system.cpu.utilization                                                   0.2500 1\n");
    assert_has(text, "system.disk.io.rate{direction=read} by device\n  vda  ");
    assert_has(text, " - 1\n"); /* steal has no value */
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= PRINT_COLUMNS);
}

static void a_long_name_has_its_line_to_itself(void **state)
{
    struct fixture *f = *state;
    char instance[INSTANCE_MAX + 1];
    memset(instance, 'm', sizeof instance);
    instance[90] = '\0';
    readings_add(&f->readings, METRIC_FILESYSTEM_LIMIT, instance, 1);
    const char *text = printed(f, PRINT_TEXT);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= PRINT_COLUMNS);
}

static void json_is_one_object_with_escaped_names_and_null_for_no_value(void **state)
{
    struct fixture *f = *state;
    const char *text = printed(f, PRINT_JSON);
    assert_has(text, "\"taken_at\":\"2026-09-21T14:13:20.000Z\"");
    assert_has(text, "{\"metric\":\"system.cpu.utilization\",\"unit\":\"1\",\"value\":0.2500}");
    assert_has(text, "{\"metric\":\"system.cpu.utilization{mode=steal}\",\"unit\":\"1\",\"value\":null}");
    assert_has(text, "\"instance_label\":\"device\",\"instance\":\"vdb \\\"spare\\\\\\u000a\"");
    assert_has(text, "\"value\":1e+18}");
}

static void openmetrics_has_each_family_once_with_its_unit(void **state)
{
    struct fixture *f = *state;
    const char *text = printed(f, PRINT_OPENMETRICS);
    assert_has(text, "# TYPE system_cpu_utilization_ratio gauge\n# UNIT system_cpu_utilization_ratio ratio\n"
                     "# HELP system_cpu_utilization_ratio ");
    assert_has(text, "system_cpu_utilization_ratio 0.2500\nsystem_cpu_utilization_ratio{mode=\"user\"} 0.1250\n");
    assert_has(text, "system_disk_io_rate_bytes_per_second{direction=\"read\",device=\"vda\"} 4096\n");
    assert_has(text, "{direction=\"read\",device=\"vdb \\\"spare\\\\\\n\"} 4097\n");
    assert_has(text, "system_disk_operation_rate_per_second{direction=\"read\",device=\"vda\"} 12.3\n");
    assert_has(text, "system_disk_operation_await_seconds{direction=\"read\",device=\"vda\"} 0.000125\n");
    assert_null(strstr(text, "steal"));
    const char *family = strstr(text, "# TYPE system_disk_io_rate_bytes_per_second ");
    assert_null(strstr(family + 1, "# TYPE system_disk_io_rate_bytes_per_second "));
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

static void raw_lines_are_prometheus_text_that_reads_back_exactly(void **state)
{
    struct fixture *f = *state;
    print_raw(f->out, &(struct raw_reading){ "node_load1", "", 0.1 });
    print_raw(f->out, &(struct raw_reading){ "node_cpu_seconds_total", "cpu=\"0\",mode=\"user\"", 1234567.89 });
    print_raw(f->out, &(struct raw_reading){ "node_memory_MemTotal_bytes", "", 67430277120 });
    print_raw(f->out, &(struct raw_reading){ "node_x", "", 0.1 + 0.2 });
    fflush(f->out);
    assert_string_equal(f->text, "node_load1 0.1\n"
                                 "node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1234567.89\n"
                                 "node_memory_MemTotal_bytes 67430277120\n"
                                 "node_x 0.30000000000000004\n");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(text_is_grouped_by_metric_and_fits_the_screen),
        test(a_long_name_has_its_line_to_itself),
        test(json_is_one_object_with_escaped_names_and_null_for_no_value),
        test(openmetrics_has_each_family_once_with_its_unit),
        test(raw_lines_are_prometheus_text_that_reads_back_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
