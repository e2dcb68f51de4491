/* Patrol, as people are told: at 100 columns, at 10:41 in Shanghai, without a terminal. In answers single quotes stand
 * for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

#define PATROL                                                                                                         \
    "'patrol':{'event':'launch','state':'live','interval_s':600,'on_record':2,'total':145,'preparing':3,"              \
    "'last':'2026-11-23T02:30:01.000Z','next_due':'2026-11-23T02:50:00.000Z'}"

static void the_rounds_are_a_table_with_what_was_missed(void **state)
{
    prints(*state, "warroom patrol log launch",
           "{'ok':true,'data':{" PATROL ",'rounds':[{'n':9,'k':1,'phase':'live','state':'kept',"
           "'due':'2026-11-23T02:30:00.000Z','at':'2026-11-23T02:30:01.000Z','left_out':0,'incident':7,"
           "'worst':'warning','found':2,'not_checked':3},{'n':8,'k':0,'phase':'live','state':'missed',"
           "'due':'2026-11-23T02:20:00.000Z','at':'2026-11-23T02:30:00.000Z','incident':6,'worst':null,'found':0,"
           "'not_checked':0,'cause':'the collector was not running'}]}}",
           "Patrol of launch, live: 2 of 145 rounds on record, one each 10m; 3 of its preparation; the next at "
           "10:50:00\n"
           "ROUND  PHASE  STATE   DUE       AT        FOUND  WORST    UNCHECKED  INCIDENT  CAUSE\n"
           "    1  live   kept    10:30:00  10:30:01      2  warning          3         7  -\n"
           "    0  live   missed  10:20:00  10:30:00      -  -                -         6  the collector was no…\n");
}

static void with_findings_each_check_is_a_line_and_what_was_not_checked_says_so(void **state)
{
    prints(
        *state, "warroom patrol log launch --findings",
        "{'ok':true,'data':{" PATROL ",'rounds':[{'n':9,'k':1,'phase':'live','state':'kept',"
        "'due':'2026-11-23T02:30:00.000Z','at':'2026-11-23T02:30:01.000Z','left_out':4,'incident':null,"
        "'worst':'warning','found':5,'not_checked':1,'checks':[{'check':'hosts','checked':true,'looked':5,'found':5,"
        "'note':'4 of 5 hosts report'},{'check':'certificates','checked':false,'looked':0,'found':0,'note':'no "
        "data'}],'findings':[{'check':'hosts','severity':'warning','subject':'db-1','text':'silent: its last tick is "
        "42s old','evidence':{'silent_s':42}}]}]}}",
        "Patrol of launch, live: 2 of 145 rounds on record, one each 10m; 3 of its preparation; the next at "
        "10:50:00\n"
        "ROUND  PHASE  STATE  DUE       AT        FOUND  WORST    UNCHECKED  INCIDENT  CAUSE\n"
        "    1  live   kept   10:30:00  10:30:01      5  warning          1         -  -\n"
        "\n"
        "Round 1 (live), due at 10:30:00: kept\n"
        "  hosts         4 of 5 hosts report\n"
        "    warning  db-1: silent: its last tick is 42s old\n"
        "  certificates  not checked: no data\n"
        "  and 4 findings more that were only counted\n");
}

static void of_an_event_that_is_prepared_no_window_is_counted(void **state)
{
    prints(*state, "warroom patrol log launch",
           "{'ok':true,'data':{'patrol':{'event':'launch','state':'accepted','interval_s':600,'on_record':0,'total':0,"
           "'preparing':1,'last':null,'next_due':null},'rounds':[{'n':8,'k':0,'phase':'preparing','state':'kept',"
           "'due':'2026-11-23T02:20:00.000Z','at':'2026-11-23T02:20:00.000Z','incident':null,'worst':null,'found':0,"
           "'not_checked':0}]}}",
           "Patrol of launch, accepted: no rounds of its window; 1 of its preparation\n"
           "ROUND  PHASE      STATE  DUE       AT        FOUND  WORST  UNCHECKED  INCIDENT  CAUSE\n"
           "    0  preparing  kept   10:20:00  10:20:00      0  -              0         -  -\n");
}

static void an_event_without_rounds_says_when_they_begin(void **state)
{
    prints(*state, "warroom patrol log launch",
           "{'ok':true,'data':{'patrol':{'event':'launch','state':'draft','interval_s':600,'on_record':0,'total':0,"
           "'preparing':0,'last':null,'next_due':null},'rounds':[]}}",
           "Patrol of launch, draft: no rounds of its window\n"
           "no rounds yet: they begin once an event is accepted, or live\n");
}

static void a_handover_says_what_happened_what_is_open_and_what_to_watch(void **state)
{
    prints(*state, "warroom patrol handover launch --note 'mind db-1'",
           "{'ok':true,'data':{'handover':{'event':'launch','by':'li','at':'2026-11-23T02:41:00.000Z','since':null,"
           "'note':'mind db-1','rounds':{'kept':47,'late':0,'missed':1,'with_findings':2},'happened':[{"
           "'at':'2026-11-23T02:31:00.000Z','kind':'incident','by':'wang','incident':7,'said':{'what':'acknowledged',"
           "'severity':'critical','title':'CPU above 90 "
           "%'}}],'happened_left_out':3,'findings':[{'k':1,'at':'2026-11-23T02:30:01.000Z',"
           "'severity':'warning','subject':'db-1','text':'silent'}],'findings_left_out':0,'open':[{'id':7,"
           "'title':'CPU above 90 % on web-1','group':'web','severity':'critical','state':'acknowledged',"
           "'crossed':'2026-11-23T02:30:00.000Z'}],'watch':[{'host':'web-1','series':'system.cpu.utilization',"
           "'unit':'1','rule':'cpu','value':0.7,'limit':0.85,'left':0.176}]}}}",
           "Hand-over of launch by li, 2026-11-23 10:41:00 CST\n"
           "  since   the beginning\n"
           "  note    mind db-1\n"
           "  rounds  47 kept, 0 late, 1 missed; 2 with findings\n"
           "\n"
           "What happened (4), the latest of them\n"
           "  AT        KIND      BY    SAYS\n"
           "  10:31:00  incident  wang  acknowledged, critical: CPU above 90 %\n"
           "\n"
           "What rounds found (1)\n"
           "  AT        ROUND  SEVERITY  OF    FOUND\n"
           "  10:30:01      1  warning   db-1  silent\n"
           "\n"
           "What is open (1)\n"
           "  ID  SEVERITY  STATE         INCIDENT\n"
           "   7  critical  acknowledged  CPU above 90 % on web-1\n"
           "\n"
           "What to watch: nearest to their limits (1)\n"
           "  HOST   SERIES                   VALUE   LIMIT    LEFT\n"
           "  web-1  system.cpu.utilization  70.0 %  85.0 %  17.6 %\n");
    assert_non_null(strstr(fake_asked(*state, 0), "\"note\":\"mind db-1\""));
}

static void a_handover_wants_a_note(void **state)
{
    assert_int_equal(fake_run(*state, "warroom patrol handover launch"), COMMAND_USAGE);
}

#define WITH(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(the_rounds_are_a_table_with_what_was_missed),
        WITH(with_findings_each_check_is_a_line_and_what_was_not_checked_says_so),
        WITH(of_an_event_that_is_prepared_no_window_is_counted),
        WITH(an_event_without_rounds_says_when_they_begin),
        WITH(a_handover_says_what_happened_what_is_open_and_what_to_watch),
        WITH(a_handover_wants_a_note),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
