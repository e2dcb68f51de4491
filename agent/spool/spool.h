/* agent/spool/spool.h - ticks the collector has not stored yet, on local disk.
 *
 * Shape    a directory of append-only segments, oldest first, each of one run of the agent; what is written are encoded
 *          batches as they are queued, and marks: which ticks are done with. docs/spool.md has the bytes
 * Numbers  a tick is *done* when it need not be delivered any more: stored, refused or dropped. A segment all of whose
 *          ticks are done is removed, oldest first; nothing is created or cut in a tick
 * Full     bounded in bytes and in age: the oldest segment gives way as a whole, and its ticks are to be declared
 *          dropped. Declarations are kept here, too, until spool_declared()
 * Crash    what spool_write() wrote survives a kill. fdatasync is called only while ticks older than SPOOL_SYNC_US are
 *          not done, and then once in that time: a power cut costs at most those seconds
 * Broken   a broken record costs itself: when it is found, the numbers it must have had are declared. What the disk
 *          does not give back is an error, and no loss before it has been one for SPOOL_PATIENCE_US. Segments of
 *          another host, another version, or without a head are left alone and never sent; they are the first to give
 *          way, and expire
 * Clocks   ages go by the monotonic clock within a boot and by the wall clock across
 * Threads  no lock, one caller at a time; calls wait for the disk, so they are made by base/work
 */
#pragma once
#include <stdbool.h>

#include "agent/spool/format.h"
#include "base/err.h"

#define SPOOL_SYNC_US INT64_C(5000000)

/* What the disk does not give back is taken for lost only after that. */
#define SPOOL_PATIENCE_US INT64_C(300000000)

/* From the first to the last tick of a parcel; a collector takes a day. A host that slept is beyond it in one step. */
#define SPOOL_PARCEL_SPAN_US INT64_C(43200000000)

enum {
    SPOOL_SIZE_MIN = 1 << 20,
    SPOOL_DROPS_MAX = 256, /* declarations held, neighbours as one; of more the oldest are forgotten */
    SPOOL_PARCEL_TICKS = 600,
};

enum spool_answer { SPOOL_EMPTY = 1, SPOOL_LOST };

struct spool; /* opaque */

struct spool_config {
    const char *directory; /* copied; its last part is made if it is not there */
    uint64_t size_bytes;   /* of all segments, from SPOOL_SIZE_MIN */
    int64_t age_us;
    uint64_t host;
    struct boot_id boot; /* of now */
    struct run_id run;   /* of now: "our own" below */
    bool despite_errors; /* what cannot be read is lost; else the spool is not opened while that is so */
};

struct spool_time {
    int64_t mono_us;
    int64_t wall_us;
};

struct spool_figures {
    uint64_t bytes; /* on disk, of our own and of strange segments */
    uint32_t segments;
    uint32_t strange;    /* of those: another host's, another version's, without a head */
    uint32_t foreign;    /* another host's, when it was opened */
    uint64_t waiting;    /* ticks that are not done */
    uint64_t written;    /* our own run's last tick that was written; 0: none */
    uint32_t unopened;   /* files of a segment's name that could not be opened, links too */
    uint64_t broken;     /* bytes passed over when it was opened */
    uint64_t gave_way;   /* ticks dropped since it was opened, by overflow or age... */
    uint64_t unreadable; /* ...and because they could not be read */
    int64_t
        unsynced_us; /* monotonic: when the oldest tick was written that is neither done nor surely on disk; 0: none */
};

struct spool_parcel { /* consecutive ticks of one run and table, as a report carries them */
    struct run_id run;
    uint64_t first;
    uint32_t n_ticks;
    uint64_t highest; /* of the run, as far as it is known here */
    bool own;         /* our own run */
    bool same_boot;   /* an earlier run, of this boot */
    struct table_hash hash;
    struct bytes table; /* encoded; owned, as all of the parcel */
    size_t len;
    uint8_t bytes[BATCH_MAX]; /* an encoded batch */
};

/* Opens the spool and picks up what earlier runs left. On 0 the caller owns *ret_spool. -EBUSY: another process holds
 * it, the text says which; -EPERM: the directory is another user's or others may write to it; -ENOTDIR, -ELOOP,
 * -EACCES, -EROFS, -EIO...: the disk said no. */
int spool_open(struct spool **ret_spool, const struct spool_config *config, struct err *err);

/* Frees the spool. The files stay, but for a last segment that holds nothing to keep. NULL is fine. Returns NULL. */
struct spool *spool_close(struct spool *spool);

/* Puts ticks of our own run, numbered above all before them, behind what is to be written; ticks it has already are
 * passed over. Copies. May write, when the buffer or the segment is full. Errors as spool_write(). */
int spool_put(struct spool *spool, const struct spool_ticks *ticks, const struct table_hash *hash,
              const struct bytes *table, struct err *err);

/* Ticks of any run are done. */
void spool_done(struct spool *spool, const struct run_id *run, uint64_t first, uint64_t last);

/* Ticks of any run will never come, for a cause found elsewhere: they are done, and the declaration is kept. */
void spool_dropped(struct spool *spool, const struct dropped *dropped);

/* What was to be declared within these ticks has been, and is forgotten. */
void spool_declared(struct spool *spool, const struct dropped *dropped);

/* Writes what was put and marked in one go, lets go of what is done or too old, syncs if that is due. -ENOSPC, -EIO...:
 * nothing put since the last success was written (*written* of the figures says so), and may be put again; -ESTALE:
 * somebody removed the segment, the spool must be opened anew. */
int spool_write(struct spool *spool, const struct spool_time *now, struct err *err);

/* Syncs what is not done, at once. */
int spool_sync(struct spool *spool, const struct spool_time *now, struct err *err);

/* Makes one parcel of the oldest ticks that are not done, our own run's only below `before`. Of a table among
 * `known` the parcel needs no room for, as it will not be sent. SPOOL_EMPTY: there are none. SPOOL_LOST: the rest of
 * a segment was, and is declared; there is more. On 0 the caller owns *ret_parcel. -EIO, -ESTALE, -EACCES...: the disk
 * said no, nothing is lost by it; to be tried again. */
int spool_pick(struct spool *spool, const struct spool_time *now, uint64_t before, const struct table_hash *known,
               size_t n_known, struct spool_parcel **ret_parcel, struct err *err);

/* NULL is fine. Always returns NULL. */
struct spool_parcel *spool_parcel_free(struct spool_parcel *parcel);

/* How many ticks spool_pick() has still to make parcels of. */
uint64_t spool_waiting(const struct spool *spool, uint64_t before);

/* Copies what came to be declared since the last call, at most SPOOL_DROPS_MAX; at first also what earlier runs
 * left. */
size_t spool_take_dropped(struct spool *spool, struct dropped *ret);

struct spool_figures spool_figures(const struct spool *spool);
