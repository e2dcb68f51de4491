#include "warroom/command/command.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"
#include "warroom/command/run.h"
#include "warroom/command/verb.h"

#define EMPTY "{'ok':true,'data':{}}"

/* `line` makes exactly this request; single quotes stand for double ones. */
static void asks(struct fake *fake, const char *line, const char *request)
{
    char expected[512];
    snprintf(expected, sizeof expected, "%s", request);
    for (char *at = expected; (at = strchr(at, '\''));)
        *at = '"';
    fake_answer(fake, EMPTY);
    assert_int_equal(fake_run(fake, line), COMMAND_OK);
    json_t *want = json_loads(expected, 0, NULL);
    json_t *got = json_loads(fake_asked(fake, 0), 0, NULL);
    int equal = json_equal(want, got);
    json_decref(want);
    json_decref(got);
    if (!equal)
        fail_msg("asked %s", fake_asked(fake, 0));
}

static void is_misunderstood(struct fake *fake, const char *line, const char *why)
{
    assert_int_equal(fake_run(fake, line), COMMAND_USAGE);
    assert_string_equal(fake_out(fake), "");
    assert_string_equal(fake_asked(fake, 0), "");
    if (!strstr(fake_err(fake), why))
        fail_msg("%s: said %s", line, fake_err(fake));
}

