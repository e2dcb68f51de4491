#include "proto/metric/family.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/metric/metric.h"

static void a_family_is_the_name_and_its_unit(void **state)
{
    static const struct {
        const char *key, *unit, *family;
    } cases[] = {
        { "system.disk.io.rate{direction=read}", "By/s", "system_disk_io_rate_bytes_per_second" },
        { "system.cpu.utilization", "1", "system_cpu_utilization_ratio" },
        { "cpu_r", "1", "cpu_r" }, /* not of the catalogue: nobody said that it is a ratio */
        { "queue.seconds", "s", "queue_seconds" },
        { "mem.Active(anon)", "By", "mem_Active_anon__bytes" },
        { "CPU001_Idle%", "1", "CPU001_Idle_" },
        { "5xx", "{error}/s", "_5xx_per_second" },
        { "odd{x", "1", "odd_x" },
        { "odd{=}", "1", "odd___" },
        { "\xc3\xa9", "1", "__" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[METRIC_FAMILY_MAX];
        assert_string_equal(metric_family(name, cases[i].key, cases[i].unit), cases[i].family);
    }
}

static void attributes_come_one_by_one(void **state)
{
    struct metric_attribute attribute;
    const char *at = NULL;
    const char *key = "a.b{mode=user,x=}";
    (void)state;
    assert_true(metric_next_attribute(key, &at, &attribute));
    assert_memory_equal(attribute.name, "mode", attribute.name_len);
    assert_memory_equal(attribute.value, "user", attribute.value_len);
    assert_true(metric_next_attribute(key, &at, &attribute));
    assert_int_equal(attribute.value_len, 0);
    assert_false(metric_next_attribute(key, &at, &attribute));
    static const char *const without[] = { "a", "", "a{", "a{}", "a{b}", "a{b=c", "a{b=c}d", "a{b=c,}", "a{b=c}}" };
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        at = NULL;
        assert_false(metric_next_attribute(without[i], &at, &attribute));
    }
}

static void units_come_back(void **state)
{
    static const char *const units[] = { "s", "By", "By/s" };
    (void)state;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        assert_string_equal(metric_unit_of_family(metric_family_unit("x", units[i])), units[i]);
    assert_string_equal(metric_unit_of_family("celsius"), "1");
}

static void the_catalogue_has_no_two_units_in_a_family(void **state)
{
    (void)state;
    for (int i = 0; i < METRIC_COUNT; i++)
        for (int k = 0; k < i; k++) {
            char a[METRIC_FAMILY_MAX], b[METRIC_FAMILY_MAX];
            const struct metric *x = metric_get((enum metric_id)i);
            const struct metric *y = metric_get((enum metric_id)k);
            if (strcmp(metric_family(a, x->key, x->unit), metric_family(b, y->key, y->unit)) == 0)
                assert_string_equal(metric_family_unit(x->key, x->unit), metric_family_unit(y->key, y->unit));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_family_is_the_name_and_its_unit),
        cmocka_unit_test(attributes_come_one_by_one),
        cmocka_unit_test(units_come_back),
        cmocka_unit_test(the_catalogue_has_no_two_units_in_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
