/* What a lint says, at 100 columns, without a terminal. In answers single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

#define STAGES(hold, step)                                                                                             \
    "'stages':{'hold':" hold ",'sample':1.0,'link':60.0,'store':5.0,'step':" step                                      \
    ",'queue':6.0,'channel':31.0,'answer':60.0}"

/* `status`: as a monitoring plugin's. */
static void exits(struct fake *fake, int status, const char *answer, const char *expected)
{
    fake_answer(fake, answer);
    assert_int_equal(fake_run(fake, "warroom lint sale"), status);
    assert_string_equal(fake_err(fake), "");
    assert_string_equal(fake_out(fake), expected);
}

static void the_longest_ways_are_a_table_of_stages(void **state)
{
    exits(*state, 1,
          "{'ok':true,'data':{'event':'sale','state':'warning','budget_s':600.0,'total':3,'over':0,'ways':["
          "{'rule':'cpu-high','contact':'boss','step':1,'total_s':553.0," STAGES(
              "30.0", "360.0") "},"
                               "{'rule':'cpu-high','contact':'alice','step':0,'total_s':193.0," STAGES("30.0",
                                                                                                       "0.0") "}]}}",
          "sale: 553 of 600 s at worst, from a bad sample to an answer\n"
          "  RULE      CONTACT  HOLD  SAMPLE  LINK  STORE  STEP  QUEUE  CHANNEL  ANSWER  TOTAL\n"
          "  cpu-high  boss       30       1    60      5   360      6       31      60    553\n"
          "  cpu-high  alice      30       1    60      5     0      6       31      60    193\n"
          "  and 1 that are no longer\n");
}

static void one_that_takes_too_long_is_marked(void **state)
{
    exits(*state, 2,
          "{'ok':true,'data':{'event':'sale','state':'critical','budget_s':600.0,'total':1,'over':1,'ways':["
          "{'rule':'cpu-high','contact':'boss','step':1,'total_s':723.0," STAGES("200.0", "360.0") "}]}}",
          "sale: 723 s at worst, and there are 600; 1 of 1 ways take longer\n"
          "  RULE      CONTACT  HOLD  SAMPLE  LINK  STORE  STEP  QUEUE  CHANNEL  ANSWER  TOTAL\n"
          "  cpu-high  boss      200       1    60      5   360      6       31      60  723 !\n");
}

static void nobody_to_tell_is_said(void **state)
{
    exits(*state, 2,
          "{'ok':true,'data':{'event':'sale','state':'critical','budget_s':600.0,'total':0,'over':0,'ways':[]}}",
          "sale: nobody would be told of anything\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_longest_ways_are_a_table_of_stages, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(one_that_takes_too_long_is_marked, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(nobody_to_tell_is_said, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
