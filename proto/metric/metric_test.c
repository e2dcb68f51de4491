#include "proto/metric/metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/metric/docs.h"

#define each_metric(m)                                                                                                 \
    for (int i_ = 0; i_ < METRIC_COUNT; i_++)                                                                          \
        for (const struct metric *(m) = metric_get((enum metric_id)i_); (m); (m) = NULL)

static bool made_of(const char *text, size_t len, const char *allowed)
{
    return len > 0 && strspn(text, allowed) >= len;
}

#define WORD "abcdefghijklmnopqrstuvwxyz0123456789_"

/* "name{a=x,b=y}" with attributes in rising order. */
static bool is_key(const char *key)
{
    size_t name = strcspn(key, "{");
    if (!made_of(key, name, WORD "."))
        return false;
    const char *last = "";
    size_t last_len = 0;
    for (const char *at = key + name; *at;) {
        at++;
        size_t label = strcspn(at, "=");
        size_t pair = strcspn(at, ",}");
        if (label >= pair || !made_of(at, label, WORD) || !made_of(at + label + 1, pair - label - 1, WORD))
            return false;
        size_t shorter = label < last_len ? label : last_len;
        int order = strncmp(last, at, shorter);
        if (order > 0 || (order == 0 && last_len >= label))
            return false;
        last = at;
        last_len = label;
        at += pair;
        if (*at == '}')
            return at[1] == '\0';
    }
    return key[name] == '\0';
}

static void every_key_is_a_name_with_attributes_in_alphabetical_order(void **state)
{
    (void)state;
    each_metric(metric)
    {
        if (!is_key(metric->key) || strlen(metric->key) > METRIC_KEY_MAX)
            fail_msg("%s", metric->key);
    }
    assert_true(is_key("a.b{c=d,e=f}"));
    assert_false(is_key("a{e=f,c=d}"));
    assert_false(is_key("a{c=d,c=e}"));
    assert_false(is_key("a{c=d"));
    assert_false(is_key("a{}"));
}

static void no_two_rows_share_a_key(void **state)
{
    (void)state;
    each_metric(metric) assert_ptr_equal(metric_find(metric->key), metric);
}

static void every_unit_is_one_the_catalogue_knows(void **state)
{
    (void)state;
    each_metric(metric)
    {
        const char *unit = metric->unit;
        assert_true(strlen(unit) <= METRIC_UNIT_MAX);
        if (*unit == '{') {
            size_t len = strcspn(unit + 1, "}");
            assert_true(made_of(unit + 1, len, "abcdefghijklmnopqrstuvwxyz"));
            unit += len + 2;
            if (*unit && strcmp(unit, "/s") != 0)
                fail_msg("%s: %s", metric->key, metric->unit);
        } else if (strcmp(unit, "1") != 0 && strcmp(unit, "s") != 0 && strcmp(unit, "By") != 0 &&
                   strcmp(unit, "By/s") != 0) {
            fail_msg("%s: %s", metric->key, metric->unit);
        }
    }
}

static void what_is_called_a_rate_is_per_second_and_nothing_else_is(void **state)
{
    (void)state;
    each_metric(metric)
    {
        size_t name = strcspn(metric->key, "{");
        bool rate = name > 5 && strncmp(metric->key + name - 5, ".rate", 5) == 0;
        assert_int_equal(rate, strstr(metric->unit, "/s") != NULL);
    }
}

static void what_is_called_a_utilization_is_a_ratio_kept_to_a_hundredth_of_a_percent(void **state)
{
    (void)state;
    each_metric(metric)
    {
        if (!strstr(metric->key, "utilization") && !strstr(metric->key, ".ratio"))
            continue;
        assert_string_equal(metric->unit, "1");
        assert_true(metric->exponent <= -4);
    }
}

static void every_row_is_described_and_has_a_resolution_the_wire_can_carry(void **state)
{
    (void)state;
    each_metric(metric)
    {
        size_t len = strlen(metric->description);
        assert_true(len > 1);
        assert_int_equal(metric->description[len - 1], '.');
        assert_null(strchr(metric->description, '|')); /* would break the page's table */
        assert_true(strlen(metric->source) > 0);
        assert_null(strchr(metric->source, '|'));
        assert_in_range(metric->exponent + 12, 0, 24);
        if (metric->instance_label)
            assert_true(made_of(metric->instance_label, strlen(metric->instance_label), WORD));
    }
}

static void the_metrics_of_the_service_are_there(void **state)
{
    (void)state;
    static const struct {
        const char *key, *unit, *label;
    } wanted[] = {
        { "system.cpu.utilization", "1", NULL },
        { "system.memory.utilization", "1", NULL },
        { "system.filesystem.utilization", "1", "mountpoint" },
        { "system.disk.io.rate{direction=read}", "By/s", "device" },
        { "system.disk.io.rate{direction=write}", "By/s", "device" },
        { "system.network.io.rate{direction=transmit}", "By/s", "device" },
        { "system.network.io.rate{direction=receive}", "By/s", "device" },
        { "system.network.connection.count{state=established}", "{connection}", NULL },
        { "system.network.connection.rate{direction=inbound}", "{connection}/s", NULL },
        { "probe.latency", "s", "target" },
        { "probe.loss", "1", "target" },
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct metric *metric = metric_find(wanted[i].key);
        assert_non_null(metric);
        assert_string_equal(metric->unit, wanted[i].unit);
        if (wanted[i].label)
            assert_string_equal(metric->instance_label, wanted[i].label);
        else
            assert_null(metric->instance_label);
    }
}

