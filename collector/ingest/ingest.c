#include "collector/ingest/ingest.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/ingest/table.h"
#include "uthash.h"
#include "utlist.h"

_Static_assert(sizeof(struct run_id) == QUOTA_NAME_BYTES && sizeof(struct table_hash) == QUOTA_NAME_BYTES,
               "what is counted has names of one length");

enum { PENDING_MAX = SPANS_MAX / 2 };

struct run_key {
    uint64_t host;
    struct run_id run;
};

struct host_entry;

struct run_entry {
    struct ingest_run run; /* first: a run pointer is an entry pointer */
    struct host_entry *owner;
    struct run_key key;
    struct run_entry *prev, *next; /* in its host's list */
    UT_hash_handle by_key;
};

struct host_entry {
    uint64_t host;
    unsigned n_runs;
    struct run_entry *runs; /* the one heard of last at the end */
    struct table_slots tables;
    struct quota new_tables;
    struct quota unknown_runs;
    UT_hash_handle by_id;
};

struct ingest {
    struct run_entry *runs;
    struct host_entry *hosts;
    struct table_pool *pool;
};

int ingest_new(struct ingest **ret_ingest, struct err *err)
{
    AUTO(auto_free) struct ingest *ingest = calloc(1, sizeof *ingest);
    if (!ingest)
        return err_set(err, -ENOMEM, "ingest: out of memory");
    ingest->pool = table_pool_new();
    if (!ingest->pool)
        return err_set(err, -ENOMEM, "ingest: out of memory");
    *ret_ingest = TAKE(ingest);
    return 0;
}

static void free_run(struct run_entry *entry)
{
    spans_done(&entry->run.judged);
    spans_done(&entry->run.pending);
    spans_done(&entry->run.stored);
    free(entry);
}

struct ingest *ingest_free(struct ingest *ingest)
{
    if (!ingest)
        return NULL;
    struct run_entry *run, *next_run;
    struct host_entry *host, *next_host;
    HASH_ITER(by_key, ingest->runs, run, next_run)
    {
        HASH_DELETE(by_key, ingest->runs, run);
        free_run(run);
    }
    HASH_ITER(by_id, ingest->hosts, host, next_host)
    {
        HASH_DELETE(by_id, ingest->hosts, host);
        table_slots_clear(ingest->pool, &host->tables);
        quota_done(&host->new_tables);
        quota_done(&host->unknown_runs);
        free(host);
    }
    table_pool_free(ingest->pool);
    free(ingest);
    return NULL;
}

/* Hosts stay, so runs may point at theirs. */
static struct host_entry *need_host(struct ingest *ingest, uint64_t host)
{
    struct host_entry *entry;
    HASH_FIND(by_id, ingest->hosts, &host, sizeof host, entry);
    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->host = host;
    HASH_ADD(by_id, ingest->hosts, host, sizeof entry->host, entry);
    if (!entry->by_id.tbl) { /* uthash had no memory */
        free(entry);
        return NULL;
    }
    return entry;
}

void ingest_hold(struct ingest_run *run)
{
    run->holders++;
}

void ingest_let_go(struct ingest_run *run)
{
    run->holders--;
}

/* Makes room for one more run of a host. -ENOSPC: all of them are held. */
static int forget_oldest(struct ingest *ingest, struct host_entry *owner)
{
    struct run_entry *entry;
    DL_FOREACH(owner->runs, entry)
    {
        if (entry->run.holders > 0 || entry->run.pending.n > 0)
            continue;
        DL_DELETE(owner->runs, entry);
        HASH_DELETE(by_key, ingest->runs, entry);
        free_run(entry);
        owner->n_runs--;
        return 0;
    }
    return -ENOSPC;
}

static struct run_entry *make_run(struct ingest *ingest, struct host_entry *owner, const struct run_key *key)
{
    struct run_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    entry->run.host = key->host;
    entry->run.run = key->run;
    entry->owner = owner;
    entry->key = *key;
    HASH_ADD(by_key, ingest->runs, key, sizeof entry->key, entry);
    if (!entry->by_key.tbl) { /* uthash had no memory */
        free(entry);
        return NULL;
    }
    DL_APPEND(owner->runs, entry);
    owner->n_runs++;
    return entry;
}

