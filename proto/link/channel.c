/* The pattern, from the specification's section 7.5; the collector's static key is known beforehand:
 *
 *     IK:   <- s
 *           ...
 *           -> e, es, s, ss
 *           <- e, ee, se
 *
 * A letter sends a key of the sender's (e ephemeral, s static), two of them mix in the Diffie-Hellman of the
 * initiator's first and the responder's second. Everything sent after `es` is encrypted. */
#include "proto/link/channel.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define PROTOCOL "Noise_IK_25519_ChaChaPoly_BLAKE2b"

_Static_assert((int)KEY_BYTES == (int)crypto_scalarmult_curve25519_BYTES, "X25519's keys");
_Static_assert((int)KEY_BYTES == (int)NOISE_KEY_BYTES, "what X25519 gives is mixed in as it is");

/* What comes next. Zero, what a wiped handshake has, is none of them. */
enum handshake_stage {
    STAGE_OVER,
    STAGE_WRITE_FIRST,
    STAGE_READ_FIRST,
    STAGE_WRITE_SECOND,
    STAGE_READ_SECOND,
    STAGE_FINISH
};

/* ---- handshake ---- */

static void begin(struct handshake *handshake, const char *prologue, const struct key_pair *own)
{
    assert(prologue && own);
    memset(handshake, 0, sizeof *handshake);
    noise_init(&handshake->noise, PROTOCOL);
    noise_mix_hash(&handshake->noise, prologue, strlen(prologue));
    handshake->own = own;
}

void handshake_initiate(struct handshake *handshake, const char *prologue, const struct key_pair *own,
                        const struct public_key *peer)
{
    begin(handshake, prologue, own);
    handshake->peer = *peer;
    noise_mix_hash(&handshake->noise, peer->bytes, sizeof peer->bytes);
    handshake->initiator = true;
    handshake->stage = STAGE_WRITE_FIRST;
}

void handshake_respond(struct handshake *handshake, const char *prologue, const struct key_pair *own)
{
    begin(handshake, prologue, own);
    noise_mix_hash(&handshake->noise, own->public_key.bytes, sizeof own->public_key.bytes);
    handshake->stage = STAGE_READ_FIRST;
}

/* A public key of low order makes the secret all zero, known to everybody: libsodium says so. */
static int mix_secret(struct handshake *handshake, const struct key_pair *ours, const struct public_key *theirs,
                      struct err *err)
{
    uint8_t secret[KEY_BYTES];
    int rc = crypto_scalarmult_curve25519(secret, ours->secret, theirs->bytes);
    if (rc == 0)
        noise_mix_key(&handshake->noise, secret);
    sodium_memzero(secret, sizeof secret);
    return rc == 0 ? 0 : err_set(err, -EBADMSG, "channel: the peer's public key is of low order");
}

static int write_ephemeral(struct handshake *handshake, uint8_t *message, struct err *err)
{
    int rc = key_pair_draw(&handshake->ephemeral, err);
    if (rc < 0)
        return rc;
    memcpy(message, handshake->ephemeral.public_key.bytes, KEY_BYTES);
    noise_mix_hash(&handshake->noise, message, KEY_BYTES);
    return 0;
}

static void read_ephemeral(struct handshake *handshake, const uint8_t *message)
{
    memcpy(handshake->peer_ephemeral.bytes, message, KEY_BYTES);
    noise_mix_hash(&handshake->noise, message, KEY_BYTES);
}

static int read_box(struct handshake *handshake, const uint8_t *box, size_t len, uint8_t *ret_plain, struct err *err)
{
    if (noise_open_and_hash(&handshake->noise, box, len, ret_plain))
        return 0;
    return err_set(err, -EBADMSG, "channel: a handshake message is not authentic");
}

