#include "collector/channel/robot.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/channel/dingtalk.h"
#include "collector/channel/feishu.h"
#include "collector/channel/message_fixture.h"
#include "collector/channel/sign.h"
#include "collector/channel/text.h"
#include "collector/channel/wecom.h"

struct fixture {
    struct message_fixture m;
    struct channel_route route;
    char *text; /* what was made last */
    json_t *json;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    message_fixture_fill(&f->m);
    f->route = (struct channel_route){ .name = "robot", .url = "https://robot.example.com/send?key=K" };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->json);
    free(f->text);
    free(f);
    return 0;
}

typedef char *body_fn(const struct channel_route *route, const struct message *message);

static void make(struct fixture *f, body_fn *body)
{
    json_decref(f->json);
    free(f->text);
    f->text = body(&f->route, &f->m.message);
    assert_non_null(f->text);
    f->json = json_loads(f->text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(f->json);
}

static json_t *at(struct fixture *f, const char *first, const char *second)
{
    return json_object_get(json_object_get(f->json, first), second);
}

static const char *text_at(struct fixture *f, const char *first, const char *second)
{
    const char *text = json_string_value(second ? at(f, first, second) : json_object_get(f->json, first));
    return text ? text : "(none)";
}

static const char *only_of(json_t *list)
{
    return json_array_size(list) == 1 ? json_string_value(json_array_get(list, 0)) : "(none)";
}

/* RFC 4231, cases 2 and 6: a short key, and one longer than a block. */
static void the_hash_is_the_published_one(void **state)
{
    (void)state;
    char sign[SIGN_TEXT], key[131];
    assert_string_equal(sign_hmac("Jefe", 4, "what do ya want for nothing?", 28, sign),
                        "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    memset(key, 0xaa, sizeof key);
    assert_string_equal(sign_hmac(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54, sign),
                        "YOQxWR7gtn8Niiaqy/W3f44LxiE3KMUUBUYEDw7jf1Q=");
}

static void wecoms_body_is_text_of_at_most_2048_bytes(void **state)
{
    struct fixture *f = *state;
    f->m.items[0].n_alerts = MESSAGE_FIXTURE_ALERTS;
    f->m.message.language = LANGUAGE_ZH;
    make(f, wecom_body);
    assert_string_equal(text_at(f, "msgtype", NULL), "text");
    size_t len = strlen(text_at(f, "text", "content"));
    assert_in_range(len, 1900, WECOM_TEXT_MAX);
    assert_null(at(f, "text", "mentioned_list"));
}

static void wecom_calls_people_by_id_by_number_and_all(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *address, *list, *who;
    } cases[] = { { "li.wei", "mentioned_list", "li.wei" },
                  { "all", "mentioned_list", "@all" },
                  { "mobile:13800000000", "mentioned_mobile_list", "13800000000" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f->m.message.address = cases[i].address;
        make(f, wecom_body);
        assert_string_equal(only_of(at(f, "text", cases[i].list)), cases[i].who);
    }
    f->m.message.kind = MESSAGE_RESOLVE; /* nobody has to do anything */
    make(f, wecom_body);
    assert_null(at(f, "text", "mentioned_mobile_list"));
}

static void dingtalks_signature_is_in_the_url(void **state)
{
    struct fixture *f = *state;
    f->text = dingtalk_url(&f->route, INT64_C(1700000000123999));
    assert_string_equal(f->text, f->route.url); /* no secret, no signature */
    free(f->text);
    f->route.secret = "SECtest";
    f->text = dingtalk_url(&f->route, INT64_C(1700000000000999));
    assert_string_equal(f->text, "https://robot.example.com/send?key=K&timestamp=1700000000000"
                                 "&sign=aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g%3D");
    free(f->text);
    f->route.url = "https://robot.example.com/send";
    f->text = dingtalk_url(&f->route, INT64_C(1700000000000999));
    assert_memory_equal(f->text, "https://robot.example.com/send?timestamp=", 41);
}

static void dingtalk_says_whom_it_calls_in_the_text_as_well(void **state)
{
    struct fixture *f = *state;
    make(f, dingtalk_body);
    assert_string_equal(text_at(f, "msgtype", NULL), "text");
    assert_true(json_is_false(at(f, "at", "isAtAll")));
    f->m.message.address = "all";
    make(f, dingtalk_body);
    assert_true(json_is_true(at(f, "at", "isAtAll")));
    f->m.message.address = "mobile:13800000000";
    make(f, dingtalk_body);
    assert_string_equal(only_of(at(f, "at", "atMobiles")), "13800000000");
    assert_non_null(strstr(text_at(f, "text", "content"), "\n@13800000000"));
    f->m.message.address = "liwei";
    make(f, dingtalk_body);
    assert_string_equal(only_of(at(f, "at", "atUserIds")), "liwei");
    assert_non_null(strstr(text_at(f, "text", "content"), "\n@liwei"));
}

static void feishus_signature_is_in_the_body(void **state)
{
    struct fixture *f = *state;
    make(f, feishu_body);
    assert_string_equal(text_at(f, "msg_type", NULL), "text");
    assert_null(json_object_get(f->json, "sign"));
    f->route.secret = "demo";
    make(f, feishu_body);
    assert_string_equal(text_at(f, "timestamp", NULL), "1700000000");
    assert_string_equal(text_at(f, "sign", NULL), "8oT2n3SMKFfEnDoiwer8BUM/SjKLwe9SqoEIHlhDTKo=");
}

static void a_title_cannot_call_people_in_feishu(void **state)
{
    struct fixture *f = *state;
    snprintf(f->m.incidents[0].title, sizeof f->m.incidents[0].title, "<at user_id=\"all\"></at>");
    make(f, feishu_body);
    assert_null(strchr(text_at(f, "content", "text"), '<'));
    f->m.message.address = "ou_1";
    make(f, feishu_body);
    assert_string_equal(strchr(text_at(f, "content", "text"), '<'), "<at user_id=\"ou_1\"></at>");
}

/* The limits are the services': 20,000 bytes at DingTalk, 20 KB at Feishu. Every byte that needs more room in JSON. */
static void no_body_outgrows_its_service(void **state)
{
    struct fixture *f = *state;
    char text[8000];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 600 == 599 ? '\n' : i % 3 ? '<' : '"';
    text[sizeof text - 1] = '\0';
    message_fixture_be_test(&f->m, text);
    body_fn *const bodies[] = { wecom_body, dingtalk_body, feishu_body };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        make(f, bodies[i]);
        assert_in_range(strlen(f->text), 2000, 20000);
    }
}

static void whom_a_robot_calls_is_a_table(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        int rc, what;
        const char *who;
    } cases[] = {
        { "", 0, MENTION_NOBODY, "" },
        { "all", 0, MENTION_ALL, "all" },
        { "mobile:13800000000", 0, MENTION_MOBILE, "13800000000" },
        { "ou_84aad35d084aa403", 0, MENTION_USER, "ou_84aad35d084aa403" },
        { "li-wei@acme", 0, MENTION_USER, "li-wei@acme" },
        { "mobile:", -EINVAL, 0, NULL },
        { "mobile:+8613800000000", -EINVAL, 0, NULL },
        { "li wei", -EINVAL, 0, NULL },
        { "\"></at><at user_id=\"all", -EINVAL, 0, NULL },
        { "x1234567890123456789012345678901234567890123456789012345678901234", -EINVAL, 0, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mention mention;
        assert_int_equal(mention_read(cases[i].address, &mention, NULL), cases[i].rc);
        if (cases[i].rc < 0)
            continue;
        assert_int_equal(mention.what, cases[i].what);
        assert_string_equal(mention.who, cases[i].who);
    }
}

typedef void judge_fn(const struct channel_answer *answer, struct page_outcome *ret);

enum fate { TAKEN, AGAIN, LATER /* it came too often */, REFUSED };

static const struct judged {
    judge_fn *judge;
    int status;
    const char *body;
    enum fate fate;
} judged[] = {
    { wecom_judge, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", TAKEN },
    { wecom_judge, 200, "{\"errcode\":93000,\"errmsg\":\"SECRET\"}", REFUSED },
    { wecom_judge, 200, "{\"errcode\":40058,\"errmsg\":\"SECRET\"}", REFUSED },
    { wecom_judge, 200, "{\"errcode\":45009,\"errmsg\":\"api freq out of limit\"}", LATER },
    { wecom_judge, 200, "{\"errcode\":-1,\"errmsg\":\"system error\"}", AGAIN },
    { wecom_judge, 200, "{\"errcode\":77777}", REFUSED },
    { wecom_judge, 200, "", AGAIN },
    { wecom_judge, 200, "ok", AGAIN },
    { wecom_judge, 200, "<html>sign in</html>", AGAIN },
    { wecom_judge, 200, "[]", AGAIN },
    { wecom_judge, 200, "{\"errcode\":\"0\"}", AGAIN },
    { wecom_judge, 200, "{\"errcode\":0,\"errcode\":93000}", AGAIN },
    { wecom_judge, 200, "{\"errcode\":0", AGAIN },
    { wecom_judge, 429, "", AGAIN },
    { wecom_judge, 500, "{\"errcode\":0}", AGAIN },
    { wecom_judge, 302, "{\"errcode\":0}", REFUSED },
    { wecom_judge, 404, "{\"errcode\":0}", REFUSED },
    { dingtalk_judge, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", TAKEN },
    { dingtalk_judge, 200, "{\"errcode\":310000,\"errmsg\":\"sign not match SECRET\"}", REFUSED },
    { dingtalk_judge, 200, "{\"errcode\":130101,\"errmsg\":\"send too fast, exceed 20 times per minute\"}", LATER },
    { dingtalk_judge, 200, "{\"errcode\":410100}", LATER },
    { dingtalk_judge, 200, "{\"errcode\":460101}", REFUSED },
    { dingtalk_judge, 200, "{}", AGAIN },
    { feishu_judge, 200, "{\"StatusCode\":0,\"StatusMessage\":\"success\",\"code\":0,\"msg\":\"success\"}", TAKEN },
    { feishu_judge, 200, "{\"Extra\":null,\"StatusCode\":0,\"StatusMessage\":\"success\"}", TAKEN },
    { feishu_judge, 200, "{\"code\":0,\"StatusCode\":19021}", REFUSED },
    { feishu_judge, 200, "{\"code\":19021,\"msg\":\"sign match fail SECRET\"}", REFUSED },
    { feishu_judge, 200, "{\"code\":19024}", REFUSED },
    { feishu_judge, 200, "{\"code\":11232}", LATER },
    { feishu_judge, 400, "{\"code\":99991400}", LATER },
    { feishu_judge, 400, "{\"code\":9499,\"msg\":\"Bad Request\"}", REFUSED },
    { feishu_judge, 200, "{\"msg\":\"success\"}", AGAIN },
};

static void only_transport_and_body_together_make_a_page_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof judged / sizeof judged[0]; i++) {
        const struct channel_answer answer = { .status = judged[i].status, .body = judged[i].body };
        struct page_outcome outcome;
        judged[i].judge(&answer, &outcome);
        if (outcome.delivered != (judged[i].fate == TAKEN) || outcome.permanent != (judged[i].fate == REFUSED) ||
            (outcome.retry_after_us > 0) != (judged[i].fate == LATER))
            fail_msg("%d %s: %s", judged[i].status, judged[i].body, outcome.error);
        assert_int_equal(outcome.status, judged[i].fate == LATER ? 429 : judged[i].status);
        assert_int_equal(outcome.error[0] == '\0', outcome.delivered);
        assert_null(strstr(outcome.error, "SECRET"));
    }
}

static void no_answer_is_tried_again_and_a_busy_robot_says_when(void **state)
{
    (void)state;
    struct channel_answer answer = { .error = "Timeout was reached", .body = "" };
    struct page_outcome outcome;
    feishu_judge(&answer, &outcome);
    assert_false(outcome.delivered || outcome.permanent);
    assert_string_equal(outcome.error, "Timeout was reached");
    answer = (struct channel_answer){ .status = 200, .body = "{\"code\":11232}", .retry_after_us = 7 };
    feishu_judge(&answer, &outcome);
    assert_int_equal(outcome.retry_after_us, 7);
}

static void what_is_said_for_an_error_is_cut_between_characters(void **state)
{
    (void)state;
    char text[PAGE_ERROR_MAX + 3] = "";
    memset(text, 'a', PAGE_ERROR_MAX - 1);
    memcpy(text + PAGE_ERROR_MAX - 1, "\xc3\xa9", 3);
    struct channel_answer answer = { .error = text, .body = "" };
    struct page_outcome outcome;
    wecom_judge(&answer, &outcome);
    assert_int_equal(strlen(outcome.error), PAGE_ERROR_MAX - 1);
    answer.error = "no peer \xff";
    wecom_judge(&answer, &outcome);
    assert_string_equal(outcome.error, "no peer ?");
}

static void a_route_is_checked_before_it_is_used(void **state)
{
    (void)state;
    char long_url[CHANNEL_URL_MAX + 1];
    memset(long_url, 'a', sizeof long_url - 1);
    memcpy(long_url, "https://x/", 10);
    long_url[sizeof long_url - 1] = '\0';
    static const char good[] = "https://robot.example.com/send?key=K";
    const struct {
        struct channel_route route;
        int rc;
    } cases[] = {
        { { .kind = CHANNEL_WECOM, .url = good }, 0 },
        { { .kind = CHANNEL_WECOM, .url = good, .secret = "s" }, -EINVAL }, /* it would be ignored */
        { { .kind = CHANNEL_WECOM, .url = "robot.example.com" }, -EINVAL },
        { { .kind = CHANNEL_WECOM }, -EINVAL },
        { { .kind = CHANNEL_DINGTALK, .url = good, .secret = "s" }, 0 },
        { { .kind = CHANNEL_DINGTALK, .url = good, .secret = "" }, -EINVAL },
        { { .kind = CHANNEL_DINGTALK, .url = long_url, .secret = "s" }, -EINVAL }, /* no room for the signature */
        { { .kind = CHANNEL_FEISHU, .url = good }, 0 },
        { { .kind = CHANNEL_WEBHOOK, .url = long_url }, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = { 0 };
        if (channel_route_check(&cases[i].route, &err) != cases[i].rc)
            fail_msg("case %zu: %s", i, err.text);
    }
    assert_int_equal(channel_address_check(CHANNEL_WECOM, "mobile:138", NULL), 0);
    assert_int_equal(channel_address_check(CHANNEL_FEISHU, "mobile:138", NULL), -EINVAL);
    assert_int_equal(channel_address_check(CHANNEL_WEBHOOK, "", NULL), 0);
    assert_int_equal(channel_address_check(CHANNEL_WEBHOOK, "alice", NULL), -EINVAL);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_the_published_one),
        WITH(wecoms_body_is_text_of_at_most_2048_bytes),
        WITH(wecom_calls_people_by_id_by_number_and_all),
        WITH(dingtalks_signature_is_in_the_url),
        WITH(dingtalk_says_whom_it_calls_in_the_text_as_well),
        WITH(feishus_signature_is_in_the_body),
        WITH(a_title_cannot_call_people_in_feishu),
        WITH(no_body_outgrows_its_service),
        cmocka_unit_test(whom_a_robot_calls_is_a_table),
        cmocka_unit_test(only_transport_and_body_together_make_a_page_taken),
        cmocka_unit_test(no_answer_is_tried_again_and_a_busy_robot_says_when),
        cmocka_unit_test(what_is_said_for_an_error_is_cut_between_characters),
        cmocka_unit_test(a_route_is_checked_before_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
