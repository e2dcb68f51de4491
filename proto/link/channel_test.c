#include "proto/link/channel_fixture.h"

static uint64_t seal_text(struct channel *channel, const char *text, struct message *ret)
{
    uint64_t counter;
    assert_int_equal(
        channel_seal(channel, (const uint8_t *)text, strlen(text), ret->at, sizeof ret->at, &ret->len, &counter, NULL),
        0);
    return counter;
}

static int open_message(struct fixture *f, struct channel *channel, uint64_t counter, const struct message *message)
{
    size_t len;
    return channel_open(channel, counter, message->at, message->len, f->plain, CHANNEL_MESSAGE_MAX, &len, NULL);
}

static void assert_opens(struct channel *channel, uint64_t counter, const struct message *message, const char *text)
{
    uint8_t plain[HANDSHAKE_MESSAGE_MAX];
    size_t len;
    assert_int_equal(channel_open(channel, counter, message->at, message->len, plain, sizeof plain, &len, NULL), 0);
    assert_int_equal(len, strlen(text));
    assert_memory_equal(plain, text, len);
}

static void each_side_counts_its_own_messages_from_zero(void **state)
{
    struct fixture *f = *state;
    struct message message;
    shake(f);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(seal_text(&f->ours, "report", &message), i);
        assert_opens(&f->theirs, i, &message, "report");
    }
    assert_int_equal(seal_text(&f->theirs, "", &message), 0);
    assert_int_equal(message.len, CHANNEL_TAG_BYTES);
    assert_opens(&f->ours, 0, &message, "");
}

static void the_counter_is_the_nonce_behind_four_zero_bytes_the_lowest_first(void **state)
{
    static const uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES] = { 0, 0, 0, 0, 0x21, 0x43, 0x05 };
    struct fixture *f = *state;
    struct message message;
    uint8_t want[6 + CHANNEL_TAG_BYTES];
    shake(f);
    f->ours.next_seal = 0x54321;
    assert_int_equal(seal_text(&f->ours, "report", &message), 0x54321);
    crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, (const uint8_t *)"report", 6, NULL, 0, NULL, nonce,
                                              f->ours.seal_key);
    assert_int_equal(message.len, sizeof want);
    assert_memory_equal(message.at, want, sizeof want);
}

static void the_same_text_is_never_the_same_bytes(void **state)
{
    struct fixture *f = *state;
    struct message one, two;
    shake(f);
    seal_text(&f->ours, "report", &one);
    seal_text(&f->ours, "report", &two);
    assert_memory_not_equal(one.at, two.at, one.len);
}

static void what_was_opened_does_not_open_again(void **state)
{
    struct fixture *f = *state;
    struct message message;
    shake(f);
    uint64_t counter = seal_text(&f->ours, "report", &message);
    assert_opens(&f->theirs, counter, &message, "report");
    assert_int_equal(open_message(f, &f->theirs, counter, &message), CHANNEL_OLD);
    assert_int_equal(open_message(f, &f->theirs, counter + 1, &message), -EBADMSG); /* nor under a newer counter */
}

static void what_was_overtaken_does_not_open_any_more(void **state)
{
    struct fixture *f = *state;
    struct message messages[3];
    shake(f);
    for (size_t i = 0; i < 3; i++)
        seal_text(&f->ours, "report", &messages[i]);
    assert_opens(&f->theirs, 1, &messages[1], "report"); /* a gap is fine */
    assert_int_equal(open_message(f, &f->theirs, 0, &messages[0]), CHANNEL_OLD);
    assert_opens(&f->theirs, 2, &messages[2], "report");
}

static void a_forgery_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct message message;
    shake(f);
    seal_text(&f->ours, "report", &message);
    for (size_t bit = 0; bit < message.len * 8; bit++) {
        message.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_message(f, &f->theirs, 0, &message), -EBADMSG);
        assert_int_equal(f->theirs.next_open, 0);
        message.at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(open_message(f, &f->theirs, 1000, &message), -EBADMSG); /* a counter from the future */
    assert_opens(&f->theirs, 0, &message, "report");
}

