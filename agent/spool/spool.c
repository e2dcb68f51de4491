/* Which ticks are there and which are done with, what gives way, and when what is written is synced. */
#include "agent/spool/spool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/spool/parts.h"
#include "base/auto.h"

/* ---- what gives way ---- */

static bool is_disk_full(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT;
}

/* It is removed only when the file of another says that its ticks were dropped: a kill in between must not cost both.
 * current_ready() leaves room for as many marks as are ever kept.
 *
 * On a full disk it goes first: with a spool at its bound nothing else makes the room that its mark and all that comes
 * after need. The declaration is in memory then and in the preamble of the segment that is begun next, so a kill before
 * that costs the cause of the gap; the ticks were lost anyhow. After any other error it stays, as nothing is gained. */
static int let_give_way(struct spool *spool, struct segment *segment, enum drop_cause cause, struct err *err)
{
    int rc = segment->run ? current_ready(spool, MARK_ROOM, err) : 0;
    if (rc < 0 && !is_disk_full(rc))
        return rc;
    if (segment->run && segment->last > 0)
        index_drop(spool, segment->run, segment->first, segment->last, cause);
    if (rc == 0 && segment->run)
        rc = current_flush(spool, err);
    if (rc == 0 || is_disk_full(rc))
        segment_remove(spool, segment);
    return rc;
}

/* The first to go: strange ones, then the oldest of ours. */
static struct segment *victim(const struct spool *spool)
{
    struct segment *segment;
    DL_FOREACH(spool->segments, segment)
    if (!segment->run)
        return segment;
    return spool->segments == spool->current ? NULL : spool->segments;
}

static int make_room(struct spool *spool, size_t need, struct err *err)
{
    struct segment *segment;
    int rc = 0;
    while (rc == 0 &&
           (spool->figures.bytes + need > spool->config.size_bytes || spool->figures.segments >= SEGMENTS_MAX) &&
           (segment = victim(spool)))
        rc = let_give_way(spool, segment, DROP_OVERFLOW, err);
    return rc;
}

static bool same_boot(const struct spool *spool, const struct run *run)
{
    static const struct boot_id unknown;
    return run && memcmp(&run->boot, &unknown, sizeof unknown) != 0 &&
           memcmp(&run->boot, &spool->config.boot, sizeof unknown) == 0;
}

static bool is_too_old(const struct spool *spool, const struct segment *segment, const struct spool_time *now)
{
    int64_t age_us = same_boot(spool, segment->run) ? now->mono_us - segment->mono_us : now->wall_us - segment->wall_us;
    return age_us > spool->config.age_us;
}

static int expire(struct spool *spool, const struct spool_time *now, struct err *err)
{
    struct segment *segment, *next;
    DL_FOREACH_SAFE(spool->segments, segment, next)
    {
        int rc = segment != spool->current && is_too_old(spool, segment, now)
                     ? let_give_way(spool, segment, DROP_EXPIRED, err)
                     : 0;
        if (rc < 0) /* NEXT may be the one that could not be written, and gone */
            return rc;
    }
    return 0;
}

/* Oldest first, so that a mark is never removed before what it is about. Declarations are in the current segment. */
static void remove_done(struct spool *spool)
{
    if (!spool->current && spool->drops.n > 0)
        return;
    struct segment *segment, *next;
    DL_FOREACH_SAFE(spool->segments, segment, next)
    {
        if (!segment->run)
            continue;
        if (segment == spool->current || !segment_is_done(segment))
            break;
        segment_remove(spool, segment);
    }
}

/* ---- putting and marking ---- */

/* Marks about other segments, while there is none to write them to, begin one. */
static void ready_for_mark(struct spool *spool)
{
    if (!spool->current && spool->segments)
        current_ready(spool, MARK_ROOM,
                      NULL); /* what is not marked is delivered, or declared, a second time at worst */
}

static bool has_table(const struct spool *spool, const struct table_hash *hash)
{
    for (size_t i = 0; i < spool->n_tables; i++)
        if (memcmp(&spool->tables[i], hash, sizeof *hash) == 0)
            return true;
    return false;
}

static void put_table(struct spool *spool, const struct table_hash *hash, const struct bytes *table)
{
    spool_write_table(&spool->writer, table);
    spool_write_table(&spool->writer, table);
    if (spool->n_tables == SEGMENT_TABLES) { /* a host that changes its shape all the time repeats its tables */
        memmove(spool->tables, spool->tables + 1, (SEGMENT_TABLES - 1) * sizeof *spool->tables);
        spool->n_tables--;
    }
    spool->tables[spool->n_tables++] = *hash;
}