static void every_verb_asks_as_the_contract_has_it(void **state)
{
    static const struct {
        const char *line, *request;
    } cases[] = {
        { "warroom status", "{'verb':'status','args':{}}" },
        { "warroom tenant add acme", "{'verb':'tenant add','args':{'name':'acme'}}" },
        { "warroom tenant list", "{'verb':'tenant list','args':{}}" },
        { "warroom tenant show acme", "{'verb':'tenant show','args':{'tenant':'acme'}}" },
        { "warroom tenant set acme --from 2026-01-01 --plan enterprise --years 2 --zone Asia/Shanghai --calendar cn",
          "{'verb':'tenant set','args':{'tenant':'acme','first_day':'2026-01-01','plan':'enterprise','years':2,"
          "'zone':'Asia/Shanghai','calendar':'cn'}}" },
        { "warroom plan list", "{'verb':'plan list','args':{}}" },
        { "warroom entitlement show acme", "{'verb':'entitlement show','args':{'tenant':'acme'}}" },
        { "warroom entitlement buy acme --days 2 --from 2026-11-01 --to 2027-10-31 --kind advice",
          "{'verb':'entitlement buy','args':{'tenant':'acme','days':2,'from_day':'2026-11-01','to_day':'2027-10-31',"
          "'grant':'advice'}}" },
        { "warroom entitlement advise acme --from 2026-12-01",
          "{'verb':'entitlement advise','args':{'tenant':'acme','first_day':'2026-12-01','days':1}}" },
        { "warroom entitlement cancel 7 --tenant acme",
          "{'verb':'entitlement cancel','args':{'advice':7,'tenant':'acme'}}" },
        { "warroom hosts --tenant acme", "{'verb':'hosts','args':{'tenant':'acme'}}" },
        { "warroom host enroll web-1 --tenant acme --group web --egress 1Gbit --ingress 1.5MB --connections 5000 "
          "--new-connections 200",
          "{'verb':'host enroll','args':{'name':'web-1','tenant':'acme','group':'web','egress':125000000,"
          "'ingress':1500000,'connections':5000,'new_connections':200}}" },
        { "warroom host rotate web-1 --expires 90m",
          "{'verb':'host rotate','args':{'host':'web-1','expires_s':5400}}" },
        { "warroom host revoke web-1 --tenant acme", "{'verb':'host revoke','args':{'host':'web-1','tenant':'acme'}}" },
        { "warroom host retire web-1", "{'verb':'host retire','args':{'host':'web-1'}}" },
        { "warroom host invitations --tenant acme", "{'verb':'host invitations','args':{'tenant':'acme'}}" },
        { "warroom host uninvite 0123456789abcdef",
          "{'verb':'host uninvite','args':{'invitation':'0123456789abcdef'}}" },
        { "warroom host set web-1 --group db", "{'verb':'host set','args':{'host':'web-1','group':'db'}}" },
        { "warroom event create launch --tenant acme --zone Asia/Shanghai --from 2026-11-23 --days 3 --hosts "
          "'web-*,db-1' --label role=web --label site=sh --drill",
          "{'verb':'event create','args':{'name':'launch','tenant':'acme','zone':'Asia/Shanghai',"
          "'first_day':'2026-11-23','days':3,'hosts':'web-*,db-1','labels':'role=web,site=sh','drill':true}}" },
        { "warroom event set launch --notes 'call li' --tiers '[{hosts: db-*, tier: core}]' --contacts ops --contacts "
          "lead",
          "{'verb':'event set','args':{'event':'launch','tiers':'[{hosts: db-*, tier: core}]','contacts':'ops,lead',"
          "'notes':'call li'}}" },
        { "warroom event list", "{'verb':'event list','args':{}}" },
        { "warroom event show launch", "{'verb':'event show','args':{'event':'launch'}}" },
        { "warroom event request launch", "{'verb':'event request','args':{'event':'launch'}}" },
        { "warroom event accept launch --reason 'the sale is theirs'",
          "{'verb':'event accept','args':{'event':'launch','reason':'the sale is theirs'}}" },
        { "warroom event check launch", "{'verb':'event check','args':{'event':'launch'}}" },
        { "warroom event override launch lint --reason known",
          "{'verb':'event override','args':{'event':'launch','gate':'lint','reason':'known'}}" },
        { "warroom event arm launch", "{'verb':'event arm','args':{'event':'launch'}}" },
        { "warroom event start launch", "{'verb':'event start','args':{'event':'launch'}}" },
        { "warroom event end launch --reason over", "{'verb':'event end','args':{'event':'launch','reason':'over'}}" },
        { "warroom event report launch", "{'verb':'event report','args':{'event':'launch'}}" },
        { "warroom event cancel launch", "{'verb':'event cancel','args':{'event':'launch'}}" },
        { "warroom event close launch --tenant acme",
          "{'verb':'event close','args':{'event':'launch','tenant':'acme'}}" },
        { "warroom incident list --all", "{'verb':'incident list','args':{'all':true}}" },
        { "warroom incident show 12", "{'verb':'incident show','args':{'incident':12}}" },
        { "warroom incident ack 12", "{'verb':'incident ack','args':{'incident':12}}" },
        { "warroom incident assign 12 li", "{'verb':'incident assign','args':{'incident':12,'to':'li'}}" },
        { "warroom incident note 12 'cache is cold'",
          "{'verb':'incident note','args':{'incident':12,'text':'cache is cold'}}" },
        { "warroom incident reopen 12", "{'verb':'incident reopen','args':{'incident':12}}" },
        { "warroom incident resolve 12", "{'verb':'incident resolve','args':{'incident':12}}" },
        { "warroom silence add --tenant acme --hosts web-* --for 2h --reason update",
          "{'verb':'silence add','args':{'tenant':'acme','hosts':'web-*','for_s':7200,'reason':'update'}}" },
        { "warroom silence list", "{'verb':'silence list','args':{}}" },
        { "warroom silence end 3", "{'verb':'silence end','args':{'silence':3}}" },
        { "warroom notice add --kind change --hosts db-1 --from 2026-11-24T00:00:00Z --to 2026-11-24T01:00:00Z"
          " --title firmware --impact none",
          "{'verb':'notice add','args':{'kind':'change','hosts':'db-1','from':'2026-11-24T00:00:00.000Z',"
          "'to':'2026-11-24T01:00:00.000Z','title':'firmware','impact':'none'}}" },
        { "warroom notice list --tenant acme", "{'verb':'notice list','args':{'tenant':'acme'}}" },
        { "warroom notice answer 4 --reason moved", "{'verb':'notice answer','args':{'notice':4,'reason':'moved'}}" },
        { "warroom ledger list --tenant acme --event launch --kind page --oldest",
          "{'verb':'ledger "
          "list','args':{'tenant':'acme','event':'launch','kind':'page','oldest':true,'entries':100}}" },
        { "warroom rule list --host web-1 --event launch",
          "{'verb':'rule list','args':{'host':'web-1','event':'launch'}}" },
        { "warroom rule export --event-state live --host web-1",
          "{'verb':'rule export','args':{'host':'web-1','state':'live'}}" },
        { "warroom patrol log launch --tenant acme --findings --oldest",
          "{'verb':'patrol log','args':{'event':'launch','tenant':'acme','findings':true,'oldest':true}}" },
        { "warroom patrol handover launch --note quiet",
          "{'verb':'patrol handover','args':{'event':'launch','note':'quiet'}}" },
        { "warroom contact list", "{'verb':'contact list','args':{}}" },
        { "warroom contact show alice", "{'verb':'contact show','args':{'contact':'alice'}}" },
        { "warroom ledger accept acme --reason restored",
          "{'verb':'ledger accept','args':{'tenant':'acme','reason':'restored'}}" },
        { "warroom oncall list", "{'verb':'oncall list','args':{}}" },
        { "warroom oncall show desk", "{'verb':'oncall show','args':{'rota':'desk'}}" },
        { "warroom oncall override desk bob --from 2026-11-23T04:00:00Z --to 2026-11-23T06:00:00Z --reason ill",
          "{'verb':'oncall override','args':{'rota':'desk','contact':'bob','from':'2026-11-23T04:00:00.000Z',"
          "'to':'2026-11-23T06:00:00.000Z','reason':'ill'}}" },
        { "warroom coverage launch --tenant acme --host web-1 --from -1h",
          "{'verb':'coverage','args':{'event':'launch','tenant':'acme','host':'web-1',"
          "'from':'2026-11-23T01:41:00.000Z'}}" },
        { "warroom query latest --hosts web-* --metric system.disk.*",
          "{'verb':'query latest','args':{'hosts':'web-*','metric':'system.disk.*'}}" },
        { "warroom query quantiles system.* --from 2026-11-23T02:00:00Z",
          "{'verb':'query quantiles','args':{'metric':'system.*','from':'2026-11-23T02:00:00.000Z',"
          "'to':'2026-11-23T02:41:00.000Z'}}" },
        { "warroom query top system.cpu.utilization --by p95 --most 3",
          "{'verb':'query top','args':{'metric':'system.cpu.utilization','from':'2026-11-23T01:41:00.000Z',"
          "'to':'2026-11-23T02:41:00.000Z','by':'p95','most':3}}" },
        { "warroom query web-1 system.cpu.utilization --instance vd* --from -90s --to 2026-11-23T10:41:00+08:00 "
          "--points 5",
          "{'verb':'query','args':{'host':'web-1','metric':'system.cpu.utilization','instance':'vd*',"
          "'from':'2026-11-23T02:39:30.000Z','to':'2026-11-23T02:41:00.000Z','points':5}}" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake *fake = fake_open();
        asks(fake, cases[i].line, cases[i].request);
        fake_close(fake);
    }
    size_t n = 0; /* a new verb has its row here too, or a test of its own where it may ask otherwise */
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        n += run_find(verb->control) == NULL && strcmp(verb->control, "lint") != 0 && /* show_lint_test.c */
             strcmp(verb->control, "contact test") != 0;                              /* show_contact_test.c */
    assert_int_equal(n, sizeof cases / sizeof cases[0]);
}

static void an_image_is_invited_without_a_name(void **state)
{
    asks(*state, "warroom host enroll --group web --uses 50 --expires 7d --tenant acme",
         "{'verb':'host enroll','args':{'tenant':'acme','group':'web','uses':50,'expires_s':604800}}");
}

static void options_that_are_left_out_have_their_defaults(void **state)
{
    asks(*state, "warroom query web-1 m",
         "{'verb':'query','args':{'host':'web-1','metric':'m','from':'2026-11-23T01:41:00.000Z',"
         "'to':'2026-11-23T02:41:00.000Z','points':30}}");
}

static void rules_are_tested_on_a_host_by_one_question(void **state)
{
    asks(*state, "warroom rule test web-1 --event launch --event-state armed",
         "{'verb':'rule test','args':{'host':'web-1','event':'launch','state':'armed'}}");
}

static void what_may_be_left_out_is_left_to_the_collector(void **state)
{
    struct fake *fake = *state;
    asks(fake, "warroom coverage", "{'verb':'coverage','args':{}}");
}

static void what_a_document_says_can_be_taken_away(void **state)
{
    asks(*state, "warroom event set launch --notes '' --tiers '' --contacts '' --hosts '' --label role=web",
         "{'verb':'event set','args':{'event':'launch','tiers':'','contacts':'','hosts':'','labels':'role=web',"
         "'notes':''}}");
}

static void what_is_given_again_is_added(void **state)
{
    struct fake *fake = *state;
    asks(fake, "warroom host set web-1 --label role=web --label site=sh,rack=",
         "{'verb':'host set','args':{'host':'web-1','labels':'role=web,site=sh,rack='}}");
}

static void a_document_is_read_here_and_goes_along(void **state)
{
    struct fake *fake = *state;
    char name[] = "/tmp/warroom-document-XXXXXX";
    char line[128];
    char request[256];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "name: sale\n", 11), 11);
    snprintf(line, sizeof line, "warroom event create -f %s --tenant acme", name);
    snprintf(request, sizeof request,
             "{'verb':'event create','args':{'tenant':'acme','file':'%s','document':'name: sale\\n'}}", name);
    asks(fake, line, request);
    assert_int_equal(ftruncate(fd, 40000), 0);
    assert_int_equal(fake_run(fake, line), COMMAND_USAGE);
    assert_non_null(strstr(fake_err(fake), "longer than 32768 bytes"));
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, "\xff", 1, 0), 1);
    assert_int_equal(fake_run(fake, line), COMMAND_USAGE);
    assert_non_null(strstr(fake_err(fake), "no text in UTF-8"));
    close(fd);
    unlink(name);
    assert_int_equal(fake_run(fake, line), COMMAND_FAILED);
    assert_non_null(strstr(fake_err(fake), name));
}

