/* Entries of the ledger, read aloud: each kind as the collector writes it down. Single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "warroom/command/said.h"

#define NOW_US INT64_C(1795401660000000) /* 2026-11-23T02:41:00Z */

static void says(const char *kind, const char *body, const char *expected)
{
    char text[SAID_MAX], quoted[1024];
    size_t len = strlen(body);
    assert_true(len < sizeof quoted);
    for (size_t i = 0; i <= len; i++)
        quoted[i] = (char)(body[i] == '\'' ? '"' : body[i]);
    json_t *object = json_loads(quoted, 0, NULL);
    assert_non_null(object);
    said_text(text, kind, object, NOW_US);
    json_decref(object);
    assert_string_equal(text, expected);
}

static void a_step_of_an_event_says_from_where_and_why(void **state)
{
    (void)state;
    says("event", "{'what':'created','to':'draft','role':'operator','reason':''}", "it was written down");
    says("event",
         "{'what':'stepped','from':'accepted','to':'checked','verb':'check','role':'commander','reason':'load test',"
         "'late_s':0.0,'late_request':true,'gates':['entitlement','verdict'],'overridden':['verdict']}",
         "checked, was accepted: load test; gates overridden: verdict");
    says("event",
         "{'what':'stepped','from':'draft','to':'requested','verb':'request','role':'customer','reason':'',"
         "'late_s':0.0,'late_request':true,'gates':[],'overridden':[],'lead':'less than 10 working days'}",
         "requested, was draft; asked late: less than 10 working days");
    says("event", "{'what':'stepped','from':'armed','to':'live','reason':'','late_s':91.0,'late_request':false}",
         "live, was armed; 91 s late");
    says("event", "{'what':'arming','from':'checked','to':'checked','reason':''}",
         "to be armed, as soon as all its hosts report each second");
    says("event", "{'what':'opened-unarmed','reason':'its window is open'}", "its window opened, and it was not armed");
}

static void documents_and_gates_say_what_turned(void **state)
{
    (void)state;
    says("document", "{'changed':{'notes':'x','patrol':'2m'},'role':'commander','reason':'the shop called'}",
         "written in its document: notes, patrol; because: the shop called");
    says("document", "{'changed':['notes']}", "written in its document: notes");
    says("gate", "{'gate':'hosts','state':'passed','evidence':'2 of 2 report','reason':''}",
         "gate hosts passed: 2 of 2 report");
    says("gate", "{'gate':'verdict','state':'overridden','evidence':'','reason':'measured by hand'}",
         "gate verdict overridden; because: measured by hand");
}

static void incidents_and_pages_say_what_went_wrong(void **state)
{
    (void)state;
    says("incident",
         "{'what':'opened','title':'CPU above 90 % on web-1','severity':'critical','late':true,'breached':false,"
         "'crossed_us':1795400000000000}",
         "opened, critical: CPU above 90 % on web-1; found late");
    says("incident", "{'what':'resolved','title':'CPU','severity':'warning','late':false,'breached':true}",
         "resolved, warning: CPU; its ten minutes were broken");
    says("page",
         "{'page':4,'for':'trigger','contact':'war-room','attempt':1,'what':'delivered','status':200,'error':'',"
         "'possible_copy':false,'unrecorded':false}",
         "trigger to war-room: delivered; page 4, attempt 1");
    says("page",
         "{'page':9,'for':'trigger','contact':'alice','channel':'robot','attempt':1,'what':'delivered','status':200,"
         "'error':'','class':'spill','why':'mail is down: no answer','message':7,'with':19}",
         "trigger to alice by robot: delivered, with 19 others; because mail is down: no answer; page 9, attempt 1");
    says("page",
         "{'page':4,'for':'trigger','contact':'war-room','attempt':2,'what':'refused','status':503,'error':'HTTP 503',"
         "'possible_copy':true,'unrecorded':true}",
         "trigger to war-room: refused: HTTP 503; maybe a second copy; before it was on record; page 4, attempt 2");
}

static void rounds_and_hand_overs_say_what_was_found(void **state)
{
    (void)state;
    says("round", "{'k':0,'phase':'live','state':'kept','checks':[],'findings':[],'left_out':0}",
         "round 0 (live) kept");
    says("round", "{'k':3,'phase':'live','state':'late','findings':[{'check':'hosts'},{'check':'disk'}],'left_out':4}",
         "round 3 (live) late; 2 findings; 4 more left out");
    says("round", "{'k':4,'phase':'live','state':'missed','cause':'the collector was not running'}",
         "round 4 (live) missed: the collector was not running");
    says("handover", "{'note':'mind db-1\\nit is slow','rounds':{}}", "mind db-1");
}

