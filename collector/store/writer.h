/* collector/store/writer.h - one file as its writer thread sees it: a connection, its statements, and a group at a time
 * made one transaction.
 *
 * Shape    the file is opened by the first group, or by writer_open() before; what it knows of runs and tables is a
 *          cache that a failed transaction empties
 * Threads  one caller at a time, whichever thread that is
 */
#pragma once
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "collector/store/chain.h"
#include "collector/store/group.h"
#include "collector/store/pack/apply.h"
#include "collector/store/run.h"
#include "collector/store/store.h"

enum writer_stmt {
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_BATCH,
    STMT_TABLE_FIND,
    STMT_TABLE_ADD,
    STMT_TABLE_FILL,
    STMT_TABLE_NAMED,
    STMT_MARK,
    STMT_ROW_PUT,
    STMT_ROW_DELETE = STMT_ROW_PUT + ROW_KIND_COUNT,
    STMT_COUNT = STMT_ROW_DELETE + ROW_KIND_COUNT
};

struct writer { /* zeroed but for the first four it is ready */
    char *path; /* owned by the file, as long as the writer */
    enum store_file kind;
    uint64_t tenant;
    bool unproven;  /* it could not be read: opening must prove that it can, and makes no new one in its place */
    bool unflushed; /* an attempt failed: what it left in the WAL may not be on the disk */
    sqlite3 *db;    /* NULL: not open */
    sqlite3_stmt *stmts[STMT_COUNT];
    struct runs runs;
    struct pack_apply packs;
    struct chain chain;
    struct known_table *tables;
    int wal_pages; /* in the WAL after the last commit */
};

struct written { /* by one group */
    uint64_t ticks;
    uint64_t samples;
    uint64_t bytes;
    uint64_t passed_over;    /* declarations of dropped ticks: there were too many */
    struct chain_end ledger; /* as it is on disk now; zeroed: not looked at, or broken */
    enum chain_state ledger_state;
};

/* Creates or migrates the file as needed. Opening an open one does nothing. */
int writer_open(struct writer *writer, struct err *err);
void writer_close(struct writer *writer);

/* Makes `group` durable: on 0 all of it is on disk, on failure nothing of it. */
int writer_write(struct writer *writer, const struct group *group, struct written *ret, struct err *err);

/* The end of a tenant's ledger as it is on disk, without a write. -EBADMSG: its last row is none. */
int writer_know_ledger(struct writer *writer, struct written *ret, struct err *err);

/* The next group opens the file anew, which must then prove that it can be read. */
void writer_doubt(struct writer *writer);
/* Lets the WAL start anew from its beginning. Waits for nobody: a reader in its way means another time. */
void writer_restart_wal(struct writer *writer);
