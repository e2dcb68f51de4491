/* collector/store/pack/apply.h - a packer's op as the writer makes it part of its transaction.
 *
 * Shape    an op that finds other rows than it was worked out from, or a damaged page, is refused: the group is rolled
 *          back and made again without it. Only a disk that fails, or one that is full, fails the group
 * Threads  the writer's
 */
#pragma once
#include <sqlite3.h>

#include "base/err.h"
#include "collector/store/pack/op.h"

enum {
    PACK_STMT_HOST,
    PACK_STMT_SEALED,
    PACK_STMT_ASIDE,
    PACK_STMT_AWAIT,
    PACK_STMT_INSERT,
    PACK_STMT_DELETE = PACK_STMT_INSERT + PACK_TABLE_COUNT,
    PACK_STMT_SETTLE = PACK_STMT_DELETE + PACK_TABLE_COUNT,
    PACK_STMT_EXPIRE = PACK_STMT_SETTLE + PACK_TABLE_COUNT,
    PACK_STMT_COUNT = PACK_STMT_EXPIRE + PACK_TABLE_COUNT
};

struct pack_apply { /* zeroed it is ready; statements are prepared at their first use */
    sqlite3_stmt *stmts[PACK_STMT_COUNT];
};

enum pack_apply_answer { PACK_REFUSED = 1 }; /* positive: op->refused is set, the transaction is to be rolled back */
/* Within a transaction. Does nothing for an op that was refused before. */
int pack_apply(struct pack_apply *apply, sqlite3 *db, struct pack_op *op, struct err *err);
/* Before the connection is closed. */
void pack_apply_done(struct pack_apply *apply);
