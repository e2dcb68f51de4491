/* agent/spool/format.h - the bytes of a segment; docs/spool.md tells them.
 *
 * Shape    a segment is records one behind the other, each with a mark to find it by, its length and a checksum. A
 *          reader that finds one broken looks for the next mark, so a broken record costs itself only
 * Trust    a record is given out when checksum, kind and the ranges of its numbers are right; what a batch or a table
 *          in it is worth its codec says
 * Owner    what a record points to is borrowed from the bytes it was read from
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/codec/message.h"
#include "proto/codec/varint.h"

enum {
    SPOOL_VERSION = 1,
    SPOOL_FRAME_BYTES = 16,       /* in front of each record's content */
    SPOOL_CONTENT_MAX = 64 << 10, /* of a record */
    SPOOL_TICKS_BYTES = 28,       /* in front of the batch of a record of ticks */
    SPOOL_BOOT_BYTES = 16,
};

enum spool_kind {
    SPOOL_HEAD = 1, /* whose segment it is; twice at its beginning */
    SPOOL_TABLE,    /* a series table; twice before the first ticks under it */
    SPOOL_TICKS,    /* a batch */
    SPOOL_DONE,     /* ticks, of any run, that need not be delivered any more */
    SPOOL_DROPPED,  /* ticks, likewise, that will never come: to be declared */
    SPOOL_DECLARED, /* what was to be declared of these ticks has been */
};

struct boot_id { /* /proc/sys/kernel/random/boot_id; zeros: not known */
    uint8_t bytes[SPOOL_BOOT_BYTES];
};

struct spool_head {
    uint32_t version; /* of all that follows it in the segment */
    uint64_t host;
    struct boot_id boot;
    struct run_id run; /* of all its ticks */
};

struct spool_ticks {
    uint64_t first; /* 1 <= first, first + n_ticks - 1 <= INT64_MAX */
    uint32_t n_ticks;
    int64_t mono_us; /* when they were written */
    int64_t wall_us;
    struct bytes batch;
};

struct spool_record {
    enum spool_kind kind;
    size_t len; /* of it all, frame included */
    union {
        struct spool_head head;
        struct bytes table;
        struct spool_ticks ticks;
        struct dropped mark; /* SPOOL_DONE, SPOOL_DROPPED, SPOOL_DECLARED; `cause` counts for the second only */
    };
};

/* The next whole record; the reader steps behind it. False: there is none. *ret_broken: bytes passed over before it, or
 * before the end. Records of a kind unknown here count as broken. */
bool spool_next(struct reader *reader, struct spool_record *ret, size_t *ret_broken);

/* Each writes one record. */
void spool_write_head(struct writer *writer, const struct spool_head *head);
void spool_write_table(struct writer *writer, const struct bytes *table);
void spool_write_ticks(struct writer *writer, const struct spool_ticks *ticks);
void spool_write_mark(struct writer *writer, enum spool_kind kind, const struct dropped *mark);