static void a_key_the_catalogue_lacks_is_not_found(void **state)
{
    (void)state;
    assert_null(metric_find("system.cpu"));
    assert_null(metric_find(""));
    assert_null(metric_find("system.cpu.utilization{mode=user"));
}

static void a_series_reads_with_its_instance_among_the_attributes(void **state)
{
    (void)state;
    static const struct {
        const char *key, *label, *instance, *want;
    } rows[] = {
        { "system.disk.io.rate{direction=read}", "device", "vda", "system.disk.io.rate{device=vda,direction=read}" },
        { "a{b=1,d=2}", "c", "x", "a{b=1,c=x,d=2}" },
        { "a{b=1,d=2}", "e", "x", "a{b=1,d=2,e=x}" },
        { "a{de=1}", "d", "x", "a{d=x,de=1}" },
        { "a{d=1}", "de", "x", "a{d=1,de=x}" },
        { "system.filesystem.used", "mountpoint", "/srv", "system.filesystem.used{mountpoint=/srv}" },
        { "unknown.metric", NULL, "x", "unknown.metric{instance=x}" },
        { "system.cpu.utilization{mode=user}", NULL, "", "system.cpu.utilization{mode=user}" },
        { "system.uptime", NULL, "", "system.uptime" },
        { "odd{", NULL, "x", "odd{instance=x}" },
    };
    char text[128];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(metric_series_text(text, sizeof text, rows[i].key, rows[i].label, rows[i].instance),
                            rows[i].want);
}

static void a_series_text_is_cut_where_its_room_ends(void **state)
{
    (void)state;
    char text[8];
    assert_string_equal(metric_series_text(text, sizeof text, "abc", "d", "efgh"), "abc{d=e");
    assert_string_equal(metric_series_text(text, 1, "abc", "d", "efgh"), "");
}

static void a_quantity_reads_with_its_unit(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *unit, *want;
    } rows[] = { { 0.905, "1", "90.5 %" },
                 { 0.0123, "s", "12.3 ms" },
                 { 4, "s", "4 s" },
                 { 125e6, "By/s", "125 MB/s" },
                 { 1.5e9, "By", "1.5 GB" },
                 { 812, "{connection}", "812" },
                 { 41234, "{packet}/s", "41234/s" },
                 { 3, "", "3 " } };
    char text[METRIC_QUANTITY_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(metric_quantity_text(text, rows[i].value, rows[i].unit), rows[i].want);
}

static void docs_metrics_md_is_what_the_catalogue_prints(void **state)
{
    (void)state;
    char *want = NULL;
    size_t want_len = 0;
    FILE *out = open_memstream(&want, &want_len);
    assert_non_null(out);
    metric_docs_write(out);
    fclose(out);
    FILE *file = fopen("docs/metrics.md", "r");
    assert_non_null(file);
    char *have = calloc(1, want_len + 2);
    assert_non_null(have);
    size_t have_len = fread(have, 1, want_len + 1, file);
    fclose(file);
    bool same = have_len == want_len && memcmp(have, want, want_len) == 0;
    free(have);
    if (!same) {
        free(want);
        fail_msg("docs/metrics.md is not what the catalogue prints: cmake --build --preset dev --target metric_docs");
    }
    each_metric(metric)
    {
        char cell[METRIC_KEY_MAX + 8];
        snprintf(cell, sizeof cell, "| `%s` |", metric->key);
        if (!strstr(want, cell))
            fail_msg("no chapter of the page takes %s", metric->key);
    }
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_a_name_with_attributes_in_alphabetical_order),
        cmocka_unit_test(no_two_rows_share_a_key),
        cmocka_unit_test(every_unit_is_one_the_catalogue_knows),
        cmocka_unit_test(what_is_called_a_rate_is_per_second_and_nothing_else_is),
        cmocka_unit_test(what_is_called_a_utilization_is_a_ratio_kept_to_a_hundredth_of_a_percent),
        cmocka_unit_test(every_row_is_described_and_has_a_resolution_the_wire_can_carry),
        cmocka_unit_test(the_metrics_of_the_service_are_there),
        cmocka_unit_test(a_key_the_catalogue_lacks_is_not_found),
        cmocka_unit_test(a_series_reads_with_its_instance_among_the_attributes),
        cmocka_unit_test(a_series_text_is_cut_where_its_room_ends),
        cmocka_unit_test(a_quantity_reads_with_its_unit),
        cmocka_unit_test(docs_metrics_md_is_what_the_catalogue_prints),
    };
    return cmocka_run_group_tests_name("metric", tests, NULL, NULL);
}
