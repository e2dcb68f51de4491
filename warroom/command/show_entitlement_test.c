/* What is printed of plans, contracts and days, to the letter, as show_test.c has it for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

#define CONTRACT                                                                                                       \
    "{'id':1,'plan':'enterprise','first_day':'2026-01-01','last_day':'2026-12-31','years':1,'zone':'Asia/Shanghai',"   \
    "'calendar':'cn','set':'2026-01-01T02:00:00.000Z','set_by':'li','locked':'2026-11-23T02:00:00.000Z','balance':[{"  \
    "'year':1,'first_day':'2026-01-01','last_day':'2026-12-31','assurance':{'granted':3,'taken':1,'left':2},"          \
    "'advice':null}]}"
#define CONTRACT_SHOWN                                                                                                 \
    "Contract enterprise from 2026-01-01 to 2026-12-31: 1 year, days of Asia/Shanghai, working days of cn\n"           \
    "  locked since 2026-11-23 10:00:00 CST by a request: it holds for its term\n"                                     \
    "  YEAR  FROM        TO          ASSURANCE    ADVICE\n"                                                            \
    "     1  2026-01-01  2026-12-31  2 of 3 left  plan not there\n"

#define DRAWS                                                                                                          \
    "[{'id':2,'kind':'assurance','event':'launch','contract':null,'pack':4,'first_day':'2026-12-01','days':1,"         \
    "'state':'taken','at':'2026-11-23T02:40:00.000Z','by':'li'},{'id':1,'kind':'advice','event':null,'contract':1,"    \
    "'pack':null,'first_day':'2026-12-02','days':2,'state':'returned','at':'2026-11-20T02:40:00.000Z','by':'wang'}]"

static void plans_are_what_they_promise_and_how_soon_they_answer(void **state)
{
    prints(*state, "warroom plan list",
           "{'ok':true,'data':{'plans':[{'name':'basic','title':'Basic','versions':[{'from':'2026-01-01',"
           "'assurance_days':0,'assurance_lead':10,'advice_days':0,'advice_lead':3,'responses':{'guidance':{"
           "'working_days':1}},'channels':['tickets'],'report_day':null,'care':false}]},{'name':'enterprise','title':"
           "'Enterprise','versions':[{'from':'2026-01-01','assurance_days':3,'assurance_lead':10,'advice_days':2,"
           "'advice_lead':3,'responses':{'core-down':{'within_s':600.0}},'channels':['tickets','hotline'],"
           "'report_day':10,'care':true}]}]}}",
           "PLAN        FROM        ASSURANCE           ADVICE             REPORT BY  CHANNELS\n"
           "basic       2026-01-01  -                   -                          -  tickets\n"
           "enterprise  2026-01-01  3 a year, 10 ahead  2 a year, 3 ahead         10  tickets, hotline\n"
           "\n"
           "RESPONSE    FROM        CORE DOWN  PRODUCTION DOWN  ABNORMAL  SYSTEM  GUIDANCE\n"
           "basic       2026-01-01  -          -                -         -       1 working day\n"
           "enterprise  2026-01-01  10m        -                -         -       -\n");
}

static void without_plans_it_says_where_they_come_from(void **state)
{
    prints(*state, "warroom plan list", "{'ok':true,'data':{'plans':[]}}",
           "no plans: `plans` of collector.yaml names their folder (docs/entitlement.md)\n");
}

static void a_tenant_is_shown_with_its_contracts(void **state)
{
    prints(*state, "warroom tenant show acme",
           "{'ok':true,'data':{'tenant':{'id':1,'name':'acme'},'hosts':12,'events':3,'contracts':[" CONTRACT "]}}",
           "Tenant acme, number 1: hosts 12, events 3\n" CONTRACT_SHOWN);
}

static void a_tenant_without_a_contract_says_how_to_make_one(void **state)
{
    prints(*state, "warroom tenant show acme",
           "{'ok':true,'data':{'tenant':{'id':1,'name':'acme'},'hosts':0,'events':0,'contracts':[]}}",
           "Tenant acme, number 1: hosts 0, events 0\n"
           "no contract: warroom tenant set TENANT --plan PLAN --from DAY --zone ZONE --calendar CALENDAR\n");
}

static void setting_a_contract_shows_what_holds_now(void **state)
{
    prints(*state, "warroom tenant set acme --from 2026-01-01 --plan enterprise",
           "{'ok':true,'data':{'tenant':'acme','contracts':[" CONTRACT "]}}", "Tenant acme\n" CONTRACT_SHOWN);
}

static void an_entitlement_is_contracts_packs_and_draws(void **state)
{
    prints(
        *state, "warroom entitlement show acme",
        "{'ok':true,'data':{'tenant':'acme','contracts':[" CONTRACT "],'packs':[{'id':4,'kind':'assurance','days':2,"
        "'left':1,'from_day':'2026-11-01','to_day':'2027-10-31','bought':'2026-11-23T02:30:00.000Z','bought_by':'li'}"
        "],'packs_total':1,'draws':" DRAWS ",'draws_total':300}}",
        "Tenant acme\n" CONTRACT_SHOWN "\nPacks (1)\n"
        "  PACK  KIND       LEFT    FROM        TO          BOUGHT    BY\n"
        "     4  assurance  1 of 2  2026-11-01  2027-10-31  10:30:00  li\n"
        "\nDraws (300, the newest)\n"
        "  first days are those of the contract's zone\n"
        "  DRAW  KIND       EVENT   FIRST DAY   DAYS  FROM      STATE     AT           BY\n"
        "     2  assurance  launch  2026-12-01     1  pack 4    taken     10:40:00     li\n"
        "     1  advice     -       2026-12-02     2  contract  returned  11-20 10:40  wang\n");
}

static void a_pack_that_was_bought_says_what_it_is_good_for(void **state)
{
    prints(*state, "warroom entitlement buy acme --days 2 --from 2026-11-01 --to 2027-10-31",
           "{'ok':true,'data':{'tenant':'acme','pack':{'id':4,'kind':'assurance','days':2,'left':2,'from_day':"
           "'2026-11-01','to_day':'2027-10-31','bought':'2026-11-23T02:30:00.000Z','bought_by':'li'}}}",
           "pack 4 of acme: 2 days of assurance, for what begins from 2026-11-01 to 2027-10-31\n");
}

static void advice_shows_what_it_drew(void **state)
{
    prints(*state, "warroom entitlement advise acme --from 2026-12-02 --days 2",
           "{'ok':true,'data':{'tenant':'acme','draws':[{'id':1,'kind':'advice','event':null,'contract':1,'pack':null,"
           "'first_day':'2026-12-02','days':2,'state':'taken','at':'2026-11-23T02:40:00.000Z','by':'li'}]}}",
           "Tenant acme: first days are those of the contract's zone\n"
           "DRAW  KIND    EVENT  FIRST DAY   DAYS  FROM      STATE  AT        BY\n"
           "   1  advice  -      2026-12-02     2  contract  taken  10:40:00  li\n");
}

static void what_is_missing_is_a_dash(void **state)
{
    prints(*state, "warroom entitlement show acme", "{'ok':true,'data':{'contracts':[{}],'packs':[7],'draws':[{}]}}",
           "Tenant -\n"
           "Contract - from - to -: 0 years, days of -, working days of -\n"
           "  not locked: nothing of it was requested yet\n"
           "  YEAR  FROM  TO  ASSURANCE  ADVICE\n"
           "\nPacks (0)\n"
           "  PACK  KIND  LEFT    FROM  TO  BOUGHT  BY\n"
           "     -  -     0 of 0  -     -   -       -\n"
           "\nDraws (0)\n"
           "  first days are those of the contract's zone\n"
           "  DRAW  KIND  EVENT  FIRST DAY  DAYS  FROM      STATE  AT  BY\n"
           "     -  -     -      -             -  contract  -      -   -\n");
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        WITH(plans_are_what_they_promise_and_how_soon_they_answer),
        WITH(without_plans_it_says_where_they_come_from),
        WITH(a_tenant_is_shown_with_its_contracts),
        WITH(a_tenant_without_a_contract_says_how_to_make_one),
        WITH(setting_a_contract_shows_what_holds_now),
        WITH(an_entitlement_is_contracts_packs_and_draws),
        WITH(a_pack_that_was_bought_says_what_it_is_good_for),
        WITH(advice_shows_what_it_drew),
        WITH(what_is_missing_is_a_dash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
