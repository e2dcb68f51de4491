#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collector/control/call.h"

static struct err err;

static int parse(const char *text, struct console_request *ret)
{
    return console_request_parse(text, strlen(text), ret, &err);
}

static void assert_refused(const char *text, const char *why)
{
    struct console_request request = { .verb = NULL };
    assert_int_equal(parse(text, &request), -EINVAL);
    assert_string_equal(err.text, why);
    assert_null(request.verb); /* untouched */
}

static void a_verb_with_its_arguments_is_taken(void **state)
{
    (void)state;
    struct console_request request;
    assert_int_equal(parse("{\"verb\":\"incident ack\",\"args\":{\"incident\":12},\"next\":\"x\"}", &request), 0);
    assert_string_equal(request.verb->name, "incident ack");
    assert_int_equal(json_integer_value(json_object_get(request.args, "incident")), 12);
    assert_string_equal(request.next, "x");
    console_request_done(&request);
}

static void args_may_be_left_out_where_none_is_needed(void **state)
{
    (void)state;
    struct console_request request;
    assert_int_equal(parse("{\"verb\":\"status\"}", &request), 0);
    assert_int_equal(json_object_size(request.args), 0);
    assert_null(request.next);
    console_request_done(&request);
}

static void a_whole_number_is_a_number(void **state)
{
    (void)state;
    struct console_request request;
    assert_int_equal(parse("{\"verb\":\"host set\",\"args\":{\"host\":\"web-1\",\"egress\":125000000}}", &request), 0);
    console_request_done(&request);
}

static void what_is_not_a_request_is_refused_with_what_is(void **state)
{
    (void)state;
    assert_refused("[]", "a request is an object with a \"verb\"");
    assert_refused("{}", "a request is an object with a \"verb\"");
    assert_refused("{\"verb\":7}", "a request is an object with a \"verb\"");
    assert_refused("{\"verb\":\"dance\"}", "there is no verb dance; is the collector older than this console?");
    assert_refused("{\"verb\":\"status\",\"args\":[]}", "\"args\" is to be an object");
    assert_refused("{\"verb\":\"status\",\"next\":3}", "\"next\" is to be a text");
}

static void text_that_is_not_json_is_refused(void **state)
{
    (void)state;
    struct console_request request;
    assert_int_equal(parse("", &request), -EINVAL);
    assert_int_equal(parse("{\"verb\":\"status\"", &request), -EINVAL);
    assert_int_equal(parse("{\"verb\":\"status\",\"verb\":\"hosts\"}", &request), -EINVAL); /* which one? */
    assert_int_equal(parse("{\"verb\":\"\xff\xfe\"}", &request), -EINVAL);
    assert_non_null(strstr(err.text, "not JSON"));
}

static void arguments_of_the_wrong_kind_are_named(void **state)
{
    (void)state;
    assert_refused("{\"verb\":\"incident ack\",\"args\":{\"incident\":\"12\"}}",
                   "incident ack: incident is to be a whole number");
    assert_refused("{\"verb\":\"incident ack\",\"args\":{\"incident\":1.5}}",
                   "incident ack: incident is to be a whole number");
    assert_refused("{\"verb\":\"incident list\",\"args\":{\"all\":1}}", "incident list: all is to be true or false");
    assert_refused("{\"verb\":\"host set\",\"args\":{\"host\":\"a\",\"egress\":\"fast\"}}",
                   "host set: egress is to be a number");
    assert_refused("{\"verb\":\"host enroll\",\"args\":{\"tenant\":\"acme\",\"uses\":1.5}}",
                   "host enroll: uses is to be a whole number");
    assert_refused("{\"verb\":\"host rotate\",\"args\":{\"host\":\"web-1\",\"expires_s\":\"24h\"}}",
                   "host rotate: expires_s is to be a number");
    assert_refused("{\"verb\":\"tenant add\",\"args\":{\"name\":null}}", "tenant add: name is to be a text");
}

static void unknown_and_missing_arguments_are_named(void **state)
{
    (void)state;
    assert_refused("{\"verb\":\"status\",\"args\":{\"colour\":\"red\"}}", "status takes no argument colour");
    assert_refused("{\"verb\":\"tenant add\"}", "tenant add needs the argument name");
    assert_refused("{\"verb\":\"host enroll\",\"args\":{\"name\":\"web-1\"}}", "host enroll needs the argument tenant");
    assert_refused("{\"verb\":\"event create\",\"args\":{\"name\":\"sale\"}}",
                   "event create needs the argument tenant");
}

static void a_text_with_a_nul_in_it_is_no_text(void **state)
{
    (void)state;
    struct console_request request;
    assert_int_equal(parse("{\"verb\":\"tenant add\",\"args\":{\"name\":\"a\\u0000b\"}}", &request), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_verb_with_its_arguments_is_taken),
        cmocka_unit_test(args_may_be_left_out_where_none_is_needed),
        cmocka_unit_test(a_whole_number_is_a_number),
        cmocka_unit_test(what_is_not_a_request_is_refused_with_what_is),
        cmocka_unit_test(text_that_is_not_json_is_refused),
        cmocka_unit_test(arguments_of_the_wrong_kind_are_named),
        cmocka_unit_test(unknown_and_missing_arguments_are_named),
        cmocka_unit_test(a_text_with_a_nul_in_it_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