static void an_override_of_a_rota_says_who_is_on_duty_until_when(void **state)
{
    (void)state;
    says("oncall",
         "{'what':'override','override':1,'rota':'desk','contact':'dave','reason':'ill','from_us':1795400000000000,"
         "'to_us':1795403600000000}",
         "dave on duty for desk from 10:13:20 to 11:13:20: ill");
}

static void a_test_of_a_contact_says_how_many_ways_took_it(void **state)
{
    (void)state;
    says("contact", "{'what':'tested','contact':'alice','delivered':1,'tried':2,'ways':[]}",
         "tested alice: 1 of 2 ways took it");
}

static void a_ledger_that_was_accepted_says_what_was_wrong_and_why(void **state)
{
    (void)state;
    says("ledger",
         "{'what':'accepted','signed':96,'broken':'cut','reason':'restored from the backup of 02:00','head':''}",
         "accepted as it is, signed up to entry 96 before: cut; because: restored from the backup of 02:00");
}

static void silences_and_notices_say_over_what_and_until_when(void **state)
{
    (void)state;
    says("silence",
         "{'what':'added','silence':3,'hosts':'db-*','rule':'*','owner':'li','reason':'kernel update',"
         "'from_us':1795401660000000,'to_us':1795408860000000}",
         "added: silence 3 over db-*, rule *, of li until 12:41:00: kernel update");
    says("notice",
         "{'what':'answered','notice':2,'kind':'change','hosts':'web-*','title':'Core switch','impact':'a minute',"
         "'answer':'moved','from_us':1795408860000000,'to_us':1795495260000000}",
         "answered: notice 2, change over web-* from 12:41:00 to 11-24 12:41: Core switch; answer: moved");
}

static void contracts_and_draws_count_their_days(void **state)
{
    (void)state;
    says("contract",
         "{'what':'set','contract':1,'plan':'large','first_day':'2026-01-01','years':3,'zone':'Asia/Shanghai',"
         "'calendar':'cn'}",
         "set: contract 1, plan large for 3 years from 2026-01-01 of Asia/Shanghai, working days of cn");
    says("contract",
         "{'what':'bought','pack':2,'kind':'assurance','days':5,'from_day':'2026-01-01','to_day':'2026-12-31'}",
         "bought: pack 2, 5 days of assurance for what begins from 2026-01-01 to 2026-12-31");
    says("draw", "{'what':'taken','kind':'assurance','first_day':'2026-12-01','days':1,'sources':[{}]}",
         "taken: 1 day of assurance from 2026-12-01");
}

static void what_is_missing_or_not_known_is_no_fault(void **state)
{
    (void)state;
    says("page", "{}", "- to -: -; page -, attempt -");
    says("weather", "{'what':'turned'}", "turned");
    says("weather", "{}", "-");
}

static void what_is_too_long_is_cut(void **state)
{
    (void)state;
    char body[1000], expected[SAID_MAX], note[800];
    memset(note, 'n', sizeof note);
    note[sizeof note - 1] = '\0';
    snprintf(body, sizeof body, "{'note':'%s'}", note);
    snprintf(expected, sizeof expected, "%s", note);
    says("handover", body, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_of_an_event_says_from_where_and_why),
        cmocka_unit_test(documents_and_gates_say_what_turned),
        cmocka_unit_test(incidents_and_pages_say_what_went_wrong),
        cmocka_unit_test(rounds_and_hand_overs_say_what_was_found),
        cmocka_unit_test(an_override_of_a_rota_says_who_is_on_duty_until_when),
        cmocka_unit_test(a_test_of_a_contact_says_how_many_ways_took_it),
        cmocka_unit_test(a_ledger_that_was_accepted_says_what_was_wrong_and_why),
        cmocka_unit_test(silences_and_notices_say_over_what_and_until_when),
        cmocka_unit_test(contracts_and_draws_count_their_days),
        cmocka_unit_test(what_is_missing_or_not_known_is_no_fault),
        cmocka_unit_test(what_is_too_long_is_cut),
    };
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
