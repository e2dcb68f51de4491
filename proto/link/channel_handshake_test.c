#include "proto/link/channel_fixture.h"

static void the_collector_knows_who_asks_and_what_before_it_answers(void **state)
{
    struct fixture *f = *state;
    write_first(f);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_reads(&f->answers, &f->first, HELLO);
    assert_memory_equal(handshake_peer(&f->answers), &f->agent.public_key, KEY_BYTES);
    handshake_done(&f->answers); /* and may leave it at that */
    assert_wiped(&f->answers, sizeof f->answers);
}

static void nothing_of_a_handshake_is_left_once_there_is_a_channel(void **state)
{
    struct fixture *f = *state;
    shake(f);
    assert_wiped(&f->asks, sizeof f->asks);
    assert_wiped(&f->answers, sizeof f->answers);
    assert_memory_equal(f->ours.seal_key, f->theirs.open_key, NOISE_KEY_BYTES);
    assert_memory_equal(f->ours.open_key, f->theirs.seal_key, NOISE_KEY_BYTES);
    assert_memory_not_equal(f->ours.open_key, f->ours.seal_key, NOISE_KEY_BYTES);
}

static void no_two_handshakes_are_alike(void **state)
{
    struct fixture *f = *state;
    shake(f);
    struct message first = f->first, second = f->second;
    struct channel ours = f->ours;
    shake(f);
    for (size_t at = 0; at < KEY_BYTES * 3; at += KEY_BYTES) /* the ephemeral key, and what is encrypted */
        assert_memory_not_equal(first.at + at, f->first.at + at, KEY_BYTES);
    assert_memory_not_equal(second.at, f->second.at, KEY_BYTES);
    assert_memory_not_equal(ours.seal_key, f->ours.seal_key, NOISE_KEY_BYTES);
    assert_memory_not_equal(ours.open_key, f->ours.open_key, NOISE_KEY_BYTES);
}

static void what_is_said_is_not_to_be_seen(void **state)
{
    struct fixture *f = *state;
    write_second(f);
    assert_null(memmem(f->first.at, f->first.len, HELLO, strlen(HELLO)));
    assert_null(memmem(f->first.at, f->first.len, &f->agent.public_key, KEY_BYTES));
    assert_null(memmem(f->first.at, f->first.len, &f->collector.public_key, KEY_BYTES));
    assert_null(memmem(f->second.at, f->second.len, ANSWER, strlen(ANSWER)));
}

/* Each bit of each byte. */
static void a_first_message_with_any_bit_turned_is_refused(void **state)
{
    struct fixture *f = *state;
    write_first(f);
    for (size_t bit = 0; bit < f->first.len * 8; bit++) {
        struct message message = f->first;
        message.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
        assert_refuses(&f->answers, &message, "not authentic");
    }
}

static void a_second_message_with_any_bit_turned_is_refused(void **state)
{
    struct fixture *f = *state;
    write_second(f);
    for (size_t bit = 0; bit < f->second.len * 8; bit++) {
        struct message message = f->second;
        struct handshake asks = f->asks;
        message.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_refuses(&asks, &message, "not authentic");
    }
}

static void messages_cut_short_or_drawn_out_are_refused(void **state)
{
    struct fixture *f = *state;
    write_second(f);
    struct message message = f->first;
    for (message.len = 0; message.len <= f->first.len + 1; message.len++) {
        handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
        if (message.len != f->first.len)
            assert_refuses(&f->answers, &message, message.len < HANDSHAKE_FIRST_BYTES ? "at least" : "not authentic");
    }
    message = f->second;
    for (message.len = 0; message.len <= f->second.len + 1; message.len++) {
        struct handshake asks = f->asks;
        if (message.len != f->second.len)
            assert_refuses(&asks, &message, message.len < HANDSHAKE_SECOND_BYTES ? "at least" : "not authentic");
    }
}

static void a_collector_with_another_key_cannot_read_what_was_not_meant_for_it(void **state)
{
    struct fixture *f = *state;
    write_first(f);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->stranger);
    assert_refuses(&f->answers, &f->first, "not authentic");
}

/* It has seen the collector's public key and takes its place. */
static void who_has_not_the_collectors_secret_cannot_answer(void **state)
{
    struct fixture *f = *state;
    struct key_pair pretender = f->stranger;
    pretender.public_key = f->collector.public_key;
    write_first(f);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &pretender);
    assert_refuses(&f->answers, &f->first, "not authentic");
}

