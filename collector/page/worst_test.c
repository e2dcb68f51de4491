#include "collector/page/worst.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct worst_path path(void)
{
    return (struct worst_path){ .hold_us = 30 * US_PER_S,
                                .interval_us = US_PER_S,
                                .after_us = 0,
                                .ahead = 3,
                                .per_minute = 20,
                                .n_ways = 2,
                                .try_us = WORST_TRY_US,
                                .next_try_us = WORST_TRY_US };
}

static void the_total_is_the_sum_of_its_stages(void **state)
{
    struct worst_path of = path();
    struct worst worst = worst_of(&of);
    int64_t sum_us = 0;
    (void)state;
    for (int i = 0; i < WORST_STAGE_COUNT; i++)
        sum_us += worst.stages[i];
    assert_int_equal(worst.total_us, sum_us);
    assert_int_equal(worst.stages[WORST_HOLD], 30 * US_PER_S);
    assert_int_equal(worst.stages[WORST_SAMPLE], US_PER_S);
}

static void a_later_step_is_later_by_its_delay(void **state)
{
    struct worst_path of = path();
    int64_t before_us = worst_of(&of).total_us;
    (void)state;
    of.after_us = 360 * US_PER_S;
    assert_int_equal(worst_of(&of).total_us - before_us, 360 * US_PER_S);
}

static void whoever_is_told_with_others_waits_for_their_share_of_the_minute(void **state)
{
    struct worst_path of = path();
    (void)state;
    assert_int_equal(worst_of(&of).stages[WORST_QUEUE], 9 * US_PER_S);
    of.ahead = 20;
    assert_int_equal(worst_of(&of).stages[WORST_QUEUE], 60 * US_PER_S);
    of.per_minute = 0; /* it has no limit */
    assert_int_equal(worst_of(&of).stages[WORST_QUEUE], 0);
}

static void the_next_way_is_taken_when_the_first_counts_as_down(void **state)
{
    struct worst_path of = path();
    (void)state;
    assert_int_equal(worst_of(&of).stages[WORST_CHANNEL], 31 * US_PER_S); /* 10 + 1 + 10, then 10 at the next one */
    of.try_us = WORST_TRY_MAIL_US;
    assert_int_equal(worst_of(&of).stages[WORST_CHANNEL], 71 * US_PER_S); /* 30 + 1 + 30, then 10 */
    of.n_ways = 1;
    assert_int_equal(worst_of(&of).stages[WORST_CHANNEL], 93 * US_PER_S); /* a third time, 2 later */
}

static void each_stage_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (enum worst_stage i = 0; i < WORST_STAGE_COUNT; i++)
        for (enum worst_stage j = 0; j < i; j++)
            assert_string_not_equal(worst_stage_name(i), worst_stage_name(j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_total_is_the_sum_of_its_stages),
        cmocka_unit_test(a_later_step_is_later_by_its_delay),
        cmocka_unit_test(whoever_is_told_with_others_waits_for_their_share_of_the_minute),
        cmocka_unit_test(the_next_way_is_taken_when_the_first_counts_as_down),
        cmocka_unit_test(each_stage_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests_name("collector.page.worst", tests, NULL, NULL);
}
