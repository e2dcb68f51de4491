/* proto/codec/wire.h - protobuf-c within the limits of an arena, and the fields that several messages have.
 *
 * Shape    wire_unpack() and wire_pack() are the only calls of protobuf-c; what they make lives in the arena. `what`
 *          names the field in the text of an error, "hello: version"
 * Errors   -EBADMSG malformed, -EMSGSIZE over a limit, -ENOMEM; *ret is untouched
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"
#include "warroom.pb-c.h"

/* On 0 *ret_message is of that type. Its `bytes` fields are terminated by a NUL past their length. */
int wire_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t len, struct arena *arena,
                ProtobufCMessage **ret_message, struct err *err);

/* Writes the message if it takes at most `size` and at most `most` bytes. */
int wire_pack(const ProtobufCMessage *message, size_t most, uint8_t *buffer, size_t size, size_t *ret_len,
              struct err *err);

/* A text of least..most bytes, UTF-8 without control characters. Borrowed from the field. */
int wire_text_read(const char *what, const ProtobufCBinaryData *field, size_t least, size_t most, const char **ret,
                   struct err *err);
/* The same way out; NULL is "". What is not that becomes '?' in a copy in the arena. */
int wire_text_write(const char *what, const char *text, size_t least, size_t most, struct arena *arena,
                    ProtobufCBinaryData *ret, struct err *err);

/* Exactly `len` bytes. */
int wire_id_read(const char *what, const ProtobufCBinaryData *field, uint8_t *ret, size_t len, struct err *err);

/* least..TIME_US_MAX: monotonic times and durations. */
int wire_time_read(const char *what, uint64_t field, int64_t least, int64_t *ret_us, struct err *err);

/* A wall time is never refused, only brought within reach. */
int64_t wire_wall_read(int64_t field);

static inline ProtobufCBinaryData wire_bytes(const void *at, size_t len)
{
    return (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)at }; /* protobuf-c only reads what it packs */
}