static void a_step_is_a_time(void **state)
{
    asks(*state, "warroom query web-1 m --step 5m --quantiles --to 2026-11-23T02:41:00Z",
         "{'verb':'query','args':{'host':'web-1','metric':'m','from':'2026-11-23T01:41:00.000Z',"
         "'to':'2026-11-23T02:41:00.000Z','step_s':300,'quantiles':true}}");
}

static void options_of_all_verbs_stand_anywhere(void **state)
{
    struct fake *fake = *state;
    asks(fake, "warroom --tenant acme --json hosts", "{'verb':'hosts','args':{'tenant':'acme'}}");
    assert_string_equal(fake_out(fake), "{}\n");
}

static void words_behind_two_dashes_are_never_options(void **state)
{
    asks(*state, "warroom tenant add -- --odd", "{'verb':'tenant add','args':{'name':'--odd'}}");
}

static void what_cannot_be_meant_is_refused_before_anybody_is_asked(void **state)
{
    struct fake *fake = *state;
    static const struct {
        const char *line, *why;
    } cases[] = {
        { "warroom", "a verb is missing" },
        { "warroom hots", "do you mean \"hosts\"?" },
        { "warroom incident akc 12", "do you mean \"incident ack\"?" },
        { "warroom host", "there are: host enroll, host set" },
        { "warroom event", "event report, event close, event cancel" },
        { "warroom weather --help", "there is no verb" },
        { "warroom tenant show ''", "must be text in UTF-8 and not empty" },
        { "warroom frobnicate", "warroom --help lists them" },
        { "warroom incident ack", "incident ack: <incident> is missing" },
        { "warroom incident ack 12 13", "\"13\" is one word too many" },
        { "warroom coverage launch sale", "\"sale\" is one word too many" },
        { "warroom query web-1 m --step 5", "--step must be a time like 10s, 5m or 1h" },
        { "warroom query web-1 m --step 0s", "--step must be a time like 10s, 5m or 1h" },
        { "warroom incident ack x", "whole number from 1" },
        { "warroom incident ack 0", "whole number from 1" },
        { "warroom incident ack 99999999999999999999", "whole number from 1" },
        { "warroom --tenant acme incident ack 12", "takes no --tenant" },
        { "warroom hosts --colour", "there is no option --colour here" },
        { "warroom --all incident list", "there is no option --all here" },
        { "warroom hosts --tenant", "--tenant wants a value" },
        { "warroom hosts --tenant=", "not empty" },
        { "warroom tenant add \xff", "UTF-8" },
        { "warroom host enroll web-1", "--tenant NAME is missing" },
        { "warroom host enroll web-1 --tenant acme --expires 24", "--expires must be a time like" },
        { "warroom host enroll --tenant acme --uses 0", "whole number from 1" },
        { "warroom host revoke", "<host> is missing" },
        { "warroom host enroll web-1 --tenant acme --egress 100", "kbit Mbit" },
        { "warroom host enroll web-1 --tenant acme --egress fast", "is no rate" },
        { "warroom event override x", "<gate> is missing" },
        { "warroom event override x lint", "--reason TEXT is missing" },
        { "warroom event list -f x", "there is no option -f here" },
        { "warroom event create x --tenant a --zone z --hosts h --from 2026-02-30", "a day like" },
        { "warroom event create x --tenant a --zone z --hosts h --from 2026-11-23T00:00", "a day like" },
        { "warroom query web-1 m --from yesterday", "is no instant" },
        { "warroom query web-1 m --points -5", "whole number from 1" },
        { "warroom query", "there are also: query latest, query quantiles, query top" },
        { "warroom query lates", "there are also: query latest, query quantiles, query top" },
        { "warroom export --host web-1 --json", "export: --json: its formats are csv and openmetrics" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        is_misunderstood(fake, cases[i].line, cases[i].why);
}

static void help_and_version_ask_nobody(void **state)
{
    struct fake *fake = *state;
    assert_int_equal(fake_run(fake, "warroom --help"), COMMAND_OK);
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++)
        assert_non_null(strstr(fake_out(fake), verb->phrase));
    assert_int_equal(fake_run(fake, "warroom host enroll --help"), COMMAND_OK);
    assert_non_null(strstr(fake_out(fake), "Usage: warroom host enroll [name] --tenant NAME"));
    assert_non_null(strstr(fake_out(fake), "--egress RATE"));
    assert_int_equal(fake_run(fake, "warroom patrol --help"), COMMAND_OK);
    assert_string_equal(
        fake_out(fake),
        "Usage: warroom patrol VERB [OPTION...]\n\nVerbs:\n"
        "  patrol log <event>            the rounds of an event: kept, late, missed, and what they found\n"
        "  patrol handover <event>       leave it to the next shift: what happened, what is open, what to"
        " watch\n"
        "\nwarroom patrol VERB --help says more.\n");
    assert_int_equal(fake_run(fake, "warroom event -h"), COMMAND_OK);
    assert_non_null(strstr(fake_out(fake), "event cancel <event>"));
    assert_int_equal(fake_run(fake, "warroom --version"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "warroom " WARROOM_VERSION "\n");
    assert_string_equal(fake_asked(fake, 0), "");
}

static void where_globs_of_metrics_are_taken_the_help_says_so(void **state)
{
    struct fake *fake = *state;
    static const char *const lines[] = { "warroom query latest --help", "warroom query quantiles --help",
                                         "warroom export --help" };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(fake_run(fake, lines[i]), COMMAND_OK);
        assert_non_null(strstr(fake_out(fake), "metrics that match: 'system.cpu.*'"));
    }
}

static void help_fits_the_sheet(void **state)
{
    struct fake *fake = *state;
    const struct verb *verb;
    for (size_t i = 0; (verb = verb_at(i)); i++) {
        char line[128], words[64];
        snprintf(line, sizeof line, "warroom %s --help", verb_words(words, sizeof words, verb));
        assert_int_equal(fake_run(fake, line), COMMAND_OK);
        for (const char *at = fake_out(fake); *at; at += strcspn(at, "\n") + 1)
            assert_true(strcspn(at, "\n") <= 100);
    }
}

static void a_refusal_is_said_and_fails(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':false,'error':{'code':'not-found','text':'there is no incident 99; warroom incident list "
                      "shows them'}}");
    assert_int_equal(fake_run(fake, "warroom incident ack 99"), COMMAND_FAILED);
    assert_string_equal(fake_out(fake), "");
    assert_string_equal(fake_err(fake),
                        "warroom: there is no incident 99; warroom incident list shows them (not-found)\n");
}

