/* agent/uplink/queue.h - ticks the collector has not stored yet, encoded, in memory.
 *
 * Shape    a list of records, oldest first; a record is an encoded batch of 1..QUEUE_TICKS consecutive ticks. A tick
 *          comes in alone; when QUEUE_TICKS of them have piled up they become one record, a third of the size
 * Order    live ticks are those no parcel has carried yet, at most the newest QUEUE_TICKS; the rest is backlog
 * Full     bounded in bytes, tables included: the oldest records give way; the newest tick stays. What gives way is
 *          lost, and told so, unless the spool has it
 * Window   of the ticks the spool has, the newest QUEUE_WINDOW stay: in an outage memory stays flat
 *          Parcels cut out of the records by number, so merging and cutting never disturb what is on its way
 * Threads  one caller; nothing here waits
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/uplink/table.h"
#include "base/err.h"
#include "proto/codec/message.h"

enum {
    QUEUE_TICKS = 60, /* of a record, and of a parcel */
    QUEUE_WINDOW = 2 * QUEUE_TICKS,
};

/* The rest of a report (DROPPED_MAX declarations most of all) and its envelopes, and the seal, beside batch and
 * table: a parcel leaves this much room. */
enum { QUEUE_REPORT_ROOM = 2 << 10 };

struct queue; /* opaque */

struct parcel {
    struct table *table; /* held: its ticks may give way while they are on their way */
    uint64_t first;
    uint32_t n_ticks; /* 0: nothing */
    size_t len;
    uint8_t bytes[BATCH_MAX]; /* an encoded batch */
};

struct queue_counts {
    uint64_t ticks;   /* held */
    uint64_t spooled; /* of those: on disk as well */
    size_t bytes;
    uint64_t dropped; /* lost so far */
};

/* `tables` is borrowed for as long as the queue is. `on_lost` is called for ticks that give way and are nowhere else,
 * and must not call the queue. -ENOMEM. */
int queue_new(struct queue **ret_queue, struct tables *tables, size_t most_bytes, const struct run_id *run,
              void (*on_lost)(void *user, uint64_t first, uint64_t last), void *user, struct err *err);

/* NULL is fine. Always returns NULL. */
struct queue *queue_free(struct queue *queue);

/* Adds one tick, numbered above all before it; copies, and holds the table. */
int queue_push(struct queue *queue, struct table *table, const struct readings *readings, uint64_t n, int64_t mono_us,
               int64_t wall_us, struct err *err);

bool queue_has_live(const struct queue *queue);
bool queue_has_any(const struct queue *queue);

/* Fills *ret, an empty parcel or an earlier one, with the oldest live ticks, which are then carried, or with the oldest
 * of all. Nothing there: n_ticks is 0. */
int queue_pick_live(struct queue *queue, struct parcel *ret, struct err *err);
int queue_pick_oldest(struct queue *queue, struct parcel *ret, struct err *err);

/* Fills *ret with the very ticks it had, as far as they are still held: to be sent again. */
int queue_pick_again(struct queue *queue, struct parcel *ret, struct err *err);

/* Lets go of its table; zeroed memory is an empty parcel. */
void parcel_done(struct tables *tables, struct parcel *parcel);

/* The ticks from `first` on were not carried after all: they are live again. */
void queue_rewind(struct queue *queue, uint64_t first);

/* Removes the ticks first..last; returns how many it held. A record that cannot be shortened stays whole. */
uint64_t queue_cut(struct queue *queue, uint64_t first, uint64_t last);

/* The first tick held; UINT64_MAX: none. */
uint64_t queue_oldest(const struct queue *queue);

/* What is held behind tick `after`, for the spool: the bytes it takes at most, 0: nothing; and a batch of it, whose
 * table is borrowed. */
size_t queue_next_size(const struct queue *queue, uint64_t after);
int queue_next(const struct queue *queue, uint64_t after, uint8_t *buffer, size_t size, size_t *ret_len,
               uint64_t *ret_first, uint32_t *ret_n_ticks, const struct table **ret_table);

/* The spool has the ticks up to `last`, and no others. */
void queue_spooled(struct queue *queue, uint64_t last);

struct queue_counts queue_counts(const struct queue *queue);
