#include "collector/channel/channel.h"

#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "collector/channel/receiver_fixture.h"

/* A name server that does not answer: libcurl's resolver thread finds this in place of libc's. */
static sem_t resolver_may_go;
static sem_t resolver_gone;

int getaddrinfo(const char *__name, const char *__service, const struct addrinfo *__req, struct addrinfo **__pai)
{
    (void)__name, (void)__service, (void)__req, (void)__pai; /* as netdb.h calls them */
    sem_wait(&resolver_may_go);
    sem_post(&resolver_gone);
    return EAI_FAIL;
}

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: "
static char *large_answer;   /* a body over the limit */
static char *endless_header; /* headers over it */

static struct receiver_rule rules[] = {
    { "/200", OK_HEAD "5\r\n\r\nhello", RECEIVER_KEEP },
    { "/204", "HTTP/1.1 204 No Content\r\n\r\n", RECEIVER_KEEP },
    { "/301", "HTTP/1.1 301 Moved\r\nLocation: /200\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { "/400", "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nno!", RECEIVER_KEEP },
    { "/429", "HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { "/429-date", "HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
      RECEIVER_KEEP },
    { "/429-past", "HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n",
      RECEIVER_KEEP },
    { "/429-odd", "HTTP/1.1 429 Slow\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { "/429-huge", "HTTP/1.1 429 Slow\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
      RECEIVER_KEEP },
    { "/500", "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", RECEIVER_CLOSE },
    { "/hang?token=SECRET", NULL, RECEIVER_KEEP },
    { "/hang-midway", OK_HEAD "5\r\n\r\nhe", RECEIVER_KEEP },
    { "/garbage", "\x01\x02 what is this\r\n\r\n", RECEIVER_CLOSE },
    { "/close", NULL, RECEIVER_CLOSE },
    { "/reset", NULL, RECEIVER_RESET },
    { "/midway", OK_HEAD "500\r\n\r\nhello", RECEIVER_CLOSE },
    { "/midway-chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", RECEIVER_CLOSE },
    { "/large", "", RECEIVER_CLOSE },
    { "/endless-header", "", RECEIVER_CLOSE },
    { NULL, NULL, RECEIVER_KEEP },
};

struct fixture {
    uv_loop_t loop;
    struct receiver *receiver;
    struct channel_sender *sender;
    unsigned answers;
    unsigned forgotten;
    int status; /* of the last answer, as what follows */
    int64_t retry_after_us;
    size_t body_len;
    char body[64];
    char error[256];
    bool perhaps;
    unsigned again; /* requests the callback posts by itself */
    bool close_in_answer;
};

static const char *const no_headers[] = { NULL };

static void post(struct fixture *f, const char *path);

static void on_answer(void *user, const struct channel_answer *answer)
{
    struct fixture *f = user;
    f->answers++;
    f->status = answer->status;
    f->retry_after_us = answer->retry_after_us;
    f->body_len = strlen(answer->body);
    snprintf(f->body, sizeof f->body, "%s", answer->body);
    snprintf(f->error, sizeof f->error, "%s", answer->error ? answer->error : "");
    f->perhaps = answer->perhaps;
    if (f->again > 0) {
        f->again--;
        post(f, "/200");
    }
    if (f->close_in_answer)
        f->sender = channel_sender_close(f->sender);
}

static void on_forget(void *user)
{
    ((struct fixture *)user)->forgotten++;
}

static void post_to(struct fixture *f, const char *url)
{
    struct err err = { 0 };
    int rc = channel_post(f->sender, url, no_headers, "{}", 2, on_answer, on_forget, f, &err);
    if (rc < 0)
        fail_msg("%s", err.text);
}

static void post(struct fixture *f, const char *path)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", receiver_port(f->receiver), path);
    post_to(f, url);
}