static void a_request_the_collector_does_not_understand_is_a_usage_error(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':false,'error':{'code':'usage','text':'there is no zone Mars'}}");
    assert_int_equal(fake_run(fake, "warroom event start launch"), COMMAND_USAGE);
}

static void a_collector_that_cannot_be_asked_is_said_with_what_to_do(void **state)
{
    struct fake *fake = *state;
    static const struct {
        int rc;
        const char *text;
    } cases[] = { { -ECONNREFUSED, "start warroom-collector" },
                  { -ENOENT, "start warroom-collector" },
                  { -EACCES, "join the group warroom" },
                  { -ETIMEDOUT, "did not answer within 40 s" },
                  { -EMSGSIZE, "too long" },
                  { -EIO, "fake: broken" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_fail(fake, cases[i].rc);
        assert_int_equal(fake_run(fake, "warroom status"), COMMAND_FAILED);
        assert_non_null(strstr(fake_err(fake), cases[i].text));
    }
}

static void nonsense_from_the_collector_is_said_and_never_shown(void **state)
{
    static const char *const answers[] = {
        "", "nonsense", "[]", "{}", "{'ok':1}", "{'ok':true}", "{'ok':true,'data':[]}", "{'ok':false,'error':'x'}"
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake *fake = fake_open();
        fake_answer(fake, answers[i]);
        assert_int_equal(fake_run(fake, "warroom status"), COMMAND_FAILED);
        assert_string_equal(fake_out(fake), "");
        assert_non_null(strstr(fake_err(fake), "makes no sense"));
        fake_close(fake);
    }
}

static void json_is_the_data_as_it_came(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'b':[1,0.973,null],'a':{'x':'\\u00e9'}}}");
    fake_answer(fake, "{'ok':true,'data':{'x':0.12345678901234566}}");
    assert_int_equal(fake_run(fake, "warroom status --json"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "{\"b\":[1,0.973,null],\"a\":{\"x\":\"\xc3\xa9\"}}\n");
    assert_int_equal(fake_run(fake, "warroom status --json"), COMMAND_OK);
    assert_non_null(strstr(fake_out(fake), "{\"x\":0.12345678901234566}")); /* no digit is lost */
}

