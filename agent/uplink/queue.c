/* A doubly linked list of records. The bytes it holds, tables included, are counted where records come and go. */
#include "agent/uplink/queue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "agent/uplink/record.h"
#include "base/auto.h"
#include "proto/codec/codec.h"

enum {
    RECORD_OVERHEAD = 16, /* malloc's own */
    /* A tick must fit into a report beside the largest table; SERIES_MAX columns of ten bytes do. */
    TICK_BYTES_MAX = MESSAGE_MAX - QUEUE_REPORT_ROOM - TABLE_BYTES_MAX,
};

struct queue {
    struct tables *tables;
    struct record *records; /* oldest first */
    struct run_id run;
    size_t most_bytes;
    struct queue_counts counts;
    uint64_t newest;  /* n of the last tick pushed */
    uint64_t carried; /* ticks up to this one are not live */
    uint64_t spooled; /* ticks up to this one are on disk */
    void (*on_lost)(void *user, uint64_t first, uint64_t last);
    void *user;
    struct cells cells;
};

/* ---- records: the list, the bytes and the tables move together ---- */

static size_t record_cost(const struct record *record)
{
    return sizeof *record + record->len + RECORD_OVERHEAD;
}

static void hold(struct queue *queue, struct record *record)
{
    table_keep(record->table);
    if (record->table->queued++ == 0)
        queue->counts.bytes += table_cost(record->table);
    queue->counts.bytes += record_cost(record);
    queue->counts.ticks += record->n_ticks;
}

static void let_go(struct queue *queue, struct record *record)
{
    queue->counts.ticks -= record->n_ticks;
    queue->counts.bytes -= record_cost(record);
    if (--record->table->queued == 0)
        queue->counts.bytes -= table_cost(record->table);
    tables_drop(queue->tables, record->table);
    free(record);
}

static void remove_record(struct queue *queue, struct record *record)
{
    DL_DELETE(queue->records, record);
    let_go(queue, record);
}

/* ---- merging ---- */

/* The newest ticks that came in alone and belong together. */
static struct span loose_end(const struct queue *queue)
{
    struct span span = { .from = NULL };
    if (!queue->records)
        return span;
    for (struct record *record = queue->records->prev; record->n_ticks == 1; record = record->prev) {
        if (span.from && (!record_follows(record, span.from) || !record_is_near(record, queue->records->prev)))
            break;
        span.from = record;
        span.n_ticks++;
        if (record == queue->records)
            break;
    }
    if (span.from)
        span.first = span.from->first;
    return span;
}

/* Of single ticks. */
static const struct record *last_of(const struct span *span)
{
    const struct record *record = span->from;
    for (uint32_t i = 1; i < span->n_ticks; i++)
        record = record->next;
    return record;
}

static void replace(struct queue *queue, const struct span *span, struct record *merged)
{
    DL_PREPEND_ELEM(queue->records, span->from, merged);
    hold(queue, merged);
    for (uint32_t i = 0; i < span->n_ticks; i++)
        remove_record(queue, merged->next);
}

/* Merging only saves memory, so failing to is no failure: the ticks stay as they are. */
static void merge_loose_end(struct queue *queue)
{
    struct span span = loose_end(queue);
    if (span.n_ticks < QUEUE_TICKS)
        return;
    AUTO(auto_free) uint8_t *buffer = malloc(BATCH_MAX);
    size_t len = 0;
    int rc = buffer ? span_encode(&span, buffer, BATCH_MAX, &len, NULL) : -ENOMEM;
    while (rc == -EMSGSIZE && (span.n_ticks /= 2) > 1)
        rc = span_encode(&span, buffer, BATCH_MAX, &len, NULL);
    if (rc < 0)
        return;
    struct record *merged = record_new(span.from->table, span.first, span.n_ticks, buffer, len);
    if (!merged)
        return;
    merged->from_us = span.from->from_us;
    merged->to_us = last_of(&span)->to_us;
    replace(queue, &span, merged);
}

/* ---- the contract ---- */

int queue_new(struct queue **ret_queue, struct tables *tables, size_t most_bytes, const struct run_id *run,
              void (*on_lost)(void *user, uint64_t first, uint64_t last), void *user, struct err *err)
{
    assert(ret_queue && tables && run && on_lost);
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return err_set(err, -ENOMEM, "uplink: out of memory for the queue");
    queue->tables = tables;
    queue->most_bytes = most_bytes;
    queue->run = *run;
    queue->on_lost = on_lost;
    queue->user = user;
    *ret_queue = queue;
    return 0;
}