static void a_message_cut_short_is_refused(void **state)
{
    struct fixture *f = *state;
    struct message message;
    shake(f);
    seal_text(&f->ours, "report", &message);
    size_t len = message.len;
    for (message.len = 0; message.len < len; message.len++)
        assert_int_equal(open_message(f, &f->theirs, 0, &message), -EBADMSG);
    assert_opens(&f->theirs, 0, &message, "report");
}

static void what_a_side_sealed_is_not_the_others_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    struct message message;
    shake(f);
    seal_text(&f->ours, "report", &message);
    assert_int_equal(open_message(f, &f->ours, 0, &message), -EBADMSG);
}

/* Who recorded a first message can play it to the collector again, and gets an answer that is of no use to it. */
static void a_first_message_played_again_makes_a_channel_that_opens_nothing(void **state)
{
    struct fixture *f = *state;
    struct message message, answer;
    struct channel replayed;
    shake(f);
    handshake_respond(&f->answers, CHANNEL_PROLOGUE, &f->collector);
    assert_reads(&f->answers, &f->first, HELLO);
    write_text(&f->answers, ANSWER, &answer);
    handshake_finish(&f->answers, &replayed);
    seal_text(&f->ours, "report", &message);
    assert_int_equal(open_message(f, &replayed, 0, &message), -EBADMSG);
    assert_opens(&f->theirs, 0, &message, "report");
}

static void the_longest_message_goes_through_and_no_longer_one(void **state)
{
    struct fixture *f = *state;
    enum { MOST = CHANNEL_MESSAGE_MAX - CHANNEL_TAG_BYTES };
    size_t len = 99;
    uint64_t counter = 99;
    shake(f);
    randombytes_buf(f->plain, MOST);
    assert_int_equal(channel_seal(&f->ours, f->plain, MOST + 1, f->box, CHANNEL_MESSAGE_MAX + 1, &len, &counter, NULL),
                     -EMSGSIZE);
    assert_int_equal(channel_seal(&f->ours, f->plain, MOST, f->box, CHANNEL_MESSAGE_MAX - 1, &len, &counter, NULL),
                     -EMSGSIZE);
    assert_true(len == 99 && counter == 99);
    assert_int_equal(channel_seal(&f->ours, f->plain, MOST, f->box, CHANNEL_MESSAGE_MAX, &len, &counter, NULL), 0);
    assert_true(len == CHANNEL_MESSAGE_MAX && counter == 0); /* the refused ones used none */
    uint8_t *opened = calloc(1, CHANNEL_MESSAGE_MAX + 1);
    assert_int_equal(channel_open(&f->theirs, 0, f->box, len + 1, opened, CHANNEL_MESSAGE_MAX, &len, NULL), -EMSGSIZE);
    assert_int_equal(channel_open(&f->theirs, 0, f->box, len, opened, MOST - 1, &len, NULL), -EMSGSIZE);
    assert_int_equal(channel_open(&f->theirs, 0, f->box, len, opened, MOST, &len, NULL), 0);
    assert_int_equal(len, MOST);
    int differs = memcmp(opened, f->plain, MOST);
    free(opened);
    assert_int_equal(differs, 0);
}

static void sealing_and_opening_need_no_second_buffer(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[64] = "report";
    size_t len;
    uint64_t counter;
    shake(f);
    assert_int_equal(channel_seal(&f->ours, bytes, 6, bytes, sizeof bytes, &len, &counter, NULL), 0);
    assert_memory_not_equal(bytes, "report", 6);
    assert_int_equal(channel_open(&f->theirs, counter, bytes, len, bytes, sizeof bytes, &len, NULL), 0);
    assert_int_equal(len, 6);
    assert_memory_equal(bytes, "report", 6);
}

