/* Enrolment as the console asks for it: requests read as control.c reads them, carried out by a real collector. In the
 * requests single quotes stand for double ones. */
#include <errno.h>
#include <string.h>

#include "collector/collector_fixture.h"
#include "collector/control/call.h"
#include "proto/codec/codec.h"

#define DAY_US (INT64_C(24 * 3600) * US_PER_S)

struct asked {
    struct fixture *f;
    struct console_request request;
    struct call call;
};

/* What the verb says; its data are in asked->call until forget(). */
static int ask(struct asked *asked, struct fixture *f, const char *request)
{
    char text[256];
    snprintf(text, sizeof text, "%s", request);
    for (char *at = text; (at = strchr(at, '\''));)
        *at = '"';
    *asked = (struct asked){ .f = f };
    int rc = console_request_parse(text, strlen(text), &asked->request, &f->err);
    if (rc < 0)
        fail_msg("%s", f->err.text);
    asked->call.collector = f->collector;
    asked->call.args = asked->request.args;
    return asked->request.verb->run(&asked->call, &f->err);
}

static void forget(struct asked *asked)
{
    json_decref(asked->call.data);
    console_request_done(&asked->request);
}

static void take(struct asked *asked, struct fixture *f, const char *request)
{
    int rc = ask(asked, f, request);
    if (rc != CALL_WHEN_STORED)
        fail_msg("%s: %s", request, f->err.text);
    assert_int_equal(asked->call.file, STORE_REGISTRY); /* nobody holds a code that a crash could forget */
}

static void refuses(struct fixture *f, const char *request, int code, const char *why)
{
    struct asked asked;
    size_t hosts = fleet_count_hosts(collector_fleet(f->collector));
    assert_int_equal(ask(&asked, f, request), code);
    if (!strstr(f->err.text, why))
        fail_msg("%s: said %s", request, f->err.text);
    assert_null(asked.call.data);
    assert_int_equal(fleet_count_hosts(collector_fleet(f->collector)), hosts);
    forget(&asked);
}

