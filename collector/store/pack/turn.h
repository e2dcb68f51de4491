/* collector/store/pack/turn.h - one turn of the packer at one file, as its thread takes it; and what the stages share.
 *
 * Shape    the stages in their order: inbox, young blocks, ended days, what expires. Each looks for what is due
 *          (seldom, and all at once), keeps that as a list in struct pack_state, and works it off, a unit after the
 *          other: a unit is what must become true together. A turn ends when its budget is spent
 * Faults   a unit that fails by itself is put off; a stage that fails for other reasons fails the turn, and the next
 *          one begins with the stage behind it: none waits for ever
 * Budget   in nanoseconds as work usually takes, not as it took: the same turns come of the same file on every machine
 * Memory   a unit's ticks are bounded by PACK_VALUES_MAX, lists by their own limits
 * Threads  the packer's; the state is the loop's between turns
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "collector/store/block/block.h"
#include "collector/store/pack/op.h"
#include "collector/store/pack/pack.h"
#include "collector/store/pack/ticks.h"
#include "collector/store/read/decoder.h"

enum {
    PACK_TURN_NS = 200000000,
    PACK_VALUES_MAX = 2 << 20,   /* ticks times columns of a unit */
    PACK_INBOX_MAX = 2 << 20,    /* rows of the inbox on the list */
    PACK_DUE_MAX = 1 << 16,      /* other work on a list */
    PACK_ROWS_MAX = 1000,        /* of a unit */
    PACK_ARENA_BYTES = 192 << 20 /* what a unit could come to; the ticks' part is a tenth of it as a rule */
};

enum pack_ns { /* what work costs, measured: decoding and encoding a value, a row, a row of an index */
               PACK_SEAL_NS = 40,
               PACK_GOOD_NS = 60,
               PACK_ROLL_NS = 30,
               PACK_ROW_NS = 4000,
               PACK_ID_NS = 2000,
               PACK_SCAN_NS = 100
};

struct pack_due { /* a host, day and table whose rows are to be worked on */
    int64_t host_no;
    int64_t day; /* since 1970 */
    int64_t series_table;
};

enum pack_stage { PACK_SEAL, PACK_REWRITE, PACK_DAYS, PACK_KEEP, PACK_STAGE_COUNT };

struct pack_put_off { /* a unit that is not to be tried before `until_us`; of the inbox `series_table` is its run */
    enum pack_stage stage;
    struct pack_due of;
    int64_t until_us;
};

struct pack_list {
    struct pack_due *at;
    size_t n, done, room;
};

struct pack_state {           /* what is known of a file from one turn to the next; zeroed it is all to be found out */
    struct pack_inbox *inbox; /* the list of runs to seal; NULL: none */
    struct pack_list young;
    bool sealed; /* blocks, since young ones were looked for */
    struct pack_list days;
    int keep_step;     /* of the pass that looks for expired rows... */
    int64_t keep_host; /* ...from this host number on... */
    size_t keep_list;  /* ...or behind this row of this list... */
    int64_t keep_id;
    int64_t keep_next_us;         /* ...which will be worth another one then */
    int64_t shrinks;              /* still to be made */
    struct pack_put_off *put_off; /* units that failed by themselves */
    size_t n_put_off;
    /* When to look again. */
    int64_t inbox_us, young_us, days_us, keep_us;
};

struct pack_tools { /* the thread's own, from turn to turn */
    struct block_coder *coder;
    struct arena arena; /* of a unit */
    sqlite3 *db;        /* of the file it was last at; NULL: none */
    const char *path;
    struct decoder decoder;
    struct pack_stmts *stmts;
};

struct pack_taken { /* an id given to a row that is not on disk yet */
    enum pack_table table;
    int64_t id;
};

struct pack_numbered {
    uint64_t host;
    int64_t no;
};