static void note_unsynced(struct spool *spool, const struct spool_ticks *ticks)
{
    uint64_t last = ticks->first + ticks->n_ticks - 1;
    if (spool->n_unsynced == UNSYNCED_MAX)
        spool->unsynced[UNSYNCED_MAX - 1].last = last;
    else
        spool->unsynced[spool->n_unsynced++] = (struct unsynced){ ticks->first, last, ticks->mono_us };
}

static void note_ticks(struct spool *spool, const struct spool_ticks *ticks)
{
    struct segment *segment = spool->current;
    struct run *own = spool->own;
    if (segment->first == 0)
        segment->first = ticks->first;
    segment->last = ticks->first + ticks->n_ticks - 1;
    segment->mono_us = ticks->mono_us;
    segment->wall_us = ticks->wall_us;
    if (own->highest > 0 && ticks->first > own->highest + 1) /* what is not here is not to be delivered from here */
        ranges_add(&own->done, own->highest + 1, ticks->first - 1);
    own->highest = segment->last;
    note_unsynced(spool, ticks);
}

int spool_put(struct spool *spool, const struct spool_ticks *ticks, const struct table_hash *hash,
              const struct bytes *table, struct err *err)
{
    assert(spool && ticks && hash && table);
    if (ticks->first <= spool->figures.written)
        return 0;
    size_t need = 3 * SPOOL_FRAME_BYTES + SPOOL_TICKS_BYTES + ticks->batch.len + 2 * table->len;
    assert(need + HEAD_ROOM <= BUFFER_BYTES);
    int rc = make_room(spool, need + HEAD_ROOM, err);
    if (rc == 0)
        rc = current_ready(spool, need, err);
    if (rc < 0)
        return rc;
    size_t before = current_len(spool);
    if (!has_table(spool, hash))
        put_table(spool, hash, table);
    spool_write_ticks(&spool->writer, ticks);
    current_grow(spool, before);
    note_ticks(spool, ticks);
    return 0;
}

void spool_done(struct spool *spool, const struct run_id *run, uint64_t first, uint64_t last)
{
    struct run *found = run_find(spool, run);
    if (!found)
        return;
    if (last > found->highest)
        last = found->highest;
    if (first > last || ranges_missing(&found->done, first, last) == 0)
        return;
    struct dropped mark = { .run = *run, .first = first, .last = last };
    ranges_add(&found->done, first, last);
    ready_for_mark(spool);
    spool_note(spool, SPOOL_DONE, &mark);
}

void spool_dropped(struct spool *spool, const struct dropped *dropped)
{
    struct run *found = run_find(spool, &dropped->run);
    drops_add(&spool->drops, dropped);
    if (found)
        ranges_add(&found->done, dropped->first, dropped->last);
    ready_for_mark(spool);
    spool_note(spool, SPOOL_DROPPED, dropped);
}

void spool_declared(struct spool *spool, const struct dropped *dropped)
{
    drops_remove(&spool->drops, dropped);
    ready_for_mark(spool);
    spool_note(spool, SPOOL_DECLARED, dropped);
}

/* ---- syncing ---- */

static void forget_synced(struct spool *spool)
{
    size_t kept = 0;
    for (size_t i = 0; i < spool->n_unsynced; i++)
        if (ranges_missing(&spool->own->done, spool->unsynced[i].first, spool->unsynced[i].last) > 0)
            spool->unsynced[kept++] = spool->unsynced[i];
    spool->n_unsynced = kept;
    if (kept == 0 && spool->old_fd >= 0) {
        close(spool->old_fd);
        spool->old_fd = -1;
    }
}

static int sync_files(struct spool *spool)
{
    if (spool->old_fd >= 0 && fdatasync(spool->old_fd) < 0)
        return -errno;
    if (spool->fd >= 0 && fdatasync(spool->fd) < 0)
        return -errno;
    if (!spool->dir_synced && fsync(spool->dir_fd) < 0)
        return -errno;
    spool->dir_synced = true;
    return 0;
}

