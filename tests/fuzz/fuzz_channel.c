/* A stranger's bytes meet a collector and an agent in the middle of a handshake, and a channel that stands. What is not
 * what the peer wrote, to the last byte, must be refused, and a handshake that refused must be all zero; what the peer
 * did write must come back as it was. Input: u8 what it is for, u8 how it is made, then
 *   how even: the message itself
 *   how odd:  a payload the peer makes a true message of, after u16 place and u8 mask to spoil it with (0: not at all);
 *             for the transport, then u8 how far to go on counting */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/link/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key_pair agent;
static struct key_pair collector;
static uint8_t message[CHANNEL_MESSAGE_MAX];
static uint8_t payload[CHANNEL_MESSAGE_MAX];

static void check(int good)
{
    if (!good)
        abort();
}

/* ---- every run of an input the same ---- */

static uint64_t drawn;

static const char *name_of_random(void)
{
    return "counted";
}

static void count_random(void *const buffer, const size_t size)
{
    static const uint8_t seed[randombytes_SEEDBYTES] = { 1 };
    uint8_t bytes[randombytes_SEEDBYTES];
    memcpy(bytes, seed, sizeof bytes);
    memcpy(bytes + 8, &drawn, sizeof drawn);
    drawn++;
    randombytes_buf_deterministic(buffer, size, bytes);
}

static uint32_t random_word(void)
{
    uint32_t word;
    count_random(&word, sizeof word);
    return word;
}

static void start(void)
{
    static randombytes_implementation counted = { .implementation_name = name_of_random,
                                                  .random = random_word,
                                                  .buf = count_random };
    static int started;
    drawn = 0;
    if (started++)
        return;
    check(sodium_init() >= 0 && randombytes_set_implementation(&counted) == 0);
    check(key_pair_draw(&agent, NULL) == 0 && key_pair_draw(&collector, NULL) == 0);
}

/* ---- what the peer makes ---- */

struct input {
    const uint8_t *at;
    size_t len;
    size_t place;
    uint8_t mask;
    bool spoilt; /* or a stranger's from the start */
};

static struct input read_input(bool true_message, const uint8_t *data, size_t size)
{
    if (!true_message)
        return (struct input){ .at = data, .len = size, .spoilt = true };
    if (size < 3)
        return (struct input){ 0 };
    return (struct input){ .at = data + 3,
                           .len = size - 3,
                           .place = (size_t)(data[0] | data[1] << 8),
                           .mask = data[2],
                           .spoilt = data[2] != 0 };
}

/* The bytes in a block of their own, so that reading past them is seen. */
static uint8_t *spoil(const struct input *input, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    check(copy != NULL);
    if (len > 0) {
        memcpy(copy, bytes, len);
        copy[input->place % len] ^= input->mask;
    }
    return copy;
}

/* ---- the three of them ---- */

static void read_handshake(struct handshake *handshake, const struct input *input, bool whole, size_t len)
{
    size_t n = SIZE_MAX;
    uint8_t *bytes = whole ? spoil(input, message, len) : spoil(input, input->at, input->len);
    int rc = handshake_read(handshake, bytes, whole ? len : input->len, payload, HANDSHAKE_PAYLOAD_MAX, &n, NULL);
    free(bytes);
    check((rc == 0) == !input->spoilt);
    if (rc < 0) {
        check(n == SIZE_MAX && sodium_is_zero((const uint8_t *)handshake, sizeof *handshake));
        return;
    }
    check(n == input->len && (n == 0 || memcmp(payload, input->at, n) == 0));
}

/* False: too long, and said so. */
static bool write_handshake(struct handshake *handshake, const struct input *input, size_t *ret_len)
{
    int rc = handshake_write(handshake, input->at, input->len, message, sizeof message, ret_len, NULL);
    check((rc == 0) == (input->len <= HANDSHAKE_PAYLOAD_MAX));
    return rc == 0;
}

static void first_message(const struct input *input, bool true_message)
{
    struct handshake asks;
    struct handshake answers;
    size_t len = 0;
    handshake_initiate(&asks, CHANNEL_PROLOGUE, &agent, &collector.public_key);
    if (true_message && !write_handshake(&asks, input, &len))
        return;
    handshake_respond(&answers, CHANNEL_PROLOGUE, &collector);
    read_handshake(&answers, input, true_message, len);
    check(input->spoilt || memcmp(handshake_peer(&answers), &agent.public_key, sizeof agent.public_key) == 0);
}

static void both_know_the_first(struct handshake *asks, struct handshake *answers)
{
    size_t len;
    handshake_initiate(asks, CHANNEL_PROLOGUE, &agent, &collector.public_key);
    handshake_respond(answers, CHANNEL_PROLOGUE, &collector);
    check(handshake_write(asks, NULL, 0, message, sizeof message, &len, NULL) == 0);
    check(handshake_read(answers, message, len, payload, sizeof payload, &len, NULL) == 0);
}

static void second_message(const struct input *input, bool true_message)
{
    struct handshake asks;
    struct handshake answers;
    size_t len = 0;
    both_know_the_first(&asks, &answers);
    if (true_message && !write_handshake(&answers, input, &len))
        return;
    read_handshake(&asks, input, true_message, len);
}

/* The first byte says under which counter the bytes come: those next in line, and some before and after. */
static void transport(const struct input *input, bool true_message)
{
    struct handshake asks;
    struct handshake answers;
    struct channel ours;
    struct channel theirs;
    size_t len;
    uint64_t counter = 0;
    if (input->len == 0 || input->len > CHANNEL_MESSAGE_MAX - CHANNEL_TAG_BYTES)
        return;
    both_know_the_first(&asks, &answers);
    check(handshake_write(&answers, NULL, 0, message, sizeof message, &len, NULL) == 0);
    check(handshake_read(&asks, message, len, payload, sizeof payload, &len, NULL) == 0);
    handshake_finish(&asks, &ours);
    handshake_finish(&answers, &theirs);
    ours.next_seal = theirs.next_open = (uint64_t)input->at[0] << 12; /* up to just below the limit */
    len = input->len;
    if (true_message)
        check(channel_seal(&ours, input->at, input->len, message, sizeof message, &len, &counter, NULL) == 0);
    else
        counter = input->len > 9 ? *input->at + theirs.next_open : UINT64_MAX - input->len;
    uint64_t before = theirs.next_open;
    uint8_t *bytes = spoil(input, true_message ? message : input->at, len);
    size_t n = SIZE_MAX;
    int rc = channel_open(&theirs, counter, bytes, len, payload, sizeof payload, &n, NULL);
    check((rc == 0) == !input->spoilt);
    if (rc != 0) {
        check(n == SIZE_MAX && theirs.next_open == before);
    } else {
        check(n == input->len && memcmp(payload, input->at, n) == 0);
        check(channel_open(&theirs, counter, bytes, len, payload, sizeof payload, &n, NULL) == CHANNEL_OLD);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const what[])(const struct input *input, bool true_message) = { first_message, second_message,
                                                                                  transport };
    start();
    if (size < 2)
        return 0;
    bool true_message = data[1] % 2 == 1;
    struct input input = read_input(true_message, data + 2, size - 2);
    if (true_message && !input.at)
        return 0;
    what[data[0] % 3](&input, true_message);
    return 0;
}
