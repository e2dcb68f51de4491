#include "collector/channel/mail.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/channel/receiver_fixture.h"
#include "collector/channel/relay_fixture.h"

#define LETTER "Subject: x\r\n\r\nfirst\r\n.second\r\n"

static const struct receiver_rule receiver_rules[] = {
    { "/200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", RECEIVER_KEEP },
    { NULL, NULL, RECEIVER_KEEP },
};

struct fixture {
    uv_loop_t loop;
    struct relay_rule rules[4];
    struct relay *relay;
    struct channel_sender *sender;
    char url[64];
    struct channel_mail mail;
    unsigned answers, forgotten, posts;
    int status;
    char error[128];
    bool perhaps;
    bool close_in_answer;
};

static void on_answer(void *user, const struct channel_answer *answer)
{
    struct fixture *f = user;
    f->answers++;
    f->status = answer->status;
    snprintf(f->error, sizeof f->error, "%s", answer->error ? answer->error : "");
    f->perhaps = answer->perhaps;
    if (f->close_in_answer)
        f->sender = channel_sender_close(f->sender);
}

static void on_forget(void *user)
{
    ((struct fixture *)user)->forgotten++;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    uv_loop_init(&f->loop);
    f->relay = relay_open(&f->loop, f->rules);
    snprintf(f->url, sizeof f->url, "smtp://127.0.0.1:%u", relay_port(f->relay));
    f->mail = (struct channel_mail){
        .url = f->url,
        .tls = CHANNEL_TLS_NONE,
        .from = "warroom@example.com",
        .to = "alice@example.com",
        .letter = LETTER,
    };
    return channel_sender_open(&f->sender, &f->loop, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    f->sender = channel_sender_close(f->sender);
    relay_close(f->relay);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop); /* UV_EBUSY: a handle was left */
    free(f);
    return rc;
}

static void mail(struct fixture *f)
{
    struct err err = { 0 };
    if (channel_mail(f->sender, &f->mail, on_answer, on_forget, f, &err) < 0)
        fail_msg("%s", err.text);
}

static void until_answers(struct fixture *f, unsigned n)
{
    while (f->answers < n)
        uv_run(&f->loop, UV_RUN_ONCE);
}

static void mail_and_wait(struct fixture *f)
{
    unsigned before = f->answers;
    mail(f);
    assert_int_equal(f->answers, before); /* never from within the call */
    until_answers(f, before + 1);
}

static void rule(struct fixture *f, const char *command, const char *reply)
{
    f->rules[0] = (struct relay_rule){ command, reply, RELAY_KEEP };
}