static void lists_in_several_pages_are_put_together(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'hosts':[{'name':'a'}]},'next':'t1'}");
    fake_answer(fake, "{'ok':true,'data':{'hosts':[{'name':'b'}]},'next':'t2'}");
    fake_answer(fake, "{'ok':true,'data':{'hosts':[{'name':'c'}]},'next':null}");
    assert_int_equal(fake_run(fake, "warroom hosts --tenant acme --json"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "{\"hosts\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}\n");
    assert_string_equal(fake_asked(fake, 2), "{\"verb\":\"hosts\",\"args\":{\"tenant\":\"acme\"},\"next\":\"t2\"}");
}

static void a_series_cut_by_a_page_is_one_again(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake,
                "{'ok':true,'data':{'series':[{'instance':'vda','points':[[1]]},{'instance':'vdb','points':[[2]]}]},"
                "'next':1}");
    fake_answer(fake,
                "{'ok':true,'data':{'series':[{'instance':'vdb','points':[[3]]},{'instance':'vdc','points':[]}]}}");
    assert_int_equal(fake_run(fake, "warroom query h m --json"), COMMAND_OK);
    assert_string_equal(fake_out(fake), "{\"series\":[{\"instance\":\"vda\",\"points\":[[1]]},{\"instance\":\"vdb\","
                                        "\"points\":[[2],[3]]},{\"instance\":\"vdc\",\"points\":[]}]}\n");
}