static void who_has_not_the_agents_secret_cannot_ask_in_its_name(void **state)
{
    struct fixture *f = *state;
    struct key_pair pretender = f->stranger;
    pretender.public_key = f->agent.public_key;
    handshake_initiate(&f->asks, CHANNEL_PROLOGUE, &pretender, &f->collector.public_key);
    write_text(&f->asks, HELLO, &f->first);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_refuses(&f->answers, &f->first, "not authentic");
}

static void an_answer_to_another_handshake_is_refused(void **state)
{
    struct fixture *f = *state;
    write_second(f);
    struct message of_another = f->second;
    write_second(f);
    assert_refuses(&f->asks, &of_another, "not authentic");
}

/* As when an attacker was quicker than the peer: the handshake is over, whatever comes then. */
static void a_message_out_of_turn_ends_the_handshake_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct err err;
    write_second(f);
    struct message forged = f->second;
    forged.at[0] ^= 1;
    assert_refuses(&f->asks, &forged, "not authentic");
    assert_int_equal(read_message(&f->asks, &f->second, &err), -EPROTO);
    assert_int_equal(read_message(&f->answers, &f->first, &err), -EPROTO); /* has answered already */
    assert_non_null(strstr(err.text, "out of turn"));
    assert_wiped(&f->answers, sizeof f->answers);
}

static void another_prologue_is_another_protocol(void **state)
{
    struct fixture *f = *state;
    write_first(f);
    handshake_respond(&f->answers, "warroom/2", &f->collector);
    assert_refuses(&f->answers, &f->first, "not authentic");
}

/* What RFC 7748's curve has of points whose order divides 8, and the same numbers written p higher where they fit. */
static const char *const low_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

/* X25519 ignores the top bit, so each of them is there twice. */
enum { LOW_ORDER = 2 * sizeof low_order / sizeof *low_order };

static void low_order_point(size_t i, uint8_t ret[KEY_BYTES])
{
    const char *hex = low_order[i / 2];
    assert_int_equal(sodium_hex2bin(ret, KEY_BYTES, hex, strlen(hex), NULL, NULL, NULL), 0);
    ret[KEY_BYTES - 1] |= (uint8_t)(i % 2 << 7);
}

/* The attacks themselves: with such a key every secret would be zero, which anybody can mix in. What is made here would
 * be let in if nobody looked. */
static const uint8_t zero[KEY_BYTES];

static void an_ephemeral_key_of_low_order_is_refused_by_the_collector(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < LOW_ORDER; i++) {
        struct message *message = &f->first;
        uint8_t *box = message->at + KEY_BYTES;
        handshake_initiate(&f->asks, CHANNEL_PROLOGUE, &f->stranger, &f->collector.public_key);
        struct noise *noise = &f->asks.noise;
        uint8_t secret[KEY_BYTES];
        low_order_point(i, message->at);
        noise_mix_hash(noise, message->at, KEY_BYTES);
        noise_mix_key(noise, zero);
        noise_seal_and_hash(noise, f->stranger.public_key.bytes, KEY_BYTES, box);
        assert_int_equal(crypto_scalarmult(secret, f->stranger.secret, f->collector.public_key.bytes), 0);
        noise_mix_key(noise, secret);
        noise_seal_and_hash(noise, NULL, 0, box + KEY_BYTES + CHANNEL_TAG_BYTES);
        message->len = HANDSHAKE_FIRST_BYTES;
        handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
        assert_refuses(&f->answers, message, "low order");
    }
}

static void a_static_key_of_low_order_is_nobodys(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < LOW_ORDER; i++) {
        struct message *message = &f->first;
        uint8_t *box = message->at + KEY_BYTES;
        handshake_initiate(&f->asks, CHANNEL_PROLOGUE, &f->stranger, &f->collector.public_key);
        struct noise *noise = &f->asks.noise;
        uint8_t secret[KEY_BYTES];
        uint8_t point[KEY_BYTES];
        low_order_point(i, point);
        memcpy(message->at, f->agent.public_key.bytes, KEY_BYTES); /* any good pair is ephemeral enough for this */
        noise_mix_hash(noise, message->at, KEY_BYTES);
        assert_int_equal(crypto_scalarmult(secret, f->agent.secret, f->collector.public_key.bytes), 0);
        noise_mix_key(noise, secret);
        noise_seal_and_hash(noise, point, KEY_BYTES, box);
        noise_mix_key(noise, zero);
        noise_seal_and_hash(noise, NULL, 0, box + KEY_BYTES + CHANNEL_TAG_BYTES);
        message->len = HANDSHAKE_FIRST_BYTES;
        handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
        assert_refuses(&f->answers, message, "low order");
    }
}

