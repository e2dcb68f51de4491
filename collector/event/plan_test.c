#include "collector/event/plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "collector/event/calendar.h"

#define MINUTE_US (60 * US_PER_S)
#define HOUR_US   (60 * MINUTE_US)

static int64_t number(const char *day)
{
    int64_t number = 0;
    assert_int_equal(calendar_number(day, &number, NULL), 0);
    return number;
}

static struct plan shipped(const char *path)
{
    struct plan plan;
    struct config_faults faults = { 0 };
    if (plan_read(path, &plan, &faults) != 0)
        fail_msg("%s", faults.at[0].text);
    return plan;
}

/* design: three natural days and two of advice a year, all channels, the report by the 10th. */
static void enterprise_is_as_promised(void **state)
{
    (void)state;
    struct plan plan = shipped("share/plans/enterprise.yaml");
    const struct plan_version *v = plan_on(&plan, number("2026-11-23"));
    assert_non_null(v);
    assert_string_equal(plan.name, "enterprise");
    assert_int_equal(v->days[GRANT_ASSURANCE], 3);
    assert_int_equal(v->lead[GRANT_ASSURANCE], 10);
    assert_int_equal(v->days[GRANT_ADVICE], 2);
    assert_int_equal(v->lead[GRANT_ADVICE], 3);
    static const int64_t within_us[CLASS_COUNT] = { 10 * MINUTE_US, 30 * MINUTE_US, 3 * HOUR_US, 8 * HOUR_US,
                                                    16 * HOUR_US };
    for (int i = 0; i < CLASS_COUNT; i++)
        assert_int_equal(v->response[i].within_us, within_us[i]);
    assert_int_equal(v->channels, (1U << CHANNEL_COUNT) - 1);
    assert_int_equal(v->report_day, 10);
    assert_true(v->care);
}

static void business_has_a_day_a_year_and_answers_as_fast(void **state)
{
    (void)state;
    struct plan plan = shipped("share/plans/business.yaml");
    const struct plan_version *v = plan_on(&plan, number("2026-11-23"));
    assert_int_equal(v->days[GRANT_ASSURANCE], 1);
    assert_int_equal(v->days[GRANT_ADVICE], 1);
    assert_int_equal(v->response[CLASS_CORE_DOWN].within_us, 10 * MINUTE_US);
    assert_false(v->channels & 1U << CHANNEL_SERVICE_MANAGER);
    assert_true(v->channels & 1U << CHANNEL_LINE);
    assert_true(v->report_day == 0 && !v->care);
}

static void developer_and_basic_have_no_days(void **state)
{
    (void)state;
    struct plan developer = shipped("share/plans/developer.yaml");
    struct plan basic = shipped("share/plans/basic.yaml");
    assert_int_equal(developer.versions[0].days[GRANT_ASSURANCE], 0);
    assert_int_equal(developer.versions[0].response[CLASS_PRODUCTION_DOWN].within_us, 30 * MINUTE_US);
    assert_int_equal(developer.versions[0].response[CLASS_CORE_DOWN].within_us, 0);
    assert_int_equal(basic.versions[0].response[CLASS_GUIDANCE].working_days, 1);
    assert_int_equal(basic.versions[0].days[GRANT_ADVICE], 0);
}

static void plans_have_a_rank_and_drill_is_none_of_them(void **state)
{
    (void)state;
    static const char *const paths[] = { "share/plans/drill.yaml", "share/plans/basic.yaml",
                                         "share/plans/developer.yaml", "share/plans/business.yaml",
                                         "share/plans/enterprise.yaml" };
    struct plan at[5];
    for (int i = 0; i < 5; i++) {
        at[i] = shipped(paths[i]);
        assert_int_equal(at[i].rank, i);
        assert_int_equal(at[i].drill, i == 0);
    }
    struct plans plans = { 5, at };
    assert_ptr_equal(plans_find(&plans, "business"), &at[3]);
    assert_null(plans_find(&plans, "gold"));
}

static int parse(const char *text, struct plan *ret, struct config_faults *faults)
{
    *faults = (struct config_faults){ 0 };
    return plan_parse("plans/gold.yaml", text, strlen(text), ret, faults);
}

