/* A rehearsal as the console begins, awaits and shows it. In answers single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

#define HEAD "'event':'sale','host':'web-1','started':'2026-11-23T02:40:00.000Z','started_by':'lin',"
#define ASKED                                                                                                          \
    "{'ok':true,'data':{'state':'unknown','rehearsal':{" HEAD "'state':'asked','passed':null,'incident':null,"         \
    "'crossed':null,'ended':null,'evidence':null},'incident':null,'pages':[]}}"
#define CROSSED          "'crossed':'2026-11-23T02:40:01.200Z','incident':12,"
#define INCIDENT(answer) "'incident':{'id':12,'crossed':'2026-11-23T02:40:01.200Z'" answer "}"
#define BY_MAIL                                                                                                        \
    "{'contact':'alice','channel':'mail','address':'alice@example.com','state':'delivered','attempts':1,"              \
    "'delivered':'2026-11-23T02:40:02.000Z','error':null}"
#define BY_ROBOT                                                                                                       \
    "{'contact':'alice','channel':'robot','address':'','state':'failed','attempts':2,'delivered':null,"                \
    "'error':'no answer'}"
#define PASSED                                                                                                         \
    "{'ok':true,'data':{'state':'ok','rehearsal':{" HEAD CROSSED                                                       \
    "'state':'ended','passed':true,'evidence':'1 way of 1 contact told within 0.8 s on 2026-11-23, acknowledged by "   \
    "lin after 10 s'}," INCIDENT(                                                                                      \
        ",'acknowledged':'2026-11-23T02:40:11.200Z','acknowledged_by':'lin'") ",'pages':[" BY_MAIL "]}}"
#define FAILED                                                                                                         \
    "{'ok':true,'data':{'state':'critical','rehearsal':{" HEAD CROSSED                                                 \
    "'state':'ended','passed':false,'evidence':'1 of 2 ways did not arrive'}," INCIDENT("") ",'pages':[" BY_MAIL       \
                                                                                            "," BY_ROBOT "]}}"

static void it_is_begun_and_awaited_and_tells_who_was_told_when(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, ASKED);
    fake_answer(fake, ASKED);
    fake_answer(fake, PASSED);
    assert_int_equal(fake_run(fake, "warroom rehearse sale --host web-1"), COMMAND_OK);
    assert_string_equal(fake_out(fake),
                        "sale: passed\n  1 way of 1 contact told within 0.8 s on 2026-11-23, acknowledged by lin after "
                        "10 s\n"
                        "  incident 12, from web-1 at 2026-11-23 10:40:01 CST, 1.20s after it was asked for\n"
                        "  acknowledged by lin, 10s after it had crossed\n"
                        "  CONTACT  CHANNEL  ADDRESS            TRIES  TOLD AFTER\n"
                        "  alice    mail     alice@example.com      1  0.80s\n");
    assert_int_equal(fake_pauses(fake), 2);
    assert_non_null(strstr(fake_asked(fake, 0), "\"host\":\"web-1\""));
    assert_non_null(strstr(fake_asked(fake, 2), "rehearsal show"));
}

static void what_did_not_arrive_is_critical_and_says_why(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, FAILED);
    assert_int_equal(fake_run(fake, "warroom rehearse sale --show"), PLUGIN_CRITICAL);
    assert_string_equal(fake_out(fake),
                        "sale: FAILED\n  1 of 2 ways did not arrive\n"
                        "  incident 12, from web-1 at 2026-11-23 10:40:01 CST, 1.20s after it was asked for\n"
                        "  not acknowledged yet: warroom incident ack 12\n"
                        "  CONTACT  CHANNEL  ADDRESS            TRIES  TOLD AFTER\n"
                        "  alice    mail     alice@example.com      1  0.80s\n"
                        "  alice    robot    -                      2  no: no answer\n");
}

static void it_is_begun_and_left_to_itself(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, ASKED);
    assert_int_equal(fake_run(fake, "warroom rehearse sale --no-wait"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "sale: under way, begun by lin\n  web-1 was asked, and has not said so\n");
    assert_int_equal(fake_pauses(fake), 0);
}

static void a_collector_that_is_away_for_a_while_is_waited_for(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, ASKED);
    fake_fail(fake, -111);
    fake_answer(fake, PASSED);
    assert_int_equal(fake_run(fake, "warroom rehearse sale"), COMMAND_OK);
    assert_int_equal(fake_pauses(fake), 2);
}

static void what_cannot_be_begun_is_unknown(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':false,'error':{'code':'not-allowed','text':'event sale: host web-1 does not report'}}");
    assert_int_equal(fake_run(fake, "warroom rehearse sale"), PLUGIN_UNKNOWN);
    assert_non_null(strstr(fake_err(fake), "web-1 does not report"));
    assert_int_equal(fake_run(fake, "warroom rehearse sale --stop --show"), PLUGIN_UNKNOWN);
    assert_non_null(strstr(fake_err(fake), "want one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_begun_and_awaited_and_tells_who_was_told_when, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(what_did_not_arrive_is_critical_and_says_why, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(it_is_begun_and_left_to_itself, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_collector_that_is_away_for_a_while_is_waited_for, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_begun_is_unknown, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests_name("warroom.rehearse", tests, NULL, NULL);
}