static void a_mail_is_taken_and_we_say_goodbye(void **state)
{
    struct fixture *f = *state;
    mail_and_wait(f);
    assert_string_equal(f->error, "");
    assert_int_equal(f->status, 250);
    while (relay_quits(f->relay) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    const char *said = relay_last(f->relay);
    assert_non_null(strstr(said, "\r\nMAIL FROM:<warroom@example.com>\r\nRCPT TO:<alice@example.com>\r\nDATA\r\n"
                                 "Subject: x\r\n\r\nfirst\r\n..second\r\n.\r\nQUIT\r\n"));
}

static void a_refusal_is_told_by_its_code_and_what_it_was_of(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *command, *reply, *error;
        int status;
    } cases[] = {
        { "MAIL", "451 later SECRET\r\n", "SMTP 451: the relay refuses the sender", 451 },
        { "RCPT", "550 no such user SECRET\r\n", "SMTP 550: the relay refuses the recipient", 550 },
        { "RCPT", "550-no\r\n550 such user\r\n", "SMTP 550: the relay refuses the recipient", 550 },
        { "DATA", "452 full\r\n", "SMTP 452: the relay refuses to take a mail", 452 },
        { ".", "554 spam\r\n", "SMTP 554: the relay refuses the mail", 554 },
        { ".", "221 what\r\n", "SMTP 221: the relay refuses the mail", 0 }, /* no 250, so not taken */
        { "", "554 go away\r\n", NULL, 554 },
        { "", "421 busy\r\n", NULL, 421 },
        { "MAIL", "what?\r\n", "what the relay answers is not SMTP", 0 },
        { "MAIL", "250 ok\r\n250 ok\r\n", "the relay answers more than it was asked", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rule(f, cases[i].command, cases[i].reply);
        mail_and_wait(f);
        assert_int_equal(f->status, cases[i].status);
        assert_true(f->error[0] != '\0');
        if (cases[i].error)
            assert_string_equal(f->error, cases[i].error);
        assert_null(strstr(f->error, "SECRET"));
    }
}

static void without_a_letter_the_relay_is_only_asked(void **state)
{
    struct fixture *f = *state;
    f->mail = (struct channel_mail){ .url = f->url, .tls = CHANNEL_TLS_NONE };
    mail_and_wait(f);
    assert_string_equal(f->error, "");
    assert_int_equal(f->status, 250);
    while (relay_quits(f->relay) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_non_null(strstr(relay_last(f->relay), "\r\nNOOP\r\nQUIT\r\n"));
    assert_null(strstr(relay_last(f->relay), "MAIL"));
    rule(f, "NOOP", "421 SECRET\r\n");
    mail_and_wait(f);
    assert_string_equal(f->error, "SMTP 421: the relay refuses to do nothing");
    assert_int_equal(f->status, 421);
    rule(f, "NOOP", NULL);
    channel_sender_set_timeout(f->sender, 100 * US_PER_MS);
    mail_and_wait(f);
    assert_string_equal(f->error, "the relay does not answer to NOOP");
    assert_int_equal(relay_mails(f->relay), 0);
}

static void a_relay_that_hangs_up_has_taken_nothing_but_perhaps_a_whole_mail(void **state)
{
    struct fixture *f = *state;
    static const char *const commands[] = { "", "EHLO", "MAIL", "RCPT", "DATA", "." };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        for (int after = RELAY_CLOSE; after <= RELAY_RESET; after++) {
            rule(f, commands[i], NULL);
            f->rules[0].after = after;
            mail_and_wait(f);
            assert_int_equal(f->status, 0);
            assert_true(f->error[0] != '\0');
            assert_int_equal(f->perhaps, strcmp(commands[i], ".") == 0);
        }
}

/* The relay, the sender and this test share a loop: if any of them waited, nothing would ever be answered. */
static void a_relay_that_hangs_holds_up_nobody_and_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct receiver *receiver = receiver_open(&f->loop, receiver_rules);
    static const char *const commands[] = { "", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT" };
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/200", receiver_port(receiver));
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        bool taken = strcmp(commands[i], "QUIT") == 0; /* nobody waits for the answer to a goodbye */
        unsigned waiting = relay_waiting(f->relay);
        rule(f, commands[i], NULL);
        channel_sender_set_timeout(f->sender, taken ? CHANNEL_TIMEOUT_US : 500 * US_PER_MS);
        mail(f);
        while (relay_waiting(f->relay) == waiting)
            uv_run(&f->loop, UV_RUN_ONCE);
        channel_sender_set_timeout(f->sender, CHANNEL_TIMEOUT_US);
        unsigned before = f->answers;
        static const char *const no_headers[] = { NULL };
        assert_int_equal(channel_post(f->sender, url, no_headers, "", 0, on_answer, NULL, f, NULL), 0);
        until_answers(f, before + (taken ? 1 : 2));
        if (!taken)
            assert_int_equal(f->status, 0); /* of the mail, that was answered last */
    }
    assert_int_equal(receiver_requests(receiver), sizeof commands / sizeof commands[0]);
    receiver_close(receiver);
}

static void without_starttls_nothing_is_said_unless_told_so(void **state)
{
    struct fixture *f = *state;
    f->mail.tls = CHANNEL_TLS_STARTTLS;
    f->mail.user = "warroom";
    f->mail.password = "SECRET";
    mail_and_wait(f);
    assert_int_equal(f->status, 0);
    assert_non_null(strstr(f->error, "STARTTLS"));
    assert_null(strstr(relay_last(f->relay), "MAIL"));
    assert_null(strstr(relay_last(f->relay), "AUTH"));
}

static void a_dead_relay_is_said(void **state)
{
    struct fixture *f = *state;
    f->mail.url = "smtp://127.0.0.1:1";
    mail_and_wait(f);
    assert_int_equal(f->status, 0);
    assert_non_null(strstr(f->error, "connect"));
}

static void many_at_once_are_all_taken(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < MAILS_MAX; i++)
        mail(f);
    assert_int_equal(channel_mail(f->sender, &f->mail, on_answer, on_forget, f, NULL), -EBUSY);
    f->mail.url = "smtp://127.0.0.1:1"; /* another relay has room of its own */
    mail(f);
    f->mail.url = f->url;
    until_answers(f, MAILS_MAX + 1);
    assert_int_equal(relay_mails(f->relay), MAILS_MAX);
    mail_and_wait(f);
    assert_int_equal(f->status, 250);
}

