/* Who may be a host's agent, as people are told: at 100 columns, at 10:41 in Shanghai, without a terminal. In answers
 * single quotes stand for double ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "warroom/command/fake_fixture.h"

struct row {
    const char *name, *state, *key;
};

static const char *answer_of(const struct row *rows, size_t n)
{
    static char text[2048];
    size_t used = (size_t)snprintf(text, sizeof text, "{'ok':true,'data':{'hosts':[");
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%s{'name':'%s','tenant':'acme','state':'%s','key':'%s','alerts':0}", i ? "," : "",
                                 rows[i].name, rows[i].state, rows[i].key);
    snprintf(text + used, sizeof text - used, "]}}");
    return text;
}

static void what_keeps_a_host_from_reporting_stands_where_its_state_does(void **state)
{
    static const struct row rows[] = {
        { "a", "reporting", "joined" }, { "b", "silent", "invited" },    { "c", "silent", "joined" },
        { "d", "never", "joined" },     { "e", "never", "none" },        { "f", "never", "invited" },
        { "g", "silent", "revoked" },   { "h", "reporting", "retired" },
    };
    prints(*state, "warroom hosts", answer_of(rows, sizeof rows / sizeof rows[0]),
           "HOST  TENANT  STATE      LAST TICK  CPU  MEMORY  ALERTS  EVENTS  ID\n"
           "a     acme    reporting          -    -       -       0  -       -\n"
           "b     acme    invited            -    -       -       0  -       -\n"
           "c     acme    silent             -    -       -       0  -       -\n"
           "d     acme    never              -    -       -       0  -       -\n"
           "e     acme    no key             -    -       -       0  -       -\n"
           "f     acme    invited            -    -       -       0  -       -\n"
           "g     acme    revoked            -    -       -       0  -       -\n"
           "h     acme    retired            -    -       -       0  -       -\n"
           "8 hosts: 1 reporting, 1 never, 1 silent, 1 no key, 2 invited, 1 revoked, 1 retired\n");
}

#define CLONED                                                                                                         \
    "{'name':'a','tenant':'acme','state':'reporting','key':'joined','alerts':0,'cloned':'2026-11-23T02:20:00.000Z'}"

static void a_clone_is_shown(void **state)
{
    struct fake *fake = *state;
    prints(fake, "warroom hosts", "{'ok':true,'data':{'hosts':[" CLONED "]}}",
           "HOST  TENANT  STATE   LAST TICK  CPU  MEMORY  ALERTS  EVENTS  ID\n"
           "a     acme    cloned          -    -       -       0  -       -\n");
    prints(fake, "warroom host set a --group b", "{'ok':true,'data':{'host':" CLONED "}}",
           "a  id -, tenant acme, group -, key joined\n"
           "cloned: two agents had its key 21m 00s ago; join each machine by a line of its own (host enroll)\n"
           "limits: none declared; bandwidth and connections are not judged (warroom host set)\n");
}

static void one_host_is_not_counted(void **state)
{
    prints(*state, "warroom hosts", answer_of(&(const struct row){ "a", "silent", "joined" }, 1),
           "HOST  TENANT  STATE   LAST TICK  CPU  MEMORY  ALERTS  EVENTS  ID\n"
           "a     acme    silent          -    -       -       0  -       -\n");
}

static const char enrolled[] =
    "{'ok':true,'data':{'host':{'id':'1f2e3d4c5b6a7988','name':'web-1','tenant':'acme','group':'web',"
    "'key':'invited','limits':{'egress':12500000}},'known':false,'invitation':{'code':'wr1:QUJD-_',"
    "'expires':'2026-11-24T02:41:00.000Z','uses':1,'tenant':'acme','group':null}}}";

static const char known[] =
    "{'ok':true,'data':{'host':{'id':'1f2e3d4c5b6a7988','name':'web-1','tenant':'acme','group':'web',"
    "'key':'joined','limits':{}},'known':true,'invitation':{'code':'wr1:QUJD-_',"
    "'expires':'2026-11-23T03:11:00.000Z','uses':1,'tenant':'acme','group':null}}}";

#define PASTE                                                                                                          \
    "\n"                                                                                                               \
    "Paste on the host, as root, then start warroom-agent there:\n"                                                    \
    "\n"                                                                                                               \
    "    warroom-agent join 'wr1:QUJD-_'\n"                                                                            \
    "\n"
#define SECRET "It is a secret: `warroom-agent join -` reads it from standard input, so no shell keeps it.\n"

static void enrolling_prints_the_line_to_paste(void **state)
{
    prints(*state, "warroom host enroll web-1 --tenant acme --egress 100Mbit", enrolled,
           "web-1  id 1f2e3d4c5b6a7988, tenant acme, group web, key invited\n"
           "limits: egress 12.5 MB/s\n" PASTE
           "Good until 2026-11-24 10:41:00 CST (in 1d 0h), for this host alone, once.\n" SECRET);
}

#define KNOWN                                                                                                          \
    "web-1  id 1f2e3d4c5b6a7988, tenant acme, group web, key joined\n"                                                 \
    "limits: none declared; bandwidth and connections are not judged (warroom host set)\n"                             \
    "It is known: what joins by this goes on with its history. Its present key is heard until then.\n"
#define SAME "A machine that was not built anew has joined already: there it is `warroom-agent join --replace`.\n"

static void enrolling_a_known_host_says_that_its_history_goes_on(void **state)
{
    prints(*state, "warroom host enroll web-1 --tenant acme --expires 30m", known,
           KNOWN PASTE "Good until 2026-11-23 11:11:00 CST (in 30m 00s), for this host alone, once.\n" SECRET SAME);
}

static void rotating_takes_the_place_of_what_the_host_has(void **state)
{
    prints(*state, "warroom host rotate web-1 --expires 30m", known,
           KNOWN
           "\n"
           "Paste on the host, as root, then restart warroom-agent there:\n"
           "\n"
           "    warroom-agent join --replace 'wr1:QUJD-_'\n"
           "\n"
           "Good until 2026-11-23 11:11:00 CST (in 30m 00s), for this host alone, once.\n"
           "It is a secret: `warroom-agent join --replace -` reads it from standard input, so no shell keeps it.\n");
}

static void a_revoked_key_is_not_said_to_be_heard(void **state)
{
    prints(
        *state, "warroom host enroll web-1 --tenant acme",
        "{'ok':true,'data':{'host':{'name':'web-1','tenant':'acme','key':'revoked'},'known':true,'invitation':{'code':"
        "'wr1:QUJD-_','uses':1}}}",
        "web-1  id -, tenant acme, group -, key revoked\n"
        "limits: none declared; bandwidth and connections are not judged (warroom host set)\n"
        "It is known: what joins by this goes on with its history.\n" PASTE
        "Good for this host alone, once.\n" SECRET SAME);
}

static void an_invitation_for_many_says_how_many(void **state)
{
    struct fake *fake = *state;
    prints(fake, "warroom host enroll --tenant acme --group web --uses 20",
           "{'ok':true,'data':{'host':null,'known':false,'invitation':{'code':'wr1:QUJD-_',"
           "'expires':'2026-11-24T02:41:00.000Z','uses':20,'tenant':'acme','group':'web'}}}",
           PASTE "Good until 2026-11-24 10:41:00 CST (in 1d 0h), for 20 new hosts of tenant acme, group web.\n"
                 "Each is named by its own hostname.\n" SECRET);
    prints(fake, "warroom host enroll --tenant acme --uses 1",
           "{'ok':true,'data':{'host':null,'known':false,'invitation':{'code':'wr1:QUJD-_','uses':1,"
           "'tenant':'acme','group':null}}}",
           PASTE "Good for 1 new host of tenant acme.\n"
                 "Each is named by its own hostname.\n" SECRET);
}

#define HOST(key) "{'ok':true,'data':{'host':{'name':'web-1','tenant':'acme','key':'" key "'}}}"

static void what_is_taken_away_is_said_with_the_way_back(void **state)
{
    struct fake *fake = *state;
    prints(fake, "warroom host revoke web-1", HOST("revoked"),
           "web-1 of tenant acme is revoked: its agent is heard no more\n"
           "Back again: warroom host enroll web-1 --tenant acme\n");
    prints(fake, "warroom host revoke web-1", HOST("none"),
           "web-1 of tenant acme is invited no more; nobody had joined\n"
           "Back again: warroom host enroll web-1 --tenant acme\n");
    prints(fake, "warroom host retire web-1", HOST("retired"),
           "web-1 of tenant acme is retired: heard and judged no more; what it sent stays\n"
           "Back again: warroom host enroll web-1 --tenant acme\n");
}

static void invitations_are_listed_and_taken_back(void **state)
{
    struct fake *fake = *state;
    prints(fake, "warroom host invitations",
           "{'ok':true,'data':{'invitations':[{'id':'0123456789abcdef','tenant':'acme','host':null,'group':'web','uses'"
           ":20,"
           "'made':'2026-11-23T02:11:00.000Z','expires':'2026-11-24T02:41:00.000Z'},{'id':'1123456789abcdef',"
           "'tenant':'acme','host':'db-1','group':null,'uses':1,'made':'2026-11-23T02:40:00.000Z',"
           "'expires':'2026-11-23T03:11:00.000Z'}]}}",
           "ID                TENANT  FOR                   USES LEFT         MADE     EXPIRES\n"
           "0123456789abcdef  acme    new hosts, group web         20  30m 00s ago    in 1d 0h\n"
           "1123456789abcdef  acme    host db-1                     1   1m 00s ago  in 30m 00s\n");
    prints(fake, "warroom host invitations", "{'ok':true,'data':{'invitations':[]}}",
           "nobody is invited: warroom host enroll NAME --tenant TENANT\n");
    prints(fake, "warroom host uninvite 0123456789abcdef",
           "{'ok':true,'data':{'outstanding':{'id':'0123456789abcdef','tenant':'acme','uses':20}}}",
           "0123456789abcdef of tenant acme is taken back, with 20 uses left; who has joined by it stays\n");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(what_keeps_a_host_from_reporting_stands_where_its_state_does),
        WITH(a_clone_is_shown),
        WITH(one_host_is_not_counted),
        WITH(enrolling_prints_the_line_to_paste),
        WITH(enrolling_a_known_host_says_that_its_history_goes_on),
        WITH(rotating_takes_the_place_of_what_the_host_has),
        WITH(a_revoked_key_is_not_said_to_be_heard),
        WITH(an_invitation_for_many_says_how_many),
        WITH(what_is_taken_away_is_said_with_the_way_back),
        WITH(invitations_are_listed_and_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
