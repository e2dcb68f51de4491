/* Plans and calendars: any text gives one that is whole, or faults. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "collector/event/holidays.h"
#include "collector/event/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_plan(const char *text, size_t len)
{
    static struct plan plan;
    struct config_faults faults = { .n = 0 };
    if (plan_parse("fuzz.yaml", text, len, &plan, &faults) < 0) {
        if (faults.n == 0)
            abort(); /* a refusal says why */
        return;
    }
    if (plan.n_versions == 0 || plan.n_versions > PLAN_VERSIONS_MAX)
        abort();
    if (plan_on(&plan, plan.versions[0].from) != &plan.versions[0])
        abort();
}

static void check_calendar(const char *text, size_t len)
{
    static struct holidays holidays;
    struct config_faults faults = { .n = 0 };
    int64_t day;
    if (holidays_parse("fuzz.yaml", text, len, &holidays, &faults) < 0) {
        if (faults.n == 0)
            abort();
        return;
    }
    if (holidays.n_years == 0 || holidays.n_years > HOLIDAYS_YEARS_MAX)
        abort();
    holidays_earliest(&holidays, 20454, 10, &day, NULL); /* from 2026-01-01 on */
    holidays_latest(&holidays, 20454, 10, &day, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    check_plan((const char *)bytes, len);
    check_calendar((const char *)bytes, len);
    return 0;
}