static void closing_forgets_what_is_under_way(void **state)
{
    struct fixture *f = *state;
    rule(f, ".", NULL);
    for (int i = 0; i < 8; i++)
        mail(f);
    while (relay_waiting(f->relay) == 0)
        uv_run(&f->loop, UV_RUN_ONCE);
    f->sender = channel_sender_close(f->sender);
    assert_int_equal(f->answers, 0);
    assert_int_equal(f->forgotten, 8);
}

static void a_sender_may_be_closed_from_within_an_answer(void **state)
{
    struct fixture *f = *state;
    f->close_in_answer = true;
    for (int i = 0; i < 4; i++)
        mail(f);
    until_answers(f, 1);
    assert_int_equal(f->forgotten, 3);
}

static void a_large_mail_is_taken_whole(void **state)
{
    struct fixture *f = *state;
    char letter[40 << 10] = "Subject: x\r\n\r\n";
    for (size_t at = strlen(letter); at + 80 < sizeof letter; at += 78)
        snprintf(letter + at, 79, "%076zu\r\n", at);
    f->mail.letter = letter;
    mail_and_wait(f);
    assert_int_equal(f->status, 250);
    assert_non_null(strstr(relay_last(f->relay), letter));
}

static void urls_and_tls_must_go_together(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum channel_tls tls;
        int rc;
    } cases[] = {
        { "smtp://relay.example.com", CHANNEL_TLS_STARTTLS, 0 },
        { "smtp://relay.example.com:587", CHANNEL_TLS_NONE, 0 },
        { "smtp://w:secret@relay.example.com", CHANNEL_TLS_NONE, -EINVAL },
        { "smtp://w:secret@relay.example.com", CHANNEL_TLS_STARTTLS, 0 },
        { "smtps://relay.example.com", CHANNEL_TLS_STARTTLS, 0 },
        { "smtps://relay.example.com", CHANNEL_TLS_IMPLICIT, 0 },
        { "smtps://relay.example.com", CHANNEL_TLS_NONE, -EINVAL },
        { "smtp://relay.example.com", CHANNEL_TLS_IMPLICIT, -EINVAL },
        { "https://relay.example.com", CHANNEL_TLS_STARTTLS, -EINVAL },
        { "relay.example.com", CHANNEL_TLS_STARTTLS, -EINVAL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(channel_mail_check(cases[i].url, cases[i].tls, NULL), cases[i].rc);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_mail_is_taken_and_we_say_goodbye),
        WITH(a_refusal_is_told_by_its_code_and_what_it_was_of),
        WITH(without_a_letter_the_relay_is_only_asked),
        WITH(a_relay_that_hangs_up_has_taken_nothing_but_perhaps_a_whole_mail),
        WITH(a_relay_that_hangs_holds_up_nobody_and_is_given_up),
        WITH(without_starttls_nothing_is_said_unless_told_so),
        WITH(a_dead_relay_is_said),
        WITH(many_at_once_are_all_taken),
        WITH(closing_forgets_what_is_under_way),
        WITH(a_sender_may_be_closed_from_within_an_answer),
        WITH(a_large_mail_is_taken_whole),
        cmocka_unit_test(urls_and_tls_must_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
