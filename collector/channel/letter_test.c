#include "collector/channel/letter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "collector/channel/dialogue.h"
#include "collector/channel/message_fixture.h"
#include "collector/channel/text.h"

struct fixture {
    struct message_fixture m;
    char *letter;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    message_fixture_fill(&f->m);
    f->m.message.address = "alice@example.com";
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->letter);
    free(f);
    return 0;
}

static const char *make(struct fixture *f)
{
    free(f->letter);
    f->letter = letter_write("warroom@example.com", &f->m.message);
    assert_non_null(f->letter);
    for (const char *line = f->letter, *end; *line; line = end + 2) {
        end = strstr(line, "\r\n"); /* every line ends so, none is longer than mail allows, all is ASCII */
        assert_non_null(end);
        assert_true(end - line <= 998);
        for (const char *c = line; c < end; c++)
            assert_true(*c >= ' ' && *c <= '~');
    }
    return f->letter;
}

/* The text behind the headers, as a reader decodes it. */
static char *text_in(const char *letter)
{
    const char *text = strstr(letter, "\r\n\r\n") + 4;
    unsigned char *bytes = malloc(strlen(text) + 1);
    size_t len = 0;
    assert_int_equal(
        sodium_base642bin(bytes, strlen(text), text, strlen(text), "\r\n", &len, NULL, sodium_base64_VARIANT_ORIGINAL),
        0);
    bytes[len] = '\0';
    return (char *)bytes;
}

static void the_fields_are_these(void **state)
{
    struct fixture *f = *state;
    make(f);
    char *id = strstr(f->letter, "Message-Id: <warroom.");
    assert_non_null(id);
    memset(id + 21, 'x', 32); /* a hash of the key */
    *strstr(f->letter, "\r\n\r\n") = '\0';
    assert_string_equal(f->letter, "From: Warroom <warroom@example.com>\r\n"
                                   "To: <alice@example.com>\r\n"
                                   "Subject: [critical] CPU utilisation above 90 % on web-1\r\n"
                                   "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                                   "Message-Id: <warroom.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@example.com>\r\n"
                                   "References: <warroom.incident.12@example.com>\r\n"
                                   "In-Reply-To: <warroom.incident.12@example.com>\r\n"
                                   "Auto-Submitted: auto-generated\r\n"
                                   "X-Priority: 1\r\n"
                                   "Importance: high\r\n"
                                   "MIME-Version: 1.0\r\n"
                                   "Content-Type: text/plain; charset=utf-8\r\n"
                                   "Content-Transfer-Encoding: base64");
}

static void the_text_is_what_people_read(void **state)
{
    struct fixture *f = *state;
    f->m.message.language = LANGUAGE_ZH;
    char *text = text_in(make(f));
    char *plain = text_of(&f->m.message, TEXT_ROOM_MAX);
    size_t at = 0;
    for (char *c = text; *c; c++) /* its lines end in CR LF */
        if (*c != '\r')
            text[at++] = *c;
    text[at - 1] = '\0';
    assert_string_equal(text, plain);
    free(plain);
    free(text);
}

static void a_subject_that_is_not_ascii_is_encoded_by_whole_characters(void **state)
{
    struct fixture *f = *state;
    f->m.message.language = LANGUAGE_ZH;
    const char *subject = strstr(make(f), "\r\nSubject:") + 10;
    char decoded[HEADLINE_ROOM] = "", want[HEADLINE_ROOM];
    size_t decoded_len = 0;
    while (strncmp(subject, " =?UTF-8?B?", 11) == 0) {
        const char *end = strstr(subject, "?=\r\n");
        size_t len = 0;
        assert_true(end - subject <= 67); /* 76 with the field's name */
        assert_int_equal(sodium_base642bin((unsigned char *)decoded + decoded_len, sizeof decoded - decoded_len,
                                           subject + 11, (size_t)(end - subject - 11), "", &len, NULL,
                                           sodium_base64_VARIANT_ORIGINAL),
                         0);
        assert_true(((unsigned char)decoded[decoded_len] & 0xc0) != 0x80);
        decoded_len += len;
        subject = end + 4;
    }
    assert_string_equal(decoded, text_headline(&f->m.message, want));
}

