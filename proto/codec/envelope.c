/* Envelopes are read by hand, not by protobuf-c: they come from anybody, before anybody is known; what they carry is up
 * to 64 KiB and is borrowed, where protobuf-c copies. Reading is stricter, too: protobuf lets the last of several kinds
 * win, here there must be one. */
#include <assert.h>
#include <errno.h>

#include "proto/codec/codec.h"
#include "proto/codec/varint.h"
#include "proto/codec/wire.h"

enum { FIELD_MAX = (1 << 29) - 1 }; /* of a field's number, protobuf's own limit */

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint64_t number;
    enum wire_type type;
    uint64_t value;     /* WIRE_VARINT */
    struct bytes bytes; /* the others */
};

static struct reader reader_of(struct bytes bytes)
{
    return (struct reader){ bytes.at, bytes.len > 0 ? bytes.at + bytes.len : bytes.at };
}

static bool read_block(struct reader *reader, uint64_t len, struct bytes *ret)
{
    if (len > reader_left(reader) || !read_bytes(reader, len, &ret->at))
        return false;
    ret->len = len;
    return true;
}

static bool read_field(struct reader *reader, struct field *ret)
{
    uint64_t key;
    uint64_t len;
    *ret = (struct field){ 0 };
    if (!read_varint(reader, &key))
        return false;
    ret->number = key >> 3;
    ret->type = (enum wire_type)(key & 7);
    if (ret->number == 0 || ret->number > FIELD_MAX)
        return false;
    switch (ret->type) {
    case WIRE_VARINT:
        return read_varint(reader, &ret->value);
    case WIRE_64:
        return read_block(reader, 8, &ret->bytes);
    case WIRE_32:
        return read_block(reader, 4, &ret->bytes);
    case WIRE_BYTES:
        return read_varint(reader, &len) && read_block(reader, len, &ret->bytes);
    }
    return false; /* groups, long out of use, and what is no type at all */
}

static bool read_sealed(struct bytes bytes, struct envelope *ret)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    while (reader_left(&reader) > 0) {
        if (!read_field(&reader, &field))
            return false;
        if (field.number > 2)
            continue;
        if (field.type != (field.number == 1 ? WIRE_VARINT : WIRE_BYTES))
            return false;
        if (field.number == 1)
            ret->counter = field.value;
        else
            ret->inner = field.bytes;
    }
    return true;
}

static bool read_leave(struct bytes bytes, struct envelope *ret)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    while (reader_left(&reader) > 0) {
        if (!read_field(&reader, &field))
            return false;
        if (field.number > 1)
            continue;
        if (field.type != WIRE_VARINT || field.value > (uint64_t)TIME_US_MAX)
            return false;
        ret->retry_us = (int64_t)field.value;
    }
    return true;
}

static bool read_no_session(struct bytes bytes)
{
    struct reader reader = reader_of(bytes);
    struct field field;
    while (reader_left(&reader) > 0)
        if (!read_field(&reader, &field))
            return false;
    return true;
}

static bool read_kind(const struct field *field, struct envelope *ret)
{
    if (field->type != WIRE_BYTES)
        return false;
    switch (field->number) {
    case 1:
        ret->kind = ENVELOPE_HANDSHAKE;
        ret->inner = field->bytes;
        return true;
    case 2:
        ret->kind = ENVELOPE_SEALED;
        return read_sealed(field->bytes, ret);
    case 3:
        ret->kind = ENVELOPE_NO_SESSION;
        return read_no_session(field->bytes);
    default:
        ret->kind = ENVELOPE_LEAVE;
        return read_leave(field->bytes, ret);
    }
}

static bool carries(enum envelope_kind kind)
{
    return kind == ENVELOPE_HANDSHAKE || kind == ENVELOPE_SEALED;
}

int codec_decode_envelope(const uint8_t *bytes, size_t len, struct envelope *ret, struct err *err)
{
    assert((bytes || len == 0) && ret);
    struct envelope envelope = { 0 };
    struct reader reader = reader_of((struct bytes){ bytes, len });
    struct field field;
    unsigned kinds = 0;
    while (reader_left(&reader) > 0) {
        if (!read_field(&reader, &field))
            return err_set(err, -EBADMSG, "codec: %zu bytes are no envelope", len);
        if (field.number > 4)
            continue;
        if (!read_kind(&field, &envelope))
            return err_set(err, -EBADMSG, "codec: envelope: field %u is malformed", (unsigned)field.number);
        kinds++;
    }
    if (kinds != 1)
        return err_set(err, -EBADMSG, "codec: envelope of %u kinds known here, want one", kinds);
    if (carries(envelope.kind) && envelope.inner.len == 0)
        return err_set(err, -EBADMSG, "codec: envelope is empty");
    if (envelope.inner.len > MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "codec: message of %zu bytes, at most %d are allowed", envelope.inner.len,
                       MESSAGE_MAX);
    *ret = envelope;
    return 0;
}

int codec_encode_envelope(const struct envelope *envelope, uint8_t *buffer, size_t size, size_t *ret_len,
                          struct err *err)
{
    assert(envelope && buffer && ret_len);
    assert(!carries(envelope->kind) || (envelope->inner.at && envelope->inner.len > 0));
    if (carries(envelope->kind) && envelope->inner.len > MESSAGE_MAX)
        return err_set(err, -EMSGSIZE, "codec: message of %zu bytes, at most %d are allowed", envelope->inner.len,
                       MESSAGE_MAX);
    Warroom__Wire__Envelope wire;
    warroom__wire__envelope__init(&wire); /* its INIT starts with a union and lacks braces for it */
    Warroom__Wire__Sealed sealed = WARROOM__WIRE__SEALED__INIT;
    Warroom__Wire__NoSession no_session = WARROOM__WIRE__NO_SESSION__INIT;
    Warroom__Wire__Leave leave = WARROOM__WIRE__LEAVE__INIT;
    switch (envelope->kind) {
    case ENVELOPE_HANDSHAKE:
        wire.kind_case = WARROOM__WIRE__ENVELOPE__KIND_HANDSHAKE;
        wire.handshake = wire_bytes(envelope->inner.at, envelope->inner.len);
        break;
    case ENVELOPE_SEALED:
        sealed.counter = envelope->counter;
        sealed.box = wire_bytes(envelope->inner.at, envelope->inner.len);
        wire.kind_case = WARROOM__WIRE__ENVELOPE__KIND_SEALED;
        wire.sealed = &sealed;
        break;
    case ENVELOPE_NO_SESSION:
        wire.kind_case = WARROOM__WIRE__ENVELOPE__KIND_NO_SESSION;
        wire.no_session = &no_session;
        break;
    case ENVELOPE_LEAVE:
        assert(envelope->retry_us >= 0 && envelope->retry_us <= TIME_US_MAX);
        leave.retry_us = (uint64_t)envelope->retry_us;
        wire.kind_case = WARROOM__WIRE__ENVELOPE__KIND_LEAVE;
        wire.leave = &leave;
        break;
    }
    return wire_pack(&wire.base, SIZE_MAX, buffer, size, ret_len, err);
}