static void a_list_that_goes_round_for_ever_is_given_up(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'hosts':[]},'next':'t1'}");
    fake_answer(fake, "{'ok':true,'data':{'hosts':[]},'next':'t1'}");
    assert_int_equal(fake_run(fake, "warroom hosts"), COMMAND_FAILED);
}

#define CHANGE(id, incident, state, tenant)                                                                            \
    "{'id':" #id ",'at':'2026-11-23T02:40:41.000Z','kind':'incident','incident':{'id':" #incident ",'title':'CPU',"    \
    "'severity':'critical','state':'" state "','tenant':'" tenant "','crossed':'2026-11-23T02:40:11.123Z'}}"

static void following_shows_the_list_and_then_each_change(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'incidents':[]}}");
    fake_feed(fake, NULL);
    fake_feed(fake, CHANGE(7, 12, "triggered", "acme"));
    fake_feed(fake, "{'id':8,'kind':'host','host':{'name':'web-1'}}");
    fake_feed(fake, CHANGE(9, 13, "triggered", "other"));
    assert_int_equal(fake_run(fake, "warroom incident list --follow --tenant acme"),
                     COMMAND_FAILED); /* the feed broke */
    assert_string_equal(fake_out(fake), "no incidents\n"
                                        "10:40:41  12  critical  triggered  CPU  9m 11s left\n");
    assert_string_equal(fake_err(fake), "warroom: fake: the feed broke\n");
}

