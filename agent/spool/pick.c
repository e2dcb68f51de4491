/* A segment is at most a megabyte and a parcel is made once a second, so each time the segment is read from its
 * beginning: nothing of it is kept in memory meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/spool/join.h"
#include "agent/spool/parts.h"
#include "base/arena.h"
#include "base/auto.h"
#include "proto/codec/codec.h"

enum {
    PICK_MEMORY = 32 << 20,
    READ_TRIES = 30,
    REPORT_ROOM = 2 << 10, /* the rest of a report and its envelopes, and the seal, beside batch and table */
};

struct pick {
    struct spool *spool;
    const struct spool_time *now;
    struct segment *segment;
    const struct table_hash *known;
    size_t n_known;
    struct reader bytes; /* the segment's */
    struct arena *arena;
    struct range want; /* consecutive ticks; what is not there is dropped */
    uint32_t n;        /* of the batches found */
    struct batch batches[SPOOL_PARCEL_TICKS];
    struct series_table series;
    struct bytes table;
};

/* ---- finding ---- */

static void lose(struct pick *pick, uint64_t first, uint64_t last)
{
    index_drop(pick->spool, pick->segment->run, first, last, DROP_UNREADABLE);
}

static bool decode(struct pick *pick, const struct spool_ticks *ticks, struct batch *ret)
{
    return codec_decode_batch(ticks->batch.at, ticks->batch.len, pick->arena, ret, NULL) == 0 &&
           ret->first == ticks->first && ret->n_ticks == ticks->n_ticks &&
           memcmp(&ret->run, &pick->segment->run->id, sizeof ret->run) == 0;
}

/* With the first one: under its table, and within the time a collector takes in one batch. */
static bool goes_along(const struct pick *pick, const struct batch *batch)
{
    const struct batch *first = &pick->batches[0];
    return memcmp(&batch->table, &first->table, sizeof batch->table) == 0 &&
           batch->mono_us[batch->n_ticks - 1] - first->mono_us[0] <= SPOOL_PARCEL_SPAN_US;
}

/* The ones that begin what is wanted, as far as they belong together. What is missing in front is lost. */
static void find_batches(struct pick *pick)
{
    struct reader reader = pick->bytes;
    struct spool_record record;
    size_t broken;
    uint64_t next = pick->want.first;
    while (pick->n < SPOOL_PARCEL_TICKS && next <= pick->want.last && spool_next(&reader, &record, &broken)) {
        if (record.kind != SPOOL_TICKS || record.ticks.first + record.ticks.n_ticks - 1 < next)
            continue;
        if (record.ticks.first > next && pick->n > 0)
            return;
        if (record.ticks.first > pick->want.last)
            break;
        if (record.ticks.first > next)
            lose(pick, next, record.ticks.first - 1);
        struct batch *batch = &pick->batches[pick->n];
        bool good = decode(pick, &record.ticks, batch);
        if (pick->n > 0 && (!good || !goes_along(pick, batch)))
            return;
        next = record.ticks.first + record.ticks.n_ticks;
        if (!good) {
            lose(pick, record.ticks.first > pick->want.first ? record.ticks.first : pick->want.first, next - 1);
            continue;
        }
        if (pick->n++ == 0 && record.ticks.first > pick->want.first)
            pick->want.first = record.ticks.first;
    }
    if (pick->n == 0)
        lose(pick, pick->want.first, pick->want.last);
}

static bool find_table(struct pick *pick)
{
    const struct batch *batch = &pick->batches[0];
    struct reader reader = pick->bytes;
    struct spool_record record;
    size_t broken;
    while (spool_next(&reader, &record, &broken)) {
        if (record.kind != SPOOL_TABLE)
            continue;
        struct table_hash hash = codec_table_hash(record.table.at, record.table.len);
        if (memcmp(&hash, &batch->table, sizeof hash) != 0)
            continue;
        pick->table = record.table;
        return codec_decode_table(record.table.at, record.table.len, pick->arena, &pick->series, NULL) == 0 &&
               pick->series.n == batch->n_columns;
    }
    return false;
}

