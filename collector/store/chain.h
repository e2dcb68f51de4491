/* collector/store/chain.h - the end of a file's ledger, where entries are appended.
 *
 * Shape    an entry gets its number and its hash as it is written, behind the last row of the file and within the
 *          transaction of what it tells of. So the chain has neither holes nor forks, whatever became of the attempts
 *          before, and also when nobody could read the file at start
 * Once     an entry carries the life of the store it was put into and its number there, which rises; the file's marks
 *          `ledger_life` and `ledger_seq` say which was the last. A group that is written a second time, because it
 *          was on disk although its commit seemed to fail, appends nothing
 * Heads    what a head vouches for must be in the file: when its end is read, the chain has to go on from it. One that
 *          does not was altered behind our back, or is another file. Entries are appended all the same, for what
 *          happens must be on record; but it is broken, and whoever signs must not vouch for it
 * Begun    a first head lies in registry.db within STORE_BEGUN_US of the first entry. A ledger without one is one that
 *          was stopped before that, if all of its entries are of so short a time, or else somebody took its head away
 * Threads  the writer's
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/store/group.h"

enum chain_stmt { CHAIN_HEAD, CHAIN_ADD, CHAIN_MARK, CHAIN_STMT_COUNT };

struct chain_end { /* the last entry; zeroed: none */
    uint64_t n;
    struct ledger_hash hash;
};

enum chain_state {
    CHAIN_GOES_ON,
    CHAIN_BROKEN,  /* the file does not go on from what was vouched for */
    CHAIN_ACCEPTED /* it did not, and somebody has just said that it may be as it is */
};

struct chain { /* zeroed memory knows nothing */
    sqlite3 *db;
    sqlite3_stmt *stmts[CHAIN_STMT_COUNT];
    uint8_t *bytes; /* of the entry in hand; NULL: none yet */
    bool known;     /* what follows is as the file has it */
    bool dirty;     /* but for the marks */
    bool accepting; /* an entry that is to be on disk next says so */
    struct chain_end end;
    int64_t life, seq;
    struct chain_end vouched; /* was on disk for sure; this and what is below outlives the connection */
    bool misses;              /* nothing is vouched for, and by now something ought to be */
    bool broken;              /* the file does not go on from there */
};

/* `chain->vouched` and `chain->misses` may have been set before. */
int chain_open(struct chain *chain, sqlite3 *db, struct err *err);
void chain_close(struct chain *chain);

/* Reads the end of the chain, unless it is known. -EBADMSG: the last row of the ledger is none. */
int chain_know(struct chain *chain, struct err *err);
/* Appends the entry unless it is there. -EBADMSG: as above. */
int chain_append(struct chain *chain, const struct op_ledger *op, struct err *err);
/* Writes the marks; before each commit. */
int chain_flush(struct chain *chain, struct err *err);
/* What was appended is on disk. CHAIN_ACCEPTED: once. */
enum chain_state chain_committed(struct chain *chain);
/* Forgets what is not in the file; after a rollback. */
void chain_forget(struct chain *chain);
