/* collector/store/block/block.h - many ticks of one host under one series table as one piece of bytes.
 *
 * Shape    docs/storage.md has the format: a header (version, counts, range), the shared time column, the ticks'
 *          identities, then columns in groups, so that one series is read without most of the others. The same format
 *          holds samples and rollups
 * Values   come back exactly as they went in, but -0.0 as 0.0; a column may go in as doubles and come back as doubles,
 *          or as fixed-point integers likewise
 * Checks   a checksum over header and directory, one over each group: a flipped byte is -EBADMSG where it is met, and
 *          block_check() names what it was in
 * Input    untrusted: it comes from a disk. Nothing is allocated by a number that was not checked
 * Threads  pure but for the scratch memory in struct block_coder: one a thread. It keeps what it took for the largest
 *          block so far: for good, about 20 bytes a value
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "proto/codec/message.h"

enum {
    BLOCK_VERSION = 1,
    BLOCK_GROUP = 16, /* columns a group has... */
    BLOCK_GROUP_BEST =
        4, /* ...where each is told by itself: a group is what is read and checked of a disk for one... */
    BLOCK_GROUP_MAX = 128, /* ...and in blocks of few ticks, which are read in one go anyway */
    BLOCK_TICKS_MAX = 8640,
    BLOCK_COLUMNS_MAX = 4 * SERIES_MAX, /* a rollup has four a series */
    BLOCK_BYTES_MAX = 32 << 20
};

struct block_part { /* consecutive ticks of a run: identities for fsck and for proofs */
    struct run_id run;
    uint64_t first;
    uint32_t n;
};

struct block {
    uint32_t n_ticks; /* 1..BLOCK_TICKS_MAX */
    uint32_t n_columns;
    const int64_t *at_us; /* n_ticks, corrected time, not falling, from 0 */
    uint32_t n_parts;     /* 0 in rollups; else their n add up to n_ticks */
    const struct block_part *parts;
    const struct column *columns; /* message.h: fixed or real, FIXED_ABSENT or NaN where there is no value */
};

/* QUICK when ticks leave the inbox, GOOD at the first rewriting, BEST at the last, off everybody's way: ten times
 * slower, half the bytes. All three are read alike. */
enum block_effort { BLOCK_QUICK, BLOCK_GOOD, BLOCK_BEST };

struct block_coder; /* opaque: compression contexts and buffers, reused */

int block_coder_new(struct block_coder **ret_coder, struct err *err);
struct block_coder *block_coder_free(struct block_coder *coder);

/* *ret is borrowed from the coder until its next call. -EMSGSIZE: it would pass BLOCK_BYTES_MAX; -ENOMEM. */
int block_encode(struct block_coder *coder, const struct block *block, enum block_effort effort, struct bytes *ret,
                 struct err *err);

/* A block as it lies on disk, opened: its header was checked. Borrows the bytes. */
struct block_source { /* a block that is read piece by piece */
    int (*read)(void *user, size_t at, size_t len, void *to, struct err *err);
    void *user;
};

struct block_view {
    struct bytes bytes;
    const struct block_source *source; /* NULL: all bytes are there */
    uint32_t n_ticks;
    uint32_t n_columns;
    uint32_t n_parts;
    uint32_t n_groups;
    uint32_t group; /* columns of each but the last */
    int64_t first_us;
    int64_t last_us;
    bool evened; /* this and what follows: block.c's own */
    uint32_t directory_at, body_at;
};

/* -EBADMSG: damaged or no block; -ENOTSUP: of a later version. */
int block_open(const void *bytes, size_t len, struct block_view *ret, struct err *err);
/* The same for a block of `len` bytes of which nothing is there yet: what is asked for is read into its place in
 * `room`, `len` bytes, borrowed like the source as long as the view. What the source says is passed on. */
int block_open_from(const struct block_source *source, void *room, size_t len, struct block_view *ret, struct err *err);

/* Results lie in `arena`. */
int block_times(struct block_coder *coder, const struct block_view *view, struct arena *arena,
                const int64_t **ret_at_us, struct err *err);
int block_parts(struct block_coder *coder, const struct block_view *view, struct arena *arena,
                const struct block_part **ret_parts, struct err *err);
/* In blocks of QUICK and GOOD, columns of one group cost one decompression when asked for one after the other. */
int block_column(struct block_coder *coder, const struct block_view *view, uint32_t column, struct arena *arena,
                 struct column *ret, struct err *err);
/* All of it. */
int block_decode(struct block_coder *coder, const void *bytes, size_t len, struct arena *arena, struct block *ret,
                 struct err *err);
/* Every checksum, every value. -EBADMSG: the text names what is broken: header, times, parts or group k; -ENOTSUP. */
int block_check(struct block_coder *coder, const void *bytes, size_t len, struct err *err);

/* The sum of two doubles as one would write it down: 0.1 + 0.2 is 0.3. Sums of rollups are added up by it: where
 * values have few decimals their sum has no more, and takes little room in a block; that of doubles has 17 digits. */
double block_decimal_add(double a, double b);
