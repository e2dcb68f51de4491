/* History from elsewhere, as ordinary ticks of a host under a run of their own. They are checked as strictly as an
 * agent's, but neither judged nor told to the host's live state: nobody is paged for the past. A run is the host and
 * what tells the file from others, so the same file again finds its ticks stored. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "collector/parts.h"
#include "proto/codec/codec.h"
#include "proto/metric/metric.h"
#include "utlist.h"

#define FUTURE_MAX_US (INT64_C(3600) * US_PER_S) /* ahead of our clock */

struct importing { /* a request that waits for the disk */
    struct collector *collector;
    struct importing *next, *prev;
    collector_imported_fn *fn;
    void *user;
    struct store_batch batch; /* n_ticks 0: only asked; its bytes are behind it */
    struct store_run stored;
    bool had;
    uint8_t bytes[];
};

static struct run_id run_of_source(uint64_t host, const struct import_source *source)
{
    struct run_id run;
    uint8_t text[sizeof host + sizeof source->bytes];
    memcpy(text, &host, sizeof host);
    memcpy(text + sizeof host, source->bytes, sizeof source->bytes);
    struct table_hash hash = codec_table_hash(text, sizeof text);
    size_t mark = sizeof STORE_IMPORT_MARK - 1;
    memcpy(run.bytes, STORE_IMPORT_MARK, mark);
    memcpy(run.bytes + mark, hash.bytes, sizeof run.bytes - mark);
    return run;
}

/* ---- is it what it says ---- */

static int check_times(const struct batch *batch, int64_t now_us, struct err *err)
{
    int64_t anchor_us = batch->wall_us[0] - batch->mono_us[0];
    for (uint32_t i = 0; i < batch->n_ticks; i++)
        if (batch->wall_us[i] - batch->mono_us[i] != anchor_us)
            return err_set(err, -EINVAL, "import: the batch has two clocks");
    uint32_t last = batch->n_ticks - 1;
    if (batch->wall_us[0] < EPOCH_LEAST_US)
        return err_set(err, -EINVAL, "import: there are ticks from before the year 2000");
    if (batch->wall_us[last] > now_us + FUTURE_MAX_US)
        return err_set(err, -EINVAL, "import: there are ticks that lie in the future");
    if (batch->wall_us[last] - batch->wall_us[0] > BATCH_SPAN_MAX_US)
        return err_set(err, -EINVAL, "import: the ticks of one batch span more than a day");
    return 0;
}

/* Units of known metrics are the catalogue's: figures of one metric must be comparable. */
static int check_table(const struct series_table *table, struct err *err)
{
    for (uint32_t i = 0; i < table->n; i++) {
        const struct metric *metric = metric_find(table->at[i].metric);
        if (metric && strcmp(metric->unit, table->at[i].unit) != 0)
            return err_set(err, -EINVAL, "import: %s is in %s, not in %s", metric->key, metric->unit,
                           table->at[i].unit);
    }
    return 0;
}

/* Decodes all of it: what the store takes must be readable for ever. */
static int check_batch(struct collector *collector, const struct import_batch *import, const struct run_id *run,
                       struct store_batch *ret, struct err *err)
{
    struct series_table table = { .n = 0 };
    struct batch batch = { .n_ticks = 0 };
    arena_reset(&collector->arena);
    int rc = codec_decode_table(import->table.at, import->table.len, &collector->arena, &table, err);
    if (rc == 0)
        rc = check_table(&table, err);
    if (rc == 0)
        rc = codec_decode_batch(import->batch.at, import->batch.len, &collector->arena, &batch, err);
    if (rc != 0)
        return rc == -ENOMEM ? rc : err_within(err, -EINVAL, "import");
    assert(batch.n_ticks > 0 && batch.wall_us && batch.mono_us); /* the codec's word */
    if (batch.n_columns != table.n || memcmp(&batch.table, &table.hash, sizeof table.hash) != 0)
        return err_set(err, -EINVAL, "import: the batch is not of its table");
    if (memcmp(&batch.run, run, sizeof *run) != 0)
        return err_set(err, -EINVAL, "import: the batch is of another run");
    rc = check_times(&batch, now_us(collector), err);
    if (rc < 0)
        return rc;
    *ret = (struct store_batch){
        .first = batch.first,
        .n_ticks = batch.n_ticks,
        .anchor_us = batch.wall_us[0] - batch.mono_us[0],
        .first_us = batch.wall_us[0],
        .last_us = batch.wall_us[batch.n_ticks - 1],
        .table = table.hash,
    };
    return 0;
}