struct queue *queue_free(struct queue *queue)
{
    if (!queue)
        return NULL;
    while (queue->records)
        remove_record(queue, queue->records);
    free(queue);
    return NULL;
}

static void lose(struct queue *queue, const struct record *record)
{
    uint64_t last = record_last(record);
    uint64_t first = record->first > queue->spooled ? record->first : queue->spooled + 1;
    if (first > last)
        return;
    queue->counts.dropped += last - first + 1;
    queue->on_lost(queue->user, first, last);
}

static bool is_behind_window(const struct queue *queue, const struct record *record)
{
    uint64_t last = record_last(record);
    return last <= queue->spooled && last + QUEUE_WINDOW <= queue->newest;
}

static void make_room(struct queue *queue)
{
    while (queue->records && queue->records->next &&
           (queue->counts.bytes > queue->most_bytes || is_behind_window(queue, queue->records))) {
        lose(queue, queue->records);
        remove_record(queue, queue->records);
    }
}

int queue_push(struct queue *queue, struct table *table, const struct readings *readings, uint64_t n, int64_t mono_us,
               int64_t wall_us, struct err *err)
{
    assert(n > queue->newest);
    table_columns(table, readings, &queue->cells);
    struct batch tick = {
        .run = queue->run,
        .first = n,
        .n_ticks = 1,
        .n_columns = table->series.n,
        .table = table->series.hash,
        .mono_us = &mono_us,
        .wall_us = &wall_us,
        .columns = queue->cells.columns,
    };
    uint8_t buffer[TICK_BYTES_MAX];
    size_t len;
    int rc = codec_encode_batch(&tick, buffer, sizeof buffer, &len, err);
    if (rc < 0)
        return rc;
    struct record *record = record_new(table, n, 1, buffer, len);
    if (!record)
        return err_set(err, -ENOMEM, "uplink: out of memory for a tick");
    record->from_us = record->to_us = mono_us;
    DL_APPEND(queue->records, record);
    hold(queue, record);
    queue->newest = n;
    merge_loose_end(queue);
    make_room(queue);
    return 0;
}

static uint64_t live_from(const struct queue *queue)
{
    uint64_t reach = queue->newest > QUEUE_TICKS ? queue->newest - QUEUE_TICKS : 0;
    return (queue->carried > reach ? queue->carried : reach) + 1;
}

bool queue_has_any(const struct queue *queue)
{
    return queue->records;
}

bool queue_has_live(const struct queue *queue)
{
    return queue->records && record_last(queue->records->prev) >= live_from(queue);
}

/* The first span at or after tick `first`, up to `most` ticks long. */
static struct span span_at(const struct queue *queue, uint64_t first, uint32_t most)
{
    struct record *record = queue->records;
    while (record && record_last(record) < first)
        record = record->next;
    if (!record)
        return (struct span){ .from = NULL };
    struct span span = { .from = record, .first = record->first > first ? record->first : first };
    uint64_t last = record_last(record);
    while (last - span.first + 1 < most && record_follows(record, record->next) &&
           record_is_near(span.from, record->next)) {
        record = record->next;
        last = record_last(record);
    }
    uint64_t n = last - span.first + 1;
    span.n_ticks = n < most ? (uint32_t)n : most;
    return span;
}

static size_t room_for_batch(const struct table *table)
{
    size_t room = MESSAGE_MAX - QUEUE_REPORT_ROOM - (table->known ? 0 : table->len);
    return room < BATCH_MAX ? room : BATCH_MAX;
}

void parcel_done(struct tables *tables, struct parcel *parcel)
{
    if (parcel->table)
        tables_drop(tables, TAKE(parcel->table));
    parcel->n_ticks = 0;
}

static int fill_parcel(struct queue *queue, struct span span, struct parcel *ret, struct err *err)
{
    parcel_done(queue->tables, ret);
    if (!span.from)
        return 0;
    size_t room = room_for_batch(span.from->table);
    int rc;
    while ((rc = span_encode(&span, ret->bytes, room, &ret->len, err)) == -EMSGSIZE && span.n_ticks > 1)
        span.n_ticks /= 2;
    if (rc < 0)
        return rc;
    ret->table = table_keep(span.from->table);
    ret->first = span.first;
    ret->n_ticks = span.n_ticks;
    return 0;
}

int queue_pick_live(struct queue *queue, struct parcel *ret, struct err *err)
{
    int rc = fill_parcel(queue, span_at(queue, live_from(queue), QUEUE_TICKS), ret, err);
    if (rc == 0 && ret->n_ticks > 0)
        queue->carried = ret->first + ret->n_ticks - 1;
    return rc;
}