static struct run_key key_of(uint64_t host, const struct run_id *run)
{
    struct run_key key;
    memset(&key, 0, sizeof key); /* with what lies between its members: it is compared as bytes */
    key.host = host;
    key.run = *run;
    return key;
}

struct ingest_run *ingest_find_run(const struct ingest *ingest, uint64_t host, const struct run_id *run)
{
    struct run_entry *entry;
    struct run_key key = key_of(host, run);
    HASH_FIND(by_key, ingest->runs, &key, sizeof key, entry);
    return entry ? &entry->run : NULL;
}

int ingest_run(struct ingest *ingest, uint64_t host, const struct run_id *run, struct ingest_run **ret_run,
               struct err *err)
{
    struct run_entry *entry;
    struct run_key key = key_of(host, run);
    struct host_entry *owner = need_host(ingest, host);
    if (!owner)
        return err_set(err, -ENOMEM, "ingest: out of memory");
    HASH_FIND(by_key, ingest->runs, &key, sizeof key, entry);
    if (entry) {
        DL_DELETE(owner->runs, entry);
        DL_APPEND(owner->runs, entry);
    } else {
        if (owner->n_runs >= INGEST_RUNS_MAX && forget_oldest(ingest, owner) < 0)
            return err_set(err, -ENOSPC, "%d runs of this host report at once: is its id in use on many machines?",
                           INGEST_RUNS_MAX);
        entry = make_run(ingest, owner, &key);
        if (!entry)
            return err_set(err, -ENOMEM, "ingest: out of memory");
    }
    *ret_run = &entry->run;
    return 0;
}

bool ingest_may_declare(struct ingest *ingest, uint64_t host, const struct run_id *run, int64_t now_us)
{
    struct run_entry *entry;
    struct run_key key = key_of(host, run);
    HASH_FIND(by_key, ingest->runs, &key, sizeof key, entry);
    if (entry)
        return true;
    struct host_entry *owner = need_host(ingest, host);
    return owner && quota_take(&owner->unknown_runs, run->bytes, now_us);
}

static void refuse(struct ingest_decision *ret, enum refusal refusal)
{
    ret->verdict = INGEST_REFUSED;
    ret->refusal = refusal;
}

void ingest_offer(struct ingest_run *run, const struct report *report, struct ingest_decision *ret)
{
    const struct batch *batch = &report->batch;
    uint64_t first = batch->first;
    uint64_t last = batch->first + batch->n_ticks - 1;
    *ret = (struct ingest_decision){ .verdict = INGEST_NEW };
    if (report->highest > run->highest)
        run->highest = report->highest;
    if (last > report->highest) {
        refuse(ret, REFUSAL_ABOVE_HIGHEST);
        snprintf(ret->text, sizeof ret->text,
                 "ticks %" PRIu64 "..%" PRIu64 " are above %" PRIu64 ", the highest this run has declared", first, last,
                 report->highest);
        return;
    }
    const struct span *stored = spans_meeting(&run->stored, first, last);
    if (stored)
        ret->stored = *stored;
    if (spans_hold(&run->stored, first, last) == SPANS_ALL) {
        ret->verdict = INGEST_STORED;
        return;
    }
    if (stored) {
        refuse(ret, REFUSAL_OVERLAP);
        snprintf(ret->text, sizeof ret->text,
                 "ticks %" PRIu64 "..%" PRIu64 " overlap %" PRIu64 "..%" PRIu64 ", which are stored", first, last,
                 stored->first, stored->last);
        return;
    }
    switch (spans_hold(&run->pending, first, last)) {
    case SPANS_ALL:
        ret->verdict = INGEST_PENDING;
        break;
    case SPANS_SOME:
        ret->verdict = INGEST_BUSY;
        break;
    case SPANS_NONE:
        if (run->pending.n >= PENDING_MAX)
            ret->verdict = INGEST_BUSY;
        break;
    }
}

