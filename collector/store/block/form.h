/* collector/store/block/form.h - what block.c and its siblings share: the coder's memory and the pieces of the format.
 *
 * Shape    docs/storage.md, "Block format". A column becomes integers first (struct numbers), those become bytes
 * Owner    everything lies in the coder and is overwritten by the next call
 */
#pragma once
#include <zstd.h>

#include "collector/store/block/block.h"
#include "proto/codec/varint.h"

#define BLOCK_MAGIC "WB"
/* Numbers at the start of the header, the directory follows: version, ticks, columns, parts, group, first, span,
 * evened. */
enum { BLOCK_HEAD_NUMBERS = 8 };
enum { BLOCK_MAGIC_BYTES = 2, BLOCK_MARK_MAX = BLOCK_MAGIC_BYTES + sizeof(uint32_t) + VARINT_MAX };

/* A piece of the body, as the directory has it: 0 the times, 1 the parts, 2 + k group k, 2 + n_groups the heads. */
struct entry {
    const uint8_t *at;
    size_t len;
    uint32_t sum;
};
enum { ENTRY_TIMES, ENTRY_PARTS, ENTRY_GROUPS, ENTRIES_BUT_GROUPS = 3 };

struct room { /* memory that grows and is kept for the next call */
    void *at;
    size_t bytes;
};

struct block_coder {
    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    struct room ints;        /* a column as integers */
    struct room plain;       /* a group before it is compressed */
    struct room body;        /* compressed groups, one after the other */
    struct room out;         /* the whole block */
    struct room heads_plain; /* heads of columns before they are compressed, or after they were decompressed... */
    struct room heads;       /* ...as struct coded_head; those whose hash is heads_hash */
    uint64_t heads_hash;
    uint32_t heads_ticks, heads_columns; /* the same bytes say something else of other blocks */
    size_t heads_packed;                 /* bytes they were decompressed from; 0: none are kept */
    struct room sorted;
    struct room fit;     /* what finding the best way takes */
    struct room numbers; /* columns that another leans on */
    struct room signal;
    struct room model;
    struct room group; /* a group after it was decompressed: the one whose hash is group_hash */
    size_t group_len;
    uint64_t group_hash;
    size_t group_packed; /* bytes it was decompressed from; 0: none is kept */
};

/* At least `bytes` bytes; what was there is lost. NULL: out of memory. */
void *room_for(struct room *room, size_t bytes);

struct entry entry_at(const struct block_view *view, uint32_t wanted);
int entry_check(const struct block_view *view, uint32_t wanted, struct entry *ret, uint64_t *ret_hash, struct err *err);
int entry_damaged(const struct block_view *view, uint32_t wanted, struct err *err);

/* Columns of a block that has heads: one, or all of them. */
int coded_column(struct block_coder *coder, const struct block_view *view, uint32_t column, struct arena *arena,
                 struct column *ret, struct err *err);
int coded_columns(struct block_coder *coder, const struct block_view *view, struct arena *arena, struct column *columns,
                  struct err *err);

/* Where tick i of n would be if they were evenly spaced over `span_us`. */
static inline int64_t even_us(int64_t span_us, uint32_t i, uint32_t n)
{
    int64_t gaps = n > 1 ? n - 1 : 1;
    return span_us / gaps * i + span_us % gaps * i / gaps;
}

uint32_t block_sum(const void *bytes, size_t len);

static inline bool read_u32(struct reader *reader, uint32_t *ret)
{
    const uint8_t *at;
    if (!read_bytes(reader, sizeof *ret, &at))
        return false;
    memcpy(ret, at, sizeof *ret);
    *ret = le32toh(*ret);
    return true;
}

static inline void write_u32(struct writer *writer, uint32_t value)
{
    uint32_t le = htole32(value);
    write_bytes(writer, &le, sizeof le);
}

static inline unsigned length_in_bits(uint64_t value)
{
    return value > 0 ? 64U - (unsigned)__builtin_clzll(value) : 0;
}

enum { DECIMALS_MAX = 17 };
/* True: all of `values` but NaN are whole numbers, now in `ints`, divided by 10^*ret_decimals, the smallest such power;
 * of_decimals() gives them back bit by bit, -0.0 as 0.0. */
bool as_decimals(const double *values, uint32_t n, uint64_t *ints, uint8_t *ret_decimals);
double of_decimals(uint64_t number, uint8_t decimals);

/* A column as integers, absent ones left out. A value is (base + unit * number) / 10^decimals; or it is a *share*:
 * scale * (base + number) / total, rounded, / 10^decimals, as of "2,172 of 8,192 pages are used" told in 6 decimals. */
struct numbers {
    bool real;
    bool bits;        /* of doubles that no power of ten makes whole: the integers are their bits */
    uint8_t decimals; /* when real and not bits */
    uint32_t n;       /* present ones */
    uint64_t base;    /* int64_t, as differences wrap */
    uint64_t unit;    /* 0: all are base */
    uint64_t total;   /* 0: no shares */
    uint64_t scale;
    uint64_t *at; /* n of them, when unit > 0 */
};

/* `ints` has room for n_ticks. Base is still 0 and unit 1. */
void numbers_take(const struct column *column, uint32_t n_ticks, uint64_t *ints, struct numbers *ret);
/* Takes out `base` and then the common divisor. */
void numbers_from(struct numbers *numbers, uint64_t base);
/* Takes them for shares, if all are. */
void numbers_as_shares(struct numbers *numbers, struct room *sorted);
bool share_is_sane(const struct numbers *numbers);
/* numbers->at, at the start of an array of n_ticks, become the values there; `runs` as runs_read() had it. */
void numbers_give(const struct numbers *numbers, const struct reader *runs, uint32_t n_ticks);

/* Runs of present and absent ticks in turn, present ones first, until all ticks are told. */
void runs_write(const struct column *column, uint32_t n_ticks, struct writer *writer);
bool runs_read(struct reader *reader, uint32_t n_ticks, struct reader *ret_runs, uint32_t *ret_present);

/* Room a column may take at most, before compression. */
size_t column_bytes_max(uint32_t n_ticks);
/* `ints` has room for n_ticks. */
void column_write(const struct column *column, uint32_t n_ticks, bool planes, uint64_t *ints, struct writer *writer);
/* False: these bytes are no column of n_ticks. `values` has room for n_ticks, int64_t or double as *ret_real says. */
bool column_read(struct reader *reader, uint32_t n_ticks, void *values, bool *ret_real);
