/* proto/link/channel.h - the secure channel of the uplink: Noise_IK_25519_ChaChaPoly_BLAKE2b, without I/O or time.
 *
 * Source   The Noise Protocol Framework, revision 34; docs/security.md tells what it gives and what it does not
 * Shape    a handshake of two messages, each with a payload, then messages either way under a counter:
 *
 *              agent                                            collector
 *              handshake_initiate()                             handshake_respond()
 *              handshake_write(hello)    -- message 1 -->       handshake_read()    ... admits or not ...
 *              handshake_read()          <-- message 2 --       handshake_write(answer)
 *              handshake_finish()                               handshake_finish(), or handshake_done() if it refused
 *              channel_seal()            -- counter, box -->    channel_open()
 *              channel_open()            <-- counter, box --    channel_seal()
 *
 *          Between reading message 1 and writing message 2 the collector knows its payload and handshake_peer(), and
 *          has as long as it wants
 * Trust    the agent: whoever could answer has the secret of the key it pinned. The collector: message 1 was made by
 *          whoever has the secret of handshake_peer(), but maybe long ago, for somebody else to play it again: only
 *          what does no harm when repeated may be done for it. The first transport message that opens is of now
 * Failure  of a handshake ends it: its keys are wiped, a new one is the only way on. A transport message that does not
 *          open is as if it had not come: no counter moves, the channel goes on
 * Counters a side's rise by one from 0 and are the nonces; what is opened must be above all that was opened before,
 *          gaps are fine. After CHANNEL_MESSAGES_MAX in a direction only a new handshake goes on. How long a channel
 *          may live is its users' matter: they have the clock
 * Secrets  both structs are in the caller's memory and not to be copied: handshake_done() and channel_done() wipe them,
 *          and so does every failure of a handshake
 * Threads  pure but for its own structs; any
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/link/keys.h"
#include "proto/link/noise_symmetric.h"

#define CHANNEL_PROLOGUE "warroom/1" /* what agent and collector both say; it changes when what they mean by it does */

enum {
    CHANNEL_TAG_BYTES = NOISE_TAG_BYTES,
    CHANNEL_MESSAGE_MAX = 65535, /* Noise's: a sealed message, its tag included */
    CHANNEL_MESSAGES_MAX = 1 << 20,
    HANDSHAKE_FIRST_BYTES = 2 * KEY_BYTES + 2 * CHANNEL_TAG_BYTES, /* message 1 around its payload */
    HANDSHAKE_SECOND_BYTES = KEY_BYTES + CHANNEL_TAG_BYTES,        /* message 2 */
    HANDSHAKE_PAYLOAD_MAX = 4096,                                  /* ours: it comes from strangers */
    HANDSHAKE_MESSAGE_MAX = HANDSHAKE_FIRST_BYTES + HANDSHAKE_PAYLOAD_MAX,
};

/* What channel_seal() and channel_open() answer beside 0. */
enum channel_seal_answer {
    CHANNEL_OLD = 1, /* a counter not above the last opened: sent again, or played back */
    CHANNEL_OVER = 2 /* not begun, wiped, or at the limit of its counters: a new handshake is due */
};

struct handshake {
    struct noise noise;
    const struct key_pair *own; /* borrowed until the handshake is done or finished */
    struct key_pair ephemeral;
    struct public_key peer; /* static */
    struct public_key peer_ephemeral;
    uint8_t stage; /* enum handshake_stage of channel.c; 0: over */
    bool initiator;
};

struct channel {
    uint8_t seal_key[NOISE_KEY_BYTES];
    uint8_t open_key[NOISE_KEY_BYTES];
    uint64_t next_seal; /* counter of the next message to seal */
    uint64_t next_open; /* least counter that may be opened */
    bool open;
};

/* ---- handshake ----
 *
 * In the order above. To write or to finish out of turn is a bug of the caller's and stops the program; what a peer
 * sends out of turn only ends the handshake. */

/* `peer` is the collector's key as pinned, copied. */
void handshake_initiate(struct handshake *handshake, const char *prologue, const struct key_pair *own,
                        const struct public_key *peer);
void handshake_respond(struct handshake *handshake, const char *prologue, const struct key_pair *own);

/* Makes this side's message around `payload`, which is encrypted; at most `size` bytes to `message`.
 * -EMSGSIZE: `len` is over HANDSHAKE_PAYLOAD_MAX, or the message over `size`. -EBADMSG: a key of low order. */
int handshake_write(struct handshake *handshake, const uint8_t *payload, size_t len, uint8_t *message, size_t size,
                    size_t *ret_len, struct err *err);

/* Takes the peer's message apart; at most `size` bytes to `payload`.
 * -EPROTO: none is waited for. -EMSGSIZE: its payload is over HANDSHAKE_PAYLOAD_MAX or `size`. -EBADMSG: it was not
 * made for us, of these bytes, by whom it should: cut short, altered, another prologue, another collector's, a key of
 * low order. */
int handshake_read(struct handshake *handshake, const uint8_t *message, size_t len, uint8_t *payload, size_t size,
                   size_t *ret_len, struct err *err);

/* The peer's static key; the responder has it once it has read message 1. Borrowed from the handshake. */
const struct public_key *handshake_peer(const struct handshake *handshake);

/* After message 2. Makes the channel and wipes the handshake. */
void handshake_finish(struct handshake *handshake, struct channel *ret);

/* Wipes it, at any time, also one that is over. For AUTO(). */
void handshake_done(struct handshake *handshake);

/* ---- transport ---- */

/* Seals `len` bytes as `len` + CHANNEL_TAG_BYTES at `box`, which may be `plain`. *ret_counter goes with it.
 * CHANNEL_OVER, -EMSGSIZE (longer than `size` or CHANNEL_MESSAGE_MAX): nothing was, and no counter used. */
int channel_seal(struct channel *channel, const uint8_t *plain, size_t len, uint8_t *box, size_t size, size_t *ret_len,
                 uint64_t *ret_counter, struct err *err);

/* Opens `len` bytes as `len` - CHANNEL_TAG_BYTES at `plain`, which may be `box`; only on 0 do they mean anything.
 * CHANNEL_OLD, CHANNEL_OVER: not even tried, so the counter may be anybody's claim. -EBADMSG: not sealed by the peer
 * under that counter. -EMSGSIZE: longer than CHANNEL_MESSAGE_MAX, or its contents than `size`. */
int channel_open(struct channel *channel, uint64_t counter, const uint8_t *box, size_t len, uint8_t *plain, size_t size,
                 size_t *ret_len, struct err *err);

/* Wipes it. For AUTO(); what is all zero is a channel that has not begun. */
void channel_done(struct channel *channel);