/* ---- making the parcel ---- */

static size_t room_for_batch(const struct pick *pick)
{
    size_t room = MESSAGE_MAX - REPORT_ROOM - pick->table.len;
    for (size_t i = 0; i < pick->n_known; i++)
        if (memcmp(&pick->known[i], &pick->batches[0].table, sizeof *pick->known) == 0)
            room = MESSAGE_MAX - REPORT_ROOM;
    return room < BATCH_MAX ? room : BATCH_MAX;
}

static int encode(struct pick *pick, uint32_t n_ticks, struct spool_parcel *parcel, struct err *err)
{
    uint64_t end = pick->want.first + n_ticks;
    uint32_t n = 0;
    while (n < pick->n && pick->batches[n].first < end)
        n++;
    struct batch batch;
    int rc = batch_join(pick->batches, n, &pick->series, pick->want.first, n_ticks, pick->arena, &batch, err);
    if (rc < 0)
        return rc;
    parcel->n_ticks = n_ticks;
    return codec_encode_batch(&batch, parcel->bytes, room_for_batch(pick), &parcel->len, err);
}

/* How many ticks fill a message is learnt: a little more than last time is tried. */
static int encode_most(struct pick *pick, struct spool_parcel *parcel, struct err *err)
{
    const struct batch *last = &pick->batches[pick->n - 1];
    uint64_t there = last->first + last->n_ticks - pick->want.first;
    uint64_t wanted = pick->want.last - pick->want.first + 1;
    uint32_t least = BATCH_VALUES_MAX / pick->series.n;
    uint32_t fits = pick->spool->fits + pick->spool->fits / 8 + 1;
    uint32_t n = there < wanted ? (uint32_t)there : (uint32_t)wanted;
    n = n < least ? n : least;
    bool cut = n > fits;
    n = cut ? fits : n;
    int rc;
    while ((rc = encode(pick, n, parcel, err)) == -EMSGSIZE && n > 1) {
        n -= n / 8 + 1;
        n = n > 0 ? n : 1;
        cut = true;
    }
    if (rc == 0 && cut)
        pick->spool->fits = n;
    return rc;
}

static bool same_boot_as_now(const struct spool *spool, const struct run *run)
{
    static const struct boot_id unknown;
    return run != spool->own && memcmp(&run->boot, &spool->config.boot, sizeof run->boot) == 0 &&
           memcmp(&run->boot, &unknown, sizeof unknown) != 0;
}

static int make_parcel(struct pick *pick, struct spool_parcel **ret, struct err *err)
{
    const struct run *run = pick->segment->run;
    struct spool_parcel *parcel = malloc(sizeof *parcel + pick->table.len);
    if (!parcel)
        return err_set(err, -ENOMEM, "spool: out of memory for a parcel");
    parcel->run = run->id;
    parcel->first = pick->want.first;
    parcel->highest = run->highest;
    parcel->own = run == pick->spool->own;
    parcel->same_boot = same_boot_as_now(pick->spool, run);
    parcel->hash = pick->batches[0].table;
    memcpy(parcel + 1, pick->table.at, pick->table.len);
    parcel->table = (struct bytes){ (const uint8_t *)(parcel + 1), pick->table.len };
    int rc = encode_most(pick, parcel, err);
    if (rc < 0)
        return spool_parcel_free(parcel), rc;
    *ret = parcel;
    return 0;
}

/* ---- reading ---- */

/* What cannot be read now may well be readable soon: a cable, a path of a SAN, a file server. Only what has not been
 * readable again and again over minutes is not waited for any more. */
