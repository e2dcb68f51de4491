/* proto/codec/varint.h - bytes one after another, within bounds: protobuf's varints and what the columns are made of.
 *
 * Shape    a reader steps over borrowed bytes and stands still when a step fails; a writer that ran out of room stays
 *          full, so that only the end of a run of writes need be looked at
 */
#pragma once
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VARINT_MAX = 10 };

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct writer {
    uint8_t *at;
    uint8_t *end;
    bool full;
};

static inline size_t reader_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* False: cut short, or over 64 bits. */
static inline bool read_varint(struct reader *reader, uint64_t *ret)
{
    const uint8_t *at = reader->at;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (at == reader->end)
            return false;
        uint64_t byte = *at++;
        if (shift == 63 && byte > 1) /* the tenth byte has room for one bit */
            return false;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            reader->at = at;
            *ret = value;
            return true;
        }
    }
    return false;
}

static inline bool read_bytes(struct reader *reader, size_t len, const uint8_t **ret)
{
    if (reader_left(reader) < len)
        return false;
    *ret = reader->at;
    reader->at += len;
    return true;
}

static inline bool read_double(struct reader *reader, double *ret)
{
    const uint8_t *at;
    if (!read_bytes(reader, sizeof *ret, &at))
        return false;
    uint64_t bits;
    memcpy(&bits, at, sizeof bits);
    bits = le64toh(bits);
    memcpy(ret, &bits, sizeof *ret);
    return true;
}

static inline void write_bytes(struct writer *writer, const void *bytes, size_t len)
{
    if (writer->full || (size_t)(writer->end - writer->at) < len) {
        writer->full = true;
        return;
    }
    if (len > 0) /* `bytes` may be NULL then, which memcpy() must not be given */
        memcpy(writer->at, bytes, len);
    writer->at += len;
}

static inline void write_varint(struct writer *writer, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];
    size_t len = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[len++] = (uint8_t)(value | 0x80);
    bytes[len++] = (uint8_t)value;
    write_bytes(writer, bytes, len);
}

static inline void write_double(struct writer *writer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = htole64(bits);
    write_bytes(writer, &bits, sizeof bits);
}

/* Small sizes of either sign become small numbers: 0 -1 1 -2 2 ... are 0 1 2 3 4. Differences are taken and undone in
 * uint64_t, where they wrap: any two int64_t differ by something that fits. */
static inline uint64_t zigzag(uint64_t difference)
{
    return (difference << 1) ^ (0 - (difference >> 63));
}

static inline uint64_t unzigzag(uint64_t code)
{
    return (code >> 1) ^ (0 - (code & 1));
}