static void a_version_holds_from_its_day_until_the_next_one_does(void **state)
{
    (void)state;
    struct plan plan;
    struct config_faults faults;
    assert_int_equal(parse("title: Gold\nrank: 9\nversions:\n"
                           "  - { from: 2026-01-01, assurance_days: 3 }\n"
                           "  - { from: 2027-07-01, assurance_days: 5 }\n",
                           &plan, &faults),
                     0);
    assert_null(plan_on(&plan, number("2025-12-31")));
    assert_int_equal(plan_on(&plan, number("2026-01-01"))->days[GRANT_ASSURANCE], 3);
    assert_int_equal(plan_on(&plan, number("2027-06-30"))->days[GRANT_ASSURANCE], 3);
    assert_int_equal(plan_on(&plan, number("2027-07-01"))->days[GRANT_ASSURANCE], 5);
    assert_int_equal(plan_on(&plan, number("2099-01-01"))->days[GRANT_ASSURANCE], 5);
}

static void each_fault_is_told_with_its_line(void **state)
{
    (void)state;
#define HEAD "title: Gold\nrank: 9\nversions:\n"
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "", "title" },
        { "title: Gold\nrank: 100\nversions:\n  - { from: 2026-01-01 }\n", "gold.yaml:2:" },
        { HEAD "  - { from: 2026-02-30 }\n", "gold.yaml:4: `from`: \"2026-02-30\" is not a day" },
        { HEAD "  - { assurance_days: 1 }\n", "`from` is missing" },
        { HEAD "  - { from: 2026-01-01, assurance_days: -1 }\n", "assurance_days" },
        { HEAD "  - { from: 2026-01-01, assurance_days: 367 }\n", "assurance_days" },
        { HEAD "  - { from: 2026-01-01, advice_days: 1, advice_lead: 61 }\n", "advice_lead" },
        { HEAD "  - { from: 2026-01-01 }\n  - { from: 2026-01-01 }\n", "gold.yaml:5: from 2026-01-01 is not behind" },
        { HEAD "  - from: 2026-01-01\n    responses:\n      - { class: guidance, within: 1h }\n"
               "      - { class: guidance, within: 2h }\n",
          "gold.yaml:7: class guidance stands twice" },
        { HEAD "  - from: 2026-01-01\n    responses:\n      - { class: guidance }\n",
          "gold.yaml:6: class guidance wants either" },
        { HEAD "  - from: 2026-01-01\n    responses:\n      - { class: guidance, within: 1h, working_days: 1 }\n",
          "wants either" },
        { HEAD "  - from: 2026-01-01\n    responses:\n      - { class: core-down, within: 1h }\n"
               "      - { class: guidance, within: 10m }\n",
          "class guidance is answered sooner than a graver one" },
        { HEAD "  - from: 2026-01-01\n    responses:\n      - { class: urgent, within: 1h }\n", "urgent" },
        { HEAD "  - { from: 2026-01-01, channels: [pigeon] }\n", "pigeon" },
        { HEAD "  - { from: 2026-01-01, report_day: 29 }\n", "report_day" },
        { HEAD "  - { from: 2026-01-01, price: 3 }\n", "unknown key `price`" },
        { "title: Gold\nrank: 9\nversions: []\n", "versions" },
    };
#undef HEAD
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct plan plan, before;
        struct config_faults faults;
        memset(&plan, 0x5a, sizeof plan);
        before = plan;
        assert_int_equal(parse(rows[i].text, &plan, &faults), -EINVAL);
        if (!strstr(faults.at[0].text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", faults.at[0].text, rows[i].says);
        assert_memory_equal(&plan, &before, sizeof plan);
    }
}

static void no_plan_is_called_none(void **state)
{
    (void)state;
    static const char text[] = "title: T\nrank: 1\nversions:\n  - { from: 2026-01-01 }\n";
    struct plan plan;
    struct config_faults faults = { 0 };
    assert_int_equal(plan_parse("none.yaml", text, sizeof text - 1, &plan, &faults), -EINVAL);
    assert_non_null(strstr(faults.at[0].text, "the name none is kept"));
    assert_int_equal(plan_parse("some.yaml", text, sizeof text - 1, &plan, &faults), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enterprise_is_as_promised),
        cmocka_unit_test(business_has_a_day_a_year_and_answers_as_fast),
        cmocka_unit_test(developer_and_basic_have_no_days),
        cmocka_unit_test(plans_have_a_rank_and_drill_is_none_of_them),
        cmocka_unit_test(a_version_holds_from_its_day_until_the_next_one_does),
        cmocka_unit_test(each_fault_is_told_with_its_line),
        cmocka_unit_test(no_plan_is_called_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
