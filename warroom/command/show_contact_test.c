/* Contacts and rotas, as people are told of them: at 100 columns, at 10:41 in Shanghai, without a terminal. In answers
 * single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

#define ALICE                                                                                                          \
    "{'name':'alice','language':'zh','tenant':null,'channels':2,'ways':[{'channel':'robot','kind':'wecom',"            \
    "'address':'alice-id'},{'channel':'mail','kind':'smtp','address':'alice@example.com'}]}"

static void contacts_are_a_table_of_ways(void **state)
{
    prints(*state, "warroom contact list",
           "{'ok':true,'data':{'contacts':[" ALICE ",{'name':'bob','language':'en','tenant':'acme','channels':1,"
           "'ways':[{'channel':'mail','kind':'smtp','address':null}]}]}}",
           "NAME   TENANT  LANGUAGE  CHANNELS  WAYS\n"
           "alice  -       zh               2  robot alice-id, mail alice@example.com\n"
           "bob    acme    en               1  mail\n");
    prints(*state, "warroom contact list", "{'ok':true,'data':{'contacts':[]}}", "no contacts\n");
}

static void a_contact_is_its_ways_and_its_rotas(void **state)
{
    prints(*state, "warroom contact show alice",
           "{'ok':true,'data':{'contact':" ALICE ",'oncall':[{'rota':'desk','on_duty':true},"
           "{'rota':'week','on_duty':false}]}}",
           "alice, told in zh\n  by robot (wecom): alice-id\n  by mail (smtp): alice@example.com\n"
           "  rota desk, on duty now\n  rota week\n");
}

#define TAKEN                                                                                                          \
    "{'channel':'robot','kind':'wecom','address':'alice-id','delivered':true,'status':200,'error':null,'took_s':0.2}"
#define REFUSED                                                                                                        \
    "{'channel':'mail','kind':'smtp','address':'alice@example.com','delivered':false,'status':0,"                      \
    "'error':'Timeout was reached','took_s':3.04}"

static void tests(struct fake *fake, int status, const char *data, const char *expected)
{
    fake_answer(fake, data);
    assert_int_equal(fake_run(fake, "warroom contact test alice"), status);
    assert_string_equal(fake_err(fake), "");
    assert_string_equal(fake_out(fake), expected);
}

static void a_test_says_what_came_back_by_each_way_and_exits_by_it(void **state)
{
    tests(*state, 0, "{'ok':true,'data':{'contact':'alice','state':'ok','ways':[" TAKEN "]}}",
          "CHANNEL  KIND   ADDRESS    TOOK  ANSWER\n"
          "robot    wecom  alice-id  0.2 s  taken\n");
    assert_string_equal(fake_asked(*state, 0), "{\"verb\":\"contact test\",\"args\":{\"contact\":\"alice\"}}");
    tests(*state, 1, "{'ok':true,'data':{'contact':'alice','state':'warning','ways':[" TAKEN "," REFUSED "]}}",
          "CHANNEL  KIND   ADDRESS             TOOK  ANSWER\n"
          "robot    wecom  alice-id           0.2 s  taken\n"
          "mail     smtp   alice@example.com  3.0 s  Timeout was reached\n");
    fake_answer(*state, "{'ok':false,'error':{'code':'not-found','text':'there is no contact eve'}}");
    assert_int_equal(fake_run(*state, "warroom contact test eve"), 3);
}

#define OVERRIDE                                                                                                       \
    "{'id':1,'rota':'desk','contact':'dave','from':'2026-11-23T04:00:00.000Z','to':'2026-11-23T06:00:00.000Z',"        \
    "'by':'lin','reason':'ill','made':'2026-11-23T02:00:00.000Z'}"
#define DESK                                                                                                           \
    "'name':'desk','zone':'Asia/Shanghai','members':['alice','bob'],'from_day':'2026-11-23','at':'08:00',"             \
    "'turn_s':43200.0"
#define TURN                                                                                                           \
    "{'contact':'alice','from':'2026-11-23T00:00:00.000Z','to':'2026-11-23T04:00:00.000Z',"                            \
    "'from_local':'2026-11-23 08:00:00','override':null}"
#define OVERRIDDEN                                                                                                     \
    "{'contact':'dave','from':'2026-11-23T04:00:00.000Z','to':'2026-11-23T06:00:00.000Z',"                             \
    "'from_local':'2026-11-23 12:00:00','override':" OVERRIDE "}"

static void rotas_are_a_table_of_who_is_on_duty(void **state)
{
    prints(*state, "warroom oncall list",
           "{'ok':true,'data':{'rotas':[{" DESK ",'on_duty':" TURN "},{" DESK ",'on_duty':" OVERRIDDEN "}]}}",
           "NAME  ON DUTY          UNTIL     EACH  ZONE           MEMBERS\n"
           "desk  alice            12:00:00  12h   Asia/Shanghai  alice, bob\n"
           "desk  dave (override)  14:00:00  12h   Asia/Shanghai  alice, bob\n");
    prints(*state, "warroom oncall list", "{'ok':true,'data':{'rotas':[]}}", "no rotas\n");
}

static void a_rota_is_its_turns_and_why(void **state)
{
    prints(*state, "warroom oncall show desk",
           "{'ok':true,'data':{'rota':{" DESK ",'on_duty':" TURN "},'turns':[" TURN "," OVERRIDDEN "],'overrides':[]}}",
           "desk: alice, bob, a turn each 12h from 2026-11-23 08:00 on, Asia/Shanghai\n"
           "FROM      TO        BY ITS OWN CLOCK     ON DUTY  WHY\n"
           "08:00:00  12:00:00  2026-11-23 08:00:00  alice    its turn\n"
           "12:00:00  14:00:00  2026-11-23 12:00:00  dave     lin: ill\n");
}

static void an_override_is_a_line(void **state)
{
    prints(*state,
           "warroom oncall override desk dave --from 2026-11-23T04:00:00Z --to 2026-11-23T06:00:00Z --reason ill",
           "{'ok':true,'data':{'override':" OVERRIDE "}}", "dave is on duty for desk from 12:00:00 to 14:00:00\n");
}

static void what_is_missing_in_an_answer_is_a_dash(void **state)
{
    prints(*state, "warroom contact show x", "{'ok':true,'data':{}}", "-, told in -\n");
    prints(*state, "warroom oncall list", "{'ok':true,'data':{'rotas':[null]}}",
           "NAME  ON DUTY  UNTIL  EACH  ZONE  MEMBERS\n-     -        -      0s    -     -\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contacts_are_a_table_of_ways, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_contact_is_its_ways_and_its_rotas, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_test_says_what_came_back_by_each_way_and_exits_by_it, fake_setup,
                                        fake_teardown),
        cmocka_unit_test_setup_teardown(rotas_are_a_table_of_who_is_on_duty, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(a_rota_is_its_turns_and_why, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(an_override_is_a_line, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(what_is_missing_in_an_answer_is_a_dash, fake_setup, fake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
