/* collector/store/upkeep/fsck_parts.h - one file under examination, for the files of fsck. */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "collector/ingest/fleet.h"
#include "collector/store/block/block.h"
#include "collector/store/upkeep/fsck.h"
#include "proto/codec/message.h"

enum fsck_kind { FSCK_BATCH, FSCK_BLOCK, FSCK_MINUTE, FSCK_SKETCH };

struct fsck_range { /* ticks first..last of a run lie in this row */
    int64_t run;
    int64_t first, last;
    int64_t first_us, last_us; /* of the row */
    bool coarse;               /* the row is kept as long as minutes are */
    bool shared;               /* with other ticks: not all of the row's time is theirs */
    enum fsck_kind kind;
    int64_t row;
};

struct fsck_table {
    bool whole;
    uint32_t n; /* series */
    struct table_hash hash;
};

struct fsck_run_row {
    uint64_t host;
    struct run_id run;
};

struct fsck_name { /* of a host, from the registry */
    uint64_t id;
    char name[NAME_MAX_BYTES + 1];
};

struct fsck {
    const struct fsck_order *order;
    struct fsck_report *report;
    sqlite3 *db;
    char file[64]; /* its name */
    const struct fsck_name *names;
    size_t n_names;
    bool has_names;                 /* the registry could be read */
    const struct store_head *heads; /* of ledgers, from the registry, by tenant */
    size_t n_heads;
    struct block_coder *coder;
    struct arena arena; /* of the row in hand */

    /* by id; an id that is 0 or past the end is none */
    size_t n_tables, n_runs, n_hosts;
    struct fsck_table *tables;
    struct fsck_run_row *runs;
    uint64_t *hosts; /* by host.no; 0: none */
    size_t n_ranges, ranges_room;
    struct fsck_range *ranges;
};

/* Counts a finding and says it, with the file's name before it. */
void fsck_find(struct fsck *fsck, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A host as people know it. Returns `text`. */
enum { FSCK_HOST_TEXT = NAME_MAX_BYTES + 40, FSCK_ROW_TEXT = 320 };
const char *fsck_host_text(const struct fsck *fsck, uint64_t host, char text[FSCK_HOST_TEXT]);

/* "block 1234 (host web-1, 2026-... to ..., 60 ticks, level 1)". Returns `text`. */
struct fsck_row {
    enum fsck_kind kind;
    int64_t id;
    uint64_t host; /* 0: not known */
    int64_t first_us, last_us;
    int64_t n;
};
const char *fsck_row_text(const struct fsck *fsck, const struct fsck_row *row, char text[FSCK_ROW_TEXT]);

/* All of these: -ENOMEM, or 0 with what they found said. fsck_tables.c, fsck_rows.c, fsck_ticks.c,
 * fsck_ledger.c */
int fsck_tables(struct fsck *fsck, struct err *err);
int fsck_rows(struct fsck *fsck, struct err *err);
int fsck_ticks(struct fsck *fsck, struct err *err);
int fsck_ledger(struct fsck *fsck, uint64_t tenant, struct err *err);

/* Whether it was signed, and by whom. fsck_ledger.c */
void fsck_head(struct fsck *fsck, const struct store_head *row);
/* NULL: there is none. fsck_ledger.c */
const struct store_head *fsck_head_of(const struct fsck *fsck, uint64_t tenant);

/* A read that failed is a finding, not a failure, unless memory ran out. */
int fsck_read_failed(struct fsck *fsck, const char *what, int rc, struct err *err);

int fsck_add_range(struct fsck *fsck, const struct fsck_range *range, struct err *err);
