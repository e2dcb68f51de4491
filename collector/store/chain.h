/* collector/store/chain.h - the end of a file's ledger, where entries are appended.
 *
 * Shape    an entry gets its number and its hash as it is written, behind the last row of the file and within the
 *          transaction of what it tells of. So the chain has neither holes nor forks, whatever became of the attempts
 *          before, and also when nobody could read the file at start
 * Once     an entry carries the life of the store it was put into and its number there, which rises; the file's marks
 *          `ledger_life` and `ledger_seq` say which was the last. A group that is written a second time, because it
 *          was on disk although its commit seemed to fail, appends nothing
 * Threads  the writer's
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/store/group.h"

enum chain_stmt { CHAIN_HEAD, CHAIN_ADD, CHAIN_MARK, CHAIN_STMT_COUNT };

struct chain { /* zeroed memory knows nothing */
    sqlite3 *db;
    sqlite3_stmt *stmts[CHAIN_STMT_COUNT];
    uint8_t *bytes; /* of the entry in hand; NULL: none yet */
    bool known;     /* what follows is as the file has it */
    bool dirty;     /* but for the marks */
    uint64_t n;     /* the last entry; 0: none */
    struct ledger_hash hash;
    int64_t life, seq;
};

int chain_open(struct chain *chain, sqlite3 *db, struct err *err);
void chain_close(struct chain *chain);

/* Appends the entry unless it is there. -EBADMSG: the last row of the ledger is none. */
int chain_append(struct chain *chain, const struct op_ledger *op, struct err *err);
/* Writes the marks; before each commit. */
int chain_flush(struct chain *chain, struct err *err);
/* Forgets what is not in the file; after a rollback. */
void chain_forget(struct chain *chain);
