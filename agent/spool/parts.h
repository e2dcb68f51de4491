/* agent/spool/parts.h - the inside of the spool: directory.c opens, scan.c reads what was left, current.c writes,
 * pick.c makes parcels, index.c knows what is where, spool.c is the contract and lets give way. Nobody else's. */
#pragma once
#include "agent/spool/ranges.h"
#include "agent/spool/spool.h"

enum {
    SEGMENT_BYTES_MAX = 1 << 20,
    SEGMENTS_PER_SPOOL = 16, /* at least: what gives way at once is a small part of it */
    SEGMENTS_MAX = 4096,     /* an agent that is started again and again leaves many small ones */
    SEGMENT_NAME_LEN = 16 + sizeof ".spool",
    SEGMENT_TABLES = 16,
    UNSYNCED_MAX = 64,
    BUFFER_BYTES = 256 << 10,
    MARK_ROOM = SPOOL_FRAME_BYTES + RUN_BYTES + 17,
    HEAD_ROOM = 256 + SPOOL_DROPS_MAX * MARK_ROOM, /* two heads, all declarations */
};

struct run {
    struct run *prev, *next;
    struct run_id id;
    struct boot_id boot;
    uint64_t highest;
    unsigned segments;
    struct ranges done;
    struct ranges present; /* only while the directory is read */
};

struct segment {
    struct segment *prev, *next;
    uint64_t number; /* in its name; rising */
    uint64_t bytes;
    struct run *run;          /* NULL: strange */
    uint64_t first, last;     /* ticks; 0: none */
    int64_t mono_us, wall_us; /* of its newest ticks */
};

struct unsynced {
    uint64_t first, last;
    int64_t mono_us;
};

struct unread {       /* the block that could not be read last, as long as it cannot */
    uint64_t segment; /* 0: none */
    size_t at;
    unsigned tries;
    int64_t since_us; /* monotonic */
};

struct drops {
    struct dropped at[SPOOL_DROPS_MAX]; /* oldest first */
    size_t n;
};

struct spool {
    char *directory;
    struct spool_config config;
    int dir_fd, lock_fd;
    struct segment *segments; /* oldest first */
    struct run *runs;
    struct run *own;
    uint64_t number; /* of the newest segment, ever */
    size_t segment_bytes;

    struct segment *current; /* being written, NULL: none */
    struct segment good;     /* it, as it was when all was written last */
    int fd;                  /* of the current one */
    int old_fd;              /* of the one before, while it is not synced; else -1 */
    bool dir_synced;
    struct table_hash tables[SEGMENT_TABLES]; /* in the current one */
    size_t n_tables;
    uint8_t *buffer; /* not written yet */
    struct writer writer;

    struct unsynced unsynced[UNSYNCED_MAX]; /* oldest first */
    size_t n_unsynced;
    struct drops drops; /* to be declared */
    struct drops fresh; /* those nobody was told of */
    uint32_t fits;      /* ticks of the last full parcel */
    struct unread unread;
    struct spool_figures figures; /* but for what is worked out when they are asked for */
};

/* ---- index.c ---- */

struct run *run_find(const struct spool *spool, const struct run_id *id);
struct run *run_take(struct spool *spool, const struct run_id *id, const struct boot_id *boot); /* NULL: no memory */
void run_free(struct spool *spool, struct run *run);

/* In order of their numbers. `run` NULL: strange. NULL: out of memory. */
struct segment *segment_add(struct spool *spool, uint64_t number, struct run *run);
/* Forgets it, and its run with the last one. */
void segment_forget(struct spool *spool, struct segment *segment);
/* Forgets it and removes its file. */
void segment_remove(struct spool *spool, struct segment *segment);
bool segment_is_done(const struct segment *segment);
void segment_name(char *ret, uint64_t number);

/* Adds to what is to be declared, and to what is done. */
void index_drop(struct spool *spool, struct run *run, uint64_t first, uint64_t last, enum drop_cause cause);
void drops_add(struct drops *drops, const struct dropped *dropped);
/* All of them within this one, whatever their cause. */
void drops_remove(struct drops *drops, const struct dropped *dropped);

/* ---- directory.c ---- */

/* Opens and locks it. */
int directory_open(struct spool *spool, struct err *err);

/* ---- scan.c ---- */

int scan_directory(struct spool *spool, struct err *err);
/* Reads a segment into memory of the caller's. Blocks the disk does not give back are zeros `despite` errors; otherwise
 * they are the error, and *ret_len says where. */
int segment_read(const struct spool *spool, uint64_t number, bool despite, uint8_t **ret_bytes, size_t *ret_len,
                 struct err *err);
/* Of its errors: we are to blame; there is no such segment, and trying again will not bring it. */
bool read_lacked_means(int rc);
bool read_found_none(int rc);

/* ---- current.c: the segment being written, and the buffer ---- */

void current_empty(struct spool *spool); /* the buffer */
size_t current_len(const struct spool *spool);
/* Readies a segment and the buffer for `need` more bytes, and behind them for as many marks as are ever kept. Errors as
 * current_flush(). */
int current_ready(struct spool *spool, size_t need, struct err *err);
/* Adds what was put into the buffer since its length was `before` to what the segment is going to be. */
void current_grow(struct spool *spool, size_t before);
/* Writes the buffer. When that fails, what is in it is lost, and the segment is no longer current. */
int current_flush(struct spool *spool, struct err *err);

/* Puts a mark behind what is to be written, if there is a segment open: a new one says again all that is to be
 * declared. */
void spool_note(struct spool *spool, enum spool_kind kind, const struct dropped *mark);