static const json_t *part(const struct asked *asked, const char *name)
{
    return json_object_get(asked->call.data, name);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static const char *key_after(struct fixture *f, const char *request)
{
    static char key[16];
    struct asked asked;
    take(&asked, f, request);
    snprintf(key, sizeof key, "%s", text_of(part(&asked, "host"), "key"));
    forget(&asked);
    return key;
}

/* The invitation as the host reads it; its addresses are gone. */
static struct invite invite_of(const struct asked *asked)
{
    struct arena arena;
    struct invite invite = { .n_addresses = 0 };
    const char *code = text_of(part(asked, "invitation"), "code");
    arena_init(&arena, CODEC_ARENA_BYTES);
    int rc = codec_parse_invite(code, strlen(code), &arena, &invite, NULL);
    arena_done(&arena);
    assert_int_equal(rc, 0);
    assert_true(invite.n_addresses > 0);
    return invite;
}

static void assert_good_for(const struct asked *asked, int64_t within_us)
{
    assert_int_equal(invite_of(asked).expires_us, collector_now_us(asked->f->collector) + within_us);
}

static void a_host_that_is_made_is_invited_for_a_day(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    take(&asked, f, "{'verb':'host enroll','args':{'name':'web-2','tenant':'acme','group':'web','egress':1000}}");
    assert_string_equal(text_of(part(&asked, "host"), "name"), "web-2");
    assert_string_equal(text_of(part(&asked, "host"), "group"), "web");
    assert_string_equal(text_of(part(&asked, "host"), "key"), "invited");
    assert_true(json_is_false(part(&asked, "known")));
    assert_int_equal(json_integer_value(json_object_get(part(&asked, "invitation"), "uses")), 1);
    assert_string_equal(text_of(part(&asked, "invitation"), "tenant"), "acme");
    assert_good_for(&asked, DAY_US);
    forget(&asked);
}

static void a_name_that_is_known_is_the_same_host(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    take(&asked, f, "{'verb':'host enroll','args':{'name':'web-1','tenant':'acme','egress':1000,'expires_s':90}}");
    assert_true(json_is_true(part(&asked, "known")));
    const struct host *row = fleet_host(collector_fleet(f->collector), f->host);
    assert_string_equal(text_of(part(&asked, "host"), "name"), row->name);
    assert_int_equal(fleet_count_hosts(collector_fleet(f->collector)), 1);
    assert_true(row->limits[LIMIT_EGRESS] == 1000); /* what was given holds */
    assert_string_equal(row->group, "web-1");       /* what was not stays */
    assert_good_for(&asked, 90 * US_PER_S);
    forget(&asked);
}

static void another_tenants_host_of_the_name_is_another_host(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    add_tenant(f, "globex");
    take(&asked, f, "{'verb':'host enroll','args':{'name':'web-1','tenant':'globex'}}");
    assert_true(json_is_false(part(&asked, "known")));
    forget(&asked);
    refuses(f, "{'verb':'host rotate','args':{'host':'web-1'}}", -ENOTUNIQ, "--tenant");
    refuses(f, "{'verb':'host revoke','args':{'host':'web-1'}}", -ENOTUNIQ, "--tenant");
    take(&asked, f, "{'verb':'host rotate','args':{'host':'web-1','tenant':'globex'}}");
    assert_string_equal(text_of(part(&asked, "host"), "tenant"), "globex");
    forget(&asked);
}

static void hosts_to_come_are_invited_without_a_name(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    take(&asked, f, "{'verb':'host enroll','args':{'tenant':'acme','group':'web','uses':20,'expires_s':604800}}");
    assert_true(json_is_null(part(&asked, "host")));
    assert_int_equal(json_integer_value(json_object_get(part(&asked, "invitation"), "uses")), 20);
    assert_string_equal(text_of(part(&asked, "invitation"), "group"), "web");
    assert_good_for(&asked, 7 * DAY_US);
    assert_int_equal(fleet_count_hosts(collector_fleet(f->collector)), 1); /* none before it comes */
    forget(&asked);
    take(&asked, f, "{'verb':'host enroll','args':{'tenant':'acme','uses':1}}");
    assert_true(json_is_null(json_object_get(part(&asked, "invitation"), "group")));
    forget(&asked);
}

static void what_makes_no_sense_is_refused_and_makes_no_host(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *request;
        int code;
        const char *why;
    } cases[] = {
        { "{'verb':'host enroll','args':{'tenant':'acme'}}", -EINVAL, "wants a host's name, or by --uses" },
        { "{'verb':'host enroll','args':{'tenant':'acme','name':'x','uses':1}}", -EINVAL, "a host has one agent" },
        { "{'verb':'host enroll','args':{'tenant':'acme','uses':0}}", -EINVAL, "1 to 10000 hosts" },
        { "{'verb':'host enroll','args':{'tenant':'acme','uses':4294967297}}", -EINVAL, "1 to 10000 hosts" },
        { "{'verb':'host enroll','args':{'tenant':'acme','uses':2,'disk_read':5}}", -EINVAL, "disk_read: limits are" },
        { "{'verb':'host enroll','args':{'tenant':'acme','uses':2,'group':'a b'}}", -EINVAL, "group" },
        { "{'verb':'host enroll','args':{'tenant':'acme','name':'a b'}}", -EINVAL, "host" },
        { "{'verb':'host enroll','args':{'tenant':'acme','name':'x','expires_s':59}}", -EINVAL, "a minute at least" },
        { "{'verb':'host enroll','args':{'tenant':'acme','name':'x','expires_s':1e300}}", -EINVAL, "90 days at most" },
        { "{'verb':'host rotate','args':{'host':'web-1','expires_s':-1}}", -EINVAL, "a minute at least" },
        { "{'verb':'host enroll','args':{'tenant':'nobody','name':'x'}}", -ENOENT, "no tenant nobody" },
        { "{'verb':'host rotate','args':{'host':'x'}}", -ENOENT, "no host x" },
        { "{'verb':'host revoke','args':{'host':'x'}}", -ENOENT, "no host x" },
        { "{'verb':'host retire','args':{'host':'x'}}", -ENOENT, "no host x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuses(f, cases[i].request, cases[i].code, cases[i].why);
}

static void who_could_not_be_told_where_to_dial_is_not_invited_and_not_made(void **state)
{
    struct fixture *f = *state;
    f->config.listen = "0.0.0.0:0";
    restart_collector(f);
    refuses(f, "{'verb':'host enroll','args':{'tenant':'acme','name':'x'}}", -EPERM, "set `public`");
    refuses(f, "{'verb':'host enroll','args':{'tenant':'acme','uses':2}}", -EPERM, "set `public`");
    refuses(f, "{'verb':'host rotate','args':{'host':'web-1'}}", -EPERM, "set `public`");
    assert_int_equal(admission(f, f->host), ADMISSION_NONE);
}

static void a_hosts_key_is_told_as_it_goes(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    assert_string_equal(key_after(f, "{'verb':'host set','args':{'host':'web-1'}}"), "none");
    take(&asked, f, "{'verb':'host rotate','args':{'host':'web-1'}}");
    assert_string_equal(text_of(part(&asked, "host"), "key"), "invited");
    struct invite invite = invite_of(&asked);
    forget(&asked);
    assert_int_equal(join(connect_stranger(f, 0), &invite)->answer.host, f->host);
    assert_string_equal(key_after(f, "{'verb':'host set','args':{'host':'web-1'}}"), "joined");
    assert_string_equal(key_after(f, "{'verb':'host rotate','args':{'host':'web-1'}}"),
                        "joined"); /* heard until then */
    assert_string_equal(key_after(f, "{'verb':'host revoke','args':{'host':'web-1'}}"), "revoked");
    assert_string_equal(key_after(f, "{'verb':'host enroll','args':{'name':'web-1','tenant':'acme'}}"), "invited");
    assert_string_equal(key_after(f, "{'verb':'host retire','args':{'host':'web-1'}}"), "retired");
    assert_string_equal(key_after(f, "{'verb':'host enroll','args':{'name':'web-1','tenant':'acme'}}"), "invited");
}

static void an_invitation_that_is_revoked_before_anybody_joined_leaves_no_key(void **state)
{
    struct fixture *f = *state;
    key_after(f, "{'verb':'host rotate','args':{'host':'web-1'}}");
    assert_string_equal(key_after(f, "{'verb':'host revoke','args':{'host':'web-1'}}"), "none");
}

static void the_status_counts_hosts_by_their_keys(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    add_host(f, f->tenant, "web-2");
    key_after(f, "{'verb':'host rotate','args':{'host':'web-1'}}");
    key_after(f, "{'verb':'host enroll','args':{'name':'web-3','tenant':'acme'}}");
    key_after(f, "{'verb':'host retire','args':{'host':'web-3'}}");
    assert_int_equal(ask(&asked, f, "{'verb':'status'}"), CALL_ANSWER);
    json_t *expected =
        json_pack("{s:i, s:i, s:i, s:i, s:i}", "none", 1, "invited", 1, "joined", 0, "revoked", 0, "retired", 1);
    bool equal = json_equal(json_object_get(part(&asked, "hosts"), "keys"), expected);
    json_decref(expected);
    assert_true(equal);
    forget(&asked);
}

static void a_clone_is_told_for_an_hour(void **state)
{
    struct fixture *f = *state;
    int64_t now_us = collector_now_us(f->collector);
    struct host_view view = { .cloned_us = now_us - 3599 * US_PER_S };
    assert_int_equal(form_cloned_us(f->collector, &view), view.cloned_us);
    view.cloned_us = now_us - 3600 * US_PER_S;
    assert_int_equal(form_cloned_us(f->collector, &view), 0);
    view.cloned_us = 0;
    assert_int_equal(form_cloned_us(f->collector, &view), 0);
}

static const char *id_at(const struct asked *asked, size_t i)
{
    return text_of(json_array_get(part(asked, "invitations"), i), "id");
}

static void invitations_are_listed_without_what_one_joins_by(void **state)
{
    struct fixture *f = *state;
    struct asked asked, one, many;
    add_tenant(f, "globex");
    take(&many, f, "{'verb':'host enroll','args':{'tenant':'acme','uses':3,'group':'web'}}");
    struct invite invite = invite_of(&many);
    assert_int_equal(join(connect_stranger(f, 0), &invite)->answer.kind, ANSWER_WELCOME);
    pass(f, 1);
    take(&one, f, "{'verb':'host rotate','args':{'host':'web-1','tenant':'acme'}}");
    assert_int_equal(ask(&asked, f, "{'verb':'host invitations','args':{'tenant':'acme'}}"), CALL_ANSWER);
    const json_t *rows = part(&asked, "invitations");
    assert_int_equal(json_array_size(rows), 2);
    const json_t *first = json_array_get(rows, 0), *second = json_array_get(rows, 1);
    assert_string_equal(text_of(first, "group"), "web");
    assert_true(json_is_null(json_object_get(first, "host")));
    assert_int_equal(json_integer_value(json_object_get(first, "uses")), 2);
    assert_string_equal(text_of(first, "expires"), text_of(part(&many, "invitation"), "expires"));
    assert_string_equal(text_of(second, "host"), "web-1");
    assert_string_equal(text_of(second, "tenant"), "acme");
    char *text = json_dumps(asked.call.data, 0);
    bool told = strstr(text, text_of(part(&one, "invitation"), "code"));
    free(text);
    assert_false(told);
    assert_int_equal(json_object_size(first), 7); /* and nothing else */
    forget(&asked);
    assert_int_equal(ask(&asked, f, "{'verb':'host invitations','args':{'tenant':'globex'}}"), CALL_ANSWER);
    assert_int_equal(json_array_size(part(&asked, "invitations")), 0);
    forget(&asked);
    forget(&one);
    forget(&many);
}

static void an_invitation_for_many_is_taken_back(void **state)
{
    struct fixture *f = *state;
    struct asked asked;
    char request[128];
    struct invite invite = invite_hosts(f, NULL, 3);
    struct agent *agent = connect_stranger(f, 0);
    assert_int_equal(join(agent, &invite)->answer.kind, ANSWER_WELCOME);
    assert_int_equal(ask(&asked, f, "{'verb':'host invitations'}"), CALL_ANSWER);
    snprintf(request, sizeof request, "{'verb':'host uninvite','args':{'invitation':'%s'}}", id_at(&asked, 0));
    forget(&asked);
    take(&asked, f, request);
    assert_int_equal(json_integer_value(json_object_get(part(&asked, "outstanding"), "uses")), 2);
    forget(&asked);
    assert_true(was_logged(f, "event=invitation_taken_back host=\"\" tenant=acme uses=2"));
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
    assert_stored(REPORT(agent, .first = 1), 1, 1); /* who has joined by it stays */
    refuses(f, request, -ENOENT, "used up, expired or taken back");
    refuses(f, "{'verb':'host uninvite','args':{'invitation':'web-1'}}", -EINVAL, "16 hexadecimal digits");
    restart_collector(f);
    assert_refused(join(connect_stranger(f, 0), &invite), REFUSAL_TOKEN);
}

static void many_invitations_come_page_by_page(void **state)
{
    enum { N = 1201 };
    static const char list[] = "{\"verb\":\"host invitations\"}";
    struct fixture *f = *state;
    size_t n = 0, pages = 0;
    char *next = NULL, last[40] = "";
    for (int i = 0; i < N; i++)
        invite_hosts(f, NULL, 1);
    do {
        struct asked asked = { .f = f };
        assert_int_equal(console_request_parse(list, strlen(list), &asked.request, &f->err), 0);
        asked.call = (struct call){ .collector = f->collector, .args = asked.request.args, .next = next };
        assert_int_equal(asked.request.verb->run(&asked.call, &f->err), CALL_ANSWER);
        size_t here = json_array_size(part(&asked, "invitations"));
        for (size_t i = 0; i < here; i++) { /* of one instant: in the order of their ids */
            assert_true(strcmp(last, id_at(&asked, i)) < 0);
            snprintf(last, sizeof last, "%s", id_at(&asked, i));
        }
        n += here;
        pages++;
        free(next);
        next = asked.call.more;
        forget(&asked);
    } while (next);
    assert_int_equal(n, N);
    assert_int_equal(pages, 3);
}

static void each_invitation_is_another_and_none_is_told_but_in_its_answer(void **state)
{
    struct fixture *f = *state;
    struct asked first, second;
    take(&first, f, "{'verb':'host rotate','args':{'host':'web-1'}}");
    take(&second, f, "{'verb':'host rotate','args':{'host':'web-1'}}");
    const char *code = text_of(part(&second, "invitation"), "code");
    assert_string_not_equal(text_of(part(&first, "invitation"), "code"), code);
    assert_true(was_logged(f, "event="));
    assert_false(was_logged(f, code));
    json_t *item = form_happening(f->collector, &(const struct happening){ .kind = HAPPENED_HOST, .host = f->host }, 1);
    char *text = json_dumps(item, 0);
    bool told = strstr(text, "web-1") && strstr(text, code);
    free(text);
    json_decref(item);
    assert_false(told);
    forget(&first);
    forget(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_host_that_is_made_is_invited_for_a_day),
        COLLECTOR_TEST(a_name_that_is_known_is_the_same_host),
        COLLECTOR_TEST(another_tenants_host_of_the_name_is_another_host),
        COLLECTOR_TEST(hosts_to_come_are_invited_without_a_name),
        COLLECTOR_TEST(what_makes_no_sense_is_refused_and_makes_no_host),
        COLLECTOR_TEST(who_could_not_be_told_where_to_dial_is_not_invited_and_not_made),
        COLLECTOR_TEST(a_hosts_key_is_told_as_it_goes),
        COLLECTOR_TEST(invitations_are_listed_without_what_one_joins_by),
        COLLECTOR_TEST(an_invitation_for_many_is_taken_back),
        COLLECTOR_TEST(many_invitations_come_page_by_page),
        COLLECTOR_TEST(an_invitation_that_is_revoked_before_anybody_joined_leaves_no_key),
        COLLECTOR_TEST(the_status_counts_hosts_by_their_keys),
        COLLECTOR_TEST(a_clone_is_told_for_an_hour),
        COLLECTOR_TEST(each_invitation_is_another_and_none_is_told_but_in_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