int spool_sync(struct spool *spool, const struct spool_time *now, struct err *err)
{
    forget_synced(spool);
    if (spool->n_unsynced == 0)
        return 0;
    int rc = sync_files(spool);
    if (rc < 0) {
        spool->unsynced[0].mono_us = now->mono_us; /* the next try in its time */
        return err_sys(err, rc, "spool: cannot sync %s", spool->directory);
    }
    spool->n_unsynced = 0;
    forget_synced(spool);
    return 0;
}

/* ---- writing ---- */

static bool was_removed(const struct spool *spool)
{
    struct stat stat;
    return spool->fd >= 0 && fstat(spool->fd, &stat) == 0 && stat.st_nlink == 0;
}

int spool_write(struct spool *spool, const struct spool_time *now, struct err *err)
{
    if (was_removed(spool))
        return err_set(err, -ESTALE, "spool: somebody removed the segment in %s", spool->directory);
    int rc = expire(spool, now, err);
    if (rc == 0)
        rc = current_flush(spool, err);
    if (rc < 0)
        return rc;
    remove_done(spool);
    forget_synced(spool);
    if (spool->n_unsynced > 0 && now->mono_us - spool->unsynced[0].mono_us >= SPOOL_SYNC_US)
        return spool_sync(spool, now, err);
    return 0;
}

/* ---- opening ---- */

static size_t segment_bytes(uint64_t size_bytes)
{
    uint64_t share = size_bytes / SEGMENTS_PER_SPOOL;
    return share < SEGMENT_BYTES_MAX ? (size_t)share : SEGMENT_BYTES_MAX;
}

static void auto_spool(struct spool **spool)
{
    spool_close(*spool);
}

int spool_open(struct spool **ret_spool, const struct spool_config *config, struct err *err)
{
    assert(ret_spool && config && config->directory && config->size_bytes >= SPOOL_SIZE_MIN);
    struct spool *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return err_set(err, -ENOMEM, "spool: out of memory");
    fresh->dir_fd = fresh->lock_fd = fresh->fd = fresh->old_fd = -1;
    AUTO(auto_spool) struct spool *spool = fresh;
    spool->config = *config;
    spool->directory = strdup(config->directory);
    spool->buffer = malloc(BUFFER_BYTES);
    spool->own = run_take(spool, &config->run, &config->boot);
    spool->config.directory = spool->directory;
    spool->segment_bytes = segment_bytes(config->size_bytes);
    spool->fits = SPOOL_PARCEL_TICKS;
    if (!spool->directory || !spool->buffer || !spool->own)
        return err_set(err, -ENOMEM, "spool: out of memory");
    current_empty(spool);
    int rc = directory_open(spool, err);
    if (rc == 0)
        rc = scan_directory(spool, err);
    if (rc < 0)
        return rc;
    remove_done(spool);
    *ret_spool = TAKE(spool);
    return 0;
}

static void close_files(struct spool *spool)
{
    const int fds[] = { spool->fd, spool->old_fd, spool->lock_fd, spool->dir_fd };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

struct spool *spool_close(struct spool *spool)
{
    if (!spool)
        return NULL;
    if (spool->current && spool->segments == spool->current && segment_is_done(spool->current) && spool->drops.n == 0)
        segment_remove(spool, spool->current); /* no earlier one needs its marks */
    close_files(spool);
    while (spool->segments)
        segment_forget(spool, spool->segments);
    while (spool->runs)
        run_free(spool, spool->runs);
    free(spool->buffer);
    free(spool->directory);
    free(spool);
    return NULL;
}

/* ---- what is asked ---- */

uint64_t spool_waiting(const struct spool *spool, uint64_t before)
{
    uint64_t n = 0;
    struct segment *segment;
    DL_FOREACH(spool->segments, segment)
    {
        if (!segment->run || segment->last == 0)
            continue;
        uint64_t last = segment->last;
        if (segment->run == spool->own && last >= before)
            last = before - 1;
        n += ranges_missing(&segment->run->done, segment->first, last);
    }
    return n;
}

size_t spool_take_dropped(struct spool *spool, struct dropped *ret)
{
    size_t n = spool->fresh.n;
    memcpy(ret, spool->fresh.at, n * sizeof *ret);
    spool->fresh.n = 0;
    return n;
}

struct spool_figures spool_figures(const struct spool *spool)
{
    struct spool_figures figures = spool->figures;
    figures.waiting = spool_waiting(spool, UINT64_MAX);
    figures.unsynced_us = spool->n_unsynced > 0 ? spool->unsynced[0].mono_us : 0;
    return figures;
}
