#include "proto/ledger/ledger.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "proto/codec/varint.h"

enum { FORMAT = 1 };
static const char domain[] = "warroom/ledger/1";

/* ---- what can be ---- */

static bool is_kind(const char *text)
{
    size_t len = strnlen(text, LEDGER_KIND_MAX + 1);
    return len >= 1 && len <= LEDGER_KIND_MAX && strspn(text, "abcdefghijklmnopqrstuvwxyz") == len;
}

static bool is_actor(const char *text)
{
    size_t len = strnlen(text, LEDGER_ACTOR_MAX + 1);
    return len >= 1 && len <= LEDGER_ACTOR_MAX;
}

static bool is_body(const char *text)
{
    size_t len = strnlen(text, LEDGER_BODY_MAX + 1);
    return len >= 2 && len <= LEDGER_BODY_MAX && text[0] == '{' && text[len - 1] == '}';
}

/* NULL: it can be. */
static const char *fault_of(const struct ledger_entry *entry)
{
    if (entry->n < 1 || entry->n > INT64_MAX || entry->tenant > INT64_MAX || entry->event > INT64_MAX ||
        entry->incident > INT64_MAX || entry->at_us < 0)
        return "a number that cannot be";
    if (!is_kind(entry->kind))
        return "a kind that is none";
    if (!is_actor(entry->actor))
        return "no actor, or one with too long a name";
    return is_body(entry->body) ? NULL : "a body that is no object, or too long";
}

int ledger_check(const struct ledger_entry *entry, struct err *err)
{
    const char *fault = fault_of(entry);
    return fault ? err_set(err, -EINVAL, "ledger: %s", fault) : 0;
}

/* ---- bytes ---- */

static void write_text(struct writer *writer, const char *text)
{
    write_bytes(writer, text, strlen(text) + 1);
}

int ledger_encode(const struct ledger_entry *entry, uint8_t *bytes, size_t *ret_len, struct err *err)
{
    struct writer writer = { .at = bytes, .end = bytes + LEDGER_BYTES_MAX };
    const uint8_t format = FORMAT;
    int rc = ledger_check(entry, err);
    if (rc < 0)
        return rc;
    write_bytes(&writer, &format, 1);
    write_varint(&writer, entry->tenant);
    write_varint(&writer, entry->n);
    write_varint(&writer, (uint64_t)entry->at_us);
    write_varint(&writer, entry->event);
    write_varint(&writer, entry->incident);
    write_text(&writer, entry->kind);
    write_text(&writer, entry->actor);
    write_text(&writer, entry->body);
    *ret_len = (size_t)(writer.at - bytes);
    return 0;
}

/* The shortest form alone: 0x80 0x00 would be another zero. */
static bool read_number(struct reader *reader, uint64_t *ret)
{
    const uint8_t *first = reader->at;
    return read_varint(reader, ret) && (reader->at == first + 1 || reader->at[-1] != 0);
}

static bool read_text(struct reader *reader, const char **ret)
{
    const uint8_t *end = memchr(reader->at, 0, reader_left(reader));
    if (!end)
        return false;
    *ret = (const char *)reader->at;
    reader->at = end + 1;
    return true;
}

static bool read_entry(struct reader *reader, struct ledger_entry *ret)
{
    const uint8_t *format;
    uint64_t at_us = 0;
    if (!read_bytes(reader, 1, &format) || *format != FORMAT || !read_number(reader, &ret->tenant) ||
        !read_number(reader, &ret->n) || !read_number(reader, &at_us) || !read_number(reader, &ret->event) ||
        !read_number(reader, &ret->incident))
        return false;
    ret->at_us = (int64_t)at_us; /* past INT64_MAX it is below 0, which cannot be */
    return read_text(reader, &ret->kind) && read_text(reader, &ret->actor) && read_text(reader, &ret->body) &&
           reader_left(reader) == 0;
}

int ledger_decode(const uint8_t *bytes, size_t len, struct ledger_entry *ret, struct err *err)
{
    struct reader reader = { bytes, len ? bytes + len : bytes };
    struct ledger_entry entry;
    if (len > LEDGER_BYTES_MAX || !read_entry(&reader, &entry))
        return err_set(err, -EBADMSG, "ledger: these bytes are no entry");
    const char *fault = fault_of(&entry);
    if (fault)
        return err_set(err, -EBADMSG, "ledger: %s", fault);
    *ret = entry;
    return 0;
}

struct ledger_hash ledger_chain(const struct ledger_hash *before, const uint8_t *bytes, size_t len)
{
    struct ledger_hash hash;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof hash.bytes);
    crypto_generichash_update(&state, (const uint8_t *)domain, sizeof domain - 1);
    crypto_generichash_update(&state, before->bytes, sizeof before->bytes);
    crypto_generichash_update(&state, bytes, len);
    crypto_generichash_final(&state, hash.bytes, sizeof hash.bytes);
    return hash;
}
