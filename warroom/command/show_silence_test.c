/* Silences and notices, as people are told of them: at 100 columns, at 10:41 in Shanghai, without a terminal. In
 * answers single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

#define SILENCE                                                                                                        \
    "'id':3,'tenant':'acme','hosts':'db-*','rule':'*','reason':'kernel update','owner':'li',"                          \
    "'from':'2026-11-23T02:30:00.000Z','to':'2026-11-23T04:30:00.000Z'"

static void silences_are_a_table_of_who_has_muted_what_until_when(void **state)
{
    prints(*state, "warroom silence list",
           "{'ok':true,'data':{'silences':[{" SILENCE ",'ended':null},{'id':4,'tenant':'umbrella','hosts':'web-1',"
           "'rule':'cpu-*','reason':'a load test','owner':'chen','from':'2026-11-23T02:30:00.000Z',"
           "'to':'2026-11-24T02:30:00.000Z','ended':null}]}}",
           "ID  TENANT    HOSTS  RULE   UNTIL        OWNER  REASON\n"
           " 3  acme      db-*   *      12:30:00     li     kernel update\n"
           " 4  umbrella  web-1  cpu-*  11-24 10:30  chen   a load test\n");
    prints(*state, "warroom silence list", "{'ok':true,'data':{'silences':[]}}", "no silences\n");
}

static void a_silence_is_a_line_that_says_until_when_or_that_it_ended(void **state)
{
    prints(*state, "warroom silence add --hosts db-* --for 2h --reason update",
           "{'ok':true,'data':{'silence':{" SILENCE ",'ended':null}}}",
           "silence 3 over db-*, rule *: until 12:30:00\n");
    prints(*state, "warroom silence end 3",
           "{'ok':true,'data':{'silence':{" SILENCE ",'ended':'2026-11-23T02:40:30.000Z'}}}",
           "silence 3 over db-*, rule *: ended at 10:40:30\n");
}

#define NOTICE                                                                                                         \
    "'id':5,'tenant':'acme','kind':'change','hosts':'web-*','title':'Core switch','impact':'30 s without network',"    \
    "'by':'wang','from':'2026-11-23T16:00:00.000Z','to':'2026-11-23T17:00:00.000Z',"                                   \
    "'created':'2026-11-23T02:00:00.000Z'"
#define ANSWERED "'answer':'moved','answered_by':'li','answered':'2026-11-23T02:40:30.000Z'"

static void notices_are_a_table_with_what_was_answered(void **state)
{
    prints(*state, "warroom notice list",
           "{'ok':true,'data':{'notices':[{" NOTICE ",'answer':null,'answered_by':null,'answered':null},{" NOTICE
           "," ANSWERED "}]}}",
           "ID  TENANT  KIND    HOSTS  FROM         TO           NOTICE                             ANSWER\n"
           " 5  acme    change  web-*  11-24 00:00  11-24 01:00  Core switch: 30 s without network  -\n"
           " 5  acme    change  web-*  11-24 00:00  11-24 01:00  Core switch: 30 s without network  li: moved\n");
    prints(*state, "warroom notice list", "{'ok':true,'data':{'notices':[]}}", "no notices\n");
}

static void a_notice_is_a_line_that_says_who_has_answered_it(void **state)
{
    prints(*state,
           "warroom notice add --kind change --hosts web-* --from 2026-11-24T00:00:00+08:00"
           " --to 2026-11-24T01:00:00+08:00 --title switch --impact none",
           "{'ok':true,'data':{'notice':{" NOTICE ",'answer':null,'answered_by':null,'answered':null}}}",
           "notice 5, change over web-*: Core switch\n");
    prints(*state, "warroom notice answer 5 --reason moved", "{'ok':true,'data':{'notice':{" NOTICE "," ANSWERED "}}}",
           "notice 5, change over web-*: Core switch; answered by li\n");
}

#define ALERT(host, state_, more)                                                                                      \
    "{'host':'" host "','rule':'cpu','summary':'CPU busy','severity':'critical','metric':'system.cpu.utilization',"    \
    "'instance':null,'series':'cpu','unit':'1','state':'" state_ "','crossed':'2026-11-23T02:35:11.123Z',"             \
    "'changed':'2026-11-23T02:35:41.123Z','value':0.973,'threshold':0.9," more "}"

static void an_alert_that_nobody_is_told_of_says_why(void **state)
{
    prints(*state, "warroom incident show 12",
           "{'ok':true,'data':{'incident':{'id':12,'tenant':'acme','event':'launch','group':'web','title':'CPU busy',"
           "'state':'triggered','severity':'critical','crossed':'2026-11-23T02:35:11.123Z','budget_s':600,'alerts':3},"
           "'alerts':[" ALERT("web-1", "firing", "'muted':true,'silenced':false") "," ALERT(
               "web-2", "firing",
               "'muted':false,'silenced':true") "," ALERT("web-3", "firing",
                                                          "'muted':false,'silenced':false") "],'pages':[]}}",
           "Incident 12: CPU busy\n"
           "critical, triggered; tenant acme, event launch, group web\n"
           "\n"
           "  crossed       2026-11-23 10:35:11 CST\n"
           "  detected      not yet\n"
           "  delivered     not yet\n"
           "  acknowledged  not yet\n"
           "  resolved      not yet\n"
           "  budget        4m 11s left\n"
           "\n"
           "Alerts (3)\n"
           "  HOST   ALERT     SERIES  STATE              VALUE  THRESHOLD  CROSSED\n"
           "  web-1  CPU busy  cpu     firing, muted     97.3 %     90.0 %  10:35:11\n"
           "  web-2  CPU busy  cpu     firing, silenced  97.3 %     90.0 %  10:35:11\n"
           "  web-3  CPU busy  cpu     firing            97.3 %     90.0 %  10:35:11\n"
           "\n"
           "Pages (0)\n");
}

#define SHOW_CASE(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHOW_CASE(silences_are_a_table_of_who_has_muted_what_until_when),
        SHOW_CASE(a_silence_is_a_line_that_says_until_when_or_that_it_ended),
        SHOW_CASE(notices_are_a_table_with_what_was_answered),
        SHOW_CASE(a_notice_is_a_line_that_says_who_has_answered_it),
        SHOW_CASE(an_alert_that_nobody_is_told_of_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