/* -> e, es, s, ss */
static int write_first(struct handshake *handshake, const uint8_t *payload, size_t len, uint8_t *message,
                       struct err *err)
{
    const struct key_pair *own = handshake->own;
    int rc = write_ephemeral(handshake, message, err);
    if (rc == 0)
        rc = mix_secret(handshake, &handshake->ephemeral, &handshake->peer, err);
    if (rc < 0)
        return rc;
    message += KEY_BYTES;
    noise_seal_and_hash(&handshake->noise, own->public_key.bytes, KEY_BYTES, message);
    message += KEY_BYTES + CHANNEL_TAG_BYTES;
    rc = mix_secret(handshake, own, &handshake->peer, err);
    if (rc == 0)
        noise_seal_and_hash(&handshake->noise, payload, len, message);
    return rc;
}

static int read_first(struct handshake *handshake, const uint8_t *message, size_t len, uint8_t *payload,
                      struct err *err)
{
    const uint8_t *end = message + len;
    read_ephemeral(handshake, message);
    message += KEY_BYTES;
    int rc = mix_secret(handshake, handshake->own, &handshake->peer_ephemeral, err);
    if (rc == 0)
        rc = read_box(handshake, message, KEY_BYTES + CHANNEL_TAG_BYTES, handshake->peer.bytes, err);
    if (rc == 0)
        rc = mix_secret(handshake, handshake->own, &handshake->peer, err);
    message += KEY_BYTES + CHANNEL_TAG_BYTES;
    return rc < 0 ? rc : read_box(handshake, message, (size_t)(end - message), payload, err);
}

/* <- e, ee, se */
static int write_second(struct handshake *handshake, const uint8_t *payload, size_t len, uint8_t *message,
                        struct err *err)
{
    int rc = write_ephemeral(handshake, message, err);
    if (rc == 0)
        rc = mix_secret(handshake, &handshake->ephemeral, &handshake->peer_ephemeral, err);
    if (rc == 0)
        rc = mix_secret(handshake, &handshake->ephemeral, &handshake->peer, err);
    if (rc == 0)
        noise_seal_and_hash(&handshake->noise, payload, len, message + KEY_BYTES);
    return rc;
}

static int read_second(struct handshake *handshake, const uint8_t *message, size_t len, uint8_t *payload,
                       struct err *err)
{
    read_ephemeral(handshake, message);
    int rc = mix_secret(handshake, &handshake->ephemeral, &handshake->peer_ephemeral, err);
    if (rc == 0)
        rc = mix_secret(handshake, handshake->own, &handshake->peer_ephemeral, err);
    return rc < 0 ? rc : read_box(handshake, message + KEY_BYTES, len - KEY_BYTES, payload, err);
}

/* Wipes a handshake that failed. */
static int fail(struct handshake *handshake, int rc)
{
    handshake_done(handshake);
    return rc;
}

static int check_payload(size_t len, size_t room, struct err *err)
{
    if (room > HANDSHAKE_PAYLOAD_MAX)
        room = HANDSHAKE_PAYLOAD_MAX;
    return len <= room ? 0
                       : err_set(err, -EMSGSIZE, "channel: handshake with %zu bytes of payload, at most %zu are taken",
                                 len, room);
}

int handshake_write(struct handshake *handshake, const uint8_t *payload, size_t len, uint8_t *message, size_t size,
                    size_t *ret_len, struct err *err)
{
    assert((payload || len == 0) && message && ret_len);
    assert(handshake->stage == STAGE_WRITE_FIRST || handshake->stage == STAGE_WRITE_SECOND);
    bool first = handshake->stage == STAGE_WRITE_FIRST;
    size_t around = first ? HANDSHAKE_FIRST_BYTES : HANDSHAKE_SECOND_BYTES;
    assert(size >= around);
    int rc = check_payload(len, size - around, err);
    if (rc == 0)
        rc = (first ? write_first : write_second)(handshake, payload, len, message, err);
    if (rc < 0)
        return fail(handshake, rc);
    handshake->stage = first ? STAGE_READ_SECOND : STAGE_FINISH;
    *ret_len = around + len;
    return 0;
}