static void missed_items_bring_the_list_anew(void **state)
{
    struct fake *fake = *state;
    fake_answer(fake, "{'ok':true,'data':{'incidents':[]}}");
    fake_answer(fake, "{'ok':true,'data':{'incidents':[]}}");
    fake_feed(fake, CHANGE(7, 12, "triggered", "acme"));
    fake_feed(fake, CHANGE(12, 12, "acknowledged", "acme"));
    fake_run(fake, "warroom incident list --follow");
    assert_string_equal(fake_out(fake), "no incidents\n"
                                        "10:40:41  12  critical  triggered  CPU  9m 11s left\n"
                                        "no incidents\n"
                                        "10:40:41  12  critical  acknowledged  CPU  9m 11s left\n");
    assert_non_null(strstr(fake_err(fake), "(12 came after 7); the list anew:"));
}

static void following_as_json_is_an_item_a_line(void **state)
{
    struct fake *fake = *state;
    fake_feed(fake, "{'id':7,'kind':'incident','incident':{'id':1}}");
    fake_feed(fake, "{'id':8,'kind':'incident','incident':{'id':2}}");
    fake_run(fake, "warroom incident list --follow --json");
    assert_string_equal(fake_out(fake), "{\"id\":7,\"kind\":\"incident\",\"incident\":{\"id\":1}}\n"
                                        "{\"id\":8,\"kind\":\"incident\",\"incident\":{\"id\":2}}\n");
    assert_string_equal(fake_asked(fake, 0), "");
}

static void the_feed_stands_beside_the_control_socket(void **state)
{
    struct fake *fake = *state;
    fake_run(fake, "warroom incident list --follow --control /run/x/control.sock");
    assert_string_equal(fake_path(fake), "/run/x/feed.sock");
    fake_run(fake, "warroom incident list --follow --control control.sock");
    assert_string_equal(fake_path(fake), "feed.sock");
    fake_run(fake, "warroom incident list --follow --control /run/x/control.sock --feed /run/y");
    assert_string_equal(fake_path(fake), "/run/y");
    assert_non_null(strstr(fake_err(fake), "no collector publishes at /run/y"));
}

struct file {
    struct fake *fake;
    char path[32];
};