struct pack_turn {
    /* in */
    struct pack_tools *tools;
    struct pack_state *state;
    const char *path;
    uint64_t tenant;
    int64_t now_us;
    struct store_retention retention;
    bool written;          /* ticks were stored since the last look */
    enum pack_stage first; /* the stage it begins with, and goes round */
    bool at_once;          /* whoever asks wants all of it: looks are not spaced out */
    bool open_anew;        /* another file may stand under `path` than the one that is open */
    /* out */
    size_t n_ops;
    struct pack_op **ops; /* in order; the caller's */
    int64_t next_us;      /* when it is worth a turn again; at most now: at once */
    uint64_t unreadable;  /* rows passed over */
    uint64_t n_put_off;   /* units; `put_off_err` is that of the last one */
    struct err put_off_err;
    bool damaged; /* rc is -EBADMSG for the file, not for what a row holds */
    int rc;
    struct err err;
    /* its own */
    struct pack_op *op;    /* the last one */
    struct pack_op *unit;  /* that of the unit under way... */
    struct pack_mark mark; /* ...as it was before it... */
    size_t mark_numbered;  /* ...and hosts that had a number before it */
    size_t ops_room;
    int64_t spent_ns;
    size_t n_taken, taken_room;
    struct pack_taken *taken;
    size_t n_numbered, numbered_room;
    struct pack_numbered *numbered;
};

/* Works it; `turn` tells how it went. */
void pack_turn(struct pack_turn *turn);
/* Releases what is left of its results. */
void pack_turn_done(struct pack_turn *turn);

int pack_tools_init(struct pack_tools *tools, struct err *err);
/* Lets go of the file it was at. */
void pack_tools_leave(struct pack_tools *tools);
void pack_tools_done(struct pack_tools *tools);
void pack_state_done(struct pack_state *state); /* it is zeroed then */

/* ---- for the stages ---- */

/* Each: 0 when it has nothing more to do now. */
int pack_seal(struct pack_turn *turn);
int pack_rewrite(struct pack_turn *turn);
int pack_days(struct pack_turn *turn);
int pack_keep(struct pack_turn *turn);

bool pack_turn_spent(const struct pack_turn *turn);

/* The op that the next unit goes to: *ret is borrowed. */
int pack_turn_unit(struct pack_turn *turn, struct pack_op **ret);

/* db_step(), for what the turn reads: sees when it is the file that is damaged. */
int pack_turn_step(struct pack_turn *turn, sqlite3_stmt *stmt);

/* What to do when the unit under way has failed: when that is its own fault (memory, sizes, contents), its changes are
 * undone, it is put off, 0. Else `rc`. */
int pack_turn_put_off(struct pack_turn *turn, int rc, enum pack_stage stage, const struct pack_due *of);
/* Until when a unit is put off; 0: it is not. */
int64_t pack_put_off_until(const struct pack_turn *turn, enum pack_stage stage, const struct pack_due *of);

/* Statements are prepared once for each file and reset by the caller. `sql` is a literal: its address is its name. */
int pack_turn_stmt(struct pack_turn *turn, const char *sql, sqlite3_stmt **ret);

/* A free id for a row of this host whose first tick is at `first_us`: of its second, or of another of its day. */
int pack_turn_id(struct pack_turn *turn, enum pack_table table, int64_t host_no, int64_t first_us, int64_t *ret);

/* The host's small number, given to it now if it has none. */
int pack_turn_host(struct pack_turn *turn, struct pack_op *op, uint64_t host, int64_t *ret);

/* The series table, in the unit's arena. *ret is NULL when it is missing or unreadable. */
int pack_turn_table(struct pack_turn *turn, int64_t id, const struct series_table **ret);

/* Adds to a list of due work. PACK_LIST_FULL: the rest is for another time. */
enum pack_list_answer { PACK_LIST_FULL = 1 };
int pack_list_add(struct pack_list *list, const struct pack_due *due);
void pack_list_clear(struct pack_list *list);

/* Something that is about to be written can go at `at_us`. */
void pack_expires(struct pack_turn *turn, int64_t at_us);

/* A block that stays, packed as well as is worth it; `block` borrows from the unit's arena, *ret from the coder. */
int pack_encode_good(struct pack_turn *turn, const struct block *block, struct bytes *ret);

/* Rollups of the fresh ones among `ticks` go into `op`. */
int pack_roll(struct pack_turn *turn, struct pack_op *op, const struct pack_ticks *ticks, const struct pack_due *of,
              bool coarse);

static inline int64_t pack_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t pack_day_end_us(int64_t day)
{
    return (day + 1) * PACK_DAY_US;
}

static inline int64_t pack_id_of(int64_t host_no, int64_t second)
{
    return host_no << 39 | second << 6;
}

#define PACK_ID_SECONDS(id) (((id) >> 6) & ((INT64_C(1) << 33) - 1))
#define PACK_ID_HOST(id)    ((id) >> 39)