int handshake_read(struct handshake *handshake, const uint8_t *message, size_t len, uint8_t *payload, size_t size,
                   size_t *ret_len, struct err *err)
{
    assert((message || len == 0) && payload && ret_len);
    if (handshake->stage != STAGE_READ_FIRST && handshake->stage != STAGE_READ_SECOND)
        return fail(handshake, err_set(err, -EPROTO, "channel: a handshake message out of turn"));
    bool first = handshake->stage == STAGE_READ_FIRST;
    size_t around = first ? HANDSHAKE_FIRST_BYTES : HANDSHAKE_SECOND_BYTES;
    if (len < around)
        return fail(handshake,
                    err_set(err, -EBADMSG, "channel: handshake of %zu bytes, want %zu at least", len, around));
    int rc = check_payload(len - around, size, err);
    if (rc == 0)
        rc = (first ? read_first : read_second)(handshake, message, len, payload, err);
    if (rc < 0)
        return fail(handshake, rc);
    handshake->stage = first ? STAGE_WRITE_SECOND : STAGE_FINISH;
    *ret_len = len - around;
    return 0;
}

const struct public_key *handshake_peer(const struct handshake *handshake)
{
    assert(handshake->stage != STAGE_OVER && handshake->stage != STAGE_READ_FIRST);
    return &handshake->peer;
}

void handshake_finish(struct handshake *handshake, struct channel *ret)
{
    assert(handshake->stage == STAGE_FINISH);
    memset(ret, 0, sizeof *ret);
    if (handshake->initiator)
        noise_split(&handshake->noise, ret->seal_key, ret->open_key);
    else
        noise_split(&handshake->noise, ret->open_key, ret->seal_key);
    ret->open = true;
    handshake_done(handshake);
}

void handshake_done(struct handshake *handshake)
{
    sodium_memzero(handshake, sizeof *handshake);
}

/* ---- transport ---- */

int channel_seal(struct channel *channel, const uint8_t *plain, size_t len, uint8_t *box, size_t size, size_t *ret_len,
                 uint64_t *ret_counter, struct err *err)
{
    assert((plain || len == 0) && box && ret_len && ret_counter);
    if (len > CHANNEL_MESSAGE_MAX - CHANNEL_TAG_BYTES || size < len + CHANNEL_TAG_BYTES)
        return err_set(err, -EMSGSIZE, "channel: %zu bytes to seal, at most %d, room for %zu with a tag", len,
                       CHANNEL_MESSAGE_MAX - CHANNEL_TAG_BYTES, size);
    if (!channel->open || channel->next_seal >= CHANNEL_MESSAGES_MAX) /* what is not open has keys everybody knows */
        return CHANNEL_OVER;
    *ret_counter = channel->next_seal++;
    noise_seal(channel->seal_key, *ret_counter, plain, len, box);
    *ret_len = len + CHANNEL_TAG_BYTES;
    return 0;
}

int channel_open(struct channel *channel, uint64_t counter, const uint8_t *box, size_t len, uint8_t *plain, size_t size,
                 size_t *ret_len, struct err *err)
{
    assert((box || len == 0) && plain && ret_len);
    if (!channel->open || counter >= CHANNEL_MESSAGES_MAX)
        return CHANNEL_OVER;
    if (counter < channel->next_open)
        return CHANNEL_OLD;
    if (len < CHANNEL_TAG_BYTES)
        return err_set(err, -EBADMSG, "channel: sealed message of %zu bytes, want %d at least", len, CHANNEL_TAG_BYTES);
    if (len > CHANNEL_MESSAGE_MAX || len - CHANNEL_TAG_BYTES > size)
        return err_set(err, -EMSGSIZE, "channel: sealed message of %zu bytes, at most %d, room for %zu without its tag",
                       len, CHANNEL_MESSAGE_MAX, size);
    if (!noise_open(channel->open_key, counter, box, len, plain))
        return err_set(err, -EBADMSG, "channel: a sealed message is not authentic");
    channel->next_open = counter + 1;
    *ret_len = len - CHANNEL_TAG_BYTES;
    return 0;
}

void channel_done(struct channel *channel)
{
    sodium_memzero(channel, sizeof *channel);
}
