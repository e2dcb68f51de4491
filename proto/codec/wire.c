#include "proto/codec/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

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

/* These would be obeyed by terminals and break lines of text formats. */
static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_text(const char *text, size_t len)
{
    size_t at = 0;
    for (size_t step = 1; at < len && step > 0; at += step)
        step = is_control(text[at]) ? 0 : utf8_len(text + at, len - at);
    return at == len;
}

int wire_text_read(const char *what, const ProtobufCBinaryData *field, size_t least, size_t most, const char **ret,
                   struct err *err)
{
    if (field->len > most)
        return err_set(err, -EMSGSIZE, "codec: %s has %zu bytes, at most %zu are allowed", what, field->len, most);
    if (field->len < least)
        return err_set(err, -EBADMSG, "codec: %s is missing", what);
    if (!is_text((const char *)field->data, field->len))
        return err_set(err, -EBADMSG, "codec: %s is not UTF-8 text without control characters", what);
    *ret = field->len > 0 ? (const char *)field->data : "";
    return 0;
}

int wire_text_write(const char *what, const char *text, size_t least, size_t most, struct arena *arena,
                    ProtobufCBinaryData *ret, struct err *err)
{
    size_t len = text ? strlen(text) : 0;
    if (len < least || len > most)
        return err_set(err, -EMSGSIZE, "codec: %s has %zu bytes, want %zu..%zu", what, len, least, most);
    if (is_text(text, len)) {
        *ret = wire_bytes(text, len);
        return 0;
    }
    char *copy = arena_alloc(arena, len, 1);
    if (!copy)
        return err_set(err, -ENOMEM, "codec: no memory left for %s", what);
    *ret = wire_bytes(copy, utf8_clean(copy, len, text, len));
    for (size_t i = 0; i < ret->len; i++)
        if (is_control(copy[i]))
            copy[i] = '?';
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