static bool may_come_back(struct pick *pick, size_t at)
{
    struct unread *unread = &pick->spool->unread;
    if (unread->segment != pick->segment->number || unread->at != at)
        *unread = (struct unread){ pick->segment->number, at, .since_us = pick->now->mono_us };
    unread->tries++;
    return unread->tries < READ_TRIES || pick->now->mono_us - unread->since_us < SPOOL_PATIENCE_US;
}

/* 0 with no bytes: there is nothing to be had from it for good. */
static int read_segment(struct pick *pick, uint8_t **ret_bytes, size_t *ret_len, struct err *err)
{
    struct spool *spool = pick->spool;
    size_t at = 0;
    int rc = segment_read(spool, pick->segment->number, false, ret_bytes, ret_len, err);
    if (rc == 0)
        spool->unread.segment = 0;
    else
        at = *ret_len;
    if (rc == 0 || read_lacked_means(rc) || (!read_found_none(rc) && may_come_back(pick, at)))
        return rc;
    rc = segment_read(spool, pick->segment->number, true, ret_bytes, ret_len, err);
    return read_lacked_means(rc) ? rc : 0;
}

/* SPOOL_LOST: what was wanted is; look again. */
static int pick_from(struct pick *pick, struct spool_parcel **ret, struct err *err)
{
    AUTO(auto_free) uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = read_segment(pick, &bytes, &len, err);
    if (rc < 0)
        return rc;
    pick->bytes = (struct reader){ bytes, bytes ? bytes + len : bytes };
    find_batches(pick);
    if (pick->n == 0)
        return SPOOL_LOST;
    if (!find_table(pick)) {
        lose(pick, pick->want.first, pick->batches[0].first + pick->batches[0].n_ticks - 1);
        return SPOOL_LOST;
    }
    return make_parcel(pick, ret, err);
}

/* ---- the contract ---- */

static bool find_wanted(struct spool *spool, uint64_t before, struct segment **ret_segment, struct range *ret)
{
    struct segment *segment;
    DL_FOREACH(spool->segments, segment)
    {
        if (!segment->run || segment->last == 0)
            continue;
        uint64_t last = segment->run == spool->own && segment->last >= before ? before - 1 : segment->last;
        if (ranges_gap(&segment->run->done, segment->first, last, ret)) {
            *ret_segment = segment;
            return true;
        }
    }
    return false;
}

int spool_pick(struct spool *spool, const struct spool_time *now, uint64_t before, const struct table_hash *known,
               size_t n_known, struct spool_parcel **ret_parcel, struct err *err)
{
    AUTO(arena_done) struct arena arena;
    arena_init(&arena, PICK_MEMORY);
    AUTO(auto_free) struct pick *pick = malloc(sizeof *pick);
    if (!pick)
        return err_set(err, -ENOMEM, "spool: out of memory for a parcel");
    pick->spool = spool;
    pick->now = now;
    pick->segment = NULL;
    pick->known = known;
    pick->n_known = n_known;
    pick->arena = &arena;
    struct segment *segment;
    struct range want;
    while (find_wanted(spool, before, &segment, &want)) {
        if (pick->segment && segment != pick->segment)
            return SPOOL_LOST;
        if (want.last - want.first >= SPOOL_PARCEL_TICKS)
            want.last = want.first + SPOOL_PARCEL_TICKS - 1;
        uint64_t before_lost = ranges_missing(&segment->run->done, want.first, want.last);
        arena_reset(&arena);
        pick->segment = segment;
        pick->want = want;
        pick->n = 0;
        int rc = pick_from(pick, ret_parcel, err);
        if (rc != SPOOL_LOST)
            return rc;
        if (ranges_missing(&segment->run->done, want.first, want.last) == before_lost) /* no memory to say so */
            return err_set(err, -ENOMEM, "spool: out of memory");
    }
    return SPOOL_EMPTY;
}

struct spool_parcel *spool_parcel_free(struct spool_parcel *parcel)
{
    free(parcel);
    return NULL;
}
