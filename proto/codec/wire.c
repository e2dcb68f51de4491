#include "proto/codec/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct pool {
    struct arena *arena;
    bool empty; /* it was asked for more than it had */
};

static void *pool_alloc(void *user, size_t size)
{
    struct pool *pool = user;
    /* One byte more, which the arena has zeroed: so every `bytes` field is also a terminated text. */
    void *block = size < SIZE_MAX ? arena_alloc(pool->arena, size + 1, 1) : NULL;
    if (!block)
        pool->empty = true;
    return block;
}

static void pool_free(void *user, void *block)
{
    (void)user;
    (void)block;
}

int wire_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t len, struct arena *arena,
                ProtobufCMessage **ret_message, struct err *err)
{
    struct pool pool = { .arena = arena };
    ProtobufCAllocator allocator = { .alloc = pool_alloc, .free = pool_free, .allocator_data = &pool };
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, len, bytes);
    if (message) {
        *ret_message = message;
        return 0;
    }
    if (pool.empty)
        return err_set(err, -ENOMEM, "codec: no memory left for a %s of %zu bytes", type->short_name, len);
    return err_set(err, -EBADMSG, "codec: %zu bytes are no %s", len, type->short_name);
}

int wire_pack(const ProtobufCMessage *message, size_t most, uint8_t *buffer, size_t size, size_t *ret_len,
              struct err *err)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    if (len > most || len > size)
        return err_set(err, -EMSGSIZE, "codec: %s would take %zu bytes, room for %zu", message->descriptor->short_name,
                       len, most < size ? most : size);
    *ret_len = protobuf_c_message_pack(message, buffer);
    return 0;
}

/* Bytes of the UTF-8 character at `at`, 0 if there is none (RFC 3629: nothing overlong, no surrogates, up to U+10FFFF;
 * and no NUL, which C would take for the end). */
static size_t character_bytes(const uint8_t *at, size_t len)
{
    static const struct {
        uint8_t first_least, first_most; /* range of the first byte... */
        uint8_t next_least, next_most;   /* ...and of the second; any further is 80..BF */
        uint8_t bytes;
    } forms[] = {
        { 0x01, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (at[0] < forms[i].first_least || at[0] > forms[i].first_most || len < forms[i].bytes)
            continue;
        if (forms[i].bytes > 1 && (at[1] < forms[i].next_least || at[1] > forms[i].next_most))
            return 0;
        for (size_t next = 2; next < forms[i].bytes; next++)
            if ((at[next] & 0xc0) != 0x80)
                return 0;
        return forms[i].bytes;
    }
    return 0;
}

/* Bytes from the start that are good. */
static size_t good_bytes(const uint8_t *at, size_t len)
{
    size_t good = 0;
    for (size_t bytes = 1; good < len && bytes > 0; good += bytes)
        bytes = character_bytes(at + good, len - good);
    return good;
}

int wire_text_read(const char *what, const ProtobufCBinaryData *field, size_t least, size_t most, const char **ret,
                   struct err *err)
{
    if (field->len > most)
        return err_set(err, -EMSGSIZE, "codec: %s has %zu bytes, at most %zu are allowed", what, field->len, most);
    if (field->len < least)
        return err_set(err, -EBADMSG, "codec: %s is missing", what);
    if (good_bytes(field->data, field->len) < field->len)
        return err_set(err, -EBADMSG, "codec: %s is not UTF-8 text", what);
    *ret = field->len > 0 ? (const char *)field->data : "";
    return 0;
}

int wire_text_write(const char *what, const char *text, size_t least, size_t most, struct arena *arena,
                    ProtobufCBinaryData *ret, struct err *err)
{
    size_t len = text ? strlen(text) : 0;
    if (len < least || len > most)
        return err_set(err, -EMSGSIZE, "codec: %s has %zu bytes, want %zu..%zu", what, len, least, most);
    size_t good = good_bytes((const uint8_t *)text, len);
    if (good == len) {
        *ret = wire_bytes(text, len);
        return 0;
    }
    uint8_t *copy = (uint8_t *)arena_text(arena, text, len);
    if (!copy)
        return err_set(err, -ENOMEM, "codec: no memory left for %s", what);
    for (; good < len; good += good_bytes(copy + good, len - good))
        copy[good] = '?';
    *ret = wire_bytes(copy, len);
    return 0;
}

int wire_id_read(const char *what, const ProtobufCBinaryData *field, uint8_t *ret, size_t len, struct err *err)
{
    if (field->len != len)
        return err_set(err, -EBADMSG, "codec: %s has %zu bytes instead of %zu", what, field->len, len);
    memcpy(ret, field->data, len);
    return 0;
}

int wire_time_read(const char *what, uint64_t field, int64_t least, int64_t *ret_us, struct err *err)
{
    if (field < (uint64_t)least || field > (uint64_t)TIME_US_MAX)
        return err_set(err, -EBADMSG, "codec: %s is out of range", what);
    *ret_us = (int64_t)field;
    return 0;
}

int64_t wire_wall_read(int64_t field)
{
    if (field > TIME_US_MAX)
        return TIME_US_MAX;
    return field < -TIME_US_MAX ? -TIME_US_MAX : field;
}