static void until_answers(struct fixture *f, unsigned n)
{
    while (f->answers < n)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void post_and_wait(struct fixture *f, const char *path)
{
    unsigned before = f->answers;
    post(f, path);
    assert_int_equal(f->answers, before); /* never from within the call */
    until_answers(f, before + 1);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    uv_loop_init(&f->loop);
    f->receiver = receiver_open(&f->loop, rules);
    return channel_sender_open(&f->sender, &f->loop, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->sender = channel_sender_close(f->sender);
    receiver_close(f->receiver);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop); /* UV_EBUSY: a handle was left */
    free(f);
    return rc;
}

static char *answer_of(const char *head, char filler, size_t len)
{
    size_t head_len = strlen(head);
    char *text = malloc(head_len + len + 1);
    memcpy(text, head, head_len);
    memset(text + head_len, filler, len);
    text[head_len + len] = '\0';
    return text;
}

static void set_rule(const char *path, const char *answer)
{
    for (struct receiver_rule *rule = rules; rule->path; rule++)
        if (strcmp(rule->path, path) == 0)
            rule->answer = answer;
}

static int group_setup(void **state)
{
    (void)state;
    sem_init(&resolver_may_go, 0, 0);
    sem_init(&resolver_gone, 0, 0);
    large_answer = answer_of("HTTP/1.1 200 OK\r\n\r\n", 'x', CHANNEL_ANSWER_MAX + 1);
    endless_header = answer_of("HTTP/1.1 200 OK\r\n", 'x', CHANNEL_ANSWER_MAX + 4);
    char *lines = strchr(endless_header, '\n') + 1;
    for (size_t i = 0; i + 4 <= CHANNEL_ANSWER_MAX; i += 4)
        memcpy(lines + i, "a:\r\n", 4);
    set_rule("/large", large_answer);
    set_rule("/endless-header", endless_header);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(large_answer);
    free(endless_header);
    return 0;
}

static void every_status_comes_back_with_its_body(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path;
        int status;
        const char *body;
    } cases[] = { { "/200", 200, "hello" }, { "/204", 204, "" }, { "/400", 400, "no!" }, { "/500", 500, "" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        post_and_wait(f, cases[i].path);
        assert_int_equal(f->status, cases[i].status);
        assert_string_equal(f->body, cases[i].body);
        assert_string_equal(f->error, "");
        assert_int_equal(f->retry_after_us, 0);
    }
    assert_int_equal(f->forgotten, 0);
}

static void the_request_carries_our_headers_and_the_body(void **state)
{
    struct fixture *f = *state;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/200", receiver_port(f->receiver));
    const char *const headers[] = { "Content-Type: application/json", "Idempotency-Key: 12-trigger-1-ops", NULL };
    assert_int_equal(channel_post(f->sender, url, headers, "{\"a\":1}", 7, on_answer, NULL, f, NULL), 0);
    until_answers(f, 1);
    const char *got = receiver_last(f->receiver);
    assert_memory_equal(got, "POST /200 HTTP/1.1\r\n", 20);
    assert_non_null(strstr(got, "\r\nUser-Agent: warroom/" WARROOM_VERSION "\r\n"));
    assert_non_null(strstr(got, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(got, "\r\nIdempotency-Key: 12-trigger-1-ops\r\n"));
    assert_null(strstr(got, "\r\nExpect:"));
    assert_string_equal(strstr(got, "\r\n\r\n") + 4, "{\"a\":1}");
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    struct fixture *f = *state;
    post_and_wait(f, "/301");
    assert_int_equal(f->status, 301);
    assert_int_equal(receiver_requests(f->receiver), 1);
}

static void retry_after_is_read_in_seconds_and_as_a_date(void **state)
{
    struct fixture *f = *state;
    post_and_wait(f, "/429");
    assert_int_equal(f->status, 429);
    assert_int_equal(f->retry_after_us, 30 * US_PER_S);
    post_and_wait(f, "/429-date"); /* so far ahead that the limit decides, whatever the day of this test */
    assert_int_equal(f->retry_after_us, CHANNEL_RETRY_AFTER_MAX_US);
}

static void a_senseless_retry_after_does_no_harm(void **state)
{
    struct fixture *f = *state;
    post_and_wait(f, "/429-past");
    assert_int_equal(f->retry_after_us, 0);
    post_and_wait(f, "/429-odd");
    assert_int_equal(f->retry_after_us, 0);
    post_and_wait(f, "/429-huge");
    assert_in_range(f->retry_after_us, 0, CHANNEL_RETRY_AFTER_MAX_US);
    assert_int_equal(f->status, 429);
}

static void a_receiver_that_hangs_is_given_up_and_others_go_on_meanwhile(void **state)
{
    struct fixture *f = *state;
    channel_sender_set_timeout(f->sender, 50 * US_PER_MS);
    post(f, "/hang?token=SECRET");
    channel_sender_set_timeout(f->sender, CHANNEL_TIMEOUT_US);
    post_and_wait(f, "/200");
    assert_int_equal(f->status, 200);
    until_answers(f, 2);
    assert_int_equal(f->status, 0);
    assert_string_equal(f->error, "Timeout was reached");
    assert_true(f->perhaps);
}

static void an_answer_that_stops_midway_is_none(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = { "/midway", "/midway-chunked", "/close", "/reset" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        post_and_wait(f, paths[i]);
        assert_int_equal(f->status, 0);
        assert_true(f->error[0] != '\0');
        assert_true(f->perhaps); /* all of them had heard it out */
    }
    channel_sender_set_timeout(f->sender, 50 * US_PER_MS);
    post_and_wait(f, "/hang-midway");
    assert_int_equal(f->status, 0);
}

static void garbage_is_no_answer(void **state)
{
    struct fixture *f = *state;
    post_and_wait(f, "/garbage");
    assert_int_equal(f->status, 0);
    assert_true(f->error[0] != '\0');
}

static void a_long_answer_is_cut_and_keeps_its_status(void **state)
{
    struct fixture *f = *state;
    post_and_wait(f, "/large");
    assert_int_equal(f->status, 200);
    assert_int_equal(f->body_len, CHANNEL_ANSWER_MAX);
}

static void headers_without_end_are_no_answer(void **state)
{
    struct fixture *f = *state;
    post_and_wait(f, "/endless-header");
    assert_int_equal(f->status, 0);
    assert_string_equal(f->error, "the answer's headers are too long");
}

static void a_refused_connection_is_said_without_the_url(void **state)
{
    struct fixture *f = *state;
    uv_loop_t loop; /* a port that was just let go */
    uv_loop_init(&loop);
    struct receiver *gone = receiver_open(&loop, rules);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/hook/SECRET?key=SECRET", receiver_port(gone));
    receiver_close(gone);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    post_to(f, url);
    until_answers(f, 1);
    assert_int_equal(f->status, 0);
    assert_non_null(strstr(f->error, "Connection refused"));
    assert_false(f->perhaps);
    assert_null(strstr(f->error, "SECRET"));
}

static void a_plain_receiver_behind_https_is_an_error_without_the_url(void **state)
{
    struct fixture *f = *state;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/SECRET", receiver_port(f->receiver));
    channel_sender_set_timeout(f->sender, 200 * US_PER_MS);
    post_to(f, url);
    until_answers(f, 1);
    assert_int_equal(f->status, 0);
    assert_true(f->error[0] != '\0');
    assert_null(strstr(f->error, "SECRET"));
}

static void a_name_server_that_does_not_answer_holds_up_nothing(void **state)
{
    struct fixture *f = *state;
    channel_sender_set_timeout(f->sender, 50 * US_PER_MS);
    post_to(f, "http://receiver.invalid/SECRET");
    until_answers(f, 1); /* the resolver still waits: a loop that waited for it would never come back */
    assert_int_equal(f->status, 0);
    assert_null(strstr(f->error, "SECRET"));
    post_to(f, "http://other.invalid/"); /* and one that is under way while the sender closes */
    uv_run(&f->loop, UV_RUN_NOWAIT);
    f->sender = channel_sender_close(f->sender);
    for (int i = 0; i < 2; i++)
        sem_post(&resolver_may_go);
    struct timespec until; /* their threads are done with libcurl's memory before the test ends, if they ever began */
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    for (int i = 0; i < 2; i++)
        assert_int_equal(sem_timedwait(&resolver_gone, &until), 0);
}

static void a_knock_connects_and_asks_nothing(void **state)
{
    struct fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/200", receiver_port(f->receiver));
    assert_int_equal(channel_knock(f->sender, url, on_answer, on_forget, f, NULL), 0);
    until_answers(f, 1);
    assert_string_equal(f->error, "");
    assert_int_equal(f->status, 0);
    assert_int_equal(receiver_requests(f->receiver), 0);
    post_and_wait(f, "/200"); /* what is kept open is not knocked at */
    assert_int_equal(channel_knock(f->sender, url, on_answer, on_forget, f, NULL), 0);
    until_answers(f, 3);
    assert_int_equal(receiver_connections_most(f->receiver), 2);
    assert_int_equal(channel_knock(f->sender, "http://127.0.0.1:1/?token=SECRET", on_answer, on_forget, f, NULL), 0);
    until_answers(f, 4);
    assert_non_null(strstr(f->error, "Connection refused"));
    assert_null(strstr(f->error, "SECRET"));
    assert_int_equal(channel_knock(f->sender, url, on_answer, on_forget, f, NULL), 0);
    f->sender = channel_sender_close(f->sender);
    assert_int_equal(f->forgotten, 1);
}

static void a_get_has_no_body(void **state)
{
    struct fixture *f = *state;
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/200", receiver_port(f->receiver));
    assert_int_equal(channel_get(f->sender, url, on_answer, on_forget, f, NULL), 0);
    until_answers(f, 1);
    assert_int_equal(f->status, 200);
    assert_string_equal(f->body, "hello");
    assert_memory_equal(receiver_last(f->receiver), "GET /200 HTTP/1.1\r\n", 19);
    assert_null(strstr(receiver_last(f->receiver), "Content-"));
}

static void many_at_once_are_all_answered_over_few_connections(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 300; i++)
        post(f, i % 3 ? "/200" : "/500");
    until_answers(f, 300);
    assert_int_equal(receiver_requests(f->receiver), 300);
    assert_in_range(receiver_connections_most(f->receiver), 1, 8); /* 4, and as many that are just closing */
}

static void an_answer_may_post_the_next_request(void **state)
{
    struct fixture *f = *state;
    f->again = 5;
    post(f, "/200");
    until_answers(f, 6);
    assert_int_equal(receiver_requests(f->receiver), 6);
}

static void a_sender_may_be_closed_from_within_an_answer(void **state)
{
    struct fixture *f = *state;
    f->close_in_answer = true;
    for (int i = 0; i < 8; i++)
        post(f, "/200");
    until_answers(f, 1);
    for (int i = 0; i < 20; i++)
        uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(f->answers, 1);
    assert_int_equal(f->forgotten, 7);
}

static void closing_forgets_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 8; i++)
        post(f, "/hang?token=SECRET");
    while (receiver_requests(f->receiver) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->sender = channel_sender_close(f->sender);
    assert_int_equal(f->answers, 0);
    assert_int_equal(f->forgotten, 8);
}

