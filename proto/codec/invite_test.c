#include "proto/codec/codec_fixture.h"

#include <errno.h>

static struct invite sample(void)
{
    struct invite invite = { .addresses = { "198.51.100.7:9740", "[2001:db8::7]:9740" },
                             .n_addresses = 2,
                             .expires_us = 1795400000000000 };
    memset(invite.collector, 0xc1, sizeof invite.collector);
    memset(invite.token, 0x70, sizeof invite.token);
    return invite;
}

static void an_invitation_is_one_line_and_comes_back(void **state)
{
    struct fixture *f = *state;
    struct invite want = sample(), got;
    char text[INVITE_TEXT_MAX];
    assert_int_equal(codec_print_invite(&want, text, &f->err), 0);
    assert_int_equal(strncmp(text, "wr1:", 4), 0);
    assert_int_equal(strspn(text + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     strlen(text + 4));
    assert_int_equal(codec_parse_invite(text, strlen(text), &f->arena, &got, &f->err), 0);
    assert_int_equal(got.n_addresses, 2);
    assert_string_equal(got.addresses[0], want.addresses[0]);
    assert_string_equal(got.addresses[1], want.addresses[1]);
    assert_memory_equal(got.collector, want.collector, sizeof got.collector);
    assert_memory_equal(got.token, want.token, sizeof got.token);
    assert_int_equal(got.expires_us, want.expires_us);
}

static void the_longest_invitation_has_room(void **state)
{
    struct fixture *f = *state;
    struct invite want = sample(), got;
    char address[TEXT_MAX + 1], text[INVITE_TEXT_MAX];
    memset(address, 'a', TEXT_MAX);
    address[TEXT_MAX] = '\0';
    want.n_addresses = INVITE_ADDRESSES_MAX;
    for (size_t i = 0; i < INVITE_ADDRESSES_MAX; i++)
        want.addresses[i] = address;
    want.expires_us = TIME_US_MAX;
    assert_int_equal(codec_print_invite(&want, text, &f->err), 0);
    assert_int_equal(codec_parse_invite(text, strlen(text), &f->arena, &got, &f->err), 0);
    assert_string_equal(got.addresses[INVITE_ADDRESSES_MAX - 1], address);
}

static void what_is_not_a_whole_invitation_is_refused_with_what_to_do(void **state)
{
    struct fixture *f = *state;
    struct invite want = sample(), got;
    char text[INVITE_TEXT_MAX];
    assert_int_equal(codec_print_invite(&want, text, &f->err), 0);
    size_t len = strlen(text);
    for (size_t cut = 0; cut < len; cut++) {
        f->err = (struct err){ 0 };
        assert_int_equal(codec_parse_invite(text, cut, &f->arena, &got, &f->err), -EBADMSG);
        assert_true(strlen(f->err.text) > 0);
        arena_reset(&f->arena);
    }
    text[3] = ';';
    assert_int_equal(codec_parse_invite(text, len, &f->arena, &got, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "begins with wr1:"));
    text[3] = ':';
    text[9] = ' ';
    assert_int_equal(codec_parse_invite(text, len, &f->arena, &got, &f->err), -EBADMSG);
    assert_non_null(strstr(f->err.text, "paste all of the line"));
}

static void an_invitation_to_nowhere_is_refused(void **state)
{
    struct fixture *f = *state;
    struct invite want = sample();
    want.addresses[1] = "";
    char text[INVITE_TEXT_MAX];
    assert_true(codec_print_invite(&want, text, &f->err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_TEST(an_invitation_is_one_line_and_comes_back),
        CODEC_TEST(the_longest_invitation_has_room),
        CODEC_TEST(what_is_not_a_whole_invitation_is_refused_with_what_to_do),
        CODEC_TEST(an_invitation_to_nowhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