static int setup_file(void **state)
{
    struct file *file = calloc(1, sizeof *file);
    *state = file;
    file->fake = fake_open();
    snprintf(file->path, sizeof file->path, "/tmp/console-XXXXXX");
    int fd = mkstemp(file->path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown_file(void **state)
{
    struct file *file = *state;
    fake_close(file->fake);
    unlink(file->path);
    free(file);
    return 0;
}

static enum command_exit run_with(struct file *file, const char *yaml, const char *words)
{
    char line[128];
    FILE *out = fopen(file->path, "w");
    fputs(yaml, out);
    fclose(out);
    snprintf(line, sizeof line, "warroom --config %s %s", file->path, words);
    return fake_run(file->fake, line);
}

static void the_settings_name_the_sockets_and_the_command_line_wins(void **state)
{
    struct file *file = *state;
    run_with(file, "control: /run/a/c\nfeed: /run/b/f\n", "status");
    assert_string_equal(fake_path(file->fake), "/run/a/c");
    run_with(file, "control: /run/a/c\nfeed: /run/b/f\n", "incident list --follow");
    assert_string_equal(fake_path(file->fake), "/run/b/f");
    run_with(file, "control: /run/a/c\nfeed: /run/b/f\n", "status --control /run/d");
    assert_string_equal(fake_path(file->fake), "/run/d");
}

static void faults_in_the_settings_are_told_with_their_line(void **state)
{
    struct file *file = *state;
    assert_int_equal(run_with(file, "control: /run/a/c\nfeeed: /run/b/f\n", "--check-config"), COMMAND_FAILED);
    char where[64];
    snprintf(where, sizeof where, "%s:2: ", file->path);
    assert_non_null(strstr(fake_err(file->fake), where));
    assert_int_equal(run_with(file, "control: /run/a/c\n", "--check-config"), COMMAND_OK);
    assert_string_equal(fake_err(file->fake), "");
}

static void settings_that_were_named_must_be_there(void **state)
{
    assert_int_equal(fake_run(*state, "warroom --config /nonexistent/x.yaml status"), COMMAND_FAILED);
    assert_non_null(strstr(fake_err(*state), "/nonexistent/x.yaml"));
    assert_string_equal(fake_asked(*state, 0), "");
}

#define WITH(test)  cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)
#define FILED(test) cmocka_unit_test_setup_teardown(test, setup_file, teardown_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_asks_as_the_contract_has_it),
        WITH(an_image_is_invited_without_a_name),
        WITH(options_that_are_left_out_have_their_defaults),
        WITH(rules_are_tested_on_a_host_by_one_question),
        WITH(what_may_be_left_out_is_left_to_the_collector),
        WITH(what_a_document_says_can_be_taken_away),
        WITH(what_is_given_again_is_added),
        WITH(a_document_is_read_here_and_goes_along),
        WITH(a_step_is_a_time),
        WITH(options_of_all_verbs_stand_anywhere),
        WITH(words_behind_two_dashes_are_never_options),
        WITH(what_cannot_be_meant_is_refused_before_anybody_is_asked),
        WITH(help_and_version_ask_nobody),
        WITH(where_globs_of_metrics_are_taken_the_help_says_so),
        WITH(help_fits_the_sheet),
        WITH(a_refusal_is_said_and_fails),
        WITH(a_request_the_collector_does_not_understand_is_a_usage_error),
        WITH(a_collector_that_cannot_be_asked_is_said_with_what_to_do),
        cmocka_unit_test(nonsense_from_the_collector_is_said_and_never_shown),
        WITH(json_is_the_data_as_it_came),
        WITH(lists_in_several_pages_are_put_together),
        WITH(a_series_cut_by_a_page_is_one_again),
        WITH(a_list_that_goes_round_for_ever_is_given_up),
        WITH(following_shows_the_list_and_then_each_change),
        WITH(missed_items_bring_the_list_anew),
        WITH(following_as_json_is_an_item_a_line),
        WITH(the_feed_stands_beside_the_control_socket),
        FILED(the_settings_name_the_sockets_and_the_command_line_wins),
        FILED(faults_in_the_settings_are_told_with_their_line),
        WITH(settings_that_were_named_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