/* ---- its way to the disk ---- */

static void finish(struct importing *importing, const struct err *err)
{
    struct collector_imported result = { importing->batch.run, importing->stored.last, importing->stored.last_us,
                                         importing->had };
    DL_DELETE(importing->collector->imports, importing);
    importing->fn(importing->user, err ? NULL : &result, err);
    free(importing);
}

static void on_stored(void *user, int rc)
{
    struct importing *importing = user;
    struct err err;
    if (rc < 0) {
        err_set(&err, -EIO, "the disk cannot take it now: import the file again later, it goes on where it stopped");
        finish(importing, &err);
        return;
    }
    importing->stored =
        (struct store_run){ importing->batch.first + importing->batch.n_ticks - 1, importing->batch.last_us };
    finish(importing, NULL);
}

static int put(struct importing *importing, struct err *err)
{
    struct collector *collector = importing->collector;
    const struct store_batch *batch = &importing->batch;
    uint64_t last = batch->first + batch->n_ticks - 1;
    if (last <= importing->stored.last) {
        importing->had = true;
        finish(importing, NULL);
        return 0;
    }
    if (batch->first != importing->stored.last + 1)
        return err_set(err, -EPERM, "import: tick %" PRIu64 " is to be next, not %" PRIu64, importing->stored.last + 1,
                       batch->first);
    if (importing->stored.last > 0 && batch->first_us <= importing->stored.last_us)
        return err_set(err, -EPERM, "import: its time lies before what is stored of this file");
    int rc = store_batch(collector->store, batch, err);
    if (rc == 0)
        rc = store_then(collector->store, STORE_TENANT, batch->tenant, on_stored, importing);
    if (rc == 0)
        store_hurry(collector->store, STORE_TENANT, batch->tenant);
    return rc == -ENOMEM ? err_set(err, rc, "out of memory") : rc;
}

static void on_run(void *user, const struct store_run *stored, const struct err *failure)
{
    struct importing *importing = user;
    struct err err;
    if (stored)
        importing->stored = *stored;
    if (failure || importing->batch.n_ticks == 0) {
        finish(importing, failure);
        return;
    }
    int rc = put(importing, &err);
    if (rc < 0) {
        err.code = rc;
        finish(importing, &err);
    }
}

/* One request after the other: what is stored of the run must not change between the look and the write. */
static int check_alone(const struct collector *collector, uint64_t host, struct err *err)
{
    const struct importing *other;
    DL_FOREACH(collector->imports, other)
    {
        if (other->batch.host == host)
            return err_set(err, -EAGAIN, "another import into this host is under way");
    }
    return 0;
}

int collector_import(struct collector *collector, const struct import_batch *import, collector_imported_fn *fn,
                     void *user, struct err *err)
{
    const struct host *host = fleet_host(collector->fleet, import->host);
    if (!host)
        return err_set(err, -ENOENT, "there is no host %016" PRIx64, import->host);
    int rc = check_alone(collector, host->id, err);
    if (rc < 0)
        return rc;
    AUTO(auto_free) struct importing *importing = calloc(1, sizeof *importing + import->table.len + import->batch.len);
    if (!importing)
        return err_set(err, -ENOMEM, "out of memory");
    struct run_id run = run_of_source(host->id, &import->source);
    rc = import->batch.len ? check_batch(collector, import, &run, &importing->batch, err) : 0;
    if (rc < 0)
        return rc;
    if (import->batch.len) {
        memcpy(importing->bytes, import->table.at, import->table.len);
        memcpy(importing->bytes + import->table.len, import->batch.at, import->batch.len);
    }
    importing->collector = collector;
    importing->fn = fn;
    importing->user = user;
    importing->batch.tenant = host->tenant;
    importing->batch.host = host->id;
    importing->batch.run = run;
    importing->batch.table_bytes = (struct bytes){ importing->bytes, import->table.len };
    importing->batch.batch_bytes = (struct bytes){ importing->bytes + import->table.len, import->batch.len };
    rc = store_find_run(collector->store, host->tenant, host->id, &run, on_run, importing, err);
    if (rc < 0)
        return rc;
    DL_APPEND(collector->imports, importing);
    (void)TAKE(importing);
    return 0;
}