static void an_ephemeral_key_of_low_order_is_refused_by_the_agent(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < LOW_ORDER; i++) {
        write_first(f);
        handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
        assert_reads(&f->answers, &f->first, HELLO);
        struct noise *noise = &f->answers.noise;
        low_order_point(i, f->second.at);
        noise_mix_hash(noise, f->second.at, KEY_BYTES);
        noise_mix_key(noise, zero);
        noise_mix_key(noise, zero);
        noise_seal_and_hash(noise, NULL, 0, f->second.at + KEY_BYTES);
        f->second.len = HANDSHAKE_SECOND_BYTES;
        assert_refuses(&f->asks, &f->second, "low order");
    }
}

static void a_pinned_key_of_low_order_is_not_even_asked(void **state)
{
    struct fixture *f = *state;
    struct public_key pinned;
    low_order_point(4, pinned.bytes);
    handshake_initiate(&f->asks, CHANNEL_PROLOGUE, &f->agent, &pinned);
    assert_int_equal(handshake_write(&f->asks, NULL, 0, f->first.at, sizeof f->first.at, &f->first.len, NULL),
                     -EBADMSG);
    assert_wiped(&f->asks, sizeof f->asks);
}

static void payloads_have_a_limit_both_ways(void **state)
{
    struct fixture *f = *state;
    size_t len = 99;
    handshake_initiate(&f->asks, CHANNEL_PROLOGUE, &f->agent, &f->collector.public_key);
    assert_int_equal(handshake_write(&f->asks, f->plain, HANDSHAKE_PAYLOAD_MAX, f->first.at, sizeof f->first.at,
                                     &f->first.len, NULL),
                     0);
    assert_int_equal(f->first.len, HANDSHAKE_MESSAGE_MAX);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_int_equal(
        handshake_read(&f->answers, f->first.at, f->first.len, f->box, HANDSHAKE_PAYLOAD_MAX - 1, &len, NULL),
        -EMSGSIZE);
    assert_wiped(&f->answers, sizeof f->answers);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_int_equal(
        handshake_read(&f->answers, f->first.at, f->first.len + 1, f->box, CHANNEL_MESSAGE_MAX, &len, NULL), -EMSGSIZE);
    assert_int_equal(len, 99);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_int_equal(read_message(&f->answers, &f->first, NULL), 0);
    assert_int_equal(
        handshake_write(&f->answers, f->plain, HANDSHAKE_PAYLOAD_MAX + 1, f->box, CHANNEL_MESSAGE_MAX, &len, NULL),
        -EMSGSIZE);
    assert_wiped(&f->answers, sizeof f->answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(the_collector_knows_who_asks_and_what_before_it_answers),
        SENTENCE(nothing_of_a_handshake_is_left_once_there_is_a_channel),
        SENTENCE(no_two_handshakes_are_alike),
        SENTENCE(what_is_said_is_not_to_be_seen),
        SENTENCE(a_first_message_with_any_bit_turned_is_refused),
        SENTENCE(a_second_message_with_any_bit_turned_is_refused),
        SENTENCE(messages_cut_short_or_drawn_out_are_refused),
        SENTENCE(a_collector_with_another_key_cannot_read_what_was_not_meant_for_it),
        SENTENCE(who_has_not_the_collectors_secret_cannot_answer),
        SENTENCE(who_has_not_the_agents_secret_cannot_ask_in_its_name),
        SENTENCE(an_answer_to_another_handshake_is_refused),
        SENTENCE(a_message_out_of_turn_ends_the_handshake_and_no_more),
        SENTENCE(another_prologue_is_another_protocol),
        SENTENCE(an_ephemeral_key_of_low_order_is_refused_by_the_collector),
        SENTENCE(a_static_key_of_low_order_is_nobodys),
        SENTENCE(an_ephemeral_key_of_low_order_is_refused_by_the_agent),
        SENTENCE(a_pinned_key_of_low_order_is_not_even_asked),
        SENTENCE(payloads_have_a_limit_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
