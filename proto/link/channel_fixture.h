/* proto/link/channel_fixture.h - an agent, its collector and a stranger, and how the first two shake hands. */
#pragma once
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/link/channel.h"

#define HELLO          "a hello of this host"
#define ANSWER         "welcome"
#define SENTENCE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct message {
    uint8_t at[HANDSHAKE_MESSAGE_MAX + 1];
    size_t len;
};

struct fixture {
    struct key_pair agent, collector, stranger;
    struct handshake asks, answers;
    struct message first, second; /* as written */
    struct channel ours, theirs;  /* the agent's end and the collector's */
    uint8_t *plain, *box;         /* CHANNEL_MESSAGE_MAX + 1 bytes each */
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->plain = calloc(1, CHANNEL_MESSAGE_MAX + 1);
    f->box = calloc(1, CHANNEL_MESSAGE_MAX + 1);
    *state = f;
    return key_pair_draw(&f->agent, NULL) || key_pair_draw(&f->collector, NULL) || key_pair_draw(&f->stranger, NULL);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->plain);
    free(f->box);
    free(f);
    return 0;
}

static inline void write_text(struct handshake *handshake, const char *text, struct message *ret)
{
    assert_int_equal(
        handshake_write(handshake, (const uint8_t *)text, strlen(text), ret->at, sizeof ret->at, &ret->len, NULL), 0);
}

static inline int read_message(struct handshake *handshake, const struct message *message, struct err *err)
{
    uint8_t payload[HANDSHAKE_PAYLOAD_MAX];
    size_t len;
    return handshake_read(handshake, message->at, message->len, payload, sizeof payload, &len, err);
}

static inline void assert_reads(struct handshake *handshake, const struct message *message, const char *text)
{
    uint8_t payload[HANDSHAKE_PAYLOAD_MAX];
    size_t len;
    assert_int_equal(handshake_read(handshake, message->at, message->len, payload, sizeof payload, &len, NULL), 0);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(payload, text, len);
}

static inline void assert_wiped(const void *at, size_t len)
{
    assert_true(sodium_is_zero(at, len));
}

static inline void assert_refuses(struct handshake *handshake, const struct message *message, const char *why)
{
    struct err err;
    assert_int_equal(read_message(handshake, message, &err), -EBADMSG);
    assert_non_null(strstr(err.text, why));
    assert_wiped(handshake, sizeof *handshake);
}

static inline void write_first(struct fixture *f)
{
    handshake_initiate(&f->asks, CHANNEL_PROLOGUE, &f->agent, &f->collector.public_key);
    write_text(&f->asks, HELLO, &f->first);
}

static inline void write_second(struct fixture *f)
{
    write_first(f);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_reads(&f->answers, &f->first, HELLO);
    write_text(&f->answers, ANSWER, &f->second);
}

static inline void shake(struct fixture *f)
{
    write_second(f);
    assert_reads(&f->asks, &f->second, ANSWER);
    handshake_finish(&f->asks, &f->ours);
    handshake_finish(&f->answers, &f->theirs);
}
