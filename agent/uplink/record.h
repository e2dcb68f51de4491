/* agent/uplink/record.h - what the queue is a list of: encoded batches, and spans of ticks that reach over them.
 *
 * Shape    everything that reshapes ticks is one primitive, span_encode(): sending takes a span, merging replaces
 *          many records by the span of them all, cutting replaces one record by what is left of it
 * Owner    a record is the queue's; a span borrows the records it reaches over
 * Threads  pure functions
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/spool/spool.h"
#include "agent/uplink/table.h"
#include "base/err.h"

struct record {
    struct record *prev, *next;
    struct table *table; /* held, once the record is in the queue */
    uint64_t first;
    uint32_t n_ticks;
    uint32_t len;
    int64_t from_us, to_us; /* monotonic, of its first and last tick or of what they were cut from */
    uint8_t bytes[];
};

struct span { /* consecutive ticks under one table */
    struct record *from;
    uint64_t first;
    uint32_t n_ticks;
};

static inline uint64_t record_last(const struct record *record)
{
    return record->first + record->n_ticks - 1;
}

/* Whether the two can be one batch. */
static inline bool record_follows(const struct record *before, const struct record *after)
{
    return after && after->table == before->table && after->first == record_last(before) + 1;
}

/* Whether all from the one to the other can be. */
static inline bool record_is_near(const struct record *from, const struct record *to)
{
    return to->to_us - from->from_us <= SPOOL_PARCEL_SPAN_US;
}

/* Copies the bytes. The times are the caller's to set. NULL: out of memory. */
struct record *record_new(struct table *table, uint64_t first, uint32_t n_ticks, const uint8_t *bytes, size_t len);

/* Writes the span's ticks as one batch. -EMSGSIZE: they need more than `size` bytes; -ENOMEM. */
int span_encode(const struct span *span, uint8_t *buffer, size_t size, size_t *ret_len, struct err *err);