int queue_pick_oldest(struct queue *queue, struct parcel *ret, struct err *err)
{
    return fill_parcel(queue, span_at(queue, 0, QUEUE_TICKS), ret, err);
}

int queue_pick_again(struct queue *queue, struct parcel *ret, struct err *err)
{
    uint64_t end = ret->first + ret->n_ticks;
    struct span span = span_at(queue, ret->first, ret->n_ticks);
    if (span.first >= end)
        span.from = NULL;
    else if (span.first + span.n_ticks > end)
        span.n_ticks = (uint32_t)(end - span.first);
    return fill_parcel(queue, span, ret, err);
}

void queue_rewind(struct queue *queue, uint64_t first)
{
    if (first > 0 && queue->carried >= first)
        queue->carried = first - 1;
}

/* Puts `part` in front of the record it was cut from. */
static int keep_part(struct queue *queue, struct record *record, uint64_t first, uint64_t end, uint8_t *buffer)
{
    if (first >= end)
        return 0;
    struct span span = { record, first, (uint32_t)(end - first) };
    size_t len;
    int rc = span_encode(&span, buffer, BATCH_MAX, &len, NULL);
    if (rc < 0)
        return rc;
    struct record *part = record_new(record->table, first, span.n_ticks, buffer, len);
    if (!part)
        return -ENOMEM;
    part->from_us = record->from_us;
    part->to_us = record->to_us;
    DL_PREPEND_ELEM(queue->records, record, part);
    hold(queue, part);
    return 0;
}

/* What lies before the cut and what lies behind it become records of their own. */
static bool shorten(struct queue *queue, struct record *record, uint64_t first, uint64_t last)
{
    AUTO(auto_free) uint8_t *buffer = malloc(BATCH_MAX);
    if (!buffer || keep_part(queue, record, record->first, first, buffer) < 0)
        return false;
    if (keep_part(queue, record, last + 1, record_last(record) + 1, buffer) == 0)
        return true;
    if (first > record->first)
        remove_record(queue, record->prev);
    return false;
}

uint64_t queue_cut(struct queue *queue, uint64_t first, uint64_t last)
{
    uint64_t before = queue->counts.ticks;
    struct record *record, *next;
    for (record = queue->records; record; record = next) {
        next = record->next;
        if (record_last(record) < first)
            continue;
        if (record->first > last)
            break;
        uint64_t from = first > record->first ? first : record->first;
        uint64_t to = last < record_last(record) ? last : record_last(record);
        bool whole = from == record->first && to == record_last(record);
        if (whole || shorten(queue, record, from, to))
            remove_record(queue, record);
    }
    return before - queue->counts.ticks;
}

uint64_t queue_oldest(const struct queue *queue)
{
    return queue->records ? queue->records->first : UINT64_MAX;
}

/* Of one record, so that nothing is encoded anew but where the spool has a part of it. */
static struct span next_span(const struct queue *queue, uint64_t after)
{
    struct record *record = queue->records;
    if (!record || record_last(record->prev) <= after) /* the list's last one */
        return (struct span){ .from = NULL };
    record = record->prev;
    while (record != queue->records && record_last(record->prev) > after)
        record = record->prev;
    uint64_t first = record->first > after ? record->first : after + 1;
    return (struct span){ record, first, (uint32_t)(record_last(record) - first + 1) };
}

size_t queue_next_size(const struct queue *queue, uint64_t after)
{
    struct span span = next_span(queue, after);
    if (!span.from)
        return 0;
    return span.n_ticks == span.from->n_ticks ? span.from->len : BATCH_MAX;
}

int queue_next(const struct queue *queue, uint64_t after, uint8_t *buffer, size_t size, size_t *ret_len,
               uint64_t *ret_first, uint32_t *ret_n_ticks, const struct table **ret_table)
{
    struct span span = next_span(queue, after);
    if (!span.from)
        return -ENOENT;
    int rc = span_encode(&span, buffer, size, ret_len, NULL);
    if (rc < 0)
        return rc;
    *ret_first = span.first;
    *ret_n_ticks = span.n_ticks;
    *ret_table = span.from->table;
    return 0;
}

void queue_spooled(struct queue *queue, uint64_t last)
{
    queue->spooled = last;
    make_room(queue);
}

struct queue_counts queue_counts(const struct queue *queue)
{
    struct queue_counts counts = queue->counts;
    struct record *record;
    DL_FOREACH(queue->records, record)
    {
        if (record->first > queue->spooled)
            break;
        counts.spooled += record_last(record) <= queue->spooled ? record->n_ticks : queue->spooled - record->first + 1;
    }
    return counts;
}