static void every_attempt_at_a_message_has_its_id_and_another_message_another(void **state)
{
    struct fixture *f = *state;
    char first[80], again[80], other[80];
    sscanf(strstr(make(f), "Message-Id: "), "%*s %79s", first);
    f->m.message.possible_copy = true;
    f->m.message.now_us += 60 * US_PER_S;
    sscanf(strstr(make(f), "Message-Id: "), "%*s %79s", again);
    f->m.message.key = "12-resolve-1-6443b1d2a5c40-0-alice-mail";
    sscanf(strstr(make(f), "Message-Id: "), "%*s %79s", other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
}

static void a_mail_of_several_incidents_stands_with_each_of_them(void **state)
{
    struct fixture *f = *state;
    f->m.message.n_items = 3;
    assert_non_null(strstr(make(f), "\r\nReferences: <warroom.incident.12@example.com>\r\n"
                                    " <warroom.incident.13@example.com>\r\n"
                                    " <warroom.incident.14@example.com>\r\n"
                                    "In-Reply-To: <warroom.incident.12@example.com>\r\n"));
}

static void what_nobody_must_act_on_is_not_urgent_and_a_test_has_no_thread(void **state)
{
    struct fixture *f = *state;
    f->m.message.kind = MESSAGE_RESOLVE;
    assert_null(strstr(make(f), "X-Priority"));
    message_fixture_be_test(&f->m, "by li");
    assert_null(strstr(make(f), "X-Priority"));
    assert_null(strstr(f->letter, "References"));
}

static void a_title_begins_no_header(void **state)
{
    struct fixture *f = *state;
    snprintf(f->m.incidents[0].title, sizeof f->m.incidents[0].title,
             "x\r\nBcc: all@example.com\r\n\r\n=?UTF-8?B?eA==?=");
    make(f);
    assert_null(strstr(f->letter, "\nBcc"));
    assert_non_null(strstr(f->letter, "Subject: =?UTF-8?B?")); /* what looks encoded is encoded */
}

static void an_address_is_a_plain_mailbox(void **state)
{
    (void)state;
    char long_one[LETTER_ADDRESS_MAX + 2];
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[1] = '@';
    long_one[sizeof long_one - 1] = '\0';
    static const char *const good[] = { "alice@example.com", "a.b+c@mx-1.example.com", "root@localhost" };
    const char *const bad[] = { "",
                                "alice",
                                "@example.com",
                                "alice@",
                                "a@b@c",
                                "a b@c",
                                "a@b c",
                                "<a@b>",
                                "a@b>\r\nDATA",
                                "\xe6\x88\x98@example.com",
                                "\"a b\"@c.d",
                                "a@[::1]",
                                long_one };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(letter_address_check(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(letter_address_check(bad[i], NULL), -EINVAL);
}

static void a_reply_is_the_same_in_whatever_pieces_it_comes(void **state)
{
    (void)state;
    static const char reply[] = "250-first\r\n250-second\r\n250 last\r\n";
    for (size_t cut = 0; cut < sizeof reply - 1; cut++) {
        struct dialogue dialogue = { .from = "a@b", .to = "c@d", .letter = "" };
        assert_int_equal(dialogue_hear(&dialogue, reply, cut, NULL), 0);
        assert_int_equal(dialogue_hear(&dialogue, reply + cut, sizeof reply - 1 - cut, NULL), 1);
        assert_int_equal(dialogue.state, DIALOGUE_RCPT);
        assert_int_equal(dialogue.code, 250);
    }
}

static void a_reply_without_end_is_none(void **state)
{
    (void)state;
    struct dialogue dialogue = { .from = "a@b", .to = "c@d", .letter = "" };
    int rc = 0;
    for (int i = 0; i <= DIALOGUE_LINES_MAX && rc == 0; i++)
        rc = dialogue_hear(&dialogue, "250-more\r\n", 10, NULL);
    assert_int_equal(rc, -EBADMSG);
    dialogue = (struct dialogue){ .from = "a@b", .to = "c@d", .letter = "" };
    for (int i = 0; i <= DIALOGUE_LINE_MAX && rc >= 0; i++)
        rc = dialogue_hear(&dialogue, "2", 1, NULL);
    assert_int_equal(rc, -EBADMSG);
}

static void what_follows_the_word_that_it_is_taken_changes_nothing(void **state)
{
    (void)state;
    struct dialogue dialogue = { .from = "a@b", .to = "c@d", .letter = "", .state = DIALOGUE_END };
    assert_int_equal(dialogue_hear(&dialogue, "250 taken\r\n421 bye\r\n", 20, NULL), 1);
    assert_int_equal(dialogue.state, DIALOGUE_TAKEN);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(the_fields_are_these),
        WITH(the_text_is_what_people_read),
        WITH(a_subject_that_is_not_ascii_is_encoded_by_whole_characters),
        WITH(every_attempt_at_a_message_has_its_id_and_another_message_another),
        WITH(a_mail_of_several_incidents_stands_with_each_of_them),
        WITH(what_nobody_must_act_on_is_not_urgent_and_a_test_has_no_thread),
        WITH(a_title_begins_no_header),
        cmocka_unit_test(an_address_is_a_plain_mailbox),
        cmocka_unit_test(a_reply_is_the_same_in_whatever_pieces_it_comes),
        cmocka_unit_test(a_reply_without_end_is_none),
        cmocka_unit_test(what_follows_the_word_that_it_is_taken_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