static void after_2_to_the_20_messages_a_new_handshake_is_due(void **state)
{
    struct fixture *f = *state;
    struct message message, none = { .len = 77 };
    uint64_t counter = 77;
    shake(f);
    f->ours.next_seal = CHANNEL_MESSAGES_MAX - 1;
    assert_int_equal(seal_text(&f->ours, "the last", &message), CHANNEL_MESSAGES_MAX - 1);
    assert_int_equal(channel_seal(&f->ours, f->plain, 1, none.at, sizeof none.at, &none.len, &counter, NULL),
                     CHANNEL_OVER);
    assert_true(none.len == 77 && counter == 77 && none.at[0] == 0);
    assert_opens(&f->theirs, CHANNEL_MESSAGES_MAX - 1, &message, "the last");
    assert_int_equal(open_message(f, &f->theirs, CHANNEL_MESSAGES_MAX - 1, &message), CHANNEL_OLD);
    assert_int_equal(open_message(f, &f->theirs, CHANNEL_MESSAGES_MAX, &message), CHANNEL_OVER);
}

/* Not even for who has the key: Noise keeps the last nonce for itself. */
static void a_counter_over_the_limit_is_not_even_tried(void **state)
{
    static const uint64_t counters[] = { CHANNEL_MESSAGES_MAX, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX };
    struct fixture *f = *state;
    struct message message;
    shake(f);
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        if (counters[i] != UINT64_MAX)
            noise_seal(f->theirs.open_key, counters[i], (const uint8_t *)"report", 6, message.at);
        message.len = 6 + CHANNEL_TAG_BYTES;
        assert_int_equal(open_message(f, &f->theirs, counters[i], &message), CHANNEL_OVER);
    }
    seal_text(&f->ours, "report", &message);
    assert_opens(&f->theirs, 0, &message, "report");
}

static void a_channel_that_is_done_has_no_keys(void **state)
{
    struct fixture *f = *state;
    shake(f);
    assert_false(sodium_is_zero(f->ours.seal_key, NOISE_KEY_BYTES));
    channel_done(&f->ours);
    assert_wiped(&f->ours, sizeof f->ours);
}

/* The keys of such a channel are zero: who takes them for keys must get nowhere. */
static void a_channel_that_is_done_or_not_begun_neither_seals_nor_opens(void **state)
{
    struct fixture *f = *state;
    struct message message;
    uint64_t counter = 77;
    noise_seal(f->ours.open_key, 0, (const uint8_t *)"report", 6, message.at);
    message.len = 6 + CHANNEL_TAG_BYTES;
    assert_int_equal(open_message(f, &f->ours, 0, &message), CHANNEL_OVER);
    assert_int_equal(channel_seal(&f->ours, f->plain, 1, f->box, CHANNEL_MESSAGE_MAX, &message.len, &counter, NULL),
                     CHANNEL_OVER);
    assert_true(counter == 77 && f->box[0] == 0);
    shake(f);
    channel_done(&f->ours);
    assert_int_equal(open_message(f, &f->ours, 0, &message), CHANNEL_OVER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SENTENCE(each_side_counts_its_own_messages_from_zero),
        SENTENCE(the_counter_is_the_nonce_behind_four_zero_bytes_the_lowest_first),
        SENTENCE(the_same_text_is_never_the_same_bytes),
        SENTENCE(what_was_opened_does_not_open_again),
        SENTENCE(what_was_overtaken_does_not_open_any_more),
        SENTENCE(a_forgery_changes_nothing),
        SENTENCE(a_message_cut_short_is_refused),
        SENTENCE(what_a_side_sealed_is_not_the_others_when_it_comes_back),
        SENTENCE(a_first_message_played_again_makes_a_channel_that_opens_nothing),
        SENTENCE(the_longest_message_goes_through_and_no_longer_one),
        SENTENCE(sealing_and_opening_need_no_second_buffer),
        SENTENCE(after_2_to_the_20_messages_a_new_handshake_is_due),
        SENTENCE(a_counter_over_the_limit_is_not_even_tried),
        SENTENCE(a_channel_that_is_done_has_no_keys),
        SENTENCE(a_channel_that_is_done_or_not_begun_neither_seals_nor_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
