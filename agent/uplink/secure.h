/* agent/uplink/secure.h - the agent's end of the secure channel: requests become envelopes, envelopes answers.
 *
 * Shape    secure_hello() begins a handshake, a fresh one each time; secure_open() takes what came for an answer to it;
 *          if that was a welcome, secure_begin() makes it the session's channel, for secure_seal() and secure_open()
 * Trust    what secure_open() opened was said by the collector whose key is pinned, in this very session
 * Secrets  in the caller's memory, not to be copied; secure_done() wipes them. The static key is borrowed until then
 * Threads  one caller
 */
#pragma once
#include "proto/codec/message.h"
#include "proto/link/channel.h"

enum {
    SECURE_PLAIN_MAX = CHANNEL_MESSAGE_MAX - CHANNEL_TAG_BYTES, /* of a request that is sealed */
    SECURE_SENT_MAX = CHANNEL_MESSAGE_MAX + 32,                 /* an envelope's kind, counter and lengths */
};

struct secure {
    const struct key_pair *own; /* borrowed */
    struct public_key collector;
    struct handshake handshake;
    struct channel channel;
};

struct sent { /* what the link is to carry */
    size_t len;
    uint8_t bytes[SECURE_SENT_MAX];
    uint8_t box[CHANNEL_MESSAGE_MAX]; /* on the way to there */
};

void secure_init(struct secure *secure, const struct key_pair *own, const struct public_key *collector);

/* Ends what was, and begins a handshake with this hello. -EMSGSIZE, -ENOMEM; -EBADMSG: the pinned key is none. */
int secure_hello(struct secure *secure, const struct hello *hello, struct sent *ret, struct err *err);

/* Seals a request under the next counter. CHANNEL_OVER: only a new hello goes on. -EMSGSIZE: over SECURE_PLAIN_MAX. */
int secure_seal(struct secure *secure, const struct request *request, struct sent *ret, struct err *err);

/* Whether the session's counters are used up. */
bool secure_is_over(const struct secure *secure);

/* Opens a handshake's or a sealed envelope, at most `size` bytes to `plain`. CHANNEL_OLD, CHANNEL_OVER, -EBADMSG,
 * -EMSGSIZE, -EPROTO: it is not the collector's answer, of this session; a handshake is over by that, a channel is not.
 */
int secure_open(struct secure *secure, const struct envelope *envelope, uint8_t *plain, size_t size, size_t *ret_len,
                struct err *err);

/* The handshake's answer was a welcome. */
void secure_begin(struct secure *secure);

/* Wipes it. For AUTO(). */
void secure_done(struct secure *secure);