static void the_environment_names_no_proxy_for_us(void **state)
{
    struct fixture *f = *state;
    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    post_and_wait(f, "/200");
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_int_equal(f->status, 200);
}

static void what_is_no_http_url_is_refused(void **state)
{
    struct fixture *f = *state;
    char long_url[CHANNEL_URL_MAX + 2];
    memset(long_url, 'a', sizeof long_url - 1);
    memcpy(long_url, "http://", 7);
    long_url[sizeof long_url - 1] = '\0';
    const char *const urls[] = { "",        "example.com/hook",          "file:///etc/passwd",   "ftp://example.com/",
                                 "http://", "http://example.com:99999/", "http://exa mple.com/", long_url };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct err err = { 0 };
        assert_int_equal(channel_post(f->sender, urls[i], no_headers, "", 0, on_answer, on_forget, f, &err), -EINVAL);
        assert_int_equal(channel_url_check(urls[i], NULL), -EINVAL);
        assert_true(err.text[0] != '\0');
    }
    assert_int_equal(f->forgotten, 0);
}

static void a_header_cannot_smuggle_in_another(void **state)
{
    struct fixture *f = *state;
    const char *const headers[] = { "Idempotency-Key: a\r\nHost: elsewhere", NULL };
    assert_int_equal(channel_post(f->sender, "http://127.0.0.1/", headers, "", 0, on_answer, NULL, f, NULL), -EINVAL);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(every_status_comes_back_with_its_body),
        WITH(the_request_carries_our_headers_and_the_body),
        WITH(a_redirect_is_an_answer_and_is_not_followed),
        WITH(retry_after_is_read_in_seconds_and_as_a_date),
        WITH(a_senseless_retry_after_does_no_harm),
        WITH(a_receiver_that_hangs_is_given_up_and_others_go_on_meanwhile),
        WITH(an_answer_that_stops_midway_is_none),
        WITH(garbage_is_no_answer),
        WITH(a_long_answer_is_cut_and_keeps_its_status),
        WITH(headers_without_end_are_no_answer),
        WITH(a_refused_connection_is_said_without_the_url),
        WITH(a_plain_receiver_behind_https_is_an_error_without_the_url),
        WITH(a_name_server_that_does_not_answer_holds_up_nothing),
        WITH(a_knock_connects_and_asks_nothing),
        WITH(a_get_has_no_body),
        WITH(many_at_once_are_all_answered_over_few_connections),
        WITH(an_answer_may_post_the_next_request),
        WITH(a_sender_may_be_closed_from_within_an_answer),
        WITH(closing_forgets_what_is_under_way),
        WITH(the_environment_names_no_proxy_for_us),
        WITH(what_is_no_http_url_is_refused),
        WITH(a_header_cannot_smuggle_in_another),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