bool ingest_unjudged(const struct ingest_run *run, uint64_t first, uint64_t last, struct span *ret)
{
    return first <= last && spans_missing(&run->judged, first, last, ret);
}

int ingest_admit(struct ingest_run *run, uint64_t first, uint64_t last)
{
    /* Each pending interval may become one of `stored`: what goes to the disk must find its place here when it
     * comes back. */
    assert(run->pending.n < PENDING_MAX); /* ingest_offer() has said so */
    while (run->stored.n + run->pending.n >= SPANS_MAX - 1)
        spans_forget_lowest(&run->stored);
    if (run->judged.n >= SPANS_MAX - 1)
        spans_forget_lowest(&run->judged);
    int rc = spans_add(&run->pending, first, last);
    if (rc < 0)
        return rc;
    rc = spans_add(&run->judged, first, last);
    if (rc < 0)
        ingest_lost(run, first, last);
    return rc;
}

int ingest_stored(struct ingest_run *run, uint64_t first, uint64_t last, struct span *ret_stored)
{
    ingest_lost(run, first, last);
    int rc = spans_add(&run->stored, first, last);
    if (rc < 0)
        return rc;
    *ret_stored = *spans_meeting(&run->stored, first, last);
    return 0;
}

void ingest_lost(struct ingest_run *run, uint64_t first, uint64_t last)
{
    /* A hole in an interval that was joined with its neighbours needs room. Without it all of the interval goes: its
     * ticks are taken for new when they come again, and the store knows what it has. What must never be is that a tick
     * stays pending that no group holds: its sender would be told that it is stored. */
    const struct span *joined = spans_meeting(&run->pending, first, last);
    if (spans_remove(&run->pending, first, last) < 0 && joined)
        spans_remove(&run->pending, joined->first, joined->last);
}

int ingest_restore(struct ingest_run *run, uint64_t first, uint64_t last)
{
    int rc = spans_add(&run->stored, first, last);
    if (rc == 0)
        rc = spans_add(&run->judged, first, last);
    if (rc == 0 && last > run->highest)
        run->highest = last;
    return rc;
}

static struct table_slot *slot_of(const struct ingest_run *run, const struct table_hash *hash)
{
    return table_slots_find(&((const struct run_entry *)run)->owner->tables, hash);
}

const struct ingest_table *ingest_table(const struct ingest_run *run, const struct table_hash *hash)
{
    const struct table_slot *slot = slot_of(run, hash);
    return slot ? slot->table : NULL;
}

int ingest_learn_table(struct ingest *ingest, uint64_t host, const struct series_table *table, struct bytes encoded,
                       int64_t now_us, const struct ingest_table **ret_table, struct err *err)
{
    struct host_entry *entry = need_host(ingest, host);
    if (!entry)
        return err_set(err, -ENOMEM, "ingest: out of memory");
    struct table_slot *slot = table_slots_find(&entry->tables, &table->hash);
    if (!slot) {
        if (!quota_take(&entry->new_tables, table->hash.bytes, now_us))
            return err_set(err, -EDQUOT,
                           "this host has sent %d new sets of series today, further ones are taken from 00:00 UTC on: "
                           "find what keeps adding and removing its disks, mounts or interfaces",
                           QUOTA_NAMES);
        const struct ingest_table *shared = table_pool_take(ingest->pool, table, encoded);
        if (!shared)
            return err_set(err, -ENOMEM, "ingest: out of memory");
        slot = table_slots_put(ingest->pool, &entry->tables, shared);
    }
    *ret_table = slot->table;
    return 0;
}

bool ingest_table_is_stored(const struct ingest_run *run, const struct table_hash *hash)
{
    const struct table_slot *slot = slot_of(run, hash);
    return slot && slot->stored;
}

void ingest_table_set_stored(struct ingest_run *run, const struct table_hash *hash, bool stored)
{
    struct table_slot *slot = slot_of(run, hash);
    if (slot)
        slot->stored = stored;
}
