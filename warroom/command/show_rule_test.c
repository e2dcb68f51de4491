/* What is printed of rules, to the letter, as show_test.c has it for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

static void rules_are_listed_with_what_is_bad_and_where_they_hold(void **state)
{
    prints(*state, "warroom rule list",
           "{'ok':true,'data':{'host':null,'event':null,'rules':[{'rule':'cpu_critical','pack':'normal','metric':"
           "'system.cpu.utilization','instance':'*','condition':'above 95 %, ends at 85 %','hold_s':120.0,'severity':"
           "'critical','page':true,'in_force':'normal','judged':true},{'rule':'gone','metric':"
           "'system.filesystem.utilization','instance':'/data','condition':'no value','hold_s':0.5,'severity':"
           "'warning','page':false,'in_force':'always','judged':true}]}}",
           "2 rules\n"
           "RULE          PACK    METRIC                 BAD IS                  HOLD  SEVERITY  PAGES  IN FORCE\n"
           "cpu_critical  normal  system.cpu.utilizati…  above 95 %, ends at 8…  120s  critical  yes    normal\n"
           "gone          -       system.filesystem.ut…  no value                0.5s  warning   no     always\n");
}

static void what_a_host_does_not_declare_is_said_not_to_be_judged(void **state)
{
    prints(*state, "warroom rule list --host web-1 --event launch",
           "{'ok':true,'data':{'host':'web-1','event':'launch','rules':[{'rule':'egress','pack':'assurance','metric':'"
           "system.x',"
           "'instance':'*','condition':'above 80 % of the declared egress','hold_s':15.0,'severity':'warning','page':"
           "false,'in_force':'window','judged':false}]}}",
           "1 rule for web-1 in the window of launch\n"
           "RULE    PACK       METRIC    BAD IS                                  HOLD  SEVERITY  PAGES  IN FORCE\n"
           "egress  assurance  system.x  not judged: above 80 % of the declare…   15s  warning   no     window\n");
}

static void what_is_other_on_a_host_says_where_it_comes_from(void **state)
{
    prints(*state, "warroom rule list --host web-1",
           "{'ok':true,'data':{'host':'web-1','event':null,'rules':[{'rule':'cpu','metric':'system.x','instance':'*',"
           "'condition':'above 70 %','hold_s':15.0,'severity':'critical','page':true,'in_force':'normal','judged':true,"
           "'from':'group web-*, event sale','off':false},{'rule':'io','metric':'system.x','instance':'*','condition':"
           "'above 80 %','hold_s':0.0,'severity':'warning','page':false,'in_force':'normal','judged':true,'from':"
           "'group web-*','off':true},{'rule':'up','metric':'system.x','instance':'*','condition':'above 1 %','hold_s':"
           "0.0,'severity':'info','page':false,'in_force':'always','judged':true,'from':null,'off':false}]}}",
           "3 rules for web-1\n"
           "RULE  PACK  METRIC    BAD IS           HOLD  SEVERITY  PAGES  IN FORCE  FROM\n"
           "cpu   -     system.x  above 70 %        15s  critical  yes    normal    group web-*, event sale\n"
           "io    -     system.x  off: above 80 %    0s  warning   no     normal    group web-*\n"
           "up    -     system.x  above 1 %          0s  info      no     always    -\n");
}

static void the_rule_file_is_printed_as_it_came(void **state)
{
    prints(*state, "warroom rule export --event-state live",
           "{'ok':true,'data':{'head':'groups:\\n  - name: warroom\\n    rules:\\n','items':['      # a: no\\n',"
           "'      - alert: b\\n']}}",
           "groups:\n  - name: warroom\n    rules:\n      # a: no\n      - alert: b\n");
}

static void what_would_have_fired_is_told_with_its_times(void **state)
{
    prints(
        *state, "warroom rule test web-1",
        "{'ok':true,'data':{'host':'web-1','from':'2026-11-23T02:00:00.000Z','to':'2026-11-23T02:30:00.000Z',"
        "'truncated':true,'rules':7,'ticks':180,'firings':[{'rule':'cpu','series':'system.cpu.utilization','unit':'1',"
        "'severity':'critical','crossed':'2026-11-23T02:10:00.000Z','fired':'2026-11-23T02:10:30.000Z','cleared':null,"
        "'value':0.97}]}}",
        "web-1: 7 rules over 180 ticks would have fired 1 time\n"
        "CROSSED   FIRED     CLEARED  RULE  SERIES                   VALUE  SEVERITY\n"
        "10:10:00  10:10:30  -        cpu   system.cpu.utilization  97.0 %  critical\n"
        "there is more: go on with --from 2026-11-23T02:30:00.000Z\n");
}

static void what_was_not_judged_stands_behind_it_by_its_reason(void **state)
{
    prints(*state, "warroom rule test web-1",
           "{'ok':true,'data':{'host':'web-1','from':'2026-11-23T02:00:00.000Z','to':'2026-11-23T02:30:00.000Z',"
           "'truncated':false,'rules':12,'ticks':180,'firings':[],'not_judged':["
           "{'rule':'egress','reason':'no egress declared'},{'rule':'a','reason':'no series'},"
           "{'rule':'cpu','reason':'off'},{'rule':'b','reason':'no series'},{'rule':'c','reason':'no series'},"
           "{'rule':'d','reason':'no series'},{'rule':'e','reason':'no series'},{'rule':'f','reason':'no series'},"
           "{'rule':'g','reason':'no series'},{'rule':'h','reason':'no series'},{'rule':'i','reason':'no series'}]}}",
           "web-1: 1 of 12 rules over 180 ticks would have fired 0 times\n"
           "not judged, no egress declared: egress\n"
           "not judged, no series: a, b, c, d, e, f, g, h and 1 more\n"
           "not judged, off: cpu\n");
}

static void a_file_that_was_tested_is_named_in_the_place_of_a_host(void **state)
{
    prints(*state, "warroom rule test web-1",
           "{'ok':true,'data':{'host':null,'data':'peak.csv','from':null,'to':null,'truncated':false,'rules':3,"
           "'ticks':0,'firings':[],'not_judged':[]}}",
           "peak.csv: 3 rules over 0 ticks would have fired 0 times\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rules_are_listed_with_what_is_bad_and_where_they_hold),
        TEST(what_a_host_does_not_declare_is_said_not_to_be_judged),
        TEST(what_is_other_on_a_host_says_where_it_comes_from),
        TEST(the_rule_file_is_printed_as_it_came),
        TEST(what_would_have_fired_is_told_with_its_times),
        TEST(what_was_not_judged_stands_behind_it_by_its_reason),
        TEST(a_file_that_was_tested_is_named_in_the_place_of_a_host),
    };
    return cmocka_run_group_tests_name("show_rule", tests, NULL, NULL);
}
