/* proto/link/sp.h - the REP side of SP's TCP mapping, as a parser: bytes in, events out.
 *
 * Shape    a stream is one handshake of 8 bytes and then messages: u64 big-endian length, u32 request id with its top
 *          bit set, body. Bytes may come cut anywhere
 * Memory   a body that lies whole in the bytes handed in is not copied; of one that does not, what has come is kept, in
 *          at most twice its size: never what a length merely claims
 * Limit    bodies of `max` bytes
 * Threads  pure but for its own struct; any
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SP_HELLO_LEN = 8, SP_HEAD_LEN = 12 };
enum { SP_MORE = 0, SP_OPENED = 1, SP_REQUEST = 2 };

struct sp {
    size_t max;
    size_t len;    /* of the body in hand */
    size_t got;    /* bytes of it that have come */
    size_t room;   /* bytes at `body` */
    uint8_t *body; /* owned; a body that came in pieces */
    uint32_t id;   /* of the message in hand */
    uint8_t head[SP_HEAD_LEN];
    uint8_t have; /* bytes in `head` */
    uint8_t phase;
};

struct sp_request {
    uint32_t id;
    const uint8_t *bytes; /* borrowed: into the bytes handed in, or the parser's until the next call on it */
    size_t len;
};

/* `max`: of a body, the request id not counted. */
void sp_init(struct sp *sp, size_t max);
void sp_done(struct sp *sp);

/* Takes bytes up to and including the next event; *ret_used says how many, also on failure.
 * SP_MORE: took all, nothing is complete. SP_OPENED: the handshake is complete. SP_REQUEST: *ret holds one.
 * -EPROTO: not SP, or not its REQ. -EBADMSG: a message without a request id. -EMSGSIZE: over the limit. -ENOMEM.
 * After a failure every further call fails likewise. */
int sp_take(struct sp *sp, const uint8_t *bytes, size_t len, size_t *ret_used, struct sp_request *ret);

/* Gives the memory of the request handed out last back before the next sp_take() would. */
void sp_release(struct sp *sp);

/* Whether a message has begun and not ended. */
bool sp_midway(const struct sp *sp);

/* What a REP says first, and the head of an answer of `len` bytes to request `id`. */
void sp_write_hello(uint8_t ret[SP_HELLO_LEN]);
void sp_write_head(uint8_t ret[SP_HEAD_LEN], uint32_t id, size_t len);
