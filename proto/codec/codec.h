/* proto/codec/codec.h - messages to bytes and back: the only place that knows protobuf.
 *
 * Shape    pure functions; docs/protocol.md and warroom.proto describe the bytes
 * Limits   those of message.h and the arena's; checked here once, so that a decoded message can be trusted: lengths,
 *          counts, rising times, finite exponents, UTF-8 texts, column and tick numbers that fit, no bytes left over
 * Errors   decode: -EBADMSG malformed, -EMSGSIZE a count or length over its limit, -ENOMEM; *ret is untouched encode:
 *          -EMSGSIZE the result would pass `size` or a limit, -ENOMEM Leniency what an agent cannot help does not
 *          stop its stream: when encoding, a byte that is not UTF-8 goes as '?', a NULL text as "", a double that is
 *          not finite as absent Arena an arena of CODEC_ARENA_BYTES holds any message within the limits
 * Threads  any
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

enum { CODEC_ARENA_BYTES = 4 << 20 };

/* Each encoder writes at most `size` bytes to `buffer` and the number written to *ret_len; on failure the buffer's
 * contents are undefined and *ret_len is untouched. A table's hash is not looked at: it is codec_table_hash() of the
 * result. */
int codec_encode_table(const struct series_table *table, uint8_t *buffer, size_t size, size_t *ret_len,
                       struct err *err);
int codec_decode_table(const uint8_t *bytes, size_t len, struct arena *arena, struct series_table *ret,
                       struct err *err);

/* What names a table: BLAKE2b-128 of its encoded bytes. */
struct table_hash codec_table_hash(const uint8_t *bytes, size_t len);

/* What a token is known by where it is kept: BLAKE2b-256 of it. */
void codec_token_hash(const uint8_t token[TOKEN_BYTES], uint8_t ret[TOKEN_HASH_BYTES]);

int codec_encode_batch(const struct batch *batch, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err);
int codec_decode_batch(const uint8_t *bytes, size_t len, struct arena *arena, struct batch *ret, struct err *err);

/* For a report `batch_bytes` (and `table_bytes` if has_table) are what is sent; `batch` and `table` are not looked at.
 */
int codec_encode_request(const struct request *request, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err);
int codec_decode_request(const uint8_t *bytes, size_t len, struct arena *arena, struct request *ret, struct err *err);

int codec_encode_answer(const struct answer *answer, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err);
int codec_decode_answer(const uint8_t *bytes, size_t len, struct arena *arena, struct answer *ret, struct err *err);

/* An invitation as the line people paste: "wr1:" and base64. It holds a secret: wipe it when it is done with.
 * -EMSGSIZE: over INVITE_TEXT_MAX, with its terminator; -EBADMSG: not one, or not whole. */
int codec_print_invite(const struct invite *invite, char text[INVITE_TEXT_MAX], struct err *err);
int codec_parse_invite(const char *text, size_t len, struct arena *arena, struct invite *ret, struct err *err);

/* `inner` of a decoded envelope is borrowed from `bytes`, not from an arena. */
int codec_encode_envelope(const struct envelope *envelope, uint8_t *buffer, size_t size, size_t *ret_len,
                          struct err *err);
int codec_decode_envelope(const uint8_t *bytes, size_t len, struct envelope *ret, struct err *err);
